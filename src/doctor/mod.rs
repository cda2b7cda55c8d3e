//! Checks whether this machine can run a plan: each limit with its reading, the plan's need, a
//! verdict and the fixes.
//!
//! [`need::Need`] is what a plan needs, [`readings::Readings`] what this machine has; [`examine`]
//! compares the two, a small file for each group of limits. Opens no socket: [`crate::engine`]
//! tries what must be tried, and nothing ever connects to the target. Invariants: judging is pure,
//! so tests make readings up; a limit that cannot be read is [`Verdict::Unknown`] with the reason,
//! and never a failure of the doctor; [`Verdict::Refuse`] is for plans that cannot fit, and for
//! nothing else.

mod backlog;
mod conntrack;
mod cpu;
mod descriptors;
mod features;
mod fixes;
mod memory;
pub mod need;
mod neighbours;
mod ports;
pub mod readings;
mod routes;
mod sources;
pub mod text;
mod threads;

use std::path::Path;

use serde::Serialize;

pub use crate::checks::{Check, Verdict};
pub use cpu::BROADCAST_LOAD;
pub use need::Need;
pub use readings::Readings;

/// What the doctor found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The worst of the checks, unknown ones left out: a limit that cannot be read stops nobody.
    pub verdict: Verdict,
    /// In the order in which a run would meet the limits.
    pub checks: Vec<Check>,
}

/// Whether to open some thousand sockets, to measure what one costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketTrial {
    /// Always.
    Always,
    /// Where sockets, by the stated figure, take so much memory that their cost may decide the
    /// verdict.
    IfClose,
}

/// Compares what a plan needs with what this machine has, whose files are read under `root`.
pub fn examine_this_machine(need: &Need, root: &Path, trial: SocketTrial) -> Report {
    let mut readings = Readings::of_this_machine(root, need);
    if trial == SocketTrial::Always || memory::is_measuring_worthwhile(need, &readings) {
        readings.measure_sockets();
    }
    examine(need, &readings)
}

/// Compares what a plan needs with these readings.
pub fn examine(need: &Need, readings: &Readings) -> Report {
    let groups = [
        descriptors::checks(need, readings),
        threads::checks(need, readings),
        sources::checks(need, readings),
        routes::checks(need, readings),
        ports::checks(need, readings),
        conntrack::checks(need, readings),
        backlog::checks(need, readings),
        neighbours::checks(need, readings),
        memory::checks(need, readings),
        cpu::checks(need, readings),
        features::checks(need, readings),
    ];
    Report::of(groups.into_iter().flatten().collect())
}

/// The checks of [`examine`] whose limits are kernel settings: all that `startline tune` looks after.
pub fn examine_settings(need: &Need, readings: &Readings) -> Report {
    let groups = [
        descriptors::checks(need, readings),
        threads::checks(need, readings),
        ports::checks(need, readings),
        conntrack::checks(need, readings),
        backlog::checks(need, readings),
        neighbours::checks(need, readings),
    ];
    Report::of(groups.into_iter().flatten().collect())
}

/// Returns the command of `startline tune` that writes what this plan needs.
#[cfg(test)]
pub(crate) fn tune_command(need: &Need, readings: &Readings) -> crate::checks::Fix {
    fixes::tune(need, readings).expect("its options can say it")
}

impl Report {
    fn of(checks: Vec<Check>) -> Self {
        Self { verdict: Verdict::worst(&checks), checks }
    }

    /// The checks with this verdict.
    pub fn with(&self, verdict: Verdict) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(move |check| check.verdict == verdict)
    }
}

#[cfg(test)]
mod tests;
