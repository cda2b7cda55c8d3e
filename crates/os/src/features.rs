//! Features of this kernel, found by trying them.
//!
//! Versions and configuration files say little: a container's filter may forbid what the kernel
//! has, and some options are accepted and then ignored. Each trial uses loopback and descriptors of
//! its own, and leaves nothing behind. Decides nothing. Invariant: a feature that is reported has
//! been seen to work.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;

use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
use socket2::{Domain, Socket, Type};

use crate::descriptors;
use crate::port_range::PortRange;
use crate::socket_options;

/// Windows that are asked for: a kernel that ignores the option falls into each by chance only.
const WINDOWS: u16 = 4;
/// A window's share of the range.
const WINDOW_SHARE: u16 = 16;

/// The outcome of a trial: it works, or the kernel's reason.
pub type Tried = Result<(), String>;

/// The outcome of every trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// A thread can have a descriptor table of its own: `close_range` with `CLOSE_RANGE_UNSHARE`
    /// (Linux 5.9).
    pub private_tables: Tried,
    /// A bind to a source address leaves the port to connect(): `IP_BIND_ADDRESS_NO_PORT` (Linux 4.2).
    pub bind_no_port: Tried,
    /// A socket's port comes from a window of its own: `IP_LOCAL_PORT_RANGE` (Linux 6.3).
    pub port_windows: Tried,
    /// Several sockets listen on one port: `SO_REUSEPORT` (Linux 3.9).
    pub reuse_port: Tried,
    /// There is an IPv6 loopback.
    pub ipv6: Tried,
    /// Timers that a poll waits for: `timerfd_create`.
    pub timerfd: Tried,
}

impl Features {
    /// Tries them all; takes well under a millisecond each.
    pub fn try_all() -> Self {
        Self {
            private_tables: try_private_table(),
            bind_no_port: try_bind_no_port(),
            port_windows: try_port_windows(),
            reuse_port: try_reuse_port(),
            ipv6: try_bind(Ipv6Addr::LOCALHOST.into()),
            timerfd: try_timerfd(),
        }
    }
}

/// Tries whether connections can come from this address: whether it is one of this machine's.
pub fn try_bind(address: IpAddr) -> Tried {
    bound(SocketAddr::new(address, 0), |_| Ok(())).map(drop).map_err(reason)
}

/// Sends a datagram over the loopback to ourselves, for what the kernel counts of it. Without a
/// loopback, or a port, there is none.
pub fn send_over_loopback() {
    let send = || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.send_to(b"startline", socket.local_addr()?)
    };
    let _: io::Result<usize> = send();
}

/// On a thread that ends with the table.
fn try_private_table() -> Tried {
    let table = std::thread::Builder::new()
        .name("table-trial".into())
        .spawn(|| descriptors::unshare_table().map_err(reason));
    match table.map(std::thread::JoinHandle::join) {
        Ok(Ok(tried)) => tried,
        Ok(Err(_)) => Err("the thread that tried it panicked".to_owned()),
        Err(error) => Err(reason(error)),
    }
}

fn try_bind_no_port() -> Tried {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let socket = bound(any, socket_options::leave_port_to_connect).map_err(reason)?;
    match port_of(&socket).map_err(reason)? {
        0 => Ok(()),
        port => Err(format!("accepted and ignored: the bind took port {port}")),
    }
}

/// Bounds outside the sysctl's range are ignored without an error, so windows are cut from that and
/// the ports looked at.
pub fn try_port_windows() -> Tried {
    let range = PortRange::read(Path::new("/")).ok_or("the range of local ports cannot be read")?.bounds();
    let mut last = Err("the range of local ports is too small to try it".to_owned());
    for window in windows_of(range) {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        match bound(any, |socket| socket_options::narrow_ports(socket, window))
            .and_then(|socket| port_of(&socket))
        {
            Ok(port) if (window.0..=window.1).contains(&port) => last = Ok(()),
            Ok(port) => {
                return Err(format!("accepted and ignored: port {port} for {}-{}", window.0, window.1));
            }
            // Every port of it is taken, which shows nothing.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && last.is_ok() => {}
            Err(error) => last = Err(reason(error)),
        }
    }
    last
}

/// Disjoint windows all over the range.
fn windows_of((first, last): (u16, u16)) -> Vec<(u16, u16)> {
    let size = (last - first) / WINDOW_SHARE;
    let step = (last - first) / WINDOWS;
    if size == 0 {
        return Vec::new();
    }
    (0..WINDOWS).map(|k| (first + k * step, first + k * step + size - 1)).collect()
}

fn try_reuse_port() -> Tried {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let first = bound(any, |socket| socket.set_reuse_port(true)).map_err(reason)?;
    let port = port_of(&first).map_err(reason)?;
    let same = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    bound(same, |socket| socket.set_reuse_port(true)).map(drop).map_err(reason)
}

fn try_timerfd() -> Tried {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    timerfd_create(TimerfdClockId::Monotonic, flags).map(drop).map_err(|errno| reason(io::Error::from(errno)))
}

/// A TCP socket, prepared and then bound.
fn bound(address: SocketAddr, prepare: impl FnOnce(&Socket) -> io::Result<()>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    prepare(&socket)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn port_of(socket: &Socket) -> io::Result<u16> {
    let address = socket.local_addr()?.as_socket();
    address.map(|address| address.port()).ok_or_else(|| io::Error::other("the socket has no IP address"))
}

fn reason(error: impl fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_linux_has_is_found() {
        let features = Features::try_all();
        assert_eq!(features.reuse_port, Ok(()));
        assert_eq!(features.timerfd, Ok(()));
        assert_eq!(features.bind_no_port, Ok(()));
    }

    /// The kernel's version says whether it should be there; a filter may still forbid it.
    #[test]
    fn windows_agree_with_the_kernel_s_version() {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("Linux has it");
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|text| text.parse().unwrap_or(0));
        let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if version < (6, 3) {
            assert!(try_port_windows().is_err(), "{release}");
        } else {
            assert_eq!(try_port_windows(), Ok(()), "{release}");
        }
    }

    #[test]
    fn windows_are_disjoint_and_in_the_range() {
        let windows = windows_of((32_768, 60_999));
        assert_eq!(windows.len(), usize::from(WINDOWS));
        assert!(windows.windows(2).all(|pair| pair[0].1 < pair[1].0), "{windows:?}");
        assert!(windows.iter().all(|window| window.0 >= 32_768 && window.1 <= 60_999));
        assert!(windows_of((40_000, 40_009)).is_empty());
        assert_eq!(windows_of((0, u16::MAX)).len(), usize::from(WINDOWS));
    }

    #[test]
    fn addresses_of_others_cannot_be_bound() {
        assert_eq!(try_bind(Ipv4Addr::LOCALHOST.into()), Ok(()));
        // TEST-NET-1 (RFC 5737) is nobody's.
        let error = try_bind(Ipv4Addr::new(192, 0, 2, 1).into());
        // Unless this machine binds what it does not have (net.ipv4.ip_nonlocal_bind).
        let nonlocal = std::fs::read_to_string("/proc/sys/net/ipv4/ip_nonlocal_bind").unwrap_or_default();
        assert_eq!(error.is_ok(), nonlocal.trim() == "1", "{error:?}");
    }
}
