//! Why a server's certificate is refused, in words: the library says what, this looks at what was
//! shown.
//!
//! Judges nothing: the library has refused already, and stays the one that decides. Invariant:
//! costs nothing where a certificate is accepted.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::fault::TlsFault;

/// RSA keys with fewer bits are accepted by no current client.
const RSA_BITS_MIN: usize = 2048;

/// A refusal, explained.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) fault: TlsFault,
    pub(super) sentence: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Flaw {}

/// A verifier that explains what another one refuses.
#[derive(Debug)]
pub(super) struct Explained {
    pub(super) inner: Arc<dyn ServerCertVerifier>,
    pub(super) roots: Vec<CertificateDer<'static>>,
    /// The roots were named by the user, not the system's.
    pub(super) are_given: bool,
}

impl ServerCertVerifier for Explained {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verified.map_err(|error| self.explained(error, end_entity, intermediates))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss).map_err(|error| of_signature(error, cert))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss).map_err(|error| of_signature(error, cert))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

impl Explained {
    fn explained(&self, error: Error, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Error {
        let Error::InvalidCertificate(why) = &error else { return error };
        let Ok((_, leaf)) = X509Certificate::from_der(leaf) else { return error };
        let others: Vec<X509Certificate<'_>> = parsed(others);
        let roots: Vec<X509Certificate<'_>> = parsed(&self.roots);
        let shown = Shown { leaf, others, roots, are_given: self.are_given };
        shown.flaw(why).map_or(error.clone(), Flaw::into_error)
    }
}

impl Flaw {
    fn of(fault: TlsFault, sentence: impl Into<String>) -> Option<Self> {
        Some(Self { fault, sentence: sentence.into() })
    }

    fn into_error(self) -> Error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(self))))
    }
}

fn parsed<'d>(all: &'d [CertificateDer<'_>]) -> Vec<X509Certificate<'d>> {
    all.iter().filter_map(|der| X509Certificate::from_der(der).ok()).map(|(_, read)| read).collect()
}

/// A signature in the handshake that does not hold: a key that is too short is the cause that can be
/// seen.
fn of_signature(error: Error, certificate: &CertificateDer<'_>) -> Error {
    let bits = X509Certificate::from_der(certificate).ok().and_then(|(_, read)| short_rsa(&read));
    match bits {
        Some(bits) => Flaw { fault: TlsFault::CertificateInvalid, sentence: short_key("its RSA key", bits) }
            .into_error(),
        None => error,
    }
}

fn short_key(whose: &str, bits: usize) -> String {
    format!("{whose} has {bits} bits, and at least {RSA_BITS_MIN} are needed")
}

/// The bits of an RSA key that has too few.
fn short_rsa(certificate: &X509Certificate<'_>) -> Option<usize> {
    match certificate.public_key().parsed() {
        // x509-parser counts the sign's byte.
        Ok(PublicKey::RSA(key)) => {
            let modulus = key.modulus.iter().skip_while(|byte| **byte == 0);
            Some(modulus.count() * 8).filter(|bits| *bits < RSA_BITS_MIN)
        }
        _ => None,
    }
}

/// What a server has shown, and whom we trust.
struct Shown<'d> {
    leaf: X509Certificate<'d>,
    others: Vec<X509Certificate<'d>>,
    roots: Vec<X509Certificate<'d>>,
    are_given: bool,
}

