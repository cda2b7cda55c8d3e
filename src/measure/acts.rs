//! What each session did last that its server announces to the others, for all workers: one word a
//! session.
//!
//! Its owner writes it once an act; observers on other workers read it. Knows no message. Invariants:
//! one word has all of an act, so that no reader sees half of one; a session's server stays in its
//! word when its act is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use startline_os::tick::Tick;

use super::servers::ServerIndex;
use crate::members::{MemberId, SessionNumber};
use crate::scenario::Role;
use crate::scenario::every::{EVERY_MAX, EveryIndex};
use crate::scenario::kinds::Kind;

/// Bytes of it a session.
pub const BYTES: u64 = 8;

/// What a session does that its server announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Deed(u8);

impl Deed {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// It entered: its upgrade was sent, or the step that the scenario says.
    pub const ENTER: Self = Self(1);
    /// It left: its close frame was sent.
    pub const LEAVE: Self = Self(2);
    /// How many there are.
    pub const COUNT: usize = 3 + EVERY_MAX;

    /// It sent this periodic message.
    pub const fn sent(every: EveryIndex) -> Self {
        Self(3 + every.0)
    }

    /// What a kind of messages announces; [`Deed::NONE`] where the scenario does not say it.
    #[inline]
    pub fn told_by(kind: &Kind) -> Self {
        match kind.role {
            Role::Entered => Self::ENTER,
            Role::Left => Self::LEAVE,
            Role::Updated => kind.broadcast.map_or(Self::NONE, |(every, _)| Self::sent(every)),
            Role::Error | Role::Information => Self::NONE,
        }
    }

    /// Whether it is a periodic message.
    #[inline]
    pub fn is_message(self) -> bool {
        self.0 > Self::LEAVE.0
    }

    /// Returns it as a position in a list of [`Deed::COUNT`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Tells one time that a session did something from the others: a part of a hash of what its
/// message says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key(u32);

/// Bits of a key that an act has: two successive values share them once in a million times.
const KEY_BITS: u32 = 20;
const KEY_MASK: u32 = (1 << KEY_BITS) - 1;

impl Key {
    /// Of a value: numbers that are equal have the same, however they are written.
    pub fn of(value: &[u8]) -> Self {
        let hash = match Decimal::read(value) {
            Some(it) => hash(hash(u64::from(it.is_negative), it.digits), it.exponent as u64),
            None => value.iter().fold(1, |sum, byte| hash(sum, u64::from(*byte))),
        };
        Self((hash >> 32) as u32)
    }

    /// All of its bits.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// As much of it as an act has.
    #[inline]
    pub fn short(self) -> Self {
        Self(self.0 & KEY_MASK)
    }
}

fn hash(sum: u64, word: u64) -> u64 {
    (sum.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// A number as it is written: `digits` times ten to the `exponent`, without zeros at its end.
#[derive(Debug)]
struct Decimal {
    is_negative: bool,
    digits: u64,
    exponent: i32,
}

impl Decimal {
    /// None of text that is no JSON number, or that has more digits than fit.
    fn read(text: &[u8]) -> Option<Self> {
        let (is_negative, mut rest) = match text.split_first()? {
            (b'-', rest) => (true, rest),
            _ => (false, text),
        };
        let (mut digits, mut exponent, mut count, mut is_fraction) = (0u64, 0i32, 0, false);
        while let Some((&byte, next)) = rest.split_first() {
            match byte {
                b'0'..=b'9' => {
                    digits = digits.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
                    exponent -= i32::from(is_fraction);
                    count += 1;
                }
                b'.' if !is_fraction => is_fraction = true,
                b'e' | b'E' if count > 0 => {
                    let power: i32 = std::str::from_utf8(next).ok()?.parse().ok()?;
                    exponent = exponent.checked_add(power)?;
                    break;
                }
                _ => return None,
            }
            rest = next;
        }
        while digits != 0 && digits % 10 == 0 {
            (digits, exponent) = (digits / 10, exponent.checked_add(1)?);
        }
        let exponent = if digits == 0 { 0 } else { exponent };
        (count > 0).then_some(Self { is_negative: is_negative && digits != 0, digits, exponent })
    }
}

/// A session's last act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    /// When.
    pub at: Tick,
    /// The server that it was sent to.
    pub server: ServerIndex,
    /// What.
    pub deed: Deed,
    /// Which time: as read, its [`Key::short`].
    pub key: Key,
}

impl Act {
    pub(super) fn word(self) -> u64 {
        u64::from(self.at.raw()) << 32
            | u64::from(self.server.0) << 24
            | u64::from(self.deed.0) << KEY_BITS
            | u64::from(self.key.short().0)
    }

    fn of_word(word: u64) -> Self {
        Self {
            at: Tick::from_raw((word >> 32) as u32),
            server: ServerIndex((word >> 24) as u8),
            deed: Deed((word >> KEY_BITS) as u8 & 0xf),
            key: Key(word as u32).short(),
        }
    }
}

/// What an announcement tells: whose act, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// What was done; [`Deed::NONE`] where the scenario does not say what the announcement follows.
    pub deed: Deed,
    /// By whom.
    pub member_id: MemberId,
    /// Which time.
    pub key: Key,
    /// When the announcement came.
    pub at: Tick,
}

/// The last act of each session, and when this machine last stood still.
#[derive(Debug)]
pub struct Acts {
    words: Box<[AtomicU64]>,
    /// From when to when a worker last did not run, as two ticks.
    stall: AtomicU64,
}

impl Acts {
    /// Nobody has acted yet, of sessions 0 to `count` - 1. Its memory is taken and touched here.
    pub fn new(count: u32) -> Arc<Self> {
        let nothing = Act { at: Tick::default(), server: ServerIndex::NONE, deed: Deed::NONE, key: Key(0) };
        let words = (0..count).map(|_| AtomicU64::new(nothing.word())).collect();
        Arc::new(Self { words, stall: AtomicU64::new(0) })
    }

