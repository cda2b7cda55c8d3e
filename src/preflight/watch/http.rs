//! Checks whether a watched page answers as it should.

use std::time::Duration;

use crate::checks::{Check, Figure, Fix, Verdict};
use crate::preflight::format::{clean, micros, ms};
use crate::watch::page::Page;

const ID: &str = "watch-http";

/// What a page answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// What there is of its body.
    pub body: String,
    /// How long it took.
    pub took: Duration,
}

/// The check, if it was not made.
pub fn skipped(name: &str, page: &Page, cause: &str) -> Check {
    Check::skipped(ID, name.to_owned(), Figure::words(need(page)), cause)
}

/// Judges an answer, or the reason for none.
pub fn check(name: &str, page: &Page, answer: &Result<Answer, String>) -> Check {
    let title = name.to_owned();
    let need = Figure::words(need(page));
    let curl = || vec![Fix::command("shows what answers", format!("curl -v '{}'", page.url))];
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => {
            let check = Check::ok(ID, title, Figure::words("no answer"), need);
            return check.but(Verdict::Fail, format!("{}: {}", page.url, clean(why)), curl());
        }
    };
    let reading = micros(answer.took, format!("{} in {}", answer.status, ms(answer.took)));
    let check = Check::ok(ID, title, reading, need);
    if !page.may_have(answer.status) {
        return match &answer.location {
            Some(location) => check.but(
                Verdict::Fail,
                format!("{} redirects to {}", page.url, clean(location)),
                vec![Fix::advice("give the URL that it redirects to, or the expected status: status = 302")],
            ),
            None => check.but(Verdict::Fail, format!("{} answers {}", page.url, answer.status), curl()),
        };
    }
    match &page.contains {
        Some(wanted) if !answer.body.contains(wanted) => {
            let body = if answer.body.trim().is_empty() { "nothing".to_owned() } else { clean(&answer.body) };
            check.but(
                Verdict::Fail,
                format!("{} does not contain {wanted:?}; it says {body}", page.url),
                curl(),
            )
        }
        _ => check,
    }
}

fn need(page: &Page) -> String {
    let status = match &page.statuses[..] {
        [] => "any success".to_owned(),
        wanted => wanted.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
    };
    match &page.contains {
        Some(text) => format!("{status}, with {text:?} in it"),
        None => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(statuses: &[u16], contains: Option<&str>) -> Page {
        Page {
            url: "http://g/".into(),
            contains: contains.map(String::from),
            statuses: statuses.into(),
            headers: Vec::new(),
        }
    }

    fn answer(status: u16, body: &str) -> Result<Answer, String> {
        Ok(Answer { status, location: None, body: body.into(), took: Duration::from_millis(3) })
    }

    #[test]
    fn status_and_text_have_to_be_right() {
        let verdict = |page: &Page, answer: &Result<Answer, String>| check("grafana", page, answer).verdict;
        assert_eq!(verdict(&page(&[], None), &answer(204, "")), Verdict::Ok);
        assert_eq!(verdict(&page(&[], None), &answer(404, "")), Verdict::Fail);
        assert_eq!(verdict(&page(&[401], None), &answer(401, "")), Verdict::Ok);
        assert_eq!(verdict(&page(&[401], None), &answer(200, "")), Verdict::Fail);
        assert_eq!(verdict(&page(&[], Some("ok")), &answer(200, "is ok")), Verdict::Ok);
        let wrong = check("grafana", &page(&[], Some("UP")), &answer(200, "{\"status\":\n\"DOWN\"}"));
        assert_eq!(wrong.verdict, Verdict::Fail);
        assert_eq!(
            wrong.why.as_deref(),
            Some("http://g/ does not contain \"UP\"; it says {\"status\": \"DOWN\"}")
        );
        assert_eq!(wrong.reading.text, "200 in 3.00 ms");
    }

    #[test]
    fn a_redirect_says_where_to() {
        let moved = Answer { location: Some("/login".into()), ..answer(302, "").expect("one") };
        let check = check("grafana", &page(&[], None), &Ok(moved));
        assert_eq!(check.why.as_deref(), Some("http://g/ redirects to /login"));
    }

    #[test]
    fn no_answer_fails() {
        let check = check("grafana", &page(&[], None), &Err("connection refused".into()));
        assert_eq!(
            (check.verdict, check.why.as_deref()),
            (Verdict::Fail, Some("http://g/: connection refused"))
        );
        assert_eq!(check.fixes[0].command.as_deref(), Some("curl -v 'http://g/'"));
    }
}
