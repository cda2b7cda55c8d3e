//! nginx: its `stub_status` page, and its access log.
//!
//! One source for both, so that a block says what it wants and not where from. Invariant: a figure that the log's
//! format cannot give is not measured, and its fix is the `log_format` line to add.

pub mod entry;
pub mod figures;
pub mod format;
pub mod reader;
pub mod stub_status;
mod tally;

use std::time::Instant;

use self::figures::{Figure, Question};
use self::format::Format;
use self::stub_status::StubStatus;
use self::tally::Access;
use super::Network;
use super::fetch::{self, Ask, Fetched};
use super::log::feed::{self, Feed, Origin, Since};
use super::place::{self, Result, Secret, Variables};
use super::presence::{Look, Presence};
use super::rate::Rates;
use super::source::{Reading, Source, Unseen};
use crate::foreign;
use crate::lang::{Lang, Reason};
use crate::scenario::document::Section;

/// Keys of its blocks, besides those of every block.
pub(super) const KEYS: [&str; 5] = ["url", "headers", "log_format", feed::KEYS[0], feed::KEYS[1]];
/// What gives nginx the page.
const STUB_STATUS: &str = "location = /stub_status { stub_status; allow THIS_MACHINE; deny all; }";

/// Of a page that is not what it should be.
const SHOWN_CHARS_MAX: usize = 80;

/// An nginx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nginx {
    /// Its `stub_status` page.
    pub url: Option<String>,
    headers: Vec<(String, Secret)>,
    /// Its access log.
    pub log: Option<Origin>,
    /// The format of the log; none: it is recognised.
    format: Option<Format>,
}

impl Nginx {
    /// Reads a block's keys; `None` if it does not say where nginx is.
    pub(super) fn from_section(section: &Section<'_>, variables: Variables<'_>) -> Result<Option<Self>> {
        let (url, log) = (place::url(section)?, Origin::from_section(section)?);
        if let Some(key) = ["headers"].into_iter().find(|key| section.has(key) && url.is_none()) {
            return Err(section.error(key, section.place(key), "it goes with \"url\""));
        }
        let format = match section.text("log_format")? {
            Some(text) if log.is_none() => {
                return Err(section.error("log_format", text.span, "it goes with \"file\" or \"command\""));
            }
            Some(text) => {
                let format = Format::parse(text.value);
                Some(format.map_err(|why| section.error("log_format", text.span, why))?)
            }
            None => None,
        };
        if url.is_none() && log.is_none() {
            return Ok(None);
        }
        let headers = place::headers(section, variables)?;
        Ok(Some(Self { url: url.map(String::from), headers, log, format }))
    }

    /// Where it is, without secrets.
    pub fn place(&self) -> String {
        self.url.clone().or_else(|| self.log.as_ref().map(Origin::name)).unwrap_or_default()
    }

    /// Why an expression has no place here to be read from, and what to add.
    pub(super) fn check(&self, expression: &str) -> std::result::Result<(), String> {
        match (stub_status::FIGURES.contains(&expression), &self.url, &self.log) {
            (true, None, _) => {
                Err(format!("it is read from the stub_status page: {}", Lang::En.word(Reason::AddPage)))
            }
            (false, _, None) => {
                Err(format!("it is read from the access log: {}", Lang::En.word(Reason::AddLog)))
            }
            _ => Ok(()),
        }
    }

    /// Begins to watch it.
    pub(super) fn open(&self, network: &Network, since: Since) -> Box<dyn Source> {
        Box::new(Watching {
            at: self.clone(),
            agent: network.agent.clone(),
            feed: self
                .log
                .as_ref()
                .map(|origin| Feed::open(origin.clone(), Access::new(self.format.clone(), origin), since)),
            presence: Presence::default(),
            rates: Rates::default(),
            dropped_before: None,
        })
    }
}

/// Why an expression makes no sense to nginx, and what would.
pub(super) fn check(expression: &str) -> std::result::Result<(), String> {
    if stub_status::FIGURES.contains(&expression) {
        return Ok(());
    }
    Question::parse(expression)
        .map(drop)
        .map_err(|why| format!("{why}; or one of stub_status: {}", stub_status::FIGURES.join(", ")))
}

/// An nginx that is watched.
struct Watching {
    at: Nginx,
    agent: ureq::Agent,
    feed: Option<Feed<Access>>,
    presence: Presence,
    rates: Rates,
    /// Connections that it had dropped before the run.
    dropped_before: Option<f64>,
}

impl Source for Watching {
    fn look(&mut self, expressions: &[&str], deadline: Instant) -> Reading {
        let mut reading = Reading::default();
        let wants_page = expressions.iter().any(|expression| stub_status::FIGURES.contains(expression));
        let page = if wants_page {
            self.page(&mut reading, deadline)
        } else {
            Err(Unseen::early(Reason::NeverAsked))
        };
        if let Some(feed) = &mut self.feed {
            feed.counted().tally.ask(expressions);
        }
        let log = self.feed.as_mut().map(|feed| {
            let (seen, event) = feed.look(deadline);
            reading.events.extend(event);
            seen
        });
        for expression in expressions {
            let value = if stub_status::FIGURES.contains(expression) {
                page.clone().and_then(|page| self.status(expression, page))
            } else {
                match &log {
                    Some(Ok(())) => self.answer(expression),
                    Some(Err(unseen)) => Err(unseen.clone()),
                    None => Err(Unseen::new(Reason::NoAccessLog, Reason::AddLog)),
                }
            };
            reading.values.push(value);
        }
        reading
    }

