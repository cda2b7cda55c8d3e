//! When places can be taken: a challenge's life against the members who are to join.
//!
//! Pure, as [`crate::plan::schedule`]: the server's clock and zone come in. Invariant: what fits here leaves the last member to
//! join some time before READY.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use startline_os::units::{duration_text, grouped};

use crate::plan::Rate;
use crate::plan::schedule::{Challenge, LocalTime, ScheduleError, Status};

/// The longest that joining or leaving may take: beyond that the rate is a mistake.
const TAKES_MAX: Duration = Duration::from_secs(9 * 3600);
/// The last member to join must log in and be answered before READY.
pub const JOIN_MARGIN: Duration = Duration::from_secs(5);

/// Why the step cannot begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The look-up has something unexpected in it.
    #[error(transparent)]
    Schedule(Box<ScheduleError>),
    /// The challenge is past joining.
    #[error(
        "the challenge is {status}: members can join only while it is RECRUITING, until {ready} (the server's time is {now}); \
         create another one: startline prepare challenge"
    )]
    Closed {
        /// What it says.
        status: &'static str,
        /// When it became READY.
        ready: LocalTime,
        /// The server's time.
        now: LocalTime,
    },
    /// Longer than anybody waits.
    #[error(
        "{} members at {rate} take {}, and {} is the maximum: give a higher --rate, or fewer --members",
        grouped((*members).into()), duration_text(*takes), duration_text(TAKES_MAX)
    )]
    TooLong {
        /// The number of members who will join, or leave.
        members: u32,
        /// The rate.
        rate: String,
        /// The time that they take.
        takes: Duration,
    },
    /// The joins would last into READY.
    #[error(
        "{} members at {rate} take {}, and the challenge becomes READY in {}, at {ready}: {fix}",
        grouped((*members).into()), duration_text(*takes), duration_text(*left)
    )]
    TooSlow {
        /// The number of members who will join.
        members: u32,
        /// The rate.
        rate: String,
        /// The time that they take.
        takes: Duration,
        /// From the server's now to READY.
        left: Duration,
        /// READY.
        ready: LocalTime,
        /// What would fit.
        fix: String,
    },
}

impl From<ScheduleError> for CalendarError {
    fn from(error: ScheduleError) -> Self {
        Self::Schedule(Box::new(error))
    }
}

/// How a rate is typed.
pub fn rate_text(rate: Rate) -> String {
    let unit = if rate.per == Duration::from_secs(1) { "s" } else { "m" };
    format!("{}/{unit}", rate.count)
}

/// Checks that N members at this rate fit one run of the engine.
///
/// # Errors
/// They are not.
pub fn fit_a_run(members: u32, rate: Rate) -> Result<(), CalendarError> {
    let takes = Duration::from_secs(rate.ramp(members).as_secs_f64().ceil() as u64);
    match takes > TAKES_MAX {
        true => Err(CalendarError::TooLong { members, rate: rate_text(rate), takes }),
        false => Ok(()),
    }
}

/// Checks that N members can join at this rate before READY; returns the time left until then.
///
/// # Errors
/// They cannot.
pub fn joins_fit(
    challenge: &Challenge,
    zone: &TimeZone,
    now: Timestamp,
    members: u32,
    rate: Rate,
) -> Result<Duration, CalendarError> {
    let ready = LocalTime(challenge.ready(zone).map_err(Box::new).map_err(CalendarError::Schedule)?);
    let now = now.to_zoned(zone.clone());
    let left = Duration::try_from(now.duration_until(&ready.0)).unwrap_or_default();
    if challenge.status != Status::Recruiting {
        return Err(CalendarError::Closed { status: challenge.status.key(), ready, now: LocalTime(now) });
    }
    let takes = rate.ramp(members);
    if takes + JOIN_MARGIN <= left {
        return Ok(left);
    }
    let usable = left.saturating_sub(JOIN_MARGIN).as_secs();
    let fix = match u64::from(members).checked_div(usable) {
        Some(_) => format!(
            "--rate {}/s is enough, or create a challenge that starts later",
            u64::from(members).div_ceil(usable)
        ),
        None => "create a challenge that starts later".to_owned(),
    };
    Err(CalendarError::TooSlow {
        members,
        rate: rate_text(rate),
        takes: Duration::from_secs(takes.as_secs_f64().ceil() as u64),
        left: Duration::from_secs(left.as_secs()),
        ready,
        fix,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 a second for a challenge that starts at 10:00 and so is READY at 9:55.
    fn fits(status: &str, now: &str, members: u32) -> Result<Duration, String> {
        let challenge =
            Challenge::read(status, "2026-03-01T10:00:00", "2026-03-01T11:00:00").expect("readable");
        let zone = crate::plan::schedule::zone("+09:00").expect("an offset");
        let now: Timestamp = format!("2026-03-01T{now}+09:00").parse().expect("an instant");
        let rate = Rate { count: 20, per: Duration::from_secs(1) };
        joins_fit(&challenge, &zone, now, members, rate).map_err(|error| error.to_string())
    }

    #[test]
    fn joins_have_to_be_over_before_ready() {
        assert_eq!(fits("RECRUITING", "09:46:35", 10_000), Ok(Duration::from_secs(505)));
        assert_eq!(
            fits("RECRUITING", "09:46:36", 10_000).expect_err("a second too late"),
            "10,000 members at 20/s take 8m20s, and the challenge becomes READY in 8m24s, at 2026-03-01 09:55:00+09:00: \
             --rate 21/s is enough, or create a challenge that starts later"
        );
        let error = fits("RECRUITING", "09:54:57", 10).expect_err("3 s are left");
        assert!(error.ends_with("create a challenge that starts later"), "{error}");
    }

    #[test]
    fn what_takes_a_day_is_refused_with_what_to_do() {
        let rate = |count| Rate { count, per: Duration::from_secs(60) };
        assert_eq!(fit_a_run(10_000, rate(20)), Ok(()));
        let error = fit_a_run(10_000, rate(1)).expect_err("a week").to_string();
        assert_eq!(
            error,
            "10,000 members at 1/m take 166h40m, and 9h is the maximum: give a higher --rate, or fewer --members"
        );
    }

    #[test]
    fn past_recruiting_nobody_joins() {
        for status in ["READY", "RUNNING", "DONE"] {
            let error = fits(status, "09:56:00", 1).expect_err("too late");
            assert!(
                error.starts_with(&format!("the challenge is {status}: members can join only while")),
                "{error}"
            );
        }
    }
}
