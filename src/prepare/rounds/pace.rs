//! The rate at which members were really sent.
//!
//! Pauses between rounds are not in it: they are said as they begin. Invariant: a rate that was
//! reached but for a wake-up or two is not called short.

use std::time::Duration;

use crate::plan::Rate;

/// Of the asked rate, the least that counts as reached.
const REACHED: f64 = 0.95;
/// A round this much longer than planned says nothing.
const SLACK: Duration = Duration::from_secs(1);

/// The starts of all rounds.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// From each start to the next in its round.
    gaps: u64,
    took: Duration,
}

impl Pace {
    /// A round in which this many started, the last so long after the first.
    pub(super) fn add(&mut self, started: u64, took: Duration) {
        self.gaps += started.saturating_sub(1);
        self.took += took;
    }

    /// The rate reached, a second, if that is short of the one asked for.
    pub(super) fn short_of(&self, asked: Rate) -> Option<f64> {
        let asked_per_s = f64::from(asked.count) / asked.per.as_secs_f64();
        let planned = Duration::try_from_secs_f64(self.gaps as f64 / asked_per_s).ok()?;
        let reached = self.gaps as f64 / self.took.as_secs_f64();
        (self.took > planned + SLACK && reached < REACHED * asked_per_s).then_some(reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { count: 100, per: Duration::from_secs(1) };

    fn short(rounds: &[(u64, u64)]) -> Option<f64> {
        let mut pace = Pace::default();
        rounds.iter().for_each(|(started, millis)| pace.add(*started, Duration::from_millis(*millis)));
        pace.short_of(RATE)
    }

    #[test]
    fn a_rate_that_was_not_reached_is_said() {
        assert_eq!(short(&[(1_001, 40_000)]), Some(25.0));
        assert_eq!(short(&[(501, 20_000), (501, 20_000)]), Some(25.0));
    }

    #[test]
    fn a_rate_that_was_reached_is_not() {
        for rounds in
            [&[][..], &[(0, 0)], &[(1, 0)], &[(1_001, 10_000)], &[(11, 1_000)], &[(10_001, 104_000)]]
        {
            assert_eq!(short(rounds), None, "{rounds:?}");
        }
    }
}
