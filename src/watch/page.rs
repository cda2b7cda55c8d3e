//! A page that must answer: Grafana, a health page.
//!
//! Invariant: what a page says is shown in one harmless line, its headers never.

use std::time::{Duration, Instant};

use super::Network;
use super::fetch::{self, Ask, Fetched};
use super::place::{self, Result, Secret, Variables};
use super::presence::{Look, Presence};
use super::source::{Reading, Source};
use super::tcp;
use crate::foreign;
use crate::lang::{Reason, Sentence};
use crate::scenario::document::Section;

/// Of a page that is shown.
const SHOWN_CHARS_MAX: usize = 80;

/// Keys of its blocks, besides those of every block.
pub(super) const KEYS: [&str; 4] = ["url", "contains", "status", "headers"];

/// A page that must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where it is.
    pub url: String,
    /// Text that it must contain.
    pub contains: Option<String>,
    /// The statuses it may have; none: any success.
    pub statuses: Vec<u16>,
    /// What its request has to say besides.
    pub headers: Vec<(String, Secret)>,
}

impl Page {
    /// Reads a block's keys; `None` if it does not say where the page is.
    pub(super) fn from_section(section: &Section<'_>, variables: Variables<'_>) -> Result<Option<Self>> {
        let Some(url) = place::url(section)? else { return Ok(None) };
        let contains = section.text("contains")?;
        if let Some(empty) = contains.as_ref().filter(|text| text.value.is_empty()) {
            return Err(section.error("contains", empty.span.clone(), "it is empty"));
        }
        Ok(Some(Self {
            url: url.into(),
            contains: contains.map(|text| text.value.to_owned()),
            statuses: section.statuses("status")?.unwrap_or_default(),
            headers: place::headers(section, variables)?,
        }))
    }

    /// Whether it may have this status.
    pub fn may_have(&self, status: u16) -> bool {
        match &self.statuses[..] {
            [] => (200..300).contains(&status),
            wanted => wanted.contains(&status),
        }
    }

    /// Begins to watch it.
    pub(super) fn open(&self, network: &Network) -> Box<dyn Source> {
        Box::new(Watching { page: self.clone(), agent: network.agent.clone(), presence: Presence::default() })
    }

    /// How long it took to answer as it must, or what is wrong with its answer.
    fn judged(&self, fetched: &Fetched) -> std::result::Result<Duration, Sentence> {
        if !self.may_have(fetched.status) {
            let status = fetched.status.to_string();
            return Err(match &fetched.location {
                Some(to) => Reason::LeadsTo.with(status).with(foreign::line(to, SHOWN_CHARS_MAX)),
                None => Reason::AnswersStatus.with(status),
            });
        }
        match &self.contains {
            Some(text) if !fetched.body.contains(text) => {
                let said = foreign::line(&fetched.body, SHOWN_CHARS_MAX);
                Err(Reason::LacksText.with(format!("{text:?}")).with(format!("{said:?}")))
            }
            _ => Ok(fetched.took),
        }
    }
}

/// A page that is watched.
struct Watching {
    page: Page,
    agent: ureq::Agent,
    presence: Presence,
}

impl Source for Watching {
    fn look(&mut self, expressions: &[&str], deadline: Instant) -> Reading {
        let Page { url, headers, .. } = &self.page;
        let (answered, look) = match fetch::get(&self.agent, Ask::page(url, headers), deadline) {
            Ok(fetched) => match self.page.judged(&fetched) {
                Ok(took) => (Ok(took), Look::Answered),
                // It is there, and says itself that it is not well.
                Err(why) => (Err(why.clone()), Look::Gone(why)),
            },
            Err(look) => (Err(look.why()), look),
        };
        tcp::reading(expressions, &answered, &mut self.presence, &look, url)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::watch::source::EventKind;

    /// Answers each connection with the next of these; the address is returned.
    fn serve(answers: &'static [&'static str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/health", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            let mut answers = answers.iter();
            for stream in listener.incoming().map_while(|stream| stream.ok()) {
                let mut lines = BufReader::new(&stream).lines().map_while(|line| line.ok());
                let is_allowed =
                    lines.by_ref().take_while(|line| !line.is_empty()).any(|line| line.ends_with("geheim"));
                let Some(answer) = answers.next() else { return };
                let answer =
                    if is_allowed { *answer } else { "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" };
                let _ = (&stream).write_all(answer.as_bytes());
            }
        });
        url
    }

    const UP: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"status\":\"UP\"}";
    const DOWN: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"status\":\n\"DOWN\"}";
    const MOVED: &str = "HTTP/1.1 302 Found\r\nLocation: /login\r\nConnection: close\r\n\r\n";

    fn watching(url: String, secret: &str) -> Box<dyn Source> {
        let headers = vec![("Authorization".to_owned(), Secret(secret.to_owned()))];
        let page = Page { url, contains: Some("UP".into()), statuses: Vec::new(), headers };
        assert!(!format!("{page:?}").contains("geheim"));
        let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None);
        page.open(&Network { tls: None, agent: config.build().into() })
    }

    fn look(source: &mut Box<dyn Source>) -> (Vec<bool>, Vec<(EventKind, String)>) {
        let reading = source.look(&["up", "ms"], Instant::now() + Duration::from_secs(5));
        let is_up =
            reading.values.iter().map(|value| value.as_ref().is_ok_and(|value| *value > 0.0)).collect();
        (is_up, reading.events.into_iter().map(|event| (event.kind, event.evidence)).collect())
    }

    #[test]
    fn a_page_is_up_if_it_says_what_it_must() {
        let mut source = watching(serve(&[UP, DOWN, MOVED, UP]), "geheim");
        assert_eq!(look(&mut source), (vec![true, true], vec![]));
        let said = "it does not contain \"UP\"; it says \"{\\\"status\\\": \\\"DOWN\\\"}\"".to_owned();
        assert_eq!(look(&mut source), (vec![false, false], vec![(EventKind::Down, said)]));
        assert_eq!(look(&mut source), (vec![false, false], vec![]));
        assert_eq!(look(&mut source), (vec![true, true], vec![(EventKind::Up, "it answers again".into())]));
    }

    #[test]
    fn what_is_wrong_is_the_evidence() {
        let down = |evidence: &str| (vec![false, false], vec![(EventKind::Down, evidence.to_owned())]);
        assert_eq!(
            look(&mut watching(serve(&[MOVED]), "geheim")),
            down("it answers 302 and leads to /login")
        );
        assert_eq!(look(&mut watching(serve(&[UP]), "other")), down("it answers 401"));
    }

    #[test]
    fn a_page_that_never_ends_is_waited_for_until_the_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let mut source = watching(url, "geheim");
        let began = Instant::now();
        let reading = source.look(&["up", "ms"], began + Duration::from_millis(200));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(reading.values[0], Ok(0.0));
        let unseen = reading.values[1].clone().expect_err("no time");
        assert!(unseen.why.to_string().ends_with("no answer within 0.2 s"), "{unseen:?}");
    }
}
