//! The stages of a run that has some of its own, each with figures as the whole run has them.
//!
//! Computes nothing but by [`RunResult::build`]'s own parts, from what was recorded in the stage. Invariant:
//! what is counted in the stages adds up to the run's.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{EveryResult, Facts, Ordered, RunResult, StepResult};
use crate::lang::Reason;
use crate::measure::Totals;
use crate::measure::ledger::LedgerTotals;
use crate::measure::membership::MembershipTotals;
use crate::numbers;
use crate::plan::Plan;
use crate::plan::shape::Stage;

/// What is known of a stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageFacts {
    /// Everything recorded in it.
    pub totals: Arc<Totals>,
    /// When it began, since the run did.
    pub began: Duration,
    /// How long it went on.
    pub took: Duration,
    /// The least number of sessions held at one instant, where it holds a level.
    pub min_held: Option<u64>,
    /// Pairs of the sessions that were open at its end, where a search looked at them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerTotals>,
    /// Who was announced as gone by then, and who was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<MembershipTotals>,
}

impl StageFacts {
    /// The same with another shard's.
    pub(super) fn joined(self, other: &Self) -> Self {
        // A search has no shards.
        let Self { totals, began, took, min_held, ledger: _, membership: _ } = other;
        let mut both = Totals::new(self.totals.layout());
        both.merge(&self.totals);
        both.merge(totals);
        let least = self.min_held.zip(*min_held).map(|(own, other)| own + other);
        let (began, took) = (self.began.min(*began), self.took.max(*took));
        Self { totals: Arc::new(both), began, took, min_held: least, ledger: None, membership: None }
    }
}

/// A stage of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageResult {
    /// Its name in criteria.
    pub name: String,
    /// Sessions that were to be open at its end.
    pub level: u64,
    /// Whether it holds the level of the one before.
    pub holds: bool,
    /// When it began, since the run did.
    pub from_seconds: f64,
    /// How long it was to take.
    pub planned_seconds: f64,
    /// How long it took.
    pub seconds: f64,
    /// The least number of sessions held at one instant; `null` where the level moves.
    pub min_held: Option<u64>,
    /// Sessions that began in it.
    pub started: u64,
    /// Sessions that opened in it.
    pub established: u64,
    /// Sessions that failed in it.
    pub failed: u64,
    /// Failed over attempted, as of the whole run.
    pub error_rate: f64,
    /// Latencies and failures by step.
    pub steps: Ordered<StepResult>,
    /// Each periodic message's accounts.
    pub every: Ordered<EveryResult>,
    /// Everything else that a criterion can name.
    #[serde(skip)]
    pub whole: Option<Box<RunResult>>,
}

/// A part of a run: a stage, or its last seconds.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// How long it took.
    pub took: Duration,
    /// The least number of sessions held at one instant of it, where a level was held.
    pub min_held: Option<u64>,
    /// That level.
    pub level: u64,
}

impl Part {
    /// What was measured in it.
    pub(super) fn measured(
        self,
        totals: &Totals,
        (facts, plan): (&Facts, &Plan),
        measured: Measured,
    ) -> RunResult {
        let own = Facts {
            stages: Vec::new(),
            min_in_hold: self.min_held,
            hold_actual: self.took,
            ledger: None,
            membership: None,
            ramp_down: None,
            watch: None,
            ..facts.clone()
        };
        let mut whole = measured(totals, &own, plan);
        whole.sessions.planned = self.level;
        whole
    }
}

/// Why no rate of arrivals was measured.
pub(super) fn no_rate(result: &RunResult) -> Reason {
    if result.stages.is_empty() { Reason::NoRate } else { Reason::NoRateOfStages }
}

/// What makes a result without a verdict.
pub(super) type Measured = fn(&Totals, &Facts, &Plan) -> RunResult;

/// The stages' results; none of a plan without stages, or while the run goes on.
pub(super) fn results(facts: &Facts, plan: &Plan, measured: Measured) -> Vec<StageResult> {
    let one = |(k, stage)| result(k, stage, (facts, plan), measured);
    facts.stages.iter().enumerate().map(one).collect()
}

fn result(k: usize, stage: &StageFacts, (facts, plan): (&Facts, &Plan), measured: Measured) -> StageResult {
    let shape = &plan.shape;
    let planned = &shape.stages()[k];
    let part = Part { took: stage.took, min_held: stage.min_held, level: u64::from(planned.level) };
    let whole = part.measured(&stage.totals, (facts, plan), measured);
    let counts = &stage.totals.tally().counts;
    StageResult {
        name: planned.name.clone(),
        level: u64::from(planned.level),
        holds: shape.is_flat(k),
        from_seconds: numbers::seconds(stage.began),
        planned_seconds: numbers::seconds(planned.span),
        seconds: numbers::seconds(stage.took),
        min_held: stage.min_held,
        started: counts.started,
        established: counts.opened,
        failed: counts.failed,
        error_rate: whole.errors.rate,
        steps: whole.steps.clone(),
        every: whole.every.clone(),
        whole: Some(Box::new(whole)),
    }
}

/// How well a level was held, and nothing else.
pub(super) fn held_alone(planned: &Stage, stage: &StageFacts) -> StageResult {
    StageResult {
        name: planned.name.clone(),
        level: u64::from(planned.level),
        holds: true,
        from_seconds: 0.0,
        planned_seconds: numbers::seconds(planned.span),
        seconds: numbers::seconds(stage.took),
        min_held: stage.min_held,
        started: 0,
        established: 0,
        failed: 0,
        error_rate: 0.0,
        steps: Ordered(Vec::new()),
        every: Ordered(Vec::new()),
        whole: None,
    }
}

impl StageResult {
    /// Whether the run came to it before it ended.
    pub fn is_reached(&self) -> bool {
        self.seconds > 0.0 || self.planned_seconds <= 0.0
    }

    /// The least share of its level that was held.
    pub fn held_share(&self) -> Option<f64> {
        self.min_held.map(|held| held as f64 / self.level.max(1) as f64)
    }
}
