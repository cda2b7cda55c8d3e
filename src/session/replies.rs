//! Replies that identify their PING: the same message back, or one that carries a value of it.
//!
//! No copy of a PING is kept: its due time gives its sequence, the instant at which it was sent
//! gives its milliseconds, so the last one is rendered again when a reply has to be compared, also
//! piece by piece. Of earlier ones only the constant start is known. Invariant: such a reply answers
//! its own PING or none, and other text never does; the guesses of [`super::heartbeat`] are only for
//! PINGs that do not differ from each other.

use super::{Context, NO_ERROR, Observer, PING_OUTSTANDING, Phase, Session};
use crate::fault::Fault;
use crate::measure::PingEvent;
use crate::scenario::template::Template;
use crate::scenario::{MessageType, Reply, WebSocket};

/// How many PINGs back a late reply is recognised.
const LOOK_BACK: u32 = 16;

/// How far a message has been compared with the last PING.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Echo {
    compared: usize,
    wanted: usize,
    differs: bool,
    /// It differs in what all PINGs begin with.
    starts_otherwise: bool,
}

impl Echo {
    fn is_same(self) -> bool {
        !self.differs && self.wanted > 0 && self.compared == self.wanted
    }

    /// Whether it may be an earlier PING: it begins with `start`, which says something.
    fn starts_with(self, start: &[u8]) -> bool {
        !self.starts_otherwise && !start.is_empty() && self.compared >= start.len()
    }
}

impl Session {
    /// Whether text that comes now may be a PING come back.
    pub(super) fn awaits_same(&self, websocket: &WebSocket) -> bool {
        self.phase == Phase::Held
            && websocket.ping.as_ref().is_some_and(|ping| matches!(ping.reply, Reply::Same))
    }

    /// Compares the next piece of a message with the last PING.
    pub(super) fn compare_piece<O: Observer>(
        &self,
        echo: &mut Echo,
        piece: &[u8],
        websocket: &WebSocket,
        ctx: &mut Context<'_, O>,
    ) {
        let Some(ping) = &websocket.ping else { return };
        let start = ping.message.literal_start().get(echo.compared..).unwrap_or_default();
        let common = start.len().min(piece.len());
        echo.starts_otherwise |= start[..common] != piece[..common];
        if !echo.differs {
            self.render_as_sent(&ping.message, 0, ctx);
            echo.wanted = ctx.scratch.len();
            echo.differs = !ctx.scratch.get(echo.compared..).unwrap_or_default().starts_with(piece);
        }
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
        let is_outstanding = self.flag(PING_OUTSTANDING);
        if echo.is_same() {
            match ping.message.is_unique() {
                true if is_outstanding => self.answered(ctx),
                true => self.older_pong(ctx),
                false => self.pong(ctx),
            }
        } else if self.late_pongs > 0 && echo.starts_with(ping.message.literal_start()) {
            self.older_pong(ctx);
        } else if is_outstanding {
            let evidence = self.redacted(payload, ctx);
            ctx.observer.error_message(ctx.who, self.server, Fault::ReplyMismatch, &evidence);
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
            Some(_) => self.older_pong(ctx),
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
        ctx.waits.answered(ctx.now.since(self.sent));
        self.ping_answered(ctx);
    }

    /// Renders into the scratch what went out with the last PING, or with the one `back` before it
    /// as far as that can be known.
    fn render_as_sent<O: Observer>(&self, template: &Template, back: u32, ctx: &mut Context<'_, O>) {
        let sequence = self.sequence(self.due, ctx.script.delays.ping).wrapping_sub(back);
        let mut scratch = std::mem::take(ctx.scratch);
        scratch.clear();
        template.render(&self.scope_open(self.sent, sequence, ctx), &mut scratch);
        *ctx.scratch = scratch;
    }
}
