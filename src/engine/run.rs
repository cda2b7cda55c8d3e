//! A whole run: workers spawned, phases gone through, results handed over.
//!
//! Decides when, never whether the servers did well. Invariant: whatever happens to a worker, what the others
//! measured comes back in the [`Outcome`].

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::arrivals::Arrivals;
use super::clock::Clock;
use super::control::{Message, Shared, WorkerLink};
use super::observe::Books;
use super::worker::Worker;
use super::{Addresses, WorkerSetup, affinity};
use crate::measure::ledger::{self, Ledger, LedgerTotals, SessionSet};
use crate::measure::{Interval, Layout, Recorder, Totals, process};
use crate::plan::{End, Plan};
use crate::report::Phase;
use crate::session::Script;
use crate::session::script::Delays;
use crate::tick::Ticks;

/// Between two looks at the run's state.
const LOOK: Duration = Duration::from_millis(20);
/// From everyone ready to the first arrival: time for all workers to be at their loops.
const LEAD: Duration = Duration::from_millis(50);
/// How long a second is held back for workers that are late with theirs.
const WORKERS_LATE: Duration = Duration::from_millis(500);
/// The ramp-down of a run that was stopped, at most.
const STOPPED_RAMP_DOWN: Duration = Duration::from_secs(2);
/// How long past the last deadline of a ramp-down workers may take to finish.
const FINISH_SLACK: Duration = Duration::from_secs(5);

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A worker could not make its poll or thread.
    #[error("a worker could not start: {0}")]
    Worker(String),
}

/// What is told once a second.
#[derive(Debug)]
pub struct Second<'a> {
    /// Since the run's start.
    pub elapsed: Duration,
    /// Where the run stands.
    pub phase: Phase,
    /// Everything up to the close of accounts, so far.
    pub totals: &'a Totals,
    /// What workers handed over since the last time, together.
    pub interval: &'a Interval,
    /// Sessions that have begun.
    pub started: u32,
    /// Sessions open now.
    pub open: u32,
    /// Sessions that should have started by now.
    pub planned: u32,
    /// How the run stands; what is not known yet is 0 or `None`.
    pub standing: Standing,
}

/// What the control thread itself sees of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// When the first session really started, since the run's start.
    pub first_start: Option<Duration>,
    /// When the last session so far really started.
    pub last_start: Option<Duration>,
    /// The hold so far.
    pub hold_took: Duration,
    /// Most sessions open at once.
    pub peak: u32,
    /// Fewest sessions open in the hold so far; `None` before it began.
    pub min_in_hold: Option<u32>,
    /// Sessions open, summed over the seconds of the hold.
    pub held_seconds: f64,
    /// Resident bytes with workers up and no session made.
    pub rss_bytes_at_start: u64,
    /// Resident bytes as last read before accounts closed.
    pub rss_bytes: u64,
    /// Sessions open at that reading.
    pub open_at_rss: u32,
    /// CPU seconds of the process from the run's start to that reading.
    pub cpu_seconds: f64,
}

/// What the ramp-down was; reported, not judged.
#[derive(Debug)]
pub struct RampDownOutcome {
    /// Everything recorded since accounts closed.
    pub totals: Totals,
    /// How long it took.
    pub took: Duration,
}

/// What a run was.
#[derive(Debug)]
pub struct Outcome {
    /// Everything up to the close of accounts.
    pub totals: Totals,
    /// The pairs, if kept.
    pub ledger: Option<LedgerTotals>,
    /// The ramp-down.
    pub ramp_down: RampDownOutcome,
    /// What the control thread saw, up to the close of accounts.
    pub standing: Standing,
    /// Sessions open when accounts closed.
    pub held_to_end: u32,
    /// Why the run ended early, if it did.
    pub stopped: Option<String>,
    /// Spills that sessions did not give back; anything but 0 is a defect of ours.
    pub spills_left: usize,
}

