//! What came over open WebSockets: messages by kind, their ages, announcements, heartbeats.
//!
//! Copies figures alone. Invariant: rows are those of a run, not of what its servers sent.

use super::{Heartbeat, Messages, ROWS_MAX, Rate, Step, Timed, Updates, name, p99};
use crate::report::view::Snapshot;
use crate::report::{EveryResult, RunResult, UpdatesResult};
use crate::scenario::MessageType;

/// How long before they came messages were sent: as rows among the steps.
pub(super) fn ages(snapshot: &Snapshot<'_>) -> impl Iterator<Item = Step> {
    let Snapshot { second, interval, result, .. } = snapshot;
    let kinds = &second.totals.layout().messages;
    result.messages.ages.iter().map(move |(kind, age)| {
        let index = kinds.iter().position(|name| name == kind);
        let now = index.and_then(|k| interval.tally().kind(k));
        Step {
            name: name(&format!("{kind} age")),
            timed: Timed::Again,
            count: age.count,
            errors: None,
            scheduled: [None; 2],
            sent: [age.latency.p50_ms, age.latency.p99_ms],
            now: now.and_then(|measured| p99(&measured.ages)),
        }
    })
}

/// How long announcements took to each receiver, once there are some: likewise.
pub(super) fn propagation(snapshot: &Snapshot<'_>) -> impl Iterator<Item = Step> {
    let Snapshot { second, interval, result, .. } = snapshot;
    let measured = result.propagation.iter().filter(|(_, measured)| measured.received > 0);
    measured.map(move |(announced, measured)| {
        let known = second.totals.layout().announced.iter().find(|it| it.name == *announced);
        let now = known.and_then(|it| interval.tally().propagated.of(it.deed));
        Step {
            name: name(&format!("propagation {announced}")),
            timed: Timed::Again,
            count: measured.received,
            errors: None,
            scheduled: [None; 2],
            sent: [measured.each.p50_ms, measured.each.p99_ms],
            now: now.and_then(|echo| p99(&echo.all())),
        }
    })
}

pub(super) fn updates(result: &UpdatesResult) -> Updates {
    let UpdatesResult { sent, expected, received, missing, .. } = *result;
    Updates { sent, expected, received, missing }
}

pub(super) fn messages(snapshot: &Snapshot<'_>) -> Vec<Messages> {
    let names = &snapshot.second.totals.layout().messages;
    let (totals, now) = (snapshot.second.totals.tally(), snapshot.interval.tally());
    let listed = names.iter().take(ROWS_MAX).enumerate().map(|(k, kind)| {
        let kind_index = MessageType(k as u8);
        Messages {
            kind: name(kind),
            rate: rate(snapshot, totals.messages_of(kind_index), now.messages_of(kind_index)),
            age: snapshot.result.messages.ages.get(kind).and_then(|age| age.latency.p99_ms),
        }
    });
    let other = rate(snapshot, totals.messages_other(names.len()), now.messages_other(names.len()));
    listed.chain([Messages { kind: "other".to_owned(), rate: other, age: None }]).collect()
}

/// Those that are answered are steps, too.
pub(super) fn heartbeats(result: &RunResult) -> Vec<Heartbeat> {
    let every = result.every.iter().filter(|(name, _)| result.steps.get(name).is_some());
    let heartbeat = |(every_name, every): (&str, &EveryResult)| Heartbeat {
        name: name(every_name),
        sent: every.sent,
        answered: every.answered,
        failed: every.late + every.unanswered + every.missed,
    };
    every.take(ROWS_MAX).map(heartbeat).collect()
}

pub(super) fn rate(snapshot: &Snapshot<'_>, total: u64, now: u64) -> Rate {
    Rate { total, per_s: snapshot.per_second(now) }
}
