//! `startline tune show | apply`: which settings a plan changes, and which it must not.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::ran::{ended, in_own_network};
use crate::common::Finished;

/// A machine made of files.
pub struct Tree {
    directory: TempDir,
}

/// A machine as the kernel sets it up, with 1,024 files open and no connection tracked.
const USUAL: [(&str, &str); 14] = [
    ("net.ipv4.ip_local_port_range", "32768\t60999\n"),
    ("net.ipv4.tcp_tw_reuse", "2\n"),
    ("net.ipv4.tcp_timestamps", "1\n"),
    ("net.ipv4.tcp_syncookies", "1\n"),
    ("net.ipv4.tcp_max_syn_backlog", "2048\n"),
    ("net.ipv4.neigh.default.gc_thresh2", "512\n"),
    ("net.ipv4.neigh.default.gc_thresh3", "1024\n"),
    ("net.ipv6.neigh.default.gc_thresh2", "512\n"),
    ("net.ipv6.neigh.default.gc_thresh3", "1024\n"),
    ("net.core.somaxconn", "4096\n"),
    ("net.netfilter.nf_conntrack_count", "0\n"),
    ("net.netfilter.nf_conntrack_max", "65536\n"),
    ("net.netfilter.nf_conntrack_tcp_timeout_time_wait", "120\n"),
    ("fs.file-max", "9223372036854775807\n"),
];

impl Tree {
    pub fn usual() -> Self {
        let tree = Self { directory: tempfile::tempdir().expect("a directory") };
        for (key, value) in USUAL {
            tree.set(key, value);
        }
        tree.set("fs.file-nr", "1024\t0\t9223372036854775807\n");
        tree
    }

    pub fn path(&self, key: &str) -> PathBuf {
        self.directory.path().join("proc/sys").join(key.replace('.', "/"))
    }

    pub fn set(&self, key: &str, value: &str) {
        let path = self.path(key);
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs::write(path, value).expect("written");
    }

    pub fn get(&self, key: &str) -> String {
        fs::read_to_string(self.path(key)).expect("a setting")
    }

    pub fn state(&self) -> PathBuf {
        self.directory.path().join("var/tune.saved")
    }

    pub fn conf(&self) -> PathBuf {
        self.directory.path().join("etc/90-startline.conf")
    }

    /// The program with the tree's state, without words yet.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_startline"));
        command.env("STARTLINE_TUNE_STATE", self.state()).env("STARTLINE_TUNE_CONF", self.conf());
        command.env("ROOT", self.directory.path());
        command
    }

    /// Runs `startline tune` with these words.
    #[track_caller]
    pub fn tune(&self, words: &str) -> Finished {
        let mut command = self.command();
        command.arg("tune").args(words.split_whitespace()).arg("--root").arg(self.directory.path());
        ended(command)
    }

    /// What differs from the usual machine.
    pub fn changed(&self) -> Vec<(&'static str, String)> {
        let now = USUAL
            .iter()
            .filter(|(key, _)| self.path(key).exists())
            .map(|(key, was)| (*key, *was, self.get(key)));
        now.filter(|(_, was, now)| was != now).map(|(key, _, now)| (key, now)).collect()
    }
}

/// What `apply` with this plan leaves changed of the usual machine.
#[track_caller]
fn applied(plan: &str) -> Vec<(&'static str, String)> {
    let tree = Tree::usual();
    tree.tune(&format!("apply {plan}")).assert_status(0);
    tree.changed()
}

const PORTS: &str = "net.ipv4.ip_local_port_range";

#[test]
fn a_box_that_suffices_is_left_alone() {
    let tree = Tree::usual();
    let finished = tree.tune("apply");
    finished.assert_status(0);
    assert!(finished.stdout.contains("nothing was changed"), "{}", finished.stdout);
    assert!(tree.changed().is_empty());
    assert!(!tree.state().exists());
    tree.tune("show --sessions 6000").assert_status(0);
}

