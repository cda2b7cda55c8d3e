//! What a subcommand does: its steps in order, signals, the terminal, files.
//!
//! Reads the parsed command line ([`crate::cli`]) and turns outcomes into exit statuses. Does not decide anything about
//! a run: that is [`crate::plan`]'s. With [`crate::prepare`] and [`crate::lookup`] the only place with `anyhow`: below, errors have types.
//! Invariant: an option either has an effect or is refused.

mod abort;
mod addresses;
mod compare;
mod conduct;
mod countdown;
mod doctor;
mod ending;
mod manual;
mod merge;
mod mix;
mod mock_process;
mod page;
mod pausing;
mod preflight;
mod prepare;
mod printed;
mod ready;
mod recording;
mod report;
mod scenario;
mod scenario_check;
mod scenario_file;
mod scenario_import;
mod search;
mod serve;
mod settings;
mod trial;
mod tune;
mod watch;
mod window;

use std::time::Duration;

use crate::cli::{Cli, Command};
use crate::exit_status::ExitStatus;
use crate::terminal::tell;
use crate::{interrupt, terminal};

/// How long what is left for standard error may take to be printed at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Cli {
    /// Carries out the command; prints errors on standard error.
    pub fn execute(self) -> ExitStatus {
        terminal::print_panics();
        if let Err(error) = interrupt::outlive_file_limit() {
            tell(&format!(
                "warning: a write past the limit for files (ulimit -f) will kill this process: {error}"
            ));
        }
        let status = self.carry_out();
        terminal::flush(LAST_WORDS);
        status
    }

    fn carry_out(self) -> ExitStatus {
        let outcome = match self.command {
            Command::Addresses(args) => Ok(addresses::command::run(args)),
            Command::Compare(args) => compare::run(&args),
            Command::Completions(args) => manual::completions(&args).map(|()| ExitStatus::Passed),
            Command::Doctor(args) => doctor::run(*args, mix::need),
            Command::Man(args) => manual::man(&args).map(|()| ExitStatus::Passed),
            Command::Merge(args) => merge::run(&args),
            Command::Preflight(args) => preflight::run(*args),
            Command::Prepare(args) => prepare::run(args),
            Command::Report(args) => report::run(&args).map(|()| ExitStatus::Passed),
            Command::Run(args) => match settings::mix::parts(&args.settings) {
                Ok(Some(parts)) => mix::conduct(&args, &parts),
                Ok(None) => conduct::conduct(*args),
                Err(error) => Err(error),
            },
            Command::Scenario(args) => scenario::run(args).map(|()| ExitStatus::Passed),
            Command::Serve(args) => serve::run(*args).map(|()| ExitStatus::Passed),
            Command::Try(args) => trial::run(&args),
            Command::Tune(args) => Ok(tune::command::run(args)),
            Command::Watch(args) => watch::show(&args).map(|()| ExitStatus::Passed),
        };
        outcome.unwrap_or_else(|error| {
            // The reader has seen enough: `startline … | head` is not a failure.
            if printed::is_broken_pipe(&error) {
                return ExitStatus::Passed;
            }
            tell(&format!("error: {error:#}"));
            ExitStatus::Refused
        })
    }
}
