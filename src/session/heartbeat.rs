//! Heartbeats: periodic messages at open + k · interval (plus the wait for the worker's next slot),
//! and what became of each.
//!
//! Knows no record: [`super::replies`] says which message one answers. Invariants: of each heartbeat
//! at most one message is outstanding; each falls due once and ends as answered, timed out, missed
//! or pending; a reply answers the oldest message that waits for one, so a late reply never answers
//! the next message.
//!
//! Where replies carry no echo, one that comes after message k + 1 while k's is still expected can
//! be either's. One that comes as soon as replies come lately ([`super::waits`]) is k + 1's: k's was
//! lost, or comes after it. Any other is k's, late. One lost reply costs one cycle, and so does one
//! that is late.

use startline_os::tick::Tick;
use startline_protocol::websocket::Opcode;

use super::side::Beat;
use super::{Context, NO_ERROR, OLDER_PONG_DUE, Observer, PING_OUTSTANDING, PingFailed, Session, Timer};
use crate::fault::Fault;
use crate::measure::{PingEvent, Timed};
use crate::scenario::every::{EveryIndex, Reply};

impl Session {
    /// How a heartbeat stands: the first in the session itself, further ones beside it.
    pub(super) fn beat<O>(&self, every: EveryIndex, ctx: &Context<'_, O>) -> Beat {
        match ctx.script.rhythm.heartbeat_of(every) {
            0 => Beat {
                due: self.due,
                sent: self.sent,
                late: self.late_pongs,
                missed: self.missed,
                outstanding: self.flag(PING_OUTSTANDING),
                older_due: self.flag(OLDER_PONG_DUE),
            },
            further => ctx.side.beat(ctx.row, further - 1),
        }
    }

    fn set_beat<O>(&mut self, every: EveryIndex, beat: Beat, ctx: &mut Context<'_, O>) {
        match ctx.script.rhythm.heartbeat_of(every) {
            0 => {
                self.due = beat.due;
                self.sent = beat.sent;
                self.late_pongs = beat.late;
                self.missed = beat.missed;
                self.set_flag(PING_OUTSTANDING, beat.outstanding);
                self.set_flag(OLDER_PONG_DUE, beat.older_due);
            }
            further => ctx.side.set_beat(ctx.row, further - 1, beat),
        }
    }

    /// The heartbeat's message falls due for the k-th time.
    pub(super) fn heartbeat_due<O: Observer>(
        &mut self,
        every: EveryIndex,
        due: Tick,
        k: u32,
        ctx: &mut Context<'_, O>,
    ) {
        let script = ctx.script;
        let Some((message, pace)) = script.every(every) else { return };
        let mut beat = self.beat(every, ctx);
        if beat.outstanding {
            beat.missed = beat.missed.saturating_add(1);
            self.set_beat(every, beat, ctx);
            let waited = ctx.timed(beat.due, beat.sent);
            ctx.observer.ping(ctx.who, every, PingEvent::Missed { stalled: waited.stalled });
            return self.ping_failed(every, Fault::PingMissed, waited, ctx);
        }
        let opcode = if matches!(message.reply, Reply::Pong) { Opcode::Ping } else { script.opcode() };
        let interval_ms = self.interval_ms(pace, ctx);
        self.send_every(&message.send, opcode, (k, interval_ms), ctx);
        self.tell_sent(every, message, (k, interval_ms), ctx);
        self.note_sent(pace, k, ctx);
        let sent = ctx.now;
        let beat = Beat { due, sent, outstanding: true, older_due: false, missed: 0, ..beat };
        self.set_beat(every, beat, ctx);
        ctx.commands.timers.push_back((Timer::Reply(every), sent + pace.timeout));
        ctx.observer.ping(ctx.who, every, PingEvent::Sent);
    }

    /// A reply came that tells nothing of which message it answers.
    pub(super) fn pong<O: Observer>(&mut self, every: EveryIndex, ctx: &mut Context<'_, O>) {
        // Whatever error there was, the session has outlived it.
        self.last_error = NO_ERROR;
        let timeout = ctx.script.rhythm.pace(every).timeout;
        if ctx.now.reached(self.beat(every, ctx).sent + timeout) {
            // Its timer is about to come: deadlines are looked at less often than sockets.
            self.reply_overdue(every, ctx);
        }
        let mut beat = self.beat(every, ctx);
        let heartbeat = ctx.script.rhythm.heartbeat_of(every);
        let round_trip = ctx.now.since(beat.sent);
        let answers =
            beat.outstanding && (beat.late == 0 || ctx.waits.is_usual(heartbeat, round_trip, timeout));
        if !answers {
            return self.older_pong(every, ctx);
        }
        if beat.late == 0 {
            ctx.waits.answered(heartbeat, round_trip);
        }
        beat.older_due = beat.late > 0;
        beat.late = 0;
        self.set_beat(every, beat, ctx);
        self.answered_well(every, ctx);
    }