#[test]
fn ports_are_those_of_the_sessions_and_of_what_they_just_closed() {
    // Of 28,232 ports: 14,116 sessions, and as many HTTP connections within a minute.
    assert!(applied("--sessions 14116 --ramp 60s").is_empty());
    assert_eq!(applied("--sessions 14117 --ramp 60s"), [(PORTS, "1024 65535\n".into())]);
    // A quarter of them in four minutes.
    assert!(applied("--sessions 22585 --ramp 4m").is_empty());
    assert_eq!(applied("--sessions 22586 --ramp 240s"), [(PORTS, "1024 65535\n".into())]);
    // Other pairs of addresses have ports of their own, and other ways of HTTP close none.
    for more in ["--sources 2", "--targets 2", "--http none"] {
        assert!(applied(&format!("--sessions 28232 {more}")).is_empty(), "{more}");
        assert!(!applied(&format!("--sessions 28233 {more}")).is_empty(), "{more}");
    }
}

#[test]
fn ports_with_the_servers_here_are_those_of_the_sources_given() {
    let wider = [(PORTS, "1024 65535\n".to_owned())];
    // Ports are free again after 1 s: 27,769 sessions and 463 that just closed.
    assert!(applied("--server --sources 1 --sessions 27769").is_empty());
    assert_eq!(applied("--server --sources 1 --sessions 27770"), wider);
    assert_eq!(
        applied("--server --no-loopback --sources 1 --sessions 14117"),
        wider,
        "but on the network after 60"
    );
    assert!(applied("--server --sources 2 --sessions 40000").is_empty());
    assert!(applied("--server --sources 1 --targets 2 --sessions 40000").is_empty());
    assert_eq!(applied("--server --sources 2 --sessions 60000"), wider);
    let shown = Tree::usual().tune("show --server --sources 2 --targets 3");
    // The cell goes on in the next line.
    for part in [" (32768-60999 × 2  ", " sources × 3 targets) "] {
        assert!(shown.stdout.contains(part), "{}", shown.stdout);
    }
    let unmet = Tree::usual().tune("apply --server --sources 1 --sessions 100000");
    unmet.assert_status(1);
    assert!(unmet.stdout.contains("→ --source-ip 127.0.1.1-127.0.1.4"), "{}", unmet.stdout);
    // Where none is named, sessions come from as many addresses of 127.0.1.0/24 as they take.
    for servers in ["--server", "--mock"] {
        assert!(applied(&format!("--sessions 60000 --ramp 60s {servers}")).is_empty(), "{servers}");
    }
}

#[test]
fn ports_are_used_again_only_when_all_do_not_suffice() {
    assert_eq!(applied("--sessions 32256 --ramp 10s"), [(PORTS, "1024 65535\n".into())]);
    let reused = [(PORTS, "1024 65535\n".into()), ("net.ipv4.tcp_tw_reuse", "1\n".to_owned())];
    assert_eq!(applied("--sessions 32257 --ramp 10s"), reused);
    assert_eq!(applied("--sessions 40000 --ramp 10s"), reused);

    let tree = Tree::usual();
    tree.set("net.ipv4.tcp_timestamps", "0\n");
    tree.tune("apply --sessions 40000 --ramp 10s").assert_status(0);
    assert_eq!(tree.get("net.ipv4.tcp_timestamps"), "1\n", "no port is used again without them");
}

#[test]
fn what_one_address_cannot_is_said_and_nothing_is_written_for_it() {
    for (sources, status) in [(1, 1), (15, 1), (16, 0)] {
        let tree = Tree::usual();
        let finished = tree.tune(&format!("apply --sessions 1000000 --ramp 300s --sources {sources}"));
        finished.assert_status(status);
        assert_eq!(tree.changed().is_empty(), status == 1);
        assert_eq!(
            finished.stdout.contains("startline addresses add ADDRESS…"),
            status == 1,
            "{}",
            finished.stdout
        );
    }
}

