//! Finds a few values in a JSON message without building a tree, over any split.
//!
//! Most inbound traffic is broadcasts of some 140 bytes whose `type` comes first: [`quick_text`]
//! and [`quick_integer`] read those in a few nanoseconds. Everything else goes through [`Scanner`],
//! which keeps its place between pieces and never buffers a message. Knows nothing of what the
//! values mean, and leaves UTF-8 in what it skips to [`super::websocket::Utf8Check`]. Invariant: on
//! valid JSON it finds exactly what serde_json would; nesting and captures are bounded.
//!
//! The grammar of RFC 8259 is here; `text`, `number`, `keys` and `capture` are its parts.

mod capture;
mod keys;
mod number;
mod quick;
#[cfg(test)]
mod tests;
mod text;

pub use quick::{quick_integer, quick_text};

use capture::Capture;
use keys::{KeyMatch, Level, PathIndex};
use number::Number;
use text::Escapes;

/// A place in a message whose value is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// The member of this name of the top-level object: `/type`.
    Member(String),
    /// In the top-level member `array`, an array of objects, this member of each element:
    /// `/participants/*/userId`.
    EachMember {
        /// The array's name at the top level.
        array: String,
        /// The member's name in each element.
        member: String,
    },
}

/// A value found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A string, unescaped; cut (at a character) to [`CAPTURE_BYTES_MAX`].
    Text(&'a str),
    /// A number as written.
    Number(&'a str),
    /// true, false, null, an object or an array; or a number of more than [`CAPTURE_BYTES_MAX`]
    /// digits, which would be another one if it were cut.
    Other,
}

/// Bytes of a captured string or number kept at most.
pub const CAPTURE_BYTES_MAX: usize = 64;

/// Containers open at once at most; deeper messages are refused.
pub const DEPTH_MAX: u8 = 64;

/// The message is not JSON, not an object at the top, or too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is not a JSON object that can be read")]
pub struct ScanError;

/// Reads a message in pieces and reports the values at the paths. A member that occurs twice is
/// reported twice. An object or array is reported at its end, after what is found inside.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    /// For each open container, outermost in the lowest bit, whether it is an object.
    objects: u64,
    /// What is left of true, false or null.
    literal: &'static [u8],
    /// The last top-level key, if a path names it.
    top: Option<PathIndex>,
    /// In an element, the key of the value being read, if a path names it.
    member: Option<PathIndex>,
    key: KeyMatch,
    escapes: Escapes,
    state: State,
    /// Containers open.
    depth: u8,
    /// The string or number being read is to be reported.
    wanted: bool,
    capture: Capture,
}

/// What may come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// A comma or the container's end.
    AfterValue,
    /// The colon after a key.
    Colon,
    /// White space.
    End,
    /// A value or the array's end.
    FirstElement,
    /// A key or the object's end.
    FirstKey,
    /// More of a key.
    InKey,
    /// More of true, false or null.
    InLiteral,
    /// More of a number, or what follows it.
    InNumber(Number),
    /// More of a string.
    InText,
    /// A key.
    Key,
    /// The object that is the message.
    #[default]
    Start,
    /// A value.
    Value,
}

