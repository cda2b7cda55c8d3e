//! The order of a run's steps: plan, stand-in or look-up, results directory, load, verdict.
//!
//! Each step can refuse; the later ones have more to undo, so whatever can be known early is asked early. Invariant:
//! from the first second of load on, nothing ends the run without a summary.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;

use super::look_up::{LookedUp, look_up};
use super::run::RunArgs;
use super::stand_in::StandIn;
use super::{ExitStatus, is_broken_pipe, recording};
use crate::engine::{self, Addresses};
use crate::plan::limits::{self, Readings};
use crate::plan::schedule::{self, Challenge, Entry, Start};
use crate::plan::summary::Summary;
use crate::plan::{Plan, Settings, Target};
use crate::report::files::{ResultsDir, default_name};
use crate::report::{RunResult, text};

/// Between two look-ups once READY is due: servers change the status on a schedule of their own.
const READY_LOOK: Duration = Duration::from_secs(1);
/// How long after READY was due failed look-ups are tried again.
const READY_LATE_MAX: Duration = Duration::from_secs(60);
/// Between two lines of the countdown.
const COUNTDOWN: Duration = Duration::from_secs(10);

/// Carries out `startline run`.
///
/// # Errors
/// What keeps the run from beginning.
pub fn conduct(args: RunArgs) -> Result<ExitStatus> {
    let output = Output { out: args.out.clone(), json: args.json, quiet: args.quiet };
    let settings = args.into_settings()?;
    limits::raise_descriptors().context("cannot raise the soft descriptor limit to the hard one")?;
    let readings = Readings::of_this_box().context("cannot read this box's limits")?;
    let target = settings.target()?;
    let is_stand_in = target.is_none();
    let target = target.unwrap_or_else(|| Target::at(([127, 0, 0, 1], 0).into()));
    let mut plan = settings.clone().into_plan(target, &readings)?;
    let hosts = resolve_hosts(&plan)?;
    output.show_plan(&plan, &settings, is_stand_in);

    let interrupt = Interrupt::listen()?;
    let stand_in = if is_stand_in { Some(start_stand_in(&mut plan)?) } else { None };
    let wait = match stand_in {
        Some(_) => Wait::Nothing,
        None => match check_schedule(&plan, &settings, &output) {
            Ok(wait) => wait,
            Err(Unfit::Refused(error)) => return Err(error),
            Err(Unfit::Unasked(error)) => {
                eprintln!("error: the challenge could not be looked up: {error:#}");
                return Ok(ExitStatus::Inconclusive);
            }
        },
    };
    let path = output.directory();
    let mut directory =
        ResultsDir::create(&path, &engine::layout_of(&plan), Timestamp::now(), &settings.to_toml())?;
    if let Wait::Ready { after } = wait
        && !wait_ready(&plan, &settings, after, &interrupt, &output)?
    {
        eprintln!("stopped while waiting for READY; nothing was loaded");
        return Ok(ExitStatus::Inconclusive);
    }
    let result = load(&plan, &settings, hosts, &interrupt, &mut directory, &output)?;
    drop(stand_in);
    if let Err(error) = output.show_result(&result, &path)
        && !is_broken_pipe(&error)
    {
        // The verdict is the exit status all the same. Standard error may be gone too: then there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "warning: the result could not be printed: {error:#}");
    }
    Ok(ExitStatus::of(result.verdict))
}

/// What the user wants to see, and where results go.
struct Output {
    out: Option<PathBuf>,
    json: bool,
    quiet: bool,
}

impl Output {
    fn directory(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| default_name(jiff::Zoned::now().datetime()).into())
    }

    fn show_plan(&self, plan: &Plan, settings: &Settings, is_stand_in: bool) {
        if !self.quiet {
            // Standard error: what a run prints on standard output is its result.
            eprintln!("{}", Summary::new(plan, &settings.members, is_stand_in));
        }
    }

    fn say(&self, line: impl AsRef<str>) {
        if !self.quiet {
            eprintln!("{}", line.as_ref());
        }
    }

    fn show_result(&self, result: &RunResult, path: &Path) -> Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, result)?;
            writeln!(out)?;
        } else {
            let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
            write!(out, "{}", text::summary(result, Some(path), colour))?;
        }
        Ok(out.flush()?)
    }
}

/// The first signal asks for an orderly end, the second leaves at once.
struct Interrupt {
    signal: Arc<AtomicI32>,
}

impl Interrupt {
    fn listen() -> Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        let signal = Arc::new(AtomicI32::new(0));
        for number in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            if number == libc::SIGHUP && is_ignored(number) {
                // nohup: whoever started this wants it to outlive the terminal.
                continue;
            }
            let listen = || -> std::io::Result<()> {
                // In this order: the first signal finds the flag still down.
                let status = i32::from(ExitStatus::Inconclusive as u8);
                signal_hook::flag::register_conditional_shutdown(number, status, Arc::clone(&asked))?;
                signal_hook::flag::register(number, Arc::clone(&asked))?;
                let seen = Arc::clone(&signal);
                // SAFETY: the action stores one atomic integer, which is safe inside a signal handler.
                unsafe {
                    signal_hook::low_level::register(number, move || seen.store(number, Ordering::SeqCst))
                }?;
                Ok(())
            };
            listen().context("cannot listen for signals")?;
        }
        Ok(Self { signal })
    }

    /// Why to stop, if somebody asked.
    fn reason(&self) -> Option<String> {
        let name = match self.signal.load(Ordering::SeqCst) {
            0 => return None,
            libc::SIGINT => "interrupted (SIGINT)",
            libc::SIGHUP => "its terminal went away (SIGHUP)",
            _ => "asked to end (SIGTERM)",
        };
        Some(name.to_owned())
    }
}

