//! Stalls of this machine, as a result has them.
//!
//! Judges nothing. Invariant: what is listed is in order and does not overlap.

use serde::{Deserialize, Serialize};

use super::Facts;
use crate::measure::{Stall, Stalls};
use crate::numbers::seconds;

/// Times in which this machine did not run the load generator: stopped, suspended, or busy with
/// other things.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StallsResult {
    /// How many.
    pub count: u64,
    /// The sum of those listed.
    pub seconds: f64,
    /// The longest of those listed; `null` if there was none.
    pub longest_seconds: Option<f64>,
    /// The first 200, in order.
    pub listed: Vec<StallResult>,
}

/// A stall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StallResult {
    /// When it began, on the wall clock.
    pub at: jiff::Timestamp,
    /// When it began, since the run did.
    pub from_seconds: f64,
    /// When it ended.
    pub to_seconds: f64,
    /// Workers that did not run in it.
    pub workers: u32,
}

pub(super) fn result(stalls: &Stalls, facts: &Facts) -> StallsResult {
    let stall = |stall: &Stall| StallResult {
        at: facts.started_at + stall.from,
        from_seconds: seconds(stall.from),
        to_seconds: seconds(stall.to),
        workers: stall.workers,
    };
    StallsResult {
        count: stalls.count(),
        seconds: seconds(stalls.total()),
        longest_seconds: stalls.longest().map(|stall| seconds(stall.lasted())),
        listed: stalls.kept().iter().map(stall).collect(),
    }
}
