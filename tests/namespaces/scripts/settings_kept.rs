//! `startline tune revert | persist`: what was changed goes back exactly, and only that; what is kept over a boot is shown, and taken away again.

use std::fs;

use std::process::Command;

use super::ran::ended;
use super::settings::Tree;
use crate::common::Finished;

const PORTS: &str = "net.ipv4.ip_local_port_range";
const PLAN: &str = "apply --sessions 20000";

#[test]
fn what_was_changed_goes_back_to_the_byte() {
    for was in ["32768\t60999\n", " 32768 \t60999", "32768  60999\n\n"] {
        let tree = Tree::usual();
        tree.set(PORTS, was);
        tree.tune(PLAN).assert_status(0);
        assert_eq!(tree.get(PORTS), "1024 65535\n");
        let finished = tree.tune("revert");
        finished.assert_status(0);
        assert_eq!(tree.get(PORTS), was);
        assert!(!tree.state().exists());
        let again = tree.tune("revert");
        again.assert_status(0);
        assert_eq!(again.stdout, "Nothing to put back.\n");
    }
}

#[test]
fn applying_again_keeps_the_first_values() {
    let tree = Tree::usual();
    tree.tune("apply --server --sessions 6000 --ramp 1s").assert_status(0);
    tree.tune("apply --server --sessions 12000 --ramp 1s").assert_status(0);
    assert_eq!(tree.get("net.core.somaxconn"), "24000\n");
    tree.tune("revert").assert_status(0);
    assert!(tree.changed().is_empty(), "{:?}", tree.changed());
}

#[test]
fn nothing_is_changed_that_cannot_be_saved() {
    let tree = Tree::usual();
    fs::write(tree.state().parent().expect("a parent"), "a file").expect("written");
    let finished = tree.tune(PLAN);
    finished.assert_status(1);
    assert!(finished.stderr.contains("nothing more is changed"), "{}", finished.stderr);
    assert!(tree.changed().is_empty());
}

#[test]
fn a_dry_run_changes_nothing() {
    let tree = Tree::usual();
    let finished = tree.tune(&format!("{PLAN} --dry-run"));
    finished.assert_status(0);
    assert!(
        finished.stdout.contains("would write net.ipv4.ip_local_port_range: 32768 60999 → 1024 65535"),
        "{}",
        finished.stdout
    );
    assert!(tree.changed().is_empty() && !tree.state().exists());

    tree.tune(PLAN).assert_status(0);
    let saved = fs::read(tree.state()).expect("a state");
    let finished = tree.tune("revert --dry-run");
    finished.assert_status(0);
    assert!(
        finished.stdout.contains("would write net.ipv4.ip_local_port_range: 1024 65535 → 32768 60999"),
        "{}",
        finished.stdout
    );
    assert_eq!(tree.get(PORTS), "1024 65535\n");
    tree.tune("persist --dry-run").assert_status(0);
    assert!(!tree.conf().exists());
    assert_eq!(fs::read(tree.state()).expect("a state"), saved);
}

#[test]
fn what_somebody_else_changed_since_stays() {
    let tree = Tree::usual();
    tree.tune("apply --server --sessions 50000 --sources 1 --ramp 10s").assert_status(0);
    assert_eq!(tree.get("net.core.somaxconn"), "10000\n");
    tree.set(PORTS, "10000\t65535\n");
    let finished = tree.tune("revert");
    finished.assert_status(1);
    assert!(finished.stderr.contains("somebody else changed it"), "{}", finished.stderr);
    assert_eq!(tree.get(PORTS), "10000\t65535\n");
    assert_eq!(tree.get("net.core.somaxconn"), "4096\n");
    tree.tune("revert --force").assert_status(0);
    assert!(tree.changed().is_empty() && !tree.state().exists());
}

#[test]
fn what_cannot_be_put_back_is_remembered() {
    let tree = Tree::usual();
    tree.tune("apply --server --sessions 40000 --sources 1 --ramp 4s").assert_status(0);
    let moved = tree.path("net.core.gone");
    fs::rename(tree.path("net.core.somaxconn"), &moved).expect("moved");
    let finished = tree.tune("revert");
    finished.assert_status(1);
    assert!(finished.stderr.contains("net.core.somaxconn cannot be put back"), "{}", finished.stderr);
    assert_eq!(tree.get(PORTS), "32768\t60999\n");
    fs::rename(&moved, tree.path("net.core.somaxconn")).expect("moved");
    tree.tune("revert").assert_status(0);
    assert!(tree.changed().is_empty(), "{:?}", tree.changed());
}

#[test]
fn a_value_that_is_back_already_is_forgotten() {
    let tree = Tree::usual();
    tree.tune(PLAN).assert_status(0);
    tree.set(PORTS, "32768\t60999\n");
    let finished = tree.tune("revert");
    finished.assert_status(0);
    assert!(finished.stdout.contains("again already"), "{}", finished.stdout);
    assert!(!tree.state().exists());
}

#[test]
fn a_state_that_leads_elsewhere_is_not_followed() {
    let tree = Tree::usual();
    fs::create_dir_all(tree.state().parent().expect("a parent")).expect("created");
    for line in ["../../etc/passwd\tx\ty\n", "net/ipv4/tcp_syncookies\t1\t0\n", "net.core.somaxconn\t1\n"] {
        fs::write(tree.state(), line).expect("written");
        let finished = tree.tune("revert");
        finished.assert_status(1);
        assert!(finished.stderr.contains("did not write"), "{}", finished.stderr);
    }
    assert!(tree.changed().is_empty());
}

