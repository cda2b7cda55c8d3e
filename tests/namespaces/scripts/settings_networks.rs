//! What `startline tune` saves is of the network that it was changed in: of several at once, and of those that are gone.

use std::fs;
use std::path::Path;

use super::ran::in_own_network;
use super::settings::Tree;

const PORTS: &str = "net.ipv4.ip_local_port_range";

/// What these commands say, which have to go well. `ports` shows the range of ports, or sets it.
#[track_caller]
fn said(directory: &Path, commands: &str) -> Vec<String> {
    let ports = "ports() { if [ $# -gt 0 ]; then echo \"$*\" >/proc/sys/net/ipv4/ip_local_port_range; \\
        else tr '\\t' ' ' </proc/sys/net/ipv4/ip_local_port_range; fi; }";
    let finished = in_own_network(directory, &format!("{ports}\nexport -f ports tune\n{commands}"));
    finished.assert_status(0);
    finished.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn each_network_goes_back_to_its_own_values() {
    let temp = tempfile::tempdir().expect("a directory");
    let inner = "ports 40000 40999; tune apply --sessions 20k >/dev/null || exit 1; echo applied; read -r
        ports; tune revert | grep -v ^Left; ports";
    let said = said(
        temp.path(),
        &format!(
            "coproc unshare --net bash -c '{inner}'; read -r ready <&${{COPROC[0]}}; echo $ready
            ports 32768 60999; tune apply --sessions 20k >/dev/null || exit 2
            tune revert; ports; tune revert
            exec {{answers}}<&${{COPROC[0]}}; echo >&${{COPROC[1]}}; cat <&$answers; ls \"$STARTLINE_TUNE_STATE\" 2>/dev/null; true"
        ),
    );
    let other = "Left alone: 1 of other network namespaces, which startline tune revert puts back in there.";
    let expected = [
        "applied",
        other,
        "net.ipv4.ip_local_port_range: 1024 65535 → 32768 60999",
        "32768 60999",
        other,
        "Nothing to put back here.",
        "1024 65535",
        "net.ipv4.ip_local_port_range: 1024 65535 → 40000 40999",
        "40000 40999",
    ];
    assert_eq!(said, expected, "and nothing is left saved");
}

#[test]
fn a_network_that_is_gone_hands_nothing_on() {
    let temp = tempfile::tempdir().expect("a directory");
    // Numbers are given out again: this is what one before it with the same number would have left.
    let said = said(
        temp.path(),
        "number=$(readlink /proc/self/ns/net); boot=$(cat /proc/sys/kernel/random/boot_id)
        printf 'net.ipv4.ip_local_port_range\\t40000\\\\t40999\\\\n\\t1024 65535\\\\n\\t%s\\n' \"$number@$boot\" \"$number@before\" >\"$STARTLINE_TUNE_STATE\"
        ports 32768 60999; tune revert 2>&1; ports; tune apply --sessions 20k >/dev/null || exit 1; ports; tune revert; ports",
    );
    let stays = format!(
        "{PORTS} is 32768 60999: not what was written, 1024 65535, so somebody else changed it. It stays; --force makes it \
         40000 40999."
    );
    let back = format!("{PORTS}: 1024 65535 → 32768 60999");
    assert_eq!(said, [&stays, "32768 60999", "1024 65535", &back, "32768 60999"]);
}

#[test]
fn what_somebody_else_set_meanwhile_is_what_applying_again_goes_back_to() {
    let tree = Tree::usual();
    tree.tune("apply --sessions 20000").assert_status(0);
    tree.set(PORTS, "33000\t60000\n");
    tree.tune("apply --sessions 20000").assert_status(0);
    assert_eq!(tree.get(PORTS), "1024 65535\n");
    tree.tune("revert").assert_status(0);
    assert_eq!(tree.get(PORTS), "33000\t60000\n");
}

#[test]
fn what_was_saved_before_networks_were_told_apart_is_the_box_s() {
    let tree = Tree::usual();
    fs::create_dir_all(tree.state().parent().expect("a parent")).expect("created");
    fs::write(tree.state(), format!("{PORTS}\t40000\\t40999\\n\t1024 65535\\n\n")).expect("written");
    tree.set(PORTS, "1024\t65535\n");
    let elsewhere = tree.tune("revert");
    elsewhere.assert_status(0);
    assert!(elsewhere.stdout.ends_with("Nothing to put back here.\n"), "{}", elsewhere.stdout);
    // What the machine's own network has, and no other.
    tree.set("net.core.netdev_max_backlog", "1000\n");
    tree.tune("revert").assert_status(0);
    assert_eq!(tree.get(PORTS), "40000\t40999\n");
    assert!(!tree.state().exists());
}
