//! The names of things: members, challenges, runners, seats.
//!
//! Plain numbers, each with a type of its own. Invariant: a [`Runner`] is only meaningful together with the
//! challenge whose roster it indexes, and never changes while that challenge exists.

use std::fmt;

/// A member's account: `memberId` in the API, `userId` on the WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

/// A challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChallengeId(pub u64);

/// A participation: the index in its challenge's roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Runner(pub u32);

/// Where a runner's WebSocket lives: the worker that owns it, its slot there, and the session's
/// number, since slots are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The worker.
    pub worker: u16,
    /// The connection's slot on that worker.
    pub slot: u32,
    /// The session, unique within the process (until the count wraps).
    pub session: u32,
    /// The WebSocket server that it counts for.
    pub server: u16,
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ChallengeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
