//! When a run against a real challenge may start: the challenge's times against ramp and hold.
//!
//! Pure: the look-up, the server's clock and the time zone are arguments. The server writes
//! `startAt` and `endAt` in its local time without a zone, and its `Date` header says what time it
//! has now; this machine's own clock is never read. Invariant: a [`Start`] that is returned lets
//! the last arrival enter before `startAt` and the hold end by `endAt`, as far as can be known
//! beforehand.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use startline_os::units::duration_text;

use super::search::FindMax;
use crate::nearest;

/// How long before `startAt` a challenge becomes READY.
pub const READY_BEFORE_START: Duration = Duration::from_secs(300);

/// The name of this machine's own time zone.
pub const SYSTEM_ZONE: &str = "system";

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
    /// All have been in before (TIMEOUT, DISCONNECTED or ERROR): re-entry, in READY and RUNNING.
    Again,
}

/// How the members of a plan stand to the challenge, by its list of participants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Not listed: they have not joined.
    pub absent: u32,
    /// Have been in before and may come back.
    pub may_return: u32,
    /// Waiting: theirs is a first entry.
    pub first: u32,
    /// Listed with any other status: inside already, or out for good.
    pub barred: u32,
}

impl Standing {
    /// Returns what their entries are.
    pub fn entry(self) -> Entry {
        if self.first == 0 && self.may_return > 0 { Entry::Again } else { Entry::First }
    }
}

/// What a run needs of a challenge.
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
    /// The steps by which the load rises, where it does.
    pub steps: Option<FindMax>,
}

/// When to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At once.
    Now,
    /// At this instant of the server's clock, `after` from now. Look the challenge up again then:
    /// the server changes its status on a schedule of its own, perhaps a little late.
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
    /// Ramp or hold are too long.
    #[error("{misfit}: {fix}")]
    TooLong {
        /// Which of them, and by when it must be over.
        misfit: Misfit,
        /// What would fit.
        fix: String,
    },
    /// RUNNING, and members of the run have not been in before.
    #[error(
        "the challenge is RUNNING since startAt, {start_at}: members who have not entered by then cannot any more; create another \
         challenge (server's time: {now})"
    )]
    Running {
        /// The challenge's `startAt`.
        start_at: LocalTime,
        /// The server's time.
        now: LocalTime,
    },
    /// It still says READY or RECRUITING after its `startAt`: the zone is wrong, or the server's
    /// schedule is stuck.
    #[error(
        "the challenge is {status} though its startAt, {start_at}, has passed by the server's time, {now}: the servers' \
         scheduler, which changes the status, is down or late (see its log), or {zone} is not the servers' time zone \
         (--time-zone)"
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

/// Which part of a plan is too long for the challenge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The last arrivals would come after `startAt`.
    #[error(
        "the ramp would end at {ramp_end}, and members can enter only until startAt, {start_at}{earlier}"
    )]
    RampPastStart {
        /// When the last one arrives.
        ramp_end: LocalTime,
        /// The challenge's `startAt`.
        start_at: LocalTime,
        /// Why it must end a little before that.
        earlier: &'static str,
    },
    /// The hold would outlast the challenge.
    #[error("the hold would end at {hold_end}, and the challenge is over at endAt, {end_at}")]
    HoldPastEnd {
        /// When the hold ends.
        hold_end: LocalTime,
        /// The challenge's `endAt`.
        end_at: LocalTime,
    },
}

/// An instant for display: local time with its offset, to the second.
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

    /// Returns it as the server writes it.
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
            let reason = format!("it is not a known status{hint}");
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

    /// Returns when it becomes READY, in the server's zone.
    ///
    /// # Errors
    /// There is no such time in this zone.
    pub fn ready(&self, zone: &TimeZone) -> Result<Zoned, ScheduleError> {
        Ok(earlier(&zoned("startAt", self.start_at, zone)?, READY_BEFORE_START))
    }
}

/// Reads the instant in an HTTP `Date` header: the server's now, to the second.
pub fn date_header(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

/// Returns the zone of this name: IANA, an offset, or `system`. POSIX notation is refused: its
/// `UTC+9` is nine hours *west* of Greenwich, which nobody means.
pub fn zone(name: &str) -> Option<TimeZone> {
    if name == SYSTEM_ZONE {
        return Some(TimeZone::system());
    }
    let is_meant = |zone: &TimeZone| zone.iana_name().is_some() || zone.to_fixed_offset().is_ok();
    jiff::fmt::temporal::DateTimeParser::new().parse_time_zone(name).ok().filter(is_meant)
}

/// No zone of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--time-zone {0} is not known on this machine")]
pub struct UnknownZone(String);

/// Returns the [`zone`] of this name, or an error that names the option.
///
/// # Errors
/// There is none of this name.
pub fn known_zone(name: &str) -> Result<TimeZone, UnknownZone> {
    zone(name).ok_or_else(|| UnknownZone(name.to_owned()))
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
        let start_at = zoned("startAt", challenge.start_at, zone)?;
        let end_at = zoned("endAt", challenge.end_at, zone)?;
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
        let fix = if demand.ramp <= READY_BEFORE_START - ENTER_MARGIN && room < SignedDuration::ZERO {
            "create another challenge, and start as soon as it is READY".to_owned()
        } else if let Some(steps) = demand.steps {
            steps_that_fit(steps, whole_seconds(room.max(SignedDuration::ZERO)))
        } else if room > SignedDuration::from_secs(1) {
            format!("--ramp {} is the longest that fits", duration_text(whole_seconds(room)))
        } else {
            "create another challenge".to_owned()
        };
        let is_before = ramp_end < self.start_at;
        let misfit = Misfit::RampPastStart {
            ramp_end: LocalTime(ramp_end),
            start_at: LocalTime(self.start_at.clone()),
            earlier: if is_before { " (the last session needs 5 s to log in and enter)" } else { "" },
        };
        Err(ScheduleError::TooLong { misfit, fix })
    }

    fn check_hold(&self, first_arrival: &Zoned, demand: &Demand) -> Result<(), ScheduleError> {
        let hold_end = later(&later(first_arrival, demand.ramp), demand.hold);
        if hold_end <= self.end_at {
            return Ok(());
        }
        let room = first_arrival.duration_until(&self.end_at) - signed(demand.ramp);
        let fix = if room > SignedDuration::from_secs(1) {
            format!(
                "--hold {} is the longest that fits, or create a longer challenge",
                duration_text(whole_seconds(room))
            )
        } else {
            "create a longer challenge".to_owned()
        };
        let misfit =
            Misfit::HoldPastEnd { hold_end: LocalTime(hold_end), end_at: LocalTime(self.end_at.clone()) };
        Err(ScheduleError::TooLong { misfit, fix })
    }
}

/// What to change for a search whose steps do not all fit.
fn steps_that_fit(steps: FindMax, room: Duration) -> String {
    let fit =
        room.checked_sub(steps.ramp).map_or(0, |rest| rest.as_secs() / steps.each().as_secs().max(1) + 1);
    let sessions = startline_os::units::grouped(fit * u64::from(steps.step));
    format!(
        "{fit} steps of {} fit, up to {sessions} sessions: give fewer --sessions, a larger --step, or a shorter --ramp and --hold",
        duration_text(steps.each())
    )
}

/// A local time in its zone.
fn zoned(field: &'static str, time: DateTime, zone: &TimeZone) -> Result<Zoned, ScheduleError> {
    time.to_zoned(zone.clone()).map_err(|error| ScheduleError::Unreadable {
        field,
        found: time.to_string(),
        reason: error.to_string(),
    })
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
mod tests;
