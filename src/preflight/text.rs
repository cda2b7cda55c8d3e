//! The report as a table with a conclusion.

use super::Report;
use crate::checks::{Page, Verdict, text};

/// Returns the whole report as text.
pub fn table(report: &Report, page: Page) -> String {
    let checks = text::table(["check", "found", "needed"], &report.checks, page);
    format!("{checks}\n{}\n", conclusion(report))
}

fn conclusion(report: &Report) -> String {
    let failed = report.checks.iter().filter(|check| check.verdict == Verdict::Fail).count();
    let begin = match failed {
        0 if report.interrupted => "Interrupted: no check that was made fails".to_owned(),
        _ if report.interrupted => format!("Interrupted, and not ready: {}", failing(failed)),
        0 => "Ready: no check fails".to_owned(),
        _ => format!("Not ready: {}", failing(failed)),
    };
    begin + &text::remarks(&report.checks)
}

fn failing(checks: usize) -> String {
    if checks == 1 { "1 check fails".to_owned() } else { format!("{checks} checks fail") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{Check, Figure, Fix};

    fn report(verdicts: &[Verdict]) -> Report {
        let check = Check::ok("a", "a check", Figure::words("this"), Figure::words("that"));
        let checks = verdicts.iter().map(|verdict| match verdict {
            Verdict::Ok => check.clone(),
            other => check.clone().but(*other, "for a reason", vec![Fix::advice("do it")]),
        });
        Report::new("http://x".into(), jiff::Timestamp::UNIX_EPOCH, checks.collect())
    }

    #[test]
    fn the_conclusion_counts() {
        let end =
            |verdicts: &[Verdict]| table(&report(verdicts), Page::PLAIN).lines().last().map(String::from);
        assert_eq!(end(&[Verdict::Ok]).as_deref(), Some("Ready: no check fails."));
        assert_eq!(
            end(&[Verdict::Ok, Verdict::Warn, Verdict::Unknown]).as_deref(),
            Some("Ready: no check fails; 1 warning; 1 unknown.")
        );
        assert_eq!(
            end(&[Verdict::Fail, Verdict::Warn, Verdict::Fail]).as_deref(),
            Some("Not ready: 2 checks fail; 1 warning.")
        );
        assert_eq!(report(&[Verdict::Unknown, Verdict::Warn]).verdict, Verdict::Warn);
    }

    #[test]
    fn an_interrupted_report_is_never_ready() {
        let end = |verdicts: &[Verdict]| {
            let report = Report { interrupted: true, ..report(verdicts) };
            table(&report, Page::PLAIN).lines().last().map(String::from)
        };
        let well = "Interrupted: no check that was made fails; 1 unknown.";
        assert_eq!(end(&[Verdict::Ok, Verdict::Unknown]).as_deref(), Some(well));
        let failed = "Interrupted, and not ready: 1 check fails; 1 unknown.";
        assert_eq!(end(&[Verdict::Fail, Verdict::Unknown]).as_deref(), Some(failed));
    }

    #[test]
    fn rows_have_their_reason_and_fix() {
        let expected = "  check    found  needed
✗ a check  this   that
    for a reason
    → do it

Not ready: 1 check fails.
";
        assert_eq!(table(&report(&[Verdict::Fail]), Page::PLAIN), expected);
    }
}
