//! The plan's clock: it runs as the run does, and stands while arrivals are paused.
//!
//! The control thread sets it, workers read it once a turn. Two atomics, without a lock: the planned
//! instant at which it stops, and how far planned time is behind the run's. Invariants: it never passes
//! the instant at which it stops; an instant that it has reached stays reached, whichever of the two was
//! read anew.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// It does not stop.
const NEVER: u64 = u64::MAX;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct ShapeClock {
    /// Nanoseconds of planned time.
    stops_at: AtomicU64,
    shift: AtomicU64,
}

impl Default for ShapeClock {
    fn default() -> Self {
        Self { stops_at: AtomicU64::new(NEVER), shift: AtomicU64::new(0) }
    }
}

impl ShapeClock {
    /// Has it stop at this planned instant. Workers that read it in time stop there exactly.
    pub(super) fn stop(&self, planned: Duration) {
        self.stops_at.store(planned.as_nanos() as u64, Ordering::Release);
    }

    /// Has it go on, so far behind the run.
    pub(super) fn go_on(&self, shift: Duration) {
        // In this order: with the old end and the new shift it has not passed that end.
        self.shift.store(shift.as_nanos() as u64, Ordering::Release);
        self.stops_at.store(NEVER, Ordering::Release);
    }

    /// How it stands.
    pub(super) fn read(&self) -> ShapeTime {
        let stops_at = self.stops_at.load(Ordering::Acquire);
        let shift = Duration::from_nanos(self.shift.load(Ordering::Acquire));
        ShapeTime { stops_at: Duration::from_nanos(stops_at), shift }
    }
}

/// What a [`ShapeClock`] said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShapeTime {
    stops_at: Duration,
    shift: Duration,
}

impl ShapeTime {
    /// The planned time at this instant of the run.
    pub(super) fn planned(self, at: Duration) -> Duration {
        at.saturating_sub(self.shift).min(self.stops_at)
    }

    /// When what is planned for this instant happens; `None` if the clock stops before.
    pub(super) fn happens(self, planned: Duration) -> Option<Duration> {
        (planned <= self.stops_at).then(|| planned + self.shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn it_stands_while_it_is_stopped() {
        let clock = ShapeClock::default();
        assert_eq!(clock.read().planned(seconds(7)), seconds(7));
        clock.stop(seconds(10));
        let stopped = clock.read();
        assert_eq!([5, 10, 99].map(|at| stopped.planned(seconds(at))), [5, 10, 10].map(seconds));
        assert_eq!((stopped.happens(seconds(10)), stopped.happens(seconds(11))), (Some(seconds(10)), None));
        clock.go_on(seconds(30));
        let again = clock.read();
        assert_eq!([40, 41].map(|at| again.planned(seconds(at))), [10, 11].map(seconds));
        assert_eq!(again.happens(seconds(11)), Some(seconds(41)));
    }

    #[test]
    fn between_the_two_stores_nothing_passes_its_end() {
        let clock = ShapeClock::default();
        clock.stop(seconds(10));
        clock.shift.store(seconds(30).as_nanos() as u64, Ordering::Release);
        // It goes on at 40.
        assert!((11..=40).all(|at| clock.read().planned(seconds(at)) <= seconds(10)));
        assert_eq!(clock.read().planned(seconds(50)), seconds(10));
    }
}
