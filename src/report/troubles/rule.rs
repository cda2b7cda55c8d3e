//! What a trouble's row says: its signs on each side, and how others explain it.
//!
//! A vocabulary; finds nothing.

use crate::report::texts::troubles::Trouble as T;
use crate::watch::EventKind;

/// A trouble and its signs.
#[derive(Debug)]
pub(super) struct Rule {
    /// The name in results.
    pub name: &'static str,
    /// What is wrong, in a few words.
    pub title: T,
    /// What to do.
    pub next: T,
    /// What the sessions show.
    pub client: &'static [Clue<Sign>],
    /// What the servers show.
    pub servers: &'static [Clue<Look>],
    /// Troubles of which this one's signs may be a consequence.
    pub explained: Option<(How, &'static [&'static str])>,
}

/// A sign, and whether it is enough by itself.
#[derive(Debug)]
pub(super) enum Clue<S> {
    /// It names the trouble.
    Enough(S),
    /// It has other causes, too: it counts beside a sign of the other side.
    Supports(S),
}

/// How a trouble explains the signs of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It is the same server's.
    SameServer,
    /// The same, or it came at that time to a server that the two sides call by different names.
    Died,
    /// Its server's members went to others.
    Moved,
}

/// Where errors are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In any step.
    Anywhere,
    /// In a step before the WebSocket's.
    Http,
    /// In the step that waits for the message that means open.
    Open,
}

/// What is looked for on the client's side.
#[derive(Debug)]
pub(super) enum Sign {
    /// Errors of these kinds.
    Errors(Place, &'static [&'static str]),
    /// Connections refused by what had answered before.
    RefusedSince,
    /// Connections refused by what had never answered.
    RefusedAlways,
    /// Something that several figures make together.
    Shape(Shape),
}

/// What several figures make together.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Members who never learned of each other.
    PairsMissing,
    /// Members announced as gone whose sessions were open.
    GoneWhileOpen,
    /// Sessions that sent no heartbeat in time, or whose heartbeats failed, were closed with 1000.
    ClosedAsIdle,
    /// Members on another server than their hash says.
    Misrouted,
    /// A server lost its sessions at once, and none opened there again.
    Lost,
    /// It lost them, and sessions opened there again.
    LostAndBack,
    /// It answered no heartbeats before it lost them.
    SilentThenLost,
    /// Openings end at a number while connecting fails and open sessions go on.
    Full,
}

/// What is looked for on the servers' side.
#[derive(Debug)]
pub(super) enum Look {
    /// An event of this kind.
    Event(EventKind),
    /// A figure of an expression with one of these in it, beyond its limit.
    Figure(&'static [&'static str]),
}
