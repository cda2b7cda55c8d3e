//! What is served of a run after one more second: a few kilobytes, owned, made on the control thread.
//!
//! Counts what the result counts, up to the close of accounts. Invariant: whatever a peer or a
//! scenario names is of a bounded length, and there is a bounded number of it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use startline_os::process;

use super::buckets::Buckets;
use crate::fault::Blame;
use crate::measure::{Beats, Counts, Layout, Phase, Reconnects, StepTally};
use crate::plan::Plan;
use crate::report::view::Snapshot;
use crate::report::{self, CriterionResult, Outcome, RunResult, SequenceResult};

/// Bytes of a label's value; of longer ones the beginning is kept.
const LABEL_BYTES_MAX: usize = 200;

/// A run so far.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    pub(super) scenario: String,
    pub(super) workers: u64,
    /// `None`: nothing is loaded yet.
    pub(super) phase: Option<Phase>,
    pub(super) phases_planned: Vec<(Phase, f64)>,
    pub(super) started_at_seconds: f64,
    pub(super) elapsed_seconds: f64,
    pub(super) planned: u64,
    /// Sessions that should have started by now.
    pub(super) arrivals_due: u64,
    pub(super) open: u64,
    pub(super) counts: Counts,
    /// Sessions that dropped: all, attempts, back, given up, and away now.
    pub(super) reconnects: [u64; 5],
    /// The same of what came after accounts closed.
    pub(super) after: Counts,
    pub(super) steps: Vec<Step>,
    /// By periodic message.
    pub(super) every: Vec<(String, Beats)>,
    pub(super) errors_by_blame: Vec<(String, u64)>,
    pub(super) errors: Vec<Errors>,
    pub(super) messages: Vec<(String, u64)>,
    /// Answers sent, by kind of message.
    pub(super) answers: Vec<(String, u64)>,
    /// By numbered kind of message.
    pub(super) sequences: Vec<(String, SequenceResult)>,
    /// By kind of message that says when it was sent: since then.
    pub(super) ages: Vec<(String, Buckets)>,
    /// By what is announced: from the act to each receiver.
    pub(super) propagation: Vec<(String, Buckets)>,
    /// Where a periodic message is announced.
    pub(super) updates: Option<Updates>,
    pub(super) servers: Vec<Server>,
    pub(super) tls_full: u64,
    pub(super) tls_resumed: u64,
    pub(super) timer_lag: Buckets,
    pub(super) arrival_lag: Buckets,
    pub(super) stalled_seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) criteria: Vec<Criterion>,
}

/// A step's successes.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) from_due: Buckets,
    pub(super) from_sent: Buckets,
}

/// How often something went wrong in one way in one step.
#[derive(Clone, Debug)]
pub(super) struct Errors {
    pub(super) step: String,
    pub(super) kind: String,
    pub(super) blame: String,
    pub(super) count: u64,
}

/// A server's sessions.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) url: String,
    pub(super) sessions: u64,
    pub(super) opened: u64,
    pub(super) failed: u64,
    pub(super) ping_failed: u64,
}

/// Updates by pair, as far as they are settled.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Updates {
    pub(super) expected: u64,
    pub(super) received: u64,
    pub(super) duplicate: u64,
    pub(super) out_of_order: u64,
}

/// A criterion as it stands.
#[derive(Clone, Debug)]
pub(super) struct Criterion {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) limit: f64,
    pub(super) good: String,
    pub(super) measured: Option<f64>,
    pub(super) outcome: Outcome,
}

fn every(layout: &Layout, beats: impl Fn(usize) -> Beats) -> Vec<(String, Beats)> {
    layout.every.iter().enumerate().map(|(k, every)| (label(&every.name), beats(k))).collect()
}

