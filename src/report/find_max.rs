//! The search for the most sessions that hold: each step judged by the scenario's criteria, and what was found.
//!
//! Which level comes next says [`crate::plan::search`]. Invariant: a step is judged once, by what was
//! recorded while its sessions arrived and its level was held; what was decided by that is what is shown.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::stages::{Measured, Part, held_alone};
use super::verdict::{self, Grounds};
use super::{
    CriterionResult, Facts, LedgerResult, MembershipResult, Outcome, RunResult, StageFacts, Verdict, watched,
};
use crate::lang::{Reason, Sentence};
use crate::measure::Totals;
use crate::numbers;
use crate::plan::search::{Bound, Held, Search, StepStages, Tried};
use crate::plan::{Plan, search};

/// The measures that are of the search itself.
pub(super) const OWN_MEASURES: &str = "find_max.";

/// What is known of a step while it goes on.
#[derive(Clone, Debug, Default)]
pub struct StepFacts {
    /// Criteria that fail, and since when, from the step's beginning.
    pub failing: BTreeMap<String, Duration>,
    /// Why its hold was ended early.
    pub cut: Option<Sentence>,
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindMaxResult {
    /// The most sessions that held; `null`: not even the first step did.
    pub sessions: Option<u64>,
    /// They held a second time, or are as many as the plan has.
    pub confirmed: bool,
    /// What ended the search: `servers`, `sessions` (of the plan), `generator`, `unmeasured`, or
    /// `unfinished`.
    pub bound: Bound,
    /// Sessions that each step adds.
    pub step: u64,
    /// What failed first at the lowest level that did not hold; `null` if none failed.
    pub broke: Option<BrokeResult>,
    /// The levels tried, in their order.
    pub steps: Vec<FindMaxStep>,
}

/// The criterion that failed first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrokeResult {
    /// The level.
    pub level: u64,
    /// The criterion's name; empty: a rule of the plan ended the step.
    pub criterion: String,
    /// Into the step; `null` if it was seen at its end alone.
    pub after_seconds: Option<f64>,
    /// Since the run began.
    pub at_seconds: f64,
    /// How it failed, in words.
    #[serde(flatten, with = "crate::lang::sentence::why")]
    pub why: Sentence,
}

/// A level that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindMaxStep {
    /// Sessions that were to be open.
    pub level: u64,
    /// When its first arrival was due, or its hold began, since the run began.
    pub from_seconds: f64,
    /// How long its level was held.
    pub held_seconds: f64,
    /// The least number of sessions held at one instant of that.
    pub min_held: Option<u64>,
    /// Sessions held while it was judged.
    pub left: u64,
    /// What came of it: `held`, `failed`, `unclear`, or `unmeasured`.
    pub outcome: Held,
    /// Each criterion, by this step alone.
    pub criteria: Vec<CriterionResult>,
    /// What failed first; `null` if nothing failed.
    pub first: Option<BrokeResult>,
    /// Why it came out so, weightiest first.
    #[serde(flatten, with = "crate::lang::sentence::reasons")]
    pub reasons: Vec<Sentence>,
}

/// Returns what was measured in a step so far, judged by itself.
pub(super) fn judged(
    step: &StepStages,
    stages: &[StageFacts],
    (facts, plan): (&Facts, &Plan),
    measured: Measured,
) -> RunResult {
    let hold = &stages[step.hold];
    let mut totals = Totals::new(hold.totals.layout());
    step.rise.into_iter().for_each(|rise| totals.merge(&stages[rise].totals));
    totals.merge(&hold.totals);
    // Who arrives in the step is judged by the step's arrivals, who is held by its level.
    let part = Part { took: hold.took, min_held: hold.min_held, level: step.arrivals.into() };
    let mut result = part.measured(&totals, (facts, plan), measured);
    result.ledger = hold.ledger.as_ref().map(LedgerResult::new);
    result.membership = hold.membership.as_ref().map(MembershipResult::new);
    let planned = &plan.shape.stages()[step.hold];
    result.hold.planned_seconds = numbers::seconds(planned.span);
    result.stages = vec![held_alone(planned, hold)];
    let (tally, limit) = (totals.tally(), result.generator.lag_limit_ms);
    let lagging = limit.zip(result.generator.lag_p99_ms).is_some_and(|(limit, lag)| lag > limit);
    let grounds = Grounds {
        excuses: verdict::excuses(tally, lagging),
        held: (planned.level, planned.span),
        is_lag_limit_given: plan.settings.lag_limit.is_some(),
        ..Grounds::default()
    };
    let of_run = |name: &str| name.starts_with(OWN_MEASURES);
    let criteria: Vec<_> = plan.scenario.criteria.iter().filter(|it| !of_run(&it.measure)).cloned().collect();
    let watched = facts.watch_in_step.as_ref().map(watched::criteria).unwrap_or_default();
    verdict::judge(&mut result, &criteria, watched, &grounds);
    for criterion in &mut result.criteria {
        let is_of_the_run = match criterion.why.key {
            Reason::NoRate | Reason::NoRateOfStages => true,
            Reason::NoLedger => plan.expects_broadcasts(),
            _ => false,
        };
        if is_of_the_run {
            criterion.why = Reason::NotOfAStep.into();
        }
    }
    result
}

