//! A session's HTTP steps: renders requests, reads answers, takes values, names refusals.
//!
//! All on one keep-alive connection, which is given up after the last answer; the engine may have
//! lent it. Invariants: an answer is judged only when it is complete or too long, and nothing is
//! assumed of its body except what the scenario takes; a request that may have been read is not sent
//! again, unless its method says that this changes nothing.

use std::time::Duration;

use startline_os::tick::Tick;
use startline_protocol::http::{BodyKept, HttpError, Limits, ResponseReader};

use super::redirects::is_redirect;
use super::request::{breaks_line, refuse_broken, write_request};
use super::setup::{Hop, Setup, evidence_of, readable_body};
use super::{Context, Observer, Phase, RETRIED, REUSED, Script, Session, Spill, Vault};
use crate::fault::Fault;
use crate::scenario::json::Json;
use crate::scenario::take::Body;
use crate::scenario::template::{Part, Scope, Taken};
use crate::scenario::{HttpStep, NamedError, Scenario, Take, TakeFrom};

/// Bytes of a taken value kept at most: tokens are some 200, URLs under 2,000.
const TAKEN_BYTES_MAX: usize = 8 << 10;

impl Session {
    /// Connects for the current step. The step's time starts here, so that the first one answers
    /// for its connection. `keep`: the connection at hand may carry it.
    pub(super) fn dial_http<O: Observer>(&mut self, keep: bool, ctx: &mut Context<'_, O>) {
        self.phase = Phase::Dialing;
        self.begin_step(ctx);
        let Some(mut setup) = self.take_setup(ctx) else { return };
        let script = ctx.script;
        let step = self.request(script);
        setup.hop = None;
        // Its path may be a URL that a server returned, and a redirect is relative to it.
        if step.follow > 0 || matches!(step.path.parts.first(), Some(Part::Taken(_))) {
            let mut rendered = Vec::new();
            let scope = self.scope(&setup.taken, 0, ctx);
            step.path.render(&scope, &mut rendered);
            let to = refuse_broken(&step.path, &scope, &rendered, breaks_line)
                .and_then(|()| script.http_destination(&String::from_utf8_lossy(&rendered)));
            match to {
                Ok(to) => setup.hop = Some(Hop::first(to)),
                Err(fault) => {
                    self.put_setup(setup, ctx);
                    return self.fail(fault, &rendered, ctx);
                }
            }
        }
        self.dial_request(setup, keep, ctx);
    }

    /// Connects to where the request at hand goes.
    pub(super) fn dial_request<O: Observer>(
        &mut self,
        mut setup: Box<Setup>,
        keep: bool,
        ctx: &mut Context<'_, O>,
    ) {
        let to = setup.hop.as_ref().map_or(ctx.script.home(), |hop| hop.to.endpoint);
        let had = setup.at.replace(to);
        self.put_setup(setup, ctx);
        self.phase = Phase::Dialing;
        self.set_flag(REUSED, false);
        ctx.commands.keep = keep && had == Some(to);
        ctx.commands.disconnect = had.is_some() && !ctx.commands.keep;
        ctx.commands.connect = Some(to);
    }

    fn begin_step<O>(&mut self, ctx: &mut Context<'_, O>) {
        self.sent = ctx.now;
        self.deadline = ctx.now + ctx.script.request_timeout(self.step);
        ctx.commands.timers.push_back((super::Timer::Step(self.step), self.deadline));
    }

