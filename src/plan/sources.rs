//! `--source-ip`: the addresses that sessions come from, as an address, a range or a CIDR block.
//!
//! Text and arithmetic only; whether this machine has an address is found out by binding to it.
//! Invariants: a [`SourceSpec`] has at least one address and at most [`SOURCES_MAX`]; a list of
//! them is in the order given, each address once.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Source addresses of a run at most. Each worker has a slice of the ports of each.
pub const SOURCES_MAX: usize = 4096;

/// How a run's connections get their ports; all in the same way, since the ways obstruct each
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum PortMethod {
    /// The kernel searches, in a window set for each socket (`IP_LOCAL_PORT_RANGE`, Linux 6.3).
    Windows,
    /// Each socket is bound to a port.
    Explicit,
    /// The kernel searches its whole range.
    Kernel,
}

impl PortMethod {
    /// Returns the name in results.
    pub fn key(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Explicit => "explicit",
            Self::Kernel => "kernel",
        }
    }
}

/// One `--source-ip`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceSpec {
    text: String,
    first: IpAddr,
    count: usize,
}

impl SourceSpec {
    /// Returns its addresses, in order.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        (0..self.count).map(|index| nth(self.first, index))
    }
}

/// Returns all addresses of a list, in order, each once.
///
/// # Errors
/// There are more than [`SOURCES_MAX`].
pub fn all(specs: &[SourceSpec]) -> Result<Vec<IpAddr>, String> {
    let mut seen = HashSet::new();
    let addresses: Vec<IpAddr> =
        specs.iter().flat_map(SourceSpec::addresses).filter(|address| seen.insert(*address)).collect();
    match addresses.len() {
        0..=SOURCES_MAX => Ok(addresses),
        count => Err(format!("{count} addresses are more than the {SOURCES_MAX} that a run can use")),
    }
}

/// Writes addresses as few [`SourceSpec`]s: neighbours that follow each other make a range.
pub fn as_ranges(addresses: &[IpAddr]) -> Vec<String> {
    let mut runs: Vec<(IpAddr, usize)> = Vec::new();
    for address in addresses {
        match runs.last_mut() {
            Some((first, count)) if nth(*first, *count) == *address => *count += 1,
            _ => runs.push((*address, 1)),
        }
    }
    let text = |(first, count): (IpAddr, usize)| match count {
        1 => first.to_string(),
        _ => format!("{first}-{}", nth(first, count - 1)),
    };
    runs.into_iter().map(text).collect()
}

/// Returns the loopback addresses that a run uses where one has too few ports: 127.0.1.1 and on.
pub fn of_loopback(count: usize) -> Vec<IpAddr> {
    let first = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));
    (0..count).map(|index| nth(first, index)).collect()
}

/// How many addresses [`of_loopback`] has at most: 127.0.1.0/24 without its first and last.
pub const LOOPBACK_MAX: usize = 254;

fn nth(first: IpAddr, index: usize) -> IpAddr {
    match first {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits().wrapping_add(index as u32)).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits().wrapping_add(index as u128)).into(),
    }
}

impl FromStr for SourceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = match (text.split_once('/'), text.split_once('-')) {
            (Some((network, prefix)), _) => block(network, prefix),
            (None, Some((first, last))) => range(first, last),
            (None, None) => address(text).map(|address| (address, 1)),
        };
        let refused = |why: String| {
            format!(
                "{text:?} {why}: write an address, a range or a block, such as 10.0.0.11, 10.0.0.11-10.0.0.17 or 10.0.0.0/28"
            )
        };
        let (first, count) = parsed.map_err(refused)?;
        match usize::try_from(count) {
            Ok(count) if count <= SOURCES_MAX => Ok(Self { text: text.to_owned(), first, count }),
            _ => Err(refused(format!("has more than the {SOURCES_MAX} addresses that a run can use"))),
        }
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text.trim().parse().map_err(|_| match text.contains('%') {
        true => "has a zone, which source addresses cannot have".to_owned(),
        false => format!("has {text:?}, which is not an IP address"),
    })?;
    usable(address)
}

fn usable(address: IpAddr) -> Result<IpAddr, String> {
    if matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
        return Err(format!(
            "has {address}, a link-local address, which works only with a zone and is not supported"
        ));
    }
    match address.is_unspecified() || address.is_multicast() || address == Ipv4Addr::BROADCAST {
        true => Err(format!("has {address}, which nothing can be sent from")),
        false => Ok(address),
    }
}

/// Reads `A-B`, where B may be the last number alone of an IPv4 address.
fn range(first: &str, last: &str) -> Result<(IpAddr, u128), String> {
    let first = address(first)?;
    let last = match (first, last.trim().parse::<u8>()) {
        (IpAddr::V4(v4), Ok(last)) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, last))
        }
        _ => address(last)?,
    };
    let (from, to) = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => (u128::from(first.to_bits()), u128::from(last.to_bits())),
        (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits(), last.to_bits()),
        _ => return Err("goes from one family of addresses to the other".to_owned()),
    };
    match to.checked_sub(from) {
        Some(steps) => Ok((first, steps.saturating_add(1))),
        None => Err("ends before it begins".to_owned()),
    }
}

