//! The run over time, as the charts of the page have it: one row of figures a series.
//!
//! Knows no HTML. Invariants: a series has as many figures as there are points; of kinds there may be
//! any number, and the rarest are one series.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::report::recorded::{Band, Point, Timeline};

/// Kinds with a series of their own; the rest is one.
const KINDS_MAX: usize = 12;

/// Steps with a chart of their own.
pub(super) const STEPS_MAX: usize = 8;

/// A figure of some three digits, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure(pub Option<f64>);

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.filter(|value| value.is_finite()) {
            None => serializer.serialize_none(),
            Some(0.0) => serializer.serialize_u8(0),
            Some(value) => {
                let scale = 10_f64.powi(2 - value.abs().log10().floor() as i32);
                let value = if scale > 1.0 { (value * scale).round() / scale } else { value.round() };
                if value.fract() == 0.0 && value.abs() < 1e15 {
                    serializer.serialize_i64(value as i64)
                } else {
                    serializer.serialize_f64(value)
                }
            }
        }
    }
}

/// How a chart is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Lines,
    Area,
    Bands,
    Stacked,
}

/// A line of a chart.
#[derive(Debug, Serialize)]
pub(super) struct Series {
    pub name: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub planned: bool,
    pub v: Vec<Figure>,
}

/// An instant to the millisecond.
#[derive(Debug)]
pub(super) struct Instant(pub f64);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((self.0 * 1e3).round() / 1e3)
    }
}

/// A limit, as a line across a chart.
#[derive(Debug, Serialize)]
pub(super) struct Limit {
    pub v: Figure,
    pub fail: bool,
    pub text: &'static str,
    /// Whose it is, where a chart has others.
    pub of: String,
}

/// A chart over time.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    pub id: String,
    pub kind: Kind,
    pub unit: &'static str,
    /// Its own instants, of what was read every few seconds; without them it has the run's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub t: Vec<Instant>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// Begins with a logarithmic axis.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub log: bool,
    pub series: Vec<Series>,
}

/// A line of these figures.
pub(super) fn series(
    name: impl Into<String>,
    timeline: &Timeline,
    figure: impl Fn(&Point) -> Option<f64>,
) -> Series {
    Series {
        name: name.into(),
        planned: false,
        v: timeline.points.iter().map(|point| Figure(figure(point))).collect(),
    }
}

/// A count as so much a second.
pub(super) fn per_second(count: u64, point: &Point) -> Option<f64> {
    let length = point.length_s();
    (length > 0.0).then(|| count as f64 / length)
}

/// What a total grew by, a second.
pub(super) fn growth(name: impl Into<String>, timeline: &Timeline, total: impl Fn(&Point) -> u64) -> Series {
    let before = std::iter::once(0).chain(timeline.points.iter().map(&total));
    let grown = timeline.points.iter().zip(before);
    let v =
        grown.map(|(point, before)| Figure(per_second(total(point).saturating_sub(before), point))).collect();
    Series { name: name.into(), planned: false, v }
}

/// The most frequent of many kinds, a series each, and the rest as one, in counts a second.
pub(super) fn by_kind(
    names: &[String],
    counts: &[Vec<u64>],
    timeline: &Timeline,
    other: impl Fn(usize) -> String,
) -> Vec<Series> {
    most((names, counts), KINDS_MAX, timeline, per_second, other)
}

