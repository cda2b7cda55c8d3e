//! Sentences of the printed summary that several figures make together.
//!
//! Computes nothing. Invariant: a sentence names what it counts, and its unit.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{
    CriterionResult, Outcome, RunResult, ServerFailure, ServerResult, StallResult, StallsResult, StepResult,
};
use crate::numbers::{figure, grouped};

/// Source addresses named that nothing answered.
const SOURCES_SHOWN_MAX: usize = 4;

/// `all 100 failed in hold: closed-1006, from 12.3 s to 12.4 s`.
pub(super) fn server_failure(server: &ServerResult, failure: &ServerFailure) -> String {
    let all = if failure.count == server.sessions { "all " } else { "" };
    let ServerFailure { step, kind, first_seconds, last_seconds, .. } = failure;
    let count = grouped(failure.count);
    format!("{all}{count} failed in {step}: {kind}, from {first_seconds:.1} s to {last_seconds:.1} s")
}

/// `this machine stalled once, for 0.55 s from 12.3 s on`.
pub(super) fn stalls(stalls: &StallsResult, longest_seconds: f64) -> String {
    let lasted = |stall: &&StallResult| stall.to_seconds - stall.from_seconds;
    let longest = stalls.listed.iter().max_by(|one, other| lasted(one).total_cmp(&lasted(other)));
    let from = longest.map_or(0.0, |stall| stall.from_seconds);
    match stalls.count {
        1 => format!("this machine stalled once, for {longest_seconds:.2} s from {from:.1} s on"),
        count => format!(
            "this machine stalled {} times, {:.2} s in all, longest {longest_seconds:.2} s from {from:.1} s on",
            grouped(count),
            stalls.seconds
        ),
    }
}

/// Which addresses nothing answered, most first.
pub(super) fn unanswered(by_source: &BTreeMap<String, u64>) -> String {
    let mut sources: Vec<_> = by_source.iter().collect();
    sources.sort_by_key(|(_, count)| Reverse(**count));
    let shown: Vec<String> = sources
        .iter()
        .take(SOURCES_SHOWN_MAX)
        .map(|(source, count)| format!("{} from {source}", grouped(**count)))
        .collect();
    let more = match sources.len().saturating_sub(SOURCES_SHOWN_MAX) {
        0 => String::new(),
        more => format!(" and from {more} more"),
    };
    format!("nothing answered {}{more}", shown.join(", "))
}

/// Whether criteria failed, and all of them only by what may be this machine's own doing.
pub(super) fn is_in_doubt(criteria: &[CriterionResult]) -> bool {
    let mut failed = criteria.iter().filter(|one| one.outcome == Outcome::Fail).peekable();
    failed.peek().is_some() && failed.all(|one| !one.stands)
}

/// `2 of 5 criteria failed.`, of those that were measured.
pub(super) fn failed(criteria: &[CriterionResult]) -> String {
    let count = |wanted: fn(Outcome) -> bool| criteria.iter().filter(|one| wanted(one.outcome)).count();
    let measured = count(|outcome| outcome != Outcome::NotMeasured);
    let noun = if measured == 1 { "criterion" } else { "criteria" };
    format!("{} of {measured} {noun} failed.", count(|outcome| outcome == Outcome::Fail))
}

/// A note for when this machine's own lateness is a good part of what was measured.
pub(super) fn own_lateness(result: &RunResult) -> Option<String> {
    let share = |step: &StepResult| {
        let (due, sent) = (step.from_due.p99_ms?, step.from_sent.p99_ms?);
        (due - sent > 1.0 && due > sent * 1.2).then_some((due, sent))
    };
    let (name, (due, sent)) = result.steps.iter().find_map(|(name, step)| Some((name, share(step)?)))?;
    Some(format!(
        "This machine sent late: {name} p99 is {} ms from scheduled time, {} ms from actual send.",
        figure(due),
        figure(sent)
    ))
}
