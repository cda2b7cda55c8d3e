//! The criteria with their present state, as the live view shows them.
//!
//! Judges nothing. Invariant: what can still be met is not shown as failed.

use super::{Criterion, NOT_YET, ROWS_MAX, State, TEXT_CHARS_MAX, name};
use crate::foreign;
use crate::measure::Phase;
use crate::plan::Plan;
use crate::report::{CriterionResult, Outcome, RunResult};
use crate::scenario::{self, Good};

/// Copies what is shown.
pub(super) fn criteria(plan: &Plan, phase: Phase, result: &RunResult) -> Vec<Criterion> {
    let judged = result.criteria.iter().zip(&plan.scenario.criteria).take(ROWS_MAX);
    judged
        .map(|(judged, criterion)| {
            let is_off = is_off(criterion, plan);
            let why = match judged.outcome {
                // Why not is about a run that is over.
                Outcome::NotMeasured if !is_off => NOT_YET.to_owned(),
                _ => foreign::line(&judged.why.to_string(), TEXT_CHARS_MAX),
            };
            Criterion { name: name(&judged.name), state: state(judged, criterion, is_off, phase), why }
        })
        .collect()
}

/// Whether the plan is too small for it, by the verdict's rule.
pub(super) fn is_off(criterion: &scenario::Criterion, plan: &Plan) -> bool {
    criterion.lack(plan.held()).is_some()
}

/// What has not been measured yet, or grows with the sessions that have not arrived yet, is open.
fn state(judged: &CriterionResult, criterion: &scenario::Criterion, is_off: bool, phase: Phase) -> State {
    let arrives = matches!(phase, Phase::Ramp | Phase::Settle) && criterion.good == Good::AtLeast;
    match judged.outcome {
        _ if is_off => State::Off,
        Outcome::NotMeasured => State::Open,
        Outcome::Fail if arrives => State::Open,
        Outcome::Pass => State::Met,
        Outcome::Warn => State::Warning,
        Outcome::Fail if judged.stands => State::Failed,
        Outcome::Fail => State::Doubtful,
    }
}
