//! Arrivals that are paused and go on, by SIGUSR1 and by a key.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::common::served::Served;
use crate::common::terminal::{OnTerminal, shown};
use crate::common::{Finished, Run, eventually, finish, let_pass, number, results, signal, summary};

const PAUSE: Duration = Duration::from_secs(3);

fn run(mock: &Served, out: &Path) -> Run {
    let run = Run::against(&mock.url, 100, out).without("sessions").without("ramp").without("hold");
    run.with("ramp-down", "500ms")
}

fn mock() -> Served {
    Served::start(&["--ready", "--members", "13-112"])
}

/// Plays it with a pause that begins once this many sessions have started.
fn paused_after(started: f64, run: &Run, out: &Path) -> Finished {
    let child = run.start();
    let file = out.join("summary.json");
    eventually("the arrivals", || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let summary: Value = serde_json::from_str(&text).unwrap_or_default();
        summary.pointer("/sessions/started").and_then(Value::as_f64).is_some_and(|now| now >= started)
    });
    signal(child.id(), libc::SIGUSR1);
    let_pass(PAUSE);
    signal(child.id(), libc::SIGUSR1);
    finish(child)
}

/// These columns of the timeline.
fn rows<const N: usize>(out: &Path, names: [&str; N]) -> Vec<[f64; N]> {
    let mut reader = csv::Reader::from_path(out.join("timeline.csv")).expect("a timeline");
    let head = reader.headers().expect("a head").clone();
    let columns = names.map(|name| head.iter().position(|it| it == name).expect("a column"));
    let figures = |row: csv::StringRecord| columns.map(|at| row[at].parse().unwrap_or(0.0));
    reader.records().map(|row| figures(row.expect("a row"))).collect()
}

/// The rows of the timeline that were paused as a whole.
fn paused_rows(out: &Path) -> Vec<csv::StringRecord> {
    let mut reader = csv::Reader::from_path(out.join("timeline.csv")).expect("a timeline");
    let head = reader.headers().expect("a head").clone();
    let column = |name: &str| head.iter().position(|it| it == name).expect("a column");
    let (start, end, paused) = (column("start_s"), column("end_s"), column("paused_ms"));
    let figure = |row: &csv::StringRecord, at: usize| row[at].parse::<f64>().expect("a number");
    let is_paused = |row: &csv::StringRecord| {
        let length_ms = 1e3 * (figure(row, end) - figure(row, start));
        // Accounts may close in a row of a millisecond.
        length_ms > 500.0 && figure(row, paused) + 1.0 >= length_ms
    };
    let rows = reader.records().map(|row| row.expect("a row"));
    let rows = rows.filter(is_paused);
    rows.map(|row| ["started_total", "open", "pings_due"].map(|name| row[column(name)].to_owned()))
        .map(|row| csv::StringRecord::from(row.to_vec()))
        .collect()
}

#[test]
fn a_pause_shifts_all_that_was_planned_for_later() {
    let (mock, temp) = (mock(), tempfile::tempdir().expect("a directory"));
    let out = results(&temp);
    let run = run(&mock, &out).and("stage", "rise=4s:80").and("stage", "level=2s:80");
    let finished = paused_after(10.0, &run.with("ping-interval", "500ms"), &out);
    finished.assert_status(0);
    let summary = summary(&out);
    let (from, took) = (number(&summary, "/pauses/0/from_seconds"), number(&summary, "/pauses/0/seconds"));
    assert_eq!(summary["pauses"].as_array().map(Vec::len), Some(1));
    assert_eq!(summary["pauses"][0]["by"], "signal");
    assert!((PAUSE.as_secs_f64() - took).abs() < 1.0, "{took}");
    // To the millisecond: it is arithmetic.
    let near = |one: f64, other: f64| (one - other).abs() < 0.002;
    assert!(near(number(&summary, "/stages/0/seconds"), 4.0 + took), "{:#}", summary["stages"]);
    assert!(near(number(&summary, "/stages/1/from_seconds"), 4.0 + took), "{:#}", summary["stages"]);
    assert_eq!(number(&summary, "/stages/0/started"), 80.0);
    assert_eq!(number(&summary, "/stages/1/min_held"), 80.0);
    // Nobody arrived in it, and heartbeats went on.
    let rows = paused_rows(&out);
    assert!(!rows.is_empty(), "of {from} s on");
    let begun = 80.0 * from / 4.0;
    for row in &rows {
        let figure = |at: usize| row[at].parse::<f64>().expect("a number");
        assert_eq!(figure(0), rows[0][0].parse::<f64>().expect("a number"));
        assert!((figure(0) - begun).abs() <= 1.0, "{row:?} of {begun}");
        assert!(figure(2) >= figure(1), "{row:?}");
    }
    assert!(
        finished.text().contains("paused for") && finished.text().contains("(SIGUSR1)"),
        "{}",
        finished.stdout
    );
    assert!(finished.stderr.contains("paused: no session arrives"), "{}", finished.stderr);
}

/// The cut is planned for 3 s, and the pause takes as long.
#[test]
fn a_cut_is_later_by_the_pause() {
    let (mock, temp) = (mock(), tempfile::tempdir().expect("a directory"));
    let out = results(&temp);
    let run = run(&mock, &out).and("stage", "2s:40").and("stage", "4s:40").with("drop", "50%@3s:fin");
    paused_after(10.0, &run, &out);
    assert!((19.0..=21.0).contains(&number(&summary(&out), "/reconnects/dropped")));
    let all = rows(&out, ["start_s", "paused_ms", "reconnects.dropped"]);
    let cut = all.iter().find(|row| row[2] != 0.0).expect("a second of the cut");
    let paused: f64 = all.iter().map(|row| row[1] / 1e3).sum();
    assert!(cut[0] + 1.1 >= 3.0 + paused, "{all:?}");
}

#[test]
fn in_a_pause_nobody_leaves_by_plan() {
    let (mock, temp) = (mock(), tempfile::tempdir().expect("a directory"));
    let out = results(&temp);
    let run = run(&mock, &out).and("stage", "500ms:20").and("stage", "4s:20");
    let run = run.with("lifetime", "1s..2s").with("members", "13-92");
    // The verdict may be this machine's, which is busy with other tests.
    paused_after(20.0, &run, &out);
    let summary = summary(&out);
    assert_eq!(summary["sessions"]["started"], summary["sessions"]["planned"]);
    assert_eq!(number(&summary, "/stages/1/min_held"), 20.0);
    let rows = paused_rows(&out);
    assert!(!rows.is_empty());
    assert!(rows.iter().all(|row| row[0] == rows[0][0]), "{rows:?}");
    // Who had just arrived has opened by then.
    assert_eq!(rows.last().map(|row| &row[1]), Some("20"), "{rows:?}");
}

#[test]
fn a_hold_is_longer_by_its_pause_and_the_key_does_the_same() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::small(20, &out).with("hold", "3s").with("ramp-down", "500ms");
    let mut terminal = OnTerminal::start(&mut run.command(), 80, 24);
    terminal.wait_for("open 20");
    terminal.press(b"p");
    terminal.wait_for("PAUSED");
    let_pass(Duration::from_secs(2));
    terminal.press(b"p");
    let (status, seen) = terminal.finish();
    assert_eq!(status, 0, "{}", shown(&seen));
    let summary = summary(&out);
    assert_eq!(summary["pauses"][0]["by"], "key");
    let took = number(&summary, "/pauses/0/seconds");
    let hold = number(&summary, "/hold/seconds");
    assert!(took > 1.5 && (hold - 3.0 - took).abs() < 0.5, "{hold} of 3 and {took}");
}
