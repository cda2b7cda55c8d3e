//! The phases of a run, in their order.
//!
//! Decides nothing: the engine moves a run from one to the next. Invariant: a phase is never
//! entered twice.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Sessions arrive.
    Ramp,
    /// All have started; some are not open or failed yet.
    Settle,
    /// All are settled and are held; what is judged.
    Hold,
    /// Accounts are closed; sessions leave.
    RampDown,
}

impl Phase {
    /// The name in results and on the terminal.
    pub fn key(self) -> &'static str {
        match self {
            Self::Ramp => "ramp",
            Self::Settle => "settle",
            Self::Hold => "hold",
            Self::RampDown => "ramp-down",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}