impl Shown<'_> {
    fn flaw(&self, why: &CertificateError) -> Option<Flaw> {
        use TlsFault::{CertificateInvalid, Expired};
        match why {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => self.of_issuer(),
            CertificateError::NotValidForNameContext { expected: ServerName::IpAddress(address), .. } => {
                let address = IpAddr::from(*address);
                let as_name = self.dns_names().any(|name| name == address.to_string());
                let sentence = format!(
                    "it has {address} as a DNS name, where an address has to stand as one (subjectAltName = IP:{address})"
                );
                as_name.then_some(Flaw { fault: CertificateInvalid, sentence })
            }
            CertificateError::ExpiredContext { time, not_after } => Flaw::of(
                Expired,
                format!("it ended at {}, and it is {} here", instant(not_after), instant(time)),
            ),
            CertificateError::NotValidYetContext { time, not_before } => Flaw::of(
                Expired,
                format!("it begins at {}, and it is {} here", instant(not_before), instant(time)),
            ),
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Flaw::of(CertificateInvalid, "it is not for servers: its extended key usage lacks serverAuth")
            }
            CertificateError::UnsupportedSignatureAlgorithmContext { .. } => Flaw::of(
                CertificateInvalid,
                format!(
                    "it, or a CA's above it, is signed in a way that is no longer accepted (its own: {})",
                    algorithm(&self.leaf)
                ),
            ),
            CertificateError::Other(other) => {
                let sentence = webpki(other.0.downcast_ref::<webpki::Error>()?)?;
                Flaw::of(CertificateInvalid, sentence)
            }
            _ => None,
        }
    }

    /// Nobody who is trusted has signed it, or not with this key.
    fn of_issuer(&self) -> Option<Flaw> {
        let leaf = &self.leaf;
        if leaf.issuer() == leaf.subject() {
            let sentence =
                format!("it signs itself ({}) and is not among the CAs that are trusted", leaf.subject());
            return Flaw::of(TlsFault::Untrusted, sentence);
        }
        let top = self.top();
        let issuers =
            self.others.iter().chain(self.roots.iter().filter(|root| root.subject() == top.issuer()));
        if let Some((issuer, bits)) = issuers.filter_map(|one| Some((one, short_rsa(one)?))).next() {
            let whose = format!("the RSA key of its CA ({})", issuer.subject());
            return Flaw::of(TlsFault::CertificateInvalid, short_key(&whose, bits));
        }
        let issuer = top.issuer();
        if self.roots.iter().any(|root| root.subject() == issuer) {
            let sentence = format!("the CA trusted under its issuer's name ({issuer}) has another key");
            return Flaw::of(TlsFault::Untrusted, sentence);
        }
        let named: Vec<String> = self.roots.iter().take(2).map(|root| root.subject().to_string()).collect();
        let trusted =
            if self.are_given { format!(" (trusted: {})", named.join("; ")) } else { String::new() };
        if self.others.iter().any(|other| other.subject() == leaf.issuer()) {
            let sentence = format!("its issuer ({issuer}) is not among the CAs that are trusted{trusted}");
            return Flaw::of(TlsFault::Untrusted, sentence);
        }
        // Only a certificate of a CA with CAs above it says where that CA's own is to be had.
        let fault = match says_where_its_issuer_is(leaf) {
            true => TlsFault::ChainIncomplete,
            false => TlsFault::Untrusted,
        };
        let sentence = format!(
            "its issuer's certificate ({issuer}) was not sent and is not among the CAs that are trusted{trusted}"
        );
        Flaw::of(fault, sentence)
    }

    /// The last certificate of the chain that was shown.
    fn top(&self) -> &X509Certificate<'_> {
        let mut top = &self.leaf;
        // No chain is longer than what was sent, also where it bites its tail.
        for _ in &self.others {
            let above = self.others.iter().find(|other| other.subject() == top.issuer());
            top = above.unwrap_or(top);
        }
        top
    }

    fn dns_names(&self) -> impl Iterator<Item = &str> {
        let names = self.leaf.subject_alternative_name().ok().flatten();
        names.into_iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(*name),
            _ => None,
        })
    }
}

fn says_where_its_issuer_is(certificate: &X509Certificate<'_>) -> bool {
    certificate
        .extensions()
        .iter()
        .any(|extension| matches!(extension.parsed_extension(), ParsedExtension::AuthorityInfoAccess(_)))
}

fn instant(time: &UnixTime) -> String {
    let at = i64::try_from(time.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map_or_else(|| "an unknown time".to_owned(), |at| at.to_string())
}

fn algorithm(certificate: &X509Certificate<'_>) -> String {
    let id = certificate.signature_algorithm.algorithm.to_id_string();
    match id.as_str() {
        "1.2.840.113549.1.1.4" => "MD5 with RSA".to_owned(),
        "1.2.840.113549.1.1.5" => "SHA-1 with RSA".to_owned(),
        "1.2.840.10045.4.1" => "SHA-1 with ECDSA".to_owned(),
        _ => id,
    }
}

/// What rustls has no name for.
pub(super) fn webpki(error: &webpki::Error) -> Option<&'static str> {
    Some(match error {
        webpki::Error::CaUsedAsEndEntity => {
            "it is marked as a CA's (CA:TRUE), which a server's own certificate may not be: issue one with \
             basicConstraints CA:FALSE"
        }
        webpki::Error::EndEntityUsedAsCa => {
            "a certificate of its chain has signed another and is no CA's (CA:FALSE)"
        }
        webpki::Error::PathLenConstraintViolated => {
            "a CA of its chain has more CAs below it than it allows (pathlen of its basicConstraints)"
        }
        webpki::Error::UnsupportedCertVersion => "it, or a CA's above it, is not of X.509 version 3",
        webpki::Error::NameConstraintViolation => {
            "a CA of its chain may not sign for this name (nameConstraints)"
        }
        webpki::Error::UnsupportedCriticalExtension => "it has a critical extension that is not known here",
        webpki::Error::MaximumPathDepthExceeded => "its chain is too long",
        _ => return None,
    })
}
