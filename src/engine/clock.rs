//! The one clock of a process: monotonic instants as ticks, and the wall clock derived from it.
//!
//! Read once a turn of a loop (and every few dozen events in a long one), never by sessions. Invariant: all
//! clones share one origin, so ticks of different workers compare.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::tick::Tick;

/// A clock whose tick 0 lies at its making.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    unix_at_origin: Duration,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        let unix_at_origin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { origin: Instant::now(), unix_at_origin }
    }

    /// Time since the origin.
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Now, in ticks since the origin.
    pub fn now(&self) -> Tick {
        self.tick_at(self.elapsed())
    }

    /// The tick at this distance from the origin.
    pub fn tick_at(&self, elapsed: Duration) -> Tick {
        Tick::from_micros(elapsed.as_micros() as u64)
    }

    /// Unix milliseconds now, as the wall clock stood at the origin plus monotonic time: it never jumps.
    pub fn unix_ms(&self) -> u64 {
        self.unix_ms_at(self.elapsed())
    }

    /// Unix milliseconds at this distance from the origin.
    pub fn unix_ms_at(&self, elapsed: Duration) -> u64 {
        (self.unix_at_origin + elapsed).as_millis() as u64
    }
}
