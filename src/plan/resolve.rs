//! `--resolve`: addresses given for a host and port, instead of what the name resolves to.
//!
//! Same syntax as curl's (`host:port:address`): to load one server of several, or one whose name is
//! not in the DNS yet, under the name in its certificate. Opens no connection. Invariant: a
//! [`Resolve`] has at least one address.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Addresses for a host and port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Resolve {
    /// In lower case, without brackets.
    pub host: String,
    /// The port for which it holds.
    pub port: u16,
    /// What to connect to.
    pub addresses: Vec<IpAddr>,
}

impl FromStr for Resolve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = |what: &str| {
            format!("{text:?} {what}: write host:port:address, such as runnity.example:443:10.0.0.5")
        };
        // The host may be an IPv6 address in brackets, and so may each address.
        let (host, rest) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once("]:").ok_or_else(|| refused("has no port"))?,
            None => text.split_once(':').ok_or_else(|| refused("has no port"))?,
        };
        let (port, addresses) = rest.split_once(':').ok_or_else(|| refused("has no address"))?;
        if host.is_empty() || host.contains(['/', '*']) {
            return Err(refused("names no host"));
        }
        let port = port.parse().map_err(|_| refused("has no port in its middle"))?;
        let addresses: Result<Vec<IpAddr>, _> = addresses
            .split(',')
            .map(|address| address.trim_start_matches('[').trim_end_matches(']').parse())
            .collect();
        let addresses = addresses.map_err(|_| refused("does not end with an IP address"))?;
        Ok(Self { host: host.to_ascii_lowercase(), port, addresses })
    }
}

impl TryFrom<String> for Resolve {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Resolve> for String {
    fn from(resolve: Resolve) -> Self {
        resolve.to_string()
    }
}

impl fmt::Display for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}:", self.host, self.port)?,
            false => write!(f, "{}:{}:", self.host, self.port)?,
        }
        for (index, address) in self.addresses.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match address {
                IpAddr::V4(v4) => write!(f, "{comma}{v4}")?,
                IpAddr::V6(v6) => write!(f, "{comma}[{v6}]")?,
            }
        }
        Ok(())
    }
}

/// Returns the addresses given for a host (without brackets) and port, if any.
pub fn given<'r>(overrides: &'r [Resolve], host: &str, port: u16) -> Option<&'r [IpAddr]> {
    let fits = |resolve: &&Resolve| resolve.port == port && resolve.host.eq_ignore_ascii_case(host);
    overrides.iter().find(fits).map(|resolve| resolve.addresses.as_slice())
}

/// Returns the addresses of a host and port: as given, else as the name resolves.
///
/// # Errors
/// The resolver's error.
pub fn addresses(overrides: &[Resolve], host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match given(overrides, host, port) {
        Some(addresses) => Ok(addresses.iter().map(|address| SocketAddr::new(*address, port)).collect()),
        None => (host, port).to_socket_addrs().map(Iterator::collect),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_the_same() {
        for text in [
            "runnity.example:443:10.0.0.5",
            "runnity.example:443:10.0.0.5,10.0.0.6",
            "x:80:[fd00::1]",
            "[::1]:80:127.0.0.1",
        ] {
            let resolve: Resolve = text.parse().expect(text);
            assert_eq!(resolve.to_string(), text);
        }
        let bare: Resolve = "X:80:fd00::1".parse().expect("an address without brackets is clear at the end");
        assert_eq!(bare.to_string(), "x:80:[fd00::1]");
    }

    #[test]
    fn wrong_text_is_refused_with_what_to_write() {
        for (text, what) in [
            ("runnity.example", "has no port"),
            ("runnity.example:443", "has no address"),
            ("runnity.example:https:10.0.0.5", "has no port in its middle"),
            ("runnity.example:443:other.example", "does not end with an IP address"),
            (":443:10.0.0.5", "names no host"),
            ("*:443:10.0.0.5", "names no host"),
        ] {
            let error = text.parse::<Resolve>().expect_err(text);
            assert!(error.contains(what) && error.contains("write host:port:address"), "{text}: {error}");
        }
    }

    #[test]
    fn it_holds_for_its_host_and_port_only() {
        let overrides = ["runnity.example:443:10.0.0.5".parse().expect("fine")];
        assert!(given(&overrides, "RUNNITY.example", 443).is_some());
        assert!(given(&overrides, "runnity.example", 80).is_none());
        assert!(given(&overrides, "ws.runnity.example", 443).is_none());
    }
}