impl Reading {
    /// Before the load: what is planned, and nothing counted.
    pub fn before(plan: &Plan) -> Self {
        let (steps, settings) = (plan.scenario.step_names(), &plan.settings);
        let kinds = plan.scenario.websocket.iter().flat_map(|websocket| websocket.kinds.names());
        let messages = kinds.chain(["other"]);
        let planned = [
            (Phase::Ramp, settings.ramp),
            (Phase::Hold, settings.hold),
            (Phase::RampDown, settings.ramp_down),
        ];
        Self {
            scenario: label(&plan.scenario.name),
            workers: plan.workers as u64,
            planned: plan.lives,
            phases_planned: planned.map(|(phase, span)| (phase, span.as_secs_f64())).into(),
            steps: steps.iter().map(|name| Step { name: label(name), ..Step::default() }).collect(),
            every: every(&Layout::of(&plan.scenario), |_| Beats::default()),
            // Counters are there before they count, so that their first increase is seen.
            errors_by_blame: named(Blame::ALL.iter().map(|blame| (blame.key(), 0))),
            messages: named(messages.map(|name| (name, 0))),
            cpu_seconds: process::cpu_seconds(),
            resident_bytes: process::rss_bytes(),
            ..Self::default()
        }
    }

    /// After one more second; `after`: what came after accounts closed.
    pub fn of(snapshot: &Snapshot<'_>, after: &Counts) -> Self {
        let Snapshot { plan, second, result, .. } = *snapshot;
        let tally = second.totals.tally();
        Self {
            phase: Some(snapshot.phase),
            started_at_seconds: result.started_at.as_duration().as_secs_f64(),
            elapsed_seconds: snapshot.elapsed.as_secs_f64(),
            arrivals_due: second.planned,
            open: second.open,
            counts: tally.counts.clone(),
            reconnects: reconnects(&tally.reconnects),
            after: after.clone(),
            steps: steps(snapshot),
            every: every(second.totals.layout(), |k| tally.every(k)),
            errors_by_blame: named(result.errors.by_blame.iter().map(counted)),
            errors: errors(snapshot),
            messages: named(result.messages.by_type.iter().map(counted)),
            answers: named(result.messages.answers.iter().map(counted)),
            sequences: result.messages.sequences.0.clone(),
            ages: ages(snapshot),
            propagation: propagation(snapshot),
            updates: result.updates.as_ref().map(Updates::of),
            servers: servers(result),
            tls_full: tally.secured.full,
            tls_resumed: tally.secured.resumed,
            timer_lag: Buckets::of(&tally.lag),
            arrival_lag: Buckets::of(&tally.start_lag),
            stalled_seconds: second.totals.stalls().total().as_secs_f64(),
            cpu_seconds: process::cpu_seconds(),
            resident_bytes: second.rss_bytes,
            criteria: result.criteria.iter().map(Criterion::of).collect(),
            ..Self::before(plan)
        }
    }
}

fn steps(snapshot: &Snapshot<'_>) -> Vec<Step> {
    let totals = snapshot.second.totals;
    let step = |(k, name): (usize, &String)| {
        let recorded = totals.tally().step(k);
        let buckets = |of: fn(&StepTally) -> Buckets| recorded.map(of).unwrap_or_default();
        Step {
            name: label(name),
            from_due: buckets(|step| Buckets::of(&step.from_due)),
            from_sent: buckets(|step| Buckets::of(&step.from_sent)),
        }
    };
    totals.layout().steps.iter().enumerate().map(step).collect()
}

fn ages(snapshot: &Snapshot<'_>) -> Vec<(String, Buckets)> {
    let kinds =
        snapshot.plan.scenario.websocket.iter().flat_map(|websocket| &websocket.kinds.kinds).enumerate();
    let aged = kinds.filter(|(_, kind)| kind.sent_at.is_some());
    let tally = snapshot.second.totals.tally();
    let buckets = |k| tally.kind(k).map(|kind| Buckets::of(&kind.ages)).unwrap_or_default();
    aged.map(|(k, kind)| (label(&kind.name), buckets(k))).collect()
}

