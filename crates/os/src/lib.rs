//! Everything that `startline` and its mock server ask the Linux kernel, and the units that both
//! count in.
//!
//! Start with [`system`] (what `/proc` and `/sys` say), [`descriptors`] (a table a worker) and
//! [`alarm`] (a poll's timer). [`features`] and [`socket_memory`] find out by trying. Knows no
//! session, no scenario, no plan and no mock; decides nothing. Invariant: a reading that fails is
//! that reading's error, never a panic.

pub mod affinity;
pub mod alarm;
pub mod calendar;
pub mod clock;
pub mod dependent;
pub mod descriptors;
pub mod features;
pub mod heap;
pub mod port_range;
pub mod process;
pub mod routes;
pub mod silence;
pub mod socket_memory;
pub mod socket_options;
pub mod spawn;
pub mod system;
pub mod tick;
pub mod time_wait;
pub mod timers;
pub mod units;
pub mod user;
pub mod wall_clock;
