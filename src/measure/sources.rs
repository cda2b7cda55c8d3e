//! Counts of the connections of a source address.
//!
//! Knows no address: the caller keeps the counts in the plan's order.

use std::ops::AddAssign;

/// The connections of one source address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceCounts {
    /// Begun.
    pub begun: u64,
    /// Of these, the ones to which nothing answered within their step's timeout.
    pub unanswered: u64,
}

impl AddAssign for SourceCounts {
    fn add_assign(&mut self, other: Self) {
        self.begun += other.begun;
        self.unanswered += other.unanswered;
    }
}
