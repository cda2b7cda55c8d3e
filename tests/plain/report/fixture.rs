//! Runs that never were: recorders told what a run of 6,000 sessions would have told them.

use std::sync::Arc;
use std::time::Duration;

use startline::fault::{Blame, Fault, NamedFault};
use startline::measure::acts::{Act, Acts, Announced, Deed, Key};
use startline::measure::ledger::{
    LedgerCounts, LedgerTotals, Leg, Owed, Reach, Receivers, Shape, Slice, Spread, Stages,
};
use startline::measure::propagation::{self, Propagated, Propagation};
use startline::measure::servers::ServerNames;
use startline::measure::{
    AnnouncedName, EveryName, FaultSample, Interval, Layout, PingEvent, Recorder, SourceCounts, Timed, Totals,
};
use startline::members::{MemberId, Members, SessionNumber};
use startline::plan::capacity::Limits;
use startline::plan::roster::Roster;
use startline::plan::{Plan, ScenarioSettings, Settings, Target};
use startline::report::{Ending, Facts, RampDownFacts, RunResult};
use startline::scenario::every::EveryIndex;
use startline::scenario::template::Template;
use startline::scenario::{Criterion, Good, HttpStep, MessageType, Scenario, StepIndex, WebSocket};
use startline_os::process::Host;
use startline_os::tick::{Tick, Ticks};

pub const LOGIN: StepIndex = StepIndex(0);
pub const ENTER: StepIndex = StepIndex(1);
pub const CONNECT: StepIndex = StepIndex(2);
pub const OPEN: StepIndex = StepIndex(3);
pub const HOLD: StepIndex = StepIndex(5);

/// A run to be judged; change what the test is about, then [`Run::result`].
pub struct Run {
    pub recorder: Recorder,
    pub facts: Facts,
    pub plan: Plan,
    pub scenario: Scenario,
}

impl Run {
    /// 6,000 sessions that all opened and were held, PINGs answered; every criterion met.
    pub fn good() -> Self {
        let mut run = Self::without_pings();
        (0..60_000).for_each(|_| answered_ping(&mut run.recorder, 4_000));
        run
    }

    /// The same before any PING was due.
    pub fn without_pings() -> Self {
        let mut recorder = Recorder::new(&layout());
        for session in 0..6000u32 {
            recorder.session_started(micros(200));
            for step in 0..4 {
                let latency = 10_000 * (u64::from(step) + 1) + u64::from(session % 100) * 100;
                recorder.step_ok(StepIndex(step), timed_of(latency + 200, latency));
            }
            let server = ["wss://a.example/ws/1", "wss://b.example/ws/2"][bucket(session)];
            recorder.routing().record(server, member(session), 38);
            recorder.routing().opened(server, Duration::from_millis(40 * u64::from(session)));
            recorder.session_opened();
        }
        (0..60_000).for_each(|_| recorder.lag(micros(300)));
        recorder.turn(micros(900));
        recorder.bytes(2_000_000_000, 40_000_000);
        Self { recorder, facts: facts(), plan: plan(), scenario: scenario() }
    }

    /// A session fails in a step.
    pub fn fail(&mut self, step: StepIndex, fault: Fault, evidence: &str) {
        let at = Duration::from_millis(12_300);
        self.recorder.failed(FaultSample {
            session: SessionNumber(99),
            member_id: MemberId(112).into(),
            server: None,
            step,
            fault,
            at,
            evidence: evidence.into(),
        });
    }

    /// A PING of an open session comes to this end.
    pub fn ping(&mut self, end: PingEvent) {
        self.recorder.ping(EveryIndex(0), PingEvent::Due);
        if !matches!(end, PingEvent::Missed { .. }) {
            self.recorder.ping(EveryIndex(0), PingEvent::Sent);
        }
        self.recorder.ping(EveryIndex(0), end);
    }

    /// The workers are later than they may be.
    pub fn lag_badly(&mut self) {
        (0..6_000).for_each(|_| self.recorder.lag(micros(900_000)));
    }

    /// Only this criterion.
    pub fn judge_only(&mut self, criterion: Criterion) {
        self.scenario.criteria = vec![criterion];
    }

    pub fn result(mut self) -> RunResult {
        let mut totals = Totals::new(&layout());
        totals.add(&self.recorder.take());
        self.built(&totals)
    }

    /// The result of these totals.
    pub fn built(&self, totals: &Totals) -> RunResult {
        let shape = self.plan.settings.shape();
        let lives = shape.lives();
        let plan = Plan { scenario: Arc::new(self.scenario.clone()), shape, lives, ..self.plan.clone() };
        RunResult::build(totals, &self.facts, &plan)
    }
}

