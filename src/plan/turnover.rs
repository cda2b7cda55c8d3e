//! How many sessions of a plan begin, end and are there at once, in any span of it.
//!
//! Counted by going through the planned lives, so that it is what will be played. Invariant: no figure
//! is below what the plan can come to; each may be above it by what happens within a bucket.

use std::time::Duration;

use super::capacity::closed_within;
use super::shape::Shape;

/// The length of a bucket, …
const BUCKET: Duration = Duration::from_millis(100);
/// … unless the plan has more than this many.
const BUCKETS_MAX: u128 = 200_000;

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turnover {
    bucket: Duration,
    /// Lives that begin in each bucket.
    begun: Vec<u32>,
    /// Lives that end in each, those aside that last until the run's end.
    ended: Vec<u32>,
}

/// How sessions come and go: evenly over a ramp, or by a turnover.
#[derive(Clone, Copy, Debug)]
pub struct Comings<'t> {
    /// Sessions open at once, at most.
    pub sessions: u32,
    /// From the first arrival to the last, where there is no turnover.
    pub ramp: Duration,
    /// What the stages or a lifetime make of it.
    pub turnover: Option<&'t Turnover>,
}

impl Comings<'_> {
    /// The most sessions that begin within a span.
    pub fn begun_within(self, span: Duration) -> u64 {
        match self.turnover {
            Some(turnover) => turnover.begun_within(span),
            None => closed_within(self.sessions, self.ramp, span),
        }
    }

    /// The most sessions beyond those open at once, if each is counted for this long after its end.
    pub fn lingering(self, after_end: Duration) -> u64 {
        self.turnover.map_or(0, |it| it.at_once(after_end).saturating_sub(self.sessions.into()))
    }
}

impl Turnover {
    /// That of a shape.
    pub fn of(shape: &Shape) -> Self {
        let span = shape.span();
        let nanos = span.as_nanos().div_ceil(BUCKETS_MAX).max(BUCKET.as_nanos());
        let bucket = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let at = |instant: Duration| (instant.min(span).as_nanos() / nanos) as usize;
        let mut turnover = Self { bucket, begun: vec![0; at(span) + 1], ended: vec![0; at(span) + 1] };
        for life in (0..shape.slots()).flat_map(|slot| shape.of(slot)) {
            turnover.begun[at(life.start)] += 1;
            if let Some(end) = life.end.filter(|end| *end <= span) {
                turnover.ended[at(end)] += 1;
            }
        }
        turnover
    }

