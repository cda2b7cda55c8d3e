//! The order of a run's steps: plan, mock server or look-up, results directory, load, verdict.
//!
//! Each step can refuse; the later ones have more to undo, so each check is made as early as it can be. Invariant:
//! from the first second of load on, nothing ends the run without a summary.

use std::cell::RefCell;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use startline_os::descriptors;
use startline_os::system::System;

use super::abort::Abort;
use super::countdown::count_down;
use super::ending::{DISK_PATIENCE, DISK_PATIENCE_STOPPED, conclude};
use super::mock_process::MockServer;
use super::pausing::Pausing;
use super::ready::{Asked, Waited};
use super::report::Reports;
use super::search::Searching;
use super::watch;
use crate::app::doctor;
use crate::app::page::PageKeeper;
use crate::app::printed::{is_broken_pipe, print_found};
use crate::app::ready;
use crate::app::recording::{self, Servers};
use crate::checks::{Page, Verdict, text as checks_text};
use crate::cli::run::RunArgs;
use crate::doctor::{BROADCAST_LOAD, Report, SocketTrial, examine_this_machine};
use crate::engine::{self, Course, EngineError, Hosts, Steering, TlsBroken};
use crate::exit_status::ExitStatus;
use crate::exporter::{self, Exporter};
use crate::interrupt::{Interrupt, Notices};
use crate::lang::{Lang, Sentence};
use crate::live::Live;
use crate::lookup::advice::{hint, told};
use crate::lookup::challenge::{LookedUp, Standing, look_up_heard};
use crate::lookup::hosts::trust_of;
use crate::lookup::{agent, handshake, scheme};
use crate::measure::Totals;
use crate::numbers;
use crate::plan::capacity::Limits;
use crate::plan::course::{Finish, Misfit};
use crate::plan::schedule::{self, Challenge, Entry, Start};
use crate::plan::summary::Summary;
use crate::plan::zone::Clues;
use crate::plan::{CaFile, Plan, Target};
use crate::report::files::{Lacking, ResultsDir, default_name};
use crate::report::kept::Head;
use crate::report::view::View;
use crate::report::{RunResult, text};
use crate::terminal::tell;

/// The variable that names the file of secrets; browsers and curl read it, too.
const KEY_LOG_FILE: &str = "SSLKEYLOGFILE";

