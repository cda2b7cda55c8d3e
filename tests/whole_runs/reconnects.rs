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

/// What a run came to, and the mock server's counters where they can be read.
struct Played {
    summary: Value,
    counters: Option<Value>,
    /// Connections to the mock server that its kernel goes on to end.
    ending: usize,
    temp: TempDir,
}

/// A hundred sessions for twelve seconds against a mock server with these options, whatever the verdict.
fn played(server: &[&str], policy: &str, change: impl FnOnce(Run) -> Run) -> Played {
    let idle = ["--idle-timeout", "2s", "--idle-check", "500ms"];
    let mock = Served::start(&[&["--ready", "--members", "13-112"], &idle[..], server].concat());
    let temp = tempfile::tempdir().expect("a directory");
    let run = Run::against(&mock.url, 100, &results(&temp)).and_tables(policy);
    let run = run.with("ramp", "500ms").with("hold", "12s").with("ramp-down", "500ms");
    // A busy machine's heartbeats are not to end it.
    let run = change(run.with("ping-interval", "500ms").with("abort-on", "off"));
    let is_secure = mock.url.starts_with("https");
    let run = if is_secure { run.flag("insecure") } else { run };
    run.finish();
    let counters = (!is_secure).then(|| mock.call("GET", "/mock/counters", ""));
    let ending = left_in_fin_wait(mock.address());
    Played { summary: summary(&results(&temp)), counters, ending, temp }
}

/// The same with connections that the run cuts.
fn cut(drops: &'static [&str]) -> impl Fn(Run) -> Run {
    |run| drops.iter().fold(run, |run, drop| run.and("drop", drop))
}

/// Sockets to this address that have sent their end and have no answer.
fn left_in_fin_wait(address: &str) -> usize {
    let port: u16 = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    let sockets = std::fs::read_to_string("/proc/net/tcp").expect("sockets");
    let is_it = |line: &&str| {
        let mut words = line.split_whitespace().skip(2);
        let remote = words.next().unwrap_or_default();
        remote.ends_with(&format!(":{port:04X}")) && words.next() == Some("04")
    };
    sockets.lines().filter(is_it).count()
}

