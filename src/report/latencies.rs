//! Distributions of latencies as results.
//!
//! Knows nothing of what was timed. Invariant: without values every figure is `null`, never zero.

use std::time::Duration;

use super::LatencyResult;
use crate::measure::Latencies;
use crate::numbers;

pub(super) fn latency(latencies: &Latencies) -> LatencyResult {
    let at = |share: f64| millis(latencies.quantile(share));
    LatencyResult {
        mean_ms: millis(latencies.mean()),
        min_ms: millis(latencies.min()),
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
        max_ms: millis(latencies.max()),
    }
}

/// The figures without as many of the longest as a stall may have made long: what is left is at
/// least as good.
pub(super) fn latency_without(latencies: &Latencies, stalled: u64) -> LatencyResult {
    let left = latencies.count().saturating_sub(stalled) as f64 / latencies.count().max(1) as f64;
    let at = |share: f64| millis(latencies.quantile(share * left)).filter(|_| left > 0.0);
    LatencyResult {
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
        max_ms: at(1.0),
        ..LatencyResult::default()
    }
}

/// In milliseconds.
pub(super) fn millis(span: Option<Duration>) -> Option<f64> {
    span.map(numbers::millis)
}
