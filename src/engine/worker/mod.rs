//! One pinned thread: its poll, its sessions, their sockets and timers.
//!
//! Knows when and where, not what: each event goes to the session, whose commands are then applied.
//! Invariants: the clock is read once a turn and every [`EVENTS_PER_CLOCK`] events; no session gets
//! more than `wire::READS_PER_TURN` reads a turn; timers and arrivals are served between batches of
//! events, so one session's flood delays another's PING by at most a batch.

mod accounts;
mod beside;
mod comings;
mod cuts;
mod flood;
mod pooled;
mod ramp_down;
mod sleep;
mod tls;
mod wire;

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Poll};
use startline_os::alarm::{ALARM, Alarm};
use startline_os::clock::Clock;
use startline_os::tick::{Tick, Ticks};
use startline_os::timers::Timers;

use beside::Beside;
use cuts::Cuts;
use flood::Flood;
use ramp_down::RampDown;

use super::hosts::Addresses;
use super::link::{Gone, Order, WorkerLink};
use super::lives::{Lives, RowIndex};
use super::observe::Books;
use super::pool::Pool;
use super::ports::Ports;
use super::secure::Secure;
use super::shape_clock::ShapeTime;
use crate::plan::drops::Drop;
use crate::plan::members::Members;
use crate::session::{Endpoint, GENERATIONS, Instants, Lent, Queues, Script, Session, Side, Slots, Spills};

/// Bytes read at once. One buffer a worker.
const READ_BYTES: usize = 64 << 10;
/// Events handled between two looks at the clock.
const EVENTS_PER_CLOCK: usize = 8;
/// Arrivals or timers handled between two looks at the clock: each may cost a system call.
const STARTS_PER_CLOCK: usize = 8;
/// Events taken from the kernel at once.
const EVENTS_PER_TURN: usize = 1024;
/// Sessions started between two looks at the sockets, so that a late worker catches up without
/// deafness.
const ARRIVALS_PER_TURN: usize = 64;
/// Timers handled between two looks at the sockets.
const TIMERS_PER_TURN: usize = 1024;
/// Places of spills that a worker keeps when none is in use: a steep ramp makes it take thousands.
const SPILLS_KEPT: usize = 64;

/// A worker that does not run for so long beyond what it asked for has stalled.
const STALL_MIN: Duration = Duration::from_millis(100);

/// The peer has shut its side: read to the end, a short read is not the last.
const MARK_READ_CLOSED: u8 = 1;
/// Waits in `unread` for its next turn.
const MARK_UNREAD: u8 = 1 << 2;
/// TCP is up and the TLS handshake is not over.
const MARK_SHAKING: u8 = 1 << 3;

/// Bits of a row in a timer's owner, where sessions may have several connections; which of them
/// follows. Both fit a calendar's owner.
const ROW_BITS: u32 = 21;
const _: () = assert!((GENERATIONS as u32) << ROW_BITS <= startline_os::calendar::OWNERS_MAX);

/// What a worker starts with.
pub(super) struct WorkerSetup<'p> {
    pub(super) script: &'p Script,
    pub(super) members: &'p Members,
    pub(super) addresses: &'p Addresses,
    pub(super) lives: Lives,
    /// Session numbers of the whole run.
    pub(super) sessions: u32,
    pub(super) ports: Ports,
    pub(super) secure: Secure,
    /// TLS of requests beside WebSockets, if the scenario makes any.
    pub(super) secure_beside: Option<Secure>,
    /// HTTP connections that its sessions share; 0: each has its own.
    pub(super) http_connections: u32,
    /// Sessions that may be under way at once.
    pub(super) in_flight: u32,
    pub(super) books: Books,
    /// Attempts to come back a second, of its sessions.
    pub(super) reconnect_rate: Option<f64>,
    pub(super) drops: &'p [Drop],
    pub(super) seed: u64,
}

/// A session and its socket.
struct Row {
    session: Session,
    socket: Option<TcpStream>,
}

impl Row {
    fn free() -> Self {
        Self { session: Session::new(), socket: None }
    }
}

