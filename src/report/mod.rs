//! One [`RunResult`] and everything that is made from it: verdict, text, JSON, CSV, histogram log.
//!
//! [`RunResult::build`] is the one place where figures are computed, from
//! [`Totals`](crate::measure::Totals) (what was recorded), [`Facts`] (what only the orchestration
//! knows) and the scenario. Text and `summary.json` print that result and compute nothing of their
//! own. Nothing here panics on I/O: an error on a file is reported, and the run goes on.
//!
//! [`verdict`] judges a run, [`files`] keeps the results directory, [`progress`] the line on the
//! terminal while it runs.

mod alike;
mod build;
pub mod files;
mod find_max;
pub mod formats;
pub mod headline;
mod hlog;
pub mod kept;
mod kinds;
mod latencies;
mod ledger;
mod measures;
mod mix;
mod ordered;
pub mod page;
mod pauses;
mod phrases;
pub mod plan_settings;
pub mod progress;
mod propagation;
mod reconnects;
pub mod recorded;
mod requests;
mod result;
mod servers;
mod shape;
pub mod shards;
mod stages;
mod stalls;
pub mod text;
pub mod texts;
mod timeline;
mod tls;
mod told;
pub mod troubles;
pub mod verdict;
pub mod view;
mod watched;
mod writer;

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use startline_os::process::Host;

use crate::lang::Sentence;
pub use crate::measure::Phase;
use crate::measure::SourceCounts;
use crate::measure::ledger::LedgerTotals;
use crate::measure::membership::MembershipTotals;
use crate::measure::pauses::Pauses;
use crate::measure::propagation::Propagated;
use crate::measure::updates::MissingUpdate;
use crate::watch::Seen;

pub use build::{error_details, judged_step};
pub use find_max::{BrokeResult, FindMaxResult, FindMaxStep, StepFacts};
pub use kinds::{AgeResult, CompressedResult, MessagesResult, OtherMessage, SequenceResult};
pub use ledger::{LedgerResult, MissingPair};
pub use measures::{is_measure, is_share};
pub use mix::MixPart;
pub use ordered::Ordered;
pub use pauses::PauseResult;
pub use propagation::{PropagationResult, ServersResult};
pub use reconnects::{AttemptFailure, CUT_ON_PURPOSE, DropsResult, ReconnectsResult};
pub use requests::RequestsResult;
pub use result::*;
pub use servers::{AddressResult, MoveResult, RoutingResult, ServerFailure, ServerResult, Spread};
pub use shape::{
    LegResult, LossResult, OrderResult, OwedResult, ReachResult, ReceiversResult, ShapeResult, SliceResult,
    SpreadResult, StagesResult,
};
pub use shards::{
    AcrossResult, ClockResult, MergedResult, PartResult, ReachedResult, ShardResult, WatchedPartsResult,
};
pub use stages::{Part, StageFacts, StageResult};
pub use stalls::{StallResult, StallsResult};
pub use told::{MembershipResult, MissingUpdateResult, UntoldResult, UpdatesResult};
pub use troubles::{Certainty, Evidence, Side, TroubleResult};
pub use watched::{WatchEvent, WatchResult, WatchedResult};

/// How a run came to its end, or that it has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The hold was held to its end and accounts were closed.
    Finished,
    /// It is under way: what a summary says that is written once a second.
    Running,
    /// It was ended early since a measure was beyond its limit: what failed by then has failed.
    Aborted(Sentence),
    /// It was ended early, for this reason.
    Stopped(Sentence),
}

/// Messages that still came while sessions left: reported, not judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RampDownFacts {
    /// Messages received after accounts were closed.
    pub messages: u64,
    /// Periodic messages sent after that.
    pub sent: u64,
    /// Answers to the server's messages after that.
    pub answers: u64,
    /// Sessions that were closed.
    pub closed: u64,
    /// Of their closing handshakes: ended by the peer's close frame …
    pub clean: u64,
    /// … by the connection's end without it …
    pub cut: u64,
    /// … by neither in time.
    pub timed_out: u64,
    /// How long it took.
    pub took: Duration,
}

