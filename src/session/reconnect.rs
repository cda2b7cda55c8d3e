//! How a session that was open and dropped comes back: when its attempts begin, and when it is
//! given up.
//!
//! What it keeps for that lies beside it ([`Away`]), for scenarios with a policy and for plans that
//! cut sessions on purpose alone. Invariants: the wait before each attempt is arithmetic on the
//! policy, the seed, the session and how many attempts it has made; a drop ends as recovered, given
//! up or unfinished, once; no timer of one connection acts in the next, since the engine tells
//! their entries apart by `Side::generation`.

use startline_os::tick::{Tick, Ticks};
use startline_protocol::http::{ResponseReader, retry_after};

use super::draws::Draws;
use super::setup::Setup;
use super::{AGAIN, Context, NO_ERROR, Observer, Phase, RETRIED, Script, Session, Timer};
use crate::fault::Fault;
use crate::measure::Ended;
use crate::measure::acts::{Deed, Key};
use crate::measure::servers::ServerIndex;
use crate::scenario::StepIndex;
use crate::scenario::reconnect::Reconnect;
use crate::scenario::template::Taken;

/// Connections of a session that are told apart. Before the first number is used again, a session
/// waits until no timer can be armed.
pub const GENERATIONS: u8 = 32;

/// What the waits before attempts are drawn by.
const NAME: &str = "reconnect";

/// A drop that its policy, or the end of its time, has not ended: the session is away.
const DROPPED: u8 = 1;
/// Another attempt is to come.
const RETRIES: u8 = 1 << 1;
/// What the steps before `from` took is kept.
const TOKEN: u8 = 1 << 2;
/// A server has said when to come again at the earliest: that is in `due`.
const NOT_BEFORE: u8 = 1 << 3;
/// It was cut on purpose.
const CUT: u8 = 1 << 4;
/// The servers may have announced it since it last began: what comes next is another life of its member's.
const ENTERED: u8 = 1 << 5;

/// What a session keeps beside itself to come back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Away {
    /// When it dropped.
    since: Tick,
    /// When the next attempt is due.
    due: Tick,
    /// When what the steps before `from` took was taken.
    token_at: Tick,
    /// Attempts since it dropped.
    attempts: u16,
    /// Attempts before that.
    before: u16,
    /// Which of its connections it has.
    generation: u8,
    /// Why it dropped, by the observer's number.
    cause: u8,
    /// Where it was, by its number.
    server: u8,
    flags: u8,
}

impl Away {
    /// Of the session that begins in the same row: timers of the one before may be armed.
    pub(super) fn fresh(self) -> Self {
        Self { generation: self.generation, ..Self::default() }
    }

    /// Whether it dropped and is not back.
    pub(super) fn is_gone(self) -> bool {
        self.is(DROPPED)
    }

    pub(super) fn generation(self) -> u8 {
        self.generation
    }

    fn is(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn set(&mut self, flag: u8, on: bool) {
        self.flags = if on { self.flags | flag } else { self.flags & !flag };
    }
}

/// At most this many attempts a second: each takes a place in a row of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Storm {
    /// Between two places; zero: there is no limit.
    gap: f64,
    /// The next place, in ticks from `from`.
    next: f64,
    from: Tick,
}

impl Storm {
    /// A limit of this many a second.
    pub(super) fn new(rate: f64) -> Self {
        Self {
            gap: Ticks::from_duration(std::time::Duration::from_secs(1)).raw() as f64 / rate,
            ..Self::default()
        }
    }

    /// The first free place at this instant or after it, which is taken.
    fn reserve(&mut self, now: Tick) -> Tick {
        if self.gap == 0.0 {
            return now;
        }
        let passed = f64::from(now.since(self.from).raw());
        if passed >= self.next {
            (self.from, self.next) = (now, self.gap);
            return now;
        }
        let place = self.from + Ticks::from_raw(self.next as u32);
        self.next += self.gap;
        place
    }
}

