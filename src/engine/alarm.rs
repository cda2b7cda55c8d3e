//! Waking a poll to the tenth of a millisecond.
//!
//! `epoll_wait` counts its timeout in whole milliseconds, rounded up: half a millisecond of our own lateness in every
//! PING. A timerfd in the same poll is as fine as the kernel's high-resolution timers. Invariant: an alarm that
//! goes off is never read; setting it again clears it (timerfd_create(2)), and edges tell of each expiry.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

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
        // SAFETY: the call takes two integers; a descriptor that it returns is ours alone.
        let timer = unsafe {
            let fd = libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
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
        let value = libc::timespec {
            tv_sec: wait.as_secs() as libc::time_t,
            tv_nsec: wait.subsec_nanos() as libc::c_long,
        };
        let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = libc::itimerspec { it_interval: never, it_value: value };
        // SAFETY: the descriptor is open as long as `self`, `spec` outlives the call, and no old value is asked for.
        // It can fail for wrong arguments only; the poll's own timeout is there all the same.
        unsafe { libc::timerfd_settime(self.timer.as_raw_fd(), 0, &raw const spec, std::ptr::null_mut()) };
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
