//! Members who leave and come again: pairs and departures stay exact; memory and descriptors stay the
//! same, however many came and went.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::played::scenario;
use crate::common::served::Served;
use crate::common::{DEADLINE, Run, finish, let_pass, number, results, summary};

/// Members, all of whom are in but for a second in each cycle.
const MEMBERS: f64 = 20.0;
/// Times that one of them leaves and comes again, another one each time.
const CYCLES: f64 = 3.0;

/// Plays it against a mock server with these options.
fn played(options: &[&str]) -> Value {
    let mock = Served::start(&[&["--ready", "--members", "13-32"], options].concat());
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::against(&mock.url, 20, &out).without("sessions").without("ramp").without("hold");
    let cycle = ["100ms:19", "900ms:19", "100ms:20", "900ms:20"].repeat(CYCLES as usize);
    let stages = ["1s:20", "1s:20"].into_iter().chain(cycle).chain(["3s:20"]);
    let run = stages.fold(run, |run, stage| run.and("stage", stage));
    run.with("workers", "2").with("ramp-down", "500ms").finish();
    let summary = summary(&out);
    assert_eq!(number(&summary, "/sessions/established"), MEMBERS + CYCLES, "{:#}", summary["errors"]);
    assert_eq!(number(&summary, "/sessions/held_to_end"), MEMBERS);
    assert_eq!(number(&summary, "/ledger/expected"), MEMBERS * (MEMBERS - 1.0));
    assert_eq!(number(&summary, "/ledger/duplicate"), 0.0, "{:#}", summary["ledger"]);
    assert_eq!(number(&summary, "/ledger/gone_while_open"), 0.0, "{:#}", summary["ledger"]);
    summary
}

#[test]
fn all_of_it_is_announced() {
    let summary = played(&[]);
    assert_eq!(number(&summary, "/ledger/missing"), 0.0, "{:#}", summary["ledger"]);
    let membership = &summary["membership"];
    assert_eq!(number(membership, "/expected"), CYCLES * (MEMBERS - 1.0), "{membership:#}");
    assert_eq!(number(membership, "/missing"), 0.0, "{membership:#}");
    assert!(number(&summary, "/propagation/left/received") >= CYCLES * (MEMBERS - 1.0) * 0.9);
}

/// Of two members the one who came first is not told of the other, who finds it in its list.
#[test]
fn of_lost_entries_each_pair_s_later_one_is_missing() {
    let summary = played(&["--fault", "broadcast-lost"]);
    assert_eq!(
        number(&summary, "/ledger/missing"),
        MEMBERS * (MEMBERS - 1.0) / 2.0,
        "{:#}",
        summary["ledger"]
    );
}

#[test]
fn departures_that_nobody_is_told_of_are_missing_though_the_members_came_again() {
    let summary = played(&["--fault", "leave-lost"]);
    assert_eq!(number(&summary, "/ledger/missing"), 0.0, "{:#}", summary["ledger"]);
    let membership = &summary["membership"];
    assert_eq!(number(membership, "/expected"), CYCLES * (MEMBERS - 1.0), "{membership:#}");
    assert_eq!(number(membership, "/missing"), CYCLES * (MEMBERS - 1.0), "{membership:#}");
}

/// Session lives of the test of memory; as many as `STARTLINE_LIVES` says, where that is set.
const LIVES: u64 = 200_000;
/// Sessions at once, and how long each stays on average.
const LEVEL: u64 = 1_000;
const STAYS_MS: u64 = 300;
/// Descriptors of a worker at most: its sessions, and those that close, for a second each at most. One kept
/// of each life would be a hundred thousand.
const DESCRIPTORS_MAX: usize = 4 * LEVEL as usize;

/// How many descriptors each thread of a process has: workers have tables of their own.
fn descriptors(process: u32) -> Vec<usize> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| Some(std::fs::read_dir(task.path().join("fd")).ok()?.count())).collect()
}

/// A column of the timeline, with sessions started by then.
fn column(out: &Path, name: &str) -> Vec<(u64, f64)> {
    let mut reader = csv::Reader::from_path(out.join("timeline.csv")).expect("a timeline");
    let head = reader.headers().expect("a head").clone();
    let at = |name: &str| head.iter().position(|it| it == name).expect("a column");
    let (column, started) = (at(name), at("started_total"));
    let rows = reader.records().map(|row| row.expect("a row"));
    rows.map(|row| (row[started].parse().expect("a count"), row[column].parse().expect("a number"))).collect()
}

