//! Is everything there for a test? The guide's checklist as data: what was found, what has to be, verdict, remedy.
//!
//! A small file per group of items, each of which turns readings into [`Check`]s; what was asked, and how, is `cli`'s. Opens no
//! socket and reads no clock. Invariants: whatever is not ok says why; an item that hangs on a failed one is
//! [`Verdict::Unknown`] and names it; text of a server's is cleaned of control characters before it is shown.

pub mod certificate;
pub mod challenge;
pub mod clock;
pub mod members;
mod places;
pub mod target;
pub mod text;
pub mod this_box;
pub mod unfound;
pub mod watch;
mod words;
mod zone;

use jiff::Timestamp;
use serde::Serialize;

pub use crate::doctor::{Check, Figure, Remedy, Verdict};
pub use words::clean;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The target's URL.
    pub target: String,
    /// When the asking began, by this box's clock.
    pub asked_at: Timestamp,
    /// Whether somebody asked for the end before everything was looked at.
    pub interrupted: bool,
    /// The worst of the checks', unknown ones left out.
    pub verdict: Verdict,
    /// In the order in which they hang on each other.
    pub checks: Vec<Check>,
}

impl Report {
    /// Of these checks, which are all.
    pub fn new(target: String, asked_at: Timestamp, checks: Vec<Check>) -> Self {
        Self { target, asked_at, interrupted: false, verdict: Verdict::worst(&checks), checks }
    }
}
