//! What a worker knows of waits: how long replies take lately, and when this machine last stood
//! still.
//!
//! Shared by a worker's sessions, so that none keeps it for itself. Knows no clock. Invariant: only
//! round trips that can belong to one PING alone are learned from (Karn's algorithm, RFC 6298,
//! section 3).

use std::time::Duration;

use startline_os::tick::{Tick, Ticks};

/// Each round trip below the longest lately takes this share of the difference off it.
const DECAY_SHARE: u32 = 64;
/// A reply may take this many times the longest round trip lately and still be a usual one.
const USUAL_TIMES: u32 = 4;
/// Whatever was seen: a reply within this share of its timeout is a usual one.
const USUAL_SHARE: u32 = 10;
/// Servers and proxies give up on a silent client after this at the earliest, or after an interval
/// of its heartbeat.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(5);
/// … and within this at the latest: idle limits of a minute are looked at every half minute.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(90);

/// As many as a scenario can have.
const HEARTBEATS_MAX: usize = crate::scenario::every::EVERY_MAX;

/// See the module's documentation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waits {
    /// By heartbeat.
    longest_lately: [Ticks; HEARTBEATS_MAX],
    stall: Option<Stall>,
}

/// The last time this worker did not run although it had to.
#[derive(Clone, Copy, Debug)]
struct Stall {
    ended: Tick,
    lasted: Ticks,
}

impl Waits {
    /// The worker did not run for so long, until `ended`.
    pub fn stalled(&mut self, ended: Tick, lasted: Ticks) {
        let before = self.stall.filter(|it| ended.since(it.ended).as_duration() < GIVEN_UP_WITHIN);
        let longest = before.map_or(lasted, |it| it.lasted.max(lasted));
        self.stall = Some(Stall { ended, lasted: longest });
    }

    /// Forgets a stall that no wait can reach back to; to be called at least every few hours, since
    /// ticks wrap.
    pub fn forget_old(&mut self, now: Tick) {
        self.stall = self.stall.filter(|it| now.since(it.ended).as_duration() < Duration::from_secs(3_600));
    }

    /// Whether the worker stalled at some time since `since`.
    pub fn stalled_since(&self, since: Tick, now: Tick) -> bool {
        self.stall.is_some_and(|it| now.since(it.ended) < now.since(since))
    }

    /// Whether a peer may have given up on a session because of a stall: one that was long, for a
    /// heartbeat of this interval, and ended not long ago.
    pub fn may_be_given_up(&self, now: Tick, interval: Ticks) -> bool {
        let limit = Ticks::from_duration(GIVEN_UP_AFTER).min(interval);
        self.stall
            .is_some_and(|it| it.lasted >= limit && now.since(it.ended).as_duration() <= GIVEN_UP_WITHIN)
    }

    /// A reply came that can answer one PING only.
    pub(super) fn answered(&mut self, heartbeat: usize, round_trip: Ticks) {
        let Some(lately) = self.longest_lately.get_mut(heartbeat) else { return };
        let longest = lately.raw();
        let below = longest.saturating_sub(round_trip.raw());
        *lately = round_trip.max(Ticks::from_raw(longest - below.div_ceil(DECAY_SHARE)));
    }

    /// Whether a reply usually comes so soon after its PING.
    pub(super) fn is_usual(&self, heartbeat: usize, round_trip: Ticks, timeout: Ticks) -> bool {
        let lately = self.longest_lately.get(heartbeat).map_or(0, |lately| lately.raw());
        let lately = lately.saturating_mul(USUAL_TIMES);
        round_trip.raw() <= lately.max(timeout.raw() / USUAL_SHARE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(millis: u64) -> Ticks {
        Ticks::from_duration(Duration::from_millis(millis))
    }

    #[test]
    fn what_is_usual_follows_the_longest_round_trips_lately() {
        let mut waits = Waits::default();
        let timeout = ticks(5_000);
        assert!(waits.is_usual(0, ticks(500), timeout) && !waits.is_usual(0, ticks(501), timeout));
        waits.answered(0, ticks(300));
        assert!(waits.is_usual(0, ticks(1_199), timeout) && !waits.is_usual(0, ticks(1_201), timeout));
        for _ in 0..1_000 {
            waits.answered(0, ticks(1));
        }
        assert!(!waits.is_usual(0, ticks(501), timeout), "servers that were slow once are not slow for ever");
    }

    #[test]
    fn a_stall_explains_waits_that_began_before_its_end() {
        let mut waits = Waits::default();
        let at = |millis| Tick::from_raw(u32::MAX - 1_000) + ticks(millis);
        assert!(!waits.stalled_since(at(0), at(1_000)));
        waits.stalled(at(1_000), ticks(600));
        assert!(waits.stalled_since(at(900), at(1_500)));
        assert!(!waits.stalled_since(at(1_000), at(1_500)));
        waits.forget_old(at(3_599_000));
        assert!(waits.stalled_since(at(900), at(3_599_000)));
        waits.forget_old(at(3_602_000));
        assert!(!waits.stalled_since(at(900), at(3_602_000)));
    }

    #[test]
    fn only_a_long_stall_makes_a_peer_give_up() {
        let mut waits = Waits::default();
        let at = |millis| Tick::from_raw(7) + ticks(millis);
        waits.stalled(at(10_000), ticks(6_000));
        assert!(waits.may_be_given_up(at(11_000), ticks(30_000)));
        assert!(!waits.may_be_given_up(at(101_000), ticks(30_000)));
        waits.stalled(at(12_000), ticks(200));
        assert!(waits.may_be_given_up(at(12_500), ticks(30_000)), "the long one was just before");
        waits.stalled(at(112_000), ticks(200));
        assert!(!waits.may_be_given_up(at(112_500), ticks(30_000)));
        assert!(waits.may_be_given_up(at(112_500), ticks(100)), "a heartbeat was left out");
    }
}
