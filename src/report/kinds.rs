//! What came in the messages, as results: records by kind, answers, ages, gaps in their numbers.
//!
//! Knows which kinds declare what from the plan's scenario. Invariant: a kind that declares a figure
//! has it in the result, also where nothing came.

use serde::{Deserialize, Serialize};

use super::latencies::latency;
use super::texts::summary::Summary;
use super::{LatencyResult, Ordered};
use crate::lang::Lang;
use crate::measure::{Compression, KindTally, Tally};
use crate::members::{MemberName, SessionNumber};
use crate::numbers::{self, bytes, grouped};
use crate::plan::Plan;
use crate::scenario::kinds::Kind;

/// What was received.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessagesResult {
    /// Whole messages.
    pub received: u64,
    /// Bytes of payload in them.
    pub bytes: u64,
    /// What of them came compressed; `null` where the scenario does not offer it.
    #[serde(default)]
    pub compressed: Option<CompressedResult>,
    /// Of these, those in which another JSON text followed the first on a line of its own: only the
    /// first was read.
    #[serde(default)]
    pub joined: u64,
    /// Records by kind: a message is one, unless the scenario separates several in it; `other` is
    /// whatever the scenario does not list.
    pub by_type: Ordered<u64>,
    /// From the first session's start to the close of accounts, in seconds: what rates are over.
    #[serde(default)]
    pub seconds: f64,
    /// Answers sent, by the kind that they answer.
    #[serde(default)]
    pub answers: Ordered<u64>,
    /// Of kinds that say when they were sent: how long before they came.
    #[serde(default)]
    pub ages: Ordered<AgeResult>,
    /// Of kinds that are numbered: what is missing, by session.
    #[serde(default)]
    pub sequences: Ordered<SequenceResult>,
    /// The first that the scenario does not list; `null` if all were of its types.
    pub first_other: Option<OtherMessage>,
    /// Bytes read off sockets, framing and HTTP included.
    pub socket_bytes_received: u64,
    /// Bytes written to sockets.
    pub socket_bytes_sent: u64,
}

impl MessagesResult {
    /// Kinds whose age or number is to be measured, and none of which came, though others did.
    pub fn declared_in_vain(&self) -> impl Iterator<Item = &str> {
        let declared = self.ages.iter().map(|(kind, _)| kind);
        let numbered = self.sequences.iter().map(|(kind, _)| kind);
        let numbered = numbered.filter(|kind| self.ages.get(kind).is_none());
        let none = |kind: &&str| self.by_type.get(kind) == Some(&0);
        declared.chain(numbered).filter(none).filter(|_| self.received > 0)
    }
}

/// What came compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompressedResult {
    /// Sessions whose server agreed upon compression.
    pub sessions: u64,
    /// Whole messages.
    pub messages: u64,
    /// Bytes of payload in them, as received.
    pub bytes: u64,
    /// What they inflated to.
    pub inflated_bytes: u64,
}

/// How long before they came messages of a kind were sent, by the servers' clocks and ours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgeResult {
    /// Messages that say when.
    pub count: u64,
    /// Of these, those of later than now: the clocks differ. They are in no latency.
    pub negative: u64,
    /// Messages of the kind without an instant that can be read.
    #[serde(default)]
    pub unread: u64,
    /// The others.
    #[serde(flatten)]
    pub latency: LatencyResult,
    /// The smallest age by server, in milliseconds; where it is far from zero, the clocks differ.
    pub least_ms: Ordered<f64>,
}

/// Numbers of messages of a kind, over all sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SequenceResult {
    /// Numbers that were skipped.
    pub missing: u64,
    /// Numbers that came again, or late.
    pub duplicate: u64,
    /// Messages of the kind without a number that can be read.
    #[serde(default)]
    pub unread: u64,
}

/// A message of a type that the scenario does not list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherMessage {
    /// The number of the session that received it.
    pub session: SessionNumber,
    /// Its member.
    pub member_id: MemberName,
    /// Seconds since the run began.
    pub at_seconds: f64,
    /// Its beginning.
    pub text: String,
}

impl CompressedResult {
    /// Returns the lines about compression, with this number of open sessions, and whether each is a warning.
    pub(super) fn said(&self, open: u64, lang: Lang) -> Vec<(String, bool)> {
        let mut said = Vec::new();
        if self.messages > 0 {
            let (received, inflated) = (bytes(self.bytes), bytes(self.inflated_bytes));
            let figures: [&dyn std::fmt::Display; 3] = [&grouped(self.messages), &received, &inflated];
            said.push((lang.say(Summary::Compressed, &figures), false));
        }
        if self.sessions == 0 && open > 0 {
            said.push((lang.say(Summary::CompressionDeclined, &[]), true));
        } else if self.sessions < open {
            let figures: [&dyn std::fmt::Display; 2] = [&grouped(self.sessions), &grouped(open)];
            said.push((lang.say(Summary::CompressionPartly, &figures), true));
        }
        said
    }
}

/// What came compressed, where that is offered.
pub(super) fn compressed(counted: &Compression, plan: &Plan) -> Option<CompressedResult> {
    let Compression { sessions, messages, bytes, inflated_bytes } = *counted;
    let is_offered = plan.scenario.websocket.as_ref().is_some_and(|websocket| websocket.deflate);
    is_offered.then_some(CompressedResult { sessions, messages, bytes, inflated_bytes })
}

/// Answers by kind.
pub(super) fn answers(tally: &Tally, plan: &Plan) -> Ordered<u64> {
    declared(tally, plan, |kind| kind.answer.is_some(), |measured| measured.answers)
}

/// Ages by kind.
pub(super) fn ages(tally: &Tally, plan: &Plan) -> Ordered<AgeResult> {
    let least = |(server, micros): (&String, &i64)| (server.clone(), numbers::tidy(*micros as f64 / 1e3));
    declared(
        tally,
        plan,
        |kind| kind.sent_at.is_some(),
        |measured| AgeResult {
            count: measured.ages.count() + measured.ages_negative,
            negative: measured.ages_negative,
            unread: measured.ages_unread,
            latency: latency(&measured.ages),
            least_ms: measured.ages_least.iter().map(least).collect(),
        },
    )
}

/// Missing and repeated numbers by kind.
pub(super) fn sequences(tally: &Tally, plan: &Plan) -> Ordered<SequenceResult> {
    declared(
        tally,
        plan,
        |kind| kind.sequence.is_some(),
        |measured| SequenceResult {
            missing: measured.missing,
            duplicate: measured.duplicate,
            unread: measured.numbers_unread,
        },
    )
}

fn declared<T>(
    tally: &Tally,
    plan: &Plan,
    declares: impl Fn(&Kind) -> bool,
    result: impl Fn(&KindTally) -> T,
) -> Ordered<T> {
    let kinds = plan.scenario.websocket.iter().flat_map(|websocket| &websocket.kinds.kinds).enumerate();
    let nothing = KindTally::default();
    kinds
        .filter(|(_, kind)| declares(kind))
        .map(|(k, kind)| (kind.name.clone(), result(tally.kind(k).unwrap_or(&nothing))))
        .collect()
}