/// A run with something of everything, for what is shown to people.
pub fn rich() -> RunResult {
    let (run, intervals) = rich_run();
    let mut totals = Totals::new(&layout());
    intervals.iter().for_each(|interval| totals.add(interval));
    run.built(&totals)
}

/// The same before it is judged, with what was recorded.
pub fn rich_run() -> (Run, Vec<Interval>) {
    let mut run = Run::good();
    for _ in 0..17_997 {
        (0..1000).for_each(|_| came(&mut run.recorder, MessageType(1), 140));
    }
    (0..6000).for_each(|_| came(&mut run.recorder, MessageType(0), 280_000));
    (0..60_000).for_each(|_| came(&mut run.recorder, MessageType(2), 40));
    came(&mut run.recorder, MessageType::OTHER, 12);
    (0..4000).for_each(|_| {
        run.fail(ENTER, Fault::HttpStatus(502), "<html>\r\n<head><title>502 Bad Gateway</title></head>")
    });
    (0..40).for_each(|_| run.fail(CONNECT, Fault::ConnectRefused, ""));
    run.fail(HOLD, Fault::Cut, "");
    run.fail(HOLD, Fault::Closed(1011), "");
    run.fail(
        ENTER,
        Fault::Named(NamedFault { name: 0, blame: Blame::Server }),
        "{\"isSuccess\":false,\"message\":\"챌린지가 입장 가능한 상태가 아닙니다.\"}",
    );
    (0..3).for_each(|_| run.ping(PingEvent::TimedOut { stalled: false }));
    run.recorder.ping(EveryIndex(0), PingEvent::Late);
    (0..100).for_each(|_| run.recorder.step_ok(LOGIN, timed_of(450_000, 120_000)));
    run.facts.ledger = Some(LedgerTotals {
        observers: 5998,
        members: 6000,
        expected: 35_970_006,
        seen: 35_970_004,
        overlap: 311,
        missing: 2,
        counts: LedgerCounts { duplicate: 1, strangers: 4, ..LedgerCounts::default() },
        missing_samples: vec![
            (MemberId(13).into(), MemberId(14).into()),
            (MemberId(2000).into(), MemberId(2001).into()),
        ],
        gone_while_open: 1,
        gone_samples: vec![MemberId(44).into()],
        shape: shape(5_997, 2, 1),
    });
    run.facts.propagated_after = propagated(2);
    let interval = run.recorder.take().with_propagated(propagated(1));
    (run, vec![interval])
}

/// Broadcasts of two servers, this many of them cut, of which each misses this many receivers.
fn shape(broadcasts: u64, cut: u64, missing: u64) -> Shape {
    let expected = broadcasts * 3_000;
    let all = Reach { broadcasts, cut, lost: 0, owed: Owed { expected, missing: cut * missing } };
    let half = Reach {
        broadcasts: broadcasts / 2,
        cut: cut / 2,
        lost: 0,
        owed: Owed { expected: expected / 2, missing: cut / 2 * missing },
    };
    let loss = (cut, cut * missing);
    let slice = |k: u64| Slice { from: k * 100, to: k * 100 + 100, reach: half };
    let mut tenths = [Owed { expected: expected / 10, missing: 0 }; 10];
    tenths[9].missing = cut * missing;
    Shape {
        reach: all,
        unlisted: 0,
        servers: ["wss://a.example/ws/1", "wss://b.example/ws/2"].map(str::to_owned).to_vec(),
        legs: vec![
            Leg { from: Some(0), to: Some(0), reach: half },
            Leg { from: Some(1), to: Some(1), reach: half },
            Leg { from: None, to: Some(1), reach: Reach::default() },
        ],
        stages: Stages { fan_out: loss, ..Stages::default() },
        receivers: Receivers {
            tenths,
            first: Some(Spread { min: 1, median: 1, max: 7 }),
            last: Some(Spread { min: 1, median: 1_012, max: 2_998 }),
            patterns: [loss, (0, 0), (0, 0), (0, 0)],
        },
        over_time: vec![slice(0), slice(1)],
        workers: vec![Owed { expected: expected / 2, missing: cut * missing / 2 }; 2],
        in_stalls: Reach::default(),
    }
}

/// A run whose servers stopped in the midst of broadcasts.
pub fn lossy() -> RunResult {
    let mut run = Run::good();
    let missing = 2_000 * 1_500;
    run.facts.ledger = Some(LedgerTotals {
        observers: 6_000,
        expected: 35_994_000,
        seen: 35_994_000 - missing,
        missing,
        counts: LedgerCounts { left_unknown: 3, entered_after_left: 2, ..LedgerCounts::default() },
        shape: Shape { unlisted: 12, ..shape(5_999, 2_000, 1_500) },
        ..LedgerTotals::default()
    });
    run.result()
}

