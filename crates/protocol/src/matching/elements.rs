//! Cuts the array of a message into its elements, each a record of its own, over any split.
//!
//! Finds the array along a pointer of object keys, and passes over everything else. Keeps its place
//! between pieces and never a message. Knows no rule. Invariants: what comes out depends on the bytes
//! alone, not on their split; a message without such an array is one record, as it is; a string's
//! record is what it says, unescaped.

use memchr::memchr2;

use super::rule::{Pointer, PointerError};
use super::skip::Skip;
use super::text::{Escapes, plain_len};

/// Where the array is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elements {
    keys: Vec<String>,
}

/// What a piece of a message has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'p> {
    /// There is no array so far: a part of the message.
    Message(&'p [u8]),
    /// The array begins: what came before it is no record.
    Array,
    /// A part of an element, its last one if it `ends`.
    Element {
        /// The bytes.
        bytes: &'p [u8],
        /// The next part is of the next element.
        ends: bool,
    },
}

impl Elements {
    /// Parses `/data/events`, or the empty text: the message itself is the array.
    ///
    /// # Errors
    /// [`PointerError`].
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self { keys: Pointer::parse(text)?.tokens().to_vec() })
    }
}

/// How far a message has been cut.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    state: State,
    /// Keys that lead to where it is.
    depth: usize,
    /// Bytes of the wanted key that have come; none where it is another.
    matched: Option<usize>,
    escapes: Escapes,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// What stands before the JSON.
    #[default]
    Start,
    /// A key, or the object's end.
    Key,
    /// More of a key; behind a backslash.
    InKey(bool),
    Colon,
    Value,
    /// More of a string that nobody asks for; behind a backslash.
    OtherText(bool),
    /// More of an object or array that nobody asks for.
    Other(Skip),
    /// More of a number or name that nobody asks for.
    OtherScalar,
    AfterValue,
    /// There is no array.
    Never,
    /// An element, or the array's end.
    Element,
    InContainer(Skip),
    InText,
    InScalar,
    AfterElement,
    /// The array is over.
    Over,
}

impl Splitter {
    /// Whether the array has begun.
    pub fn has_array(&self) -> bool {
        use State::{AfterElement, Element, InContainer, InScalar, InText, Over};
        matches!(self.state, Element | InContainer(_) | InText | InScalar | AfterElement | Over)
    }

