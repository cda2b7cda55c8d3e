//! What became of a periodic message: counters, and the sums that must close over them.
//!
//! Knows no name. Invariant: once accounts are closed, [`Beats::check`] holds for each heartbeat.

use serde::{Deserialize, Serialize};

use super::PingEvent;
use super::sums::{at_most, equal};
use crate::lang::{Reason, Sentence};

/// Of a heartbeat, or of all together; of a message that awaits nothing, `due`, `sent` and `missed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beats {
    /// Messages that fell due.
    pub due: u64,
    /// Of these, sent.
    pub sent: u64,
    /// Of those due, not sent because the one before was outstanding (or the next was due already).
    pub missed: u64,
    /// Of these, with a stall of this machine in their time.
    pub missed_stalled: u64,
    /// Of those sent, answered in time.
    pub answered: u64,
    /// Of those sent, not answered within the timeout (some of them late, see `late`).
    pub timed_out: u64,
    /// Of these, with a stall of this machine in their time.
    pub timed_out_stalled: u64,
    /// Of those timed out, answered after all.
    pub late: u64,
    /// Of those sent, still in time when their session or the accounts closed: neither good nor bad.
    pub pending: u64,
    /// Replies that answer no message of ours.
    pub unasked: u64,
}

impl Beats {
    pub(super) fn record(&mut self, event: PingEvent) {
        match event {
            PingEvent::Due => self.due += 1,
            PingEvent::Missed { stalled } => {
                self.missed += 1;
                self.missed_stalled += u64::from(stalled);
            }
            PingEvent::MissedWaited(_) => {}
            PingEvent::Sent => self.sent += 1,
            PingEvent::Answered(_) => self.answered += 1,
            PingEvent::TimedOut { stalled } => {
                self.timed_out += 1;
                self.timed_out_stalled += u64::from(stalled);
            }
            PingEvent::Late => self.late += 1,
            PingEvent::Unasked => self.unasked += 1,
            PingEvent::Pending => self.pending += 1,
        }
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        // Taken apart in full, so that a counter added later cannot be forgotten here.
        let Self {
            due,
            sent,
            missed,
            missed_stalled,
            answered,
            timed_out,
            timed_out_stalled,
            late,
            pending,
            unasked,
        } = other;
        self.due += due;
        self.sent += sent;
        self.missed += missed;
        self.missed_stalled += missed_stalled;
        self.answered += answered;
        self.timed_out += timed_out;
        self.timed_out_stalled += timed_out_stalled;
        self.late += late;
        self.pending += pending;
        self.unasked += unasked;
    }

    /// Cycles that timed out and whose reply never came.
    pub fn unanswered(&self) -> u64 {
        self.timed_out.saturating_sub(self.late)
    }

    /// Messages sent whose cycle is not over. None once accounts are closed.
    pub fn outstanding(&self) -> u64 {
        self.sent.saturating_sub(self.answered + self.timed_out + self.pending)
    }

    /// Cycles that failed: timed out (late ones included) or missed.
    pub fn failed(&self) -> u64 {
        self.timed_out + self.missed
    }

    /// Of these, the ones with a stall of this machine in their time, which are its own.
    pub fn stalled(&self) -> u64 {
        self.timed_out_stalled + self.missed_stalled
    }

    /// Checks, once accounts are closed, that nothing was lost or counted twice: `due = sent +
    /// missed`, `sent = answered + late + unanswered + pending`.
    ///
    /// # Errors
    /// The sum that does not close, with its figures.
    pub fn check(&self) -> Result<(), Sentence> {
        equal(Reason::PingsDue, self.due, self.sent + self.missed)?;
        at_most(Reason::PongsLate, self.late, self.timed_out)?;
        equal(Reason::PingsSent, self.sent, self.answered + self.timed_out + self.pending)
    }
}
