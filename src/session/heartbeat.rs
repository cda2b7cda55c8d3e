//! PINGs at open + k · interval (plus the wait for the worker's next slot), their PONGs, and
//! records.
//!
//! Invariants: at most one PING is outstanding; each falls due once and ends as answered, timed
//! out, missed or pending; a PONG answers the oldest PING that waits for one, so a late PONG never
//! answers the next PING.
//!
//! PONGs carry no echo, so a lost PONG looks like one that comes after the next PING: counted as
//! above, every later cycle of the session would fail for one loss. A PONG that answers an older
//! PING within a tenth of the timeout after the outstanding one was sent is therefore also taken as
//! a sign that the older one's was lost: when the outstanding PING then times out, no late PONG is
//! expected for it. One lost PONG costs two cycles, not all.

use startline_os::tick::{Tick, Ticks};
use startline_protocol::websocket::{Opcode, write_frame};

use super::{Context, NO_ERROR, Observer, PING_OUTSTANDING, PROMPT_LATE, Session, Timer};
use crate::measure::PingEvent;
use crate::scenario::template::{Scope, Template};

/// "Soon after a PING": this share of the PONG's timeout.
const PROMPT_SHARE: u32 = 10;

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
            return ctx.observer.ping(ctx.who, PingEvent::Missed);
        }
        let sequence = self.sequence(due, script.delays.ping);
        self.send_text(&ping.message, sequence, ctx);
        self.due = due;
        self.sent = ctx.now;
        self.deadline = ctx.now + script.delays.pong;
        self.set_flag(PING_OUTSTANDING, true);
        self.set_flag(PROMPT_LATE, false);
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
        let event = if self.late_pongs > 0 {
            self.late_pongs -= 1;
            let prompt = ctx.now.since(self.sent).raw() <= ctx.script.delays.pong.raw() / PROMPT_SHARE;
            self.set_flag(PROMPT_LATE, self.flag(PING_OUTSTANDING) && prompt);
            PingEvent::Late
        } else if self.flag(PING_OUTSTANDING) {
            self.set_flag(PING_OUTSTANDING, false);
            PingEvent::Answered { from_due: ctx.now.since(self.due), from_sent: ctx.now.since(self.sent) }
        } else {
            PingEvent::Unasked
        };
        ctx.observer.ping(ctx.who, event);
    }

    pub(super) fn pong_overdue<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        if !self.flag(PING_OUTSTANDING) {
            return;
        }
        self.set_flag(PING_OUTSTANDING, false);
        if !self.flag(PROMPT_LATE) {
            self.late_pongs = self.late_pongs.saturating_add(1);
        }
        ctx.observer.ping(ctx.who, PingEvent::TimedOut);
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
        // Taken values are gone by now; the compiler of scenarios lets none stand here.
        let scope = self.scope(&[], sequence, ctx);
        self.send_rendered(template, &scope, ctx);
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
