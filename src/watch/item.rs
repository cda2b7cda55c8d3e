//! What is watched: a figure of a source, its limits, and how it is judged.
//!
//! Data alone. Invariant: an item that has a limit has a judge that can exceed it.

use std::time::Duration;

use startline_os::units;

use crate::nearest;

/// One thing that is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The name that the user, or the built-in set, gave it.
    pub name: String,
    /// What is read, in the source's own language.
    pub expression: String,
    /// The figure's unit, for display: `ms`, `B`, `%`, `/s`; empty for a count.
    pub unit: String,
    /// How its readings are judged.
    pub judge: Judge,
    /// From where on it is a warning or a failure; none: it is shown, not judged.
    pub limits: Limits,
    /// How often it is read.
    pub every: Duration,
    /// It is of a step's requests, and goes into the result as that.
    pub requests: Option<Requests>,
}

/// Which of an item's readings, from the first arrival to the close of accounts, is held against the
/// limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judge {
    /// The last one.
    End,
    /// The one farthest on the limits' side: the greatest, or the smallest where limits are `_under`.
    Worst,
    /// The mean of the worst minute.
    WorstMinute,
    /// The value that was exceeded for at least this long.
    Sustained(Duration),
    /// The 95th percentile of all readings.
    P95,
    /// What the last reading has more than the first: for counters.
    Growth,
    /// The slope over the hold, a minute: a leak.
    Slope,
    /// The slope over the sessions open, during the ramp: what one more session takes.
    PerSession,
}

/// What an item says of a step's requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requests {
    /// The step, as in results.
    pub step: String,
    /// Which `uri` it is, with `*` for its variables.
    pub uri: String,
    /// What is counted.
    pub what: What,
}

/// What is counted of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// How many were answered.
    Count,
    /// How many of them with an error.
    Errors,
    /// How long the server took, in milliseconds.
    Millis,
}

/// Limits on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// A warning beyond this.
    pub warn: Option<f64>,
    /// A failure beyond this.
    pub fail: Option<f64>,
    /// Whether values below the limits are beyond them (a least number of targets), not above.
    pub is_least: bool,
}

/// How a figure compares with its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Beyond {
    /// Within both.
    Neither,
    /// Beyond the warning's.
    Warn,
    /// Beyond the failure's.
    Fail,
}

impl Limits {
    /// Whether there is one.
    pub fn is_set(&self) -> bool {
        self.warn.is_some() || self.fail.is_some()
    }

    /// Compares a figure with them; the limits themselves are within.
    pub fn beyond(&self, value: f64) -> Beyond {
        let is_beyond = |limit: Option<f64>| {
            limit.is_some_and(|limit| if self.is_least { value < limit } else { value > limit })
        };
        match (is_beyond(self.fail), is_beyond(self.warn)) {
            (true, _) => Beyond::Fail,
            (_, true) => Beyond::Warn,
            _ => Beyond::Neither,
        }
    }
}

/// The judges' names, and an example of the one that has a time.
const NAMES: [&str; 8] =
    ["end", "worst", "worst-minute", "sustained 30s", "p95", "growth", "slope", "per-session"];
/// A time over which a value has to be exceeded can be this long: its readings are kept.
const SUSTAINED_MAX: Duration = Duration::from_secs(600);

impl Judge {
    /// Reads a judge as it is written in a file.
    ///
    /// # Errors
    /// There is none of this name, or its time is not one.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(span) = text.strip_prefix("sustained") {
            let span = span.trim();
            let span =
                units::duration(span).map_err(|why| format!("{why}; write it such as \"sustained 30s\""))?;
            return match span.is_zero() || span > SUSTAINED_MAX {
                true => Err("its time must be over zero and can be 10m at most".to_owned()),
                false => Ok(Self::Sustained(span)),
            };
        }
        Ok(match text {
            "end" => Self::End,
            "worst" => Self::Worst,
            "worst-minute" => Self::WorstMinute,
            "p95" => Self::P95,
            "growth" => Self::Growth,
            "slope" => Self::Slope,
            "per-session" => Self::PerSession,
            _ => {
                let hint = nearest::hint(text, &NAMES);
                return Err(format!("there is no judge {text:?}{hint}; known: {}", NAMES.join(", ")));
            }
        })
    }

    /// The judge as it is written in a file.
    pub fn key(self) -> String {
        match self {
            Self::End => "end".into(),
            Self::Worst => "worst".into(),
            Self::WorstMinute => "worst-minute".into(),
            Self::Sustained(span) => format!("sustained {}", units::duration_text(span)),
            Self::P95 => "p95".into(),
            Self::Growth => "growth".into(),
            Self::Slope => "slope".into(),
            Self::PerSession => "per-session".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_are_read_as_they_are_written() {
        for text in NAMES {
            assert_eq!(Judge::parse(text).map(Judge::key), Ok(text.to_owned()));
        }
        let refused = |text: &str| Judge::parse(text).expect_err(text);
        assert!(refused("wosrt").contains("did you mean \"worst\"?"), "{}", refused("wosrt"));
        assert!(refused("sustained").contains("such as \"sustained 30s\""), "{}", refused("sustained"));
        assert!(refused("sustained 11m").contains("10m at most"));
        assert!(refused("sustained 0s").contains("over zero"));
    }

    #[test]
    fn limits_themselves_are_within() {
        let over = Limits { warn: Some(10.0), fail: Some(50.0), is_least: false };
        let beyond = [10.0, 10.1, 50.0, 50.1].map(|value| over.beyond(value));
        assert_eq!(beyond, [Beyond::Neither, Beyond::Warn, Beyond::Warn, Beyond::Fail]);
        let under = Limits { warn: None, fail: Some(2.0), is_least: true };
        assert_eq!([2.0, 1.9].map(|value| under.beyond(value)), [Beyond::Neither, Beyond::Fail]);
        assert!(!Limits::default().is_set() && under.is_set());
    }
}
