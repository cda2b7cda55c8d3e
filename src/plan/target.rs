//! The system under test: the target's URL, parsed and resolved.
//!
//! Opens no connection and sends nothing. Invariant: a [`Target`] has at least one address, and of
//! those that a name leads to, none of a family that leads nowhere while another leads somewhere.

use std::io;
use std::net::{IpAddr, SocketAddr};

use startline_os::routes;

use super::Target;
use super::resolve::{self, Resolve};

/// Why a target cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is not a URL.
    #[error("the target {url:?} is not a URL ({reason}): write http://HOST:PORT")]
    NotAUrl {
        /// As given.
        url: String,
        /// The parser's reason.
        reason: String,
    },
    /// Another scheme than `http`, `https`, `ws` and `wss`.
    #[error("the target {url:?} has the scheme {scheme:?}: it must be http, https, ws or wss{hint}")]
    Scheme {
        /// As given.
        url: String,
        /// What stands before `://`.
        scheme: String,
        /// What may have been meant.
        hint: &'static str,
    },
    /// More than scheme, host and port.
    #[error("the target {url:?} has {what}: give scheme, host and port only, the scenario has the paths")]
    Extra {
        /// As given.
        url: String,
        /// What is too much.
        what: &'static str,
    },
    /// The host's name has no address.
    #[error(
        "the target's host {host:?} cannot be resolved: {reason}; check its spelling, or give its address with --resolve HOST:PORT:ADDR"
    )]
    Unresolved {
        /// The name.
        host: String,
        /// The resolver's reason.
        reason: String,
    },
}

impl Target {
    /// Parses `url` and resolves its host to every address it has, or to those that `overrides`
    /// give.
    ///
    /// # Errors
    /// Why the URL cannot be a target, or that its host has no address.
    pub fn resolve(url: &str, overrides: &[Resolve]) -> Result<Self, TargetError> {
        let mut target = Self::resolve_with(url, |host, port| resolve::addresses(overrides, host, port))?;
        let name = target.host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        // What was given is meant: if nothing leads there, that is to be said.
        if resolve::given(overrides, &name, target.port).is_none() {
            // Without IPv6 there is not even a socket to try with.
            target.leave_out(|address| routes::try_route(None, address).is_ok());
        }
        Ok(target)
    }

    /// Leaves out the addresses of a family that leads nowhere, unless the other one does not either.
    fn leave_out(&mut self, leads_somewhere: impl Fn(IpAddr) -> bool) {
        let of = |v4: bool| self.addresses.iter().map(SocketAddr::ip).filter(move |it| it.is_ipv4() == v4);
        let [v4, v6] = [true, false].map(|v4| (of(v4).count() > 0, of(v4).any(&leads_somewhere)));
        let used_v4 = match (v4, v6) {
            ((true, true), (true, false)) => true,
            ((true, false), (true, true)) => false,
            _ => return,
        };
        self.left_out = of(!used_v4).collect();
        self.addresses.retain(|address| address.is_ipv4() == used_v4);
    }

    /// Does the same as [`Target::resolve`], with another resolver.
    ///
    /// # Errors
    /// As [`Target::resolve`].
    pub fn resolve_with(
        url: &str,
        resolver: impl FnOnce(&str, u16) -> io::Result<Vec<SocketAddr>>,
    ) -> Result<Self, TargetError> {
        let (scheme, host, port) = parse(url)?;
        // A resolver wants IPv6 addresses without the URL's brackets.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let unresolved = |reason: String| TargetError::Unresolved { host: host.clone(), reason };
        let mut addresses = resolver(name, port).map_err(|error| unresolved(error.to_string()))?;
        let mut seen = std::collections::HashSet::new();
        addresses.retain(|address| seen.insert(*address));
        if addresses.is_empty() {
            return Err(unresolved("the name has no address".into()));
        }
        Ok(Self { scheme, host, port, addresses, left_out: Vec::new() })
    }

    /// Makes a target of a known address, such as the built-in mock server's.
    pub fn at(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        };
        Self {
            scheme: "http".into(),
            host,
            port: address.port(),
            addresses: vec![address],
            left_out: Vec::new(),
        }
    }

    /// Returns whether it speaks TLS.
    pub fn is_secure(&self) -> bool {
        self.scheme == "https"
    }

    /// Returns scheme, host and port as a URL without a path.
    pub fn url(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.host, self.port)
    }

    /// Returns whether every address is on the loopback.
    pub fn is_loopback(&self) -> bool {
        self.addresses.iter().all(|address| address.ip().is_loopback())
    }
}

