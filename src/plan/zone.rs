//! Checks the time zone in which the server's local times are read, by contradictions.
//!
//! A challenge's times have no zone, and its status says roughly what time it is there: READY is
//! the five minutes before its start, and nothing was created in the future. Pure. Invariant: a
//! zone is called wrong only when the look-up contradicts it.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::schedule::{Challenge, READY_BEFORE_START, Status};

/// Servers change a status on a schedule of their own, and clocks differ a little.
const GRACE: SignedDuration = SignedDuration::from_secs(90);
/// Zones are whole multiples of these apart; most of the first, a few of the last.
const STEPS_MINUTES: [i64; 3] = [60, 30, 15];
/// The widest two are this far apart.
const WIDEST_MINUTES: i64 = 26 * 60;

/// A contradiction between the look-up and the zone, and a zone without one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{told}: the servers' zone may be {}; give --time-zone {}, or the zone's name", offset_text(*offset), offset_text(*offset)
)]
pub struct OtherZone {
    /// What does not fit.
    told: String,
    /// The offset that would: ahead of UTC by this.
    offset: SignedDuration,
}

impl OtherZone {
    /// Returns the zone that would fit.
    pub fn zone(&self) -> TimeZone {
        let seconds = i32::try_from(self.offset.as_secs()).ok();
        let offset = seconds.and_then(|seconds| Offset::from_seconds(seconds).ok());
        offset.map_or(TimeZone::UTC, TimeZone::fixed)
    }
}

/// Why times cannot be read in a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuledOut {
    /// Another zone fits.
    #[error("{0}")]
    ThisZone(OtherZone),
    /// No zone fits.
    #[error(
        "{0}, whatever the time zone: the servers' clock or their schedule is wrong; see the log of their scheduler"
    )]
    EveryZone(String),
}

/// The facts that contradict a zone or fit it.
#[derive(Clone, Copy, Debug)]
pub struct Clues<'c> {
    /// The look-up.
    pub challenge: &'c Challenge,
    /// When it was made, by the server's clock, if the look-up says.
    pub created_at: Option<DateTime>,
    /// The server's now, in the zone in question.
    pub now: DateTime,
    /// What that zone is ahead of UTC by.
    pub offset: SignedDuration,
}

impl<'c> Clues<'c> {
    /// Takes them of a look-up whose answer came at `now`.
    pub fn new(challenge: &'c Challenge, created_at: Option<&str>, now: Timestamp, zone: &TimeZone) -> Self {
        let created_at = created_at.and_then(|text| text.parse().ok());
        let offset = SignedDuration::from_secs(zone.to_offset(now).seconds().into());
        Self { challenge, created_at, now: zone.to_datetime(now), offset }
    }

    /// Returns whether the challenge was created in the future by this zone. That is certain even
    /// where the server's schedule is late.
    pub fn is_made_in_the_future(&self) -> bool {
        self.created_at.is_some_and(|made| made > self.now.saturating_add(GRACE))
    }

    /// Returns whether the challenge has a status before its time by this zone, which no schedule
    /// that is late can cause.
    fn is_ahead_of_its_time(&self) -> bool {
        let Challenge { status, start_at, .. } = *self.challenge;
        let earliest = match status {
            Status::Ready => start_at.saturating_sub(READY_BEFORE_START),
            Status::Running => start_at,
            Status::Recruiting | Status::Done => return false,
        };
        self.now < earliest.saturating_sub(GRACE)
    }

    /// Refuses a zone that the look-up rules out. A status that comes after its time does not: the
    /// servers' schedule may be late.
    ///
    /// # Errors
    /// What rules it out, and a zone that fits, if one does.
    pub fn rule_out(&self) -> Result<(), RuledOut> {
        if !self.is_made_in_the_future() && !self.is_ahead_of_its_time() {
            return Ok(());
        }
        Err(self.check().err().map_or_else(|| RuledOut::EveryZone(self.told()), RuledOut::ThisZone))
    }

    /// Returns what does not fit.
    pub fn told(&self) -> String {
        let Challenge { status, start_at, .. } = self.challenge;
        match self.created_at.filter(|_| self.is_made_in_the_future()) {
            Some(made) => format!(
                "the challenge was created at {}, which is in the future in this zone",
                made.strftime("%F %T")
            ),
            None => {
                let now = self.now.strftime("%H:%M:%S");
                format!("{} with startAt {} does not fit {now}", status.key(), start_at.strftime("%F %T"))
            }
        }
    }

    /// Refuses a zone where another one is likelier.
    ///
    /// # Errors
    /// The likelier zone.
    pub fn check(&self) -> Result<(), OtherZone> {
        match self.shift().filter(|shift| !shift.is_zero()) {
            Some(shift) => Err(OtherZone { told: self.told(), offset: self.offset + shift }),
            None => Ok(()),
        }
    }

    /// Returns whether this may be the local time there.
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
        by_status && !Self { now, ..*self }.is_made_in_the_future()
    }

    /// Returns by how much the local time is off; zero if it fits, `None` if no zone's fits. Where
    /// several would, the likelier kind of zone, and of these the nearest.
    pub fn shift(&self) -> Option<SignedDuration> {
        let of = |step: i64| {
            let counts = (0..=WIDEST_MINUTES / step).flat_map(|count| [count, -count]);
            counts.map(move |count| SignedDuration::from_mins(count * step))
        };
        STEPS_MINUTES.into_iter().flat_map(of).find(|shift| self.fit(self.now.saturating_add(*shift)))
    }
}

/// Writes an offset as `+09:00`.
pub fn offset_text(offset: SignedDuration) -> String {
    let sign = if offset < SignedDuration::ZERO { '-' } else { '+' };
    let minutes = offset.as_secs().unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ruled_out(status: &str, created_at: Option<&str>, now: &str) -> Option<String> {
        let challenge =
            Challenge::read(status, "2026-11-26T19:05:00", "2026-11-26T20:05:00").expect("it reads");
        let created_at = created_at.map(|text| text.parse().expect("a time"));
        let now = now.parse().expect("a time");
        let clues = Clues { challenge: &challenge, created_at, now, offset: SignedDuration::ZERO };
        clues.rule_out().err().map(|error| error.to_string())
    }

    #[test]
    fn what_no_late_schedule_can_cause_rules_a_zone_out() {
        for (status, created_at, now) in [
            ("READY", None, "2026-11-26T10:01:00"),
            ("RUNNING", None, "2026-11-26T10:30:00"),
            ("RECRUITING", Some("2026-11-26T18:40:00"), "2026-11-26T09:45:00"),
        ] {
            let why = ruled_out(status, created_at, now).unwrap_or_else(|| panic!("{status} at {now}"));
            assert!(why.contains("give --time-zone +09:00"), "{why}");
        }
        let why = ruled_out("READY", Some("2026-11-28T18:40:00"), "2026-11-26T09:45:00").expect("never");
        assert!(why.ends_with("see the log of their scheduler"), "{why}");
    }

    #[test]
    fn a_schedule_that_is_late_rules_nothing_out() {
        for (status, now) in [
            ("RECRUITING", "2026-11-26T19:04:00"),
            ("RECRUITING", "2026-11-26T21:00:00"),
            ("READY", "2026-11-26T19:30:00"),
            ("READY", "2026-11-26T18:59:00"),
            ("RUNNING", "2026-11-26T23:00:00"),
            ("DONE", "2026-11-26T03:00:00"),
        ] {
            assert_eq!(ruled_out(status, Some("2026-11-26T02:00:00"), now), None, "{status} at {now}");
        }
    }
}
