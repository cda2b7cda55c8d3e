//! Ports: destinations, source addresses, what waits on them, and how they are chosen.

use super::*;
use crate::plan::PortMethod;

#[test]
fn ports_count_what_waits_in_time_wait() {
    let default = readings("default");
    // 20,000 held; with a 60 s ramp all 20,000 HTTP connections still wait at its end.
    let refused = check("ports", &need(20_000, 60), &default);
    assert_eq!(refused.verdict, Verdict::Refuse);
    assert_eq!(refused.need.text, "40,000: 20,000 sessions and 20,000 HTTP connections in TIME_WAIT");
    assert_eq!(
        commands(&refused),
        [
            "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"",
            "startline tune apply --sessions 20000 --sources 1 --targets 1 --ramp 1m --workers 2",
            "--http pooled",
            "--ramp 2m26s",
            "startline addresses add ADDRESS…",
        ]
    );
    let ok = |need: &Need, readings: &Readings| check("ports", need, readings).verdict == Verdict::Ok;
    assert!(ok(&need(20_000, 146), &default), "the ramp that was proposed");
    assert!(!ok(&need(20_000, 145), &default), "and none shorter");
    assert!(ok(&Need { http: HttpConnections::Pooled { per_worker: 50 }, ..need(20_000, 60) }, &default));
    assert!(ok(&Need { http: HttpConnections::None, ..need(20_000, 60) }, &default));
    assert!(ok(&on_this_box(20_000, 60), &default), "loopback's are reused after a second");
    let mut reused = default.clone();
    reused.system.tw_reuse = Ok(1);
    assert!(ok(&need(20_000, 60), &reused));
    reused.system.tw_reuse = Err("no file".into());
    assert!(!ok(&on_this_box(20_000, 60), &reused), "nothing is reused as far as is known");
}

#[test]
fn half_open_sockets_take_ports_and_descriptors_besides() {
    let default = readings("default");
    let half_open = storms(&["100%@5m:silent"], (30_000, 0));
    let need = Need { storms: half_open, http: HttpConnections::None, ..need(1_000, 60) };
    let ports = check("ports", &need, &default);
    assert_eq!(ports.verdict, Verdict::Refuse, "{ports:#?}");
    assert_eq!(ports.need.text, "31,000: 1,000 sessions and 30,000 half-open sockets of --drop");
    let tune =
        "startline tune apply --sessions 31000 --sources 1 --targets 1 --ramp 1m --http none --workers 2";
    assert!(commands(&ports).contains(&tune), "{ports:#?}");
    let descriptors = check("descriptors", &need, &default);
    assert_eq!(descriptors.need.value, Some(31_064), "{descriptors:#?}");
    let what = "1,000 sessions and 30,000 half-open sockets of --drop, and 64 for itself";
    assert!(descriptors.need.text.ends_with(what), "{descriptors:#?}");
}

#[test]
fn what_a_longer_ramp_cannot_mend_does_not_propose_it() {
    let refused = check("ports", &need(30_000, 600), &readings("default"));
    assert!(
        !commands(&refused).iter().any(|it| it.starts_with("--ramp") || it.starts_with("--http")),
        "{refused:#?}"
    );
    let mut wide = readings("default");
    wide.system.port_range = Ok((1024, 65535));
    assert_eq!(commands(&check("ports", &need(60_000, 60), &wide))[..2], ["--http pooled", "--ramp 13m18s"]);
    let refused = check("ports", &need(100_000, 600), &wide);
    assert!(refused.why.as_deref().is_some_and(|why| why.contains("there are 64,512")), "{refused:#?}");
    assert_eq!(refused.fixes.len(), 1);
    assert!(refused.fixes[0].text.contains("1 more address; then name all 2"), "{refused:#?}");
}

