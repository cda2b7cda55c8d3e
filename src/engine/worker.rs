//! One pinned thread: its poll, its sessions, their sockets and timers.
//!
//! Knows when and where, not what: each event goes to the session, whose commands are then applied.
//! Invariants: the clock is read once a turn and every [`EVENTS_PER_CLOCK`] events; no session gets more than
//! [`READS_PER_TURN`] reads a turn; timers and arrivals are looked at between batches of events, so nobody's flood
//! delays another's PING by more than a batch.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::arrivals::Arrivals;
use super::clock::Clock;
use super::control::{Order, WorkerLink};
use super::observe::Books;
use super::sockets::{self, Dialed};
use super::timers::Timers;
use super::{Addresses, WorkerSetup};
use crate::fault::Fault;
use crate::measure::ledger::SessionSet;
use crate::plan::members::Members;
use crate::session::{Commands, Context, Endpoint, Script, Session, Spills, Timer, Who};
use crate::tick::{Tick, Ticks};

/// Bytes read at once. One buffer a worker.
const READ_BYTES: usize = 64 << 10;
/// Reads of one session in a turn; what is left waits for the next turn.
const READS_PER_TURN: usize = 4;
/// Events handled between two looks at the clock.
const EVENTS_PER_CLOCK: usize = 32;
/// Events taken from the kernel at once.
const EVENTS_PER_TURN: usize = 1024;
/// Sessions started between two looks at the sockets, so that a late worker catches up without deafness.
const ARRIVALS_PER_TURN: usize = 64;
/// Timers handled between two looks at the sockets.
const TIMERS_PER_TURN: usize = 1024;
/// The longest sleep: how late an order from the control thread may be seen.
const SLEEP_MAX: Duration = Duration::from_millis(20);
/// Unsent bytes of one session. Ours are PINGs and PONGs: a peer that lets this much pile up does not read.
const TAIL_BYTES_MAX: usize = 256 << 10;

/// The peer has shut its side: read to the end, a short read is not the last.
const MARK_READ_CLOSED: u8 = 1;
/// Bytes wait for the socket to become writable.
const MARK_TAIL: u8 = 1 << 1;
/// Waits in `unread` for its next turn.
const MARK_UNREAD: u8 = 1 << 2;

/// A session and its socket.
struct Row {
    session: Session,
    socket: Option<TcpStream>,
}

/// See the module's documentation.
pub(super) struct Worker<'p> {
    link: WorkerLink,
    clock: Clock,
    /// The run's start on `clock`.
    started_at: Duration,
    script: &'p Script,
    members: &'p Members,
    addresses: &'p Addresses,
    arrivals: Arrivals,
    poll: Poll,
    rows: Vec<Row>,
    timers: Timers,
    spills: Spills,
    books: Books,
    rng: fastrand::Rng,
    now: Tick,
    unix_ms: u64,
    read_buffer: Box<[u8]>,
    out: Vec<u8>,
    scratch: Vec<u8>,
    commands: Commands,
    tails: HashMap<u32, Vec<u8>>,
    unread: Vec<u32>,
    /// Which address comes next, for sessions that dial a host with several.
    dialing: HashMap<u32, (Endpoint, u32)>,
    next_arrival: u32,
    /// Started and not over.
    live: u32,
    open: u32,
    settled: u32,
    next_second: u64,
    ramp_down: Option<RampDown>,
    arrivals_stopped: bool,
}

struct RampDown {
    start: Duration,
    span: Duration,
    next_row: u32,
}

impl<'p> Worker<'p> {
    pub(super) fn new(setup: WorkerSetup<'p>, link: WorkerLink, clock: Clock) -> io::Result<Self> {
        let http_steps = setup.script.scenario.http.len();
        Ok(Self {
            link,
            clock,
            started_at: Duration::ZERO,
            script: setup.script,
            members: setup.members,
            addresses: setup.addresses,
            arrivals: setup.arrivals,
            poll: Poll::new()?,
            rows: Vec::new(),
            timers: Timers::new(Timer::queues(http_steps)),
            spills: Spills::new(),
            books: setup.books,
            rng: fastrand::Rng::with_seed(setup.seed),
            now: clock.now(),
            unix_ms: clock.unix_ms(),
            // Filled, not just reserved: its pages count as the worker's, not as a session's.
            read_buffer: vec![0xa5; READ_BYTES].into_boxed_slice(),
            out: Vec::with_capacity(READ_BYTES),
            scratch: Vec::with_capacity(4096),
            commands: Commands::default(),
            tails: HashMap::new(),
            unread: Vec::new(),
            dialing: HashMap::new(),
            next_arrival: 0,
            live: 0,
            open: 0,
            settled: 0,
            next_second: 1,
            ramp_down: None,
            arrivals_stopped: false,
        })
    }

