//! `scripts/own-network`: a command in a network of its own, and nothing of the machine changed.

use std::process::Command;

use super::ran::{ended, script};
use crate::common::Finished;

#[track_caller]
fn own_network(arguments: &[&str]) -> Finished {
    let mut command = Command::new(script("own-network"));
    command.args(arguments);
    ended(command)
}

fn setting(name: &str) -> String {
    std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).expect("a setting").trim().to_owned()
}

#[test]
fn it_has_all_ports_a_large_table_and_a_loopback() {
    let before = (setting("ip_local_port_range"), setting("tcp_child_ehash_entries"));
    let finished = own_network(&[
        "bash",
        "-c",
        "cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/net/ipv4/tcp_ehash_entries; ip -brief link; exit 7",
    ]);
    finished.assert_status(7);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(lines[..2], ["1024\t65535", "4194304"]);
    assert!(lines.len() == 3 && lines[2].starts_with("lo ") && lines[2].contains("LOWER_UP"), "{lines:?}");
    assert_eq!(before, (setting("ip_local_port_range"), setting("tcp_child_ehash_entries")));
}

#[test]
fn a_run_passes_in_there() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = temp.path().join("results");
    let run = [
        env!("CARGO_BIN_EXE_startline"),
        "run",
        "--sessions",
        "50",
        "--ramp",
        "1s",
        "--hold",
        "1s",
        "--ramp-down",
        "0",
        "--lag-limit",
        "30s",
        "--out",
    ];
    own_network(&[&run[..], &[out.to_str().expect("text")]].concat()).assert_status(0);
}

#[test]
fn without_a_command_it_says_what_it_does() {
    let finished = own_network(&[]);
    finished.assert_status(2);
    assert!(finished.stderr.contains("scripts/own-network COMMAND"), "{}", finished.stderr);
}

/// What this says where the settings are so.
#[track_caller]
fn own_network_where(settings: &str) -> Finished {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "bash", "-c"]);
    command.arg(format!("{settings} || exit 99; \"$SCRIPT\" cat /proc/sys/net/ipv4/ip_local_port_range"));
    command.env("SCRIPT", script("own-network"));
    ended(command)
}

#[test]
fn settings_that_are_read_only_are_no_old_kernel() {
    let finished =
        own_network_where("mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys");
    finished.assert_status(1);
    let said = &finished.stderr;
    assert!(said.contains("/proc/sys is read-only here, as in a container: start it with"), "{said}");
    assert!(
        said.contains("the network could not be made: /proc/sys/net/ipv4/ip_local_port_range cannot"),
        "{said}"
    );
    assert!(!said.contains("kernel") && !said.contains("line "), "{said}");
}

#[test]
fn an_old_kernel_is_named_and_goes_on() {
    // A kernel without the one setting, and with the other.
    let finished = own_network_where(
        "mount -t tmpfs none /proc/sys/net && mkdir /proc/sys/net/ipv4 && : >/proc/sys/net/ipv4/ip_local_port_range",
    );
    finished.assert_status(0);
    assert_eq!(finished.stdout, "1024 65535\n");
    let said =
        "the table of sockets stays as it is: this kernel has no tcp_child_ehash_entries (Linux 6.2)\n";
    assert_eq!(finished.stderr, said);
}

#[test]
fn an_option_is_no_command() {
    let finished = own_network(&["--verbose", "true"]);
    finished.assert_status(2);
    assert!(finished.stderr.contains("there is no option \"--verbose\""), "{}", finished.stderr);
}
