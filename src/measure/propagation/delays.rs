//! Delays counted by their length: what a broadcast costs is two additions.
//!
//! Invariant: its buckets are those of [`Latencies`], so that nothing is lost on the way there.

use startline_os::tick::{TICK_MICROS, Ticks};

use super::super::Latencies;
use super::{DELAY_TICKS_MAX, capped};

/// Up to here each number of ticks has a bucket of its own.
const EXACT_BITS: u32 = 8;
/// Buckets of each power of two beyond.
const HALF: usize = 1 << (EXACT_BITS - 1);
const BUCKETS: usize = bucket(DELAY_TICKS_MAX) + 1;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Delays {
    counts: Box<[u32]>,
    sum_ticks: u64,
    min: Ticks,
    max: Ticks,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS].into(),
            sum_ticks: 0,
            min: Ticks::from_raw(u32::MAX),
            max: Ticks::ZERO,
        }
    }
}

impl Delays {
    #[inline]
    pub(super) fn record(&mut self, delay: Ticks) {
        self.counts[bucket(capped(delay))] += 1;
        self.sum_ticks += u64::from(delay.raw());
        self.min = self.min.min(delay);
        self.max = self.max.max(delay);
    }

    /// All of them; none are left. `None` without any.
    pub(super) fn take(&mut self) -> Option<Latencies> {
        if self.min > self.max {
            return None;
        }
        let counted = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let counted = counted.map(|(k, count)| (least_of(k) * TICK_MICROS, *count));
        let taken =
            Latencies::of(counted, self.sum_ticks * TICK_MICROS, self.min.as_micros(), self.max.as_micros());
        self.counts.fill(0);
        (self.sum_ticks, self.min, self.max) = (0, Ticks::from_raw(u32::MAX), Ticks::ZERO);
        Some(taken)
    }
}

/// The bucket of a number of ticks.
#[inline]
const fn bucket(ticks: u32) -> usize {
    let bits = u32::BITS - ticks.leading_zeros();
    if bits <= EXACT_BITS {
        return ticks as usize;
    }
    let shift = bits - EXACT_BITS;
    shift as usize * HALF + (ticks >> shift) as usize
}

/// The least number of ticks in a bucket.
fn least_of(bucket: usize) -> u64 {
    if bucket < 2 * HALF {
        return bucket as u64;
    }
    let shift = bucket / HALF - 1;
    ((bucket - shift * HALF) as u64) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_latencies_would_have_recorded() {
        let mut random = fastrand::Rng::with_seed(7);
        let (mut delays, mut latencies) = (Delays::default(), Latencies::default());
        assert!(delays.take().is_none());
        for k in 0..60_000 {
            // As many of each length's order; some beyond what is told apart.
            let ticks = Ticks::from_raw(if k < 300 { k } else { random.u32(..) >> random.u32(4..32) });
            delays.record(ticks);
            latencies.record(ticks);
        }
        let taken = delays.take().expect("there were some");
        let figures = |of: &Latencies| (of.count(), of.sum(), of.min(), of.max());
        assert_eq!(figures(&taken), figures(&latencies));
        for k in 0..=1_000 {
            let share = f64::from(k) / 1_000.0;
            assert_eq!(taken.quantile(share), latencies.quantile(share), "{share}");
        }
        assert!(delays.take().is_none(), "nothing is left");
    }

    #[test]
    fn buckets_have_no_gap() {
        for ticks in (0..70_000).chain([DELAY_TICKS_MAX - 1, DELAY_TICKS_MAX]) {
            let k = bucket(ticks);
            assert!(least_of(k) <= u64::from(ticks) && u64::from(ticks) < least_of(k + 1), "{ticks}");
        }
    }
}
