//! Is the time zone right that the server's local times are read in? Told by what cannot be.
//!
//! A challenge's times have no zone, and its status says roughly what time it is there: READY is the five minutes before its start,
//! and nothing was made in the future. Pure. Invariant: a zone is called wrong only when the look-up contradicts it.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Check, Figure, Remedy, Verdict};
use crate::plan::schedule::{Challenge, READY_BEFORE_START, Status};

/// Servers change a status on a schedule of their own, and clocks differ a little.
const GRACE: SignedDuration = SignedDuration::from_secs(90);
/// Zones are whole multiples of these apart; most of the first, a few of the last.
const STEPS_MINUTES: [i64; 3] = [60, 30, 15];
/// The widest two are this far apart.
const WIDEST_MINUTES: i64 = 26 * 60;

const ID: &str = "time-zone";
const TITLE: &str = "time zone";
const NEED: &str = "the servers'";

/// What there is to tell it by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clues<'c> {
    pub(super) challenge: &'c Challenge,
    pub(super) created_at: Option<DateTime>,
    /// The server's now, in the zone in question.
    pub(super) now: DateTime,
}

impl Clues<'_> {
    /// Whether it may be this local time there.
    fn fit(&self, now: DateTime) -> bool {
        let Challenge { status, start_at, end_at } = *self.challenge;
        let opens = start_at.saturating_sub(READY_BEFORE_START);
        let by_status = match status {
            Status::Recruiting => now < opens.saturating_add(GRACE),
            Status::Ready => opens.saturating_sub(GRACE) <= now && now < start_at.saturating_add(GRACE),
            Status::Running => start_at.saturating_sub(GRACE) <= now && now < end_at.saturating_add(GRACE),
            // It may be over early.
            Status::Done => true,
        };
        by_status && self.created_at.is_none_or(|made| made <= now.saturating_add(GRACE))
    }

    /// By how much the local time would have to be another; zero if it fits, `None` if no zone's does. Where several would, the
    /// likelier kind of zone, and of these the nearest.
    fn shift(&self) -> Option<SignedDuration> {
        let of = |step: i64| {
            let counts = (0..=WIDEST_MINUTES / step).flat_map(|count| [count, -count]);
            counts.map(move |count| SignedDuration::from_mins(count * step))
        };
        STEPS_MINUTES.into_iter().flat_map(of).find(|shift| self.fit(self.now.saturating_add(*shift)))
    }
}

/// Judges a zone.
pub(super) fn check(clues: &Clues<'_>, zone: &TimeZone, offset: SignedDuration) -> Check {
    let now = clues.now.strftime("%H:%M:%S");
    let name = zone.iana_name().map_or_else(String::new, |name| format!("{name}, "));
    let reading = Figure::words(format!("{name}{}: {now} there", offset_text(offset)));
    let check = Check::ok(ID, TITLE, reading, Figure::words(NEED));
    let Challenge { status, start_at, .. } = clues.challenge;
    let told = match clues.created_at.filter(|made| *made > clues.now.saturating_add(GRACE)) {
        Some(made) => format!(
            "the challenge was made at {}, which is still to come in this zone",
            made.strftime("%F %T")
        ),
        None => {
            format!("{} with startAt {} does not fit that time", status.key(), start_at.strftime("%F %T"))
        }
    };
    match clues.shift() {
        Some(shift) if shift.is_zero() => check,
        Some(shift) => {
            let other = offset_text(offset + shift);
            check.but(
                Verdict::Fail,
                format!("{told}: the servers' zone may be {other}"),
                vec![Remedy::advice(format!(
                    "--time-zone {other}, or the zone's name, for preflight and run alike"
                ))],
            )
        }
        None => check.but(
            Verdict::Fail,
            format!("{told}, in no time zone: the servers' clock or their schedule is off"),
            vec![Remedy::advice("see the item above it, and the log of the servers' scheduler")],
        ),
    }
}

/// What is not asked since something else failed.
pub(super) fn unknown(why: &str) -> Check {
    Check::unknown(ID, TITLE, Figure::words(NEED), why)
}

/// `+09:00`.
fn offset_text(offset: SignedDuration) -> String {
    let sign = if offset < SignedDuration::ZERO { '-' } else { '+' };
    let minutes = offset.as_secs().unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(status: &str) -> Challenge {
        Challenge::read(status, "2026-11-26T19:05:00", "2026-11-26T20:05:00").expect("it reads")
    }

    fn checked(status: &str, created_at: Option<&str>, now: &str) -> Check {
        let challenge = challenge(status);
        let created_at = created_at.map(|text| text.parse().expect("a time"));
        let clues = Clues { challenge: &challenge, created_at, now: now.parse().expect("a time") };
        check(&clues, &TimeZone::UTC, SignedDuration::ZERO)
    }

    #[test]
    fn what_fits_is_not_called_wrong() {
        for (status, now) in [
            ("READY", "2026-11-26T19:00:00"),
            ("READY", "2026-11-26T19:05:30"),
            ("RECRUITING", "2026-11-26T10:00:00"),
            ("RECRUITING", "2026-11-26T19:01:00"),
            ("RUNNING", "2026-11-26T19:04:30"),
            ("DONE", "2026-11-26T03:00:00"),
        ] {
            let check = checked(status, Some("2026-11-26T02:00:00"), now);
            assert_eq!(check.verdict, Verdict::Ok, "{status} {now}: {check:?}");
        }
        assert_eq!(checked("DONE", None, "2026-11-26T03:00:00").reading.text, "UTC, +00:00: 03:00:00 there");
    }

    #[test]
    fn the_status_tells_the_zone() {
        for (status, now, zone) in [
            ("READY", "2026-11-26T10:01:00", "+09:00"),
            ("READY", "2026-11-27T00:31:00", "-05:30"),
            ("RUNNING", "2026-11-26T10:30:00", "+09:00"),
            ("RECRUITING", "2026-11-26T21:00:00", "-02:00"),
        ] {
            let check = checked(status, None, now);
            assert_eq!(check.verdict, Verdict::Fail, "{status} {now}");
            let why = check.why.expect("a reason");
            assert!(why.ends_with(&format!("may be {zone}")), "{why}");
        }
    }

    #[test]
    fn nothing_is_made_in_the_future() {
        let check = checked("RECRUITING", Some("2026-11-26T18:40:00"), "2026-11-26T09:45:00");
        let why = check.why.expect("a reason");
        assert_eq!(
            why,
            "the challenge was made at 2026-11-26 18:40:00, which is still to come in this zone: the servers' zone may be \
             +09:00"
        );
    }

    #[test]
    fn a_stuck_schedule_is_no_zone_s_fault() {
        let check = checked("READY", Some("2026-11-28T18:40:00"), "2026-11-26T09:45:00");
        assert!(check.why.expect("a reason").ends_with("their schedule is off"));
    }
}
