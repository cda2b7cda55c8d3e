//! Prints each member's outcome and returns the exit status.
//!
//! Invariant: each kind of failure is printed with its reason and how to continue.

use std::path::Path;

use startline_os::units::{counted, grouped};

use crate::app::printed;
use crate::checks::table::{Column, Page, Table};
use crate::exit_status::ExitStatus;
use crate::interrupt::Interrupt;
use crate::prepare::answers::Answers;
use crate::prepare::meaning::{self, Fix};
use crate::prepare::places::{Outcome, Places};
use crate::prepare::rounds::{End, Played};
use crate::prepare::step::Step;
use crate::shell::quoted;
use crate::terminal::tell;

/// The order in which outcomes are printed.
const ORDER: [Outcome; 7] = [
    Outcome::Done,
    Outcome::Already,
    Outcome::Elsewhere,
    Outcome::Refused,
    Outcome::Failed,
    Outcome::Unclear,
    Outcome::Pending,
];

/// The maximum number of reasons without a fix that are printed.
const LINES_MAX: usize = 5;

/// The command that was typed.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'t> {
    /// What it did.
    pub step: Step,
    /// Its options but for challenge, members and file.
    pub options: &'t str,
    /// Those of them that members who leave need.
    pub to_leave: &'t str,
    /// Its members, if they can be taken for another challenge as they are.
    pub members: &'t [String],
    /// Its members' files, if the scenario uses more of them than ids.
    pub with: &'t [String],
}

impl Typed<'_> {
    /// The same for those who are in a file of outcomes.
    fn resumed(&self, path: &Path) -> String {
        let file = path.display().to_string();
        let with = given(self.with);
        format!("startline prepare {} {} --resume {}{with}", self.step.key(), self.options, quoted(&file))
    }

    /// The same about a challenge that has yet to be made.
    fn of_another(&self) -> String {
        format!("startline prepare {} {} --challenge NEW{}", self.step.key(), self.options, self.members())
    }

    /// Has those in a file of outcomes leave its challenge.
    fn leave(&self, path: &Path) -> String {
        let members = if self.with.is_empty() { &[as_members(path)] } else { self.with };
        format!("startline prepare leave {}{}", self.to_leave, given(members))
    }

    /// Has the same members leave another challenge.
    fn leave_another(&self) -> String {
        format!("startline prepare leave {} --challenge OTHER{}", self.to_leave, self.members())
    }

    fn members(&self) -> String {
        match self.members {
            [] => " --members MEMBERS".to_owned(),
            members => given(members),
        }
    }
}

/// These members, as options.
fn given(members: &[String]) -> String {
    members.iter().map(|spec| format!(" --members {}", quoted(spec))).collect()
}

/// A file as `--members` takes it: some names could be taken for a range.
pub fn as_members(path: &Path) -> String {
    let name = path.display().to_string();
    if name.contains('/') { name } else { format!("./{name}") }
}

/// Prints every outcome.
pub fn print_end(
    interrupt: Option<&Interrupt>,
    typed: &Typed<'_>,
    path: &Path,
    played: &Played,
) -> ExitStatus {
    let page = Page::of(&std::io::stdout());
    // The file has it as well.
    let text = table(typed.step, path, &played.places, played.unwritten.is_none(), page);
    printed::print(interrupt, "warning", &text);
    let status = print_why(typed, path, played);
    let Some(error) = &played.unwritten else { return status };
    tell(&format!("error: {} is incomplete: it could not be written: {error}", path.display()));
    tell(&format!(
        "  make room on the disk, then get the rest from the server's list: {}",
        typed.resumed(path)
    ));
    ExitStatus::Inconclusive
}

/// Prints why not all members are done, and how to continue.
fn print_why(typed: &Typed<'_>, path: &Path, played: &Played) -> ExitStatus {
    let Played { places, end, answers, .. } = played;
    let again = typed.resumed(path);
    let stop = match end {
        // A signal that comes when all members are done stops nothing.
        _ if places.succeeded() == places.rows().len() => return ExitStatus::Passed,
        End::Over => None,
        End::Stopped(stop) => Some(stop),
        End::Broken(why) => {
            tell(&format!("stopped early: {why}"));
            tell(&format!("  continue with: {again}"));
            return ExitStatus::Inconclusive;
        }
    };
    let next = if needs_another(typed.step, places) { typed.of_another() } else { again };
    let mut lines = fixes(typed, path, places);
    lines.extend(unnamed(places, answers, stop.map(|stop| stop.reason.as_str())));
    let has_what_comes_first = stop.is_some() || !lines.is_empty();
    stop.iter().for_each(|stop| tell(&format!("{}{}", what_was_left(places), stop.text)));
    lines.iter().for_each(|line| tell(&format!("  {line}")));
    tell(&format!("  {}: {next}", if has_what_comes_first { "then" } else { "to retry" }));
    ExitStatus::Failed
}

/// Whether members can no longer join this challenge; its file of outcomes stays with it.
pub fn needs_another(step: Step, places: &Places) -> bool {
    let is_over = |(reason, _): &(&str, usize)| meaning::is_of_the_challenge(reason);
    step == Step::Join && places.reasons(Outcome::Refused).iter().any(is_over)
}

