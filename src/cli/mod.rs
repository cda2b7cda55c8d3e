//! The command line as clap reads it: options, their help, what their values mean as text.
//!
//! What was typed, as data. Does nothing: the steps of a command are [`crate::app`]'s. Invariant: every option has help, and every
//! value a name.

use clap::{Parser, Subcommand};

pub mod doctor;
pub mod preflight;
pub mod prepare;
pub mod run;
pub mod scenario;
pub mod serve;
pub mod values;

/// Puts thousands of real WebSocket sessions on the line from one Linux box and judges the servers they talk to.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, args_override_self = true, after_help = EXIT_STATUS_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
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
}

pub(crate) const EXIT_STATUS_HELP: &str = "\
Exit status:
  0  every criterion was met
  1  a criterion was not met
  2  wrong arguments, or a plan that cannot fit
  3  the run proves nothing: inconclusive, or stopped early";

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
}
