//! Targets that cannot be reached. What needs a network of its own makes one: an empty network namespace, in which nothing goes
//! anywhere.

use crate::common::isolated::{MENDED_BY, finish_isolated, isolated};
use crate::common::processes::free_port;
use crate::common::{Run, finish, results};
use crate::isolated::in_own_network;
use crate::peer::Script;
use crate::played::{run_with, scenario};

/// The binary and nothing else.
const PLAIN: &str = "exec \"$0\" \"$@\"";

#[test]
fn target_refused() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let played = run_with(Script::good(), |run| run.with("target", url));
    played.assert_all_failed("login", "connect-refused", "network");
}

#[test]
fn target_refused_at_the_look_up() {
    let temp = tempfile::tempdir().expect("a directory");
    let url = format!("http://127.0.0.1:{}", free_port());
    let finished = Run::against(&url, 3, &results(&temp)).finish();
    finished.assert_status(3);
    assert!(finished.stderr.contains("the challenge could not be looked up"), "{}", finished.stderr);
    assert!(finished.stderr.contains("is the target up, and is its port right?"), "{}", finished.stderr);
}

#[test]
fn target_unreachable() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let file = temp.path().join("short.toml");
    std::fs::write(&file, scenario()).expect("written");
    let mut command = isolated(PLAIN);
    command
        .args([
            "run",
            "--target",
            "http://127.0.0.1:9",
            "--members",
            "13-15",
            "--challenge",
            "38",
            "--sessions",
            "3",
        ])
        .args(["--ramp", "100ms", "--hold", "200ms", "--ramp-down", "0", "--scenario"])
        .arg(&file);
    let (finished, summary) = finish_isolated(&mut command, &out);
    finished.assert_status(1);
    assert_eq!(summary["errors"]["by_kind"]["unreachable"], 3, "{:#}", summary["errors"]);
    assert_eq!(summary["errors"]["by_blame"]["network"], 3);
}

#[test]
fn target_s_name_not_resolving() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let child = isolated(PLAIN)
        .args([
            "run",
            "--target",
            "http://no-such-host.invalid",
            "--members",
            "13-15",
            "--challenge",
            "38",
            "--out",
        ])
        .arg(&out)
        .spawn()
        .expect(MENDED_BY);
    let finished = finish(child);
    finished.assert_status(2);
    assert!(
        finished.stderr.contains("the target's host \"no-such-host.invalid\" cannot be resolved"),
        "{}",
        finished.stderr
    );
    assert!(!out.exists(), "nothing was begun");
}

/// A name with two addresses, at one of which nobody listens: every session gets through by the other.
#[test]
fn target_with_several_addresses() {
    let temp = tempfile::tempdir().expect("a directory");
    let hosts = temp.path().join("hosts");
    std::fs::write(&hosts, "127.0.0.3 runnity.test\n127.0.0.1 runnity.test\n").expect("written");
    let before = format!("mount --bind {} /etc/hosts || exit 9", hosts.display());
    let shared = ["--http", "pooled", "--http-connections", "2", "--workers", "1"];
    for options in [&[][..], &shared] {
        let options = [&["--allow-host", "127.0.0.1"], options].concat();
        let _ = std::fs::remove_dir_all(results(&temp));
        let (finished, summary) = in_own_network(&temp, &before, "http://runnity.test:8080", &options);
        finished.assert_status(0);
        assert_eq!(summary["sessions"]["held_to_end"], 6, "{:#}", summary["errors"]);
        assert_eq!(summary["errors"]["total"], 0);
    }
}
