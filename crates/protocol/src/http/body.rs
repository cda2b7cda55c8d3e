//! Bodies: cutting them out of the stream by length, by chunks or by the connection's end.
//!
//! Keeps no body byte: they go to whoever reads, framing removed. Chunk extensions and trailers are
//! dropped. Invariant: 24 bytes of state, whatever the body; counters are u64 and cannot wrap.

use super::{HttpError, Progress};

/// A chunk-size line, extensions included. They carry nothing for us, so a long one is an attack.
const SIZE_LINE_BYTES_MAX: u16 = 4096;

/// All trailer fields together.
const TRAILER_BYTES_MAX: u16 = 16 << 10;

/// What ends a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Chunked(Chunks),
    /// This many bytes are still to come.
    Length(u64),
    /// It lasts as long as the connection.
    UntilEnd,
}

impl Framing {
    /// Takes the body's part of `bytes`, calling `keep` for the body bytes among them.
    pub(super) fn take(&mut self, bytes: &[u8], keep: &mut dyn FnMut(&[u8])) -> Result<Progress, HttpError> {
        match self {
            Self::Chunked(chunks) => chunks.take(bytes, keep),
            Self::Length(left) => {
                let consumed = take_some(left, bytes, keep);
                Ok(Progress { consumed, complete: *left == 0 })
            }
            Self::UntilEnd => {
                keep(bytes);
                Ok(Progress { consumed: bytes.len(), complete: false })
            }
        }
    }
}

/// Hands over at most `left` of `bytes`; returns how many.
fn take_some(left: &mut u64, bytes: &[u8], keep: &mut dyn FnMut(&[u8])) -> usize {
    // A length over usize is over bytes.len() too.
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    keep(bytes.get(..count).unwrap_or_default());
    *left -= count as u64;
    count
}

/// The place in a chunked body (RFC 9112, 7.1). Its lines end in CR LF: a bare LF, which some
/// accept and others do not, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    /// Of the chunk: the size as read so far, then what is still to come of it.
    left: u64,
    /// Of the size line with the line end before it, or of all trailers: bytes so far.
    line_bytes: u16,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the size's first digit.
    SizeStart,
    /// After a digit.
    Size,
    /// In white space after the size, which some senders pad it with.
    SizePadding,
    /// In extensions.
    Extension,
    /// After the size line's CR.
    SizeCr,
    /// In the chunk's bytes.
    Data,
    /// After them.
    DataEnd,
    /// After the CR that follows them.
    DataCr,
    /// At the start of a trailer line or of the last, empty one.
    TrailerStart,
    /// In a trailer field.
    Trailer,
    /// After a trailer field's CR.
    TrailerCr,
    /// After the last CR.
    LastCr,
    /// After the last LF.
    End,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self { left: 0, line_bytes: 0, place: Place::SizeStart }
    }

    fn take(&mut self, bytes: &[u8], keep: &mut dyn FnMut(&[u8])) -> Result<Progress, HttpError> {
        let mut consumed = 0;
        while let Some(rest @ [byte, ..]) = bytes.get(consumed..) {
            if self.place == Place::Data {
                consumed += take_some(&mut self.left, rest, keep);
                if self.left == 0 {
                    self.place = Place::DataEnd;
                }
                continue;
            }
            consumed += 1;
            self.step(*byte)?;
            if self.place == Place::End {
                return Ok(Progress { consumed, complete: true });
            }
        }
        Ok(Progress { consumed, complete: false })
    }

    /// Moves over one byte of framing.
    fn step(&mut self, byte: u8) -> Result<(), HttpError> {
        self.count_line_byte()?;
        self.place = match (self.place, byte) {
            (Place::SizeStart | Place::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.push_digit(byte)?
            }
            (Place::Size | Place::SizePadding, b' ' | b'\t') => Place::SizePadding,
            (Place::Size | Place::SizePadding, b';') => Place::Extension,
            (Place::Size | Place::SizePadding | Place::Extension, b'\r') => Place::SizeCr,
            (Place::Extension, b'\n') => return Err(HttpError::Framing),
            (Place::Extension, _) => Place::Extension,
            (Place::SizeCr, b'\n') => self.end_size_line(),
            (Place::DataEnd, b'\r') => Place::DataCr,
            (Place::DataCr, b'\n') => Place::SizeStart,
            (Place::TrailerStart, b'\r') => Place::LastCr,
            (Place::Trailer, b'\r') => Place::TrailerCr,
            (Place::TrailerStart | Place::Trailer, b'\n') => return Err(HttpError::Framing),
            (Place::TrailerStart | Place::Trailer, _) => Place::Trailer,
            (Place::TrailerCr, b'\n') => Place::TrailerStart,
            (Place::LastCr, b'\n') => Place::End,
            _ => return Err(HttpError::Framing),
        };
        Ok(())
    }

    fn count_line_byte(&mut self) -> Result<(), HttpError> {
        let max = match self.place {
            Place::TrailerStart | Place::Trailer | Place::TrailerCr | Place::LastCr => TRAILER_BYTES_MAX,
            _ => SIZE_LINE_BYTES_MAX,
        };
        if self.line_bytes >= max {
            return Err(HttpError::Framing);
        }
        self.line_bytes += 1;
        Ok(())
    }

    fn push_digit(&mut self, digit: u8) -> Result<Place, HttpError> {
        let value = (digit as char).to_digit(16).map_or(0, u64::from);
        let high = self.left.checked_mul(16).ok_or(HttpError::Framing)?;
        self.left = high | value;
        Ok(Place::Size)
    }

    fn end_size_line(&mut self) -> Place {
        self.line_bytes = 0;
        if self.left == 0 { Place::TrailerStart } else { Place::Data }
    }
}
