//! Errors of rustls and of the record layer, as the fault kinds of results.
//!
//! The blame follows from the kind alone ([`TlsFault::blame`]). Invariant: the evidence is the
//! library's own sentence, or the first bytes of what answered, never a secret.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible};
use startline_protocol::tls::RecordFault;

use crate::fault::TlsFault;

/// Bytes of an answer that is not TLS kept as evidence.
const SHOWN_BYTES: usize = 256;

/// A TLS connection that has to end, and why.
#[derive(Debug)]
pub struct Broken {
    /// The kind of failure.
    pub fault: TlsFault,
    /// What rustls or the record layer says of it.
    pub evidence: String,
}

impl Broken {
    /// Returns the fault behind a record that cannot be read.
    pub fn of_record(fault: RecordFault) -> Self {
        record(fault)
    }
}

/// Returns the fault behind a rustls error. `handshaking`: it came in the handshake. `is_narrow`:
/// less was offered than could have been.
pub(super) fn broken(error: &Error, handshaking: bool, is_narrow: bool) -> Broken {
    let fault = match fault(error, handshaking) {
        TlsFault::Version | TlsFault::NoCommonSuite if is_narrow => TlsFault::OfferTooNarrow,
        other => other,
    };
    let evidence = match error {
        Error::InvalidCertificate(CertificateError::Other(other)) if signs_itself(other) => {
            "invalid peer certificate: it signs itself, as a CA does (CaUsedAsEndEntity)".into()
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "invalid peer certificate: BadSignature: the CA trusted under its issuer's name has another key"
                .into()
        }
        // Its names first: the evidence is cut where lines are short.
        Error::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented }) => {
            format!("the certificate is for {}, not for {}", names(presented), expected.to_str())
        }
        error => error.to_string(),
    };
    Broken { fault, evidence }
}

/// The kind of an error in a handshake that is not a session's.
pub fn fault_of(error: &Error) -> TlsFault {
    fault(error, true)
}

/// A certificate's names without their types: rustls says `DnsName("a.example")` and
/// `IpAddress(10.0.0.1)`.
fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "no name at all".into();
    }
    let bare = |name: &String| {
        let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        inside.trim_matches('"').to_owned()
    };
    presented.iter().map(bare).collect::<Vec<_>>().join(", ")
}

/// Returns the fault behind a record that cannot be read.
pub(super) fn record(fault: RecordFault) -> Broken {
    let evidence = match fault {
        RecordFault::BadRecordMac => {
            "a record that does not open under this connection's key: changed on its way, or sealed wrong"
                .into()
        }
        RecordFault::DecodeError => "a length inside a record does not fit what it counts".into(),
        RecordFault::IllegalParameter => "a KeyUpdate that asks for neither of the two things".into(),
        RecordFault::PeerAlert(alert) => format!("received fatal alert: {alert}"),
        RecordFault::RecordOverflow => "a record longer than TLS allows".into(),
        RecordFault::SequenceExhausted => "2^32 records without a new key".into(),
        RecordFault::UnexpectedMessage => {
            "something that may not come after the handshake, or not there".into()
        }
    };
    Broken { fault: fault.into(), evidence }
}

/// The host is neither a DNS name nor an address.
pub(super) fn no_name() -> Broken {
    Broken {
        fault: TlsFault::WrongName,
        evidence: "the host is not a name that a certificate can have".into(),
    }
}

/// There are no CA certificates.
pub(super) fn no_roots() -> Broken {
    Broken { fault: TlsFault::Untrusted, evidence: "no CA certificates were found on this machine".into() }
}

/// What answers does not speak TLS.
pub(super) fn not_tls(bytes: &[u8]) -> Broken {
    let shown = &bytes[..bytes.len().min(SHOWN_BYTES)];
    Broken { fault: TlsFault::NotTls, evidence: String::from_utf8_lossy(shown).into_owned() }
}

fn fault(error: &Error, handshaking: bool) -> TlsFault {
    use PeerIncompatible::{
        NoCertificateRequestSignatureSchemesInCommon, NoCipherSuitesInCommon, NoEcPointFormatsInCommon,
        NoKxGroupsInCommon, NoSignatureSchemesInCommon, ServerDoesNotSupportTls12Or13,
        ServerTlsVersionIsDisabledByOurConfig, Tls12NotOffered, Tls12NotOfferedOrEnabled,
    };
    match error {
        Error::InvalidCertificate(certificate) => of_certificate(certificate),
        // protocol_version and handshake_failure have one cause each; other alerts speak for
        // themselves.
        Error::AlertReceived(AlertDescription::ProtocolVersion) => TlsFault::Version,
        Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => {
            TlsFault::NoCommonSuite
        }
        // Unprotected, it is passed on as any other; it says no more than that the peer hangs up.
        Error::AlertReceived(AlertDescription::CloseNotify) => TlsFault::HandshakeClosed,
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
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } if !handshaking => {
            RecordFault::UnexpectedMessage.into()
        }
        _ if !handshaking => RecordFault::DecodeError.into(),
        _ => TlsFault::HandshakeInvalid,
    }
}

