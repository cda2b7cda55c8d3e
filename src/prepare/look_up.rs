//! Has one member look the challenge up for all.
//!
//! Invariant: a few missing members do not prevent the look-up, and a signal does not wait for it.

use std::time::Duration;

use anyhow::Result;

use super::prepared::Prepared;
use crate::interrupt::Interrupt;
use crate::lookup::challenge::{Asker, LookedUp, Unexpected};
use crate::members::SessionNumber;
use crate::plan::Plan;
use crate::scenario::schedule::Schedule;

/// The maximum number of members who try to look the challenge up.
const MEMBERS_TRIED_MAX: usize = 5;

/// Has a member look the challenge up: the first of a few who can log in. `None` once a signal has asked for the end and there is
/// no answer after this time.
///
/// # Errors
/// It could not be asked; what the target made of it is inside.
pub fn look_up(
    prepared: &Prepared,
    agent: &ureq::Agent,
    interrupt: &Interrupt,
    grace: Duration,
) -> Result<Option<Result<LookedUp>>> {
    // A request ends only with its answer or its timeout, so it is left to itself once no one waits for it.
    let (plan, schedule, agent) = (prepared.plan.clone(), prepared.schedule()?.clone(), agent.clone());
    interrupt.or(grace, move || ask(&plan, &schedule, &agent))
}

fn ask(plan: &Plan, schedule: &Schedule, agent: &ureq::Agent) -> Result<LookedUp> {
    let first = match Asker::log_in(plan, schedule, agent, 0) {
        Ok(asker) => return asker.look_up(),
        Err(error) => error,
    };
    // Only this member was refused; others may be there.
    let is_refused = first.downcast_ref::<Unexpected>().is_some_and(|it| (400..=499).contains(&it.status));
    let others = (1..plan.sessions()).take(if is_refused { MEMBERS_TRIED_MAX - 1 } else { 0 });
    match others.into_iter().find_map(|member| Asker::log_in(plan, schedule, agent, member).ok()) {
        Some(asker) => asker.look_up(),
        None => {
            let tried = if is_refused { plan.sessions().min(MEMBERS_TRIED_MAX as u32) } else { 1 };
            let others =
                if tried > 1 { format!(", nor can the {} after it", tried - 1) } else { String::new() };
            Err(first
                .context(format!("member {} cannot log in{others}", plan.members.name_of(SessionNumber(0)))))
        }
    }
}
