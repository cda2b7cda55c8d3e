//! What this box allows a run: descriptors and ports, read once and judged against the plan's need.
//!
//! Judging is pure: readings come in, so tests make them up. Only [`Readings::of_this_box`] and
//! [`raise_descriptors`] touch the system. Invariant: a refusal has both numbers and the remedy.

use std::io;
use std::time::Duration;

use super::capacity::DESCRIPTORS_OF_A_WORKER;
use crate::units::grouped;

/// Ports when the range is opened as far as it is sensible.
const WIDEST_RANGE: (u16, u16) = (1024, 65535);

/// How long the kernel keeps a closed connection's ports (TCP_TIMEWAIT_LEN).
const TIME_WAIT: Duration = Duration::from_secs(60);
/// … and where `tcp_tw_reuse` lets a new connection have them.
const TIME_WAIT_REUSED: Duration = Duration::from_secs(1);

/// What the system says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readings {
    /// RLIMIT_NOFILE, hard: as far as the soft one can be raised without privilege.
    pub descriptors_hard: u64,
    /// `net.ipv4.ip_local_port_range`, both ends included.
    pub port_range: (u16, u16),
    /// `net.ipv4.tcp_tw_reuse`: 0 never, 1 always, 2 on loopback only.
    pub tw_reuse: u8,
}

/// Why the plan does not fit this box.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// RLIMIT_NOFILE is too low.
    #[error(
        "{} descriptors are needed ({what}) and the hard limit is {}: take more --workers, or run \"ulimit -Hn {needed}\" as root in this \
         shell, or set it in /etc/security/limits.conf (\"* hard nofile {needed}\") and log in again",
        grouped(*needed), grouped(*allowed)
    )]
    Descriptors {
        /// Open at once at most.
        needed: u64,
        /// The hard limit.
        allowed: u64,
        /// How the need comes about.
        what: String,
    },
    /// The range of local ports is too small, and can be opened far enough.
    #[error(
        "{} local ports are needed at the peak ({what}) and the range {}-{} has {}: run \
         sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"{slower}",
        grouped(*needed), range.0, range.1, grouped(ports(*range))
    )]
    Ports {
        /// In use at once at most.
        needed: u64,
        /// The range as it is.
        range: (u16, u16),
        /// How the need comes about.
        what: String,
        /// Another remedy, if a slower ramp would be enough.
        slower: &'static str,
    },
    /// More than one source address has.
    #[error(
        "{} local ports are needed at the peak ({what}) and one source address has {} to one target at most: \
         {remedy}",
        grouped(*needed), grouped(ports(WIDEST_RANGE))
    )]
    PortsOfOneAddress {
        /// In use at once at most.
        needed: u64,
        /// How the need comes about.
        what: String,
        /// What can be done.
        remedy: &'static str,
    },
}

/// What a plan takes of this box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Sessions, each with one connection at a time.
    pub sessions: u32,
    /// Threads, each with a descriptor table of its own.
    pub workers: usize,
    /// Source addresses that connections are spread over.
    pub source_addresses: u32,
    /// From the first arrival to the last.
    pub ramp: Duration,
    /// Each session makes an HTTP connection and closes it before its WebSocket.
    pub http_first: bool,
    /// … unless they share so many HTTP connections, which all workers together have open at most.
    pub http_shared: Option<u32>,
    /// Whether the target is on this box.
    pub loopback: bool,
    /// Addresses of the target that connections are spread over.
    pub target_addresses: u32,
}

impl Readings {
    /// Reads this box's limits.
    ///
    /// # Errors
    /// The system's, naming what cannot be read.
    pub fn of_this_box() -> io::Result<Self> {
        let (_, descriptors_hard) = descriptors()?;
        let port_range = read_numbers("/proc/sys/net/ipv4/ip_local_port_range")?;
        let [first, last] = port_range[..] else {
            return Err(io::Error::other("net.ipv4.ip_local_port_range is not two numbers"));
        };
        // Kernels before 4.19 know no 2; without the file nothing is reused.
        let tw_reuse = read_numbers("/proc/sys/net/ipv4/tcp_tw_reuse").ok().and_then(|n| n.first().copied());
        Ok(Self { descriptors_hard, port_range: (first, last), tw_reuse: tw_reuse.unwrap_or(0) as u8 })
    }

    /// How long a port is taken after its connection has closed.
    fn time_wait(&self, loopback: bool) -> Duration {
        match self.tw_reuse {
            1 => TIME_WAIT_REUSED,
            2 if loopback => TIME_WAIT_REUSED,
            _ => TIME_WAIT,
        }
    }
}

