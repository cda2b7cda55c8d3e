//! Checks the time zone that the server's local times are read in, by the clues of
//! [`crate::plan::zone`].
//!
//! Pure. Invariant: a wrong zone comes with one that fits, or with a statement that none does.

use jiff::tz::TimeZone;

use crate::checks::{Check, Figure, Fix, Verdict};
use crate::plan::zone::{Clues, offset_text};

const ID: &str = "time-zone";
const TITLE: &str = "time zone";
const NEED: &str = "the servers'";

/// Judges a zone.
pub(super) fn check(clues: &Clues<'_>, zone: &TimeZone) -> Check {
    let now = clues.now.strftime("%H:%M:%S");
    let name = zone.iana_name().map_or_else(String::new, |name| format!("{name}, "));
    let reading = Figure::words(format!("{name}{}: {now} there", offset_text(clues.offset)));
    let check = Check::ok(ID, TITLE, reading, Figure::words(NEED));
    let told = clues.told();
    match clues.shift() {
        Some(shift) if shift.is_zero() => check,
        Some(shift) => {
            let other = offset_text(clues.offset + shift);
            let give =
                Fix::advice(format!("give --time-zone {other}, or the zone's name, to preflight and to run"));
            if clues.rule_out().is_err() {
                return check.but(
                    Verdict::Fail,
                    format!("{told}: the servers' zone may be {other}"),
                    vec![give],
                );
            }
            check.but(
                Verdict::Fail,
                format!("{told}: their scheduler is down or late, or the servers' zone may be {other}"),
                vec![Fix::advice("see the log of the servers' scheduler"), give],
            )
        }
        None => check.but(
            Verdict::Fail,
            format!("{told}, whatever the time zone: the servers' clock or their schedule is wrong"),
            vec![Fix::advice("see the check of the servers' clock, and the log of the servers' scheduler")],
        ),
    }
}

/// The check, if it was not made.
pub(super) fn skipped(cause: &str) -> Check {
    Check::skipped(ID, TITLE, Figure::words(NEED), cause)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::plan::schedule::Challenge;

    fn challenge(status: &str) -> Challenge {
        Challenge::read(status, "2026-11-26T19:05:00", "2026-11-26T20:05:00").expect("it reads")
    }

    fn checked(status: &str, created_at: Option<&str>, now: &str) -> Check {
        let challenge = challenge(status);
        let created_at = created_at.map(|text| text.parse().expect("a time"));
        let now = now.parse().expect("a time");
        let clues = Clues { challenge: &challenge, created_at, now, offset: SignedDuration::ZERO };
        check(&clues, &TimeZone::UTC)
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
            "the challenge was created at 2026-11-26 18:40:00, which is in the future in this zone: the servers' zone may be \
             +09:00"
        );
    }

    #[test]
    fn a_status_that_comes_late_names_the_scheduler_first() {
        let check = checked("RECRUITING", Some("2026-11-26T18:00:00"), "2026-11-26T19:06:20");
        let why = check.why.expect("a reason");
        assert!(why.contains("their scheduler is down or late, or the servers' zone may be -01:00"), "{why}");
        assert_eq!(check.fixes[0].text, "see the log of the servers' scheduler");
    }

    #[test]
    fn a_stuck_schedule_is_no_zone_s_fault() {
        let check = checked("READY", Some("2026-11-28T18:40:00"), "2026-11-26T09:45:00");
        assert!(check.why.expect("a reason").ends_with("their schedule is wrong"));
    }
}
