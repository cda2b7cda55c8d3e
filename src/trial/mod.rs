//! One session tried: every request, answer, frame and value becomes an [`Entry`] as it passes.
//!
//! A [`Watcher`] of the engine's: it gets what a run's sessions send, receive and report. Knows no
//! socket and no terminal. Invariants: nothing is shown with a secret in it, however short a secret
//! of our own is; what is shown comes in the order in which it happened.

mod came;
pub mod entry;
mod near;
mod shown;
mod standing;
mod tap;
pub mod text;

use std::net::SocketAddr;
use std::time::Duration;

use startline_protocol::http::{Limits, ResponseReader};
use startline_protocol::websocket::{Opcode, Reader, parse_close};

use crate::engine::single::{Cause, Doing, Watcher};
use crate::fault::Fault;
use crate::measure::acts::Announced;
use crate::measure::servers::ServerIndex;
use crate::measure::{CloseEnd, Handshake, PingEvent, Timed, Unread};
use crate::members::MemberId;
use crate::plan::Plan;
use crate::scenario::every::{Every, EveryIndex};
use crate::scenario::template::{Scope, Template};
use crate::scenario::{MessageType, Scenario, StepIndex};
use crate::session::{Observer, Phase, PingFailed, Timer, Unmatched, Who};
use came::{Came, Record};
use entry::{Content, Entry, Failure, What};
use shown::Shown;
use standing::Standing;
use tap::{Tap, Unit};

/// A first PING that is further away is announced.
const ANNOUNCED_FROM: Duration = Duration::from_secs(3);

/// A session as it is being tried.
pub struct Trial<'p> {
    scenario: &'p Scenario,
    /// The scenario's, and `hold`.
    steps: Vec<String>,
    shown: Shown<'p>,
    show: Box<dyn FnMut(&Entry) + 'p>,
    at: Duration,
    /// When the last request went out.
    asked_at: Duration,
    /// The answer being read; none once it was shown.
    answer: Option<ResponseReader>,
    incoming: Tap,
    outgoing: Tap,
    came: Came,
    /// What a record of no kind has in common with a kind that is awaited.
    near: Option<String>,
    /// How long the session is to stay open, at least.
    stay: Duration,
    opened_at: Option<Duration>,
    /// Heartbeats that have not been answered yet.
    unanswered: Vec<EveryIndex>,
    standing: Standing,
    is_completed: bool,
    /// The first one: its step, and when.
    failure: Option<(String, Duration, Failure)>,
}

impl<'p> Trial<'p> {
    /// Of the first session of a plan, which stays open at least so long; each entry goes to `show`
    /// at once.
    pub fn new(plan: &'p Plan, stay: Duration, show: Box<dyn FnMut(&Entry) + 'p>) -> Self {
        let scenario = &*plan.scenario;
        let mut steps = scenario.step_names();
        steps.push("hold".to_owned());
        Self {
            scenario,
            steps,
            shown: Shown::new(plan),
            show,
            at: Duration::ZERO,
            asked_at: Duration::ZERO,
            answer: None,
            incoming: match &scenario.websocket {
                Some(websocket) if websocket.deflate => Tap::inflating(websocket.message_bytes_max),
                _ => Tap::new(Reader::Client),
            },
            outgoing: Tap::new(Reader::Server),
            came: Came::new(scenario),
            near: None,
            stay,
            opened_at: None,
            unanswered: Vec::new(),
            standing: Standing::new(scenario),
            is_completed: false,
            failure: None,
        }
    }

    /// Says what became of it all; whether everything went well.
    pub fn end(&mut self) -> bool {
        let passed = self.failure.is_none() && self.is_done();
        let member = self.standing.text(&self.shown.member());
        let failed = self.failure.clone();
        self.emit("", What::End { passed, failed, member });
        passed
    }

    /// Whether the first step was the one that failed: nothing has succeeded.
    pub fn failed_at_once(&self) -> bool {
        self.failure.as_ref().is_some_and(|(step, ..)| self.steps.first() == Some(step))
    }

    /// Shows what may have been the mistake.
    pub fn warn(&mut self, text: String) {
        self.emit("", What::Warning { text });
    }

    /// Whether a failure ended it.
    pub fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Whether all was seen that there is to see.
    fn is_done(&self) -> bool {
        let stayed = self.opened_at.is_some_and(|opened| self.at.saturating_sub(opened) >= self.stay);
        self.is_completed || (stayed && self.unanswered.is_empty())
    }

