//! One message, request or response alike: its bytes as kept, and how far it has come.
//!
//! Knows nothing of what a status or a method means for framing: its readers decide when the head
//! is in. Invariant: owns no heap before the first byte; head and body share one buffer.

use super::body::Framing;
use super::head::{self, HeadScan, Start};
use super::{BodyKept, HttpError, Limits, Progress};

/// A buffer over this is given back between messages.
const BUFFER_BYTES_KEPT: usize = 4096;

#[derive(Debug)]
pub(super) struct Message {
    pub(super) limits: Limits,
    /// The head, then the body as far as kept.
    bytes: Vec<u8>,
    head_len: usize,
    body_kept: BodyKept,
    body_bytes: u64,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Head(HeadScan),
    Body(Framing),
    Complete,
}

impl Message {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            bytes: Vec::new(),
            head_len: 0,
            body_kept: BodyKept::Whole,
            body_bytes: 0,
            phase: Phase::Head(HeadScan::default()),
        }
    }

    /// Forgets everything but a small buffer.
    pub(super) fn reset(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        *self = Self::new(self.limits);
        if bytes.capacity() <= BUFFER_BYTES_KEPT {
            bytes.clear();
            self.bytes = bytes;
        }
    }

    /// Takes bytes of the head; `complete` means that the head is, and [`Message::begin_body`] is
    /// due.
    pub(super) fn take_head(&mut self, start: Start, bytes: &[u8]) -> Result<Progress, HttpError> {
        let Phase::Head(scan) = &mut self.phase else { return Ok(Progress { consumed: 0, complete: false }) };
        let progress = scan.take(start, &self.limits, bytes, &mut self.bytes)?;
        if progress.complete {
            self.head_len = self.bytes.len();
        }
        Ok(progress)
    }

    /// Makes one line of each field that was folded over several (RFC 9112, 5.2).
    pub(super) fn unfold_head(&mut self) {
        head::unfold(self.bytes.get_mut(..self.head_len).unwrap_or_default());
    }

    /// After the head: what ends the body. A length of 0 is no body; [`Message::take_body`] finds
    /// it complete.
    pub(super) fn begin_body(&mut self, framing: Framing) {
        self.phase = Phase::Body(framing);
    }

    /// Takes bytes of the body.
    pub(super) fn take_body(&mut self, bytes: &[u8]) -> Result<Progress, HttpError> {
        let Phase::Body(framing) = &mut self.phase else {
            return Ok(Progress { consumed: 0, complete: self.is_complete() });
        };
        let (kept, body_kept, body_bytes) = (&mut self.bytes, &mut self.body_kept, &mut self.body_bytes);
        let kept_max = self.head_len.saturating_add(self.limits.body_bytes);
        let progress = framing.take(bytes, &mut |part| {
            *body_bytes = body_bytes.saturating_add(part.len() as u64);
            let room = kept_max - kept.len();
            kept.extend_from_slice(part.get(..room).unwrap_or(part));
            if part.len() > room {
                *body_kept = BodyKept::Cut;
            }
        })?;
        if self.body_bytes > self.limits.body_bytes_read {
            return Err(HttpError::BodyTooLarge);
        }
        if progress.complete {
            self.phase = Phase::Complete;
        }
        Ok(progress)
    }

    /// The connection has ended; as [`super::ResponseReader::end_of_stream`].
    pub(super) fn end_of_stream(&mut self) -> Result<bool, HttpError> {
        match &self.phase {
            Phase::Head(scan) if scan.is_untouched() => Ok(false),
            Phase::Head(_) => Err(HttpError::HeadTruncated),
            Phase::Body(Framing::UntilEnd) => {
                self.phase = Phase::Complete;
                Ok(true)
            }
            Phase::Body(_) => Err(HttpError::BodyTruncated),
            Phase::Complete => Ok(true),
        }
    }

    pub(super) fn is_in_head(&self) -> bool {
        matches!(self.phase, Phase::Head(_))
    }

    pub(super) fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Complete)
    }

    pub(super) fn is_untouched(&self) -> bool {
        matches!(&self.phase, Phase::Head(scan) if scan.is_untouched())
    }

    /// The head, once it is whole.
    pub(super) fn head(&self) -> &[u8] {
        self.bytes.get(..self.head_len).unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(head::field(self.head(), name)?).ok()
    }

    pub(super) fn body(&self) -> &[u8] {
        // Before the head's end its bytes are no body.
        let start = if self.is_in_head() { self.bytes.len() } else { self.head_len };
        self.bytes.get(start..).unwrap_or_default()
    }

    pub(super) fn body_kept(&self) -> BodyKept {
        self.body_kept
    }

    #[cfg(test)]
    pub(super) fn buffer_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}
