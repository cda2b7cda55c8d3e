//! A run's watching: a thread a source, what they say drained once a second, items judged.
//!
//! Knows when the run's parts begin, and nothing else of it. Invariants: nothing here waits for a
//! source before the run is over, and then `FINISH_MAX` at most; readings after the close of
//! accounts are kept and not judged.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::file::{Watch, Watched};
use super::item::{Beyond, Item};
use super::judge::{Judging, Moment};
use super::open::OpenSessions;
use super::source::{DEADLINE, Event, EventKind, Reading, Unseen};
use super::spec::Network;
use super::thread::{self, Said, Stop, Window};
use crate::lang::Reason;

/// Looks that wait for a reader at most.
const WAITING_MAX: usize = 1_024;
/// The end waits this long for looks that are under way, and for what was missed.
const FINISH_MAX: Duration = DEADLINE.saturating_add(Duration::from_secs(1));
/// Events and failed looks of an item kept at most.
const EVENTS_MAX: usize = 500;
const MISSED_MAX: usize = 10_000;

/// How far a run is, as far as items are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Sessions arrive.
    Ramp,
    /// All have arrived.
    Hold,
    /// Accounts are closed.
    After,
}

/// A reading on the run's own time.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Since the run began.
    pub at: Duration,
    /// On the wall clock.
    pub time: Timestamp,
    /// The item's name.
    pub item: String,
    /// What was read.
    pub value: f64,
}

/// What was seen of everything, so far or at the end.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The sources, as in the file.
    pub sources: Vec<SeenSource>,
    /// What happened on the servers' side until the close of accounts.
    pub events: Vec<Event>,
}

/// What was seen of a source.
#[derive(Clone, Debug)]
pub struct SeenSource {
    /// Its kind, as `source` has it.
    pub kind: &'static str,
    /// Where it is, without secrets.
    pub place: String,
    /// Looks that saw at least one of its items.
    pub looks: u64,
    /// Its items.
    pub items: Vec<SeenItem>,
}

/// What was seen of an item.
#[derive(Clone, Debug)]
pub struct SeenItem {
    /// The item.
    pub item: Item,
    /// What is held against its limits, or why there is nothing.
    pub figure: Result<f64, Unseen>,
    /// How long it grew, of a counter that did.
    pub grew_for: Option<Duration>,
    /// Readings that were judged.
    pub readings: u64,
    /// Looks that should have seen it and did not.
    pub missed: u64,
}

/// The watching of a run.
#[derive(Debug)]
pub struct Watching {
    sources: Vec<Running>,
    said: Receiver<Said>,
    stop: Arc<Stop>,
    threads: usize,
    events: Vec<Event>,
    /// Those before the part of the run that is judged by itself.
    events_before: usize,
    began: Timestamp,
    times: Times,
    open: OpenSessions,
}

/// When the run's parts began, since it did.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    hold: Option<Duration>,
    closed: Option<Duration>,
    last: Duration,
    /// The same on this machine's clock.
    last_at: Option<Instant>,
}

#[derive(Debug)]
struct Running {
    watched: Watched,
    items: Vec<Followed>,
    looks: u64,
    /// The source ended before the accounts were closed: what came after that is not known.
    has_ended: bool,
}

#[derive(Debug)]
struct Followed {
    whole: Readings,
    /// Since the part of the run that is judged by itself began.
    part: Readings,
    why: Option<Unseen>,
}

/// Readings as far as they are judged, and looks without one.
#[derive(Debug)]
struct Readings {
    judging: Judging,
    count: u64,
    missed: Vec<Duration>,
}

impl Followed {
    fn new(item: &Item) -> Self {
        let none = || Readings { judging: Judging::new(item), count: 0, missed: Vec::new() };
        Self { whole: none(), part: none(), why: None }
    }

    fn each(&mut self) -> [&mut Readings; 2] {
        [&mut self.whole, &mut self.part]
    }
}

impl Readings {
    fn add(&mut self, moment: Moment, value: f64) {
        self.judging.add(moment, value);
        self.count += 1;
    }

    fn miss(&mut self, at: Duration) {
        if self.missed.len() < MISSED_MAX {
            self.missed.push(at);
        }
    }
}

impl Watching {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(watch: Watch, network: &Network) -> io::Result<Self> {
        let (to, said) = sync_channel(WAITING_MAX);
        let stop = Arc::new(Stop::default());
        let mut threads = 0;
        let mut sources = Vec::new();
        for (k, watched) in watch.sources.into_iter().enumerate() {
            if let Some(source) = watched.spec.open(network) {
                thread::start(k, source, watched.items.clone(), Arc::clone(&stop), to.clone())?;
                threads += 1;
            }
            let items = watched.items.iter().map(Followed::new).collect();
            sources.push(Running { watched, items, looks: 0, has_ended: false });
        }
        Ok(Self {
            sources,
            said,
            stop,
            threads,
            events: Vec::new(),
            events_before: 0,
            began: Timestamp::now(),
            times: Times::default(),
            open: OpenSessions::default(),
        })
    }

