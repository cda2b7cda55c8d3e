//! How members join a challenge beforehand and leave it again: `[join]` and `[leave]`.
//!
//! Part of a scenario, run by sessions of their own: the steps up to the schedule's, then this one
//! request. Says what each refusal means for the member and for all others. Invariant: the request
//! uses only values that those steps take, and every error that is mentioned is one that answers
//! can have.

use super::document::Section;
use super::names::{ErrorNames, Moment, Unknown, Vocabulary};
use super::request::{self, HTTP_KEYS, Result, compiled};
use super::schedule::Schedule;
use super::template::Template;
use super::{HttpStep, NamedError, Scenario};
use crate::nearest;

const OWN_KEYS: [&str; 5] = ["private_body", "done", "look_up", "again", "stop"];

/// The keys of `[join]` and `[leave]`: a request's but its name, which is the section's, and their own.
pub(super) fn keys() -> Vec<&'static str> {
    HTTP_KEYS.iter().filter(|key| **key != "name").chain(&OWN_KEYS).copied().collect()
}

/// One request that takes a place, or gives it up.
#[derive(Clone, Debug)]
pub struct Place {
    /// The request, after the steps before it.
    pub step: HttpStep,
    /// Its body where the place is behind a password, which is the variable that it uses.
    pub private_body: Option<Template>,
    /// What refusals mean, by index of the error's name.
    refusals: Vec<(u8, Refusal)>,
}

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What was asked for is so already.
    Done,
    /// It may be so already: the list of participants shows it.
    LookUp,
    /// It may well work later.
    Again,
    /// Nobody else would fare better.
    Stop,
    /// This member will fare no better later.
    Final,
}

impl Place {
    /// What the refusal of this name means; final where the scenario says nothing.
    pub fn meaning(&self, error: u8) -> Refusal {
        let known = self.refusals.iter().find(|(known, _)| *known == error);
        known.map_or(Refusal::Final, |(_, meaning)| *meaning)
    }
}

impl Scenario {
    /// A scenario of the schedule's steps and then this request, without a WebSocket and without
    /// criteria. Nothing is sent twice: a request whose answer is lost may have taken effect, and
    /// whoever sends it again counts that (RFC 9110, 9.2.2).
    pub fn for_place(&self, place: &Place, is_private: bool) -> Self {
        let steps = self.schedule.as_ref().map_or(0, |schedule| schedule.steps);
        let mut step = place.step.clone();
        if is_private {
            step.body = place.private_body.clone().or(step.body);
        }
        let mut http = self.http[..steps].to_vec();
        http.push(step);
        Self { http, sends_once: true, websocket: None, criteria: Vec::new(), ..self.clone() }
    }
}

/// The section of this name, which is also its step's.
pub(super) fn compile(
    root: &Section<'_>,
    key: &'static str,
    (http, schedule): (&[HttpStep], Option<&Schedule>),
    vocabulary: &Vocabulary,
    shared: &[NamedError],
    errors: &mut ErrorNames,
) -> Result<Option<Place>> {
    let title = format!("[{key}]");
    let Some(section) = root.section(key, &title, &keys())? else { return Ok(None) };
    let Some(schedule) = schedule else {
        return Err(
            section.own_error("it follows the steps that [schedule] is after, and there is no [schedule]")
        );
    };
    let mut taken = vec![false; vocabulary.values.len()];
    for take in http[..schedule.steps].iter().flat_map(|step| &step.take) {
        taken[usize::from(take.value)] = true;
    }
    let step = request::compile(&section, key.to_owned(), vocabulary, &taken, shared, errors)?;
    if http[..schedule.steps].iter().any(|other| other.name == step.name) {
        return Err(section.own_error(format!("there is an [[http]] step \"{key}\" before it")));
    }
    let private_body = match section.text("private_body")? {
        Some(text) => {
            let moment = Moment::Request { step: key, taken: &taken };
            Some(compiled(&section, "private_body", &text, vocabulary, moment, Unknown::Text)?)
        }
        None => None,
    };
    Ok(Some(Place { refusals: refusals(&section, &step, errors)?, step, private_body }))
}

