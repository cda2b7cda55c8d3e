//! Sentences of the printed summary that several figures make together.
//!
//! Computes nothing. Invariant: a sentence names what it counts, and its unit.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use super::files::PLAN;
use super::texts::routing::Routing;
use super::texts::summary::Summary;
use super::texts::troubles::Trouble;
use super::{
    Certainty, MoveResult, PauseResult, RunResult, ServerFailure, ServerResult, Spread, StallResult,
    StallsResult, StepResult, TroubleResult,
};
use crate::foreign;
use crate::lang::Lang;
use crate::measure::pauses::PausedBy;
use crate::numbers::{figure, grouped, percent};
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

/// Moves between servers that are named.
const MOVES_SHOWN_MAX: usize = 4;

/// Characters shown of a server's URL.
const URL_CHARS_MAX: usize = 60;

/// Below this share of an even one, or above its inverse, a spread is said.
const EVEN_SHARE_MIN: f64 = 0.9;

/// `wss://a/ws/1  3,000 of 3,000 sessions opened (50 % of all), 3,200 by hash`; `all`: opened on all servers.
pub(super) fn server(url: &str, server: &ServerResult, all: u64, lang: Lang) -> String {
    let share = percent((server.opened as f64 / all.max(1) as f64 * 1e4).round() / 1e4);
    let (opened, sent) = (grouped(server.opened), grouped(server.sessions));
    let url = foreign::line(url, URL_CHARS_MAX);
    let mut text = lang.say(Summary::ServerOpened, &[&url, &opened, &sent, &share]);
    if let Some(expected) = server.expected.filter(|expected| *expected != server.sessions) {
        text = lang.say(Routing::Expected, &[&text, &grouped(expected)]);
    }
    if let Some(wrong) = server.misrouted.filter(|count| *count > 0) {
        text = lang.say(Summary::Misrouted, &[&text, &grouped(wrong)]);
    }
    text
}

/// `an even share is 3,000 opened; the smallest is 0.98 of it, the largest 1.02`.
pub(super) fn even(spread: &Spread, lang: Lang) -> String {
    let [smallest, largest] = [spread.smallest, spread.largest].map(|share| format!("{share:.2}"));
    lang.say(Routing::Uneven, &[&figure(spread.even), &smallest, &largest])
}

/// Whether some servers have many more sessions than others, and which servers' members came to others.
pub(super) fn spread(result: &RunResult, lang: Lang) -> Vec<String> {
    let is_uneven = |it: &Spread| it.smallest < EVEN_SHARE_MIN || it.largest > 1.0 / EVEN_SHARE_MIN;
    let uneven = result.spread().ok().filter(is_uneven).map(|it| even(&it, lang));
    let moves = &result.routing.moves;
    let moved = |one: &MoveResult| {
        let (count, to) = (grouped(one.sessions), foreign::line(&one.server, URL_CHARS_MAX));
        match &one.home {
            Some(home) => lang.say(Routing::Moved, &[&count, &foreign::line(home, URL_CHARS_MAX), &to]),
            None => lang.say(Routing::MovedFromUnseen, &[&count, &to]),
        }
    };
    let hidden = moves.len().saturating_sub(MOVES_SHOWN_MAX);
    let more = (hidden > 0).then(|| lang.say(Routing::MoreMoves, &[&hidden]));
    uneven.into_iter().chain(moves.iter().take(MOVES_SHOWN_MAX).map(moved)).chain(more).collect()
}

/// The command that shows one session of a kind that failed, whole; `results` has the plan.
pub(super) fn try_command(result: &RunResult, results: Option<&Path>) -> Option<String> {
    let sample = result.errors.details.iter().find_map(|detail| detail.sample.as_ref())?;
    let plan = results?.join(PLAN).display().to_string();
    let member = sample.member_id.to_string();
    Some(format!("startline try --plan {} --members {}", quoted(&plan), quoted(&member)))
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

/// Pauses that are listed; the rest are in `summary.json`.
const PAUSES_SHOWN_MAX: usize = 5;

/// When, how long and why arrivals were paused.
pub(super) fn pauses(pauses: &[PauseResult], lang: Lang) -> Vec<String> {
    let one = |pause: &PauseResult| {
        let by = lang.word(match pause.by {
            PausedBy::Key => Summary::PausedByKey,
            PausedBy::Signal => Summary::PausedBySignal,
        });
        lang.say(Summary::Paused, &[&figure(pause.seconds), &figure(pause.from_seconds), &by])
    };
    let hidden = pauses.len().saturating_sub(PAUSES_SHOWN_MAX);
    let more = (hidden > 0).then(|| lang.say(Summary::MorePauses, &[&hidden]));
    pauses.iter().take(PAUSES_SHOWN_MAX).map(one).chain(more).collect()
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
