//! One machine's limits, seen from outside: descriptor tables, what a worker costs, source addresses, ports to the end of the range.
//!
//! Runs of the built binary against its mock server. What is changed of the machine is changed for the run alone: a limit of its
//! own, or a network namespace.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, Command};

use serde_json::Value;

use crate::common::processes::Guarded;
use crate::common::{
    Finished, Run, descriptor_tables, eventually, finish, number, results, sockets_in, startline, summary,
};
use crate::isolated::in_own_network;

/// The most that a worker may cost before it has a session.
const WORKER_BYTES_MAX: f64 = 256.0 * 1024.0;

#[test]
fn each_worker_has_a_descriptor_table_with_its_own_sockets_alone() {
    let temp = tempfile::tempdir().expect("a directory");
    let run = Run::small(60, &results(&temp)).with("workers", 3);
    let child = run.start();
    let mut seen = BTreeMap::new();
    eventually("20 sessions held by each worker", || {
        let tables = descriptor_tables(child.id());
        let workers: Vec<_> = (0..3).filter_map(|worker| tables.get(&format!("worker-{worker}"))).collect();
        let all_hold = workers.len() == 3 && workers.iter().all(|table| sockets_in(table).len() == 20);
        seen = tables;
        all_hold
    });
    // Counts are asserted here, not a verdict, which on a busy machine has latencies in it.
    finish(child);
    let mut everyone_s = Vec::new();
    for worker in 0..3 {
        let table = &seen[&format!("worker-{worker}")];
        let others: Vec<&String> = table.iter().filter(|link| !link.starts_with("socket:")).collect();
        assert_eq!(others.len(), 2, "an epoll and its timer, and no file of the run's: {others:?}");
        assert!(others.iter().all(|link| link.starts_with("anon_inode:")), "{others:?}");
        everyone_s.extend(sockets_in(table));
    }
    let control = &seen["startline"];
    assert!(control.iter().any(|link| link.ends_with("summary.json") || link.ends_with("timeline.csv")));
    assert!(
        everyone_s.iter().all(|socket| !control.contains(socket)),
        "the control thread has no session's socket"
    );
    everyone_s.sort_unstable();
    everyone_s.dedup();
    assert_eq!(everyone_s.len(), 60, "and no worker another's");
}

/// Under a limit that one table of the process could not hold the sessions with.
#[test]
fn workers_are_added_where_the_descriptor_limit_asks_for_it() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let finished = under_a_limit(&Run::small(1_000, &out), 300);
    let summary = summary(&out);
    assert_eq!(number(&summary, "/sessions/held_to_end"), 1_000.0);
    assert!(number(&summary, "/generator/workers") >= 5.0, "236 sessions each at most");
    assert!(
        finished.stderr.contains("each has a descriptor limit of its own"),
        "the plan says so: {}",
        finished.stderr
    );
}

#[test]
fn a_number_of_workers_that_cannot_hold_them_is_refused() {
    let temp = tempfile::tempdir().expect("a directory");
    let run = Run::small(1_000, &results(&temp)).with("workers", 2);
    let finished = under_a_limit(&run, 300);
    finished.assert_status(2);
    assert!(finished.stderr.contains("--workers 5"), "{}", finished.stderr);
}

/// Runs it with no more descriptors than these in each table.
fn under_a_limit(run: &Run, descriptors: libc::rlim_t) -> Finished {
    let mut command = run.command();
    limit(&mut command, descriptors);
    finish(command.spawn().expect("the binary starts"))
}

