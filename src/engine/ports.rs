//! Source addresses and ports: a worker's own slice of the range of each address, walked in small windows.
//!
//! The kernel's own search looks at every port that is taken before it finds a free one: past half of the range to one
//! target a connect costs milliseconds. `IP_LOCAL_PORT_RANGE` (ip(7), Linux 6.3) narrows the search of one
//! socket to a window, and windows that move on keep it at a few looks until the range is used up. Kernels without it get
//! explicit ports, which are walked in the same way. The two do not mix on one address (an explicit port is refused to the
//! kernel's search), so that a run has one [`PortMethod`]. Invariants: slices of workers do not overlap;
//! [`Fault::TuplesExhausted`] is reported only when the worker's slices of every address have been walked through and, where the
//! kernel searches, it finds no port outside them either.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use socket2::{Domain, Protocol, Socket, Type};

use super::features;
use super::sockets::fault_of;
use crate::fault::Fault;
use crate::plan::sources::PortMethod;

/// `IP_BIND_ADDRESS_NO_PORT` of linux/in.h: bind() chooses the address alone, connect() the port.
pub(super) const IP_BIND_ADDRESS_NO_PORT: libc::c_int = 24;
/// `IP_LOCAL_PORT_RANGE` of linux/in.h; the low half of its value is the first port, the high half the last.
const IP_LOCAL_PORT_RANGE: libc::c_int = 51;
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

/// What this kernel can do, found by trying.
pub fn method_of_this_kernel() -> PortMethod {
    match features::try_port_windows() {
        Ok(()) => PortMethod::Windows,
        Err(_) => PortMethod::Explicit,
    }
}

/// One way through the ports of an address.
#[derive(Clone, Copy, Debug)]
enum Walk {
    Windows,
    Explicit,
    Kernel,
}

/// The ports of one source address that a worker may use.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Slice {
    /// The address; none: the kernel's choice.
    source: Option<IpAddr>,
    /// First port of the slice.
    first: u32,
    /// Ports in the slice.
    count: u32,
    /// Where the next window begins, counted from `first`.
    next: u32,
    /// Connections begun from it.
    used: u32,
}

impl Slice {
    /// The slice of `worker` of `workers` in `range`, which has both ends in it.
    fn of_worker(
        source: Option<IpAddr>,
        range: (u16, u16),
        worker: usize,
        workers: usize,
        start: u32,
    ) -> Self {
        let count = u64::from(range.1.saturating_sub(range.0)) + 1;
        let bound = |worker: usize| (count * worker as u64 / workers.max(1) as u64) as u32;
        let (first, end) = (bound(worker), bound(worker + 1));
        let count = end - first;
        Self { source, first: u32::from(range.0) + first, count, next: start % count.max(1), used: 0 }
    }

    fn connect(&mut self, walk: Walk, address: SocketAddr) -> Result<Socket, Fault> {
        match walk {
            Walk::Windows => connect_in_windows(self, address),
            Walk::Explicit => connect_explicitly(self, address),
            Walk::Kernel => {
                let socket = socket_from(self.source, address)?;
                start(&socket, address).map(|()| socket)
            }
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

/// A worker's source addresses and ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports {
    method: PortMethod,
    slices: Vec<Slice>,
    /// Indices of the slices that IPv4 targets, and IPv6 targets, can be reached from.
    fitting: [Vec<usize>; 2],
}

/// What a run's workers cut their slices from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSpace {
    /// How ports are chosen.
    pub method: PortMethod,
    /// `net.ipv4.ip_local_port_range`, both ends included, which holds for IPv6 as well.
    pub range: (u16, u16),
    /// The source addresses; none: the kernel's choice.
    pub sources: Vec<IpAddr>,
}

impl PortSpace {
    /// The part of `worker` of `workers`. `start` is any number: where the first window lies, so that runs that follow each other
    /// do not begin on the ports of the one before.
    pub fn of_worker(&self, worker: usize, workers: usize, start: u32) -> Ports {
        let cut = |source| Slice::of_worker(source, self.range, worker, workers, start);
        let slices = match self.sources.as_slice() {
            [] => vec![cut(None)],
            sources => sources.iter().map(|source| cut(Some(*source))).collect(),
        };
        // With more workers than ports some have none of their own.
        let none = slices.iter().any(|slice| slice.count == 0);
        let method = if none { PortMethod::Kernel } else { self.method };
        let fitting = [true, false].map(|v4| {
            let fits = |slice: &Slice| slice.source.is_none_or(|source| source.is_ipv4() == v4);
            (0..slices.len()).filter(|index| fits(&slices[*index])).collect()
        });
        Ports { method, slices, fitting }
    }
}

impl Ports {
    /// Makes a socket and starts connecting it, from the source address that falls to `key` (any number: addresses are gone
    /// round by it) and from another one where that has no port left.
    ///
    /// # Errors
    /// The [`Fault`] behind the errno of the last attempt.
    pub fn connect(&mut self, address: SocketAddr, key: usize) -> Result<Socket, Fault> {
        // Other workers' slices may have ports left that they do not need: where it is the kernel that searches, it is
        // let loose on them when the own ones are used up.
        let walks: &[Walk] = match self.method {
            PortMethod::Windows => &[Walk::Windows, Walk::Kernel],
            PortMethod::Explicit => &[Walk::Explicit],
            PortMethod::Kernel => &[Walk::Kernel],
        };
        let fitting = &self.fitting[usize::from(address.is_ipv6())];
        let mut last = Fault::TuplesExhausted;
        for walk in walks {
            for step in 0..fitting.len() {
                let slice = &mut self.slices[fitting[(key + step) % fitting.len()]];
                match slice.connect(*walk, address) {
                    Ok(socket) => {
                        slice.used += 1;
                        return Ok(socket);
                    }
                    Err(fault @ (Fault::TuplesExhausted | Fault::PortTaken)) => last = fault,
                    Err(other) => return Err(other),
                }
            }
        }
        Err(last)
    }

