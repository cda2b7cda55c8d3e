//! Whether this process may raise a hard limit (RLIMIT_NOFILE): that needs CAP_SYS_RESOURCE of the
//! first user namespace.
//!
//! Knows no limit. Invariant: root of a container that has given the capability up, or of a user
//! namespace, may not.

use super::{Files, Reading};

/// The capability's bit.
const CAP_SYS_RESOURCE: u32 = 24;

/// Who may raise this process's hard limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raising {
    /// Whoever this process runs as.
    ByThisUser,
    /// Root, which this process is not.
    ByRoot,
    /// Nobody in here: only whoever started this container or virtual machine.
    FromOutside,
}

impl Raising {
    pub(super) fn read(files: &Files<'_>) -> Reading<Self> {
        let (user, effective, bounding) = files.parsed("proc/self/status", |status| {
            Some((
                field(status, "Uid:", 1)?.parse::<u32>().ok()?,
                capabilities(status, "CapEff:")?,
                capabilities(status, "CapBnd:")?,
            ))
        })?;
        let is_first_namespace = files.parsed("proc/self/uid_map", |map| {
            let numbers: Option<Vec<u32>> = map.split_whitespace().map(|it| it.parse().ok()).collect();
            numbers.map(|numbers| numbers == [0, 0, u32::MAX])
        })?;
        let has = |set: u64| is_first_namespace && set >> CAP_SYS_RESOURCE & 1 == 1;
        Ok(match user {
            _ if has(effective) => Self::ByThisUser,
            0 => Self::FromOutside,
            _ if has(bounding) => Self::ByRoot,
            _ => Self::FromOutside,
        })
    }
}

/// The word at this place of a line.
fn field<'s>(status: &'s str, name: &str, index: usize) -> Option<&'s str> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().nth(index)
}

fn capabilities(status: &str, name: &str) -> Option<u64> {
    u64::from_str_radix(field(status, name, 0)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const ALL: &str = "000001ffffffffff";
    const WITHOUT: &str = "000001fffeffffff";

    fn raising(user: u32, effective: &str, bounding: &str, map: &str) -> Reading<Raising> {
        let root = tempfile::tempdir().expect("a directory");
        let own = root.path().join("proc/self");
        fs::create_dir_all(&own).expect("made");
        let status = format!(
            "Name:\tstartline\nUid:\t1\t{user}\t{user}\t{user}\nCapInh:\t0\nCapEff:\t{effective}\nCapBnd:\t{bounding}\n"
        );
        fs::write(own.join("status"), status).expect("written");
        fs::write(own.join("uid_map"), map).expect("written");
        Raising::read(&Files { root: root.path() })
    }

    #[test]
    fn the_capability_decides_and_not_the_user() {
        let first = "         0          0 4294967295\n";
        assert_eq!(raising(0, ALL, ALL, first), Ok(Raising::ByThisUser));
        assert_eq!(raising(1_000, "0000000001000000", ALL, first), Ok(Raising::ByThisUser));
        assert_eq!(raising(1_000, "0", ALL, first), Ok(Raising::ByRoot));
        assert_eq!(raising(0, WITHOUT, WITHOUT, first), Ok(Raising::FromOutside));
        assert_eq!(raising(1_000, "0", WITHOUT, first), Ok(Raising::FromOutside));
        assert_eq!(raising(0, ALL, ALL, "0 1000 1\n"), Ok(Raising::FromOutside), "a rootless container");
    }

    #[test]
    fn what_says_nothing_is_no_reading() {
        assert!(raising(0, "many", ALL, "0 0 4294967295").is_err());
        assert!(raising(0, ALL, ALL, "garbage").is_err());
        assert!(Raising::read(&Files { root: Path::new("/nowhere") }).is_err());
        assert!(Raising::read(&Files { root: Path::new("/") }).is_ok());
    }
}
