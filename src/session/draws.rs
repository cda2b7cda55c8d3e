//! A name's random choices in a run: intervals, pauses, and which sessions take part in a share.
//!
//! Nothing is stored ([`crate::draw`]). Invariant: of any n sessions in a row, n times the share
//! take part, rounded up or down, whatever the number of workers.

use crate::draw::{drawn, salt};

/// See the module's documentation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Draws {
    seed: u64,
    salt: u64,
}

impl Draws {
    /// The choices of what is called so, in a run of this seed.
    pub(super) fn new(seed: u64, name: &str) -> Self {
        Self { seed, salt: salt(name) }
    }

    /// A session's k-th number, from 0 to below 1.
    pub(super) fn unit_at(self, session: u32, k: u32) -> f64 {
        // 0 is the phase's.
        unit(drawn(self.seed, self.salt, session, u64::from(k) + 1))
    }

    /// Whether a session is among the `share` of all that take part.
    pub(super) fn takes_part(self, share: f64, session: u32) -> bool {
        let phase = unit(drawn(self.seed, self.salt, 0, 0));
        let before = |k: u64| (k as f64 * share + phase).floor();
        share >= 1.0 || before(u64::from(session) + 1) > before(u64::from(session))
    }
}

fn unit(number: u64) -> f64 {
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_share_is_exact_in_any_stretch(
            seed: u64, share in 0.0_f64..1.0, from in 0_u32..2_000_000, count in 1_u32..3_000
        ) {
            let draws = Draws::new(seed, "record");
            let part = (from..from + count).filter(|session| draws.takes_part(share, *session)).count() as f64;
            let wanted = f64::from(count) * share;
            prop_assert!((part - wanted).abs() < 1.0 + 1e-6, "{part} of {count}, {wanted} wanted");
        }
    }

    #[test]
    fn numbers_of_two_names_have_nothing_in_common() {
        let (one, two) = (Draws::new(7, "say"), Draws::new(7, "sax"));
        let same = (0..1_000).filter(|k| (one.unit_at(1, *k) < 0.5) == (two.unit_at(1, *k) < 0.5)).count();
        assert!((420..580).contains(&same), "{same}");
        let mean = (0..10_000).map(|k| one.unit_at(k, k / 3)).sum::<f64>() / 10_000.0;
        assert!((0.48..0.52).contains(&mean), "{mean}");
    }

    #[test]
    fn all_or_none() {
        let draws = Draws::new(7, "say");
        assert!((0..100).all(|session| draws.takes_part(1.0, session)));
        assert!(!(0..100).any(|session| draws.takes_part(0.0, session)));
    }
}
