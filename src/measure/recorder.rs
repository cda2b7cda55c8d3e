//! A worker's recorder: the one thing here on the hot path.
//!
//! A message is an array increment, a heartbeat a few and a histogram's slot; memory is taken on
//! the first use of a histogram and handed over with it, so an idle worker costs a few kilobytes.
//! Invariant: everything but the number of samples already kept leaves with [`Recorder::take`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use startline_os::tick::{TICK_MICROS, Ticks};

use super::failures::cut_evidence;
use super::kinds::Least;
use super::routing::Routing;
use super::servers::ServerIndex;
use super::{
    Beats, CloseEnd, FAULT_KINDS_MAX, Fate, FaultSample, Handshake, Interval, KindTally, Layout, PingEvent,
    SAMPLES_PER_KIND_MAX, Stall, StepTally, Tally, Timed, UnmatchedSample, Unread,
};
use crate::fault::Fault;
use crate::members::SessionNumber;
use crate::scenario::every::EveryIndex;
use crate::scenario::{MessageType, StepIndex};

/// A worker's recorder.
#[derive(Debug)]
pub struct Recorder {
    now: Interval,
    step_count: usize,
    /// Each periodic message's place among the steps, if it is a heartbeat.
    every: Vec<Option<StepIndex>>,
    /// Of the run so far.
    least_ages: Least,
    /// Samples kept so far of each kind; stays over hand-overs, so that the bound is a run's.
    sampled: BTreeMap<(StepIndex, Fault), u8>,
    keeps_fates: bool,
}

impl Recorder {
    /// An empty recorder.
    pub fn new(layout: &Layout) -> Self {
        Self {
            now: Interval::default(),
            step_count: layout.steps.len(),
            every: layout.every.iter().map(|every| every.step).collect(),
            least_ages: Least::default(),
            sampled: BTreeMap::new(),
            keeps_fates: false,
        }
    }

    /// From here on, how each session ends is kept.
    pub fn keep_fates(&mut self) {
        self.keeps_fates = true;
    }

    /// A session began its first step, `lag` after its planned instant.
    pub fn session_started(&mut self, lag: Ticks) {
        self.now.tally.counts.started += 1;
        self.now.tally.start_lag.record(lag);
    }

    /// A session is open (CONNECTED came).
    pub fn session_opened(&mut self) {
        self.now.tally.counts.opened += 1;
    }

    /// A session without WebSocket has done all its steps.
    pub fn session_completed(&mut self, session: SessionNumber) {
        self.now.tally.counts.completed += 1;
        self.keep_fate(session, Fate::Completed);
    }

    /// An open session is open no longer: it failed, was closed by the peer or by us.
    pub fn session_closed(&mut self, held: Duration) {
        self.now.tally.counts.closed += 1;
        self.now.tally.counts.held_ticks += held.as_micros() as u64 / TICK_MICROS;
    }

    /// A message had another JSON text behind its first.
    pub fn joined(&mut self) {
        self.now.tally.counts.messages_joined += 1;
    }

    /// A closing handshake that a session began has ended.
    pub fn close_ended(&mut self, end: CloseEnd) {
        let counts = &mut self.now.tally.counts;
        *match end {
            CloseEnd::Clean => &mut counts.closes_clean,
            CloseEnd::Cut => &mut counts.closes_cut,
            CloseEnd::TimedOut => &mut counts.closes_timed_out,
        } += 1;
    }

    /// A session was still being set up when the run was stopped; `asked`: the step whose request
    /// was out.
    pub fn session_abandoned(&mut self, session: SessionNumber, asked: Option<StepIndex>) {
        self.now.tally.counts.abandoned += 1;
        self.keep_fate(session, Fate::Abandoned { asked });
    }

    /// A request was sent once more on a fresh connection.
    pub fn reconnected(&mut self) {
        self.now.tally.counts.reconnected += 1;
    }

    /// A connection to this address of several is begun.
    pub fn address_tried(&mut self, address: IpAddr) {
        self.now.tally.addresses.entry(address).or_default().begun += 1;
    }

    /// It is up.
    pub fn address_up(&mut self, address: IpAddr) {
        self.now.tally.addresses.entry(address).or_default().up += 1;
    }

    /// A TCP connection is up for HTTP steps.
    pub fn http_connection(&mut self) {
        self.now.tally.counts.http_connections += 1;
    }

