//! The sum of shards: their seconds replayed side by side, and one result.
//!
//! Seconds are those since each shard's own start, so that what the plan has in one second stays together;
//! how far apart the starts were is in the result. Invariants: the totals are the sum of the shards' own,
//! not of the seconds that a full disk may have lost; a shard without an end adds nothing.

use std::iter::Peekable;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::part::Seconds;
use super::watched::Watched;
use super::{MergeError, Part};
use crate::measure::pauses::Pauses;
use crate::measure::{Layout, Totals};
use crate::numbers;
use crate::plan::Plan;
use crate::report::files::{Lacking, ResultsDir, Second};
use crate::report::kept::{Joined, instant};
use crate::report::{AcrossResult, Facts, MergedResult, PartResult, ReachedResult, RunResult};

/// The shards of a plan, ready to be added up.
#[derive(Debug)]
pub struct Merged {
    parts: Vec<Part>,
    plan: Plan,
    layout: Layout,
    facts: Facts,
    totals: Totals,
    watched: Option<Watched>,
}

impl Merged {
    /// Adds up what the shards came to.
    ///
    /// # Errors
    /// None finished, or the plan makes no sense.
    pub fn new(mut parts: Vec<Part>) -> Result<Self, MergeError> {
        let plan = whole_plan(&parts)?;
        let layout = Layout::of(&plan.scenario);
        let mut totals = Totals::new(&layout);
        let mut facts: Option<Facts> = None;
        let watched = Watched::of(&parts);
        let merged = merged_result(&parts, &plan, watched.as_ref())?;
        for part in &mut parts {
            let Some((own, recorded)) = part.end.take() else { continue };
            totals.merge(&recorded);
            match &mut facts {
                Some(facts) => facts.join(own),
                None => facts = Some(own),
            }
        }
        let mut facts = facts.ok_or(MergeError::NoneFinished)?;
        facts.shard = None;
        // Each is its shard's own.
        facts.pauses = Pauses::default();
        facts.watched = watched.as_ref().map(|watched| watched.by_shard.clone());
        facts.merged = Some(merged);
        Ok(Self { parts, plan, layout, facts, totals, watched })
    }

    /// The whole plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The result of all shards together.
    pub fn result(&self) -> RunResult {
        RunResult::build(&self.totals, &self.facts, &self.plan)
    }

    /// Writes the sum's directory, but for its page; `patience` is how long a disk may write nothing.
    ///
    /// # Errors
    /// It cannot be made, or a shard's seconds cannot be read.
    pub fn write(
        &self,
        path: &Path,
        result: &RunResult,
        patience: impl Fn() -> Duration,
    ) -> Result<Lacking, MergeError> {
        let mut directory = ResultsDir::create(path, &self.layout, &self.plan.settings.to_toml(), None)?;
        self.replay(&mut directory, &patience)?;
        Ok(directory.finish(result, patience))
    }

    fn replay(&self, directory: &mut ResultsDir, patience: &impl Fn() -> Duration) -> Result<(), MergeError> {
        let is_merged = |part: &&Part| self.is_merged(part);
        let merged = self.parts.iter().filter(is_merged);
        let mut shards = merged.map(Shard::of).collect::<Result<Vec<_>, _>>()?;
        let watched = self.watched.as_ref();
        let mut readings = watched.map(|watched| watched.rows(&self.parts, self.facts.started_at));
        let mut so_far = Totals::new(&self.layout);
        while let Some(number) = next_number(&mut shards) {
            for is_after in [false, true] {
                let mut joined = Joined::default();
                for shard in &mut shards {
                    shard.take(number, is_after, &mut joined)?;
                }
                let Some(phase) = joined.phase else { continue };
                if !is_after {
                    so_far.add(&joined.interval);
                }
                let row = Second {
                    start: joined.start,
                    end: joined.end,
                    ended_at: instant(self.facts.started_at, joined.end),
                    is_after,
                    phase,
                    planned: shards.iter().map(|shard| shard.planned).sum(),
                    open: shards.iter().map(|shard| shard.open).sum(),
                    paused: joined.paused,
                    cpu_seconds: joined.cpu_seconds,
                    rss_bytes: shards.iter().map(|shard| shard.rss_bytes).sum(),
                    totals: &so_far,
                    expected_servers: self.plan.settings.expect_servers.map(|count| count as usize),
                };
                if let Some(readings) = &mut readings {
                    directory.watched(&readings.until(row.end));
                }
                directory.second(&row, &joined.interval, &*self.plan.scenario);
                // Nothing hurries here: a queue that runs over would lose lines.
                directory.flush(patience);
            }
        }
        // Those after the last second, and what sources with a history filled in.
        if let Some(readings) = &mut readings {
            directory.watched(&readings.until(Duration::MAX));
        }
        Ok(())
    }

    fn is_merged(&self, part: &Part) -> bool {
        let merged = self.facts.merged.iter().flat_map(|merged| &merged.shards);
        merged.filter(|shard| shard.is_merged).any(|shard| shard.index == part.head.shard.index)
    }
}

