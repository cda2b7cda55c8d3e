//! What a search found: its steps as a table, and the curve of each criterion over the load.
//!
//! The curves are drawn here, as SVG, so that they are there without scripts and on paper. Computes nothing.
//! Invariant: a run that is no search has no section.

use maud::{Markup, html};

use super::Page;
use super::parts::{Section, Table, Tone, name, number, or_dash, sentence};
use crate::numbers::grouped;
use crate::plan::search::Held;
use crate::report::text::curves;
use crate::report::texts::page::Words;
use crate::report::verdict::{counted, sign};
use crate::report::{CriterionResult, FindMaxResult, FindMaxStep, Outcome};

/// Steps in the table; more are in `summary.json`.
const ROWS_MAX: usize = 60;
/// Curves drawn.
const CURVES_MAX: usize = 16;

/// The picture of a curve, in its own units: its size, and the margins of the plot in it.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 6.0;
const RIGHT: f64 = 292.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 130.0;

/// A value of a criterion at a level.
struct Dot<'r> {
    level: f64,
    value: f64,
    criterion: &'r CriterionResult,
}

impl Page<'_> {
    pub(super) fn find_max(&self) -> Option<Section> {
        let found = self.recorded.result.find_max.as_ref()?;
        let mut table = Table::new(self.word(Words::FindMaxCaption))
            .wide()
            .figures(self.word(Words::Level))
            .figures(self.word(Words::StageFrom))
            .figures(self.word(Words::StageTook))
            .figures(self.word(Words::HeldAtLeast))
            .text(self.word(Words::Outcome))
            .words(self.word(Words::FailedFirst));
        for step in found.steps.iter().take(ROWS_MAX) {
            table.row(self.find_max_row(step));
        }
        let all = curves(found);
        let body = html! {
            p.lead { (self.lang.say(Words::FindMaxLead, &[&grouped(found.step)])) }
            (table.html())
            (self.more(found.steps.len(), ROWS_MAX))
            div.curves { @for curve in all.iter().take(CURVES_MAX) { (self.curve(found, curve[0])) } }
        };
        Some(Section { id: "find-max", title: self.word(Words::FindMax), body })
    }

    fn find_max_row(&self, step: &FindMaxStep) -> Vec<Markup> {
        let (word, tone) = match step.outcome {
            Held::Held => (Words::StepHeld, Tone::Good),
            Held::Failed => (Words::Failed, Tone::Bad),
            Held::Unclear | Held::Unmeasured => (Words::StepUnclear, Tone::Warn),
        };
        let said = match step.outcome {
            Held::Unclear | Held::Unmeasured => step.reasons.first().map(|reason| reason.text(self.lang)),
            _ => step.first.as_ref().map(|first| first.sentence().text(self.lang)),
        };
        vec![
            number(step.level),
            html! { (or_dash(Some(step.from_seconds))) },
            html! { (or_dash(Some(step.held_seconds))) },
            step.min_held.map_or_else(|| html! { "–" }, number),
            tone.tag(self.word(word)),
            html! { (sentence(&said.unwrap_or_default())) },
        ]
    }

    /// A criterion over the load, with its limit.
    fn curve(&self, found: &FindMaxResult, of: &CriterionResult) -> Markup {
        let mut dots: Vec<Dot<'_>> = found.steps.iter().filter_map(|step| dot(step, &of.name)).collect();
        dots.sort_by(|one, other| one.level.total_cmp(&other.level));
        let shown = |value: f64| counted(&of.measure, &of.unit, value).text(self.lang);
        let title = self.criterion_name(of);
        let most = found.steps.iter().map(|step| step.level).max().unwrap_or(1).max(1) as f64;
        let values = dots.iter().map(|dot| dot.value).chain([of.limit]);
        let top = values.clone().fold(0.0, f64::max);
        let top = if top > 0.0 { top * 1.1 } else { 1.0 };
        let bottom = values.fold(0.0, f64::min);
        let x = |level: f64| LEFT + (RIGHT - LEFT) * level / most;
        let y = |value: f64| BOTTOM - (BOTTOM - TOP) * (value - bottom) / (top - bottom);
        let path: Vec<String> =
            dots.iter().map(|dot| format!("{:.1},{:.1}", x(dot.level), y(dot.value))).collect();
        let limit = format!("{} {}", sign(&of.good), shown(of.limit));
        let size = format!("0 0 {WIDTH} {HEIGHT}");
        html! {
            figure.curve {
                h3 { (name(&title)) }
                svg viewBox=(size) role="img" aria-label=(title) {
                    line.base x1=(LEFT) x2=(RIGHT) y1=(BOTTOM) y2=(BOTTOM) {}
                    line.limit x1=(LEFT) x2=(RIGHT) y1=(y(of.limit)) y2=(y(of.limit)) {}
                    text.limit x=(RIGHT) y=(format!("{:.1}", y(of.limit) - 3.0)) text-anchor="end" { (limit) }
                    polyline points=(path.join(" ")) {}
                    @for dot in &dots {
                        circle.bad[dot.criterion.outcome == Outcome::Fail] cx=(format!("{:.1}", x(dot.level)))
                            cy=(format!("{:.1}", y(dot.value))) r="3.5" {
                            title { (grouped(dot.level as u64)) ": " (shown(dot.value)) }
                        }
                    }
                    @if let Some(sessions) = found.sessions {
                        line.found x1=(x(sessions as f64)) x2=(x(sessions as f64)) y1=(TOP) y2=(BOTTOM) {}
                        text x=(format!("{:.1}", x(sessions as f64) - 3.0)) y=(HEIGHT - 6.0) text-anchor="end" {
                            (grouped(sessions))
                        }
                    }
                    text x=(RIGHT) y=(HEIGHT - 6.0) text-anchor="end" { (grouped(most as u64)) }
                }
            }
        }
    }
}

fn dot<'r>(step: &'r FindMaxStep, name: &str) -> Option<Dot<'r>> {
    let criterion = step.criteria.iter().find(|it| it.name == name)?;
    Some(Dot { level: step.level as f64, value: criterion.measured?, criterion })
}
