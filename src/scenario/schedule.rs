//! How a run asks its target, before it starts, when sessions may enter and until when they may
//! stay.
//!
//! Part of a scenario, but of no session: one member runs the steps up to a named one, then sends
//! this request. Invariant: the request uses only values that those steps take.

use super::HttpStep;
use super::document::{Section, Text};
use super::names::{Moment, Vocabulary};
use super::request::{Result, check_pointer, headers, request_path};
use super::runner::cm_of;
use super::template::Template;

pub(super) const KEYS: [&str; 10] = [
    "after",
    "path",
    "headers",
    "status",
    "starts_at",
    "ends_at",
    "created_at",
    "distance",
    "distances",
    "participants",
];
pub(super) const PARTICIPANT_KEYS: [&str; 7] =
    ["list", "member", "status", "may_enter", "may_return", "has_left", "room"];

/// The request for the schedule of a challenge.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// How many HTTP steps the asking member does first.
    pub steps: usize,
    /// Path and query of the GET.
    pub path: Template,
    /// Header fields besides Host.
    pub headers: Vec<(String, Template)>,
    /// RFC 6901 pointer to the status: RECRUITING, READY, RUNNING or DONE.
    pub status: String,
    /// Pointer to the instant (the server's local time, without a zone) by which everyone has to be
    /// in.
    pub starts_at: String,
    /// Pointer to the instant by which the hold has to be over.
    pub ends_at: String,
    /// Pointer to the instant at which it was made, where the answer has one.
    pub created_at: Option<String>,
    /// Where it says how far runners go, where the answer does.
    pub course: Option<Course>,
    /// Where those who have joined are listed.
    pub participants: Option<Participants>,
}

/// How far the runners of a challenge go.
#[derive(Clone, Debug)]
pub struct Course {
    /// RFC 6901 pointer to it: kilometres, or the name of a distance.
    pub at: String,
    /// The names, in centimetres.
    pub named: Vec<(String, u64)>,
}

impl Course {
    /// Returns how many centimetres this text says; none where it has no meaning here.
    pub fn cm(&self, said: &str) -> Option<u64> {
        let named = self.named.iter().find(|(name, _)| name == said);
        named.map(|(_, cm)| *cm).or_else(|| cm_of(said))
    }
}

/// The list of those who have joined.
#[derive(Clone, Debug)]
pub struct Participants {
    /// RFC 6901 pointer to the array.
    pub list: String,
    /// In each element, pointer to the member's id.
    pub member: String,
    /// In each element, pointer to the status.
    pub status: String,
    /// The statuses of those who have not been in yet and may enter.
    pub may_enter: Vec<String>,
    /// The statuses of those who have been in before and may come back.
    pub may_return: Vec<String>,
    /// The statuses of those who are listed and have no place any more.
    pub has_left: Vec<String>,
    /// RFC 6901 pointer to how many have room in it, those who have a place among them, where the
    /// answer says so.
    pub room: Option<String>,
}

pub(super) fn compile(
    root: &Section<'_>,
    http: &[HttpStep],
    vocabulary: &Vocabulary,
) -> Result<Option<Schedule>> {
    let Some(section) = root.section("schedule", "[schedule]", &KEYS)? else { return Ok(None) };
    let after = section.required_text("after")?;
    let Some(position) = http.iter().position(|step| step.name == after.value) else {
        let message = format!("there is no [[http]] step \"{}\"", after.value);
        return Err(section.error("after", after.span, message));
    };
    let mut taken = vec![false; vocabulary.values.len()];
    http[..=position]
        .iter()
        .flat_map(|step| &step.take)
        .for_each(|take| taken[usize::from(take.value)] = true);
    let moment = Moment::Request { step: "schedule", taken: &taken };
    Ok(Some(Schedule {
        steps: position + 1,
        path: request_path(&section, vocabulary, moment)?,
        headers: headers(&section, vocabulary, moment)?,
        status: pointer(&section, "status")?,
        starts_at: pointer(&section, "starts_at")?,
        ends_at: pointer(&section, "ends_at")?,
        created_at: section.has("created_at").then(|| pointer(&section, "created_at")).transpose()?,
        course: course(&section)?,
        participants: participants(&section)?,
    }))
}

fn course(schedule: &Section<'_>) -> Result<Option<Course>> {
    let named = schedule.pairs("distances", true)?;
    if !schedule.has("distance") {
        let without = "say with \"distance\" where the answer has one of them";
        return match named.first() {
            Some((name, _)) => Err(schedule.error("distances", name.span.clone(), without)),
            None => Ok(None),
        };
    }
    let in_cm = |(name, km): (Text<'_>, Text<'_>)| match cm_of(km.value) {
        Some(cm) => Ok((name.value.to_owned(), cm)),
        None => Err(schedule.error("distances", km.span, "it is not in kilometres, such as 5 or 21.0975")),
    };
    let named = named.into_iter().map(in_cm).collect::<Result<_>>()?;
    Ok(Some(Course { at: pointer(schedule, "distance")?, named }))
}