    /// The request of its step.
    pub(super) fn request<'s>(&self, script: &'s Script) -> &'s HttpStep {
        script.scenario.request(self.step).expect("its step makes one")
    }

    pub(super) fn send_request<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let Some(mut setup) = self.take_setup(ctx) else { return };
        let script = ctx.script;
        let step = self.request(script);
        setup.answer = ResponseReader::new(Limits::default(), step.method == "HEAD");
        let scope = self.scope(&setup.taken, 0, ctx);
        let written = write_request(step, script, &setup, &scope, ctx.out);
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
        let step = self.request(script);
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
        let method = &self.request(ctx.script).method;
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
        let at = match ctx.spills.get(self.spill as usize) {
            Some(Spill::Setup(setup)) => setup.at,
            _ => None,
        };
        ctx.commands.disconnect = true;
        ctx.commands.connect = Some(at.unwrap_or(ctx.script.home()));
    }

    fn judge_answer<O: Observer>(&mut self, mut setup: Box<Setup>, reusable: bool, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let step = self.request(script);
        let status = setup.answer.status().unwrap_or(0);
        let is_home = setup.at.is_none_or(|at| at.host == script.home().host);
        if script.scenario.cookies && is_home {
            let Setup { answer, cookies, .. } = &mut *setup;
            let now_s = (ctx.unix_micros / 1_000_000) as i64;
            answer.headers("Set-Cookie").for_each(|field| cookies.set(field, now_s));
        }
        if !script.sends_cookies && setup.answer.header("Set-Cookie").is_some() {
            ctx.observer.cookie_unkept();
        }
        if is_redirect(step, status) && setup.answer.header("Location").is_some() {
            return self.follow(setup, reusable, ctx);
        }
        let is_lent_home = setup.at == Some(script.home());
        let verdict = if step.expect.contains(&status) {
            take_values(&step.take, &setup.answer, &mut setup.taken)
        } else {
            let took = Duration::from_micros(ctx.now.since(self.sent).as_micros());
            Err(refusal(&script.scenario, step, (status, took), &readable_body(&setup.answer)))
        };
        if verdict.is_err() {
            self.note_refusal(&setup.answer, ctx);
        }
        let mut evidence = if verdict.is_err() { evidence_of(&setup.answer) } else { Vec::new() };
        if let Err(Fault::ValueMissing(value)) = verdict
            && let Some(take) = step.take.iter().find(|take| take.value == value)
        {
            evidence.splice(..0, format!("nothing at {} in: ", take.from).into_bytes());
        }
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
                ctx.commands.reusable = reusable && is_lent_home;
            }
        }
    }

    fn step_done<O: Observer>(&mut self, reusable: bool, ctx: &mut Context<'_, O>) {
        if self.is_beside() {
            return self.end_beside(Ok(()), ctx);
        }
        self.step_ok(self.step, ctx.timed(self.due, self.sent), ctx);
        self.note_token(ctx);
        self.due = ctx.now;
        self.opened = ctx.now;
        self.set_flag(RETRIED, false);
        if self.step.index() + 1 < ctx.script.scenario.http.len() {
            self.step.0 += 1;
            let keep = reusable && !ctx.script.scenario.sends_once;
            return self.dial_http(keep, ctx);
        }
        let is_home = matches!(ctx.spills.get(self.spill as usize),
            Some(Spill::Setup(setup)) if setup.at == Some(ctx.script.home()));
        ctx.commands.disconnect = true;
        // Others' requests go to the target.
        ctx.commands.reusable = reusable && is_home;
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
    pub(super) fn scope<'t, O>(&self, taken: &'t [String], sequence: u32, ctx: &Context<'t, O>) -> Scope<'t> {
        self.scope_at(ctx.now, all_taken(taken, ctx), sequence, ctx)
    }

    /// The same while it is open: with the values that it has kept for that.
    pub(super) fn scope_open<'t, O>(
        &self,
        vault: &'t Vault,
        at: Tick,
        sequence: u32,
        ctx: &Context<'t, O>,
    ) -> Scope<'t> {
        self.scope_at(at, taken_open(vault, ctx), sequence, ctx)
    }

    /// What templates could refer to at an earlier instant: the same bytes come out again.
    pub(super) fn scope_at<'t, O>(
        &self,
        at: Tick,
        taken: Taken<'t>,
        sequence: u32,
        ctx: &Context<'t, O>,
    ) -> Scope<'t> {
        let held = self.age(at).as_millis() as u64;
        Scope {
            member_id: ctx.who.member_id,
            challenge_id: ctx.who.challenge_id,
            session: ctx.who.session,
            now_ms: (ctx.unix_micros - ctx.now.since(at).as_micros()) / 1_000,
            held_ms: held,
            sequence,
            interval_ms: 0,
            taken,
            members: Some(&ctx.script.members),
            seed: ctx.script.seed,
        }
    }
}

/// What an open session has kept of its values.
pub(super) fn taken_open<'t, O>(vault: &'t Vault, ctx: &Context<'t, O>) -> Taken<'t> {
    let scenario = &ctx.script.scenario;
    Taken::Packed { count: scenario.takes as u8, kept: &scenario.kept, bytes: vault.of(ctx.row) }
}

/// All taken values; or that there are none, where nothing had to be kept.
pub(super) fn all_taken<'t, O>(taken: &'t [String], ctx: &Context<'t, O>) -> Taken<'t> {
    let takes = ctx.script.scenario.takes;
    if taken.len() == takes { Taken::All(taken) } else { Taken::none(takes) }
}

/// Whether a request may be sent again though it may have been read (RFC 9110, 9.2.2).
fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

/// Whether the answer's body is of interest: values are taken from it, or it may tell why the step
/// was refused.
fn is_read(step: &HttpStep, answer: &ResponseReader) -> bool {
    answer.status().is_some_and(|status| !step.expect.contains(&status))
        || step.take.iter().any(|take| take.from.is_in_body())
}

fn take_values(takes: &[Take], answer: &ResponseReader, taken: &mut [String]) -> Result<(), Fault> {
    let decoded;
    let mut body = Body::default();
    if takes.iter().any(|take| take.from.is_in_body()) {
        decoded = answer.decoded_body().map_err(http_fault)?;
        body.text = &decoded;
    }
    if takes.iter().any(|take| matches!(take.from, TakeFrom::Body(_))) {
        body.json = Some(Json::read(body.text).ok_or(Fault::BodyNotJson)?);
    }
    let headers = |name: &str| answer.headers(name).map(String::from).collect();
    for take in takes {
        let value = take.from.text(body, &headers).ok_or(Fault::ValueMissing(take.value))?;
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
