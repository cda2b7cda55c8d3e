//! Who learned of whom: every pair of observer and member, counted apart.
//!
//! Each observer must learn of each other member at least once, in the open message's list or by an
//! announcement. Knows member numbers only, no messages. Invariant: totals come from pairs, so a loss
//! can never cancel a duplicate.

use std::sync::Arc;

use crate::plan::members::Members;

/// Sessions by number, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSet {
    words: Vec<u64>,
}

impl SessionSet {
    /// An empty set with room for sessions 0 to `count` - 1.
    pub fn new(count: u32) -> Self {
        Self { words: vec![0; (count as usize).div_ceil(64)] }
    }

    /// Adds a session; `true` if it was not in.
    pub fn insert(&mut self, session: u32) -> bool {
        let word = &mut self.words[session as usize / 64];
        let bit = 1u64 << (session % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether the session is in.
    pub fn contains(&self, session: u32) -> bool {
        self.words.get(session as usize / 64).is_some_and(|word| word & (1u64 << (session % 64)) != 0)
    }

    /// Adds all of another set of the same size.
    pub fn union(&mut self, other: &Self) {
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }
}

/// The pairs of one worker's observers.
#[derive(Debug)]
pub struct Ledger {
    _members: Arc<Members>,
}

impl Ledger {
    /// A ledger for those sessions of one worker that observe (see [`observers`]), of `sessions` in all. Its
    /// memory is taken and touched here.
    pub fn new(members: Arc<Members>, sessions: u32, observers: &[u32]) -> Self {
        let _ = (sessions, observers);
        Self { _members: members }
    }

    /// The open message of `session` listed this member.
    pub fn listed(&mut self, session: u32, member_id: u64) {
        let _ = (session, member_id);
    }

    /// An announcement to `session` said that this member entered.
    pub fn entered(&mut self, session: u32, member_id: u64) {
        let _ = (session, member_id);
    }

    /// Judges the pairs of observers and members that were both open when accounts closed.
    pub fn close(self, open: &SessionSet) -> LedgerTotals {
        let _ = open;
        LedgerTotals::default()
    }
}

/// The pairs of a run. `expected = seen + missing`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerTotals {
    /// Sessions that observed and were open at the close.
    pub observers: u64,
    /// Pairs of an observer and another member, both open at the close, in the same challenge.
    pub expected: u64,
    /// Of these, pairs where the observer learned of the member, listed or announced.
    pub seen: u64,
    /// Of these, pairs both listed and announced: the server's race, harmless.
    pub overlap: u64,
    /// Pairs neither listed nor announced.
    pub missing: u64,
    /// Announcements (or listings) of a pair beyond its first of that kind.
    pub duplicate: u64,
    /// Announcements and listings of ids that are not in this run.
    pub strangers: u64,
    /// The first few missing pairs: observer's and member's ids.
    pub missing_samples: Vec<(u64, u64)>,
}

impl LedgerTotals {
    /// Adds another worker's pairs.
    pub fn add(&mut self, other: &Self) {
        let _ = other;
    }
}

/// Which of `sessions` observe: all up to 10,000, 64 evenly spread ones beyond.
pub fn observers(sessions: u32) -> Vec<u32> {
    if sessions <= 10_000 {
        return (0..sessions).collect();
    }
    (0..64u32).map(|k| (u64::from(k) * u64::from(sessions) / 64) as u32).collect()
}
