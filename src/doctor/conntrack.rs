//! Connections that the kernel's firewall tracks: beyond the limit their packets are dropped without a word to anybody.

use std::time::Duration;

use super::check::{Check, Figure, Remedy, Verdict};
use super::need::Need;
use super::readings::Readings;
use super::system::Conntrack;
use crate::units::grouped;

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
    let waiting = need.closed_within(Duration::from_secs(tracked.time_wait_s));
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
    let remedies = vec![
        Remedy::sysctl("net.netfilter.nf_conntrack_max", tracked.count.saturating_add(needed)),
        Remedy::tune(need, readings),
    ];
    // Loaded is not in use: hooks are registered with the first rule that asks for a connection's state.
    if tracked.count == 0 {
        let why = "nothing is tracked at the moment, so that perhaps no rule asks for it; if one does, packets of connections \
                   beyond the limit are dropped";
        return check.but(Verdict::Warn, why, remedies);
    }
    let why =
        "packets of connections beyond the limit are dropped, which looks like a network that loses them";
    check.but(Verdict::Refuse, why, remedies)
}
