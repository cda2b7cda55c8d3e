//! What the workers of one mock server share: settings, the clock, the world behind its lock,
//! counters, mailboxes.
//!
//! Owns no socket. Invariant: a thread that takes the world's lock first brings it to the present, and
//! notifies every worker of the challenges that have ended by then.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use startline_os::{affinity, process};

use super::bridge::Bridge;
use super::config::Config;
use super::counters::{Cells, Counters};
use super::injection::{Injected, Injection, Injector};
use super::mailbox::{Mailbox, Notice};
use super::messages::ErrorCode;
use super::server_clock::ServerClock;
use super::timings::Timings;
use super::token::Tokens;
use super::world::{About, ChallengeId, Claim, Distance, Now, READY_BEFORE_START_MS, World, WorldSettings};

/// See the module.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) clock: ServerClock,
    pub(super) tokens: Tokens,
    pub(super) mailboxes: Vec<Mailbox>,
    pub(super) cells: Vec<Cells>,
    /// Of each worker's requests; empty rows unless there is a page that shows them.
    pub(super) timings: Vec<Timings>,
    /// The threads of workers that have a descriptor table of their own, by their names under `/proc`.
    pub(super) tables: Vec<OnceLock<PathBuf>>,
    /// What share of the processors is used.
    pub(super) cpu: CpuShare,
    /// Requests that wait for the pool that a fault plays, …
    pub(super) pool_pending: AtomicUsize,
    /// … and those that waited in vain.
    pub(super) pool_timeouts: AtomicU64,
    /// WebSockets on each server.
    pub(super) held: Vec<AtomicUsize>,
    /// Why a connection could not be accepted, the last time: an errno; 0: none.
    pub(super) accept_errno: AtomicI32,
    /// Whether a fault is ordered that concerns messages: those are looked at without the world's
    /// lock otherwise.
    pub(super) faulty_messages: AtomicBool,
    /// Faults that happened by chance.
    pub(super) injected: Arc<Injected>,
    /// To other mock servers that share the challenges.
    pub(super) bridge: Option<Bridge>,
    world: Mutex<World>,
    sessions: AtomicU32,
}

impl Shared {
    pub(super) fn new(config: Config, workers: usize, bridge: Option<Bridge>) -> Self {
        let (clock, start) = (ServerClock::start(config.time_scale), Instant::now());
        let injected = Arc::<Injected>::default();
        let injector = Injector::new(&config.injections, Arc::clone(&injected), config.seed, workers as u64);
        Self {
            clock,
            tokens: Tokens::new(),
            mailboxes: (0..workers).map(|_| Mailbox::default()).collect(),
            cells: (0..workers).map(|_| Cells::new()).collect(),
            timings: (0..workers).map(|_| Timings::new(start)).collect(),
            tables: (0..workers).map(|_| OnceLock::new()).collect(),
            cpu: CpuShare::new(start),
            pool_pending: AtomicUsize::new(0),
            pool_timeouts: AtomicU64::new(0),
            held: (0..config.servers).map(|_| AtomicUsize::new(0)).collect(),
            accept_errno: AtomicI32::new(0),
            faulty_messages: AtomicBool::new(false),
            injected,
            bridge,
            world: Mutex::new(world_for(&config, injector, clock.read().now)),
            sessions: AtomicU32::new(0),
            config,
        }
    }

    /// Works on the world as it is `now`.
    pub(super) fn world<R>(&self, now: Now, work: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = world.advance(now);
        let result = work(&mut world);
        if let Some(bridge) = &self.bridge {
            // Under the lock, so that they go out in the order in which they happened.
            bridge.post(world.take_outbox());
        }
        drop(world);
        for challenge in ended.into_iter().filter(|_| self.config.done_closes) {
            self.post_to_all(Notice::Ended(challenge));
        }
        result
    }

    /// A number for a new session.
    pub(super) fn next_session(&self) -> u32 {
        self.sessions.fetch_add(1, Relaxed)
    }

