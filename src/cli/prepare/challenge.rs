//! `startline prepare challenge`: an administrator creates a challenge, with time enough for everyone to join.
//!
//! Puts the pieces together: options, `create`, what is printed, waiting. Invariant: the challenge is printed as soon as it is there,
//! so that nothing that comes afterwards can lose its number.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::super::interrupt::{Interrupt, Words};
use super::super::look_up::{LookedUp, look_up_heard};
use super::super::ready::{self, Asked, Waited};
use super::super::{ExitStatus, conduct, tell, values};
use super::about::{self, AboutArgs, Joins};
use super::create::{CREATING, Made, create};
use super::made::{self, NextJoin};
use super::printed;
use super::target::{Prepared, TargetArgs};
use crate::checks::Page;
use crate::plan::members::Members;
use crate::plan::schedule::{self, Challenge, Demand, Entry, LocalTime, Start};
use crate::plan::{Plan, Rate};
use crate::prepare::start;

/// Those who are to join where nothing is said: the guide's sessions.
const MEMBERS: u32 = 6000;
/// Stands for the challenge's number until it has one.
pub(super) const NOT_YET: u64 = 0;

const ENDING: Words = Words {
    first: b"\nending: no longer waiting for READY; the challenge stays\n",
    second: b"\nleft at once; the challenge stays\n",
};

/// Options of `startline prepare challenge`.
// These comments are the help text, where Markdown's brackets would be in the way.
#[allow(rustdoc::invalid_html_tags)]
#[derive(Args, Clone, Debug)]
#[command(after_help = super::EXIT_STATUS_HELP)]
pub struct ChallengeArgs {
    #[command(flatten)]
    target: TargetArgs,

    #[command(flatten)]
    about: AboutArgs,

    /// Who are to join, for whose time and room it is made: a count, or a range of ids such as 13-6012 [default: 6000].
    #[arg(long, value_name = "N|A-B", value_parser = who, help_heading = "Members")]
    members: Option<Who>,

    /// How fast they are to join, a second or minute [default: 20/s].
    #[arg(long, value_name = "RATE", value_parser = values::rate, help_heading = "Members")]
    rate: Option<Rate>,

    /// The ramp of the run that it is made for; see --hold [default: 25 a second, 240s at most].
    #[arg(long, value_name = "TIME", value_parser = values::duration, requires = "hold", help_heading = "Members")]
    ramp: Option<Duration>,

    /// The hold of the run that it is made for: warns if the distance is too short for ramp and hold.
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Members")]
    hold: Option<Duration>,

    /// Then wait until it is READY. What was created is printed before.
    #[arg(long, help_heading = "Output")]
    wait_ready: bool,

    /// Print the challenge as one JSON object on standard output, and nothing else there.
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// Who are to join.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Who {
    count: u32,
    /// If it says who they are.
    ids: Option<RangeInclusive<u64>>,
}

impl Who {
    /// What is known of them by this.
    fn with(&self, admin: u64) -> about::Who {
        match &self.ids {
            Some(ids) => about::Who::Known { are_with_admin: ids.contains(&admin) },
            None => about::Who::Counted,
        }
    }
}

fn who(text: &str) -> Result<Who, String> {
    if !text.contains('-') {
        return Ok(Who { count: values::count(text)?, ids: None });
    }
    let ids = values::id_range(text)?;
    let count = (ids.end() - ids.start()).checked_add(1).and_then(|count| u32::try_from(count).ok());
    let count =
        count.ok_or_else(|| format!("{text} are more than the {} members that can be counted", u32::MAX))?;
    Ok(Who { count, ids: Some(ids) })
}

/// Carries out `startline prepare challenge`.
///
/// # Errors
/// What keeps it from beginning.
pub fn challenge(args: ChallengeArgs) -> Result<ExitStatus> {
    let members = args.members.as_ref().map_or(MEMBERS, |who| who.count);
    let rate = args.rate.unwrap_or(super::places::RATE);
    let who = args.members.as_ref().map_or(about::Who::Unsaid, |who| who.with(args.about.admin));
    let joins = Joins { members, rate, who };
    if let Some(warning) = args.about.check_room(&joins)? {
        tell(&format!("warning: {warning}"));
    }
    if let Some(hold) = args.hold {
        let ramp = args.ramp.unwrap_or_else(|| start::ramp_for(members));
        for misfit in start::misfits(args.about.distance, ramp, hold) {
            tell(&format!("warning: {misfit}"));
        }
    }
    let prepared = args.target.prepared(vec![args.about.admin.to_string()], Some(NOT_YET))?;
    let interrupt = Interrupt::listen(&CREATING)?;
    let made = match create(&prepared, &args.about, &joins, &interrupt) {
        Ok(made) => made,
        Err(unmade) => return Ok(unmade.tell()),
    };
    if !printed::print("error", &shown(&args, &made)?) {
        return Ok(ExitStatus::Inconclusive);
    }
    interrupt.now_says(&ENDING);
    match args.wait_ready {
        true => wait_ready(&prepared, &args, &made, &interrupt),
        false => Ok(ExitStatus::Passed),
    }
}

/// The challenge as it is printed.
fn shown(args: &ChallengeArgs, made: &Made) -> Result<String> {
    if args.json {
        return Ok(serde_json::to_string_pretty(&made::Object::of(made))? + "\n");
    }
    let ids = args.members.as_ref().and_then(|who| who.ids.as_ref());
    let members = [ids.map_or("FIRST-LAST".to_owned(), |ids| format!("{}-{}", ids.start(), ids.end()))];
    let password = args.about.password.as_deref();
    let join = NextJoin { members: &members, rate: args.rate, password, ..NextJoin::default() };
    let next = join.command(&made.target(&args.target), made.created.id);
    Ok(format!("{}Next: {next}\n", made::text(made, Page::of(&std::io::stdout()))))
}

/// Waits until the challenge says READY.
fn wait_ready(
    prepared: &Prepared,
    args: &ChallengeArgs,
    made: &Made,
    interrupt: &Interrupt,
) -> Result<ExitStatus> {
    let (agent, zone, id) = (prepared.agent(), made.now.time_zone().clone(), made.created.id);
    let members = Arc::new(Members::range(args.about.admin, 1, id));
    let plan = Plan { members, ..prepared.plan.clone() };
    let scheduled = prepared.schedule()?;
    let judge = |looked_up: &LookedUp| -> Result<Start> {
        let challenge = Challenge::read(&looked_up.status, &looked_up.starts_at, &looked_up.ends_at)?;
        let demand =
            Demand { ramp: Duration::ZERO, hold: Duration::ZERO, entry: Entry::First, wait_ready: true };
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
            tell(&format!("error: challenge {id} could not be looked up any more: {error:#}"));
            tell(&format!("  {}", conduct::hint(&error)));
            Ok(ExitStatus::Inconclusive)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_are_to_join_is_a_count_or_a_range() {
        assert_eq!(who("6k"), Ok(Who { count: 6000, ids: None }));
        assert_eq!(who("13-6012"), Ok(Who { count: 6000, ids: Some(13..=6012) }));
        for wrong in ["0", "20-13", "a-b", "ids.csv", "0-18446744073709551615", "1-4294967296"] {
            assert!(who(wrong).is_err(), "{wrong}");
        }
    }
}
