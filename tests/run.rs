//! The binary as a user runs it: exit statuses, exact counts, signals, files.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use common::{Finished, eventually, finish, number, results, run, signal, startline, summary};
use serde_json::Value;

/// A run with the built-in stand-in, small enough for a test.
fn small<'a>(out: &'a str, sessions: &'a str) -> Vec<&'a str> {
    vec![
        "run",
        "--sessions",
        sessions,
        "--ramp",
        "2s",
        "--hold",
        "3s",
        "--ramp-down",
        "500ms",
        "--ping-interval",
        "1s",
        "--pong-timeout",
        "900ms",
        "--out",
        out,
    ]
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8 paths")
}

/// A stand-in of the test's own; it is killed when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let mut child = startline()
            .args(["serve", "--listen", "127.0.0.1:0", "--announce-json"])
            .args(args)
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the stand-in starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let announced: Value = serde_json::from_str(&line).expect("JSON");
        let url = format!("http://{}", announced["listening"].as_str().expect("an address"));
        Self { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a run and waits until it says that it holds.
fn start_and_hold(args: &[&str], out: &Path) -> Child {
    let child = startline().args(args).spawn().expect("the binary starts");
    eventually("the hold", || {
        let rows = std::fs::read_to_string(out.join("timeline.csv")).unwrap_or_default();
        // The summary of a second follows its row.
        let summary = std::fs::metadata(out.join("summary.json")).is_ok_and(|file| file.len() > 0);
        summary && rows.lines().any(|row| row.contains(",hold,"))
    });
    child
}

/// Processes whose parent is `parent`.
fn children_of(parent: u32) -> Vec<u32> {
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
    run(&small(text(&out), "300")).assert_status(0);
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
    assert!(number(&summary, "/ping/due") >= 3.0 * 300.0);
    for file in ["summary.json", "timeline.csv", "latency.hlog", "failures.jsonl", "plan.toml"] {
        assert!(out.join(file).is_file(), "{file} is written");
    }
}

#[test]
fn a_run_without_broadcasts_keeps_no_ledger() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let mut args = small(text(&out), "100");
    args.push("--no-broadcast");
    run(&args).assert_status(0);
    let summary = summary(&out);
    assert_eq!(number(&summary, "/messages/by_type/USER_ENTERED"), 0.0);
    let ledger: Vec<&Value> = summary["criteria"]
        .as_array()
        .expect("criteria")
        .iter()
        .filter(|criterion| criterion["name"].as_str().is_some_and(|name| name.starts_with("broadcasts-")))
        .collect();
    assert_eq!(ledger.len(), 2);
    assert!(ledger.iter().all(|criterion| criterion["outcome"] == "not-measured"), "{ledger:#?}");
}

#[test]
fn records_reach_everyone_else() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let mut args = small(text(&out), "20");
    args.extend(["--record-interval", "1s"]);
    run(&args).assert_status(0);
    let updates = number(&summary(&out), "/messages/by_type/PARTICIPANT_UPDATE");
    // Two full rounds at the very least, each of 20 · 19.
    assert!(updates >= 2.0 * 20.0 * 19.0, "{updates}");
}

#[test]
fn a_plan_repeats_its_run() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    run(&small(text(&out), "30")).assert_status(0);
    let plan = out.join("plan.toml");
    let again = temp.path().join("again");
    run(&["run", "--plan", text(&plan), "--out", text(&again)]).assert_status(0);
    let (first, second) = (summary(&out), summary(&again));
    assert_eq!(number(&second, "/sessions/planned"), 30.0);
    assert_eq!(first["plan"]["seed"], second["plan"]["seed"]);
    assert_eq!(first["messages"]["by_type"]["USER_ENTERED"], second["messages"]["by_type"]["USER_ENTERED"]);
}

#[test]
fn json_goes_to_standard_output_alone() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let mut args = small(text(&out), "10");
    args.push("--json");
    let finished = run(&args);
    finished.assert_status(0);
    let printed: Value = serde_json::from_str(&finished.stdout).expect("nothing but the summary");
    assert_eq!(printed, summary(&out));
}

