//! Sums that must close, and the sentence about one that does not.
//!
//! Knows no counter. Invariant: a sum that closes says nothing.

use crate::lang::{Reason, Sentence};

pub(super) fn equal(sum: Reason, left: u64, right: u64) -> Result<(), Sentence> {
    if left == right { Ok(()) } else { Err(unequal(sum, left, right)) }
}

pub(super) fn at_most(sum: Reason, left: u64, right: u64) -> Result<(), Sentence> {
    if left <= right { Ok(()) } else { Err(unequal(sum, left, right)) }
}

/// Says that a sum does not close.
pub(super) fn unequal(sum: Reason, left: u64, right: u64) -> Sentence {
    Reason::Unequal.with(sum).with(left.to_string()).with(right.to_string())
}