impl Need {
    /// Judges the need against the readings.
    ///
    /// # Errors
    /// The first limit that the plan does not fit.
    pub fn check(&self, readings: &Readings) -> Result<(), LimitError> {
        self.check_descriptors(readings)?;
        self.check_ports(readings)
    }

    /// Ports in use at once at most, of each source address if there were only one.
    pub fn ports(&self, readings: &Readings) -> u64 {
        let sessions = u64::from(self.sessions) + self.in_time_wait(readings);
        sessions.div_ceil(u64::from(self.target_addresses.max(1)))
    }

    /// Descriptors open at once at most in the table of one worker. The stand-in is a process of its own with the same limit and the same need.
    pub fn descriptors(&self) -> u64 {
        u64::from(self.sessions).div_ceil(self.workers.max(1) as u64)
            + u64::from(self.http_shared.unwrap_or(0))
            + DESCRIPTORS_OF_A_WORKER
    }

    fn check_descriptors(&self, readings: &Readings) -> Result<(), LimitError> {
        let needed = self.descriptors();
        if needed <= readings.descriptors_hard {
            return Ok(());
        }
        let share = needed - DESCRIPTORS_OF_A_WORKER;
        let what = format!("{} sessions a worker, and {DESCRIPTORS_OF_A_WORKER} for itself", grouped(share));
        Err(LimitError::Descriptors { needed, allowed: readings.descriptors_hard, what })
    }

    fn check_ports(&self, readings: &Readings) -> Result<(), LimitError> {
        let addresses = u64::from(self.target_addresses.max(1)) * u64::from(self.source_addresses.max(1));
        let waiting = self.in_time_wait(readings);
        let shared = u64::from(self.http_shared.unwrap_or(0));
        let needed = (u64::from(self.sessions) + shared + waiting).div_ceil(addresses);
        if needed <= ports(readings.port_range) {
            return Ok(());
        }
        let what = self.ports_reason(waiting, addresses);
        let held = u64::from(self.sessions).div_ceil(addresses);
        if needed <= ports(WIDEST_RANGE) {
            let slower = if held < ports(readings.port_range) { ", or make the ramp longer" } else { "" };
            return Err(LimitError::Ports { needed, range: readings.port_range, what, slower });
        }
        let remedy = if held < ports(WIDEST_RANGE) {
            "make the ramp longer, so that fewer wait in TIME_WAIT at once"
        } else {
            "give more source addresses (--source-ip)"
        };
        Err(LimitError::PortsOfOneAddress { needed, what, remedy })
    }

    /// HTTP connections whose ports are not free again yet, at most: those closed within the last TIME_WAIT.
    fn in_time_wait(&self, readings: &Readings) -> u64 {
        if !self.http_first || self.http_shared.is_some() {
            return 0;
        }
        let wait = readings.time_wait(self.loopback);
        if self.ramp <= wait {
            return u64::from(self.sessions);
        }
        let share = wait.as_secs_f64() / self.ramp.as_secs_f64();
        (f64::from(self.sessions) * share).ceil() as u64
    }

    fn ports_reason(&self, waiting: u64, addresses: u64) -> String {
        let sessions = grouped(self.sessions.into());
        let waiting = match waiting {
            0 => String::new(),
            waiting => format!(" and {} HTTP connections in TIME_WAIT", grouped(waiting)),
        };
        let shared = match self.http_shared {
            None => String::new(),
            Some(shared) => format!(" and {} shared HTTP connections", grouped(shared.into())),
        };
        let spread = match addresses {
            1 => String::new(),
            addresses => format!(", over {addresses} pairs of a source and a target address"),
        };
        format!("{sessions} sessions{shared}{waiting}{spread}")
    }
}

