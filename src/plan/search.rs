//! The search for the most sessions that hold: which level is tried next, and what was found.
//!
//! Arithmetic on what came of the levels tried; knows no criterion and no clock. Invariants: a level that
//! failed is a ceiling for all that follow; whatever comes of them, the levels come to an end; the same
//! outcomes lead to the same levels.
//!
//! The load rises by steps until one fails. Where members may enter again, levels between the best and the
//! ceiling are then tried until these are an eighth of a step apart, and the best is held a second time.
//! Where they may not, the sessions of the step that failed are closed, and what is left is held once more.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use startline_os::units::{self, duration_text};

use super::shape::Stage;

/// The time after each step in which what was recorded in it is judged.
pub const JUDGING: Duration = Duration::from_secs(1);
/// Steps of a search that is given no other size, at most.
pub const STEPS_DEFAULT: u32 = 10;
/// How close, in parts of a step, the best and the ceiling come by trying levels between them.
const RESOLUTION_PARTS: u32 = 8;

/// How the name of a stage ends in which sessions arrive.
const RISE: &str = "-rise";
/// How the name of a stage ends in which the level is held.
const HOLD: &str = "-hold";
/// … and in which the step is judged.
const JUDGE: &str = "-judge";

/// How the load of a search rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindMax {
    /// Sessions that each step adds.
    pub step: u32,
    /// Over which they arrive.
    #[serde(with = "units::duration_serde")]
    pub ramp: Duration,
    /// For which the level is then held.
    #[serde(with = "units::duration_serde")]
    pub hold: Duration,
}

/// What is searched, and by which rules.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// The steps.
    pub steps: FindMax,
    /// No more sessions than these are opened.
    pub most: u32,
    /// Members who have left may enter again.
    pub reentry: bool,
}

/// What came of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Held {
    /// No criterion failed.
    Held,
    /// A criterion failed.
    Failed,
    /// The load generator, not the servers, set a limit.
    Unclear,
    /// No criterion could be measured.
    Unmeasured,
}

/// A level that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Sessions that were to be open.
    pub level: u32,
    /// What came of it.
    pub outcome: Held,
    /// Sessions that were held at its end.
    pub left: u32,
}

/// A level to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The level that the load falls to before.
    pub from: u32,
    /// The level.
    pub level: u32,
}

/// What ended a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// The servers: a criterion failed above it.
    Servers,
    /// The plan: nothing failed up to its sessions.
    Sessions,
    /// The load generator: with it, nothing above can be judged.
    Generator,
    /// No criterion could be measured: the holds are too short for them.
    Unmeasured,
    /// It is not over, or was ended from outside.
    Unfinished,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The highest level that held; `None`: none did.
    pub sessions: Option<u32>,
    /// It held a second time, or is the plan's.
    pub is_confirmed: bool,
    /// The lowest level that failed.
    pub ceiling: Option<u32>,
    /// What ended the search.
    pub bound: Bound,
}

impl FindMax {
    /// Steps to get to this many sessions.
    pub fn count(&self, sessions: u32) -> u32 {
        sessions.div_ceil(self.step.max(1))
    }

    /// How long a step takes, with the time in which it is judged.
    pub fn each(&self) -> Duration {
        self.ramp + self.hold + JUDGING
    }

    /// From the start to the last arrival of a search in which nothing fails.
    pub fn last_arrival(&self, sessions: u32) -> Duration {
        self.each() * self.count(sessions).saturating_sub(1) + self.ramp
    }
}

impl Search {
    /// Returns what follows; `None`: the search is over.
    pub fn next(&self, tried: &[Tried]) -> Option<Step> {
        let step = self.steps.step;
        let Some(last) = tried.last() else { return Some(Step { from: 0, level: step.min(self.most) }) };
        if matches!(last.outcome, Held::Unclear | Held::Unmeasured) {
            return None;
        }
        let (best, ceiling) = (best(tried), ceiling(tried));
        let Some(ceiling) = ceiling else {
            let level = last.level.saturating_add(step).min(self.most);
            return (last.level < self.most).then_some(Step { from: last.level, level });
        };
        if !self.reentry {
            // The ceiling is the last level that arrivals could reach; a second try is the last.
            let is_second = tried.len() >= 2 && tried[tried.len() - 2].outcome == Held::Failed;
            let again = best.filter(|_| last.outcome == Held::Failed && !is_second);
            return again.filter(|best| *best < last.level).map(|best| Step { from: best, level: best });
        }
        let (low, resolution) = (best.unwrap_or(0), step.div_ceil(RESOLUTION_PARTS));
        if ceiling - low > resolution {
            return Some(self.anew(low + (ceiling - low) / 2, last));
        }
        best.filter(|best| times_held(tried, *best) < 2).map(|best| self.anew(best, last))
    }

    /// A level reached as each was: by the arrivals of one step, unless sessions that should still be open
    /// are not.
    fn anew(&self, level: u32, last: &Tried) -> Step {
        let from = level.saturating_sub(self.steps.step).min(last.level);
        Step { from: if last.left < from { 0 } else { from }, level }
    }

