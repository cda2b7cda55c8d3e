//! What all sessions told: counted here by hand, and by the books that a run really keeps.

use std::collections::HashMap;
use std::time::Duration;

use startline::engine::observe::Books;
use startline::fault::Fault;
use startline::measure::acts::{Act, Acts, Announced, Deed};
use startline::measure::ledger::{self, Closing, Homes, Ledger, LedgerTotals, SessionSet};
use startline::measure::propagation::{self, Propagated, Propagation};
use startline::measure::servers::{ServerIndex, ServerNames};
use startline::measure::{CloseEnd, Layout, PingEvent, Recorder, Timed, Totals, Unread};
use startline::members::{MemberId, SessionNumber};
use startline::scenario::every::EveryIndex;
use startline::scenario::presence::Told;
use startline::scenario::{MessageType, Scenario, StepIndex};
use startline::session::{Observer, PingFailed, StepPlaces, Unmatched, Who};
use startline_os::tick::{TICK_MICROS, Tick, Ticks};

/// What all sessions told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub opened: u64,
    pub closed: u64,
    pub completed: u64,
    pub abandoned: u64,
    pub failures: Vec<(u32, u8, Fault)>,
    pub due: u64,
    pub sent: u64,
    pub missed: u64,
    pub missed_waits: u64,
    pub answered: u64,
    pub timed_out: u64,
    pub late: u64,
    pub unasked: u64,
    pub pending: u64,
    pub messages: u64,
    pub reconnected: u64,
    pub requested: u64,
    /// Of these, on a connection that had carried an answer.
    pub reused: u64,
    pub listed: u64,
    pub entered: u64,
    pub error_messages: u64,
    pub held_ticks: u64,
    /// Closing handshakes: clean, cut, timed out.
    pub closes: [u64; 3],
    /// Successes by step; PINGs are the fifth.
    pub steps: [u64; 5],
}

/// The tally, and beside it what a run keeps.
pub struct Witness {
    pub tally: Tally,
    books: Books,
    totals: Totals,
    /// When each session's upgrade was sent.
    entered_at: HashMap<SessionNumber, Tick>,
}

impl Default for Witness {
    fn default() -> Self {
        let scenario = Scenario::runnity();
        let layout = Layout::of(&scenario);
        Self {
            tally: Tally::default(),
            books: Books {
                members: super::script().members,
                members_return: false,
                recorder: Recorder::new(&layout),
                servers: ServerNames::default(),
                propagation: None,
                updates: None,
                heard: None,
                finished: 0,
                absences: Default::default(),
                ledger: None,
                at: Duration::ZERO,
                from: None,
                unmatched: None,
                places: StepPlaces::of(&scenario),
                heartbeats: layout.every.iter().map(|every| every.step).collect(),
            },
            totals: Totals::new(&layout),
            entered_at: HashMap::new(),
        }
    }
}

impl Witness {
    /// Keeps pairs from now on.
    pub fn keep(&mut self, ledger: Ledger) {
        self.books.ledger = Some(ledger);
    }

    /// Times announcements from now on.
    pub fn time_announcements(&mut self, sessions: u32) {
        let all: Vec<SessionNumber> = (0..sessions).map(SessionNumber).collect();
        let shared = propagation::Shared::new(Acts::new(sessions), sessions, &all, 1);
        self.books.propagation = Propagation::new(shared, self.books.members.clone(), sessions, 0);
    }

    /// How long they took until now; what comes later counts no more.
    pub fn close_propagation(&mut self) -> Propagated {
        let Some(mut propagation) = self.books.propagation.take() else { return Propagated::default() };
        let all: Vec<SessionNumber> = self.entered_at.keys().copied().collect();
        let last = self.entered_at.values().copied().reduce(|a, b| if a.reached(b) { a } else { b });
        propagation.close(all.into_iter(), last.unwrap_or_default());
        propagation.take(&self.books.servers)
    }

    /// When a session's upgrade was sent.
    pub fn entered_at(&self, session: usize) -> Tick {
        self.entered_at[&SessionNumber(session as u32)]
    }

