//! A worker's secure connections: records between the socket and the session.
//!
//! What is in a record is [`Secure`](crate::engine::secure::Secure)'s to say; this carries it there
//! and back. Invariant: while a handshake is under way its row is marked, and the session hears of
//! nothing but its end.

use startline_protocol::tls::HEADER_BYTES;

use super::{MARK_SHAKING, Worker};
use crate::engine::lives::RowIndex;
use crate::engine::secure::{Broken, Data, Received};
use crate::fault::Fault;
use crate::session::Phase;

/// KeyUpdates in one read. Each may have to be answered, by a record and a system call of its own:
/// a peer that sends nothing else would have one session delay all others. rustls stops at 32, too.
const KEY_UPDATES_PER_READ: u32 = 32;

/// Memory that the buffer of sealed records keeps.
const SEALED_KEPT_BYTES: usize = 64 << 10;

impl Worker<'_> {
    /// TCP is up: says hello.
    pub(super) fn begin_handshake(&mut self, row: RowIndex) {
        let session = &mut self.rows[row.index()].session;
        session.shell_marks |= MARK_SHAKING;
        session.securing();
        self.sealed.clear();
        let begun = self.secure.begin(row, &mut self.sealed);
        self.conclude(row, begun);
    }

    /// Takes what was read, record by record. What is left of one is kept.
    pub(super) fn receive_records(&mut self, row: RowIndex, mut bytes: &mut [u8]) {
        let mut key_updates = 0;
        let place = self.pool.place_of(row);
        loop {
            match self.secure.next_record(row, bytes) {
                Ok(Some(len)) => {
                    let (record, rest) = bytes.split_at_mut(len);
                    self.rest_waits = !rest.is_empty();
                    let goes_on = self.receive_record(row, record, &mut key_updates);
                    self.rest_waits = false;
                    if !goes_on {
                        return self.spoil(place.filter(|_| !rest.is_empty()));
                    }
                    if key_updates > KEY_UPDATES_PER_READ {
                        return self.broken(row, Broken::of_key_updates(KEY_UPDATES_PER_READ));
                    }
                    bytes = rest;
                }
                Ok(None) => return self.secure.keep(row, bytes),
                Err(broken) => return self.broken(row, broken),
            }
        }
    }

    /// `false` when the connection is gone, or has made room for another.
    fn receive_record(&mut self, row: RowIndex, record: &mut [u8], key_updates: &mut u32) -> bool {
        self.sealed.clear();
        let received = match self.secure.receive(row, record, &mut self.sealed) {
            Ok(received) => received,
            Err(broken) => {
                self.broken(row, broken);
                return false;
            }
        };
        self.note(&received);
        *key_updates += u32::from(received.key_updated);
        if received.handshake.is_some() {
            // Our Finished goes out with the request that the session now makes.
            self.rows[row.index()].session.shell_marks &= !MARK_SHAKING;
            self.drive(row, |session, ctx| session.connected(ctx));
        } else if !self.conclude(row, Ok(())) {
            return false;
        }
        if self.is_gone(row) {
            return false;
        }
        match received.data {
            Data::None => {}
            Data::InPlace(len) => {
                let data = &record[HEADER_BYTES..HEADER_BYTES + len];
                self.drive(row, |session, ctx| session.received(data, ctx));
            }
            Data::Plain => {
                let plain = self.secure.take_plain();
                self.drive(row, |session, ctx| session.received(&plain, ctx));
                self.secure.give_back(plain);
            }
        }
        if self.is_gone(row) || !self.settle(row) {
            return false;
        }
        // While a WebSocket closes, the end of its connection is the server's to begin, and comes next.
        if received.closed && self.rows[row.index()].session.phase() != Phase::Closing {
            self.lost(row, None);
            return false;
        }
        true
    }

    /// Seals what the session wants sent and sends it, behind what was sealed already.
    pub(super) fn send_sealed(&mut self, row: RowIndex, last: bool) -> Result<(), Fault> {
        self.secure.seal(row, &self.lent.out, &mut self.sealed);
        if last {
            self.secure.seal_close_notify(row, &mut self.sealed);
        }
        let sent = self.transmit_sealed(row);
        self.sealed.shrink_to(SEALED_KEPT_BYTES);
        // A goodbye that does not get through harms nobody.
        if last && self.lent.out.is_empty() { Ok(()) } else { sent }
    }

    fn transmit_sealed(&mut self, row: RowIndex) -> Result<(), Fault> {
        let slot = &mut self.rows[row.index()];
        let sent = self.wire.transmit(row, slot, &mut self.books.recorder, &self.sealed);
        self.sealed.clear();
        sent
    }

    /// Once the WebSocket is up, secrets are kept in place of the rustls object.
    fn settle(&mut self, row: RowIndex) -> bool {
        let phase = self.rows[row.index()].session.phase();
        if !matches!(phase, Phase::Opening | Phase::Held | Phase::Closing) {
            return true;
        }
        self.sealed.clear();
        let settled = self.secure.settle(row, &mut self.sealed);
        self.conclude(row, settled)
    }

    /// Sends what was sealed on the way to this, and ends what is broken; `false` when it is.
    fn conclude(&mut self, row: RowIndex, so_far: Result<(), Broken>) -> bool {
        if let Err(broken) = so_far {
            self.broken(row, broken);
            return false;
        }
        if self.sealed.is_empty() {
            return true;
        }
        if let Err(fault) = self.transmit_sealed(row) {
            self.lost(row, Some(fault));
            return false;
        }
        true
    }

    /// Ends a broken connection: sends the alert, as far as that gets, and notifies the session.
    fn broken(&mut self, row: RowIndex, broken: Broken) {
        // The alert; whether the peer still hears it changes nothing.
        let _ = self.transmit_sealed(row);
        self.hang_up(row);
        self.drive(row, |session, ctx| session.insecure(broken.fault, broken.evidence.as_bytes(), ctx));
    }

    fn note(&mut self, received: &Received) {
        if let Some(handshake) = received.handshake {
            self.books.recorder.handshake(handshake);
        }
        if received.tickets > 0 || received.key_updated {
            self.books.recorder.after_handshake(received.tickets, u32::from(received.key_updated));
        }
    }

    /// Whether the connection that was read from is gone.
    fn is_gone(&self, row: RowIndex) -> bool {
        self.rows[row.index()].socket.is_none() || self.awaits_tcp(row)
    }
}
