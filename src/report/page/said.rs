//! What a result says in sentences, in the page's language.
//!
//! Invariant: sections ask here, and print no sentence of the result themselves.

use super::Page;
use crate::lang::Reason;
use crate::report::texts::summary::Title;
use crate::report::{CriterionResult, ErrorDetail, Verdict, headline, phrases};
use crate::{fault, foreign};

impl Page<'_> {
    pub(super) fn verdict_word(&self) -> &'static str {
        self.word(match self.recorded.result.verdict {
            Verdict::Pass => Title::Pass,
            Verdict::Fail => Title::Fail,
            Verdict::Inconclusive => Title::Inconclusive,
        })
    }

    /// The verdict for a reader who knows nothing of load tests.
    pub(super) fn statement(&self) -> String {
        headline::statement(&self.recorded.result, self.lang)
    }

    pub(super) fn stable(&self) -> Option<String> {
        headline::stable(&self.recorded.result, self.lang)
    }

    pub(super) fn reason_texts(&self) -> Vec<String> {
        self.recorded.result.reasons.iter().map(|reason| reason.text(self.lang)).collect()
    }

    pub(super) fn why(&self, criterion: &CriterionResult) -> String {
        criterion.why.text(self.lang)
    }

    pub(super) fn criterion_name(&self, criterion: &CriterionResult) -> String {
        headline::shown_name(criterion, self.lang)
    }

    pub(super) fn advice<'d>(&self, detail: &'d ErrorDetail) -> &'d str {
        fault::advice_in(self.lang, &detail.next)
    }

    /// Whether the run had not ended when its summary was written.
    pub(super) fn is_running(&self) -> bool {
        self.recorded.result.ending == "running"
    }

    /// Who must act.
    pub(super) fn blame_text(&self, key: &str) -> String {
        Reason::of_blame(key).map_or_else(|| foreign::line(key, 40), |blame| self.word(blame).to_owned())
    }

    pub(super) fn own_lateness(&self) -> Option<String> {
        phrases::own_lateness(&self.recorded.result, self.lang)
    }

    pub(super) fn routing_why(&self) -> String {
        self.recorded.result.routing.why.text(self.lang)
    }
}