#[test]
fn ports_are_range_times_sources_times_targets() {
    let readings = readings("default");
    let address = |text: &str| text.parse().expect("an address");
    let many = Need {
        targets: vec!["10.0.0.1:80".parse().expect("one"), "[fd00::1]:80".parse().expect("one")],
        sources: vec![address("10.0.0.2"), address("10.0.0.3"), address("fd00::2")],
        ..need(6_000, 240)
    };
    let ports = check("ports", &many, &readings);
    assert_eq!(ports.reading.value, Some(3 * 28_232), "two pairs of IPv4, one of IPv6");
    assert_eq!(ports.reading.text, "84,696 (32768-60999 × 3 pairs of a source and a target of one family)");
    assert_eq!(check("source-addresses", &many, &readings).verdict, Verdict::Ok);
    let plenty = Need { sessions: 80_000, ramp: Duration::from_millis(500), ..many };
    let refused = check("ports", &plenty, &readings);
    let tune = "startline tune apply --sessions 80000 --sources 3 --targets 1 --ramp 500ms --workers 2";
    assert_eq!(commands(&refused)[1], tune, "{refused:#?}");
    let none = Need { sources: vec![address("fd00::2")], ..need(6_000, 240) };
    let refused = check("ports", &none, &readings);
    assert_eq!((refused.verdict, refused.reading.value), (Verdict::Refuse, Some(0)));
    let loopback = check("ports", &on_this_box(100_000, 600), &readings);
    assert!(commands(&loopback).contains(&"--source-ip 127.0.1.1-127.0.1.4"), "{loopback:#?}");
}

#[test]
fn only_the_kernel_s_own_search_is_slow_beyond_half_of_the_ports() {
    let mut readings = readings("default");
    let kernel = |sessions| Need { ports: Some(PortMethod::Kernel), ..need(sessions, 240) };
    assert_eq!(check("ports", &kernel(10_000), &readings).verdict, Verdict::Ok);
    let slow = check("ports", &kernel(14_000), &readings);
    assert_eq!(slow.verdict, Verdict::Warn);
    assert!(slow.why.as_deref().is_some_and(|why| why.contains("--ports kernel")), "{slow:#?}");
    assert_eq!(commands(&slow)[0], "--ports windows");
    assert!(commands(&slow).contains(&"sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\""), "{slow:#?}");
    readings.trials.features.port_windows = Err("Protocol not available".into());
    assert_eq!(commands(&check("ports", &kernel(14_000), &readings))[0], "--ports explicit");
    assert_eq!(check("ports", &need(14_000, 240), &readings).verdict, Verdict::Ok, "explicit by itself");
}

#[test]
fn windows_that_the_kernel_does_not_have_are_refused() {
    let mut readings = readings("default");
    let windows = Need { ports: Some(PortMethod::Windows), ..need(6_000, 240) };
    assert_eq!(check("port-windows", &windows, &readings).verdict, Verdict::Ok);
    let need_of = |ports, readings: &Readings| {
        check("port-windows", &Need { ports, ..need(6_000, 240) }, readings).need.text
    };
    assert_eq!(need_of(None, &readings), "used", "by itself");
    assert_eq!(need_of(Some(PortMethod::Kernel), &readings), "not needed");
    readings.trials.features.port_windows = Err("Protocol not available".into());
    let refused = check("port-windows", &windows, &readings);
    assert_eq!((refused.verdict, commands(&refused)), (Verdict::Refuse, vec!["--ports explicit"]));
    assert_eq!(check("port-windows", &need(6_000, 240), &readings).verdict, Verdict::Ok);
    assert_eq!(need_of(None, &readings), "not needed", "ports are chosen in another way");
}

#[test]
fn other_hosts_are_destinations_of_websockets() {
    let readings = readings("default");
    let to = |others: &[(&str, Option<u16>)], need: Need| {
        let others = others.iter().map(|(address, port)| (address.parse().expect("one"), *port)).collect();
        check("ports", &Need { others, ..need }, &readings)
    };
    // 27,000 HTTP connections wait to the target at most, 27,000 WebSockets are held by the other.
    let one = to(&[("10.0.0.9", Some(80))], need(27_000, 60));
    assert_eq!((one.verdict, one.reading.value), (Verdict::Warn, Some(2 * 28_232)));
    assert_eq!(one.reading.text, "56,464 (32768-60999 × 1 source × 2 destinations)");
    let why = one.why.as_deref().unwrap_or_default();
    assert!(
        why.contains("if all WebSockets go to the target, the plan needs 54,000 local ports"),
        "{one:#?}"
    );
    assert!(commands(&one).contains(&"--http pooled"), "{one:#?}");
    assert_eq!(to(&[("10.0.0.9", Some(80))], need(60_000, 600)).verdict, Verdict::Refuse, "of both 56,464");
    let two = [("10.0.0.9", None), ("10.0.0.10", None)];
    assert_eq!(to(&two, need(60_000, 600)).verdict, Verdict::Warn);
    assert_eq!(to(&two, need(20_000, 600)).verdict, Verdict::Ok);
}

