//! Whether a target whose URL says http speaks TLS.
//!
//! Asks with a ClientHello, and sends nothing else. Invariant: each address is waited for at most `TIMEOUT`.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::engine::{Trust, tls_probe};
use crate::plan::{Plan, Tls};

/// For a connection, and for a handshake.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Returns what to do, if one of the target's addresses speaks TLS and its URL does not say so.
pub fn should_be_secure(plan: &Plan) -> Option<String> {
    let target = &plan.target;
    let is_plain = !target.is_secure();
    let there = target.addresses.iter().find(|address| is_plain && speaks_tls(plan, **address))?;
    let place = format!("{}:{}", target.host, target.port);
    Some(format!(
        "TLS answers at {there}: write https://{place}, or wss://{place} where a WebSocket's URL is given"
    ))
}

/// Returns whether the address shows a certificate, trusted or not.
pub fn speaks_tls(plan: &Plan, address: SocketAddr) -> bool {
    let tls = Tls { insecure: true, ..plan.tls.clone() };
    let Some(anyone) = Trust::new(&tls).ok() else { return false };
    let Ok(stream) = TcpStream::connect_timeout(&address, TIMEOUT) else { return false };
    tls_probe(&anyone, &tls, &plan.target.host, stream, TIMEOUT).certificate.is_some()
}
