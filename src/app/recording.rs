//! Between the engine and the results: each second to files and terminal, the outcome to a result.
//!
//! Moves figures from one shape to another and makes none of its own. Invariants: a file that cannot be written is
//! told and the run goes on; no disk and no terminal is waited for before the end.

use std::time::Duration;

use jiff::Timestamp;
use startline_os::{process, units::counted, wall_clock};

use super::search::stage_facts;
use crate::engine::{self, Outcome, RunReadings, Second};
use crate::lang::Reason;
use crate::measure::Totals;
use crate::measure::pauses::Pauses;
use crate::measure::propagation::Propagated;
use crate::plan::{Plan, Settings};
use crate::report::files::{self, Lacking, ResultsDir};
use crate::report::progress::{self, Status};
use crate::report::view::{Snapshot, View};
use crate::report::{
    ClockResult, Ending, Facts, FindMaxStep, MixPart, Part, Phase, RampDownFacts, RunResult, ShardResult,
};
use crate::terminal::StatusLine;
use crate::watch::{Stage, Watching};

/// Where standard error is no terminal, a line this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// What keeps a run's records while it goes on.
pub struct Recording<'r> {
    plan: Plan,
    directory: &'r mut ResultsDir,
    views: Vec<Box<dyn View + 'r>>,
    watching: Option<Watching>,
    facts: Facts,
    /// The end of the last second of each side of the close of accounts; `None` before the first.
    last_end: Option<Duration>,
    /// The phase in which the second being recorded began.
    phase: Phase,
    last_cpu_seconds: f64,
    /// The parts of a mix, as they stand.
    parts: Vec<MixPart>,
    /// It is a part itself: the process's memory is not its own.
    is_part: bool,
}

/// What is watched of the servers during a run.
#[derive(Debug, Default)]
pub struct Servers {
    /// The sources; `None` without any.
    pub watching: Option<Watching>,
    /// A criterion that is not measured makes the run inconclusive.
    pub requires_all: bool,
}

impl<'r> Recording<'r> {
    /// Begins now.
    pub fn new(
        plan: &'r Plan,
        directory: &'r mut ResultsDir,
        views: Vec<Box<dyn View + 'r>>,
        servers: Servers,
    ) -> Self {
        let Servers { watching, requires_all } = servers;
        let watch = watching.as_ref().map(Watching::seen);
        let facts = Facts { requires_all, watch, shard: shard_of(plan), ..facts_at_start() };
        // So that whoever kills a run in its first second finds a summary that says so.
        directory.summary(&RunResult::build(&Totals::new(&engine::layout_of(plan)), &facts, plan));
        Self {
            plan: plan.clone(),
            directory,
            views,
            watching,
            facts,
            last_end: None,
            phase: Phase::Ramp,
            last_cpu_seconds: process::cpu_seconds(),
            parts: Vec::new(),
            is_part: false,
        }
    }

    /// Begins now, with a part of a mix.
    pub fn of_part(plan: &'r Plan, directory: &'r mut ResultsDir) -> Self {
        Self { is_part: true, ..Self::new(plan, directory, Vec::new(), Servers::default()) }
    }

    /// Takes how the parts of a mix stand.
    pub fn take_parts(&mut self, parts: Vec<MixPart>) {
        self.parts = parts;
    }

    /// Writes a second down and tells it.
    pub fn second(&mut self, second: &Second<'_>) -> RunResult {
        let (now, at) = (Timestamp::now(), second.elapsed);
        // Without a worker that says so, it is the time since the last one.
        let since_last = (self.last_end.unwrap_or_default(), at);
        let (start, end) = second.interval.covers().unwrap_or(since_last);
        if self.last_end.is_none() {
            self.facts.started_at = before(now, at);
        }
        let cpu_seconds = process::cpu_seconds();
        let row = files::Second {
            start,
            end,
            ended_at: before(now, at.saturating_sub(end)),
            is_after: second.is_after,
            phase: if second.is_after { Phase::RampDown } else { self.phase },
            planned: u64::from(second.planned),
            paused: second.pauses.within(start, end),
            open: u64::from(second.open),
            cpu_seconds: cpu_seconds - self.last_cpu_seconds,
            rss_bytes: process::rss_bytes(),
            totals: second.totals,
            expected_servers: self.plan.settings.expect_servers.map(|count| count as usize),
        };
        self.watch(at, second.phase, second.open);
        self.directory.second(&row, second.interval, &*self.plan.scenario);
        // What is judged was recorded before accounts closed, though it is handed over later.
        if second.phase != Phase::RampDown {
            self.phase = second.phase;
        }
        self.last_end = Some(end);
        self.last_cpu_seconds = cpu_seconds;
        self.facts.pauses.clone_from(second.pauses);
        self.take_readings(&second.readings, u64::from(second.open));
        let result = self.result(second.totals);
        self.directory.summary(&result);
        self.tell_warnings();
        let snapshot = Snapshot {
            plan: &self.plan,
            phase: second.phase,
            elapsed: second.elapsed,
            paused: second.paused,
            started: u64::from(second.started),
            second: &row,
            interval: second.interval,
            result: &result,
        };
        self.views.iter_mut().for_each(|view| view.show(&snapshot));
        result
    }

