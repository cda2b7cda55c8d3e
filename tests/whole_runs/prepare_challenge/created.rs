//! What is created is what was asked for, and is told so that it can be used.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use startline::prepare::challenge::DISTANCES;

use super::peer::{LOGIN, OK, Peer};
use super::server::{Server, object, typed};
use crate::common::{finish, run, startline};

fn instant(object: &Value, name: &str) -> Timestamp {
    object[name].as_str().expect("text").parse().expect("an instant")
}

fn local(object: &Value, name: &str) -> DateTime {
    object[name].as_str().expect("text").parse().expect("a local time")
}

#[test]
fn the_number_is_printed_and_the_next_command_can_be_typed() {
    let server = Server::plain();
    let temp = tempfile::tempdir().expect("a directory");
    let finished = server.prepare("challenge", &["--members", "13-22", "--rate", "100/s"]);
    finished.assert_status(0);
    assert!(
        finished.stdout.starts_with("challenge 1: RECRUITING, FIVE, room for 11, \"startline 20"),
        "{}",
        finished.stdout
    );
    for row in ["  READY    20", "  startAt  20", "  endAt    20"] {
        assert!(finished.stdout.contains(row), "{}", finished.stdout);
    }
    assert_eq!(finished.stderr, "");
    let next = finished.stdout.lines().find_map(|line| line.strip_prefix("Next: ")).expect("a next command");
    let joined = typed(next, temp.path());
    joined.assert_status(0);
    assert!(joined.stdout.contains("9  joined"), "{}", joined.stdout);
    assert!(joined.stdout.contains("1  already in it"), "the creator is in it: {}", joined.stdout);
}

#[test]
fn the_object_has_every_instant_with_its_offset() {
    let server = Server::plain();
    let object = server.created(&["--title", "한강", "--distance", "one"]);
    assert_eq!((&object["id"], &object["status"]), (&1.into(), &"RECRUITING".into()));
    assert_eq!((&object["title"], &object["distance"]), (&"한강".into(), &"ONE".into()));
    assert_eq!(object["maxParticipants"], 6001);
    let start = instant(&object, "rampBy");
    assert_eq!(jiff::tz::TimeZone::UTC.to_timestamp(local(&object, "startAt")).expect("an instant"), start);
    assert_eq!(instant(&object, "readyAt"), start - SignedDuration::from_mins(5));
    assert_eq!(instant(&object, "joinBy"), instant(&object, "readyAt"));
    assert_eq!(instant(&object, "holdBy"), start + SignedDuration::from_mins(20));
    // 6,000 at 20/s, half as much again, and READY: 300 s + 150 s + 300 s.
    let ahead = instant(&object, "serverTime").duration_until(start);
    assert!(ahead > SignedDuration::from_secs(745) && ahead <= SignedDuration::from_secs(750), "{ahead}");
}

#[test]
fn few_joins_have_eleven_minutes_and_many_what_they_take() {
    let server = Server::plain();
    for (options, seconds) in
        [(["--members", "1", "--rate", "20/s"], 660), (["--members", "2k", "--rate", "2/s"], 1800)]
    {
        let object = server.created(&options);
        let ahead = instant(&object, "serverTime").duration_until(instant(&object, "rampBy")).as_secs();
        assert!((seconds - 5..=seconds).contains(&ahead), "{options:?}: {ahead}");
    }
}

#[test]
fn every_distance_lasts_as_long_as_is_said() {
    let server = Server::plain();
    for distance in DISTANCES {
        let object = server.created(&["--distance", distance.name]);
        let length = local(&object, "startAt").duration_until(local(&object, "endAt"));
        assert_eq!(length.unsigned_abs(), distance.length(), "{}", distance.name);
    }
}

#[test]
fn a_start_that_is_asked_for_is_kept() {
    let server = Server::plain();
    let start = (Timestamp::now() + SignedDuration::from_hours(30)).strftime("%Y-%m-%dT%H:%M").to_string();
    let object = server.created(&["--start-at", &start]);
    assert_eq!(object["startAt"], format!("{start}:00"));
}

#[test]
fn a_private_challenge_takes_its_password_to_join() {
    let server = Server::plain();
    let temp = tempfile::tempdir().expect("a directory");
    let password = "it's a {secret}";
    let finished = server.prepare("challenge", &["--members", "13-22", "--password", password]);
    finished.assert_status(0);
    assert!(finished.stdout.contains(", private, "), "{}", finished.stdout);
    let next = finished.stdout.lines().find_map(|line| line.strip_prefix("Next: ")).expect("a next command");
    let without = next.split(" --password ").next().expect("a command");
    let refused = typed(&format!("{without} --out without.csv"), temp.path());
    refused.assert_status(1);
    assert!(refused.stderr.contains("CHALLENGE_PASSWORD_MISMATCH"), "{}", refused.stderr);
    typed(&format!("{next} --out with.csv"), temp.path()).assert_status(0);
}

