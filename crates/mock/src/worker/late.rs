//! What is sent later than it is ready: late PONGs, and answers that a fault holds back.
//!
//! Does not know why. Invariant: what is late is sent to the connection that it was meant for, or
//! to none: slots are used again, numbers of sessions are not.

use std::time::Duration;

use super::Worker;
use crate::connection::State;

/// Bytes for a connection.
#[derive(Debug)]
pub(super) struct Late {
    slot: u32,
    /// A PONG's session, or the number that an answer waits under.
    number: u32,
    bytes: Vec<u8>,
}

impl Worker {
    pub(super) fn send_later(&mut self, slot: u32, number: u32, bytes: Vec<u8>, by: Duration) {
        let at = self.moment.now.real_ms.saturating_add(by.as_millis() as u64);
        self.late.entry(at).or_default().push(Late { slot, number, bytes });
    }

    /// Holds an answer back; until it is sent no further request is read.
    pub(super) fn answer_later(&mut self, slot: u32, answer: Vec<u8>, is_last: bool, by: Duration) {
        let number = self.shared.next_session();
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        connection.spill().held_back = Some((number, is_last));
        self.send_later(slot, number, answer, by);
    }

    /// How long until the next is due.
    pub(super) fn until_late(&self) -> Option<Duration> {
        let (at, _) = self.late.first_key_value()?;
        Some(Duration::from_millis(at.saturating_sub(self.moment.now.real_ms)))
    }

    pub(super) fn send_late(&mut self) {
        while let Some(due) = self.late.first_entry() {
            if *due.key() > self.moment.now.real_ms {
                return;
            }
            for late in due.remove() {
                self.send_one(late);
            }
        }
    }

    fn send_one(&mut self, Late { slot, number, bytes }: Late) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if connection.state != State::Http {
            if connection.state.is_live() && connection.session == number {
                self.send(slot, &bytes);
            }
            return;
        }
        let held_back = connection.spilled().and_then(|spill| spill.held_back);
        let Some((_, is_last)) = held_back.filter(|(waiting, _)| *waiting == number) else { return };
        connection.spill().held_back = None;
        connection.heard = self.moment.tick;
        self.send(slot, &bytes);
        if is_last {
            return self.close_when_sent(slot);
        }
        // Requests may have come meanwhile.
        self.again.push(slot);
    }
}
