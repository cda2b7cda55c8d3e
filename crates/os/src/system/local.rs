//! Finds this machine's addresses by the routes that the kernel has for them.
//!
//! A bind shows it as well, unless `ip_nonlocal_bind` lets any address be bound: then alone the
//! routes are asked. Invariant: routes of tables that only some packets are looked up in (a
//! transparent proxy's `local default`) make no address this machine's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Files, Reading};

/// `RTF_LOCAL` of linux/ipv6_route.h.
const RTF_LOCAL: u32 = 0x8000_0000;

/// Addresses with a common beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    fn has(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Whether an address is this machine's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It is.
    ThisMachine,
    /// It is not, and why that is known.
    Another(String),
    /// Unknown, and why.
    Unclear(String),
}

/// How to tell. Of each family: nothing where a bind shows it, else the networks that the kernel
/// takes for its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnNetworks {
    /// Where `net.ipv4.ip_nonlocal_bind` is set.
    pub v4: Option<Reading<Vec<Network>>>,
    /// Where `net.ipv6.ip_nonlocal_bind` is set.
    pub v6: Option<Reading<Vec<Network>>>,
}

impl OwnNetworks {
    pub(super) fn read(files: &Files<'_>) -> Self {
        // Without the file there is no such setting, as without IPv6.
        let is_set = |family: &str| {
            files.number(&format!("proc/sys/net/{family}/ip_nonlocal_bind")).is_ok_and(|it| it != 0)
        };
        Self {
            v4: is_set("ipv4").then(|| files.parsed("proc/net/fib_trie", own_v4)),
            v6: is_set("ipv6").then(|| files.parsed("proc/net/ipv6_route", own_v6)),
        }
    }

    /// Whose an address is, `tried` being what came of binding it.
    pub fn owner(&self, address: IpAddr, tried: Result<(), String>) -> Owner {
        let (networks, sysctl) = match address {
            IpAddr::V4(_) => (&self.v4, "net.ipv4.ip_nonlocal_bind"),
            IpAddr::V6(_) => (&self.v6, "net.ipv6.ip_nonlocal_bind"),
        };
        match (tried, networks) {
            (Err(why), _) => Owner::Another(why),
            (Ok(()), None) => Owner::ThisMachine,
            (Ok(()), Some(Ok(networks))) if networks.iter().any(|network| network.has(address)) => {
                Owner::ThisMachine
            }
            (Ok(()), Some(Ok(_))) => {
                Owner::Another(format!("{sysctl} lets any be bound, and no local route has it"))
            }
            (Ok(()), Some(Err(why))) => Owner::Unclear(format!("{sysctl} lets any be bound, and {why}")),
        }
    }
}

/// The local routes of `/proc/net/fib_trie`, of the tables that every packet is looked up in.
fn own_v4(trie: &str) -> Option<Vec<Network>> {
    let mut own = Vec::new();
    let mut is_everybody_s = None;
    let mut address = None;
    for line in trie.lines() {
        if !line.starts_with(' ') {
            // The two are one, and named after either, as long as there are no rules.
            is_everybody_s = Some(matches!(line.strip_suffix(':')?, "Main" | "Local"));
        } else if let Some(leaf) = line.trim_start().strip_prefix("|-- ") {
            address = Some(leaf.trim_end().parse::<Ipv4Addr>().ok()?);
        } else if let Some(route) = line.trim_start().strip_prefix('/') {
            let mut words = route.split_whitespace();
            let prefix = words.next()?.parse().ok().filter(|prefix| *prefix <= 32)?;
            let network = Network { address: address?.into(), prefix };
            if is_everybody_s? && words.nth(1) == Some("LOCAL") && !own.contains(&network) {
                own.push(network);
            }
        }
    }
    is_everybody_s.map(|_| own)
}

