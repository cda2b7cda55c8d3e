//! Messages that came, matched to what the session says of them.
//!
//! A message may hold several records; the session reports the kind of each as soon as that is over,
//! which may be before the message is. Knows no kind's meaning. Invariant: records are given out
//! once, in the order in which they came.

use std::collections::VecDeque;

use memchr::memmem::Finder;

use super::tap::Unit;
use crate::scenario::{MessageType, Scenario};

/// A record, and the step that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) unit: Unit,
    pub(super) label: String,
}

/// See the module's documentation.
pub(super) struct Came {
    separator: Option<Finder<'static>>,
    records: VecDeque<Record>,
    /// Kinds of records whose message is not whole yet.
    early: VecDeque<MessageType>,
}

impl Came {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let separator = scenario.websocket.as_ref().and_then(|websocket| websocket.kinds.separator.clone());
        Self { separator, records: VecDeque::new(), early: VecDeque::new() }
    }

    /// A whole message. Returns the records of it that are known already.
    pub(super) fn message(&mut self, unit: Unit, label: &str) -> Vec<(Record, MessageType)> {
        let (opcode, compressed) = (unit.opcode, unit.compressed);
        let record = |payload: &[u8]| Record {
            unit: Unit { opcode, payload: payload.to_vec(), compressed },
            label: label.to_owned(),
        };
        match &self.separator {
            None => self.records.push_back(Record { unit, label: label.to_owned() }),
            Some(separator) => {
                let mut rest = &unit.payload[..];
                while let Some(end) = separator.find(rest) {
                    self.records.push_back(record(&rest[..end]));
                    rest = &rest[end + separator.needle().len()..];
                }
                if !rest.is_empty() {
                    self.records.push_back(record(rest));
                }
            }
        }
        let known = self.early.len().min(self.records.len());
        self.records.drain(..known).zip(self.early.drain(..known)).collect()
    }

    /// The session has found the kind of the next record: that record, if it is here.
    pub(super) fn record(&mut self, kind: MessageType) -> Option<Record> {
        let record = self.records.pop_front();
        if record.is_none() {
            self.early.push_back(kind);
        }
        record
    }

    /// Those of which the session has said nothing.
    pub(super) fn rest(&mut self) -> Vec<Record> {
        self.records.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use startline_protocol::websocket::Opcode;

    use super::*;

    fn came(separator: Option<&str>) -> Came {
        let separator = separator.map(|text| Finder::new(text).into_owned());
        Came { separator, records: VecDeque::new(), early: VecDeque::new() }
    }

    fn unit(text: &str) -> Unit {
        Unit { opcode: Opcode::Text, payload: text.as_bytes().to_vec(), compressed: None }
    }

    fn text(record: &Record) -> &str {
        std::str::from_utf8(&record.unit.payload).expect("text")
    }

    #[test]
    fn a_message_is_one_record_without_a_separator() {
        let mut came = came(None);
        assert!(came.message(unit("a|b"), "open").is_empty());
        let record = came.record(MessageType(1)).expect("it is here");
        assert_eq!((text(&record), record.label.as_str()), ("a|b", "open"));
        assert!(came.rest().is_empty());
    }

    #[test]
    fn records_are_known_before_and_after_their_message_is_whole() {
        let mut came = came(Some("|"));
        // The first of three was over in an earlier fragment.
        assert_eq!(came.record(MessageType(7)), None);
        let early = came.message(unit("a|b|c|"), "");
        assert_eq!(early.len(), 1);
        assert_eq!((text(&early[0].0), early[0].1), ("a", MessageType(7)));
        assert_eq!(came.record(MessageType(8)).as_ref().map(text), Some("b"));
        assert_eq!(came.rest().iter().map(text).collect::<Vec<_>>(), ["c"]);
    }
}
