//! The measures that a criterion can name, each declared once: how to read it, and how to read it
//! without this machine's own part, which separates a failure that stands from one that this
//! machine may have caused; see [`super::verdict`]. Knows no limits.

mod propagated;
mod reconnected;

use propagated::propagation_figure;

use super::{ErrorDetail, EveryResult, RunResult, StageResult, StepResult};
use crate::fault::{Blame, Excuse, Fault};
use crate::lang::{Reason, Sentence};
use crate::numbers;
use crate::scenario::criteria::{KIND_COUNTS, of_stage};

/// A measure's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    /// As measured; what the limit is held against.
    pub value: f64,
    /// Without this machine's own part.
    pub fair: Fair,
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Missing {
    /// Nothing was attempted.
    NotMeasured(Sentence),
    /// It was attempted and never succeeded: that is a failure, unless this machine caused it.
    NeverSucceeded(Sentence, Fair),
}

impl From<Reason> for Missing {
    fn from(why: Reason) -> Self {
        Self::NotMeasured(why.into())
    }
}

/// What a value would have been without this machine's own part in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fair {
    /// The same: this machine has no part in it.
    Same,
    /// This.
    Otherwise(f64),
    /// It is this machine's own performance: a failure of it says nothing about the servers.
    Ours,
    /// Nobody can tell, for this reason: a failure of it shows nothing.
    Unknown(Excuse),
}

/// What this machine may have spoiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Excuses {
    /// The workers were so late that anything with a clock in it may be their doing.
    pub lagging: bool,
    /// A source address was taken away in mid-run.
    pub source_lost: bool,
    /// Failed sessions that are this machine's fault, and, when in doubt, those that may be.
    pub sessions: u64,
    /// Failed heartbeats that are, or may be, this machine's fault: all of them when in doubt, else
    /// those with a stall in their time.
    pub pings: u64,
}

impl Excuses {
    /// Returns the condition of this machine that may have caused this fault, if one was there.
    pub fn of(self, fault: Fault) -> Option<Excuse> {
        fault.excuses().iter().copied().find(|excuse| match excuse {
            Excuse::Lag => self.lagging,
            Excuse::SourceLost => self.source_lost,
            // Told apart where they happen: such faults are this machine's from the start.
            Excuse::Stall | Excuse::LongStall => false,
        })
    }
}

/// How a measure depends on this machine.
#[derive(Clone, Copy)]
enum Part {
    /// Not at all: the server said or did it.
    None,
    /// It is this machine's own performance.
    Whole,
    /// Only when what comes late, or not at all, may be its doing.
    Arrival,
    /// Each excused session would have counted, in the measure's own unit (1 or a share of the
    /// plan).
    Sessions,
    /// It is the error rate.
    ErrorRate,
    /// A time that this machine's lag and stalls are a part of.
    OwnTime,
}

/// A measure with a fixed name.
struct Scalar {
    name: &'static str,
    share: bool,
    part: Part,
    read: fn(&RunResult) -> Result<f64, Reason>,
}

