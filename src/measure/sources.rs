//! Counts of the connections from a source address, and of those to an address of several.
//!
//! Knows no address: the caller keeps them.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// The connections of one source address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// The connections to one address of a host that has several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressCounts {
    /// Begun.
    pub begun: u64,
    /// Of these, the ones that came up.
    pub up: u64,
}

impl AddAssign for AddressCounts {
    fn add_assign(&mut self, other: Self) {
        self.begun += other.begun;
        self.up += other.up;
    }
}
