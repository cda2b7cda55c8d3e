//! Members who are not there, and places that they do not have.

use super::peer::{OK, Peer};
use crate::common::served::{CHALLENGE, Served, assert_check, assert_others_well, check, found, usual};

#[test]
fn members_that_are_missing_are_named() {
    let served = Served::start(&["--ready", "--members", "13-22"]);
    let report = found(1, &[&usual(&served.url)[..], &["--sample", "all"]].concat());
    let why = "MEMBER_NOT_FOUND (존재하지 않는 회원입니다.): members 23, 24, 25, 26, 27 and 5 more";
    let members = assert_check(&report, "members", "fail", why);
    assert_eq!(members["reading"]["text"], "10 of 20 logged in");
    let places = assert_check(&report, "places", "warn", "10 have not joined");
    assert!(
        places["fixes"][0]["text"]
            .as_str()
            .expect("text")
            .starts_with("members can join only while it is RECRUITING")
    );
    assert_others_well(&report, &["members", "places"]);
}

/// What the servers fail at is no member's fault.
#[test]
fn servers_that_fail_are_told_from_members_that_are_missing() {
    let served = Served::ready();
    served.call("POST", "/mock/faults/internal-server-error?count=1", "");
    let report = found(1, &usual(&served.url));
    let members = assert_check(&report, "members", "fail", "INTERNAL_SERVER_ERROR");
    let fixes = members["fixes"].as_array().expect("a list");
    assert_eq!(fixes.len(), 1, "{members:#}");
    let fix = fixes[0]["text"].as_str().expect("text");
    assert!(fix.starts_with("see the servers' logs"), "{fix}");
}

#[test]
fn a_sample_has_the_last_member_in_it() {
    let served = Served::start(&["--ready", "--members", "13-31"]);
    let report = found(1, &[&usual(&served.url)[..], &["--sample", "2"]].concat());
    let members = assert_check(&report, "members", "fail", "member 32");
    assert_eq!(members["reading"]["text"], "1 of 2 logged in");
}

#[test]
fn nobody_there_leaves_the_challenge_unknown() {
    let served = Served::start(&["--ready", "--members", "100-120"]);
    let report = found(1, &usual(&served.url));
    assert_check(&report, "members", "fail", "MEMBER_NOT_FOUND");
    for id in ["login-latency", "challenge", "schedule", "places"] {
        assert_check(&report, id, "unknown", "not checked, because no member of the sample could log in");
    }
}

#[test]
fn who_has_not_joined_is_told_how() {
    let served = Served::start(&[]);
    for member in [14, 20] {
        let token = served.login(member);
        served.call("DELETE", &format!("/api/v1/challenges/{CHALLENGE}/join"), &token);
    }
    let report = found(0, &[&usual(&served.url)[..], &["--wait-ready"]].concat());
    let places = assert_check(&report, "places", "warn", "2 have not joined");
    assert_eq!(places["reading"]["text"], "18 WAITING, 2 absent");
    let command = places["fixes"][0]["command"].as_str().expect("a command");
    let expected =
        format!("startline prepare join --target {} --challenge {CHALLENGE} --members 13-32", served.url);
    assert_eq!(command, expected);
    assert_others_well(&report, &["places"]);
    // As the command says: nobody joins but the plan's members, and then all is well.
    let fewer = [&usual(&served.url)[..], &["--wait-ready", "--sessions", "4"]].concat();
    let report = found(0, &fewer);
    let places = assert_check(&report, "places", "warn", "1 has not joined");
    let command = places["fixes"][0]["command"].as_str().expect("a command");
    assert!(command.ends_with(" --members 13-16"), "{command}");
    let mut join = crate::common::startline();
    let temp = tempfile::tempdir().expect("a directory");
    join.args(command.split(' ').skip(1)).current_dir(temp.path());
    crate::common::finish(join.spawn().expect("the binary starts")).assert_status(0);
    assert_others_well(&found(0, &fewer), &[]);
    assert_eq!(served.count("WAITING"), 19, "member 20 is none of the plan's");
}

/// Where nobody can enter, a run is refused.
#[test]
fn nobody_s_place_fails() {
    let served = Served::start(&[]);
    for member in 13..=16 {
        let token = served.login(member);
        served.call("DELETE", &format!("/api/v1/challenges/{CHALLENGE}/join"), &token);
    }
    let report = found(1, &[&usual(&served.url)[..], &["--wait-ready", "--sessions", "4"]].concat());
    assert_check(&report, "places", "fail", "4 have not joined: nobody can enter");
}

#[test]
fn who_is_barred_is_told_by_status() {
    let served = Served::ready();
    for (member, status) in [(15, "QUIT"), (16, "RUNNING"), (17, "RUNNING"), (18, "DISCONNECTED")] {
        served.call("POST", &format!("/mock/challenges/{CHALLENGE}/members/{member}/status/{status}"), "");
    }
    let report = found(0, &usual(&served.url));
    let places = assert_check(&report, "places", "warn", "3 cannot enter (1 QUIT, 2 RUNNING)");
    assert_eq!(places["reading"]["text"], "16 WAITING, 1 may return, 3 barred");
    assert_eq!(check(&report, "challenge")["verdict"], "ok");
}

#[test]
fn another_challenge_than_the_members_is_told() {
    let served = Served::ready();
    let args: Vec<&str> =
        usual(&served.url).into_iter().map(|arg| if arg == CHALLENGE { "39" } else { arg }).collect();
    let report = found(1, &args);
    assert_check(&report, "challenge", "fail", "answered 404");
    assert_check(&report, "places", "unknown", "not checked, because the look-up of the challenge failed");
    assert_check(&report, "members", "ok", "");
}

/// One reason for all, and nothing in it that each has for itself.
#[test]
fn logins_that_lack_a_token_are_one_reason() {
    let peer = Peer::start(|asked| match asked.split_once("memberId=") {
        Some((_, member)) => Some((OK, format!("{{\"data\":{{\"session\":\"s{member}\"}}}}"))),
        None => Some((OK, String::new())),
    });
    let report = found(1, &[&usual(&peer.url)[..], &["--sample", "all"]].concat());
    let members = check(&report, "members");
    let why = "answered without access_token (/data/accessToken), but {\"data\":{\"session\":\"s13\"}}: \
               members 13, 14, 15, 16, 17 and 15 more";
    assert_eq!((members["verdict"].as_str(), members["why"].as_str()), (Some("fail"), Some(why)));
}
