//! The binary as a user runs it: exit statuses, exact counts, signals, files.

use std::path::Path;
use std::process::Child;

use crate::common::processes::{MockServer, free_port};
use crate::common::{
    Run, descriptor_tables, eventually, finish, let_pass, number, results, run, signal, sockets_in, summary,
    text,
};
use serde_json::{Value, json};

/// A mock server with these members waiting in a challenge 38 that is READY.
#[track_caller]
pub(crate) fn ready(members: &str, args: &[&str]) -> MockServer {
    MockServer::start(&[&["--members", members, "--challenge", "38", "--ready"], args].concat())
}

/// Starts a run and waits until its files say that it is in this phase.
pub(crate) fn start_until(phase: &str, run: &Run, out: &Path) -> Child {
    let child = run.start();
    eventually(phase, || {
        let rows = std::fs::read_to_string(out.join("timeline.csv")).unwrap_or_default();
        // The summary of a second follows its row.
        let summary = std::fs::metadata(out.join("summary.json")).is_ok_and(|file| file.len() > 0);
        summary && rows.contains(&format!(",{phase},"))
    });
    child
}

/// Processes whose parent is `parent`.
pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path.join("children")).unwrap_or_default();
    tasks
        .flat_map(|task| read(task.path()).split_whitespace().map(String::from).collect::<Vec<_>>())
        .filter_map(|id| id.parse().ok())
        .collect()
}

fn is_alive(id: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // A zombie is dead; it waits for whoever inherits it.
    state
        .rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('Z'))
}

#[test]
fn a_run_without_a_target_passes_with_exact_counts() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    Run::small(300, &out).finish().assert_status(0);
    let summary = summary(&out);
    assert_eq!(summary["verdict"], "pass");
    assert_eq!(number(&summary, "/sessions/established"), 300.0);
    assert_eq!(number(&summary, "/sessions/min_in_hold"), 300.0);
    assert_eq!(number(&summary, "/sessions/held_to_end"), 300.0);
    assert_eq!(number(&summary, "/errors/total"), 0.0);
    assert_eq!(number(&summary, "/messages/by_type/CONNECTED"), 300.0);
    assert_eq!(number(&summary, "/messages/by_type/USER_ENTERED"), 300.0 * 299.0 / 2.0);
    assert_eq!(number(&summary, "/ledger/expected"), 300.0 * 299.0);
    assert_eq!(number(&summary, "/ledger/seen"), 300.0 * 299.0);
    for none in ["/ledger/missing", "/ledger/duplicate", "/ledger/overlap", "/ping/missed", "/ping/late"] {
        assert_eq!(number(&summary, none), 0.0, "{none}");
    }
    let accounts = ["/ping/answered", "/ping/late", "/ping/unanswered", "/ping/missed", "/ping/pending"];
    let sum: f64 = accounts.iter().map(|pointer| number(&summary, pointer)).sum();
    assert_eq!(number(&summary, "/ping/due"), sum);
    assert!(number(&summary, "/ping/due") >= 2.0 * 300.0);
    for file in ["summary.json", "timeline.csv", "latency.hlog", "failures.jsonl", "plan.toml", "README.txt"]
    {
        assert!(out.join(file).is_file(), "{file} is written");
    }
}

#[test]
fn the_demo_is_a_whole_run() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    // Its latency limits are for a quiet machine: the counts are what a busy one must reach as well.
    run(&["run", "--demo", "--lag-limit", "30s", "--out", text(&out)]);
    let summary = summary(&out);
    assert_eq!(number(&summary, "/sessions/established"), 500.0);
    assert_eq!(number(&summary, "/sessions/held_to_end"), 500.0);
    assert_eq!(number(&summary, "/errors/total"), 0.0);
    assert_eq!(number(&summary, "/ledger/expected"), 500.0 * 499.0);
    assert_eq!(number(&summary, "/ledger/missing"), 0.0);
    assert!(number(&summary, "/ping/answered") >= 2.0 * 500.0);
}

#[test]
fn a_run_without_broadcasts_keeps_no_ledger() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    Run::small(100, &out).flag("no-broadcast").finish().assert_status(0);
    let summary = summary(&out);
    assert_eq!(number(&summary, "/messages/by_type/USER_ENTERED"), 0.0);
    let criteria = summary["criteria"].as_array().expect("criteria").iter();
    let ledger: Vec<&Value> = criteria
        .filter(|criterion| criterion["name"].as_str().is_some_and(|name| name.starts_with("broadcasts-")))
        .collect();
    assert_eq!(ledger.len(), 2);
    assert!(ledger.iter().all(|criterion| criterion["outcome"] == "not-measured"), "{ledger:#?}");
}

