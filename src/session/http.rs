//! A session's HTTP steps: renders requests, reads answers, takes values, names refusals.
//!
//! All on one keep-alive connection, which is given up after the last answer; the engine may have
//! lent it. Invariants: an answer is judged only when it is complete or too long, and nothing is
//! assumed of its body except what the scenario takes; a request that may have been read is not sent
//! again, unless its method says that this changes nothing.

use std::borrow::Cow;

use std::time::Duration;

use startline_os::tick::Tick;
use startline_protocol::http::cookies::Jar;
use startline_protocol::http::{BodyKept, HttpError, Limits, ResponseReader};

use super::script::Script;
use super::{Context, Observer, Phase, RETRIED, REUSED, Session};
use crate::fault::Fault;
use crate::scenario::json::Json;
use crate::scenario::template::{Scope, Template};
use crate::scenario::{HttpStep, NamedError, Scenario, Take, TakeFrom};

/// Bytes of a taken value kept at most: tokens are some 200, URLs under 2,000.
const TAKEN_BYTES_MAX: usize = 8 << 10;

/// What a session keeps until its WebSocket is up.
#[derive(Debug)]
pub struct Setup {
    /// Values by index, empty where not taken yet.
    pub(super) taken: Vec<String>,
    /// The answer being read.
    pub(super) answer: ResponseReader,
    /// Random bytes of the upgrade's key.
    pub(super) key: [u8; 16],
    /// Cookies that answers have set, if the scenario keeps them.
    pub(super) cookies: Jar,
    /// The upgrade goes to the target's own host, whose the cookies are.
    pub(super) home: bool,
    /// `Host` and request target of the upgrade.
    pub(super) upgrade: (String, String),
}

impl Setup {
    pub(super) fn new(script: &Script) -> Self {
        Self {
            taken: vec![String::new(); script.scenario.value_names.len()],
            answer: ResponseReader::new(Limits::default(), false),
            key: [0; 16],
            cookies: Jar::default(),
            home: false,
            upgrade: Default::default(),
        }
    }
}