#[test]
fn one_other_host_may_have_to_bear_what_four_addresses_would() {
    let readings = readings("default");
    let targets = (1..=4).map(|last| format!("10.0.0.{last}:80").parse().expect("one")).collect();
    let four = Need { targets, ..need(60_000, 600) };
    assert_eq!(check("ports", &four, &readings).verdict, Verdict::Ok);
    let others = vec![(IpAddr::from([10, 0, 0, 9]), None)];
    let one = check("ports", &Need { others, ..four }, &readings);
    assert_eq!(one.verdict, Verdict::Warn);
    let why = one.why.as_deref().unwrap_or_default();
    assert!(why.contains("go to the other hosts, the plan needs 60,000 local ports"), "{one:#?}");
    assert!(!commands(&one).contains(&"--http pooled"), "none of them waits: {one:#?}");
    // Of four addresses and one, the one is what the settings have to be enough for.
    let tune = "startline tune apply --sessions 60000 --sources 1 --targets 1 --ramp 10m --workers 2";
    assert_eq!(commands(&one)[..2], ["sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"", tune]);
}

#[test]
fn a_source_address_more_makes_pairs_with_its_own_family_alone() {
    let readings = readings("default");
    let targets = ["10.0.0.1:80", "10.0.0.2:80", "[fd00::1]:80"].map(|it| it.parse().expect("one")).to_vec();
    let sources = vec!["10.0.0.2".parse().expect("one")];
    let need = Need { targets, sources, http: HttpConnections::None, ..need(100_000, 600) };
    let few = check("ports", &need, &readings);
    // The IPv6 address has no pair.
    assert_eq!((few.verdict, few.reading.value), (Verdict::Refuse, Some(2 * 28_232)));
    let last = few.fixes.last().expect("one");
    assert!(last.text.contains("1 more address; then name all 2"), "{few:#?}");
}

#[test]
fn source_addresses_of_others_are_refused() {
    let sources: Vec<IpAddr> = vec![IpAddr::from([10, 0, 0, 2]), IpAddr::from([10, 0, 0, 3])];
    let mut readings = readings("default");
    let refused = Owner::Another("Cannot assign requested address".to_owned());
    readings.trials.sources = vec![(sources[0], Owner::ThisMachine), (sources[1], refused)];
    let need = Need { sources: sources.clone(), ..need(6_000, 240) };
    let check = check("source-addresses", &need, &readings);
    assert_eq!((check.verdict, check.reading.value), (Verdict::Refuse, Some(1)));
    assert_eq!(commands(&check), ["startline addresses add 10.0.0.3", "ip addr add 10.0.0.3/32 dev DEVICE"]);
    readings.trials.sources[1].1 = Owner::Unclear("no routes".into());
    let unclear = super::check("source-addresses", &need, &readings);
    assert_eq!((unclear.verdict, commands(&unclear)), (Verdict::Warn, vec!["ip route get 10.0.0.3"]));
    assert!(unclear.why.as_deref().is_some_and(|why| why.contains("perhaps not of this machine: no routes")));
}

#[test]
fn a_source_address_from_which_nothing_leads_to_the_target_is_refused_by_name() {
    let refused = |sources: &[&str], owner: Owner, need: Need| {
        let sources: Vec<IpAddr> = sources.iter().map(|source| source.parse().expect("one")).collect();
        let mut readings = readings("default");
        readings.trials.sources = sources.iter().map(|source| (*source, Owner::ThisMachine)).collect();
        readings.trials.targets = need.targets.iter().map(|it| (it.ip(), owner.clone())).collect();
        check("source-addresses", &Need { sources, ..need }, &readings)
    };
    let elsewhere = || Owner::Another("Cannot assign requested address".to_owned());
    let loopback = refused(&["10.0.0.7", "127.0.2.1"], elsewhere(), need(6_000, 240));
    assert_eq!((loopback.verdict, loopback.reading.value), (Verdict::Refuse, Some(1)));
    assert_eq!(
        loopback.why.as_deref(),
        Some(
            "127.0.2.1 is of the loopback, and the target 10.0.0.1 is not on this machine: the kernel does not connect one to the other"
        )
    );
    let unclear = refused(&["127.0.2.1"], Owner::Unclear("no routes".into()), need(6_000, 240));
    assert_eq!(unclear.verdict, Verdict::Warn);
    assert_eq!(refused(&["127.0.2.1"], Owner::ThisMachine, need(6_000, 240)).verdict, Verdict::Ok);

    let sources = ["10.0.0.7", "fd00::7", "fd00::8"];
    let family = refused(&sources, elsewhere(), need(6_000, 240));
    assert_eq!((family.verdict, family.reading.value), (Verdict::Refuse, Some(1)));
    assert_eq!(
        family.why.as_deref(),
        Some(
            "2 are IPv6 addresses, the first is fd00::7, and the target has only IPv4 addresses (10.0.0.1): no connection can come \
             from there"
        )
    );
    let others = vec![("fd00::1".parse().expect("one"), None)];
    let led = refused(&sources, elsewhere(), Need { others, ..need(6_000, 240) });
    assert_eq!(led.verdict, Verdict::Ok, "WebSockets may lead there");
}

#[test]
fn what_adds_addresses_is_short_and_finds_its_device() {
    let sources: Vec<IpAddr> = (1..=254).map(|last| IpAddr::from([10, 64, 0, last])).collect();
    let mut readings = readings("default");
    let foreign = Owner::Another("Cannot assign requested address".to_owned());
    readings.trials.sources = sources.iter().map(|source| (*source, foreign.clone())).collect();
    let far = check("source-addresses", &Need { sources: sources.clone(), ..need(6_000, 240) }, &readings);
    assert_eq!(commands(&far)[0], "startline addresses add 10.64.0.1-10.64.0.254");
    let near = check("source-addresses", &Need { sources, ..on_this_box(6_000, 240) }, &readings);
    assert_eq!(
        commands(&near),
        ["startline addresses add 10.64.0.1-10.64.0.254 --dev lo", "ip addr add 10.64.0.1/32 dev lo"]
    );
    let source: IpAddr = "fd00:77::1".parse().expect("one");
    readings.trials.sources = vec![(source, foreign)];
    let targets = vec!["[::1]:8080".parse().expect("one")];
    let v6 = check("source-addresses", &Need { sources: vec![source], targets, ..need(10, 1) }, &readings);
    assert_eq!(
        commands(&v6),
        ["startline addresses add fd00:77::1 --dev lo", "ip addr add fd00:77::1/128 dev lo nodad"]
    );
}

#[test]
fn too_few_time_wait_buckets_are_a_warning() {
    let waiting = check("time-wait", &need(70_000, 60), &readings("default"));
    assert_eq!(waiting.verdict, Verdict::Warn);
    assert_eq!(commands(&waiting)[0], "sysctl -w net.ipv4.tcp_max_tw_buckets=70000");
}

#[test]
fn reserved_ports_are_said_freed_and_counted_in_the_widest_range() {
    let plan = Need { http: HttpConnections::None, ..on_this_box(60_000, 60) };
    let mut readings = readings("default");
    readings.system.reserved_ports = Ok(vec![(32_768, 60_000)]);
    let within = check("ports", &plan, &readings);
    assert_eq!((within.verdict, within.reading.value), (Verdict::Refuse, Some(999)));
    assert_eq!(within.reading.text, "999 (32768-60999, 27,233 of them reserved)");
    // 37,279 are left of the widest range.
    let both = "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\" net.ipv4.ip_local_reserved_ports=\"\"";
    assert_eq!(commands(&within), [both, "--source-ip 127.0.1.1-127.0.1.61"]);
    assert!(within.fixes[0].text.contains("frees the 27,233 ports that are reserved in it"), "{within:#?}");
    let fewer = check("ports", &Need { sessions: 20_000, ..plan.clone() }, &readings);
    assert_eq!(commands(&fewer)[0], "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"");
    assert_eq!(commands(&fewer)[2], "sysctl -w net.ipv4.ip_local_reserved_ports=\"\"");
    // Outside the present range, they keep a wider one from having them.
    readings.system.reserved_ports = Ok(vec![(1_024, 32_000)]);
    let outside = check("ports", &plan, &readings);
    assert_eq!(outside.reading.text, "28,232 (32768-60999)");
    assert_eq!(commands(&outside)[0], both);
    assert!(
        !commands(&outside).contains(&"sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\""),
        "{outside:#?}"
    );
    readings.system.reserved_ports = Ok(vec![(1_024, 4_000)]);
    assert_eq!(
        commands(&check("ports", &plan, &readings))[0],
        "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"",
        "61,535 are enough"
    );
}

#[test]
fn addresses_for_a_target_on_this_box_can_be_typed_as_they_stand() {
    let mut readings = readings("default");
    let to = |target: &str, sessions| Need {
        http: HttpConnections::None,
        targets: vec![target.parse().expect("one")],
        ..need(sessions, 60)
    };
    let v6 = check("ports", &to("[::1]:80", 60_000), &readings);
    let last = v6.fixes.last().expect("one");
    assert_eq!(last.command.as_deref(), Some("startline addresses add fd00:77::1-fd00:77::3 --dev lo"));
    assert!(last.text.ends_with("then add --source-ip fd00:77::1-fd00:77::3 to the plan"), "{v6:#?}");
    assert!(last.needs_root);
    let v4 = to("10.0.0.1:80", 60_000);
    assert!(commands(&check("ports", &v4, &readings)).contains(&"startline addresses add ADDRESS…"));
    readings.trials.targets = vec![([10, 0, 0, 1].into(), Owner::ThisMachine)];
    let own = check("ports", &v4, &readings);
    assert_eq!(commands(&own).last(), Some(&"--source-ip 127.0.1.1-127.0.1.3"), "{own:#?}");
    readings.system.port_range = Ok((40_000, 40_999));
    let many = check("ports", &to("127.0.0.1:80", 1_002_001), &readings);
    assert_eq!(commands(&many), ["--source-ip 127.0.1.1-127.0.4.235"], "1,003 of them: {many:#?}");
    // Of 1,000 ports each it would take more addresses than a run can have.
    let most = check("ports", &to("127.0.0.1:80", 5_000_000), &readings);
    assert_eq!(commands(&most), ["sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\""]);
    assert!(
        most.fixes[0].text.ends_with("then add --source-ip 127.0.1.1-127.0.1.78 to the plan"),
        "{most:#?}"
    );
    let nothing = check("ports", &to("127.0.0.1:80", u32::MAX), &readings);
    assert_eq!(commands(&nothing), Vec::<&str>::new());
    assert!(nothing.fixes[0].text.starts_with("plan fewer sessions"), "{nothing:#?}");
}

#[test]
fn a_wider_range_takes_fewer_addresses() {
    let plan = Need { http: HttpConnections::None, ..need(100_000, 60) };
    let refused = check("ports", &plan, &readings("default"));
    assert_eq!(
        commands(&refused),
        [
            "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\" && startline addresses add ADDRESS…",
            "startline addresses add ADDRESS…"
        ]
    );
    let texts: Vec<&str> = refused.fixes.iter().map(|fix| fix.text.as_str()).collect();
    assert!(texts[0].contains("this machine 1 more address; then name all 2 by --source-ip"), "{texts:?}");
    assert!(texts[1].contains("this machine 3 more addresses; then name all 4 by --source-ip"), "{texts:?}");
}