/// A drop, as it is reported.
#[derive(Clone, Copy, Debug)]
pub struct Dropped<'e> {
    /// The server that the session was on.
    pub server: ServerIndex,
    /// Why.
    pub fault: Fault,
    /// What shows it.
    pub evidence: &'e [u8],
    /// This program did it.
    pub on_purpose: bool,
}

/// The end of an absence, as it is reported.
#[derive(Clone, Copy, Debug)]
pub struct Return {
    /// Why it dropped: what [`Observer::dropped`] returned.
    pub cause: u8,
    /// The server that it was on.
    pub server: ServerIndex,
    /// How it ended.
    pub end: Ended,
    /// Since the drop.
    pub away: Ticks,
    /// This program had cut it.
    pub on_purpose: bool,
}

impl Session {
    /// Whether it was open, dropped, and is being set up again.
    pub(super) fn is_again(&self) -> bool {
        let is_set_up = matches!(
            self.phase,
            Phase::Dialing | Phase::Awaiting | Phase::DialingWs | Phase::Upgrading | Phase::Opening
        );
        is_set_up && self.flag(AGAIN)
    }

    /// This program cuts the connection of an open session, which the peer may or may not notice.
    pub fn cut<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        if self.is_open() {
            self.fail(Fault::CutOnPurpose, &[], ctx);
        }
    }

    /// Whether a session that failed so is not over, but comes back or may: then it is noted.
    pub(super) fn drops<O: Observer>(
        &mut self,
        (step, fault): (StepIndex, Fault),
        evidence: &[u8],
        was_open: bool,
        ctx: &mut Context<'_, O>,
    ) -> bool {
        let script = ctx.script;
        let on_purpose = fault == Fault::CutOnPurpose;
        if !(was_open || self.is_again()) || (script.scenario.reconnect.is_none() && !on_purpose) {
            return false;
        }
        let mut away = ctx.side.away(ctx.row);
        if was_open {
            let dropped = Dropped { server: self.server, fault, evidence, on_purpose };
            away.cause = ctx.observer.dropped(ctx.who, dropped);
            away.server = self.server.0;
            away.since = ctx.now;
            away.before = away.before.wrapping_add(away.attempts);
            away.attempts = 0;
            away.generation = (away.generation + 1) % GENERATIONS;
            away.set(DROPPED, true);
            away.set(ENTERED, true);
            away.set(NOT_BEFORE, false);
            away.set(CUT, on_purpose);
        } else {
            ctx.observer.attempt_failed(ctx.who, self.server, step, fault, evidence);
        }
        let due = match &script.scenario.reconnect {
            Some(policy) => next_attempt(policy, away, fault, ctx),
            // Cut on purpose, and there is no way back: it is away until its planned end.
            None => None,
        };
        away.set(NOT_BEFORE, false);
        away.set(RETRIES, due.is_some());
        away.due = due.unwrap_or_default();
        ctx.side.set_away(ctx.row, away);
        let stays = due.is_some() || script.scenario.reconnect.is_none();
        if !stays {
            self.end_absence(Ended::GaveUp, ctx);
        }
        stays
    }

    /// Whether a session that lets its connection go is away, not over.
    pub(super) fn goes_away<O: Observer>(&mut self, ctx: &mut Context<'_, O>) -> bool {
        let away = ctx.side.away(ctx.row);
        if !away.is(DROPPED) {
            return false;
        }
        drop(self.take_spill(ctx));
        if ctx.script.scenario.reconnect.as_ref().is_none_or(|policy| policy.from.is_none()) {
            ctx.vault.forget(ctx.row);
        }
        self.phase = Phase::Away;
        self.flags = 0;
        self.last_error = NO_ERROR;
        ctx.commands.disconnect = true;
        ctx.commands.connect = None;
        if away.is(RETRIES) {
            self.deadline = if ctx.now.reached(away.due) { ctx.now } else { away.due };
            ctx.commands.timers.push_back((Timer::Reconnect, self.deadline));
        }
        true
    }

    /// The instant of an attempt has come: it begins, or takes a place among the run's.
    pub(super) fn reconnect_due<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        if !self.flag(RETRIED) {
            let place = ctx.side.storm.reserve(ctx.now);
            if !ctx.now.reached(place) {
                self.set_flag(RETRIED, true);
                self.deadline = place;
                return ctx.commands.timers.push_back((Timer::Reconnect, place));
            }
        }
        self.begin_again(ctx);
    }

    fn begin_again<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let mut away = ctx.side.away(ctx.row);
        away.attempts = away.attempts.saturating_add(1);
        let is_new_life = away.is(ENTERED);
        away.set(ENTERED, false);
        ctx.observer.attempt_began(ctx.who, is_new_life);
        ctx.side.clear_connection(ctx.row);
        self.flags = AGAIN;
        let due = self.deadline;
        (self.due, self.opened) = (due, due);
        (self.late_pongs, self.missed, self.step) = (0, 0, StepIndex(0));
        let mut setup = Setup::new(script);
        let from = script.scenario.reconnect.as_ref().and_then(|policy| policy.from);
        if let Some(from) = from.filter(|_| away.has_token(script, ctx.now)) {
            let kept = Taken::Packed {
                count: script.scenario.takes as u8,
                kept: &script.scenario.kept,
                bytes: ctx.vault.of(ctx.row),
            };
            for value in script.scenario.http[..usize::from(from)].iter().flat_map(|step| &step.take) {
                kept.get(value.value)
                    .unwrap_or_default()
                    .clone_into(&mut setup.taken[usize::from(value.value)]);
            }
            self.step = StepIndex(from);
        } else {
            away.set(TOKEN, false);
        }
        ctx.side.set_away(ctx.row, away);
        self.put_setup(Box::new(setup), ctx);
        self.begin_steps_before(due, ctx);
    }

    /// It is about to be announced by the servers.
    pub(super) fn enters<O: Observer>(&self, ctx: &mut Context<'_, O>) {
        self.acts(Deed::ENTER, Key::default(), ctx);
        if self.is_again() {
            let mut away = ctx.side.away(ctx.row);
            away.set(ENTERED, true);
            ctx.side.set_away(ctx.row, away);
        }
    }

    /// It is open again: how long that took.
    pub(super) fn recovered<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        self.set_flag(AGAIN, false);
        let away = ctx.side.away(ctx.row);
        self.end_absence(Ended::Recovered(ctx.now.since(away.since)), ctx);
        ctx.observer.reopened(ctx.who, self.server);
    }

    /// Its time is over, or the run's accounts are, while it is away: it does not come back.
    pub(super) fn ends_away<O: Observer>(&self, ctx: &mut Context<'_, O>) -> bool {
        let is_away = ctx.side.away(ctx.row).is(DROPPED);
        if is_away {
            self.end_absence(Ended::Unfinished, ctx);
        }
        is_away
    }

    fn end_absence<O: Observer>(&self, end: Ended, ctx: &mut Context<'_, O>) {
        let mut away = ctx.side.away(ctx.row);
        let on_purpose = away.is(CUT);
        [DROPPED, RETRIES, NOT_BEFORE, CUT].into_iter().for_each(|flag| away.set(flag, false));
        ctx.side.set_away(ctx.row, away);
        let back = Return {
            cause: away.cause,
            server: ServerIndex(away.server),
            end,
            away: ctx.now.since(away.since),
            on_purpose,
        };
        ctx.observer.absence_ended(ctx.who, back);
    }

    /// What the steps before `from` take is in hand from here on.
    pub(super) fn note_token<O>(&self, ctx: &mut Context<'_, O>) {
        let policy = ctx.script.scenario.reconnect.as_ref();
        if policy.is_some_and(|policy| policy.from == Some(self.step.0 + 1)) {
            let mut away = ctx.side.away(ctx.row);
            away.token_at = ctx.now;
            away.set(TOKEN, true);
            ctx.side.set_away(ctx.row, away);
        }
    }

    /// An attempt is refused: when the server wants the next one, and whether what it was sent is
    /// still good.
    pub(super) fn note_refusal<O>(&self, answer: &ResponseReader, ctx: &mut Context<'_, O>) {
        if !self.is_again() {
            return;
        }
        let mut away = ctx.side.away(ctx.row);
        if matches!(answer.status(), Some(401 | 403)) {
            away.set(TOKEN, false);
        }
        let now_s = (ctx.unix_micros / 1_000_000) as i64;
        if let Some(wait) = answer.header("Retry-After").and_then(|text| retry_after(text, now_s)) {
            away.due = ctx.now + Ticks::from_duration(wait);
            away.set(NOT_BEFORE, true);
        }
        ctx.side.set_away(ctx.row, away);
    }
}

