//! What all workers know of each session: when it opened, whether it was announced as gone since.
//!
//! Each session is written by its own worker, but for "gone", which any observer may set. Invariant: a
//! session that has not opened has no instant.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::set::SessionSet;
use crate::members::SessionNumber;

/// What instants are counted in: fine enough to tell the order of arrivals, and ten days fit.
const UNIT_MICROS: u128 = 250;

/// Two sessions that opened so close to each other: who was there first is taken from what they were told, if
/// that tells.
pub(super) const CLOSE_TOGETHER: Duration = Duration::from_secs(10);

/// Of a session that has not opened.
const NEVER: u32 = u32::MAX;

/// Memory of a session, in bits.
pub(super) const BITS_PER_SESSION: u64 = 32 + 1 + 8;

/// See the module.
#[derive(Debug)]
pub struct Board {
    /// One bit a session.
    gone: Vec<AtomicU64>,
    /// When each opened.
    opened: Vec<AtomicU32>,
    /// Which of its member's lives each is in, from 1 and around; 0: none yet.
    lives: Vec<AtomicU8>,
}

impl Board {
    /// Of sessions 0 to `count` - 1. Its memory is taken and touched here.
    pub fn new(count: u32) -> Arc<Self> {
        let count = count as usize;
        Arc::new(Self {
            gone: (0..count.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            opened: (0..count).map(|_| AtomicU32::new(NEVER)).collect(),
            lives: (0..count).map(|_| AtomicU8::new(0)).collect(),
        })
    }

    /// A life of this member's begins, before anybody can be told of it; `true` if it is not its first.
    pub fn begins(&self, session: SessionNumber) -> bool {
        let life = &self.lives[session.index()];
        // Its worker alone writes it.
        let before = life.load(Ordering::Relaxed);
        life.store(if before == u8::MAX { 1 } else { before + 1 }, Ordering::Release);
        before != 0
    }

    /// The life that a member is in.
    #[inline]
    pub(super) fn life(&self, session: SessionNumber) -> u8 {
        self.lives[session.index()].load(Ordering::Acquire)
    }

    /// The session opened. What was said of its member before is of an earlier session.
    pub fn open(&self, session: SessionNumber, at: Duration) {
        self.opened[session.index()].store(Self::number(at), Ordering::Relaxed);
        self.set_gone(session, false);
    }

    /// When a session opened since the run began, as a number that [`Board::at`] reads.
    pub fn opened(&self, session: SessionNumber) -> Option<u32> {
        let opened = self.opened.get(session.index())?.load(Ordering::Relaxed);
        (opened != NEVER).then_some(opened)
    }

    /// The number of an instant of the run.
    pub fn number(at: Duration) -> u32 {
        (at.as_micros() / UNIT_MICROS).min(u128::from(NEVER - 1)) as u32
    }

    /// The instant of the run that such a number stands for.
    pub fn at(opened: u32) -> Duration {
        Duration::from_micros(u64::from(opened) * UNIT_MICROS as u64)
    }

    /// Those announced as gone so far.
    pub fn gone_so_far(&self) -> SessionSet {
        SessionSet::of(self.gone.iter().map(|word| word.load(Ordering::Relaxed)))
    }

    /// The member was announced as gone, or is back.
    pub(super) fn set_gone(&self, session: SessionNumber, is_gone: bool) {
        let (word, bit) = (&self.gone[session.index() / 64], 1u64 << (session.0 % 64));
        // Most are told what they know already: reading alone shares the line.
        match (word.load(Ordering::Relaxed) & bit != 0, is_gone) {
            (false, true) => word.fetch_or(bit, Ordering::Relaxed),
            (true, false) => word.fetch_and(!bit, Ordering::Relaxed),
            _ => 0,
        };
    }
}
