//! A worker's shared HTTP connections: lent to sessions, taken back, and closed when nobody is left
//! to use one.
//!
//! Who gets which is [`Pool`](crate::engine::pool::Pool)'s to say; this carries sockets there and
//! back. While a connection is lent, its socket and its TLS are its row's as any other's; only its
//! token stays the place's, so that lending costs no system call. Invariants: whatever a session
//! ends with, its lease ends in `end_lease`; an idle connection has nothing unread, unsent or half
//! received; once the last session is through with HTTP, the pool has no descriptor.

use std::io::{self, Read, Write};

use mio::Token;
use mio::net::TcpStream;

use super::wire::MARK_TAIL;
use super::{MARK_READ_CLOSED, STARTS_PER_CLOCK, Worker};
use crate::engine::lives::RowIndex;
use crate::engine::pool::Grant;
use crate::engine::secure::Detached;
use crate::fault::Fault;
use crate::session::{Endpoint, Phase};

/// Tokens from here on are places; a worker has fewer sessions.
const FIRST_PLACE: usize = 1 << 30;
/// Waiting sessions served between two looks at the sockets.
const SERVED_PER_TURN: usize = 64;

/// A connection between two sessions.
#[derive(Debug)]
pub(super) struct Kept {
    socket: TcpStream,
    tls: Detached,
}

impl Worker<'_> {
    /// Whether the row's session is to have a shared connection: HTTP's are, its WebSocket's never
    /// is.
    pub(super) fn is_pooled(&self, row: RowIndex) -> bool {
        self.pool.is_on() && self.rows[row.index()].session.phase() == Phase::Dialing
    }

    /// The token of the row's connection.
    pub(super) fn token_of(&self, row: RowIndex) -> Token {
        Token(self.pool.place_of(row).map_or(row.index(), |place| FIRST_PLACE + place as usize))
    }

    /// The row that an event is for. What comes on an idle connection is for nobody: the server has
    /// closed it, or said something unasked.
    pub(super) fn row_of(&mut self, token: Token) -> Option<RowIndex> {
        match token.0.checked_sub(FIRST_PLACE) {
            None => Some(RowIndex(token.0 as u32)),
            Some(place) => {
                let place = place as u32;
                let holder = self.pool.holder(place);
                if holder.is_none() {
                    self.look_at_idle(place);
                }
                holder
            }
        }
    }

    /// Which of a host's addresses, and of this machine's, are the row's first: they go round by
    /// row, or by shared connection.
    pub(super) fn turn(&self, row: RowIndex) -> u32 {
        match self.pool.turn_of(row) {
            Some(turn) => self.lives.first().wrapping_add(turn),
            None => self.lives.first().wrapping_add(row.0),
        }
    }

    /// Gives the row's session a connection, makes one for it, or has it wait; the fault of a
    /// socket call that failed.
    pub(super) fn lease(&mut self, row: RowIndex, endpoint: Endpoint) -> Option<Fault> {
        match self.pool.ask(row) {
            Some(Grant::Room) => {
                // Of the connection before it in this place, if there was one.
                self.secure.drop_ticket(row);
                self.dial(row, endpoint, 0).err()
            }
            Some(Grant::Kept(kept)) => self.lend(row, kept, endpoint),
            None => {
                self.rows[row.index()].session.waits();
                None
            }
        }
    }

    /// Gives the row a kept connection, or one of its own making in that place if the server has
    /// closed it or has said something unasked; the fault of a socket call that failed.
    fn lend(&mut self, row: RowIndex, kept: Kept, endpoint: Endpoint) -> Option<Fault> {
        debug_assert!(self.rows[row.index()].socket.is_none(), "one connection a session");
        self.rows[row.index()].socket = Some(kept.socket);
        self.secure.attach(row, kept.tls);
        if !self.is_fit(row) {
            self.hang_up(row);
            return self.lease(row, endpoint);
        }
        self.drive(row, |session, ctx| session.lent(ctx));
        None
    }

    /// The row's session drops its connection. A shared one goes back if it is fit for another's
    /// request; otherwise its place does, unless the session makes another connection for HTTP in
    /// it.
    pub(super) fn end_lease(&mut self, row: RowIndex, reusable: bool) {
        if !self.pool.is_on() || self.is_pooled(row) {
            return;
        }
        let unfit = self.rows[row.index()].session.shell_marks & (MARK_READ_CLOSED | MARK_TAIL) != 0;
        let is_lent = self.pool.place_of(row).is_some();
        match self.rows[row.index()].socket.take_if(|_| is_lent && reusable && !unfit) {
            Some(socket) => {
                let tls = self.secure.detach(row);
                self.pool.give_back(row, Kept { socket, tls });
            }
            None => {
                // The ticket of a connection that was no session's own.
                self.secure.drop_ticket(row);
                self.pool.leave(row);
            }
        }
    }

    /// Serves those who wait, and closes the pool when nobody will ask again: in the hold there is
    /// no HTTP connection. Where sessions come back the pool stays, empty while none of them is away.
    pub(super) fn run_pool(&mut self) {
        if !self.pool.is_on() {
            return;
        }
        self.serve_waiting();
        let all_started = self.so_far.arrivals_stopped || self.lives.next_start().is_none();
        if !all_started || !self.pool.is_unused() {
            return;
        }
        let may_ask = self.given.script.scenario.reconnect.is_some() && !self.so_far.arrivals_stopped;
        let kept = match may_ask {
            false => self.pool.close(),
            true if self.books.absences.away == 0 => self.pool.take_all_idle(),
            true => return,
        };
        kept.into_iter().for_each(|kept| self.close_kept(kept));
    }

    fn serve_waiting(&mut self) {
        for count in 0..SERVED_PER_TURN {
            let Some((row, grant)) = self.pool.next() else { return };
            if count % STARTS_PER_CLOCK == STARTS_PER_CLOCK - 1 {
                self.look_at_clock();
            }
            let waited = self.rows[row.index()].session.served(self.time.at.now);
            self.books.recorder.http_waited(waited);
            let home = self.given.script.home();
            let failed = match grant {
                Grant::Kept(kept) => self.lend(row, kept, home),
                Grant::Room => self.dial(row, home, 0).err(),
            };
            if let Some(fault) = failed {
                self.drive(row, |session, ctx| session.disconnected(Some(fault), ctx));
            }
        }
    }

    /// Looks what an event on an idle connection means, and drops it unless it means nothing.
    fn look_at_idle(&mut self, place: u32) {
        let Some(kept) = self.pool.idle(place) else { return };
        match kept.socket.read(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => self.spoil(Some(place)),
        }
    }

    /// Closes an idle connection that is not fit for a request after all.
    pub(super) fn spoil(&mut self, place: Option<u32>) {
        if let Some(kept) = place.and_then(|place| self.pool.take_idle(place)) {
            self.close_kept(kept);
        }
    }

    /// Says goodbye where that is due, and closes it; closing takes it out of the poll.
    fn close_kept(&mut self, mut kept: Kept) {
        let mut goodbye = Vec::new();
        self.secure.discard(kept.tls, &mut goodbye);
        // One that does not get through harms nobody.
        let _ = kept.socket.write(&goodbye);
    }
}
