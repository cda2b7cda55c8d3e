//! Checks against fixture trees (`tests/fixtures/doctor`) and readings that are made up.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use startline_os::features::Features;
use startline_os::system::{Conntrack, Owner, Raising, System, TimeWaits};

use super::need::{HttpConnections, Mock};
use super::readings::{Found, Route, SocketBytes, Trials};
use super::*;
use crate::checks::Page;
use crate::measure::observing_bytes;
use crate::plan::Observers;
use crate::plan::beside::Beside;
use crate::plan::capacity::fullest_share;
use crate::plan::drops::{Drop, Storms};
use crate::plan::load::{Load, Shape};

mod cpu;
mod lingering;
mod ports;
mod routes;
mod threads;
mod turnover;

const FIXTURES: [&str; 7] =
    ["default", "tuned", "container", "garbage", "conntrack-full", "powersave", "slow-clock"];

fn features() -> Features {
    Features {
        private_tables: Ok(()),
        bind_no_port: Ok(()),
        port_windows: Ok(()),
        reuse_port: Ok(()),
        ipv6: Ok(()),
        timerfd: Ok(()),
    }
}

/// A fixture's files on a machine with two cores on which everything works.
fn readings(fixture: &str) -> Readings {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/doctor").join(fixture);
    assert!(root.is_dir(), "{} is missing", root.display());
    let trials = Trials {
        descriptors: Ok((1_024, 1 << 20)),
        threads_of_user: Ok(None),
        address_space_bytes: None,
        is_root: false,
        cores: 2,
        page_bytes: 4_096,
        features: features(),
        sources: Vec::new(),
        targets: Vec::new(),
        routes: Vec::new(),
        socket_bytes: SocketBytes::Measured(4_000),
    };
    Readings { system: System::read(&root), time_waits: Ok(TimeWaits::default()), trials }
}

/// The guide's kind of run against one server elsewhere.
fn need(sessions: u32, ramp_s: u64) -> Need {
    Need {
        sessions,
        workers: 2,
        workers_max: 64,
        workers_given: true,
        table_per_worker: false,
        ramp: Duration::from_secs(ramp_s),
        turnover: None,
        shape: None,
        rest: Duration::from_secs(31),
        close_timeout: Duration::from_secs(5),
        hold: Duration::from_secs(1_800),
        ramp_down: Duration::from_secs(240),
        http: HttpConnections::PerSession,
        beside: Beside::default(),
        storms: Storms::default(),
        session_bytes: 77,
        targets: vec!["10.0.0.1:8080".parse().expect("an address")],
        others: Vec::new(),
        sources: Vec::new(),
        ports: None,
        mock: None,
        observers_bytes: 9_000_000,
        counts_updates: false,
        members_return: false,
        observers: None,
        load: None,
    }
}

/// Sessions that are cut and come back, each with this number of HTTP connections.
fn storms(drops: &[&str], (sessions, requests_each): (u32, u64)) -> Storms {
    let drops: Vec<Drop> = drops.iter().map(|it| it.parse().expect("a drop")).collect();
    Storms::of(&drops, sessions, requests_each)
}

/// The same against the mock server.
fn on_this_box(sessions: u32, ramp_s: u64) -> Need {
    Need {
        targets: vec!["127.0.0.1:0".parse().expect("an address")],
        mock: Some(Mock { workers: 2, tls: false }),
        ..need(sessions, ramp_s)
    }
}

#[track_caller]
fn check(id: &str, need: &Need, readings: &Readings) -> Check {
    let report = examine(need, readings);
    report.checks.into_iter().find(|check| check.id == id).unwrap_or_else(|| panic!("no check {id}"))
}

fn commands(check: &Check) -> Vec<&str> {
    check.fixes.iter().filter_map(|fix| fix.command.as_deref()).collect()
}

#[track_caller]
fn assert_unknown(id: &str, readings: &Readings, says: &str) {
    let check = check(id, &need(6_000, 240), readings);
    assert_eq!(check.verdict, Verdict::Unknown, "{check:#?}");
    let why = check.why.unwrap_or_default();
    assert!(why.contains(says), "{id}: {why}");
}

#[test]
fn the_guide_s_run_fits_a_default_box() {
    for need in [need(6_000, 240), on_this_box(6_000, 60)] {
        let report = examine(&need, &readings("default"));
        let others: Vec<&Check> = report.checks.iter().filter(|check| check.verdict != Verdict::Ok).collect();
        assert!(others.is_empty(), "{others:#?}");
        assert_eq!(report.verdict, Verdict::Ok);
    }
}

