//! When a new challenge starts, what follows from that, and whether a run has room in it.
//!
//! Pure, as [`super::calendar`]: the server's clock and zone come in. Servers take `startAt` as their local time, without an offset.
//! Invariant: a start that is returned reads back, in that zone, as the instant that was meant.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};
use startline_os::units::duration_text;

use super::challenge::{DISTANCES, Distance};
use crate::plan::Rate;
use crate::plan::schedule::{Challenge, ENTER_MARGIN, LocalTime, READY_BEFORE_START, ScheduleError};

/// The servers refuse a start that is nearer.
pub const AHEAD_MIN: Duration = Duration::from_secs(10 * 60);
/// The nearest start by default. Clocks are read to the second, and the request takes a while.
const AHEAD_DEFAULT_MIN: Duration = Duration::from_secs(11 * 60);
/// Arrivals a second where no ramp is asked for: the guide's 6,000 in 240 s.
const ARRIVALS_PER_S: u32 = 25;
/// The longest ramp where none is asked for.
pub const RAMP_DEFAULT_MAX: Duration = Duration::from_secs(240);
/// The longest ramp that fits between READY and `startAt`.
pub const RAMP_MAX: Duration = Duration::from_secs(READY_BEFORE_START.as_secs() - ENTER_MARGIN.as_secs());
/// The hold where none is asked for: the guide's.
const HOLD_DEFAULT: Duration = Duration::from_secs(30 * 60);
/// Kept between the hold and `endAt` where no hold is asked for: READY may come late, and the last sessions need a moment.
const HOLD_MARGIN: Duration = Duration::from_secs(60);
/// Time zones are this far apart, or a multiple.
const ZONE_STEP_S: i64 = 15 * 60;

/// Why a challenge cannot be created as asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Too near.
    #[error(
        "--start-at {start_at} is {away} by the server's clock, which says {now}: challenges must start more than 10 minutes ahead; \
         is {zone} the server's time zone (--time-zone)?"
    )]
    TooNear {
        /// What was asked for.
        start_at: String,
        /// Where that is from now, such as `in 9m`.
        away: String,
        /// The server's time.
        now: String,
        /// The zone in which the start was read.
        zone: String,
    },
    /// Not in any calendar.
    #[error("--start-at {start_at} is beyond the years that can be calculated with")]
    BeyondCalendar {
        /// What was asked for.
        start_at: DateTime,
    },
    /// Clocks are put forward over that time.
    #[error(
        "--start-at {start_at} does not exist in {zone}, whose clocks are put forward over it: choose another time"
    )]
    Skipped {
        /// What was asked for.
        start_at: DateTime,
        /// The zone.
        zone: String,
    },
    /// Clocks are put back over that time.
    #[error(
        "--start-at {start_at} occurs twice in {zone}, whose clocks are put back over it: choose another time"
    )]
    Twice {
        /// What was asked for.
        start_at: DateTime,
        /// The zone.
        zone: String,
    },
    /// The ramp is longer than first entries are possible.
    #[error(
        "--ramp {} does not fit the five minutes from READY to startAt in which members can enter: {} is the longest that does",
        duration_text(*ramp), duration_text(RAMP_MAX)
    )]
    RampTooLong {
        /// What was asked for.
        ramp: Duration,
    },
    /// The challenge is over before the hold is.
    #[error(
        "a ramp of {} and a hold of {} take {}, but a challenge of {distance} ends {} after READY: {fix}",
        duration_text(*ramp), duration_text(*hold), duration_text(*ramp + *hold), duration_text(*room)
    )]
    HoldTooLong {
        /// The distance.
        distance: &'static str,
        /// The run's ramp.
        ramp: Duration,
        /// The run's hold.
        hold: Duration,
        /// From READY to the end.
        room: Duration,
        /// What would fit.
        fix: String,
    },
}

/// Returns how far ahead a challenge must start so that N members can join before READY, with half of that time in reserve.
pub fn ahead(members: u32, rate: Rate) -> Duration {
    let joins_s = (rate.ramp(members).saturating_mul(3) / 2).as_millis().div_ceil(1000);
    let ahead =
        READY_BEFORE_START.saturating_add(Duration::from_secs(joins_s.try_into().unwrap_or(u64::MAX)));
    ahead.max(AHEAD_DEFAULT_MIN)
}

/// The local time to start at, so far from now or a little later.
///
/// Where clocks are put back, local times come twice, and the first is what they are read as: a start that would be the second is put
/// off. A server that compares local times, and not instants, is content as well.
pub fn by_default(now: Timestamp, zone: &TimeZone, ahead: Duration) -> DateTime {
    let least = zone.to_datetime(now).saturating_add(AHEAD_DEFAULT_MIN);
    let is_right = |at: Timestamp| {
        let local = zone.to_datetime(at);
        local >= least && zone.to_timestamp(local).is_ok_and(|read| read == at)
    };
    let first = now.saturating_add(ahead).unwrap_or(Timestamp::MAX);
    // No clock is put back by more than a day.
    let minutes = (0..24 * 60)
        .map(|minutes| first.saturating_add(SignedDuration::from_mins(minutes)).unwrap_or(Timestamp::MAX));
    let at = minutes.into_iter().find(|at| is_right(*at)).unwrap_or(first);
    zone.to_datetime(at)
}

