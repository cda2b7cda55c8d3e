//! The look-up before a run, and what else is asked around it: one member logs in and asks for the challenge, as the scenario's
//! `[schedule]` says.
//!
//! A few plain requests by a library, away from the load. Judges nothing: that is [`crate::plan::schedule`]'s.
//! Invariant: no step after the named one is played, so no member's place is used up.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::Value;

use crate::foreign;
use crate::interrupt::Interrupt;
use crate::members::{MemberName, Members, SessionNumber};
use crate::plan::Plan;
pub use crate::plan::schedule::Standing;
use startline_protocol::http::cookies::Jar;

use crate::plan::schedule::date_header;
use crate::scenario::HttpStep;
use crate::scenario::json::{Json, without_mark};
use crate::scenario::outside::says_who;
use crate::scenario::schedule::{Course, Participants, Schedule};
use crate::scenario::secrets::Held;
use crate::scenario::take::Body;
use crate::scenario::template::{Scope, Taken, Template};
use crate::session::{is_redirect, refusal};

/// Bytes of an answer read at most; a look-up lists every participant.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// The maximum number of characters of a server's own words.
const SAID_CHARS_MAX: usize = 300;

/// What the look-up says.
#[derive(Clone, Debug)]
pub struct LookedUp {
    /// The status, as the server names it.
    pub status: String,
    /// The deadline of first entries, in the server's local time.
    pub starts_at: String,
    /// The hold's deadline, in the server's local time.
    pub ends_at: String,
    /// When it was made, in the server's local time, if the scenario says where that is.
    pub created_at: Option<String>,
    /// How far it is, in centimetres, if the scenario says where that is and what it means.
    pub course_cm: Option<u64>,
    /// The server's clock.
    pub server_now: Timestamp,
    /// How many of the plan's members can enter, if the scenario says where they are listed.
    pub standing: Option<Standing>,
    /// The status of each listed member.
    pub listed: Option<HashMap<MemberName, String>>,
    /// How many members it takes, those who are listed included, if the scenario says where that is.
    pub room: Option<u64>,
}

/// Looks the challenge up as the first member of a plan, however long that takes.
fn look_up(plan: &Plan, schedule: &Schedule, agent: &ureq::Agent) -> Result<LookedUp> {
    Asker::log_in(plan, schedule, agent, 0)?.look_up()
}

/// Looks the challenge up as the first member of a plan; `None` at once if a signal asks for the end.
///
/// # Errors
/// When the target cannot be reached or does not answer as the scenario says, naming the request.
pub fn look_up_heard(
    plan: &Plan,
    schedule: &Schedule,
    agent: &ureq::Agent,
    interrupt: &Interrupt,
) -> Result<Option<LookedUp>> {
    // A request ends only with its answer or its timeout, so it is left to itself once no one waits for it.
    let (plan, schedule, agent) = (plan.clone(), schedule.clone(), agent.clone());
    interrupt.or(Duration::ZERO, move || look_up(&plan, &schedule, &agent))?.transpose()
}

/// A member of a plan who has logged in.
pub struct Asker<'p> {
    agent: &'p ureq::Agent,
    base: String,
    plan: &'p Plan,
    schedule: &'p Schedule,
    member: SessionNumber,
    taken: Vec<String>,
    cookies: Jar,
    server_now: Option<Timestamp>,
}

impl LookedUp {
    /// Returns how many more members it takes, if that and the list are known.
    pub fn places_left(&self) -> Option<u64> {
        Some(self.room?.saturating_sub(self.listed.as_ref()?.len() as u64))
    }
}

impl<'p> Asker<'p> {
    /// Has the plan's member of this index do the steps before the look-up.
    ///
    /// # Errors
    /// It cannot be asked, or what it answered is inside.
    pub fn log_in(
        plan: &'p Plan,
        schedule: &'p Schedule,
        agent: &'p ureq::Agent,
        member: u32,
    ) -> Result<Self> {
        let base = plan.target.url();
        let taken = vec![String::new(); plan.scenario.takes];
        let cookies = Jar::default();
        let member = SessionNumber(member);
        let mut asker = Self { agent, base, plan, schedule, member, taken, cookies, server_now: None };
        for step in &plan.scenario.http[..schedule.steps] {
            asker.play(step)?;
        }
        Ok(asker)
    }

    /// The server's clock as the last of those steps was answered, if it said.
    pub fn server_now(&self) -> Option<Timestamp> {
        self.server_now
    }

    /// The challenge that is looked up.
    pub fn challenge(&self) -> u64 {
        self.plan.members.challenge(self.member)
    }

