//! A session's script as data: TOML in, compiled steps out.
//!
//! Knows no socket and no clock, and nothing of Runnity: that is `scenarios/runnity.toml`, compiled
//! in as the default. Invariant: a [`Scenario`] that exists has been checked whole: every template
//! variable is known, every duration and pointer parsed, every index in range.

pub mod abort;
mod builtin;
mod compile;
pub mod criteria;
pub(crate) mod document;
pub(crate) mod error;
pub mod every;
mod index;
pub mod joined;
pub mod json;
pub mod kinds;
mod matches;
pub mod mix;
mod names;
pub mod outside;
pub mod places;
pub mod presence;
pub mod reconnect;
mod records;
mod request;
pub mod runner;
pub mod schedule;
mod schema;
pub mod secrets;
pub mod stage;
pub mod steps;
mod subject;
pub mod take;
pub mod template;
mod timers;
mod websocket;

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::Blame;
pub(crate) use builtin::of_another_tool;
pub use error::ScenarioError;
use every::{Every, EveryIndex, Reply};
use kinds::Kinds;
pub(crate) use names::is_built_in;
pub(crate) use request::{DELAY_MAX, ENGINE_HEADERS, FOLLOW_MAX};
pub use schema::schema;
pub(crate) use steps::STEPS_MAX;
use steps::Step;
pub(crate) use take::is_token;
pub use take::{Take, TakeFrom};
use template::Template;
pub(crate) use websocket::CLOSE_TIMEOUT;
pub(crate) use websocket::{RESERVED, RESERVED_OF_EVERY};

/// A compiled scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, as in `--scenario`.
    pub name: String,
    /// The TOML that it was compiled from, with variables unresolved; kept so that a plan repeats
    /// the run.
    pub source: String,
    /// Whether the built-in mock server plays its servers.
    pub plays_on_mock: bool,
    /// Whether sessions keep the cookies that answers set, and send them back.
    pub cookies: bool,
    /// The HTTP requests of a session, in order, on one keep-alive connection.
    pub http: Vec<HttpStep>,
    /// Each of these on a connection of its own instead: no close can then be a kept-alive
    /// connection's, after which a request is sent once more.
    pub sends_once: bool,
    /// How a run looks up, before it starts, when sessions may enter.
    pub schedule: Option<schedule::Schedule>,
    /// How a member's place is taken beforehand.
    pub join: Option<places::Place>,
    /// How it is given up again.
    pub leave: Option<places::Place>,
    /// The WebSocket that follows the HTTP requests.
    pub websocket: Option<WebSocket>,
    /// The levels that the number of open sessions goes through, unless a run has its own.
    pub stages: Vec<stage::Stage>,
    /// How long a session stays before another takes its place, unless a run has its own.
    pub lifetime: Option<every::Interval>,
    /// Whether a member who has left may enter again.
    pub reentry: bool,
    /// How an open session whose connection ends comes back; `None`: it does not.
    pub reconnect: Option<reconnect::Reconnect>,
    /// When a run ends early, unless it has its own rules; empty: by the default ones.
    pub abort_on: Vec<abort::AbortRule>,
    /// What a run is judged by.
    pub criteria: Vec<Criterion>,
    /// Names of the values taken from answers, then the columns of the members' rows; a `value` index
    /// anywhere points here.
    pub value_names: Vec<String>,
    /// How many of these are taken from answers.
    pub takes: usize,
    /// Those of them that something uses after the session is open, by index.
    pub kept: Vec<u8>,
    /// Of each column, whether anything uses it.
    pub columns: Vec<bool>,
    /// Names between braces that are sent as they are.
    pub literal_braces: Vec<String>,
    /// What may be a mistake in the bodies of requests, in words.
    pub doubts: Vec<String>,
    /// Names of the errors that servers announce; [`crate::fault::Fault::Named`] points here.
    pub error_names: Vec<String>,
    /// Whom each of these errors is blamed on.
    pub error_blames: Vec<Blame>,
    /// Values that nobody may read in any output.
    pub secrets: secrets::Secrets,
}

/// One HTTP request and what is done with its answer.
#[derive(Clone, Debug)]
pub struct HttpStep {
    /// The step's name in results: `login`, `enter`.
    pub name: String,
    /// The method, upper case.
    pub method: String,
    /// Path and query.
    pub path: Template,
    /// Header fields besides Host, Content-Length and Connection, which the engine writes.
    pub headers: Vec<(String, Template)>,
    /// The body; with one, Content-Length is written.
    pub body: Option<Template>,
    /// Statuses that count as success.
    pub expect: Vec<u16>,
    /// How many redirects it follows.
    pub follow: u8,
    /// From sending (or connecting, for the first) to the whole answer.
    pub timeout: Duration,
    /// Values to take from the answer's JSON body.
    pub take: Vec<Take>,
    /// Its success marks the member as in, whether or not a WebSocket follows: one whose WebSocket
    /// then reaches no server cannot enter again.
    pub marks_member: bool,
    /// How a refused answer gets its name.
    pub errors: Vec<NamedError>,
}

