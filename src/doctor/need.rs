//! What a plan needs of this machine.
//!
//! Data and small sums; reads nothing. Invariant: everything here follows from the plan, nothing
//! from the machine except the number of its cores.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use startline_os::affinity;

use crate::measure::{looking_bytes, observing_bytes};
use crate::plan::beside::Beside;
use crate::plan::capacity::WORKERS_MAX;
use crate::plan::drops::Storms;
use crate::plan::load::Load;
use crate::plan::turnover::{Comings, Turnover};
use crate::plan::{Http, Observers, Plan, PortMethod, SuiteOrder, Tls, capacity};

/// A held session's memory, all of it in the client (docs/performance.md): over ws, …
const SESSION_BYTES: u64 = 63;
/// … over wss with AES-128's secrets, …
const SESSION_BYTES_AES128: u64 = 131;
/// … with ChaCha20's, …
const SESSION_BYTES_CHACHA20: u64 = 150;
/// … with AES-256's, …
const SESSION_BYTES_AES256: u64 = 186;
/// … and with rustls's own object.
const SESSION_BYTES_RUSTLS: u64 = 8_627;

/// How HTTP connections are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpConnections {
    /// The scenario has no HTTP steps.
    None,
    /// One a session, closed before its WebSocket connects.
    PerSession,
    /// Kept open and shared.
    Pooled {
        /// In each worker.
        per_worker: u32,
    },
}

/// The built-in mock server, a child process on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mock {
    /// Its event loops, each with a descriptor table and a listener of its own.
    pub workers: usize,
    /// It speaks TLS.
    pub tls: bool,
}

/// What a plan needs of this machine.
#[derive(Clone, Debug)]
pub struct Need {
    /// Sessions, each with one connection at a time.
    pub sessions: u32,
    /// Engine threads.
    pub workers: usize,
    /// … at most.
    pub workers_max: usize,
    /// The user fixed their number.
    pub workers_given: bool,
    /// Each of them has a descriptor table of its own, where the kernel has such.
    pub table_per_worker: bool,
    /// From the first arrival to the last.
    pub ramp: Duration,
    /// How many sessions begin, end and are there in any span, where they come and go.
    pub turnover: Option<Arc<Turnover>>,
    /// The options of [`tune`](crate::tune) that make this turnover, if some do.
    pub shape: Option<String>,
    /// How long a row rests after its session before another has it.
    pub rest: Duration,
    /// How long the servers may take to answer a close.
    pub close_timeout: Duration,
    /// From all arrivals settled to the close of accounts.
    pub hold: Duration,
    /// From the first close to the last.
    pub ramp_down: Duration,
    /// HTTP connections.
    pub http: HttpConnections,
    /// The client's memory of a held session, in bytes.
    pub session_bytes: u64,
    /// Addresses of the target: the distinct destinations of HTTP connections, and of WebSockets
    /// that are led nowhere else.
    pub targets: Vec<SocketAddr>,
    /// Other destinations that a WebSocket's URL may lead to, each once; none of `targets` is among
    /// them. Without a port: the URL has it.
    pub others: Vec<(IpAddr, Option<u16>)>,
    /// Addresses that connections come from; empty: the kernel's choice, one for each destination.
    pub sources: Vec<IpAddr>,
    /// How connections get their ports, where the user fixed it.
    pub ports: Option<PortMethod>,
    /// The mock server, if it is the target.
    pub mock: Option<Mock>,
    /// Requests beside WebSockets.
    pub beside: Beside,
    /// Sessions that `--drop` cuts and that come back, or whose place others take.
    pub storms: Storms,
    /// Memory of the accounts of pairs and of what announcements are timed with, in bytes.
    pub observers_bytes: u64,
    /// Whether these have the updates of periodic messages.
    pub counts_updates: bool,
    /// Members come again, so that pairs take more.
    pub members_return: bool,
    /// The sessions that judge them, as the user gave them.
    pub observers: Option<Observers>,
    /// Broadcasts, where there are any.
    pub load: Option<Load>,
}

impl Need {
    /// What this plan takes, with the load that it predicts, when nothing leads to other hosts than
    /// the target. A plan for the mock server need not have its address yet. `workers_given`: the
    /// user fixed their number.
    pub fn of(plan: &Plan, workers_given: bool, mock: Option<Mock>, load: Option<Load>) -> Self {
        let is_secure = plan.target.is_secure() || mock.is_some_and(|it| it.tls);
        let http = match plan.http {
            _ if plan.scenario.http.is_empty() => HttpConnections::None,
            Http::PerSession => HttpConnections::PerSession,
            Http::Pooled { connections } => HttpConnections::Pooled { per_worker: connections },
        };
        Self {
            sessions: plan.sessions(),
            workers: plan.workers,
            workers_max: WORKERS_MAX,
            workers_given,
            table_per_worker: true,
            ramp: plan.settings.ramp,
            turnover: plan.turnover.clone(),
            shape: plan.settings.shape_options(&plan.shape),
            rest: plan.scenario.longest_timer(),
            close_timeout: plan.scenario.websocket.as_ref().map_or(Duration::ZERO, |it| it.close_timeout),
            hold: plan.settings.hold,
            ramp_down: plan.settings.ramp_down,
            http,
            session_bytes: session_bytes(is_secure, &plan.tls),
            targets: plan.target.addresses.clone(),
            others: Vec::new(),
            sources: plan.sources.clone(),
            ports: plan.settings.ports,
            mock,
            beside: Beside::of(&plan.scenario),
            storms: plan.storms(),
            observers_bytes: match plan.expects_broadcasts() {
                true => {
                    let kept = (plan.counts_updates(), plan.returns());
                    // A search judges copies of the pairs at the end of each step.
                    let copies = match plan.search() {
                        Some(_) => looking_bytes(plan.people(), plan.observers(), plan.workers, kept.1),
                        None => 0,
                    };
                    observing_bytes(plan.people(), plan.observers(), plan.workers, kept) + copies
                }
                false => 0,
            },
            counts_updates: plan.counts_updates(),
            members_return: plan.returns(),
            observers: plan.settings.observers,
            load,
        }
    }