/// See the module's documentation.
pub(super) struct Worker<'p> {
    link: WorkerLink,
    given: Given<'p>,
    time: Time,
    so_far: SoFar,
    lives: Lives,
    rows: Vec<Row>,
    timers: Timers,
    queues: Queues,
    lent: Lent,
    books: Books,
    wire: Wire,
    secure: Secure,
    /// Records to be sent.
    sealed: Vec<u8>,
    /// Behind the record being handled there is more in the read buffer.
    rest_waits: bool,
    /// HTTP connections that sessions share, if they do; off once nobody is left to use one.
    pool: Pool<pooled::Kept>,
    /// Requests beside WebSockets, if the scenario makes any.
    beside: Option<Box<Beside>>,
    cuts: Cuts<'p>,
}

/// What does not change in a run.
struct Given<'p> {
    script: &'p Script,
    members: &'p Members,
    addresses: &'p Addresses,
    /// Session numbers of the whole run.
    sessions: u32,
    in_flight: u32,
    reconnect_rate: Option<f64>,
    /// Records have ages, which need a look at the clock after each read.
    has_ages: bool,
}

/// The clock, and what it said when last looked at.
struct Time {
    clock: Clock,
    /// The run's start on `clock`.
    started_at: Duration,
    at: Instants,
    /// Until when it may go without another look, on `clock`: it sleeps.
    asleep_until: Duration,
    flood: Flood,
}

impl Time {
    /// Bytes have been read.
    fn hear(&mut self) {
        self.at.heard_micros = self.clock.unix_micros_after(self.clock.elapsed());
    }
}

/// How far the run is for this worker's sessions.
struct SoFar {
    arrivals_stopped: bool,
    /// Started and not over.
    live: u32,
    open: u32,
    settled: u32,
    next_second: u64,
    /// When sessions were last looked at for their age.
    aged_at: Duration,
    /// When the recorder was last handed over.
    handed_over_at: Duration,
    ramp_down: Option<RampDown>,
    /// How the plan's clock stood at the beginning of this turn.
    shape: ShapeTime,
}

/// Sockets' poll, their ports, and bytes on their way.
struct Wire {
    poll: Poll,
    alarm: Alarm,
    ports: Ports,
    read_buffer: Box<[u8]>,
    /// Bytes that the kernel has not taken, by row.
    tails: HashMap<RowIndex, Vec<u8>>,
    /// Rows with something left to read.
    unread: Vec<RowIndex>,
    /// Which address comes next, for sessions that dial a host with several.
    dialing: HashMap<RowIndex, (Endpoint, u32)>,
}

/// What this worker lends its sessions, which has no rows yet.
fn lent(seed: u64) -> Lent {
    let mut rng = fastrand::Rng::with_seed(seed);
    let slots = Slots::new(rng.u32(..));
    Lent { out: Vec::with_capacity(READ_BYTES), scratch: Vec::with_capacity(4096), ..Lent::new(slots, rng) }
}

impl<'p> Worker<'p> {
    pub(super) fn new(setup: WorkerSetup<'p>, link: WorkerLink, clock: Clock) -> io::Result<Self> {
        let WorkerSetup { script, members, addresses, sessions, in_flight, ports, .. } = setup;
        let poll = Poll::new()?;
        let alarm = Alarm::new(poll.registry())?;
        let queues = script.rhythm.queues();
        let shape = link.shared.shape.read();
        Ok(Self {
            link,
            given: Given {
                script,
                members,
                addresses,
                sessions,
                in_flight,
                reconnect_rate: setup.reconnect_rate,
                has_ages: script.has_ages(),
            },
            time: Time {
                clock,
                started_at: Duration::ZERO,
                at: Instants::default(),
                asleep_until: Duration::MAX,
                flood: Flood::default(),
            },
            so_far: SoFar {
                arrivals_stopped: false,
                live: 0,
                open: 0,
                settled: 0,
                next_second: 1,
                aged_at: Duration::ZERO,
                handed_over_at: Duration::ZERO,
                ramp_down: None,
                shape,
            },
            lives: setup.lives,
            rows: Vec::new(),
            timers: Timers::with_calendar(
                queues.count(),
                |queue| script.rhythm.is_irregular(queues.timer(queue)),
                clock.now(),
            ),
            queues,
            lent: lent(setup.seed),
            books: setup.books,
            wire: Wire {
                poll,
                alarm,
                ports,
                // Filled, not just reserved: its pages count as the worker's, not as a session's.
                read_buffer: vec![0xa5; READ_BYTES].into_boxed_slice(),
                tails: HashMap::new(),
                unread: Vec::new(),
                dialing: HashMap::new(),
            },
            secure: setup.secure,
            sealed: Vec::new(),
            rest_waits: false,
            pool: Pool::new(setup.http_connections),
            beside: setup.secure_beside.map(|secure| Box::new(Beside::new(secure))),
            cuts: Cuts::new(setup.drops, script.seed),
        })
    }

