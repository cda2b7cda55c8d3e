//! The servers' clock: the process's one, and a wall clock that may run faster.
//!
//! Read once a turn of a loop. Invariant: both times of a [`Moment`] come from one reading, and
//! neither ever goes back.

use std::time::Duration;

use startline_os::clock::Clock;
use startline_os::tick::Tick;

use crate::world::Now;

/// One reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// For timers.
    pub(super) tick: Tick,
    /// For the world.
    pub(super) now: Now,
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerClock {
    clock: Clock,
    unix_ms_at_start: u64,
    scale: f64,
}

impl ServerClock {
    /// A clock whose wall time is right now, and from here on runs `scale` times as fast.
    pub(super) fn start(scale: f64) -> Self {
        let clock = Clock::start();
        Self { clock, unix_ms_at_start: clock.unix_ms(), scale }
    }

    /// Unix milliseconds of its start.
    pub(super) fn started_unix_ms(&self) -> u64 {
        self.unix_ms_at_start
    }

    /// Real time since its start.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Reads it.
    pub(super) fn read(&self) -> Moment {
        let elapsed = self.clock.elapsed();
        let scaled_ms = elapsed.as_secs_f64() * 1000.0 * self.scale;
        Moment {
            tick: self.clock.tick_at(elapsed),
            now: Now {
                real_ms: self.unix_ms_at_start + elapsed.as_millis() as u64,
                wall_ms: self.unix_ms_at_start.saturating_add(scaled_ms as u64),
            },
        }
    }
}

/// The wall clock as the servers write local times: ISO 8601 without a zone.
pub(super) fn local_time(wall_ms: u64, zone: &jiff::tz::TimeZone) -> String {
    let timestamp = jiff::Timestamp::from_millisecond(wall_ms as i64).unwrap_or_default();
    zone.to_datetime(timestamp).to_string()
}

/// The wall clock as HTTP's `Date` writes it.
pub(super) fn http_date(wall_ms: u64) -> String {
    let timestamp = jiff::Timestamp::from_millisecond(wall_ms as i64).unwrap_or_default();
    timestamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads a local time to the Unix millisecond; `None` when it is not one or carries a zone.
pub(super) fn parse_local_time(text: &str, zone: &jiff::tz::TimeZone) -> Option<u64> {
    let (_, time) = text.split_once('T')?;
    if time.contains(['+', '-', 'Z', 'z', '[']) {
        return None;
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    let timestamp = zone.to_timestamp(local).ok()?;
    u64::try_from(timestamp.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_read_back_as_written() {
        let zone = jiff::tz::TimeZone::get("Asia/Seoul").unwrap();
        assert_eq!(local_time(1_700_000_000_000, &zone), "2023-11-15T07:13:20");
        assert_eq!(parse_local_time("2023-11-15T07:13:20", &zone), Some(1_700_000_000_000));
        assert_eq!(parse_local_time("2023-11-15T07:13:20.5", &zone), Some(1_700_000_000_500));
        for wrong in ["2023-11-15", "2023-11-15T07:13:20Z", "2023-11-15T07:13:20+09:00", "soon", ""] {
            assert_eq!(parse_local_time(wrong, &zone), None, "{wrong}");
        }
    }

    #[test]
    fn the_date_header_is_in_its_fixed_form() {
        assert_eq!(http_date(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_scaled_clock_runs_away_from_the_real_one() {
        let clock = ServerClock::start(1_000_000.0);
        let first = clock.read();
        let later = std::iter::repeat_with(|| clock.read())
            .find(|moment| moment.now.real_ms > first.now.real_ms)
            .unwrap();
        assert!(later.now.wall_ms - first.now.wall_ms >= 1_000);
    }
}
