//! Asks the kernel whether there is a route to an address, without sending anything.
//!
//! Decides nothing. Invariant: no packet leaves this machine, and nothing is left behind.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The address that a connection to `destination` would come from: `source`, or the kernel's choice
/// where none is given. A UDP connect() looks the route up and sends nothing.
///
/// # Errors
/// The kernel's, where nothing leads there, or where `source` cannot be bound.
pub fn try_route(source: Option<IpAddr>, destination: IpAddr) -> io::Result<IpAddr> {
    let any = match destination {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((source.unwrap_or(any), 0))?;
    // The discard service's port: routes do not hang on it.
    socket.connect(SocketAddr::new(destination, 9))?;
    Ok(socket.local_addr()?.ip())
}

/// Whether this error says that nothing leads there. From a source address of its own, EINVAL says
/// that this address is unfit, and EADDRNOTAVAIL that it is not this machine's.
pub fn leads_nowhere(error: &io::Error, source: Option<IpAddr>) -> bool {
    match error.raw_os_error() {
        // A route that forbids, and one that swallows.
        Some(libc::EACCES) => true,
        Some(libc::EINVAL) => source.is_none(),
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_reached_from_itself() {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(try_route(None, here).expect("there is one"), here);
        let other = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 9));
        assert_eq!(try_route(Some(other), here).expect("there is one"), other);
        // From the loopback nothing leaves this machine.
        let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let error = try_route(Some(here), elsewhere).expect_err("not from there");
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
        assert!(leads_nowhere(&error, None) && !leads_nowhere(&error, Some(here)));
        assert!(!leads_nowhere(&io::Error::from_raw_os_error(libc::EADDRNOTAVAIL), None));
    }
}
