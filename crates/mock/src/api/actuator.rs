//! `/actuator/prometheus`: this server's own figures under the names that Spring Boot gives its.
//!
//! The page of both kinds of servers in one, as there is one port. What a real page has and this
//! server has not (a JVM: heap, garbage collection, threads) is left out, not made up; so is the pool
//! of connections to a database, unless a fault plays one. Invariant: every figure is measured when
//! the page is asked for.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use startline_os::descriptors::limits;
use startline_os::process;

use super::Call;
use super::reply::Reply;
use crate::injection::Count;
use crate::shared::Shared;
use crate::timings::{Row, Timing, Timings};

/// Where it is.
pub(super) const PATH: &str = "/actuator/prometheus";
/// Connections of the pool that a fault plays: the real servers'.
const POOL: u32 = 10;
const POOL_LABELS: &str = "pool=\"RunnityHikariPool\"";

/// The page.
pub(super) fn page(call: &Call<'_>) -> Reply {
    let mut page = Page::default();
    requests(&mut page, &Timings::of(&call.shared.timings));
    errors(&mut page, call.shared);
    if call.shared.plays_pool() {
        pool(&mut page, call.shared);
    }
    of_process(&mut page, call.shared);
    Reply::metrics(page.text)
}

/// The text that Prometheus reads, version 0.0.4.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = match labels {
            "" => writeln!(self.text, "{name} {value}"),
            _ => writeln!(self.text, "{name}{{{labels}}} {value}"),
        };
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, "", value);
    }
}

fn requests(page: &mut Page, rows: &BTreeMap<Row, Timing>) {
    if rows.is_empty() {
        return;
    }
    let labels = |row: &Row| {
        let Row { method, status, uri } = row;
        let outcome = outcome(*status);
        format!(
            "error=\"none\",exception=\"none\",method=\"{method}\",outcome=\"{outcome}\",status=\"{status}\",uri=\"{uri}\""
        )
    };
    page.family("http_server_requests_seconds", "summary", "");
    for (row, timing) in rows {
        page.sample("http_server_requests_seconds_count", &labels(row), timing.count);
        page.sample("http_server_requests_seconds_sum", &labels(row), timing.sum.as_secs_f64());
    }
    page.family("http_server_requests_seconds_max", "gauge", "");
    for (row, timing) in rows {
        page.sample("http_server_requests_seconds_max", &labels(row), timing.max().as_secs_f64());
    }
}

fn outcome(status: u16) -> &'static str {
    match status {
        100..=199 => "INFORMATIONAL",
        200..=299 => "SUCCESS",
        300..=399 => "REDIRECTION",
        400..=499 => "CLIENT_ERROR",
        _ => "SERVER_ERROR",
    }
}

/// The real servers log an error for each broadcast that they cut, and for each wait for the pool
/// that was in vain.
fn errors(page: &mut Page, shared: &Shared) {
    let cut = shared.injected.of(Count::BroadcastCut);
    let logged = cut + shared.pool_timeouts.load(Relaxed);
    page.family(
        "logback_events_total",
        "counter",
        "Number of log events that were enabled by the effective log level",
    );
    page.sample("logback_events_total", "level=\"error\"", logged);
}

/// As a pool whose every connection is lent for as long as somebody waits.
fn pool(page: &mut Page, shared: &Shared) {
    let pending = shared.pool_pending.load(Relaxed);
    let active = if pending > 0 { POOL } else { 0 };
    for (name, help, value) in [
        ("hikaricp_connections", "Total connections", POOL as usize),
        ("hikaricp_connections_active", "Active connections", active as usize),
        ("hikaricp_connections_idle", "Idle connections", (POOL - active) as usize),
        ("hikaricp_connections_max", "Max connections", POOL as usize),
        ("hikaricp_connections_min", "Min connections", POOL as usize),
        ("hikaricp_connections_pending", "Pending threads", pending),
    ] {
        page.family(name, "gauge", help);
        page.sample(name, POOL_LABELS, value);
    }
    page.family("hikaricp_connections_timeout_total", "counter", "Connection timeout total count");
    page.sample("hikaricp_connections_timeout_total", POOL_LABELS, shared.pool_timeouts.load(Relaxed));
}

fn of_process(page: &mut Page, shared: &Shared) {
    let (soft, _) = limits();
    let cpu_ns = (process::cpu_seconds() * 1e9) as u64;
    page.one("process_cpu_time_ns_total", "counter", "The \"cpu time\" used by the process", cpu_ns);
    page.one("process_cpu_usage", "gauge", "The \"recent cpu usage\" for the process", shared.cpu.share());
    page.one("process_files_max_files", "gauge", "The maximum file descriptor count", soft);
    page.one("process_files_open_files", "gauge", "The open file descriptor count", open_files(shared));
    let started = shared.clock.started_unix_ms() as f64 / 1000.0;
    page.one("process_start_time_seconds", "gauge", "Start time of the process since unix epoch.", started);
    let uptime = shared.clock.elapsed().as_secs_f64();
    page.one("process_uptime_seconds", "gauge", "The uptime of the process", uptime);
    let cores = shared.cpu.cores;
    page.one("system_cpu_count", "gauge", "The number of processors available to the process", cores);
}

/// Descriptors in this process's table and in those of its workers.
fn open_files(shared: &Shared) -> u64 {
    let threads = shared.tables.iter().filter_map(|thread| thread.get());
    let workers = threads.map(|thread| descriptors(&Path::new("/proc").join(thread).join("fd")));
    descriptors(Path::new("/proc/self/fd")) + workers.sum::<u64>()
}

/// From kernel 6.2 on the directory's size is their number; before, they are counted.
fn descriptors(directory: &Path) -> u64 {
    let size = fs::metadata(directory).map_or(0, |it| it.size());
    if size > 0 { size } else { fs::read_dir(directory).map_or(0, |entries| entries.count() as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_counted() {
        let own = Path::new("/proc/self/fd");
        let before = descriptors(own);
        let files: Vec<_> = (0..100).map(|_| fs::File::open("/proc/self/stat").expect("a file")).collect();
        let now = descriptors(own);
        // Other tests of this process open and close some, too.
        assert!(before > 2 && now + 50 > before + files.len() as u64, "{before}, then {now}");
        assert_eq!(descriptors(Path::new("/nowhere")), 0);
    }
}
