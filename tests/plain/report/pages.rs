//! Recorded runs to make pages of: an ordinary one, a very long one, one whose servers are hostile, one
//! of which nothing is known yet.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use startline::lang::Sentence;
use startline::members::{MemberId, SessionNumber};
use startline::report::files::FailureLine;
use startline::report::recorded::{
    Band, Distribution, POINTS_MAX, Point, Recorded, ServerPoint, ServerSeries, Timeline, WatchSeries,
};
use startline::report::{
    ErrorDetail, MoveResult, Outcome, RequestsResult, RunResult, StallResult, WatchEvent, WatchResult,
    WatchedResult,
};
use startline::watch::{EventKind, builtin};

use super::fixture::{Run, rich};

/// What must do nothing, wherever it stands.
pub const HOSTILE: [&str; 6] = [
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    "<img src=x onerror='window.hacked = 3'>",
    "\u{202e}evil\u{2066}\u{2028}\u{2029}",
    "\" onmouseover=\"window.hacked = 4\" x=\"",
    "<!--<script>",
];

/// Four minutes of ramp and hold, with failures and a stall.
pub fn ordinary() -> Recorded {
    let mut result = rich();
    result.started_at = "2026-01-31T09:30:00Z".parse().expect("a timestamp");
    result.stalls.count = 1;
    result.stalls.listed = vec![stall(120.0, 124.5, &result)];
    let kinds = [("enter", "http-502"), ("connect", "connect-refused")];
    let timeline = timeline(
        240,
        1.0,
        &["login", "enter", "connect", "open", "ping"],
        &["CONNECTED", "USER_ENTERED", "PONG"],
        &kinds,
    );
    of(result, timeline)
}

/// The ordinary run, of whose servers the built-in set is read: all but nginx and logs, for four minutes
/// with half a minute in which Prometheus did not answer.
pub fn watched() -> Recorded {
    let mut recorded = ordinary();
    let set = builtin::runnity(&[]).expect("the built-in set");
    let items = set.sources.iter().flat_map(|source| {
        source.items.iter().map(|item| {
            let is_read = source.spec.kind().starts_with("redis") || source.spec.kind() == "prometheus";
            let limit = item.limits.warn.or(item.limits.fail);
            let value = limit.map_or(70.0, |limit| limit * 1.1).max(0.5);
            let outcome = if item.limits.warn.is_some() { Outcome::Warn } else { Outcome::Fail };
            WatchedResult {
                name: item.name.clone(),
                source: source.spec.kind().to_owned(),
                place: is_read.then(|| format!("{}.example:9090", source.spec.kind())),
                expression: item.expression.clone(),
                judge: item.judge.key(),
                unit: item.unit.clone(),
                good: if item.limits.is_least { "at-least" } else { "at-most" }.into(),
                warn: item.limits.warn,
                fail: item.limits.fail,
                value: is_read.then_some(value),
                outcome: if is_read { limit.map(|_| outcome) } else { Some(Outcome::NotMeasured) },
                why: Sentence::plain(if is_read { "" } else { "no source was given" }),
                fix: if is_read { "" } else { "give --watch FILE with a block that says where it is" }.into(),
                readings: if is_read { 42 } else { 0 },
                missed: 6,
            }
        })
    });
    let items: Vec<WatchedResult> = items.collect();
    let read = items.iter().enumerate().filter(|(_, item)| item.place.is_some());
    let series = read.map(|(k, item)| {
        let base = if item.unit == "B" { 3e8 } else { item.value.unwrap_or(1.0) / 1.6 };
        let is_lost = |at: f64| item.source == "prometheus" && (60.0..90.0).contains(&at);
        let at = (0..48).map(|look| f64::from(look) * 5.0 + 1.25).filter(|at| !is_lost(*at));
        let value = |at: f64| {
            let jump = if item.name == "enter-mean" && (10.0..40.0).contains(&at) { 4.0 } else { 1.0 };
            base * jump * (1.0 + 0.4 * (at / 20.0 + k as f64).sin() + at / 900.0)
        };
        WatchSeries::of(item.name.clone(), at.map(|at| (at, value(at))).collect())
    });
    recorded.watch = series.collect();
    let event = |seconds: i64, kind, subject: &str, evidence: &str| WatchEvent {
        time: recorded.result.started_at + jiff::SignedDuration::from_secs(seconds),
        kind,
        subject: subject.into(),
        evidence: evidence.into(),
    };
    let events = vec![
        event(95, EventKind::Restarted, "ws1:8080", "process_start_time_seconds changed"),
        event(150, EventKind::Down, "ws_health:ws2/ws/2", "the key vanished"),
        event(156, EventKind::Up, "ws_health:ws2/ws/2", "the key is back"),
        event(200, EventKind::SlowCommand, "redis", "ZRANGE took 120 ms"),
    ];
    recorded.result.watch = Some(WatchResult { items, events, requests: requests() });
    recorded
}