    /// Of several shapes that are played at once; they share the longest's buckets.
    pub fn sum<'t>(all: impl Iterator<Item = &'t Self> + Clone) -> Option<Self> {
        let bucket = all.clone().map(|one| one.bucket).max()?;
        let mut sum = Self { bucket, begun: Vec::new(), ended: Vec::new() };
        for one in all {
            let place = |index: usize| (one.bucket.as_nanos() * index as u128 / bucket.as_nanos()) as usize;
            for (to, from) in [(&mut sum.begun, &one.begun), (&mut sum.ended, &one.ended)] {
                to.resize(to.len().max(place(from.len().saturating_sub(1)) + 1), 0);
                from.iter().enumerate().for_each(|(index, count)| to[place(index)] += count);
            }
        }
        sum.ended.resize(sum.begun.len().max(sum.ended.len()), 0);
        sum.begun.resize(sum.ended.len(), 0);
        Some(sum)
    }

    /// The most sessions that begin within a span.
    pub fn begun_within(&self, span: Duration) -> u64 {
        self.most_within(&self.begun, span)
    }

    /// The most sessions that end by plan within a span.
    pub fn ended_within(&self, span: Duration) -> u64 {
        self.most_within(&self.ended, span)
    }

    /// The most sessions at once, if each is counted for this long after its end.
    pub fn at_once(&self, after_end: Duration) -> u64 {
        let gone = self.ended.iter().map(|count| u64::from(*count));
        let gone = std::iter::repeat_n(0, self.buckets(after_end)).chain(gone);
        let mut there = 0_u64;
        let counts = self.begun.iter().zip(gone).map(|(begun, gone)| {
            there += u64::from(*begun);
            let most = there;
            there -= gone;
            most
        });
        counts.max().unwrap_or(0)
    }

    /// Sessions open at this instant, at most, and those that began in the span before it.
    pub fn until(&self, at: Duration, span: Duration) -> (u64, u64) {
        let end = self.buckets(at).min(self.begun.len());
        let from = end.saturating_sub(self.buckets(span));
        let sum = |counts: &[u32]| counts.iter().map(|count| u64::from(*count)).sum::<u64>();
        // Who ends in the last bucket may be there before another begins.
        let gone = sum(&self.ended[..end.saturating_sub(1)]);
        (sum(&self.begun[..end]) - gone, sum(&self.begun[from..end]))
    }

    /// Buckets that a span touches, wherever it begins.
    fn buckets(&self, span: Duration) -> usize {
        usize::try_from(span.as_nanos().div_ceil(self.bucket.as_nanos())).unwrap_or(usize::MAX - 1) + 1
    }

    fn most_within(&self, counts: &[u32], span: Duration) -> u64 {
        let width = self.buckets(span).min(counts.len());
        let mut sum: u64 = counts[..width].iter().map(|count| u64::from(*count)).sum();
        let mut most = sum;
        for (leaves, comes) in counts.iter().zip(&counts[width..]) {
            sum = sum + u64::from(*comes) - u64::from(*leaves);
            most = most.max(sum);
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::shape::Stage;
    use crate::scenario::every::Interval;

    const SECOND: Duration = Duration::from_secs(1);

    fn stage(seconds: u32, level: u32) -> Stage {
        Stage { name: String::new(), span: SECOND * seconds, level }
    }

    /// 1,000 that stay for 2 s: 500 begin and end a second.
    fn churn(seconds: u32) -> Shape {
        let stages = vec![stage(2, 1_000), stage(seconds, 1_000)];
        Shape::new(stages, 100_000, 1).living(Interval::Fixed(2 * SECOND))
    }

    #[test]
    fn who_comes_and_goes_is_counted_in_any_span() {
        let turnover = Turnover::of(&churn(18));
        assert!((500..=560).contains(&turnover.begun_within(SECOND)), "{}", turnover.begun_within(SECOND));
        assert!((5_000..=5_060).contains(&turnover.ended_within(10 * SECOND)));
        assert_eq!(turnover.begun_within(60 * SECOND), churn(18).lives());
        assert!((1_000..=1_101).contains(&turnover.at_once(Duration::ZERO)));
        // Each of them for as long again.
        assert!((2_000..=2_101).contains(&turnover.at_once(2 * SECOND)), "{}", turnover.at_once(2 * SECOND));
    }

    #[test]
    fn a_shape_that_only_rises_has_nobody_leave() {
        let turnover = Turnover::of(&Shape::new(vec![stage(10, 100), stage(60, 100)], 100, 1));
        assert_eq!((turnover.at_once(60 * SECOND), turnover.ended_within(60 * SECOND)), (100, 0));
        assert!((10..=12).contains(&turnover.begun_within(SECOND)));
        assert_eq!(turnover.until(5 * SECOND, 2 * SECOND).0, 51);
    }

    /// Against counting by hand, of shapes that are made up.
    #[test]
    fn no_figure_is_below_what_happens_nor_far_above() {
        let mut random = fastrand::Rng::with_seed(181);
        for _ in 0..60 {
            let stages = (0..random.usize(1..5)).map(|_| stage(random.u32(1..12), random.u32(0..40)));
            let shape = Shape::new(stages.collect(), 1_000, random.u64(..))
                .living(Interval::Exponential(Duration::from_millis(random.u64(300..4_000))));
            let lives: Vec<_> = (0..shape.slots()).flat_map(|slot| shape.of(slot)).collect();
            let turnover = Turnover::of(&shape);
            let span = Duration::from_millis(random.u64(100..9_000));
            let by_hand = |of: &dyn Fn(&crate::plan::shape::Life, Duration, Duration) -> bool, span| {
                let at = |k: u64| Duration::from_millis(50 * k);
                let count = |k| lives.iter().filter(|life| of(life, at(k), at(k) + span)).count() as u64;
                (0..shape.span().as_millis() as u64 / 50 + 1).map(count).max().unwrap_or(0)
            };
            let begun = by_hand(&|life, from, to| from <= life.start && life.start < to, span);
            let wide = by_hand(&|life, from, to| from <= life.start && life.start < to, span + 2 * BUCKET);
            assert!((begun..=wide).contains(&turnover.begun_within(span)), "{begun} {wide}");
            let rests = |life: &crate::plan::shape::Life, from: Duration, to: Duration| {
                life.start <= to && life.end.is_none_or(|end| end + span > from)
            };
            let there = by_hand(&rests, Duration::ZERO);
            let wide = by_hand(&rests, 3 * BUCKET);
            assert!((there..=wide).contains(&turnover.at_once(span)), "{there} {wide}");
        }
    }

    #[test]
    fn parts_of_a_mix_add_up() {
        let (one, other) = (Turnover::of(&churn(18)), Turnover::of(&churn(40)));
        let sum = Turnover::sum([&one, &other].into_iter()).expect("two");
        assert!(sum.at_once(Duration::ZERO) >= 2_000);
        assert_eq!(sum.begun_within(100 * SECOND), churn(18).lives() + churn(40).lives());
        assert_eq!(Turnover::sum(std::iter::empty()), None);
    }

    /// Ten days of it are counted in a bounded number of buckets.
    #[test]
    fn a_long_run_has_wider_buckets() {
        let day = Duration::from_secs(86_400);
        let stages = vec![Stage { span: 10 * day, ..stage(0, 10) }];
        let turnover = Turnover::of(&Shape::new(stages, 100, 1).living(Interval::Fixed(day / 24)));
        assert!(turnover.begun.len() as u128 <= BUCKETS_MAX + 1);
        assert!(turnover.at_once(Duration::ZERO) <= 20);
    }
}
