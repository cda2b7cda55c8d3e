//! Readings of the kernel's files under a root directory: `/`, or a fixture in tests.
//!
//! Judges nothing. Invariant: a file that is missing, unreadable or garbage is an `Err` with the
//! reason, in that reading alone; nothing here fails as a whole.

mod cgroup;
mod local;
mod raising;
mod waiting;

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use crate::port_range::{self, PortRange};
use crate::time_wait::{TIME_WAIT, time_wait};
pub use local::{OwnNetworks, Owner};
pub use raising::Raising;
pub use waiting::{Fading, TimeWaits};

/// A kernel setting, and the value that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As `sysctl` spells it.
    pub key: &'static str,
    /// As it is written.
    pub value: String,
}

impl Setting {
    /// This value for this key.
    pub fn new(key: &'static str, value: impl std::fmt::Display) -> Self {
        Self { key, value: value.to_string() }
    }
}

/// A reading, or why there is none.
pub type Reading<T> = Result<T, String>;

/// Connections that the kernel tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conntrack {
    /// `net.netfilter.nf_conntrack_max`.
    pub max: u64,
    /// `net.netfilter.nf_conntrack_count`: tracked now.
    pub count: u64,
    /// Whether `max` can be written: it is the whole machine's, and only read in a network
    /// namespace.
    pub is_settable: bool,
    /// `net.netfilter.nf_conntrack_tcp_timeout_time_wait`: seconds that a closed one stays.
    pub time_wait_s: u64,
}

/// Room that a control group leaves, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CgroupRoom {
    /// The limit.
    pub limit_bytes: u64,
    /// … less what is used and cannot be taken back.
    pub room_bytes: u64,
}

/// Threads that a control group lets start, each of which the kernel counts as a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadRoom {
    /// The file that limits them.
    pub limit: String,
    /// Those that there are.
    pub running: u64,
    /// The limit less these.
    pub room: u64,
}

/// Time that CPUs had since the boot, in the kernel's ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuTime {
    /// All of it.
    pub total: u64,
    /// What the host gave to others while something here was ready to run.
    pub stolen: u64,
}

/// The kernel's thresholds of neighbour entries, and their defaults, which hold where a network namespace does not show them.
pub const NEIGHBOURS_DEFAULT: [(&str, u64); 4] = [
    ("net.ipv4.neigh.default.gc_thresh2", 512),
    ("net.ipv4.neigh.default.gc_thresh3", 1_024),
    ("net.ipv6.neigh.default.gc_thresh2", 512),
    ("net.ipv6.neigh.default.gc_thresh3", 1_024),
];

