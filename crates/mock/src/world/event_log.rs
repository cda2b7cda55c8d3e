//! Announcements in a challenge that not every worker has taken yet.
//!
//! Each event is one whole WebSocket frame, rendered once, with the runner whose doing it is. Every
//! attached worker reads at its own place and copies what is new once for all its connections.
//! Knows no connection. Invariants: numbers of events never decrease; what every attached worker
//! has taken is forgotten; with nobody attached nothing is kept; the bytes kept never exceed the
//! limit (what would is dropped and counted).

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ids::Runner;
use crate::loss::Withheld;

/// Bytes that a log keeps at most. Workers take its content every gather interval, so that reaching
/// this means announcements of hundreds of megabytes a second.
pub const LOG_BYTES_MAX: usize = 64 << 20;

/// A worker that reads nothing.
const DETACHED: u64 = u64::MAX;

/// Where an event is.
#[derive(Clone, Debug)]
struct Entry {
    /// Bytes ever appended, up to the end of this event.
    end: u64,
    actor: Runner,
    /// Who does not get it; nobody is left out as a rule.
    withheld: Option<Arc<Withheld>>,
}

/// The announcements of one challenge.
#[derive(Debug, Default)]
pub struct EventLog {
    /// Frames from byte number `bytes_from` on.
    bytes: Vec<u8>,
    bytes_from: u64,
    /// Events from number `events_from` on.
    events: VecDeque<Entry>,
    events_from: u64,
    /// For each worker the number of the next event that it has not taken.
    places: Vec<u64>,
}

impl EventLog {
    /// The number of the next event.
    pub fn end(&self) -> u64 {
        self.events_from + self.events.len() as u64
    }

    /// Bytes kept.
    pub fn bytes_kept(&self) -> usize {
        self.bytes.len()
    }

    /// Appends a frame; `false` when it was dropped because the log is full.
    pub fn append(&mut self, actor: Runner, withheld: Option<Withheld>, frame: &[u8]) -> bool {
        if self.places.iter().all(|place| *place == DETACHED) {
            return true;
        }
        if self.bytes.len() + frame.len() > LOG_BYTES_MAX {
            return false;
        }
        self.bytes.extend_from_slice(frame);
        let end = self.bytes_from + self.bytes.len() as u64;
        self.events.push_back(Entry { end, actor, withheld: withheld.map(Arc::new) });
        true
    }

    /// Has a worker read from here on. Attached already, it stays at its place.
    pub fn attach(&mut self, worker: u16) {
        let index = usize::from(worker);
        if self.places.len() <= index {
            self.places.resize(index + 1, DETACHED);
        }
        if self.places[index] == DETACHED {
            self.places[index] = self.end();
        }
    }

    /// The worker's last connection is gone: nothing is kept for it any more.
    pub fn detach(&mut self, worker: u16) {
        if let Some(place) = self.places.get_mut(usize::from(worker)) {
            *place = DETACHED;
        }
        self.forget_taken();
    }

    /// Whether there is something that the worker has not taken.
    pub fn has_news(&self, worker: u16) -> bool {
        self.place(worker) < self.end()
    }

    /// Copies what is new for the worker into `batch`, which is emptied first: whole events of at
    /// most `bytes_max` together, but one at least, whatever its length.
    pub fn take(&mut self, worker: u16, bytes_max: usize, batch: &mut Batch) {
        batch.clear();
        let place = self.place(worker).min(self.end());
        let skip = (place - self.events_from) as usize;
        let start = if skip == 0 { self.bytes_from } else { self.events[skip - 1].end };
        let end_max = start.saturating_add(bytes_max as u64);
        let fitting = self.events.partition_point(|entry| entry.end <= end_max);
        let stop = fitting.max(skip + 1).min(self.events.len());
        batch.first = place;
        for entry in self.events.range(skip..stop) {
            batch.events.push(((entry.end - start) as usize, entry.actor));
            batch.is_cut |= entry.withheld.is_some();
        }
        if batch.is_cut {
            batch.withheld.extend(self.events.range(skip..stop).map(|entry| entry.withheld.clone()));
        }
        let offset = (start - self.bytes_from) as usize;
        let taken = batch.events.last().map_or(0, |(end, _)| *end);
        batch.bytes.extend_from_slice(&self.bytes[offset..offset + taken]);
        batch.index_actors();
        if let Some(place) = self.places.get_mut(usize::from(worker)) {
            *place = self.events_from + stop as u64;
        }
        self.forget_taken();
    }

