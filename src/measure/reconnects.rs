//! Sessions that were open and dropped: how many, why, where, whether they came back, and how long
//! that took.
//!
//! Apart from first entries: nothing here is in the steps' latencies or among sessions opened.
//! Invariant: once accounts are closed, every drop has been followed by a return, has been given
//! up, or is unfinished ([`Reconnects::check`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use startline_os::tick::Ticks;

use super::sums::unequal;
use super::{FAULT_KINDS_MAX, Failures, Latencies, StepTally, Timed};
use crate::fault::Fault;
use crate::lang::{Reason, Sentence};
use crate::scenario::StepIndex;

/// What became of some drops.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Drops {
    /// Sessions that dropped; one that drops again counts again.
    pub dropped: u64,
    /// … and came back: they were open again.
    pub recovered: u64,
    /// … and were given up, by the policy: they are failed sessions.
    pub gave_up: u64,
    /// … and were still away when accounts closed, or when their time was over.
    pub unfinished: u64,
    /// From the drop until it was open again, of those that came back.
    pub lost: Latencies,
}

impl Drops {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        let Self { dropped, recovered, gave_up, unfinished, lost } = other;
        self.dropped += dropped;
        self.recovered += recovered;
        self.gave_up += gave_up;
        self.unfinished += unfinished;
        self.lost.add(lost);
    }

    /// The share of them that came back; `None` without any.
    pub fn recovered_share(&self) -> Option<f64> {
        (self.dropped > 0).then(|| self.recovered as f64 / self.dropped as f64)
    }

    fn end(&mut self, end: Ended) {
        match end {
            Ended::Recovered(lost) => {
                self.recovered += 1;
                self.lost.record(lost);
            }
            Ended::GaveUp => self.gave_up += 1,
            Ended::Unfinished => self.unfinished += 1,
        }
    }
}

/// How an absence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was open again, after this time.
    Recovered(Ticks),
    /// The policy says that it is not tried any more.
    GaveUp,
    /// Accounts closed, or its planned time was over.
    Unfinished,
}

/// Connections that were cut silently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silent {
    /// The peer hears nothing.
    pub mute: u64,
    /// The kernel did not take the filter: it acknowledges what the peer sends until its buffer is
    /// full.
    pub acknowledged: u64,
}

/// See the module's documentation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reconnects {
    /// All of them.
    pub all: Drops,
    /// Attempts begun.
    pub attempts: u64,
    /// Ticks away, summed over all absences that have ended, however they did.
    pub away_ticks: u64,
    /// Attempts that failed, by step and kind.
    pub failures: Failures,
    /// Sessions that came back, by the server that they came back to.
    pub came_to: BTreeMap<String, u64>,
    /// Connections that were cut silently.
    pub silent: Silent,
    #[serde(with = "super::listed")]
    by_cause: BTreeMap<Fault, Drops>,
    by_server: BTreeMap<String, Drops>,
    steps: Vec<StepTally>,
}

impl Reconnects {
    /// A session that was open on this server has dropped.
    pub fn dropped(&mut self, cause: Fault, server: Option<&str>) {
        self.with(cause, server, |drops| drops.dropped += 1);
    }

    /// Its absence has ended, after this time.
    pub fn ended(&mut self, cause: Fault, server: Option<&str>, end: Ended, away: Ticks) {
        self.away_ticks += u64::from(away.raw());
        self.with(cause, server, |drops| drops.end(end));
    }

    /// A session came back to this server.
    pub fn came_to(&mut self, server: &str) {
        *self.came_to.entry(server.to_owned()).or_default() += 1;
    }

    /// An attempt has done a step.
    pub fn step_ok(&mut self, step: StepIndex, timed: Timed) {
        if self.steps.len() <= step.index() {
            self.steps.resize_with(step.index() + 1, StepTally::default);
        }
        let step = &mut self.steps[step.index()];
        step.from_due.record(timed.from_due);
        step.from_sent.record(timed.from_sent);
        step.stalled += u64::from(timed.stalled);
    }

    fn with(&mut self, cause: Fault, server: Option<&str>, change: impl Fn(&mut Drops)) {
        change(&mut self.all);
        if self.by_cause.contains_key(&cause) || self.by_cause.len() < FAULT_KINDS_MAX {
            change(self.by_cause.entry(cause).or_default());
        }
        if let Some(server) = server {
            change(self.by_server.entry(server.to_owned()).or_default());
        }
    }