/// Parses a target's URL into scheme (`http` or `https`), host and port.
pub(super) fn parse(text: &str) -> Result<(String, String, u16), TargetError> {
    let owned = || text.to_owned();
    let url = match url::Url::parse(text) {
        Ok(url) => url,
        Err(error) => return Err(TargetError::NotAUrl { url: owned(), reason: error.to_string() }),
    };
    // Host and port are the same either way; the scenario decides the protocol.
    let scheme = match url.scheme() {
        "http" | "ws" => "http",
        "https" | "wss" => "https",
        other => {
            let scheme = other.to_owned();
            let hint = match other {
                // `localhost:8080` parses as a URL of the scheme `localhost`.
                _ if !text.contains("://") => " (write http:// in front of the host)",
                _ => "",
            };
            return Err(TargetError::Scheme { url: owned(), scheme, hint });
        }
    };
    let extra = if url.path() != "/" {
        Some("a path")
    } else if url.query().is_some() {
        Some("a query")
    } else if url.fragment().is_some() {
        Some("a fragment")
    } else if !url.username().is_empty() || url.password().is_some() {
        Some("a user name or password")
    } else {
        None
    };
    if let Some(what) = extra {
        return Err(TargetError::Extra { url: owned(), what });
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    Ok((scheme.to_owned(), host, url.port_or_known_default().unwrap_or(80)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Target::resolve_with(url, |_, _| panic!("nothing to resolve")).expect_err("refused").to_string()
    }

    #[test]
    fn host_and_port_are_taken_apart() {
        let address: SocketAddr = "10.0.0.1:8080".parse().expect("an address");
        let resolver = |host: &str, port: u16| {
            assert_eq!((host, port), ("runnity.example", 8080));
            Ok(vec![address, address])
        };
        let target = Target::resolve_with("http://Runnity.example:8080", resolver).expect("fine");
        assert_eq!(target.url(), "http://runnity.example:8080");
        assert_eq!(target.addresses, [address], "an address that comes twice is kept once");
    }

    #[test]
    fn every_address_is_kept() {
        let addresses: Vec<SocketAddr> =
            ["10.0.0.1:80", "[fd00::1]:80"].map(|text| text.parse().expect("an address")).to_vec();
        let target = Target::resolve_with("http://x/", |_, port| {
            assert_eq!(port, 80);
            Ok(addresses.clone())
        });
        assert_eq!(target.expect("fine").addresses, addresses);
    }

    #[test]
    fn a_family_that_leads_nowhere_is_left_out_while_the_other_leads_somewhere() {
        let all: Vec<SocketAddr> =
            ["10.0.0.1:80", "[fd00::1]:80", "10.0.0.2:80"].map(|text| text.parse().expect("one")).to_vec();
        let used = |leads: fn(IpAddr) -> bool| {
            let mut target = Target::resolve_with("http://x", |_, _| Ok(all.clone())).expect("fine");
            target.leave_out(leads);
            (target.addresses.len(), target.left_out.iter().map(IpAddr::to_string).collect::<Vec<_>>())
        };
        assert_eq!(used(|_| true), (3, vec![]));
        assert_eq!(used(|address| address.is_ipv4()), (2, vec!["fd00::1".to_owned()]));
        assert_eq!(
            used(|address| address.is_ipv6()),
            (1, vec!["10.0.0.1".to_owned(), "10.0.0.2".to_owned()])
        );
        assert_eq!(used(|_| false), (3, vec![]), "that is the doctor's to say");
    }

    #[test]
    fn a_websocket_s_url_is_a_target_too() {
        let target = Target::resolve("ws://127.0.0.1:9001", &[]).expect("fine");
        assert_eq!(target.url(), "http://127.0.0.1:9001");
        let target = Target::resolve("wss://127.0.0.1", &[]).expect("fine");
        assert_eq!((target.url(), target.is_secure()), ("https://127.0.0.1:443".to_owned(), true));
    }

    #[test]
    fn addresses_need_no_name() {
        let target = Target::resolve("http://[::1]:8080", &[]).expect("fine");
        assert_eq!(target.host, "[::1]");
        assert_eq!(target, Target::at("[::1]:8080".parse().expect("an address")));
        assert!(target.is_loopback());
    }

    #[test]
    fn wrong_targets_are_refused() {
        assert!(refused("localhost:8080").contains("write http:// in front of the host"));
        assert!(refused("ftp://x").contains("has the scheme \"ftp\": it must be http, https, ws or wss"));
        assert!(refused("runnity").contains("is not a URL"));
        assert!(refused("http://x/api").contains("has a path"));
        assert!(refused("http://x/?a").contains("has a query"));
        assert!(refused("http://x/#a").contains("has a fragment"));
        assert!(refused("http://me@x").contains("has a user name or password"));
    }

    #[test]
    fn a_host_without_address_is_named() {
        let failing = |_: &str, _: u16| Err(io::Error::other("no such host"));
        let error = Target::resolve_with("http://nowhere.example", failing).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "the target's host \"nowhere.example\" cannot be resolved: no such host; check its spelling, or \
             give its address with --resolve HOST:PORT:ADDR"
        );
        let empty = Target::resolve_with("http://nowhere.example", |_, _| Ok(Vec::new()));
        assert!(empty.expect_err("refused").to_string().contains("has no address"));
    }
}