/// Plays a plan. `stop` is asked every 20 ms and ends the run early with its reason; `told` is called once a second.
///
/// # Errors
/// [`EngineError`] before the first socket opens; nothing later.
pub fn run(
    plan: &Plan,
    addresses: &Addresses,
    hosts: Vec<String>,
    stop: &dyn Fn() -> Option<String>,
    told: &mut dyn FnMut(&Second<'_>),
) -> Result<Outcome, EngineError> {
    let script = script_of(plan, hosts);
    let layout = layout_of(plan);
    let clock = Clock::start();
    let shared = Shared::new(plan.workers);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for worker in 0..plan.workers {
            let link = WorkerLink { worker, shared: Arc::clone(&shared), sender: sender.clone() };
            let (script, layout) = (&script, &layout);
            let spawned = thread::Builder::new()
                .name(format!("worker-{worker}"))
                .spawn_scoped(scope, move || work(worker, plan, script, addresses, layout, clock, link));
            if let Err(error) = spawned {
                shared.start(None);
                return Err(EngineError::Worker(error.to_string()));
            }
        }
        drop(sender);
        let mut control = Control::new(plan, &layout, clock, Arc::clone(&shared));
        control.gather_workers(&receiver)?;
        control.go(&receiver, stop, told);
        Ok(control.outcome())
    })
}

fn work(
    worker: usize,
    plan: &Plan,
    script: &Script,
    addresses: &Addresses,
    layout: &Layout,
    clock: Clock,
    link: WorkerLink,
) {
    affinity::pin(worker);
    let arrivals = Arrivals {
        sessions: plan.sessions,
        ramp: plan.ramp,
        first: worker as u32,
        stride: plan.workers as u32,
    };
    let books = Books {
        recorder: Recorder::new(layout),
        ledger: ledger_of(plan, worker),
        at: Duration::ZERO,
        last_step: layout.steps.len().saturating_sub(1) as u8,
    };
    let seed = plan.seed ^ (worker as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let setup = WorkerSetup { script, members: &plan.members, addresses, arrivals, books, seed };
    let failures = WorkerLink { worker, shared: Arc::clone(&link.shared), sender: link.sender.clone() };
    let outcome = Worker::new(setup, link, clock).and_then(Worker::run);
    if let Err(error) = outcome {
        failures.broken(error.to_string());
    }
}

fn ledger_of(plan: &Plan, worker: usize) -> Option<Ledger> {
    let announces = plan.scenario.websocket.as_ref().is_some_and(|it| it.subject_path.is_some());
    if !announces || plan.no_broadcast {
        return None;
    }
    let observers: Vec<u32> = ledger::observers(plan.sessions)
        .into_iter()
        .filter(|session| *session as usize % plan.workers == worker)
        .collect();
    Some(Ledger::new(Arc::clone(&plan.members), plan.sessions, &observers))
}

fn script_of(plan: &Plan, hosts: Vec<String>) -> Script {
    let default_port = if plan.target.scheme == "https" { 443 } else { 80 };
    let host = match plan.target.host.contains(':') {
        true => format!("[{}]", plan.target.host),
        false => plan.target.host.clone(),
    };
    let authority = match plan.target.port {
        port if port == default_port => host,
        port => format!("{host}:{port}"),
    };
    Script {
        scenario: Arc::clone(&plan.scenario),
        authority,
        hosts,
        port: plan.target.port,
        ws_map: plan.ws_map.clone(),
        record_interval: plan.record_interval.map(Ticks::from_duration),
        quit: plan.end == End::Quit,
        delays: Delays::of(&plan.scenario),
    }
}

/// What there is to count in a plan.
pub fn layout_of(plan: &Plan) -> Layout {
    let messages = plan.scenario.websocket.as_ref().map(|it| &it.messages[..]).unwrap_or_default();
    Layout {
        steps: plan.scenario.step_names(),
        messages: messages.iter().map(|rule| rule.name.clone()).collect(),
    }
}

/// The control thread's state.
struct Control<'p> {
    plan: &'p Plan,
    clock: Clock,
    shared: Arc<Shared>,
    started_at: Duration,
    phase: Phase,
    phase_began: Duration,
    totals: Totals,
    after: Totals,
    /// Intervals since the last second was told.
    fresh: Interval,
    accounts: Vec<Option<WorkerAccounts>>,
    finished: usize,
    told_seconds: u64,
    /// Workers that have handed over since the last second was told.
    heard_seconds: usize,
    closed_at: Duration,
    ramp_down_span: Duration,
    standing: Standing,
    /// When sessions were last counted.
    counted_at: Duration,
    cpu_at_start: f64,
    stopped: Option<String>,
    spills_left: usize,
}

