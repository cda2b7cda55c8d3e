//! What has to be there before a run: members, a challenge, everyone's place in it.
//!
//! Decides and writes text; sends nothing, which is `cli`'s to do with the engine and a library. Invariant: whatever is
//! decided here can be done again without harm.

pub mod calendar;
pub mod challenge;
pub mod csv_files;
pub mod meaning;
pub mod places;
pub mod retry;
pub mod sql;
pub mod start;
