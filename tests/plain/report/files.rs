//! The results directory: made early, written as the run goes, never lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use startline::measure::{Interval, Totals};
use startline::report::files::{self, CreateError, Lacking, ResultsDir, Second, default_name};
use startline::report::{Phase, RunResult, Verdict};

use super::fixture::{Run, interval, layout};

const LONG: Duration = Duration::from_secs(60);

fn create(path: &Path) -> Result<ResultsDir, CreateError> {
    ResultsDir::create(path, &layout(), "sessions = 6000\n", None)
}

fn write_second(dir: &mut ResultsDir, number: u64, totals: &mut Totals, interval: &Interval) {
    totals.add(interval);
    let second = of_time(number as f64, number as f64 + 1.0, totals);
    dir.second(&second, interval, &Run::good().scenario);
    assert!(dir.flush(|| LONG));
}

/// The row of what lies between these instants of a run that began at half past nine.
fn of_time(start: f64, end: f64, totals: &Totals) -> Second<'_> {
    let number = start as u64;
    let began: jiff::Timestamp = "2026-01-31T09:30:00Z".parse().unwrap();
    Second {
        start: Duration::from_secs_f64(start),
        end: Duration::from_secs_f64(end),
        ended_at: began + Duration::from_secs_f64(end),
        is_after: false,
        phase: Phase::Ramp,
        planned: 25 * (number + 1),
        paused: Duration::ZERO,
        open: 25 * (number + 1),
        cpu_seconds: 0.25,
        rss_bytes: 12_000_000,
        totals,
        expected_servers: None,
    }
}

/// The log's intervals: tag, start, length in seconds, encoded histogram.
fn intervals(log: &[u8]) -> Vec<(String, f64, f64, String)> {
    let lines = IntervalLogIterator::new(log).filter_map(|entry| match entry.unwrap() {
        LogEntry::Interval(line) => Some((
            line.tag().unwrap().as_str().to_owned(),
            line.start_timestamp().as_secs_f64(),
            line.duration().as_secs_f64(),
            line.encoded_histogram().to_owned(),
        )),
        _ => None,
    });
    lines.collect()
}

