//! A whole run: workers spawned, phases gone through, results handed over.
//!
//! Decides when, never whether the servers did well. Invariant: whatever happens to a worker, what
//! the others measured comes back in the [`Outcome`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use core_affinity::CoreId;
use startline_os::clock::Clock;
use startline_os::port_range::PortRange;
use startline_os::{descriptors, heap, spawn};

use super::beside::Beside;
use super::control::Control;
use super::hosts::Hosts;
use super::link::{Shared, WorkerLink};
use super::lives::Lives;
use super::observe::{Absences, Books};
use super::outcome::{EngineError, Outcome, Second, Steering};
use super::ports::{self, PortSpace};
use super::secure::Secure;
use super::worker::{Worker, WorkerSetup};
use crate::measure::acts::Acts;
use crate::measure::ledger::{self, Board, Ledger};
use crate::measure::membership::{Heard, Stays};
use crate::measure::propagation::{self, Propagation};
use crate::measure::servers::ServerNames;
use crate::measure::updates::{Recent, Updates};
use crate::measure::{Layout, Recorder};
use crate::members::SessionNumber;
use crate::plan::{Plan, Shape};
use crate::session::script::Delays;
use crate::session::{Rhythm, Script, StepPlaces};

/// Plays a plan. `steering` is asked every 50 ms; `on_second` is called once a second.
///
/// # Errors
/// [`EngineError`] before the first socket opens; nothing later.
pub fn run(
    plan: &Plan,
    hosts: &Hosts,
    steering: &Steering<'_>,
    on_second: &mut dyn FnMut(&Second<'_>),
) -> Result<Outcome, EngineError> {
    run_beside(plan, hosts, steering, on_second, &Beside::alone(plan.workers))
}

/// The same of a part of a run, whose other parts start with it.
///
/// # Errors
/// As [`run`], for every part if one cannot begin.
pub fn run_beside(
    plan: &Plan,
    hosts: &Hosts,
    steering: &Steering<'_>,
    on_second: &mut dyn FnMut(&Second<'_>),
    beside: &Beside,
) -> Result<Outcome, EngineError> {
    let outcome = play(plan, hosts, steering, on_second, beside);
    if outcome.is_err() {
        beside.give_up();
    }
    outcome
}

fn play(
    plan: &Plan,
    hosts: &Hosts,
    steering: &Steering<'_>,
    on_second: &mut dyn FnMut(&Second<'_>),
    beside: &Beside,
) -> Result<Outcome, EngineError> {
    heap::keep_small();
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let script = script_of(plan, hosts.names.clone());
    let layout = layout_of(plan);
    let clock = Clock::start();
    let shape = Arc::new(plan.shape.clone());
    let shared = Shared::new(plan.workers);
    let space = port_space(plan, beside);
    let told = plan.told();
    let board = told.is_any().then(|| Board::new(plan.people()));
    let acts = plan.expects_broadcasts().then(|| Acts::new(plan.people()));
    let stays = told.left.then(|| Stays::new(plan.people()));
    let recent = plan.counts_updates().then(|| Recent::new(plan.people()));
    let propagation = acts.clone().map(|acts| propagation_of(plan, acts));
    let servers = ServerNames::default();
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for worker in 0..plan.workers {
            let link = WorkerLink::new(worker, &shared, &sender);
            let common = Common {
                plan,
                shape: &shape,
                script: &script,
                hosts,
                layout: &layout,
                beside,
                space: &space,
                cores: &cores,
                clock,
                board: board.as_ref(),
                stays: stays.as_ref(),
                recent: recent.as_ref(),
                propagation: propagation.as_ref(),
                servers: &servers,
            };
            let spawned = thread::Builder::new()
                .name(format!("worker-{worker}"))
                .spawn_scoped(scope, move || work(worker, &common, link));
            if let Err(error) = spawned {
                shared.start(None);
                return Err(EngineError::Worker(spawn::explained(error).to_string()));
            }
        }
        drop(sender);
        let mut control = Control::new(plan, &layout, clock, Arc::clone(&shared), board.clone());
        control.follow(acts.clone(), servers.clone());
        control.steered_by(steering.course);
        control.gather_workers(&receiver, steering.stop, beside)?;
        control.go(&receiver, steering, on_second);
        Ok(control.outcome(space.method()))
    })
}

/// What all workers start from.
struct Common<'p> {
    plan: &'p Plan,
    shape: &'p Arc<Shape>,
    script: &'p Script,
    hosts: &'p Hosts,
    layout: &'p Layout,
    beside: &'p Beside,
    space: &'p PortSpace,
    /// Those that this process may use; workers go round them.
    cores: &'p [CoreId],
    clock: Clock,
    board: Option<&'p Arc<Board>>,
    stays: Option<&'p Arc<Stays>>,
    recent: Option<&'p Arc<Recent>>,
    propagation: Option<&'p propagation::Shared>,
    servers: &'p ServerNames,
}