    /// What is known of the run besides what was recorded.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Goes on by a plan of which more was decided.
    pub fn decided(&mut self, settings: Settings, steps: Vec<FindMaxStep>) {
        self.plan = self.plan.clone().with_settings(settings);
        self.facts.find_max = steps;
    }

    /// Begins a step of a search: what was read so far is not of it.
    pub fn begin_step(&mut self) {
        self.watching.iter_mut().for_each(Watching::begin_part);
    }

    /// Takes what was read of the servers since the last second.
    fn watch(&mut self, elapsed: Duration, phase: Phase, open: u32) {
        let Some(watching) = &mut self.watching else { return };
        let stage = match phase {
            Phase::Hold => Stage::Hold,
            Phase::RampDown => Stage::After,
            _ => Stage::Ramp,
        };
        self.directory.watched(&watching.drain(elapsed, stage, open));
        self.facts.watch = Some(watching.seen());
        self.facts.watch_in_step = self.plan.search().map(|_| watching.seen_in_part());
    }

    /// Makes the result of what has ended and writes it down; `early`: how it was ended before its
    /// time. Waits for the files as long as there is `patience`, and returns what they lack as well.
    pub fn finish(
        mut self,
        outcome: &Outcome,
        early: Option<Ending>,
        patience: impl Fn() -> Duration,
    ) -> (RunResult, Lacking) {
        if let Some(watching) = &mut self.watching {
            self.directory.watched(&watching.finish());
            self.facts.watch = Some(watching.seen());
        }
        self.take_readings(&outcome.readings, u64::from(outcome.held_to_end));
        self.facts.ledger = outcome.ledger.clone();
        self.facts.stages = outcome.stages.iter().map(stage_facts).collect();
        self.facts.pauses.clone_from(&outcome.pauses);
        self.facts.membership = outcome.membership.clone();
        self.facts.missing_updates.clone_from(&outcome.missing_updates);
        let tally = outcome.ramp_down.totals.tally();
        let after = &tally.counts;
        self.facts.ramp_down = Some(RampDownFacts {
            messages: after.messages,
            sent: tally.sent(),
            answers: tally.answers(),
            closed: after.closed,
            clean: after.closes_clean,
            cut: after.closes_cut,
            timed_out: after.closes_timed_out,
            took: outcome.ramp_down.took,
        });
        self.facts.propagated_after = tally.propagated.clone();
        self.facts.port_method = Some(outcome.sources.method.to_owned());
        let counts = outcome.sources.connections.iter().copied();
        self.facts.sources = match self.plan.sources.as_slice() {
            [] => counts.map(|counts| (None, counts)).collect(),
            sources => sources.iter().copied().map(Some).zip(counts).collect(),
        };
        let open = outcome.totals.tally().counts.open_now();
        let held_to_end = u64::from(outcome.held_to_end);
        self.facts.ending = match &outcome.stopped {
            Some(why) => early.unwrap_or_else(|| Ending::Stopped(why.clone())),
            None if open != held_to_end => Ending::Stopped(
                Reason::SessionsUnaccounted.with(open.to_string()).with(held_to_end.to_string()),
            ),
            None => Ending::Finished,
        };
        let result = self.result(&outcome.totals);
        self.directory.end(&self.facts, &outcome.totals);
        let lacking = self.directory.finish(&result, patience);
        if self.plan.settings.find_max.is_some() && lacking.summary.is_none() {
            let written = self.directory.plan(&self.plan.settings.to_toml());
            let warning = written.err().map(|error| format!("warning: {}: {error}", files::PLAN));
            warning.iter().for_each(|warning| self.say(warning));
        }
        self.views.iter_mut().for_each(|view| view.leave());
        self.tell_warnings();
        if outcome.ramp_down.unfinished {
            self.say(
                "warning: the ramp-down was cut short: sessions were still closing when its time was over",
            );
        }
        if outcome.spills_left > 0 {
            let left = counted(outcome.spills_left as u64, "spill was", "spills were");
            self.say(&format!("warning: {left} not given back, which is a defect of startline"));
        }
        (result, lacking)
    }

    /// What was measured in a part of the run.
    pub fn part(&self, part: Part, totals: &Totals) -> RunResult {
        RunResult::of_part(part, totals, &self.facts, &self.plan)
    }