    /// Whether connections stay on the loopback, where ports are free again sooner.
    pub fn is_loopback(&self) -> bool {
        self.mock.is_some() || self.targets.iter().all(|target| target.ip().is_loopback())
    }

    /// Where connections may lead: the target's addresses, and after them the others.
    pub fn destinations(&self) -> Vec<(IpAddr, Option<u16>)> {
        let targets = self.targets.iter().map(|target| (target.ip(), Some(target.port())));
        targets.chain(self.others.iter().copied()).collect()
    }

    /// Pairs of a source address and a target of one family; where no sources are given, the kernel has one of each.
    pub fn pairs(&self) -> usize {
        let of_v4 = |v4: bool| {
            let targets = self.targets.iter().filter(|target| target.is_ipv4() == v4).count();
            let sources = self.sources.iter().filter(|source| source.is_ipv4() == v4).count();
            targets * if self.sources.is_empty() { 1 } else { sources }
        };
        of_v4(true) + of_v4(false)
    }

    /// HTTP connections that stay open.
    pub fn pooled(&self) -> u64 {
        match self.http {
            HttpConnections::Pooled { per_worker } => u64::from(per_worker) * self.workers as u64,
            HttpConnections::None | HttpConnections::PerSession => 0,
        }
    }

    /// How sessions come and go.
    pub fn comings(&self) -> Comings<'_> {
        Comings { sessions: self.sessions, ramp: self.ramp, turnover: self.turnover.as_deref() }
    }

    /// Connections open at once at most, but for those that are about to close.
    pub fn connections(&self) -> u64 {
        self.websockets() + self.pooled() + self.beside.at_once(self.comings())
    }

    /// WebSockets open at once at most, half-open ones among them.
    pub fn websockets(&self) -> u64 {
        u64::from(self.sessions) + self.storms.half_open()
    }

    /// WebSockets whose close the servers may not have answered yet, while others have begun.
    pub fn closing(&self) -> u64 {
        self.comings().lingering(self.close_timeout)
    }

    /// Rows in use or at rest at once, at most.
    pub fn rows(&self) -> u64 {
        u64::from(self.sessions) + self.comings().lingering(self.rest)
    }

    /// WebSockets of sessions that have left by plan, or were cut, closed within this time at most.
    pub fn websockets_closed_within(&self, span: Duration) -> u64 {
        self.turnover.as_ref().map_or(0, |it| it.ended_within(span)) + self.storms.closed_within(span)
    }

    /// HTTP connections closed within this time at most: those that still wait in a state that
    /// lasts so long.
    pub fn closed_within(&self, span: Duration) -> u64 {
        let arriving = self.comings().begun_within(span) * self.closed_each();
        let returning = self.storms.requests_within(span);
        // Those of the ramp may be gone when the first come back.
        let is_apart = self.storms.first().is_some_and(|at| at > self.ramp + span);
        match is_apart && self.turnover.is_none() {
            true => arriving.max(returning),
            false => arriving + returning,
        }
    }

    /// HTTP connections that a session makes and closes.
    pub fn closed_each(&self) -> u64 {
        u64::from(self.http == HttpConnections::PerSession) + u64::from(self.beside.each)
    }

    /// Connections that a session makes, one after the other.
    pub fn connections_each(&self) -> u64 {
        1 + self.closed_each()
    }

    /// Connections that begin within a second.
    pub fn connections_per_second(&self) -> u64 {
        self.comings().begun_within(Duration::from_secs(1)) * self.connections_each()
    }

    /// Whether any address is IPv6.
    pub fn has_ipv6(&self) -> bool {
        self.targets.iter().any(SocketAddr::is_ipv6) || self.sources.iter().any(IpAddr::is_ipv6)
    }
}

impl Mock {
    /// As a run with this many connections starts it.
    pub fn of_run(connections: u32, tls: bool, descriptors_hard: u64) -> Self {
        Self { workers: capacity::mock_workers(connections, affinity::cores(), descriptors_hard), tls }
    }
}

fn session_bytes(is_secure: bool, tls: &Tls) -> u64 {
    if !is_secure {
        return SESSION_BYTES;
    }
    if tls.keep_rustls {
        return SESSION_BYTES_RUSTLS;
    }
    match tls.suites {
        SuiteOrder::Compact | SuiteOrder::Aes128 => SESSION_BYTES_AES128,
        SuiteOrder::Chacha20 => SESSION_BYTES_CHACHA20,
        SuiteOrder::Rustls | SuiteOrder::Aes256 => SESSION_BYTES_AES256,
    }
}
