//! All parts of a mix together, as one run: its seconds, its files, its result.
//!
//! Plays nothing: takes what the parts hand over. Invariant: whatever a part records is in the whole once.

use std::time::{Duration, Instant};

use super::{Mix, Part};
use crate::app::recording::Recording;
use crate::engine::{Outcome, RampDownOutcome, RunReadings, Second, Sources};
use crate::lang::Sentence;
use crate::measure::pauses::{PausedBy, Pauses};
use crate::measure::{Interval, Phase, SourceCounts, Totals};
use crate::report::files::Lacking;
use crate::report::{Ending, MixPart, RunResult};
use crate::scenario::joined::Places;

/// How long a second waits for parts that are late with theirs.
const LATE: Duration = Duration::from_millis(700);

/// What a part hands over.
pub(super) enum Said {
    Second(Box<PartSecond>),
    Over(usize, Box<anyhow::Result<Over>>),
}

/// A second of a part.
pub(super) struct PartSecond {
    part: usize,
    elapsed: Duration,
    is_after: bool,
    interval: Interval,
    now: Now,
    pauses: Pauses,
    result: RunResult,
}

/// How a part stands.
#[derive(Clone, Copy)]
struct Now {
    phase: Phase,
    started: u32,
    open: u32,
    held: u32,
    away: u32,
    planned: u32,
    paused: Option<PausedBy>,
    readings: RunReadings,
}

/// How a part has ended.
pub(super) struct Over {
    result: RunResult,
    lacking: Lacking,
    readings: RunReadings,
    held_to_end: u32,
    stopped: Option<Sentence>,
    spills_left: usize,
    sources: Sources,
    took: Duration,
    unfinished: bool,
}

impl PartSecond {
    pub fn of(part: usize, second: &Second<'_>, places: &Places, result: RunResult) -> Self {
        let Second { elapsed, phase, is_after, started, open, held, away, planned, paused, readings, .. } =
            *second;
        let now = Now { phase, started, open, held, away, planned, paused, readings };
        let pauses = second.pauses.clone();
        Self { part, elapsed, is_after, interval: second.interval.placed(places), now, pauses, result }
    }
}

impl Now {
    fn second<'a>(
        &self,
        elapsed: Duration,
        totals: &'a Totals,
        (interval, is_after): (&'a Interval, bool),
        pauses: &'a Pauses,
    ) -> Second<'a> {
        let Self { phase, started, open, held, away, planned, paused, readings } = *self;
        let stages = &[];
        Second {
            elapsed,
            phase,
            is_after,
            totals,
            interval,
            started,
            open,
            held,
            away,
            planned,
            pauses,
            paused,
            readings,
            stages,
        }
    }
}

impl Over {
    pub fn of(outcome: Outcome, result: RunResult, lacking: Lacking) -> Self {
        Self {
            result,
            lacking,
            readings: outcome.readings,
            held_to_end: outcome.held_to_end,
            stopped: outcome.stopped,
            spills_left: outcome.spills_left,
            sources: outcome.sources,
            took: outcome.ramp_down.took,
            unfinished: outcome.ramp_down.unfinished,
        }
    }
}

/// See the module's documentation.
pub(super) struct Whole<'w> {
    mix: &'w Mix,
    recording: Recording<'w>,
    totals: Totals,
    after: Totals,
    fresh: Interval,
    fresh_after: Interval,
    now: Vec<Option<Now>>,
    results: Vec<Option<RunResult>>,
    over: Vec<Option<Over>>,
    /// Parts that have handed over since the last second was reported, and since when.
    heard: Vec<usize>,
    since: Instant,
    elapsed: Duration,
    peak: u32,
    pauses: Pauses,
}

impl<'w> Whole<'w> {
    pub fn new(mix: &'w Mix, recording: Recording<'w>) -> Self {
        let layout = crate::engine::layout_of(&mix.whole);
        let parts = mix.parts.len();
        Self {
            mix,
            recording,
            totals: Totals::new(&layout),
            after: Totals::new(&layout),
            fresh: Interval::default(),
            fresh_after: Interval::default(),
            now: vec![None; parts],
            results: vec![None; parts],
            over: (0..parts).map(|_| None).collect(),
            heard: Vec::new(),
            since: Instant::now(),
            elapsed: Duration::ZERO,
            peak: 0,
            pauses: Pauses::default(),
        }
    }