    /// Plays all sessions to their end.
    pub(super) fn run(mut self) -> io::Result<()> {
        let Some(started_at) = self.link.wait_for_start() else { return Ok(()) };
        self.time.started_at = started_at;
        let count = self.lives.slots() as usize;
        self.rows.reserve_exact(count);
        self.lent.side = Side::new(self.given.script, count).with_rate(self.given.reconnect_rate);
        // Where lives have no rows of their own, a row is made for the life that begins in it.
        let rows = if self.lives.has_own_rows() { count } else { 0 };
        self.rows.extend((0..rows).map(|_| Row::free()));
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        std::thread::sleep(started_at.saturating_sub(self.time.clock.elapsed()));
        loop {
            self.look_at_clock();
            let turn_began = self.time.at.now;
            self.so_far.shape = self.link.shared.shape.read();
            if self.obey() {
                return Ok(());
            }
            self.run_departures();
            self.run_cuts();
            self.run_arrivals();
            self.run_timers();
            self.run_ramp_down();
            self.run_unread();
            self.run_pool();
            self.run_beside();
            self.report();
            let busy = self.time.clock.now().since(turn_began);
            self.look_at_clock();
            let sleep = self.prepare_sleep();
            self.time.asleep_until += sleep;
            self.pause_in_flood(sleep);
            match self.wire.poll.poll(&mut events, Some(sleep)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            self.look_at_clock();
            let woke = self.time.at.now;
            self.time.flood.woke(woke, events.iter().count());
            self.run_events(&events);
            let busy = busy.raw() + self.time.clock.now().since(woke).raw();
            self.books.recorder.turn(Ticks::from_raw(busy));
        }
    }

    fn look_at_clock(&mut self) {
        let elapsed = self.time.clock.elapsed();
        let awake_since = std::mem::replace(&mut self.time.asleep_until, elapsed);
        self.time.at.now = self.time.clock.tick_at(elapsed);
        self.time.at.unix_micros = self.time.clock.unix_micros_at(elapsed);
        self.books.at = elapsed.saturating_sub(self.time.started_at);
        let without_running = elapsed.saturating_sub(awake_since);
        if without_running > STALL_MIN && self.so_far.ramp_down.is_none() {
            self.lent.waits.stalled(self.time.at.now, Ticks::from_duration(without_running));
            self.books.recorder.stalled(self.books.at.saturating_sub(without_running), self.books.at);
            if let Some(propagation) = &self.books.propagation {
                propagation.stalled(self.time.clock.tick_at(awake_since), self.time.at.now);
            }
        }
    }

    /// Since the run's start.
    fn at(&self) -> Duration {
        self.books.at
    }

    /// The planned time.
    fn planned_now(&self) -> Duration {
        self.so_far.shape.planned(self.at())
    }

    fn tick_of(&self, at: Duration) -> Tick {
        self.time.clock.tick_at(self.time.started_at + at)
    }

    /// Carries out the control thread's order; `true` when this worker is done.
    fn obey(&mut self) -> bool {
        if let Some(shape) = self.link.grown() {
            self.lives.grow(&shape);
        }
        match self.link.order() {
            Order::Run => false,
            Order::CloseAccounts => {
                if !std::mem::replace(&mut self.so_far.arrivals_stopped, true) {
                    self.close_accounts();
                }
                false
            }
            Order::RampDown { span } => {
                if self.so_far.ramp_down.is_none() {
                    self.so_far.ramp_down = Some(RampDown { start: self.at(), span, next_row: 0 });
                }
                // Shortened when somebody is in a hurry.
                if let Some(ramp_down) = &mut self.so_far.ramp_down {
                    ramp_down.span = ramp_down.span.min(span);
                }
                let done = self.so_far.live == 0
                    && self.so_far.ramp_down.as_ref().is_some_and(|it| self.rows_passed(it));
                if done {
                    self.close_acts(self.time.at.now);
                    let interval = self.hand_over();
                    let beside = self.beside.as_ref().map_or(0, |beside| beside.left());
                    let left = self.lent.spills.len() + self.secure.left() + self.pool.left() + beside;
                    self.link.finished(interval, left);
                }
                done
            }
        }
    }

    /// Serves what is due between two batches of a long turn, so that one session's flood does not
    /// delay the others.
    fn serve_due(&mut self) {
        self.look_at_clock();
        self.run_departures();
        self.run_arrivals();
        self.run_timers();
        self.run_pool();
        self.run_beside();
        self.look_at_clock();
    }

    fn run_timers(&mut self) {
        for count in 0..TIMERS_PER_TURN {
            if count % STARTS_PER_CLOCK == STARTS_PER_CLOCK - 1 {
                self.look_at_clock();
            }
            let Some((queue, entry)) = self.timers.pop(self.time.at.now) else { return };
            let timer = self.queues.timer(queue);
            // A connection's that the session has no longer: nothing of it acts in the next one.
            let Some(row) = self.owner_row(entry.owner) else { continue };
            // A deadline that comes late harms nobody; what we owe the servers does.
            if timer.is_owed() {
                self.books.recorder.lag(self.time.at.now.since(entry.due));
            }
            if timer.may_end_dialing() && self.awaits_tcp(row) {
                self.dialing_due(row, timer, entry.due);
                continue;
            }
            self.drive(row, |session, ctx| session.timer(timer, entry.due, ctx));
        }
    }

    /// What timers of a row are armed for: its session's connection of now.
    fn owner(&self, row: RowIndex) -> u32 {
        row.0 | u32::from(self.lent.side.generation(row.0)) << ROW_BITS
    }

    /// The row of a timer's owner, unless it was of an earlier connection.
    fn owner_row(&self, owner: u32) -> Option<RowIndex> {
        if !self.given.script.may_drop() {
            return Some(RowIndex(owner));
        }
        let row = RowIndex(owner & ((1 << ROW_BITS) - 1));
        (self.owner(row) == owner).then_some(row)
    }

    fn run_unread(&mut self) {
        for (index, row) in std::mem::take(&mut self.wire.unread).into_iter().enumerate() {
            if index % EVENTS_PER_CLOCK == EVENTS_PER_CLOCK - 1 {
                self.serve_due();
            }
            self.rows[row.index()].session.shell_marks &= !MARK_UNREAD;
            self.read(row);
        }
    }

    fn run_events(&mut self, events: &Events) {
        for (index, event) in events.iter().enumerate() {
            if index % EVENTS_PER_CLOCK == EVENTS_PER_CLOCK - 1 {
                self.serve_due();
            }
            if event.token() == ALARM {
                continue;
            }
            if let Some(request) = Self::request_of(event.token()) {
                self.beside_event(request);
                continue;
            }
            let Some(row) = self.row_of(event.token()) else { continue };
            let is_ending = event.is_read_closed() || event.is_error();
            if is_ending {
                self.rows[row.index()].session.shell_marks |= MARK_READ_CLOSED;
            }
            // Not of a shared connection: its place may have been given to another since the event
            // came.
            let is_up = event.is_writable() && !is_ending && event.token().0 == row.index();
            if self.awaits_tcp(row) && !self.finish_dialing(row, is_up) {
                continue;
            }
            if event.is_writable() {
                self.flush(row);
            }
            if event.is_readable() || is_ending {
                self.read(row);
            }
        }
        self.run_pool();
    }

    fn report(&mut self) {
        let absences = &self.books.absences;
        let gone = Gone { finished: self.books.finished, away: absences.away, cut: absences.cut };
        self.link.publish(self.so_far.open, gone, self.so_far.settled);
        if self.at() >= Duration::from_secs(self.so_far.next_second) {
            self.so_far.next_second = self.at().as_secs() + 1;
            if self.lent.spills.is_empty() && self.lent.spills.capacity() > SPILLS_KEPT {
                self.lent.spills = Spills::new();
            }
            self.lent.waits.forget_old(self.time.at.now);
            self.grow_old();
            let interval = self.hand_over();
            self.link.second(interval);
        }
    }
}
