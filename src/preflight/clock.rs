//! How far the servers' clock is from ours, by `Date` headers.
//!
//! A `Date` is cut to the second, so one answer bounds the offset to a second and its round trip. The next request is sent so
//! that it arrives about when, at the middle of the bounds, the server's second changes: whichever second it says halves
//! them. Knows no clock; instants come in. Invariant: while answers agree, the true offset is inside the bounds.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Check, Figure, Remedy, Verdict};

/// Beyond this, times of results and of servers' logs are hard to lay beside each other.
const LIMIT: SignedDuration = SignedDuration::from_secs(2);
/// Answers asked for at most.
const SAMPLES_MAX: usize = 6;
/// Bounds that are this close are close enough.
const CLOSE: SignedDuration = SignedDuration::from_millis(60);
/// Zones are whole multiples of this apart, but for a few at quarters.
const ZONE_STEP_S: i64 = 1800;
/// A clock that was set to a wrong zone is this close to such a multiple.
const ZONE_SLACK_S: i64 = 60;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

const ID: &str = "clock";
const TITLE: &str = "servers' clock";
const NEED: &str = "within 2 s of this box's";

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it was asked for, by our clock.
    pub sent: Timestamp,
    /// When it was there, by our clock.
    pub received: Timestamp,
    /// Its `Date`.
    pub date: Timestamp,
}

/// The server's clock less ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    low: SignedDuration,
    high: SignedDuration,
    agrees: bool,
}

impl Offset {
    /// What these answers say; `None` if there are none. Where they contradict each other (several servers, or one that
    /// keeps its `Date` for a while), the bounds span what they disagree about.
    pub fn of(samples: &[Sample]) -> Option<Self> {
        let low = samples.iter().map(|one| one.date.duration_since(one.received)).max()?;
        let high = samples.iter().map(|one| one.date.duration_since(one.sent) + SECOND).min()?;
        Some(match low <= high {
            true => Self { low, high, agrees: true },
            false => Self { low: high, high: low, agrees: false },
        })
    }

    /// The middle of the bounds.
    pub fn middle(self) -> SignedDuration {
        self.low + self.error()
    }

    /// Half of their distance.
    pub fn error(self) -> SignedDuration {
        (self.high - self.low) / 2
    }

    /// Whether it is within the limit, wherever between the bounds it is; `None` where that depends on it.
    fn is_within(self) -> Option<bool> {
        match (self.low, self.high) {
            (low, high) if -LIMIT <= low && high <= LIMIT => Some(true),
            (low, high) if high < -LIMIT || LIMIT < low => Some(false),
            _ => None,
        }
    }
}

/// When, from `now` on, to ask again; `None` once it is close enough or there is no more to learn.
pub fn next_ask(samples: &[Sample], now: Timestamp) -> Option<Timestamp> {
    let offset = Offset::of(samples).filter(|offset| offset.agrees)?;
    let trip = fastest(samples)?;
    // The first answer says nothing of the others' time: its connection was set up for it.
    let is_close = samples.len() > 1 && offset.high - offset.low <= CLOSE.max(trip * 2);
    if samples.len() >= SAMPLES_MAX || is_close {
        return None;
    }
    // By the server's clock, if the middle were right, the request arrives half a round trip after it is sent.
    let ahead = offset.middle() + trip / 2;
    let arrival = now.checked_add(ahead).ok()?;
    let rest =
        SECOND - SignedDuration::from_nanos(i64::from(arrival.subsec_nanosecond()).rem_euclid(1_000_000_000));
    now.checked_add(rest).ok()
}

/// Judges what the answers say.
pub fn check(samples: &[Sample]) -> Check {
    let need = Figure::words(NEED);
    let Some(offset) = Offset::of(samples) else {
        return Check::unknown(ID, TITLE, need, "its answers have no Date header that can be read");
    };
    let middle = offset.middle();
    let reading = format!("{}, {}", direction(middle), precision(offset, samples.len()));
    let size_ms = u64::try_from(middle.unsigned_abs().as_millis()).unwrap_or(u64::MAX);
    let check = Check::ok(ID, TITLE, Figure::new(size_ms, "milliseconds", reading), need);
    match offset.is_within() {
        Some(true) => return check,
        Some(false) => {}
        None => return check.but(Verdict::Unknown, undecided(offset, samples), vec![synchronised()]),
    }
    if let Some(zone) = zone_like(middle) {
        return check.but(
            Verdict::Warn,
            format!(
                "{zone} is the difference of two time zones: the server's clock seems to be set to its local time as if \
                 that were UTC, and startAt is judged by that clock; is --time-zone right for it?"
            ),
            vec![Remedy::command("on the server, shows its time, its zone and whether it is synchronised", "timedatectl")],
        );
    }
    check.but(
        Verdict::Warn,
        "startAt is judged by the server's clock, and times in the results are by this box's: they will not lie beside \
         those of the servers' logs",
        vec![synchronised()],
    )
}

