//! Shards of one plan as processes beside each other, and what they are merged to.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::common::served::Served;
use crate::common::{Finished, Run, finish, number, results, run, startline, summary, text};

const SHARDS: u32 = 4;
const SESSIONS: u32 = 40;

/// Time for each of them to be ready on a busy machine.
const READY: Duration = Duration::from_secs(20);

fn mock() -> Served {
    Served::start(&["--ready", "--members", "13-112"])
}

fn instant(from_now: Duration) -> String {
    jiff::Timestamp::try_from(SystemTime::now() + from_now).expect("an instant").to_string()
}

fn whole(mock: &Served, out: &Path) -> Run {
    Run::against(&mock.url, SESSIONS, out).with("ramp", "1s").with("hold", "2500ms").with("seed", 5)
}

fn count(summary: &Value, pointer: &str) -> u64 {
    number(summary, pointer) as u64
}

fn merge(directories: &[PathBuf], out: &Path) -> Finished {
    let mut command = startline();
    finish(command.arg("merge").args(directories).arg("--out").arg(out).spawn().expect("the binary starts"))
}

#[test]
fn four_shards_are_one_plan_and_their_sum_is_its_result() {
    let mock = mock();
    let temp = tempfile::tempdir().expect("a directory");
    let directories: Vec<PathBuf> = (0..SHARDS).map(|k| temp.path().join(format!("shard-{k}"))).collect();
    let at = instant(READY);
    let planned = |(k, out): (usize, &PathBuf)| {
        let run = whole(&mock, out).with("start-at", &at);
        match k {
            // As an engine's pods and tasks have their number.
            0 => run.with("shard", "auto/4").variable("JOB_COMPLETION_INDEX", 0),
            1 => run.with("shard", "auto/4").variable("SLURM_PROCID", 1),
            k => run.with("shard", format!("{k}/4")),
        }
    };
    // All of them before the first starts: each writes the scenario's file anew.
    let runs: Vec<Run> = directories.iter().enumerate().map(planned).collect();
    let shards: Vec<_> = runs.iter().map(Run::start).collect();
    for shard in shards {
        finish(shard).assert_status(0);
    }
    let out = temp.path().join("merged");
    merge(&directories, &out).assert_status(0);
    let merged = summary(&out);

    // The servers' own books: every member once.
    let counters = mock.call("GET", "/mock/counters", "");
    assert_eq!(count(&counters, "/connected"), u64::from(SESSIONS));
    let alone_out = results(&temp);
    whole(&mock, &alone_out).finish().assert_status(0);
    let alone = summary(&alone_out);
    for pointer in [
        "/sessions/planned",
        "/sessions/started",
        "/sessions/established",
        "/sessions/failed",
        "/sessions/held_to_end",
        "/sessions/min_in_hold",
        "/steps/login/count",
        "/steps/enter/count",
        "/steps/connect/count",
        "/steps/open/count",
        "/http/requests",
        "/errors/total",
    ] {
        assert_eq!(count(&merged, pointer), count(&alone, pointer), "{pointer}");
    }
    // Every pair is judged within its shard or counted between two.
    let pairs = |summary: &Value| count(summary, "/ledger/expected");
    assert_eq!(pairs(&merged) + count(&merged, "/merged/across/expected"), pairs(&alone));
    assert_eq!(count(&merged, "/ledger/missing"), 0);
    assert!(count(&merged, "/merged/across/received") >= count(&merged, "/merged/across/expected"));
    let parts = merged["merged"]["shards"].as_array().expect("shards");
    assert_eq!(parts.iter().map(|part| count(part, "/planned")).collect::<Vec<_>>(), [10; 4]);
    assert!(number(&merged, "/merged/start_spread_ms") < 1_000.0, "they start together");
    for part in parts {
        let started = part["started_at"].as_str().expect("an instant").parse::<jiff::Timestamp>();
        let at: jiff::Timestamp = at.parse().expect("an instant");
        assert!(started.expect("an instant").duration_since(at).as_secs_f64().abs() < 0.5, "{part:#}");
    }

    // What is made of a run's directory is made of the sum's.
    assert!(out.join("report.html").exists());
    run(&["compare", text(&alone_out), text(&out)]).assert_status(0);
    run(&["report", text(&out), "--format", "junit"]).assert_status(0);
    let timeline = std::fs::read_to_string(out.join("timeline.csv")).expect("rows");
    assert!(timeline.lines().count() > 3, "{timeline}");

    let missing = merge(&directories[..3], &temp.path().join("three"));
    missing.assert_status(2);
    assert!(missing.stderr.contains("shard 3 of 4 is missing"), "{}", missing.stderr);
}