    fn emit(&mut self, step: &str, what: What) {
        (self.show)(&Entry { at: self.at, step: step.to_owned(), what });
    }

    fn emit_step(&mut self, step: StepIndex, what: What) {
        let name = self.step_name(step);
        self.emit(&name, what);
    }

    fn step_name(&self, step: StepIndex) -> String {
        self.steps.get(step.index()).cloned().unwrap_or_default()
    }

    fn every(&self, every: EveryIndex) -> Option<&Every> {
        self.scenario.websocket.as_ref()?.every.get(every.index())
    }

    fn every_name(&self, every: EveryIndex) -> String {
        self.every(every).map_or_else(String::new, |every| every.name.clone())
    }

    /// The step that it is a part of; in the hold there is none.
    fn label(&self, doing: Doing) -> String {
        match doing.phase {
            Phase::Held | Phase::Closing | Phase::Over => String::new(),
            _ => self.step_name(doing.step),
        }
    }

    fn fail(&mut self, step: &str, fault: Fault, evidence: &[u8]) {
        self.standing.failed(step, fault, self.scenario);
        let mut advice = fault.advice_in_scenario(self.scenario.schedule.is_some(), false).to_owned();
        if let Some(cookie) = self.shown.cookie_not_sent().filter(|_| self.opened_at.is_none()) {
            advice = format!(
                "The server set the cookie \"{cookie}\", which the session does not send back: cookies = true at the \
                 top of the file does that. {advice}"
            );
        }
        if let Some(near) = self.near.take_if(|_| matches!(fault, Fault::NoKindMatched | Fault::StepTimeout))
        {
            advice = format!("{near}. {advice}");
        }
        let failure = Failure {
            fault: fault.key(self.scenario),
            blame: fault.blame().key(),
            evidence: self.shown.text(evidence),
            advice,
        };
        self.failure.get_or_insert((step.to_owned(), self.at, failure.clone()));
        self.emit(step, What::Failed(failure));
    }

    /// Shows what there is of the answer.
    fn show_answer(&mut self, step: &str) {
        let Some(answer) = self.answer.take() else { return };
        let Some(status) = answer.status() else { return };
        self.shown.keep_cookies(&answer);
        let took_ms = self.at.saturating_sub(self.asked_at);
        let what = self.shown.answer(step, &answer, status, took_ms);
        self.emit(step, what);
    }

    fn show_unit(&mut self, doing_step: &str, unit: &Unit, kind: Option<MessageType>) {
        let content = match unit.opcode {
            Opcode::Close => close_content(&self.shown.redacted(&unit.payload)),
            _ => Content::new(&self.shown.redacted(&unit.payload), unit.payload.len()),
        };
        let (kind, rule) = kind.map_or((None, None), |kind| self.kind(kind));
        self.emit(
            doing_step,
            What::Received { frame: unit.name(), kind, rule, compressed: unit.compressed, content },
        );
    }

    /// Shows a record that came: the session has said what it is, or has not.
    fn show_record(&mut self, record: &Record, kind: Option<MessageType>) {
        self.show_unit(&record.label, &record.unit, kind);
        if kind == Some(MessageType::OTHER) && self.opened_at.is_none() {
            self.compare(record);
        }
    }

    /// Says which awaited kind a record may be meant as: one whose values it has at other places.
    fn compare(&mut self, record: &Record) {
        let Some(websocket) = &self.scenario.websocket else { return };
        let Some(step) = websocket.steps.iter().find(|step| step.name == record.label) else { return };
        let near = step.awaits.iter().find_map(|kind| {
            let name = &websocket.kinds.get(*kind)?.name;
            near::places(name, websocket.kinds.rules.get(usize::from(kind.0))?, &record.unit.payload)
        });
        if let Some(text) = near {
            let text = self.shown.text(text.as_bytes());
            self.near.get_or_insert_with(|| text.clone());
            self.emit("", What::Noted { text });
        }
    }

    /// What a kind is called, and how it is recognized.
    fn kind(&self, kind: MessageType) -> (Option<String>, Option<String>) {
        let kinds = self.scenario.websocket.as_ref().map(|websocket| &websocket.kinds);
        match kinds.and_then(|kinds| Some((kinds.names().nth(usize::from(kind.0))?, kinds.rule_text(kind)))) {
            Some((name, rule)) => (Some(name.to_owned()), Some(rule.to_owned())),
            // Where nothing is told apart nothing has to be said.
            None => (kinds.and_then(|kinds| kinds.names().next()).map(|_| "other".to_owned()), None),
        }
    }

