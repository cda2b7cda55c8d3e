//! Whether sockets become readable one after the other, thousands of times a second: a worker that
//! sleeps in between is woken for each of them, which costs both ends more than the message.
//!
//! Arithmetic alone. Invariant: a worker that is woken less often than every [`CLOSE`], or for many
//! sockets at once, never pauses.

use std::time::Duration;

use startline_os::tick::{Tick, Ticks};

/// How long a worker lets sockets gather: in each latency that ends then, and far below what one is
/// judged by.
pub(super) const PAUSE: Duration = Duration::from_micros(100);
/// Wake-ups no farther apart follow each other.
const CLOSE: Duration = Duration::from_micros(400);
/// Sockets of a wake-up that is worth it.
const MANY: usize = 16;
/// Wake-ups for few that have to follow each other: not those of a set-up's requests.
const WAKES_MIN: u32 = 32;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Flood {
    woke_at: Tick,
    /// Wake-ups for few sockets in a row, and whether the last one was.
    wakes: u32,
    was_few: bool,
}

impl Flood {
    /// The worker was woken for this many sockets.
    pub(super) fn woke(&mut self, at: Tick, sockets: usize) {
        let is_close = at.since(self.woke_at) <= Ticks::from_duration(CLOSE);
        self.was_few = sockets < MANY;
        self.wakes = if is_close { self.wakes.saturating_add(self.was_few.into()) } else { 0 };
        self.woke_at = at;
    }

    /// Whether it should let sockets gather before it is woken again.
    pub(super) fn is_on(&self) -> bool {
        self.was_few && self.wakes >= WAKES_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wake-ups before which the worker would have paused, of this many each this far apart.
    fn pauses(wakes: u32, apart_micros: u64, sockets: usize) -> u32 {
        let mut flood = Flood::default();
        let apart = Ticks::from_duration(Duration::from_micros(apart_micros));
        let mut at = Tick::from_raw(1_000_000);
        (0..wakes).fold(0, |pauses, _| {
            at = at + apart;
            flood.woke(at, sockets);
            pauses + u32::from(flood.is_on())
        })
    }

    #[test]
    fn only_many_wake_ups_for_few_sockets_are_a_flood() {
        assert_eq!(pauses(32, 32, 1), 0, "as many as a set-up may have");
        assert_eq!(pauses(132, 32, 1), 100);
        assert_eq!(pauses(132, 320, 3), 100, "it goes on while the pauses last");
        assert_eq!(pauses(132, 480, 1), 0, "two thousand a second are none");
        assert_eq!(pauses(132, 32, 64), 0, "each was worth it");
    }

    #[test]
    fn it_is_over_with_the_first_rest() {
        let mut flood = Flood::default();
        let at = |ticks: u32| Tick::from_raw(1_000_000 + ticks);
        (0..64).for_each(|k| flood.woke(at(k), 1));
        assert!(flood.is_on());
        flood.woke(at(64), 64);
        assert!(!flood.is_on(), "nothing to gather for");
        flood.woke(at(65), 1);
        assert!(flood.is_on());
        flood.woke(at(200), 1);
        assert!(!flood.is_on());
    }
}
