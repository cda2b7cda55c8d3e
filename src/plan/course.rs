//! Where sessions finish, against where the challenge does.
//!
//! Arithmetic alone. Invariant: a plan that ends before anyone can be there is no misfit.

use std::time::Duration;

use super::Plan;
use crate::scenario::runner::{Runner, km_text};

/// Sessions that finish.
#[derive(Clone, Copy, Debug)]
pub struct Finish {
    /// Who runs, and how far.
    pub runner: Runner,
    /// How long a session of the plan runs at most.
    pub within: Duration,
}

/// Sessions and servers have different finishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Sessions run on.
    #[error(
        "the challenge is over {} km and sessions run on to {} (finish_km): each RECORD beyond announces FINISH again, and \
         finishers receive no broadcasts",
        km_text(*course_cm),
        km_text(*finish_cm)
    )]
    Beyond {
        /// How far the challenge is.
        course_cm: u64,
        /// Where sessions stop.
        finish_cm: u64,
    },
    /// Sessions stop early.
    #[error(
        "the challenge is over {} km and sessions stop at {} (finish_km): to the servers they have not finished, but left",
        km_text(*course_cm),
        km_text(*finish_cm)
    )]
    Before {
        /// How far the challenge is.
        course_cm: u64,
        /// Where sessions stop.
        finish_cm: u64,
    },
}

impl Misfit {
    /// The option that would fit.
    pub fn fix(self) -> String {
        let (Self::Beyond { course_cm, .. } | Self::Before { course_cm, .. }) = self;
        format!("give --set finish_km={}", km_text(course_cm))
    }
}

impl Finish {
    /// Of a plan; `None` where no session finishes.
    pub fn of(plan: &Plan) -> Option<Self> {
        let every = plan.scenario.websocket.iter().flat_map(|websocket| &websocket.every);
        let runner = every.filter(|every| every.on).find_map(|every| every.finish)?;
        Some(Self { runner, within: plan.settings.ramp.saturating_add(plan.settings.hold) })
    }

    /// Judges it against a challenge over this distance.
    ///
    /// # Errors
    /// They differ, and a session can be at the nearer of them before the plan ends.
    pub fn check(self, course_cm: u64) -> Result<(), Misfit> {
        let finish_cm = self.runner.finish_cm;
        if self.runner.farthest_cm(self.within) < finish_cm.min(course_cm) {
            return Ok(());
        }
        match finish_cm.cmp(&course_cm) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(Misfit::Beyond { course_cm, finish_cm }),
            std::cmp::Ordering::Less => Err(Misfit::Before { course_cm, finish_cm }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finish_fits_the_challenge_or_cannot_be_reached() {
        let finish = |finish_cm: u64, minutes: u64| Finish {
            runner: Runner { pace_s_per_km: 360, finish_cm },
            within: Duration::from_secs(minutes * 60),
        };
        let beyond = Misfit::Beyond { course_cm: 500_000, finish_cm: 1_000_000 };
        assert_eq!(finish(1_000_000, 30).check(500_000), Err(beyond));
        assert_eq!(finish(500_000, 30).check(500_000), Ok(()));
        let before = Misfit::Before { course_cm: 500_000, finish_cm: 10_000 };
        assert_eq!(finish(10_000, 1).check(500_000), Err(before));
        // The fastest runs 342 s a kilometre.
        assert_eq!(finish(1_000_000, 28).check(500_000), Ok(()));
        assert_eq!(finish(1_000_000, 29).check(500_000), Err(beyond));
        assert_eq!(beyond.fix(), "give --set finish_km=5.0");
        let text = "the challenge is over 5.0 km and sessions stop at 0.1 (finish_km): to the servers they have not finished, but left";
        assert_eq!(before.to_string(), text);
    }
}
