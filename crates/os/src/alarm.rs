//! Waking a poll to the tenth of a millisecond.
//!
//! `epoll_wait` counts its timeout in whole milliseconds, rounded up: half a millisecond of our own
//! lateness in every PING. A timerfd in the same poll is as fine as the kernel's high-resolution
//! timers. Invariant: an alarm that goes off is never read; setting it again clears it
//! (timerfd_create(2)), and edges tell of each expiry.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::tick::Tick;

/// The token of alarms; rows of sessions never get there.
pub const ALARM: Token = Token(usize::MAX);

/// Waits shorter than this are rounded up to it, so that many sessions' instants share a wake-up.
pub const SHORTEST: Duration = Duration::from_micros(100);

/// A timer that wakes a poll.
#[derive(Debug)]
pub struct Alarm {
    timer: OwnedFd,
    /// What it is set for, as long as nobody knows that it has gone off.
    set_for: Option<Tick>,
}

impl Alarm {
    /// An alarm that is not set, registered under [`ALARM`].
    ///
    /// # Errors
    /// The system's, when it has no descriptor left.
    pub fn new(registry: &Registry) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), ALARM, Interest::READABLE)?;
        Ok(Self { timer, set_for: None })
    }

    /// Has the poll woken at `due`. A system call only if it is not set for that already.
    pub fn wake_at(&mut self, due: Tick, now: Tick) {
        if self.set_for == Some(due) && !now.reached(due) {
            return;
        }
        self.set_for = Some(due);
        let wait = due.since(now).as_duration().max(SHORTEST);
        let value = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
        let once = Itimerspec { it_interval: Timespec::default(), it_value: value };
        // It can fail for wrong arguments only; the poll's own timeout is there all the same.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once);
    }
}

#[cfg(test)]
mod tests {
    use mio::{Events, Poll};

    use super::*;
    use crate::tick::Ticks;

    #[test]
    fn every_setting_wakes_the_poll_once_more() {
        let mut poll = Poll::new().expect("a poll");
        let mut alarm = Alarm::new(poll.registry()).expect("a timer");
        let mut events = Events::with_capacity(4);
        for round in 0..3 {
            let now = Tick::from_micros(round * 1_000);
            alarm.wake_at(now + Ticks::from_duration(Duration::from_micros(200)), now);
            poll.poll(&mut events, Some(Duration::from_secs(30))).expect("a wake-up");
            assert_eq!(events.iter().map(|event| event.token()).collect::<Vec<_>>(), [ALARM]);
        }
    }
}
