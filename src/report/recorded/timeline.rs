//! `timeline.csv` read back, as at most [`POINTS_MAX`] points of time.
//!
//! Rows are joined where there are more. Counts add up, readings are those of the last row, and
//! percentiles are not made here: those of joined rows come from the histogram log. Invariant: a
//! column that is missing, or a row that is cut, costs its own figures only.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use csv::StringRecord;
use jiff::Timestamp;

use super::{ReadError, unreadable};
use crate::report::timeline::{
    ERRORS, announced_of_column, delay_column, kind_of_column, step_column, step_of_column,
};

/// Points that a timeline has at most: as many as a wide chart has columns.
pub const POINTS_MAX: usize = 1_800;

/// A run over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// The steps that points have latencies of.
    pub steps: Vec<String>,
    /// What is announced: points have how long that took behind the steps' latencies.
    pub announced: Vec<String>,
    /// The kinds of messages that points have counts of.
    pub kinds: Vec<String>,
    /// In order.
    pub points: Vec<Point>,
    /// Rows that each point joins, but for the last.
    pub rows_per_point: usize,
}

/// One row, or several joined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// The phase that it begins in.
    pub phase: String,
    /// Seconds since the run began.
    pub start_s: f64,
    /// Its end.
    pub end_s: f64,
    /// Its start on the wall clock.
    pub start_time: Option<Timestamp>,
    /// Sessions that should have begun by its end.
    pub planned_total: u64,
    /// Sessions begun by its end.
    pub started_total: u64,
    /// Sessions failed by its end.
    pub failed_total: u64,
    /// Sessions open at its end.
    pub open: u64,
    /// The fewest open at the end of any of its rows.
    pub open_min: u64,
    /// PINGs that fell due.
    pub pings_due: u64,
    /// … answered in time.
    pub pings_answered: u64,
    /// … answered late.
    pub pings_late: u64,
    /// … timed out, late ones included.
    pub pings_timed_out: u64,
    /// … missed.
    pub pings_missed: u64,
    /// Messages received.
    pub messages: u64,
    /// Of these, by [`Timeline::kinds`].
    pub messages_by_kind: Vec<u64>,
    /// Bytes read off sockets.
    pub bytes_received: u64,
    /// Bytes written to sockets.
    pub bytes_sent: u64,
    /// Messages sent that the others are to be told of.
    pub updates_sent: u64,
    /// Updates expected of those that are settled by its end; 0 where none is counted.
    pub updates_expected_total: u64,
    /// Of these, the ones that did not come.
    pub updates_missing_total: u64,
    /// Open sessions whose connection ended; 0 where none can come back.
    pub dropped: u64,
    /// Sessions that came back.
    pub recovered: u64,
    /// Sessions away at its end.
    pub away: u64,
    /// Failures by step and kind.
    pub errors: BTreeMap<(String, String), u64>,
    /// Latencies from scheduled time by [`Timeline::steps`], then times of announcements by
    /// [`Timeline::announced`]; `None` where nothing succeeded, or came.
    pub bands: Vec<Option<Band>>,
    /// The workers' lateness, 99th percentile; of joined rows the worst.
    pub lag_p99_ms: Option<f64>,
    /// Time in which this machine did not run the load generator.
    pub stalled_ms: f64,
    /// CPU seconds used, all threads.
    pub cpu_s: f64,
    /// Resident bytes at its end.
    pub rss_bytes: u64,
}

