//! Plain counters of sessions, heartbeats and bytes, and the sums that must close over them.
//!
//! Knows no names and no time of day. Invariant: once accounts are closed, [`Counts::check`] holds;
//! if it does not, this program has lost something and no figure of the run can be trusted.

use startline_os::tick::TICK_MICROS;

use crate::lang::{Reason, Sentence};

/// How [`Counts::error_rate`] is made, in the words of the report.
pub const ERROR_RATE_FORMULA: &str =
    "(failed sessions + PING cycles timed out or missed) / (sessions started + PINGs due)";

/// Everything that is counted once a worker and summed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that began their first step.
    pub started: u64,
    /// Sessions that opened.
    pub opened: u64,
    /// Sessions without WebSocket that did all their steps.
    pub completed: u64,
    /// Opened sessions that are open no longer, however they ended.
    pub closed: u64,
    /// Closing handshakes that sessions began and the peer's close frame ended.
    pub closes_clean: u64,
    /// … and the connection's end cut short.
    pub closes_cut: u64,
    /// … and nothing ended in time.
    pub closes_timed_out: u64,
    /// Sessions that failed, in whatever step.
    pub failed: u64,
    /// Sessions that were still being set up when the run was stopped.
    pub abandoned: u64,
    /// Requests sent again because a kept-alive connection was closed before any byte of the
    /// answer.
    pub reconnected: u64,
    /// TCP connections that came up for HTTP steps.
    pub http_connections: u64,
    /// HTTP requests sent.
    pub http_requests: u64,
    /// Of these, on a connection that had carried an answer before.
    pub http_reused: u64,
    /// Error messages that came in the hold and left their sessions open.
    pub error_messages: u64,
    /// Ticks between open and close, summed over the closed sessions.
    pub held_ticks: u64,
    /// PINGs that fell due.
    pub ping_due: u64,
    /// Of these, sent.
    pub ping_sent: u64,
    /// Of those due, not sent because the one before was outstanding.
    pub ping_missed: u64,
    /// Of these, with a stall of this machine in their time.
    pub ping_missed_stalled: u64,
    /// Of those timed out, with a stall of this machine in their time.
    pub ping_timed_out_stalled: u64,
    /// Of those sent, answered in time.
    pub ping_answered: u64,
    /// Of those sent, not answered within the timeout (some of them late, see `ping_late`).
    pub ping_timed_out: u64,
    /// Of those timed out, answered after all.
    pub ping_late: u64,
    /// Of those sent, still in time when their session or the accounts closed: neither good nor
    /// bad.
    pub ping_pending: u64,
    /// PONGs that answer no PING of ours.
    pub pong_unasked: u64,
    /// Bytes read off sockets, framing and HTTP included.
    pub bytes_received: u64,
    /// Bytes written to sockets.
    pub bytes_sent: u64,
    /// Whole messages that came.
    pub messages: u64,
    /// Of these, those with another JSON text behind their first.
    pub messages_joined: u64,
    /// Bytes of payload in them.
    pub message_bytes: u64,
}

