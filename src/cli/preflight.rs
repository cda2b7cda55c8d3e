//! `startline preflight`: the guide's checklist before a test, each item checked against the real servers.
//!
//! Takes a run's options, so that the very same ones can be given to `run`. Asks in the order in which checks depend on each other, on
//! a thread of its own, so that a signal is heard whatever is waited for; what is judged is [`crate::preflight`]'s. Invariants: no
//! place and no ticket is spent: nobody joins, nobody enters; every request has a timeout; what was found is printed.

mod ask;
mod board;
mod join;
mod reach;
mod watched;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use jiff::Timestamp;
use startline_os::descriptors;

use self::board::{Board, Standing, Telling};
use super::interrupt::{Interrupt, Words};
use super::run::SettingsArgs;
use super::{ExitStatus, agent, conduct, doctor, hosts, print_or_tell, values};
use crate::checks::{Check, Fix, Verdict};
use crate::doctor::{SocketTrial, examine_this_machine};
use crate::engine::Hosts;
use crate::plan::summary::Summary;
use crate::plan::target::TargetError;
use crate::plan::{Plan, Settings};
use crate::preflight::members::SampleSize;
use crate::preflight::watch::Watch;
use crate::preflight::{Report, certificate, challenge, clock, members, target, text, this_machine};

/// The option is `run`'s, which can do without.
const TARGET_HELP: &str =
    "The servers to check, such as http://runnity.example:8080; required, here or in the file of --plan";
/// Members that log in by default.
const SAMPLE: u32 = 10;

/// Options of `startline preflight`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Exit status:
  0  no check fails; there may be warnings
  1  a check fails
  2  wrong arguments
  3  the target could not be asked, or a signal ended it",
    mut_arg("target", |arg| arg.help(TARGET_HELP).long_help(None)),
    mut_arg("tls", |arg| arg.hide(true)),
    mut_arg("no_broadcast", |arg| arg.hide(true)))]
pub struct PreflightArgs {
    /// Members that log in, one after the other: the first, the last, and others drawn by the seed; or all [default: 10].
    #[arg(long, value_name = "N", value_parser = sample_size, help_heading = "Checks")]
    sample: Option<SampleSize>,

    /// See whether what is watched during the test answers: a TOML file of pages, Prometheus and Redis servers.
    #[arg(long, value_name = "FILE", help_heading = "Checks")]
    watch: Option<PathBuf>,

    /// Print the checks as JSON on standard output, and nothing else there.
    #[arg(long, help_heading = "Checks")]
    json: bool,

    /// The plan. After preflight's own options, which would not be found below so many.
    #[command(flatten)]
    settings: SettingsArgs,
}

fn sample_size(text: &str) -> Result<SampleSize, String> {
    match text {
        "all" => Ok(SampleSize::All),
        _ => values::count(text).map(SampleSize::Some).map_err(|error| format!("{error}, or all")),
    }
}

/// What signals are answered with.
const ENDING: Words = Words {
    first: b"\nending: no more checks; printing what was found (press Ctrl-C again to quit at once)\n",
    second: b"\nquit at once\n",
};
/// Why checks are not made then.
const INTERRUPTED: &str = "preflight was interrupted";

/// Carries out `startline preflight`.
///
/// # Errors
/// What is wrong with the arguments, or that the checks cannot be printed.
pub fn run(args: PreflightArgs) -> Result<ExitStatus> {
    let watch = args.watch.as_deref().map(read_watch).transpose()?.unwrap_or_default();
    let settings = settings(&args)?;
    let asked_at = Timestamp::now();
    let asking = Asking {
        sample: args.sample.unwrap_or(SampleSize::Some(SAMPLE)),
        args: args.settings,
        settings,
        watch,
        board: Arc::new(Board::new()),
    };
    let interrupt = Interrupt::listen(&ENDING)?;
    asking.board.now("looking up the target's name");
    let telling = Telling::start(Arc::clone(&asking.board))?;
    let found = asking.found(&interrupt);
    drop(telling);
    let found = found?;
    let report = Report { interrupted: found.interrupted, ..Report::new(found.url, asked_at, found.checks) };
    print_or_tell(args.json, &report, |page| text::table(&report, page));
    Ok(match report.verdict {
        _ if report.interrupted || !found.was_asked => ExitStatus::Inconclusive,
        Verdict::Fail | Verdict::Refuse => ExitStatus::Failed,
        Verdict::Unknown | Verdict::Ok | Verdict::Warn => ExitStatus::Passed,
    })
}