#[rustfmt::skip]
const SCALARS: &[Scalar] = &[
    Scalar { name: "arrivals.achieved_per_s", share: false, part: Part::Whole, read: |r| r.arrivals.achieved_per_s.ok_or_else(|| super::stages::no_rate(r)) },
    Scalar { name: "arrivals.achieved_share", share: true, part: Part::Whole, read: |r| r.arrivals.achieved_share.ok_or_else(|| super::stages::no_rate(r)) },
    Scalar { name: "errors.rate", share: true, part: Part::ErrorRate, read: error_rate },
    Scalar { name: "errors.reconnected", share: false, part: Part::None, read: |r| Ok(r.errors.reconnected as f64) },
    Scalar { name: "find_max.sessions", share: false, part: Part::None, read: most_that_hold },
    Scalar { name: "ledger.duplicate", share: false, part: Part::None, read: |r| ledger(r, |ledger| ledger.duplicate) },
    Scalar { name: "ledger.gone_while_open", share: false, part: Part::None, read: gone_while_open },
    Scalar { name: "ledger.missing", share: false, part: Part::Arrival, read: |r| ledger(r, |ledger| ledger.missing) },
    Scalar { name: "membership.missing", share: false, part: Part::Arrival, read: |r| membership(r, |it| it.missing) },
    Scalar { name: "membership.still_listed", share: false, part: Part::None, read: |r| membership(r, |it| it.still_listed.values().sum()) },
    Scalar { name: "membership.unannounced", share: false, part: Part::Arrival, read: |r| membership(r, |it| it.unannounced) },
    Scalar { name: "reconnects.attempts", share: false, part: Part::None, read: |r| reconnected::count(r, |it| it.attempts) },
    Scalar { name: "reconnects.away_peak", share: false, part: Part::None, read: |r| reconnected::count(r, |it| it.away_peak) },
    Scalar { name: "reconnects.dropped", share: false, part: Part::None, read: |r| reconnected::count(r, |it| it.dropped) },
    Scalar { name: "reconnects.gave_up", share: false, part: Part::None, read: |r| reconnected::count(r, |it| it.gave_up) },
    Scalar { name: "reconnects.recovered", share: false, part: Part::None, read: |r| reconnected::count(r, |it| it.recovered) },
    Scalar { name: "reconnects.recovered_share", share: true, part: Part::None, read: |r| reconnected::share(r) },
    Scalar { name: "servers.misrouted", share: false, part: Part::None, read: misrouted },
    Scalar { name: "servers.smallest_share", share: true, part: Part::None, read: smallest_share },
    Scalar { name: "sessions.completed", share: false, part: Part::Sessions, read: |r| Ok(r.sessions.completed as f64) },
    Scalar { name: "sessions.completed_share", share: true, part: Part::Sessions, read: |r| share_of_plan(r, r.sessions.completed) },
    Scalar { name: "sessions.established", share: false, part: Part::Sessions, read: |r| Ok(r.sessions.established as f64) },
    Scalar { name: "sessions.established_share", share: true, part: Part::Sessions, read: |r| share_of_plan(r, r.sessions.established) },
    Scalar { name: "sessions.finished", share: false, part: Part::Sessions, read: |r| Ok(r.sessions.finished as f64) },
    Scalar { name: "sessions.held_to_end", share: false, part: Part::Sessions, read: |r| Ok(r.sessions.held_to_end as f64) },
    Scalar { name: "sessions.min_in_hold", share: false, part: Part::Sessions, read: |r| r.sessions.min_in_hold.map(|n| n as f64).ok_or(Reason::NoHold) },
    Scalar { name: "sessions.min_in_hold_share", share: true, part: Part::Sessions, read: |r| held_share(r).ok_or(Reason::NoHold) },
    Scalar { name: "ticket_age.max_ms", share: false, part: Part::OwnTime, read: |r| r.ticket_age.max_ms.ok_or(Reason::NoTicket) },
    Scalar { name: "ticket_age.p95_ms", share: false, part: Part::OwnTime, read: |r| r.ticket_age.p95_ms.ok_or(Reason::NoTicket) },
    Scalar { name: "updates.duplicate", share: false, part: Part::None, read: |r| updates(r, |it| it.duplicate as f64) },
    Scalar { name: "updates.missing", share: false, part: Part::Arrival, read: |r| updates(r, |it| it.missing as f64) },
    Scalar { name: "updates.missing_share", share: true, part: Part::Arrival, read: |r| updates(r, |it| it.missing_share.unwrap_or(0.0)) },
    Scalar { name: "updates.out_of_order", share: false, part: Part::None, read: |r| updates(r, |it| it.out_of_order as f64) },
];

/// The figures of a step that a criterion can name: `steps.<step>.<figure>`.
const FIGURES: [&str; 8] = ["mean_ms", "min_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms"];

