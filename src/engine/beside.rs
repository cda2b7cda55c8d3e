//! Runs that are parts of one: which workers are whose, and one start for all of them.
//!
//! Knows no session. Invariant: a part waits for the others before its start alone; none starts if one cannot.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::outcome::EngineError;

/// From everyone ready to the first arrival: time for all workers to be at their loops.
pub(super) const LEAD: Duration = Duration::from_millis(50);

/// A run's place among those that begin with it.
#[derive(Clone, Debug)]
pub struct Beside {
    /// Workers of the parts before it.
    first: usize,
    /// Workers of all parts.
    workers: usize,
    gate: Arc<Gate>,
}

impl Beside {
    /// The places of parts with this many workers each.
    pub fn all(workers: &[usize]) -> Vec<Self> {
        let all = workers.iter().sum();
        let gate = Arc::new(Gate::new(workers.len()));
        let mut first = 0;
        let place = |own: &usize| {
            first += own;
            Self { first: first - own, workers: all, gate: Arc::clone(&gate) }
        };
        workers.iter().map(place).collect()
    }

    /// A run of its own.
    pub fn alone(workers: usize) -> Self {
        Self { first: 0, workers, gate: Arc::new(Gate::new(1)) }
    }

    /// A worker's number among those of all parts.
    pub(super) fn worker(&self, own: usize) -> usize {
        self.first + own
    }

    /// Workers of all parts.
    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    /// Waits for the other parts; returns how long it is until all start.
    ///
    /// # Errors
    /// One of them cannot.
    pub(super) fn start(&self) -> Result<Duration, EngineError> {
        let start = self.gate.wait();
        let start =
            start.ok_or_else(|| EngineError::Worker("another part of the run cannot begin".to_owned()))?;
        Ok(start.saturating_duration_since(Instant::now()))
    }

    /// This part cannot start.
    pub fn give_up(&self) {
        self.gate.give_up();
    }
}

#[derive(Debug)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    missing: usize,
    start: Option<Instant>,
    is_off: bool,
}

impl Gate {
    fn new(parts: usize) -> Self {
        let state = State { missing: parts, start: None, is_off: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn wait(&self) -> Option<Instant> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.missing = state.missing.saturating_sub(1);
        if state.missing == 0 && !state.is_off {
            state.start = Some(Instant::now() + LEAD);
            self.changed.notify_all();
        }
        while state.start.is_none() && !state.is_off {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.start
    }

    fn give_up(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_off = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn parts_start_at_one_instant_with_workers_of_their_own() {
        let places = Beside::all(&[2, 3]);
        assert_eq!((places[1].worker(0), places[1].worker(2), places[1].workers()), (2, 4, 5));
        let threads = places.into_iter().map(|place| thread::spawn(move || place.gate.wait()));
        let starts: Vec<_> = threads.collect::<Vec<_>>().into_iter().map(|it| it.join().unwrap()).collect();
        assert!(starts[0].is_some() && starts[0] == starts[1]);
        assert!(Beside::alone(2).start().is_ok());
    }

    #[test]
    fn none_starts_if_one_cannot() {
        let [one, other]: [Beside; 2] = Beside::all(&[1, 1]).try_into().unwrap();
        let waiting = thread::spawn(move || one.start().is_ok());
        other.give_up();
        assert!(!waiting.join().unwrap());
    }
}
