//! Random numbers that are arithmetic: of a run's seed, a name, a session and a count.
//!
//! Knows nothing of what is drawn. Invariant: the same four give the same number, in every run, with
//! any number of workers; nothing is stored.

/// Returns a number of a name: what [`drawn`] takes, so that the name is read once.
pub const fn salt(name: &str) -> u64 {
    let bytes = name.as_bytes();
    // FNV-1a.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// Returns the `k`-th number of this session for a name.
pub fn draw(seed: u64, name: &str, session: u32, k: u64) -> u64 {
    drawn(seed, salt(name), session, k)
}

/// Returns the same for a name that was read before, by [`salt`].
pub const fn drawn(seed: u64, salt: u64, session: u32, k: u64) -> u64 {
    mixed(mixed(mixed(seed ^ salt).wrapping_add(session as u64)).wrapping_add(k))
}

/// One step of SplitMix64: neighbours become unlike each other.
const fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_of_its_seed_name_session_and_count() {
        let first = draw(1, "say", 2, 3);
        assert_eq!(first, draw(1, "say", 2, 3));
        for other in [draw(2, "say", 2, 3), draw(1, "sax", 2, 3), draw(1, "say", 3, 3), draw(1, "say", 2, 4)]
        {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut counts = [0_u32; 10];
        (0..10_000).for_each(|session| counts[(draw(7, "x", session, 0) % 10) as usize] += 1);
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
