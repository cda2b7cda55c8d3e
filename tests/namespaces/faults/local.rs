//! Limits of this machine that are reached in mid-run.

use super::short_run;
use crate::common::peer::Script;
use crate::common::played::scenario;
use crate::common::{eventually, finish, results, summary};

/// The limit falls while sessions are arriving: those that come later fail, the others stay.
#[test]
fn descriptors_used_up() {
    let peer = Script::good().start();
    let temp = tempfile::tempdir().expect("a directory");
    let (file, out) = (temp.path().join("s.toml"), results(&temp));
    std::fs::write(&file, scenario()).expect("written");
    let run = crate::common::Run::against(&format!("http://{}", peer.address), 60, &out)
        .with("scenario", file.display())
        .with("workers", 1)
        .with("ramp", "3s")
        .with("hold", "500ms")
        .with("ping-interval", "1s");
    let child = run.start();
    eventually("the first sessions", || {
        peer.seen.connections.load(std::sync::atomic::Ordering::Relaxed) >= 20
    });
    let limit = libc::rlimit { rlim_cur: 25, rlim_max: 25 };
    // SAFETY: the limit outlives the call, no old one is asked for, and the process is our own child.
    let set = unsafe {
        libc::prlimit(child.id() as libc::pid_t, libc::RLIMIT_NOFILE, &raw const limit, std::ptr::null_mut())
    };
    assert_eq!(set, 0);
    // This peer tells nobody of anybody, which is the servers' failure; the rest of it is this machine's.
    finish(child).assert_status(1);
    let summary = summary(&out);
    let kinds = summary["errors"]["by_kind"].as_object().expect("an object");
    let failed = kinds["descriptors-exhausted"].as_u64().expect("counted");
    assert_eq!(kinds.len(), 1, "{kinds:?}");
    assert_eq!(summary["errors"]["by_blame"]["machine"], failed);
    assert_eq!(summary["sessions"]["held_to_end"], 60 - failed, "those that were in stay in");
    assert!(failed > 0 && failed < 60, "{failed}");
}

/// Ten ports, six of which another program holds.
#[test]
fn tuples_used_up() {
    let temp = tempfile::tempdir().expect("a directory");
    let before = "echo '40000 40009' > /proc/sys/net/ipv4/ip_local_port_range || exit 9
        for holder in 3 4 5 6 7 8; do eval \"exec $holder<>/dev/tcp/127.0.0.1/8080\"; done";
    let (finished, summary) = short_run(&temp, before, "http://127.0.0.1:8080", &[]);
    // The servers did nothing wrong, and nothing was shown of them either.
    finished.assert_status(3);
    let kinds = summary["errors"]["by_kind"].as_object().expect("an object");
    assert_eq!(kinds.keys().collect::<Vec<_>>(), ["tuples-exhausted"], "{kinds:?}");
    assert!(finished.stdout.contains("ip_local_port_range"), "the remedy is named: {}", finished.stdout);
    let failed = kinds["tuples-exhausted"].as_u64().expect("a count");
    assert_eq!(summary["errors"]["by_blame"]["machine"], failed);
    assert_eq!(summary["sessions"]["held_to_end"], 6 - failed);
    assert!(failed < 6, "some got through");
}

/// An address that goes away as soon as the first session has come from it.
#[test]
fn source_address_taken_away() {
    let temp = tempfile::tempdir().expect("a directory");
    let before = "ip address add 10.9.9.9/32 dev lo || exit 9
        (until ss -Htn 'src 10.9.9.9' | grep -q .; do :; done; ip address del 10.9.9.9/32 dev lo) &";
    let options = ["--source-ip", "10.9.9.9"];
    let (finished, summary) = short_run(&temp, before, "http://127.0.0.1:8080", &options);
    // Whatever else failed by that, announcements that never came among it, the servers did nothing wrong.
    finished.assert_status(3);
    let failed = summary["errors"]["by_kind"]["source-not-local"].as_u64().expect("counted");
    assert!(failed > 0, "{summary:#}");
    assert_eq!(summary["errors"]["by_blame"]["machine"], failed);
    assert!(finished.stdout.contains("startline addresses add"), "the remedy is named: {}", finished.stdout);
}

/// WebSockets are led to another machine, and nothing gets there from an address of the loopback.
#[test]
fn source_address_of_the_loopback_and_a_host_elsewhere() {
    let temp = tempfile::tempdir().expect("a directory");
    let before =
        "ip link add here type veth peer name there && ip link set here up && ip link set there up || exit 9
        ip address add 10.9.8.1/24 dev here || exit 9";
    let options = [
        "--source-ip",
        "127.0.9.7",
        "--allow-host",
        "10.9.8.7",
        "--ws-map",
        "ws://127.0.0.1:8080=ws://10.9.8.7:8080",
    ];
    let (finished, summary) = short_run(&temp, before, "http://127.0.0.1:8080", &options);
    finished.assert_status(3);
    assert_eq!(summary["errors"]["by_kind"], serde_json::json!({ "source-unusable": 6 }), "{summary:#}");
    assert_eq!(summary["errors"]["by_blame"]["machine"], 6);
    assert!(finished.stdout.contains("the interface towards it"), "the remedy is named: {}", finished.stdout);
}