impl FindMaxStep {
    /// Of a step that is over, with what was measured and judged of it; `known`: what was seen on the way.
    pub fn new(step: &StepStages, stages: &[StageFacts], known: &StepFacts, result: RunResult) -> Self {
        let from = stages[step.rise.unwrap_or(step.hold)].began;
        let outcome = match result.verdict {
            _ if known.cut.is_some() => Held::Failed,
            Verdict::Pass => Held::Held,
            Verdict::Fail => Held::Failed,
            Verdict::Inconclusive if result.reasons.iter().any(|it| it.key == Reason::NoneMeasured) => {
                Held::Unmeasured
            }
            Verdict::Inconclusive => Held::Unclear,
        };
        let broke = |criterion: &str, after: Option<Duration>, why: &Sentence| BrokeResult {
            level: step.level.into(),
            criterion: criterion.to_owned(),
            after_seconds: after.map(numbers::seconds),
            at_seconds: numbers::seconds(from + after.unwrap_or_default()),
            why: why.clone(),
        };
        let failed = result.criteria.iter().filter(|it| it.outcome == Outcome::Fail && it.stands);
        let since = |it: &&CriterionResult| known.failing.get(&it.name).copied();
        let first = failed.min_by_key(|it| since(it).unwrap_or(Duration::MAX));
        let first = first.map(|it| broke(&it.name, since(&it), &it.why));
        let first = first.or_else(|| known.cut.as_ref().map(|why| broke("", None, why)));
        let cut = known.cut.iter().map(|why| Reason::Aborted.with(why.clone()));
        Self {
            level: step.level.into(),
            from_seconds: numbers::seconds(from),
            held_seconds: numbers::seconds(stages[step.hold].took),
            min_held: stages[step.hold].min_held,
            left: stages.get(step.hold + 1).and_then(|judging| judging.min_held).unwrap_or(0),
            outcome,
            first: first.filter(|_| outcome == Held::Failed),
            reasons: cut.chain(result.reasons).collect(),
            criteria: result.criteria,
        }
    }

    /// What the search goes by.
    pub fn tried(&self) -> Tried {
        Tried { level: self.level as u32, outcome: self.outcome, left: self.left as u32 }
    }
}

/// Judges the steps of a run whose stages were known from the start.
pub(super) fn steps(facts: &Facts, plan: &Plan, measured: Measured) -> Vec<FindMaxStep> {
    let stages = &facts.stages;
    // A hold that was cut short shows nothing.
    let is_over =
        |step: &StepStages| stages.get(step.hold + 1).is_some_and(|judging| !judging.took.is_zero());
    let judge = |step: StepStages| {
        let result = judged(&step, stages, (facts, plan), measured);
        FindMaxStep::new(&step, stages, &StepFacts::default(), result)
    };
    search::steps_of(plan.shape.stages()).into_iter().filter(is_over).map(judge).collect()
}

impl FindMaxResult {
    /// What these steps have found.
    pub(super) fn new(search: &Search, steps: Vec<FindMaxStep>) -> Self {
        let tried: Vec<Tried> = steps.iter().map(FindMaxStep::tried).collect();
        let found = search.found(&tried);
        let at_ceiling = |step: &&FindMaxStep| {
            step.outcome == Held::Failed && found.ceiling.is_some_and(|it| u64::from(it) == step.level)
        };
        Self {
            sessions: found.sessions.map(u64::from),
            confirmed: found.is_confirmed,
            bound: found.bound,
            step: search.steps.step.into(),
            broke: steps.iter().find(at_ceiling).and_then(|step| step.first.clone()),
            steps,
        }
    }