struct WorkerAccounts {
    ledger: Option<Ledger>,
    open: SessionSet,
}

impl<'p> Control<'p> {
    fn new(plan: &'p Plan, layout: &'p Layout, clock: Clock, shared: Arc<Shared>) -> Self {
        Self {
            plan,
            clock,
            shared,
            started_at: Duration::ZERO,
            phase: Phase::Ramp,
            phase_began: Duration::ZERO,
            totals: Totals::new(layout),
            after: Totals::new(layout),
            fresh: Interval::default(),
            accounts: (0..plan.workers).map(|_| None).collect(),
            finished: 0,
            told_seconds: 0,
            heard_seconds: 0,
            closed_at: Duration::ZERO,
            ramp_down_span: Duration::ZERO,
            standing: Standing::default(),
            counted_at: Duration::ZERO,
            cpu_at_start: 0.0,
            stopped: None,
            spills_left: 0,
        }
    }

    /// Waits until every worker is ready, then sets the start.
    fn gather_workers(&mut self, receiver: &mpsc::Receiver<(usize, Message)>) -> Result<(), EngineError> {
        for _ in 0..self.plan.workers {
            match receiver.recv() {
                Ok((_, Message::Ready)) => {}
                Ok((_, Message::Broken(why))) => {
                    self.shared.start(None);
                    return Err(EngineError::Worker(why));
                }
                other => {
                    self.shared.start(None);
                    return Err(EngineError::Worker(format!("unexpected {other:?}")));
                }
            }
        }
        self.standing.rss_bytes_at_start = process::rss_bytes();
        self.cpu_at_start = process::cpu_seconds();
        self.started_at = self.clock.elapsed() + LEAD;
        self.shared.start(Some(self.started_at));
        Ok(())
    }

