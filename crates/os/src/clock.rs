//! The one clock of a process: monotonic instants as ticks, and the wall clock derived from it.
//!
//! CLOCK_BOOTTIME (clock_gettime(2)) goes on while the machine is suspended: servers' time goes on
//! too, and a suspended load generator shows as any other stall.
//!
//! Read once a turn of a loop (and every few dozen events in a long one), never by sessions.
//! Invariant: all clones share one origin, so ticks of different workers compare.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::tick::{TICK_MICROS, Tick};

/// A clock whose tick 0 lies at its making.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Duration,
    unix_micros_at_origin: u64,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        // In this order: what a peer on this machine says it sent is never later than we heard it.
        let origin = since_boot();
        let unix_at_origin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { origin, unix_micros_at_origin: unix_at_origin.as_micros() as u64 }
    }

    /// Time since the origin.
    pub fn elapsed(&self) -> Duration {
        since_boot().saturating_sub(self.origin)
    }

    /// Now, in ticks since the origin.
    pub fn now(&self) -> Tick {
        self.tick_at(self.elapsed())
    }

    /// The tick at this distance from the origin.
    pub fn tick_at(&self, elapsed: Duration) -> Tick {
        Tick::from_micros(elapsed.as_micros() as u64)
    }

    /// Unix microseconds of the tick at this distance from the origin, as the wall clock stood at
    /// the origin plus monotonic time: it never jumps, and what is said of a tick now can be said
    /// again later.
    pub fn unix_micros_at(&self, elapsed: Duration) -> u64 {
        let micros = elapsed.as_micros() as u64;
        self.unix_micros_at_origin + micros / TICK_MICROS * TICK_MICROS
    }

    /// The same, no earlier than this distance from the origin: to the microsecond, rounded up.
    pub fn unix_micros_after(&self, elapsed: Duration) -> u64 {
        self.unix_micros_at_origin + elapsed.as_nanos().div_ceil(1_000) as u64
    }

    /// Unix milliseconds now.
    pub fn unix_ms(&self) -> u64 {
        self.unix_micros_at(self.elapsed()) / 1_000
    }
}

fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_says_it_sent_is_heard_no_earlier() {
        for _ in 0..1_000 {
            let clock = Clock::start();
            let sent = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            let heard = clock.unix_micros_after(clock.elapsed());
            assert!(u128::from(heard) >= sent.as_micros(), "{heard} {sent:?}");
        }
    }
}