#[test]
fn as_many_sessions_judge_their_broadcasts_as_are_asked_to() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let finished = Run::small(100, &out).with("observers", 10).finish();
    finished.assert_status(0);
    let summary = summary(&out);
    assert_eq!(number(&summary, "/ledger/observers"), 10.0);
    assert_eq!(number(&summary, "/ledger/expected"), 10.0 * 99.0);
    assert_eq!(number(&summary, "/ledger/missing"), 0.0);
    let said = "10 of 100 sessions judged their broadcasts; --observers all judges every pair";
    let shown = finished.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains(said), "{shown}");
    let plan = std::fs::read_to_string(out.join("plan.toml")).expect("a plan");
    assert!(plan.contains("\nobservers = 10\n"), "{plan}");
}

#[test]
fn a_racy_server_s_overlaps_are_told_from_duplicates() {
    let server = ready("13-112", &["--racy"]);
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::against(&server.url, 100, &out).with("hold", "1s");
    let finished = run.finish();
    let summary = summary(&out);
    // The race may lose a pair now and then, which is then said; it never makes a duplicate.
    let missing = number(&summary, "/ledger/missing");
    finished.assert_status(i32::from(missing > 0.0));
    assert_eq!(number(&summary, "/ledger/duplicate"), 0.0);
    assert_eq!(number(&summary, "/ledger/expected"), number(&summary, "/ledger/seen") + missing);
}

#[test]
fn records_reach_everyone_else() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    Run::small(20, &out).with("record-interval", "1s").finish().assert_status(0);
    let updates = number(&summary(&out), "/messages/by_type/PARTICIPANT_UPDATE");
    // Two full rounds at the very least, each of 20 · 19.
    assert!(updates >= 2.0 * 20.0 * 19.0, "{updates}");
}

#[test]
fn a_plan_repeats_its_run() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    Run::small(30, &out).finish().assert_status(0);
    let again = temp.path().join("again");
    run(&["run", "--plan", text(&out.join("plan.toml")), "--out", text(&again)]).assert_status(0);
    let (first, second) = (summary(&out), summary(&again));
    assert_eq!(number(&second, "/sessions/planned"), 30.0);
    assert_eq!(first["plan"], second["plan"]);
    assert_eq!(first["messages"]["by_type"]["USER_ENTERED"], second["messages"]["by_type"]["USER_ENTERED"]);
}

#[test]
fn json_goes_to_standard_output_alone() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let finished = Run::small(10, &out).flag("json").finish();
    finished.assert_status(0);
    let printed: Value = serde_json::from_str(&finished.stdout).expect("nothing but the summary");
    assert_eq!(printed, summary(&out));
}

#[test]
fn a_quiet_korean_run_prints_its_verdict_and_is_korean_again_when_it_is_read_back() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let child =
        start_until("hold", &Run::small(10, &out).with("hold", "10m").with("lang", "ko").flag("quiet"), &out);
    signal(child.id(), libc::SIGINT);
    let finished = finish(child);
    finished.assert_status(3);
    let said = "테스트가 중간에 중단되었습니다: 사용자가 중단함(SIGINT).";
    assert_eq!(finished.text(), format!("판정 불가 {said}"), "{}", finished.stdout);
    let summary = summary(&out);
    assert_eq!(summary["reasons"][0], "The run was stopped early: interrupted (SIGINT).");
    assert_eq!(summary["reason_parts"][0], json!({"key": "stopped", "args": [{"key": "interrupted"}]}));
    let read = run(&["report", text(&out), "--format", "text", "--lang", "ko"]);
    read.assert_status(0);
    assert!(read.text().starts_with(&format!("판정 불가 {said}")), "{}", read.stdout);
}

#[test]
fn servers_that_drop_sessions_fail_the_run() {
    // Sessions ping every 5 s and are idle after 1 s: all of them are dropped in mid-hold, without a message.
    let server = ready("13-62", &["--servers", "1", "--idle-timeout", "1s", "--idle-check", "1s"]);
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::against(&server.url, 50, &out).with("hold", "4s").with("ping-interval", "5s");
    let finished = run.finish();
    finished.assert_status(1);
    let summary = summary(&out);
    assert_eq!(summary["verdict"], "fail");
    assert_eq!(number(&summary, "/sessions/held_to_end"), 0.0);
    assert_eq!(number(&summary, "/errors/by_kind/closed-1000"), 50.0, "{:#}", summary["errors"]);
    assert!(finished.stdout.contains("closed-1000"), "{}", finished.stdout);
}

