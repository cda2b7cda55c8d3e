//! `startline preflight`: the guide's checklist before a test, each item looked at for real.
//!
//! Takes a run's options, so that the very same ones can be given to `run`. Asks in the order in which items hang on each other;
//! what is judged is [`crate::preflight`]'s. Invariants: no place and no ticket is spent: nobody joins, nobody enters; every
//! request has a timeout.

mod ask;
mod reach;
mod watched;

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use jiff::Timestamp;

use super::prepare::{TargetArgs, quoted};
use super::run::SettingsArgs;
use super::{ExitStatus, agent, conduct, doctor, hosts, tell, values};
use crate::doctor::readings::{Readings, SocketTrial};
use crate::engine::{Hosts, descriptors};
use crate::plan::summary::Summary;
use crate::plan::{Plan, Settings};
use crate::preflight::members::SampleSize;
use crate::preflight::watch::Watch;
use crate::preflight::{Check, Remedy, Report, Verdict, challenge, members, text, this_box};

/// Members that log in where nothing is said.
const SAMPLE: u32 = 10;

/// Options of `startline preflight`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Exit status:
  0  everything is there; there may be warnings
  1  an item fails
  2  wrong arguments
  3  the target could not be asked")]
pub struct PreflightArgs {
    /// What is to be run.
    #[command(flatten)]
    settings: SettingsArgs,

    /// Members that log in, one after the other: the first, the last, and others drawn by the seed; or all [default: 10].
    #[arg(long, value_name = "N", value_parser = sample_size, help_heading = "Checks")]
    sample: Option<SampleSize>,

    /// See whether what is watched during the test answers: a TOML file of pages, Prometheus and Redis servers.
    #[arg(long, value_name = "FILE", help_heading = "Checks")]
    watch: Option<PathBuf>,

    /// Print the checks as JSON on standard output, and nothing else there.
    #[arg(long, help_heading = "Output")]
    json: bool,
}

fn sample_size(text: &str) -> Result<SampleSize, String> {
    match text {
        "all" => Ok(SampleSize::All),
        _ => values::count(text).map(SampleSize::Some).map_err(|error| format!("{error}, or all")),
    }
}

/// Carries out `startline preflight`.
///
/// # Errors
/// What is wrong with the arguments, or that the checks cannot be printed.
pub fn run(args: PreflightArgs) -> Result<ExitStatus> {
    let prepared = Prepared::new(&args)?;
    let asked_at = Timestamp::now();
    let found = prepared.found(args.sample.unwrap_or(SampleSize::Some(SAMPLE)))?;
    let report = Report::new(prepared.plan.target.url(), asked_at, found.checks);
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        write!(out, "{}", text::table(&report, colour))?;
    }
    out.flush()?;
    Ok(match report.verdict {
        _ if !found.was_asked => ExitStatus::Inconclusive,
        Verdict::Fail | Verdict::Refuse => ExitStatus::Failed,
        Verdict::Unknown | Verdict::Ok | Verdict::Warn => ExitStatus::Passed,
    })
}

/// What there is to see.
struct Found {
    checks: Vec<Check>,
    /// The target answered, or showed a certificate that is not to be trusted.
    was_asked: bool,
}

/// Everything that is known before anything is asked.
struct Prepared {
    settings: Settings,
    plan: Plan,
    hosts: Hosts,
    watch: Watch,
    /// How absent members join.
    join: Remedy,
    need: crate::doctor::Need,
}

impl Prepared {
    fn new(args: &PreflightArgs) -> Result<Self> {
        let watch = args.watch.as_deref().map(read_watch).transpose()?.unwrap_or_default();
        let join = join(&args.settings);
        let settings = args.settings.clone().into_settings()?;
        if settings.target.is_none() {
            bail!(
                "preflight looks at real servers: give them with --target URL (without a target, run starts a stand-in of its \
                 own, which is always ready)"
            );
        }
        descriptors::raise_limit().context("cannot raise the soft descriptor limit to the hard one")?;
        let (plan, peer, room) = doctor::plan_of(&settings, Path::new("/"))?;
        let mut hosts = hosts::resolve(&plan)?;
        let need = {
            let summary = Summary::new(&plan, &settings.members, peer);
            doctor::need_of(&settings, &plan, &summary, peer, &room, &hosts)
        };
        hosts.trust = conduct::trust_of(&plan)?;
        Ok(Self { settings, plan, hosts, watch, join, need })
    }

