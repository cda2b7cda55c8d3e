//! The client's side: one response.
//!
//! Decides by status and fields where a response ends (RFC 9112, 6.3), and decodes a body when asked
//! to. Does not follow redirects.

use std::borrow::Cow;

use super::body::{Chunks, Framing};
use super::coding;
use super::head::{self, Coding, Start};
use super::message::Message;
use super::{BodyKept, HttpError, Limits, Progress};

/// Reads one response; the client's side. 1xx responses other than 101 are skipped; a 101 is
/// complete with its head, and what follows is the caller's.
#[derive(Debug)]
pub struct ResponseReader {
    message: Message,
    /// 0 before the head is in.
    status: u16,
    minor_version: u8,
    head_request: bool,
    /// A 1xx has come: its bytes are gone, but the server is at work.
    interim: bool,
    /// By framing, the connection's end is the body's.
    until_end: bool,
}

impl ResponseReader {
    /// A reader for the answer to a request. `head_request`: the request's method was HEAD, so
    /// there is no body whatever the header says.
    pub fn new(limits: Limits, head_request: bool) -> Self {
        Self {
            message: Message::new(limits),
            status: 0,
            minor_version: 0,
            head_request,
            interim: false,
            until_end: false,
        }
    }

    /// Takes bytes as they arrive. After `complete` it must not be fed again.
    ///
    /// # Errors
    /// [`HttpError`], after which the connection is useless.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, HttpError> {
        let mut consumed = 0;
        while self.message.is_in_head() {
            let progress =
                self.message.take_head(Start::Response, bytes.get(consumed..).unwrap_or_default())?;
            consumed += progress.consumed;
            if !progress.complete {
                return Ok(Progress { consumed, complete: false });
            }
            self.end_head()?;
        }
        let progress = self.message.take_body(bytes.get(consumed..).unwrap_or_default())?;
        Ok(Progress { consumed: consumed + progress.consumed, complete: progress.complete })
    }

    /// The connection has ended: `Ok(true)` when that completes a body without a length (or the
    /// response was complete already), `Ok(false)` when no byte of a response had come.
    ///
    /// # Errors
    /// [`HttpError::HeadTruncated`] or [`HttpError::BodyTruncated`].
    pub fn end_of_stream(&mut self) -> Result<bool, HttpError> {
        if self.interim && self.message.is_untouched() {
            return Err(HttpError::HeadTruncated);
        }
        self.message.end_of_stream()
    }

    /// Whether no byte of a response has come yet.
    pub fn is_untouched(&self) -> bool {
        !self.interim && self.message.is_untouched()
    }

    /// The status, once the head is in.
    pub fn status(&self) -> Option<u16> {
        (self.status != 0).then_some(self.status)
    }

    /// The first header field of this name, case-insensitive, if it is there and is visible ASCII
    /// or UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.message.header(name)
    }

    /// All header fields of this name, as [`ResponseReader::header`].
    pub fn headers<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        head::values(self.message.head(), name).filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// Whether a header field that is a list holds this word, case-insensitive; all fields of the
    /// name are one list (RFC 9110, 5.3).
    pub fn lists(&self, name: &str, word: &str) -> bool {
        head::elements(self.message.head(), name).any(|element| element.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Start line and fields; empty before the head is in.
    pub fn head(&self) -> &[u8] {
        self.message.head()
    }

    /// The whole body without the codings that its header names.
    ///
    /// # Errors
    /// [`HttpError::BodyTooLarge`] for one that was cut or that decodes to more than
    /// [`Limits::body_bytes`], [`HttpError::Coding`] for one that cannot be decoded.
    pub fn decoded_body(&self) -> Result<Cow<'_, [u8]>, HttpError> {
        if self.body_kept() == BodyKept::Cut {
            return Err(HttpError::BodyTooLarge);
        }
        let transfer = head::elements(self.message.head(), "transfer-encoding");
        let content = head::elements(self.message.head(), "content-encoding");
        coding::decode(self.body(), content.chain(transfer), self.message.limits.body_bytes)
    }

    /// The body as far as kept, without chunk framing.
    pub fn body(&self) -> &[u8] {
        self.message.body()
    }

    /// Whether [`ResponseReader::body`] is all of it.
    pub fn body_kept(&self) -> BodyKept {
        self.message.body_kept()
    }

    /// Whether the connection may carry another request after this response (RFC 9112, 9.3).
    pub fn keep_alive(&self) -> bool {
        self.message.is_complete()
            && !self.until_end
            && self.status != 101
            && head::is_persistent(self.message.head(), self.minor_version)
    }

    /// Takes note of a whole head, or forgets it when it is an interim one.
    fn end_head(&mut self) -> Result<(), HttpError> {
        self.message.unfold_head();
        let (status, minor_version) = head::parse_response(self.message.head(), &self.message.limits)?;
        if (100..200).contains(&status) && status != 101 {
            self.interim = true;
            self.message.reset();
            return Ok(());
        }
        let framing = self.framing(status, minor_version)?;
        self.status = status;
        self.minor_version = minor_version;
        self.until_end = framing == Framing::UntilEnd;
        self.message.begin_body(framing);
        Ok(())
    }

    /// The rules of RFC 9112, 6.3, in their order.
    fn framing(&self, status: u16, minor_version: u8) -> Result<Framing, HttpError> {
        if self.head_request || matches!(status, 101 | 204 | 304) {
            return Ok(Framing::Length(0));
        }
        let head = self.message.head();
        let length = head::content_length(head)?;
        match (head::transfer_coding(head, minor_version)?, length) {
            (Coding::Absent, Some(length)) => Ok(Framing::Length(length)),
            (Coding::Absent | Coding::Unframed, None) => Ok(Framing::UntilEnd),
            (Coding::Chunked | Coding::ChunkedLast, None) => Ok(Framing::Chunked(Chunks::new())),
            (_, Some(_)) => Err(HttpError::Framing),
        }
    }
}
