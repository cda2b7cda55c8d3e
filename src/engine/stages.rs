//! What the control thread keeps of each stage of a run: what happened in it, and how well it held.
//!
//! Knows no worker. Invariant: what a worker records lies in one stage, since it hands over at the instants
//! at which stages begin.

use std::sync::Arc;
use std::time::Duration;

use crate::measure::ledger::LedgerTotals;
use crate::measure::membership::MembershipTotals;
use crate::measure::pauses::Pauses;
use crate::measure::{Interval, Layout, Totals};
use crate::plan::{Plan, Shape};

/// A stage so far.
#[derive(Debug)]
pub struct StageReading {
    /// Everything recorded in it.
    pub totals: Arc<Totals>,
    /// The least number of sessions that were held at one instant, those included that were being set up;
    /// `None` where it does not hold a level, or has not begun.
    pub min_held: Option<u32>,
    /// When it began, since the run's start.
    pub began: Duration,
    /// How long it has gone on, pauses included.
    pub took: Duration,
    /// Pairs of the sessions that were open at its end, where it is a search's hold.
    pub ledger: Option<LedgerTotals>,
    /// Who was announced as gone by then, and who was not.
    pub membership: Option<MembershipTotals>,
}

/// The stages of a run that has some of its own.
#[derive(Debug)]
pub(super) struct Stages {
    layout: Option<Layout>,
    all: Vec<StageReading>,
}

impl Stages {
    pub(super) fn new(plan: &Plan, layout: &Layout) -> Self {
        let mut stages = Self { layout: plan.is_staged().then(|| layout.clone()), all: Vec::new() };
        stages.grow(&plan.shape);
        stages
    }

    /// Makes room for the stages that have come to be known.
    pub(super) fn grow(&mut self, shape: &Shape) {
        let Some(layout) = &self.layout else { return };
        let fresh = || StageReading {
            totals: Arc::new(Totals::new(layout)),
            min_held: None,
            began: Duration::ZERO,
            took: Duration::ZERO,
            ledger: None,
            membership: None,
        };
        self.all.resize_with(shape.stages().len(), fresh);
    }

    /// Adds what a worker recorded before accounts closed.
    pub(super) fn add(&mut self, interval: &Interval) {
        if let Some(stage) = self.all.get_mut(interval.stage()) {
            // Whoever read it before the run was over has let go of it.
            if let Some(totals) = Arc::get_mut(&mut stage.totals) {
                totals.add(interval);
            }
        }
    }

    /// Notes how many sessions are held at this instant of the run.
    pub(super) fn look(&mut self, shape: &Shape, (at, pauses): (Duration, &Pauses), held: u32) {
        let stage = shape.stage_at(pauses.planned(at));
        if stage >= self.all.len() {
            return;
        }
        let mut planned = Duration::ZERO;
        for (it, stage) in self.all[..=stage].iter_mut().zip(shape.stages()) {
            it.began = pauses.happens(planned);
            planned += stage.span;
            it.took = pauses.happens(planned).min(at).saturating_sub(it.began);
        }
        let reading = &mut self.all[stage];
        if shape.is_flat(stage) {
            reading.min_held = Some(reading.min_held.map_or(held, |least| least.min(held)));
        }
    }

    /// Takes what came of the pairs at a stage's end.
    pub(super) fn judge_pairs(
        &mut self,
        stage: usize,
        totals: LedgerTotals,
        membership: Option<MembershipTotals>,
    ) {
        if let Some(stage) = self.all.get_mut(stage) {
            (stage.ledger, stage.membership) = (Some(totals), membership);
        }
    }

    pub(super) fn readings(&self) -> &[StageReading] {
        &self.all
    }

    pub(super) fn into_readings(self) -> Vec<StageReading> {
        self.all
    }
}
