//! The timers that sessions ask for, and the queue of each.
//!
//! Knows no instant. Invariant: timers and queues are one to one, and all entries of a queue have
//! the same delay.

use crate::scenario::StepIndex;

/// A timer that a session asks for. It comes back through [`super::Session::timer`]; stale ones are
/// harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The end of the close handshake.
    Close,
    /// The end of the wait for the 101.
    Connect,
    /// The first PING since open.
    FirstPing,
    /// The first record since open.
    FirstRecord,
    /// A further PING, one interval after the one before was due.
    NextPing,
    /// A further record.
    NextRecord,
    /// The end of the wait for the message that means open.
    Open,
    /// The end of the wait for a PONG.
    Pong,
    /// The end of an HTTP step.
    Step(StepIndex),
}

impl Timer {
    /// How many queues [`Timer::queue`] needs for a scenario of so many HTTP steps.
    pub fn queues(http_steps: usize) -> usize {
        http_steps + 8
    }

    /// Whether servers are owed something when it comes, and not only we are late to notice a lack
    /// when it comes late.
    pub fn is_owed(self) -> bool {
        matches!(self, Self::FirstPing | Self::NextPing | Self::FirstRecord | Self::NextRecord)
    }

    /// Whether it may find a connection that has not come up.
    pub fn may_end_dialing(self) -> bool {
        matches!(self, Self::Connect | Self::Step(_))
    }

    /// The queue of this timer: one for each constant delay, and one more for the first of a
    /// series, which starts from another instant than its followers.
    pub fn queue(self) -> usize {
        match self {
            Self::Close => 0,
            Self::Connect => 1,
            Self::FirstPing => 2,
            Self::FirstRecord => 3,
            Self::NextPing => 4,
            Self::NextRecord => 5,
            Self::Open => 6,
            Self::Pong => 7,
            Self::Step(step) => 8 + step.index(),
        }
    }

    /// The timer of a queue; the inverse of [`Timer::queue`].
    pub fn of_queue(queue: usize) -> Self {
        match queue {
            0 => Self::Close,
            1 => Self::Connect,
            2 => Self::FirstPing,
            3 => Self::FirstRecord,
            4 => Self::NextPing,
            5 => Self::NextRecord,
            6 => Self::Open,
            7 => Self::Pong,
            step => Self::Step(StepIndex((step - 8) as u8)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_and_queues_are_one_to_one() {
        for queue in 0..Timer::queues(3) {
            assert_eq!(Timer::of_queue(queue).queue(), queue);
        }
    }
}
