//! The client's offer and its trust, as rustls's configuration.
//!
//! Reads the system's certificates once a run. Invariant: a [`Trust`] that exists can judge
//! certificates: it has roots, or was asked to take anything.

use std::fs;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, Tls12Resumption, WebPkiServerVerifier};
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedCipherSuite};

use super::handshake_store::{Asked, HandshakeStore};
use zeroize::Zeroizing;

use super::certificates::Explained;
use crate::plan::{Identity, KeyExchange, SuiteOrder, Tls};

/// Whom to trust; made once, shared by all workers.
#[derive(Clone, Debug)]
pub struct Trust {
    verifier: Arc<dyn ServerCertVerifier>,
    provider: Arc<CryptoProvider>,
    roots: Vec<CertificateDer<'static>>,
    own: Option<Arc<Own>>,
}

/// Our own certificate and its key.
pub struct Own {
    /// The certificate, and those of CAs above it, DER.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key, PEM.
    pub key_pem: Zeroizing<Vec<u8>>,
    certified: Arc<CertifiedKey>,
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Own { .. }")
    }
}

/// Why nobody can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A CA file is wrong.
    #[error("--ca: {0}")]
    File(String),
    /// Our own certificate or its key cannot be used.
    #[error("{0}")]
    Own(String),
    /// This machine has no CA certificates.
    #[error(
        "no CA certificates were found on this machine{0}: install them (as root: apt-get install ca-certificates), or give \
         the servers' CA with --ca FILE"
    )]
    NoSystemRoots(String),
}

impl Trust {
    /// As a plan says. System certificates are read here, if they are needed.
    ///
    /// # Errors
    /// When there is nobody to trust.
    pub fn new(tls: &Tls) -> Result<Self, TrustError> {
        let provider = Arc::new(provider(tls));
        let own = tls.identity.as_ref().map(|identity| own(identity, &provider)).transpose()?;
        if tls.insecure {
            let verifier = Arc::new(TakeAnything { provider: Arc::clone(&provider) });
            return Ok(Self { verifier, provider, roots: Vec::new(), own });
        }
        let roots = if tls.ca.is_empty() { system_roots()? } else { given_roots(tls)? };
        let mut store = RootCertStore::empty();
        // A system's store may have one that rustls cannot read; the others count all the same.
        store.add_parsable_certificates(roots.iter().cloned());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider))
            .build()
            .map_err(|error| TrustError::File(super::faults::words(&error.to_string())))?;
        let are_given = !tls.ca.is_empty();
        let verifier = Arc::new(Explained { inner: verifier, roots: roots.clone(), are_given });
        Ok(Self { verifier, provider, roots, own })
    }

    /// The certificates that are trusted; none when any certificate is taken.
    pub fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// Our own certificate, if there is one.
    pub fn own(&self) -> Option<&Own> {
        self.own.as_deref()
    }

    /// Answers a server that asks for a certificate, with ours or with none, and notes it in `asked`.
    pub(super) fn answering(&self, asked: Arc<dyn Asked>) -> Arc<dyn ResolvesClientCert> {
        Arc::new(Answering { own: self.own.clone(), asked })
    }

    /// A configuration for what is asked beside the load, in the same trust.
    pub fn client_config(&self) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .expect("every set of suites here fits TLS 1.2 or 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&self.verifier))
            .with_client_cert_resolver(self.answering(Arc::new(Unnoted)))
    }

    /// Who judges certificates.
    pub(super) fn verifier(&self) -> &Arc<dyn ServerCertVerifier> {
        &self.verifier
    }

    /// The cryptography in use.
    pub fn provider(&self) -> &Arc<CryptoProvider> {
        &self.provider
    }
}

/// A worker's configuration: its own, since rustls reports tickets and secrets through it.
pub(super) fn client(trust: &Trust, tls: &Tls, store: &Arc<HandshakeStore>) -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&trust.provider))
        .with_safe_default_protocol_versions()
        .expect("every set of suites here fits TLS 1.2 or 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&trust.verifier))
        .with_client_cert_resolver(trust.answering(Arc::clone(store) as _));
    config.resumption = match tls.resumption {
        true => {
            Resumption::store(Arc::clone(store) as _).tls12_resumption(Tls12Resumption::SessionIdOrTickets)
        }
        false => Resumption::disabled(),
    };
    config.enable_secret_extraction = true;
    config.key_log = Arc::clone(store) as _;
    config
}

