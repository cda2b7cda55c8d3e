//! `startline tune`: its options. Steps are [`crate::app::tune`]'s.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::{ExitStatus, tell, values};
use crate::app::tune::{self, How, Places};
use crate::doctor::need::HttpConnections;
use crate::plan::http;
use crate::tune::wanted::{Asked, Servers};

/// Options of `startline tune`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct TuneArgs {
    /// What to do.
    #[command(subcommand)]
    step: Step,
}

const HELP: &str = "\
apply, revert and persist need root, and wait for another that is running. tuning.md has the reason for each setting.

Exit status:
  0  all settings are as needed
  1  not all: show would change something, or something could not be done and is named
  2  wrong arguments

Environment:
  STARTLINE_TUNE_STATE  what was changed (/var/lib/startline/tune.saved)
  STARTLINE_TUNE_CONF   what persist writes (/etc/sysctl.d/90-startline.conf)";

#[derive(Debug, Subcommand)]
enum Step {
    /// Show each limit: what this machine has, what the plan needs, which setting would change.
    Show(PlanArgs),
    /// Write the settings that are not enough for the plan, and save what was there; lowers
    /// nothing.
    Apply {
        #[command(flatten)]
        plan: PlanArgs,
        #[command(flatten)]
        how: HowArgs,
    },
    /// Put back exactly what apply changed in this network namespace.
    Revert {
        /// Put back also what somebody else has changed since.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        how: HowArgs,
        /// Read and write the kernel's files under this directory.
        #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
        root: PathBuf,
    },
    /// Keep over a reboot what apply changed.
    Persist {
        /// Keep it no longer.
        #[arg(long)]
        remove: bool,
        /// Print what would be written, and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// Read and write the kernel's files under this directory.
        #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
        root: PathBuf,
    },
}

/// How a change is made.
#[derive(Clone, Copy, Debug, Args)]
struct HowArgs {
    /// Print what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,

    /// Write without asking first; it asks only on a terminal.
    #[arg(long, short)]
    yes: bool,
}

/// The plan.
#[derive(Debug, Args)]
struct PlanArgs {
    /// Sessions at once.
    #[arg(long, value_name = "N", value_parser = values::count, default_value = "6000")]
    sessions: u32,

    /// Source addresses [default: 1; with servers here, as many of 127.0.1.0/24 as a run takes].
    #[arg(long, value_name = "N", value_parser = up_to::<65_536>)]
    sources: Option<u32>,

    /// Addresses of the target.
    #[arg(long, value_name = "N", value_parser = up_to::<4_096>, default_value = "1")]
    targets: u32,

    /// Time over which the sessions arrive.
    #[arg(long, value_name = "TIME", value_parser = values::duration, default_value = "60s")]
    ramp: Duration,

    /// How HTTP connections are made, as for startline run; none: the scenario has no HTTP steps.
    #[arg(long, value_name = "MODE", default_value = "per-session")]
    http: Http,

    /// HTTP connections of each worker, with --http pooled.
    #[arg(long, value_name = "N", value_parser = values::count, default_value_t = http::CONNECTIONS_DEFAULT)]
    http_connections: u32,

    /// Workers [default: as many as a run takes].
    #[arg(long, value_name = "N", value_parser = values::count)]
    workers: Option<u32>,

    /// The servers run on this machine too, or only they do.
    #[arg(long, conflicts_with = "mock")]
    server: bool,

    /// With --server: sessions reach it by an address of the network, not of the loopback.
    #[arg(long, requires = "server")]
    no_loopback: bool,

    /// The servers are the built-in mock server, as for startline run without --target.
    #[arg(long)]
    mock: bool,

