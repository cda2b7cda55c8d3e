//! Whether the options of a plan let its sessions shake hands with the target.
//!
//! Asks with a handshake of its own, and sends nothing else. Invariant: only what the options are to blame for is
//! found; what the servers must fix is for the load to count.

use std::net::TcpStream;
use std::time::Duration;

use crate::engine::{TlsBroken, Trust, tls_probe};
use crate::fault::Blame;
use crate::plan::Plan;

/// For a connection, and for a handshake.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Returns why every handshake fails, if the first address that can be connected to shows it.
pub fn refused(plan: &Plan, trust: Option<&Trust>) -> Option<TlsBroken> {
    let trust = trust.filter(|_| plan.target.is_secure())?;
    let connect = |address| TcpStream::connect_timeout(address, TIMEOUT).ok();
    let stream = plan.target.addresses.iter().find_map(connect)?;
    let broken = tls_probe(trust, &plan.tls, &plan.target.host, stream, TIMEOUT).broken?;
    (broken.fault.blame() == Blame::Scenario).then_some(broken)
}
