//! Can this box carry out a plan? Limits as data: reading, need, verdict, and the exact remedy.
//!
//! [`need::Need`] says what a plan takes, [`readings::Readings`] what this box has; [`examine`] holds one against the
//! other, a small file per group of limits. Opens no socket: what has to be tried is [`crate::engine`]'s to try, and no
//! target is ever connected to. Invariants: judging is pure, so tests make readings up; what cannot be read is
//! [`Verdict::Unknown`] with its reason and never a failure of the doctor's; [`Verdict::Refuse`] is for what cannot fit, and
//! nothing else.

mod backlog;
mod check;
mod conntrack;
mod cpu;
mod descriptors;
mod features;
mod memory;
pub mod need;
mod neighbours;
mod ports;
pub mod readings;
mod routes;
mod sources;
pub mod system;
pub mod text;
mod threads;
pub mod user;

use serde::Serialize;

pub use check::{Check, Figure, Remedy, Setting, Verdict};
pub use cpu::BROADCAST_LOAD;
pub use memory::is_measuring_worthwhile;
pub use need::Need;
pub use readings::Readings;

/// What the doctor found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The worst of the checks', unknown ones left out: what cannot be read stops nobody.
    pub verdict: Verdict,
    /// In the order in which a run would meet the limits.
    pub checks: Vec<Check>,
}

/// Holds what a plan takes against what this box has.
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
