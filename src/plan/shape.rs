//! The shape of a run's load: stages, each of which moves the number of open sessions to a level, and
//! the lives of sessions that follow from them.
//!
//! Arithmetic on the plan and its seed alone: whatever the servers do, whichever worker asks, a life
//! begins and ends at the same instants. Invariants: at any instant the planned lives that have begun
//! and not ended are the level (rounded up); no member has two lives at once; a life of a *slot* ends no
//! later than its next one begins.
//!
//! A level that rises by n over a span has its arrivals evenly over it, the i-th after `span · i / n`; one
//! that falls ends the sessions that arrived first, as evenly. Arrival j is in slot `j % slots`, where
//! there are as many slots as the highest level: the one before it in that slot has left by then, since
//! whoever came first leaves first. A slot has members of its own, every `slots`-th, and goes round
//! them: fresh ones first, then those longest away. Where sessions have a lifetime, what a slot has
//! between its arrival and its departure is a chain of lives, each of which begins as the one before
//! ends.
//!
//! A shape of a *search* ([`Shape::searching`]) grows while it is played: it can be followed by more stages, and
//! has its slots from the start. In it, who came last leaves first: a level that falls ends the sessions of
//! the rise before it, so that slot s has a session whenever the level is above s.
//!
//! A shape may be a *share* of a whole: some of the whole's slots, with their arrivals, instants, draws and
//! members, counted by themselves. So the lives of all shares together are the whole's, each once.

use std::time::Duration;

use super::share::Share;
use crate::draw::drawn;
use crate::scenario::every::{EXPONENTIAL_CUT, Interval};
pub use crate::scenario::stage::Stage;

/// What lifetimes are drawn by.
const LIFETIME: u64 = crate::draw::salt("lifetime");

/// No session lives shorter: it is to open first.
pub const LIFETIME_MIN: Duration = Duration::from_millis(100);

/// One session's planned life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Its slot.
    pub slot: u32,
    /// Which of the slot's it is, from 0.
    pub number: u32,
    /// The index of its member among the plan's.
    pub member: u32,
    /// When it starts, from the run's start.
    pub start: Duration,
    /// When it ends; `None`: with the run.
    pub end: Option<Duration>,
}

/// Steps of a level in one direction, evenly spaced.
#[derive(Clone, Copy, Debug)]
struct Steps {
    /// The number of the first among all of its direction.
    first: u64,
    count: u64,
    start: Duration,
    span: Duration,
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Shape {
    stages: Vec<Stage>,
    /// Which of them hold the whole's level.
    flat: Vec<bool>,
    rises: Vec<Steps>,
    falls: Vec<Steps>,
    /// The whole's.
    slots: u32,
    /// Which of these are its own.
    share: Share,
    members: u32,
    lifetime: Option<Interval>,
    seed: u64,
    /// Whether it may grow, and who came last leaves first.
    is_search: bool,
}

impl Shape {
    /// The shape of these stages, from no session on, with this many members and no lifetime.
    pub fn new(stages: Vec<Stage>, members: u32, seed: u64) -> Self {
        let (mut rises, mut falls) = (Vec::new(), Vec::new());
        let (mut before, mut start) = (0, Duration::ZERO);
        let mut flat = Vec::new();
        for stage in &stages {
            flat.push(before == stage.level && before > 0);
            let steps: &mut Vec<Steps> = if stage.level > before { &mut rises } else { &mut falls };
            let count = u64::from(stage.level.abs_diff(before));
            if count > 0 {
                let first = steps.last().map_or(0, |last| last.first + last.count);
                steps.push(Steps { first, count, start, span: stage.span });
            }
            (before, start) = (stage.level, start + stage.span);
        }
        let slots = stages.iter().map(|stage| stage.level).max().unwrap_or(0);
        let share = Share::shard(0, 1);
        Self { stages, flat, rises, falls, slots, share, members, lifetime: None, seed, is_search: false }
    }

    /// This share of it, with this many members of its own ([`Share::before`] counts those of the whole's).
    pub fn shared(mut self, share: Share, members: u32) -> Self {
        self.share = share;
        let mut stages = std::mem::take(&mut self.stages);
        let (mut before, mut rises, mut falls) = (0, 0, 0);
        for stage in &mut stages {
            rises += u64::from(stage.level.saturating_sub(before));
            falls += u64::from(before.saturating_sub(stage.level));
            before = stage.level;
            stage.level = (self.own(rises) - self.own(falls)) as u32;
        }
        Self { stages, members, ..self }
    }

    /// The same with a lifetime.
    pub fn living(self, lifetime: Interval) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }

    /// The same as the beginning of a search that never has more than this many sessions open at once.
    pub fn searching(self, sessions: u32) -> Self {
        Self { slots: sessions, is_search: true, ..self }
    }

    /// Whether it may grow while it is played.
    pub fn is_search(&self) -> bool {
        self.is_search
    }

    /// The same with other stages, of which those that have begun are as they were.
    pub fn with_stages(&self, stages: Vec<Stage>) -> Self {
        let shape = Self::new(stages, self.members, self.seed);
        Self { slots: self.slots, lifetime: self.lifetime.clone(), is_search: self.is_search, ..shape }
    }

