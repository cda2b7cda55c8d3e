//! Reads how many threads this user may still start: RLIMIT_NPROC, and the users that are exempt.
//!
//! Judges nothing. Invariant: the estimate is never lower than what the kernel allows; it may be
//! higher where programs of this user cannot be seen from here.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

/// CAP_SYS_ADMIN, and CAP_SYS_RESOURCE: who has either is not held to the limit.
const EXEMPT: u64 = 1 << 21 | 1 << 24;
/// What the first namespace of users says: everybody is who he is.
const EVERYBODY: &str = "0 0 4294967295";

/// Whether the effective user is root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Returns the bytes of addresses that a process may have (RLIMIT_AS, soft); `None` where there is
/// no limit.
pub fn address_space_bytes() -> Option<u64> {
    getrlimit(Resource::As).current
}

/// RLIMIT_NPROC, which counts a user's threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadsOfUser {
    /// The soft limit, which counts.
    pub soft: u64,
    /// How far it may be raised without root.
    pub hard: u64,
    /// Threads of the user's that can be seen from here.
    pub running: u64,
}

impl ThreadsOfUser {
    /// This process's; `None` where no limit holds.
    pub fn read() -> Option<Self> {
        let limit = getrlimit(Resource::Nproc);
        let (user, proc) = (rustix::process::getuid().as_raw(), Path::new("/proc"));
        let soft = limit.current.filter(|_| !is_exempt(proc, user))?;
        Some(Self { soft, hard: limit.maximum.unwrap_or(u64::MAX), running: running(proc, user) })
    }
}

/// Whether the user is root or has root's capabilities; root of a user namespace does not count.
fn is_exempt(proc: &Path, user: u32) -> bool {
    let read = |name: &str| fs::read_to_string(proc.join("self").join(name)).unwrap_or_default();
    let map = read("uid_map");
    if !map.split_whitespace().eq(EVERYBODY.split_whitespace()) {
        return false;
    }
    let status = read("status");
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = capabilities.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0);
    user == 0 || bits & EXEMPT != 0
}

/// The user's threads.
fn running(proc: &Path, user: u32) -> u64 {
    let Ok(entries) = fs::read_dir(proc) else { return 0 };
    let is_process = |entry: &fs::DirEntry| {
        entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit)
            && entry.metadata().is_ok_and(|metadata| metadata.uid() == user)
    };
    let threads = |entry: fs::DirEntry| {
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse::<u64>().ok()
    };
    // Those that end meanwhile are passed over.
    entries.flatten().filter(is_process).filter_map(threads).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(proc: &Path, name: &str, files: &[(&str, &str)]) {
        let directory = proc.join(name);
        fs::create_dir_all(&directory).expect("made");
        for (file, text) in files {
            fs::write(directory.join(file), text).expect("written");
        }
    }

    #[test]
    fn a_user_s_threads_are_counted() {
        let proc = tempfile::tempdir().expect("a directory");
        process(proc.path(), "7", &[("status", "Name:\tx\nThreads:\t5\n")]);
        process(proc.path(), "8", &[("status", "Name:\tx\nThreads:\t2\n")]);
        process(proc.path(), "9", &[]);
        process(proc.path(), "sys", &[("status", "Threads:\t100\n")]);
        let user = fs::metadata(proc.path()).expect("there").uid();
        assert_eq!((running(proc.path(), user), running(proc.path(), user + 1)), (7, 0));
        assert_eq!(running(&proc.path().join("nowhere"), user), 0);
    }

    #[test]
    fn root_is_exempt_but_not_a_namespace_s() {
        let proc = tempfile::tempdir().expect("a directory");
        let everybody = ("uid_map", "         0          0 4294967295\n");
        let none = ("status", "CapEff:\t0000000000000000\n");
        let resource = ("status", "CapEff:\t0000000001000000\n");
        process(proc.path(), "self", &[everybody, none]);
        assert!(is_exempt(proc.path(), 0) && !is_exempt(proc.path(), 1_000));
        process(proc.path(), "self", &[resource]);
        assert!(is_exempt(proc.path(), 1_000));
        process(proc.path(), "self", &[("uid_map", "0 1000 1\n")]);
        assert!(!is_exempt(proc.path(), 0), "root of this namespace is somebody else outside");
    }
}
