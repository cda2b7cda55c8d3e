//! How each session ended, by its number: for runs in which sessions matter one by one, as when places are taken.
//!
//! Kept only if asked for, since a million sessions have a million. Invariant: a session has one fate at most.

use crate::fault::Fault;

/// A session's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has done all its steps.
    Completed,
    /// It failed in this step.
    Failed {
        /// Index into [`super::Layout::steps`].
        step: u8,
        /// What happened.
        fault: Fault,
    },
    /// The run ended before it did.
    Abandoned {
        /// The step whose request had gone out and was not answered, if one had.
        asked: Option<u8>,
    },
}