/// Raises the soft limit of descriptors to the hard one; returns it.
///
/// # Errors
/// The system's.
pub fn raise_descriptors() -> io::Result<u64> {
    let (soft, hard) = descriptors()?;
    if soft < hard {
        let limit = libc::rlimit { rlim_cur: hard, rlim_max: hard };
        // SAFETY: `limit` outlives the call, which only reads it.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(hard)
}

/// The soft and the hard limit of descriptors.
fn descriptors() -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` outlives the call, which only writes it.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((limit.rlim_cur, limit.rlim_max))
}

fn read_numbers(path: &str) -> io::Result<Vec<u16>> {
    let text = std::fs::read_to_string(path).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
    let numbers: Result<Vec<u16>, _> = text.split_whitespace().map(str::parse).collect();
    numbers.map_err(|_| io::Error::other(format!("{path} has no port numbers: {text:?}")))
}

/// Ports in a range.
fn ports(range: (u16, u16)) -> u64 {
    u64::from(range.1).saturating_sub(u64::from(range.0)) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Readings = Readings { descriptors_hard: 1 << 20, port_range: (32768, 60999), tw_reuse: 2 };

    fn need(sessions: u32, ramp_s: u64) -> Need {
        Need {
            sessions,
            workers: 1,
            source_addresses: 1,
            ramp: Duration::from_secs(ramp_s),
            http_first: true,
            http_shared: None,
            loopback: false,
            target_addresses: 1,
        }
    }

    fn refusal(need: Need, readings: Readings) -> String {
        need.check(&readings).expect_err("it does not fit").to_string()
    }

    #[test]
    fn the_guide_s_run_fits_a_default_box() {
        assert_eq!(need(6_000, 240).check(&DEFAULT), Ok(()));
        let stand_in = Need { loopback: true, ..need(6_000, 60) };
        assert_eq!(stand_in.check(&Readings { descriptors_hard: 20_000, ..DEFAULT }), Ok(()));
    }

    #[test]
    fn too_few_descriptors_say_how_many_and_how() {
        let readings = Readings { descriptors_hard: 4_096, ..DEFAULT };
        assert_eq!(
            refusal(need(6_000, 240), readings),
            "6,064 descriptors are needed (6,000 sessions a worker, and 64 for itself) and the hard limit is 4,096: \
             take more --workers, or run \"ulimit -Hn 6064\" as root in this shell, or set it in \
             /etc/security/limits.conf (\"* hard nofile 6064\") and log in again"
        );
    }

    #[test]
    fn ports_count_what_waits_in_time_wait() {
        // 20,000 held; with a 60 s ramp all 20,000 HTTP connections still wait at its end.
        assert_eq!(
            refusal(need(20_000, 60), DEFAULT),
            "40,000 local ports are needed at the peak (20,000 sessions and 20,000 HTTP connections in TIME_WAIT) \
             and the range 32768-60999 has 28,232: run sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\", or \
             make the ramp longer"
        );
        assert_eq!(need(20_000, 240).check(&DEFAULT), Ok(()), "5,000 wait at a time");
        assert_eq!(need(20_000, 60).check(&Readings { tw_reuse: 1, ..DEFAULT }), Ok(()));
        assert_eq!(Need { loopback: true, ..need(20_000, 60) }.check(&DEFAULT), Ok(()));
        assert_eq!(Need { http_first: false, ..need(20_000, 60) }.check(&DEFAULT), Ok(()));
        assert_eq!(
            Need { http_shared: Some(64), ..need(20_000, 60) }.check(&DEFAULT),
            Ok(()),
            "they stay open"
        );
    }

    #[test]
    fn shared_connections_are_counted_beside_the_sessions() {
        let shared = Need { http_shared: Some(2_000), ..need(28_000, 60) };
        assert!(refusal(shared, DEFAULT).starts_with(
            "30,000 local ports are needed at the peak (28,000 sessions and 2,000 shared HTTP connections)"
        ));
        let message = refusal(shared, Readings { descriptors_hard: 4_096, ..DEFAULT });
        assert!(
            message.starts_with("30,256 descriptors are needed (28,000 sessions, 2,000 shared"),
            "{message}"
        );
    }

    #[test]
    fn what_a_longer_ramp_cannot_mend_does_not_propose_it() {
        let message = refusal(need(30_000, 600), DEFAULT);
        assert!(message.ends_with("ip_local_port_range=\"1024 65535\""), "{message}");
    }

    #[test]
    fn one_address_has_64_512_ports() {
        let wide = Readings { port_range: WIDEST_RANGE, ..DEFAULT };
        assert!(
            refusal(need(60_000, 60), wide)
                .ends_with("make the ramp longer, so that fewer wait in TIME_WAIT at once")
        );
        let message = refusal(need(100_000, 600), wide);
        assert!(message.contains("one source address has 64,512"), "{message}");
        assert!(message.contains("give more source addresses"), "{message}");
        assert_eq!(Need { target_addresses: 2, ..need(100_000, 600) }.check(&wide), Ok(()));
    }

    #[test]
    fn this_box_can_be_read() {
        let readings = Readings::of_this_box().expect("Linux has these");
        assert!(readings.port_range.0 < readings.port_range.1);
        assert!(readings.descriptors_hard > 0);
        assert_eq!(raise_descriptors().expect("soft to hard is always allowed"), readings.descriptors_hard);
    }
}