#[test]
fn servers_that_drop_sessions_fail_the_run() {
    // Sessions ping every 5 s and are idle after 1 s: all of them are dropped in mid-hold, without a message.
    let server = Server::start(&[
        "--members",
        "13-62",
        "--challenge",
        "38",
        "--ready",
        "--idle-timeout",
        "1s",
        "--idle-check",
        "1s",
    ]);
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let finished = run(&[
        "run",
        "--target",
        &server.url,
        "--challenge",
        "38",
        "--members",
        "13-62",
        "--sessions",
        "50",
        "--ramp",
        "500ms",
        "--hold",
        "4s",
        "--ping-interval",
        "5s",
        "--ramp-down",
        "0",
        "--out",
        text(&out),
    ]);
    finished.assert_status(1);
    let summary = summary(&out);
    assert_eq!(summary["verdict"], "fail");
    assert_eq!(number(&summary, "/sessions/held_to_end"), 0.0);
    assert_eq!(number(&summary, "/errors/by_kind/closed-1000"), 50.0, "{:#}", summary["errors"]);
    assert!(finished.stdout.contains("closed-1000"), "{}", finished.stdout);
}

#[test]
fn spent_members_are_told_apart_by_name() {
    let server = Server::start(&["--members", "13-22", "--challenge", "38", "--ready"]);
    let temp = tempfile::tempdir().expect("a directory");
    let args = |out: &str| -> Vec<String> {
        [
            "run",
            "--target",
            &server.url,
            "--challenge",
            "38",
            "--members",
            "13-22",
            "--sessions",
            "10",
            "--ramp",
            "100ms",
            "--hold",
            "300ms",
            "--ramp-down",
            "0",
            "--end",
            "quit",
            "--out",
            out,
        ]
        .map(String::from)
        .to_vec()
    };
    let (first, second) = (temp.path().join("first"), temp.path().join("second"));
    let run_args =
        |args: Vec<String>| -> Finished { run(&args.iter().map(String::as_str).collect::<Vec<_>>()) };
    run_args(args(text(&first))).assert_status(0);
    // Everyone has quit: the servers let nobody of them in again.
    run_args(args(text(&second))).assert_status(1);
    let summary = summary(&second);
    assert_eq!(
        number(&summary, "/errors/by_kind/INVALID_PARTICIPATION_STATUS"),
        10.0,
        "{:#}",
        summary["errors"]
    );
}

#[test]
fn closed_members_can_enter_again() {
    let server = Server::start(&["--members", "13-22", "--challenge", "38", "--ready"]);
    let temp = tempfile::tempdir().expect("a directory");
    for name in ["first", "second"] {
        let out = temp.path().join(name);
        run(&[
            "run",
            "--target",
            &server.url,
            "--challenge",
            "38",
            "--members",
            "13-22",
            "--sessions",
            "10",
            "--ramp",
            "100ms",
            "--hold",
            "300ms",
            "--ramp-down",
            "0",
            "--out",
            text(&out),
        ])
        .assert_status(0);
    }
}

#[test]
fn members_come_from_the_guide_s_files() {
    let server = Server::start(&["--members", "13-42", "--challenge", "38", "--ready"]);
    let temp = tempfile::tempdir().expect("a directory");
    let write = |name: &str, ids: std::ops::Range<u32>| {
        let path = temp.path().join(name);
        let rows: String = ids.map(|id| format!("{id},38\r\n")).collect();
        std::fs::write(&path, format!("\u{feff}memberId,challengeId\r\n{rows}\r\n")).expect("a file");
        path
    };
    let (one, two) = (write("test_members_1.csv", 13..28), write("test_members_2.csv", 28..43));
    let out = results(&temp);
    let members = ["--members", text(&one), "--members", text(&two)];
    let mut args =
        vec!["run", "--target", &server.url, "--ramp", "300ms", "--hold", "300ms", "--ramp-down", "0"];
    args.extend(members);
    let too_many = [&args[..], &["--sessions", "31", "--out", text(&out)]].concat();
    let refused = run(&too_many);
    refused.assert_status(2);
    assert!(refused.stderr.contains("31") && refused.stderr.contains("30"), "{}", refused.stderr);
    let enough = [&args[..], &["--sessions", "30", "--out", text(&out)]].concat();
    run(&enough).assert_status(0);
    assert_eq!(number(&summary(&out), "/sessions/established"), 30.0);
}

#[test]
fn a_ramp_that_cannot_end_before_the_start_is_refused() {
    let server = Server::start(&["--members", "13-22", "--challenge", "38", "--ready"]);
    let refused = run(&[
        "run",
        "--target",
        &server.url,
        "--challenge",
        "38",
        "--members",
        "13-22",
        "--sessions",
        "10",
        "--ramp",
        "6m",
        "--hold",
        "1s",
    ]);
    refused.assert_status(2);
    assert!(refused.stderr.contains("startAt") || refused.stderr.contains("starts"), "{}", refused.stderr);
}

