//! `startline prepare join` and `leave`: every member logs in and joins a challenge, or leaves it.
//!
//! The checks before the first request, and the printing; [`crate::prepare::rounds`] does the work. Invariants: a member's
//! outcome is in the file within a second; the file is complete however this ends.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use startline_os::units::{counted, duration_text, grouped};

use super::outcomes::{Typed, as_members, needs_another, print_end};
use crate::cli::prepare::places::{JoinArgs, LeaveArgs, PlacesArgs};
use crate::exit_status::ExitStatus;
use crate::interrupt::{Interrupt, Notices};
use crate::lookup::advice;
use crate::lookup::challenge::LookedUp;
use crate::lookup::challenge::is_gone;
use crate::members::{MemberName, SessionNumber};
use crate::numbers;
use crate::plan::schedule::{self, Challenge, Status};
use crate::plan::zone::Clues;
use crate::plan::{Plan, Rate};
use crate::prepare::calendar;
use crate::prepare::journal::Journal;
use crate::prepare::look_up::look_up;
use crate::prepare::places::{Outcome, Places};
use crate::prepare::prepared::Prepared;
use crate::prepare::rounds::{Rounds, Task};
use crate::prepare::step::Step;
use crate::shell::quoted;
use crate::terminal::tell;

/// The default rate: the guide waits 50 ms between members.
pub(super) const RATE: Rate = Rate { count: 20, per: Duration::from_secs(1) };
/// The default of --in-flight: the servers' pool has 10 connections, and more requests than that
/// only wait for one.
const IN_FLIGHT: u32 = 16;
/// The default of --patience.
const PATIENCE: Duration = Duration::from_secs(120);
/// Members whose outcomes are kept at a time: some hundred bytes each, in memory and in the file.
const MEMBERS_MAX: u32 = 10_000_000;
/// The scenario's variable that `--password` sets.
const PASSWORD: &str = "challenge_password";

/// Runnity's name for a password that is missing or another.
const WRONG_PASSWORD: &str = "CHALLENGE_PASSWORD_MISMATCH";

/// What signals say before the first member's turn.
fn not_begun() -> Notices {
    Notices::new("no member has been sent yet", "no member has been sent")
}

/// Carries out `startline prepare join`.
///
/// # Errors
/// What keeps it from beginning.
pub fn join(args: JoinArgs) -> Result<ExitStatus> {
    Ok(join_heard(args, &Interrupt::listen(not_begun())?)?.status)
}

/// The outcome of a join or leave.
pub(super) struct Taken {
    /// How it ended.
    pub(super) status: ExitStatus,
    /// Members can no longer join this challenge.
    pub(super) needs_another: bool,
}

impl From<ExitStatus> for Taken {
    /// It ended before the first request.
    fn from(status: ExitStatus) -> Self {
        Self { status, needs_another: false }
    }
}

/// The same with an existing listener for signals.
///
/// # Errors
/// As [`join`]'s.
pub(super) fn join_heard(args: JoinArgs, interrupt: &Interrupt) -> Result<Taken> {
    interrupt.now_says(not_begun());
    take(Step::Join, args.places, args.password, interrupt)
}

/// Carries out `startline prepare leave`.
///
/// # Errors
/// What keeps it from beginning.
pub fn leave(args: LeaveArgs) -> Result<ExitStatus> {
    Ok(take(Step::Leave, args.places, None, &Interrupt::listen(not_begun())?)?.status)
}

