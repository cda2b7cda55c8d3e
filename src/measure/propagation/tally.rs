//! What was measured of announcements in some time: the same for a second and for a run.
//!
//! Invariant: adding gives what measuring everything in one place would have given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::Latencies;
use super::super::acts::Deed;

/// By deed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Propagated {
    /// By [`Deed::index`]; shorter where nothing was measured.
    pub(super) echoes: Vec<Echo>,
}

/// The announcements of one deed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Echo {
    /// From the act to each receiver, by the acting session's server and the receiver's.
    #[serde(with = "crate::measure::listed")]
    pub pairs: BTreeMap<(String, String), Latencies>,
    /// From the act to its first receiver.
    pub first: Latencies,
    /// From the act to its last receiver.
    pub last: Latencies,
    /// Announcements in whose time this machine stood still: not timed.
    pub stalled: u64,
    /// Those of members that had not acted yet: not timed.
    pub early: u64,
    /// Those of no act at hand: of an earlier one, or of one that no session here did. Not timed.
    pub unmatched: u64,
    /// Acts of which an announcement was stalled: not in `first` and `last`.
    pub acts_stalled: u64,
}

impl Propagated {
    /// What was measured of a deed; `None` if nothing was.
    pub fn of(&self, deed: Deed) -> Option<&Echo> {
        self.echoes.get(deed.index())
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        if self.echoes.len() < other.echoes.len() {
            self.echoes.resize_with(other.echoes.len(), Echo::default);
        }
        for (mine, theirs) in self.echoes.iter_mut().zip(&other.echoes) {
            mine.add(theirs);
        }
    }
}

impl Echo {
    fn add(&mut self, other: &Self) {
        // Taken apart in full, so that a figure added later cannot be forgotten here.
        let Self { pairs, first, last, stalled, early, unmatched, acts_stalled } = other;
        for (servers, delays) in pairs {
            match self.pairs.get_mut(servers) {
                Some(known) => known.add(delays),
                None => {
                    self.pairs.insert(servers.clone(), delays.clone());
                }
            }
        }
        self.first.add(first);
        self.last.add(last);
        self.stalled += stalled;
        self.early += early;
        self.unmatched += unmatched;
        self.acts_stalled += acts_stalled;
    }

    /// From the act to each receiver, of all servers.
    pub fn all(&self) -> Latencies {
        let mut all = Latencies::default();
        self.pairs.values().for_each(|pair| all.add(pair));
        all
    }
}
