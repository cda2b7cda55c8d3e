//! The sum of what was recorded: a worker's last second, everyone's last second, or the whole run.
//!
//! One type for all three, so that a figure of a second and the same figure of the run cannot be
//! defined differently. Invariant: merging tallies gives what recording everything in one place
//! would have given.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::propagation::Propagated;
use super::routing::Routing;
use super::sums::unequal;
use super::updates::UpdateTally;
use super::{
    AddressCounts, Beats, Counts, Failures, Fate, FaultSample, KindTally, Latencies, Layout, Reconnects,
    Stall, Stalls, TlsCounts, UnmatchedSample,
};
use crate::fault::Fault;
use crate::lang::{Reason, Sentence};
use crate::members::SessionNumber;
use crate::scenario::{MessageType, StepIndex};

/// What was recorded of one step.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StepTally {
    /// Successes, from the instant each was due. What results are judged by.
    pub from_due: Latencies,
    /// The same successes from the instant each was sent: without this machine's own lateness to
    /// begin.
    pub from_sent: Latencies,
    /// Of these successes, the ones with a stall of this machine in their time.
    pub stalled: u64,
}

/// Counts, latencies, failures and routing of some time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tally {
    /// Sessions, heartbeats and bytes.
    pub counts: Counts,
    /// Failed sessions by step and kind.
    pub failures: Failures,
    /// Where members were sent.
    pub routing: Routing,
    /// Connections to addresses of hosts that have several.
    pub addresses: BTreeMap<IpAddr, AddressCounts>,
    /// TLS handshakes and what came after them.
    pub secured: TlsCounts,
    /// The workers' own lateness: timers handled after their planned instant.
    pub lag: Latencies,
    /// Waits for a shared HTTP connection, of those who had to and got one.
    pub http_wait: Latencies,
    /// How old tickets were when their upgrades went out.
    pub ticket_age: Latencies,
    /// Waits of PINGs that were missed, to the end of the cycle that was outstanding.
    pub missed_wait: Latencies,
    /// First steps begun after the session's planned instant.
    pub start_lag: Latencies,
    /// Time that turns of the loop took.
    pub turn: Latencies,
    /// Updates by pair.
    pub updates: UpdateTally,
    /// How long announcements took.
    pub propagated: Propagated,
    /// Sessions that dropped and came back, or not.
    pub reconnects: Reconnects,
    /// Periodic messages, by their index; shorter than the scenario where nothing was recorded.
    pub(super) every: Vec<Beats>,
    /// Kinds of messages, by their index; shorter than the scenario where nothing was recorded.
    pub(super) kinds: Vec<KindTally>,
    /// By step index; shorter than the scenario where nothing was recorded.
    pub(super) steps: Vec<StepTally>,
    /// By message type; [`MessageType::OTHER`] is the last slot, so every type is a valid index.
    #[serde(with = "counts_of_types")]
    pub(super) messages: [u64; 256],
}

impl StepTally {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        let Self { from_due, from_sent, stalled } = other;
        self.from_due.add(from_due);
        self.from_sent.add(from_sent);
        self.stalled += stalled;
    }
}

/// Adds lists place by place; a place that one of them does not have has nothing.
fn add_each<T: Default>(mine: &mut Vec<T>, theirs: &[T], add: impl Fn(&mut T, &T)) {
    if mine.len() < theirs.len() {
        mine.resize_with(theirs.len(), T::default);
    }
    mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| add(mine, theirs));
}

/// Counts by message type, those that are not zero.
mod counts_of_types {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(counts: &[u64; 256], serializer: S) -> Result<S::Ok, S::Error> {
        let used = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        serializer.collect_seq(used)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u64; 256], D::Error> {
        let mut counts = [0; 256];
        for (of, count) in Vec::<(u8, u64)>::deserialize(deserializer)? {
            counts[usize::from(of)] = count;
        }
        Ok(counts)
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            failures: Failures::default(),
            routing: Routing::default(),
            addresses: BTreeMap::new(),
            secured: TlsCounts::default(),
            lag: Latencies::default(),
            http_wait: Latencies::default(),
            ticket_age: Latencies::default(),
            missed_wait: Latencies::default(),
            start_lag: Latencies::default(),
            turn: Latencies::default(),
            updates: UpdateTally::default(),
            propagated: Propagated::default(),
            reconnects: Reconnects::default(),
            every: Vec::new(),
            kinds: Vec::new(),
            steps: Vec::new(),
            messages: [0; 256],
        }
    }
}