    /// Asks everything.
    fn found(&self, sample: SampleSize) -> Result<Found> {
        let trust = self.hosts.trust.as_ref();
        let reached = reach::target(&self.plan, trust);
        let mut checks = reached.checks;
        match &reached.why_not {
            None => self.ask(sample, &mut checks)?,
            Some(why) => {
                checks.push(crate::preflight::clock::unknown(why));
                checks.extend(members::unknown(why));
                checks.extend(challenge::unknown(why));
            }
        }
        checks.push(self.this_box());
        checks.extend(watched::checks(&self.watch, &self.plan, trust));
        Ok(Found { checks, was_asked: reached.was_asked })
    }

    /// Asks what needs answers over HTTP.
    fn ask(&self, sample: SampleSize, checks: &mut Vec<Check>) -> Result<()> {
        let agent = agent::new(&self.plan, self.hosts.trust.as_ref());
        checks.push(reach::clock(&self.plan, &agent));
        let Some(schedule) = &self.plan.scenario.schedule else {
            let why = "because the scenario has no [schedule], which says how a member logs in and looks up";
            checks.extend(members::unknown(why));
            checks.extend(challenge::unknown(why));
            return Ok(());
        };
        let (found, asker) = ask::members(&self.plan, schedule, &agent, sample);
        checks.extend(found);
        let found = match asker {
            Some(asker) => ask::challenge(&self.plan, &self.settings, schedule, &asker, &self.join)?,
            None => challenge::unknown("because nobody of the sample could log in"),
        };
        checks.extend(found);
        Ok(())
    }

    fn this_box(&self) -> Check {
        let readings = Readings::of_this_box(Path::new("/"), &self.need, SocketTrial::IfClose);
        this_box::check(&crate::doctor::examine(&self.need, &readings))
    }
}

fn read_watch(file: &Path) -> Result<Watch> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("--watch: cannot read {name}"))?;
    Ok(Watch::read(&name, &text, &|variable| std::env::var(variable).ok())?)
}

/// How absent members join, by the options that were typed.
fn join(args: &SettingsArgs) -> Remedy {
    let text = "has every member that is absent join";
    let Some(target) = &args.target else {
        // All that there is to type is in a plan file.
        return Remedy::advice(format!(
            "startline prepare join, with the plan's target, challenge and members, {text}"
        ));
    };
    let target = TargetArgs {
        target: target.clone(),
        scenario: args.scenario.clone(),
        time_zone: args.time_zone.clone(),
        resolve: args.resolve.clone(),
        source_ip: args.source_ip.clone(),
        ca: args.ca.clone(),
        insecure: args.insecure,
        set: Vec::new(),
    };
    let mut command = format!("startline prepare join {target}");
    if let Some(challenge) = args.challenge {
        command += &format!(" --challenge {challenge}");
    }
    for members in &args.members {
        command += &format!(" --members {}", quoted(members));
    }
    Remedy::command(text, command)
}

/// Says what takes a while, to whoever waits for it.
fn tell_progress(line: &str) {
    if std::io::stderr().is_terminal() {
        tell(line);
    }
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
    fn joining_is_typed_with_the_same_options() {
        let args = SettingsArgs {
            target: Some("http://192.0.2.1".into()),
            members: vec!["13-20".into(), "my members.csv".into()],
            challenge: Some(38),
            time_zone: Some("+09:00".into()),
            ..Default::default()
        };
        assert_eq!(
            join(&args).command.as_deref(),
            Some(
                "startline prepare join --target http://192.0.2.1 --time-zone +09:00 --challenge 38 --members 13-20 --members \
                 'my members.csv'"
            )
        );
        assert_eq!(join(&SettingsArgs::default()).command, None);
    }
}
