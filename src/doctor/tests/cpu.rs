//! What this machine's processor, clock and kernel are judged by.

use super::*;

#[test]
fn a_governor_that_saves_power_steal_and_other_work_are_warnings() {
    let readings = readings("powersave");
    let need = need(6_000, 240);
    let governor = check("cpu-governor", &need, &readings);
    assert_eq!((governor.verdict, governor.reading.text.as_str()), (Verdict::Warn, "powersave"));
    assert_eq!(
        commands(&governor),
        ["echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"]
    );
    let steal = check("cpu-steal", &need, &readings);
    assert_eq!((steal.verdict, steal.reading.text.as_str()), (Verdict::Warn, "6.8 % since the boot"));
    assert_eq!(check("cpu-load", &need, &readings).verdict, Verdict::Warn);
    assert_eq!(examine(&need, &readings).verdict, Verdict::Warn);
}

#[test]
fn a_quota_leaves_a_part_of_the_cores() {
    let mut readings = readings("default");
    readings.system.load_1m = Ok(0.12);
    let shape = Shape::of_ramp(&[2_000], Duration::from_secs(60), Duration::from_secs(60));
    let need = Need { load: Some(Load::predict(&shape)), ..need(2_000, 60) };
    let busy = check("cpu-load", &need, &readings);
    assert_eq!((busy.verdict, busy.need.value, busy.reading.value), (Verdict::Ok, Some(100), Some(12)));
    assert_eq!(check("cpu-steal", &need, &readings).need.value, Some(10), "‰");
    assert_eq!(check(BROADCAST_LOAD, &need, &readings).verdict, Verdict::Ok);
    readings.system.core_quota = Ok(Some(0.1));
    let busy = check("cpu-load", &need, &readings);
    assert_eq!((busy.verdict, busy.need.text.as_str()), (Verdict::Warn, "a load of 0.05 at most"));
    let broadcasts = check(BROADCAST_LOAD, &need, &readings);
    assert_eq!(broadcasts.reading.text, "0.1 cores, by the control group's quota");
    assert!(broadcasts.why.is_some_and(|why| why.contains("more deliveries than 0.1 cores can")));
    readings.system.core_quota = Ok(Some(8.0));
    assert_eq!(check(BROADCAST_LOAD, &need, &readings).reading.text, "2 cores", "there are no more");
}

#[test]
fn a_slow_clock_is_a_warning() {
    let mut readings = readings("slow-clock");
    let clock = check("clock-source", &need(6_000, 240), &readings);
    assert_eq!((clock.verdict, clock.reading.text.as_str()), (Verdict::Warn, "hpet"));
    let file = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    assert_eq!(commands(&clock), [format!("echo tsc > {file}")]);
    readings.system.clock_sources = Ok(vec!["hpet".into()]);
    assert!(commands(&check("clock-source", &need(6_000, 240), &readings)).is_empty(), "there is no other");
}

#[test]
fn features_refuse_only_where_they_are_needed() {
    let mut readings = readings("default");
    let missing = || Err("Function not implemented".to_owned());
    readings.trials.features =
        Features { ipv6: missing(), reuse_port: missing(), bind_no_port: missing(), ..features() };
    assert_eq!(examine(&need(6_000, 240), &readings).verdict, Verdict::Ok);
    let v6 = Need { targets: vec!["[fd00::1]:80".parse().expect("one")], ..need(6_000, 240) };
    assert_eq!(check("ipv6", &v6, &readings).verdict, Verdict::Refuse);
    assert_eq!(check("reuse-port", &on_this_box(6_000, 240), &readings).verdict, Verdict::Refuse);
    let sources = Need { sources: vec![IpAddr::from([10, 0, 0, 2])], ..need(6_000, 240) };
    assert_eq!(check("bind-no-port", &sources, &readings).verdict, Verdict::Warn);
}
