//! One accepted connection: the state that it always has, and a spill for what is needed only at
//! times.
//!
//! A held WebSocket is forty bytes here. Reader, partial frames and unsent bytes are in the spill,
//! which exists only while one of them does, or for as long as the connection is over TLS, whose
//! state is there too. Writes, but decides nothing. Invariant: bytes go out in the order of the
//! calls, since everything goes through [`Connection::send`], and while something is unsent
//! everything else queues behind it.

use std::io::{self, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use startline_os::tick::Tick;
use startline_protocol::http::RequestReader;
use startline_protocol::websocket::MessageReader;

use super::api::Upgrade;
use super::tls::Secure;
use super::world::{Pass, Runner};

/// No room.
pub(super) const NO_ROOM: u32 = u32::MAX;

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Reading requests.
    Http,
    /// A WebSocket that waits for its server to have room, as behind Tomcat's limit.
    Parked,
    /// Upgraded and listed, not registered yet (racy servers only).
    Listed,
    /// Registered, but CONNECTED is still to be sent (racy servers only).
    Registered,
    /// CONNECTED.
    Open,
    /// Has come to the end: PONGs, and no more announcements.
    Finished,
    /// Announced as gone for silence by another server than its own: connected as before.
    Ghost,
    /// A close frame is out; the peer's is awaited.
    Closing,
    /// The peer broke the protocol: nothing it sends is read as frames any more.
    Deaf,
}

impl State {
    /// Whether a WebSocket is established and no close frame out.
    pub(super) fn is_live(self) -> bool {
        matches!(self, Self::Listed | Self::Registered | Self::Open | Self::Finished | Self::Ghost)
    }

    /// Whether the upgrade is done.
    pub(super) fn is_websocket(self) -> bool {
        !matches!(self, Self::Http | Self::Parked)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    /// When something was last heard that counts: the idle clock, and in closing states when that
    /// began.
    pub(super) heard: Tick,
    /// The session's number; slots are used again.
    pub(super) session: u32,
    /// The worker's room that it is in, or [`NO_ROOM`].
    pub(super) room: u32,
    /// Its place among the room's receivers.
    pub(super) place: u32,
    pub(super) runner: Runner,
    /// The WebSocket server that it counts for.
    pub(super) server: u16,
    pub(super) state: State,
    spill: Option<Box<Spill>>,
}

/// What is not needed while a connection merely holds.
#[derive(Debug, Default)]
pub(super) struct Spill {
    /// The request being read.
    pub(super) reader: Option<RequestReader>,
    /// The opening of a parked WebSocket.
    pub(super) upgrade: Option<Upgrade>,
    /// Bytes read and not yet used: a partial frame, or requests behind an answer that is not sent
    /// yet.
    pub(super) unused: Vec<u8>,
    /// A fragmented message as far as it has come.
    pub(super) message: Option<Fragments>,
    /// A racy opening.
    pub(super) opening: Option<(Pass, Vec<u8>)>,
    /// The connection's TLS, from its first byte on.
    pub(super) secure: Option<Box<Secure>>,
    /// An answer is held back: its number, and whether the connection ends with it.
    pub(super) held_back: Option<(u32, bool)>,
    /// Bytes that the socket has not taken.
    tail: Vec<u8>,
    /// How many of them it has taken since.
    tail_sent: usize,
    /// Bytes that may be queued beyond the limit: a message that is over it alone is not the
    /// receiver's fault.
    allowance: usize,
    /// Bytes were refused, perhaps behind the beginning of their frame: nothing may follow.
    is_cut: bool,
    /// Close when everything is sent.
    pub(super) last: bool,
}

/// A fragmented message.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    pub(super) reader: MessageReader,
    pub(super) bytes: Vec<u8>,
}

/// The outcome of sending bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The socket has them.
    All,
    /// Some are queued; the number of bytes in the queue.
    Queued(usize),
    /// They would not fit in the queue. It was the connection's last attempt.
    Overflow,
    /// Others did not fit in the queue before: the connection is coming to its end.
    Refused,
    /// The connection is broken.
    Broken,
}

impl Connection {
    /// A connection just accepted.
    pub(super) fn new(socket: TcpStream, heard: Tick) -> Self {
        Self {
            socket,
            heard,
            session: 0,
            room: NO_ROOM,
            place: 0,
            runner: Runner(0),
            server: 0,
            state: State::Http,
            spill: None,
        }
    }

