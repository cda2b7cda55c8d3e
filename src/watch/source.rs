//! What a source of figures is, and what it says when it is asked.
//!
//! Invariant: a source never waits for longer than its deadline, whatever answers.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Each look of each source has this long.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Something that can be asked for figures: a Prometheus server, a page of metrics, a Redis, a log.
///
/// Each has a thread of its own. State between two looks (counters, positions in a file) is the
/// source's.
pub trait Source: Send {
    /// Reads the figures that these expressions name, in their order, by `deadline`.
    fn look(&mut self, expressions: &[String], deadline: Instant) -> Reading;
}

/// What one look saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// A figure for each expression, or why there is none.
    pub values: Vec<Result<f64, Unseen>>,
    /// What happened since the last look.
    pub events: Vec<Event>,
}

/// Why a figure could not be read, and what to do so that it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// In words: `the page answered 404`.
    pub why: String,
    /// What to do: the exact dependency, property or line to add; empty if nobody can say.
    pub fix: String,
}

/// Something that happened at an instant on the servers' side.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, on this machine's clock.
    pub at: Timestamp,
    /// What kind of thing.
    pub kind: EventKind,
    /// Which server or file: a URL without secrets, a name.
    pub subject: String,
    /// The evidence: a line, the values that changed; cut and redacted.
    pub evidence: String,
}

/// The kinds of events, each of which a run reports at its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A process restarted: its start time changed.
    Restarted,
    /// A server that was there is gone: its health key vanished, or it does not answer any more.
    Down,
    /// It is there again.
    Up,
    /// A server's log says that it ran out of memory.
    OutOfMemory,
    /// The source itself ended (a log's command died), with its last line as evidence.
    SourceEnded,
}
