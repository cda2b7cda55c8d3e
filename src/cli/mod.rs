//! The command line as clap reads it: options, their help, what their values mean as text.
//!
//! Turns arguments into data and does nothing with them: the steps of a command are [`crate::app`]'s. Invariant: every
//! option has help, and every value a name.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};

use crate::checks::Page;
use crate::checks::table::{fitted, terminal_columns};
use crate::nearest::nearest;

pub mod addresses;
pub mod compare;
pub mod completions;
pub mod doctor;
pub mod man;
pub mod merge;
pub mod preflight;
pub mod prepare;
pub mod report;
pub mod run;
pub mod scenario;
pub mod serve;
pub mod trial;
pub mod tune;
pub mod values;
pub mod watch;

/// Load-tests WebSocket servers with thousands of realistic sessions from one Linux machine, and gives a verdict.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, args_override_self = true, after_help = format!("{EXIT_STATUS_HELP}\n\n{FIRST_STEPS}"))]
pub struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add, remove and list addresses of this machine for sessions to come from.
    Addresses(addresses::AddressesArgs),
    /// Say what differs between runs, and from three runs a side on what is better or worse.
    Compare(compare::CompareArgs),
    /// Print a shell's completions of these commands and their options.
    Completions(completions::CompletionsArgs),
    /// Check whether this machine can run the plan; print the command that fixes what it lacks.
    Doctor(Box<doctor::DoctorArgs>),
    /// Print a page of the manual, or write all of them.
    Man(man::ManArgs),
    /// Add up the results of a plan's shards (run --shard) to one.
    Merge(merge::MergeArgs),
    /// Check before a test that all is ready: target, clock, members, challenge, this machine, monitoring.
    Preflight(Box<preflight::PreflightArgs>),
    /// Create members and a challenge, and have the members join it, before a run.
    Prepare(prepare::PrepareArgs),
    /// Make another form of a run's results: CSV, JUnit, Markdown and more.
    Report(report::ReportArgs),
    /// Run a load test; without --target, against the built-in mock server.
    Run(Box<run::RunArgs>),
    /// Check a scenario, show the built-in ones, start a new one.
    Scenario(scenario::ScenarioArgs),
    /// Start the built-in mock server alone, for another tool or machine to load.
    Serve(Box<serve::ServeArgs>),
    /// Try a scenario with one session; show everything that it sends and receives.
    Try(Box<trial::TryArgs>),
    /// Show, write and put back the kernel settings that a plan needs.
    Tune(tune::TuneArgs),
    /// Show what a run watches of the servers with --prometheus and --redis.
    Watch(watch::WatchArgs),
}

/// Options of other load generators (k6, JMeter, Locust, wrk, …), and what they are called here.
const OTHERS_OPTIONS: [(&str, &str); 18] = [
    ("-c", "--sessions"),
    ("-d", "--hold"),
    ("-r", "--rate"),
    ("-u", "--sessions"),
    ("--concurrency", "--sessions"),
    ("--connections", "--sessions"),
    ("--duration", "--hold"),
    ("--ramp-time", "--ramp"),
    ("--ramp-up", "--ramp"),
    ("--rampup", "--ramp"),
    ("--rps", "--rate"),
    ("--spawn-rate", "--rate"),
    ("--stages", "--stage"),
    ("--threads", "--sessions"),
    ("--users", "--sessions"),
    ("--virtual-users", "--sessions"),
    ("--vus", "--sessions"),
    ("--host", "--target"),
];

/// Commands of other tools, and what they are called here.
const OTHERS_COMMANDS: [(&str, &str); 10] = [
    ("bench", "run"),
    ("check", "scenario check"),
    ("import", "scenario import"),
    ("list", "scenario show"),
    ("load", "run"),
    ("mock", "serve"),
    ("server", "serve"),
    ("start", "run"),
    ("test", "run"),
    ("validate", "scenario check"),
];

/// Those for which there is no option, and why.
const OTHERS_WORDS: [(&[&str], &str); 4] = [
    (
        &["h", "m", "s", "ms", "min", "sec", "seconds", "minutes"],
        "a time is one word: 90s, 1.5m; with a space it is in quotes: \"90 s\"",
    ),
    (
        &["--iterations", "--loops", "--loop", "--repeat"],
        "a session is played once and held: --sessions says how many there are, --hold for how long",
    ),
    (
        &["-H", "--header", "--cookie", "--data", "--body", "--message", "--payload", "--subprotocol"],
        "what a session sends is in its scenario: startline scenario new --out ours.toml",
    ),
    (&["--url", "--uri"], "a WebSocket's URL has no option: startline run ws://HOST:PORT/PATH"),
];