fn work(worker: usize, common: &Common<'_>, link: WorkerLink) {
    let Common { plan, shape, script, hosts, layout, beside, space, cores, clock, .. } = *common;
    let Common { board, stays, recent, propagation, servers, .. } = *common;
    // Where there is no such list, or the kernel refuses, the run is only noisier for it.
    if !cores.is_empty() {
        core_affinity::set_for_current(cores[beside.worker(worker) % cores.len()]);
    }
    // Before anything of this worker is opened. Where the kernel has no such tables the limit is
    // the process's; the plan was checked against that.
    descriptors::take_private_table(&[]);
    let lives = Lives::new(Arc::clone(shape), worker as u32, plan.workers as u32, script.longest());
    let mut recorder = Recorder::new(layout);
    if plan.keep_fates {
        recorder.keep_fates();
    }
    let (sessions, observers) = (plan.people(), observers_of(plan, worker));
    let members = || Arc::clone(&plan.members);
    let books = Books {
        members: Arc::clone(&plan.members),
        members_return: plan.returns(),
        recorder,
        servers: servers.clone(),
        ledger: board.map(|it| {
            let ledger = Ledger::new(members(), sessions, &observers, Arc::clone(it));
            if plan.returns() { ledger.of_returning() } else { ledger }
        }),
        updates: recent.map(|it| Updates::new(members(), sessions, &observers, Arc::clone(it))),
        heard: stays
            .map(|it| Heard::new(members(), sessions, &observers, Arc::clone(it), plan.left_within())),
        propagation: propagation
            .and_then(|shared| Propagation::new(shared.clone(), members(), sessions, worker)),
        at: Duration::ZERO,
        finished: 0,
        absences: Absences::default(),
        from: None,
        unmatched: None,
        places: script.places,
        heartbeats: layout.every.iter().map(|every| every.step).collect(),
    };
    let seed = plan.settings.seed ^ (worker as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let ports = space.of_worker(beside.worker(worker), beside.workers(), fastrand::u32(..));
    let secure = Secure::new(hosts.trust.as_ref(), &hosts.names, &plan.tls, lives.slots() as usize);
    let secure_beside =
        script.scenario.asks_beside().then(|| Secure::new(hosts.trust.as_ref(), &hosts.names, &plan.tls, 0));
    let addresses = &hosts.addresses;
    let setup = WorkerSetup {
        script,
        members: &plan.members,
        addresses,
        lives,
        sessions: plan.people(),
        ports,
        secure,
        secure_beside,
        http_connections: plan.http.connections(),
        in_flight: in_flight_of(plan, worker),
        reconnect_rate: reconnect_rate(plan),
        drops: &plan.settings.drops,
        books,
        seed,
    };
    let failures = link.again();
    // The worker is not looked at again after a panic; what it had handed over is safe with the
    // control thread.
    let played = catch_unwind(AssertUnwindSafe(|| Worker::new(setup, link, clock).and_then(Worker::run)));
    match played {
        Ok(Ok(())) => {}
        Ok(Err(error)) => failures.broken(error.to_string()),
        Err(_) => failures.broken("it panicked, which is a defect of startline".to_owned()),
    }
}

/// The worker's part of the sessions that may be under way at once.
fn in_flight_of(plan: &Plan, worker: usize) -> u32 {
    let Some(all) = plan.in_flight else { return u32::MAX };
    let (workers, worker) = (plan.workers as u32, worker as u32);
    all / workers + u32::from(worker < all % workers)
}

/// A worker's part of the attempts to come back that there may be a second.
fn reconnect_rate(plan: &Plan) -> Option<f64> {
    Some(plan.scenario.reconnect.as_ref()?.rate_max? / plan.workers as f64)
}

/// Where connections come from, and how they get their ports.
fn port_space(plan: &Plan, beside: &Beside) -> PortSpace {
    let method = plan.settings.ports.unwrap_or_else(ports::method_of_this_kernel);
    PortSpace::new(method, PortRange::read(Path::new("/")), &plan.sources, beside.workers())
}

fn propagation_of(plan: &Plan, acts: Arc<Acts>) -> propagation::Shared {
    let sessions = plan.people();
    let observers = ledger::observers(sessions, plan.observers());
    propagation::Shared::new(acts, sessions, &observers, plan.workers)
}

fn observers_of(plan: &Plan, worker: usize) -> Vec<SessionNumber> {
    ledger::observers(plan.people(), plan.observers())
        .into_iter()
        .filter(|session| session.index() % plan.workers == worker)
        .collect()
}

pub(super) fn script_of(plan: &Plan, hosts: Vec<String>) -> Script {
    let default_port = if plan.target.is_secure() { 443 } else { 80 };
    // As in the URL: an IPv6 address is in brackets already.
    let host = plan.target.host.clone();
    let authority = match plan.target.port {
        port if port == default_port => host,
        port => format!("{host}:{port}"),
    };
    Script {
        scenario: Arc::clone(&plan.scenario),
        authority,
        hosts,
        port: plan.target.port,
        secure: plan.target.is_secure(),
        ws_map: plan.settings.ws_map.clone(),
        seed: plan.settings.seed,
        rhythm: Rhythm::of(&plan.scenario, plan.settings.seed),
        places: StepPlaces::of(&plan.scenario),
        sends_cookies: plan.scenario.sends_cookies(),
        quit: plan.quits(),
        delays: Delays::of(&plan.scenario),
        cuts: !plan.settings.drops.is_empty(),
        members: Arc::clone(&plan.members),
    }
}

/// What there is to count in a plan.
pub fn layout_of(plan: &Plan) -> Layout {
    let layout = Layout::of(&plan.scenario);
    Layout { reconnects: layout.reconnects || !plan.settings.drops.is_empty(), ..layout }
}
