//! What is counted and timed: one [`Recorder`] a worker, merged into [`Totals`] once a second.
//!
//! Knows no socket and no session machine; the engine reports events to it. Invariants: recording
//! allocates only on first use of a histogram; every attempt ends up in exactly one account, so the
//! sums close (see [`Counts::check`]); nothing is shared between workers; whatever a peer can make
//! grow is bounded.
//!
//! Start from [`Recorder`] for what a worker records, from [`Tally`] for what can be read.
//! [`ledger`] keeps broadcasts by pair, [`acts`] what each session did that is announced, [`routing`] the server of each member.

pub mod acts;
mod beats;
mod counts;
mod failures;
mod fates;
mod joined;
mod kinds;
mod latencies;
pub mod ledger;
mod listed;
pub mod membership;
mod observers;
pub mod pauses;
mod phase;
pub mod propagation;
pub mod reconnects;
mod recorder;
pub mod routing;
pub mod servers;
mod sources;
mod stalls;
mod sums;
mod tally;
mod tls;
pub mod updates;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use startline_os::tick::Ticks;

use crate::fault::Fault;
use crate::members::{MemberName, SessionNumber};
use crate::scenario::every::{Every, EveryIndex};
use crate::scenario::kinds::Kind;
use crate::scenario::{Scenario, StepIndex, WebSocket};
use acts::Deed;

pub use beats::Beats;
pub use counts::{Compression, Counts, ERROR_RATE_FORMULA, SESSION_ERROR_RATE_FORMULA};
pub use failures::{FAULT_KINDS_MAX, Failures, SAMPLE_EVIDENCE_BYTES_MAX, SAMPLES_PER_KIND_MAX};
pub use fates::Fate;
pub use kinds::{KindTally, Unread};
pub use latencies::{LATENCY_MICROS_MAX, Latencies};
pub use phase::Phase;
pub use reconnects::{Drops, Ended, Reconnects};
pub use recorder::Recorder;
pub use sources::{AddressCounts, SourceCounts};
pub use stalls::{STALLS_KEPT_MAX, Stall, Stalls};
pub use tally::{Interval, StepTally, Tally, Totals};
pub use tls::{Handshake, TlsCounts};

/// Returns the memory, in bytes, of the accounts of broadcasts: pairs, departures, delays and, where they are
/// counted, updates.
pub fn observing_bytes(
    sessions: u32,
    observers: u32,
    workers: usize,
    (counts_updates, returns): (bool, bool),
) -> u64 {
    let of = observers as usize;
    let updates = if counts_updates { updates::bytes(sessions, of, workers) } else { 0 };
    ledger::bytes(sessions, observers, workers, returns)
        + propagation::bytes(sessions, of, workers)
        + membership::bytes(sessions, of, workers)
        + updates
}

/// Memory of the copies from which a step of a search is judged, in bytes.
pub fn looking_bytes(sessions: u32, observers: u32, workers: usize, returns: bool) -> u64 {
    ledger::bytes(sessions, observers, workers, returns)
        + membership::bytes(sessions, observers as usize, workers)
}

/// The name under which failures of open sessions are reported.
pub const HOLD: &str = "hold";
/// The name of entries, where they are announced.
pub const ENTERED: &str = "entered";
/// The name of departures, where they are announced.
pub const LEFT: &str = "left";

/// What there is to count: names by index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The scenario's steps, as in [`crate::scenario::Scenario::step_names`].
    pub steps: Vec<String>,
    /// Its periodic messages.
    pub every: Vec<EveryName>,
    /// The scenario's message types; one more slot, `other`, is added by the recorder.
    pub messages: Vec<String>,
    /// What is measured of some of these beyond their number, each with its type's index.
    pub figures: Vec<(u8, KindFigure)>,
    /// Whether updates of periodic messages are counted by pair.
    pub updates: bool,
    /// Whether open sessions may drop and not be over.
    pub reconnects: bool,
    /// What members do that is announced to the others.
    pub announced: Vec<AnnouncedName>,
}

/// Something that members do and that is announced to the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedName {
    /// What.
    pub deed: Deed,
    /// Its name: `entered`, `left`, or the periodic message's.
    pub name: String,
    /// The kinds of messages that announce it.
    pub kinds: Vec<String>,
}

/// What is measured of a kind of messages beyond their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KindFigure {
    /// How long before they came they were sent.
    Age,
    /// Answers sent.
    Answers,
    /// Numbers missing.
    Missing,
    /// Numbers that came again, or late.
    Duplicate,
}

/// A periodic message to count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EveryName {
    /// Its name.
    pub name: String,
    /// A heartbeat's place among the steps.
    pub step: Option<StepIndex>,
}

