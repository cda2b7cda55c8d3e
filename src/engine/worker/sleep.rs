//! How long a worker sleeps between two turns, and what it wakes up for.
//!
//! Invariant: what is owed or due to begin is never slept over; deadlines may be, a little.

use std::time::Duration;

use startline_os::tick::{Tick, Ticks};

use super::Worker;
use super::flood::PAUSE;

/// The longest sleep: how late an order from the control thread, or that a deadline has passed, may
/// be seen.
const SLEEP_MAX: Duration = Duration::from_millis(50);
/// … while closes are being spread.
const SLEEP_MAX_CLOSING: Duration = Duration::from_millis(20);

impl Worker<'_> {
    /// How long the poll may sleep; what comes sooner has the alarm set for it. Deadlines alone
    /// wake nobody: most are of something that has long been answered, and one that is noticed a
    /// little late harms nobody.
    pub(super) fn prepare_sleep(&mut self) -> Duration {
        if !self.wire.unread.is_empty()
            || self.pool.can_serve()
            || self.beside.as_ref().is_some_and(|beside| beside.waits())
        {
            return Duration::ZERO;
        }
        let longest = if self.so_far.ramp_down.is_some() { SLEEP_MAX_CLOSING } else { SLEEP_MAX };
        match self.next_due().map(|due| (due, due.since(self.time.at.now))) {
            Some((_, Ticks::ZERO)) => Duration::ZERO,
            Some((due, wait)) if wait.as_duration() < longest => {
                self.wire.alarm.wake_at(due, self.time.at.now);
                longest
            }
            _ => longest,
        }
    }

    /// Lets sockets that become readable one after the other gather, as long as nothing is due.
    pub(super) fn pause_in_flood(&self, sleep: Duration) {
        let is_free =
            || self.next_due().is_none_or(|due| due.since(self.time.at.now).as_duration() > 4 * PAUSE);
        if self.time.flood.is_on() && !sleep.is_zero() && is_free() {
            std::thread::sleep(PAUSE);
        }
    }

    /// When something is to be sent or begun next.
    fn next_due(&self) -> Option<Tick> {
        let owed = self.timers.next_due(|queue| self.queues.timer(queue).is_owed());
        let planned = self.lives.next_start().filter(|_| self.may_start());
        // A little late rather than early. While the plan's clock stands, none is due.
        let due = |planned| Some(self.tick_of(self.so_far.shape.happens(planned)?) + Ticks::from_raw(1));
        let arrival = planned.and_then(due);
        let departure = self.lives.next_end().and_then(due);
        let next = [owed, arrival, departure].into_iter().flatten();
        next.min_by_key(|due| due.since(self.time.at.now))
    }
}
