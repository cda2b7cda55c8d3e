//! A worker's recorder: the one thing here on the hot path.
//!
//! A message is an array increment, a heartbeat a few and a histogram's slot; memory is taken on
//! the first use of a histogram and handed over with it, so an idle worker costs a few kilobytes.
//! Invariant: everything but the number of samples already kept leaves with [`Recorder::take`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use startline_os::tick::Ticks;

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
    pub fn session_closed(&mut self, held: Ticks) {
        self.now.tally.counts.closed += 1;
        self.now.tally.counts.held_ticks += u64::from(held.raw());
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

    fn keep_sample(&mut self, sample: FaultSample) {
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
mod tests {
    use super::super::{EveryName, Totals};
    use super::*;
    use crate::members::MemberId;

    fn layout() -> Layout {
        Layout {
            steps: ["login", "enter", "connect", "open", "ping"].map(String::from).to_vec(),
            every: vec![EveryName { name: "ping".into(), step: Some(StepIndex(4)) }],
            messages: ["CONNECTED", "PONG"].map(String::from).to_vec(),
            figures: Vec::new(),
            updates: false,
            announced: Vec::new(),
        }
    }

    fn ticks(millis: u64) -> Ticks {
        Ticks::from_duration(Duration::from_millis(millis))
    }

    fn timed(from_due: u64, from_sent: u64) -> Timed {
        Timed { from_due: ticks(from_due), from_sent: ticks(from_sent), stalled: false }
    }

    fn sample(fault: Fault, evidence: &str) -> FaultSample {
        FaultSample {
            session: SessionNumber(7),
            member_id: MemberId(20).into(),
            server: None,
            step: StepIndex(1),
            fault,
            at: Duration::from_secs(3),
            evidence: evidence.into(),
        }
    }

    /// One session's life on the recorder, with one PING of each fate.
    fn record_a_session(recorder: &mut Recorder) {
        recorder.session_started(ticks(1));
        for step in 0..4 {
            recorder.step_ok(StepIndex(step), timed(20, 10));
        }
        recorder.session_opened();
        recorder.message(500);
        recorder.record(MessageType(0));
        for end in [
            PingEvent::Answered(timed(4, 3)),
            PingEvent::TimedOut { stalled: false },
            PingEvent::TimedOut { stalled: true },
            PingEvent::Pending,
        ] {
            recorder.ping(EveryIndex(0), PingEvent::Due);
            recorder.ping(EveryIndex(0), PingEvent::Sent);
            recorder.ping(EveryIndex(0), end);
        }
        recorder.ping(EveryIndex(0), PingEvent::Late);
        recorder.ping(EveryIndex(0), PingEvent::Due);
        recorder.ping(EveryIndex(0), PingEvent::Missed { stalled: false });
        recorder.ping(EveryIndex(0), PingEvent::MissedWaited(ticks(700)));
        recorder.ping(EveryIndex(0), PingEvent::Unasked);
        recorder.message(49);
        recorder.record(MessageType(1));
        recorder.record(MessageType::OTHER);
        recorder.bytes(600, 300);
        recorder.session_closed(ticks(2_000));
    }

    #[test]
    fn every_fate_of_a_heartbeat_ends_in_one_account() {
        let mut recorder = Recorder::new(&layout());
        record_a_session(&mut recorder);
        let mut totals = Totals::new(&layout());
        totals.add(&recorder.take());
        totals.check().unwrap();
        let counts = &totals.tally().counts;
        assert_eq!((counts.beats.due, counts.beats.sent, counts.beats.missed), (5, 4, 1));
        assert_eq!((counts.beats.answered, counts.beats.late, counts.beats.unanswered()), (1, 1, 1));
        assert_eq!((counts.beats.pending, counts.beats.unasked), (1, 1));
        assert_eq!((counts.beats.failed(), counts.beats.stalled()), (3, 1));
        assert_eq!(totals.tally().missed_wait.max(), Some(ticks(700).as_duration()));
        assert_eq!(totals.tally().step(4).unwrap().from_due.count(), 1);
        assert!((counts.held_seconds() - 2.0).abs() < 1e-4);
    }

    #[test]
    fn messages_are_counted_by_type_and_the_rest_as_other() {
        let mut recorder = Recorder::new(&layout());
        record_a_session(&mut recorder);
        let interval = recorder.take();
        let tally = interval.tally();
        assert_eq!((tally.messages_of(MessageType(0)), tally.messages_of(MessageType(1))), (1, 1));
        assert_eq!(tally.messages_other(2), 1);
        assert_eq!((tally.counts.messages, tally.counts.message_bytes), (2, 549));
    }

    #[test]
    fn taking_leaves_nothing_behind_and_workers_add_up() {
        let mut workers = [Recorder::new(&layout()), Recorder::new(&layout())];
        let mut totals = Totals::new(&layout());
        for second in 0..3 {
            let mut everyone = Interval::default();
            for recorder in &mut workers {
                if second < 2 {
                    record_a_session(recorder);
                }
                let interval = recorder.take();
                totals.add(&interval);
                everyone.merge(interval);
            }
            let expected = if second < 2 { 2 } else { 0 };
            assert_eq!(everyone.tally().counts.started, expected);
        }
        assert_eq!((totals.tally().counts.started, totals.open_now()), (4, 0));
        assert_eq!(totals.tally().step(0).unwrap().from_sent.count(), 4);
        totals.check().unwrap();
    }

    #[test]
    fn samples_are_bounded_over_the_whole_run_and_keep_their_evidence() {
        let mut recorder = Recorder::new(&layout());
        let mut totals = Totals::new(&layout());
        let mut kept = 0;
        for _ in 0..3 {
            for k in 0..30 {
                recorder.failed(sample(Fault::HttpStatus(502), &format!("bad gateway {k}")));
            }
            recorder.failed(sample(Fault::Reset, &"x".repeat(2_000)));
            let interval = recorder.take();
            kept += interval.samples().len();
            assert!(interval.samples().iter().all(|sample| sample.evidence.len() <= 512));
            totals.add(&interval);
        }
        assert_eq!(kept, 20 + 3);
        assert_eq!(totals.tally().counts.failed, 93);
        assert_eq!(totals.tally().failures.in_step(StepIndex(1)), 93);
        assert_eq!(totals.sample(StepIndex(1), Fault::HttpStatus(502)).unwrap().evidence, "bad gateway 0");
        assert!(totals.sample(StepIndex(0), Fault::Reset).is_none());
    }

    #[test]
    fn fates_are_kept_if_asked_for() {
        let mut recorder = Recorder::new(&layout());
        recorder.session_completed(SessionNumber(1));
        assert!(recorder.take().fates().is_empty());
        recorder.keep_fates();
        recorder.session_completed(SessionNumber(2));
        recorder.failed(sample(Fault::Reset, ""));
        recorder.session_abandoned(SessionNumber(3), Some(StepIndex(0)));
        let mut everyone = Interval::default();
        everyone.merge(recorder.take());
        let failed = Fate::Failed { step: StepIndex(1), fault: Fault::Reset };
        assert_eq!(
            everyone.fates(),
            [(2, Fate::Completed), (7, failed), (3, Fate::Abandoned { asked: Some(StepIndex(0)) })]
                .map(|(session, fate)| (SessionNumber(session), fate))
        );
        assert!(recorder.take().fates().is_empty(), "each is handed over once");
    }

    #[test]
    fn an_interval_can_cross_threads() {
        fn is_send<T: Send>() {}
        is_send::<Interval>();
        is_send::<Recorder>();
    }
}
