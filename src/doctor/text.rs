//! The checks as a table of a hundred columns, and as lines for a run that is about to begin.
//!
//! Prints a [`Report`], or the rows of another list of checks, and judges nothing. Marks and words carry the meaning, colour only repeats it. Invariant: commands
//! are never broken over lines, so that they can be pasted.

use std::fmt::Write;

use super::{Check, Remedy, Report, Verdict};

/// Columns of the page.
const WIDTH: usize = 100;
/// Of these, for a title, …
const TITLE: usize = 26;
/// … and for a reading.
const READING: usize = 30;
/// What is under a check is indented by so much.
const INDENT: usize = 4;
/// How the reason of a check begins that hangs on another one.
const HANGS_ON: &str = "because ";

/// The whole report.
pub fn table(report: &Report, colour: bool) -> String {
    format!(
        "{}\n{}\n",
        rows(["limit", "this box", "the plan's need"], &report.checks, colour),
        conclusion(report)
    )
}

/// Checks under these heads, without a conclusion.
pub fn rows(heads: [&str; 3], checks: &[Check], colour: bool) -> String {
    let mut page = Page { out: String::new(), colour, commands: Vec::new() };
    page.cells("", "", heads[0], heads[1], heads[2]);
    for check in checks {
        page.check(check);
    }
    page.out
}

/// The same, with those that hang on the same failure in one line, where the first of them stands.
pub fn folded_rows(heads: [&str; 3], checks: &[Check], colour: bool) -> String {
    let mut page = Page { out: String::new(), colour, commands: Vec::new() };
    page.cells("", "", heads[0], heads[1], heads[2]);
    let is_unasked = |check: &Check| {
        check.verdict == Verdict::Unknown && check.why.as_deref().is_some_and(|why| why.starts_with(HANGS_ON))
    };
    let mut folded: Vec<&str> = Vec::new();
    for check in checks {
        let why = check.why.as_deref().unwrap_or_default();
        let alike: Vec<&Check> =
            checks.iter().filter(|other| is_unasked(other) && other.why == check.why).collect();
        match alike[..] {
            [_, _, ..] if is_unasked(check) => {
                if !folded.contains(&why) {
                    folded.push(why);
                    page.unasked(&alike, why);
                }
            }
            _ => page.check(check),
        }
    }
    page.out
}

/// The checks that refuse, one under the other, with their remedies.
pub fn refusals(report: &Report) -> String {
    let mut page = Page { out: String::new(), colour: false, commands: Vec::new() };
    for check in report.with(Verdict::Refuse) {
        page.why(&format!("{}: ", check.title), check);
        page.remedies(check);
    }
    page.out
}

/// A check in one line.
pub fn line(check: &Check) -> String {
    let why = check.why.as_deref().unwrap_or_default();
    let remedy = check.remedies.first().map(|remedy| format!(" → {}", typed(remedy))).unwrap_or_default();
    format!("{}: {why}{remedy}", check.title)
}

fn conclusion(report: &Report) -> String {
    let text = match report.with(Verdict::Refuse).count() {
        0 => "The plan fits this box".to_owned(),
        1 => "The plan does not fit this box: 1 limit is in the way".to_owned(),
        count => format!("The plan does not fit this box: {count} limits are in the way"),
    };
    text + &remarks(&report.checks)
}

/// What a conclusion says of warnings and of what is not known, to its full stop.
pub fn remarks(checks: &[Check]) -> String {
    let count = |verdict: Verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    let (warned, unknown) = (count(Verdict::Warn), count(Verdict::Unknown));
    let mut text = String::new();
    match warned {
        0 => {}
        1 => text += "; 1 warning",
        count => {
            let _ = write!(text, "; {count} warnings");
        }
    }
    if unknown > 0 {
        let _ = write!(text, "; {unknown} could not be found out");
    }
    text + "."
}

/// What to type, or to do.
fn typed(remedy: &Remedy) -> String {
    let typed = remedy.command.as_deref().unwrap_or(&remedy.text);
    let root = if remedy.needs_root && !typed.starts_with("sudo ") { " (as root)" } else { "" };
    format!("{typed}{root}")
}

struct Page {
    out: String,
    colour: bool,
    /// Commands shown already: one of them mends several checks.
    commands: Vec<String>,
}

impl Page {
    fn check(&mut self, check: &Check) {
        let (mark, colour) = mark(check.verdict);
        self.cells(mark, colour, &check.title, &check.reading.text, &check.need.text);
        if check.verdict != Verdict::Ok {
            self.why("", check);
            self.remedies(check);
        }
    }