    fn is_late(&self, expression: &str) -> bool {
        Question::parse(expression).is_ok_and(|question| question.is_of_upgrades())
    }
}

impl Watching {
    fn page(&mut self, reading: &mut Reading, deadline: Instant) -> std::result::Result<StubStatus, Unseen> {
        let Some(url) = &self.at.url else {
            return Err(Unseen::new(Reason::NoStubStatus, Reason::AddPage));
        };
        let fetched = fetch::get(&self.agent, Ask::page(url, &self.at.headers), deadline);
        let look = fetched.as_ref().map_or_else(Clone::clone, |_| Look::Answered);
        reading.events.extend(self.presence.after(&look, url));
        let fix = || Reason::AddToNginx.with(STUB_STATUS);
        let at = |why: Reason| why.with(url.as_str());
        match fetched {
            Err(look) => Err(Unseen::new(at(Reason::Place).with(look.why()), "")),
            Ok(Fetched { status: 200, body, .. }) => StubStatus::read(&body).ok_or_else(|| {
                let body = foreign::line(&body, SHOWN_CHARS_MAX);
                Unseen::new(at(Reason::NotStubStatus).with(format!("{body:?}")), fix())
            }),
            Ok(Fetched { status, .. }) => {
                Err(Unseen::new(at(Reason::Answers).with(status.to_string()), fix()))
            }
        }
    }

    fn status(&mut self, name: &str, page: StubStatus) -> std::result::Result<f64, Unseen> {
        let shown = page.figure(name).ok_or_else(|| Unseen::new(Reason::NoSuchFigure, ""))?;
        if stub_status::is_rate(name) {
            return self.rates.a_second(name, shown, Instant::now());
        }
        if name != "dropped" {
            return Ok(shown);
        }
        let before = self.dropped_before.get_or_insert(shown);
        *before = before.min(shown);
        Ok(shown - *before)
    }

    fn answer(&mut self, expression: &str) -> std::result::Result<f64, Unseen> {
        let Some(feed) = &self.feed else { return Err(Unseen::early("")) };
        if let Some(silence) = feed.silence() {
            return Err(silence);
        }
        let (question, figure) = feed.counted().tally.answer(expression)?;
        match question.figure {
            Figure::Rate => self.rates.a_second(expression, figure, Instant::now()),
            _ => Ok(figure),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crate::lang::Reason;
    use crate::watch::file::Given;
    use crate::watch::{Network, Spec, Watch};

    fn read(keys: &str) -> Result<Spec, String> {
        let text = format!("[[watch]]\nsource = \"nginx\"\nname = \"a\"\n{keys}");
        let watch = Watch::read("x.toml", &text, &|_| None, Default::default());
        watch.map(|watch| watch.sources[0].spec.clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_block_names_a_page_a_log_or_both() {
        let both = read("url = \"http://x/s\"\ncommand = [\"ssh\", \"web1\"]\nlog_format = \"$status $uri\"");
        assert_eq!(both.expect("it reads").place(), "http://x/s");
        assert_eq!(read("file = \"/x.log\"\nexpression = \"p95\"").expect("it reads").place(), "/x.log");
        for (keys, why) in [
            ("", "it does not say where it is: give url"),
            ("file = \"/x\"\ncommand = [\"ssh\"]", "x.toml:5:11: \"command\""),
            ("command = []", "x.toml:4:11: \"command\" in [[watch]] of source \"nginx\": it is empty: write"),
            ("url = \"http://x/\"\nlog_format = \"$status\"", "it goes with \"file\" or \"command\""),
            ("file = \"/x\"\nlog_format = \"combined\"", "x.toml:5:14: \"log_format\""),
            ("file = \"/x\"\nheaders = { A = \"b\" }", "it goes with \"url\""),
            ("file = \"/x\"\nexpression = \"active\"", "it is read from the stub_status page: add url"),
            ("url = \"http://x/\"\nexpression = \"count\"", "x.toml:5:14: \"expression\""),
            ("url = \"http://x/\"\nexpression = \"p96\"", "or one of stub_status: active, accepts"),
            ("url = \"http://me:pw@x/\"", "do not belong in a file"),
        ] {
            let error = read(keys).expect_err(keys);
            assert!(error.contains(why), "{error}");
        }
    }
    /// The built-in set asks for all that it would like to know.
    #[test]
    fn an_item_of_the_set_that_nobody_can_answer_is_not_measured() {
        let block = |keys: &str| format!("[[watch]]\nsource = \"nginx\"\nname = \"a\"\n{keys}\n");
        let given = [read("url = \"http://127.0.0.1:1/\"").expect("it reads")];
        let given = Given { sources: &given, may_be_absent: true };
        let set = Watch::read("set", &block("expression = \"count\""), &|_| None, given).expect("it reads");
        let network = Network { tls: None, agent: ureq::Agent::new_with_defaults() };
        let mut source = set.sources[0].spec.open(&network).expect("it has figures");
        let reading = source.look(&["count"], Instant::now() + Duration::from_secs(5));
        let unseen = reading.values[0].clone().expect_err("no log");
        assert_eq!((unseen.why, unseen.fix), (Reason::NoAccessLog.into(), Reason::AddLog.into()));
    }
}
