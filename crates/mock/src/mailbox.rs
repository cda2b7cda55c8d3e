//! Notices from one worker to another: a queue and a bell.
//!
//! Besides the world, nothing else crosses threads after the start. A bell is a datagram socket of
//! the worker's own, with a name of the kernel's choice by which everybody rings it: one descriptor
//! in each worker's table, however many workers there are. Invariant: a notice that is posted is
//! taken at the latest in the turn after the bell is readable, or in the next round where nobody
//! could ring; only the empty queue's first notice costs a system call.

use std::cell::OnceCell;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::world::{ChallengeId, Seat};

/// A notice to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The connection in this seat has been replaced by a re-entry: close it with 1000.
    Replaced(Seat),
    /// The challenge is over: close its connections with 1000.
    Ended(ChallengeId),
    /// There are announcements, and they are to be written at once.
    News,
    /// Close everything with 1001 and come to an end.
    Stop,
}

thread_local! {
    /// The calling worker's own bell, by which it rings the others', too.
    static BELL: OnceCell<UnixDatagram> = const { OnceCell::new() };
}

/// A worker's mailbox.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    notices: Mutex<Vec<Notice>>,
    /// The bell's name, once the worker has put it up.
    door: OnceLock<SocketAddr>,
}

impl Mailbox {
    /// Puts up the calling worker's bell, and returns what to poll for. Letters that came before
    /// were not rung for.
    ///
    /// # Errors
    /// There is no descriptor left, or the thread has one already.
    pub(super) fn put_up_bell(&self) -> io::Result<RawFd> {
        let (bell, name) = named_socket()?;
        let descriptor = bell.as_raw_fd();
        let is_first = BELL.with(|mine| mine.set(bell)).is_ok() && self.door.set(name).is_ok();
        if is_first { Ok(descriptor) } else { Err(io::Error::other("the bell is there already")) }
    }

    /// Posts a notice; a second [`Notice::News`] is not kept.
    pub(super) fn post(&self, notice: Notice) {
        let mut notices = self.notices();
        if notice == Notice::News && notices.contains(&notice) {
            return;
        }
        notices.push(notice);
        let is_empty = notices.len() == 1;
        drop(notices);
        if is_empty && let Some(door) = self.door.get() {
            // Fails when so much rings already that nothing more fits, and where a stranger to the
            // workers has no descriptor to ring with.
            let _ = ring(door);
        }
    }

    /// Takes all notices. For the worker whose mailbox it is.
    pub(super) fn take(&self) -> Vec<Notice> {
        BELL.with(|mine| {
            let Some(bell) = mine.get() else { return };
            while bell.recv(&mut [0; 1]).is_ok() {}
        });
        std::mem::take(&mut *self.notices())
    }

    fn notices(&self) -> MutexGuard<'_, Vec<Notice>> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ring(door: &SocketAddr) -> io::Result<()> {
    BELL.with(|mine| match mine.get() {
        Some(bell) => bell.send_to_addr(&[1], door),
        None => {
            let bell = UnixDatagram::unbound()?;
            bell.set_nonblocking(true)?;
            bell.send_to_addr(&[1], door)
        }
    })
    .map(drop)
}

/// A socket that the kernel has named (unix(7), autobind: bound to no path, it gets a name of the
/// abstract namespace that nobody has).
fn named_socket() -> io::Result<(UnixDatagram, SocketAddr)> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    rustix::net::bind(&socket, &rustix::net::SocketAddrUnix::new_unnamed())?;
    let name = socket.local_addr()?;
    Ok((socket, name))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn notices_are_taken_in_order_and_news_once() {
        let mailbox = Mailbox::default();
        for notice in [Notice::News, Notice::Ended(ChallengeId(1)), Notice::News, Notice::Stop] {
            mailbox.post(notice);
        }
        assert_eq!(mailbox.take(), [Notice::News, Notice::Ended(ChallengeId(1)), Notice::Stop]);
        assert!(mailbox.take().is_empty());
    }

    /// Whether the descriptor becomes readable in that time.
    fn rings(bell: RawFd, timeout: Duration) -> bool {
        let (mut poll, mut events) = (mio::Poll::new().unwrap(), mio::Events::with_capacity(1));
        let mut bell = mio::unix::SourceFd(&bell);
        poll.registry().register(&mut bell, mio::Token(0), mio::Interest::READABLE).unwrap();
        poll.poll(&mut events, Some(timeout)).is_ok() && !events.is_empty()
    }

    #[test]
    fn the_first_notice_rings_whoever_posts_it() {
        let mailboxes: Arc<[Mailbox; 2]> = Arc::default();
        let theirs = Arc::clone(&mailboxes);
        let worker = std::thread::spawn(move || {
            let bell = theirs[0].put_up_bell().unwrap();
            assert!(theirs[0].put_up_bell().is_err(), "one a worker");
            let mut taken = Vec::new();
            let until = Instant::now() + Duration::from_secs(10);
            while taken.len() < 3 && Instant::now() < until {
                assert!(rings(bell, Duration::from_secs(10)), "after {taken:?}");
                taken.extend(theirs[0].take());
            }
            taken
        });
        // From a thread that has a bell of its own, and from one that has none.
        let others = Arc::clone(&mailboxes);
        std::thread::spawn(move || {
            others[1].put_up_bell().unwrap();
            while others[0].door.get().is_none() {
                std::thread::yield_now();
            }
            others[0].post(Notice::News);
            others[0].post(Notice::Ended(ChallengeId(1)));
        })
        .join()
        .unwrap();
        mailboxes[0].post(Notice::Stop);
        assert_eq!(worker.join().unwrap(), [Notice::News, Notice::Ended(ChallengeId(1)), Notice::Stop]);
    }
}