/// The steps' requests as servers see them.
fn requests() -> Vec<RequestsResult> {
    let row = |step: &str, uri: &str, mean_ms: f64, own: f64| RequestsResult {
        step: step.into(),
        uri: uri.into(),
        count: 6_000.0,
        per_second: Some(198.7),
        error_share: Some(0.0),
        mean_ms,
        own_mean_ms: Some(own),
        difference_ms: Some(own - mean_ms),
    };
    vec![row("login", "/api/v1/auth/test-login", 12.4, 19.9), row("connect", "101", 5.4, 14.0)]
}

/// Adds as many figures of servers as a file may have, with as many readings as are read back.
fn watch_all(recorded: &mut Recorded, long: &str) {
    let Some(mut watch) = watched().result.watch else { return };
    let one = watch.items[0].clone();
    let end = recorded.timeline.points.last().map_or(0.0, |point| point.end_s);
    let item = |k: usize| WatchedResult {
        name: format!("figure {k} {long}"),
        expression: long.into(),
        fix: Sentence::plain(if k < 100 { String::new() } else { format!("{k} {long}") }),
        outcome: Some(if k < 100 { Outcome::Warn } else { Outcome::NotMeasured }),
        ..one.clone()
    };
    watch.items = (0..256).map(item).collect();
    watch.events =
        (0..500).map(|k| WatchEvent { evidence: long.into(), ..watch.events[k % 2].clone() }).collect();
    let points = |k: usize| {
        let noise = move |n: usize| 1.0 + ((k * 7_919 + n * 104_729) % 1_009) as f64 / 1_009.0;
        (0..POINTS_MAX)
            .map(move |n| (end * (n as f64 + noise(n) / 4.0) / POINTS_MAX as f64, noise(n) * 1.234_5))
    };
    let series = watch.items.iter().take(100).enumerate();
    recorded.watch =
        series.map(|(k, item)| WatchSeries::of(item.name.clone(), points(k).collect())).collect();
    recorded.result.watch = Some(watch);
}

/// A hundred hours with many steps, kinds of messages and kinds of failures, in long figures.
pub fn long() -> Recorded {
    let steps: Vec<String> = (0..40).map(|k| format!("a step with quite a long name {k}")).collect();
    let kinds: Vec<String> = (0..200).map(|k| format!("A_KIND_OF_MESSAGE_WITH_A_LONG_NAME_{k}")).collect();
    let errors: Vec<(String, String)> =
        (0..100).map(|k| (steps[k % 40].clone(), format!("http-{}", 400 + k))).collect();
    let borrowed = |names: &'_ [String]| names.to_vec();
    let mut result = rich();
    let step = result.steps.0[0].1.clone();
    result.steps.0 = steps.iter().map(|name| (name.clone(), step.clone())).collect();
    let detail = result.errors.details[0].clone();
    let long = "é".repeat(10_000);
    result.errors.details = errors
        .iter()
        .map(|(step, kind)| ErrorDetail { step: step.clone(), kind: kind.clone(), ..detail.clone() })
        .collect();
    let server = result.servers.0[0].1.clone();
    result.servers.0 =
        (0..2_000).map(|k| (format!("wss://server-{k}.example/{long}"), server.clone())).collect();
    result.stalls.count = 200;
    result.stalls.listed =
        (0..200).map(|k| stall(f64::from(k) * 100.0, f64::from(k) * 100.0 + 1.5, &result)).collect();
    let names: Vec<&str> = steps.iter().map(String::as_str).collect();
    let kind_names: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let error_names: Vec<(&str, &str)> =
        errors.iter().map(|(step, kind)| (step.as_str(), kind.as_str())).collect();
    let timeline = timeline(POINTS_MAX, 200.123, &names, &kind_names, &error_names);
    let mut recorded = of(result, timeline);
    recorded.failures =
        (0..1_000).map(|k| failure(f64::from(k), &borrowed(&steps)[0], "http-400", &long)).collect();
    watch_all(&mut recorded, &long);
    recorded.plan = "# a line of a plan that is quite long, but not too long\n".repeat(20_000);
    recorded
}

