//! Fixes that several of the doctor's checks share.
//!
//! Judges nothing.

use std::fmt::Display;
use std::net::IpAddr;

use startline_os::system::Setting;
use startline_os::time_wait::TIME_WAIT;
use startline_os::units::duration_text;

use super::need::{HttpConnections, Need};
use super::readings::Readings;
use crate::checks::Fix;
use crate::plan::CLOSE_TIMEOUT;

/// Sets a kernel parameter until the next boot.
pub(super) fn sysctl(key: &'static str, value: impl Display) -> Fix {
    sysctls("sets it until the next boot", vec![Setting::new(key, value)])
}

/// Sets several together.
pub(super) fn sysctls(text: impl Into<String>, sets: Vec<Setting>) -> Fix {
    let quoted = |value: &str| if value.contains(' ') { format!("\"{value}\"") } else { value.to_owned() };
    let words = sets.iter().map(|set| format!(" {}={}", set.key, quoted(&set.value)));
    let command = format!("sysctl -w{}", words.collect::<String>());
    Fix { sets, ..Fix::root(text, command) }
}

/// Shows whose an address is, where the doctor could not find out.
pub(super) fn whose(address: IpAddr) -> Fix {
    Fix::command(
        "prints a line that begins with \"local\" if the address belongs to this machine",
        format!("ip route get {address}"),
    )
}

/// Sets a kernel parameter to a count that this plan needs. Where lifetimes are drawn, the next run draws others: a
/// twentieth more is for those.
pub(super) fn count(key: &'static str, needed: u64, need: &Need) -> Fix {
    let room = if need.turnover.is_some() { needed / 20 } else { 0 };
    sysctl(key, needed.saturating_add(room))
}

/// The command that writes every setting that this plan needs, and can put them back. It counts pairs of a source and a
/// target as the doctor does, is given the fewest destinations that may have to take all WebSockets, and takes half-open
/// sockets, and those that were cut and are in TIME_WAIT, for sessions. `None` where its options cannot say how sessions
/// come and go.
pub(super) fn tune(need: &Need, readings: &Readings) -> Option<Fix> {
    let cut = need.storms.half_open() + need.storms.closed_within(TIME_WAIT);
    let (load, ramp) = match (&need.turnover, &need.shape) {
        (None, _) => {
            let sessions = u64::from(need.sessions) + cut;
            (format!("--sessions {sessions}"), format!(" --ramp {}", duration_text(need.ramp)))
        }
        (Some(_), Some(shape)) if cut == 0 && need.close_timeout <= CLOSE_TIMEOUT => {
            (shape.clone(), String::new())
        }
        (Some(_), _) => return None,
    };
    let sources = need.sources.len().max(1);
    let targets = match need.others.len() {
        0 => need.pairs() / sources,
        others => need.targets.len().min(others),
    };
    let mut command =
        format!("startline tune apply {load} --sources {sources} --targets {}{ramp}", targets.max(1));
    match need.http {
        HttpConnections::PerSession => {}
        HttpConnections::None => command.push_str(" --http none"),
        HttpConnections::Pooled { per_worker } => {
            command.push_str(&format!(" --http pooled --http-connections {per_worker}"));
        }
    }
    if need.workers_given {
        command.push_str(&format!(" --workers {}", need.workers));
    }
    command.push_str(match need.mock {
        Some(_) => " --mock",
        None if !readings.is_target_here(need) => "",
        None if need.is_loopback() => " --server",
        None => " --server --no-loopback",
    });
    Some(Fix::root(
        "sets this and the other kernel settings that the plan needs; startline tune revert puts them back",
        command,
    ))
}

/// A setting's own command, and the one that writes all of them.
pub(super) fn and_tune(fix: Fix, need: &Need, readings: &Readings) -> Vec<Fix> {
    std::iter::once(fix).chain(tune(need, readings)).collect()
}

/// What to plan where too many come and go at once.
pub(super) fn stay_longer() -> Fix {
    Fix::advice(
        "let sessions stay longer (--lifetime), or plan fewer, so that fewer connections close at once",
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
