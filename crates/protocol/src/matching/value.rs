//! Values found in a record, and the bytes of one that comes in parts.
//!
//! Knows no grammar. Invariant: at most [`VALUE_BYTES_MAX`] bytes are kept of a value, and one that
//! is longer is known as too long, never taken for a shorter one.

/// Bytes of a value kept at most; a longer one is too long.
pub const VALUE_BYTES_MAX: usize = 8 << 10;

/// A value found in a record. Bytes of a text message are UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'v> {
    /// A string, unescaped, or text behind a mark.
    Text(&'v [u8]),
    /// A number as written.
    Number(&'v [u8]),
    /// `true` or `false`.
    Name(&'v [u8]),
}

impl<'v> Value<'v> {
    /// What it says.
    pub fn bytes(self) -> &'v [u8] {
        match self {
            Self::Text(bytes) | Self::Number(bytes) | Self::Name(bytes) => bytes,
        }
    }
}

/// What stands at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'v> {
    /// A value of its whole length.
    Value(Value<'v>),
    /// `null`.
    Null,
    /// An object or an array.
    Container,
    /// A string or number of more than [`VALUE_BYTES_MAX`] bytes.
    TooLong,
}

impl<'v> Found<'v> {
    /// What it is compared by.
    pub(super) fn text(self) -> Option<&'v [u8]> {
        match self {
            Self::Value(value) => Some(value.bytes()),
            Self::Null => Some(b"null"),
            Self::Container | Self::TooLong => None,
        }
    }
}

/// The start of a key or value that did not lie in one piece, unescaped.
#[derive(Clone, Debug, Default)]
pub(super) struct Token {
    bytes: Vec<u8>,
    is_too_long: bool,
}

impl Token {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.is_too_long = false;
    }

    pub(super) fn push(&mut self, part: &[u8]) {
        if self.is_too_long || part.len() > VALUE_BYTES_MAX - self.bytes.len() {
            self.is_too_long = true;
        } else {
            self.bytes.extend_from_slice(part);
        }
    }

    /// Ends it with `last`: all of it, `None` where that is too long. Nothing is copied of one that lay in one
    /// piece.
    pub(super) fn whole<'t>(&'t mut self, last: &'t [u8]) -> Option<&'t [u8]> {
        if self.bytes.is_empty() && !self.is_too_long {
            return (last.len() <= VALUE_BYTES_MAX).then_some(last);
        }
        self.push(last);
        (!self.is_too_long).then_some(&self.bytes)
    }
}
