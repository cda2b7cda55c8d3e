//! A stage of a run's load, as a scenario or an option writes it.
//!
//! Text alone; what sessions do in it is the plan's. Invariant: what is written reads back the same.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use startline_os::units::{self, duration_text};

/// A stage as it was asked for: `10m:1000`, or `spike=30s:5000` with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Stage {
    /// Its name in criteria and results; empty: its number, from 1.
    pub name: String,
    /// How long it takes.
    pub span: Duration,
    /// Sessions that are open at its end.
    pub level: u32,
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once('=').unwrap_or(("", text));
        let is_name = |name: &str| name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
        let wrong = || format!("\"{text}\" is not TIME:SESSIONS or NAME=TIME:SESSIONS, such as 10m:1000");
        let (span, level) = rest.split_once(':').filter(|_| is_name(name)).ok_or_else(wrong)?;
        if units::count(span).is_ok() && units::duration(level).is_ok() {
            return Err(format!("\"{text}\" has the time last: write {level}:{span}"));
        }
        Ok(Self {
            name: name.to_owned(),
            span: units::duration(span)?,
            level: if level == "0" { 0 } else { units::count(level)? },
        })
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, span, level } = self;
        let equals = if name.is_empty() { "" } else { "=" };
        write!(f, "{name}{equals}{}:{level}", duration_text(*span))
    }
}

impl TryFrom<String> for Stage {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Stage> for String {
    fn from(stage: Stage) -> Self {
        stage.to_string()
    }
}
