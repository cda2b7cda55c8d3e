//! Records what sessions report.
//!
//! Adds instants of the run and bounds evidence; decides nothing. Invariant: after accounts are
//! closed only the recorder is written to (it is then the ramp-down's), never the ledger.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use startline_os::tick::Ticks;

use crate::fault::Fault;
use crate::foreign;
use crate::measure::acts::{Act, Announced, Deed};
use crate::measure::ledger::Ledger;
use crate::measure::membership::Heard;
use crate::measure::propagation::Propagation;
use crate::measure::servers::{ServerIndex, ServerNames};
use crate::measure::updates::Updates;
use crate::measure::{CloseEnd, FaultSample, Interval, PingEvent, Recorder, Timed, UnmatchedSample, Unread};
use crate::members::{MemberId, Members, SessionNumber};
use crate::scenario::every::EveryIndex;
use crate::scenario::{MessageType, StepIndex};
use crate::session::{Dropped, Observer, PingFailed, Return, StepPlaces, Unmatched, Who};

/// The books of one worker.
#[derive(Debug)]
pub struct Books {
    /// Counts and latencies.
    pub recorder: Recorder,
    /// The servers that sessions were sent to.
    pub servers: ServerNames,
    /// Pairs, until accounts close.
    pub ledger: Option<Ledger>,
    /// How long announcements take.
    pub propagation: Option<Propagation>,
    /// Updates by pair, where a periodic message is announced.
    pub updates: Option<Updates>,
    /// Who heard that whom left, until accounts close.
    pub heard: Option<Heard>,
    /// Whose names results have.
    pub members: Arc<Members>,
    /// Whether any of them comes again.
    pub members_return: bool,
    /// Since the run began; set once a turn.
    pub at: Duration,
    /// Sessions that have finished.
    pub finished: u32,
    /// Sessions that dropped.
    pub absences: Absences,
    /// Where the connection comes from that is being given up, not having come up: its failure's
    /// evidence.
    pub from: Option<SocketAddr>,
    /// The first message of this worker that fits no kind of the scenario's.
    pub unmatched: Option<String>,
    /// Where steps are among their names: error messages in mid-hold are filed under it.
    pub places: StepPlaces,
    /// Each periodic message's place among the steps, if it is a heartbeat.
    pub heartbeats: Vec<Option<StepIndex>>,
}

/// A worker's sessions that dropped.
#[derive(Debug, Default)]
pub struct Absences {
    /// Those that are not back.
    pub away: u32,
    /// Of these, the ones that this program cut.
    pub cut: u32,
    /// Why, by the numbers under which sessions keep it.
    causes: Vec<Fault>,
}

impl Absences {
    /// The number of a cause; the last one is that of all for which there is none left.
    fn number(&mut self, cause: Fault) -> u8 {
        let known = self.causes.iter().position(|known| *known == cause);
        let number = known.unwrap_or(self.causes.len()).min(usize::from(u8::MAX));
        if number == self.causes.len() {
            self.causes.push(cause);
        }
        number as u8
    }

    /// The cause of this number.
    fn cause(&self, number: u8) -> Fault {
        self.causes.get(usize::from(number)).copied().unwrap_or(Fault::Cut)
    }
}

/// Where ages of servers stand that are not told apart.
const OTHER_SERVER: &str = "other";

/// Bytes kept of the first message that fits no kind.
const UNMATCHED_BYTES_MAX: usize = 200;

fn unmatched_text(message: Unmatched<'_>) -> String {
    match message {
        Unmatched::Text(bytes) => {
            String::from_utf8_lossy(&bytes[..bytes.len().min(UNMATCHED_BYTES_MAX)]).into_owned()
        }
        Unmatched::Binary(bytes) => {
            let start: Vec<String> = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            format!("binary, {} bytes: {}", bytes.len(), start.join(" "))
        }
    }
}

