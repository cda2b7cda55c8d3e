//! The servers' side in the result: each watched item as it came out, and the criteria made of them.
//!
//! Judges nothing that [`crate::watch`] has not: it words it. Invariant: an item that has limits is a
//! criterion, and one that was not seen is not measured, with what to do so that it is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::verdict::with_unit;
use super::{CriterionResult, Ordered, Outcome, RequestsResult, StepResult, requests};
use crate::lang::{Reason, Sentence};
use crate::numbers;
use crate::scenario::Good;
use crate::watch::{Beyond, Event, EventKind, Limits, Seen, SeenItem, SeenSource};

/// How measures of the servers' side begin.
const MEASURE: &str = "watch.";
/// The criterion that the servers were there all the time.
const SERVERS_UP: &str = "servers-up";
/// Outages named in it.
const OUTAGES_MAX: usize = 3;

/// The servers' side of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WatchResult {
    /// Everything that was read, in the file's order.
    pub items: Vec<WatchedResult>,
    /// What happened until accounts closed, in its order.
    pub events: Vec<WatchEvent>,
    /// The steps' requests as the servers count and time them; of those that a source shows.
    #[serde(default)]
    pub requests: Vec<RequestsResult>,
}

/// An item and how it came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchedResult {
    /// Its name.
    pub name: String,
    /// The kind of its source.
    pub source: String,
    /// Where that is, without secrets; `null` if nobody said it.
    pub place: Option<String>,
    /// What was read.
    pub expression: String,
    /// Which of the readings counts.
    pub judge: String,
    /// The unit of all its figures.
    pub unit: String,
    /// `at-most` or `at-least`: which side of the limits is good.
    pub good: String,
    /// Beyond this it is a warning.
    pub warn: Option<f64>,
    /// Beyond this it is a failure.
    pub fail: Option<f64>,
    /// What was held against the limits.
    pub value: Option<f64>,
    /// How it came out; `null` if it has no limit and was only read.
    pub outcome: Option<Outcome>,
    /// The outcome in words; of one that was not measured, why.
    #[serde(flatten, with = "crate::lang::sentence::why")]
    pub why: Sentence,
    /// What to do so that it is measured; empty if it was, or nobody can say.
    #[serde(flatten, with = "crate::lang::sentence::fix")]
    pub fix: Sentence,
    /// Readings that were judged.
    pub readings: u64,
    /// Looks that should have seen it and did not.
    pub missed: u64,
}

impl WatchedResult {
    /// Whether it is the figure of this name, of one source or of one of several.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
    }
}

/// Something that happened on the servers' side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchEvent {
    /// When, on this machine's clock.
    pub time: Timestamp,
    /// What kind of thing.
    pub kind: EventKind,
    /// Which server or file.
    pub subject: String,
    /// What showed it.
    pub evidence: String,
}

/// The result of what was seen.
pub(super) fn result(seen: &Seen, steps: &Ordered<StepResult>) -> WatchResult {
    let event = |event: &Event| WatchEvent {
        time: event.at,
        kind: event.kind,
        subject: event.subject.clone(),
        evidence: event.evidence.clone(),
    };
    WatchResult {
        items: items(seen).collect(),
        events: seen.events.iter().map(event).collect(),
        requests: requests::result(seen, steps),
    }
}

fn items(seen: &Seen) -> impl Iterator<Item = WatchedResult> {
    let own = |source: &'_ SeenSource| {
        let items = source.items.iter().filter(|item| item.item.requests.is_none());
        items.map(|item| watched(item, source)).collect::<Vec<_>>()
    };
    seen.sources.iter().flat_map(own)
}

fn watched(seen: &SeenItem, source: &SeenSource) -> WatchedResult {
    let item = &seen.item;
    let limits = item.limits;
    let (outcome, why, fix) = match &seen.figure {
        Ok(figure) => (outcome(limits, *figure), why(limits, &item.unit, *figure), Sentence::default()),
        Err(unseen) => (Outcome::NotMeasured, unseen.why.clone(), unseen.fix.clone()),
    };
    let is_shown_only = !limits.is_set() && seen.figure.is_ok();
    WatchedResult {
        name: item.name.clone(),
        source: source.kind.to_owned(),
        place: Some(source.place.clone()).filter(|place| !place.is_empty()),
        expression: item.expression.clone(),
        judge: item.judge.key(),
        unit: item.unit.clone(),
        good: good(limits).to_owned(),
        warn: limits.warn,
        fail: limits.fail,
        value: seen.figure.as_ref().ok().copied().filter(|figure| figure.is_finite()).map(numbers::tidy),
        outcome: (!is_shown_only).then_some(outcome),
        why,
        fix,
        readings: seen.readings,
        missed: seen.missed,
    }
}

