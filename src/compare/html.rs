//! A comparison as a page of its own, which opens from a disk and asks no network for anything.
//!
//! `maud` escapes every value. Marks and words carry the meaning, colour only repeats it.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::text::outcomes;
use super::{Call, Compared, Comparison, CriterionCompared, Direction, Section, SideRun, Values, said};
use crate::foreign;
use crate::numbers::grouped;
use crate::report::Verdict;

const STYLE: &str = include_str!("compare.css");

/// Half the width of a bar, in units of its drawing.
const BAR_HALF: f64 = 60.0;

/// The page.
pub fn page(comparison: &Comparison) -> String {
    let (own, theirs): (Vec<&Compared>, Vec<&Compared>) =
        comparison.measures.iter().partition(|it| it.is_own());
    let made = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "startline: " (said::headline(comparison)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (said::headline(comparison)) }
                @if let Some(gate) = said::gate(comparison) { p.gate { (gate) } }
                div.sides { (side("Base", &comparison.base)) (side("New", &comparison.new)) }
                (warnings(comparison))
                (criteria(&comparison.criteria))
                h2 { "What differs" }
                (differences(&theirs))
                @if !own.is_empty() {
                    h2 { "This machine" }
                    p.note { "The load generator's own part: it says nothing about the servers." }
                    (differences(&own))
                }
                p.note { (said::method(comparison)) }
                p.note { "startline " (comparison.version) }
            }
        }
    };
    made.into_string()
}

fn warnings(comparison: &Comparison) -> Markup {
    let differences = said::plan_differences(comparison);
    html! {
        @for warning in said::warnings(comparison) { p.warning { "⚠ " (foreign::shown_plain(&warning)) } }
        @if !differences.is_empty() {
            p.warning { "⚠ " (said::PLANS_DIFFER) }
            div.scroll { table {
                thead { tr { th { "setting" } th.words { "base" } th.words { "new" } } }
                tbody { @for [setting, base, new] in &differences {
                    tr { th { (setting) } td.words { (foreign::shown_plain(base)) } td.words { (foreign::shown_plain(new)) } }
                } }
            } }
        }
    }
}

fn side(title: &str, runs: &[SideRun]) -> Markup {
    html! {
        section {
            h2 { (title) }
            @for run in runs {
                @let (word, class) = match run.verdict {
                    Verdict::Pass => ("PASS", "better"),
                    Verdict::Fail => ("FAIL", "worse"),
                    Verdict::Inconclusive => ("INCONCLUSIVE", "differs"),
                };
                p {
                    strong class=(class) { (word) } " " (run.directory) br;
                    span.note {
                        (run.scenario) " · " (run.started_at.strftime("%F %T UTC")) " · "
                        (grouped(run.sessions)) " sessions · startline " (run.version)
                    }
                    @if !run.troubles.is_empty() {
                        br;
                        span class="worse" { "troubles: " (run.troubles.join(", ")) }
                    }
                }
            }
        }
    }
}

/// Criteria that did not come out alike.
fn criteria(all: &[CriterionCompared]) -> Markup {
    let told: Vec<&CriterionCompared> = all.iter().filter(|it| !it.is_alike()).collect();
    if told.is_empty() {
        return html! {};
    }
    html! {
        h2 { "Criteria" }
        div.scroll { table {
            thead { tr { th { "criterion" } th.words { "base" } th.words { "new" } } }
            tbody {
                @for criterion in &told {
                    @let (mark, class) = match criterion.turned {
                        Some(Direction::Better) => ("✓ ", "better"),
                        Some(Direction::Worse) => ("✗ ", "worse"),
                        None => ("~ ", "differs"),
                    };
                    tr class=(class) {
                        th { (mark) (criterion.name) }
                        td.words { (outcomes(&criterion.base)) }
                        td.words { (outcomes(&criterion.new)) }
                    }
                }
            }
        } }
        @if told.len() < all.len() { p.note { (all.len() - told.len()) " others came out alike." } }
    }
}

/// The measures that differ, and behind them all of them.
fn differences(measures: &[&Compared]) -> Markup {
    let different: Vec<&Compared> = measures.iter().copied().filter(|it| it.call != Call::Same).collect();
    html! {
        @if different.is_empty() { p { "No difference." } } @else { (table(&different)) }
        details { summary { "All " (measures.len()) " measures" } (table(measures)) }
    }
}

fn table(measures: &[&Compared]) -> Markup {
    let is_tested = measures.iter().any(|measure| measure.p.is_some());
    let mut sections: Vec<&Section> = Vec::new();
    for measure in measures {
        if !sections.contains(&&measure.section) {
            sections.push(&measure.section);
        }
    }
    html! {
        div.scroll { table {
            thead { tr {
                th { "measure" } th { "base" } th { "new" } th { "change" } th { "" }
                @if is_tested { th { "p" } }
                th { "" }
            } }
            @for section in sections {
                tbody {
                    @for measure in measures.iter().filter(|it| it.section == *section) { (row(measure, is_tested)) }
                }
            }
        } }
    }
}

fn row(measure: &Compared, is_tested: bool) -> Markup {
    let class = match measure.call {
        Call::Same => "same",
        Call::Better => "better",
        Call::Worse => "worse",
        Call::Differs | Call::OneSided => "differs",
    };
    html! {
        tr class=(class) title=(measure.measure) {
            th { (measure.label) }
            (values(&measure.base, measure))
            (values(&measure.new, measure))
            td { (said::change(measure)) }
            td.bar { (bar(measure)) }
            @if is_tested { td { @if let Some(p) = measure.p { (format!("{p:.3}")) } @else { "–" } } }
            td.words { (said::mark(measure).trim()) " " (said::call(measure)) }
        }
    }
}

/// The middle value, and under it those of each of several runs.
fn values(values: &Values, measure: &Compared) -> Markup {
    let each = values.runs.iter().map(|value| measure.unit.shown(*value)).collect::<Vec<_>>().join(" · ");
    html! {
        td {
            (said::value(values, measure.unit))
            @if values.runs.len() > 1 { br; span.note { (each) } }
        }
    }
}

/// The change as a bar from the middle, whole at 100 %.
fn bar(measure: &Compared) -> Markup {
    let Some(share) = measure.change_share else { return html! {} };
    let width = (share.abs().min(1.0) * BAR_HALF).max(0.5);
    let from = if share < 0.0 { BAR_HALF - width } else { BAR_HALF };
    html! {
        svg width="120" height="12" viewBox="0 0 120 12" aria-hidden="true" {
            rect x=(format!("{from:.1}")) y="2" width=(format!("{width:.1}")) height="8" {}
            line x1="60" x2="60" y1="0" y2="12" {}
        }
    }
}
