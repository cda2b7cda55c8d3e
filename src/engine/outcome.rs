//! What the engine hands over: each second while a run goes on, and its outcome at the end.
//!
//! Types, with hardly any behaviour. Invariant: everything up to the close of accounts is apart
//! from the ramp-down, which is reported and not judged.

use std::time::Duration;

use jiff::Timestamp;

use super::course::Course;
use super::stages::StageReading;
use crate::lang::{Lang, Sentence};
use crate::measure::ledger::LedgerTotals;
use crate::measure::membership::MembershipTotals;
use crate::measure::pauses::{PausedBy, Pauses};
use crate::measure::updates::MissingUpdate;
use crate::measure::{Interval, Phase, SourceCounts, Totals};
use crate::numbers;

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A worker could not make its poll or thread.
    #[error("a worker could not start: {0}")]
    Worker(String),
    /// The instant at which it was to begin has passed.
    #[error("it was to start at {start_at}, and all was ready {} later than that: give all shards a later --start-at", numbers::span(*by))]
    Late {
        /// The instant.
        start_at: Timestamp,
        /// How long ago that was.
        by: Duration,
    },
    /// It was stopped before that instant.
    #[error("stopped while waiting for --start-at: {}; nothing was loaded", .0.text(Lang::En))]
    Stopped(Sentence),
}

/// What a run is asked every 50 ms.
#[derive(Clone, Copy)]
pub struct Steering<'a> {
    /// Why to end early, if it is to.
    pub stop: &'a dyn Fn() -> Option<Sentence>,
    /// What wants arrivals to stand, as long as it does.
    pub paused: &'a dyn Fn() -> Option<PausedBy>,
    /// What decides on stages after those that the plan has.
    pub course: Option<&'a dyn Course>,
}

impl<'a> Steering<'a> {
    /// Of a run that is never paused and plays its plan.
    pub fn stopped_by(stop: &'a dyn Fn() -> Option<Sentence>) -> Self {
        Self { stop, paused: &|| None, course: None }
    }
}

/// How a run stands, once a second.
#[derive(Debug)]
pub struct Second<'a> {
    /// Since the run's start.
    pub elapsed: Duration,
    /// The phase that the run is in.
    pub phase: Phase,
    /// Whether `interval` was recorded after accounts closed: then it is the ramp-down's, and not
    /// part of `totals`.
    pub is_after: bool,
    /// Everything up to the close of accounts, so far.
    pub totals: &'a Totals,
    /// Everything that workers handed over since the last time, of one side of the close of
    /// accounts; [`Interval::covers`] says of which time.
    pub interval: &'a Interval,
    /// Sessions that have begun.
    pub started: u32,
    /// Sessions open now.
    pub open: u32,
    /// The same, with those that have finished and those that take the place of others.
    pub held: u32,
    /// Sessions that dropped and are not back.
    pub away: u32,
    /// Sessions that should have started by now.
    pub planned: u32,
    /// Times in which arrivals were paused; the last one may go on.
    pub pauses: &'a Pauses,
    /// What wants them to be now.
    pub paused: Option<PausedBy>,
    /// The control thread's readings; those not known yet are 0 or `None`.
    pub readings: RunReadings,
    /// The stages so far, where the plan has some of its own.
    pub stages: &'a [StageReading],
}

/// The control thread's own readings of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunReadings {
    /// When the first session really started, since the run's start.
    pub first_start: Option<Duration>,
    /// When the last session so far really started.
    pub last_start: Option<Duration>,
    /// The hold so far.
    pub hold_took: Duration,
    /// Most sessions open at once.
    pub peak: u32,
    /// Fewest sessions open in the hold so far; `None` before it began.
    pub min_in_hold: Option<u32>,
    /// Sessions open, summed over the seconds of the hold.
    pub held_seconds: f64,
    /// Most sessions at once that had dropped and were not back, in the hold.
    pub away_peak: u32,
    /// The same, summed over the seconds of the hold.
    pub away_seconds: f64,
    /// Resident bytes with workers up and no session made.
    pub rss_bytes_at_start: u64,
    /// Resident bytes as last read before accounts closed.
    pub rss_bytes: u64,
    /// Sessions open at that reading.
    pub open_at_rss: u32,
    /// CPU seconds of the process from the run's start to that reading.
    pub cpu_seconds: f64,
}

impl RunReadings {
    /// Notes how many sessions are away in the hold, for so long.
    pub(super) fn look_away(&mut self, away: u32, since: Duration) {
        self.away_peak = self.away_peak.max(away);
        self.away_seconds += since.as_secs_f64() * f64::from(away);
    }
}

/// The ramp-down; reported, not judged.
#[derive(Debug)]
pub struct RampDownOutcome {
    /// Everything recorded since accounts closed.
    pub totals: Totals,
    /// How long it took.
    pub took: Duration,
    /// Whether workers were still at it when their time was over.
    pub unfinished: bool,
}

/// Where a run's connections came from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// How ports were chosen: `windows`, `explicit` or `kernel`.
    pub method: &'static str,
    /// What became of the connections of each source address until accounts closed, in the plan's
    /// order; a single one if the choice was the kernel's.
    pub connections: Vec<SourceCounts>,
}

/// The outcome of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Everything up to the close of accounts.
    pub totals: Totals,
    /// The same by stage, where the plan has stages of its own.
    pub stages: Vec<StageReading>,
    /// Times in which arrivals were paused.
    pub pauses: Pauses,
    /// The pairs, if kept.
    pub ledger: Option<LedgerTotals>,
    /// Who was announced as gone and who was not, if kept.
    pub membership: Option<MembershipTotals>,
    /// The first few updates that are missing.
    pub missing_updates: Vec<MissingUpdate>,
    /// The ramp-down.
    pub ramp_down: RampDownOutcome,
    /// The control thread's readings, up to the close of accounts.
    pub readings: RunReadings,
    /// Sessions open when accounts closed.
    pub held_to_end: u32,
    /// Why the run ended early, if it did.
    pub stopped: Option<Sentence>,
    /// Spills that sessions did not give back; anything but 0 is a defect of ours.
    pub spills_left: usize,
    /// Where connections came from.
    pub sources: Sources,
}
