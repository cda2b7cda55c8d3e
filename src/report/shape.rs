//! The shape of missing broadcasts, as results have it.
//!
//! Copies what was measured; what it comes to in a few words is in [`said`].

mod said;

use serde::{Deserialize, Serialize};

use super::ordered::Ordered;
use crate::measure::ledger::{LedgerCounts, Owed, Pattern, Reach, Shape, Slice, Spread};

/// Which broadcasts reached only some of their receivers. A broadcast is the announcement of one member's
/// entering; its receivers are the observers that had opened before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShapeResult {
    /// All.
    #[serde(flatten)]
    pub all: ReachResult,
    /// Missing pairs whose member had opened before the observer: the list lacked it.
    pub unlisted: u64,
    /// Where the missing ones were lost.
    pub stages: StagesResult,
    /// By the server at which the member entered, and the one at which the receivers are.
    pub by_servers: Vec<LegResult>,
    /// Of broadcasts that a server passed on to some of its receivers, in the order in which these opened.
    pub receivers: ReceiversResult,
    /// By when the announced member opened.
    pub over_time: Vec<SliceResult>,
    /// By the worker of this machine at which the receivers are.
    pub workers: Vec<OwedResult>,
    /// Those announced while this machine stalled, or a second around that.
    pub in_stalls: ReachResult,
    /// What came in another order than it happened.
    pub order: OrderResult,
}

/// Broadcasts, and how far they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachResult {
    /// Those that had a receiver.
    pub broadcasts: u64,
    /// Those that reached some receivers and not all.
    pub cut: u64,
    /// Those that reached nobody.
    pub lost: u64,
    /// Their receivers.
    #[serde(flatten)]
    pub owed: OwedResult,
}

/// Receivers of broadcasts: `missing` of `expected` were not reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedResult {
    /// Pairs.
    pub expected: u64,
    /// Of these, the ones without the announcement.
    pub missing: u64,
}

/// Where broadcasts were lost. Each missing pair is in one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagesResult {
    /// No receiver at any server was reached.
    pub everywhere: LossResult,
    /// No receiver at one server was reached, and others were: by server.
    pub one_server: LossResult,
    /// Some of a server's receivers were reached: by server.
    pub fan_out: LossResult,
}

/// Broadcasts, and their missing pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossResult {
    /// Broadcasts; where they are taken by server, one that was lost at two counts twice.
    pub broadcasts: u64,
    /// Pairs.
    pub missing: u64,
}

/// Broadcasts between two servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegResult {
    /// The announced member's; `null` for those that are not told apart.
    pub announcing: Option<String>,
    /// The receivers'.
    pub delivering: Option<String>,
    /// How far they came.
    #[serde(flatten)]
    pub reach: ReachResult,
}

/// Receivers by their place in the order in which they opened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReceiversResult {
    /// Tenth by tenth: the first is those that opened first.
    pub tenths: Vec<OwedResult>,
    /// The place of the first receiver reached; 1 is the one that opened first. `null` without any.
    pub first_reached: Option<SpreadResult>,
    /// The place of the last receiver reached.
    pub last_reached: Option<SpreadResult>,
    /// What is missing of a broadcast at a server: its `last` receivers, its `first`, a `block` of them,
    /// or `scattered` ones.
    pub patterns: Ordered<LossResult>,
}

/// The least, the middle and the greatest of some places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpreadResult {
    /// The least.
    pub min: u32,
    /// The one in the middle.
    pub median: u32,
    /// The greatest.
    pub max: u32,
}

/// Broadcasts in a part of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceResult {
    /// Seconds since the run began.
    pub from_seconds: u64,
    /// Up to, not including.
    pub to_seconds: u64,
    /// How far they came.
    #[serde(flatten)]
    pub reach: ReachResult,
}

/// Messages of one member in another order than it acted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderResult {
    /// Departures announced to an observer that did not know of the member.
    pub left_unknown: u64,
    /// Of these, pairs where the member's first entering was announced after its departure.
    pub entered_after_left: u64,
}

impl From<Owed> for OwedResult {
    fn from(owed: Owed) -> Self {
        Self { expected: owed.expected, missing: owed.missing }
    }
}

impl From<Reach> for ReachResult {
    fn from(reach: Reach) -> Self {
        let Reach { broadcasts, cut, lost, owed } = reach;
        Self { broadcasts, cut, lost, owed: owed.into() }
    }
}

impl From<(u64, u64)> for LossResult {
    fn from((broadcasts, missing): (u64, u64)) -> Self {
        Self { broadcasts, missing }
    }
}

impl ReachResult {
    /// Those that did not reach everyone.
    pub(super) fn bad(&self) -> u64 {
        self.cut + self.lost
    }

    /// The share of them.
    pub(super) fn rate(&self) -> f64 {
        self.bad() as f64 / self.broadcasts.max(1) as f64
    }

    fn add(&mut self, other: &Self) {
        self.broadcasts += other.broadcasts;
        self.cut += other.cut;
        self.lost += other.lost;
        self.owed.expected += other.owed.expected;
        self.owed.missing += other.owed.missing;
    }

    fn sum<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum.add(one);
            sum
        })
    }
}

impl ShapeResult {
    /// Of what was measured.
    pub(super) fn new(shape: &Shape, counts: &LedgerCounts) -> Self {
        let server = |index: Option<usize>| shape.servers.get(index?).cloned();
        let spread = |it: Spread| SpreadResult { min: it.min, median: it.median, max: it.max };
        let slice =
            |it: &Slice| SliceResult { from_seconds: it.from, to_seconds: it.to, reach: it.reach.into() };
        let patterns = Pattern::ALL.iter().zip(shape.receivers.patterns);
        Self {
            all: shape.reach.into(),
            unlisted: shape.unlisted,
            stages: StagesResult {
                everywhere: shape.stages.everywhere.into(),
                one_server: shape.stages.one_server.into(),
                fan_out: shape.stages.fan_out.into(),
            },
            by_servers: shape
                .legs
                .iter()
                .map(|leg| LegResult {
                    announcing: server(leg.from),
                    delivering: server(leg.to),
                    reach: leg.reach.into(),
                })
                .collect(),
            receivers: ReceiversResult {
                tenths: shape.receivers.tenths.map(OwedResult::from).to_vec(),
                first_reached: shape.receivers.first.map(spread),
                last_reached: shape.receivers.last.map(spread),
                patterns: patterns.map(|(pattern, loss)| (pattern.key().to_owned(), loss.into())).collect(),
            },
            over_time: shape.over_time.iter().map(slice).collect(),
            workers: shape.workers.iter().map(|worker| (*worker).into()).collect(),
            in_stalls: shape.in_stalls.into(),
            order: OrderResult {
                left_unknown: counts.left_unknown,
                entered_after_left: counts.entered_after_left,
            },
        }
    }
}
