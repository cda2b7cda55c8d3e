//! The steps after the upgrade: each pauses, sends, awaits a kind, takes values from it.
//!
//! Knows no frame; records come matched. Invariants: the session is open as soon as the last step is
//! done; a step's time begins where the one before has ended plus its pause; what was taken is kept
//! until then and no longer.

use startline_os::tick::Ticks;

use super::http::all_taken;
use super::mismatch::Sought;
use super::request::refuse_unquotable;
use super::secrets::{Came, Kept};
use super::values::Values;
use super::{ASKED, CAME, Context, NO_ERROR, Observer, Phase, STEP_SENT, Session, Timer, rhythm};
use crate::fault::Fault;
use crate::foreign;
use crate::measure::Timed;
use crate::scenario::every::Interval;
use crate::scenario::steps::{Step, Whose};
use crate::scenario::{MessageType, Scenario, StepIndex};

/// Bytes kept of the first record that is not awaited.
const UNMATCHED_BYTES_MAX: usize = 200;

impl Session {
    /// The 101 is there: the first step begins, or the session is open.
    pub(super) fn begin_steps<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        self.phase = Phase::Opening;
        // From here to the last step's end it opens.
        self.opened = ctx.now;
        self.begin_after(0, ctx);
    }

    fn begin_after<O: Observer>(&mut self, step: u8, ctx: &mut Context<'_, O>) {
        self.step = StepIndex(step);
        self.late_pongs = 0;
        self.missed = 0;
        for flag in [STEP_SENT, ASKED, CAME] {
            self.set_flag(flag, false);
        }
        let Some(after) = ctx.script.rhythm.after(step) else { return self.open_now(ctx) };
        let pause = after.pause(ctx.number());
        self.due = ctx.now + pause;
        self.sent = self.due;
        if pause == Ticks::ZERO {
            return self.send_step(ctx);
        }
        self.deadline = self.due;
        ctx.commands.timers.push_back((Timer::Pause(step), self.due));
    }

    /// The pause before a step is over.
    pub(super) fn paused<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        self.send_step(ctx);
    }

    fn send_step<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let (Some(step), Some(after)) = (self.own_step(&script.scenario), script.rhythm.after(self.step.0))
        else {
            return;
        };
        if let Some(send) = &step.send {
            let kept = self.take_kept(ctx);
            let taken = kept.as_ref().map_or(&[][..], |kept| &kept.taken);
            let scope = self.scope(taken, 0, ctx);
            let usable = refuse_unquotable(send, &scope);
            if usable.is_ok() {
                self.send_rendered(send, script.opcode(), &scope, ctx);
            }
            if let Some(kept) = kept {
                self.put_kept(kept, ctx);
            }
            if let Err(fault) = usable {
                return self.fail(fault, &[], ctx);
            }
        }
        if step.request.is_some() {
            self.ask(ctx);
        }
        self.sent = ctx.now;
        if step.enters {
            self.enters(ctx);
        }
        if step.awaits.is_empty() {
            if !self.flag(ASKED) {
                self.after_done(ctx);
            }
            return;
        }
        self.set_flag(STEP_SENT, true);
        self.deadline = ctx.now + after.timeout;
        ctx.commands.timers.push_back((Timer::Await(self.step.0), self.deadline));
    }

    pub(super) fn own_step<'s>(&self, scenario: &'s Scenario) -> Option<&'s Step> {
        scenario.websocket.as_ref()?.steps.get(self.step.index())
    }

    /// A record came while the session opens.
    ///
    /// # Errors
    /// It is the one that is awaited, and lacks a value that is to be taken.
    pub(super) fn awaited<O: Observer>(
        &mut self,
        kind: MessageType,
        values: &Values<'_>,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let script = ctx.script;
        self.late_pongs = self.late_pongs.saturating_add(1);
        if kind != MessageType::OTHER {
            self.missed = self.missed.saturating_add(1);
        }
        let own_step = self.own_step(&script.scenario).filter(|_| self.flag(STEP_SENT));
        let Some(step) = own_step.filter(|step| step.awaits.contains(&kind)) else {
            if self.late_pongs == 1 {
                self.keep_first(kind, values, ctx);
            }
            return Ok(());
        };
        if !self.is_own(&step.whose, values, ctx) {
            let is_known = self.kept_came(ctx).is_some_and(|came| came.is_mismatch && self.late_pongs > 1);
            if let Some(sought) = Sought::of(&step.whose).filter(|_| !is_known) {
                let name = values.kinds.get(kind).map_or("record", |kind| &kind.name);
                let text = sought.mismatch(values.kinds, name, sought.found(values), ctx.scratch);
                self.keep_came(Came { text, is_mismatch: true }, ctx);
            }
            return Ok(());
        }
        self.take_from(step, values, ctx)?;
        if self.flag(ASKED) {
            // Another record is none of this step's.
            self.set_flag(STEP_SENT, false);
            self.set_flag(CAME, true);
            return Ok(());
        }
        self.after_done(ctx);
        Ok(())
    }

    /// The first record since the step began is not what is awaited: it may show why the step fails.
    fn keep_first<O: Observer>(&mut self, kind: MessageType, values: &Values<'_>, ctx: &mut Context<'_, O>) {
        let shown = self.redacted(values.start(), ctx);
        let shown = foreign::bytes(&shown[..shown.len().min(UNMATCHED_BYTES_MAX)]);
        let text = match values.kinds.get(kind) {
            Some(kind) => format!("the first is of the kind {:?}: {shown}", kind.name),
            None => format!("the first of no known kind: {shown}"),
        };
        self.keep_came(Came { text, is_mismatch: false }, ctx);
    }

    fn keep_came<O: Observer>(&mut self, came: Came, ctx: &mut Context<'_, O>) {
        let mut kept = self.take_kept(ctx).unwrap_or_default();
        kept.came = Some(came);
        self.put_kept(kept, ctx);
    }

    /// Whether a record of the awaited kind answers this session: what is wanted in it is in the scratch
    /// then.
    fn is_own<O: Observer>(&mut self, whose: &Whose, values: &Values<'_>, ctx: &mut Context<'_, O>) -> bool {
        let Some(sought) = Sought::of(whose) else { return true };
        let kept = self.take_kept(ctx);
        let taken = kept.as_ref().map_or(&[][..], |kept| &kept.taken);
        let scope = self.scope_at(self.sent, all_taken(taken, ctx), 0, ctx);
        ctx.scratch.clear();
        sought.wanted.render(&scope, ctx.scratch);
        if let Some(kept) = kept {
            self.put_kept(kept, ctx);
        }
        sought.found(values).is_some_and(|found| sought.is_met(found, ctx.scratch))
    }

    fn take_from<O: Observer>(
        &mut self,
        step: &Step,
        values: &Values<'_>,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        if step.take.is_empty() {
            return Ok(());
        }
        let script = ctx.script;
        let mut kept = self.take_kept(ctx).unwrap_or_default();
        let took = step.take.iter().try_for_each(|(value, place)| {
            let text = match values.get(*place) {
                Some(bytes) => std::str::from_utf8(bytes).map_err(|_| Fault::ValueUnusable(*value))?,
                None if values.is_too_long(*place) => return Err(Fault::ValueTooLong(*value)),
                None if is_optional(&script.scenario, *value) => "",
                None => return Err(Fault::ValueMissing(*value)),
            };
            if text.chars().any(char::is_control) {
                return Err(Fault::ValueUnusable(*value));
            }
            kept.set(*value, text, script.scenario.takes);
            ctx.observer.took(*value, text);
            Ok(())
        });
        // A server's interval is this step's, if it is out of range.
        let took = took.and_then(|()| {
            let of_this = |value: u8| step.take.iter().any(|(taken, _)| *taken == value);
            script
                .given_intervals()
                .filter(|(_, value)| of_this(*value))
                .try_for_each(|(interval, _)| rhythm::given(interval, &kept.taken).map(|_| ()))
        });
        self.put_kept(kept, ctx);
        took
    }

    pub(super) fn after_done<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let places = ctx.script.places;
        let own = places.after(self.step.0);
        // A single step may be all of `open`.
        if own != places.open() {
            self.step_ok(own, ctx.timed(self.due, self.sent), ctx);
        }
        self.begin_after(self.step.0 + 1, ctx);
    }

    /// A step succeeded: of a first entry, or of an attempt to come back.
    pub(super) fn step_ok<O: Observer>(&self, step: StepIndex, timed: Timed, ctx: &mut Context<'_, O>) {
        match self.is_again() {
            true => ctx.observer.step_again(step, timed),
            false => ctx.observer.step_ok(step, timed),
        }
    }

    /// The last step is done: the session holds from here, and its heartbeats count from here.
    fn open_now<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let kept = self.take_kept(ctx).unwrap_or_default();
        let usable = self.refuse_unusable(&kept.taken, ctx);
        if let Err(fault) = usable.and_then(|()| self.keep_given(&kept.taken, ctx)) {
            return self.fail(fault, &[], ctx);
        }
        ctx.vault.keep(ctx.row, &kept.taken, &ctx.script.scenario.kept);
        self.step_ok(ctx.script.places.open(), ctx.timed(self.opened, self.opened), ctx);
        let is_again = self.is_again();
        self.phase = Phase::Held;
        self.be_young();
        self.last_error = NO_ERROR;
        self.opened = ctx.now;
        match is_again {
            true => self.recovered(ctx),
            false => ctx.observer.opened(ctx.who, self.server),
        }
        self.begin_every(ctx);
    }

    /// Refuses values that would break what the open session sends.
    fn refuse_unusable<O: Observer>(&self, taken: &[String], ctx: &Context<'_, O>) -> Result<(), Fault> {
        let Some(websocket) = &ctx.script.scenario.websocket else { return Ok(()) };
        let scope = self.scope(taken, 0, ctx);
        websocket.messages_held().try_for_each(|message| refuse_unquotable(message, &scope))
    }

    /// The awaited record did not come in time: whose fault that is, and what came instead.
    pub(super) fn awaited_in_vain<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let Some(step) = self.own_step(&script.scenario) else { return };
        let kinds = script.scenario.websocket.as_ref().map(|websocket| &websocket.kinds);
        let names: Vec<&str> =
            step.awaits.iter().filter_map(|kind| kinds?.names().nth(usize::from(kind.0))).collect();
        let names = names.join(" or ");
        let (came, matched) = (self.late_pongs, self.missed);
        let fault = if came > 0 && matched == 0 { Fault::NoKindMatched } else { Fault::StepTimeout };
        let mut evidence = match came {
            0 => format!("no message came, {names} was awaited"),
            u8::MAX => format!("255 messages or more came, none was the {names} awaited"),
            1 => format!("1 message came, not the {names} awaited"),
            count => format!("{count} messages came, none was the {names} awaited"),
        };
        if let Some(kept) = self.kept_came(ctx).filter(|_| came > 0) {
            evidence += &format!("; {}", kept.text);
        }
        self.fail(fault, evidence.as_bytes(), ctx);
    }
}

/// Whether a value may be missing: a periodic message has an interval for that case.
fn is_optional(scenario: &Scenario, index: u8) -> bool {
    let every = scenario.websocket.iter().flat_map(|websocket| &websocket.every);
    every
        .clone()
        .any(|every| matches!(every.interval, Interval::Given { value, or: Some(_), .. } if value == index))
}

impl Kept {
    pub(super) fn set(&mut self, value: u8, text: &str, values: usize) {
        if self.taken.len() < values {
            self.taken.resize(values, String::new());
        }
        text.clone_into(&mut self.taken[usize::from(value)]);
    }
}