/// Whether the process was started with this signal ignored.
fn is_ignored(signal: i32) -> bool {
    // SAFETY: an all-zero sigaction is a valid value, and the call only writes into it.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut now) == 0 && now.sa_sigaction == libc::SIG_IGN
    }
}

fn start_stand_in(plan: &mut Plan) -> Result<StandIn> {
    let challenge = plan.members.challenge(0);
    let stand_in = StandIn::start(&StandIn::arguments(plan, challenge))?;
    plan.target = Target::resolve(&stand_in.url)?;
    Ok(stand_in)
}

/// The hosts that sessions may be led to, with their addresses; the target's is the first.
fn resolve_hosts(plan: &Plan) -> Result<(Vec<String>, Addresses)> {
    let bare = |host: &str| host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let mut names = vec![bare(&plan.target.host)];
    let mut addresses = vec![plan.target.addresses.iter().map(|address| address.ip()).collect::<Vec<_>>()];
    for host in plan.allow_hosts.iter().map(|host| bare(host)) {
        if !names.contains(&host) {
            let target = Target::resolve(&format!("http://{}", bracketed(&host)))
                .with_context(|| format!("--allow-host {host}"))?;
            addresses.push(target.addresses.iter().map(|address| address.ip()).collect());
            names.push(host);
        }
    }
    Ok((names, Addresses { hosts: addresses }))
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// What is left to wait for.
enum Wait {
    Nothing,
    Ready { after: Duration },
}

/// Why a run against a real target cannot begin.
enum Unfit {
    /// The plan does not fit the challenge.
    Refused(anyhow::Error),
    /// The target did not answer.
    Unasked(anyhow::Error),
}

/// Asks the target whether the plan fits its schedule.
fn check_schedule(plan: &Plan, settings: &Settings, output: &Output) -> Result<Wait, Unfit> {
    let Some(scheduled) = &plan.scenario.schedule else { return Ok(Wait::Nothing) };
    let looked_up = look_up(plan, scheduled).map_err(Unfit::Unasked)?;
    tell_standing(&looked_up, plan, output);
    let fits = judge(&looked_up, settings).map_err(Unfit::Refused)?;
    Ok(match fits {
        Start::Now => Wait::Nothing,
        Start::WhenReady { after, .. } => Wait::Ready { after },
    })
}

fn judge(looked_up: &LookedUp, settings: &Settings) -> Result<Start> {
    let challenge = Challenge::read(&looked_up.status, &looked_up.starts_at, &looked_up.ends_at)?;
    let zone = schedule::zone(&settings.time_zone)
        .ok_or_else(|| anyhow!("--time-zone {} is not known on this box", settings.time_zone))?;
    let again = looked_up.standing.is_some_and(|members| members.first == 0 && members.absent == 0);
    let entry = if again { Entry::Again } else { Entry::First };
    Ok(schedule::judge(&challenge, &zone, looked_up.server_now, &settings.demand(entry))?)
}

fn tell_standing(looked_up: &LookedUp, plan: &Plan, output: &Output) {
    let Some(standing) = looked_up.standing else { return };
    if standing.absent > 0 {
        output.say(format!(
            "warning: {} of the {} members have not joined the challenge; each will be refused at enter",
            standing.absent, plan.sessions
        ));
    }
}

/// Waits until the challenge is READY; `false` if that was interrupted.
fn wait_ready(
    plan: &Plan,
    settings: &Settings,
    after: Duration,
    interrupt: &Interrupt,
    output: &Output,
) -> Result<bool> {
    let Some(scheduled) = &plan.scenario.schedule else { return Ok(true) };
    let ready_at = Instant::now() + after;
    let mut next_line = Instant::now();
    while Instant::now() < ready_at {
        if interrupt.reason().is_some() {
            return Ok(false);
        }
        if Instant::now() >= next_line {
            let left = ready_at.saturating_duration_since(Instant::now());
            output.say(format!("waiting for READY: {} s", left.as_secs()));
            next_line += COUNTDOWN;
        }
        std::thread::sleep(Duration::from_millis(50).min(ready_at.saturating_duration_since(Instant::now())));
    }
    loop {
        // Judged again: a READY that comes late may leave too little time for the ramp.
        let last_try = Instant::now() > ready_at + READY_LATE_MAX;
        match look_up(plan, scheduled) {
            Ok(looked_up) if judge(&looked_up, settings)? == Start::Now => return Ok(true),
            Ok(looked_up) => {
                output.say(format!("it should be READY by now and is {}; looking again", looked_up.status));
            }
            Err(error) if last_try => {
                eprintln!("error: the challenge could not be looked up: {error:#}");
                return Ok(false);
            }
            Err(error) => output.say(format!("the look-up failed and is tried again: {error:#}")),
        }
        if interrupt.reason().is_some() {
            return Ok(false);
        }
        std::thread::sleep(READY_LOOK);
    }
}

/// Plays the plan and records it second by second.
fn load(
    plan: &Plan,
    settings: &Settings,
    (names, addresses): (Vec<String>, Addresses),
    interrupt: &Interrupt,
    directory: &mut ResultsDir,
    output: &Output,
) -> Result<RunResult> {
    let mut recording = recording::Recording::new(plan, settings, directory, !output.quiet);
    let outcome = engine::run(plan, &addresses, names, &|| interrupt.reason(), &mut |second| {
        recording.second(second);
    })?;
    Ok(recording.finish(&outcome))
}
