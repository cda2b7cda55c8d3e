//! The control thread: a run's phases, one after the other, and the sum of what the workers hand
//! over.
//!
//! Touches no socket and judges nothing. Invariant: a run goes ramp → settle → hold → ramp-down,
//! each once, and accounts are closed exactly once, at the end of the hold or when the run is
//! stopped.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use startline_os::clock::Clock;
use startline_os::{heap, process};

use super::beside::Beside;
use super::course::Course;
use super::link::{Message, Shared};
use super::outcome::{EngineError, Outcome, RampDownOutcome, RunReadings, Second, Sources, Steering};
use super::stages::Stages;
use crate::lang::{Reason, Sentence};
use crate::measure::acts::Acts;
use crate::measure::ledger::{self, Board, Closing, Homes, Ledger, LedgerTotals, SessionSet};
use crate::measure::membership::{self, Heard, MembershipTotals};
use crate::measure::pauses::Pauses;
use crate::measure::servers::{ServerIndex, ServerNames};
use crate::measure::updates::MissingUpdate;
use crate::measure::{Interval, Layout, Phase, SourceCounts, Totals};
use crate::plan::sources::PortMethod;
use crate::plan::{Plan, Shape};

/// Between two looks at the run's state.
const LOOK: Duration = Duration::from_millis(50);
/// How often memory is given back in the hold: set-up's timeouts are kept until they come due.
const GIVE_BACK_EVERY: Duration = Duration::from_secs(15);
/// How long a second is held back for workers that are late with theirs.
const WORKERS_LATE: Duration = Duration::from_millis(500);
/// The ramp-down of a run that was stopped, at most.
const STOPPED_RAMP_DOWN: Duration = Duration::from_secs(2);
/// How long past the last deadline of a ramp-down workers may take to finish.
const FINISH_SLACK: Duration = Duration::from_secs(5);

/// The control thread's state.
pub(super) struct Control<'p> {
    plan: &'p Plan,
    clock: Clock,
    shared: Arc<Shared>,
    started_at: Duration,
    phase: Phase,
    phase_began: Duration,
    totals: Totals,
    stages: Stages,
    /// The plan's, as far as it is known.
    shape: Arc<Shape>,
    /// What decides which stages follow, where the plan leaves it open.
    deciding: Deciding<'p>,
    /// Times in which arrivals were paused; the last one goes on where `is_paused`.
    pauses: Pauses,
    is_paused: bool,
    after: Totals,
    /// Intervals since the last second was reported, up to the close of accounts.
    fresh: Interval,
    /// The same of the ramp-down.
    fresh_after: Interval,
    accounts: Vec<Option<WorkerAccounts>>,
    /// What workers knew of pairs as the last step of a search ended.
    looks: Looks,
    /// What became of the connections of each source address, of the workers whose accounts are
    /// closed.
    connections: Vec<SourceCounts>,
    finished: usize,
    reported_seconds: u64,
    /// Workers that have handed over since the last second was reported.
    heard_seconds: usize,
    closed_at: Duration,
    ramp_down_span: Duration,
    /// Every worker has closed its accounts, and sessions are being ended.
    ends_sessions: bool,
    readings: RunReadings,
    /// When sessions were last counted.
    counted_at: Duration,
    /// When this thread last looked at what is due, and since when it does so without a stall.
    looked_at: Duration,
    awake_since: Duration,
    cpu_at_start: f64,
    /// When memory was last given back.
    gave_back_at: Duration,
    stopped: Option<Sentence>,
    /// The ramp-down was asked to be short.
    hurried: bool,
    /// The ramp-down did not end in its time.
    unfinished: bool,
    spills_left: usize,
    /// What workers know of each session, kept where announcements are expected.
    board: Option<Arc<Board>>,
    /// Who was announced as gone some seconds ago, latest last: a close that the announcement ran
    /// ahead of has come by now.
    gone_before: [SessionSet; 2],
    /// What sessions did that is announced, where announcements are expected.
    acts: Option<Arc<Acts>>,
    servers: ServerNames,
    /// Who heard of whose leaving, of the workers whose accounts are closed.
    heard: Vec<Heard>,
    missing_updates: Vec<MissingUpdate>,
}