    /// Connections begun from each source address, in the order given.
    pub fn used(&self) -> impl Iterator<Item = u32> + '_ {
        self.slices.iter().map(|slice| slice.used)
    }
}

/// Walks the slice window by window. A port that is free in it is found, however few are left.
fn connect_in_windows(slice: &mut Slice, address: SocketAddr) -> Result<Socket, Fault> {
    let socket = socket_from(slice.source, address)?;
    let mut looked_at = 0;
    while looked_at < slice.count + WINDOW {
        narrow(&socket, slice.window()).map_err(|error| fault_of(&error))?;
        match start(&socket, address) {
            Err(Fault::TuplesExhausted) => {}
            outcome => {
                slice.advance(1);
                return outcome.map(|()| socket);
            }
        }
        looked_at += WINDOW;
        slice.advance(WINDOW);
    }
    Err(Fault::TuplesExhausted)
}

/// Walks the slice port by port. One that somebody listens on, or that waits for its last packets, is passed over.
fn connect_explicitly(slice: &mut Slice, address: SocketAddr) -> Result<Socket, Fault> {
    let unspecified: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Somebody else's ports are another trouble than having used up one's own.
    let mut fault = Fault::PortTaken;
    for _ in 0..slice.count {
        let port = (slice.first + slice.next) as u16;
        slice.advance(1);
        let socket = make(address)?;
        socket.set_reuse_address(true).map_err(|error| fault_of(&error))?;
        let from = SocketAddr::new(slice.source.unwrap_or(unspecified), port);
        match socket.bind(&from.into()).map_err(|error| bind_fault(&error)) {
            Err(Fault::PortTaken) => continue,
            bound => bound?,
        }
        match start(&socket, address) {
            // EADDRINUSE from connect() too: the tuple is another socket's of this port.
            Err(Fault::TuplesExhausted | Fault::PortTaken) => fault = Fault::TuplesExhausted,
            outcome => return outcome.map(|()| socket),
        }
    }
    Err(fault)
}

/// A non-blocking socket. Nagle's algorithm is off: every write here is a whole request or message.
fn make(address: SocketAddr) -> Result<Socket, Fault> {
    let make = || -> io::Result<Socket> {
        let socket =
            Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        socket.set_tcp_nodelay(true)?;
        Ok(socket)
    };
    make().map_err(|error| fault_of(&error))
}

/// A socket that will connect from this address and from a port that is chosen then.
fn socket_from(source: Option<IpAddr>, address: SocketAddr) -> Result<Socket, Fault> {
    let socket = make(address)?;
    if let Some(source) = source {
        set(&socket, IP_BIND_ADDRESS_NO_PORT, 1).map_err(|error| fault_of(&error))?;
        socket.bind(&SocketAddr::new(source, 0).into()).map_err(|error| bind_fault(&error))?;
    }
    Ok(socket)
}

/// EADDRNOTAVAIL means another thing when it comes from bind(): the address is not this box's (any more).
fn bind_fault(error: &io::Error) -> Fault {
    match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => Fault::SourceNotLocal,
        _ => fault_of(error),
    }
}

/// Narrows a socket's choice of ports.
pub(super) fn narrow(socket: &Socket, (first, last): (u16, u16)) -> io::Result<()> {
    set(socket, IP_LOCAL_PORT_RANGE, u32::from(last) << 16 | u32::from(first))
}

