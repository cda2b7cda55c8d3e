//! How many workers and source addresses a run needs, where nobody says.
//!
//! Arithmetic only. Invariant: what comes of it fits the limits that went in, or there is nothing that would.

use std::net::IpAddr;

use super::sources::{self, LOOPBACK_MAX};

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
    fn loopback_addresses_as_needed() {
        let range = (32_768, 60_999);
        assert!(loopback_sources(28_232, range).is_empty(), "the kernel's own choice does");
        assert_eq!(loopback_sources(28_233, range).len(), 2);
        assert_eq!(loopback_sources(1_000_000, range).len(), 37);
        assert_eq!(loopback_sources(1_000_000, (1_024, 65_535)).len(), 16);
        assert_eq!(loopback_sources(u64::MAX, range).len(), LOOPBACK_MAX);
    }
}
