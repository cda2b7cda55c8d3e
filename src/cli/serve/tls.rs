//! The options of `startline serve` that concern TLS.

use std::path::PathBuf;

use clap::Args;
use rustls::CipherSuite;
use rustls::pki_types::ServerName;
use startline_mock::{Tls, TlsVersions};

/// The options.
#[derive(Debug, Args)]
pub(crate) struct TlsArgs {
    /// Serve https and wss with a certificate generated at the start, signed by a CA of its own, for localhost,
    /// 127.0.0.1, ::1 and the host of --listen.
    #[arg(long)]
    pub(crate) tls: bool,

    /// Another name or address of the generated certificate; repeat for more.
    #[arg(long, value_name = "NAME", requires = "tls", conflicts_with = "tls_cert", value_parser = name)]
    pub(crate) tls_name: Vec<String>,

    /// Write the generated CA's certificate to this file (PEM), for clients to trust.
    #[arg(long, value_name = "FILE", requires = "tls", conflicts_with = "tls_cert")]
    pub(crate) tls_ca_out: Option<PathBuf>,

    /// Use this certificate instead, with its chain (PEM, the server's own first).
    #[arg(long, value_name = "FILE", requires_all = ["tls", "tls_key"])]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert (PEM, not encrypted).
    #[arg(long, value_name = "FILE", requires_all = ["tls", "tls_cert"])]
    pub(crate) tls_key: Option<PathBuf>,

    /// Protocol versions: 1.2, 1.3 or both.
    #[arg(long, value_name = "VERSION", default_value = "both", requires = "tls", value_parser = versions)]
    pub(crate) tls_versions: TlsVersions,

    /// A cipher suite to accept, such as TLS13_AES_128_GCM_SHA256; repeat for more [default: all of rustls's].
    #[arg(long, value_name = "SUITE", requires = "tls", value_parser = suite)]
    pub(crate) tls_suite: Vec<CipherSuite>,

    /// Issue no session tickets: every handshake is a full one.
    #[arg(long, requires = "tls")]
    pub(crate) no_tls_tickets: bool,
}

pub(crate) fn versions(text: &str) -> Result<TlsVersions, String> {
    match text {
        "both" => Ok(TlsVersions::Both),
        "1.2" => Ok(TlsVersions::Only12),
        "1.3" => Ok(TlsVersions::Only13),
        _ => Err("write 1.2, 1.3 or both".to_owned()),
    }
}

pub(crate) fn suite(text: &str) -> Result<CipherSuite, String> {
    let name = |suite: &CipherSuite| format!("{suite:?}");
    Tls::suites().find(|suite| name(suite) == text).ok_or_else(|| {
        format!("must be one of {}", Tls::suites().map(|suite| name(&suite)).collect::<Vec<_>>().join(", "))
    })
}

/// A name as a certificate may carry it: a host, an address, or all hosts of a domain.
pub(crate) fn name(text: &str) -> Result<String, String> {
    match ServerName::try_from(text.strip_prefix("*.").unwrap_or(text)) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!(
            "{text:?} is neither a host's name nor an address: write one such as runnity.example"
        )),
    }
}
