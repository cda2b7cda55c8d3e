//! A results directory read back: what was written, joined where it is long, as far as a file goes.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use startline::measure::{Interval, Recorder, Totals};
use startline::report::files::{self, ResultsDir, Second};
use startline::report::recorded::{self, POINTS_MAX, ReadError};
use startline::report::{Phase, RunResult};

use super::fixture::{LOGIN, Run, interval, layout, timed_of};

const LONG: Duration = Duration::from_secs(60);

/// A directory with this many seconds, the same in each.
pub(super) fn recorded_run(path: &Path, seconds: u64, interval: impl Fn(u64) -> Interval) -> RunResult {
    let mut dir = ResultsDir::create(path, &layout(), "sessions = 6000\n", None).expect("a new directory");
    let (run, mut totals) = (Run::good(), Totals::new(&layout()));
    let began: jiff::Timestamp = "2026-01-31T09:30:00Z".parse().expect("a timestamp");
    for number in 0..seconds {
        let interval = interval(number);
        totals.add(&interval);
        let end = Duration::from_secs(number + 1);
        let second = Second {
            start: Duration::from_secs(number),
            end,
            ended_at: began + end,
            is_after: false,
            phase: Phase::Hold,
            planned: 6_000,
            paused: Duration::ZERO,
            open: 6_000 - number % 100,
            cpu_seconds: 0.25,
            rss_bytes: 12_000_000,
            totals: &totals,
            expected_servers: None,
        };
        dir.second(&second, &interval, &run.scenario);
        if number % 50 == 0 {
            assert!(dir.flush(|| LONG));
        }
    }
    let result = run.result();
    dir.finish(&result, || LONG);
    result
}

fn login_of(micros: u64) -> Interval {
    let mut recorder = Recorder::new(&layout());
    recorder.step_ok(LOGIN, timed_of(micros, micros));
    recorder.take()
}

#[test]
fn what_was_written_is_read() {
    let place = tempfile::tempdir().expect("a directory");
    let result = recorded_run(place.path(), 3, |_| interval());
    let recorded = recorded::read(place.path()).expect("a whole directory");
    assert_eq!(recorded.result, result);
    assert_eq!(recorded.plan, "sessions = 6000\n");
    assert_eq!(recorded.failures.len(), 3);
    assert_eq!(recorded.failures[0].kind, "http-503");

    let timeline = &recorded.timeline;
    assert_eq!(timeline.steps, layout().steps);
    assert_eq!(timeline.kinds, ["CONNECTED", "USER_ENTERED", "PONG", "other"]);
    let point = &timeline.points[1];
    assert_eq!((point.start_s, point.end_s, point.open, point.started_total), (1.0, 2.0, 5_999, 2));
    assert_eq!(point.start_time.map(|at| at.to_string()).as_deref(), Some("2026-01-31T09:30:01Z"));
    assert_eq!(point.messages_by_kind, [0, 1, 0, 0]);
    assert_eq!(point.errors.get(&("enter".into(), "http-503".into())), Some(&1));
    let band = point.bands[0].expect("a login succeeded");
    assert_eq!((band.count, band.p50_ms, band.max_ms), (1, 4.992, 4.992));
    assert_eq!(point.bands[1], None, "no enter succeeded");
    // From none to 6,000 in the first second, then to 5,999.
    assert_eq!(
        [-1.0, 0.25, 1.0, 9.0].map(|at| timeline.open_at(at)),
        [None, Some(1_500), Some(6_000), Some(5_998)]
    );

    let login = &recorded.distributions[0];
    assert_eq!(login.step, "login");
    let due = login.from_due.as_ref().expect("logins");
    // Within a bucket, 0.8 %.
    assert!(due.len() == 3 && (4_992..5_032).contains(&due.max()), "{due:?}");
    let sent = login.from_sent.as_ref().expect("logins");
    assert!((3_984..4_024).contains(&sent.max()), "{sent:?}");
    assert_eq!(recorded.lag.map(|lag| lag.len()), Some(3));
}

#[test]
fn a_long_run_has_no_more_points_and_its_percentiles_are_those_of_all_values() {
    let place = tempfile::tempdir().expect("a directory");
    let seconds = 2 * POINTS_MAX as u64 + 1;
    // Of the three rows of a point one has 1 ms, one 2 ms, one 3 ms.
    recorded_run(place.path(), seconds, |number| login_of(1_000 * (number % 3 + 1)));
    let recorded = recorded::read(place.path()).expect("a whole directory");
    let points = &recorded.timeline.points;
    assert_eq!((recorded.timeline.rows_per_point, points.len()), (3, seconds.div_ceil(3) as usize));
    for point in points.iter().take(points.len() - 1) {
        let band = point.bands[0].expect("logins");
        assert_eq!(band.count, 3);
        assert!((2.0..2.02).contains(&band.p50_ms), "{band:?}");
        assert!((2.9..3.03).contains(&band.p99_ms), "{band:?}");
        assert_eq!(point.length_s(), 3.0);
    }
    assert_eq!(points[0].open_min, 5_998);
    assert_eq!(recorded.distributions[0].from_due.as_ref().map(|due| due.len()), Some(seconds));
}

#[test]
fn files_of_a_killed_run_are_read_as_far_as_they_go() {
    let place = tempfile::tempdir().expect("a directory");
    recorded_run(place.path(), 3, |_| interval());
    for (name, torn) in [
        (files::TIMELINE, &b"3,hold,3.0"[..]),
        (files::LATENCY_LOG, b"Tag=login,3.0,1.0,5.0,HISTFAAA"),
        (files::FAILURES, b"{\"at_seconds\":3.5,\"ses"),
    ] {
        let file = OpenOptions::new().append(true).open(place.path().join(name));
        file.and_then(|mut file| file.write_all(torn)).expect("it can be appended to");
    }
    let recorded = recorded::read(place.path()).expect("a torn directory");
    assert_eq!((recorded.timeline.points.len(), recorded.failures.len()), (3, 3));
    assert_eq!(recorded.distributions[0].from_due.as_ref().map(|due| due.len()), Some(3));

    for name in [files::TIMELINE, files::LATENCY_LOG, files::FAILURES, files::PLAN] {
        fs::remove_file(place.path().join(name)).expect("it is there");
    }
    let recorded = recorded::read(place.path()).expect("a summary");
    assert!(recorded.timeline.points.is_empty() && recorded.distributions.is_empty());
}

#[test]
fn a_directory_without_a_result_of_this_form_is_refused_in_words() {
    let place = tempfile::tempdir().expect("a directory");
    let summary = place.path().join(files::SUMMARY);
    let refused = || recorded::result(place.path()).expect_err("no result").to_string();
    assert!(refused().contains("give the directory that a run wrote"), "{}", refused());
    fs::write(&summary, "").expect("a file");
    assert!(refused().ends_with("the run was killed before its first second"), "{}", refused());
    fs::write(&summary, "{\"schema_version\": 7, \"version\": \"9.1.0\"}").expect("a file");
    assert!(refused().contains("form 7 of startline 9.1.0"), "{}", refused());
    fs::write(&summary, "[1").expect("a file");
    assert!(matches!(recorded::result(place.path()), Err(ReadError::Garbled { .. })));
}
