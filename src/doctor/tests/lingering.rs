//! Ports that closed connections from before still hold, read from a tree of files.

use std::fmt::Write;
use std::fs;

use super::*;

/// Where the kernel's connections to the target come from.
const HERE: [u8; 4] = [10, 9, 0, 1];

fn hex(address: [u8; 4]) -> String {
    format!("{:08X}", u32::from_ne_bytes(address))
}

/// A machine with 3,000 ports, of which the first ones are in TIME_WAIT to the target for this many more
/// seconds.
fn after_a_run(waiting: u16, seconds: u32) -> Readings {
    let root = tempfile::tempdir().expect("a directory");
    let net = root.path().join("proc/net");
    fs::create_dir_all(&net).expect("made");
    let mut rows =
        String::from("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n");
    for port in 40_000..40_000 + waiting {
        let (from, to, ticks) = (hex(HERE), hex([10, 0, 0, 1]), seconds * 100);
        let _ = writeln!(
            rows,
            "   1: {from}:{port:04X} {to}:1F90 06 0:0 03:{ticks:08X} 0        0        0 0 3 0"
        );
    }
    fs::write(net.join("tcp"), rows).expect("written");
    let mut readings = readings("default");
    readings.system.port_range = Ok((40_000, 42_999));
    let destinations = need(1, 1).destinations();
    readings.time_waits = readings.system.read_time_waits(root.path(), &destinations);
    let to = IpAddr::from([10, 0, 0, 1]);
    readings.trials.routes = vec![Route { from: None, to, found: Found::From(HERE.into()) }];
    readings
}

#[test]
fn ports_that_the_last_run_still_holds_are_not_there() {
    let twice = need(1_400, 30);
    assert_eq!(check("ports", &twice, &after_a_run(0, 58)).verdict, Verdict::Ok);
    let refused = check("ports", &twice, &after_a_run(1_400, 58));
    assert_eq!(refused.verdict, Verdict::Refuse, "{refused:#?}");
    assert_eq!(refused.reading.value, Some(1_600));
    assert_eq!(refused.reading.text, "1,600 (40000-42999, less 1,400 in TIME_WAIT from before)");
    let wait = &refused.fixes[0].text;
    // There is room for both up to the 17th second of the ramp.
    assert!(wait.starts_with("wait 41 s: connections from before are in TIME_WAIT"), "{wait}");
    assert!(
        commands(&refused).contains(&"sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\""),
        "{refused:#?}"
    );
    let ramp =
        commands(&refused).into_iter().find_map(|command| command.strip_prefix("--ramp ")).expect("one");
    let slower = Need { ramp: startline_os::units::duration(ramp).expect("a time"), ..twice.clone() };
    assert_eq!(check("ports", &slower, &after_a_run(1_400, 58)).verdict, Verdict::Ok, "{ramp}");
    assert_eq!(check("ports", &twice, &after_a_run(1_400, 17)).verdict, Verdict::Ok, "as after that wait");
    assert_eq!(
        check("ports", &twice, &after_a_run(1_400, 18)).verdict,
        Verdict::Refuse,
        "and no shorter one"
    );
    assert_eq!(check("ports", &twice, &after_a_run(200, 58)).verdict, Verdict::Ok, "there is room for them");
}

#[test]
fn what_goes_by_itself_before_the_ramp_needs_it_is_in_nobody_s_way() {
    let slowly = check("ports", &need(1_400, 600), &after_a_run(2_000, 58));
    assert_eq!((slowly.verdict, slowly.reading.value), (Verdict::Ok, Some(3_000)));
    let at_once = check("ports", &need(1_400, 0), &after_a_run(2_000, 58));
    assert_eq!((at_once.verdict, at_once.reading.value), (Verdict::Refuse, Some(1_000)));
}

#[test]
fn only_what_the_plan_s_connections_would_meet_counts() {
    let mut readings = after_a_run(1_400, 58);
    let plan = need(1_400, 30);
    let ok = |need: &Need, readings: &Readings| check("ports", need, readings).verdict == Verdict::Ok;
    let other = Need { sources: vec![IpAddr::from([10, 9, 0, 7])], ..plan.clone() };
    assert!(ok(&other, &readings), "they came from another address");
    let same = Need { sources: vec![IpAddr::from(HERE)], ..plan.clone() };
    assert!(!ok(&same, &readings));
    readings.trials.routes[0].found = Found::From([10, 9, 0, 7].into());
    assert!(ok(&plan, &readings), "the kernel chooses another address");
    let elsewhere = Need { targets: vec!["10.0.0.1:8081".parse().expect("one")], ..plan.clone() };
    assert!(ok(&elsewhere, &after_a_run(1_400, 58)), "they led to another port");
    let mut unreadable = after_a_run(1_400, 58);
    unreadable.time_waits = Err("no file".to_owned());
    assert!(ok(&plan, &unreadable), "what cannot be read stops nobody");
}

#[test]
fn what_the_kernel_uses_again_is_free() {
    let root = tempfile::tempdir().expect("a directory");
    let mut system = readings("default").system;
    let anywhere = [(IpAddr::from([10, 0, 0, 1]), None)];
    let loopback = [(IpAddr::from([127, 0, 0, 1]), None)];
    let nothing = Ok(TimeWaits::default());
    // There is no file, so that whoever reads it says so.
    assert!(system.read_time_waits(root.path(), &anywhere).is_err());
    assert_eq!(system.read_time_waits(root.path(), &loopback), nothing, "tcp_tw_reuse is 2");
    system.tw_reuse = Ok(1);
    assert_eq!(system.read_time_waits(root.path(), &anywhere), nothing);
    system.tw_reuse = Ok(0);
    assert!(system.read_time_waits(root.path(), &loopback).is_err());
    system.time_waits = Ok(0);
    assert_eq!(system.read_time_waits(root.path(), &loopback), nothing, "there are none at all");
}
