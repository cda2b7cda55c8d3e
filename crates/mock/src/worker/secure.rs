//! TLS between a connection's socket and what is read from it.
//!
//! Decrypts what comes in and passes it on; outgoing bytes are encrypted by the connection itself,
//! in [`Connection::send`](crate::connection::Connection::send). Invariants: TLS's own messages are
//! sent before anything that answers what came with them; a connection on which TLS has failed is
//! read no further.

use super::Worker;
use crate::api::{Reply, Shape};
use crate::connection::State;
use crate::counters::Count;
use crate::messages::LeaveReason;

/// What a connection over TLS begins with: the type of a handshake record (RFC 8446, section 5.1).
const HANDSHAKE_RECORD: u8 = 0x16;

impl Worker {
    /// Reads what has come over a connection that speaks TLS, or should.
    pub(super) fn on_sealed(&mut self, slot: u32, sealed: &[u8]) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let spill = connection.spill();
        if spill.last {
            return;
        }
        if spill.secure.is_none() {
            if sealed.first().is_some_and(u8::is_ascii) && sealed.first() != Some(&HANDSHAKE_RECORD) {
                return self.refuse_plain(slot);
            }
            spill.secure = self.shared.config.tls.as_ref().and_then(|tls| tls.begin().ok()).map(Box::new);
        }
        let Some(secure) = spill.secure.as_deref_mut() else { return self.give_up(slot) };
        let mut opened = std::mem::take(&mut self.opened);
        opened.clear();
        let was_handshaking = secure.is_handshaking();
        let result = secure.open(sealed, &mut opened);
        let is_through = was_handshaking && !secure.is_handshaking();
        let is_resumed = is_through && secure.is_resumed();
        self.count(Count::tls_handshakes, u64::from(is_through));
        self.count(Count::tls_resumed, u64::from(is_resumed));
        self.send_own(slot);
        match result {
            Err(_) => self.give_up(slot),
            Ok(is_end) => {
                if !opened.is_empty() {
                    self.on_bytes(slot, &mut opened);
                }
                if is_end {
                    self.on_end(slot);
                }
            }
        }
        self.opened = opened;
    }

    /// A handshake has had its time.
    pub(super) fn give_up_handshake(&mut self, slot: u32) {
        let limit = self.shared.config.handshake_timeout;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let waited = self.moment.tick.since(connection.heard).as_duration();
        if connection.state == State::Http && !connection.is_secured() && waited + super::ROUND >= limit {
            self.count(Count::tls_failures, 1);
            self.drop_connection(slot);
        }
    }

    /// Sends what TLS itself has to say.
    fn send_own(&mut self, slot: u32) {
        let limit = self.shared.config.backlog_bytes;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        // While requests are read nothing more is taken from who does not take this.
        let limit = if connection.state.is_websocket() { limit } else { usize::MAX };
        let sent = connection.send_own(limit);
        self.settle(slot, 0, sent);
    }

    /// TLS has failed on this connection; the alert that says why is out, if there was one.
    fn give_up(&mut self, slot: u32) {
        self.count(Count::tls_failures, 1);
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        connection.spill().last = true;
        self.doomed.push((slot, LeaveReason::Error));
    }

    /// Answers a peer that does not speak TLS, as nginx does, and is done with it.
    fn refuse_plain(&mut self, slot: u32) {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        Reply::nginx_for_plain().write(&mut out, &self.date.1, Shape::LAST);
        self.count(Count::requests, 1);
        self.count(Count::requests_refused, 1);
        self.send(slot, &out);
        self.close_when_sent(slot);
        if let Some(connection) = self.connections.get_mut(slot as usize) {
            connection.spill().last = true;
        }
        self.out = out;
    }
}
