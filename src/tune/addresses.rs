//! Which addresses and routes were added here: what is remembered, held against what the kernel
//! shows.
//!
//! Text and JSON of `ip` in, values out. Invariant: ours is only what is remembered and has our
//! mark in the kernel as well (an address's metric, a route's proto): a network namespace's number
//! is given out again after its end, and somebody else may add again what was removed.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::Deserialize;

/// The mark of an address.
pub const METRIC: u32 = 188_188;
/// The mark of a route.
pub const PROTO: &str = "173";
/// What lets a program bind to an address of a local route of IPv6.
pub const NONLOCAL: &str = "net.ipv6.ip_nonlocal_bind";

/// A block of addresses, without host bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block {
    network: IpAddr,
    prefix: u32,
}

/// Something that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Added {
    /// An address of a device.
    Address(IpAddr),
    /// A local route of a block.
    Route(Block),
    /// The setting [`NONLOCAL`].
    Nonlocal,
}

/// What is remembered to have been added in this network namespace, and the lines of others.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    namespace: String,
    others: Vec<String>,
    /// With its device, or a setting's value before.
    pub added: BTreeMap<Added, String>,
}

/// What the kernel shows.
#[derive(Clone, Debug, Default)]
pub struct Present {
    /// Addresses, with each device that has them and whether it has our mark there.
    pub addresses: HashMap<IpAddr, Vec<(String, bool)>>,
    /// Local routes, and whether they bear our mark.
    pub routes: HashMap<Block, bool>,
    /// Whether [`NONLOCAL`] is set; `None` without IPv6.
    pub nonlocal: Option<bool>,
}

impl Block {
    /// Whether it is of IPv6.
    pub fn is_ipv6(&self) -> bool {
        self.network.is_ipv6()
    }

    /// Whether all of it is 127.0.0.0/8's, every address of which is this machine's already.
    pub fn is_loopback(&self) -> bool {
        matches!(self.network, IpAddr::V4(v4) if v4.is_loopback()) && self.prefix >= 8
    }
}

impl FromStr for Block {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("{text:?} is not a block: write one such as 10.9.0.0/24 or fd00:9::/64");
        let (network, prefix) = text.split_once('/').ok_or_else(refused)?;
        let network: IpAddr = network.parse().map_err(|_| refused())?;
        let bits = if network.is_ipv4() { 32 } else { 128 };
        let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= bits).ok_or_else(refused)?;
        let network = match network {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(bits - prefix).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(bits - prefix).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
            }
        };
        Ok(Self { network, prefix })
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "address {address}"),
            Self::Route(block) => write!(f, "route {block}"),
            Self::Nonlocal => write!(f, "setting {NONLOCAL}"),
        }
    }
}

impl Remembered {
    /// Reads the file's text: a namespace, what was added, and its device, in a line.
    ///
    /// # Errors
    /// The line that is none.
    pub fn parse(text: &str, namespace: &str) -> Result<Self, String> {
        let mut remembered = Self { namespace: namespace.to_owned(), ..Self::default() };
        for line in text.lines() {
            let refused = || line.to_owned();
            let words: Vec<&str> = line.split_whitespace().collect();
            let [of, kind, what, device] = words[..] else { return Err(refused()) };
            if of != namespace {
                remembered.others.push(line.to_owned());
                continue;
            }
            let added = match kind {
                "address" => Added::Address(what.parse().map_err(|_| refused())?),
                "route" => Added::Route(what.parse().map_err(|_| refused())?),
                "setting" if what == NONLOCAL => Added::Nonlocal,
                _ => return Err(refused()),
            };
            remembered.added.insert(added, device.to_owned());
        }
        Ok(remembered)
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let own = self.added.iter().map(|(added, device)| format!("{} {added} {device}", self.namespace));
        self.others.iter().cloned().chain(own).map(|line| line + "\n").collect()
    }

    /// Whether it is there, as it was added here.
    pub fn is_there(&self, added: &Added, present: &Present) -> bool {
        let Some(on) = self.added.get(added) else { return false };
        match added {
            Added::Address(address) => {
                let devices = present.addresses.get(address).map(Vec::as_slice).unwrap_or_default();
                devices.iter().any(|(device, is_marked)| *is_marked && device == on)
            }
            Added::Route(block) => present.routes.get(block) == Some(&true),
            // A route that was added here is what it was set for.
            Added::Nonlocal => {
                let mut routes = present.routes.iter();
                present.nonlocal == Some(true)
                    && routes.any(|(block, is_marked)| block.is_ipv6() && *is_marked)
            }
        }
    }

    /// Forgets what is not there as it was added, and returns it with its device.
    pub fn forget_the_gone(&mut self, present: &Present) -> Vec<(Added, String)> {
        let (there, gone) = std::mem::take(&mut self.added).into_iter().partition(|(added, device)| {
            let one = BTreeMap::from([(*added, device.clone())]);
            Self { added: one, ..Self::default() }.is_there(added, present)
        });
        self.added = there;
        let gone: BTreeMap<_, _> = gone;
        gone.into_iter().collect()
    }

    /// Routes of IPv6 that were added here.
    pub fn routes_of_ipv6(&self) -> impl Iterator<Item = Block> + '_ {
        self.added.keys().filter_map(|added| match added {
            Added::Route(block) if block.is_ipv6() => Some(*block),
            Added::Route(_) | Added::Address(_) | Added::Nonlocal => None,
        })
    }
}

#[derive(Deserialize)]
struct Device {
    ifname: Option<String>,
    #[serde(default)]
    addr_info: Vec<AddressOfDevice>,
}