impl Tally {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        // Taken apart in full, so that a figure added later cannot be forgotten here.
        let Self {
            counts,
            failures,
            routing,
            addresses,
            secured,
            lag,
            http_wait,
            ticket_age,
            missed_wait,
            start_lag,
            turn,
            updates,
            propagated,
            reconnects,
            every,
            kinds,
            steps,
            messages,
        } = other;
        self.counts.add(counts);
        self.failures.add(failures);
        self.routing.add(routing);
        for (address, counts) in addresses {
            *self.addresses.entry(*address).or_default() += *counts;
        }
        self.secured.add(secured);
        self.lag.add(lag);
        self.http_wait.add(http_wait);
        self.ticket_age.add(ticket_age);
        self.missed_wait.add(missed_wait);
        self.start_lag.add(start_lag);
        self.turn.add(turn);
        self.updates.add(updates);
        self.propagated.add(propagated);
        self.reconnects.add(reconnects);
        add_each(&mut self.steps, steps, StepTally::add);
        add_each(&mut self.every, every, Beats::add);
        add_each(&mut self.kinds, kinds, KindTally::add);
        for (mine, theirs) in self.messages.iter_mut().zip(messages) {
            *mine += theirs;
        }
    }

    /// What was recorded of a step; `None` if nothing was.
    pub fn step(&self, step: usize) -> Option<&StepTally> {
        self.steps.get(step)
    }

    /// What became of a periodic message.
    pub fn every(&self, every: usize) -> Beats {
        self.every.get(every).copied().unwrap_or_default()
    }

    /// What was measured of a kind of messages; `None` if nothing was.
    pub fn kind(&self, kind: usize) -> Option<&KindTally> {
        self.kinds.get(kind)
    }

    /// Periodic messages sent.
    pub fn sent(&self) -> u64 {
        self.every.iter().map(|beats| beats.sent).sum()
    }

    /// Answers sent to the servers' messages.
    pub fn answers(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.answers).sum()
    }

    /// Messages of a type; [`MessageType::OTHER`] for all that are not listed.
    pub fn messages_of(&self, message: MessageType) -> u64 {
        self.messages[usize::from(message.0)]
    }

    /// Messages of types from `listed` on: everything but the scenario's first `listed` types.
    pub fn messages_other(&self, listed: usize) -> u64 {
        self.messages.iter().skip(listed).sum()
    }
}

/// What one worker recorded since its last hand-over, or several merged.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Interval {
    pub(super) tally: Tally,
    pub(super) samples: Vec<FaultSample>,
    #[serde(skip)]
    pub(super) fates: Vec<(SessionNumber, Fate)>,
    pub(super) stalls: Vec<Stall>,
    pub(super) unmatched: Option<UnmatchedSample>,
    covers: Option<(Duration, Duration)>,
    stage: usize,
}

impl Interval {
    /// The same, of this stage of the run.
    pub fn in_stage(self, stage: usize) -> Self {
        Self { stage, ..self }
    }

    /// The stage in which it was recorded; of several that were merged, the first one's.
    pub fn stage(&self) -> usize {
        self.stage
    }

    /// The same, of this time since the run's start.
    pub fn covering(self, from: Duration, to: Duration) -> Self {
        Self { covers: Some((from, to)), ..self }
    }

    /// The time that it covers, since the run's start: with several workers from the first one's
    /// beginning to the last one's end. `None` if nothing was handed over.
    pub fn covers(&self) -> Option<(Duration, Duration)> {
        self.covers
    }

    /// Adds another worker's, so that a second has one set of figures.
    pub fn merge(&mut self, mut other: Self) {
        self.covers = match (self.covers, other.covers) {
            (Some((from, to)), Some((other_from, other_to))) => {
                Some((from.min(other_from), to.max(other_to)))
            }
            (mine, theirs) => mine.or(theirs),
        };
        self.tally.add(&other.tally);
        self.samples.append(&mut other.samples);
        self.fates.append(&mut other.fates);
        self.stalls.append(&mut other.stalls);
        self.unmatched = self.unmatched.take().or(other.unmatched.take());
    }

