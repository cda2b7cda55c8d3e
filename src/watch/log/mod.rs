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
use crate::lang::Reason;
use crate::nearest;
use crate::scenario::document::Section;

/// Keys of its blocks, besides those of every block.
pub(super) const KEYS: [&str; 4] = [feed::KEYS[0], feed::KEYS[1], "patterns", "may_be_silent"];
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

    /// Why an expression names nothing that is looked for here, and what would.
    pub(super) fn check(&self, expression: &str) -> std::result::Result<(), String> {
        let (figure, name) = asked(expression);
        let own = self.patterns.iter().map(|(name, _)| name.as_str());
        let mut known: Vec<&str> = own.chain(BUILT_IN.iter().map(|(name, _)| *name)).collect();
        known.extend([LINES, FULL_GCS, LONGEST_FULL_GC]);
        if !known.contains(&name) {
            let hint = nearest::hint(name, &known);
            return Err(format!("no pattern has the name {name:?}{hint}; known: {}", known.join(", ")));
        }
        match (figure, name) {
            ("count", _) => Ok(()),
            (_, LONGEST_FULL_GC) => Err(format!("{LONGEST_FULL_GC} is a time and stands alone")),
            _ => Ok(()),
        }
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
            let both = counts.all(name).zip(counts.last_minute(name, now));
            both.ok_or_else(|| Unseen::new(Reason::NoPattern.with(format!("{name:?}")), ""))?
        };
        match figure {
            "rate" => self.rates.a_second(expression, all, now),
            "minute" => Ok(last_minute),
            _ => Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::watch::{Network, Spec, Watch};

    fn read(keys: &str) -> std::result::Result<Spec, String> {
        let text = format!("[[watch]]\nsource = \"log\"\nname = \"a\"\n{keys}");
        let watch = Watch::read("x.toml", &text, &|_| None, Default::default());
        watch.map(|watch| watch.sources[0].spec.clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn expressions_name_what_is_looked_for() {
        let log = "file = \"/x\"\npatterns = { slow = \"took long\" }\n";
        for expression in ["slow", "rate slow", "minute full_gcs", "longest_full_gc", "count out_of_memory"] {
            read(&format!("{log}expression = \"{expression}\"")).expect(expression);
        }
        for (keys, why) in [
            ("expression = \"broadcast_cut\"", "x.toml:6:14: "),
            ("expression = \"broadcast_cut\"", "did you mean \"broadcasts_cut\"?; known: slow, sessions_"),
            ("expression = \"a b\"", "is not NAME, count NAME"),
            ("expression = \"rate longest_full_gc\"", "is a time and stands alone"),
        ] {
            let error = read(&format!("{log}{keys}")).expect_err(keys);
            assert!(error.contains(why), "{error}");
        }
        for (keys, why) in [
            ("patterns = { a = \"b\" }", "it goes with \"file\" or \"command\""),
            ("file = \"/x\"\npatterns = { \"a b\" = \"c\" }", "x.toml:5:14: \"patterns.a b\""),
            ("file = \"/x\"\npatterns = { a = \"\" }", "not empty"),
            ("file = \"/x\"\npatterns = { lines = \"a\" }", "has a meaning already"),
        ] {
            let error = read(keys).expect_err(keys);
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_silent_log_says_nothing_unless_it_may_be_silent() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let network = Network { tls: None, agent: ureq::Agent::new_with_defaults() };
        for (more, is_measured) in [("", false), ("may_be_silent = true", true)] {
            let spec = read(&format!("file = {:?}\n{more}", file.path())).expect("it reads");
            let mut source = spec.open(&network).expect("it has figures");
            let reading = source.look(&["out_of_memory"], Instant::now() + Duration::from_secs(5));
            assert_eq!(reading.values[0].is_ok(), is_measured, "{reading:?}");
        }
    }

    #[test]
    fn out_of_memory_is_an_event_without_what_is_before_it() {
        let log = r#"command = ["sh", "-c", "echo token=geheim java.lang.OutOfMemoryError: Java heap space; exec sleep 300"]"#;
        let network = Network { tls: None, agent: ureq::Agent::new_with_defaults() };
        let mut source = read(log).expect("it reads").open(&network).expect("it has figures");
        let give_up = Instant::now() + Duration::from_secs(20);
        let events = loop {
            let reading = source.look(&["out_of_memory"], give_up);
            if reading.values[0] == Ok(1.0) {
                break reading.events;
            }
            assert!(Instant::now() < give_up && reading.events.is_empty(), "{reading:?}");
            std::thread::park_timeout(Duration::from_millis(1));
        };
        assert_eq!(events[0].kind, EventKind::OutOfMemory);
        assert_eq!(events[0].evidence, "OutOfMemoryError: Java heap space");
        assert_eq!(source.look(&["out_of_memory"], give_up).events, [], "it is said once");
    }
}
