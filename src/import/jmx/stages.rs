//! The schedules of plugins' thread groups (Ultimate, Stepping, Concurrency) as a run's stages.
//!
//! Knows when threads start and stop, not what they do. Invariant: the stages add up to the level that JMeter would have at
//! each instant, or a note says what is otherwise.

use std::time::Duration;

use super::super::model::{At, Of};
use super::element::{Element, Part};
use super::work::PlanWork;
use crate::scenario::stage::Stage;

/// Rows or steps of a schedule, at most: people must be able to read the command line.
pub(super) const STEPS_MAX: u64 = 50;

/// Threads that start, or stop (below 0), evenly over a time; at once if it is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    start_ms: u64,
    span_ms: u64,
    threads: i64,
}

impl Move {
    fn end_ms(&self) -> u64 {
        self.start_ms + self.span_ms
    }

    /// How many threads more there are at an instant; `is_after`: once everything of that instant has happened.
    fn threads_at(&self, at_ms: u64, is_after: bool) -> i64 {
        let passed_ms = at_ms.saturating_sub(self.start_ms);
        match self.span_ms {
            0 if at_ms > self.start_ms || is_after && at_ms == self.start_ms => self.threads,
            0 => 0,
            span_ms if passed_ms >= span_ms => self.threads,
            // Below 2^63: at most ten days of milliseconds times 2^32 threads.
            span_ms => self.threads * passed_ms as i64 / span_ms as i64,
        }
    }
}

/// What threads of one group do, in its order.
#[derive(Debug, Default)]
struct Schedule {
    moves: Vec<Move>,
    now_ms: u64,
    level: i64,
}

impl Schedule {
    fn after(delay_ms: u64) -> Self {
        Self { now_ms: delay_ms, ..Self::default() }
    }

    fn to(&mut self, level: u64, span_ms: u64) {
        let threads = level as i64 - self.level;
        self.moves.push(Move { start_ms: self.now_ms, span_ms, threads });
        self.now_ms += span_ms;
        self.level = level as i64;
    }

    fn hold(&mut self, span_ms: u64) {
        self.to(self.level as u64, span_ms);
    }
}

/// What a group's threads do by its schedule; `None` if it has none that is known.
pub(super) fn moves(group: Element<'_>, work: &mut PlanWork<'_>) -> Option<Vec<Move>> {
    match group.class() {
        "UltimateThreadGroup" => ultimate(group, work),
        "SteppingThreadGroup" => stepping(group, work),
        "ConcurrencyThreadGroup" => concurrency(group, work),
        _ => None,
    }
}

/// The same of levels that are known at these instants, with even moves between them.
pub(super) fn through(levels: impl Iterator<Item = (u64, u64)>) -> Vec<Move> {
    let mut schedule = Schedule::default();
    for (at_ms, threads) in levels {
        schedule.to(level(threads), at_ms.saturating_sub(schedule.now_ms));
    }
    schedule.to(0, 0);
    schedule.moves
}

/// The same of a plain thread group: all that start in its ramp stay until its duration is over.
pub(super) fn plain(threads: u64, ramp_s: u64, duration_s: u64) -> Vec<Move> {
    let ms = |seconds: u64| seconds.min(super::RUN_MAX_S) * 1000;
    let mut schedule = Schedule::default();
    schedule.to(level(threads), ms(ramp_s));
    schedule.hold(ms(duration_s.saturating_sub(ramp_s)));
    schedule.to(0, 0);
    schedule.moves
}

/// Rows of five: threads, initial delay, startup time, hold, shutdown time.
fn ultimate(group: Element<'_>, work: &mut PlanWork<'_>) -> Option<Vec<Move>> {
    let rows = group.inner("ultimatethreadgroupdata");
    if rows.is_empty() || rows.len() as u64 > STEPS_MAX {
        return None;
    }
    let mut moves = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.parts().map(Part::own_text).collect();
        let [threads, delay, startup, hold, shutdown] = cells[..] else { return None };
        let threads = count(threads, work)?;
        let mut schedule = Schedule::after(milliseconds(delay, 1.0, work)?);
        schedule.to(threads, milliseconds(startup, 1.0, work)?);
        schedule.hold(milliseconds(hold, 1.0, work)?);
        schedule.to(0, milliseconds(shutdown, 1.0, work)?);
        moves.append(&mut schedule.moves);
    }
    Some(moves)
}