#[test]
fn a_target_that_is_not_there_is_named() {
    // Bound and dropped: nothing listens there now.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
    let target = format!("http://127.0.0.1:{port}");
    let refused =
        run(&["run", "--target", &target, "--challenge", "38", "--members", "13-22", "--sessions", "10"]);
    refused.assert_status(3);
    assert!(refused.stderr.contains(&format!("127.0.0.1:{port}")), "{}", refused.stderr);
    assert!(refused.stderr.to_lowercase().contains("refused"), "{}", refused.stderr);
}

#[test]
fn an_interrupt_closes_every_session_and_writes_everything() {
    let server = Server::start(&["--members", "13-62", "--challenge", "38", "--ready"]);
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let args = [
        "run",
        "--target",
        &server.url,
        "--challenge",
        "38",
        "--members",
        "13-62",
        "--sessions",
        "50",
        "--ramp",
        "500ms",
        "--hold",
        "10m",
        "--out",
        text(&out),
    ];
    // The hold is longer than the challenge; it is the interrupt that this is about.
    let args = [&args[..], &["--set", "pace_s_per_km=600"]].concat();
    let args: Vec<&str> = args.iter().map(|arg| if *arg == "10m" { "4m" } else { arg }).collect();
    let child = start_and_hold(&args, &out);
    signal(child.id(), libc::SIGINT);
    let finished = finish(child);
    finished.assert_status(3);
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
    let child = startline()
        .args(["run", "--sessions", "1000", "--ramp", "100s", "--hold", "1s", "--out", text(&out)])
        .spawn()
        .expect("the binary starts");
    eventually("the ramp", || {
        std::fs::read_to_string(out.join("timeline.csv")).unwrap_or_default().contains(",ramp,")
    });
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
    let child = start_and_hold(
        &[
            "run",
            "--sessions",
            "50",
            "--ramp",
            "500ms",
            "--hold",
            "2m",
            "--ramp-down",
            "1m",
            "--out",
            text(&out),
        ],
        &out,
    );
    signal(child.id(), libc::SIGINT);
    signal(child.id(), libc::SIGTERM);
    let began = std::time::Instant::now();
    finish(child);
    assert!(began.elapsed().as_secs() < 60, "it did not wait for its ramp-down");
}

#[test]
fn the_stand_in_dies_with_a_run_that_is_killed_and_its_files_remain() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let child = start_and_hold(
        &["run", "--sessions", "50", "--ramp", "500ms", "--hold", "2m", "--out", text(&out)],
        &out,
    );
    let stand_ins = children_of(child.id());
    assert_eq!(stand_ins.len(), 1, "the stand-in is a child");
    signal(child.id(), libc::SIGKILL);
    finish(child);
    eventually("the stand-in's end", || !is_alive(stand_ins[0]));
    let summary = summary(&out);
    assert_eq!(summary["verdict"], "inconclusive");
    assert_eq!(number(&summary, "/sessions/established"), 50.0);
    let rows = std::fs::read_to_string(out.join("timeline.csv")).expect("the timeline");
    assert!(rows.lines().count() >= 2, "{rows}");
}

#[test]
fn wrong_arguments_exit_with_2_and_say_what_to_do() {
    let cases: &[(&[&str], &str)] = &[
        (&["run", "--sessions", "many"], "--sessions"),
        (&["run", "--hold", "30"], "30s"),
        (&["run", "--tarket", "http://127.0.0.1:1"], "--target"),
        (&["run", "--target", "https://127.0.0.1:1", "--challenge", "1", "--members", "1-9"], "https"),
        (&["run", "--target", "ftp://127.0.0.1:1", "--challenge", "1", "--members", "1-9"], "http"),
        (&["run", "--target", "http://127.0.0.1:1", "--challenge", "1"], "--members"),
        (
            &[
                "run",
                "--target",
                "http://127.0.0.1:1",
                "--challenge",
                "1",
                "--members",
                "1-9",
                "--no-broadcast",
            ],
            "--no-broadcast",
        ),
        (
            &["run", "--target", "http://127.0.0.1:1", "--challenge", "1", "--members", "nobody.csv"],
            "nobody.csv",
        ),
        (&["run", "--scenario", "runity"], "runnity"),
        (&["run", "--set", "pacce_s_per_km=1"], "pace_s_per_km"),
        (&["run", "--ramp", "1s", "--rate", "5/s"], "--rate"),
        (&["run", "--out", "/proc/nowhere"], "/proc/nowhere"),
        (&["run", "--sessions", "100000000"], "100,000,000 sessions"),
        (&["serve", "--listen", "nowhere"], "--listen"),
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
    let refused = run(&small(text(&out), "10"));
    refused.assert_status(2);
    assert!(refused.stderr.contains(text(&out)), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(out.join("summary.json")).expect("untouched"), "{}");
}