/// Of names with their counts, those with the most, a series each, and the rest as one.
pub(super) fn most(
    (names, counts): (&[String], &[Vec<u64>]),
    lines_max: usize,
    timeline: &Timeline,
    figure: impl Fn(u64, &Point) -> Option<f64>,
    other: impl Fn(usize) -> String,
) -> Vec<Series> {
    let mut order: Vec<(usize, u64)> = counts.iter().map(|own| own.iter().sum()).enumerate().collect();
    order.retain(|(_, sum)| *sum > 0);
    order.sort_by_key(|(_, sum)| Reverse(*sum));
    let line = |name: String, of: &[usize]| {
        let at = |k: usize| of.iter().map(|own| counts[*own][k]).sum();
        let points = timeline.points.iter().enumerate();
        Series { name, planned: false, v: points.map(|(k, point)| Figure(figure(at(k), point))).collect() }
    };
    let order: Vec<usize> = order.into_iter().map(|(k, _)| k).collect();
    let (own, rest) = order.split_at(order.len().min(lines_max));
    let mut all: Vec<Series> = own.iter().map(|k| line(names[*k].clone(), &[*k])).collect();
    if !rest.is_empty() {
        all.push(line(other(rest.len()), rest));
    }
    all
}

/// Failures by step and kind: their names, and the counts of each point.
pub(super) fn errors(
    timeline: &Timeline,
    name: impl Fn(&str, &str) -> String,
) -> (Vec<String>, Vec<Vec<u64>>) {
    let mut rows: BTreeMap<&(String, String), Vec<u64>> = BTreeMap::new();
    for (k, point) in timeline.points.iter().enumerate() {
        for (kind, count) in &point.errors {
            rows.entry(kind).or_insert_with(|| vec![0; timeline.points.len()])[k] += count;
        }
    }
    rows.into_iter().map(|((step, kind), counts)| (name(step, kind), counts)).unzip()
}

/// Messages by kind: the counts of each point.
pub(super) fn messages(timeline: &Timeline) -> Vec<Vec<u64>> {
    let of = |k: usize| {
        timeline.points.iter().map(|point| point.messages_by_kind.get(k).copied().unwrap_or(0)).collect()
    };
    (0..timeline.kinds.len()).map(of).collect()
}

/// A step's percentiles, from the smallest up.
pub(super) fn bands(step: usize, timeline: &Timeline) -> Vec<Series> {
    type Percentile = fn(&Band) -> f64;
    let lines: [(&str, Percentile); 4] = [
        ("p50", |band| band.p50_ms),
        ("p95", |band| band.p95_ms),
        ("p99", |band| band.p99_ms),
        ("max", |band| band.max_ms),
    ];
    let line = |(name, of): (&str, Percentile)| {
        series(name, timeline, |point| Some(of(point.bands.get(step)?.as_ref()?)))
    };
    lines.into_iter().map(line).collect()
}

/// When each phase began, by its name.
pub(super) fn phases(timeline: &Timeline) -> Vec<(f64, &str)> {
    let mut found: Vec<(f64, &str)> = Vec::new();
    for point in &timeline.points {
        if found.last().is_none_or(|(_, phase)| *phase != point.phase) {
            found.push((point.start_s, &point.phase));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        let shown = |value: f64| serde_json::to_string(&Figure(Some(value))).unwrap();
        for (value, text) in [
            (0.0, "0"),
            (0.016_21, "0.0162"),
            (1.234, "1.23"),
            (12.0, "12"),
            (99.96, "100"),
            (123.4, "123"),
            (6_001.0, "6001"),
            (1_234_567.0, "1234567"),
        ] {
            assert_eq!(shown(value), text);
        }
        assert_eq!(serde_json::to_string(&[Figure(None), Figure(Some(f64::NAN))]).unwrap(), "[null,null]");
    }

    #[test]
    fn the_rarest_kinds_are_one_series() {
        let points = vec![Point { end_s: 2.0, ..Point::default() }];
        let timeline = Timeline { points, ..Timeline::default() };
        let names: Vec<String> = (0..20).map(|k| format!("kind-{k}")).collect();
        let counts: Vec<Vec<u64>> = (0..20).map(|k| vec![k]).collect();
        let all = by_kind(&names, &counts, &timeline, |n| format!("{n} others"));
        assert_eq!((all.len(), all[0].name.as_str(), all[0].v[0]), (13, "kind-19", Figure(Some(9.5))));
        assert_eq!((all[12].name.as_str(), all[12].v[0]), ("7 others", Figure(Some(14.0))));
    }
}
