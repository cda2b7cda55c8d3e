//! The members of a run: their ids and challenges, from a range or CSV files.
//!
//! Invariant: ids are unique; [`Members::index_of`] inverts [`Members::id`].

use std::collections::HashMap;

/// The members of a run; member k belongs to session k.
#[derive(Clone, Debug)]
pub struct Members {
    ids: Ids,
    challenges: Challenges,
}

#[derive(Clone, Debug)]
enum Ids {
    Range { first: u64, count: u32 },
    Listed { ids: Vec<u64>, index: HashMap<u64, u32> },
}

#[derive(Clone, Debug)]
enum Challenges {
    One(u64),
    PerMember(Vec<u64>),
}

impl Members {
    /// Makes `count` consecutive ids from `first`, all in `challenge`.
    pub fn range(first: u64, count: u32, challenge: u64) -> Self {
        Self { ids: Ids::Range { first, count }, challenges: Challenges::One(challenge) }
    }

    /// Takes listed members with the challenge of each.
    ///
    /// # Errors
    /// The first id that occurs twice.
    pub fn listed(rows: impl IntoIterator<Item = (u64, u64)>) -> Result<Self, u64> {
        let (ids, challenges): (Vec<u64>, Vec<u64>) = rows.into_iter().unzip();
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
    pub fn id(&self, k: u32) -> u64 {
        match &self.ids {
            Ids::Range { first, count } => {
                assert!(k < *count, "member {k} of {count}");
                first + u64::from(k)
            }
            Ids::Listed { ids, .. } => ids[k as usize],
        }
    }

    /// Returns the member with this id.
    pub fn index_of(&self, id: u64) -> Option<u32> {
        match &self.ids {
            Ids::Range { first, count } => {
                let k = id.checked_sub(*first)?;
                (k < u64::from(*count)).then_some(k as u32)
            }
            Ids::Listed { index, .. } => index.get(&id).copied(),
        }
    }

    /// Returns the challenge of member `k`.
    pub fn challenge(&self, k: u32) -> u64 {
        match &self.challenges {
            Challenges::One(id) => *id,
            Challenges::PerMember(ids) => ids[k as usize],
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