/// Whether a criterion can name this measure in a scenario with these steps.
pub fn is_measure(name: &str, steps: &[String]) -> bool {
    if let Some((_, measure)) = of_stage(name, steps) {
        return is_measure(&measure, steps);
    }
    if let Some((_, figure)) = every_figure(name) {
        return EveryResult::default().figure(figure).is_some();
    }
    if let Some((_, figure, is_age)) = kind_figure(name) {
        return match is_age {
            true => FIGURES.contains(&figure) || figure == "negative",
            false => KIND_COUNTS.contains(&figure),
        };
    }
    let of_announcements = propagation_figure(name).map(|(_, _, figure)| figure);
    if let Some(figure) = of_announcements.or_else(|| reconnected::statistic(name)) {
        return FIGURES.contains(&figure);
    }
    match step_figure(name) {
        Some((step, figure)) => steps.iter().any(|known| known == step) && FIGURES.contains(&figure),
        None => SCALARS.iter().any(|scalar| scalar.name == name),
    }
}

/// Whether the measure is a share of 0 to 1, to be shown in per cent.
pub fn is_share(name: &str) -> bool {
    // Of a mix's part, whose name stands before it.
    let name = name.split_once('/').map_or(name, |(_, own)| own);
    if let Some((_, measure)) = of_stage(name, &[]) {
        return is_share(&measure);
    }
    SCALARS.iter().any(|scalar| scalar.name == name && scalar.share)
}

/// What a measure counts that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Sessions,
    Pings,
    Both,
}

/// Returns what the measure counts; `None` for those that are no count of failures.
pub(super) fn counted(name: &str) -> Option<Counted> {
    if let Some((_, figure)) = every_figure(name) {
        return is_of_cycles(figure).then_some(Counted::Pings);
    }
    match SCALARS.iter().find(|scalar| scalar.name == name)?.part {
        Part::Sessions => Some(Counted::Sessions),
        Part::ErrorRate => Some(Counted::Both),
        Part::None | Part::Whole | Part::Arrival | Part::OwnTime => None,
    }
}

/// Reads a measure.
///
/// # Errors
/// Why there is nothing to read.
pub(super) fn read(name: &str, result: &RunResult, excuses: Excuses) -> Result<Reading, Missing> {
    let steps: Vec<String> = result.steps.iter().map(|(name, _)| name.to_owned()).collect();
    if let Some((stage, measure)) = of_stage(name, &steps) {
        let whole = result.stages.iter().find(|it| it.name == stage).and_then(|it| it.whole.as_deref());
        return read(
            &measure,
            whole.ok_or_else(|| Missing::NotMeasured(Reason::NoStage.with(stage)))?,
            excuses,
        );
    }
    if let Some((step, figure)) = step_figure(name) {
        return read_step(step, figure, result, excuses);
    }
    if let Some((every, figure)) = every_figure(name) {
        return read_every(every, figure, result, excuses);
    }
    if let Some((kind, figure, is_age)) = kind_figure(name) {
        return match is_age {
            true => read_age(kind, figure, result, excuses),
            false => read_kind(kind, figure, result),
        };
    }
    if let Some((name, receivers, figure)) = propagation_figure(name) {
        return propagated::read(name, receivers, figure, result, excuses);
    }
    if let Some(figure) = reconnected::statistic(name) {
        return reconnected::read(figure, result, excuses);
    }
    let scalar = SCALARS.iter().find(|scalar| scalar.name == name);
    let scalar = scalar.ok_or_else(|| Missing::NotMeasured(Reason::NoMeasure.with(name)))?;
    let value = (scalar.read)(result)?;
    Ok(Reading { value, fair: fair(scalar, value, result, excuses) })
}

impl RunResult {
    /// The periodic messages that await a reply: these have a step.
    pub fn heartbeats(&self) -> impl Iterator<Item = (&str, &EveryResult)> {
        self.every.iter().filter(|(name, _)| self.steps.get(name).is_some())
    }