    fn place(&self, worker: u16) -> u64 {
        self.places.get(usize::from(worker)).copied().unwrap_or(DETACHED)
    }

    fn forget_taken(&mut self) {
        let slowest = self.places.iter().copied().min().unwrap_or(DETACHED);
        if slowest >= self.end() {
            self.forget_all();
            return;
        }
        let count = slowest.saturating_sub(self.events_from) as usize;
        if count == 0 {
            return;
        }
        let cut = self.events[count - 1].end;
        self.events.drain(..count);
        self.events_from += count as u64;
        self.bytes.drain(..(cut - self.bytes_from) as usize);
        self.bytes_from = cut;
    }

    fn forget_all(&mut self) {
        self.events_from += self.events.len() as u64;
        self.bytes_from += self.bytes.len() as u64;
        self.events.clear();
        self.bytes.clear();
        // A burst of leaving may have made it large; an idle challenge should not keep that.
        self.bytes.shrink_to(1 << 20);
        self.events.shrink_to(1 << 14);
    }
}

/// Consecutive events, copied out of a log for all connections of one worker.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// End in `bytes` and actor of each event.
    events: Vec<(usize, Runner)>,
    /// The number of the first event.
    first: u64,
    /// Actor and index of each event, sorted: most receivers act in none, and that has to be known
    /// fast.
    by_actor: Vec<(Runner, u32)>,
    /// Some event does not reach everyone, …
    is_cut: bool,
    /// … and who does not get each.
    withheld: Vec<Option<Arc<Withheld>>>,
}

