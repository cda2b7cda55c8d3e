//! From the upgrade to CONNECTED.
//!
//! One lock over redeeming, listing, registering and announcing, unless the server is to be racy:
//! then three, milliseconds apart. Invariant: after the 101 a connection counts for its server
//! until it is dropped.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use startline_os::tick::Ticks;
use startline_protocol::websocket::{self, Opcode};

use super::{CONNECTED, REGISTER, REGISTER_LATE, Worker};
use crate::api::Upgrade;
use crate::connection::{NO_ROOM, State};
use crate::counters::Count;
use crate::injection::{self, Kind};
use crate::mailbox::Notice;
use crate::messages::{self, ErrorCode};
use crate::receivers::{NEWCOMER, Receivers};
use crate::world::{Pass, Registered, Seat};

/// Between reading the list and registering, on a racy server …
const UNTIL_REGISTERED: Duration = Duration::from_millis(1);
/// The same for one in [`LATE_ONE_IN`], longer than others take from registering to announcing: only
/// then can a runner be neither listed nor announced.
const UNTIL_REGISTERED_LATE: Duration = Duration::from_millis(12);
const LATE_ONE_IN: u32 = 16;
/// Between registering and sending CONNECTED, on a racy server.
const UNTIL_CONNECTED: Duration = Duration::from_millis(5);

impl Worker {
    /// Upgrades a connection. `out` holds answers that go before; `rest` is what came behind the
    /// request.
    pub(super) fn open(&mut self, slot: u32, upgrade: Upgrade, out: &mut Vec<u8>, rest: &mut [u8]) {
        if !self.claim_server(upgrade.server) {
            self.send(slot, out);
            self.park(slot, upgrade, rest);
            return;
        }
        let session = self.shared.next_session();
        let Some(connection) = self.connections.get_mut(slot as usize) else {
            self.release_server(upgrade.server as u16);
            return;
        };
        let spill = connection.spill();
        (spill.reader, spill.unused) = (None, Vec::new());
        connection.tidy();
        connection.session = session;
        connection.server = upgrade.server as u16;
        connection.state = State::Listed;
        connection.heard = self.moment.tick;
        upgrade.write(out, &self.date.1);
        self.count(Count::upgraded, 1);
        let opened = if self.shared.config.racy {
            self.list_only(slot, &upgrade.ticket)
        } else {
            self.connect_at_once(slot, &upgrade.ticket, out)
        };
        match opened {
            Err(code) => {
                self.refuse(slot, code, out);
            }
            Ok(()) => self.send_whole(slot, out),
        }
        self.read_frames(slot, rest);
    }

    /// Tries parked openings again, in their order, as far as there is room.
    pub(super) fn unpark(&mut self) {
        for _ in 0..self.parked.len() {
            let Some((slot, session)) = self.parked.pop_front() else { return };
            let Some(connection) = self.connections.get_mut(slot as usize) else { continue };
            if connection.state != State::Parked || connection.session != session {
                continue;
            }
            let spill = connection.spill();
            let Some(upgrade) = spill.upgrade.take() else { continue };
            let mut unused = std::mem::take(&mut spill.unused);
            let mut out = std::mem::take(&mut self.out);
            out.clear();
            self.open(slot, upgrade, &mut out, &mut unused);
            self.out = out;
        }
    }

    /// A racy opening's next step is due.
    pub(super) fn go_on_opening(&mut self, queue: usize, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let state = connection.state;
        let Some(pass) =
            connection.spilled().and_then(|spill| spill.opening.as_ref()).map(|opening| opening.0)
        else {
            return;
        };
        if state == State::Listed && queue != CONNECTED {
            self.register_late(slot, pass);
        } else if state == State::Registered && queue == CONNECTED {
            self.connect_late(slot, pass);
        }
    }

    pub(super) fn release_server(&self, server: u16) {
        if let Some(held) = self.shared.held.get(usize::from(server)) {
            held.fetch_sub(1, Relaxed);
        }
    }

    /// Sends ERROR and closes with 1008, behind what is in `out`.
    fn refuse(&mut self, slot: u32, code: ErrorCode, out: &mut Vec<u8>) {
        self.put_error(code, out);
        websocket::write_close(out, None, 1008, "");
        self.await_close(slot);
        self.send(slot, out);
    }

    /// Appends an ERROR frame.
    pub(super) fn put_error(&mut self, code: ErrorCode, out: &mut Vec<u8>) {
        self.text.clear();
        messages::error(&mut self.text, code, self.moment.now.wall_ms);
        websocket::write_frame(out, Opcode::Text, None, &self.text);
        self.count(Count::errors, 1);
        self.count(Count::tickets_refused, u64::from(code == ErrorCode::InvalidTicket));
    }

    fn claim_server(&self, server: usize) -> bool {
        let Some(held) = self.shared.held.get(server) else { return false };
        let max = self.shared.config.connections_max.unwrap_or(usize::MAX);
        let claimed = held.fetch_update(Relaxed, Relaxed, |held| (held < max).then_some(held + 1));
        claimed.is_ok()
    }