#[test]
fn a_tuned_box_bears_a_million_from_seventeen_addresses() {
    let mut readings = readings("tuned");
    let sources: Vec<IpAddr> = (1..=17_u8).map(|last| IpAddr::from([10, 0, 0, last])).collect();
    readings.trials.sources = sources.iter().map(|source| (*source, Owner::ThisMachine)).collect();
    readings.trials.descriptors = Ok((20_000, 20_000));
    let need = Need { sources, table_per_worker: true, workers: 51, ..need(1_000_000, 1_000) };
    let report = examine(&need, &readings);
    assert_eq!(report.verdict, Verdict::Ok, "{report:#?}");
    let ports = check("ports", &need, &readings);
    // 64,512 less 11 reserved ones, for each of 17.
    assert_eq!(ports.reading.value, Some(17 * (64_512 - 11)));
    assert_eq!(ports.need.value, Some(1_001_000), "tcp_tw_reuse is 1: a second's worth waits");
    let conntrack = check("conntrack", &need, &readings);
    assert_eq!(conntrack.need.value, Some(1_120_000), "those of the last two minutes are tracked still");
}

#[test]
fn every_check_of_every_box_is_whole() {
    let mut extreme = readings("default");
    extreme.system.conntrack =
        Ok(Some(Conntrack { max: u64::MAX, count: u64::MAX, is_settable: true, time_wait_s: u64::MAX }));
    extreme.system.tcp_mem_pages = Ok(u64::MAX);
    extreme.system.files_open = Ok(u64::MAX);
    extreme.trials.descriptors = Ok((0, 0));
    extreme.system.port_range = Ok((1, 1));
    let boxes = FIXTURES.map(readings).into_iter().chain([extreme]);
    let plain = |sessions: u32| {
        let load = Load::predict(&Shape::of_ramp(&[sessions.into()], Duration::ZERO, Duration::ZERO));
        Need { load: Some(load), ..need(sessions, 0) }
    };
    for readings in boxes {
        for sessions in [1, 6_000, u32::MAX] {
            for need in [plain(sessions), on_this_box(sessions, 60)] {
                let report = examine(&need, &readings);
                let ids: HashSet<&str> = report.checks.iter().map(|check| check.id).collect();
                assert_eq!(ids.len(), report.checks.len(), "ids are unique");
                for check in &report.checks {
                    assert_eq!(check.verdict == Verdict::Ok, check.why.is_none(), "{check:#?}");
                    assert!(
                        check.id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')),
                        "{}",
                        check.id
                    );
                    let has_fix = !check.fixes.is_empty() || check.id == BROADCAST_LOAD;
                    let asks = matches!(check.verdict, Verdict::Warn | Verdict::Refuse);
                    assert!(!asks || has_fix, "nothing mends {check:#?}");
                }
            }
        }
    }
}

#[test]
fn garbage_is_unknown_and_stops_nobody() {
    let readings = readings("garbage");
    let report = examine(&need(6_000, 240), &readings);
    assert_eq!(report.with(Verdict::Refuse).count() + report.with(Verdict::Warn).count(), 0, "{report:#?}");
    assert_unknown("nr-open", &readings, "/proc/sys/fs/nr_open says \"-1\"");
    assert_unknown("ports", &readings, "60999 32768");
    assert_unknown("file-max", &readings, "/proc/sys/fs/file-");
    assert_unknown("memory", &readings, "99999999999999999999");
    assert_unknown("tcp-memory", &readings, "tcp_mem says \"1 2\"");
    assert_unknown("cpu-load", &readings, "NaN");
    assert_unknown("cpu-steal", &readings, "/proc/stat says");
    assert_unknown("conntrack", &readings, "nf_conntrack_max");
    assert_unknown("clock-source", &readings, "current_clocksource says \"\"");
    assert!(report.checks.iter().all(|check| !check.why.as_deref().unwrap_or_default().contains('\u{1b}')));
}

#[test]
fn a_container_s_missing_files_are_unknown_and_its_memory_limit_counts() {
    let readings = readings("container");
    assert_unknown("nr-open", &readings, "/proc/sys/fs/nr_open: No such file");
    assert_unknown("cpu-governor", &readings, "/sys/devices/system/cpu");
    let memory = check("memory", &need(6_000, 240), &readings);
    assert_eq!(memory.reading.value, Some(268_435_456 - (100_000_000 - 20_000_000)));
    assert_eq!(memory.reading.text, "189 MB left by the control group");
    assert_eq!(memory.verdict, Verdict::Ok);
    let more = check("memory", &on_this_box(16_000, 240), &readings);
    assert_eq!(more.verdict, Verdict::Warn, "{more:#?}");
    let most = check("memory", &on_this_box(60_000, 240), &readings);
    assert_eq!(most.verdict, Verdict::Refuse);
    assert!(most.fixes[0].text.contains("plan fewer sessions: "), "{most:#?}");
}

