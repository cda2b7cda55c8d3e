//! The members of a run: their ids and challenges, from a range or CSV files.
//!
//! Invariant: ids are unique; [`Members::index_of`] inverts [`Members::id`].

use std::collections::HashMap;
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id by which the servers know a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[repr(transparent)]
pub struct MemberId(pub u64);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MemberId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// The number of a session in its run, from 0; its member has the same among the run's members.
///
/// Not a worker's row: rows count that worker's own sessions, never leave `engine`, and become
/// numbers in `Arrivals::session` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[repr(transparent)]
pub struct SessionNumber(pub u32);

impl SessionNumber {
    /// Returns it as a position in a list of sessions or members.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The members of a run; member k belongs to session k.
#[derive(Clone, Debug)]
pub struct Members {
    ids: Ids,
    challenges: Challenges,
}

#[derive(Clone, Debug)]
enum Ids {
    Range { first: MemberId, count: u32 },
    Listed { ids: Vec<MemberId>, index: HashMap<MemberId, u32> },
}

#[derive(Clone, Debug)]
enum Challenges {
    One(u64),
    PerMember(Vec<u64>),
}

impl Members {
    /// Makes `count` consecutive ids from `first`, all in `challenge`.
    pub fn range(first: MemberId, count: u32, challenge: u64) -> Self {
        Self { ids: Ids::Range { first, count }, challenges: Challenges::One(challenge) }
    }

    /// Takes listed members with the challenge of each.
    ///
    /// # Errors
    /// The first id that occurs twice.
    pub fn listed(rows: impl IntoIterator<Item = (MemberId, u64)>) -> Result<Self, MemberId> {
        let (ids, challenges): (Vec<MemberId>, Vec<u64>) = rows.into_iter().unzip();
        let mut index = HashMap::with_capacity(ids.len());
        for (k, &id) in ids.iter().enumerate() {
            if index.insert(id, k as u32).is_some() {
                return Err(id);
            }
        }
        let challenges = match challenges.first() {
            Some(&one) if challenges.iter().all(|&other| other == one) => Challenges::One(one),
            _ => Challenges::PerMember(challenges),
        };
        Ok(Self { ids: Ids::Listed { ids, index }, challenges })
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        match &self.ids {
            Ids::Range { count, .. } => *count as usize,
            Ids::Listed { ids, .. } => ids.len(),
        }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the id of member `k`. Panics if there is no such member.
    pub fn id(&self, SessionNumber(k): SessionNumber) -> MemberId {
        match &self.ids {
            Ids::Range { first, count } => {
                assert!(k < *count, "member {k} of {count}");
                MemberId(first.0 + u64::from(k))
            }
            Ids::Listed { ids, .. } => ids[k as usize],
        }
    }

    /// Returns the member with this id.
    pub fn index_of(&self, id: MemberId) -> Option<SessionNumber> {
        match &self.ids {
            Ids::Range { first, count } => {
                let k = id.0.checked_sub(first.0)?;
                (k < u64::from(*count)).then_some(SessionNumber(k as u32))
            }
            Ids::Listed { index, .. } => index.get(&id).map(|&k| SessionNumber(k)),
        }
    }

    /// Returns the challenge of member `k`.
    pub fn challenge(&self, k: SessionNumber) -> u64 {
        match &self.challenges {
            Challenges::One(id) => *id,
            Challenges::PerMember(ids) => ids[k.index()],
        }
    }

    /// Returns the challenge of all members, if they share one.
    pub fn only_challenge(&self) -> Option<u64> {
        match &self.challenges {
            Challenges::One(id) => Some(*id),
            Challenges::PerMember(_) => None,
        }
    }
}