/// Gives it a hard limit of descriptors.
fn limit(command: &mut Command, descriptors: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: descriptors, rlim_max: descriptors };
    // SAFETY: setrlimit() is a plain system call (signal-safety(7) does not name it, but it takes no lock) that reads `limit`.
    unsafe {
        command.pre_exec(move || match libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
}

/// A million sessions may mean 51 of them.
#[test]
fn a_worker_costs_at_most_256_kib() {
    let temp = tempfile::tempdir().expect("a directory");
    let resident = |workers: u32| {
        let out = temp.path().join(workers.to_string());
        Run::small(66, &out).with("workers", workers).finish();
        number(&summary(&out), "/generator/rss_bytes_at_start")
    };
    let each = (resident(66) - resident(2)) / 64.0;
    assert!(each <= WORKER_BYTES_MAX, "{each:.0} bytes");
}

fn connections(summary: &Value) -> BTreeMap<String, u64> {
    serde_json::from_value(summary["generator"]["connections_by_source"].clone()).expect("counts by address")
}

/// Each session makes an HTTP connection and a WebSocket's, both from the same address.
#[test]
fn sessions_come_from_the_addresses_in_turn_whatever_gives_them_ports() {
    let temp = tempfile::tempdir().expect("a directory");
    for method in ["windows", "explicit", "kernel"] {
        let out = temp.path().join(method);
        let run = Run::small(40, &out).with("source-ip", "127.0.3.1-127.0.3.4").with("workers", 2);
        run.with("ports", method).finish();
        let summary = summary(&out);
        assert_eq!(summary["generator"]["port_method"], method);
        let counts = connections(&summary);
        assert_eq!(counts.keys().collect::<Vec<_>>(), ["127.0.3.1", "127.0.3.2", "127.0.3.3", "127.0.3.4"]);
        assert!(counts.values().all(|count| *count == 20), "{counts:?}");
    }
}

#[test]
fn what_is_no_address_of_this_box_is_refused_by_name_with_the_command_that_adds_it() {
    let finished = crate::common::run(&["run", "--sessions", "10", "--source-ip", "127.0.3.1,192.0.2.7"]);
    finished.assert_status(2);
    let finished = crate::common::run(&[
        "run",
        "--sessions",
        "10",
        "--source-ip",
        "127.0.3.1",
        "--source-ip",
        "192.0.2.7",
    ]);
    finished.assert_status(2);
    let said = &finished.stderr;
    assert!(said.contains("192.0.2.7") && said.contains("startline addresses add 192.0.2.7"), "{said}");
    let finished = crate::common::run(&["run", "--sessions", "10", "--source-ip", "fd00::1"]);
    finished.assert_status(2);
    assert!(finished.stderr.contains("127.0.0.1"), "of the target's other family: {}", finished.stderr);
}

#[test]
fn a_host_of_no_family_of_the_source_addresses_is_refused() {
    let target = ["run", "--target", "http://127.0.0.1:9", "--members", "13-20", "--challenge", "1"];
    let host =
        ["--allow-host", "ws6.example", "--resolve", "ws6.example:80:[::1]", "--source-ip", "127.0.3.1"];
    let finished = crate::common::run(&[&target[..], &host[..]].concat());
    finished.assert_status(2);
    assert!(finished.stderr.contains("the family of ws6.example (::1)"), "{}", finished.stderr);
}

/// In a network namespace: addresses of IPv6 that are there for the run alone, and a target that speaks it.
#[test]
fn ipv6_addresses_are_sources_as_well() {
    let temp = tempfile::tempdir().expect("a directory");
    let before = "for last in 1 2 3; do ip address add fd00:5::$last/128 dev lo nodad || exit 9; done";
    let options = ["--listen", "[::1]:8080", "--members", "13-52"];
    let run = [
        "--target",
        "http://[::1]:8080",
        "--source-ip",
        "fd00:5::1-fd00:5::3",
        "--sessions",
        "30",
        "--members",
        "13-42",
    ];
    for method in ["windows", "explicit"] {
        let out = temp.path().join(method);
        let mut run = run.to_vec();
        run.extend(["--ports", method, "--ramp", "1s", "--hold", "500ms", "--ramp-down", "0"]);
        let (_, summary) = in_own_network(&out, before, &options, &run);
        assert_eq!(number(&summary, "/sessions/held_to_end"), 30.0, "{:#}", summary["errors"]);
        assert_eq!(connections(&summary).values().copied().collect::<Vec<_>>(), [20, 20, 20]);
    }
}

/// At the kernel's defaults an address has 28,232 ports to a target. Sessions hold 26,500 of them, and their HTTP connections
/// pass through what is left: every port is used again and again, from either way of choosing them.
#[test]
fn a_range_of_ports_is_used_to_its_end() {
    let temp = tempfile::tempdir().expect("a directory");
    let options = ["--listen", "127.0.0.1:8080", "--members", "13-27012", "--no-broadcast", "--workers", "3"];
    let run = ["--target", "http://127.0.0.1:8080", "--sessions", "26500", "--members", "13-26512"];
    for method in ["windows", "explicit"] {
        let out = temp.path().join(method);
        let mut run = run.to_vec();
        run.extend(["--ports", method, "--source-ip", "127.0.0.9", "--ping-interval", "10m"]);
        run.extend(["--ramp", "20s", "--hold", "500ms", "--ramp-down", "2s"]);
        let (_, summary) = in_own_network(&out, "", &options, &run);
        assert_eq!(summary["errors"]["by_kind"], serde_json::json!({}), "{method}");
        assert_eq!(number(&summary, "/sessions/held_to_end"), 26_500.0);
        assert_eq!(connections(&summary)["127.0.0.9"], 53_000);
    }
}

/// Lines of a mock server's standard error under a limit, and where it listens.
#[track_caller]
fn stand_in_under_a_limit(
    descriptors: u64,
    more: &[&str],
) -> (Guarded, String, Lines<BufReader<ChildStderr>>) {
    let mut command = startline();
    command.args(["serve", "--listen", "127.0.0.1:0", "--announce-json", "--members", "13-412"]).args(more);
    limit(&mut command, descriptors);
    let mut process = Guarded::spawn(&mut command);
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().expect("piped")).read_line(&mut line).expect("an announcement");
    let announced: Value = serde_json::from_str(&line).expect("JSON");
    let said = BufReader::new(process.0.stderr.take().expect("piped")).lines();
    (process, announced["listening"].as_str().expect("an address").to_owned(), said)
}

#[test]
fn a_stand_in_without_a_descriptor_left_says_so() {
    let (_process, address, mut said) = stand_in_under_a_limit(120, &["--workers", "1"]);
    let warned = said.next().expect("a warning").expect("text");
    assert!(
        warned.starts_with("warning: 1 worker with 120 descriptors each has room for about "),
        "{warned}"
    );
    assert!(warned.contains("but there are 400 members: --workers "), "{warned}");
    let _connections: Vec<_> =
        (0..150).map(|_| TcpStream::connect(&address).expect("the kernel's queue has room")).collect();
    let told = said.next().expect("a warning").expect("text");
    let expected = "warning: connections wait, since they cannot be accepted: Too many open files";
    assert!(told.starts_with(expected) && told.contains("1 worker may have 120 descriptors"), "{told}");
}

#[test]
fn a_stand_in_has_workers_enough_for_its_members() {
    let (process, ..) = stand_in_under_a_limit(120, &[]);
    eventually("more workers than there are cores", || {
        let tables = descriptor_tables(process.0.id());
        tables.keys().filter(|name| name.starts_with("mock-")).count() > 8
    });
}
