//! Messages that came, matched to what the session says of them.
//!
//! A message may hold several records; the session reports the kind of each as soon as that is over,
//! which may be before the message is. Knows no kind's meaning. Invariant: records are given out
//! once, in the order in which they came.

use std::collections::VecDeque;
use std::convert::Infallible;

use memchr::memmem::Finder;
use startline_protocol::matching::{Elements, Part, Splitter};

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
    elements: Option<Elements>,
    records: VecDeque<Record>,
    /// Kinds of records whose message is not whole yet.
    early: VecDeque<MessageType>,
}

impl Came {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let kinds = scenario.websocket.as_ref().map(|websocket| &websocket.kinds);
        let separator = kinds.and_then(|kinds| kinds.separator.clone());
        let elements = kinds.and_then(|kinds| kinds.elements.clone());
        Self { separator, elements, records: VecDeque::new(), early: VecDeque::new() }
    }

    /// A whole message. Returns the records of it that are known already.
    pub(super) fn message(&mut self, unit: Unit, label: &str) -> Vec<(Record, MessageType)> {
        let (opcode, compressed) = (unit.opcode, unit.compressed);
        let record = |payload: &[u8]| Record {
            unit: Unit { opcode, payload: payload.to_vec(), compressed },
            label: label.to_owned(),
        };
        match (&self.separator, &self.elements) {
            (None, Some(elements)) => match elements_of(elements, &unit.payload) {
                Some(elements) => self.records.extend(elements.iter().map(|element| record(element))),
                None => self.records.push_back(record(&unit.payload)),
            },
            (None, None) => self.records.push_back(Record { unit, label: label.to_owned() }),
            (Some(separator), _) => {
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

/// The elements of a message; `None` where it has no such array.
fn elements_of(elements: &Elements, message: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut splitter, mut records, mut begun) = (Splitter::default(), Vec::new(), Vec::new());
    let Ok(()) = splitter.feed(elements, message, &mut |part| {
        if let Part::Element { bytes, ends } = part {
            begun.extend_from_slice(bytes);
            if ends {
                records.push(std::mem::take(&mut begun));
            }
        }
        Ok::<(), Infallible>(())
    });
    if !begun.is_empty() {
        records.push(begun);
    }
    splitter.has_array().then_some(records)
}

#[cfg(test)]
mod tests {
    use startline_protocol::websocket::Opcode;

    use super::*;

    fn came(separator: Option<&str>) -> Came {
        let separator = separator.map(|text| Finder::new(text).into_owned());
        Came { separator, elements: None, records: VecDeque::new(), early: VecDeque::new() }
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
