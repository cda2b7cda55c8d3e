//! Periodic messages: when each is due, who sends it, and what goes out.
//!
//! Knows nothing of replies but which messages are heartbeats ([`super::heartbeat`]). Invariants:
//! each instant at which one is due is arithmetic on the plan's seed, the session, the message's
//! name and how often it has been due; of messages that await nothing no burst makes up for a stall.

use startline_os::tick::{Tick, Ticks};
use startline_protocol::websocket::{Opcode, write_frame};

use super::rhythm::{self, Pace};
use super::side::Count;
use super::{Context, Observer, Session, Timer};
use crate::fault::Fault;
use crate::measure::PingEvent;
use crate::measure::acts::{Deed, Key};
use crate::scenario::every::{Every, EveryIndex, Reply};
use crate::scenario::template::{Scope, Template};

impl Session {
    /// The session is open: arms the first of each message that it sends.
    pub(super) fn begin_every<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        for (every, pace) in script.rhythm.paces() {
            if !pace.on || !pace.draws.takes_part(pace.share, ctx.number()) {
                continue;
            }
            let timer = (Timer::First(every), self.first_due(pace, ctx));
            ctx.commands.timers.push_back(timer);
        }
    }

    fn first_due<O>(&self, pace: &Pace, ctx: &Context<'_, O>) -> Tick {
        match (pace.is_irregular, pace.count) {
            (true, Some(index)) => self.due_after(pace, ctx.now, ctx.side.count(ctx.row, index).due, ctx),
            _ => ctx.slots.first_due(ctx.now, self.interval(pace, 0, ctx)),
        }
    }

    /// The interval before the k-th time.
    fn interval<O>(&self, pace: &Pace, k: u32, ctx: &Context<'_, O>) -> Ticks {
        match pace.given {
            Some(given) => ctx.side.given(ctx.row, given),
            None => pace.interval(ctx.number(), k),
        }
    }

    /// When the k-th is due after one that was due at `due`.
    pub(super) fn due_after<O>(&self, pace: &Pace, due: Tick, k: u32, ctx: &Context<'_, O>) -> Tick {
        let next = due + self.interval(pace, k, ctx);
        // Those of one slot share a wake-up; regular ones met in their slot from the first on.
        if pace.is_irregular { ctx.slots.next(next, pace.slot) } else { next }
    }

    /// One falls due.
    pub(super) fn every_due<O: Observer>(&mut self, every: EveryIndex, due: Tick, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let Some((message, pace)) = script.every(every).filter(|(_, pace)| pace.on) else { return };
        let k = self.times_due(pace, due, ctx);
        let next = self.due_after(pace, due, k + 1, ctx);
        if message.times.is_none_or(|times| k + 1 < times) {
            ctx.commands.timers.push_back((Timer::Next(every), next));
        }
        ctx.observer.ping(ctx.who, every, PingEvent::Due);
        if matches!(message.reply, Reply::None) {
            if ctx.now.reached(next) {
                // The next one is due already.
                let stalled = ctx.stalled_since(due);
                return ctx.observer.ping(ctx.who, every, PingEvent::Missed { stalled });
            }
            let interval_ms = self.interval_ms(pace, ctx);
            self.send_every(&message.send, script.opcode(), (k, interval_ms), ctx);
            self.tell_sent(every, message, (k, interval_ms), ctx);
            ctx.observer.ping(ctx.who, every, PingEvent::Sent);
            return self.finish_if_there(message, (k, interval_ms), ctx);
        }
        self.heartbeat_due(every, due, k, ctx);
    }

    /// The session ends if this message, which was just sent, said that its runner has finished.
    fn finish_if_there<O: Observer>(
        &mut self,
        message: &Every,
        (sequence, interval_ms): (u32, u64),
        ctx: &mut Context<'_, O>,
    ) {
        let Some(runner) = message.finish else { return };
        let scope = Scope {
            session: ctx.who.session,
            members: Some(&ctx.script.members),
            sequence,
            interval_ms,
            seed: ctx.script.seed,
            ..Scope::default()
        };
        if scope.distance_cm(runner) == runner.finish_cm {
            self.finish(ctx);
        }
    }

    /// How often this message has been due before, in the connections before, too; counts it where that
    /// cannot be computed.
    fn times_due<O>(&self, pace: &Pace, due: Tick, ctx: &mut Context<'_, O>) -> u32 {
        let Some(index) = pace.count else { return self.sequence(due, self.interval(pace, 0, ctx)) };
        let count = ctx.side.count(ctx.row, index);
        ctx.side.set_count(ctx.row, index, Count { due: count.due + 1, ..count });
        count.due
    }

    /// How often something due at open + (k + 1) · `interval` has been due before: k.
    pub(super) fn sequence(&self, due: Tick, interval: Ticks) -> u32 {
        (self.ticks_until(due) / u64::from(interval.raw().max(1))).saturating_sub(1) as u32
    }

    /// The number of the last message that was sent, which was due at `due`.
    pub(super) fn sequence_sent<O>(&self, pace: &Pace, due: Tick, ctx: &Context<'_, O>) -> u32 {
        match pace.count {
            Some(index) => ctx.side.count(ctx.row, index).sent,
            None => self.sequence(due, self.interval(pace, 0, ctx)),
        }
    }

    /// Remembers the number of what is sent, where it cannot be computed.
    pub(super) fn note_sent<O>(&self, pace: &Pace, k: u32, ctx: &mut Context<'_, O>) {
        if let Some(index) = pace.count {
            let count = ctx.side.count(ctx.row, index);
            ctx.side.set_count(ctx.row, index, Count { sent: k, ..count });
        }
    }

    /// Keeps the intervals that the server gave this session.
    ///
    /// # Errors
    /// One is out of range, or no number.
    pub(super) fn keep_given<O>(&self, taken: &[String], ctx: &mut Context<'_, O>) -> Result<(), Fault> {
        let script = ctx.script;
        for (every, pace) in script.rhythm.paces() {
            let Some(index) = pace.given else { continue };
            let Some((message, _)) = script.every(every) else { continue };
            let interval = rhythm::given(&message.interval, taken)?;
            ctx.side.set_given(ctx.row, index, interval);
        }
        Ok(())
    }

    /// The mean interval of a periodic message, as templates know it.
    pub(super) fn interval_ms<O>(&self, pace: &Pace, ctx: &Context<'_, O>) -> u64 {
        match pace.given {
            Some(given) => ctx.side.given(ctx.row, given).as_micros() / 1_000,
            None => pace.mean_ms(),
        }
    }

    /// Appends a frame with what an open session says for the k-th time, at this interval (0: once).
    pub(super) fn send_every<O: Observer>(
        &self,
        template: &Template,
        opcode: Opcode,
        (k, interval_ms): (u32, u64),
        ctx: &mut Context<'_, O>,
    ) {
        // Beside the context while the scope borrows from it.
        let vault = std::mem::take(ctx.vault);
        let scope = Scope { interval_ms, ..self.scope_open(&vault, ctx.now, k, ctx) };
        self.send_rendered(template, opcode, &scope, ctx);
        *ctx.vault = vault;
    }

    /// Tells that a periodic message was sent which its server announces.
    pub(super) fn tell_sent<O: Observer>(
        &self,
        every: EveryIndex,
        message: &Every,
        (k, interval_ms): (u32, u64),
        ctx: &mut Context<'_, O>,
    ) {
        let Some(equals) = &message.broadcast else { return };
        let vault = std::mem::take(ctx.vault);
        let scope = Scope { interval_ms, ..self.scope_open(&vault, ctx.now, k, ctx) };
        ctx.scratch.clear();
        equals.render(&scope, ctx.scratch);
        *ctx.vault = vault;
        self.acts(Deed::sent(every), Key::of(ctx.scratch), ctx);
    }

    /// Appends a frame of a template with what it may refer to at hand.
    pub(super) fn send_rendered<O: Observer>(
        &self,
        template: &Template,
        opcode: Opcode,
        scope: &Scope<'_>,
        ctx: &mut Context<'_, O>,
    ) {
        ctx.scratch.clear();
        template.render(scope, ctx.scratch);
        ctx.observer.sends(template, scope);
        let key = self.mask_key(ctx);
        write_frame(ctx.out, opcode, Some(key), ctx.scratch);
    }
}
