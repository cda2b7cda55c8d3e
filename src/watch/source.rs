//! What a source of figures is, and what it says when it is asked.
//!
//! Invariant: a source never waits for longer than its deadline, whatever answers.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::lang::Sentence;

/// Each look of each source has this long.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Something that can be asked for figures: a Prometheus server, a page of metrics, a Redis, a log.
///
/// Each has a thread of its own. State between two looks (counters, positions in a file) is the
/// source's.
pub trait Source: Send {
    /// Reads the figures that these expressions name, in their order, by `deadline`. The expressions
    /// of a source may differ from look to look: those that are due.
    fn look(&mut self, expressions: &[&str], deadline: Instant) -> Reading;

    /// Whether what this expression is about is written only once sessions end, so that it is judged by a last look
    /// after them: nginx writes a WebSocket's line when it closes.
    fn is_late(&self, _expression: &str) -> bool {
        false
    }

    /// Reads what this expression was from `start` to `end`, as a source can that keeps a history.
    /// Asked once, after the run, if looks failed. An empty answer changes nothing.
    fn history(
        &mut self,
        _expression: &str,
        _start: Timestamp,
        _end: Timestamp,
        _step: Duration,
        _deadline: Instant,
    ) -> Vec<(Timestamp, f64)> {
        Vec::new()
    }
}

/// What one look saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// A figure for each expression, or why there is none.
    pub values: Vec<Result<f64, Unseen>>,
    /// What happened since the last look.
    pub events: Vec<Event>,
}

impl Reading {
    /// A look that saw nothing, for one reason.
    pub fn unseen(expressions: &[&str], why: &Unseen) -> Self {
        Self { values: vec![Err(why.clone()); expressions.len()], events: Vec::new() }
    }
}

/// Why a figure could not be read, and what to do so that it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// Such as `the page answers 404`.
    pub why: Sentence,
    /// What to do: the exact dependency, property or line to add; empty if nobody can say.
    pub fix: Sentence,
    /// Nothing is wrong: a later look will see it, as a rate needs two.
    pub is_early: bool,
}

impl Unseen {
    /// Something is missing.
    pub fn new(why: impl Into<Sentence>, fix: impl Into<Sentence>) -> Self {
        Self { why: why.into(), fix: fix.into(), is_early: false }
    }

    /// It takes one more look.
    pub fn early(why: impl Into<Sentence>) -> Self {
        Self { why: why.into(), fix: Sentence::default(), is_early: true }
    }
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A process restarted: its start time changed.
    Restarted,
    /// A server that was there is gone: its health key vanished, or it does not answer any more.
    Down,
    /// It is there again.
    Up,
    /// A server's log says that it ran out of memory.
    OutOfMemory,
    /// A command took longer than the server finds right (Redis's slow log).
    SlowCommand,
    /// The source itself ended (a log's command died), with its last line as evidence.
    SourceEnded,
}
