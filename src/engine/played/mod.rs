//! A session played on its own connection, outside a worker's rows: one that is tried, or a request
//! that a session makes beside its WebSocket.
//!
//! Plays the same [`Session`] over the same TLS and sockets as a worker's rows, without their
//! bookkeeping for thousands. Knows when and where, not what. Invariants: bytes are shown to the
//! watcher as plaintext before the session takes them, and in the order in which they pass; what the
//! session asks of others (`ask`, `answered`) stays in the commands for whoever drives it.

mod connection;

use std::net::SocketAddr;
use std::time::Duration;

use mio::Token;
use startline_os::tick::Tick;

use super::lives::RowIndex;
use super::secure::Broken;
use crate::fault::Fault;
use crate::measure::Handshake;
use crate::session::{Context, Instants, Lent, Observer, Phase, Script, Session, Timer, Who};
pub(super) use connection::Net;
use connection::{Connection, Event};

/// Reads of one connection before others get their turn.
const READS_PER_TURN: usize = 16;

/// What a session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doing {
    /// Where it is in its life.
    pub phase: Phase,
    /// Its place in the step names.
    pub step: crate::scenario::StepIndex,
}

/// Why bytes go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The connection is up.
    Connected,
    /// Bytes came.
    Received,
    /// A timer.
    Timer(Timer),
    /// The end was asked for.
    End,
}

/// Sees everything that a session sends and receives, besides what it reports.
pub trait Watcher: Observer {
    /// What follows happens now: so long after the start, at this Unix time in microseconds.
    fn look(&mut self, at: Duration, unix_micros: u64);
    /// A connection to this address was begun.
    fn dialing(&mut self, doing: Doing, address: SocketAddr);
    /// It is up.
    fn connected(&mut self) {}
    /// The TLS handshake is over.
    fn secured(&mut self, doing: Doing, handshake: Handshake);
    /// Bytes came. Returns how many of them the session gets before the rest; at least one.
    fn received(&mut self, doing: Doing, bytes: &[u8]) -> usize;
    /// The session has taken what it got.
    fn taken(&mut self);
    /// The session sends this.
    fn sent(&mut self, doing: Doing, cause: Cause, bytes: &[u8]);
    /// The session asks for this timer, so long from now.
    fn armed(&mut self, timer: Timer, within: Duration);
    /// Whether the session is to end now.
    fn is_enough(&self) -> bool;
}

/// A session with its connection and its timers.
pub(super) struct Played {
    pub(super) who: Who,
    /// The row whose session it is, or which it works for.
    row: u32,
    pub(super) session: Session,
    connection: Connection,
    /// Those armed, in no order: there are a few.
    timers: Vec<(Tick, Timer)>,
}

/// What it is played with.
pub(super) struct With<'w, W> {
    pub(super) script: &'w Script,
    pub(super) net: Net<'w>,
    pub(super) lent: &'w mut Lent,
    pub(super) at: Instants,
    pub(super) watcher: &'w mut W,
}

impl Played {
    /// A session that has not begun; the TLS of its connections is in row `tls`, and their events have
    /// this token.
    /// Addresses that there are several of are tried from the one of this `turn` on.
    pub(super) fn new((who, row): (Who, u32), (tls, turn): (RowIndex, u32), token: Token) -> Self {
        let connection = Connection::new(tls, turn, token);
        Self { who, row, session: Session::new(), connection, timers: Vec::new() }
    }

    fn doing(&self, script: &Script) -> Doing {
        Doing { phase: self.session.phase(), step: self.session.step_index(script) }
    }

    /// When the first of its timers is due.
    pub(super) fn next_timer(&self, now: Tick) -> Option<Duration> {
        self.timers.iter().map(|(due, _)| due.since(now).as_duration()).min()
    }

    pub(super) fn run_timers<W: Watcher>(&mut self, with: &mut With<'_, W>) {
        let now = with.at.now;
        let due: Vec<_> = self.timers.extract_if(.., |(due, _)| now.reached(*due)).collect();
        for (due, timer) in due {
            self.drive(with, Cause::Timer(timer), |session, ctx| session.timer(timer, due, ctx));
        }
    }

    /// Its socket has an event. `look` is asked for the instant after each read. Returns whether all has
    /// been read that there is.
    pub(super) fn on_event<W: Watcher>(
        &mut self,
        with: &mut With<'_, W>,
        look: &mut dyn FnMut(&mut W) -> Instants,
    ) -> bool {
        if let Some(event) = self.connection.progress(&mut with.net) {
            self.on_progress(with, event);
        }
        self.connection.flush();
        for _ in 0..READS_PER_TURN {
            let Some(event) = self.connection.read(&mut with.net) else { return true };
            with.at = look(with.watcher);
            self.on_progress(with, event);
        }
        false
    }