    /// Plays all sessions to their end.
    pub(super) fn run(mut self) -> io::Result<()> {
        let Some(started_at) = self.link.wait_for_start() else { return Ok(()) };
        self.started_at = started_at;
        let count = self.arrivals.count() as usize;
        self.rows.reserve_exact(count);
        self.rows.extend((0..count).map(|_| Row { session: Session::new(), socket: None }));
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        std::thread::sleep(started_at.saturating_sub(self.clock.elapsed()));
        loop {
            self.look_at_clock();
            let turn_began = self.now;
            if self.obey() {
                return Ok(());
            }
            self.run_arrivals();
            self.run_timers();
            self.run_ramp_down();
            self.run_unread();
            self.report();
            let busy = self.clock.now().since(turn_began);
            match self.poll.poll(&mut events, Some(self.sleep())) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            self.look_at_clock();
            let woke = self.now;
            self.run_events(&events);
            let busy = busy.raw() + self.clock.now().since(woke).raw();
            self.books.recorder.turn(Ticks::from_raw(busy));
        }
    }

    fn look_at_clock(&mut self) {
        let elapsed = self.clock.elapsed();
        self.now = self.clock.tick_at(elapsed);
        self.unix_ms = self.clock.unix_ms_at(elapsed);
        self.books.at = elapsed.saturating_sub(self.started_at);
    }

    /// Since the run's start.
    fn at(&self) -> Duration {
        self.books.at
    }

    fn tick_of(&self, at: Duration) -> Tick {
        self.clock.tick_at(self.started_at + at)
    }

    /// Carries out what the control thread wants; `true` when this worker is done.
    fn obey(&mut self) -> bool {
        match self.link.order() {
            Order::Run => false,
            Order::RampDown { span } => {
                if self.ramp_down.is_none() {
                    self.close_accounts();
                    self.arrivals_stopped = true;
                    self.ramp_down = Some(RampDown { start: self.at(), span, next_row: 0 });
                }
                let done = self.live == 0 && self.ramp_down.as_ref().is_some_and(|it| self.rows_passed(it));
                if done {
                    self.link.finished(self.books.recorder.take(), self.spills.len());
                }
                done
            }
        }
    }

    fn rows_passed(&self, ramp_down: &RampDown) -> bool {
        ramp_down.next_row as usize >= self.rows.len()
    }

    fn run_arrivals(&mut self) {
        for _ in 0..ARRIVALS_PER_TURN {
            if self.arrivals_stopped || self.next_arrival as usize >= self.rows.len() {
                return;
            }
            let planned = self.arrivals.planned(self.next_arrival);
            if planned > self.at() {
                return;
            }
            let row = self.next_arrival;
            self.next_arrival += 1;
            self.live += 1;
            let due = self.tick_of(planned);
            debug_assert!(self.now.reached(due), "nobody starts before their time");
            self.books.recorder.session_started(self.now.since(due));
            self.link.started(self.at());
            self.drive(row, |session, ctx| session.start(due, ctx));
        }
    }

    fn run_timers(&mut self) {
        for _ in 0..TIMERS_PER_TURN {
            let Some((queue, entry)) = self.timers.pop(self.now) else { return };
            let timer = Timer::of_queue(queue);
            // A deadline that comes late harms nobody; what we owe the servers does.
            if matches!(timer, Timer::FirstPing | Timer::NextPing | Timer::FirstRecord | Timer::NextRecord) {
                self.books.recorder.lag(self.now.since(entry.due));
            }
            self.drive(entry.owner, |session, ctx| session.timer(timer, entry.due, ctx));
        }
    }

    fn run_ramp_down(&mut self) {
        let Some(mut ramp_down) = self.ramp_down.take() else { return };
        let rows = self.rows.len() as u128;
        let elapsed = self.at().saturating_sub(ramp_down.start).as_micros();
        let due = match ramp_down.span.as_micros() {
            0 => rows,
            span => (rows * elapsed / span + 1).min(rows),
        };
        while u128::from(ramp_down.next_row) < due {
            self.drive(ramp_down.next_row, |session, ctx| session.end(ctx));
            ramp_down.next_row += 1;
        }
        self.ramp_down = Some(ramp_down);
    }

    fn run_unread(&mut self) {
        for row in std::mem::take(&mut self.unread) {
            self.rows[row as usize].session.shell_marks &= !MARK_UNREAD;
            self.read(row);
        }
    }

    fn run_events(&mut self, events: &Events) {
        for (index, event) in events.iter().enumerate() {
            if index % EVENTS_PER_CLOCK == EVENTS_PER_CLOCK - 1 {
                self.look_at_clock();
                self.run_arrivals();
                self.run_timers();
            }
            let row = event.token().0 as u32;
            if event.is_read_closed() || event.is_error() {
                self.rows[row as usize].session.shell_marks |= MARK_READ_CLOSED;
            }
            if self.rows[row as usize].session.is_dialing() && !self.finish_dialing(row) {
                continue;
            }
            if event.is_writable() {
                self.flush(row);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.read(row);
            }
        }
    }

