//! The link between the control thread and the workers: a few atomics that workers read once a
//! turn, and a channel that they write to.
//!
//! Decides nothing. Invariant: no worker ever waits for another, or for the control thread once the
//! run has started.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::Duration;

use super::shape_clock::ShapeClock;
use crate::measure::ledger::{Ledger, SessionSet};
use crate::measure::membership::Heard;
use crate::measure::updates::MissingUpdate;
use crate::measure::{Interval, SourceCounts};
use crate::plan::Shape;

/// An order to the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Go on.
    Run,
    /// Close the accounts and start nothing more; sessions go on.
    CloseAccounts,
    /// End all sessions over this span, then finish. Given once all workers have closed their
    /// accounts: else what one's sessions do as they end would be in another's.
    RampDown {
        /// Over which the sessions are ended.
        span: Duration,
    },
}

/// A worker's message. A channel allocates room for 31 of them at a time, in whichever worker finds
/// none left, so large ones are boxed.
#[derive(Debug)]
pub(super) enum Message {
    /// It stands ready, buffers touched.
    Ready,
    /// What it recorded in about a second.
    Second(Box<Interval>),
    /// The same, up to the instant at which a stage begins.
    Part(Box<Interval>),
    /// What it knows of pairs as this stage begins, in which a step of a search is judged: a copy.
    Look { stage: usize, ledger: Box<Ledger>, heard: Option<Box<Heard>>, open: SessionSet, known: SessionSet },
    /// Its accounts are closed.
    Accounts {
        interval: Box<Interval>,
        ledger: Option<Box<Ledger>>,
        open: SessionSet,
        /// Of these, the ones open long enough that announcements by and to them have had their
        /// time.
        known: SessionSet,
        /// Who heard of whose leaving, and the first few updates that are missing.
        told: Box<Told>,
        /// What became of the connections of each source address, in the plan's order.
        connections: Vec<SourceCounts>,
    },
    /// All its sessions are over; what it recorded since its accounts closed, and spills that were
    /// not given back.
    Finished { interval: Box<Interval>, spills_left: usize },
    /// It could not go on.
    Broken(String),
}

/// What a worker's observers were told, beside the ledger.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) heard: Option<Heard>,
    pub(super) missing_updates: Vec<MissingUpdate>,
}

/// The state that all threads share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Where the run stands: `None` not yet, `Some(None)` it will not start, else its start on the
    /// clock.
    start: Mutex<Option<Option<Duration>>>,
    started: Condvar,
    /// 0: run. 1: close accounts. Else: ramp down over this many microseconds less two.
    order: AtomicU64,
    /// What arrivals and departures go by.
    pub(super) shape: ShapeClock,
    /// How often the plan's shape has grown.
    grown: AtomicU32,
    /// The shape as it is then.
    grown_shape: Mutex<Option<Arc<Shape>>>,
    gauges: Vec<Gauge>,
}

/// A worker's sessions that were open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gone {
    /// They have finished.
    pub(super) finished: u32,
    /// They dropped and are not back.
    pub(super) away: u32,
    /// Of these, the ones that this program cut.
    pub(super) cut: u32,
}

/// A worker's sessions now. A cache line of its own, so that workers do not slow each other down.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Gauge {
    open: AtomicU32,
    finished: AtomicU32,
    away: AtomicU32,
    cut: AtomicU32,
    settled: AtomicU32,
    started: AtomicU32,
    /// Microseconds from the run's start to this worker's first and last start of a session, less
    /// one; 0: none yet.
    first_start: AtomicU64,
    last_start: AtomicU64,
}

impl Shared {
    pub(super) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            start: Mutex::new(None),
            started: Condvar::new(),
            order: AtomicU64::new(0),
            shape: ShapeClock::default(),
            grown: AtomicU32::new(0),
            grown_shape: Mutex::new(None),
            gauges: (0..workers).map(|_| Gauge::default()).collect(),
        })
    }

    /// Lets the workers go at this instant of the clock, or home (`None`).
    pub(super) fn start(&self, at: Option<Duration>) {
        *self.start.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
        self.started.notify_all();
    }

    pub(super) fn close_accounts(&self) {
        self.order.store(1, Ordering::Release);
    }

    pub(super) fn ramp_down(&self, span: Duration) {
        self.order.store(span.as_micros() as u64 + 2, Ordering::Release);
    }

    /// Gives the workers a shape that has grown.
    pub(super) fn grow(&self, shape: &Arc<Shape>) {
        *self.grown_shape.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(shape));
        self.grown.fetch_add(1, Ordering::Release);
    }

    /// Sessions open now.
    pub(super) fn open(&self) -> u32 {
        self.gauges.iter().map(|gauge| gauge.open.load(Ordering::Acquire)).sum()
    }

    /// Sessions that have finished: they are not lost.
    pub(super) fn finished(&self) -> u32 {
        self.gauges.iter().map(|gauge| gauge.finished.load(Ordering::Relaxed)).sum()
    }

    /// Sessions that dropped and are not back.
    pub(super) fn away(&self) -> u32 {
        self.gauges.iter().map(|gauge| gauge.away.load(Ordering::Relaxed)).sum()
    }

    /// Of these, the ones that this program cut.
    pub(super) fn cut(&self) -> u32 {
        self.gauges.iter().map(|gauge| gauge.cut.load(Ordering::Relaxed)).sum()
    }

    /// Sessions that have begun.
    pub(super) fn started(&self) -> u32 {
        self.gauges.iter().map(|gauge| gauge.started.load(Ordering::Relaxed)).sum()
    }

    /// When the first and the last session so far really started, since the run's start.
    pub(super) fn starts(&self) -> (Option<Duration>, Option<Duration>) {
        let read = |instant: &AtomicU64| match instant.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros - 1)),
        };
        let first = self.gauges.iter().filter_map(|gauge| read(&gauge.first_start)).min();
        let last = self.gauges.iter().filter_map(|gauge| read(&gauge.last_start)).max();
        (first, last)
    }

    /// Sessions that have opened or ended.
    pub(super) fn settled(&self) -> u32 {
        self.gauges.iter().map(|gauge| gauge.settled.load(Ordering::Acquire)).sum()
    }
}

