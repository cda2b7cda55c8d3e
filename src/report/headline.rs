//! The verdict in one sentence that needs no knowledge of load tests, and how stable the run was.
//!
//! Decides nothing: says what [`super::verdict`] found. Invariant: a sentence claims only what was measured.

use std::time::Duration;

use super::measures::{Counted, counted};
use super::reconnects::CUT_ON_PURPOSE;
use super::texts::headline::Headline;
use super::{CriterionResult, ErrorDetail, Outcome, ReconnectsResult, RunResult, StageResult, Verdict};
use crate::fault::Blame;
use crate::lang::{Lang, criterion_name};
use crate::numbers::grouped;
use crate::scenario::criteria::step_statistic;

/// Stages named in the sentence.
const STAGES_MAX: usize = 4;

/// Kinds of failures named in the sentence.
const KINDS_MAX: usize = 2;

/// Returns the verdict in one sentence: `Failed: 312 of 6,000 sessions were closed by the servers
/// in the hold (closed-1006); 2 of 9 criteria failed.`
pub fn headline(result: &RunResult, lang: Lang) -> String {
    let word = match result.verdict {
        Verdict::Pass => Headline::Passed,
        Verdict::Fail => Headline::Failed,
        Verdict::Inconclusive => Headline::Inconclusive,
    };
    lang.say(word, &[&clause(&statement(result, lang))])
}

/// A sentence after a colon: its first letter is small, unless the first word is an abbreviation.
fn clause(sentence: &str) -> String {
    let mut rest = sentence.chars();
    let first = rest.next().into_iter();
    match rest.clone().next() {
        Some(second) if second.is_uppercase() => sentence.to_owned(),
        _ => first.flat_map(char::to_lowercase).chain(rest).collect(),
    }
}

/// The sentence without the verdict's word, for where that stands before it.
pub fn statement(result: &RunResult, lang: Lang) -> String {
    if let Some(reason) = result.reasons.first().filter(|_| result.find_max.is_some()) {
        return reason.text(lang);
    }
    match result.verdict {
        Verdict::Pass => lang.say(Headline::Both, &[&done(result, lang), &met(result, lang)]),
        Verdict::Fail => {
            let frame = if result.ending == "aborted" { Headline::BothEndedEarly } else { Headline::Both };
            lang.say(frame, &[&failure(result, lang), &failed(&result.criteria, lang)])
        }
        Verdict::Inconclusive if result.ending == "running" => {
            lang.say(Headline::Killed, &[&done(result, lang)])
        }
        Verdict::Inconclusive => {
            result.reasons.first().map_or_else(|| done(result, lang), |reason| reason.text(lang))
        }
    }
}

/// Returns how many sessions were open at every instant of the hold, and how long that was; `None`
/// where sessions have nothing to hold.
pub fn stable(result: &RunResult, lang: Lang) -> Option<String> {
    let (sessions, hold) = (&result.sessions, &result.hold);
    let (held, planned) = (span(lang, hold.seconds), span(lang, hold.planned_seconds));
    // Over a second short is more than what rounding and a wake-up take.
    let is_short = hold.seconds + 1.0 < hold.planned_seconds;
    Some(match sessions.min_in_hold {
        // Each of several levels has its own.
        _ if sessions.completed > 0 || !result.stages.is_empty() => return None,
        None => lang.word(Headline::StableNever).to_owned(),
        Some(0) => lang.say(Headline::StableNone, &[&held]),
        Some(least) if is_short => lang.say(Headline::StableShort, &[&grouped(least), &held, &planned]),
        Some(least) => lang.say(Headline::Stable, &[&grouped(least), &held]),
    })
}

/// Returns `2 of 5 criteria failed`, of those that were measured.
pub fn failed(criteria: &[CriterionResult], lang: Lang) -> String {
    let failed = count(criteria, |outcome| outcome == Outcome::Fail);
    lang.say(Headline::SomeFailed, &[&failed, &measured(criteria)])
}

/// Returns a criterion's name, and of a step's latency which figure is judged: `login p95`.
pub fn shown_name(criterion: &CriterionResult, lang: Lang) -> String {
    let name = criterion_name(lang, &criterion.name);
    match step_statistic(&criterion.measure) {
        Some((_, statistic)) if !name.split_whitespace().any(|word| word == statistic) => {
            format!("{name} {statistic}")
        }
        _ => name.to_owned(),
    }
}

fn count(criteria: &[CriterionResult], wanted: impl Fn(Outcome) -> bool) -> usize {
    criteria.iter().filter(|one| wanted(one.outcome)).count()
}

fn measured(criteria: &[CriterionResult]) -> usize {
    count(criteria, |outcome| outcome != Outcome::NotMeasured)
}

