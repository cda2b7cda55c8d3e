//! Ends a run early that can show nothing more: the first sessions all fail, or a measure of the last
//! seconds is beyond its limit.
//!
//! Looks at each second's figures; touches nothing. Invariant: failures of this machine, and times
//! in which it stalled, never end a run.

use std::collections::VecDeque;
use std::time::Duration;

use super::window::Window;
use crate::engine::Second;
use crate::lang::{Arg, Reason, Sentence};
use crate::measure::Totals;
use crate::numbers;
use crate::numbers::grouped;
use crate::plan::abort::AbortRule;
use crate::report::{Ending, ErrorDetail, Part, Phase, RunResult};

/// A run ends when its first sessions, this many, have all failed.
const FIRST_SESSIONS: u64 = 10;
/// Sessions and PINGs that a rate is taken over, at least.
const ATTEMPTS_MIN: u64 = 50;
/// The measure whose latest values count, not those since the run began.
const ERROR_RATE: &str = "errors.rate";

/// See the module's documentation.
#[derive(Debug)]
pub struct Abort {
    rules: Vec<Watched>,
    /// The seconds so far, latest last, as far back as any rule looks.
    past: VecDeque<Past>,
    ending: Option<Ending>,
}

#[derive(Debug)]
struct Watched {
    rule: AbortRule,
    /// What was recorded in its time, for every measure but the error rate.
    window: Window,
}

/// Makes figures of a part of the run.
pub type Measures<'a> = &'a dyn Fn(Part, &Totals) -> RunResult;

/// Sums up to an instant.
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    at: Duration,
    attempts: u64,
    /// Without this machine's own.
    errors: u64,
    stalls: u64,
}

impl Abort {
    /// Watches by these rules.
    pub fn new(rules: &[AbortRule]) -> Self {
        let watched = |rule: &AbortRule| Watched { rule: rule.clone(), window: Window::new(rule.over) };
        Self {
            rules: rules.iter().map(watched).collect(),
            past: VecDeque::from([Past::default()]),
            ending: None,
        }
    }

    /// The same, of what comes after this second.
    pub fn since(mut self, second: &Second<'_>) -> Self {
        self.past.clear();
        self.remember(second);
        self
    }

