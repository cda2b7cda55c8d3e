//! Shards in results: which part of a plan a run was, and of which parts a merged result is the sum.
//!
//! Copies what was measured; what the sum of shards is judged by stands here too. Invariant: health is each
//! generator's own, and is never averaged.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use startline_os::process::Host;
use startline_os::wall_clock::WallClock;

use super::build::ending_key;
use super::{AgeResult, Ending, Facts, Ordered, RunResult, Verdict};
use crate::lang::{Reason, Sentence};
use crate::numbers;

/// How far apart the shards' starts may be: what is more is not one plan's load.
pub const START_SPREAD_MAX: Duration = Duration::from_secs(1);

/// Which part of a plan a run was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardResult {
    /// Its number, from 0.
    pub index: u32,
    /// How many shards there are.
    pub of: u32,
    /// The same for all shards of a plan: of its settings but for what is a machine's own, and of what the
    /// members' files say.
    pub plan_hash: String,
    /// When it was to start; `null` without `--start-at`.
    pub start_at: Option<Timestamp>,
    /// How good this machine's clock is.
    pub clock: ClockResult,
}

/// How good a machine's clock is, by its kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClockResult {
    /// Whether something keeps it in time; `null` where the kernel does not say.
    pub synchronised: Option<bool>,
    /// How far it is off at most; `null` where nothing keeps it in time.
    pub error_max_ms: Option<f64>,
}

impl From<WallClock> for ClockResult {
    fn from(clock: WallClock) -> Self {
        let error_max_ms = clock.error_max.map(numbers::millis);
        Self { synchronised: Some(clock.is_synchronised), error_max_ms }
    }
}

/// The shards that a result is the sum of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MergedResult {
    /// How many shards the plan has.
    pub of: u32,
    /// What all of them have in common.
    pub plan_hash: String,
    /// Between the first shard's start and the last one's, by their own clocks.
    pub start_spread_ms: f64,
    /// How far two of their clocks are apart at most: the two largest errors; `null` where one is unknown.
    pub clock_error_ms: Option<f64>,
    /// Sessions planned of shards that did not finish: nothing of these shards is in the sum.
    pub missing_sessions: u64,
    /// The same as a share of all planned.
    pub missing_share: f64,
    /// Announcements between sessions of different shards, by totals; `null` where no ledger was kept.
    pub across: Option<AcrossResult>,
    /// How much of the servers' side the shards watched; `null` where none of them did.
    pub watched: Option<WatchedPartsResult>,
    /// Each shard.
    pub shards: Vec<PartResult>,
}

/// How much of the servers' side the shards watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedPartsResult {
    /// Figures, each once.
    pub figures: usize,
    /// Of these, figures that several shards watched: the sum has the first one's readings.
    pub by_several: usize,
}

/// How far what a shard recorded comes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReachedResult {
    /// The end of its last second, since its start.
    pub seconds: f64,
    /// Sessions open then.
    pub open: u64,
}

/// Announcements of sessions of one shard to observers of the others. By totals, so that a loss can cancel a
/// duplicate; pairs are judged within each shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcrossResult {
    /// Pairs of an observer and a session of another shard, both judged by their shards.
    pub expected: u64,
    /// Announcements and listings of sessions outside the observer's shard, those that came again included.
    pub received: u64,
}

/// One shard of a merged result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartResult {
    /// Its number, from 0.
    pub index: u32,
    /// The directory that it wrote.
    pub directory: String,
    /// Whether it ended by itself or by a signal; what a killed one recorded is not in the sum.
    pub is_merged: bool,
    /// How far its seconds come; `null` of one that was killed before its first.
    pub reached: Option<ReachedResult>,
    /// As in its own result.
    pub verdict: Verdict,
    /// As in its own result.
    pub ending: String,
    /// Why its verdict is what it is.
    #[serde(flatten, with = "crate::lang::sentence::reasons")]
    pub reasons: Vec<Sentence>,
    /// When it started, by its own clock; `null` of one that was killed before its first second.
    pub started_at: Option<Timestamp>,
    /// How good that is.
    pub clock: ClockResult,
    /// Its machine; `null` of one that was killed before its first second.
    pub host: Option<Host>,
    /// Engine threads.
    pub workers: u32,
    /// Sessions planned.
    pub planned: u64,
    /// Sessions begun.
    pub started: u64,
    /// Sessions opened.
    pub established: u64,
    /// Sessions failed.
    pub failed: u64,
    /// Open when accounts closed.
    pub held_to_end: u64,
    /// Its workers' lateness, 99th percentile.
    pub lag_p99_ms: Option<f64>,
    /// Over this it is inconclusive.
    pub lag_limit_ms: Option<f64>,
    /// Times in which its machine did not run it.
    pub stalls: u64,
    /// How long they were together.
    pub stalled_seconds: f64,
    /// How long its arrivals were paused.
    pub paused_seconds: f64,
    /// CPU seconds used.
    pub cpu_seconds: f64,
    /// Resident bytes in the hold.
    pub rss_bytes: u64,
    /// Sessions that observed.
    pub observers: Option<u64>,
    /// Announcements and listings of sessions outside this shard.
    pub received_from_others: Option<u64>,
    /// Ages of messages, from the servers' clock to this machine's: each machine's clock has its own error.
    pub ages: Ordered<AgeResult>,
}

