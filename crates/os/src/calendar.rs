//! Timers of any delay, in slots 32.768 ms wide: eight bytes an entry.
//!
//! A wheel of slots, each a list in no order; what lies further ahead than the wheel is long stays in
//! its slot for another round. Arming is a push; a slot is sorted once, when it begins. Knows no
//! session: an owner is a number of 26 bits, and a tag of 6 says what its timer is. Invariants:
//! entries come out in the order in which they are due, never early; none is due more than half of a
//! clock's round (9 h) ahead.

use std::collections::VecDeque;

use crate::tick::Tick;

/// Ticks of a slot, as a power of two.
const SLOT_BITS: u32 = 11;
/// Slots of the wheel, as a power of two: 134 s.
const WHEEL_BITS: u32 = 12;
const WHEEL: u32 = 1 << WHEEL_BITS;
/// Bits of an owner.
const OWNER_BITS: u32 = 26;

/// Owners that can be told apart.
pub const OWNERS_MAX: u32 = 1 << OWNER_BITS;
/// Tags that can be told apart.
pub const TAGS_MAX: usize = 1 << (32 - OWNER_BITS);

/// An armed timer: who, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The session (or connection) that it belongs to.
    pub owner: u32,
    /// When it comes due.
    pub due: Tick,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Calendar {
    slots: Box<[Vec<Entry>]>,
    /// A bit for each slot that has entries.
    filled: [u64; WHEEL as usize / 64],
    /// What is due in slots that have begun, in order.
    begun: VecDeque<Entry>,
    /// The slot after the last that has begun.
    next: u32,
    len: usize,
}

impl Calendar {
    /// An empty calendar at `now`.
    pub fn new(now: Tick) -> Self {
        Self {
            slots: (0..WHEEL).map(|_| Vec::new()).collect(),
            filled: [0; WHEEL as usize / 64],
            begun: VecDeque::new(),
            next: slot_of(now),
            len: 0,
        }
    }

    /// Arms a timer.
    pub fn arm(&mut self, tag: usize, owner: u32, due: Tick) {
        debug_assert!(tag < TAGS_MAX && owner < OWNERS_MAX);
        let entry = Entry { owner: (tag as u32) << OWNER_BITS | owner, due };
        self.len += 1;
        if is_before(slot_of(due), self.next) {
            let at = self.begun.partition_point(|other| due.reached(other.due));
            return self.begun.insert(at, entry);
        }
        let slot = slot_of(due) % WHEEL;
        self.slots[slot as usize].push(entry);
        self.filled[slot as usize / 64] |= 1 << (slot % 64);
    }

    /// Takes the earliest entry that is due at `now`, with its tag.
    pub fn pop(&mut self, now: Tick) -> Option<(usize, Entry)> {
        self.begin_slots(now);
        let entry = *self.begun.front().filter(|entry| now.reached(entry.due))?;
        self.begun.pop_front();
        self.len -= 1;
        Some(((entry.owner >> OWNER_BITS) as usize, Entry { owner: entry.owner % OWNERS_MAX, ..entry }))
    }

    /// When the earliest entry is due, or its slot begins; `None` if there is none.
    pub fn next_due(&self) -> Option<Tick> {
        if let Some(entry) = self.begun.front() {
            return Some(entry.due);
        }
        let ahead = self.ahead()?;
        Some(Tick::from_raw(self.next.wrapping_add(ahead) << SLOT_BITS))
    }

    /// When the earliest entry that `pop` could return is due, of slots that have begun at `now`.
    pub(crate) fn front(&mut self, now: Tick) -> Option<Tick> {
        self.begin_slots(now);
        self.begun.front().map(|entry| entry.due)
    }

    /// Entries armed.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is armed.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many slots ahead the next one with entries is.
    fn ahead(&self) -> Option<u32> {
        let first = self.next % WHEEL;
        let words = self.filled.len() as u32;
        (0..=words).find_map(|k| {
            let word = (first / 64 + k) % words;
            let mut bits = self.filled[word as usize];
            if k == 0 {
                bits &= u64::MAX << (first % 64);
            } else if k == words {
                bits &= !(u64::MAX << (first % 64));
            }
            (bits != 0).then(|| (word * 64 + bits.trailing_zeros()).wrapping_sub(first) % WHEEL)
        })
    }

