//! Timers of a few constant delays: one first-in-first-out queue a delay, eight bytes an entry; and
//! one calendar for those that have any delay.
//!
//! Every delay of a queue is constant (a step's timeout, the ping interval), so entries of a queue come
//! due in the order in which they were armed: arming is a push, expiry a look at the fronts. 1 to 2
//! ns against some 300 for a heap of a million. Nothing is ever removed early: the owner of an
//! entry says at expiry whether it still means it. Invariant: within a queue due times never
//! decrease, which is why [`Timers::pop`] takes the earliest front of all queues and re-armed
//! entries stay sorted.

use std::collections::VecDeque;

pub use crate::calendar::Entry;
use crate::calendar::{Calendar, TAGS_MAX};
use crate::tick::Tick;

/// Entries of a block: 4 KiB.
const BLOCK: usize = 512;

/// A queue in blocks, so that it takes what its entries take: a ring that doubles is half empty on
/// average, and never gives back what a steep ramp made it take.
#[derive(Debug, Default)]
struct Queue {
    /// None is empty; all but the last are full.
    blocks: VecDeque<Vec<Entry>>,
    /// Entries of the first block that are gone.
    gone: usize,
    /// A block to be used again.
    spare: Option<Vec<Entry>>,
}

impl Queue {
    fn push(&mut self, entry: Entry) {
        match self.blocks.back_mut().filter(|block| block.len() < BLOCK) {
            Some(block) => block.push(entry),
            None => {
                let mut block = self.spare.take().unwrap_or_else(|| Vec::with_capacity(BLOCK));
                block.push(entry);
                self.blocks.push_back(block);
            }
        }
    }

    fn front(&self) -> Option<Entry> {
        self.blocks.front().map(|block| block[self.gone])
    }

    fn pop(&mut self) {
        let Some(block) = self.blocks.front() else { return };
        self.gone += 1;
        if self.gone == block.len() {
            self.gone = 0;
            self.spare = self.blocks.pop_front().map(|mut block| {
                block.clear();
                block
            });
        }
    }

    fn len(&self) -> usize {
        self.blocks.iter().map(Vec::len).sum::<usize>() - self.gone
    }
}

/// Queues by delay; the index of a queue is chosen by the caller.
#[derive(Debug, Default)]
pub struct Timers {
    queues: Vec<Queue>,
    /// Queues whose entries have any delay, and where these lie; its tags point into the list.
    irregular: Vec<usize>,
    calendar: Option<Calendar>,
}

impl Timers {
    /// `queues` empty queues.
    pub fn new(queues: usize) -> Self {
        Self { queues: (0..queues).map(|_| Queue::default()).collect(), ..Self::default() }
    }

    /// The same, where entries of the `irregular` queues have any delay.
    pub fn with_calendar(queues: usize, irregular: impl Fn(usize) -> bool, now: Tick) -> Self {
        let irregular: Vec<usize> = (0..queues).filter(|queue| irregular(*queue)).collect();
        assert!(irregular.len() <= TAGS_MAX, "a calendar can tell {TAGS_MAX} queues apart");
        Self { calendar: (!irregular.is_empty()).then(|| Calendar::new(now)), irregular, ..Self::new(queues) }
    }

    /// Arms a timer. An entry that is due a little before the one ahead of it (by the loop's own
    /// lateness, at most a turn) waits for that one.
    pub fn arm(&mut self, queue: usize, owner: u32, due: Tick) {
        if let Some(calendar) = &mut self.calendar
            && let Some(tag) = self.irregular.iter().position(|it| *it == queue)
        {
            return calendar.arm(tag, owner, due);
        }
        self.queues[queue].push(Entry { owner, due });
    }

    /// Takes the earliest entry that is due at `now`, with its queue.
    pub fn pop(&mut self, now: Tick) -> Option<(usize, Entry)> {
        let earliest = self.earliest(|_| true);
        if let Some(calendar) = &mut self.calendar
            && let Some(due) = calendar.front(now)
            && earliest.and_then(|queue| self.queues[queue].front()).is_none_or(|it| !due.reached(it.due))
        {
            let (tag, entry) = calendar.pop(now)?;
            return Some((self.irregular[tag], entry));
        }
        let queue = earliest?;
        let entry = self.queues[queue].front()?;
        if !now.reached(entry.due) {
            return None;
        }
        self.queues[queue].pop();
        Some((queue, entry))
    }

    /// When the earliest entry of the queues that are `wanted` comes due.
    pub fn next_due(&self, wanted: impl Fn(usize) -> bool) -> Option<Tick> {
        let calendar = self.calendar.as_ref().filter(|_| self.irregular.iter().any(|queue| wanted(*queue)));
        let calendar = calendar.and_then(Calendar::next_due);
        let queue = self.earliest(wanted).and_then(|queue| self.queues[queue].front()).map(|entry| entry.due);
        match (queue, calendar) {
            (Some(queue), Some(calendar)) => Some(if queue.reached(calendar) { calendar } else { queue }),
            (queue, calendar) => queue.or(calendar),
        }
    }

    /// Entries armed, cancelled ones included.
    pub fn len(&self) -> usize {
        self.queues.iter().map(Queue::len).sum::<usize>() + self.calendar.as_ref().map_or(0, Calendar::len)
    }

    /// Whether none is armed.
    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(|queue| queue.blocks.is_empty())
            && self.calendar.as_ref().is_none_or(Calendar::is_empty)
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
    fn a_queue_is_in_order_through_its_blocks_and_lets_go_of_them() {
        let mut timers = Timers::new(1);
        let count = 3 * BLOCK as u32 + 7;
        for round in 0..2 {
            for owner in 0..count {
                timers.arm(0, owner, at(16 * u64::from(owner)));
            }
            assert_eq!((timers.len(), timers.is_empty()), (count as usize, false));
            for owner in 0..count {
                assert_eq!(timers.pop(at(1 << 20)).map(|(_, entry)| entry.owner), Some(owner), "{round}");
                assert_eq!(timers.len(), (count - owner - 1) as usize);
            }
            assert!(timers.is_empty() && timers.pop(at(1 << 20)).is_none());
            let queue = &timers.queues[0];
            assert!(queue.blocks.is_empty() && queue.spare.as_ref().is_some_and(Vec::is_empty));
        }
    }

    #[test]
    fn a_calendar_s_entries_come_between_those_of_queues() {
        let mut timers = Timers::with_calendar(3, |queue| queue == 1, at(0));
        timers.arm(0, 1, at(320_000));
        timers.arm(1, 2, at(480_000));
        timers.arm(1, 3, at(160_000));
        timers.arm(2, 4, at(400_000));
        assert_eq!(timers.len(), 4);
        assert!(timers.next_due(|_| true).is_some_and(|due| at(160_000).reached(due)));
        assert_eq!(timers.next_due(|queue| queue == 2), Some(at(400_000)));
        assert_eq!(timers.pop(at(159_000)), None);
        let order: Vec<(usize, u32)> = std::iter::from_fn(|| timers.pop(at(1_000_000)))
            .map(|(queue, entry)| (queue, entry.owner))
            .collect();
        assert_eq!(order, [(1, 3), (0, 1), (2, 4), (1, 2)]);
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