#[test]
fn servers_that_die_in_mid_hold_fail_the_run() {
    let server = ready("13-62", &[]);
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let child = start_until("hold", &Run::against(&server.url, 50, &out).with("hold", "5s"), &out);
    drop(server);
    finish(child).assert_status(1);
    let summary = summary(&out);
    assert_eq!(number(&summary, "/errors/by_kind/closed-1006"), 50.0, "{:#}", summary["errors"]);
    assert_eq!(number(&summary, "/errors/by_blame/server"), 50.0);
}

#[test]
fn spent_members_are_told_apart_by_name() {
    let server = ready("13-22", &[]);
    let temp = tempfile::tempdir().expect("a directory");
    let (first, second) = (temp.path().join("first"), temp.path().join("second"));
    Run::against(&server.url, 5, &first).with("end", "quit").finish().assert_status(0);
    // Half of them have quit: the servers do not let those in again, and the run says so beforehand.
    let finished = Run::against(&server.url, 10, &second).finish();
    finished.assert_status(1);
    assert!(finished.stderr.contains("5 have quit"), "{}", finished.stderr);
    let summary = summary(&second);
    let refused = number(&summary, "/errors/by_kind/INVALID_PARTICIPATION_STATUS");
    assert_eq!(refused, 5.0, "{:#}", summary["errors"]);
}

#[test]
fn a_run_of_which_nobody_can_enter_is_refused() {
    let server = ready("13-22", &[]);
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let refused = Run::against(&server.url, 10, &out).with("members", "100-109").finish();
    // Nobody of them exists, which the login says before the look-up can.
    refused.assert_status(3);
    assert!(refused.stderr.contains("존재하지 않는 회원입니다"), "{}", refused.stderr);
    Run::against(&server.url, 10, &temp.path().join("first")).with("end", "quit").finish().assert_status(0);
    let refused = Run::against(&server.url, 10, &out).finish();
    refused.assert_status(2);
    assert!(refused.stderr.contains("none of the 10 members can enter"), "{}", refused.stderr);
    assert!(!out.exists(), "nothing is left behind");
}

#[test]
fn waiting_for_ready_goes_by_the_server_s_clock() {
    // READY is 15 minutes away on a clock that runs 100 times as fast as ours, and stays so for five of them, 3 s.
    let args = ["--members", "13-22", "--challenge", "38", "--time-scale", "100"];
    let server = MockServer::start(&args);
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::against(&server.url, 10, &out).with("ramp", "0s").with("hold", "100ms").flag("wait-ready");
    let finished = run.finish();
    finished.assert_status(0);
    assert!(finished.stderr.contains("waiting for READY"), "{}", finished.stderr);
}

#[test]
fn closed_members_can_enter_again() {
    let server = ready("13-22", &[]);
    let temp = tempfile::tempdir().expect("a directory");
    for name in ["first", "second"] {
        Run::against(&server.url, 10, &temp.path().join(name)).finish().assert_status(0);
    }
}

#[test]
fn members_come_from_the_guide_s_files() {
    let server = ready("13-42", &[]);
    let temp = tempfile::tempdir().expect("a directory");
    let write = |name: &str, ids: std::ops::Range<u32>| {
        let path = temp.path().join(name);
        let rows: String = ids.map(|id| format!("{id},38\r\n")).collect();
        std::fs::write(&path, format!("\u{feff}memberId,challengeId\r\n{rows}\r\n")).expect("a file");
        path
    };
    let (one, two) = (write("test_members_1.csv", 13..28), write("test_members_2.csv", 28..43));
    let out = results(&temp);
    let of = |sessions: u32| {
        let run = Run::against(&server.url, sessions, &out).without("challenge").without("members");
        run.and("members", text(&one)).and("members", text(&two)).finish()
    };
    let refused = of(31);
    refused.assert_status(2);
    assert!(refused.stderr.contains("31") && refused.stderr.contains("30"), "{}", refused.stderr);
    of(30).assert_status(0);
    assert_eq!(number(&summary(&out), "/sessions/established"), 30.0);
}

#[test]
fn a_ramp_that_cannot_end_before_the_start_is_refused() {
    let server = ready("13-22", &[]);
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let refused = Run::against(&server.url, 10, &out).with("ramp", "6m").finish();
    refused.assert_status(2);
    assert!(refused.stderr.contains("startAt"), "{}", refused.stderr);
    assert!(!out.exists(), "nothing is left behind");
}

