//! The shell around the sessions: workers, epoll, sockets, timers, arrivals.
//!
//! The only place that reads a clock or owns a socket on the client's side; what a session does next is
//! [`crate::session`]'s to say. [`affinity`], [`alarm`], [`clock`] and [`timers`] serve the stand-in's loop too.
//! Invariant: a socket is made, used and dropped by one worker, and workers share nothing on the hot path.

pub mod affinity;
pub mod alarm;
pub mod arrivals;
pub mod clock;
mod control;
mod link;
pub mod observe;
mod ports;
mod run;
mod sockets;
pub mod timers;
mod worker;

use std::net::IpAddr;

use arrivals::Arrivals;
use observe::Books;
use ports::Ports;
pub use run::{EngineError, Outcome, RampDownOutcome, Second, Standing, layout_of, run};

use crate::plan::members::Members;
use crate::session::{Endpoint, Script};

/// The addresses of the script's hosts, resolved before the run.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// By index of [`Script::hosts`]; never empty.
    pub hosts: Vec<Vec<IpAddr>>,
}

impl Addresses {
    fn of(&self, endpoint: Endpoint) -> &[IpAddr] {
        &self.hosts[usize::from(endpoint.host)]
    }
}

/// What a worker starts with.
struct WorkerSetup<'p> {
    script: &'p Script,
    members: &'p Members,
    addresses: &'p Addresses,
    arrivals: Arrivals,
    ports: Ports,
    books: Books,
    seed: u64,
}
