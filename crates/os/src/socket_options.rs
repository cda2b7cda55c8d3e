//! Options of ip(7) that choose a socket's local port, which socket2 does not have.
//!
//! Both hold for IPv6 sockets as well. Decides nothing. Invariant: an option that the kernel
//! refuses is an error; one that it ignores is for [`crate::features`] to find.

use std::io;
use std::os::fd::AsRawFd;

use socket2::Socket;

/// `IP_BIND_ADDRESS_NO_PORT` of linux/in.h.
const IP_BIND_ADDRESS_NO_PORT: libc::c_int = 24;
/// `IP_LOCAL_PORT_RANGE` of linux/in.h; the low half of its value is the first port, the high half
/// the last.
const IP_LOCAL_PORT_RANGE: libc::c_int = 51;

/// Lets bind() choose the address alone, and connect() the port (Linux 4.2).
///
/// # Errors
/// The kernel's.
pub fn leave_port_to_connect(socket: &Socket) -> io::Result<()> {
    set(socket, IP_BIND_ADDRESS_NO_PORT, 1)
}

/// Narrows the choice of local ports to these, both ends included (Linux 6.3). Ports outside the
/// sysctl's range are ignored without an error.
///
/// # Errors
/// The kernel's.
pub fn narrow_ports(socket: &Socket, (first, last): (u16, u16)) -> io::Result<()> {
    set(socket, IP_LOCAL_PORT_RANGE, u32::from(last) << 16 | u32::from(first))
}

fn set(socket: &Socket, option: libc::c_int, value: u32) -> io::Result<()> {
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
