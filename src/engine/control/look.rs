//! Pairs judged at the end of each step of a search, from copies of the workers' ledgers.
//!
//! Invariant: the pairs are of the sessions that are open then, all of them; what was counted as it came is
//! of the time since the look before.

use super::*;
use crate::measure::ledger::LedgerCounts;

/// What workers have sent of the look under way.
pub(super) struct Looks {
    of_workers: Vec<Option<WorkerAccounts>>,
    /// What had been counted by the look before.
    before: LedgerCounts,
}

impl Looks {
    pub(super) fn new(workers: usize) -> Self {
        Self { of_workers: (0..workers).map(|_| None).collect(), before: LedgerCounts::default() }
    }
}

impl Control<'_> {
    /// Takes what a worker knows as this stage begins; the level before it is judged once all have said so.
    pub(super) fn looked(&mut self, worker: usize, stage: usize, accounts: WorkerAccounts) {
        self.looks.of_workers[worker] = Some(accounts);
        if self.looks.of_workers.iter().any(Option::is_none) {
            return;
        }
        let all = self.looks.of_workers.iter_mut().filter_map(Option::take).collect();
        let (_, Some(mut totals)) = self.close_ledger(all) else { return };
        let so_far = totals.counts;
        totals.counts = so_far.since(&self.looks.before);
        self.looks.before = so_far;
        self.stages.judge_pairs(stage.saturating_sub(1), totals);
    }
}
