//! The verdict does not depend on luck: stalls of this machine are found, and runs that can show
//! nothing end early.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::common::peer::Script;
use crate::common::played::scenario;
use crate::common::processes::free_port;
use crate::common::served::Served;
use crate::common::{Run, finish, kinds, let_pass, number, results, run, signal, summary, text};

const SIGSTOP: i32 = 19;
const SIGCONT: i32 = 18;

/// Stops the whole process for a while.
fn freeze(child: &Child, span: Duration) {
    signal(child.id(), SIGSTOP);
    let_pass(span);
    signal(child.id(), SIGCONT);
}

/// 1.1 s in which PONGs lay unread: they are not the server's.
#[test]
fn a_stopped_process_blames_this_machine() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::small(200, &out)
        .with("ramp", "500ms")
        .with("hold", "5s")
        .with("ping-interval", "1s")
        .with("pong-timeout", "800ms")
        .with("lag-limit", "30s");
    let child = run.start();
    let_pass(Duration::from_millis(2_500));
    freeze(&child, Duration::from_millis(1_100));
    let finished = finish(child);
    let summary = summary(&out);
    assert!(number(&summary, "/stalls/count") >= 1.0, "{:#}", summary["stalls"]);
    assert!(number(&summary, "/stalls/longest_seconds") > 0.8, "{:#}", summary["stalls"]);
    assert!(number(&summary, "/generator/lag_max_ms") > 800.0);
    assert_ne!(summary["verdict"], "fail", "{}", finished.stdout);
    assert_eq!(number(&summary, "/errors/by_blame/server"), 0.0, "{:#}", summary["errors"]);
    assert!(finished.text().contains("this machine stalled"), "{}", finished.stdout);
    let timeline = std::fs::read_to_string(out.join("timeline.csv")).expect("a timeline");
    assert!(timeline.lines().next().is_some_and(|head| head.contains(",stalled_ms,")), "{timeline}");
}

/// Nothing was due while the process was stopped: the servers passed, and the stall is told.
#[test]
fn a_stall_without_consequences_passes_and_is_said() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::small(50, &out)
        .with("ramp", "500ms")
        .with("hold", "5s")
        .with("ping-interval", "60s")
        .with("lag-limit", "30s");
    let child = run.start();
    let_pass(Duration::from_millis(2_500));
    freeze(&child, Duration::from_millis(1_500));
    finish(child).assert_status(0);
    let summary = summary(&out);
    assert_eq!(summary["verdict"], "pass");
    assert!(number(&summary, "/stalls/longest_seconds") > 1.0, "{:#}", summary["stalls"]);
    assert!(number(&summary, "/generator/lag_max_ms") > 1_000.0);
}

/// A scenario of one WebSocket alone.
const PLAIN: &str = "name = \"plain\"\n[websocket]\nurl = \"/ws\"\n";

#[test]
fn a_closed_port_ends_a_long_run_within_seconds() {
    let temp = tempfile::tempdir().expect("a directory");
    let (out, file) = (results(&temp), temp.path().join("plain.toml"));
    std::fs::write(&file, PLAIN).expect("written");
    let target = format!("http://127.0.0.1:{}", free_port());
    let began = Instant::now();
    let finished = run(&[
        "run",
        "--scenario",
        text(&file),
        "--target",
        &target,
        "--sessions",
        "600",
        "--ramp",
        "60s",
        "--hold",
        "60s",
        "--out",
        text(&out),
    ]);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    finished.assert_status(3);
    let said = format!("{}{}", finished.text(), finished.stderr);
    assert!(said.contains("sessions all failed") && said.contains("connect-refused"), "{said}");
    assert_eq!(summary(&out)["ending"], "stopped");
}

