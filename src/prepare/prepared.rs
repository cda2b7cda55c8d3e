//! Everything that asking a target takes.
//!
//! Opens nothing. Invariant: the plan has been checked.

use anyhow::{Result, anyhow};

use crate::engine::Hosts;
use crate::lookup::agent;
use crate::plan::Plan;
use crate::scenario::schedule::Schedule;

/// Everything that asking a target takes.
#[derive(Debug)]
pub struct Prepared {
    /// The plan that the options make.
    pub plan: Plan,
    /// The hosts of the plan.
    pub hosts: Hosts,
}

impl Prepared {
    /// A client for the few requests around the load.
    pub fn agent(&self) -> ureq::Agent {
        agent::new(&self.plan, self.hosts.trust.as_ref())
    }

    /// How the scenario logs in and looks up.
    ///
    /// # Errors
    /// It does not say.
    pub fn schedule(&self) -> Result<&Schedule> {
        self.plan.scenario.schedule.as_ref().ok_or_else(|| {
            anyhow!(
                "the scenario \"{}\" has no [schedule], which says how a member logs in and looks up",
                self.plan.scenario.name
            )
        })
    }
}
