//! The verdict on a run: criteria against their limits, and whose fault a failure could be.
//!
//! The order in which things decide, first match wins. Each rule has a test in `tests/plain/report`.
//!
//! 1. **Not finished, stopped, or accounts that do not close: inconclusive.** Half a run is no run, and
//!    sums that do not close mean that this program lost something.
//! 2. **A criterion fails and the failure stands: fail.** A failure stands when this machine's own part, taken out,
//!    does not save it: latencies are read again from the instant of sending, sessions and errors without the
//!    faults blamed on this machine. It stands under less load than planned too: more would not have helped.
//! 3. **The load was not what was planned: inconclusive.** A rule ended the run early, no session started, under 99 % of the planned arrivals were
//!    achieved, or the workers' lag was over its limit: the plan's, else a tenth of the tightest timeout. A pass
//!    under less load than planned says nothing about the plan.
//! 4. **A criterion fails and the failure does not stand: inconclusive.**
//! 5. **No criterion was set, or not one could be measured: inconclusive.**
//! 6. **`--require all`, and a criterion was not measured: inconclusive.**
//! 7. **The summary could not be written: a pass becomes inconclusive** ([`RunResult::take_back_pass`]).
//! 8. **Otherwise: pass**, with warnings if there are any. Latencies are judged from the instant they were due
//!    and so contain our own lateness: a pass stands in spite of it.
//!
//! While the workers lag, a failure that has a clock in it (latencies, timeouts, PINGs, sessions
//! that the server dropped as idle, announcements not read in time) does not stand; an answer of
//! the server (a status, a named error, a broken frame, a wrong server) still does. So it is when a
//! source address was taken away from this machine, but for latencies: what was on its way to that
//! address did not arrive.

use std::cmp::Reverse;
use std::time::Duration;

use super::alike::alike;
use super::measures::{self, Excuses, Fair, Missing};
use super::result::good_key;
use super::{CriterionResult, Outcome, RunResult, SessionsResult, Verdict};
use crate::fault::{Blame, Excuse, Fault};
use crate::lang::{Arg, Reason, Sentence};
use crate::measure::Tally;
use crate::numbers;
use crate::scenario::criteria::Lack;
use crate::scenario::{Criterion, Good};

/// Share of the planned arrivals below which a run is inconclusive.
pub const ARRIVALS_SHARE_MIN: f64 = 0.99;

/// A ramp this much longer than planned is forgiven: one wake-up of a busy machine is more than a
/// hundredth of a ramp of a few seconds, and says nothing.
pub const ARRIVALS_SLACK: Duration = Duration::from_millis(500);

/// The lag's 99th percentile may be this share of the tightest timeout.
pub const LAG_SHARE_MAX: f64 = 0.1;

/// What the verdict needs besides the result's own figures.
#[derive(Clone, Debug, Default)]
pub(super) struct Grounds {
    /// Why the run is not finished, or its figures are wrong; empty otherwise.
    pub broken: Vec<Sentence>,
    /// Why the run was ended early by a rule of the plan.
    pub aborted: Option<Sentence>,
    /// What this machine may have spoiled.
    pub excuses: Excuses,
    /// Sessions that are to be held at once, and for how long.
    pub held: (u32, Duration),
    /// The plan limits how far the workers may lag.
    pub is_lag_limit_given: bool,
    /// A criterion that is not measured makes the run inconclusive.
    pub requires_all: bool,
}

/// Judges `criteria`, adds those of the servers' side, and fills in the result's criteria, verdict, exit status and reasons.
pub(super) fn judge(
    result: &mut RunResult,
    criteria: &[Criterion],
    watched: Vec<CriterionResult>,
    grounds: &Grounds,
) {
    result.criteria =
        criteria.iter().map(|criterion| judge_one(criterion, result, grounds)).chain(watched).collect();
    let (verdict, reasons) = decide(result, grounds);
    result.verdict = verdict;
    result.exit_status = verdict.exit_status();
    result.reasons = reasons;
}

