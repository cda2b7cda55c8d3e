//! `timeline.csv`: a row a second.
//!
//! `start_s` and `end_s` are the time that a row really covers, since the run's start, `second` the
//! whole seconds of its start: after a stall a row is long, and the next one is not called too early.
//! Columns that end in `_total` count from the run's beginning, `open` and `rss_bytes` are readings
//! of the instant, everything else is of that time alone. Each step and kind of message has columns
//! of its own; failures by kind are JSON in the last one, since their kinds are known only when they
//! occur. Columns are declared once, name beside value, so that head and rows cannot drift apart.
//! Empty cells are figures that do not exist in that second.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::build::error_counts;
use crate::fault::FaultNames;
use crate::foreign;
use crate::measure::propagation::Echo;
use crate::measure::updates::{UpdateSums, UpdateTally};
use crate::measure::{
    Beats, Interval, KindFigure, KindTally, Latencies, Layout, Phase, Reconnects, StepTally, Tally, Totals,
};
use crate::numbers;
use crate::scenario::MessageType;

/// What is known of a second besides what was recorded in it.
#[derive(Debug)]
pub struct Second<'a> {
    /// When the interval really began, since the run's start.
    pub start: Duration,
    /// When it ended.
    pub end: Duration,
    /// Its end on the wall clock.
    pub ended_at: Timestamp,
    /// It is the ramp-down's, recorded after accounts closed.
    pub is_after: bool,
    /// How far the run is.
    pub phase: Phase,
    /// Sessions that should have started by its end.
    pub planned: u64,
    /// How long arrivals were paused in it.
    pub paused: Duration,
    /// Sessions open at its end.
    pub open: u64,
    /// CPU seconds used in it, all threads.
    pub cpu_seconds: f64,
    /// Resident bytes at its end.
    pub rss_bytes: u64,
    /// Everything up to its end.
    pub totals: &'a Totals,
    /// Servers that there should be, as the user said.
    pub expected_servers: Option<usize>,
}

impl Second<'_> {
    /// How long the interval was.
    pub fn length(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }

    /// The run's start on the wall clock, as it is now.
    pub(super) fn run_started_at(&self) -> Timestamp {
        before(self.ended_at, self.end)
    }
}

/// The instant this long before; the same if no calendar reaches so far.
fn before(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_sub(span).unwrap_or(at)
}

/// A figure of a step in this time, from scheduled time; by name as criteria write them.
type StepValue = fn(&StepTally) -> String;

const STEP_COLUMNS: &[(&str, StepValue)] = &[
    ("count", |step| step.from_due.count().to_string()),
    ("p50_ms", |step| millis(step.from_due.quantile(0.5))),
    ("p95_ms", |step| millis(step.from_due.quantile(0.95))),
    ("p99_ms", |step| millis(step.from_due.quantile(0.99))),
    ("max_ms", |step| millis(step.from_due.max())),
];

/// What became of a periodic message in this time.
type EveryValue = fn(&Beats) -> u64;

const EVERY_COLUMNS: &[(&str, EveryValue)] = &[
    ("due", |beats| beats.due),
    ("answered", |beats| beats.answered),
    ("late", |beats| beats.late),
    ("timed_out", |beats| beats.timed_out),
    ("missed", |beats| beats.missed),
];

/// Of updates: what was counted in this time, and what is expected of messages that are settled.
type UpdateValue = fn(&UpdateTally, &UpdateSums) -> u64;

const UPDATE_COLUMNS: &[(&str, UpdateValue)] = &[
    ("updates.sent", |tally, _| tally.sent),
    ("updates.received", |tally, _| tally.received().max(0).cast_unsigned()),
    ("updates.expected_total", |_, settled| settled.expected),
    ("updates.missing_total", |_, settled| settled.missing()),
];

/// Of sessions that drop: what happened in this time, and how many are away at its end.
type ReconnectValue = fn(&Reconnects, &Reconnects) -> u64;

const RECONNECT_COLUMNS: &[(&str, ReconnectValue)] = &[
    ("reconnects.dropped", |now, _| now.all.dropped),
    ("reconnects.attempts", |now, _| now.attempts),
    ("reconnects.recovered", |now, _| now.all.recovered),
    ("reconnects.gave_up", |now, _| now.all.gave_up),
    ("reconnects.away", |_, so_far| so_far.away()),
];

/// How long announcements took that came in this time.
type DelayValue = fn(&Latencies) -> String;

