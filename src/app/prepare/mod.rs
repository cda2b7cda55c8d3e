//! `startline prepare`: one file a step.
//!
//! Parses and calls, as all of `cli`; what is decided is in [`crate::prepare`]. Invariant: each step but the one that creates a
//! challenge can be repeated: what is so already is left as it is, and said.

mod all;
mod challenge;
mod created;
mod members;
mod outcomes;
mod places;
mod target;

use anyhow::Result;

use crate::cli::prepare::{PrepareArgs, Step};
use crate::exit_status::ExitStatus;

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
