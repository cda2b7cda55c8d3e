//! A worker: one thread's event loop with its listener, its connections and its timers.
//!
//! The same kind of loop as the client's: edge-triggered, every socket registered once for both
//! directions, everything read into one buffer and rendered in another. This file is the loop; what
//! a connection does is in `http`, `opening` and `frames`, over TLS in `secure` before those,
//! announcements are in `delivery`. Invariants: a turn does a bounded amount of work for each
//! connection (what is left over is in `again`), so nobody's PONG waits for somebody's half
//! megabyte; a connection is taken out of the slab in [`Worker::drop_connection`] only.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use startline_os::tick::{Tick, Ticks};
use startline_os::timers::Timers;

use super::connection::{Connection, Sent, State};
use super::counters::{Cells, Count};
use super::injection::Injector;
use super::mailbox::Notice;
use super::messages::LeaveReason;
use super::receivers::Receivers;
use super::server_clock::{Moment, http_date};
use super::shared::Shared;
use super::world::ChallengeId;

mod delivery;
mod frames;
mod http;
mod late;
mod opening;
mod outages;
mod rounds;
mod secure;

use self::late::Late;
use self::outages::Outages;

const LISTENER: Token = Token(0);
const MAILBOX: Token = Token(1);
const FIRST_CONNECTION: usize = 2;

/// Bytes read at a time, shared by all connections.
const READ_BYTES: usize = 64 << 10;
/// Reads from one connection in a turn.
const READS_MAX: usize = 4;
/// Connections accepted in a turn.
const ACCEPTS_MAX: usize = 128;
/// How long to leave the listener alone when accepting has failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a peer has to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the challenges are brought to the present, and parked connections tried again.
const ROUND: Duration = Duration::from_millis(50);
/// How long stopping may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// Memory that a buffer keeps from one turn to the next.
const BUFFER_KEPT_BYTES: usize = 1 << 20;

/// The timers, by their constant delays.
const CLOSING: usize = 0;
const REGISTER: usize = 1;
const REGISTER_LATE: usize = 2;
const CONNECTED: usize = 3;
const HANDSHAKE: usize = 4;
const TIMER_QUEUES: usize = 5;

/// See the module.
pub(super) struct Worker {
    id: u16,
    shared: Arc<Shared>,
    poll: Poll,
    /// Where it listens.
    addr: SocketAddr,
    /// Gone once the worker is stopping, or while nothing answers.
    listener: Option<TcpListener>,
    accept_again: bool,
    accept_paused_until: Option<Tick>,
    connections: Slab<Connection>,
    rooms: Slab<Receivers>,
    room_of: HashMap<ChallengeId, u32>,
    /// Connections with more to read than a turn allows.
    again: Vec<u32>,
    /// Connections that failed while others were looked at.
    doomed: Vec<(u32, LeaveReason)>,
    /// Openings that wait for room on their server, with their sessions.
    parked: VecDeque<(u32, u32)>,
    timers: Timers,
    moment: Moment,
    next_gather: Tick,
    /// When the delivery that is under way began.
    delivering_since: Option<Tick>,
    next_idle_check: Tick,
    /// The server that looks for silent members next.
    idle_checker: u16,
    next_round: Tick,
    /// Something was announced in this turn.
    has_news: bool,
    /// When to take what could not be taken yet: a delivery was under way, or there is more than
    /// one batch.
    gather_again: Option<Tick>,
    stop_by: Option<Tick>,
    outages: Outages,
    /// Draws faults.
    injector: Injector,
    /// What is to be sent later, by real milliseconds.
    late: BTreeMap<u64, Vec<Late>>,
    /// The `Date` header, and the second that it is for.
    date: (u64, String),
    read_buffer: Vec<u8>,
    /// What was inside what has just been read over TLS.
    opened: Vec<u8>,
    /// What is being sent, and parts of it.
    out: Vec<u8>,
    text: Vec<u8>,
    scratch: Vec<u8>,
}

