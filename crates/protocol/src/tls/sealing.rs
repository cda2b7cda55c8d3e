//! Our records: cut, sealed, and their key updated before it has sealed too much.
//!
//! Appends to the caller's buffer and sends nothing. Invariant: each record has a number of its own
//! under its key, which is why sealing counts whether or not what was sealed is ever sent.

use rustls::AlertDescription;

use super::keys::RecordKey;
use super::{ContentType, HEADER_BYTES, HandshakeType, KeyUpdate, PLAINTEXT_BYTES_MAX, Records, TAG_BYTES};

/// After this many records under one key, a KeyUpdate comes before the next. AES-GCM may seal some
/// 2^24.5 full records and stay within a 2^-57 chance of being told from noise (section 5.5);
/// rustls stops at 2^24 too. ChaCha20-Poly1305 has no such limit, and one rule for all costs
/// nothing: at a record a second, this is half a year.
pub const KEY_UPDATE_AFTER_RECORDS: u32 = 1 << 24;

impl Records<'_> {
    /// Appends `plaintext` as records of up to 2^14 bytes; nothing for nothing.
    pub fn seal(&mut self, plaintext: &[u8], out: &mut Vec<u8>) {
        for fragment in plaintext.chunks(PLAINTEXT_BYTES_MAX) {
            self.seal_next(ContentType::APPLICATION_DATA, fragment, out);
        }
    }

    /// Appends close_notify: we send no more (section 6.1).
    pub fn seal_close_notify(&mut self, out: &mut Vec<u8>) {
        self.seal_next(ContentType::ALERT, &[WARNING, AlertDescription::CloseNotify.into()], out);
    }

    /// Appends a fatal alert (section 6.2), such as [`super::RecordFault::alert`] names.
    pub fn seal_alert(&mut self, alert: AlertDescription, out: &mut Vec<u8>) {
        self.seal_next(ContentType::ALERT, &[FATAL, alert.into()], out);
    }

    /// Appends a KeyUpdate, the last record under our key, and moves on to the next key (section 4.6.3).
    pub fn seal_key_update(&mut self, request: KeyUpdate, out: &mut Vec<u8>) {
        self.seal_record(ContentType::HANDSHAKE, &[HandshakeType::KEY_UPDATE, 0, 0, 1, request as u8], out);
        self.tx.update(self.suite);
    }

    /// One record, and a KeyUpdate before it if our key has done its share.
    fn seal_next(&mut self, kind: u8, content: &[u8], out: &mut Vec<u8>) {
        if *self.tx.seq >= self.update_after_records {
            self.seal_key_update(KeyUpdate::NotRequested, out);
        }
        self.seal_record(kind, content, out);
    }

    /// TLSCiphertext around TLSInnerPlaintext, without padding (section 5.2).
    fn seal_record(&mut self, kind: u8, content: &[u8], out: &mut Vec<u8>) {
        debug_assert!(content.len() <= PLAINTEXT_BYTES_MAX);
        let body_len = content.len() + 1 + TAG_BYTES;
        let [high, low] = (body_len as u16).to_be_bytes();
        let header = [ContentType::APPLICATION_DATA, 3, 3, high, low];
        out.reserve(HEADER_BYTES + body_len);
        out.extend_from_slice(&header);
        let start = out.len();
        out.extend_from_slice(content);
        out.push(kind);
        let key = RecordKey::derive(self.suite, self.tx.secret);
        let tag = key.seal(*self.tx.seq, header, &mut out[start..]);
        out.extend_from_slice(tag.as_ref());
        // Cannot overflow: at 2^24 the key is replaced, and secrets with more behind them are not
        // taken over.
        *self.tx.seq += 1;
    }
}

/// Alert levels (section 6).
const WARNING: u8 = 1;
const FATAL: u8 = 2;
