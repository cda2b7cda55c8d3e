//! Does this box bear the plan? The doctor's report in one item.

use super::{Check, Figure, Remedy, Verdict};
use crate::doctor::Report;

const ID: &str = "box";
const TITLE: &str = "this box";
const NEED: &str = "bears the plan";

/// What is not looked at since something else failed.
pub fn unknown(why: &str) -> Check {
    Check::unknown(ID, TITLE, Figure::words(NEED), why)
}

/// The report, with its worst finding and what mends that one; the others are the doctor's to show.
pub fn check(report: &Report) -> Check {
    let count = |verdict| report.with(verdict).count();
    let counts = [
        (count(Verdict::Ok), "ok"),
        (count(Verdict::Warn), "to be warned of"),
        (count(Verdict::Refuse), "in the way"),
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
    // The first that a run would meet: what comes later may be another once it is mended.
    let Some(worst) = report.with(report.verdict).next() else { return check };
    let why = format!("{}: {}", worst.title, worst.why.as_deref().unwrap_or_default());
    let mut remedies: Vec<Remedy> = worst.remedies.first().cloned().into_iter().collect();
    let others = count(report.verdict) - 1 + if verdict == Verdict::Fail { count(Verdict::Warn) } else { 0 };
    remedies.push(Remedy::advice(match others {
        0 => "startline doctor, with the same options, shows every limit and every remedy".to_owned(),
        1 => "startline doctor, with the same options, shows the other one and every remedy".to_owned(),
        _ => format!("startline doctor, with the same options, shows the {others} others and every remedy"),
    }));
    check.but(verdict, why, remedies)
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
                other => {
                    limit.clone().but(*other, "too small", vec![Remedy::root("sets it", "sysctl -w a=2")])
                }
            })
            .collect();
        Report { verdict: Verdict::worst(&checks), checks }
    }

    /// The broadcasts have no remedy of their own, and `top` is that of other work on the box.
    #[test]
    fn a_remedy_is_never_that_of_another_finding() {
        let limit = |title: &'static str| Check::ok("a", title, Figure::words("1"), Figure::words("2"));
        let top = Remedy::command("shows what runs", "top");
        let checks = vec![
            limit("predicted broadcasts").but(Verdict::Warn, "many", Vec::new()),
            limit("other work").but(Verdict::Warn, "busy", vec![top]),
        ];
        let check = check(&Report { verdict: Verdict::Warn, checks });
        assert_eq!(check.why.as_deref(), Some("predicted broadcasts: many"));
        assert!(check.remedies.iter().all(|remedy| remedy.command.is_none()), "{check:?}");
        assert!(check.remedies[0].text.ends_with("shows the other one and every remedy"), "{check:?}");
    }

    #[test]
    fn the_worst_finding_is_told_with_its_remedy() {
        let check = check(&report(&[Verdict::Ok, Verdict::Warn, Verdict::Refuse, Verdict::Refuse]));
        assert_eq!(check.verdict, Verdict::Fail);
        assert_eq!(check.reading.text, "limits: 1 ok, 1 to be warned of, 2 in the way");
        assert_eq!(check.why.as_deref(), Some("a limit: too small"));
        assert_eq!(check.remedies[0].command.as_deref(), Some("sysctl -w a=2"));
        assert!(check.remedies[1].text.ends_with("shows the 2 others and every remedy"), "{check:?}");
    }

    #[test]
    fn what_is_well_or_unknown_stops_nobody() {
        let check = check(&report(&[Verdict::Ok, Verdict::Unknown]));
        assert_eq!((check.verdict, check.why), (Verdict::Ok, None));
        assert_eq!(check.reading.text, "limits: 1 ok, 1 unknown");
        assert_eq!(super::check(&report(&[Verdict::Warn])).verdict, Verdict::Warn);
    }
}
