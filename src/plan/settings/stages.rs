//! Stages as settings have them, and the shape that they make.
//!
//! Invariant: a plan without stages has those of its ramp and its hold.

use std::time::Duration;

use startline_os::units::{duration_text, grouped};

use super::{PlanError, Settings};
use crate::nearest;
use crate::plan::search::{JUDGING, Search};
use crate::plan::shape::{Shape, Stage};
use crate::scenario::{Scenario, criteria};

/// The shortest hold of a step: a look every 50 ms, and what workers hand over in time.
const HOLD_MIN: Duration = Duration::from_secs(2);
/// Members of the mock server's that come one after another, where sessions do.
const MEMBERS_MADE_MAX: u64 = 100_000;

/// Sessions of a worker that can come back: its timers' owners have 21 bits for a session and 5 for
/// which of its connections it is. Half of them are left for rows that rest.
const RETURNING_MAX: u32 = 1 << 20;

impl Settings {
    /// Returns when sessions come and go: of a shard, its own.
    pub fn shape(&self) -> Shape {
        let whole = self.whole_shape();
        let Some(shard) = self.shard else { return whole };
        let members = shard.members(whole.members(), whole.slots()).len() as u32;
        whole.shared(shard.share(), members)
    }

    /// Returns the same of all shards together.
    pub(super) fn whole_shape(&self) -> Shape {
        let members = match self.is_staged() {
            true => self.members_of_part().count() as u32,
            false => self.sessions,
        };
        let shape = Shape::new(self.all_stages(), members, self.seed);
        if self.find_max.is_some() {
            return shape.searching(self.sessions);
        }
        let shape = match self.part.as_ref().filter(|part| part.sessions > 0) {
            Some(part) => shape.shared(part.share(), members),
            None => shape,
        };
        match &self.lifetime {
            Some(lifetime) => shape.living(lifetime.clone()),
            None => shape,
        }
    }

    /// Returns the stages and the lifetime of a shape as options of [`tune`](crate::tune), where sessions come and
    /// go; `None` of a search, whose stages are many and not known.
    pub(crate) fn shape_options(&self, shape: &Shape) -> Option<String> {
        if !self.is_staged() || self.find_max.is_some() {
            return None;
        }
        let stage = |stage: &Stage| format!("--stage {}:{}", duration_text(stage.span), stage.level);
        let lifetime = self.lifetime.iter().map(|lifetime| format!("--lifetime {lifetime}"));
        Some(shape.stages().iter().map(stage).chain(lifetime).collect::<Vec<_>>().join(" "))
    }

    /// Returns whether stages, or a lifetime, were asked for.
    pub fn is_staged(&self) -> bool {
        !self.stages.is_empty() || self.lifetime.is_some() || self.find_max.is_some()
    }

    /// Returns the search for the most sessions that hold, if that is what is asked for.
    pub fn search(&self, scenario: &Scenario) -> Option<Search> {
        let steps = self.find_max?;
        Some(Search { steps, most: self.sessions, reentry: scenario.reentry })
    }

    /// Returns whether any member may take part more than once.
    pub(in crate::plan) fn may_return(&self, shape: &Shape, scenario: &Scenario) -> bool {
        match self.find_max {
            Some(_) => scenario.reentry,
            None => shape.returns(),
        }
    }

    /// Returns the stages asked for, or the ramp and the hold as two, each with a name.
    fn all_stages(&self) -> Vec<Stage> {
        if let Some(steps) = self.find_max.filter(|_| self.stages.is_empty()) {
            // Where it begins is the same whether or not members may enter again.
            let search = Search { steps, most: self.sessions, reentry: false };
            return search.next(&[]).map_or_else(Vec::new, |first| search.stages(1, first, 0));
        }
        if self.stages.is_empty() {
            let stage =
                |name: &str, span| Stage { name: name.to_owned(), span, level: self.sessions_of_whole() };
            return vec![stage("ramp", self.ramp), stage("hold", self.hold)];
        }
        let named = |(k, stage): (usize, &Stage)| match stage.name.is_empty() {
            true => Stage { name: (k + 1).to_string(), ..stage.clone() },
            false => stage.clone(),
        };
        self.stages.iter().enumerate().map(named).collect()
    }

    /// Returns the stages of the whole as far as they can be told: of a search, those in which nothing fails.
    pub fn planned_stages(&self) -> Vec<Stage> {
        self.climb().unwrap_or_else(|| self.all_stages())
    }

    /// Returns how many members a run has use for: a fresh one for every session, up to a number that the mock
    /// server has room for.
    pub fn members_wanted(&self) -> u32 {
        match self.is_staged() {
            true => self.whole_shape().of_members(u32::MAX).members_wanted().min(MEMBERS_MADE_MAX) as u32,
            false => self.sessions,
        }
        .max(self.sessions)
    }

