//! What members were told of each other beside the ledger: updates of their messages, and who left.
//!
//! Copies what was judged. Invariants: `expected = received + missing`; servers are named, never
//! numbered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::MissingPair;
use crate::measure::membership::MembershipTotals;
use crate::measure::updates::{MissingUpdate, UpdateTally};
use crate::members::MemberName;
use crate::numbers;

/// Updates of periodic messages, by pair: `expected = received + missing`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UpdatesResult {
    /// Messages sent whose updates the others are to receive.
    pub sent: u64,
    /// Updates expected: of each message one at each other session that was open long enough before
    /// and after it.
    pub expected: u64,
    /// Of these, the ones that came.
    pub received: u64,
    /// … and that did not.
    pub missing: u64,
    /// `missing` over `expected`; `null` where none was expected.
    pub missing_share: Option<f64>,
    /// Updates of a pair that came again.
    pub duplicate: u64,
    /// Updates that came after one of a later message of the same member.
    pub out_of_order: u64,
    /// Updates of messages sent before the receiver was open long enough: not expected, harmless.
    pub early: u64,
    /// Updates whose value none of the member's last messages had.
    pub unknown: u64,
    /// Updates of members that have no session here.
    pub strangers: u64,
    /// Updates of the receiver's own messages.
    pub own: u64,
    /// The first few that are missing, of members' last messages.
    pub missing_samples: Vec<MissingUpdateResult>,
}

/// An update that did not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingUpdateResult {
    /// Who did not get it.
    pub observer: MemberName,
    /// Whose message it is of.
    pub member: MemberName,
    /// Which of its messages, from 1.
    pub number: u64,
    /// The second of the run in which that was sent.
    pub second: u64,
}

impl UpdatesResult {
    /// Of what was counted, as far as it is settled.
    pub(super) fn new(tally: &UpdateTally, is_over: bool, missing: &[MissingUpdate]) -> Self {
        let sums = if is_over { tally.up_to(u32::MAX) } else { tally.settled_sums() };
        let sample = |it: &MissingUpdate| MissingUpdateResult {
            observer: it.observer.clone(),
            member: it.member.clone(),
            number: it.number.into(),
            second: it.second.into(),
        };
        Self {
            sent: tally.sent,
            expected: sums.expected,
            received: sums.received,
            missing: sums.missing(),
            missing_share: (sums.expected > 0)
                .then(|| numbers::tidy(sums.missing() as f64 / sums.expected as f64)),
            duplicate: tally.duplicate,
            out_of_order: tally.reordered,
            early: tally.early,
            unknown: tally.unknown,
            strangers: tally.strangers,
            own: tally.own,
            missing_samples: missing.iter().take(SAMPLES_MAX).map(sample).collect(),
        }
    }
}

/// Missing updates named.
const SAMPLES_MAX: usize = 20;

/// Members announced as gone whose sessions were open, and sessions that closed unannounced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MembershipResult {
    /// Members announced as gone whose sessions were open, by the server of their session.
    pub gone_while_open: BTreeMap<String, u64>,
    /// Sessions that closed before the end and had to be announced by now.
    pub closed: u64,
    /// Sessions that closed too late for that: not judged.
    pub pending: u64,
    /// Pairs of an observer and a session that closed: the observer has to be told.
    pub expected: u64,
    /// Of these, the ones that were not.
    pub missing: u64,
    /// Sessions that closed and of which no observer was told.
    pub unannounced: u64,
    /// These by their server.
    pub unannounced_by_server: BTreeMap<String, u64>,
    /// How often sessions that had failed long before were listed, by the server of the session.
    pub still_listed: BTreeMap<String, u64>,
    /// The missing pairs by server of the session that closed and of the observer.
    pub missing_by_server: Vec<UntoldResult>,
    /// The first few missing pairs: who was not told, and of whom.
    pub missing_samples: Vec<MissingPair>,
}

/// Pairs of an observer and a session that closed, by server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UntoldResult {
    /// The server of the session that closed.
    pub from: String,
    /// The observers' server.
    pub to: String,
    /// Pairs.
    pub count: u64,
}

impl MembershipResult {
    /// Of what was judged.
    pub(super) fn new(totals: &MembershipTotals) -> Self {
        let untold = |((from, to), count): (&(String, String), &u64)| UntoldResult {
            from: from.clone(),
            to: to.clone(),
            count: *count,
        };
        let pair = |(observer, member): &(MemberName, MemberName)| MissingPair {
            observer: observer.clone(),
            member: member.clone(),
        };
        Self {
            gone_while_open: totals.gone_while_open.clone(),
            closed: totals.closed,
            pending: totals.pending,
            expected: totals.expected,
            missing: totals.missing,
            unannounced: totals.unannounced,
            unannounced_by_server: totals.unannounced_by_server.clone(),
            still_listed: totals.still_listed.clone(),
            missing_by_server: totals.missing_by_server.iter().map(untold).collect(),
            missing_samples: totals.samples.iter().map(pair).collect(),
        }
    }
}
