//! The result of a run as data: exactly what `summary.json` holds.
//!
//! `schema/summary.schema.json` is its published form, `docs/measurement.md` says what each figure
//! means and how it can mislead. Durations are in the unit that ends their name. Invariant: a
//! figure that does not exist is `null`, never 0 and never left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use startline_os::process::Host;

use super::{
    AddressResult, FindMaxResult, LedgerResult, MembershipResult, MergedResult, MessagesResult, MixPart,
    Ordered, PauseResult, PropagationResult, ReconnectsResult, RoutingResult, ServerResult, ShardResult,
    StageResult, StallsResult, TroubleResult, UpdatesResult, WatchResult,
};
use crate::lang::Sentence;
use crate::members::{MemberName, SessionNumber};
use crate::scenario::Good;

/// The version of `summary.json`'s form. It grows when a key changes its meaning or goes; new keys
/// do not raise it.
pub const SCHEMA_VERSION: u32 = 1;

/// A run's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The verdict.
    pub verdict: Verdict,
    /// The process's exit status that goes with it: 0, 1 or 3.
    pub exit_status: u8,
    /// Why the verdict is what it is, in sentences, weightiest first.
    #[serde(flatten, with = "crate::lang::sentence::reasons")]
    pub reasons: Vec<Sentence>,
    /// What the run was judged by.
    pub criteria: Vec<CriterionResult>,
    /// Sessions planned, begun and held.
    pub sessions: SessionsResult,
    /// How the ramp went.
    pub arrivals: ArrivalsResult,
    /// The time over which sessions were held.
    pub hold: HoldResult,
    /// Sessions that dropped and came back, or not; `null` where the scenario has no policy and
    /// none is cut on purpose.
    #[serde(default)]
    pub reconnects: Option<ReconnectsResult>,
    /// The stages that it went through; empty of a plan without stages of its own.
    #[serde(default)]
    pub stages: Vec<StageResult>,
    /// Times in which arrivals were paused.
    #[serde(default)]
    pub pauses: Vec<PauseResult>,
    /// What a search for the most sessions has found; `null` of every other run.
    #[serde(default)]
    pub find_max: Option<FindMaxResult>,
    /// Latencies and failures by step.
    pub steps: Ordered<StepResult>,
    /// From the last HTTP answer, which gave the ticket, to the upgrade sent.
    #[serde(default)]
    pub ticket_age: LatencyResult,
    /// The accounts of all heartbeats.
    pub ping: PingResult,
    /// Each periodic message's accounts, in the order of the scenario.
    #[serde(default)]
    pub every: Ordered<EveryResult>,
    /// What went wrong.
    pub errors: ErrorsResult,
    /// What was received.
    pub messages: MessagesResult,
    /// Broadcasts by pair; `null` when no ledger was kept.
    pub ledger: Option<LedgerResult>,
    /// Updates of periodic messages by pair; `null` where none is announced.
    #[serde(default)]
    pub updates: Option<UpdatesResult>,
    /// Who was announced as gone and who was not; `null` while the run goes on, and without presence.
    #[serde(default)]
    pub membership: Option<MembershipResult>,
    /// How long announcements took, by what they announce; empty where the scenario announces nothing.
    #[serde(default)]
    pub propagation: Ordered<PropagationResult>,
    /// Sessions by the URL that the server returned.
    pub servers: Ordered<ServerResult>,
    /// Whether members were sent where their hash says.
    pub routing: RoutingResult,
    /// The connections of the HTTP steps.
    pub http: HttpResult,
    /// TLS handshakes and what came after; `null` when none finished and certificates were to be checked.
    pub tls: Option<TlsResult>,
    /// What came while sessions left; not judged. `null` while they have not.
    pub ramp_down: Option<RampDownResult>,
    /// This machine's own part.
    pub generator: GeneratorResult,
    /// Times in which this machine did not run the load generator.
    pub stalls: StallsResult,
    /// The servers' side; `null` if nothing was watched.
    #[serde(default)]
    pub watch: Option<WatchResult>,
    /// What is wrong, by name.
    #[serde(default)]
    pub troubles: Vec<TroubleResult>,
    /// The parts of a mix, each with its own result; empty of a run with one scenario.
    #[serde(default)]
    pub parts: Vec<MixPart>,
    /// `finished`, `running` or `stopped`.
    pub ending: String,
    /// The scenario's name.
    pub scenario: String,
    /// Whether anything in the scenario shows that a server accepted a session.
    #[serde(default = "yes")]
    pub acceptance_shown: bool,
    /// Which part of a plan the run was; `null`: all of it.
    #[serde(default)]
    pub shard: Option<ShardResult>,
    /// The shards that this is the sum of; `null`: it is a run's.
    #[serde(default)]
    pub merged: Option<MergedResult>,
    /// The plan as it was run.
    pub plan: serde_json::Value,
    /// Wall clock when the run began.
    pub started_at: jiff::Timestamp,
    /// `startline`'s version.
    pub version: String,
    /// The machine.
    pub host: Host,
}