fn span(lang: Lang, seconds: f64) -> String {
    lang.span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// How far the sessions came.
fn done(result: &RunResult, lang: Lang) -> String {
    let sessions = &result.sessions;
    let planned = grouped(sessions.planned);
    let hold = span(lang, result.hold.seconds);
    if let Some(held) = held_in_stages(result, lang) {
        return lang.say(Headline::HeldStages, &[&grouped(sessions.established), &planned, &held]);
    }
    match sessions.min_in_hold {
        _ if sessions.completed > 0 => {
            lang.say(Headline::Completed, &[&grouped(sessions.completed), &planned])
        }
        _ if sessions.finished > 0 => {
            let [opened, finished] = [sessions.established, sessions.finished].map(grouped);
            lang.say(Headline::Finished, &[&opened, &planned, &finished])
        }
        Some(least) if least > 0 => {
            let held = match least == sessions.planned {
                true if least == 1 => lang.say(Headline::HeldOne, &[&hold]),
                true => lang.say(Headline::HeldAll, &[&planned, &hold]),
                false => lang.say(Headline::Held, &[&grouped(least), &planned, &hold]),
            };
            but_cut(held, result, lang)
        }
        _ => lang.say(Headline::Opened, &[&grouped(sessions.established), &planned]),
    }
}

/// Who was cut on purpose is held, and not open.
fn but_cut(held: String, result: &RunResult, lang: Lang) -> String {
    let of = |drops: &ReconnectsResult| Some(drops.by_cause.get(CUT_ON_PURPOSE)?.dropped);
    match result.reconnects.as_ref().and_then(of) {
        Some(cut) if cut > 0 => lang.say(Headline::ButCut, &[&held, &grouped(cut)]),
        _ => held,
    }
}

/// How many sessions each stage held that holds a level; `None` of a run without such stages.
fn held_in_stages(result: &RunResult, lang: Lang) -> Option<String> {
    let held = result.stages.iter().filter_map(|stage| Some((stage, stage.min_held?)));
    let one = |(stage, held): (&StageResult, u64)| {
        lang.say(Headline::HeldInStage, &[&grouped(held), &grouped(stage.level), &stage.name])
    };
    let mut all: Vec<String> = held.map(one).collect();
    let hidden = all.len().saturating_sub(STAGES_MAX);
    all.truncate(STAGES_MAX);
    all.extend((hidden > 0).then(|| format!("+{hidden}")));
    (!all.is_empty()).then(|| all.join(", "))
}

/// That all criteria were met, with how many warnings.
fn met(result: &RunResult, lang: Lang) -> String {
    let (all, measured) = (result.criteria.len(), measured(&result.criteria));
    let is_unseen = |one: &&CriterionResult| one.is_watched() && one.outcome == Outcome::NotMeasured;
    let unseen = result.criteria.iter().filter(is_unseen).count();
    let met = match measured {
        _ if unseen > 0 => lang.say(Headline::MetOfAll, &[&measured, &all, &(all - measured), &unseen]),
        1 => lang.word(Headline::OneMet).to_owned(),
        _ if measured == all => lang.say(Headline::AllMet, &[&all]),
        _ => lang.say(Headline::AllMeasuredMet, &[&measured]),
    };
    match count(&result.criteria, |outcome| outcome == Outcome::Warn) {
        0 => met,
        warned => lang.say(Headline::WithWarnings, &[&met, &warned]),
    }
}

/// The weightiest failure that stands.
fn failure(result: &RunResult, lang: Lang) -> String {
    let stands = |one: &&CriterionResult| one.outcome == Outcome::Fail && one.stands;
    let Some(first) = result.criteria.iter().find(stands) else { return done(result, lang) };
    let fits = |detail: &&ErrorDetail| {
        let is_beat = sort_of(&detail.kind) == Headline::Beats;
        let is_counted = match counted(&first.measure) {
            None => false,
            Some(Counted::Both) => true,
            Some(Counted::Pings) => is_beat,
            Some(Counted::Sessions) => !is_beat,
        };
        is_counted && detail.blame != Blame::Machine.key()
    };
    match result.errors.details.iter().find(fits) {
        Some(worst) => failures_like(worst, result, lang),
        None => lang.say(Headline::Criterion, &[&shown_name(first, lang), &first.why.text(lang)]),
    }
}

/// All failures in the same step and of the same sort.
fn failures_like(worst: &ErrorDetail, result: &RunResult, lang: Lang) -> String {
    let alike = |one: &&ErrorDetail| one.step == worst.step && sort_of(&one.kind) == sort_of(&worst.kind);
    let alike = || result.errors.details.iter().filter(alike);
    let total: u64 = alike().map(|detail| detail.count).sum();
    let mut kinds: Vec<&str> = alike().map(|detail| detail.kind.as_str()).take(KINDS_MAX).collect();
    if alike().count() > KINDS_MAX {
        kinds.push("…");
    }
    let (total, kinds, sort) = (grouped(total), kinds.join(", "), sort_of(&worst.kind));
    if sort == Headline::Beats {
        let due = result.every.get(&worst.step).map_or(result.ping.due, |every| every.due);
        return lang.say(sort, &[&total, &grouped(due), &worst.step, &kinds]);
    }
    if sort == Headline::Unconnected && worst.step == "connect" {
        let sort = Headline::UnconnectedAtOnce;
        return lang.say(sort, &[&total, &grouped(result.sessions.started), &kinds]);
    }
    let place = match worst.step.as_str() {
        "hold" => lang.word(Headline::InHold).to_owned(),
        step => lang.say(Headline::InStep, &[&step]),
    };
    lang.say(sort, &[&total, &grouped(result.sessions.started), &place, &kinds])
}

/// What kinds of failures have in common for somebody who does not know them.
fn sort_of(kind: &str) -> Headline {
    match kind {
        "ping-timeout" | "ping-missed" => Headline::Beats,
        "connect-refused" | "connect-timeout" | "unreachable" | "reset" | "tls-handshake-reset" => {
            Headline::Unconnected
        }
        "timeout" | "kernel-timeout" | "tls-handshake-timeout" => Headline::TimedOut,
        "tls-handshake-closed" => Headline::Closed,
        kind if kind.starts_with("closed-") => Headline::Closed,
        _ => Headline::Lost,
    }
}
