//! The samples that a query needs, as pages come.
//!
//! Invariant: what no selector means is not kept, and what is kept is bounded: by the selectors'
//! ranges in time, and by [`SERIES_MAX`] in breadth.

use std::collections::{BTreeMap, VecDeque};

use super::{Labels, Query, Sample};

/// Series of a selector at most.
pub const SERIES_MAX: usize = 10_000;

/// Prometheus's times are whole milliseconds: a sample at the very beginning of a range is in it, whatever
/// fractions of seconds come to.
const HALF_MS: f64 = 0.000_5;

/// A time in seconds, and a value.
pub(super) type Point = (f64, f64);

/// What is known of each of a query's selectors.
#[derive(Clone, Debug)]
pub struct History {
    /// Of each selector: its series with their samples, the newest last.
    pub(super) series: Vec<BTreeMap<Labels, VecDeque<Point>>>,
    /// When the last page was.
    pub(super) at_s: f64,
    /// A page had more series than are kept.
    pub is_cut: bool,
}

impl History {
    /// Before the first page.
    pub fn new(query: &Query) -> Self {
        Self { series: vec![BTreeMap::new(); query.selectors.len()], at_s: 0.0, is_cut: false }
    }

    /// Takes the samples of a page that was read at this time.
    pub fn add(&mut self, query: &Query, samples: &[Sample], at_s: f64) {
        self.at_s = at_s;
        self.is_cut = false;
        for (selector, series) in query.selectors.iter().zip(&mut self.series) {
            for sample in samples.iter().filter(|sample| selector.matches(&sample.labels)) {
                let is_known = series.contains_key(&sample.labels);
                if is_known || series.len() < SERIES_MAX {
                    series.entry(sample.labels.clone()).or_default().push_back((at_s, sample.value));
                } else {
                    self.is_cut = true;
                }
            }
            // Without a range only the present counts.
            let oldest_s = selector.range.map_or(at_s, |range| at_s - range.as_secs_f64()) - HALF_MS;
            series.retain(|_, points| {
                while points.front().is_some_and(|(point_s, _)| *point_s < oldest_s) {
                    points.pop_front();
                }
                !points.is_empty()
            });
        }
    }

    /// Whether this selector means anything that the last page has.
    pub fn has(&self, selector: usize) -> bool {
        let is_present = |points: &VecDeque<Point>| points.back().is_some_and(|(at_s, _)| *at_s >= self.at_s);
        self.series.get(selector).is_some_and(|series| series.values().any(is_present))
    }
}