/// Sets an option of ip(7) that socket2 does not have. Both hold for IPv6 sockets as well.
pub(super) fn set(socket: &Socket, option: libc::c_int, value: u32) -> io::Result<()> {
    // SAFETY: the option's value is a u32 that outlives the call, and its size is given.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            option,
            (&raw const value).cast(),
            size_of::<u32>() as libc::socklen_t,
        )
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn start(socket: &Socket, address: SocketAddr) -> Result<(), Fault> {
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(fault_of(&error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::TcpListener;

    use super::*;

    fn port_of(socket: &Socket) -> u16 {
        address_of(socket).port()
    }

    fn address_of(socket: &Socket) -> SocketAddr {
        socket.local_addr().expect("bound").as_socket().expect("IP")
    }

    fn space(method: PortMethod, range: (u16, u16), sources: &[&str]) -> PortSpace {
        let sources = sources.iter().map(|source| source.parse().expect("an address")).collect();
        PortSpace { method, range, sources }
    }

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
            let slices: Vec<Slice> =
                (0..workers).map(|worker| Slice::of_worker(None, range, worker, workers, 5)).collect();
            assert_eq!(slices.iter().map(|slice| slice.count).sum::<u32>(), 28_232);
            assert_eq!(slices[0].first, 32_768);
            for pair in slices.windows(2) {
                assert_eq!(pair[0].first + pair[0].count, pair[1].first);
            }
        }
    }

    #[test]
    fn windows_stay_in_the_slice_and_come_round() {
        let mut slice = Slice::of_worker(None, (1_000, 1_039), 0, 1, 39);
        assert_eq!(slice.window(), (1_039, 1_039));
        slice.advance(1);
        assert_eq!(slice.window(), (1_000, 1_015));
        slice.advance(WINDOW);
        slice.advance(WINDOW);
        assert_eq!(slice.window(), (1_032, 1_039));
    }

    #[test]
    fn with_more_workers_than_ports_the_kernel_chooses() {
        let space = space(PortMethod::Windows, (1_000, 1_001), &[]);
        assert_eq!(space.of_worker(0, 3, 0).method, PortMethod::Kernel);
        assert_eq!(space.of_worker(1, 2, 7).method, PortMethod::Windows);
    }

    /// Of the kernel's own range, so that bounds are not ignored (they only narrow it).
    #[test]
    fn every_port_of_a_slice_is_found_before_others_are_taken() {
        let range = local_range().expect("Linux has it");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        // 37 ports of the range's end; some may be another process's.
        let mut ports = space(PortMethod::Windows, (range.1 - 36, range.1), &[]).of_worker(0, 1, 11);
        let own = range.1 - 36..=range.1;
        let mut sockets = Vec::new();
        let mut taken = HashSet::new();
        loop {
            let socket = ports.connect(address, 0).expect("there are more outside the slice");
            let port = port_of(&socket);
            sockets.push(socket);
            if !own.contains(&port) {
                break;
            }
            assert!(taken.insert(port), "{port} came twice");
        }
        assert!(taken.len() > 20, "{} of 37", taken.len());
    }

    #[test]
    fn explicit_ports_are_each_taken_once_and_then_there_are_none() {
        let range = local_range().expect("Linux has it");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let range = (range.1 - 99, range.1 - 60);
        let mut ports = space(PortMethod::Explicit, range, &["127.0.9.1"]).of_worker(0, 1, 17);
        let mut taken = HashSet::new();
        let mut sockets = Vec::new();
        let fault = loop {
            match ports.connect(address, 0) {
                Ok(socket) => {
                    let from = address_of(&socket);
                    assert_eq!(from.ip().to_string(), "127.0.9.1");
                    assert!((range.0..=range.1).contains(&from.port()) && taken.insert(from.port()));
                    sockets.push(socket);
                }
                Err(fault) => break fault,
            }
        };
        assert_eq!(fault, Fault::TuplesExhausted);
        assert!(taken.len() > 20, "{} of 40", taken.len());
    }

    #[test]
    fn addresses_are_gone_round_and_another_helps_out() {
        let range = local_range().expect("Linux has it");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let sources = ["127.0.9.2", "127.0.9.3", "::1"];
        let range = (range.1 - 139, range.1 - 120);
        for method in [PortMethod::Windows, PortMethod::Explicit] {
            let mut ports = space(method, range, &sources).of_worker(0, 1, 3);
            let mut sockets = Vec::new();
            for key in 0..20 {
                let socket = ports.connect(address, key).expect("a port");
                let from = address_of(&socket).ip().to_string();
                // The third is of another family.
                assert_eq!(from, ["127.0.9.2", "127.0.9.3"][key % 2]);
                sockets.push(socket);
            }
            assert_eq!(ports.used().collect::<Vec<_>>(), [10, 10, 0]);
        }
    }
}
