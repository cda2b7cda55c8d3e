//! Computes how many workers and source addresses a run needs, where the user does not set them.
//!
//! Arithmetic, except [`Limits::read`]. Knows nothing of settings; whether a plan fits this machine
//! is the doctor's question. Invariant: the numbers fit the limits given, or no numbers would.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use startline_os::descriptors;
use startline_os::port_range::PortRange;
use startline_os::time_wait::time_wait;

use super::sources::{self, LOOPBACK_MAX};

/// Engine threads at most. More than cores only help where one descriptor table is too small for a
/// core's share of the sessions.
pub const WORKERS_MAX: usize = 256;

/// The limits of this machine that decide how many workers and addresses a run needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// RLIMIT_NOFILE, hard: the soft limit can be raised to it without privilege.
    pub descriptors_hard: u64,
    /// Local ports of an address that are not reserved; `None` where that cannot be read.
    pub ports: Option<u32>,
    /// How long a port stays in use after its connection over loopback has closed.
    pub loopback_time_wait: Duration,
}

impl Limits {
    /// Reads this machine's limits, the files under `root`.
    pub fn read(root: &Path) -> Self {
        let (_, descriptors_hard) = descriptors::limits();
        let reuse = fs::read_to_string(root.join("proc/sys/net/ipv4/tcp_tw_reuse")).unwrap_or_default();
        // Without the file no port is reused.
        let tw_reuse = reuse.trim().parse().unwrap_or(0);
        Self {
            descriptors_hard,
            ports: PortRange::read(root).map(|range| range.free()),
            loopback_time_wait: time_wait(tw_reuse, true),
        }
    }
}

/// Returns how many of `sessions`, which begin evenly over the ramp, begin within `span` at most.
pub fn closed_within(sessions: u32, ramp: Duration, span: Duration) -> u64 {
    if ramp <= span {
        return u64::from(sessions);
    }
    (f64::from(sessions) * span.as_secs_f64() / ramp.as_secs_f64()).ceil() as u64
}

/// Descriptors of a worker other than its sessions': standard streams, epoll, timer, a library's
/// own.
pub const DESCRIPTORS_OF_A_WORKER: u64 = 64;

/// The share of an address's ports that others may use: listeners, other programs, the remainders
/// of cutting slices.
const PORTS_TO_SPARE: f64 = 0.02;

/// Returns the workers for `sessions`: one a core, and more where a descriptor table of
/// `descriptors_hard` does not hold a worker's share and its `shared` HTTP connections (each worker
/// has a table of its own).
pub fn workers(sessions: u32, shared: u32, cores: usize, descriptors_hard: u64) -> usize {
    let own = DESCRIPTORS_OF_A_WORKER + u64::from(shared);
    let of_a_worker = descriptors_hard.saturating_sub(own).max(1);
    cores.max(usize::try_from(u64::from(sessions).div_ceil(of_a_worker)).unwrap_or(usize::MAX))
}

/// Standard deviations above the mean that each listener has room for: one in a billion gets more.
const SPREAD: f64 = 6.0;
/// The share of a listener's connections that are short HTTP connections beside the held ones.
const IN_BETWEEN: f64 = 0.02;

/// Returns the connections of the fullest of `workers` with a listener each. The kernel spreads
/// connections over listeners by a hash, so the fullest has more than its share: `SPREAD`
/// standard deviations, and the short HTTP connections.
pub fn fullest_share(connections: u64, workers: usize) -> u64 {
    let share = connections as f64 / workers.max(1) as f64;
    // No listener has more than all connections.
    let held = (share + SPREAD * share.sqrt()).min(connections as f64);
    (held + share * IN_BETWEEN).ceil() as u64
}

/// Returns the workers of the built-in mock server: one a core, and more where a descriptor table
/// does not hold [`fullest_share`], up to [`WORKERS_MAX`].
pub fn mock_workers(connections: u32, cores: usize, descriptors_hard: u64) -> usize {
    let room = descriptors_hard.saturating_sub(DESCRIPTORS_OF_A_WORKER);
    let most = WORKERS_MAX.max(cores);
    let fits = |workers: &usize| fullest_share(connections.into(), *workers) <= room;
    (cores.max(1)..=most).find(fits).unwrap_or(most)
}

/// Returns loopback addresses for `needed` ports in use at once, where each address has `ports`;
/// none where the one address that the kernel chooses has enough.
pub fn loopback_sources(needed: u64, ports: u32) -> Vec<IpAddr> {
    let usable = f64::from(ports) * (1.0 - PORTS_TO_SPARE);
    let addresses = (needed as f64 / usable.max(1.0)).ceil() as usize;
    if addresses <= 1 { Vec::new() } else { sources::of_loopback(addresses.min(LOOPBACK_MAX)) }
}

/// Returns how much slower than real time the mock server's challenge runs, so that READY, which
/// lasts five minutes, lasts the ramp and a ninth more. `None`: the ramp fits in real time.
pub fn mock_time_scale(ramp: Duration) -> Option<f64> {
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
    fn the_mock_has_room_for_an_uneven_spread() {
        assert_eq!(mock_workers(6_000, 2, 20_000), 2);
        let many = mock_workers(1_000_000, 2, 20_000);
        assert!((53..=56).contains(&many), "{many}");
        assert_eq!(mock_workers(4_000, 2, 140), 105, "38 each, and as many again for the spread");
        assert_eq!(mock_workers(4_000, 2, 64), 256, "no number fits, and there are no thousands of threads");
        assert_eq!(mock_workers(100, 300, 64), 300);
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
    fn this_machine_has_limits() {
        let limits = Limits::read(Path::new("/"));
        assert!(limits.ports.is_some() && limits.descriptors_hard > 0);
        let nowhere = Limits::read(Path::new("/nowhere"));
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
    fn the_mocks_challenge_waits_for_long_ramps() {
        assert_eq!(mock_time_scale(Duration::from_secs(270)), None);
        assert_eq!(mock_time_scale(Duration::from_secs(540)), Some(0.5));
    }
}