    /// Sends JSON with the header fields of the look-up, which say who is asking. A status is an answer, not an error.
    ///
    /// # Errors
    /// There was no answer.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Result<Answer> {
        let mut headers = self.headers(&self.schedule.headers);
        headers.push(("Content-Type", "application/json".to_owned()));
        let path = Path { sent: path.to_owned(), shown: path.to_owned() };
        self.request(method, path, headers, &body.to_string(), None)
    }

    fn play(&mut self, step: &HttpStep) -> Result<()> {
        let answer = self.answer_of(step)?;
        if !step.expect.contains(&answer.status) {
            let scenario = &*self.plan.scenario;
            let name = refusal(scenario, step, (answer.status, answer.took), answer.body.as_bytes());
            let name = name.key(scenario);
            return Err(answer.unexpected(Some(name)));
        }
        self.server_now = answer.date;
        if self.plan.scenario.cookies {
            let now_s = Timestamp::now().as_second();
            answer.headers("Set-Cookie").iter().for_each(|field| self.cookies.set(field, now_s));
        }
        let body = Body { text: answer.body.as_bytes(), json: Json::read(answer.body.as_bytes()) };
        for take in &step.take {
            let name = &self.plan.scenario.value_names[usize::from(take.value)];
            let value = take
                .from
                .text(body, &|name| answer.headers(name))
                .ok_or_else(|| answer.lacking(format!("{name} ({})", take.from)))?;
            self.taken[usize::from(take.value)] = value;
        }
        Ok(())
    }

    /// The step's answer, after the redirects that it follows.
    fn answer_of(&self, step: &HttpStep) -> Result<Answer> {
        let (mut method, mut path) = (step.method.as_str(), self.path(&step.path));
        let mut headers = self.headers(&step.headers);
        let mut body = step.body.as_ref().map(|body| self.text(body)).unwrap_or_default();
        for _ in 0..step.follow {
            let answer = self.request(method, path.clone(), headers.clone(), &body, Some(step))?;
            let location = answer.headers("Location").into_iter().next();
            let Some(location) = location.filter(|_| is_redirect(step, answer.status)) else {
                return Ok(answer);
            };
            let from = url::Url::parse(&self.url(&path.sent)).context("the request's URL")?;
            let to =
                from.join(&location).with_context(|| format!("cannot follow the redirect to {location}"))?;
            if to.origin() != from.origin() {
                headers.retain(|(name, _)| !says_who(name));
            }
            if answer.status <= 303 && method != "HEAD" {
                (method, body) = ("GET", String::new());
            }
            path = Path { sent: to.to_string(), shown: to.to_string() };
        }
        self.request(method, path, headers, &body, Some(step))
    }

    /// The URL of a path, or of what a server returned in its place.
    fn url(&self, path: &str) -> String {
        if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() }
    }

    /// Whether a URL leads to the target's host or to one that may be used besides.
    fn is_allowed(&self, url: &str) -> bool {
        let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_ascii_lowercase));
        let allowed = self.plan.settings.allow_hosts.iter().chain([&self.plan.target.host]);
        host.is_some_and(|host| allowed.into_iter().any(|known| known.eq_ignore_ascii_case(&host)))
    }

    /// Looks up.
    ///
    /// # Errors
    /// It cannot be asked, or what it answered is inside.
    pub fn look_up(&self) -> Result<LookedUp> {
        let schedule = self.schedule;
        let path = self.path(&schedule.path);
        let answer = self.request("GET", path, self.headers(&schedule.headers), "", None)?;
        if answer.status != 200 {
            return Err(answer.unexpected(None));
        }
        let text = |pointer: &str| {
            let value = answer.json.pointer(pointer).and_then(Value::as_str);
            value.map(String::from).ok_or_else(|| answer.lacking(pointer.to_owned()))
        };
        let listed =
            schedule.participants.as_ref().and_then(|them| listed(&self.plan.members, them, &answer.json));
        Ok(LookedUp {
            status: text(&schedule.status)?,
            starts_at: text(&schedule.starts_at)?,
            ends_at: text(&schedule.ends_at)?,
            created_at: schedule.created_at.as_deref().and_then(|pointer| text(pointer).ok()),
            course_cm: schedule.course.as_ref().and_then(|course| course_cm(course, &answer.json)),
            // A server without a Date header shares our clock, for all we know.
            server_now: answer.date.unwrap_or_else(Timestamp::now),
            standing: schedule
                .participants
                .as_ref()
                .zip(listed.as_ref())
                .map(|(them, listed)| standing(self.plan, them, listed)),
            listed,
            room: schedule.participants.as_ref().and_then(|them| room(them, &answer.json)),
        })
    }

    /// Asks; `step` is the one that this is, which says what in its answer is secret.
    fn request(
        &self,
        method: &str,
        path: Path,
        headers: Vec<(&str, String)>,
        body: &str,
        step: Option<&HttpStep>,
    ) -> Result<Answer> {
        let (url, sent) = (self.url(&path.shown), self.url(&path.sent));
        if !self.is_allowed(&sent) {
            bail!("the server sent the request to another host ({url}): allow it with --allow-host");
        }
        let mut request = ureq::http::Request::builder().method(method).uri(&sent);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let is_home = sent.starts_with(&self.base);
        if let Some(cookies) = self.cookies.field_value().filter(|_| is_home) {
            request = request.header("Cookie", cookies);
        }
        let asked = Instant::now();
        let request = request.body(body.to_owned()).with_context(|| format!("no answer to {url}"))?;
        let mut answer = self.agent.run(request).with_context(|| format!("no answer to {method} {url}"))?;
        let headers = answer.headers().clone();
        let date = headers.get("date").and_then(|date| date.to_str().ok()).and_then(date_header);
        let body = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_string()
            .with_context(|| format!("cannot read the answer of {method} {url}"))?;
        let json = serde_json::from_slice(without_mark(body.as_bytes())).unwrap_or(Value::Null);
        let status = answer.status().as_u16();
        let took = asked.elapsed();
        let cookies = self.cookies.field_value();
        let row = Some((&*self.plan.members, self.member));
        let held = Held { taken: &self.taken, cookies: cookies.as_deref(), row };
        let shown = match self.plan.scenario.secrets.redacted(body.as_bytes(), held, step) {
            Cow::Borrowed(_) => None,
            Cow::Owned(shown) => Some(String::from_utf8_lossy(&shown).into_owned()),
        };
        Ok(Answer { url: format!("{method} {url}"), status, headers, date, took, json, body, shown })
    }

    fn path(&self, template: &Template) -> Path {
        Path { sent: self.text(template), shown: self.text(&self.plan.scenario.secrets.shown(template)) }
    }

    fn headers<'t>(&self, headers: &'t [(String, Template)]) -> Vec<(&'t str, String)> {
        headers.iter().map(|(name, value)| (name.as_str(), self.text(value))).collect()
    }

    fn text(&self, template: &Template) -> String {
        let scope = Scope {
            member_id: self.plan.members.id(self.member),
            challenge_id: self.plan.members.challenge(self.member),
            session: self.member,
            now_ms: Timestamp::now().as_millisecond().unsigned_abs(),
            held_ms: 0,
            sequence: 0,
            interval_ms: 0,
            taken: Taken::All(&self.taken),
            members: Some(&self.plan.members),
            seed: self.plan.settings.seed,
        };
        let mut out = Vec::new();
        template.render(&scope, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// The path and query of a request, or its URL.
#[derive(Clone)]
struct Path {
    sent: String,
    /// With its secrets shown by their names.
    shown: String,
}

/// The listed members and their statuses; `None` when the answer has no list.
fn listed(members: &Members, them: &Participants, answer: &Value) -> Option<HashMap<MemberName, String>> {
    let list = answer.pointer(&them.list)?.as_array()?;
    let one = |one: &Value| {
        let status = one.pointer(&them.status).and_then(Value::as_str).unwrap_or_default();
        let id = match one.pointer(&them.member)? {
            Value::String(id) => id.clone(),
            id => id.as_u64()?.to_string(),
        };
        // One that is not the plan's takes a place as well.
        Some((members.name_in(&id), status.to_owned()))
    };
    let has_place = |(_, status): &(MemberName, String)| !them.has_left.contains(status);
    Some(list.iter().filter_map(one).filter(has_place).collect())
}

/// Returns how far runners go by the answer; `None` when the answer does not say it in a way known here.
fn course_cm(course: &Course, answer: &Value) -> Option<u64> {
    match answer.pointer(&course.at)? {
        Value::String(said) => course.cm(said),
        Value::Number(km) => course.cm(&km.to_string()),
        _ => None,
    }
}

/// Returns how many members it takes by the answer; `None` when the answer does not say.
fn room(them: &Participants, answer: &Value) -> Option<u64> {
    answer.pointer(them.room.as_ref()?)?.as_u64()
}

/// How many of the plan's members can enter.
fn standing(plan: &Plan, them: &Participants, listed: &HashMap<MemberName, String>) -> Standing {
    let mut standing = Standing { absent: plan.sessions(), ..Standing::default() };
    for (member, status) in listed {
        if plan.members.session_of(member).is_none_or(|index| index.0 >= plan.sessions()) {
            continue;
        }
        let is_one_of = |statuses: &[String]| statuses.iter().any(|known| known == status);
        *if is_one_of(&them.may_enter) {
            &mut standing.first
        } else if is_one_of(&them.may_return) {
            &mut standing.may_return
        } else {
            &mut standing.barred
        } += 1;
        standing.absent = standing.absent.saturating_sub(1);
    }
    standing
}

/// The server answered, but not as expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url} answered {status}: {said}")]
pub struct Unexpected {
    /// The request.
    pub url: String,
    /// The HTTP status.
    pub status: u16,
    /// What the server said.
    pub said: String,
    /// The scenario's name for it, if a step of the scenario was answered so.
    pub name: Option<String>,
}

/// The server answered as expected, but without a value that the scenario takes from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url} answered without {what}: {said}")]
pub struct Lacking {
    /// The request.
    pub url: String,
    /// What is not there.
    pub what: String,
    /// What the server said.
    pub said: String,
}

/// What a server answered.
pub struct Answer {
    /// The request, for errors.
    pub url: String,
    /// The HTTP status.
    pub status: u16,
    headers: ureq::http::HeaderMap,
    /// The server's clock, if it says.
    pub date: Option<Timestamp>,
    took: Duration,
    /// The body; null if it is not JSON.
    pub json: Value,
    body: String,
    /// The body with its secrets shown by their names, if it has any.
    shown: Option<String>,
}

impl Answer {
    /// All values of a header field that are text.
    fn headers(&self, name: &str) -> Vec<String> {
        self.headers.get_all(name).iter().filter_map(|value| Some(value.to_str().ok()?.to_owned())).collect()
    }

    /// This answer as an error, with the scenario's name for it.
    pub fn unexpected(&self, name: Option<String>) -> anyhow::Error {
        Unexpected { url: self.url.clone(), status: self.status, said: self.said(), name }.into()
    }

    fn lacking(&self, what: String) -> anyhow::Error {
        Lacking { url: self.url.clone(), what, said: self.said() }.into()
    }

    /// What the server said, in a few words that no terminal obeys: the envelope's message if there is one.
    pub fn said(&self) -> String {
        let body = self.shown.as_ref().unwrap_or(&self.body);
        let json: Cow<'_, Value> = match &self.shown {
            None => Cow::Borrowed(&self.json),
            Some(shown) => Cow::Owned(serde_json::from_str(shown).unwrap_or(Value::Null)),
        };
        let message = json.pointer("/message").and_then(Value::as_str);
        let text = message.unwrap_or(if body.is_empty() { "an empty body" } else { body });
        foreign::line(text, SAID_CHARS_MAX)
    }
}

/// Whether the look-up itself, and not the login before it, found nothing.
pub fn is_gone(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Unexpected>().is_some_and(|it| it.status == 404 && it.name.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::MemberId;

    #[test]
    fn no_terminal_obeys_what_a_server_said() {
        let said = |body: &str| {
            let json = serde_json::from_str(body).unwrap_or(Value::Null);
            let (url, headers) = ("GET /".to_owned(), ureq::http::HeaderMap::new());
            Answer {
                url,
                status: 400,
                headers,
                date: None,
                took: Duration::ZERO,
                json,
                body: body.to_owned(),
                shown: None,
            }
            .said()
        };
        assert_eq!(said(r#"{"message":"\u001b[2J\u001b[31mEVIL\u0007\n"}"#), "[2J [31mEVIL");
        assert_eq!(said("<b>\x1b]0;evil\x07</b>"), "<b> ]0;evil </b>");
        assert_eq!(said(""), "an empty body");
    }

    #[test]
    fn who_has_left_is_not_in_the_list() {
        let text = |text: &str| text.to_owned();
        let them = Participants {
            list: text("/list"),
            member: text("/id"),
            status: text("/status"),
            may_enter: vec![text("WAITING")],
            may_return: Vec::new(),
            has_left: vec![text("LEFT")],
            room: None,
        };
        let answer = serde_json::json!({"list": [
            {"id": 13, "status": "WAITING"}, {"id": 14, "status": "LEFT"}, {"id": 15},
            // Came back: two rows.
            {"id": 16, "status": "WAITING"}, {"id": 16, "status": "LEFT"},
        ]});
        let expected = [(13, "WAITING"), (15, ""), (16, "WAITING")]
            .map(|(id, status)| (MemberName::Number(id), text(status)));
        let members = Members::range(MemberId(13), 9, 38);
        assert_eq!(listed(&members, &them, &answer), Some(HashMap::from(expected)));
        assert_eq!(listed(&members, &them, &serde_json::json!({"list": null})), None);
        let answer = serde_json::json!({"list": [{"id": "14", "status": "WAITING"}, {"id": "anna"}]});
        let expected =
            [(MemberName::Number(14), text("WAITING")), (MemberName::Text(text("anna")), text(""))];
        assert_eq!(listed(&members, &them, &answer), Some(HashMap::from(expected)));
    }
}
