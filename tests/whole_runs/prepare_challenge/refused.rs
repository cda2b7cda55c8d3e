//! What cannot be is refused, by whom it concerns, with what to do next.

use std::net::TcpListener;

use jiff::{SignedDuration, Timestamp};

use super::peer::{LOGIN, OK, Peer};
use super::server::Server;
use crate::common::{Finished, run};

#[track_caller]
fn asked(url: &str, more: &[&str]) -> Finished {
    run(&[&["prepare", "challenge", "--target", url, "--admin", "13", "--time-zone", "UTC"], more].concat())
}

/// Where nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

#[track_caller]
fn assert_told(finished: &Finished, status: i32, words: &[&str]) {
    finished.assert_status(status);
    assert_eq!(finished.stdout, "");
    for word in words {
        assert!(finished.stderr.contains(word), "{word:?} is not in: {}", finished.stderr);
    }
}

#[test]
fn starts_too_near_are_refused_before_anything_is_created() {
    let server = Server::plain();
    let ahead = |span: SignedDuration| (Timestamp::now() + span).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let near = ahead(SignedDuration::from_mins(9));
    let words = [
        "error: --start-at 20",
        " by the server's clock, which says 20",
        "more than 10 minutes ahead",
        "is UTC the server's time zone",
    ];
    assert_told(&server.prepare("challenge", &["--start-at", &near]), 2, &words);
    let soon = ahead(SignedDuration::from_mins(12));
    let words = ["10,000 members at 20/s take 8m20s", "becomes READY in ", "--rate "];
    assert_told(&server.prepare("challenge", &["--start-at", &soon, "--members", "10k"]), 2, &words);
    // The servers take any start that is further away, and any member as its creator.
    let far = ahead(SignedDuration::from_hours(10 * 24));
    assert_eq!(server.created(&["--start-at", &far])["id"], 1, "none of the others was created");
}

#[test]
fn options_that_cannot_be_are_refused_before_anybody_is_asked() {
    let url = nowhere();
    for (options, words) in [
        (["--distance", "FIV"], "did you mean \"FIVE\"?"),
        (["--start-at", "10:00"], "such as 2026-03-01T10:00"),
        (["--start-at", "2026-03-01T10:00Z"], "without an offset"),
        (["--password", ""], "it is empty"),
        (["--max-participants", "1"], "takes 2 at least"),
        (["--members", "22-13"], "did you mean 13-22?"),
        (["--ramp", "10s"], "--hold"),
        (["--time-zone", "Seoul"], "such as Asia/Seoul"),
        (["--scenario", "echo"], "has no [schedule]"),
    ] {
        let base = ["prepare", "challenge", "--target", &url, "--admin", "13"];
        assert_told(&run(&[&base[..], &options].concat()), 2, &[words]);
    }
    assert_told(
        &asked(&url, &["--members", "10k", "--rate", "1/m"]),
        2,
        &["9h is the maximum", "a higher --rate"],
    );
    for (members, room, words) in [
        ("20", "19", "--max-participants 19 is too small: 20 members will join, and member 13"),
        (
            "100-109",
            "10",
            "10 members will join, and member 13, who creates it, needs one more place: leave it out, or give 11",
        ),
        (
            "13-22",
            "9",
            "10 members will join, member 13, who creates it, among them: leave it out, or give 10",
        ),
    ] {
        assert_told(&asked(&url, &["--members", members, "--max-participants", room]), 2, &[words]);
    }
}

#[test]
fn what_the_server_checks_is_told_in_its_own_words() {
    let server = Server::plain();
    let title = "가".repeat(101);
    let words = [
        "answered 400: 입력값 검증에 실패했습니다",
        "title: 제목은 100자 이하여야 합니다. (--title: 1 to 100 characters)",
    ];
    assert_told(&server.prepare("challenge", &["--title", &title]), 2, &words);
    let finished = server.prepare("challenge", &["--title", " ", "--description", ""]);
    assert_told(&finished, 2, &["title: 제목은 필수입니다", "description: 설명은 필수입니다"]);
    assert_eq!(server.created(&["--title", &title[3..]])["id"], 1);
}

#[test]
fn an_administrator_who_is_not_there_is_named() {
    let server = Server::plain();
    let finished = run(&["prepare", "challenge", "--target", &server.url, "--admin", "9"]);
    assert_told(&finished, 2, &["member 9 cannot log in", "존재하지 않는 회원입니다", "give --admin the id"]);
}