fn provider(tls: &Tls) -> CryptoProvider {
    CryptoProvider {
        cipher_suites: suites(tls.suites),
        kx_groups: groups(tls.key_exchange),
        ..aws_lc_rs::default_provider()
    }
}

fn suites(order: SuiteOrder) -> Vec<SupportedCipherSuite> {
    let all = aws_lc_rs::DEFAULT_CIPHER_SUITES.to_vec();
    match order {
        SuiteOrder::Rustls => all,
        SuiteOrder::Compact => {
            let first = cipher_suite::TLS13_AES_128_GCM_SHA256;
            let others = all.into_iter().filter(|suite| suite.suite() != first.suite());
            std::iter::once(first).chain(others).collect()
        }
        SuiteOrder::Aes128 => vec![cipher_suite::TLS13_AES_128_GCM_SHA256],
        SuiteOrder::Aes256 => vec![cipher_suite::TLS13_AES_256_GCM_SHA384],
        SuiteOrder::Chacha20 => vec![cipher_suite::TLS13_CHACHA20_POLY1305_SHA256],
    }
}

fn groups(exchange: KeyExchange) -> Vec<&'static dyn SupportedKxGroup> {
    let classic = [kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
    match exchange {
        KeyExchange::X25519 => classic.to_vec(),
        KeyExchange::X25519mlkem768 => [kx_group::X25519MLKEM768].into_iter().chain(classic).collect(),
    }
}

fn system_roots() -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(TrustError::NoSystemRoots(why));
    }
    Ok(found.certs)
}

fn given_roots(tls: &Tls) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let mut roots = Vec::new();
    for file in &tls.ca {
        roots.extend(file.certificates().map_err(TrustError::File)?);
    }
    Ok(roots)
}

#[derive(Debug)]
struct Answering {
    own: Option<Arc<Own>>,
    asked: Arc<dyn Asked>,
}

impl ResolvesClientCert for Answering {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.certificate_asked();
        self.own.as_ref().map(|own| Arc::clone(&own.certified))
    }

    fn has_certs(&self) -> bool {
        self.own.is_some()
    }
}

/// Nobody wants to know whether a certificate was asked for.
#[derive(Debug)]
struct Unnoted;

impl Asked for Unnoted {
    fn certificate_asked(&self) {}
}

/// Reads our own certificate and its key.
fn own(identity: &Identity, provider: &CryptoProvider) -> Result<Arc<Own>, TrustError> {
    let read = |option: &str, file: &str| {
        fs::read(file).map_err(|error| TrustError::Own(format!("{option}: cannot read {file}: {error}")))
    };
    let (cert, key) = (&identity.cert, &identity.key);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read("--cert", cert)?).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| {
        TrustError::Own(format!(
            "--cert: there is no PEM certificate (-----BEGIN CERTIFICATE-----) in {cert}"
        ))
    })?;
    let key_pem = Zeroizing::new(read("--key", key)?);
    let der = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|_| {
        TrustError::Own(format!(
            "--key: there is no PEM private key without a password (-----BEGIN PRIVATE KEY-----) in {key}"
        ))
    })?;
    let unusable = |error: rustls::Error| match error {
        rustls::Error::InconsistentKeys(_) => {
            TrustError::Own(format!("--key: {key} is not the key of the certificate in {cert}"))
        }
        _ => {
            TrustError::Own(format!("--cert: the certificate of {cert} with the key of {key} cannot be used"))
        }
    };
    let certified = CertifiedKey::from_der(chain.clone(), der, provider).map_err(unusable)?;
    Ok(Arc::new(Own { chain, key_pem, certified: Arc::new(certified) }))
}

/// `--insecure`: whoever answers is taken for who they say they are. Signatures are checked all the
/// same, so that handshakes cost what they cost.
#[derive(Debug)]
struct TakeAnything {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for TakeAnything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
