//! The plugins' Arrivals Thread Groups, in which threads start at a rate, as levels of open sessions.
//!
//! Knows rates and how long a session stays, not what it does. Invariant: as many sessions arrive as JMeter would start, at
//! its rate wherever that is steady for a session's lifetime.

use std::time::Duration;

use super::super::model::{At, Of};
use super::element::{Element, Part};
use super::stages::{self, Move, STEPS_MAX};
use super::work::PlanWork;
use crate::scenario::DELAY_MAX;

/// A session takes time to open, whatever it waits for: none stays for less.
const STAY_MIN_MS: f64 = 1000.0;

/// A rate that moves evenly from one value to another: arrivals a millisecond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Leg {
    from: f64,
    to: f64,
    span_ms: f64,
}

impl Leg {
    /// How many arrive until this time of it.
    fn arrivals(&self, ms: f64) -> f64 {
        let ms = ms.clamp(0.0, self.span_ms);
        if ms == 0.0 { 0.0 } else { ms * (self.from + (self.to - self.from) * ms / self.span_ms / 2.0) }
    }
}

/// The rates of a group, one after the other; `None` if it has none that are known.
pub(super) fn rates(group: Element<'_>, work: &PlanWork<'_>) -> Option<Vec<Leg>> {
    let unit_ms = if group.raw("Unit").trim() == "S" { 1000.0 } else { 60_000.0 };
    let number = |text: &str| -> Option<f64> {
        let text = if text.trim().is_empty() { "0".to_owned() } else { work.values.constant(text)? };
        text.trim().parse().ok().filter(|number| (0.0..=f64::from(u32::MAX)).contains(number))
    };
    let leg = |from: f64, to: f64, span: f64| Leg {
        from: from / unit_ms,
        to: to / unit_ms,
        span_ms: (span * unit_ms).round(),
    };
    let legs = match group.class() {
        "ArrivalsThreadGroup" => {
            let property = |name: &str| number(group.raw(name));
            let (rate, rise, hold) = (property("TargetLevel")?, property("RampUp")?, property("Hold")?);
            let steps = work.values.number(group.raw("Steps")).unwrap_or(0);
            let mut legs = match steps {
                1..=STEPS_MAX => {
                    let step = |step: u64| rate * step as f64 / steps as f64;
                    (1..=steps).map(|one| leg(step(one), step(one), rise / steps as f64)).collect()
                }
                _ => vec![leg(0.0, rate, rise)],
            };
            legs.push(leg(rate, rate, hold));
            legs
        }
        "FreeFormArrivalsThreadGroup" => {
            let rows = group.inner("Schedule");
            let row = |row: &Part<'_>| {
                let cells: Vec<f64> =
                    row.parts().map(|cell| number(cell.own_text())).collect::<Option<_>>()?;
                let [from, to, span] = cells[..] else { return None };
                Some(leg(from, to, span))
            };
            rows.iter().take(STEPS_MAX as usize + 1).map(row).collect::<Option<Vec<_>>>()?
        }
        _ => return None,
    };
    let (total_ms, arrivals) = (until(&legs), arrived(&legs, until(&legs)));
    let is_a_run = total_ms <= super::RUN_MAX_S as f64 * 1000.0 && arrivals >= 0.5;
    (is_a_run && legs.len() as u64 <= STEPS_MAX + 1).then_some(legs)
}

/// When the last one arrives.
fn until(legs: &[Leg]) -> f64 {
    legs.iter().map(|leg| leg.span_ms).sum()
}

/// How many have arrived by then.
fn arrived(legs: &[Leg], ms: f64) -> f64 {
    let mut before_ms = 0.0;
    let of = |leg: &Leg| {
        let arrivals = leg.arrivals(ms - before_ms);
        before_ms += leg.span_ms;
        arrivals
    };
    legs.iter().map(of).sum()
}

/// How long each session stays for the rates of all groups: at least `stay`, and so long that the highest of them keeps a whole
/// number of sessions open. `None`: nobody leaves before the last has come.
pub(super) fn lifetime(groups: &[Vec<Leg>], stay: Option<Duration>) -> Option<Duration> {
    let highest = |legs: &Vec<Leg>| legs.iter().map(|leg| leg.from.max(leg.to)).fold(0.0, f64::max);
    let rate: f64 = groups.iter().map(highest).sum();
    let stay_ms = (stay?.as_millis() as f64).max(STAY_MIN_MS);
    let lifetime_ms = ((rate * stay_ms).ceil() / rate).round();
    let last_ms = groups.iter().map(|legs| until(legs)).fold(0.0, f64::max);
    let is_one = lifetime_ms < last_ms && lifetime_ms <= DELAY_MAX.as_millis() as f64;
    is_one.then(|| Duration::from_millis(lifetime_ms as u64))
}

/// How many sessions of a group are open, where each stays this long: those that arrived within a lifetime.
pub(super) fn moves(
    group: Element<'_>,
    legs: &[Leg],
    stay: Option<Duration>,
    work: &mut PlanWork<'_>,
) -> Vec<Move> {
    let last_ms = until(legs);
    let stay_ms = stay.map_or(last_ms, |stay| stay.as_millis() as f64);
    let mut instants = vec![stay_ms];
    let mut at_ms = 0.0;
    for leg in legs {
        at_ms += leg.span_ms;
        instants.extend([at_ms, at_ms + stay_ms]);
    }
    instants.retain(|ms| *ms <= last_ms);
    instants.sort_by(f64::total_cmp);
    let limit =
        work.values.number(group.raw("ConcurrencyLimit")).filter(|limit| *limit > 0).unwrap_or(u64::MAX);
    let level = |ms: f64| (arrived(legs, ms) - arrived(legs, ms - stay_ms)).round() as u64;
    if instants.iter().any(|ms| level(*ms) > limit) {
        let text = format!("{}: its limit of {limit} threads: the stages stop there", group.called());
        work.found.note(Of::Changed, At::Line(group.line()), text);
    }
    stages::through(instants.into_iter().map(|ms| (ms as u64, level(ms).min(limit))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_the_area_below_the_rate() {
        let legs = [Leg { from: 0.0, to: 2.0, span_ms: 10.0 }, Leg { from: 1.0, to: 1.0, span_ms: 5.0 }];
        let all = [0.0, 5.0, 10.0, 12.0, 15.0, 99.0].map(|ms| arrived(&legs, ms));
        assert_eq!(all, [0.0, 2.5, 10.0, 12.0, 15.0, 15.0]);
        assert_eq!(arrived(&legs, -3.0), 0.0);
        assert_eq!(arrived(&[Leg { from: 0.0, to: 5.0, span_ms: 0.0 }], 1.0), 0.0);
    }

    #[test]
    fn a_lifetime_keeps_a_whole_number_open() {
        let at = |per_s: f64, stay_ms: u64| {
            let legs = vec![Leg { from: per_s / 1000.0, to: per_s / 1000.0, span_ms: 600_000.0 }];
            lifetime(&[legs], Some(Duration::from_millis(stay_ms))).map(|lifetime| lifetime.as_millis())
        };
        assert_eq!(at(2.0, 30_000), Some(30_000));
        // One session at a time, each for as long as it takes until the next one comes.
        assert_eq!(at(0.1, 0), Some(10_000));
        assert_eq!(at(0.15, 10_000), Some(13_333));
        // The last arrives before the first has left.
        assert_eq!(at(2.0, 600_000), None);
    }
}
