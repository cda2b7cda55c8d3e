//! Checks how far the servers' clock is from this machine's, by the `Date` header of an answer.
//!
//! A `Date` is cut to the second, which is enough for a limit of two. Knows no clock; instants come
//! in. Invariant: a difference is warned of only if it is over the limit wherever within the second
//! and the round trip the server wrote its `Date`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use startline_os::units::duration_text;

use crate::checks::{Check, Figure, Fix, Verdict};

/// Beyond this, times of results and of servers' logs are hard to compare.
const LIMIT: SignedDuration = SignedDuration::from_secs(2);
/// An answer that takes longer than this leaves the difference open.
const TRIP_MAX: SignedDuration = SignedDuration::from_secs(2);
/// Time zones differ by whole multiples of this, except for a few at quarters of an hour.
const ZONE_STEP_S: i64 = 1800;
/// A clock that was set to a wrong zone is this close to such a multiple.
const ZONE_SLACK_S: i64 = 60;
/// The two most distant zones are 26 hours apart.
const ZONE_STEPS_MAX: i64 = 52;

const ID: &str = "clock";
const TITLE: &str = "servers' clock";
const NEED: &str = "within 2 s of this machine's";

/// An answer with a `Date`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When the request was sent, by this machine's clock.
    pub sent: Timestamp,
    /// When the answer arrived, by this machine's clock.
    pub received: Timestamp,
    /// Its `Date`.
    pub date: Timestamp,
}

impl Sample {
    fn trip(&self) -> SignedDuration {
        self.received.duration_since(self.sent)
    }

    /// The server's clock less this machine's, and how far that may be off in both directions.
    fn offset(&self) -> (SignedDuration, SignedDuration) {
        let half_a_second = SignedDuration::from_millis(500);
        let half_a_trip = self.trip() / 2;
        (self.date.duration_since(self.sent) + half_a_second - half_a_trip, half_a_second + half_a_trip)
    }
}

/// Judges the fastest of these answers.
pub fn check(samples: &[Sample]) -> Check {
    let need = Figure::words(NEED);
    let Some(sample) = samples.iter().min_by_key(|sample| sample.trip()) else {
        return Check::unknown(ID, TITLE, need, "no answer has a Date header that can be read");
    };
    let (offset, error) = sample.offset();
    let side = if offset < SignedDuration::ZERO { "behind" } else { "ahead" };
    let text = format!("{} {side}, ± {:.1} s", text(offset), error.as_secs_f64());
    let check = Check::ok(ID, TITLE, Figure::new(rounded(offset), "seconds", text), need);
    if offset.abs() > LIMIT + error {
        let (why, fix) = match is_zone_like(offset) {
            true => (
                "the servers' clock differs by a whole number of half hours, as if it were set to local time instead of UTC; startAt \
                 is judged by that clock, so check --time-zone too",
                "on the server, shows its time, its zone and whether it is synchronised",
            ),
            false => (
                "startAt is judged by the servers' clock, and times in the results are this machine's: they do not match those in \
                 the servers' logs",
                SYNCHRONISED,
            ),
        };
        return check.but(Verdict::Warn, why, vec![Fix::command(fix, "timedatectl")]);
    }
    if sample.trip() > TRIP_MAX {
        let why = format!("the fastest answer took {:.1} s, too long to tell", sample.trip().as_secs_f64());
        return check.but(Verdict::Unknown, why, vec![Fix::command(SYNCHRONISED, "timedatectl")]);
    }
    check
}

const SYNCHRONISED: &str = "on either machine, shows whether its clock is synchronised";

/// The check, if it was not made.
pub fn skipped(cause: &str) -> Check {
    Check::skipped(ID, TITLE, Figure::words(NEED), cause)
}

fn rounded(offset: SignedDuration) -> u64 {
    offset.abs().as_secs_f64().round() as u64
}

/// `0.3 s`, `9h`.
fn text(offset: SignedDuration) -> String {
    match rounded(offset) {
        ..60 => format!("{:.1} s", offset.abs().as_secs_f64()),
        seconds => duration_text(Duration::from_secs(seconds)),
    }
}

/// Whether two time zones may differ by as much.
fn is_zone_like(offset: SignedDuration) -> bool {
    let seconds = offset.as_secs().abs();
    let steps = (seconds + ZONE_STEP_S / 2) / ZONE_STEP_S;
    (1..=ZONE_STEPS_MAX).contains(&steps) && (seconds - steps * ZONE_STEP_S).abs() <= ZONE_SLACK_S
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: i64) -> SignedDuration {
        SignedDuration::from_millis(ms)
    }

    /// The answer of a server whose clock is ahead, sent at this millisecond of a second, after
    /// such a round trip.
    fn sample(ahead_ms: i64, sent_ms: i64, trip_ms: i64) -> Sample {
        let sent = Timestamp::from_millisecond(1_700_000_000_000 + sent_ms).expect("a time");
        let there = sent + ms(trip_ms) / 2 + ms(ahead_ms);
        let date = Timestamp::from_second(there.as_millisecond().div_euclid(1000)).expect("a time");
        Sample { sent, received: sent + ms(trip_ms), date }
    }

    #[test]
    fn the_offset_is_within_its_error_wherever_in_a_second_it_is_asked_for() {
        for ahead in [0, 37, -412, 999, 1_500, -2_750, 32_400_000, -90_061_001] {
            for trip in [1, 80, 400] {
                for sent in (0..1000).step_by(50) {
                    let (offset, error) = sample(ahead, sent, trip).offset();
                    assert!(
                        (offset - ms(ahead)).abs() <= error,
                        "{ahead} {trip} {sent}: {offset:?} ± {error:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_clock_close_to_ours_is_ok() {
        for sent in (0..1000).step_by(50) {
            let check = check(&[sample(-120, sent, 4)]);
            assert_eq!(check.verdict, Verdict::Ok, "{check:?}");
            assert!(check.reading.text.ends_with(", ± 0.5 s"), "{}", check.reading.text);
        }
    }

    #[test]
    fn more_than_two_seconds_are_warned_of() {
        for sent in (0..1000).step_by(50) {
            let check = check(&[sample(5_300, sent, 4)]);
            assert_eq!(check.verdict, Verdict::Warn);
            assert_eq!(check.reading.unit, "seconds");
            assert!(check.why.expect("a reason").starts_with("startAt is judged"));
        }
    }

    #[test]
    fn the_fastest_answer_counts() {
        let check = check(&[sample(-120, 0, 20_000), sample(-120, 300, 4)]);
        assert_eq!(check.verdict, Verdict::Ok);
    }

    #[test]
    fn slow_answers_say_nothing() {
        let slow = check(&[sample(0, 0, 4_500)]);
        assert_eq!(slow.verdict, Verdict::Unknown, "{slow:?}");
        assert_eq!(slow.why.as_deref(), Some("the fastest answer took 4.5 s, too long to tell"));
        // Farther off than they are slow.
        assert_eq!(check(&[sample(9_000, 0, 4_500)]).verdict, Verdict::Warn);
        assert_eq!(check(&[]).verdict, Verdict::Unknown);
    }

    #[test]
    fn the_difference_of_two_zones_is_recognised() {
        for (ahead, is_zone) in [(32_400_000, true), (-19_800_000, true), (1_000_000, false)] {
            let check = check(&[sample(ahead, 0, 4)]);
            assert_eq!(check.verdict, Verdict::Warn);
            assert_eq!(check.why.expect("a reason").contains("--time-zone"), is_zone, "{ahead}");
        }
        assert!(check(&[sample(32_400_000, 0, 4)]).reading.text.starts_with("9h ahead"));
    }
}
