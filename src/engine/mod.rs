//! The shell around the sessions: workers, epoll, sockets, timers, arrivals.
//!
//! The only place that reads a clock or owns a socket on the client's side; [`crate::session`]
//! decides what a session does next. Knows no report and no command line: it hands over an
//! [`Outcome`]. Start with `run`, then `control` (the phases) and `worker` (the event loop).
//! Invariant: a socket is made, used and dropped by one worker, and workers share nothing on the
//! hot path.

mod beside;
mod control;
mod course;
mod hosts;
mod link;
pub mod lives;
pub mod observe;
mod outcome;
mod played;
mod pool;
pub mod ports;
mod run;
mod secure;
mod shape_clock;
pub mod single;
mod sockets;
mod stages;
mod worker;

pub use beside::Beside;
pub use course::Course;
pub use hosts::{Addresses, Hosts};
pub use outcome::{EngineError, Outcome, RampDownOutcome, RunReadings, Second, Sources, Steering};
pub use run::{layout_of, run, run_beside};
pub use secure::{
    Broken as TlsBroken, Own, Probe as TlsProbe, Trust, TrustError, fault_of as tls_fault_of,
    probe as tls_probe, sentence as tls_sentence,
};
pub use stages::StageReading;