/// Sessions 0 and 1, on two servers, enter; four sessions on both learn of it after 1 to 4 ms, or this many
/// times as long.
pub fn propagated(times: u64) -> Propagated {
    const SESSIONS: u32 = 4;
    let observers: Vec<SessionNumber> = (0..SESSIONS).map(SessionNumber).collect();
    let shared = propagation::Shared::new(Acts::new(SESSIONS), SESSIONS, &observers, 1);
    let members = Arc::new(Members::range(MemberId(13), SESSIONS, 38));
    let mut one = Propagation::new(shared, members, SESSIONS, 0).expect("a member each");
    let mut servers = ServerNames::default();
    let servers_of = ["wss://one.example", "wss://two.example"].map(|url| servers.index(url));
    let server = |session: u32| servers_of[session as usize % 2];
    let (deed, key) = (Deed::ENTER, Key::default());
    for actor in 0..2 {
        let act = Act { at: Tick::from_micros(0), server: server(actor), deed, key };
        one.acted(SessionNumber(actor), act);
        for observer in (0..SESSIONS).filter(|observer| *observer != actor) {
            let at = Tick::from_micros(u64::from(observer + 1) * 1_000 * times);
            let told = Announced { deed, member_id: member(actor), key, at };
            one.received(SessionNumber(observer), server(observer), told);
        }
    }
    // Of one that has not acted.
    let told = Announced { deed, member_id: member(2), key, at: Tick::from_micros(0) };
    one.received(SessionNumber(0), server(0), told);
    one.close(observers.into_iter(), Tick::from_micros(1_000_000));
    one.take(&servers)
}

/// A second's interval with a little of everything.
pub fn interval() -> Interval {
    let mut recorder = Recorder::new(&layout());
    recorder.session_started(micros(200));
    recorder.step_ok(LOGIN, timed_of(5_000, 4_000));
    recorder.session_opened();
    answered_ping(&mut recorder, 7_000);
    recorder.lag(micros(160));
    came(&mut recorder, MessageType(1), 140);
    recorder.bytes(1_000, 100);
    let at = Duration::from_millis(1_500);
    let evidence = "line one\nline \"two\"".into();
    let fault = Fault::HttpStatus(503);
    recorder.failed(FaultSample {
        session: SessionNumber(7),
        member_id: MemberId(20).into(),
        server: Some("wss://a.example/ws/1".into()),
        step: ENTER,
        fault,
        at,
        evidence,
    });
    recorder.take().with_propagated(propagated(1))
}

pub fn layout() -> Layout {
    Layout {
        steps: ["login", "enter", "connect", "open", "ping"].map(String::from).to_vec(),
        every: vec![EveryName { name: "ping".into(), step: Some(StepIndex(4)) }],
        messages: ["CONNECTED", "USER_ENTERED", "PONG"].map(String::from).to_vec(),
        figures: Vec::new(),
        updates: true,
        reconnects: false,
        announced: vec![AnnouncedName {
            deed: Deed::ENTER,
            name: "entered".into(),
            kinds: vec!["USER_ENTERED".into()],
        }],
    }
}

pub fn micros(micros: u64) -> Ticks {
    Ticks::from_duration(Duration::from_micros(micros))
}

pub fn criterion(name: &str, measure: &str, good: Good, limit: f64, unit: &str) -> Criterion {
    Criterion {
        name: name.into(),
        measure: measure.into(),
        good,
        limit,
        warn: None,
        unit: unit.into(),
        needs_sessions: None,
        needs_hold: None,
    }
}

pub fn member(session: u32) -> MemberId {
    MemberId(13 + u64::from(session))
}

pub fn bucket(session: u32) -> usize {
    (startline::measure::routing::java_hash(member(session), 38).wrapping_abs() % 2) as usize
}

/// A message that is one record came.
pub fn came(recorder: &mut Recorder, kind: MessageType, bytes: u64) {
    recorder.message(bytes);
    recorder.record(kind);
}

fn answered_ping(recorder: &mut Recorder, latency: u64) {
    recorder.ping(EveryIndex(0), PingEvent::Due);
    recorder.ping(EveryIndex(0), PingEvent::Sent);
    recorder.ping(EveryIndex(0), PingEvent::Answered(timed(latency)));
}

