//! `timeline.csv`: a row a second.
//!
//! Columns that end in `_total` count from the run's beginning, `open` and `rss_bytes` are readings
//! of the instant, everything else is of that second alone. Columns are declared once, name beside
//! value, so that head and rows cannot drift apart. Empty cells are figures that do not exist in
//! that second.

use std::time::Duration;

use crate::measure::{Interval, Layout, Phase, Totals};
use crate::numbers;

/// What is known of a second besides what was recorded in it.
#[derive(Debug)]
pub struct Second<'a> {
    /// Its number, from 0; the interval runs from here for [`Second::length`].
    pub second: u64,
    /// How long the interval really was.
    pub length: Duration,
    /// How far the run is.
    pub phase: Phase,
    /// Sessions that should have started by its end.
    pub planned: u64,
    /// Sessions open at its end.
    pub open: u64,
    /// CPU seconds used in it, all threads.
    pub cpu_seconds: f64,
    /// Resident bytes at its end.
    pub rss_bytes: u64,
    /// Everything up to its end.
    pub totals: &'a Totals,
}

/// The first row.
pub(super) fn head(layout: &Layout) -> Vec<u8> {
    let names = COLUMNS.iter().map(|(name, _)| (*name).to_owned());
    let steps = layout.steps.iter().map(|step| format!("{step}_p99_ms"));
    row(names.chain(steps))
}

/// The row of one second.
pub(super) fn second(second: &Second<'_>, interval: &Interval, layout: &Layout) -> Vec<u8> {
    let fixed = COLUMNS.iter().map(|(_, value)| value(second, interval));
    let steps = (0..layout.steps.len())
        .map(|k| millis(interval.tally().step(k).and_then(|step| step.from_due.quantile(0.99))));
    row(fixed.chain(steps))
}

type Value = fn(&Second<'_>, &Interval) -> String;

const COLUMNS: &[(&str, Value)] = &[
    ("second", |s, _| s.second.to_string()),
    ("phase", |s, _| s.phase.to_string()),
    ("planned_total", |s, _| s.planned.to_string()),
    ("started_total", |s, _| s.totals.tally().counts.started.to_string()),
    ("open", |s, _| s.open.to_string()),
    ("failed_total", |s, _| s.totals.tally().counts.failed.to_string()),
    ("pings_due", |_, i| i.tally().counts.ping_due.to_string()),
    ("pings_answered", |_, i| i.tally().counts.ping_answered.to_string()),
    ("pings_late", |_, i| i.tally().counts.ping_late.to_string()),
    ("pings_timed_out", |_, i| i.tally().counts.ping_timed_out.to_string()),
    ("pings_missed", |_, i| i.tally().counts.ping_missed.to_string()),
    ("messages", |_, i| i.tally().counts.messages.to_string()),
    ("bytes_received", |_, i| i.tally().counts.bytes_received.to_string()),
    ("bytes_sent", |_, i| i.tally().counts.bytes_sent.to_string()),
    ("lag_p99_ms", |_, i| millis(i.tally().lag.quantile(0.99).max(i.tally().start_lag.quantile(0.99)))),
    ("stalled_ms", |_, i| numbers::millis(i.stalls().total()).to_string()),
    ("cpu_s", |s, _| numbers::tidy(s.cpu_seconds).to_string()),
    ("rss_bytes", |s, _| s.rss_bytes.to_string()),
];

fn millis(span: Option<Duration>) -> String {
    span.map_or_else(String::new, |span| numbers::millis(span).to_string())
}

fn row(cells: impl Iterator<Item = String>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).expect("a Vec takes every byte");
    writer.into_inner().expect("a Vec takes every byte")
}