    /// The value of a measure so far; `None` if there is nothing to read.
    pub fn measure(&self, name: &str) -> Option<f64> {
        read(name, self, Excuses::default()).ok().map(|reading| reading.value)
    }
}

fn step_figure(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("steps.")?.rsplit_once('.')
}

/// The parts of `every.<name>.<figure>`.
fn every_figure(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("every.")?.rsplit_once('.')
}

/// The parts of `messages.<kind>.<figure>` and, of an age, `messages.<kind>.age.<figure>`.
fn kind_figure(name: &str) -> Option<(&str, &str, bool)> {
    let rest = name.strip_prefix("messages.")?;
    let age = rest.split_once(".age.").map(|(kind, figure)| (kind, figure, true));
    age.or_else(|| rest.rsplit_once('.').map(|(kind, figure)| (kind, figure, false)))
}

fn read_kind(kind: &str, figure: &str, result: &RunResult) -> Result<Reading, Missing> {
    let messages = &result.messages;
    let sequence = || messages.sequences.get(kind).copied();
    let value = match figure {
        "received" => messages.by_type.get(kind).map(|count| *count as f64),
        "per_s" if messages.seconds <= 0.0 => return Err(Reason::NoRate.into()),
        "per_s" => messages.by_type.get(kind).map(|count| *count as f64 / messages.seconds),
        "answers" => messages.answers.get(kind).map(|count| *count as f64),
        "missing" => sequence().map(|it| it.missing as f64),
        "duplicate" => sequence().map(|it| it.duplicate as f64),
        _ => None,
    };
    if matches!(figure, "missing" | "duplicate") {
        let (came, unread) = (messages.by_type.get(kind), sequence().map_or(0, |it| it.unread));
        match came {
            Some(0) => return Err(Missing::NotMeasured(Reason::NoMessage.with(kind))),
            Some(came) if *came <= unread => {
                return Err(Missing::NotMeasured(Reason::NoNumber.with(kind)));
            }
            _ => {}
        }
    }
    let value = value.ok_or_else(|| Missing::NotMeasured(Reason::NoFigure.with(figure)))?;
    Ok(Reading { value, fair: Fair::Same })
}

/// How long before they came messages were sent, less the time that they may have lain unread here.
fn read_age(kind: &str, figure: &str, result: &RunResult, excuses: Excuses) -> Result<Reading, Missing> {
    let no_figure = || Missing::NotMeasured(Reason::NoFigure.with(figure));
    let age = result.messages.ages.get(kind).ok_or_else(no_figure)?;
    if age.count == 0 && age.unread > 0 {
        return Err(Missing::NotMeasured(Reason::NoInstant.with(kind)));
    }
    if age.count == 0 {
        return Err(Missing::NotMeasured(Reason::NoMessage.with(kind)));
    }
    if figure == "negative" {
        return Ok(Reading { value: age.negative as f64, fair: Fair::Same });
    }
    if !FIGURES.contains(&figure) {
        return Err(no_figure());
    }
    let value = age.latency.figure(figure);
    let value = value.ok_or_else(|| Missing::NotMeasured(Reason::OnlyNegativeAges.with(kind)))?;
    let fair = match excuses.lagging {
        true => Fair::Unknown(Excuse::Lag),
        false => Fair::Otherwise((value - result.generator.lag_p99_ms.unwrap_or(0.0)).max(0.0)),
    };
    Ok(Reading { value, fair })
}

/// Whether it counts cycles that failed, some of which this machine's stalls may have spoiled.
fn is_of_cycles(figure: &str) -> bool {
    matches!(figure, "late" | "missed" | "unanswered")
}