/// Whether sessions open in time does not matter here: a busy machine abandons some, and servers then
/// refuse their members. That is as many rows, timers, ports and descriptors.
#[test]
#[ignore = "takes both cores for a minute, from other tests too: .ci/run plays it alone"]
fn memory_and_descriptors_are_the_same_after_many_lives() {
    let lives = std::env::var("STARTLINE_LIVES").ok().map_or(LIVES, |it| it.parse().expect("a number"));
    let temp = tempfile::tempdir().expect("a directory");
    let (out, file) = (results(&temp), temp.path().join("short.toml"));
    // A row rests as long as the longest timer may be armed.
    std::fs::write(&file, scenario()).expect("written");
    let run = Run::small(LEVEL as u32, &out).without("sessions").without("ramp").without("hold");
    let run = run.with("scenario", file.display()).with("members", "13-60012").with("abort-on", "off");
    let run = run.and("stage", &format!("3s:{LEVEL}"));
    let run = run.and("stage", &format!("{}ms:{LEVEL}", lives * STAYS_MS / LEVEL));
    let run = run.with("lifetime", format!("{}ms..{}ms", STAYS_MS * 2 / 3, STAYS_MS * 4 / 3));
    let run = run.with("ping-interval", "1s").with("pong-timeout", "900ms").flag("no-broadcast");
    // Hours of status lines would fill the pipe, which nobody reads before the end.
    let child = run.with("workers", "2").flag("quiet").start();
    let mut most = Vec::new();
    look_until(lives, || {
        let text = std::fs::read_to_string(out.join("summary.json")).unwrap_or_default();
        let summary: Value = serde_json::from_str(&text).unwrap_or_default();
        most.push(descriptors(child.id()).into_iter().max().unwrap_or(0));
        summary["ending"].as_str().is_some_and(|ending| ending != "running")
    });
    finish(child);
    let summary = summary(&out);
    let started = number(&summary, "/sessions/started");
    // A life that is due in the last instant of a worker may find the stage over.
    let missed = number(&summary, "/sessions/planned") - started;
    assert!((0.0..=2.0).contains(&missed), "{missed} lives did not begin");
    assert!(started > lives as f64 * 0.9, "{started}");
    let most = most.into_iter().max().expect("a look");
    println!("{most} descriptors at most");
    assert!(most < DESCRIPTORS_MAX, "{most} descriptors");
    let details = summary["errors"]["details"].as_array().expect("errors");
    let ran_out = ["descriptors-exhausted", "tuples-exhausted", "port-taken", "source-not-local"];
    let is_ours = |detail: &&Value| detail["kind"].as_str().is_some_and(|kind| ran_out.contains(&kind));
    assert_eq!(details.iter().find(is_ours), None);
    let resident = column(&out, "rss_bytes");
    // The least of each part: sessions that are being set up have more for a while.
    let least = |from: f64, to: f64| {
        let part = |(at, _): &&(u64, f64)| (started * from..started * to).contains(&(*at as f64));
        resident.iter().filter(part).map(|(_, bytes)| *bytes).fold(f64::MAX, f64::min)
    };
    let (middle, end) = (least(0.4, 0.6), least(0.8, 1.0));
    let each = (end - middle) / (started * 0.4);
    println!("{started} lives: {middle:.0} bytes in the middle, {end:.0} at the end: {each:.2} a life");
    // Were a row or a timer's entry kept of each life, it would be 8 bytes and more.
    assert!(each < 6.0, "{each} bytes a life: from {middle} to {end}");
}

/// Looks until the run has ended, for as long as these lives may take on a busy machine.
fn look_until(lives: u64, mut has_ended: impl FnMut() -> bool) {
    let give_up =
        Instant::now() + DEADLINE * (1 + u32::try_from(lives / 100_000).expect("a number of lives"));
    while !has_ended() {
        assert!(Instant::now() < give_up, "the run did not end");
        // A look reads thousands of entries: without a pause, it takes as much as the lives themselves.
        let_pass(Duration::from_millis(100));
    }
}
