//! The course of a search: each step is judged as it ends, and the next one follows from that.
//!
//! Which level that is says [`crate::plan::search`], what came of one [`crate::report`]. Invariant: no file, no
//! terminal and no socket is touched.

use std::cell::RefCell;
use std::time::Duration;

use super::abort::{Abort, Measures};
use crate::engine::{Course, Second, StageReading};
use crate::lang::Sentence;
use crate::plan::search::{Search, StepStages, steps_of};
use crate::plan::settings::RUN_MAX;
use crate::plan::shape::{Shape, Stage};
use crate::plan::{Plan, Settings};
use crate::report::{self, Ending, Facts, FindMaxStep, Outcome, Phase, RunResult, StageFacts, StepFacts};

/// See the module's documentation.
pub struct Searching {
    search: Search,
    state: RefCell<State>,
}

struct State {
    /// The plan as far as it is decided.
    plan: Plan,
    /// What is known besides, as of the last second.
    facts: Option<Facts>,
    /// The steps that are over.
    steps: Vec<FindMaxStep>,
    /// The one under way, …
    now: StepFacts,
    /// … whether it has begun, and whether that is news.
    has_begun: bool,
    is_news: bool,
    abort: Abort,
    /// Why the whole run is to end.
    stopped: Option<Ending>,
}

impl Searching {
    /// The search that a plan is; `None` of one that is none, or whose stages are decided.
    pub fn of(plan: &Plan) -> Option<Self> {
        let search = plan.search().filter(|_| plan.settings.stages.is_empty())?;
        let state = State {
            facts: None,
            steps: Vec::new(),
            now: StepFacts::default(),
            has_begun: false,
            is_news: false,
            abort: Abort::new(&plan.settings.abort_on),
            stopped: None,
            plan: plan.clone(),
        };
        Some(Self { search, state: RefCell::new(state) })
    }

    /// Looks at a second; `result` is the run's so far, with what else is known of it.
    pub fn look(&self, second: &Second<'_>, result: &RunResult, facts: &Facts, measures: Measures<'_>) {
        let state = &mut *self.state.borrow_mut();
        state.facts = Some(facts.clone());
        let Some(step) = steps_of(state.plan.shape.stages()).get(state.steps.len()).copied() else { return };
        let began = state.plan.shape.stage_start(step.rise.unwrap_or(step.hold));
        // Before that, sessions of the step that failed are closed.
        let at = second.pauses.planned(second.elapsed);
        if second.phase == Phase::RampDown || at < began {
            state.abort = Abort::new(&state.plan.settings.abort_on).since(second);
            return;
        }
        state.is_news |= !std::mem::replace(&mut state.has_begun, true);
        state.look_at_criteria(&step, second, at.saturating_sub(began));
        state.abort.look(second, result, measures);
        match state.abort.found() {
            Some(Ending::Aborted(why)) => state.now.cut = Some(why.clone()),
            Some(ending) => state.stopped = Some(ending.clone()),
            None => {}
        }
    }

    /// Whether a step has begun since this was last asked.
    pub fn begins(&self) -> bool {
        std::mem::take(&mut self.state.borrow_mut().is_news)
    }

    /// Why the whole run is to end early, if it is.
    pub fn reason(&self) -> Option<Sentence> {
        match &self.state.borrow().stopped {
            Some(Ending::Stopped(why)) => Some(why.clone()),
            _ => None,
        }
    }

    /// The settings as they are decided, the steps that are over, and how the run was ended if it was.
    pub fn decided(&self) -> (Settings, Vec<FindMaxStep>, Option<Ending>) {
        let state = self.state.borrow();
        (state.plan.settings.clone(), state.steps.clone(), state.stopped.clone())
    }
}

impl State {
    /// Notes since when criteria fail.
    fn look_at_criteria(&mut self, step: &StepStages, second: &Second<'_>, at: Duration) {
        let Some(facts) = &self.facts else { return };
        let stages: Vec<StageFacts> = second.stages.iter().map(stage_facts).collect();
        let is_over = stages.get(step.hold + 1).is_some_and(|judging| !judging.took.is_zero());
        if is_over || step.hold >= stages.len() {
            return;
        }
        for criterion in report::judged_step(step, &stages, (facts, &self.plan)).criteria {
            if criterion.outcome == Outcome::Fail && criterion.stands {
                self.now.failing.entry(criterion.name).or_insert(at);
            } else {
                self.now.failing.remove(&criterion.name);
            }
        }
    }

    fn plan_is(&mut self, stages: Vec<Stage>) {
        let settings = Settings { stages, ..self.plan.settings.clone() };
        self.plan = self.plan.clone().with_settings(settings);
    }
}

impl Course for Searching {
    fn is_decided(&self) -> bool {
        self.state.borrow().now.cut.is_some()
    }

    fn next(&self, so_far: &[StageReading], shape: &Shape) -> Vec<Stage> {
        let state = &mut *self.state.borrow_mut();
        let played = shape.stages().to_vec();
        state.plan_is(played.clone());
        let step = steps_of(&played).get(state.steps.len()).copied();
        let Some((step, facts)) = step.zip(state.facts.as_ref()) else { return Vec::new() };
        let stages: Vec<StageFacts> = so_far.iter().map(stage_facts).collect();
        let result = report::judged_step(&step, &stages, (facts, &state.plan));
        state.steps.push(FindMaxStep::new(&step, &stages, &state.now, result));
        state.now = StepFacts::default();
        state.has_begun = false;
        let tried: Vec<_> = state.steps.iter().map(FindMaxStep::tried).collect();
        let Some(next) = self.search.next(&tried) else { return Vec::new() };
        let next = self.search.stages(tried.len() + 1, next, step.level);
        let all: Vec<Stage> = played.into_iter().chain(next.iter().cloned()).collect();
        if all.iter().map(|stage| stage.span).sum::<Duration>() > RUN_MAX {
            return Vec::new();
        }
        state.plan_is(all);
        next
    }
}

/// What is known of a stage.
pub(super) fn stage_facts(reading: &StageReading) -> StageFacts {
    StageFacts {
        totals: std::sync::Arc::clone(&reading.totals),
        began: reading.began,
        took: reading.took,
        min_held: reading.min_held.map(u64::from),
        ledger: reading.ledger.clone(),
        membership: reading.membership.clone(),
    }
}