impl Session {
    /// Connects for the current step. The step's time starts here, so that the first one answers
    /// for its connection.
    pub(super) fn dial_http<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        self.phase = Phase::Dialing;
        self.begin_step(ctx);
        self.set_flag(REUSED, false);
        ctx.commands.connect = Some(ctx.script.home());
    }

    fn begin_step<O>(&mut self, ctx: &mut Context<'_, O>) {
        self.sent = ctx.now;
        self.deadline = ctx.now + ctx.script.delays.steps[self.step.index()];
        ctx.commands.timers.push_back((super::Timer::Step(self.step), self.deadline));
    }

    pub(super) fn send_request<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let Some(mut setup) = self.take_setup(ctx) else { return };
        let script = ctx.script;
        let step = &script.scenario.http[self.step.index()];
        setup.answer = ResponseReader::new(Limits::default(), step.method == "HEAD");
        let scope = self.scope(&setup.taken, 0, ctx);
        let written = write_request(step, &script.authority, &setup.cookies, &scope, ctx.out);
        let evidence = if written.is_err() { std::mem::take(ctx.out) } else { Vec::new() };
        self.put_setup(setup, ctx);
        if let Err(fault) = written {
            return self.fail(fault, &evidence, ctx);
        }
        ctx.observer.requested(self.flag(REUSED));
        self.phase = Phase::Awaiting;
    }

    pub(super) fn read_answer<O: Observer>(&mut self, bytes: &[u8], ctx: &mut Context<'_, O>) {
        let Some(mut setup) = self.take_setup(ctx) else { return };
        let script = ctx.script;
        let step = &script.scenario.http[self.step.index()];
        match setup.answer.feed(bytes) {
            Ok(progress) if progress.complete => {
                // Bytes beyond the answer were not asked for: the connection cannot be trusted with
                // another request.
                let reusable = progress.consumed == bytes.len() && setup.answer.keep_alive();
                self.judge_answer(setup, reusable, ctx);
            }
            // It can only get worse: what follows need not be read.
            Ok(_) if setup.answer.body_kept() == BodyKept::Cut && is_read(step, &setup.answer) => {
                self.judge_answer(setup, false, ctx);
            }
            Ok(_) => self.put_setup(setup, ctx),
            Err(error) => {
                let evidence = broken_answer(&setup.answer, bytes);
                self.put_setup(setup, ctx);
                self.fail(http_fault(error), &evidence, ctx);
            }
        }
    }

    /// The connection ended while an answer was awaited.
    pub(super) fn answer_cut<O: Observer>(&mut self, fault: Option<Fault>, ctx: &mut Context<'_, O>) {
        let Some(mut setup) = self.take_setup(ctx) else { return };
        let method = &ctx.script.scenario.http[self.step.index()].method;
        if setup.answer.is_untouched() && is_idempotent(method) && self.may_ask_again() {
            self.put_setup(setup, ctx);
            return self.ask_again(ctx);
        }
        let ended = match fault {
            None => setup.answer.end_of_stream(),
            Some(_) => Ok(false),
        };
        let evidence = setup.answer.body().to_vec();
        match ended {
            Ok(true) => self.judge_answer(setup, false, ctx),
            Ok(false) => {
                self.put_setup(setup, ctx);
                self.fail(fault.unwrap_or(Fault::ClosedEarly), &evidence, ctx);
            }
            Err(error) => {
                self.put_setup(setup, ctx);
                self.fail(http_fault(error), &evidence, ctx);
            }
        }
    }

    /// Nothing of this step's request got out: the socket call for it failed. Whatever its method, it
    /// may go out on a fresh connection.
    pub fn unsent<O: Observer>(&mut self, fault: Fault, ctx: &mut Context<'_, O>) {
        if self.phase == Phase::Awaiting && self.may_ask_again() {
            return self.ask_again(ctx);
        }
        self.disconnected(Some(fault), ctx);
    }

    fn may_ask_again(&self) -> bool {
        self.flag(REUSED) && !self.flag(RETRIED)
    }

    /// A kept-alive connection was closed between requests, as servers may at any time (RFC 9112,
    /// 9.3.1): once more on a fresh one. The step keeps its due time and its deadline.
    fn ask_again<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        self.set_flag(RETRIED, true);
        self.set_flag(REUSED, false);
        self.phase = Phase::Dialing;
        ctx.observer.reconnected(ctx.who);
        ctx.commands.disconnect = true;
        ctx.commands.connect = Some(ctx.script.home());
    }

    fn judge_answer<O: Observer>(&mut self, mut setup: Box<Setup>, reusable: bool, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let step = &script.scenario.http[self.step.index()];
        let status = setup.answer.status().unwrap_or(0);
        if script.scenario.cookies {
            let Setup { answer, cookies, .. } = &mut *setup;
            let now_s = (ctx.unix_micros / 1_000_000) as i64;
            answer.headers("Set-Cookie").for_each(|field| cookies.set(field, now_s));
        }
        let verdict = if step.expect.contains(&status) {
            take_values(&step.take, &setup.answer, &mut setup.taken)
        } else {
            let took = Duration::from_micros(ctx.now.since(self.sent).as_micros());
            Err(refusal(&script.scenario, step, (status, took), &readable_body(&setup.answer)))
        };
        let evidence = if verdict.is_err() { evidence_of(&setup.answer) } else { Vec::new() };
        if verdict.is_ok() {
            step.take
                .iter()
                .for_each(|take| ctx.observer.took(take.value, &setup.taken[usize::from(take.value)]));
        }
        self.put_setup(setup, ctx);
        match verdict {
            Ok(()) => self.step_done(reusable, ctx),
            Err(fault) => {
                self.fail(fault, &evidence, ctx);
                // Refused, but in good order.
                ctx.commands.reusable = reusable;
            }
        }
    }

    fn step_done<O: Observer>(&mut self, reusable: bool, ctx: &mut Context<'_, O>) {
        ctx.observer.step_ok(self.step, ctx.timed(self.due, self.sent));
        self.due = ctx.now;
        self.opened = ctx.now;
        self.set_flag(RETRIED, false);
        if self.step.index() + 1 < ctx.script.scenario.http.len() {
            self.step.0 += 1;
            let keep = reusable && !ctx.script.scenario.sends_once;
            ctx.commands.keep = keep;
            ctx.commands.disconnect = !keep;
            return self.dial_http(ctx);
        }
        ctx.commands.disconnect = true;
        ctx.commands.reusable = reusable;
        if ctx.script.scenario.websocket.is_some() {
            self.dial_websocket(ctx);
        } else {
            ctx.observer.completed(ctx.who);
            self.over(ctx);
        }
    }

    /// Fails with what has come of the answer as evidence.
    pub(super) fn fail_with_partial_answer<O: Observer>(&mut self, fault: Fault, ctx: &mut Context<'_, O>) {
        let evidence = match self.take_setup(ctx) {
            Some(setup) => {
                let evidence = evidence_of(&setup.answer);
                self.put_setup(setup, ctx);
                evidence
            }
            None => Vec::new(),
        };
        self.fail(fault, &evidence, ctx);
    }

    /// What this session's templates may refer to now.
    pub(super) fn scope<'t, O>(&self, taken: &'t [String], sequence: u32, ctx: &Context<'_, O>) -> Scope<'t> {
        self.scope_at(ctx.now, taken, sequence, ctx)
    }

    /// What templates could refer to at an earlier instant: the same bytes come out again.
    pub(super) fn scope_at<'t, O>(
        &self,
        at: Tick,
        taken: &'t [String],
        sequence: u32,
        ctx: &Context<'_, O>,
    ) -> Scope<'t> {
        let held = if self.is_open() { at.since(self.opened).as_micros() / 1_000 } else { 0 };
        Scope {
            member_id: ctx.who.member_id,
            challenge_id: ctx.who.challenge_id,
            session: ctx.who.session,
            now_ms: (ctx.unix_micros - ctx.now.since(at).as_micros()) / 1_000,
            held_ms: held,
            sequence,
            taken,
        }
    }
}