    fn go(
        &mut self,
        receiver: &mpsc::Receiver<(usize, Message)>,
        stop: &dyn Fn() -> Option<String>,
        told: &mut dyn FnMut(&Second<'_>),
    ) {
        while self.finished < self.plan.workers {
            match receiver.recv_timeout(LOOK) {
                Ok((worker, message)) => self.hear(worker, message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.stopped.is_none()
                && self.phase != Phase::RampDown
                && let Some(why) = stop()
            {
                self.stop(why);
            }
            self.step();
            self.tell(told);
            if self.phase == Phase::RampDown && self.at() > self.closed_at + self.finish_within() {
                self.stopped.get_or_insert("workers did not finish their ramp-down in time".to_owned());
                break;
            }
        }
        self.tell_now(told);
    }

    fn at(&self) -> Duration {
        self.clock.elapsed().saturating_sub(self.started_at)
    }

    fn hear(&mut self, worker: usize, message: Message) {
        match message {
            Message::Ready => {}
            Message::Second(interval) => {
                self.heard_seconds += 1;
                self.account_for(worker).add(&interval);
                self.fresh.merge(interval);
            }
            Message::Accounts { interval, ledger, open } => {
                self.totals.add(&interval);
                self.fresh.merge(interval);
                self.accounts[worker] = Some(WorkerAccounts { ledger, open });
            }
            Message::Finished { interval, spills_left } => {
                self.after.add(&interval);
                self.spills_left += spills_left;
                self.finished += 1;
            }
            Message::Broken(why) => {
                self.finished += 1;
                self.stop(format!("worker {worker} could not go on: {why}"));
            }
        }
    }

    /// A worker's intervals belong to the judged part until it has closed its accounts.
    fn account_for(&mut self, worker: usize) -> &mut Totals {
        if self.accounts[worker].is_some() { &mut self.after } else { &mut self.totals }
    }

    fn stop(&mut self, why: String) {
        self.stopped.get_or_insert(why);
        if self.phase != Phase::RampDown {
            self.close(self.plan.ramp_down.min(STOPPED_RAMP_DOWN));
        }
    }

    fn close(&mut self, span: Duration) {
        self.read_process();
        self.enter(Phase::RampDown);
        self.closed_at = self.at();
        self.ramp_down_span = span;
        self.shared.ramp_down(span);
    }

    /// Reads what the process uses; the last reading before accounts close is the result's.
    fn read_process(&mut self) {
        if self.phase != Phase::RampDown {
            self.standing.rss_bytes = process::rss_bytes();
            self.standing.open_at_rss = self.shared.open();
            self.standing.cpu_seconds = (process::cpu_seconds() - self.cpu_at_start).max(0.0);
        }
    }

    /// Counts the sessions that are open; time that they were open since the last count is held time.
    fn count(&mut self) -> u32 {
        let (open, at) = (self.shared.open(), self.at());
        let since = at.saturating_sub(self.counted_at);
        self.counted_at = at;
        self.standing.peak = self.standing.peak.max(open);
        if self.phase == Phase::Hold {
            self.standing.held_seconds += since.as_secs_f64() * f64::from(open);
            self.standing.hold_took = at - self.phase_began;
            self.standing.min_in_hold = Some(self.standing.min_in_hold.map_or(open, |least| least.min(open)));
        }
        if self.phase != Phase::RampDown {
            (self.standing.first_start, self.standing.last_start) = self.shared.starts();
        }
        open
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.phase_began = self.at();
    }

    /// Moves to the next phase when its time has come.
    fn step(&mut self) {
        let open = self.count();
        match self.phase {
            Phase::Ramp if self.at() >= self.plan.ramp => self.enter(Phase::Settle),
            Phase::Settle if self.shared.settled() >= self.plan.sessions => {
                self.enter(Phase::Hold);
                self.standing.min_in_hold = Some(open);
            }
            Phase::Hold => {
                let nothing_to_hold = self.plan.scenario.websocket.is_none();
                if nothing_to_hold || self.at() >= self.phase_began + self.plan.hold {
                    self.close(self.plan.ramp_down);
                }
            }
            _ => {}
        }
    }

    /// Tells each second once, when every worker has handed it over, or has had the time to.
    fn tell(&mut self, told: &mut dyn FnMut(&Second<'_>)) {
        let due = Duration::from_secs(self.told_seconds + 1);
        let everyone = self.heard_seconds >= self.plan.workers;
        if self.at() >= due && (everyone || self.at() >= due + WORKERS_LATE) {
            self.told_seconds = self.at().as_secs();
            self.heard_seconds = 0;
            self.tell_now(told);
        }
    }

    fn tell_now(&mut self, told: &mut dyn FnMut(&Second<'_>)) {
        self.read_process();
        let elapsed = self.at();
        told(&Second {
            elapsed,
            phase: self.phase,
            totals: &self.totals,
            interval: &self.fresh,
            started: self.shared.started(),
            open: self.shared.open(),
            planned: planned_by(self.plan, elapsed),
            standing: self.standing,
        });
        self.fresh = Interval::default();
    }

    fn finish_within(&self) -> Duration {
        let close = self.plan.scenario.websocket.as_ref().map_or(Duration::ZERO, |it| it.close_timeout);
        self.ramp_down_span + close + FINISH_SLACK
    }

    fn outcome(mut self) -> Outcome {
        let mut everyone = SessionSet::new(self.plan.sessions);
        for accounts in self.accounts.iter().flatten() {
            everyone.union(&accounts.open);
        }
        let held_to_end = everyone.len();
        let mut ledger: Option<LedgerTotals> = None;
        for accounts in self.accounts.iter_mut().flatten() {
            if let Some(pairs) = accounts.ledger.take() {
                ledger.get_or_insert_default().add(&pairs.close(&everyone));
            }
        }
        // The accounts count exactly; what was published in between is a look every 20 ms.
        self.standing.peak = self.standing.peak.max(held_to_end);
        self.standing.min_in_hold = self.standing.min_in_hold.map(|least| least.min(held_to_end));
        Outcome {
            ledger,
            ramp_down: RampDownOutcome { took: self.at().saturating_sub(self.closed_at), totals: self.after },
            standing: self.standing,
            held_to_end,
            stopped: self.stopped,
            spills_left: self.spills_left,
            totals: self.totals,
        }
    }
}

/// Sessions that should have started by now.
fn planned_by(plan: &Plan, elapsed: Duration) -> u32 {
    if elapsed >= plan.ramp {
        return plan.sessions;
    }
    (elapsed.as_secs_f64() / plan.ramp.as_secs_f64() * f64::from(plan.sessions)) as u32
}
