//! The first and the last receiver of each member's last act: a row of words a worker, a word a session.
//!
//! Invariants: a worker writes its own row alone, with plain stores; a word says which act it is of, so
//! that the owner of the act never takes another one's for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use startline_os::tick::Ticks;

use super::super::acts::Act;
use super::{DELAY_TICKS_MAX, capped};
use crate::members::SessionNumber;

/// In place of the last delay: this machine stood still in one of them.
const STALLED: u32 = DELAY_TICKS_MAX + 1;
const DELAY_BITS: u32 = 24;

/// See the module's documentation.
#[derive(Debug)]
pub struct Receivers {
    rows: Vec<Box<[AtomicU64]>>,
}

/// What a worker has received of an act: 16 bits of which, the first delay, the last one.
#[derive(Clone, Copy)]
struct Word(u64);

impl Word {
    fn new(mark: u64, first: u32, last: u32) -> Self {
        Self(mark << (2 * DELAY_BITS) | u64::from(first) << DELAY_BITS | u64::from(last))
    }

    fn is_of(self, mark: u64) -> bool {
        self.0 >> (2 * DELAY_BITS) == mark
    }

    fn first(self) -> u32 {
        (self.0 >> DELAY_BITS) as u32 & (2 * DELAY_TICKS_MAX + 1)
    }

    fn last(self) -> u32 {
        self.0 as u32 & (2 * DELAY_TICKS_MAX + 1)
    }
}

/// Sixteen bits of a hash of an act; never 0.
#[inline]
fn mark(act: Act) -> u64 {
    act.word().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48 | 1
}

impl Receivers {
    /// Nothing received yet, by this many workers. Its memory is taken and touched here.
    pub(super) fn new(sessions: u32, workers: usize) -> Arc<Self> {
        let row = || (0..sessions).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { rows: (0..workers).map(|_| row()).collect() })
    }

    /// A session of this worker's received a member's act after so long; `None`: with a stall in that time.
    #[inline]
    pub(super) fn note(&self, worker: usize, member: SessionNumber, act: Act, delay: Option<Ticks>) {
        let Some(word) = self.rows.get(worker).and_then(|row| row.get(member.index())) else { return };
        let (before, mark) = (Word(word.load(Ordering::Relaxed)), mark(act));
        let (least, most) = delay.map_or((DELAY_TICKS_MAX, STALLED), |delay| (capped(delay), capped(delay)));
        let now = match before.is_of(mark) {
            true => Word::new(mark, before.first().min(least), before.last().max(most)),
            false => Word::new(mark, least, most),
        };
        if now.0 != before.0 {
            word.store(now.0, Ordering::Relaxed);
        }
    }

    /// The first and the last delay of a member's act over all workers; `None` inside: a stall was in one
    /// of them.
    pub(super) fn of(&self, member: SessionNumber, act: Act) -> Option<Option<(Ticks, Ticks)>> {
        let mark = mark(act);
        let words = self.rows.iter().filter_map(|row| row.get(member.index()));
        let words = words.map(|word| Word(word.load(Ordering::Relaxed))).filter(|word| word.is_of(mark));
        let (first, last) = words
            .map(|word| (word.first(), word.last()))
            .reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)))?;
        Some((last != STALLED).then_some((Ticks::from_raw(first), Ticks::from_raw(last))))
    }
}

/// Memory of acts and receivers, in bytes, of this many sessions of which this many observe.
pub fn bytes(sessions: u32, observers: usize, workers: usize) -> u64 {
    let rows = if observers == sessions as usize { workers as u64 } else { 0 };
    u64::from(sessions) * 8 * (1 + rows)
}
