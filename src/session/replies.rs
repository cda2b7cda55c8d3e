//! Which heartbeat a record answers: by its kind, by a value in it, by being the same message back.
//!
//! No copy of a message is kept: its due time gives its sequence, the instant at which it was sent
//! gives its milliseconds, so the last one is rendered again when a reply has to be compared, also
//! piece by piece. Of earlier ones only the constant start is known. Invariants: a reply that
//! identifies its message answers that one or none, and other records never do; the guesses of
//! [`super::heartbeat`] are only for messages that do not differ from each other; the first
//! heartbeat of the file that accepts a record takes it.

use super::mismatch::Sought;
use super::values::Values;
use super::{Context, Observer, Phase, Session};
use crate::fault::Fault;
use crate::scenario::MessageType;
use crate::scenario::every::{EveryIndex, Reply};
use crate::scenario::steps::Whose;
use crate::scenario::template::{Scope, Template};

/// How many messages back a late reply is recognised.
const LOOK_BACK: u32 = 16;

/// How far a record has been compared with the last message of the heartbeat that awaits the same.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Echo {
    compared: usize,
    wanted: usize,
    differs: bool,
    /// It differs in what all its messages begin with.
    starts_otherwise: bool,
}

impl Echo {
    fn is_same(self) -> bool {
        !self.differs && self.wanted > 0 && self.compared == self.wanted
    }

    /// Whether it may be an earlier message: it begins with `start`, which says something.
    fn starts_with(self, start: &[u8]) -> bool {
        !self.starts_otherwise && !start.is_empty() && self.compared >= start.len()
    }
}

impl Session {
    /// The heartbeat whose message may be a record that comes now.
    fn awaits_the_same<O>(&self, ctx: &Context<'_, O>) -> Option<EveryIndex> {
        ctx.script.rhythm.same().filter(|_| self.phase == Phase::Held)
    }

    /// Whether what comes now may be a message come back.
    pub(super) fn awaits_same<O>(&self, ctx: &Context<'_, O>) -> bool {
        self.awaits_the_same(ctx).is_some()
    }

    /// Compares the next piece of a record with the last message of the heartbeat that awaits the
    /// same.
    pub(super) fn compare_piece<O: Observer>(&self, echo: &mut Echo, piece: &[u8], ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let Some((every, (message, _))) =
            self.awaits_the_same(ctx).and_then(|every| Some((every, script.every(every)?)))
        else {
            return;
        };
        let start = message.send.literal_start().get(echo.compared..).unwrap_or_default();
        let common = start.len().min(piece.len());
        echo.starts_otherwise |= start[..common] != piece[..common];
        if !echo.differs {
            self.render_as_sent(every, &message.send, 0, ctx);
            echo.wanted = ctx.scratch.len();
            echo.differs = !ctx.scratch.get(echo.compared..).unwrap_or_default().starts_with(piece);
        }
        echo.compared += piece.len();
    }

    /// A record came while the session is open; whether a heartbeat took it.
    pub(super) fn replied<O: Observer>(
        &mut self,
        kind: MessageType,
        values: &Values<'_>,
        echo: Echo,
        ctx: &mut Context<'_, O>,
    ) -> bool {
        let script = ctx.script;
        for every in script.rhythm.heartbeats() {
            let Some((message, _)) = script.every(every) else { continue };
            let took = match &message.reply {
                Reply::None | Reply::Pong => false,
                Reply::Same => self.same_came(every, echo, &message.send, ctx),
                Reply::Kind { kind: awaited, .. } if *awaited != kind => false,
                Reply::Kind { whose: Whose::Any, .. } => {
                    self.pong(every, ctx);
                    true
                }
                Reply::Kind { whose, .. } => self.own_came(every, whose, values, ctx),
            };
            if took {
                return true;
            }
        }
        self.refuse_stranger(values, ctx);
        false
    }

    /// Where nothing else can come, a record that is not the message is an answer that is wrong.
    fn refuse_stranger<O: Observer>(&self, values: &Values<'_>, ctx: &mut Context<'_, O>) {
        let Some(every) = self.awaits_the_same(ctx) else { return };
        let script = ctx.script;
        let has_kinds =
            script.scenario.websocket.as_ref().is_some_and(|it| it.kinds.names().next().is_some());
        if !has_kinds && self.beat(every, ctx).outstanding {
            let evidence = self.redacted(values.start(), ctx);
            ctx.observer.error_message(ctx.who, self.server, Fault::ReplyMismatch, &evidence);
        }
    }

