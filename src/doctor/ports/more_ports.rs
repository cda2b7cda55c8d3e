//! Fixes for too few ports: waiting, a wider range, fewer connections, more addresses.
//!
//! Invariant: each fix is enough by itself, and what can be typed as it stands is printed so.

use std::net::{IpAddr, Ipv6Addr};

use startline_os::system::Setting;
use startline_os::time_wait::TIME_WAIT_REUSED;
use startline_os::units::{counted, duration_text, grouped};

use super::supply::{self, Demand, Side, Supply, size, time_wait_span};
use crate::checks::Fix;
use crate::doctor::fixes;
use crate::doctor::need::{HttpConnections, Need};
use crate::doctor::readings::Readings;
use crate::plan::sources::{SOURCES_MAX, as_ranges, of_loopback};

const RANGE: &str = "net.ipv4.ip_local_port_range";
const RESERVED: &str = "net.ipv4.ip_local_reserved_ports";
const TW_REUSE: &str = "net.ipv4.tcp_tw_reuse";
const TIMESTAMPS: &str = "net.ipv4.tcp_timestamps";

/// Whatever brings the demand and the supply together.
pub(super) fn all(need: &Need, readings: &Readings, side: &Side) -> Vec<Fix> {
    let wait = side.wait(need, readings).map(|seconds| {
        Fix::advice(format!(
            "wait {seconds} s: connections from before are in TIME_WAIT, which lasts 60 s and holds their ports"
        ))
    });
    wait.into_iter().chain(for_demand(need, readings, side, side.demand)).collect()
}

/// Whatever makes a side's supply enough for so much.
pub(super) fn for_demand(need: &Need, readings: &Readings, side: &Side, demand: Demand) -> Vec<Fix> {
    let supply = &side.supply;
    let mut found = more_ports(need, readings, side, demand);
    let can_share = need.http == HttpConnections::PerSession;
    let comes_and_goes = need.turnover.is_some();
    // Of who comes and goes, the WebSockets' ports stay.
    let stays = demand.held + if comes_and_goes { side.demand.closing } else { 0 };
    if can_share && demand.waiting > 0 && stays < supply.all() {
        found.push(Fix::command("shares HTTP connections, so that none waits in TIME_WAIT", "--http pooled"));
    }
    if comes_and_goes && demand.waiting > 0 {
        found.push(fixes::stay_longer());
    }
    if !comes_and_goes
        && can_share
        && demand.waiting > 0
        && demand.held < supply.all()
        && let Some(ramp) = side.longer_ramp(need, readings, demand)
    {
        let text = "arrives more slowly, so that fewer wait in TIME_WAIT at once";
        found.push(Fix::command(text, format!("--ramp {}", duration_text(ramp))));
    }
    found.extend(reused_ports(need, readings, side, demand));
    found.extend(more_sources(supply, demand.all()));
    if found.is_empty() {
        found.push(Fix::advice(format!(
            "plan fewer sessions: a run has {} source addresses at most",
            grouped(SOURCES_MAX as u64)
        )));
    }
    found
}

/// A wider range, fewer reserved ports, or both.
fn more_ports(need: &Need, readings: &Readings, side: &Side, demand: Demand) -> Vec<Fix> {
    let supply = &side.supply;
    let range = supply.range();
    let is_enough = |ports: u64| demand.all() <= supply.of_each(ports) && ports > supply.free;
    let widest = || text_of(supply.widest());
    let mut found = Vec::new();
    let is_wide_enough = is_enough(supply.free_in(supply.widest()));
    if is_wide_enough {
        found.push(fixes::sysctl(RANGE, widest()));
        // It knows neither of connections from before nor of a slow search.
        let is_known_to_tune = supply.lingering == 0 && demand.all() == side.demand.all();
        found.extend(fixes::tune(need, readings).filter(|_| is_known_to_tune));
    }
    let ask = "ask first who reserved them, and what for";
    let of_range = size(range) - supply.free;
    let of_widest = size(supply.widest()) - supply.free_in(supply.widest());
    if is_enough(size(range)) {
        let text = format!("frees the {} reserved ports until the next boot: {ask}", grouped(of_range));
        found.push(Fix::root(text, format!("sysctl -w {RESERVED}=\"\"")));
    } else if !is_wide_enough && of_widest > 0 && is_enough(size(supply.widest())) {
        let text = format!(
            "widens the range and frees the {} ports that are reserved in it until the next boot: {ask}",
            grouped(of_widest)
        );
        found.push(Fix::root(text, format!("sysctl -w {RANGE}=\"{}\" {RESERVED}=\"\"", widest())));
    }
    found
}

