//! Ports: (range) × (source addresses) × (destinations), and what waits in TIME_WAIT on them.
//!
//! Where WebSockets lead is not known before their URLs are handed out. Invariant: refused is only what does not fit however they are
//! spread over the target and the other hosts.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::check::{Check, Figure, Remedy, Verdict};
use super::need::{HttpConnections, Need};
use super::readings::Readings;
use crate::plan::capacity::TIME_WAIT;
use crate::plan::{PortMethod, capacity};
use crate::units::{counted, duration_text, grouped};

/// The range opened as far as it is sensible.
const WIDEST: (u16, u16) = (1024, 65535);
const RANGE: &str = "net.ipv4.ip_local_port_range";

pub(super) fn checks(need: &Need, readings: &Readings) -> Vec<Check> {
    vec![ports(need, readings), time_wait(need, readings)]
}

/// Ports that there are to some destinations.
struct Supply {
    range: (u16, u16),
    /// Ports of the range that connect() takes.
    free: u64,
    /// Pairs of source address and destination that each have them all.
    pairs: u64,
    /// Pairs that one more source address makes at most.
    per_source: u64,
    destinations: u64,
    /// Source addresses; where none are given, the one of each family that the kernel chooses.
    sources: u64,
    /// All destinations are of 127/8.
    is_loopback: bool,
}

/// Ports that are asked for at the peak.
#[derive(Clone, Copy)]
struct Demand {
    held: u64,
    /// In TIME_WAIT.
    waiting: u64,
}

/// Where connections lead, and what that asks for.
struct Side {
    supply: Supply,
    demand: Demand,
}

impl Demand {
    fn all(self) -> u64 {
        self.held + self.waiting
    }
}

impl Supply {
    fn of(need: &Need, readings: &Readings, destinations: &[IpAddr]) -> Result<Self, String> {
        let range = readings.system.port_range.clone()?;
        // Without the file nothing is reserved: kernels before 2.6.34.
        let reserved = readings.system.reserved_ports.as_ref().map(Vec::as_slice).unwrap_or_default();
        let free = size(range).saturating_sub(reserved_within(range, reserved));
        // A family's destinations are reached from its own sources alone.
        let to = by_family(destinations);
        let from = match need.sources.as_slice() {
            [] => to.map(|count| count.min(1)),
            sources => by_family(sources),
        };
        Ok(Self {
            range,
            free,
            pairs: from[0] * to[0] + from[1] * to[1],
            per_source: to[0].max(to[1]).max(1),
            destinations: to[0] + to[1],
            sources: from[0] + from[1],
            is_loopback: destinations.iter().all(|address| address.is_ipv4() && address.is_loopback()),
        })
    }

    fn all(&self) -> u64 {
        self.free.saturating_mul(self.pairs)
    }

    /// As many as there were in the widest range.
    fn widest(&self) -> u64 {
        let reserved = size(self.range) - self.free;
        (size(WIDEST).saturating_sub(reserved)).saturating_mul(self.pairs)
    }

    fn text(&self, need: &Need) -> String {
        let (first, last) = self.range;
        let sources = need.sources.len().max(1) as u64;
        match (sources, self.destinations) {
            (1, 0 | 1) => format!("{} ({first}-{last})", grouped(self.all())),
            // Of both families: not every source reaches every destination.
            (sources, destinations) if self.pairs != sources * destinations => format!(
                "{} ({first}-{last} × {} and {} of one family)",
                grouped(self.all()),
                counted(self.pairs, "pair of a source", "pairs of a source"),
                if need.others.is_empty() { "a target" } else { "a destination" }
            ),
            (sources, destinations) => format!(
                "{} ({first}-{last} × {} × {})",
                grouped(self.all()),
                counted(sources, "source", "sources"),
                match need.others.is_empty() {
                    true => counted(destinations, "target", "targets"),
                    false => counted(destinations, "destination", "destinations"),
                }
            ),
        }
    }
}

fn by_family(addresses: &[IpAddr]) -> [u64; 2] {
    let v4 = addresses.iter().filter(|address| address.is_ipv4()).count();
    [v4 as u64, (addresses.len() - v4) as u64]
}

/// The target's side: everything may lead there. The other hosts': WebSockets alone do. And both together.
struct Sides {
    target: Side,
    others: Option<Side>,
    both: Side,
}