/// The receiver of values.
type Found<'f> = &'f mut dyn FnMut(usize, Value<'_>);

impl Scanner {
    /// A scanner at the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece, calling `found(index into paths, value)` for each value that it
    /// completes. The paths have to be the same throughout a message.
    ///
    /// # Errors
    /// [`ScanError`], after which the scanner is useless.
    pub fn feed(
        &mut self,
        paths: &[Path],
        piece: &[u8],
        found: &mut dyn FnMut(usize, Value<'_>),
    ) -> Result<(), ScanError> {
        let mut rest = piece;
        while let Some(&byte) = rest.first() {
            let taken = match self.state {
                State::InKey | State::InText => self.take_string(paths, byte, rest, found)?,
                State::InNumber(number) => self.take_number(paths, number, rest, found)?,
                State::InLiteral => self.take_literal(paths, rest, found)?,
                _ => self.take_structure(paths, byte, found)?,
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Ends the message.
    ///
    /// # Errors
    /// [`ScanError`] when it is not complete.
    pub fn finish(&self) -> Result<(), ScanError> {
        if self.state == State::End { Ok(()) } else { Err(ScanError) }
    }

    /// The byte between keys and values, or the first of one.
    fn take_structure(&mut self, paths: &[Path], byte: u8, found: Found<'_>) -> Result<usize, ScanError> {
        match (self.state, byte) {
            (_, b' ' | b'\t' | b'\n' | b'\r') => {}
            (State::FirstKey | State::Key, b'"') => self.begin_key(paths),
            (State::Colon, b':') => self.state = State::Value,
            (State::FirstElement, b']') | (State::FirstKey, b'}') => self.close(paths, found),
            (State::FirstElement | State::Value, _) => return self.begin_value(paths, byte),
            (State::AfterValue, b',') => {
                self.state = if self.is_in_object() { State::Key } else { State::Value };
            }
            (State::AfterValue, b'}') if self.is_in_object() => self.close(paths, found),
            (State::AfterValue, b']') if !self.is_in_object() => self.close(paths, found),
            (State::Start, b'{') => self.open(true)?,
            _ => return Err(ScanError),
        }
        Ok(1)
    }

    /// Returns the bytes taken: none of a number.
    fn begin_value(&mut self, paths: &[Path], byte: u8) -> Result<usize, ScanError> {
        self.wanted = false;
        match byte {
            b'"' => {
                self.begin_capture(paths);
                self.state = State::InText;
            }
            b'{' | b'[' => self.open(byte == b'{')?,
            b't' => self.begin_literal(b"rue"),
            b'f' => self.begin_literal(b"alse"),
            b'n' => self.begin_literal(b"ull"),
            _ => {
                self.begin_capture(paths);
                self.state = State::InNumber(Number::default());
                return Ok(0);
            }
        }
        Ok(1)
    }

    fn begin_literal(&mut self, rest: &'static [u8]) {
        self.literal = rest;
        self.state = State::InLiteral;
    }

    fn begin_capture(&mut self, paths: &[Path]) {
        self.wanted = self.may_be_named() && paths.iter().any(|path| self.is_named_by(path, paths));
        if self.wanted {
            self.capture.clear();
        }
    }

    fn begin_key(&mut self, paths: &[Path]) {
        self.key = self.level().map_or(KeyMatch::NONE, |level| KeyMatch::new(level, paths));
        self.state = State::InKey;
    }

    /// Part of a key or of a string.
    fn take_string(
        &mut self,
        paths: &[Path],
        byte: u8,
        rest: &[u8],
        found: Found<'_>,
    ) -> Result<usize, ScanError> {
        if self.escapes.is_open() {
            if let Some(character) = self.escapes.take(byte)? {
                self.take_character(paths, character);
            }
            return Ok(1);
        }
        let len = text::plain_len(rest);
        let plain = rest.get(..len).unwrap_or_default();
        let end = rest.get(len);
        match (self.state, end) {
            (State::InKey, Some(b'"')) => {
                self.end_key(paths, plain);
                return Ok(len + 1);
            }
            (State::InKey, _) => self.match_key(paths, plain),
            _ if self.wanted => self.capture.push(plain),
            _ => {}
        }
        match end {
            Some(b'"') => self.end_text(paths, found)?,
            Some(b'\\') => self.escapes.open(),
            Some(_) => return Err(ScanError),
            None => return Ok(len),
        }
        Ok(len + 1)
    }

    fn take_character(&mut self, paths: &[Path], character: char) {
        let mut room = [0; 4];
        let bytes = character.encode_utf8(&mut room).as_bytes();
        if self.state == State::InKey {
            self.match_key(paths, bytes);
        } else if self.wanted {
            self.capture.push_whole(bytes);
        }
    }

    fn match_key(&mut self, paths: &[Path], part: &[u8]) {
        if let (true, Some(level)) = (self.key.is_possible(), self.level()) {
            self.key.take(level, paths, part);
        }
    }

    fn end_key(&mut self, paths: &[Path], part: &[u8]) {
        if let Some(level) = self.level() {
            let path = self.key.finish(level, paths, part);
            match level {
                Level::Top => self.top = path,
                Level::Element => self.member = path,
            }
        }
        self.state = State::Colon;
    }

    fn end_text(&mut self, paths: &[Path], found: Found<'_>) -> Result<(), ScanError> {
        if self.wanted {
            self.report(paths, Value::Text(self.capture.text()?), found);
        }
        self.end_value();
        Ok(())
    }

    fn take_number(
        &mut self,
        paths: &[Path],
        number: Number,
        rest: &[u8],
        found: Found<'_>,
    ) -> Result<usize, ScanError> {
        let (number, len) = number.take(rest);
        if self.wanted {
            self.capture.push(rest.get(..len).unwrap_or_default());
        }
        self.state = State::InNumber(number);
        if len == rest.len() {
            return Ok(len);
        }
        if !number.is_whole() {
            return Err(ScanError);
        }
        if self.wanted {
            let value = self.capture.uncut()?.map_or(Value::Other, Value::Number);
            self.report(paths, value, found);
        }
        self.end_value();
        Ok(len)
    }

    fn take_literal(&mut self, paths: &[Path], rest: &[u8], found: Found<'_>) -> Result<usize, ScanError> {
        let len = self.literal.len().min(rest.len());
        if self.literal.get(..len) != rest.get(..len) {
            return Err(ScanError);
        }
        self.literal = self.literal.get(len..).unwrap_or_default();
        if self.literal.is_empty() {
            self.report(paths, Value::Other, found);
            self.end_value();
        }
        Ok(len)
    }

    fn open(&mut self, object: bool) -> Result<(), ScanError> {
        if self.depth >= DEPTH_MAX {
            return Err(ScanError);
        }
        let bit = 1 << self.depth;
        self.objects = if object { self.objects | bit } else { self.objects & !bit };
        self.depth += 1;
        self.state = if object { State::FirstKey } else { State::FirstElement };
        Ok(())
    }

    fn close(&mut self, paths: &[Path], found: Found<'_>) {
        self.depth = self.depth.saturating_sub(1);
        self.report(paths, Value::Other, found);
        self.end_value();
    }

    fn end_value(&mut self) {
        // The next key would replace it, but the next element may be an array, and its values have
        // none.
        if self.depth == 3 {
            self.member = None;
        }
        self.state = if self.depth == 0 { State::End } else { State::AfterValue };
    }

    fn report(&self, paths: &[Path], value: Value<'_>, found: Found<'_>) {
        if !self.may_be_named() {
            return;
        }
        for (index, path) in paths.iter().enumerate() {
            if self.is_named_by(path, paths) {
                found(index, value);
            }
        }
    }

    fn is_in_object(&self) -> bool {
        self.objects >> self.depth.saturating_sub(1) & 1 == 1
    }

    /// Whether some path starts with the key of the value being read: most values are distinguished
    /// here.
    fn may_be_named(&self) -> bool {
        match self.depth {
            1 => self.top.is_some(),
            3 => self.member.is_some(),
            _ => false,
        }
    }

    /// Whether `path` is the place of the value being read.
    fn is_named_by(&self, path: &Path, paths: &[Path]) -> bool {
        let top = self.top.and_then(|path| path.name(Level::Top, paths));
        match (self.depth, path) {
            (1, Path::Member(name)) => top == Some(name),
            (3, Path::EachMember { array, member }) if top == Some(array) => {
                self.member.and_then(|path| path.name(Level::Element, paths)) == Some(member)
            }
            _ => false,
        }
    }

    /// Where the keys of the innermost container are, if paths reach there.
    fn level(&self) -> Option<Level> {
        /// An object in an array in an object.
        const ELEMENT: u64 = 0b101;
        match self.depth {
            1 => Some(Level::Top),
            3 if self.objects & 0b111 == ELEMENT && self.top.is_some() => Some(Level::Element),
            _ => None,
        }
    }
}
