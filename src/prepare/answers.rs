//! The first answer of each kind of failure, in words.
//!
//! Knows neither members nor counts. Invariant: a text is one line, and no terminal obeys a server's part of it.

use std::collections::BTreeMap;

use crate::fault::Fault;
use crate::foreign;
use crate::lookup::advice::LEADS_ELSEWHERE;

/// The maximum number of characters of a server's own words.
const SAID_CHARS_MAX: usize = 300;

/// The first answer of each kind.
#[derive(Debug, Default)]
pub struct Answers {
    /// By the name that outcomes have it under.
    first: BTreeMap<String, Answer>,
}

#[derive(Debug)]
struct Answer {
    step: String,
    fault: Fault,
    /// The server's words, if it had any.
    said: Option<String>,
}

impl Answers {
    /// Keeps an answer, unless there is one of this reason that says something. `evidence` is what came of its body.
    pub fn note(
        &mut self,
        reason: &str,
        step: &str,
        fault: Fault,
        evidence: impl FnOnce() -> Option<String>,
    ) {
        if self.first.get(reason).is_none_or(|known| known.said.is_none()) {
            let said = evidence().and_then(|text| words_of(&text));
            self.first.insert(reason.to_owned(), Answer { step: step.to_owned(), fault, said });
        }
    }

    /// `join is refused with http-418 (teapot)`, if there was an answer of this reason.
    pub fn line(&self, reason: &str) -> Option<String> {
        let Answer { step, fault, said } = self.first.get(reason)?;
        let said = said.as_ref().map(|said| format!(" ({said})")).unwrap_or_default();
        Some(match fault {
            Fault::HttpStatus(200..=299) => format!(
                "{step} is answered with {reason}, which the scenario does not expect{said}: is --target the URL of the servers themselves, \
                 and is the scenario theirs?"
            ),
            Fault::HttpStatus(300..=399) => {
                format!("{step} is answered with {reason}{said}: {LEADS_ELSEWHERE}")
            }
            Fault::HttpStatus(_) | Fault::Named(_) => format!("{step} is refused with {reason}{said}"),
            _ => format!("{step} fails with {reason}{said}"),
        })
    }
}

/// The envelope's message, or else what there is of the body.
fn words_of(evidence: &str) -> Option<String> {
    let said = message_of(evidence).unwrap_or_else(|| foreign::line(evidence, SAID_CHARS_MAX));
    (!said.is_empty()).then_some(said)
}

/// The envelope's message, if the server's answer is one.
fn message_of(evidence: &str) -> Option<String> {
    let body = &evidence[evidence.find('{')?..];
    let json: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(foreign::line(json.pointer("/message")?.as_str()?, SAID_CHARS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_s_message_is_found_in_evidence() {
        assert_eq!(words_of("{\"message\":\"가득\"}"), Some("가득".into()));
        assert_eq!(words_of(r#"{"message":"\u001b[2JEVIL\u0007"}"#), Some("[2JEVIL".into()));
        assert_eq!(words_of("<html>\x1b[2J"), Some("<html> [2J".into()));
        assert_eq!(words_of("{cut"), Some("{cut".into()));
        assert_eq!(words_of(" \n"), None);
    }

    #[test]
    fn the_first_that_says_something_is_told() {
        let mut answers = Answers::default();
        let mut note = |reason: &str, fault, said: Option<&str>| {
            answers.note(reason, "join", fault, || said.map(String::from));
        };
        note("http-418", Fault::HttpStatus(418), None);
        note("http-418", Fault::HttpStatus(418), Some("teapot"));
        note("http-418", Fault::HttpStatus(418), Some("kettle"));
        note("http-302", Fault::HttpStatus(302), Some(""));
        note("http-204", Fault::HttpStatus(204), None);
        note("closed-early", Fault::ClosedEarly, None);
        let line = |reason| answers.line(reason).unwrap_or_default();
        assert_eq!(line("http-418"), "join is refused with http-418 (teapot)");
        assert!(line("http-302").starts_with("join is answered with http-302: the target leads elsewhere"));
        assert!(line("http-204").contains("http-204, which the scenario does not expect: is --target"));
        assert_eq!(line("closed-early"), "join fails with closed-early");
        assert_eq!(answers.line("http-500"), None);
    }
}
