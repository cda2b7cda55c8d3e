//! A distribution as Prometheus keeps it: counts between fixed limits, and a sum.
//!
//! Invariant: each limit is an edge of the histograms that a run keeps ([`Latencies`]), so that every
//! count is exact and none is interpolated.

use std::array;

use crate::measure::Latencies;

/// Limits of buckets, from 250 µs to 32.768 s.
const LIMITS: usize = 35;

/// Counts between limits, and the sum of all values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    counts: Vec<u64>,
    sum_seconds: f64,
}

impl Buckets {
    /// The values so far.
    pub fn of(latencies: &Latencies) -> Self {
        let Some(histogram) = latencies.histogram() else { return Self::default() };
        let limits = limits_micros();
        let mut counts = vec![0; LIMITS + 1];
        for recorded in histogram.iter_recorded() {
            let least = histogram.lowest_equivalent(recorded.value_iterated_to());
            counts[limits.partition_point(|limit| *limit <= least)] += u64::from(recorded.count_at_value());
        }
        Self { counts, sum_seconds: latencies.sum().as_secs_f64() }
    }

    /// Each limit in seconds with the number of values from the limit before up to it; the last has
    /// no limit.
    pub fn counts(&self) -> [(f64, u64); LIMITS + 1] {
        let limits = limits_micros();
        array::from_fn(|k| {
            let limit = limits.get(k).map_or(f64::INFINITY, |micros| *micros as f64 / 1e6);
            (limit, self.counts.get(k).copied().unwrap_or(0))
        })
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum.
    pub fn sum_seconds(&self) -> f64 {
        self.sum_seconds
    }
}

/// 250, 350, 500, 700 µs, 1 ms, and so on: twice as much at every second one. With two significant
/// digits a histogram's buckets begin at 128 to 255 times a power of two; 250 and 175 times one are
/// the most legible of those in seconds.
fn limits_micros() -> [u64; LIMITS] {
    array::from_fn(|k| if k % 2 == 0 { 250 << (k / 2) } else { 350 << (k / 2) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use startline_os::tick::{TICK_MICROS, Ticks};

    use super::*;

    fn latencies(micros: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::default();
        micros.into_iter().for_each(|it| latencies.record(Ticks::from_duration(Duration::from_micros(it))));
        latencies
    }

    #[test]
    fn every_limit_is_an_edge_of_the_histogram() {
        let one = latencies([1_000]);
        let histogram = one.histogram().expect("a value");
        for limit in limits_micros() {
            assert_eq!(histogram.lowest_equivalent(limit), limit);
        }
        assert!(limits_micros().is_sorted());
    }

    /// What was below a limit is counted below it, and nothing else is.
    #[test]
    fn counts_are_those_of_the_values_themselves() {
        let mut random = fastrand::Rng::with_seed(14);
        let mut values: Vec<u64> = (0..20_000).map(|_| 1 << random.u32(4..26)).collect();
        values.iter_mut().for_each(|it| *it += random.u64(..*it));
        values.extend(limits_micros().iter().flat_map(|limit| [limit - TICK_MICROS, *limit]));
        values.iter_mut().for_each(|it| *it -= *it % TICK_MICROS);
        let buckets = Buckets::of(&latencies(values.iter().copied()));
        let mut so_far = 0;
        for (limit, count) in buckets.counts() {
            so_far += count;
            let below = values.iter().filter(|it| (**it as f64) < limit * 1e6).count();
            assert_eq!(so_far, below as u64, "below {limit} s");
        }
        assert_eq!(buckets.count(), values.len() as u64);
        let sum: u64 = values.iter().sum();
        assert!((buckets.sum_seconds() - sum as f64 / 1e6).abs() < 1e-3);
    }

    #[test]
    fn without_values_there_are_limits_all_the_same() {
        let none = Buckets::of(&Latencies::default());
        assert_eq!((none.count(), none.sum_seconds()), (0, 0.0));
        let limits: Vec<f64> = none.counts().iter().map(|(limit, _)| *limit).collect();
        assert_eq!(limits[..5], [0.000_25, 0.000_35, 0.000_5, 0.000_7, 0.001]);
        assert_eq!(limits[34..], [32.768, f64::INFINITY]);
    }
}