    fn park(&mut self, slot: u32, upgrade: Upgrade, rest: &[u8]) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if connection.state != State::Parked {
            connection.session = self.shared.next_session();
        }
        connection.state = State::Parked;
        let spill = connection.spill();
        (spill.reader, spill.upgrade) = (None, Some(upgrade));
        spill.unused = rest.to_vec();
        self.parked.push_back((slot, connection.session));
    }

    /// Redeems, lists, registers and announces in one step.
    fn connect_at_once(&mut self, slot: u32, ticket: &str, out: &mut Vec<u8>) -> Result<(), ErrorCode> {
        let (now, seat, before) = (self.moment.now, self.seat(slot), out.len());
        let claim = self.shared.claim(ticket).transpose()?;
        let (pass, registered) = self.shared.world(now, |world| {
            let pass = match claim {
                Some(claim) => world.admit(claim)?,
                None => world.redeem(ticket, now)?,
            };
            world.list(pass, now, out);
            let registered = world.register(pass, seat).ok_or(ErrorCode::Unauthorized)?;
            world.announce(pass, now);
            Ok((pass, Registered { from: world.next_event(pass), ..registered }))
        })?;
        self.take_in(slot, pass, registered);
        self.set_state(slot, State::Open);
        if self.loses_connected() {
            out.truncate(before);
        } else {
            self.count(Count::connected, 1);
        }
        Ok(())
    }

    /// The first step of three: what CONNECTED will say is settled now.
    fn list_only(&mut self, slot: u32, ticket: &str) -> Result<(), ErrorCode> {
        let now = self.moment.now;
        let mut list = Vec::new();
        let claim = self.shared.claim(ticket).transpose()?;
        let pass = self.shared.world(now, |world| {
            let pass = match claim {
                Some(claim) => world.admit(claim)?,
                None => world.redeem(ticket, now)?,
            };
            world.list(pass, now, &mut list);
            Ok(pass)
        })?;
        if let Some(connection) = self.connections.get_mut(slot as usize) {
            connection.spill().opening = Some((pass, list));
        }
        let is_late = fastrand::u32(..LATE_ONE_IN) == 0;
        let (queue, delay) =
            if is_late { (REGISTER_LATE, UNTIL_REGISTERED_LATE) } else { (REGISTER, UNTIL_REGISTERED) };
        self.timers.arm(queue, slot, self.moment.tick + Ticks::from_duration(delay));
        Ok(())
    }

    /// The second step: from here on it is listed and receives.
    fn register_late(&mut self, slot: u32, pass: Pass) {
        let (now, seat) = (self.moment.now, self.seat(slot));
        let Some(registered) = self.shared.world(now, |world| world.register(pass, seat)) else {
            let mut out = std::mem::take(&mut self.out);
            out.clear();
            self.refuse(slot, ErrorCode::Unauthorized, &mut out);
            self.out = out;
            return;
        };
        self.take_in(slot, pass, registered);
        self.set_state(slot, State::Registered);
        self.timers.arm(CONNECTED, slot, self.moment.tick + Ticks::from_duration(UNTIL_CONNECTED));
    }

    /// The third step: notifies the others and the member itself.
    fn connect_late(&mut self, slot: u32, pass: Pass) {
        let now = self.moment.now;
        self.shared.world(now, |world| world.announce(pass, now));
        self.has_news = true;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        connection.state = State::Open;
        let Some((_, list)) = connection.spill().opening.take() else { return };
        connection.tidy();
        if !self.loses_connected() {
            self.count(Count::connected, 1);
            self.send_whole(slot, &list);
        }
    }

    fn loses_connected(&mut self) -> bool {
        self.injector.happens(injection::Count::ConnectedLost, Kind::ConnectedLost)
    }

    /// Puts a registered connection into this worker's room, and has the one that it replaces
    /// closed.
    fn take_in(&mut self, slot: u32, pass: Pass, registered: Registered) {
        let room = match self.room_of.get(&pass.challenge) {
            Some(room) => *room,
            None => {
                let room = self.rooms.insert(Receivers::new(pass.challenge)) as u32;
                self.room_of.insert(pass.challenge, room);
                room
            }
        };
        self.rooms[room as usize].count += 1;
        if !self.shared.config.no_broadcast {
            self.rooms[room as usize].add(slot, registered.from);
        }
        if let Some(connection) = self.connections.get_mut(slot as usize) {
            (connection.room, connection.place, connection.runner) = (room, NEWCOMER, pass.runner);
            connection.heard = self.moment.tick;
        }
        if let Some(seat) = registered.replaced {
            self.shared.mailboxes[usize::from(seat.worker)].post(Notice::Replaced(seat));
        }
        self.has_news = true;
    }

    /// Takes a connection out of this worker's room; the last one out lets go of the challenge.
    pub(super) fn leave_room(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let (index, place) = (connection.room, connection.place);
        if index == NO_ROOM {
            return;
        }
        connection.room = NO_ROOM;
        let room = &mut self.rooms[index as usize];
        room.remove(slot, place);
        room.count -= 1;
        if room.count == 0 && !room.is_delivering() {
            self.let_go(index);
        }
    }

    /// Forgets a room that nobody is in.
    pub(super) fn let_go(&mut self, index: u32) {
        let room = self.rooms.remove(index as usize);
        self.room_of.remove(&room.challenge);
        let id = self.id;
        self.shared.world(self.moment.now, |world| world.detach(room.challenge, id));
    }

    fn seat(&self, slot: u32) -> Seat {
        let of = self.connections.get(slot as usize);
        let (session, server) = of.map_or((0, 0), |connection| (connection.session, connection.server));
        Seat { worker: self.id, slot, session, server }
    }

    pub(super) fn set_state(&mut self, slot: u32, state: State) {
        if let Some(connection) = self.connections.get_mut(slot as usize) {
            connection.state = state;
        }
    }

    fn send_whole(&mut self, slot: u32, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let sent = connection.send_whole(bytes);
        self.settle(slot, bytes.len(), sent);
    }
}
