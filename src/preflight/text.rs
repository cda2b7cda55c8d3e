//! The report as a table with a conclusion, as the doctor's is.

use super::{Report, Verdict};
use crate::doctor::text;

/// The whole report.
pub fn table(report: &Report, colour: bool) -> String {
    let rows = text::folded_rows(["item", "found", "needed"], &report.checks, colour);
    format!("{rows}\n{}\n", conclusion(report))
}

fn conclusion(report: &Report) -> String {
    let failed = report.checks.iter().filter(|check| check.verdict == Verdict::Fail).count();
    let begin = match failed {
        0 if report.interrupted => "Interrupted: nothing of what was looked at fails".to_owned(),
        _ if report.interrupted => format!("Interrupted, and not ready: {}", failing(failed)),
        0 => "Ready: nothing is in the way".to_owned(),
        _ => format!("Not ready: {}", failing(failed)),
    };
    begin + &text::remarks(&report.checks)
}

fn failing(items: usize) -> String {
    if items == 1 { "1 item fails".to_owned() } else { format!("{items} items fail") }
}

#[cfg(test)]
mod tests {
    use super::super::{Check, Figure, Remedy};
    use super::*;

    fn report(verdicts: &[Verdict]) -> Report {
        let check = Check::ok("a", "an item", Figure::words("this"), Figure::words("that"));
        let checks = verdicts.iter().map(|verdict| match verdict {
            Verdict::Ok => check.clone(),
            other => check.clone().but(*other, "for a reason", vec![Remedy::advice("do it")]),
        });
        Report::new("http://x".into(), jiff::Timestamp::UNIX_EPOCH, checks.collect())
    }

    #[test]
    fn the_conclusion_counts() {
        let end = |verdicts: &[Verdict]| table(&report(verdicts), false).lines().last().map(String::from);
        assert_eq!(end(&[Verdict::Ok]).as_deref(), Some("Ready: nothing is in the way."));
        assert_eq!(
            end(&[Verdict::Ok, Verdict::Warn, Verdict::Unknown]).as_deref(),
            Some("Ready: nothing is in the way; 1 warning; 1 could not be found out.")
        );
        assert_eq!(
            end(&[Verdict::Fail, Verdict::Warn, Verdict::Fail]).as_deref(),
            Some("Not ready: 2 items fail; 1 warning.")
        );
        assert_eq!(report(&[Verdict::Unknown, Verdict::Warn]).verdict, Verdict::Warn);
    }

    #[test]
    fn nobody_is_ready_by_half_a_report() {
        let end = |verdicts: &[Verdict]| {
            let report = Report { interrupted: true, ..report(verdicts) };
            table(&report, false).lines().last().map(String::from)
        };
        let well = "Interrupted: nothing of what was looked at fails; 1 could not be found out.";
        assert_eq!(end(&[Verdict::Ok, Verdict::Unknown]).as_deref(), Some(well));
        let failed = "Interrupted, and not ready: 1 item fails; 1 could not be found out.";
        assert_eq!(end(&[Verdict::Fail, Verdict::Unknown]).as_deref(), Some(failed));
    }

    #[test]
    fn what_hangs_on_one_failure_is_one_line() {
        let unknown = |title: &'static str, why| Check::unknown("u", title, Figure::words("that"), why);
        let (gone, zone) = ("because the target takes no connection", "because the zone is wrong");
        let checks = vec![
            Check::ok("a", "the target", Figure::words("0"), Figure::words("1")).but(
                Verdict::Fail,
                "no connection",
                Vec::new(),
            ),
            unknown("HTTP", gone),
            unknown("fit", zone),
            unknown("clock", gone),
        ];
        let report = Report::new("http://x".into(), jiff::Timestamp::UNIX_EPOCH, checks);
        let expected = "  item                      found                         needed
✗ the target                0                             1
    no connection
? not looked at, because the target takes no connection: HTTP, clock
? fit                       unknown                       that
    because the zone is wrong

Not ready: 1 item fails; 3 could not be found out.
";
        assert_eq!(table(&report, false), expected);
        assert!(table(&report, true).contains("\x1b[2m?\x1b[0m not looked at"));
    }

    #[test]
    fn rows_have_their_reason_and_remedy() {
        let expected = "  item                      found                         needed
✗ an item                   this                          that
    for a reason
    → do it

Not ready: 1 item fails.
";
        assert_eq!(table(&report(&[Verdict::Fail]), false), expected);
    }
}
