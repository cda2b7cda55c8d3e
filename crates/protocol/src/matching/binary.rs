//! Places in binary records: numbers and bytes at an offset.
//!
//! Knows no rule. Invariant: what is found depends on the record's bytes alone, and is nothing where the
//! record ends before it.

use std::fmt;

use super::value::{Found, VALUE_BYTES_MAX, Value};

/// The furthest place at which a value may begin.
const OFFSET_MAX: usize = 64 << 10;

/// Bytes that are kept of a value: as hexadecimal digits they are twice as many.
const BYTES_MAX: usize = VALUE_BYTES_MAX / 2;

/// How an unsigned number stands in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integer {
    /// In this number of bytes, the most significant first.
    Big(u8),
    /// In this number of bytes, the least significant first.
    Little(u8),
    /// Seven bits a byte, the least significant first; all but the last have the high bit set (protobuf,
    /// MQTT, LEB128).
    Varint,
}

impl Integer {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("u8", Self::Big(1)),
        ("u16", Self::Big(2)),
        ("u32", Self::Big(4)),
        ("u64", Self::Big(8)),
        ("u16le", Self::Little(2)),
        ("u32le", Self::Little(4)),
        ("u64le", Self::Little(8)),
        ("varint", Self::Varint),
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, integer)| *integer)
    }

    /// The number that `bytes` begin with, and its length; `None` if it is incomplete, or over 64 bits.
    pub fn read(self, bytes: &[u8]) -> Option<(u64, usize)> {
        match self {
            Self::Big(len) => {
                let bytes = bytes.get(..usize::from(len))?;
                Some((bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), bytes.len()))
            }
            Self::Little(len) => {
                let bytes = bytes.get(..usize::from(len))?;
                Some((bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), bytes.len()))
            }
            Self::Varint => {
                let len = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
                let digits = bytes.get(..len)?.iter().rev().map(|byte| u128::from(byte & 0x7f));
                let number = digits.fold(0u128, |sum, digit| sum << 7 | digit);
                Some((u64::try_from(number).ok()?, len))
            }
        }
    }

    /// Appends a number; of one that does not fit, its lowest bits.
    pub fn write(self, number: u64, out: &mut Vec<u8>) {
        match self {
            Self::Big(len) => {
                let bytes = number.to_be_bytes();
                out.extend_from_slice(bytes.get(bytes.len() - usize::from(len)..).unwrap_or_default());
            }
            Self::Little(len) => {
                out.extend_from_slice(number.to_le_bytes().get(..usize::from(len)).unwrap_or_default());
            }
            Self::Varint => {
                let mut left = number;
                while left >= 0x80 {
                    out.push(left as u8 | 0x80);
                    left >>= 7;
                }
                out.push(left as u8);
            }
        }
    }
}

/// A place at an offset from the record's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    from: usize,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// A number, in decimal.
    Number(Integer),
    /// As many bytes as a number before them says.
    Sized(Integer),
    /// This number of bytes, or all up to the record's end, as hexadecimal digits.
    Bytes(Option<usize>),
}

/// The text names no such place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It is something else.
    #[error("places in bytes are \"u32le:5\" (a number), \"bytes:5..13\", \"bytes:5..\" or \"sized:u8:5\"")]
    Malformed,
    /// It is too far away, or too long.
    #[error("places in bytes begin at most at {OFFSET_MAX}, and have at most {BYTES_MAX} bytes")]
    TooFar,
}

impl Span {
    /// Parses `u32le:5`, `bytes:5..13`, `bytes:5..` or `sized:u8:5`.
    ///
    /// # Errors
    /// [`SpanError`].
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        let (kind, place) = text.split_once(':').ok_or(SpanError::Malformed)?;
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if !is_number {
                return Err(SpanError::Malformed);
            }
            text.parse::<usize>().ok().filter(|at| *at <= OFFSET_MAX).ok_or(SpanError::TooFar)
        };
        let (from, what) = match kind {
            "bytes" => {
                let (from, to) = place.split_once("..").ok_or(SpanError::Malformed)?;
                let from = number(from)?;
                let len = match to {
                    "" => None,
                    to => Some(number(to)?.checked_sub(from).filter(|len| *len > 0)),
                };
                match len {
                    Some(None) => return Err(SpanError::Malformed),
                    Some(Some(len)) if len > BYTES_MAX => return Err(SpanError::TooFar),
                    len => (from, What::Bytes(len.flatten())),
                }
            }
            "sized" => {
                let (integer, from) = place.split_once(':').ok_or(SpanError::Malformed)?;
                let integer = Integer::named(integer).ok_or(SpanError::Malformed)?;
                (number(from)?, What::Sized(integer))
            }
            kind => (number(place)?, What::Number(Integer::named(kind).ok_or(SpanError::Malformed)?)),
        };
        Ok(Self { from, what })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |integer: Integer| {
            Integer::ALL.iter().find(|(_, known)| *known == integer).map_or("", |(name, _)| *name)
        };
        match self.what {
            What::Number(integer) => write!(f, "{}:{}", name(integer), self.from),
            What::Sized(integer) => write!(f, "sized:{}:{}", name(integer), self.from),
            What::Bytes(Some(len)) => write!(f, "bytes:{}..{}", self.from, self.from + len),
            What::Bytes(None) => write!(f, "bytes:{}..", self.from),
        }
    }
}

/// The bytes at a [`Span`] as far as they have come.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    text: Vec<u8>,
    is_over: bool,
}

impl Gathered {
    pub(super) fn begin(&mut self) {
        self.bytes.clear();
        self.is_over = false;
    }

    /// Takes a piece of the record that begins at `position`; what is found, as soon as that is certain.
    pub(super) fn take(
        &mut self,
        span: Span,
        position: usize,
        piece: &[u8],
        is_last: bool,
    ) -> Option<Found<'_>> {
        let end = position + piece.len();
        if self.is_over || (end < span.from && !is_last) {
            return None;
        }
        let part = piece.get(span.from.saturating_sub(position)..).unwrap_or_default();
        let room = (BYTES_MAX + 11).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
        let found = match span.what {
            What::Number(integer) => {
                let (number, _) = integer.read(&self.bytes)?;
                self.text.clear();
                let _ = std::io::Write::write_fmt(&mut self.text, format_args!("{number}"));
                Found::Value(Value::Number(&self.text))
            }
            What::Sized(integer) => {
                let (len, from) = integer.read(&self.bytes)?;
                match usize::try_from(len).ok().filter(|len| *len <= BYTES_MAX) {
                    Some(len) => Found::Value(Value::Text(self.bytes.get(from..from.checked_add(len)?)?)),
                    None => Found::TooLong,
                }
            }
            What::Bytes(Some(len)) => Found::Value(hex(&mut self.text, self.bytes.get(..len)?)),
            What::Bytes(None) if end < span.from || !is_last => return None,
            What::Bytes(None) if self.bytes.len() > BYTES_MAX => Found::TooLong,
            What::Bytes(None) => Found::Value(hex(&mut self.text, &self.bytes)),
        };
        self.is_over = true;
        Some(found)
    }
}

/// Bytes as hexadecimal digits.
fn hex<'t>(text: &'t mut Vec<u8>, bytes: &[u8]) -> Value<'t> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.clear();
    for byte in bytes {
        text.extend(
            [byte >> 4, byte & 15].map(|digit| DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0')),
        );
    }
    Value::Text(text)
}
