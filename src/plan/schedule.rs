//! When a run against a real challenge may start: its life against the plan's ramp and hold.
//!
//! Pure: the look-up, the server's clock and the time zone come in. The server writes `startAt` and `endAt` in its
//! local time without a zone, and its `Date` header says what time it has now; this box's own clock is never asked.
//! Invariant: a [`Start`] that is returned lets the last arrival enter before `startAt` and the hold end by `endAt`, as
//! far as can be known beforehand.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::nearest;
use crate::units::duration_text;

/// How long before `startAt` a challenge becomes READY.
pub const READY_BEFORE_START: Duration = Duration::from_secs(300);

/// The last to arrive still has to log in and be answered by *enter* before `startAt`.
pub const ENTER_MARGIN: Duration = Duration::from_secs(5);

/// Where a challenge is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Members join; nobody can enter yet.
    Recruiting,
    /// First entries are possible.
    Ready,
    /// Only members who were in before can come back.
    Running,
    /// Over.
    Done,
}

/// What the look-up of a challenge says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Its `status`.
    pub status: Status,
    /// Its `startAt`, in the server's local time.
    pub start_at: DateTime,
    /// Its `endAt`, in the server's local time.
    pub end_at: DateTime,
}

/// How the run's members stand to the challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// At least one is WAITING: a first entry, which needs READY.
    First,
    /// All have been in before (TIMEOUT, DISCONNECTED or ERROR): re-entry, which READY and RUNNING allow.
    Again,
}

/// What is to be fitted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// From the first arrival to the last.
    pub ramp: Duration,
    /// After that.
    pub hold: Duration,
    /// How the members stand to the challenge.
    pub entry: Entry,
    /// Whether the run may wait for READY.
    pub wait_ready: bool,
}

/// When to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At once.
    Now,
    /// At this instant of the server's clock, `after` from now. Look the challenge up again then: the server changes
    /// its status on a schedule of its own, perhaps a little late.
    WhenReady {
        /// The instant.
        at: Timestamp,
        /// From the server's now.
        after: Duration,
    },
}

/// Why the plan does not fit the challenge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The look-up has something unexpected in it.
    #[error("the challenge's {field} is {found:?}: {reason}")]
    Unreadable {
        /// The JSON member.
        field: &'static str,
        /// Its value.
        found: String,
        /// What is wrong.
        reason: String,
    },
    /// RECRUITING, and the run may not wait.
    #[error(
        "the challenge is still RECRUITING: members can enter from {ready} (5 min before startAt) and the server's \
         time is {now}; start again then, or give --wait-ready"
    )]
    NotReady {
        /// When it becomes READY.
        ready: LocalTime,
        /// The server's time.
        now: LocalTime,
    },
    /// The last arrivals would come after `startAt`.
    #[error(
        "the ramp would end at {ramp_end}, and members can enter only until startAt, {start_at}{earlier}: \
         {remedy}"
    )]
    RampPastStart {
        /// When the last one arrives.
        ramp_end: LocalTime,
        /// The challenge's `startAt`.
        start_at: LocalTime,
        /// Why it has to end a little before that.
        earlier: &'static str,
        /// What would fit.
        remedy: String,
    },
    /// The hold would outlast the challenge.
    #[error("the hold would end at {hold_end}, and the challenge is over at endAt, {end_at}: {remedy}")]
    HoldPastEnd {
        /// When the hold ends.
        hold_end: LocalTime,
        /// The challenge's `endAt`.
        end_at: LocalTime,
        /// What would fit.
        remedy: String,
    },
    /// RUNNING, and members of the run have not been in before.
    #[error(
        "the challenge is RUNNING since startAt, {start_at}: who has not entered by then never can; create another \
         challenge (server's time: {now})"
    )]
    Running {
        /// The challenge's `startAt`.
        start_at: LocalTime,
        /// The server's time.
        now: LocalTime,
    },
    /// It still says READY or RECRUITING after its `startAt`: the zone is wrong, or the server's schedule is stuck.
    #[error(
        "the challenge is {status} though its startAt, {start_at}, has passed by the server's time, {now}: is \
         {zone} the server's time zone (--time-zone)?"
    )]
    Contradiction {
        /// What it says.
        status: &'static str,
        /// The challenge's `startAt`.
        start_at: LocalTime,
        /// The server's time.
        now: LocalTime,
        /// The zone that its times were read in.
        zone: String,
    },
    /// DONE.
    #[error("the challenge is DONE since endAt, {end_at}: create another one")]
    Done {
        /// The challenge's `endAt`.
        end_at: LocalTime,
    },
}

