//! `latency.hlog` read back: each step's whole distribution, and exact percentiles of joined rows.
//!
//! Reads a line at a time, so that a run of any length takes the memory of its steps and points.
//! Invariant: distributions hold what is judged: without the ramp-down.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::timeline::{Band, Timeline};
use super::{ReadError, unreadable};
use crate::report::hlog::{AFTER, LAG, SENT, propagation_tag, tag};

/// A row's times have three decimals, and so may differ from the log's by this.
const ROUNDING_S: f64 = 0.001;

/// A step's latencies over the run, in microseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// The step.
    pub step: String,
    /// From scheduled time; `None` if nothing succeeded.
    pub from_due: Option<Histogram<u64>>,
    /// From actual send.
    pub from_sent: Option<Histogram<u64>>,
}

/// One line of the log.
struct Interval {
    tag: String,
    is_after: bool,
    start_s: f64,
    histogram: Histogram<u64>,
}

/// What the log adds up to.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// By step, in the timeline's order.
    pub distributions: Vec<Distribution>,
    /// The workers' lateness.
    pub lag: Option<Histogram<u64>>,
}

/// Reads the file; where points join rows, their percentiles are made anew.
pub(super) fn read(path: &Path, timeline: &mut Timeline) -> Result<Read, ReadError> {
    let file = File::open(path).map_err(|why| unreadable(path, why))?;
    let announced = timeline.announced.iter().map(|name| propagation_tag(name));
    let tags: Vec<String> = timeline.steps.iter().map(|step| tag(step)).chain(announced).collect();
    let distribution = |step: &String| Distribution { step: step.clone(), ..Distribution::default() };
    let mut read = Read { distributions: timeline.steps.iter().map(distribution).collect(), lag: None };
    let mut joining = Joining { point: 0, bands: vec![None; tags.len()] };
    let mut deserializer = Deserializer::new();
    for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
        let Some(interval) = parse(&line, &mut deserializer) else { continue };
        let (step, is_sent) = match interval.tag.strip_suffix(SENT) {
            Some(step) => (step, true),
            None => (interval.tag.as_str(), false),
        };
        let Some(k) = tags.iter().position(|own| own == step) else {
            if interval.tag == LAG && !interval.is_after {
                add(&mut read.lag, interval.histogram);
            }
            continue;
        };
        if !is_sent && timeline.rows_per_point > 1 {
            joining.add(timeline, k, interval.start_s, &interval.histogram);
        }
        if !interval.is_after
            && let Some(whole) = read.distributions.get_mut(k)
        {
            add(if is_sent { &mut whole.from_sent } else { &mut whole.from_due }, interval.histogram);
        }
    }
    joining.settle(timeline);
    Ok(read)
}

/// `None` for comments, the head, and a line that was cut short.
fn parse(line: &[u8], deserializer: &mut Deserializer) -> Option<Interval> {
    let line = [line, b"\n"].concat();
    let Some(Ok(LogEntry::Interval(entry))) = IntervalLogIterator::new(&line).next() else { return None };
    let bytes = BASE64_STANDARD.decode(entry.encoded_histogram()).ok()?;
    let tag = entry.tag()?;
    let after = tag.as_str().strip_prefix(AFTER);
    Some(Interval {
        tag: after.unwrap_or(tag.as_str()).to_owned(),
        is_after: after.is_some(),
        start_s: entry.start_timestamp().as_secs_f64(),
        histogram: deserializer.deserialize(&mut bytes.as_slice()).ok()?,
    })
}

/// Histograms of one geometry add up; one of another is left out.
fn add(sum: &mut Option<Histogram<u64>>, histogram: Histogram<u64>) {
    match sum {
        Some(sum) => drop(sum.add(&histogram)),
        None => *sum = Some(histogram),
    }
}

/// The histograms of the point that the log is at: its lines are in the order of time.
struct Joining {
    point: usize,
    bands: Vec<Option<Histogram<u64>>>,
}

impl Joining {
    fn add(&mut self, timeline: &mut Timeline, step: usize, start_s: f64, histogram: &Histogram<u64>) {
        let after = timeline.points.partition_point(|point| point.start_s <= start_s + ROUNDING_S);
        let point = after.saturating_sub(1);
        if point != self.point {
            self.settle(timeline);
            self.point = point;
        }
        add(&mut self.bands[step], histogram.clone());
    }

    /// The point has all its histograms.
    fn settle(&mut self, timeline: &mut Timeline) {
        let Some(point) = timeline.points.get_mut(self.point) else { return };
        for (band, histogram) in point.bands.iter_mut().zip(&mut self.bands) {
            if let (Some(band), Some(histogram)) = (band, histogram.take()) {
                let at = |share: f64| (histogram.value_at_quantile(share) as f64 / 1e3).min(band.max_ms);
                *band = Band { p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99), ..*band };
            }
        }
    }
}