/// Whether a request may be sent again though it may have been read (RFC 9110, 9.2.2).
fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

/// Whether the answer's body is of interest: values are taken from it, or it may tell why the step
/// was refused.
fn is_read(step: &HttpStep, answer: &ResponseReader) -> bool {
    answer.status().is_some_and(|status| !step.expect.contains(&status))
        || step.take.iter().any(|take| matches!(take.from, TakeFrom::Body(_)))
}

/// Fields that say what to do about a refusal.
const TELLING_FIELDS: [&str; 3] = ["Location", "WWW-Authenticate", "Retry-After"];

/// What shows why an answer was refused: the fields that say so, then the body.
pub(super) fn evidence_of(answer: &ResponseReader) -> Vec<u8> {
    let mut evidence = Vec::new();
    for name in TELLING_FIELDS {
        for value in answer.headers(name) {
            evidence.extend_from_slice(format!("{name}: {value}\n").as_bytes());
        }
    }
    evidence.extend_from_slice(&readable_body(answer));
    evidence
}

/// The body without its codings where they can be undone, else as it came.
fn readable_body(answer: &ResponseReader) -> Cow<'_, [u8]> {
    answer.decoded_body().unwrap_or(Cow::Borrowed(answer.body()))
}

/// Appends the request; a taken value that would break it is a fault, and the request useless.
fn write_request(
    step: &HttpStep,
    authority: &str,
    cookies: &Jar,
    scope: &Scope<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    out.extend_from_slice(step.method.as_bytes());
    out.push(b' ');
    step.path.render(scope, out);
    let breaks_line = |value: &str| value.bytes().any(|b| !b.is_ascii_graphic() || b == b'#');
    refuse_taken(step.path.taken().map(|(value, _)| value), breaks_line, scope)?;
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    out.extend_from_slice(authority.as_bytes());
    out.extend_from_slice(b"\r\nUser-Agent: startline/");
    out.extend_from_slice(env!("CARGO_PKG_VERSION").as_bytes());
    out.extend_from_slice(b"\r\n");
    write_fields(&step.headers, scope, out);
    cookies.write_field(out);
    match &step.body {
        Some(body) => {
            refuse_unquotable(body, scope)?;
            let mut rendered = Vec::new();
            body.render(scope, &mut rendered);
            out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", rendered.len()).as_bytes());
            out.extend_from_slice(&rendered);
        }
        // RFC 9110, 8.6: a method that may have content says so when it has none.
        None if matches!(step.method.as_str(), "POST" | "PUT" | "PATCH") => {
            out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        }
        None => out.extend_from_slice(b"\r\n"),
    }
    Ok(())
}

/// Refuses a taken value that would end the JSON string in which a template puts it.
pub(super) fn refuse_unquotable(template: &Template, scope: &Scope<'_>) -> Result<(), Fault> {
    let is_json = matches!(template.literal_start().trim_ascii_start().first(), Some(b'{' | b'['));
    let quoted = template.taken().filter(|(_, in_string)| is_json && *in_string).map(|(value, _)| value);
    refuse_taken(quoted, |value| value.contains(['"', '\\']), scope)
}

/// Refuses the first of these taken values that breaks where it is to stand.
pub(super) fn refuse_taken(
    mut values: impl Iterator<Item = u8>,
    breaks: impl Fn(&str) -> bool,
    scope: &Scope<'_>,
) -> Result<(), Fault> {
    let text = |value: u8| scope.taken.get(usize::from(value)).map_or("", String::as_str);
    values.find(|value| breaks(text(*value))).map_or(Ok(()), |value| Err(Fault::ValueUnusable(value)))
}

