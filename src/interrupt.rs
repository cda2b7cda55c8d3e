//! Signals: the first asks for an orderly end, a second one quits at once.
//!
//! Does not decide what an orderly end is. Invariants: whoever sends the second signal has been told that it quits, and
//! where the results are; each message is true of the moment in which it is printed; no reader is waited for.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::exit_status::ExitStatus;
use crate::lang::{Reason, Sentence};
use crate::terminal;

/// How often signals are looked for.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// A signal this soon after the first is the same one: a Ctrl-C that a script passes on to its process group comes twice.
const SAME_WITHIN: Duration = Duration::from_millis(500);
/// How long the last words may take to be printed.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// What ended the run where no signal did: a key of the live view.
const KEY: i32 = -1;

/// What is printed on signals.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    /// On the first.
    first: Option<String>,
    /// On the second, which ends the process.
    second: Option<String>,
}

impl Notices {
    /// Says what the first signal begins, and what a second one leaves behind.
    pub fn new(first: &str, second: &str) -> Self {
        Self {
            first: Some(format!("\nending: {first} (press Ctrl-C again to quit at once)")),
            second: Some(format!("\nquit at once: {second}")),
        }
    }

    /// Says nothing on the first signal: the command's own error follows at once.
    pub fn on_second(second: &str) -> Self {
        Self { first: Some(String::new()), ..Self::new("", second) }
    }
}

/// The first signal asks for an orderly end, the second quits at once.
#[derive(Debug)]
pub struct Interrupt {
    heard: Arc<Heard>,
}

/// Shared with the thread that answers signals.
#[derive(Debug, Default)]
struct Heard {
    /// The first signal, or [`KEY`]; 0: none.
    signal: AtomicI32,
    /// When it was noticed.
    first_at: Mutex<Option<Instant>>,
    notices: Mutex<Notices>,
}

impl Interrupt {
    /// Listens from here on; a process does so once.
    ///
    /// # Errors
    /// No handler could be registered, or there is no thread to answer.
    pub fn listen(notices: Notices) -> Result<Self> {
        let heard = Arc::new(Heard { notices: Mutex::new(notices), ..Heard::default() });
        // The handler only sets a flag, since it may run on a thread whose descriptors are its own.
        let mut arrived: Vec<(i32, Arc<AtomicBool>)> = Vec::new();
        for number in [SIGINT, SIGTERM, SIGHUP] {
            // nohup: whoever started this wants it to outlive the terminal.
            if number != SIGHUP || !is_ignored(number) {
                let flag = Arc::new(AtomicBool::new(false));
                signal_hook::flag::register(number, Arc::clone(&flag))
                    .context("cannot listen for signals")?;
                arrived.push((number, flag));
            }
        }
        let answering = Arc::clone(&heard);
        let answer = move || loop {
            thread::sleep(POLL_INTERVAL);
            for (number, _) in arrived.iter().filter(|(_, flag)| flag.swap(false, Ordering::SeqCst)) {
                if answering.signalled(*number, Instant::now()) == Answer::Quit {
                    terminal::flush(LAST_WORDS);
                    signal_hook::low_level::exit(i32::from(ExitStatus::Inconclusive as u8));
                }
            }
        };
        thread::Builder::new().name("signals".into()).spawn(answer).context("cannot start a thread")?;
        Ok(Self { heard })
    }

    /// Answers signals with these notices from here on.
    pub fn now_says(&self, notices: Notices) {
        *self.heard.notices.lock().unwrap_or_else(PoisonError::into_inner) = notices;
    }

