//! Periodic work: timers, the challenges' lives, the idle rule, and the shutdown.
//!
//! Invariant: everything here takes time proportional to what is due, except the idle rule, which
//! looks at every connection every half minute.

use std::time::Duration;

use startline_os::tick::{Tick, Ticks};

use super::{CLOSING, HANDSHAKE, ROUND, STOP_TIMEOUT, Worker};
use crate::connection::{NO_ROOM, State};
use crate::counters::Count;
use crate::mailbox::Notice;
use crate::messages::LeaveReason;
use crate::world::Seat;

/// Silence on an HTTP connection between requests (nginx's keepalive_timeout).
const HTTP_IDLE: Duration = Duration::from_secs(75);

impl Worker {
    pub(super) fn fire_timers(&mut self) {
        while let Some((queue, entry)) = self.timers.pop(self.moment.tick) {
            match queue {
                CLOSING => self.give_up_closing(entry.owner),
                HANDSHAKE => self.give_up_handshake(entry.owner),
                _ => self.go_on_opening(queue, entry.owner),
            }
        }
    }

    pub(super) fn go_round(&mut self) {
        let tick = self.moment.tick;
        if tick.reached(self.next_round) {
            self.next_round = tick + Ticks::from_duration(ROUND);
            // Taking the world brings it to the present.
            self.shared.world(self.moment.now, |_| ());
            self.unpark();
            self.look_at_outages();
            // Those that nobody could ring for, and that came before the bell was there.
            self.read_letters();
        }
        if tick.reached(self.next_idle_check) {
            let servers = self.shared.config.servers as u16;
            // Each server looks once an interval, one after the other.
            let pause = self.shared.config.idle_check / u32::from(servers);
            self.next_idle_check = tick + Ticks::from_duration(pause);
            self.drop_the_silent(self.idle_checker);
            self.idle_checker = (self.idle_checker + 1) % servers;
        }
    }

    /// Members whose last sign of life is too old leave as TIMEOUT, and this is announced by the
    /// server that looks. It closes its own without a word; others' stay connected, and nobody
    /// looks at them again.
    fn drop_the_silent(&mut self, checker: u16) {
        self.find_orphans();
        let tick = self.moment.tick;
        let is_silent = |heard: Tick, limit: Duration| tick.since(heard).as_duration() > limit;
        let (mut members, mut clients) = (Vec::new(), Vec::new());
        for (slot, connection) in &self.connections {
            match connection.state {
                State::Http if is_silent(connection.heard, HTTP_IDLE) => clients.push(slot as u32),
                State::Registered | State::Open | State::Finished
                    if is_silent(connection.heard, self.shared.config.idle_timeout) =>
                {
                    members.push(slot as u32);
                }
                _ => {}
            }
        }
        for slot in clients {
            self.drop_connection(slot);
        }
        for slot in members {
            self.count(Count::idle_drops, 1);
            if self.connections.get(slot as usize).is_some_and(|it| it.server != checker) {
                self.count(Count::idle_ghosts, 1);
                self.announce_departure(slot, LeaveReason::Timeout);
                self.set_state(slot, State::Ghost);
                continue;
            }
            self.depart(slot, LeaveReason::Timeout);
            self.close(slot, 1000);
        }
    }

    /// The member has come back on another connection.
    pub(super) fn close_replaced(&mut self, seat: Seat) {
        let Some(connection) = self.connections.get(seat.slot as usize) else { return };
        if connection.session != seat.session || connection.room == NO_ROOM {
            return;
        }
        self.count(Count::replaced, 1);
        self.close(seat.slot, 1000);
    }

    /// Closes everything: WebSockets with 1001, without announcing that their runners leave.
    pub(super) fn stop(&mut self) {
        if self.stop_by.is_some() {
            return;
        }
        self.stop_by = Some(self.moment.tick + Ticks::from_duration(STOP_TIMEOUT));
        self.listener = None;
        let slots: Vec<u32> = self.connections.iter().map(|(slot, _)| slot as u32).collect();
        for slot in slots {
            match self.connections.get(slot as usize).map(|connection| connection.state) {
                Some(state) if state.is_live() => self.close(slot, 1001),
                Some(State::Http | State::Parked) => self.drop_connection(slot),
                _ => {}
            }
        }
    }
}

// A worker that stops on its own account takes the others with it.
impl Drop for Worker {
    fn drop(&mut self) {
        if self.stop_by.is_none() {
            self.shared.post_to_all(Notice::Stop);
        }
    }
}
