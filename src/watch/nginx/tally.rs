//! The lines of an access log, counted by the questions that are asked.
//!
//! Knows no file. Invariant: lines that do not say what a question is about do not answer it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::figures::{Answer, Question};
use super::format::Format;
use super::reader::Reader;
use crate::lang::Reason;
use crate::watch::log::feed::{Origin, Tally};
use crate::watch::source::Unseen;

/// Of a hundred lines, how many may be in no known format: some clients send anything.
const UNKNOWN_PERCENT_MAX: u64 = 10;

/// The line to add. It begins as every line of nginx's own `combined`, so that other readers still read it.
const LOG_FORMAT: &str = "log_format startline '$remote_addr - $remote_user [$time_local] \"$request\" $status \
    $body_bytes_sent \"$http_referer\" \"$http_user_agent\" upstream=$upstream_addr urt=$upstream_response_time';";
/// Where the log is, on the machine of a command.
const USUAL_PATH: &str = "/var/log/nginx/access.log";

/// What the lines have come to.
#[derive(Debug)]
pub(super) struct Access {
    reader: Reader,
    /// What to add to nginx.conf, so that every question can be answered.
    directives: String,
    answers: BTreeMap<String, Answer>,
    known: u64,
    unknown: u64,
    with_upstream: u64,
    with_upstream_time: u64,
}

impl Access {
    pub(super) fn new(format: Option<Format>, origin: &Origin) -> Self {
        let (reader, answers) = (Reader::new(format), BTreeMap::new());
        let path = match origin {
            Origin::File(path) => path.display().to_string(),
            Origin::Command(_) => USUAL_PATH.to_owned(),
        };
        let directives = format!("{LOG_FORMAT} access_log {path} startline;");
        Self { reader, directives, answers, known: 0, unknown: 0, with_upstream: 0, with_upstream_time: 0 }
    }

    /// Counts for these expressions from now on.
    pub(super) fn ask(&mut self, expressions: &[&str]) {
        for expression in expressions {
            if !self.answers.contains_key(*expression)
                && let Ok(question) = Question::parse(expression)
            {
                self.answers.insert((*expression).to_owned(), Answer::to(question));
            }
        }
    }

    /// The question, and its figure.
    pub(super) fn answer(&self, expression: &str) -> Result<(Question, f64), Unseen> {
        let answer = self.answers.get(expression).ok_or_else(|| Unseen::new(Reason::NeverAsked, ""))?;
        let question = answer.question();
        if self.unknown * 100 > (self.known + self.unknown) * UNKNOWN_PERCENT_MAX {
            return Err(self.unreadable());
        }
        let lacking = |what: &str| {
            Err(Unseen::new(Reason::LogLacks.with(what), Reason::AddToNginx.with(self.directives.as_str())))
        };
        if question.needs_upstream() && self.with_upstream == 0 {
            return lacking("$upstream_addr");
        }
        if question.needs_upstream_time() && self.with_upstream_time == 0 {
            return lacking("$upstream_response_time");
        }
        let figure = answer.figure().ok_or_else(|| Unseen::early(Reason::NoLineCounts))?;
        Ok((question.clone(), figure))
    }

    fn unreadable(&self) -> Unseen {
        let of =
            |why: Reason| why.with(self.unknown.to_string()).with((self.known + self.unknown).to_string());
        match self.reader.is_given() {
            true => Unseen::new(of(Reason::NotTheFormat), Reason::CopyFormat),
            false => {
                Unseen::new(of(Reason::NoKnownFormat), Reason::GiveFormat.with(self.directives.as_str()))
            }
        }
    }
}

impl Tally for Access {
    fn take(&mut self, line: &[u8]) {
        let Self { reader, answers, with_upstream, with_upstream_time, .. } = self;
        let is_known = reader.read(line, &mut |entry| {
            *with_upstream += u64::from(entry.has_upstream);
            *with_upstream_time += u64::from(entry.has_upstream_time);
            answers.values_mut().for_each(|answer| answer.take(entry));
        });
        match is_known {
            true => self.known += 1,
            false => self.unknown += 1,
        }
    }

    fn instant(&self, line: &[u8]) -> Option<Timestamp> {
        let mut at = None;
        self.reader.read(line, &mut |entry| at = entry.at);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"127.0.0.1 - - [28/Nov/2026:20:04:00 +0000] "GET /a HTTP/1.1" 499 0 "-" "curl""#;

    fn counted(format: Option<&str>, lines: &[&str], expression: &str) -> Result<f64, Unseen> {
        let mut access = Access::new(
            format.map(|text| Format::parse(text).expect("a format")),
            &Origin::File("/logs/access.log".into()),
        );
        access.ask(&[expression]);
        lines.iter().for_each(|line| access.take(line.as_bytes()));
        access.answer(expression).map(|(_, figure)| figure)
    }

    #[test]
    fn what_the_log_lacks_has_the_line_to_add() {
        assert_eq!(counted(None, &[LINE], "count status=499"), Ok(1.0));
        for (expression, variable) in [
            ("spread status=101", "$upstream_addr"),
            ("count upstream=a:1", "$upstream_addr"),
            ("p95", "$upstream_response_time"),
        ] {
            let unseen = counted(None, &[LINE], expression).expect_err(expression);
            assert_eq!(unseen.why.to_string(), format!("the access log has no {variable}"));
            assert!(unseen.fix.to_string().contains(variable), "{unseen:?}");
            assert!(
                unseen.fix.to_string().ends_with("; access_log /logs/access.log startline;"),
                "{unseen:?}"
            );
        }
    }

    /// What is printed as the line to add is one that is then read.
    #[test]
    fn the_line_to_add_is_recognised_and_read() {
        let line = format!("{LINE} upstream=a:1, b:2 urt=0.010, 0.020");
        for format in [None, Some(LOG_FORMAT)] {
            assert_eq!(counted(format, &[&line], "mean"), Ok(30.0));
            assert_eq!(counted(format, &[&line], "count upstream=b:2"), Ok(1.0));
        }
    }

    #[test]
    fn lines_of_another_format_are_not_counted_as_nothing() {
        let garbage = "13:00 something else";
        let unseen = counted(None, &[garbage], "count status=499").expect_err("unknown");
        assert!(
            unseen.why.to_string().starts_with("1 of 1 line is in another format than combined"),
            "{unseen:?}"
        );
        let unseen = counted(Some("$status $uri"), &[LINE], "count").expect_err("another");
        assert!(
            unseen.why.to_string().contains("than log_format says")
                && unseen.fix.to_string().contains("nginx.conf"),
            "{unseen:?}"
        );
        let mut some = vec![LINE; 10];
        some.push(garbage);
        assert_eq!(counted(None, &some, "count status=499"), Ok(10.0), "a client may send anything");
    }
}