fn participants(schedule: &Section<'_>) -> Result<Option<Participants>> {
    let title = "[schedule.participants]";
    let Some(section) = schedule.section("participants", title, &PARTICIPANT_KEYS)? else { return Ok(None) };
    let them = Participants {
        list: pointer(&section, "list")?,
        member: pointer(&section, "member")?,
        status: pointer(&section, "status")?,
        may_enter: words(&section, "may_enter")?,
        may_return: words(&section, "may_return")?,
        has_left: if section.has("has_left") { words(&section, "has_left")? } else { Vec::new() },
        room: section.has("room").then(|| pointer(&section, "room")).transpose()?,
    };
    for (key, others) in [("may_enter", &them.may_enter), ("may_return", &them.may_return)] {
        if let Some(status) = them.has_left.iter().find(|status| others.contains(status)) {
            let span = section.required_text("has_left")?.span;
            let message = format!("\"{status}\" is in {key}, too: who has left has no place to enter");
            return Err(section.error("has_left", span, message));
        }
    }
    Ok(Some(them))
}

fn pointer(section: &Section<'_>, key: &str) -> Result<String> {
    let text = section.required_text(key)?;
    check_pointer(section, key, &text)?;
    Ok(text.value.to_owned())
}

/// Words separated by spaces.
fn words(section: &Section<'_>, key: &str) -> Result<Vec<String>> {
    Ok(section.required_text(key)?.value.split_whitespace().map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use crate::scenario::Scenario;

    const HEAD: &str = r#"
        name = "x"
        [[http]]
        name = "login"
        method = "GET"
        path = "/login"
        take = { token = "/t" }
        [[http]]
        name = "enter"
        method = "GET"
        path = "/enter"
        take = { ticket = "/t" }
    "#;

    fn compiled(schedule: &str) -> Result<Scenario, String> {
        Scenario::compile("x.toml", &format!("{HEAD}[schedule]\n{schedule}"), &[])
            .map_err(|error| error.to_string())
    }

    const REST: &str = "status = \"/s\"\nstarts_at = \"/a\"\nends_at = \"/b\"\n[schedule.participants]\nlist = \"/p\"\nmember = \"/id\"\nstatus = \"/s\"\nmay_enter = \"IN\"\nmay_return = \"OUT LOST\"\n";

    #[test]
    fn the_look_up_knows_what_its_steps_take() {
        let text = format!("after = \"login\"\npath = \"/c/{{challenge_id}}?t={{token}}\"\n{REST}");
        let schedule = compiled(&text).expect("it compiles").schedule.expect("it is there");
        assert_eq!(schedule.steps, 1);
        assert_eq!(schedule.participants.expect("they are there").may_return, ["OUT", "LOST"]);
    }

    #[test]
    fn the_look_up_does_not_know_what_later_steps_take() {
        let error = compiled(&format!("after = \"login\"\npath = \"/c/{{ticket}}\"\n{REST}")).unwrap_err();
        assert!(error.contains("{ticket} is used in the step \"schedule\" before it is taken"), "{error}");
    }

    #[test]
    fn who_has_left_cannot_enter() {
        let text = format!("after = \"login\"\npath = \"/c\"\n{REST}has_left = ");
        let schedule =
            compiled(&format!("{text}\"GONE\"\n")).expect("it compiles").schedule.expect("it is there");
        assert_eq!(schedule.participants.expect("they are there").has_left, ["GONE"]);
        let error = compiled(&format!("{text}\"GONE LOST\"\n")).unwrap_err();
        assert!(error.contains("\"LOST\" is in may_return, too"), "{error}");
    }

    #[test]
    fn distances_have_names_or_are_kilometres() {
        let of = |keys: &str| compiled(&format!("after = \"login\"\npath = \"/c\"\n{keys}\n{REST}"));
        let scenario =
            of("distance = \"/d\"\ndistances = { FIVE = 5, HALF = 21.0975 }").expect("it compiles");
        let course = scenario.schedule.and_then(|it| it.course).expect("it is there");
        let said = ["FIVE", "HALF", "7.5", "10", "FORTY"].map(|said| course.cm(said));
        assert_eq!(said, [Some(500_000), Some(2_109_750), Some(750_000), Some(1_000_000), None]);
        let error = of("distance = \"/d\"\ndistances = { FIVE = \"5 km\" }").unwrap_err();
        assert!(error.contains("not in kilometres"), "{error}");
        let error = of("distances = { FIVE = 5 }").unwrap_err();
        assert!(error.contains("say with \"distance\" where"), "{error}");
    }

    #[test]
    fn a_step_that_is_not_there_is_named() {
        let error = compiled(&format!("after = \"logon\"\npath = \"/c\"\n{REST}")).unwrap_err();
        assert!(error.contains("there is no [[http]] step \"logon\""), "{error}");
    }
}
