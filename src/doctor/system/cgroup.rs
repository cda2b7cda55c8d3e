//! The tightest limit of memory that a control group sets, version 1 or 2.
//!
//! A process is in one group, and every group above it has a limit, too. In a container the paths are often those of the
//! host, while the container's own group is mounted at the top: groups that are not there are passed over. Invariant: pages
//! that the kernel can take back at once (the inactive cache) count as room.

use super::{CgroupRoom, Files, Reading};

/// Where version 2 is mounted.
const V2: &str = "sys/fs/cgroup";
/// Where version 1's memory controller is.
const V1: &str = "sys/fs/cgroup/memory";
/// Version 1 writes the largest number of whole pages for no limit.
const V1_NO_LIMIT: u64 = (i64::MAX as u64) - 0xffff;

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

/// The least room of this process's group and those above it; `None` where none has a limit.
pub(super) fn room(files: &Files<'_>) -> Reading<Option<CgroupRoom>> {
    let groups = files.text("proc/self/cgroup")?;
    let mut rooms = Vec::new();
    for line in groups.lines() {
        // `4:memory:/path` of version 1, `0::/path` of version 2.
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(format!("/proc/self/cgroup says {}", super::shown(line)));
        };
        if controllers.split(',').any(|name| name == "memory") {
            collect(files, V1, path, &V1_NAMES, &mut rooms)?;
        } else if controllers.is_empty() {
            collect(files, V2, path, &V2_NAMES, &mut rooms)?;
        }
    }
    Ok(rooms.into_iter().min_by_key(|room| room.room_bytes))
}

/// Limits of a group and of those above it, up to the mount.
fn collect(
    files: &Files<'_>,
    mount: &str,
    path: &str,
    names: &Names,
    rooms: &mut Vec<CgroupRoom>,
) -> Reading<()> {
    let mut path = path.trim_matches('/');
    if path.split('/').any(|part| part == "..") {
        // A group outside the namespace's: only the mount's own can be looked at.
        path = "";
    }
    loop {
        let directory = if path.is_empty() { mount.to_owned() } else { format!("{mount}/{path}") };
        rooms.extend(room_of(files, &directory, names)?);
        match path.rsplit_once('/') {
            Some((above, _)) => path = above,
            None if path.is_empty() => return Ok(()),
            None => path = "",
        }
    }
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
}