/// Carries out `startline run`.
///
/// # Errors
/// The run cannot begin.
pub fn conduct(args: RunArgs) -> Result<ExitStatus> {
    let output = Output::of(&args);
    let reports = Reports::check(&args.report, args.out.as_deref())?;
    output.out.as_deref().map_or(Ok(()), ResultsDir::refuse_taken)?;
    let watch = watch::read(&args.watch)?;
    let is_bare = args.settings.url.is_some();
    let settings = args.settings.into_settings()?;
    descriptors::raise_limit().context("cannot raise the soft descriptor limit to the hard one")?;
    let (mut plan, limits) = doctor::plan_of(settings, Path::new("/"))?;
    let summary = Summary::new(&plan).beside(System::read(Path::new("/")).memory_available.ok());
    // The other hosts that may be connected to decide how many ports there are.
    let mut hosts = doctor::hosts_of(&plan)?;
    let need = doctor::need_of(&plan, &summary, &limits, &hosts);
    let fit = examine_this_machine(&need, Path::new("/"), SocketTrial::IfClose);
    refuse_what_cannot_fit(&fit)?;
    refuse_late(&plan)?;
    check_key_log(&plan)?;
    output.show_plan(&summary, &fit);
    let exporter = args.metrics.map(|address| output.serve_metrics(address, &plan)).transpose()?;

    let interrupt =
        Interrupt::listen(Notices::new("nothing has been loaded yet", "nothing has been loaded"))?;
    let pausing = Pausing::listen()?;
    if !args.yes && !count_down([&plan], &interrupt) {
        let reason = interrupt.reason().unwrap_or_default();
        tell(&format!("error: {reason} during the countdown: nothing was loaded"));
        return Ok(ExitStatus::Inconclusive);
    }
    let mock_server = if plan.is_for_mock() { Some(start_mock_server(&mut plan, &limits)?) } else { None };
    hosts.trust = trust_of(&plan)?;
    if is_bare && let Some(TlsBroken { fault, evidence }) = handshake::refused(&plan, hosts.trust.as_ref()) {
        let url = plan.target.url();
        tell(&format!("error: no TLS connection to {url}: {evidence} ({}): nothing was loaded", fault.key()));
        tell(&format!("  {}", fault.advice()));
        return Ok(ExitStatus::Inconclusive);
    }
    let ask = || agent::new(&plan, hosts.trust.as_ref());
    let wait = match mock_server {
        Some(_) => Wait::Nothing,
        None => match check_schedule(&plan, &ask(), &interrupt, &output) {
            Ok(wait) => wait,
            Err(unfit) => return begin_unfit(unfit, &plan, &interrupt),
        },
    };
    let path = output.directory();
    let head =
        recording::shard_of(&plan).map(|shard| Head::new(shard, plan.settings.scenario.header.clone()));
    let (layout, text) = (engine::layout_of(&plan), plan.settings.to_toml());
    let mut directory = ResultsDir::create(&path, &layout, &text, head.as_ref())?;
    if let Wait::Ready { after } = wait
        && !wait_ready(&plan, &ask(), after, &interrupt, &output)?
    {
        tell("stopped while waiting for READY; nothing was loaded");
        return Ok(ExitStatus::Inconclusive);
    }
    let results_are = format!("the results up to the last second are in {}", path.display());
    interrupt.now_says(Notices::new("closing the sessions", &results_are));
    let stop = || interrupt.reason().or_else(|| mock_server.as_ref().and_then(MockServer::ended));
    let servers = Servers {
        watching: watch::start(watch::complete(watch, &plan)?, &plan, hosts.trust.as_ref())?,
        requires_all: args.require.is_some(),
    };
    let keeper = PageKeeper::start(&path, output.lang);
    let shown = (&output, exporter, servers);
    let loaded = load(&plan, &hosts, (&interrupt, &stop, &pausing), &mut directory, shown);
    if let Err(error) = &loaded
        && let Some(EngineError::Stopped(_)) = error.downcast_ref()
    {
        tell(&error.to_string());
        return Ok(ExitStatus::Inconclusive);
    }
    let (result, lacking) = loaded?;
    drop(mock_server);
    let print = |result: &RunResult| output.print_result(&interrupt, result, &path);
    Ok(conclude(result, (&lacking, &path), (&reports, keeper), output.lang, print))
}

/// Says why a run cannot begin that does not fit its target's schedule.
pub(super) fn begin_unfit(unfit: Unfit, plan: &Plan, interrupt: &Interrupt) -> Result<ExitStatus> {
    match unfit {
        Unfit::Interrupted => tell(&format!(
            "error: {} during the look-up of the challenge: nothing was loaded",
            interrupt.reason().unwrap_or_default()
        )),
        Unfit::Refused(error) => return Err(error),
        Unfit::Unasked(error) => {
            tell(&format!("error: the challenge could not be looked up: {}", told(&error)));
            match scheme::should_be_secure(plan) {
                Some(advice) => tell(&format!("  {advice}")),
                None => tell(&format!("  {}", hint(&error))),
            }
        }
    }
    Ok(ExitStatus::Inconclusive)
}

/// Refuses a plan that does not fit this machine, before the first socket.
pub(super) fn refuse_what_cannot_fit(fit: &Report) -> Result<()> {
    if fit.verdict == Verdict::Refuse {
        let page = Page { colour: false, ..Page::of(&std::io::stderr()) };
        bail!("the plan does not fit this machine:\n{}", checks_text::refusals(&fit.checks, page).trim_end());
    }
    Ok(())
}

/// Refuses a start that has passed: the other shards would have begun without this one.
fn refuse_late(plan: &Plan) -> Result<()> {
    let Some(start_at) = plan.settings.start_at else { return Ok(()) };
    let late = Timestamp::now().duration_since(start_at);
    match Duration::try_from(late) {
        Ok(late) => bail!(
            "--start-at {start_at} has passed, {} ago: give all shards a later instant, far enough for each to be ready",
            numbers::span(late)
        ),
        Err(_) => Ok(()),
    }
}