    fn show_request(&mut self, doing: Doing, bytes: &[u8]) {
        self.asked_at = self.at;
        let is_head = self.shown.is_head(doing);
        self.answer = Some(ResponseReader::new(Limits::default(), is_head));
        let what = self.shown.request(doing, bytes);
        self.emit_step(doing.step, what);
    }

    fn show_frames(&mut self, doing: Doing, cause: Cause, bytes: &[u8]) {
        for unit in self.outgoing.all(bytes) {
            let (content, belongs) = match unit.opcode {
                Opcode::Close => (close_content(&unit.payload), None),
                // What the session renders; a Pong echoes what came.
                Opcode::Text | Opcode::Binary | Opcode::Ping => self.shown.message(&unit.payload),
                _ => (Content::new(&self.shown.redacted(&unit.payload), unit.payload.len()), None),
            };
            let label = belongs.unwrap_or_else(|| match (unit.opcode, cause) {
                (Opcode::Close, _) => "close".to_owned(),
                (_, Cause::Timer(Timer::First(every) | Timer::Next(every))) => self.every_name(every),
                _ => self.label(doing),
            });
            self.emit(&label, What::Sent { frame: unit.name(), content });
        }
    }
}

/// The code and the reason of a close frame.
fn close_content(payload: &[u8]) -> Content {
    let text = match parse_close(payload) {
        Ok(Some((code, reason))) => format!("{code} {reason}").trim_end().to_owned(),
        Ok(None) => "without a code".to_owned(),
        Err(_) => return Content::new(payload, payload.len()),
    };
    Content { bytes: payload.len() as u64, text: Some(text), ..Content::default() }
}

impl Watcher for Trial<'_> {
    fn look(&mut self, at: Duration, unix_micros: u64) {
        self.at = at;
        self.shown.look(unix_micros);
    }

    fn dialing(&mut self, doing: Doing, address: SocketAddr) {
        self.emit_step(doing.step, What::Connecting { to: address.to_string() });
    }

    fn secured(&mut self, doing: Doing, handshake: Handshake) {
        let version = shown::tls_version(handshake.version);
        self.emit_step(doing.step, What::Secured { version, resumed: handshake.resumed });
    }

    fn received(&mut self, doing: Doing, bytes: &[u8]) -> usize {
        match doing.phase {
            Phase::Awaiting | Phase::Upgrading => {
                let Some(answer) = &mut self.answer else { return bytes.len() };
                let Ok(progress) = answer.feed(bytes) else { return bytes.len() };
                let is_upgraded = answer.status() == Some(101);
                if progress.complete {
                    let step = self.label(doing);
                    self.show_answer(&step);
                }
                // What is behind the head of a 101 are frames.
                if progress.complete && is_upgraded { progress.consumed } else { bytes.len() }
            }
            _ => {
                let (len, unit) = self.incoming.take(bytes);
                match unit {
                    Some(unit) if unit.opcode == Opcode::Close => {
                        self.standing.closed();
                        self.show_unit("close", &unit, None);
                    }
                    Some(unit) if unit.opcode.is_control() => self.show_unit(&self.label(doing), &unit, None),
                    Some(unit) => {
                        let label = self.label(doing);
                        for (record, kind) in self.came.message(unit, &label) {
                            self.show_record(&record, Some(kind));
                        }
                    }
                    None => {}
                }
                len
            }
        }
    }

    fn taken(&mut self) {
        for record in self.came.rest() {
            self.show_record(&record, None);
        }
    }

    fn sent(&mut self, doing: Doing, cause: Cause, bytes: &[u8]) {
        match doing.phase {
            Phase::Awaiting | Phase::Upgrading => self.show_request(doing, bytes),
            _ => self.show_frames(doing, cause, bytes),
        }
    }

    fn armed(&mut self, timer: Timer, within: Duration) {
        let Timer::First(every) = timer else { return };
        if self.every(every).is_some_and(Every::is_heartbeat) {
            self.unanswered.push(every);
            if within >= ANNOUNCED_FROM {
                let name = self.every_name(every);
                let at = (self.at + within).as_secs_f64();
                let text = format!("waiting for {name} at {at:.1} s (--every {name}.interval=1s)");
                self.emit(&name, What::Waiting { text });
            }
        }
    }

    fn is_enough(&self) -> bool {
        self.failure.is_some() || self.is_done()
    }
}