/// Returns what a Stepping Thread Group does: a burst, steps that start threads, a hold, steps that stop them.
fn stepping(group: Element<'_>, work: &mut PlanWork<'_>) -> Option<Vec<Move>> {
    let threads = count(group.raw("ThreadGroup.num_threads"), work)?;
    let or_all = |count: u64| if count == 0 { threads } else { count };
    let each = or_all(count(group.raw("Start users count"), work)?);
    let burst = match count(group.raw("Start users count burst"), work)? {
        0 => each.min(threads),
        burst => burst.min(threads),
    };
    let ramp_ms = milliseconds(group.raw("rampUp"), 1.0, work)?;
    let step_ms = ramp_ms + milliseconds(group.raw("Start users period"), 1.0, work)?;
    let mut schedule = Schedule::after(milliseconds(group.raw("Threads initial delay"), 1.0, work)?);
    let steps = (threads - burst).div_ceil(each.max(1));
    if steps > STEPS_MAX {
        let text = format!("{}: its {steps} steps are one even rise here", group.called());
        work.found.note(Of::Changed, At::Line(group.line()), text);
        schedule.to(threads, steps.saturating_mul(step_ms).min(super::RUN_MAX_S * 1000));
    } else {
        schedule.to(burst, ramp_ms);
        for step in 1..=steps {
            let level = (burst + step * each).min(threads);
            let more = level - schedule.level as u64;
            schedule.hold(step_ms - ramp_ms);
            schedule.to(level, ramp_ms * more / each.max(1));
        }
    }
    schedule.hold(milliseconds(group.raw("flighttime"), 1.0, work)?);
    let out = or_all(count(group.raw("Stop users count"), work)?);
    let stops = threads.div_ceil(out.max(1)).saturating_sub(1);
    let out_ms = milliseconds(group.raw("Stop users period"), 1.0, work)?;
    let fall_ms = stops.saturating_mul(out_ms).min(super::RUN_MAX_S * 1000);
    if fall_ms > 0 {
        let text =
            format!("{}: its threads stop {out} at a time; here sessions leave evenly", group.called());
        work.found.note(Of::Changed, At::Line(group.line()), text);
    }
    schedule.to(0, fall_ms);
    Some(schedule.moves)
}

/// A rise, even or in steps, and a hold, in seconds or minutes.
fn concurrency(group: Element<'_>, work: &mut PlanWork<'_>) -> Option<Vec<Move>> {
    let unit_s = if group.raw("Unit").trim() == "M" { 60.0 } else { 1.0 };
    let threads = count(group.raw("TargetLevel"), work)?;
    let ramp_ms = milliseconds(group.raw("RampUp"), unit_s, work)?;
    let steps = count(group.raw("Steps"), work)?;
    let mut schedule = Schedule::default();
    match steps {
        1..=STEPS_MAX if ramp_ms > 0 => {
            for step in 1..=steps {
                schedule.to((2 * threads * step + steps) / (2 * steps), 0);
                schedule.hold(ramp_ms * step / steps - schedule.now_ms);
            }
        }
        _ => {
            if steps > STEPS_MAX {
                let text = format!("{}: its {steps} steps are one even rise here", group.called());
                work.found.note(Of::Changed, At::Line(group.line()), text);
            }
            schedule.to(threads, ramp_ms);
        }
    }
    schedule.hold(milliseconds(group.raw("Hold"), unit_s, work)?);
    schedule.to(0, 0);
    Some(schedule.moves)
}

/// A number of threads; nothing is none.
fn count(text: &str, work: &PlanWork<'_>) -> Option<u64> {
    if text.trim().is_empty() {
        return Some(0);
    }
    work.values.number(text).map(level)
}

/// A number of sessions that a run can have.
fn level(threads: u64) -> u64 {
    threads.min(u64::from(u32::MAX))
}

/// A time in this unit; nothing is none.
fn milliseconds(text: &str, unit_s: f64, work: &PlanWork<'_>) -> Option<u64> {
    if text.trim().is_empty() {
        return Some(0);
    }
    let number: f64 = work.values.constant(text)?.trim().parse().ok()?;
    let ms = number * unit_s * 1000.0;
    (0.0..=super::RUN_MAX_S as f64 * 1000.0).contains(&ms).then_some(ms.round() as u64)
}

