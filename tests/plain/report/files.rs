//! The results directory: made early, written as the run goes, never lost.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use startline::measure::{Interval, Totals};
use startline::report::files::{self, CreateError, ResultsDir, Second, default_name};
use startline::report::{Phase, RunResult, Verdict};

use super::fixture::{Run, interval, layout};

fn create(path: &Path) -> Result<ResultsDir, CreateError> {
    ResultsDir::create(path, &layout(), "2026-01-31T09:30:00Z".parse().unwrap(), "sessions = 6000\n")
}

fn write_second(dir: &mut ResultsDir, number: u64, totals: &mut Totals, interval: &Interval) {
    totals.add(interval);
    let second = Second {
        second: number,
        length: Duration::from_secs(1),
        phase: Phase::Ramp,
        planned: 25 * (number + 1),
        open: 25 * (number + 1),
        cpu_seconds: 0.25,
        rss_bytes: 12_000_000,
        totals,
    };
    dir.second(&second, interval, &Run::good().scenario);
}

#[test]
fn every_file_is_there_before_the_run() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("results/of/today");
    let dir = create(&path).unwrap();
    assert_eq!(dir.path(), path);
    let mut names: Vec<_> =
        fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["failures.jsonl", "latency.hlog", "plan.toml", "summary.json", "timeline.csv"]);
    assert_eq!(fs::read_to_string(path.join(files::PLAN)).unwrap(), "sessions = 6000\n");
}

#[test]
fn results_are_never_overwritten_or_mixed() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("results");
    drop(create(&path).unwrap());
    let refused = create(&path).err().unwrap();
    assert!(matches!(refused, CreateError::HoldsResults { .. }));
    assert!(refused.to_string().contains("name a new directory"), "{refused}");

    fs::write(place.path().join("notes.txt"), "mine").unwrap();
    assert!(matches!(create(place.path()).err().unwrap(), CreateError::NotEmpty { .. }));
}

#[test]
fn a_path_that_cannot_be_written_is_refused_at_once() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let refused = create(&path).err().unwrap();
        assert!(refused.to_string().starts_with("cannot write results to"), "{refused}");
    }
}

#[test]
fn each_second_is_a_row_with_the_columns_of_its_head() {
    let place = tempfile::tempdir().unwrap();
    let mut dir = create(place.path()).unwrap();
    let mut totals = Totals::new(&layout());
    write_second(&mut dir, 0, &mut totals, &interval());
    write_second(&mut dir, 1, &mut totals, &Interval::default());
    assert!(dir.warnings().is_empty());

    let mut reader = csv::Reader::from_path(place.path().join(files::TIMELINE)).unwrap();
    let head = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let cell = |row: usize, name: &str| {
        let column = head.iter().position(|own| own == name).unwrap_or_else(|| panic!("{name} in {head:?}"));
        rows[row][column].to_owned()
    };
    assert_eq!(rows.len(), 2);
    let cells = |row: usize| {
        [
            "second",
            "phase",
            "planned_total",
            "started_total",
            "open",
            "messages",
            "login_p99_ms",
            "ping_p99_ms",
            "cpu_s",
        ]
        .map(|name| cell(row, name))
    };
    assert_eq!(cells(0), ["0", "ramp", "25", "1", "25", "1", "4.992", "7.088", "0.25"]);
    assert_eq!(cells(1), ["1", "ramp", "50", "1", "50", "0", "", "", "0.25"]);
}

#[test]
fn the_histogram_log_can_be_read_back() {
    let place = tempfile::tempdir().unwrap();
    let mut dir = create(place.path()).unwrap();
    let mut totals = Totals::new(&layout());
    for number in 0..3 {
        write_second(&mut dir, number, &mut totals, &interval());
    }
    let log = fs::read(place.path().join(files::LATENCY_LOG)).unwrap();
    let mut intervals = Vec::new();
    for entry in IntervalLogIterator::new(&log) {
        if let LogEntry::Interval(line) = entry.unwrap() {
            let start = line.start_timestamp().as_secs();
            intervals.push((
                line.tag().unwrap().as_str().to_owned(),
                start,
                line.encoded_histogram().to_owned(),
            ));
        }
    }
    let of_second = |second: u64| intervals.iter().filter(move |(_, start, _)| *start == second);
    let tags: Vec<&str> = of_second(0).map(|(tag, ..)| tag.as_str()).collect();
    assert_eq!(tags, ["login", "login.sent", "ping", "ping.sent", "generator.lag"]);
    assert_eq!(of_second(2).count(), 5);

    let mut merged = Histogram::<u64>::new(3).unwrap();
    for (_, _, encoded) in intervals.iter().filter(|(tag, ..)| tag == "ping") {
        merged.add(decode(encoded)).unwrap();
    }
    assert_eq!(merged.len(), 3);
    assert!((6_900..7_300).contains(&merged.max()), "{}", merged.max());
}

fn decode(encoded: &str) -> Histogram<u64> {
    let bytes = base64_decode(encoded);
    Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap()
}

/// Standard base64, enough for a test.
fn base64_decode(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0u32, 0);
    for byte in text.bytes().filter(|&byte| byte != b'=') {
        let value = ALPHABET.iter().position(|&own| own == byte).unwrap() as u32;
        bits = bits << 6 | value;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    bytes
}

#[test]
fn a_failure_is_a_line_of_json_with_its_evidence() {
    let place = tempfile::tempdir().unwrap();
    let mut dir = create(place.path()).unwrap();
    write_second(&mut dir, 0, &mut Totals::new(&layout()), &interval());
    let lines = fs::read_to_string(place.path().join(files::FAILURES)).unwrap();
    let failures: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = serde_json::json!([{
        "at_seconds": 1.5, "session": 7, "member_id": 20, "step": "enter", "kind": "http-503",
        "blame": "server", "evidence": "line one\nline \"two\""
    }]);
    assert_eq!(serde_json::Value::Array(failures), expected);
}

#[test]
fn the_summary_is_replaced_whole() {
    let place = tempfile::tempdir().unwrap();
    let mut dir = create(place.path()).unwrap();
    let first = Run::good().result();
    dir.summary(&first);
    let read = || -> RunResult {
        serde_json::from_slice(&fs::read(place.path().join(files::SUMMARY)).unwrap()).unwrap()
    };
    assert_eq!(read(), first);
    dir.summary(&super::fixture::rich());
    assert_eq!(read().verdict, Verdict::Fail);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 5, "nothing temporary is left");
}

#[test]
fn an_error_on_a_file_is_told_once_and_the_rest_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("results");
    let mut dir = create(&path).unwrap();
    // The directory goes away under a run: appends still reach their open files, the summary cannot be made.
    fs::remove_dir_all(&path).unwrap();
    let result = Run::good().result();
    dir.summary(&result);
    dir.summary(&result);
    let warnings = dir.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("cannot write summary.json"));
    fs::create_dir(&path).unwrap();
    dir.summary(&result);
    assert!(dir.warnings().is_empty());
    assert!(path.join(files::SUMMARY).exists());
}

#[test]
fn the_default_name_says_when() {
    let now: jiff::civil::DateTime = "2026-01-31T09:05:07".parse().unwrap();
    assert_eq!(default_name(now), "startline-20260131-090507");
}