#[test]
fn what_the_addresses_asked_for_do_not_need_is_not_written() {
    let reused = [(PORTS, "1024 65535\n".into()), ("net.ipv4.tcp_tw_reuse", "1\n".to_owned())];
    for (plan, changed) in [
        ("--sessions 63000 --ramp 240s", &reused[..]),
        ("--sessions 63000 --ramp 240s --sources 2", &reused[..1]),
        ("--sessions 1000k --ramp 4m --sources 16", &reused),
        ("--sessions 1000k --ramp 4m --sources 20", &reused[..1]),
    ] {
        assert_eq!(applied(plan), changed, "{plan}");
    }
}

#[test]
fn counts_and_durations_are_those_of_run() {
    // What waits of 10,000 sessions within 60 s says how long the ramp was taken for.
    let waiting = |words: &str| {
        let shown = Tree::usual().tune(&format!("show --sessions 10k {words}")).stdout;
        let row = shown.lines().find(|line| line.starts_with("connections in TIME_WAIT")).expect("a row");
        row.rsplit(' ').next().expect("a count").replace(',', "").parse::<u32>().expect("a count")
    };
    for (ramp, expected) in
        [("500ms", 10_000), ("61s", 9_837), ("1m500ms", 9_918), ("1h30m20s500ms", 111), ("0", 10_000)]
    {
        assert_eq!(waiting(&format!("--ramp {ramp}")), expected, "--ramp {ramp}");
    }
    assert_eq!(waiting("--ramp 0240s --targets 1k --sources 1k"), 2_500, "no octal numbers");
}

#[test]
fn nothing_is_lowered() {
    let tree = Tree::usual();
    tree.set(PORTS, "500\t65000\n");
    tree.set("net.core.somaxconn", "65535\n");
    tree.set("net.netfilter.nf_conntrack_count", "1\n");
    tree.set("net.netfilter.nf_conntrack_max", "9000000\n");
    tree.tune("apply --sessions 20000 --server --ramp 1s").assert_status(0);
    assert_eq!(tree.get(PORTS), "500\t65000\n");
    assert_eq!(tree.get("net.core.somaxconn"), "65535\n");
    assert_eq!(tree.get("net.netfilter.nf_conntrack_max"), "9000000\n");
    // A range that begins lower keeps its beginning.
    tree.tune("apply --sessions 64400 --sources 1 --server --ramp 600s").assert_status(0);
    assert_eq!(tree.get(PORTS), "500 65535\n");
}

#[test]
fn servers_need_room_for_what_waits() {
    assert_eq!(applied("--server --sessions 6000 --ramp 1s"), [("net.core.somaxconn", "12000\n".into())]);
    assert!(applied("--server --sessions 6000 --ramp 3s").is_empty());
    // 2,049 sessions in a second, as startline doctor rounds.
    assert_eq!(applied("--server --sessions 12289 --ramp 6s"), [("net.core.somaxconn", "4098\n".into())]);
    assert!(applied("--sessions 6000 --ramp 1s").is_empty(), "the servers are elsewhere");
    let tree = Tree::usual();
    tree.set("net.ipv4.tcp_syncookies", "0\n");
    tree.tune("apply --server --sessions 6000 --ramp 4s").assert_status(0);
    assert_eq!(tree.get("net.ipv4.tcp_max_syn_backlog"), "4001\n");
}

#[test]
fn a_server_meets_every_source_address_on_its_lan() {
    let raised = applied("--server --sources 1000");
    let expected = ["net.ipv4.neigh.default.gc_thresh2", "net.ipv4.neigh.default.gc_thresh3"];
    let of_ipv4: Vec<_> = raised.iter().filter(|(key, _)| key.starts_with("net.ipv4")).collect();
    assert_eq!(of_ipv4.iter().map(|(key, _)| *key).collect::<Vec<_>>(), expected);
    assert!(raised.iter().all(|(_, value)| value == "1128\n"), "{raised:?}");
    assert!(applied("--sources 1000").is_empty(), "a generator has its own addresses by heart");
}

