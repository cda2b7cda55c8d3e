//! `startline tune`: from what was typed to an exit status.

use super::{How, Places};
use crate::cli::tune::{HowArgs, Http, PlanArgs, Step, TuneArgs};
use crate::doctor::need::HttpConnections;
use crate::exit_status::ExitStatus;
use crate::terminal::tell;
use crate::tune::wanted::{Asked, Servers};

impl PlanArgs {
    pub(crate) fn asked(&self) -> Asked {
        Asked {
            sessions: self.sessions,
            sources: self.sources,
            targets: self.targets,
            ramp: self.ramp,
            hold: self.hold,
            stages: self.stage.clone(),
            lifetime: self.lifetime.clone(),
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
        Step::Show(plan) => Ok(super::show(&Places::under(&plan.root), &plan.asked())),
        Step::Apply { plan, how } => super::apply(&Places::under(&plan.root), &plan.asked(), (*how).into()),
        Step::Revert { force, how, root } => super::revert(&Places::under(root), *force, (*how).into()),
        Step::Persist { remove, dry_run, root } => {
            super::persist(&Places::under(root), *remove, How { dry_run: *dry_run, yes: true })
        }
    };
    status(done)
}

/// What a change comes to: not all could be done, and it was said, or is said here.
pub(crate) fn status(done: anyhow::Result<bool>) -> ExitStatus {
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
    use std::path::PathBuf;
    use std::sync::Arc;

    use clap::Parser;

    use super::*;
    use crate::doctor::readings::Readings;
    use crate::doctor::{self, Need, Verdict};
    use crate::plan::Settings;
    use crate::plan::turnover::Turnover;
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
                        "--lifetime ~9m",
                        "--lifetime 20s..30m --mock",
                    ] {
                        // Every life is gone through.
                        if more.contains("--lifetime") && sessions > 60_000 {
                            continue;
                        }
                        let plan = asked(&format!("--sessions {sessions} --ramp {ramp} {more}"));
                        let (need, mut readings) = plan.look(&root);
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
            let printed = doctor::tune_command(&need, &readings).command.expect("a command");
            let options = printed.strip_prefix("startline tune apply ").expect("that command");
            // On the same machine: whose the addresses are goes with the plan.
            let (told, mut there) = asked(options).look(&PathBuf::from("/"));
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

    /// A plan whose lifetimes are drawn is another with each seed.
    #[test]
    fn what_is_written_is_enough_for_other_draws() {
        let (mut met, root) = (0, PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let root = root.join("tests/fixtures/doctor/conntrack-full");
        for load in [
            "--sessions 2000 --lifetime ~2s --hold 3m",
            "--sessions 6000 --lifetime 5s..50s --hold 5m",
            "--stage 1m:9000 --stage 3m:9000 --stage 10s:100 --stage 1m:9000 --lifetime ~30s",
        ] {
            for more in ["", "--http none", "--mock", "--server", "--http pooled"] {
                let plan = asked(&format!("{load} {more}"));
                let (need, mut readings) = plan.look(&root);
                readings.system.tw_buckets = Ok(8_192);
                let written = wanted(&need, &readings);
                written.changes.iter().for_each(|change| assert!(readings.system.set(&change.setting)));
                for seed in (1..4).filter(|_| written.unmet.is_empty()) {
                    let shape = Settings { seed, ..plan.load() }.shape();
                    let other = Need { turnover: Some(Arc::new(Turnover::of(&shape))), ..need.clone() };
                    assert!(is_content(&other, &readings), "{load} {more}: {written:#?}");
                    met += 1;
                }
            }
        }
        assert!(met > 20, "{met}");
    }

    #[test]
    fn the_doctor_and_tune_agree_on_the_plan_that_they_disagreed_on() {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/doctor/default");
        let changes = |words: &str| {
            let (need, readings) = asked(words).look(&root);
            wanted(&need, &readings).changes.len()
        };
        // 28,000 sessions and 47 that just closed their HTTP connection, by addresses of the
        // loopback: of 28,232 ports.
        assert_eq!(changes("--sessions 28000 --ramp 10m --server --sources 1"), 0);
        assert_eq!(changes("--sessions 28000 --ramp 10m --http none"), 0);
        assert_eq!(changes("--sessions 28000 --ramp 10m"), 1);
    }
}
