//! The timers that sessions ask for, and the queue of each.
//!
//! Knows no instant. Invariants: timers and queues are one to one, and there are no more queues than
//! the scenario needs; all entries of a queue have the same delay, unless it is one of the irregular
//! ones, which lie in a calendar.

use crate::scenario::StepIndex;
use crate::scenario::every::EveryIndex;

/// A timer that a session asks for. It comes back through [`super::Session::timer`]; stale ones are
/// harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The end of the close handshake.
    Close,
    /// The end of the wait for the 101.
    Connect,
    /// A periodic message, the first since open.
    First(EveryIndex),
    /// A further one, one interval after the one before was due.
    Next(EveryIndex),
    /// The end of the wait for its reply.
    Reply(EveryIndex),
    /// The end of the pause before a step after the upgrade.
    Pause(u8),
    /// The end of the wait for what such a step awaits.
    Await(u8),
    /// The end of an HTTP step.
    Step(StepIndex),
    /// The next attempt of a session that dropped.
    Reconnect,
}

/// The queues of a scenario's timers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queues {
    /// Periodic messages.
    pub every: usize,
    /// Steps after the upgrade.
    pub after: usize,
    /// HTTP steps.
    pub http: usize,
    /// Sessions that drop come back.
    pub reconnects: bool,
}

impl Queues {
    /// How many there are.
    pub fn count(self) -> usize {
        2 + 3 * self.every + 2 * self.after + self.http + usize::from(self.reconnects)
    }

    /// The queue of this timer: one for each constant delay, and one more for the first of a
    /// series, which starts from another instant than its followers.
    pub fn of(self, timer: Timer) -> usize {
        let after = 2 + 3 * self.every;
        match timer {
            Timer::Close => 0,
            Timer::Connect => 1,
            Timer::First(every) => 2 + 3 * every.index(),
            Timer::Next(every) => 3 + 3 * every.index(),
            Timer::Reply(every) => 4 + 3 * every.index(),
            Timer::Pause(step) => after + 2 * usize::from(step),
            Timer::Await(step) => after + 2 * usize::from(step) + 1,
            Timer::Step(step) => after + 2 * self.after + step.index(),
            Timer::Reconnect => after + 2 * self.after + self.http,
        }
    }

    /// The timer of a queue; the inverse of [`Queues::of`].
    pub fn timer(self, queue: usize) -> Timer {
        let after = 2 + 3 * self.every;
        match queue {
            0 => Timer::Close,
            1 => Timer::Connect,
            _ if queue < after => {
                let every = EveryIndex(((queue - 2) / 3) as u8);
                match (queue - 2) % 3 {
                    0 => Timer::First(every),
                    1 => Timer::Next(every),
                    _ => Timer::Reply(every),
                }
            }
            _ if queue < after + 2 * self.after => {
                let step = ((queue - after) / 2) as u8;
                if (queue - after).is_multiple_of(2) { Timer::Pause(step) } else { Timer::Await(step) }
            }
            _ if queue == after + 2 * self.after + self.http => Timer::Reconnect,
            _ => Timer::Step(StepIndex((queue - after - 2 * self.after) as u8)),
        }
    }
}

impl Timer {
    /// Whether servers are owed something when it comes, and not only we are late to notice a lack
    /// when it comes late.
    pub fn is_owed(self) -> bool {
        matches!(self, Self::First(_) | Self::Next(_) | Self::Pause(_) | Self::Reconnect)
    }

    /// Whether it may find a connection that has not come up.
    pub fn may_end_dialing(self) -> bool {
        matches!(self, Self::Connect | Self::Step(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_and_queues_are_one_to_one() {
        let queues = Queues { every: 3, after: 2, http: 4, reconnects: false };
        let again = Queues { reconnects: true, ..queues };
        for queue in 0..again.count() {
            assert_eq!(again.of(again.timer(queue)), queue);
        }
        assert_eq!(queues.of(Timer::Step(StepIndex(3))), queues.count() - 1);
        assert_eq!(again.of(Timer::Reconnect), again.count() - 1);
    }
}
