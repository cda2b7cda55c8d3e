//! Where members belong: the Java hash of `"{memberId}:{challengeId}"` over the configured servers.
//!
//! Knows servers by their position only. Invariant: of all ways to give each server one bucket at most, the
//! one that explains most sessions counts; what it does not explain is misrouted.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Write;

use crate::members::MemberId;

/// Least common multiple of 1 to 8, the servers among which routing can be judged.
pub(super) const RESIDUES: usize = 840;

/// Sessions by server and bucket, and the bucket that each server owns.
#[derive(Clone, Debug)]
pub struct Hashed {
    /// By server, then by bucket.
    buckets: Vec<Vec<u64>>,
    owned: Vec<Option<usize>>,
    count: usize,
}

/// Sessions that came to another server than their hash says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The server that their hash says; `None` if nobody was sent there, so that it is not known.
    pub home: Option<usize>,
    /// The server that they came to.
    pub to: usize,
    /// How many.
    pub sessions: u64,
}

impl Hashed {
    /// Of these sessions by server and bucket, when `count` servers are configured.
    pub(super) fn new(buckets: Vec<Vec<u64>>, count: usize) -> Self {
        let owned = best_assignment(&buckets, count);
        Self { buckets, owned, count }
    }

    /// Servers configured.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many sessions each server got that their hash sends elsewhere.
    pub fn misrouted(&self) -> Vec<u64> {
        self.buckets.iter().enumerate().map(|(server, own)| self.elsewhere(server, own)).collect()
    }

    /// How many sessions each server would have if the hash alone decided.
    pub fn expected(&self) -> Vec<u64> {
        let sessions = |bucket: usize| self.buckets.iter().map(|of| of[bucket]).sum();
        self.owned.iter().map(|owned| owned.map_or(0, sessions)).collect()
    }

    /// Which servers' members came to which others, most first.
    pub fn moves(&self) -> Vec<Move> {
        let home = |bucket| self.owned.iter().position(|owned| *owned == Some(bucket));
        let mut sums: BTreeMap<(Option<usize>, usize), u64> = BTreeMap::new();
        for (to, buckets) in self.buckets.iter().enumerate() {
            for (bucket, sessions) in buckets.iter().enumerate() {
                *sums.entry((home(bucket), to)).or_default() += sessions;
            }
        }
        sums.retain(|(home, to), sessions| *sessions > 0 && *home != Some(*to));
        let moves = sums.into_iter().map(|((home, to), sessions)| Move { home, to, sessions });
        let mut moves: Vec<Move> = moves.collect();
        moves.sort_by_key(|one| Reverse(one.sessions));
        moves
    }

    /// Of sessions by bucket that came to a server, those that belong to another one.
    pub(super) fn elsewhere(&self, server: usize, buckets: &[u64]) -> u64 {
        let owned = self.owned.get(server).copied().flatten();
        buckets.iter().enumerate().filter(|(bucket, _)| Some(*bucket) != owned).map(|(_, count)| count).sum()
    }
}

/// The bucket of each server, of `count`, each used once at most, such that most sessions are where
/// they belong; of more servers than buckets, some have none. Exact: the best value of every set of
/// used buckets, server after server; 2⁸ sets at most.
fn best_assignment(buckets: &[Vec<u64>], count: usize) -> Vec<Option<usize>> {
    let sets = 1usize << count;
    // best[server][set]: sessions explained when the servers before this one own exactly the buckets
    // in `set`, and which of them the last of those owns.
    let mut best = vec![vec![None; sets]; buckets.len() + 1];
    best[0][0] = Some((0, None));
    for (server, own) in buckets.iter().enumerate() {
        for set in 0..sets {
            let Some((before, _)) = best[server][set] else { continue };
            let free = (0..count).filter(|bucket| set & (1 << bucket) == 0);
            for bucket in free.map(Some).chain([None]) {
                let after = bucket.map_or(set, |bucket: usize| set | 1 << bucket);
                let explained: u64 = before + bucket.map_or(0, |bucket| own[bucket]);
                let known = &mut best[server + 1][after];
                if known.is_none_or(|(most, _)| explained > most) {
                    *known = Some((explained, bucket));
                }
            }
        }
    }
    let ends = best[buckets.len()].iter().enumerate().filter_map(|(set, end)| Some((end.as_ref()?.0, set)));
    let mut set = ends.max().map_or(0, |(_, set)| set);
    let mut assignment = vec![None; buckets.len()];
    for server in (0..buckets.len()).rev() {
        let bucket = best[server + 1][set].and_then(|(_, bucket)| bucket);
        assignment[server] = bucket;
        set &= !bucket.map_or(0, |bucket| 1 << bucket);
    }
    assignment
}

/// Java's `Math.abs(hash) % 840`, which any smaller modulus of 1 to 8 can be taken of again.
pub(super) fn residue(member_id: MemberId, challenge_id: u64) -> usize {
    // Java's abs leaves the least value negative, and its remainder then too: such a member (one in
    // four billion) is refused by the real server. `unsigned_abs` puts it somewhere instead of
    // panicking.
    java_hash(member_id, challenge_id).unsigned_abs() as usize % RESIDUES
}

/// Java's `"{memberId}:{challengeId}".hashCode()`.
pub fn java_hash(member_id: MemberId, challenge_id: u64) -> i32 {
    // Two u64 of at most 20 digits and a colon.
    let mut text = [0u8; 41];
    let mut rest = &mut text[..];
    let written = write!(rest, "{member_id}:{challenge_id}");
    debug_assert!(written.is_ok(), "41 bytes hold two u64");
    let length = 41 - rest.len();
    text[..length].iter().fold(0i32, |hash, &byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)))
}
