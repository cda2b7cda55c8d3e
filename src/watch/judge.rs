//! Which figure of an item's readings is held against its limits, as they come.
//!
//! Reads no clock. Invariant: memory is bounded, however long a run is: what a judge keeps is a few
//! sums, the readings of its window, or counts by bucket.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::item::{Item, Judge};
use super::source::Unseen;
use crate::lang::{Reason, Sentence};
use crate::numbers;

const MINUTE: Duration = Duration::from_secs(60);
/// A shorter slope is noise.
const SLOPE_SPAN_MIN: Duration = Duration::from_secs(60);
/// A slope over sessions needs this many readings, over this many sessions.
const RAMP_READINGS_MIN: f64 = 5.0;
const RAMP_SESSIONS_MIN: f64 = 50.0;
/// A window ends where readings are missing for longer than this many intervals.
const GAP_INTERVALS: u32 = 3;
/// Buckets of the percentile have these many leading bits of a value in common: they are 0.4 % wide.
const BUCKET_SHIFT: u32 = 52 - 8;

/// When an item was read.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Since the run began.
    pub at: Duration,
    /// All sessions have arrived.
    pub is_hold: bool,
    /// Sessions open then.
    pub open: f64,
}

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
    /// When a counter began to grow, and when it last did.
    grew: Option<(Duration, Duration)>,
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
            grew: None,
            buckets: BTreeMap::new(),
            line: Line::default(),
        }
    }

    /// Before the first reading of another part of the run; a counter goes on from where it was.
    pub fn afresh(&self, item: &Item) -> Self {
        let is_counter = self.judge == Judge::Growth;
        Self { last: self.last.filter(|_| is_counter), ..Self::new(item) }
    }

    /// Takes a reading.
    pub fn add(&mut self, moment: Moment, value: f64) {
        let Moment { at, is_hold, open } = moment;
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
                let grown = last.map_or(0.0, |(_, last)| if value < last { value } else { value - last });
                self.sum += grown;
                if grown > 0.0 {
                    let from = self.grew.map_or(last.map_or(at, |(last, _)| last), |(from, _)| from);
                    self.grew = Some((from, at));
                }
            }
            Judge::Slope if is_hold => self.line.add(at.as_secs_f64(), value),
            Judge::PerSession if !is_hold => self.line.add(open, value),
            Judge::Slope | Judge::PerSession => {}
        }
    }

    /// What is held against the limits.
    ///
    /// # Errors
    /// The readings do not suffice.
    pub fn figure(&self) -> Result<f64, Unseen> {
        let Some((_, last)) = self.last else { return Err(Unseen::early(Reason::NoReading)) };
        match self.judge {
            Judge::End => Ok(last),
            Judge::Worst => self.worst.ok_or_else(|| Unseen::early(Reason::NoReading)),
            Judge::WorstMinute => Ok(self.worst.unwrap_or(self.sum / self.readings as f64)),
            Judge::Sustained(span) => self.worst.ok_or_else(|| {
                Unseen::new(Reason::GapsOver.with(numbers::span(span)), Reason::HoldOrSustain)
            }),
            Judge::P95 => Ok(self.percentile(0.95)),
            Judge::Growth if self.readings > 1 => Ok(self.sum),
            Judge::Growth => Err(Unseen::early(Reason::GrowthTakesTwo)),
            Judge::Slope => {
                let slope = self.line.slope(2.0, SLOPE_SPAN_MIN.as_secs_f64());
                slope.map(|a_second| a_second * MINUTE.as_secs_f64()).ok_or_else(|| {
                    let span = numbers::span(SLOPE_SPAN_MIN);
                    Unseen::new(Reason::SlopeTakes.with(span), Reason::HoldForLonger)
                })
            }
            Judge::PerSession => self.line.slope(RAMP_READINGS_MIN, RAMP_SESSIONS_MIN).ok_or_else(|| {
                let readings =
                    [RAMP_READINGS_MIN, RAMP_SESSIONS_MIN, self.line.count].map(|it| it.to_string());
                let why = readings.into_iter().fold(Reason::SlopeOverSessions.into(), Sentence::with);
                let why = why.with(format!("{:.0}", self.line.span()));
                Unseen::new(why, Reason::MoreSessions)
            }),
        }
    }

    /// How long a counter grew, from the first time to the last.
    pub fn grew_for(&self) -> Option<Duration> {
        self.grew.map(|(from, to)| to.saturating_sub(from))
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
    least: f64,
    greatest: f64,
    mean_x: f64,
    mean: f64,
    /// Sums of squares and products about the means.
    squares: f64,
    products: f64,
}

