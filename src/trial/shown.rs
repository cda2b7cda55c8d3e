//! What of a session may be shown: its requests, answers and messages without their secrets.
//!
//! Requests and messages of our own are rendered again with every secret's name in its place, so
//! that short ones are hidden, too; what a peer sent is searched. Invariant: bytes leave this module
//! only once that is done.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use startline_protocol::http::ResponseReader;
use startline_protocol::http::cookies::Jar;

use super::entry::{Content, What};
use crate::engine::single::Doing;
use crate::foreign;
use crate::members::{MemberId, MemberName, Members, SessionNumber};
use crate::plan::Plan;
use crate::scenario::secrets::Held;
use crate::scenario::template::{Scope, Taken, Template, label};
use crate::scenario::{HttpStep, Scenario};
use crate::session::Phase;

/// What is known of the session.
pub(super) struct Shown<'p> {
    scenario: &'p Scenario,
    members: &'p Members,
    seed: u64,
    member_id: MemberId,
    challenge_id: u64,
    unix_micros: u64,
    /// Taken values by index.
    taken: Vec<String>,
    jar: Jar,
    cookies: Option<String>,
    unkept: Unkept,
    /// Our own messages without secrets, until their frames are seen, each with the kind that it answers.
    messages: VecDeque<(Vec<u8>, Option<String>)>,
}

/// Names of cookies that servers set and the session does not keep.
#[derive(Default)]
struct Unkept {
    /// Of the last answer, which no request has followed.
    newest: Option<String>,
    /// Of one before.
    earlier: Option<String>,
}