    /// An answer sets cookies that the session does not send back.
    pub fn cookie_unkept(&mut self) {
        self.now.tally.counts.cookies_unkept += 1;
    }

    /// An HTTP request goes out; `reused`: on a connection that has carried an answer before.
    pub fn http_request(&mut self, reused: bool) {
        self.now.tally.counts.http_requests += 1;
        self.now.tally.counts.http_reused += u64::from(reused);
    }

    /// An upgrade went out with a ticket of this age.
    pub fn ticket_sent(&mut self, age: Ticks) {
        self.now.tally.ticket_age.record(age);
    }

    /// A session got one of the connections that are shared, after so long a wait for it.
    pub fn http_waited(&mut self, waited: Ticks) {
        self.now.tally.http_wait.record(waited);
    }

    /// A connection was cut silently; `is_mute`: its peer hears nothing, not even from this
    /// machine's kernel.
    pub fn silenced(&mut self, is_mute: bool) {
        let silent = &mut self.now.tally.reconnects.silent;
        *if is_mute { &mut silent.mute } else { &mut silent.acknowledged } += 1;
    }

    /// An error message came in the hold; its session stays open. Sampled like a failure, and not
    /// one.
    pub fn error_message(&mut self, sample: FaultSample) {
        self.now.tally.counts.error_messages += 1;
        self.keep_sample(sample);
    }

    /// A step succeeded. Latencies from the instant it was due and from the instant it was sent;
    /// they differ where this machine was late.
    pub fn step_ok(&mut self, step: StepIndex, timed: Timed) {
        let step = self.step(step);
        step.from_due.record(timed.from_due);
        step.from_sent.record(timed.from_sent);
        step.stalled += u64::from(timed.stalled);
    }

    /// A session failed in a step: counted by kind, and sampled. Once a session; a PING cycle that
    /// fails without ending its session is [`PingEvent::TimedOut`] alone.
    pub fn failed(&mut self, sample: FaultSample) {
        self.now.tally.counts.failed += 1;
        self.now.tally.failures.record(sample.step, sample.fault);
        self.keep_fate(sample.session, Fate::Failed { step: sample.step, fault: sample.fault });
        self.keep_sample(sample);
    }

    /// Something happened to a periodic message.
    pub fn ping(&mut self, every: EveryIndex, event: PingEvent) {
        let step = self.every.get(every.index()).copied().flatten();
        let all = &mut self.now.tally.every;
        if all.len() < self.every.len() {
            all.resize_with(self.every.len(), Beats::default);
        }
        if let Some(own) = all.get_mut(every.index()) {
            own.record(event);
        }
        // Of a message that awaits nothing, nothing can fail.
        let Some(step) = step else { return };
        self.now.tally.counts.beats.record(event);
        match event {
            PingEvent::MissedWaited(waited) => self.now.tally.missed_wait.record(waited),
            PingEvent::Answered(timed) => self.step_ok(step, timed),
            _ => {}
        }
    }

    /// A whole message came; `bytes` of payload.
    pub fn message(&mut self, bytes: u64) {
        self.now.tally.counts.messages += 1;
        self.now.tally.counts.message_bytes += bytes;
    }

    /// A server agreed upon compression.
    pub fn compression_agreed(&mut self) {
        self.now.tally.counts.compression.sessions += 1;
    }

    /// Counts a compressed message: its bytes as received, and inflated.
    pub fn inflated(&mut self, compressed: u64, inflated: u64) {
        let of = &mut self.now.tally.counts.compression;
        of.messages += 1;
        of.bytes += compressed;
        of.inflated_bytes += inflated;
    }

    /// A record of this kind came: a message, or a part of one between separators.
    pub fn record(&mut self, kind: MessageType) {
        self.now.tally.messages[usize::from(kind.0)] += 1;
    }

    /// A record of this kind was answered.
    pub fn answered(&mut self, kind: MessageType) {
        self.kind(kind).answers += 1;
    }

    /// A record of this kind came so long after it was sent, by the two clocks; returns whether that is
    /// the smallest age that this server has given.
    pub fn aged(&mut self, kind: MessageType, server: ServerIndex, micros: i64) -> bool {
        self.kind(kind).aged(micros);
        self.least_ages.is_new(kind.0, server, micros)
    }

