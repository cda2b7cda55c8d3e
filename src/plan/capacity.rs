//! How many workers and source addresses a run needs, where nobody says.
//!
//! Arithmetic, but for [`Room::read`]; whether a plan fits is [`crate::doctor`]'s to say. Invariant: what comes of it fits the limits
//! that went in, or there is nothing that would.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use startline_os::descriptors;
use startline_os::port_range::PortRange;
use startline_os::time_wait::time_wait;

use super::settings::WORKERS_MAX;
use super::sources::{self, LOOPBACK_MAX};

/// What of this box decides how many there have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// RLIMIT_NOFILE, hard: as far as the soft one can be raised without privilege.
    pub descriptors_hard: u64,
    /// Local ports of an address that are not reserved; none where that cannot be read.
    pub ports: Option<u32>,
    /// How long a port is taken after its connection over loopback has closed.
    pub loopback_time_wait: Duration,
}

impl Room {
    /// Reads this box's, its files under `root`.
    ///
    /// # Errors
    /// The descriptor limit cannot be asked for.
    pub fn read(root: &Path) -> io::Result<Self> {
        let (_, descriptors_hard) = descriptors::limits();
        let reuse = fs::read_to_string(root.join("proc/sys/net/ipv4/tcp_tw_reuse")).unwrap_or_default();
        // Without the file nothing is reused.
        let tw_reuse = reuse.trim().parse().unwrap_or(0);
        Ok(Self {
            descriptors_hard,
            ports: PortRange::read(root).map(|range| range.free()),
            loopback_time_wait: time_wait(tw_reuse, true),
        })
    }
}

/// Of so many that begin evenly over the ramp, those that begin within such a span, at most.
pub fn closed_within(sessions: u32, ramp: Duration, span: Duration) -> u64 {
    if ramp <= span {
        return u64::from(sessions);
    }
    (f64::from(sessions) * span.as_secs_f64() / ramp.as_secs_f64()).ceil() as u64
}

/// Descriptors of a worker besides its sessions': standard streams, epoll, timer, a library's own.
pub const DESCRIPTORS_OF_A_WORKER: u64 = 64;

/// Of a worker's ports, what others may be using: listeners, other programs, the remainders of cutting slices.
const PORTS_TO_SPARE: f64 = 0.02;

/// Workers for so many sessions: one a core, and more where a descriptor table of `descriptors_hard` does not hold a worker's
/// share beside its `shared` HTTP connections (each worker has a table of its own).
pub fn workers(sessions: u32, shared: u32, cores: usize, descriptors_hard: u64) -> usize {
    let own = DESCRIPTORS_OF_A_WORKER + u64::from(shared);
    let of_a_worker = descriptors_hard.saturating_sub(own).max(1);
    cores.max(usize::try_from(u64::from(sessions).div_ceil(of_a_worker)).unwrap_or(usize::MAX))
}

/// Standard deviations above the mean that a listener is allowed for: one table in a billion has more.
const SPREAD: f64 = 6.0;
/// Of a listener's connections, the HTTP connections that are open in between.
const IN_BETWEEN: f64 = 0.02;

/// Connections of the fullest of so many workers with a listener each. The kernel spreads connections over listeners by a hash,
/// so that the fullest has more than its share: six standard deviations are allowed for, and the HTTP connections in between.
pub fn fullest_share(connections: u64, workers: usize) -> u64 {
    let share = connections as f64 / workers.max(1) as f64;
    // None has more than all of them.
    let held = (share + SPREAD * share.sqrt()).min(connections as f64);
    (held + share * IN_BETWEEN).ceil() as u64
}

/// Workers of the stand-in for so many connections: one a core, and more where a descriptor table does not hold
/// [`fullest_share`], as many as a run has at most.
pub fn stand_in_workers(connections: u32, cores: usize, descriptors_hard: u64) -> usize {
    let room = descriptors_hard.saturating_sub(DESCRIPTORS_OF_A_WORKER);
    let most = WORKERS_MAX.max(cores);
    let fits = |workers: &usize| fullest_share(connections.into(), *workers) <= room;
    (cores.max(1)..=most).find(fits).unwrap_or(most)
}

