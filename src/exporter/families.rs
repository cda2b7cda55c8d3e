//! Every metric, declared once: name, unit, labels, help, and how it is read.
//!
//! Names follow OpenMetrics: counters end in `_total`, units are base units and end the name.
//! `docs/metrics.md` has the same table, which a test compares. Invariant: a counter never
//! decreases.

use prometheus_client::metrics::MetricType::{self, Counter, Gauge, Histogram, Info};

use super::buckets::Buckets;
use super::reading::{Reading, Server};
use crate::measure::{Beats, Phase};
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
    Whole(u64),
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

/// All metrics, in the order in which they are served.
#[rustfmt::skip]
pub static FAMILIES: &[Family] = &[
    row((Info, "build", None), &["version", "scenario"],
        "Version of startline, name of the scenario", build),
    row((Gauge, "phase", None), &["phase"],
        "1 for the present phase of the run, 0 for the others", phases),
    row((Gauge, "phase_planned", SECONDS), &["phase"],
        "Planned duration of a phase", planned_phases),
    row((Gauge, "start_timestamp", SECONDS), &[],
        "Start of the run in seconds since 1970; 0 before it", |r| level(r.started_at_seconds)),
    row((Gauge, "elapsed", SECONDS), &[],
        "Time since the start of the run", |r| level(r.elapsed_seconds)),

    row((Gauge, "sessions_planned", None), &[],
        "Sessions of the plan", |r| whole(r.planned)),
    row((Gauge, "sessions_open", None), &[],
        "Sessions open now", |r| whole(r.open)),
    row((Counter, "arrivals_planned", None), &[],
        "Sessions that should have started by now", |r| count(r.arrivals_due)),
    row((Counter, "sessions_started", None), &[],
        "Sessions that began their first step", |r| count(r.counts.started)),
    row((Counter, "sessions_opened", None), &[],
        "Sessions that opened", |r| count(r.counts.opened)),
    row((Counter, "sessions_completed", None), &[],
        "Sessions without WebSocket that did all their steps", |r| count(r.counts.completed)),
    row((Counter, "sessions_failed", None), &[],
        "Sessions that failed, in any step", |r| count(r.counts.failed)),
    row((Counter, "sessions_closed", None), &[],
        "Opened sessions that ended before accounts closed", |r| count(r.counts.closed)),

    row((Counter, "sessions_dropped", None), &[],
        "Open sessions whose connection ended and that may come back", |r| count(r.reconnects[0])),
    row((Counter, "reconnect_attempts", None), &[],
        "Attempts of sessions that dropped to come back", |r| count(r.reconnects[1])),
    row((Counter, "sessions_recovered", None), &[],
        "Sessions that dropped and opened again", |r| count(r.reconnects[2])),
    row((Counter, "sessions_given_up", None), &[],
        "Sessions that dropped and failed, given up by the policy", |r| count(r.reconnects[3])),
    row((Gauge, "sessions_away", None), &[],
        "Sessions that dropped and are not back", |r| whole(r.reconnects[4])),

    row((Histogram, "step_latency", SECONDS), &["step", "from"],
        "Latency of a step, from scheduled time or actual send", latencies),

    row((Counter, "attempts", None), &[],
        "Sessions started and heartbeats due", |r| count(r.counts.attempts())),
    row((Counter, "errors", None), &["blame"],
        "Failed sessions and heartbeats, by who must act", |r| by_name(&r.errors_by_blame)),
    row((Counter, "errors_by_kind", None), &["step", "kind", "blame"],
        "Errors by kind; a kind appears with its first error", errors),
    row((Counter, "error_messages", None), &[],
        "Error messages that left their sessions open", |r| count(r.counts.error_messages)),

    row((Counter, "pings_due", None), &[],
        "Heartbeats due", |r| count(r.counts.beats.due)),
    row((Counter, "pings_sent", None), &[],
        "Heartbeats sent", |r| count(r.counts.beats.sent)),
    row((Counter, "pings_answered", None), &[],
        "Heartbeats answered within the timeout", |r| count(r.counts.beats.answered)),
    row((Counter, "pings_timed_out", None), &[],
        "Heartbeats not answered within the timeout", |r| count(r.counts.beats.timed_out)),
    row((Counter, "pings_late", None), &[],
        "Heartbeats answered after the timeout", |r| count(r.counts.beats.late)),
    row((Counter, "pings_missed", None), &[],
        "Heartbeats due and not sent: the one before was outstanding", |r| count(r.counts.beats.missed)),
    row((Counter, "pings_pending", None), &[],
        "Heartbeats in time when their session or the accounts closed", |r| count(r.counts.beats.pending)),
    row((Counter, "pongs_unasked", None), &[],
        "Replies that answer no heartbeat", |r| count(r.counts.beats.unasked)),

    row((Counter, "every", None), &["message", "fate"],
        "Periodic messages, by what became of them", every),

    row((Counter, "messages", None), &["kind"],
        "Messages received", |r| by_name(&r.messages)),
    row((Counter, "answers", None), &["kind"],
        "Answers sent, by the kind of message that they answer", |r| by_name(&r.answers)),
    row((Counter, "messages_out_of_sequence", None), &["kind", "fate"],
        "Numbers of messages skipped, or come again", sequences),
    row((Histogram, "message_age", SECONDS), &["kind"],
        "From the instant that a message names to its arrival", ages),
    row((Histogram, "propagation", SECONDS), &["announced"],
        "From an act to each receiver of its announcement", propagation),
    row((Counter, "updates", None), &["fate"],
        "Updates of periodic messages by pair, the last 5 s left out", updates),
    row((Counter, "message", BYTES), &[],
        "Payload of the messages received", |r| count(r.counts.message_bytes)),
    row((Counter, "socket", BYTES), &["direction"],
        "Bytes read from sockets and written to them", directions),
    row((Counter, "http_connections", None), &[],
        "TCP connections that came up for HTTP steps", |r| count(r.counts.http_connections)),
    row((Counter, "http_requests", None), &[],
        "HTTP requests sent", |r| count(r.counts.http_requests)),
    row((Counter, "http_reconnections", None), &[],
        "HTTP requests sent again on a fresh connection", |r| count(r.counts.reconnected)),
    row((Counter, "tls_handshakes", None), &["kind"],
        "Finished TLS handshakes", handshakes),

    row((Counter, "server_sessions", None), &["server"],
        "Sessions sent to a server", |r| by_server(r, |server| server.sessions)),
    row((Counter, "server_sessions_opened", None), &["server"],
        "Sessions that opened at a server", |r| by_server(r, |server| server.opened)),
    row((Counter, "server_sessions_failed", None), &["server"],
        "Sessions sent to a server that failed", |r| by_server(r, |server| server.failed)),
    row((Counter, "server_pings_failed", None), &["server"],
        "Heartbeats failed at a server, without stalled ones", |r| by_server(r, |server| server.ping_failed)),

    row((Gauge, "criterion_state", None), &["criterion", "state"],
        "1 for the present state of a criterion, 0 for the others", criteria_states),
    row((Gauge, "criterion_measured", None), &["criterion", "unit"],
        "Value so far; absent while there is none", criteria_measured),
    row((Gauge, "criterion_limit", None), &["criterion", "unit", "good"],
        "Limit of a criterion, and the side of it that is good", criteria_limits),

    row((Histogram, "generator_lag", SECONDS), &["event"],
        "How late this machine handled timers and arrivals", lags),
    row((Counter, "generator_stalled", SECONDS), &[],
        "Time in which the workers did not run, of 200 stalls", |r| sum(r.stalled_seconds)),
    row((Counter, "generator_cpu", SECONDS), &[],
        "CPU time of startline, without the built-in mock server", |r| sum(r.cpu_seconds)),
    row((Gauge, "generator_resident", BYTES), &[],
        "Memory of startline, without the built-in mock server", |r| whole(r.resident_bytes)),
    row((Gauge, "generator_workers", None), &[],
        "Threads of the engine", |r| whole(r.workers)),

    row((Counter, "ramp_down_messages", None), &[],
        "Messages received after accounts closed; not judged", |r| count(r.after.messages)),
    row((Counter, "ramp_down_closed", None), &["end"],
        "Closing handshakes after accounts closed; not judged", closes),
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

fn whole<'r>(level: u64) -> Vec<Sample<'r>> {
    one(Value::Whole(level))
}

fn level<'r>(level: f64) -> Vec<Sample<'r>> {
    one(Value::Level(level))
}

fn of<'r>(label: &'r str, value: Value<'r>) -> Sample<'r> {
    Sample { labels: vec![label], value }
}

/// One of a set of states is the present one.
fn flag<'r>(is_present: bool) -> Value<'r> {
    Value::Whole(u64::from(is_present))
}

fn build(reading: &Reading) -> Vec<Sample<'_>> {
    vec![Sample { labels: vec![env!("CARGO_PKG_VERSION"), &reading.scenario], value: Value::Info }]
}

