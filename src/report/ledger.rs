//! Broadcasts by pair, as results have them.
//!
//! Copies what was judged. Invariant: `expected = seen + missing`.

use serde::{Deserialize, Serialize};

use super::shape::ShapeResult;
use crate::measure::ledger::LedgerTotals;
use crate::members::MemberName;

/// Pairs of an observer and another member, both open at the close: `expected = seen + missing`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerResult {
    /// Sessions that observed.
    pub observers: u64,
    /// Pairs.
    pub expected: u64,
    /// Where the observer learned of the member.
    pub seen: u64,
    /// Both listed and announced: the server's race, harmless.
    pub overlap: u64,
    /// Where it did not.
    pub missing: u64,
    /// Announced more than once.
    pub duplicate: u64,
    /// Announcements of ids that are not in this run.
    pub strangers: u64,
    /// Announcements of the observer itself.
    pub own: u64,
    /// The first few missing pairs.
    pub missing_samples: Vec<MissingPair>,
    /// Members announced as gone whose sessions were open here when accounts closed.
    pub gone_while_open: u64,
    /// The first 20 of them.
    pub gone_samples: Vec<MemberName>,
    /// Which broadcasts are missing, between which servers and when.
    #[serde(default)]
    pub shape: ShapeResult,
}

/// An observer who never learned of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingPair {
    /// The observer's member id.
    pub observer: MemberName,
    /// The id it never learned of.
    pub member: MemberName,
}

impl LedgerResult {
    /// Of what was judged.
    pub(super) fn new(totals: &LedgerTotals) -> Self {
        let pair = |(observer, member): &(MemberName, MemberName)| MissingPair {
            observer: observer.clone(),
            member: member.clone(),
        };
        Self {
            observers: totals.observers,
            expected: totals.expected,
            seen: totals.seen,
            overlap: totals.overlap,
            missing: totals.missing,
            duplicate: totals.counts.duplicate,
            strangers: totals.counts.strangers,
            own: totals.counts.own,
            missing_samples: totals.missing_samples.iter().map(pair).collect(),
            gone_while_open: totals.gone_while_open,
            gone_samples: totals.gone_samples.clone(),
            shape: ShapeResult::new(&totals.shape, &totals.counts),
        }
    }
}