/// Who is cut on purpose follows from the whole plan, and not from how it is shared out.
#[test]
fn shards_cut_whom_the_whole_plan_cuts() {
    let (mock, other) = (mock(), mock());
    let temp = tempfile::tempdir().expect("a directory");
    let directories: Vec<PathBuf> = (0..2).map(|k| temp.path().join(format!("shard-{k}"))).collect();
    let at = instant(READY);
    let cutting = |mock: &Served, out: &Path| whole(mock, out).with("drop", "30%@2s:fin");
    let of = |(k, out): (usize, &PathBuf)| {
        cutting(&mock, out).with("start-at", &at).with("shard", format!("{k}/2"))
    };
    let runs: Vec<Run> = directories.iter().enumerate().map(of).collect();
    let shards: Vec<_> = runs.iter().map(Run::start).collect();
    let parts: Vec<Finished> = shards.into_iter().map(finish).collect();
    let alone = cutting(&other, &results(&temp)).finish();
    let out = temp.path().join("merged");
    let merged = merge(&directories, &out);
    assert_eq!(merged.status, alone.status, "{}{}", merged.stdout, alone.stdout);
    let (merged, alone) = (summary(&out), summary(&results(&temp)));
    for pointer in ["/dropped", "/unfinished", "/by_cause/cut-on-purpose/dropped"] {
        let cut = |summary: &Value| count(summary, &format!("/reconnects{pointer}"));
        assert_eq!(cut(&merged), cut(&alone), "{pointer}");
        // A share is exact up to one.
        assert!((11..=13).contains(&cut(&merged)), "{pointer}");
        let own: u64 = directories.iter().map(|out| cut(&summary(out))).sum();
        assert_eq!(own, cut(&merged), "{:#?}", parts.iter().map(|part| &part.stdout).collect::<Vec<_>>());
    }
    // What the plan did is not the servers' failure.
    assert_eq!(count(&merged, "/sessions/min_in_hold"), u64::from(SESSIONS));
}

#[test]
fn a_start_that_has_passed_and_shards_of_no_target_are_refused() {
    let mock = mock();
    let temp = tempfile::tempdir().expect("a directory");
    let late = whole(&mock, &results(&temp)).with("start-at", "2026-01-01T00:00:00Z").finish();
    late.assert_status(2);
    assert!(late.stderr.contains("--start-at 2026-01-01T00:00:00Z has passed"), "{}", late.stderr);
    assert!(!results(&temp).exists(), "nothing was begun");

    let few = whole(&mock, &results(&temp)).with("shard", "0/41").finish();
    few.assert_status(2);
    assert!(few.stderr.contains("40 sessions are fewer than the 41 shards"), "{}", few.stderr);
    let own = Run::small(4, &results(&temp)).with("shard", "0/2").finish();
    own.assert_status(2);
    assert!(own.stderr.contains("--target"), "{}", own.stderr);
}

#[test]
fn a_signal_ends_the_wait_for_the_start() {
    let mock = mock();
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = whole(&mock, &out).with("start-at", instant(Duration::from_secs(600))).start();
    crate::common::eventually("the results' directory", || out.join("summary.json").exists());
    crate::common::signal(run.id(), libc::SIGTERM);
    let finished = finish(run);
    finished.assert_status(3);
    assert!(finished.stderr.contains("stopped while waiting for --start-at"), "{}", finished.stderr);
    assert_eq!(count(&mock.call("GET", "/mock/counters", ""), "/connected"), 0);
}