impl Counts {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        // Taken apart in full, so that a counter added later cannot be forgotten here.
        let Self {
            started,
            opened,
            completed,
            closed,
            closes_clean,
            closes_cut,
            closes_timed_out,
            failed,
            abandoned,
            reconnected,
            http_connections,
            http_requests,
            http_reused,
            error_messages,
            held_ticks,
            ping_due,
            ping_sent,
            ping_missed,
            ping_missed_stalled,
            ping_timed_out_stalled,
            ping_answered,
            ping_timed_out,
            ping_late,
            ping_pending,
            pong_unasked,
            bytes_received,
            bytes_sent,
            messages,
            messages_joined,
            message_bytes,
        } = other;
        self.started += started;
        self.opened += opened;
        self.completed += completed;
        self.closed += closed;
        self.closes_clean += closes_clean;
        self.closes_cut += closes_cut;
        self.closes_timed_out += closes_timed_out;
        self.failed += failed;
        self.abandoned += abandoned;
        self.reconnected += reconnected;
        self.http_connections += http_connections;
        self.http_requests += http_requests;
        self.http_reused += http_reused;
        self.error_messages += error_messages;
        self.held_ticks += held_ticks;
        self.ping_due += ping_due;
        self.ping_sent += ping_sent;
        self.ping_missed += ping_missed;
        self.ping_missed_stalled += ping_missed_stalled;
        self.ping_timed_out_stalled += ping_timed_out_stalled;
        self.ping_answered += ping_answered;
        self.ping_timed_out += ping_timed_out;
        self.ping_late += ping_late;
        self.ping_pending += ping_pending;
        self.pong_unasked += pong_unasked;
        self.bytes_received += bytes_received;
        self.bytes_sent += bytes_sent;
        self.messages += messages;
        self.messages_joined += messages_joined;
        self.message_bytes += message_bytes;
    }

    /// Sessions open now.
    pub fn open_now(&self) -> u64 {
        self.opened.saturating_sub(self.closed)
    }

    /// Session-seconds between open and close of all closed sessions.
    pub fn held_seconds(&self) -> f64 {
        self.held_ticks as f64 * TICK_MICROS as f64 / 1e6
    }

    /// PING cycles that timed out and whose PONG never came.
    pub fn ping_unanswered(&self) -> u64 {
        self.ping_timed_out.saturating_sub(self.ping_late)
    }

    /// PINGs sent whose cycle is not over. None once accounts are closed.
    pub fn ping_outstanding(&self) -> u64 {
        self.ping_sent.saturating_sub(self.ping_answered + self.ping_timed_out + self.ping_pending)
    }

    /// PING cycles that failed: timed out (late ones included) or missed.
    pub fn ping_failed(&self) -> u64 {
        self.ping_timed_out + self.ping_missed
    }

    /// Of these, the ones with a stall of this machine in their time, which are its own.
    pub fn ping_stalled(&self) -> u64 {
        self.ping_timed_out_stalled + self.ping_missed_stalled
    }

    /// What can go wrong once: sessions started and PINGs due.
    pub fn attempts(&self) -> u64 {
        self.started + self.ping_due
    }

    /// Failed sessions and failed PING cycles.
    pub fn errors(&self) -> u64 {
        self.failed + self.ping_failed()
    }

    /// The error rate, 0 to 1; `None` before anything was attempted. This is its one definition:
    /// [`ERROR_RATE_FORMULA`]. A session that fails with a PING outstanding is one error, not two:
    /// that PING is pending.
    pub fn error_rate(&self) -> Option<f64> {
        (self.attempts() > 0).then(|| self.errors() as f64 / self.attempts() as f64)
    }

    /// Checks, once accounts are closed, that nothing was lost or counted twice: `due = sent +
    /// missed`, `sent = answered + late + unanswered + pending`, and no more ended than began.
    ///
    /// # Errors
    /// The sum that does not close, with its figures.
    pub fn check(&self) -> Result<(), Sentence> {
        equal(Reason::PingsDue, self.ping_due, self.ping_sent + self.ping_missed)?;
        at_most(Reason::PongsLate, self.ping_late, self.ping_timed_out)?;
        equal(
            Reason::PingsSent,
            self.ping_sent,
            self.ping_answered + self.ping_timed_out + self.ping_pending,
        )?;
        at_most(Reason::SessionsClosed, self.closed, self.opened)?;
        at_most(Reason::SessionsOpened, self.opened + self.completed, self.started)?;
        at_most(Reason::SessionsEnded, self.failed + self.completed + self.abandoned, self.started)
    }
}

fn equal(sum: Reason, left: u64, right: u64) -> Result<(), Sentence> {
    if left == right { Ok(()) } else { Err(unequal(sum, left, right)) }
}

fn at_most(sum: Reason, left: u64, right: u64) -> Result<(), Sentence> {
    if left <= right { Ok(()) } else { Err(unequal(sum, left, right)) }
}

/// Says that a sum does not close.
pub(super) fn unequal(sum: Reason, left: u64, right: u64) -> Sentence {
    Reason::Unequal.with(sum).with(left.to_string()).with(right.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed_accounts() -> Counts {
        Counts {
            started: 10,
            opened: 9,
            closed: 9,
            failed: 2,
            ping_due: 100,
            ping_sent: 98,
            ping_missed: 2,
            ping_answered: 90,
            ping_timed_out: 5,
            ping_late: 3,
            ping_pending: 3,
            ..Counts::default()
        }
    }

    #[test]
    fn accounts_that_close_pass() {
        closed_accounts().check().unwrap();
        Counts::default().check().unwrap();
    }

    #[test]
    fn a_sum_that_does_not_close_is_named() {
        let mut counts = closed_accounts();
        counts.ping_due += 1;
        assert!(counts.check().unwrap_err().to_string().starts_with("PINGs due = sent + missed"));

        let mut counts = closed_accounts();
        counts.ping_pending -= 1;
        assert!(counts.check().unwrap_err().to_string().contains("98 against 97"));
        assert_eq!(counts.ping_outstanding(), 1);

        let mut counts = closed_accounts();
        counts.ping_late = 6;
        assert!(counts.check().unwrap_err().to_string().starts_with("late PONGs"));

        let mut counts = closed_accounts();
        counts.closed = 10;
        assert!(counts.check().unwrap_err().to_string().starts_with("sessions closed"));
    }

    #[test]
    fn the_error_rate_is_over_sessions_and_pings() {
        let counts = closed_accounts();
        assert_eq!(counts.errors(), 2 + 5 + 2);
        assert_eq!(counts.error_rate(), Some(9.0 / 110.0));
        assert_eq!(Counts::default().error_rate(), None);
    }

    #[test]
    fn a_late_pong_moves_a_cycle_from_unanswered_to_late_and_stays_failed() {
        let mut counts = closed_accounts();
        let (unanswered, failed) = (counts.ping_unanswered(), counts.ping_failed());
        counts.ping_late += 1;
        assert_eq!(counts.ping_unanswered(), unanswered - 1);
        assert_eq!(counts.ping_failed(), failed);
        counts.check().unwrap();
    }

    #[test]
    fn adding_doubles_every_counter() {
        let mut counts = closed_accounts();
        counts.add(&closed_accounts());
        assert_eq!(counts.ping_due, 200);
        assert_eq!(counts.open_now(), 0);
        counts.check().unwrap();
    }
}
