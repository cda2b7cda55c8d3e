//! How a session ends: failed, closed by either side, or abandoned.
//!
//! Invariant: however it ends, the spill is released, the connection is dropped, and exactly one of
//! the observer's `completed`, `closed` and `abandoned`, or `failed` (after `closed` if it was
//! open) has been called.

use startline_protocol::websocket::write_close;

use super::script::Script;
use super::{Context, NO_ERROR, Observer, PEER_CLOSED, Phase, Session, Timer};
use crate::fault::{Excuse, Fault};
use crate::measure::CloseEnd;
use crate::measure::acts::{Deed, Key};

/// Bytes of a peer's answer kept with a failure.
pub(super) const EVIDENCE_BYTES_MAX: usize = 512;

impl Session {
    /// Begins the end of an open session: the quit message if asked for, then close 1000. A session
    /// that is still being set up is abandoned.
    pub fn end<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        match self.phase {
            Phase::Held => self.begin_close(ctx),
            Phase::Idle | Phase::Over => {}
            Phase::Closing => _ = self.ends_away(ctx),
            Phase::Away => {
                self.ends_away(ctx);
                self.over(ctx);
            }
            _ if self.ends_away(ctx) => self.over(ctx),
            _ => {
                let asked = (self.phase == Phase::Awaiting).then_some(self.step);
                ctx.observer.abandoned(ctx.who, asked);
                self.over(ctx);
            }
        }
    }

    fn begin_close<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let quit = script.scenario.websocket.as_ref().and_then(|websocket| websocket.quit.as_ref());
        if let (true, Some(quit)) = (script.quit, quit) {
            self.send_every(quit, script.opcode(), (0, 0), ctx);
        }
        self.account_end(ctx);
        ctx.observer.left_in_order(ctx.who);
        let key = self.mask_key(ctx);
        write_close(ctx.out, Some(key), 1000, "");
        self.acts(Deed::LEAVE, Key::default(), ctx);
        self.await_close(ctx);
    }

    /// Ends an open session that has done what it is there for: it closes with 1000, and sends nothing
    /// else.
    pub(super) fn finish<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        self.account_end(ctx);
        ctx.observer.finished(ctx.who);
        let key = self.mask_key(ctx);
        write_close(ctx.out, Some(key), 1000, "");
        self.acts(Deed::LEAVE, Key::default(), ctx);
        self.await_close(ctx);
    }

    fn await_close<O>(&mut self, ctx: &mut Context<'_, O>) {
        self.phase = Phase::Closing;
        self.deadline = ctx.now + ctx.script.delays.close;
        ctx.commands.timers.push_back((Timer::Close, self.deadline));
    }

    /// The peer's close frame. Ours, sent before, it answers; otherwise it is answered (RFC 6455,
    /// 5.5.1) and the session has failed: nobody asked for an end.
    pub(super) fn close_received<O: Observer>(
        &mut self,
        code: u16,
        payload: &[u8],
        ctx: &mut Context<'_, O>,
    ) {
        if self.phase == Phase::Closing {
            ctx.observer.close_ended(CloseEnd::Clean);
            ctx.commands.finish = true;
            // The rest of the time that the handshake has is for the connection's end.
            return self.set_flag(PEER_CLOSED, true);
        }
        let key = self.mask_key(ctx);
        write_close(ctx.out, Some(key), if code == 1005 { 1000 } else { code }, "");
        let ends_well = &ctx.script.scenario.websocket.as_ref().map_or(&[][..], |it| &it.closes[..]);
        if self.is_open() && ends_well.contains(&code) {
            self.account_end(ctx);
            drop(self.take_spill(ctx));
            self.set_flag(PEER_CLOSED, true);
            ctx.commands.finish = true;
            return self.await_close(ctx);
        }
        // The codes that follow an error message; any other close has reasons of its own.
        let fault = match code {
            1008 | 1011 | 4000..=4999 => self.named_close(Fault::Closed(code), ctx.script),
            _ => Fault::Closed(code),
        };
        self.book_failure(fault, payload.get(2..).unwrap_or_default(), ctx);
        drop(self.take_spill(ctx));
        self.set_flag(PEER_CLOSED, true);
        ctx.commands.finish = true;
        self.await_close(ctx);
    }

    /// What ends a closing session: the connection's end, or that the time for it is over.
    pub(super) fn close_ended<O: Observer>(&mut self, end: CloseEnd, ctx: &mut Context<'_, O>) {
        if !self.flag(PEER_CLOSED) {
            ctx.observer.close_ended(end);
        }
        self.over(ctx);
    }

    /// The error message that announced a close, if one came since the last PONG; else the close
    /// itself.
    pub(super) fn named_close(&self, close: Fault, script: &Script) -> Fault {
        if self.last_error == NO_ERROR { close } else { script.scenario.named(self.last_error) }
    }

    /// Fails the session.
    pub(super) fn fail<O: Observer>(&mut self, fault: Fault, evidence: &[u8], ctx: &mut Context<'_, O>) {
        if self.is_beside() {
            let evidence = self.redacted(evidence, ctx).into_owned();
            return self.end_beside(Err((fault, evidence)), ctx);
        }
        self.book_failure(fault, evidence, ctx);
        self.over(ctx);
    }

    fn book_failure<O: Observer>(&mut self, fault: Fault, evidence: &[u8], ctx: &mut Context<'_, O>) {
        let step = self.step_index(ctx.script);
        let fault = if self.is_explained_by_a_stall(fault, ctx) { Fault::StalledHere } else { fault };
        let was_open = self.is_open();
        if was_open {
            self.account_end(ctx);
        }
        let evidence = self.redacted(evidence, ctx);
        let evidence = &evidence[..evidence.len().min(EVIDENCE_BYTES_MAX)];
        if self.drops((step, fault), evidence, was_open, ctx) {
            return;
        }
        ctx.observer.failed(ctx.who, self.server, step, fault, evidence);
    }

    /// Whether a stall of this machine explains the fault.
    fn is_explained_by_a_stall<O>(&self, fault: Fault, ctx: &Context<'_, O>) -> bool {
        fault.excuses().iter().any(|excuse| match excuse {
            Excuse::Stall => ctx.stalled_since(self.sent),
            Excuse::LongStall => ctx.waits.may_be_given_up(ctx.now, ctx.script.rhythm.shortest()),
            Excuse::Lag | Excuse::SourceLost => false,
        })
    }

    /// Closes the accounts of an open session.
    fn account_end<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        self.settle_heartbeats(false, ctx);
        ctx.observer.closed(ctx.who, self.server, self.age(ctx.now));
    }

    /// Releases everything that the session holds; it is away if it comes back.
    pub(super) fn over<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        if self.goes_away(ctx) {
            return;
        }
        drop(self.take_spill(ctx));
        ctx.vault.forget(ctx.row);
        self.phase = Phase::Over;
        ctx.commands.disconnect = true;
        ctx.commands.connect = None;
    }
}
