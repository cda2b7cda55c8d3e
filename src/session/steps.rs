//! The steps after the upgrade: each pauses, sends, awaits a kind, takes values from it.
//!
//! Knows no frame; records come matched. Invariants: the session is open as soon as the last step is
//! done; a step's time begins where the one before has ended plus its pause; what was taken is kept
//! until then and no longer.

use startline_os::tick::Ticks;

use super::http::all_taken;
use super::request::refuse_unquotable;
use super::secrets::Kept;
use super::values::Values;
use super::{Context, NO_ERROR, Observer, Phase, STEP_SENT, Session, Timer, rhythm};
use crate::fault::Fault;
use crate::foreign;
use crate::scenario::every::Interval;
use crate::scenario::steps::{Step, Whose};
use crate::scenario::{MessageType, Scenario, StepIndex};

/// Bytes kept of the first record that fits no kind.
const UNMATCHED_BYTES_MAX: usize = 200;

/// Bytes shown of a value.
const VALUE_SHOWN_MAX: usize = 60;

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
        self.set_flag(STEP_SENT, false);
        self.forget_strangers(ctx);
        let Some(after) = ctx.script.rhythm.after(step) else { return self.open_now(ctx) };
        let pause = after.pause(ctx.who.session.0);
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
        self.sent = ctx.now;
        if step.awaits.is_empty() {
            return self.after_done(ctx);
        }
        self.set_flag(STEP_SENT, true);
        self.deadline = ctx.now + after.timeout;
        ctx.commands.timers.push_back((Timer::Await(self.step.0), self.deadline));
    }

    fn own_step<'s>(&self, scenario: &'s Scenario) -> Option<&'s Step> {
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
        } else if self.late_pongs == 1 {
            self.keep_stranger(values.start(), ctx);
        }
        let Some(step) = self.own_step(&script.scenario).filter(|_| self.flag(STEP_SENT)) else {
            return Ok(());
        };
        if !step.awaits.contains(&kind) {
            return Ok(());
        }
        if !self.is_own(&step.whose, values, ctx) {
            self.keep_foreign(&step.whose, values, ctx);
            return Ok(());
        }
        self.take_from(step, values, ctx)?;
        self.after_done(ctx);
        Ok(())
    }

    /// The first record since the step began fits no kind: it may show why the step fails.
    fn keep_stranger<O: Observer>(&mut self, record: &[u8], ctx: &mut Context<'_, O>) {
        let shown = self.redacted(record, ctx);
        let shown = foreign::bytes(&shown[..shown.len().min(UNMATCHED_BYTES_MAX)]);
        let mut kept = self.take_kept(ctx).unwrap_or_default();
        kept.stranger = Some(shown);
        self.put_kept(kept, ctx);
    }

    /// The first record of the awaited kind is not this session's: its value may show why the step fails. What
    /// was awaited is in the scratch buffer.
    fn keep_foreign<O: Observer>(&mut self, whose: &Whose, values: &Values<'_>, ctx: &mut Context<'_, O>) {
        if self.foreign(ctx).is_some() {
            return;
        }
        let shown = |text: &[u8]| foreign::bytes(&text[..text.len().min(VALUE_SHOWN_MAX)]);
        let found = match whose {
            Whose::Equals { at, .. } | Whose::Starts { at: Some(at), .. } => {
                values.get(*at).unwrap_or_default()
            }
            Whose::Starts { at: None, .. } | Whose::Any => values.start(),
        };
        let pair = (shown(&self.redacted(found, ctx)), shown(&self.redacted(ctx.scratch, ctx)));
        let mut kept = self.take_kept(ctx).unwrap_or_default();
        kept.foreign = Some(pair);
        self.put_kept(kept, ctx);
    }

    /// Whether a record of the awaited kind answers this session.
    fn is_own<O: Observer>(&mut self, whose: &Whose, values: &Values<'_>, ctx: &mut Context<'_, O>) -> bool {
        let (found, wanted, is_whole) = match whose {
            Whose::Any => return true,
            Whose::Equals { at, equals } => (values.get(*at), equals, true),
            Whose::Starts { at: Some(at), starts } => (values.get(*at), starts, false),
            Whose::Starts { at: None, starts } => (Some(values.start()), starts, false),
        };
        ctx.scratch.clear();
        let kept = self.take_kept(ctx);
        let taken = kept.as_ref().map_or(&[][..], |kept| &kept.taken);
        let scope = self.scope_at(self.sent, all_taken(taken, ctx), 0, ctx);
        wanted.render(&scope, ctx.scratch);
        if let Some(kept) = kept {
            self.put_kept(kept, ctx);
        }
        let Some(found) = found else { return false };
        if is_whole { found == ctx.scratch.as_slice() } else { found.starts_with(ctx.scratch) }
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

    fn after_done<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let places = ctx.script.places;
        let own = places.after(self.step.0);
        // A single step may be all of `open`.
        if own != places.open() {
            ctx.observer.step_ok(own, ctx.timed(self.due, self.sent));
        }
        self.begin_after(self.step.0 + 1, ctx);
    }

    /// The last step is done: the session holds from here, and its heartbeats count from here.
    fn open_now<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let kept = self.take_kept(ctx).unwrap_or_default();
        let usable = self.refuse_unusable(&kept.taken, ctx);
        if let Err(fault) = usable.and_then(|()| self.keep_given(&kept.taken, ctx)) {
            return self.fail(fault, &[], ctx);
        }
        ctx.vault.keep(ctx.row, &kept.taken, &ctx.script.scenario.kept);
        ctx.observer.step_ok(ctx.script.places.open(), ctx.timed(self.opened, self.opened));
        self.phase = Phase::Held;
        self.last_error = NO_ERROR;
        self.opened = ctx.now;
        ctx.observer.opened(ctx.who, self.server);
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
        let (stranger, foreign) = (self.stranger(ctx), self.foreign(ctx));
        let (came, matched) = (self.late_pongs, self.missed);
        let fault = match (came, matched, &stranger) {
            (1.., 0, Some(_)) => Fault::NoKindMatched,
            _ => Fault::StepTimeout,
        };
        let mut evidence = match came {
            0 => format!("no message came, {names} was awaited"),
            u8::MAX => format!("255 messages or more came, none was the {names} awaited"),
            1 => format!("1 message came, not the {names} awaited"),
            count => format!("{count} messages came, none was the {names} awaited"),
        };
        if let Some((found, wanted)) = foreign {
            evidence += &format!("; the first of this kind says \"{found}\" where \"{wanted}\" was awaited");
        }
        if let Some(stranger) = stranger {
            evidence += &format!("; the first of no known kind: {stranger}");
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
    fn set(&mut self, value: u8, text: &str, values: usize) {
        if self.taken.len() < values {
            self.taken.resize(values, String::new());
        }
        text.clone_into(&mut self.taken[usize::from(value)]);
    }
}