/// An instant as it is shown: local time with its offset, to the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalTime(pub Zoned);

impl std::fmt::Display for LocalTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%d %H:%M:%S%:z"))
    }
}

impl Status {
    /// All of them as the server writes them.
    const NAMES: [(&str, Self); 4] = [
        ("RECRUITING", Self::Recruiting),
        ("READY", Self::Ready),
        ("RUNNING", Self::Running),
        ("DONE", Self::Done),
    ];

    /// As the server writes it.
    pub fn key(self) -> &'static str {
        Self::NAMES.iter().find(|(_, status)| *status == self).map_or("", |(name, _)| name)
    }
}

impl Challenge {
    /// Reads the look-up's `status`, `startAt` and `endAt`.
    ///
    /// # Errors
    /// The one that cannot be read.
    pub fn read(status: &str, start_at: &str, end_at: &str) -> Result<Self, ScheduleError> {
        let known = Status::NAMES.iter().find(|(name, _)| *name == status);
        let Some((_, read)) = known else {
            let hint = nearest::hint(status, &Status::NAMES.map(|(name, _)| name));
            let reason = format!("no status that is known here{hint}");
            return Err(ScheduleError::Unreadable { field: "status", found: status.to_owned(), reason });
        };
        let time = |field, text: &str| {
            text.parse::<DateTime>().map_err(|error| ScheduleError::Unreadable {
                field,
                found: text.to_owned(),
                reason: error.to_string(),
            })
        };
        Ok(Self { status: *read, start_at: time("startAt", start_at)?, end_at: time("endAt", end_at)? })
    }
}

