//! Fixes that several of the doctor's checks share.
//!
//! Judges nothing.

use std::fmt::Display;
use std::net::IpAddr;

use super::need::Need;
use super::readings::Readings;
use crate::checks::Fix;

/// Sets a kernel parameter until the next boot.
pub(super) fn sysctl(name: &str, value: impl Display) -> Fix {
    let value = value.to_string();
    let quoted = if value.contains(' ') { format!("\"{value}\"") } else { value };
    Fix::root("sets it until the next boot", format!("sysctl -w {name}={quoted}"))
}

/// Shows whose an address is, where the doctor could not find out.
pub(super) fn whose(address: IpAddr) -> Fix {
    Fix::command(
        "prints a line that begins with \"local\" if the address belongs to this machine",
        format!("ip route get {address}"),
    )
}

/// The script that sets what it knows of them for this plan (descriptors, ports, backlog,
/// conntrack), and puts it back. It is told of the fewest destinations that may have to bear all
/// WebSockets.
pub(super) fn tune(need: &Need, readings: &Readings) -> Fix {
    let targets = match need.others.len() {
        0 => need.targets.len(),
        others => need.targets.len().min(others),
    };
    let mut command = format!(
        "scripts/tune apply --sessions {} --sources {} --targets {} --ramp {}s",
        need.sessions,
        need.sources.len().max(1),
        targets.max(1),
        need.ramp.as_secs_f64().ceil().max(1.0)
    );
    if readings.is_target_here(need) {
        command.push_str(" --server");
    }
    Fix::root(
        "sets this and what else the plan needs of the kernel; scripts/tune revert puts it back",
        command,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_several_words_are_quoted() {
        let fix = sysctl("a.b", "1 2");
        assert_eq!((fix.command.as_deref(), fix.needs_root), (Some("sysctl -w a.b=\"1 2\""), true));
        assert_eq!(sysctl("a.b", 7).command.as_deref(), Some("sysctl -w a.b=7"));
    }
}
