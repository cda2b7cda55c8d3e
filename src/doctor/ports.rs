//! Ports: (range) × (source addresses) × (the target's addresses), and what waits in TIME_WAIT on them.

use std::net::IpAddr;
use std::time::Duration;

use super::check::{Check, Figure, Remedy, Verdict};
use super::need::{HttpConnections, Need};
use super::readings::Readings;
use crate::plan::capacity::{TIME_WAIT, TIME_WAIT_REUSED};
use crate::units::{duration_text, grouped};

/// The range opened as far as it is sensible.
const WIDEST: (u16, u16) = (1024, 65535);
const RANGE: &str = "net.ipv4.ip_local_port_range";

pub(super) fn checks(need: &Need, readings: &Readings) -> Vec<Check> {
    let sources = (!need.sources.is_empty()).then(|| source_addresses(need, readings));
    sources.into_iter().chain([ports(need, readings), time_wait(need, readings)]).collect()
}

/// Whether the addresses that connections are to come from are this box's.
fn source_addresses(need: &Need, readings: &Readings) -> Check {
    let given = need.sources.len() as u64;
    let foreign: Vec<&(IpAddr, Result<(), String>)> =
        readings.trials.sources.iter().filter(|(_, tried)| tried.is_err()).collect();
    let usable = given.saturating_sub(foreign.len() as u64);
    let check = Check::ok(
        "source-addresses",
        "source addresses",
        Figure::new(usable, "addresses", format!("{} can be bound", grouped(usable))),
        Figure::count(given, "addresses"),
    );
    let Some((first, Err(error))) = foreign.first() else { return check };
    let names: Vec<String> = foreign.iter().map(|(address, _)| address.to_string()).collect();
    let why = match foreign.len() {
        1 => format!("{first} cannot be bound here: {error}"),
        count => format!("{count} cannot be bound here, the first is {first}: {error}"),
    };
    let prefix = if first.is_ipv4() { 32 } else { 128 };
    let remedies = vec![
        Remedy::root(
            "gives them to this box until the next boot",
            format!("scripts/source-addresses add {}", names.join(" ")),
        ),
        Remedy::root(
            "does one by hand; DEVICE is the interface towards the target",
            format!("ip addr add {first}/{prefix} dev DEVICE"),
        ),
    ];
    check.but(Verdict::Refuse, why, remedies)
}

/// Ports that there are.
struct Supply {
    range: (u16, u16),
    /// Ports of the range that connect() takes.
    free: u64,
    /// Pairs of source and target address that each have them all.
    pairs: u64,
    /// Pairs that one more source address makes.
    per_source: u64,
}

impl Supply {
    fn of(need: &Need, readings: &Readings) -> Result<Self, String> {
        let range = readings.system.port_range.clone()?;
        // Without the file nothing is reserved: kernels before 2.6.34.
        let reserved = readings.system.reserved_ports.as_ref().map(Vec::as_slice).unwrap_or_default();
        let free = size(range).saturating_sub(reserved_within(range, reserved));
        let (v4, v6) = need.sources.iter().fold((0, 0), |(v4, v6), source| match source {
            IpAddr::V4(_) => (v4 + 1, v6),
            IpAddr::V6(_) => (v4, v6 + 1),
        });
        let sources_for = |target: &std::net::SocketAddr| match (need.sources.is_empty(), target.is_ipv4()) {
            (true, _) => 1,
            (false, true) => v4,
            (false, false) => v6,
        };
        let pairs = need.targets.iter().map(sources_for).sum();
        Ok(Self { range, free, pairs, per_source: (need.targets.len() as u64).max(1) })
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
        let sources = need.sources.len().max(1);
        match (sources, need.targets.len()) {
            (1, 0 | 1) => format!("{} ({first}-{last})", grouped(self.all())),
            (sources, targets) => format!(
                "{} ({first}-{last} × {} × {})",
                grouped(self.all()),
                counted(sources as u64, "source", "sources"),
                counted(targets as u64, "target", "targets")
            ),
        }
    }
}