/// Of results from before it was looked at.
fn yes() -> bool {
    true
}

/// The verdict on a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every criterion that could be measured was met (perhaps with a warning).
    Pass,
    /// A criterion was not met, and this machine did not cause it.
    Fail,
    /// Neither: see the reasons.
    Inconclusive,
}

/// How one criterion came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Within its limit.
    Pass,
    /// Beyond its limit, within its warning.
    Warn,
    /// Beyond both.
    Fail,
    /// There was nothing to judge; `why` says so.
    NotMeasured,
}

/// A criterion and its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CriterionResult {
    /// Its name in the scenario.
    pub name: String,
    /// What is measured, such as `steps.enter.p95_ms`.
    pub measure: String,
    /// `at-most`, `at-least` or `below`: which side of the limit is good.
    pub good: String,
    /// The limit, in the measure's own unit; shares are 0 to 1.
    pub limit: f64,
    /// The limit of a warning, if there is one.
    pub warn: Option<f64>,
    /// The unit for display.
    pub unit: String,
    /// What was measured, in the limit's unit.
    pub measured: Option<f64>,
    /// How it came out.
    pub outcome: Outcome,
    /// Of a failure: whether it stands, or may have been caused by this machine. `true` otherwise.
    pub stands: bool,
    /// The outcome in words.
    #[serde(flatten, with = "crate::lang::sentence::why")]
    pub why: Sentence,
}

/// Sessions planned, begun and held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionsResult {
    /// As planned.
    pub planned: u64,
    /// Began their first step.
    pub started: u64,
    /// Opened (the message that means open came).
    pub established: u64,
    /// Sessions without WebSocket that did all their steps.
    pub completed: u64,
    /// Opened and closed because they had done what they were there for.
    #[serde(default)]
    pub finished: u64,
    /// Failed, in whatever step.
    pub failed: u64,
    /// Most open at one instant.
    pub peak: u64,
    /// Fewest open at any instant of the hold; `null` before it began.
    pub min_in_hold: Option<u64>,
    /// Open when accounts closed.
    pub held_to_end: u64,
    /// Session-seconds open during the hold.
    pub held_seconds: f64,
    /// Session-seconds that the plan would have held: sessions times hold.
    pub planned_seconds: f64,
}

/// How the ramp went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArrivalsResult {
    /// Arrivals planned a second; `null` when all start at once.
    pub planned_per_s: Option<f64>,
    /// Arrivals a second between the first start and the last; `null` with fewer than two.
    pub achieved_per_s: Option<f64>,
    /// Achieved over planned, at most 1.
    pub achieved_share: Option<f64>,
    /// Starts after their planned instant, 99th percentile.
    pub lag_p99_ms: Option<f64>,
}

/// The time over which sessions were held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldResult {
    /// As planned.
    pub planned_seconds: f64,
    /// As it was.
    pub seconds: f64,
}

/// A distribution of latencies, all in milliseconds; all `null` without values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LatencyResult {
    pub mean_ms: Option<f64>,
    pub min_ms: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p90_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub p999_ms: Option<f64>,
    pub max_ms: Option<f64>,
}

