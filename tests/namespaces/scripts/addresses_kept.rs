//! What `startline addresses` remembers stays true: with others at work at once, interrupted, refused, and for whoever may not.

use std::path::Path;
use std::process::Command;

use super::ran::{ended, in_own_network};
use crate::common::Finished;

/// What these commands do. `"$SOURCES"` is the script, which becomes the program, whose process `$!` then is; `remembered` and `there` being how many addresses of 10.2.0.0/15 are.
#[track_caller]
fn done(directory: &Path, commands: &str) -> Finished {
    let counts = "
        remembered() { grep -c ' address 10[.][23][.]' \"$STARTLINE_SOURCES_STATE\"; }
        there() { ip -4 -o address show dev wire | grep -c ' 10[.][23][.]'; }
        read_only() { mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys || exit 99; }
        deadline=$((SECONDS + 60))
        until_passed() { [ $SECONDS -lt $deadline ] || { echo 'not within a minute' >&2; exit 97; }; }
    ";
    in_own_network(directory, &format!("{counts}\n{commands}"))
}

#[track_caller]
fn said(commands: &str) -> Vec<String> {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = done(temp.path(), commands);
    finished.assert_status(0);
    finished.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn those_that_run_at_once_remember_everything() {
    let said = said(
        "for block in 1 2 3 4 5 6; do \"$SOURCES\" add 10.2.$block.1-20 --dev wire >/dev/null & adding+=($!); done
        for one in \"${adding[@]}\"; do wait $one || echo failed; done
        there; remembered; sources remove 10.2.1.1-20 >/dev/null & sources remove 10.2.2.1-20 >/dev/null & wait
        there; remembered; sources remove --all | tail -n 1; there; true",
    );
    assert_eq!(said, ["120", "120", "80", "80", "removed: 80", "0"]);
}

#[test]
fn one_that_has_to_wait_says_so() {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = done(
        temp.path(),
        "exec {held}>\"$STARTLINE_SOURCES_STATE.lock\"; flock $held
        \"$SOURCES\" add 10.2.0.1 --dev wire 2>\"$STARTLINE_SOURCES_STATE.said\" & adding=$!
        until grep -q 'another startline is changing this' \"$STARTLINE_SOURCES_STATE.said\"; do until_passed; sleep 0.02; done
        sources add 10.2.0.1 --dev wire --dry-run; there; flock -u $held; wait $adding; there",
    );
    let lines: Vec<&str> = finished.stdout.lines().collect();
    let command = "ip address add 10.2.0.1/32 dev wire metric 188188";
    assert_eq!(lines, [command, "0", command, "added: 1", "1"], "a dry run has nothing to wait for");
}

/// What a script says that sends a signal in the midst of something, and its status first. On a busy machine it may be over by then: again.
#[track_caller]
fn said_when_stopped(script: &str) -> Vec<String> {
    let mut tries = (0..20).map(|_| said(script));
    tries.find(|said| said[0] != "status 0").expect("a signal in the midst of it")
}

#[test]
fn an_interrupted_add_stops_and_remembers_what_is_there() {
    for (signal, status) in [("TERM", 143), ("HUP", 129)] {
        let said = said_when_stopped(&format!(
            "\"$SOURCES\" add 10.2.{{0,16,32,48}}.0/20 --dev wire >/dev/null 2>&1 & adding=$!
            until [ \"$(there)\" -ge 50 ]; do until_passed; done
            kill -{signal} $adding; wait $adding; echo status $?; there; remembered
            # Whatever it has started has ended, too: it would hold the lock.
            flock --nonblock \"$STARTLINE_SOURCES_STATE.lock\" echo free
            sources remove --all | tail -n 1; there; true"
        ));
        assert_eq!(said[0], format!("status {status}"), "{said:?}");
        let there: u32 = said[1].parse().expect("a count");
        assert!((50..16_376).contains(&there), "{said:?}");
        assert_eq!(said[2..], [said[1].as_str(), "free", &format!("removed: {there}"), "0"]);
    }
}

#[test]
fn an_interrupted_remove_remembers_what_is_left() {
    let said = said_when_stopped(
        "sources add 10.2.0.0/20 --dev wire >/dev/null; all=$(there); \"$SOURCES\" remove --all >/dev/null 2>&1 & removing=$!
        until [ \"$(there)\" -lt $all ]; do until_passed; done
        kill $removing; wait $removing; echo status $?; [ \"$(there)\" = \"$(remembered)\" ] && echo true
        sources remove --all >/dev/null; there; true",
    );
    assert_eq!(said, ["status 143", "true", "0"]);
}

#[test]
fn without_a_reader_of_what_it_says_it_leaves_nothing_unremembered() {
    let said = said(
        "sources add 10.2.0.1-100 --dev wire 2>/dev/null | head -n 1; [ \"$(there)\" = \"$(remembered)\" ] && echo true",
    );
    assert_eq!(said, ["ip address add 10.2.0.1/32 dev wire metric 188188", "true"]);
}

#[test]
fn what_cannot_be_remembered_is_not_done() {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = done(
        temp.path(),
        ": >\"$STARTLINE_SOURCES_STATE\"; STARTLINE_SOURCES_STATE+=/below; export STARTLINE_SOURCES_STATE
        sources add 10.2.0.1 --dev wire; echo status $?; there; true",
    );
    assert_eq!(finished.stdout, "status 1\n0\n");
    assert!(
        finished.stderr.contains("nothing is changed, because it cannot be remembered"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_dry_run_of_removing_shows_every_command() {
    let said = said(
        "sources add 10.2.0.1 --dev wire >/dev/null; sources add --route fd00:9::/64 >/dev/null
        sources remove --all --dry-run >\"$STARTLINE_SOURCES_STATE.dry\"; cat \"$STARTLINE_SOURCES_STATE.dry\"; there; remembered
        sources remove --all | grep -v removed: | diff - \"$STARTLINE_SOURCES_STATE.dry\" && echo alike
        sources add --route fd00:9::/64 fd00:8::/64 >/dev/null; sources remove --route fd00:9::/64 --dry-run",
    );
    let expected = [
        "ip address del 10.2.0.1/32 dev wire",
        "sysctl -w net.ipv6.ip_nonlocal_bind=0",
        "ip route del local fd00:9::/64 dev lo proto 173",
        "1",
        "1",
        "alike",
        "ip route del local fd00:9::/64 dev lo proto 173",
    ];
    assert_eq!(said, expected, "the other block still needs the setting");
}

#[test]
fn a_setting_that_cannot_be_set_is_not_remembered_as_set() {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = done(
        temp.path(),
        "read_only; sources add --route fd00:9::/64; echo status $?; sed 's/^[^ ]* //' \"$STARTLINE_SOURCES_STATE\"
        sources remove --all; echo status $?; cat \"$STARTLINE_SOURCES_STATE\"",
    );
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "ip route add local fd00:9::/64 dev lo proto 173",
            "sysctl -w net.ipv6.ip_nonlocal_bind=1",
            "status 1",
            "route fd00:9::/64 lo",
            "ip route del local fd00:9::/64 dev lo proto 173",
            "status 0",
        ]
    );
    assert!(
        finished
            .stderr
            .contains("net.ipv6.ip_nonlocal_bind stays 0, 1 cannot be written: Read-only file system"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_setting_that_cannot_be_put_back_is_remembered() {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = done(
        temp.path(),
        "sources add --route fd00:9::/64 >/dev/null; read_only; sources remove --all >/dev/null; echo status $?
        umount /proc/sys; sources remove --all; echo status $?; cat /proc/sys/net/ipv6/ip_nonlocal_bind",
    );
    assert_eq!(
        finished.stdout,
        "status 1\nsysctl -w net.ipv6.ip_nonlocal_bind=0\nip route del local fd00:9::/64 dev lo proto 173\nstatus 0\n0\n",
        "{}",
        finished.stderr
    );
}

#[test]
fn an_address_named_twice_is_removed_once() {
    let said =
        said("sources add 10.2.0.1-2 --dev wire >/dev/null; sources remove 10.2.0.1 10.2.0.1-2 | tail -n 1");
    assert_eq!(said, ["removed: 2"]);
}

#[test]
fn what_failed_is_named_by_its_command() {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = done(
        temp.path(),
        "echo 1 >/proc/sys/net/ipv6/conf/wire/disable_ipv6; sources add 10.2.0.1 fd00::11 --dev wire >/dev/null",
    );
    finished.assert_status(1);
    let named = "ip address add fd00::11/128 dev wire metric 188188 nodad preferred_lft 0: ";
    assert!(finished.stderr.starts_with(named), "{}", finished.stderr);
}

/// `add` and `remove` by somebody in a user namespace of this kind.
#[track_caller]
fn refused(namespace: &[&str]) -> [String; 2] {
    ["add 10.2.0.1 --dev lo", "remove --all"].map(|words| {
        let temp = tempfile::tempdir().expect("a directory");
        let mut command = Command::new("unshare");
        command.args(namespace).args([env!("CARGO_BIN_EXE_startline"), "addresses"]).args(words.split(' '));
        command.env("STARTLINE_SOURCES_STATE", temp.path().join("state/sources"));
        let finished = ended(command);
        finished.assert_status(1);
        assert_eq!(finished.stdout, "", "{words}");
        assert!(!temp.path().join("state").exists(), "{words}: nothing is done before");
        finished.stderr
    })
}

#[test]
fn who_is_not_root_is_told_before_anything_is_done() {
    let [add, remove] = refused(&["--user"]);
    assert!(add.contains("this needs root. Run: sudo startline addresses add 10.2.0.1 --dev lo\n"), "{add}");
    assert!(remove.contains("this needs root. Run: sudo startline addresses remove --all\n"), "{remove}");
}

#[test]
fn root_of_a_container_is_told_what_is_missing() {
    let without = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"];
    for said in refused(&[&["--user", "--map-root-user", "--net"][..], &without].concat()) {
        assert!(said.contains("no CAP_NET_ADMIN"), "{said}");
    }
}

#[test]
fn tools_that_are_missing_are_named_with_their_package() {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = done(
        temp.path(),
        "mkdir \"$STARTLINE_SOURCES_STATE.bin\" && ln -s /usr/bin/* /bin/* /usr/sbin/* /sbin/* \"$STARTLINE_SOURCES_STATE.bin\" 2>/dev/null
        rm \"$STARTLINE_SOURCES_STATE.bin/ip\"; mount -t tmpfs none /usr/sbin && mount -t tmpfs none /sbin || exit 99
        PATH=$STARTLINE_SOURCES_STATE.bin; sources add 10.2.0.1 --dev wire; echo status $?",
    );
    assert_eq!(finished.stdout, "status 1\n");
    assert!(finished.stderr.contains("As root: apt-get install iproute2"), "{}", finished.stderr);
}
