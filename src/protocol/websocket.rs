//! RFC 6455: frame headers, masking, close payloads and the opening handshake's keys.
//!
//! Does no I/O and keeps no connection state: the order of fragments and message limits belong to
//! whoever reads. Invariant: what `parse_header` accepts is valid for the reading side's role.

use std::fmt;

/// Which side is reading: a client refuses masked frames, a server unmasked ones (section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// We are the client; frames come from a server.
    Client,
    /// We are the server; frames come from a client.
    Server,
}

/// Frame opcodes (section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// How a peer broke RFC 6455. Each maps to the close code that ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Violation {
    /// Close payload of one byte, or a code that may not be on the wire (7.4).
    BadClose,
    /// Text or close reason is not UTF-8 (8.1). Close code 1007.
    BadUtf8,
    /// A control frame without FIN (5.5).
    ControlFragmented,
    /// A control frame over 125 bytes (5.5).
    ControlTooLong,
    /// A new data frame while a fragmented message is open (5.4).
    ExpectedContinuation,
    /// A length not in its shortest form, or over 63 bits (5.2).
    LengthEncoding,
    /// A frame masked by a server, or not masked by a client (5.1).
    MaskBit,
    /// A message over the reader's limit. Close code 1009.
    MessageTooLong,
    /// A reserved opcode (5.2).
    ReservedOpcode,
    /// An RSV bit without an extension (5.2).
    ReservedBit,
    /// A continuation with no message open (5.4).
    UnexpectedContinuation,
}

impl Violation {
    /// The code to close with: 1002, 1007 or 1009 (section 7.4.1).
    pub fn close_code(self) -> u16 {
        match self {
            Self::BadUtf8 => 1007,
            Self::MessageTooLong => 1009,
            _ => 1002,
        }
    }
}

impl fmt::Display for Violation {
    /// The kebab-case name used in results.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadClose => "bad-close",
            Self::BadUtf8 => "bad-utf8",
            Self::ControlFragmented => "control-fragmented",
            Self::ControlTooLong => "control-too-long",
            Self::ExpectedContinuation => "expected-continuation",
            Self::LengthEncoding => "length-encoding",
            Self::MaskBit => "mask-bit",
            Self::MessageTooLong => "message-too-long",
            Self::ReservedOpcode => "reserved-opcode",
            Self::ReservedBit => "reserved-bit",
            Self::UnexpectedContinuation => "unexpected-continuation",
        })
    }
}

/// A frame header as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Last frame of its message.
    pub fin: bool,
    /// What the payload is.
    pub opcode: Opcode,
    /// The masking key, on frames from a client.
    pub mask: Option<[u8; 4]>,
    /// Payload bytes that follow the header.
    pub payload_len: u64,
}

/// The longest header: 2 bytes, 8 of length, 4 of key.
pub const HEADER_BYTES_MAX: usize = 14;

/// Reads one frame header from the start of `bytes`: `None` when more bytes are needed, else the
/// header and its length in bytes. A violation is reported from the first bytes that prove it.
///
/// # Errors
/// The [`Violation`] of section 5 that the header commits.
pub fn parse_header(bytes: &[u8], reader: Reader) -> Result<Option<(FrameHeader, usize)>, Violation> {
    let _ = (bytes, reader);
    todo!()
}

/// Appends a frame header. `mask` is the key for frames from a client, which the caller then applies
/// to the payload with [`apply_mask`].
pub fn write_header(out: &mut Vec<u8>, fin: bool, opcode: Opcode, mask: Option<[u8; 4]>, payload_len: u64) {
    let _ = (out, fin, opcode, mask, payload_len);
    todo!()
}

/// Appends a whole unfragmented frame, masked if a key is given.
pub fn write_frame(out: &mut Vec<u8>, opcode: Opcode, mask: Option<[u8; 4]>, payload: &[u8]) {
    let _ = (out, opcode, mask, payload);
    todo!()
}

/// Appends a close frame with `code` and `reason` (cut to 123 bytes at a character boundary).
pub fn write_close(out: &mut Vec<u8>, mask: Option<[u8; 4]>, code: u16, reason: &str) {
    let _ = (out, mask, code, reason);
    todo!()
}

/// XORs `payload` with `key`, the first byte taking `key[offset % 4]` (section 5.3); its own inverse.
pub fn apply_mask(payload: &mut [u8], key: [u8; 4], offset: usize) {
    let _ = (payload, key, offset);
    todo!()
}

/// Reads a close frame's payload: `None` when empty, else the code and the reason.
///
/// # Errors
/// [`Violation::BadClose`] or [`Violation::BadUtf8`].
pub fn parse_close(payload: &[u8]) -> Result<Option<(u16, &str)>, Violation> {
    let _ = payload;
    todo!()
}

/// The `Sec-WebSocket-Key` for these 16 random bytes: base64, 24 characters.
pub fn key_text(random: [u8; 16]) -> [u8; 24] {
    let _ = random;
    todo!()
}

/// The `Sec-WebSocket-Accept` that answers `key` (section 4.2.2), by tungstenite's derivation.
pub fn accept_for(key: &[u8]) -> String {
    let _ = key;
    todo!()
}

/// Checks UTF-8 over a text that arrives in pieces, keeping at most 3 bytes between them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8Check {
    tail: [u8; 3],
    tail_len: u8,
}

impl Utf8Check {
    /// Takes the next piece.
    ///
    /// # Errors
    /// [`Violation::BadUtf8`] as soon as the text cannot be completed to valid UTF-8.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Violation> {
        let _ = (piece, self.tail, self.tail_len);
        todo!()
    }

    /// Ends the text.
    ///
    /// # Errors
    /// [`Violation::BadUtf8`] when a character is left unfinished.
    pub fn finish(self) -> Result<(), Violation> {
        todo!()
    }
}