/// A step's successes and failures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// Successes.
    pub count: u64,
    /// Sessions that failed in it; of a heartbeat, cycles timed out or missed.
    pub errors: u64,
    /// From scheduled time: what is judged.
    #[serde(flatten)]
    pub from_due: LatencyResult,
    /// From actual send. Where the two differ, this machine was late.
    pub from_sent: LatencyResult,
    /// Of the successes, the ones with a stall of this machine in their time.
    pub stalled: u64,
    /// From actual send, without as many of the longest as had a stall in their time; `null` if none had.
    pub without_stalls: Option<LatencyResult>,
}

/// A periodic message's accounts; of one that awaits nothing, `due = sent + missed` is all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EveryResult {
    /// Fell due.
    pub due: u64,
    /// Were sent.
    pub sent: u64,
    /// Were answered within the timeout.
    pub answered: u64,
    /// Were answered after the timeout.
    pub late: u64,
    /// Fell due while the one before was outstanding, and were not sent.
    pub missed: u64,
    /// Were never answered, though their time was over.
    pub unanswered: u64,
    /// Were still in time when their session or the accounts closed.
    pub pending: u64,
    /// Replies that answer none of ours.
    pub unasked: u64,
    /// Of those missed, late and unanswered, the ones with a stall of this machine in their time.
    pub stalled: u64,
}

/// The accounts of all heartbeats: `due = sent + missed`, `sent = answered + late + unanswered +
/// pending`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PingResult {
    /// Fell due.
    pub due: u64,
    /// Were sent.
    pub sent: u64,
    /// Were answered within the timeout.
    pub answered: u64,
    /// Were answered after the timeout.
    pub late: u64,
    /// Fell due while the one before was outstanding, and were not sent.
    pub missed: u64,
    /// Were never answered, though their time was over.
    pub unanswered: u64,
    /// Were still in time when their session or the accounts closed.
    pub pending: u64,
    /// Replies that answer none of ours.
    pub unasked_pongs: u64,
    /// Of those missed, late and unanswered, the ones with a stall of this machine in their time.
    pub stalled: u64,
    /// How long those missed waited for the end of the outstanding one's cycle. They have no
    /// latency of their own.
    pub missed_wait: LatencyResult,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorsResult {
    /// Failed sessions and failed heartbeats.
    pub total: u64,
    /// Sessions started and heartbeats due.
    pub attempts: u64,
    /// `total / attempts`, 0 to 1; 0 before any attempt.
    pub rate: f64,
    /// How `rate` is made, in words.
    pub rate_formula: String,
    /// By kind, most first. The kinds of all steps add up to `total`.
    pub by_kind: Ordered<u64>,
    /// By who must act: `machine`, `network`, `server`, `scenario`.
    pub by_blame: Ordered<u64>,
    /// Members whom a step has marked as in and whose WebSocket then reached no server: they are
    /// locked out until the challenge is over. 0 in scenarios where no step does so.
    pub member_burned: u64,
    /// Error messages that came in the hold and left their sessions open: reported, not counted in
    /// `total`.
    pub messages: u64,
    /// Requests sent once more because a kept-alive connection had been closed before any byte of
    /// the answer: reported, not counted in `total`.
    pub reconnected: u64,
    /// By step and kind, most first.
    pub details: Vec<ErrorDetail>,
}

/// One kind of failure in one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// The step.
    pub step: String,
    /// The kind, as in `by_kind`.
    pub kind: String,
    /// Who must act.
    pub blame: String,
    /// How many.
    pub count: u64,
    /// What to do next.
    pub next: String,
    /// The first that was kept.
    pub sample: Option<ErrorSample>,
}

/// A failure with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorSample {
    /// The session's number.
    pub session: SessionNumber,
    /// Its member.
    pub member_id: MemberName,
    /// The server that it was sent to; `null` before it was.
    pub server: Option<String>,
    /// Seconds since the run began.
    pub at_seconds: f64,
    /// The first bytes of what the peer sent.
    pub evidence: String,
}

