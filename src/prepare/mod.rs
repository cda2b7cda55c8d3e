//! What has to be there before a run: members, a challenge, everyone's place in it.
//!
//! Decides and writes text; sends nothing, which is `cli`'s to do with the engine and a library. Invariant: whatever is
//! decided here can be done again without harm.

pub mod answers;
pub mod bar;
pub mod calendar;
pub mod challenge;
pub mod create;
pub mod csv_files;
pub mod files;
pub mod gate;
pub mod journal;
pub mod look_up;
pub mod meaning;
pub mod new_challenge;
pub mod places;
pub mod prepared;
pub mod retry;
pub mod rounds;
pub mod sql;
pub mod start;
pub mod step;
