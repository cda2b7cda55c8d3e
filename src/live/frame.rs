//! What the control thread hands over once a second: an owned copy of what the screen shows, and no
//! more.
//!
//! Reads a [`Snapshot`] and knows no terminal. Invariant: a frame is bounded, however many servers,
//! kinds of failures or messages a run has.

use std::time::Duration;

use criteria::{criteria, is_off};
use stage::stage;
use told::{ages, heartbeats, messages, propagation, rate, updates};

use crate::foreign;
use crate::lang::Lang;
use crate::measure::{Latencies, Phase, Tally};
use crate::plan::Plan;
use crate::report::view::Snapshot;
use crate::report::{ErrorDetail, RunResult, ServerResult, StepResult, TroubleResult};
use crate::scenario::{self, StepIndex};

mod criteria;
mod stage;
mod told;

pub use stage::StageNow;

/// Kinds of failures kept, most frequent first; the screen says how many there are.
const KINDS_MAX: usize = 12;
/// Kinds of messages, servers, addresses and criteria kept.
pub(super) const ROWS_MAX: usize = 64;
/// Characters kept of names that others gave.
const NAME_CHARS_MAX: usize = 80;
/// Characters kept of a sentence.
pub(super) const TEXT_CHARS_MAX: usize = 200;

/// Of a criterion without a figure so far.
pub(super) const NOT_YET: &str = "not measured yet";

/// A run after one more second.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// What the run is in now; none before its first second.
    pub phase: Option<Phase>,
    /// Since the run began.
    pub elapsed: Duration,
    /// How long sessions were held so far.
    pub held: Duration,
    /// Whether arrivals are paused now, and how long they were so far.
    pub paused: (bool, Duration),
    /// The stage that it is in, of a run that has stages of its own.
    pub stage: Option<StageNow>,
    /// Sessions by phase.
    pub sessions: Sessions,
    /// Sessions that should have begun by now, and those that have.
    pub arrivals: (u64, u64),
    /// What became of sessions that dropped.
    pub reconnects: Reconnects,
    /// What is wrong so far, by name.
    pub troubles: Vec<String>,
    /// Failures so far.
    pub errors: Errors,
    /// The scenario's steps, in order, and the ages of its messages.
    pub steps: Vec<Step>,
    /// Messages by kind, in the scenario's order.
    pub messages: Vec<Messages>,
    /// Periodic messages that are answered, in the scenario's order.
    pub heartbeats: Vec<Heartbeat>,
    /// What the others were told of periodic messages; none where no message is announced.
    pub updates: Option<Updates>,
    /// All messages.
    pub all_messages: Rate,
    /// Bytes read off sockets and written to them, a second.
    pub bytes_per_s: (f64, f64),
    /// Servers that sessions were sent to.
    pub servers: Vec<Server>,
    /// How many there are, shown or not.
    pub server_count: usize,
    /// Addresses of hosts that have several: connections begun, and up.
    pub addresses: Vec<(String, u64, u64)>,
    /// The load generator's own part.
    pub generator: Generator,
    /// The criteria with their present state.
    pub criteria: Vec<Criterion>,
    /// It is a mix, whose parts have criteria of their own.
    pub parts_have_criteria: bool,
}

/// Sessions by what they are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// As planned.
    pub planned: u64,
    /// Begun.
    pub started: u64,
    /// Begun, and neither open nor over.
    pub setting_up: u64,
    /// Open.
    pub open: u64,
    /// Failed, in whatever step.
    pub failed: u64,
    /// Opened, dropped, and not back.
    pub away: u64,
    /// Opened, and closed without a failure.
    pub closed: u64,
    /// Without a WebSocket, and through with their steps.
    pub completed: u64,
}

/// Open sessions whose connection ended, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reconnects {
    /// All of them.
    pub dropped: u64,
    /// Open again.
    pub recovered: u64,
    /// Given up by the policy.
    pub gave_up: u64,
    /// Attempts to come back.
    pub attempts: Rate,
    /// Of these, those that failed.
    pub failed: u64,
}

/// A count of a run and of its last second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// So far.
    pub total: u64,
    /// A second, lately.
    pub per_s: f64,
}

/// Messages of a kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Messages {
    /// Its name.
    pub kind: String,
    /// How many.
    pub rate: Rate,
    /// Their age on arrival in milliseconds, 99th percentile so far; of kinds that say when they were sent.
    pub age: Option<f64>,
}

/// The accounts of a periodic message that is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// Its name.
    pub name: String,
    /// Sent.
    pub sent: u64,
    /// Answered in time.
    pub answered: u64,
    /// Answered later, never answered, or not sent since the one before was not answered.
    pub failed: u64,
}

/// Updates of periodic messages by pair, as far as they are settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Updates {
    /// Messages sent.
    pub sent: u64,
    /// Updates expected of them.
    pub expected: u64,
    /// … that came.
    pub received: u64,
    /// … that did not.
    pub missing: u64,
}

