//! Frames out of a stream of bytes, to be shown: the payloads of messages and control frames.
//!
//! Judges nothing; what breaks the protocol is the session's to find. Invariants: a piece ends where
//! a frame ends; what is kept is no longer than the message that is being received, or than what a
//! compressed one may inflate to.

use startline_protocol::websocket::{Inflater, Opcode, Reader, Violation, apply_mask, parse_header};

/// A whole message, or a control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Text, binary, ping, pong or close.
    pub opcode: Opcode,
    /// What it carries, without a mask and inflated.
    pub payload: Vec<u8>,
    /// In how many bytes it came, if it was compressed.
    pub compressed: Option<u64>,
}

impl Unit {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self.opcode {
            Opcode::Text => "text",
            Opcode::Binary => "binary",
            Opcode::Close => "close",
            Opcode::Ping => "ping",
            Opcode::Pong => "pong",
            Opcode::Continuation => "continuation",
        }
    }
}

/// Reads one direction of a WebSocket.
#[derive(Debug)]
pub struct Tap {
    reader: Reader,
    /// Of the frame that is not whole yet.
    frame: Vec<u8>,
    /// Of the message that is not whole yet.
    message: Option<Unit>,
    /// For messages that are compressed, and what they may inflate to.
    inflater: Inflater,
    bytes_max: u64,
}

impl Tap {
    /// Of the frames that this side reads.
    pub fn new(reader: Reader) -> Self {
        Self { reader, frame: Vec::new(), message: None, inflater: Inflater::default(), bytes_max: 0 }
    }

    /// Of the frames that a client reads, whose messages may be compressed.
    pub fn inflating(bytes_max: u64) -> Self {
        Self { bytes_max, ..Self::new(Reader::Inflating) }
    }

    /// Takes bytes up to the end of the first frame that ends in them, or all. Returns how many, and
    /// what is whole by then.
    pub fn take(&mut self, bytes: &[u8]) -> (usize, Option<Unit>) {
        let before = self.frame.len();
        self.frame.extend_from_slice(bytes);
        let Ok(Some((header, header_len))) = parse_header(&self.frame, self.reader) else {
            return (bytes.len(), None);
        };
        let whole = header_len as u64 + header.payload_len;
        if (self.frame.len() as u64) < whole {
            return (bytes.len(), None);
        }
        let whole = whole as usize;
        let mut payload = self.frame[header_len..whole].to_vec();
        self.frame.clear();
        if let Some(mask) = header.mask {
            apply_mask(&mut payload, mask, 0);
        }
        let compressed = header.compressed.then_some(0);
        let unit = self.unit(Unit { opcode: header.opcode, payload, compressed }, header.fin);
        (whole - before, unit)
    }

    /// All that is whole in these bytes.
    pub fn all(&mut self, mut bytes: &[u8]) -> Vec<Unit> {
        let mut units = Vec::new();
        while !bytes.is_empty() {
            let (len, unit) = self.take(bytes);
            units.extend(unit);
            bytes = &bytes[len..];
        }
        units
    }

    fn unit(&mut self, frame: Unit, fin: bool) -> Option<Unit> {
        if frame.opcode.is_control() {
            return Some(frame);
        }
        match &mut self.message {
            Some(message) => message.payload.extend_from_slice(&frame.payload),
            None => self.message = Some(frame),
        }
        let whole = self.message.take_if(|_| fin)?;
        Some(if whole.compressed.is_some() { self.inflated(whole) } else { whole })
    }

    /// As far as it can be inflated.
    fn inflated(&mut self, message: Unit) -> Unit {
        let mut payload = Vec::new();
        let _ = self.inflater.message(&message.payload, self.bytes_max, |piece, _| {
            payload.extend_from_slice(piece);
            Ok::<(), Violation>(())
        });
        Unit { compressed: Some(message.payload.len() as u64), payload, ..message }
    }
}

#[cfg(test)]
mod tests {
    use startline_protocol::websocket::{write_frame, write_header};

    use super::*;

    #[test]
    fn pieces_end_where_frames_end_in_any_split() {
        let mut bytes = Vec::new();
        write_header(&mut bytes, false, Opcode::Text, None, 2);
        bytes.extend_from_slice(b"ab");
        write_frame(&mut bytes, Opcode::Ping, None, b"p");
        write_header(&mut bytes, true, Opcode::Continuation, None, 1);
        bytes.extend_from_slice(b"c");
        let unit = |opcode, payload: &[u8]| Unit { opcode, payload: payload.to_vec(), compressed: None };
        let expected = [unit(Opcode::Ping, b"p"), unit(Opcode::Text, b"abc")];
        for split in 0..bytes.len() {
            let mut tap = Tap::new(Reader::Client);
            let mut units = tap.all(&bytes[..split]);
            units.extend(tap.all(&bytes[split..]));
            assert_eq!(units, expected, "split at {split}");
        }
        assert_eq!(Tap::new(Reader::Client).take(&bytes).0, 4);
    }

    #[test]
    fn what_is_compressed_is_inflated() {
        // RFC 7692, 7.2.3.1, in one frame and in two.
        for bytes in
            [&b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"[..], b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"]
        {
            let hello = Unit { opcode: Opcode::Text, payload: b"Hello".to_vec(), compressed: Some(7) };
            assert_eq!(Tap::inflating(5).all(bytes), [hello]);
        }
    }

    #[test]
    fn masks_are_taken_off() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, Opcode::Text, Some([1, 2, 3, 4]), b"hello");
        let units = Tap::new(Reader::Server).all(&bytes);
        assert_eq!(units[0].payload, b"hello");
    }
}