const DELAY_COLUMNS: &[(&str, DelayValue)] = &[
    ("count", |delays| delays.count().to_string()),
    ("min_ms", |delays| millis(delays.min())),
    ("p50_ms", |delays| millis(delays.quantile(0.5))),
    ("p95_ms", |delays| millis(delays.quantile(0.95))),
    ("p99_ms", |delays| millis(delays.quantile(0.99))),
    ("max_ms", |delays| millis(delays.max())),
];

/// The first row.
pub(super) fn head(layout: &Layout) -> Vec<u8> {
    let fixed = COLUMNS.iter().map(|(name, _)| (*name).to_owned());
    let steps = layout
        .steps
        .iter()
        .flat_map(|step| STEP_COLUMNS.iter().map(move |(name, _)| step_column(step, name)));
    let every = layout
        .every
        .iter()
        .flat_map(|every| EVERY_COLUMNS.iter().map(move |(name, _)| format!("every.{}.{name}", every.name)));
    let messages = layout.messages.iter().map(String::as_str).chain([OTHER]).map(message_column);
    let figures = layout.figures.iter().map(|(kind, figure)| {
        format!("messages.{}.{}", layout.messages[usize::from(*kind)], figure_name(*figure))
    });
    let delays = layout
        .announced
        .iter()
        .flat_map(|announced| DELAY_COLUMNS.iter().map(move |(name, _)| delay_column(&announced.name, name)));
    let updates = UPDATE_COLUMNS.iter().filter(|_| layout.updates).map(|(name, _)| (*name).to_owned());
    let reconnects =
        RECONNECT_COLUMNS.iter().filter(|_| layout.reconnects).map(|(name, _)| (*name).to_owned());
    let all = fixed.chain(steps).chain(every).chain(messages).chain(figures).chain(delays).chain(updates);
    row(all.chain(reconnects).chain([ERRORS.to_owned()]))
}

/// The row of one second.
pub(super) fn second(
    second: &Second<'_>,
    interval: &Interval,
    layout: &Layout,
    names: &dyn FaultNames,
) -> Vec<u8> {
    let (tally, nothing) = (interval.tally(), StepTally::default());
    let fixed = COLUMNS.iter().map(|(_, value)| value(second, interval));
    let steps = (0..layout.steps.len()).flat_map(|k| {
        let step = tally.step(k).unwrap_or(&nothing);
        STEP_COLUMNS.iter().map(|(_, value)| value(step))
    });
    let every = (0..layout.every.len()).flat_map(|k| {
        let beats = tally.every(k);
        EVERY_COLUMNS.iter().map(move |(_, value)| value(&beats).to_string())
    });
    let listed = layout.messages.len();
    let messages = (0..listed).map(|k| tally.messages_of(MessageType(k as u8)));
    let messages = messages.chain([tally.messages_other(listed)]).map(|count| count.to_string());
    let figures =
        layout.figures.iter().map(|(kind, figure)| figure_value(tally.kind(usize::from(*kind)), *figure));
    let delays = layout.announced.iter().flat_map(|announced| {
        let all = tally.propagated.of(announced.deed).map(Echo::all).unwrap_or_default();
        DELAY_COLUMNS.iter().map(move |(_, value)| value(&all))
    });
    let settled =
        if layout.updates { second.totals.tally().updates.settled_sums() } else { Default::default() };
    let updates = UPDATE_COLUMNS.iter().filter(|_| layout.updates);
    let updates = updates.map(|(_, value)| value(&tally.updates, &settled).to_string());
    let reconnects = RECONNECT_COLUMNS.iter().filter(|_| layout.reconnects);
    let reconnects =
        reconnects.map(|(_, value)| value(&tally.reconnects, &second.totals.tally().reconnects).to_string());
    let all = fixed.chain(steps).chain(every).chain(messages).chain(figures).chain(delays).chain(updates);
    row(all.chain(reconnects).chain([errors(tally, layout, names)]))
}

/// As criteria write it.
fn figure_name(figure: KindFigure) -> &'static str {
    match figure {
        KindFigure::Age => "age.p95_ms",
        KindFigure::Answers => "answers",
        KindFigure::Missing => "missing",
        KindFigure::Duplicate => "duplicate",
    }
}

