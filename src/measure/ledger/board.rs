//! What all workers know of each session: when it opened, whether it was announced as gone since.
//!
//! Each session is written by its own worker, but for "gone", which any observer may set. Invariant: a
//! session that has not opened has no instant.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use startline_os::tick::Ticks;

use super::set::SessionSet;
use crate::members::SessionNumber;

/// Of a session that has not opened.
const NEVER: u32 = u32::MAX;

/// Memory of a session, in bits.
pub(super) const BITS_PER_SESSION: u64 = 32 + 1;

/// See the module.
#[derive(Debug)]
pub struct Board {
    /// One bit a session.
    gone: Vec<AtomicU64>,
    /// Ticks since the run began.
    opened: Vec<AtomicU32>,
}

impl Board {
    /// Of sessions 0 to `count` - 1. Its memory is taken and touched here.
    pub fn new(count: u32) -> Arc<Self> {
        let count = count as usize;
        Arc::new(Self {
            gone: (0..count.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            opened: (0..count).map(|_| AtomicU32::new(NEVER)).collect(),
        })
    }

    /// The session opened. What was said of its member before is of an earlier session.
    pub fn open(&self, session: SessionNumber, at: Duration) {
        let ticks = Ticks::from_duration(at).raw().min(NEVER - 1);
        self.opened[session.index()].store(ticks, Ordering::Relaxed);
        self.set_gone(session, false);
    }

    /// When a session opened, in ticks since the run began.
    pub fn opened(&self, session: SessionNumber) -> Option<u32> {
        let ticks = self.opened.get(session.index())?.load(Ordering::Relaxed);
        (ticks != NEVER).then_some(ticks)
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
