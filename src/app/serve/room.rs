//! Capacity for connections: how many workers a mock server of N members has, and the warnings when they have no room left.
//!
//! Starts nothing and reads no limit. Invariant: without --workers every member can hold a connection, or a warning says that
//! not all of them can.

use std::io;

use startline_os::units::{counted, grouped};

use crate::plan::capacity::{DESCRIPTORS_OF_A_WORKER, fullest_share, mock_workers};

/// Returns the number of workers: as requested, or as many as the members' connections need.
pub(super) fn workers(asked: usize, members: u64, cores: usize, descriptors: u64) -> usize {
    let connections = u32::try_from(members).unwrap_or(u32::MAX);
    if asked > 0 { asked } else { mock_workers(connections, cores, descriptors) }
}

/// Returns a warning if not all members can be connected at once.
pub(super) fn too_little(workers: usize, members: u64, cores: usize, descriptors: u64) -> Option<String> {
    let room = descriptors.saturating_sub(DESCRIPTORS_OF_A_WORKER);
    let fits = |connections: u64, workers: usize| fullest_share(connections, workers) <= room;
    if fits(members, workers) {
        return None;
    }
    let (mut most, mut too_many) = (0, members);
    while too_many - most > 1 {
        let middle = most.midpoint(too_many);
        *if fits(middle, workers) { &mut most } else { &mut too_many } = middle;
    }
    let enough = self::workers(0, members, cores, descriptors);
    let fix = match fits(members, enough) {
        true => format!("--workers {enough} has room for all"),
        false => "raise the hard limit on descriptors (ulimit -Hn) before the start".to_owned(),
    };
    Some(format!(
        "warning: {} with {} descriptors each {} room for about {} connections, but there are {}: {fix}",
        counted(workers as u64, "worker", "workers"),
        grouped(descriptors),
        if workers == 1 { "has" } else { "have" },
        grouped(most),
        counted(members, "member", "members"),
    ))
}

/// Returns the warning for the first connection that cannot be accepted.
pub(super) fn not_accepted(error: &io::Error, workers: usize, descriptors: u64) -> String {
    let fix = match error.raw_os_error() {
        Some(libc::EMFILE) => format!(
            "; {} may have {} descriptors each: give more --workers, or raise the hard limit (ulimit -Hn)",
            counted(workers as u64, "worker", "workers"),
            grouped(descriptors)
        ),
        Some(libc::ENFILE) => "; fs.file-max limits those of the whole machine".to_owned(),
        _ => String::new(),
    };
    format!("warning: connections wait, since they cannot be accepted: {error}{fix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_workers_for_everyone_who_has_an_account() {
        assert_eq!(workers(0, 10_000, 2, 20_000), 2);
        assert_eq!(workers(3, 10_000, 2, 300), 3, "whoever asks for a number gets it");
        let enough = workers(0, 2_988, 2, 300);
        assert!((13..40).contains(&enough), "{enough}");
        assert_eq!(too_little(enough, 2_988, 2, 300), None);
        assert_eq!(too_little(workers(0, 1_000_000, 2, 20_000), 1_000_000, 2, 20_000), None);
    }

    #[test]
    fn who_does_not_fit_is_told() {
        let told = too_little(2, 2_988, 2, 300).expect("a warning");
        let enough = workers(0, 2_988, 2, 300);
        assert!(
            told.starts_with("warning: 2 workers with 300 descriptors each have room for about 3"),
            "{told}"
        );
        assert!(told.ends_with(&format!("but there are 2,988 members: --workers {enough} has room for all")));
        let hopeless = too_little(256, 10_000_000, 2, 300).expect("a warning");
        assert!(
            hopeless.ends_with("raise the hard limit on descriptors (ulimit -Hn) before the start"),
            "{hopeless}"
        );
    }

    #[test]
    fn what_is_used_up_is_named() {
        let told = not_accepted(&io::Error::from_raw_os_error(libc::EMFILE), 2, 300);
        assert!(
            told.contains("Too many open files") && told.contains("2 workers may have 300 descriptors each"),
            "{told}"
        );
        let told = not_accepted(&io::Error::from_raw_os_error(libc::ENOMEM), 2, 300);
        assert!(told.ends_with("(os error 12)"), "{told}");
    }
}
