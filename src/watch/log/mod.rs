//! Application and garbage collection logs: lines counted by name.
//!
//! [`feed`] reads a file or a command's output, [`patterns`] counts. Invariant: a log without a line says nothing,
//! unless its block says that it may be silent.

mod command;
pub mod feed;
pub mod gc;
pub mod lines;
pub mod patterns;
mod tail;
pub mod window;

use std::time::Instant;

use jiff::Timestamp;

use self::feed::{Feed, Origin, Since, Tally};
use self::patterns::{BUILT_IN, Counts, FULL_GCS, LINES, LONGEST_FULL_GC};
use super::place::Result;
use super::rate::Rates;
use super::source::{Event, EventKind, Reading, Source, Unseen};
use crate::nearest;
use crate::scenario::document::Section;

/// Keys of its blocks, besides those of every block.
pub(super) const KEYS: [&str; 4] = [feed::KEYS[0], feed::KEYS[1], "patterns", "may_be_silent"];
/// How to say where it is.
pub(super) const PLACE: &str = "give file = \"/var/log/app.log\" or command = [\"ssh\", \"web1\", …]";

/// Patterns that a block may have.
const PATTERNS_MAX: usize = 64;

/// A log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Where it comes from.
    pub origin: Origin,
    /// Texts that are looked for besides the built-in ones, by name.
    patterns: Vec<(String, String)>,
    may_be_silent: bool,
}

impl Log {
    /// Reads a block's keys; `None` if it does not say where the log is.
    pub(super) fn from_section(section: &Section<'_>) -> Result<Option<Self>> {
        let Some(origin) = Origin::from_section(section)? else {
            if let Some(key) = KEYS[2..].iter().find(|key| section.has(key)) {
                return Err(section.error(key, section.place(key), "it goes with \"file\" or \"command\""));
            }
            return Ok(None);
        };
        let mut patterns = Vec::new();
        for (name, text) in section.pairs("patterns", false)? {
            let refused =
                |why: &str| section.error(&format!("patterns.{}", name.value), name.span.clone(), why);
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if name.value.is_empty() || !name.value.chars().all(is_name) {
                return Err(refused("a pattern's name has letters, digits, _ and - only"));
            }
            if text.value.is_empty() || text.value.contains('\n') {
                return Err(refused("a pattern is text of one line, and not empty"));
            }
            if [LINES, FULL_GCS, LONGEST_FULL_GC].contains(&name.value) {
                return Err(refused("this name has a meaning already"));
            }
            patterns.push((name.value.to_owned(), text.value.to_owned()));
        }
        if patterns.len() > PATTERNS_MAX {
            let why = format!("there can be at most {PATTERNS_MAX}");
            return Err(section.error("patterns", section.place("patterns"), why));
        }
        Ok(Some(Self { origin, patterns, may_be_silent: section.flag("may_be_silent")? }))
    }

    /// Begins to read it.
    pub(super) fn open(&self, since: Since) -> Box<dyn Source> {
        Box::new(Reader {
            feed: Feed::open(self.origin.clone(), Counts::of(&self.patterns), since),
            may_be_silent: self.may_be_silent,
            name: self.origin.name(),
            rates: Rates::default(),
        })
    }
}

/// What an expression asks for: `NAME`, `count NAME`, `rate NAME`, `minute NAME`.
fn asked(expression: &str) -> (&str, &str) {
    expression.split_once(' ').map_or(("count", expression), |(figure, name)| (figure, name.trim()))
}

/// Why an expression makes no sense to a log, and what would. Names of patterns are not known here.
pub(super) fn check(expression: &str) -> std::result::Result<(), String> {
    let (figure, name) = asked(expression);
    match figure {
        "count" | "rate" | "minute" if !name.is_empty() && !name.contains(' ') => Ok(()),
        _ => Err(format!(
            "{expression:?} is not NAME, count NAME, rate NAME (a second) or minute NAME (in the last minute), \
             where NAME is a pattern's, {LINES}, {FULL_GCS} or {LONGEST_FULL_GC}"
        )),
    }
}

impl Tally for Counts {
    fn take(&mut self, line: &[u8]) {
        self.take(line, Instant::now());
    }

    fn instant(&self, line: &[u8]) -> Option<Timestamp> {
        window::leading_instant(line)
    }
}

/// A log that is read.
struct Reader {
    feed: Feed<Counts>,
    may_be_silent: bool,
    name: String,
    rates: Rates,
}

impl Source for Reader {
    fn look(&mut self, expressions: &[&str], deadline: Instant) -> Reading {
        let (seen, event) = self.feed.look(deadline);
        let mut reading = Reading { events: event.into_iter().collect(), ..Reading::default() };
        let out_of_memory = self.feed.counted().tally.out_of_memory();
        reading.events.extend(out_of_memory.map(|evidence| Event {
            at: Timestamp::now(),
            kind: EventKind::OutOfMemory,
            subject: self.name.clone(),
            evidence,
        }));
        let silence = self.feed.silence().filter(|_| !self.may_be_silent);
        let unseen = seen.err().or(silence);
        for expression in expressions {
            let value = match &unseen {
                Some(unseen) => Err(unseen.clone()),
                None => self.figure(expression),
            };
            reading.values.push(value);
        }
        reading
    }
}

impl Reader {
    fn figure(&mut self, expression: &str) -> std::result::Result<f64, Unseen> {
        let now = Instant::now();
        let (figure, name) = asked(expression);
        let (all, last_minute) = {
            let counts = &self.feed.counted().tally;
            if name == LONGEST_FULL_GC {
                return Ok(counts.longest_full_gc_ms());
            }
            counts.all(name).zip(counts.last_minute(name, now)).ok_or_else(|| unknown(name))?
        };
        match figure {
            "rate" => self.rates.a_second(expression, all, now),
            "minute" => Ok(last_minute),
            _ => Ok(all),
        }
    }
}

fn unknown(name: &str) -> Unseen {
    let mut known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    known.extend([LINES, FULL_GCS, LONGEST_FULL_GC]);
    let hint = nearest::hint(name, &known);
    Unseen::new(
        format!("no pattern has the name {name:?}{hint}"),
        format!("add patterns = {{ {name} = \"…\" }}"),
    )
}
