//! Where a record of any version ends, before rustls sees it.
//!
//! Opens nothing. Invariant: no length is believed that no version allows.

use startline_protocol::tls::{HEADER_BYTES, PLAINTEXT_BYTES_MAX, RecordFault};

/// The longest record of any version: TLS 1.2 allows for 2048 bytes around the plaintext (RFC 5246, 6.2.3).
pub(super) const ANY_RECORD_BYTES_MAX: usize = HEADER_BYTES + PLAINTEXT_BYTES_MAX + 2048;

/// As `record_len` for a connection that rustls has: any of the four types.
pub(super) fn any_record_len(bytes: &[u8]) -> Result<Option<usize>, RecordFault> {
    // change_cipher_spec, alert, handshake, application_data (RFC 8446, 5.1), then 3 as in every
    // version since SSL 3.0.
    if bytes.first().is_some_and(|kind| !(20..=23).contains(kind))
        || bytes.get(1).is_some_and(|major| *major != 3)
    {
        return Err(RecordFault::UnexpectedMessage);
    }
    let &[_, _, _, high, low, ..] = bytes else { return Ok(None) };
    let len = HEADER_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if len > ANY_RECORD_BYTES_MAX { Err(RecordFault::RecordOverflow) } else { Ok(Some(len)) }
}
