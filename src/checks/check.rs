//! A check as data: a reading, a need, the verdict between them, and the fixes.
//!
//! Knows no limit. Invariant: whatever is not [`Verdict::Ok`] says why.

use std::borrow::Cow;

use serde::Serialize;
use startline_os::system::Setting;
use startline_os::units::grouped;

/// The outcome of a check; later ones are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The reading is missing.
    Unknown,
    /// The reading satisfies the need.
    Ok,
    /// The run is possible, and its results may suffer.
    Warn,
    /// Something that a test requires is not there. Only `preflight` says so.
    Fail,
    /// The plan cannot fit.
    Refuse,
}

impl Verdict {
    /// Returns the worst verdict of the checks, unknown ones left out.
    pub fn worst(checks: &[Check]) -> Self {
        let known = checks.iter().map(|check| check.verdict).filter(|verdict| *verdict != Self::Unknown);
        known.max().unwrap_or(Self::Ok)
    }
}

/// A quantity, for people and for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// The quantity in words.
    pub text: String,
    /// The number, where one number says it.
    pub value: Option<u64>,
    /// The unit, in the plural.
    pub unit: &'static str,
}

/// A way to fix what a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What it does.
    pub text: String,
    /// A command that can be pasted; none when there is nothing to type.
    pub command: Option<String>,
    /// Whether it needs root.
    pub needs_root: bool,
    /// Whether the command becomes root by itself.
    #[serde(skip)]
    pub has_sudo: bool,
    /// The kernel settings that it writes: `startline tune` goes by them.
    #[serde(skip)]
    pub sets: Vec<Setting>,
}

/// A reading, compared with what the plan or the test needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name in kebab-case; stays the same from version to version.
    pub id: &'static str,
    /// Its name for people.
    pub title: Cow<'static, str>,
    /// What was found.
    pub reading: Figure,
    /// What is needed.
    pub need: Figure,
    /// The outcome.
    pub verdict: Verdict,
    /// The reason, where it is not ok.
    pub why: Option<String>,
    /// Any one of them is enough, unless its text says otherwise; best first.
    pub fixes: Vec<Fix>,
    /// Whether it was not made at all, since another check failed or somebody interrupted.
    #[serde(skip)]
    pub skipped: bool,
}

impl Figure {
    /// A count with a text of its own.
    pub fn new(value: u64, unit: &'static str, text: impl Into<String>) -> Self {
        Self { text: text.into(), value: Some(value), unit }
    }

    /// A count.
    pub fn count(value: u64, unit: &'static str) -> Self {
        Self::new(value, unit, grouped(value))
    }

    /// Words only.
    pub fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), value: None, unit: "" }
    }

    /// A missing reading.
    pub fn unknown() -> Self {
        Self::words("unknown")
    }
}

impl Fix {
    /// A command for any user.
    pub fn command(text: impl Into<String>, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..Self::advice(text) }
    }

    /// A command for root.
    pub fn root(text: impl Into<String>, command: impl Into<String>) -> Self {
        Self { needs_root: true, ..Self::command(text, command) }
    }

    /// A command that becomes root by its own `sudo`.
    pub fn sudo(text: impl Into<String>, command: impl Into<String>) -> Self {
        Self { has_sudo: true, ..Self::root(text, command) }
    }

    /// Something to do, without a command.
    pub fn advice(text: impl Into<String>) -> Self {
        Self { text: text.into(), command: None, needs_root: false, has_sudo: false, sets: Vec::new() }
    }
}

impl Check {
    /// A check whose reading satisfies the need.
    pub fn ok(id: &'static str, title: impl Into<Cow<'static, str>>, reading: Figure, need: Figure) -> Self {
        let title = title.into();
        Self { id, title, reading, need, verdict: Verdict::Ok, why: None, fixes: Vec::new(), skipped: false }
    }

    /// The same check with another verdict.
    pub fn but(self, verdict: Verdict, why: impl Into<String>, fixes: Vec<Fix>) -> Self {
        Self { verdict, why: Some(why.into()), fixes, ..self }
    }

    /// A check whose reading is missing.
    pub fn unknown(
        id: &'static str,
        title: impl Into<Cow<'static, str>>,
        need: Figure,
        why: impl Into<String>,
    ) -> Self {
        Self::ok(id, title, Figure::unknown(), need).but(Verdict::Unknown, why, Vec::new())
    }

    /// A check that was not made. `cause` completes "not checked, because …".
    pub fn skipped(id: &'static str, title: impl Into<Cow<'static, str>>, need: Figure, cause: &str) -> Self {
        let why = format!("not checked, because {cause}");
        Self { skipped: true, ..Self::unknown(id, title, need, why) }
    }
}
