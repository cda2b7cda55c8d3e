//! Source addresses as a target on the same LAN meets them: two networks joined by a wire, the mock server in the other one.

use super::ran::in_own_network;

/// What a generator's commands say. `from ADDRESS…` connects to the target once from each, and says how many got through;
/// `there COMMAND…` is done on the target's side.
#[track_caller]
fn said(commands: &str) -> Vec<String> {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = in_own_network(
        temp.path(),
        &format!(
            "# Gives up a connection that nobody answers after two SYNs.
            echo 1 >/proc/sys/net/ipv4/tcp_syn_retries
            unshare --net bash -c '
              until ip link show other >/dev/null 2>&1; do read -t 0.01 <> <(:) || true; done
              ip address add 10.0.0.2/24 dev other && ip link set other up && ip link set lo up || exit 98
              exec \"$STARTLINE\" serve --listen 10.0.0.2:8080 --members 13-18 --challenge 38 --ready >/dev/null 2>&1' & target=$!
            trap 'kill $target' EXIT
            until [ \"$(readlink /proc/$target/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do :; done
            ip link set other netns $target || exit 97
            until (exec 3<>/dev/tcp/10.0.0.2/8080) 2>/dev/null; do kill -0 $target || exit 96; done
            there() {{ nsenter --target $target --net -- \"$@\"; }}
            from() {{
              local address reached=0
              for address in \"$@\"; do
                ip route replace 10.0.0.2/32 dev wire src $address || exit 95
                ! (exec 3<>/dev/tcp/10.0.0.2/8080) 2>/dev/null || reached=$((reached + 1))
              done
              ip route del 10.0.0.2/32
              echo $reached of $# reached it
            }}
            there ip neigh flush all
            {commands}"
        ),
    );
    finished.assert_status(0);
    finished.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn each_secondary_address_is_a_neighbour_of_the_target() {
    let said = said(
        "sources add 10.0.0.11-30 >/dev/null; from 10.0.0.{11..30}
        there ip -4 neigh show dev other | grep -c '^10.0.0.[12][0-9] '; ip -4 neigh show dev wire | wc -l",
    );
    assert_eq!(said, ["20 of 20 reached it", "19", "1"], "10.0.0.30 is not in the pattern");
}

#[test]
fn a_local_route_within_the_lan_answers_for_its_addresses() {
    let said = said("sources add --route 10.0.0.64/26 >/dev/null; from 10.0.0.70 10.0.0.90");
    assert_eq!(said, ["2 of 2 reached it"]);
}

#[test]
fn a_block_of_its_own_needs_a_route_back_and_is_one_neighbour() {
    let said = said(
        "sources add --route 10.9.0.0/16 >/dev/null; from 10.9.1.1
        there ip route add 10.9.0.0/16 via 10.0.0.1; from 10.9.1.1 10.9.200.7 10.9.77.3
        there ip -4 neigh show dev other | grep -c '^10.9'; there ip -4 neigh show dev other | grep -c '^10.0.0.1 '",
    );
    assert_eq!(said, ["0 of 1 reached it", "3 of 3 reached it", "0", "1"]);
}