    /// Takes what was said since the last time; `elapsed` since the run began, with `open` sessions.
    pub fn drain(&mut self, elapsed: Duration, stage: Stage, open: u32) -> Vec<Row> {
        self.open.add(elapsed, open);
        match stage {
            Stage::Ramp => {}
            Stage::Hold => _ = self.times.hold.get_or_insert(elapsed),
            Stage::After => _ = self.times.closed.get_or_insert(self.times.last),
        }
        self.times.last = elapsed;
        self.times.last_at = Some(Instant::now());
        let clock = Clock::new(elapsed);
        let mut rows = Vec::new();
        while let Ok(said) = self.said.try_recv() {
            self.take(said, clock, &mut rows);
        }
        rows
    }

    /// Stops looking, asks for what was missed, and takes the rest.
    pub fn finish(&mut self) -> Vec<Row> {
        let elapsed = self.times.last + self.times.last_at.map_or(Duration::ZERO, |at| at.elapsed());
        let clock = Clock::new(elapsed);
        let closed = self.times.closed.unwrap_or(elapsed);
        self.stop.give(Window { start: self.began, end: clock.time(closed) });
        let until = Instant::now() + FINISH_MAX;
        let mut rows = Vec::new();
        while self.threads > 0 {
            match self.said.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(said) => self.take(said, clock, &mut rows),
                // Whoever has not answered by now is left behind.
                Err(_) => break,
            }
        }
        rows
    }

    fn take(&mut self, said: Said, clock: Clock, rows: &mut Vec<Row>) {
        match said {
            Said::Done => self.threads -= 1,
            Said::Looked { source, at, items, reading, is_last } => {
                self.looked(source, clock.at(at), &items, (reading, is_last), rows);
            }
            Said::Past { source, item, points } => self.past(source, item, &points, clock, rows),
        }
    }

    fn looked(
        &mut self,
        source: usize,
        at: Duration,
        items: &[usize],
        (reading, is_last): (Reading, bool),
        rows: &mut Vec<Row>,
    ) {
        let is_judged = is_last || self.times.is_judged(at);
        let moment = self.moment(at);
        let time = later(self.began, at);
        let running = &mut self.sources[source];
        running.looks += u64::from(reading.values.iter().any(Result::is_ok));
        for (k, value) in items.iter().zip(reading.values) {
            let followed = &mut running.items[*k];
            match value {
                Ok(value) => {
                    if is_judged {
                        followed.each().into_iter().for_each(|it| it.add(moment, value));
                    }
                    rows.push(Row { at, time, item: running.watched.items[*k].name.clone(), value });
                }
                Err(why) => {
                    if !why.is_early && is_judged {
                        followed.each().into_iter().for_each(|it| it.miss(at));
                    }
                    // What is missing says more than what is early.
                    if followed.why.as_ref().is_none_or(|known| known.is_early || !why.is_early) {
                        followed.why = Some(why);
                    }
                }
            }
        }
        if is_judged && !is_last {
            running.has_ended |= reading.events.iter().any(|event| event.kind == EventKind::SourceEnded);
            let room = EVENTS_MAX.saturating_sub(self.events.len());
            self.events.extend(reading.events.into_iter().take(room));
        }
    }

    /// An item's readings from its source's own history, in the place of those that have gaps.
    fn past(
        &mut self,
        source: usize,
        item: usize,
        points: &[(Timestamp, f64)],
        clock: Clock,
        rows: &mut Vec<Row>,
    ) {
        let moments: Vec<Moment> =
            points.iter().map(|(time, _)| self.moment(clock.since_start(*time))).collect();
        let running = &mut self.sources[source];
        let it = &running.watched.items[item];
        let followed = &mut running.items[item];
        let missed = std::mem::take(&mut followed.whole.missed);
        *followed = Followed::new(it);
        for ((time, value), moment) in points.iter().zip(moments) {
            let at = moment.at;
            if self.times.is_judged(at) {
                followed.whole.add(moment, *value);
            }
            if missed.iter().any(|missed| missed.abs_diff(at) <= it.every) {
                rows.push(Row { at, time: *time, item: it.name.clone(), value: *value });
            }
        }
        // What the history lacks as well was really missing.
        let every_s = it.every.as_secs_f64();
        let is_missing = |missed: &Duration| {
            let is_near =
                |time: &Timestamp| clock.since_start(*time).abs_diff(*missed).as_secs_f64() <= every_s;
            !points.iter().any(|(time, _)| is_near(time))
        };
        followed.whole.missed = missed.into_iter().filter(is_missing).collect();
    }

    fn moment(&self, at: Duration) -> Moment {
        Moment { at, is_hold: self.times.is_hold(at), open: self.open.at(at) }
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.seen_in(|it| &it.whole, 0)
    }

    /// Begins a part of the run that is judged by itself.
    pub fn begin_part(&mut self) {
        self.events_before = self.events.len();
        for running in &mut self.sources {
            for (item, it) in running.watched.items.iter().zip(&mut running.items) {
                let judging = it.part.judging.afresh(item);
                it.part = Readings { judging, count: 0, missed: Vec::new() };
            }
        }
    }

    /// What was seen in that part so far.
    pub fn seen_in_part(&self) -> Seen {
        self.seen_in(|it| &it.part, self.events_before)
    }

    fn seen_in(&self, readings: fn(&Followed) -> &Readings, events_before: usize) -> Seen {
        let is_blind = !self.sources.iter().any(|running| running.watched.spec.has_figures());
        let sources = self.sources.iter().map(|running| SeenSource {
            kind: running.watched.spec.kind(),
            place: running.watched.spec.place(),
            looks: running.looks,
            items: running
                .watched
                .items
                .iter()
                .zip(&running.items)
                .map(|(item, it)| it.seen(item, readings(it), running, is_blind))
                .collect(),
        });
        Seen { sources: sources.collect(), events: self.events[events_before..].to_vec() }
    }
}

