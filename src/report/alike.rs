//! Groups criteria that have the same reason, for the tables that list them.
//!
//! Judges nothing. Invariant: every criterion is in one group, and what was measured is alone in its.

use super::{CriterionResult, Outcome};

/// The criteria in their order; those of the servers' side that were not measured for one reason are together.
pub(super) fn alike(criteria: &[CriterionResult]) -> Vec<Vec<&CriterionResult>> {
    let is_unseen = |one: &CriterionResult| one.is_watched() && one.outcome == Outcome::NotMeasured;
    let mut groups: Vec<Vec<&CriterionResult>> = Vec::new();
    for one in criteria {
        let same = |group: &&mut Vec<&CriterionResult>| {
            is_unseen(one) && is_unseen(group[0]) && group[0].why == one.why
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}
