//! Every metric, declared once: name, unit, labels, help, and how it is read.
//!
//! Names follow OpenMetrics: counters end in `_total`, units are base units and end the name.
//! `docs/metrics.md` has the same table, which a test compares. Invariant: a counter never
//! decreases.

use prometheus_client::metrics::MetricType::{self, Counter, Gauge, Histogram, Info};

use super::buckets::Buckets;
use super::reading::{Criterion, Reading, Server};
use crate::measure::{Counts, Phase};
use crate::report::Outcome;

/// What every name begins with.
pub const PREFIX: &str = "startline";

const BYTES: Option<&str> = Some("bytes");
const SECONDS: Option<&str> = Some("seconds");

/// A metric.
#[derive(Debug)]
pub struct Family {
    /// Without prefix, unit and `_total`.
    pub name: &'static str,
    /// The unit, if it has one.
    pub unit: Option<&'static str>,
    /// Counter, gauge, histogram or info.
    pub kind: MetricType,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it is.
    pub help: &'static str,
    pub(super) read: Read,
}

type Read = fn(&Reading) -> Vec<Sample<'_>>;

/// A value with the values of its labels.
#[derive(Debug)]
pub(super) struct Sample<'r> {
    pub(super) labels: Vec<&'r str>,
    pub(super) value: Value<'r>,
}

/// What a metric can be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'r> {
    Info,
    Count(u64),
    Sum(f64),
    Level(f64),
    Buckets(&'r Buckets),
}

impl Family {
    /// The name as it is queried; a histogram's without `_bucket`, `_sum` and `_count`.
    pub fn full_name(&self) -> String {
        let unit = self.unit.map_or(String::new(), |unit| format!("_{unit}"));
        let suffix = match self.kind {
            Counter => "_total",
            Info => "_info",
            _ => "",
        };
        format!("{PREFIX}_{}{unit}{suffix}", self.name)
    }
}

const fn row(
    (kind, name, unit): (MetricType, &'static str, Option<&'static str>),
    labels: &'static [&'static str],
    help: &'static str,
    read: Read,
) -> Family {
    Family { name, unit, kind, labels, help, read }
}