/// An error that a server announces in its answer. All given conditions must hold.
#[derive(Clone, Debug)]
pub struct NamedError {
    /// Index into [`Scenario::error_names`].
    pub error: u8,
    /// The HTTP status.
    pub status: Option<u16>,
    /// RFC 6901 pointer, and the exact strings, numbers or booleans of which one is there.
    pub field: Option<(String, Vec<String>)>,
    /// Text that the body contains (for answers that are not JSON).
    pub contains: Option<String>,
    /// How long after the request was sent its answer came.
    pub after: Option<RangeInclusive<Duration>>,
    /// The error means that a one-time ticket was too old, spent or unknown: a session whose ticket
    /// aged on this machine is then blamed on this machine.
    pub ticket: bool,
}

/// The WebSocket of a session.
#[derive(Clone, Debug)]
pub struct WebSocket {
    /// Renders an absolute `ws://` or `wss://` URL, or a path on the target.
    pub url: Template,
    /// Extra header fields of the upgrade request.
    pub headers: Vec<(String, Template)>,
    /// What `Sec-WebSocket-Protocol` offers, in order; the server has to choose one of them.
    pub subprotocols: Vec<Template>,
    /// From connecting to the 101.
    pub connect_timeout: Duration,
    /// From our close frame to the end of the connection.
    pub close_timeout: Duration,
    /// How long the ticket lives from the answer of the last HTTP step; `None`: no ticket.
    pub ticket_lifetime: Option<Duration>,
    /// Whether the upgrade offers permessage-deflate.
    pub deflate: bool,
    /// The longest message accepted.
    pub message_bytes_max: u64,
    /// The kinds of messages known.
    pub kinds: Kinds,
    /// What follows the 101, in order; the session is open when the last is done.
    pub steps: Vec<Step>,
    /// What open sessions send again and again.
    pub every: Vec<Every>,
    /// The message to send before closing for `--end quit`.
    pub quit: Option<Template>,
    /// Whether it is sent unless the plan says otherwise.
    pub quits: bool,
    /// Close codes with which a server ends a session well.
    pub closes: Vec<u16>,
}

impl WebSocket {
    /// The periodic message of this name.
    pub fn every_named(&mut self, name: &str) -> Option<&mut Every> {
        self.every.iter_mut().find(|every| every.name == name)
    }

    /// The periodic messages that are answered, with their places among all.
    pub fn heartbeats(&self) -> impl Iterator<Item = (EveryIndex, &Every)> {
        let all = self.every.iter().enumerate().map(|(index, every)| (EveryIndex(index as u8), every));
        all.filter(|(_, every)| every.is_heartbeat())
    }

    /// Whether anything that comes shows that the server accepted the session. A Pong does not: every
    /// WebSocket library sends it by itself.
    pub fn shows_acceptance(&self) -> bool {
        let is_step = self.steps.iter().any(|step| !step.awaits.is_empty());
        let replies = |every: &Every| !matches!(every.reply, Reply::None | Reply::Pong);
        is_step || self.every.iter().any(|every| every.on && replies(every))
    }

    /// What sessions send: for checks of the values in it.
    pub fn messages_sent(&self) -> impl Iterator<Item = &Template> {
        self.steps.iter().filter_map(|step| step.send.as_ref()).chain(self.messages_held())
    }

    /// What members do that is announced to the others: `entered`, `left`, and periodic messages.
    pub fn announced(&self) -> Vec<&str> {
        let has = |role: Role| self.kinds.kinds.iter().any(|kind| kind.role == role);
        let roles = [("entered", Role::Entered), ("left", Role::Left)];
        let roles = roles.into_iter().filter(|(_, role)| has(*role)).map(|(name, _)| name);
        let sent = self.every.iter().filter(|every| every.broadcast.is_some());
        roles.chain(sent.map(|every| every.name.as_str())).collect()
    }

    /// What open sessions send unasked.
    pub fn messages_held(&self) -> impl Iterator<Item = &Template> {
        self.every.iter().map(|every| &every.send).chain(&self.quit)
    }
}

/// An error code in an error message.
#[derive(Clone, Debug)]
pub struct MessageError {
    /// The code, exactly.
    pub code: String,
    /// Index into [`Scenario::error_names`].
    pub error: u8,
    /// As [`NamedError::ticket`].
    pub ticket: bool,
}

/// Index into [`Scenario::step_names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(transparent)]
pub struct StepIndex(pub u8);