impl RunResult {
    /// Makes a pass inconclusive whose summary could not be written to `file`; another verdict stays.
    pub fn take_back_pass(&mut self, file: &str, why: &str) {
        let reason = Reason::NotWritten.with(file).with(why);
        if self.verdict != Verdict::Pass {
            self.reasons.push(reason);
            return;
        }
        self.verdict = Verdict::Inconclusive;
        self.exit_status = self.verdict.exit_status();
        self.reasons.insert(0, reason);
    }
}

/// What this machine may have spoiled, from the failures.
pub(super) fn excuses(tally: &Tally, lagging: bool) -> Excuses {
    let (failures, counts) = (&tally.failures, &tally.counts);
    let source_lost = failures.iter().any(|(_, fault, _)| fault == Fault::SourceNotLocal);
    let mut excuses = Excuses { lagging, source_lost, ..Excuses::default() };
    let excused = failures.iter().filter(|(_, fault, _)| excuses.of(*fault).is_some());
    excuses.sessions = failures.blamed_on(Blame::Machine) + excused.map(|(.., count)| count).sum::<u64>();
    let in_doubt = excuses.of(Fault::PingTimeout).is_some();
    excuses.pings = if in_doubt { counts.beats.failed() } else { counts.beats.stalled() };
    excuses
}

fn judge_one(criterion: &Criterion, result: &RunResult, grounds: &Grounds) -> CriterionResult {
    let mut judged = CriterionResult {
        name: criterion.name.clone(),
        measure: criterion.measure.clone(),
        good: good_key(criterion.good).to_owned(),
        limit: criterion.limit,
        warn: criterion.warn,
        unit: criterion.unit.clone(),
        measured: None,
        outcome: Outcome::NotMeasured,
        stands: true,
        why: Sentence::default(),
    };
    let reading = needs(criterion, result, grounds.held)
        .map_err(Missing::NotMeasured)
        .and_then(|()| measures::read(&criterion.measure, result, grounds.excuses));
    match reading {
        Err(Missing::NotMeasured(why)) => judged.why = why,
        Err(Missing::NeverSucceeded(why, fair)) => {
            judged.outcome = Outcome::Fail;
            judged.stands = fair == Fair::Same;
            judged.why = if judged.stands { why } else { Reason::PerhapsOurs.with(why) };
        }
        Ok(reading) => {
            judged.measured = Some(numbers::tidy(reading.value));
            judged.outcome = outcome(criterion, reading.value);
            judged.stands = judged.outcome != Outcome::Fail || stands(criterion, reading.fair);
            judged.why = why(criterion, &judged, reading.fair);
        }
    }
    judged
}

/// Whether the plan is large enough for this criterion.
fn needs(criterion: &Criterion, result: &RunResult, held: (u32, Duration)) -> Result<(), Sentence> {
    match criterion.lack(held) {
        None => Ok(()),
        Some(Lack::Sessions(needed)) => {
            let key = if result.stages.is_empty() { Reason::NeedsSessions } else { Reason::NeedsLevel };
            Err(key.with(numbers::grouped(needed.into())).with(numbers::grouped(held.0.into())))
        }
        Some(Lack::Hold(needed)) => {
            Err(Reason::NeedsHold.with(numbers::span(needed)).with(numbers::span(held.1)))
        }
    }
}

fn outcome(criterion: &Criterion, value: f64) -> Outcome {
    if meets(criterion.good, value, criterion.limit) {
        Outcome::Pass
    } else if criterion.warn.is_some_and(|warn| meets(criterion.good, value, warn)) {
        Outcome::Warn
    } else {
        Outcome::Fail
    }
}

fn meets(good: Good, value: f64, limit: f64) -> bool {
    match good {
        Good::AtMost => value <= limit,
        Good::AtLeast => value >= limit,
        Good::Below => value < limit,
    }
}

/// Whether a failure remains one without this machine's own part.
fn stands(criterion: &Criterion, fair: Fair) -> bool {
    match fair {
        Fair::Same => true,
        Fair::Ours | Fair::Unknown(_) => false,
        Fair::Otherwise(value) => outcome(criterion, value) == Outcome::Fail,
    }
}