    /// Checks that were not asked, for one reason.
    fn unasked(&mut self, checks: &[&Check], why: &str) {
        let titles: Vec<&str> = checks.iter().map(|check| check.title.as_ref()).collect();
        let text = format!("not looked at, {why}: {}", titles.join(", "));
        let (sign, colour) = mark(Verdict::Unknown);
        for (k, line) in wrapped(&text, WIDTH - INDENT).into_iter().enumerate() {
            let _ = match k {
                0 => writeln!(self.out, "{} {line}", self.marked(sign, colour)),
                _ => writeln!(self.out, "{:INDENT$}{line}", ""),
            };
        }
    }

    fn marked(&self, mark: &str, colour: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{mark}\x1b[0m") } else { mark.to_owned() }
    }

    /// A row, whose cells go on under themselves.
    fn cells(&mut self, mark: &str, colour: &str, title: &str, reading: &str, need: &str) {
        let needs_width = WIDTH - 2 - TITLE - READING;
        let columns = [wrapped(title, TITLE - 1), wrapped(reading, READING - 1), wrapped(need, needs_width)];
        let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |column: usize, row: usize| columns[column].get(row).map_or("", String::as_str);
        for row in 0..rows {
            let mark = match (row, mark) {
                (0, mark) if !mark.is_empty() => self.marked(mark, colour),
                _ => " ".to_owned(),
            };
            let text = format!("{:<TITLE$}{:<READING$}{}", cell(0, row), cell(1, row), cell(2, row));
            let _ = writeln!(self.out, "{mark} {}", text.trim_end());
        }
    }

    fn why(&mut self, before: &str, check: &Check) {
        let text = format!("{before}{}", check.why.as_deref().unwrap_or_default());
        for line in wrapped(&text, WIDTH - INDENT) {
            let _ = writeln!(self.out, "{:INDENT$}{line}", "");
        }
    }

    fn remedies(&mut self, check: &Check) {
        for remedy in &check.remedies {
            let Some(command) = &remedy.command else {
                self.lines("→ ", &remedy.text);
                continue;
            };
            if self.commands.contains(command) {
                continue;
            }
            self.commands.push(command.clone());
            let _ = writeln!(self.out, "{:INDENT$}→ {}", "", typed(remedy));
            self.lines("  ", &remedy.text);
        }
    }

    fn lines(&mut self, first: &str, text: &str) {
        let room = WIDTH - INDENT - first.chars().count();
        for (k, line) in wrapped(text, room).into_iter().enumerate() {
            let before = if k == 0 { first } else { "  " };
            let _ = writeln!(self.out, "{:INDENT$}{before}{line}", "");
        }
    }
}

/// A verdict's mark and its colour.
fn mark(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Ok => ("✓", "32"),
        Verdict::Unknown => ("?", "2"),
        Verdict::Warn => ("!", "33"),
        Verdict::Fail | Verdict::Refuse => ("✗", "31"),
    }
}

/// Broken at spaces into lines of this width; longer words stay whole.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Figure;

    fn report() -> Report {
        let check = Check::ok("a", "descriptors", Figure::count(4096, "descriptors"), Figure::words("many"));
        let tune = || Remedy::root("sets all of them", "startline tune apply --sessions 9");
        let refused = check.clone().but(
            Verdict::Refuse,
            "there are too few of them",
            vec![Remedy::sysctl("fs.nr_open", 9_000), tune()],
        );
        let warned = Check { id: "b", ..check.clone() }.but(Verdict::Warn, "it may be slow", vec![tune()]);
        let checks = vec![
            check.clone(),
            refused,
            warned,
            Check::unknown("c", "memory", Figure::words("much"), "no file"),
        ];
        Report { verdict: Verdict::Refuse, checks }
    }

    #[test]
    fn a_table_of_checks() {
        let expected = "  limit                     this box                      the plan's need
✓ descriptors               4,096                         many
✗ descriptors               4,096                         many
    there are too few of them
    → sysctl -w fs.nr_open=9000 (as root)
      sets it until the next boot
    → startline tune apply --sessions 9 (as root)
      sets all of them
! descriptors               4,096                         many
    it may be slow
? memory                    unknown                       much
    no file

The plan does not fit this box: 1 limit is in the way; 1 warning; 1 could not be found out.
";
        assert_eq!(table(&report(), false), expected);
        assert!(table(&report(), true).contains("\x1b[31m✗\x1b[0m descriptors"));
    }

    #[test]
    fn a_run_s_lines() {
        let report = report();
        assert!(refusals(&report).starts_with("    descriptors: there are too few of them\n    → sysctl -w"));
        assert_eq!(
            line(&report.checks[2]),
            "descriptors: it may be slow → startline tune apply --sessions 9 (as root)"
        );
    }

    #[test]
    fn long_cells_go_on_under_themselves() {
        assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrapped("aaaaaaaa b", 5), ["aaaaaaaa", "b"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