impl Batch {
    /// How many events.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The number of the first event behind it.
    pub fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What a receiver gets that has registered when `from` was the next number, and acted in none
    /// of the events or some: either a part of the batch as it stands or, put together in
    /// `scratch`, the parts between its own events and those that do not reach it.
    pub fn for_receiver<'b>(
        &'b self,
        receiver: Runner,
        from: u64,
        scratch: &'b mut Vec<u8>,
    ) -> (&'b [u8], usize) {
        let skip = (from.saturating_sub(self.first) as usize).min(self.events.len());
        let start = if skip == 0 { 0 } else { self.events[skip - 1].0 };
        let count = self.events.len() - skip;
        if self.is_cut {
            return self.reaching(receiver, skip, scratch);
        }
        let own = self.own_events(receiver);
        if !own.iter().any(|(_, index)| *index as usize >= skip) {
            return (&self.bytes[start..], count);
        }
        scratch.clear();
        let mut copied_to = start;
        let mut left_out = 0;
        for (_, index) in own.iter().filter(|(_, index)| *index as usize >= skip) {
            let index = *index as usize;
            let event_start = if index == 0 { 0 } else { self.events[index - 1].0 };
            scratch.extend_from_slice(&self.bytes[copied_to..event_start]);
            copied_to = self.events[index].0;
            left_out += 1;
        }
        scratch.extend_from_slice(&self.bytes[copied_to..]);
        (scratch, count - left_out)
    }

    /// Puts together what reaches a receiver, from this event on.
    fn reaching<'b>(&'b self, receiver: Runner, skip: usize, scratch: &'b mut Vec<u8>) -> (&'b [u8], usize) {
        scratch.clear();
        let mut count = 0;
        for (index, ((end, actor), withheld)) in self.events.iter().zip(&self.withheld).enumerate().skip(skip)
        {
            if *actor == receiver || withheld.as_ref().is_some_and(|withheld| withheld.has(receiver)) {
                continue;
            }
            let start = if index == 0 { 0 } else { self.events[index - 1].0 };
            scratch.extend_from_slice(&self.bytes[start..*end]);
            count += 1;
        }
        (scratch, count)
    }

    /// Forgets all events; a burst's memory is given back.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(1 << 20);
        self.events.clear();
        self.by_actor.clear();
        self.withheld.clear();
        self.is_cut = false;
    }

    fn own_events(&self, receiver: Runner) -> &[(Runner, u32)] {
        let from = self.by_actor.partition_point(|(actor, _)| *actor < receiver);
        let len = self.by_actor[from..].partition_point(|(actor, _)| *actor == receiver);
        &self.by_actor[from..from + len]
    }

    fn index_actors(&mut self) {
        self.by_actor
            .extend(self.events.iter().enumerate().map(|(index, (_, actor))| (*actor, index as u32)));
        self.by_actor.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Loss;

    fn text_for(batch: &Batch, receiver: u32, from: u64) -> String {
        let mut scratch = Vec::new();
        let (bytes, count) = batch.for_receiver(Runner(receiver), from, &mut scratch);
        assert_eq!(bytes.len(), count * 2, "every event of these tests is two bytes");
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn a_receiver_gets_what_came_since_it_registered_less_its_own() {
        let mut log = EventLog::default();
        log.attach(0);
        for (actor, frame) in [(1, "a1"), (2, "b1"), (1, "a2"), (3, "c1")] {
            assert!(log.append(Runner(actor), None, frame.as_bytes()));
        }
        let mut batch = Batch::default();
        log.take(0, usize::MAX, &mut batch);
        assert_eq!(text_for(&batch, 9, 0), "a1b1a2c1");
        assert_eq!(text_for(&batch, 1, 0), "b1c1");
        assert_eq!(text_for(&batch, 1, 1), "b1c1");
        assert_eq!(text_for(&batch, 3, 2), "a2");
        assert_eq!(text_for(&batch, 9, 4), "");
        assert_eq!(log.bytes_kept(), 0);
    }

    #[test]
    fn each_worker_reads_at_its_own_place() {
        let mut log = EventLog::default();
        let mut batch = Batch::default();
        log.attach(1);
        log.append(Runner(1), None, b"a1");
        log.attach(0);
        log.append(Runner(2), None, b"b1");
        log.take(0, usize::MAX, &mut batch);
        assert_eq!(text_for(&batch, 9, 0), "b1");
        assert_eq!(log.bytes_kept(), 4, "the other worker has taken nothing yet");
        log.append(Runner(3), None, b"c1");
        log.take(1, usize::MAX, &mut batch);
        assert_eq!(text_for(&batch, 9, 0), "a1b1c1");
        assert_eq!(log.bytes_kept(), 2);
        assert!(log.has_news(0) && !log.has_news(1));
        log.detach(0);
        assert_eq!(log.bytes_kept(), 0);
        assert_eq!(log.end(), 3);
    }

    #[test]
    fn a_batch_is_bounded_and_the_rest_comes_next() {
        let mut log = EventLog::default();
        let mut batch = Batch::default();
        log.attach(0);
        for frame in ["a1", "b1", "c1", "d1", "e1"] {
            log.append(Runner(1), None, frame.as_bytes());
        }
        for (bytes_max, text, end) in [(5, "a1b1", 2), (1, "c1", 3), (0, "d1", 4), (usize::MAX, "e1", 5)] {
            assert!(log.has_news(0));
            log.take(0, bytes_max, &mut batch);
            assert_eq!((text_for(&batch, 9, 0).as_str(), batch.end()), (text, end));
        }
        assert!(!log.has_news(0));
        assert_eq!(log.bytes_kept(), 0);
    }

    #[test]
    fn nothing_is_kept_for_nobody() {
        let mut log = EventLog::default();
        assert!(log.append(Runner(1), None, b"a1"));
        assert_eq!((log.bytes_kept(), log.end()), (0, 0));
    }

    #[test]
    fn a_full_log_drops_and_says_so() {
        let mut log = EventLog::default();
        log.attach(0);
        let frame = vec![0; LOG_BYTES_MAX / 2];
        assert!(log.append(Runner(1), None, &frame));
        assert!(log.append(Runner(1), None, &frame));
        assert!(!log.append(Runner(1), None, b"x"));
        assert_eq!(log.end(), 2);
    }

    #[test]
    fn what_is_withheld_from_a_receiver_it_does_not_get() {
        let of = |runners: std::ops::Range<u32>| {
            let receivers: Vec<_> = runners.map(|runner| (Runner(runner), 0)).collect();
            Withheld::decide(&[Loss::Whole], &receivers, &mut fastrand::Rng::new())
        };
        let mut log = EventLog::default();
        log.attach(0);
        log.append(Runner(1), of(10..500), b"a1");
        log.append(Runner(2), None, b"b1");
        log.append(Runner(3), of(100..500), b"c1");
        let mut batch = Batch::default();
        log.take(0, usize::MAX, &mut batch);
        for (receiver, text) in [(50, "b1c1"), (400, "b1"), (2, "a1c1"), (600, "a1b1c1")] {
            assert_eq!(text_for(&batch, receiver, 0), text);
        }
        assert_eq!(text_for(&batch, 50, 2), "c1");
    }
}