/// What the options mean, of a run against real servers.
fn settings(args: &PreflightArgs) -> Result<Settings> {
    let settings = args.settings.clone().into_settings()?;
    if settings.target.is_none() {
        bail!(
            "preflight checks real servers: give them with --target URL (without a target, run starts the built-in mock \
             server, which is always ready)"
        );
    }
    Ok(settings)
}

/// Whether a URL that may not be one names https.
fn is_secure(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
    matches!(scheme.as_str(), "https" | "wss")
}

/// What there is to see.
struct Found {
    /// The target's.
    url: String,
    checks: Vec<Check>,
    /// The target answered, or showed a certificate that is not to be trusted.
    was_asked: bool,
    /// Somebody asked for the end before that was all.
    interrupted: bool,
}

/// Everything that was typed, and where it is written what comes of it.
#[derive(Clone)]
struct Asking {
    args: SettingsArgs,
    settings: Settings,
    watch: Watch,
    sample: SampleSize,
    board: Arc<Board>,
}

/// Everything that is known before anything is asked.
struct Prepared {
    plan: Plan,
    hosts: Hosts,
    /// How absent members join.
    join: Fix,
    need: crate::doctor::Need,
}

impl Asking {
    /// Asks everything, until somebody asks for the end.
    fn found(&self, interrupt: &Interrupt) -> Result<Found> {
        // Neither a name that is looked up nor a request can be interrupted: what comes of them then is written nowhere.
        let asking = self.clone();
        let prepared = interrupt.or(Duration::ZERO, move || asking.prepare())?.transpose()?;
        let prepared = prepared.map(|prepared| prepared.map(Arc::new));
        let is_whole = match &prepared {
            None => false,
            // Of a name without an address all is said.
            Some(None) => true,
            Some(Some(prepared)) => {
                let (asking, prepared) = (self.clone(), Arc::clone(prepared));
                interrupt.or(Duration::ZERO, move || asking.ask(&prepared))?.transpose()?.is_some()
            }
        };
        let prepared = prepared.flatten();
        let plan = prepared.as_ref().map(|prepared| &prepared.plan);
        let Standing { mut checks, logins, was_asked, .. } = self.board.close();
        if !is_whole {
            if let Some(plan) = plan.filter(|_| !logins.is_empty()) {
                checks.extend(ask::members_so_far(plan, self.sample, &logins));
            }
            checks.extend(self.outline(plan).into_iter().skip(checks.len()));
        }
        let typed = self.settings.target.clone().unwrap_or_default();
        let url = plan.map_or(typed, |plan| plan.target.url());
        Ok(Found { url, checks, was_asked, interrupted: !is_whole })
    }

    /// Everything there is to find, in the same order, as what was not found.
    fn outline(&self, plan: Option<&Plan>) -> Vec<Check> {
        let typed = self.settings.target.as_deref().unwrap_or_default();
        let host = plan.map_or_else(|| host_of(typed), |plan| plan.target.host.clone());
        let mut checks = vec![target::connect_skipped(INTERRUPTED)];
        if is_secure(typed) {
            checks.push(certificate::skipped(&host, INTERRUPTED));
        }
        checks.push(target::http_skipped(INTERRUPTED));
        checks.extend(self.skipped(INTERRUPTED));
        checks.push(this_machine::skipped(INTERRUPTED));
        checks.extend(watched::skipped(&self.watch, INTERRUPTED));
        checks
    }

    /// The checks that need a target that answers.
    fn skipped(&self, cause: &str) -> Vec<Check> {
        let mut checks = vec![clock::skipped(cause)];
        checks.extend(members::skipped(cause));
        checks.extend(challenge::skipped(self.settings.wait_ready, cause));
        checks
    }

    /// Finds out all that asking takes; `None` where the target's name has no address: no plan can be made for it, so this machine is
    /// not compared with one.
    fn prepare(&self) -> Result<Option<Prepared>> {
        if let Err(TargetError::Unresolved { host, reason }) = self.settings.target() {
            let is_secure = self.settings.target.as_deref().is_some_and(is_secure);
            let cause = reach::unresolved(&host, is_secure, &reason, &self.board);
            self.board.found(self.skipped(cause));
            self.board.found([this_machine::skipped(cause)]);
            return Ok(None);
        }
        Prepared::new(&self.args, &self.settings).map(Some)
    }

