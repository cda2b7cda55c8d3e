//! What can go wrong between a TCP connection and the bytes that it protects.
//!
//! Names and blames; what led there is `engine::secure`'s to find. Invariant: a peer's alert is kept by number, so
//! that each has the name that RFC 8446, section 6, gives it.

use startline_protocol::tls::{PeerAlert, RecordFault};

use super::Blame;

/// A failure of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsFault {
    // Our own settings.
    /// No CA that is trusted here has signed the certificate.
    Untrusted,
    /// The certificate is for other names than the one connected to.
    WrongName,
    /// The server has nothing in common with the one suite that `--tls-suites` leaves.
    OfferTooNarrow,

    // The server.
    /// The certificate is valid no longer, or not yet.
    Expired,
    /// The certificate is wrong in another way.
    CertificateInvalid,
    /// The peer speaks neither TLS 1.3 nor 1.2.
    Version,
    /// No cipher suite, group or signature scheme in common.
    NoCommonSuite,
    /// The handshake was not over within the step's timeout.
    HandshakeTimeout,
    /// The peer closed in the middle of the handshake.
    HandshakeClosed,
    /// What answers does not speak TLS, such as plain HTTP.
    NotTls,
    /// The peer broke the handshake's rules.
    HandshakeInvalid,
    /// A fatal alert from the peer.
    Alert(PeerAlert),
    /// A record of the peer's that breaks RFC 8446.
    Record(RecordFault),

    // The network.
    /// The connection was reset in the middle of the handshake.
    HandshakeReset,

    // Ourselves.
    /// The secrets of the connection could not be taken out of it, which is a defect of startline.
    Extraction,
}

impl From<RecordFault> for TlsFault {
    fn from(fault: RecordFault) -> Self {
        match fault {
            RecordFault::PeerAlert(alert) => Self::Alert(alert),
            other => Self::Record(other),
        }
    }
}

impl TlsFault {
    /// Who has to act.
    pub fn blame(self) -> Blame {
        match self {
            Self::Untrusted | Self::WrongName | Self::OfferTooNarrow => Blame::Scenario,
            // unrecognized_name: the name that we asked for. certificate_required: the one that we have not.
            Self::Alert(PeerAlert(112 | 116)) => Blame::Scenario,
            Self::HandshakeReset => Blame::Network,
            Self::Extraction => Blame::Box,
            _ => Blame::Server,
        }
    }

    /// The stable name under which it is counted.
    pub fn key(self) -> String {
        match self {
            Self::Untrusted => "tls-untrusted".into(),
            Self::WrongName => "tls-wrong-name".into(),
            Self::OfferTooNarrow => "tls-offer-too-narrow".into(),
            Self::Expired => "tls-expired".into(),
            Self::CertificateInvalid => "tls-certificate-invalid".into(),
            Self::Version => "tls-version".into(),
            Self::NoCommonSuite => "tls-no-common-suite".into(),
            Self::HandshakeTimeout => "tls-handshake-timeout".into(),
            Self::HandshakeClosed => "tls-handshake-closed".into(),
            Self::NotTls => "tls-not-tls".into(),
            Self::HandshakeInvalid => "tls-handshake-invalid".into(),
            Self::Alert(alert) => format!("tls-alert:{alert}"),
            Self::Record(fault) => format!("tls-record:{fault}"),
            Self::HandshakeReset => "tls-handshake-reset".into(),
            Self::Extraction => "tls-extraction".into(),
        }
    }
}