#[test]
fn a_hold_past_the_end_is_refused() {
    // M100 ends five minutes after its start, which is five minutes from now.
    let server = ready("13-22", &["--distance", "M100"]);
    let temp = tempfile::tempdir().expect("a directory");
    let refused = Run::against(&server.url, 10, &results(&temp)).with("hold", "20m").finish();
    refused.assert_status(2);
    assert!(refused.stderr.contains("endAt"), "{}", refused.stderr);
}

#[test]
fn a_target_that_is_not_there_is_named() {
    let port = free_port();
    let temp = tempfile::tempdir().expect("a directory");
    let refused = Run::against(&format!("http://127.0.0.1:{port}"), 10, &results(&temp)).finish();
    refused.assert_status(3);
    assert!(refused.stderr.contains(&format!("127.0.0.1:{port}")), "{}", refused.stderr);
    assert!(refused.stderr.to_lowercase().contains("refused"), "{}", refused.stderr);
}

#[test]
fn an_interrupt_closes_every_session_and_writes_everything() {
    let server = ready("13-62", &[]);
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::against(&server.url, 50, &out).with("hold", "4m").with("ramp-down", "1m");
    let child = start_until("hold", &run, &out);
    signal(child.id(), libc::SIGINT);
    finish(child).assert_status(3);
    let summary = summary(&out);
    assert_eq!(summary["verdict"], "inconclusive");
    assert_eq!(number(&summary, "/sessions/established"), 50.0);
    assert_eq!(number(&summary, "/ramp_down/closed"), 50.0, "{:#}", summary["ramp_down"]);
    assert_eq!(number(&summary, "/errors/total"), 0.0);
}

#[test]
fn an_interrupt_in_the_ramp_stops_arrivals() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let child = start_until("ramp", &Run::small(1000, &out).with("ramp", "100s"), &out);
    signal(child.id(), libc::SIGTERM);
    finish(child).assert_status(3);
    let summary = summary(&out);
    let started = number(&summary, "/sessions/started");
    assert!((1.0..1000.0).contains(&started), "{started}");
    assert_eq!(summary["verdict"], "inconclusive");
}

#[test]
fn a_second_interrupt_leaves_at_once() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    // Accounts are closed, and the ramp-down goes on for a minute unless somebody insists.
    let run = Run::small(50, &out).with("hold", "1s").with("ramp-down", "60s");
    let child = start_until("ramp-down", &run, &out);
    let began = std::time::Instant::now();
    signal(child.id(), libc::SIGINT);
    // Sooner it would be the same signal.
    let_pass(std::time::Duration::from_millis(600));
    signal(child.id(), libc::SIGTERM);
    finish(child).assert_status(3);
    assert!(began.elapsed().as_secs() < 50, "it did not wait for its ramp-down");
}

#[test]
fn a_killed_run_leaves_its_files_and_a_page_and_no_process() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let child = start_until("hold", &Run::small(50, &out).with("ramp", "500ms").with("hold", "2m"), &out);
    let children = children_of(child.id());
    assert_eq!(children.len(), 2, "the mock server, and what waits to write the page");
    signal(child.id(), libc::SIGKILL);
    finish(child);
    eventually("their end", || !children.iter().copied().any(is_alive));
    let page = std::fs::read_to_string(out.join("report.html")).expect("the page");
    assert!(page.contains("The run had not ended when this page was written"), "{page}");
    assert!(page.contains("Stable: 50 sessions"), "it has what was measured until then");
    let summary = summary(&out);
    assert_eq!(summary["verdict"], "inconclusive");
    assert_eq!(number(&summary, "/sessions/established"), 50.0);
    let rows = std::fs::read_to_string(out.join("timeline.csv")).expect("the timeline");
    assert!(rows.lines().count() >= 2, "{rows}");
}