fn planned_phases(reading: &Reading) -> Vec<Sample<'_>> {
    reading.phases_planned.iter().map(|(phase, seconds)| of(phase.key(), Value::Level(*seconds))).collect()
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

type Fate = (&'static str, fn(&Beats) -> u64);

/// What can become of a periodic message.
const FATES: [Fate; 7] = [
    ("due", |beats| beats.due),
    ("sent", |beats| beats.sent),
    ("answered", |beats| beats.answered),
    ("timed_out", |beats| beats.timed_out),
    ("late", |beats| beats.late),
    ("missed", |beats| beats.missed),
    ("pending", |beats| beats.pending),
];

fn every(reading: &Reading) -> Vec<Sample<'_>> {
    let all = reading.every.iter().flat_map(|(name, beats)| {
        FATES.iter().map(move |(fate, count)| Sample {
            labels: vec![name.as_str(), fate],
            value: Value::Count(count(beats)),
        })
    });
    all.collect()
}

fn sequences(reading: &Reading) -> Vec<Sample<'_>> {
    let both = reading.sequences.iter().flat_map(|(kind, numbers)| {
        [("missing", numbers.missing), ("duplicate", numbers.duplicate)]
            .map(|(fate, count)| Sample { labels: vec![kind.as_str(), fate], value: Value::Count(count) })
    });
    both.collect()
}

