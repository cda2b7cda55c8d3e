//! A worker's connections in one challenge, and how far the delivery of a batch to them has come.
//!
//! Knows slots and numbers of events, neither sockets nor the log. Delivery to thousands is cut
//! into turns, so receivers come and go while it is under way. Invariants: a batch reaches every
//! connection that was there when it was taken, at most once; a connection that came later gets the
//! next one, from its own first event on.

use startline_os::tick::Tick;

use super::world::{Batch, ChallengeId};

/// A place that nobody has (any more).
const NOBODY: u32 = u32::MAX;

/// The place of a connection that has received nothing yet.
pub(super) const NEWCOMER: u32 = u32::MAX;

/// See the module.
#[derive(Debug)]
pub(super) struct Receivers {
    pub(super) challenge: ChallengeId,
    /// Connections here, whether or not they receive.
    pub(super) count: u32,
    /// Close everyone once what is left has been delivered.
    pub(super) is_ending: bool,
    /// The batch under way; empty between deliveries.
    pub(super) batch: Batch,
    /// There is more than the batch under way.
    pub(super) has_rest: bool,
    /// A socket did not take all of its part of the batch under way.
    pub(super) is_slow: bool,
    /// No batch is to be taken before.
    pub(super) rests_until: Option<Tick>,
    settled: Vec<u32>,
    holes: usize,
    /// Slot and first event of those who came since the last batch was taken.
    newcomers: Vec<(u32, u64)>,
    /// The next place to deliver to, and the one to stop at.
    next: usize,
    stop: usize,
}

impl Receivers {
    /// Nobody, in this challenge.
    pub(super) fn new(challenge: ChallengeId) -> Self {
        Self {
            challenge,
            count: 0,
            is_ending: false,
            batch: Batch::default(),
            has_rest: false,
            is_slow: false,
            rests_until: None,
            settled: Vec::new(),
            holes: 0,
            newcomers: Vec::new(),
            next: 0,
            stop: 0,
        }
    }

    /// Adds a connection that receives from event `from` on. Its place is [`NEWCOMER`].
    pub(super) fn add(&mut self, slot: u32, from: u64) {
        self.newcomers.push((slot, from));
    }

    /// Takes out a connection.
    pub(super) fn remove(&mut self, slot: u32, place: u32) {
        if place == NEWCOMER {
            self.newcomers.retain(|(newcomer, _)| *newcomer != slot);
            return;
        }
        if let Some(settled) = self.settled.get_mut(place as usize).filter(|settled| **settled == slot) {
            *settled = NOBODY;
            self.holes += 1;
        }
    }

    /// Whether a batch is under way.
    pub(super) fn is_delivering(&self) -> bool {
        !self.batch.is_empty()
    }

    /// A batch has just been taken: gives out the newcomers, each with its place and its first
    /// event, to be delivered to now; everyone settled follows by [`Receivers::next`]. Who is due
    /// nothing before a later batch stays a newcomer, since the settled get batches whole.
    pub(super) fn begin(&mut self, mut place: impl FnMut(u32, u32, u64)) {
        debug_assert!(self.next == self.stop, "the batch before is delivered");
        self.close_holes(&mut place);
        (self.next, self.stop) = (0, self.settled.len());
        let end = self.batch.end();
        for (slot, from) in self.newcomers.extract_if(.., |(_, from)| *from <= end) {
            place(slot, self.settled.len() as u32, from);
            self.settled.push(slot);
        }
        self.newcomers.shrink_to(64);
    }

    /// The next slot to deliver the batch to; `None` when all have it, and then it is forgotten.
    pub(super) fn next(&mut self) -> Option<u32> {
        while self.next < self.stop {
            let slot = self.settled[self.next];
            self.next += 1;
            if slot != NOBODY {
                return Some(slot);
            }
        }
        self.batch.clear();
        None
    }

