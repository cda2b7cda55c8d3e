//! Whose life is in which of a worker's rows, and when the next ones begin and end.
//!
//! Knows the plan's shape and the run's time, no socket and no session. Invariants: a life begins at its
//! planned instant or later, whatever became of others; once a shape has grown, the lives under way end when it
//! says; a row that is free again rests until no timer
//! of the life before can be armed any more, so that none acts in the next one; where every slot has one
//! life, all of it is arithmetic and takes no memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use crate::members::SessionNumber;
use crate::plan::search;
use crate::plan::shape::{Cursor, Life, Shape};

/// The number of a session among its worker's own, from 0. Which it is in the run, says
/// [`Lives::session`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct RowIndex(pub u32);

impl RowIndex {
    /// Returns it as a position in a worker's lists.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The lives of one worker's slots: `first`, `first + stride`, … below the shape's.
#[derive(Debug)]
pub struct Lives {
    shape: Arc<Shape>,
    first: u32,
    stride: u32,
    /// The next row, where every slot has one life.
    next: u32,
    many: Option<Box<Many>>,
    /// When stages begin that have not, the last one first.
    stages: Vec<Duration>,
    /// The one that it is in.
    stage: usize,
}

/// What has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Where it lives.
    pub row: RowIndex,
    /// When it was to begin.
    pub planned: Duration,
}

#[derive(Debug)]
struct Many {
    shape: Arc<Shape>,
    slots: Vec<Cursor>,
    /// The next life of each slot that has one, the earliest first.
    next: BinaryHeap<Reverse<Next>>,
    /// When lives are to end, and where they are.
    ends: BinaryHeap<Reverse<(Duration, RowIndex, u32)>>,
    rows: Vec<Seat>,
    /// Rows that are free, and from when on they may be used again; the earliest first.
    resting: BinaryHeap<Reverse<(Duration, RowIndex)>>,
    rest: Duration,
    /// Of a shape that grows: lives without an end so far.
    endless: Vec<Endless>,
}

/// A life whose end is not known: of which slot and stay it is, and where it lives.
#[derive(Clone, Copy, Debug)]
struct Endless {
    slot: u32,
    stay: u32,
    row: RowIndex,
    lives: u32,
}

/// A life, ordered by its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    start: Duration,
    own: u32,
    member: u32,
    number: u32,
    end: Option<Duration>,
}

/// A row's life.
#[derive(Clone, Copy, Debug)]
struct Seat {
    member: u32,
    /// Lives that were in the row.
    lives: u32,
    is_over: bool,
}

impl Lives {
    /// Those of a worker. `rest`: the longest that a timer may be armed.
    pub fn new(shape: Arc<Shape>, first: u32, stride: u32, rest: Duration) -> Self {
        let many = (!shape.is_single()).then(|| Box::new(Many::new(&shape, first, stride, rest)));
        let stages = begins_after(&shape, 0);
        Self { shape, first, stride, next: 0, many, stages, stage: 0 }
    }

    /// Goes on by a shape that has grown.
    pub fn grow(&mut self, shape: &Arc<Shape>) {
        self.shape = Arc::clone(shape);
        self.stages = begins_after(shape, self.stage);
        if let Some(many) = &mut self.many {
            many.grow(shape);
        }
    }

    /// The stage that it is in.
    pub fn stage(&self) -> usize {
        self.stage
    }

    /// Whether it is one in which a step of a search is judged.
    pub fn is_judging(&self) -> bool {
        self.shape.is_search() && self.shape.stages().get(self.stage).is_some_and(search::is_judging)
    }

    /// Whether the next stage begins by this instant.
    pub fn is_stage_over(&self, at: Duration) -> bool {
        self.stages.last().is_some_and(|begins| *begins <= at)
    }

    /// Enters the stage of this instant.
    pub fn enter_stage(&mut self, at: Duration) {
        while self.is_stage_over(at) {
            self.stages.pop();
            self.stage += 1;
        }
    }