    /// Sorts into `begun` what is due in slots that have begun by `now`.
    fn begin_slots(&mut self, now: Tick) {
        let end = next_slot(slot_of(now));
        while is_before(self.next, end) {
            let left = distance(self.next, end);
            let Some(ahead) = self.ahead().filter(|ahead| *ahead < left) else {
                self.next = end;
                return;
            };
            let slot = wrapped(self.next + ahead);
            self.begin(slot);
            self.next = next_slot(slot);
        }
    }

    fn begin(&mut self, slot: u32) {
        let index = (slot % WHEEL) as usize;
        let mut entries = std::mem::take(&mut self.slots[index]);
        let before = self.begun.len();
        // What is due in a later round stays.
        entries.retain(|entry| {
            let is_now = slot_of(entry.due) == slot;
            if is_now {
                self.begun.push_back(*entry);
            }
            !is_now
        });
        let start = Tick::from_raw(slot << SLOT_BITS);
        self.begun.make_contiguous()[before..].sort_by_key(|entry| entry.due.since(start));
        if entries.is_empty() {
            self.filled[index / 64] &= !(1 << (index % 64));
        }
        // A slot keeps what it has grown to: it fills again.
        self.slots[index] = entries;
    }
}

/// Slots of a clock's round.
const ROUND: u32 = 1 << (32 - SLOT_BITS);

fn slot_of(due: Tick) -> u32 {
    due.raw() >> SLOT_BITS
}

fn wrapped(slot: u32) -> u32 {
    slot % ROUND
}

fn next_slot(slot: u32) -> u32 {
    wrapped(slot + 1)
}

/// From one slot to a later one.
fn distance(from: u32, to: u32) -> u32 {
    wrapped(to.wrapping_sub(from))
}

fn is_before(slot: u32, other: u32) -> bool {
    let ahead = distance(slot, other);
    ahead != 0 && ahead < ROUND / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Ticks;

    /// A small generator, so that a failure can be repeated.
    fn numbers(mut state: u64) -> impl FnMut() -> u32 {
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u32
        }
    }

    #[test]
    fn entries_come_out_in_order_and_never_early_also_where_ticks_wrap() {
        for start in [0, 77, u32::MAX - 5_000_000, u32::MAX - 9] {
            let mut random = numbers(u64::from(start) + 3);
            let begin = Tick::from_raw(start);
            let mut calendar = Calendar::new(begin);
            let count = 3_000;
            for owner in 0..count {
                // Up to ten minutes ahead: several rounds of the wheel.
                calendar.arm(owner as usize % 48, owner, begin + Ticks::from_raw(random() % 37_500_000));
            }
            let (mut now, mut last, mut came) = (begin, begin, 0);
            while came < count {
                assert_eq!(calendar.len(), (count - came) as usize);
                now = now + Ticks::from_raw(1 + random() % 50_000);
                while let Some((tag, entry)) = calendar.pop(now) {
                    assert!(now.reached(entry.due) && entry.due.reached(last), "{entry:?} after {last:?}");
                    assert_eq!(tag, entry.owner as usize % 48);
                    last = entry.due;
                    came += 1;
                }
                if let Some(next) = calendar.next_due() {
                    assert!(now.since(next) == Ticks::ZERO || !next.reached(now), "{next:?} at {now:?}");
                }
            }
            assert!(calendar.is_empty() && calendar.next_due().is_none());
        }
    }

    #[test]
    fn what_is_armed_late_is_due_at_once_and_in_its_place() {
        let mut calendar = Calendar::new(Tick::from_raw(1_000_000));
        let now = Tick::from_raw(1_010_000);
        assert!(calendar.pop(now).is_none());
        for due in [1_009_999, 1_000_500, 1_010_001] {
            calendar.arm(0, due, Tick::from_raw(due));
        }
        let owners: Vec<u32> = std::iter::from_fn(|| calendar.pop(now)).map(|(_, it)| it.owner).collect();
        assert_eq!(owners, [1_000_500, 1_009_999]);
        assert_eq!(calendar.next_due(), Some(Tick::from_raw(1_010_001)));
    }

    #[test]
    fn a_wait_of_hours_is_one_entry() {
        let begin = Tick::from_raw(u32::MAX - 70);
        let mut calendar = Calendar::new(begin);
        let hours = Ticks::from_raw(2_025_000_000);
        calendar.arm(3, 9, begin + hours);
        for seconds in 1..=32_400 {
            let now = begin + Ticks::from_raw(seconds * 62_500);
            let due = calendar.pop(now);
            assert_eq!(due.is_some(), seconds * 62_500 >= hours.raw(), "{seconds}");
            if due.is_some() {
                return;
            }
        }
        panic!("it never came");
    }
}