impl Worker {
    /// A worker with its listener. To be made on the thread that it runs on.
    pub(super) fn new(id: u16, shared: Arc<Shared>, listener: std::net::TcpListener) -> io::Result<Self> {
        let (poll, addr) = (Poll::new()?, listener.local_addr()?);
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let bell = shared.mailboxes[usize::from(id)].put_up_bell()?;
        poll.registry().register(&mut SourceFd(&bell), MAILBOX, Interest::READABLE)?;
        let moment = shared.clock.read();
        Ok(Self {
            id,
            poll,
            addr,
            listener: Some(listener),
            accept_again: false,
            accept_paused_until: None,
            connections: Slab::new(),
            rooms: Slab::new(),
            room_of: HashMap::new(),
            again: Vec::new(),
            doomed: Vec::new(),
            parked: VecDeque::new(),
            timers: Timers::new(TIMER_QUEUES),
            moment,
            next_gather: moment.tick,
            delivering_since: None,
            next_idle_check: moment.tick + Ticks::from_duration(shared.config.idle_check),
            idle_checker: 0,
            next_round: moment.tick,
            has_news: false,
            gather_again: None,
            stop_by: None,
            outages: Outages::new(&shared.config.outages),
            injector: shared.injector(id),
            late: BTreeMap::new(),
            date: (0, String::new()),
            read_buffer: vec![0; READ_BYTES],
            opened: Vec::new(),
            out: Vec::new(),
            text: Vec::new(),
            scratch: Vec::new(),
            shared,
        })
    }

