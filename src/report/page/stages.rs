//! The stages of a run: how well each held its level, and what became of sessions in it.
//!
//! Computes nothing. Invariants: a plan without stages of its own has no section; a stage that the run
//! did not reach has no row.

use maud::{Markup, html};

use super::Page;
use super::parts::{Section, Table, name, number, or_dash};
use crate::numbers::percent;
use crate::report::StageResult;
use crate::report::text::shown_steps;
use crate::report::texts::page::Words;

/// Rows of the table; more are in `summary.json`.
const ROWS_MAX: usize = 60;

impl Page<'_> {
    pub(super) fn load_stages(&self) -> Option<Section> {
        let result = &self.recorded.result;
        if result.stages.is_empty() {
            return None;
        }
        let steps = shown_steps(result);
        let mut table = Table::new(self.word(Words::StagesCaption))
            .wide()
            .text(self.word(Words::Stage))
            .figures(self.word(Words::StageFrom))
            .figures(self.word(Words::StageTook))
            .group(self.word(Words::Level))
            .figures(self.word(Words::HeldAtLeast))
            .group(self.word(Words::StartedInStage))
            .figures(self.word(Words::OpenedInStage))
            .figures(self.word(Words::FailedTotal))
            .figures(self.word(Words::ErrorShare));
        for step in &steps {
            table = table.group(format!("{step} p50")).figures("p95").figures("p99");
        }
        let reached: Vec<&StageResult> = result.stages.iter().filter(|stage| stage.is_reached()).collect();
        for stage in reached.iter().take(ROWS_MAX) {
            table.row(row(stage, &steps));
        }
        let body = html! {
            p.lead { (self.word(Words::StagesLead)) }
            (table.html())
            (self.more(reached.len(), ROWS_MAX))
        };
        Some(Section { id: "stages", title: self.word(Words::Stages), body })
    }
}

fn row(stage: &StageResult, steps: &[String]) -> Vec<Markup> {
    let millis = |value: Option<f64>| html! { (or_dash(value)) };
    let mut row = vec![
        name(&stage.name),
        millis(Some(stage.from_seconds)),
        millis(Some(stage.seconds)),
        number(stage.level),
        stage.min_held.map_or_else(|| html! { "–" }, number),
        number(stage.started),
        number(stage.established),
        number(stage.failed),
        html! { (percent(stage.error_rate)) },
    ];
    for step in steps {
        let latency = stage.steps.get(step).map(|step| &step.from_due);
        row.extend([
            millis(latency.and_then(|it| it.p50_ms)),
            millis(latency.and_then(|it| it.p95_ms)),
            millis(latency.and_then(|it| it.p99_ms)),
        ]);
    }
    row
}
