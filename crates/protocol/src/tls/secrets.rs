//! Takes the secrets out of rustls: those logged in the handshake, checked against the connection's
//! state when it is dropped.
//!
//! rustls hands out keys and sequence numbers, and the secrets that they come from only once, in
//! the handshake, to its `KeyLog`. Neither alone is enough. Invariant: secrets that do not yield
//! the connection's keys are refused, so a session never begins out of step.

use std::fmt;

use rustls::{ConnectionTrafficSecrets, ExtractedSecrets};
use zeroize::Zeroize;

use super::keys::{self, KeyBlock};
use super::{KEY_UPDATE_AFTER_RECORDS, SECRET_BYTES_LONG, Suite};

/// A session's traffic secrets on their way into a pool; wiped when dropped. Where Rust moves it, a
/// copy may stay in a dead part of the stack until something overwrites it.
pub struct Secrets {
    pub(super) suite: Suite,
    pub(super) tx: Traffic,
    pub(super) rx: Traffic,
}

/// One direction. The secret has its suite's length, at the start of the array.
pub(super) struct Traffic {
    pub(super) secret: [u8; SECRET_BYTES_LONG],
    pub(super) seq: u32,
}

/// Why secrets cannot be taken over. None of these is a peer's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretsError {
    /// A secret that is not as long as the suite's hash.
    Length,
    /// The extracted keys of the receiving direction are no generation of the logged secret.
    RxMismatch,
    /// More records under one key than a session may have behind it.
    SequenceExhausted,
    /// The extracted keys are of another suite.
    SuiteMismatch,
    /// As `RxMismatch`, in the sending direction.
    TxMismatch,
}

impl Secrets {
    /// Secrets with the number of the next record under each, on trust.
    ///
    /// # Errors
    /// [`SecretsError::Length`], [`SecretsError::SequenceExhausted`].
    pub fn new(suite: Suite, tx: (&[u8], u64), rx: (&[u8], u64)) -> Result<Self, SecretsError> {
        let (tx, rx) = (Traffic::new(suite, tx.0, tx.1)?, Traffic::new(suite, rx.0, rx.1)?);
        if tx.seq > KEY_UPDATE_AFTER_RECORDS {
            return Err(SecretsError::SequenceExhausted);
        }
        Ok(Self { suite, tx, rx })
    }

    /// The secrets of a rustls connection: `tx_0` and `rx_0` as its `KeyLog` heard them (a client's
    /// are CLIENT_TRAFFIC_SECRET_0 and SERVER_TRAFFIC_SECRET_0), brought to the generation of
    /// `extracted`.
    ///
    /// Extraction refuses a connection with records to send, but not one that owes its peer the
    /// answer to a KeyUpdate, which rustls holds back until it has something else to say: that
    /// answer would be lost, and the peer not understand a record of ours. So before extracting,
    /// call `connection.writer().write(&[])`, which makes it ready, and send what `write_tls` then
    /// gives.
    ///
    /// # Errors
    /// A [`SecretsError`] when they do not belong together.
    pub fn from_rustls(
        suite: Suite,
        tx_0: &[u8],
        rx_0: &[u8],
        extracted: &ExtractedSecrets,
    ) -> Result<Self, SecretsError> {
        let ((tx_seq, tx_keys), (rx_seq, rx_keys)) = (&extracted.tx, &extracted.rx);
        let mut secrets = Self::new(suite, (tx_0, *tx_seq), (rx_0, *rx_seq))?;
        secrets.tx.catch_up(suite, tx_keys, SecretsError::TxMismatch)?;
        secrets.rx.catch_up(suite, rx_keys, SecretsError::RxMismatch)?;
        Ok(secrets)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Secrets");
        shown.field("suite", &self.suite).field("tx_seq", &self.tx.seq).field("rx_seq", &self.rx.seq);
        shown.finish_non_exhaustive()
    }
}

impl Traffic {
    fn new(suite: Suite, secret: &[u8], seq: u64) -> Result<Self, SecretsError> {
        if secret.len() != suite.secret_bytes() {
            return Err(SecretsError::Length);
        }
        let seq = u32::try_from(seq).map_err(|_| SecretsError::SequenceExhausted)?;
        let mut traffic = Self { secret: [0; SECRET_BYTES_LONG], seq };
        traffic.secret[..secret.len()].copy_from_slice(secret);
        Ok(traffic)
    }

    /// Advances the secret to the generation whose keys these are.
    fn catch_up(
        &mut self,
        suite: Suite,
        keys: &ConnectionTrafficSecrets,
        mismatch: SecretsError,
    ) -> Result<(), SecretsError> {
        let (key, iv) = key_and_iv(suite, keys).ok_or(SecretsError::SuiteMismatch)?;
        let secret = &mut self.secret[..suite.secret_bytes()];
        for _ in 0..GENERATIONS_MAX {
            let block = KeyBlock::derive(suite, secret);
            if block.key[..suite.key_bytes()] == *key && *block.iv == *iv {
                return Ok(());
            }
            keys::advance(suite, secret);
        }
        Err(mismatch)
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl fmt::Display for SecretsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a traffic secret is not as long as its suite's hash",
            Self::RxMismatch => "the receiving keys do not come from the logged secret",
            Self::SequenceExhausted => "too many records under one key",
            Self::SuiteMismatch => "the keys are another suite's",
            Self::TxMismatch => "the sending keys do not come from the logged secret",
        })
    }
}

impl std::error::Error for SecretsError {}

/// Generations that are tried, a microsecond each. A handshake and an upgrade take some ten
/// records; a peer may put a KeyUpdate between any two, and one that puts hundreds there is not
/// met.
const GENERATIONS_MAX: u32 = 512;

fn key_and_iv(suite: Suite, keys: &ConnectionTrafficSecrets) -> Option<(&[u8], &[u8])> {
    match (suite, keys) {
        (Suite::Aes128GcmSha256, ConnectionTrafficSecrets::Aes128Gcm { key, iv })
        | (Suite::Aes256GcmSha384, ConnectionTrafficSecrets::Aes256Gcm { key, iv })
        | (Suite::Chacha20Poly1305Sha256, ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) => {
            Some((key.as_ref(), iv.as_ref()))
        }
        _ => None,
    }
}
