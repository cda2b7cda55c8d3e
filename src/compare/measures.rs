//! What is compared between runs: each measure with its unit, and which side of it is better.
//!
//! Knows one run at a time. Invariant: a figure that a run does not have is `None`, never 0.

use serde::Serialize;

use crate::numbers::{bytes, figure, grouped, percent};
use crate::report::recorded::Timeline;
use crate::report::{LatencyResult, Phase, PropagationResult, RunResult, StepResult, is_share};

/// What a measure counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Milliseconds.
    Ms,
    /// Things a second.
    PerSecond,
    /// 0 to 1.
    Share,
}

/// Which side is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// More.
    Higher,
    /// Less.
    Lower,
    /// Neither: it only differs.
    Neither,
}

/// Where a measure stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// Sessions and errors.
    Sessions,
    /// A step of the script, or the heartbeat's latencies.
    Step(String),
    /// The heartbeat's accounts.
    Heartbeat,
    /// The ledger of pairs.
    Broadcasts,
    /// What was received.
    Messages,
    /// What criteria judge besides.
    Criteria,
    /// The load generator's own part: it says nothing about the servers.
    Generator,
}

/// A measure of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Its name, as criteria write it where they can.
    pub measure: String,
    /// In words.
    pub label: String,
    /// Where it stands.
    pub section: Section,
    /// Its unit.
    pub unit: Unit,
    /// Which side is better.
    pub better: Better,
    /// What the run has.
    pub value: Option<f64>,
}

impl Unit {
    /// A value with its unit.
    pub fn shown(self, value: f64) -> String {
        match self {
            Self::Bytes => bytes(value.max(0.0).round() as u64),
            // The median of an even number of runs may lie between two.
            Self::Count if value.fract() != 0.0 => format!("{value:.1}"),
            Self::Count => grouped(value.max(0.0) as u64),
            Self::Ms => format!("{} ms", figure(value)),
            Self::PerSecond => format!("{} /s", figure(value)),
            Self::Share => percent((value * 1e6).round() / 1e6),
        }
    }
}

type Read = fn(&RunResult) -> Option<f64>;

