//! One session alone, on the calling thread: its socket, TLS and timers, and a watcher of all that
//! passes.
//!
//! Plays the same [`Session`] over the same TLS and sockets as a worker, without a worker's
//! bookkeeping for thousands. Knows when and where, not what. Invariants: bytes are shown to the
//! watcher as plaintext before the session takes them, and in the order in which they pass; when
//! [`play`] returns the connection is closed.

mod connection;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::Events;
use startline_os::clock::Clock;
use startline_os::tick::{Tick, Ticks};

use super::hosts::Hosts;
use super::run::script_of;
use crate::fault::Fault;
use crate::measure::Handshake;
use crate::members::SessionNumber;
use crate::plan::Plan;
use crate::session::{Context, Instants, Lent, Observer, Phase, Script, Session, Side, Slots, Timer, Who};
use connection::{Connection, Event};

/// The longest sleep: how late a request to end may be seen.
const SLEEP_MAX: Duration = Duration::from_millis(50);
/// This thread has stalled if it wakes so much later than it asked for.
const STALL_MIN: Duration = Duration::from_millis(100);

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

/// Plays the first session of a plan to its end; `stop` is asked every 50 ms and asks for the end.
///
/// # Errors
/// There is no poll to wait with.
pub fn play<W: Watcher>(
    plan: &Plan,
    hosts: &Hosts,
    watcher: &mut W,
    stop: &dyn Fn() -> bool,
) -> io::Result<()> {
    let script = script_of(plan, hosts.names.clone());
    let mut player = Player {
        script: &script,
        who: who(plan),
        connection: Connection::new(plan, hosts)?,
        session: Session::new(),
        timers: Vec::new(),
        lent: Lent {
            side: Side::new(&script, 1),
            ..Lent::new(Slots::default(), fastrand::Rng::with_seed(script.seed))
        },
        clock: Clock::start(),
        at: Instants::default(),
        watcher,
    };
    player.run(stop)
}

fn who(plan: &Plan) -> Who {
    let session = SessionNumber(0);
    Who { session, member_id: plan.members.id(session), challenge_id: plan.members.challenge(session) }
}

struct Player<'p, W> {
    script: &'p Script,
    who: Who,
    connection: Connection<'p>,
    session: Session,
    /// Those armed, in no order: there are a few.
    timers: Vec<(Tick, Timer)>,
    lent: Lent,
    clock: Clock,
    at: Instants,
    watcher: &'p mut W,
}