/// What `serve` calls the option of other servers.
const SERVE_LISTEN: &str = "--listen";
/// What that is called elsewhere.
const OTHERS_LISTEN: [&str; 4] = ["-p", "--port", "--bind", "--host"];

impl Cli {
    /// Parses the process's arguments; ends the process with a hint if they are wrong.
    pub fn of_process() -> Self {
        Self::of(std::env::args_os().collect()).unwrap_or_else(|error| refuse(&error))
    }

    fn of(args: Vec<OsString>) -> Result<Self, clap::Error> {
        let command = args.get(1).map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        let later = command_behind_options(&args);
        Self::try_parse_from(args).map_err(|error| match later {
            Some(command) => behind(error, &command),
            None => hinted(error, &command),
        })
    }
}

/// Ends the process as clap does, with the message as wide as the terminal: clap breaks only help at spaces.
fn refuse(error: &clap::Error) -> ! {
    let out = std::io::stderr();
    if !error.use_stderr() || !out.is_terminal() {
        error.exit();
    }
    let styled = error.render();
    let text = if Page::of(&out).colour { styled.ansi().to_string() } else { styled.to_string() };
    // Whoever closed it reads nothing anyway.
    let _ = out.lock().write_all(fitted(&text, terminal_columns(&out), false).as_bytes());
    std::process::exit(error.exit_code());
}

/// The command of a line that begins with an option.
fn command_behind_options(args: &[OsString]) -> Option<String> {
    let mut typed = args.iter().skip(1).map(|it| it.to_string_lossy());
    typed.next().filter(|first| first.starts_with('-'))?;
    let whole = Cli::command();
    typed.find(|it| whole.get_subcommands().any(|command| command.get_name() == it)).map(Into::into)
}

/// Says that options stand behind their command.
fn behind(mut error: clap::Error, command: &str) -> clap::Error {
    if let (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    {
        let why = format!("options stand after the command: startline {command} {option}");
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::Usage);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![why.into()]));
    }
    error
}

/// Adds the hints that clap does not find: two swapped letters, and the names that other tools use.
fn hinted(mut error: clap::Error, command: &str) -> clap::Error {
    let typed = |kind| match error.get(kind) {
        Some(ContextValue::String(typed)) => typed.clone(),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand if error.get(ContextKind::SuggestedSubcommand).is_none() => {
            let (typed, command) = (typed(ContextKind::InvalidSubcommand), Cli::command());
            let theirs = OTHERS_COMMANDS.iter().find(|(theirs, _)| *theirs == typed).map(|(_, ours)| *ours);
            let nearest = || nearest(&typed, command.get_subcommands().map(clap::Command::get_name));
            if let Some(name) = theirs.or_else(nearest) {
                let suggested = ContextValue::Strings(vec![name.to_owned()]);
                error.insert(ContextKind::SuggestedSubcommand, suggested);
            }
        }
        // A second place on the line is the target's.
        ErrorKind::UnknownArgument if typed(ContextKind::InvalidArg).contains("://") => {
            let url = typed(ContextKind::InvalidArg);
            let why = format!("the servers of a scenario go with --target {url}");
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![why.into()]));
            error.remove(ContextKind::Usage);
        }
        ErrorKind::UnknownArgument if ["run", "try", "doctor", "preflight", "serve"].contains(&command) => {
            let typed = typed(ContextKind::InvalidArg);
            if let Some(ours) = of_others(command, &typed) {
                // Nobody means it as a value.
                error.remove(ContextKind::Suggested);
                error.insert(ContextKind::SuggestedArg, ContextValue::String(ours.to_owned()));
                // It is of the option that clap found similar.
                error.remove(ContextKind::Usage);
            }
            if command == "serve" {
                return error;
            }
            if let Some((_, why)) = OTHERS_WORDS.iter().find(|(theirs, _)| theirs.contains(&typed.as_str())) {
                error.remove(ContextKind::SuggestedArg);
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*why).into()]));
                error.remove(ContextKind::Usage);
            }
        }
        _ => {}
    }
    error
}