    /// How the run is to end, if it is.
    pub fn found(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Why the run is to end early, once it is.
    pub fn reason(&self) -> Option<Sentence> {
        match &self.ending {
            Some(Ending::Stopped(why) | Ending::Aborted(why)) => Some(why.clone()),
            _ => None,
        }
    }

    /// How the run ended, if it was ended here.
    pub fn ending(self) -> Option<Ending> {
        self.ending
    }

    /// Looks at a second; `result` is the run's so far, `measures` makes those of its last seconds.
    pub fn look(&mut self, second: &Second<'_>, result: &RunResult, measures: Measures<'_>) {
        if self.ending.is_some() || second.phase == Phase::RampDown {
            return;
        }
        self.remember(second);
        self.ending = first_sessions(second, result)
            .map(Ending::Stopped)
            .or_else(|| self.by_rules(second, result, measures));
    }

    fn remember(&mut self, second: &Second<'_>) {
        let tally = second.totals.tally();
        let own = tally.failures.blamed_on(crate::fault::Blame::Machine) + tally.counts.beats.stalled();
        self.past.push_back(Past {
            at: second.elapsed,
            attempts: tally.counts.attempts(),
            errors: tally.counts.errors().saturating_sub(own),
            stalls: second.totals.stalls().count(),
        });
        // One from before every window is kept.
        let longest = self.rules.iter().map(|watched| watched.rule.over).max().unwrap_or_default();
        let is_old = |past: &Past| {
            second.elapsed.saturating_sub(past.at) >= longest
                && tally.counts.attempts().saturating_sub(past.attempts) >= ATTEMPTS_MIN
        };
        while self.past.len() > 2 && is_old(&self.past[1]) {
            self.past.pop_front();
        }
        for watched in self.rules.iter_mut().filter(|watched| watched.rule.measure != ERROR_RATE) {
            watched.window.add(second);
        }
    }

    fn by_rules(
        &mut self,
        second: &Second<'_>,
        result: &RunResult,
        measures: Measures<'_>,
    ) -> Option<Ending> {
        let Self { rules, past, .. } = self;
        let beyond = rules.iter().find_map(|watched| watched.beyond(second, past, measures))?;
        Some(Ending::Aborted(match main_failures(result) {
            Some(failures) => Reason::Both.with(beyond).with(failures),
            None => beyond,
        }))
    }
}

impl Watched {
    /// The rule with the value of its time, if that is beyond it.
    fn beyond(&self, second: &Second<'_>, past: &VecDeque<Past>, measures: Measures<'_>) -> Option<Sentence> {
        let rule = &self.rule;
        let value = match rule.measure.as_str() {
            ERROR_RATE => recent_rate(second.elapsed, rule.over, past)?,
            _ => {
                let (part, totals) = self.window.part(second)?;
                let result = measures(part, &totals);
                let steps: Vec<String> = result.steps.iter().map(|(name, _)| name.to_owned()).collect();
                result.measure(&rule.full_measure(&steps))?
            }
        };
        let shown = if rule.is_percent() { numbers::percent(value) } else { numbers::figure(value) };
        rule.is_beyond(value).then(|| Reason::AbortRule.with(rule.to_string()).with(shown))
    }
}

/// The error rate over the last `over`, or over the last [`ATTEMPTS_MIN`] attempts if that is
/// longer; `None` before there were as many, and where this machine stalled.
fn recent_rate(now: Duration, over: Duration, past: &VecDeque<Past>) -> Option<f64> {
    let last = past.back()?;
    let begin = past.iter().rev().find(|it| {
        now.saturating_sub(it.at) >= over && last.attempts.saturating_sub(it.attempts) >= ATTEMPTS_MIN
    })?;
    if last.stalls > begin.stalls {
        return None;
    }
    let (errors, attempts) = (last.errors - begin.errors.min(last.errors), last.attempts - begin.attempts);
    Some(errors as f64 / attempts.max(errors) as f64)
}

/// Says that the first sessions have all failed, if they have and others are still to come.
fn first_sessions(second: &Second<'_>, result: &RunResult) -> Option<Sentence> {
    let counts = &second.totals.tally().counts;
    let came_through = counts.opened + counts.completed > 0;
    let more_to_come = second.phase == Phase::Ramp && u64::from(second.started) < result.sessions.planned;
    if came_through || counts.failed < FIRST_SESSIONS || !more_to_come {
        return None;
    }
    let failures = main_failures(result).unwrap_or_default();
    Some(Reason::FirstFailed.with(grouped(counts.failed)).with(failures))
}

/// `40 enter connect-refused (network)`, the most frequent failures with their evidence.
fn main_failures(result: &RunResult) -> Option<Sentence> {
    let failure = |detail: &ErrorDetail| {
        let evidence = detail.sample.as_ref().map(|sample| sample.evidence.trim()).unwrap_or_default();
        let evidence: String = evidence.chars().take(80).collect();
        let key = if evidence.is_empty() { Reason::Failures } else { Reason::FailuresSuchAs };
        let (count, blame) = (grouped(detail.count), Reason::of_blame(&detail.blame));
        let failures = key
            .with(count)
            .with(detail.step.as_str())
            .with(detail.kind.as_str())
            .with(blame.map_or_else(|| Arg::from(detail.blame.as_str()), Arg::from));
        if evidence.is_empty() { failures } else { failures.with(format!("{evidence:?}")) }
    };
    let worst = result.errors.details.iter().take(2).map(failure);
    worst.reduce(|one, other| Reason::Both.with(one).with(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(rows: &[(u64, u64, u64, u64)]) -> VecDeque<Past> {
        let row = |&(at, attempts, errors, stalls): &(u64, u64, u64, u64)| Past {
            at: Duration::from_secs(at),
            attempts,
            errors,
            stalls,
        };
        rows.iter().map(row).collect()
    }

    fn rate(now: u64, rows: &[(u64, u64, u64, u64)]) -> Option<f64> {
        recent_rate(Duration::from_secs(now), Duration::from_secs(10), &past(rows))
    }

    #[test]
    fn the_rate_is_the_latest_and_over_enough_attempts() {
        assert_eq!(rate(10, &[(0, 0, 0, 0), (10, 49, 49, 0)]), None, "too few attempts");
        assert_eq!(rate(9, &[(0, 0, 0, 0), (9, 500, 500, 0)]), None, "too short a time");
        assert_eq!(rate(10, &[(0, 0, 0, 0), (10, 100, 60, 0)]), Some(0.6));
        let good_before = [(0, 0, 0, 0), (100, 10_000, 0, 0), (110, 10_100, 90, 0)];
        assert_eq!(rate(110, &good_before), Some(0.9), "what was good before does not hide it");
        let few_lately = [(0, 0, 0, 0), (20, 50, 0, 0), (30, 52, 2, 0), (40, 54, 4, 0)];
        assert_eq!(rate(40, &few_lately), Some(4.0 / 54.0), "a few failures are looked at with those before");
    }

    #[test]
    fn a_stall_of_this_machine_ends_no_run() {
        assert_eq!(rate(10, &[(0, 0, 0, 0), (10, 100, 100, 1)]), None);
        assert_eq!(rate(30, &[(0, 0, 0, 0), (15, 100, 0, 1), (30, 200, 100, 1)]), Some(1.0));
    }
}
