//! Sessions that dropped: whether they came back, by cause and by server, why attempts failed, and
//! the chart of those that were away.
//!
//! Computes nothing. Invariant: a run in which nothing could drop and come back has no section.

use maud::{Markup, html};

use super::Page;
use super::charts::Plot;
use super::parts::{Section, Table, name, number, or_dash};
use super::series::{self, Kind, per_second};
use crate::report::texts::reconnects::Back;
use crate::report::texts::summary::Title;
use crate::report::{DropsResult, LatencyResult, Ordered, ReconnectsResult};

/// Rows of a table; more are in `summary.json`.
const ROWS_MAX: usize = 20;

impl Page<'_> {
    pub(super) fn reconnects(&self) -> Option<Section> {
        let reconnects = self.recorded.result.reconnects.as_ref()?;
        let body = html! {
            p.lead { (self.word(Back::Lead)) }
            @for line in reconnects.lines(self.lang) { p { (line) } }
            @if reconnects.dropped > 0 {
                (self.drops(Back::CauseHead, &reconnects.by_cause, None))
                (self.drops(Back::ServerHead, &reconnects.by_server, Some(&reconnects.came_to)))
            }
            (self.attempts(reconnects))
        };
        Some(Section { id: "reconnects", title: self.word(Title::Reconnects), body })
    }

    fn drops(&self, head: Back, drops: &Ordered<DropsResult>, came_to: Option<&Ordered<u64>>) -> Markup {
        let word = |text| self.word(text);
        let mut table = Table::new(word(Back::Title)).wide().text(word(head));
        for head in [Back::Dropped, Back::Recovered, Back::GaveUp, Back::Unfinished] {
            table = table.figures(word(head));
        }
        if came_to.is_some() {
            table = table.figures(word(Back::CameHere));
        }
        for head in [Back::LostP50, Back::LostP95, Back::LostMax] {
            table = table.figures(word(head));
        }
        for (of, drops) in drops.iter().take(ROWS_MAX) {
            let counts = [drops.dropped, drops.recovered, drops.gave_up, drops.unfinished].map(number);
            let mut row = vec![name(of)];
            row.extend(counts);
            row.extend(came_to.map(|all| number(all.get(of).copied().unwrap_or(0))));
            row.extend(lost(&drops.time_lost));
            table.row(row);
        }
        html! { (table.html()) (self.more(drops.len(), ROWS_MAX)) }
    }

    /// How long attempts' steps took, and why attempts failed.
    fn attempts(&self, reconnects: &ReconnectsResult) -> Markup {
        let mut steps = Table::new(self.word(Back::StepHead)).text(self.word(Back::StepHead));
        for head in ["p50 (ms)", "p95 (ms)", "p99 (ms)"] {
            steps = steps.figures(head);
        }
        for (step, latency) in reconnects.steps.iter() {
            let figures = [latency.p50_ms, latency.p95_ms, latency.p99_ms];
            let mut row = vec![name(step)];
            row.extend(figures.map(|figure| html! { (or_dash(figure)) }));
            steps.row(row);
        }
        let mut failures = Table::new(self.word(Back::FailureHead))
            .text(self.word(Back::StepHead))
            .text(self.word(Back::FailureHead))
            .figures(self.word(Back::Count));
        for failure in reconnects.failures.iter().take(ROWS_MAX) {
            failures.row(vec![name(&failure.step), name(&failure.kind), number(failure.count)]);
        }
        html! {
            @if !steps.is_empty() { (steps.html()) }
            @if !failures.is_empty() { (failures.html()) (self.more(reconnects.failures.len(), ROWS_MAX)) }
        }
    }

    /// Who was away, over time.
    pub(super) fn reconnects_plot(&self) -> Option<Plot> {
        self.recorded.result.reconnects.as_ref().filter(|it| it.dropped > 0)?;
        let timeline = &self.recorded.timeline;
        let word = |text| self.word(text);
        let series = vec![
            series::series(word(Back::Away), timeline, |point| Some(point.away as f64)),
            series::series(word(Back::Dropped), timeline, |point| per_second(point.dropped, point)),
            series::series(word(Back::Recovered), timeline, |point| per_second(point.recovered, point)),
        ];
        Some(self.plot("reconnects", Back::Chart, Back::ChartNote, Kind::Lines, "count", series))
    }
}

fn lost(lost: &LatencyResult) -> [Markup; 3] {
    [lost.p50_ms, lost.p95_ms, lost.max_ms].map(|ms| html! { (or_dash(ms.map(|ms| ms / 1_000.0))) })
}
