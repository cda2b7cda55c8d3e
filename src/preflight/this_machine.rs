//! Checks whether this machine can run the plan: the doctor's report as one check.

use crate::checks::{Check, Figure, Fix, Verdict};
use crate::doctor::Report;

const ID: &str = "machine";
const TITLE: &str = "this machine";
const NEED: &str = "can run the plan";

/// The check, if it was not made.
pub fn skipped(cause: &str) -> Check {
    Check::skipped(ID, TITLE, Figure::words(NEED), cause)
}

/// Returns the report's worst finding with its first fix; the doctor shows the others.
pub fn check(report: &Report) -> Check {
    let count = |verdict| report.with(verdict).count();
    let counts = [
        (count(Verdict::Ok), "ok"),
        (count(Verdict::Warn), "warned of"),
        (count(Verdict::Refuse), "too low"),
        (count(Verdict::Unknown), "unknown"),
    ];
    let text: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let reading = Figure::words(format!("limits: {}", text.join(", ")));
    let check = Check::ok(ID, TITLE, reading, Figure::words(NEED));
    let verdict = match report.verdict {
        Verdict::Refuse => Verdict::Fail,
        other => other,
    };
    if verdict <= Verdict::Ok {
        return check;
    }
    // The first that a run would meet; its fix may change those after it.
    let Some(worst) = report.with(report.verdict).next() else { return check };
    let why = format!("{}: {}", worst.title, worst.why.as_deref().unwrap_or_default());
    let mut fixes: Vec<Fix> = worst.fixes.first().cloned().into_iter().collect();
    let others = count(report.verdict) - 1 + if verdict == Verdict::Fail { count(Verdict::Warn) } else { 0 };
    fixes.push(Fix::advice(match others {
        0 => "startline doctor, with the same options, shows every limit with its fixes".to_owned(),
        1 => "startline doctor, with the same options, shows the other one with its fixes".to_owned(),
        _ => format!("startline doctor, with the same options, shows the {others} others with their fixes"),
    }));
    check.but(verdict, why, fixes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdicts: &[Verdict]) -> Report {
        let limit = Check::ok("a", "a limit", Figure::count(1, "x"), Figure::count(2, "x"));
        let checks: Vec<Check> = verdicts
            .iter()
            .map(|verdict| match verdict {
                Verdict::Ok => limit.clone(),
                other => limit.clone().but(*other, "too small", vec![Fix::root("sets it", "sysctl -w a=2")]),
            })
            .collect();
        Report { verdict: Verdict::worst(&checks), checks }
    }

    /// The broadcasts have no fix of their own, and `top` is the one of other work on this machine.
    #[test]
    fn a_fix_is_never_that_of_another_finding() {
        let limit = |title: &'static str| Check::ok("a", title, Figure::words("1"), Figure::words("2"));
        let top = Fix::command("shows what runs", "top");
        let checks = vec![
            limit("predicted broadcasts").but(Verdict::Warn, "many", Vec::new()),
            limit("other work").but(Verdict::Warn, "busy", vec![top]),
        ];
        let check = check(&Report { verdict: Verdict::Warn, checks });
        assert_eq!(check.why.as_deref(), Some("predicted broadcasts: many"));
        assert!(check.fixes.iter().all(|fix| fix.command.is_none()), "{check:?}");
        assert!(check.fixes[0].text.ends_with("shows the other one with its fixes"), "{check:?}");
    }

    #[test]
    fn the_worst_finding_is_reported_with_its_fix() {
        let check = check(&report(&[Verdict::Ok, Verdict::Warn, Verdict::Refuse, Verdict::Refuse]));
        assert_eq!(check.verdict, Verdict::Fail);
        assert_eq!(check.reading.text, "limits: 1 ok, 1 warned of, 2 too low");
        assert_eq!(check.why.as_deref(), Some("a limit: too small"));
        assert_eq!(check.fixes[0].command.as_deref(), Some("sysctl -w a=2"));
        assert!(check.fixes[1].text.ends_with("shows the 2 others with their fixes"), "{check:?}");
    }

    #[test]
    fn ok_and_unknown_limits_stop_nobody() {
        let check = check(&report(&[Verdict::Ok, Verdict::Unknown]));
        assert_eq!((check.verdict, check.why), (Verdict::Ok, None));
        assert_eq!(check.reading.text, "limits: 1 ok, 1 unknown");
        assert_eq!(super::check(&report(&[Verdict::Warn])).verdict, Verdict::Warn);
    }
}
