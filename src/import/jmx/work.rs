//! What a plan's conversion works with.
//!
//! Knows nothing of what elements become. Invariant: what is refused is so by its line.

use super::super::error::Refusal;
use super::super::model::Found;
use super::super::names::{Names, slug};
use super::element::Element;
use super::values::Values;

/// What a plan's conversion works with.
pub(super) struct PlanWork<'w> {
    pub(super) values: &'w mut Values,
    pub(super) found: &'w mut Found,
    pub(super) names: &'w mut Names,
    pub(super) refused: &'w mut Vec<Refusal>,
}

impl PlanWork<'_> {
    /// Refuses an element, with what would express it.
    pub(super) fn refuse(&mut self, element: Element<'_>, instead: &str) {
        self.refused.push(Refusal {
            line: element.line(),
            what: element.called(),
            instead: instead.to_owned(),
        });
    }

    /// A name for what an element becomes, and the comment that says what it was called where that is no name.
    pub(super) fn name(&mut self, element: Element<'_>, otherwise: &str) -> (String, Vec<String>) {
        let name = self.names.give(element.name(), otherwise);
        let says_more = slug(element.name()).is_empty() && !element.name().is_empty();
        (name, says_more.then(|| element.name().to_owned()).into_iter().collect())
    }

    /// A text as a template.
    pub(super) fn template(&mut self, text: &str, line: usize) -> String {
        self.values.template(text, line, self.found)
    }
}