#[test]
fn a_target_that_is_not_there_is_no_wrong_argument() {
    assert_told(
        &asked(&nowhere(), &[]),
        3,
        &[
            "error: member 13 cannot log in: no answer to POST http://127.0.0.1:",
            ": Connection refused",
            "curl -v shows what answers there",
        ],
    );
}

#[test]
fn an_answer_that_never_comes_leaves_it_open_whether_the_challenge_is_there() {
    let peer = Peer::answering(vec![(OK, LOGIN), ("", "")]);
    assert_told(
        &asked(&peer.url, &[]),
        3,
        &[
            "the servers did not answer",
            "the challenge may exist all the same: look for its title, \"",
            "\"; member 13 is in it then",
        ],
    );
}

#[test]
fn failing_servers_and_strangers_are_told_apart() {
    let cases = [
        (
            "502 Bad Gateway",
            "<html>502</html>",
            3,
            vec!["answered 502", "see their logs", "may exist all the same"],
        ),
        (
            "403 Forbidden",
            "",
            2,
            vec!["answered 403: an empty body", "the servers did not accept member 13's login"],
        ),
        ("302 Found\r\nLocation: /elsewhere", "", 2, vec!["answered 302", "the target leads elsewhere"]),
        ("404 Not Found", "{}", 2, vec!["the target has no POST /api/v1/admin/challenges"]),
        (
            "400 Bad Request",
            r#"{"code":400,"message":"겹칩니다"}"#,
            2,
            vec!["겹칩니다", "is member 13 in another one at that time?"],
        ),
        (
            "201 Created",
            r#"{"data":{"status":"RECRUITING"}}"#,
            3,
            vec!["no /data/challengeId", "may exist all the same"],
        ),
        ("201 Created", "not JSON", 3, vec!["no /data/challengeId"]),
        (
            "201 Created",
            r#"{"data":{"challengeId":39,"status":"RECRUITING","startAt":"2026-03-01T10:11:00"}}"#,
            3,
            vec![
                "challenge 39 was created, but the answer has no /data/endAt",
                "preflight with --challenge 39",
            ],
        ),
        (
            "201 Created",
            r#"{"data":{"challengeId":39,"status":"OPEN","startAt":"2026-03-01T10:11:00","endAt":"2026-03-01T11:11:00"}}"#,
            3,
            vec![
                "challenge 39 was created, but what the servers say about it cannot be read",
                "with --challenge 39",
            ],
        ),
    ];
    for (head, body, status, words) in cases {
        let peer = Peer::answering(vec![(OK, LOGIN), (head, body)]);
        assert_told(&asked(&peer.url, &[]), status, &words);
    }
    let peer = Peer::answering(vec![("503 Service Unavailable", "busy")]);
    assert_told(
        &asked(&peer.url, &[]),
        3,
        &["member 13 cannot log in", "answered 503: busy", "see their logs"],
    );
    let peer = Peer::answering(vec![("301 Moved Permanently\r\nLocation: https://x/", "")]);
    assert_told(&asked(&peer.url, &[]), 2, &["member 13 cannot log in", "the target leads elsewhere"]);
    let peer = Peer::answering(vec![("429 Too Many Requests", "")]);
    assert_told(&asked(&peer.url, &[]), 3, &["member 13 cannot log in", "see their logs"]);
    let peer = Peer::answering(vec![(OK, "{}")]);
    assert_told(&asked(&peer.url, &[]), 3, &["without access_token"]);
}

#[test]
fn a_server_that_does_not_say_what_time_it_has_is_warned_of() {
    let created = r#"{"data":{"challengeId":7,"status":"RECRUITING","startAt":"2026-03-01T10:00:00","endAt":"2026-03-01T11:00:00"}}"#;
    let peer = Peer::answering(vec![("200 OK", LOGIN), ("201 Created", created)]);
    let finished = asked(&peer.url, &["--json"]);
    finished.assert_status(0);
    assert!(finished.stderr.contains("no Date header"), "{}", finished.stderr);
    assert!(finished.stdout.contains("\"readyAt\": \"2026-03-01T09:55:00+00:00\""), "{}", finished.stdout);
}

#[test]
fn times_that_cannot_be_read_lose_no_number() {
    let created = r#"{"data":{"challengeId":7,"status":"RECRUITING","startAt":"soon","endAt":"later"}}"#;
    let peer = Peer::answering(vec![(OK, LOGIN), ("201 Created", created)]);
    assert_told(&asked(&peer.url, &[]), 3, &["challenge 7 was created", "startAt is \"soon\""]);
}
