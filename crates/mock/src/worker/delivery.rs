//! Announcements: taken from the log once a worker, written to every receiver.
//!
//! Gathered for an interval, so that a receiver's socket is written to ten times a second and not
//! once an event; for longer where writing takes much of a worker's time, as a server's queue grows
//! under load: each write then carries more. Delivery to thousands is cut into slices with a look at the sockets between them.
//! Invariant: the bytes of a batch are shared by all receivers; only who acted in it gets a copy
//! without its own events. A batch is no longer than the backlog that a receiver may have, so that
//! none can be too long for who has read everything; the rest follows at once, or after a pause
//! when a socket did not take its part.

use std::time::Duration;

use startline_os::tick::{Tick, Ticks};

use super::Worker;
use crate::connection::{Sent, State};
use crate::counters::Count;
use crate::mailbox::Notice;
use crate::world::ChallengeId;

/// Receivers written to in a turn: some two milliseconds.
const RECEIVERS_MAX: usize = 256;

/// Writing one batch to everyone takes one part in this many of a worker's time at most; requests,
/// PONGs and a load generator on the same cores have the rest.
const DELIVERY_PARTS: u32 = 6;

/// The longest gathering, in intervals of the setting.
const GATHER_INTERVALS_MAX: u32 = 10;

impl Worker {
    /// Takes and delivers what is due.
    pub(super) fn deliver(&mut self) {
        let gather = self.shared.config.broadcast_gather;
        let is_due_again = self.gather_again.is_some_and(|at| self.moment.tick.reached(at));
        if is_due_again {
            self.gather_again = None;
        }
        if gather.is_zero() {
            let has_news = std::mem::take(&mut self.has_news);
            if has_news {
                self.tell_the_others();
            }
            if is_due_again || has_news {
                self.gather();
            }
        } else if self.gathers() && self.is_gather_due() {
            self.next_gather = self.moment.tick + Ticks::from_duration(gather);
            self.delivering_since = Some(self.moment.tick);
            self.gather();
        } else if is_due_again {
            self.gather();
        }
        self.deliver_a_slice();
        if let Some(since) = self.delivering_since.filter(|_| !self.has_batch()) {
            self.delivering_since = None;
            let took = self.shared.clock.read().tick.since(since);
            self.count_gathered(since, gather, took);
        }
    }

    fn is_gather_due(&self) -> bool {
        self.delivering_since.is_none() && self.moment.tick.reached(self.next_gather)
    }

    /// A batch has been delivered: when the next one is taken.
    fn count_gathered(&mut self, since: Tick, gather: Duration, took: Ticks) {
        let gathered = gathered_for(Ticks::from_duration(gather), took);
        self.next_gather = since + gathered;
        self.cells().raise(Count::gather_peak_ms, gathered.as_micros() / 1_000);
    }

    /// Whether there is anybody to gather for, on a timer.
    pub(super) fn gathers(&self) -> bool {
        !self.shared.config.broadcast_gather.is_zero() && !self.rooms.is_empty()
    }

    fn has_batch(&self) -> bool {
        self.rooms.iter().any(|(_, room)| room.is_delivering())
    }

    /// Whether a delivery is under way, or a challenge is coming to its end.
    pub(super) fn is_delivering(&self) -> bool {
        self.rooms
            .iter()
            .any(|(_, room)| room.is_delivering() || (room.is_ending && room.rests_until.is_none()))
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
        let tick = self.moment.tick;
        let room = &mut self.rooms[index];
        if room.is_delivering() {
            self.gather_again_at(tick);
            return;
        }
        if let Some(until) = room.rests_until.filter(|until| !tick.reached(*until)) {
            self.gather_again_at(until);
            return;
        }
        room.rests_until = None;
        let (challenge, id) = (room.challenge, self.id);
        let (batch, bytes_max) = (&mut room.batch, self.shared.config.backlog_bytes);
        let taken =
            self.shared.world(self.moment.now, |world| world.take_events(challenge, id, bytes_max, batch));
        let Some(has_rest) = taken else { return };
        (room.has_rest, room.is_slow) = (has_rest, false);
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
                match self.rooms[index].next() {
                    Some(slot) => self.deliver_to(index, slot, 0),
                    None => self.on_delivered(index),
                }
            }
            if !self.rooms[index].is_delivering() {
                self.after_delivery(index);
            }
        }
    }

    /// Everyone has the batch: the rest of what was announced is due, at once or after a pause.
    fn on_delivered(&mut self, index: usize) {
        let pause = match self.shared.config.broadcast_gather {
            Duration::ZERO => super::ROUND,
            gather => gather,
        };
        let room = &mut self.rooms[index];
        if !std::mem::take(&mut room.has_rest) {
            return;
        }
        let mut due = self.moment.tick;
        if room.is_slow {
            due = due + Ticks::from_duration(pause);
            room.rests_until = Some(due);
        }
        self.gather_again_at(due);
    }

    fn gather_again_at(&mut self, at: Tick) {
        if self.gather_again.is_none_or(|known| known.reached(at)) {
            self.gather_again = Some(at);
        }
    }

    fn after_delivery(&mut self, index: usize) {
        if self.rooms[index].is_ending {
            self.gather_room(index);
            if !self.rooms[index].is_delivering() && self.rooms[index].rests_until.is_none() {
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
        let is_on_the_last = usize::from(connection.server) + 1 == self.shared.held.len();
        if is_on_the_last && let Some(by) = self.injector.broadcast_delay(events as u64) {
            let (session, bytes) = (connection.session, bytes.to_vec());
            self.count(Count::broadcasts_delivered, events as u64);
            self.count(Count::broadcast_bytes, bytes.len() as u64);
            return self.send_later(slot, session, bytes, by);
        }
        let sent = connection.send(bytes, self.shared.config.backlog_bytes);
        let length = bytes.len();
        self.rooms[index].is_slow |= matches!(sent, Sent::Queued(_));
        if matches!(sent, Sent::All | Sent::Queued(_)) {
            self.count(Count::broadcasts_delivered, events as u64);
            self.count(Count::broadcast_bytes, length as u64);
        }
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
                mailbox.post(Notice::News);
            }
        }
    }
}

/// How long announcements are gathered for, when the batch before took so long to deliver.
fn gathered_for(interval: Ticks, took: Ticks) -> Ticks {
    // Where other programs keep the worker from running, writing seems to take seconds.
    let longest = interval.times(GATHER_INTERVALS_MAX);
    took.min(longest).times(DELIVERY_PARTS).clamp(interval, longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathering_takes_longer_where_writing_does() {
        let ticks = |millis| Ticks::from_duration(Duration::from_millis(millis));
        assert_eq!(gathered_for(ticks(100), ticks(15)), ticks(100));
        assert_eq!(gathered_for(ticks(100), ticks(70)), ticks(70).times(6));
        assert_eq!(gathered_for(ticks(100), ticks(3_600_000)), ticks(100).times(10), "it is bounded");
    }
}
