//! Faults in a peer's records, by the names that RFC 8446 gives to alerts.
//!
//! Decides nothing and sends nothing. Invariant: a fault is a small `Copy` value without a byte of
//! the peer's, and its name stays the same from version to version.

use std::fmt;

use rustls::AlertDescription;
use serde::{Deserialize, Serialize};

/// How a peer broke the record layer, or what it said before it gave up. Named as the alert that it
/// calls for (section 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RecordFault {
    /// The record is not what was sealed: changed on its way, replayed, or sealed under another key
    /// (5.2).
    BadRecordMac,
    /// A length that does not fit what it counts: of an alert, a ticket, a KeyUpdate, a record
    /// (5.1, 4.6).
    DecodeError,
    /// A KeyUpdate that asks for neither of the two (4.6.3).
    IllegalParameter,
    /// The peer sent a fatal alert.
    PeerAlert(PeerAlert),
    /// More than 2^14 bytes in a record, or more than 256 around them (5.1, 5.2, 5.4).
    RecordOverflow,
    /// The peer sealed 2^32 records under one key, far past every suite's limit (5.5); our counter
    /// ends there.
    SequenceExhausted,
    /// What may not come after the handshake, or not at this place (5, 5.1, 5.4).
    UnexpectedMessage,
}

impl RecordFault {
    /// What to tell the peer before closing; nothing to one that has said why it closes.
    pub fn alert(self) -> Option<AlertDescription> {
        match self {
            Self::BadRecordMac => Some(AlertDescription::BadRecordMac),
            Self::DecodeError => Some(AlertDescription::DecodeError),
            Self::IllegalParameter => Some(AlertDescription::IllegalParameter),
            Self::PeerAlert(_) => None,
            Self::RecordOverflow => Some(AlertDescription::RecordOverflow),
            // The limit is ours: the protocol's own counter has 64 bits (5.3).
            Self::SequenceExhausted => Some(AlertDescription::InternalError),
            Self::UnexpectedMessage => Some(AlertDescription::UnexpectedMessage),
        }
    }
}

impl fmt::Display for RecordFault {
    /// The kebab-case name used in results.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadRecordMac => "bad-record-mac",
            Self::DecodeError => "decode-error",
            Self::IllegalParameter => "illegal-parameter",
            Self::PeerAlert(alert) => return write!(f, "alert-{alert}"),
            Self::RecordOverflow => "record-overflow",
            Self::SequenceExhausted => "sequence-exhausted",
            Self::UnexpectedMessage => "unexpected-message",
        })
    }
}

/// An alert as its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerAlert(pub u8);

impl From<AlertDescription> for PeerAlert {
    fn from(alert: AlertDescription) -> Self {
        Self(alert.into())
    }
}

impl fmt::Display for PeerAlert {
    /// The RFC's name in kebab-case; `unknown-99` for a number without one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.binary_search_by_key(&self.0, |&(number, _)| number) {
            Ok(place) => f.write_str(NAMES[place].1),
            Err(_) => write!(f, "unknown-{}", self.0),
        }
    }
}

/// Section 6's alerts and those that IANA lists from elsewhere, by number.
const NAMES: [(u8, &str); 35] = [
    (0, "close-notify"),
    (10, "unexpected-message"),
    (20, "bad-record-mac"),
    (21, "decryption-failed"),
    (22, "record-overflow"),
    (30, "decompression-failure"),
    (40, "handshake-failure"),
    (41, "no-certificate"),
    (42, "bad-certificate"),
    (43, "unsupported-certificate"),
    (44, "certificate-revoked"),
    (45, "certificate-expired"),
    (46, "certificate-unknown"),
    (47, "illegal-parameter"),
    (48, "unknown-ca"),
    (49, "access-denied"),
    (50, "decode-error"),
    (51, "decrypt-error"),
    (60, "export-restriction"),
    (70, "protocol-version"),
    (71, "insufficient-security"),
    (80, "internal-error"),
    (86, "inappropriate-fallback"),
    (90, "user-canceled"),
    (100, "no-renegotiation"),
    (109, "missing-extension"),
    (110, "unsupported-extension"),
    (111, "certificate-unobtainable"),
    (112, "unrecognized-name"),
    (113, "bad-certificate-status-response"),
    (114, "bad-certificate-hash-value"),
    (115, "unknown-psk-identity"),
    (116, "certificate-required"),
    (120, "no-application-protocol"),
    (121, "ech-required"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_have_the_names_of_the_rfc() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0), "the search is binary");
        assert_eq!(PeerAlert(40).to_string(), "handshake-failure");
        assert_eq!(PeerAlert::from(AlertDescription::UnknownCA).to_string(), "unknown-ca");
        assert_eq!(RecordFault::PeerAlert(PeerAlert(80)).to_string(), "alert-internal-error");
        assert_eq!(RecordFault::PeerAlert(PeerAlert(99)).to_string(), "alert-unknown-99");
    }

    #[test]
    fn every_alert_that_rustls_names_has_a_name_here() {
        for number in 0..=u8::MAX {
            let known = !matches!(AlertDescription::from(number), AlertDescription::Unknown(_));
            let named = !PeerAlert(number).to_string().starts_with("unknown-");
            // `unknown-ca` and `unknown-psk-identity` are names.
            assert_eq!(known, named || matches!(number, 48 | 115), "{number}");
        }
    }

    #[test]
    fn a_fault_is_small() {
        assert!(size_of::<RecordFault>() <= 4);
    }
}