/// What a reason that holds for all members has prevented.
fn what_was_left(places: &Places) -> &'static str {
    match (places.count(Outcome::Pending), places.count(Outcome::Failed)) {
        (0, 0) => "",
        (0, _) => "failed members were not retried: ",
        _ => "the other members were not tried: ",
    }
}

/// The reasons of those who are not done, the most frequent first.
fn reasons(places: &Places) -> impl Iterator<Item = &str> {
    let outcomes = [Outcome::Elsewhere, Outcome::Refused, Outcome::Failed];
    outcomes.into_iter().flat_map(|outcome| places.reasons(outcome)).map(|(reason, _)| reason)
}

/// How to fix the failures, each fix once.
fn fixes(typed: &Typed<'_>, path: &Path, places: &Places) -> Vec<String> {
    let mut fixes: Vec<Fix> = Vec::new();
    for fix in reasons(places).filter_map(meaning::fix) {
        if !fixes.contains(&fix) {
            fixes.push(fix);
        }
    }
    fixes.into_iter().flat_map(|fix| lines(fix, typed, path, places.succeeded())).collect()
}

/// The lines of a fix, where `succeeded` members are done.
fn lines(fix: Fix, typed: &Typed<'_>, path: &Path, succeeded: usize) -> Vec<String> {
    let line = match fix {
        Fix::CreateMembers => "create these members: startline prepare members".to_owned(),
        Fix::LeaveTheOther => format!(
            "have them leave the other challenge, which they can until its startAt: {}",
            typed.leave_another()
        ),
        Fix::Create | Fix::LeaveAndCreate => {
            "create another challenge: startline prepare challenge".to_owned()
        }
        Fix::LeaveAndCreateLarger => {
            "create a larger challenge: startline prepare challenge --max-participants N".to_owned()
        }
        Fix::GivePassword => "give the challenge's password with --password".to_owned(),
        Fix::OnlyWaiting => "members can leave only while they are WAITING".to_owned(),
    };
    let are_in_the_way = matches!(fix, Fix::LeaveAndCreate | Fix::LeaveAndCreateLarger);
    if !are_in_the_way || succeeded == 0 {
        return vec![line];
    }
    let who = if succeeded == 1 {
        "the one member who is in it can be in no other".to_owned()
    } else {
        format!("the {} members who are in it can be in no other", grouped(succeeded as u64))
    };
    let leave =
        format!("{who} at that time until they leave, which they can until startAt: {}", typed.leave(path));
    vec![leave, line]
}

/// What was answered for reasons that have no fix, each once; `known` is a reason that has been printed.
fn unnamed<'p>(
    places: &'p Places,
    answers: &'p Answers,
    known: Option<&'p str>,
) -> impl Iterator<Item = String> + 'p {
    let mut told: Vec<&str> = known.into_iter().collect();
    let is_new = move |reason: &&'p str| {
        let is_new = !told.contains(reason);
        told.push(reason);
        is_new
    };
    let without = reasons(places).filter(|reason| meaning::fix(reason).is_none());
    without.filter(is_new).filter_map(|reason| answers.line(reason)).take(LINES_MAX)
}

