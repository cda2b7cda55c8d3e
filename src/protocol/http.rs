//! HTTP/1.1 messages (RFC 9112) over bytes that arrive in any split: heads by `httparse`, bodies by
//! length, chunks or connection end.
//!
//! Keeps one message at a time and gives back the bytes that belong to the next. Invariant: heads
//! and bodies are bounded by [`Limits`]; a body over its limit is counted and dropped, never stored.

/// What a reader keeps at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of start line and header fields together.
    pub head_bytes: usize,
    /// Header fields.
    pub fields: usize,
    /// Body bytes kept; longer bodies are read to their end and marked [`BodyKept::Cut`].
    pub body_bytes: usize,
}

impl Default for Limits {
    /// 64 KiB of head in 100 fields, 256 KiB of body.
    fn default() -> Self {
        Self { head_bytes: 64 << 10, fields: 100, body_bytes: 256 << 10 }
    }
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Not HTTP/1.x, or a head that `httparse` refuses.
    #[error("the head is not HTTP/1.x")]
    Malformed,
    /// The head exceeds [`Limits::head_bytes`] or [`Limits::fields`].
    #[error("the head is over the limit")]
    HeadTooLarge,
    /// Contradicting or unusable framing: two lengths, length with chunks, a bad chunk size.
    #[error("the body's framing is invalid")]
    Framing,
    /// The connection ended inside the head (some bytes of it were read).
    #[error("the connection ended inside the head")]
    HeadTruncated,
    /// The connection ended before the body's stated end.
    #[error("the connection ended inside the body")]
    BodyTruncated,
}

/// How far a reader has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes taken from the input; the rest belongs to what follows this message.
    pub consumed: usize,
    /// The message is whole.
    pub complete: bool,
}

/// Whether the whole body is in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKept {
    /// All of it.
    Whole,
    /// It was longer than [`Limits::body_bytes`]; the start is kept.
    Cut,
}

/// Reads one response; the client's side. 1xx responses other than 101 are skipped; a 101 is complete
/// with its head, and what follows is the caller's.
#[derive(Debug)]
pub struct ResponseReader {
    _limits: Limits,
}

impl ResponseReader {
    /// A reader for the answer to a request. `head_request`: the request's method was HEAD, so there
    /// is no body whatever the header says.
    pub fn new(limits: Limits, head_request: bool) -> Self {
        let _ = head_request;
        Self { _limits: limits }
    }

    /// Takes bytes as they arrive. After `complete` it must not be fed again.
    ///
    /// # Errors
    /// [`HttpError`], after which the connection is useless.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, HttpError> {
        let _ = bytes;
        todo!()
    }

    /// The connection has ended: `Ok(true)` when that completes a body without a length,
    /// `Ok(false)` when no byte of a response had come.
    ///
    /// # Errors
    /// [`HttpError::HeadTruncated`] or [`HttpError::BodyTruncated`].
    pub fn end_of_stream(&mut self) -> Result<bool, HttpError> {
        todo!()
    }

    /// Whether no byte of a response has come yet.
    pub fn is_untouched(&self) -> bool {
        todo!()
    }

    /// The status, once the head is in.
    pub fn status(&self) -> Option<u16> {
        todo!()
    }

    /// The first header field of this name, case-insensitive, if it is there and is visible ASCII or
    /// UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let _ = name;
        todo!()
    }

    /// The body as far as kept, without chunk framing.
    pub fn body(&self) -> &[u8] {
        todo!()
    }

    /// Whether [`ResponseReader::body`] is all of it.
    pub fn body_kept(&self) -> BodyKept {
        todo!()
    }

    /// Whether the connection may carry another request after this response (RFC 9112, 9.3).
    pub fn keep_alive(&self) -> bool {
        todo!()
    }
}

/// Reads one request after another on a connection; the stand-in's side.
#[derive(Debug)]
pub struct RequestReader {
    _limits: Limits,
}

impl RequestReader {
    /// A reader at the start of a connection.
    pub fn new(limits: Limits) -> Self {
        Self { _limits: limits }
    }

    /// Takes bytes as they arrive; when `complete`, read the request and call
    /// [`RequestReader::reset`] before feeding the rest.
    ///
    /// # Errors
    /// [`HttpError`], after which the connection is useless.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, HttpError> {
        let _ = bytes;
        todo!()
    }

    /// Forgets the request, keeping the buffers' memory only if small, ready for the next.
    pub fn reset(&mut self) {
        todo!()
    }

    /// Whether no byte of a request has come since the start or the last reset.
    pub fn is_untouched(&self) -> bool {
        todo!()
    }

    /// Whether the head asks for `100 Continue` and the body has not begun (answer once).
    pub fn wants_continue(&mut self) -> bool {
        todo!()
    }

    /// The method, once complete.
    pub fn method(&self) -> &str {
        todo!()
    }

    /// Path and query as sent.
    pub fn target(&self) -> &str {
        todo!()
    }

    /// As [`ResponseReader::header`].
    pub fn header(&self, name: &str) -> Option<&str> {
        let _ = name;
        todo!()
    }

    /// The body as far as kept.
    pub fn body(&self) -> &[u8] {
        todo!()
    }

    /// Whether [`RequestReader::body`] is all of it.
    pub fn body_kept(&self) -> BodyKept {
        todo!()
    }

    /// Whether the connection stays open after the answer: HTTP/1.1 and no `Connection: close`, or 1.0 with keep-alive.
    pub fn keep_alive(&self) -> bool {
        todo!()
    }
}
