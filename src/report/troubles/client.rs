//! Signs on the client's side: errors by step and server, and shapes of what a server's sessions did.
//!
//! Knows kinds of errors by their keys, never a text. Invariants: what this machine may have caused is no
//! sign; a server's shape is read from its own sessions alone.

use std::time::Duration;

use super::rule::{Clue, Place, Shape, Sign};
use super::{Finding, Side};
use crate::lang::{Reason, Sentence};
use crate::measure::HOLD;
use crate::members::MemberName;
use crate::numbers::grouped;
use crate::report::{LedgerResult, MissingPair, RunResult, ServerFailure, ServerResult};
use crate::scenario::every::Interval;

/// The steps of a WebSocket, and of an open session.
const CONNECT: &str = "connect";
const OPEN: &str = "open";
/// Nothing listens.
const REFUSED: &str = "connect-refused";
/// A connection that ended under an open session, as when a server dies or goes away.
const ENDINGS: &[&str] = &["closed-1006", "reset", "closed-1001", "closed-1012", "closed-early"];
/// How connecting to a server fails that has no room.
const NO_ROOM: &[&str] =
    &["connect-timeout", "timeout", "kernel-timeout", "reset", "closed-early", "upgrade-refused-503"];
/// A close without a reason: idle, the challenge's end, or a new entry.
const PLAIN_CLOSE: &[&str] = &["closed-1000"];
/// The servers drop members who were silent for longer.
const IDLE_SECONDS: f64 = 60.0;
/// A stall of this machine from which on a server may rightly have taken members for idle.
const STALL_SECONDS: f64 = 20.0;
/// Sessions lost in this time were lost at once …
const AT_ONCE_SECONDS: f64 = 10.0;
/// … if they are as many, and this share of those that opened there. Single ones have reasons of their own.
const AT_ONCE_MIN: u64 = 3;
const AT_ONCE_SHARE: f64 = 0.1;
/// As many failed heartbeats a session that opened there say that a server was silent.
const SILENT_SHARE: f64 = 0.5;
/// More, and a server that takes no connection has other troubles than its limit.
const WELL_SHARE: f64 = 0.1;
/// As many connections that fail are no chance.
const FULL_MIN: u64 = 3;
/// A pair in this many may miss each other: the servers' own race at the opening.
const RACE_PAIRS: u64 = 10_000;
/// Between two workers' clocks and a server's queues.
const SLACK_SECONDS: f64 = 1.0;

pub(super) fn find(clue: &Clue<Sign>, result: &RunResult) -> Vec<Finding> {
    let (sign, is_enough) = match clue {
        Clue::Enough(sign) => (sign, true),
        Clue::Supports(sign) => (sign, false),
    };
    let found = match sign {
        Sign::Errors(place, kinds) => errors(*place, kinds, result),
        Sign::RefusedSince => refused(true, result),
        Sign::RefusedAlways => refused(false, result),
        Sign::Shape(shape) => shaped(*shape, result),
    };
    found.into_iter().map(|finding| Finding { is_enough, ..finding }).collect()
}

fn finding(server: Option<&str>, at: Option<f64>, why: Sentence) -> Finding {
    Finding { side: Side::Client, is_enough: true, server: server.map(str::to_owned), at, why }
}

/// Errors of these kinds, by server; those of sessions that had none yet apart.
fn errors(place: Place, kinds: &[&str], result: &RunResult) -> Vec<Finding> {
    let is_sign = |step: &str, kind: &str| is_in(place, step, result) && kinds.contains(&kind);
    let mut found = Vec::new();
    for detail in result.errors.details.iter().filter(|detail| is_sign(&detail.step, &detail.kind)) {
        let mut elsewhere = detail.count;
        for (url, server) in result.servers.iter() {
            let failures = server.failures.iter();
            for failure in failures.filter(|one| one.step == detail.step && one.kind == detail.kind) {
                elsewhere = elsewhere.saturating_sub(failure.count);
                let said = Reason::SeenErrorsAt.with(grouped(failure.count)).with(failure.kind.as_str());
                let said = said.with(failure.step.as_str()).with(url);
                found.push(finding(Some(url), Some(failure.first_seconds), said));
            }
        }
        if elsewhere > 0 {
            // Nobody is there, whoever was to answer: the same for all behind that address.
            let target = result.plan.get("target").and_then(|url| url.as_str());
            let target =
                target.filter(|_| detail.kind == REFUSED && is_in(Place::Http, &detail.step, result));
            let said = Reason::SeenErrors.with(grouped(elsewhere)).with(detail.kind.as_str());
            let at = detail.sample.as_ref().map(|sample| sample.at_seconds);
            found.push(finding(target, at, said.with(detail.step.as_str())));
        }
    }
    found
}

