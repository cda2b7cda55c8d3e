//! Source ports: a worker's own slice of the range, walked in small windows.
//!
//! The kernel's own search looks at every port that is taken before it finds a free one: past half of the range to one
//! target a connect costs milliseconds. `IP_LOCAL_PORT_RANGE` (ip(7), Linux 6.3) narrows the search of one
//! socket to a window, and windows that move on keep it at a few looks until the range is used up. Where the kernel does not have
//! the option, the search is its own again. Invariant: [`Fault::TuplesExhausted`] is reported only when the slice has been walked
//! through and the kernel finds no port outside it either; slices of workers do not overlap.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use socket2::Socket;

use crate::fault::Fault;

/// `IP_LOCAL_PORT_RANGE` of linux/in.h; the low half of its value is the first port, the high half the last.
const IP_LOCAL_PORT_RANGE: libc::c_int = 51;
/// The value that takes a socket's own range back.
const KERNEL_S_RANGE: (u16, u16) = (0, 0);
/// Ports that the kernel looks through for one socket.
const WINDOW: u32 = 16;
/// `net.ipv4.ip_local_port_range`; IPv6 connections take theirs from it too.
const LOCAL_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// The ports that this box connects from, first and last.
///
/// # Errors
/// The system's, or that the file has no range in it.
pub fn local_range() -> io::Result<(u16, u16)> {
    let text = std::fs::read_to_string(LOCAL_RANGE)?;
    parse_range(&text).ok_or_else(|| io::Error::other(format!("{LOCAL_RANGE} has no port range: {text:?}")))
}

/// A range of ports as the kernel writes it: two numbers, the second no less than the first.
pub fn parse_range(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().map(str::parse::<u16>);
    match (numbers.next()?, numbers.next()?, numbers.next()) {
        (Ok(first), Ok(last), None) if first <= last => Some((first, last)),
        _ => None,
    }
}

/// A worker's slice of the local ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports {
    /// First port of the slice.
    first: u32,
    /// Ports in the slice; 0 leaves the choice to the kernel.
    count: u32,
    /// Where the next window begins, counted from `first`.
    next: u32,
}

impl Ports {
    /// The slice of `worker` of `workers` in `range`, which has both ends in it. `start` is any number: where the
    /// first window lies, so that runs that follow each other do not begin on the ports of the one before.
    pub fn of_worker(range: (u16, u16), worker: usize, workers: usize, start: u32) -> Self {
        let count = u64::from(range.1.saturating_sub(range.0)) + 1;
        let bound = |worker: usize| (count * worker as u64 / workers.max(1) as u64) as u32;
        let (first, end) = (bound(worker), bound(worker + 1));
        let count = end - first;
        Self { first: u32::from(range.0) + first, count, next: start % count.max(1) }
    }

    /// The kernel's choice.
    pub fn of_kernel() -> Self {
        Self { first: 0, count: 0, next: 0 }
    }

    /// Starts connecting. A port that is free in the slice is found, however few are left.
    ///
    /// # Errors
    /// The [`Fault`] behind the errno.
    pub fn connect(&mut self, socket: &Socket, address: SocketAddr) -> Result<(), Fault> {
        let mut looked_at = 0;
        loop {
            if self.count > 0 && !narrow(socket, self.window()) {
                *self = Self::of_kernel();
            }
            let fault = match connect(socket, address) {
                Ok(()) => {
                    self.advance(1);
                    return Ok(());
                }
                Err(error) => super::sockets::fault_of(&error),
            };
            if fault != Fault::TuplesExhausted || self.count == 0 {
                return Err(fault);
            }
            looked_at += WINDOW;
            if looked_at >= self.count + WINDOW {
                // Another worker's slice may have ports left that it does not need.
                narrow(socket, KERNEL_S_RANGE);
                return connect(socket, address).map_err(|error| super::sockets::fault_of(&error));
            }
            self.advance(WINDOW);
        }
    }

    /// First and last port of the next window. It ends with the slice: the next one then begins it again.
    fn window(&self) -> (u16, u16) {
        let last = (self.next + WINDOW).min(self.count) - 1;
        ((self.first + self.next) as u16, (self.first + last) as u16)
    }

    fn advance(&mut self, ports: u32) {
        self.next += ports;
        if self.next >= self.count {
            self.next = 0;
        }
    }
}

/// Narrows a socket's choice of ports; `false` where the kernel cannot.
pub(super) fn narrow(socket: &Socket, (first, last): (u16, u16)) -> bool {
    let range = u32::from(last) << 16 | u32::from(first);
    // SAFETY: the option's value is a u32 that outlives the call, and its size is given.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            IP_LOCAL_PORT_RANGE,
            (&raw const range).cast(),
            size_of::<u32>() as libc::socklen_t,
        )
    };
    set == 0
}

fn connect(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::TcpListener;

    use socket2::{Domain, Type};

    use super::*;

    #[test]
    fn ranges_are_read_and_nonsense_is_not() {
        assert_eq!(parse_range("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(parse_range("7 7"), Some((7, 7)));
        for text in ["", "1", "2 1", "1 2 3", "1 65536", "a b"] {
            assert_eq!(parse_range(text), None, "{text:?}");
        }
        assert!(local_range().is_ok());
    }

    #[test]
    fn slices_cover_the_range_once() {
        let range = (32_768, 60_999);
        for workers in [1, 2, 3, 51] {
            let slices: Vec<Ports> =
                (0..workers).map(|worker| Ports::of_worker(range, worker, workers, 5)).collect();
            assert_eq!(slices.iter().map(|slice| slice.count).sum::<u32>(), 28_232);
            assert_eq!(slices[0].first, 32_768);
            for pair in slices.windows(2) {
                assert_eq!(pair[0].first + pair[0].count, pair[1].first);
            }
        }
    }

    #[test]
    fn windows_stay_in_the_slice_and_come_round() {
        let mut ports = Ports::of_worker((1_000, 1_039), 0, 1, 39);
        assert_eq!(ports.window(), (1_039, 1_039));
        ports.advance(1);
        assert_eq!(ports.window(), (1_000, 1_015));
        ports.advance(WINDOW);
        ports.advance(WINDOW);
        assert_eq!(ports.window(), (1_032, 1_039));
    }

    /// Of the kernel's own range, so that bounds are not ignored (they only narrow it).
    #[test]
    fn every_port_of_a_slice_is_found_before_others_are_taken() {
        let range = local_range().expect("Linux has it");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        // 37 ports of the range's end; some may be another process's.
        let mut ports = Ports::of_worker((range.1 - 36, range.1), 0, 1, 11);
        let own = range.1 - 36..=range.1;
        let mut sockets = Vec::new();
        let mut taken = HashSet::new();
        loop {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            ports.connect(&socket, address).expect("there are more outside the slice");
            let port = socket.local_addr().expect("bound").as_socket().expect("IP").port();
            sockets.push(socket);
            if !own.contains(&port) {
                break;
            }
            assert!(taken.insert(port), "{port} came twice");
        }
        assert!(taken.len() > 20, "{} of 37", taken.len());
    }
}
