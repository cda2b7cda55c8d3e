//! The metrics of a run while it goes on, in OpenMetrics, for Prometheus to scrape.
//!
//! A [`View`] of snapshots: it knows no engine and opens no connection. The control thread stores a
//! small [`Reading`] a second and waits for nobody; threads of their own, of the lowest priority,
//! encode and serve it (`server`). [`families`] declares every metric once, and
//! `docs/metrics.md` lists the same. Invariant: whatever a scraper does, or fails to do, costs the
//! run no more than a few threads and connections.

mod buckets;
pub mod families;
mod page;
mod reading;
mod server;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use crate::measure::Counts;
use crate::plan::Plan;
use crate::report::view::{Snapshot, View};

pub use page::text;
pub use reading::Reading;

use page::Latest;

/// The path at which the metrics are.
pub const PATH: &str = "/metrics";

/// Why metrics cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program listens there.
    #[error(
        "--metrics {0}: another program listens there already; give another port, such as --metrics {ip}:0 for a free one",
        ip = display_ip(*.0)
    )]
    Taken(SocketAddr),
    /// A thread cannot start.
    #[error("--metrics {0}: {1}")]
    Threads(SocketAddr, io::Error),
    /// The kernel refuses for another reason.
    #[error(
        "--metrics {0}: cannot listen there: {1}; give an address of this machine, such as 127.0.0.1:9464"
    )]
    Refused(SocketAddr, io::Error),
}

/// Serves the metrics of a run, from before it begins until the process ends.
#[derive(Debug)]
pub struct Exporter {
    latest: Arc<Latest>,
    address: SocketAddr,
    /// What came after accounts closed: apart, as in the result.
    after: Counts,
}

impl Exporter {
    /// Listens at this address and nowhere else; port 0 takes a free one.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn listen(address: SocketAddr, plan: &Plan) -> Result<Self, ListenError> {
        let refused = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => ListenError::Taken(address),
            _ => ListenError::Refused(address, error),
        };
        let listener = TcpListener::bind(address).map_err(refused)?;
        let bound = listener.local_addr().map_err(refused)?;
        let latest = Arc::new(Latest::new(Reading::before(plan)));
        server::start(listener, &latest, server::PATIENCE)
            .map_err(|error| ListenError::Threads(address, error))?;
        Ok(Self { latest, address: bound, after: Counts::default() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl View for Exporter {
    fn show(&mut self, snapshot: &Snapshot<'_>) {
        if snapshot.second.is_after {
            self.after.add(&snapshot.interval.tally().counts);
        }
        self.latest.replace(Reading::of(snapshot, &self.after));
    }
}

/// As in an address with a port: IPv6 in brackets.
fn display_ip(address: SocketAddr) -> String {
    let with_port = address.to_string();
    with_port.rsplit_once(':').map_or_else(String::new, |(ip, _)| ip.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_with_what_to_do() {
        for (address, example) in [("127.0.0.1:9464", " 127.0.0.1:0 "), ("[::1]:9464", " [::1]:0 ")] {
            let told = ListenError::Taken(address.parse().expect("an address")).to_string();
            assert!(told.starts_with(&format!("--metrics {address}: another program")), "{told}");
            assert!(told.contains(&format!("--metrics{example}")), "{told}");
        }
    }
}