fn read_every(name: &str, figure: &str, result: &RunResult, excuses: Excuses) -> Result<Reading, Missing> {
    let unknown = |what: Reason, name: &str| Missing::NotMeasured(what.with(name));
    let every = result.every.get(name).ok_or_else(|| unknown(Reason::NoStep, name))?;
    let count = every.figure(figure).ok_or_else(|| unknown(Reason::NoFigure, figure))?;
    if every.due == 0 {
        return Err(unknown(Reason::NoneDue, name));
    }
    let fair = match excuses.of(Fault::PingTimeout) {
        _ if !is_of_cycles(figure) => Fair::Same,
        Some(excuse) => Fair::Unknown(excuse),
        None => Fair::Otherwise((count as f64 - every.stalled as f64).max(0.0)),
    };
    Ok(Reading { value: count as f64, fair })
}

fn read_step(step: &str, figure: &str, result: &RunResult, excuses: Excuses) -> Result<Reading, Missing> {
    let unknown = |what: Reason, name: &str| Missing::NotMeasured(what.with(name));
    let known = result.steps.get(step).ok_or_else(|| unknown(Reason::NoStep, step))?;
    if !FIGURES.contains(&figure) {
        return Err(unknown(Reason::NoFigure, figure));
    }
    let Some(value) = known.from_due.figure(figure) else {
        return Err(nothing(step, known, result, excuses));
    };
    Ok(Reading { value, fair: fair_latency(known, figure, result, excuses) })
}

/// Why a step has no latency: nobody tried, or nobody succeeded.
fn nothing(step: &str, known: &StepResult, result: &RunResult, excuses: Excuses) -> Missing {
    if known.errors == 0 {
        return Missing::NotMeasured(Reason::NotAttempted.with(step));
    }
    let own = |detail: &&ErrorDetail| detail.step == step && detail.blame == Blame::Machine.key();
    let ours: u64 = result.errors.details.iter().filter(own).map(|detail| detail.count).sum();
    let fair = match excuses.of(Fault::StepTimeout) {
        _ if ours >= known.errors => Fair::Ours,
        Some(excuse) => Fair::Unknown(excuse),
        None => Fair::Same,
    };
    Missing::NeverSucceeded(Reason::NeverSucceeded.with(numbers::grouped(known.errors)), fair)
}

/// A latency from actual send, less what a stall may have added, less the time that answers may
/// have lain unread because the workers lagged.
fn fair_latency(known: &StepResult, figure: &str, result: &RunResult, excuses: Excuses) -> Fair {
    if excuses.lagging {
        return Fair::Unknown(Excuse::Lag);
    }
    let sent = known.without_stalls.as_ref().unwrap_or(&known.from_sent);
    let lag = result.generator.lag_p99_ms.unwrap_or(0.0);
    match sent.figure(figure) {
        Some(sent) => Fair::Otherwise((sent - lag).max(0.0)),
        None => Fair::Unknown(Excuse::Stall),
    }
}

fn fair(scalar: &Scalar, value: f64, result: &RunResult, excuses: Excuses) -> Fair {
    let sessions = excuses.sessions as f64;
    match scalar.part {
        Part::None => Fair::Same,
        Part::Whole => Fair::Ours,
        // Other messages are late, or lost, as replies are.
        Part::Arrival => match excuses.of(Fault::PingTimeout) {
            Some(excuse) => Fair::Unknown(excuse),
            None => Fair::Otherwise((value - missing_in_stalls(result) as f64).max(0.0)),
        },
        Part::Sessions => {
            let unit = if scalar.share { result.sessions.planned.max(1) as f64 } else { 1.0 };
            Fair::Otherwise(value + sessions / unit)
        }
        Part::OwnTime => reconnected::fair_own_time(value, result, excuses),
        Part::ErrorRate => {
            let ours = sessions + excuses.pings as f64;
            Fair::Otherwise(
                (result.errors.total as f64 - ours).max(0.0) / result.errors.attempts.max(1) as f64,
            )
        }
    }
}