    /// Returns the spill, made if there is none.
    pub(super) fn spill(&mut self) -> &mut Spill {
        self.spill.get_or_insert_default()
    }

    /// Returns the spill, if there is one.
    pub(super) fn spilled(&mut self) -> Option<&mut Spill> {
        self.spill.as_deref_mut()
    }

    /// Whether something is unsent.
    pub(super) fn is_backlogged(&self) -> bool {
        self.spill.as_ref().is_some_and(|spill| !spill.tail.is_empty())
    }

    /// Whether requests have to wait: for answers to be taken, or for requests that came before.
    pub(super) fn is_held_up(&self) -> bool {
        let waits =
            |spill: &Spill| !spill.tail.is_empty() || !spill.unused.is_empty() || spill.held_back.is_some();
        self.state == State::Http && self.spill.as_deref().is_some_and(waits)
    }

    /// Whether an answer is held back: it is not the socket that goes on with it.
    pub(super) fn is_held_back(&self) -> bool {
        self.spill.as_ref().is_some_and(|spill| spill.held_back.is_some())
    }

    /// Sends, or queues what the socket does not take, up to `limit` bytes. After an overflow
    /// nothing is sent any more: it would come in the middle of a frame.
    pub(super) fn send(&mut self, bytes: &[u8], limit: usize) -> Sent {
        let Some(spill) = self.spill.as_deref_mut() else { return self.put(bytes, limit) };
        if spill.is_cut {
            return Sent::Refused;
        }
        let Some(secure) = spill.secure.as_deref_mut() else { return self.put(bytes, limit) };
        match secure.seal(bytes) {
            // The limit is for what is inside: a batch as long as a queue may be has to fit over
            // TLS too.
            Ok(sealed) => self.put(&sealed, limit.saturating_add(sealed.len().saturating_sub(bytes.len()))),
            Err(_) => Sent::Broken,
        }
    }

    /// As [`Connection::send`] for what TLS itself has to send.
    pub(super) fn send_own(&mut self, limit: usize) -> Sent {
        let Some(spill) = self.spill.as_deref_mut() else { return Sent::All };
        let unsent = spill.secure.as_deref_mut().map(Secure::unsent).unwrap_or_default();
        match unsent.as_slice() {
            [] => Sent::All,
            _ if spill.is_cut => Sent::Refused,
            unsent => self.put(unsent, limit),
        }
    }

    /// Sends close_notify over TLS, if everything before it is sent and the socket takes it at
    /// once.
    pub(super) fn send_close_notify(&mut self) {
        let Some(spill) = self.spill.as_deref_mut().filter(|spill| spill.tail.is_empty() && !spill.is_cut)
        else {
            return;
        };
        let farewell = spill.secure.as_deref_mut().map(Secure::farewell).unwrap_or_default();
        if !farewell.is_empty() {
            // A peer that is gone does not need it.
            let _ = (&self.socket).write(&farewell);
        }
    }

    /// Closes our side, behind what is sent.
    pub(super) fn end_writing(&mut self) {
        self.send_close_notify();
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Whether a TLS handshake is done.
    pub(super) fn is_secured(&self) -> bool {
        let secure = self.spill.as_deref().and_then(|spill| spill.secure.as_deref());
        secure.is_some_and(|secure| !secure.is_handshaking())
    }

    /// Writes, or queues what the socket does not take.
    fn put(&mut self, bytes: &[u8], limit: usize) -> Sent {
        if let Some(spill) = self.spill.as_deref_mut().filter(|spill| !spill.tail.is_empty()) {
            return spill.queue(bytes, limit);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            match (&self.socket).write(rest) {
                Ok(0) => return Sent::Broken,
                Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Sent::Broken,
            }
        }
        if rest.is_empty() {
            return Sent::All;
        }
        self.spill().queue(rest, limit)
    }

    /// As [`Connection::send`] for a message of which all may be queued whatever its length.
    pub(super) fn send_whole(&mut self, bytes: &[u8]) -> Sent {
        let sent = self.send(bytes, usize::MAX);
        if let Sent::Queued(queued) = sent {
            self.spill().allowance = queued;
        }
        sent
    }

    /// Sends what is unsent, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> Sent {
        let Some(spill) = self.spill.as_deref_mut() else { return Sent::All };
        while spill.tail_sent < spill.tail.len() {
            match (&self.socket).write(&spill.tail[spill.tail_sent..]) {
                Ok(0) => return Sent::Broken,
                Ok(sent) => spill.tail_sent += sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Sent::Queued(spill.tail.len() - spill.tail_sent);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Sent::Broken,
            }
        }
        (spill.tail, spill.tail_sent, spill.allowance) = (Vec::new(), 0, 0);
        self.tidy();
        Sent::All
    }