impl<W: Watcher> Player<'_, W> {
    fn run(&mut self, stop: &dyn Fn() -> bool) -> io::Result<()> {
        let mut events = Events::with_capacity(8);
        self.look();
        let due = self.at.now;
        self.drive(Cause::Connected, |session, ctx| session.start(due, ctx));
        while self.session.phase() != Phase::Over {
            self.look();
            self.run_timers();
            if (self.watcher.is_enough() || stop()) && self.session.phase() != Phase::Closing {
                self.drive(Cause::End, |session, ctx| session.end(ctx));
            }
            if self.session.phase() == Phase::Over {
                break;
            }
            self.wait(&mut events)?;
            if !events.is_empty() {
                self.on_event();
            }
        }
        Ok(())
    }

    /// Sleeps until something comes, a timer is due or somebody may ask for the end.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let next = self.timers.iter().map(|(due, _)| due.since(self.at.now).as_duration()).min();
        let sleep = next.unwrap_or(SLEEP_MAX).clamp(Duration::from_millis(1), SLEEP_MAX);
        let asleep_since = self.clock.elapsed();
        match self.connection.poll(events, sleep) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.look();
        let late = self.clock.elapsed().saturating_sub(asleep_since + sleep);
        if late > STALL_MIN {
            self.lent.waits.stalled(self.at.now, Ticks::from_duration(late));
        }
        Ok(())
    }

    fn look(&mut self) {
        let elapsed = self.clock.elapsed();
        self.at = Instants {
            now: self.clock.tick_at(elapsed),
            unix_micros: self.clock.unix_micros_at(elapsed),
            heard_micros: self.clock.unix_micros_after(elapsed),
        };
        self.watcher.look(elapsed, self.at.unix_micros);
    }

    fn doing(&self) -> Doing {
        Doing { phase: self.session.phase(), step: self.session.step_index(self.script) }
    }

    fn run_timers(&mut self) {
        let now = self.at.now;
        let due: Vec<_> = self.timers.extract_if(.., |(due, _)| now.reached(*due)).collect();
        for (due, timer) in due {
            self.drive(Cause::Timer(timer), |session, ctx| session.timer(timer, due, ctx));
        }
    }

    fn on_event(&mut self) {
        if let Some(event) = self.connection.progress() {
            self.on_progress(event);
        }
        self.connection.flush();
        while let Some(event) = self.connection.read() {
            self.look();
            self.on_progress(event);
        }
    }

    fn on_progress(&mut self, event: Event) {
        match event {
            Event::Up => self.up(),
            Event::Plain(bytes) => self.deliver(&bytes),
            Event::Records(bytes) => self.records(bytes),
            Event::Gone(fault) => {
                self.connection.hang_up();
                self.drive(Cause::Received, |session, ctx| session.disconnected(fault, ctx));
            }
        }
    }

    /// TCP is up: the TLS handshake begins, if there is to be one.
    fn up(&mut self) {
        if !self.connection.is_secure() {
            return self.drive(Cause::Connected, |session, ctx| session.connected(ctx));
        }
        self.session.securing();
        if let Err(broken) = self.connection.begin_handshake() {
            self.broken(&broken);
        }
    }

    fn broken(&mut self, broken: &super::secure::Broken) {
        self.connection.hang_up();
        self.drive(Cause::Received, |session, ctx| {
            session.insecure(broken.fault, broken.evidence.as_bytes(), ctx);
        });
    }

    /// Takes TLS records one by one, as a worker does.
    fn records(&mut self, mut bytes: Vec<u8>) {
        let connection = self.connection.generation();
        loop {
            match self.connection.next_record(&mut bytes) {
                Err(broken) => return self.broken(&broken),
                Ok(None) => return,
                Ok(Some(record)) => {
                    if let Some(handshake) = record.handshake {
                        self.watcher.secured(self.doing(), handshake);
                        self.drive(Cause::Connected, |session, ctx| session.connected(ctx));
                    }
                    self.deliver(&record.data);
                    if self.connection.generation() != connection {
                        return;
                    }
                    if record.closed && self.session.phase() != Phase::Closing {
                        return self.on_progress(Event::Gone(None));
                    }
                }
            }
        }
    }

    /// Hands over plaintext in the pieces that the watcher wants.
    fn deliver(&mut self, mut bytes: &[u8]) {
        let connection = self.connection.generation();
        while !bytes.is_empty() && self.connection.generation() == connection {
            let len = self.watcher.received(self.doing(), bytes).clamp(1, bytes.len());
            let (piece, rest) = bytes.split_at(len);
            self.drive(Cause::Received, |session, ctx| session.received(piece, ctx));
            bytes = rest;
        }
    }

    /// Hands an event to the session and carries out its commands; a socket call that fails is its
    /// next event.
    fn drive(&mut self, cause: Cause, event: impl FnOnce(&mut Session, &mut Context<'_, W>)) {
        self.with_session(event);
        let mut failed = self.apply(cause);
        while let Some(fault) = failed {
            self.with_session(|session, ctx| session.unsent(fault, ctx));
            failed = self.apply(cause);
        }
    }

    fn with_session(&mut self, event: impl FnOnce(&mut Session, &mut Context<'_, W>)) {
        let mut ctx = self.lent.context(self.at, (self.who, 0), self.script, &mut *self.watcher);
        event(&mut self.session, &mut ctx);
    }

    /// As a worker's: timers armed, bytes sent, the connection dropped, a new one made.
    fn apply(&mut self, cause: Cause) -> Option<Fault> {
        self.watcher.taken();
        let commands = std::mem::take(&mut self.lent.commands);
        for (timer, due) in commands.timers {
            self.watcher.armed(timer, due.since(self.at.now).as_duration());
            self.timers.push((due, timer));
        }
        let doing = self.doing();
        if !self.lent.out.is_empty() {
            self.watcher.sent(doing, cause, &self.lent.out);
        }
        let sent = self.connection.send(&self.lent.out, commands.disconnect || commands.finish);
        if commands.disconnect {
            self.connection.hang_up();
        } else if let Err(fault) = sent {
            self.connection.hang_up();
            return Some(fault);
        } else if let Err(broken) = self.connection.settle(doing.phase) {
            self.broken(&broken);
            return None;
        }
        let endpoint = commands.connect?;
        if commands.keep && self.connection.is_fit() {
            self.with_session(|session, ctx| session.lent(ctx));
            return self.apply(cause);
        }
        match self.connection.dial(endpoint, self.at.now) {
            Ok(address) => {
                self.watcher.dialing(doing, address);
                None
            }
            Err(fault) => Some(fault),
        }
    }
}
