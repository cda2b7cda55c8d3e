//! The messages that follow a handshake, out of records that may split and join them.
//!
//! Keeps no body: tickets are skipped, a KeyUpdate's is one byte. Invariant: between two records it
//! holds something only while a message is incomplete, which is so rare that sessions keep one only
//! then.

use super::{HandshakeType, KeyUpdate, RecordFault};

/// The start of an incomplete handshake message. A session without one uses `Reassembly::default()`
/// and keeps it afterwards if it [is needed](Self::is_needed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reassembly {
    /// Type and length (section 4), as far as they have come.
    header: [u8; 4],
    header_len: u8,
    /// Once the header is whole.
    body_left: u32,
}

/// A whole message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    KeyUpdate(KeyUpdate),
    NewSessionTicket,
}

impl Reassembly {
    /// Whether a message is incomplete.
    #[inline]
    pub fn is_needed(&self) -> bool {
        self.header_len > 0
    }

    /// Takes bytes off the front up to the end of a message: `None` when they end before it does.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Message>, RecordFault> {
        while usize::from(self.header_len) < self.header.len() {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(None) };
            *bytes = rest;
            self.take_header_byte(byte)?;
        }
        let in_record = bytes.len().min(self.body_left as usize);
        let (body, rest) = bytes.split_at(in_record);
        *bytes = rest;
        self.body_left -= in_record as u32;
        if self.body_left > 0 {
            return Ok(None);
        }
        let kind = self.header[0];
        *self = Self::default();
        match (kind, body) {
            (HandshakeType::KEY_UPDATE, &[request]) => Ok(Some(Message::KeyUpdate(key_update(request)?))),
            _ => Ok(Some(Message::NewSessionTicket)),
        }
    }

    /// Refuses a wrong type at the first byte and a wrong length at the fourth.
    fn take_header_byte(&mut self, byte: u8) -> Result<(), RecordFault> {
        self.header[usize::from(self.header_len)] = byte;
        self.header_len += 1;
        let [kind, len @ ..] = self.header;
        let body_bytes = match kind {
            HandshakeType::KEY_UPDATE => 1..=1,
            HandshakeType::NEW_SESSION_TICKET => TICKET_BYTES_MIN..=TICKET_BYTES_MAX,
            _ => return Err(RecordFault::UnexpectedMessage),
        };
        if usize::from(self.header_len) < self.header.len() {
            return Ok(());
        }
        let [high, middle, low] = len;
        self.body_left = u32::from_be_bytes([0, high, middle, low]);
        if body_bytes.contains(&self.body_left) { Ok(()) } else { Err(RecordFault::DecodeError) }
    }
}

fn key_update(request: u8) -> Result<KeyUpdate, RecordFault> {
    match request {
        0 => Ok(KeyUpdate::NotRequested),
        1 => Ok(KeyUpdate::Requested),
        _ => Err(RecordFault::IllegalParameter),
    }
}

// Section 4.6.1: lifetime and age in 4 bytes each, a nonce after 1 byte of length, the ticket and
// the extensions after 2.
const TICKET_BYTES_MIN: u32 = 4 + 4 + 1 + (2 + 1) + 2;
const TICKET_BYTES_MAX: u32 = 4 + 4 + (1 + 0xff) + (2 + 0xffff) + (2 + 0xfffe);