impl Books {
    /// A life of this session's member begins: what was known of one before does not count in it.
    pub fn begins(&mut self, session: SessionNumber) {
        if let Some(ledger) = &mut self.ledger {
            ledger.begins(session);
        }
    }

    /// The second of the run.
    pub fn second(&self) -> u32 {
        self.at.as_secs() as u32
    }

    /// Everything recorded since the last time, of this time since the run's start.
    pub fn take(&mut self, from: Duration, to: Duration) -> Interval {
        if let Some(updates) = &mut self.updates {
            self.recorder.tally().updates.add(&updates.take());
        }
        let interval = self.recorder.take().covering(from, to);
        match &mut self.propagation {
            Some(propagation) => interval.with_propagated(propagation.take(&self.servers)),
            None => interval,
        }
    }

    /// A member is in: its session is open, for the first time or again.
    fn is_in(&mut self, who: Who) {
        let second = self.second();
        if let Some(updates) = &mut self.updates {
            updates.opened(who.session, second);
        }
        if let Some(heard) = &self.heard {
            heard.stays.opened(who.session, second);
        }
        if let Some(ledger) = &self.ledger {
            ledger.opened(who.session, self.at);
        }
    }

    fn sample(
        &self,
        who: Who,
        server: ServerIndex,
        step: StepIndex,
        fault: Fault,
        evidence: &[u8],
    ) -> FaultSample {
        FaultSample {
            session: self.members.number(who.session),
            member_id: self.members.name_of(who.session),
            server: self.servers.name(server).map(str::to_owned),
            step,
            fault,
            at: self.at,
            evidence: match self.from {
                Some(from) => format!("from {from}"),
                None => foreign::bytes(evidence),
            },
        }
    }
}

impl Observer for Books {
    fn step_ok(&mut self, step: StepIndex, timed: Timed) {
        self.recorder.step_ok(step, timed);
    }

    fn requested(&mut self, reused: bool) {
        self.recorder.http_request(reused);
    }

    fn reconnected(&mut self, _who: Who) {
        self.recorder.reconnected();
    }

    fn routed(&mut self, who: Who, url: &str) -> ServerIndex {
        let server = self.servers.index(url);
        if let Some(url) = self.servers.name(server) {
            self.recorder.routing().record(url, who.member_id, who.challenge_id);
        }
        server
    }

    fn ticket_sent(&mut self, age: Ticks) {
        self.recorder.ticket_sent(age);
    }

    fn opened(&mut self, who: Who, server: ServerIndex) {
        self.recorder.session_opened();
        self.is_in(who);
        if let Some(url) = self.servers.name(server) {
            let at = self.at;
            self.recorder.routing().opened(url, at);
        }
    }

    fn reopened(&mut self, who: Who, server: ServerIndex) {
        self.recorder.tally().counts.reopened += 1;
        self.is_in(who);
        if let Some(url) = self.servers.name(server) {
            self.recorder.tally().reconnects.came_to(url);
        }
    }

    fn rerouted(&mut self, _who: Who, url: &str) -> ServerIndex {
        self.servers.index(url)
    }

    fn dropped(&mut self, who: Who, dropped: Dropped<'_>) -> u8 {
        let Dropped { server, fault, evidence, on_purpose } = dropped;
        self.absences.away += 1;
        self.absences.cut += u32::from(on_purpose);
        self.recorder.tally().reconnects.dropped(fault, self.servers.name(server));
        if !on_purpose {
            let sample = self.sample(who, server, self.places.hold(), fault, evidence);
            self.recorder.keep_sample(sample);
        }
        self.absences.number(fault)
    }

    fn attempt_began(&mut self, who: Who, is_new_life: bool) {
        if is_new_life {
            self.begins(who.session);
        }
        self.recorder.tally().reconnects.attempts += 1;
    }

    fn step_again(&mut self, step: StepIndex, timed: Timed) {
        self.recorder.tally().reconnects.step_ok(step, timed);
    }

