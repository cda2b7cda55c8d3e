//! A check as data, and what the groups of checks make theirs with.
//!
//! Knows no limit. Invariant: whatever is not [`Verdict::Ok`] says why.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;

use super::need::{HttpConnections, Need};
use super::readings::Readings;
use crate::units::{duration_text, grouped};

/// What a check comes to; later ones are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It could not be found out.
    Unknown,
    /// It suffices.
    Ok,
    /// The run can be made, and its results may suffer.
    Warn,
    /// What has to be so before a test is not: `preflight` alone says so.
    Fail,
    /// The plan cannot fit.
    Refuse,
}

impl Verdict {
    /// The worst of the checks', unknown ones left out.
    pub fn worst(checks: &[Check]) -> Self {
        let known = checks.iter().map(|check| check.verdict).filter(|verdict| *verdict != Self::Unknown);
        known.max().unwrap_or(Self::Ok)
    }
}

/// A quantity, for people and for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// In words.
    pub text: String,
    /// The number, where one number says it.
    pub value: Option<u64>,
    /// Of what, in the plural.
    pub unit: &'static str,
}

/// A kernel setting, and the value that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As `sysctl` spells it.
    pub key: &'static str,
    /// As it is written.
    pub value: String,
}

/// Something that mends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// What it does.
    pub text: String,
    /// A command that can be pasted; none when there is nothing to type.
    pub command: Option<String>,
    /// Whether it needs root.
    pub needs_root: bool,
    /// The kernel settings that it writes: what `startline tune` goes by.
    #[serde(skip)]
    pub sets: Vec<Setting>,
}

/// One limit, held against the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name in kebab-case; stays the same from version to version.
    pub id: &'static str,
    /// Its name for people.
    pub title: Cow<'static, str>,
    /// What this box has.
    pub reading: Figure,
    /// What the plan takes.
    pub need: Figure,
    /// One against the other.
    pub verdict: Verdict,
    /// The reason, where it is not ok.
    pub why: Option<String>,
    /// Each of them by itself mends it, unless its text says otherwise; best first.
    pub remedies: Vec<Remedy>,
}

impl Figure {
    /// A count in words of its own.
    pub fn new(value: u64, unit: &'static str, text: impl Into<String>) -> Self {
        Self { text: text.into(), value: Some(value), unit }
    }

    /// A bare count.
    pub fn count(value: u64, unit: &'static str) -> Self {
        Self::new(value, unit, grouped(value))
    }

    /// Words only.
    pub fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), value: None, unit: "" }
    }

    /// What could not be found out.
    pub fn unknown() -> Self {
        Self::words("unknown")
    }
}

impl Remedy {
    /// Something to type as whoever one is.
    pub fn command(text: impl Into<String>, command: impl Into<String>) -> Self {
        Self { text: text.into(), command: Some(command.into()), needs_root: false, sets: Vec::new() }
    }

    /// Something to type as root.
    pub fn root(text: impl Into<String>, command: impl Into<String>) -> Self {
        Self { needs_root: true, ..Self::command(text, command) }
    }

    /// Something to do.
    pub fn advice(text: impl Into<String>) -> Self {
        Self { text: text.into(), command: None, needs_root: false, sets: Vec::new() }
    }

    /// Sets a kernel parameter until the next boot.
    pub fn sysctl(key: &'static str, value: impl std::fmt::Display) -> Self {
        Self::sysctls("sets it until the next boot", vec![Setting::new(key, value)])
    }

    /// Sets several together.
    pub fn sysctls(text: impl Into<String>, sets: Vec<Setting>) -> Self {
        let quoted =
            |value: &str| if value.contains(' ') { format!("\"{value}\"") } else { value.to_owned() };
        let words = sets.iter().map(|set| format!(" {}={}", set.key, quoted(&set.value)));
        let command = format!("sysctl -w{}", words.collect::<String>());
        Self { sets, ..Self::root(text, command) }
    }

    /// What tells whose an address is, where the doctor could not.
    pub fn whose(address: IpAddr) -> Self {
        Self::command("begins with \"local\" if it is this box's", format!("ip route get {address}"))
    }

    /// The command that writes every setting that this plan needs, and can put them back. It counts pairs of a source and a
    /// target as the doctor does, and is given the fewest destinations that may have to take all WebSockets.
    pub fn tune(need: &Need, readings: &Readings) -> Self {
        let sources = need.sources.len().max(1);
        let targets = match need.others.len() {
            0 => need.pairs() / sources,
            others => need.targets.len().min(others),
        };
        let mut command = format!(
            "startline tune apply --sessions {} --sources {sources} --targets {} --ramp {}",
            need.sessions,
            targets.max(1),
            duration_text(need.ramp)
        );
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
        command.push_str(match need.stand_in {
            Some(_) => " --mock",
            None if !readings.is_target_here(need) => "",
            None if need.is_loopback() => " --server",
            None => " --server --no-loopback",
        });
        Self::root(
            "sets this and the other kernel settings that the plan needs; startline tune revert puts them back",
            command,
        )
    }
}

impl Setting {
    /// This value for this key.
    pub fn new(key: &'static str, value: impl std::fmt::Display) -> Self {
        Self { key, value: value.to_string() }
    }
}

impl Check {
    /// One that suffices.
    pub fn ok(id: &'static str, title: impl Into<Cow<'static, str>>, reading: Figure, need: Figure) -> Self {
        Self { id, title: title.into(), reading, need, verdict: Verdict::Ok, why: None, remedies: Vec::new() }
    }

    /// The same, with another verdict.
    pub fn but(self, verdict: Verdict, why: impl Into<String>, remedies: Vec<Remedy>) -> Self {
        Self { verdict, why: Some(why.into()), remedies, ..self }
    }

    /// One whose reading is missing.
    pub fn unknown(
        id: &'static str,
        title: impl Into<Cow<'static, str>>,
        need: Figure,
        why: impl Into<String>,
    ) -> Self {
        Self::ok(id, title, Figure::unknown(), need).but(Verdict::Unknown, why, Vec::new())
    }
}
