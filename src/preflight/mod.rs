//! Checks a test's surroundings, as the guide's checklist asks: the servers, the members, the
//! challenge, what is watched.
//!
//! A small file for each group of checks turns readings into [`Check`]s; [`crate::app`] asks for
//! the readings. Opens no socket and reads no clock. Invariants: whatever is not ok says why; a
//! check that was not made, since another one failed, says so ([`Check::skipped`]); a server's text
//! is cleaned of control characters before it is shown.

pub mod certificate;
pub mod challenge;
pub mod clock;
mod format;
pub mod look_up;
pub mod members;
mod participants;
pub mod target;
pub mod text;
pub mod this_machine;
pub mod watch;
mod zone;

use jiff::Timestamp;
use serde::Serialize;

use crate::checks::{Check, Verdict};
pub use format::clean;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The target's URL.
    pub target: String,
    /// When preflight began, by this machine's clock.
    pub asked_at: Timestamp,
    /// Whether somebody interrupted it before all checks were made.
    pub interrupted: bool,
    /// The worst of the checks, unknown ones left out.
    pub verdict: Verdict,
    /// In the order in which they depend on each other.
    pub checks: Vec<Check>,
}

impl Report {
    /// A report of all checks.
    pub fn new(target: String, asked_at: Timestamp, checks: Vec<Check>) -> Self {
        Self { target, asked_at, interrupted: false, verdict: Verdict::worst(&checks), checks }
    }
}
