//! A server's side: one request after another on a connection.
//!
//! Stricter than the client's side: a request whose end is in doubt is refused, as the bytes after
//! it would be taken for another request.

use super::body::{Chunks, Framing};
use super::head::{self, Coding, Start};
use super::message::Message;
use super::{BodyKept, HttpError, Limits, Progress};

/// Reads one request after another on a connection; a server's side.
#[derive(Debug)]
pub struct RequestReader {
    message: Message,
    minor_version: u8,
    /// The head asks for `100 Continue`, and neither answer nor body has come.
    continue_due: bool,
}

impl RequestReader {
    /// A reader at the start of a connection.
    pub fn new(limits: Limits) -> Self {
        Self { message: Message::new(limits), minor_version: 0, continue_due: false }
    }

    /// Takes bytes as they arrive; when `complete`, read the request and call
    /// [`RequestReader::reset`] before feeding the rest.
    ///
    /// # Errors
    /// [`HttpError`], after which the connection is useless.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, HttpError> {
        let mut consumed = 0;
        if self.message.is_in_head() {
            let progress = self.message.take_head(Start::Request, bytes)?;
            consumed = progress.consumed;
            if !progress.complete {
                return Ok(progress);
            }
            self.end_head()?;
        }
        let progress = self.message.take_body(bytes.get(consumed..).unwrap_or_default())?;
        self.continue_due &= progress.consumed == 0 && !progress.complete;
        Ok(Progress { consumed: consumed + progress.consumed, complete: progress.complete })
    }

    /// Forgets the request, keeping the buffers' memory only if small, ready for the next.
    pub fn reset(&mut self) {
        self.message.reset();
        self.minor_version = 0;
        self.continue_due = false;
    }

    /// Whether no byte of a request has come since the start or the last reset.
    pub fn is_untouched(&self) -> bool {
        self.message.is_untouched()
    }

    /// Whether the head asks for `100 Continue` and the body has not begun (answer once).
    pub fn wants_continue(&mut self) -> bool {
        std::mem::take(&mut self.continue_due)
    }

    /// The method, once the head is in; empty before.
    pub fn method(&self) -> &str {
        head::request_words(self.message.head()).next().unwrap_or_default()
    }

    /// Path and query as sent.
    pub fn target(&self) -> &str {
        head::request_words(self.message.head()).nth(1).unwrap_or_default()
    }

    /// The same without scheme and authority, which a client may send and a server must understand
    /// (RFC 9112, 3.2.2).
    pub fn origin_target(&self) -> &str {
        let target = self.target();
        let is_of =
            |scheme: &str| target.get(..scheme.len()).is_some_and(|it| it.eq_ignore_ascii_case(scheme));
        let Some(scheme) = ["http://", "https://"].into_iter().find(|scheme| is_of(scheme)) else {
            return target;
        };
        let rest = target.get(scheme.len()..).unwrap_or_default();
        rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
    }

    /// As [`super::ResponseReader::header`].
    pub fn header(&self, name: &str) -> Option<&str> {
        self.message.header(name)
    }

    /// Whether a header field that is a list holds this word, case-insensitive; all fields of the
    /// name are one list.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        head::elements(self.message.head(), name).any(|element| element.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The `n` of HTTP/1.n, once the head is in; 0 before.
    pub fn minor_version(&self) -> u8 {
        self.minor_version
    }

    /// The body as far as kept.
    pub fn body(&self) -> &[u8] {
        self.message.body()
    }

    /// Whether [`RequestReader::body`] is all of it.
    pub fn body_kept(&self) -> BodyKept {
        self.message.body_kept()
    }

    /// Whether the connection stays open after the answer: HTTP/1.1 and no `Connection: close`, or 1.0
    /// with keep-alive.
    pub fn keep_alive(&self) -> bool {
        self.message.is_complete() && head::is_persistent(self.message.head(), self.minor_version)
    }

    fn end_head(&mut self) -> Result<(), HttpError> {
        let head = self.message.head();
        let minor_version = head::parse_request(head, &self.message.limits)?;
        let length = head::content_length(head)?;
        let framing = match (head::transfer_coding(head, minor_version)?, length) {
            (Coding::Absent, length) => Framing::Length(length.unwrap_or(0)),
            (Coding::Chunked, None) => Framing::Chunked(Chunks::new()),
            _ => return Err(HttpError::Framing),
        };
        // HTTP/1.0 has no interim responses (RFC 9110, 10.1.1).
        let expects = minor_version >= 1
            && self.header("expect").is_some_and(|e| e.eq_ignore_ascii_case("100-continue"));
        self.minor_version = minor_version;
        self.continue_due = expects;
        self.message.begin_body(framing);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn buffer_bytes(&self) -> usize {
        self.message.buffer_bytes()
    }
}
