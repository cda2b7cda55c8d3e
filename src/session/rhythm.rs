//! When a scenario's sessions act by themselves: its periodic messages and steps, in ticks.
//!
//! Read-only once made, shared by all sessions. Knows no session. Invariant: an [`EveryIndex`]
//! points into all lists here.

use std::ops::RangeInclusive;
use std::time::Duration;

use startline_os::tick::Ticks;

use super::draws::Draws;
use super::timer::{Queues, Timer};
use crate::fault::Fault;
use crate::scenario::every::{EXPONENTIAL_CUT, Every, EveryIndex, GIVEN_MIN, Interval, Reply};
use crate::scenario::steps::{Step, Whose};
use crate::scenario::{Scenario, StepIndex};

/// The longest interval that a server may give, and the longest of any timer.
const GIVEN_MAX: Duration = Duration::from_secs(9 * 3600);
/// The widest slot of irregular messages: 32.768 ms.
const SLOT_MAX_TICKS: u32 = 2048;
/// There are at least this many slots in an interval.
const SLOTS_MIN: u32 = 128;

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct Rhythm {
    paces: Vec<Pace>,
    /// Which of them are heartbeats.
    heartbeats: Vec<EveryIndex>,
    /// Which of those awaits its own message back.
    same: Option<EveryIndex>,
    after: Vec<After>,
    queues: Queues,
    /// The shortest interval of any heartbeat.
    shortest: Ticks,
    /// Whether values are needed between the 101 and open.
    needs_values: bool,
}

/// A periodic message's times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Whether it is sent at all.
    pub on: bool,
    pub share: f64,
    pub draws: Draws,
    /// From sending to the reply.
    pub timeout: Ticks,
    /// Where its count is among those that are kept; `None`: it can be computed.
    pub count: Option<usize>,
    /// Its intervals differ.
    pub is_irregular: bool,
    /// It goes on counting where the session comes back; one that is sent a number of times begins anew.
    counts_on: bool,
    /// Where its interval is among those that the server gives.
    pub given: Option<usize>,
    /// Which heartbeat it is; of others it means nothing.
    heartbeat: usize,
    /// The width of its slots.
    pub slot: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Fixed(Ticks),
    Between(Ticks, Ticks),
    Exponential(Ticks),
}

/// A step's times.
#[derive(Clone, Copy, Debug)]
pub(super) struct After {
    pub timeout: Ticks,
    pause: Option<(Ticks, Ticks)>,
    draws: Draws,
}

/// How many entries of each side array a session needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub heartbeats: usize,
    pub counts: usize,
    pub given: usize,
}

impl Rhythm {
    /// Of a scenario, in a run of this seed.
    pub fn of(scenario: &Scenario, seed: u64) -> Self {
        let Some(websocket) = &scenario.websocket else {
            let queues = Queues { http: scenario.http.len(), ..Queues::default() };
            return Self { queues, ..Self::default() };
        };
        let mut rhythm = Self {
            heartbeats: websocket.heartbeats().map(|(index, _)| index).collect(),
            same: websocket
                .heartbeats()
                .find(|(_, it)| matches!(it.reply, Reply::Same))
                .map(|(index, _)| index),
            after: websocket.steps.iter().map(|step| After::of(step, seed)).collect(),
            queues: Queues {
                every: websocket.every.len(),
                after: websocket.steps.len(),
                http: scenario.http.len(),
                reconnects: scenario.reconnect.is_some(),
            },
            needs_values: websocket.steps.iter().any(|step| {
                let own = match &step.whose {
                    Whose::Any => None,
                    Whose::Equals { equals: own, .. } | Whose::Starts { starts: own, .. } => Some(own),
                };
                !step.take.is_empty()
                    || step.request.is_some()
                    || step.send.iter().chain(own).any(|it| !it.values().is_empty())
            }),
            ..Self::default()
        };
        for every in &websocket.every {
            rhythm.add(every, seed, scenario.reconnect.is_some());
        }
        let shortest = websocket.heartbeats().map(|(_, every)| ticks(every.interval.mean())).min();
        rhythm.shortest = shortest.unwrap_or(Ticks::ZERO);
        rhythm
    }