/// What failed.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    /// Failed sessions and heartbeats.
    pub total: u64,
    /// Sessions started and heartbeats due.
    pub attempts: u64,
    /// Their share.
    pub rate: f64,
    /// By step and kind, most frequent first.
    pub kinds: Vec<ErrorKind>,
    /// How many kinds there are, shown or not.
    pub kind_count: usize,
}

/// Failures of a kind in a step.
#[derive(Clone, Debug, Default)]
pub struct ErrorKind {
    /// Such as `connection-refused`.
    pub kind: String,
    /// Where.
    pub step: String,
    /// Who must act.
    pub blame: String,
    /// How many.
    pub count: u64,
    /// What to do next.
    pub advice: String,
}

/// When something is timed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timed {
    /// Once a session, until it is open.
    #[default]
    Once,
    /// Again and again while it is open: a heartbeat, the age of messages.
    Again,
}

/// A step's figures, in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// When it is timed.
    pub timed: Timed,
    /// Successes.
    pub count: u64,
    /// Failures; none where nothing can fail.
    pub errors: Option<u64>,
    /// From scheduled time, of the whole run: p50 and p99.
    pub scheduled: [Option<f64>; 2],
    /// The same from actual send.
    pub sent: [Option<f64>; 2],
    /// Of the last second, from scheduled time: p99.
    pub now: Option<f64>,
}

/// A server and its sessions.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// Its URL.
    pub url: String,
    /// Sent there.
    pub sessions: u64,
    /// Opened there.
    pub opened: u64,
    /// Failed on the way there, or there.
    pub failed: u64,
}

/// This machine's own part.
#[derive(Clone, Copy, Debug, Default)]
pub struct Generator {
    /// Lag of the last second, in milliseconds, 99th percentile.
    pub lag_now: Option<f64>,
    /// The same of the whole run.
    pub lag: Option<f64>,
    /// Above this the run is inconclusive.
    pub lag_limit: Option<f64>,
    /// Stalls so far.
    pub stalls: u64,
    /// Their sum in seconds.
    pub stalled_s: f64,
    /// Cores that all threads used in the last second.
    pub cores_used: f64,
    /// Cores that this process may use.
    pub cores: u64,
    /// Engine threads.
    pub workers: u32,
    /// Resident bytes.
    pub rss_bytes: u64,
    /// Bytes a session.
    pub bytes_per_session: Option<f64>,
}

/// A criterion's present state.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// Its name.
    pub name: String,
    /// What it is now.
    pub state: State,
    /// What was measured, against its limit.
    pub why: String,
}

/// What a criterion is now, weightiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Not met.
    Failed,
    /// Not met, perhaps by this machine's doing.
    Doubtful,
    /// Beyond its limit, within its warning.
    Warning,
    /// Met so far.
    Met,
    /// Can still be met: it needs what has not happened yet.
    Open,
    /// Not of this plan.
    Off,
}

impl Frame {
    /// Before the first second.
    pub fn empty(plan: &Plan) -> Self {
        let sessions = Sessions { planned: plan.lives, ..Sessions::default() };
        let is_periodic = |name: &str| {
            let mut every = plan.scenario.websocket.iter().flat_map(|websocket| &websocket.every);
            every.any(|every| every.name == name)
        };
        let step = |name: String| Step {
            timed: if is_periodic(&name) { Timed::Again } else { Timed::Once },
            name,
            errors: Some(0),
            ..Step::default()
        };
        let criterion = |criterion: &scenario::Criterion| Criterion {
            name: name(&criterion.name),
            state: if is_off(criterion, plan) { State::Off } else { State::Open },
            why: NOT_YET.to_owned(),
        };
        Self {
            sessions,
            steps: plan.scenario.step_names().into_iter().map(step).collect(),
            generator: Generator { workers: plan.workers as u32, ..Generator::default() },
            criteria: plan.scenario.criteria.iter().take(ROWS_MAX).map(criterion).collect(),
            parts_have_criteria: plan.scenario.is_joined(),
            ..Self::default()
        }
    }

    /// Copies what is shown.
    pub fn of(snapshot: &Snapshot<'_>) -> Self {
        let Snapshot { plan, second, interval, result, .. } = snapshot;
        let (totals, now) = (second.totals.tally(), interval.tally());
        Self {
            phase: Some(snapshot.phase),
            elapsed: snapshot.elapsed,
            held: Duration::try_from_secs_f64(result.hold.seconds).unwrap_or_default(),
            paused: (snapshot.paused.is_some(), snapshot.paused_so_far()),
            stage: stage(snapshot),
            sessions: sessions(snapshot),
            arrivals: (second.planned, snapshot.started),
            reconnects: Reconnects {
                dropped: totals.reconnects.all.dropped,
                recovered: totals.reconnects.all.recovered,
                gave_up: totals.reconnects.all.gave_up,
                attempts: rate(snapshot, totals.reconnects.attempts, now.reconnects.attempts),
                failed: totals.reconnects.failures.total(),
            },
            troubles: result.troubles.iter().map(trouble).collect(),
            errors: errors(result),
            steps: steps(result, now)
                .chain(ages(snapshot))
                .chain(propagation(snapshot))
                .take(ROWS_MAX)
                .collect(),
            messages: messages(snapshot),
            heartbeats: heartbeats(result),
            updates: result.updates.as_ref().map(updates),
            all_messages: rate(snapshot, totals.counts.messages, now.counts.messages),
            bytes_per_s: (
                snapshot.per_second(now.counts.bytes_received),
                snapshot.per_second(now.counts.bytes_sent),
            ),
            servers: servers(result),
            server_count: result.servers.len(),
            addresses: addresses(result),
            generator: generator(snapshot),
            criteria: criteria(plan, snapshot.phase, result),
            parts_have_criteria: plan.scenario.is_joined(),
        }
    }
}

