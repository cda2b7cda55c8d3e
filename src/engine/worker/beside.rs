//! A worker's requests beside WebSockets: each a session of its own, which makes one request for the
//! session that asked, and is gone once that has been told.
//!
//! They are few at a time, and in no row: rows are what held sessions cost. Invariants: a request ends
//! before the session that asked for it, or with it; where a scenario asks for none, there is nothing
//! of this.

use std::collections::HashMap;
use std::time::Duration;

use mio::Token;
use slab::Slab;
use startline_os::tick::{Tick, Ticks};

use super::{Books, STARTS_PER_CLOCK, Worker};
use crate::engine::lives::RowIndex;
use crate::engine::played::{Cause, Doing, Net, Played, Watcher, With};
use crate::engine::secure::Secure;
use crate::measure::Handshake;
use crate::session::{Ask, Phase, Timer};

/// Tokens from here on are of requests: behind those of shared connections.
const FIRST_TOKEN: usize = 1 << 31;
/// How late the end of a request's time may be seen.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// See the module.
pub(super) struct Beside {
    /// The TLS of their connections.
    secure: Secure,
    /// Asked for and not begun.
    asked: Vec<(RowIndex, Box<Ask>)>,
    requests: Slab<Request>,
    /// The request of each row that waits for one.
    of: HashMap<RowIndex, usize>,
    /// Requests with something left to read.
    unread: Vec<usize>,
    next_look: Tick,
}

struct Request {
    row: RowIndex,
    played: Played,
}

impl Beside {
    pub(super) fn new(secure: Secure) -> Self {
        Self {
            secure,
            asked: Vec::new(),
            requests: Slab::new(),
            of: HashMap::new(),
            unread: Vec::new(),
            next_look: Tick::default(),
        }
    }

    /// Requests and connections that are left.
    pub(super) fn left(&self) -> usize {
        self.requests.len() + self.secure.left()
    }

    /// Whether the worker must not sleep.
    pub(super) fn waits(&self) -> bool {
        !self.unread.is_empty() || !self.asked.is_empty()
    }
}

impl Worker<'_> {
    /// The row's session asks for a request.
    pub(super) fn asks(&mut self, row: RowIndex, ask: Box<Ask>) {
        if let Some(beside) = &mut self.beside {
            beside.asked.push((row, ask));
        }
    }

    /// Begins what has been asked for, goes on with what was left, and ends what has had its time.
    pub(super) fn run_beside(&mut self) {
        let Some(beside) = &mut self.beside else { return };
        let (asked, unread) = (std::mem::take(&mut beside.asked), std::mem::take(&mut beside.unread));
        unread.into_iter().for_each(|key| self.beside_event(key));
        for (count, (row, ask)) in asked.into_iter().enumerate() {
            if count % STARTS_PER_CLOCK == STARTS_PER_CLOCK - 1 {
                self.look_at_clock();
            }
            self.begin_request(row, *ask);
        }
        let now = self.time.at.now;
        if let Some(beside) = self.beside.as_mut().filter(|it| now.reached(it.next_look)) {
            beside.next_look = now + Ticks::from_duration(LOOK_EVERY);
            let all: Vec<usize> = beside.requests.iter().map(|(key, _)| key).collect();
            all.into_iter().for_each(|key| self.play(key, Played::run_timers));
        }
    }

    fn begin_request(&mut self, row: RowIndex, ask: Ask) {
        if self.rows[row.index()].session.phase() != Phase::Opening {
            return;
        }
        let (who, turn) = (self.who(row), self.turn(row));
        let Some(beside) = &mut self.beside else { return };
        let entry = beside.requests.vacant_entry();
        let key = entry.key();
        let played = Played::new((who, row.0), (RowIndex(key as u32), turn), Token(FIRST_TOKEN + key));
        entry.insert(Request { row, played });
        beside.of.insert(row, key);
        self.play(key, |played, with| {
            played.drive(with, Cause::Connected, |session, ctx| session.begin_beside(ask, ctx));
        });
    }

    /// The request that an event is for.
    pub(super) fn request_of(token: Token) -> Option<usize> {
        token.0.checked_sub(FIRST_TOKEN)
    }

    /// A request's socket has an event.
    pub(super) fn beside_event(&mut self, key: usize) {
        let at = self.time.at;
        let mut is_read = true;
        self.play(key, |played, with| is_read = played.on_event(with, &mut |_| at));
        if let Some(beside) = self.beside.as_mut().filter(|it| !is_read && it.requests.contains(key)) {
            beside.unread.push(key);
        }
    }

    /// Hands an event to a request. If that ends it, the session that asked hears of it.
    fn play(&mut self, key: usize, event: impl FnOnce(&mut Played, &mut With<'_, Books>)) {
        let Some(beside) = &mut self.beside else { return };
        let Some(request) = beside.requests.get_mut(key) else { return };
        let net = Net {
            addresses: self.given.addresses,
            registry: self.wire.poll.registry(),
            ports: &mut self.wire.ports,
            secure: &mut beside.secure,
        };
        let (script, at) = (self.given.script, self.time.at);
        let mut with = With { script, net, lent: &mut self.lent, at, watcher: &mut self.books };
        event(&mut request.played, &mut with);
        if request.played.session.phase() != Phase::Over {
            return;
        }
        let row = request.row;
        beside.requests.remove(key);
        beside.of.remove(&row);
        // Another session's request may be in its place next.
        beside.secure.drop_ticket(RowIndex(key as u32));
        if let Some(answered) = self.lent.commands.answered.take() {
            self.drive(row, |session, ctx| session.request_answered(*answered, ctx));
        }
    }

    /// The row's session is over: so is its request.
    pub(super) fn drop_request(&mut self, row: RowIndex) {
        let key = self.beside.as_mut().and_then(|beside| beside.of.remove(&row));
        if let Some(key) = key {
            self.play(key, |played, with| {
                played.drive(with, Cause::End, |session, ctx| session.drop_beside(ctx));
            });
        }
    }
}

/// What a request's connection does is in the books as a row's is.
impl Watcher for Books {
    fn look(&mut self, _at: Duration, _unix_micros: u64) {}

    fn dialing(&mut self, _doing: Doing, _address: std::net::SocketAddr) {}

    fn connected(&mut self) {
        self.recorder.http_connection();
    }

    fn secured(&mut self, _doing: Doing, handshake: Handshake) {
        self.recorder.handshake(handshake);
    }

    fn received(&mut self, _doing: Doing, bytes: &[u8]) -> usize {
        self.recorder.bytes(bytes.len() as u64, 0);
        bytes.len()
    }

    fn taken(&mut self) {}

    fn sent(&mut self, _doing: Doing, _cause: Cause, bytes: &[u8]) {
        self.recorder.bytes(0, bytes.len() as u64);
    }

    fn armed(&mut self, _timer: Timer, _within: Duration) {}

    fn is_enough(&self) -> bool {
        false
    }
}
