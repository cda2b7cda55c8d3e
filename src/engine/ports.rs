//! Source addresses and ports: a worker's own slice of the range of each address, walked in small
//! windows.
//!
//! The kernel's own search looks at every port that is taken before it finds a free one: past half of the range to one
//! target a connect costs milliseconds. `IP_LOCAL_PORT_RANGE` (ip(7), Linux 6.3) narrows the search of one
//! socket to a window, and windows that move on keep it at a few looks until the range is used up. Kernels without it get
//! explicit ports, which are walked in the same way. The two do not mix on one address (an explicit port is refused to the
//! kernel's search), so that a run has one [`PortMethod`]. Invariants: slices of workers do not overlap, and a worker takes ports
//! of others' slices only while its own has none left; [`Fault::TuplesExhausted`] and [`Fault::PortTaken`] are reported only when the
//! range of every address has been walked through.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use startline_os::port_range::PortRange;
use startline_os::tick::{Tick, Ticks};
use startline_os::{features, socket_options};

use super::sockets::fault_of;
use crate::fault::Fault;
use crate::measure::SourceCounts;
use crate::plan::sources::PortMethod;

/// Ports that the kernel looks through for one socket.
const WINDOW: u32 = 16;
/// For how long an address without a port left is not looked through again: that takes thousands of
/// looks, and on loopback a port that waits is free again after so long.
const FULL_FOR: Duration = Duration::from_secs(1);

/// What this kernel can do, found by trying.
pub fn method_of_this_kernel() -> PortMethod {
    match features::try_port_windows() {
        Ok(()) => PortMethod::Windows,
        Err(_) => PortMethod::Explicit,
    }
}

/// One way through the ports of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Walk {
    Windows,
    Explicit,
    /// Explicit ports of the whole range: those of other workers' slices that they do not need.
    Beyond,
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
    /// What became of connections from it.
    counts: SourceCounts,
}

impl Slice {
    /// Of the ports from `first` to `last`; `start` is any number.
    fn new(source: Option<IpAddr>, (first, last): (u16, u16), start: u32) -> Self {
        let count = u32::from(last.saturating_sub(first)) + 1;
        Self { source, first: u32::from(first), count, next: start % count, counts: SourceCounts::default() }
    }

    fn connect(&mut self, walk: Walk, address: SocketAddr, range: &PortRange) -> Result<Socket, Fault> {
        let connected = match walk {
            Walk::Windows => connect_in_windows(self, address),
            Walk::Explicit | Walk::Beyond => connect_explicitly(self, address, range),
            Walk::Kernel => {
                let socket = socket_from(self.source, address)?;
                start(&socket, address).map(|()| socket)
            }
        };
        match connected {
            // The kernel finds no way for packets of this address.
            Err(Fault::Errno(libc::EINVAL)) if self.source.is_some() => Err(Fault::SourceUnusable),
            outcome => outcome,
        }
    }

    /// First and last port of the next window. It ends with the slice: the next one then begins it
    /// again.
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
    /// For this many workers. Where there are fewer ports than workers, or nobody knows the range,
    /// the kernel searches for all of them: one method a run.
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

    /// The part of `worker` of `workers`. `start` is any number: where the first window lies, so
    /// that runs that follow each other do not begin on the ports of the one before.
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
        Ports {
            method: self.method,
            is_range_shared: bounds != self.range.bounds(),
            range: Arc::clone(&self.range),
            slices,
            beyond: HashMap::new(),
            start,
            fitting,
            full: HashMap::new(),
        }
    }
}

/// A worker's source addresses and ports.
#[derive(Clone, Debug)]
pub struct Ports {
    method: PortMethod,
    range: Arc<PortRange>,
    /// Other workers have parts of it.
    is_range_shared: bool,
    slices: Vec<Slice>,
    /// The whole range of the addresses whose slices were not enough.
    beyond: HashMap<usize, Slice>,
    /// Any number; where those begin.
    start: u32,
    /// Indices of the slices that IPv4 targets, and IPv6 targets, can be reached from.
    fitting: [Vec<usize>; 2],
    /// Slices in which a way was found without a port left to a target, until when it is left alone
    /// there, and why.
    full: HashMap<(usize, Walk, SocketAddr), (Tick, Fault)>,
}