    /// Runs until it has been stopped and every connection is closed.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match self.poll.poll(&mut events, Some(self.patience())) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.look_at_the_clock();
            for event in &events {
                match event.token() {
                    LISTENER => self.accept_again = true,
                    MAILBOX => self.read_letters(),
                    Token(token) => {
                        let slot = (token - FIRST_CONNECTION) as u32;
                        if event.is_writable() {
                            self.on_writable(slot);
                        }
                        if event.is_readable() || event.is_error() {
                            self.on_readable(slot, event.is_read_closed() || event.is_error());
                        }
                    }
                }
            }
            self.look_at_the_clock();
            self.read_again();
            self.fire_timers();
            self.send_late();
            self.go_round();
            self.deliver();
            self.bury();
            // Last: a slot may be mentioned among the doomed although its connection is gone by
            // now, and must not have been given to another before those are buried.
            self.accept();
            if self.stop_by.is_some_and(|by| self.connections.is_empty() || self.moment.tick.reached(by)) {
                return Ok(());
            }
        }
    }

    /// How long may be waited for events.
    fn patience(&self) -> Duration {
        // The departures of connections just dropped are announced with the next batch.
        let is_news_due = self.has_news && self.shared.config.broadcast_gather.is_zero();
        if self.accept_again
            || !self.again.is_empty()
            || self.is_delivering()
            || !self.doomed.is_empty()
            || is_news_due
        {
            return Duration::ZERO;
        }
        let mut due = self.next_round;
        let others = [
            Some(self.next_idle_check),
            self.timers.next_due(|_| true),
            self.accept_paused_until,
            self.stop_by,
            self.gathers().then_some(self.next_gather),
            self.gather_again,
        ];
        for other in others.into_iter().flatten() {
            if !other.reached(due) {
                due = other;
            }
        }
        self.until_late().map_or(Duration::MAX, |late| late).min(due.since(self.moment.tick).as_duration())
    }

    fn look_at_the_clock(&mut self) {
        self.moment = self.shared.clock.read();
        let second = self.moment.now.wall_ms / 1000;
        if self.date.0 != second {
            self.date = (second, http_date(self.moment.now.wall_ms));
        }
    }

    fn read_letters(&mut self) {
        let shared = Arc::clone(&self.shared);
        for notice in shared.mailboxes[usize::from(self.id)].take() {
            match notice {
                Notice::Replaced(seat) => self.close_replaced(seat),
                Notice::Ended(challenge) => self.end_challenge(challenge),
                Notice::News => self.gather(),
                Notice::Stop => self.stop(),
            }
        }
    }

    fn accept(&mut self) {
        if self.accept_paused_until.is_some_and(|until| self.moment.tick.reached(until)) {
            self.accept_paused_until = None;
            self.accept_again = true;
        }
        if !std::mem::take(&mut self.accept_again) {
            return;
        }
        for _ in 0..ACCEPTS_MAX {
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok((socket, _)) => self.welcome(socket),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    // Out of descriptors or memory: the connection stays in the kernel's queue, the
                    // listener stays readable and would spin.
                    self.not_accepted(&error);
                    self.accept_paused_until = Some(self.moment.tick + Ticks::from_duration(ACCEPT_PAUSE));
                    return;
                }
            }
        }
        self.accept_again = true;
    }

    fn welcome(&mut self, mut socket: mio::net::TcpStream) {
        // Neither is worth losing a connection for.
        let _ = socket.set_nodelay(true);
        if let Some(bytes) = self.shared.config.send_buffer_bytes {
            let _ = socket2::SockRef::from(&socket).set_send_buffer_size(bytes);
        }
        let entry = self.connections.vacant_entry();
        let slot = entry.key();
        let token = Token(FIRST_CONNECTION + slot);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut socket, token, interest) {
            return self.not_accepted(&error);
        }
        entry.insert(Connection::new(socket, self.moment.tick));
        if self.shared.config.tls.is_some() {
            let until = self.moment.tick + Ticks::from_duration(self.shared.config.handshake_timeout);
            self.timers.arm(HANDSHAKE, slot as u32, until);
        }
        self.count(Count::accepted, 1);
    }

    fn not_accepted(&self, error: &io::Error) {
        self.count(Count::accept_failures, 1);
        self.shared.accept_errno.store(error.raw_os_error().unwrap_or_default(), Relaxed);
    }

    fn on_writable(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if !connection.is_backlogged() {
            return;
        }
        match connection.flush() {
            Sent::All => self.on_flushed(slot),
            Sent::Broken => self.lose(slot, LeaveReason::Disconnected),
            Sent::Queued(_) | Sent::Overflow | Sent::Refused => {}
        }
    }

    /// Everything is sent: what had to wait for that goes on.
    fn on_flushed(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if connection.spilled().is_some_and(|spill| spill.last) {
            self.lose(slot, LeaveReason::Disconnected);
        } else if connection.state == State::Http {
            self.again.push(slot);
        }
    }

    /// Reads what there is. `to_the_end`: the peer has closed its side, so that a short read is not
    /// the last one.
    fn on_readable(&mut self, slot: u32, to_the_end: bool) {
        let mut buffer = std::mem::take(&mut self.read_buffer);
        for _ in 0..READS_MAX {
            let Some(connection) = self.connections.get_mut(slot as usize) else { break };
            if connection.is_held_up() {
                // Answers are not taken, or requests that came before are not answered: no more are
                // read.
                break;
            }
            match connection.socket.read(&mut buffer) {
                Ok(0) => {
                    self.on_end(slot);
                    break;
                }
                Ok(count) => {
                    if self.shared.config.tls.is_some() {
                        self.on_sealed(slot, &buffer[..count]);
                    } else {
                        self.on_bytes(slot, &mut buffer[..count]);
                    }
                    if count < READ_BYTES && !to_the_end {
                        self.read_buffer = buffer;
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.read_buffer = buffer;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.lose(slot, LeaveReason::Disconnected);
                    break;
                }
            }
        }
        self.read_buffer = buffer;
        // While answers are not taken, it is the socket's becoming writable that goes on with it; while
        // one is held back, its time.
        let connection = self.connections.get(slot as usize);
        let goes_on = |it: &Connection| it.state != State::Http || !(it.is_backlogged() || it.is_held_back());
        if connection.is_some_and(goes_on) {
            self.again.push(slot);
        }
    }

    fn on_bytes(&mut self, slot: u32, bytes: &mut [u8]) {
        self.count(Count::bytes_in, bytes.len() as u64);
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        match connection.state {
            State::Http => {
                connection.heard = self.moment.tick;
                self.read_requests(slot, bytes);
            }
            State::Parked => self.keep_for_later(slot, bytes),
            State::Deaf => {}
            _ => self.read_frames(slot, bytes),
        }
    }

    /// The peer has closed its side.
    fn on_end(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if connection.state == State::Http && connection.is_backlogged() {
            connection.spill().last = true;
            return;
        }
        self.lose(slot, LeaveReason::Disconnected);
    }

    fn read_again(&mut self) {
        for slot in std::mem::take(&mut self.again) {
            let Some(connection) = self.connections.get_mut(slot as usize) else { continue };
            if connection.is_held_back() {
                continue;
            }
            if connection.is_held_up() && !connection.is_backlogged() {
                let unused = connection.spilled().map(|spill| std::mem::take(&mut spill.unused));
                self.read_requests(slot, &mut unused.unwrap_or_default());
            }
            self.on_readable(slot, true);
        }
    }

    /// Sends bytes that are no announcement.
    fn send(&mut self, slot: u32, bytes: &[u8]) {
        let limit = self.shared.config.backlog_bytes;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let sent = if connection.state.is_websocket() {
            connection.send(bytes, limit)
        } else {
            connection.send(bytes, usize::MAX)
        };
        self.settle(slot, bytes.len(), sent);
    }

    /// Draws the consequences of having sent.
    fn settle(&mut self, slot: u32, bytes: usize, sent: Sent) {
        if matches!(sent, Sent::All | Sent::Queued(_)) {
            self.count(Count::bytes_out, bytes as u64);
        }
        match sent {
            Sent::All | Sent::Refused => {}
            Sent::Queued(queued) => {
                self.count(Count::backlogged, 1);
                self.cells().raise(Count::backlog_peak_bytes, queued as u64);
            }
            Sent::Overflow => {
                self.count(Count::backlog_overflows, 1);
                self.doomed.push((slot, LeaveReason::Error));
            }
            Sent::Broken => self.doomed.push((slot, LeaveReason::Disconnected)),
        }
    }

    fn bury(&mut self) {
        while let Some((slot, reason)) = self.doomed.pop() {
            self.lose(slot, reason);
        }
        for buffer in [&mut self.opened, &mut self.out, &mut self.text, &mut self.scratch] {
            buffer.clear();
            buffer.shrink_to(BUFFER_KEPT_BYTES);
        }
    }

    /// The connection is gone, and with it the member.
    fn lose(&mut self, slot: u32, reason: LeaveReason) {
        if self.stop_by.is_none() {
            self.depart(slot, reason);
        }
        self.drop_connection(slot);
    }

    fn drop_connection(&mut self, slot: u32) {
        self.leave_room(slot);
        let Some(mut connection) = self.connections.try_remove(slot as usize) else { return };
        connection.send_close_notify();
        if connection.state.is_websocket() {
            self.release_server(connection.server);
        }
        self.count(Count::disconnected, 1);
    }

    fn cells(&self) -> &Cells {
        &self.shared.cells[usize::from(self.id)]
    }

    fn count(&self, count: Count, amount: u64) {
        self.cells().add(count, amount);
    }
}

/// Errors of accept(2) that belong to the connection that was to be accepted, not to the listener.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
        || matches!(
            error.raw_os_error(),
            Some(libc::EPROTO | libc::EPERM | libc::ENETDOWN | libc::EHOSTUNREACH)
        )
}