fn propagation(snapshot: &Snapshot<'_>) -> Vec<(String, Buckets)> {
    let totals = snapshot.second.totals;
    let buckets = |deed| totals.tally().propagated.of(deed).map(|echo| Buckets::of(&echo.all()));
    let all = totals.layout().announced.iter();
    all.map(|it| (label(&it.name), buckets(it.deed).unwrap_or_default())).collect()
}

/// By step, kind and blame; faults that differ in the program alone have one name.
fn errors(snapshot: &Snapshot<'_>) -> Vec<Errors> {
    let mut counts = BTreeMap::<[String; 3], u64>::new();
    for detail in report::error_details(snapshot.second.totals, &snapshot.plan.scenario) {
        *counts.entry([label(&detail.step), label(&detail.kind), detail.blame]).or_default() += detail.count;
    }
    counts.into_iter().map(|([step, kind, blame], count)| Errors { step, kind, blame, count }).collect()
}

fn counted<'n>((name, count): (&'n str, &u64)) -> (&'n str, u64) {
    (name, *count)
}

/// Drops, attempts, returns, sessions given up, and sessions away now.
fn reconnects(of: &Reconnects) -> [u64; 5] {
    [of.all.dropped, of.attempts, of.all.recovered, of.all.gave_up, of.away()]
}

/// By name; what has the same name is one, such as a scenario's own `other`.
fn named<'n>(counts: impl Iterator<Item = (&'n str, u64)>) -> Vec<(String, u64)> {
    let mut named: Vec<(String, u64)> = Vec::new();
    for (name, count) in counts.map(|(name, count)| (label(name), count)) {
        match named.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += count,
            None => named.push((name, count)),
        }
    }
    named
}

fn servers(result: &RunResult) -> Vec<Server> {
    let server = |(url, server): (&str, &report::ServerResult)| Server {
        url: label(url),
        sessions: server.sessions,
        opened: server.opened,
        failed: server.failed,
        ping_failed: server.ping_failed,
    };
    result.servers.iter().map(server).collect()
}

impl Updates {
    fn of(result: &report::UpdatesResult) -> Self {
        let report::UpdatesResult { expected, received, duplicate, out_of_order, .. } = *result;
        Self { expected, received, duplicate, out_of_order }
    }
}

impl Criterion {
    /// In base units: seconds, ratios, counts.
    fn of(result: &CriterionResult) -> Self {
        let (unit, divisor) = match result.measure.as_str() {
            measure if measure.ends_with("_ms") => ("seconds", 1e3),
            measure if measure.ends_with("_per_s") => ("per_second", 1.0),
            measure if report::is_share(measure) => ("ratio", 1.0),
            _ => ("count", 1.0),
        };
        Self {
            name: label(&result.name),
            unit,
            limit: result.limit / divisor,
            good: result.good.clone(),
            measured: result.measured.map(|measured| measured / divisor),
            outcome: result.outcome,
        }
    }
}

/// The value of a label: cut if it is long, in a way that keeps different ones different.
fn label(text: &str) -> String {
    if text.len() <= LABEL_BYTES_MAX {
        return text.to_owned();
    }
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let end = (0..=LABEL_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…{:08x}", &text[..end], hasher.finish() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A series may be there once.
    #[test]
    fn what_has_the_same_name_is_one() {
        let counts = [("CHAT", 2), ("other", 3), ("other", 4)];
        assert_eq!(named(counts.into_iter()), [("CHAT".to_owned(), 2), ("other".to_owned(), 7)]);
    }

    #[test]
    fn labels_are_bounded_and_stay_different() {
        let long = |last: char| format!("{}{last}", "é".repeat(5_000));
        let (one, other) = (label(&long('a')), label(&long('b')));
        assert!(one.len() <= LABEL_BYTES_MAX + 11 && one.starts_with("éé"), "{one}");
        assert_ne!(one, other);
        assert_eq!(label(&long('a')), one);
        assert_eq!(label("wss://a.example/ws/1"), "wss://a.example/ws/1");
    }
}
