//! Does this box bear the plan? The doctor's report in one item.

use super::{Check, Figure, Remedy, Verdict};
use crate::doctor::Report;

const ID: &str = "box";
const TITLE: &str = "this box";
const NEED: &str = "bears the plan";

/// The report, with its worst findings and what mends them.
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
    let worst: Vec<&Check> = report.with(report.verdict).collect();
    let why: Vec<String> = worst
        .iter()
        .map(|one| format!("{}: {}", one.title, one.why.as_deref().unwrap_or_default()))
        .collect();
    // The first of each mends it; the others are the doctor's to show.
    let mut remedies: Vec<Remedy> = Vec::new();
    for remedy in worst.iter().filter_map(|one| one.remedies.first()) {
        if !remedies.contains(remedy) {
            remedies.push(remedy.clone());
        }
    }
    remedies
        .push(Remedy::advice("startline doctor, with the same options, shows every limit and every remedy"));
    check.but(verdict, why.join("; "), remedies)
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

    #[test]
    fn the_worst_findings_are_told_and_each_remedy_once() {
        let check = check(&report(&[Verdict::Ok, Verdict::Warn, Verdict::Refuse, Verdict::Refuse]));
        assert_eq!(check.verdict, Verdict::Fail);
        assert_eq!(check.reading.text, "limits: 1 ok, 1 to be warned of, 2 in the way");
        assert_eq!(check.why.as_deref(), Some("a limit: too small; a limit: too small"));
        assert_eq!(check.remedies.len(), 2);
    }

    #[test]
    fn what_is_well_or_unknown_stops_nobody() {
        let check = check(&report(&[Verdict::Ok, Verdict::Unknown]));
        assert_eq!((check.verdict, check.why), (Verdict::Ok, None));
        assert_eq!(check.reading.text, "limits: 1 ok, 1 unknown");
        assert_eq!(super::check(&report(&[Verdict::Warn])).verdict, Verdict::Warn);
    }
}
