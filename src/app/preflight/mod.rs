//! `startline preflight`: the guide's checklist before a test, each item checked against the real servers.
//!
//! Takes a run's options, so that the very same ones can be given to `run`. Asks in the order in which checks depend on each other, on
//! a thread of its own, so that a signal is heard whatever is waited for; what is judged is [`crate::preflight`]'s. Invariants: no
//! place and no ticket is used up: no member joins or enters; every request has a timeout; what was found is printed.

mod ask;
mod board;
mod join;
mod reach;
mod watched;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use startline_os::descriptors;

use self::board::{Board, BoardState, StatusThread};
use crate::app::printed::print_or_tell;
use crate::app::{doctor, watch};
use crate::checks::{Check, Fix, Verdict};
use crate::cli::preflight::PreflightArgs;
use crate::cli::preflight::SAMPLE;
use crate::cli::run::SettingsArgs;
use crate::doctor::{SocketTrial, examine_this_machine};
use crate::engine::Hosts;
use crate::exit_status::ExitStatus;
use crate::interrupt::{Interrupt, Notices};
use crate::lookup::agent;
use crate::lookup::hosts;
use crate::plan::summary::Summary;
use crate::plan::target::TargetError;
use crate::plan::{Plan, Settings};
use crate::preflight::members::SampleSize;
use crate::preflight::{Report, certificate, challenge, clock, members, target, text, this_machine};
use crate::watch::Watch;

/// Why checks are not made then.
const INTERRUPTED: &str = "preflight was interrupted";

/// Carries out `startline preflight`.
///
/// # Errors
/// What is wrong with the arguments, or that the checks cannot be printed.
pub fn run(args: PreflightArgs) -> Result<ExitStatus> {
    let watch = watch::read(&args.watch)?;
    let settings = settings(&args)?;
    let asked_at = Timestamp::now();
    let asking = Asking {
        sample: args.sample.unwrap_or(SampleSize::Some(SAMPLE)),
        args: args.settings,
        settings,
        watch,
        board: Arc::new(Board::new()),
    };
    let notices = Notices::new("no more checks; printing what was found", "the checks were not printed");
    let interrupt = Interrupt::listen(notices)?;
    asking.board.now("looking up the target's name");
    let status = StatusThread::start(Arc::clone(&asking.board))?;
    let found = asking.found(&interrupt);
    drop(status);
    let found = found?;
    let report = Report { interrupted: found.interrupted, ..Report::new(found.url, asked_at, found.checks) };
    print_or_tell(Some(&interrupt), args.json, &report, |page| text::table(&report, page));
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

/// The outcome of all checks.
struct Found {
    /// The target's.
    url: String,
    checks: Vec<Check>,
    /// The target answered, or showed a certificate that is not to be trusted.
    was_asked: bool,
    /// A signal asked for the end before all was checked.
    interrupted: bool,
}

/// The options, and the board for the results.
#[derive(Clone)]
struct Asking {
    args: SettingsArgs,
    settings: Settings,
    watch: Watch,
    sample: SampleSize,
    board: Arc<Board>,
}

/// What is known before the first request.
struct Prepared {
    plan: Plan,
    hosts: Hosts,
    /// How absent members join.
    join: Fix,
    need: crate::doctor::Need,
}

impl Asking {
    /// Asks everything, until a signal asks for the end.
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
        let BoardState { mut checks, logins, was_asked, .. } = self.board.close();
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
            ask::Asked::None => {
                board.found(challenge::skipped(settings.wait_ready, "no member of the sample could log in"));
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
        let (plan, limits) = doctor::plan_of(settings.clone(), Path::new("/"))?;
        let join = join::fix(args, &plan);
        let mut hosts = doctor::hosts_of(&plan)?;
        let need = doctor::need_of(&plan, &Summary::new(&plan), &limits, &hosts);
        hosts.trust = hosts::trust_of(&plan)?;
        Ok(Self { plan, hosts, join, need })
    }

    fn this_machine(&self) -> Check {
        this_machine::check(&examine_this_machine(&self.need, Path::new("/"), SocketTrial::IfClose))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_in_what_was_typed() {
        assert_eq!(host_of("https://runnity.example:8443"), "runnity.example");
        assert_eq!(host_of("http://[::1]:80/x"), "[::1]");
        assert_eq!(host_of("runnity.example"), "runnity.example");
        assert!(is_secure("WSS://x") && is_secure("https://x") && !is_secure("http://https"));
    }
}
