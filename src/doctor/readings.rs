//! Everything that a plan is held against: the kernel's files, and what only asking or trying tells.
//!
//! [`Readings::of_this_box`] is the one place that asks; tests put theirs together by hand.

use std::net::IpAddr;
use std::path::Path;

use super::memory;
use super::need::Need;
use super::system::{Owner, Reading, System};
use crate::engine::features::{Features, send_over_loopback, try_bind};
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

/// What no file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trials {
    /// RLIMIT_NOFILE, soft and hard.
    pub descriptors: Reading<(u64, u64)>,
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
    /// What a socket costs.
    pub socket_bytes: SocketBytes,
}

/// What this box has.
#[derive(Clone, Debug, PartialEq)]
pub struct Readings {
    /// From files.
    pub system: System,
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
            is_root: is_root(),
            cores: affinity::cores(),
            page_bytes: page_bytes(),
            features: Features::try_all(),
            sources: need.sources.iter().map(|source| owner(*source)).collect(),
            targets: need.targets.iter().map(|target| owner(target.ip())).collect(),
            socket_bytes: stated,
        };
        let mut readings = Self { system, trials };
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

    /// Whether what is loaded shares this box.
    pub fn is_target_here(&self, need: &Need) -> bool {
        need.stand_in.is_some() || self.trials.targets.iter().any(|(_, owner)| *owner == Owner::ThisBox)
    }
}

fn is_root() -> bool {
    // SAFETY: geteuid takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

fn page_bytes() -> u64 {
    // SAFETY: sysconf takes no pointer and has no precondition.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(page).unwrap_or(4096)
}
