//! What becomes of members when the servers are well.

use super::played::{ADMIN, Played, created};
use crate::common::{finish, startline};

fn pair(outcome: &str, reason: &str) -> (String, String) {
    (outcome.to_owned(), reason.to_owned())
}

#[test]
fn everyone_joins_once_and_leaves_once() {
    let played = Played::with_room_for(300);
    let finished = played.join("13-62", &[]);
    finished.assert_status(0);
    assert!(finished.stdout.contains("50 members of challenge"), "{}", finished.stdout);
    assert!(finished.stdout.contains("50  joined"), "{}", finished.stdout);
    assert_eq!((played.count("done"), played.joined()), (50, 51), "and the one who created it");

    std::fs::remove_file(played.file()).expect("the file is there");
    let joins = played.way.joins();
    let finished = played.join("13-62", &[]);
    finished.assert_status(0);
    assert!(finished.stdout.contains("50  already in it"), "{}", finished.stdout);
    assert_eq!(played.way.joins(), joins, "the list tells, and nobody is asked again");

    std::fs::remove_file(played.file()).expect("the file is there");
    let finished = finish(played.start("leave", "13-112", &[]));
    finished.assert_status(0);
    assert!(
        finished.stdout.contains("50  left") && finished.stdout.contains("50  not in it"),
        "{}",
        finished.stdout
    );
    assert!(!finished.stderr.contains("warning"), "{}", finished.stderr);
    assert_eq!(played.joined(), 1);
}

#[test]
fn the_last_to_leave_is_warned_of() {
    let played = Played::with_room_for(300);
    let finished = finish(played.start("leave", "300-300", &[]));
    finished.assert_status(0);
    assert!(
        finished.stderr.contains("warning: there are no other members in the challenge"),
        "{}",
        finished.stderr
    );
    played.stand.about(13, "GET", played.challenge, "").assert_refused(
        404,
        404,
        "존재하지 않는 챌린지입니다.",
    );

    std::fs::remove_file(played.file()).expect("the file is there");
    let finished = finish(played.start("leave", "300-300", &[]));
    finished.assert_status(0);
    assert!(finished.stderr.contains("does not exist, so no member is in it"), "{}", finished.stderr);
    assert!(finished.stdout.contains("1  not in it"), "{}", finished.stdout);
}

#[test]
fn a_file_of_joins_that_is_taken_up_to_leave_says_nothing_of_who_has_left() {
    let played = Played::with_room_for(300);
    played.join("13-22", &[]).assert_status(0);
    let finished = played.resume("leave", &[]);
    finished.assert_status(0);
    assert!(finished.stdout.contains("10  left"), "{}", finished.stdout);
    assert_eq!((played.count("done"), played.joined()), (10, 1));
}

#[test]
fn reasons_stay_in_the_file_if_nobody_can_be_tried_again() {
    let played = Played::with_room_for(300);
    played.join("311-314", &[]).assert_status(1);
    assert_eq!(played.rows()[&313], pair("refused", "MEMBER_NOT_FOUND"));
    played.way.shut();
    played.resume("join", &[]).assert_status(3);
    assert_eq!(played.rows()[&313], pair("refused", "MEMBER_NOT_FOUND"));
}

#[test]
fn a_gap_in_the_ids_is_passed_by_when_a_run_is_taken_up() {
    let played = Played::with_room_for(300);
    let members = played.file().with_file_name("members.csv");
    // Seventy have a place, sixty are not there, ten come after them.
    let rows: String =
        (13..83).chain(400..460).chain(100..110).map(|member| format!("{member},38,pending,,0\n")).collect();
    let rows = rows.replace(",38,", &format!(",{},", played.challenge));
    std::fs::write(&members, format!("memberId,challengeId,outcome,reason,attempts\n{rows}"))
        .expect("written");
    std::fs::rename(&members, played.file()).expect("renamed");
    for _ in 0..2 {
        let finished = played.resume("join", &[]);
        finished.assert_status(1);
        assert!(!finished.stderr.contains("in a row"), "{}", finished.stderr);
        assert_eq!((played.count("refused"), played.joined()), (60, 81));
    }
}

#[test]
fn who_is_in_another_challenge_is_told_from_who_is_in_this_one() {
    let played = Played::with_room_for(300);
    let other = created(&played.stand, ADMIN + 1, 300, 20, None);
    played.stand.about(20, "POST", other, "/join").data(201);
    // Joined by somebody else after the list was read: only the answer and a second look tell.
    let finished = played.join("13-32", &[]);
    finished.assert_status(1);
    let rows = played.rows();
    assert_eq!(rows[&20], pair("elsewhere", "CHALLENGE_TIME_OVERLAP"));
    assert_eq!(played.count("done"), 19);
    assert!(finished.stdout.contains("in another challenge at that time"), "{}", finished.stdout);
    assert!(
        finished.stderr.contains(&format!(
            "  have them leave the other challenge, which they can until its startAt: startline prepare leave --target {} --rate 500/s --challenge OTHER --members 13-32\n  then: startline prepare join --target",
            played.way.url()
        )),
        "{}",
        finished.stderr
    );

    played.stand.about(20, "DELETE", other, "/join").data(200);
    played.resume("join", &[]).assert_status(0);
    assert_eq!(played.rows()[&20], pair("done", ""));
}

#[test]
fn unknown_members_are_refused_and_the_others_join() {
    let played = Played::with_room_for(300);
    let finished = played.join("290-320", &[]);
    finished.assert_status(1);
    assert_eq!(played.rows()[&313], pair("refused", "MEMBER_NOT_FOUND"));
    assert_eq!((played.count("done"), played.count("already"), played.count("refused")), (22, 1, 8));
    assert!(finished.stdout.contains("8 MEMBER_NOT_FOUND"), "{}", finished.stdout);
}