fn refusals(section: &Section<'_>, step: &HttpStep, errors: &ErrorNames) -> Result<Vec<(u8, Refusal)>> {
    let meanings = [
        ("done", Refusal::Done),
        ("look_up", Refusal::LookUp),
        ("again", Refusal::Again),
        ("stop", Refusal::Stop),
    ];
    let mut refusals: Vec<(u8, Refusal)> = Vec::new();
    for (key, meaning) in meanings {
        let Some(text) = section.text(key)? else { continue };
        for name in text.value.split_whitespace() {
            let known =
                errors.names.position(name).filter(|index| step.errors.iter().any(|it| it.error == *index));
            let Some(index) = known else {
                let names: Vec<&str> = errors.names.iter().collect();
                let message =
                    format!("no [[errors]] entry is named \"{name}\"{}", nearest::hint(name, &names));
                return Err(section.error(key, text.span, message));
            };
            if refusals.iter().any(|(other, _)| *other == index) {
                return Err(section.error(key, text.span, format!("\"{name}\" is mentioned twice")));
            }
            refusals.push((index, meaning));
        }
    }
    Ok(refusals)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"
        name = "x"
        [[errors]]
        name = "FULL"
        status = 403
        [[errors]]
        name = "THERE"
        status = 409
        [[errors]]
        name = "BUSY"
        status = 503
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

    const SCHEDULE: &str = r#"
        [schedule]
        after = "login"
        path = "/c"
        status = "/s"
        starts_at = "/a"
        ends_at = "/b"
    "#;

    fn scenario(rest: &str) -> std::result::Result<Scenario, String> {
        Scenario::compile("x.toml", &format!("{HEAD}{rest}"), &[]).map_err(|error| error.to_string())
    }

    fn with_join(join: &str) -> std::result::Result<Scenario, String> {
        scenario(&format!("{SCHEDULE}[join]\nmethod = \"POST\"\npath = \"/c/{{challenge_id}}\"\n{join}"))
    }

    #[test]
    fn refusals_mean_what_is_said_and_else_the_end() {
        let scenario = with_join("expect = 201\nlook_up = \"THERE\"\nstop = \"FULL\"").expect("it compiles");
        let join = scenario.join.as_ref().expect("it is there");
        let meaning = |name: &str| {
            let index = scenario.error_names.iter().position(|known| known == name).expect("a name");
            join.meaning(index as u8)
        };
        assert_eq!((meaning("FULL"), meaning("THERE")), (Refusal::Stop, Refusal::LookUp));
        assert_eq!(meaning("BUSY"), Refusal::Final);
    }

    #[test]
    fn its_sessions_log_in_and_take_the_place_and_no_more() {
        let scenario = with_join("headers = { Authorization = \"{token}\" }").expect("it compiles");
        let join = scenario.for_place(scenario.join.as_ref().expect("it is there"), false);
        assert_eq!(join.step_names(), ["login", "join"]);
        assert!(join.websocket.is_none() && join.criteria.is_empty());
        assert!(join.sends_once && !scenario.sends_once);
    }

    #[test]
    fn a_password_is_sent_where_there_is_one() {
        let join = "body = \"{}\"\nprivate_body = \"p={pass}\"\n[variables]\npass = \"\"";
        let scenario = with_join(join).expect("it compiles");
        let place = scenario.join.as_ref().expect("it is there");
        let literal = |is_private| {
            let body = scenario.for_place(place, is_private).http[1].body.clone().expect("a body");
            body.literal_start().to_vec()
        };
        assert_eq!(literal(true), b"p=");
        assert_ne!(literal(false), b"p=");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (rest, expected) in [
            ("[join]\nmethod = \"POST\"\npath = \"/c\"".to_owned(), "there is no [schedule]"),
            (format!("{SCHEDULE}[join]\nmethod = \"POST\"\npath = \"/{{ticket}}\""), "before it is taken"),
            (
                format!("{SCHEDULE}[join]\nmethod = \"POST\"\npath = \"/\"\nstop = \"FUL\""),
                "did you mean \"FULL\"?",
            ),
            (
                format!(
                    "{SCHEDULE}[join]\nmethod = \"POST\"\npath = \"/\"\nstop = \"FULL\"\nagain = \"FULL\""
                ),
                "twice",
            ),
            (
                format!("{SCHEDULE}[join]\nmethod = \"POST\"\npath = \"/\"\nname = \"x\""),
                "unknown key \"name\"",
            ),
        ] {
            let error = scenario(&rest).expect_err("it is wrong");
            assert!(error.contains(expected), "{error}");
        }
    }
}
