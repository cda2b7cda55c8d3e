//! What is done about places: they are taken, or given up. Its words.
//!
//! Knows no server. Invariant: every outcome has words that make sense after a number.

use anyhow::{Result, anyhow};

use crate::prepare::places::Outcome;
use crate::scenario::Scenario;
use crate::scenario::places::Place;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Join,
    Leave,
}

impl Step {
    /// As it is typed.
    pub fn key(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Leave => "leave",
        }
    }

    /// The request that does it.
    ///
    /// # Errors
    /// The scenario does not say how.
    pub fn of(self, scenario: &Scenario) -> Result<&Place> {
        let place = match self {
            Self::Join => &scenario.join,
            Self::Leave => &scenario.leave,
        };
        let key = self.key();
        place
            .as_ref()
            .ok_or_else(|| anyhow!("the scenario \"{}\" has no [{key}], which says how", scenario.name))
    }

    /// How a member stands whose answer could mean either, once the list of participants has told.
    pub fn by_the_list(self, is_in: bool) -> Outcome {
        match (self, is_in) {
            (Self::Join, true) | (Self::Leave, false) => Outcome::Already,
            (Self::Join, false) => Outcome::Elsewhere,
            (Self::Leave, true) => Outcome::Refused,
        }
    }

    /// What goes on.
    pub fn going_on(self) -> &'static str {
        match self {
            Self::Join => "joining",
            Self::Leave => "leaving",
        }
    }

    /// How an outcome is told.
    pub fn words(self, outcome: Outcome) -> &'static str {
        match (self, outcome) {
            (Self::Join, Outcome::Done) => "joined",
            (Self::Leave, Outcome::Done) => "left",
            (Self::Join, Outcome::Already) => "in it already",
            (Self::Leave, Outcome::Already) => "not in it",
            (_, Outcome::Elsewhere) => "in another at that time",
            (_, Outcome::Refused) => "refused",
            (_, Outcome::Failed) => "failed, may work later",
            (_, Outcome::Unclear) => "to be looked up",
            (_, Outcome::Pending) => "not tried",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_means_the_contrary_to_those_who_leave() {
        let told = |step: Step| [step.by_the_list(true), step.by_the_list(false)];
        assert_eq!(told(Step::Join), [Outcome::Already, Outcome::Elsewhere]);
        assert_eq!(told(Step::Leave), [Outcome::Refused, Outcome::Already]);
    }
}