    /// Takes the next piece of a message, and hands out what is in it.
    ///
    /// # Errors
    /// Those of `out`, which end it.
    pub fn feed<E>(
        &mut self,
        elements: &Elements,
        piece: &[u8],
        out: &mut impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = piece;
        while !self.has_array() {
            if rest.is_empty() || self.state == State::Never {
                return if piece.is_empty() { Ok(()) } else { out(Part::Message(piece)) };
            }
            let taken = self.seek(elements, rest);
            rest = rest.get(taken..).unwrap_or_default();
            if self.has_array() {
                out(Part::Array)?;
            }
        }
        while !rest.is_empty() && self.state != State::Over {
            let taken = self.cut(rest, out)?;
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Goes on towards the array; the bytes taken, all of them unless the state has changed.
    fn seek(&mut self, elements: &Elements, rest: &[u8]) -> usize {
        let Some(first) = rest.first() else { return 0 };
        match self.state {
            State::Start => {
                let Some(at) = memchr2(b'{', b'[', rest) else { return rest.len() };
                self.open(rest.get(at).copied(), elements);
                return at + 1;
            }
            State::InKey(is_escaped) => return self.seek_key(is_escaped, elements, rest),
            State::OtherText(is_escaped) => {
                let (len, is_over, is_escaped) = text_end(rest, is_escaped);
                self.state = if is_over { State::AfterValue } else { State::OtherText(is_escaped) };
                return len;
            }
            State::Other(mut skip) => {
                let end = skip.take(rest);
                self.state = if end.is_some() { State::AfterValue } else { State::Other(skip) };
                return end.unwrap_or(rest.len());
            }
            State::OtherScalar => {
                let end = memchr2(b',', b'}', rest);
                if end.is_some() {
                    self.state = State::AfterValue;
                }
                return end.unwrap_or(rest.len());
            }
            _ => {}
        }
        self.state = match (self.state, first) {
            (state, b' ' | b'\t' | b'\n' | b'\r') => state,
            (State::Key, b'"') => {
                self.matched = Some(0);
                State::InKey(false)
            }
            (State::Colon, b':') => State::Value,
            (State::AfterValue, b',') => State::Key,
            (State::Value, byte) => {
                self.begin_value(*byte, elements);
                self.state
            }
            _ => State::Never,
        };
        1
    }

    /// More of a key: whether it is the wanted one. One that is written with escapes is not.
    fn seek_key(&mut self, is_escaped: bool, elements: &Elements, rest: &[u8]) -> usize {
        let wanted = elements.keys.get(self.depth).map_or(&[][..], |key| key.as_bytes());
        let (len, is_over, is_escaped) = text_end(rest, is_escaped);
        let bytes = rest.get(..len - usize::from(is_over)).unwrap_or_default();
        self.matched =
            self.matched.filter(|from| wanted.get(*from..).is_some_and(|wanted| wanted.starts_with(bytes)));
        self.matched = self.matched.map(|matched| matched + bytes.len());
        if is_over {
            self.matched = self.matched.filter(|matched| *matched == wanted.len());
            self.state = State::Colon;
        } else {
            self.state = State::InKey(is_escaped);
        }
        len
    }

    fn begin_value(&mut self, byte: u8, elements: &Elements) {
        if self.matched.is_some() {
            self.depth += 1;
            return self.open(Some(byte), elements);
        }
        self.state = match byte {
            b'"' => State::OtherText(false),
            b'{' | b'[' => State::Other(Skip::default()),
            _ => State::OtherScalar,
        };
    }

    /// What the keys so far lead to begins with this byte.
    fn open(&mut self, byte: Option<u8>, elements: &Elements) {
        self.state = match byte {
            Some(b'[') if self.depth == elements.keys.len() => State::Element,
            Some(b'{') if self.depth < elements.keys.len() => State::Key,
            _ => State::Never,
        };
    }

    /// Goes on in the array; the bytes taken.
    fn cut<E>(&mut self, rest: &[u8], out: &mut impl FnMut(Part<'_>) -> Result<(), E>) -> Result<usize, E> {
        let Some(first) = rest.first() else { return Ok(0) };
        match self.state {
            State::InContainer(skip) => self.cut_container(skip, rest, 0, out),
            State::InText => self.cut_text(rest, out),
            State::InScalar => {
                let is_end = |byte: &u8| matches!(byte, b',' | b']' | b' ' | b'\t' | b'\n' | b'\r');
                let end = rest.iter().position(is_end);
                let len = end.unwrap_or(rest.len());
                if end.is_some() {
                    self.state = State::AfterElement;
                }
                let bytes = rest.get(..len).unwrap_or_default();
                out(Part::Element { bytes, ends: end.is_some() })?;
                Ok(len)
            }
            state => {
                self.state = match (state, first) {
                    (state, b' ' | b'\t' | b'\n' | b'\r') => state,
                    (State::Element | State::AfterElement, b']') => State::Over,
                    (State::AfterElement, b',') => State::Element,
                    (State::Element, b'"') => State::InText,
                    (State::Element, b'{' | b'[') => {
                        return self.cut_container(Skip::default(), rest, 1, out);
                    }
                    (State::Element, _) => {
                        self.state = State::InScalar;
                        return Ok(0);
                    }
                    _ => State::Over,
                };
                Ok(1)
            }
        }
    }

    /// More of an object or an array, whose first bytes are its opening bracket.
    fn cut_container<E>(
        &mut self,
        mut skip: Skip,
        rest: &[u8],
        opening: usize,
        out: &mut impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let end = skip.take(rest.get(opening..).unwrap_or_default()).map(|end| opening + end);
        self.state = if end.is_some() { State::AfterElement } else { State::InContainer(skip) };
        let len = end.unwrap_or(rest.len());
        out(Part::Element { bytes: rest.get(..len).unwrap_or_default(), ends: end.is_some() })?;
        Ok(len)
    }

    /// More of a string, unescaped.
    fn cut_text<E>(
        &mut self,
        rest: &[u8],
        out: &mut impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        if self.escapes.is_open() {
            match rest.first().and_then(|byte| self.escapes.take(*byte)) {
                None => self.state = State::Over,
                Some(None) => {}
                Some(Some(character)) => {
                    let mut encoded = [0; 4];
                    let bytes = character.encode_utf8(&mut encoded).as_bytes();
                    out(Part::Element { bytes, ends: false })?;
                }
            }
            return Ok(1);
        }
        let len = plain_len(rest);
        let bytes = rest.get(..len).unwrap_or_default();
        let next = rest.get(len);
        match next {
            None => out(Part::Element { bytes, ends: false })?,
            Some(b'"') => {
                self.state = State::AfterElement;
                out(Part::Element { bytes, ends: true })?;
            }
            Some(b'\\') => {
                self.escapes.open();
                if !bytes.is_empty() {
                    out(Part::Element { bytes, ends: false })?;
                }
            }
            Some(_) => self.state = State::Over,
        }
        Ok(len + usize::from(next.is_some()))
    }
}

/// The bytes of a string up to and with its closing quote, whether that is among them, and whether they
/// end behind a backslash.
fn text_end(rest: &[u8], mut is_escaped: bool) -> (usize, bool, bool) {
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            _ if std::mem::take(&mut is_escaped) => {}
            b'\\' => is_escaped = true,
            b'"' => return (at + 1, true, false),
            _ => {}
        }
    }
    (rest.len(), false, is_escaped)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// The records of a message that comes in these pieces; one that is no array is its own.
    fn records(at: &str, pieces: &[&[u8]]) -> Vec<String> {
        let elements = Elements::parse(at).expect("a place");
        let (mut splitter, mut records, mut open) = (Splitter::default(), Vec::new(), Vec::new());
        for piece in pieces {
            let fed = splitter.feed(&elements, piece, &mut |part| {
                match part {
                    Part::Message(bytes) => open.extend_from_slice(bytes),
                    Part::Array => open.clear(),
                    Part::Element { bytes, ends } => {
                        open.extend_from_slice(bytes);
                        if ends {
                            records.push(std::mem::take(&mut open));
                        }
                    }
                }
                Ok::<(), Infallible>(())
            });
            fed.expect("nothing fails");
        }
        if !splitter.has_array() || !open.is_empty() {
            records.push(open);
        }
        records.into_iter().map(|record| String::from_utf8(record).expect("text")).collect()
    }

    #[track_caller]
    fn assert_cut(at: &str, message: &str, expected: &[&str]) {
        let bytes = message.as_bytes();
        assert_eq!(records(at, &[bytes]), expected, "{message}");
        for split in 0..=bytes.len() {
            assert_eq!(records(at, &[&bytes[..split], &bytes[split..]]), expected, "{message} at {split}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(records(at, &single), expected, "{message} byte by byte");
    }

    #[test]
    fn an_array_is_its_elements() {
        assert_cut(
            "",
            r#"[{"a":1}, {"b":[2,"]"]} ,3,true,"x y"]"#,
            &[r#"{"a":1}"#, r#"{"b":[2,"]"]}"#, "3", "true", "x y"],
        );
        assert_cut("", r#"[[1,2],[],{}]"#, &["[1,2]", "[]", "{}"]);
        assert_cut("", " [ ] ", &[]);
        assert_cut("", r#"a["{\"id\":7}","é\u00e9"]"#, &[r#"{"id":7}"#, "éé"]);
    }

    #[test]
    fn an_array_is_found_behind_other_fields() {
        let message =
            r#"{"seq":5,"x":{"events":[0]},"s":"\"events\":[","n":null,"data":{"events":[{"a":1},2]},"t":1}"#;
        assert_cut("/data/events", message, &[r#"{"a":1}"#, "2"]);
        assert_cut("/events", r#"{"event":[1],"eventss":[2],"events":[3]}"#, &["3"]);
    }

    #[test]
    fn a_message_without_the_array_is_one_record() {
        for message in [r#"{"type":"x"}"#, "hello", r#"{"events":{"0":1}}"#, r#"{"a":[1]}"#, "3", "[1]"] {
            assert_cut("/events", message, &[message]);
        }
        assert_cut("", r#"{"a":[1]}"#, &[r#"{"a":[1]}"#]);
    }

    #[test]
    fn an_element_that_does_not_end_is_a_record_too() {
        assert_cut("", r#"[1,{"a":2"#, &["1", r#"{"a":2"#]);
    }
}
