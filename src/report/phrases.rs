//! Sentences of the printed summary that several figures make together.
//!
//! Computes nothing. Invariant: a sentence names what it counts, and its unit.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use super::files::PLAN;
use super::texts::summary::Summary;
use super::texts::troubles::Trouble;
use super::{
    Certainty, RunResult, ServerFailure, ServerResult, StallResult, StallsResult, StepResult, TroubleResult,
};
use crate::foreign;
use crate::lang::Lang;
use crate::numbers::{figure, grouped};
use crate::shell::quoted;

/// Source addresses named that nothing answered.
const SOURCES_SHOWN_MAX: usize = 4;

/// `all 100 failed in hold: closed-1006, from 12.3 s to 12.4 s`.
pub(super) fn server_failure(server: &ServerResult, failure: &ServerFailure, lang: Lang) -> String {
    let key = if failure.count == server.sessions { Summary::ServerAllFailed } else { Summary::ServerFailed };
    let at = |seconds: f64| format!("{seconds:.1}");
    let (first, last) = (at(failure.first_seconds), at(failure.last_seconds));
    lang.say(key, &[&grouped(failure.count), &failure.step, &failure.kind, &first, &last])
}

/// The command that shows one session of a kind that failed, whole; `results` has the plan.
pub(super) fn try_command(result: &RunResult, results: Option<&Path>) -> Option<String> {
    let sample = result.errors.details.iter().find_map(|detail| detail.sample.as_ref())?;
    let plan = results?.join(PLAN).display().to_string();
    Some(format!("startline try --plan {} --members {}", quoted(&plan), sample.member_id))
}

/// Characters shown of a trouble and its evidence.
const TROUBLE_CHARS_MAX: usize = 600;

/// `pool-exhausted: the pool … (seen on both sides, from 12.3 s on). 40 × POOL_EXHAUSTED in enter`.
pub(super) fn trouble(trouble: &TroubleResult, lang: Lang) -> String {
    let sides = lang.word(match trouble.certainty {
        Certainty::ClientOnly => Trouble::ClientOnly,
        Certainty::ServersOnly => Trouble::ServersOnly,
        Certainty::BothSides => Trouble::BothSides,
    });
    let since = trouble.first_seconds.map(|at| lang.say(Trouble::Since, &[&sides, &format!("{at:.1}")]));
    let title = lang.say(Trouble::Line, &[&trouble.name, &trouble.title(lang)]);
    let line = format!("{title} ({}). {}.", since.as_deref().unwrap_or(sides), trouble.shown(lang));
    foreign::line(&line, TROUBLE_CHARS_MAX)
}

/// `this machine stalled once, for 0.55 s from 12.3 s on`.
pub(super) fn stalls(stalls: &StallsResult, longest_seconds: f64, lang: Lang) -> String {
    let lasted = |stall: &&StallResult| stall.to_seconds - stall.from_seconds;
    let longest = stalls.listed.iter().max_by(|one, other| lasted(one).total_cmp(&lasted(other)));
    let from = format!("{:.1}", longest.map_or(0.0, |stall| stall.from_seconds));
    let longest = format!("{longest_seconds:.2}");
    match stalls.count {
        1 => lang.say(Summary::StalledOnce, &[&longest, &from]),
        count => {
            let all = format!("{:.2}", stalls.seconds);
            lang.say(Summary::Stalled, &[&grouped(count), &all, &longest, &from])
        }
    }
}

/// Which addresses nothing answered, most first.
pub(super) fn unanswered(by_source: &BTreeMap<String, u64>, lang: Lang) -> String {
    let mut sources: Vec<_> = by_source.iter().collect();
    sources.sort_by_key(|(_, count)| Reverse(**count));
    let shown: Vec<String> = sources
        .iter()
        .take(SOURCES_SHOWN_MAX)
        .map(|(source, count)| lang.say(Summary::CountFrom, &[&grouped(**count), source]))
        .collect();
    let shown = shown.join(", ");
    let shown = match sources.len().saturating_sub(SOURCES_SHOWN_MAX) {
        0 => shown,
        more => lang.say(Summary::AndFromMore, &[&shown, &more]),
    };
    lang.say(Summary::Unanswered, &[&shown])
}

/// A note for when this machine's own lateness is a good part of what was measured.
pub(super) fn own_lateness(result: &RunResult, lang: Lang) -> Option<String> {
    let share = |step: &StepResult| {
        let (due, sent) = (step.from_due.p99_ms?, step.from_sent.p99_ms?);
        (due - sent > 1.0 && due > sent * 1.2).then_some((due, sent))
    };
    let (name, (due, sent)) = result.steps.iter().find_map(|(name, step)| Some((name, share(step)?)))?;
    Some(lang.say(Summary::SentLate, &[&name, &figure(due), &figure(sent)]))
}