    /// The first of its slots.
    pub fn first(&self) -> u32 {
        self.first
    }

    /// Whether each slot's one life has its own row.
    pub fn has_own_rows(&self) -> bool {
        self.many.is_none()
    }

    /// Slots of this worker: as many rows as are in use at once.
    pub fn slots(&self) -> u32 {
        self.shape.slots().saturating_sub(self.first).div_ceil(self.stride)
    }

    /// Whose session is in this row.
    pub fn session(&self, row: RowIndex) -> SessionNumber {
        match &self.many {
            None => SessionNumber(self.first + row.0 * self.stride),
            Some(many) => SessionNumber(many.rows[row.index()].member),
        }
    }

    /// When the next life begins; `None`: there is none left.
    pub fn next_start(&self) -> Option<Duration> {
        match &self.many {
            None => self.shape.of(self.first + self.next * self.stride).next().map(|life| life.start),
            Some(many) => many.next.peek().map(|Reverse(next)| next.start),
        }
    }

    /// Begins it; `at`: now. Its row may be one more than there were so far.
    pub fn begin(&mut self, at: Duration) -> Option<Begun> {
        let planned = self.next_start()?;
        let Some(many) = &mut self.many else {
            self.next += 1;
            return Some(Begun { row: RowIndex(self.next - 1), planned });
        };
        many.begin(at)
    }

    /// When the next life is to end that does not last until the run's end.
    pub fn next_end(&self) -> Option<Duration> {
        self.many.as_ref()?.ends.peek().map(|Reverse((end, ..))| *end)
    }

    /// The row of a life that is to end by now, and is not over by itself.
    pub fn end(&mut self, at: Duration) -> Option<RowIndex> {
        let many = self.many.as_mut()?;
        while let Some(Reverse((_, row, lives))) = many.ends.peek().copied().filter(|it| it.0.0 <= at) {
            many.ends.pop();
            let seat = many.rows[row.index()];
            if seat.lives == lives && !seat.is_over {
                return Some(row);
            }
        }
        None
    }

    /// A row's session is over: its rest begins, which is at least so long.
    pub fn over(&mut self, row: RowIndex, at: Duration, least: Duration) {
        if let Some(many) = &mut self.many {
            many.rows[row.index()].is_over = true;
            many.resting.push(Reverse((at + many.rest.max(least), row)));
        }
    }
}

impl Many {
    fn new(shape: &Arc<Shape>, first: u32, stride: u32, rest: Duration) -> Self {
        let own = (first..shape.slots()).step_by(stride as usize);
        let mut many = Self {
            shape: Arc::clone(shape),
            slots: own.map(Cursor::new).collect(),
            next: BinaryHeap::new(),
            ends: BinaryHeap::new(),
            rows: Vec::new(),
            resting: BinaryHeap::new(),
            rest,
            endless: Vec::new(),
        };
        (0..many.slots.len() as u32).for_each(|own| many.look_ahead(own));
        many
    }

    fn look_ahead(&mut self, own: u32) {
        if let Some(life) = self.slots[own as usize].next(&self.shape) {
            let Life { start, end, member, number, .. } = life;
            self.next.push(Reverse(Next { start, own, member, number, end }));
        }
    }

    /// Looks anew for the lives that begin, and for the ends of those that had none.
    fn grow(&mut self, shape: &Arc<Shape>) {
        self.shape = Arc::clone(shape);
        let mut is_ahead = vec![false; self.slots.len()];
        let known = std::mem::take(&mut self.next).into_iter().map(|Reverse(next)| {
            is_ahead[next.own as usize] = true;
            let end = || shape.stay(self.slots[next.own as usize].slot(), next.number.into())?.1;
            Reverse(Next { end: next.end.or_else(end), ..next })
        });
        self.next = known.collect();
        let slots = 0..self.slots.len() as u32;
        slots.filter(|own| !is_ahead[*own as usize]).for_each(|own| self.look_ahead(own));
        for life in std::mem::take(&mut self.endless) {
            match shape.stay(life.slot, life.stay.into()).and_then(|stay| stay.1) {
                Some(end) => self.ends.push(Reverse((end, life.row, life.lives))),
                None => self.endless.push(life),
            }
        }
    }

