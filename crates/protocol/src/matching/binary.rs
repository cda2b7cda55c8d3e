//! Places in binary records: numbers and bytes at an offset, or behind another place.
//!
//! Knows no rule. Invariant: what is found depends on the record's bytes alone, and is nothing where the
//! record ends before it.

use std::fmt;

use super::value::{Found, VALUE_BYTES_MAX, Value};

/// The furthest place at which a value may begin.
const OFFSET_MAX: usize = 64 << 10;

/// Places that one may be behind of, one after the other.
const ENDS_MAX: usize = 16;

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

/// A place at an offset from the record's start, or behind another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    from: From,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum From {
    /// An offset in bytes from the record's start.
    Start(usize),
    /// An offset in bytes from the end of another place, whose length the record says.
    End(Box<Span>, usize),
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
    #[error(
        "places in bytes are \"u32le:5\" (a number), \"bytes:5..13\", \"bytes:5..\" or \"sized:u8:5\"; for an offset may stand \
         the end of another place: \"u32le:end(sized:u8:5)\", \"bytes:end(varint:1)+2..+8\""
    )]
    Malformed,
    /// It is too far away, or too long.
    #[error("places in bytes begin at most at {OFFSET_MAX}, and have at most {BYTES_MAX} bytes")]
    TooFar,
    /// It is behind a place that ends with the record.
    #[error("nothing is behind \"bytes:5..\", which ends with the record")]
    BehindTheEnd,
    /// It is behind too many others.
    #[error("a place is behind {ENDS_MAX} others at most")]
    TooDeep,
}

impl Span {
    /// Parses `u32le:5`, `bytes:5..13`, `bytes:5..` or `sized:u8:5`; for an offset may stand `end(PLACE)` or
    /// `end(PLACE)+2`, and `..+8` for this many bytes.
    ///
    /// # Errors
    /// [`SpanError`].
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        let (kind, place) = text.split_once(':').ok_or(SpanError::Malformed)?;
        match kind {
            "bytes" => {
                let (from, to) = place.rsplit_once("..").ok_or(SpanError::Malformed)?;
                let from = From::parse(from)?;
                let len = match (to.strip_prefix('+'), &from) {
                    (Some(len), _) => Some(number(len)?),
                    (None, _) if to.is_empty() => None,
                    (None, From::Start(from)) => {
                        Some(number(to)?.checked_sub(*from).ok_or(SpanError::Malformed)?)
                    }
                    (None, From::End(..)) => return Err(SpanError::Malformed),
                };
                match len {
                    Some(0) => Err(SpanError::Malformed),
                    Some(len) if len > BYTES_MAX => Err(SpanError::TooFar),
                    len => Ok(Self { from, what: What::Bytes(len) }),
                }
            }
            "sized" => {
                let (integer, from) = place.split_once(':').ok_or(SpanError::Malformed)?;
                let integer = Integer::named(integer).ok_or(SpanError::Malformed)?;
                Ok(Self { from: From::parse(from)?, what: What::Sized(integer) })
            }
            kind => {
                let integer = Integer::named(kind).ok_or(SpanError::Malformed)?;
                Ok(Self { from: From::parse(place)?, what: What::Number(integer) })
            }
        }
    }

    /// The offset of the first place that this one is behind of, or its own.
    fn base(&self) -> usize {
        match &self.from {
            From::Start(at) => *at,
            From::End(before, _) => before.base(),
        }
    }

    /// How many others it is behind of.
    fn depth(&self) -> usize {
        match &self.from {
            From::Start(_) => 0,
            From::End(before, _) => before.depth() + 1,
        }
    }

    /// Where it begins in `bytes`, which begin at its base; `None` if that has not come.
    fn begin(&self, bytes: &[u8]) -> Option<usize> {
        match &self.from {
            From::Start(_) => Some(0),
            From::End(before, more) => before.end(bytes)?.checked_add(*more),
        }
    }

    fn end(&self, bytes: &[u8]) -> Option<usize> {
        let begin = self.begin(bytes)?;
        let own = bytes.get(begin..)?;
        let len = match self.what {
            What::Number(integer) => integer.read(own)?.1,
            What::Sized(integer) => {
                let (len, before) = integer.read(own)?;
                before.checked_add(usize::try_from(len).ok()?)?
            }
            What::Bytes(len) => len?,
        };
        begin.checked_add(len)
    }
}

impl From {
    fn parse(text: &str) -> Result<Self, SpanError> {
        let Some(rest) = text.strip_prefix("end(") else { return number(text).map(Self::Start) };
        let (before, more) = rest.rsplit_once(')').ok_or(SpanError::Malformed)?;
        let before = Span::parse(before)?;
        if before.what == What::Bytes(None) {
            return Err(SpanError::BehindTheEnd);
        }
        if before.depth() + 1 > ENDS_MAX {
            return Err(SpanError::TooDeep);
        }
        let more = match more {
            "" => 0,
            more => number(more.strip_prefix('+').ok_or(SpanError::Malformed)?)?,
        };
        Ok(Self::End(Box::new(before), more))
    }
}

/// An offset or a length.
fn number(text: &str) -> Result<usize, SpanError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(SpanError::Malformed);
    }
    text.parse::<usize>().ok().filter(|at| *at <= OFFSET_MAX).ok_or(SpanError::TooFar)
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(at) => write!(f, "{at}"),
            Self::End(before, 0) => write!(f, "end({before})"),
            Self::End(before, more) => write!(f, "end({before})+{more}"),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |integer: Integer| {
            Integer::ALL.iter().find(|(_, known)| *known == integer).map_or("", |(name, _)| *name)
        };
        match (self.what, &self.from) {
            (What::Number(integer), from) => write!(f, "{}:{from}", name(integer)),
            (What::Sized(integer), from) => write!(f, "sized:{}:{from}", name(integer)),
            (What::Bytes(Some(len)), From::Start(from)) => write!(f, "bytes:{from}..{}", from + len),
            (What::Bytes(Some(len)), from) => write!(f, "bytes:{from}..+{len}"),
            (What::Bytes(None), from) => write!(f, "bytes:{from}.."),
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
        span: &Span,
        position: usize,
        piece: &[u8],
        is_last: bool,
    ) -> Option<Found<'_>> {
        let (end, base) = (position + piece.len(), span.base());
        if self.is_over || (end < base && !is_last) {
            return None;
        }
        let part = piece.get(base.saturating_sub(position)..).unwrap_or_default();
        let before = if span.depth() == 0 { 0 } else { OFFSET_MAX };
        let room = (before + BYTES_MAX + 11).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
        let bytes = self.bytes.get(span.begin(&self.bytes)?..)?;
        let found = match span.what {
            What::Number(integer) => {
                let (number, _) = integer.read(bytes)?;
                self.text.clear();
                let _ = std::io::Write::write_fmt(&mut self.text, format_args!("{number}"));
                Found::Value(Value::Number(&self.text))
            }
            What::Sized(integer) => {
                let (len, from) = integer.read(bytes)?;
                match usize::try_from(len).ok().filter(|len| *len <= BYTES_MAX) {
                    Some(len) => Found::Value(Value::Text(bytes.get(from..from.checked_add(len)?)?)),
                    None => Found::TooLong,
                }
            }
            What::Bytes(Some(len)) => Found::Value(hex(&mut self.text, bytes.get(..len)?)),
            What::Bytes(None) if end < base || !is_last => return None,
            What::Bytes(None) if bytes.len() > BYTES_MAX => Found::TooLong,
            What::Bytes(None) => Found::Value(hex(&mut self.text, bytes)),
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
