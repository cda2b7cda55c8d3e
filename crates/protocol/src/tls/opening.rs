//! Opens a peer's record, removes its padding and returns what it is.
//!
//! Sends nothing: what an alert or a KeyUpdate calls for is the caller's. Invariant: whatever the
//! bytes, the answer is what the record holds or a [`RecordFault`], and our receiving key is the
//! one that the peer's next record is sealed under.

use rustls::AlertDescription;

use super::keys::RecordKey;
use super::reassembly::Message;
use super::{
    ContentType, KeyUpdate, PLAINTEXT_BYTES_MAX, PeerAlert, Reassembly, RecordFault, Records, record_len,
};

/// What a record held.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened<'r> {
    /// close_notify: the peer sends no more, and what follows is to be ignored (section 6.1).
    CloseNotify,
    /// Application data, where the record was; may be empty (section 5.1).
    Data(&'r mut [u8]),
    /// Messages that may follow a handshake, as far as they are complete.
    Handshake {
        /// NewSessionTickets, which are not kept. From a client none may come; a server has to see
        /// to that.
        tickets: u32,
        /// A KeyUpdate, already carried out for the peer's direction. If ours is requested, the
        /// answer is to be sealed before the next application data: [`Records::seal_key_update`]
        /// with [`KeyUpdate::NotRequested`].
        key_update: Option<KeyUpdate>,
    },
    /// user_canceled: a close_notify is to follow, nothing to do (section 6.1).
    UserCanceled,
}

impl Records<'_> {
    /// Opens one whole record in place, as [`record_len`] cuts them. `reassembly` is the session's,
    /// or a new one.
    ///
    /// # Errors
    /// The [`RecordFault`]. It is the end of the session: its records no longer count.
    pub fn open<'r>(
        &mut self,
        record: &'r mut [u8],
        reassembly: &mut Reassembly,
    ) -> Result<Opened<'r>, RecordFault> {
        if record_len(record)? != Some(record.len()) {
            return Err(RecordFault::DecodeError);
        }
        let (kind, content) = without_padding(self.decrypt(record)?)?;
        match kind {
            ContentType::APPLICATION_DATA if !reassembly.is_needed() => Ok(Opened::Data(content)),
            ContentType::ALERT => alert(content, reassembly.is_needed()),
            ContentType::HANDSHAKE => self.post_handshake(content, reassembly),
            // No record of another type within a handshake message (section 5.1).
            _ => Err(RecordFault::UnexpectedMessage),
        }
    }

    /// The TLSInnerPlaintext (section 5.2).
    fn decrypt<'r>(&mut self, record: &'r mut [u8]) -> Result<&'r mut [u8], RecordFault> {
        let seq = *self.rx.seq;
        let next_seq = seq.checked_add(1).ok_or(RecordFault::SequenceExhausted)?;
        let (header, body) = record.split_first_chunk_mut().ok_or(RecordFault::DecodeError)?;
        let key = RecordKey::derive(self.suite, self.rx.secret);
        let inner = key.open(seq, *header, body).ok_or(RecordFault::BadRecordMac)?;
        *self.rx.seq = next_seq;
        if inner.len() > PLAINTEXT_BYTES_MAX + 1 { Err(RecordFault::RecordOverflow) } else { Ok(inner) }
    }

    /// NewSessionTickets, and at most one KeyUpdate at the end: what comes after that is under the
    /// next key, so the record must end with it (section 5.1).
    fn post_handshake<'r>(
        &mut self,
        mut content: &[u8],
        reassembly: &mut Reassembly,
    ) -> Result<Opened<'r>, RecordFault> {
        if content.is_empty() {
            return Err(RecordFault::UnexpectedMessage);
        }
        let mut tickets = 0;
        while let Some(message) = reassembly.next(&mut content)? {
            match message {
                Message::NewSessionTicket => tickets += 1,
                Message::KeyUpdate(_) if !content.is_empty() => return Err(RecordFault::UnexpectedMessage),
                Message::KeyUpdate(request) => {
                    self.rx.update(self.suite);
                    return Ok(Opened::Handshake { tickets, key_update: Some(request) });
                }
            }
        }
        Ok(Opened::Handshake { tickets, key_update: None })
    }
}

/// The content, and its type, which is the last byte that is not zero (section 5.4).
fn without_padding(inner: &mut [u8]) -> Result<(u8, &mut [u8]), RecordFault> {
    let end = inner.iter().rposition(|&byte| byte != 0).ok_or(RecordFault::UnexpectedMessage)?;
    let (content, rest) = inner.split_at_mut(end);
    let &mut [kind, ..] = rest else { return Err(RecordFault::UnexpectedMessage) };
    Ok((kind, content))
}

/// One alert fills its record (section 5.1). Its level says nothing: all but two are fatal (section 6). A fatal one is
/// reported even within a handshake message, since it is why the session ends.
fn alert<'r>(content: &[u8], within_message: bool) -> Result<Opened<'r>, RecordFault> {
    let &[_level, alert] = content else {
        return Err(if content.is_empty() {
            RecordFault::UnexpectedMessage
        } else {
            RecordFault::DecodeError
        });
    };
    match AlertDescription::from(alert) {
        AlertDescription::CloseNotify | AlertDescription::UserCanceled if within_message => {
            Err(RecordFault::UnexpectedMessage)
        }
        AlertDescription::CloseNotify => Ok(Opened::CloseNotify),
        AlertDescription::UserCanceled => Ok(Opened::UserCanceled),
        _ => Err(RecordFault::PeerAlert(PeerAlert(alert))),
    }
}