    fn same_came<O: Observer>(
        &mut self,
        every: EveryIndex,
        echo: Echo,
        send: &Template,
        ctx: &mut Context<'_, O>,
    ) -> bool {
        let beat = self.beat(every, ctx);
        if echo.is_same() {
            match send.is_unique() {
                true if beat.outstanding => self.answered(every, ctx),
                true => self.older_pong(every, ctx),
                false => self.pong(every, ctx),
            }
        } else if beat.late > 0 && echo.starts_with(send.literal_start()) {
            self.older_pong(every, ctx);
        } else {
            return false;
        }
        true
    }

    /// A record of the awaited kind came that says which message it answers.
    fn own_came<O: Observer>(
        &mut self,
        every: EveryIndex,
        whose: &Whose,
        values: &Values<'_>,
        ctx: &mut Context<'_, O>,
    ) -> bool {
        let Some(sought) = Sought::of(whose) else { return false };
        let found = sought.found(values);
        // Earlier instants are not known, earlier sequences are.
        let back = if sought.wanted.is_timeless() { LOOK_BACK } else { 1 };
        let of = found.and_then(|found| {
            (0..back).find(|back| {
                self.render_as_sent(every, sought.wanted, *back, ctx);
                sought.is_met(found, ctx.scratch)
            })
        });
        match of {
            Some(0) if self.beat(every, ctx).outstanding => self.answered(every, ctx),
            Some(_) => self.older_pong(every, ctx),
            // Someone else's, or not as the scenario says.
            None => {
                self.keep_instead(every, found, ctx);
                return false;
            }
        }
        true
    }

    /// A record of a heartbeat's kind is not the reply that is awaited: it may show why none comes.
    fn keep_instead<O: Observer>(&self, every: EveryIndex, found: Option<&[u8]>, ctx: &mut Context<'_, O>) {
        if self.beat(every, ctx).outstanding {
            let rhythm = &ctx.script.rhythm;
            let within = rhythm.pace(every).timeout;
            ctx.side.instead(rhythm.heartbeat_of(every)).keep(ctx.row, found, ctx.now, within);
        }
    }

    /// What came instead of the reply that has been waited for, in words; nothing is kept of it any more.
    pub(super) fn came_instead<O: Observer>(
        &self,
        every: EveryIndex,
        ctx: &mut Context<'_, O>,
    ) -> Option<String> {
        let script = ctx.script;
        let found = ctx.side.instead(script.rhythm.heartbeat_of(every)).take(ctx.row)?;
        let found = found.map(<[u8]>::to_vec);
        let kinds = &script.scenario.websocket.as_ref()?.kinds;
        let Reply::Kind { kind, whose } = &script.every(every)?.0.reply else { return None };
        let sought = Sought::of(whose)?;
        self.render_as_sent(every, sought.wanted, 0, ctx);
        let text = sought.mismatch(kinds, &kinds.get(*kind)?.name, found.as_deref(), ctx.scratch);
        Some(String::from_utf8_lossy(&self.redacted(text.as_bytes(), ctx)).into_owned())
    }

    /// A Pong came (RFC 6455, 5.5.3: with the payload of the Ping that it answers).
    pub(super) fn ponged<O: Observer>(&mut self, payload: &[u8], ctx: &mut Context<'_, O>) {
        if self.phase != Phase::Held {
            return;
        }
        let script = ctx.script;
        for every in script.rhythm.heartbeats() {
            let Some((message, _)) = script.every(every) else { continue };
            if !matches!(message.reply, Reply::Pong) {
                continue;
            }
            self.render_as_sent(every, &message.send, 0, ctx);
            let is_last = ctx.scratch.as_slice() == payload;
            let outstanding = self.beat(every, ctx).outstanding;
            let starts = payload.starts_with(message.send.literal_start());
            match (is_last, message.send.is_unique()) {
                (true, false) => self.pong(every, ctx),
                (true, true) if outstanding => self.answered(every, ctx),
                (true, true) => self.older_pong(every, ctx),
                (false, true) if starts && self.beat(every, ctx).late > 0 => self.older_pong(every, ctx),
                (false, _) => continue,
            }
            return;
        }
    }

    /// Renders into the scratch what went out with the last message, or with the one `back` before
    /// it as far as that can be known.
    fn render_as_sent<O: Observer>(
        &self,
        every: EveryIndex,
        template: &Template,
        back: u32,
        ctx: &mut Context<'_, O>,
    ) {
        let beat = self.beat(every, ctx);
        let pace = ctx.script.rhythm.pace(every);
        let sequence = self.sequence_sent(pace, beat.due, ctx).wrapping_sub(back);
        let interval_ms = self.interval_ms(pace, ctx);
        // Beside the context, from which the scope borrows.
        let mut scratch = std::mem::take(ctx.scratch);
        scratch.clear();
        let scope = Scope { interval_ms, ..self.scope_open(ctx.vault, beat.sent, sequence, ctx) };
        template.render(&scope, &mut scratch);
        *ctx.scratch = scratch;
    }
}
