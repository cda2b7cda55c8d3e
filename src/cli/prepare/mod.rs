//! `startline prepare`: one file a step.
//!
//! Parses and calls, as all of `cli`; what is decided is in [`crate::prepare`]. Invariant: each step but the one that creates a
//! challenge can be repeated: what is so already is left as it is, and said.

mod about;
mod all;
mod bar;
mod challenge;
mod create;
mod files;
mod gate;
mod journal;
mod made;
mod members;
mod places;
mod printed;
mod shell;
mod target;

pub(super) use shell::quoted;
pub(super) use target::TargetArgs;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::ExitStatus;

/// Options of `startline prepare`.
#[derive(Args, Clone, Debug)]
#[command(arg_required_else_help = true, after_help = EXIT_STATUS_HELP)]
pub struct PrepareArgs {
    /// The step.
    #[command(subcommand)]
    step: Step,
}

#[derive(Clone, Debug, Subcommand)]
enum Step {
    /// Write test members as SQL for the servers' database, and the CSV files that name them.
    Members(Box<members::MembersArgs>),
    /// Create a challenge that leaves time for all to join, and say when what has to be over.
    Challenge(Box<challenge::ChallengeArgs>),
    /// Give every member a place in a challenge: log in, join.
    Join(Box<places::JoinArgs>),
    /// Give the members' places up again: log in, leave.
    Leave(Box<places::LeaveArgs>),
    /// For members that are there: challenge, then join, then print the command of the run.
    All(Box<all::AllArgs>),
}

pub(super) const EXIT_STATUS_HELP: &str = "\
Exit status:
  0  done, or so already
  1  not for all of them: the table says why
  2  wrong arguments, or what is asked for cannot be
  3  interrupted or given up, the target did not answer, a result that is in no file cannot be
     printed, or one is not whole in its file; what was done is kept";

/// Carries out a step.
///
/// # Errors
/// What keeps it from beginning.
pub fn run(args: PrepareArgs) -> Result<ExitStatus> {
    match args.step {
        Step::Members(args) => members::write(*args),
        Step::All(args) => all::all(*args),
        Step::Challenge(args) => challenge::challenge(*args),
        Step::Join(args) => places::join(*args),
        Step::Leave(args) => places::leave(*args),
    }
}
