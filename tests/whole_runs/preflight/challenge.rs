//! The challenge's life, whether a plan fits it, and the zone of its times.

use serde_json::Value;

use super::peer::{OK, looking_up};
use crate::common::eventually;
use crate::common::served::{Served, assert_check, assert_others_well, check, found, usual};

fn await_status(served: &Served, status: &str) {
    eventually(status, || served.look_up()["status"] == status);
}

/// What `run` says with the same options.
#[track_caller]
fn assert_run_refused(served: &Served, more: &[&str], told: &str) {
    let temp = tempfile::tempdir().expect("a directory");
    let out = temp.path().join("out");
    let mut run = crate::common::startline();
    run.arg("run").args(usual(&served.url)).args(more).args(["--out", crate::common::text(&out)]);
    let run = crate::common::finish(run.spawn().expect("the binary starts"));
    run.assert_status(2);
    assert!(format!("{}{}", run.stdout, run.stderr).contains(told), "{}", run.stderr);
}

/// The mock server's fifteen minutes until READY: whole yet within their first second, begun after it.
#[track_caller]
fn assert_quarter_of_an_hour(what: &str, told: &Value) {
    let time = told.as_str().and_then(|told| told.strip_prefix(what)).unwrap_or_else(|| panic!("{told}"));
    assert!(["14m", "15m,"].iter().any(|begins| time.starts_with(begins)), "{told}");
}

#[test]
fn a_recruiting_one_is_waited_for_or_fails_as_it_does_in_run() {
    let served = Served::start(&[]);
    assert_run_refused(&served, &[], "still RECRUITING");
    let report = found(1, &usual(&served.url));
    let challenge = assert_check(&report, "challenge", "fail", "a run that begins earlier is refused");
    assert_eq!(challenge["need"]["text"], "READY");
    assert_quarter_of_an_hour("begin the run in ", &challenge["fixes"][0]["text"]);
    assert!(challenge["fixes"][1]["text"].as_str().expect("text").contains("--wait-ready"), "{challenge}");
    assert_others_well(&report, &["challenge"]);
    let report = found(0, &[&usual(&served.url)[..], &["--wait-ready"]].concat());
    let challenge = assert_check(&report, "challenge", "ok", "");
    assert_quarter_of_an_hour("38 RECRUITING, READY in ", &challenge["reading"]["text"]);
    assert_eq!(challenge["need"]["text"], "READY, or RECRUITING until then");
    let left_s = challenge["reading"]["value"].as_u64().expect("seconds");
    assert!((1_000..=1_200).contains(&left_s), "{left_s}");
}

#[test]
fn one_that_has_begun_is_too_late() {
    let served = Served::start(&["--ready", "--time-scale", "100", "--distance", "HALF"]);
    await_status(&served, "RUNNING");
    let report = found(1, &usual(&served.url));
    assert_check(&report, "challenge", "fail", "the challenge is RUNNING since startAt");
    assert_check(
        &report,
        "schedule",
        "unknown",
        "not checked, because nobody can enter this challenge any more",
    );
    assert_check(&report, "places", "fail", "20 cannot enter (20 NOT_STARTED)");
}

#[test]
fn one_that_is_over_is_too_late() {
    let served = Served::start(&["--ready", "--time-scale", "600", "--distance", "M100"]);
    await_status(&served, "DONE");
    let report = found(1, &usual(&served.url));
    assert_check(&report, "challenge", "fail", "the challenge is DONE since endAt");
}

#[test]
fn what_does_not_fit_comes_with_what_would() {
    let served = Served::ready();
    let with = |option: &str, value: &'static str| {
        let mut args = usual(&served.url);
        let at = args.iter().position(|arg| *arg == option).expect("it is there");
        args[at + 1] = value;
        found(1, &args)
    };
    let report = with("--ramp", "10m");
    let schedule = assert_check(&report, "schedule", "fail", "the ramp would end at");
    let fix = schedule["fixes"][0]["text"].as_str().expect("text");
    assert!(fix.starts_with("--ramp 4m") && fix.ends_with("is the longest that fits"), "{fix}");
    assert_others_well(&report, &["schedule"]);
    let report = with("--hold", "2h");
    assert_check(&report, "schedule", "fail", "the hold would end at");
}

#[test]
fn a_wrong_time_zone_is_recognised() {
    for args in [&["--ready", "--time-zone", "Asia/Seoul"][..], &["--time-zone", "Asia/Seoul"]] {
        let served = Served::start(args);
        let wrong = [&usual(&served.url)[..], &["--time-zone", "UTC", "--wait-ready"]].concat();
        let report = found(1, &wrong);
        let zone = assert_check(&report, "time-zone", "fail", "which is in the future in this zone");
        assert!(zone["why"].as_str().expect("text").ends_with("the servers' zone may be +09:00"), "{zone}");
        assert_check(&report, "schedule", "unknown", "in a wrong time zone");
        let right = [&usual(&served.url)[..], &["--time-zone", "+09:00", "--wait-ready"]].concat();
        assert_others_well(&found(0, &right), &[]);
        let told = "in the future in this zone: the servers' zone may be +09:00; give --time-zone +09:00";
        assert_run_refused(&served, &["--time-zone", "UTC", "--quiet"], told);
    }
}

#[test]
fn a_scenario_without_a_look_up_leaves_it_open() {
    let served = Served::ready();
    let args = ["--target", &served.url, "--scenario", "echo", "--sessions", "20"];
    let report = found(0, &args);
    for id in ["members", "challenge", "places"] {
        assert_check(&report, id, "unknown", "not checked, because the scenario has no [schedule]");
    }
    assert_eq!(check(&report, "http")["verdict"], "ok");
}

/// The id is doubted only where the servers say that there is no such challenge.
#[test]
fn a_look_up_that_fails_says_whose_it_is() {
    let schedule = "the scenario's [schedule] says where status, startAt and endAt are";
    for (head, body, why, fix) in [
        ("404 Not Found", "", "answered 404", "check its id (--challenge)"),
        ("502 Bad Gateway", "<html>", "answered 502", "see the servers' logs at this time"),
        ("403 Forbidden", "", "answered 403", "the servers do not accept the login for a look-up"),
        (OK, r#"{"data":null}"#, "answered without /data/status", schedule),
        (OK, r#"{"data":{"status":"READY","startAt":null}}"#, "answered without /data/startAt", schedule),
    ] {
        let peer = looking_up(head, body);
        let report = found(1, &usual(&peer.url));
        let challenge = assert_check(&report, "challenge", "fail", why);
        let fixes = challenge["fixes"].as_array().expect("a list");
        let told = fixes[0]["text"].as_str().expect("text");
        assert!(fixes.len() == 1 && told.starts_with(fix), "{challenge:#}");
        assert_check(
            &report,
            "places",
            "unknown",
            "not checked, because the look-up of the challenge failed",
        );
    }
}