    /// Read and write the kernel's files under this directory.
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Http {
    PerSession,
    Pooled,
    None,
}

/// A count that is no larger than is sensible.
fn up_to<const MOST: u32>(text: &str) -> Result<u32, String> {
    let count = values::count(text)?;
    if count <= MOST { Ok(count) } else { Err(format!("it is at most {MOST}")) }
}

impl PlanArgs {
    fn asked(&self) -> Asked {
        Asked {
            sessions: self.sessions,
            sources: self.sources,
            targets: self.targets,
            ramp: self.ramp,
            http: match self.http {
                Http::PerSession => HttpConnections::PerSession,
                Http::Pooled => HttpConnections::Pooled { per_worker: self.http_connections },
                Http::None => HttpConnections::None,
            },
            workers: self.workers,
            servers: match (self.mock, self.server) {
                (true, _) => Servers::Mock,
                (_, true) => Servers::Here { loopback: !self.no_loopback },
                (false, false) => Servers::Elsewhere,
            },
        }
    }
}

impl From<HowArgs> for How {
    fn from(HowArgs { dry_run, yes }: HowArgs) -> Self {
        Self { dry_run, yes }
    }
}

/// Carries out `startline tune`.
pub fn run(args: TuneArgs) -> ExitStatus {
    let done = match &args.step {
        Step::Show(plan) => tune::show(&Places::under(&plan.root), &plan.asked()),
        Step::Apply { plan, how } => tune::apply(&Places::under(&plan.root), &plan.asked(), (*how).into()),
        Step::Revert { force, how, root } => tune::revert(&Places::under(root), *force, (*how).into()),
        Step::Persist { remove, dry_run, root } => {
            tune::persist(&Places::under(root), *remove, How { dry_run: *dry_run, yes: true })
        }
    };
    status(done)
}

/// What a change comes to: not all could be done, and it was said, or is said here.
pub(super) fn status(done: anyhow::Result<bool>) -> ExitStatus {
    match done {
        Ok(true) => ExitStatus::Passed,
        Ok(false) => ExitStatus::Failed,
        Err(error) => {
            tell(&format!("error: {error:#}"));
            ExitStatus::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::doctor::readings::Readings;
    use crate::doctor::{self, Need, Remedy, Verdict};
    use crate::tune::wanted::wanted;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        plan: PlanArgs,
    }

    fn asked(words: &str) -> Asked {
        Typed::try_parse_from(std::iter::once("x").chain(words.split_whitespace())).expect(words).plan.asked()
    }

    fn is_content(need: &Need, readings: &Readings) -> bool {
        let report = doctor::examine_settings(need, readings);
        report.with(Verdict::Warn).count() + report.with(Verdict::Refuse).count() == 0
    }

    /// Plans of every kind, on a machine as it is set up and on a narrow one.
    fn spread() -> Vec<(Need, Readings)> {
        let mut all = Vec::new();
        for fixture in ["default", "conntrack-full"] {
            let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/doctor").join(fixture);
            for sessions in [6_000, 28_000, 31_000, 60_000, 250_000, 1_000_000] {
                for ramp in ["0s", "10s", "10m"] {
                    for more in [
                        "",
                        "--sources 3",
                        "--sources 20 --targets 2",
                        "--http none",
                        "--http pooled",
                        "--workers 3",
                        "--server",
                        "--server --sources 1",
                        "--server --no-loopback",
                        "--mock",
                        "--mock --sources 2",
                        "--server --no-loopback --sources 1000",
                        "--targets 600",
                    ] {
                        let plan = asked(&format!("--sessions {sessions} --ramp {ramp} {more}"));
                        let (need, mut readings) = plan.look(&root).expect("limits");
                        for somaxconn in [4_096, 128] {
                            readings.system.somaxconn = Ok(somaxconn);
                            all.push((need.clone(), readings.clone()));
                        }
                    }
                }
            }
        }
        all
    }

    #[test]
    fn what_is_written_is_what_makes_the_doctor_content() {
        let (mut unmet, mut changed) = (0, 0);
        for (need, readings) in spread() {
            let wanted = wanted(&need, &readings);
            assert_eq!(wanted.changes.is_empty() && wanted.unmet.is_empty(), is_content(&need, &readings));
            let mut after = readings.clone();
            for change in &wanted.changes {
                assert!(after.system.set(&change.setting), "{change:?} is no reading");
            }
            assert_eq!(wanted.unmet.is_empty(), is_content(&need, &after), "{need:#?} {wanted:#?}");
            unmet += usize::from(!wanted.unmet.is_empty());
            changed += usize::from(!wanted.changes.is_empty());
        }
        assert!(unmet > 50 && changed > 50, "{unmet} {changed}");
    }

    #[test]
    fn the_command_that_the_doctor_prints_makes_it_content() {
        for (need, readings) in spread() {
            let printed = Remedy::tune(&need, &readings).command.expect("a command");
            let options = printed.strip_prefix("startline tune apply ").expect("that command");
            // On the same machine: whose the addresses are goes with the plan.
            let (told, mut there) = asked(options).look(&PathBuf::from("/")).expect("limits");
            there.system = readings.system.clone();
            let ours = wanted(&need, &readings);
            if ours.unmet.is_empty() {
                let theirs = wanted(&told, &there);
                let mut after = readings.clone();
                theirs.changes.iter().for_each(|change| assert!(after.system.set(&change.setting)));
                assert!(is_content(&need, &after), "{printed} {theirs:#?}");
            }
        }
    }

    #[test]
    fn the_doctor_and_tune_agree_on_the_plan_that_they_disagreed_on() {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/doctor/default");
        let changes = |words: &str| {
            let (need, readings) = asked(words).look(&root).expect("limits");
            wanted(&need, &readings).changes.len()
        };
        // 28,000 sessions and 47 that just closed their HTTP connection, by addresses of the
        // loopback: of 28,232 ports.
        assert_eq!(changes("--sessions 28000 --ramp 10m --server --sources 1"), 0);
        assert_eq!(changes("--sessions 28000 --ramp 10m --http none"), 0);
        assert_eq!(changes("--sessions 28000 --ramp 10m"), 1);
    }
}
