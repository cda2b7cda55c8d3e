//! Instants and spans in 16 µs ticks: four bytes where a session and a timer keep them.
//!
//! Knows no clock: the engine reads the time and hands ticks down, so a simulation can make them
//! up. Invariant: every comparison is by signed distance, so the wrap after 19 hours is harmless as
//! long as compared instants lie within 9.5 hours of each other. Every timer and latency here does.

use std::time::Duration;

/// Microseconds in a tick. 2³² of them last 19 h 5 min.
pub const TICK_MICROS: u64 = 16;

/// An instant, in ticks since an arbitrary origin, wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tick(u32);

/// A span of time in ticks. At most half the wrap (9.5 h) where instants are compared through it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticks(u32);

impl Tick {
    /// The instant `micros` after the origin.
    pub fn from_micros(micros: u64) -> Self {
        Self((micros / TICK_MICROS) as u32)
    }

    /// The instant with this raw value; the inverse of [`Tick::raw`].
    pub fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// The raw value, for storing.
    pub fn raw(self) -> u32 {
        self.0
    }

    /// The span from `earlier` to here; zero if `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Ticks {
        let distance = self.0.wrapping_sub(earlier.0) as i32;
        Ticks(distance.max(0) as u32)
    }

    /// The distance from `other` to here, negative if `other` is later: exact within half the wrap.
    pub fn distance(self, other: Self) -> i64 {
        i64::from(self.0.wrapping_sub(other.0) as i32)
    }

    /// The instant this long before.
    pub fn before(self, span: Ticks) -> Self {
        Self(self.0.wrapping_sub(span.0))
    }

    /// Whether this instant is `other` or later.
    pub fn reached(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0) as i32 >= 0
    }
}

impl std::ops::Add<Ticks> for Tick {
    type Output = Self;

    fn add(self, span: Ticks) -> Self {
        Self(self.0.wrapping_add(span.0))
    }
}

impl Ticks {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// The span, rounded to the tick below, capped at half the wrap.
    pub fn from_duration(span: Duration) -> Self {
        let ticks = span.as_micros() / u128::from(TICK_MICROS);
        Self(ticks.min(i32::MAX as u128) as u32)
    }

    /// Microseconds in this span.
    pub fn as_micros(self) -> u64 {
        u64::from(self.0) * TICK_MICROS
    }

    /// The span as a [`Duration`].
    pub fn as_duration(self) -> Duration {
        Duration::from_micros(self.as_micros())
    }

    /// This many ticks.
    pub fn from_raw(ticks: u32) -> Self {
        Self(ticks)
    }

    /// The raw count of ticks.
    pub fn raw(self) -> u32 {
        self.0
    }

    /// This span `count` times over, wrapping as instants do.
    pub fn times(self, count: u32) -> Self {
        Self(self.0.wrapping_mul(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_compare_across_the_wrap() {
        let before = Tick::from_raw(u32::MAX - 10);
        let after = before + Ticks::from_duration(Duration::from_secs(1));
        assert!(after.raw() < before.raw(), "the sum has wrapped");
        assert!(after.reached(before));
        assert!(!before.reached(after));
        assert_eq!(after.since(before).as_micros(), 1_000_000);
        assert_eq!(before.since(after), Ticks::ZERO);
        assert_eq!((after.distance(before), before.distance(after)), (62_500, -62_500));
    }

    #[test]
    fn a_span_keeps_its_micros_to_the_tick() {
        let span = Ticks::from_duration(Duration::from_micros(1_000_007));
        assert_eq!(span.as_micros(), 1_000_000);
    }
}
