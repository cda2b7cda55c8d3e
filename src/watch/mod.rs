//! The servers' side of a run: what is watched beside the sessions, and how it is judged.
//!
//! A [`Source`] is asked every few seconds, on a thread of its own; what it reads goes to [`Item`]s,
//! which are judged once the run is over. [`mod@file`] reads the list of them, [`spec`] knows the kinds of
//! sources. Knows no session. Invariants: a source has a deadline and delays neither another source
//! nor the run; what was not seen is "not measured", with what would have to be done to see it, and
//! never passes; no secret is printed.

mod advice;
pub mod builtin;
mod fetch;
pub mod file;
pub mod item;
pub mod judge;
pub mod log;
pub mod metrics;
pub mod nginx;
mod open;
pub mod page;
mod place;
mod presence;
pub mod prometheus;
pub mod query;
mod rate;
pub mod redis;
pub mod requests;
pub mod running;
pub mod source;
pub mod spec;
pub mod tcp;
mod thread;

pub use file::{Watch, Watched};
pub use item::{Beyond, Item, Judge, Limits, Requests, What};
pub use place::Secret;
pub use running::{Seen, SeenItem, SeenSource, Stage, Watching};
pub use source::{Event, EventKind, Reading, Source, Unseen};
pub use spec::{Network, Spec};