fn facts() -> Facts {
    Facts {
        stages: Vec::new(),
        pauses: Default::default(),
        find_max: Vec::new(),
        version: "0.1.0".into(),
        host: Host {
            kernel: "6.8.0".into(),
            cpu_model: "A CPU".into(),
            cores: 8,
            memory_bytes: 32_000_000_000,
        },
        started_at: "2026-01-31T09:30:00Z".parse().unwrap(),
        port_method: Some("windows".into()),
        sources: vec![(None, SourceCounts { begun: 12_000, unanswered: 0 })],
        hold_actual: Duration::from_secs(1800),
        first_start: Some(Duration::ZERO),
        last_start: Some(Duration::from_millis(239_960)),
        peak: 6000,
        min_in_hold: Some(5998),
        held_to_end: 5998,
        held_seconds: 10_797_000.0,
        away_peak: 0,
        away_seconds: 0.0,
        rss_at_start: 12_000_000,
        rss_in_hold: 12_700_000,
        open_at_rss: 5998,
        cpu_seconds: 61.4,
        ledger: Some(LedgerTotals {
            observers: 6000,
            expected: 35_994_000,
            seen: 35_994_000,
            ..LedgerTotals::default()
        }),
        membership: None,
        missing_updates: Vec::new(),
        watch: None,
        watch_in_step: None,
        propagated_after: Propagated::default(),
        requires_all: false,
        shard: None,
        merged: None,
        watched: None,
        ramp_down: Some(RampDownFacts {
            messages: 17_997_000,
            sent: 0,
            answers: 0,
            closed: 5998,
            clean: 5998,
            cut: 0,
            timed_out: 0,
            took: Duration::from_secs(60),
        }),
        ending: Ending::Finished,
    }
}

fn plan() -> Plan {
    let settings = Settings {
        target: Some("https://runnity.example".into()),
        sessions: 6000,
        members: Roster::range(13, 6012, 38),
        ramp: Duration::from_secs(240),
        hold: Duration::from_secs(1800),
        workers: Some(8),
        time_zone: "UTC".into(),
        scenario: ScenarioSettings::find("runnity").expect("built in"),
        ..Settings::default()
    };
    let target = Target::at("192.0.2.1:443".parse().expect("an address"));
    let limits =
        Limits { descriptors_hard: 20_000, ports: None, loopback_time_wait: Duration::from_secs(60) };
    settings.into_plan(target, &limits).expect("it makes sense")
}

fn scenario() -> Scenario {
    let mut enter = criterion("enter", "steps.enter.p95_ms", Good::Below, 200.0, "ms");
    enter.warn = Some(500.0);
    let mut held = criterion("held-4000", "sessions.min_in_hold", Good::AtLeast, 4000.0, "sessions");
    held.needs_sessions = Some(4000);
    held.needs_hold = Some(Duration::from_secs(1200));
    let mut errors = criterion("error-rate", "errors.rate", Good::Below, 0.001, "%");
    errors.warn = Some(0.01);
    Scenario {
        stages: Vec::new(),
        lifetime: None,
        reentry: true,
        reconnect: None,
        abort_on: Vec::new(),
        takes: 0,
        kept: Vec::new(),
        columns: Vec::new(),
        literal_braces: Vec::new(),
        doubts: Vec::new(),
        name: "runnity".into(),
        source: String::new(),
        plays_on_mock: true,
        cookies: false,
        secrets: Default::default(),
        sends_once: false,
        http: vec![http("login"), http("enter")],
        schedule: None,
        join: None,
        leave: None,
        websocket: Some(websocket()),
        criteria: vec![
            criterion("held", "sessions.min_in_hold_share", Good::AtLeast, 0.999, "%"),
            held,
            errors,
            criterion("login", "steps.login.p95_ms", Good::Below, 100.0, "ms"),
            enter,
            criterion("connect", "steps.connect.p95_ms", Good::Below, 1000.0, "ms"),
            criterion("arrivals", "arrivals.achieved_share", Good::AtLeast, 0.99, "%"),
            criterion("missing", "ledger.missing", Good::AtMost, 0.0, ""),
            criterion("spread", "servers.smallest_share", Good::AtLeast, 0.333, "%"),
        ],
        value_names: vec!["ticket".into()],
        error_names: vec!["CHALLENGE_NOT_READY".into(), "CHALLENGE_NOT_JOINED".into()],
        error_blames: vec![Blame::Server, Blame::Scenario],
    }
}

fn http(name: &str) -> HttpStep {
    HttpStep {
        follow: 0,
        name: name.into(),
        method: "POST".into(),
        path: Template::default(),
        headers: Vec::new(),
        body: None,
        expect: vec![200],
        timeout: Duration::from_secs(40),
        take: Vec::new(),
        marks_member: name == "enter",
        errors: Vec::new(),
    }
}

fn websocket() -> WebSocket {
    Scenario::runnity().websocket.expect("it has one")
}

fn timed(latency: u64) -> Timed {
    timed_of(latency + 100, latency)
}

/// Of these microseconds.
pub fn timed_of(from_due: u64, from_sent: u64) -> Timed {
    Timed { from_due: micros(from_due), from_sent: micros(from_sent), stalled: false }
}
