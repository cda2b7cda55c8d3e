//! What a session keeps beside itself because its scenario declares it: side arrays of a worker,
//! by row.
//!
//! Knows no scenario beyond how many of each it needs. Invariant: a scenario that declares nothing
//! has no bytes here, and nothing grows once the worker has begun.

use startline_os::tick::{Tick, Ticks};

use super::Script;

/// How a heartbeat stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Beat {
    /// When the last message was due.
    pub due: Tick,
    /// When it was in fact sent.
    pub sent: Tick,
    /// Messages that timed out and whose replies are still to come. A reply answers the oldest of
    /// these first.
    pub late: u8,
    /// Messages that fell due while the outstanding one was.
    pub missed: u8,
    /// It is on its way and its time is not over.
    pub outstanding: bool,
    /// The last message was answered while an older one's reply was expected: one more reply before
    /// the next message is late.
    pub older_due: bool,
}

/// How often an irregular message has been due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Times due.
    pub due: u32,
    /// The number of the last one that was sent.
    pub sent: u32,
}

/// The side arrays of one worker.
#[derive(Clone, Debug, Default)]
pub struct Side {
    beats: Array<Beat>,
    counts: Array<Count>,
    given: Array<Ticks>,
}

/// So many entries a row.
#[derive(Clone, Debug, Default)]
struct Array<T> {
    a_row: usize,
    entries: Vec<T>,
}

impl<T: Copy + Default> Array<T> {
    fn new(a_row: usize, rows: usize) -> Self {
        Self { a_row, entries: vec![T::default(); a_row * rows] }
    }

    fn at(&self, row: u32, index: usize) -> T {
        self.entries.get(row as usize * self.a_row + index).copied().unwrap_or_default()
    }

    fn set(&mut self, row: u32, index: usize, value: T) {
        if let Some(entry) = self.entries.get_mut(row as usize * self.a_row + index) {
            *entry = value;
        }
    }
}

impl Side {
    /// The arrays that `rows` sessions of this script need.
    pub fn new(script: &Script, rows: usize) -> Self {
        let needs = script.rhythm.needs();
        Self {
            beats: Array::new(needs.heartbeats.saturating_sub(1), rows),
            counts: Array::new(needs.irregular, rows),
            given: Array::new(needs.given, rows),
        }
    }

    /// Bytes a session.
    pub fn bytes_a_session(script: &Script) -> usize {
        let needs = script.rhythm.needs();
        needs.heartbeats.saturating_sub(1) * size_of::<Beat>()
            + needs.irregular * size_of::<Count>()
            + needs.given * size_of::<Ticks>()
    }

    pub(super) fn beat(&self, row: u32, index: usize) -> Beat {
        self.beats.at(row, index)
    }

    pub(super) fn set_beat(&mut self, row: u32, index: usize, beat: Beat) {
        self.beats.set(row, index, beat);
    }

    pub(super) fn count(&self, row: u32, index: usize) -> Count {
        self.counts.at(row, index)
    }

    pub(super) fn set_count(&mut self, row: u32, index: usize, count: Count) {
        self.counts.set(row, index, count);
    }

    pub(super) fn given(&self, row: u32, index: usize) -> Ticks {
        self.given.at(row, index)
    }

    pub(super) fn set_given(&mut self, row: u32, index: usize, interval: Ticks) {
        self.given.set(row, index, interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_further_heartbeat_is_12_bytes() {
        assert_eq!(size_of::<Beat>(), 12);
        assert_eq!(size_of::<Count>(), 8);
    }
}