fn take(step: Step, mut args: PlacesArgs, password: Option<String>, interrupt: &Interrupt) -> Result<Taken> {
    let is_private = password.is_some();
    let typed = args.clone();
    args.target.set.extend(password.as_deref().map(|password| (PASSWORD.to_owned(), escaped(password))));
    let rate = args.rate.unwrap_or(RATE);
    let (taken_up, earlier) = match &args.resume {
        Some(file) => resumed(file).context("--resume").map(|(journal, places)| (Some(journal), places))?,
        None => (None, Places::default()),
    };
    let members = match &args.resume {
        Some(file) if args.members.is_empty() => vec![as_members(file)],
        _ => args.members.clone(),
    };
    if let Some(out) = &args.out {
        Journal::check(out)?;
    }
    // The file of outcomes says which; members' own files need not.
    let of_file = earlier.rows().first().map(|row| row.challenge).filter(|_| !args.members.is_empty());
    let challenge = args.challenge.or(of_file);
    let prepared = args.target.prepared(members, challenge)?;
    let plan = &prepared.plan;
    let place = step.of(&plan.scenario)?;
    if plan.sessions() > MEMBERS_MAX {
        bail!(
            "--members: {} is more than {} at a time: is the range right?",
            grouped(plan.sessions().into()),
            grouped(MEMBERS_MAX.into())
        );
    }
    let Some(challenge) = plan.members.only_challenge() else {
        bail!("the members are in several challenges: give the members of one challenge at a time");
    };
    // A member's row is its session's number.
    let names = (0..plan.sessions()).map(|k| plan.members.name_of(SessionNumber(k)));
    let mut places = Places::of(names.map(|name| (name, challenge)));
    places.take_over(earlier).map_err(|why| anyhow!("--resume: {why}"))?;
    let agent = prepared.agent();
    let looked_up = match look_up(&prepared, &agent, interrupt, Duration::ZERO)? {
        Some(Ok(looked_up)) => Some(looked_up),
        // The last member to leave has deleted it, if it ever existed.
        Some(Err(error)) if step == Step::Leave && is_gone(&error) => {
            tell(&format!("warning: challenge {challenge} does not exist, so no member is in it"));
            None
        }
        Some(Err(error)) => return Ok(tell_unasked(&error).into()),
        None => return Ok(tell_stopped(step, interrupt).into()),
    };
    let nobody = HashMap::new();
    let listed = looked_up.as_ref().map_or(Some(&nobody), |looked_up| looked_up.listed.as_ref());
    note_who_is_in(step, &mut places, listed);
    if step == Step::Leave {
        note_who_cannot_leave(&prepared, &mut places, listed);
    }
    if let Some(looked_up) = &looked_up {
        check_challenge(step, &prepared, looked_up, &places, rate)?;
    }
    calendar::fit_a_run(places.count(Outcome::Pending) as u32, rate)?;
    let path = args.resume.or(args.out).unwrap_or_else(|| default_file(step));
    let journal = match taken_up {
        Some(mut journal) => journal.rewrite(&places).map(|()| journal)?,
        None => Journal::create(&path, &places)?,
    };
    let outcomes_are = format!("the outcomes up to the last second are in {}", path.display());
    interrupt.now_says(Notices::new("writing the outcomes", &outcomes_are));
    tell_beginning(step, &places, rate, plan, &path);
    let scenario = Arc::new(plan.scenario.for_place(place, is_private));
    let in_flight = args.in_flight.unwrap_or(IN_FLIGHT);
    let task = Task { step, prepared: &prepared, place, scenario, agent: &agent, interrupt, rate, in_flight };
    let patience = args.patience.unwrap_or(PATIENCE);
    let rounds = Rounds::new(task, patience, journal, places);
    let played = rounds.play()?;
    let password = password_to_type(password.as_deref(), &played.places);
    let options = typed_again(&typed, password.as_deref());
    let to_leave = typed_again(&typed, None);
    // Members whose files name their challenge are in no other.
    let members = if typed.challenge.is_some() { &typed.members[..] } else { &[] };
    if let Some(reached) = played.short_of_rate {
        tell(&short_of_rate(reached, rate, in_flight));
    }
    // What their files say of members is in no file of outcomes.
    let with = if plan.members.bytes() > 0 { &typed.members[..] } else { &[] };
    let typed = Typed { step, options: &options, to_leave: &to_leave, members, with };
    let status = print_end(Some(interrupt), &typed, &path, &played);
    Ok(Taken { status, needs_another: needs_another(step, &played.places) })
}

/// Why the rate was not reached, which is no failure.
fn short_of_rate(reached: f64, asked: Rate, in_flight: u32) -> String {
    format!(
        "{} asked for, {}/s reached: with {} out at a time (--in-flight) the servers' answers set the pace",
        calendar::rate_text(asked),
        numbers::figure(reached),
        counted(in_flight.into(), "request", "requests"),
    )
}

