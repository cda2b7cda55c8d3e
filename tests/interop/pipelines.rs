//! What users' pipelines take from here, as those who run pipelines read it: the GitHub Action, by
//! what checks actions, and the GitLab job, by what plays such jobs on one's own machine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common::{Finished, finish, piped};
use crate::programs::program;
use crate::server::installed;

/// A load that ends soon, beside other tests.
const SHORT: &str = "--sessions 20 --ramp 1s --hold 2s --ramp-down 500ms --ping-interval 1s --lag-limit 30s";

fn ours(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A command with `startline` on its PATH.
fn with_startline(program: impl AsRef<OsStr>) -> Command {
    let built = Path::new(env!("CARGO_BIN_EXE_startline")).parent().expect("in a directory");
    let path = std::env::var("PATH").expect("a PATH");
    let mut command = Command::new(program);
    command.env("PATH", format!("{}:{path}", built.display())).env_remove("GITHUB_STEP_SUMMARY");
    piped(&mut command);
    command
}

/// The step of the action that runs the program, in a directory of its own.
struct Step {
    place: tempfile::TempDir,
}

impl Step {
    fn new() -> Self {
        Self { place: tempfile::tempdir().expect("a directory") }
    }

    fn run(&self, args: &str, fail_on: &str) -> Finished {
        let mut command = with_startline("bash");
        command.arg(ours("deploy/ci/run")).current_dir(self.place.path());
        command
            .env("ARGS", args)
            .env("FAIL_ON", fail_on)
            .env("GITHUB_OUTPUT", self.place.path().join("outputs"));
        finish(command.spawn().expect("bash starts"))
    }

    fn outputs(&self) -> String {
        fs::read_to_string(self.place.path().join("outputs")).unwrap_or_default()
    }

    fn result(&self, file: &str) -> String {
        fs::read_to_string(self.place.path().join("startline-results").join(file)).expect("a result")
    }
}

#[test]
fn the_action_is_one_that_github_takes() {
    let validator = installed("target/node/node_modules").join("@action-validator/cli/cli.mjs");
    let mut command = Command::new(program(&["node"], "apt-get install nodejs npm"));
    let checked = finish(piped(command.arg(validator).arg(ours("action.yml"))).spawn().expect("node starts"));
    checked.assert_status(0);
    // What it runs is a file of the repository's.
    let action = fs::read_to_string(ours("action.yml")).expect("an action");
    assert!(action.contains("$GITHUB_ACTION_PATH/deploy/ci/run"), "{action}");
}

#[test]
fn a_run_that_passes_leaves_its_results_and_says_so() {
    let step = Step::new();
    step.run(SHORT, "fail").assert_status(0);
    assert_eq!(step.outputs(), "verdict=pass\nstatus=0\nresults=startline-results\n");
    assert!(step.result("junit.xml").contains("<testsuite"));
    let summary: Value = serde_json::from_str(&step.result("summary.json")).expect("JSON");
    assert_eq!(summary["sessions"]["established"], 20);
}

#[test]
fn a_failed_criterion_fails_the_step() {
    let step = Step::new();
    let runnity = fs::read_to_string(ours("scenarios/runnity.toml")).expect("a scenario");
    // 4,000 sessions are asked of every run, however small.
    let strict = runnity.replacen("needs_sessions = 4000\nneeds_hold = \"20m\"\n", "", 1);
    assert_ne!(runnity, strict);
    fs::write(step.place.path().join("too strict.toml"), strict).expect("a scenario can be written");
    step.run(&format!("{SHORT} --scenario 'too strict.toml'"), "fail").assert_status(1);
    assert_eq!(step.outputs(), "verdict=fail\nstatus=1\nresults=startline-results\n");
    assert!(step.result("junit.xml").contains("<failure"));
}

#[test]
fn a_run_without_conclusion_fails_the_step_unless_told_otherwise() {
    let more_than_it_can_show = format!("{SHORT} --require all");
    for (fail_on, status) in [("inconclusive", 3), ("fail", 0)] {
        let step = Step::new();
        step.run(&more_than_it_can_show, fail_on).assert_status(status);
        assert_eq!(step.outputs(), "verdict=inconclusive\nstatus=3\nresults=startline-results\n");
    }
}

#[test]
fn a_quoted_option_stays_one_and_a_wrong_one_is_refused() {
    let step = Step::new();
    let refused = step.run("--sessions '2 000'", "inconclusive");
    refused.assert_status(2);
    assert!(refused.stderr.contains("2 000"), "{}", refused.stderr);
    assert_eq!(step.outputs(), "verdict=refused\nstatus=2\nresults=startline-results\n");
    let refused = step.run("", "never");
    refused.assert_status(2);
    assert!(refused.stderr.contains("fail-on is 'never'"), "{}", refused.stderr);
}

#[test]
fn the_gitlab_job_runs_and_keeps_its_results() {
    let place = tempfile::tempdir().expect("a directory");
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        let command = piped(command.current_dir(place.path()).args(args));
        finish(command.spawn().expect("git starts")).assert_status(0);
    };
    git(&["init", "--quiet"]);
    git(&["remote", "add", "origin", "git@gitlab.invalid:group/project.git"]);
    fs::copy(ours("deploy/gitlab/startline.yml"), place.path().join("startline.yml")).expect("a template");
    let pipeline = format!(
        "include:\n  - local: startline.yml\n\nload-test:\n  extends: .startline\n  stage: test\n  variables:\n    ARGS: {SHORT}\n"
    );
    fs::write(place.path().join(".gitlab-ci.yml"), pipeline).expect("a pipeline can be written");
    // It plays what is committed.
    git(&["add", "."]);
    git(&["-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "--quiet", "--message", "x"]);

    let player = installed("target/node/node_modules").join("gitlab-ci-local/src/index.js");
    let mut command = with_startline(program(&["node"], "apt-get install nodejs npm"));
    command.arg(player).args(["--force-shell-executor", "load-test"]).current_dir(place.path());
    let played = finish(command.spawn().expect("node starts"));
    played.assert_status(0);
    let kept = place.path().join(".gitlab-ci-local/artifacts/load-test/startline-results");
    let junit = fs::read_to_string(kept.join("junit.xml")).expect("a report");
    assert!(junit.contains("<testsuite"), "{junit}");
    assert!(kept.join("report.html").is_file());
}