    fn on_progress<W: Watcher>(&mut self, with: &mut With<'_, W>, event: Event) {
        match event {
            Event::Up => self.up(with),
            Event::Plain(bytes) => self.deliver(with, &bytes),
            Event::Records(bytes) => self.records(with, bytes),
            Event::Gone(fault) => {
                self.connection.hang_up(&mut with.net);
                self.drive(with, Cause::Received, |session, ctx| session.disconnected(fault, ctx));
            }
        }
    }

    /// TCP is up: the TLS handshake begins, if there is to be one.
    fn up<W: Watcher>(&mut self, with: &mut With<'_, W>) {
        with.watcher.connected();
        if !self.connection.is_secure(&with.net) {
            return self.drive(with, Cause::Connected, |session, ctx| session.connected(ctx));
        }
        self.session.securing();
        if let Err(broken) = self.connection.begin_handshake(&mut with.net) {
            self.broken(with, &broken);
        }
    }

    fn broken<W: Watcher>(&mut self, with: &mut With<'_, W>, broken: &Broken) {
        self.connection.hang_up(&mut with.net);
        self.drive(with, Cause::Received, |session, ctx| {
            session.insecure(broken.fault, broken.evidence.as_bytes(), ctx);
        });
    }

    /// Takes TLS records one by one, as a worker does.
    fn records<W: Watcher>(&mut self, with: &mut With<'_, W>, mut bytes: Vec<u8>) {
        let connection = self.connection.generation();
        loop {
            match self.connection.next_record(&mut bytes, &mut with.net) {
                Err(broken) => return self.broken(with, &broken),
                Ok(None) => return,
                Ok(Some(record)) => {
                    if let Some(handshake) = record.handshake {
                        with.watcher.secured(self.doing(with.script), handshake);
                        self.drive(with, Cause::Connected, |session, ctx| session.connected(ctx));
                    }
                    self.deliver(with, &record.data);
                    if self.connection.generation() != connection {
                        return;
                    }
                    if record.closed && self.session.phase() != Phase::Closing {
                        return self.on_progress(with, Event::Gone(None));
                    }
                }
            }
        }
    }

    /// Hands over plaintext in the pieces that the watcher wants.
    fn deliver<W: Watcher>(&mut self, with: &mut With<'_, W>, mut bytes: &[u8]) {
        let connection = self.connection.generation();
        while !bytes.is_empty() && self.connection.generation() == connection {
            let len = with.watcher.received(self.doing(with.script), bytes).clamp(1, bytes.len());
            let (piece, rest) = bytes.split_at(len);
            self.drive(with, Cause::Received, |session, ctx| session.received(piece, ctx));
            bytes = rest;
        }
    }

    /// Hands an event to the session and carries out its commands; a socket call that fails is its
    /// next event.
    pub(super) fn drive<W: Watcher>(
        &mut self,
        with: &mut With<'_, W>,
        cause: Cause,
        event: impl FnOnce(&mut Session, &mut Context<'_, W>),
    ) {
        self.with_session(with, event);
        let mut failed = self.apply(with, cause);
        while let Some(fault) = failed {
            self.with_session(with, |session, ctx| session.unsent(fault, ctx));
            failed = self.apply(with, cause);
        }
    }

    fn with_session<W: Watcher>(
        &mut self,
        with: &mut With<'_, W>,
        event: impl FnOnce(&mut Session, &mut Context<'_, W>),
    ) {
        let mut ctx = with.lent.context(with.at, (self.who, self.row), with.script, &mut *with.watcher);
        event(&mut self.session, &mut ctx);
    }

    /// As a worker's: timers armed, bytes sent, the connection dropped, a new one made.
    fn apply<W: Watcher>(&mut self, with: &mut With<'_, W>, cause: Cause) -> Option<Fault> {
        with.watcher.taken();
        let mut commands = std::mem::take(&mut with.lent.commands);
        (with.lent.commands.ask, with.lent.commands.answered) =
            (commands.ask.take(), commands.answered.take());
        for (timer, due) in commands.timers {
            with.watcher.armed(timer, due.since(with.at.now).as_duration());
            self.timers.push((due, timer));
        }
        let doing = self.doing(with.script);
        if !with.lent.out.is_empty() {
            with.watcher.sent(doing, cause, &with.lent.out);
        }
        let last = commands.disconnect || commands.finish;
        let sent = self.connection.send(&with.lent.out, last, &mut with.net);
        if commands.disconnect {
            self.connection.hang_up(&mut with.net);
        } else if let Err(fault) = sent {
            self.connection.hang_up(&mut with.net);
            return Some(fault);
        } else if let Err(broken) = self.connection.settle(doing.phase, &mut with.net) {
            self.broken(with, &broken);
            return None;
        }
        let endpoint = commands.connect?;
        if commands.keep && self.connection.is_fit() {
            self.with_session(with, |session, ctx| session.lent(ctx));
            return self.apply(with, cause);
        }
        match self.connection.dial(endpoint, with.at.now, &mut with.net) {
            Ok(address) => {
                with.watcher.dialing(doing, address);
                None
            }
            Err(fault) => Some(fault),
        }
    }
}
