//! What is counted and timed: one [`Recorder`] a worker, merged into [`Totals`] once a second.
//!
//! Knows no socket and no session machine; it is told what happened. Invariants: recording allocates only
//! on first use of a histogram; every attempt ends up in exactly one account, so the sums close (see
//! [`Counts::check`]); nothing is shared between workers.

pub mod ledger;

use std::time::Duration;

use crate::fault::Fault;
use crate::tick::Ticks;

/// What there is to count: names by index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The scenario's steps; `ping`, if any, is the last.
    pub steps: Vec<String>,
    /// The scenario's message types; one more slot, `other`, is added by the recorder.
    pub messages: Vec<String>,
}

/// A failure as it is kept in `failures.jsonl`, a bounded number of each kind.
#[derive(Clone, Debug)]
pub struct FaultSample {
    /// The session's number.
    pub session: u32,
    /// Its member.
    pub member_id: u64,
    /// Index into [`Layout::steps`].
    pub step: u8,
    /// What happened.
    pub fault: Fault,
    /// Since the run began.
    pub at: Duration,
    /// The first bytes of what the peer sent, if any (at most 512, lossy UTF-8).
    pub evidence: String,
}

/// One heartbeat cycle's end, or the lack of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingEvent {
    /// A PING fell due.
    Due,
    /// It fell due while another was outstanding and was not sent.
    Missed,
    /// It was sent.
    Sent,
    /// Its PONG came within the timeout; latency from due and from sent.
    Answered {
        /// From the instant it was due.
        from_due: Ticks,
        /// From the instant it was sent.
        from_sent: Ticks,
    },
    /// The timeout passed without its PONG; the cycle has failed.
    TimedOut,
    /// The PONG of a cycle that had timed out came after all.
    Late,
    /// A PONG with no PING to answer.
    Unasked,
    /// The session ended (or accounts closed) with the PING outstanding and its time not over.
    Pending,
}

/// A worker's recorder.
#[derive(Debug)]
pub struct Recorder {}

impl Recorder {
    /// An empty recorder.
    pub fn new(layout: &Layout) -> Self {
        let _ = layout;
        Self {}
    }

    /// A session began its first step, `lag` after its planned instant.
    pub fn session_started(&mut self, lag: Ticks) {
        let _ = lag;
    }

    /// A session is open (CONNECTED came).
    pub fn session_opened(&mut self) {}

    /// A session without WebSocket has done all its steps.
    pub fn session_completed(&mut self) {}

    /// An open session is open no longer: it failed, was closed by the peer or by us.
    pub fn session_closed(&mut self, held: Ticks) {
        let _ = held;
    }

    pub fn reconnected(&mut self) {}
    pub fn member_burned(&mut self) {}
    pub fn session_abandoned(&mut self) {}
    pub fn error_message(&mut self, sample: FaultSample) {
        let _ = sample;
    }
    /// A step succeeded. Latencies from the instant it was due and from the instant it was sent; they differ
    /// where this box was late.
    pub fn step_ok(&mut self, step: u8, from_due: Ticks, from_sent: Ticks) {
        let _ = (step, from_due, from_sent);
    }

    /// A session failed in a step: counted by kind, and sampled.
    pub fn failed(&mut self, sample: FaultSample) {
        let _ = sample;
    }

    /// Something happened in a heartbeat cycle.
    pub fn ping(&mut self, event: PingEvent) {
        let _ = event;
    }

    /// A whole message of this type came; `bytes` of payload.
    pub fn message(&mut self, message: crate::scenario::MessageType, bytes: u64) {
        let _ = (message, bytes);
    }

    /// Bytes as read off sockets and written to them.
    pub fn bytes(&mut self, received: u64, sent: u64) {
        let _ = (received, sent);
    }

    /// A URL that was handed out led this member there (index from [`Recorder::server`]).
    pub fn routed(&mut self, url: &str, member_id: u64, challenge_id: u64) {
        let _ = (url, member_id, challenge_id);
    }

    /// The worker's own lateness: a timer or arrival handled so long after its planned instant.
    pub fn lag(&mut self, lag: Ticks) {
        let _ = lag;
    }

    /// One turn of the loop took so long.
    pub fn turn(&mut self, took: Ticks) {
        let _ = took;
    }

    /// Everything since the last call, leaving the recorder empty.
    pub fn take(&mut self) -> Interval {
        Interval {}
    }
}

/// What one worker recorded since its last hand-over.
#[derive(Debug)]
pub struct Interval {}

/// Everything of all workers so far.
#[derive(Debug)]
pub struct Totals {}

impl Totals {
    /// Nothing yet.
    pub fn new(layout: &Layout) -> Self {
        let _ = layout;
        Self {}
    }

    /// Adds what a worker recorded.
    pub fn add(&mut self, interval: &Interval) {
        let _ = interval;
    }
}