/// Appends header fields.
pub(super) fn write_fields(fields: &[(String, Template)], scope: &Scope<'_>, out: &mut Vec<u8>) {
    for (name, value) in fields {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        value.render(scope, out);
        out.extend_from_slice(b"\r\n");
    }
}

fn take_values(takes: &[Take], answer: &ResponseReader, taken: &mut [String]) -> Result<(), Fault> {
    let decoded;
    let mut body = None;
    if takes.iter().any(|take| matches!(take.from, TakeFrom::Body(_))) {
        decoded = answer.decoded_body().map_err(http_fault)?;
        body = Some(Json::read(&decoded).ok_or(Fault::BodyNotJson)?);
    }
    let headers = |name: &str| answer.headers(name).map(String::from).collect();
    for take in takes {
        let value = take.text(body, &headers).ok_or(Fault::ValueMissing(take.value))?;
        // A line break would become a header field of its own making.
        if value.is_empty() || value.len() > TAKEN_BYTES_MAX || value.chars().any(char::is_control) {
            return Err(Fault::ValueUnusable(take.value));
        }
        taken[usize::from(take.value)] = value;
    }
    Ok(())
}

/// The name of a refused answer, which came after this time: the first of the scenario's that fits,
/// else its status.
pub fn refusal(scenario: &Scenario, step: &HttpStep, (status, took): (u16, Duration), body: &[u8]) -> Fault {
    let json = Json::read(body);
    let text = String::from_utf8_lossy(body);
    let fits = |error: &&NamedError| {
        error.status.is_none_or(|wanted| wanted == status)
            && error.field.as_ref().is_none_or(|(pointer, wanted)| {
                let text = json.and_then(|json| json.text(pointer));
                text.is_some_and(|text| wanted.contains(&text))
            })
            && error.contains.as_ref().is_none_or(|wanted| text.contains(wanted.as_str()))
            && error.after.as_ref().is_none_or(|after| after.contains(&took))
    };
    step.errors.iter().find(fits).map_or(Fault::HttpStatus(status), |error| scenario.named(error.error))
}

pub(super) fn http_fault(error: HttpError) -> Fault {
    match error {
        HttpError::Malformed => Fault::HttpMalformed,
        HttpError::Framing => Fault::HttpFraming,
        HttpError::HeadTooLarge => Fault::HttpHeadTooLarge,
        HttpError::TooManyFields => Fault::HttpTooManyFields,
        HttpError::BodyTooLarge => Fault::BodyTooLarge,
        HttpError::Coding => Fault::BodyCoding,
        HttpError::HeadTruncated => Fault::ClosedEarly,
        HttpError::BodyTruncated => Fault::BodyTruncated,
    }
}

/// The first bytes of an answer that went wrong: its body if it has one by now, else what was just
/// read.
fn broken_answer(answer: &ResponseReader, read: &[u8]) -> Vec<u8> {
    let bytes = if answer.body().is_empty() { read } else { answer.body() };
    bytes[..bytes.len().min(super::ending::EVIDENCE_BYTES_MAX)].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(status: u16, took_ms: u64, message: &str) -> String {
        let scenario = Scenario::runnity();
        let body = format!(r#"{{"isSuccess":false,"code":{status},"message":"{message}"}}"#);
        let took = Duration::from_millis(took_ms);
        refusal(&scenario, &scenario.http[1], (status, took), body.as_bytes()).key(&scenario)
    }

    #[test]
    fn messages_are_known_with_and_without_their_full_stop() {
        for stop in ["", "."] {
            let named = |text: &str| named(400, 5, &format!("{text}{stop}"));
            assert_eq!(named("존재하지 않는 회원입니다"), "MEMBER_NOT_FOUND");
            assert_eq!(named("참가 상태가 유효하지 않습니다"), "INVALID_PARTICIPATION_STATUS");
            assert_eq!(named("서버 내부 오류입니다"), "INTERNAL_SERVER_ERROR");
        }
        assert_eq!(named(400, 5, "존재하지 않는 회원입니다!"), "http-400");
    }

    #[test]
    fn an_exhausted_pool_is_known_by_its_time_alone() {
        for (took_ms, name) in [
            (5, "INTERNAL_SERVER_ERROR"),
            (29_499, "INTERNAL_SERVER_ERROR"),
            (29_500, "POOL_EXHAUSTED"),
            (31_000, "POOL_EXHAUSTED"),
            (31_001, "INTERNAL_SERVER_ERROR"),
        ] {
            assert_eq!(named(500, took_ms, "서버 내부 오류입니다."), name, "after {took_ms} ms");
        }
    }
}
