//! `startline preflight`: the guide's checklist before a test, each item looked at for real.
//!
//! Takes a run's options, so that the very same ones can be given to `run`. Asks in the order in which items hang on each other;
//! what is judged is [`crate::preflight`]'s. Invariants: no place and no ticket is spent: nobody joins, nobody enters; every
//! request has a timeout.

mod ask;
mod reach;
mod watched;

use std::fs;
use std::io::IsTerminal;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use jiff::Timestamp;

use super::prepare::{TargetArgs, quoted};
use super::run::SettingsArgs;
use super::{ExitStatus, agent, conduct, doctor, hosts, print_or_tell, tell, values};
use crate::doctor::readings::{Readings, SocketTrial};
use crate::engine::{Hosts, descriptors};
use crate::plan::summary::Summary;
use crate::plan::target::TargetError;
use crate::plan::{Plan, Settings};
use crate::preflight::members::SampleSize;
use crate::preflight::watch::Watch;
use crate::preflight::{Check, Remedy, Report, Verdict, challenge, members, text, this_box};
use crate::units::grouped;

/// The option is `run`'s, which can do without.
const TARGET_HELP: &str = "The servers that are to be looked at, such as http://runnity.example:8080; required, here or in the file of --plan";
/// Members that log in where nothing is said.
const SAMPLE: u32 = 10;

/// Options of `startline preflight`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Exit status:
  0  everything is there; there may be warnings
  1  an item fails
  2  wrong arguments
  3  the target could not be asked",
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

    /// What is to be run. After preflight's own options, which would not be found below so many.
    #[command(flatten)]
    settings: SettingsArgs,
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
    let watch = args.watch.as_deref().map(read_watch).transpose()?.unwrap_or_default();
    let settings = settings(&args)?;
    let asked_at = Timestamp::now();
    let (url, found) = match settings.target() {
        Err(TargetError::Unresolved { host, reason }) => {
            (settings.target.clone().unwrap_or_default(), nameless(&settings, &host, &reason))
        }
        _ => {
            let prepared = Prepared::new(&args.settings, settings, watch)?;
            let found = prepared.found(args.sample.unwrap_or(SampleSize::Some(SAMPLE)))?;
            (prepared.plan.target.url(), found)
        }
    };
    let report = Report::new(url, asked_at, found.checks);
    print_or_tell(args.json, &report, |colour| text::table(&report, colour));
    Ok(match report.verdict {
        _ if !found.was_asked => ExitStatus::Inconclusive,
        Verdict::Fail | Verdict::Refuse => ExitStatus::Failed,
        Verdict::Unknown | Verdict::Ok | Verdict::Warn => ExitStatus::Passed,
    })
}

/// What the options mean, of a run against real servers.
fn settings(args: &PreflightArgs) -> Result<Settings> {
    let settings = args.settings.clone().into_settings()?;
    if settings.target.is_none() {
        bail!(
            "preflight looks at real servers: give them with --target URL (without a target, run starts a stand-in of its \
             own, which is always ready)"
        );
    }
    Ok(settings)
}

/// What there is to see of a target without an address: no plan can be made for it, so this box is not held against one.
fn nameless(settings: &Settings, host: &str, reason: &str) -> Found {
    let is_secure = settings.target.as_deref().is_some_and(|url| {
        let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
        matches!(scheme.as_str(), "https" | "wss")
    });
    let reached = reach::nameless(host, is_secure, reason);
    let mut checks = reached.checks;
    if let Some(why) = reached.why_not {
        checks.extend(unasked(settings, why));
        checks.push(this_box::unknown(why));
    }
    Found { checks, was_asked: reached.was_asked }
}

