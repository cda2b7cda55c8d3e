//! How TLS is spoken, as the user asked for it: part of a plan, and of `plan.toml`.
//!
//! Names choices; the engine turns them into a rustls configuration. CA certificates are kept as
//! they were read, so that the plan alone can repeat a run; of our own certificate the files are
//! named and no more, since one of them is a secret. Invariant: every CA file in a [`Tls`] holds at
//! least one certificate.

use clap::ValueEnum;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use crate::shell::quoted;

/// How TLS is spoken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// CAs to trust instead of the system's; empty: the system's.
    pub ca: Vec<CaFile>,
    /// Our own certificate, for servers that ask for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Any certificate is accepted. Nothing is secure then.
    pub insecure: bool,
    /// A session's WebSocket resumes the TLS session of its own HTTP connection, if the server
    /// issues tickets.
    pub resumption: bool,
    /// The key exchange.
    pub key_exchange: KeyExchange,
    /// Which cipher suites are offered, and in which order.
    pub suites: SuiteOrder,
    /// Secrets are appended to the file that the environment's `SSLKEYLOGFILE` names.
    pub key_log: bool,
    /// TLS 1.3 sessions keep their rustls object instead of their secrets alone: to measure the
    /// cost.
    pub keep_rustls: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            ca: Vec::new(),
            identity: None,
            insecure: false,
            resumption: true,
            key_exchange: KeyExchange::default(),
            suites: SuiteOrder::default(),
            key_log: false,
            keep_rustls: false,
        }
    }
}

/// A client's certificate and its key, PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The file of the certificate, and of those of CAs between it and the one that is trusted there.
    pub cert: String,
    /// The file of its private key.
    pub key: String,
}

/// A file of CA certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaFile {
    /// As it was named.
    pub file: String,
    /// Its certificates, PEM.
    pub pem: String,
}

/// How DER begins: a sequence with two bytes of length.
const DER_SEQUENCE: &[u8] = &[0x30, 0x82];

impl CaFile {
    /// Checks the text of a file that holds PEM certificates.
    ///
    /// # Errors
    /// Why there is no certificate in it, naming the file.
    pub fn new(file: &str, pem: String) -> Result<Self, String> {
        let file = Self { file: file.to_owned(), pem };
        file.certificates().map(|_| file.clone())
    }

    /// Does the same with a file's bytes; a byte order mark before them is skipped.
    ///
    /// # Errors
    /// The same, or that the file holds no text.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, String> {
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        match std::str::from_utf8(text) {
            Ok(pem) => Self::new(file, pem.to_owned()),
            Err(_) if bytes.starts_with(DER_SEQUENCE) => Err(format!(
                "{file} is a certificate in DER, and PEM is needed: openssl x509 -inform der -in {} -out ca.pem",
                quoted(file)
            )),
            Err(_) => Err(format!("{file} is neither PEM nor any other text")),
        }
    }

    /// Returns the certificates in it, at least one.
    ///
    /// # Errors
    /// Why there is none, naming the file.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.pem.as_bytes()).collect();
        match all {
            Ok(all) if all.is_empty() => {
                Err(format!("{}: there is no PEM certificate (-----BEGIN CERTIFICATE-----) in it", self.file))
            }
            Ok(all) => {
                for (number, one) in (1..).zip(&all) {
                    // The bytes between the lines may be anything.
                    RootCertStore::empty()
                        .add(one.clone())
                        .map_err(|_| format!("{}: certificate {number} is not a certificate", self.file))?;
                }
                Ok(all)
            }
            Err(_) => Err(format!(
                "{}: what stands between its lines of BEGIN and END is not base64, or one of them is missing",
                self.file
            )),
        }
    }
}

/// The key exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyExchange {
    /// X25519 first, then the NIST curves: the least to compute and send.
    #[default]
    X25519,
    /// The post-quantum hybrid X25519MLKEM768 first, as browsers do: a handshake sends 1.2 KB more
    /// and receives 1.1 KB more.
    X25519mlkem768,
}

/// Which cipher suites are offered, and in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuiteOrder {
    /// AES-128-GCM-SHA256 first, whose sessions are the smallest, then the others.
    #[default]
    Compact,
    /// rustls's own order: AES-256-GCM-SHA384 first.
    Rustls,
    /// TLS_AES_128_GCM_SHA256 alone.
    Aes128,
    /// TLS_AES_256_GCM_SHA384 alone.
    Aes256,
    /// TLS_CHACHA20_POLY1305_SHA256 alone.
    Chacha20,
}

impl SuiteOrder {
    /// Returns whether one suite is offered and no other, and with it TLS 1.3 alone.
    pub fn is_alone(self) -> bool {
        matches!(self, Self::Aes128 | Self::Aes256 | Self::Chacha20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused_by_name() {
        let error = CaFile::new("ca.pem", "no certificate".into()).expect_err("none");
        assert!(error.starts_with("ca.pem: there is no PEM certificate"), "{error}");
        let broken = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
        let error = CaFile::new("ca.pem", broken.into()).expect_err("not base64");
        assert!(error.starts_with("ca.pem: what stands between its lines"), "{error}");
        let other = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        let error = CaFile::new("ca.pem", other.into()).expect_err("hello is no certificate");
        assert_eq!(error, "ca.pem: certificate 1 is not a certificate");
    }

    #[test]
    fn der_is_named_and_a_byte_order_mark_skipped() {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate");
        let error = CaFile::read("my ca.der", made.cert.der()).expect_err("it is DER");
        assert_eq!(
            error,
            "my ca.der is a certificate in DER, and PEM is needed: openssl x509 -inform der -in 'my ca.der' -out ca.pem"
        );
        let marked = format!("\u{feff}{}", made.cert.pem());
        assert!(CaFile::read("ca.pem", marked.as_bytes()).is_ok());
        assert_eq!(CaFile::read("x", &[0xff, 0xfe]), Err("x is neither PEM nor any other text".into()));
    }
}
