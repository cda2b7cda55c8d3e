//! Failures by step and kind, and a few of each kept as evidence.
//!
//! Counted by the [`Fault`] value, never by text; peers choose some of its numbers (statuses, close
//! codes), so the kinds told apart are bounded. Invariant: whatever does not fit is still counted
//! by blame and in [`Failures::uncounted`], so the total is always right.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fault::{Blame, Fault};
use crate::scenario::StepIndex;

/// (step, kind) pairs told apart; later ones are only counted. A run meets a dozen.
pub const FAULT_KINDS_MAX: usize = 256;

/// Samples kept of each (step, kind) by each worker.
pub const SAMPLES_PER_KIND_MAX: u8 = 20;

/// Bytes of evidence kept of each sample.
pub const SAMPLE_EVIDENCE_BYTES_MAX: usize = 512;

/// How many sessions failed, by step and kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Failures {
    #[serde(with = "super::listed")]
    by_kind: BTreeMap<(StepIndex, Fault), u64>,
    by_blame: [u64; Blame::ALL.len()],
    uncounted: u64,
}

impl Failures {
    /// Counts one; `false` if its kind no longer fits.
    pub fn record(&mut self, step: StepIndex, fault: Fault) -> bool {
        self.count(step, fault, 1)
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        for (&(step, fault), &count) in &other.by_kind {
            self.count(step, fault, count);
        }
        // What the other could not tell apart has no kind, but a blame it has.
        for (k, mine) in self.by_blame.iter_mut().enumerate() {
            let told_apart: u64 = other
                .by_kind
                .iter()
                .filter(|((_, fault), _)| fault.blame() as usize == k)
                .map(|(_, count)| count)
                .sum();
            *mine += other.by_blame[k] - told_apart;
        }
        self.uncounted += other.uncounted;
    }

    /// The same, in other steps and of other kinds with the same blame.
    pub(super) fn moved(&self, to: impl Fn(StepIndex, Fault) -> (StepIndex, Fault)) -> Self {
        let by_kind = self.by_kind.iter().map(|(&(step, fault), &count)| (to(step, fault), count));
        Self { by_kind: by_kind.collect(), ..self.clone() }
    }

    /// Each (step, kind) and its count, by step.
    pub fn iter(&self) -> impl Iterator<Item = (StepIndex, Fault, u64)> + '_ {
        self.by_kind.iter().map(|(&(step, fault), &count)| (step, fault, count))
    }

    /// Failures that somebody has to answer for.
    pub fn blamed_on(&self, blame: Blame) -> u64 {
        self.by_blame[blame as usize]
    }

    /// Failures of kinds beyond [`FAULT_KINDS_MAX`].
    pub fn uncounted(&self) -> u64 {
        self.uncounted
    }

    /// All failures.
    pub fn total(&self) -> u64 {
        self.by_blame.iter().sum()
    }

    /// Failures in a step (those of kinds that were not told apart are in none).
    pub fn in_step(&self, step: StepIndex) -> u64 {
        self.by_kind
            .range((step, Fault::FIRST)..)
            .take_while(|((at, _), _)| *at == step)
            .map(|(_, count)| count)
            .sum()
    }

    fn count(&mut self, step: StepIndex, fault: Fault, count: u64) -> bool {
        self.by_blame[fault.blame() as usize] += count;
        if let Some(counter) = self.by_kind.get_mut(&(step, fault)) {
            *counter += count;
            return true;
        }
        if self.by_kind.len() == FAULT_KINDS_MAX {
            self.uncounted += count;
            return false;
        }
        self.by_kind.insert((step, fault), count);
        true
    }
}

/// Cuts evidence to its bound, at a character.
pub(super) fn cut_evidence(evidence: &mut String) {
    if evidence.len() > SAMPLE_EVIDENCE_BYTES_MAX {
        let end = (0..=SAMPLE_EVIDENCE_BYTES_MAX).rev().find(|&k| evidence.is_char_boundary(k)).unwrap_or(0);
        evidence.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_step_and_kind() {
        let mut failures = Failures::default();
        failures.record(StepIndex(1), Fault::HttpStatus(502));
        failures.record(StepIndex(1), Fault::HttpStatus(502));
        failures.record(StepIndex(2), Fault::HttpStatus(502));
        failures.record(StepIndex(1), Fault::DescriptorsExhausted);
        assert_eq!(failures.total(), 4);
        assert_eq!([0, 1, 2].map(|step| failures.in_step(StepIndex(step))), [0, 3, 1]);
        assert_eq!((failures.blamed_on(Blame::Server), failures.blamed_on(Blame::Machine)), (3, 1));
    }

    #[test]
    fn kinds_are_bounded_and_totals_survive_it_and_a_merge() {
        let mut failures = Failures::default();
        for status in 0..1000 {
            failures.record(StepIndex(0), Fault::HttpStatus(status));
        }
        assert_eq!(failures.iter().count(), FAULT_KINDS_MAX);
        assert_eq!((failures.total(), failures.uncounted()), (1000, 744));

        let mut merged = Failures::default();
        merged.record(StepIndex(0), Fault::Reset);
        merged.add(&failures);
        assert_eq!(merged.iter().count(), FAULT_KINDS_MAX);
        assert_eq!((merged.total(), merged.uncounted()), (1001, 745));
        assert_eq!((merged.blamed_on(Blame::Network), merged.blamed_on(Blame::Server)), (1, 1000));
    }

    #[test]
    fn evidence_is_cut_at_a_character() {
        let mut evidence = "가".repeat(200);
        cut_evidence(&mut evidence);
        assert_eq!(evidence.len(), 510);
        let mut short = String::from("short");
        cut_evidence(&mut short);
        assert_eq!(short, "short");
    }
}
