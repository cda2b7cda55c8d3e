//! What `startline addresses` takes for its own is what the kernel shows it to have added: not what its list says, which others may
//! have overtaken, in this network or in one before it with the same number.

use tempfile::TempDir;

use super::ran::in_own_network;

/// What these commands say, which have to go well; `there` shows the addresses of `wire` that are IPv4's.
#[track_caller]
fn said(commands: &str) -> Vec<String> {
    let temp: TempDir = tempfile::tempdir().expect("a directory");
    let there = "there() { ip -4 -o address show dev wire | grep -o '10[^ ]*/[0-9]*'; }";
    let finished = in_own_network(temp.path(), &format!("{there}\n{commands}"));
    finished.assert_status(0);
    finished.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn a_route_that_others_took_away_is_not_listed() {
    let said = said(
        "sources add --route 10.9.0.0/16 fd00:9::/64 >/dev/null; ip route del local 10.9.0.0/16 dev lo; ip -6 route del local fd00:9::/64 dev lo
        sources list | grep route; sources remove --all --dry-run; sources remove --all | sort; cat /proc/sys/net/ipv6/ip_nonlocal_bind
        cat \"$STARTLINE_SOURCES_STATE\"",
    );
    assert_eq!(
        said,
        [
            "Nothing was added here.",
            "Nothing was added here.",
            "net.ipv6.ip_nonlocal_bind stays 1: no route is left that it was set for here. If nobody else needs it: sysctl -w \
             net.ipv6.ip_nonlocal_bind=0",
            "no longer there as added here, and so forgotten: route 10.9.0.0/16",
            "no longer there as added here, and so forgotten: route fd00:9::/64",
            "1",
        ]
    );
}

#[test]
fn what_was_added_in_a_network_that_is_gone_is_not_taken_for_what_is_here() {
    // Its number was given out again: this is what one before it would have left.
    let said = said(
        "number=$(readlink /proc/self/ns/net)
        for left in 'address 10.0.0.9 wire' 'address fd00::9 wire' 'route 10.9.0.0/16 lo' 'setting net.ipv6.ip_nonlocal_bind 0'; do
            echo \"$number $left\"
        done >\"$STARTLINE_SOURCES_STATE\"
        ip address add 10.0.0.9/32 dev wire; ip address add fd00::9/128 dev wire nodad; ip route add local 10.9.0.0/16 dev lo
        echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind
        sources list | grep -c 'added here'; sources remove --all | grep -c 'no longer there as added here'
        there; ip -6 -o address show dev wire | grep -c fd00::9; ip route show table local | grep -c 10.9; cat /proc/sys/net/ipv6/ip_nonlocal_bind
        sources remove 10.0.0.9; sources remove --route 10.9.0.0/16",
    );
    assert_eq!(
        said,
        [
            "0",
            "3",
            "10.0.0.1/24",
            "10.0.0.9/32",
            "1",
            "1",
            "1",
            "not added here, and so left alone: 1",
            "10.9.0.0/16: not added here, and so left alone",
        ]
    );
}

#[test]
fn an_address_that_others_added_anew_is_theirs() {
    let said = said(
        "sources add 10.0.0.11-13 >/dev/null; for own in 11 12; do ip address del 10.0.0.$own/32 dev wire; done
        ip address add 10.0.0.11/24 dev wire; ip address add 10.0.0.12/32 dev wire; sources list | grep added
        sources remove --all | sort; there; sources remove --all",
    );
    assert_eq!(
        said,
        [
            "  10.0.0.13 dev wire, added here",
            "ip address del 10.0.0.13/32 dev wire",
            "no longer there as added here, and so forgotten: address 10.0.0.11 dev wire",
            "no longer there as added here, and so forgotten: address 10.0.0.12 dev wire",
            "removed: 1",
            "10.0.0.1/24",
            "10.0.0.12/32",
            "10.0.0.11/24",
            "Nothing was added here.",
        ]
    );
}