impl Followed {
    /// What was seen of it; `is_blind`: no source was given at all.
    fn seen(&self, item: &Item, read: &Readings, running: &Running, is_blind: bool) -> SeenItem {
        let missed = read.missed.len() as u64;
        let spec = &running.watched.spec;
        let how = || match is_blind {
            true => Reason::GiveWatch.into(),
            false => {
                let (kind, place) = (spec.kind(), spec.how_to_place());
                Reason::GiveInBlock.with(format!("{kind:?}")).with(place)
            }
        };
        let nowhere = || (!spec.has_figures()).then(|| Unseen::new(Reason::NoSourceGiven, how()));
        let judged = read.judging.figure();
        // A part of the readings may show that a limit was exceeded, never that it was not.
        let is_beyond = judged.as_ref().is_ok_and(|figure| item.limits.beyond(*figure) != Beyond::Neither);
        let figure = if read.count == 0 || ((missed > read.count || running.has_ended) && !is_beyond) {
            let why = nowhere().or_else(|| self.why.clone());
            Err(why.unwrap_or_else(|| Unseen::new(Reason::NoAnswerOfSource, "")))
        } else {
            judged
        };
        SeenItem {
            item: item.clone(),
            figure,
            grew_for: read.judging.grew_for(),
            readings: read.count,
            missed,
        }
    }
}

impl Seen {
    /// Events that mean that a server was not there all the time.
    pub fn outages(&self) -> impl Iterator<Item = &Event> {
        let is_outage =
            |kind: EventKind| matches!(kind, EventKind::Restarted | EventKind::Down | EventKind::OutOfMemory);
        self.events.iter().filter(move |event| is_outage(event.kind))
    }
}

impl Times {
    fn is_judged(&self, at: Duration) -> bool {
        self.closed.is_none_or(|closed| at <= closed)
    }

    fn is_hold(&self, at: Duration) -> bool {
        self.hold.is_some_and(|hold| hold <= at) && self.is_judged(at)
    }
}

/// Where this moment is on each clock.
#[derive(Clone, Copy, Debug)]
struct Clock {
    elapsed: Duration,
    now: Instant,
    time: Timestamp,
}

impl Clock {
    fn new(elapsed: Duration) -> Self {
        Self { elapsed, now: Instant::now(), time: Timestamp::now() }
    }

    /// An instant, since the run began.
    fn at(&self, instant: Instant) -> Duration {
        self.elapsed.saturating_sub(self.now.saturating_duration_since(instant))
    }

    /// A time since the run began, on the wall clock.
    fn time(&self, at: Duration) -> Timestamp {
        self.time.checked_sub(self.elapsed.saturating_sub(at)).unwrap_or(self.time)
    }

    fn since_start(&self, time: Timestamp) -> Duration {
        let ago = Duration::try_from(self.time.duration_since(time)).unwrap_or_default();
        self.elapsed.saturating_sub(ago)
    }
}

/// The instant this long after; the same if no calendar reaches so far.
fn later(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(at)
}