impl Ports {
    /// Makes a socket and starts connecting it, from the source address that falls to `key` (any
    /// number: addresses are gone round by it) and from another one where that has no port left.
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
            let fault = match self.connect_from(index, address, now) {
                Err(fault @ (Fault::TuplesExhausted | Fault::PortTaken)) => fault,
                outcome => return outcome,
            };
            if last != Fault::TuplesExhausted {
                last = fault;
            }
        }
        Err(last)
    }

    fn connect_from(&mut self, index: usize, address: SocketAddr, now: Tick) -> Result<Socket, Fault> {
        // Other workers' slices may have ports left that they do not need: a worker is let loose on
        // them when its own are used up.
        let walks: &[Walk] = match self.method {
            PortMethod::Windows => &[Walk::Windows, Walk::Kernel],
            PortMethod::Explicit if self.is_range_shared => &[Walk::Explicit, Walk::Beyond],
            PortMethod::Explicit => &[Walk::Explicit],
            PortMethod::Kernel => &[Walk::Kernel],
        };
        let until = now + Ticks::from_duration(FULL_FOR);
        let mut last = Fault::TuplesExhausted;
        for walk in walks {
            if let Some((_, fault)) = self.full.get(&(index, *walk, address)) {
                last = *fault;
                continue;
            }
            let slice = match walk {
                Walk::Beyond => {
                    let whole = || Slice::new(self.slices[index].source, self.range.bounds(), self.start);
                    self.beyond.entry(index).or_insert_with(whole)
                }
                Walk::Windows | Walk::Explicit | Walk::Kernel => &mut self.slices[index],
            };
            match slice.connect(*walk, address, &self.range) {
                Ok(socket) => {
                    self.slices[index].counts.begun += 1;
                    return Ok(socket);
                }
                Err(fault @ (Fault::TuplesExhausted | Fault::PortTaken)) => {
                    last = fault;
                    // A few looks at windows cost less than the kernel's search, as long as that
                    // finds something.
                    if *walk != Walk::Windows {
                        self.full.insert((index, *walk, address), (until, fault));
                    }
                }
                Err(other) => return Err(other),
            }
        }
        for walk in walks {
            self.full.entry((index, *walk, address)).or_insert((until, last));
        }
        Err(last)
    }

    /// Nothing has answered a connection from this address.
    pub fn unanswered(&mut self, from: IpAddr) {
        let is_its = |slice: &&mut Slice| slice.source.is_none_or(|source| source == from);
        if let Some(slice) = self.slices.iter_mut().find(is_its) {
            slice.counts.unanswered += 1;
        }
    }

    /// What became of the connections of each source address, in the order given.
    pub fn counts(&self) -> impl Iterator<Item = SourceCounts> + '_ {
        self.slices.iter().map(|slice| slice.counts)
    }
}

/// Walks the slice window by window. A port that is free in it is found, however few are left.
fn connect_in_windows(slice: &mut Slice, address: SocketAddr) -> Result<Socket, Fault> {
    let socket = socket_from(slice.source, address)?;
    let mut looked_at = 0;
    while looked_at < slice.count + WINDOW {
        socket_options::narrow_ports(&socket, slice.window()).map_err(|error| fault_of(&error))?;
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

/// Walks the slice port by port. One that somebody listens on, that waits for its last packets or
/// that is reserved (the kernel heeds that in its own choices only) is passed over.
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
        socket_options::leave_port_to_connect(&socket).map_err(|error| fault_of(&error))?;
        socket.bind(&SocketAddr::new(source, 0).into()).map_err(|error| bind_fault(&error))?;
    }
    Ok(socket)
}

/// EADDRNOTAVAIL means another thing when it comes from bind(): the address is not this machine's
/// (any more).
fn bind_fault(error: &io::Error) -> Fault {
    match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => Fault::SourceNotLocal,
        _ => fault_of(error),
    }
}

fn start(socket: &Socket, address: SocketAddr) -> Result<(), Fault> {
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(fault_of(&error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
