//! Sessions that drop and come back, with real sockets: outages of the mock server, and connections
//! that the run cuts itself.

use serde_json::Value;
use tempfile::TempDir;

use crate::common::served::Served;
use crate::common::{Run, results, summary};

const POLICY: &str = r#"
[reconnect]
first_delay = "200ms"
max_delay = "1s"
from = "enter"
"#;

/// A hundred sessions for ten seconds, whatever the verdict.
fn played(outage: &[&str], policy: &str, drops: &[&str]) -> (TempDir, Value, Value) {
    let idle = ["--idle-timeout", "2s", "--idle-check", "500ms"];
    let mock = Served::start(&[&["--ready", "--members", "13-112"], &idle[..], outage].concat());
    let temp = tempfile::tempdir().expect("a directory");
    let run = Run::against(&mock.url, 100, &results(&temp)).and_tables(policy);
    let run = run.with("ramp", "500ms").with("hold", "12s").with("ramp-down", "500ms");
    let run = run.with("ping-interval", "500ms");
    drops.iter().fold(run, |run, drop| run.and("drop", drop)).finish();
    let summary = summary(&results(&temp));
    let counters = mock.call("GET", "/mock/counters", "");
    (temp, summary, counters)
}

#[track_caller]
fn count(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {value:#}"))
}

/// Every drop came back, no first entry was counted twice, and the pairs are whole.
#[track_caller]
fn all_back(summary: &Value, counters: &Value) -> u64 {
    let dropped = count(summary, "/reconnects/dropped");
    assert_eq!(count(summary, "/reconnects/recovered"), dropped, "{:#}", summary["reconnects"]);
    assert_eq!(count(summary, "/sessions/established"), 100);
    assert_eq!(count(summary, "/sessions/held_to_end"), 100);
    assert_eq!(count(summary, "/errors/by_blame/server"), 0, "{:#}", summary["errors"]);
    assert_eq!(count(counters, "/connected"), 100 + dropped, "the server's own count");
    assert_eq!(count(summary, "/ledger/missing"), 0, "{:#}", summary["ledger"]);
    assert_eq!(count(summary, "/ledger/duplicate"), 0, "{:#}", summary["ledger"]);
    dropped
}

#[test]
fn a_killed_server_s_members_are_refused_until_it_is_noticed_and_then_come_back() {
    let (_temp, summary, counters) = played(&["--outage", "dies=1@3s:2s"], POLICY, &[]);
    let dropped = all_back(&summary, &counters);
    assert!((30..=70).contains(&dropped), "one of two servers: {dropped}");
    assert_eq!(count(&summary, "/reconnects/by_cause/closed-1006/dropped"), dropped);
    let refused = summary["reconnects"]["failures"].as_array().expect("a list");
    assert!(refused.iter().any(|it| it["kind"] == "INVALID_PARTICIPATION_STATUS"), "{refused:?}");
    let least = summary["reconnects"]["time_lost"]["min_ms"].as_f64().expect("they came back");
    assert!(least > 1_000.0, "none before the idle check: {least} ms");
}

#[test]
fn a_drained_server_s_sessions_go_to_the_other() {
    let (_temp, summary, counters) = played(&["--outage", "drains=1@3s:8s"], POLICY, &[]);
    let dropped = all_back(&summary, &counters);
    assert_eq!(count(&summary, "/reconnects/by_cause/closed-1001/dropped"), dropped);
    let came_to = summary["reconnects"]["came_to"].as_object().expect("a table");
    assert_eq!(came_to.values().next().and_then(Value::as_u64), Some(dropped), "{came_to:?}");
    assert!(came_to.keys().all(|server| server.ends_with("/ws/ws2")), "{came_to:?}");
}

#[test]
fn whoever_is_told_when_to_come_again_comes_then() {
    let outages = ["--outage", "drains=1@3s:8s", "--outage", "busy@3s:3s"];
    let (_temp, summary, counters) = played(&outages, POLICY, &[]);
    let dropped = all_back(&summary, &counters);
    let failures = summary["reconnects"]["failures"].as_array().expect("a list");
    let busy = failures.iter().find(|it| it["kind"] == "http-503").expect("they were refused");
    // Each once: Retry-After says when the outage is over.
    assert_eq!(busy["count"].as_u64(), Some(dropped), "{failures:?}");
}

#[test]
fn connections_are_cut_on_purpose_in_every_way() {
    let drops = ["20%@3s:fin", "20%@4s:reset", "20%@5s:silent"];
    let (temp, summary, counters) = played(&[], POLICY, &drops);
    let dropped = all_back(&summary, &counters);
    assert_eq!(count(&summary, "/reconnects/by_cause/cut-on-purpose/dropped"), dropped);
    assert!((55..=60).contains(&dropped), "{dropped}: those that are away are not cut again");
    let silent = count(&summary, "/reconnects/silent") + count(&summary, "/reconnects/silent_acknowledged");
    assert!((18..=21).contains(&silent), "{silent}");
    // What the plan cut is held all the same.
    assert_eq!(count(&summary, "/sessions/min_in_hold"), 100);
    let plan = std::fs::read_to_string(results(&temp).join("plan.toml")).expect("a plan");
    assert!(plan.contains("\"20%@5s:silent\""), "{plan}");
}

#[test]
fn without_a_policy_what_is_cut_stays_away_and_what_the_server_cuts_has_failed() {
    let (_temp, summary, _) = played(&["--outage", "drains=1@6s:5s"], "", &["20%@3s:fin"]);
    assert_eq!(count(&summary, "/reconnects/attempts"), 0);
    let cut = count(&summary, "/reconnects/unfinished");
    assert!((19..=21).contains(&cut), "{cut}");
    assert!(count(&summary, "/errors/by_kind/closed-1001") > 0, "{:#}", summary["errors"]);
    assert_eq!(count(&summary, "/sessions/held_to_end") + count(&summary, "/sessions/failed") + cut, 100);
}