    fn report(&mut self) {
        self.link.publish(self.open, self.settled);
        if self.at() >= Duration::from_secs(self.next_second) {
            self.next_second = self.at().as_secs() + 1;
            self.link.second(self.books.recorder.take());
        }
    }

    fn close_accounts(&mut self) {
        let mut open = SessionSet::new(self.arrivals.sessions);
        for row in 0..self.rows.len() as u32 {
            if self.rows[row as usize].session.is_open() {
                open.insert(self.arrivals.session(row));
                self.drive(row, |session, ctx| session.close_accounts(ctx));
            }
        }
        let ledger = self.books.ledger.take();
        self.link.accounts(self.books.recorder.take(), ledger, open);
    }

    /// How long nothing is planned for.
    fn sleep(&self) -> Duration {
        if !self.unread.is_empty() {
            return Duration::ZERO;
        }
        let mut sleep = SLEEP_MAX;
        if let Some(due) = self.timers.next_due() {
            sleep = sleep.min(due.since(self.now).as_duration());
        }
        if !self.arrivals_stopped && (self.next_arrival as usize) < self.rows.len() {
            sleep = sleep.min(self.arrivals.planned(self.next_arrival).saturating_sub(self.at()));
        }
        sleep
    }

    fn who(&self, row: u32) -> Who {
        let session = self.arrivals.session(row);
        Who { session, member_id: self.members.id(session), challenge_id: self.members.challenge(session) }
    }