/// What to print, and where results go.
pub(super) struct Output {
    out: Option<PathBuf>,
    json: bool,
    quiet: bool,
    lang: Lang,
    live: bool,
}

impl Output {
    /// As the options say.
    pub(super) fn of(args: &RunArgs) -> Self {
        Self {
            out: args.out.clone(),
            json: args.json,
            quiet: args.quiet,
            lang: args.lang,
            live: !args.no_live,
        }
    }

    /// The language of results.
    pub(super) fn lang(&self) -> Lang {
        self.lang
    }

    /// Where the results go. A directory that was not named is made here, so that no other run takes it.
    pub(super) fn directory(&self) -> PathBuf {
        if let Some(out) = &self.out {
            return out.clone();
        }
        let name = default_name(jiff::Zoned::now().datetime());
        // Another run may have started in the same second.
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        // What else goes wrong is said when its files are made.
        let is_taken = |error: std::io::Error| error.kind() == ErrorKind::AlreadyExists;
        names.find(|name| !fs::create_dir(name).is_err_and(is_taken)).unwrap_or(name).into()
    }

    fn show_plan(&self, summary: &Summary<'_>, fit: &Report) {
        // Standard error: what a run prints on standard output is its result.
        self.say(summary.to_string());
        // The summary warns of the broadcasts, unless it counts a control group's cores as whole ones.
        self.show_checks(fit, summary.load_warning().is_some());
    }

    /// Shows what this machine may lack; `is_said`: that the broadcasts are too many is said already.
    pub(super) fn show_checks(&self, fit: &Report, is_said: bool) {
        for check in fit.with(Verdict::Warn).filter(|check| !is_said || check.id != BROADCAST_LOAD) {
            self.say(format!("warning: {}", checks_text::line(check)));
        }
    }

    /// Begins to serve metrics before anything else is opened.
    pub(super) fn serve_metrics(&self, address: SocketAddr, plan: &Plan) -> Result<Exporter> {
        let exporter = Exporter::listen(address, plan)?;
        let line = format!("metrics: http://{}{}", exporter.address(), exporter::PATH);
        // A port that the kernel chose is known from nowhere else.
        match address.port() {
            0 => tell(&line),
            _ => self.say(line),
        }
        Ok(exporter)
    }

    pub(super) fn say(&self, line: impl AsRef<str>) {
        if !self.quiet {
            tell(line.as_ref());
        }
    }

    /// What shows the run as it goes: the live view where there is a screen for it, else the status line.
    pub(super) fn view(
        &self,
        plan: &Plan,
        interrupt: &Interrupt,
        pausing: &Pausing,
    ) -> Option<Box<dyn View>> {
        if self.quiet {
            return None;
        }
        let live = if self.live { Live::start(plan, interrupt.first(), pausing.key()) } else { None };
        Some(live.map_or_else(|| Box::<recording::Progress>::default() as _, |live| Box::new(live) as _))
    }

    /// Prints the result; `false` if a program was to read it and cannot. What is for people is in the files as well, and
    /// the exit status says it.
    pub(super) fn print_result(&self, interrupt: &Interrupt, result: &RunResult, path: &Path) -> bool {
        let printed = print_found(Some(interrupt), self.json, result, |page| match self.quiet {
            true => text::verdict(result, self.lang, page),
            false => text::summary(result, Some(path), self.lang, page),
        });
        match printed {
            // A reader of text may have seen enough; a part of a JSON text is not JSON.
            Err(error) if self.json || !is_broken_pipe(&error) => {
                let severity = if self.json { "error" } else { "warning" };
                tell(&format!("{severity}: the result could not be printed: {error:#}"));
                !self.json
            }
            _ => true,
        }
    }
}

/// Starts the mock server that a plan without a target loads, and makes it the plan's target.
pub(super) fn start_mock_server(plan: &mut Plan, limits: &Limits) -> Result<MockServer> {
    let Some(challenge) = plan.members.only_challenge() else {
        bail!(
            "the members are in several challenges and the built-in mock server has one: give the members of one challenge, or a --target"
        );
    };
    let arguments = MockServer::arguments(&[plan], challenge, limits.descriptors_hard);
    let mock_server = MockServer::start(&arguments)?;
    load_mock_server(plan, &mock_server)?;
    Ok(mock_server)
}

