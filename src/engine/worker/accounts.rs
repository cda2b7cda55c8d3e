//! Handing over what was recorded, once a second and at the close of accounts.
//!
//! Judges nothing. Invariant: after the close only the recorder is written to.

use std::time::Duration;

use startline_os::tick::Ticks;

use super::Worker;
use crate::engine::link::Told;
use crate::engine::lives::RowIndex;
use crate::measure::Interval;
use crate::measure::ledger::SessionSet;
use crate::members::SessionNumber;
use crate::session::Session;

/// How long a session has to be open at the close of accounts for its pairs to be judged:
/// announcements about it may still be on their way, in the servers' queues and in our own sockets.
const ANNOUNCE_GRACE: Duration = Duration::from_secs(2);

impl Worker<'_> {
    /// Everything recorded since the last time, with the instants that it covers.
    pub(super) fn hand_over(&mut self) -> Interval {
        let to = self.at();
        let from = std::mem::replace(&mut self.so_far.handed_over_at, to);
        self.books.take(from, to).in_stage(self.lives.stage())
    }

    /// Copies what it knows of pairs for a step of a search to be judged; sessions go on.
    pub(super) fn look_at_pairs(&self) {
        if let Some(ledger) = &self.books.ledger {
            let copied = (ledger.clone(), self.books.heard.clone());
            self.link.look(self.lives.stage(), copied, self.who_is_open());
        }
    }

    /// Whose sessions are open, and whose of them have been for long enough.
    fn who_is_open(&self) -> (SessionSet, SessionSet) {
        let mut open = SessionSet::new(self.given.sessions);
        let mut known = SessionSet::new(self.given.sessions);
        for row in (0..self.rows.len() as u32).map(RowIndex) {
            let session: &Session = &self.rows[row.index()].session;
            if session.is_open() {
                open.insert(self.lives.session(row));
                if session.age(self.time.at.now) >= ANNOUNCE_GRACE {
                    known.insert(self.lives.session(row));
                }
            }
        }
        (open, known)
    }

    pub(super) fn close_accounts(&mut self) {
        let (open, known) = self.who_is_open();
        let grace = Ticks::from_duration(ANNOUNCE_GRACE);
        for row in (0..self.rows.len() as u32).map(RowIndex) {
            if self.rows[row.index()].session.is_open() {
                self.drive(row, |session, ctx| session.close_accounts(ctx));
            } else if self.lent.side.is_away(row.0) {
                // Who is not back by now does not come back.
                self.drive(row, |session, ctx| session.end(ctx));
            }
        }
        self.close_acts(self.time.at.now.before(grace));
        let second = self.books.second();
        let mut missing_updates = Vec::new();
        if let Some(updates) = &mut self.books.updates {
            let open: Vec<SessionNumber> = open.iter().collect();
            missing_updates = updates.close(&open, second);
        }
        let told = Told { heard: self.books.heard.take(), missing_updates };
        let ledger = self.books.ledger.take();
        let interval = self.hand_over();
        self.link.accounts(interval, ledger, open, known, told, self.wire.ports.counts().collect());
    }
}
