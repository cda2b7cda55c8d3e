//! The shell around the sessions: workers, epoll, sockets, timers, arrivals.
//!
//! The only place that reads a clock or owns a socket on the client's side; what a session does next is
//! [`crate::session`]'s to say. [`affinity`], [`clock`] and [`timers`] serve the stand-in's loop too.
//! Invariant: a socket is made, used and dropped by one worker, and workers share nothing on the hot path.

pub mod affinity;
pub mod clock;
pub mod timers;
