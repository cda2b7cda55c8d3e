//! Which sessions of a whole are one part's: of a mix by weight, of several machines by number.
//!
//! Arithmetic alone. A *word* of letters, one for each part, is repeated without end, and what stands at a
//! place of the whole is the part's whose letter stands there. Invariants: every place is exactly one
//! part's; among the first places of any number, each part has its share to within less than two places.

use std::sync::Arc;

/// The longest word: weights are at most a thousand each.
pub const PARTS_MAX: usize = 16;
/// The largest weight of a part.
pub const WEIGHT_MAX: u32 = 1000;

/// One part's places among those of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Letters of the word.
    cycle: u32,
    /// Where the part's own are in it, in order; at least one.
    own: Arc<[u32]>,
}

impl Share {
    /// The `part`-th of parts with these weights, spread as evenly as they can be: each place goes to the
    /// part that is furthest behind its weight, the first of several. Weights are at least 1.
    pub fn by_weight(weights: &[u32], part: usize) -> Self {
        let divisor = weights.iter().copied().fold(0, gcd).max(1);
        let weights: Vec<i64> = weights.iter().map(|weight| i64::from(weight / divisor)).collect();
        let cycle: i64 = weights.iter().sum();
        let mut behind = vec![0; weights.len()];
        let mut next = || {
            behind.iter_mut().zip(&weights).for_each(|(behind, weight)| *behind += weight);
            let furthest = (0..weights.len()).rev().max_by_key(|part| behind[*part]).unwrap_or(0);
            behind[furthest] -= cycle;
            furthest
        };
        let own = (0..cycle as u32).filter(|_| next() == part).collect();
        Self { cycle: cycle as u32, own }
    }

    /// The `index`-th of this many parts of equal weight, from 0.
    pub fn shard(index: u32, of: u32) -> Self {
        Self { cycle: of, own: Arc::new([index]) }
    }

    /// Whether this place is the part's.
    pub fn owns(&self, place: u64) -> bool {
        self.before(place + 1) > self.before(place)
    }

    /// How many of the first `places` are the part's.
    pub fn before(&self, places: u64) -> u64 {
        let (rounds, rest) = (places / u64::from(self.cycle), places % u64::from(self.cycle));
        let in_rest = self.own.partition_point(|own| u64::from(*own) < rest);
        rounds * self.own.len() as u64 + in_rest as u64
    }

    /// Which place is the part's `k`-th, from 0.
    pub fn place(&self, k: u64) -> u64 {
        let own = self.own.len() as u64;
        k / own * u64::from(self.cycle) + u64::from(self.own[(k % own) as usize])
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(weights: &[u32], letters: u64) -> String {
        let shares: Vec<Share> = (0..weights.len()).map(|part| Share::by_weight(weights, part)).collect();
        let owner = |place| (0..shares.len()).find(|part| shares[*part].owns(place)).expect("one has it");
        (0..letters).map(|place| char::from(b'a' + owner(place) as u8)).collect()
    }

    #[test]
    fn parts_come_in_turns_as_their_weights_say() {
        assert_eq!(word(&[9, 1], 20), "aaaaabaaaaaaaaabaaaa");
        assert_eq!(word(&[5, 1, 1], 7), "aabacaa");
        assert_eq!(word(&[2, 2, 2], 6), "abcabc");
        assert_eq!(word(&[900, 100], 10), word(&[9, 1], 10));
    }

    #[test]
    fn every_place_is_one_part_s_and_each_has_its_share() {
        let mut random = fastrand::Rng::with_seed(182);
        for _ in 0..200 {
            let weights: Vec<u32> = (0..random.usize(1..6)).map(|_| random.u32(1..40)).collect();
            let total = f64::from(weights.iter().sum::<u32>());
            let shares: Vec<Share> =
                (0..weights.len()).map(|part| Share::by_weight(&weights, part)).collect();
            for places in (0..400).chain([100_000, 6_000, u64::from(u32::MAX)]) {
                assert_eq!(
                    shares.iter().map(|share| share.before(places)).sum::<u64>(),
                    places,
                    "{weights:?}"
                );
                for (share, weight) in shares.iter().zip(&weights) {
                    let fair = places as f64 * f64::from(*weight) / total;
                    let own = share.before(places) as f64;
                    assert!((own - fair).abs() < 2.0, "{own} of {places} with {weights:?}, not {fair}");
                }
                assert_eq!(shares.iter().filter(|share| share.owns(places)).count(), 1, "{weights:?}");
            }
            for (share, k) in shares.iter().zip([0, 1, 7, 1_000]) {
                let place = share.place(k);
                assert!(share.owns(place) && share.before(place) == k, "{weights:?}");
            }
        }
    }

    #[test]
    fn a_shard_is_every_nth() {
        let shard = Share::shard(2, 5);
        assert_eq!((0..3).map(|k| shard.place(k)).collect::<Vec<_>>(), [2, 7, 12]);
        assert_eq!((shard.before(2), shard.before(3), shard.before(13)), (0, 1, 3));
    }
}