impl Away {
    fn has_token(self, script: &Script, now: Tick) -> bool {
        let age = script.scenario.reconnect.as_ref().and_then(|policy| policy.token_age);
        let is_fresh = age.is_none_or(|age| now.since(self.token_at) < Ticks::from_duration(age));
        self.is(TOKEN) && is_fresh
    }
}

/// When the next attempt is due of a session that has failed so; `None`: there is none.
fn next_attempt<O>(policy: &Reconnect, away: Away, fault: Fault, ctx: &Context<'_, O>) -> Option<Tick> {
    let attempts = u32::from(away.attempts);
    if policy.attempts.is_some_and(|most| attempts >= most) || away.attempts == u16::MAX {
        return None;
    }
    let draws = Draws::new(ctx.script.seed, NAME);
    let drawn = draws.unit_at(ctx.who.session.0, u32::from(away.before) + attempts);
    let mut due = ctx.now + Ticks::from_duration(policy.delay(attempts, drawn));
    if away.is(NOT_BEFORE) && away.due.since(ctx.now) > due.since(ctx.now) {
        due = away.due;
    }
    if away.generation == 0 && attempts == 0 {
        // The numbers of its connections begin anew.
        let rest = ctx.now + Ticks::from_duration(ctx.script.longest());
        due = if rest.reached(due) { rest } else { due };
    }
    let given_up = match (policy.retry_for.is_empty(), policy.give_up_after) {
        (true, span) => span,
        (false, _) => policy.gives_up_after(&fault.key(&*ctx.script.scenario)),
    };
    let away_for = due.since(away.since);
    given_up.is_none_or(|span| away_for <= Ticks::from_duration(span)).then_some(due)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_a_session_keeps_to_come_back_is_20_bytes() {
        assert_eq!(size_of::<Away>(), 20);
    }

    #[test]
    fn a_storm_is_spread_evenly_and_idle_time_is_not_made_up_for() {
        let mut storm = Storm::new(100.0);
        let at = |millis: u64| Tick::from_micros(millis * 1_000);
        let places: Vec<u64> =
            (0..5).map(|_| storm.reserve(at(1_000)).since(at(1_000)).as_micros()).collect();
        assert_eq!(places, [0, 10_000, 20_000, 30_000, 40_000]);
        assert_eq!(storm.reserve(at(5_000)), at(5_000));
        assert_eq!(storm.reserve(at(5_000)).since(at(5_000)).as_duration(), Duration::from_millis(10));
        assert_eq!(Storm::default().reserve(at(7)), at(7));
        let mut slow = Storm::new(1.0 / 60.0);
        assert_eq!(slow.reserve(at(0)), at(0));
        assert_eq!(slow.reserve(at(10)).since(at(0)).as_duration(), Duration::from_secs(60));
    }
}
