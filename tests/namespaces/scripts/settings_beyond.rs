//! What `scripts/tune` may not or cannot set: it says what stands in the way, and what to type, where.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::ran::{ended, in_own_network};
use super::settings::Tree;

const PORTS: &str = "net.ipv4.ip_local_port_range";
const RESERVED: &str = "net.ipv4.ip_local_reserved_ports";
const TRACKED: &str = "net.netfilter.nf_conntrack_max";

#[test]
fn reserved_ports_are_nobody_s() {
    // Of 28,232 ports 28,200 are left, 27,636 of which are counted on; what is reserved elsewhere does not matter.
    let tree = Tree::usual();
    for list in ["40000-40030,50000\n", "1-1000,40000-40031\n"] {
        tree.set(RESERVED, list);
        tree.tune("show --sessions 13818").assert_status(0);
        let more = tree.tune("show --sessions 13819");
        more.assert_status(1);
        assert!(more.stdout.contains("→ 1024 65535"), "{}", more.stdout);
        assert!(more.stdout.contains(" of each source's ports 32 are reserved;"), "{}", more.stdout);
    }
    tree.tune("apply --sessions 13819").assert_status(0);
    assert_eq!(tree.get(RESERVED), "1-1000,40000-40031\n");
}

#[test]
fn a_reservation_that_is_in_the_way_is_named_and_left() {
    let tree = Tree::usual();
    tree.set(RESERVED, "1024-60000\n");
    let finished = tree.tune("apply --sessions 20000 --ramp 60s");
    finished.assert_status(1);
    let said = &finished.stdout;
    assert!(said.contains("all pairs of source and target (1) have 5424. With 4 source addresses"), "{said}");
    assert!(said.contains("Reserved are 58977 of each source's, which is left as it is"), "{said}");
    assert!(said.contains("as root: sysctl -w net.ipv4.ip_local_reserved_ports=\n"), "{said}");
    assert_eq!(tree.get(RESERVED), "1024-60000\n");
    // 5,535 ports of each of 254 addresses do.
    let many = Tree::usual();
    many.set(RESERVED, "1024-60000\n");
    many.tune("apply --sessions 1000k --sources 254 --ramp 60s --server").assert_status(0);
    assert_eq!(many.get(PORTS), "1024 65535\n");
    // Nothing is left to be shared out.
    many.set(RESERVED, "1-65535\n");
    let none = many.tune("show --sessions 20000 --sources 254");
    none.assert_status(1);
    assert!(none.stdout.contains("(254) have 0. Reserved are 64512"), "{}", none.stdout);
}

#[test]
fn a_table_of_connections_that_a_namespace_only_shows_is_the_host_s_to_set() {
    let tree = Tree::usual();
    tree.set("net.netfilter.nf_conntrack_count", "10\n");
    fs::set_permissions(tree.path(TRACKED), fs::Permissions::from_mode(0o444)).expect("set");
    tree.tune("apply --sessions 6000 --ramp 240").assert_status(0);
    let finished = tree.tune("apply --sessions 60000 --sources 4 --ramp 240");
    finished.assert_status(1);
    let on_the_host = "read-only in this network namespace. On the host, as root: sysctl -w net.netfilter.nf_conntrack_max=91034\n";
    assert!(finished.stdout.contains(on_the_host), "{}", finished.stdout);
    assert_eq!((tree.get(TRACKED).as_str(), finished.stderr.as_str()), ("65536\n", ""));
}

#[test]
fn where_no_rule_asks_for_it_nothing_is_tracked_and_doctor_says_so_too() {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = in_own_network(
        temp.path(),
        "[ -e /proc/sys/net/netfilter/nf_conntrack_max ] || { echo not loaded; exit; }
        tune show --sessions 9000k --sources 254 --server | grep nf_conntrack_max
        \"$STARTLINE\" doctor --sessions 900k --no-broadcast --http pooled | grep 'tracked connections'",
    );
    let said: Vec<&str> = finished.stdout.lines().collect();
    if said != ["not loaded"] {
        assert!(said[0].ends_with("no connection is tracked here"), "{said:?}");
        assert!(said[1].contains("nothing is tracked"), "{said:?}");
    }
}

/// What `show` says of a table of 64, started by these words.
#[track_caller]
fn of_small_tables(tree: &Tree, before: &[&str]) -> String {
    let tune = tree.command();
    let mut command = Command::new(before[0]);
    command.args(&before[1..]).args(["-c", "ulimit -n 64 && exec \"$0\" show --sessions 1"]);
    command.arg(tune.get_program());
    command.envs(tune.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let finished = ended(command);
    finished.assert_status(1);
    finished.stdout
}

#[test]
fn larger_tables_are_for_whoever_may() {
    let tree = Tree::usual();
    let nobody = "For larger ones: nobody in here may raise the limit, root neither (no CAP_SYS_RESOURCE): whoever starts this container or \
                  virtual machine has to set it, as with docker run --ulimit nofile=1048576:1048576";
    // Root of a user namespace has the capability there, and that is not enough.
    let contained = of_small_tables(&tree, &["unshare", "--user", "--map-root-user", "bash"]);
    assert!(contained.contains(nobody), "{contained}");

    let raised = "For larger ones: sudo prlimit --pid $$ --nofile=1048576:1048576 in the shell that startline is started from; for good, \
                  \"* hard nofile 1048576\" (for root, whom * leaves out, \"root hard nofile 1048576\")";
    let has_capability = "prlimit --nofile=63:63 bash -c 'prlimit --pid $$ --nofile=64:64' 2>/dev/null";
    let may = Command::new("bash").args(["-c", has_capability]).status().expect("bash").success();
    let said = of_small_tables(&tree, &["bash"]);
    // Who is not root is told what root does.
    assert!(said.contains(raised) || (!may && said.contains(nobody)), "{said}");
}