    pub fn started(&mut self) {
        self.books.recorder.session_started(Ticks::ZERO);
        // As a worker does each second: nothing may be lost between two intervals.
        if self.tally.opened.is_multiple_of(7) {
            self.totals.add(&self.books.recorder.take());
        }
    }

    /// Judges the pairs of those who are open.
    pub fn close_ledger(&mut self, open: &SessionSet) -> Option<LedgerTotals> {
        let closing = Closing { open, homes: &Homes::default(), stalls: &[], told: Told::ALL };
        Some(ledger::close(&[self.books.ledger.take()?], &closing))
    }

    /// What a run would report is what was told.
    #[track_caller]
    pub fn check(&mut self, seed: u64, started: u64) {
        self.totals.add(&self.books.recorder.take());
        let totals = &self.totals;
        totals.check().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        let (counts, tally) = (&totals.tally().counts, &self.tally);
        let pairs = [
            ("started", counts.started, started),
            ("opened", counts.opened, tally.opened),
            ("closed", counts.closed, tally.closed),
            ("failed", counts.failed, tally.failures.len() as u64),
            ("abandoned", counts.abandoned, tally.abandoned),
            ("reconnected", counts.reconnected, tally.reconnected),
            ("requested", counts.http_requests, tally.requested),
            ("of these on a kept connection", counts.http_reused, tally.reused),
            ("error messages", counts.error_messages, tally.error_messages),
            ("PINGs due", counts.beats.due, tally.due),
            ("sent", counts.beats.sent, tally.sent),
            ("missed", counts.beats.missed, tally.missed),
            ("answered", counts.beats.answered, tally.answered),
            ("timed out", counts.beats.timed_out, tally.timed_out),
            ("late", counts.beats.late, tally.late),
            ("pending", counts.beats.pending, tally.pending),
            ("unasked", counts.beats.unasked, tally.unasked),
            ("messages", counts.messages, tally.messages),
            ("held", counts.held_ticks, tally.held_ticks),
            ("clean closes", counts.closes_clean, tally.closes[0]),
            ("cut", counts.closes_cut, tally.closes[1]),
            ("timed out", counts.closes_timed_out, tally.closes[2]),
        ];
        for (what, reported, told) in pairs {
            assert_eq!(reported, told, "seed {seed}: {what}: reported and told");
        }
        // A step's latencies are as many as its successes.
        for (step, succeeded) in self.tally.steps.iter().enumerate() {
            let recorded = totals.tally().step(step).map_or(0, |step| step.from_due.count());
            assert_eq!(recorded, *succeeded, "seed {seed}: latencies of step {step}");
        }
        // Whoever connected had sent its ticket once, and before the step was over.
        let (tickets, connect) = (&totals.tally().ticket_age, totals.tally().step(2));
        let connected = connect.map_or(0, |step| step.from_due.count());
        assert!((connected..=started).contains(&tickets.count()), "seed {seed}: {} tickets", tickets.count());
        if connected == tickets.count() {
            assert!(
                tickets.max() <= connect.and_then(|step| step.from_due.max()),
                "seed {seed}: older than the step"
            );
        }
    }
}

