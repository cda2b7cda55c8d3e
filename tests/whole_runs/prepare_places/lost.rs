//! Answers that are lost although what was asked for has happened, and what the list of participants then says.

use std::collections::BTreeMap;

use super::played::Played;
use crate::common::{eventually, finish, signal};

const GATEWAY_TIMEOUT: &str = "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n";
const NOT_WAITING: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 107\r\n\r\n{\"isSuccess\":false,\"code\":400,\"message\":\"대기 중인 상태에서만 참가 취소할 수 있습니다.\"}";

/// Ten who are in leave, three of whose answers are lost so.
#[track_caller]
fn they_have_left(instead: &str) {
    let played = Played::with_room_for(300);
    played.join("13-22", &[]).assert_status(0);
    std::fs::remove_file(played.file()).expect("the file is there");
    played.way.lose_answers(3, instead);
    finish(played.start("leave", "13-22", &[])).assert_status(0);
    assert_eq!((played.count("done"), played.count("already"), played.joined()), (7, 3, 1));
    assert_eq!(played.way.leaves(), 13);
    assert_eq!(played.attempts(), BTreeMap::from([(1, 7), (2, 3)]), "as many as there were requests");
}

#[test]
fn who_left_unheard_by_a_closed_connection_has_left() {
    they_have_left("");
}

#[test]
fn who_left_unheard_by_a_gateway_has_left() {
    they_have_left(GATEWAY_TIMEOUT);
}

#[test]
fn who_joined_unheard_is_in_it_and_every_request_is_an_attempt() {
    let played = Played::with_room_for(300);
    played.way.lose_answers(3, "");
    played.join("13-22", &[]).assert_status(0);
    assert_eq!((played.count("done"), played.count("already"), played.joined()), (7, 3, 11));
    assert_eq!(played.way.joins(), 13);
    assert_eq!(played.attempts(), BTreeMap::from([(1, 7), (2, 3)]), "as many as there were requests");
}

#[test]
fn who_was_the_last_to_leave_unheard_has_left() {
    let played = Played::with_room_for(300);
    // It deletes the challenge, and with it the list that would tell.
    played.way.lose_answers(1, NOT_WAITING);
    finish(played.start("leave", "300-300", &[])).assert_status(0);
    assert_eq!(played.rows()[&300], ("already".into(), "".into()));
}

#[test]
fn who_is_still_listed_as_waiting_is_tried_again() {
    let played = Played::with_room_for(300);
    played.join("13-22", &[]).assert_status(0);
    std::fs::remove_file(played.file()).expect("the file is there");
    played.way.answer(2, NOT_WAITING);
    finish(played.start("leave", "13-22", &[])).assert_status(0);
    assert_eq!((played.count("done"), played.joined()), (10, 1));
    assert_eq!(played.way.leaves(), 12);
}

#[test]
fn who_waits_on_and_on_is_given_up_on() {
    let played = Played::with_room_for(300);
    played.join("13-14", &[]).assert_status(0);
    std::fs::remove_file(played.file()).expect("the file is there");
    played.way.answer(usize::MAX, NOT_WAITING);
    finish(played.start("leave", "13-14", &[])).assert_status(1);
    assert_eq!(played.rows()[&13], ("failed".into(), "CHALLENGE_CANCEL_NOT_ALLOWED".into()));
    assert_eq!(played.attempts(), BTreeMap::from([(5, 2)]));
}

#[test]
fn who_stops_waiting_meanwhile_is_refused_with_the_status() {
    let played = Played::with_room_for(300);
    played.join("13-16", &[]).assert_status(0);
    std::fs::remove_file(played.file()).expect("the file is there");
    let child = played.start("leave", "13-16", &["--rate", "1/s"]);
    eventually("somebody has left", || played.way.leaves() > 0);
    played.stand.control(&format!("challenges/{}/members/16/status/DISCONNECTED", played.challenge));
    finish(child).assert_status(1);
    assert_eq!(played.rows()[&16], ("refused".into(), "is-DISCONNECTED".into()));
    assert_eq!(played.count("done"), 3);
}

/// Ten ask to join, nobody is answered, and somebody asks for the end.
#[track_caller]
fn stopped_unanswered(played: &Played, status: i32) {
    let child = played.start("join", "13-22", &[]);
    eventually("everyone's request", || played.way.joins() == 10);
    signal(child.id(), libc::SIGINT);
    finish(child).assert_status(status);
    assert_eq!(played.attempts(), BTreeMap::from([(1, 10)]), "as many as there were requests");
}

#[test]
fn who_was_not_answered_when_it_was_stopped_has_failed() {
    let played = Played::with_room_for(300);
    played.way.fall_silent();
    stopped_unanswered(&played, 3);
    assert_eq!(played.rows()[&13], ("failed".into(), "no-answer".into()));
    assert_eq!((played.count("failed"), played.joined()), (10, 1));
}

#[test]
fn who_joined_unanswered_when_it_was_stopped_is_in_it() {
    let played = Played::with_room_for(300);
    played.way.withhold_answers();
    stopped_unanswered(&played, 0);
    assert_eq!((played.count("already"), played.joined()), (10, 11));
}

#[test]
fn who_had_only_logged_in_when_it_was_stopped_was_not_tried() {
    let played = Played::with_room_for(300);
    let child = played.start("join", "13-112", &["--rate", "2/s"]);
    eventually("a request", || played.way.joins() > 0);
    played.way.fall_mute();
    eventually("a login", || played.way.unanswered() > 0);
    signal(child.id(), libc::SIGINT);
    finish(child).assert_status(3);
    assert_eq!(played.count("done") + played.count("pending") + played.count("failed"), 100);
    assert!(played.count("pending") >= 90, "{:?}", played.rows());
    assert_eq!(played.attempts().remove(&0), Some(played.count("pending")));
}
