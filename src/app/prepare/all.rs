//! `startline prepare all`: creates a challenge, has the members join, prints the run's command.
//!
//! For a target whose members exist. Each step is the command of that name. Invariant: wrong options of any step are
//! reported before the first one; a step that fails is the last, and what exists by then is named.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use startline_os::units::{counted, grouped};

use super::challenge::NOT_YET;
use super::created::{self, NextJoin, NextRun};
use super::places::{self, Taken};
use crate::app::printed;
use crate::checks::Page;
use crate::cli::prepare::all::AllArgs;
use crate::cli::prepare::places::{JoinArgs, PlacesArgs};
use crate::cli::prepare::target::TargetArgs;
use crate::cli::run::is_range;
use crate::exit_status::ExitStatus;
use crate::interrupt::{Interrupt, Notices};
use crate::members::MemberId;
use crate::plan::Rate;
use crate::prepare::create::{CREATING, create};
use crate::prepare::journal::Journal;
use crate::prepare::new_challenge::{ChallengeOptions, Joins, Known};
use crate::prepare::{calendar, start};
use crate::terminal::tell;

/// Of a members file, read to see its columns.
const HEADER_BYTES_MAX: u64 = 64 << 10;

/// Carries out `startline prepare all`.
///
/// # Errors
/// What keeps it from beginning.
pub fn all(args: AllArgs) -> Result<ExitStatus> {
    refuse_challenge_columns(&args.members)?;
    refuse_what_is_there(&args)?;
    let rate = args.rate.unwrap_or(places::RATE);
    let of_members = args.target.prepared(args.members.clone(), Some(NOT_YET))?;
    calendar::fit_a_run(of_members.plan.sessions(), rate)?;
    if of_members.plan.scenario.join.is_none() {
        bail!(
            "the scenario \"{}\" has no [join], which says how members join",
            of_members.plan.scenario.name
        );
    }
    let options = ChallengeOptions::from(args.new.clone());
    let include_admin = of_members.plan.members.index_of(MemberId(options.admin)).is_some();
    let joins = Joins { members: of_members.plan.sessions(), rate, known: Known::Ids { include_admin } };
    let run = next_run(&args, joins.members)?;
    options.check_room(&joins)?;
    let of_admin = args.target.prepared(vec![options.admin.to_string()], Some(NOT_YET))?;
    let interrupt = Interrupt::listen(Notices::on_second(CREATING))?;
    let made = match create(&of_admin, &options, &joins, &interrupt) {
        Ok(made) => made,
        Err(unmade) => return Ok(unmade.tell()),
    };
    let id = made.created.id;
    let is_shown = printed::print(Some(&interrupt), "error", &created::text(&made, Page::of(&io::stdout())));
    let target = created::target(&made, &args.target);
    let command = run.command(&target, id);
    let out = args.out.clone().unwrap_or_else(places::default_join_file);
    let join = NextJoin {
        members: &args.members,
        rate: args.rate,
        in_flight: args.in_flight,
        patience: args.patience,
        out: args.out.as_deref(),
        password: args.new.password.as_deref(),
    };
    // An existing file is of other joins.
    let was_there = out.exists();
    let has_outcomes = || !was_there && out.exists();
    let go_on = || match has_outcomes() {
        true => join.resumed(&target, &out),
        false => join.command(&target, id),
    };
    match places::join_heard(join_args(&args, target.clone(), id, rate, out.clone()), &interrupt) {
        Ok(Taken { status: ExitStatus::Passed, .. }) => {
            let next = format!("Next (it waits for READY itself):\n{command}\n");
            match printed::print(Some(&interrupt), "error", &next) && is_shown {
                true => Ok(ExitStatus::Passed),
                false => Ok(ExitStatus::Inconclusive),
            }
        }
        // It ended before the first join, and so named no file to resume.
        Ok(Taken { status, .. }) if !has_outcomes() => {
            tell_what_is_left(id, &go_on(), &command);
            Ok(status)
        }
        // It has said that another challenge is needed: this one's run is of no use.
        Ok(Taken { status, needs_another: true }) => Ok(status),
        Ok(Taken { status, .. }) => {
            tell(&format!("  challenge {id} stays; when all members are in it: {command}"));
            Ok(status)
        }
        Err(error) => {
            tell(&format!("error: {error:#}"));
            tell_what_is_left(id, &go_on(), &command);
            Ok(ExitStatus::Refused)
        }
    }
}

fn tell_what_is_left(id: u64, join: &str, run: &str) {
    tell(&format!("  challenge {id} stays; continue with: {join}"));
    tell(&format!("  and then: {run}"));
}

/// The joins, once the challenge exists.
fn join_args(args: &AllArgs, target: TargetArgs, id: u64, rate: Rate, out: PathBuf) -> JoinArgs {
    let AllArgs { patience, in_flight, .. } = *args;
    let places = PlacesArgs {
        target,
        challenge: Some(id),
        members: args.members.clone(),
        resume: None,
        rate: Some(rate),
        in_flight,
        patience,
        out: Some(out),
    };
    JoinArgs { places, password: args.new.password.clone() }
}

/// The run that follows, if it fits the challenge.
fn next_run(args: &AllArgs, members: u32) -> Result<NextRun<'_>> {
    let sessions = args.sessions.unwrap_or(members);
    if sessions > members {
        let there = counted(members.into(), "member", "members");
        let are = if members == 1 { "is" } else { "are" };
        bail!("--sessions {}: there {are} {there}", grouped(sessions.into()));
    }
    let ramp = args.ramp.unwrap_or_else(|| start::ramp_for(sessions));
    let hold = args.hold.unwrap_or_else(|| start::hold_for(args.new.distance, ramp));
    let misfits = start::misfits(args.new.distance, ramp, hold);
    if !misfits.is_empty() {
        bail!("{}", misfits.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "));
    }
    Ok(NextRun { members: &args.members, sessions, ramp, hold })
}

/// Files that name a challenge name another one: this one is not there yet.
fn refuse_challenge_columns(members: &[String]) -> Result<()> {
    let is_the_column =
        |column: &str| column.trim_matches(['\u{feff}', '"', ' ', '\t', '\r', '\n']) == "challengeId";
    for file in members.iter().filter(|spec| !is_range(spec)) {
        let header = first_line(file).with_context(|| format!("cannot read the members' file {file}"))?;
        if String::from_utf8_lossy(&header).split(',').any(is_the_column) {
            return Err(anyhow!(
                "{file} has the column challengeId, but the challenge does not exist yet: give a file without that column, or a range of ids"
            ));
        }
    }
    Ok(())
}

/// As far as columns can reach: a device may never end.
fn first_line(file: &str) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(File::open(file)?.take(HEADER_BYTES_MAX)).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// Refuses an existing file for the joins before a challenge is created.
fn refuse_what_is_there(args: &AllArgs) -> Result<()> {
    args.out.as_deref().map_or(Ok(()), Journal::refuse_what_is_no_file)?;
    match &args.out {
        Some(out) if out.exists() => bail!("--out: {} already exists; name another", out.display()),
        Some(out) if out.parent().is_some_and(|at| !at.as_os_str().is_empty() && !at.is_dir()) => {
            bail!("--out: the directory of {} does not exist", out.display())
        }
        _ => Ok(()),
    }
}
