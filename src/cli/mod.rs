//! What was typed: one file a subcommand. Parses, calls, and turns outcomes into exit statuses.
//!
//! Decides nothing about a run: that is [`crate::plan`]'s. The only place with `anyhow`: below it, errors have types.
//! Invariant: an option either has an effect or is refused.

mod addresses;
mod agent;
mod conduct;
mod doctor;
mod hosts;
mod interrupt;
mod look_up;
mod preflight;
mod prepare;
mod ready;
mod recording;
mod redrawn;
pub mod run;
mod scenario;
mod serve;
mod stand_in;
mod tune;
pub mod values;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::report::Verdict;

/// How a run ended, as the process says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Every criterion was met. Warnings do not count against it.
    Passed = 0,
    /// At least one criterion was not met.
    Failed = 1,
    /// The arguments are wrong, or the plan cannot fit this box or the challenge. Nothing was opened.
    Refused = 2,
    /// The run proves nothing: this box was too slow for its own verdict, or the run was stopped early.
    Inconclusive = 3,
}

impl ExitStatus {
    /// What a run's verdict means to whoever started it.
    pub fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Passed,
            Verdict::Fail => Self::Failed,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

/// Puts thousands of real WebSocket sessions on the line from one Linux box and judges the servers they talk to.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_STATUS_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add, remove and list addresses of this machine for sessions to come from.
    Addresses(addresses::AddressesArgs),
    /// Check whether this box can make a run, and say what mends it if not; opens no connection to the target.
    Doctor(Box<doctor::DoctorArgs>),
    /// Check before a test that everything is there: the target, its clock, members, challenge, this box, what is watched.
    Preflight(Box<preflight::PreflightArgs>),
    /// Make members, a challenge and everyone's place in it, before a run.
    Prepare(prepare::PrepareArgs),
    /// Run a load test; without a target, against the built-in stand-in.
    Run(Box<run::RunArgs>),
    /// Check a scenario, show the built-in ones, begin a new one.
    Scenario(scenario::ScenarioArgs),
    /// Start the built-in stand-in for Runnity's servers alone, for another tool or box to load.
    Serve(Box<serve::ServeArgs>),
    /// Show, write and put back the kernel settings that a plan needs.
    Tune(tune::TuneArgs),
}

const EXIT_STATUS_HELP: &str = "\
Exit status:
  0  every criterion was met
  1  a criterion was not met
  2  wrong arguments, or a plan that cannot fit
  3  the run proves nothing: inconclusive, or stopped early";

impl Cli {
    /// Does what was typed, and says what is wrong on standard error.
    pub fn execute(self) -> ExitStatus {
        let outcome = match self.command {
            Command::Addresses(args) => Ok(addresses::run(args)),
            Command::Doctor(args) => doctor::run(*args),
            Command::Preflight(args) => preflight::run(*args),
            Command::Prepare(args) => prepare::run(args),
            Command::Run(args) => conduct::conduct(*args),
            Command::Scenario(args) => scenario::run(args).map(|()| ExitStatus::Passed),
            Command::Serve(args) => serve::run(*args).map(|()| ExitStatus::Passed),
            Command::Tune(args) => Ok(tune::run(args)),
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

/// Prints what a command has found on standard output: as JSON, or as the text that is made with or without colour.
pub(crate) fn print_found(
    json: bool,
    found: &impl Serialize,
    text: impl FnOnce(bool) -> String,
) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, found)?;
        writeln!(out)?;
    } else {
        let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        write!(out, "{}", text(colour))?;
    }
    Ok(out.flush()?)
}

/// [`print_found`] for checks, whose verdict is the exit status whether it could be printed or not: what kept it is said.
pub(crate) fn print_or_tell(json: bool, found: &impl Serialize, text: impl FnOnce(bool) -> String) {
    if let Err(error) = print_found(json, found, text)
        && !is_broken_pipe(&error)
    {
        tell(&format!("warning: the checks could not be printed: {error:#}"));
    }
}

/// Prints a line on standard error. Nobody may be reading there any more, which is no reason to end a run.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn clap_finds_nothing_wrong() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_has_help_and_every_value_a_name() {
        let whole = Cli::command();
        let steps = whole.get_subcommands().flat_map(|command| command.get_subcommands());
        for command in whole.get_subcommands().chain(steps) {
            for arg in command.get_arguments() {
                let name = format!("{} --{}", command.get_name(), arg.get_id());
                assert!(arg.get_help().is_some(), "{name} has no help");
                if arg.get_action().takes_values() {
                    let value = arg.get_value_names().map(|names| names[0].to_string()).unwrap_or_default();
                    assert!(!value.is_empty(), "{name} has no value name");
                    assert_eq!(value, value.to_uppercase(), "{name}'s value name");
                }
            }
        }
    }

    #[test]
    fn a_broken_pipe_is_no_failure() {
        let broken = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("printing");
        assert!(is_broken_pipe(&broken));
        assert!(!is_broken_pipe(&anyhow::anyhow!("broken pipe")));
    }
}