impl StepIndex {
    /// Returns it as a position in a list of steps.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A kind of messages, by its place in the file; [`MessageType::OTHER`] for what is of none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageType(pub u8);

impl MessageType {
    /// A message of no listed type.
    pub const OTHER: Self = Self(u8::MAX);
}

/// What a message means to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Another member is in.
    Entered,
    /// An error; its code is looked up.
    Error,
    /// Nothing beyond being counted.
    Information,
    /// Another member has left.
    Left,
    /// Another member's progress.
    Updated,
}

/// Something that a run is judged by. See `docs/scenarios.md` for the measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// The name in results: `enter`, `error-rate`.
    pub name: String,
    /// What is measured: `steps.enter.p95_ms`, `errors.rate`, `sessions.min_in_hold_share`,
    /// `sessions.held`, `arrivals.achieved_per_s`, `servers.smallest_share`, `ledger.missing`,
    /// `ping.missed`, …
    pub measure: String,
    /// Which side of the limits is good.
    pub good: Good,
    /// The limit of a pass; a value at the limit passes `AtMost`/`AtLeast` and fails `Below`.
    pub limit: f64,
    /// Beyond `limit` but within this: a warning, not a failure.
    pub warn: Option<f64>,
    /// Unit for display: `ms`, `%`, `sessions`, `/s`.
    pub unit: String,
    /// Judged only when the plan has at least this many sessions …
    pub needs_sessions: Option<u32>,
    /// … and at least this hold; otherwise `not-measured` with that reason.
    pub needs_hold: Option<Duration>,
}

/// Which side of a criterion's limit is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Good {
    /// measured ≤ limit.
    AtMost,
    /// measured ≥ limit.
    AtLeast,
    /// measured < limit.
    Below,
}

/// Whether templates can use a column of this name: it is a name, and no built-in one.
pub fn may_name_a_column(name: &str) -> bool {
    names::Vocabulary::refusal(name).is_none()
}

impl Scenario {
    /// A session's HTTP requests: those before its WebSocket, then those beside it.
    pub fn requests(&self) -> impl Iterator<Item = &HttpStep> + Clone {
        let steps = self.websocket.iter().flat_map(|websocket| &websocket.steps);
        self.http.iter().chain(steps.filter_map(|step| step.request.as_deref()))
    }

    /// The request that a step makes, if it makes one.
    pub fn request(&self, step: StepIndex) -> Option<&HttpStep> {
        match step.index().checked_sub(self.http.len()) {
            None => self.http.get(step.index()),
            // Behind `connect`.
            Some(after) => self.websocket.as_ref()?.steps.get(after.checked_sub(1)?)?.request.as_deref(),
        }
    }

    /// Whether anything that sessions send may have cookies.
    pub fn sends_cookies(&self) -> bool {
        let websocket = self.websocket.iter().flat_map(|websocket| &websocket.headers);
        let mut fields = self.requests().flat_map(|step| &step.headers).chain(websocket);
        self.cookies || fields.any(|(name, _)| name.eq_ignore_ascii_case("cookie"))
    }

    /// Whether sessions make requests beside their WebSocket.
    pub fn asks_beside(&self) -> bool {
        let mut steps = self.websocket.iter().flat_map(|websocket| &websocket.steps);
        steps.any(|step| step.request.is_some())
    }

    /// Whether anything that sessions say depends on their member's group, so that a run needs one.
    pub fn has_challenge(&self) -> bool {
        let fields = |headers: &[(String, Template)]| headers.iter().any(|(_, value)| value.has_challenge());
        let step = |step: &HttpStep| {
            step.path.has_challenge()
                || fields(&step.headers)
                || step.body.as_ref().is_some_and(Template::has_challenge)
        };
        let websocket = |ws: &WebSocket| {
            ws.url.has_challenge()
                || fields(&ws.headers)
                || ws.subprotocols.iter().chain(ws.messages_sent()).any(Template::has_challenge)
        };
        self.schedule.is_some() || self.requests().any(step) || self.websocket.as_ref().is_some_and(websocket)
    }