fn good(limits: Limits) -> &'static str {
    super::result::good_key(if limits.is_least { Good::AtLeast } else { Good::AtMost })
}

fn outcome(limits: Limits, figure: f64) -> Outcome {
    match limits.beyond(figure) {
        Beyond::Neither => Outcome::Pass,
        Beyond::Warn => Outcome::Warn,
        Beyond::Fail => Outcome::Fail,
    }
}

fn why(limits: Limits, unit: &str, figure: f64) -> Sentence {
    let show = |value: f64| with_unit(MEASURE, unit, value);
    let Some(limit) = limits.warn.or(limits.fail) else { return Sentence::plain(show(figure)) };
    let side = if limits.is_least { Reason::AtLeast } else { Reason::AtMost };
    let (how, limit) = match limits.beyond(figure) {
        Beyond::Neither => (Reason::Met, limit),
        Beyond::Warn => (Reason::Warned, limit),
        Beyond::Fail => (Reason::Beyond, limits.fail.unwrap_or(limit)),
    };
    how.with(show(figure)).with(side.with(show(limit)))
}

/// The criteria that the servers' side adds: items with limits, and that servers were there.
pub(super) fn criteria(seen: &Seen) -> Vec<CriterionResult> {
    let judged = items(seen).filter(|item| item.warn.or(item.fail).is_some());
    let mut criteria: Vec<CriterionResult> = judged.map(criterion).collect();
    let looks: u64 = seen.sources.iter().map(|source| source.looks).sum();
    let outages: Vec<&Event> = seen.outages().collect();
    let unplaced = criteria.iter().find(|_| seen.sources.iter().all(|source| source.place.is_empty()));
    let (outcome, why) = match (outages.as_slice(), looks) {
        // What nobody can see has the same reason as everything else.
        ([], 0) => {
            let why = unplaced.map_or_else(|| Reason::NoSourceAnswered.into(), |one| one.why.clone());
            (Outcome::NotMeasured, why)
        }
        ([], _) => (Outcome::Pass, Reason::NoOutage.into()),
        (outages, _) => (Outcome::Fail, all_of(outages)),
    };
    criteria.push(CriterionResult {
        name: SERVERS_UP.to_owned(),
        measure: format!("{MEASURE}{SERVERS_UP}"),
        good: super::result::good_key(Good::AtMost).to_owned(),
        limit: 0.0,
        warn: None,
        unit: String::new(),
        measured: (outcome != Outcome::NotMeasured).then_some(outages.len() as f64),
        outcome,
        stands: true,
        why,
    });
    criteria
}

fn criterion(item: WatchedResult) -> CriterionResult {
    let limit = item.warn.or(item.fail).unwrap_or_default();
    let why = match (item.outcome, item.fix.is_empty()) {
        (Some(Outcome::NotMeasured), false) => Reason::Both.with(item.why).with(item.fix),
        _ => item.why,
    };
    CriterionResult {
        measure: format!("{MEASURE}{}", item.name),
        name: item.name,
        good: item.good,
        limit,
        // Between the two it is a warning.
        warn: item.warn.and(item.fail),
        unit: item.unit,
        measured: item.value,
        outcome: item.outcome.unwrap_or(Outcome::NotMeasured),
        stands: true,
        why,
    }
}

fn all_of(outages: &[&Event]) -> Sentence {
    let one = |event: &&Event| {
        let what = match event.kind {
            EventKind::Restarted => Reason::ServerRestarted,
            EventKind::OutOfMemory => Reason::ServerOutOfMemory,
            _ => Reason::ServerDown,
        };
        let time = event.at.strftime("%H:%M:%S UTC").to_string();
        what.with(event.subject.as_str()).with(time).with(event.evidence.as_str())
    };
    let more = outages.len().saturating_sub(OUTAGES_MAX);
    let more = (more > 0).then(|| Sentence::plain(format!("+{more}")));
    let all = outages.iter().take(OUTAGES_MAX).map(one).chain(more);
    all.reduce(|one, next| Reason::Both.with(one).with(next)).unwrap_or_default()
}

impl CriterionResult {
    /// Whether it is of the servers' side, which sources have to show.
    pub fn is_watched(&self) -> bool {
        self.measure.starts_with(MEASURE)
    }
}