/// Refused connections, to what had answered before or to what never had.
fn refused(answered_before: bool, result: &RunResult) -> Vec<Finding> {
    let mut found = errors(Place::Anywhere, &[REFUSED], result);
    found.retain(|finding| has_answered(finding, result) == answered_before);
    found
}

/// Whether what a finding is about had answered by then: a server by a session that opened, anything else by
/// a first step.
fn has_answered(finding: &Finding, result: &RunResult) -> bool {
    match finding.server.as_deref().and_then(|url| result.servers.get(url)) {
        Some(server) => {
            let was_open = |first: f64| finding.at.is_none_or(|at| first <= at);
            server.first_opened_seconds.is_some_and(was_open)
        }
        None => result.steps.iter().next().is_some_and(|(_, first)| first.count > 0),
    }
}

/// Whether a step is in this part of a session: requests come before `connect`, and what follows
/// the 101 after it, up to `open`.
fn is_in(place: Place, step: &str, result: &RunResult) -> bool {
    let place_of = |name: &str| result.steps.iter().position(|(known, _)| known == name);
    let connect = place_of(CONNECT).unwrap_or(usize::MAX);
    let open = place_of(OPEN).unwrap_or(usize::MAX);
    match (place, place_of(step)) {
        (Place::Anywhere, _) => true,
        (_, None) => false,
        (Place::Http, Some(at)) => at < connect,
        (Place::Open, Some(at)) => connect < at && at <= open,
    }
}

fn shaped(shape: Shape, result: &RunResult) -> Vec<Finding> {
    let is_ours = is_in_doubt(result);
    match shape {
        Shape::PairsMissing if !is_ours => pairs_missing(result).into_iter().collect(),
        Shape::GoneWhileOpen if !is_ours => gone_while_open(result).into_iter().collect(),
        Shape::Misrouted => misrouted(result),
        Shape::ClosedAsIdle if !is_ours => of_servers(result, |url, server| idle(url, server, result)),
        Shape::Full if !is_ours => of_servers(result, full),
        Shape::Lost => of_servers(result, |url, server| lost(url, server, Reason::SeenLost)),
        Shape::LostAndBack => of_servers(result, |url, server| lost(url, server, Reason::SeenLostAndBack)),
        Shape::SilentThenLost => of_servers(result, |url, server| lost(url, server, Reason::SeenSilent)),
        _ => Vec::new(),
    }
}

fn of_servers(result: &RunResult, read: impl Fn(&str, &ServerResult) -> Option<Finding>) -> Vec<Finding> {
    result.servers.iter().filter_map(|(url, server)| read(url, server)).collect()
}

/// Whether this machine sent or read too late for a sign that has a clock in it.
fn is_in_doubt(result: &RunResult) -> bool {
    let (lag, limit) = (result.generator.lag_p99_ms, result.generator.lag_limit_ms);
    let is_lagging = lag.zip(limit).is_some_and(|(lag, limit)| lag > limit);
    is_lagging || result.stalls.longest_seconds.is_some_and(|longest| longest >= STALL_SECONDS)
}

fn pairs_missing(result: &RunResult) -> Option<Finding> {
    let ledger = result.ledger.as_ref()?;
    let is_more_than_chance = ledger.missing.saturating_mul(RACE_PAIRS) >= ledger.expected;
    let is_sign = ledger.missing > 0 && is_more_than_chance && !are_of_the_gone(ledger);
    let said = Reason::SeenMissing.with(grouped(ledger.missing)).with(grouped(ledger.expected));
    is_sign.then(|| finding(None, None, said))
}

/// Whether all pairs miss a member whom the servers took for gone: nobody who enters later learns of it.
fn are_of_the_gone(ledger: &LedgerResult) -> bool {
    let is_gone = |member: &MemberName| ledger.gone_samples.contains(member);
    let is_of_one = |pair: &MissingPair| is_gone(&pair.observer) || is_gone(&pair.member);
    if ledger.gone_while_open > ledger.gone_samples.len() as u64 {
        return ledger.missing <= ledger.gone_while_open.saturating_mul(ledger.observers);
    }
    !ledger.missing_samples.is_empty() && ledger.missing_samples.iter().all(is_of_one)
}

fn gone_while_open(result: &RunResult) -> Option<Finding> {
    let gone = result.ledger.as_ref()?.gone_while_open;
    (gone > 0).then(|| finding(None, None, Reason::SeenGone.with(grouped(gone))))
}

fn misrouted(result: &RunResult) -> Vec<Finding> {
    of_servers(result, |url, server| {
        let wrong = server.misrouted.filter(|count| *count > 0)?;
        let said = Reason::SeenMisrouted.with(grouped(wrong)).with(grouped(server.sessions)).with(url);
        Some(finding(Some(url), None, said))
    })
}

