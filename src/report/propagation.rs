//! How long announcements took, as results.
//!
//! Knows which acts are announced from the layout. Invariant: each act that the scenario says is
//! announced has an entry, also where nobody acted.

use serde::{Deserialize, Serialize};

use super::latencies::latency;
use super::{LatencyResult, Ordered};
use crate::measure::Layout;
use crate::measure::propagation::{Echo, Propagated};

/// From the instant at which a session acts to that at which others receive its announcement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PropagationResult {
    /// The kinds of messages that announce it.
    pub kinds: Vec<String>,
    /// Announcements timed: one for each receiver.
    pub received: u64,
    /// From the act to each of these.
    #[serde(flatten)]
    pub each: LatencyResult,
    /// Acts with a first and a last receiver; 0 where only some sessions observe.
    pub acts: u64,
    /// From the act to its first receiver.
    pub first: LatencyResult,
    /// From the act to its last receiver.
    pub last: LatencyResult,
    /// Announcements in whose time this machine stalled: not timed.
    pub stalled: u64,
    /// Acts of which one was stalled: in neither `first` nor `last`.
    pub acts_stalled: u64,
    /// Announcements of members that had not acted yet: not timed.
    pub early: u64,
    /// Announcements that match no recent act, such as one before the last: not timed.
    pub unmatched: u64,
    /// By the acting session's server and the receiver's.
    pub by_servers: Vec<ServersResult>,
}

/// The announcements from one server's sessions to those of another, or of the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServersResult {
    /// The acting session's server.
    pub from: String,
    /// The receiver's.
    pub to: String,
    /// Announcements timed.
    pub received: u64,
    /// From the act to each of these.
    #[serde(flatten)]
    pub each: LatencyResult,
}

/// The result of each announced act.
pub(super) fn result(propagated: &Propagated, layout: &Layout) -> Ordered<PropagationResult> {
    let nothing = Echo::default();
    let one = |announced: &crate::measure::AnnouncedName| {
        let echo = propagated.of(announced.deed).unwrap_or(&nothing);
        let all = echo.all();
        let result = PropagationResult {
            kinds: announced.kinds.clone(),
            received: all.count(),
            each: latency(&all),
            acts: echo.last.count(),
            first: latency(&echo.first),
            last: latency(&echo.last),
            stalled: echo.stalled,
            acts_stalled: echo.acts_stalled,
            early: echo.early,
            unmatched: echo.unmatched,
            by_servers: by_servers(echo),
        };
        (announced.name.clone(), result)
    };
    layout.announced.iter().map(one).collect()
}

fn by_servers(echo: &Echo) -> Vec<ServersResult> {
    let pairs = echo.pairs.iter().map(|((from, to), delays)| ServersResult {
        from: from.clone(),
        to: to.clone(),
        received: delays.count(),
        each: latency(delays),
    });
    pairs.collect()
}
