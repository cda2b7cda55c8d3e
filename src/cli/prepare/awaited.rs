//! Work that may take long, on a thread of its own: it is waited for until it is done or a signal comes.
//!
//! Knows nothing of the work. Invariant: who gives up knows whether the one step that cannot be undone has begun, and it does not begin
//! any more afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

/// Between two looks for a signal.
const LOOK: Duration = Duration::from_millis(50);

/// How waiting ended.
pub enum Awaited<T> {
    /// This came of the work.
    Done(T),
    /// This signal came first; the work goes on as long as the process does.
    Signalled(&'static str),
}

/// Does the work, and waits for it or for a signal.
///
/// # Errors
/// No handler could be registered.
pub fn or_signal<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<Awaited<T>> {
    let signal = Arc::new(AtomicUsize::new(0));
    // A hangup ends the process as it always does: nobody is left to be told anything.
    for number in [libc::SIGINT, libc::SIGTERM] {
        signal_hook::flag::register_usize(number, Arc::clone(&signal), number.unsigned_abs() as usize)
            .context("cannot listen for signals")?;
    }
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        // Nobody waits any more after a signal.
        let _ = sender.send(work());
    });
    loop {
        match receiver.recv_timeout(LOOK) {
            Ok(done) => return Ok(Awaited::Done(done)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => match thread.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => unreachable!("a thread that ends without a panic has sent what came of its work"),
            },
        }
        match signal.load(Ordering::SeqCst) {
            0 => {}
            number if number == libc::SIGINT.unsigned_abs() as usize => {
                return Ok(Awaited::Signalled("interrupted (SIGINT)"));
            }
            _ => return Ok(Awaited::Signalled("asked to end (SIGTERM)")),
        }
    }
}

/// Stands before the step that cannot be undone.
#[derive(Debug)]
pub struct Gate<T>(Mutex<At<T>>);

#[derive(Debug)]
enum At<T> {
    Before,
    Passed(T),
    Shut,
}

impl<T> Gate<T> {
    /// Nothing has begun.
    pub fn new() -> Self {
        Self(Mutex::new(At::Before))
    }

    /// The work passes, and leaves what it is about to do; `false` if it must not any more.
    pub fn pass(&self, what: T) -> bool {
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*at, At::Shut) {
            return false;
        }
        *at = At::Passed(what);
        true
    }

    /// Shuts it; what has begun, if it has been passed.
    pub fn shut(&self) -> Option<T> {
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *at, At::Shut) {
            At::Passed(what) => Some(what),
            At::Before | At::Shut => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_begins_once_the_gate_is_shut() {
        let gate = Gate::new();
        assert_eq!(gate.shut(), None);
        assert!(!gate.pass("a"));
        assert_eq!(gate.shut(), None);
    }

    #[test]
    fn what_has_begun_is_known() {
        let gate = Gate::new();
        assert!(gate.pass("a"));
        assert_eq!(gate.shut(), Some("a"));
        assert!(!gate.pass("b"));
    }

    #[test]
    fn work_that_is_done_is_handed_over() {
        assert!(matches!(or_signal(|| 3), Ok(Awaited::Done(3))));
    }
}