/// The ordinary run with hostile text in every place that a server, a scenario or a user can fill.
pub fn hostile() -> Recorded {
    let mut recorded = watched();
    let all = HOSTILE.join(" ");
    let result = &mut recorded.result;
    if let Some(watch) = &mut result.watch {
        for (k, item) in watch.items.iter_mut().enumerate() {
            let text = HOSTILE[k % HOSTILE.len()].to_owned();
            if let Some(series) = recorded.watch.iter_mut().find(|series| series.item == item.name) {
                series.item.clone_from(&text);
            }
            (item.name, item.source, item.place) = (text.clone(), text.clone(), Some(all.clone()));
            (item.expression, item.judge, item.unit) = (text.clone(), text.clone(), text.clone());
            (item.fix, item.why) = (Sentence::plain(all.as_str()), Sentence::plain(all.as_str()));
        }
        for event in &mut watch.events {
            (event.subject, event.evidence) = (all.clone(), all.clone());
        }
    }
    for (k, detail) in result.errors.details.iter_mut().enumerate() {
        let text = HOSTILE[k % HOSTILE.len()];
        (detail.kind, detail.step, detail.blame) = (text.to_owned(), text.to_owned(), text.to_owned());
        if let Some(sample) = &mut detail.sample {
            sample.evidence = all.clone();
            sample.server = Some(text.to_owned());
        }
    }
    rename(&mut result.steps.0);
    rename(&mut result.servers.0);
    recorded.servers.iter_mut().zip(HOSTILE).for_each(|(one, text)| one.url = text.to_owned());
    let to = |text: &str| MoveResult { home: Some(text.into()), server: text.into(), sessions: 3 };
    result.routing.moves = HOSTILE.map(to).into();
    rename(&mut result.messages.by_type.0);
    result.scenario = all.clone();
    result.version = all.clone();
    result.host.cpu_model = all.clone();
    result.host.kernel = all.clone();
    result.plan = serde_json::json!({ "target": all, HOSTILE[1]: all, "seed": 1 });
    for (criterion, text) in result.criteria.iter_mut().zip(HOSTILE.iter().cycle()) {
        criterion.name = (*text).to_owned();
        criterion.measure = (*text).to_owned();
        criterion.unit = (*text).to_owned();
    }
    if let Some(ledger) = &mut recorded.result.ledger {
        for (leg, text) in ledger.shape.by_servers.iter_mut().zip(HOSTILE) {
            (leg.announcing, leg.delivering) = (Some(text.to_owned()), Some(text.to_owned()));
        }
    }
    let timeline = &mut recorded.timeline;
    timeline.kinds.iter_mut().zip(HOSTILE).for_each(|(kind, text)| *kind = text.to_owned());
    timeline.steps.iter_mut().zip(HOSTILE).for_each(|(step, text)| *step = text.to_owned());
    for point in &mut timeline.points {
        point.errors = HOSTILE.iter().map(|text| (((*text).to_owned(), (*text).to_owned()), 3)).collect();
        point.phase = HOSTILE[usize::from(point.start_s > 100.0)].to_owned();
    }
    recorded.distributions.iter_mut().zip(HOSTILE).for_each(|(one, text)| one.step = text.to_owned());
    recorded.failures = HOSTILE.iter().map(|text| failure(12.0, text, text, &all)).collect();
    recorded.plan = all;
    recorded.path = format!("/tmp/{}", HOSTILE[4]).into();
    recorded
}

/// A run that was killed before its first second was over.
pub fn empty() -> Recorded {
    let mut result = Run::good().result();
    result.ending = "running".into();
    let zero = |value: serde_json::Value| value;
    let mut json = zero(serde_json::to_value(&result).expect("JSON"));
    json["sessions"]["started"] = 0.into();
    json["sessions"]["established"] = 0.into();
    json["sessions"]["min_in_hold"] = serde_json::Value::Null;
    json["steps"] = serde_json::json!({});
    json["servers"] = serde_json::json!({});
    json["ledger"] = serde_json::Value::Null;
    json["criteria"] = serde_json::json!([]);
    json["plan"] = serde_json::json!({});
    let result = serde_json::from_value(json).expect("a result");
    Recorded {
        path: "startline-20260131-093000".into(),
        result,
        timeline: Timeline::default(),
        distributions: Vec::new(),
        lag: None,
        failures: Vec::new(),
        servers: Vec::new(),
        watch: Vec::new(),
        plan: String::new(),
    }
}

fn of(result: RunResult, timeline: Timeline) -> Recorded {
    let distribution = |(k, step): (usize, &String)| Distribution {
        step: step.clone(),
        from_due: Some(histogram(300 * (k as u64 + 1), 2_000)),
        from_sent: Some(histogram(250 * (k as u64 + 1), 2_000)),
    };
    Recorded {
        path: "/var/tests/startline-20260131-093000".into(),
        distributions: timeline.steps.iter().enumerate().map(distribution).collect(),
        servers: servers(&result, timeline.points.len()),
        result,
        timeline,
        lag: Some(histogram(80, 5_000)),
        failures: vec![failure(17.4, "enter", "http-502", "<html>502 Bad Gateway</html>")],
        watch: Vec::new(),
        plan: "sessions = 6000\nramp = \"240s\"\n".into(),
    }
}