#[test]
fn a_rejected_login_ends_a_long_run_with_its_evidence() {
    let peer =
        Script::good().login(|to| to.answer("401 Unauthorized", "text/plain", "no such member")).start();
    let temp = tempfile::tempdir().expect("a directory");
    let (out, file) = (results(&temp), temp.path().join("short.toml"));
    std::fs::write(&file, scenario()).expect("written");
    let finished = Run::against(&peer.url(), 600, &out)
        .with("scenario", file.display())
        .with("ramp", "60s")
        .with("hold", "60s")
        .finish();
    finished.assert_status(3);
    let said = format!("{}{}", finished.text(), finished.stderr);
    assert!(said.contains("sessions all failed") && said.contains("no such member"), "{said}");
    assert_eq!(kinds(&summary(&out)).first().map(|kind| kind.0.clone()), Some("http-401".to_owned()));
}

#[test]
fn a_run_in_which_all_begins_to_fail_is_ended_and_has_failed() {
    // Its first twenty sessions are well.
    let entered = std::sync::atomic::AtomicU32::new(0);
    let script = Script::good().enter(move |to| {
        let url = to.ws_url();
        match entered.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0..20 => to.json(&format!(r#"{{"data":{{"ticket":"t-1","wsUrl":"{url}"}}}}"#)),
            _ => to.answer("500 Oh", "text/plain", "out of luck"),
        }
    });
    let peer = script.start();
    let temp = tempfile::tempdir().expect("a directory");
    let (out, file) = (results(&temp), temp.path().join("short.toml"));
    std::fs::write(&file, scenario()).expect("written");
    let began = Instant::now();
    let finished = Run::against(&peer.url(), 3_000, &out)
        .with("scenario", file.display())
        .with("ramp", "60s")
        .with("hold", "60s")
        .with("ramp-down", "30s")
        .with("abort-on", "errors.rate>50%:2s")
        .finish();
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    finished.assert_status(1);
    let summary = summary(&out);
    assert_eq!((summary["ending"].as_str(), summary["verdict"].as_str()), (Some("aborted"), Some("fail")));
    assert!(finished.text().contains("--abort-on errors.rate>50%:2s"), "{}", finished.stdout);
}

/// Rules look at the last seconds of any measure.
#[test]
fn a_rule_is_of_the_last_seconds_whatever_it_measures() {
    for (rule, fault) in [
        ("login.p95_ms>0:1s", "enter-slow=1ms"),
        ("every.ping.unanswered>5:2s", "pong-lost"),
        ("sessions.min_in_hold_share<101%:1s", "enter-slow=1ms"),
    ] {
        let mock = Served::start(&["--ready", "--members", "13-42", "--fault", fault]);
        let temp = tempfile::tempdir().expect("a directory");
        let out = results(&temp);
        let run = Run::against(&mock.url, 30, &out).with("hold", "40s").with("abort-on", rule);
        let finished = run.with("ping-interval", "1s").with("pong-timeout", "800ms").finish();
        let summary = summary(&out);
        assert_eq!(summary["ending"].as_str(), Some("aborted"), "{rule}: {}", finished.stdout);
        assert!(finished.text().contains(&format!("--abort-on {rule}")), "{}", finished.stdout);
        assert!(number(&summary, "/hold/seconds") < 20.0, "{:#}", summary["hold"]);
    }
}

#[test]
fn another_system_s_scenario_is_not_played_against_the_mock_server() {
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("plain.toml");
    std::fs::write(&file, PLAIN).expect("written");
    let finished = run(&["run", "--scenario", text(&file)]);
    finished.assert_status(2);
    assert!(finished.stderr.contains("--target URL"), "{}", finished.stderr);
}

#[test]
fn a_rule_that_no_run_can_meet_is_refused() {
    for (rule, said) in [
        ("errors.rat>50%", "errors.rate"),
        ("errors.rate", "MEASURE>LIMIT"),
        ("ledger.missing>0", "is of a whole run"),
    ] {
        let finished = run(&["run", "--demo", "--abort-on", rule]);
        finished.assert_status(2);
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
    }
}