struct WorkerAccounts {
    ledger: Option<Box<Ledger>>,
    open: SessionSet,
    known: SessionSet,
}

impl<'p> Control<'p> {
    pub(super) fn new(
        plan: &'p Plan,
        layout: &'p Layout,
        clock: Clock,
        shared: Arc<Shared>,
        board: Option<Arc<Board>>,
    ) -> Self {
        Self {
            plan,
            clock,
            shared,
            started_at: Duration::ZERO,
            phase: Phase::Ramp,
            phase_began: Duration::ZERO,
            totals: Totals::new(layout),
            stages: Stages::new(plan, layout),
            shape: Arc::new(plan.shape.clone()),
            deciding: Deciding::new(plan.workers),
            pauses: Pauses::default(),
            is_paused: false,
            after: Totals::new(layout),
            fresh: Interval::default(),
            fresh_after: Interval::default(),
            accounts: (0..plan.workers).map(|_| None).collect(),
            looks: Looks::new(plan.workers),
            connections: Vec::new(),
            finished: 0,
            reported_seconds: 0,
            heard_seconds: 0,
            closed_at: Duration::ZERO,
            ramp_down_span: Duration::ZERO,
            ends_sessions: false,
            readings: RunReadings::default(),
            counted_at: Duration::ZERO,
            looked_at: Duration::ZERO,
            awake_since: Duration::ZERO,
            cpu_at_start: 0.0,
            gave_back_at: Duration::ZERO,
            stopped: None,
            hurried: false,
            unfinished: false,
            spills_left: 0,
            board,
            gone_before: Default::default(),
            acts: None,
            servers: ServerNames::default(),
            heard: Vec::new(),
            missing_updates: Vec::new(),
        }
    }

    /// What it reads beside the workers' accounts: sessions' servers, and their names.
    pub(super) fn follow(&mut self, acts: Option<Arc<Acts>>, servers: ServerNames) {
        (self.acts, self.servers) = (acts, servers);
    }

    /// Has the stages after those of the plan decided.
    pub(super) fn steered_by(&mut self, course: Option<&'p dyn Course>) {
        self.deciding.course = course;
    }

    /// Waits until every worker is ready, then sets the start.
    pub(super) fn gather_workers(
        &mut self,
        receiver: &mpsc::Receiver<(usize, Message)>,
        stop: &dyn Fn() -> Option<Sentence>,
        beside: &Beside,
    ) -> Result<(), EngineError> {
        for _ in 0..self.plan.workers {
            match receiver.recv() {
                Ok((_, Message::Ready)) => {}
                Ok((_, Message::Broken(why))) => {
                    self.shared.start(None);
                    return Err(EngineError::Worker(why));
                }
                other => {
                    self.shared.start(None);
                    return Err(EngineError::Worker(format!("unexpected {other:?}")));
                }
            }
        }
        // Now, too, or what set-up took and is no longer used would be subtracted from what
        // sessions take.
        heap::give_back();
        self.readings.rss_bytes_at_start = process::rss_bytes_exact();
        self.cpu_at_start = process::cpu_seconds();
        self.started_at = self.start(stop, beside).inspect_err(|_| self.shared.start(None))?;
        self.shared.start(Some(self.started_at));
        Ok(())
    }

