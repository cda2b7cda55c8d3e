//! `scripts/try-setting`: what cannot be tried is named, and told by the exit status from what was.

use std::process::Command;

use super::ran::{ended, script};
use crate::common::Finished;

/// Plays a small run with each of these trials.
#[track_caller]
fn tried(trials: &[&str]) -> Finished {
    let mut command = Command::new(script("try-setting"));
    command.args(trials).args(["--", "--sessions", "20", "--ramp", "500ms", "--hold", "300ms"]);
    command
        .args(["--ramp-down", "0", "--lag-limit", "30s"])
        .env("STARTLINE", env!("CARGO_BIN_EXE_startline"));
    ended(command)
}

#[test]
fn a_run_is_played_with_each_setting() {
    let finished = tried(&["-", "net.core.somaxconn=77;+cat /proc/sys/net/core/somaxconn >&2"]);
    finished.assert_status(0);
    assert_eq!(finished.stdout.matches("20 of 20 opened").count(), 2, "{}", finished.stdout);
    assert_eq!(finished.stderr, "77\n");
    assert_ne!(std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("a setting"), "77\n");
}

#[test]
fn what_cannot_be_set_up_is_named_and_the_others_are_played() {
    let trials = [
        ("net.bogus=1", "a network of its own has no net.bogus here"),
        ("net.ipv4.tcp_tw_reuse=often", "net.ipv4.tcp_tw_reuse cannot be \"often\": Invalid argument"),
        ("+false;net.core.somaxconn=128", "(status 1 of +false)"),
        ("+echo x | no-such-tool", "no-such-tool: command not found (status 127 of +echo x | no-such-tool)"),
    ];
    let finished = tried(&[&["-"], &trials.map(|(trial, _)| trial)[..]].concat());
    finished.assert_status(1);
    assert_eq!(finished.stdout.matches("20 of 20 opened").count(), 1, "{}", finished.stdout);
    assert!(finished.stderr.contains("4 of 5 trials could not be played"), "{}", finished.stderr);
    for (trial, why) in trials {
        let said = format!("== {trial}\n   not played: {why}\n");
        assert!(finished.stdout.contains(&said), "{said}\n{}", finished.stdout);
        assert!(finished.stderr.contains(&format!("\"{trial}\"")), "{trial}: {}", finished.stderr);
    }
}

#[test]
fn a_run_that_is_refused_has_no_result() {
    let finished = tried(&["net.ipv4.ip_local_port_range=40000 40019;+set -- \"$@\" --source-ip 127.0.0.1"]);
    finished.assert_status(1);
    assert!(
        finished.stdout.contains("no result: error: the plan does not fit this machine"),
        "{}",
        finished.stdout
    );
    assert!(
        finished.stderr.contains("1 of 1 trials could not be played, or have no result"),
        "{}",
        finished.stderr
    );
}

#[test]
fn what_is_no_trial_is_refused_before_any_is_played() {
    for (trial, why) in [
        ("--verbose", "there is no option \"--verbose\""),
        ("vm.swappiness=1", "\"vm.swappiness\" is the whole box's"),
        ("net.core.somaxconn", "\"net.core.somaxconn\" is no trial"),
        ("net.core.somaxconn=1;", "\"\" is no trial"),
    ] {
        let finished = tried(&["-", trial]);
        finished.assert_status(2);
        assert!(finished.stderr.contains(why), "{trial}: {}", finished.stderr);
        assert_eq!(finished.stdout, "", "{trial}");
    }
    tried(&[]).assert_status(2);
}

#[test]
fn nft_that_is_missing_is_named_with_its_package() {
    let temp = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("bash");
    // The machine's tools without that one; the script appends the directories that an ordinary user's PATH lacks, which are hidden.
    command.args(["-c", "ln -s /usr/bin/* /bin/* /usr/sbin/* /sbin/* . 2>/dev/null; rm -f nft; PATH=$PWD
        exec unshare --user --map-root-user --mount bash -c 'mount -t tmpfs none /usr/sbin; [ /sbin -ef /usr/sbin ] || mount -t tmpfs none /sbin
        \"$SCRIPT\" - \"+printf a | nft -f -\"'"]);
    command.current_dir(temp.path()).env("SCRIPT", script("try-setting"));
    command.env("STARTLINE", env!("CARGO_BIN_EXE_startline"));
    let finished = ended(command);
    finished.assert_status(1);
    assert!(finished.stderr.contains("no nft. As root: apt-get install nftables"), "{}", finished.stderr);
    assert_eq!(finished.stdout, "", "nothing was played");
}