/// Returns the hosts of a block: without an IPv4 network's own address and its broadcast address,
/// where it is large enough to have them (RFC 3021), and without an IPv6 subnet's router address
/// (RFC 4291, 2.6.1).
fn block(network: &str, prefix: &str) -> Result<(IpAddr, u128), String> {
    let network = address_of_block(network)?;
    let bits = if network.is_ipv4() { 32 } else { 128 };
    let prefix: u32 = prefix.trim().parse().ok().filter(|prefix| *prefix <= bits).ok_or_else(|| {
        format!("has {prefix:?}, which is not a prefix length of that family (0 to {bits})")
    })?;
    let size = 1_u128.checked_shl(bits - prefix).unwrap_or(u128::MAX);
    let first = match network {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(bits - prefix).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(bits - prefix).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    };
    let (first, count) = match (first, size) {
        (_, 1 | 2) => (first, size),
        (IpAddr::V4(_), size) => (nth(first, 1), size - 2),
        (IpAddr::V6(_), size) => (nth(first, 1), size - 1),
    };
    usable(first).map(|first| (first, count))
}

fn address_of_block(text: &str) -> Result<IpAddr, String> {
    text.trim().parse().map_err(|_| format!("has {text:?}, which is not an IP address"))
}

impl TryFrom<String> for SourceSpec {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<SourceSpec> for String {
    fn from(spec: SourceSpec) -> Self {
        spec.text
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let spec: SourceSpec = text.parse().expect("a spec");
        assert_eq!(spec.to_string(), text);
        spec.addresses().map(|address| address.to_string()).collect()
    }

    fn refused(text: &str) -> String {
        text.parse::<SourceSpec>().expect_err("refused")
    }

    #[test]
    fn addresses_ranges_and_blocks() {
        assert_eq!(read("10.0.0.11"), ["10.0.0.11"]);
        assert_eq!(read("10.0.0.254-10.0.1.1"), ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]);
        assert_eq!(read("10.0.0.11-13"), ["10.0.0.11", "10.0.0.12", "10.0.0.13"]);
        assert_eq!(
            read("10.0.0.5/30"),
            ["10.0.0.5", "10.0.0.6"],
            "of .4 to .7, without network and broadcast"
        );
        assert_eq!(read("10.0.0.4/31"), ["10.0.0.4", "10.0.0.5"]);
        assert_eq!(read("10.0.0.4/32"), ["10.0.0.4"]);
        assert_eq!(read("fd00::5-fd00::6"), ["fd00::5", "fd00::6"]);
        assert_eq!(read("fd00::/126"), ["fd00::1", "fd00::2", "fd00::3"]);
        assert_eq!(read("127.0.1.0/24").len(), LOOPBACK_MAX);
    }

    #[test]
    fn wrong_text_is_refused_with_what_to_write() {
        for (text, why) in [
            ("", "not an IP address"),
            ("10.0.0", "not an IP address"),
            ("10.0.0.9-10.0.0.3", "ends before it begins"),
            ("10.0.0.9-fd00::1", "one family"),
            ("10.0.0.0/33", "not a prefix length"),
            ("10.0.0.0/", "not a prefix length"),
            ("10.0.0.0/8", "more than the 4096"),
            ("fd00::/64", "more than the 4096"),
            ("::/0", "more than the 4096"),
            ("::1-8000::", "more than the 4096"),
            ("0.0.0.0", "nothing can be sent from"),
            ("224.0.0.1", "nothing can be sent from"),
            ("224.0.0.0/28", "nothing can be sent from"),
            ("0.0.0.0/32", "nothing can be sent from"),
            ("fe80::1%eth0", "has a zone"),
            ("fe80::1", "link-local address, which works only with a zone and is not supported"),
            ("fe80::/120", "link-local"),
            ("fe7f::ffff-fe80::", "link-local"),
        ] {
            let error = refused(text);
            assert!(error.contains(why) && error.contains("such as 10.0.0.11"), "{text}: {error}");
        }
    }

    #[test]
    fn a_list_has_each_address_once_and_not_too_many() {
        let specs =
            |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a spec")).collect::<Vec<_>>();
        let list = all(&specs(&["10.0.0.2", "10.0.0.1-10.0.0.3"])).expect("few");
        assert_eq!(
            list.iter().map(IpAddr::to_string).collect::<Vec<_>>(),
            ["10.0.0.2", "10.0.0.1", "10.0.0.3"]
        );
        assert!(all(&specs(&["10.0.0.0/20", "10.0.16.0/20"])).expect_err("8,188").contains("8188 addresses"));
    }

    #[test]
    fn many_addresses_become_few_specs_that_mean_the_same() {
        let block: SourceSpec = "10.64.0.0/20".parse().expect("a spec");
        let addresses: Vec<IpAddr> = block.addresses().collect();
        assert_eq!(as_ranges(&addresses), ["10.64.0.1-10.64.15.254"]);
        let specs =
            ["fd00::9", "fd00::1-fd00::3", "10.0.0.255-10.0.1.0", "10.0.0.7", "255.255.255.254", "::2"]
                .map(|text| text.parse().expect("a spec"));
        let some = all(&specs).expect("few");
        assert_eq!(as_ranges(&some), specs.each_ref().map(SourceSpec::to_string));
        assert!(as_ranges(&[]).is_empty());
    }

    #[test]
    fn loopback_has_254() {
        let addresses = of_loopback(LOOPBACK_MAX);
        assert_eq!(addresses[0].to_string(), "127.0.1.1");
        assert_eq!(addresses[253].to_string(), "127.0.1.254");
    }
}