fn ports(need: &Need, readings: &Readings) -> Check {
    let (id, title) = ("ports", "local ports");
    let waiting = waiting(need, readings);
    let needed = need.connections() + waiting;
    let what = reason(need, waiting);
    let figure = Figure::new(needed, "ports", format!("{}: {what}", grouped(needed)));
    let supply = match Supply::of(need, readings) {
        Ok(supply) => supply,
        Err(why) => return Check::unknown(id, title, figure, why),
    };
    let check = Check::ok(id, title, Figure::new(supply.all(), "ports", supply.text(need)), figure);
    if supply.pairs == 0 {
        let why = "no source address is of the family (IPv4 or IPv6) of any of the target's";
        return check.but(
            Verdict::Refuse,
            why,
            vec![Remedy::advice("give --source-ip addresses of that family")],
        );
    }
    if needed > supply.all() {
        let why = format!(
            "{} local ports are needed at the peak ({what}) and there are {}",
            grouped(needed),
            supply.text(need)
        );
        return check.but(Verdict::Refuse, why, remedies(need, readings, &supply, needed));
    }
    match &readings.trials.features.port_windows {
        Err(error) if needed > supply.all() / 2 => {
            let why = format!(
                "more than half of the ports will be taken, and no socket's search for one can be narrowed (IP_LOCAL_PORT_RANGE: \
                 {error}): it then takes milliseconds a connection"
            );
            let mut remedies = remedies(need, readings, &supply, needed * 2);
            remedies.push(Remedy::advice("a kernel from Linux 6.3 on"));
            check.but(Verdict::Warn, why, remedies)
        }
        _ => check,
    }
}

/// Whatever brings the need and the supply together.
fn remedies(need: &Need, readings: &Readings, supply: &Supply, needed: u64) -> Vec<Remedy> {
    let mut remedies = Vec::new();
    if needed <= supply.widest() && supply.widest() > supply.all() {
        remedies.push(Remedy::sysctl(RANGE, format!("{} {}", WIDEST.0, WIDEST.1)));
        remedies.push(Remedy::tune(need));
    }
    let waiting = waiting(need, readings);
    let can_share = need.http == HttpConnections::PerSession;
    if can_share && waiting > 0 && needed - waiting < supply.all() {
        remedies.push(Remedy::command(
            "shares HTTP connections, so that none waits in TIME_WAIT",
            "--http pooled",
        ));
        if let Some(ramp) = longer_ramp(need, readings, supply.all()) {
            let text = "arrives more slowly, so that fewer wait in TIME_WAIT at once";
            remedies.push(Remedy::command(text, format!("--ramp {}", duration_text(ramp))));
        }
    }
    remedies.extend(more_sources(need, supply, needed));
    remedies
}

/// The source addresses that make ports enough.
fn more_sources(need: &Need, supply: &Supply, needed: u64) -> Vec<Remedy> {
    let sources = needed.div_ceil((supply.free * supply.per_source).max(1));
    if need.targets.iter().all(|target| target.is_ipv4() && target.ip().is_loopback()) {
        // All of 127/8 is loopback's, nothing has to be added.
        let text = "connects from more addresses of the loopback";
        return match sources {
            0..=254 => vec![Remedy::command(text, format!("--source-ip 127.0.1.1-127.0.1.{sources}"))],
            _ => vec![Remedy::advice(format!(
                "connect from {sources} addresses of 127.0.0.0/8 by --source-ip"
            ))],
        };
    }
    let more = sources.saturating_sub(need.sources.len().max(1) as u64).max(1);
    let text = format!(
        "gives this box {}; then name all {sources} by --source-ip",
        counted(more, "more address", "more addresses")
    );
    vec![Remedy::root(text, "scripts/source-addresses add ADDRESS…")]
}

/// The ramp with which sessions and what waits fit, in whole seconds.
fn longer_ramp(need: &Need, readings: &Readings, ports: u64) -> Option<Duration> {
    let wait = time_wait_span(need, readings).as_secs();
    let room = ports.checked_sub(need.connections()).filter(|room| *room > 0)?;
    Some(Duration::from_secs((u64::from(need.sessions) * wait).div_ceil(room)))
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

/// How long a port is taken after its connection has closed.
fn time_wait_span(need: &Need, readings: &Readings) -> Duration {
    match &readings.system.tw_reuse {
        Ok(1) => TIME_WAIT_REUSED,
        Ok(2) if need.is_loopback() => TIME_WAIT_REUSED,
        // Kernels before 4.19 know no 2; without the file nothing is reused.
        _ => TIME_WAIT,
    }
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

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}