impl<'p> Shown<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        let scenario = &*plan.scenario;
        Self {
            scenario,
            members: &plan.members,
            seed: plan.settings.seed,
            member_id: plan.members.id(SessionNumber(0)),
            challenge_id: plan.members.challenge(SessionNumber(0)),
            unix_micros: 0,
            taken: vec![String::new(); scenario.takes],
            jar: Jar::default(),
            cookies: None,
            unkept: Unkept::default(),
            messages: VecDeque::new(),
        }
    }

    pub(super) fn member(&self) -> MemberName {
        self.members.name_of(SessionNumber(0))
    }

    pub(super) fn look(&mut self, unix_micros: u64) {
        self.unix_micros = unix_micros;
    }

    /// What a peer sent.
    pub(super) fn redacted<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        self.scenario.secrets.redacted(bytes, self.held(), None)
    }

    pub(super) fn text(&self, bytes: &[u8]) -> String {
        foreign::bytes(&self.redacted(bytes))
    }

    fn held(&self) -> Held<'_> {
        Held {
            taken: &self.taken,
            cookies: self.cookies.as_deref(),
            row: Some((self.members, SessionNumber(0))),
        }
    }

    /// What its templates may refer to before it is open.
    fn scope(&self) -> Scope<'_> {
        Scope {
            member_id: self.member_id,
            challenge_id: self.challenge_id,
            session: SessionNumber(0),
            now_ms: self.unix_micros / 1_000,
            held_ms: 0,
            sequence: 0,
            interval_ms: 0,
            taken: Taken::All(&self.taken),
            members: Some(self.members),
            seed: self.seed,
        }
    }

    fn rendered(&self, template: &Template) -> Vec<u8> {
        let mut out = Vec::new();
        self.scenario.secrets.shown(template).render(&self.scope(), &mut out);
        self.redacted(&out).into_owned()
    }

    /// Method and path of a step's request; what a redirect leads to is no template's.
    fn request_line(&self, step: &HttpStep, head: &str) -> String {
        let sent = head.lines().next().unwrap_or_default();
        let sent = sent.rsplit_once(' ').map_or(sent, |(line, _)| line);
        let mut own = format!("{} ", step.method).into_bytes();
        step.path.render(&self.scope(), &mut own);
        match own == sent.as_bytes() {
            true => format!("{} {}", step.method, self.rendered_text(&step.path)),
            false => self.text(sent.as_bytes()),
        }
    }

    fn rendered_text(&self, template: &Template) -> String {
        String::from_utf8_lossy(&self.rendered(template)).into_owned()
    }

    fn step(&self, doing: Doing) -> Option<&'p HttpStep> {
        self.scenario.request(doing.step).filter(|_| doing.phase == Phase::Awaiting)
    }

    pub(super) fn is_head(&self, doing: Doing) -> bool {
        self.step(doing).is_some_and(|step| step.method == "HEAD")
    }

    /// A request of our own.
    pub(super) fn request(&self, doing: Doing, bytes: &[u8]) -> What {
        let head_len = memchr::memmem::find(bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        let body_len = bytes.len() - head_len;
        let head = String::from_utf8_lossy(&bytes[..head_len]);
        let websocket = self.scenario.websocket.as_ref();
        let (line, fields, body) = match (self.step(doing), websocket) {
            (Some(step), _) => (self.request_line(step, &head), &step.headers[..], step.body.as_ref()),
            (None, Some(websocket)) => {
                (format!("GET {}", self.rendered_text(&websocket.url)), &websocket.headers[..], None)
            }
            (None, None) => (String::new(), &[][..], None),
        };
        let body = body.and_then(|body| Content::some(&self.rendered(body), body_len));
        What::Request { line, headers: self.headers(&head, fields), body }
    }

    fn headers(&self, head: &str, fields: &[(String, Template)]) -> Vec<String> {
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let ours = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            let value = match ours {
                Some((_, template)) => self.rendered_text(template),
                None if name.eq_ignore_ascii_case("cookie") => cookie_names(value.trim()),
                None => self.text(value.trim().as_bytes()),
            };
            format!("{name}: {value}")
        };
        head.lines().skip(1).filter(|line| !line.is_empty()).map(field).collect()
    }

    pub(super) fn keep_cookies(&mut self, answer: &ResponseReader) {
        if !self.scenario.cookies {
            let newest = self.unkept.newest.take();
            self.unkept.earlier = self.unkept.earlier.take().or(newest);
            self.unkept.newest = answer.headers("Set-Cookie").next().map(cookie_name);
        } else {
            let now_s = (self.unix_micros / 1_000_000) as i64;
            answer.headers("Set-Cookie").for_each(|field| self.jar.set(field, now_s));
            self.cookies = self.jar.field_value();
        }
    }

    /// A cookie that a server set and did not get back, where nothing in the scenario sends cookies.
    pub(super) fn cookie_not_sent(&self) -> Option<&str> {
        self.unkept.earlier.as_deref().filter(|_| !self.scenario.sends_cookies())
    }

    /// A server's answer in this step.
    pub(super) fn answer(&self, step: &str, answer: &ResponseReader, status: u16, took_ms: Duration) -> What {
        let step = self.scenario.requests().find(|known| known.name == step);
        let redacted = |bytes: &[u8]| self.scenario.secrets.redacted(bytes, self.held(), step).into_owned();
        let head = redacted(answer.head());
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.lines();
        let reason = lines.next().and_then(|line| line.splitn(3, ' ').nth(2)).unwrap_or_default().to_owned();
        let headers = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let body = answer.decoded_body().unwrap_or(Cow::Borrowed(answer.body()));
        let body = Content::some(&redacted(&body), body.len());
        What::Answer { status, reason, headers, body, took_ms }
    }

    /// A value that the session took.
    pub(super) fn took(&mut self, value: u8, text: &str) -> What {
        if let Some(kept) = self.taken.get_mut(usize::from(value)) {
            text.clone_into(kept);
        }
        let name = self.scenario.secrets.name_of(value).to_owned();
        let shown = match self.scenario.secrets.is_taken(value) {
            true => label(&name),
            false => self.text(text.as_bytes()),
        };
        What::Took { name, value: shown, bytes: text.len() as u64 }
    }

    /// A message of our own is about to be sent.
    pub(super) fn sends(&mut self, message: &Template, scope: &Scope<'_>) {
        let mut out = Vec::new();
        self.scenario.secrets.shown(message).render(scope, &mut out);
        let out = self.redacted(&out).into_owned();
        self.messages.push_back((out, None));
    }

    /// The last of them answers a message of this kind.
    pub(super) fn answers(&mut self, kind: String) {
        if let Some((_, answers)) = self.messages.back_mut() {
            *answers = Some(kind);
        }
    }

    /// The step of this name is done: what is to be sent was its own.
    pub(super) fn done(&mut self, step: &str) {
        for (_, belongs) in self.messages.iter_mut().filter(|(_, belongs)| belongs.is_none()) {
            *belongs = Some(step.to_owned());
        }
    }

    /// A message of our own, as it went out, and the kind that it answers or the step that is done with it.
    pub(super) fn message(&mut self, payload: &[u8]) -> (Content, Option<String>) {
        match self.messages.pop_front() {
            Some((shown, belongs)) => (Content::new(&shown, payload.len()), belongs),
            None => (Content::new(&self.redacted(payload), payload.len()), None),
        }
    }
}

/// The name of a Set-Cookie field's cookie.
fn cookie_name(field: &str) -> String {
    field.split(['=', ';']).next().unwrap_or_default().trim().to_owned()
}

/// A Cookie field, each value shown by its name.
fn cookie_names(field: &str) -> String {
    let shown = |cookie: &str| {
        let name = cookie.split('=').next().unwrap_or_default();
        format!("{name}={}", label(name))
    };
    field.split("; ").map(shown).collect::<Vec<_>>().join("; ")
}

pub(super) fn tls_version(number: u16) -> String {
    match number {
        0x0304 => "TLS 1.3".to_owned(),
        0x0303 => "TLS 1.2".to_owned(),
        other => format!("TLS {other:#06x}"),
    }
}