    /// Takes a second of a part.
    pub fn take(&mut self, second: PartSecond) {
        let PartSecond { part, elapsed, is_after, interval, now, pauses, result } = second;
        // The next one of a part while others are late with this one.
        if self.heard.contains(&part) && elapsed.as_secs() > self.elapsed.as_secs() {
            self.report();
        }
        if self.heard.is_empty() {
            self.since = Instant::now();
        }
        self.elapsed = self.elapsed.max(elapsed);
        let (totals, fresh) = match is_after {
            true => (&mut self.after, &mut self.fresh_after),
            false => (&mut self.totals, &mut self.fresh),
        };
        totals.add(&interval);
        fresh.merge(interval);
        (self.now[part], self.results[part]) = (Some(now), Some(result));
        // All parts are paused together.
        self.pauses = pauses;
        if !self.heard.contains(&part) {
            self.heard.push(part);
        }
        let running = (0..self.over.len()).filter(|part| self.over[*part].is_none());
        if running.into_iter().all(|part| self.heard.contains(&part)) {
            self.report();
        }
    }

    /// Reports a second that some parts are too late with.
    pub fn look(&mut self) {
        if !self.heard.is_empty() && self.since.elapsed() > LATE {
            self.report();
        }
    }

    /// Takes how a part has ended.
    pub fn over(&mut self, part: usize, over: Over) {
        self.results[part] = Some(over.result.clone());
        if let Some(now) = &mut self.now[part] {
            (now.open, now.phase, now.readings) = (0, Phase::RampDown, over.readings);
        }
        self.over[part] = Some(over);
    }

    /// Why a part was ended early by a rule of its own: then all are.
    pub fn aborted(&self) -> Option<Sentence> {
        let part = |(part, over): (&Part, &Option<Over>)| {
            let stopped = over.as_ref()?.stopped.clone()?;
            Some(crate::lang::Reason::OfPart.with(part.name.clone()).with(stopped))
        };
        self.mix.parts.iter().zip(&self.over).find_map(part)
    }

    /// Reports what was handed over: apart, where a part of it is the ramp-down's.
    fn report(&mut self) {
        self.heard.clear();
        let (fresh, after) = (std::mem::take(&mut self.fresh), std::mem::take(&mut self.fresh_after));
        self.recording.take_parts(self.part_results());
        let now = self.now();
        self.peak = self.peak.max(now.open);
        let is_after = after.covers().is_some();
        if !is_after || fresh.covers().is_some() {
            self.recording.second(&now.second(self.elapsed, &self.totals, (&fresh, false), &self.pauses));
        }
        if is_after {
            self.recording.second(&now.second(self.elapsed, &self.totals, (&after, true), &self.pauses));
        }
    }

    fn part_results(&self) -> Vec<MixPart> {
        let parts = self.mix.parts.iter().zip(&self.results);
        let result = |(part, result): (&Part, &Option<RunResult>)| {
            let beside = self.mix.beside(part);
            Some(MixPart::new((&part.name, part.weight), part.directory(), beside, result.clone()?))
        };
        parts.filter_map(result).collect()
    }

    /// How all parts together stand.
    fn now(&self) -> Now {
        let all = || self.now.iter().flatten();
        let sum = |figure: fn(&Now) -> u32| all().map(figure).sum::<u32>();
        Now {
            phase: self.phase(),
            started: sum(|now| now.started),
            open: sum(|now| now.open),
            held: sum(|now| now.held),
            away: sum(|now| now.away),
            planned: sum(|now| now.planned),
            paused: all().find_map(|now| now.paused),
            readings: self.readings(),
        }
    }

