//! A rehearsal of several machines: shards in network namespaces of their own, one of which is killed.

use std::path::Path;

use serde_json::Value;

use crate::common::{finish, number, run, summary, text};
use crate::isolated::{HOW_TO_INSTALL, isolated};

/// Four networks, each with a cable to the mock server's; `$1` is where results go, `$2` the scenario. A
/// machine is its namespace, which a sleeping process holds.
const REHEARSAL: &str = r#"
    ip link set lo up && ip address add 10.77.9.9/32 dev lo || exit 9
    "$0" serve --listen 10.77.9.9:8080 --challenge 38 --ready --workers 1 --members 13-92 >/dev/null 2>&1 & server=$!
    machines=
    trap 'kill $server $machines' EXIT
    for k in 0 1 2 3; do
        unshare --net sleep 600 & machine=$!
        machines="$machines $machine"
        until [ "$(readlink /proc/$machine/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
        ip link add m$k type veth peer name eth0 netns $machine &&
            ip address add 10.77.$k.1/24 dev m$k && ip link set m$k up || exit 9
        nsenter --net=/proc/$machine/ns/net bash -c "
            ip link set lo up && ip address add 10.77.$k.2/24 dev eth0 && ip link set eth0 up &&
            ip route add default via 10.77.$k.1" || exit 9
    done
    until ss -Hltn 'sport = 8080' | grep -q .; do kill -0 $server || exit 9; sleep 0.1; done
    begin=$(($(date +%s) + 20))
    at=$(date -u -d @$begin +%FT%TZ)
    k=0
    shards=
    for machine in $machines; do
        nsenter --net=/proc/$machine/ns/net "$0" run --shard $k/4 --start-at "$at" --out "$1/shard-$k" \
            --target http://10.77.9.9:8080 --challenge 38 --members 13-92 --sessions 80 --ramp 2s --hold 7s \
            --ramp-down 0 --ping-interval 1s --seed 7 --lag-limit 30s --scenario "$2" --yes --quiet &
        shards="$shards $!"
        k=$((k + 1))
    done
    # In the midst of the hold.
    while [ "$(date +%s)" -lt $((begin + 5)) ]; do sleep 0.2; done
    set -- "$1" $shards
    kill -KILL "$4"
    for shard in "$2" "$3" "$5"; do wait "$shard"; done
    exit 0
"#;

fn count(summary: &Value, pointer: &str) -> u64 {
    number(summary, pointer) as u64
}

#[test]
fn four_machines_of_which_one_is_killed() {
    let temp = tempfile::tempdir().expect("a directory");
    let scenario = temp.path().join("patient.toml");
    let limits = ["below = 100\n", "below = 200\nwarn = 500\n", "below = 1000\n"];
    let patient = |text: String, limit: &&str| text.replace(limit, "below = 30000\n");
    let source = include_str!("../../scenarios/runnity.toml").to_owned();
    std::fs::write(&scenario, limits.iter().fold(source, patient)).expect("written");
    let mut command = isolated(REHEARSAL);
    let rehearsal = command.arg(temp.path()).arg(&scenario).spawn().expect(HOW_TO_INSTALL);
    finish(rehearsal).assert_status(0);

    let shard = |k: u32| temp.path().join(format!("shard-{k}"));
    let out = temp.path().join("merged");
    let directories: Vec<String> = (0..4).map(|k| text(&shard(k)).to_owned()).collect();
    let mut args = vec!["merge", "--out", text(&out)];
    args.extend(directories.iter().map(String::as_str));
    let finished = run(&args);
    finished.assert_status(3);
    let said = finished.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in ["20 of the planned sessions (25 %) are missing", "until then 20 of 20 sessions had started"]
    {
        assert!(said.contains(line), "{}", finished.stdout);
    }
    check(&out, |k| summary(&shard(k)));
}

/// The sum is that of the three others, whose accounts close.
fn check(out: &Path, of_shard: impl Fn(u32) -> Value) {
    let merged = summary(out);
    assert_eq!(merged["verdict"], "inconclusive");
    assert_eq!(count(&merged, "/merged/missing_sessions"), 20);
    let merged_parts: Vec<bool> = merged["merged"]["shards"]
        .as_array()
        .expect("shards")
        .iter()
        .map(|part| part["is_merged"] == true)
        .collect();
    assert_eq!(merged_parts, [true, true, false, true]);
    assert_eq!(of_shard(2)["ending"], "running", "it was killed");
    // In the midst of the hold: how far it came is said, and adds nothing.
    let killed = &merged["merged"]["shards"][2];
    assert_eq!((count(killed, "/started"), count(killed, "/reached/open")), (20, 20), "{killed:#}");
    assert!((2.0..9.0).contains(&number(killed, "/reached/seconds")), "{killed:#}");
    for pointer in [
        "/sessions/started",
        "/sessions/established",
        "/sessions/failed",
        "/sessions/held_to_end",
        "/ping/due",
        "/ping/sent",
        "/ping/answered",
        "/messages/received",
        "/ledger/expected",
        "/ledger/missing",
        "/steps/open/count",
        "/errors/total",
    ] {
        let sum: u64 = [0, 1, 3].map(|k| count(&of_shard(k), pointer)).iter().sum();
        assert_eq!(count(&merged, pointer), sum, "{pointer}");
    }
    assert_eq!((count(&merged, "/sessions/planned"), count(&merged, "/sessions/started")), (80, 60));
    let ping = |field: &str| count(&merged, &format!("/ping/{field}"));
    assert!(ping("due") > 0);
    assert_eq!(ping("due"), ping("sent") + ping("missed"));
    assert_eq!(ping("sent"), ping("answered") + ping("late") + ping("unanswered") + ping("pending"));
    assert!(!merged["reasons"].to_string().contains("defect"), "{:#}", merged["reasons"]);
}
