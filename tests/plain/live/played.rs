//! A run of 6,000 sessions, second by second, as the control thread would have shown it to the
//! view.

use std::sync::Arc;
use std::time::Duration;

use startline::fault::Fault;
use startline::live::frame::Frame;
use startline::live::model::Model;
use startline::measure::{Phase, PingEvent, Recorder, Timed, Totals};
use startline::plan::Plan;
use startline::report::files::Second;
use startline::report::view::Snapshot;
use startline::report::{Ending, RunResult};
use startline::scenario::every::EveryIndex;
use startline::scenario::{MessageType, StepIndex};

use crate::report::fixture::{ENTER, LOGIN, Run, bucket, came, layout, member, micros};

/// Sessions that begin in each second of the ramp.
const ARRIVALS: u32 = 25;
/// Seconds of the ramp.
pub const RAMP_S: u64 = 240;
/// Seconds between two PINGs of a session.
const PING_S: u64 = 30;

/// A run under way, and what its view has made of it.
pub struct Played {
    run: Run,
    totals: Totals,
    pub model: Model,
    at: u64,
    started: u32,
    open: u64,
    /// Whether servers fail from now on.
    pub in_trouble: bool,
}

impl Played {
    /// Before its first second.
    pub fn new() -> Self {
        let mut run = Run::without_pings();
        run.recorder = Recorder::new(&layout());
        run.facts.ending = Ending::Running;
        (run.facts.ledger, run.facts.ramp_down) = (None, None);
        (run.facts.hold_actual, run.facts.min_in_hold) = (Duration::ZERO, None);
        run.plan.scenario = Arc::new(run.scenario.clone());
        let model = Model::new(&run.plan);
        Self { run, totals: Totals::new(&layout()), model, at: 0, started: 0, open: 0, in_trouble: false }
    }

    /// Plays the ramp and the hold up to this second.
    pub fn until(mut self, second: u64) -> Self {
        while self.at < second {
            self.at += 1;
            let is_ramp = self.at <= RAMP_S;
            if is_ramp {
                (0..ARRIVALS).for_each(|_| self.arrives());
            }
            self.beats();
            self.shown(if is_ramp { Phase::Ramp } else { Phase::Hold });
        }
        self
    }

    /// The run is asked to end.
    pub fn leaves(mut self) -> Self {
        self.at += 1;
        self.open /= 2;
        self.shown(Phase::RampDown);
        self
    }

    fn arrives(&mut self) {
        let (number, recorder) = (self.started, &mut self.run.recorder);
        self.started += 1;
        recorder.session_started(micros(200));
        for step in 0..4 {
            if self.in_trouble && step == 1 && number % 5 == 0 {
                return self.run.fail(ENTER, Fault::HttpStatus(502), "Bad Gateway");
            }
            if self.in_trouble && step == 0 && number % 25 == 1 {
                return self.run.fail(LOGIN, Fault::ConnectRefused, "");
            }
            let latency = 4_000 * (step + 1) + u64::from(number % 100) * 100;
            recorder.step_ok(StepIndex(step as u8), timed(latency + 200, latency));
        }
        let server = ["wss://ws.runnity.example/ws/ws1", "wss://ws.runnity.example/ws/ws2"][bucket(number)];
        recorder.routing().record(server, member(number), 38);
        recorder.routing().opened(server, Duration::from_secs(1));
        recorder.session_opened();
        came(recorder, MessageType(0), 20_000);
        self.open += 1;
        (0..self.open / 100).for_each(|_| came(recorder, MessageType(1), 140));
    }

    /// What open sessions do in a second.
    fn beats(&mut self) {
        let recorder = &mut self.run.recorder;
        for number in 0..self.open / PING_S {
            recorder.ping(EveryIndex(0), PingEvent::Due);
            recorder.ping(EveryIndex(0), PingEvent::Sent);
            if self.in_trouble && number % 10 == 0 {
                recorder.ping(EveryIndex(0), PingEvent::TimedOut { stalled: false });
                continue;
            }
            let latency = 3_000 + (self.at % 17) * 900 + number * 20;
            recorder.ping(EveryIndex(0), PingEvent::Answered(timed(latency + 300, latency)));
            came(recorder, MessageType(2), 40);
        }
        recorder.lag(micros(200 + self.at % 7 * 40));
        recorder.bytes(400_000, 30_000);
    }

    fn shown(&mut self, phase: Phase) {
        let at = Duration::from_secs(self.at);
        if phase == Phase::Hold {
            self.run.facts.hold_actual = at - Duration::from_secs(RAMP_S);
            self.run.facts.min_in_hold = Some(self.run.facts.min_in_hold.unwrap_or(self.open).min(self.open));
        }
        self.run.facts.last_start = Some(at.min(Duration::from_secs(RAMP_S)) - Duration::from_millis(40));
        self.run.facts.open_at_rss = self.open;
        let interval = self.run.recorder.take();
        self.totals.add(&interval);
        let second = Second {
            start: at - Duration::from_secs(1),
            end: at,
            ended_at: self.run.facts.started_at + at,
            is_after: phase == Phase::RampDown,
            phase,
            planned: u64::from(ARRIVALS) * self.at.min(RAMP_S),
            paused: Duration::ZERO,
            open: self.open,
            cpu_seconds: 0.42,
            rss_bytes: self.run.facts.rss_in_hold,
            totals: &self.totals,
            expected_servers: None,
        };
        let (plan, result): (&Plan, RunResult) = (&self.run.plan, self.run.built(&self.totals));
        let snapshot = Snapshot {
            plan,
            paused: None,
            phase,
            elapsed: at,
            started: u64::from(self.started),
            second: &second,
            interval: &interval,
            result: &result,
        };
        self.model.take(Frame::of(&snapshot));
        self.model.workers = vec![0.05 + self.at as f64 % 7.0 / 100.0; 8];
    }
}

fn timed(from_due: u64, from_sent: u64) -> Timed {
    Timed { from_due: micros(from_due), from_sent: micros(from_sent), stalled: false }
}