    /// Asks all there is to ask.
    fn ask(&self, prepared: &Prepared) -> Result<()> {
        let (plan, trust) = (&prepared.plan, prepared.hosts.trust.as_ref());
        match reach::target(plan, trust, &self.board) {
            None => self.ask_over_http(prepared)?,
            Some(cause) => self.board.found(self.skipped(cause)),
        }
        if self.board.now("checking this machine") {
            self.board.found([prepared.this_machine()]);
        }
        watched::ask(&self.watch, plan, trust, &self.board);
        Ok(())
    }

    /// Asks what needs answers over HTTP.
    fn ask_over_http(&self, prepared: &Prepared) -> Result<()> {
        let (plan, settings, board) = (&prepared.plan, &self.settings, &self.board);
        let agent = agent::new(plan, prepared.hosts.trust.as_ref());
        reach::clock(plan, &agent, board);
        let Some(schedule) = &plan.scenario.schedule else {
            let cause = "the scenario has no [schedule], which says how a member logs in and looks up";
            board.found(members::skipped(cause));
            board.found(challenge::skipped(settings.wait_ready, cause));
            return Ok(());
        };
        let asker = match ask::members(plan, schedule, &agent, self.sample, board) {
            ask::Asked::Stopped => return Ok(()),
            ask::Asked::By(asker) => asker,
            ask::Asked::Nobody => {
                board.found(challenge::skipped(settings.wait_ready, "nobody of the sample could log in"));
                return Ok(());
            }
        };
        if board.now(format!("looking up challenge {}", asker.challenge())) {
            board.found(ask::challenge(plan, settings, schedule, &asker, &prepared.join)?);
        }
        Ok(())
    }
}

/// The host of a URL that may not be one.
fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.split_once(']') {
        Some((address, _)) => format!("{address}]"),
        None => rest.split([':', '/']).next().unwrap_or_default().to_owned(),
    }
}

impl Prepared {
    fn new(args: &SettingsArgs, settings: &Settings) -> Result<Self> {
        descriptors::raise_limit().context("cannot raise the soft descriptor limit to the hard one")?;
        let (plan, peer, room) = doctor::plan_of(settings, Path::new("/"))?;
        let join = join::fix(args, &plan);
        let mut hosts = hosts::resolve(&plan)?;
        let need = {
            let summary = Summary::new(&plan, &settings.members, peer);
            doctor::need_of(settings, &plan, &summary, peer, &room, &hosts)
        };
        hosts.trust = conduct::trust_of(&plan)?;
        Ok(Self { plan, hosts, join, need })
    }

    fn this_machine(&self) -> Check {
        this_machine::check(&examine_this_machine(&self.need, Path::new("/"), SocketTrial::IfClose))
    }
}

fn read_watch(file: &Path) -> Result<Watch> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("--watch: cannot read {name}"))?;
    Ok(Watch::read(&name, &text, &|variable| std::env::var(variable).ok())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_counts_or_all() {
        assert_eq!(sample_size("25"), Ok(SampleSize::Some(25)));
        assert_eq!(sample_size("all"), Ok(SampleSize::All));
        assert!(sample_size("0").is_err());
        assert!(sample_size("some").expect_err("no").ends_with(", or all"));
    }

    #[test]
    fn hosts_are_found_in_what_was_typed() {
        assert_eq!(host_of("https://runnity.example:8443"), "runnity.example");
        assert_eq!(host_of("http://[::1]:80/x"), "[::1]");
        assert_eq!(host_of("runnity.example"), "runnity.example");
        assert!(is_secure("WSS://x") && is_secure("https://x") && !is_secure("http://https"));
    }

    #[test]
    fn its_own_options_come_first_and_the_target_is_called_required() {
        use clap::Args as _;
        let help = PreflightArgs::augment_args(clap::Command::new("preflight")).render_help().to_string();
        // However wide the page is.
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("no {text} in {help}"));
        assert!(at("--sample <") < at("--target <") && at("--watch <") < at("--target <"), "{help}");
        assert!(at("--json ") < at("--target <"), "{help}");
        assert!(help.contains("required, here or in the file of --plan"), "{help}");
        assert!(!help.contains("a stand-in is started") && !help.contains("--no-broadcast"), "{help}");
    }
}
