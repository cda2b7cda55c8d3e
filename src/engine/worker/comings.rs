//! Sessions that begin and end at their planned instants.
//!
//! Who they are and when says [`Lives`](crate::engine::lives::Lives). Invariant: a session that begins has a row
//! with nothing of another.

use std::time::Duration;

use startline_os::tick::Ticks;

use super::{ARRIVALS_PER_TURN, Row, STARTS_PER_CLOCK, Worker};
use crate::engine::lives::{Begun, RowIndex};
use crate::session::Phase;

/// How often sessions' ages are looked at: several times an epoch of theirs.
const AGED_EVERY: Duration = Duration::from_secs(3600);

impl Worker<'_> {
    /// Whether a session is left to start, and not too many are under way.
    pub(super) fn may_start(&self) -> bool {
        !self.so_far.arrivals_stopped && self.so_far.live < self.given.in_flight
    }

    /// Begins the lives whose instants have come.
    pub(super) fn run_arrivals(&mut self) {
        for count in 0..ARRIVALS_PER_TURN {
            if count % STARTS_PER_CLOCK == STARTS_PER_CLOCK - 1 {
                self.look_at_clock();
            }
            if !self.may_start() {
                return;
            }
            let Some(planned) = self.lives.next_start().filter(|planned| *planned <= self.planned_now())
            else {
                return;
            };
            self.enter_stage(planned);
            let Some(Begun { row, planned }) = self.lives.begin(self.at()) else { return };
            self.furnish(row);
            self.books.begins(self.lives.session(row));
            self.so_far.live += 1;
            let happens = self.so_far.shape.happens(planned).unwrap_or(self.at());
            let due = self.tick_of(happens);
            debug_assert!(self.time.at.now.reached(due), "nobody starts before their time");
            self.books.recorder.session_started(self.time.at.now.since(due));
            self.link.started(self.at());
            self.drive(row, |session, ctx| session.start(due, ctx));
        }
    }

    /// Makes a row ready for the life that begins in it: one more than there were, or one whose last
    /// life is over.
    fn furnish(&mut self, row: RowIndex) {
        if row.index() == self.rows.len() {
            self.rows.push(Row::free());
        }
        if self.rows[row.index()].session.phase() != Phase::Idle {
            self.rows[row.index()] = Row::free();
        }
        self.lent.side.clear(row.0);
    }

    /// Hands over what was recorded before the stage that has begun by this instant.
    fn enter_stage(&mut self, at: Duration) {
        if self.lives.is_stage_over(at) {
            let interval = self.hand_over();
            self.lives.enter_stage(at);
            if self.lives.is_judging() {
                self.look_at_pairs();
            }
            self.link.part(interval);
        }
    }

    /// Has sessions and their acts grow old: instants that are compared lie near enough for ticks, however
    /// long the run.
    pub(super) fn grow_old(&mut self) {
        if self.at() < self.so_far.aged_at + AGED_EVERY {
            return;
        }
        self.so_far.aged_at = self.at();
        self.rows.iter_mut().for_each(|row| row.session.grow_old(self.time.at.now));
        self.close_acts(self.time.at.now.before(Ticks::from_duration(AGED_EVERY)));
    }

    /// Ends the sessions whose planned lives are over.
    pub(super) fn run_departures(&mut self) {
        self.enter_stage(self.planned_now());
        for count in 0..ARRIVALS_PER_TURN {
            if count % STARTS_PER_CLOCK == STARTS_PER_CLOCK - 1 {
                self.look_at_clock();
            }
            let Some(row) = self.lives.end(self.planned_now()) else { return };
            self.drive(row, |session, ctx| session.end(ctx));
        }
    }
}
