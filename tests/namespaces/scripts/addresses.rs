//! `startline addresses` in a network of its own: what it adds is there and can be used, and what it did not add stays.

use tempfile::TempDir;

use super::ran::in_own_network;

/// What these commands say, which have to go well.
#[track_caller]
fn said(commands: &str) -> Vec<String> {
    let temp = tempfile::tempdir().expect("a directory");
    said_with(&temp, commands)
}

#[track_caller]
fn said_with(temp: &TempDir, commands: &str) -> Vec<String> {
    let finished = in_own_network(temp.path(), commands);
    finished.assert_status(0);
    finished.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn addresses_are_added_once_and_removed_once() {
    let said = said(
        "sources add 10.0.0.11-12; sources add 10.0.0.11-12; ip -o address show dev wire | grep -c 10.0.0.1[12]/32
        sources remove 10.0.0.11-12; sources remove 10.0.0.11-12; ip -o address show dev wire | grep -c 10.0.0.1[12]/32
        sources remove --all",
    );
    assert_eq!(
        said,
        [
            "ip address add 10.0.0.11/32 dev wire metric 188188",
            "ip address add 10.0.0.12/32 dev wire metric 188188",
            "added: 2",
            "already there: 2",
            "2",
            "ip address del 10.0.0.11/32 dev wire",
            "ip address del 10.0.0.12/32 dev wire",
            "removed: 2",
            "not there: 2",
            "0",
            "Nothing was added here.",
        ]
    );
}

#[test]
fn what_was_not_added_here_stays() {
    let temp = tempfile::tempdir().expect("a directory");
    // Another namespace's entry is not about this one's address.
    std::fs::write(temp.path().join("source-addresses"), "net:[1] address 10.0.0.9 wire\n").expect("written");
    let said = said_with(
        &temp,
        "ip address add 10.0.0.9/32 dev wire; sources add 10.0.0.8-10 >/dev/null
        sources remove 10.0.0.1 10.0.0.8-10 | grep -v '^ip'; ip -4 -o address show dev wire | grep -o '10[^ ]*'
        sources remove --all; cat \"$STARTLINE_SOURCES_STATE\"",
    );
    assert_eq!(
        said,
        [
            "not added here, and so left alone: 2",
            "removed: 2",
            "10.0.0.1/24",
            "10.0.0.9/32",
            "Nothing was added here.",
            "net:[1] address 10.0.0.9 wire"
        ]
    );
}

#[test]
fn a_dry_run_adds_nothing() {
    let said = said(
        "sources add 10.0.0.11 fd00::11 --dry-run; sources add --route fd00:9::/64 --dry-run
        ip -o address show dev wire | grep -c '[.:]11/'; ip -6 route show table local | grep -c fd00:9::
        cat /proc/sys/net/ipv6/ip_nonlocal_bind; ls \"$STARTLINE_SOURCES_STATE\" 2>&1 | grep -c 'No such file'",
    );
    assert_eq!(
        said,
        [
            "ip address add 10.0.0.11/32 dev wire metric 188188",
            "ip address add fd00::11/128 dev wire metric 188188 nodad preferred_lft 0",
            "ip route add local fd00:9::/64 dev lo proto 173",
            "sysctl -w net.ipv6.ip_nonlocal_bind=1",
            "0",
            "0",
            "0",
            "1"
        ]
    );
}

#[test]
fn an_ipv6_address_can_be_used_at_once_and_is_chosen_by_nobody() {
    let said = said(
        "sources add fd00::11 | tail -1; ip -6 -o address show dev wire tentative | grep -c fd00::11
        ip -6 -o address show dev wire deprecated | grep -c fd00::11; ip -6 route get fd00::2 | grep -o 'src [^ ]*'",
    );
    assert_eq!(said, ["added: 1", "0", "1", "src fd00::1"]);
}

#[test]
fn the_list_says_what_is_whose() {
    let said =
        said("sources add 10.0.0.11 >/dev/null; sources add --route 10.9.0.0/16 >/dev/null; sources list");
    assert_eq!(
        said,
        [
            "Sessions can come from:",
            "  10.0.0.1 dev wire",
            "  10.0.0.11 dev wire, added here",
            "  ::1 dev lo",
            "  fd00::1 dev wire",
            "  127.0.0.0/8 dev lo, every address of it, to targets on this machine",
            "  10.9.0.0/16 by a local route, added here"
        ]
    );
}

#[test]
fn of_many_addresses_the_first_and_the_last_are_shown() {
    let said = said(
        "sources add 10.0.4.0/22 --dev wire; sources remove --all | tail -1; ip -4 -o address show dev wire | wc -l",
    );
    assert_eq!(said.len(), 12 + 2 + 1 + 2, "{said:#?}");
    assert_eq!(said[12], "… 1009 more (--dry-run prints them all)");
    assert_eq!(
        said[13..],
        ["ip address add 10.0.7.254/32 dev wire metric 188188", "added: 1022", "removed: 1022", "1"]
    );
}

#[test]
fn an_address_that_leads_nowhere_needs_a_device() {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = in_own_network(
        temp.path(),
        "sources add 192.0.2.7; echo status $?; sources add 192.0.2.7 --dev wire",
    );
    assert!(finished.stderr.contains("no route leads to 192.0.2.7"), "{}", finished.stderr);
    assert_eq!(finished.stdout, "status 2\nip address add 192.0.2.7/32 dev wire metric 188188\nadded: 1\n");
}

#[test]
fn each_spec_is_added_to_the_device_that_leads_there() {
    let second =
        "ip link add thread type veth peer name far && ip link set thread up && ip link set far up || exit 97
        ip address add 10.2.0.1/24 dev thread && ip -6 address add fd02::1/64 dev thread nodad || exit 97";
    let said = said(&format!(
        "{second}
        sources add 10.0.0.11 10.2.0.11-12 fd02::11 fd00::11 --dry-run
        sources add 10.2.0.11 10.0.0.11 10.2.0.12 >/dev/null; sources list | grep 'added here'
        sources add 10.0.0.13 10.2.0.13 --dev wire | grep ^ip
        sources remove 10.0.0.11-13 10.2.0.11-13 | grep -v ^ip; ip -4 -o address show | grep -c /32; true"
    ));
    assert_eq!(
        said,
        [
            "ip address add 10.0.0.11/32 dev wire metric 188188",
            "ip address add 10.2.0.11/32 dev thread metric 188188",
            "ip address add 10.2.0.12/32 dev thread metric 188188",
            "ip address add fd02::11/128 dev thread metric 188188 nodad preferred_lft 0",
            "ip address add fd00::11/128 dev wire metric 188188 nodad preferred_lft 0",
            "  10.0.0.11 dev wire, added here",
            "  10.2.0.11 dev thread, added here",
            "  10.2.0.12 dev thread, added here",
            "ip address add 10.0.0.13/32 dev wire metric 188188",
            "ip address add 10.2.0.13/32 dev wire metric 188188",
            "not there: 1",
            "removed: 5",
            "0"
        ]
    );
}

#[test]
fn what_the_kernel_refuses_is_not_remembered() {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = in_own_network(
        temp.path(),
        "echo 1 >/proc/sys/net/ipv6/conf/wire/disable_ipv6; sources add fd00::11 10.0.0.11 --dev wire; echo status $?
        sources remove fd00::11",
    );
    let said: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(said[2..], ["added: 1", "status 1", "not there: 1"], "{}", finished.stderr);
    assert!(finished.stderr.contains("not all could be done"), "{}", finished.stderr);
}

#[test]
fn one_route_makes_a_block_this_box_s_own() {
    // Somebody who binds to an address of each block, and somebody who reaches it there.
    let served = |address: &str| {
        format!(
            "\"$STARTLINE\" serve --listen '{address}:8080' --members 13-18 --challenge 38 --ready >/dev/null 2>&1 & server=$!
            until (exec 3<>/dev/tcp/{}/8080) 2>/dev/null; do kill -0 $server || exit 8; done
            kill $server; wait $server; echo served",
            address.trim_matches(['[', ']'])
        )
    };
    let said = said(&format!(
        "sources add --route 10.9.0.0/16 fd00:9::/64; sources add --route 10.9.0.0/16 fd00:9::/64
        {}\n{}
        sources remove --route fd00:9::/64 10.9.0.0/16 10.8.0.0/16; cat /proc/sys/net/ipv6/ip_nonlocal_bind
        ip route show table local | grep -c 10.9; ip -6 route show table local | grep -c fd00:9; true",
        served("10.9.1.7"),
        served("[fd00:9::7]")
    ));
    assert_eq!(
        said,
        [
            "ip route add local 10.9.0.0/16 dev lo proto 173",
            "ip route add local fd00:9::/64 dev lo proto 173",
            "sysctl -w net.ipv6.ip_nonlocal_bind=1",
            "10.9.0.0/16: already there",
            "fd00:9::/64: already there",
            "served",
            "served",
            "10.8.0.0/16: not there",
            "sysctl -w net.ipv6.ip_nonlocal_bind=0",
            "ip route del local fd00:9::/64 dev lo proto 173",
            "ip route del local 10.9.0.0/16 dev lo proto 173",
            "0",
            "0",
            "0"
        ]
    );
}

#[test]
fn a_route_of_somebody_elses_stays() {
    let said = said(
        "ip route add local 10.9.0.0/16 dev lo; sources add --route 10.9.0.0/16; sources remove --route 10.9.0.0/16
        sources remove --all; ip route show table local | grep -c 10.9",
    );
    assert_eq!(
        said,
        [
            "10.9.0.0/16: already there",
            "10.9.0.0/16: not added here, and so left alone",
            "Nothing was added here.",
            "1"
        ]
    );
}