/// What the files say.
#[derive(Clone, Debug, PartialEq)]
pub struct System {
    /// `fs.nr_open`: no limit of descriptors can be higher.
    pub nr_open: Reading<u64>,
    /// Who may raise a limit of descriptors.
    pub raising: Reading<Raising>,
    /// `fs.file-max`: files open on the whole machine at most.
    pub file_max: Reading<u64>,
    /// Of these, taken now (`fs.file-nr`).
    pub files_open: Reading<u64>,
    /// `net.ipv4.ip_local_port_range`, both ends included.
    pub port_range: Reading<(u16, u16)>,
    /// `net.ipv4.ip_local_reserved_ports`: ranges that connect() leaves alone.
    pub reserved_ports: Reading<Vec<(u16, u16)>>,
    /// How to tell whether an address is this machine's.
    pub own_networks: OwnNetworks,
    /// `net.ipv4.tcp_tw_reuse`: 0 never, 1 always, 2 on loopback only.
    pub tw_reuse: Reading<u64>,
    /// `net.ipv4.tcp_timestamps`: 0 none, and then no port in TIME_WAIT is used again.
    pub timestamps: Reading<u64>,
    /// `net.ipv4.tcp_max_tw_buckets`: connections in TIME_WAIT at most.
    pub tw_buckets: Reading<u64>,
    /// `net.ipv4.tcp_mem`, the last number: pages of data that all TCP sockets may queue.
    pub tcp_mem_max_pages: Reading<u64>,
    /// Connections in TIME_WAIT now (`/proc/net/sockstat`).
    pub time_waits: Reading<u64>,
    /// Pages queued now (`/proc/net/sockstat`).
    pub tcp_mem_pages: Reading<u64>,
    /// `net.core.somaxconn`: connections that a listener lets wait, at most.
    pub somaxconn: Reading<u64>,
    /// `net.ipv4.tcp_max_syn_backlog`.
    pub syn_backlog: Reading<u64>,
    /// `net.ipv4.tcp_syncookies`: 0 never, and then SYNs beyond the backlog are refused.
    pub syncookies: Reading<u64>,
    /// Thresholds of neighbour entries, by [`NEIGHBOURS_DEFAULT`]'s keys.
    pub neighbours: [(&'static str, u64); 4],
    /// Connection tracking; `None` where the module is not loaded.
    pub conntrack: Reading<Option<Conntrack>>,
    /// `MemAvailable`, in bytes.
    pub memory_available: Reading<u64>,
    /// The control groups' tightest limit of memory; `None` where there is none.
    pub cgroup: Reading<Option<CgroupRoom>>,
    /// … and of threads.
    pub thread_room: Reading<Option<ThreadRoom>>,
    /// … and of CPU time, in cores.
    pub core_quota: Reading<Option<f64>>,
    /// `kernel.threads-max`: threads of the whole machine at most.
    pub threads_max: Reading<u64>,
    /// Of these, there now (`/proc/loadavg`).
    pub threads: Reading<u64>,
    /// CPU time since the boot.
    pub cpu_time: Reading<CpuTime>,
    /// Processes that ran or were ready to run, averaged over a minute.
    pub load_1m: Reading<f64>,
    /// Frequency governors, each name once.
    pub governors: Reading<Vec<String>>,
    /// The clock source in use.
    pub clock_source: Reading<String>,
    /// Those that could be.
    pub clock_sources: Reading<Vec<String>>,
}

impl System {
    /// Reads everything under this root.
    pub fn read(root: &Path) -> Self {
        let files = Files { root };
        let sysctl = |name: &str| files.number(&format!("proc/sys/{name}"));
        Self {
            nr_open: sysctl("fs/nr_open"),
            raising: Raising::read(&files),
            file_max: sysctl("fs/file-max"),
            files_open: files.nth_number("proc/sys/fs/file-nr", 0),
            port_range: files.parsed("proc/sys/net/ipv4/ip_local_port_range", port_range::parse_range),
            reserved_ports: files.parsed("proc/sys/net/ipv4/ip_local_reserved_ports", port_range::parse_list),
            own_networks: OwnNetworks::read(&files),
            tw_reuse: sysctl("net/ipv4/tcp_tw_reuse"),
            timestamps: sysctl("net/ipv4/tcp_timestamps"),
            tw_buckets: sysctl("net/ipv4/tcp_max_tw_buckets"),
            tcp_mem_max_pages: files.nth_number("proc/sys/net/ipv4/tcp_mem", 2),
            time_waits: files.parsed("proc/net/sockstat", |text| of_tcp(text, "tw")),
            tcp_mem_pages: files.parsed("proc/net/sockstat", |text| of_tcp(text, "mem")),
            somaxconn: sysctl("net/core/somaxconn"),
            syn_backlog: sysctl("net/ipv4/tcp_max_syn_backlog"),
            syncookies: sysctl("net/ipv4/tcp_syncookies"),
            neighbours: NEIGHBOURS_DEFAULT
                .map(|(key, default)| (key, sysctl(&key.replace('.', "/")).unwrap_or(default))),
            conntrack: files.conntrack(),
            memory_available: files.parsed("proc/meminfo", memory_available),
            cgroup: cgroup::room(&files),
            thread_room: cgroup::thread_room(&files),
            core_quota: cgroup::cores(&files),
            threads_max: sysctl("kernel/threads-max"),
            threads: files.parsed("proc/loadavg", threads),
            cpu_time: files.parsed("proc/stat", cpu_time),
            load_1m: files.parsed("proc/loadavg", load_1m),
            governors: files.governors(),
            clock_source: files.clock("current_clocksource").map(|names| names.concat()),
            clock_sources: files.clock("available_clocksource"),
        }
    }

    /// What the files would say with this setting written; `false` where no reading is of it.
    pub fn set(&mut self, setting: &Setting) -> bool {
        let number = setting.value.parse::<u64>().map_err(|error| error.to_string());
        let reading = match setting.key {
            "net.ipv4.ip_local_port_range" => {
                let range = port_range::parse_range(&setting.value);
                self.port_range = range.ok_or_else(|| setting.value.clone());
                return true;
            }
            "net.netfilter.nf_conntrack_max" => {
                if let (Ok(Some(tracked)), Ok(max)) = (&mut self.conntrack, number) {
                    tracked.max = max;
                }
                return true;
            }
            "fs.file-max" => &mut self.file_max,
            "fs.nr_open" => &mut self.nr_open,
            "kernel.threads-max" => &mut self.threads_max,
            "net.core.somaxconn" => &mut self.somaxconn,
            "net.ipv4.tcp_max_syn_backlog" => &mut self.syn_backlog,
            "net.ipv4.tcp_max_tw_buckets" => &mut self.tw_buckets,
            "net.ipv4.tcp_timestamps" => &mut self.timestamps,
            "net.ipv4.tcp_tw_reuse" => &mut self.tw_reuse,
            key => {
                let threshold = self.neighbours.iter_mut().find(|(name, _)| *name == key);
                return threshold.zip(number.ok()).map(|(threshold, most)| threshold.1 = most).is_some();
            }
        };
        *reading = number;
        true
    }

    /// How long a port is taken after its connection has closed; without the file, and without
    /// timestamps, nothing is reused.
    pub fn time_wait(&self, is_loopback: bool) -> Duration {
        if self.timestamps == Ok(0) {
            return TIME_WAIT;
        }
        let reuse = self.tw_reuse.as_ref().ok().and_then(|reuse| u8::try_from(*reuse).ok());
        time_wait(reuse.unwrap_or(0), is_loopback)
    }

    /// The connections in TIME_WAIT that hold a local port to one of these destinations, read under
    /// the same root. A destination without a port is any port of its address; those to which the
    /// kernel uses such ports again are left out. Where there are none at all, no line is read:
    /// millions take seconds.
    pub fn read_time_waits(&self, root: &Path, destinations: &[(IpAddr, Option<u16>)]) -> Reading<TimeWaits> {
        let is_held = |(ip, _): &&(IpAddr, Option<u16>)| self.time_wait(ip.is_loopback()) == TIME_WAIT;
        let destinations: Vec<_> = destinations.iter().filter(is_held).collect();
        if self.time_waits == Ok(0) || destinations.is_empty() {
            return Ok(TimeWaits::default());
        }
        let range = self.port_range.clone()?;
        // Without the file nothing is reserved.
        let reserved = self.reserved_ports.as_ref().map(Vec::as_slice).unwrap_or_default();
        let ports = PortRange::new(range, reserved);
        let is_local = |port| (range.0..=range.1).contains(&port) && !ports.is_reserved(port);
        let is_asked_for = |to: SocketAddr| {
            destinations.iter().any(|(ip, port)| *ip == to.ip() && port.is_none_or(|port| port == to.port()))
        };
        TimeWaits::read(&Files { root }, is_local, is_asked_for)
    }
}

/// Files under a root.
struct Files<'r> {
    root: &'r Path,
}

impl Files<'_> {
    fn text(&self, path: &str) -> Reading<String> {
        // Lossy, since garbage is the parser's to refuse.
        let bytes = fs::read(self.root.join(path)).map_err(|error| format!("/{path}: {error}"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn is_there(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    fn parsed<T>(&self, path: &str, parse: impl FnOnce(&str) -> Option<T>) -> Reading<T> {
        let text = self.text(path)?;
        parse(&text).ok_or_else(|| format!("/{path} says {}", shown(&text)))
    }

    fn number(&self, path: &str) -> Reading<u64> {
        self.parsed(path, |text| text.trim().parse().ok())
    }

    fn nth_number(&self, path: &str, index: usize) -> Reading<u64> {
        self.parsed(path, |text| text.split_whitespace().nth(index)?.parse().ok())
    }

    fn conntrack(&self) -> Reading<Option<Conntrack>> {
        let path = |name: &str| format!("proc/sys/net/netfilter/nf_conntrack_{name}");
        if !self.is_there(&path("max")) {
            return Ok(None);
        }
        let (max, count) = (self.number(&path("max"))?, self.number(&path("count"))?);
        let time_wait_s = self.number(&path("tcp_timeout_time_wait"))?;
        let mode = fs::metadata(self.root.join(path("max"))).map_err(|error| error.to_string())?;
        let is_settable = !mode.permissions().readonly();
        Ok(Some(Conntrack { max, count, is_settable, time_wait_s }))
    }

    fn governors(&self) -> Reading<Vec<String>> {
        const CPUS: &str = "sys/devices/system/cpu";
        let entries = fs::read_dir(self.root.join(CPUS)).map_err(|error| format!("/{CPUS}: {error}"))?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let is_cpu = |name: &String| {
            let number = name.strip_prefix("cpu").unwrap_or_default();
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        };
        let path = |name: String| format!("{CPUS}/{name}/cpufreq/scaling_governor");
        let texts = names.filter(is_cpu).filter_map(|name| self.text(&path(name)).ok());
        let mut governors: Vec<String> = texts.filter_map(|text| word(&text)).collect();
        governors.sort_unstable();
        governors.dedup();
        match governors.is_empty() {
            true => {
                Err("this machine shows none, as most virtual machines: the host's is what counts".to_owned())
            }
            false => Ok(governors),
        }
    }

    fn clock(&self, file: &str) -> Reading<Vec<String>> {
        let path = format!("sys/devices/system/clocksource/clocksource0/{file}");
        self.parsed(&path, |text| {
            let names: Option<Vec<String>> = text.split_whitespace().map(word).collect();
            names.filter(|names| !names.is_empty() && (file != "current_clocksource" || names.len() == 1))
        })
    }
}

/// Returns a file's text for a message: short, on one line.
fn shown(text: &str) -> String {
    let cut: String = text.trim().chars().take(40).collect();
    format!("{cut:?}")
}

/// A bare name.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (!text.is_empty() && text.len() <= 64 && text.chars().all(is_name)).then(|| text.to_owned())
}

/// `TCP: inuse 4 orphan 0 tw 2 alloc 4 mem 0`.
fn of_tcp(sockstat: &str, name: &str) -> Option<u64> {
    let line = sockstat.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    line.split_whitespace().skip_while(|word| *word != name).nth(1)?.parse().ok()
}

fn memory_available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The line of all CPUs: user, nice, system, idle, iowait, irq, softirq, steal; what follows is in
/// the first two already.
fn cpu_time(stat: &str) -> Option<CpuTime> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let times: Option<Vec<u64>> = line.split_whitespace().take(8).map(|time| time.parse().ok()).collect();
    let times = times.filter(|times| times.len() == 8)?;
    let total =
        times.iter().try_fold(0_u64, |sum, time| sum.checked_add(*time)).filter(|total| *total > 0)?;
    Some(CpuTime { total, stolen: times[7] })
}

fn load_1m(loadavg: &str) -> Option<f64> {
    let load: f64 = loadavg.split_whitespace().next()?.parse().ok()?;
    (load.is_finite() && load >= 0.0).then_some(load)
}

/// `2.26 1.27 0.55 4/104 7575`: of 104, four run or are ready to.
fn threads(loadavg: &str) -> Option<u64> {
    loadavg.split_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_files_are_read() {
        let sockstat = "sockets: used 18\nTCP: inuse 4 orphan 0 tw 2 alloc 4 mem 7\n";
        assert_eq!((of_tcp(sockstat, "mem"), of_tcp(sockstat, "tw")), (Some(7), Some(2)));
        assert_eq!(memory_available("MemTotal: 9 kB\nMemAvailable:   2048 kB\n"), Some(2 << 20));
        let time = cpu_time("cpu  10 0 10 60 0 0 0 20 5 5\ncpu0 1 2 3\n");
        assert_eq!(time, Some(CpuTime { total: 100, stolen: 20 }));
        let loadavg = "2.26 1.27 0.55 4/104 7575\n";
        assert_eq!((load_1m(loadavg), threads(loadavg)), (Some(2.26), Some(104)));
    }

    #[test]
    fn garbage_is_no_reading() {
        for text in [
            "",
            "\u{fffd}\u{fffd}",
            "cpu x",
            "cpu  1 2",
            "cpu 0 0 0 0 0 0 0 0",
            "TCP: mem",
            "MemAvailable: much",
        ] {
            assert_eq!(
                (cpu_time(text), of_tcp(text, "mem"), memory_available(text)),
                (None, None, None),
                "{text}"
            );
        }
        for text in ["NaN", "-1 0", "inf", "", "NaN 0 0 4/-1"] {
            assert_eq!((load_1m(text), threads(text)), (None, None), "{text}");
        }
        assert_eq!((word("tsc\n"), word("a b"), word("\u{1b}[2J")), (Some("tsc".to_owned()), None, None));
    }

    #[test]
    fn this_machine_can_be_read() {
        let system = System::read(Path::new("/"));
        assert!(system.port_range.is_ok_and(|range| range.0 < range.1));
        assert!(system.memory_available.is_ok_and(|bytes| bytes > 1 << 20));
        assert!(system.nr_open.is_ok() && system.file_max.is_ok() && system.files_open.is_ok());
        assert!(system.cpu_time.is_ok() && system.load_1m.is_ok());
    }

    #[test]
    fn an_empty_root_says_what_is_missing() {
        let root = tempfile::tempdir().expect("a directory");
        let system = System::read(root.path());
        assert_eq!(system.conntrack, Ok(None), "not loaded");
        let why = system.nr_open.expect_err("there is none");
        assert!(why.starts_with("/proc/sys/fs/nr_open: "), "{why}");
        assert!(system.governors.is_err() && system.clock_source.is_err() && system.cgroup.is_err());
    }
}
