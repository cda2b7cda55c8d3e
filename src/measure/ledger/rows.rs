//! Which row of a worker's bits belongs to which observer.
//!
//! Invariant: rows are in the order of the sessions' numbers, and one is found with one look, however
//! many sessions there are and whoever of them observes.

use crate::members::SessionNumber;

/// Memory of 64 sessions' places, in bytes.
pub(super) const BYTES_PER_WORD: u64 = size_of::<Place>() as u64;

/// 64 sessions: who of them observes, and how many do before them.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    observing: u64,
    before: u32,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    places: Vec<Place>,
    observers: Vec<SessionNumber>,
}

impl Rows {
    /// A row for each of these observers, of `sessions` in all.
    pub(super) fn new(observers: &[SessionNumber], sessions: u32) -> Self {
        let mut observers = observers.to_vec();
        observers.sort_unstable();
        observers.dedup();
        let mut places = vec![Place::default(); (sessions as usize).div_ceil(64)];
        for observer in &observers {
            places[observer.index() / 64].observing |= 1 << (observer.0 % 64);
        }
        let mut before = 0;
        for place in &mut places {
            place.before = before;
            before += place.observing.count_ones();
        }
        Self { places, observers }
    }

    /// The row of a session, if it observes.
    #[inline(always)]
    pub(super) fn find(&self, session: SessionNumber) -> Option<usize> {
        let place = self.places.get(session.index() / 64)?;
        let bit = 1u64 << (session.0 % 64);
        (place.observing & bit != 0)
            .then(|| place.before as usize + (place.observing & (bit - 1)).count_ones() as usize)
    }

    /// The observers, row by row.
    pub(super) fn observers(&self) -> &[SessionNumber] {
        &self.observers
    }

    /// How many there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.observers.len()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.places.len() as u64 * BYTES_PER_WORD
    }
}
