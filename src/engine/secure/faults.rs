//! Errors of rustls and of the record layer, as the fault kinds of results.
//!
//! The blame follows from the kind alone ([`TlsFault::blame`]). Invariant: the evidence is the
//! library's own sentence, or the first bytes of what answered, never a secret.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved};
use startline_protocol::tls::RecordFault;

use super::certificates::{self, Flaw};
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
    /// Returns the fault of a peer that does nothing but change its key.
    pub fn of_key_updates(limit: u32) -> Self {
        let evidence = format!("more than {limit} KeyUpdates at once");
        Self { fault: RecordFault::UnexpectedMessage.into(), evidence }
    }
}

/// What is known of a connection that breaks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stage {
    /// This side's handshake is not over.
    pub(super) handshaking: bool,
    /// TLS 1.2 was agreed on.
    pub(super) is_tls12: bool,
    /// Less was offered than could have been.
    pub(super) is_narrow: bool,
    /// The server has asked for our certificate …
    pub(super) asked: bool,
    /// … and was shown one.
    pub(super) has_own: bool,
}

/// Returns the fault behind a rustls error.
pub(super) fn broken(error: &Error, stage: Stage) -> Broken {
    let fault = match (error, fault(error, stage.handshaking)) {
        (Error::AlertReceived(alert), _) if stage.asked && is_about_our_certificate(*alert) => {
            if stage.has_own { TlsFault::ClientRefused } else { TlsFault::ClientCertificate }
        }
        (Error::AlertReceived(AlertDescription::HandshakeFailure), _) if is_renegotiating(stage) => {
            TlsFault::Renegotiation
        }
        (_, TlsFault::Version | TlsFault::NoCommonSuite) if stage.is_narrow => TlsFault::OfferTooNarrow,
        (_, other) => other,
    };
    let evidence = match fault {
        TlsFault::Renegotiation => {
            "it asked for a new handshake on the open connection (renegotiation, TLS 1.2 and older)".into()
        }
        TlsFault::ClientCertificate => {
            format!("it asked for a client certificate, got none, and refused: {}", sentence(error))
        }
        _ => sentence(error),
    };
    Broken { fault, evidence }
}

/// Alerts by which a server says what it thinks of a client's certificate; OpenSSL says
/// handshake_failure of one that is not there, in TLS 1.2.
fn is_about_our_certificate(alert: AlertDescription) -> bool {
    use AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        CertificateUnknown, HandshakeFailure, UnknownCA, UnsupportedCertificate,
    };
    matches!(
        alert,
        AccessDenied
            | BadCertificate
            | CertificateExpired
            | CertificateRequired
            | CertificateRevoked
            | CertificateUnknown
            | HandshakeFailure
            | UnknownCA
            | UnsupportedCertificate
    )
}

/// After the handshake of TLS 1.2 a handshake can fail only if it is another one, which rustls has
/// refused.
fn is_renegotiating(stage: Stage) -> bool {
    !stage.handshaking && stage.is_tls12
}

/// An error of rustls in words.
pub fn sentence(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(why) => {
            format!("invalid peer certificate: {}", of_certificate_in_words(why))
        }
        Error::AlertReceived(alert) => {
            format!("received fatal alert: {}", startline_protocol::tls::PeerAlert(u8::from(*alert)))
        }
        error => words(&error.to_string()),
    }
}

fn of_certificate_in_words(why: &CertificateError) -> String {
    match why {
        CertificateError::Other(other) => match other.0.downcast_ref::<Flaw>() {
            Some(flaw) => flaw.sentence.clone(),
            None => {
                let known = other.0.downcast_ref::<webpki::Error>().and_then(certificates::webpki);
                known.map_or_else(|| words(&other.0.to_string()), str::to_owned)
            }
        },
        CertificateError::BadSignature => "the CA trusted under its issuer's name has another key".into(),
        CertificateError::UnknownIssuer => "its issuer is not among the CAs that are trusted".into(),
        // Its names first: the evidence is cut where lines are short.
        CertificateError::NotValidForNameContext { expected, presented } => {
            format!("it is for {}, not for {}", names(presented), expected.to_str())
        }
        other => words(&other.to_string()),
    }
}