fn most_that_hold(result: &RunResult) -> Result<f64, Reason> {
    let found = result.find_max.as_ref().ok_or(Reason::NoSearch)?;
    Ok(found.sessions.unwrap_or(0) as f64)
}

/// Nobody is to arrive where a level is held that was there before.
fn share_of_plan(result: &RunResult, count: u64) -> Result<f64, Reason> {
    if result.sessions.planned == 0 { Err(Reason::NothingAttempted) } else { Ok(of_plan(result, count)) }
}

fn of_plan(result: &RunResult, count: u64) -> f64 {
    count as f64 / result.sessions.planned.max(1) as f64
}

/// The least share of its level that any stage held; without stages, of the plan.
fn held_share(result: &RunResult) -> Option<f64> {
    if result.stages.is_empty() {
        return result.sessions.min_in_hold.map(|count| of_plan(result, count));
    }
    result.stages.iter().filter_map(StageResult::held_share).min_by(f64::total_cmp)
}

fn error_rate(result: &RunResult) -> Result<f64, Reason> {
    if result.errors.attempts == 0 { Err(Reason::NothingAttempted) } else { Ok(result.errors.rate) }
}

fn ledger(result: &RunResult, figure: impl Fn(&super::LedgerResult) -> u64) -> Result<f64, Reason> {
    let ledger = result.ledger.as_ref().ok_or(Reason::NoLedger)?;
    if ledger.expected == 0 {
        return Err(Reason::NoPair);
    }
    Ok(figure(ledger) as f64)
}

fn membership(result: &RunResult, figure: impl Fn(&super::MembershipResult) -> u64) -> Result<f64, Reason> {
    result.membership.as_ref().map(|it| figure(it) as f64).ok_or(Reason::NoLedger)
}

fn updates(result: &RunResult, figure: impl Fn(&super::UpdatesResult) -> f64) -> Result<f64, Reason> {
    match result.updates.as_ref().filter(|updates| updates.expected > 0) {
        Some(updates) => Ok(figure(updates)),
        None => Err(Reason::NoUpdate),
    }
}

/// Announcements missing that were made while this machine stalled, if that made a difference.
fn missing_in_stalls(result: &RunResult) -> u64 {
    let shape = result.ledger.as_ref().map(|ledger| &ledger.shape);
    shape.filter(|shape| shape.is_worse_in_stalls()).map_or(0, |shape| shape.in_stalls.owed.missing)
}

fn gone_while_open(result: &RunResult) -> Result<f64, Reason> {
    result.ledger.as_ref().map(|ledger| ledger.gone_while_open as f64).ok_or(Reason::NoLedger)
}

fn misrouted(result: &RunResult) -> Result<f64, Reason> {
    let misrouted = result.routing.misrouted;
    misrouted.map(|count| count as f64).ok_or(Reason::RoutingUnknown)
}

/// The sessions that opened on the smallest server over an even share: 1 is even, 0 is none.
fn smallest_share(result: &RunResult) -> Result<f64, Reason> {
    result.spread().map(|spread| spread.smallest)
}

impl EveryResult {
    /// A figure by its key in `summary.json`.
    fn figure(&self, key: &str) -> Option<u64> {
        Some(match key {
            "due" => self.due,
            "sent" => self.sent,
            "answered" => self.answered,
            "late" => self.late,
            "unanswered" => self.unanswered,
            "missed" => self.missed,
            "pending" => self.pending,
            _ => return None,
        })
    }
}

impl super::LatencyResult {
    /// A figure by its key in `summary.json`.
    fn figure(&self, key: &str) -> Option<f64> {
        match key {
            "mean_ms" => self.mean_ms,
            "min_ms" => self.min_ms,
            "p50_ms" => self.p50_ms,
            "p90_ms" => self.p90_ms,
            "p95_ms" => self.p95_ms,
            "p99_ms" => self.p99_ms,
            "p999_ms" => self.p999_ms,
            "max_ms" => self.max_ms,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
