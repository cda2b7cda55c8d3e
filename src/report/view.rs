//! What a view of a running run is shown, once a second.
//!
//! Views are the status line, the live view, the metrics: each reads snapshots, and each can be
//! absent. Invariant: nothing that a view does, or fails to do, reaches the run.

use std::time::Duration;

use super::timeline::Second;
use super::{Phase, RunResult};
use crate::measure::Interval;
use crate::measure::pauses::PausedBy;
use crate::plan::Plan;

/// A run after one more second.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// What is played.
    pub plan: &'a Plan,
    /// The phase that the run is in now.
    pub phase: Phase,
    /// Since the run began.
    pub elapsed: Duration,
    /// What has arrivals paused now, if anything does.
    pub paused: Option<PausedBy>,
    /// Sessions begun so far.
    pub started: u64,
    /// The row of the timeline: its time, sessions, and everything up to its end.
    pub second: &'a Second<'a>,
    /// What all workers recorded in that time alone.
    pub interval: &'a Interval,
    /// The result so far, criteria judged.
    pub result: &'a RunResult,
}

impl Snapshot<'_> {
    /// How long arrivals were paused so far.
    pub fn paused_so_far(&self) -> Duration {
        let seconds = self.result.pauses.iter().map(|pause| pause.seconds).sum();
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// How often in a second something happened that was counted in this time.
    pub fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.second.length().as_secs_f64().max(1e-3)
    }
}

/// Shows a run as it goes.
pub trait View {
    /// Shows the run after one more second.
    fn show(&mut self, snapshot: &Snapshot<'_>);

    /// Shows a line of text; `false` if this view has no place for one.
    fn say(&mut self, _line: &str) -> bool {
        false
    }

    /// Leaves: the run is over, and its summary comes next.
    fn leave(&mut self) {}
}
