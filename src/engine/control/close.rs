//! What is judged once all workers have closed their accounts.
//!
//! Decides nothing but by the ledgers' own rules. Invariant: it is done once.

use super::*;

impl Control<'_> {
    /// Who was announced as gone some seconds before the close, and has not come again since.
    fn gone(&self) -> SessionSet {
        let now = self.board.as_ref().map(|board| board.gone_so_far()).unwrap_or_default();
        self.gone_before[0].both(&now)
    }

    /// Judges who was announced as gone, and who was not, by what workers have heard up to this instant;
    /// `judged`: the second in which that was done before.
    pub(super) fn judge_membership(
        &self,
        (heard, at, judged): (&[Heard], Duration, Option<u32>),
        everyone: &SessionSet,
        pairs: Option<&LedgerTotals>,
    ) -> Option<MembershipTotals> {
        let acts = self.acts.as_ref().filter(|_| !heard.is_empty())?;
        let names = self.servers.all();
        let server = |session| names.get(usize::from(acts.server_of(session).0)).cloned().unwrap_or_default();
        let closing = membership::Closing {
            members: &self.plan.members,
            open: everyone,
            gone: &self.gone(),
            second: at.as_secs() as u32,
            judged,
            left_within: self.plan.left_within(),
        };
        let mut totals = MembershipTotals::judge(heard, &closing, server);
        // Those who came again are judged by pair.
        if let Some(pairs) = pairs {
            totals.expected += pairs.counts.left_expected;
            totals.missing += pairs.counts.left_missing;
        }
        Some(totals)
    }

    /// Judges the pairs of sessions that were open for a while, and who was announced as gone. Returns who was
    /// open, too.
    pub(super) fn close_ledger(&self, accounts: Vec<WorkerAccounts>) -> (SessionSet, Option<LedgerTotals>) {
        let mut everyone = SessionSet::new(self.plan.people());
        let mut known = SessionSet::new(self.plan.people());
        for accounts in &accounts {
            everyone.union(&accounts.open);
            known.union(&accounts.known);
        }
        let ledgers = accounts.into_iter().filter_map(|accounts| Some(*accounts.ledger?));
        let mut ledgers: Vec<Ledger> = ledgers.collect();
        if ledgers.is_empty() {
            return (everyone, None);
        }
        ledgers.iter_mut().for_each(|ledger| ledger.settle(&known));
        let server = |session| self.acts.as_ref().map_or(ServerIndex::NONE, |acts| acts.server_of(session));
        let homes = Homes::new(self.plan.people(), &self.servers.all(), server);
        let stalls = self.totals.stalls().kept();
        let closing = Closing { open: &known, homes: &homes, stalls, told: self.plan.told() };
        let mut totals = ledger::close(&ledgers, &closing);
        totals.judge_gone(&self.gone(), &everyone, &self.plan.members);
        (everyone, Some(totals))
    }
}
