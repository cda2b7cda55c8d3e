//! Signals: the first asks for an orderly end, the second leaves at once.
//!
//! Decides nothing about what an orderly end is. Invariants: whoever is killed by the second one has been told so; what is printed is
//! true of that moment, for which whoever listens says what has come to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::exit_status::ExitStatus;

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
    seen: Arc<Seen>,
}

/// What the handler reads and writes.
#[derive(Debug)]
struct Seen {
    /// The last signal; 0: none.
    signal: AtomicI32,
    /// Always those of some `&'static Words`.
    words: AtomicPtr<Words>,
}

impl Interrupt {
    /// Listens from here on; a process does so once.
    ///
    /// # Errors
    /// No handler could be registered.
    pub fn listen(words: &'static Words) -> Result<Self> {
        let words = AtomicPtr::new(std::ptr::from_ref(words).cast_mut());
        let seen = Arc::new(Seen { signal: AtomicI32::new(0), words });
        for number in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            if number == libc::SIGHUP && is_ignored(number) {
                // nohup: whoever started this wants it to outlive the terminal.
                continue;
            }
            let seen = Arc::clone(&seen);
            // SAFETY: the action swaps and loads atomics and calls write() and _exit(), all of which are safe inside a
            // signal handler (signal-safety(7)).
            unsafe { signal_hook::low_level::register(number, move || signalled(&seen, number)) }
                .context("cannot listen for signals")?;
        }
        Ok(Self { seen })
    }

    /// From here on signals are answered with these words.
    pub fn now_says(&self, words: &'static Words) {
        self.seen.words.store(std::ptr::from_ref(words).cast_mut(), Ordering::SeqCst);
    }

    /// Why to stop, if somebody asked.
    pub fn reason(&self) -> Option<String> {
        let name = match self.seen.signal.load(Ordering::SeqCst) {
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

    /// Waits for something that cannot be interrupted itself, such as a server's answer; `None` once somebody has asked for the end and
    /// it has not come `grace` later. It then goes on by itself, until it is over or the process is.
    ///
    /// # Errors
    /// There is no thread for it, or it panicked.
    pub fn or<T: Send + 'static>(
        &self,
        grace: Duration,
        ask: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>> {
        let (sender, answers) = mpsc::channel();
        let asking = move || {
            // Nobody may be waiting any more.
            let _ = sender.send(ask());
        };
        std::thread::Builder::new().name("asking".into()).spawn(asking).context("cannot start a thread")?;
        let mut asked_to_end: Option<Instant> = None;
        loop {
            match answers.recv_timeout(LOOK) {
                Ok(answer) => return Ok(Some(answer)),
                Err(RecvTimeoutError::Disconnected) => bail!("the thread that asks has panicked"),
                Err(RecvTimeoutError::Timeout) if self.reason().is_none() => {}
                Err(RecvTimeoutError::Timeout) => {
                    if asked_to_end.get_or_insert_with(Instant::now).elapsed() >= grace {
                        return Ok(None);
                    }
                }
            }
        }
    }
}

/// What a signal does; runs inside the handler.
fn signalled(seen: &Seen, number: i32) {
    // SAFETY: the pointer is always made from a `&'static Words`, and nobody writes through it.
    let words = unsafe { &*seen.words.load(Ordering::SeqCst) };
    if seen.signal.swap(number, Ordering::SeqCst) == 0 {
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

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words { first: b"", second: b"" };

    /// Hears no signals: the tests share one process.
    fn deaf(signal: i32) -> Interrupt {
        let words = AtomicPtr::new(std::ptr::from_ref(&WORDS).cast_mut());
        Interrupt { seen: Arc::new(Seen { signal: AtomicI32::new(signal), words }) }
    }

    #[test]
    fn an_answer_is_waited_for_until_somebody_asks_for_the_end() {
        assert_eq!(deaf(0).or(Duration::ZERO, || 7).expect("a thread"), Some(7));
        // Never answered, as long as the other end is there.
        let (_open, never) = mpsc::channel::<()>();
        let answer = deaf(libc::SIGINT).or(Duration::ZERO, move || never.recv().is_ok());
        assert_eq!(answer.expect("a thread"), None);
    }

    #[test]
    fn an_answer_that_comes_in_the_grace_is_heard() {
        let interrupt = deaf(libc::SIGINT);
        // Slower than a look for a signal.
        let answer = interrupt.or(Duration::from_secs(60), || {
            std::thread::sleep(LOOK * 2);
            7
        });
        assert_eq!(answer.expect("a thread"), Some(7));
    }
}
