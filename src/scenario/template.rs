//! Text with variables, compiled once and rendered into a shared buffer.
//!
//! Knows no clock: the time comes with the [`Scope`]. Invariant: a compiled template renders
//! without lookups by name and cannot fail.

/// A compiled template.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// The pieces in order.
    pub parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Bytes as they are (variables from the file or `--set` end up here).
    Literal(Box<[u8]>),
    /// `{member_id}`.
    MemberId,
    /// `{challenge_id}`: the member's group.
    ChallengeId,
    /// `{session}`: the session's number in the run, from 0.
    Session,
    /// `{now_ms}`: Unix milliseconds.
    NowMs,
    /// `{held_ms}`: milliseconds since the session opened.
    HeldMs,
    /// `{sequence}`: how often this message has been sent before, from 0.
    Sequence,
    /// `{distance_km}`: held time at the pace of the variable `pace_s_per_km`, three decimals.
    DistanceKm {
        /// Seconds a kilometre.
        pace_s_per_km: u32,
    },
    /// A value taken from an answer; the index is into `Scenario::value_names`.
    Taken(u8),
}

/// What a template may refer to.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The member's id.
    pub member_id: u64,
    /// The member's challenge.
    pub challenge_id: u64,
    /// The session's number in the run.
    pub session: u32,
    /// Unix time in milliseconds.
    pub now_ms: u64,
    /// Milliseconds since the session opened; 0 before.
    pub held_ms: u64,
    /// Times this message has been sent before.
    pub sequence: u32,
    /// Taken values by index; empty where not taken yet.
    pub taken: &'a [String],
}

impl Template {
    /// Appends the text to `out`.
    pub fn render(&self, scope: &Scope<'_>, out: &mut Vec<u8>) {
        let _ = (scope, out);
        todo!()
    }
}
