//! Bits in words, by place: what the ledger's tables are made of.
//!
//! Knows no pair and no member. Invariant: a place is inside its table, which whoever made it keeps.

/// What is kept of members that leave and come again; bits lie as those of announcements do.
#[derive(Clone, Debug)]
pub(super) struct Returning {
    /// The life of each member's that the bits are of.
    pub(super) lives: Vec<u8>,
    /// The observer was told that the member left, in this life.
    pub(super) left: Vec<u64>,
    /// The observer knew of the life before, and was not told yet that it ended.
    pub(super) untold: Vec<u64>,
}

/// Words of the bits of announcements, with one behind the last so that 64 bits can be read anywhere.
pub(super) fn words_of(observers: usize, sessions: u32) -> usize {
    (observers * sessions as usize).div_ceil(64) + 1
}

/// Sets a bit; `true` if it was set before.
#[inline]
pub(super) fn set(bits: &mut [u64], place: usize) -> bool {
    let (word, bit) = (&mut bits[place / 64], 1u64 << (place % 64));
    let was_set = *word & bit != 0;
    *word |= bit;
    was_set
}

/// Clears a bit; `true` if it was set.
#[inline]
pub(super) fn clear(bits: &mut [u64], place: usize) -> bool {
    let (word, bit) = (&mut bits[place / 64], 1u64 << (place % 64));
    let was_set = *word & bit != 0;
    *word &= !bit;
    was_set
}

/// Whether a bit is set.
pub(super) fn is_set(bits: &[u64], place: usize) -> bool {
    bits[place / 64] & (1u64 << (place % 64)) != 0
}

/// The 64 bits from `place` on.
pub(super) fn bits_from(bits: &[u64], place: usize) -> u64 {
    let (word, shift) = (place / 64, place % 64);
    match shift {
        0 => bits[word],
        _ => bits[word] >> shift | bits[word + 1] << (64 - shift),
    }
}

/// Zeroes whose pages are resident: written once with something else, so that neither the allocator
/// nor the kernel can leave the work for the first event.
pub(super) fn touched(words: usize) -> Vec<u64> {
    let mut bits = vec![u64::MAX; words];
    std::hint::black_box(&mut bits);
    bits.fill(0);
    bits
}