/// Returns what a command calls this option of another tool.
fn of_others(command: &str, typed: &str) -> Option<&'static str> {
    match command {
        "serve" => OTHERS_LISTEN.contains(&typed).then_some(SERVE_LISTEN),
        // Its options are fewer than a run's.
        "try" => None,
        _ => OTHERS_OPTIONS.iter().find(|(theirs, _)| *theirs == typed).map(|(_, ours)| *ours),
    }
}

pub(crate) const EXIT_STATUS_HELP: &str = "\
Exit status:
  0  all criteria met
  1  a criterion failed
  2  wrong arguments, or the plan does not fit this machine
  3  inconclusive: the load generator was overloaded, the run was stopped early,
     or a result could not be written";

/// What a newcomer types next; it comes last, where a terminal stops.
const FIRST_STEPS: &str = "\
First steps:
  startline run --demo                     a load test against the mock server
  startline try ws://HOST:PORT/PATH        one session of yours, all of it shown
  startline run ws://HOST:PORT/PATH -n 50  a load of 50 sessions, and a verdict
  startline scenario new --out ours.toml   logins and messages: a file to edit
  startline COMMAND --help                 a command's options";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_finds_nothing_wrong() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_slip_or_another_tool_s_option_gets_a_hint() {
        for (typed, hint) in [
            (&["rnu"][..], "exists: 'run'"),
            (&["test"], "exists: 'run'"),
            (&["check", "ours.toml"], "exists: 'scenario check'"),
            (&["--sessions", "5", "run"], "tip: options stand after the command: startline run --sessions"),
            (&["run", "--duration", "5s"], "exists: '--hold'"),
            (&["doctor", "--vus=9"], "exists: '--sessions'"),
            (&["run", "--users", "9"], "exists: '--sessions'"),
            (&["run", "--threads=9"], "exists: '--sessions'"),
            (&["run", "--rampup", "9s"], "exists: '--ramp'"),
            (&["run", "--stages", "1m:10"], "exists: '--stage'"),
            (&["run", "ws://host", "-c", "9"], "exists: '--sessions'"),
            (&["run", "ws://host", "--hold", "90", "s"], "tip: a time is one word: 90s"),
            (&["run", "--iterations", "9"], "tip: a session is played once and held: --sessions says"),
            (
                &["try", "ours.toml", "http://host"],
                "tip: the servers of a scenario go with --target http://host",
            ),
            (&["run", "--loops=9"], "tip: a session is played once and held"),
            (&["try", "ws://host", "-H", "A: b"], "tip: what a session sends is in its scenario"),
            (&["run", "--url", "ws://host"], "tip: a WebSocket's URL has no option: startline run ws://"),
            (&["serve", "--port", "8080"], "exists: '--listen'"),
            (&["scenario", "list"], "exists: 'scenario show'"),
            (
                &["run", "plan.jmx"],
                "plan.jmx is not a scenario; make one of it: startline scenario import plan.jmx",
            ),
            (&["run", "load.js"], "start one, which is TOML: startline scenario new"),
            (&["run", "ws://host:99999/"], "(invalid port number)"),
            (&["run", "ws://me:secret@host/"], "write basic_auth in [websocket]"),
            (&["run", "--stage", "1000:2m"], "write 2m:1000"),
        ] {
            let args = ["startline"].iter().chain(typed).map(OsString::from).collect();
            let error = Cli::of(args).expect_err("refused").to_string();
            assert!(error.contains(hint), "{error}");
        }
        let error = Cli::of(["startline", "run", "ws://host", "--vus", "9"].map(OsString::from).into())
            .expect_err("no");
        assert!(!error.to_string().contains("as a value"), "{error}");
        let error = Cli::of(["startline", "serve", "--vus", "9"].map(OsString::from).into()).expect_err("no");
        assert!(!error.to_string().contains("--sessions"), "{error}");
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
                    // So that "-5s" is refused as a time, not as an option.
                    let is_amount = ["TIME", "RATE", "N", "COUNT", "ID"].contains(&value.as_str());
                    let may_be_negative =
                        arg.is_allow_hyphen_values_set() || arg.is_allow_negative_numbers_set();
                    assert!(may_be_negative || !is_amount, "{name} takes -5 for an option");
                }
            }
        }
    }
}
