//! The thread of one source: it looks when an item is due, and at the end asks for what was missed.
//!
//! Judges nothing. Invariants: it waits for nobody but its source, which has a deadline; what it has
//! to say goes into a bounded channel, or nowhere.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::item::Item;
use super::source::{DEADLINE, Reading, Source};

/// How long the last lines of a log may be on their way from another machine.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// What a thread says, by the places of its source and of the items in it.
pub(super) enum Said {
    /// A look, begun at this instant; the last one is made once all sessions have ended.
    Looked { source: usize, at: Instant, items: Vec<usize>, reading: Reading, is_last: bool },
    /// What an item was all along.
    Past { source: usize, item: usize, points: Vec<(Timestamp, f64)> },
    /// Nothing follows.
    Done,
}

/// From when to when an item was of interest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub start: Timestamp,
    pub end: Timestamp,
}

/// Tells threads to stop looking.
#[derive(Debug, Default)]
pub(super) struct Stop {
    window: Mutex<Option<Window>>,
    given: Condvar,
}

impl Stop {
    /// Ends the looking; what was missed in this window may be asked for.
    pub fn give(&self, window: Window) {
        *self.window.lock().unwrap_or_else(PoisonError::into_inner) = Some(window);
        self.given.notify_all();
    }

    /// Waits until this instant; returns the window if the looking ended before.
    fn wait_until(&self, at: Instant) -> Option<Window> {
        let window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = at.saturating_duration_since(Instant::now());
        let (window, _) = self
            .given
            .wait_timeout_while(window, patience, |window| window.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        *window
    }
}

/// Starts a source's thread.
///
/// # Errors
/// The system has no thread left.
pub(super) fn start(
    source: usize,
    mut asked: Box<dyn Source>,
    items: Vec<Item>,
    stop: Arc<Stop>,
    said: SyncSender<Said>,
) -> io::Result<()> {
    let work = move || {
        let mut missed = BTreeSet::new();
        let window = look(source, asked.as_mut(), &items, &stop, &said, &mut missed);
        let deadline = Instant::now() + DEADLINE;
        for item in missed {
            let it = &items[item];
            let points = asked.history(&it.expression, window.start, window.end, it.every, deadline);
            if !points.is_empty() {
                drop(said.try_send(Said::Past { source, item, points }));
            }
        }
        if let Some(looked) = last_look(source, asked.as_mut(), &items) {
            drop(said.try_send(looked));
        }
        // A log's command ends with its source, and the run waits for that.
        drop(asked);
        drop(said.try_send(Said::Done));
    };
    thread::Builder::new().name(format!("watch-{source}")).spawn(work).map(drop)
}

/// Looks at the items that are written late, once what is on its way has come.
fn last_look(source: usize, asked: &mut dyn Source, items: &[Item]) -> Option<Said> {
    let late: Vec<usize> = (0..items.len()).filter(|k| asked.is_late(&items[*k].expression)).collect();
    if late.is_empty() {
        return None;
    }
    thread::sleep(ON_ITS_WAY);
    let at = Instant::now();
    let expressions: Vec<&str> = late.iter().map(|k| items[*k].expression.as_str()).collect();
    let reading = asked.look(&expressions, at + DEADLINE);
    Some(Said::Looked { source, at, items: late, reading, is_last: true })
}

/// Looks until it is told to stop. Notes the items of which looks failed.
fn look(
    source: usize,
    asked: &mut dyn Source,
    items: &[Item],
    stop: &Stop,
    said: &SyncSender<Said>,
    missed: &mut BTreeSet<usize>,
) -> Window {
    let mut due = vec![Instant::now(); items.len()];
    loop {
        let Some(next) = due.iter().min() else { return wait(stop) };
        if let Some(window) = stop.wait_until(*next) {
            return window;
        }
        let at = Instant::now();
        let now: Vec<usize> = (0..items.len()).filter(|k| due[*k] <= at).collect();
        let expressions: Vec<&str> = now.iter().map(|k| items[*k].expression.as_str()).collect();
        let reading = asked.look(&expressions, at + DEADLINE);
        for (k, value) in now.iter().zip(&reading.values) {
            if value.as_ref().is_err_and(|why| !why.is_early) {
                missed.insert(*k);
            }
        }
        for k in &now {
            due[*k] = next_due(due[*k], items[*k].every, Instant::now());
        }
        // Who does not read for minutes has no use for more.
        drop(said.try_send(Said::Looked { source, at, items: now, reading, is_last: false }));
    }
}

fn wait(stop: &Stop) -> Window {
    loop {
        if let Some(window) = stop.wait_until(Instant::now() + DEADLINE) {
            return window;
        }
    }
}

/// The next instant of the schedule; those that a slow look passed over are not made up for.
fn next_due(due: Instant, every: Duration, now: Instant) -> Instant {
    let behind = now.saturating_duration_since(due).as_secs_f64() / every.as_secs_f64();
    due + every * (behind as u32).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_look_does_not_pile_up() {
        let (due, every) = (Instant::now(), Duration::from_secs(5));
        let next = |after_s: u64| next_due(due, every, due + Duration::from_secs(after_s)) - due;
        assert_eq!([0, 4, 5, 12].map(next), [5, 5, 10, 15].map(Duration::from_secs));
    }
}
