//! Which kernel settings a plan needs: the doctor's own fixes, applied to its readings until its
//! checks are content.
//!
//! Invariants: where the checks are content nothing is proposed, and with what is proposed they
//! are, but for those in [`Wanted::unmet`]. A plan is known here by its counts alone; addresses
//! only stand for their number.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use startline_os::affinity;
use startline_os::system::Owner;
use startline_os::system::Setting;

use crate::doctor::need::{HttpConnections, Mock};
use crate::doctor::readings::Readings;
use crate::doctor::{self, Check, Need, Verdict};
use crate::plan::beside::Beside;
use crate::plan::capacity::{self, Limits, WORKERS_MAX};
use crate::plan::drops::Storms;
use crate::plan::shape::Stage;
use crate::plan::sources;
use crate::plan::turnover::{Comings, Turnover};
use crate::plan::{CLOSE_TIMEOUT, Settings};
use crate::scenario::every::Interval;

/// Where the servers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servers {
    /// On other machines.
    Elsewhere,
    /// On this machine, reached by the loopback or by its addresses on the network.
    Here {
        /// … by the loopback.
        loopback: bool,
    },
    /// The built-in mock server, as `startline run` starts it.
    Mock,
}

/// A plan as far as kernel settings depend on it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Sessions at once.
    pub sessions: u32,
    /// Source addresses; `None`: one, or as many of the loopback's as a run takes.
    pub sources: Option<u32>,
    /// Addresses of the target.
    pub targets: u32,
    /// From the first arrival to the last.
    pub ramp: Duration,
    /// For how long they are held, where they have a lifetime.
    pub hold: Duration,
    /// The levels that their number goes through, instead; empty: one ramp and one hold.
    pub stages: Vec<Stage>,
    /// How long a session stays before another takes its place.
    pub lifetime: Option<Interval>,
    /// How HTTP connections are made.
    pub http: HttpConnections,
    /// Workers; `None`: as many as a run takes.
    pub workers: Option<u32>,
    /// Where the servers are.
    pub servers: Servers,
}

/// A setting that a check asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The check's id.
    pub check: &'static str,
    /// What is to be written.
    pub setting: Setting,
}

/// What a plan needs of the kernel's settings.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The checks as this machine is.
    pub checks: Vec<Check>,
    /// What makes them content, in the order to write it.
    pub changes: Vec<Change>,
    /// Those that no setting makes content.
    pub unmet: Vec<Check>,
}

/// Asks the doctor, and again with each fix of its that writes settings.
pub fn wanted(need: &Need, readings: &Readings) -> Wanted {
    let mut after = readings.clone();
    let mut changes: Vec<Change> = Vec::new();
    let checks = doctor::examine_settings(need, readings).checks;
    loop {
        let asking: Vec<Check> =
            doctor::examine_settings(need, &after).checks.into_iter().filter(is_asking).collect();
        let is_known = |setting: &Setting| changes.iter().any(|change| change.setting == *setting);
        let is_new = |sets: &&[Setting]| !sets.iter().all(is_known);
        let fix = asking.iter().find_map(|check| {
            let mut fixes = check.fixes.iter().map(|fix| fix.sets.as_slice());
            fixes.find(is_new).map(|sets| (check.id, sets.to_vec()))
        });
        let Some((check, sets)) = fix else { return Wanted { checks, changes, unmet: asking } };
        for setting in sets {
            after.system.set(&setting);
            changes.retain(|change| change.setting.key != setting.key);
            changes.push(Change { check, setting });
        }
    }
}

fn is_asking(check: &Check) -> bool {
    matches!(check.verdict, Verdict::Warn | Verdict::Refuse | Verdict::Fail)
}

impl Asked {
    /// Returns what makes the doctor content with this plan here, the machine's files read under `root`.
    pub fn wanted(&self, root: &Path) -> Wanted {
        let (need, readings) = self.look(root);
        wanted(&need, &readings)
    }