/// Measures with a fixed name.
#[rustfmt::skip]
const FIXED: &[(&str, &str, Section, Unit, Better, Read)] = &[
    ("find_max.sessions", "the most that hold", Section::Sessions, Unit::Count, Better::Higher, |r| Some(r.find_max.as_ref()?.sessions.unwrap_or(0) as f64)),
    ("errors.rate", "error rate", Section::Sessions, Unit::Share, Better::Lower, |r| of(r.errors.total, r.errors.attempts)),
    ("sessions.established_share", "sessions opened", Section::Sessions, Unit::Share, Better::Higher, |r| with_socket(r, r.sessions.established)),
    ("sessions.completed_share", "sessions completed", Section::Sessions, Unit::Share, Better::Higher, |r| without_socket(r, r.sessions.completed)),
    ("sessions.min_in_hold_share", "fewest open in the hold", Section::Sessions, Unit::Share, Better::Higher, |r| with_socket(r, r.sessions.min_in_hold?)),
    ("sessions.held_share", "time held", Section::Sessions, Unit::Share, Better::Higher, held),
    ("errors.member_burned", "members locked out", Section::Sessions, Unit::Count, Better::Lower, |r| Some(r.errors.member_burned as f64)),
    ("errors.reconnected", "requests sent again", Section::Sessions, Unit::Count, Better::Lower, |r| Some(r.errors.reconnected as f64)),
    ("ping.answered_share", "heartbeats answered in time", Section::Heartbeat, Unit::Share, Better::Higher, |r| of(r.ping.answered, r.ping.due - r.ping.pending)),
    ("ping.late_share", "heartbeats answered late", Section::Heartbeat, Unit::Share, Better::Lower, |r| of(r.ping.late, r.ping.due)),
    ("ping.unanswered_share", "heartbeats unanswered", Section::Heartbeat, Unit::Share, Better::Lower, |r| of(r.ping.unanswered, r.ping.due)),
    ("ping.missed_share", "heartbeats missed", Section::Heartbeat, Unit::Share, Better::Lower, |r| of(r.ping.missed, r.ping.due)),
    ("ledger.missing", "broadcasts missing", Section::Broadcasts, Unit::Count, Better::Lower, |r| Some(r.ledger.as_ref()?.missing as f64)),
    ("ledger.duplicate", "broadcasts duplicate", Section::Broadcasts, Unit::Count, Better::Lower, |r| Some(r.ledger.as_ref()?.duplicate as f64)),
    ("ledger.gone_while_open", "announced as gone while open", Section::Broadcasts, Unit::Count, Better::Lower, |r| Some(r.ledger.as_ref()?.gone_while_open as f64)),
    ("membership.unannounced", "departures announced to nobody", Section::Broadcasts, Unit::Count, Better::Lower, |r| Some(r.membership.as_ref()?.unannounced as f64)),
    ("updates.missing_share", "updates missing", Section::Broadcasts, Unit::Share, Better::Lower, |r| r.updates.as_ref()?.missing_share),
    ("updates.duplicate", "updates duplicate", Section::Broadcasts, Unit::Count, Better::Lower, |r| Some(r.updates.as_ref()?.duplicate as f64)),
    ("messages.received", "messages", Section::Messages, Unit::Count, Better::Neither, |r| Some(r.messages.received as f64)),
    ("messages.socket_bytes_received", "bytes received", Section::Messages, Unit::Bytes, Better::Neither, |r| Some(r.messages.socket_bytes_received as f64)),
    ("messages.socket_bytes_sent", "bytes sent", Section::Messages, Unit::Bytes, Better::Neither, |r| Some(r.messages.socket_bytes_sent as f64)),
    ("arrivals.achieved_per_s", "arrivals a second", Section::Generator, Unit::PerSecond, Better::Higher, |r| r.arrivals.achieved_per_s),
    ("generator.lag_p99_ms", "lag p99", Section::Generator, Unit::Ms, Better::Lower, |r| r.generator.lag_p99_ms),
    ("generator.cpu_ms_per_session", "CPU a session", Section::Generator, Unit::Ms, Better::Lower, |r| Some(of(1, r.sessions.started)? * r.generator.cpu_seconds * 1e3)),
    ("generator.bytes_per_session", "memory a session", Section::Generator, Unit::Bytes, Better::Lower, |r| r.generator.bytes_per_session.filter(|each| *each > 0.0)),
    ("stalls.ms", "stalls", Section::Generator, Unit::Ms, Better::Lower, |r| Some(r.stalls.seconds * 1e3)),
];

type Figure = fn(&LatencyResult) -> Option<f64>;

/// Figures of a step's latencies, from scheduled time.
const FIGURES: [(&str, &str, Figure); 4] = [
    ("mean_ms", "mean", |all| all.mean_ms),
    ("p50_ms", "p50", |all| all.p50_ms),
    ("p95_ms", "p95", |all| all.p95_ms),
    ("p99_ms", "p99", |all| all.p99_ms),
];

/// All measures of a run.
pub fn readings(result: &RunResult, timeline: &Timeline) -> Vec<Reading> {
    let fixed =
        |(measure, label, section, unit, better, read): &(&str, &str, Section, Unit, Better, Read)| {
            let (measure, label, section) = ((*measure).to_owned(), (*label).to_owned(), section.clone());
            Reading { measure, label, section, unit: *unit, better: *better, value: read(result) }
        };
    let (first, rest) = FIXED.split_at(FIXED.iter().take_while(|it| it.2 == Section::Sessions).count());
    let mut all: Vec<Reading> = first.iter().map(fixed).collect();
    let seconds = judged_seconds(timeline);
    all.extend(result.steps.iter().flat_map(|(name, step)| of_step(name, step, seconds)));
    all.extend(rest.iter().filter(|it| it.2 != Section::Generator).map(fixed));
    all.extend(result.propagation.iter().flat_map(|(name, one)| of_propagation(name, one)));
    all.extend(result.messages.by_type.iter().map(|(kind, count)| Reading {
        measure: format!("messages.{kind}.count"),
        label: kind.to_owned(),
        section: Section::Messages,
        unit: Unit::Count,
        better: Better::Neither,
        value: Some(*count as f64),
    }));
    all.extend(rest.iter().filter(|it| it.2 == Section::Generator).map(fixed));
    for criterion in &result.criteria {
        if all.iter().all(|reading| reading.measure != criterion.measure) {
            all.push(of_criterion(&criterion.measure, &criterion.name, &criterion.good, result));
        }
    }
    all
}