impl Layout {
    /// What there is to count in a scenario.
    pub fn of(scenario: &Scenario) -> Self {
        let websocket = scenario.websocket.as_ref();
        let steps = scenario.step_names();
        let mut heartbeat = steps.len() - websocket.map_or(0, |it| it.heartbeats().count());
        let every = websocket.iter().flat_map(|it| &it.every).map(|every| EveryName {
            name: every.name.clone(),
            step: every.is_heartbeat().then(|| {
                heartbeat += 1;
                StepIndex((heartbeat - 1) as u8)
            }),
        });
        Self {
            every: every.collect(),
            messages: websocket.iter().flat_map(|it| it.kinds.names()).map(str::to_owned).collect(),
            figures: websocket.map(|it| figures(&it.kinds.kinds)).unwrap_or_default(),
            updates: websocket.iter().flat_map(|it| &it.every).any(Every::is_broadcast),
            reconnects: scenario.reconnect.is_some(),
            announced: websocket.filter(|it| it.kinds.subject.is_some()).map(announced).unwrap_or_default(),
            steps,
        }
    }

    /// Returns the name under which a failure is reported: its step's, or `hold` behind all steps,
    /// where an open session fails.
    pub fn step_of_failure(&self, step: StepIndex) -> &str {
        self.steps.get(step.index()).map_or(HOLD, String::as_str)
    }
}

fn announced(websocket: &WebSocket) -> Vec<AnnouncedName> {
    let sent = websocket.every.iter().enumerate().filter(|(_, every)| every.broadcast.is_some());
    let sent = sent.map(|(k, every)| (Deed::sent(EveryIndex(k as u8)), every.name.as_str()));
    let one = |(deed, name): (Deed, &str)| {
        let tells = |kind: &&Kind| Deed::told_by(kind) == deed;
        let kinds = websocket.kinds.kinds.iter().filter(tells).map(|kind| kind.name.clone());
        AnnouncedName { deed, name: name.to_owned(), kinds: kinds.collect() }
    };
    let all = [(Deed::ENTER, ENTERED), (Deed::LEAVE, LEFT)].into_iter().chain(sent).map(one);
    all.filter(|announced| !announced.kinds.is_empty()).collect()
}

fn figures(kinds: &[Kind]) -> Vec<(u8, KindFigure)> {
    let of_kind = |(index, kind): (usize, &Kind)| {
        let all = [
            (kind.sent_at.is_some(), KindFigure::Age),
            (kind.answer.is_some(), KindFigure::Answers),
            (kind.sequence.is_some(), KindFigure::Missing),
            (kind.sequence.is_some(), KindFigure::Duplicate),
        ];
        all.into_iter().filter(|(is_there, _)| *is_there).map(move |(_, figure)| (index as u8, figure))
    };
    kinds.iter().enumerate().flat_map(of_kind).collect()
}

/// A failure as it is kept in `failures.jsonl`, a bounded number of each kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FaultSample {
    /// The session's number.
    pub session: SessionNumber,
    /// Its member.
    pub member_id: MemberName,
    /// The server that it was sent to, by then.
    pub server: Option<String>,
    /// Index into [`Layout::steps`].
    pub step: StepIndex,
    /// What happened.
    pub fault: Fault,
    /// Since the run began.
    pub at: Duration,
    /// The first bytes of what the peer sent, if any (at most 512, lossy UTF-8).
    pub evidence: String,
}

/// A message that fits no kind of the scenario's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnmatchedSample {
    /// The session's number.
    pub session: SessionNumber,
    /// Its member.
    pub member_id: MemberName,
    /// Since the run began.
    pub at: Duration,
    /// Its beginning.
    pub text: String,
}

/// How long something took that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// From the instant it was due.
    pub from_due: Ticks,
    /// From the instant it was sent.
    pub from_sent: Ticks,
    /// A stall of this machine lies in that time.
    pub stalled: bool,
}

/// How a closing handshake ended that a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseEnd {
    /// The peer's close frame came.
    Clean,
    /// The connection ended without it.
    Cut,
    /// Neither happened in time.
    TimedOut,
}

/// What happened to a periodic message; of one that awaits nothing, `Due`, `Missed` and `Sent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingEvent {
    /// A PING fell due.
    Due,
    /// It fell due while another was outstanding and was not sent.
    Missed {
        /// A stall of this machine lies in the time since the outstanding one was sent.
        stalled: bool,
    },
    /// One that was missed waited so long for the end of the outstanding one's cycle.
    MissedWaited(Ticks),
    /// It was sent.
    Sent,
    /// Its PONG came within the timeout.
    Answered(Timed),
    /// The timeout passed without its PONG; the cycle has failed.
    TimedOut {
        /// A stall of this machine lies in the time since it was sent.
        stalled: bool,
    },
    /// The PONG of a cycle that had timed out came after all.
    Late,
    /// A PONG with no PING to answer.
    Unasked,
    /// The session ended (or accounts closed) with the PING outstanding and its time not over.
    Pending,
}
