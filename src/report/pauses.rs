//! The times in which arrivals were paused, as a result has them.
//!
//! Judges nothing. Invariant: they are in order and do not overlap.

use serde::{Deserialize, Serialize};

use super::Facts;
use crate::measure::pauses::{Pause, PausedBy};
use crate::numbers::seconds;

/// A time in which arrivals were paused: all that was planned for later came later by its length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PauseResult {
    /// When it began, since the run did.
    pub from_seconds: f64,
    /// How long it lasted.
    pub seconds: f64,
    /// What asked for it.
    pub by: PausedBy,
}

pub(super) fn results(facts: &Facts) -> Vec<PauseResult> {
    let one = |pause: &Pause| PauseResult {
        from_seconds: seconds(pause.at),
        seconds: seconds(pause.took),
        by: pause.by,
    };
    facts.pauses.0.iter().map(one).collect()
}
