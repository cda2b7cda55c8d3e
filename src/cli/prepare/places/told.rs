//! What became of everyone, as it is told at the end, and the exit status that it means.
//!
//! Invariant: whoever has not got what was asked for is told why, and how to go on.

use std::path::Path;

use super::super::super::{ExitStatus, tell};
use super::super::printed;
use super::super::shell::quoted;
use super::rounds::End;
use super::step::Step;
use crate::prepare::meaning;
use crate::prepare::places::{Outcome, Places};
use crate::units::{counted, grouped};

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

/// The command that was typed.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'t> {
    /// What it did.
    pub step: Step,
    /// Its options but for challenge, members and file.
    pub options: &'t str,
    /// Its members; none where a file was taken up.
    pub members: &'t [String],
}

impl Typed<'_> {
    /// The same for those who are in a file of outcomes.
    fn resumed(&self, path: &Path) -> String {
        let file = path.display().to_string();
        format!("startline prepare {} {} --resume {}", self.step.key(), self.options, quoted(&file))
    }

    /// The same about a challenge that has yet to be made.
    fn of_another(&self) -> String {
        let mut members: Vec<String> =
            self.members.iter().map(|spec| format!(" --members {}", quoted(spec))).collect();
        if members.is_empty() {
            members.push(" --members MEMBERS".to_owned());
        }
        format!("startline prepare {} {} --challenge NEW{}", self.step.key(), self.options, members.concat())
    }
}

/// Tells what became of everyone.
pub fn tell_end(typed: &Typed<'_>, path: &Path, places: &Places, end: &End) -> ExitStatus {
    // The file has it as well.
    printed::print("warning", &table(typed.step, path, places));
    let again = typed.resumed(path);
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
    // A file of outcomes stays with its challenge.
    let is_over =
        places.reasons(Outcome::Refused).iter().any(|(reason, _)| meaning::is_of_the_challenge(reason));
    let next = if is_over && typed.step == Step::Join { typed.of_another() } else { again };
    tell(&format!("  then: {next}"));
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
    let mut text = format!("{} of challenge {challenge}:\n", counted(rows.len() as u64, "member", "members"));
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
            let typed = Typed { step: Step::Join, options: "", members: &[] };
            tell_end(&typed, Path::new("o.csv"), places, &End::Broken("interrupted".into()))
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
    fn what_goes_on_is_typed_again() {
        let members = ["13-20".to_owned(), "my members.csv".to_owned()];
        let typed = Typed { step: Step::Join, options: "--target http://t", members: &members };
        assert_eq!(
            typed.of_another(),
            "startline prepare join --target http://t --challenge NEW --members 13-20 --members 'my members.csv'"
        );
        assert_eq!(
            typed.resumed(Path::new("o.csv")),
            "startline prepare join --target http://t --resume o.csv"
        );
        assert!(Typed { members: &[], ..typed }.of_another().ends_with("--challenge NEW --members MEMBERS"));
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
