//! The two steps about places: members join, or leave. Their names and words.
//!
//! Knows no server. Invariant: the words of every outcome make sense after a number.

use std::borrow::Cow;

use anyhow::{Result, anyhow};

use crate::foreign;
use crate::prepare::places::Outcome;
use crate::scenario::Scenario;
use crate::scenario::places::Place;

/// The maximum number of characters of a status.
const STATUS_CHARS_MAX: usize = 40;

/// The step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member takes a place.
    Join,
    /// A member gives the place up.
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

    /// The outcome of a member whose answer is ambiguous, and why, by the list of participants: with which status the
    /// member is listed, if at all. `waiting` are the statuses of those who can leave; `answered` is the answer's name, and whether it is one that the
    /// scenario gives. Any other says nothing that could be used, and so nothing for who has not got what was asked for.
    pub fn by_the_list<'a>(
        self,
        status: Option<&str>,
        waiting: &[String],
        (answered, is_named): (&'a str, bool),
    ) -> (Outcome, Cow<'a, str>) {
        match (self, status) {
            (Self::Join, Some(_)) | (Self::Leave, None) => (Outcome::Already, "".into()),
            (Self::Join, None) if is_named => (Outcome::Elsewhere, answered.into()),
            (Self::Join, None) => (Outcome::Refused, answered.into()),
            (Self::Leave, Some(status)) => match Self::cannot_leave(status, waiting) {
                Some(why) => (Outcome::Refused, why.into()),
                // The answer and the list are of different instants, or the answer was another's.
                None if is_named => (Outcome::Failed, answered.into()),
                None => (Outcome::Refused, answered.into()),
            },
        }
    }

    /// Why a member of this status cannot leave, if so: `is-DISCONNECTED`.
    pub fn cannot_leave(status: &str, waiting: &[String]) -> Option<String> {
        let is_waiting = waiting.iter().any(|known| known == status);
        (!is_waiting).then(|| format!("is-{}", foreign::line(status, STATUS_CHARS_MAX)))
    }

    /// What goes on.
    pub fn going_on(self) -> &'static str {
        match self {
            Self::Join => "joining",
            Self::Leave => "leaving",
        }
    }

    /// An outcome in words.
    pub fn words(self, outcome: Outcome) -> &'static str {
        match (self, outcome) {
            (Self::Join, Outcome::Done) => "joined",
            (Self::Leave, Outcome::Done) => "left",
            (Self::Join, Outcome::Already) => "already in it",
            (Self::Leave, Outcome::Already) => "not in it",
            (_, Outcome::Elsewhere) => "in another challenge at that time",
            (_, Outcome::Refused) => "refused",
            (_, Outcome::Failed) => "failed, may succeed later",
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
        let waiting = ["WAITING".to_owned()];
        let told = |step: Step, status: Option<&str>| {
            let (outcome, why) = step.by_the_list(status, &waiting, ("NO", true));
            (outcome, why.into_owned())
        };
        assert_eq!(told(Step::Join, Some("WAITING")), (Outcome::Already, "".into()));
        assert_eq!(told(Step::Join, None), (Outcome::Elsewhere, "NO".into()));
        assert_eq!(told(Step::Leave, None), (Outcome::Already, "".into()));
        assert_eq!(told(Step::Leave, Some("WAITING")), (Outcome::Failed, "NO".into()));
        let unusable = |step: Step, status| step.by_the_list(status, &waiting, ("http-204", false)).0;
        assert_eq!(unusable(Step::Join, Some("WAITING")), Outcome::Already);
        assert_eq!(unusable(Step::Join, None), Outcome::Refused);
        assert_eq!(unusable(Step::Leave, Some("WAITING")), Outcome::Refused);
        assert_eq!(told(Step::Leave, Some("RUNNING\x1b[2J")), (Outcome::Refused, "is-RUNNING [2J".into()));
    }
}
