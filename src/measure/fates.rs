//! How each session ended, by its number: for runs in which single sessions matter, as for joining.
//!
//! Kept only on request, since a million sessions have a million entries. Invariant: a session has
//! at most one.

use crate::fault::Fault;
use crate::scenario::StepIndex;

/// A session's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has done all its steps.
    Completed,
    /// It failed in this step.
    Failed {
        /// Index into [`super::Layout::steps`].
        step: StepIndex,
        /// What happened.
        fault: Fault,
    },
    /// The run ended before it did.
    Abandoned {
        /// The step whose request had gone out and was not answered, if one had.
        asked: Option<StepIndex>,
    },
}