#[test]
fn connections_are_counted_where_they_are_tracked() {
    assert!(applied("--sessions 60000 --sources 5").is_empty(), "nothing is tracked on this box");
    let tree = Tree::usual();
    tree.set("net.netfilter.nf_conntrack_count", "10\n");
    tree.tune("apply --sessions 60000 --sources 4 --ramp 240s").assert_status(0);
    assert_eq!(
        tree.get("net.netfilter.nf_conntrack_max"),
        "90010\n",
        "10 + 60,000 + half as many just closed"
    );
    fs::remove_dir_all(tree.path("net.netfilter")).expect("removed");
    tree.tune("apply --sessions 60000 --sources 4 --ramp 240s").assert_status(0);
}

#[test]
fn files_of_the_whole_box() {
    let tree = Tree::usual();
    tree.set("fs.file-max", "20000\n");
    let shown = tree.tune("show --sessions 20000 --ramp 1h --workers 2");
    shown.assert_status(1);
    let asked = "→ fs.file-max: 20000 → 21152\n";
    assert!(
        shown.stdout.contains(asked),
        "1,024 open, 20,000 sessions, 64 for each worker\n{}",
        shown.stdout
    );
    tree.tune("apply --sessions 20000 --ramp 1h --workers 2 --server").assert_status(0);
    assert_eq!(tree.get("fs.file-max"), "41152\n");
}

/// What `show` with this plan says where a descriptor table holds this many.
#[track_caller]
fn shown_with_descriptors(tree: &Tree, hard: u32, plan: &str) -> Finished {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("ulimit -n {hard} && exec \"$0\" tune show {plan} --root \"$ROOT\"")]);
    command.arg(tree.command().get_program());
    command.envs(tree.command().get_envs().filter_map(|(name, value)| Some((name, value?))));
    ended(command)
}

#[test]
fn descriptors_are_counted_by_the_worker() {
    let tree = Tree::usual();
    let shown = |hard, sessions: u32| {
        shown_with_descriptors(&tree, hard, &format!("--server --ramp 4m --sessions {sessions}"))
    };
    shown(1_064, 6_001).assert_status(0);
    // 256 workers are all there can be, each with 64 descriptors that are no session's.
    shown(1_064, 256_000).assert_status(0);
    let more = shown(1_064, 256_001);
    more.assert_status(1);
    assert!(more.stdout.contains("the plan needs 1,065 descriptors"), "{}", more.stdout);
    assert!(more.stdout.contains("prlimit --pid $$ --nofile=1065:1065"), "{}", more.stdout);
    shown(1_065, 256_001).assert_status(0);
    let none = shown(64, 1);
    none.assert_status(1);
    assert!(none.stdout.contains("the plan needs 65 descriptors"), "{}", none.stdout);
}

#[test]
fn files_of_the_whole_box_are_those_of_many_workers_too() {
    let tree = Tree::usual();
    tree.set("fs.file-max", "20000\n");
    let shown = |plan: &str| shown_with_descriptors(&tree, 1_064, plan).stdout;
    let here = shown("--sessions 256000 --server");
    assert!(here.contains("→ 529408\n"), "1,024 open, 512,000, 64 for each of 256 workers\n{here}");
    let elsewhere = shown("--sessions 256000");
    assert!(elsewhere.contains("→ 273408\n"), "one end only\n{elsewhere}");
}

#[test]
fn a_setting_that_cannot_be_written_is_named_and_the_others_are_written() {
    let tree = Tree::usual();
    // Nobody may write that one, root neither; it says 40 or so.
    fs::remove_file(tree.path("net.core.somaxconn")).expect("removed");
    std::os::unix::fs::symlink("/proc/sys/kernel/cap_last_cap", tree.path("net.core.somaxconn"))
        .expect("linked");
    fs::remove_file(tree.path("net.ipv4.neigh.default.gc_thresh3")).expect("removed");
    let finished = tree.tune("apply --server --sessions 70000 --sources 1100 --targets 1");
    finished.assert_status(1);
    let lines: Vec<&str> = finished.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", finished.stderr);
    assert!(
        lines[1].contains("net.ipv4.neigh.default.gc_thresh3 cannot be written: there is no"),
        "{}",
        lines[1]
    );
    assert!(lines[0].contains("net.core.somaxconn stays"), "{}", lines[0]);
    assert!(lines[0].contains("Permission denied"), "{}", lines[0]);
    assert_eq!(tree.get("net.ipv4.neigh.default.gc_thresh2"), "1228\n");
    let saved = fs::read_to_string(tree.state()).expect("a state");
    assert!(saved.contains("gc_thresh2") && !saved.contains("somaxconn"), "{saved}");
    tree.tune("revert").assert_status(0);
}

