//! `startline prepare challenge`: a member creates a challenge, with enough time for all members to join.
//!
//! Puts the pieces together: options, `create`, what is printed, waiting. Invariant: the challenge is printed as soon as it is there,
//! so that nothing that comes afterwards can lose its number.

use crate::cli::prepare::challenge::ChallengeArgs;
use crate::members::MemberId;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::super::ready::{self, Asked, Waited};
use super::created::{self, NextJoin};
use crate::app::printed;
use crate::checks::Page;
use crate::exit_status::ExitStatus;
use crate::interrupt::{Interrupt, Notices};
use crate::lookup::advice;
use crate::lookup::challenge::{LookedUp, look_up_heard};
use crate::plan::Plan;
use crate::plan::members::Members;
use crate::plan::schedule::{self, Challenge, Demand, Entry, LocalTime, Start};
use crate::prepare::create::{CREATING, Creation, create};
use crate::prepare::new_challenge::{ChallengeOptions, Joins, Known};
use crate::prepare::prepared::Prepared;
use crate::prepare::start;
use crate::terminal::tell;

/// Those who are to join where nothing is said: the guide's sessions.
const MEMBERS: u32 = 6000;
/// Stands for the challenge's number until it has one.
pub(super) const NOT_YET: u64 = 0;

/// Carries out `startline prepare challenge`.
///
/// # Errors
/// What keeps it from beginning.
pub fn challenge(args: ChallengeArgs) -> Result<ExitStatus> {
    let members = args.members.as_ref().map_or(MEMBERS, |who| who.count);
    let rate = args.rate.unwrap_or(super::places::RATE);
    let options = ChallengeOptions::from(args.new.clone());
    let known = args.members.as_ref().map_or(Known::Nothing, |who| who.known(options.admin));
    let joins = Joins { members, rate, known };
    if let Some(warning) = options.check_room(&joins)? {
        tell(&format!("warning: {warning}"));
    }
    if let Some(hold) = args.hold {
        let ramp = args.ramp.unwrap_or_else(|| start::ramp_for(members));
        for misfit in start::misfits(options.distance, ramp, hold) {
            tell(&format!("warning: {misfit}"));
        }
    }
    let prepared = args.target.prepared(vec![options.admin.to_string()], Some(NOT_YET))?;
    let interrupt = Interrupt::listen(Notices::on_second(CREATING))?;
    let made = match create(&prepared, &options, &joins, &interrupt) {
        Ok(made) => made,
        Err(unmade) => return Ok(unmade.tell()),
    };
    if !printed::print(Some(&interrupt), "error", &shown(&args, &made)?) {
        return Ok(ExitStatus::Inconclusive);
    }
    interrupt.now_says(Notices::new("no longer waiting for READY", "the challenge stays"));
    match args.wait_ready {
        true => wait_ready(&prepared, &args, &made, &interrupt),
        false => Ok(ExitStatus::Passed),
    }
}

/// The challenge as it is printed.
fn shown(args: &ChallengeArgs, made: &Creation) -> Result<String> {
    if args.json {
        return Ok(serde_json::to_string_pretty(&created::Object::of(made))? + "\n");
    }
    let ids = args.members.as_ref().and_then(|who| who.ids.as_ref());
    let members = [ids.map_or("FIRST-LAST".to_owned(), |ids| format!("{}-{}", ids.start(), ids.end()))];
    let password = args.new.password.as_deref();
    let join = NextJoin { members: &members, rate: args.rate, password, ..NextJoin::default() };
    let next = join.command(&created::target(made, &args.target), made.created.id);
    Ok(format!("{}Next: {next}\n", created::text(made, Page::of(&std::io::stdout()))))
}

/// Waits until the challenge says READY.
fn wait_ready(
    prepared: &Prepared,
    args: &ChallengeArgs,
    made: &Creation,
    interrupt: &Interrupt,
) -> Result<ExitStatus> {
    let (agent, zone, id) = (prepared.agent(), made.now.time_zone().clone(), made.created.id);
    let members = Arc::new(Members::range(MemberId(args.new.admin), 1, id));
    let plan = Plan { members, ..prepared.plan.clone() };
    let scheduled = prepared.schedule()?;
    let judge = |looked_up: &LookedUp| -> Result<Start> {
        let challenge = Challenge::read(&looked_up.status, &looked_up.starts_at, &looked_up.ends_at)?;
        let demand = Demand {
            ramp: Duration::ZERO,
            hold: Duration::ZERO,
            entry: Entry::First,
            wait_ready: true,
            steps: None,
        };
        Ok(schedule::judge(&challenge, &zone, looked_up.server_now, &demand)?)
    };
    let look_up = || look_up_heard(&plan, scheduled, &agent, interrupt);
    let asked = Asked { look_up: &look_up, judge: &judge, quiet: false };
    let after = Duration::try_from(made.now.duration_until(&made.times.ready)).unwrap_or_default();
    match ready::wait(&asked, after, interrupt)? {
        Waited::Ready(looked_up) => {
            let now = LocalTime(looked_up.server_now.to_zoned(zone.clone()));
            tell(&format!(
                "challenge {id} is READY (the server's time is {now}): members can enter until startAt, {}",
                LocalTime(made.times.start.clone())
            ));
            Ok(ExitStatus::Passed)
        }
        Waited::Interrupted => {
            tell(&format!("stopped while waiting for READY; challenge {id} stays"));
            Ok(ExitStatus::Inconclusive)
        }
        Waited::Unanswered(error) => {
            tell(&format!("error: challenge {id} could not be looked up any more: {}", advice::told(&error)));
            tell(&format!("  {}", advice::hint(&error)));
            Ok(ExitStatus::Inconclusive)
        }
    }
}
