//! The report as a table with a conclusion.

use super::{BROADCAST_LOAD, Report, Verdict};
use crate::checks::{Page, text};

/// Returns the whole report as text.
pub fn table(report: &Report, page: Page) -> String {
    let checks = text::table(["limit", "this machine", "the plan needs"], &report.checks, page);
    format!("{checks}\n{}\n", conclusion(report))
}

fn conclusion(report: &Report) -> String {
    let is_flooded = report.with(Verdict::Warn).any(|check| check.id == BROADCAST_LOAD);
    let begin = match report.with(Verdict::Refuse).count() {
        0 if is_flooded => {
            "The plan fits this machine's limits, but its broadcasts do not fit the cores".to_owned()
        }
        0 => "The plan fits this machine".to_owned(),
        1 => "The plan does not fit this machine: 1 limit is too low".to_owned(),
        count => format!("The plan does not fit this machine: {count} limits are too low"),
    };
    begin + &text::remarks(&report.checks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{Check, Figure};

    #[test]
    fn the_conclusion_counts() {
        let end_of = |id, verdicts: &[Verdict]| {
            let check = Check::ok(id, "descriptors", Figure::words("few"), Figure::words("many"));
            let but = |verdict: &Verdict| check.clone().but(*verdict, "why", Vec::new());
            let report = Report::of(verdicts.iter().map(but).collect());
            table(&report, Page::PLAIN).lines().last().map(String::from)
        };
        let end = |verdicts: &[Verdict]| end_of("a", verdicts);
        let fits = "The plan fits this machine; 1 warning; 1 unknown.";
        assert_eq!(end(&[Verdict::Warn, Verdict::Unknown]).as_deref(), Some(fits));
        let refused = "The plan does not fit this machine: 2 limits are too low.";
        assert_eq!(end(&[Verdict::Refuse, Verdict::Refuse]).as_deref(), Some(refused));
        let flooded =
            "The plan fits this machine's limits, but its broadcasts do not fit the cores; 1 warning.";
        assert_eq!(end_of(BROADCAST_LOAD, &[Verdict::Warn]).as_deref(), Some(flooded));
    }
}