    /// Notes what a session does. For its owner alone.
    pub fn note(&self, session: SessionNumber, act: Act) {
        if let Some(word) = self.words.get(session.index()) {
            word.store(act.word(), Ordering::Relaxed);
        }
    }

    /// A session's last act.
    #[inline]
    pub fn of(&self, session: SessionNumber) -> Act {
        let word = self.words.get(session.index());
        Act::of_word(word.map_or(0xff << 24, |word| word.load(Ordering::Relaxed)))
    }

    /// The server that a session was sent to; [`ServerIndex::NONE`] before that.
    pub fn server_of(&self, session: SessionNumber) -> ServerIndex {
        self.of(session).server
    }

    /// A worker did not run between these instants.
    pub fn stalled(&self, from: Tick, to: Tick) {
        self.stall.store(u64::from(from.raw()) << 32 | u64::from(to.raw()), Ordering::Relaxed);
    }

    /// Whether this machine stood still at some time between these instants, as far as is known.
    #[inline]
    pub fn stalled_between(&self, from: Tick, to: Tick) -> bool {
        let stall = self.stall.load(Ordering::Relaxed);
        let (began, ended) = (Tick::from_raw((stall >> 32) as u32), Tick::from_raw(stall as u32));
        stall != 0 && to.reached(began) && !from.reached(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_all_of_an_act() {
        let acts = Acts::new(3);
        let last = SessionNumber(2);
        assert_eq!((acts.of(last).deed, acts.server_of(last)), (Deed::NONE, ServerIndex::NONE));
        let act = Act {
            at: Tick::from_raw(u32::MAX - 3),
            server: ServerIndex(7),
            deed: Deed::sent(EveryIndex(EVERY_MAX as u8 - 1)),
            key: Key::of(b"12.345").short(),
        };
        acts.note(last, Act { key: Key::of(b"12.345"), ..act });
        assert_eq!(acts.of(last), act);
        assert_eq!(acts.of(SessionNumber(1)).deed, Deed::NONE);
        // Nobody's number: no panic.
        acts.note(SessionNumber(3), act);
        assert_eq!(acts.server_of(SessionNumber(3)), ServerIndex::NONE);
        const { assert!(Deed::COUNT <= 16, "a deed has four bits") };
    }

    #[test]
    fn numbers_that_are_equal_have_one_key() {
        for (one, other) in
            [("0.250", "0.25"), ("12", "12.0"), ("1500", "1.5E3"), ("0", "-0.0"), ("0.5", "5e-1")]
        {
            assert_eq!(Key::of(one.as_bytes()), Key::of(other.as_bytes()), "{one} {other}");
        }
        let different =
            ["1", "-1", "10", "0.1", "1-0", "0-1", "", "-", "1.2.3", "e5", "x", "18446744073709551616"];
        for (k, one) in different.iter().enumerate() {
            for other in &different[k + 1..] {
                assert_ne!(Key::of(one.as_bytes()), Key::of(other.as_bytes()), "{one} {other}");
            }
        }
    }

    #[test]
    fn a_stall_is_in_the_times_that_it_overlaps() {
        let acts = Acts::new(0);
        let at = Tick::from_raw;
        assert!(!acts.stalled_between(at(0), at(u32::MAX / 2)), "there was none");
        acts.stalled(at(1_000), at(2_000));
        let overlaps = [(500, 2_500), (1_500, 1_600), (500, 1_000), (1_999, 3_000)];
        assert!(overlaps.iter().all(|&(from, to)| acts.stalled_between(at(from), at(to))));
        for (from, to) in [(500, 999), (2_000, 3_000)] {
            assert!(!acts.stalled_between(at(from), at(to)), "{from} {to}");
        }
    }
}
