//! Frame headers, masks and close payloads (RFC 6455, section 5).
//!
//! Does no I/O and keeps no state. Invariant: what [`parse_header`] accepts is valid for the
//! reading side's role.

use super::violation::Violation;

/// Which side is reading: a client refuses masked frames, a server unmasked ones (section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// We are the client; frames come from a server.
    Client,
    /// The same, and permessage-deflate was agreed upon (RFC 7692): the first frame of a data message may
    /// say that it is compressed.
    Inflating,
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

impl Opcode {
    /// Close, ping or pong: whole in one frame of at most 125 bytes (section 5.5).
    #[inline]
    pub fn is_control(self) -> bool {
        self as u8 >= Self::Close as u8
    }
}

/// A frame header as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Last frame of its message.
    pub fin: bool,
    /// What the payload is.
    pub opcode: Opcode,
    /// First frame of a message that is compressed (RFC 7692, 6).
    pub compressed: bool,
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
#[inline]
pub fn parse_header(bytes: &[u8], reader: Reader) -> Result<Option<(FrameHeader, usize)>, Violation> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let (opcode, compressed) = parse_first(first, reader)?;
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    let masked = second & MASKED != 0;
    if masked != (reader == Reader::Server) {
        return Err(Violation::MaskBit);
    }
    let short_len = second & !MASKED;
    if opcode.is_control() && u64::from(short_len) > CONTROL_BYTES_MAX {
        return Err(Violation::ControlTooLong);
    }
    let (payload_len, len_end) = match short_len {
        LEN_IN_16_BITS => match parse_len_16(bytes)? {
            Some(len) => (len, 4),
            None => return Ok(None),
        },
        LEN_IN_64_BITS => match parse_len_64(bytes)? {
            Some(len) => (len, 10),
            None => return Ok(None),
        },
        len => (u64::from(len), 2),
    };
    let fin = first & FIN != 0;
    if !masked {
        return Ok(Some((FrameHeader { fin, opcode, compressed, mask: None, payload_len }, len_end)));
    }
    let Some(&key) = bytes.get(len_end..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
    let header = FrameHeader { fin, opcode, compressed, mask: Some(key), payload_len };
    Ok(Some((header, len_end + key.len())))
}

/// Appends a frame header. `mask` is the key for frames from a client, which the caller then
/// applies to the payload with [`apply_mask`].
pub fn write_header(out: &mut Vec<u8>, fin: bool, opcode: Opcode, mask: Option<[u8; 4]>, payload_len: u64) {
    debug_assert!(payload_len >> 63 == 0, "a frame's length has 63 bits");
    debug_assert!(!opcode.is_control() || (fin && payload_len <= CONTROL_BYTES_MAX));
    let first = if fin { FIN } else { 0 } | opcode as u8;
    let masked = if mask.is_some() { MASKED } else { 0 };
    match payload_len {
        // The cast keeps everything: the arm's range is under 126, the next one's under 65,536.
        0..=CONTROL_BYTES_MAX => out.extend_from_slice(&[first, masked | payload_len as u8]),
        126..=0xffff => {
            let [high, low] = (payload_len as u16).to_be_bytes();
            out.extend_from_slice(&[first, masked | LEN_IN_16_BITS, high, low]);
        }
        _ => {
            out.extend_from_slice(&[first, masked | LEN_IN_64_BITS]);
            out.extend_from_slice(&payload_len.to_be_bytes());
        }
    }
    if let Some(key) = mask {
        out.extend_from_slice(&key);
    }
}

/// Appends a whole unfragmented frame, masked if a key is given.
pub fn write_frame(out: &mut Vec<u8>, opcode: Opcode, mask: Option<[u8; 4]>, payload: &[u8]) {
    out.reserve(HEADER_BYTES_MAX + payload.len());
    write_header(out, true, opcode, mask, payload.len() as u64);
    let start = out.len();
    out.extend_from_slice(payload);
    if let (Some(key), Some(copy)) = (mask, out.get_mut(start..)) {
        apply_mask(copy, key, 0);
    }
}

/// Appends a close frame with `code` and `reason` (cut to 123 bytes at a character boundary).
pub fn write_close(out: &mut Vec<u8>, mask: Option<[u8; 4]>, code: u16, reason: &str) {
    let mut end = reason.len().min(CLOSE_REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let reason = &reason.as_bytes()[..end];
    write_header(out, true, Opcode::Close, mask, 2 + reason.len() as u64);
    let start = out.len();
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason);
    if let (Some(key), Some(payload)) = (mask, out.get_mut(start..)) {
        apply_mask(payload, key, 0);
    }
}