#[rustfmt::skip]
/// All metrics, in the order in which they are served.
pub static FAMILIES: &[Family] = &[
    row((Info, "build", None), &["version", "scenario"],
        "Which startline this is, and what it plays", |r| vec![Sample { labels: vec![env!("CARGO_PKG_VERSION"), &r.scenario], value: Value::Info }]),
    row((Gauge, "phase", None), &["phase"],
        "1 for the phase that the run is in, 0 for the others", phases),
    row((Gauge, "start_timestamp", SECONDS), &[],
        "When the run began, in seconds since 1970; 0 before it", |r| level(r.started_at_seconds)),
    row((Gauge, "elapsed", SECONDS), &[],
        "Time since the run began", |r| level(r.elapsed_seconds)),

    row((Gauge, "sessions_planned", None), &[],
        "Sessions of the plan", |r| level(r.planned as f64)),
    row((Gauge, "sessions_open", None), &[],
        "Sessions that are open now", |r| level(r.open as f64)),
    row((Counter, "arrivals_planned", None), &[],
        "Sessions that should have started by now", |r| count(r.arrivals_due)),
    row((Counter, "sessions_started", None), &[],
        "Sessions that began their first step", |r| count(r.counts.started)),
    row((Counter, "sessions_opened", None), &[],
        "Sessions that opened", |r| count(r.counts.opened)),
    row((Counter, "sessions_completed", None), &[],
        "Sessions without a WebSocket that did all their steps", |r| count(r.counts.completed)),
    row((Counter, "sessions_failed", None), &[],
        "Sessions that failed, in whatever step", |r| count(r.counts.failed)),
    row((Counter, "sessions_closed", None), &[],
        "Opened sessions that ended before accounts closed, however they ended", |r| count(r.counts.closed)),

    row((Histogram, "step_latency", SECONDS), &["step", "from"],
        "Latency of a step's successes, from its scheduled time or from actual send", latencies),
    row((Counter, "errors", None), &["blame"],
        "Failed sessions and failed PING cycles, by who has to act", |r| by_name(&r.errors_by_blame)),
    row((Counter, "errors_by_kind", None), &["step", "kind", "blame"],
        "The same by step and kind; a kind appears when it first happens", errors),
    row((Counter, "attempts", None), &[],
        "Sessions started and PINGs due: what the error rate is a share of", |r| count(r.counts.attempts())),
    row((Counter, "error_messages", None), &[],
        "Error messages that left their sessions open; not among the errors", |r| count(r.counts.error_messages)),

    row((Counter, "pings_due", None), &[],
        "PINGs that fell due", |r| count(r.counts.ping_due)),
    row((Counter, "pings_sent", None), &[],
        "Of these, sent", |r| count(r.counts.ping_sent)),
    row((Counter, "pings_answered", None), &[],
        "Of those sent, answered within the timeout", |r| count(r.counts.ping_answered)),
    row((Counter, "pings_timed_out", None), &[],
        "Of those sent, not answered within the timeout", |r| count(r.counts.ping_timed_out)),
    row((Counter, "pings_late", None), &[],
        "Of those timed out, answered after all", |r| count(r.counts.ping_late)),
    row((Counter, "pings_missed", None), &[],
        "Of those due, not sent since the one before was outstanding", |r| count(r.counts.ping_missed)),
    row((Counter, "pings_pending", None), &[],
        "Of those sent, still in time when their session or the accounts closed", |r| count(r.counts.ping_pending)),
    row((Counter, "pongs_unasked", None), &[],
        "PONGs that answer no PING", |r| count(r.counts.pong_unasked)),

    row((Counter, "messages", None), &["kind"],
        "Messages received", |r| by_name(&r.messages)),
    row((Counter, "message", BYTES), &[],
        "Payload of the messages received", |r| count(r.counts.message_bytes)),
    row((Counter, "socket", BYTES), &["direction"],
        "Bytes read from sockets and written to them", |r| directions(&r.counts)),
    row((Counter, "http_connections", None), &[],
        "TCP connections that came up for HTTP steps", |r| count(r.counts.http_connections)),
    row((Counter, "http_requests", None), &[],
        "HTTP requests sent", |r| count(r.counts.http_requests)),
    row((Counter, "http_reconnections", None), &[],
        "HTTP requests sent again since the server had closed their connection", |r| count(r.counts.reconnected)),
    row((Counter, "tls_handshakes", None), &["kind"],
        "Finished TLS handshakes", |r| vec![of("full", Value::Count(r.tls_full)), of("resumed", Value::Count(r.tls_resumed))]),

    row((Counter, "server_sessions", None), &["server"],
        "Sessions sent to a server", |r| by_server(r, |server| server.sessions)),
    row((Counter, "server_sessions_opened", None), &["server"],
        "Of these, opened", |r| by_server(r, |server| server.opened)),
    row((Counter, "server_sessions_failed", None), &["server"],
        "Of those sent there, failed", |r| by_server(r, |server| server.failed)),
    row((Counter, "server_pings_failed", None), &["server"],
        "PING cycles that failed at a server and had no stall of this machine in their time", |r| by_server(r, |server| server.ping_failed)),

    row((Gauge, "criterion_state", None), &["criterion", "state"],
        "1 for the present state of a criterion, 0 for the others", criteria_states),
    row((Gauge, "criterion_measured", None), &["criterion", "unit"],
        "What the criterion measures, so far; absent while there is nothing to measure", criteria_measured),
    row((Gauge, "criterion_limit", None), &["criterion", "unit"],
        "The limit of the criterion", |r| r.criteria.iter().map(|it| it.sample(it.limit)).collect()),

    row((Histogram, "generator_lag", SECONDS), &["of"],
        "How late this machine handled timers and arrivals", |r| vec![of("timers", Value::Buckets(&r.timer_lag)), of("arrivals", Value::Buckets(&r.arrival_lag))]),
    row((Counter, "generator_stalled", SECONDS), &[],
        "Time in which this machine did not run the load generator; the first 200 stalls", |r| sum(r.stalled_seconds)),
    row((Counter, "cpu", SECONDS), &[],
        "CPU time of the load generator, user and system, without the built-in mock server", |r| sum(r.cpu_seconds)),
    row((Gauge, "resident_memory", BYTES), &[],
        "Resident memory of the load generator, without the built-in mock server", |r| level(r.resident_bytes as f64)),
    row((Gauge, "workers", None), &[],
        "Threads of the engine", |r| level(r.workers as f64)),

    row((Counter, "ramp_down_messages", None), &[],
        "Messages received after accounts closed; not judged", |r| count(r.after.messages)),
    row((Counter, "ramp_down_closed", None), &["end"],
        "Closing handshakes after accounts closed, by how they ended; not judged", |r| closes(&r.after)),
];