/// What is not asked of a target that does not answer.
fn unasked(settings: &Settings, why: &str) -> Vec<Check> {
    let mut checks = vec![crate::preflight::clock::unknown(why)];
    checks.extend(members::unknown(why));
    checks.extend(challenge::unknown(settings.wait_ready, why));
    checks
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
    fn new(args: &SettingsArgs, settings: Settings, watch: Watch) -> Result<Self> {
        descriptors::raise_limit().context("cannot raise the soft descriptor limit to the hard one")?;
        let (plan, peer, room) = doctor::plan_of(&settings, Path::new("/"))?;
        let join = join(args, &plan);
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
            Some(why) => checks.extend(unasked(&self.settings, why)),
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
            checks.extend(challenge::unknown(self.settings.wait_ready, why));
            return Ok(());
        };
        let (found, asker) = ask::members(&self.plan, schedule, &agent, sample);
        checks.extend(found);
        let found = match asker {
            Some(asker) => ask::challenge(&self.plan, &self.settings, schedule, &asker, &self.join)?,
            None => {
                let why = "because nobody of the sample could log in";
                challenge::unknown(self.settings.wait_ready, why)
            }
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

/// How absent members join, by the options that were typed: those of the plan, and nobody else's place is taken.
fn join(args: &SettingsArgs, plan: &Plan) -> Remedy {
    let text = "has those of the plan join who are absent";
    let Some((target, members)) = args.target.as_ref().zip(typed_members(args, plan)) else {
        // All that there is to type is in a plan file, or a file of members has more than the plan.
        return Remedy::advice(format!(
            "startline prepare join, with the plan's target and challenge, and a file of its {} members, {text}",
            grouped(plan.sessions.into())
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
    Remedy::command(text, format!("startline prepare join {target}{members}"))
}

/// The options that name the plan's members and nobody else; `None` where only a file of their own would.
fn typed_members(args: &SettingsArgs, plan: &Plan) -> Option<String> {
    let challenge = plan.members.only_challenge()?;
    let id = |index: u32| plan.members.id(index);
    let (first, last) = (id(0), id(plan.sessions.checked_sub(1)?));
    if (0..plan.sessions).all(|index| first.checked_add(u64::from(index)) == Some(id(index))) {
        return Some(format!(" --challenge {challenge} --members {first}-{last}"));
    }
    let all = SettingsArgs { sessions: None, preset: None, ..args.clone() };
    if all.into_settings().ok()?.sessions != plan.sessions {
        return None;
    }
    let files: String = args.members.iter().map(|file| format!(" --members {}", quoted(file))).collect();
    Some(format!(" --challenge {challenge}{files}"))
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

    fn joined(args: &SettingsArgs) -> Remedy {
        let settings = args.clone().into_settings().expect("it makes sense");
        join(args, &doctor::plan_of(&settings, Path::new("/")).expect("a plan").0)
    }

    #[test]
    fn joining_is_typed_with_the_same_options_for_the_plan_s_members_alone() {
        let args = SettingsArgs {
            target: Some("http://192.0.2.1".into()),
            members: vec!["13-6012".into()],
            challenge: Some(38),
            time_zone: Some("+09:00".into()),
            ..Default::default()
        };
        let begin =
            "startline prepare join --target http://192.0.2.1 --time-zone +09:00 --challenge 38 --members ";
        assert_eq!(joined(&args).command, Some(format!("{begin}13-6012")));
        let fewer = SettingsArgs { sessions: Some(2000), ..args };
        assert_eq!(joined(&fewer).command, Some(format!("{begin}13-2012")));
        assert_eq!(joined(&fewer).text, "has those of the plan join who are absent");
    }

    #[test]
    fn files_of_members_are_typed_where_they_have_nobody_else() {
        let temp = tempfile::tempdir().expect("a directory");
        let file = temp.path().join("test ids.csv");
        fs::write(&file, "memberId,challengeId\n13,38\n20,38\n21,38\n").expect("written");
        let file = file.display().to_string();
        let args = SettingsArgs {
            target: Some("http://192.0.2.1".into()),
            members: vec![file.clone()],
            ..Default::default()
        };
        let expected =
            format!("startline prepare join --target http://192.0.2.1 --challenge 38 --members '{file}'");
        assert_eq!(joined(&args).command, Some(expected));
        let fewer = SettingsArgs { sessions: Some(2), ..args };
        assert_eq!(joined(&fewer).command, None);
        assert!(joined(&fewer).text.contains("a file of its 2 members"));
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