    /// The smallest age that this server has given so far.
    pub fn least_age(&mut self, kind: MessageType, server: &str, micros: i64) {
        self.kind(kind).ages_least.insert(server.to_owned(), micros);
    }

    /// A record's number does not follow the last one of its kind.
    pub fn numbered(&mut self, kind: MessageType, missing: u64, again: bool) {
        let kind = self.kind(kind);
        kind.missing += missing;
        kind.duplicate += u64::from(again);
    }

    /// A record of this kind has no instant, or no number, that can be read.
    pub fn unread(&mut self, kind: MessageType, what: Unread) {
        self.kind(kind).unread(what);
    }

    fn kind(&mut self, kind: MessageType) -> &mut KindTally {
        let kinds = &mut self.now.tally.kinds;
        if kinds.len() <= usize::from(kind.0) {
            kinds.resize_with(usize::from(kind.0) + 1, KindTally::default);
        }
        &mut kinds[usize::from(kind.0)]
    }

    /// Bytes as read off sockets and written to them.
    pub fn bytes(&mut self, received: u64, sent: u64) {
        self.now.tally.counts.bytes_received += received;
        self.now.tally.counts.bytes_sent += sent;
    }

    /// What happens at servers.
    pub fn routing(&mut self) -> &mut Routing {
        &mut self.now.tally.routing
    }

    /// A TLS handshake is over.
    pub fn handshake(&mut self, handshake: Handshake) {
        self.now.tally.secured.record(handshake);
    }

    /// TLS session tickets came, or the server has changed its key.
    pub fn after_handshake(&mut self, tickets: u32, key_updates: u32) {
        self.now.tally.secured.tickets += u64::from(tickets);
        self.now.tally.secured.key_updates += u64::from(key_updates);
    }

    /// The worker's own lateness: a timer or arrival handled so long after its planned instant.
    pub fn lag(&mut self, lag: Ticks) {
        self.now.tally.lag.record(lag);
    }

    /// The first message that fits no kind.
    pub fn unmatched(&mut self, sample: UnmatchedSample) {
        self.now.unmatched = Some(sample);
    }

    /// The worker did not run between these instants of the run.
    pub fn stalled(&mut self, from: Duration, to: Duration) {
        self.now.stalls.push(Stall { from, to, workers: 1 });
    }

    /// One turn of the loop took so long.
    pub fn turn(&mut self, took: Ticks) {
        self.now.tally.turn.record(took);
    }

    /// What is counted by accounts of their own.
    pub fn tally(&mut self) -> &mut Tally {
        &mut self.now.tally
    }

    /// Everything since the last call, leaving the recorder empty.
    pub fn take(&mut self) -> Interval {
        std::mem::take(&mut self.now)
    }

    fn step(&mut self, step: StepIndex) -> &mut StepTally {
        let step = step.index();
        debug_assert!(step < self.step_count, "step {step} of {}", self.step_count);
        let steps = &mut self.now.tally.steps;
        if step >= steps.len() {
            steps.resize_with(self.step_count.max(step + 1), StepTally::default);
        }
        &mut steps[step]
    }

    fn keep_fate(&mut self, session: SessionNumber, fate: Fate) {
        if self.keeps_fates {
            self.now.fates.push((session, fate));
        }
    }

    /// Keeps a failure as evidence, if there is room for one more of its kind.
    pub fn keep_sample(&mut self, sample: FaultSample) {
        if self.may_sample(sample.step, sample.fault) {
            self.sample(sample);
        }
    }

    /// Keeps a sample that [`Recorder::may_sample`] has let in.
    pub fn sample(&mut self, mut sample: FaultSample) {
        cut_evidence(&mut sample.evidence);
        self.now.samples.push(sample);
    }

    /// Whether another sample of this kind may be kept; it then counts as kept.
    pub fn may_sample(&mut self, step: StepIndex, fault: Fault) -> bool {
        let known = self.sampled.contains_key(&(step, fault));
        if !known && self.sampled.len() == FAULT_KINDS_MAX {
            return false;
        }
        let kept = self.sampled.entry((step, fault)).or_insert(0);
        let room = *kept < SAMPLES_PER_KIND_MAX;
        *kept += u8::from(room);
        room
    }
}

#[cfg(test)]
mod tests;