/// The stages that moves of all groups add up to, and whether sessions wait before the first of them.
pub(super) fn stages(moves: &[Move]) -> (Vec<Stage>, bool) {
    let mut instants: Vec<u64> = moves.iter().flat_map(|one| [one.start_ms, one.end_ms()]).collect();
    instants.push(0);
    instants.sort_unstable();
    instants.dedup();
    let level_at =
        |at_ms: u64, is_after: bool| -> i64 { moves.iter().map(|one| one.threads_at(at_ms, is_after)).sum() };
    let mut legs = Legs::default();
    let mut before_ms = 0;
    for at_ms in instants {
        legs.add(at_ms - before_ms, level_at(at_ms, false));
        legs.add(0, level_at(at_ms, true));
        before_ms = at_ms;
    }
    legs.stages()
}

/// Stages being put together: times and the levels at their ends.
#[derive(Default)]
struct Legs(Vec<(u64, i64)>);

impl Legs {
    fn level_before(&self, index: usize) -> i64 {
        index.checked_sub(1).map_or(0, |before| self.0[before].1)
    }

    /// Adds a stage, or makes the last one longer if it goes on as that does.
    fn add(&mut self, span_ms: u64, level: i64) {
        let count = self.0.len();
        let now = self.level_before(count);
        if span_ms == 0 && level == now {
            return;
        }
        if let Some(last) = count.checked_sub(1) {
            let before = self.level_before(last);
            let own = i128::from(level - now) * i128::from(self.0[last].0);
            let same = i128::from(now - before) * i128::from(span_ms);
            if own == same && span_ms > 0 && self.0[last].0 > 0 {
                self.0[last] = (self.0[last].0 + span_ms, level);
                return;
            }
        }
        self.0.push((span_ms, level));
    }

    fn stages(mut self) -> (Vec<Stage>, bool) {
        let waits = self.0.first().is_some_and(|(_, level)| *level == 0);
        if waits {
            self.0.remove(0);
        }
        // Sessions that are open at the end leave by themselves.
        if matches!(self.0.last(), Some((0, 0))) {
            self.0.pop();
        }
        let stage = |(span_ms, level): (u64, i64)| Stage {
            name: String::new(),
            span: Duration::from_millis(span_ms),
            level: u32::try_from(level.max(0)).unwrap_or(u32::MAX),
        };
        (self.0.into_iter().map(stage).collect(), waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(moves: &[(u64, u64, i64)]) -> (String, bool) {
        let moves: Vec<Move> = moves
            .iter()
            .map(|(start_s, span_s, threads)| Move {
                start_ms: start_s * 1000,
                span_ms: span_s * 1000,
                threads: *threads,
            })
            .collect();
        let (stages, waits) = stages(&moves);
        (stages.iter().map(Stage::to_string).collect::<Vec<_>>().join(" "), waits)
    }

    #[test]
    fn moves_add_up_to_stages() {
        for (moves, expected, waits) in [
            // A ramp and a hold.
            (&[(0, 10, 100), (10, 60, 0), (70, 0, -100)][..], "10s:100 1m:100", false),
            // Two rows, of which one starts while the other is held.
            (
                &[(0, 10, 10), (10, 50, 0), (60, 10, -10), (20, 20, 40), (40, 30, 0), (70, 10, -40)],
                "10s:10 10s:10 20s:50 20s:50 10s:40 10s:0",
                false,
            ),
            // A delay, steps at once, nobody for a while.
            (
                &[(5, 0, 3), (10, 0, 3), (20, 0, -6), (30, 10, 2)],
                "0s:3 5s:3 0s:6 10s:6 0s:0 10s:0 10s:2",
                true,
            ),
            // Rises that go on as before are one.
            (&[(0, 10, 10), (10, 10, 10)], "20s:20", false),
        ] {
            assert_eq!(written(moves), (expected.to_owned(), waits));
        }
    }

    #[test]
    fn the_largest_numbers_are_no_overflow() {
        let ms = crate::import::jmx::RUN_MAX_S * 1000;
        let moves = [Move { start_ms: ms, span_ms: ms, threads: i64::from(u32::MAX) }; 4];
        assert_eq!(stages(&moves).0[0].level, u32::MAX);
        assert_eq!(moves[0].threads_at(2 * ms - 1, false), i64::from(u32::MAX) - 5);
    }
}