    fn attempt_failed(
        &mut self,
        who: Who,
        server: ServerIndex,
        step: StepIndex,
        fault: Fault,
        evidence: &[u8],
    ) {
        self.recorder.tally().reconnects.failures.record(step, fault);
        let sample = self.sample(who, server, step, fault, evidence);
        self.recorder.keep_sample(sample);
    }

    fn absence_ended(&mut self, _who: Who, back: Return) {
        self.absences.away -= 1;
        self.absences.cut -= u32::from(back.on_purpose);
        let (cause, server) = (self.absences.cause(back.cause), self.servers.name(back.server));
        self.recorder.tally().reconnects.ended(cause, server, back.end, back.away);
    }

    fn message(&mut self, bytes: u64) {
        self.recorder.message(bytes);
    }

    fn cookie_unkept(&mut self) {
        self.recorder.cookie_unkept();
    }

    fn compression_agreed(&mut self) {
        self.recorder.compression_agreed();
    }

    fn inflated(&mut self, compressed: u64, inflated: u64) {
        self.recorder.inflated(compressed, inflated);
    }

    fn record(&mut self, kind: MessageType) {
        self.recorder.record(kind);
    }

    fn answered(&mut self, kind: MessageType) {
        self.recorder.answered(kind);
    }

    fn aged(&mut self, kind: MessageType, server: ServerIndex, micros: i64) {
        if self.recorder.aged(kind, server, micros) {
            self.recorder.least_age(kind, self.servers.name(server).unwrap_or(OTHER_SERVER), micros);
        }
    }

    fn numbered(&mut self, kind: MessageType, missing: u64, again: bool) {
        self.recorder.numbered(kind, missing, again);
    }

    fn unread(&mut self, kind: MessageType, what: Unread) {
        self.recorder.unread(kind, what);
    }

    fn joined(&mut self) {
        self.recorder.joined();
    }

    fn listed(&mut self, who: Who, member_id: MemberId) {
        if let Some(ledger) = &mut self.ledger {
            ledger.listed(who.session, member_id);
            let second = self.at.as_secs() as u32;
            if let Some(heard) = &mut self.heard {
                heard.listed(member_id, second);
                if self.members_return {
                    heard.is_in(who.session, member_id);
                }
            }
        }
    }

    fn acted(&mut self, who: Who, act: Act) {
        if let Some(propagation) = &mut self.propagation {
            propagation.acted(who.session, act);
        }
        let second = self.second();
        if let Some(updates) = self.updates.as_mut().filter(|_| act.deed.is_message()) {
            updates.sent(who.session, act.key.bits(), second);
        }
    }

    fn announced(&mut self, who: Who, server: ServerIndex, told: Announced) {
        let is_first = match (&mut self.ledger, told.deed) {
            (Some(ledger), Deed::ENTER) => ledger.entered(who.session, told.member_id),
            (Some(ledger), Deed::LEAVE) => {
                ledger.left(who.session, told.member_id);
                true
            }
            (_, deed) if deed.is_message() => {
                let second = self.second();
                let updates = self.updates.as_mut();
                updates.is_some_and(|it| it.received(who.session, told.member_id, told.key.bits(), second))
            }
            // In the ramp-down no ledger is kept.
            (_, deed) => deed == Deed::LEAVE,
        };
        match (&mut self.heard, told.deed) {
            (Some(heard), Deed::LEAVE) => heard.left(who.session, told.member_id),
            (Some(heard), Deed::ENTER) if self.members_return => heard.is_in(who.session, told.member_id),
            _ => {}
        }
        if let Some(propagation) = self.propagation.as_mut().filter(|_| is_first) {
            propagation.received(who.session, server, told);
        }
    }

    fn error_message(&mut self, who: Who, server: ServerIndex, fault: Fault, evidence: &[u8]) {
        let sample = self.sample(who, server, self.places.hold(), fault, evidence);
        self.recorder.error_message(sample);
    }

    fn ping(&mut self, _who: Who, every: EveryIndex, event: PingEvent) {
        self.recorder.ping(every, event);
    }

