//! Checks the connections that the kernel's firewall tracks: beyond the limit it drops their
//! packets silently.

use std::time::Duration;

use startline_os::system::Conntrack;
use startline_os::units::grouped;

use super::fixes;
use super::need::Need;
use super::readings::Readings;
use crate::checks::{Check, Figure, Fix, Verdict};

const TITLE: &str = "tracked connections";
const ID: &str = "conntrack";

pub(super) fn checks(need: &Need, readings: &Readings) -> Vec<Check> {
    let tracked = match &readings.system.conntrack {
        Ok(Some(tracked)) => *tracked,
        Ok(None) => {
            return vec![Check::ok(ID, TITLE, Figure::words("not loaded"), Figure::words("not needed"))];
        }
        Err(why) => {
            let needed = Figure::count(need.connections(), "connections");
            return vec![Check::unknown(ID, TITLE, needed, why.as_str())];
        }
    };
    vec![judge(need, readings, tracked)]
}

fn judge(need: &Need, readings: &Readings, tracked: Conntrack) -> Check {
    // Loaded is not in use: hooks are registered with the first rule that asks for a connection's
    // state, and not even what was sent just before the count was read
    // (`Readings::of_this_machine`) is tracked.
    if tracked.count == 0 {
        return Check::ok(ID, TITLE, Figure::words("nothing is tracked"), Figure::words("not needed"));
    }
    // Whichever side closed first.
    let waits = Duration::from_secs(tracked.time_wait_s);
    let waiting = need.closed_within(waits) + need.websockets_closed_within(waits);
    let needed = need.connections() + waiting;
    let room = tracked.max.saturating_sub(tracked.count);
    let reading = format!("{} of {} free", grouped(room), grouped(tracked.max));
    let figure = match waiting {
        0 => Figure::count(needed, "connections"),
        waiting => {
            let text = format!("{}: {} of them closed ones", grouped(needed), grouped(waiting));
            Figure::new(needed, "connections", text)
        }
    };
    let check = Check::ok(ID, TITLE, Figure::new(room, "connections", reading), figure);
    if needed <= room {
        return check;
    }
    let why = "the kernel drops packets of connections beyond the limit, which looks like packet loss";
    check.but(Verdict::Refuse, why, fixes_for(need, readings, tracked, tracked.count.saturating_add(needed)))
}

fn fixes_for(need: &Need, readings: &Readings, tracked: Conntrack, wanted: u64) -> Vec<Fix> {
    const KEY: &str = "net.netfilter.nf_conntrack_max";
    if tracked.is_settable {
        return fixes::and_tune(fixes::count(KEY, wanted, need), need, readings);
    }
    vec![Fix::advice(format!(
        "{KEY} belongs to the host and is read-only in this network namespace: on the host, as root, sysctl -w {KEY}={wanted}"
    ))]
}
