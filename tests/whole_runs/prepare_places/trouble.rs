//! Joining while servers do not answer, or answer that they cannot.

use std::collections::BTreeMap;
use std::time::Duration;

use super::played::Played;
use crate::common::{eventually, finish};

const TOO_MANY: &str = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n";
const BAD_GATEWAY: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 24\r\n\r\n<html>502 nginx</html>\r\n";
const NOT_LOGGED_IN: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 73\r\n\r\n{\"isSuccess\":false,\"code\":500,\"message\":\"서버 내부 오류입니다.\"}";

/// Everyone gets in, although the first this many requests to join are answered so.
#[track_caller]
fn everyone_in_the_end(count: usize, answer: &str, reason: &str) {
    let played = Played::with_room_for(300);
    played.way.answer(count, answer);
    let finished = played.join("13-62", &[]);
    finished.assert_status(0);
    assert_eq!((played.count("done"), played.joined()), (50, 51), "{}", finished.stderr);
    assert!(finished.stderr.contains(&format!("to retry ({reason})")), "{}", finished.stderr);
    assert_eq!(played.way.joins(), 50 + count, "nobody is asked more often than needed");
}

#[test]
fn too_many_requests() {
    everyone_in_the_end(7, TOO_MANY, "http-429");
}

#[test]
fn a_bad_gateway() {
    everyone_in_the_end(7, BAD_GATEWAY, "nginx-502");
}

#[test]
fn an_internal_error() {
    everyone_in_the_end(7, BROKEN, "INTERNAL_SERVER_ERROR");
}

#[test]
fn an_expired_token_is_renewed() {
    everyone_in_the_end(7, NOT_LOGGED_IN, "http-403");
}

#[test]
fn a_server_that_never_takes_one_member_is_given_up_on() {
    let played = Played::with_room_for(300);
    played.way.answer(usize::MAX, BAD_GATEWAY);
    let finished = played.join("13-15", &["--patience", "2s"]);
    finished.assert_status(3);
    assert_eq!(played.count("failed"), 3);
    assert!(
        finished.stderr.contains("stopped early: no member succeeded within --patience"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_server_that_goes_away_half_way_and_comes_back() {
    let played = Played::with_room_for(300);
    played.way.shut_after(100);
    let child = played.start("join", "13-212", &["--rate", "200/s"]);
    eventually("somebody turned away", || played.way.turned_away() >= 20);
    played.way.open();
    let finished = finish(child);
    finished.assert_status(0);
    assert_eq!((played.count("done") + played.count("already"), played.joined()), (200, 201));
    assert!(finished.stderr.contains("to retry"), "{}", finished.stderr);
}

#[test]
fn a_server_that_stays_away_is_taken_up_later() {
    let played = Played::with_room_for(300);
    played.way.shut_after(100);
    let finished = played.join("13-212", &["--rate", "200/s", "--patience", "2s"]);
    finished.assert_status(3);
    assert!(
        finished.stderr.contains("continue with: startline prepare join --target"),
        "{}",
        finished.stderr
    );
    let done = played.count("done");
    assert!((1..=100).contains(&done), "{done}");
    // The hundred who were left came within the first second; from then on three at a time.
    assert!(played.way.turned_away() < 150, "{}", played.way.turned_away());
    played.way.open();
    played.resume("join", &[]).assert_status(0);
    assert_eq!((played.count("done") + played.count("already"), played.joined()), (200, 201));
}

#[test]
fn a_target_that_is_not_there_is_told_of() {
    let played = Played::with_room_for(300);
    played.way.shut();
    let finished = played.join("13-22", &[]);
    finished.assert_status(3);
    assert!(finished.stderr.contains("error: the challenge could not be looked up"), "{}", finished.stderr);
    assert!(!played.file().exists(), "nothing has begun");
}

#[test]
fn a_server_that_falls_silent_is_told_of_and_given_up_on_in_time() {
    let played = Played::with_room_for(300);
    played.way.fall_silent();
    let began = std::time::Instant::now();
    let finished = played.join("13-22", &["--patience", "9s"]);
    finished.assert_status(3);
    // Far less than the step's own timeout of 35 s.
    assert!(began.elapsed().as_secs() < 25, "{:?}", began.elapsed());
    assert!(finished.stderr.contains("no answer for "), "{}", finished.stderr);
    assert_eq!(played.rows()[&13], ("failed".into(), "no-answer".into()));
    assert_eq!((played.count("failed"), played.attempts()), (10, BTreeMap::from([(1, 10)])));
}

#[test]
fn a_rate_that_is_slower_than_the_patience_is_no_trouble() {
    let played = Played::with_room_for(300);
    let finished = played.join("13-15", &["--rate", "20/m", "--patience", "2s"]);
    finished.assert_status(0);
    assert_eq!((played.count("done"), played.joined()), (3, 4), "{}", finished.stderr);
}

#[test]
fn no_wait_outlasts_the_patience() {
    let played = Played::with_room_for(300);
    played.way.answer(usize::MAX, BROKEN);
    let began = std::time::Instant::now();
    let finished = played.join("13-15", &["--patience", "8s"]);
    finished.assert_status(3);
    // 1, 2, 4 and then what is left, not 8.
    let took = began.elapsed().as_secs();
    assert!((8..14).contains(&took), "{took} s: {}", finished.stderr);
}

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>hi</html>";
const FOUND: &str = "HTTP/1.1 302 Found\r\nLocation: https://x.example/login\r\nContent-Length: 0\r\n\r\n";
const TEAPOT: &str = "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 6\r\n\r\nteapot";

/// Two who are answered so have not joined, and are told why before they are told how to go on.
#[track_caller]
fn refused_with(answer: &str, reason: &str, told: &str) {
    let played = Played::with_room_for(300);
    played.way.answer(usize::MAX, answer);
    let finished = played.join("13-14", &[]);
    finished.assert_status(1);
    assert_eq!(played.rows()[&13], ("refused".into(), reason.into()));
    assert_eq!(played.attempts(), BTreeMap::from([(1, 2)]));
    let lines: Vec<&str> = finished.stderr.lines().collect();
    let then =
        lines.iter().position(|line| line.starts_with("  then: startline prepare join")).expect("then");
    assert!(lines[then - 1].contains(told), "{}", finished.stderr);
}

#[test]
fn answers_that_say_nothing_and_have_not_taken_effect_are_refusals() {
    refused_with(
        NO_CONTENT,
        "http-204",
        "  join is answered with http-204, which the scenario does not expect (No Content): is",
    );
    refused_with(PAGE, "http-200", "which the scenario does not expect (<html>hi</html>): is --target");
    refused_with(
        FOUND,
        "http-302",
        "  join is answered with http-302 (Location: https://x.example/login): the target leads elsewhere: give",
    );
    refused_with(TEAPOT, "http-418", "  join is refused with http-418 (teapot)");
}

#[test]
fn answers_that_say_nothing_and_have_taken_effect_are_joins() {
    let played = Played::with_room_for(300);
    played.way.lose_answers(usize::MAX, NO_CONTENT);
    let finished = played.join("13-132", &["--rate", "60/s"]);
    finished.assert_status(0);
    assert_eq!((played.count("already"), played.joined()), (120, 121), "{}", finished.stderr);
}

#[test]
fn answers_that_say_nothing_stop_it_when_nobody_has_joined_by_them() {
    let played = Played::with_room_for(300);
    played.way.answer(usize::MAX, NO_CONTENT);
    let finished = played.join("13-262", &["--rate", "50/s"]);
    finished.assert_status(1);
    let told = "the other members were not tried: ";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
    assert!(
        finished
            .stderr
            .contains("members in a row were refused, and none accepted: join is answered with http-204")
    );
    assert!(played.count("refused") >= 50 && played.count("pending") > 0, "{}", finished.stderr);
}

#[test]
fn the_rate_sinks_with_the_servers_and_the_result_says_so() {
    let played = Played::with_room_for(300);
    played.way.slow_down(Duration::from_millis(400));
    let finished = played.join("13-92", &[]);
    finished.assert_status(0);
    assert_eq!((played.count("done"), played.joined()), (80, 81), "{}", finished.stderr);
    let held = played.way.held_max();
    assert!((8..=16).contains(&held), "{held} requests to join at once");
    let told = "/s reached: with 16 requests out at a time (--in-flight) the servers' answers set the pace";
    assert!(finished.stderr.contains("500/s asked for, "), "{}", finished.stderr);
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
}

#[test]
fn who_waits_for_a_turn_is_not_timed_out() {
    let played = Played::with_room_for(300);
    let scenario = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
    let source =
        include_str!("../../../scenarios/runnity.toml").replace("timeout = \"35s\"", "timeout = \"2s\"");
    std::fs::write(scenario.path(), source).expect("written");
    played.way.slow_down(Duration::from_millis(500));
    let file = scenario.path().display().to_string();
    let finished = played.join("13-22", &["--in-flight", "1", "--scenario", &file]);
    finished.assert_status(0);
    assert_eq!((played.count("done"), played.way.held_max()), (10, 1), "{}", finished.stderr);
    assert_eq!(played.attempts(), BTreeMap::from([(1, 10)]), "the last waited for 4.5 s of a timeout of 2 s");
}

#[test]
fn a_rate_that_was_reached_is_not_talked_about() {
    let played = Played::with_room_for(300);
    let finished = played.join("13-62", &["--rate", "100/s"]);
    finished.assert_status(0);
    assert!(!finished.stderr.contains("asked for"), "{}", finished.stderr);
}

/// Six times the same member, while all others get in: more than if it had got no answer.
#[test]
fn a_member_whom_the_servers_answer_is_not_given_up() {
    let played = Played::with_room_for(300);
    played.way.answer(6, BROKEN);
    let finished = played.join("13", &[]);
    finished.assert_status(0);
    assert_eq!((played.count("done"), played.way.joins()), (1, 7), "{}", finished.stderr);
}