    fn begin(&mut self, at: Duration) -> Option<Begun> {
        let Reverse(Next { start, own, member, number, end }) = self.next.pop()?;
        self.look_ahead(own);
        let row = match self.resting.peek().copied() {
            Some(Reverse((free_at, row))) if free_at <= at => {
                self.resting.pop();
                let seat = &mut self.rows[row.index()];
                *seat = Seat { member, lives: seat.lives + 1, is_over: false };
                row
            }
            _ => {
                self.rows.push(Seat { member, lives: 1, is_over: false });
                RowIndex(self.rows.len() as u32 - 1)
            }
        };
        let lives = self.rows[row.index()].lives;
        match end {
            Some(end) => self.ends.push(Reverse((end, row, lives))),
            None if self.shape.is_search() => {
                self.endless.push(Endless {
                    slot: self.slots[own as usize].slot(),
                    stay: number,
                    row,
                    lives,
                });
            }
            None => {}
        }
        Some(Begun { row, planned: start })
    }
}

/// When the stages after this one begin, the last one first.
fn begins_after(shape: &Shape, stage: usize) -> Vec<Duration> {
    (stage + 1..shape.stages().len()).rev().map(|later| shape.stage_start(later)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::plan::shape::Stage;
    use crate::scenario::every::Interval;

    fn stage(seconds: u64, level: u32) -> Stage {
        Stage { name: String::new(), span: Duration::from_secs(seconds), level }
    }

    #[test]
    fn where_every_slot_has_one_life_rows_are_slots() {
        let shape = Shape::new(vec![stage(5, 10), stage(60, 10)], 10, 1);
        let mut all = Vec::new();
        for worker in 0..3 {
            let mut lives = Lives::new(Arc::new(shape.clone()), worker, 3, Duration::ZERO);
            for k in 0..lives.slots() {
                let begun = lives.begin(Duration::MAX).expect("one a slot");
                assert_eq!(begun.row, RowIndex(k));
                assert_eq!(begun.planned, Duration::from_millis(500) * lives.session(begun.row).0);
                all.push(lives.session(begun.row).0);
            }
            assert_eq!((lives.begin(Duration::MAX), lives.next_end()), (None, None));
        }
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_worker_beyond_the_slots_has_none() {
        let shape = Shape::new(vec![stage(1, 2)], 2, 1);
        let lives = Lives::new(Arc::new(shape.clone()), 3, 4, Duration::ZERO);
        assert_eq!((lives.slots(), lives.next_start()), (0, None));
    }

    /// Plays random shapes in virtual time, with sessions that end by themselves, late, or not at all.
    #[test]
    fn a_row_rests_and_every_end_is_of_the_life_that_it_was_planned_for() {
        let mut random = fastrand::Rng::with_seed(3);
        let rest = Duration::from_secs(2);
        for _ in 0..100 {
            let levels = (0..random.usize(2..6)).map(|_| stage(random.u64(1..20), random.u32(0..20)));
            let shape = Shape::new(levels.collect(), 60, random.u64(..))
                .living(Interval::Exponential(Duration::from_millis(random.u64(200..5_000))));
            let mut lives = Lives::new(Arc::new(shape.clone()), 0, 1, rest);
            let mut planned: Vec<Life> = (0..shape.slots()).flat_map(|slot| shape.of(slot)).collect();
            planned.sort_by_key(|life| (life.start, life.slot));
            let mut planned = planned.into_iter();
            let mut live: HashMap<RowIndex, Life> = HashMap::new();
            let mut free: HashMap<RowIndex, Duration> = HashMap::new();
            for millis in 0..shape.span().as_millis() as u64 {
                let at = Duration::from_millis(millis);
                while let Some(row) = lives.end(at) {
                    let life = live.remove(&row).expect("it lives");
                    // A level may fall right after it has risen: then a life ends as it begins.
                    assert!(
                        life.end.expect("it ends") <= at
                            && life.end > at.checked_sub(Duration::from_millis(2))
                    );
                    lives.over(row, at, Duration::ZERO);
                    free.insert(row, at);
                }
                while lives.next_start().is_some_and(|start| start <= at) {
                    let begun = lives.begin(at).expect("it is due");
                    let life = planned.next().expect("as many as planned");
                    assert_eq!((begun.planned, lives.session(begun.row).0), (life.start, life.member));
                    assert!(live.insert(begun.row, life).is_none(), "one life a row");
                    assert!(free.get(&begun.row).is_none_or(|since| at - *since >= rest));
                }
                // Some fail.
                let failed: Vec<RowIndex> =
                    live.keys().copied().filter(|_| random.u32(0..4_000) == 0).collect();
                for row in failed {
                    live.remove(&row);
                    lives.over(row, at, Duration::ZERO);
                    free.insert(row, at);
                }
            }
        }
    }

    /// A shape that grows stage by stage is played as if all of it had been known.
    #[test]
    fn a_shape_that_grows_is_played_as_the_whole() {
        let mut random = fastrand::Rng::with_seed(18);
        for _ in 0..100 {
            let levels = (0..random.usize(2..8)).map(|_| stage(random.u64(1..9), random.u32(0..20)));
            let stages: Vec<Stage> = levels.collect();
            let whole = Shape::new(stages.clone(), 60, 1).searching(20);
            let mut known = random.usize(1..stages.len());
            let part = |known: usize| Arc::new(whole.with_stages(stages[..known].to_vec()));
            let workers = random.u32(1..4);
            let mut all: Vec<Lives> =
                (0..workers).map(|it| Lives::new(part(known), it, workers, Duration::ZERO)).collect();
            let mut played: HashMap<(u32, RowIndex), Life> = HashMap::new();
            let mut over: Vec<(Duration, Option<Duration>, u32)> = Vec::new();
            for millis in 0..=whole.span().as_millis() as u64 {
                let at = Duration::from_millis(millis);
                if known < stages.len() && at + Duration::from_millis(500) > part(known).span() {
                    known += 1;
                    all.iter_mut().for_each(|lives| lives.grow(&part(known)));
                }
                for (worker, lives) in (0_u32..).zip(&mut all) {
                    while let Some(row) = lives.end(at) {
                        let life = played.remove(&(worker, row)).expect("it lives");
                        over.push((life.start, Some(at), life.member));
                        lives.over(row, at, Duration::ZERO);
                    }
                    while lives.next_start().is_some_and(|start| start <= at) {
                        let Begun { row, planned } = lives.begin(at).expect("it is due");
                        let member = lives.session(row).0;
                        let life = Life { slot: 0, number: 0, member, start: planned, end: None };
                        assert!(played.insert((worker, row), life).is_none(), "one life a row");
                    }
                }
            }
            over.extend(played.values().map(|life| (life.start, None, life.member)));
            let mut planned: Vec<_> = (0..whole.slots())
                .flat_map(|slot| whole.of(slot))
                .map(|life| (life.start, life.end, life.member))
                .collect();
            planned.sort_unstable();
            over.sort_unstable();
            assert_eq!(planned.len(), over.len());
            for (one, same) in planned.iter().zip(&over) {
                assert_eq!((one.0, one.2, one.1.is_some()), (same.0, same.2, same.1.is_some()));
                // An end is looked for each millisecond.
                let late = same.1.zip(one.1).map_or(Duration::ZERO, |(same, one)| same.saturating_sub(one));
                assert!(late <= Duration::from_millis(2), "{one:?} {same:?}");
            }
        }
    }
}