impl Observer for Witness {
    fn step_ok(&mut self, step: StepIndex, timed: Timed) {
        self.tally.steps[step.index()] += 1;
        self.books.step_ok(step, timed);
        assert!(timed.from_due >= timed.from_sent, "nothing is sent before it is due");
    }
    fn requested(&mut self, reused: bool) {
        self.books.requested(reused);
        self.tally.requested += 1;
        self.tally.reused += u64::from(reused);
    }
    fn reconnected(&mut self, who: Who) {
        self.books.reconnected(who);
        self.tally.reconnected += 1;
    }
    fn routed(&mut self, who: Who, url: &str) -> ServerIndex {
        assert_eq!(url, "ws://sim:8080/ws/ws1");
        self.books.routed(who, url)
    }
    fn ticket_sent(&mut self, age: Ticks) {
        self.books.ticket_sent(age);
    }
    fn opened(&mut self, who: Who, server: ServerIndex) {
        assert_ne!(server, ServerIndex::NONE);
        self.books.opened(who, server);
        self.tally.opened += 1;
    }
    fn message(&mut self, bytes: u64) {
        self.books.message(bytes);
        self.tally.messages += 1;
    }
    fn compression_agreed(&mut self) {}
    fn inflated(&mut self, _compressed: u64, _inflated: u64) {}
    fn record(&mut self, kind: MessageType) {
        self.books.record(kind);
    }
    fn answered(&mut self, kind: MessageType) {
        self.books.answered(kind);
    }
    fn aged(&mut self, kind: MessageType, server: ServerIndex, micros: i64) {
        self.books.aged(kind, server, micros);
    }
    fn numbered(&mut self, kind: MessageType, missing: u64, again: bool) {
        self.books.numbered(kind, missing, again);
    }
    fn unread(&mut self, kind: MessageType, what: Unread) {
        self.books.unread(kind, what);
    }
    fn listed(&mut self, who: Who, member_id: MemberId) {
        self.books.listed(who, member_id);
        self.tally.listed += 1;
    }
    fn acted(&mut self, who: Who, act: Act) {
        if act.deed == Deed::ENTER {
            let before = self.entered_at.insert(who.session, act.at);
            assert!(before.is_none() || act.at.reached(before.unwrap_or_default()), "time goes on");
        }
        self.books.acted(who, act);
    }
    fn announced(&mut self, who: Who, server: ServerIndex, told: Announced) {
        self.books.announced(who, server, told);
        self.tally.entered += u64::from(told.deed == Deed::ENTER);
    }
    fn error_message(&mut self, who: Who, server: ServerIndex, fault: Fault, evidence: &[u8]) {
        self.books.error_message(who, server, fault, evidence);
        self.tally.error_messages += 1;
    }
    fn ping(&mut self, who: Who, every: EveryIndex, event: PingEvent) {
        self.books.ping(who, every, event);
        match event {
            PingEvent::Due => self.tally.due += 1,
            PingEvent::Missed { .. } => self.tally.missed += 1,
            PingEvent::MissedWaited(_) => self.tally.missed_waits += 1,
            PingEvent::Sent => self.tally.sent += 1,
            PingEvent::Answered { .. } => {
                self.tally.answered += 1;
                self.tally.steps[4] += 1;
            }
            PingEvent::TimedOut { .. } => self.tally.timed_out += 1,
            PingEvent::Late => self.tally.late += 1,
            PingEvent::Unasked => self.tally.unasked += 1,
            PingEvent::Pending => self.tally.pending += 1,
        }
    }
    fn ping_failed(&mut self, who: Who, every: EveryIndex, server: ServerIndex, failed: PingFailed<'_>) {
        self.books.ping_failed(who, every, server, failed);
    }
    fn wants_unmatched(&self) -> bool {
        self.books.wants_unmatched()
    }
    fn unmatched(&mut self, who: Who, message: Unmatched<'_>) {
        self.books.unmatched(who, message);
    }
    fn closed(&mut self, who: Who, server: ServerIndex, held: Duration) {
        self.books.closed(who, server, held);
        self.tally.closed += 1;
        self.tally.held_ticks += held.as_micros() as u64 / TICK_MICROS;
    }
    fn joined(&mut self) {
        self.books.joined();
    }
    fn close_ended(&mut self, end: CloseEnd) {
        self.books.close_ended(end);
        self.tally.closes[end as usize] += 1;
    }
    fn completed(&mut self, who: Who) {
        self.books.completed(who);
        self.tally.completed += 1;
    }
    fn failed(&mut self, who: Who, server: ServerIndex, step: StepIndex, fault: Fault, evidence: &[u8]) {
        self.books.failed(who, server, step, fault, evidence);
        self.tally.failures.push((who.session.0, step.0, fault));
    }
    fn abandoned(&mut self, who: Who, asked: Option<StepIndex>) {
        self.books.abandoned(who, asked);
        self.tally.abandoned += 1;
    }
}
