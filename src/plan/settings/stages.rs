//! Stages as settings have them, and the shape that they make.
//!
//! Invariant: a plan without stages has those of its ramp and its hold.

use super::{PlanError, Settings};
use crate::nearest;
use crate::plan::shape::{Shape, Stage};
use crate::scenario::{Scenario, criteria};

/// Members of the mock server's that come one after another, where sessions do.
const MEMBERS_MADE_MAX: u64 = 100_000;

impl Settings {
    /// Returns when sessions come and go.
    pub fn shape(&self) -> Shape {
        let members = match self.is_staged() {
            true => self.members.len() as u32,
            false => self.sessions,
        };
        let shape = Shape::new(self.all_stages(), members, self.seed);
        match &self.lifetime {
            Some(lifetime) => shape.living(lifetime.clone()),
            None => shape,
        }
    }

    /// Returns whether stages, or a lifetime, were asked for.
    pub fn is_staged(&self) -> bool {
        !self.stages.is_empty() || self.lifetime.is_some()
    }

    /// Returns the stages asked for, or the ramp and the hold as two, each with a name.
    fn all_stages(&self) -> Vec<Stage> {
        if self.stages.is_empty() {
            let stage = |name: &str, span| Stage { name: name.to_owned(), span, level: self.sessions };
            return vec![stage("ramp", self.ramp), stage("hold", self.hold)];
        }
        let named = |(k, stage): (usize, &Stage)| match stage.name.is_empty() {
            true => Stage { name: (k + 1).to_string(), ..stage.clone() },
            false => stage.clone(),
        };
        self.stages.iter().enumerate().map(named).collect()
    }

    /// Returns how many members a run has use for: a fresh one for every session, up to a number that the mock
    /// server has room for.
    pub fn members_wanted(&self) -> u32 {
        match self.is_staged() {
            true => self.shape().of_members(u32::MAX).members_wanted().min(MEMBERS_MADE_MAX) as u32,
            false => self.sessions,
        }
        .max(self.sessions)
    }

    /// Takes the figures of the stages that other settings have to agree with.
    pub fn settle_stages(&mut self) {
        if self.stages.is_empty() {
            return;
        }
        let shape = Shape::new(self.all_stages(), u32::MAX, self.seed);
        self.sessions = shape.slots();
        let last = if self.lifetime.is_some() { shape.span() } else { shape.last_arrival() };
        (self.ramp, self.hold) = (last, shape.span() - last);
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