/// A certificate that is signed by itself and may sign others, as `openssl req -x509` makes them:
/// webpki has a word of its own.
fn signs_itself(error: &OtherError) -> bool {
    error.to_string().contains("CaUsedAsEndEntity")
}

fn of_certificate(error: &CertificateError) -> TlsFault {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext, UnknownIssuer,
    };
    match error {
        // A CA that was made anew keeps its name. (A server whose own key does not fit says the
        // same; none starts with one.)
        UnknownIssuer | BadSignature => TlsFault::Untrusted,
        NotValidForName | NotValidForNameContext { .. } => TlsFault::WrongName,
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => TlsFault::Expired,
        CertificateError::Other(other) if signs_itself(other) => TlsFault::Untrusted,
        _ => TlsFault::CertificateInvalid,
    }
}

#[cfg(test)]
mod tests {
    use rustls::PeerMisbehaved;

    use super::*;

    fn of(error: &Error) -> TlsFault {
        broken(error, true, false).fault
    }

    #[test]
    fn each_error_of_rustls_has_its_name() {
        let certificate = |error: CertificateError| of(&Error::InvalidCertificate(error));
        assert_eq!(certificate(CertificateError::UnknownIssuer), TlsFault::Untrusted);
        assert_eq!(certificate(CertificateError::BadSignature), TlsFault::Untrusted);
        assert_eq!(certificate(CertificateError::NotValidForName), TlsFault::WrongName);
        assert_eq!(certificate(CertificateError::Expired), TlsFault::Expired);
        assert_eq!(certificate(CertificateError::NotValidYet), TlsFault::Expired);
        assert_eq!(certificate(CertificateError::Revoked), TlsFault::CertificateInvalid);
        assert_eq!(of(&PeerIncompatible::ServerDoesNotSupportTls12Or13.into()), TlsFault::Version);
        assert_eq!(of(&PeerIncompatible::NoKxGroupsInCommon.into()), TlsFault::NoCommonSuite);
        assert_eq!(of(&PeerMisbehaved::MissingKeyShare.into()), TlsFault::HandshakeInvalid);
        assert_eq!(of(&Error::DecryptError), TlsFault::Record(RecordFault::BadRecordMac));
        assert_eq!(of(&Error::PeerSentOversizedRecord), TlsFault::Record(RecordFault::RecordOverflow));
    }

    #[test]
    fn a_wrong_name_is_reported_with_the_right_ones_first() {
        let wrong = |presented: &[&str]| {
            let error = CertificateError::NotValidForNameContext {
                expected: "a.example".try_into().expect("a name"),
                presented: presented.iter().map(ToString::to_string).collect(),
            };
            broken(&Error::InvalidCertificate(error), true, false).evidence
        };
        assert_eq!(
            wrong(&[r#"DnsName("b.example")"#, "IpAddress(10.0.0.1)"]),
            "the certificate is for b.example, 10.0.0.1, not for a.example"
        );
        assert_eq!(wrong(&[]), "the certificate is for no name at all, not for a.example");
    }

    #[test]
    fn each_alert_has_its_name() {
        for number in 0..=u8::MAX {
            let expected = match number {
                0 => "tls-handshake-closed".to_owned(),
                40 | 71 => "tls-no-common-suite".to_owned(),
                70 => "tls-version".to_owned(),
                _ => format!("tls-alert:{}", startline_protocol::tls::PeerAlert(number)),
            };
            assert_eq!(of(&Error::AlertReceived(AlertDescription::from(number))).key(), expected);
        }
    }

    #[test]
    fn what_was_not_offered_is_not_the_server_s_fault() {
        let alert = |alert| broken(&Error::AlertReceived(alert), true, true).fault;
        assert_eq!(alert(AlertDescription::HandshakeFailure), TlsFault::OfferTooNarrow);
        assert_eq!(alert(AlertDescription::ProtocolVersion), TlsFault::OfferTooNarrow);
        assert_eq!(alert(AlertDescription::InternalError).key(), "tls-alert:internal-error");
    }

    #[test]
    fn after_the_handshake_nothing_is_blamed_on_it() {
        let after = |error: Error| broken(&error, false, false).fault;
        let unexpected = Error::InappropriateMessage {
            expect_types: Vec::new(),
            got_type: rustls::ContentType::ChangeCipherSpec,
        };
        assert_eq!(after(unexpected), TlsFault::Record(RecordFault::UnexpectedMessage));
        let short = Error::InvalidMessage(InvalidMessage::MessageTooShort);
        assert_eq!(after(short), TlsFault::Record(RecordFault::DecodeError));
    }
}