#[test]
fn memory_is_made_of_its_parts() {
    let mock = Need { mock: Some(Mock { workers: 2, tls: true }), ..on_this_box(10_000, 240) };
    let memory = check("memory", &mock, &readings("default"));
    let kernel = 2 * 10_000 * 4_000;
    let client = 11_000_000 + 2 * 262_144 + 10_000 * 77 + 9_000_000;
    assert_eq!(memory.need.value, Some(kernel + client + 8_500_000 + 10_000 * (560 + 6_100)));
    let mut stated = readings("default");
    stated.trials.socket_bytes = SocketBytes::Stated("could not be measured: too noisy".into());
    let memory = check("memory", &need(10_000, 240), &stated);
    assert!(
        memory.need.text.contains("4,000 bytes in the kernel, an estimate (could not be"),
        "{}",
        memory.need.text
    );
    assert!(!memory::is_measuring_worthwhile(&need(6_000, 240), &stated));
    assert!(memory::is_measuring_worthwhile(&need(1_000_000, 240), &stated), "4 GB of 14");
}

/// What is there whatever the number of sessions counts, at both ends, and a ledger of all is
/// larger than one of a sample.
#[test]
fn as_many_sessions_as_are_proposed_do_fit() {
    let mut readings = readings("default");
    for megabytes in [60, 120, 250, 900] {
        readings.system.memory_available = Ok(megabytes * 1_000_000);
        let plan = |sessions| Need {
            observers_bytes: observing_bytes(sessions, Observers::among(None, sessions), 2, (false, false)),
            ..on_this_box(sessions, 240)
        };
        let refused = check("memory", &plan(400_000), &readings);
        assert_eq!(refused.verdict, Verdict::Refuse, "{refused:#?}");
        let text = &refused.fixes[0].text;
        let fitting = text.split(' ').nth(3).expect("a number").replace(',', "");
        let fitting: u32 = fitting.parse().unwrap_or_else(|_| panic!("{text}"));
        assert_eq!(check("memory", &plan(fitting), &readings).verdict, Verdict::Ok, "{megabytes} MB: {text}");
        assert_ne!(check("memory", &plan(fitting + 1_000), &readings).verdict, Verdict::Ok, "{text}");
    }
    readings.system.memory_available = Ok(20_000_000);
    let refused = check("memory", &on_this_box(400_000, 240), &readings);
    assert_eq!(refused.fixes[0].text, "plan fewer sessions");
}

#[test]
fn a_process_s_addresses_are_bounded_too() {
    let mut readings = readings("default");
    readings.trials.address_space_bytes = Some(20_000_000);
    let refused = check("memory", &on_this_box(6_000, 240), &readings);
    assert_eq!((refused.verdict, commands(&refused)), (Verdict::Refuse, vec!["ulimit -Sv unlimited"]));
    // 11 MB, two workers with a stack each, the sessions and the ledger.
    let why = "a process needs at least 26 MB of address space, and may have 20 MB (ulimit -v)";
    assert_eq!(refused.why.as_deref(), Some(why));
    readings.trials.address_space_bytes = Some(30_000_000);
    assert_eq!(check("memory", &on_this_box(6_000, 240), &readings).verdict, Verdict::Ok);
}

