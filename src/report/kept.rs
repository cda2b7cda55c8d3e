//! `shard.jsonl`: what a shard recorded, second by second and in the end, for [`crate::merge`].
//!
//! A head, a line a second, and an end that a killed shard does not have. Counters and histograms are
//! written as they are, so that adding up several of these files is adding what the shards' workers
//! recorded. Invariant: what is read back is what was written.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::timeline::Second;
use super::{Facts, Phase, ShardResult};
use crate::measure::{Interval, Totals};
use crate::scenario::outside::Header;

/// The version of the lines' form. Only shards of one release are added up.
pub const KEPT_VERSION: u32 = 1;

/// A line; `Line<&Interval, …>` is written, and [`KeptLine`] read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line<I, F, T> {
    /// The first.
    Head(Box<Head>),
    /// A second.
    Second(Box<KeptSecond<I>>),
    /// The last: accounts are closed and sessions have left.
    End {
        /// What the orchestration knows.
        facts: Box<F>,
        /// Everything recorded up to the close of accounts.
        totals: Box<T>,
    },
}

/// As it is read.
pub type KeptLine = Line<Interval, Facts, Totals>;

/// Whose lines they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// [`KEPT_VERSION`].
    pub form: u32,
    /// `startline`'s version.
    pub version: String,
    /// Which part of the plan it is.
    pub shard: ShardResult,
    /// The columns of the members' files, which the scenario may name.
    pub header: Option<Header>,
}

/// A row of the timeline, with what was recorded in it.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptSecond<I> {
    /// When it began, since the run's start.
    pub start: Duration,
    /// When it ended.
    pub end: Duration,
    /// It is the ramp-down's.
    pub is_after: bool,
    /// How far the run was.
    pub phase: Phase,
    /// Sessions that should have started by its end.
    pub planned: u64,
    /// Sessions open at its end.
    pub open: u64,
    /// CPU seconds used in it.
    pub cpu_seconds: f64,
    /// Resident bytes at its end.
    pub rss_bytes: u64,
    /// How long arrivals were paused in it.
    pub paused: Duration,
    /// What all workers recorded in it.
    pub interval: I,
}

impl Head {
    /// Of a shard, by this release.
    pub fn new(shard: ShardResult, header: Option<Header>) -> Self {
        Self { form: KEPT_VERSION, version: env!("CARGO_PKG_VERSION").to_owned(), shard, header }
    }

    pub(super) fn line(&self) -> Vec<u8> {
        line(&Line::<(), (), ()>::Head(Box::new(self.clone())))
    }
}

pub(super) fn second_line(second: &Second<'_>, interval: &Interval) -> Vec<u8> {
    let Second { start, end, is_after, phase, planned, open, cpu_seconds, rss_bytes, paused, .. } = *second;
    let kept =
        KeptSecond { start, end, is_after, phase, planned, open, cpu_seconds, rss_bytes, paused, interval };
    line(&Line::<&Interval, (), ()>::Second(Box::new(kept)))
}

pub(super) fn end_line(facts: &Facts, totals: &Totals) -> Vec<u8> {
    line(&Line::<(), &Facts, &Totals>::End { facts: Box::new(facts), totals: Box::new(totals) })
}

fn line(line: &impl Serialize) -> Vec<u8> {
    // Names and numbers only: nothing in it can fail to be JSON.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text
}

/// What a second of several shards is, put together of theirs.
#[derive(Debug, Default)]
pub struct Joined {
    /// Everything that they recorded.
    pub interval: Interval,
    /// From the first one's beginning.
    pub start: Duration,
    /// To the last one's end.
    pub end: Duration,
    /// CPU seconds used, by all of them.
    pub cpu_seconds: f64,
    /// The longest that one of them was paused.
    pub paused: Duration,
    /// The phase of the one that is least far.
    pub phase: Option<Phase>,
}

impl Joined {
    /// Adds a shard's.
    pub fn add(&mut self, second: KeptSecond<Interval>) {
        self.start = if self.phase.is_none() { second.start } else { self.start.min(second.start) };
        self.end = self.end.max(second.end);
        self.cpu_seconds += second.cpu_seconds;
        self.paused = self.paused.max(second.paused);
        self.phase = Some(self.phase.map_or(second.phase, |phase| phase.min(second.phase)));
        self.interval.merge(second.interval);
    }
}

/// The instant on the wall clock that is so long after the run's start.
pub fn instant(started_at: Timestamp, since: Duration) -> Timestamp {
    started_at.checked_add(since).unwrap_or(started_at)
}
