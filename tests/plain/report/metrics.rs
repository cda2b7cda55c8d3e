//! The page of metrics, made from the same recorders as the result.

use std::sync::Arc;
use std::time::Duration;

use startline::exporter::{Reading, text};
use startline::fault::Fault;
use startline::measure::{Counts, Interval, PingEvent, Totals};
use startline::plan::Plan;
use startline::report::Phase;
use startline::report::files::Second;
use startline::report::view::Snapshot;

use super::fixture::{CONNECT, ENTER, HOLD, Run, layout};

/// The page of this run in its hold.
fn page(mut run: Run) -> String {
    let mut totals = Totals::new(&layout());
    totals.add(&run.recorder.take());
    let result = run.built(&totals);
    let plan = Plan { scenario: Arc::new(run.scenario), ..run.plan };
    let second = Second {
        start: Duration::from_secs(299),
        end: Duration::from_secs(300),
        ended_at: "2026-01-31T09:35:00Z".parse().expect("a time"),
        is_after: false,
        phase: Phase::Hold,
        planned: 6000,
        paused: Duration::ZERO,
        open: 5998,
        cpu_seconds: 0.25,
        rss_bytes: 12_000_000,
        totals: &totals,
        expected_servers: None,
    };
    let snapshot = Snapshot {
        plan: &plan,
        paused: None,
        phase: Phase::Hold,
        elapsed: second.end,
        started: 6000,
        second: &second,
        interval: &Interval::default(),
        result: &result,
    };
    text(&Reading::of(&snapshot, &Counts::default()))
}

#[track_caller]
fn assert_has(page: &str, lines: &[&str]) {
    for line in lines {
        let name = line.split(['{', ' ']).next().expect("a name");
        let near: Vec<&str> = page.lines().filter(|other| other.starts_with(name)).collect();
        assert!(near.contains(line), "{line}\nis not in\n{}", near.join("\n"));
    }
}

#[test]
fn a_page_says_what_was_recorded_in_base_units() {
    let mut run = Run::good();
    (0..3).for_each(|_| run.fail(ENTER, Fault::HttpStatus(503), ""));
    run.fail(HOLD, Fault::Cut, "");
    // Two faults of the program's with one name.
    run.fail(HOLD, Fault::Closed(1006), "");
    run.fail(CONNECT, Fault::DescriptorsExhausted, "");
    run.ping(PingEvent::TimedOut { stalled: false });
    run.ping(PingEvent::Missed { stalled: true });
    let page = page(run);
    assert_has(
        &page,
        &[
            "startline_phase{phase=\"hold\"} 1",
            "startline_phase_planned_seconds{phase=\"hold\"} 1800.0",
            "startline_start_timestamp_seconds 1769851800.0",
            "startline_sessions_started_total 6000",
            "startline_sessions_open 5998",
            "startline_errors_total{blame=\"machine\"} 2",
            "startline_errors_total{blame=\"network\"} 0",
            "startline_errors_total{blame=\"server\"} 6",
            "startline_errors_total{blame=\"scenario\"} 0",
            "startline_errors_by_kind_total{step=\"enter\",kind=\"http-503\",blame=\"server\"} 3",
            "startline_errors_by_kind_total{step=\"hold\",kind=\"closed-1006\",blame=\"server\"} 2",
            "startline_errors_by_kind_total{step=\"ping\",kind=\"ping-timeout\",blame=\"server\"} 1",
            "startline_errors_by_kind_total{step=\"ping\",kind=\"stalled-here\",blame=\"machine\"} 1",
            "startline_pings_due_total 60002",
            "startline_step_latency_seconds_count{step=\"login\",from=\"scheduled\"} 6000",
            "startline_step_latency_seconds_bucket{le=\"0.008\",step=\"login\",from=\"sent\"} 0",
            "startline_step_latency_seconds_bucket{le=\"0.0224\",step=\"login\",from=\"sent\"} 6000",
            "startline_step_latency_seconds_bucket{le=\"+Inf\",step=\"login\",from=\"sent\"} 6000",
            "startline_socket_bytes_total{direction=\"received\"} 2000000000",
            "startline_criterion_limit{criterion=\"login\",unit=\"seconds\",good=\"below\"} 0.1",
            "startline_criterion_limit{criterion=\"held\",unit=\"ratio\",good=\"at-least\"} 0.999",
            "startline_criterion_limit{criterion=\"held-4000\",unit=\"count\",good=\"at-least\"} 4000.0",
            "startline_criterion_state{criterion=\"login\",state=\"pass\"} 1",
            "startline_generator_resident_bytes 12000000",
        ],
    );
}

/// Servers choose URLs, and the page stays small.
#[test]
fn what_peers_name_is_bounded() {
    let mut run = Run::good();
    for k in 0..2_000 {
        let url = format!("wss://{}{k}.example", "a".repeat(50_000));
        run.recorder.routing().opened(&url, Duration::from_secs(1));
    }
    for status in 0..2_000 {
        run.fail(ENTER, Fault::HttpStatus(status), "");
    }
    let page = page(run);
    let of = |name: &str| page.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(of("startline_server_sessions_opened_total{"), 64);
    assert!((250..=260).contains(&of("startline_errors_by_kind_total{")));
    assert!(page.len() < 300_000, "{}", page.len());
    let mut lines: Vec<&str> = page.lines().collect();
    let all = lines.len();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), all, "a series is there once");
}
