//! Records what sessions report.
//!
//! Adds instants of the run and bounds evidence; decides nothing. Invariant: after accounts are
//! closed only the recorder is written to (it is then the ramp-down's), never the ledger.

use std::net::SocketAddr;
use std::time::Duration;

use startline_os::tick::Ticks;

use crate::fault::Fault;
use crate::measure::ledger::Ledger;
use crate::measure::{CloseEnd, FaultSample, PingEvent, Recorder};
use crate::members::MemberId;
use crate::scenario::{MessageType, StepIndex};
use crate::session::{Observer, Who};

/// The books of one worker.
#[derive(Debug)]
pub struct Books {
    /// Counts and latencies.
    pub recorder: Recorder,
    /// Pairs, until accounts close.
    pub ledger: Option<Ledger>,
    /// Since the run began; set once a turn.
    pub at: Duration,
    /// Where the connection comes from that is being given up, not having come up: its failure's
    /// evidence.
    pub from: Option<SocketAddr>,
    /// The last index of the step names, which is what error messages in mid-hold are filed under.
    pub last_step: StepIndex,
}

impl Books {
    fn sample(&self, who: Who, step: StepIndex, fault: Fault, evidence: &[u8]) -> FaultSample {
        FaultSample {
            session: who.session,
            member_id: who.member_id,
            step,
            fault,
            at: self.at,
            evidence: match self.from {
                Some(from) => format!("from {from}"),
                None => String::from_utf8_lossy(evidence).into_owned(),
            },
        }
    }
}

impl Observer for Books {
    fn step_ok(&mut self, step: StepIndex, from_due: Ticks, from_sent: Ticks) {
        self.recorder.step_ok(step, from_due, from_sent);
    }

    fn requested(&mut self, reused: bool) {
        self.recorder.http_request(reused);
    }

    fn reconnected(&mut self, _who: Who) {
        self.recorder.reconnected();
    }

    fn routed(&mut self, who: Who, url: &str) {
        self.recorder.routed(url, who.member_id, who.challenge_id);
    }

    fn opened(&mut self, _who: Who) {
        self.recorder.session_opened();
    }

    fn message(&mut self, message: MessageType, bytes: u64) {
        self.recorder.message(message, bytes);
    }

    fn joined(&mut self) {
        self.recorder.joined();
    }

    fn listed(&mut self, who: Who, member_id: MemberId) {
        if let Some(ledger) = &mut self.ledger {
            ledger.listed(who.session, member_id);
        }
    }

    fn entered(&mut self, who: Who, member_id: MemberId) {
        if let Some(ledger) = &mut self.ledger {
            ledger.entered(who.session, member_id);
        }
    }

    fn error_message(&mut self, who: Who, fault: Fault, evidence: &[u8]) {
        let sample = self.sample(who, self.last_step, fault, evidence);
        self.recorder.error_message(sample);
    }

    fn ping(&mut self, _who: Who, event: PingEvent) {
        self.recorder.ping(event);
    }

    fn closed(&mut self, _who: Who, held: Ticks) {
        self.recorder.session_closed(held);
    }

    fn close_ended(&mut self, end: CloseEnd) {
        self.recorder.close_ended(end);
    }

    fn completed(&mut self, who: Who) {
        self.recorder.session_completed(who.session);
    }

    fn failed(&mut self, who: Who, step: StepIndex, fault: Fault, evidence: &[u8]) {
        let sample = self.sample(who, step, fault, evidence);
        self.recorder.failed(sample);
    }

    fn abandoned(&mut self, who: Who, asked: Option<StepIndex>) {
        self.recorder.session_abandoned(who.session, asked);
    }
}