fn why(criterion: &Criterion, judged: &CriterionResult, fair: Fair) -> Sentence {
    let show = |value: f64| counted(&criterion.measure, &criterion.unit, value);
    let how = match (judged.outcome, judged.stands, fair) {
        (Outcome::Pass, ..) => Reason::Met,
        (Outcome::Warn, ..) => Reason::Warned,
        (_, true, _) => Reason::Beyond,
        (_, false, Fair::Otherwise(_)) => Reason::WithoutOwnPart,
        (_, false, Fair::Ours) => Reason::OwnFault,
        (_, false, Fair::Unknown(Excuse::SourceLost)) => Reason::SourceLost,
        (_, false, Fair::Unknown(Excuse::Stall | Excuse::LongStall)) => Reason::Stalled,
        (_, false, _) => Reason::Lagged,
    };
    let limit = match criterion.good {
        Good::AtMost => Reason::AtMost,
        Good::AtLeast => Reason::AtLeast,
        Good::Below => Reason::Below,
    };
    let why = how.with(show(judged.measured.unwrap_or_default())).with(limit.with(show(criterion.limit)));
    match (how, fair) {
        (Reason::WithoutOwnPart, Fair::Otherwise(value)) => why.with(show(value)),
        _ => why,
    }
}

/// What stands before a limit, by the name in results of its good side ([`good_key`]).
pub(super) fn sign(good: &str) -> &'static str {
    match good {
        "at-least" => "≥",
        "below" => "<",
        _ => "≤",
    }
}

/// A value of a measure, as each language counts it: see [`with_unit`].
pub(super) fn counted(measure: &str, unit: &str, value: f64) -> Arg {
    match unit {
        "sessions" if !measures::is_share(measure) => Reason::Sessions.with(numbers::plain(value)).into(),
        _ => with_unit(measure, unit, value).into(),
    }
}

/// A value of a measure in words: shares in per cent, the rest with the criterion's unit.
pub(super) fn with_unit(measure: &str, unit: &str, value: f64) -> String {
    if measures::is_share(measure) {
        return numbers::percent(value);
    }
    // A count of whole things has no decimals; a latency keeps its three digits.
    let figure = if unit == "ms" { numbers::figure(value) } else { numbers::plain(value) };
    match unit {
        "" => figure,
        "B" => numbers::bytes(value.max(0.0) as u64),
        unit if unit.starts_with("B/") => {
            let sign = if value < 0.0 { "-" } else { "" };
            format!("{sign}{}{}", numbers::bytes(value.abs() as u64), &unit[1..])
        }
        unit if unit.starts_with('/') => format!("{figure}{unit}"),
        unit => format!("{figure} {unit}"),
    }
}

fn decide(result: &RunResult, grounds: &Grounds) -> (Verdict, Vec<Sentence>) {
    let failed = |stands: bool| {
        let failed = |one: &&CriterionResult| one.outcome == Outcome::Fail && one.stands == stands;
        let sentence = |one: &CriterionResult| {
            let name = Reason::Criterion.with(one.name.as_str());
            Reason::CriterionFailed.with(name).with(one.why.clone())
        };
        result.criteria.iter().filter(failed).map(sentence).collect::<Vec<_>>()
    };
    let (certain, doubtful) = (failed(true), failed(false));
    let aborted = grounds.aborted.iter().cloned();
    let unfit: Vec<_> = gone_early(result).into_iter().chain(aborted).chain(unfit(result, grounds)).collect();
    if !grounds.broken.is_empty() {
        return (Verdict::Inconclusive, [grounds.broken.clone(), certain, doubtful].concat());
    }
    if !certain.is_empty() {
        return (Verdict::Fail, [certain, doubtful, unfit].concat());
    }
    if !unfit.is_empty() || !doubtful.is_empty() {
        return (Verdict::Inconclusive, [unfit, doubtful].concat());
    }
    let measured = result.criteria.iter().any(|one| one.outcome != Outcome::NotMeasured);
    if result.criteria.is_empty() {
        return (Verdict::Inconclusive, vec![Reason::NoCriteria.into()]);
    }
    if !measured {
        return (Verdict::Inconclusive, vec![Reason::NoneMeasured.into()]);
    }
    let unmeasured = if grounds.requires_all { unmeasured(result) } else { Vec::new() };
    match unmeasured.is_empty() {
        true => (Verdict::Pass, passed(result)),
        false => (Verdict::Inconclusive, unmeasured),
    }
}

