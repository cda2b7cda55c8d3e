//! Checks how many connections may wait to be accepted, if the target is on this machine.

use std::time::Duration;

use startline_mock::BACKLOG;
use startline_os::system::Owner;
use startline_os::units::{duration_text, grouped};

use super::fixes;
use super::need::{Mock, Need};
use super::readings::Readings;
use crate::checks::{Check, Figure, Fix, Verdict};

const ID: &str = "backlog";
const TITLE: &str = "target's accept queue";
const UNIT: &str = "connections";

/// The need is a second's arrivals: a server may be busy with something else for that long.
pub(super) fn checks(need: &Need, readings: &Readings) -> Vec<Check> {
    let needed = need.connections_per_second();
    let figure = Figure::new(needed, UNIT, format!("{} arrive in a second", grouped(needed)));
    if !readings.is_target_here(need) {
        return vec![elsewhere(readings)];
    }
    let most = match &readings.system.somaxconn {
        Ok(most) => *most,
        Err(why) => return vec![Check::unknown(ID, TITLE, figure, why.as_str())],
    };
    let accepted = match need.mock {
        Some(mock) => of_mock(need, readings, mock, most, figure),
        None => of_server(need, readings, most, figure),
    };
    std::iter::once(accepted).chain(half_open(need, readings)).collect()
}

/// Connections that are being made. With SYN cookies nothing is refused; without them a quarter of the queue stays free.
fn half_open(need: &Need, readings: &Readings) -> Option<Check> {
    let (Ok(0), Ok(most)) = (&readings.system.syncookies, &readings.system.syn_backlog) else { return None };
    let arriving = need.connections_per_second();
    let needed = arriving + arriving / 3 + 1;
    let figure = Figure::new(needed, UNIT, format!("{} arrive in a second", grouped(arriving)));
    let check = Check::ok("syn-backlog", "target's SYN queue", Figure::count(*most, UNIT), figure);
    if needed <= *most {
        return Some(check);
    }
    let why = "without net.ipv4.tcp_syncookies a SYN that finds three quarters of the queue taken is dropped";
    let found = fixes::and_tune(fixes::count("net.ipv4.tcp_max_syn_backlog", needed, need), need, readings);
    Some(check.but(Verdict::Warn, why, found))
}

/// If the target is not on this machine, or not known to be.
fn elsewhere(readings: &Readings) -> Check {
    let of_target = Figure::words("a limit of the target's machine");
    let check = Check::ok(ID, TITLE, of_target, Figure::words("not of this machine"));
    let unclear = readings.trials.targets.iter().find_map(|(address, owner)| match owner {
        Owner::Unclear(why) => Some((*address, why)),
        Owner::ThisMachine | Owner::Another(_) => None,
    });
    match unclear {
        Some((address, why)) => {
            let why = format!(
                "the target {address} may be on this machine, which no check here takes into account: {why}"
            );
            check.but(Verdict::Warn, why, vec![fixes::whose(address)])
        }
        None => check,
    }
}

fn of_mock(need: &Need, readings: &Readings, mock: Mock, most: u64, figure: Figure) -> Check {
    let needed = need.connections_per_second();
    let listeners = mock.workers.max(1) as u64;
    let room = most.min(BACKLOG as u64) * listeners;
    let reading =
        format!("{} in {listeners} listener{}", grouped(room), if listeners == 1 { "" } else { "s" });
    let check = Check::ok(ID, TITLE, Figure::new(room, UNIT, reading), figure);
    if needed <= room {
        return check;
    }
    let each = needed.div_ceil(listeners);
    let mut fixes = Vec::new();
    if most < BACKLOG as u64 && each <= BACKLOG as u64 {
        fixes.extend(fixes::and_tune(fixes::count("net.core.somaxconn", each, need), need, readings));
    }
    fixes.extend(slower(need, room));
    check.but(Verdict::Warn, OVERFLOW, fixes)
}

/// How long a queue the server asked for is not known; the kernel grants at most `somaxconn`.
fn of_server(need: &Need, readings: &Readings, most: u64, figure: Figure) -> Check {
    let needed = need.connections_per_second();
    let mut reading = format!("somaxconn {}", grouped(most));
    if let Ok(syn) = &readings.system.syn_backlog {
        reading += &format!(", syn backlog {}", grouped(*syn));
    }
    let check = Check::ok(ID, TITLE, Figure::new(most, UNIT, reading), figure);
    if needed <= most {
        return check;
    }
    let mut fixes = fixes::and_tune(fixes::count("net.core.somaxconn", needed, need), need, readings);
    fixes.extend(slower(need, most));
    let why = format!("{OVERFLOW}; the server must ask for a queue of that length, too");
    check.but(Verdict::Warn, why, fixes)
}

const OVERFLOW: &str = "if the server does not accept for a second, the queue overflows, and the kernel retries a connection that finds \
                        it full only after a second";

/// The ramp with which at most `room` connections arrive in a second.
fn slower(need: &Need, room: u64) -> Option<Fix> {
    if need.turnover.is_some() {
        return Some(fixes::stay_longer());
    }
    let connections = u64::from(need.sessions) * need.connections_each();
    let ramp = Duration::from_secs(connections.div_ceil(room.max(1)));
    (ramp > need.ramp)
        .then(|| Fix::command("sessions arrive more slowly", format!("--ramp {}", duration_text(ramp))))
}
