//! The times in which a run's arrivals were paused.
//!
//! A pause stops the plan's clock: what was planned for after its beginning comes later by its length.
//! Arithmetic only. Invariants: pauses stand in their order and do not overlap; from run time to planned
//! time and back is the same instant, but for those within a pause, which are its beginning.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What asked for a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PausedBy {
    /// The key `p` of the live view.
    Key,
    /// The signal SIGUSR1.
    Signal,
}

/// A time in which nobody arrived and nobody left by plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it began, since the run's start.
    pub at: Duration,
    /// How long it lasted, so far or in all.
    pub took: Duration,
    /// What asked for it.
    pub by: PausedBy,
}

/// See the module's documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pauses(pub Vec<Pause>);

impl Pauses {
    /// The planned time at this instant of the run.
    pub fn planned(&self, at: Duration) -> Duration {
        at - self.within(Duration::ZERO, at)
    }

    /// When what is planned for this instant happens, since the run's start.
    pub fn happens(&self, planned: Duration) -> Duration {
        let after = |at: Duration, pause: &Pause| if pause.at < at { at + pause.took } else { at };
        self.0.iter().fold(planned, after)
    }

    /// How much of this time of the run was paused.
    pub fn within(&self, from: Duration, to: Duration) -> Duration {
        let part = |pause: &Pause| (pause.at + pause.took).min(to).saturating_sub(pause.at.max(from));
        self.0.iter().map(part).sum()
    }

    /// All pauses together.
    pub fn total(&self) -> Duration {
        self.0.iter().map(|pause| pause.took).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(all: &[(u64, u64)]) -> Pauses {
        let pause = |(at, took): &(u64, u64)| Pause {
            at: Duration::from_secs(*at),
            took: Duration::from_secs(*took),
            by: PausedBy::Key,
        };
        Pauses(all.iter().map(pause).collect())
    }

    #[test]
    fn what_was_planned_for_later_comes_later() {
        let pauses = pauses(&[(10, 5), (20, 3)]);
        let happens = |planned| pauses.happens(Duration::from_secs(planned)).as_secs();
        assert_eq!([0, 10, 11, 14, 15, 16].map(happens), [0, 10, 16, 19, 20, 24]);
        let planned = |at| pauses.planned(Duration::from_secs(at)).as_secs();
        assert_eq!([0, 10, 13, 15, 16, 20, 22, 24].map(planned), [0, 10, 10, 10, 11, 15, 15, 16]);
        assert_eq!(pauses.within(Duration::from_secs(12), Duration::from_secs(21)), Duration::from_secs(4));
    }

    #[test]
    fn there_and_back_is_the_same_instant() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..200 {
            let (mut all, mut at) = (Vec::new(), 0);
            for _ in 0..random.usize(0..6) {
                let (from, took) = (at + random.u64(1..50), random.u64(0..50));
                all.push((from, took));
                at = from + took;
            }
            let pauses = pauses(&all);
            for planned in (0..400).map(Duration::from_secs) {
                assert_eq!(pauses.planned(pauses.happens(planned)), planned, "{all:?}");
            }
        }
    }
}
