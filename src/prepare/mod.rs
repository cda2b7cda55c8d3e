//! What a run needs: members, a challenge, and each member's place in it.
//!
//! The steps and their rules; options, printing and exit statuses are `app`'s. Invariant: every step except the one that
//! creates a challenge can be repeated without harm.

pub mod answers;
pub mod bar;
pub mod calendar;
pub mod challenge;
pub mod create;
pub mod csv_files;
pub mod files;
mod gate;
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
