//! Messages out of frames: which frame may follow, how long a message may get, whether its text is
//! UTF-8 (5.4, 5.6, 8.1).
//!
//! Keeps no content: the caller collects, scans or drops the pieces as it likes. Invariant: control
//! frames between fragments change nothing, and a violation is reported by the first frame or piece
//! that proves it.

use super::frame::{FrameHeader, Opcode};
use super::utf8::Utf8Check;
use super::violation::Violation;

/// What a data message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Bytes.
    Binary,
    /// UTF-8.
    Text,
}

/// A message that has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WholeMessage {
    /// What it carries.
    pub kind: MessageKind,
    /// Payload bytes of all its frames.
    pub bytes: u64,
}

/// Follows the data message being read, over its frames and over payloads that arrive in any split.
///
/// For each frame: [`begin_frame`](Self::begin_frame) with its header; for a data frame then
/// [`feed`](Self::feed) with each (unmasked) piece of payload, and [`end_frame`](Self::end_frame).
///
/// ```
/// use startline_protocol::websocket::{MessageKind, MessageReader, Reader, parse_header};
///
/// let bytes = b"\x01\x03Hel\x89\x00\x80\x02lo";
/// let (mut at, mut text, mut reader) = (0, Vec::new(), MessageReader::default());
/// while let Some((header, header_bytes)) = parse_header(&bytes[at..], Reader::Client)? {
///     let end = at + header_bytes + header.payload_len as usize;
///     let payload = &bytes[at + header_bytes..end];
///     at = end;
///     reader.begin_frame(&header, 1024)?;
///     if header.opcode.is_control() {
///         continue; // a ping between two fragments
///     }
///     reader.feed(payload)?;
///     text.extend_from_slice(payload);
///     if let Some(message) = reader.end_frame(header.fin)? {
///         assert_eq!((message.kind, message.bytes), (MessageKind::Text, 5));
///         assert_eq!(text, b"Hello");
///     }
/// }
/// # Ok::<(), startline_protocol::websocket::Violation>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MessageReader {
    /// None between two messages.
    kind: Option<MessageKind>,
    /// Its bytes are not what they stand for: no text, and a little longer where nothing repeats.
    compressed: bool,
    utf8: Utf8Check,
    bytes: u64,
}

impl MessageReader {
    /// What the message carries that has begun and not ended, if one has.
    pub fn kind(&self) -> Option<MessageKind> {
        self.kind
    }

    /// Checks whether the frame with this header may come now, in a message of at most
    /// `message_bytes_max` bytes.
    ///
    /// # Errors
    /// [`Violation::ExpectedContinuation`], [`Violation::UnexpectedContinuation`] or [`Violation::MessageTooLong`].
    pub fn check(&self, header: &FrameHeader, message_bytes_max: u64) -> Result<(), Violation> {
        match (header.opcode, self.kind.is_some()) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return Ok(()),
            (Opcode::Text | Opcode::Binary, true) => return Err(Violation::ExpectedContinuation),
            (Opcode::Continuation, false) => return Err(Violation::UnexpectedContinuation),
            _ => {}
        }
        let bytes_max = match self.compressed || header.compressed {
            true => deflated_bytes_max(message_bytes_max),
            false => message_bytes_max,
        };
        match header.payload_len > bytes_max.saturating_sub(self.bytes) {
            true => Err(Violation::MessageTooLong),
            false => Ok(()),
        }
    }

    /// Begins a frame: [checks](Self::check) it, and opens the message of which it is the first.
    ///
    /// # Errors
    /// As for [`Self::check`].
    pub fn begin_frame(&mut self, header: &FrameHeader, message_bytes_max: u64) -> Result<(), Violation> {
        self.check(header, message_bytes_max)?;
        let kind = match header.opcode {
            Opcode::Text => MessageKind::Text,
            Opcode::Binary => MessageKind::Binary,
            _ => return Ok(()),
        };
        *self = Self { kind: Some(kind), compressed: header.compressed, ..Self::default() };
        Ok(())
    }

    /// Takes the next payload bytes of a data frame. Those of a compressed message are not looked at.
    ///
    /// # Errors
    /// [`Violation::BadUtf8`] as soon as a text cannot be completed to valid UTF-8.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Violation> {
        self.bytes += piece.len() as u64;
        match self.kind {
            Some(MessageKind::Text) if !self.compressed => self.utf8.feed(piece),
            _ => Ok(()),
        }
    }

    /// Ends a data frame; returns the message if that was its last one.
    ///
    /// # Errors
    /// [`Violation::BadUtf8`] when a text ends within a character.
    pub fn end_frame(&mut self, fin: bool) -> Result<Option<WholeMessage>, Violation> {
        let Some(kind) = self.kind.filter(|_| fin) else { return Ok(None) };
        let Self { utf8, bytes, .. } = std::mem::take(self);
        utf8.finish()?;
        Ok(Some(WholeMessage { kind, bytes }))
    }
}

/// The most that a message of `bytes` bytes may take when compressed: deflate's stored blocks, with
/// room for short ones.
fn deflated_bytes_max(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 16 + 64)
}