/// What happened at each server; the second one was gone for a while, and its members came to the others.
fn servers(result: &RunResult, points: usize) -> Vec<ServerSeries> {
    let point = |k: usize, at: usize| {
        let (sent, is_gone) = (10 + ((k * 7_919 + at * 104_729) % 97) as u64, (at * 4 / points.max(1)) == 1);
        match (k, is_gone) {
            (1, true) => ServerPoint { failed: 3, lost: 2, ..ServerPoint::default() },
            (_, true) => {
                ServerPoint { sent: 2 * sent, opened: 2 * sent, misrouted: sent, ..ServerPoint::default() }
            }
            (_, false) => ServerPoint { sent, opened: sent, ..ServerPoint::default() },
        }
    };
    let series = result.servers.iter().take(64).enumerate().map(|(k, (url, _))| ServerSeries {
        url: url.to_owned(),
        points: (0..points).map(|at| point(k, at)).collect(),
    });
    series.collect()
}

/// Values around `middle` microseconds, with a few long ones.
fn histogram(middle: u64, count: u64) -> Histogram<u64> {
    let mut histogram = Histogram::new(2).expect("two digits");
    for k in 0..count {
        let value = if k % 97 == 0 { middle * 40 } else { middle / 2 + middle * (k % 50) / 25 };
        histogram.record(value).expect("it grows");
    }
    histogram
}

fn timeline(points: usize, each_s: f64, steps: &[&str], kinds: &[&str], errors: &[(&str, &str)]) -> Timeline {
    let point = |k: usize| {
        let (start_s, share) = (k as f64 * each_s, (k as f64 / points as f64 * 2.0).min(1.0));
        // Differs from point to point, in as many digits as real figures have.
        let noise = |of: usize| 1.0 + ((k * 7_919 + of * 104_729) % 1_009) as f64 / 1_009.0;
        let band = |of: usize| {
            let p50 = 1.234_5 * noise(of) * (of + 1) as f64;
            Some(Band { count: 100, p50_ms: p50, p95_ms: p50 * 2.1, p99_ms: p50 * 3.7, max_ms: p50 * 9.3 })
        };
        let failed = |of: usize| (k % 5 == of % 5).then_some((of, 1 + (k * 31 + of * 17) as u64 % 900));
        Point {
            phase: if k * 2 < points { "ramp" } else { "hold" }.into(),
            start_s,
            end_s: start_s + each_s,
            planned_total: (6_000.0 * share) as u64,
            started_total: (5_990.0 * share) as u64,
            failed_total: k as u64 * 3,
            open: (5_900.0 * share) as u64,
            messages: 10_000,
            messages_by_kind: (0..kinds.len()).map(|of| (1e6 * noise(of) / (of + 1) as f64) as u64).collect(),
            bytes_received: (1e8 * noise(1)) as u64,
            bytes_sent: (1e6 * noise(2)) as u64,
            errors: errors
                .iter()
                .enumerate()
                .filter_map(|(of, (step, kind))| {
                    failed(of).map(|(_, count)| (((*step).to_owned(), (*kind).to_owned()), count))
                })
                .collect::<BTreeMap<_, _>>(),
            bands: (0..steps.len()).map(band).collect(),
            lag_p99_ms: Some(0.345 * noise(3)),
            cpu_s: 0.4 * each_s * noise(4),
            rss_bytes: (2e7 * noise(5)) as u64,
            ..Point::default()
        }
    };
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Timeline {
        announced: Vec::new(),
        steps: owned(steps),
        kinds: owned(kinds),
        points: (0..points).map(point).collect(),
        rows_per_point: 1,
    }
}

fn failure(at_seconds: f64, step: &str, kind: &str, evidence: &str) -> FailureLine {
    FailureLine {
        at_seconds,
        session: SessionNumber(5),
        member_id: MemberId(18).into(),
        server: Some("wss://a.example/ws/1".into()),
        step: step.into(),
        kind: kind.into(),
        blame: "server".into(),
        evidence: evidence.into(),
    }
}

fn stall(from_seconds: f64, to_seconds: f64, result: &RunResult) -> StallResult {
    StallResult { at: result.started_at, from_seconds, to_seconds, workers: 2 }
}

fn rename<T>(entries: &mut [(String, T)]) {
    entries.iter_mut().zip(HOSTILE).for_each(|((name, _), text)| *name = text.to_owned());
}