impl Sides {
    fn of(need: &Need, readings: &Readings) -> Result<Self, String> {
        let whole = Demand { held: need.connections(), waiting: waiting(need, readings) };
        let targets: Vec<IpAddr> = need.targets.iter().map(SocketAddr::ip).collect();
        let others: Vec<IpAddr> = need.others.iter().map(|(address, _)| *address).collect();
        let side = |destinations: &[IpAddr], demand: Demand| {
            Supply::of(need, readings, destinations).map(|supply| Side { supply, demand })
        };
        let websockets = Demand { held: need.sessions.into(), waiting: 0 };
        Ok(Self {
            both: side(&[&targets[..], &others].concat(), whole)?,
            others: if others.is_empty() { None } else { Some(side(&others, websockets)?) },
            target: side(&targets, whole)?,
        })
    }

    /// The sides that may have to bear it alone: which URLs are handed out is not known before.
    fn each(&self) -> impl Iterator<Item = (&Side, &'static str)> {
        let others = self.others.iter().map(|side| (side, "to the other hosts"));
        std::iter::once((&self.target, "to the target")).chain(others)
    }
}

fn ports(need: &Need, readings: &Readings) -> Check {
    let (id, title) = ("ports", "local ports");
    let demand = Demand { held: need.connections(), waiting: waiting(need, readings) };
    let what = reason(need, demand.waiting);
    let figure = Figure::new(demand.all(), "ports", format!("{}: {what}", grouped(demand.all())));
    let sides = match Sides::of(need, readings) {
        Ok(sides) => sides,
        Err(why) => return Check::unknown(id, title, figure, why),
    };
    let supply = &sides.both.supply;
    let check = Check::ok(id, title, Figure::new(supply.all(), "ports", supply.text(need)), figure);
    if sides.target.supply.pairs == 0 {
        let why = "no source address is of the family (IPv4 or IPv6) of any of the target's";
        return check.but(
            Verdict::Refuse,
            why,
            vec![Remedy::advice("give --source-ip addresses of that family")],
        );
    }
    if demand.all() > supply.all() {
        let why = format!(
            "{} local ports are needed at the peak ({what}) and there are {}",
            grouped(demand.all()),
            supply.text(need)
        );
        return check.but(Verdict::Refuse, why, remedies(need, readings, &sides.both));
    }
    if let Some((side, whither)) = sides.each().find(|(side, _)| side.demand.all() > side.supply.all()) {
        let why = format!(
            "should all WebSockets lead {whither}, {} local ports are needed there and there are {}",
            grouped(side.demand.all()),
            side.supply.text(need)
        );
        return check.but(Verdict::Warn, why, remedies(need, readings, side));
    }
    match need.ports {
        Some(PortMethod::Kernel) => slow_search(check, need, readings, &sides),
        // The others are as fast with the last port as with the first.
        Some(PortMethod::Windows | PortMethod::Explicit) | None => check,
    }
}

/// The kernel's own search gets slow where most ports are taken.
fn slow_search(check: Check, need: &Need, readings: &Readings, sides: &Sides) -> Check {
    let mut each = sides.each();
    let Some((side, _)) = each.find(|(side, _)| side.demand.all() > side.supply.all() / 2) else {
        return check;
    };
    let method = match &readings.trials.features.port_windows {
        Ok(()) => PortMethod::Windows,
        Err(_) => PortMethod::Explicit,
    };
    let text = "chooses ports in a way that is as fast with the last of them";
    let mut all = vec![Remedy::command(text, format!("--ports {}", method.key()))];
    let twice = Demand { held: side.demand.held * 2, waiting: side.demand.waiting * 2 };
    all.extend(remedies_for(need, readings, &side.supply, twice));
    let why = "more than half of the ports will be taken, and the kernel searches among all of them (--ports kernel): it then takes \
               milliseconds a connection";
    check.but(Verdict::Warn, why, all)
}

/// Whatever brings the demand and the supply together.
fn remedies(need: &Need, readings: &Readings, side: &Side) -> Vec<Remedy> {
    remedies_for(need, readings, &side.supply, side.demand)
}

fn remedies_for(need: &Need, readings: &Readings, supply: &Supply, demand: Demand) -> Vec<Remedy> {
    let mut remedies = Vec::new();
    if demand.all() <= supply.widest() && supply.widest() > supply.all() {
        remedies.push(Remedy::sysctl(RANGE, format!("{} {}", WIDEST.0, WIDEST.1)));
        remedies.push(Remedy::tune(need, readings));
    }
    let can_share = need.http == HttpConnections::PerSession;
    if can_share && demand.waiting > 0 && demand.held < supply.all() {
        remedies.push(Remedy::command(
            "shares HTTP connections, so that none waits in TIME_WAIT",
            "--http pooled",
        ));
        if let Some(ramp) = longer_ramp(need, readings, supply.all(), demand) {
            let text = "arrives more slowly, so that fewer wait in TIME_WAIT at once";
            remedies.push(Remedy::command(text, format!("--ramp {}", duration_text(ramp))));
        }
    }
    remedies.extend(more_sources(supply, demand.all()));
    remedies
}