#[test]
fn too_few_descriptors_say_how_many_and_how() {
    let mut readings = readings("default");
    readings.trials.descriptors = Ok((1_024, 4_096));
    let check = check("descriptors", &need(6_000, 240), &readings);
    assert_eq!(check.verdict, Verdict::Refuse);
    assert_eq!(
        check.why.as_deref(),
        Some(
            "the plan needs 6,064 descriptors (6,000 sessions, and 64 for itself) and the hard limit is 4,096"
        )
    );
    assert_eq!(check.reading.text, "4,096 (soft 1,024, raised by startline)");
    assert_eq!(commands(&check), ["sudo prlimit --pid $$ --nofile=6064:6064"]);
    assert!(check.fixes[0].needs_root);
    assert!(check.fixes[0].text.contains("\"* hard nofile 6064\" in /etc/security/limits.conf"));
    let fix = |raising| {
        let mut readings = readings.clone();
        readings.system.raising = Ok(raising);
        self::check("descriptors", &need(6_000, 240), &readings).fixes.remove(0)
    };
    let of_root = fix(Raising::ByThisUser);
    assert_eq!(of_root.command.as_deref(), Some("prlimit --pid $$ --nofile=6064:6064"));
    assert!(of_root.text.contains("\"root hard nofile 6064\""), "{}", of_root.text);
    let from_outside = fix(Raising::FromOutside);
    assert_eq!((from_outside.command, from_outside.needs_root), (None, false));
    assert!(from_outside.text.contains("--ulimit nofile=6064:6064"), "{}", from_outside.text);
}

#[test]
fn workers_with_tables_of_their_own_share_the_sessions_out() {
    let mut readings = readings("default");
    readings.trials.descriptors = Ok((4_096, 4_096));
    let tables = Need { table_per_worker: true, ..need(6_000, 240) };
    assert_eq!(check("descriptors", &tables, &readings).need.value, Some(3_064));
    let more = Need { sessions: 60_000, ..tables.clone() };
    let refused = check("descriptors", &more, &readings);
    assert_eq!(
        commands(&refused),
        ["--workers 15", "sudo prlimit --pid $$ --nofile=30064:30064"],
        "4,032 in each"
    );
    let too_many = Need { sessions: 6_000_000, ..tables.clone() };
    let beyond = check("descriptors", &too_many, &readings);
    assert_eq!(commands(&beyond), ["sudo prlimit --pid $$ --nofile=3000064:3000064"]);
    let why = beyond.why.as_deref().unwrap_or_default();
    assert!(why.ends_with("4,096: it would take 1,489 workers, and a run has at most 64"), "{why}");
    readings.trials.features.private_tables = Err("Operation not permitted".into());
    assert_eq!(check("descriptors", &tables, &readings).need.value, Some(6_064), "one table for all");
    let feature = check("private-descriptor-tables", &tables, &readings);
    assert_eq!(feature.verdict, Verdict::Warn);
    assert!(feature.reading.text.contains("Operation not permitted"));
}

#[test]
fn the_mock_s_fullest_table_counts() {
    let readings = readings("default");
    let need = Need { table_per_worker: true, ..on_this_box(10_000, 240) };
    assert_eq!(check("descriptors", &need, &readings).need.value, Some(fullest_share(10_000, 2) + 64));
    let alone = Need { mock: Some(Mock { workers: 1, tls: false }), ..need };
    assert_eq!(check("descriptors", &alone, &readings).need.value, Some(fullest_share(10_000, 1) + 64));
}

#[test]
fn limits_of_the_whole_box_name_their_value() {
    let mut readings = readings("default");
    readings.system.file_max = Ok(10_000);
    let files = check("file-max", &on_this_box(6_000, 240), &readings);
    assert_eq!(files.verdict, Verdict::Refuse);
    // 2,176 are open; 12,000 for both ends, and 64 for each of the tables: one of the client's, two
    // of the mock server's.
    let needed = 2_176 + 12_000 + 3 * 64;
    assert_eq!(commands(&files)[0], format!("sysctl -w fs.file-max={needed}"));
    assert_eq!(
        commands(&files)[1],
        "startline tune apply --sessions 6000 --sources 1 --targets 1 --ramp 4m --workers 2 --mock"
    );
    readings.trials.is_root = true;
    let exceeded = check("file-max", &on_this_box(6_000, 240), &readings);
    assert_eq!(exceeded.verdict, Verdict::Warn, "root may");
    assert_eq!(commands(&exceeded), commands(&files));
    let nr_open = check("nr-open", &need(2_000_000, 240), &readings);
    assert_eq!(
        (nr_open.verdict, commands(&nr_open)),
        (Verdict::Refuse, vec!["sysctl -w fs.nr_open=2000064"])
    );
}

