//! HTTP/1.1 messages (RFC 9112) over bytes that arrive in any split: heads by `httparse`, bodies by
//! length, chunks or connection end.
//!
//! [`ResponseReader`] and [`RequestReader`] each drive a `Message`: a head located by `head`, then
//! a body cut out by `body`. Keeps one message at a time and gives back the bytes that belong to
//! the next. Invariant: heads and bodies are bounded by [`Limits`]; what of a body is over what is
//! kept is counted and dropped, never stored.

mod body;
mod coding;
pub mod cookies;
mod head;
mod message;
mod request;
mod response;
mod retry;
#[cfg(test)]
mod tests;

pub use request::RequestReader;
pub use response::ResponseReader;
pub use retry::retry_after;

/// What a reader keeps at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of start line and header fields together.
    pub head_bytes: usize,
    /// Header fields; at most 256 whatever is said here.
    pub fields: usize,
    /// Body bytes kept, and of a decoded body; longer bodies are marked [`BodyKept::Cut`].
    pub body_bytes: usize,
    /// Body bytes read, kept or not: a message with more of them is refused.
    pub body_bytes_read: u64,
}

impl Default for Limits {
    /// 64 KiB of head in 100 fields, 256 KiB of body kept, 64 MiB of it read.
    fn default() -> Self {
        Self { head_bytes: 64 << 10, fields: 100, body_bytes: 256 << 10, body_bytes_read: 64 << 20 }
    }
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Not HTTP/1.x, or a head that `httparse` refuses.
    #[error("the head is not HTTP/1.x")]
    Malformed,
    /// The head exceeds [`Limits::head_bytes`].
    #[error("the head has too many bytes")]
    HeadTooLarge,
    /// The head has more than [`Limits::fields`].
    #[error("the head has too many fields")]
    TooManyFields,
    /// The body exceeds [`Limits::body_bytes_read`], or what it decodes to [`Limits::body_bytes`].
    #[error("the body is over the limit")]
    BodyTooLarge,
    /// The body is coded in a way that is not known here, or its coding is broken.
    #[error("the body cannot be decoded")]
    Coding,
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
    /// It is longer than [`Limits::body_bytes`]; the start is kept. Known as soon as that is so.
    Cut,
}
