//! Checks as a table, with the reason and the fixes of each under its row.
//!
//! Judges nothing. Invariant: checks that were skipped for the same cause are one row, where the
//! first of them stands.

use super::table::{Column, Page, Paint, Table};
use super::{Check, Fix, Verdict};

/// Returns checks as a table under these heads: title, reading and need.
pub fn table(heads: [&'static str; 3], checks: &[Check], page: Page) -> String {
    let mut table = Table::new(heads.map(Column::words));
    let mut shown = Vec::new();
    let is_skipped_with = |one: &Check, other: &Check| one.skipped && other.skipped && one.why == other.why;
    for (k, check) in checks.iter().enumerate() {
        if checks[..k].iter().any(|before| is_skipped_with(before, check)) {
            continue;
        }
        let alike: Vec<&str> = checks
            .iter()
            .filter(|other| is_skipped_with(check, other))
            .map(|check| check.title.as_ref())
            .collect();
        let why = check.why.as_deref().unwrap_or_default();
        if alike.len() > 1 {
            table.span(Some(mark(check.verdict)), format!("{}: {why}", alike.join(", ")));
            continue;
        }
        let cells = [check.title.as_ref(), &check.reading.text, &check.need.text];
        table.row(Some(mark(check.verdict)), cells.map(String::from));
        if check.verdict != Verdict::Ok {
            table.note("", why);
            add_fixes(&mut table, &check.fixes, &mut shown);
        }
    }
    table.text(page)
}

/// Returns the checks that refuse, one under the other, with their fixes.
pub fn refusals(checks: &[Check], page: Page) -> String {
    let mut table = Table::new([]);
    let mut shown = Vec::new();
    for check in checks.iter().filter(|check| check.verdict == Verdict::Refuse) {
        table.note("", format!("{}: {}", check.title, check.why.as_deref().unwrap_or_default()));
        add_fixes(&mut table, &check.fixes, &mut shown);
    }
    table.text(page)
}

/// Returns a check in one line, with its first fix.
pub fn line(check: &Check) -> String {
    let why = check.why.as_deref().unwrap_or_default();
    let fix = check.fixes.first().map(|fix| format!(" → {}", typed(fix))).unwrap_or_default();
    format!("{}: {why}{fix}", check.title)
}

/// Returns what a conclusion says of warnings and of unknown readings, to its full stop.
pub fn remarks(checks: &[Check]) -> String {
    let count = |verdict: Verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    let warnings = match count(Verdict::Warn) {
        0 => String::new(),
        1 => "; 1 warning".to_owned(),
        count => format!("; {count} warnings"),
    };
    match count(Verdict::Unknown) {
        0 => format!("{warnings}."),
        count => format!("{warnings}; {count} unknown."),
    }
}

/// `shown` has the commands above: one of them may fix several checks, and is printed once.
fn add_fixes<'c>(table: &mut Table, fixes: &'c [Fix], shown: &mut Vec<&'c str>) {
    for fix in fixes {
        match &fix.command {
            None => table.note("→ ", fix.text.as_str()),
            Some(command) if shown.contains(&command.as_str()) => {}
            Some(command) => {
                shown.push(command);
                table.command(typed(fix));
                table.note("  ", fix.text.as_str());
            }
        }
    }
}

/// What to type, or to do.
fn typed(fix: &Fix) -> String {
    let typed = fix.command.as_deref().unwrap_or(&fix.text);
    let root = if fix.needs_root && !fix.has_sudo { " (as root)" } else { "" };
    format!("{typed}{root}")
}

fn mark(verdict: Verdict) -> (&'static str, Paint) {
    match verdict {
        Verdict::Ok => ("✓", Paint::Good),
        Verdict::Unknown => ("?", Paint::Dim),
        Verdict::Warn => ("!", Paint::Warning),
        Verdict::Fail | Verdict::Refuse => ("✗", Paint::Bad),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Figure;

    fn checks() -> Vec<Check> {
        let check = Check::ok("a", "descriptors", Figure::count(4096, "descriptors"), Figure::words("many"));
        let all = || Fix::root("sets all of them", "startline tune apply --sessions 9");
        let one = Fix::root("sets it until the next boot", "sysctl -w fs.nr_open=9000");
        let refused = check.clone().but(Verdict::Refuse, "there are too few of them", vec![one, all()]);
        let warned = Check { id: "b", ..check.clone() }.but(Verdict::Warn, "it may be slow", vec![all()]);
        vec![check, refused, warned, Check::unknown("c", "memory", Figure::words("much"), "no file")]
    }

    #[test]
    fn a_table_of_checks() {
        let expected = "  limit        this machine  the plan needs
✓ descriptors  4,096         many
✗ descriptors  4,096         many
    there are too few of them
    → sysctl -w fs.nr_open=9000 (as root)
      sets it until the next boot
    → startline tune apply --sessions 9 (as root)
      sets all of them
! descriptors  4,096         many
    it may be slow
? memory       unknown       much
    no file
";
        let heads = ["limit", "this machine", "the plan needs"];
        assert_eq!(table(heads, &checks(), Page::PLAIN), expected);
        let coloured = table(heads, &checks(), Page { colour: true, ..Page::PLAIN });
        assert!(coloured.contains("\x1b[1;31m✗\x1b[0m descriptors"));
        assert_eq!(remarks(&checks()), "; 1 warning; 1 unknown.");
    }

    #[test]
    fn the_lines_before_a_run() {
        let checks = checks();
        let refusals = refusals(&checks, Page::PLAIN);
        assert!(
            refusals.starts_with("    descriptors: there are too few of them\n    → sysctl -w"),
            "{refusals}"
        );
        let expected = "descriptors: it may be slow → startline tune apply --sessions 9 (as root)";
        assert_eq!(line(&checks[2]), expected);
    }

    #[test]
    fn a_command_with_sudo_of_its_own_is_not_marked() {
        assert_eq!(typed(&Fix::sudo("raises it", "sudo prlimit")), "sudo prlimit");
        assert_eq!(typed(&Fix::advice("do it")), "do it");
    }

    #[test]
    fn checks_skipped_for_the_same_cause_are_one_row() {
        let skipped = |title: &'static str, cause| Check::skipped("u", title, Figure::words("that"), cause);
        let (gone, zone) = ("the target accepts no connection", "the zone is wrong");
        let target = Check::ok("a", "the target", Figure::words("0"), Figure::words("1"));
        let checks = vec![
            target.but(Verdict::Fail, "no connection", Vec::new()),
            skipped("HTTP", gone),
            skipped("fit", zone),
            skipped("clock", gone),
            // The same words of a check that was made.
            Check::unknown("u", "made", Figure::words("that"), "not checked, because the zone is wrong"),
        ];
        let expected = "  item        found    needed
✗ the target  0        1
    no connection
? HTTP, clock: not checked, because the target accepts no connection
? fit         unknown  that
    not checked, because the zone is wrong
? made        unknown  that
    not checked, because the zone is wrong
";
        assert_eq!(table(["item", "found", "needed"], &checks, Page::PLAIN), expected);
    }
}
