//! PINGs at open + k · interval (plus the wait for the worker's next slot), their PONGs, and
//! records.
//!
//! Invariants: at most one PING is outstanding; each falls due once and ends as answered, timed
//! out, missed or pending; a PONG answers the oldest PING that waits for one, so a late PONG never
//! answers the next PING.
//!
//! PONGs carry no echo, so a PONG that comes after PING k + 1 while k's is still expected can be
//! either's. One that comes as soon as replies come lately ([`super::waits`]) is k + 1's: k's was
//! lost, or comes after it. Any other is k's, late. One lost PONG costs one cycle, and so does one
//! that is late.

use startline_os::tick::{Tick, Ticks};
use startline_protocol::websocket::{Opcode, write_frame};

use super::{Context, NO_ERROR, OLDER_PONG_DUE, Observer, PING_OUTSTANDING, Session, Timer};
use crate::fault::Fault;
use crate::measure::PingEvent;
use crate::scenario::template::{Scope, Template};

impl Session {
    pub(super) fn ping_due<O: Observer>(&mut self, due: Tick, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let Some(ping) = script.scenario.websocket.as_ref().and_then(|websocket| websocket.ping.as_ref())
        else {
            return;
        };
        ctx.commands.timers.push_back((Timer::NextPing, due + script.delays.ping));
        ctx.observer.ping(ctx.who, PingEvent::Due);
        if self.flag(PING_OUTSTANDING) {
            self.missed = self.missed.saturating_add(1);
            let waited = ctx.timed(self.due, self.sent);
            ctx.observer.ping(ctx.who, PingEvent::Missed { stalled: waited.stalled });
            return ctx.observer.ping_failed(ctx.who, self.server, Fault::PingMissed, waited);
        }
        let sequence = self.sequence(due, script.delays.ping);
        self.send_text(&ping.message, sequence, ctx);
        self.due = due;
        self.sent = ctx.now;
        self.deadline = ctx.now + script.delays.pong;
        self.set_flag(PING_OUTSTANDING, true);
        self.set_flag(OLDER_PONG_DUE, false);
        ctx.commands.timers.push_back((Timer::Pong, self.deadline));
        ctx.observer.ping(ctx.who, PingEvent::Sent);
    }

    pub(super) fn pong<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        // Whatever error there was, the session has outlived it.
        self.last_error = NO_ERROR;
        if ctx.now.reached(self.deadline) {
            // Its timer is about to come: deadlines are looked at less often than sockets.
            self.pong_overdue(ctx);
        }
        let round_trip = ctx.now.since(self.sent);
        let answers = self.flag(PING_OUTSTANDING)
            && (self.late_pongs == 0 || ctx.waits.is_usual(round_trip, ctx.script.delays.pong));
        if answers {
            if self.late_pongs == 0 {
                ctx.waits.answered(round_trip);
            }
            self.set_flag(OLDER_PONG_DUE, self.late_pongs > 0);
            self.late_pongs = 0;
            return self.ping_answered(ctx);
        }
        self.older_pong(ctx);
    }

    /// A PONG came that does not answer the outstanding PING.
    pub(super) fn older_pong<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let event = if self.late_pongs > 0 {
            self.late_pongs -= 1;
            PingEvent::Late
        } else if self.flag(OLDER_PONG_DUE) {
            self.set_flag(OLDER_PONG_DUE, false);
            PingEvent::Late
        } else {
            PingEvent::Unasked
        };
        ctx.observer.ping(ctx.who, event);
    }

    /// Ends the outstanding PING's cycle well.
    pub(super) fn ping_answered<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        self.report_missed(ctx);
        self.set_flag(PING_OUTSTANDING, false);
        let timed = ctx.timed(self.due, self.sent);
        ctx.observer.ping(ctx.who, PingEvent::Answered(timed));
    }

    /// Reports how long the PINGs waited that fell due while this one was outstanding: they were
    /// not sent, and have no latency.
    pub(super) fn report_missed<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        for k in 1..=std::mem::take(&mut self.missed) {
            let due = self.due + ctx.script.delays.ping.times(k.into());
            ctx.observer.ping(ctx.who, PingEvent::MissedWaited(ctx.now.since(due)));
        }
    }

    pub(super) fn pong_overdue<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        if !self.flag(PING_OUTSTANDING) {
            return;
        }
        self.report_missed(ctx);
        self.set_flag(PING_OUTSTANDING, false);
        self.late_pongs = self.late_pongs.saturating_add(1);
        let waited = ctx.timed(self.due, self.sent);
        ctx.observer.ping(ctx.who, PingEvent::TimedOut { stalled: waited.stalled });
        ctx.observer.ping_failed(ctx.who, self.server, Fault::PingTimeout, waited);
    }

    pub(super) fn record_due<O: Observer>(&mut self, due: Tick, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let record = script.scenario.websocket.as_ref().and_then(|websocket| websocket.record.as_ref());
        let (Some(interval), Some(record)) = (script.record_interval, record) else { return };
        ctx.commands.timers.push_back((Timer::NextRecord, due + interval));
        if ctx.now.since(due) >= interval {
            // The next one is due already: no burst makes up for a stall.
            return;
        }
        let sequence = self.sequence(due, interval);
        self.send_text(record, sequence, ctx);
    }

    /// Closes the heartbeat's accounts: what is on its way now is neither answered nor failed.
    pub fn close_accounts<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        if self.is_open() && self.flag(PING_OUTSTANDING) {
            self.report_missed(ctx);
            self.set_flag(PING_OUTSTANDING, false);
            self.late_pongs = self.late_pongs.saturating_add(1);
            ctx.observer.ping(ctx.who, PingEvent::Pending);
        }
    }

    /// How often something due at open + (k + 1) · `interval` has been due before: k.
    pub(super) fn sequence(&self, due: Tick, interval: Ticks) -> u32 {
        (due.since(self.opened).raw() / interval.raw().max(1)).saturating_sub(1)
    }

    /// Appends a masked text frame with the rendered message.
    pub(super) fn send_text<O: Observer>(
        &self,
        template: &Template,
        sequence: u32,
        ctx: &mut Context<'_, O>,
    ) {
        // Rendered beside the context, of which the scope borrows the values that are kept.
        let mut scratch = std::mem::take(ctx.scratch);
        scratch.clear();
        template.render(&self.scope_open(ctx.now, sequence, ctx), &mut scratch);
        let key = self.mask_key(ctx);
        write_frame(ctx.out, Opcode::Text, Some(key), &scratch);
        *ctx.scratch = scratch;
    }

    /// The same with what the template may refer to at hand.
    pub(super) fn send_rendered<O: Observer>(
        &self,
        template: &Template,
        scope: &Scope<'_>,
        ctx: &mut Context<'_, O>,
    ) {
        ctx.scratch.clear();
        template.render(scope, ctx.scratch);
        let key = self.mask_key(ctx);
        write_frame(ctx.out, Opcode::Text, Some(key), ctx.scratch);
    }
}
