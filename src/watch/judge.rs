//! Which figure of an item's readings is held against its limits, as they come.
//!
//! Reads no clock. Invariant: memory is bounded, however long a run is: what a judge keeps is a few
//! sums, the readings of its window, or counts by bucket.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::item::{Item, Judge};
use super::source::Unseen;
use crate::numbers;

const MINUTE: Duration = Duration::from_secs(60);
/// A shorter slope is noise.
const SLOPE_SPAN_MIN: Duration = Duration::from_secs(60);
/// A window ends where readings are missing for longer than this many intervals.
const GAP_INTERVALS: u32 = 3;
/// Buckets of the percentile have these many leading bits of a value in common: they are 0.4 % wide.
const BUCKET_SHIFT: u32 = 52 - 8;

/// The readings of one item so far, as far as its judge needs them.
#[derive(Clone, Debug)]
pub struct Judging {
    judge: Judge,
    is_least: bool,
    /// Readings this far apart have a gap between them.
    gap: Duration,
    readings: u64,
    last: Option<(Duration, f64)>,
    /// The answer so far, of judges that compare.
    worst: Option<f64>,
    window: VecDeque<(Duration, f64)>,
    sum: f64,
    buckets: BTreeMap<i64, (u64, f64)>,
    line: Line,
}

impl Judging {
    /// Before the first reading.
    pub fn new(item: &Item) -> Self {
        Self {
            judge: item.judge,
            is_least: item.limits.is_least,
            gap: item.every * GAP_INTERVALS,
            readings: 0,
            last: None,
            worst: None,
            window: VecDeque::new(),
            sum: 0.0,
            buckets: BTreeMap::new(),
            line: Line::default(),
        }
    }

    /// Takes a reading, at a time since the run began; `is_hold`: all sessions were there.
    pub fn add(&mut self, at: Duration, value: f64, is_hold: bool) {
        let last = self.last.replace((at, value));
        self.readings += 1;
        if last.is_some_and(|(last, _)| at.saturating_sub(last) > self.gap) {
            self.window.clear();
        }
        match self.judge {
            Judge::End => {}
            Judge::Worst => self.compare(value),
            Judge::WorstMinute => {
                self.sum += value;
                if self.slide(at, value, MINUTE) {
                    self.compare(
                        self.window.iter().map(|(_, value)| value).sum::<f64>() / self.window.len() as f64,
                    );
                }
            }
            Judge::Sustained(span) => {
                if self.slide(at, value, span) {
                    let values = self.window.iter().map(|(_, value)| *value);
                    let mildest =
                        if self.is_least { values.reduce(f64::max) } else { values.reduce(f64::min) };
                    self.compare(mildest.unwrap_or(value));
                }
            }
            Judge::P95 => {
                let bucket = self.buckets.entry(ordered(value) >> BUCKET_SHIFT).or_insert((0, value));
                *bucket = (bucket.0 + 1, bucket.1.max(value));
            }
            // A counter that is less than it was has begun anew, from 0.
            Judge::Growth => {
                self.sum += last.map_or(0.0, |(_, last)| if value < last { value } else { value - last });
            }
            Judge::Slope if is_hold => self.line.add(at.as_secs_f64(), value),
            Judge::Slope => {}
        }
    }

    /// What is held against the limits.
    ///
    /// # Errors
    /// The readings do not suffice.
    pub fn figure(&self) -> Result<f64, Unseen> {
        let Some((_, last)) = self.last else { return Err(Unseen::early("no reading yet")) };
        match self.judge {
            Judge::End => Ok(last),
            Judge::Worst => self.worst.ok_or_else(|| Unseen::early("no reading yet")),
            Judge::WorstMinute => Ok(self.worst.unwrap_or(self.sum / self.readings as f64)),
            Judge::Sustained(span) => self.worst.ok_or_else(|| {
                let why = format!("there are no readings without a gap over {}", numbers::span(span));
                Unseen::new(why, "hold for longer, or give a shorter time to sustain")
            }),
            Judge::P95 => Ok(self.percentile(0.95)),
            Judge::Growth if self.readings > 1 => Ok(self.sum),
            Judge::Growth => Err(Unseen::early("growth takes two readings")),
            Judge::Slope => self.line.slope_a_minute().ok_or_else(|| {
                let why =
                    format!("a slope takes readings over {} of the hold", numbers::span(SLOPE_SPAN_MIN));
                Unseen::new(why, "hold for longer")
            }),
        }
    }

    fn compare(&mut self, value: f64) {
        let worse = if self.is_least { f64::min } else { f64::max };
        self.worst = Some(self.worst.map_or(value, |worst| worse(worst, value)));
    }

    /// Moves the window on to the shortest one that ends here and is this long; `false` if there is none.
    fn slide(&mut self, at: Duration, value: f64, span: Duration) -> bool {
        self.window.push_back((at, value));
        let is_long = |reading: Option<&(Duration, f64)>| {
            reading.is_some_and(|(from, _)| at.saturating_sub(*from) >= span)
        };
        while is_long(self.window.get(1)) {
            self.window.pop_front();
        }
        is_long(self.window.front())
    }

    /// The greatest reading of the bucket that the percentile lies in: exact while buckets hold equal ones.
    fn percentile(&self, share: f64) -> f64 {
        let rank = ((share * self.readings as f64).ceil() as u64).max(1);
        let mut below = 0;
        let at = self.buckets.values().find(|(count, _)| {
            below += count;
            below >= rank
        });
        at.map_or(f64::NAN, |(_, greatest)| *greatest)
    }
}

