//! When each session starts: open-loop, whatever the servers do.
//!
//! Pure arithmetic. Invariant: session k of n starts at `ramp · k / n`, so the rate is constant and
//! the plan of one worker never depends on another's progress.

use std::time::Duration;

use crate::members::SessionNumber;

/// The number of a session among its worker's own, from 0. Which it is in the run, says
/// [`Arrivals::session`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct RowIndex(pub u32);

impl RowIndex {
    /// Returns it as a position in a worker's lists.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The arrivals that one worker looks after: sessions `first`, `first + stride`, … below
/// `sessions`.
#[derive(Clone, Copy, Debug)]
pub struct Arrivals {
    /// Sessions of the whole run.
    pub sessions: u32,
    /// Over which they arrive.
    pub ramp: Duration,
    /// This worker's first.
    pub first: u32,
    /// How many workers there are.
    pub stride: u32,
}

impl Arrivals {
    /// How many sessions this worker has.
    pub fn count(&self) -> u32 {
        (self.sessions.saturating_sub(self.first)).div_ceil(self.stride)
    }

    /// The number in the run of this worker's session `row`.
    pub fn session(&self, row: RowIndex) -> SessionNumber {
        SessionNumber(self.first + row.0 * self.stride)
    }

    /// When this worker's session `row` starts, from the run's start.
    pub fn planned(&self, row: RowIndex) -> Duration {
        let k = u128::from(self.session(row).0);
        let nanos = self.ramp.as_nanos() * k / u128::from(self.sessions.max(1));
        Duration::from_nanos(nanos as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_worker(first: u32) -> Arrivals {
        Arrivals { sessions: 10, ramp: Duration::from_secs(5), first, stride: 3 }
    }

    #[test]
    fn workers_share_the_sessions_without_gap_or_overlap() {
        let mut all: Vec<u32> = (0..3)
            .flat_map(|w| (0..of_worker(w).count()).map(RowIndex).map(move |row| of_worker(w).session(row).0))
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn arrivals_are_evenly_spaced_over_the_ramp() {
        assert_eq!(of_worker(0).planned(RowIndex(0)), Duration::ZERO);
        assert_eq!(of_worker(1).planned(RowIndex(0)), Duration::from_millis(500));
        assert_eq!(of_worker(0).planned(RowIndex(3)), Duration::from_millis(4_500));
    }

    #[test]
    fn a_worker_beyond_the_sessions_has_none() {
        let arrivals = Arrivals { sessions: 2, ramp: Duration::ZERO, first: 3, stride: 4 };
        assert_eq!(arrivals.count(), 0);
    }
}
