//! A distribution of latencies: an HdrHistogram made on first use, with the exact sum, least and
//! greatest.
//!
//! Two significant digits keep a histogram at 10 KB, which is what lets every worker have a dozen.
//! A percentile is then the upper edge of its bucket: up to 0.8 % above the true value, never below
//! it. Mean, minimum and maximum are kept beside the buckets and are exact to the 16 µs tick.
//! Invariant: all histograms share one geometry, so that adding never loses a value.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use startline_os::tick::Ticks;

/// The greatest latency told apart, in microseconds: twice the longest timeout that makes sense.
/// Longer ones count in the last bucket.
pub const LATENCY_MICROS_MAX: u64 = 120_000_000;

const SIGNIFICANT_DIGITS: u8 = 2;

/// Latencies in microseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Listed", into = "Listed")]
pub struct Latencies {
    /// `u32` counts: 4 billion in one bucket would take a million sessions' heartbeats a day and
    /// more.
    histogram: Option<Histogram<u32>>,
    sum_micros: u64,
    min_micros: u64,
    max_micros: u64,
}

impl Latencies {
    /// Records one.
    pub fn record(&mut self, latency: Ticks) {
        let micros = latency.as_micros();
        let histogram = self.histogram.get_or_insert_with(empty_histogram);
        self.min_micros = if histogram.is_empty() { micros } else { self.min_micros.min(micros) };
        self.max_micros = self.max_micros.max(micros);
        self.sum_micros += micros;
        histogram.saturating_record(micros);
    }

    /// This many of each of these microseconds, with the figures of all that are exact.
    pub(super) fn of(
        counted: impl Iterator<Item = (u64, u32)>,
        sum_micros: u64,
        min_micros: u64,
        max_micros: u64,
    ) -> Self {
        let mut histogram = empty_histogram();
        counted.for_each(|(micros, count)| histogram.saturating_record_n(micros, count));
        Self { histogram: Some(histogram), sum_micros, min_micros, max_micros }
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        let Some(theirs) = &other.histogram else { return };
        self.min_micros =
            if self.is_empty() { other.min_micros } else { self.min_micros.min(other.min_micros) };
        self.max_micros = self.max_micros.max(other.max_micros);
        self.sum_micros += other.sum_micros;
        let mine = self.histogram.get_or_insert_with(empty_histogram);
        mine.add(theirs).expect("every histogram has the same geometry");
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The sum, exact to the tick.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_micros)
    }

    /// The mean, exact to the tick; `None` without values.
    pub fn mean(&self) -> Option<Duration> {
        let count = self.count();
        (count > 0).then(|| Duration::from_nanos((self.sum_micros as f64 * 1e3 / count as f64) as u64))
    }

    /// The least, exact to the tick; `None` without values.
    pub fn min(&self) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_micros(self.min_micros))
    }

    /// The greatest, exact to the tick; `None` without values.
    pub fn max(&self) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_micros(self.max_micros))
    }

    /// The value that this share (0 to 1) of the values does not exceed: the upper edge of its
    /// bucket, capped by the exact maximum; `None` without values.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let histogram = self.histogram.as_ref().filter(|histogram| !histogram.is_empty())?;
        let upper_edge = histogram.value_at_quantile(share);
        // The last bucket holds everything beyond the range; only the exact maximum is true there.
        let beyond = upper_edge >= LATENCY_MICROS_MAX && self.max_micros > LATENCY_MICROS_MAX;
        let micros =
            if beyond { self.max_micros } else { upper_edge.clamp(self.min_micros, self.max_micros) };
        Some(Duration::from_micros(micros))
    }

    /// The histogram itself, of microseconds, for the interval log; `None` without values.
    pub fn histogram(&self) -> Option<&Histogram<u32>> {
        self.histogram.as_ref().filter(|histogram| !histogram.is_empty())
    }
}

/// Latencies as a file has them: each bucket that is used, with its count.
#[derive(Default, Serialize, Deserialize)]
struct Listed {
    sum_micros: u64,
    min_micros: u64,
    max_micros: u64,
    counts: Vec<(u64, u32)>,
}

impl From<Latencies> for Listed {
    fn from(it: Latencies) -> Self {
        let Latencies { sum_micros, min_micros, max_micros, ref histogram } = it;
        let used = histogram.iter().flat_map(Histogram::iter_recorded);
        let counts = used.map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()));
        Self { sum_micros, min_micros, max_micros, counts: counts.collect() }
    }
}

impl From<Listed> for Latencies {
    fn from(it: Listed) -> Self {
        match it.counts.is_empty() {
            true => Self::default(),
            false => Self::of(it.counts.into_iter(), it.sum_micros, it.min_micros, it.max_micros),
        }
    }
}

fn empty_histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, SIGNIFICANT_DIGITS).expect("constant bounds are valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(millis: u64) -> Ticks {
        Ticks::from_duration(Duration::from_millis(millis))
    }

    fn millis(latency: Option<Duration>) -> f64 {
        latency.unwrap().as_secs_f64() * 1e3
    }

    #[test]
    fn nothing_recorded_has_no_figures() {
        let empty = Latencies::default();
        assert!(empty.is_empty() && empty.histogram().is_none());
        assert_eq!((empty.mean(), empty.min(), empty.max(), empty.quantile(0.5)), (None, None, None, None));
    }

    #[test]
    fn mean_and_extremes_are_exact_and_percentiles_within_one_in_a_hundred() {
        let mut latencies = Latencies::default();
        for value in 1..=1000 {
            latencies.record(ticks(value));
        }
        assert_eq!(latencies.count(), 1000);
        assert!((millis(latencies.mean()) - 500.5).abs() < 0.02);
        assert!((millis(latencies.min()) - 1.0).abs() < 0.02);
        assert!((millis(latencies.max()) - 1000.0).abs() < 0.02);
        for (share, truth) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (1.0, 1000.0)] {
            let measured = millis(latencies.quantile(share));
            assert!((-0.02..truth * 0.01).contains(&(measured - truth)), "{share}: {measured} of {truth}");
        }
    }

    #[test]
    fn a_merge_equals_recording_in_one_place() {
        let (mut left, mut right, mut both) =
            (Latencies::default(), Latencies::default(), Latencies::default());
        for value in [3, 700, 12, 4, 90_000] {
            left.record(ticks(value));
            both.record(ticks(value));
        }
        for value in [1, 5_000, 12] {
            right.record(ticks(value));
            both.record(ticks(value));
        }
        let mut merged = Latencies::default();
        merged.add(&left);
        merged.add(&right);
        merged.add(&Latencies::default());
        for share in [0.0, 0.3, 0.5, 0.9, 1.0] {
            assert_eq!(merged.quantile(share), both.quantile(share));
        }
        assert_eq!((merged.mean(), merged.min(), merged.max()), (both.mean(), both.min(), both.max()));
    }

    #[test]
    fn beyond_the_range_the_maximum_stays_true() {
        let mut latencies = Latencies::default();
        latencies.record(ticks(1));
        latencies.record(ticks(300_000));
        assert!((millis(latencies.max()) - 300_000.0).abs() < 0.02);
        assert_eq!(latencies.quantile(1.0), latencies.max());
    }

    #[test]
    fn a_histogram_is_small() {
        let mut latencies = Latencies::default();
        latencies.record(Ticks::ZERO);
        let bytes = latencies.histogram().unwrap().distinct_values() * 4;
        assert!(bytes <= 11_000, "{bytes} bytes");
        assert_eq!(latencies.min(), Some(Duration::ZERO));
    }
}
