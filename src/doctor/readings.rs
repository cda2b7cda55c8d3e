//! The limits of this machine: from the kernel's files, and from system calls.
//!
//! [`Readings::of_this_machine`] is the one place that reads them; tests put theirs together by
//! hand. Judges nothing.

use std::net::IpAddr;
use std::path::Path;

use startline_os::features::{Features, send_over_loopback, try_bind};
use startline_os::routes::{leads_nowhere, try_route};
use startline_os::socket_memory;
use startline_os::system::{Owner, Reading, System, TimeWaits};
use startline_os::user::{self, ThreadsOfUser};
use startline_os::{affinity, descriptors, process};

use super::need::Need;
use crate::foreign::in_words;

/// The kernel's memory of a connected socket with its epoll entry, where it was not measured: what
/// 16,000 of them took of all slabs on Linux 6.18, x86-64, inode and name included.
pub const SOCKET_BYTES_STATED: u64 = 4_000;

/// The kernel's memory of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketBytes {
    /// Measured here, in bytes.
    Measured(u64),
    /// [`SOCKET_BYTES_STATED`], and why.
    Stated(String),
}

/// Source addresses that are tried, of those that are given: their routes hardly differ.
const SOURCES_TRIED: usize = 8;

/// Whether anything leads to a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// From this source address; where none is given, the kernel chooses.
    pub from: Option<IpAddr>,
    /// To there.
    pub to: IpAddr,
    /// What came of it.
    pub found: Found,
}

/// What came of looking for a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is one, and connections come from this address.
    From(IpAddr),
    /// There is none, for this reason.
    Nothing(String),
    /// The source address could not be used, which is its own check's to say.
    Unclear,
}

/// What no file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trials {
    /// RLIMIT_NOFILE, soft and hard.
    pub descriptors: Reading<(u64, u64)>,
    /// What RLIMIT_NPROC leaves this user; `None` where it does not apply.
    pub threads_of_user: Reading<Option<ThreadsOfUser>>,
    /// RLIMIT_AS, soft: bytes of addresses that a process may have; `None` where there is no limit.
    pub address_space_bytes: Option<u64>,
    /// The effective user is root, who may exceed some limits of the machine.
    pub is_root: bool,
    /// Cores that this process may use.
    pub cores: usize,
    /// Bytes in a page.
    pub page_bytes: u64,
    /// What the kernel can do.
    pub features: Features,
    /// Whose each source address is, in the plan's order.
    pub sources: Vec<(IpAddr, Owner)>,
    /// Whose each of the target's addresses is.
    pub targets: Vec<(IpAddr, Owner)>,
    /// From the first source addresses, or from where the kernel chooses, to each destination of
    /// the same family.
    pub routes: Vec<Route>,
    /// What a socket costs.
    pub socket_bytes: SocketBytes,
}

/// What this machine has.
#[derive(Clone, Debug, PartialEq)]
pub struct Readings {
    /// From files.
    pub system: System,
    /// Connections in TIME_WAIT to where the plan's lead.
    pub time_waits: Reading<TimeWaits>,
    /// From asking and trying.
    pub trials: Trials,
}

impl SocketBytes {
    /// The figure, in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Measured(bytes) => *bytes,
            Self::Stated(_) => SOCKET_BYTES_STATED,
        }
    }
}

impl Readings {
    /// Reads the files under `root`, and tries on this machine what the plan needs. What a socket
    /// costs is not measured.
    pub fn of_this_machine(root: &Path, need: &Need) -> Self {
        // Where any rule has connections tracked, this is one, and their count is not 0.
        send_over_loopback();
        let system = System::read(root);
        let stated = SocketBytes::Stated("not measured: memory suffices by far".to_owned());
        let owner = |address: IpAddr| (address, system.own_networks.owner(address, try_bind(address)));
        let trials = Trials {
            descriptors: Ok(descriptors::limits()),
            threads_of_user: Ok(ThreadsOfUser::read()),
            address_space_bytes: user::address_space_bytes(),
            is_root: user::is_root(),
            cores: affinity::cores(),
            page_bytes: process::page_bytes(),
            features: Features::try_all(),
            sources: need.sources.iter().map(|source| owner(*source)).collect(),
            targets: need.targets.iter().map(|target| owner(target.ip())).collect(),
            routes: routes(need),
            socket_bytes: stated,
        };
        let time_waits = system.read_time_waits(root, &need.destinations());
        Self { system, time_waits, trials }
    }

    /// Opens some thousand sockets to measure what one costs.
    pub fn measure_sockets(&mut self) {
        // The trial takes descriptors, and a run has the hard limit, too. Where it cannot be
        // raised, the trial says so.
        let _ = descriptors::raise_limit();
        self.trials.socket_bytes = match socket_memory::measure() {
            Ok(bytes) => SocketBytes::Measured(bytes),
            Err(why) => SocketBytes::Stated(format!("could not be measured: {why}")),
        };
    }

    /// Reads what kernel settings are held against, under `root`, for a plan whose addresses only stand for their number:
    /// whose they are is said, not tried.
    pub fn of_settings(root: &Path, targets: Vec<(IpAddr, Owner)>, sources: Vec<(IpAddr, Owner)>) -> Self {
        send_over_loopback();
        let trials = Trials {
            descriptors: Ok(descriptors::limits()),
            threads_of_user: Ok(ThreadsOfUser::read()),
            address_space_bytes: user::address_space_bytes(),
            is_root: user::is_root(),
            cores: affinity::cores(),
            page_bytes: process::page_bytes(),
            features: Features::try_all(),
            sources,
            targets,
            routes: Vec::new(),
            socket_bytes: SocketBytes::Stated("not measured: kernel settings do not depend on it".to_owned()),
        };
        Self { system: System::read(root), time_waits: Ok(TimeWaits::default()), trials }
    }

    /// Whether an address is this machine's, as far as is known.
    pub fn is_of_this_machine(&self, address: IpAddr) -> bool {
        let mut owners = self.trials.targets.iter();
        address.is_loopback()
            || owners.any(|(target, owner)| *target == address && *owner == Owner::ThisMachine)
    }

    /// Cores that this process may have: a control group's quota can be a part of one.
    pub fn cores(&self) -> f64 {
        let cores = self.trials.cores.max(1) as f64;
        self.system.core_quota.as_ref().ok().copied().flatten().map_or(cores, |quota| quota.min(cores))
    }

    /// Returns whether the target is on this machine.
    pub fn is_target_here(&self, need: &Need) -> bool {
        need.mock.is_some() || self.trials.targets.iter().any(|(_, owner)| *owner == Owner::ThisMachine)
    }
}

fn routes(need: &Need) -> Vec<Route> {
    let sources: Vec<Option<IpAddr>> = match need.sources.as_slice() {
        [] => vec![None],
        sources => sources.iter().copied().take(SOURCES_TRIED).map(Some).collect(),
    };
    let mut routes: Vec<Route> = Vec::new();
    for (to, _) in need.destinations() {
        for from in &sources {
            let is_tried = routes.iter().any(|route| (route.from, route.to) == (*from, to));
            if is_tried || from.is_some_and(|from| from.is_ipv4() != to.is_ipv4()) {
                continue;
            }
            let found = match try_route(*from, to) {
                Ok(chosen) => Found::From(chosen),
                Err(error) if leads_nowhere(&error, *from) => {
                    Found::Nothing(in_words(&error.to_string()).into_owned())
                }
                Err(_) => Found::Unclear,
            };
            routes.push(Route { from: *from, to, found });
        }
    }
    routes
}
