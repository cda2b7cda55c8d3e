//! What decides, while a run goes on, which stages follow those that its plan has.
//!
//! Knows no worker and no socket. Invariant: what has begun is not changed but for one thing: a level
//! that is held may be held for a shorter time.

use super::stages::StageReading;
use crate::plan::shape::{Shape, Stage};

/// Decides. The last stage that is known so far is the time in which to do so.
pub trait Course {
    /// Whether the level that is held now need not be held any longer.
    fn is_decided(&self) -> bool;

    /// Returns the stages that follow; none: the run is over. All of what was recorded before the last one
    /// is in these, but of workers that are late. `shape`: the stages as they were played.
    fn next(&self, so_far: &[StageReading], shape: &Shape) -> Vec<Stage>;
}
