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

    pub(super) fn close_accounts(&mut self) {
        let mut open = SessionSet::new(self.given.sessions);
        let mut known = SessionSet::new(self.given.sessions);
        let grace = Ticks::from_duration(ANNOUNCE_GRACE);
        let is_known = |session: &Session, now| session.age(now) >= ANNOUNCE_GRACE;
        for row in (0..self.rows.len() as u32).map(RowIndex) {
            if self.rows[row.index()].session.is_open() {
                open.insert(self.lives.session(row));
                if is_known(&self.rows[row.index()].session, self.time.at.now) {
                    known.insert(self.lives.session(row));
                }
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
