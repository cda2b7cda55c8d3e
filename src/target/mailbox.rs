//! How one worker tells another: a queue and an eventfd.
//!
//! Nothing else crosses threads after the start but the world. The eventfd is made before the workers take private
//! descriptor tables, so that its number means the same file in each. Invariant: a letter that is posted is taken at the
//! latest in the turn after the eventfd is readable; only the empty queue's first letter costs a system call.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::world::{ChallengeId, Seat};

/// What a worker can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letter {
    /// The connection in this seat has been replaced by a re-entry: close it with 1000.
    Replaced(Seat),
    /// The challenge is over: close its connections with 1000.
    Ended(ChallengeId),
    /// There are announcements, and they are to be written at once.
    News,
    /// Close everything with 1001 and come to an end.
    Stop,
}

/// A worker's mailbox.
#[derive(Debug)]
pub(super) struct Mailbox {
    letters: Mutex<Vec<Letter>>,
    bell: File,
}

impl Mailbox {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: a plain system call; the result is checked before it is used.
        let bell = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if bell < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and owned by nobody else.
        let bell = unsafe { File::from_raw_fd(bell) };
        Ok(Self { letters: Mutex::new(Vec::new()), bell })
    }

    /// Posts a letter; a second [`Letter::News`] is not kept.
    pub(super) fn post(&self, letter: Letter) {
        let mut letters = self.letters();
        if letter == Letter::News && letters.contains(&letter) {
            return;
        }
        letters.push(letter);
        if letters.len() == 1 {
            // Fails only when the count would overflow, and then the bell is ringing anyway.
            let _ = (&self.bell).write(&1u64.to_ne_bytes());
        }
    }

    /// Takes all letters.
    pub(super) fn take(&self) -> Vec<Letter> {
        let _ = (&self.bell).read(&mut [0; 8]);
        std::mem::take(&mut *self.letters())
    }

    /// What to poll for.
    pub(super) fn bell(&self) -> RawFd {
        self.bell.as_raw_fd()
    }

    fn letters(&self) -> MutexGuard<'_, Vec<Letter>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_taken_in_order_and_news_once() {
        let mailbox = Mailbox::new().unwrap();
        for letter in [Letter::News, Letter::Ended(ChallengeId(1)), Letter::News, Letter::Stop] {
            mailbox.post(letter);
        }
        assert_eq!(mailbox.take(), [Letter::News, Letter::Ended(ChallengeId(1)), Letter::Stop]);
        assert!(mailbox.take().is_empty());
    }
}
