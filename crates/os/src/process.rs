//! Reads this process and this machine from the kernel: memory, CPU time, the host.
//!
//! Readings are taken by the control thread once a second, never on the hot path. Linux only, like
//! everything that holds sockets here. Invariant: a figure that cannot be read is zero or empty,
//! never a failure: a run does not end because `/proc` is not mounted.

use std::collections::BTreeMap;
use std::fs;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The machine that a run was made on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Kernel release, as `uname -r`.
    pub kernel: String,
    /// The first processor's model name.
    pub cpu_model: String,
    /// Processors that this process may use (affinity and cgroup quota respected).
    pub cores: u64,
    /// Physical memory in bytes.
    pub memory_bytes: u64,
}

impl Host {
    /// Reads this machine.
    pub fn read() -> Self {
        Self {
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            cpu_model: cpu_model(&read("/proc/cpuinfo")),
            cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
            memory_bytes: memory_total(&read("/proc/meminfo")),
        }
    }
}

/// Resident memory of this process in bytes, counted page by page where the kernel does that
/// (`smaps_rollup`, proc_pid_smaps(5)): the running totals of `statm` may be off by some hundred
/// KiB, which is tens of bytes a session. Takes as long as there are pages. 0 if it cannot be read.
pub fn rss_bytes_exact() -> u64 {
    resident_kib(&read("/proc/self/smaps_rollup")).map_or_else(rss_bytes, |kib| kib * 1024)
}

/// Resident memory of this process in bytes, as the kernel's running totals have it; 0 if it cannot
/// be read.
pub fn rss_bytes() -> u64 {
    let pages = resident_pages(&read("/proc/self/statm"));
    pages * page_bytes()
}

/// CPU seconds that this process has used so far, user and system, all threads (clock_gettime(2)).
pub fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// CPU seconds that each thread of this process whose name begins so has used so far, user and
/// system, by the thread's id (proc_pid_stat(5)); in steps of a clock tick, 10 ms mostly.
pub fn cpu_seconds_of_threads(name_start: &str) -> BTreeMap<u64, f64> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let stats = tasks.map(|task| fs::read_to_string(task.path().join("stat")).unwrap_or_default());
    let per_s = rustix::param::clock_ticks_per_second() as f64;
    let used = |stat: String| thread_ticks(&stat, name_start).map(|(id, ticks)| (id, ticks as f64 / per_s));
    stats.filter_map(used).collect()
}

/// Returns the bytes of a page.
pub fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The id of a thread with such a name, and the clock ticks that it has used.
fn thread_ticks(stat: &str, name_start: &str) -> Option<(u64, u64)> {
    let (id, rest) = stat.split_once(" (")?;
    // A name may have brackets in it.
    let (name, rest) = rest.rsplit_once(") ")?;
    // State is field 3, user and system time are 14 and 15.
    let mut times = rest.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    Some((id.parse().ok()?, user + system)).filter(|_| name.starts_with(name_start))
}

fn resident_kib(smaps: &str) -> Option<u64> {
    let line = smaps.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn resident_pages(statm: &str) -> u64 {
    statm.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0)
}

/// `model name` on x86; ARM has none and says `CPU part`, which means nothing to a reader.
fn cpu_model(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or_else(String::new, |rest| rest.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}

fn memory_total(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_files_are_read() {
        assert_eq!(
            resident_kib("5581-7ffd ---p 00000000 00:00 0  [rollup]\nRss:    2076 kB\nPss: 1 kB\n"),
            Some(2076)
        );
        assert_eq!(resident_pages("1000 250 90 1 0 400 0\n"), 250);
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"), "Some CPU @ 2 GHz");
        assert_eq!(memory_total("MemTotal:       16303248 kB\nMemFree: 1 kB\n"), 16_303_248 * 1024);
    }

    #[test]
    fn threads_are_told_apart_by_name() {
        let stat = "42 (worker-1) x) R 1 2 3 4 -1 0 0 0 0 0 17 5 0 0 20 0 4 0\n";
        assert_eq!(thread_ticks(stat, "worker-"), Some((42, 22)));
        assert_eq!((thread_ticks(stat, "live"), thread_ticks("42 (worker", "")), (None, None));
        // The caller is a thread.
        assert!(!cpu_seconds_of_threads("").is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_zero() {
        assert_eq!(resident_kib(""), None);
        assert_eq!((resident_pages(""), memory_total("nothing"), cpu_model("")), (0, 0, String::new()));
        assert_eq!(read("/nonexistent/file"), "");
    }

    #[test]
    fn this_process_has_memory_and_uses_cpu() {
        assert!(rss_bytes() > 100_000 && rss_bytes_exact() > 100_000);
        let before = cpu_seconds();
        assert!(before >= 0.0 && cpu_seconds() >= before);
        assert!(Host::read().cores >= 1);
    }
}
