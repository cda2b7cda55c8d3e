//! What was recorded in the last seconds of a run, for rules that end it early.
//!
//! Judges nothing. Invariant: it covers its time, and a twentieth of it or a second more at most, in a
//! bounded number of parts.

use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::Second;
use crate::measure::{Phase, Tally, Totals};
use crate::report::Part;

/// Parts of a window.
const PARTS: u32 = 20;

/// See the module's documentation.
#[derive(Debug)]
pub struct Window {
    over: Duration,
    parts: VecDeque<Recorded>,
}

/// What was recorded in a part of it.
#[derive(Debug, Default)]
struct Recorded {
    from: Duration,
    to: Duration,
    tally: Tally,
    stalls: u64,
    /// Sessions held at least; `None` where no level was held all the time.
    min_held: Option<u32>,
}

impl Window {
    /// Of so long a time.
    pub fn new(over: Duration) -> Self {
        Self { over, parts: VecDeque::new() }
    }

    /// Adds what was recorded since the last time.
    pub fn add(&mut self, second: &Second<'_>) {
        let Some((from, to)) = second.interval.covers() else { return };
        let held = (second.phase == Phase::Hold).then_some(second.held);
        let grain = self.over / PARTS;
        match self.parts.back_mut().filter(|last| to.saturating_sub(last.from) <= grain) {
            Some(last) => {
                last.to = to;
                last.tally.add(second.interval.tally());
                last.stalls += second.interval.stalls().count();
                last.min_held = last.min_held.zip(held).map(|(one, other)| one.min(other));
            }
            None => {
                let mut tally = Tally::default();
                tally.add(second.interval.tally());
                let stalls = second.interval.stalls().count();
                self.parts.push_back(Recorded { from, to, tally, stalls, min_held: held });
            }
        }
        while self.parts.len() > 1 && self.parts[1].from + self.over <= to {
            self.parts.pop_front();
        }
    }

    /// All of it; `None` before there is as much, and where this machine stalled.
    pub fn part(&self, second: &Second<'_>) -> Option<(Part, Totals)> {
        let (first, last) = (self.parts.front()?, self.parts.back()?);
        let took = last.to.saturating_sub(first.from);
        if took < self.over || self.parts.iter().any(|part| part.stalls > 0) {
            return None;
        }
        let mut tally = Tally::default();
        self.parts.iter().for_each(|part| tally.add(&part.tally));
        let min_held = self.parts.iter().map(|part| part.min_held.map(u64::from));
        let min_held = min_held.reduce(|one, other| Some(one?.min(other?))).flatten();
        let part = Part { took, min_held, level: u64::from(second.planned) };
        Some((part, Totals::of(second.totals.layout(), tally)))
    }
}
