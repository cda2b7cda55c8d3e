//! What rustls and the record layer refuse, by the names that results have for it.
//!
//! Decides who is to blame by the kind alone ([`TlsFault::blame`]). Invariant: the evidence is the library's own sentence, or the
//! first bytes of what answered, never a secret.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::Broken;
use crate::fault::TlsFault;
use crate::protocol::tls::RecordFault;

/// Bytes of what is no TLS kept as evidence.
const SHOWN_BYTES: usize = 256;

/// What a rustls error means.
pub(super) fn broken(error: &Error) -> Broken {
    Broken { fault: fault(error), evidence: error.to_string() }
}

/// What a record that cannot be taken means.
pub(super) fn record(fault: RecordFault) -> Broken {
    Broken { fault: fault.into(), evidence: format!("record layer: {fault}") }
}

/// The host is neither a DNS name nor an address.
pub(super) fn no_name() -> Broken {
    Broken { fault: TlsFault::WrongName, evidence: "the host is no name that a certificate can have".into() }
}

/// There are no CA certificates.
pub(super) fn no_roots() -> Broken {
    Broken { fault: TlsFault::Untrusted, evidence: "no CA certificates were found on this box".into() }
}

/// What answers does not speak TLS.
pub(super) fn not_tls(bytes: &[u8]) -> Broken {
    let shown = &bytes[..bytes.len().min(SHOWN_BYTES)];
    Broken { fault: TlsFault::NotTls, evidence: String::from_utf8_lossy(shown).into_owned() }
}

fn fault(error: &Error) -> TlsFault {
    use PeerIncompatible::{
        NoCertificateRequestSignatureSchemesInCommon, NoCipherSuitesInCommon, NoEcPointFormatsInCommon,
        NoKxGroupsInCommon, NoSignatureSchemesInCommon, ServerDoesNotSupportTls12Or13,
        ServerTlsVersionIsDisabledByOurConfig, Tls12NotOffered, Tls12NotOfferedOrEnabled,
    };
    match error {
        Error::InvalidCertificate(certificate) => of_certificate(certificate),
        // protocol_version and handshake_failure have one cause each; other alerts speak for themselves.
        Error::AlertReceived(AlertDescription::ProtocolVersion) => TlsFault::Version,
        Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => {
            TlsFault::NoCommonSuite
        }
        Error::AlertReceived(alert) => TlsFault::Alert((*alert).into()),
        Error::PeerIncompatible(
            ServerDoesNotSupportTls12Or13
            | ServerTlsVersionIsDisabledByOurConfig
            | Tls12NotOffered
            | Tls12NotOfferedOrEnabled,
        )
        | Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => TlsFault::Version,
        Error::PeerIncompatible(
            NoCipherSuitesInCommon
            | NoKxGroupsInCommon
            | NoSignatureSchemesInCommon
            | NoEcPointFormatsInCommon
            | NoCertificateRequestSignatureSchemesInCommon,
        ) => TlsFault::NoCommonSuite,
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => TlsFault::NotTls,
        Error::DecryptError => RecordFault::BadRecordMac.into(),
        Error::PeerSentOversizedRecord | Error::InvalidMessage(InvalidMessage::MessageTooLarge) => {
            RecordFault::RecordOverflow.into()
        }
        _ => TlsFault::HandshakeInvalid,
    }
}

fn of_certificate(error: &CertificateError) -> TlsFault {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext, UnknownIssuer,
    };
    match error {
        // BadSignature: one that is trusted has the issuer's name but not its key, as a CA that was made anew since. A server whose
        // own key does not fit its certificate would be called the same, but none starts with that.
        UnknownIssuer | BadSignature => TlsFault::Untrusted,
        NotValidForName | NotValidForNameContext { .. } => TlsFault::WrongName,
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => TlsFault::Expired,
        // A self-signed certificate that may sign others, as `openssl req -x509` makes them: webpki has a word of its own.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            TlsFault::Untrusted
        }
        _ => TlsFault::CertificateInvalid,
    }
}