/// A step's latencies in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Band {
    /// Successes.
    pub count: u64,
    /// The median.
    pub p50_ms: f64,
    /// The 95th percentile.
    pub p95_ms: f64,
    /// The 99th.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Timeline {
    /// The sessions open at an instant, on the line between the readings before and after it; `None`
    /// before the first point.
    pub fn open_at(&self, seconds: f64) -> Option<u64> {
        let after = self.points.partition_point(|point| point.start_s <= seconds);
        let k = after.checked_sub(1)?;
        let (point, before) = (self.points.get(k)?, k.checked_sub(1).map_or(0, |k| self.points[k].open));
        let share = ((seconds - point.start_s) / point.length_s().max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        Some((before as f64 + (point.open as f64 - before as f64) * share).round() as u64)
    }
}

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<Timeline, ReadError> {
    let rows = count_lines(path)?.saturating_sub(1);
    let rows_per_point = rows.div_ceil(POINTS_MAX).max(1);
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(path)
        .map_err(|why| unreadable(path, why.into()))?;
    let head = reader.headers().map_err(|why| unreadable(path, why.into()))?.clone();
    let columns = Columns::new(&head);
    let mut points: Vec<Point> = Vec::with_capacity(rows.div_ceil(rows_per_point));
    let mut joined = 0;
    // A line that a killed run cut short is no row.
    for record in reader.records().map_while(Result::ok) {
        let Some(point) = columns.point(&record) else { continue };
        match points.last_mut().filter(|_| joined % rows_per_point > 0) {
            Some(last) => last.join(point),
            None => points.push(point),
        }
        joined += 1;
    }
    let (steps, announced, kinds) = (columns.steps(), columns.announced(), columns.kinds());
    Ok(Timeline { steps, announced, kinds, points, rows_per_point })
}

fn count_lines(path: &Path) -> Result<usize, ReadError> {
    let file = File::open(path).map_err(|why| unreadable(path, why))?;
    // No cell has a line break in it.
    Ok(BufReader::new(file).split(b'\n').count())
}

/// The columns by name.
struct Columns<'h> {
    by_name: BTreeMap<&'h str, usize>,
    names: Vec<&'h str>,
}

impl<'h> Columns<'h> {
    fn new(head: &'h StringRecord) -> Self {
        let names: Vec<&str> = head.iter().collect();
        Self { by_name: names.iter().enumerate().map(|(k, name)| (*name, k)).collect(), names }
    }

    fn steps(&self) -> Vec<String> {
        self.names.iter().filter_map(|name| step_of_column(name)).map(str::to_owned).collect()
    }

    fn announced(&self) -> Vec<String> {
        self.names.iter().filter_map(|name| announced_of_column(name)).map(str::to_owned).collect()
    }

    fn kinds(&self) -> Vec<String> {
        self.names.iter().filter_map(|name| kind_of_column(name)).map(str::to_owned).collect()
    }

    /// `None` for a line that has no time.
    fn point(&self, record: &StringRecord) -> Option<Point> {
        let row = Row { columns: self, record };
        let open = row.count("open");
        Some(Point {
            phase: row.text("phase").to_owned(),
            start_s: row.number("start_s")?,
            end_s: row.number("end_s")?,
            start_time: row.text("start_time").parse().ok(),
            planned_total: row.count("planned_total"),
            started_total: row.count("started_total"),
            failed_total: row.count("failed_total"),
            open,
            open_min: open,
            pings_due: row.count("pings_due"),
            pings_answered: row.count("pings_answered"),
            pings_late: row.count("pings_late"),
            pings_timed_out: row.count("pings_timed_out"),
            pings_missed: row.count("pings_missed"),
            messages: row.count("messages"),
            messages_by_kind: self
                .names
                .iter()
                .filter(|name| kind_of_column(name).is_some())
                .map(|name| row.count(name))
                .collect(),
            bytes_received: row.count("bytes_received"),
            bytes_sent: row.count("bytes_sent"),
            updates_sent: row.count("updates.sent"),
            updates_expected_total: row.count("updates.expected_total"),
            updates_missing_total: row.count("updates.missing_total"),
            dropped: row.count("reconnects.dropped"),
            recovered: row.count("reconnects.recovered"),
            away: row.count("reconnects.away"),
            errors: errors_of_cell(row.text(ERRORS)),
            bands: self.bands(&row),
            lag_p99_ms: row.number("lag_p99_ms"),
            stalled_ms: row.number("stalled_ms").unwrap_or(0.0),
            cpu_s: row.number("cpu_s").unwrap_or(0.0),
            rss_bytes: row.count("rss_bytes"),
        })
    }
}

impl Columns<'_> {
    fn bands(&self, row: &Row<'_>) -> Vec<Option<Band>> {
        let names = || self.names.iter();
        let steps = names().filter_map(|name| step_of_column(name));
        let steps = steps.map(|step| row.band(|figure| step_column(step, figure)));
        let announced = names().filter_map(|name| announced_of_column(name));
        steps.chain(announced.map(|name| row.band(|figure| delay_column(name, figure)))).collect()
    }
}