#[test]
fn a_conntrack_table_that_is_nearly_full_is_refused() {
    let mut readings = readings("conntrack-full");
    let full = check("conntrack", &need(6_000, 240), &readings);
    assert_eq!(full.verdict, Verdict::Refuse);
    assert_eq!(full.reading.text, "4,336 of 65,536 free");
    // 6,000 sessions and 3,000 HTTP connections of the last two minutes, on top of what is there.
    assert_eq!(commands(&full)[0], "sysctl -w net.netfilter.nf_conntrack_max=70200");
    let unused = Conntrack { max: 4_336, count: 0, is_settable: true, time_wait_s: 120 };
    readings.system.conntrack = Ok(Some(unused));
    let of_unused = check("conntrack", &need(6_000, 240), &readings);
    assert_eq!((of_unused.verdict, of_unused.reading.text.as_str()), (Verdict::Ok, "nothing is tracked"));
    readings.system.conntrack = Ok(Some(Conntrack { count: 1, is_settable: false, ..unused }));
    let of_namespace = check("conntrack", &need(6_000, 240), &readings);
    assert_eq!((of_namespace.verdict, commands(&of_namespace).len()), (Verdict::Refuse, 0));
    let said = &of_namespace.fixes[0].text;
    assert!(said.ends_with("on the host, as root, sysctl -w net.netfilter.nf_conntrack_max=9001"), "{said}");
    assert_eq!(check("conntrack", &need(6_000, 240), &self::readings("default")).reading.text, "not loaded");
}

#[test]
fn a_backlog_is_judged_where_the_target_is_here() {
    let mut readings = readings("default");
    readings.system.somaxconn = Ok(128);
    assert_eq!(check("backlog", &need(6_000, 10), &readings).verdict, Verdict::Ok, "the target's own affair");
    let mock = check("backlog", &on_this_box(6_000, 10), &readings);
    assert_eq!((mock.verdict, mock.need.value), (Verdict::Warn, Some(1_200)));
    assert_eq!(
        commands(&mock),
        [
            "sysctl -w net.core.somaxconn=600",
            "startline tune apply --sessions 6000 --sources 1 --targets 1 --ramp 10s --workers 2 --mock",
            "--ramp 47s"
        ]
    );
    let target = IpAddr::from([10, 0, 0, 1]);
    readings.trials.targets = vec![(target, Owner::Unclear("no routes".into()))];
    let unclear = check("backlog", &need(6_000, 10), &readings);
    assert_eq!((unclear.verdict, commands(&unclear)), (Verdict::Warn, vec!["ip route get 10.0.0.1"]));
    readings.trials.targets = vec![(target, Owner::ThisMachine)];
    let server = check("backlog", &need(6_000, 10), &readings);
    let tune = "startline tune apply --sessions 6000 --sources 1 --targets 1 --ramp 10s --workers 2 --server --no-loopback";
    assert_eq!(commands(&server)[..2], ["sysctl -w net.core.somaxconn=1200", tune]);
}

#[test]
fn broadcasts_to_everybody_need_a_page_each() {
    let shape = |members| Shape::of_ramp(&[members], Duration::from_secs(400), Duration::from_secs(400));
    let need = Need { load: Some(Load::predict(&shape(400_000))), ..need(400_000, 400) };
    let readings = readings("default");
    let memory = check("tcp-memory", &need, &readings);
    assert_eq!(memory.verdict, Verdict::Warn);
    assert_eq!(commands(&memory)[0], "sysctl -w net.ipv4.tcp_mem=\"200001 300000 400002\"");
    let broadcast = check(BROADCAST_LOAD, &need, &readings);
    assert_eq!(broadcast.verdict, Verdict::Warn);
    let silent = examine(&Need { load: None, ..need.clone() }, &readings);
    assert!(!silent.checks.iter().any(|check| check.id == BROADCAST_LOAD), "nothing is broadcast");
    assert!(broadcast.why.as_deref().is_some_and(|why| why.contains("more deliveries than 2 cores")));
    let beyond = Need { load: Some(Load::predict(&shape(2_000_000))), ..need };
    assert_eq!(check(BROADCAST_LOAD, &beyond, &readings).verdict, Verdict::Warn, "the target's own doing");
    let of_mock = Need { mock: Some(Mock { workers: 2, tls: false }), ..beyond };
    let refused = check(BROADCAST_LOAD, &of_mock, &readings);
    assert_eq!(refused.verdict, Verdict::Refuse);
    assert!(
        refused.why.is_some_and(|why| why.contains("no machine takes") && why.contains("--no-broadcast"))
    );
}

#[test]
fn every_fixture_s_table_fits_eighty_columns() {
    for fixture in FIXTURES {
        let page = text::table(&examine(&on_this_box(1_000_000, 60), &readings(fixture)), Page::PLAIN);
        for line in page.lines().filter(|line| !line.trim_start().starts_with("→ ")) {
            assert!(line.chars().count() <= 80, "{fixture}: {line}");
        }
    }
}
