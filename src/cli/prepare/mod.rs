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
    /// Create a challenge that leaves time for all to join, and print its deadlines.
    Challenge(Box<challenge::ChallengeArgs>),
    /// Have every member log in and join a challenge.
    Join(Box<places::JoinArgs>),
    /// Have every member log in and leave the challenge.
    Leave(Box<places::LeaveArgs>),
    /// For existing members: create a challenge, join it, print the run's command.
    All(Box<all::AllArgs>),
}

pub(super) const EXIT_STATUS_HELP: &str = "\
Exit status:
  0  done, or already so
  1  not done for all members: the table says why
  2  wrong arguments, or an impossible request
  3  stopped early, the target did not answer, or a result could not be written; what was done
     is kept";
