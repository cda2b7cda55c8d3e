//! The server's local time is the server's, wherever either side is.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::server::{Server, object, typed};
use crate::common::{Finished, run};

/// Creates a challenge on a server in one zone, told that it is in another.
#[track_caller]
fn created(server_zone: &str, told: &str, more: &[&str]) -> Finished {
    let server = Server::start(&["--time-zone", server_zone]);
    let first = [
        "prepare",
        "challenge",
        "--target",
        &server.url,
        "--admin",
        "13",
        "--time-zone",
        told,
        "--json",
        "--members",
        "1",
    ];
    run(&[&first, more].concat())
}

fn text<'o>(object: &'o Value, name: &str) -> &'o str {
    object[name].as_str().expect("text")
}

#[test]
fn it_starts_eleven_minutes_from_now_in_every_zone() {
    for zone in ["Asia/Seoul", "America/Sao_Paulo", "-03:30", "+13:45", "UTC"] {
        let finished = created(zone, zone, &[]);
        assert_eq!(finished.assert_status(0).stderr, "", "{zone}");
        let object = object(&finished);
        let start: Timestamp = text(&object, "rampBy").parse().expect("an instant");
        let ahead = Timestamp::now().duration_until(start).as_secs();
        assert!((600..=661).contains(&ahead), "{zone}: {ahead}");
        // What the server has is its own local time.
        let local: DateTime = text(&object, "startAt").parse().expect("a local time");
        let in_zone = startline::plan::schedule::zone(zone).expect("a zone").to_datetime(start);
        assert_eq!(local, in_zone, "{zone}");
    }
}

#[test]
fn a_zone_west_of_the_server_s_is_refused_by_the_server_with_a_word_about_zones() {
    let finished = created("Asia/Seoul", "UTC", &[]);
    finished.assert_status(2);
    assert_eq!(finished.stdout, "");
    assert!(finished.stderr.contains("startAtAtLeastTenMinutesLater: "), "{}", finished.stderr);
    assert!(finished.stderr.contains("is --time-zone right?"), "{}", finished.stderr);
}

#[test]
fn a_zone_east_of_the_server_s_is_warned_of() {
    let finished = created("UTC", "Asia/Seoul", &[]);
    finished.assert_status(0);
    assert!(finished.stderr.contains("not Asia/Seoul's but that of offset +00:00"), "{}", finished.stderr);
    let object = object(&finished);
    assert_eq!(object["id"], 1);
    // Nine hours later than was meant, and told so.
    assert_eq!(text(&object, "timeZone"), "+00:00");
    let start: Timestamp = text(&object, "rampBy").parse().expect("an instant");
    let ahead = Timestamp::now().duration_until(start).as_secs();
    assert!((9 * 3600 + 600..=9 * 3600 + 661).contains(&ahead), "{ahead}");
}

#[test]
fn what_comes_next_has_the_zone_that_the_server_shows() {
    let server = Server::start(&["--time-zone", "-03:30"]);
    let temp = tempfile::tempdir().expect("a directory");
    let args = ["--target", &server.url, "--admin", "13", "--time-zone", "Asia/Seoul", "--members", "13-15"];
    let finished = run(&[&["prepare", "challenge"], &args[..]].concat());
    finished.assert_status(0);
    let next = finished.stdout.lines().find_map(|line| line.strip_prefix("Next: ")).expect("a next command");
    assert!(next.contains(" --time-zone -03:30 --challenge 1 "), "{next}");
    typed(next, temp.path()).assert_status(0);
    let out = temp.path().join("joins.csv");
    let all = ["--out", out.to_str().expect("UTF-8 paths"), "--rate", "200/s", "--hold", "2s"];
    let members =
        ["--target", &server.url, "--admin", "16", "--time-zone", "Asia/Seoul", "--members", "17-19"];
    let finished = run(&[&["prepare", "all"], &members[..], &all].concat());
    finished.assert_status(0);
    let last = finished.stdout.lines().last().expect("output");
    assert!(last.contains(" --time-zone -03:30 --challenge 2 "), "{last}");
}

#[test]
fn a_start_is_read_in_the_zone_that_is_told() {
    let start = Timestamp::now() + SignedDuration::from_hours(2);
    let seoul = startline::plan::schedule::zone("Asia/Seoul").expect("a zone");
    let typed = seoul.to_datetime(start).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let kept = created("Asia/Seoul", "Asia/Seoul", &["--start-at", &typed]);
    let object = object(kept.assert_status(0));
    assert_eq!(text(&object, "startAt"), typed);
    let read: Timestamp = text(&object, "rampBy").parse().expect("an instant");
    assert_eq!(read.as_second(), start.as_second());
}