/// Addresses of loopback for so many ports in use at once, of which each address has `ports`: none where the kernel's own choice has
/// them.
pub fn loopback_sources(needed: u64, ports: u32) -> Vec<IpAddr> {
    let usable = f64::from(ports) * (1.0 - PORTS_TO_SPARE);
    let addresses = (needed as f64 / usable.max(1.0)).ceil() as usize;
    if addresses <= 1 { Vec::new() } else { sources::of_loopback(addresses.min(LOOPBACK_MAX)) }
}

/// READY lasts five minutes, and a longer ramp does not fit: how much slower than real time the stand-in's challenge lives then, so that READY
/// lasts the ramp and a ninth more. `None`: it lives in real time.
pub fn stand_in_time_scale(ramp: Duration) -> Option<f64> {
    const RAMP_IN_READY: Duration = Duration::from_secs(270);
    (ramp > RAMP_IN_READY).then(|| RAMP_IN_READY.as_secs_f64() / ramp.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use startline_os::time_wait::TIME_WAIT;

    use super::*;

    #[test]
    fn workers_are_added_beyond_the_cores_only_for_descriptors() {
        assert_eq!(workers(6_000, 0, 2, 20_000), 2);
        assert_eq!(workers(39_872, 0, 2, 20_000), 2);
        assert_eq!(workers(39_873, 0, 2, 20_000), 3);
        assert_eq!(workers(39_872, 32, 2, 20_000), 3, "shared connections are the worker's, too");
        assert_eq!(workers(1_000_000, 0, 2, 20_000), 51);
        assert_eq!(workers(1_000_000, 0, 32, 1 << 20), 32);
        assert_eq!(workers(10, 0, 4, 0), 10, "no limit makes it divide by zero");
    }

    #[test]
    fn the_stand_in_has_room_for_an_uneven_spread() {
        assert_eq!(stand_in_workers(6_000, 2, 20_000), 2);
        let many = stand_in_workers(1_000_000, 2, 20_000);
        assert!((53..=56).contains(&many), "{many}");
        assert_eq!(stand_in_workers(4_000, 2, 140), 105, "38 each, and as many again for the spread");
        assert_eq!(
            stand_in_workers(4_000, 2, 64),
            256,
            "no number fits, and there are no thousands of threads"
        );
        assert_eq!(stand_in_workers(100, 300, 64), 300);
    }

    #[test]
    fn the_fullest_worker_has_more_than_its_share() {
        assert_eq!(fullest_share(10_000, 1), 10_200);
        // 5,000, six times 70.7 more, and 100 in between.
        assert_eq!(fullest_share(10_000, 2), 5_525);
        assert_eq!(fullest_share(10, 2), 11, "none has more than all of them");
        assert_eq!(fullest_share(0, 0), 0);
    }

    #[test]
    fn a_ramp_longer_than_the_wait_has_a_share_of_it_waiting() {
        let wait = Duration::from_secs(60);
        assert_eq!(closed_within(20_000, wait, wait), 20_000);
        assert_eq!(closed_within(20_000, 4 * wait, wait), 5_000);
    }

    #[test]
    fn this_box_has_room() {
        let room = Room::read(Path::new("/")).expect("Linux has these");
        assert!(room.ports.is_some() && room.descriptors_hard > 0);
        let nowhere = Room::read(Path::new("/nowhere")).expect("files may be missing");
        assert_eq!((nowhere.ports, nowhere.loopback_time_wait), (None, TIME_WAIT));
    }

    #[test]
    fn loopback_addresses_as_needed() {
        let ports = 28_232;
        assert!(loopback_sources(27_667, ports).is_empty(), "the kernel's own choice does");
        assert_eq!(loopback_sources(27_668, ports).len(), 2);
        assert_eq!(loopback_sources(1_000_000, ports).len(), 37);
        assert_eq!(loopback_sources(1_000_000, 64_512).len(), 16);
        assert_eq!(loopback_sources(u64::MAX, ports).len(), LOOPBACK_MAX);
        assert_eq!(loopback_sources(10, 0).len(), 10, "every port is reserved: the doctor will say so");
    }

    #[test]
    fn the_stand_in_s_challenge_waits_for_long_ramps() {
        assert_eq!(stand_in_time_scale(Duration::from_secs(270)), None);
        assert_eq!(stand_in_time_scale(Duration::from_secs(540)), Some(0.5));
    }
}