    fn add(&mut self, every: &Every, seed: u64, may_come_back: bool) {
        let needs = self.needs();
        let (kind, is_irregular) = match every.interval {
            Interval::Fixed(interval) => (Kind::Fixed(ticks(interval)), false),
            Interval::Between(from, to) => (Kind::Between(ticks(from), ticks(to)), true),
            Interval::Exponential(mean) => (Kind::Exponential(ticks(mean)), true),
            Interval::Given { .. } => (Kind::Fixed(Ticks::ZERO), false),
        };
        let counts_on = may_come_back && every.times.is_none();
        let is_counted = is_irregular || (counts_on && every.on && every.is_numbered());
        let is_given = matches!(every.interval, Interval::Given { .. });
        self.needs_values |= is_given;
        let shortest = match kind {
            Kind::Fixed(ticks) | Kind::Between(ticks, _) | Kind::Exponential(ticks) => ticks,
        };
        let index = self.paces.len();
        self.paces.push(Pace {
            on: every.on,
            share: every.share,
            draws: Draws::new(seed, &every.name),
            timeout: ticks(every.timeout),
            count: is_counted.then_some(needs.counts),
            is_irregular,
            counts_on,
            given: is_given.then_some(needs.given),
            heartbeat: self.heartbeats.iter().position(|it| it.index() == index).unwrap_or(0),
            slot: slot_of(shortest),
            kind,
        });
    }

    pub(super) fn needs(&self) -> Needs {
        Needs {
            heartbeats: self.heartbeats.len(),
            counts: self.paces.iter().filter(|pace| pace.count.is_some()).count(),
            given: self.paces.iter().filter(|pace| pace.given.is_some()).count(),
        }
    }

    /// The queues of its timers.
    pub fn queues(&self) -> Queues {
        self.queues
    }

    /// The counts that begin anew with each connection of a session.
    pub(super) fn counts_anew(&self) -> impl Iterator<Item = usize> {
        self.paces.iter().filter(|pace| !pace.counts_on).filter_map(|pace| pace.count)
    }

    /// Whether entries of this timer's queue have delays of their own.
    pub fn is_irregular(&self, timer: Timer) -> bool {
        match timer {
            Timer::First(every) | Timer::Next(every) => {
                let pace = self.pace(every);
                pace.is_irregular || pace.given.is_some()
            }
            Timer::Pause(step) => {
                self.after.get(usize::from(step)).is_some_and(|it| it.pause.is_some_and(|(a, b)| a != b))
            }
            Timer::Reconnect => true,
            _ => false,
        }
    }

    pub(super) fn paces(&self) -> impl Iterator<Item = (EveryIndex, &Pace)> {
        self.paces.iter().enumerate().map(|(index, pace)| (EveryIndex(index as u8), pace))
    }

    pub(super) fn pace(&self, every: EveryIndex) -> &Pace {
        &self.paces[every.index()]
    }

    pub(super) fn heartbeats(&self) -> impl Iterator<Item = EveryIndex> {
        self.heartbeats.iter().copied()
    }

    pub(super) fn heartbeat_of(&self, every: EveryIndex) -> usize {
        self.pace(every).heartbeat
    }

    pub(super) fn same(&self) -> Option<EveryIndex> {
        self.same
    }

    pub(super) fn after(&self, step: u8) -> Option<&After> {
        self.after.get(usize::from(step))
    }

    pub(super) fn shortest(&self) -> Ticks {
        self.shortest
    }

    pub(super) fn needs_values(&self) -> bool {
        self.needs_values
    }
}

impl Pace {
    /// The mean interval in milliseconds, where the server does not give it.
    pub(super) fn mean_ms(&self) -> u64 {
        let mean = match self.kind {
            Kind::Fixed(interval) | Kind::Exponential(interval) => interval,
            Kind::Between(from, to) => Ticks::from_raw(from.raw() + (to.raw() - from.raw()) / 2),
        };
        mean.as_micros() / 1_000
    }

    /// The interval before a session's k-th time.
    pub(super) fn interval(&self, session: u32, k: u32) -> Ticks {
        match self.kind {
            Kind::Fixed(interval) => interval,
            Kind::Between(from, to) => between(from, to, self.draws.unit_at(session, k)),
            Kind::Exponential(mean) => {
                let times = -(1.0 - self.draws.unit_at(session, k)).ln();
                let raw = f64::from(mean.raw()) * times.min(EXPONENTIAL_CUT);
                Ticks::from_raw((raw as u32).max(1))
            }
        }
    }
}

impl After {
    fn of(step: &Step, seed: u64) -> Self {
        let pause = step.pause.clone().map(RangeInclusive::into_inner);
        Self {
            timeout: ticks(step.timeout),
            pause: pause.map(|(from, to)| (ticks(from), ticks(to))),
            draws: Draws::new(seed, &step.name),
        }
    }

    /// The pause of a session before it.
    pub(super) fn pause(&self, session: u32) -> Ticks {
        self.pause.map_or(Ticks::ZERO, |(from, to)| between(from, to, self.draws.unit_at(session, 0)))
    }
}