/// Checks a start that was asked for against the server's now, which may be up to a second later than its `Date` says.
///
/// # Errors
/// The servers would refuse it, or it can be meant in two ways.
pub fn check(start_at: DateTime, now: Timestamp, zone: &TimeZone) -> Result<(), StartError> {
    let ambiguous = zone.to_ambiguous_zoned(start_at);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => {}
        AmbiguousOffset::Gap { .. } => {
            return Err(StartError::Skipped { start_at, zone: zone_name(zone, now) });
        }
        AmbiguousOffset::Fold { .. } => {
            return Err(StartError::Twice { start_at, zone: zone_name(zone, now) });
        }
    }
    let now = now.to_zoned(zone.clone());
    let now_text = LocalTime(now.clone()).to_string();
    let Ok(start) = ambiguous.compatible() else { return Err(StartError::BeyondCalendar { start_at }) };
    let away = now.duration_until(&start);
    let start_text = LocalTime(start).to_string();
    if away <= signed(AHEAD_MIN) {
        let span = duration_text(Duration::from_secs(away.as_secs().unsigned_abs()));
        let away = if away.is_negative() { format!("{span} ago") } else { format!("in {span}") };
        let zone = zone_name(zone, now.timestamp());
        return Err(StartError::TooNear { start_at: start_text, away, now: now_text, zone });
    }
    Ok(())
}

/// The instants of a challenge's life, in the server's zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timetable {
    /// The joins' deadline; first entries begin.
    pub ready: Zoned,
    /// `startAt`: the deadline of first entries, and so of the ramp.
    pub start: Zoned,
    /// `endAt`: the hold's deadline.
    pub end: Zoned,
}

impl Timetable {
    /// Of a challenge whose times are of this zone.
    ///
    /// # Errors
    /// A time that cannot be in this zone.
    pub fn of(challenge: &Challenge, zone: &TimeZone) -> Result<Self, ScheduleError> {
        let zoned = |field, time: DateTime| {
            time.to_zoned(zone.clone()).map_err(|error| ScheduleError::Unreadable {
                field,
                found: time.to_string(),
                reason: error.to_string(),
            })
        };
        Ok(Self {
            ready: challenge.ready(zone)?,
            start: zoned("startAt", challenge.start_at)?,
            end: zoned("endAt", challenge.end_at)?,
        })
    }
}

/// The offset that the server's clock has, if it is not this zone's: `created_at` is what its local time was at `now`.
pub fn other_offset(created_at: DateTime, now: Timestamp, zone: &TimeZone) -> Option<Offset> {
    let apart_s = zone.to_datetime(now).duration_until(created_at).as_secs();
    // Clocks are read to the second and zones differ by quarters of an hour: a difference in between is neither.
    let steps = (apart_s + ZONE_STEP_S / 2).div_euclid(ZONE_STEP_S);
    let has_sense = (apart_s - steps * ZONE_STEP_S).abs() <= 60;
    let offset_s = i64::from(zone.to_offset(now).seconds()) + steps * ZONE_STEP_S;
    let offset = Offset::from_seconds(i32::try_from(offset_s).ok()?).ok()?;
    (steps != 0 && has_sense).then_some(offset)
}

/// Returns the default ramp of N sessions.
pub fn ramp_for(sessions: u32) -> Duration {
    Duration::from_secs(u64::from(sessions.div_ceil(ARRIVALS_PER_S))).min(RAMP_DEFAULT_MAX)
}

/// The hold after this ramp where none is asked for: the guide's, or as long as the distance allows.
pub fn hold_for(distance: Distance, ramp: Duration) -> Duration {
    HOLD_DEFAULT.min(longest_hold(distance, ramp).saturating_sub(HOLD_MARGIN))
}

/// Why a run that begins at READY has no room in a challenge of this distance, and what would fit; nothing if it has.
pub fn misfits(distance: Distance, ramp: Duration, hold: Duration) -> Vec<StartError> {
    let too_slow = (ramp > RAMP_MAX).then_some(StartError::RampTooLong { ramp });
    // If the ramp is too long, the hold is checked with the longest that fits: fixing both is then enough.
    let too_long = hold_misfit(distance, ramp.min(RAMP_MAX), hold);
    too_slow.into_iter().chain(too_long).collect()
}

fn hold_misfit(distance: Distance, ramp: Duration, hold: Duration) -> Option<StartError> {
    let longest = longest_hold(distance, ramp);
    if hold <= longest {
        return None;
    }
    let longer = DISTANCES.iter().find(|other| hold <= longest_hold(**other, ramp));
    let or_longer = longer.map_or_else(String::new, |other| {
        format!(", --distance {} the shortest that does for it", other.name)
    });
    Some(StartError::HoldTooLong {
        distance: distance.name,
        ramp,
        hold,
        room: room(distance),
        fix: format!("--hold {} is the longest that fits{or_longer}", duration_text(longest)),
    })
}

fn longest_hold(distance: Distance, ramp: Duration) -> Duration {
    room(distance).saturating_sub(ramp)
}

/// From READY to the end.
fn room(distance: Distance) -> Duration {
    READY_BEFORE_START + distance.length()
}

/// A zone's name as it is printed.
pub fn zone_name(zone: &TimeZone, now: Timestamp) -> String {
    zone.iana_name().map_or_else(|| zone.to_offset(now).to_string(), str::to_owned)
}

fn signed(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests;
