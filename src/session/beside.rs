//! An HTTP request that a session makes beside its WebSocket: asked for in one of the steps after the
//! 101, made by a session of its own, answered to the one that asked.
//!
//! Knows no socket. Invariants: what asks keeps nothing for it but two flags and what its steps keep
//! anyhow; the request is a session that makes one request and nothing else, whose end is told to
//! whoever drives it and to no observer; its failure is that of the step that asked.

use startline_protocol::http::cookies::Jar;

use super::setup::Setup;
use super::{ASKED, BESIDE, CAME, Context, Observer, Phase, Session};
use crate::fault::Fault;
use crate::scenario::StepIndex;

/// A request to make.
#[derive(Debug)]
pub struct Ask {
    /// Which step's.
    step: StepIndex,
    /// Values by index.
    taken: Vec<String>,
    cookies: Jar,
}

/// How a request has ended.
#[derive(Debug)]
pub struct Answered {
    /// Its fault, with evidence in which no secret is, if it has failed.
    outcome: Result<(), (Fault, Vec<u8>)>,
    /// Values by index, its own among them.
    taken: Vec<String>,
    cookies: Jar,
}

impl Session {
    /// Asks for the request of the step that begins.
    pub(super) fn ask<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let kept = self.take_kept(ctx).unwrap_or_default();
        let mut taken = kept.taken.clone();
        taken.resize(ctx.script.scenario.takes, String::new());
        let ask = Ask { step: self.step_index(ctx.script), taken, cookies: kept.cookies.clone() };
        self.put_kept(kept, ctx);
        self.set_flag(ASKED, true);
        ctx.commands.ask = Some(Box::new(ask));
    }

    /// The request that it has asked for is over.
    pub fn request_answered<O: Observer>(&mut self, answered: Answered, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let step =
            self.own_step(&script.scenario).filter(|_| self.phase == Phase::Opening && self.flag(ASKED));
        let Some((step, request)) = step.and_then(|step| Some((step, step.request.as_ref()?))) else {
            return;
        };
        if let Err((fault, evidence)) = answered.outcome {
            return self.fail(fault, &evidence, ctx);
        }
        let mut kept = self.take_kept(ctx).unwrap_or_default();
        for take in &request.take {
            kept.set(take.value, &answered.taken[usize::from(take.value)], script.scenario.takes);
        }
        kept.cookies = answered.cookies;
        self.put_kept(kept, ctx);
        self.set_flag(ASKED, false);
        if step.awaits.is_empty() || self.flag(CAME) {
            self.after_done(ctx);
        }
    }

    /// Begins as the request of another session.
    pub fn begin_beside<O: Observer>(&mut self, ask: Ask, ctx: &mut Context<'_, O>) {
        debug_assert_eq!(self.phase, Phase::Idle);
        (self.step, self.due, self.opened) = (ask.step, ctx.now, ctx.now);
        self.set_flag(BESIDE, true);
        let setup = Setup { taken: ask.taken, cookies: ask.cookies, ..Setup::new(ctx.script) };
        self.put_setup(Box::new(setup), ctx);
        self.dial_http(false, ctx);
    }

    /// Whether it is the request of another session.
    pub(super) fn is_beside(&self) -> bool {
        self.flag(BESIDE) && matches!(self.phase, Phase::Dialing | Phase::Awaiting)
    }

    /// Ends as the request of another session, which is to hear of it.
    pub(super) fn end_beside<O>(&mut self, outcome: Result<(), (Fault, Vec<u8>)>, ctx: &mut Context<'_, O>) {
        if let Some(setup) = self.take_setup(ctx) {
            let Setup { taken, cookies, .. } = *setup;
            ctx.commands.answered = Some(Box::new(Answered { outcome, taken, cookies }));
        }
        self.drop_beside(ctx);
    }

    /// Ends as the request of another session, which is over.
    pub fn drop_beside<O>(&mut self, ctx: &mut Context<'_, O>) {
        drop(self.take_spill(ctx));
        self.phase = Phase::Over;
        ctx.commands.disconnect = true;
        ctx.commands.connect = None;
    }
}