    /// A reply came that does not answer the outstanding message.
    pub(super) fn older_pong<O: Observer>(&mut self, every: EveryIndex, ctx: &mut Context<'_, O>) {
        let mut beat = self.beat(every, ctx);
        let event = if beat.late > 0 {
            beat.late -= 1;
            PingEvent::Late
        } else if beat.older_due {
            beat.older_due = false;
            PingEvent::Late
        } else {
            PingEvent::Unasked
        };
        self.set_beat(every, beat, ctx);
        ctx.observer.ping(ctx.who, every, event);
    }

    /// The outstanding message itself has been answered, whatever older ones are still expected.
    pub(super) fn answered<O: Observer>(&mut self, every: EveryIndex, ctx: &mut Context<'_, O>) {
        self.last_error = NO_ERROR;
        let beat = self.beat(every, ctx);
        if ctx.now.reached(beat.sent + ctx.script.rhythm.pace(every).timeout) {
            self.reply_overdue(every, ctx);
            let mut beat = self.beat(every, ctx);
            beat.late = beat.late.saturating_sub(1);
            self.set_beat(every, beat, ctx);
            return ctx.observer.ping(ctx.who, every, PingEvent::Late);
        }
        let heartbeat = ctx.script.rhythm.heartbeat_of(every);
        ctx.side.instead(heartbeat).take(ctx.row);
        ctx.waits.answered(heartbeat, ctx.now.since(beat.sent));
        self.answered_well(every, ctx);
    }

    /// Ends the outstanding message's cycle well.
    fn answered_well<O: Observer>(&mut self, every: EveryIndex, ctx: &mut Context<'_, O>) {
        let beat = self.end_cycle(every, ctx);
        let timed = ctx.timed(beat.due, beat.sent);
        ctx.observer.ping(ctx.who, every, PingEvent::Answered(timed));
    }

    /// Ends the outstanding message's cycle, and reports how long the messages waited that fell due
    /// while it was outstanding: they were not sent, and have no latency.
    fn end_cycle<O: Observer>(&mut self, every: EveryIndex, ctx: &mut Context<'_, O>) -> Beat {
        let mut beat = self.beat(every, ctx);
        let missed = std::mem::take(&mut beat.missed);
        beat.outstanding = false;
        self.set_beat(every, beat, ctx);
        if missed > 0 {
            let pace = ctx.script.rhythm.pace(every);
            let (mut due, mut k) = (beat.due, self.sequence_sent(pace, beat.due, ctx));
            for _ in 0..missed {
                k += 1;
                due = self.due_after(pace, due, k, ctx);
                ctx.observer.ping(ctx.who, every, PingEvent::MissedWaited(ctx.now.since(due)));
            }
        }
        beat
    }

    /// The time for the outstanding message's reply is over.
    pub(super) fn reply_overdue<O: Observer>(&mut self, every: EveryIndex, ctx: &mut Context<'_, O>) {
        if !self.beat(every, ctx).outstanding {
            return;
        }
        let mut beat = self.end_cycle(every, ctx);
        beat.late = beat.late.saturating_add(1);
        self.set_beat(every, beat, ctx);
        let waited = ctx.timed(beat.due, beat.sent);
        ctx.observer.ping(ctx.who, every, PingEvent::TimedOut { stalled: waited.stalled });
        self.ping_failed(every, Fault::PingTimeout, waited, ctx);
    }

    /// A cycle has failed; with what came instead of its reply.
    fn ping_failed<O: Observer>(
        &self,
        every: EveryIndex,
        fault: Fault,
        waited: Timed,
        ctx: &mut Context<'_, O>,
    ) {
        let came = self.came_instead(every, ctx);
        let failed = PingFailed { fault, waited, came: came.as_deref() };
        ctx.observer.ping_failed(ctx.who, every, self.server, failed);
    }

    /// The timer for a reply has come, unless it is an earlier message's.
    pub(super) fn reply_timer<O: Observer>(
        &mut self,
        every: EveryIndex,
        due: Tick,
        ctx: &mut Context<'_, O>,
    ) {
        if due == self.beat(every, ctx).sent + ctx.script.rhythm.pace(every).timeout {
            self.reply_overdue(every, ctx);
        }
    }

    /// What is on its way now is neither answered nor failed; whether its reply may still come.
    pub(super) fn settle_heartbeats<O: Observer>(&mut self, goes_on: bool, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        for every in script.rhythm.heartbeats() {
            if !self.beat(every, ctx).outstanding {
                continue;
            }
            let mut beat = self.end_cycle(every, ctx);
            beat.late = beat.late.saturating_add(u8::from(goes_on));
            self.set_beat(every, beat, ctx);
            ctx.observer.ping(ctx.who, every, PingEvent::Pending);
        }
    }

    /// Closes the heartbeats' accounts.
    pub fn close_accounts<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        if self.is_open() {
            self.settle_heartbeats(true, ctx);
        }
    }
}
