//! The shell around the sessions: workers, epoll, sockets, timers, arrivals.
//!
//! The only place that reads a clock or owns a socket on the client's side; what a session does next is
//! [`crate::session`]'s to say. [`affinity`], [`alarm`], [`clock`], [`descriptors`] and [`timers`] serve the stand-in's loop too.
//! What the box can do is tried here as well, before a run: [`features`] and [`socket_bytes`].
//! Invariant: a socket is made, used and dropped by one worker, and workers share nothing on the hot path.

pub mod arrivals;
mod control;
mod link;
pub mod observe;
mod pool;
pub mod ports;
mod run;
mod secure;
mod sockets;
mod worker;

use std::net::IpAddr;

use arrivals::Arrivals;
use observe::Books;
use ports::Ports;
pub use run::{EngineError, Outcome, RampDownOutcome, Second, Sources, Standing, layout_of, run};
use secure::Secure;
pub use secure::{Look as TlsLook, Trust, TrustError, fault_of as tls_fault_of, look as tls_look};

use crate::plan::members::Members;
use crate::session::{Endpoint, Script};

/// The addresses of the script's hosts, resolved before the run.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// By index of [`Script::hosts`]; empty only where a host is known by `given` alone.
    pub hosts: Vec<Vec<IpAddr>>,
    /// By index of the host and port, what was given in place of what the name resolves to.
    pub given: Vec<(u16, u16, Vec<IpAddr>)>,
}

impl Addresses {
    fn of(&self, endpoint: Endpoint) -> &[IpAddr] {
        let fits =
            |(host, port, _): &&(u16, u16, Vec<IpAddr>)| (*host, *port) == (endpoint.host, endpoint.port);
        match self.given.iter().find(fits) {
            Some((_, _, addresses)) => addresses,
            None => &self.hosts[usize::from(endpoint.host)],
        }
    }
}

/// The hosts that sessions may be led to; the target's is the first.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// Their names, without brackets, in lower case.
    pub names: Vec<String>,
    /// Where they are.
    pub addresses: Addresses,
    /// Whom to trust there; none when this box has no CA certificates and the target needs none.
    pub trust: Option<Trust>,
}

/// What a worker starts with.
struct WorkerSetup<'p> {
    script: &'p Script,
    members: &'p Members,
    addresses: &'p Addresses,
    arrivals: Arrivals,
    ports: Ports,
    secure: Secure,
    /// HTTP connections that its sessions share; 0: each has its own.
    http_connections: u32,
    books: Books,
    seed: u64,
}