#[test]
fn every_setting_is_explained() {
    let tree = Tree::usual();
    for (key, narrow) in [
        ("net.ipv4.tcp_timestamps", "0"),
        ("net.ipv4.tcp_tw_reuse", "0"),
        ("net.ipv4.tcp_syncookies", "0"),
        ("net.netfilter.nf_conntrack_count", "65530"),
        ("fs.file-max", "2000"),
    ] {
        tree.set(key, narrow);
    }
    let shown = tree.tune("show --server --sessions 40000 --sources 1 --ramp 10s").stdout;
    let neighbours = tree.tune("show --server --sources 2000").stdout;
    let lines =
        shown.lines().chain(neighbours.lines()).filter_map(|line| line.trim_start().strip_prefix("→ "));
    let settings: BTreeSet<&str> =
        lines.filter_map(|line| line.split_once(": ")).map(|(key, _)| key).collect();
    assert_eq!(settings.len(), 11, "{settings:?}");
    let tuning = include_str!("../../../tuning.md");
    for setting in settings {
        assert!(tuning.contains(&format!("`{setting}`")), "{setting} is not in tuning.md");
    }
}

#[test]
fn what_is_no_plan_is_refused() {
    let tree = Tree::usual();
    for words in [
        "",
        "tune",
        "apply --sessions",
        "apply --sessions 0",
        "apply --sessions many",
        "apply --sessions 1.5x",
        "apply --sessions 6000k0",
        "apply --sessions 5000000k",
        "apply --sources 70k",
        "apply --targets 5k",
        "apply --ramp 240",
        "apply --ramp 30s1m",
        "apply --ramp 1s1s",
        "apply --ramp -1s",
        "apply --force",
        "apply --no-loopback",
        "apply --mock --server",
        "show --dry-run",
        "revert --sessions 6000",
        "persist --server",
        "apply 6000",
    ] {
        let finished = tree.tune(words);
        finished.assert_status(2);
        assert!(finished.stderr.contains("--help"), "{words:?}: {}", finished.stderr);
    }
    assert!(tree.changed().is_empty());
}

#[test]
fn a_real_network_is_set_and_put_back() {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = in_own_network(
        temp.path(),
        "look() { cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/net/ipv4/tcp_tw_reuse /proc/sys/net/core/somaxconn; }
        echo '32768 60999' >/proc/sys/net/ipv4/ip_local_port_range; echo 2 >/proc/sys/net/ipv4/tcp_tw_reuse
        echo 128 >/proc/sys/net/core/somaxconn
        look; tune apply --sessions 40000 --ramp 10s >/dev/null || exit 1
        look; tune apply --sessions 40000 --ramp 10s --server --sources 1 >/dev/null || exit 2
        look; tune revert >/dev/null || exit 3; look",
    );
    finished.assert_status(0);
    let read: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(read[..3], ["32768\t60999", "2", "128"]);
    assert_eq!(read[3..6], ["1024\t65535", "1", "128"]);
    assert_eq!(read[6..9], ["1024\t65535", "1", "8000"]);
    assert_eq!(read[9..], ["32768\t60999", "2", "128"]);
}

#[test]
fn a_real_network_says_what_it_does_not_let_be_written() {
    let temp = tempfile::tempdir().expect("a directory");
    // Neighbour tables are the whole machine's: a namespace does not have them.
    let finished =
        in_own_network(temp.path(), "tune apply --server --sources 2000 --sessions 6000; echo status $?");
    assert!(finished.stdout.contains("status 1"), "{}", finished.stdout);
    assert!(
        finished.stderr.contains("net.ipv4.neigh.default.gc_thresh3 cannot be written"),
        "{}",
        finished.stderr
    );
}