    pub(super) fn post_to_all(&self, notice: Notice) {
        for mailbox in &self.mailboxes {
            mailbox.post(notice);
        }
    }

    /// The counts at this moment.
    pub(super) fn counters(&self) -> Counters {
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let (dropped, broadcasts_lost) = (world.events_dropped(), world.losses());
        drop(world);
        let injected = self.injected.by_name();
        let lost = self.bridge.as_ref().map_or(0, |bridge| bridge.lost.load(Relaxed));
        Counters {
            broadcasts_dropped: dropped + lost,
            injected,
            broadcasts_lost,
            ..Counters::of(&self.cells)
        }
    }

    /// The member that a ticket is for, where servers share them; `None` where they are the world's.
    pub(super) fn claim(&self, ticket: &str) -> Option<Result<Option<Claim>, ErrorCode>> {
        let bridge = self.bridge.as_ref()?;
        Some(bridge.take_ticket(ticket).map_err(|_| ErrorCode::InternalError))
    }

    /// Whether a fault plays a pool of connections to a database; there is none otherwise.
    pub(super) fn plays_pool(&self) -> bool {
        self.config.injections.iter().any(Injection::is_pool)
    }

    /// Draws faults for a worker.
    pub(super) fn injector(&self, worker: u16) -> Injector {
        let (config, counts) = (&self.config, Arc::clone(&self.injected));
        Injector::new(&config.injections, counts, config.seed, u64::from(worker))
    }
}

/// The share of this machine's processors that this process used, from one look to the next.
#[derive(Debug)]
pub(super) struct CpuShare {
    /// All of them: a worker that asks may use one only.
    pub(super) cores: usize,
    last: Mutex<(Instant, f64, f64)>,
}

impl CpuShare {
    /// Looks closer together than this see the same share: several may look.
    const LEAST: Duration = Duration::from_secs(1);

    fn new(start: Instant) -> Self {
        Self { cores: affinity::cores(), last: Mutex::new((start, 0.0, 0.0)) }
    }

    /// From 0 to 1 of all processors, since the last look.
    pub(super) fn share(&self) -> f64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, used_then, share) = *last;
        let passed = at.elapsed();
        if passed < Self::LEAST {
            return share;
        }
        let used = process::cpu_seconds();
        let share = (used - used_then) / (passed.as_secs_f64() * self.cores.max(1) as f64);
        *last = (Instant::now(), used, share.clamp(0.0, 1.0));
        last.2
    }
}

fn world_for(config: &Config, injector: Injector, now: Now) -> World {
    let mut world = World::new(WorldSettings {
        members: config.members.clone(),
        servers: config.servers,
        ticket_ttl_ms: config.ticket_ttl.as_millis() as u64,
        shut_out_ms: config.shut_out.as_millis() as u64,
        quiet: config.no_broadcast,
        announce_expired: config.done_closes && config.racy,
        done_closes: config.done_closes,
        injector,
        is_shared: config.redis.is_some(),
    });
    if let Some(preload) = config.preload {
        let until_start_ms = if preload.ready { READY_BEFORE_START_MS } else { 4 * READY_BEFORE_START_MS };
        // To the second, as a client would have asked for it; down, so that READY is now.
        let start_ms = (now.wall_ms + until_start_ms) / 1000 * 1000;
        let about = preloaded(preload.distance, start_ms, config.members.clone().count());
        world.preload(ChallengeId(preload.challenge), about, config.members.clone(), now);
    }
    world
}

fn preloaded(distance: Distance, start_ms: u64, members: usize) -> About {
    About {
        title: "부하 테스트 챌린지".to_owned(),
        description: "startline serve".to_owned(),
        participants_max: u32::try_from(members).unwrap_or(u32::MAX).max(2),
        start_ms,
        distance,
        password: None,
        is_private: false,
        is_broadcast: false,
    }
}