/// The local routes of `/proc/net/ipv6_route`. It does not say of which table they are: a route of
/// everything is a proxy's.
fn own_v6(routes: &str) -> Option<Vec<Network>> {
    let mut own = Vec::new();
    for line in routes.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let address = Ipv6Addr::from_bits(u128::from_str_radix(words.first()?, 16).ok()?);
        let prefix = u32::from_str_radix(words.get(1)?, 16).ok().filter(|prefix| *prefix <= 128)?;
        let flags = u32::from_str_radix(words.get(8)?, 16).ok()?;
        if flags & RTF_LOCAL != 0 && prefix > 0 {
            own.push(Network { address: address.into(), prefix });
        }
    }
    (!routes.trim().is_empty()).then_some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linux 6.18 with `ip route add local 10.9.0.0/24 dev lo` and a proxy's `local 0.0.0.0/0` in
    /// table 100.
    const TRIE: &str = "Id 100:
  |-- 0.0.0.0
     /0 host LOCAL
Main:
  +-- 192.0.2.0/30 2 0 2
     |-- 192.0.2.0
        /24 link UNICAST
Local:
  +-- 0.0.0.0/1 2 0 2
     |-- 10.9.0.0
        /24 host LOCAL
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     |-- 192.0.2.2
        /32 host LOCAL
";
    const ROUTES: &str = "\
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000001 00000000 80000001       lo
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo
fd000009000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000001 00000000 80000001       lo
";

    fn owner(networks: &OwnNetworks, address: &str) -> Owner {
        networks.owner(address.parse().expect("an address"), Ok(()))
    }

    #[test]
    fn local_routes_tell_whose_an_address_is() {
        let networks = OwnNetworks {
            v4: Some(own_v4(TRIE).ok_or_else(String::new)),
            v6: Some(own_v6(ROUTES).ok_or_else(String::new)),
        };
        for address in ["127.0.1.7", "10.9.0.200", "192.0.2.2", "::1", "fd00:9::7"] {
            assert_eq!(owner(&networks, address), Owner::ThisMachine, "{address}");
        }
        for address in ["192.0.2.1", "10.9.1.1", "8.8.8.8", "fd00:8::7", "::2"] {
            let Owner::Another(why) = owner(&networks, address) else { panic!("{address} is nobody's here") };
            assert!(why.contains("ip_nonlocal_bind lets any be bound, and no local route has it"), "{why}");
        }
        let refused = networks.owner(IpAddr::from([127, 0, 0, 1]), Err("Permission denied".into()));
        assert_eq!(refused, Owner::Another("Permission denied".into()));
    }

    #[test]
    fn a_bind_shows_it_where_it_can_fail() {
        assert_eq!(owner(&OwnNetworks::default(), "10.0.0.1"), Owner::ThisMachine);
    }

    #[test]
    fn routes_that_cannot_be_read_tell_nothing() {
        let root = tempfile::tempdir().expect("a directory");
        let sysctls = root.path().join("proc/sys/net/ipv4");
        std::fs::create_dir_all(&sysctls).expect("made");
        std::fs::write(sysctls.join("ip_nonlocal_bind"), "1\n").expect("written");
        let networks = OwnNetworks::read(&Files { root: root.path() });
        let Owner::Unclear(why) = owner(&networks, "10.0.0.1") else {
            panic!("nothing says that it is ours")
        };
        assert!(why.contains("/proc/net/fib_trie"), "{why}");
        assert_eq!(
            owner(&networks, "fd00::1"),
            Owner::ThisMachine,
            "the other family's bind is to be trusted"
        );
        std::fs::write(sysctls.join("ip_nonlocal_bind"), "0\n").expect("written");
        assert_eq!(OwnNetworks::read(&Files { root: root.path() }), OwnNetworks::default());
    }

    #[test]
    fn garbage_is_no_route() {
        for text in [
            "",
            "x",
            "Main:\n  |-- 1.2.3\n",
            "Main:\n     /8 host LOCAL\n",
            "Local:\n  |-- 1.2.3.4\n     /33 host LOCAL\n",
        ] {
            assert_eq!(own_v4(text), None, "{text:?}");
        }
        for text in ["", "x", "00 00", "fd00 zz 0 0 0 0 0 0 0 lo"] {
            assert_eq!(own_v6(text), None, "{text:?}");
        }
    }
}
