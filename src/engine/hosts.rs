//! The hosts that sessions may be led to, and where they are.
//!
//! Resolved before the run: the engine asks no resolver. Invariant: each of [`Hosts::names`] has
//! its entry in [`Addresses::hosts`].

use std::net::IpAddr;

use super::secure::Trust;
use crate::session::Endpoint;

/// The addresses of the script's hosts, resolved before the run.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// By index of [`crate::session::Script::hosts`]; empty only where a host is known by `given` alone.
    pub hosts: Vec<Vec<IpAddr>>,
    /// Addresses given in place of what a name resolves to, by the host's index and port.
    pub given: Vec<(u16, u16, Vec<IpAddr>)>,
}

impl Addresses {
    pub(super) fn of(&self, endpoint: Endpoint) -> &[IpAddr] {
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
    /// Where they are besides, by a family to which this machine has no route: not used.
    pub left_out: Vec<(String, IpAddr)>,
    /// The CA certificates to trust there; none when this machine has none and the target needs
    /// none.
    pub trust: Option<Trust>,
}
