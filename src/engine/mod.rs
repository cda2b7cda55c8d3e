//! The shell around the sessions: workers, epoll, sockets, timers, arrivals.
//!
//! The only place that reads a clock or owns a socket on the client's side; what a session does next is
//! [`crate::session`]'s to say. [`affinity`], [`alarm`], [`clock`], [`descriptors`] and [`timers`] serve the mock server's loop too.
//! What the box can do is tried here as well, before a run: [`features`] and [`socket_bytes`].
//! Invariant: a socket is made, used and dropped by one worker, and workers share nothing on the hot path.

pub mod arrivals;
mod control;
mod hosts;
mod link;
pub mod observe;
mod outcome;
mod pool;
pub mod ports;
mod run;
mod secure;
mod sockets;
mod worker;

pub use hosts::{Addresses, Hosts};
pub use outcome::{EngineError, Outcome, RampDownOutcome, RunReadings, Second, Sources};
pub use run::{layout_of, run};
pub use secure::{Probe as TlsProbe, Trust, TrustError, fault_of as tls_fault_of, probe as tls_probe};
