//! What the pairs come to when accounts close: totals, and the shape of what is missing.
//!
//! Sees the pairs of all workers at once, since one broadcast's receivers are everywhere. Invariant:
//! totals come from pairs, so a loss can never cancel a duplicate.

use serde::{Deserialize, Serialize};

use super::blocks::{Block, Heard, Observers, places};
use super::pairs::{Ledger, LedgerCounts};
use super::set::{SessionSet, ones};
use super::shape::{Closing, Shape, Shaping};
use crate::members::{MemberName, Members, SessionNumber};

/// Missing pairs kept by name.
pub(super) const MISSING_SAMPLES_MAX: usize = 20;

/// The pairs of a run. `expected = seen + missing`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LedgerTotals {
    /// Sessions that observed and were open at the close.
    pub observers: u64,
    /// Sessions that were open long enough for others to be told of them.
    pub members: u64,
    /// Pairs of an observer and another member, both open at the close, in the same challenge.
    pub expected: u64,
    /// Of these, pairs where the observer learned of the member, listed or announced.
    pub seen: u64,
    /// Of these, pairs both listed and announced: the server's race, harmless.
    pub overlap: u64,
    /// Pairs neither listed nor announced.
    pub missing: u64,
    /// What was counted as it came.
    pub counts: LedgerCounts,
    /// The first few missing pairs: observer's and member's ids.
    pub missing_samples: Vec<(MemberName, MemberName)>,
    /// Members announced as gone whose sessions were open here at the close.
    pub gone_while_open: u64,
    /// The first few of them.
    pub gone_samples: Vec<MemberName>,
    /// Which of the announcements are missing, where and when.
    pub shape: Shape,
}

/// Judges the pairs of observers and members that were both open when accounts closed. `ledgers` are
/// those of all workers.
pub fn close(ledgers: &[Ledger], closing: &Closing<'_>) -> LedgerTotals {
    let mut totals = LedgerTotals::default();
    let Some(first) = ledgers.first() else { return totals };
    for ledger in ledgers {
        totals.counts.add(&ledger.counts);
    }
    let observers = Observers::new(ledgers, closing.open);
    totals.observers = observers.judged();
    totals.members = closing.open.len().into();
    let mut shaping = Shaping::new(&observers, &first.board, closing);
    let mut block = Block::default();
    for word in 0..first.width {
        let mut members =
            ones(closing.open.word(word)).map(|bit| SessionNumber((word * 64 + bit) as u32)).peekable();
        if members.peek().is_some() {
            observers.turn(word, &mut block);
        }
        for member in members {
            let Some(heard) = observers.heard(member, &mut block, closing.told) else { continue };
            totals.judge(&heard);
            totals.sample(&heard, member, &observers, &first.members);
            shaping.add(member, &heard);
        }
    }
    totals.seen = totals.expected - totals.missing;
    totals.shape = shaping.finish();
    totals
}

impl LedgerTotals {
    fn judge(&mut self, heard: &Heard<'_>) {
        for ((expected, listed), announced) in heard.expected.iter().zip(heard.listed).zip(heard.announced) {
            self.expected += u64::from(expected.count_ones());
            self.missing += u64::from((expected & !(listed | announced)).count_ones());
            self.overlap += u64::from((expected & listed & announced).count_ones());
        }
    }

    fn sample(
        &mut self,
        heard: &Heard<'_>,
        member: SessionNumber,
        observers: &Observers<'_>,
        names: &Members,
    ) {
        if self.missing == 0 || self.missing_samples.len() == MISSING_SAMPLES_MAX {
            return;
        }
        let missing: Vec<u64> = heard.missing().collect();
        let room = MISSING_SAMPLES_MAX - self.missing_samples.len();
        let pair = |place| (names.name_of(observers.session(place)), names.name_of(member));
        self.missing_samples.extend(places(&missing).take(room).map(pair));
    }

    /// Judges who was announced as gone: `gone` some time before the close, `open` at it.
    pub fn judge_gone(&mut self, gone: &SessionSet, open: &SessionSet, members: &Members) {
        let both = gone.both(open);
        self.gone_while_open = both.len().into();
        self.gone_samples = both.iter().take(MISSING_SAMPLES_MAX).map(|k| members.name_of(k)).collect();
    }
}

impl LedgerCounts {
    /// What was counted since these were.
    pub fn since(&self, before: &Self) -> Self {
        let Self { duplicate, strangers, own, left_unknown, entered_after_left, left_expected, left_missing } =
            before;
        // A departure that is no longer expected takes back one that was.
        Self {
            duplicate: self.duplicate.saturating_sub(*duplicate),
            strangers: self.strangers.saturating_sub(*strangers),
            own: self.own.saturating_sub(*own),
            left_unknown: self.left_unknown.saturating_sub(*left_unknown),
            entered_after_left: self.entered_after_left.saturating_sub(*entered_after_left),
            left_expected: self.left_expected.saturating_sub(*left_expected),
            left_missing: self.left_missing.saturating_sub(*left_missing),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        let Self { duplicate, strangers, own, left_unknown, entered_after_left, left_expected, left_missing } =
            other;
        self.left_expected += left_expected;
        self.left_missing += left_missing;
        self.duplicate += duplicate;
        self.strangers += strangers;
        self.own += own;
        self.left_unknown += left_unknown;
        self.entered_after_left += entered_after_left;
    }
}
