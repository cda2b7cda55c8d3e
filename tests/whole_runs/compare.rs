//! `startline compare` of the directories of real runs.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::{Finished, Run, run, signal, text};
use crate::run::{ready, start_until};

/// Plays runs as short as they can be, one directory each.
fn played(temp: &Path, names: &[&str], fault: &[&str]) -> Vec<PathBuf> {
    let one = |name: &&str| {
        // Each by a server of its own: members can enter once.
        let server = ready("13-62", fault);
        let out = temp.join(name);
        Run::against(&server.url, 50, &out).finish().assert_status(0);
        out
    };
    names.iter().map(one).collect()
}

fn compared(args: &[&str]) -> Finished {
    run(&[&["compare"], args].concat())
}

#[test]
fn a_slower_server_is_worse_by_test_and_looks_worse_without_one() {
    let temp = tempfile::tempdir().expect("a directory");
    let base = played(temp.path(), &["b1", "b2", "b3"], &[]);
    let new = played(temp.path(), &["n1", "n2", "n3"], &["--fault", "enter-slow=300ms"]);
    let sides = |args: &[&str]| {
        let (base, new) = (base.iter().map(|it| text(it)), new.iter().map(|it| text(it)));
        let all: Vec<&str> = ["--base"].into_iter().chain(base).chain(["--new"]).chain(new).collect();
        compared(&[&all, args].concat())
    };
    let json = sides(&["--json", "--fail-on", "worse"]);
    let found: Value = serde_json::from_str(&json.assert_status(1).stdout).expect("one JSON text");
    let enter = found["measures"].as_array().expect("measures").iter();
    let enter = enter.clone().find(|it| it["measure"] == "steps.enter.p50_ms").expect("it is measured");
    assert_eq!((&enter["call"], &enter["p"]), (&Value::from("worse"), &Value::from(0.1)));
    assert!(json.stderr.contains("failed, by the rank test"), "{}", json.stderr);
    let page = temp.path().join("page.html");
    sides(&["--format", "html", "--out", text(&page)]).assert_status(0);
    assert!(std::fs::read_to_string(&page).expect("a page").contains("enter p50"));

    let two = [text(&base[0]), text(&new[0])];
    let shown = compared(&two);
    assert!(shown.assert_status(0).stdout.contains("~ enter p50"), "{}", shown.stdout);
    let failed = compared(&[&two[..], &["--fail-on", "worse"]].concat());
    assert!(failed.assert_status(1).stderr.contains("by the threshold, not by a test"), "{}", failed.stderr);
}

#[test]
fn a_killed_run_leaves_a_gate_inconclusive() {
    let temp = tempfile::tempdir().expect("a directory");
    let (whole, killed) = (temp.path().join("whole"), temp.path().join("killed"));
    Run::small(20, &whole).finish().assert_status(0);
    let mut child = start_until("hold", &Run::small(20, &killed).with("hold", "60s"), &killed);
    signal(child.id(), libc::SIGKILL);
    child.wait().expect("it is dead");
    let shown = compared(&[text(&whole), text(&killed)]);
    assert!(shown.assert_status(0).stdout.contains("the run was killed"), "{}", shown.stdout);
    // A run compared with its better half: what matters is that it does not pass.
    let status = compared(&[text(&whole), text(&killed), "--fail-on", "worse"]).status;
    assert!(status == 1 || status == 3, "{status}");
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = temp.path().join("run");
    Run::small(5, &out).finish().assert_status(0);
    let (one, none) = (text(&out), temp.path().join("none"));
    for (args, why) in [
        (&[one][..], "give two, or --base DIR… --new DIR…"),
        (&[one, one, one], "3 directories are given, which does not say what is compared"),
        (&[one, one], "is given twice"),
        (&[one, text(&none)], "give the directory that a run wrote"),
        (&["--base", one], "--new"),
    ] {
        let refused = compared(args);
        assert!(refused.assert_status(2).stderr.contains(why), "{args:?}: {}", refused.stderr);
    }
    let other = temp.path().join("other");
    std::fs::create_dir(&other).expect("a directory");
    std::fs::write(other.join("summary.json"), "{\"schema_version\": 9, \"version\": \"9.0.0\"}")
        .expect("written");
    assert!(compared(&[one, text(&other)]).assert_status(2).stderr.contains("form 9 of startline 9.0.0"));
}
