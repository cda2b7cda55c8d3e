//! `watch.csv` read back: each figure of the servers' side over time, at most [`POINTS_MAX`] points of
//! each.
//!
//! Readings are joined where there are more, to their mean. Invariant: a line that is cut, or not one
//! of ours, costs itself.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::timeline::POINTS_MAX;
use super::{ReadError, unreadable};
use crate::report::files::{WATCH, WatchRow};

/// Figures read; a file has at most as many items as a watch file.
const SERIES_MAX: usize = 256;

/// An item over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WatchSeries {
    /// The item's name.
    pub item: String,
    /// Seconds since the run began, and the value, in order.
    pub points: Vec<(f64, f64)>,
    /// Readings that each point joins, but for the last.
    readings_per_point: usize,
    /// Of the last point.
    joined: usize,
}

impl WatchSeries {
    /// A series of these readings, in order.
    #[must_use]
    pub fn of(item: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { item: item.into(), points, readings_per_point: 1, joined: 1 }
    }

    fn add(&mut self, at_s: f64, value: f64) {
        if self.points.len() == POINTS_MAX && self.joined == self.readings_per_point {
            self.halve();
        }
        match self.points.last_mut() {
            Some(last) if self.joined < self.readings_per_point => {
                let weight = self.joined as f64;
                self.joined += 1;
                last.1 = (last.1 * weight + value) / (weight + 1.0);
            }
            _ => {
                self.points.push((at_s, value));
                self.joined = 1;
            }
        }
    }

    /// Joins every two points.
    fn halve(&mut self) {
        let join = |pair: &[(f64, f64)]| {
            let values = pair.iter().map(|(_, value)| value).sum::<f64>();
            (pair[0].0, values / pair.len() as f64)
        };
        self.points = self.points.chunks(2).map(join).collect();
        self.readings_per_point *= 2;
        self.joined = self.readings_per_point;
    }
}

/// Reads the file; series are in the order of their first readings.
pub(super) fn read(path: &Path) -> Result<Vec<WatchSeries>, ReadError> {
    let file = File::open(path).map_err(|why| unreadable(path, why))?;
    let mut series: Vec<WatchSeries> = Vec::new();
    for row in csv::ReaderBuilder::new().flexible(true).from_reader(file).records().map_while(Result::ok) {
        let (Some(at_s), Some(item), Some(value)) = (row.get(0), row.get(2), row.get(3)) else { continue };
        let (Ok(at_s), Ok(value)) = (at_s.parse::<f64>(), value.parse::<f64>()) else { continue };
        if !(at_s.is_finite() && value.is_finite()) {
            continue;
        }
        let at = series.iter().position(|one| one.item == item).or_else(|| {
            (series.len() < SERIES_MAX).then(|| {
                series.push(WatchSeries::of(item, Vec::new()));
                series.len() - 1
            })
        });
        if let Some(at) = at {
            series[at].add(at_s, value);
        }
    }
    // What was missed comes from a history, once the run is over.
    series.iter_mut().for_each(|one| one.points.sort_by(|one, other| one.0.total_cmp(&other.0)));
    Ok(series)
}

/// The readings of a run's directory one by one, as the file has them.
pub struct WatchRows {
    records: csv::StringRecordsIntoIter<File>,
    started_at: Timestamp,
}

/// Reads the rows of a directory's file, with their instants since `started_at`.
///
/// # Errors
/// The file system refused.
pub fn rows(directory: &Path, started_at: Timestamp) -> Result<WatchRows, ReadError> {
    let path = directory.join(WATCH);
    let file = File::open(&path).map_err(|why| unreadable(&path, why))?;
    let records = csv::ReaderBuilder::new().flexible(true).from_reader(file).into_records();
    Ok(WatchRows { records, started_at })
}

impl Iterator for WatchRows {
    type Item = WatchRow;

    fn next(&mut self) -> Option<WatchRow> {
        loop {
            let record = self.records.next()?.ok()?;
            let time = record.get(1).and_then(|time| time.parse::<Timestamp>().ok());
            let value = record.get(3).and_then(|value| value.parse().ok());
            let (Some(time), Some(item), Some(value)) = (time, record.get(2), value) else { continue };
            let at = Duration::try_from(time.duration_since(self.started_at)).unwrap_or_default();
            return Some(WatchRow { at, time, item: item.to_owned(), value });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn read_text(text: &str) -> Vec<WatchSeries> {
        let temp = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(temp.path(), text).expect("written");
        read(temp.path()).expect("it reads")
    }

    #[test]
    fn series_are_told_apart_and_put_in_order() {
        let series = read_text(
            "at_s,time,item,value\n1,t,CPU,5\n1,t,\"a, b\",7\n6,t,CPU,x\n9,t,CPU,9\n4,t,CPU,6\n10,t,CPU",
        );
        assert_eq!(series.iter().map(|one| one.item.as_str()).collect::<Vec<_>>(), ["CPU", "a, b"]);
        assert_eq!(series[0].points, [(1.0, 5.0), (4.0, 6.0), (9.0, 9.0)]);
    }

    #[test]
    fn long_series_are_joined_to_means() {
        let mut text = "at_s,time,item,value\n".to_owned();
        for k in 0..5_000 {
            writeln!(text, "{k},t,x,{}", k % 2).expect("text");
        }
        let series = read_text(&text);
        assert_eq!(series[0].points.len(), 5_000_usize.div_ceil(4));
        assert!(series[0].points.iter().all(|(_, value)| (*value - 0.5).abs() < 1e-9));
        assert_eq!(series[0].points[1].0, 4.0);
    }
}