    /// The step by which the run is judged: the one at the level that was found in which most was measured,
    /// else the last.
    fn deciding(&self) -> Option<&FindMaxStep> {
        let held = |step: &&FindMaxStep| step.outcome == Held::Held && Some(step.level) == self.sessions;
        let measured = |step: &&FindMaxStep| step.criteria.iter().filter(|it| it.measured.is_some()).count();
        self.steps.iter().filter(held).max_by_key(measured).or(self.steps.last())
    }

    /// Why the verdict is what it is, weightiest first.
    fn reasons(&self) -> Vec<Sentence> {
        let count = |count: u64| numbers::grouped(count);
        let last = self.steps.last();
        let mut reasons = Vec::new();
        match (self.sessions, self.bound) {
            (Some(sessions), Bound::Sessions) => reasons.push(Reason::MaxAll.with(count(sessions))),
            (Some(sessions), Bound::Generator) => {
                let level = last.map_or(0, |step| step.level);
                reasons.push(Reason::MaxGenerator.with(count(level)).with(count(sessions)));
            }
            (_, Bound::Unmeasured) => {
                reasons.push(Reason::MaxUnmeasured.with(count(last.map_or(0, |step| step.level))));
            }
            (None, Bound::Generator) => reasons.push(Reason::MaxUnjudged.into()),
            (Some(sessions), _) if self.confirmed => reasons.push(Reason::MaxFound.with(count(sessions))),
            (Some(sessions), Bound::Servers) => reasons.push(Reason::MaxUnconfirmed.with(count(sessions))),
            (Some(sessions), _) => reasons.push(Reason::MaxSoFar.with(count(sessions))),
            (None, _) => reasons.push(Reason::MaxNone.into()),
        }
        if self.bound == Bound::Generator {
            reasons.extend(last.into_iter().flat_map(|step| step.reasons.iter().cloned()));
        }
        reasons.extend(self.broke.as_ref().map(BrokeResult::sentence));
        reasons
    }
}

impl BrokeResult {
    /// In a sentence.
    pub fn sentence(&self) -> Sentence {
        let level = numbers::grouped(self.level);
        match (self.criterion.as_str(), self.after_seconds) {
            ("", _) => Reason::MaxAborted.with(level).with(self.why.clone()),
            (name, after) => {
                let key = if after.is_some() { Reason::MaxBroke } else { Reason::MaxBrokeAtEnd };
                let name = Reason::Criterion.with(name);
                let said = key.with(level).with(name).with(self.why.clone());
                after.into_iter().fold(said, |said, after| said.with(format!("{after:.0}")))
            }
        }
    }
}

/// Gives a search its verdict: by the criteria at what it found, and by those of the search itself.
pub(super) fn judge(result: &mut RunResult, plan: &Plan, watched: Vec<CriterionResult>, grounds: &Grounds) {
    let Some(found) = result.find_max.clone() else { return };
    verdict::judge(result, &plan.scenario.criteria, watched, grounds);
    let deciding = found.deciding();
    let mut own_failed = Vec::new();
    for criterion in &mut result.criteria {
        let of_step = || deciding.and_then(|step| step.criteria.iter().find(|it| it.name == criterion.name));
        match of_step() {
            _ if criterion.measure.starts_with(OWN_MEASURES) => {
                let sentence = || {
                    let name = Reason::Criterion.with(criterion.name.as_str());
                    Reason::CriterionFailed.with(name).with(criterion.why.clone())
                };
                own_failed.extend((criterion.outcome == Outcome::Fail).then(sentence));
            }
            Some(judged) => *criterion = judged.clone(),
            None => {}
        }
    }
    result.verdict = match found.bound {
        _ if !grounds.broken.is_empty() || found.steps.is_empty() => Verdict::Inconclusive,
        Bound::Generator | Bound::Unfinished | Bound::Unmeasured => Verdict::Inconclusive,
        Bound::Servers if found.sessions.is_none() => Verdict::Fail,
        Bound::Servers if !found.confirmed => Verdict::Inconclusive,
        Bound::Servers | Bound::Sessions if !own_failed.is_empty() => Verdict::Fail,
        Bound::Servers | Bound::Sessions => Verdict::Pass,
    };
    let goals = own_failed.into_iter().filter(|_| result.verdict == Verdict::Fail);
    result.reasons = grounds.broken.iter().cloned().chain(goals).chain(found.reasons()).collect();
    result.exit_status = result.verdict.exit_status();
}

#[cfg(test)]
mod tests;