/// A worker's end of the line to the control thread.
#[derive(Debug)]
pub(super) struct WorkerLink {
    pub(super) worker: usize,
    pub(super) shared: Arc<Shared>,
    sender: mpsc::Sender<(usize, Message)>,
    /// How often the shape had grown when it was last looked at.
    seen: Cell<u32>,
}

impl WorkerLink {
    pub(super) fn new(worker: usize, shared: &Arc<Shared>, sender: &mpsc::Sender<(usize, Message)>) -> Self {
        Self { worker, shared: Arc::clone(shared), sender: sender.clone(), seen: Cell::new(0) }
    }

    /// Another end of the same line.
    pub(super) fn again(&self) -> Self {
        Self::new(self.worker, &self.shared, &self.sender)
    }

    /// The shape, if it has grown since the last time.
    pub(super) fn grown(&self) -> Option<Arc<Shape>> {
        let grown = self.shared.grown.load(Ordering::Acquire);
        if self.seen.replace(grown) == grown {
            return None;
        }
        self.shared.grown_shape.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reports that the worker is ready and waits for the start; `None`: there will be none.
    pub(super) fn wait_for_start(&self) -> Option<Duration> {
        self.send(Message::Ready);
        let mut start = self.shared.start.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(start) = *start {
                return start;
            }
            start = self.shared.started.wait(start).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn order(&self) -> Order {
        match self.shared.order.load(Ordering::Acquire) {
            0 => Order::Run,
            1 => Order::CloseAccounts,
            micros => Order::RampDown { span: Duration::from_micros(micros - 2) },
        }
    }

    pub(super) fn publish(&self, open: u32, gone: Gone, settled: u32) {
        let gauge = &self.shared.gauges[self.worker];
        gauge.finished.store(gone.finished, Ordering::Relaxed);
        gauge.away.store(gone.away, Ordering::Relaxed);
        gauge.cut.store(gone.cut, Ordering::Relaxed);
        // After these: whoever sees one open no longer sees where it is.
        gauge.open.store(open, Ordering::Release);
        // After `open`: whoever sees these settled sees those open.
        gauge.settled.store(settled, Ordering::Release);
    }

    /// Notes that a session has started.
    pub(super) fn started(&self, at: Duration) {
        let gauge = &self.shared.gauges[self.worker];
        let micros = at.as_micros() as u64 + 1;
        let _ = gauge.first_start.compare_exchange(0, micros, Ordering::Relaxed, Ordering::Relaxed);
        gauge.last_start.store(micros, Ordering::Relaxed);
        gauge.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn second(&self, interval: Interval) {
        self.send(Message::Second(Box::new(interval)));
    }

    pub(super) fn part(&self, interval: Interval) {
        self.send(Message::Part(Box::new(interval)));
    }

    pub(super) fn look(
        &self,
        stage: usize,
        (ledger, heard): (Ledger, Option<Heard>),
        (open, known): (SessionSet, SessionSet),
    ) {
        let (ledger, heard) = (Box::new(ledger), heard.map(Box::new));
        self.send(Message::Look { stage, ledger, heard, open, known });
    }

    pub(super) fn accounts(
        &self,
        interval: Interval,
        ledger: Option<Ledger>,
        open: SessionSet,
        known: SessionSet,
        told: Told,
        connections: Vec<SourceCounts>,
    ) {
        let (interval, ledger, told) = (Box::new(interval), ledger.map(Box::new), Box::new(told));
        self.send(Message::Accounts { interval, ledger, open, known, told, connections });
    }

    pub(super) fn finished(&self, interval: Interval, spills_left: usize) {
        self.send(Message::Finished { interval: Box::new(interval), spills_left });
    }

    pub(super) fn broken(&self, why: String) {
        self.send(Message::Broken(why));
    }

    fn send(&self, message: Message) {
        // Nobody listens any more only when the control thread has given up: then nothing is lost
        // by it.
        let _ = self.sender.send((self.worker, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_s_block_takes_no_more_than_a_page_or_two() {
        assert!(31 * size_of::<(usize, Message)>() <= 8192, "{}", size_of::<(usize, Message)>());
    }
}