fn between(from: Ticks, to: Ticks, unit: f64) -> Ticks {
    let width = f64::from(to.raw() - from.raw() + 1);
    Ticks::from_raw(from.raw() + ((width * unit) as u32).min(to.raw() - from.raw()))
}

/// A power of two, so that slots go on where ticks wrap.
fn slot_of(interval: Ticks) -> u32 {
    let widest = (interval.raw() / SLOTS_MIN).clamp(1, SLOT_MAX_TICKS);
    1 << widest.ilog2()
}

fn ticks(duration: Duration) -> Ticks {
    Ticks::from_duration(duration)
}

/// The interval that a server gave.
///
/// # Errors
/// It gave none, and the scenario has none either; or none that is possible.
pub(super) fn given(interval: &Interval, taken: &[String]) -> Result<Ticks, Fault> {
    let Interval::Given { value, unit, or } = interval else { return Ok(Ticks::ZERO) };
    let text = taken.get(usize::from(*value)).map_or("", String::as_str);
    if text.is_empty() {
        return or.map(ticks).ok_or(Fault::ValueMissing(*value));
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    let seconds = number.map(|number| number * unit.as_secs_f64());
    match seconds {
        Some(seconds) if (GIVEN_MIN.as_secs_f64()..=GIVEN_MAX.as_secs_f64()).contains(&seconds) => {
            Ok(ticks(Duration::from_secs_f64(seconds)))
        }
        _ => Err(Fault::ValueOutOfRange(*value)),
    }
}

/// The places of a scenario's steps among their names.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepPlaces {
    http: u8,
    open: u8,
    hold: u8,
}

impl StepPlaces {
    /// Of a scenario.
    pub fn of(scenario: &Scenario) -> Self {
        let names = scenario.step_names();
        let http = scenario.http.len();
        let open = (http..names.len()).find(|index| names[*index] == "open").unwrap_or(http);
        Self { http: http as u8, open: open as u8, hold: names.len() as u8 }
    }

    pub(super) fn connect(self) -> StepIndex {
        StepIndex(self.http)
    }

    /// A step after the upgrade; one behind the last is `open`.
    pub(super) fn after(self, step: u8) -> StepIndex {
        StepIndex((self.http + 1 + step).min(self.open))
    }

    pub(super) fn open(self) -> StepIndex {
        StepIndex(self.open)
    }

    /// Behind all steps.
    pub fn hold(self) -> StepIndex {
        StepIndex(self.hold)
    }

    /// Of a heartbeat, the n-th of the scenario's.
    pub fn heartbeat(self, index: usize) -> StepIndex {
        StepIndex(self.open + 1 + index as u8)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pace(kind: Kind) -> Pace {
        Pace {
            on: true,
            share: 1.0,
            draws: Draws::new(3, "say"),
            timeout: Ticks::ZERO,
            count: Some(0),
            is_irregular: true,
            counts_on: false,
            given: None,
            heartbeat: 0,
            slot: 1,
            kind,
        }
    }

    proptest! {
        #[test]
        fn intervals_stay_in_their_range(session: u32, k: u32) {
            let (from, to) = (ticks(Duration::from_secs(4)), ticks(Duration::from_secs(8)));
            let drawn = pace(Kind::Between(from, to)).interval(session, k);
            prop_assert!(from <= drawn && drawn <= to);
            let longest = pace(Kind::Exponential(from)).interval(session, k);
            prop_assert!(longest.raw() >= 1 && longest.raw() <= 10 * from.raw());
        }
    }

    #[test]
    fn means_are_the_scenario_s() {
        let mean = |kind| {
            let pace = pace(kind);
            (0..20_000).map(|k| f64::from(pace.interval(k % 100, k).raw())).sum::<f64>() / 20_000.0
        };
        let four = ticks(Duration::from_secs(4));
        let eight = ticks(Duration::from_secs(8));
        assert!((mean(Kind::Between(four, eight)) / f64::from(four.raw()) - 1.5).abs() < 0.01);
        assert!((mean(Kind::Exponential(four)) / f64::from(four.raw()) - 1.0).abs() < 0.03);
    }

    #[test]
    fn a_server_s_interval_has_to_be_possible() {
        let interval =
            Interval::Given { value: 0, unit: Duration::from_millis(1), or: Some(Duration::from_secs(300)) };
        let of = |text: &str| given(&interval, &[text.to_owned()]);
        assert_eq!(of("25000").unwrap(), ticks(Duration::from_secs(25)));
        assert_eq!(of("").unwrap(), ticks(Duration::from_secs(300)));
        for text in ["99", "0", "-4", "soon", "1e99", "NaN", "32400001"] {
            assert_eq!(of(text).unwrap_err(), Fault::ValueOutOfRange(0), "{text}");
        }
    }
}
