//! The HTTP client for the few requests around a run: same trust, same addresses as the load.
//!
//! A library's, blocking. Invariant: no proxy, no redirect, no address but the plan's; a status is an answer, not an error.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::config::{AutoHeaderValue, Config};
use ureq::http::Uri;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::engine::{Own, Trust, tls_sentence};
use crate::foreign;
use crate::plan::{Plan, Resolve, resolve};

/// For each request; over the 30 s that an exhausted connection pool takes to say so.
const TIMEOUT: Duration = Duration::from_secs(35);
/// Addresses that are tried, as the library has room for them.
const ADDRESSES_MAX: usize = 16;

/// A client for a plan's target.
pub fn new(plan: &Plan, trust: Option<&Trust>) -> Agent {
    with(plan, trust, TIMEOUT, plan.settings.resolve.clone())
}

/// The same, with this timeout.
pub fn patient_for(plan: &Plan, trust: Option<&Trust>, timeout: Duration) -> Agent {
    with(plan, trust, timeout, plan.settings.resolve.clone())
}

/// A client for one address of a plan's target.
pub fn to_address(plan: &Plan, trust: Option<&Trust>, address: IpAddr, timeout: Duration) -> Agent {
    let host = plan.target.host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let only = Resolve { host, port: plan.target.port, addresses: vec![address] };
    with(plan, trust, timeout, vec![only])
}

/// TLS in the plan's trust, for what does not speak HTTP; none if there is nobody to trust.
pub fn tls_config(plan: &Plan, trust: Option<&Trust>) -> Option<Arc<rustls::ClientConfig>> {
    let trust = trust.cloned().or_else(|| Trust::new(&plan.tls).ok());
    trust.map(|trust| Arc::new(trust.client_config()))
}

/// An error in words, without the library's own word for its kind.
pub fn said(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(error) => tls_sentence(error),
                None => foreign::reason(error),
            }
        }
        ureq::Error::Rustls(error) => tls_sentence(error),
        other => other.to_string(),
    }
}

fn with(plan: &Plan, trust: Option<&Trust>, timeout: Duration, overrides: Vec<Resolve>) -> Agent {
    let mut config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        // Compressed bodies are understood and not asked for, as in the load.
        .accept_encoding(AutoHeaderValue::None)
        .proxy(None);
    if let Some(trust) = trust {
        config = config.tls_config(tls(plan, trust));
    }
    let given = Given { overrides, dns: DefaultResolver::default() };
    Agent::with_parts(config.build(), DefaultConnector::default(), given)
}

fn tls(plan: &Plan, trust: &Trust) -> TlsConfig {
    let roots: Vec<Certificate<'static>> =
        trust.roots().iter().map(|root| Certificate::from_der(root).to_owned()).collect();
    TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::clone(trust.provider()))
        .root_certs(RootCerts::new_with_certs(&roots))
        .disable_verification(plan.tls.insecure)
        .client_cert(trust.own().and_then(shown))
        .build()
}

/// Our own certificate, as the library wants it.
fn shown(own: &Own) -> Option<ClientCert> {
    let chain: Vec<_> = own.chain.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    Some(ClientCert::new_with_certs(&chain, PrivateKey::from_pem(&own.key_pem).ok()?))
}

/// The DNS, and what `--resolve` says in its place.
#[derive(Debug)]
struct Given {
    overrides: Vec<Resolve>,
    dns: DefaultResolver,
}

impl Resolver for Given {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        match resolve::given(&self.overrides, host, port) {
            Some(addresses) => {
                let mut all = self.empty();
                for address in addresses.iter().take(ADDRESSES_MAX) {
                    all.push((*address, port).into());
                }
                Ok(all)
            }
            None => self.dns.resolve(uri, config, timeout),
        }
    }
}