impl PartResult {
    /// Of a shard that was killed before its first second.
    pub fn unbegun(shard: &ShardResult, directory: String, planned: u64) -> Self {
        Self {
            index: shard.index,
            directory,
            is_merged: false,
            reached: None,
            verdict: Verdict::Inconclusive,
            ending: ending_key(&Ending::Running).to_owned(),
            reasons: Vec::new(),
            started_at: None,
            clock: shard.clock,
            host: None,
            workers: 0,
            planned,
            started: 0,
            established: 0,
            failed: 0,
            held_to_end: 0,
            lag_p99_ms: None,
            lag_limit_ms: None,
            stalls: 0,
            stalled_seconds: 0.0,
            paused_seconds: 0.0,
            cpu_seconds: 0.0,
            rss_bytes: 0,
            observers: None,
            received_from_others: None,
            ages: Ordered::default(),
        }
    }

    /// Of a shard's own result.
    pub fn new(shard: &ShardResult, directory: String, is_merged: bool, result: &RunResult) -> Self {
        let RunResult { sessions, generator, stalls, ledger, .. } = result;
        Self {
            is_merged,
            verdict: result.verdict,
            ending: result.ending.clone(),
            reasons: result.reasons.clone(),
            started_at: Some(result.started_at),
            host: Some(result.host.clone()),
            workers: generator.workers,
            started: sessions.started,
            established: sessions.established,
            failed: sessions.failed,
            held_to_end: sessions.held_to_end,
            lag_p99_ms: generator.lag_p99_ms,
            lag_limit_ms: generator.lag_limit_ms,
            stalls: stalls.count,
            stalled_seconds: stalls.seconds,
            paused_seconds: numbers::tidy(result.pauses.iter().map(|pause| pause.seconds).sum()),
            cpu_seconds: generator.cpu_seconds,
            rss_bytes: generator.rss_bytes,
            observers: ledger.as_ref().map(|ledger| ledger.observers),
            received_from_others: ledger.as_ref().map(|ledger| ledger.strangers),
            ages: result.messages.ages.clone(),
            ..Self::unbegun(shard, directory, sessions.planned)
        }
    }

    /// Whether its workers were later than they may be.
    fn lags(&self) -> bool {
        self.lag_p99_ms.zip(self.lag_limit_ms).is_some_and(|(lag, limit)| lag > limit)
    }

    /// Why it makes the whole inconclusive. That it had nothing to judge does not: the sum is judged anew.
    fn doubt(&self, of: u32) -> Option<Sentence> {
        let is_unjudged = |reason: &Sentence| {
            matches!(
                reason.key,
                Reason::NoCriteria
                    | Reason::NoneMeasured
                    | Reason::RequiredUnmeasured
                    | Reason::AllRequiredUnmeasured
            )
        };
        let shown = |reason: Reason| reason.with(self.index.to_string()).with(of.to_string());
        if !self.is_merged {
            let planned = numbers::grouped(self.planned);
            return Some(shown(Reason::ShardUnfinished).with(planned));
        }
        if self.paused_seconds > 0.0 {
            let paused = Duration::try_from_secs_f64(self.paused_seconds).unwrap_or_default();
            return Some(shown(Reason::ShardPaused).with(numbers::span(paused)));
        }
        let first = self.reasons.first().filter(|first| !is_unjudged(first))?;
        let is_doubtful = self.verdict == Verdict::Inconclusive;
        is_doubtful.then(|| shown(Reason::ShardInconclusive).with(first.clone()))
    }
}

