//! How far the wall clock may be off, by the kernel's own books: what keeps it (chrony, systemd-timesyncd)
//! tells the kernel its bound with every correction.
//!
//! Reads only. Invariant: a bound that nobody keeps up is none: an unsynchronised clock has no error that
//! anyone knows.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How good the wall clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallClock {
    /// Whether something keeps it in time.
    pub is_synchronised: bool,
    /// How far it is off at most, while something does.
    pub error_max: Option<Duration>,
}

/// Asks the kernel.
///
/// # Errors
/// It refuses, as some containers' rules have it.
pub fn read() -> io::Result<WallClock> {
    // SAFETY: `timex` is a plain struct of integers, of which all zeroes are a value; no mode asks for a
    // change, so the call only fills it in.
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&mut timex), timex)
    };
    match state {
        -1 => Err(io::Error::last_os_error()),
        state => Ok(of(state, timex.status, timex.maxerror)),
    }
}

fn of(state: i32, status: i32, error_micros: i64) -> WallClock {
    let is_synchronised = state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0;
    let error = u64::try_from(error_micros).ok().map(Duration::from_micros);
    WallClock { is_synchronised, error_max: error.filter(|_| is_synchronised) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_nobody_keeps_has_no_bound() {
        let bound = Duration::from_millis(12);
        assert_eq!(of(libc::TIME_OK, 0, 12_000), WallClock { is_synchronised: true, error_max: Some(bound) });
        for (state, status) in [(libc::TIME_ERROR, 0), (libc::TIME_OK, libc::STA_UNSYNC)] {
            assert_eq!(of(state, status, 12_000), WallClock { is_synchronised: false, error_max: None });
        }
    }

    #[test]
    fn the_kernel_answers() {
        match read() {
            Ok(clock) => assert_eq!(clock.is_synchronised, clock.error_max.is_some()),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EPERM)),
        }
    }
}
