//! Source addresses and ports: a worker's own slice of the range of each address, walked in small windows.
//!
//! The kernel's own search looks at every port that is taken before it finds a free one: past half of the range to one
//! target a connect costs milliseconds. `IP_LOCAL_PORT_RANGE` (ip(7), Linux 6.3) narrows the search of one
//! socket to a window, and windows that move on keep it at a few looks until the range is used up. Kernels without it get
//! explicit ports, which are walked in the same way. The two do not mix on one address (an explicit port is refused to the
//! kernel's search), so that a run has one [`PortMethod`]. Invariants: slices of workers do not overlap;
//! [`Fault::TuplesExhausted`] is reported only when the worker's slices of every address have been walked through and, where the
//! kernel searches, it finds no port outside them either.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::features;
use super::port_range::PortRange;
use super::sockets::fault_of;
use crate::fault::Fault;
use crate::plan::sources::PortMethod;
use crate::tick::{Tick, Ticks};

/// `IP_BIND_ADDRESS_NO_PORT` of linux/in.h: bind() chooses the address alone, connect() the port.
pub(super) const IP_BIND_ADDRESS_NO_PORT: libc::c_int = 24;
/// `IP_LOCAL_PORT_RANGE` of linux/in.h; the low half of its value is the first port, the high half the last.
const IP_LOCAL_PORT_RANGE: libc::c_int = 51;
/// Ports that the kernel looks through for one socket.
const WINDOW: u32 = 16;
/// For how long an address without a port left is not looked through again: that takes thousands of looks, and on loopback a port that waits
/// is free again after so long.
const FULL_FOR: Duration = Duration::from_secs(1);

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
    /// Of the ports from `first` to `last`; `start` is any number.
    fn new(source: Option<IpAddr>, (first, last): (u16, u16), start: u32) -> Self {
        let count = u32::from(last.saturating_sub(first)) + 1;
        Self { source, first: u32::from(first), count, next: start % count, used: 0 }
    }

    fn connect(&mut self, walk: Walk, address: SocketAddr, range: &PortRange) -> Result<Socket, Fault> {
        match walk {
            Walk::Windows => connect_in_windows(self, address),
            Walk::Explicit => connect_explicitly(self, address, range),
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

/// What a run's workers cut their slices from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSpace {
    /// How ports are chosen.
    method: PortMethod,
    range: Arc<PortRange>,
    /// The source addresses; none: the kernel's choice.
    sources: Vec<IpAddr>,
}

impl PortSpace {
    /// For so many workers. Where there are fewer ports than workers, or nobody knows the range, the kernel searches for all of them:
    /// one method a run.
    pub fn new(method: PortMethod, range: Option<PortRange>, sources: &[IpAddr], workers: usize) -> Self {
        let method = match &range {
            Some(range) if range.free() as usize >= workers => method,
            _ => PortMethod::Kernel,
        };
        let range = range.unwrap_or_else(|| PortRange::new((0, 0), &[]));
        Self { method, range: Arc::new(range), sources: sources.to_vec() }
    }

    /// How ports are chosen.
    pub fn method(&self) -> PortMethod {
        self.method
    }

    /// The part of `worker` of `workers`. `start` is any number: where the first window lies, so that runs that follow each other
    /// do not begin on the ports of the one before.
    pub fn of_worker(&self, worker: usize, workers: usize, start: u32) -> Ports {
        let bounds = self.range.slice(worker, workers).unwrap_or_else(|| self.range.bounds());
        let cut = |source| Slice::new(source, bounds, start);
        let slices = match self.sources.as_slice() {
            [] => vec![cut(None)],
            sources => sources.iter().map(|source| cut(Some(*source))).collect(),
        };
        let fitting = [true, false].map(|v4| {
            let fits = |slice: &Slice| slice.source.is_none_or(|source| source.is_ipv4() == v4);
            (0..slices.len()).filter(|index| fits(&slices[*index])).collect()
        });
        Ports { method: self.method, range: Arc::clone(&self.range), slices, fitting, full: HashMap::new() }
    }
}

/// A worker's source addresses and ports.
#[derive(Clone, Debug)]
pub struct Ports {
    method: PortMethod,
    range: Arc<PortRange>,
    slices: Vec<Slice>,
    /// Indices of the slices that IPv4 targets, and IPv6 targets, can be reached from.
    fitting: [Vec<usize>; 2],
    /// Slices that have been found without a port left to a target, until when they are left alone, and why.
    full: HashMap<(usize, SocketAddr), (Tick, Fault)>,
}

impl Ports {
    /// Makes a socket and starts connecting it, from the source address that falls to `key` (any number: addresses are gone
    /// round by it) and from another one where that has no port left.
    ///
    /// # Errors
    /// The [`Fault`] behind the errno of the last attempt. Where no address has a port left and ours are the ones that are in use, it is
    /// [`Fault::TuplesExhausted`], whatever others hold.
    pub fn connect(&mut self, address: SocketAddr, key: usize, now: Tick) -> Result<Socket, Fault> {
        self.full.retain(|_, (until, _)| !now.reached(*until));
        let fitting = self.fitting[usize::from(address.is_ipv6())].len();
        // No source address is of the target's family.
        let mut last = Fault::Unreachable;
        for step in 0..fitting {
            let index = self.fitting[usize::from(address.is_ipv6())][(key + step) % fitting];
            let fault = match self.full.get(&(index, address)) {
                Some((_, fault)) => *fault,
                None => match self.connect_from(index, address) {
                    Err(fault @ (Fault::TuplesExhausted | Fault::PortTaken)) => {
                        self.full.insert((index, address), (now + Ticks::from_duration(FULL_FOR), fault));
                        fault
                    }
                    outcome => return outcome,
                },
            };
            if last != Fault::TuplesExhausted {
                last = fault;
            }
        }
        Err(last)
    }

    fn connect_from(&mut self, index: usize, address: SocketAddr) -> Result<Socket, Fault> {
        // Other workers' slices may have ports left that they do not need: where it is the kernel that searches, it is
        // let loose on them when the own ones are used up.
        let walks: &[Walk] = match self.method {
            PortMethod::Windows => &[Walk::Windows, Walk::Kernel],
            PortMethod::Explicit => &[Walk::Explicit],
            PortMethod::Kernel => &[Walk::Kernel],
        };
        let mut last = Fault::TuplesExhausted;
        for walk in walks {
            let slice = &mut self.slices[index];
            match slice.connect(*walk, address, &self.range) {
                Ok(socket) => {
                    slice.used += 1;
                    return Ok(socket);
                }
                Err(fault @ (Fault::TuplesExhausted | Fault::PortTaken)) => last = fault,
                Err(other) => return Err(other),
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

/// Walks the slice port by port. One that somebody listens on, that waits for its last packets or that is reserved (the kernel heeds that
/// in its own choices only) is passed over.
fn connect_explicitly(slice: &mut Slice, address: SocketAddr, range: &PortRange) -> Result<Socket, Fault> {
    let unspecified: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Somebody else's ports are another trouble than having used up one's own.
    let mut fault = Fault::PortTaken;
    for _ in 0..slice.count {
        let port = (slice.first + slice.next) as u16;
        slice.advance(1);
        if range.is_reserved(port) {
            continue;
        }
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

    fn local_range() -> (u16, u16) {
        PortRange::read(std::path::Path::new("/")).expect("Linux has it").bounds()
    }

    fn ports(method: PortMethod, range: (u16, u16), sources: &[&str], start: u32) -> Ports {
        let sources: Vec<IpAddr> = sources.iter().map(|source| source.parse().expect("an address")).collect();
        PortSpace::new(method, Some(PortRange::new(range, &[])), &sources, 1).of_worker(0, 1, start)
    }

    fn now() -> Tick {
        Tick::default()
    }

    #[test]
    fn windows_stay_in_the_slice_and_come_round() {
        let mut slice = Slice::new(None, (1_000, 1_039), 39);
        assert_eq!(slice.window(), (1_039, 1_039));
        slice.advance(1);
        assert_eq!(slice.window(), (1_000, 1_015));
        slice.advance(WINDOW);
        slice.advance(WINDOW);
        assert_eq!(slice.window(), (1_032, 1_039));
    }

    #[test]
    fn with_more_workers_than_ports_the_kernel_chooses() {
        let range = || Some(PortRange::new((1_000, 1_001), &[]));
        let method = |range, workers| PortSpace::new(PortMethod::Windows, range, &[], workers).method();
        assert_eq!(method(range(), 3), PortMethod::Kernel, "for all of them");
        assert_eq!(method(range(), 2), PortMethod::Windows);
        assert_eq!(method(None, 1), PortMethod::Kernel);
    }

    /// Of the kernel's own range, so that bounds are not ignored (they only narrow it).
    #[test]
    fn every_port_of_a_slice_is_found_before_others_are_taken() {
        let range = local_range();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        // 37 ports of the range's end; some may be another process's.
        let mut ports = ports(PortMethod::Windows, (range.1 - 36, range.1), &[], 11);
        let own = range.1 - 36..=range.1;
        let mut sockets = Vec::new();
        let mut taken = HashSet::new();
        loop {
            let socket = ports.connect(address, 0, now()).expect("there are more outside the slice");
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
        let range = local_range();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let range = (range.1 - 99, range.1 - 60);
        let mut ports = ports(PortMethod::Explicit, range, &["127.0.9.1"], 17);
        let mut taken = HashSet::new();
        let mut sockets = Vec::new();
        let fault = loop {
            match ports.connect(address, 0, now()) {
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
        // Not looked through again at once, even though there is a port; after a while it is.
        let gone = sockets.pop().expect("more than 20");
        gone.set_linger(Some(Duration::ZERO)).expect("a reset frees the port at once");
        drop(gone);
        assert!(ports.connect(address, 0, now()).is_err());
        let later = now() + Ticks::from_duration(FULL_FOR);
        assert!(
            ports.connect(address, 0, later).is_ok(),
            "no packet was exchanged that would have to be waited for"
        );
        let v6 = "[::1]:9".parse().expect("an address");
        assert_eq!(
            ports.connect(v6, 0, now()).err(),
            Some(Fault::Unreachable),
            "no source address of its family"
        );
    }

    #[test]
    fn addresses_are_gone_round_and_another_helps_out() {
        let range = local_range();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let sources = ["127.0.9.2", "127.0.9.3", "::1"];
        let range = (range.1 - 139, range.1 - 120);
        for method in [PortMethod::Windows, PortMethod::Explicit] {
            let mut ports = ports(method, range, &sources, 3);
            let mut sockets = Vec::new();
            for key in 0..20 {
                let socket = ports.connect(address, key, now()).expect("a port");
                let from = address_of(&socket).ip().to_string();
                // The third is of another family.
                assert_eq!(from, ["127.0.9.2", "127.0.9.3"][key % 2]);
                sockets.push(socket);
            }
            assert_eq!(ports.used().collect::<Vec<_>>(), [10, 10, 0]);
        }
    }
}