fn one(value: Value<'_>) -> Vec<Sample<'_>> {
    vec![Sample { labels: Vec::new(), value }]
}

fn count<'r>(count: u64) -> Vec<Sample<'r>> {
    one(Value::Count(count))
}

fn sum<'r>(sum: f64) -> Vec<Sample<'r>> {
    one(Value::Sum(sum))
}

fn level<'r>(level: f64) -> Vec<Sample<'r>> {
    one(Value::Level(level))
}

fn of<'r>(label: &'r str, value: Value<'r>) -> Sample<'r> {
    Sample { labels: vec![label], value }
}

/// One of a set of states is the present one.
fn flag<'r>(is_present: bool) -> Value<'r> {
    Value::Level(f64::from(u8::from(is_present)))
}

fn phases(reading: &Reading) -> Vec<Sample<'_>> {
    let phases = [Phase::Ramp, Phase::Settle, Phase::Hold, Phase::RampDown];
    let before = of("waiting", flag(reading.phase.is_none()));
    let others = phases.into_iter().map(|phase| of(phase.key(), flag(reading.phase == Some(phase))));
    std::iter::once(before).chain(others).collect()
}

fn latencies(reading: &Reading) -> Vec<Sample<'_>> {
    let of_step = |(name, from, buckets)| Sample { labels: vec![name, from], value: Value::Buckets(buckets) };
    let both = reading.steps.iter().flat_map(|step| {
        [(step.name.as_str(), "scheduled", &step.from_due), (step.name.as_str(), "sent", &step.from_sent)]
    });
    both.map(of_step).collect()
}

fn by_name(counts: &[(String, u64)]) -> Vec<Sample<'_>> {
    counts.iter().map(|(name, count)| of(name, Value::Count(*count))).collect()
}

fn errors(reading: &Reading) -> Vec<Sample<'_>> {
    reading
        .errors
        .iter()
        .map(|it| Sample { labels: vec![&it.step, &it.kind, &it.blame], value: Value::Count(it.count) })
        .collect()
}

fn directions<'r>(counts: &Counts) -> Vec<Sample<'r>> {
    vec![of("received", Value::Count(counts.bytes_received)), of("sent", Value::Count(counts.bytes_sent))]
}

fn by_server(reading: &Reading, count: fn(&Server) -> u64) -> Vec<Sample<'_>> {
    reading.servers.iter().map(|server| of(&server.url, Value::Count(count(server)))).collect()
}

fn criteria_states(reading: &Reading) -> Vec<Sample<'_>> {
    let states = [
        ("pass", Outcome::Pass),
        ("warn", Outcome::Warn),
        ("fail", Outcome::Fail),
        ("not-measured", Outcome::NotMeasured),
    ];
    let mut samples = Vec::new();
    for criterion in &reading.criteria {
        samples.extend(states.map(|(state, outcome)| Sample {
            labels: vec![&criterion.name, state],
            value: flag(criterion.outcome == outcome),
        }));
    }
    samples
}

fn criteria_measured(reading: &Reading) -> Vec<Sample<'_>> {
    reading.criteria.iter().filter_map(|it| Some(it.sample(it.measured?))).collect()
}

impl Criterion {
    fn sample(&self, value: f64) -> Sample<'_> {
        Sample { labels: vec![&self.name, self.unit], value: Value::Level(value) }
    }
}

fn closes<'r>(counts: &Counts) -> Vec<Sample<'r>> {
    vec![
        of("clean", Value::Count(counts.closes_clean)),
        of("cut", Value::Count(counts.closes_cut)),
        of("timed-out", Value::Count(counts.closes_timed_out)),
    ]
}
