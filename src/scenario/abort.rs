//! When a run ends early: a measure of its last seconds is beyond a limit.
//!
//! As text `errors.rate>50%:10s`. Knows no results. Invariant: what is printed parses to the same.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use startline_os::units::{self, duration_text};

use super::{Scenario, criteria};

/// How long a measure must be beyond its limit, where nothing is said.
const FOR_DEFAULT: Duration = Duration::from_secs(10);

/// Prefixes of measures that have no figure for a second of a run, except those of whole runs.
const OF_NO_SECONDS: [&str; 1] = ["updates."];

/// A rule to end a run early.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AbortRule {
    /// The measure, as criteria name it.
    pub measure: String,
    /// Above the limit is bad, or below it.
    pub side: Side,
    /// The limit, in the measure's own unit; shares are 0 to 1.
    pub limit: f64,
    /// Of the last so long it is.
    pub over: Duration,
    /// The limit was written in per cent.
    is_percent: bool,
}

/// Which side of a limit ends the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Values above it.
    Above,
    /// Values below it.
    Below,
}

impl AbortRule {
    /// The rule of a run that sets none: more errors than successes for 10 s.
    pub fn default_rules() -> Vec<Self> {
        let measure = "errors.rate".to_owned();
        vec![Self { measure, side: Side::Above, limit: 0.5, over: FOR_DEFAULT, is_percent: true }]
    }

    /// The whole name of its measure: of a step's latency `steps.` may be left out.
    pub fn full_measure(&self, steps: &[String]) -> String {
        criteria::full_name(&self.measure, steps)
    }

    /// Whether the limit was written in per cent.
    pub fn is_percent(&self) -> bool {
        self.is_percent
    }

    /// Checks that a scenario has the measure, and that it is of a part of a run.
    ///
    /// # Errors
    /// Why it has not, or is not.
    pub fn check(&self, scenario: &Scenario) -> Result<(), String> {
        let steps = scenario.step_names();
        let measure = self.full_measure(&steps);
        criteria::unit_of(&measure, &steps, scenario.websocket.as_ref())?;
        let mut others = criteria::OF_A_RUN.iter().chain(&OF_NO_SECONDS);
        if let Some(name) = others.find(|name| measure.starts_with(**name)) {
            return Err(format!(
                "a rule that ends a run early looks at its last seconds ({}), and {name}* is of a whole run; \
                 use errors.rate, a step's latency, an every.* count or sessions.min_in_hold_share",
                duration_text(self.over)
            ));
        }
        Ok(())
    }

    /// Whether this value is beyond the limit.
    pub fn is_beyond(&self, value: f64) -> bool {
        match self.side {
            Side::Above => value > self.limit,
            Side::Below => value < self.limit,
        }
    }
}

impl fmt::Display for AbortRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.side == Side::Above { '>' } else { '<' };
        let (limit, unit) =
            if self.is_percent { ((self.limit * 1e8).round() / 1e6, "%") } else { (self.limit, "") };
        write!(f, "{}{side}{limit}{unit}:{}", self.measure, duration_text(self.over))
    }
}

impl From<AbortRule> for String {
    fn from(rule: AbortRule) -> Self {
        rule.to_string()
    }
}

impl TryFrom<String> for AbortRule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for AbortRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form =
            || format!("{text:?} is not MEASURE>LIMIT or MEASURE>LIMIT:TIME, such as errors.rate>50%:10s");
        let at = text.find(['>', '<']).ok_or_else(form)?;
        let (measure, rest) = (text[..at].trim(), &text[at + 1..]);
        let side = if text.as_bytes()[at] == b'>' { Side::Above } else { Side::Below };
        let (limit, over) = match rest.split_once(':') {
            Some((limit, over)) => (limit.trim(), units::duration(over.trim())?),
            None => (rest.trim(), FOR_DEFAULT),
        };
        let is_percent = limit.ends_with('%');
        let number: f64 = limit.trim_end_matches('%').trim_end().parse().map_err(|_| form())?;
        if measure.is_empty() || !number.is_finite() {
            return Err(form());
        }
        if over.is_zero() {
            return Err(format!("{text:?} is of no time: a measure is of the last TIME, such as 10s"));
        }
        let limit = if is_percent { number / 100.0 } else { number };
        Ok(Self { measure: measure.to_owned(), side, limit, over, is_percent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_and_prints_the_same() {
        for text in
            ["errors.rate>50%:10s", "steps.enter.p95_ms>500:1m", "sessions.min_in_hold_share<99.9%:5s"]
        {
            assert_eq!(text.parse::<AbortRule>().unwrap().to_string(), text);
        }
        let short: AbortRule = "errors.rate > 5 %".parse().unwrap();
        assert_eq!((short.limit, short.over), (0.05, Duration::from_secs(10)));
        assert_eq!(AbortRule::default_rules()[0].to_string(), "errors.rate>50%:10s");
    }

    #[test]
    fn what_is_no_rule_says_what_one_looks_like() {
        let no_time = "errors.rate>50%:0s";
        for text in
            ["", "errors.rate", "errors.rate>", ">50%", "errors.rate>half", "errors.rate>50%:soon", no_time]
        {
            assert!(text.parse::<AbortRule>().is_err(), "{text}");
        }
        assert!("x".parse::<AbortRule>().unwrap_err().contains("errors.rate>50%:10s"));
    }
}
