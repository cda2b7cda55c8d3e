//! Whether arrivals are to stand: the key `p` and SIGUSR1 say so, and take it back.
//!
//! Knows no run. Invariant: whoever pauses with one of them can go on with the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::SIGUSR1;

use crate::measure::pauses::PausedBy;
use crate::terminal;

const RUNNING: u8 = 0;
const BY_KEY: u8 = 1;
const BY_SIGNAL: u8 = 2;

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct Pausing {
    state: Arc<AtomicU8>,
    signalled: Arc<AtomicBool>,
}

impl Pausing {
    /// Listens for SIGUSR1 from here on.
    ///
    /// # Errors
    /// No handler could be registered.
    pub fn listen() -> Result<Self> {
        let pausing = Self::default();
        // The handler only sets a flag; the run asks every 50 ms.
        signal_hook::flag::register(SIGUSR1, Arc::clone(&pausing.signalled))
            .context("cannot listen for SIGUSR1")?;
        Ok(pausing)
    }

    /// Returns what the key calls.
    pub fn key(&self) -> impl Fn() + Send + 'static + use<> {
        let pausing = self.clone();
        move || {
            pausing.toggle(BY_KEY);
        }
    }

    /// What wants arrivals to stand, if anything does.
    pub fn wanted(&self) -> Option<PausedBy> {
        if self.signalled.swap(false, Ordering::SeqCst) {
            terminal::tell_passing(match self.toggle(BY_SIGNAL) {
                RUNNING => "going on: arrivals and planned ends come later by the pause (SIGUSR1)",
                _ => "paused: no session arrives or leaves by plan until SIGUSR1 comes again",
            });
        }
        match self.state.load(Ordering::SeqCst) {
            BY_KEY => Some(PausedBy::Key),
            BY_SIGNAL => Some(PausedBy::Signal),
            _ => None,
        }
    }

    /// Pauses or goes on; returns which.
    fn toggle(&self, by: u8) -> u8 {
        let next = |state: u8| if state == RUNNING { by } else { RUNNING };
        let was = self.state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |state| Some(next(state)));
        next(was.unwrap_or(RUNNING))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_pauses_the_other_resumes() {
        let pausing = Pausing::default();
        let press = pausing.key();
        press();
        assert_eq!(pausing.wanted(), Some(PausedBy::Key));
        pausing.signalled.store(true, Ordering::SeqCst);
        assert_eq!(pausing.wanted(), None);
        pausing.signalled.store(true, Ordering::SeqCst);
        assert_eq!(pausing.wanted(), Some(PausedBy::Signal));
        press();
        assert_eq!(pausing.wanted(), None);
    }
}
