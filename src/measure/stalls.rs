//! Times in which this machine did not run the load generator: stopped, suspended, stolen by
//! others, or with every core taken.
//!
//! Workers find them when they end; stalls of several workers that overlap are one. Invariant: no
//! more than [`STALLS_KEPT_MAX`] are kept by their instants, the rest is counted.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Stalls kept by their instants.
pub const STALLS_KEPT_MAX: usize = 200;

/// A time without running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// Since the run began.
    pub from: Duration,
    /// Since the run began.
    pub to: Duration,
    /// Workers that did not run in it.
    pub workers: u32,
}

/// All stalls of a run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stalls {
    kept: Vec<Stall>,
    beyond: u64,
}

impl Stall {
    /// How long it was.
    pub fn lasted(&self) -> Duration {
        self.to.saturating_sub(self.from)
    }
}

impl Stalls {
    /// Adds one, or widens the one that it overlaps.
    pub fn add(&mut self, mut stall: Stall) {
        while let Some(k) = self.kept.iter().position(|it| it.from <= stall.to && stall.from <= it.to) {
            let other = self.kept.remove(k);
            stall = Stall {
                from: stall.from.min(other.from),
                to: stall.to.max(other.to),
                workers: stall.workers + other.workers,
            };
        }
        if self.kept.len() == STALLS_KEPT_MAX {
            self.beyond += 1;
            return;
        }
        let at = self.kept.partition_point(|it| it.from < stall.from);
        self.kept.insert(at, stall);
    }

    /// Adds those of another run.
    pub fn join(&mut self, other: &Self) {
        let Self { kept, beyond } = other;
        kept.iter().for_each(|stall| self.add(*stall));
        self.beyond += beyond;
    }

    /// Those that are kept, in order.
    pub fn kept(&self) -> &[Stall] {
        &self.kept
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.kept.len() as u64 + self.beyond
    }

    /// The sum of those that are kept.
    pub fn total(&self) -> Duration {
        self.kept.iter().map(Stall::lasted).sum()
    }

    /// The longest of those that are kept.
    pub fn longest(&self) -> Option<Stall> {
        self.kept.iter().copied().max_by_key(Stall::lasted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stall(from: u64, to: u64, workers: u32) -> Stall {
        Stall { from: Duration::from_millis(from), to: Duration::from_millis(to), workers }
    }

    #[test]
    fn what_overlaps_is_one_stall_of_several_workers() {
        let mut stalls = Stalls::default();
        for one in
            [stall(5_000, 5_200, 1), stall(1_000, 1_500, 1), stall(1_900, 2_400, 1), stall(1_400, 2_000, 1)]
        {
            stalls.add(one);
        }
        assert_eq!(stalls.kept(), [stall(1_000, 2_400, 3), stall(5_000, 5_200, 1)]);
        assert_eq!((stalls.count(), stalls.total()), (2, Duration::from_millis(1_600)));
        assert_eq!(stalls.longest(), Some(stall(1_000, 2_400, 3)));
    }

    #[test]
    fn no_more_are_kept_than_a_reader_can_bear() {
        let mut stalls = Stalls::default();
        (0..300).for_each(|k| stalls.add(stall(k * 1_000, k * 1_000 + 200, 1)));
        assert_eq!((stalls.kept().len(), stalls.count()), (STALLS_KEPT_MAX, 300));
    }
}