/// Why nobody knows whether it is within the limit.
fn undecided(offset: Offset, samples: &[Sample]) -> String {
    let (low, high) = (direction(offset.low), direction(offset.high));
    let between = format!("it is somewhere between {low} and {high}, so more than 2 s or less");
    let trip = fastest(samples).unwrap_or_default();
    if !offset.agrees {
        return format!(
            "{between}: its Dates disagree, as those of several servers behind one address do, or of one that keeps its Date \
             for a while"
        );
    }
    if trip <= CLOSE {
        return between;
    }
    format!("{between}: the fastest answer took {}, and says no more than that", amount(trip.unsigned_abs()))
}

fn synchronised() -> Remedy {
    Remedy::command("on either box, shows whether its clock is synchronised", "timedatectl")
}

/// The shortest time from a request to its answer.
fn fastest(samples: &[Sample]) -> Option<SignedDuration> {
    samples.iter().map(|one| one.received.duration_since(one.sent)).min()
}

/// What is not asked since something else failed.
pub fn unknown(why: &str) -> Check {
    Check::unknown(ID, TITLE, Figure::words(NEED), why)
}

fn direction(offset: SignedDuration) -> String {
    let side = if offset < SignedDuration::ZERO { "behind" } else { "ahead" };
    format!("{} {side}", amount(offset.unsigned_abs()))
}

fn precision(offset: Offset, answers: usize) -> String {
    let error = amount(offset.error().unsigned_abs());
    match (answers, offset.agrees) {
        (_, false) => format!("± {error}: its Dates disagree"),
        (1, true) => format!("± {error} (one Date, to the second)"),
        (count, true) => format!("± {error} ({count} Dates, each to the second)"),
    }
}

/// `0.03 s`, `75 s`, `9 h 0 min`.
fn amount(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    match seconds {
        ..9.995 => format!("{seconds:.2} s"),
        ..600.0 => format!("{seconds:.0} s"),
        _ => {
            let minutes = (seconds / 60.0).round() as u64;
            format!("{} h {} min", minutes / 60, minutes % 60)
        }
    }
}

