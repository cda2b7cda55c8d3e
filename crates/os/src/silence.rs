//! Connections whose peer is to hear nothing any more.
//!
//! Decides nothing. Invariant: a socket that is silenced acknowledges nothing that comes, and
//! answers nothing with a reset, for as long as it is open.

use std::io;
use std::os::fd::AsFd;

use socket2::{SockFilter, SockRef};

/// A classic filter's "return this many bytes": none, so that the packet is dropped before TCP sees
/// it.
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Drops what comes for a socket before the kernel's TCP sees it, as if this machine had gone: no
/// privilege is needed. Closing the socket under `TCP_REPAIR` instead would not do: the kernel
/// would answer the peer's next segment with a reset.
///
/// # Errors
/// The kernel's; then it acknowledges what comes until the socket's buffer is full.
pub fn discard_incoming(socket: &impl AsFd) -> io::Result<()> {
    SockRef::from(socket).attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)])
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_silenced_connection_takes_nothing_and_says_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"before").unwrap();
        let mut read = [0; 6];
        client.read_exact(&mut read).unwrap();
        discard_incoming(&client).unwrap();
        peer.write_all(b"after").unwrap();
        client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let error = client.read(&mut read).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        // The peer hears nothing: it reads neither an end nor a reset.
        peer.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        assert_eq!(peer.read(&mut read).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