impl RampDownFacts {
    /// Adds another shard's.
    fn add(&mut self, other: Self) {
        // Taken apart in full, so that a figure added later cannot be forgotten here.
        let Self { messages, sent, answers, closed, clean, cut, timed_out, took } = other;
        self.messages += messages;
        self.sent += sent;
        self.answers += answers;
        self.closed += closed;
        self.clean += clean;
        self.cut += cut;
        self.timed_out += timed_out;
        self.took = self.took.max(took);
    }
}

/// The servers' side, as the shards that watched it have it in their results.
#[derive(Clone, Debug)]
pub struct WatchedByShard {
    /// Each figure as the first of them saw it.
    pub result: WatchResult,
    /// Each criterion as it came out worst.
    pub criteria: Vec<CriterionResult>,
}

/// What only the orchestration of a run knows; with the totals and the plan it makes a
/// [`RunResult`].
///
/// The same struct serves the summaries written while the run goes on: instants and readings that
/// are not there yet are `None` or 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// `startline`'s version.
    pub version: String,
    /// This machine.
    pub host: Host,
    /// Wall clock when the run began.
    pub started_at: jiff::Timestamp,
    /// How source ports were chosen; none while the run goes on.
    pub port_method: Option<String>,
    /// What became of the connections of each source address; empty while the run goes on. `None`:
    /// the kernel's choice of address.
    pub sources: Vec<(Option<IpAddr>, SourceCounts)>,
    /// The hold so far, or as it was when accounts closed.
    pub hold_actual: Duration,
    /// When the first session really started, since the run began.
    pub first_start: Option<Duration>,
    /// When the last session so far really started, since the run began.
    pub last_start: Option<Duration>,
    /// The most sessions open at one instant.
    pub peak: u64,
    /// The fewest sessions open at any instant of the hold; `None` before it began.
    pub min_in_hold: Option<u64>,
    /// Sessions open when accounts closed.
    pub held_to_end: u64,
    /// The most sessions at one instant of the hold that had dropped and were not back.
    pub away_peak: u64,
    /// Session-seconds of these.
    pub away_seconds: f64,
    /// Session-seconds open during the hold (the time before and after it does not count).
    pub held_seconds: f64,
    /// Resident bytes with the workers up and their buffers touched, before the first arrival.
    pub rss_at_start: u64,
    /// Resident bytes as late in the hold as they were read (before it: the latest reading).
    pub rss_in_hold: u64,
    /// Sessions open at the instant of `rss_in_hold`.
    pub open_at_rss: u64,
    /// CPU seconds that the process used from the first arrival to the close of accounts.
    pub cpu_seconds: f64,
    /// What was recorded by stage, once the run has ended; empty without stages.
    pub stages: Vec<StageFacts>,
    /// Times in which arrivals were paused, so far.
    pub pauses: Pauses,
    /// The steps of a search that have been judged.
    pub find_max: Vec<FindMaxStep>,
    /// Pairs of observers and members; `None` when no ledger was kept.
    pub ledger: Option<LedgerTotals>,
    /// Who was announced as gone and who was not; `None` while the run goes on.
    pub membership: Option<MembershipTotals>,
    /// The first few updates that are missing; none while the run goes on.
    pub missing_updates: Vec<MissingUpdate>,
    /// What came while sessions left; `None` while they have not.
    pub ramp_down: Option<RampDownFacts>,
    /// How long announcements took that came while sessions left.
    pub propagated_after: Propagated,
    /// The servers' side, so far or at the end; `None` if nothing is watched.
    #[serde(skip)]
    pub watch: Option<Seen>,
    /// Of this, what was seen in the step of a search that is under way.
    #[serde(skip)]
    pub watch_in_step: Option<Seen>,
    /// A criterion that is not measured makes the run inconclusive.
    pub requires_all: bool,
    /// Which part of a plan it is; `None`: all of it.
    pub shard: Option<ShardResult>,
    /// Of which shards it is the sum; `None`: it is a run.
    pub merged: Option<MergedResult>,
    /// The servers' side as a shard saw it; `None` of a run, which has its own.
    #[serde(skip)]
    pub watched: Option<WatchedByShard>,
    /// How the run ended, or that it has not.
    pub ending: Ending,
}