    /// Hands an event to a session and does what it then wants. A socket call that fails is its next event; that ends
    /// because a session dials a bounded number of times.
    fn drive(&mut self, row: u32, event: impl FnOnce(&mut Session, &mut Context<'_, Books>)) {
        self.with_session(row, event);
        while let Some(fault) = self.apply(row) {
            self.with_session(row, |session, ctx| session.disconnected(Some(fault), ctx));
        }
    }

    fn with_session(&mut self, row: u32, event: impl FnOnce(&mut Session, &mut Context<'_, Books>)) {
        let who = self.who(row);
        let session = &mut self.rows[row as usize].session;
        let (was_open, was_settled) = (session.is_open(), session.is_settled());
        self.out.clear();
        let mut ctx = Context {
            now: self.now,
            unix_ms: self.unix_ms,
            who,
            script: self.script,
            spills: &mut self.spills,
            rng: &mut self.rng,
            out: &mut self.out,
            scratch: &mut self.scratch,
            commands: &mut self.commands,
            observer: &mut self.books,
        };
        event(session, &mut ctx);
        if was_open != session.is_open() {
            self.open = if was_open { self.open - 1 } else { self.open + 1 };
        }
        if !was_settled && session.is_settled() {
            self.settled += 1;
        }
    }

    /// Applies the commands; the fault of a socket call that failed.
    fn apply(&mut self, row: u32) -> Option<Fault> {
        while let Some((timer, due)) = self.commands.timers.pop_front() {
            self.timers.arm(timer.queue(), row, due);
        }
        let disconnect = std::mem::take(&mut self.commands.disconnect);
        let connect = self.commands.connect.take();
        let sent = self.send(row);
        if disconnect {
            self.hang_up(row);
            if connect.is_none() {
                self.ended(row);
            }
        } else if let Err(fault) = sent {
            self.hang_up(row);
            return Some(fault);
        }
        self.dial(row, connect?, 0).err()
    }

    /// Sends `out`, or keeps what the kernel does not take.
    fn send(&mut self, row: u32) -> Result<(), Fault> {
        if self.out.is_empty() {
            return Ok(());
        }
        let Some(socket) = &mut self.rows[row as usize].socket else { return Ok(()) };
        if let Some(tail) = self.tails.get_mut(&row) {
            if tail.len() + self.out.len() > TAIL_BYTES_MAX {
                return Err(Fault::SendBacklog);
            }
            tail.extend_from_slice(&self.out);
            return Ok(());
        }
        let written = sockets::write(socket, &self.out)?;
        self.books.recorder.bytes(0, written as u64);
        if written < self.out.len() {
            self.tails.insert(row, self.out[written..].to_vec());
            self.rows[row as usize].session.shell_marks |= MARK_TAIL;
        }
        Ok(())
    }

    /// Sends what was kept, now that the socket is writable again.
    fn flush(&mut self, row: u32) {
        if self.rows[row as usize].session.shell_marks & MARK_TAIL == 0 {
            return;
        }
        let (Some(socket), Some(tail)) = (&mut self.rows[row as usize].socket, self.tails.get_mut(&row))
        else {
            return;
        };
        match sockets::write(socket, tail) {
            Ok(written) => {
                self.books.recorder.bytes(0, written as u64);
                tail.drain(..written);
                if tail.is_empty() {
                    self.tails.remove(&row);
                    self.rows[row as usize].session.shell_marks &= !MARK_TAIL;
                }
            }
            Err(fault) => {
                self.hang_up(row);
                self.drive(row, |session, ctx| session.disconnected(Some(fault), ctx));
            }
        }
    }

    fn read(&mut self, row: u32) {
        // Borrowed for the while: the session reads from it while the worker is lent to the session.
        let mut buffer = std::mem::take(&mut self.read_buffer);
        let drained = self.read_into(row, &mut buffer);
        self.read_buffer = buffer;
        if !drained && self.rows[row as usize].session.shell_marks & MARK_UNREAD == 0 {
            self.rows[row as usize].session.shell_marks |= MARK_UNREAD;
            self.unread.push(row);
        }
    }

    /// Reads until the socket is drained (`true`) or the turn's budget is spent (`false`).
    fn read_into(&mut self, row: u32, buffer: &mut [u8]) -> bool {
        for _ in 0..READS_PER_TURN {
            let Some(socket) = &mut self.rows[row as usize].socket else { return true };
            match socket.read(buffer) {
                Ok(0) => {
                    self.hang_up(row);
                    self.drive(row, |session, ctx| session.disconnected(None, ctx));
                    return true;
                }
                Ok(count) => {
                    self.books.recorder.bytes(count as u64, 0);
                    self.drive(row, |session, ctx| session.received(&buffer[..count], ctx));
                    let row = &self.rows[row as usize];
                    // A fresh connection has its own events coming.
                    if row.session.is_dialing() {
                        return true;
                    }
                    if count < buffer.len() && row.session.shell_marks & MARK_READ_CLOSED == 0 {
                        return true;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let fault = sockets::fault_of(&error);
                    self.hang_up(row);
                    self.drive(row, |session, ctx| session.disconnected(Some(fault), ctx));
                    return true;
                }
            }
        }
        false
    }

    /// Starts a connection to an address of the endpoint's host: the first attempts go round them by session, the
    /// next ones follow when that fails at once.
    fn dial(&mut self, row: u32, endpoint: Endpoint, first: u32) -> Result<(), Fault> {
        self.dialing.remove(&row);
        let addresses = self.addresses.of(endpoint);
        let mut last = Fault::Unreachable;
        for attempt in first..addresses.len() as u32 {
            let index = (self.arrivals.session(row) + attempt) as usize % addresses.len();
            match self.open_socket(row, SocketAddr::new(addresses[index], endpoint.port)) {
                Ok(()) => {
                    if addresses.len() > 1 {
                        self.dialing.insert(row, (endpoint, attempt + 1));
                    }
                    return Ok(());
                }
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    fn open_socket(&mut self, row: u32, address: SocketAddr) -> Result<(), Fault> {
        let mut socket = sockets::connect(address)?;
        // Both directions, once: edges that are not needed cost less than changing the interest.
        self.poll
            .registry()
            .register(&mut socket, Token(row as usize), Interest::READABLE | Interest::WRITABLE)
            .map_err(|error| sockets::fault_of(&error))?;
        self.rows[row as usize].socket = Some(socket);
        Ok(())
    }

    /// Looks whether a connection has come up; `false` when it has not.
    fn finish_dialing(&mut self, row: u32) -> bool {
        let Some(socket) = &self.rows[row as usize].socket else { return false };
        match sockets::dialed(socket) {
            Dialed::Connected => {
                self.dialing.remove(&row);
                self.drive(row, |session, ctx| session.connected(ctx));
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
    fn dial_next(&mut self, row: u32, fault: Fault) {
        let dialed = match self.dialing.get(&row).copied() {
            Some((endpoint, next)) => self.dial(row, endpoint, next).is_ok(),
            None => false,
        };
        if !dialed {
            self.drive(row, |session, ctx| session.disconnected(Some(fault), ctx));
        }
    }

    /// Drops the connection and what was to be sent on it. Closing takes it out of the poll.
    fn hang_up(&mut self, row: u32) {
        let slot = &mut self.rows[row as usize];
        slot.socket = None;
        if slot.session.shell_marks & MARK_TAIL != 0 {
            self.tails.remove(&row);
        }
        slot.session.shell_marks &= MARK_UNREAD;
    }

    /// Notes a session that is over.
    fn ended(&mut self, row: u32) {
        debug_assert_eq!(self.rows[row as usize].session.phase(), crate::session::Phase::Over);
        self.dialing.remove(&row);
        self.live -= 1;
    }
}
