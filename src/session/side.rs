//! What a session keeps beside itself because its scenario declares it: side arrays of a worker,
//! by row. And the worker's one reader of records and one inflater of messages.
//!
//! Knows no scenario beyond how many of each it needs. Invariant: a scenario that declares nothing
//! has no bytes here, and no array grows while every row has one session.

use startline_os::tick::{Tick, Ticks};
use startline_protocol::matching::Matching;
use startline_protocol::websocket::Inflater;

use super::mismatch::Instead;
use super::reconnect::{Away, Storm};
use super::records::Step;
use super::{Rhythm, Script};
use crate::scenario::Scenario;

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

/// How often a message has been due whose instants do not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Times due.
    pub due: u32,
    /// The number of the last one that was sent.
    pub sent: u32,
}

/// The side arrays of one worker.
#[derive(Debug, Default)]
pub struct Side {
    beats: Array<Beat>,
    counts: Array<Count>,
    /// Of a session's counts, those that begin anew with each of its connections.
    counts_anew: Vec<usize>,
    given: Array<Ticks>,
    /// The numbers of the last messages, as [`kept`] keeps them.
    numbers: Array<u32>,
    /// Of sessions that may come back.
    away: Array<Away>,
    /// How many of them may, at once.
    pub(super) storm: Storm,
    /// Reads records that lie in one piece; taken while it does.
    pub(super) matching: Option<Box<Matching>>,
    /// Inflates messages; made for the first one that is compressed, taken while it does.
    pub(super) inflater: Option<Box<Inflater>>,
    /// Of each heartbeat, what came instead of one session's reply.
    instead: Vec<Instead>,
}

/// This many entries a row.
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

    /// Makes a row's entries those of a new session; the row may be one behind the last.
    fn clear(&mut self, row: u32) {
        let from = row as usize * self.a_row;
        self.entries.resize(self.entries.len().max(from + self.a_row), T::default());
        self.entries[from..from + self.a_row].fill(T::default());
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
            counts: Array::new(needs.counts, rows),
            counts_anew: script.rhythm.counts_anew().collect(),
            given: Array::new(needs.given, rows),
            numbers: Array::new(numbers(&script.scenario), rows),
            away: Array::new(usize::from(script.may_drop()), rows),
            storm: Storm::default(),
            matching: None,
            inflater: None,
            instead: Vec::new(),
        }
    }

    /// The same where at most this many sessions a second come back.
    pub fn with_rate(self, rate: Option<f64>) -> Self {
        Self { storm: rate.map(Storm::new).unwrap_or_default(), ..self }
    }

    /// A session begins in this row, where another may have been.
    pub fn clear(&mut self, row: u32) {
        self.counts.clear(row);
        self.clear_connection(row);
        let away = self.away(row).fresh();
        self.away.clear(row);
        self.set_away(row, away);
    }

    /// A session in this row connects anew.
    pub(super) fn clear_connection(&mut self, row: u32) {
        self.beats.clear(row);
        for index in &self.counts_anew {
            self.counts.set(row, *index, Count::default());
        }
        self.given.clear(row);
        self.numbers.clear(row);
    }

    /// Bytes a session.
    pub fn bytes_a_session(scenario: &Scenario, rhythm: &Rhythm) -> usize {
        let needs = rhythm.needs();
        needs.heartbeats.saturating_sub(1) * size_of::<Beat>()
            + needs.counts * size_of::<Count>()
            + needs.given * size_of::<Ticks>()
            + numbers(scenario) * size_of::<u32>()
            + usize::from(scenario.reconnect.is_some()) * size_of::<Away>()
    }

    pub(super) fn away(&self, row: u32) -> Away {
        self.away.at(row, 0)
    }

    pub(super) fn set_away(&mut self, row: u32, away: Away) {
        self.away.set(row, 0, away);
    }

    /// Whether the session in this row dropped and is not back.
    pub fn is_away(&self, row: u32) -> bool {
        self.away(row).is_gone()
    }

    /// Which of its connections the session in this row has, as far as timers tell them apart.
    pub fn generation(&self, row: u32) -> u8 {
        self.away(row).generation()
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

    /// The longest interval that a server gave this session.
    pub fn longest_given(&self, row: u32) -> Ticks {
        (0..self.given.a_row).map(|index| self.given(row, index)).max().unwrap_or(Ticks::ZERO)
    }

    pub(super) fn set_given(&mut self, row: u32, index: usize, interval: Ticks) {
        self.given.set(row, index, interval);
    }

    /// What came instead of a reply to this heartbeat.
    pub(super) fn instead(&mut self, heartbeat: usize) -> &mut Instead {
        if self.instead.len() <= heartbeat {
            self.instead.resize_with(heartbeat + 1, Instead::default);
        }
        &mut self.instead[heartbeat]
    }

    /// How this number follows the last one, which it replaces unless it is behind it.
    pub(super) fn number(&mut self, row: u32, index: usize, number: u64) -> Step {
        let (last, new) = (self.numbers.at(row, index), kept(number));
        // 31 bits are kept; what is ahead by half of them or more is behind.
        let ahead = new.wrapping_sub(last) & KEPT_BITS;
        let step = match ahead {
            _ if last == 0 => Step::First,
            1 => Step::Next,
            2.. if ahead <= KEPT_BITS / 2 => Step::Skipped(u64::from(ahead) - 1),
            _ => return Step::Back,
        };
        self.numbers.set(row, index, new);
        step
    }
}

/// The bits of a message's number that are kept.
const KEPT_BITS: u32 = u32::MAX >> 1;

/// A number as it is kept: never 0, which stands for none.
fn kept(number: u64) -> u32 {
    number as u32 & KEPT_BITS | !KEPT_BITS
}

fn numbers(scenario: &Scenario) -> usize {
    scenario.websocket.as_ref().map_or(0, |websocket| websocket.kinds.sequences())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_further_heartbeat_is_12_bytes() {
        assert_eq!(size_of::<Beat>(), 12);
        assert_eq!(size_of::<Count>(), 8);
    }

    #[test]
    fn numbers_skip_repeat_and_go_round() {
        let mut side = Side { numbers: Array::new(2, 3), ..Side::default() };
        let mut step = |number| side.number(2, 1, number);
        assert_eq!([step(7), step(8), step(12)], [Step::First, Step::Next, Step::Skipped(3)]);
        assert_eq!([step(12), step(9), step(13)], [Step::Back, Step::Back, Step::Next]);
        assert_eq!(step(1 << 31), Step::Back, "half of what is kept, and more, is behind");
        let mut side = Side { numbers: Array::new(1, 1), ..Side::default() };
        let mut step = |number| side.number(0, 0, number);
        assert_eq!([step(0), step(1)], [Step::First, Step::Next]);
        let mut side = Side { numbers: Array::new(1, 1), ..Side::default() };
        let mut step = |number| side.number(0, 0, number);
        let last = (1 << 31) - 1;
        assert_eq!([step(last), step(last + 1), step(last + 4)], [Step::First, Step::Next, Step::Skipped(2)]);
    }
}