impl Observer for Trial<'_> {
    fn step_ok(&mut self, step: StepIndex, timed: Timed) {
        let name = self.step_name(step);
        self.show_answer(&name);
        self.shown.done(&name);
        self.standing.step_ok(&name, self.scenario);
        let is_request = step.index() <= self.scenario.http.len() || self.scenario.request(step).is_some();
        self.emit(&name, What::Done { is_request, took_ms: timed.from_due.as_duration() });
    }

    fn took(&mut self, value: u8, text: &str) {
        let what = self.shown.took(value, text);
        self.emit("", what);
    }

    fn sends(&mut self, message: &Template, scope: &Scope<'_>) {
        self.shown.sends(message, scope);
    }

    fn requested(&mut self, _reused: bool) {}

    fn reconnected(&mut self, _who: Who) {
        let text = "the kept-alive connection was closed: the request is sent again on a new one".to_owned();
        self.emit("", What::Waiting { text });
    }

    fn routed(&mut self, _who: Who, _url: &str) -> ServerIndex {
        ServerIndex::NONE
    }

    fn opened(&mut self, _who: Who, _server: ServerIndex) {
        self.opened_at = Some(self.at);
    }

    fn message(&mut self, _bytes: u64) {}
    fn compression_agreed(&mut self) {}
    fn inflated(&mut self, _compressed: u64, _inflated: u64) {}

    fn record(&mut self, kind: MessageType) {
        if let Some(record) = self.came.record(kind) {
            self.show_record(&record, Some(kind));
        }
    }

    fn answered(&mut self, kind: MessageType) {
        let name = self.kind(kind).0.unwrap_or_default();
        self.shown.answers(name);
    }

    fn aged(&mut self, _kind: MessageType, _server: ServerIndex, micros: i64) {
        let age = micros as f64 / 1e3;
        self.emit("", What::Noted { text: format!("sent {age:.1} ms before by the server's clock") });
    }

    fn numbered(&mut self, _kind: MessageType, missing: u64, again: bool) {
        let text =
            if again { "its number came before".to_owned() } else { format!("{missing} missing before it") };
        self.emit("", What::Noted { text });
    }

    fn unread(&mut self, _kind: MessageType, what: Unread) {
        let text = match what {
            Unread::SentAt => "sent_at: no instant there that can be read (see sent_unit)",
            Unread::Number => "sequence: no number there that can be read",
        };
        self.emit("", What::Noted { text: text.to_owned() });
    }

    fn joined(&mut self) {}

    fn listed(&mut self, _who: Who, _member_id: MemberId) {}

    fn announced(&mut self, _who: Who, _server: ServerIndex, _told: Announced) {}

    fn error_message(&mut self, _who: Who, _server: ServerIndex, fault: Fault, evidence: &[u8]) {
        self.fail("hold", fault, evidence);
    }

    fn ping(&mut self, _who: Who, every: EveryIndex, event: PingEvent) {
        if let PingEvent::Answered(timed) = event {
            self.unanswered.retain(|waiting| *waiting != every);
            let name = self.every_name(every);
            self.emit(&name, What::Done { is_request: false, took_ms: timed.from_due.as_duration() });
        }
    }

    fn ping_failed(&mut self, _who: Who, every: EveryIndex, _server: ServerIndex, failed: PingFailed<'_>) {
        let PingFailed { fault, waited, came } = failed;
        let fault = if waited.stalled { Fault::StalledHere } else { fault };
        let waited = waited.from_sent.as_duration().as_secs_f64();
        let came = came.map(|came| format!("; {came}")).unwrap_or_default();
        let evidence = format!("no reply came within {waited:.3} s{came}");
        let name = self.every_name(every);
        self.fail(&name, fault, evidence.as_bytes());
    }

    fn wants_unmatched(&self) -> bool {
        false
    }

    fn unmatched(&mut self, _who: Who, _message: Unmatched<'_>) {}

    fn closed(&mut self, _who: Who, _server: ServerIndex, _held: Duration) {}

    fn close_ended(&mut self, _end: CloseEnd) {}

    fn completed(&mut self, _who: Who) {
        self.is_completed = true;
    }

    fn failed(&mut self, _who: Who, _server: ServerIndex, step: StepIndex, fault: Fault, evidence: &[u8]) {
        self.taken();
        let name = self.step_name(step);
        self.show_answer(&name);
        // Of the heartbeat are only its cycles: an open session that fails does so in the hold.
        let name = if self.opened_at.is_some() { "hold".to_owned() } else { name };
        self.fail(&name, fault, evidence);
    }

    fn abandoned(&mut self, _who: Who, _asked: Option<StepIndex>) {}
}
