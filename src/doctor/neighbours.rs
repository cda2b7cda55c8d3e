//! Addresses on the LAN that this machine talks to: the kernel keeps a neighbour entry for each.
//!
//! Invariant: there is a check only where the addresses are more than the kernel's defaults hold,
//! on whichever side has them: a load generator knows its targets, a server its clients' source
//! addresses.

use startline_os::system::Setting;
use startline_os::system::{NEIGHBOURS_DEFAULT, Owner};
use startline_os::units::grouped;

use super::fixes;
use super::need::Need;
use super::readings::Readings;
use crate::checks::{Check, Figure, Verdict};

const UNIT: &str = "addresses";
/// Entries of other machines: gateways, name servers, whoever else is there.
const SPARE: u64 = 128;

pub(super) fn checks(need: &Need, readings: &Readings) -> Vec<Check> {
    let is_far = |owner: &Owner| matches!(owner, Owner::Another(_));
    let sources = readings.trials.sources.iter().filter(|(_, owner)| is_far(owner)).count();
    let destinations = need.destinations();
    let targets = destinations.iter().filter(|(address, _)| !readings.is_of_this_machine(*address)).count();
    let needed = (sources + targets) as u64 + SPARE;
    let thresholds = &readings.system.neighbours;
    let short: Vec<_> = thresholds.iter().filter(|(_, most)| *most < needed).collect();
    if needed <= NEIGHBOURS_DEFAULT[0].1 {
        return Vec::new();
    }
    let least = thresholds.iter().map(|(_, most)| *most).min().unwrap_or_default();
    let check = Check::ok(
        "neighbours",
        "neighbour table",
        Figure::new(least, UNIT, format!("gc_thresh {}", grouped(least))),
        Figure::new(needed, UNIT, format!("{} on the LAN, and {SPARE} to spare", grouped(needed - SPARE))),
    );
    if short.is_empty() {
        return vec![check];
    }
    let why = "past gc_thresh2 the kernel drops entries older than 5 s, past gc_thresh3 it makes no new one";
    let sets = short.iter().map(|(key, _)| Setting::new(key, needed)).collect();
    let found = fixes::and_tune(fixes::sysctls("sets them until the next boot", sets), need, readings);
    vec![check.but(Verdict::Warn, why, found)]
}
