//! The table of a search's steps in the printed summary.
//!
//! Computes nothing. Invariant: a run that is no search has no table.

use super::Text;
use crate::checks::table::{Column, Paint, Table};
use crate::lang::criterion_name;
use crate::numbers::grouped;
use crate::plan::search::Held;
use crate::report::texts::summary::Title;
use crate::report::verdict::with_unit;
use crate::report::{CriterionResult, FindMaxResult, FindMaxStep, Outcome};

/// Criteria in the table; all are in `summary.json`.
const CRITERIA_SHOWN_MAX: usize = 4;

impl Text {
    pub(super) fn find_max(&mut self, found: &FindMaxResult) {
        let shown = curves(found);
        let heads = [Title::Level, Title::HeldAtLeast].map(|head| Column::number(self.lang.word(head)));
        let names = shown.iter().take(CRITERIA_SHOWN_MAX);
        let names = names.map(|curve| Column::number(criterion_name(self.lang, &curve[0].name).to_owned()));
        let last = Column::words(self.lang.word(Title::Outcome));
        let mut table = Table::new(heads.into_iter().chain(names).chain([last]));
        for step in &found.steps {
            let (mark, word) = match step.outcome {
                Held::Held => (("✓", Paint::Good), Title::StepHeld),
                Held::Failed => (("✗", Paint::Bad), Title::StepFailed),
                Held::Unclear | Held::Unmeasured => (("?", Paint::Warning), Title::StepUnclear),
            };
            let held = step.min_held.map_or_else(|| "–".into(), grouped);
            let values = shown.iter().take(CRITERIA_SHOWN_MAX).map(|curve| value_in(step, &curve[0].name));
            let row = [grouped(step.level), held].into_iter().chain(values);
            table.row(Some(mark), row.chain([self.lang.word(word).to_owned()]));
        }
        self.out += &table.text(self.page);
        self.out.push('\n');
    }
}

/// The criteria that were measured in some step, each with its results there: those that failed anywhere first,
/// then latencies.
pub(crate) fn curves(found: &FindMaxResult) -> Vec<Vec<&CriterionResult>> {
    let all = found.steps.iter().flat_map(|step| &step.criteria);
    let mut curves: Vec<Vec<&CriterionResult>> = Vec::new();
    for criterion in all.filter(|it| it.measured.is_some()) {
        match curves.iter_mut().find(|curve| curve[0].name == criterion.name) {
            Some(curve) => curve.push(criterion),
            None => curves.push(vec![criterion]),
        }
    }
    let failed = |curve: &[&CriterionResult]| curve.iter().any(|it| it.outcome == Outcome::Fail);
    curves.sort_by_key(|curve| (!failed(curve), curve[0].unit != "ms"));
    curves
}

fn value_in(step: &FindMaxStep, name: &str) -> String {
    let criterion = step.criteria.iter().find(|it| it.name == name);
    let shown = criterion.and_then(|it| Some(with_unit(&it.measure, &it.unit, it.measured?)));
    shown.unwrap_or_else(|| "–".into())
}