/// XORs `payload` with `key`, the first byte taking `key[offset % 4]` (section 5.3); its own
/// inverse.
#[inline]
pub fn apply_mask(payload: &mut [u8], key: [u8; 4], offset: usize) {
    let [a, b, c, d] = key;
    let key = match offset % 4 {
        0 => [a, b, c, d],
        1 => [b, c, d, a],
        2 => [c, d, a, b],
        _ => [d, a, b, c],
    };
    let half = u64::from(u32::from_ne_bytes(key));
    let word_key = half << 32 | half;
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ word_key).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(word_key.to_ne_bytes()) {
        *byte ^= key;
    }
}

/// Reads a close frame's payload: `None` when empty, else the code and the reason.
///
/// # Errors
/// [`Violation::BadClose`] or [`Violation::BadUtf8`].
pub fn parse_close(payload: &[u8]) -> Result<Option<(u16, &str)>, Violation> {
    if payload.is_empty() {
        return Ok(None);
    }
    let (code, reason) = payload.split_first_chunk().ok_or(Violation::BadClose)?;
    let code = u16::from_be_bytes(*code);
    if !may_be_sent(code) {
        return Err(Violation::BadClose);
    }
    let reason = std::str::from_utf8(reason).map_err(|_| Violation::BadUtf8)?;
    Ok(Some((code, reason)))
}

/// First byte: the message ends with this frame.
const FIN: u8 = 0x80;
/// First byte: meaningless without a negotiated extension.
const RESERVED_BITS: u8 = 0x70;
/// Of these, the one of permessage-deflate.
const COMPRESSED: u8 = 0x40;
/// Second byte: a masking key follows the length.
const MASKED: u8 = 0x80;
/// Second byte's length: the next 2 bytes hold it.
const LEN_IN_16_BITS: u8 = 126;
/// Second byte's length: the next 8 bytes hold it.
const LEN_IN_64_BITS: u8 = 127;
/// Payload of a control frame (5.5), and of any frame whose length fits the second byte.
const CONTROL_BYTES_MAX: u64 = 125;
/// What a control frame leaves after the close code.
const CLOSE_REASON_BYTES_MAX: usize = 123;

#[inline]
fn parse_first(first: u8, reader: Reader) -> Result<(Opcode, bool), Violation> {
    let starts_message = matches!(first & 0x0f, 1 | 2);
    let reserved = match first & RESERVED_BITS {
        COMPRESSED if reader == Reader::Inflating && starts_message => 0,
        bits => bits,
    };
    if reserved != 0 {
        return Err(Violation::ReservedBit);
    }
    let opcode = match first & 0x0f {
        0 => Opcode::Continuation,
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        _ => return Err(Violation::ReservedOpcode),
    };
    if opcode.is_control() && first & FIN == 0 {
        return Err(Violation::ControlFragmented);
    }
    Ok((opcode, first & COMPRESSED != 0))
}

/// The length in bytes 2 and 3, which must not fit the second byte.
#[inline]
fn parse_len_16(bytes: &[u8]) -> Result<Option<u64>, Violation> {
    let &[_, _, high, low, ..] = bytes else { return Ok(None) };
    let len = u16::from_be_bytes([high, low]);
    if u64::from(len) <= CONTROL_BYTES_MAX {
        return Err(Violation::LengthEncoding);
    }
    Ok(Some(len.into()))
}

/// The length in bytes 2 to 9, which must not fit 16 bits nor need the 64th.
fn parse_len_64(bytes: &[u8]) -> Result<Option<u64>, Violation> {
    let field = bytes.get(2..).unwrap_or_default();
    let over_63_bits = field.first().is_some_and(|&byte| byte & 0x80 != 0);
    let fits_16_bits = field.first_chunk() == Some(&[0; 6]);
    if over_63_bits || fits_16_bits {
        return Err(Violation::LengthEncoding);
    }
    Ok(field.first_chunk().map(|&len| u64::from_be_bytes(len)))
}

/// Whether a close code may be on the wire: the registered ones but those that stand for "none was
/// sent" (1005, 1006, 1015) or "reserved" (1004), and those for libraries and applications (7.4.2).
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