fn table(step: Step, path: &Path, places: &Places, is_whole: bool, page: Page) -> String {
    let rows = places.rows();
    let challenge = rows.first().map_or(0, |row| row.challenge);
    let mut text = format!("{} of challenge {challenge}:\n", counted(rows.len() as u64, "member", "members"));
    let mut table = Table::new([Column::words(""), Column::number(""), Column::words(""), Column::words("")]);
    for outcome in ORDER.into_iter().filter(|outcome| places.count(*outcome) > 0) {
        let reasons = places.reasons(outcome);
        let reasons: Vec<String> = reasons
            .iter()
            .filter(|(reason, _)| !reason.is_empty() && !outcome.is_success())
            .map(|(reason, count)| format!("{} {reason}", grouped(*count as u64)))
            .collect();
        let count = grouped(places.count(outcome) as u64);
        table.row(None, ["".to_owned(), count, step.words(outcome).to_owned(), reasons.join(", ")]);
    }
    text += &table.text(page);
    text.push_str(&match is_whole {
        true => format!("All outcomes: {}\n", path.display()),
        false => format!("Some outcomes: {} (incomplete)\n", path.display()),
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::MemberName;

    fn typed_join<'t>(options: &'t str, members: &'t [String]) -> Typed<'t> {
        Typed { step: Step::Join, options, to_leave: "--target http://t", members, with: &[] }
    }

    fn played(places: &Places, unwritten: Option<std::io::Error>) -> Played {
        let end = End::Broken("interrupted".into());
        Played { places: places.clone(), end, answers: Answers::default(), short_of_rate: None, unwritten }
    }

    #[test]
    fn a_signal_after_the_last_member_stops_nothing() {
        let mut places = Places::of([13, 14].map(|id| (MemberName::Number(id), 38)));
        let told = |places: &Places| {
            let typed = typed_join("", &[]);
            print_end(None, &typed, Path::new("o.csv"), &played(places, None))
        };
        places.set(0, Outcome::Done, "");
        assert_eq!(told(&places), ExitStatus::Inconclusive);
        places.set(1, Outcome::Already, "");
        assert_eq!(told(&places), ExitStatus::Passed);
        let typed = typed_join("", &[]);
        let full = std::io::Error::from_raw_os_error(libc::ENOSPC);
        // All members are done, but the file does not say so.
        let told = print_end(None, &typed, Path::new("o.csv"), &played(&places, Some(full)));
        assert_eq!(told, ExitStatus::Inconclusive);
    }

    #[test]
    fn only_who_is_left_was_not_tried() {
        let mut places = Places::of([13, 14].map(|id| (MemberName::Number(id), 38)));
        places.set(0, Outcome::Refused, "CHALLENGE_PASSWORD_MISMATCH");
        assert_eq!(what_was_left(&places), "the other members were not tried: ");
        places.set(1, Outcome::Failed, "http-503");
        assert_eq!(what_was_left(&places), "failed members were not retried: ");
        places.set(1, Outcome::Refused, "CHALLENGE_PASSWORD_MISMATCH");
        assert_eq!(what_was_left(&places), "");
    }

    #[test]
    fn what_goes_on_is_typed_again() {
        let members = ["13-20".to_owned(), "my members.csv".to_owned()];
        let typed = typed_join("--target http://t", &members);
        assert_eq!(
            typed.of_another(),
            "startline prepare join --target http://t --challenge NEW --members 13-20 --members 'my members.csv'"
        );
        assert_eq!(
            typed.resumed(Path::new("o.csv")),
            "startline prepare join --target http://t --resume o.csv"
        );
        let with = Typed { with: &members[1..], ..typed };
        assert_eq!(
            with.resumed(Path::new("o.csv")),
            "startline prepare join --target http://t --resume o.csv --members 'my members.csv'"
        );
        assert_eq!(
            with.leave(Path::new("o.csv")),
            "startline prepare leave --target http://t --members 'my members.csv'"
        );
        assert!(Typed { members: &[], ..typed }.of_another().ends_with("--challenge NEW --members MEMBERS"));
    }

    #[test]
    fn who_is_in_a_challenge_that_is_of_no_use_leaves_it_first() {
        let mut places = Places::of((1..=1_300).map(|id| (MemberName::Number(id), 38)));
        let members = ["1-1300".to_owned()];
        let typed = typed_join("--target http://t --password x", &members);
        let told = |places: &Places| fixes(&typed, Path::new("o.csv"), places);
        let create = "create another challenge: startline prepare challenge".to_owned();
        places.set(1_299, Outcome::Refused, "CHALLENGE_NOT_RECRUITING");
        assert_eq!(told(&places), std::slice::from_ref(&create));
        assert!(needs_another(Step::Join, &places));
        (0..1_200).for_each(|at| places.set(at, Outcome::Done, ""));
        let leave = "the 1,200 members who are in it can be in no other at that time until they leave, which they can until startAt: \
                     startline prepare leave --target http://t --members ./o.csv";
        assert_eq!(told(&places), [leave.to_owned(), create]);
        places.set(1_299, Outcome::Elsewhere, "CHALLENGE_TIME_OVERLAP");
        let leave = "have them leave the other challenge, which they can until its startAt: \
                     startline prepare leave --target http://t --challenge OTHER --members 1-1300";
        assert_eq!(told(&places), [leave]);
        assert!(!needs_another(Step::Join, &places));
    }

    #[test]
    fn reasons_without_a_name_are_told_in_the_servers_words() {
        let mut places = Places::of((1..=3).map(|id| (MemberName::Number(id), 38)));
        (0..2).for_each(|at| places.set(at, Outcome::Refused, "http-418"));
        places.set(2, Outcome::Refused, "MEMBER_NOT_FOUND");
        let mut answers = Answers::default();
        let fault = crate::fault::Fault::HttpStatus(418);
        answers.note("http-418", "join", fault, || Some("teapot".into()));
        let told: Vec<String> = unnamed(&places, &answers, None).collect();
        assert_eq!(told, ["join is refused with http-418 (teapot)"]);
        assert_eq!(unnamed(&places, &answers, Some("http-418")).count(), 0, "it has been printed");
    }

    #[test]
    fn a_table_has_what_there_is_and_why() {
        let mut places = Places::of((1..=4).map(|id| (MemberName::Number(id), 38)));
        places.set(0, Outcome::Done, "");
        places.set(1, Outcome::Already, "CHALLENGE_NOT_JOINED");
        places.set(2, Outcome::Refused, "MEMBER_NOT_FOUND");
        assert_eq!(
            table(Step::Leave, Path::new("o.csv"), &places, true, Page::PLAIN),
            "4 members of challenge 38:
  1  left
  1  not in it
  1  refused    1 MEMBER_NOT_FOUND
  1  not tried
All outcomes: o.csv\n"
        );
    }
}