    /// Returns what was found in these levels.
    pub fn found(&self, tried: &[Tried]) -> Found {
        let (best, ceiling) = (best(tried), ceiling(tried));
        let bound = match tried.last() {
            Some(last) if last.outcome == Held::Unclear => Bound::Generator,
            Some(last) if last.outcome == Held::Unmeasured => Bound::Unmeasured,
            Some(_) if self.next(tried).is_none() => ceiling.map_or(Bound::Sessions, |_| Bound::Servers),
            _ => Bound::Unfinished,
        };
        let is_confirmed = |best| bound == Bound::Sessions || times_held(tried, best) >= 2;
        // Where members may not enter again, the second try of the best level may not be its own fault.
        let sessions = match self.reentry {
            true => best,
            false => highest(tried, |level| level.outcome == Held::Held),
        };
        Found { sessions, is_confirmed: sessions.is_some_and(is_confirmed), ceiling, bound }
    }

    /// Returns the stages of a step, the last of which is the time in which it is judged. `before`: the level
    /// so far; `number`: from 1.
    pub fn stages(&self, number: usize, step: Step, before: u32) -> Vec<Stage> {
        let FindMax { ramp, hold, .. } = self.steps;
        let stage = |what: &str, span, level| Stage { name: format!("{number}{what}"), span, level };
        // At the pace of every other step.
        let rise = match step.level - step.from {
            0 => Duration::ZERO,
            count if count <= self.steps.step => ramp,
            count => ramp.mul_f64(f64::from(count) / f64::from(self.steps.step)),
        };
        let rise = Duration::from_millis(rise.as_millis() as u64);
        let fall = (step.from < before).then(|| stage("-fall", ramp, step.from));
        let rise = (step.from < step.level).then(|| stage(RISE, rise, step.level));
        let held = [stage(HOLD, hold, step.level), stage(JUDGE, JUDGING, step.level)];
        fall.into_iter().chain(rise).chain(held).collect()
    }

    /// Returns the stages of all of it where each level up to `best` holds, and none above.
    pub fn course(&self, best: u32) -> Vec<Stage> {
        let (mut tried, mut stages, mut before) = (Vec::new(), Vec::new(), 0);
        while let Some(step) = self.next(&tried) {
            stages.extend(self.stages(tried.len() + 1, step, before));
            before = step.level;
            let outcome = if step.level <= best { Held::Held } else { Held::Failed };
            tried.push(Tried { level: step.level, outcome, left: step.level });
        }
        stages
    }

    /// Returns how it goes where nothing fails, in words.
    pub fn text(&self) -> String {
        let FindMax { step, ramp, hold } = self.steps;
        let (each, count) = (units::grouped(step.min(self.most).into()), self.steps.count(self.most));
        let longest = duration_text(self.steps.each() * count);
        format!(
            "{count} steps of {each} sessions, each in {}, then held for {}: {longest} if none fails",
            duration_text(ramp),
            duration_text(hold)
        )
    }
}

/// The stages of one step, by their places among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepStages {
    /// In which sessions arrive, if any do.
    pub rise: Option<usize>,
    /// In which the level is held.
    pub hold: usize,
    /// The level.
    pub level: u32,
    /// Sessions that arrive.
    pub arrivals: u32,
}

/// Returns the steps among the stages that [`Search::stages`] made.
pub fn steps_of(stages: &[Stage]) -> Vec<StepStages> {
    let level_before = |at: usize| at.checked_sub(1).map_or(0, |before| stages[before].level);
    let step = |(hold, stage): (usize, &Stage)| {
        let rise = hold.checked_sub(1).filter(|rise| stages[*rise].name.ends_with(RISE));
        let arrivals = rise.map_or(0, |rise| stages[rise].level - level_before(rise));
        StepStages { rise, hold, level: stage.level, arrivals }
    };
    stages.iter().enumerate().filter(|(_, stage)| stage.name.ends_with(HOLD)).map(step).collect()
}

/// Whether a stage is one in which a step is judged.
pub fn is_judging(stage: &Stage) -> bool {
    stage.name.ends_with(JUDGE)
}

fn highest(tried: &[Tried], is: impl Fn(&Tried) -> bool) -> Option<u32> {
    tried.iter().filter(|it| is(it)).map(|it| it.level).max()
}

/// The lowest level that failed.
fn ceiling(tried: &[Tried]) -> Option<u32> {
    tried.iter().filter(|it| it.outcome == Held::Failed).map(|it| it.level).min()
}

/// The highest level below all that failed.
fn best(tried: &[Tried]) -> Option<u32> {
    let ceiling = ceiling(tried).unwrap_or(u32::MAX);
    highest(tried, |it| it.outcome == Held::Held && it.level < ceiling)
}

fn times_held(tried: &[Tried], level: u32) -> usize {
    tried.iter().filter(|it| it.level == level && it.outcome == Held::Held).count()
}

#[cfg(test)]
mod tests;