impl Sessions {
    /// Not begun yet.
    pub fn waiting(&self) -> u64 {
        self.planned.saturating_sub(self.started)
    }
}

fn sessions(snapshot: &Snapshot<'_>) -> Sessions {
    let Snapshot { plan, second, .. } = snapshot;
    let tally = second.totals.tally();
    let counts = &tally.counts;
    // An open session fails in the hold, behind all steps, or is given up after it dropped.
    let hold = StepIndex(plan.scenario.step_names().len() as u8);
    let failed_open = tally.failures.in_step(hold).max(tally.reconnects.all.gave_up);
    let away = tally.reconnects.away();
    // Of one instant, as long as there is one; accounts say nothing of those who leave afterwards.
    let open = if snapshot.phase == Phase::RampDown { second.open } else { counts.open_now() };
    let is_over = counts.opened + counts.completed + counts.abandoned + (counts.failed - failed_open);
    Sessions {
        planned: plan.lives,
        started: counts.started,
        setting_up: counts.started.saturating_sub(is_over),
        open,
        failed: counts.failed,
        away,
        closed: counts.opened.saturating_sub(open + failed_open + away),
        completed: counts.completed,
    }
}

/// `server-down (from 12.3 s on): a server went down`.
fn trouble(trouble: &TroubleResult) -> String {
    let since = trouble.first_seconds.map(|at| format!(" (from {at:.1} s on)")).unwrap_or_default();
    let text = format!("{}{since}: {}", trouble.name, trouble.title(Lang::En));
    foreign::line(&text, TEXT_CHARS_MAX)
}

fn errors(result: &RunResult) -> Errors {
    let errors = &result.errors;
    let kind = |detail: &ErrorDetail| ErrorKind {
        kind: name(&detail.kind),
        step: name(&detail.step),
        blame: detail.blame.clone(),
        count: detail.count,
        advice: foreign::line(&detail.next, TEXT_CHARS_MAX),
    };
    Errors {
        total: errors.total,
        attempts: errors.attempts,
        rate: errors.rate,
        kinds: errors.details.iter().take(KINDS_MAX).map(kind).collect(),
        kind_count: errors.details.len(),
    }
}

fn steps(result: &RunResult, now: &Tally) -> impl Iterator<Item = Step> {
    let step = |(k, (step_name, step)): (usize, (&str, &StepResult))| Step {
        name: name(step_name),
        timed: if result.every.get(step_name).is_some() { Timed::Again } else { Timed::Once },
        count: step.count,
        errors: Some(step.errors),
        scheduled: [step.from_due.p50_ms, step.from_due.p99_ms],
        sent: [step.from_sent.p50_ms, step.from_sent.p99_ms],
        now: now.step(k).and_then(|step| p99(&step.from_due)),
    };
    result.steps.iter().enumerate().map(step)
}

fn servers(result: &RunResult) -> Vec<Server> {
    let server = |(url, server): (&str, &ServerResult)| Server {
        url: name(url),
        sessions: server.sessions,
        opened: server.opened,
        failed: server.failed,
    };
    result.servers.iter().take(ROWS_MAX).map(server).collect()
}

fn addresses(result: &RunResult) -> Vec<(String, u64, u64)> {
    let addresses = result.generator.connections_by_address.iter().take(ROWS_MAX);
    addresses.map(|(address, counts)| (address.clone(), counts.begun, counts.up)).collect()
}

fn generator(snapshot: &Snapshot<'_>) -> Generator {
    let Snapshot { second, interval, result, .. } = snapshot;
    let (now, generator) = (interval.tally(), &result.generator);
    Generator {
        // As in the timeline: arrivals are counted apart.
        lag_now: p99(&now.lag).into_iter().chain(p99(&now.start_lag)).reduce(f64::max),
        lag: generator.lag_p99_ms,
        lag_limit: generator.lag_limit_ms,
        stalls: result.stalls.count,
        stalled_s: result.stalls.seconds,
        cores_used: second.cpu_seconds / second.length().as_secs_f64().max(1e-3),
        cores: result.host.cores,
        workers: generator.workers,
        rss_bytes: second.rss_bytes,
        bytes_per_session: generator.bytes_per_session.filter(|bytes| *bytes > 0.0),
    }
}

fn p99(latencies: &Latencies) -> Option<f64> {
    latencies.quantile(0.99).map(|span| span.as_secs_f64() * 1e3)
}

pub(super) fn name(text: &str) -> String {
    foreign::line(text, NAME_CHARS_MAX)
}