    /// Its stages.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The highest level: as many sessions are open at once, at most.
    pub fn slots(&self) -> u32 {
        self.share.before(self.slots.into()) as u32
    }

    /// The same with other members.
    pub fn of_members(self, members: u32) -> Self {
        Self { members, ..self }
    }

    /// Members who take part, of those there are.
    pub fn members(&self) -> u32 {
        self.members
    }

    /// How long it takes.
    pub fn span(&self) -> Duration {
        self.stages.iter().map(|stage| stage.span).sum()
    }

    /// When the last arrival begins, those aside that replace others.
    pub fn last_arrival(&self) -> Duration {
        self.rises.last().and_then(|it| instant(&self.rises, it.first + it.count - 1)).unwrap_or_default()
    }

    /// The stage that this instant is in, the last one beyond its end.
    pub fn stage_at(&self, at: Duration) -> usize {
        let mut end = Duration::ZERO;
        let past = |stage: &&Stage| {
            end += stage.span;
            end <= at
        };
        self.stages.iter().take_while(past).count().min(self.stages.len().saturating_sub(1))
    }

    /// How long a level is held, in all stages together.
    pub fn held_span(&self) -> Duration {
        (0..self.stages.len()).filter(|k| self.is_flat(*k)).map(|k| self.stages[k].span).sum()
    }

    /// Sessions that are held at once: of several levels that are held, the lowest.
    pub fn held_at_once(&self) -> u32 {
        let flat = (0..self.stages.len()).filter(|k| self.is_flat(*k));
        flat.map(|k| self.stages[k].level).min().unwrap_or_else(|| self.slots())
    }

    /// Seconds of all sessions that are to be held, in all stages that hold a level.
    pub fn held_seconds(&self) -> f64 {
        let seconds = |k: usize| self.stages[k].span.as_secs_f64() * f64::from(self.stages[k].level);
        (0..self.stages.len()).filter(|k| self.is_flat(*k)).map(seconds).sum()
    }

    /// When a stage begins.
    pub fn stage_start(&self, stage: usize) -> Duration {
        self.stages[..stage].iter().map(|stage| stage.span).sum()
    }

    /// Whether a stage holds its level.
    pub fn is_flat(&self, stage: usize) -> bool {
        self.flat[stage] && self.stages[stage].level > 0
    }

    /// Whether every slot has one life: the n-th arrival is then the n-th slot's, and nobody leaves before
    /// the run's end.
    pub fn is_single(&self) -> bool {
        self.falls.is_empty() && self.lifetime.is_none() && !self.is_search
    }

    /// Lives that begin before the shape's end. Exact, by going through them where there is a lifetime.
    pub fn lives(&self) -> u64 {
        match self.lifetime {
            None => self.own(arrivals(&self.rises)),
            Some(_) => (0..self.slots()).map(|slot| self.of(slot).count() as u64).sum(),
        }
    }

    /// Members with whom nobody comes twice: as many a slot as the busiest one has lives.
    pub fn members_wanted(&self) -> u64 {
        let most = (0..self.slots()).map(|slot| self.of(slot).count() as u64).max().unwrap_or(0);
        most * u64::from(self.slots())
    }

    /// Whether any member comes a second time.
    pub fn returns(&self) -> bool {
        !self.is_single()
            && (0..self.slots()).any(|slot| self.of(slot).count() as u64 > u64::from(self.members_of(slot)))
    }

    /// How often sessions begin to take the place of others, a second, while `level` are open.
    pub fn replaced_per_s(&self, level: u32) -> Option<f64> {
        Some(f64::from(level) / self.lifetime.as_ref()?.mean().as_secs_f64())
    }

    /// Arrivals, those aside that replace a session whose lifetime was over, that are to have begun by
    /// this instant.
    pub fn arrived(&self, at: Duration) -> u64 {
        self.own(passed(&self.rises, at))
    }

    /// The level at this instant.
    pub fn level(&self, at: Duration) -> u64 {
        self.own(passed(&self.rises, at)) - self.own(passed(&self.falls, at))
    }

    /// How many of the whole's first arrivals are its own; they leave in the order in which they came.
    fn own(&self, arrivals: u64) -> u64 {
        let slots = u64::from(self.slots.max(1));
        arrivals / slots * self.share.before(slots) + self.share.before(arrivals % slots)
    }

    /// Which of the whole's members this one is, counted among the share's: those of its own slots, in
    /// their order.
    pub fn whole_member(&self, member: u32) -> u32 {
        let slots = self.slots().max(1);
        self.whole_slot(member % slots) as u32 + member / slots * self.slots
    }

    /// Which of the whole's slots this is.
    fn whole_slot(&self, slot: u32) -> u64 {
        self.share.place(slot.into())
    }