    /// Drops the spill when nothing is in it.
    pub(super) fn tidy(&mut self) {
        if self.spill.as_ref().is_some_and(|spill| spill.is_empty()) {
            self.spill = None;
        }
    }
}

impl Spill {
    fn queue(&mut self, bytes: &[u8], limit: usize) -> Sent {
        let queued = self.tail.len() - self.tail_sent + bytes.len();
        if queued > limit.saturating_add(self.allowance) {
            self.is_cut = true;
            return Sent::Overflow;
        }
        // What is sent already goes when it is most of the queue: each byte is moved at most once
        // for each that was sent.
        if self.tail_sent > self.tail.len() / 2 {
            self.tail.drain(..self.tail_sent);
            self.tail_sent = 0;
        }
        self.tail.extend_from_slice(bytes);
        Sent::Queued(queued)
    }

    fn is_empty(&self) -> bool {
        self.reader.is_none()
            && self.held_back.is_none()
            && self.upgrade.is_none()
            && self.unused.is_empty()
            && self.message.is_none()
            && self.opening.is_none()
            && self.secure.is_none()
            && self.tail.is_empty()
            && !self.is_cut
            && !self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_connection_is_forty_bytes() {
        // mio's streams carry a few bytes more in debug builds, to catch a wrong `Poll`.
        let debug = size_of::<TcpStream>() - 4;
        assert!(size_of::<Connection>() <= 40 + debug.next_multiple_of(8), "{}", size_of::<Connection>());
    }

    #[test]
    fn a_queue_is_bounded_and_keeps_the_order() {
        let mut spill = Spill::default();
        assert_eq!(spill.queue(b"abcd", 8), Sent::Queued(4));
        spill.tail_sent = 3;
        assert_eq!(spill.queue(b"efghijk", 8), Sent::Queued(8));
        assert_eq!((spill.tail.as_slice(), spill.tail_sent), (&b"defghijk"[..], 0));
        spill.allowance = 1;
        assert_eq!(spill.queue(b"l", 8), Sent::Queued(9));
        assert_eq!(spill.queue(b"m", 8), Sent::Overflow);
    }

    /// A connection and its peer's end of it.
    fn connected() -> (Connection, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        let heard = startline_os::clock::Clock::start().now();
        (Connection::new(TcpStream::from_std(socket), heard), peer)
    }

    #[test]
    fn a_message_as_long_as_the_queue_fits_over_tls_too() {
        let (mut connection, _peer) = connected();
        connection.spill().secure = Some(Box::new(super::super::tls::tests::pair(&rustls::version::TLS13).0));
        // The socket is full, and nothing is queued.
        while connection.send(&[b'x'; 1 << 16], 0) == Sent::All {}
        (connection.spill().tail, connection.spill().is_cut) = (Vec::new(), false);
        let limit = 100_000;
        assert!(matches!(connection.send(&vec![b'y'; limit], limit), Sent::Queued(queued) if queued > limit));
        assert_eq!(connection.send(&vec![b'z'; limit], limit), Sent::Overflow);
        assert_eq!(connection.send(b"z", limit), Sent::Refused);
    }

    #[test]
    fn nothing_follows_a_frame_that_was_cut() {
        let (mut connection, mut peer) = connected();
        // More than loopback's buffers: the socket takes the beginning only.
        let frame = vec![b'x'; 64 << 20];
        assert_eq!(connection.send(&frame, 8), Sent::Overflow);
        connection.tidy();
        let reader = std::thread::spawn(move || {
            let mut heard = Vec::new();
            io::Read::read_to_end(&mut peer, &mut heard).unwrap();
            heard
        });
        for _ in 0..50 {
            assert_eq!(connection.send(b"y", 8), Sent::Refused);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        drop(connection);
        assert!(!reader.join().unwrap().contains(&b'y'));
    }
}