/// Ports that are used again out of TIME_WAIT, in the widest range if it takes that: only where a wider range alone is not enough.
fn reused_ports(need: &Need, readings: &Readings, side: &Side, demand: Demand) -> Vec<Fix> {
    let supply = &side.supply;
    let (Ok(reuse), able) = (&readings.system.tw_reuse, if need.is_loopback() { 2 } else { 1 }) else {
        return Vec::new();
    };
    let widest = supply.free_in(supply.widest());
    let is_asked_for = demand.held == side.demand.held && demand.all() > supply.of_each(widest);
    let waits = demand.waiting > 0 || supply::cut(need, readings) > 0;
    if !waits || !is_asked_for || time_wait_span(need, readings) == TIME_WAIT_REUSED {
        return Vec::new();
    }
    let closing = need.comings().lingering(TIME_WAIT_REUSED.max(need.close_timeout));
    let cut = supply::cut(need, readings) - need.storms.closed_within(TIME_WAIT_REUSED);
    let needed = demand.held - cut + need.closed_within(TIME_WAIT_REUSED) + closing;
    let mut sets = Vec::new();
    if needed > supply.of_each(supply.free) {
        sets.push(Setting::new(RANGE, text_of(supply.widest())));
    }
    if ![1, able].contains(reuse) {
        sets.push(Setting::new(TW_REUSE, able));
    }
    // A reuse is safe by timestamps (RFC 6191): without them there is none.
    if readings.system.timestamps == Ok(0) {
        sets.push(Setting::new(TIMESTAMPS, 1));
    }
    if needed > supply.of_each(supply.free.max(widest)) {
        return Vec::new();
    }
    let text = "lets ports in TIME_WAIT be used again after 1 s, until the next boot";
    fixes::and_tune(fixes::sysctls(text, sets), need, readings)
}

fn text_of(range: (u16, u16)) -> String {
    format!("{} {}", range.0, range.1)
}

/// The source addresses that make ports enough.
fn more_sources(supply: &Supply, needed: u64) -> Vec<Fix> {
    let wide = supply.free_in(supply.widest());
    let is_allowed = |(_, all): &(u64, u64)| *all <= SOURCES_MAX as u64;
    let plain = sources_with(supply, supply.free, needed).filter(is_allowed);
    let wider = sources_with(supply, wide, needed).filter(is_allowed);
    let widen = format!("sysctl -w {RANGE}=\"{}\"", text_of(supply.widest()));
    let mut found = Vec::new();
    // Fewer addresses in a wider range: where addresses cost something, or where there cannot be so
    // many.
    let is_fewer = match (wider, plain) {
        (Some((fewer, _)), Some((more, _))) => {
            fewer < more && needed > supply.of_each(wide) && !supply.is_local
        }
        (wider, plain) => wider.is_some() && plain.is_none(),
    };
    for (sources, widen) in [(wider.filter(|_| is_fewer), Some(widen.as_str())), (plain, None)] {
        let Some((more, all)) = sources else { continue };
        found.push(if supply.is_local {
            of_this_machine(supply, all, widen)
        } else {
            of_the_network(more, all, widen)
        });
    }
    found
}

/// How many more source addresses it takes when each pair has this many ports, and how many that
/// makes. On this machine they take the place of those that there are.
fn sources_with(supply: &Supply, ports: u64, needed: u64) -> Option<(u64, u64)> {
    if ports == 0 {
        return None;
    }
    if supply.is_local {
        let all = needed.div_ceil(ports.saturating_mul(supply.per_source)).max(1);
        return Some((all, all));
    }
    let missing = needed.saturating_add(supply.lingering).div_ceil(ports).saturating_sub(supply.pairs);
    let more = missing.div_ceil(supply.per_source).max(1);
    Some((more, supply.sources + more))
}

fn of_the_network(more: u64, all: u64, widen: Option<&str>) -> Fix {
    let both = widen.map_or("", |_| "a wider range with fewer addresses: ");
    let text = format!(
        "{both}gives this machine {}; then name all {} by --source-ip",
        counted(more, "more address", "more addresses"),
        grouped(all)
    );
    Fix::root(text, format!("{}startline addresses add ADDRESS…", before(widen)))
}

/// What is typed before another command.
fn before(widen: Option<&str>) -> String {
    widen.map(|widen| format!("{widen} && ")).unwrap_or_default()
}

/// For a target on this machine the addresses can be named.
fn of_this_machine(supply: &Supply, count: u64, widen: Option<&str>) -> Fix {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if supply.is_ipv4 {
        // All of 127/8 is loopback's, nothing must be added.
        let sources = as_ranges(&of_loopback(count)).join(",");
        return match widen {
            None => {
                Fix::command("connects from more addresses of the loopback", format!("--source-ip {sources}"))
            }
            Some(widen) => {
                Fix::root(format!("widens the range; then add --source-ip {sources} to the plan"), widen)
            }
        };
    }
    // Unique local addresses (RFC 4193), beside the loopback's only one.
    let address = |index: usize| IpAddr::V6(Ipv6Addr::from_bits((0xfd00_0077 << 96) + 1 + index as u128));
    let sources = as_ranges(&(0..count).map(address).collect::<Vec<_>>()).join(",");
    Fix::root(
        format!(
            "gives these to this machine until the next boot; then add --source-ip {sources} to the plan"
        ),
        format!("{}startline addresses add {sources} --dev lo", before(widen)),
    )
}
