//! What is sent later than it is ready: late PONGs, and answers that a fault holds back.
//!
//! Does not know why. Invariant: what is late is sent to the connection that it was meant for, or
//! to none: slots are used again, numbers of sessions are not.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Worker;
use crate::connection::State;
use crate::timings::Answered;

/// Bytes for a connection.
#[derive(Debug)]
pub(super) struct Late {
    slot: u32,
    /// A PONG's session, or the number that an answer waits under.
    number: u32,
    bytes: Vec<u8>,
    request: Option<(Option<Answered>, bool)>,
}

/// An answer that is held back.
#[derive(Debug)]
pub(super) struct HeldBack {
    pub(super) answer: Vec<u8>,
    /// What it counts for, once it is sent.
    pub(super) answered: Option<Answered>,
    /// It waits for a connection of the pool.
    pub(super) is_in_pool: bool,
}

impl Worker {
    pub(super) fn send_later(&mut self, slot: u32, number: u32, bytes: Vec<u8>, by: Duration) {
        self.put_off(Late { slot, number, bytes, request: None }, by);
    }

    fn put_off(&mut self, late: Late, by: Duration) {
        let at = self.moment.now.real_ms.saturating_add(by.as_millis() as u64);
        self.late.entry(at).or_default().push(late);
    }

    /// Holds an answer back; until it is sent no further request is read.
    pub(super) fn answer_later(&mut self, slot: u32, held_back: HeldBack, is_last: bool, by: Duration) {
        let number = self.shared.next_session();
        if let Some(connection) = self.connections.get_mut(slot as usize) {
            connection.spill().held_back = Some((number, is_last));
        }
        let HeldBack { answer: bytes, answered, is_in_pool } = held_back;
        self.put_off(Late { slot, number, bytes, request: Some((answered, is_in_pool)) }, by);
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

    fn send_one(&mut self, Late { slot, number, bytes, request }: Late) {
        // The server's thread comes to its end whether or not its client is still there.
        if let Some((answered, is_in_pool)) = request {
            self.time(answered);
            if is_in_pool {
                self.shared.pool_pending.fetch_sub(1, Relaxed);
                self.shared.pool_timeouts.fetch_add(1, Relaxed);
            }
        }
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