    /// The same, with how long announcements took.
    pub fn with_propagated(mut self, propagated: Propagated) -> Self {
        self.tally.propagated = propagated;
        self
    }

    /// The figures of this time alone.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Sessions that ended in this time, by number, and how; empty unless the plan asks for it.
    pub fn fates(&self) -> &[(SessionNumber, Fate)] {
        &self.fates
    }

    /// Stalls that ended in this time.
    pub fn stalls(&self) -> Stalls {
        let mut stalls = Stalls::default();
        self.stalls.iter().for_each(|stall| stalls.add(*stall));
        stalls
    }

    /// Failures of this time kept as evidence.
    pub fn samples(&self) -> &[FaultSample] {
        &self.samples
    }
}

/// Everything of all workers so far.
#[derive(Debug, Serialize, Deserialize)]
pub struct Totals {
    layout: Layout,
    tally: Tally,
    #[serde(with = "super::listed")]
    first_samples: BTreeMap<(StepIndex, Fault), FaultSample>,
    stalls: Stalls,
    first_unmatched: Option<UnmatchedSample>,
}

impl Totals {
    /// Nothing yet.
    pub fn new(layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
            tally: Tally::default(),
            first_samples: BTreeMap::new(),
            stalls: Stalls::default(),
            first_unmatched: None,
        }
    }

    /// Of figures that were added up elsewhere, without samples.
    pub fn of(layout: &Layout, tally: Tally) -> Self {
        Self { tally, ..Self::new(layout) }
    }

    /// Adds what a worker recorded.
    pub fn add(&mut self, interval: &Interval) {
        self.tally.add(&interval.tally);
        interval.stalls.iter().for_each(|stall| self.stalls.add(*stall));
        if self.first_unmatched.is_none() {
            self.first_unmatched.clone_from(&interval.unmatched);
        }
        for sample in &interval.samples {
            let key = (sample.step, sample.fault);
            // Samples come only of kinds that a recorder told apart, a bounded number each.
            let full = self.first_samples.len() == super::FAULT_KINDS_MAX;
            if !full && !self.first_samples.contains_key(&key) {
                self.first_samples.insert(key, sample.clone());
            }
        }
    }

    /// Adds those of another time, or of another run of the same plan.
    pub fn merge(&mut self, other: &Self) {
        // Taken apart in full, so that a figure added later cannot be forgotten here.
        let Self { layout: _, tally, first_samples, stalls, first_unmatched } = other;
        self.tally.add(tally);
        for (key, sample) in first_samples {
            self.first_samples.entry(*key).or_insert_with(|| sample.clone());
        }
        self.stalls.join(stalls);
        self.first_unmatched = self.first_unmatched.take().or_else(|| first_unmatched.clone());
    }

    /// The names that the figures are by.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The figures so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Sessions open now: opened less closed.
    pub fn open_now(&self) -> u64 {
        self.tally.counts.open_now()
    }

    /// The first message that fits no kind of the scenario's.
    pub fn first_unmatched(&self) -> Option<&UnmatchedSample> {
        self.first_unmatched.as_ref()
    }

    /// Times in which this machine did not run the load generator.
    pub fn stalls(&self) -> &Stalls {
        &self.stalls
    }

    /// The first failure of this step and kind that was kept.
    pub fn sample(&self, step: StepIndex, fault: Fault) -> Option<&FaultSample> {
        self.first_samples.get(&(step, fault))
    }

    /// The same by the name under which the failure is reported.
    pub fn sample_reported(&self, step: &str, fault: Fault) -> Option<&FaultSample> {
        let is_it = |((at, own), _): &(&(StepIndex, Fault), _)| {
            *own == fault && self.layout.step_of_failure(*at) == step
        };
        self.first_samples.iter().find(is_it).map(|(_, sample)| sample)
    }

    /// As [`Counts::check`], and that counts and failures tell the same story. Holds once accounts
    /// are closed.
    ///
    /// # Errors
    /// The sum that does not close.
    pub fn check(&self) -> Result<(), Sentence> {
        self.tally.counts.check()?;
        self.tally.reconnects.check()?;
        let (counted, by_kind) = (self.tally.counts.failed, self.tally.failures.total());
        if counted != by_kind {
            return Err(unequal(Reason::FailuresByKind, counted, by_kind));
        }
        Ok(())
    }
}
