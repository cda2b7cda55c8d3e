//! How many workers and source addresses a run needs, where nobody says.
//!
//! Arithmetic, but for [`Room::read`]; whether a plan fits is [`crate::doctor`]'s to say. Invariant: what comes of it fits the limits
//! that went in, or there is nothing that would.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::sources::{self, LOOPBACK_MAX};
use crate::engine::{descriptors, ports};

/// How long the kernel keeps a closed connection's ports (TCP_TIMEWAIT_LEN).
pub const TIME_WAIT: Duration = Duration::from_secs(60);
/// … and where `tcp_tw_reuse` lets a new connection have them.
pub const TIME_WAIT_REUSED: Duration = Duration::from_secs(1);

/// What of this box decides how many there have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// RLIMIT_NOFILE, hard: as far as the soft one can be raised without privilege.
    pub descriptors_hard: u64,
    /// `net.ipv4.ip_local_port_range`, both ends included; none where it cannot be read.
    pub port_range: Option<(u16, u16)>,
    /// How long a port is taken after its connection over loopback has closed.
    pub loopback_time_wait: Duration,
}

impl Room {
    /// Reads this box's, its files under `root`.
    ///
    /// # Errors
    /// The descriptor limit cannot be asked for.
    pub fn read(root: &Path) -> io::Result<Self> {
        let (_, descriptors_hard) = descriptors::limits()?;
        let file =
            |name: &str| fs::read_to_string(root.join("proc/sys/net/ipv4").join(name)).unwrap_or_default();
        // Kernels before 4.19 know no 2, which is for loopback alone; without the file nothing is reused.
        let is_reused = matches!(file("tcp_tw_reuse").trim(), "1" | "2");
        Ok(Self {
            descriptors_hard,
            port_range: ports::parse_range(&file("ip_local_port_range")),
            loopback_time_wait: if is_reused { TIME_WAIT_REUSED } else { TIME_WAIT },
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
/// share (each worker has a table of its own).
pub fn workers(sessions: u32, cores: usize, descriptors_hard: u64) -> usize {
    let of_a_worker = descriptors_hard.saturating_sub(DESCRIPTORS_OF_A_WORKER).max(1);
    cores.max(usize::try_from(u64::from(sessions).div_ceil(of_a_worker)).unwrap_or(usize::MAX))
}

/// Workers of the stand-in for so many sessions. The kernel spreads connections over its listeners by a hash, so that the
/// fullest worker has more than its share: six standard deviations are allowed for, and the HTTP connections in between.
pub fn stand_in_workers(sessions: u32, cores: usize, descriptors_hard: u64) -> usize {
    let room = descriptors_hard.saturating_sub(DESCRIPTORS_OF_A_WORKER) as f64;
    let fullest = |workers: usize| {
        let share = f64::from(sessions) / workers as f64;
        share + 6.0 * share.sqrt() + share * 0.02
    };
    let most = (sessions as usize).max(1);
    (cores.max(1)..=most).find(|workers| fullest(*workers) <= room).unwrap_or(most.max(cores))
}

/// Addresses of loopback for so many ports in use at once: none where the kernel's own choice has them.
pub fn loopback_sources(ports: u64, range: (u16, u16)) -> Vec<IpAddr> {
    let of_an_address = u64::from(range.1.saturating_sub(range.0)) + 1;
    if ports <= of_an_address {
        return Vec::new();
    }
    let usable = of_an_address as f64 * (1.0 - PORTS_TO_SPARE);
    sources::of_loopback(((ports as f64 / usable).ceil() as usize).min(LOOPBACK_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_added_beyond_the_cores_only_for_descriptors() {
        assert_eq!(workers(6_000, 2, 20_000), 2);
        assert_eq!(workers(39_872, 2, 20_000), 2);
        assert_eq!(workers(39_873, 2, 20_000), 3);
        assert_eq!(workers(1_000_000, 2, 20_000), 51);
        assert_eq!(workers(1_000_000, 32, 1 << 20), 32);
        assert_eq!(workers(10, 4, 0), 10, "no limit makes it divide by zero");
    }

    #[test]
    fn the_stand_in_has_room_for_an_uneven_spread() {
        assert_eq!(stand_in_workers(6_000, 2, 20_000), 2);
        let many = stand_in_workers(1_000_000, 2, 20_000);
        assert!((53..=56).contains(&many), "{many}");
        assert!(stand_in_workers(100, 2, 0) >= 2);
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
        assert!(room.port_range.is_some() && room.descriptors_hard > 0);
        let nowhere = Room::read(Path::new("/nowhere")).expect("files may be missing");
        assert_eq!((nowhere.port_range, nowhere.loopback_time_wait), (None, TIME_WAIT));
    }

    #[test]
    fn loopback_addresses_as_needed() {
        let range = (32_768, 60_999);
        assert!(loopback_sources(28_232, range).is_empty(), "the kernel's own choice does");
        assert_eq!(loopback_sources(28_233, range).len(), 2);
        assert_eq!(loopback_sources(1_000_000, range).len(), 37);
        assert_eq!(loopback_sources(1_000_000, (1_024, 65_535)).len(), 16);
        assert_eq!(loopback_sources(u64::MAX, range).len(), LOOPBACK_MAX);
    }
}
