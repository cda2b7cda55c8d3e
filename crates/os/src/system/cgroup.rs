//! The tightest limits that control groups set, version 1 or 2: of memory, of threads, of CPU time.
//!
//! A process is in one group of each controller, and every group above it has a limit, too. In a
//! container the paths are often those of the host, while the container's own group is mounted at
//! the top: groups that are not there are passed over. Invariant: pages that the kernel can take
//! back at once (the inactive cache) count as room.

use super::{CgroupRoom, Files, Reading, ThreadRoom};

/// Where version 2 is mounted.
const V2: &str = "sys/fs/cgroup";
/// Version 1 writes the largest number of whole pages for no limit.
const V1_NO_LIMIT: u64 = (i64::MAX as u64) - 0xffff;
/// Version 1's period where it does not say, in microseconds.
const PERIOD_MICROS: u64 = 100_000;

/// The files of one version.
struct Names {
    limit: &'static str,
    usage: &'static str,
    reclaimable: &'static str,
}

const V2_NAMES: Names = Names { limit: "memory.max", usage: "memory.current", reclaimable: "inactive_file" };
const V1_NAMES: Names = Names {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file",
};

/// The least room for memory of this process's group and those above it; `None` where none has a
/// limit.
pub(super) fn room(files: &Files<'_>) -> Reading<Option<CgroupRoom>> {
    let of_version_1 = |directory: &str| room_of(files, directory, &V1_NAMES);
    let of_version_2 = |directory: &str| room_of(files, directory, &V2_NAMES);
    let rooms = of_groups(files, "memory", &of_version_1, &of_version_2)?;
    Ok(rooms.into_iter().min_by_key(|room| room.room_bytes))
}

/// The same for threads, which the kernel counts as processes.
pub(super) fn thread_room(files: &Files<'_>) -> Reading<Option<ThreadRoom>> {
    let of_group = |directory: &str| thread_room_of(files, directory);
    let rooms = of_groups(files, "pids", &of_group, &of_group)?;
    Ok(rooms.into_iter().min_by_key(|room| room.room))
}

/// Of how many cores the time may be had; `None` where no group has a quota.
pub(super) fn cores(files: &Files<'_>) -> Reading<Option<f64>> {
    let of_version_1 = |directory: &str| {
        let path = format!("{directory}/cpu.cfs_quota_us");
        if !files.is_there(&path) || files.text(&path)?.trim() == "-1" {
            return Ok(None);
        }
        let period = files.number(&format!("{directory}/cpu.cfs_period_us")).unwrap_or(PERIOD_MICROS);
        Ok(Some(files.number(&path)? as f64 / period.max(1) as f64))
    };
    let of_version_2 = |directory: &str| {
        let path = format!("{directory}/cpu.max");
        if !files.is_there(&path) { Ok(None) } else { files.parsed(&path, cpu_max) }
    };
    let quotas = of_groups(files, "cpu", &of_version_1, &of_version_2)?;
    Ok(quotas.into_iter().min_by(f64::total_cmp))
}

/// `max 100000`, or `QUOTA PERIOD`.
fn cpu_max(text: &str) -> Option<Option<f64>> {
    let (quota, period) = text.trim().split_once(' ')?;
    let period: u64 = period.parse().ok().filter(|period| *period > 0)?;
    match quota {
        "max" => Some(None),
        quota => Some(Some(quota.parse::<u64>().ok()? as f64 / period as f64)),
    }
}

/// What there is of this process's group of a controller, and of those above it.
fn of_groups<T>(
    files: &Files<'_>,
    controller: &str,
    of_version_1: &dyn Fn(&str) -> Reading<Option<T>>,
    of_version_2: &dyn Fn(&str) -> Reading<Option<T>>,
) -> Reading<Vec<T>> {
    let groups = files.text("proc/self/cgroup")?;
    let mut found = Vec::new();
    for line in groups.lines() {
        // `4:memory:/path` of version 1, `0::/path` of version 2.
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(format!("/proc/self/cgroup says {}", super::shown(line)));
        };
        if controllers.split(',').any(|name| name == controller) {
            collect(&format!("{V2}/{controller}"), path, of_version_1, &mut found)?;
        } else if controllers.is_empty() {
            collect(V2, path, of_version_2, &mut found)?;
        }
    }
    Ok(found)
}

/// What there is of a group and of those above it, up to the mount.
fn collect<T>(
    mount: &str,
    path: &str,
    of_group: &dyn Fn(&str) -> Reading<Option<T>>,
    found: &mut Vec<T>,
) -> Reading<()> {
    let mut path = path.trim_matches('/');
    if path.split('/').any(|part| part == "..") {
        // A group outside the namespace's: only the mount's own can be looked at.
        path = "";
    }
    loop {
        let directory = if path.is_empty() { mount.to_owned() } else { format!("{mount}/{path}") };
        found.extend(of_group(&directory)?);
        match path.rsplit_once('/') {
            Some((above, _)) => path = above,
            None if path.is_empty() => return Ok(()),
            None => path = "",
        }
    }
}

fn thread_room_of(files: &Files<'_>, directory: &str) -> Reading<Option<ThreadRoom>> {
    let limit = format!("{directory}/pids.max");
    if !files.is_there(&limit) || files.text(&limit)?.trim() == "max" {
        return Ok(None);
    }
    let running = files.number(&format!("{directory}/pids.current"))?;
    let room = files.number(&limit)?.saturating_sub(running);
    Ok(Some(ThreadRoom { limit: format!("/{limit}"), running, room }))
}

