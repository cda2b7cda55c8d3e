//! What non-blocking client sockets answer: whether a connection is up, what was written, which
//! fault an error is.
//!
//! Knows addresses and bytes, no session. Invariant: every failure comes back as a [`Fault`] that
//! distinguishes this machine's limits from the network's.

use std::io::{self, Write};

use mio::net::TcpStream;

use crate::fault::Fault;

/// How a connection attempt stands.
pub enum Dialed {
    /// The connection is up.
    Connected,
    /// Not decided yet; a spurious wake-up.
    Pending,
    /// It failed.
    Failed(Fault),
}

/// Asks a socket that woke up while connecting (mio's documentation of `TcpStream::connect`).
pub fn dialed(socket: &TcpStream) -> Dialed {
    match socket.take_error() {
        Ok(Some(error)) | Err(error) => return Dialed::Failed(fault_of(&error)),
        Ok(None) => {}
    }
    match socket.peer_addr() {
        Ok(_) => Dialed::Connected,
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Dialed::Pending,
        Err(error) => Dialed::Failed(fault_of(&error)),
    }
}

/// Writes as much as the kernel takes; the number of bytes written.
///
/// # Errors
/// The [`Fault`] behind the errno; nothing has been written then.
pub fn write(socket: &mut TcpStream, bytes: &[u8]) -> Result<usize, Fault> {
    let mut written = 0;
    while written < bytes.len() {
        match socket.write(&bytes[written..]) {
            Ok(0) => break,
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Some of it is out already: the next call says what is wrong.
            Err(_) if written > 0 => break,
            Err(error) => return Err(fault_of(&error)),
        }
    }
    Ok(written)
}

/// The fault behind a socket call's error.
pub fn fault_of(error: &io::Error) -> Fault {
    error.raw_os_error().map_or(Fault::Errno(0), Fault::from_errno)
}
