//! Descriptors: as many as the kernel grants, and a table of its own for each worker.
//!
//! RLIMIT_NOFILE bounds a descriptor *table*: with one a worker the limit holds for each, and no
//! lock is shared. What a worker's table must keep is stated; everything else that the process has
//! open is closed in it, since a socket that some other thread closes would otherwise live on here.
//! Invariant: sockets are made, used and dropped on one thread.

use std::io;
use std::os::fd::RawFd;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Returns this process's soft and hard limit of open descriptors.
pub fn limits() -> (u64, u64) {
    let limit = getrlimit(Resource::Nofile);
    (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX))
}

/// Raises this process's soft limit of open descriptors to the hard one, which it returns.
///
/// # Errors
/// When the limit cannot be set.
pub fn raise_limit() -> io::Result<u64> {
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard })?;
    Ok(hard.unwrap_or(u64::MAX))
}

/// Gives the calling thread its own table with nothing in it but 0, 1, 2 and `keep`. Where the
/// kernel cannot (before 5.9, or forbidden) the thread goes on sharing, and `false` is returned.
pub fn take_private_table(keep: &[RawFd]) -> bool {
    // CLOSE_RANGE_UNSHARE copies the table and then closes, but copies only up to the range's start
    // when it is open-ended: the copy of a large table would be waste. So the last gap goes first.
    let mut kept: Vec<u32> = keep.iter().filter_map(|fd| u32::try_from(*fd).ok()).collect();
    kept.extend([0, 1, 2]);
    kept.sort_unstable();
    kept.dedup();
    let mut flags = libc::CLOSE_RANGE_UNSHARE;
    let mut end = u32::MAX;
    for fd in kept.into_iter().rev() {
        if fd < end && close_range(fd + 1, end, flags).is_err() {
            return false;
        }
        flags = 0;
        end = fd.saturating_sub(1);
    }
    true
}

/// Keeps signals away from the calling thread: a handler that writes to a descriptor has to run
/// where that descriptor is.
pub fn block_signals() {
    // SAFETY: the set is filled before it is used, and the call changes this thread's mask only.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
    }
}

/// Gives the calling thread a copy of its table, with all that is in it; fails where the kernel
/// cannot.
pub(crate) fn unshare_table() -> io::Result<()> {
    // Closes nothing: the range begins past any descriptor.
    close_range(u32::MAX, u32::MAX, libc::CLOSE_RANGE_UNSHARE)
}

/// Called with `CLOSE_RANGE_UNSHARE` first.
fn close_range(first: u32, last: u32, flags: u32) -> io::Result<()> {
    if first > last {
        return Ok(());
    }
    // SAFETY: closes descriptors in the private table only, where nothing but what is kept is in
    // use.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let hard = raise_limit().expect("soft to hard is always allowed");
        assert_eq!(limits(), (hard, hard));
    }

    #[test]
    fn a_private_table_keeps_what_it_is_told_to_and_disturbs_nobody() {
        let (kept, other) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let (kept_fd, other_fd) = (kept.as_raw_fd(), other.as_raw_fd());
        let worker = std::thread::spawn(move || {
            if !take_private_table(&[kept_fd]) {
                return None;
            }
            let is_open = |fd| std::fs::symlink_metadata(format!("/proc/thread-self/fd/{fd}")).is_ok();
            Some((is_open(kept_fd), is_open(other_fd), is_open(1)))
        });
        if let Some(open) = worker.join().unwrap() {
            assert_eq!(open, (true, false, true));
        }
        let mut other: File = other;
        other.write_all(b"still open here").unwrap();
    }
}
