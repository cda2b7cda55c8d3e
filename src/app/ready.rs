//! Waiting until a challenge is READY: `run` and `prepare challenge` with `--wait-ready`.
//!
//! Looks the challenge up again and again, since the server's clock, not ours, says when; how, and what the answer means, is the
//! caller's. Invariants: a look-up that fails ends nothing before a minute of failures; the first signal ends it, an answer under way or not.

use std::time::{Duration, Instant};

use anyhow::{Error, Result};
use startline_os::units::duration_text;

use crate::interrupt::Interrupt;
use crate::lookup::advice::told;
use crate::lookup::challenge::LookedUp;
use crate::plan::schedule::Start;
use crate::terminal::StatusLine;

/// The shortest time between two look-ups: servers change the status on a schedule of their own.
const LOOKUP_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// The longest, since their clocks need not run as ours does.
const LOOKUP_INTERVAL_MAX: Duration = Duration::from_secs(10);
/// Before the first, which shows how fast the server's clock runs.
const LOOKUP_FIRST: Duration = Duration::from_secs(2);
/// How long failed look-ups are retried.
const UNANSWERED_MAX: Duration = Duration::from_secs(60);
/// Where standard error is no terminal, the time left is printed at this interval.
const PLAIN_INTERVAL: Duration = Duration::from_secs(30);
/// On a terminal, at this one.
const DRAW_INTERVAL: Duration = Duration::from_secs(1);
/// A pace below this is rounding: the server's clock is read to the second.
const PACE_MIN: f64 = 1.5;

/// How waiting ended.
pub enum Waited {
    /// The look-up says READY, and the caller accepts it.
    Ready(Box<LookedUp>),
    /// A signal asked for the end.
    Interrupted,
    /// There was no answer for too long; the last failure.
    Unanswered(Error),
}

/// How to ask, and what the answer means.
pub struct Asked<'a> {
    /// Looks the challenge up; `None` once a signal has asked for the end.
    pub look_up: &'a dyn Fn() -> Result<Option<LookedUp>>,
    /// Whether it has come to READY; asked each time, since a READY that comes late may leave too little time.
    pub judge: &'a dyn Fn(&LookedUp) -> Result<Start>,
    /// Say nothing while waiting.
    pub quiet: bool,
}

/// Waits; READY is expected after this time of the server's clock.
///
/// # Errors
/// What the caller makes of an answer.
pub fn wait(asked: &Asked<'_>, after: Duration, interrupt: &Interrupt) -> Result<Waited> {
    let mut line = StatusLine::new(PLAIN_INTERVAL);
    let waited = watch(asked, after, interrupt, &mut line);
    line.clear();
    waited
}

fn watch(asked: &Asked<'_>, after: Duration, interrupt: &Interrupt, line: &mut StatusLine) -> Result<Waited> {
    let mut left = Left { after, at: Instant::now(), pace: 1.0 };
    let mut unanswered_since: Option<Instant> = None;
    let mut wait = LOOKUP_FIRST;
    loop {
        let until = Instant::now() + wait.min(left.after.max(LOOKUP_INTERVAL_MIN));
        while let Some(rest) = until.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero()) {
            if !asked.quiet {
                line.show(|_| left.text(Instant::now()));
            }
            if !interrupt.sleep(rest.min(DRAW_INTERVAL)) {
                return Ok(Waited::Interrupted);
            }
        }
        match (asked.look_up)() {
            Ok(None) => return Ok(Waited::Interrupted),
            Ok(Some(looked_up)) => {
                unanswered_since = None;
                match (asked.judge)(&looked_up)? {
                    Start::Now => return Ok(Waited::Ready(Box::new(looked_up))),
                    Start::WhenReady { after, .. } => {
                        left = left.seen(after, Instant::now());
                        wait =
                            after.div_f64(left.pace.max(1.0)).clamp(LOOKUP_INTERVAL_MIN, LOOKUP_INTERVAL_MAX);
                    }
                }
            }
            Err(error) if unanswered_since.get_or_insert_with(Instant::now).elapsed() > UNANSWERED_MAX => {
                return Ok(Waited::Unanswered(error));
            }
            Err(error) if !asked.quiet => {
                line.say(&format!("the look-up failed and is retried: {}", told(&error)));
            }
            Err(_) => {}
        }
    }
}

/// What was left at the last look-up, and how fast the server's clock has run up to it.
#[derive(Clone, Copy, Debug)]
struct Left {
    after: Duration,
    at: Instant,
    pace: f64,
}

impl Left {
    fn seen(self, after: Duration, at: Instant) -> Self {
        let ours_s = at.duration_since(self.at).as_secs_f64();
        let pace = if ours_s > 0.0 { self.after.saturating_sub(after).as_secs_f64() / ours_s } else { 1.0 };
        Self { after, at, pace }
    }

    fn text(self, now: Instant) -> String {
        let pace = if self.pace < PACE_MIN { 1.0 } else { self.pace };
        let left = self.after.saturating_sub(now.duration_since(self.at).mul_f64(pace));
        match Duration::from_secs(left.as_secs_f64().ceil() as u64) {
            Duration::ZERO => "waiting for READY, which is due by the server's clock".to_owned(),
            left => format!("waiting for READY, in {} by the server's clock", duration_text(left)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_left_goes_by_the_server_s_clock() {
        let start = Instant::now();
        let left = Left { after: s(600), at: start, pace: 1.0 };
        assert_eq!(left.text(start + s(2)), "waiting for READY, in 9m58s by the server's clock");
        // Read to the second, a clock as fast as ours seems to run a little faster or slower.
        let same = left.seen(s(598), start + s(2));
        assert_eq!(same.text(start + s(12)), "waiting for READY, in 9m48s by the server's clock");
        let fast = left.seen(s(480), start + s(2));
        assert_eq!(fast.text(start + s(3)), "waiting for READY, in 7m by the server's clock");
        assert_eq!(fast.text(start + s(60)), "waiting for READY, which is due by the server's clock");
    }

    #[test]
    fn two_look_ups_at_once_do_not_change_the_pace() {
        let at = Instant::now();
        let left = Left { after: s(10), at, pace: 1.0 }.seen(s(9), at);
        assert!((left.pace - 1.0).abs() < f64::EPSILON);
    }
}