fn room_of(files: &Files<'_>, directory: &str, names: &Names) -> Reading<Option<CgroupRoom>> {
    let limit = format!("{directory}/{}", names.limit);
    if !files.is_there(&limit) {
        return Ok(None);
    }
    if files.text(&limit)?.trim() == "max" {
        return Ok(None);
    }
    let limit_bytes = files.number(&limit)?;
    if limit_bytes >= V1_NO_LIMIT {
        return Ok(None);
    }
    let used = files.number(&format!("{directory}/{}", names.usage))?;
    let stat = files.text(&format!("{directory}/memory.stat")).unwrap_or_default();
    let value = |line: &str| line.strip_prefix(names.reclaimable)?.trim().parse::<u64>().ok();
    let reclaimable = stat.lines().find_map(value).unwrap_or(0);
    let room_bytes = limit_bytes.saturating_sub(used.saturating_sub(reclaimable));
    Ok(Some(CgroupRoom { limit_bytes, room_bytes }))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a directory")).expect("made");
            fs::write(path, text).expect("written");
        }
    }

    fn read(files: &[(&str, &str)]) -> Reading<Option<CgroupRoom>> {
        let root = tempfile::tempdir().expect("a directory");
        write(root.path(), files);
        room(&Files { root: root.path() })
    }

    #[test]
    fn version_2_counts_the_groups_above() {
        let found = read(&[
            ("proc/self/cgroup", "0::/user/app\n"),
            ("sys/fs/cgroup/user/app/memory.max", "max\n"),
            ("sys/fs/cgroup/user/memory.max", "1000000\n"),
            ("sys/fs/cgroup/user/memory.current", "400000\n"),
            ("sys/fs/cgroup/user/memory.stat", "anon 300000\ninactive_file 100000\n"),
        ]);
        assert_eq!(found, Ok(Some(CgroupRoom { limit_bytes: 1_000_000, room_bytes: 700_000 })));
    }

    #[test]
    fn version_1_in_a_container_is_at_the_mount() {
        let found = read(&[
            ("proc/self/cgroup", "4:cpu,cpuacct:/docker/1\n3:memory:/docker/1\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "500000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "600000\n"),
        ]);
        assert_eq!(found, Ok(Some(CgroupRoom { limit_bytes: 500_000, room_bytes: 0 })));
    }

    #[test]
    fn no_limit_is_none() {
        let unlimited = read(&[
            ("proc/self/cgroup", "3:memory:/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        assert_eq!(unlimited, Ok(None));
        assert_eq!(read(&[("proc/self/cgroup", "0::/\n")]), Ok(None));
        assert_eq!(read(&[("proc/self/cgroup", "0::/../../x\n")]), Ok(None));
    }

    #[test]
    fn garbage_is_said() {
        assert!(read(&[("proc/self/cgroup", "garbage\n")]).is_err());
        let limit = read(&[("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "lots\n")]);
        assert!(limit.is_err_and(|why| why.contains("memory.max") && why.contains("lots")));
    }

    #[test]
    fn threads_are_limited_by_the_tightest_group() {
        let of = |files: &[(&str, &str)]| {
            let root = tempfile::tempdir().expect("a directory");
            write(root.path(), files);
            thread_room(&Files { root: root.path() })
        };
        let version_2 = of(&[
            ("proc/self/cgroup", "0::/user/app\n"),
            ("sys/fs/cgroup/user/app/pids.max", "max\n"),
            ("sys/fs/cgroup/user/pids.max", "100\n"),
            ("sys/fs/cgroup/user/pids.current", "60\n"),
            ("sys/fs/cgroup/pids.max", "1000\n"),
            ("sys/fs/cgroup/pids.current", "900\n"),
        ]);
        let limit = "/sys/fs/cgroup/user/pids.max".to_owned();
        assert_eq!(version_2, Ok(Some(ThreadRoom { limit, running: 60, room: 40 })));
        let version_1 = of(&[
            ("proc/self/cgroup", "7:pids:/docker/1\n0::/\n"),
            ("sys/fs/cgroup/pids/pids.max", "20\n"),
            ("sys/fs/cgroup/pids/pids.current", "30\n"),
        ]);
        assert!(version_1.is_ok_and(|room| room.is_some_and(|room| room.room == 0)));
        assert_eq!(of(&[("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/pids.max", "max\n")]), Ok(None));
        let garbage = of(&[("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/pids.max", "few\n")]);
        assert!(garbage.is_err());
    }

    #[test]
    fn a_quota_is_a_number_of_cores() {
        let of = |files: &[(&str, &str)]| {
            let root = tempfile::tempdir().expect("a directory");
            write(root.path(), files);
            cores(&Files { root: root.path() })
        };
        let tenth = of(&[("proc/self/cgroup", "0::/a\n"), ("sys/fs/cgroup/a/cpu.max", "10000 100000\n")]);
        assert_eq!(tenth, Ok(Some(0.1)));
        let none = of(&[("proc/self/cgroup", "0::/a\n"), ("sys/fs/cgroup/a/cpu.max", "max 100000\n")]);
        assert_eq!(none, Ok(None));
        let version_1 = of(&[
            ("proc/self/cgroup", "2:cpu,cpuacct:/a\n"),
            ("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(version_1, Ok(Some(1.5)));
        for garbage in ["", "x 1", "1", "1 0", "-1 100000"] {
            let of = of(&[("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/cpu.max", garbage)]);
            assert!(of.is_err(), "{garbage}");
        }
    }
}