    /// Returns what the plan needs, and what this machine has, whose files are read under `root`.
    pub fn look(&self, root: &Path) -> (Need, Readings) {
        let room = Limits::read(root);
        let need = self.need(&room);
        let owner = match self.servers {
            Servers::Elsewhere => Owner::Another("it stands for one of the target's".to_owned()),
            Servers::Here { .. } | Servers::Mock => Owner::ThisMachine,
        };
        let targets = need.targets.iter().map(SocketAddr::ip).map(|it| (it, owner.clone())).collect();
        // To servers here, addresses of the network are other machines': theirs are the sessions.
        let of_source = match self.servers {
            Servers::Here { .. } if self.sources.is_some() => {
                Owner::Another("it stands for a client's".to_owned())
            }
            _ => Owner::ThisMachine,
        };
        let sources = need.sources.iter().map(|source| (*source, of_source.clone())).collect();
        (need, Readings::of_settings(root, targets, sources))
    }

    /// The load as a plan has it.
    pub(crate) fn load(&self) -> Settings {
        let mut load = Settings {
            sessions: self.sessions,
            ramp: self.ramp,
            hold: self.hold,
            stages: self.stages.clone(),
            lifetime: self.lifetime.clone(),
            ..Settings::default()
        };
        load.settle_stages();
        load
    }

    fn need(&self, room: &Limits) -> Need {
        let is_loopback = matches!(self.servers, Servers::Mock | Servers::Here { loopback: true });
        let shared = match self.http {
            HttpConnections::Pooled { per_worker } => per_worker,
            HttpConnections::None | HttpConnections::PerSession => 0,
        };
        let load = self.load();
        let turnover = load.is_staged().then(|| Arc::new(Turnover::of(&load.shape())));
        let comings = Comings { sessions: load.sessions, ramp: load.ramp, turnover: turnover.as_deref() };
        let closing = u32::try_from(comings.lingering(CLOSE_TIMEOUT)).unwrap_or(u32::MAX);
        let sockets = load.sessions.saturating_add(closing);
        let workers = capacity::workers(sockets, shared, affinity::cores(), room.descriptors_hard);
        let workers = self.workers.map_or(workers.min(WORKERS_MAX), |given| given as usize);
        // 198.18.0.0/15 and 100.64.0.0/10 are nobody's (RFC 2544, RFC 6598).
        let first = if is_loopback { Ipv4Addr::LOCALHOST } else { Ipv4Addr::new(198, 18, 0, 1) };
        let targets = addresses(first, self.targets).map(|ip| SocketAddr::new(ip, 80)).collect();
        let mut need = Need {
            sessions: load.sessions,
            workers,
            workers_max: WORKERS_MAX,
            workers_given: self.workers.is_some(),
            table_per_worker: true,
            ramp: load.ramp,
            turnover,
            shape: load.shape_options(&load.shape()),
            rest: Duration::ZERO,
            close_timeout: CLOSE_TIMEOUT,
            hold: Duration::ZERO,
            ramp_down: Duration::ZERO,
            http: self.http,
            session_bytes: 0,
            targets,
            others: Vec::new(),
            sources: Vec::new(),
            ports: None,
            mock: None,
            beside: Beside::default(),
            storms: Storms::default(),
            observers_bytes: 0,
            counts_updates: false,
            members_return: false,
            observers: None,
            load: None,
        };
        if self.servers == Servers::Mock {
            let connections = u32::try_from(need.connections() + need.closing()).unwrap_or(u32::MAX);
            need.mock = Some(Mock::of_run(connections, false, room.descriptors_hard));
        }
        need.sources = match (self.sources, room.ports) {
            (Some(count), _) if is_loopback => sources::of_loopback(count as usize),
            (Some(count), _) => addresses(Ipv4Addr::new(100, 64, 0, 1), count).collect(),
            (None, Some(ports)) if is_loopback => {
                let wait = room.loopback_time_wait;
                let used = need.connections() + need.closed_within(wait) + need.comings().lingering(wait);
                capacity::loopback_sources(used.div_ceil(u64::from(self.targets.max(1))), ports)
            }
            (None, _) => Vec::new(),
        };
        need
    }
}

fn addresses(first: Ipv4Addr, count: u32) -> impl Iterator<Item = IpAddr> {
    (0..count).map(move |index| Ipv4Addr::from_bits(first.to_bits().wrapping_add(index)).into())
}