    /// Takes the figures of the stages that other settings have to agree with.
    pub fn settle_stages(&mut self) {
        if let Some(steps) = self.find_max.filter(|_| self.stages.is_empty()) {
            // Every step, and the hold after that in which the best level is confirmed.
            self.ramp = steps.last_arrival(self.sessions);
            self.hold = steps.hold + steps.each() + JUDGING;
            return;
        }
        if self.stages.is_empty() {
            return;
        }
        let shape = Shape::new(self.all_stages(), u32::MAX, self.seed);
        // The most that a search was to try stays what it was, whatever its stages came to.
        if self.find_max.is_none() {
            self.sessions = shape.slots();
        }
        let last = if self.lifetime.is_some() { shape.span() } else { shape.last_arrival() };
        (self.ramp, self.hold) = (last, shape.span() - last);
    }

    /// Checks that a search has what it needs.
    pub(super) fn check_search(&self, scenario: &Scenario) -> Result<(), PlanError> {
        let Some(steps) = self.find_max else { return Ok(()) };
        let value = |what, reason: String| Err(PlanError::Value { what, reason });
        if scenario.websocket.is_none() || scenario.criteria.is_empty() {
            let lacking =
                if scenario.websocket.is_none() { "[websocket] to hold" } else { "[[criteria]] to fail" };
            let scenario = scenario.name.clone();
            return Err(PlanError::Lacking { asked: "--find-max", scenario, lacking });
        }
        if self.lifetime.is_some() {
            return value("find-max", "sessions stay in a search: leave out the lifetime".into());
        }
        if steps.step == 0 || steps.step > self.sessions {
            return value("step", format!("{} is not from 1 to the {} sessions", steps.step, self.sessions));
        }
        if steps.ramp.is_zero() || steps.hold < HOLD_MIN {
            return value("find-max", "each step has to have a --ramp, and a --hold of 2s or more".into());
        }
        Ok(())
    }

    /// Checks that connections are cut while there are some, and where nothing is searched.
    pub(super) fn check_drops(&self) -> Result<(), PlanError> {
        let value = |reason| Err(PlanError::Value { what: "drop", reason });
        let end = self.ramp.saturating_add(self.hold);
        match self.drops.iter().find(|drop| drop.at >= end) {
            _ if self.drops.is_empty() => Ok(()),
            _ if self.find_max.is_some() => value(
                "sessions that are cut count as held, which no search may find: leave out one of the two, \
                 a plan's drops with --drop off"
                    .into(),
            ),
            Some(late) => value(format!(
                "{late} would cut nobody: the hold ends {} after the start; give another --drop, or --drop off for none",
                duration_text(end)
            )),
            None => Ok(()),
        }
    }

    /// Checks that sessions that come back can be told apart from who they were.
    pub(super) fn check_rows(&self, scenario: &Scenario, workers: usize) -> Result<(), PlanError> {
        let most = RETURNING_MAX as usize * workers;
        if (self.sessions as usize) < most || (scenario.reconnect.is_none() && self.drops.is_empty()) {
            return Ok(());
        }
        let reason = format!(
            "{} sessions on {workers} workers are too many to reconnect: {} a worker at most",
            grouped(self.sessions.into()),
            grouped(RETURNING_MAX.into())
        );
        Err(PlanError::Value { what: "workers", reason })
    }

    /// Checks the stages, and that criteria name some that there are.
    pub(super) fn check_stages(&self, scenario: &Scenario) -> Result<(), PlanError> {
        let value = |what, reason| Err(PlanError::Value { what, reason });
        let names: Vec<String> = match self.is_staged() {
            true => self.all_stages().into_iter().map(|stage| stage.name).collect(),
            false => Vec::new(),
        };
        if let Some(twice) = names.iter().enumerate().find(|(k, name)| names[..*k].contains(name)) {
            return value("stage", format!("two of them are called \"{}\"", twice.1));
        }
        let steps = scenario.step_names();
        for criterion in &scenario.criteria {
            if let Some((stage, _)) = criteria::of_stage(&criterion.measure, &steps)
                && !names.iter().any(|name| name == stage)
            {
                let known: Vec<&str> = names.iter().map(String::as_str).collect();
                let hint = if known.is_empty() { String::new() } else { nearest::hint(stage, &known) };
                return value(
                    "stage",
                    format!(
                        "the criterion \"{}\" is of a stage \"{stage}\" that the plan does not have{hint}; --stage {stage}=TIME:SESSIONS makes one",
                        criterion.name
                    ),
                );
            }
        }
        Ok(())
    }
}
