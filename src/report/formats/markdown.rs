//! Markdown for a pull request or for `$GITHUB_STEP_SUMMARY`: verdict, criteria, steps, failures.
//!
//! Invariant: nothing that a scenario or a peer says is taken for markup, or mentions anybody.

use std::fmt::Write as _;
use std::io::Write;

use super::{MakeError, Source};
use crate::foreign;
use crate::lang::Lang;
use crate::numbers::{figure, grouped, percent};
use crate::report::headline::headline;
use crate::report::phrases;
use crate::report::verdict::{sign, with_unit};
use crate::report::{
    CriterionResult, ErrorDetail, ErrorsResult, Outcome, RunResult, StepResult, TroubleResult, Verdict,
};

/// Kinds of failures listed.
const ERRORS_SHOWN_MAX: usize = 20;
/// Characters of evidence shown.
const EVIDENCE_CHARS_MAX: usize = 150;

/// The page.
pub(super) fn markdown(source: &Source<'_>, out: &mut dyn Write) -> Result<(), MakeError> {
    let result = source.result;
    let parts = [
        verdict(result, source.lang),
        troubles(result, source.lang),
        criteria(&result.criteria),
        steps(result),
        broadcasts(result, source.lang),
        failures(&result.errors),
        format!("Results: {}\n", code(&source.directory.display().to_string())),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(out.write_all(parts.join("\n").as_bytes())?)
}

fn verdict(result: &RunResult, lang: Lang) -> String {
    let mark = match result.verdict {
        Verdict::Pass => "✅",
        Verdict::Fail => "❌",
        Verdict::Inconclusive => "⚠️",
    };
    let mut out = format!("## {mark} {}\n\n", escaped(&headline(result, lang)));
    for reason in &result.reasons {
        let _ = writeln!(out, "- {}", escaped(&reason.text(lang)));
    }
    let _ = writeln!(
        out,
        "\n{} of {} sessions opened · {} · {} · startline {}",
        grouped(result.sessions.established),
        grouped(result.sessions.planned),
        escaped(&result.scenario),
        result.started_at.strftime("%F %T UTC"),
        escaped(&result.version)
    );
    out
}

/// What is wrong by name, what shows it, and what to do.
fn troubles(result: &RunResult, lang: Lang) -> String {
    let one = |one: &TroubleResult| {
        let (said, advice) = (escaped(&phrases::trouble(one, lang)), escaped(one.advice(lang)));
        format!("- ❗ {said}\n  → {advice}\n")
    };
    result.troubles.iter().map(one).collect()
}

fn criteria(criteria: &[CriterionResult]) -> String {
    let row = |one: &CriterionResult| {
        let show = |value: f64| escaped(&with_unit(&one.measure, &one.unit, value));
        let (mark, note) = match one.outcome {
            Outcome::Pass => ("✅", String::new()),
            Outcome::Warn => ("⚠️ warning", String::new()),
            Outcome::Fail if one.stands => ("❌", String::new()),
            Outcome::Fail => ("❓ in doubt", String::new()),
            Outcome::NotMeasured => ("–", format!(" (not measured: {})", escaped(&one.why.to_string()))),
        };
        // "<" begins no tag before a space.
        let side = sign(&one.good);
        let way = if one.good == "at-least" { "down" } else { "up" };
        let warn = one.warn.map(|warn| format!(" (warn {way} to {})", show(warn))).unwrap_or_default();
        let measured = one.measured.map_or_else(|| "–".into(), show);
        let name = escaped(&one.name);
        format!("| {mark} | {name} | {measured} | {side} {}{warn}{note} |\n", show(one.limit))
    };
    let rows: String = criteria.iter().map(row).collect();
    table("| | criterion | measured | limit |\n|---|---|---:|---|\n", &rows)
}

fn steps(result: &RunResult) -> String {
    let row = |(name, step): (&str, &StepResult)| {
        let due = &step.from_due;
        let figures = [due.mean_ms, due.p50_ms, due.p95_ms, due.p99_ms, due.max_ms];
        let figures = figures.map(|value| value.map_or_else(|| "–".into(), figure)).join(" | ");
        let (count, errors) = (grouped(step.count), grouped(step.errors));
        format!("| {} | {count} | {errors} | {figures} |\n", escaped(name))
    };
    let rows: String = result.steps.iter().map(row).collect();
    let head = "| latency (ms) | count | errors | mean | p50 | p95 | p99 | max |\n|---|---:|---:|---:|---:|---:|---:|---:|\n";
    table(head, &rows)
}

/// What the loss of broadcasts looks like.
fn broadcasts(result: &RunResult, lang: Lang) -> String {
    let Some(shape) = result.ledger.as_ref().map(|ledger| &ledger.shape) else { return String::new() };
    let lines: String = shape.lines(lang).iter().map(|line| format!("- {}\n", escaped(line))).collect();
    lines + &shape.advice(lang).map(|advice| format!("  → {}\n", escaped(advice))).unwrap_or_default()
}

fn failures(errors: &ErrorsResult) -> String {
    let (total, attempts) = (grouped(errors.total), grouped(errors.attempts));
    let mut out = format!("Errors: {total} of {attempts} attempts ({})\n", percent(errors.rate));
    let row = |detail: &ErrorDetail| {
        let evidence = detail.sample.as_ref().map(|it| foreign::line(&it.evidence, EVIDENCE_CHARS_MAX));
        let evidence = evidence.filter(|it| !it.is_empty()).map_or_else(String::new, |it| code(&it));
        let cells = [&detail.kind, &detail.step, &detail.blame, &detail.next].map(|it| escaped(it));
        format!("| {} | {} | {evidence} |\n", grouped(detail.count), cells.join(" | "))
    };
    let rows: String = errors.details.iter().take(ERRORS_SHOWN_MAX).map(row).collect();
    let head =
        "\n| count | failure | step | blame | what to do | first sample |\n|---:|---|---|---|---|---|\n";
    out += &table(head, &rows);
    match errors.details.len().saturating_sub(ERRORS_SHOWN_MAX) {
        0 => out,
        hidden => out + &format!("\n… and {hidden} more kinds, in summary.json\n"),
    }
}

/// A table with rows, or nothing.
fn table(head: &str, rows: &str) -> String {
    if rows.is_empty() { String::new() } else { format!("{head}{rows}") }
}

/// Text on one line, of which nothing is markup and nothing a mention.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in foreign::shown_plain(text).chars() {
        match c {
            '\n' | '\t' => out.push(' '),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // GitHub finds mentions after entities are text again.
            '@' => out.push_str("@<!-- -->"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// Text as code, in which nothing is markup; in a table too.
fn code(text: &str) -> String {
    let text = foreign::shown_plain(text).replace(['\n', '\t'], " ").replace('|', "\\|");
    match text.split(|c| c != '`').map(str::len).max() {
        None | Some(0) => format!("`{text}`"),
        // A space on each side is taken off again.
        Some(longest) => format!("{0} {text} {0}", "`".repeat(longest + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_peer_is_markup() {
        assert_eq!(
            escaped("a|b <img> *x* @all\n`c` \x1b[1m"),
            "a\\|b &lt;img&gt; \\*x\\* @<!-- -->all \\`c\\`  \\[1m"
        );
        assert_eq!(code("a`b``c|d"), "``` a`b``c\\|d ```");
        assert_eq!(code("plain"), "`plain`");
    }
}
