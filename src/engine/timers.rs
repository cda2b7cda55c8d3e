//! Timers of a few constant delays: one first-in-first-out queue a delay, eight bytes an entry.
//!
//! Every delay here is constant (a step's timeout, the ping interval), so entries of a queue come due in the
//! order in which they were armed: arming is a push, expiry a look at the fronts. 1 to 2 ns against some
//! 300 for a heap of a million. Nothing is ever removed early: the owner of an entry says at expiry
//! whether it still means it. Invariant: within a queue due times never decrease, which is why
//! [`Timers::pop`] takes the earliest front of all queues and re-armed entries stay sorted.

use std::collections::VecDeque;

use crate::tick::Tick;

/// An armed timer: who, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The session (or connection) that it belongs to.
    pub owner: u32,
    /// When it comes due.
    pub due: Tick,
}

/// Entries for which an empty queue keeps its memory.
const KEPT_CAPACITY: usize = 1024;

/// Queues by delay; the index of a queue is chosen by the caller.
#[derive(Debug, Default)]
pub struct Timers {
    queues: Vec<VecDeque<Entry>>,
}

impl Timers {
    /// `queues` empty queues.
    pub fn new(queues: usize) -> Self {
        Self { queues: (0..queues).map(|_| VecDeque::new()).collect() }
    }

    /// Arms a timer. An entry that is due a little before the one ahead of it (by the loop's own lateness, at
    /// most a turn) waits for that one.
    pub fn arm(&mut self, queue: usize, owner: u32, due: Tick) {
        self.queues[queue].push_back(Entry { owner, due });
    }

    /// Takes the earliest entry that is due at `now`, with its queue.
    pub fn pop(&mut self, now: Tick) -> Option<(usize, Entry)> {
        let queue = self.earliest(|_| true)?;
        let entry = *self.queues[queue].front()?;
        if !now.reached(entry.due) {
            return None;
        }
        self.queues[queue].pop_front();
        if self.queues[queue].is_empty() && self.queues[queue].capacity() > KEPT_CAPACITY {
            // Set-up's queues are as long as the ramp is steep, and are not needed again.
            self.queues[queue] = VecDeque::new();
        }
        Some((queue, entry))
    }

    /// When the earliest entry of the queues that are `wanted` comes due.
    pub fn next_due(&self, wanted: impl Fn(usize) -> bool) -> Option<Tick> {
        let queue = self.earliest(wanted)?;
        self.queues[queue].front().map(|entry| entry.due)
    }

    /// Entries armed, cancelled ones included.
    pub fn len(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }

    /// Whether none is armed.
    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(VecDeque::is_empty)
    }

    fn earliest(&self, wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let mut best: Option<(usize, Tick)> = None;
        for (queue, entries) in self.queues.iter().enumerate() {
            let Some(entry) = entries.front().filter(|_| wanted(queue)) else { continue };
            if best.is_none_or(|(_, due)| !entry.due.reached(due)) {
                best = Some((queue, entry.due));
            }
        }
        best.map(|(queue, _)| queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Tick {
        Tick::from_micros(micros)
    }

    #[test]
    fn entries_come_out_by_due_time_across_queues() {
        let mut timers = Timers::new(2);
        timers.arm(0, 1, at(3_200));
        timers.arm(1, 2, at(1_600));
        timers.arm(0, 3, at(4_800));
        assert_eq!(timers.next_due(|_| true), Some(at(1_600)));
        assert_eq!(timers.next_due(|queue| queue == 0), Some(at(3_200)));
        assert_eq!(timers.pop(at(1_000)), None);
        let order: Vec<u32> =
            std::iter::from_fn(|| timers.pop(at(10_000))).map(|(_, entry)| entry.owner).collect();
        assert_eq!(order, [2, 1, 3]);
        assert!(timers.is_empty());
    }

    #[test]
    fn due_times_compare_across_the_wrap() {
        let mut timers = Timers::new(1);
        timers.arm(0, 1, Tick::from_raw(u32::MAX));
        timers.arm(0, 2, Tick::from_raw(3));
        assert_eq!(timers.pop(Tick::from_raw(u32::MAX)).map(|(_, entry)| entry.owner), Some(1));
        assert_eq!(timers.pop(Tick::from_raw(u32::MAX)), None);
        assert_eq!(timers.pop(Tick::from_raw(3)).map(|(_, entry)| entry.owner), Some(2));
    }
}
