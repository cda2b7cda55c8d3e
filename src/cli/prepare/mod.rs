//! `startline prepare`: one file a step.
//!
//! Parses and calls, as all of `cli`; what is decided is in [`crate::prepare`]. Invariant: each step can be repeated: what is so
//! already is left as it is, and said.

mod bar;
mod files;
mod journal;
mod members;
mod places;
mod target;

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
    /// Give every member a place in a challenge: log in, join.
    Join(Box<places::JoinArgs>),
    /// Give the members' places up again: log in, leave.
    Leave(Box<places::LeaveArgs>),
}

pub(super) const EXIT_STATUS_HELP: &str = "\
Exit status:
  0  done, or so already
  1  not for all of them: the table says why
  2  wrong arguments, or what is asked for cannot be
  3  stopped early, or the target did not answer; what was done is kept";

/// Carries out a step.
///
/// # Errors
/// What keeps it from beginning.
pub fn run(args: PrepareArgs) -> Result<ExitStatus> {
    match args.step {
        Step::Members(args) => members::write(*args),
        Step::Join(args) => places::join(*args),
        Step::Leave(args) => places::leave(*args),
    }
}