/// The instant in an HTTP `Date` header: the server's now, to the second.
pub fn date_header(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

/// The zone of this name: IANA, an offset, or `system`.
pub fn zone(name: &str) -> Option<TimeZone> {
    if name == "system" {
        return Some(TimeZone::system());
    }
    jiff::fmt::temporal::DateTimeParser::new().parse_time_zone(name).ok()
}

/// Judges whether `demand` fits `challenge`, whose times are of `zone`, at the server's `now`.
///
/// # Errors
/// What does not fit, with both instants.
pub fn judge(
    challenge: &Challenge,
    zone: &TimeZone,
    now: Timestamp,
    demand: &Demand,
) -> Result<Start, ScheduleError> {
    let calendar = Calendar::new(challenge, zone, now)?;
    let start = calendar.start(challenge.status, demand)?;
    let first_arrival = match start {
        Start::Now => calendar.now.clone(),
        Start::WhenReady { .. } => calendar.ready.clone().max(calendar.now.clone()),
    };
    calendar.check_ramp(&first_arrival, demand)?;
    calendar.check_hold(&first_arrival, demand)?;
    Ok(start)
}

/// The instants that matter, all in the server's zone.
struct Calendar {
    now: Zoned,
    ready: Zoned,
    start_at: Zoned,
    end_at: Zoned,
    zone: String,
}

impl Calendar {
    fn new(challenge: &Challenge, zone: &TimeZone, now: Timestamp) -> Result<Self, ScheduleError> {
        let zoned = |field, time: DateTime| {
            time.to_zoned(zone.clone()).map_err(|error| ScheduleError::Unreadable {
                field,
                found: time.to_string(),
                reason: error.to_string(),
            })
        };
        let start_at = zoned("startAt", challenge.start_at)?;
        let end_at = zoned("endAt", challenge.end_at)?;
        let ready = earlier(&start_at, READY_BEFORE_START);
        let now = now.to_zoned(zone.clone());
        let name = zone.iana_name().map_or_else(|| now.offset().to_string(), str::to_owned);
        Ok(Self { now, ready, start_at, end_at, zone: name })
    }

    fn start(&self, status: Status, demand: &Demand) -> Result<Start, ScheduleError> {
        let (now, start_at) = (LocalTime(self.now.clone()), LocalTime(self.start_at.clone()));
        let contradiction = ScheduleError::Contradiction {
            status: status.key(),
            start_at: start_at.clone(),
            now: now.clone(),
            zone: self.zone.clone(),
        };
        match status {
            Status::Done => Err(ScheduleError::Done { end_at: LocalTime(self.end_at.clone()) }),
            Status::Running if demand.entry == Entry::Again => Ok(Start::Now),
            Status::Running => Err(ScheduleError::Running { start_at, now }),
            _ if self.now >= self.start_at => Err(contradiction),
            Status::Ready => Ok(Start::Now),
            Status::Recruiting if !demand.wait_ready => {
                Err(ScheduleError::NotReady { ready: LocalTime(self.ready.clone()), now })
            }
            Status::Recruiting => {
                let after = self.now.duration_until(&self.ready).max(SignedDuration::ZERO);
                Ok(Start::WhenReady { at: self.ready.timestamp(), after: after.unsigned_abs() })
            }
        }
    }

    fn check_ramp(&self, first_arrival: &Zoned, demand: &Demand) -> Result<(), ScheduleError> {
        if demand.entry == Entry::Again {
            return Ok(());
        }
        let ramp_end = later(first_arrival, demand.ramp);
        let room = first_arrival.duration_until(&self.start_at) - signed(ENTER_MARGIN);
        if signed(demand.ramp) <= room {
            return Ok(());
        }
        let remedy = if demand.ramp <= READY_BEFORE_START - ENTER_MARGIN && room < SignedDuration::ZERO {
            "create another challenge, and start as soon as it is READY".to_owned()
        } else if room > SignedDuration::from_secs(1) {
            format!("--ramp {} is the longest that fits", duration_text(whole_seconds(room)))
        } else {
            "create another challenge".to_owned()
        };
        let is_before = ramp_end < self.start_at;
        Err(ScheduleError::RampPastStart {
            ramp_end: LocalTime(ramp_end),
            start_at: LocalTime(self.start_at.clone()),
            earlier: if is_before { " (5 s are kept for the last to log in and enter)" } else { "" },
            remedy,
        })
    }

    fn check_hold(&self, first_arrival: &Zoned, demand: &Demand) -> Result<(), ScheduleError> {
        let hold_end = later(&later(first_arrival, demand.ramp), demand.hold);
        if hold_end <= self.end_at {
            return Ok(());
        }
        let room = first_arrival.duration_until(&self.end_at) - signed(demand.ramp);
        let remedy = if room > SignedDuration::from_secs(1) {
            format!(
                "--hold {} is the longest that fits, or create a longer challenge",
                duration_text(whole_seconds(room))
            )
        } else {
            "create a longer challenge".to_owned()
        };
        Err(ScheduleError::HoldPastEnd {
            hold_end: LocalTime(hold_end),
            end_at: LocalTime(self.end_at.clone()),
            remedy,
        })
    }
}

fn signed(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

fn whole_seconds(span: SignedDuration) -> Duration {
    Duration::from_secs(span.as_secs().unsigned_abs())
}

fn later(instant: &Zoned, span: Duration) -> Zoned {
    instant.saturating_add(signed(span))
}

fn earlier(instant: &Zoned, span: Duration) -> Zoned {
    instant.saturating_sub(signed(span))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: Demand = Demand {
        ramp: Duration::from_secs(240),
        hold: Duration::from_secs(1800),
        entry: Entry::First,
        wait_ready: false,
    };

    /// A challenge that starts at 10:00 in Seoul's offset and lasts an hour, judged at this time of that day.
    fn judged(status: &str, now: &str, demand: Demand) -> Result<Start, String> {
        let challenge =
            Challenge::read(status, "2026-03-01T10:00:00", "2026-03-01T11:00:00").expect("readable");
        let now: Timestamp = format!("2026-03-01T{now}+09:00").parse().expect("an instant");
        let zone = zone("+09:00").expect("an offset");
        judge(&challenge, &zone, now, &demand).map_err(|error| error.to_string())
    }

    #[test]
    fn a_ready_challenge_starts_at_once() {
        assert_eq!(judged("READY", "09:55:01", GUIDE), Ok(Start::Now));
    }

    #[test]
    fn the_guide_s_own_ramp_never_fits() {
        let ramp_300 = Demand { ramp: Duration::from_secs(300), ..GUIDE };
        assert_eq!(
            judged("READY", "09:55:00", ramp_300),
            Err(
                "the ramp would end at 2026-03-01 10:00:00+09:00, and members can enter only until startAt, \
                 2026-03-01 10:00:00+09:00: --ramp 4m55s is the longest that fits"
                    .into()
            )
        );
    }

    #[test]
    fn a_ramp_past_start_at_is_refused_with_both_instants() {
        assert_eq!(
            judged("READY", "09:57:00", GUIDE),
            Err(
                "the ramp would end at 2026-03-01 10:01:00+09:00, and members can enter only until startAt, \
                 2026-03-01 10:00:00+09:00: --ramp 2m55s is the longest that fits"
                    .into()
            )
        );
        let error = judged("READY", "09:59:58", GUIDE).expect_err("2 s are left");
        assert!(error.ends_with("create another challenge, and start as soon as it is READY"), "{error}");
    }

    #[test]
    fn the_last_arrival_needs_time_to_enter() {
        let error = judged("READY", "09:55:58", GUIDE).expect_err("2 s before startAt");
        assert!(error.contains("09:59:58+09:00"), "{error}");
        assert!(error.contains("(5 s are kept for the last to log in and enter)"), "{error}");
        assert_eq!(judged("READY", "09:55:55", GUIDE), Ok(Start::Now));
    }

    #[test]
    fn a_hold_past_end_at_is_refused_with_both_instants() {
        let long = Demand { hold: Duration::from_secs(3900), ..GUIDE };
        assert_eq!(
            judged("READY", "09:55:00", long),
            Err("the hold would end at 2026-03-01 11:04:00+09:00, and the challenge is over at endAt, 2026-03-01 \
                 11:00:00+09:00: --hold 1h1m is the longest that fits, or create a longer challenge"
                .into())
        );
        let exact = Demand { hold: Duration::from_secs(3660), ..GUIDE };
        assert_eq!(judged("READY", "09:55:00", exact), Ok(Start::Now));
    }

    #[test]
    fn a_recruiting_challenge_is_waited_for_only_if_asked() {
        assert_eq!(
            judged("RECRUITING", "09:50:00", GUIDE),
            Err("the challenge is still RECRUITING: members can enter from 2026-03-01 09:55:00+09:00 (5 min before \
                 startAt) and the server's time is 2026-03-01 09:50:00+09:00; start again then, or give \
                 --wait-ready"
                .into())
        );
        let waiting = Demand { wait_ready: true, ..GUIDE };
        let at: Timestamp = "2026-03-01T09:55:00+09:00".parse().expect("an instant");
        assert_eq!(
            judged("RECRUITING", "09:50:00", waiting),
            Ok(Start::WhenReady { at, after: Duration::from_secs(300) })
        );
    }

    #[test]
    fn a_server_that_is_late_with_ready_is_waited_for() {
        let waiting = Demand { wait_ready: true, ramp: Duration::from_secs(60), ..GUIDE };
        let start = judged("RECRUITING", "09:55:10", waiting).expect("it fits");
        assert!(matches!(start, Start::WhenReady { after: Duration::ZERO, .. }), "{start:?}");
    }

    #[test]
    fn waiting_is_refused_when_it_would_be_in_vain() {
        let waiting = Demand { wait_ready: true, ramp: Duration::from_secs(300), ..GUIDE };
        assert!(judged("RECRUITING", "09:00:00", waiting).expect_err("too long").contains("--ramp 4m55s"));
    }

    #[test]
    fn running_takes_only_those_who_were_in() {
        let error = judged("RUNNING", "10:10:00", GUIDE).expect_err("too late");
        assert!(error.contains("RUNNING since startAt, 2026-03-01 10:00:00+09:00"), "{error}");
        let again = Demand { entry: Entry::Again, ..GUIDE };
        assert_eq!(judged("RUNNING", "10:10:00", again), Ok(Start::Now));
        assert!(judged("RUNNING", "10:40:00", again).expect_err("too long").contains("endAt"));
    }

    #[test]
    fn done_is_done() {
        let error = judged("DONE", "12:00:00", GUIDE).expect_err("over");
        assert_eq!(error, "the challenge is DONE since endAt, 2026-03-01 11:00:00+09:00: create another one");
    }

    #[test]
    fn a_wrong_zone_shows_as_a_contradiction() {
        let error = judged("READY", "18:55:00", GUIDE).expect_err("nine hours off");
        assert!(error.contains("is +09 the server's time zone (--time-zone)?"), "{error}");
    }

    #[test]
    fn what_the_look_up_says_may_be_odd() {
        let error = Challenge::read("STARTED", "x", "y").expect_err("odd").to_string();
        assert!(
            error.starts_with("the challenge's status is \"STARTED\": no status that is known here"),
            "{error}"
        );
        let error = Challenge::read("READY", "tomorrow", "2026-03-01T11:00:00").expect_err("odd").to_string();
        assert!(error.starts_with("the challenge's startAt is \"tomorrow\": "), "{error}");
        assert!(Challenge::read("READY", "2026-03-01T10:00", "2026-03-01T11:00:00.123").is_ok());
    }

    #[test]
    fn the_date_header_is_the_server_s_now() {
        let expected: Timestamp = "2026-03-01T00:55:01Z".parse().expect("an instant");
        assert_eq!(date_header("Sun, 01 Mar 2026 00:55:01 GMT"), Some(expected));
        assert_eq!(date_header("soon"), None);
    }
}