impl MergedResult {
    /// What makes the sum inconclusive.
    pub(super) fn doubts(&self) -> Vec<Sentence> {
        let missing = (self.missing_sessions > 0).then(|| {
            let (sessions, share) =
                (numbers::grouped(self.missing_sessions), numbers::percent(self.missing_share));
            Reason::ShardsMissing.with(sessions).with(share)
        });
        let spread = Duration::from_secs_f64(self.start_spread_ms.max(0.0) / 1e3);
        let apart = (spread > START_SPREAD_MAX).then(|| Reason::ShardsApart.with(numbers::span(spread)));
        let parts = self.shards.iter().filter_map(|part| part.doubt(self.of));
        missing.into_iter().chain(apart).chain(parts).collect()
    }

    /// Whether the workers of any shard were later than they may be.
    pub(super) fn lags(&self) -> bool {
        self.shards.iter().any(PartResult::lags)
    }
}

impl Facts {
    /// Adds another shard's. What is a machine's own and has no sum stays with the shards.
    pub fn join(&mut self, other: Self) {
        // Taken apart in full, so that a fact added later cannot be forgotten here.
        let Self {
            version: _,
            host,
            started_at,
            port_method,
            sources,
            hold_actual,
            first_start,
            last_start,
            peak,
            min_in_hold,
            held_to_end,
            away_peak,
            away_seconds,
            held_seconds,
            rss_at_start,
            rss_in_hold,
            open_at_rss,
            cpu_seconds,
            stages,
            pauses: _,
            find_max: _,
            ledger,
            membership,
            missing_updates,
            ramp_down,
            propagated_after,
            watch: _,
            watch_in_step: _,
            requires_all,
            ending,
            shard: _,
            merged: _,
            watched: _,
        } = other;
        join_hosts(&mut self.host, host);
        self.started_at = self.started_at.min(started_at);
        if self.port_method != port_method {
            self.port_method = Some("several".to_owned());
        }
        for (address, counts) in sources {
            match self.sources.iter_mut().find(|(own, _)| *own == address) {
                Some((_, own)) => *own += counts,
                None => self.sources.push((address, counts)),
            }
        }
        self.hold_actual = self.hold_actual.min(hold_actual);
        self.first_start = self.first_start.into_iter().chain(first_start).min();
        self.last_start = self.last_start.into_iter().chain(last_start).max();
        // A bound: each may have had its own at another instant.
        self.peak += peak;
        self.min_in_hold = self.min_in_hold.zip(min_in_hold).map(|(own, other)| own + other);
        self.held_to_end += held_to_end;
        // A bound, too.
        self.away_peak += away_peak;
        self.away_seconds += away_seconds;
        self.held_seconds += held_seconds;
        self.rss_at_start += rss_at_start;
        self.rss_in_hold += rss_in_hold;
        self.open_at_rss += open_at_rss;
        self.cpu_seconds += cpu_seconds;
        self.stages = std::mem::take(&mut self.stages)
            .into_iter()
            .zip(stages)
            .map(|(own, other)| own.joined(&other))
            .collect();
        join_with(&mut self.ledger, ledger, |own, other| own.add(&other));
        join_with(&mut self.membership, membership, |own, other| own.add(&other));
        self.missing_updates.extend(missing_updates);
        join_with(&mut self.ramp_down, ramp_down, |own, other| own.add(other));
        self.propagated_after.add(&propagated_after);
        self.requires_all |= requires_all;
        if self.ending == Ending::Finished {
            self.ending = ending;
        }
    }
}

fn join_with<T>(own: &mut Option<T>, other: Option<T>, add: impl Fn(&mut T, T)) {
    match (own.as_mut(), other) {
        (Some(own), Some(other)) => add(own, other),
        (None, other) => *own = other,
        (Some(_), None) => {}
    }
}

/// Several machines as one: what they have together, and what all of them are.
fn join_hosts(own: &mut Host, other: Host) {
    let Host { kernel, cpu_model, cores, memory_bytes } = other;
    let both = |own: &mut String, other: String| {
        if *own != other {
            *own = "several".to_owned();
        }
    };
    both(&mut own.kernel, kernel);
    both(&mut own.cpu_model, cpu_model);
    own.cores += cores;
    own.memory_bytes += memory_bytes;
}
