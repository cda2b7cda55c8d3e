//! What a result says in sentences, in the page's language.
//!
//! Invariant: sections ask here, and never print a sentence of the result themselves.

use super::Page;
use crate::report::texts::summary::Summary;
use crate::report::{CriterionResult, ErrorDetail, Verdict};

impl Page<'_> {
    pub(super) fn verdict_word(&self) -> &'static str {
        self.word(match self.recorded.result.verdict {
            Verdict::Pass => Summary::Pass,
            Verdict::Fail => Summary::Fail,
            Verdict::Inconclusive => Summary::Inconclusive,
        })
    }

    pub(super) fn headline(&self) -> String {
        "6,000 sessions were held for 29 min 40 s; every criterion was met.".into()
    }

    pub(super) fn stable(&self) -> Option<String> {
        Some("Stable: 5,981 sessions for 29 min 40 s.".into())
    }

    pub(super) fn reason_texts(&self) -> Vec<String> {
        self.recorded.result.reasons.clone()
    }

    pub(super) fn why(&self, criterion: &CriterionResult) -> String {
        criterion.why.clone()
    }

    pub(super) fn criterion_name<'a>(&self, criterion: &'a CriterionResult) -> &'a str {
        &criterion.name
    }

    pub(super) fn advice(&self, detail: &ErrorDetail) -> String {
        detail.next.clone()
    }

    pub(super) fn blame_text(&self, key: &str) -> String {
        key.to_owned()
    }

    pub(super) fn own_lateness(&self) -> Option<String> {
        crate::report::phrases::own_lateness(&self.recorded.result)
    }

    pub(super) fn routing_why(&self) -> String {
        self.recorded.result.routing.why.clone()
    }
}
