//! Pairs judged at the end of each step of a search, from copies of the workers' books.
//!
//! Invariant: the pairs are of the sessions that are open then, all of them; what was counted as it came, and
//! who has left, is of the time since the look before.

use std::collections::BTreeMap;

use super::*;
use crate::measure::ledger::LedgerCounts;

/// What a worker has sent of a look: who is open and knows whom, and who heard of whose leaving.
type Copied = (WorkerAccounts, Option<Box<Heard>>);

/// What workers have sent of the look under way.
pub(super) struct Looks {
    of_workers: Vec<Option<Copied>>,
    /// What had been counted by the look before.
    before: LedgerCounts,
    still_listed: BTreeMap<String, u64>,
    /// The second of that.
    second: Option<u32>,
}

impl Looks {
    pub(super) fn new(workers: usize) -> Self {
        let of_workers = (0..workers).map(|_| None).collect();
        Self { of_workers, before: LedgerCounts::default(), still_listed: BTreeMap::new(), second: None }
    }
}

impl Control<'_> {
    /// Takes what a worker knows as this stage begins; the level before it is judged once all have said so.
    pub(super) fn looked(&mut self, worker: usize, stage: usize, copied: Copied) {
        self.looks.of_workers[worker] = Some(copied);
        if self.looks.of_workers.iter().any(Option::is_none) {
            return;
        }
        let all = self.looks.of_workers.iter_mut().filter_map(Option::take);
        let (accounts, heard): (Vec<_>, Vec<_>) = all.unzip();
        let heard: Vec<Heard> = heard.into_iter().flatten().map(|it| *it).collect();
        let (everyone, Some(mut totals)) = self.close_ledger(accounts) else { return };
        let so_far = totals.counts;
        totals.counts = so_far.since(&self.looks.before);
        self.looks.before = so_far;
        let at = self.at();
        let membership = self.judge_membership((&heard, at, self.looks.second), &everyone, Some(&totals));
        let membership = membership.map(|so_far| {
            let before = std::mem::replace(&mut self.looks.still_listed, so_far.still_listed.clone());
            so_far.since(&before)
        });
        self.looks.second = Some(at.as_secs() as u32);
        self.stages.judge_pairs(stage.saturating_sub(1), totals, membership);
    }
}