#[test]
fn rows_carry_the_time_that_they_cover() {
    let place = tempfile::tempdir().unwrap();
    let mut dir = create(place.path()).unwrap();
    let totals = Totals::new(&layout());
    // A stall in the third second: the next row is of the eighth.
    for (start, end) in [(1.0, 2.0), (2.0, 7.25), (7.25, 8.0)] {
        dir.second(&of_time(start, end, &totals), &interval(), &Run::good().scenario);
    }
    let after = Second { is_after: true, phase: Phase::RampDown, ..of_time(7.5, 8.0, &totals) };
    dir.second(&after, &interval(), &Run::good().scenario);
    assert!(dir.flush(|| LONG));
    let rows = fs::read_to_string(place.path().join(files::TIMELINE)).unwrap();
    let begins: Vec<String> =
        rows.lines().map(|row| row.split(',').take(6).collect::<Vec<_>>().join(",")).collect();
    assert_eq!(
        begins,
        [
            "second,phase,start_s,end_s,start_time,end_time",
            "1,ramp,1.000,2.000,2026-01-31T09:30:01.000Z,2026-01-31T09:30:02.000Z",
            "2,ramp,2.000,7.250,2026-01-31T09:30:02.000Z,2026-01-31T09:30:07.250Z",
            "7,ramp,7.250,8.000,2026-01-31T09:30:07.250Z,2026-01-31T09:30:08.000Z",
            "7,ramp-down,7.500,8.000,2026-01-31T09:30:07.500Z,2026-01-31T09:30:08.000Z",
        ]
    );
    let log = fs::read(place.path().join(files::LATENCY_LOG)).unwrap();
    let pings: Vec<_> = intervals(&log)
        .into_iter()
        .filter(|(tag, ..)| tag.ends_with("ping"))
        .map(|(tag, start, length, _)| (tag, start, length))
        .collect();
    let ping = |start, length| ("ping".to_owned(), start, length);
    assert_eq!(
        pings,
        [ping(1.0, 1.0), ping(2.0, 5.25), ping(7.25, 0.75), ("ramp-down.ping".to_owned(), 7.5, 0.5)]
    );
    // Seconds since 1970, when the run began, not its files.
    assert!(String::from_utf8_lossy(&log).contains("[BaseTime: 1769851800"), "the run's start");
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
    assert_eq!(
        names,
        [
            "README.txt",
            "failures.jsonl",
            "latency.hlog",
            "plan.toml",
            "servers.csv",
            "summary.json",
            "timeline.csv",
            "watch.csv"
        ]
    );
    let mut listed = files::CONTENT.map(|(name, _)| name);
    listed.sort_unstable();
    let besides: Vec<&str> = listed.into_iter().filter(|own| !names.iter().any(|name| name == own)).collect();
    assert_eq!((listed.len(), besides), (names.len() + 1, vec![files::REPORT]), "only the page comes later");
    let readme = fs::read_to_string(path.join(files::README)).unwrap();
    assert!(listed.iter().all(|name| readme.contains(&format!("\n{name} "))), "{readme}");
    assert!(readme.lines().all(|line| line.len() <= 80), "{readme}");
    for name in names {
        let mode = fs::metadata(path.join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(fs::read_to_string(path.join(files::PLAN)).unwrap(), "sessions = 6000\n");
}

#[test]
fn each_second_says_what_happened_at_each_server() {
    let place = tempfile::tempdir().unwrap();
    let mut dir = create(place.path()).unwrap();
    let mut totals = Totals::new(&layout());
    let run = Run::good();
    let mut recorder = run.recorder;
    write_second(&mut dir, 0, &mut totals, &recorder.take());
    recorder.routing().opened("wss://a.example/ws/1", Duration::from_secs(1));
    write_second(&mut dir, 1, &mut totals, &recorder.take());
    write_second(&mut dir, 2, &mut totals, &recorder.take());
    let lines = fs::read_to_string(place.path().join(files::SERVERS)).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    let both =
        ["wss://a.example/ws/1,3000,3000,0,0,0,0,0,0,0", "wss://b.example/ws/2,3000,3000,0,0,0,0,0,0,0"];
    assert_eq!(lines.len(), 4, "{lines:?}");
    let head = "at_s,server,sent,opened,failed,lost,misrouted,dropped,gave_up,came_back,gone";
    assert_eq!((lines[0], lines[3]), (head, "2,wss://a.example/ws/1,0,1,0,0,0,0,0,0,0"));
    both.iter().for_each(|line| assert!(lines.contains(&format!("1,{line}").as_str()), "{lines:?}"));
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
    let refused = create(&file).err().unwrap().to_string();
    assert!(refused.ends_with("is a file; name a directory for the results"), "{refused}");
    let refused = create(&file.join("below")).err().unwrap().to_string();
    assert!(refused.starts_with("cannot write results to"), "{refused}");
    assert!(refused.ends_with(": Not a directory; give --out another directory"), "{refused}");
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
            "steps.login.p99_ms",
            "steps.ping.p99_ms",
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
    let intervals = intervals(&log);
    let of_second = |second: u64| intervals.iter().filter(move |(_, start, ..)| *start as u64 == second);
    let tags: Vec<&str> = of_second(0).map(|(tag, ..)| tag.as_str()).collect();
    let announced = ["propagation.entered", "propagation.entered.first", "propagation.entered.last"];
    let steps = ["login", "login.sent", "ping", "ping.sent"];
    assert_eq!(tags, [&steps[..], &announced, &["generator.lag"]].concat());
    assert_eq!(of_second(2).count(), 8);

    let mut merged = Histogram::<u64>::new(3).unwrap();
    for (.., encoded) in intervals.iter().filter(|(tag, ..)| tag == "ping") {
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
        "at_seconds": 1.5, "session": 7, "member_id": 20, "server": "wss://a.example/ws/1", "step": "enter", "kind": "http-503",
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
    let read = |dir: &ResultsDir| -> RunResult {
        assert!(dir.flush(|| LONG));
        serde_json::from_slice(&fs::read(place.path().join(files::SUMMARY)).unwrap()).unwrap()
    };
    assert_eq!(read(&dir), first);
    dir.summary(&super::fixture::rich());
    assert_eq!(read(&dir).verdict, Verdict::Fail);
    assert_eq!(
        fs::read_dir(place.path()).unwrap().count(),
        files::CONTENT.len() - 1,
        "nothing temporary is left"
    );
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
    assert!(dir.flush(|| LONG));
    let lacking = dir.finish(&result, || LONG);
    assert!(lacking.summary.is_some() && lacking.lines.is_empty(), "{lacking:?}");
    let warnings = dir.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("cannot write summary.json"));
    fs::create_dir(&path).unwrap();
    assert_eq!(dir.finish(&result, || LONG), Lacking::default());
    assert!(dir.warnings().is_empty());
    assert!(path.join(files::SUMMARY).exists());
}

#[test]
fn the_default_name_says_when() {
    let now: jiff::civil::DateTime = "2026-01-31T09:05:07".parse().unwrap();
    assert_eq!(default_name(now), "startline-20260131-090507");
}
