//! Checks the local ports: (range) × (source addresses) × (destinations), less those in TIME_WAIT.
//!
//! Where WebSockets go is not known before the server returns their URLs. Invariant: a plan is
//! refused only if it does not fit however they are spread over the target and the other hosts.

mod more_ports;
mod supply;

use startline_os::time_wait::TIME_WAIT;
use startline_os::units::{counted, duration_text, grouped};

use self::supply::{Demand, Side, Sides};
use super::fixes;
use super::need::Need;
use super::readings::Readings;
use crate::checks::{Check, Figure, Fix, Verdict};
use crate::plan::PortMethod;

pub(super) fn checks(need: &Need, readings: &Readings) -> Vec<Check> {
    vec![ports(need, readings), time_wait(need, readings)]
}

fn ports(need: &Need, readings: &Readings) -> Check {
    let (id, title) = ("ports", "local ports");
    let demand = Demand::whole(need, readings);
    let what = reason(need, readings, demand.waiting);
    let text = match demand.closing {
        0 => format!("{}: {what}", grouped(demand.all())),
        closing => format!(
            "{}: {what}; up to {} more if this side closes WebSockets first",
            grouped(demand.all()),
            grouped(closing)
        ),
    };
    let figure = Figure::new(demand.all(), "ports", text);
    let sides = match Sides::of(need, readings) {
        Ok(sides) => sides,
        Err(why) => return Check::unknown(id, title, figure, why),
    };
    let supply = &sides.both.supply;
    let check = Check::ok(id, title, Figure::new(supply.all(), "ports", supply.text(need)), figure);
    if sides.target.supply.pairs == 0 {
        let why = "no source address has the family (IPv4 or IPv6) of any address of the target";
        return check.but(
            Verdict::Refuse,
            why,
            vec![Fix::advice("give --source-ip addresses of that family")],
        );
    }
    if demand.all() > supply.all() {
        let why = format!(
            "the plan needs {} local ports at the peak ({what}) and there are {}",
            grouped(demand.all()),
            supply.text(need)
        );
        return check.but(Verdict::Refuse, why, more_ports::all(need, readings, &sides.both));
    }
    if let Some((side, whither)) = sides.each().find(|(side, _)| side.demand.all() > side.supply.all()) {
        let why = format!(
            "if all WebSockets go {whither}, the plan needs {} local ports there and there are {}",
            grouped(side.demand.all()),
            side.supply.text(need)
        );
        return check.but(Verdict::Warn, why, more_ports::all(need, readings, side));
    }
    if let Some(check) = closed_here(&check, need, readings, &sides) {
        return check;
    }
    match need.ports {
        Some(PortMethod::Kernel) => slow_search(check, need, readings, &sides),
        // The others are as fast with the last port as with the first.
        Some(PortMethod::Windows | PortMethod::Explicit) | None => check,
    }
}

/// Who closes a WebSocket's connection first, and so has it in TIME_WAIT, is the servers' decision.
fn closed_here(check: &Check, need: &Need, readings: &Readings, sides: &Sides) -> Option<Check> {
    let beyond = |side: &&Side| side.demand.at_most().all() > side.supply.all();
    let side = std::iter::once(&sides.both).chain(sides.each().map(|(side, _)| side)).find(beyond)?;
    let demand = side.demand.at_most();
    let why = format!(
        "sessions come and go: where the servers leave it to this side to close first, or answer closes late, {} \
         more ports are taken for {}, and the plan needs {} at the peak; there are {}. Then connections fail \
         with EADDRNOTAVAIL",
        grouped(side.demand.closing),
        duration_text(supply::time_wait_span(need, readings).max(need.close_timeout)),
        grouped(demand.all()),
        side.supply.text(need)
    );
    Some(check.clone().but(Verdict::Warn, why, more_ports::for_demand(need, readings, side, demand)))
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
    let text = "chooses ports in a way that stays fast up to the last one";
    let mut all = vec![Fix::command(text, format!("--ports {}", method.key()))];
    let twice = Demand { held: side.demand.held * 2, waiting: side.demand.waiting * 2, ..side.demand };
    all.extend(more_ports::for_demand(need, readings, side, twice));
    let why = "the plan takes more than half of the ports, and the kernel searches among all of them (--ports kernel): it then needs \
               milliseconds per connection";
    check.but(Verdict::Warn, why, all)
}

fn reason(need: &Need, readings: &Readings, waiting: u64) -> String {
    let mut parts = vec![counted(need.sessions.into(), "session", "sessions")];
    let half_open = need.storms.half_open();
    if half_open > 0 {
        parts.push(format!("{} half-open sockets of --drop", grouped(half_open)));
    }
    let cut = supply::cut(need, readings);
    if cut > 0 {
        parts.push(format!("{} WebSockets in TIME_WAIT that --drop closed", grouped(cut)));
    }
    if need.pooled() > 0 {
        parts.push(format!("{} pooled HTTP connections", grouped(need.pooled())));
    }
    if waiting > 0 {
        parts.push(format!("{} HTTP connections in TIME_WAIT", grouped(waiting)));
    }
    listed(&parts)
}

/// Parts of a sum in a sentence.
fn listed(parts: &[String]) -> String {
    match parts {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => parts.concat(),
    }
}

/// How many connections may wait in TIME_WAIT at all.
fn time_wait(need: &Need, readings: &Readings) -> Check {
    let (id, title) = ("time-wait", "connections in TIME_WAIT");
    let (http, websockets) = (need.closed_within(TIME_WAIT), need.websockets_closed_within(TIME_WAIT));
    let needed = http + websockets;
    let figure = match websockets {
        0 => Figure::count(needed, "connections"),
        websockets => {
            // Where the target is here, one of both sides has each.
            let whose = if readings.is_target_here(need) { "" } else { " if this side closes first" };
            let http = if http > 0 { format!("{} HTTP connections, ", grouped(http)) } else { String::new() };
            let text = format!("{}: {http}{} WebSockets{whose}", grouped(needed), grouped(websockets));
            Figure::new(needed, "connections", text)
        }
    };
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
    let why = "connections beyond the limit skip TIME_WAIT: no session fails, but a late packet may reach a new connection on the same ports";
    check.but(Verdict::Warn, why, vec![fixes::count("net.ipv4.tcp_max_tw_buckets", needed, need)])
}