    /// The planned lives of a slot, in their order.
    pub fn of(&self, slot: u32) -> Lives<'_> {
        Lives { shape: self, cursor: Cursor::new(slot) }
    }

    /// The n-th time that a slot has somebody in it, those aside that replace others: from when on, and until
    /// when if that is known.
    pub fn stay(&self, slot: u32, number: u64) -> Option<(Duration, Option<Duration>)> {
        if self.is_search {
            return self.stay_in_search(slot, number);
        }
        let arrival = self.whole_slot(slot) + number * u64::from(self.slots);
        Some((instant(&self.rises, arrival)?, instant(&self.falls, arrival)))
    }

    /// Whoever came last leaves first: a stay goes from where a rise passes the slot to where a fall does.
    fn stay_in_search(&self, slot: u32, number: u64) -> Option<(Duration, Option<Duration>)> {
        let (mut before, mut at, mut stays) = (0_u32, Duration::ZERO, 0);
        let mut began = None;
        for Stage { span, level, .. } in &self.stages {
            let steps = before.abs_diff(*level);
            let due = |k: u32| at + nanos(span.as_nanos() * u128::from(k) / u128::from(steps));
            if before <= slot && slot < *level {
                began = (stays == number).then(|| due(slot - before));
                stays += 1;
            } else if *level <= slot && slot < before && began.is_some() {
                return began.map(|start| (start, Some(due(before - 1 - slot))));
            }
            (before, at) = (*level, at + *span);
        }
        began.map(|start| (start, None))
    }

    /// Members that a slot goes round.
    fn members_of(&self, slot: u32) -> u32 {
        self.members.saturating_sub(slot).div_ceil(self.slots().max(1)).max(1)
    }

    fn member(&self, slot: u32, number: u32) -> u32 {
        slot + number % self.members_of(slot) * self.slots()
    }

    fn lifetime(&self, slot: u32, number: u32) -> Option<Duration> {
        // From 0 to below 1, in steps of 2⁻⁵³.
        let slot = self.whole_slot(slot) as u32;
        let part =
            || (drawn(self.seed, LIFETIME, slot, u64::from(number)) >> 11) as f64 / (1_u64 << 53) as f64;
        let lasts = match self.lifetime.as_ref()? {
            Interval::Fixed(span) => *span,
            Interval::Between(least, most) => *least + (*most - *least).mul_f64(part()),
            // The inverse of the distribution function; the share is below 1.
            Interval::Exponential(mean) => mean.mul_f64((-(1.0 - part()).ln()).min(EXPONENTIAL_CUT)),
            // No server gives a lifetime.
            Interval::Given { .. } => return None,
        };
        Some(lasts.max(LIFETIME_MIN))
    }
}

/// The lives of one slot; see [`Shape::of`].
#[derive(Clone, Debug)]
pub struct Lives<'s> {
    shape: &'s Shape,
    cursor: Cursor,
}

impl Iterator for Lives<'_> {
    type Item = Life;

    fn next(&mut self) -> Option<Life> {
        self.cursor.next(self.shape)
    }
}

/// How far one has gone through a slot's lives.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    slot: u32,
    /// Lives so far.
    number: u32,
    /// The next stay of the slot, or the one whose chain is under way.
    stay: u64,
    /// In a chain: when its next life begins.
    within: Option<Duration>,
}

impl Cursor {
    /// Before the first.
    pub fn new(slot: u32) -> Self {
        Self { slot, number: 0, stay: 0, within: None }
    }

    /// The slot.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// The next life; `None`: the shape has no more, so far.
    pub fn next(&mut self, shape: &Shape) -> Option<Life> {
        let (arrives, leaves) = shape.stay(self.slot, self.stay)?;
        let start = self.within.unwrap_or(arrives);
        let over = shape.lifetime(self.slot, self.number).map(|lasts| start + lasts);
        // A chain goes on until its departure, or for as long as the run lasts.
        let until = leaves.unwrap_or_else(|| shape.span());
        let continues = over.filter(|over| *over < until);
        let life = Life {
            slot: self.slot,
            number: self.number,
            member: shape.member(self.slot, self.number),
            start,
            end: continues.or(leaves),
        };
        self.number += 1;
        self.within = continues;
        if continues.is_none() {
            self.stay += 1;
        }
        Some(life)
    }
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(nanos as u64)
}

fn arrivals(steps: &[Steps]) -> u64 {
    steps.last().map_or(0, |last| last.first + last.count)
}

/// When the k-th step is due; `None`: there are fewer.
fn instant(steps: &[Steps], k: u64) -> Option<Duration> {
    let at = steps.partition_point(|it| it.first + it.count <= k);
    let it = steps.get(at)?;
    Some(it.start + nanos(it.span.as_nanos() * u128::from(k - it.first) / u128::from(it.count)))
}

/// Steps that are due by this instant.
fn passed(steps: &[Steps], at: Duration) -> u64 {
    let begun = steps.iter().rev().find(|it| it.start <= at);
    begun.map_or(0, |it| {
        let nanos = (at - it.start).as_nanos();
        let whole = it.span.as_nanos();
        let count = if nanos >= whole {
            it.count
        } else {
            // The k-th is due once `whole · k / count`, rounded down, is reached.
            (((nanos + 1) * u128::from(it.count)).div_ceil(whole) as u64).min(it.count)
        };
        it.first + count
    })
}

#[cfg(test)]
mod tests;