    fn ping_failed(&mut self, who: Who, every: EveryIndex, server: ServerIndex, failed: PingFailed<'_>) {
        let PingFailed { fault, waited, came } = failed;
        // What a stall explains is counted apart, and no server's.
        if waited.stalled {
            return;
        }
        if let Some(url) = self.servers.name(server) {
            self.recorder.routing().ping_failed(url);
        }
        let step = self.heartbeats.get(every.index()).copied().flatten();
        let step = step.unwrap_or(self.places.hold());
        if self.recorder.may_sample(step, fault) {
            let came = match (came, &self.unmatched) {
                (Some(came), _) => format!("; {came}"),
                (None, Some(message)) => format!("; the first message of no known kind: {message}"),
                (None, None) => String::new(),
            };
            let (due, sent) = (waited.from_due.as_duration(), waited.from_sent.as_duration());
            let evidence = match fault {
                Fault::PingMissed => format!(
                    "due at {:.3} s of the run and not sent: the one before was {:.3} s old and had no reply{came}",
                    self.at.as_secs_f64(),
                    sent.as_secs_f64(),
                ),
                _ => format!(
                    "due at {:.3} s of the run, sent {:.3} s later, without a reply {:.3} s after that{came}",
                    self.at.saturating_sub(due).as_secs_f64(),
                    due.saturating_sub(sent).as_secs_f64(),
                    sent.as_secs_f64(),
                ),
            };
            let sample = self.sample(who, server, step, fault, evidence.as_bytes());
            self.recorder.sample(sample);
        }
    }

    fn wants_unmatched(&self) -> bool {
        self.unmatched.is_none()
    }

    fn unmatched(&mut self, who: Who, message: Unmatched<'_>) {
        let text = unmatched_text(message);
        let sample = UnmatchedSample {
            session: self.members.number(who.session),
            member_id: self.members.name_of(who.session),
            at: self.at,
            text: text.clone(),
        };
        self.recorder.unmatched(sample);
        self.unmatched = Some(text);
    }

    fn closed(&mut self, who: Who, server: ServerIndex, held: Duration) {
        self.recorder.session_closed(held);
        if let Some(url) = self.servers.name(server) {
            self.recorder.routing().gone(url);
        }
        let second = self.second();
        if let Some(updates) = &mut self.updates {
            updates.closed(who.session, second);
        }
        if let Some(heard) = &self.heard {
            heard.stays.closed(who.session, second, false);
        }
        if let Some(ledger) = self.ledger.as_mut().filter(|_| self.members_return) {
            ledger.forget(who.session);
        }
    }

    fn left_in_order(&mut self, who: Who) {
        if let Some(heard) = &self.heard {
            heard.stays.closed(who.session, self.second(), true);
        }
    }

    fn finished(&mut self, who: Who) {
        self.finished += 1;
        self.recorder.tally().counts.finished += 1;
        if let Some(heard) = &self.heard {
            heard.stays.closed(who.session, self.second(), true);
        }
    }

    fn close_ended(&mut self, end: CloseEnd) {
        self.recorder.close_ended(end);
    }

    fn completed(&mut self, who: Who) {
        self.recorder.session_completed(who.session);
    }

    fn failed(&mut self, who: Who, server: ServerIndex, step: StepIndex, fault: Fault, evidence: &[u8]) {
        if let Some(url) = self.servers.name(server) {
            self.recorder.routing().failed(url, step, fault, self.at);
        }
        let mut sample = self.sample(who, server, step, fault, evidence);
        if let (Fault::StepTimeout, Some(message), false) = (fault, &self.unmatched, evidence.is_empty()) {
            sample.evidence += &format!("; the first of no known kind: {message}");
        }
        self.recorder.failed(sample);
    }

    fn abandoned(&mut self, who: Who, asked: Option<StepIndex>) {
        self.recorder.session_abandoned(who.session, asked);
    }
}