#[track_caller]
fn count(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {value:#}"))
}

/// Every drop came back, no first entry was counted twice, and the pairs are whole.
#[track_caller]
fn all_back(played: &Played) -> u64 {
    let summary = &played.summary;
    let dropped = count(summary, "/reconnects/dropped");
    assert_eq!(count(summary, "/reconnects/recovered"), dropped, "{:#}", summary["reconnects"]);
    assert_eq!(count(summary, "/sessions/established"), 100);
    assert_eq!(count(summary, "/sessions/held_to_end"), 100);
    // A heartbeat may fail on a machine that is busy with other tests; no session has.
    assert_eq!(count(summary, "/sessions/failed"), 0, "{:#}", summary["errors"]);
    if let Some(counters) = &played.counters {
        assert_eq!(count(counters, "/connected"), 100 + dropped, "the server's own count");
    }
    assert_eq!(count(summary, "/ledger/missing"), 0, "{:#}", summary["ledger"]);
    assert_eq!(count(summary, "/ledger/duplicate"), 0, "{:#}", summary["ledger"]);
    // However often the servers refused them before.
    assert_eq!(count(summary, "/membership/missing"), 0, "{:#}", summary["membership"]);
    // One or another may be on its way; those that are cut silently are eighteen or more.
    assert!(played.ending < 10, "the kernel goes on to end {} sockets that the run has left", played.ending);
    dropped
}

/// The failures of attempts under this name.
#[track_caller]
fn failed(summary: &Value, kind: &str) -> u64 {
    let failures = summary["reconnects"]["failures"].as_array().expect("a list");
    let of_kind = failures.iter().filter(|it| it["kind"] == kind);
    of_kind.map(|it| it["count"].as_u64().expect("a number")).sum()
}

/// All sessions of the first server came to the second.
#[track_caller]
fn came_to_the_other(summary: &Value, dropped: u64) {
    let came_to = summary["reconnects"]["came_to"].as_object().expect("a table");
    assert_eq!(came_to.values().next().and_then(Value::as_u64), Some(dropped), "{came_to:?}");
    assert!(came_to.keys().all(|server| server.ends_with("/ws/ws2")), "{came_to:?}");
}

#[test]
fn a_killed_server_s_members_are_refused_until_it_is_noticed_and_then_come_back() {
    let played = played(&["--outage", "dies=1@3s:2s"], POLICY, |run| run);
    let (dropped, summary) = (all_back(&played), &played.summary);
    assert!((30..=70).contains(&dropped), "one of two servers: {dropped}");
    assert_eq!(count(summary, "/reconnects/by_cause/closed-1006/dropped"), dropped);
    assert!(failed(summary, "INVALID_PARTICIPATION_STATUS") > 0, "{:#}", summary["reconnects"]);
    let least = summary["reconnects"]["time_lost"]["min_ms"].as_f64().expect("they came back");
    assert!(least > 1_000.0, "none before the idle check: {least} ms");
}

#[test]
fn a_drained_server_s_sessions_go_to_the_other() {
    let played = played(&["--outage", "drains=1@3s:8s"], POLICY, |run| run);
    let (dropped, summary) = (all_back(&played), &played.summary);
    assert_eq!(count(summary, "/reconnects/by_cause/closed-1001/dropped"), dropped);
    came_to_the_other(summary, dropped);
}

#[test]
fn whoever_is_told_when_to_come_again_comes_then_over_tls_as_well() {
    let outages = ["--outage", "drains=1@3s:8s", "--outage", "busy@3s:3s"];
    for server in [&outages[..], &[&outages[..], &["--tls"]].concat()] {
        let played = played(server, POLICY, |run| run);
        let (dropped, summary) = (all_back(&played), &played.summary);
        // Each once: Retry-After says when the outage is over.
        assert_eq!(failed(summary, "http-503"), dropped, "{:#}", summary["reconnects"]);
        assert_eq!(count(summary, "/reconnects/by_cause/closed-1001/dropped"), dropped);
        came_to_the_other(summary, dropped);
    }
}

#[test]
fn attempts_share_the_http_connections_that_first_entries_shared() {
    let pooled = |run: Run| {
        run.with("http", "pooled").with("http-connections", 4).with("workers", 2).with("lag-limit", "30s")
    };
    let played = played(&["--outage", "drains=1@3s:8s"], POLICY, pooled);
    let (dropped, summary) = (all_back(&played), &played.summary);
    let http = &summary["http"];
    assert_eq!(count(http, "/requests"), 200 + dropped, "from enter on: {http:#}");
    // Eight for the first entries; in the hold there is none, and the attempts have at most eight again.
    assert!(count(http, "/connections") <= 16, "{http:#}");
}

#[test]
fn connections_are_cut_on_purpose_in_every_way() {
    let played = played(&[], POLICY, cut(&["20%@3s:fin", "20%@4s:reset", "20%@5s:silent"]));
    let (dropped, summary) = (all_back(&played), &played.summary);
    assert_eq!(count(summary, "/reconnects/by_cause/cut-on-purpose/dropped"), dropped);
    // Each a fifth, up to one.
    assert!((55..=63).contains(&dropped), "{dropped}: those that are away are not cut again");
    let silent = count(summary, "/reconnects/silent") + count(summary, "/reconnects/silent_acknowledged");
    assert!((18..=21).contains(&silent), "{silent}");
    // What the plan cut is held all the same.
    assert_eq!(count(summary, "/sessions/min_in_hold"), 100);
    let plan = std::fs::read_to_string(results(&played.temp).join("plan.toml")).expect("a plan");
    assert!(plan.contains("\"20%@5s:silent\""), "{plan}");
}

/// A runner's distances grow on from what was sent last, and each update of them is told once.
#[test]
fn records_go_on_where_they_were_in_every_way_over_tls() {
    let drops = cut(&["20%@3s:fin", "20%@4s:reset", "20%@5s:silent"]);
    let played = played(&["--tls"], POLICY, |run| drops(run).with("record-interval", "500ms"));
    let (dropped, summary) = (all_back(&played), &played.summary);
    assert!((55..=63).contains(&dropped), "{dropped}");
    assert!(count(summary, "/updates/expected") > 0, "{:#}", summary["updates"]);
    for wrong in ["missing", "duplicate", "out_of_order"] {
        assert_eq!(count(summary, &format!("/updates/{wrong}")), 0, "{wrong}: {:#}", summary["updates"]);
    }
    // A held session keeps no ticket: what comes first after a drop is a full handshake, and no other.
    assert_eq!(count(summary, "/tls/full"), 100 + dropped, "{:#}", summary["tls"]);
}

#[test]
fn without_a_policy_what_is_cut_stays_away_and_what_the_server_cuts_has_failed() {
    let played = played(&["--outage", "drains=1@6s:5s"], "", cut(&["20%@3s:fin"]));
    let summary = &played.summary;
    assert_eq!(count(summary, "/reconnects/attempts"), 0);
    let cut = count(summary, "/reconnects/unfinished");
    assert!((19..=21).contains(&cut), "{cut}");
    assert!(count(summary, "/errors/by_kind/closed-1001") > 0, "{:#}", summary["errors"]);
    assert_eq!(count(summary, "/sessions/held_to_end") + count(summary, "/sessions/failed") + cut, 100);
}