    /// Packs the settled receivers when half of the places are empty. `place` is called for every
    /// move, as for a receiver that is due no event of its own.
    fn close_holes(&mut self, place: &mut impl FnMut(u32, u32, u64)) {
        if self.holes * 2 <= self.settled.len() {
            return;
        }
        self.settled.retain(|slot| *slot != NOBODY);
        self.settled.shrink_to_fit();
        self.holes = 0;
        for (index, slot) in self.settled.iter().enumerate() {
            place(*slot, index as u32, u64::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{EventLog, Runner};

    fn with_batch(receivers: &mut Receivers) -> Vec<(u32, u32, u64)> {
        let mut log = EventLog::default();
        log.attach(0);
        log.append(Runner(0), None, b"event");
        log.take(0, usize::MAX, &mut receivers.batch);
        let mut placed = Vec::new();
        receivers.begin(|slot, place, from| placed.push((slot, place, from)));
        placed
    }

    fn rest(receivers: &mut Receivers) -> Vec<u32> {
        std::iter::from_fn(|| receivers.next()).collect()
    }

    #[test]
    fn newcomers_are_served_first_and_settle() {
        let mut receivers = Receivers::new(ChallengeId(1));
        receivers.add(7, 0);
        receivers.add(8, 1);
        assert_eq!(with_batch(&mut receivers), [(7, 0, 0), (8, 1, 1)]);
        assert!(rest(&mut receivers).is_empty());
        assert!(!receivers.is_delivering());
        receivers.add(9, 1);
        assert_eq!(with_batch(&mut receivers), [(9, 2, 1)]);
        assert_eq!(rest(&mut receivers), [7, 8]);
    }

    #[test]
    fn who_is_due_nothing_yet_waits_for_the_batch_with_its_first_event() {
        let mut receivers = Receivers::new(ChallengeId(1));
        let mut log = EventLog::default();
        log.attach(0);
        for _ in 0..3 {
            log.append(Runner(0), None, b"event");
        }
        receivers.add(7, 0);
        receivers.add(8, 2);
        for due in [vec![(7, 0, 0)], vec![(8, 1, 2)], vec![]] {
            log.take(0, 1, &mut receivers.batch);
            let mut placed = Vec::new();
            receivers.begin(|slot, place, from| placed.push((slot, place, from)));
            assert_eq!(placed, due);
            rest(&mut receivers);
        }
    }

    #[test]
    fn who_comes_or_goes_during_a_delivery_disturbs_nobody() {
        let mut receivers = Receivers::new(ChallengeId(1));
        for slot in 0..6 {
            receivers.add(slot, 0);
        }
        with_batch(&mut receivers);
        rest(&mut receivers);
        with_batch(&mut receivers);
        assert_eq!(receivers.next(), Some(0));
        receivers.remove(0, 0);
        receivers.remove(3, 3);
        receivers.add(0, 1);
        assert_eq!(rest(&mut receivers), [1, 2, 4, 5]);
        assert_eq!(with_batch(&mut receivers), [(0, 6, 1)]);
        assert_eq!(rest(&mut receivers), [1, 2, 4, 5]);
    }

    #[test]
    fn holes_are_closed_and_the_moved_are_told() {
        let mut receivers = Receivers::new(ChallengeId(1));
        for slot in 0..4 {
            receivers.add(slot, 0);
        }
        with_batch(&mut receivers);
        rest(&mut receivers);
        for slot in 0..3 {
            receivers.remove(slot, slot);
        }
        assert_eq!(with_batch(&mut receivers), [(3, 0, u64::MAX)]);
        assert_eq!(rest(&mut receivers), [3]);
        receivers.remove(3, 0);
        with_batch(&mut receivers);
        assert!(rest(&mut receivers).is_empty());
    }

    #[test]
    fn a_newcomer_may_go_before_it_has_received_anything() {
        let mut receivers = Receivers::new(ChallengeId(1));
        receivers.add(1, 0);
        receivers.remove(1, NEWCOMER);
        assert!(with_batch(&mut receivers).is_empty());
    }
}