impl Line {
    fn add(&mut self, x: f64, value: f64) {
        if self.count == 0.0 {
            (self.least, self.greatest) = (x, x);
        }
        (self.least, self.greatest) = (self.least.min(x), self.greatest.max(x));
        self.count += 1.0;
        let off = x - self.mean_x;
        self.mean_x += off / self.count;
        self.mean += (value - self.mean) / self.count;
        self.squares += off * (x - self.mean_x);
        self.products += off * (value - self.mean);
    }

    fn span(&self) -> f64 {
        self.greatest - self.least
    }

    /// How much the value grows with `x`; `None` of too few readings, or of those too close together.
    fn slope(&self, readings_min: f64, span_min: f64) -> Option<f64> {
        let is_enough = self.count >= readings_min && self.span() >= span_min && self.squares > 0.0;
        is_enough.then(|| self.products / self.squares)
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
            requests: None,
        })
    }

    fn moment(at_s: u64, is_hold: bool) -> Moment {
        Moment { at: Duration::from_secs(at_s), is_hold, open: 0.0 }
    }

    /// What comes of readings every 5 s.
    fn figure(judge: &str, values: &[f64]) -> Result<f64, Unseen> {
        let mut judging = judging(judge, false);
        for (k, value) in values.iter().enumerate() {
            judging.add(moment(5 * k as u64, true), *value);
        }
        judging.figure()
    }

    #[test]
    fn the_last_and_the_worst() {
        assert_eq!(figure("end", &[1.0, 9.0, 2.0]), Ok(2.0));
        assert_eq!(figure("worst", &[1.0, 9.0, 2.0]), Ok(9.0));
        let mut least = judging("worst", true);
        [3.0, 1.0, 2.0].into_iter().for_each(|value| least.add(moment(0, false), value));
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
        assert!(!error.is_early && error.why.to_string().contains("over 30 s"), "{error:?}");
    }

    #[test]
    fn a_gap_ends_a_window() {
        let mut judging = judging("sustained 30s", false);
        let high = |judging: &mut Judging, from: u64, to: u64| {
            (from..=to).step_by(5).for_each(|at| judging.add(moment(at, true), 5.0));
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
            judging.add(moment(5 * k, is_hold), value);
        }
        let slope = judging.figure().expect("95 s");
        assert!((slope - 1_200.0).abs() < 1e-3, "{slope}");
        let error = figure("slope", &[1.0; 12]).expect_err("55 s");
        assert_eq!(error.fix, Reason::HoldForLonger.into());
    }

    #[test]
    fn what_a_session_takes_is_the_slope_over_the_ramp() {
        let mut judging = judging("per-session", false);
        for second in (0..300_u32).step_by(5) {
            let open = f64::from(second.min(150) * 20);
            // It wavers, and in the hold it goes on growing, which is not the sessions' doing.
            let wavering = if second % 10 == 0 { 3e5 } else { -3e5 };
            let leak = f64::from(second.saturating_sub(150)) * 1e6;
            let at = Duration::from_secs(second.into());
            judging.add(Moment { at, is_hold: second >= 150, open }, 3e8 + 1_500.0 * open + wavering + leak);
        }
        let each = judging.figure().expect("30 readings over 2,900 sessions");
        assert!((each - 1_500.0).abs() < 50.0, "{each}");
    }

    #[test]
    fn few_readings_or_sessions_have_no_slope() {
        for (readings, sessions, why) in
            [(4_u32, 1_000.0, "there were 4 over 750"), (10, 40.0, "there were 10 over 36"), (0, 0.0, "")]
        {
            let mut judging = judging("per-session", false);
            for k in 0..readings {
                let open = sessions * f64::from(k) / f64::from(readings);
                let at = Duration::from_secs(5 * u64::from(k));
                judging.add(Moment { at, is_hold: false, open }, open * 1e3);
            }
            let unseen = judging.figure().expect_err("too few");
            assert!(unseen.why.to_string().contains(why) && unseen.is_early == (readings == 0), "{unseen:?}");
        }
    }
}
