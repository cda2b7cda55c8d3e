//! Everything that a plan is held against: the kernel's files, and what only asking or trying tells.
//!
//! [`Readings::of_this_box`] is the one place that asks; tests put theirs together by hand.

use std::net::IpAddr;
use std::path::Path;

use super::memory;
use super::need::Need;
use super::system::{Owner, Reading, System, TimeWaits};
use super::user::ThreadsOfUser;
use crate::engine::features::{Features, send_over_loopback, try_bind};
use crate::engine::routes::{leads_nowhere, try_route};
use crate::engine::{affinity, descriptors, socket_bytes};

/// The kernel's memory of a connected socket with its epoll entry, where it was not measured: what 16,000 of them took of all
/// slabs on Linux 6.18, x86-64, inode and name included.
pub const SOCKET_BYTES_STATED: u64 = 4_000;

/// Whether to open some thousand sockets, to see what they cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketTrial {
    /// Always.
    Always,
    /// Where the stated figure leaves it open whether memory suffices ([`memory::is_measuring_worthwhile`]).
    IfClose,
}

/// What a socket costs the kernel.
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
    /// What RLIMIT_NPROC leaves this user; `None` where it does not hold.
    pub threads_of_user: Reading<Option<ThreadsOfUser>>,
    /// RLIMIT_AS, soft: bytes of addresses that a process may have; `None` where there is no limit.
    pub address_space_bytes: Option<u64>,
    /// The effective user is root, who may exceed what the whole box is limited to.
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
    /// From the first source addresses, or from where the kernel chooses, to each destination of the same family.
    pub routes: Vec<Route>,
    /// What a socket costs.
    pub socket_bytes: SocketBytes,
}

/// What this box has.
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
    /// Reads the files under `root`, and tries on this box what the plan needs tried.
    pub fn of_this_box(root: &Path, need: &Need, trial: SocketTrial) -> Self {
        // Where any rule has connections tracked, this is one, and their count is not 0.
        send_over_loopback();
        let system = System::read(root);
        let stated = SocketBytes::Stated("not measured: memory suffices by far".to_owned());
        let owner = |address: IpAddr| (address, system.own_networks.owner(address, try_bind(address)));
        let trials = Trials {
            descriptors: descriptors::limits().map_err(|error| error.to_string()),
            threads_of_user: ThreadsOfUser::read(),
            address_space_bytes: address_space_bytes(),
            is_root: is_root(),
            cores: affinity::cores(),
            page_bytes: page_bytes(),
            features: Features::try_all(),
            sources: need.sources.iter().map(|source| owner(*source)).collect(),
            targets: need.targets.iter().map(|target| owner(target.ip())).collect(),
            routes: routes(need),
            socket_bytes: stated,
        };
        let time_waits = system.read_time_waits(root, &need.destinations());
        let mut readings = Self { system, time_waits, trials };
        if trial == SocketTrial::Always || memory::is_measuring_worthwhile(need, &readings) {
            // The trial takes descriptors, and a run has the hard limit, too. Where it cannot be raised, the trial says so.
            let _ = descriptors::raise_limit();
            readings.trials.socket_bytes = match socket_bytes::measure() {
                Ok(bytes) => SocketBytes::Measured(bytes),
                Err(why) => SocketBytes::Stated(format!("could not be measured: {why}")),
            };
        }
        readings
    }

    /// Reads what kernel settings are held against, under `root`, for a plan whose addresses only stand for their number:
    /// whose they are is said, not tried.
    pub fn of_settings(root: &Path, targets: Vec<(IpAddr, Owner)>, sources: Vec<(IpAddr, Owner)>) -> Self {
        send_over_loopback();
        let trials = Trials {
            descriptors: descriptors::limits().map_err(|error| error.to_string()),
            threads_of_user: ThreadsOfUser::read(),
            address_space_bytes: address_space_bytes(),
            is_root: is_root(),
            cores: affinity::cores(),
            page_bytes: page_bytes(),
            features: Features::try_all(),
            sources,
            targets,
            routes: Vec::new(),
            socket_bytes: SocketBytes::Stated("not measured: kernel settings do not depend on it".to_owned()),
        };
        Self { system: System::read(root), time_waits: Ok(TimeWaits::default()), trials }
    }

    /// Whether an address is this machine's, as far as is known.
    pub fn is_of_this_box(&self, address: IpAddr) -> bool {
        let mut owners = self.trials.targets.iter();
        address.is_loopback() || owners.any(|(target, owner)| *target == address && *owner == Owner::ThisBox)
    }

    /// Cores that this process may have: a control group's quota can be a part of one.
    pub fn cores(&self) -> f64 {
        let cores = self.trials.cores.max(1) as f64;
        self.system.core_quota.as_ref().ok().copied().flatten().map_or(cores, |quota| quota.min(cores))
    }

    /// Whether what is loaded shares this box.
    pub fn is_target_here(&self, need: &Need) -> bool {
        need.stand_in.is_some() || self.trials.targets.iter().any(|(_, owner)| *owner == Owner::ThisBox)
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
                Err(error) if leads_nowhere(&error, *from) => Found::Nothing(error.to_string()),
                Err(_) => Found::Unclear,
            };
            routes.push(Route { from: *from, to, found });
        }
    }
    routes
}

fn is_root() -> bool {
    // SAFETY: geteuid takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

fn address_space_bytes() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is valid and ours.
    let done = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) };
    (done == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

fn page_bytes() -> u64 {
    // SAFETY: sysconf takes no pointer and has no precondition.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(page).unwrap_or(4096)
}