/// A shard whose seconds are being replayed, with its last readings.
struct Shard {
    seconds: Peekable<Seconds>,
    planned: u64,
    open: u64,
    rss_bytes: u64,
}

impl Shard {
    fn of(part: &Part) -> Result<Self, MergeError> {
        Ok(Self { seconds: part.seconds()?.peekable_each(), planned: 0, open: 0, rss_bytes: 0 })
    }

    /// The number of its next second.
    fn next_number(&mut self) -> Option<u64> {
        match self.seconds.peek()? {
            Ok(second) => Some(number_of(second.start)),
            // Found when it is taken.
            Err(_) => Some(0),
        }
    }

    /// Takes what it has of this second, of one side of the close of accounts.
    fn take(&mut self, number: u64, is_after: bool, joined: &mut Joined) -> Result<(), MergeError> {
        while let Some(second) = self.seconds.next_if(|second| match second {
            Ok(second) => number_of(second.start) <= number && second.is_after == is_after,
            Err(_) => true,
        }) {
            let second = second?;
            (self.planned, self.open, self.rss_bytes) = (second.planned, second.open, second.rss_bytes);
            joined.add(second);
        }
        Ok(())
    }
}

/// Seconds begin a little before or after a whole one.
fn number_of(start: Duration) -> u64 {
    (start + Duration::from_millis(500)).as_secs()
}

fn next_number(shards: &mut [Shard]) -> Option<u64> {
    shards.iter_mut().filter_map(Shard::next_number).min()
}

fn whole_plan(parts: &[Part]) -> Result<Plan, MergeError> {
    let first = parts.first().ok_or(MergeError::NoneFinished)?;
    let mut settings = first.settings.clone();
    settings.shard = None;
    let workers = |part: &Part| part.result.as_ref().map_or(0, |result| result.generator.workers as usize);
    settings.workers = Some(parts.iter().map(workers).sum());
    settings.source_ips = Vec::new();
    Ok(settings.into_read_plan(first.head.header.clone())?)
}

fn merged_result(parts: &[Part], plan: &Plan, watched: Option<&Watched>) -> Result<MergedResult, MergeError> {
    let shards = parts.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    let of = parts.first().map_or(0, |part| part.head.shard.of);
    let plan_hash = parts.first().map(|part| part.head.shard.plan_hash.clone()).unwrap_or_default();
    let missing: u64 = shards.iter().filter(|shard| !shard.is_merged).map(|shard| shard.planned).sum();
    Ok(MergedResult {
        of,
        plan_hash,
        start_spread_ms: numbers::millis(spread(shards.iter().filter(|shard| shard.is_merged))),
        clock_error_ms: clock_error_ms(&shards),
        missing_sessions: missing,
        missing_share: numbers::tidy(missing as f64 / plan.lives.max(1) as f64),
        across: across(parts, plan),
        watched: watched.and_then(|watched| watched.counts),
        shards,
    })
}

fn shown(part: &Part) -> Result<PartResult, MergeError> {
    let directory = part.directory.display().to_string();
    let reached = part
        .reached
        .map(|it| ReachedResult { seconds: numbers::tidy(it.after.as_secs_f64()), open: it.open });
    let shown = match &part.result {
        Some(result) => PartResult::new(&part.head.shard, directory, part.end.is_some(), result),
        None => {
            let plan = part.settings.clone().into_read_plan(part.head.header.clone())?;
            PartResult::unbegun(&part.head.shard, directory, plan.lives)
        }
    };
    Ok(PartResult { reached, ..shown })
}

/// Between the first start and the last.
fn spread<'p>(shards: impl Iterator<Item = &'p PartResult>) -> Duration {
    let starts: Vec<Timestamp> = shards.filter_map(|shard| shard.started_at).collect();
    let (first, last) = (starts.iter().min(), starts.iter().max());
    let between = first.zip(last).map(|(first, last)| last.duration_since(*first));
    between.and_then(|between| Duration::try_from(between).ok()).unwrap_or_default()
}

/// How far two clocks are apart at most.
fn clock_error_ms(shards: &[PartResult]) -> Option<f64> {
    let mut errors = shards.iter().map(|shard| shard.clock.error_max_ms).collect::<Option<Vec<f64>>>()?;
    errors.sort_by(|one, other| other.total_cmp(one));
    Some(numbers::tidy(errors.iter().take(2).sum()))
}

/// What observers heard of other shards' sessions, and what they should have.
fn across(parts: &[Part], plan: &Plan) -> Option<AcrossResult> {
    // Between challenges nothing is announced, and nobody has counted by challenge.
    plan.members.only_challenge()?;
    // Who was there first is not known between shards.
    plan.told().is_of_everyone().then_some(())?;
    let ledgers: Vec<_> = parts.iter().filter_map(|part| part.end.as_ref()?.0.ledger.as_ref()).collect();
    if ledgers.len() < 2 {
        return None;
    }
    let members: u64 = ledgers.iter().map(|ledger| ledger.members).sum();
    let expected = ledgers.iter().map(|ledger| ledger.observers * (members - ledger.members)).sum();
    Some(AcrossResult { expected, received: ledgers.iter().map(|ledger| ledger.counts.strangers).sum() })
}
