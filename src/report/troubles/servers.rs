//! Signs on the servers' side: events, and figures beyond their limits.
//!
//! Knows figures by what they read, since users name them. Invariant: a counter that was above zero before
//! the run is no sign.

use super::rule::{Clue, Look};
use super::{Finding, Side};
use crate::lang::{Reason, Sentence};
use crate::report::{Outcome, RunResult, WatchEvent, WatchedResult};
use crate::watch::EventKind;

pub(super) fn find(clue: &Clue<Look>, result: &RunResult) -> Vec<Finding> {
    let Some(watch) = &result.watch else { return Vec::new() };
    let (look, is_enough) = match clue {
        Clue::Enough(look) => (look, true),
        Clue::Supports(look) => (look, false),
    };
    let finding = |server, at, why| Finding { side: Side::Servers, is_enough, server, at, why };
    match look {
        Look::Event(kind) => watch
            .events
            .iter()
            .filter(|event| event.kind == *kind)
            .map(|event| finding(Some(event.subject.clone()), Some(seconds(event, result)), said(event)))
            .collect(),
        Look::Figure(expressions) => watch
            .items
            .iter()
            .filter(|item| expressions.iter().any(|one| reads(item, one)) && is_beyond(item))
            .map(|item| {
                finding(None, None, Reason::SeenFigure.with(item.name.as_str()).with(item.why.clone()))
            })
            .collect(),
    }
}

/// Whether a figure's expression has this in it, as a whole word.
fn reads(item: &WatchedResult, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    item.expression.match_indices(word).any(|(at, _)| {
        let (before, after) = (&item.expression[..at], &item.expression[at + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// Beyond its limit; without one, a count of this run that is not zero.
fn is_beyond(item: &WatchedResult) -> bool {
    let counts_from_the_start = item.source == "log" || item.source == "nginx" || item.judge == "growth";
    match item.outcome {
        Some(outcome) => matches!(outcome, Outcome::Warn | Outcome::Fail),
        None => counts_from_the_start && item.value.is_some_and(|value| value > 0.0),
    }
}

fn seconds(event: &WatchEvent, result: &RunResult) -> f64 {
    event.time.duration_since(result.started_at).as_secs_f64().max(0.0)
}

fn said(event: &WatchEvent) -> Sentence {
    let what = match event.kind {
        EventKind::Restarted => Reason::ServerRestarted,
        EventKind::OutOfMemory => Reason::ServerOutOfMemory,
        _ => Reason::ServerDown,
    };
    let time = event.time.strftime("%H:%M:%S UTC").to_string();
    what.with(event.subject.as_str()).with(time).with(event.evidence.as_str())
}
