//! What the run was judged by: the criteria, and each step's figures.
//!
//! Computes nothing but shares and rates of figures that are there. Invariant: every figure has its unit.

use maud::{Markup, html};

use super::Page;
use super::parts::{Section, Table, Tone, name, number, or_dash, path, sentence};
use super::servers::names_of;
use crate::numbers::{figure, percent};
use crate::report::alike::alike;
use crate::report::texts::page::Words;
use crate::report::verdict::{counted, sign};
use crate::report::{CriterionResult, LatencyResult, Outcome, StepResult};

/// Rows of a table; a scenario has a few.
const ROWS_MAX: usize = 60;

impl Page<'_> {
    pub(super) fn criteria(&self) -> Option<Section> {
        let criteria = &self.recorded.result.criteria;
        if criteria.is_empty() {
            return None;
        }
        let titles =
            [Words::Criterion, Words::Measured, Words::Limit, Words::WarnUpTo].map(|word| self.word(word));
        let mut table = Table::new(self.word(Words::CriteriaCaption))
            .short(titles[0])
            .text(self.word(Words::Outcome))
            .figures(titles[1])
            .figures(titles[2])
            .figures(titles[3])
            .words(self.word(Words::Explanation));
        let groups = alike(criteria);
        for group in groups.iter().take(ROWS_MAX) {
            let criterion = group[0];
            if group.len() > 1 {
                table.row(self.unmeasured_row(group));
                continue;
            }
            let show =
                |value: f64| sentence(&counted(&criterion.measure, &criterion.unit, value).text(self.lang));
            table.row(vec![
                html! { (name(&self.criterion_name(criterion))) div.soft { (path(&criterion.measure)) } },
                self.outcome(criterion),
                criterion.measured.map_or_else(none, show),
                html! { (sign(&criterion.good)) " " (show(criterion.limit)) },
                criterion.warn.map_or_else(none, show),
                html! { (sentence(&self.why(criterion))) },
            ]);
        }
        let body = html! { (table.html()) (self.more(groups.len(), ROWS_MAX)) };
        Some(Section { id: "criteria", title: self.word(Words::Criteria), body })
    }

    /// Criteria of the servers that were not measured for the same reason.
    fn unmeasured_row(&self, group: &[&CriterionResult]) -> Vec<Markup> {
        let names: Vec<String> = group.iter().map(|one| self.criterion_name(one)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        vec![
            html! { (self.lang.say(Words::OfTheServers, &[&group.len()])) },
            self.outcome(group[0]),
            none(),
            none(),
            none(),
            html! { (sentence(&self.why(group[0]))) div.soft { (names_of(&names)) } },
        ]
    }

    fn outcome(&self, criterion: &CriterionResult) -> Markup {
        let (word, tone) = match criterion.outcome {
            Outcome::Pass => (Words::Met, Tone::Good),
            Outcome::Warn => (Words::Warning, Tone::Warn),
            Outcome::Fail if criterion.stands => (Words::Failed, Tone::Bad),
            Outcome::Fail => (Words::InDoubt, Tone::Warn),
            Outcome::NotMeasured => (Words::NotMeasured, Tone::Idle),
        };
        tone.tag(self.word(word))
    }

    /// How many rows a table leaves out.
    pub(super) fn more(&self, all: usize, shown: usize) -> Markup {
        let hidden = all.saturating_sub(shown);
        html! { @if hidden > 0 { p.soft { (self.lang.say(Words::MoreInSummary, &[&hidden])) } } }
    }

    pub(super) fn steps(&self) -> Option<Section> {
        let steps = &self.recorded.result.steps;
        if steps.is_empty() {
            return None;
        }
        let mut table = Table::new(self.word(Words::StepsCaption))
            .wide()
            .text(self.word(Words::Step))
            .group(self.word(Words::Count))
            .figures(self.word(Words::Errors))
            .figures(self.word(Words::ErrorShare))
            .figures(self.word(Words::Average))
            .figures(self.word(Words::Min))
            .figures(self.word(Words::Max))
            .figures("90\u{a0}%")
            .figures(self.word(Words::Throughput))
            .group("p50")
            .figures("p95")
            .figures("p99")
            .figures("p99.9")
            .group(self.word(Words::SentP95))
            .figures(self.word(Words::SentP99));
        for (step, figures) in steps.iter().take(ROWS_MAX) {
            table.row(self.step_row(step, figures));
        }
        let age = &self.recorded.result.ticket_age;
        if age.mean_ms.is_some() {
            table.row(self.ticket_row(age));
        }
        let body = html! {
            p.lead { (self.word(Words::StepsLead)) }
            (table.html())
            (self.more(steps.len(), ROWS_MAX))
            @if let Some(note) = self.own_lateness() { p.soft { (sentence(&note)) } }
        };
        Some(Section { id: "steps", title: self.word(Words::Steps), body })
    }

    fn step_row(&self, step: &str, figures: &StepResult) -> Vec<Markup> {
        let (due, sent) = (&figures.from_due, &figures.from_sent);
        let attempts = figures.count + figures.errors;
        let share =
            if attempts == 0 { "–".into() } else { percent(figures.errors as f64 / attempts as f64) };
        let millis = |value: Option<f64>| html! { (or_dash(value)) };
        let rate = self.throughput(step, figures.count).map_or_else(|| "–".into(), figure);
        vec![
            name(step),
            number(figures.count),
            number(figures.errors),
            html! { (share) },
            millis(due.mean_ms),
            millis(due.min_ms),
            millis(due.max_ms),
            millis(due.p90_ms),
            html! { (rate) },
            millis(due.p50_ms),
            millis(due.p95_ms),
            millis(due.p99_ms),
            millis(due.p999_ms),
            millis(sent.p95_ms),
            millis(sent.p99_ms),
        ]
    }

    fn ticket_row(&self, age: &LatencyResult) -> Vec<Markup> {
        let millis = |value: Option<f64>| html! { (or_dash(value)) };
        let mut row = vec![html! { (self.word(Words::TicketAge)) }];
        row.extend([none(), none(), none()]);
        row.extend([age.mean_ms, age.min_ms, age.max_ms, age.p90_ms].map(millis));
        row.push(none());
        row.extend([age.p50_ms, age.p95_ms, age.p99_ms, age.p999_ms].map(millis));
        row.extend([none(), none()]);
        row
    }

    /// Successes a second, from the first second in which the step had one to the last, as JMeter
    /// counts.
    fn throughput(&self, step: &str, count: u64) -> Option<f64> {
        let timeline = &self.recorded.timeline;
        let k = timeline.steps.iter().position(|own| own == step)?;
        let mut active = timeline.points.iter().filter(|point| matches!(point.bands.get(k), Some(Some(_))));
        let first = active.next()?;
        let last = active.next_back().unwrap_or(first);
        let seconds = last.end_s - first.start_s;
        (seconds > 0.0).then(|| count as f64 / seconds)
    }
}

/// A figure that does not exist.
fn none() -> Markup {
    html! { "–" }
}
