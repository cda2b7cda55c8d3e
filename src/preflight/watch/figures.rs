//! Checks whether the figures that a run will read from a source are there.

use crate::checks::{Check, Figure, Fix, Verdict};
use crate::watch::{Item, Unseen};

const ID: &str = "watch-figures";
/// Reasons shown at most.
const REASONS_MAX: usize = 5;

/// The check, if it was not made.
pub fn skipped(name: &str, items: &[Item], cause: &str) -> Check {
    Check::skipped(ID, title(name), need(items), cause)
}

fn title(name: &str) -> String {
    format!("{name}: figures")
}

fn need(items: &[Item]) -> Figure {
    Figure::words(format!("{} that a run will read", items.len()))
}

/// Judges one look at them. What takes a second look is there.
pub fn check(name: &str, items: &[Item], values: &[Result<f64, Unseen>]) -> Check {
    let missing: Vec<(&Item, &Unseen)> = items
        .iter()
        .zip(values)
        .filter_map(|(item, value)| Some((item, value.as_ref().err().filter(|why| !why.is_early)?)))
        .collect();
    let seen = items.len() - missing.len();
    let reading = Figure::new(seen as u64, "figures", format!("{seen} of {} figures seen", items.len()));
    let check = Check::ok(ID, title(name), reading, need(items));
    if missing.is_empty() {
        return check;
    }
    let mut groups: Vec<(Vec<&str>, &Unseen)> = Vec::new();
    for (item, why) in &missing {
        match groups.iter_mut().find(|(_, known)| known == why) {
            Some((names, _)) => names.push(&item.name),
            None => groups.push((vec![&item.name], why)),
        }
    }
    let reason = |(names, why): &(Vec<&str>, &Unseen)| format!("{}: {}", names.join(", "), why.why);
    let mut reasons: Vec<String> = groups.iter().take(REASONS_MAX).map(reason).collect();
    if let more @ 1.. = groups.iter().skip(REASONS_MAX).map(|(names, _)| names.len()).sum::<usize>() {
        reasons.push(format!("and {more} more"));
    }
    let mut fixes: Vec<String> =
        missing.iter().map(|(_, why)| why.fix.to_string()).filter(|fix| !fix.is_empty()).collect();
    fixes.dedup();
    let fixes = fixes.into_iter().take(REASONS_MAX).map(Fix::advice).collect();
    check.but(Verdict::Warn, reasons.join("; "), fixes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::watch::{Judge, Limits};

    #[test]
    fn what_is_missing_is_named_with_its_fix() {
        let item = |name: &str| Item {
            name: name.into(),
            expression: "x".into(),
            unit: String::new(),
            judge: Judge::End,
            limits: Limits::default(),
            every: Duration::from_secs(5),
            requests: None,
        };
        let items = [item("CPU"), item("rate"), item("heap")];
        let values =
            [Ok(1.0), Err(Unseen::early("a rate takes two looks")), Err(Unseen::new("no heap", "add it"))];
        let judged = check("business", &items, &values);
        assert_eq!((judged.verdict, judged.reading.text.as_str()), (Verdict::Warn, "2 of 3 figures seen"));
        assert_eq!((judged.why.as_deref(), judged.fixes[0].text.as_str()), (Some("heap: no heap"), "add it"));
        assert_eq!(check("business", &items[..2], &values[..2]).verdict, Verdict::Ok);
    }
}