/// Empty where no message came that has an age.
fn figure_value(kind: Option<&KindTally>, figure: KindFigure) -> String {
    let count = |of: fn(&KindTally) -> u64| kind.map_or(0, of).to_string();
    match figure {
        KindFigure::Age => millis(kind.and_then(|kind| kind.ages.quantile(0.95))),
        KindFigure::Answers => count(|kind| kind.answers),
        KindFigure::Missing => count(|kind| kind.missing),
        KindFigure::Duplicate => count(|kind| kind.duplicate),
    }
}

/// What the messages are counted as that the scenario does not list.
const OTHER: &str = "other";

/// The last column: failures of that time by step and kind, as a JSON object of objects; empty
/// without any.
pub(super) const ERRORS: &str = "errors";

/// The name of a step's column, as criteria write it.
pub(super) fn step_column(step: &str, figure: &str) -> String {
    format!("steps.{step}.{figure}")
}

/// The name of a column of announcements, as criteria write it.
pub(super) fn delay_column(name: &str, figure: &str) -> String {
    format!("propagation.{name}.{figure}")
}

/// What the announcements tell whose count a column is; `None` for other columns.
pub(super) fn announced_of_column(column: &str) -> Option<&str> {
    column.strip_prefix("propagation.")?.strip_suffix(".count")
}

/// The name of a column of messages.
fn message_column(kind: &str) -> String {
    format!("messages.{kind}.count")
}

/// The kind that a column of messages counts; `None` for other columns.
pub(super) fn kind_of_column(column: &str) -> Option<&str> {
    column.strip_prefix("messages.")?.strip_suffix(".count")
}

/// The step whose count a column is; `None` for other columns.
pub(super) fn step_of_column(column: &str) -> Option<&str> {
    column.strip_prefix("steps.")?.strip_suffix(".count")
}

fn errors(tally: &Tally, layout: &Layout, names: &dyn FaultNames) -> String {
    let mut by_step = BTreeMap::<&str, BTreeMap<String, u64>>::new();
    for (step, fault, count) in error_counts(tally, layout) {
        *by_step.entry(step).or_default().entry(fault.key(names)).or_default() += count;
    }
    if by_step.is_empty() { String::new() } else { foreign::json_compact(&by_step).unwrap_or_default() }
}

type Value = fn(&Second<'_>, &Interval) -> String;

const COLUMNS: &[(&str, Value)] = &[
    ("second", |s, _| s.start.as_secs().to_string()),
    ("phase", |s, _| s.phase.to_string()),
    ("start_s", |s, _| seconds(s.start)),
    ("end_s", |s, _| seconds(s.end)),
    ("start_time", |s, _| wall_clock(before(s.ended_at, s.length()))),
    ("end_time", |s, _| wall_clock(s.ended_at)),
    ("planned_total", |s, _| s.planned.to_string()),
    ("started_total", |s, _| s.totals.tally().counts.started.to_string()),
    ("open", |s, _| s.open.to_string()),
    ("failed_total", |s, _| s.totals.tally().counts.failed.to_string()),
    ("pings_due", |_, i| i.tally().counts.beats.due.to_string()),
    ("pings_answered", |_, i| i.tally().counts.beats.answered.to_string()),
    ("pings_late", |_, i| i.tally().counts.beats.late.to_string()),
    ("pings_timed_out", |_, i| i.tally().counts.beats.timed_out.to_string()),
    ("pings_missed", |_, i| i.tally().counts.beats.missed.to_string()),
    ("messages", |_, i| i.tally().counts.messages.to_string()),
    ("bytes_received", |_, i| i.tally().counts.bytes_received.to_string()),
    ("bytes_sent", |_, i| i.tally().counts.bytes_sent.to_string()),
    ("lag_p99_ms", |_, i| millis(i.tally().lag.quantile(0.99).max(i.tally().start_lag.quantile(0.99)))),
    ("stalled_ms", |_, i| numbers::millis(i.stalls().total()).to_string()),
    ("paused_ms", |s, _| numbers::millis(s.paused).to_string()),
    ("cpu_s", |s, _| numbers::tidy(s.cpu_seconds).to_string()),
    ("rss_bytes", |s, _| s.rss_bytes.to_string()),
];

fn seconds(span: Duration) -> String {
    format!("{:.3}", span.as_secs_f64())
}

fn wall_clock(at: Timestamp) -> String {
    format!("{at:.3}")
}

fn millis(span: Option<Duration>) -> String {
    span.map_or_else(String::new, |span| numbers::millis(span).to_string())
}

fn row(cells: impl Iterator<Item = String>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).expect("a Vec takes every byte");
    writer.into_inner().expect("a Vec takes every byte")
}