#[test]
fn members_none_of_whom_are_known_stop_it_early() {
    let played = Played::with_room_for(1200);
    let members = played.file().with_file_name("members.csv");
    let rows: String = (1000..2000).map(|member| format!("{member},{}\n", played.challenge)).collect();
    // One who can look up, and a thousand who are not there.
    std::fs::write(&members, format!("memberId,challengeId\n13,{}\n{rows}", played.challenge))
        .expect("written");
    let mut command = startline();
    command.args(["prepare", "join", "--target", &played.way.url(), "--rate", "500/s", "--members"]);
    command.arg(&members).arg("--out").arg(played.file());
    let finished = finish(command.spawn().expect("the binary starts"));
    finished.assert_status(1);
    assert!(finished.stderr.contains("members in a row were refused, and none accepted: login is refused with MEMBER_NOT_FOUND (존재하지 않는 회원입니다.)"), "{}", finished.stderr);
    assert!(played.count("pending") > 100, "{:?}", played.count("pending"));
}

#[test]
fn more_than_there_is_room_for_are_refused_before_anybody_joins() {
    let played = Played::with_room_for(31);
    let finished = played.join("13-43", &["--rate", "100/s"]);
    finished.assert_status(2);
    let told = "error: the challenge has 31 places, of which 30 are left, and 31 more members would join; give fewer members, or";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
    assert_eq!((played.file().exists(), played.joined()), (false, 1));
    played.join("13-42", &["--rate", "100/s"]).assert_status(0);
    // Whoever is in takes no other place.
    played.resume("join", &[]).assert_status(0);
    std::fs::remove_file(played.file()).expect("removed");
    let more = played.join("43-44", &[]);
    more.assert_status(2);
    let told = "error: the challenge is full: it has 31 places, and 2 more members would join; create a larger challenge";
    assert!(more.stderr.contains(told), "{}", more.stderr);
}

#[test]
fn a_challenge_that_fills_up_stops_it_early_with_the_servers_words() {
    let played = Played::with_room_for(31);
    // As if others had taken the places after the look-up: it does not say how many there are.
    let scenario = played.file().with_file_name("unknown-room.toml");
    let runnity =
        startline().args(["scenario", "show", "runnity"]).output().expect("the binary starts").stdout;
    let runnity = String::from_utf8(runnity).expect("text");
    let without = runnity.replace("room = \"/data/maxParticipants\"\n", "");
    assert_ne!(without, runnity);
    std::fs::write(&scenario, without).expect("written");
    let scenario = scenario.to_str().expect("text");
    let finished = played.join("13-262", &["--rate", "100/s", "--scenario", scenario]);
    finished.assert_status(1);
    assert_eq!((played.count("done"), played.joined()), (30, 31));
    let expected = "the other members were not tried: join is refused with CHALLENGE_PARTICIPANT_LIMIT_EXCEEDED (참가 인원이 가득 찼습니다.)";
    assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    assert!(played.count("pending") > 50, "most were not tried: {:?}", played.rows());
}

#[test]
fn a_private_challenge_takes_its_password() {
    let played = Played::with_room_for(300);
    let challenge = created(&played.stand, ADMIN + 2, 300, 20, Some("달{member_id}\"리기"));
    let private = played.about(challenge);
    let finished = private.join("13-22", &["--password", "wrong"]);
    finished.assert_status(1);
    assert!(finished.stderr.contains("CHALLENGE_PASSWORD_MISMATCH"), "{}", finished.stderr);
    private.resume("join", &["--password", "달{member_id}\"리기"]).assert_status(0);
    assert_eq!(private.count("done"), 10);
}

#[test]
fn what_makes_no_sense_is_refused_before_anybody_joins() {
    let played = Played::with_room_for(300);
    std::fs::write(played.file(), "precious").expect("written");
    let finished = played.join("13-22", &[]);
    finished.assert_status(2);
    let told = "outcomes.csv already exists and is not a file of outcomes: name another with --out";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
    assert_eq!(std::fs::read_to_string(played.file()).expect("it is there"), "precious");

    let finished = played.resume("join", &[]);
    finished.assert_status(2);
    assert!(
        finished.stderr.contains("outcomes.csv:1: a file of outcomes begins with"),
        "{}",
        finished.stderr
    );
    assert_eq!(std::fs::read_to_string(played.file()).expect("it is there"), "precious");
    assert_eq!((played.way.joins(), played.joined()), (0, 1));
}

#[test]
fn an_unknown_challenge_is_named() {
    let played = Played::with_room_for(300).about(99);
    let finished = played.join("13-22", &[]);
    finished.assert_status(2);
    assert!(finished.stderr.contains("존재하지 않는 챌린지입니다"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("check that the target is up"), "{}", finished.stderr);
    assert!(!played.file().exists());
}

#[test]
fn who_is_not_waiting_any_more_is_not_asked_to_leave() {
    let played = Played::with_room_for(300);
    played.join("13-22", &[]).assert_status(0);
    std::fs::remove_file(played.file()).expect("the file is there");
    played.stand.control(&format!("challenges/{}/members/13/status/DISCONNECTED", played.challenge));
    let finished = finish(played.start("leave", "13-22", &[]));
    finished.assert_status(1);
    assert_eq!(played.rows()[&13], pair("refused", "is-DISCONNECTED"));
    assert_eq!(played.count("done"), 9);
    assert!(finished.stderr.contains("members can leave only while they are WAITING"), "{}", finished.stderr);
}

#[test]
fn a_first_member_who_is_not_there_keeps_nobody_from_joining() {
    let played = Played::with_room_for(300);
    played.join("11-22", &[]).assert_status(1);
    assert_eq!((played.count("done"), played.count("refused")), (10, 2));
}