struct Row<'r> {
    columns: &'r Columns<'r>,
    record: &'r StringRecord,
}

impl Row<'_> {
    fn text(&self, name: &str) -> &str {
        self.columns.by_name.get(name).and_then(|k| self.record.get(*k)).unwrap_or_default()
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.text(name).parse().ok().filter(|value: &f64| value.is_finite())
    }

    fn count(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(0)
    }

    fn band(&self, column: impl Fn(&str) -> String) -> Option<Band> {
        let figure = |name| self.number(&column(name));
        Some(Band {
            count: self.count(&column("count")),
            p50_ms: figure("p50_ms")?,
            p95_ms: figure("p95_ms")?,
            p99_ms: figure("p99_ms")?,
            max_ms: figure("max_ms")?,
        })
    }
}

/// The failures that a cell of [`ERRORS`] lists, by step and kind.
pub(in crate::report) fn errors_of_cell(cell: &str) -> BTreeMap<(String, String), u64> {
    let by_step: BTreeMap<String, BTreeMap<String, u64>> = serde_json::from_str(cell).unwrap_or_default();
    by_step
        .into_iter()
        .flat_map(|(step, kinds)| kinds.into_iter().map(move |(kind, count)| ((step.clone(), kind), count)))
        .collect()
}

impl Point {
    /// Seconds that it lasts.
    pub fn length_s(&self) -> f64 {
        (self.end_s - self.start_s).max(0.0)
    }

    /// Adds the row that follows. Percentiles become an upper bound, until the histograms say
    /// better.
    fn join(&mut self, next: Self) {
        // Taken apart in full, so that a figure added later cannot be forgotten here.
        let Self {
            phase: _,
            start_s: _,
            end_s,
            start_time: _,
            planned_total,
            started_total,
            failed_total,
            open,
            open_min,
            pings_due,
            pings_answered,
            pings_late,
            pings_timed_out,
            pings_missed,
            messages,
            messages_by_kind,
            bytes_received,
            bytes_sent,
            updates_sent,
            updates_expected_total,
            updates_missing_total,
            dropped,
            recovered,
            away,
            errors,
            bands,
            lag_p99_ms,
            stalled_ms,
            cpu_s,
            rss_bytes,
        } = next;
        self.end_s = end_s;
        self.planned_total = planned_total;
        self.started_total = started_total;
        self.failed_total = failed_total;
        self.open = open;
        self.open_min = self.open_min.min(open_min);
        self.pings_due += pings_due;
        self.pings_answered += pings_answered;
        self.pings_late += pings_late;
        self.pings_timed_out += pings_timed_out;
        self.pings_missed += pings_missed;
        self.messages += messages;
        self.messages_by_kind.iter_mut().zip(messages_by_kind).for_each(|(mine, theirs)| *mine += theirs);
        self.bytes_received += bytes_received;
        self.bytes_sent += bytes_sent;
        self.updates_sent += updates_sent;
        self.updates_expected_total = updates_expected_total;
        self.updates_missing_total = updates_missing_total;
        self.dropped += dropped;
        self.recovered += recovered;
        self.away = self.away.max(away);
        errors.into_iter().for_each(|(kind, count)| *self.errors.entry(kind).or_default() += count);
        for (mine, theirs) in self.bands.iter_mut().zip(bands) {
            *mine = match (*mine, theirs) {
                (Some(mine), Some(theirs)) => Some(mine.joined(theirs)),
                (mine, theirs) => mine.or(theirs),
            };
        }
        self.lag_p99_ms = self.lag_p99_ms.into_iter().chain(lag_p99_ms).reduce(f64::max);
        self.stalled_ms += stalled_ms;
        self.cpu_s += cpu_s;
        self.rss_bytes = rss_bytes;
    }
}

impl Band {
    fn joined(self, next: Self) -> Self {
        Self {
            count: self.count + next.count,
            p50_ms: self.p50_ms.max(next.p50_ms),
            p95_ms: self.p95_ms.max(next.p95_ms),
            p99_ms: self.p99_ms.max(next.p99_ms),
            max_ms: self.max_ms.max(next.max_ms),
        }
    }
}
