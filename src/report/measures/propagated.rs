//! The measures of announcements: `propagation.<name>.p99_ms`, `propagation.<name>.last.p99_ms`.
//!
//! Knows no limits.

use super::{Excuses, FIGURES, Fair, Missing, Reading};
use crate::fault::Excuse;
use crate::lang::Reason;
use crate::measure::LEFT;
use crate::report::RunResult;

/// The parts of `propagation.<name>.<figure>`, of each receiver, and `propagation.<name>.last.<figure>`.
pub(super) fn propagation_figure(name: &str) -> Option<(&str, Receivers, &str)> {
    let (name, rest) = name.strip_prefix("propagation.")?.split_once('.')?;
    Some(match rest.split_once('.') {
        Some(("first", figure)) => (name, Receivers::First, figure),
        Some(("last", figure)) => (name, Receivers::Last, figure),
        _ => (name, Receivers::Each, rest),
    })
}

/// Of how many receivers of an act a time is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Receivers {
    Each,
    First,
    Last,
}

/// How long announcements took, less the time that they may have lain unread here. Those in whose time
/// this machine stalled are not in it.
pub(super) fn read(
    name: &str,
    receivers: Receivers,
    figure: &str,
    result: &RunResult,
    excuses: Excuses,
) -> Result<Reading, Missing> {
    let no_figure = || Missing::NotMeasured(Reason::NoFigure.with(figure));
    let known = result.propagation.get(name).ok_or_else(no_figure)?;
    if !FIGURES.contains(&figure) {
        return Err(no_figure());
    }
    let times = match receivers {
        Receivers::Each => &known.each,
        Receivers::First => &known.first,
        Receivers::Last => &known.last,
    };
    let Some(value) = times.figure(figure) else {
        return Err(match known.received {
            0 if name == LEFT => Reason::NobodyLeft.into(),
            0 => Missing::NotMeasured(Reason::NothingAnnounced.with(name)),
            _ => Reason::NoLastReceiver.into(),
        });
    };
    let fair = match excuses.lagging {
        true => Fair::Unknown(Excuse::Lag),
        false => Fair::Otherwise((value - result.generator.lag_p99_ms.unwrap_or(0.0)).max(0.0)),
    };
    Ok(Reading { value, fair })
}
