//! What a subcommand does: its steps in order, signals, the terminal, files.
//!
//! Reads what was typed ([`crate::cli`]) and turns outcomes into exit statuses; decides nothing about a run: that is
//! [`crate::plan`]'s. With [`crate::prepare`] and [`crate::lookup`] the only place with `anyhow`: below, errors have types.
//! Invariant: an option either has an effect or is refused.

mod addresses;
mod conduct;
mod doctor;
mod mock_process;
mod preflight;
mod prepare;
mod ready;
mod recording;
mod scenario;
mod serve;
mod settings;
mod tune;

use std::io::{self, Write};

use serde::Serialize;

use crate::checks::Page;
use crate::cli::{Cli, Command};
use crate::exit_status::ExitStatus;
use crate::terminal::tell;

impl Cli {
    /// Does what was typed, and says what is wrong on standard error.
    pub fn execute(self) -> ExitStatus {
        let outcome = match self.command {
            Command::Addresses(args) => Ok(addresses::command::run(args)),
            Command::Doctor(args) => doctor::run(*args),
            Command::Preflight(args) => preflight::run(*args),
            Command::Prepare(args) => prepare::run(args),
            Command::Run(args) => conduct::conduct(*args),
            Command::Scenario(args) => scenario::run(args).map(|()| ExitStatus::Passed),
            Command::Serve(args) => serve::run(*args).map(|()| ExitStatus::Passed),
            Command::Tune(args) => Ok(tune::command::run(args)),
        };
        outcome.unwrap_or_else(|error| {
            // Whoever reads our output has seen enough: `startline … | head` is no failure.
            if is_broken_pipe(&error) {
                return ExitStatus::Passed;
            }
            tell(&format!("error: {error:#}"));
            ExitStatus::Refused
        })
    }
}

/// Prints what a command has found on standard output: as JSON, or as the text that is made for this page.
pub(crate) fn print_found(
    json: bool,
    found: &impl Serialize,
    text: impl FnOnce(Page) -> String,
) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, found)?;
        writeln!(out)?;
    } else {
        let text = text(Page::of(&out));
        write!(out, "{text}")?;
    }
    Ok(out.flush()?)
}

/// [`print_found`] for checks, whose verdict is the exit status whether it could be printed or not: what kept it is said.
pub(crate) fn print_or_tell(json: bool, found: &impl Serialize, text: impl FnOnce(Page) -> String) {
    if let Err(error) = print_found(json, found, text)
        && !is_broken_pipe(&error)
    {
        tell(&format!("warning: the checks could not be printed: {error:#}"));
    }
}

pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_pipe_is_no_failure() {
        let broken = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("printing");
        assert!(is_broken_pipe(&broken));
        assert!(!is_broken_pipe(&anyhow::anyhow!("broken pipe")));
    }
}
