//! The current request and the checks so far: written by the thread that asks, read by the one that waits.
//!
//! Judges nothing. Invariants: nothing is added once it is closed, and the asking thread goes no further; its progress goes
//! to standard error alone.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use startline_os::units::duration_text;

use crate::checks::Check;
use crate::preflight::members::Login;
use crate::terminal::StatusLine;

/// On a terminal, the line is drawn this often.
const DRAWN_EVERY: Duration = Duration::from_millis(200);
/// Where there is no terminal, a line is printed this often.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// The checks so far, shared by two threads.
pub(super) struct Board {
    began: Instant,
    state: Mutex<BoardState>,
}

/// What has been found so far.
#[derive(Default)]
pub(super) struct BoardState {
    /// The current request.
    doing: String,
    /// What has been found, in order.
    pub(super) checks: Vec<Check>,
    /// Logins of the sample that have been judged by no check yet.
    pub(super) logins: Vec<Login>,
    /// The target answered, or showed a certificate that is not to be trusted.
    pub(super) was_asked: bool,
    is_closed: bool,
}

impl Board {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), state: Mutex::default() }
    }

    /// A panic while it is held leaves nothing half done.
    fn state(&self) -> MutexGuard<'_, BoardState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the current request; `false` once it is closed.
    pub(super) fn now(&self, doing: impl Into<String>) -> bool {
        let mut state = self.state();
        state.doing = doing.into();
        !state.is_closed
    }

    /// Adds checks.
    pub(super) fn found(&self, checks: impl IntoIterator<Item = Check>) {
        let mut state = self.state();
        if !state.is_closed {
            state.checks.extend(checks);
        }
    }

    /// Adds a login, which is judged with all the others.
    pub(super) fn logged_in(&self, login: Login) {
        let mut state = self.state();
        if !state.is_closed {
            state.logins.push(login);
        }
    }

    /// The logins so far.
    pub(super) fn with_logins<T>(&self, read: impl FnOnce(&[Login]) -> T) -> T {
        read(&self.state().logins)
    }

    /// Replaces the logins by the checks that judge them.
    pub(super) fn judged(&self, judge: impl FnOnce(&[Login]) -> Vec<Check>) {
        let mut state = self.state();
        if !state.is_closed {
            let logins = std::mem::take(&mut state.logins);
            state.checks.extend(judge(&logins));
        }
    }

    /// The target answered.
    pub(super) fn answered(&self) {
        self.state().was_asked = true;
    }

    /// Closes it and returns what was found.
    pub(super) fn close(&self) -> BoardState {
        std::mem::replace(&mut *self.state(), BoardState { is_closed: true, ..BoardState::default() })
    }

    /// The progress in a line.
    fn line(&self) -> String {
        let span = Duration::from_secs(self.began.elapsed().as_secs());
        format!("preflight, {}: {}", duration_text(span), self.state().doing)
    }
}

/// Shows the progress until it is dropped.
pub(super) struct StatusThread {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StatusThread {
    /// Starts at once on a terminal; elsewhere after a while, when most checks have ended.
    pub(super) fn start(board: Arc<Board>) -> Result<Self> {
        let (end, ended) = mpsc::channel();
        let show = move || {
            let mut line = StatusLine::after_a_while(PLAIN_EVERY);
            loop {
                line.show(|_| board.line());
                if ended.recv_timeout(DRAWN_EVERY) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            line.clear();
        };
        let thread =
            thread::Builder::new().name("status".into()).spawn(show).context("cannot start a thread")?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for StatusThread {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // What is drawn is gone before anything else is printed; a panic has printed its own message.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Figure;
    use crate::members::MemberName;

    fn check() -> Check {
        Check::ok("a", "an item", Figure::words("this"), Figure::words("that"))
    }

    #[test]
    fn nothing_is_added_once_it_is_closed() {
        let board = Board::new();
        assert!(board.now("asking"));
        assert!(board.line().ends_with("s: asking"), "{}", board.line());
        board.found([check()]);
        board.answered();
        let state = board.close();
        assert_eq!((state.checks.len(), state.was_asked), (1, true));
        assert!(!board.now("asking on"));
        board.found([check()]);
        board.logged_in(Login::not_tried(MemberName::Number(13)));
        let state = board.close();
        assert!(state.checks.is_empty() && state.logins.is_empty());
    }
}
