//! How long a session has been open, however long that is.
//!
//! Ticks wrap after 19 hours and compare over half of that. So `opened` of an open session moves forward
//! by whole epochs, which are counted in the byte of the step, of which an open session has none.
//! Invariant: an age, and which time of a periodic message it is, are the same before and after.

use std::time::Duration;

use startline_os::tick::{TICK_MICROS, Tick, Ticks};

use super::Session;
use crate::scenario::StepIndex;

/// Ticks of an epoch: 4 h 46 min. 255 of them are 50 days; a run is at most
/// ten.
const EPOCH: u32 = 1 << 30;

impl Session {
    /// It has just opened.
    pub(super) fn be_young(&mut self) {
        self.step = StepIndex(0);
    }

    /// Moves `opened` of an open session forward, if it is an epoch old. To be called more than once an
    /// epoch.
    pub fn grow_old(&mut self, now: Tick) {
        if self.is_open() && now.since(self.opened).raw() >= EPOCH && self.step.0 < u8::MAX {
            self.opened = self.opened + Ticks::from_raw(EPOCH);
            self.step.0 += 1;
        }
    }

    /// How long it has been open.
    pub fn age(&self, now: Tick) -> Duration {
        if self.is_open() {
            Duration::from_micros(self.ticks_until(now) * TICK_MICROS)
        } else {
            Duration::ZERO
        }
    }

    /// Ticks from the instant at which an open session opened to this one.
    pub(super) fn ticks_until(&self, at: Tick) -> u64 {
        let before = i64::from(self.step.0) * i64::from(EPOCH);
        (before + at.distance(self.opened)).max(0).cast_unsigned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Phase;
    use super::*;

    /// An open session, at this instant of a clock without end.
    fn opened(micros: u64) -> Session {
        let mut session = Session::new();
        session.phase = Phase::Held;
        session.opened = Tick::from_micros(micros);
        session.be_young();
        session
    }

    proptest! {
        /// Over 100 hours, from any instant of the clock, with intervals of any length: the k-th PING is
        /// the k-th, and the age is right.
        #[test]
        fn in_a_hundred_hours_every_ping_is_the_one_that_it_is(
            start in 0..200_000_000_000_u64,
            interval_ms in 1_000..32_000_000_u64,
            look_ms in 60_000..3_600_000_u64,
        ) {
            let mut session = opened(start);
            let interval = Ticks::from_duration(Duration::from_millis(interval_ms));
            let mut due = Tick::from_micros(start) + interval;
            let hundred_hours = 360_000_000_000_u64;
            let (mut k, mut looked) = (0, 0);
            loop {
                let since = (k + 1) * interval.as_micros();
                if since > hundred_hours {
                    break;
                }
                while looked + look_ms * 1_000 < since {
                    looked += look_ms * 1_000;
                    session.grow_old(Tick::from_micros(start + looked));
                }
                prop_assert_eq!(u64::from(session.sequence(due, interval)), k);
                let age = session.age(due).as_micros() as u64;
                prop_assert!(age.abs_diff(since) <= TICK_MICROS, "{} of {}", age, since);
                // Its reply may be awaited for long, and it counts as the same then.
                session.grow_old(due + Ticks::from_raw(1));
                prop_assert_eq!(u64::from(session.sequence(due, interval)), k);
                // With short intervals not each of them is looked at.
                let step = (hundred_hours / interval.as_micros() / 3_000).max(1);
                k += step;
                due = due + interval.times(step as u32);
            }
        }
    }
}
