//! Distributions of latencies, as counts in buckets whose edges grow by a constant factor.
//!
//! Invariant: a bucket is never narrower than the clock's tick, so that none is empty for want of
//! resolution.

use hdrhistogram::Histogram;
use serde::Serialize;
use startline_os::tick::TICK_MICROS;

use super::series::Figure;

/// A bucket's upper edge over its lower one.
const GROWTH: f64 = 1.15;

/// The smallest and the longest drawn, in microseconds; what is beyond counts in the last bucket.
const RANGE_US: (f64, f64) = (8.0, 1e9);

/// A distribution over a logarithmic axis.
#[derive(Debug, Serialize)]
pub(super) struct Buckets {
    pub id: String,
    /// In milliseconds; one more than there are buckets.
    edges: Vec<Figure>,
    /// What was counted, by name.
    pub series: Vec<(&'static str, Vec<u64>)>,
    /// Percentiles by name, in milliseconds.
    pub marks: Vec<(String, Figure)>,
}

/// Puts histograms, in microseconds, into the same buckets.
pub(super) fn buckets(id: String, histograms: &[(&'static str, &Histogram<u64>)]) -> Buckets {
    let all = || histograms.iter().map(|(_, histogram)| *histogram);
    let least = all().map(Histogram::min).min().unwrap_or(0) as f64;
    let most = all().map(Histogram::max).max().unwrap_or(0) as f64;
    let edges = edges(least, most);
    let count = |histogram: &Histogram<u64>| {
        let last = edges.len() - 2;
        let mut counts = vec![0; last + 1];
        for value in histogram.iter_recorded() {
            let at = edges.partition_point(|edge| *edge <= value.value_iterated_to() as f64);
            counts[at.saturating_sub(1).min(last)] += value.count_at_value();
        }
        counts
    };
    Buckets {
        id,
        series: histograms.iter().map(|(name, histogram)| (*name, count(histogram))).collect(),
        marks: Vec::new(),
        edges: edges.iter().map(|edge| Figure(Some(edge / 1e3))).collect(),
    }
}

/// Edges around these values, over a factor of ten at least: a narrow distribution should look narrow.
fn edges(least: f64, most: f64) -> Vec<f64> {
    let tick = TICK_MICROS as f64;
    let (from, to) = (least * 0.8, (most * 1.2).max(least * 10.0).clamp(100.0, RANGE_US.1));
    let mut edges = vec![RANGE_US.0];
    while let Some(last) = edges.last().copied().filter(|last| *last < to) {
        edges.push((last * GROWTH).max(last + tick));
    }
    let unused = edges.partition_point(|edge| *edge <= from).saturating_sub(1);
    edges.split_off(unused.min(edges.len() - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new(2).unwrap();
        values.iter().for_each(|value| histogram.record(*value).unwrap());
        histogram
    }

    #[test]
    fn every_value_is_in_a_bucket_around_it() {
        let values = [0, 16, 32, 48, 200, 1_500, 80_000, 3_000_000];
        let drawn = buckets("x".into(), &[("due", &histogram(&values)), ("sent", &histogram(&[1_500]))]);
        let [(_, due), (_, sent)] = &drawn.series[..] else { panic!("two of them") };
        assert_eq!(due.iter().sum::<u64>(), values.len() as u64);
        assert_eq!((sent.iter().sum::<u64>(), drawn.edges.len()), (1, due.len() + 1));
        let bucket = sent.iter().position(|count| *count == 1).unwrap();
        let edge = |k: usize| drawn.edges[k].0.unwrap();
        assert!(edge(bucket) <= 1.5 && 1.5 < edge(bucket + 1), "{} {}", edge(bucket), edge(bucket + 1));
        assert!(drawn.edges.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn one_value_has_room_around_it() {
        let drawn = buckets("x".into(), &[("due", &histogram(&[0]))]);
        assert!(drawn.edges.len() > 3);
        let drawn = buckets("x".into(), &[("due", &histogram(&[5_000]))]);
        let edges: Vec<f64> = drawn.edges.iter().filter_map(|edge| edge.0).collect();
        assert!(edges[0] < 5.0 && edges[edges.len() - 1] >= 50.0, "{edges:?}");
    }
}
