//! The ramp-down: sessions are ended evenly over its span.
//!
//! Invariant: each row is passed once, in order.

use std::time::Duration;

use startline_os::tick::Tick;

use super::Worker;
use crate::engine::lives::RowIndex;

/// How far the ramp-down is.
pub(super) struct RampDown {
    pub(super) start: Duration,
    pub(super) span: Duration,
    pub(super) next_row: u32,
}

impl RampDown {
    /// How many of these rows are to have been ended by this instant of the run.
    fn due(&self, at: Duration, rows: usize) -> u32 {
        let elapsed = at.saturating_sub(self.start).as_micros();
        match self.span.as_micros() {
            0 => rows as u32,
            span => (rows as u128 * elapsed / span + 1).min(rows as u128) as u32,
        }
    }
}

impl Worker<'_> {
    /// Of the sessions' acts that are from before this instant, the last receivers are known.
    pub(super) fn close_acts(&mut self, before: Tick) {
        let (lives, count) = (&self.lives, self.rows.len() as u32);
        if let Some(propagation) = &mut self.books.propagation {
            propagation.close((0..count).map(|row| lives.session(RowIndex(row))), before);
        }
    }

    /// Whether all rows have been passed.
    pub(super) fn rows_passed(&self, ramp_down: &RampDown) -> bool {
        ramp_down.next_row as usize >= self.rows.len()
    }

    /// Ends the sessions whose time has come.
    pub(super) fn run_ramp_down(&mut self) {
        let Some(ramp_down) = &mut self.so_far.ramp_down else { return };
        let due = ramp_down.due(self.books.at, self.rows.len()).max(ramp_down.next_row);
        let first = std::mem::replace(&mut ramp_down.next_row, due);
        for row in (first..due).map(RowIndex) {
            self.drive(row, |session, ctx| session.end(ctx));
        }
    }
}