#[derive(Deserialize)]
struct AddressOfDevice {
    local: Option<IpAddr>,
    prefixlen: u32,
    metric: Option<u32>,
}

#[derive(Deserialize)]
struct Route {
    dst: String,
    protocol: Option<String>,
    dev: Option<String>,
    gateway: Option<String>,
}

impl Present {
    /// Reads what `ip -N -json` shows: `address show`, and `route show table local type local` of
    /// both families.
    ///
    /// # Errors
    /// It is no such JSON.
    pub fn parse(addresses: &str, routes: &[String], nonlocal: Option<bool>) -> serde_json::Result<Self> {
        let mut present = Self { nonlocal, ..Self::default() };
        for device in serde_json::from_str::<Vec<Device>>(addresses)? {
            let Some(name) = device.ifname else { continue };
            for of in device.addr_info {
                let Some(address) = of.local else { continue };
                let whole = if address.is_ipv4() { 32 } else { 128 };
                let is_marked = of.metric == Some(METRIC) && of.prefixlen == whole;
                present.addresses.entry(address).or_default().push((name.clone(), is_marked));
            }
        }
        // Without a family there is no text.
        for text in routes.iter().filter(|text| !text.trim().is_empty()) {
            for route in serde_json::from_str::<Vec<Route>>(text)? {
                // One address has no prefix there, and `default` is nobody's block.
                let whole = if route.dst.contains(':') { "/128" } else { "/32" };
                let block = route.dst.parse().or_else(|_| format!("{}{whole}", route.dst).parse::<Block>());
                let Ok(block) = block else { continue };
                *present.routes.entry(block).or_default() |= route.protocol.as_deref() == Some(PROTO);
            }
        }
        Ok(present)
    }
}

/// The device of what `ip -json route get` shows, and whether a gateway leads there.
pub fn device_of_route(text: &str) -> Option<(String, bool)> {
    let route = serde_json::from_str::<Vec<Route>>(text).ok()?.into_iter().next()?;
    Some((route.dev?, route.gateway.is_some()))
}

/// The command that adds an address: a /32 or /128 makes no route of its own; one of IPv6 is
/// deprecated, so that nothing chooses it, and without duplicate address detection it can be used
/// at once.
pub fn to_add(address: IpAddr, device: &str) -> String {
    match address {
        IpAddr::V4(_) => format!("address add {address}/32 dev {device} metric {METRIC}"),
        IpAddr::V6(_) => {
            format!("address add {address}/128 dev {device} metric {METRIC} nodad preferred_lft 0")
        }
    }
}

/// The command that takes it away.
pub fn to_remove(address: IpAddr, device: &str) -> String {
    let prefix = if address.is_ipv4() { 32 } else { 128 };
    format!("address del {address}/{prefix} dev {device}")
}

/// The command that adds a route, or with `del` takes it away.
pub fn of_route(verb: &str, block: Block) -> String {
    format!("route {verb} local {block} dev lo proto {PROTO}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_what_is_remembered_and_bears_the_mark() {
        let addresses = r#"[{"ifname":"wire","addr_info":[
            {"local":"10.0.0.9","prefixlen":32,"metric":188188}, {"local":"10.0.0.8","prefixlen":32},
            {"local":"10.0.0.7","prefixlen":24,"metric":188188}]},{}]"#;
        let routes =
            [r#"[{"dst":"10.9.0.0/16","protocol":"173","dev":"lo"},{"dst":"10.8.0.1","protocol":"2"}]"#, ""];
        let present = Present::parse(addresses, &routes.map(str::to_owned), Some(true)).expect("JSON");
        assert!(!present.routes[&"10.8.0.1/32".parse().expect("one")]);
        let lines = [
            "address 10.0.0.9 wire",
            "address 10.0.0.8 wire",
            "address 10.0.0.7 wire",
            "route 10.9.0.0/16 lo",
        ];
        let text: String = lines.map(|line| format!("net:[2] {line}\n")).concat();
        let text = format!("net:[1] address 10.0.0.9 wire\n{text}net:[2] setting {NONLOCAL} 0\n");
        let mut remembered = Remembered::parse(&text, "net:[2]").expect("ours");
        let gone: Vec<String> =
            remembered.forget_the_gone(&present).iter().map(|(added, _)| added.to_string()).collect();
        assert_eq!(gone, ["address 10.0.0.7", "address 10.0.0.8", &format!("setting {NONLOCAL}")]);
        let left =
            "net:[1] address 10.0.0.9 wire\nnet:[2] address 10.0.0.9 wire\nnet:[2] route 10.9.0.0/16 lo\n";
        assert_eq!(remembered.text(), left);
        for line in ["net:[2] address", "net:[2] address x wire", "net:[2] setting net.x 0"] {
            assert_eq!(Remembered::parse(line, "net:[2]").expect_err("refused"), line);
        }
    }

    #[test]
    fn blocks_have_no_host_bits() {
        let shown = |text: &str| text.parse::<Block>().map(|block| block.to_string());
        assert_eq!(shown("10.9.1.7/16"), Ok("10.9.0.0/16".into()));
        assert_eq!(shown("0.0.0.9/0"), Ok("0.0.0.0/0".into()));
        assert_eq!(shown("FD00:9:0::7/64"), Ok("fd00:9::/64".into()));
        for text in ["10.9.0.0", "10.9.0.0/33", "fd00::/129", "x/8", "10.0.0.0/"] {
            assert!(shown(text).is_err_and(|why| why.contains("is not a block")), "{text}");
        }
    }
}
