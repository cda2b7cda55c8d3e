//! A comparison as text, for a terminal of any width.
//!
//! Marks and words carry the meaning, colour only repeats it.

use super::{Call, Compared, Comparison, CriterionCompared, Direction, SideRun, Values, said};
use crate::checks::table::{Column, Page, Paint, Table, wrapped};
use crate::foreign;
use crate::numbers::counted;
use crate::report::{Outcome, Verdict};

/// Columns before a run's directory.
const SIDE_COLUMNS: usize = 6;

/// Characters shown of a run's troubles.
const TROUBLES_CHARS_MAX: usize = 240;

/// Shows what differs; `all`: every measure.
pub fn text(comparison: &Comparison, all: bool, page: Page) -> String {
    let mut out = prose(&said::headline(comparison), page) + "\n";
    for (side, runs) in [("base", &comparison.base), ("new", &comparison.new)] {
        for (k, run) in runs.iter().enumerate() {
            out += &format!("{:<SIDE_COLUMNS$}{}\n", if k == 0 { side } else { "" }, side_run(run));
            out += &troubles(run, page);
        }
    }
    out += "\n";
    out += &warnings(comparison, page);
    out += &criteria(comparison, page);
    let (own, theirs): (Vec<&Compared>, Vec<&Compared>) =
        comparison.measures.iter().partition(|measure| measure.is_own());
    out += &table("measure", &theirs, all, page);
    out += &table("this machine", &own, all, page);
    out += &prose(&said::method(comparison), page);
    out
}

fn warnings(comparison: &Comparison, page: Page) -> String {
    let mut out = String::new();
    let mut say = |text: &str| {
        let text = prose(&format!("warning: {}", foreign::shown_plain(text)), page);
        out += &page.paint(Paint::Warning, text.trim_end());
        out.push('\n');
    };
    said::warnings(comparison).for_each(|warning| say(&warning));
    let differences = said::plan_differences(comparison);
    if !differences.is_empty() {
        say(said::PLANS_DIFFER);
        let mut table = Table::new(["setting", "base", "new"].map(Column::words));
        differences.into_iter().for_each(|cells| table.row(Some((" ", Paint::Dim)), cells));
        out += &table.text(page);
    }
    if out.is_empty() { out } else { out + "\n" }
}

/// The line of `--fail-on`, if it was given.
pub fn gate_line(comparison: &Comparison) -> Option<String> {
    said::gate(comparison)
}

fn prose(text: &str, page: Page) -> String {
    let mut lines = Table::new([Column::words("")]);
    lines.row(None, [text.to_owned()]);
    lines.text(page)
}

fn side_run(run: &SideRun) -> String {
    let verdict = match run.verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Inconclusive => "INCONCLUSIVE",
    };
    let began = run.started_at.strftime("%F %T UTC");
    format!("{}  {verdict} · {began} · {}", run.directory, counted(run.sessions, "session", "sessions"))
}

/// What was wrong in a run, by name.
fn troubles(run: &SideRun, page: Page) -> String {
    if run.troubles.is_empty() {
        return String::new();
    }
    // Names of a later release, or of a file that was changed.
    let names = foreign::line(&run.troubles.join(", "), TROUBLES_CHARS_MAX);
    let lines = wrapped(&format!("troubles: {names}"), page.columns.saturating_sub(SIDE_COLUMNS), true);
    lines.iter().map(|line| format!("{:SIDE_COLUMNS$}{}\n", "", page.paint(Paint::Bad, line))).collect()
}

/// Criteria that did not come out the same in all runs.
fn criteria(comparison: &Comparison, page: Page) -> String {
    let mut table = Table::new([Column::words("criterion"), Column::words("base"), Column::words("new")]);
    let told: Vec<&CriterionCompared> = comparison.criteria.iter().filter(|it| !it.is_alike()).collect();
    for criterion in &told {
        let mark = match criterion.turned {
            Some(Direction::Better) => ("✓", Paint::Good),
            Some(Direction::Worse) => ("✗", Paint::Bad),
            None => ("~", Paint::Dim),
        };
        let cells = [criterion.name.clone(), outcomes(&criterion.base), outcomes(&criterion.new)];
        table.row(Some(mark), cells);
    }
    if told.is_empty() { String::new() } else { table.text(page) + "\n" }
}

/// `met`, or with several runs `2 met, 1 failed`.
pub(super) fn outcomes(all: &[Outcome]) -> String {
    let names = [
        (Outcome::Pass, "met"),
        (Outcome::Warn, "met, with a warning"),
        (Outcome::Fail, "failed"),
        (Outcome::NotMeasured, "not measured"),
    ];
    let count = |outcome| all.iter().filter(|own| **own == outcome).count();
    let counts: Vec<String> = names
        .iter()
        .map(|(outcome, name)| (count(*outcome), name))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| if all.len() == 1 { (*name).to_owned() } else { format!("{count} {name}") })
        .collect();
    if counts.is_empty() { "–".into() } else { counts.join(", ") }
}

fn table(title: &'static str, measures: &[&Compared], all: bool, page: Page) -> String {
    let (shown, hidden): (Vec<&Compared>, Vec<&Compared>) =
        measures.iter().partition(|measure| all || measure.call != Call::Same);
    let mut out = String::new();
    let heads = ["base", "new", "change"].map(Column::number);
    let is_tested = measures.iter().any(|measure| measure.p.is_some());
    let p = is_tested.then(|| Column::number("p"));
    let columns = [Column::words(title)].into_iter().chain(heads).chain(p).chain([Column::words("")]);
    let mut table = Table::new(columns);
    for measure in &shown {
        let paint = match (measure.call, measure.direction) {
            (Call::Better, _) => Paint::Good,
            (Call::Worse, _) => Paint::Bad,
            (_, Some(Direction::Worse)) => Paint::Warning,
            _ => Paint::Dim,
        };
        let value = |values: &Values| said::value(values, measure.unit);
        let p = is_tested.then(|| measure.p.map_or_else(|| "–".into(), |p| format!("{p:.3}")));
        let cells = [measure.label.clone(), value(&measure.base), value(&measure.new), said::change(measure)];
        let cells = cells.into_iter().chain(p).chain([said::call(measure).to_owned()]);
        table.row(Some((said::mark(measure), paint)), cells);
    }
    if !shown.is_empty() {
        out += &table.text(page);
    }
    match hidden.len() {
        0 => {}
        _ if shown.is_empty() => {
            out += &format!("  {title}: no difference (--all shows all {})\n", hidden.len())
        }
        count => out += &format!("  {count} more without a difference (--all shows them)\n"),
    }
    out + "\n"
}