/// The password as it is typed again; a placeholder if it was wrong.
fn password_to_type(password: Option<&str>, places: &Places) -> Option<String> {
    let is_wrong = places.reasons(Outcome::Refused).iter().any(|(reason, _)| *reason == WRONG_PASSWORD);
    if is_wrong { Some("PASSWORD".into()) } else { password.map(|password| quoted(password).into_owned()) }
}

/// The options of the command that continues; the members are in its file.
fn typed_again(args: &PlacesArgs, password: Option<&str>) -> String {
    let mut options = args.target.to_string();
    if let Some(password) = password {
        options.push_str(&format!(" --password {password}"));
    }
    if let Some(rate) = args.rate {
        options.push_str(&format!(" --rate {}", calendar::rate_text(rate)));
    }
    if let Some(in_flight) = args.in_flight {
        options.push_str(&format!(" --in-flight {in_flight}"));
    }
    if let Some(patience) = args.patience {
        options.push_str(&format!(" --patience {}", duration_text(patience)));
    }
    options
}

fn tell_unasked(error: &anyhow::Error) -> ExitStatus {
    tell(&format!("error: the challenge could not be looked up: {}", advice::told(error)));
    tell(&format!("  {}", advice::hint(error)));
    // The same answer would come again, unless the servers fail only now.
    match advice::was_answered(error) && !advice::may_work_later(error) {
        true => ExitStatus::Refused,
        false => ExitStatus::Inconclusive,
    }
}

fn tell_stopped(step: Step, interrupt: &Interrupt) -> ExitStatus {
    let why = interrupt.reason().unwrap_or_default();
    tell(&format!("stopped: {why}; no member was sent to {}", step.key()));
    ExitStatus::Inconclusive
}

fn tell_beginning(step: Step, places: &Places, rate: Rate, plan: &Plan, path: &Path) {
    let (all, to_do) = (places.rows().len(), places.count(Outcome::Pending));
    tell(&format!(
        "{} {} of {} at {} on {}; outcomes in {}",
        step.going_on(),
        grouped(to_do as u64),
        counted(all as u64, "member", "members"),
        calendar::rate_text(rate),
        plan.target.url(),
        path.display()
    ));
}

/// Reads a file of outcomes and rewrites it, so that it names each member once.
fn resumed(file: &Path) -> Result<(Journal, Places)> {
    let name = file.display().to_string();
    let (mut journal, text) = Journal::open(file)?;
    let mut places = Places::read(&name, &text)?;
    // With its reasons: they must still be there if no member is retried.
    journal.rewrite(&places)?;
    places.take_up();
    Ok((journal, places))
}

/// Escapes a text for JSON, and braces, which would be variables in a scenario's text.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].replace('{', "\\u007b")
}

/// The default file of the joins' outcomes.
pub(super) fn default_join_file() -> PathBuf {
    default_file(Step::Join)
}

fn default_file(step: Step) -> PathBuf {
    let now = jiff::Zoned::now();
    format!("startline-{}-{}.csv", step.key(), now.strftime("%Y%m%d-%H%M%S")).into()
}

/// Marks members as done or pending by the list: a resumed file may be old, or of the other step.
fn note_who_is_in(step: Step, places: &mut Places, listed: Option<&HashMap<MemberName, String>>) {
    let Some(listed) = listed else { return };
    for at in 0..places.rows().len() {
        let row = &places.rows()[at];
        let (is_in, was_success) = (listed.contains_key(&row.member), row.outcome.is_success());
        let is_success = is_in == (step == Step::Join);
        if was_success != is_success {
            places.set(at, if is_success { Outcome::Already } else { Outcome::Pending }, "");
        }
    }
}

/// Refuses members whom the list shows not to be WAITING: the servers would refuse them.
fn note_who_cannot_leave(
    prepared: &Prepared,
    places: &mut Places,
    listed: Option<&HashMap<MemberName, String>>,
) {
    let them = prepared.plan.scenario.schedule.as_ref().and_then(|schedule| schedule.participants.as_ref());
    let (Some(listed), Some(them)) = (listed, them) else { return };
    for at in places.at(Outcome::Pending) {
        let status = listed.get(&places.rows()[at].member);
        if let Some(why) = status.and_then(|status| Step::cannot_leave(status, &them.may_enter)) {
            places.set(at, Outcome::Refused, &why);
        }
    }
}

