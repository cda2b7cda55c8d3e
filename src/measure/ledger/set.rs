//! Sessions by number, one bit each.
//!
//! Knows no pairs. Invariant: words beyond a set's own are empty, so sets of one run can be combined
//! word by word.

use crate::members::SessionNumber;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSet {
    words: Vec<u64>,
}

impl SessionSet {
    /// An empty set with room for sessions 0 to `count` - 1.
    pub fn new(count: u32) -> Self {
        Self { words: vec![0; (count as usize).div_ceil(64)] }
    }

    /// A set of these words, session 0 in the lowest bit of the first.
    pub fn of(words: impl Iterator<Item = u64>) -> Self {
        Self { words: words.collect() }
    }

    /// Adds a session; `true` if it was not in.
    pub fn insert(&mut self, session: SessionNumber) -> bool {
        let word = &mut self.words[session.index() / 64];
        let bit = 1u64 << (session.0 % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether the session is in.
    pub fn contains(&self, session: SessionNumber) -> bool {
        self.words.get(session.index() / 64).is_some_and(|word| word & (1u64 << (session.0 % 64)) != 0)
    }

    /// How many are in.
    pub fn len(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether none is in.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Those that are in, in order.
    pub fn iter(&self) -> impl Iterator<Item = SessionNumber> {
        let numbers = |(k, word): (usize, &u64)| ones(*word).map(move |bit| (k * 64 + bit) as u32);
        self.words.iter().enumerate().flat_map(numbers).map(SessionNumber)
    }

    /// Sessions 64 k to 64 k + 63, the first in the lowest bit.
    pub fn word(&self, k: usize) -> u64 {
        self.words.get(k).copied().unwrap_or(0)
    }

    /// Adds all of another set of the same size.
    pub fn union(&mut self, other: &Self) {
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }

    /// Those that are in both.
    pub fn both(&self, other: &Self) -> Self {
        Self::of(self.words.iter().zip(&other.words).map(|(mine, theirs)| mine & theirs))
    }
}

/// The places of a word's ones, lowest first.
pub(super) fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(bit)
    })
}
