//! The stage that a run is in, as the live view shows it.
//!
//! Text alone. Invariant: a run without stages of its own has none.

use std::time::Duration;

use super::name;
use crate::numbers::grouped;
use crate::report::Phase;
use crate::report::view::Snapshot;

/// A stage that is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageNow {
    /// Its name and its level, and of a search what has held so far.
    pub what: String,
    /// How long it has gone on.
    pub so_far: Duration,
    /// How long it takes.
    pub span: Duration,
}

/// Copies what is shown.
pub(super) fn stage(snapshot: &Snapshot<'_>) -> Option<StageNow> {
    let Snapshot { plan, elapsed, result, .. } = snapshot;
    if !plan.is_staged() || snapshot.phase == Phase::RampDown {
        return None;
    }
    let planned = elapsed.saturating_sub(snapshot.paused_so_far());
    let at = plan.shape.stage_at(planned);
    let stage = plan.shape.stages().get(at)?;
    let held = result.find_max.as_ref().and_then(|found| found.sessions);
    let held = held.map_or_else(String::new, |held| format!("; {} held", grouped(held)));
    Some(StageNow {
        what: format!("{}: {} sessions{held}", name(&stage.name), grouped(stage.level.into())),
        so_far: planned.saturating_sub(plan.shape.stage_start(at)).min(stage.span),
        span: stage.span,
    })
}