/// The connections of the HTTP steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpResult {
    /// Connections that each worker's sessions could share at most; `null` when each session had
    /// its own.
    pub shared_per_worker: Option<u32>,
    /// TCP connections that came up.
    pub connections: u64,
    /// Requests sent.
    pub requests: u64,
    /// Of these, on a connection that had carried an answer before, this session's or another's.
    pub reused: u64,
    /// Sessions that waited for a shared connection and got one.
    pub waited: u64,
    /// Their waits, 99th percentile; `null` when nobody waited.
    pub wait_p99_ms: Option<f64>,
    /// The longest of them.
    pub wait_max_ms: Option<f64>,
}

/// TLS handshakes and what came after them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TlsResult {
    /// `--insecure`: no certificate was checked.
    pub insecure: bool,
    /// Finished handshakes with a certificate: those of HTTP connections, as a fresh phone's.
    pub full: u64,
    /// Finished handshakes that went on with the session's own earlier one.
    pub resumed: u64,
    /// Finished handshakes by version: `TLS 1.3`, `TLS 1.2`.
    pub versions: Ordered<u64>,
    /// Finished handshakes by cipher suite.
    pub suites: Ordered<u64>,
    /// Finished handshakes by key exchange group.
    pub key_exchanges: Ordered<u64>,
    /// Session tickets received.
    pub tickets: u64,
    /// Times that a server changed its key in mid-session.
    pub key_updates: u64,
}

/// What came while sessions left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RampDownResult {
    /// Messages received.
    pub messages: u64,
    /// Periodic messages sent.
    pub sent: u64,
    /// Answers sent to the server's messages.
    pub answers: u64,
    /// Sessions closed.
    pub closed: u64,
    /// Of their closing handshakes, those that the server's close frame ended.
    pub clean: u64,
    /// Those that the connection's end cut short.
    pub cut: u64,
    /// Those that nothing ended within `close_timeout`.
    pub timed_out: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// How long announcements took that came in it.
    #[serde(default)]
    pub propagation: Ordered<PropagationResult>,
}

/// This machine's own part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeneratorResult {
    /// Engine threads.
    pub workers: u32,
    /// How source ports were chosen: `windows` that move through each worker's share, `explicit`
    /// ports on kernels without those, or the `kernel`; `null` while the run goes on.
    pub port_method: Option<String>,
    /// Connections begun until accounts closed, HTTP and WebSocket, by source address; `kernel`
    /// where the choice was the kernel's. Empty while the run goes on.
    pub connections_by_source: BTreeMap<String, u64>,
    /// Of these, the ones to which nothing answered within their step's timeout
    /// (`connect-timeout`); without the addresses that have none.
    #[serde(default)]
    pub unanswered_by_source: BTreeMap<String, u64>,
    /// Connections to each address of a host that has several, HTTP and WebSocket.
    #[serde(default)]
    pub connections_by_address: BTreeMap<String, AddressResult>,
    /// Timers and arrivals handled after their planned instant, 99th percentile.
    pub lag_p99_ms: Option<f64>,
    /// The latest of them.
    pub lag_max_ms: Option<f64>,
    /// Over this `lag_p99_ms` the run is inconclusive: the plan's, else a tenth of the tightest
    /// timeout; `null` without either.
    pub lag_limit_ms: Option<f64>,
    /// A turn of a worker's loop, 99th percentile.
    pub turn_p99_ms: Option<f64>,
    /// CPU seconds used, user and system, all threads.
    pub cpu_seconds: f64,
    /// Resident bytes in the hold.
    pub rss_bytes: u64,
    /// Resident bytes before the first arrival.
    pub rss_bytes_at_start: u64,
    /// Their difference over the sessions open; `null` with none. One run's quotient has allocator
    /// slack and histograms in it: the slope over several sizes is the true figure.
    pub bytes_per_session: Option<f64>,
}

impl Verdict {
    /// The exit status: 0 pass, 1 fail, 3 inconclusive.
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Inconclusive => 3,
        }
    }
}

/// The name of a side in results.
pub(super) fn good_key(good: Good) -> &'static str {
    match good {
        Good::AtMost => "at-most",
        Good::AtLeast => "at-least",
        Good::Below => "below",
    }
}
