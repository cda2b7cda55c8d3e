//! The instants at which a worker's heartbeats begin.
//!
//! Six hundred PINGs a second at six hundred instants wake a worker six hundred times, and waking
//! costs more than sending. So the first PING after open waits for the next of the worker's slots,
//! a few milliseconds apart; those that meet there share a wake-up and, mostly, their PONGs' too.
//! Slots divide the interval evenly, so that PINGs that are whole intervals later meet again,
//! whenever their sessions opened. Invariant: a due time is never earlier than an interval after
//! open, and later by less than a slot; slots of different workers differ, so that a million
//! sessions do not beat in step. (Where ticks wrap, after 19 h, later sessions get slots of their
//! own once.)

use startline_os::tick::{Tick, Ticks};

/// The widest slot: 32.768 ms.
const WIDTH_MAX_TICKS: u32 = 2048;
/// There are at least this many slots in an interval.
const SLOTS_MIN: u32 = 128;

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

    /// The next instant of a grid `width` wide, a power of two of ticks, at or after `due`.
    pub fn next(self, due: Tick, width: u32) -> Tick {
        debug_assert!(width.is_power_of_two());
        let over = due.raw().wrapping_sub(self.offset) & (width - 1);
        if over == 0 { due } else { due + Ticks::from_raw(width - over) }
    }

    /// When something that repeats every `interval` is first due in a session that opened at
    /// `opened`.
    pub fn first_due(self, opened: Tick, interval: Ticks) -> Tick {
        let due = opened + interval;
        if interval == Ticks::ZERO {
            return due;
        }
        let ticks = u64::from(interval.raw());
        let slots = u64::from(interval.raw().div_ceil(WIDTH_MAX_TICKS).max(SLOTS_MIN)).min(ticks);
        let phase = u64::from(due.raw().wrapping_sub(self.offset)) % ticks;
        let slot = (phase * slots).div_ceil(ticks);
        let begins = (slot * ticks).div_ceil(slots);
        due + Ticks::from_raw((begins - phase) as u32)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_first_ping_is_due_at_the_next_slot_and_never_early() {
        for interval in
            [30_000, 10_000, 1_000, 20].map(|millis| Ticks::from_duration(Duration::from_millis(millis)))
        {
            let width = WIDTH_MAX_TICKS.min(interval.raw() / SLOTS_MIN) + 1;
            for offset in [0, 1, 77, u32::MAX] {
                for opened in [0, 5, 511, 512, 513, u32::MAX - 1_875_000, u32::MAX - 3] {
                    let opened = Tick::from_raw(opened);
                    let due = Slots::new(offset).first_due(opened, interval);
                    let late = due.since(opened + interval).raw();
                    assert!(due.reached(opened + interval) && late <= width, "{opened:?}: {late}");
                }
            }
        }
    }

    #[test]
    fn sessions_meet_again_whenever_they_opened() {
        let interval = Ticks::from_duration(Duration::from_millis(10_007));
        let slots = Slots::new(9);
        // Thirty seconds of arrivals, one every 10 ms: where in the interval their PINGs are due.
        let places: HashSet<u32> = (0..3_000)
            .map(|k| {
                slots.first_due(Tick::from_micros(k * 10_000), interval).raw().wrapping_sub(9)
                    % interval.raw()
            })
            .collect();
        assert!(places.len() <= 625, "{} instants for 3,000 sessions", places.len());
    }

    #[test]
    fn a_grid_is_never_early_and_goes_on_where_ticks_wrap() {
        for offset in [0, 7, u32::MAX - 3] {
            let slots = Slots::new(offset);
            for due in [0, 1, 2_047, 2_048, u32::MAX - 1, u32::MAX].map(Tick::from_raw) {
                let slot = slots.next(due, 2_048);
                assert!(slot.reached(due) && slot.since(due).raw() < 2_048);
                assert_eq!(slots.next(slot, 2_048), slot);
            }
        }
    }

    #[test]
    fn no_interval_is_no_slot() {
        assert_eq!(Slots::new(3).first_due(Tick::from_raw(7), Ticks::ZERO), Tick::from_raw(7));
        assert_eq!(Slots::new(3).first_due(Tick::from_raw(7), Ticks::from_raw(1)), Tick::from_raw(8));
    }
}
