//! Plain counters of sessions, heartbeats and bytes, and the sums that must close over them.
//!
//! Knows no names and no time of day. Invariant: once accounts are closed, [`Counts::check`] holds;
//! if it does not, this program has lost something and no figure of the run can be trusted.

use serde::{Deserialize, Serialize};
use startline_os::tick::TICK_MICROS;

use super::beats::Beats;
use super::sums::at_most;
use crate::lang::{Reason, Sentence};

/// How [`Counts::error_rate`] is made, in the words of the report.
pub const ERROR_RATE_FORMULA: &str =
    "(failed sessions + heartbeats timed out or missed) / (sessions started + heartbeats due)";
/// The same where a scenario has no heartbeat.
pub const SESSION_ERROR_RATE_FORMULA: &str = "failed sessions / sessions started";

/// Everything that is counted once a worker and summed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Sessions that began their first step.
    pub started: u64,
    /// Sessions that opened.
    pub opened: u64,
    /// Sessions that had opened, dropped, and are open again.
    pub reopened: u64,
    /// Sessions without WebSocket that did all their steps.
    pub completed: u64,
    /// Sessions that opened, or opened again, and are open no longer, however that ended.
    pub closed: u64,
    /// Of these, sessions that had done what they were there for.
    pub finished: u64,
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
    /// Answers that set cookies which the scenario's sessions do not send back.
    pub cookies_unkept: u64,
    /// Error messages that came in the hold and left their sessions open.
    pub error_messages: u64,
    /// Ticks between open and close, summed over the closed sessions.
    pub held_ticks: u64,
    /// Messages of all heartbeats.
    pub beats: Beats,
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
    /// Those of them that came compressed.
    pub compression: Compression,
}

/// What came compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compression {
    /// Sessions whose server agreed upon it.
    pub sessions: u64,
    /// Whole messages.
    pub messages: u64,
    /// Bytes of payload in them, as received.
    pub bytes: u64,
    /// What they inflated to.
    pub inflated_bytes: u64,
}

impl Compression {
    fn add(&mut self, other: &Self) {
        let Self { sessions, messages, bytes, inflated_bytes } = other;
        self.sessions += sessions;
        self.messages += messages;
        self.bytes += bytes;
        self.inflated_bytes += inflated_bytes;
    }
}

impl Counts {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        // Taken apart in full, so that a counter added later cannot be forgotten here.
        let Self {
            started,
            opened,
            reopened,
            completed,
            closed,
            finished,
            closes_clean,
            closes_cut,
            closes_timed_out,
            failed,
            abandoned,
            reconnected,
            http_connections,
            http_requests,
            http_reused,
            cookies_unkept,
            error_messages,
            held_ticks,
            beats,
            bytes_received,
            bytes_sent,
            messages,
            messages_joined,
            message_bytes,
            compression,
        } = other;
        self.started += started;
        self.opened += opened;
        self.reopened += reopened;
        self.completed += completed;
        self.closed += closed;
        self.finished += finished;
        self.closes_clean += closes_clean;
        self.closes_cut += closes_cut;
        self.closes_timed_out += closes_timed_out;
        self.failed += failed;
        self.abandoned += abandoned;
        self.reconnected += reconnected;
        self.http_connections += http_connections;
        self.http_requests += http_requests;
        self.http_reused += http_reused;
        self.cookies_unkept += cookies_unkept;
        self.error_messages += error_messages;
        self.held_ticks += held_ticks;
        self.beats.add(beats);
        self.bytes_received += bytes_received;
        self.bytes_sent += bytes_sent;
        self.messages += messages;
        self.messages_joined += messages_joined;
        self.message_bytes += message_bytes;
        self.compression.add(compression);
    }

    /// Sessions open now.
    pub fn open_now(&self) -> u64 {
        (self.opened + self.reopened).saturating_sub(self.closed)
    }

    /// Session-seconds between open and close of all closed sessions.
    pub fn held_seconds(&self) -> f64 {
        self.held_ticks as f64 * TICK_MICROS as f64 / 1e6
    }

    /// What can go wrong once: sessions started and heartbeats due.
    pub fn attempts(&self) -> u64 {
        self.started + self.beats.due
    }

    /// Failed sessions and failed heartbeats.
    pub fn errors(&self) -> u64 {
        self.failed + self.beats.failed()
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
        self.beats.check()?;
        at_most(Reason::SessionsClosed, self.closed, self.opened + self.reopened)?;
        at_most(Reason::SessionsFinished, self.finished, self.closed)?;
        at_most(Reason::SessionsOpened, self.opened + self.completed, self.started)?;
        at_most(Reason::SessionsEnded, self.failed + self.completed + self.abandoned, self.started)
    }
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
            beats: Beats {
                due: 100,
                sent: 98,
                missed: 2,
                answered: 90,
                timed_out: 5,
                late: 3,
                pending: 3,
                ..Beats::default()
            },
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
        counts.beats.due += 1;
        assert!(counts.check().unwrap_err().to_string().starts_with("heartbeats due = sent + missed"));

        let mut counts = closed_accounts();
        counts.beats.pending -= 1;
        assert!(counts.check().unwrap_err().to_string().contains("98 against 97"));
        assert_eq!(counts.beats.outstanding(), 1);

        let mut counts = closed_accounts();
        counts.beats.late = 6;
        assert!(counts.check().unwrap_err().to_string().starts_with("late replies"));

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
        let (unanswered, failed) = (counts.beats.unanswered(), counts.beats.failed());
        counts.beats.late += 1;
        assert_eq!(counts.beats.unanswered(), unanswered - 1);
        assert_eq!(counts.beats.failed(), failed);
        counts.check().unwrap();
    }

    #[test]
    fn adding_doubles_every_counter() {
        let mut counts = closed_accounts();
        counts.add(&closed_accounts());
        assert_eq!(counts.beats.due, 200);
        assert_eq!(counts.open_now(), 0);
        counts.check().unwrap();
    }
}