    fn result(&self, totals: &Totals) -> RunResult {
        match &self.parts[..] {
            [] => RunResult::build(totals, &self.facts, &self.plan),
            parts => RunResult::build_mix(totals, &self.facts, &self.plan, parts.to_vec()),
        }
    }

    fn take_readings(&mut self, readings: &RunReadings, held_to_end: u64) {
        let facts = &mut self.facts;
        facts.hold_actual = readings.hold_took;
        facts.first_start = readings.first_start;
        facts.last_start = readings.last_start;
        facts.peak = u64::from(readings.peak);
        facts.min_in_hold = readings.min_in_hold.map(u64::from);
        (facts.away_peak, facts.away_seconds) = (u64::from(readings.away_peak), readings.away_seconds);
        facts.held_to_end = held_to_end;
        facts.held_seconds = readings.held_seconds;
        facts.rss_at_start = readings.rss_bytes_at_start;
        facts.rss_in_hold = readings.rss_bytes;
        facts.open_at_rss = if self.is_part { 0 } else { u64::from(readings.open_at_rss) };
        facts.cpu_seconds = readings.cpu_seconds;
    }

    fn tell_warnings(&mut self) {
        for warning in self.directory.warnings() {
            self.say(&format!("warning: {warning}"));
        }
    }

    /// Warnings are told even to those who want no progress: results are at stake.
    fn say(&mut self, line: &str) {
        if !self.views.iter_mut().any(|view| view.say(line)) {
            crate::terminal::tell_soon(line);
        }
    }
}

/// The line on standard error that says how far the run is.
pub struct Progress(StatusLine);

impl Default for Progress {
    fn default() -> Self {
        Self(StatusLine::new(PLAIN_INTERVAL))
    }
}

impl View for Progress {
    fn show(&mut self, snapshot: &Snapshot<'_>) {
        let Snapshot { plan, second, interval, .. } = snapshot;
        let tally = interval.tally();
        let heartbeats = second.totals.layout().every.iter().filter_map(|every| {
            let step = tally.step(every.step?.index())?;
            Some((every.name.clone(), step.from_due.quantile(0.99)?))
        });
        let settings = &plan.settings;
        // A search that tries levels between takes longer than was planned.
        let planned = plan.shape.span().max(settings.ramp + settings.hold) + settings.ramp_down;
        let status = Status {
            phase: snapshot.phase,
            elapsed: snapshot.elapsed,
            total: planned + snapshot.paused_so_far(),
            is_paused: snapshot.paused.is_some(),
            started: snapshot.started,
            planned: plan.lives,
            open: second.open,
            errors: second.totals.tally().counts.errors(),
            heartbeat_p99: heartbeats.max_by_key(|(_, p99)| *p99),
            messages_per_s: snapshot.per_second(tally.counts.messages),
            bytes_per_s: snapshot.per_second(tally.counts.bytes_received),
            lag_p99: tally.lag.quantile(0.99),
        };
        self.0.show(|columns| progress::line(&status, columns));
        if snapshot.phase == Phase::RampDown && second.open == 0 {
            self.0.clear();
        }
    }

    fn say(&mut self, line: &str) -> bool {
        self.0.say(line);
        true
    }

    fn leave(&mut self) {
        self.0.clear();
    }
}

/// The instant this long before; the same if no calendar reaches so far.
fn before(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_sub(span).unwrap_or(at)
}

/// Which part of its plan a run is.
pub(super) fn shard_of(plan: &Plan) -> Option<ShardResult> {
    let shard = plan.settings.shard?;
    Some(ShardResult {
        index: shard.index(),
        of: shard.of(),
        plan_hash: plan.settings.plan_hash(),
        start_at: plan.settings.start_at,
        clock: wall_clock::read().map(ClockResult::from).unwrap_or_default(),
    })
}

fn facts_at_start() -> Facts {
    Facts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: process::Host::read(),
        started_at: Timestamp::now(),
        port_method: None,
        sources: Vec::new(),
        hold_actual: Duration::ZERO,
        first_start: None,
        last_start: None,
        peak: 0,
        min_in_hold: None,
        held_to_end: 0,
        held_seconds: 0.0,
        away_peak: 0,
        away_seconds: 0.0,
        rss_at_start: 0,
        rss_in_hold: 0,
        open_at_rss: 0,
        cpu_seconds: 0.0,
        stages: Vec::new(),
        pauses: Pauses::default(),
        find_max: Vec::new(),
        ledger: None,
        membership: None,
        missing_updates: Vec::new(),
        propagated_after: Propagated::default(),
        ramp_down: None,
        watch: None,
        watch_in_step: None,
        requires_all: false,
        shard: None,
        merged: None,
        watched: None,
        ending: Ending::Running,
    }
}
