//! The certificate that the mock server shows and its key: made at the start, or read.
//!
//! It makes a small CA and a leaf that the CA signs, since clients trust issuers and not every
//! client accepts a self-signed leaf. The CA's key is gone as soon as the leaf is signed. Reads no
//! file, knows no socket. Invariant: the key belongs to the first certificate of the chain.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SigningKey};

/// How long a made certificate is good for, in days: no longer than browsers let one be.
const DAYS: i64 = 397;

/// See the module.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(super) certified: CertifiedKey,
    pub(super) ca: Option<String>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The certificates cannot be used.
    #[error("{0}")]
    Certificate(String),
    /// The key cannot be used.
    #[error("{0}")]
    Key(String),
    /// Both can, and do not belong together.
    #[error("the key is not the certificate's")]
    Mismatch,
    /// None can be made.
    #[error("cannot make a certificate: {0}")]
    Making(String),
}

impl Identity {
    /// Makes a CA and a leaf for these names and addresses.
    ///
    /// # Errors
    /// When a name is none, or this machine has no randomness.
    pub fn made_for(names: &[String]) -> Result<Self, IdentityError> {
        make(names).map_err(|error| IdentityError::Making(error.to_string()))
    }

    /// Reads a chain, the server's own certificate first, and its key, both PEM.
    ///
    /// # Errors
    /// When either is none, and when they do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain = read_chain(chain).map_err(IdentityError::Certificate)?;
        let key = read_key(key).map_err(IdentityError::Key)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(|_| IdentityError::Mismatch)?;
        Ok(Self { certified, ca: None })
    }
}

fn make(names: &[String]) -> Result<Identity, Box<dyn std::error::Error>> {
    // ECDSA on P-256, as rcgen's keys are unless something else is asked for.
    let (ca_key, key) = (KeyPair::generate()?, KeyPair::generate()?);
    let mut params = dated(CertificateParams::default());
    params.distinguished_name.push(DnType::CommonName, "startline mock server CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(params, ca_key)?;

    let mut params = dated(CertificateParams::new(names)?);
    params.distinguished_name.push(DnType::CommonName, "startline mock server");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let leaf = params.signed_by(&key, &ca)?;

    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let signing = aws_lc_rs::sign::any_supported_type(&key)?;
    let certified = CertifiedKey::new(vec![leaf.der().clone()], signing);
    Ok(Identity { certified, ca: Some(ca.pem()) })
}

/// Good from yesterday on: clocks differ.
fn dated(mut params: CertificateParams) -> CertificateParams {
    let today = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).date();
    let day = |days: i64| {
        let date = today.saturating_add(jiff::Span::new().days(days));
        rcgen::date_time_ymd(i32::from(date.year()), date.month() as u8, date.day() as u8)
    };
    (params.not_before, params.not_after) = (day(-1), day(DAYS - 1));
    params
}

fn read_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|error| not_pem(&error))?;
    let first = chain.first().ok_or("there is no certificate in it: it must be PEM")?;
    ParsedCertificate::try_from(first)
        .map_err(|error| format!("the first certificate is broken: {error}"))?;
    Ok(chain)
}

fn read_key(pem: &[u8]) -> Result<Arc<dyn SigningKey>, String> {
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        PemError::NoItemsFound => {
            "there is no private key in it that can be read: it must be PEM and not encrypted".to_owned()
        }
        error => not_pem(&error),
    })?;
    aws_lc_rs::sign::any_supported_type(&key)
        .map_err(|_| "neither an RSA nor an ECDSA nor an Ed25519 key".to_owned())
}

fn not_pem(error: &PemError) -> String {
    format!("not PEM: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(kind: &str, base64: &str) -> Vec<u8> {
        format!("-----BEGIN {kind}-----\n{base64}\n-----END {kind}-----\n").into_bytes()
    }

    fn pair() -> (Vec<u8>, Vec<u8>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem().into_bytes(), made.signing_key.serialize_pem().into_bytes())
    }

    #[test]
    fn what_cannot_be_used_is_named_and_so_is_the_reason() {
        let ((chain, key), (_, other_key)) = (pair(), pair());
        assert!(Identity::from_pem(&chain, &key).is_ok());
        let error = |chain: &[u8], key: &[u8]| Identity::from_pem(chain, key).unwrap_err();
        assert!(matches!(error(&chain, &other_key), IdentityError::Mismatch));
        for (chain, reason) in [
            (b"".to_vec(), "no certificate"),
            (key.clone(), "no certificate"),
            (b"-----BEGIN CERTIFICATE-----\n".to_vec(), "not PEM"),
            (pem("CERTIFICATE", "!"), "not PEM"),
            (pem("CERTIFICATE", "AAAA"), "broken"),
        ] {
            let error = error(&chain, &key);
            assert!(matches!(&error, IdentityError::Certificate(text) if text.contains(reason)), "{error}");
        }
        for (key, reason) in [
            (b"".to_vec(), "no private key"),
            (chain.clone(), "no private key"),
            (pem("ENCRYPTED PRIVATE KEY", "AAAA"), "not encrypted"),
            (pem("PRIVATE KEY", "AAAA"), "neither an RSA"),
        ] {
            let error = error(&chain, &key);
            assert!(matches!(&error, IdentityError::Key(text) if text.contains(reason)), "{error}");
        }
    }

    #[test]
    fn a_name_that_no_certificate_can_carry_is_refused() {
        assert!(matches!(Identity::made_for(&["서울".to_owned()]), Err(IdentityError::Making(_))));
    }
}