/// Refuses more joins than the challenge has room for, which would fail one by one once all others are in.
fn check_room(looked_up: &LookedUp, members: u64) -> Result<()> {
    let (Some(room), Some(left)) = (looked_up.room, looked_up.places_left()) else { return Ok(()) };
    let (room, more) = (counted(room, "place", "places"), grouped(members));
    match left {
        _ if left >= members => Ok(()),
        0 => bail!(
            "the challenge is full: it has {room}, and {more} more members would join; create a larger challenge"
        ),
        _ => bail!(
            "the challenge has {room}, of which {} left, and {more} more members would join; give fewer members, or create a larger challenge",
            if left == 1 { "1 is".to_owned() } else { format!("{} are", grouped(left)) },
        ),
    }
}

/// Refuses what the challenge's schedule does not allow, and warns of a leave that deletes it.
fn check_challenge(
    step: Step,
    prepared: &Prepared,
    looked_up: &LookedUp,
    places: &Places,
    rate: Rate,
) -> Result<()> {
    let members = places.count(Outcome::Pending) as u32;
    if members == 0 {
        return Ok(());
    }
    let challenge = Challenge::read(&looked_up.status, &looked_up.starts_at, &looked_up.ends_at)?;
    let zone = schedule::known_zone(&prepared.plan.settings.time_zone)?;
    match step {
        Step::Join => {
            let clues = Clues::new(&challenge, looked_up.created_at.as_deref(), looked_up.server_now, &zone);
            let zone = match clues.check() {
                Ok(()) => zone,
                Err(other) => {
                    tell(&format!("warning: {other}"));
                    other.zone()
                }
            };
            let left = calendar::joins_fit(&challenge, &zone, looked_up.server_now, members, rate)?;
            check_room(looked_up, members.into())?;
            let takes = Duration::from_secs(rate.ramp(members).as_secs_f64().ceil() as u64);
            tell(&format!(
                "{} at {} take {}; the challenge becomes READY in {}",
                counted(members.into(), "member", "members"),
                calendar::rate_text(rate),
                duration_text(takes),
                duration_text(Duration::from_secs(left.as_secs()))
            ));
        }
        Step::Leave if matches!(challenge.status, Status::Running | Status::Done) => bail!(
            "the challenge is {}: members can leave only while they are WAITING, and after startAt none is",
            challenge.status.key()
        ),
        Step::Leave
            if challenge.status == Status::Recruiting
                && looked_up.listed.as_ref().is_some_and(|listed| listed.len() == members as usize) =>
        {
            tell(
                "warning: there are no other members in the challenge, and the last one to leave deletes it",
            );
        }
        Step::Leave => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_stays_text() {
        assert_eq!(escaped("a\"b\\{member_id}"), "a\\\"b\\\\\\u007bmember_id}");
        assert_eq!(escaped("비밀"), "비밀");
    }

    #[test]
    fn the_list_says_who_has_what_was_asked_for() {
        let listed = HashMap::from([(MemberName::Number(13), "WAITING".to_owned())]);
        for (step, expected) in [
            (Step::Join, [Outcome::Already, Outcome::Pending]),
            (Step::Leave, [Outcome::Pending, Outcome::Already]),
        ] {
            let mut places = Places::of([13, 14].map(|id| (MemberName::Number(id), 38)));
            note_who_is_in(step, &mut places, Some(&listed));
            assert_eq!([places.rows()[0].outcome, places.rows()[1].outcome], expected);
            // A file of the other step, in which all members are done.
            (0..2).for_each(|at| places.set(at, Outcome::Done, ""));
            note_who_is_in(step, &mut places, Some(&listed));
            let expected = expected.map(|outcome| match outcome {
                Outcome::Already => Outcome::Done,
                other => other,
            });
            assert_eq!([places.rows()[0].outcome, places.rows()[1].outcome], expected);
        }
    }
}
