//! The options of `startline prepare`, a file for each step.

use clap::{Args, Subcommand};

pub(crate) mod all;
pub(crate) mod challenge;
pub(crate) mod members;
pub(crate) mod new_challenge;
pub(crate) mod places;
pub(crate) mod target;

/// Options of `startline prepare`.
#[derive(Args, Clone, Debug)]
#[command(arg_required_else_help = true, after_help = EXIT_STATUS_HELP)]
pub struct PrepareArgs {
    /// The step.
    #[command(subcommand)]
    pub(crate) step: Step,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Step {
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