    /// The same, in other steps and of other kinds with the same blame.
    pub(super) fn moved(&self, to: impl Fn(StepIndex, Fault) -> (StepIndex, Fault)) -> Self {
        let mut steps: Vec<StepTally> = Vec::new();
        for (k, step) in self.steps.iter().enumerate() {
            let place = to(StepIndex(k as u8), Fault::Other).0.index();
            steps.resize_with(steps.len().max(place + 1), StepTally::default);
            steps[place].add(step);
        }
        let cause = |(fault, drops): (&Fault, &Drops)| (to(StepIndex(0), *fault).1, drops.clone());
        Self {
            failures: self.failures.moved(&to),
            by_cause: self.by_cause.iter().map(cause).collect(),
            steps,
            ..self.clone()
        }
    }

    /// Sessions that this program has cut and that were still away when accounts closed.
    pub fn cut_and_away(&self) -> u64 {
        self.by_cause.get(&Fault::CutOnPurpose).map_or(0, |drops| drops.unfinished)
    }

    /// By why they dropped; kinds beyond a bound are in [`Reconnects::all`] only.
    pub fn by_cause(&self) -> impl Iterator<Item = (Fault, &Drops)> {
        self.by_cause.iter().map(|(cause, drops)| (*cause, drops))
    }

    /// By the server that they were on.
    pub fn by_server(&self) -> impl Iterator<Item = (&str, &Drops)> {
        self.by_server.iter().map(|(server, drops)| (server.as_str(), drops))
    }

    /// Those that were on this server.
    pub fn of_server(&self, server: &str) -> Option<&Drops> {
        self.by_server.get(server)
    }

    /// What was recorded of a step of attempts.
    pub fn step(&self, step: usize) -> Option<&StepTally> {
        self.steps.get(step)
    }

    /// Sessions that dropped and whose absence has not ended.
    pub fn away(&self) -> u64 {
        let ended = self.all.recovered + self.all.gave_up + self.all.unfinished;
        self.all.dropped.saturating_sub(ended)
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        let Self { all, attempts, away_ticks, failures, came_to, silent, by_cause, by_server, steps } = other;
        self.all.add(all);
        self.attempts += attempts;
        self.away_ticks += away_ticks;
        self.failures.add(failures);
        self.silent.mute += silent.mute;
        self.silent.acknowledged += silent.acknowledged;
        for (server, count) in came_to {
            *self.came_to.entry(server.clone()).or_default() += count;
        }
        for (cause, drops) in by_cause {
            self.by_cause.entry(*cause).or_default().add(drops);
        }
        for (server, drops) in by_server {
            self.by_server.entry(server.clone()).or_default().add(drops);
        }
        if self.steps.len() < steps.len() {
            self.steps.resize_with(steps.len(), StepTally::default);
        }
        for (mine, theirs) in self.steps.iter_mut().zip(steps) {
            mine.add(theirs);
        }
    }

    /// Checks, once accounts are closed, that every drop has an end, and every return and failure
    /// an attempt.
    ///
    /// # Errors
    /// The sum that does not close.
    pub fn check(&self) -> Result<(), Sentence> {
        let Drops { dropped, recovered, gave_up, unfinished, .. } = self.all;
        let ended = recovered + gave_up + unfinished;
        if dropped != ended {
            return Err(unequal(Reason::DropsEnded, dropped, ended));
        }
        let attempted = recovered + self.failures.total();
        super::sums::at_most(Reason::AttemptsEnded, attempted, self.attempts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_close_over_returns_and_what_was_given_up() {
        let mut one = Reconnects::default();
        for _ in 0..3 {
            one.dropped(Fault::Cut, Some("ws://a"));
        }
        one.dropped(Fault::Reset, Some("ws://b"));
        assert_eq!(one.away(), 4);
        assert!(one.check().is_err());
        one.attempts = 3;
        one.failures.record(StepIndex(1), Fault::HttpStatus(503));
        let away = Ticks::from_raw(62_500);
        one.ended(Fault::Cut, Some("ws://a"), Ended::Recovered(away), away);
        one.ended(Fault::Cut, Some("ws://a"), Ended::GaveUp, away);
        one.ended(Fault::Cut, Some("ws://a"), Ended::Unfinished, away);
        one.ended(Fault::Reset, Some("ws://b"), Ended::Recovered(away), away);
        one.check().unwrap();
        let mut both = one.clone();
        both.add(&one);
        both.check().unwrap();
        assert_eq!((both.all.dropped, both.all.recovered_share()), (8, Some(0.5)));
        let by_cause: Vec<_> = both.by_cause().map(|(cause, drops)| (cause, drops.dropped)).collect();
        assert_eq!(by_cause, [(Fault::Reset, 2), (Fault::Cut, 6)]);
        assert_eq!(both.by_server().map(|(_, drops)| drops.recovered).collect::<Vec<_>>(), [2, 2]);
        both.attempts = 5;
        assert!(both.check().is_err(), "six attempts have ended");
    }
}