#[test]
fn what_was_changed_is_kept_over_a_boot_and_no_longer() {
    let tree = Tree::usual();
    let nothing = tree.tune("persist");
    nothing.assert_status(0);
    assert!(!tree.conf().exists(), "{}", nothing.stdout);

    tree.tune("apply --server --sessions 40000 --sources 1 --ramp 4s").assert_status(0);
    let finished = tree.tune("persist");
    finished.assert_status(0);
    let kept = fs::read_to_string(tree.conf()).expect("a file");
    let settings: Vec<&str> = kept.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(settings, ["net.core.somaxconn = 20000", "net.ipv4.ip_local_port_range = 1024 65535"]);
    assert!(finished.stdout.contains(&kept), "it is shown\n{}", finished.stdout);
    assert!(tree.tune("persist").stdout.contains("It is so already."));

    let reverted = tree.tune("revert");
    assert!(reverted.stdout.contains("still sets them at the next boot"), "{}", reverted.stdout);
    tree.tune("persist --remove").assert_status(0);
    assert!(!tree.conf().exists());
    tree.tune("persist --remove").assert_status(0);
}

#[test]
fn a_file_of_somebody_elses_is_left_alone() {
    let tree = Tree::usual();
    tree.tune(PLAN).assert_status(0);
    fs::create_dir_all(tree.conf().parent().expect("a parent")).expect("created");
    fs::write(tree.conf(), "vm.swappiness = 1\n").expect("written");
    for words in ["persist", "persist --remove"] {
        let finished = tree.tune(words);
        finished.assert_status(1);
        assert!(finished.stderr.contains("was not written by startline tune"), "{}", finished.stderr);
    }
    assert_eq!(fs::read_to_string(tree.conf()).expect("a file"), "vm.swappiness = 1\n");
}

/// What these commands do, `tune` being the command on this tree.
#[track_caller]
fn shell(tree: &Tree, commands: &str) -> Finished {
    let tune = tree.command();
    let mut command = Command::new("bash");
    let function = "tune() { exec \"$STARTLINE\" tune \"$@\" --root \"$ROOT\"; }";
    command.args(["-c", &format!("set -u\n{function}\n{commands}")]).env("STARTLINE", tune.get_program());
    command.envs(tune.get_envs().filter_map(|(name, value)| Some((name, value?))));
    ended(command)
}

#[test]
fn those_that_run_at_once_save_everything() {
    let tree = Tree::usual();
    tree.set("net.ipv4.tcp_syncookies", "0\n");
    let finished = shell(
        &tree,
        "for plan in '--sessions 20000' '--targets 2000' '--server --sessions 6000 --ramp 1s' '--server --sessions 5000 --ramp 1s'; do
            tune apply $plan >/dev/null & applying+=($!)
        done
        for one in \"${applying[@]}\"; do wait $one || exit 1; done",
    );
    finished.assert_status(0);
    assert_eq!(tree.get(PORTS), "1024 65535\n");
    assert_eq!(tree.get("net.ipv4.neigh.default.gc_thresh3"), "2128\n");
    assert_eq!(tree.get("net.core.somaxconn"), "12000\n", "whoever came last lowered nothing");
    assert_eq!(tree.get("net.ipv4.tcp_max_syn_backlog"), "16001\n");
    tree.tune("revert").assert_status(0);
    tree.set("net.ipv4.tcp_syncookies", "1\n");
    assert!(tree.changed().is_empty(), "{:?}", tree.changed());
}

#[test]
fn one_that_has_to_wait_looks_at_the_box_afterwards() {
    let tree = Tree::usual();
    for (words, after) in [
        ("apply --server --sessions 6000 --ramp 1s", "All settings are as needed; nothing was changed.\n"),
        ("revert", "Nothing to put back.\n"),
        ("persist", "startline tune apply has changed nothing, so there is nothing to keep.\n"),
    ] {
        tree.set("net.core.somaxconn", "4096\n");
        let finished = shell(
            &tree,
            &format!(
                "mkdir -p \"${{STARTLINE_TUNE_STATE%/*}}\"; exec {{held}}>\"$STARTLINE_TUNE_STATE.lock\"; flock $held
                tune {words} 2>\"$STARTLINE_TUNE_STATE.said\" & waiting=$!; SECONDS=0
                until grep -q 'another startline is changing this' \"$STARTLINE_TUNE_STATE.said\"; do [ $SECONDS -lt 60 ] || exit 97; sleep 0.02; done
                echo 20000 >\"$ROOT/proc/sys/net/core/somaxconn\"; flock -u $held; wait $waiting"
            ),
        );
        finished.assert_status(0);
        assert!(finished.stdout.ends_with(after), "{words}: {}", finished.stdout);
        assert_eq!(tree.get("net.core.somaxconn"), "20000\n", "{words}");
    }
    let dry = shell(
        &tree,
        "exec {held}>\"$STARTLINE_TUNE_STATE.lock\"; flock $held; (tune revert --dry-run) && tune show >/dev/null",
    );
    dry.assert_status(0);
}