    /// The names of all steps of a session in order: the HTTP steps; where there is a WebSocket,
    /// `connect`, the steps after it and `open`; the heartbeats. A [`StepIndex`] points here, and
    /// one behind the last is the hold.
    pub fn step_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.http.iter().map(|step| step.name.clone()).collect();
        if let Some(websocket) = &self.websocket {
            names.push("connect".to_owned());
            names.extend(websocket.steps.iter().map(|step| step.name.clone()));
            if websocket.steps.last().is_none_or(|step| step.name != "open") {
                names.push("open".to_owned());
            }
            names.extend(websocket.heartbeats().map(|(_, every)| every.name.clone()));
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::template::Scope;
    use super::*;
    use crate::members::{MemberId, SessionNumber};

    fn rendered(template: &Template) -> String {
        let taken = ["jwt".to_owned(), "t-1".to_owned(), "ws://h/ws/1".to_owned()];
        let scope = Scope {
            member_id: MemberId(13),
            challenge_id: 38,
            session: SessionNumber(0),
            now_ms: 1_700_000_000_000,
            held_ms: 36_000,
            sequence: 0,
            taken: template::Taken::All(&taken),
            ..Scope::default()
        };
        let mut out = Vec::new();
        template.render(&scope, &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn runnity_s_requests_are_the_protocol_s() {
        let scenario = Scenario::runnity();
        assert_eq!(scenario.step_names(), ["login", "enter", "connect", "open", "ping"]);
        assert_eq!(scenario.value_names, ["access_token", "ticket", "ws_url"]);
        let [login, enter] = &scenario.http[..] else { panic!("two requests") };
        assert_eq!(rendered(&login.path), "/api/v1/auth/test-login?memberId=13");
        assert_eq!(rendered(&enter.path), "/api/v1/challenges/38/enter");
        assert_eq!(rendered(&enter.headers[0].1), "Bearer jwt");
        assert!(enter.timeout > Duration::from_secs(30), "an exhausted pool's answer is seen");
        assert_eq!(enter.errors[0].status, Some(500));
        assert!(enter.errors[0].after.as_ref().is_some_and(|after| after.contains(&Duration::from_secs(30))));
    }

    #[test]
    fn runnity_s_messages_are_the_protocol_s() {
        let scenario = Scenario::runnity();
        let ws = scenario.websocket.as_ref().expect("it has one");
        assert_eq!(rendered(&ws.url), "ws://h/ws/1?ticket=t-1");
        let [ping, record] = &ws.every[..] else { panic!("two periodic messages") };
        assert_eq!(rendered(&ping.send), r#"{"type":"PING","timestamp":1700000000000}"#);
        assert!(ping.on && ping.is_heartbeat() && !record.on && !record.is_heartbeat());
        let record = rendered(&record.send);
        assert_eq!(record, r#"{"type":"RECORD","distance":0.09756,"pace":369,"timestamp":1700000000000}"#);
        serde_json::from_str::<serde_json::Value>(&record).expect("JSON");
        let [open] = &ws.steps[..] else { panic!("one step") };
        assert_eq!(open.awaits, [ws.kinds.named("CONNECTED").expect("it is a kind")]);
        assert!(ws.kinds.announces() && ws.shows_acceptance());
        let tickets: Vec<&str> =
            ws.kinds.error_codes.iter().filter(|code| code.ticket).map(|code| code.code.as_str()).collect();
        assert_eq!(tickets, ["INVALID_TICKET"]);
    }

    #[test]
    fn a_variable_set_from_outside_reaches_the_message() {
        let (name, source) = Scenario::find("runnity").expect("built in");
        let set = [("pace_s_per_km".to_owned(), "300".to_owned())];
        let scenario = Scenario::compile(&name, &source, &set).expect("it compiles");
        let mut websocket = scenario.websocket.expect("it has one");
        let record = rendered(&websocket.every_named("record").expect("it has one").send);
        assert!(record.contains(r#""distance":0.11726,"pace":307"#), "{record}");
    }

    #[test]
    fn the_manual_has_every_key_role_variable_and_measure() {
        let manual = include_str!("../../docs/scenarios.md");
        let keys = [
            &compile::ROOT_KEYS[..],
            &request::HTTP_KEYS,
            &request::ERROR_KEYS,
            &schedule::KEYS,
            &schedule::PARTICIPANT_KEYS,
            &websocket::KEYS,
            &steps::KEYS,
            &every::KEYS,
            &kinds::KEYS,
            &kinds::KIND_KEYS,
            &presence::PRESENCE_KEYS,
            &presence::LISTED_KEYS,
            &kinds::ERROR_KEYS,
            &criteria::KEYS,
        ];
        for key in keys.concat() {
            let written =
                [format!("`{key}`"), format!("`[{key}]`"), format!("`[[{key}]]`"), format!(".{key}]")];
            assert!(written.iter().any(|text| manual.contains(text)), "the key {key}");
        }
        for (role, _) in kinds::ROLES {
            assert!(manual.contains(&format!("`{role}`")), "the role {role}");
        }
        for (variable, _) in names::BUILT_IN {
            assert!(manual.contains(&format!("| `{{{variable}}}`")), "the variable {variable}");
        }
        for measure in criteria::MEASURES {
            assert!(manual.contains(&format!("| `{}`", measure.name)), "the measure {}", measure.name);
        }
        for count in criteria::EVERY_COUNTS {
            assert!(manual.contains(&format!("`{count}`")), "the count {count}");
        }
        for statistic in criteria::STEP_STATISTICS {
            assert!(manual.contains(&format!("`{statistic}`")), "the statistic {statistic}");
        }
    }
}
