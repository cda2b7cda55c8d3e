//! What the process ends with.
//!
//! Invariant: the numbers are documented in every command's help, and never change their meaning.

use std::process::ExitCode;

use crate::report::Verdict;

/// How a run ended, as the process says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Every criterion was met. Warnings do not count against it.
    Passed = 0,
    /// At least one criterion was not met.
    Failed = 1,
    /// The arguments are wrong, or the plan does not fit this machine or the challenge. Nothing was opened.
    Refused = 2,
    /// Inconclusive: the load generator was overloaded, or the run was stopped early.
    Inconclusive = 3,
}

impl ExitStatus {
    /// What a run's verdict means to whoever started it.
    pub fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Passed,
            Verdict::Fail => Self::Failed,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}