/// Failures of these kinds in a step: how many, and from when to when.
fn failed(server: &ServerResult, step: &str, kinds: &[&str]) -> Option<(u64, f64, f64)> {
    let is_one = |one: &&ServerFailure| one.step == step && kinds.contains(&one.kind.as_str());
    let failures = server.failures.iter().filter(is_one);
    let spans = failures.map(|one| (one.count, one.first_seconds, one.last_seconds));
    spans.reduce(|one, other| (one.0 + other.0, one.1.min(other.1), one.2.max(other.2)))
}

/// A server closes with 1000 for other reasons, too: only silence makes it the idle rule.
fn idle(url: &str, server: &ServerResult, result: &RunResult) -> Option<Finding> {
    let (closed, first, _) = failed(server, HOLD, PLAIN_CLOSE)?;
    let is_rare = heartbeat_interval(result).is_some_and(|interval| interval.as_secs_f64() > IDLE_SECONDS);
    let is_silent = is_rare || result.ping.answered == 0 || server.ping_failed >= closed;
    let said = match result.heartbeats().next() {
        Some(_) => Reason::SeenIdle.with(grouped(closed)).with(url).with(grouped(result.ping.answered)),
        None => Reason::SeenIdleAlone.with(grouped(closed)).with(url),
    };
    is_silent.then(|| finding(Some(url), Some(first), said))
}

/// The least interval that the plan gives a heartbeat, if it gives one to each.
fn heartbeat_interval(result: &RunResult) -> Option<Duration> {
    let heartbeats =
        result.every.iter().map(|(name, _)| name).filter(|name| result.steps.get(name).is_some());
    let intervals: Option<Vec<Duration>> = heartbeats.map(|name| interval_given(result, name)).collect();
    intervals?.into_iter().min()
}

/// What the plan says of it: with `--every`, or with the short form for "ping".
fn interval_given(result: &RunResult, name: &str) -> Option<Duration> {
    let short = (name == "ping").then(|| result.plan.get("ping_interval")?.as_str()).flatten();
    let options = result.plan.get("every").and_then(|all| all.as_array()).into_iter().flatten();
    let mut long = options.filter_map(|option| {
        option.as_str()?.strip_prefix(name)?.strip_prefix(".interval=").map(str::to_owned)
    });
    let text = long.next_back().or(short.map(str::to_owned))?;
    match text.parse().ok()? {
        Interval::Fixed(interval) | Interval::Between(interval, _) | Interval::Exponential(interval) => {
            Some(interval)
        }
        Interval::Given { .. } => None,
    }
}

/// A server that lost its sessions at once: one that does not come back, does, or was silent before.
fn lost(url: &str, server: &ServerResult, wanted: Reason) -> Option<Finding> {
    let (count, first, last) = lost_at_once(server)?;
    let is_back = server.last_opened_seconds.is_some_and(|opened| opened > last + SLACK_SECONDS);
    let how = match (server.ping_failed as f64 >= SILENT_SHARE * server.opened as f64, is_back) {
        (true, _) => Reason::SeenSilent,
        (_, true) => Reason::SeenLostAndBack,
        _ => Reason::SeenLost,
    };
    let said = how.with(url).with(grouped(count)).with(grouped(server.opened));
    let said = if how == Reason::SeenSilent { said.with(grouped(server.ping_failed)) } else { said };
    (how == wanted).then(|| finding(Some(url), Some(first), said))
}

fn lost_at_once(server: &ServerResult) -> Option<(u64, f64, f64)> {
    let lost = failed(server, HOLD, ENDINGS)?;
    let (count, first, last) = lost;
    let is_most = count >= AT_ONCE_MIN && count as f64 >= AT_ONCE_SHARE * server.opened as f64;
    (is_most && last - first <= AT_ONCE_SECONDS).then_some(lost)
}

/// A server with as many connections as it takes: what is open goes on, and no more opens.
fn full(url: &str, server: &ServerResult) -> Option<Finding> {
    let (count, first, _) = failed(server, CONNECT, NO_ROOM)?;
    let last_opened = server.last_opened_seconds?;
    let has_ended = last_opened <= first + SLACK_SECONDS;
    let is_well = lost_at_once(server).is_none()
        && server.ping_failed as f64 <= WELL_SHARE * server.opened as f64
        && failed(server, HOLD, ENDINGS).is_none_or(|(lost, ..)| lost < AT_ONCE_MIN);
    let said = Reason::SeenFull.with(url).with(grouped(server.opened)).with(grouped(count));
    (count >= FULL_MIN && has_ended && is_well).then(|| finding(Some(url), Some(first), said))
}