fn ages(reading: &Reading) -> Vec<Sample<'_>> {
    reading.ages.iter().map(|(kind, buckets)| of(kind, Value::Buckets(buckets))).collect()
}

fn propagation(reading: &Reading) -> Vec<Sample<'_>> {
    reading.propagation.iter().map(|(name, buckets)| of(name, Value::Buckets(buckets))).collect()
}

fn updates(reading: &Reading) -> Vec<Sample<'_>> {
    let Some(updates) = reading.updates else { return Vec::new() };
    vec![
        of("expected", Value::Count(updates.expected)),
        of("received", Value::Count(updates.received)),
        of("duplicate", Value::Count(updates.duplicate)),
        of("out-of-order", Value::Count(updates.out_of_order)),
    ]
}

fn errors(reading: &Reading) -> Vec<Sample<'_>> {
    reading
        .errors
        .iter()
        .map(|it| Sample { labels: vec![&it.step, &it.kind, &it.blame], value: Value::Count(it.count) })
        .collect()
}

fn directions(reading: &Reading) -> Vec<Sample<'_>> {
    let counts = &reading.counts;
    vec![of("received", Value::Count(counts.bytes_received)), of("sent", Value::Count(counts.bytes_sent))]
}

fn handshakes(reading: &Reading) -> Vec<Sample<'_>> {
    vec![of("full", Value::Count(reading.tls_full)), of("resumed", Value::Count(reading.tls_resumed))]
}

fn lags(reading: &Reading) -> Vec<Sample<'_>> {
    vec![of("timer", Value::Buckets(&reading.timer_lag)), of("arrival", Value::Buckets(&reading.arrival_lag))]
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
    let measured = reading.criteria.iter().filter_map(|it| Some((it, it.measured?)));
    measured
        .map(|(it, value)| Sample { labels: vec![&it.name, it.unit], value: Value::Level(value) })
        .collect()
}

fn criteria_limits(reading: &Reading) -> Vec<Sample<'_>> {
    let all = reading.criteria.iter();
    all.map(|it| Sample { labels: vec![&it.name, it.unit, &it.good], value: Value::Level(it.limit) })
        .collect()
}

fn closes(reading: &Reading) -> Vec<Sample<'_>> {
    vec![
        of("clean", Value::Count(reading.after.closes_clean)),
        of("cut", Value::Count(reading.after.closes_cut)),
        of("timed-out", Value::Count(reading.after.closes_timed_out)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: &str = include_str!("../../docs/metrics.md");

    fn row_of(family: &Family) -> String {
        let labels = match family.labels {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        format!("| `{}{labels}` | {} | {} |", family.full_name(), family.kind.as_str(), family.help)
    }

    #[test]
    fn the_manual_has_every_metric_and_no_other() {
        let rows: Vec<String> = FAMILIES.iter().map(row_of).collect();
        let listed: Vec<&str> = MANUAL.lines().filter(|line| line.starts_with("| `startline_")).collect();
        assert_eq!(listed, rows, "docs/metrics.md should be:\n{}", rows.join("\n"));
        assert!(rows.iter().all(|row| row.len() <= 120), "a table stays under 120 columns");
    }

    #[test]
    fn names_follow_the_conventions() {
        let mut names: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
        let is_name = |name: &&str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(names.iter().all(is_name));
        for family in FAMILIES {
            let text = family.help;
            // The encoder escapes labels alone.
            assert!(!text.contains(['\\', '"', '\n']) && !text.ends_with('.'), "{text}");
            // The encoder adds units and `_total`.
            assert!(
                !["_seconds", "_bytes", "_total"].iter().any(|it| family.name.ends_with(it)),
                "{}",
                family.name
            );
            assert!(family.labels.iter().all(is_name));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAMILIES.len());
    }
}