fn of_step(name: &str, step: &StepResult, seconds: Option<f64>) -> Vec<Reading> {
    let reading = |key: &str, label: &str, unit, better, value| Reading {
        measure: format!("steps.{name}.{key}"),
        label: format!("{name} {label}"),
        section: Section::Step(name.to_owned()),
        unit,
        better,
        value,
    };
    let latencies =
        FIGURES.map(|(key, label, read)| reading(key, label, Unit::Ms, Better::Lower, read(&step.from_due)));
    let errors = of(step.errors, step.count + step.errors);
    // Of all that time: a step's own first and last second are whole ones, too coarse for short runs.
    let per_second = seconds.map(|seconds| step.count as f64 / seconds);
    let rest = [
        reading("error_share", "errors", Unit::Share, Better::Lower, errors),
        reading("per_s", "throughput", Unit::PerSecond, Better::Higher, per_second),
    ];
    latencies.into_iter().chain(rest).collect()
}

fn of_propagation(name: &str, one: &PropagationResult) -> [Reading; 3] {
    let reading = |key: &str, label: &str, value| Reading {
        measure: format!("propagation.{name}.{key}"),
        label: format!("{name} propagation {label}"),
        section: Section::Broadcasts,
        unit: Unit::Ms,
        better: Better::Lower,
        value,
    };
    [
        reading("p50_ms", "p50", one.each.p50_ms),
        reading("p99_ms", "p99", one.each.p99_ms),
        reading("last.p99_ms", "to the last p99", one.last.p99_ms),
    ]
}

/// Seconds until accounts closed; `None` without a timeline.
fn judged_seconds(timeline: &Timeline) -> Option<f64> {
    let after = Phase::RampDown.to_string();
    let last = timeline.points.iter().rfind(|point| point.phase != after)?;
    Some(last.end_s).filter(|seconds| *seconds > 0.0)
}

/// What a criterion judges that is not listed here.
fn of_criterion(measure: &str, name: &str, good: &str, result: &RunResult) -> Reading {
    let unit = match measure {
        _ if is_share(measure) => Unit::Share,
        _ if measure.ends_with("_ms") => Unit::Ms,
        _ if measure.ends_with("_per_s") => Unit::PerSecond,
        _ => Unit::Count,
    };
    let better = if good == "at-least" { Better::Higher } else { Better::Lower };
    // How fast sessions arrive is this machine's own doing.
    let section = if measure.starts_with("arrivals.") { Section::Generator } else { Section::Criteria };
    let (label, value) = (name.to_owned(), result.measure(measure));
    Reading { measure: measure.to_owned(), label, section, unit, better, value }
}

fn of(count: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| count as f64 / all as f64)
}

fn with_socket(result: &RunResult, count: u64) -> Option<f64> {
    of(count, result.sessions.planned).filter(|_| result.sessions.completed == 0)
}

fn without_socket(result: &RunResult, count: u64) -> Option<f64> {
    of(count, result.sessions.planned).filter(|_| count > 0)
}

fn held(result: &RunResult) -> Option<f64> {
    let (held, planned) = (result.sessions.held_seconds, result.sessions.planned_seconds);
    // The end of the hold is a wake-up late, which is not more than all of it.
    (planned > 0.0 && result.sessions.completed == 0).then(|| (held / planned).min(1.0))
}