/// Bits of a value whose order is the value's.
fn ordered(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    if bits < 0 { i64::MIN ^ !bits } else { bits }
}

/// A line through readings, by least squares.
#[derive(Clone, Debug, Default)]
struct Line {
    count: f64,
    first_s: f64,
    last_s: f64,
    mean_s: f64,
    mean: f64,
    /// Sums of squares and products about the means.
    squares: f64,
    products: f64,
}

impl Line {
    fn add(&mut self, at_s: f64, value: f64) {
        if self.count == 0.0 {
            self.first_s = at_s;
        }
        self.last_s = at_s;
        self.count += 1.0;
        let off_s = at_s - self.mean_s;
        self.mean_s += off_s / self.count;
        self.mean += (value - self.mean) / self.count;
        self.squares += off_s * (at_s - self.mean_s);
        self.products += off_s * (value - self.mean);
    }

    fn slope_a_minute(&self) -> Option<f64> {
        let is_long = self.last_s - self.first_s >= SLOPE_SPAN_MIN.as_secs_f64();
        (is_long && self.squares > 0.0).then(|| self.products / self.squares * MINUTE.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Limits;

    fn judging(judge: &str, is_least: bool) -> Judging {
        Judging::new(&Item {
            name: "x".into(),
            expression: "x".into(),
            unit: String::new(),
            judge: Judge::parse(judge).expect("a judge"),
            limits: Limits { is_least, ..Limits::default() },
            every: Duration::from_secs(5),
        })
    }

    /// What comes of readings every 5 s.
    fn figure(judge: &str, values: &[f64]) -> Result<f64, Unseen> {
        let mut judging = judging(judge, false);
        for (k, value) in values.iter().enumerate() {
            judging.add(Duration::from_secs(5 * k as u64), *value, true);
        }
        judging.figure()
    }

    #[test]
    fn the_last_and_the_worst() {
        assert_eq!(figure("end", &[1.0, 9.0, 2.0]), Ok(2.0));
        assert_eq!(figure("worst", &[1.0, 9.0, 2.0]), Ok(9.0));
        let mut least = judging("worst", true);
        [3.0, 1.0, 2.0].into_iter().for_each(|value| least.add(Duration::ZERO, value, false));
        assert_eq!(least.figure(), Ok(1.0));
        assert!(figure("end", &[]).expect_err("nothing").is_early);
    }

    #[test]
    fn the_worst_minute_is_a_mean() {
        // A minute is 13 readings, of which 12 are high here.
        let values = [vec![0.0; 20], vec![130.0; 12], vec![0.0; 20]].concat();
        assert_eq!(figure("worst-minute", &values), Ok(120.0));
        assert_eq!(figure("worst-minute", &[2.0, 4.0]), Ok(3.0));
    }

    #[test]
    fn what_is_sustained_was_exceeded_all_the_time() {
        let burst = |readings: usize| [vec![0.0; 10], vec![5.0; readings], vec![0.0; 10]].concat();
        // 7 readings are 30 s apart, the first from the last.
        assert_eq!(figure("sustained 30s", &burst(7)), Ok(5.0));
        assert_eq!(figure("sustained 30s", &burst(6)), Ok(0.0));
        let error = figure("sustained 30s", &[5.0; 6]).expect_err("25 s");
        assert!(!error.is_early && error.why.contains("over 30 s"), "{error:?}");
    }

    #[test]
    fn a_gap_ends_a_window() {
        let mut judging = judging("sustained 30s", false);
        let high = |judging: &mut Judging, from: u64, to: u64| {
            (from..=to).step_by(5).for_each(|at| judging.add(Duration::from_secs(at), 5.0, true));
        };
        high(&mut judging, 0, 25);
        high(&mut judging, 45, 70);
        assert!(judging.figure().is_err());
        high(&mut judging, 75, 75);
        assert_eq!(judging.figure(), Ok(5.0));
    }

    #[test]
    fn the_percentile_is_of_all_readings() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(figure("p95", &values), Ok(95.0));
        assert_eq!(figure("p95", &[-2.0, -1.0, 0.0]), Ok(0.0));
        assert_eq!(figure("p95", &[7.25]), Ok(7.25));
    }

    #[test]
    fn buckets_are_in_the_order_of_values() {
        let values = [f64::NEG_INFINITY, -2.0, -1.5, -0.0, 0.0, 1e-9, 1.5, f64::INFINITY];
        assert!(values.map(ordered).is_sorted());
    }

    #[test]
    fn growth_goes_on_after_a_reset() {
        assert_eq!(figure("growth", &[10.0, 15.0, 15.0]), Ok(5.0));
        assert_eq!(figure("growth", &[10.0, 15.0, 2.0, 4.0]), Ok(9.0));
        assert!(figure("growth", &[10.0]).expect_err("one").is_early);
    }

    #[test]
    fn the_slope_is_of_the_hold() {
        let mut judging = judging("slope", false);
        for k in 0..40_u64 {
            let is_hold = k >= 20;
            let value = if is_hold { 1e9 + 100.0 * k as f64 } else { k as f64 * 1e7 };
            judging.add(Duration::from_secs(5 * k), value, is_hold);
        }
        let slope = judging.figure().expect("95 s");
        assert!((slope - 1_200.0).abs() < 1e-3, "{slope}");
        let error = figure("slope", &[1.0; 12]).expect_err("55 s");
        assert_eq!(error.fix, "hold for longer");
    }
}