#[test]
fn it_is_created_over_tls_as_well() {
    let temp = tempfile::tempdir().expect("a directory");
    let ca = temp.path().join("ca.pem");
    let ca = ca.to_str().expect("UTF-8 paths");
    let server = Server::start(&["--time-zone", "UTC", "--tls", "--tls-ca-out", ca]);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    assert_eq!(server.created(&["--ca", ca])["id"], 1);
    // Another mock server's certificate has not signed this one's.
    let other = temp.path().join("other.pem");
    let other = other.to_str().expect("UTF-8 paths");
    let _mock = Server::start(&["--tls", "--tls-ca-out", other]);
    let refused = server.prepare("challenge", &["--ca", other]);
    refused.assert_status(3);
    assert!(refused.stderr.starts_with("error: member 13 cannot log in: "), "{}", refused.stderr);
    assert!(
        !refused.stderr.contains("check that the target is up"),
        "the advice is about certificates: {}",
        refused.stderr
    );
}

#[test]
fn a_hold_that_the_distance_is_too_short_for_is_warned_of() {
    let server = Server::plain();
    let finished = server.prepare("challenge", &["--distance", "TWO", "--hold", "1h", "--json"]);
    finished.assert_status(0);
    assert!(
        finished.stderr.contains(
            "warning: a ramp of 4m and a hold of 1h take 1h4m, but a challenge of TWO ends 35m after READY"
        ),
        "{}",
        finished.stderr
    );
    assert!(finished.stderr.contains("--distance FOUR the shortest"), "{}", finished.stderr);
    assert_eq!(object(&finished)["id"], 1, "it is a warning");
    assert_eq!(
        server.prepare("challenge", &["--distance", "FOUR", "--hold", "1h"]).assert_status(0).stderr,
        ""
    );
}

#[test]
fn a_ramp_and_a_hold_are_both_warned_of() {
    let server = Server::plain();
    let finished = server.prepare("challenge", &["--distance", "ONE", "--ramp", "5m", "--hold", "1h"]);
    finished.assert_status(0);
    for words in ["warning: --ramp 5m does not fit", "warning: a ramp of 4m55s and a hold of 1h take"] {
        assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
    }
}

#[test]
fn a_room_that_may_be_too_small_is_warned_of() {
    let server = Server::plain();
    let finished = server.prepare("challenge", &["--members", "20", "--max-participants", "20"]);
    finished.assert_status(0);
    let words = "warning: --max-participants 20 has room for all 20 members only if member 13, who creates it, is one of them: otherwise give 21";
    assert!(finished.stderr.contains(words), "{}", finished.stderr);
    for options in [
        ["--members", "13-22", "--max-participants", "10"],
        ["--members", "100-109", "--max-participants", "11"],
    ] {
        assert_eq!(server.prepare("challenge", &options).assert_status(0).stderr, "", "{options:?}");
    }
}

#[test]
fn a_challenge_that_cannot_be_printed_is_told_on_standard_error() {
    let server = Server::plain();
    for (option, words) in
        [("--broadcast", "Next: startline prepare join --target "), ("--json", "\"holdBy\": ")]
    {
        let args = server.args("challenge", &["--members", "13-22", option]);
        let full = std::fs::File::create("/dev/full").expect("a full device");
        let finished = finish(startline().args(args).stdout(full).spawn().expect("the binary starts"));
        finished.assert_status(3);
        for words in
            ["error: standard output cannot be written (No space left on device", "RECRUITING", words]
        {
            assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
        }
    }
}

#[test]
fn nobody_who_reads_any_more_is_no_error() {
    let server = Server::plain();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let args = server.args("challenge", &["--members", "13-22"]);
    let finished = finish(startline().args(args).stdout(writer).spawn().expect("the binary starts"));
    assert_eq!(finished.assert_status(0).stderr, "");
}

#[test]
fn no_terminal_obeys_what_a_server_says() {
    let created = r#"{"data":{"challengeId":7,"title":"\u001b[2J","status":"RECRUITING\u001b[2J","startAt":"2026-03-01T10:00:00","endAt":"2026-03-01T11:00:00"}}"#;
    let rules = r#"{"message":"no\u001b[2J","data":{"errors":{"title\u001b[2J":"\u001b]0;x\u0007"}}}"#;
    for (head, body) in
        [("201 Created", created), ("400 Bad Request", rules), ("500 Internal Server Error", "\u{1b}[2J")]
    {
        let peer = Peer::answering(vec![(OK, LOGIN), (head, body)]);
        let finished =
            run(&["prepare", "challenge", "--target", &peer.url, "--admin", "13", "--time-zone", "UTC"]);
        let told = format!("{}{}", finished.stdout, finished.stderr);
        assert!(told.contains("[2J"), "{told:?}");
        assert!(!told.contains(|c: char| c.is_control() && c != '\n'), "{told:?}");
    }
}
