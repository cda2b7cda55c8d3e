//! RFC 8446's record layer, for sessions whose handshake rustls has made.
//!
//! Once the handshake is over, [`Secrets`] takes a connection's traffic secrets out of rustls, a
//! worker's [`Pool`] keeps them in 76 bytes (108 for AES-256), and the connection object with its
//! kilobytes is dropped. [`record_len`] cuts records out of what was read; [`Records::open`] and
//! [`Records::seal`] do the rest. Knows no socket and no clock, checks no certificate, and does not
//! know which side it is on. Nothing of it is for TLS 1.2.
//!
//! Invariants: a session keeps its secrets and no keys, which are derived for each record and wiped
//! (0.6 µs more a record, against 56 bytes more a session; and without the secrets there would be
//! no KeyUpdate); held secrets never move in memory and are wiped when released, and no `Debug`
//! shows them; whatever a peer sends is opened or is a [`RecordFault`].

mod fault;
mod keys;
mod opening;
mod pool;
mod reassembly;
mod sealing;
mod secrets;

use aws_lc_rs::{aead, hmac};
use rustls::CipherSuite;

pub use fault::{PeerAlert, RecordFault};
pub use opening::Opened;
pub use pool::{Handle, Pool, Records};
pub use reassembly::Reassembly;
pub use sealing::KEY_UPDATE_AFTER_RECORDS;
pub use secrets::{Secrets, SecretsError};

/// Type, version and length (section 5.1).
pub const HEADER_BYTES: usize = 5;
/// The most plaintext that a record carries (section 5.1).
pub const PLAINTEXT_BYTES_MAX: usize = 1 << 14;
/// The longest record: what follows the header may exceed the plaintext by 256 bytes (section 5.2).
pub const RECORD_BYTES_MAX: usize = HEADER_BYTES + PLAINTEXT_BYTES_MAX + 256;

/// The cipher suites of TLS 1.3 that a session can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Suite {
    Aes128GcmSha256,
    Aes256GcmSha384,
    Chacha20Poly1305Sha256,
}

impl Suite {
    /// The suite that rustls has negotiated; `None` for those of TLS 1.2 and for the CCM ones,
    /// which it does not speak.
    pub fn from_rustls(suite: CipherSuite) -> Option<Self> {
        match suite {
            CipherSuite::TLS13_AES_128_GCM_SHA256 => Some(Self::Aes128GcmSha256),
            CipherSuite::TLS13_AES_256_GCM_SHA384 => Some(Self::Aes256GcmSha384),
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => Some(Self::Chacha20Poly1305Sha256),
            _ => None,
        }
    }

    /// Bytes of a traffic secret, which are those of the suite's hash (section 7.1).
    pub fn secret_bytes(self) -> usize {
        match self {
            Self::Aes256GcmSha384 => SECRET_BYTES_LONG,
            Self::Aes128GcmSha256 | Self::Chacha20Poly1305Sha256 => SECRET_BYTES_SHORT,
        }
    }

    fn key_bytes(self) -> usize {
        self.aead().key_len()
    }

    fn aead(self) -> &'static aead::Algorithm {
        match self {
            Self::Aes128GcmSha256 => &aead::AES_128_GCM,
            Self::Aes256GcmSha384 => &aead::AES_256_GCM,
            Self::Chacha20Poly1305Sha256 => &aead::CHACHA20_POLY1305,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Aes256GcmSha384 => hmac::HMAC_SHA384,
            Self::Aes128GcmSha256 | Self::Chacha20Poly1305Sha256 => hmac::HMAC_SHA256,
        }
    }
}

/// What a KeyUpdate asks for (section 4.6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum KeyUpdate {
    /// Nothing: the sender announces its own new key.
    NotRequested = 0,
    /// The same of the receiver, with update_not_requested and before its next application data.
    Requested = 1,
}

/// The length of the record at the start of `bytes`, header included: `None` until the header is
/// there. It is for after the handshake, when every record is protected: a change_cipher_spec or a
/// plaintext alert has no place any more (section 5, appendix D.4). The version is ignored, as
/// section 5.1 says.
///
/// # Errors
/// [`RecordFault::UnexpectedMessage`] for another type than the protected records', from the first byte;
/// [`RecordFault::RecordOverflow`] for a length over the limit.
#[inline]
pub fn record_len(bytes: &[u8]) -> Result<Option<usize>, RecordFault> {
    if bytes.first().is_some_and(|&kind| kind != ContentType::APPLICATION_DATA) {
        return Err(RecordFault::UnexpectedMessage);
    }
    let &[_, _, _, high, low, ..] = bytes else { return Ok(None) };
    let len = HEADER_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if len > RECORD_BYTES_MAX { Err(RecordFault::RecordOverflow) } else { Ok(Some(len)) }
}

/// A traffic secret of SHA-256's suites.
const SECRET_BYTES_SHORT: usize = 32;
/// A traffic secret of SHA-384's.
const SECRET_BYTES_LONG: usize = 48;
/// The authentication tag at the end of a record, the same in all three suites.
const TAG_BYTES: usize = 16;

/// What a record holds, as numbers on the wire (section 5.1). Protected ones say `APPLICATION_DATA`
/// outside.
struct ContentType;

impl ContentType {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    const APPLICATION_DATA: u8 = 23;
}

/// Messages that may follow a handshake, as numbers on the wire (section 4). Post-handshake
/// authentication is not offered.
struct HandshakeType;

impl HandshakeType {
    const NEW_SESSION_TICKET: u8 = 4;
    const KEY_UPDATE: u8 = 24;
}

#[cfg(test)]
mod tests;
