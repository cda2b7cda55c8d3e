//! The table of stages in the printed summary.
//!
//! Computes nothing. Invariants: a plan without stages of its own has no table; a stage that the run
//! did not reach has no row.

use super::Text;
use crate::checks::table::{Column, Table};
use crate::numbers::{figure, grouped, percent};
use crate::report::texts::summary::Title;
use crate::report::{RunResult, StageResult};

impl Text {
    pub(super) fn stages(&mut self, result: &RunResult) {
        // Those of a search are in its own table.
        if result.stages.is_empty() || result.find_max.is_some() {
            return;
        }
        let shown = shown_steps(result);
        let heads = [Title::Level, Title::HeldAtLeast, Title::OpenedInStage, Title::ErrorShare];
        let heads = heads.map(|head| Column::number(self.lang.word(head)));
        let steps = shown.iter().map(|step| Column::number(format!("{step} p95")));
        let first = Column::words(self.lang.word(Title::Stage));
        let mut table = Table::new([first].into_iter().chain(heads).chain(steps));
        for stage in result.stages.iter().filter(|stage| stage.is_reached()) {
            table.row(None, row(stage, &shown));
        }
        self.out += &table.text(self.page);
        self.out.push('\n');
    }
}

/// The step with which sessions open, and the first heartbeat.
pub(crate) fn shown_steps(result: &RunResult) -> Vec<String> {
    let is_heartbeat = |name: &str| result.every.get(name).is_some();
    let names: Vec<&str> = result.steps.iter().map(|(name, _)| name).collect();
    let open = names.iter().rfind(|name| !is_heartbeat(name));
    let heartbeat = names.iter().find(|name| is_heartbeat(name));
    open.into_iter().chain(heartbeat).map(|name| (*name).to_owned()).collect()
}

fn row(stage: &StageResult, steps: &[String]) -> Vec<String> {
    let mut row = vec![
        stage.name.clone(),
        grouped(stage.level),
        stage.min_held.map_or_else(|| "–".into(), grouped),
        grouped(stage.established),
        percent(stage.error_rate),
    ];
    row.extend(steps.iter().map(|step| {
        let p95 = stage.steps.get(step).and_then(|step| step.from_due.p95_ms);
        p95.map_or_else(|| "–".into(), figure)
    }));
    row
}