/// The difference of two zones, if it is one.
fn zone_like(offset: SignedDuration) -> Option<String> {
    let seconds = offset.as_secs().abs();
    let steps = (seconds + ZONE_STEP_S / 2) / ZONE_STEP_S;
    let off = (seconds - steps * ZONE_STEP_S).abs();
    // The widest two zones are 26 hours apart.
    ((1..=52).contains(&steps) && off <= ZONE_SLACK_S)
        .then(|| amount(Duration::from_secs((steps * ZONE_STEP_S).unsigned_abs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server whose clock is ahead by this, a round trip away.
    struct Server {
        ahead: SignedDuration,
        trip: SignedDuration,
    }

    impl Server {
        fn ask(&self, sent: Timestamp) -> Sample {
            let there = sent + self.trip / 2 + self.ahead;
            let date = Timestamp::from_second(there.as_millisecond().div_euclid(1000)).expect("a time");
            Sample { sent, received: sent + self.trip, date }
        }

        fn asked(&self) -> Vec<Sample> {
            self.asked_after(SignedDuration::ZERO)
        }

        /// Its first answer comes so much later, after which the others are there.
        fn asked_after(&self, set_up: SignedDuration) -> Vec<Sample> {
            let first = self.ask(at_ms(1_700_000_000_123) + set_up);
            let mut samples = vec![Sample { sent: first.sent - set_up, ..first }];
            while let Some(next) = next_ask(&samples, samples[samples.len() - 1].received) {
                let waited = next.duration_since(samples[samples.len() - 1].received);
                assert!(waited > SignedDuration::ZERO && waited <= SECOND, "{waited:?}");
                samples.push(self.ask(next));
            }
            samples
        }
    }

    fn at_ms(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).expect("a time")
    }

    fn ms(ms: i64) -> SignedDuration {
        SignedDuration::from_millis(ms)
    }

    #[test]
    fn asking_at_the_edge_of_seconds_bounds_the_offset() {
        for ahead in [0, 37, -412, 999, 1_500, -2_750, 32_400_000, -90_061_001] {
            for trip in [1, 12, 80, 400] {
                let samples = Server { ahead: ms(ahead), trip: ms(trip) }.asked();
                let offset = Offset::of(&samples).expect("answers");
                let (low, high) = (offset.low, offset.high);
                assert!(offset.agrees && low <= ms(ahead) && ms(ahead) <= high, "{ahead} {trip}: {offset:?}");
                assert!(
                    high - low <= ms(100).max(ms(trip) * 3),
                    "{ahead} {trip}: {offset:?} of {}",
                    samples.len()
                );
                assert!(samples.len() <= SAMPLES_MAX);
            }
        }
    }

    #[test]
    fn a_clock_beside_ours_is_well() {
        let samples = Server { ahead: ms(-120), trip: ms(4) }.asked();
        let check = check(&samples);
        assert_eq!(check.verdict, Verdict::Ok, "{check:?}");
        assert!(check.reading.text.contains("behind, ± 0.0"), "{}", check.reading.text);
        assert!(check.reading.text.ends_with("Dates, each to the second)"), "{}", check.reading.text);
    }

    #[test]
    fn more_than_two_seconds_are_warned_of() {
        let check = check(&Server { ahead: ms(5_300), trip: ms(4) }.asked());
        assert_eq!(check.verdict, Verdict::Warn);
        assert!(check.reading.text.starts_with("5.3"), "{}", check.reading.text);
        assert!(check.why.expect("a reason").starts_with("startAt is judged"));
    }

    #[test]
    fn a_slow_first_answer_is_asked_for_again() {
        for set_up in [1_200, 3_000, 20_000] {
            let samples = Server { ahead: ms(-120), trip: ms(4) }.asked_after(ms(set_up));
            let offset = Offset::of(&samples).expect("answers");
            assert!(samples.len() > 2 && offset.error() <= ms(60), "{set_up}: {offset:?}");
            assert_eq!(check(&samples).verdict, Verdict::Ok);
        }
    }

    #[test]
    fn bounds_on_both_sides_of_the_limit_say_nothing() {
        let slow = Server { ahead: ms(0), trip: ms(4_500) }.asked();
        assert_eq!(slow.len(), 2, "more would be as slow");
        let undecided = check(&slow);
        assert_eq!(undecided.verdict, Verdict::Unknown, "{undecided:?}");
        let why = undecided.why.expect("a reason");
        assert!(why.starts_with("it is somewhere between 2."), "{why}");
        assert!(why.ends_with("the fastest answer took 4.50 s, and says no more than that"), "{why}");
        // As far off as they are slow: no bound is within the limit.
        assert_eq!(check(&Server { ahead: ms(9_000), trip: ms(4_500) }.asked()).verdict, Verdict::Warn);
        let close = check(&Server { ahead: ms(-2_000), trip: ms(4) }.asked());
        assert_eq!(close.verdict, Verdict::Unknown);
        assert!(close.why.expect("a reason").ends_with("behind, so more than 2 s or less"));
    }

    #[test]
    fn a_zone_s_difference_is_recognised() {
        for (ahead, text) in
            [(32_400_000, Some("9 h 0 min")), (-19_800_000, Some("5 h 30 min")), (1_000_000, None)]
        {
            let check = check(&Server { ahead: ms(ahead), trip: ms(4) }.asked());
            assert_eq!(check.verdict, Verdict::Warn);
            let why = check.why.expect("a reason");
            assert_eq!(why.contains("--time-zone"), text.is_some(), "{why}");
            assert!(text.is_none_or(|text| why.starts_with(text)), "{why}");
        }
    }

    #[test]
    fn dates_that_contradict_each_other_are_said_to() {
        let sent = at_ms(1_700_000_000_500);
        let one = Sample { sent, received: sent + ms(2), date: at_ms(1_700_000_000_000) };
        let other = Sample { date: at_ms(1_700_000_004_000), ..one };
        let offset = Offset::of(&[one, other]).expect("answers");
        assert!(!offset.agrees);
        assert_eq!(next_ask(&[one, other], sent), None);
        let disagreed = check(&[one, other]);
        assert!(disagreed.reading.text.ends_with("its Dates disagree"));
        assert_eq!(disagreed.verdict, Verdict::Unknown);
        assert!(disagreed.why.expect("a reason").contains("several servers behind one address"));
        assert_eq!(check(&[]).verdict, Verdict::Unknown);
    }
}
