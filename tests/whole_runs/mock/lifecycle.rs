//! A challenge's life on a clock that runs faster.

use serde_json::json;
use startline_mock::Config;

use super::stand::*;

/// Real time is divided by this: READY and the run of 100 m take 3 s each, in which a busy machine
/// has to play what belongs there.
const SCALE: f64 = 100.0;

#[test]
fn a_challenge_lives_and_ends_on_the_scaled_clock() {
    let stand = Stand::start(Config { time_scale: SCALE, ..plain() });
    let token = stand.login(13);
    let date = stand.call("GET", "/mock/counters", None, None).date;
    let now = jiff::fmt::rfc2822::parse(&date).unwrap().timestamp();
    let start = now + jiff::SignedDuration::from_mins(14);
    let body = json!({
        "title": "t", "description": "d", "maxParticipants": 100, "distance": "M100",
        "startAt": start.strftime("%Y-%m-%dT%H:%M:%S").to_string(), "isPrivate": false, "isBroadcast": false,
    });
    let created = stand.call("POST", "/api/v1/admin/challenges", Some(&token), Some(&body)).data(201);
    let id = created["challengeId"].as_u64().unwrap();
    let path = format!("/api/v1/challenges/{id}");
    for member in 14..=16 {
        stand.about(member, "POST", id, "/join").data(201);
    }
    let status = || stand.call("GET", &path, Some(&token), None).data(200)["status"].clone();
    assert_eq!(status(), "RECRUITING");
    await_that("READY", || status() == "READY");
    stand.about(17, "POST", id, "/join").assert_refused(403, 403, "모집 중이 아닌 챌린지입니다.");

    let open = |member: u64| {
        let data = stand.about(member, "POST", id, "/enter").data(200);
        let mut client = stand.upgrade(data["ticket"].as_str().unwrap());
        assert_eq!(client.text()["type"], "CONNECTED");
        client
    };
    let mut first = open(14);
    let second = open(15);
    assert_eq!(first.text()["type"], "USER_ENTERED");
    await_that("RUNNING", || status() == "RUNNING");
    assert_eq!(stand.status(id, 16), "NOT_STARTED");
    stand.about(16, "POST", id, "/enter").assert_refused(400, 400, "참가 상태가 유효하지 않습니다.");
    second.close();
    assert_eq!(first.text()["reason"], "DISCONNECTED");
    let mut second = open(15);
    assert_eq!(first.text()["type"], "USER_ENTERED", "re-entry is possible while it runs");

    await_that("DONE", || status() == "DONE");
    assert_eq!(stand.status(id, 14), "EXPIRED");
    // Nothing tells the WebSocket servers of the end.
    first.ping();
    second.ping();
    stand.about(14, "POST", id, "/enter").assert_refused(400, 400, "챌린지가 입장 가능한 상태가 아닙니다.");
    let refused = stand.about(14, "DELETE", id, "/join");
    refused.assert_refused(400, 400, "대기 중인 상태에서만 참가 취소할 수 있습니다.");
}

#[test]
fn a_finisher_is_closed_at_the_end_too_and_a_racy_server_tells_of_expiry() {
    let preload = startline_mock::Preload {
        challenge: CHALLENGE,
        distance: startline_mock::world::Distance::M100,
        ready: true,
    };
    let config =
        Config { time_scale: SCALE, racy: true, done_closes: true, preload: Some(preload), ..plain() };
    let stand = Stand::start(config);
    let (mut finisher, _) = stand.open(13);
    let (mut runner, _) = stand.open(14);
    let (mut other, _) = stand.open(15);
    finisher.record(0.1, 300);
    assert_eq!(runner.text_of("USER_LEFT")["reason"], "FINISH");
    // Who was there when the finisher recorded has heard of it; then comes the end.
    assert_eq!(other.text_of("USER_LEFT")["reason"], "FINISH");
    for (client, another) in [(&mut runner, 15), (&mut other, 14)] {
        let left = client.text_of("USER_LEFT");
        assert_eq!((&left["userId"], &left["reason"]), (&json!(another), &json!("EXPIRED")));
        client.assert_closed(1000);
    }
    loop {
        match finisher.hear() {
            Heard::Text(text) => assert_eq!(text["type"], "USER_ENTERED"),
            heard => {
                assert_eq!(heard, Heard::Close(1000));
                break;
            }
        }
    }
}