    /// Returns what a key calls to ask for the end as a first Ctrl-C does; it does nothing after that.
    pub fn first(&self) -> impl Fn() + Send + 'static + use<> {
        let heard = Arc::clone(&self.heard);
        move || {
            if heard.signal.load(Ordering::SeqCst) == 0 {
                heard.signalled(KEY, Instant::now());
            }
        }
    }

    /// Why to stop, if a signal asked for it.
    pub fn reason(&self) -> Option<Sentence> {
        let reason = match self.heard.signal.load(Ordering::SeqCst) {
            0 => return None,
            SIGINT => Reason::Interrupted,
            KEY => Reason::KeyPressed,
            SIGHUP => Reason::TerminalGone,
            _ => Reason::AskedToEnd,
        };
        Some(reason.into())
    }

    /// Sleeps; `false` as soon as a signal asks for the end.
    pub fn sleep(&self, span: Duration) -> bool {
        let until = Instant::now() + span;
        while Instant::now() < until {
            if self.reason().is_some() {
                return false;
            }
            thread::sleep(POLL_INTERVAL.min(until.saturating_duration_since(Instant::now())));
        }
        self.reason().is_none()
    }

    /// Waits for something that cannot be interrupted itself, such as a server's answer; `None` if a signal has asked for the end and
    /// no answer has come `grace` later. The work then goes on by itself, until it is over or the process is.
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
            // The waiting side may have given up.
            let _ = sender.send(ask());
        };
        thread::Builder::new().name("asking".into()).spawn(asking).context("cannot start a thread")?;
        let mut asked_to_end: Option<Instant> = None;
        loop {
            match answers.recv_timeout(POLL_INTERVAL) {
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

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// An orderly end.
    End,
    /// An end at once.
    Quit,
    /// Nothing more than the signals before it.
    Nothing,
}

impl Heard {
    /// Takes a signal, and prints what it begins.
    fn signalled(&self, number: i32, now: Instant) -> Answer {
        let answer = self.answer(number, now);
        let notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            // What a signal begins is not news once it is over.
            Answer::End => notices.first.iter().for_each(|notice| terminal::tell_passing(notice)),
            Answer::Quit => notices.second.iter().for_each(|notice| terminal::tell_soon(notice)),
            Answer::Nothing => {}
        }
        answer
    }

    fn answer(&self, number: i32, now: Instant) -> Answer {
        let mut first_at = self.first_at.lock().unwrap_or_else(PoisonError::into_inner);
        match *first_at {
            None => {
                *first_at = Some(now);
                self.signal.store(number, Ordering::SeqCst);
                Answer::End
            }
            // Nobody presses that: it comes when a terminal goes away, after the Ctrl-C that was typed there.
            Some(_) if number == SIGHUP => Answer::Nothing,
            Some(first_at) if now.duration_since(first_at) < SAME_WITHIN => Answer::Nothing,
            Some(_) => Answer::Quit,
        }
    }
}

/// Has a write past the limit for files (`ulimit -f`) fail as one to a full disk does; the kernel's own way kills the process.
///
/// # Errors
/// No handler could be registered.
pub fn outlive_file_limit() -> std::io::Result<()> {
    signal_hook::flag::register(libc::SIGXFSZ, Arc::default()).map(drop)
}

/// Whether the process was started with this signal ignored.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hears no signals: the tests share one process.
    fn deaf(signal: i32) -> Interrupt {
        Interrupt { heard: Arc::new(Heard { signal: AtomicI32::new(signal), ..Heard::default() }) }
    }

    #[test]
    fn an_answer_is_waited_for_until_a_signal_asks_for_the_end() {
        assert_eq!(deaf(0).or(Duration::ZERO, || 7).expect("a thread"), Some(7));
        // Never answered, as long as the other end is there.
        let (_open, never) = mpsc::channel::<()>();
        let answer = deaf(SIGINT).or(Duration::ZERO, move || never.recv().is_ok());
        assert_eq!(answer.expect("a thread"), None);
    }

    #[test]
    fn an_answer_that_comes_in_the_grace_is_heard() {
        let interrupt = deaf(SIGINT);
        // Slower than the interval at which signals are looked for.
        let answer = interrupt.or(Duration::from_secs(60), || {
            thread::sleep(POLL_INTERVAL * 2);
            7
        });
        assert_eq!(answer.expect("a thread"), Some(7));
    }

    #[test]
    fn the_first_signal_is_the_reason_to_end() {
        let interrupt = deaf(0);
        assert_eq!(interrupt.reason(), None);
        assert_eq!(interrupt.heard.answer(SIGTERM, Instant::now()), Answer::End);
        assert_eq!(interrupt.reason(), Some(Reason::AskedToEnd.into()));
    }

    #[test]
    fn a_key_that_ends_the_run_is_a_first_signal_and_never_a_second() {
        let interrupt = deaf(0);
        let end = interrupt.first();
        end();
        assert_eq!(interrupt.reason(), Some(Reason::KeyPressed.into()));
        let first_at = || *interrupt.heard.first_at.lock().expect("not poisoned");
        let (noticed, late) = (first_at(), Instant::now() + SAME_WITHIN);
        end();
        assert_eq!(first_at(), noticed);
        assert_eq!(interrupt.heard.answer(SIGINT, late), Answer::Quit);
    }

    #[test]
    fn a_second_signal_counts_half_a_second_after_the_first() {
        let (heard, start) = (Heard::default(), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        assert_eq!(heard.answer(SIGINT, start), Answer::End);
        assert_eq!(heard.answer(SIGINT, after(10)), Answer::Nothing);
        assert_eq!(heard.answer(SIGTERM, after(499)), Answer::Nothing);
        assert_eq!(heard.answer(SIGINT, after(500)), Answer::Quit);
    }

    #[test]
    fn a_terminal_that_goes_away_ends_nothing_at_once() {
        let (heard, start) = (Heard::default(), Instant::now());
        let late = start + Duration::from_secs(60);
        assert_eq!(heard.answer(SIGINT, start), Answer::End);
        assert_eq!(heard.answer(SIGHUP, late), Answer::Nothing);
        let heard = Heard::default();
        assert_eq!(heard.answer(SIGHUP, start), Answer::End);
        assert_eq!(heard.answer(SIGHUP, late), Answer::Nothing);
        assert_eq!(heard.answer(SIGTERM, late), Answer::Quit);
    }
}
