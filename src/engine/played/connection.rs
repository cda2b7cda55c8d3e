//! The one connection of a session that is played on its own: a socket and, where it is secure, its
//! TLS.
//!
//! Does not know what a session is. Invariants: bytes go out in the order in which they were given;
//! after [`Connection::hang_up`] nothing of the connection is left; each connection has a generation
//! of its own.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use startline_os::tick::Tick;
use startline_protocol::tls::HEADER_BYTES;

use crate::engine::hosts::Addresses;
use crate::engine::lives::RowIndex;
use crate::engine::ports::Ports;
use crate::engine::secure::{Broken, Data, Secure};
use crate::engine::sockets::{self, Dialed};
use crate::fault::Fault;
use crate::measure::Handshake;
use crate::session::{Endpoint, Phase};

/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;

/// What a connection has to tell.
pub(super) enum Event {
    /// It is up.
    Up,
    /// Bytes came.
    Plain(Vec<u8>),
    /// Bytes of TLS records came.
    Records(Vec<u8>),
    /// It is gone: the peer closed it, or a socket call failed.
    Gone(Option<Fault>),
}

/// What one TLS record led to.
pub(super) struct Record {
    pub(super) handshake: Option<Handshake>,
    pub(super) data: Vec<u8>,
    pub(super) closed: bool,
}

/// What connections are made of.
pub(in crate::engine) struct Net<'n> {
    pub(in crate::engine) addresses: &'n Addresses,
    pub(in crate::engine) registry: &'n Registry,
    pub(in crate::engine) ports: &'n mut Ports,
    pub(in crate::engine) secure: &'n mut Secure,
}

pub(super) struct Connection {
    /// The row of its TLS state.
    row: RowIndex,
    /// Which of several addresses comes first, of the peer and of this machine.
    turn: u32,
    token: Token,
    socket: Option<TcpStream>,
    is_up: bool,
    /// Bytes that the kernel has not taken.
    tail: Vec<u8>,
    sealed: Vec<u8>,
    /// Behind the record being handled there is more.
    rest_waits: bool,
    /// Where else to connect if this address fails.
    untried: Vec<SocketAddr>,
    endpoint: Option<Endpoint>,
    now: Tick,
    generation: u32,
}

impl Connection {
    /// None yet; its TLS state is to be in this row.
    pub(super) fn new(row: RowIndex, turn: u32, token: Token) -> Self {
        Self {
            row,
            turn,
            token,
            socket: None,
            is_up: false,
            tail: Vec::new(),
            sealed: Vec::new(),
            rest_waits: false,
            untried: Vec::new(),
            endpoint: None,
            now: Tick::default(),
            generation: 0,
        }
    }

    /// Which connection this is: another number after each that was made or dropped.
    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    pub(super) fn is_secure(&self, net: &Net<'_>) -> bool {
        net.secure.is_secure(self.row)
    }

    /// Begins to connect to the first address of the endpoint's host that can be tried.
    pub(super) fn dial(
        &mut self,
        endpoint: Endpoint,
        now: Tick,
        net: &mut Net<'_>,
    ) -> Result<SocketAddr, Fault> {
        self.hang_up(net);
        let to = |ip: &IpAddr| SocketAddr::new(*ip, endpoint.port);
        self.untried = net.addresses.of(endpoint).iter().rev().map(to).collect();
        let count = self.untried.len().max(1);
        self.untried.rotate_right(self.turn as usize % count);
        self.endpoint = Some(endpoint);
        self.now = now;
        self.dial_next(Fault::Unreachable, net)
    }

