//! A worker's sockets: events handed to sessions, and their commands carried out.
//!
//! Invariant: after [`Worker::drive`] no command is left over, and a session that is over has no
//! socket, no tail and no entry in any table.

use std::io::{self, Read};
use std::net::SocketAddr;

use mio::Interest;
use mio::net::TcpStream;
use startline_os::tick::Tick;

use super::{MARK_READ_CLOSED, MARK_SHAKING, MARK_UNREAD, Row, Wire, Worker};
use crate::engine::lives::RowIndex;
use crate::engine::observe::Books;
use crate::engine::sockets::{self, Dialed};
use crate::fault::Fault;
use crate::measure::Recorder;
use crate::session::{Context, Endpoint, Phase, Session, Timer, Who};

/// Reads of one session in a turn; what is left waits for the next turn.
const READS_PER_TURN: usize = 4;
/// Unsent bytes of one session. Ours are PINGs and PONGs: a peer that lets this much pile up does
/// not read.
const TAIL_BYTES_MAX: usize = 256 << 10;

/// Bytes wait for the socket to become writable.
pub(super) const MARK_TAIL: u8 = 1 << 1;

impl Wire {
    /// Sends bytes of a row, or keeps what the kernel does not take.
    pub(super) fn transmit(
        &mut self,
        row: RowIndex,
        slot: &mut Row,
        recorder: &mut Recorder,
        bytes: &[u8],
    ) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Ok(());
        }
        let Some(socket) = &mut slot.socket else { return Ok(()) };
        if let Some(tail) = self.tails.get_mut(&row) {
            if tail.len() + bytes.len() > TAIL_BYTES_MAX {
                return Err(Fault::SendBacklog);
            }
            tail.extend_from_slice(bytes);
            return Ok(());
        }
        let written = sockets::write(socket, bytes)?;
        recorder.bytes(0, written as u64);
        if written < bytes.len() {
            self.tails.insert(row, bytes[written..].to_vec());
            slot.session.shell_marks |= MARK_TAIL;
        }
        Ok(())
    }
}

