//! What a criterion can name of sessions that dropped: counts, and statistics of the time that
//! those were away which came back.
//!
//! Computes nothing. Invariant: where nothing could drop, nothing was measured.

use super::{Excuses, Fair, Missing, Reading};
use crate::fault::Excuse;
use crate::lang::Reason;
use crate::report::{ReconnectsResult, RunResult};

fn of(result: &RunResult) -> Result<&ReconnectsResult, Reason> {
    result.reconnects.as_ref().ok_or(Reason::NoPolicy)
}

/// A count.
pub(super) fn count(result: &RunResult, figure: fn(&ReconnectsResult) -> u64) -> Result<f64, Reason> {
    of(result).map(|reconnects| figure(reconnects) as f64)
}

/// The share that came back.
pub(super) fn share(result: &RunResult) -> Result<f64, Reason> {
    of(result)?.recovered_share.ok_or(Reason::NoDrop)
}

/// The statistic of a measure `reconnects.time_lost.<statistic>_ms`.
pub(super) fn statistic(name: &str) -> Option<&str> {
    name.strip_prefix("reconnects.time_lost.")
}

/// Reads that statistic.
pub(super) fn read(figure: &str, result: &RunResult, excuses: Excuses) -> Result<Reading, Missing> {
    let value = of(result)?.time_lost.figure(figure).ok_or(Reason::NoReturn)?;
    Ok(Reading { value, fair: fair_own_time(value, result, excuses) })
}

/// A time that this machine's lag and stalls are a part of.
pub(super) fn fair_own_time(value: f64, result: &RunResult, excuses: Excuses) -> Fair {
    match result.stalls.longest_seconds {
        _ if excuses.lagging => Fair::Unknown(Excuse::Lag),
        Some(_) => Fair::Unknown(Excuse::Stall),
        None => Fair::Otherwise((value - result.generator.lag_p99_ms.unwrap_or(0.0)).max(0.0)),
    }
}
