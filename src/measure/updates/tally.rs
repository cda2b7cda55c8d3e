//! Sums of updates, by the second in which their messages were sent.
//!
//! Knows no pair. Invariant: merging tallies gives what counting everything in one place would have
//! given; what is expected is computed of sums, never counted pair by pair.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An observer expects updates of messages sent until the third last second before it closed: the
/// others had two whole seconds.
pub const SETTLES_SECONDS: u32 = 3;

/// What was counted of updates in some time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UpdateTally {
    /// Messages sent whose updates the others are to receive.
    pub sent: u64,
    /// Updates of a pair that came again.
    pub duplicate: u64,
    /// Updates that came after one of a later message of the same member.
    pub reordered: u64,
    /// Updates of messages that were sent before the observer counted as there.
    pub early: u64,
    /// Updates whose value none of the member's last messages had.
    pub unknown: u64,
    /// Updates of members that are not in this run, or not in the observer's challenge.
    pub strangers: u64,
    /// Updates of the observer's own messages, which are for everyone else.
    pub own: u64,
    seconds: BTreeMap<u32, BySecond>,
    #[serde(with = "crate::measure::listed")]
    groups: BTreeMap<(u64, u32), InGroup>,
}

/// Of a second, as differences: a close takes back what it makes unexpected.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct BySecond {
    /// Expected updates that came.
    pub received: i64,
    /// Messages of sessions that would have expected their own updates.
    pub own: i64,
}

/// Of a second and a challenge.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct InGroup {
    /// Messages sent.
    pub sent: u64,
    /// Observers that expect updates from here on, less those that no longer do.
    pub observers: i64,
}

/// Expected updates, of messages sent in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpdateSums {
    /// Messages whose updates are expected.
    pub sent: u64,
    /// Updates expected: each from each other open session of the challenge.
    pub expected: u64,
    /// Of these, the ones that came.
    pub received: u64,
}

impl UpdateSums {
    /// Updates that did not come.
    pub fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }
}

impl UpdateTally {
    pub(super) fn second(&mut self, second: u32) -> &mut BySecond {
        self.seconds.entry(second).or_default()
    }

    pub(super) fn group(&mut self, challenge: u64, second: u32) -> &mut InGroup {
        self.groups.entry((challenge, second)).or_default()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.sent == 0 && self.seconds.is_empty() && self.groups.is_empty() && self.unknown == 0
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        // Taken apart in full, so that a figure added later cannot be forgotten here.
        let Self { sent, duplicate, reordered, early, unknown, strangers, own, seconds, groups } = other;
        self.sent += sent;
        self.duplicate += duplicate;
        self.reordered += reordered;
        self.early += early;
        self.unknown += unknown;
        self.strangers += strangers;
        self.own += own;
        for (second, theirs) in seconds {
            let mine = self.second(*second);
            mine.received += theirs.received;
            mine.own += theirs.own;
        }
        for (&(challenge, second), theirs) in groups {
            let mine = self.group(challenge, second);
            mine.sent += theirs.sent;
            mine.observers += theirs.observers;
        }
    }

    /// What was expected of the messages sent in each second. While a run goes on, the last seconds are
    /// not settled yet: leave out those after `second - SETTLES_SECONDS`.
    pub fn by_second(&self) -> BTreeMap<u32, UpdateSums> {
        let mut all = BTreeMap::<u32, UpdateSums>::new();
        let (mut challenge, mut observers) = (None, 0_i64);
        for ((of, second), group) in &self.groups {
            if challenge != Some(of) {
                (challenge, observers) = (Some(of), 0);
            }
            observers += group.observers;
            if group.sent > 0 {
                let sums = all.entry(*second).or_default();
                sums.sent += group.sent;
                sums.expected += group.sent * observers.max(0).cast_unsigned();
            }
        }
        for (second, counted) in &self.seconds {
            let sums = all.entry(*second).or_default();
            sums.expected = sums.expected.saturating_add_signed(-counted.own);
            sums.received = counted.received.max(0).cast_unsigned();
        }
        all
    }

    /// What was expected of all messages up to a second, itself included.
    pub fn up_to(&self, second: u32) -> UpdateSums {
        let mut all = UpdateSums::default();
        for sums in self.by_second().range(..=second).map(|(_, sums)| sums) {
            all.sent += sums.sent;
            all.expected += sums.expected;
            all.received += sums.received;
        }
        all
    }

    /// What was expected of the messages that are settled in the middle of a run, by the latest second
    /// that was counted.
    pub fn settled_sums(&self) -> UpdateSums {
        let latest = self.groups.keys().map(|(_, second)| *second);
        let latest = latest.chain(self.seconds.keys().copied()).max();
        latest.and_then(Self::settled).map_or_else(UpdateSums::default, |second| self.up_to(second))
    }

    /// Expected updates that came in this time, of messages sent at any time.
    pub fn received(&self) -> i64 {
        self.seconds.values().map(|second| second.received).sum()
    }

    /// The last second that is settled in the middle of a run, which is in the second `now`; none
    /// before. Workers hand over up to a second late.
    pub fn settled(now: u32) -> Option<u32> {
        now.checked_sub(SETTLES_SECONDS + 2)
    }
}
