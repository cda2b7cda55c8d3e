//! What will be done: arguments parsed once into a [`Plan`] that cannot be wrong.
//!
//! Opens no connection (the look-up of a real challenge is `cli`'s to ask for and to judge by
//! [`schedule`], as whether this box bears a plan is `cli`'s to ask [`crate::doctor`]). Invariant: a `Plan` that exists makes
//! sense as a whole; there are no half-states and no options left to default.

pub mod capacity;
pub mod http;
pub mod load;
pub mod member_files;
pub mod resolve;
pub mod roster;
pub mod schedule;
pub mod settings;
pub mod sources;
pub mod summary;
pub mod target;
pub mod tls;
pub mod zone;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::members;
use crate::members::Members;
use crate::scenario::Scenario;
pub use http::{Http, HttpMode};
pub use resolve::Resolve;
pub use settings::{PlanError, ScenarioSettings, Settings};
pub use sources::PortMethod;
pub use tls::{CaFile, KeyExchange, SuiteOrder, Tls};

/// A run, whole and checked.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What each session does.
    pub scenario: Arc<Scenario>,
    /// Where the HTTP steps go, and WebSocket URLs without a host.
    pub target: Target,
    /// Who takes part; session k is member k.
    pub members: Arc<Members>,
    /// Sessions to start.
    pub sessions: u32,
    /// From the first arrival to the last; session k starts at `ramp · k / sessions`.
    pub ramp: Duration,
    /// From all arrivals settled to the closing of accounts.
    pub hold: Duration,
    /// Over which the closes are spread.
    pub ramp_down: Duration,
    /// How sessions end.
    pub end: End,
    /// When given, each open session sends the scenario's record message at this interval.
    pub record_interval: Option<Duration>,
    /// Engine threads, each with a descriptor table of its own.
    pub workers: usize,
    /// Source addresses, gone round by connections; empty: the kernel's choice.
    pub sources: Vec<IpAddr>,
    /// How connections get their ports; none: as this kernel does best.
    pub ports: Option<PortMethod>,
    /// Seeds masking keys and everything else that is drawn.
    pub seed: u64,
    /// Hosts besides the target's that a handed-out URL may lead to.
    pub allow_hosts: Vec<String>,
    /// Prefix replacements for handed-out URLs, first match wins.
    pub ws_map: Vec<(String, String)>,
    /// The stand-in is ours and sends no broadcasts: the ledger is not kept.
    pub no_broadcast: bool,
    /// Addresses that were given for hosts, instead of what their names resolve to.
    pub resolve: Vec<Resolve>,
    /// How TLS is spoken, where a URL asks for it.
    pub tls: Tls,
    /// Which connections carry the HTTP steps.
    pub http: Http,
    /// How late this box may be itself (lag p99) for results to count; none: a tenth of the tightest timeout.
    pub lag_limit: Option<Duration>,
    /// How each session ended is told, not only how many did.
    pub keep_fates: bool,
}

impl Plan {
    /// Connections open at once at most, but for HTTP connections that are about to close.
    pub fn connections(&self) -> u32 {
        self.sessions.saturating_add(self.http.connections().saturating_mul(self.workers as u32))
    }
}

/// Where a run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `http` or `https`.
    pub scheme: String,
    /// Host as given, without port; an IPv6 address in brackets.
    pub host: String,
    /// Port, explicit or the scheme's.
    pub port: u16,
    /// What the host resolved to, at least one.
    pub addresses: Vec<SocketAddr>,
}

/// How sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// Close 1000: the member may re-enter.
    Close,
    /// The scenario's quit message first: the member is barred from this challenge.
    Quit,
}

/// Arrivals over time, as they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Sessions …
    pub count: u32,
    /// … in each of these.
    pub per: Duration,
}

impl Rate {
    /// How long so many sessions take to arrive, to the millisecond above.
    pub fn ramp(self, sessions: u32) -> Duration {
        let micros = self.per.as_micros() * u128::from(sessions);
        let millis = micros.div_ceil(u128::from(self.count.max(1)) * 1000);
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}