/// The source addresses that make ports enough.
fn more_sources(supply: &Supply, needed: u64) -> Vec<Remedy> {
    if supply.is_loopback {
        let sources = needed.div_ceil((supply.free * supply.per_source).max(1));
        // All of 127/8 is loopback's, nothing has to be added.
        let text = "connects from more addresses of the loopback";
        return match sources {
            0..=254 => vec![Remedy::command(text, format!("--source-ip 127.0.1.1-127.0.1.{sources}"))],
            _ => vec![Remedy::advice(format!(
                "connect from {sources} addresses of 127.0.0.0/8 by --source-ip"
            ))],
        };
    }
    let missing = needed.div_ceil(supply.free.max(1)).saturating_sub(supply.pairs);
    let more = missing.div_ceil(supply.per_source).max(1);
    let text = format!(
        "gives this box {}; then name all {} by --source-ip",
        counted(more, "more address", "more addresses"),
        grouped(supply.sources + more)
    );
    vec![Remedy::root(text, "scripts/source-addresses add ADDRESS…")]
}

/// The ramp with which what is held and what waits fit, in whole seconds.
fn longer_ramp(need: &Need, readings: &Readings, ports: u64, demand: Demand) -> Option<Duration> {
    let wait = time_wait_span(need, readings).as_secs();
    let room = ports.checked_sub(demand.held).filter(|room| *room > 0)?;
    let ramp = Duration::from_secs((u64::from(need.sessions) * wait).div_ceil(room));
    (ramp > need.ramp).then_some(ramp)
}

fn reason(need: &Need, waiting: u64) -> String {
    let mut parts = vec![format!("{} sessions", grouped(need.sessions.into()))];
    if need.pooled() > 0 {
        parts.push(format!("{} pooled HTTP connections", grouped(need.pooled())));
    }
    if waiting > 0 {
        parts.push(format!("{} HTTP connections in TIME_WAIT", grouped(waiting)));
    }
    parts.join(" and ")
}

fn waiting(need: &Need, readings: &Readings) -> u64 {
    need.closed_within(time_wait_span(need, readings))
}

/// How long a port is taken after its connection has closed; without the file nothing is reused.
fn time_wait_span(need: &Need, readings: &Readings) -> Duration {
    let reuse = readings.system.tw_reuse.as_ref().ok().and_then(|reuse| u8::try_from(*reuse).ok());
    capacity::time_wait(reuse.unwrap_or(0), need.is_loopback())
}

/// How many connections may wait in TIME_WAIT at all.
fn time_wait(need: &Need, readings: &Readings) -> Check {
    let (id, title) = ("time-wait", "connections in TIME_WAIT");
    let needed = need.closed_within(TIME_WAIT);
    let figure = Figure::count(needed, "connections");
    let most = match &readings.system.tw_buckets {
        Ok(most) => *most,
        Err(why) => return Check::unknown(id, title, figure, why.as_str()),
    };
    let reuse = match &readings.system.tw_reuse {
        Ok(0) => ", never reused",
        Ok(1) => ", reused after 1 s",
        Ok(2) => ", reused after 1 s on loopback",
        _ => "",
    };
    let reading = Figure::new(most, "connections", format!("{} at most{reuse}", grouped(most)));
    let check = Check::ok(id, title, reading, figure);
    if needed <= most {
        return check;
    }
    let why = "those beyond skip TIME_WAIT: no session fails of it, but a late packet may meet a new connection on the same ports";
    check.but(Verdict::Warn, why, vec![Remedy::sysctl("net.ipv4.tcp_max_tw_buckets", needed)])
}

/// Ports in a range.
fn size(range: (u16, u16)) -> u64 {
    u64::from(range.1).saturating_sub(u64::from(range.0)) + 1
}

/// Ports of a range that are reserved; reserved ranges do not overlap, the kernel keeps them as a set.
fn reserved_within(range: (u16, u16), reserved: &[(u16, u16)]) -> u64 {
    let overlap = |&(first, last): &(u16, u16)| {
        let (first, last) = (first.max(range.0), last.min(range.1));
        if first <= last { size((first, last)) } else { 0 }
    };
    reserved.iter().map(overlap).sum()
}
