//! What is measured of a kind of messages beyond their number: answers, ages, gaps in their numbers.
//!
//! Knows no name of a kind. Invariant: an age is the difference of two clocks, so the smallest of each
//! server is kept beside the distribution, and negative ones are counted apart from it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use startline_os::tick::Ticks;

use super::Latencies;
use super::servers::ServerIndex;

/// What a record's kind says where it is, and is not there or cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// When it was sent.
    SentAt,
    /// Its number.
    Number,
}

/// Of one kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KindTally {
    /// Answers sent.
    pub answers: u64,
    /// From the instant at which the server says that it was sent, where that is not later than now.
    pub ages: Latencies,
    /// Sent later than now by the server's clock.
    pub ages_negative: u64,
    /// The smallest age by server, in microseconds.
    pub ages_least: BTreeMap<String, i64>,
    /// Records without an instant that can be read.
    pub ages_unread: u64,
    /// Records without a number that can be read.
    pub numbers_unread: u64,
    /// Numbers that were skipped.
    pub missing: u64,
    /// Numbers that came again, or late.
    pub duplicate: u64,
}

impl KindTally {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        // Taken apart in full, so that a figure added later cannot be forgotten here.
        let Self {
            answers,
            ages,
            ages_negative,
            ages_least,
            ages_unread,
            numbers_unread,
            missing,
            duplicate,
        } = other;
        self.answers += answers;
        self.ages.add(ages);
        self.ages_negative += ages_negative;
        self.ages_unread += ages_unread;
        self.numbers_unread += numbers_unread;
        self.missing += missing;
        self.duplicate += duplicate;
        for (server, micros) in ages_least {
            let least = self.ages_least.entry(server.clone()).or_insert(*micros);
            *least = (*least).min(*micros);
        }
    }

    /// What it says where it is cannot be read.
    pub(super) fn unread(&mut self, what: Unread) {
        match what {
            Unread::SentAt => self.ages_unread += 1,
            Unread::Number => self.numbers_unread += 1,
        }
    }

    /// Takes an age.
    pub(super) fn aged(&mut self, micros: i64) {
        match u64::try_from(micros) {
            Ok(micros) => self.ages.record(Ticks::from_duration(Duration::from_micros(micros))),
            Err(_) => self.ages_negative += 1,
        }
    }
}

/// The smallest age of each kind and server so far, by a worker's numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Least {
    ages: BTreeMap<(u8, u8), i64>,
}

impl Least {
    /// Whether this is the smallest so far.
    pub(super) fn is_new(&mut self, kind: u8, server: ServerIndex, micros: i64) -> bool {
        let least = self.ages.entry((kind, server.0)).or_insert(i64::MAX);
        let is_new = micros < *least;
        *least = (*least).min(micros);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_ages_are_counted_apart_and_the_least_of_a_server_is_kept() {
        let (mut one, mut least) = (KindTally::default(), Least::default());
        for micros in [5_000, -3_000, 9_000] {
            one.aged(micros);
        }
        assert_eq!((one.ages.count(), one.ages_negative), (2, 1));
        let server = ServerIndex(0);
        let new: Vec<bool> = [5, -3, 9, -3, -4].map(|micros| least.is_new(1, server, micros)).into();
        assert_eq!(new, [true, true, false, false, true]);
        assert!(least.is_new(1, ServerIndex(1), 100), "each server has its own");
        let mut other = KindTally { missing: 2, duplicate: 1, answers: 3, ..KindTally::default() };
        (other.ages_unread, other.numbers_unread) = (5, 6);
        other.ages_least = [("a".to_owned(), -7), ("b".to_owned(), 4)].into();
        one.ages_least = [("a".to_owned(), 1)].into();
        one.add(&other);
        one.add(&other);
        assert_eq!((one.missing, one.duplicate, one.answers), (4, 2, 6));
        assert_eq!((one.ages_unread, one.numbers_unread), (10, 12));
        assert_eq!(one.ages_least, [("a".to_owned(), -7), ("b".to_owned(), 4)].into());
    }
}