/// A library's text without names of its code: `NoKxGroupsInCommon` is `no kx groups in common`.
pub(super) fn words(text: &str) -> String {
    let mut words = String::with_capacity(text.len() + 16);
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let is_name =
            word.as_bytes().windows(2).any(|two| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase());
        for (index, letter) in word.char_indices() {
            let begins = is_name && index > 0 && letter.is_ascii_uppercase();
            words.push_str(if begins { " " } else { "" });
            words.push(if is_name { letter.to_ascii_lowercase() } else { letter });
        }
    }
    words
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
        Error::AlertReceived(AlertDescription::CertificateRequired) => TlsFault::ClientCertificate,
        Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests) => TlsFault::Renegotiation,
        Error::AlertReceived(AlertDescription::CloseNotify) if !handshaking => TlsFault::HandshakeClosed,
        // What was agreed on is no cause any more.
        Error::AlertReceived(alert) if !handshaking => TlsFault::Alert((*alert).into()),
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
        CertificateError::Other(other) => {
            other.0.downcast_ref::<Flaw>().map_or(TlsFault::CertificateInvalid, |flaw| flaw.fault)
        }
        _ => TlsFault::CertificateInvalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAKING: Stage =
        Stage { handshaking: true, is_tls12: false, is_narrow: false, asked: false, has_own: false };

    fn of(error: &Error) -> TlsFault {
        broken(error, SHAKING).fault
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
            broken(&Error::InvalidCertificate(error), SHAKING).evidence
        };
        assert_eq!(
            wrong(&[r#"DnsName("b.example")"#, "IpAddress(10.0.0.1)"]),
            "invalid peer certificate: it is for b.example, 10.0.0.1, not for a.example"
        );
        assert_eq!(wrong(&[]), "invalid peer certificate: it is for no name at all, not for a.example");
    }

    #[test]
    fn each_alert_has_its_name() {
        for number in 0..=u8::MAX {
            let expected = match number {
                0 => "tls-handshake-closed".to_owned(),
                40 | 71 => "tls-no-common-suite".to_owned(),
                70 => "tls-version".to_owned(),
                116 => "tls-client-certificate".to_owned(),
                _ => format!("tls-alert:{}", startline_protocol::tls::PeerAlert(number)),
            };
            assert_eq!(of(&Error::AlertReceived(AlertDescription::from(number))).key(), expected);
        }
    }

    #[test]
    fn what_was_not_offered_is_not_the_server_s_fault() {
        let alert = |alert| broken(&Error::AlertReceived(alert), Stage { is_narrow: true, ..SHAKING }).fault;
        assert_eq!(alert(AlertDescription::HandshakeFailure), TlsFault::OfferTooNarrow);
        assert_eq!(alert(AlertDescription::ProtocolVersion), TlsFault::OfferTooNarrow);
        assert_eq!(alert(AlertDescription::InternalError).key(), "tls-alert:internal-error");
    }

    #[test]
    fn after_the_handshake_nothing_is_blamed_on_it() {
        let after = |error: Error| broken(&error, Stage::default()).fault;
        let unexpected = Error::InappropriateMessage {
            expect_types: Vec::new(),
            got_type: rustls::ContentType::ChangeCipherSpec,
        };
        assert_eq!(after(unexpected), TlsFault::Record(RecordFault::UnexpectedMessage));
        let short = Error::InvalidMessage(InvalidMessage::MessageTooShort);
        assert_eq!(after(short), TlsFault::Record(RecordFault::DecodeError));
    }

    #[test]
    fn after_the_handshake_an_alert_says_nothing_of_what_was_offered() {
        let failure = Error::AlertReceived(AlertDescription::HandshakeFailure);
        let after = |is_tls12| broken(&failure, Stage { is_tls12, is_narrow: true, ..Stage::default() });
        assert_eq!(after(true).fault, TlsFault::Renegotiation);
        assert!(after(true).evidence.contains("renegotiation"), "{}", after(true).evidence);
        assert_eq!(after(false).fault.key(), "tls-alert:handshake-failure");
        let version = Error::AlertReceived(AlertDescription::ProtocolVersion);
        assert_eq!(broken(&version, Stage::default()).fault.key(), "tls-alert:protocol-version");
    }

    #[test]
    fn a_certificate_that_was_asked_for_is_what_alerts_are_about() {
        let of = |alert, has_own| {
            broken(&Error::AlertReceived(alert), Stage { asked: true, has_own, ..SHAKING }).fault
        };
        for alert in [AlertDescription::HandshakeFailure, AlertDescription::UnknownCA] {
            assert_eq!(of(alert, false), TlsFault::ClientCertificate);
            assert_eq!(of(alert, true), TlsFault::ClientRefused);
        }
        assert_eq!(of(AlertDescription::InternalError, false).key(), "tls-alert:internal-error");
    }

    #[test]
    fn no_name_of_code_is_in_what_people_read() {
        let errors = [
            Error::InvalidCertificate(CertificateError::BadSignature),
            Error::InvalidCertificate(CertificateError::UnknownIssuer),
            Error::InvalidCertificate(CertificateError::BadEncoding),
            Error::InvalidCertificate(CertificateError::UnhandledCriticalExtension),
            Error::AlertReceived(AlertDescription::CertificateRevoked),
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
            PeerIncompatible::NoKxGroupsInCommon.into(),
            PeerMisbehaved::SelectedUnofferedKxGroup.into(),
        ];
        for error in errors {
            let said = sentence(&error);
            let is_code = |two: &[u8]| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase();
            assert!(!said.as_bytes().windows(2).any(is_code), "{said}");
        }
        assert_eq!(
            sentence(&PeerIncompatible::NoKxGroupsInCommon.into()),
            "peer is incompatible: no kx groups in common"
        );
    }
}