#[test]
fn wrong_arguments_exit_with_2_and_say_what_to_do() {
    let target = |rest: &[&'static str]| [&["run", "--target", "http://127.0.0.1:1"], rest].concat();
    let cases: &[(Vec<&str>, &str)] = &[
        (vec!["run", "--sessions", "many"], "--sessions"),
        (vec!["run", "--hold", "30"], "30s"),
        (vec!["run", "--tarket", "http://127.0.0.1:1"], "--target"),
        (
            target(&["--challenge", "1", "--members", "1-9", "--ca", "nobody.pem"]),
            "--ca: cannot read nobody.pem",
        ),
        (target(&["--challenge", "1", "--members", "1-9", "--resolve", "127.0.0.1:1"]), "host:port:address"),
        (
            target(&["--challenge", "1", "--members", "1-9", "--resolve", "x.example:1:127.0.0.1"]),
            "--allow-host",
        ),
        (target(&["--challenge", "1", "--members", "1-9", "--insecure", "--ca", "nobody.pem"]), "--ca"),
        (target(&["--challenge", "1", "--members", "1-9", "--tls"]), "--tls"),
        (vec!["run", "--insecure", "--tls-suites", "rc4"], "compact"),
        (vec!["run", "--target", "ftp://127.0.0.1:1", "--challenge", "1", "--members", "1-9"], "http"),
        (target(&["--challenge", "1"]), "--members"),
        (target(&["--challenge", "1", "--members", "nobody.csv"]), "nobody.csv"),
        (vec!["run", "--scenario", "runity"], "runnity"),
        (vec!["run", "--set", "pacce_s_per_km=1"], "pace_s_per_km"),
        (vec!["run", "--ramp", "1s", "--rate", "5/s"], "--rate"),
        (vec!["run", "--out", "/proc/nowhere"], "/proc/nowhere"),
        (vec!["run", "--sessions", "100000000"], "100,000,000 sessions"),
        (vec!["serve", "--listen", "nowhere"], "--listen"),
    ];
    for (args, says) in cases {
        let refused = run(args);
        refused.assert_status(2);
        assert!(refused.stderr.contains(says), "{args:?} should mention {says}: {}", refused.stderr);
        assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
    }
}

#[test]
fn a_file_in_the_way_of_the_results_is_refused_before_anything_opens() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    std::fs::create_dir(&out).expect("a directory");
    std::fs::write(out.join("summary.json"), "{}").expect("a file");
    let refused = Run::small(10, &out).finish();
    refused.assert_status(2);
    assert!(refused.stderr.contains(text(&out)), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(out.join("summary.json")).expect("untouched"), "{}");
}

/// A number of the mock server's own counters.
fn counted(server: &MockServer, name: &str) -> u64 {
    let url = format!("{}/mock/counters", server.url);
    let text = ureq::get(&url).call().and_then(|mut answer| answer.body_mut().read_to_string());
    let counters: Value = serde_json::from_str(&text.expect("an answer")).expect("JSON");
    counters[name].as_u64().unwrap_or_else(|| panic!("{name} is not in {counters:#}"))
}

#[test]
fn shared_connections_are_few_and_gone_in_the_hold() {
    let server = ready("13-212", &[]);
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::against(&server.url, 200, &out).with("http", "pooled").with("http-connections", 3);
    let before = counted(&server, "accepted");
    let child = start_until("hold", &run.with("workers", 2).with("hold", "6s"), &out);
    let tables = descriptor_tables(child.id());
    let of_workers = tables.iter().filter(|(thread, _)| thread.starts_with("worker-"));
    let sockets: usize = of_workers.map(|(_, table)| sockets_in(table).len()).sum();
    assert_eq!(sockets, 200, "one of each session, and none for HTTP");
    finish(child).assert_status(0);
    let summary = summary(&out);
    assert_eq!(number(&summary, "/http/shared_per_worker"), 3.0);
    assert_eq!(number(&summary, "/http/connections"), 6.0);
    assert_eq!(number(&summary, "/http/requests"), 400.0);
    assert_eq!(number(&summary, "/http/reused"), 394.0);
    assert_eq!(number(&summary, "/errors/reconnected"), 0.0);
    // Besides these, the look-up before the run and the two looks at the counters; with one connection a session there would be
    // 400 and more.
    let accepted = counted(&server, "accepted") - before;
    assert!((206..220).contains(&accepted), "{accepted}");
}

#[test]
fn each_session_has_its_own_connection_unless_asked_otherwise() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    Run::small(50, &out).finish().assert_status(0);
    let summary = summary(&out);
    assert_eq!(summary["http"]["shared_per_worker"], Value::Null);
    assert_eq!(number(&summary, "/http/connections"), 50.0);
    assert_eq!(number(&summary, "/http/requests"), 100.0);
    assert_eq!(number(&summary, "/http/reused"), 50.0, "enter goes out on login's connection");
    assert_eq!((number(&summary, "/http/waited"), &summary["http"]["wait_p99_ms"]), (0.0, &Value::Null));
}
