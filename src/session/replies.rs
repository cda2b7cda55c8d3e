//! Replies that identify their PING: the same message back, or one that carries a value of it.
//!
//! No copy of a PING is kept: its due time gives its sequence, the instant at which it was sent
//! gives its milliseconds, so it is rendered again when a reply has to be compared, also piece by
//! piece. Invariant: such a reply answers its own PING or none; the guesses of [`super::heartbeat`]
//! are only for PINGs that do not differ from each other.

use super::{Context, NO_ERROR, Observer, PING_OUTSTANDING, Phase, Session};
use crate::fault::Fault;
use crate::measure::PingEvent;
use crate::scenario::template::Template;
use crate::scenario::{MessageType, Reply, WebSocket};

/// How many PINGs back a late reply is recognised.
const LOOK_BACK: u32 = 16;

/// How far a message has been compared with the PING.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Echo {
    compared: usize,
    wanted: usize,
    differs: bool,
}

impl Echo {
    fn is_same(self) -> bool {
        !self.differs && self.wanted > 0 && self.compared == self.wanted
    }
}

impl Session {
    /// Whether text that comes now may be a PING come back.
    pub(super) fn awaits_same(&self, websocket: &WebSocket) -> bool {
        self.phase == Phase::Held
            && websocket.ping.as_ref().is_some_and(|ping| matches!(ping.reply, Reply::Same))
    }

    /// Compares the next piece of a message with the outstanding PING.
    pub(super) fn compare_piece<O: Observer>(
        &self,
        echo: &mut Echo,
        piece: &[u8],
        websocket: &WebSocket,
        ctx: &mut Context<'_, O>,
    ) {
        let Some(ping) = websocket.ping.as_ref().filter(|_| self.flag(PING_OUTSTANDING)) else {
            echo.differs = true;
            return;
        };
        self.render_as_sent(&ping.message, 0, ctx);
        echo.wanted = ctx.scratch.len();
        let rest = ctx.scratch.get(echo.compared..).unwrap_or_default();
        echo.differs |= !rest.starts_with(piece);
        echo.compared += piece.len();
    }

    /// Ends a message that was compared; `false` if it is not the PING and may be any of the
    /// scenario's messages.
    pub(super) fn compared<O: Observer>(
        &mut self,
        echo: Echo,
        bytes: u64,
        payload: &[u8],
        websocket: &WebSocket,
        ctx: &mut Context<'_, O>,
    ) -> bool {
        let Some(ping) = &websocket.ping else { return false };
        if !echo.is_same() && !websocket.messages.is_empty() {
            return false;
        }
        ctx.observer.message(MessageType::OTHER, bytes);
        if echo.is_same() {
            if ping.message.is_unique() { self.answered(ctx) } else { self.pong(ctx) }
        } else if self.late_pongs > 0 {
            self.late_pongs -= 1;
            ctx.observer.ping(ctx.who, PingEvent::Late);
        } else if self.flag(PING_OUTSTANDING) {
            let evidence = self.redacted(payload, ctx);
            ctx.observer.error_message(ctx.who, Fault::ReplyMismatch, &evidence);
        } else {
            ctx.observer.ping(ctx.who, PingEvent::Unasked);
        }
        true
    }

    /// A message of role reply came; with `value` at the place that tells whose it is, if the
    /// scenario has one.
    pub(super) fn reply<O: Observer>(
        &mut self,
        value: Option<&str>,
        websocket: &WebSocket,
        ctx: &mut Context<'_, O>,
    ) {
        let Some(ping) = &websocket.ping else { return };
        let Reply::Matching { equals, .. } = &ping.reply else { return self.pong(ctx) };
        let Some(value) = value else { return };
        // Earlier instants are not known, earlier sequences are.
        let back = if equals.is_timeless() { LOOK_BACK } else { 1 };
        let of = (0..back).find(|back| {
            self.render_as_sent(equals, *back, ctx);
            ctx.scratch == value.as_bytes()
        });
        match of {
            Some(0) if self.flag(PING_OUTSTANDING) => self.answered(ctx),
            Some(_) if self.late_pongs > 0 => {
                self.late_pongs -= 1;
                ctx.observer.ping(ctx.who, PingEvent::Late);
            }
            Some(_) => ctx.observer.ping(ctx.who, PingEvent::Unasked),
            // Someone else's.
            None => {}
        }
    }

    /// The outstanding PING itself has been answered, whatever older ones are still expected.
    fn answered<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        self.last_error = NO_ERROR;
        if ctx.now.reached(self.deadline) {
            self.pong_overdue(ctx);
            self.late_pongs = self.late_pongs.saturating_sub(1);
            return ctx.observer.ping(ctx.who, PingEvent::Late);
        }
        self.set_flag(PING_OUTSTANDING, false);
        let event =
            PingEvent::Answered { from_due: ctx.now.since(self.due), from_sent: ctx.now.since(self.sent) };
        ctx.observer.ping(ctx.who, event);
    }

    /// Renders into the scratch what went out with the last PING, or with the one `back` before it
    /// as far as that can be known.
    fn render_as_sent<O: Observer>(&self, template: &Template, back: u32, ctx: &mut Context<'_, O>) {
        let sequence = self.sequence(self.due, ctx.script.delays.ping).wrapping_sub(back);
        let scope = self.scope_at(self.sent, &[], sequence, ctx);
        ctx.scratch.clear();
        template.render(&scope, ctx.scratch);
    }
}
