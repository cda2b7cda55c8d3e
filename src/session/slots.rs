//! The instants at which a worker's heartbeats begin.
//!
//! Six hundred PINGs a second at six hundred instants wake a worker six hundred times, and waking costs more than
//! sending. So the first PING after open waits for the next of the worker's slots, a few milliseconds apart, and those
//! that meet there share a wake-up and, mostly, their PONGs' too. All further ones follow in whole intervals. Invariant: a due time is
//! never earlier than an interval after open, and later by less than a slot; slots of different workers differ,
//! so that a million sessions do not beat in step.

use crate::tick::{Tick, Ticks};

/// The widest slot: 8.192 ms. A power of two of ticks, so that slots go through the wrap of ticks evenly.
const WIDTH_MAX_TICKS: u32 = 512;
/// A slot is at most this share of the interval.
const SHARE: u32 = 128;

/// One worker's slots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slots {
    offset: u32,
}

impl Slots {
    /// Slots that are shifted against those of other offsets; any number will do.
    pub fn new(offset: u32) -> Self {
        Self { offset }
    }

    /// When something that repeats every `interval` is first due in a session that opened at `opened`.
    pub fn first_due(self, opened: Tick, interval: Ticks) -> Tick {
        let due = opened + interval;
        let widest = (interval.raw() / SHARE).clamp(1, WIDTH_MAX_TICKS);
        let width = 1 << widest.ilog2();
        due + Ticks::from_raw(self.offset.wrapping_sub(due.raw()) & (width - 1))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_first_ping_is_due_at_the_next_slot_and_never_early() {
        let interval = Ticks::from_duration(Duration::from_secs(30));
        for offset in [0, 1, 77, u32::MAX] {
            for opened in [0, 5, 511, 512, 513, u32::MAX - 1_875_000, u32::MAX - 3] {
                let opened = Tick::from_raw(opened);
                let due = Slots::new(offset).first_due(opened, interval);
                let late = due.since(opened + interval).raw();
                assert!(due.reached(opened + interval) && late < WIDTH_MAX_TICKS, "{opened:?}: {late}");
                assert_eq!(due.raw() % WIDTH_MAX_TICKS, offset % WIDTH_MAX_TICKS);
            }
        }
    }

    #[test]
    fn sessions_that_open_within_a_slot_share_it() {
        let interval = Ticks::from_duration(Duration::from_secs(30));
        let due = |opened| Slots::new(9).first_due(Tick::from_raw(opened), interval);
        assert_eq!(due(1_000), due(1_030));
    }

    #[test]
    fn short_intervals_have_narrow_slots() {
        let interval = Ticks::from_duration(Duration::from_millis(20));
        let late = |opened: u32| {
            Slots::default().first_due(Tick::from_raw(opened), interval).since(Tick::from_raw(opened) + interval)
        };
        assert!((0..100).all(|opened| late(opened).as_micros() <= 20_000 / 128));
    }
}