/// Returns which criteria were not measured, and why.
fn unmeasured(result: &RunResult) -> Vec<Sentence> {
    let mut groups = alike(&result.criteria);
    // What most of them lack is said first.
    groups.sort_by_key(|group| Reverse(group.len()));
    let sentence = |group: &Vec<&CriterionResult>| match group[..] {
        [one] => {
            let name = Reason::Criterion.with(one.name.as_str());
            Reason::RequiredUnmeasured.with(name).with(one.why.clone())
        }
        _ => Reason::AllRequiredUnmeasured.with(group.len().to_string()).with(group[0].why.clone()),
    };
    groups.iter().filter(|group| group[0].outcome == Outcome::NotMeasured).map(sentence).collect()
}

/// Returns why the load generator's part makes the run inconclusive; empty if it does not.
fn unfit(result: &RunResult, grounds: &Grounds) -> Vec<Sentence> {
    let mut reasons = Vec::new();
    // Nobody is to arrive where a level is held that was there before.
    if result.sessions.started == 0 && result.sessions.planned > 0 {
        reasons.push(Reason::NoSessionStarted.into());
        return reasons;
    }
    let (started, planned) = (result.sessions.started, result.sessions.planned);
    if (started as f64) < ARRIVALS_SHARE_MIN * planned as f64 {
        let (started, planned) = (numbers::grouped(started), numbers::grouped(planned));
        reasons.push(Reason::FewStarted.with(started).with(planned));
    }
    if let Some(share) = result.arrivals.achieved_share
        && share < ARRIVALS_SHARE_MIN
    {
        reasons.push(Reason::SlowArrivals.with(numbers::percent(share)));
    }
    if grounds.excuses.lagging {
        let lag = numbers::figure(result.generator.lag_p99_ms.unwrap_or_default());
        let limit = numbers::figure(result.generator.lag_limit_ms.unwrap_or_default());
        let whose = if grounds.is_lag_limit_given { Reason::LagLimitGiven } else { Reason::LagLimitDefault };
        reasons.push(Reason::Overloaded.with(lag).with(limit).with(whose));
    }
    reasons
}

/// Says that the hold ended before its time, since no session was left.
fn gone_early(result: &RunResult) -> Option<Sentence> {
    let (held, planned) = (result.hold.seconds, result.hold.planned_seconds);
    let SessionsResult { established, finished, .. } = result.sessions;
    // A run whose sessions have all finished has nothing left to hold.
    let is_early = result.ending == "finished" && established > 0 && finished == 0 && held + 1.0 < planned;
    is_early.then(|| Reason::HoldEndedEarly.with(format!("{held:.1}")).with(format!("{planned:.0}")))
}

fn passed(result: &RunResult) -> Vec<Sentence> {
    let count = |wanted: Outcome| result.criteria.iter().filter(|one| one.outcome == wanted).count();
    let (warned, skipped) = (count(Outcome::Warn), count(Outcome::NotMeasured));
    let met = match result.criteria.len() - skipped {
        1 => Reason::OneMet.into(),
        judged => Reason::AllMet.with(judged.to_string()),
    };
    let warning = match warned {
        0 => None,
        1 => Some(Reason::OneWarned.into()),
        warned => Some(Reason::SomeWarned.with(warned.to_string())),
    };
    let all = result.criteria.len();
    let watched =
        result.criteria.iter().filter(|one| one.is_watched() && one.outcome == Outcome::NotMeasured);
    let unseen = match watched.count() {
        0 => None,
        watched => {
            let (skipped, all) = (skipped.to_string(), all.to_string());
            Some(Reason::ServersUnmeasured.with(skipped).with(all).with(watched.to_string()))
        }
    };
    [Some(met), warning, unseen].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::Lang;

    #[test]
    fn sessions_are_counted_in_each_language() {
        let limit = counted("sessions.min_in_hold", "sessions", 4_000.0);
        assert_eq!(
            (limit.text(Lang::En).as_str(), limit.text(Lang::Ko).as_str()),
            ("4,000 sessions", "4,000개")
        );
        assert_eq!(counted("steps.open.p95_ms", "ms", 12.0).text(Lang::Ko), "12.0 ms");
    }
}