    /// The phase of the part that is furthest behind; a hold is the whole's once nobody arrives any more.
    fn phase(&self) -> Phase {
        let of = |phase: Phase| self.now.iter().flatten().any(|now| now.phase == phase);
        [Phase::Ramp, Phase::Settle, Phase::Hold]
            .into_iter()
            .find(|phase| of(*phase))
            .unwrap_or(Phase::RampDown)
    }

    fn readings(&self) -> RunReadings {
        let all = || self.now.iter().flatten().map(|now| now.readings);
        // Each part's least is the least of a time of its own: together they are no more than was held.
        let held = || all().filter_map(|it| it.min_in_hold);
        let is_level = !self.mix.whole.is_staged() && held().count() > 0;
        RunReadings {
            first_start: all().filter_map(|it| it.first_start).min(),
            last_start: all().filter_map(|it| it.last_start).max(),
            hold_took: all().map(|it| it.hold_took).max().unwrap_or_default(),
            peak: self.peak,
            min_in_hold: is_level.then(|| held().sum()),
            away_peak: all().map(|it| it.away_peak).sum(),
            away_seconds: all().map(|it| it.away_seconds).sum(),
            held_seconds: all().map(|it| it.held_seconds).sum(),
            rss_bytes_at_start: all().map(|it| it.rss_bytes_at_start).min().unwrap_or(0),
            rss_bytes: all().map(|it| it.rss_bytes).max().unwrap_or(0),
            open_at_rss: all().map(|it| it.open_at_rss).sum(),
            cpu_seconds: all().map(|it| it.cpu_seconds).fold(0.0, f64::max),
        }
    }

    /// Makes the whole's result of what has ended, and waits for the files as long as there is `patience`.
    pub fn finish(mut self, patience: impl Fn() -> Duration) -> (RunResult, Lacking) {
        if self.fresh.covers().is_some() || self.fresh_after.covers().is_some() {
            self.report();
        }
        self.recording.take_parts(self.part_results());
        let readings = self.readings();
        let over = || self.over.iter().flatten();
        let held_to_end: u32 = over().map(|it| it.held_to_end).sum();
        let stopped = over().find_map(|it| it.stopped.clone());
        let early = stopped.clone().map(Ending::Stopped);
        let outcome = Outcome {
            totals: self.totals,
            stages: Vec::new(),
            ledger: None,
            membership: None,
            missing_updates: Vec::new(),
            ramp_down: RampDownOutcome {
                totals: self.after,
                took: over().map(|it| it.took).max().unwrap_or_default(),
                unfinished: over().any(|it| it.unfinished),
            },
            readings: RunReadings { peak: readings.peak.max(held_to_end), ..readings },
            held_to_end,
            stopped,
            spills_left: over().map(|it| it.spills_left).sum(),
            sources: sources(self.mix, &self.over),
            pauses: self.pauses,
        };
        let lines = self.mix.parts.iter().zip(&self.over).flat_map(|(part, over)| {
            let lines = over.iter().flat_map(|over| &over.lacking.lines);
            lines.map(|line| format!("{}: {line}", part.directory())).collect::<Vec<_>>()
        });
        let lines: Vec<String> = lines.collect();
        let of_parts = self.over.iter().flatten().find_map(|over| over.lacking.summary.clone());
        let (result, mut lacking) = self.recording.finish(&outcome, early, patience);
        lacking.lines.extend(lines);
        lacking.summary = lacking.summary.or(of_parts);
        (result, lacking)
    }
}

/// What became of the connections of each of the whole's source addresses.
fn sources(mix: &Mix, over: &[Option<Over>]) -> Sources {
    let all = &mix.whole.sources;
    let mut connections = vec![SourceCounts::default(); all.len().max(1)];
    for (part, over) in mix.parts.iter().zip(over) {
        for (k, counts) in over.iter().flat_map(|it| &it.sources.connections).enumerate() {
            let own = part.plan.sources.get(k);
            let place = own.and_then(|own| all.iter().position(|it| it == own)).unwrap_or(0);
            connections[place] += *counts;
        }
    }
    Sources {
        method: over.iter().flatten().map(|it| it.sources.method).next().unwrap_or_default(),
        connections,
    }
}
