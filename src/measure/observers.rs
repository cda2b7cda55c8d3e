//! Which row an observer has among those of its worker.
//!
//! Invariant: a session that does not observe has none.

use crate::members::SessionNumber;

/// It is no observer.
const NO_ROW: u32 = u32::MAX;

/// Rows by session number.
#[derive(Clone, Debug)]
pub(super) struct ObserverRows {
    rows: Vec<u32>,
}

impl ObserverRows {
    /// Of these observers, in their order, among this many sessions.
    pub(super) fn of(observers: &[SessionNumber], sessions: u32) -> Self {
        let mut rows = vec![NO_ROW; sessions as usize];
        for (row, observer) in observers.iter().enumerate() {
            rows[observer.index()] = row as u32;
        }
        Self { rows }
    }

    /// The row of a session.
    pub(super) fn find(&self, session: SessionNumber) -> Option<usize> {
        self.rows.get(session.index()).filter(|row| **row != NO_ROW).map(|row| *row as usize)
    }

    /// Memory of one worker's.
    pub(super) fn bytes(sessions: u64) -> u64 {
        sessions * size_of::<u32>() as u64
    }
}