    fn dial_next(&mut self, mut last: Fault, net: &mut Net<'_>) -> Result<SocketAddr, Fault> {
        while let (Some(address), Some(endpoint)) = (self.untried.pop(), self.endpoint) {
            match self.open(address, endpoint, net) {
                Ok(()) => return Ok(address),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    fn open(&mut self, address: SocketAddr, endpoint: Endpoint, net: &mut Net<'_>) -> Result<(), Fault> {
        let socket = net.ports.connect(
            address,
            self.turn as usize / net.addresses.of(endpoint).len().max(1),
            self.now,
        )?;
        let mut socket = TcpStream::from_std(socket.into());
        let registered =
            net.registry.register(&mut socket, self.token, Interest::READABLE | Interest::WRITABLE);
        registered.map_err(|error| sockets::fault_of(&error))?;
        self.socket = Some(socket);
        self.generation += 1;
        if endpoint.secure {
            net.secure.dialing(self.row, endpoint.host);
        }
        Ok(())
    }

    /// Looks whether the connection has come up since.
    pub(super) fn progress(&mut self, net: &mut Net<'_>) -> Option<Event> {
        if self.is_up {
            return None;
        }
        match sockets::dialed(self.socket.as_ref()?) {
            Dialed::Pending => None,
            Dialed::Connected => {
                self.is_up = true;
                Some(Event::Up)
            }
            Dialed::Failed(fault) => {
                self.drop_socket(net);
                self.dial_next(fault, net).err().map(|fault| Event::Gone(Some(fault)))
            }
        }
    }

    /// Reads once; `None` when there is nothing to read.
    pub(super) fn read(&mut self, net: &mut Net<'_>) -> Option<Event> {
        if !self.is_up {
            return None;
        }
        let mut bytes = vec![0; READ_BYTES];
        let is_secure = self.is_secure(net);
        let begun = if is_secure { net.secure.resume(self.row, &mut bytes) } else { 0 };
        loop {
            return match self.socket.as_mut()?.read(&mut bytes[begun..]) {
                Ok(0) => Some(Event::Gone(None)),
                Ok(count) => {
                    bytes.truncate(begun + count);
                    Some(if is_secure { Event::Records(bytes) } else { Event::Plain(bytes) })
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
                Err(error) => Some(Event::Gone(Some(sockets::fault_of(&error)))),
            };
        }
    }

    pub(super) fn begin_handshake(&mut self, net: &mut Net<'_>) -> Result<(), Broken> {
        let begun = net.secure.begin(self.row, &mut self.sealed);
        self.send_sealed();
        begun
    }

    /// Takes the next whole record out of `bytes`; keeps what is left when there is none.
    pub(super) fn next_record(
        &mut self,
        bytes: &mut Vec<u8>,
        net: &mut Net<'_>,
    ) -> Result<Option<Record>, Broken> {
        let Some(len) = net.secure.next_record(self.row, bytes)? else {
            net.secure.keep(self.row, bytes);
            return Ok(None);
        };
        let rest = bytes.split_off(len);
        let mut record = std::mem::replace(bytes, rest);
        self.rest_waits = !bytes.is_empty();
        let received = net.secure.receive(self.row, &mut record, &mut self.sealed);
        self.send_sealed();
        let received = received?;
        let data = match received.data {
            Data::None => Vec::new(),
            Data::InPlace(len) => record[HEADER_BYTES..HEADER_BYTES + len].to_vec(),
            Data::Plain => net.secure.take_plain(),
        };
        Ok(Some(Record { handshake: received.handshake, data, closed: received.closed }))
    }

    /// Once the WebSocket is up, secrets are kept in place of the rustls object, as in a run.
    pub(super) fn settle(&mut self, phase: Phase, net: &mut Net<'_>) -> Result<(), Broken> {
        if !matches!(phase, Phase::Opening | Phase::Held | Phase::Closing) || !self.is_secure(net) {
            return Ok(());
        }
        let settled = net.secure.settle(self.row, &mut self.sealed);
        self.send_sealed();
        settled
    }

    /// Sends bytes, as records where the connection is secure. `last`: nothing follows.
    pub(super) fn send(&mut self, bytes: &[u8], last: bool, net: &mut Net<'_>) -> Result<(), Fault> {
        if !self.is_secure(net) {
            return self.transmit(bytes);
        }
        if !bytes.is_empty() {
            net.secure.seal(self.row, bytes, &mut self.sealed);
        }
        if last {
            net.secure.seal_close_notify(self.row, &mut self.sealed);
        }
        let sealed = std::mem::take(&mut self.sealed);
        let sent = self.transmit(&sealed);
        // A goodbye that does not get through harms nobody.
        if last && bytes.is_empty() { Ok(()) } else { sent }
    }

    /// What TLS itself has to say. If it does not get through, the next read says why.
    fn send_sealed(&mut self) {
        let sealed = std::mem::take(&mut self.sealed);
        let _ = self.transmit(&sealed);
    }

    fn transmit(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Some(socket) = &mut self.socket else { return Ok(()) };
        let written = if self.tail.is_empty() { sockets::write(socket, bytes)? } else { 0 };
        self.tail.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    /// Sends what was kept, now that the socket may take it. A failure shows at the next read.
    pub(super) fn flush(&mut self) {
        let Some(socket) = self.socket.as_mut().filter(|_| self.is_up && !self.tail.is_empty()) else {
            return;
        };
        if let Ok(written) = sockets::write(socket, &self.tail) {
            self.tail.drain(..written);
        }
    }

    /// Whether the connection may carry another request: all is sent, and nothing waits to be read.
    pub(super) fn is_fit(&self) -> bool {
        let is_quiet = self.socket.as_ref().is_some_and(
            |socket| matches!(socket.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock),
        );
        is_quiet && self.tail.is_empty() && !self.rest_waits
    }

    pub(super) fn hang_up(&mut self, net: &mut Net<'_>) {
        self.drop_socket(net);
        self.untried.clear();
    }

    fn drop_socket(&mut self, net: &mut Net<'_>) {
        net.secure.drop_connection(self.row);
        self.socket = None;
        self.is_up = false;
        self.rest_waits = false;
        self.tail.clear();
        self.sealed.clear();
        self.generation += 1;
    }
}
