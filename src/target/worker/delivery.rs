//! Announcements: taken from the log once a worker, written to every receiver.
//!
//! Gathered for an interval, so that a receiver's socket is written to ten times a second and not once an event. Delivery to
//! thousands is cut into slices with a look at the sockets between them. Invariant: the bytes of a batch are shared by all
//! receivers; only who acted in it gets a copy without its own events.

use super::super::connection::State;
use super::super::counters::Count;
use super::super::mailbox::Letter;
use super::super::world::ChallengeId;
use super::Worker;
use crate::tick::Ticks;

/// Receivers written to in a turn: some two milliseconds.
const RECEIVERS_MAX: usize = 256;

impl Worker {
    /// Takes and delivers what is due.
    pub(super) fn deliver(&mut self) {
        let gather = self.shared.config.broadcast_gather;
        if gather.is_zero() {
            let has_news = std::mem::take(&mut self.has_news);
            if has_news {
                self.tell_the_others();
            }
            if std::mem::take(&mut self.gather_again) || has_news {
                self.gather();
            }
        } else if self.gathers() && self.moment.tick.reached(self.next_gather) {
            self.next_gather = self.moment.tick + Ticks::from_duration(gather);
            self.gather();
        }
        self.deliver_a_slice();
    }

    /// Whether there is anybody to gather for, on a timer.
    pub(super) fn gathers(&self) -> bool {
        !self.shared.config.broadcast_gather.is_zero() && !self.rooms.is_empty()
    }

    /// Whether a delivery is under way, or a challenge is coming to its end.
    pub(super) fn is_delivering(&self) -> bool {
        self.rooms.iter().any(|(_, room)| room.is_delivering() || room.is_ending)
    }

    /// Takes what is new in every room that is not still busy with what was.
    pub(super) fn gather(&mut self) {
        let rooms: Vec<usize> = self.rooms.iter().map(|(index, _)| index).collect();
        for index in rooms {
            self.gather_room(index);
        }
    }

    /// A challenge is over: everyone gets what has been announced, and is closed.
    pub(super) fn end_challenge(&mut self, challenge: ChallengeId) {
        if let Some(room) = self.room_of.get(&challenge) {
            self.rooms[*room as usize].is_ending = true;
        }
    }

    /// Takes what is new and delivers it to the newcomers; the settled follow in slices.
    fn gather_room(&mut self, index: usize) {
        let room = &mut self.rooms[index];
        if room.is_delivering() {
            self.gather_again = true;
            return;
        }
        let (challenge, id) = (room.challenge, self.id);
        let batch = &mut room.batch;
        if !self.shared.world(self.moment.now, |world| world.take_events(challenge, id, batch)) {
            return;
        }
        let mut due = Vec::new();
        let connections = &mut self.connections;
        room.begin(|slot, place, from| {
            if let Some(connection) = connections.get_mut(slot as usize) {
                connection.place = place;
            }
            if from != u64::MAX {
                due.push((slot, from));
            }
        });
        for (slot, from) in due {
            self.deliver_to(index, slot, from);
        }
    }

    fn deliver_a_slice(&mut self) {
        let mut left = RECEIVERS_MAX;
        let rooms: Vec<usize> = self.rooms.iter().map(|(index, _)| index).collect();
        for index in rooms {
            while self.rooms[index].is_delivering() && left > 0 {
                left -= 1;
                if let Some(slot) = self.rooms[index].next() {
                    self.deliver_to(index, slot, 0);
                }
            }
            if !self.rooms[index].is_delivering() {
                self.after_delivery(index);
            }
        }
    }

    fn after_delivery(&mut self, index: usize) {
        if self.rooms[index].is_ending {
            self.gather_room(index);
            if !self.rooms[index].is_delivering() {
                self.close_room(index);
            }
        } else if self.rooms[index].count == 0 {
            self.let_go(index as u32);
        }
    }

    /// Closes every connection of a room, also those that receive no more.
    fn close_room(&mut self, index: usize) {
        self.rooms[index].is_ending = false;
        let in_room = self.connections.iter().filter(|(_, connection)| connection.room as usize == index);
        let slots: Vec<u32> = in_room.map(|(slot, _)| slot as u32).collect();
        if slots.is_empty() {
            self.let_go(index as u32);
        }
        for slot in slots {
            self.close(slot, 1000);
        }
    }

    fn deliver_to(&mut self, index: usize, slot: u32, from: u64) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let (bytes, events) =
            self.rooms[index].batch.for_receiver(connection.runner, from, &mut self.scratch);
        if events == 0 {
            return;
        }
        let sent = connection.send(bytes, self.shared.config.backlog_bytes);
        let length = bytes.len();
        self.count(Count::broadcasts_delivered, events as u64);
        self.count(Count::broadcast_bytes, length as u64);
        self.settle(slot, length, sent);
    }

    /// The member has finished: it stays, and receives no more.
    pub(super) fn stop_receiving(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        connection.state = State::Finished;
        let (room, place) = (connection.room, connection.place);
        if let Some(room) = self.rooms.get_mut(room as usize) {
            room.remove(slot, place);
        }
    }

    fn tell_the_others(&self) {
        for (id, mailbox) in self.shared.mailboxes.iter().enumerate() {
            if id != usize::from(self.id) {
                mailbox.post(Letter::News);
            }
        }
    }
}