/// Makes a mock server the plan's target.
pub(super) fn load_mock_server(plan: &mut Plan, mock_server: &MockServer) -> Result<()> {
    plan.target = Target::resolve(&mock_server.url, &[])?;
    if let Some(pem) = &mock_server.ca {
        plan.tls.ca =
            vec![CaFile::new("the mock server's certificate", pem.clone()).map_err(|why| anyhow!(why))?];
    }
    Ok(())
}

/// Refuses --tls-key-log without a file to write to: the library that writes the secrets reports no errors.
pub(super) fn check_key_log(plan: &Plan) -> Result<()> {
    if !plan.tls.key_log {
        return Ok(());
    }
    let file = std::env::var_os(KEY_LOG_FILE).filter(|file| !file.is_empty()).ok_or_else(|| {
        anyhow!("--tls-key-log writes to the file that {KEY_LOG_FILE} names, and that is not set: export {KEY_LOG_FILE}=FILE")
    })?;
    // Readable by the user alone, if it is created here.
    let opened = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&file);
    opened.with_context(|| format!("{KEY_LOG_FILE}: cannot write {}", Path::new(&file).display())).map(drop)
}

/// What to wait for before the load.
pub(super) enum Wait {
    Nothing,
    Ready { after: Duration },
}

/// Why a run against a real target cannot begin.
pub(super) enum Unfit {
    /// The plan does not fit the challenge.
    Refused(anyhow::Error),
    /// The target did not answer.
    Unasked(anyhow::Error),
    /// A signal asked for the end before it did.
    Interrupted,
}

/// Asks the target whether the plan fits its schedule.
pub(super) fn check_schedule(
    plan: &Plan,
    agent: &ureq::Agent,
    interrupt: &Interrupt,
    output: &Output,
) -> Result<Wait, Unfit> {
    let Some(scheduled) = &plan.scenario.schedule else { return Ok(Wait::Nothing) };
    let looked_up = look_up_heard(plan, scheduled, agent, interrupt)
        .map_err(Unfit::Unasked)?
        .ok_or(Unfit::Interrupted)?;
    check_standing(&looked_up, plan, output).map_err(Unfit::Refused)?;
    check_finish(&looked_up, plan, output).map_err(Unfit::Refused)?;
    refuse_zone(&looked_up, plan).map_err(Unfit::Refused)?;
    let fits = judge(&looked_up, plan).map_err(Unfit::Refused)?;
    Ok(match fits {
        Start::Now => Wait::Nothing,
        Start::WhenReady { after, .. } => Wait::Ready { after },
    })
}

fn judge(looked_up: &LookedUp, plan: &Plan) -> Result<Start> {
    let challenge = Challenge::read(&looked_up.status, &looked_up.starts_at, &looked_up.ends_at)?;
    let zone = schedule::known_zone(&plan.settings.time_zone)?;
    let entry = looked_up.standing.map_or(Entry::First, Standing::entry);
    Ok(schedule::judge(&challenge, &zone, looked_up.server_now, &plan.settings.demand(entry))?)
}

/// Refuses a zone that the look-up rules out: ramp and hold would be judged by other times than the servers'.
fn refuse_zone(looked_up: &LookedUp, plan: &Plan) -> Result<()> {
    let challenge = Challenge::read(&looked_up.status, &looked_up.starts_at, &looked_up.ends_at)?;
    let zone = schedule::known_zone(&plan.settings.time_zone)?;
    let clues = Clues::new(&challenge, looked_up.created_at.as_deref(), looked_up.server_now, &zone);
    Ok(clues.rule_out()?)
}

/// Refuses sessions that would run on behind the challenge's end; warns of ones that stop before it.
fn check_finish(looked_up: &LookedUp, plan: &Plan, output: &Output) -> Result<()> {
    let misfit = looked_up.course_cm.zip(Finish::of(plan)).map(|(course_cm, finish)| finish.check(course_cm));
    match misfit {
        Some(Err(misfit @ Misfit::Beyond { .. })) => bail!("{misfit}; {}", misfit.fix()),
        Some(Err(misfit)) => output.say(format!("warning: {misfit}; {}", misfit.fix())),
        _ => {}
    }
    Ok(())
}

