//! Logs members in and looks their challenge up, which spends nothing.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use startline_os::units::grouped;

use super::board::Board;
use crate::checks::{Check, Fix};
use crate::lookup::advice::{told, was_answered};
use crate::lookup::challenge::{Asker, Lacking, LookedUp, Unexpected};
use crate::members::{MemberName, SessionNumber};
use crate::plan::course::Finish;
use crate::plan::schedule::known_zone;
use crate::plan::{Plan, Settings};
use crate::preflight::challenge;
use crate::preflight::clean;
use crate::preflight::look_up::{LookUp, LookUpFailure, Wanted};
use crate::preflight::members::{self, Blame, Login, Refusal, SampleSize};
use crate::scenario::Criterion;
use crate::scenario::criteria::step_statistic;
use crate::scenario::schedule::{Participants, Schedule};

/// The member who looks the challenge up.
pub(super) enum Asked<'p> {
    /// The first of the sample who could log in.
    By(Asker<'p>),
    /// No member of the sample could.
    None,
    /// The asking was stopped.
    Stopped,
}

/// Has members log in.
pub(super) fn members<'p>(
    plan: &'p Plan,
    schedule: &'p Schedule,
    agent: &'p ureq::Agent,
    size: SampleSize,
    board: &Board,
) -> Asked<'p> {
    let sample = members::sample(plan.sessions(), size, plan.settings.seed);
    let mut refused = 0;
    let mut asker = None;
    for (done, index) in sample.iter().enumerate() {
        let member = plan.members.name_of(SessionNumber(*index));
        if !board.now(logging_in(done, sample.len(), refused, &member)) {
            return Asked::Stopped;
        }
        if board.with_logins(members::is_hopeless) {
            board.logged_in(Login::not_tried(member));
            continue;
        }
        let began = Instant::now();
        let outcome = Asker::log_in(plan, schedule, agent, *index);
        let took = began.elapsed();
        let refusal = match outcome {
            Ok(logged_in) => {
                asker.get_or_insert(logged_in);
                None
            }
            Err(error) => Some(refusal(&error)),
        };
        refused += usize::from(refusal.is_some());
        board.logged_in(Login { member, took, refusal });
    }
    board.judged(|logins| members::checks(logins, plan.sessions(), criterion(plan, schedule)));
    asker.map_or(Asked::None, Asked::By)
}

/// `members log in, 37 of 500 asked, 2 refused; waiting for member 50`.
fn logging_in(done: usize, all: usize, refused: usize, member: &MemberName) -> String {
    let count = |count: usize| grouped(count as u64);
    let refused = if refused > 0 { format!(", {} refused", count(refused)) } else { String::new() };
    format!("members log in, {} of {} done{refused}; waiting for member {member}", count(done), count(all))
}

/// What members can be judged by who have logged in until there was an interruption.
pub(super) fn members_so_far(plan: &Plan, size: SampleSize, logins: &[Login]) -> Vec<Check> {
    let asked_for = members::sample(plan.sessions(), size, plan.settings.seed).len();
    let criterion = plan.scenario.schedule.as_ref().and_then(|schedule| criterion(plan, schedule));
    members::cut_short(logins, asked_for, plan.sessions(), criterion)
}

fn refusal(error: &anyhow::Error) -> Refusal {
    // The request is left out, since it differs from member to member, and alike reasons are to be one.
    if let Some(Unexpected { name, said, status, .. }) = error.downcast_ref() {
        let (name, said) = (name.clone(), said.clone());
        return Refusal { blame: Blame::of_status(*status), name, said, example: None };
    }
    if let Some(Lacking { what, said, .. }) = error.downcast_ref() {
        let example = Some(said.clone());
        return Refusal {
            blame: Blame::Answer,
            name: None,
            said: format!("answered without {what}"),
            example,
        };
    }
    let blame = if was_answered(error) { Blame::Answer } else { Blame::Silence };
    Refusal { blame, name: None, said: error.root_cause().to_string(), example: None }
}

fn look_up_failure(error: &anyhow::Error) -> LookUpFailure {
    match error.downcast_ref::<Unexpected>() {
        Some(unexpected) => LookUpFailure::Status(unexpected.status),
        None if was_answered(error) => LookUpFailure::Incomplete,
        None => LookUpFailure::NoAnswer,
    }
}

/// The scenario's criterion of the step that logs in: the last before the look-up.
fn criterion<'p>(plan: &'p Plan, schedule: &Schedule) -> Option<&'p Criterion> {
    let step = plan.scenario.http.get(schedule.steps.checked_sub(1)?)?;
    let judges_it = |criterion: &&Criterion| {
        step_statistic(&criterion.measure).is_some_and(|(judged, _)| judged == step.name)
    };
    plan.scenario.criteria.iter().find(judges_it)
}

/// Looks the challenge up.
///
/// # Errors
/// The time zone is not known, which `run` would refuse.
pub(super) fn challenge(
    plan: &Plan,
    settings: &Settings,
    schedule: &Schedule,
    asker: &Asker<'_>,
    join: &Fix,
) -> Result<Vec<Check>> {
    let zone = known_zone(&settings.time_zone)?;
    let looked_up = match asker.look_up() {
        Ok(looked_up) => looked_up,
        Err(error) => {
            let said = clean(&told(&error));
            return Ok(challenge::not_found(settings.wait_ready, look_up_failure(&error), &said));
        }
    };
    let participants = schedule.participants.as_ref();
    let look_up = LookUp {
        status: &looked_up.status,
        starts_at: &looked_up.starts_at,
        ends_at: &looked_up.ends_at,
        created_at: looked_up.created_at.as_deref(),
        course_cm: looked_up.course_cm,
        server_now: looked_up.server_now,
        standing: looked_up.standing,
        barred: barred(plan, participants, &looked_up),
        places_left: looked_up.places_left(),
    };
    let waiting = participants.map(|them| them.may_enter.join(" or ")).unwrap_or_default();
    Ok(challenge::checks(
        &look_up,
        &Wanted {
            id: asker.challenge(),
            has_others: plan.members.only_challenge().is_none(),
            sessions: plan.sessions(),
            ramp: settings.ramp,
            hold: settings.hold,
            finish: Finish::of(plan),
            wait_ready: settings.wait_ready,
            zone: &zone,
            waiting: &waiting,
            join: join.clone(),
        },
    ))
}

/// Of the plan's members who cannot enter, how many have which status.
fn barred(plan: &Plan, participants: Option<&Participants>, looked_up: &LookedUp) -> BTreeMap<String, u32> {
    let mut barred = BTreeMap::new();
    let (Some(them), Some(listed)) = (participants, &looked_up.listed) else { return barred };
    for (member, status) in listed {
        let is_ours = plan.members.session_of(member).is_some_and(|index| index.0 < plan.sessions());
        if is_ours && !them.may_enter.contains(status) && !them.may_return.contains(status) {
            *barred.entry(status.clone()).or_insert(0) += 1;
        }
    }
    barred
}
