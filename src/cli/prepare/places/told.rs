//! What became of everyone, as it is told at the end, and the exit status that it means.
//!
//! Invariant: whoever has not got what was asked for is told why, and how to go on.

use std::io::{self, Write};
use std::path::Path;

use super::super::super::{ExitStatus, tell};
use super::super::shell::quoted;
use super::rounds::End;
use super::step::Step;
use crate::prepare::meaning;
use crate::prepare::places::{Outcome, Places};
use crate::units::grouped;

/// The order in which outcomes are told.
const ORDER: [Outcome; 7] = [
    Outcome::Done,
    Outcome::Already,
    Outcome::Elsewhere,
    Outcome::Refused,
    Outcome::Failed,
    Outcome::Unclear,
    Outcome::Pending,
];

/// Tells what became of everyone. `options` are those of the command but for its members.
pub fn tell_end(step: Step, options: &str, path: &Path, places: &Places, end: &End) -> ExitStatus {
    // Whoever has stopped reading has the file, and the exit status.
    let _ = io::stdout().write_all(table(step, path, places).as_bytes());
    let file = path.display().to_string();
    let again = format!("startline prepare {} {options} --resume {}", step.key(), quoted(&file));
    match end {
        // A signal that comes when everyone is through stops nothing.
        _ if places.settled() == places.rows().len() => return ExitStatus::Passed,
        End::Over => {}
        End::Stopped(why) => tell(&format!("{}{why}", what_was_left(places))),
        End::Broken(why) => {
            tell(&format!("stopped early: {why}"));
            tell(&format!("  go on with: {again}"));
            return ExitStatus::Inconclusive;
        }
    }
    for remedy in remedies(places) {
        tell(&format!("  {remedy}"));
    }
    tell(&format!("  then: {again}"));
    ExitStatus::Failed
}

/// What a reason that holds for everyone has kept from happening.
fn what_was_left(places: &Places) -> &'static str {
    match (places.count(Outcome::Pending), places.count(Outcome::Failed)) {
        (0, 0) => "",
        (0, _) => "who failed was not tried again: ",
        _ => "the rest was not tried: ",
    }
}

/// What mends what there is, each once.
fn remedies(places: &Places) -> Vec<&'static str> {
    let outcomes = [Outcome::Elsewhere, Outcome::Refused, Outcome::Failed];
    let reasons = outcomes.into_iter().flat_map(|outcome| places.reasons(outcome));
    let mut remedies: Vec<&str> = Vec::new();
    for remedy in reasons.filter_map(|(reason, _)| meaning::remedy(reason)) {
        if !remedies.contains(&remedy) {
            remedies.push(remedy);
        }
    }
    remedies
}

fn table(step: Step, path: &Path, places: &Places) -> String {
    let rows = places.rows();
    let challenge = rows.first().map_or(0, |row| row.challenge);
    let mut text = format!("{} members of challenge {challenge}:\n", grouped(rows.len() as u64));
    for outcome in ORDER.into_iter().filter(|outcome| places.count(*outcome) > 0) {
        let reasons = places.reasons(outcome);
        let reasons: Vec<String> = reasons
            .iter()
            .filter(|(reason, _)| !reason.is_empty() && !outcome.is_settled())
            .map(|(reason, count)| format!("{} {reason}", grouped(*count as u64)))
            .collect();
        let count = grouped(places.count(outcome) as u64);
        let line = format!("  {count:>9}  {:<24}  {}", step.words(outcome), reasons.join(", "));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str(&format!("What became of each: {}\n", path.display()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_after_the_last_member_stops_nothing() {
        let mut places = Places::of([(13, 38), (14, 38)]);
        let told = |places: &Places| {
            tell_end(Step::Join, "", Path::new("o.csv"), places, &End::Broken("interrupted".into()))
        };
        places.set(0, Outcome::Done, "");
        assert_eq!(told(&places), ExitStatus::Inconclusive);
        places.set(1, Outcome::Already, "");
        assert_eq!(told(&places), ExitStatus::Passed);
    }

    #[test]
    fn only_who_is_left_was_not_tried() {
        let mut places = Places::of([(13, 38), (14, 38)]);
        places.set(0, Outcome::Refused, "CHALLENGE_PASSWORD_MISMATCH");
        assert_eq!(what_was_left(&places), "the rest was not tried: ");
        places.set(1, Outcome::Failed, "http-503");
        assert_eq!(what_was_left(&places), "who failed was not tried again: ");
        places.set(1, Outcome::Refused, "CHALLENGE_PASSWORD_MISMATCH");
        assert_eq!(what_was_left(&places), "");
    }

    #[test]
    fn a_table_has_what_there_is_and_why() {
        let mut places = Places::of((1..=4).map(|member| (member, 38)));
        places.set(0, Outcome::Done, "");
        places.set(1, Outcome::Already, "CHALLENGE_NOT_JOINED");
        places.set(2, Outcome::Refused, "MEMBER_NOT_FOUND");
        assert_eq!(
            table(Step::Leave, Path::new("o.csv"), &places),
            "4 members of challenge 38:
          1  left
          1  not in it
          1  refused                   1 MEMBER_NOT_FOUND
          1  not tried
What became of each: o.csv\n"
        );
    }
}