/// Warns of members who will be refused; refuses a run if that is all of them.
fn check_standing(looked_up: &LookedUp, plan: &Plan, output: &Output) -> Result<()> {
    let Some(Standing { absent, barred, .. }) = looked_up.standing else { return Ok(()) };
    let mut reasons = Vec::new();
    if absent > 0 {
        reasons.push(format!("{absent} have not joined"));
    }
    if barred > 0 {
        reasons.push(format!("{barred} have quit, finished or are inside already"));
    }
    if reasons.is_empty() {
        return Ok(());
    }
    let (sessions, reasons) = (plan.sessions(), reasons.join(", "));
    if absent + barred == sessions {
        bail!(
            "none of the {sessions} members can enter the challenge: {reasons}; give other members, or another challenge"
        );
    }
    output
        .say(format!("warning: of the {sessions} members {reasons}: each of them will be refused at enter"));
    Ok(())
}

/// Waits until the challenge is READY; `false` if that was interrupted or the target stopped answering.
pub(super) fn wait_ready(
    plan: &Plan,
    agent: &ureq::Agent,
    after: Duration,
    interrupt: &Interrupt,
    output: &Output,
) -> Result<bool> {
    let Some(scheduled) = &plan.scenario.schedule else { return Ok(true) };
    let asked = Asked {
        look_up: &|| look_up_heard(plan, scheduled, agent, interrupt),
        judge: &|looked_up| judge(looked_up, plan),
        quiet: output.quiet,
    };
    match ready::wait(&asked, after, interrupt)? {
        Waited::Ready(looked_up) => check_standing(&looked_up, plan, output).map(|()| true),
        Waited::Interrupted => Ok(false),
        Waited::Unanswered(error) => {
            tell(&format!("error: the challenge could not be looked up: {}", told(&error)));
            Ok(false)
        }
    }
}

/// Plays the plan and records it second by second.
fn load(
    plan: &Plan,
    hosts: &Hosts,
    (interrupt, stop, pausing): (&Interrupt, &dyn Fn() -> Option<Sentence>, &Pausing),
    directory: &mut ResultsDir,
    (output, exporter, servers): (&Output, Option<Exporter>, Servers),
) -> Result<(RunResult, Lacking)> {
    let mut views: Vec<Box<dyn View>> = Vec::new();
    views.extend(output.view(plan, interrupt, pausing));
    views.extend(exporter.map(|exporter| Box::new(exporter) as Box<dyn View>));
    let mut recording = recording::Recording::new(plan, directory, views, servers);
    let abort = RefCell::new(Abort::new(&plan.settings.abort_on));
    let searching = Searching::of(plan);
    let ended = || searching.as_ref().map_or_else(|| abort.borrow().reason(), Searching::reason);
    let stop = || stop().or_else(ended);
    let course = searching.as_ref().map(|it| it as &dyn Course);
    let steering = Steering { stop: &stop, paused: &|| pausing.wanted(), course };
    let outcome = engine::run(plan, hosts, &steering, &mut |second| {
        let result = recording.second(second);
        let measures = |part, totals: &Totals| recording.part(part, totals);
        match &searching {
            Some(searching) => {
                searching.look(second, &result, recording.facts(), &measures);
                if searching.begins() {
                    recording.begin_step();
                }
                let (settings, steps, _) = searching.decided();
                recording.decided(settings, steps);
            }
            None => abort.borrow_mut().look(second, &result, &measures),
        }
    })?;
    let ending = match &searching {
        Some(searching) => {
            let (settings, steps, ending) = searching.decided();
            recording.decided(settings, steps);
            ending
        }
        None => abort.into_inner().ending(),
    };
    let patience = || if interrupt.reason().is_some() { DISK_PATIENCE_STOPPED } else { DISK_PATIENCE };
    Ok(recording.finish(&outcome, ending, patience))
}
