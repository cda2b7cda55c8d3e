//! The tables of the printed summary: criteria, latencies, and the servers' requests beside them.
//!
//! Computes nothing. Invariant: criteria that were not measured for the same reason are one row.

use super::Text;
use crate::checks::table::{Column, Paint, Table};
use crate::lang::Lang;
use crate::numbers::{figure, grouped, percent};
use crate::report::alike::alike;
use crate::report::headline::shown_name;
use crate::report::phrases::own_lateness;
use crate::report::texts::summary::{Summary, Title};
use crate::report::verdict::{counted, sign};
use crate::report::{CriterionResult, LatencyResult, Outcome, RunResult, StepResult};

/// A page has room for all figures of a latency from this width on.
const ALL_FIGURES_COLUMNS: usize = 72;

/// Names of criteria in a row of those that were not measured.
const NAMES_SHOWN_MAX: usize = 8;

impl Text {
    pub(super) fn criteria(&mut self, criteria: &[CriterionResult]) {
        if criteria.is_empty() {
            return;
        }
        let head = |title| self.lang.word(title);
        let columns = [
            Column::words(head(Title::Criterion)),
            Column::number(head(Title::Measured)),
            Column::words(head(Title::Limit)),
        ];
        let mut table = Table::new(columns);
        for group in alike(criteria) {
            match group[..] {
                // How to have it measured needs the whole width.
                [one] if one.is_watched() && one.outcome == Outcome::NotMeasured => {
                    let (name, why) = (shown_name(one, self.lang), one.why.text(self.lang));
                    table.span(Some(mark(one)), self.lang.say(Summary::NotMeasured, &[&name, &why]));
                }
                [criterion] => table.row(Some(mark(criterion)), criterion_row(criterion, self.lang)),
                _ => {
                    let why = group[0].why.text(self.lang);
                    let text = self.lang.say(Summary::ServersNotMeasured, &[&group.len(), &why]);
                    table.span(Some(mark(group[0])), text);
                    table.note("", names(&group, self.lang));
                }
            }
        }
        self.out += &table.text(self.page);
        self.out.push('\n');
    }

    pub(super) fn latencies(&mut self, result: &RunResult) {
        let mut heads =
            vec![Title::Count, Title::Failed, Title::Mean, Title::P50, Title::P95, Title::P99, Title::Max];
        if self.page.columns < ALL_FIGURES_COLUMNS {
            heads.retain(|head| matches!(head, Title::Count | Title::Failed | Title::P50 | Title::P99));
        }
        let figures = heads.iter().map(|head| Column::number(self.lang.word(*head)));
        let mut table =
            Table::new(std::iter::once(Column::words(self.lang.word(Title::Latency))).chain(figures));
        for (name, step) in result.steps.iter() {
            let figures = heads.iter().map(|head| step_figure(step, *head));
            table.row(None, std::iter::once(name.to_owned()).chain(figures));
        }
        if result.ticket_age.mean_ms.is_some() {
            let figures = heads.iter().map(|head| latency_figure(&result.ticket_age, *head));
            table.row(None, std::iter::once(self.lang.word(Title::TicketAge).to_owned()).chain(figures));
        }
        self.out += &table.text(self.page);
        if let Some(note) = own_lateness(result, self.lang) {
            self.put("  ", &note, None);
        }
        self.out.push('\n');
    }

    /// What the servers say of the steps' requests; nothing where no source shows them.
    pub(super) fn requests(&mut self, result: &RunResult) {
        let Some(watch) = result.watch.as_ref().filter(|watch| !watch.requests.is_empty()) else { return };
        let heads = [Title::Requests, Title::Failed, Title::ServersMean, Title::OwnMean, Title::Difference];
        let columns = heads.map(|head| Column::number(self.lang.word(head)));
        let head = Column::words(self.lang.word(Title::AtServers));
        let mut table = Table::new(std::iter::once(head).chain(columns));
        for row in &watch.requests {
            let or_dash = |value: Option<String>| value.unwrap_or_else(|| "–".into());
            let cells = [
                row.step.clone(),
                or_dash(row.per_second.map(figure)),
                or_dash(row.error_share.map(percent)),
                figure(row.mean_ms),
                or_dash(row.own_mean_ms.map(figure)),
                or_dash(row.difference_ms.map(figure)),
            ];
            table.row(None, cells);
        }
        self.out += &table.text(self.page);
        self.out.push('\n');
    }
}

fn mark(criterion: &CriterionResult) -> (&'static str, Paint) {
    match criterion.outcome {
        Outcome::Pass => ("✓", Paint::Good),
        Outcome::Warn => ("!", Paint::Warning),
        Outcome::Fail if criterion.stands => ("✗", Paint::Bad),
        // Failed, but perhaps by our own doing.
        Outcome::Fail => ("?", Paint::Warning),
        Outcome::NotMeasured => ("–", Paint::Dim),
    }
}

fn criterion_row(criterion: &CriterionResult, lang: Lang) -> [String; 3] {
    let show = |value: f64| counted(&criterion.measure, &criterion.unit, value).text(lang);
    let mut limit = format!("{} {}", sign(&criterion.good), show(criterion.limit));
    if let Some(warn) = criterion.warn {
        let warns = if criterion.good == "at-least" { Summary::WarnDownTo } else { Summary::WarnUpTo };
        limit = lang.say(warns, &[&limit, &show(warn)]);
    }
    if criterion.outcome == Outcome::NotMeasured {
        limit = lang.say(Summary::NotMeasured, &[&limit, &criterion.why.text(lang)]);
    }
    [shown_name(criterion, lang), criterion.measured.map_or_else(|| "–".into(), show), limit]
}

/// Some of their names.
fn names(group: &[&CriterionResult], lang: Lang) -> String {
    let shown: Vec<String> = group.iter().take(NAMES_SHOWN_MAX).map(|one| shown_name(one, lang)).collect();
    match group.len() - shown.len() {
        0 => shown.join(", "),
        hidden => format!("{} +{hidden}", shown.join(", ")),
    }
}

/// The figure of a step under this head.
fn step_figure(step: &StepResult, head: Title) -> String {
    match head {
        Title::Count => grouped(step.count),
        Title::Failed => grouped(step.errors),
        _ => latency_figure(&step.from_due, head),
    }
}

fn latency_figure(latency: &LatencyResult, head: Title) -> String {
    let figure_of = match head {
        Title::Mean => latency.mean_ms,
        Title::P50 => latency.p50_ms,
        Title::P95 => latency.p95_ms,
        Title::P99 => latency.p99_ms,
        Title::Max => latency.max_ms,
        _ => None,
    };
    figure_of.map_or_else(|| "–".into(), figure)
}
