//! What is watched: a figure of a source, its limits, and how it is judged.
//!
//! Data alone. Invariant: an item that has a limit has a judge that can exceed it.

use std::time::Duration;

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
}

/// Which of an item's readings, from the first arrival to the close of accounts, is held against the
/// limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judge {
    /// The last one.
    End,
    /// The greatest.
    Max,
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
