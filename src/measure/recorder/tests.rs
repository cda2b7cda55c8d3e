//! What one worker records adds up, in one account each.

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
        reconnects: false,
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
    recorder.session_closed(Duration::from_secs(2));
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
