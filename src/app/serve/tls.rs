//! The TLS options of `startline serve`, and the line that says how to trust it.
//!
//! Reads the given files and writes the CA's; does not judge certificates. Invariant: what cannot be used is refused with
//! its option's name, the file and the reason, before anything listens.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, anyhow};
use rustls::pki_types::ServerName;
use startline_mock::{Identity, IdentityError, Tls, TlsSettings};

use crate::cli::serve::tls::TlsArgs;

impl TlsArgs {
    /// Makes what to serve with, if TLS is asked for. `listen` is as typed, `addr` what it was resolved to.
    pub(super) fn prepare(&self, listen: &str, addr: SocketAddr) -> anyhow::Result<Option<Tls>> {
        if !self.tls {
            return Ok(None);
        }
        let identity = match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => read(cert, key)?,
            _ => Identity::made_for(&self.names(listen, addr)).context("--tls")?,
        };
        let settings = TlsSettings {
            versions: self.tls_versions,
            suites: self.tls_suite.clone(),
            tickets: !self.no_tls_tickets,
        };
        Tls::new(identity, &settings).map(Some).context("--tls")
    }

    /// Once it listens: writes the CA's file, and returns a line for people about how clients come to trust it.
    pub(super) fn publish_ca(&self, tls: &Tls, addr: SocketAddr) -> anyhow::Result<String> {
        let Some(ca) = tls.ca() else {
            return Ok("clients that do not know the certificate's issuer need it: --ca FILE".to_owned());
        };
        let Some(file) = &self.tls_ca_out else {
            return Ok("its CA was generated for this start: --tls-ca-out FILE writes it, clients trust it with --ca FILE"
                .to_owned());
        };
        std::fs::write(file, ca).with_context(|| format!("--tls-ca-out {}", file.display()))?;
        Ok(format!(
            "clients trust it with its CA: startline run --target https://{addr} --ca {}",
            file.display()
        ))
    }

    /// Returns the generated certificate's names.
    fn names(&self, listen: &str, addr: SocketAddr) -> Vec<String> {
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
        if !addr.ip().is_unspecified() {
            names.push(addr.ip().to_string());
        }
        // An address that was typed is there by now, in the form that it has in a certificate.
        let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host);
        names.extend(
            ServerName::try_from(host)
                .is_ok_and(|it| matches!(it, ServerName::DnsName(_)))
                .then(|| host.to_owned()),
        );
        names.extend(self.tls_name.iter().cloned());
        let mut known = std::collections::HashSet::new();
        names.retain(|name| known.insert(name.clone()));
        names
    }
}

fn read(cert: &Path, key: &Path) -> anyhow::Result<Identity> {
    let (about_cert, about_key) =
        (format!("--tls-cert {}", cert.display()), format!("--tls-key {}", key.display()));
    let chain = std::fs::read(cert).with_context(|| about_cert.clone())?;
    let private = std::fs::read(key).with_context(|| about_key.clone())?;
    Identity::from_pem(&chain, &private).map_err(|error| match error {
        IdentityError::Key(_) => anyhow!("{about_key}: {error}"),
        IdentityError::Mismatch => {
            anyhow!("{about_key}: not the key of the certificate in {}", cert.display())
        }
        _ => anyhow!("{about_cert}: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        tls: TlsArgs,
    }

    fn parse(args: &[&str]) -> Result<TlsArgs, clap::Error> {
        Cli::try_parse_from(std::iter::once(&"serve").chain(args)).map(|cli| cli.tls)
    }

    #[test]
    fn nothing_about_tls_goes_without_tls_or_with_what_contradicts_it() {
        assert!(parse(&[]).unwrap().prepare("x:1", "127.0.0.1:1".parse().unwrap()).unwrap().is_none());
        for args in [
            &["--tls-name", "x"][..],
            &["--tls-ca-out", "x"],
            &["--tls-versions", "1.2"],
            &["--tls-suite", "TLS13_AES_128_GCM_SHA256"],
            &["--no-tls-tickets"],
            &["--tls-cert", "x", "--tls-key", "x"],
            &["--tls", "--tls-cert", "x"],
            &["--tls", "--tls-key", "x"],
            &["--tls", "--tls-cert", "x", "--tls-key", "x", "--tls-name", "x"],
            &["--tls", "--tls-cert", "x", "--tls-key", "x", "--tls-ca-out", "x"],
            &["--tls", "--tls-versions", "1.1"],
            &["--tls", "--tls-name", "a b"],
        ] {
            assert!(parse(args).is_err(), "{args:?}");
        }
        let error = parse(&["--tls", "--tls-suite", "RC4"]).unwrap_err().to_string();
        assert!(error.contains("TLS13_AES_256_GCM_SHA384"), "{error}");
    }

    #[test]
    fn the_certificate_is_good_for_what_is_listened_on_and_each_name_once() {
        let addr = |text: &str| text.parse().unwrap();
        let args = parse(&["--tls", "--tls-name", "*.runnity.example", "--tls-name", "localhost"]).unwrap();
        let names = args.names("host.example:8443", addr("10.0.0.7:8443"));
        let expected = ["localhost", "127.0.0.1", "::1", "10.0.0.7", "host.example", "*.runnity.example"];
        assert_eq!(names, expected);
        let args = parse(&["--tls"]).unwrap();
        assert_eq!(args.names("[::]:8443", addr("[::]:8443")), &expected[..3], "any address is none");
    }

    #[test]
    fn suites_that_go_with_nothing_are_refused() {
        for args in [
            ["--tls-versions", "1.2", "--tls-suite", "TLS13_AES_128_GCM_SHA256"],
            ["--tls-versions", "both", "--tls-suite", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
        ] {
            let args = parse(&[&["--tls"][..], &args].concat()).unwrap();
            let error = args.prepare("x:1", "127.0.0.1:1".parse().unwrap()).unwrap_err();
            assert!(format!("{error:#}").contains("none of the cipher suites"), "{error:#}");
        }
    }
}
