//! The slow log: how many entries came since the first look, and the latest of them as evidence.
//!
//! Invariant: of arguments only the beginning of the first one is shown, up to a colon: keys hold
//! tickets and tokens.

use jiff::Timestamp;
use redis::Value;

use crate::foreign;
use crate::watch::{Event, EventKind};

/// Entries read at a look.
pub(super) const ENTRIES_MAX: usize = 32;
/// Entries shown of a look.
const SHOWN_MAX: usize = 5;
const NAME_CHARS_MAX: usize = 40;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Slowlog {
    /// The id of the latest entry when counting began, and of the latest that was seen.
    first: Option<i64>,
    last: i64,
}

impl Slowlog {
    /// Reads the latest entries, the newest of them first; says how many came since the first look.
    /// Ids count up from 0, so that they tell even where the log has forgotten some.
    pub(super) fn read(&mut self, entries: &[Value], place: &str, events: &mut Vec<Event>) -> i64 {
        let entries: Vec<Entry> = entries.iter().filter_map(Entry::read).collect();
        let latest = entries.first().map_or(-1, |entry| entry.id);
        let Some(first) = self.first else {
            (self.first, self.last) = (Some(latest), latest);
            return 0;
        };
        // RESET leaves ids as they are, a restart begins anew; an emptied log says nothing.
        if latest >= 0 && latest < self.last {
            self.first = Some(first - self.last - 1);
            self.last = -1;
        }
        let new = entries.iter().take_while(|entry| entry.id > self.last).take(SHOWN_MAX);
        events.extend(new.map(|entry| entry.event(place)));
        self.last = self.last.max(latest);
        self.last - self.first.unwrap_or(first)
    }
}

struct Entry {
    id: i64,
    at: Timestamp,
    micros: i64,
    command: String,
}

impl Entry {
    /// `[id, seconds, microseconds, [command, argument …], …]`.
    fn read(value: &Value) -> Option<Self> {
        let Value::Array(parts) = value else { return None };
        let [Value::Int(id), Value::Int(seconds), Value::Int(micros), Value::Array(words), ..] =
            parts.as_slice()
        else {
            return None;
        };
        let word = |index: usize| match words.get(index) {
            Some(Value::BulkString(bytes)) => {
                Some(foreign::line(&String::from_utf8_lossy(bytes), NAME_CHARS_MAX))
            }
            _ => None,
        };
        let mut command = word(0)?;
        if let Some((prefix, _)) = word(1).as_deref().and_then(|key| key.split_once(':')) {
            command += &format!(" {prefix}:…");
        } else if words.len() > 1 {
            command += " …";
        }
        let at = Timestamp::from_second(*seconds).unwrap_or_else(|_| Timestamp::now());
        Some(Self { id: *id, at, micros: *micros, command })
    }

    fn event(&self, place: &str) -> Event {
        let ms = self.micros as f64 / 1000.0;
        let evidence = format!("SLOWLOG: {} took {ms:.1} ms", self.command);
        Event { at: self.at, kind: EventKind::SlowCommand, subject: place.to_owned(), evidence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: i64, words: &[&str]) -> Value {
        let words = words.iter().map(|word| Value::BulkString((*word).into())).collect();
        Value::Array(vec![Value::Int(id), Value::Int(1_000), Value::Int(12_345), Value::Array(words)])
    }

    #[test]
    fn entries_are_counted_from_the_first_look_on() {
        let (mut slowlog, mut events) = (Slowlog::default(), Vec::new());
        let mut read = |entries: &[Value]| slowlog.read(entries, "cache", &mut events);
        assert_eq!(read(&[entry(7, &["GET", "a"])]), 0);
        assert_eq!(
            read(&[entry(9, &["EVAL"]), entry(8, &["HGETALL", "ws_ticket:geheim"]), entry(7, &["GET", "a"])]),
            2
        );
        assert_eq!(read(&[]), 2, "SLOWLOG RESET");
        assert_eq!(read(&[entry(40, &["KEYS", "*"])]), 33);
        assert_eq!(read(&[entry(0, &["KEYS", "*"])]), 34, "a restart");
        let said: Vec<&str> = events.iter().map(|event| event.evidence.as_str()).collect();
        let keys = "SLOWLOG: KEYS … took 12.3 ms";
        assert_eq!(
            said,
            ["SLOWLOG: EVAL took 12.3 ms", "SLOWLOG: HGETALL ws_ticket:… took 12.3 ms", keys, keys]
        );
    }

    #[test]
    fn an_empty_log_counts_from_its_first_entry() {
        let (mut slowlog, mut events) = (Slowlog::default(), Vec::new());
        assert_eq!(slowlog.read(&[], "cache", &mut events), 0);
        assert_eq!(slowlog.read(&[entry(0, &["PING"])], "cache", &mut events), 1);
        assert_eq!(slowlog.read(&[Value::Nil, entry(0, &["PING"])], "cache", &mut events), 1, "no entry");
    }
}