impl Worker<'_> {
    pub(super) fn who(&self, row: RowIndex) -> Who {
        let session = self.lives.session(row);
        Who {
            session,
            member_id: self.given.members.id(session),
            challenge_id: self.given.members.challenge(session),
        }
    }

    /// Hands an event to a session and carries out its commands. A socket call that fails is its
    /// next event; that ends because a session dials a bounded number of times.
    pub(super) fn drive(&mut self, row: RowIndex, event: impl FnOnce(&mut Session, &mut Context<'_, Books>)) {
        self.with_session(row, event);
        while let Some(fault) = self.apply(row) {
            self.with_session(row, |session, ctx| session.unsent(fault, ctx));
        }
    }

    fn with_session(&mut self, row: RowIndex, event: impl FnOnce(&mut Session, &mut Context<'_, Books>)) {
        let who = self.who(row);
        let session = &mut self.rows[row.index()].session;
        let (was_open, was_settled) = (session.is_open(), session.is_settled());
        let mut ctx = self.lent.context(self.time.at, (who, row.0), self.given.script, &mut self.books);
        event(session, &mut ctx);
        if was_open != session.is_open() {
            self.so_far.open = if was_open { self.so_far.open - 1 } else { self.so_far.open + 1 };
        }
        if !was_settled && session.is_settled() {
            self.so_far.settled += 1;
        }
    }

    /// Applies the commands; the fault of a socket call that failed.
    fn apply(&mut self, row: RowIndex) -> Option<Fault> {
        while let Some((timer, due)) = self.lent.commands.timers.pop_front() {
            self.timers.arm(self.queues.of(timer), self.owner(row), due);
        }
        let disconnect = std::mem::take(&mut self.lent.commands.disconnect);
        let reusable = std::mem::take(&mut self.lent.commands.reusable);
        let connect = self.lent.commands.connect.take();
        let keep = std::mem::take(&mut self.lent.commands.keep);
        if disconnect {
            self.end_lease(row, reusable);
        }
        let finish = std::mem::take(&mut self.lent.commands.finish);
        if let Some(ask) = self.lent.commands.ask.take() {
            self.asks(row, ask);
        }
        let sent = self.send(row, disconnect || finish);
        if disconnect {
            self.hang_up(row);
            match self.rows[row.index()].session.phase() {
                Phase::Over => self.ended(row),
                Phase::Away => {
                    self.wire.dialing.remove(&row);
                    self.drop_request(row);
                }
                _ => {}
            }
        } else if let Err(fault) = sent {
            self.hang_up(row);
            return Some(fault);
        }
        let endpoint = connect?;
        if keep {
            if self.is_fit(row) {
                self.with_session(row, |session, ctx| session.lent(ctx));
                return self.apply(row);
            }
            self.hang_up(row);
        }
        // What is shared leads to the target.
        if self.is_pooled(row) && endpoint == self.given.script.home() {
            return self.lease(row, endpoint);
        }
        self.dial(row, endpoint, 0).err()
    }

    /// Whether the row's connection may carry another request: it is open, all that was sent is on its
    /// way, and nothing waits to be read, which would be taken for the request's answer.
    pub(super) fn is_fit(&self, row: RowIndex) -> bool {
        let slot = &self.rows[row.index()];
        let is_quiet = slot.socket.as_ref().is_some_and(
            |socket| matches!(socket.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock),
        );
        is_quiet && !self.rest_waits && slot.session.shell_marks & (MARK_READ_CLOSED | MARK_TAIL) == 0
    }

    /// Sends `out`, as records where the connection is secure. `last`: nothing follows.
    fn send(&mut self, row: RowIndex, last: bool) -> Result<(), Fault> {
        if self.secure.is_secure(row) {
            return self.send_sealed(row, last);
        }
        self.wire.transmit(row, &mut self.rows[row.index()], &mut self.books.recorder, &self.lent.out)
    }

    /// Sends what was kept, now that the socket is writable again.
    pub(super) fn flush(&mut self, row: RowIndex) {
        if self.rows[row.index()].session.shell_marks & MARK_TAIL == 0 {
            return;
        }
        let (Some(socket), Some(tail)) = (&mut self.rows[row.index()].socket, self.wire.tails.get_mut(&row))
        else {
            return;
        };
        match sockets::write(socket, tail) {
            Ok(written) => {
                self.books.recorder.bytes(0, written as u64);
                tail.drain(..written);
                if tail.is_empty() {
                    self.wire.tails.remove(&row);
                    self.rows[row.index()].session.shell_marks &= !MARK_TAIL;
                }
            }
            Err(fault) => self.lost(row, Some(fault)),
        }
    }

    /// The connection is gone, by the peer's doing or a socket call's failure.
    pub(super) fn lost(&mut self, row: RowIndex, fault: Option<Fault>) {
        self.hang_up(row);
        self.drive(row, |session, ctx| session.disconnected(fault, ctx));
    }

    pub(super) fn read(&mut self, row: RowIndex) {
        // Borrowed for the while: the session reads from it while the worker is lent to the
        // session.
        let mut buffer = std::mem::take(&mut self.wire.read_buffer);
        let drained = self.read_into(row, &mut buffer);
        self.wire.read_buffer = buffer;
        if !drained && self.rows[row.index()].session.shell_marks & MARK_UNREAD == 0 {
            self.rows[row.index()].session.shell_marks |= MARK_UNREAD;
            self.wire.unread.push(row);
        }
    }

    /// Reads until the socket is drained (`true`) or the turn's budget is spent (`false`).
    fn read_into(&mut self, row: RowIndex, buffer: &mut [u8]) -> bool {
        for _ in 0..READS_PER_TURN {
            let is_secure = self.secure.is_secure(row);
            // Behind the beginning of a record that the last read cut through.
            let begun = if is_secure { self.secure.resume(row, buffer) } else { 0 };
            let Some(socket) = &mut self.rows[row.index()].socket else { return true };
            match socket.read(&mut buffer[begun..]) {
                Ok(0) => {
                    self.lost(row, None);
                    return true;
                }
                Ok(count) => {
                    self.books.recorder.bytes(count as u64, 0);
                    if self.given.has_ages {
                        self.time.hear();
                    }
                    let bytes = &mut buffer[..begun + count];
                    if is_secure {
                        self.receive_records(row, bytes);
                    } else {
                        self.drive(row, |session, ctx| session.received(bytes, ctx));
                    }
                    // A fresh connection has its own events coming.
                    if self.awaits_tcp(row) {
                        return true;
                    }
                    let marks = self.rows[row.index()].session.shell_marks;
                    if begun + count < buffer.len() && marks & MARK_READ_CLOSED == 0 {
                        return true;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.lost(row, Some(sockets::fault_of(&error)));
                    return true;
                }
            }
        }
        false
    }

    /// Starts a connection to an address of the endpoint's host: the first attempts go round them
    /// by turn, the next ones follow when that fails at once. A turn's source address is gone round
    /// more slowly, so that every pair of source and target gets its share.
    pub(super) fn dial(&mut self, row: RowIndex, endpoint: Endpoint, first: u32) -> Result<(), Fault> {
        self.wire.dialing.remove(&row);
        let addresses = self.given.addresses.of(endpoint);
        let mut last = Fault::Unreachable;
        for attempt in first..addresses.len() as u32 {
            let turn = self.turn(row);
            let index = turn.wrapping_add(attempt) as usize % addresses.len();
            let source = turn as usize / addresses.len();
            let address = SocketAddr::new(addresses[index], endpoint.port);
            if addresses.len() > 1 {
                self.books.recorder.address_tried(address.ip());
            }
            match self.open_socket(row, endpoint, address, source) {
                Ok(()) => {
                    if addresses.len() > 1 {
                        self.wire.dialing.insert(row, (endpoint, attempt + 1));
                    }
                    return Ok(());
                }
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    fn open_socket(
        &mut self,
        row: RowIndex,
        endpoint: Endpoint,
        address: SocketAddr,
        source: usize,
    ) -> Result<(), Fault> {
        let socket = self.wire.ports.connect(address, source, self.time.at.now)?;
        let mut socket = TcpStream::from_std(socket.into());
        let token = self.token_of(row);
        // Both directions, once: edges that are not needed cost less than changing the interest.
        self.wire
            .poll
            .registry()
            .register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)
            .map_err(|error| sockets::fault_of(&error))?;
        self.rows[row.index()].socket = Some(socket);
        if endpoint.secure {
            self.secure.dialing(row, endpoint.host);
        }
        Ok(())
    }

    /// Whether the row's connection is not up yet. A TLS handshake comes after that.
    pub(super) fn awaits_tcp(&self, row: RowIndex) -> bool {
        let session = &self.rows[row.index()].session;
        session.is_dialing() && session.shell_marks & MARK_SHAKING == 0
    }

    /// Looks whether a connection has come up; `false` when it has not.
    ///
    /// `is_up`: the event says so. epoll reports a socket writable without an error or an end only
    /// once it is connected (tcp_poll() of Linux's net/ipv4/tcp.c), so that two system calls a
    /// connection need not be made; anything else is asked about.
    pub(super) fn finish_dialing(&mut self, row: RowIndex, is_up: bool) -> bool {
        let Some(socket) = &self.rows[row.index()].socket else { return false };
        let dialed = if is_up { Dialed::Connected } else { sockets::dialed(socket) };
        match dialed {
            Dialed::Connected => {
                if let Some((endpoint, next)) = self.wire.dialing.remove(&row) {
                    let addresses = self.given.addresses.of(endpoint);
                    let index = self.turn(row).wrapping_add(next - 1) as usize % addresses.len();
                    self.books.recorder.address_up(addresses[index]);
                }
                if self.rows[row.index()].session.phase() == Phase::Dialing {
                    self.books.recorder.http_connection();
                }
                if self.secure.is_secure(row) {
                    self.begin_handshake(row);
                } else {
                    self.drive(row, |session, ctx| session.connected(ctx));
                }
                true
            }
            Dialed::Pending => false,
            Dialed::Failed(fault) => {
                self.hang_up(row);
                self.dial_next(row, fault);
                false
            }
        }
    }

    /// Tries the next address of the host, or gives the failure to the session.
    fn dial_next(&mut self, row: RowIndex, fault: Fault) {
        let next = self.wire.dialing.get(&row).copied();
        let next =
            next.filter(|(endpoint, next)| (*next as usize) < self.given.addresses.of(*endpoint).len());
        let fault = match next.map(|(endpoint, next)| self.dial(row, endpoint, next)) {
            Some(Ok(())) => None,
            // What stopped the last attempt is what has to be fixed.
            Some(Err(newer)) => Some(newer),
            None => Some(fault),
        };
        if let Some(fault) = fault {
            self.drive(row, |session, ctx| session.disconnected(Some(fault), ctx));
        }
    }

    /// A timer has come while the connection is not up. If it ends the session, or its attempt to come
    /// back, nothing has answered the address that it is from.
    pub(super) fn dialing_due(&mut self, row: RowIndex, timer: Timer, due: Tick) {
        let socket = self.rows[row.index()].socket.as_ref();
        let from = socket.and_then(|socket| socket.local_addr().ok());
        self.books.from = from;
        self.drive(row, |session, ctx| session.timer(timer, due, ctx));
        self.books.from = None;
        if let Some(from) = from
            && matches!(self.rows[row.index()].session.phase(), Phase::Over | Phase::Away)
        {
            self.wire.ports.unanswered(from.ip());
        }
    }

    /// Drops the connection and what was to be sent on it. Closing takes it out of the poll.
    pub(super) fn hang_up(&mut self, row: RowIndex) {
        self.secure.drop_connection(row);
        let slot = &mut self.rows[row.index()];
        slot.socket = None;
        if slot.session.shell_marks & MARK_TAIL != 0 {
            self.wire.tails.remove(&row);
        }
        slot.session.shell_marks &= MARK_UNREAD;
    }

    /// Notes a session that is over.
    fn ended(&mut self, row: RowIndex) {
        debug_assert_eq!(self.rows[row.index()].session.phase(), Phase::Over);
        self.wire.dialing.remove(&row);
        self.secure.drop_ticket(row);
        self.drop_request(row);
        self.so_far.live -= 1;
        let given = self.lent.side.longest_given(row.0).as_duration();
        self.lives.over(row, self.books.at, given);
    }
}
