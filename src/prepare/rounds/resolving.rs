//! Members whose answers leave open what they are: the list of participants decides.
//!
//! Asks for the list, and notes what it says. Invariant: a member that the list does not settle keeps the outcome it had.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;

use super::super::look_up::look_up;
use super::{End, Rounds, Task};
use crate::lookup::advice::told;
use crate::lookup::agent;
use crate::lookup::challenge::is_gone;
use crate::members::MemberName;
use crate::prepare::places::Outcome;
use crate::prepare::step::Step;

/// How long a look-up may still take once a signal has asked for the end.
const LAST_LOOKUP: Duration = Duration::from_secs(3);
/// The timeout of each request of the last look-up when nothing has worked for a while.
const LAST_LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

impl Rounds<'_> {
    /// Looks up members whose answer is ambiguous.
    pub(super) fn resolve_unclear(&mut self) {
        let unclear = self.places.at(Outcome::Unclear);
        if unclear.is_empty() {
            return;
        }
        match self.listed(self.task.agent) {
            Ok(Some(listed)) => self.resolve(&unclear, listed.as_ref()),
            // They stay as they are, to be looked up at the end.
            Ok(None) => {}
            Err(error) => self.line.say(&format!("the look-up failed and is retried: {}", told(&error))),
        }
    }

    /// Looks up all members without a final outcome when there is no further round: a request may have taken effect although its
    /// answer was lost.
    pub(super) fn resolve_at_the_end(&mut self, end: &End) {
        let (unclear, failed) = (self.places.at(Outcome::Unclear), self.places.at(Outcome::Failed));
        if unclear.is_empty() && failed.is_empty() {
            return;
        }
        let Task { prepared, agent, .. } = self.task;
        let looked = match end {
            End::Broken(_) => {
                let trust = prepared.hosts.trust.as_ref();
                self.listed(&agent::patient_for(&prepared.plan, trust, LAST_LOOKUP_TIMEOUT))
            }
            End::Over | End::Stopped(_) => self.listed(agent),
        };
        match looked {
            Ok(Some(listed)) => {
                self.resolve(&unclear, listed.as_ref());
                self.resolve_failed(&failed, listed.as_ref());
            }
            // They stay as they are, to be looked up when the file is resumed.
            Ok(None) => {}
            Err(error) => self.line.say(&format!("the last look-up of the list failed: {}", told(&error))),
        }
    }

    /// The listed members and their statuses, if the list can be read; `None` if a signal asks for the end and no answer comes.
    fn listed(&self, agent: &ureq::Agent) -> Result<Option<Option<HashMap<MemberName, String>>>> {
        let Task { step, prepared, interrupt, .. } = self.task;
        match look_up(prepared, agent, interrupt, LAST_LOOKUP)? {
            Some(Ok(looked_up)) => Ok(Some(looked_up.listed)),
            // Others have left meanwhile, and the last one has deleted it.
            Some(Err(error)) if step == Step::Leave && is_gone(&error) => Ok(Some(Some(HashMap::new()))),
            Some(Err(error)) => Err(error),
            None => Ok(None),
        }
    }

    fn resolve(&mut self, unclear: &[usize], listed: Option<&HashMap<MemberName, String>>) {
        let schedule = self.task.prepared.plan.scenario.schedule.as_ref();
        let them = schedule.and_then(|schedule| schedule.participants.as_ref());
        let waiting = them.map_or(&[][..], |them| &them.may_enter[..]);
        self.unusable_in_a_row = 0;
        for at in unclear.iter().copied() {
            let row = &self.places.rows()[at];
            let (answered, status) = (row.reason.clone(), listed.map(|listed| listed.get(&row.member)));
            let is_named = self.is_named(&answered);
            let (outcome, why) = match status {
                Some(status) => {
                    let status = status.map(String::as_str);
                    self.task.step.by_the_list(status, waiting, (&answered, is_named))
                }
                None if is_named => (Outcome::Refused, "not-listed".into()),
                None => (Outcome::Refused, answered.as_str().into()),
            };
            if outcome == Outcome::Failed {
                self.strikes[at] += 1;
            }
            if !is_named {
                self.refused_in_a_row += usize::from(outcome == Outcome::Refused);
                self.unusable_is_done |= outcome == Outcome::Already;
            }
            self.places.set(at, outcome, &why);
            self.journal.append(&self.places.rows()[at]);
        }
        self.journal.flush();
    }

    /// Marks failed members as done if the list shows that a request whose answer was lost took effect.
    fn resolve_failed(&mut self, failed: &[usize], listed: Option<&HashMap<MemberName, String>>) {
        let Some(listed) = listed else { return };
        for at in failed.iter().copied() {
            if listed.contains_key(&self.places.rows()[at].member) == (self.task.step == Step::Join) {
                self.places.set(at, Outcome::Already, "");
                self.journal.append(&self.places.rows()[at]);
            }
        }
        self.journal.flush();
    }
}
