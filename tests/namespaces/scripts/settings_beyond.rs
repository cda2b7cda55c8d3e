//! What `startline tune` may not or cannot set: it says what stands in the way, and what to type, where.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::ran::in_own_network;
use super::settings::Tree;

const PORTS: &str = "net.ipv4.ip_local_port_range";
const RESERVED: &str = "net.ipv4.ip_local_reserved_ports";
const TRACKED: &str = "net.netfilter.nf_conntrack_max";

#[test]
fn reserved_ports_are_nobody_s() {
    // Of 28,232 ports 28,200 are left; what is reserved elsewhere does not matter.
    let tree = Tree::usual();
    for list in ["40000-40030,50000\n", "1-1000,40000-40031\n"] {
        tree.set(RESERVED, list);
        tree.tune("show --sessions 14100").assert_status(0);
        let more = tree.tune("show --sessions 14101");
        more.assert_status(1);
        assert!(more.stdout.contains("→ 1024 65535"), "{}", more.stdout);
    }
    tree.tune("apply --sessions 14101").assert_status(0);
    assert_eq!(tree.get(RESERVED), "1-1000,40000-40031\n");
}

#[test]
fn a_reservation_that_is_in_the_way_is_named_and_left() {
    let tree = Tree::usual();
    tree.set(RESERVED, "1024-60000\n");
    let finished = tree.tune("apply --sessions 20000 --ramp 60s");
    finished.assert_status(1);
    let said = &finished.stdout;
    assert!(said.contains("frees the 58,977 ports that are reserved in it"), "{said}");
    assert!(said.contains("net.ipv4.ip_local_reserved_ports=\"\"\n"), "{said}");
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
    assert!(none.stdout.contains("frees the 64,512 reserved ports"), "{}", none.stdout);
}

#[test]
fn a_table_of_connections_that_a_namespace_only_shows_is_the_host_s_to_set() {
    let tree = Tree::usual();
    tree.set("net.netfilter.nf_conntrack_count", "10\n");
    fs::set_permissions(tree.path(TRACKED), fs::Permissions::from_mode(0o444)).expect("set");
    tree.tune("apply --sessions 6000 --ramp 240s").assert_status(0);
    let finished = tree.tune("apply --sessions 60000 --sources 4 --ramp 240s");
    finished.assert_status(1);
    let on_the_host = "read-only in this network namespace: on the host, as root, sysctl -w net.netfilter.nf_conntrack_max=90010\n";
    assert!(finished.stdout.contains(on_the_host), "{}", finished.stdout);
    assert_eq!((tree.get(TRACKED).as_str(), finished.stderr.as_str()), ("65536\n", ""));
}

#[test]
fn where_no_rule_asks_for_it_nothing_is_tracked_and_doctor_says_so_too() {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = in_own_network(
        temp.path(),
        "[ -e /proc/sys/net/netfilter/nf_conntrack_max ] || { echo not loaded; exit; }
        tune show --sessions 9000k --sources 254 --server | grep 'tracked connections'
        \"$STARTLINE\" doctor --sessions 900k --no-broadcast --http pooled | grep 'tracked connections'",
    );
    let said: Vec<&str> = finished.stdout.lines().collect();
    if said != ["not loaded"] {
        assert!(said[0].contains("nothing is tracked"), "{said:?}");
        assert!(said[1].contains("nothing is tracked"), "{said:?}");
    }
}