    pub(super) fn go(
        &mut self,
        receiver: &mpsc::Receiver<(usize, Message)>,
        steering: &Steering<'_>,
        on_second: &mut dyn FnMut(&Second<'_>),
    ) {
        while self.finished < self.plan.workers {
            match receiver.recv_timeout(LOOK) {
                Ok((worker, message)) => self.take(worker, message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.stopped.is_none()
                && !self.hurried
                && let Some(why) = (steering.stop)()
            {
                self.stop(why);
            }
            self.heed_pause((steering.paused)());
            self.step();
            self.report(on_second);
            if self.phase == Phase::RampDown && self.at() > self.closed_at + self.finish_within() {
                self.unfinished = true;
                break;
            }
        }
        self.report_now(on_second);
    }

    fn at(&self) -> Duration {
        self.clock.elapsed().saturating_sub(self.started_at)
    }

    fn take(&mut self, worker: usize, message: Message) {
        match message {
            Message::Ready => {}
            Message::Second(interval) => {
                self.heard_seconds += 1;
                self.book(worker, *interval);
            }
            Message::Part(interval) => self.book(worker, *interval),
            Message::Look { stage, ledger, heard, open, known } => {
                let accounts = WorkerAccounts { ledger: Some(ledger), open, known };
                self.looked(worker, stage, (accounts, heard));
            }
            Message::Accounts { interval, ledger, open, known, told, connections } => {
                let sources = self.connections.len().max(connections.len());
                self.connections.resize(sources, SourceCounts::default());
                for (sum, counts) in self.connections.iter_mut().zip(connections) {
                    *sum += counts;
                }
                self.book(worker, *interval);
                self.missing_updates.extend(told.missing_updates);
                self.heard.extend(told.heard);
                self.accounts[worker] = Some(WorkerAccounts { ledger, open, known });
            }
            Message::Finished { interval, spills_left } => {
                self.after.add(&interval);
                self.fresh_after.merge(*interval);
                self.spills_left += spills_left;
                self.finished += 1;
            }
            Message::Broken(why) => {
                self.finished += 1;
                let why = Reason::WorkerBroken.with(worker.to_string()).with(why);
                if self.accounts[worker].is_none() {
                    // Whatever the phase: its sessions are missing from the accounts, and this is
                    // why.
                    self.stopped.get_or_insert(why.clone());
                    let nobody = || SessionSet::new(self.plan.people());
                    let accounts = WorkerAccounts { ledger: None, open: nobody(), known: nobody() };
                    self.accounts[worker] = Some(accounts);
                }
                self.stop(why);
            }
        }
    }

    /// A worker's intervals belong to the judged part until it has closed its accounts.
    fn book(&mut self, worker: usize, interval: Interval) {
        if self.accounts[worker].is_some() {
            self.after.add(&interval);
            self.fresh_after.merge(interval);
        } else {
            self.totals.add(&interval);
            self.stages.add(&interval);
            self.deciding.heard(worker, &interval);
            self.fresh.merge(interval);
        }
    }

    fn stop(&mut self, why: Sentence) {
        if self.phase != Phase::RampDown {
            self.stopped.get_or_insert(why);
            return self.close(self.plan.settings.ramp_down.min(STOPPED_RAMP_DOWN));
        }
        // Accounts are closed and the result is whole: the rest is only made shorter.
        self.hurried = true;
        let so_far = self.at().saturating_sub(self.closed_at);
        self.ramp_down_span = self.ramp_down_span.min(so_far + STOPPED_RAMP_DOWN);
        if self.ends_sessions {
            self.shared.ramp_down(self.ramp_down_span);
        }
    }

    fn close(&mut self, span: Duration) {
        self.read_process();
        self.readings.rss_bytes = process::rss_bytes_exact();
        self.enter(Phase::RampDown);
        self.closed_at = self.at();
        self.ramp_down_span = span;
        self.shared.close_accounts();
    }

    /// Reads what the process uses; the last reading before accounts close is the result's.
    fn read_process(&mut self) {
        if self.phase != Phase::RampDown {
            self.readings.rss_bytes = process::rss_bytes();
            self.readings.open_at_rss = self.shared.open();
            self.readings.cpu_seconds = (process::cpu_seconds() - self.cpu_at_start).max(0.0);
        }
    }

    /// Counts the sessions that are open; time that they were open since the last count is held
    /// time.
    fn count(&mut self) -> u32 {
        let ((open, held), at) = (self.held(), self.at());
        let since = at.saturating_sub(self.counted_at);
        self.counted_at = at;
        self.readings.peak = self.readings.peak.max(open);
        if self.phase != Phase::RampDown {
            self.stages.look(&self.shape, (at, &self.pauses), held);
        }
        if self.holds_at(at) {
            self.readings.held_seconds += since.as_secs_f64() * f64::from(open);
            // A shape may hold more than once.
            self.readings.hold_took = match self.plan.is_staged() {
                true => self.readings.hold_took + since,
                false => at - self.phase_began,
            };
            self.readings.min_in_hold = Some(self.readings.min_in_hold.map_or(held, |least| least.min(held)));
            self.readings.look_away(self.shared.away(), since);
        }
        if self.phase != Phase::RampDown {
            (self.readings.first_start, self.readings.last_start) = self.shared.starts();
        }
        open
    }

    /// Whether a level is held at this instant: of stages by the plan, since their phase follows a look later.
    fn holds_at(&self, at: Duration) -> bool {
        let planned = self.pauses.planned(at);
        match self.plan.is_staged() {
            _ if self.phase == Phase::RampDown => false,
            true => planned < self.shape.span() && self.shape.is_flat(self.shape.stage_at(planned)),
            false => self.phase == Phase::Hold,
        }
    }

    /// Sessions that are open, and those held: open, finished, or, where others arrive meanwhile, being set up
    /// in their time, or late to begin, which is this machine's. What is settled is read before `open`, what
    /// has finished after it: who passes from one to the next counts twice for a look, never as lost.
    fn held(&self) -> (u32, u32) {
        let (settled, open) = (self.shared.settled(), self.shared.open());
        let begun = self.shared.started().max(self.shape.arrived(self.planned_at()) as u32);
        let under_way = if self.plan.is_staged() { begun.saturating_sub(settled) } else { 0 };
        (open, open + self.shared.finished() + self.shared.cut() + under_way)
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.phase_began = self.at();
    }

    /// Moves to the next phase when its time has come.
    fn step(&mut self) {
        let open = self.count();
        if self.plan.is_staged() && self.phase != Phase::RampDown {
            return self.step_stages();
        }
        match self.phase {
            Phase::Ramp if self.planned_at() >= self.plan.settings.ramp => self.enter(Phase::Settle),
            Phase::Settle if self.shared.settled() >= self.plan.sessions() => {
                self.enter(Phase::Hold);
                self.gave_back_at = self.at();
                heap::give_back();
                // Read after `settled`: no opening is overlooked.
                self.readings.min_in_hold = Some(self.held().1);
            }
            Phase::Hold => {
                if self.at() >= self.gave_back_at + GIVE_BACK_EVERY {
                    self.gave_back_at = self.at();
                    heap::give_back();
                }
                // A scenario without a WebSocket holds nobody.
                if open == 0 && self.shared.away() == 0 {
                    self.close(Duration::ZERO);
                } else if self.at() >= self.phase_began + self.plan.settings.hold + self.paused_in_phase() {
                    self.close(self.plan.settings.ramp_down);
                }
            }
            Phase::RampDown if !self.ends_sessions && self.accounts.iter().all(Option::is_some) => {
                self.ends_sessions = true;
                self.shared.ramp_down(self.ramp_down_span);
            }
            _ => {}
        }
    }

    fn finish_within(&self) -> Duration {
        let close = self.plan.scenario.websocket.as_ref().map_or(Duration::ZERO, |it| it.close_timeout);
        self.ramp_down_span + close + FINISH_SLACK
    }

    pub(super) fn outcome(mut self, method: PortMethod) -> Outcome {
        let accounts: Vec<WorkerAccounts> = self.accounts.iter_mut().filter_map(Option::take).collect();
        let (everyone, ledger) = self.close_ledger(accounts);
        let held_to_end = everyone.len();
        let membership =
            self.judge_membership((&self.heard, self.closed_at, None), &everyone, ledger.as_ref());
        // The accounts count exactly; what was published in between is a look every 50 ms.
        self.readings.peak = self.readings.peak.max(held_to_end);
        // What the plan has cut is not the servers' failure: it counts as held while it is away.
        let tally = self.totals.tally();
        let held = held_to_end + (tally.counts.finished + tally.reconnects.cut_and_away()) as u32;
        self.readings.min_in_hold = self.readings.min_in_hold.map(|least| least.min(held));
        Outcome {
            ledger,
            membership,
            missing_updates: std::mem::take(&mut self.missing_updates),
            ramp_down: RampDownOutcome {
                took: self.at().saturating_sub(self.closed_at),
                totals: self.after,
                unfinished: self.unfinished,
            },
            readings: self.readings,
            held_to_end,
            stopped: self.stopped,
            spills_left: self.spills_left,
            sources: Sources { method: method.key(), connections: self.connections },
            stages: self.stages.into_readings(),
            pauses: self.pauses,
            totals: self.totals,
        }
    }
}

mod close;
mod decide;
mod look;
mod pause;
mod report;
mod start;

use decide::Deciding;
use look::Looks;

#[cfg(test)]
mod tests;
