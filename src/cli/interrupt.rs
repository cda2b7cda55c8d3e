//! Signals: the first asks for an orderly end, the second leaves at once.
//!
//! Decides nothing about what an orderly end is. Invariant: whoever is killed by the second one has been told so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::ExitStatus;

/// Between two looks for a signal.
const LOOK: Duration = Duration::from_millis(50);

/// What is printed on signals.
#[derive(Debug)]
pub struct Words {
    /// On the first.
    pub first: &'static [u8],
    /// On the second, with which the process ends.
    pub second: &'static [u8],
}

/// The first signal asks for an orderly end, the second leaves at once.
#[derive(Debug)]
pub struct Interrupt {
    signal: Arc<AtomicI32>,
}

impl Interrupt {
    /// Listens from here on; a process does so once.
    ///
    /// # Errors
    /// No handler could be registered.
    pub fn listen(words: &'static Words) -> Result<Self> {
        let signal = Arc::new(AtomicI32::new(0));
        for number in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            if number == libc::SIGHUP && is_ignored(number) {
                // nohup: whoever started this wants it to outlive the terminal.
                continue;
            }
            let seen = Arc::clone(&signal);
            // SAFETY: the action swaps an atomic integer and calls write() and _exit(), all of which are safe inside a
            // signal handler (signal-safety(7)).
            unsafe { signal_hook::low_level::register(number, move || signalled(&seen, number, words)) }
                .context("cannot listen for signals")?;
        }
        Ok(Self { signal })
    }

    /// Why to stop, if somebody asked.
    pub fn reason(&self) -> Option<String> {
        let name = match self.signal.load(Ordering::SeqCst) {
            0 => return None,
            libc::SIGINT => "interrupted (SIGINT)",
            libc::SIGHUP => "its terminal went away (SIGHUP)",
            _ => "asked to end (SIGTERM)",
        };
        Some(name.to_owned())
    }

    /// Sleeps; `false` as soon as somebody asks for the end.
    pub fn sleep(&self, span: Duration) -> bool {
        let until = Instant::now() + span;
        while Instant::now() < until {
            if self.reason().is_some() {
                return false;
            }
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
        self.reason().is_none()
    }
}

/// What a signal does; runs inside the handler.
fn signalled(seen: &AtomicI32, number: i32, words: &Words) {
    if seen.swap(number, Ordering::SeqCst) == 0 {
        return write_error(words.first);
    }
    write_error(words.second);
    // SAFETY: _exit() ends the process without running anything of it.
    unsafe { libc::_exit(i32::from(ExitStatus::Inconclusive as u8)) };
}

/// Writes to standard error with one system call and no lock.
fn write_error(text: &[u8]) {
    // SAFETY: the pointer and length are of a live slice. Whether it could be written is nothing to act on here.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
}

/// Whether the process was started with this signal ignored.
fn is_ignored(signal: i32) -> bool {
    // SAFETY: an all-zero sigaction is a valid value, and the call only writes into it.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut now) == 0 && now.sa_sigaction == libc::SIG_IGN
    }
}
