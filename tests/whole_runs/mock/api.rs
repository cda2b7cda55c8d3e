//! The HTTP API: the flow, the shapes of its answers, and every error by name.

use serde_json::{Value, json};

use super::stand::*;

const CHALLENGES: &str = "/api/v1/admin/challenges";

/// A body of *create* that is accepted: in 20 minutes by the server's clock.
fn body(stand: &Stand, minutes: i64) -> Value {
    let date = stand.call("GET", "/mock/counters", None, None).date;
    let now = jiff::fmt::rfc2822::parse(&date).expect("a Date header").timestamp();
    let start = now + jiff::SignedDuration::from_mins(minutes);
    json!({
        "title": "새벽 러닝", "description": "d", "maxParticipants": 3, "distance": "FIVE",
        "startAt": start.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        "isPrivate": false, "password": null, "isBroadcast": false,
    })
}

fn with(mut body: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn create(stand: &Stand, creator: u64, body: &Value) -> u64 {
    let answer = stand.call("POST", CHALLENGES, Some(&stand.login(creator)), Some(body));
    answer.data(201)["challengeId"].as_u64().unwrap()
}

#[test]
fn a_login_hands_out_tokens() {
    let stand = Stand::start(plain());
    let data = stand.call("POST", "/api/v1/auth/test-login?memberId=13", None, None).data(200);
    let keys: Vec<&str> = data.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["accessToken", "needAdditionalInfo", "newUser", "refreshToken"]);
    let token = data["accessToken"].as_str().unwrap();
    assert_eq!(token.split('.').count(), 3);
    assert!((180..=230).contains(&token.len()), "{} characters", token.len());
}

#[test]
fn a_login_that_cannot_be_says_why() {
    let stand = Stand::start(plain());
    let login = |query: &str| stand.call("POST", &format!("/api/v1/auth/test-login{query}"), None, None);
    login("?memberId=12").assert_refused(400, 404, "존재하지 않는 회원입니다.");
    for query in ["", "?memberid=13", "?memberId=abc", "?memberId="] {
        let answer = login(query);
        assert_eq!((answer.status, answer.kind.as_str()), (400, "application/problem+json"), "{query}");
        assert_eq!(answer.json()["title"], "Bad Request");
    }
}

#[test]
fn a_challenge_is_created_looked_up_joined_and_left() {
    let stand = Stand::start(plain());
    let body = body(&stand, 20);
    let created = stand.call("POST", CHALLENGES, Some(&stand.login(13)), Some(&body)).data(201);
    let id = created["challengeId"].as_u64().unwrap();
    for key in ["title", "description", "maxParticipants", "startAt", "distance", "isPrivate", "isBroadcast"]
    {
        assert_eq!(created[key], body[key], "{key}");
    }
    assert_eq!((&created["status"], &created["joined"]), (&json!("RECRUITING"), &json!(true)));
    assert_eq!(created["participants"][0]["memberId"], 13);
    let minutes = |key: &str| created[key].as_str().unwrap().parse::<jiff::civil::DateTime>().unwrap();
    assert_eq!(minutes("endAt").duration_since(minutes("startAt")).as_mins(), 60);

    let joined = stand.about(14, "POST", id, "/join").data(201);
    assert_eq!(joined["status"], "WAITING");
    assert_eq!((&joined["rank"], &joined["averagePace"]), (&Value::Null, &Value::Null));
    assert_eq!((&joined["challengeId"], &joined["memberId"]), (&json!(id), &json!(14)));

    let seen = stand.about(15, "GET", id, "").data(200);
    assert_eq!((&seen["joined"], &seen["currentParticipants"]), (&json!(false), &json!(2)));
    let expected = json!({
        "memberId": 14, "nickname": "테스트유저14", "profileImage": null, "rank": null, "status": "WAITING",
        "averagePaceSec": null, "paceSec": null,
    });
    assert_eq!(seen["participants"][1], expected);

    assert_eq!(stand.about(14, "DELETE", id, "/join").data(200)["status"], "LEFT");
    assert_eq!(stand.about(14, "GET", id, "").data(200)["joined"], false);
    assert_eq!(stand.about(13, "DELETE", id, "/join").data(200)["status"], "LEFT");
    stand.about(13, "GET", id, "").assert_refused(404, 404, "존재하지 않는 챌린지입니다.");
}

#[test]
fn every_refusal_of_join_and_leave_has_its_message() {
    let stand = Stand::start(plain());
    let full = create(&stand, 13, &with(body(&stand, 20), json!({"maxParticipants": 2})));
    let private = with(body(&stand, 200), json!({"isPrivate": true, "password": "pw"}));
    let private = create(&stand, 13, &private);
    let join = |member, id| stand.about(member, "POST", id, "/join");
    join(14, 999).assert_refused(404, 404, "존재하지 않는 챌린지입니다.");
    join(14, full).data(201);
    join(15, full).assert_refused(403, 403, "참가 인원이 가득 찼습니다.");
    join(14, full).assert_refused(400, 400, "같은 시간대에 이미 참여 중인 챌린지가 있습니다.");
    join(14, private).assert_refused(400, 400, "비밀번호가 일치하지 않습니다.");
    let path = format!("/api/v1/challenges/{private}/join");
    let with_password =
        |text: &str| stand.call("POST", &path, Some(&stand.login(14)), Some(&json!({"password": text})));
    with_password("wp").assert_refused(400, 400, "비밀번호가 일치하지 않습니다.");
    with_password("pw").data(201);
    stand.about(16, "DELETE", full, "/join").assert_refused(400, 400, "참가하지 않은 챌린지입니다.");
    stand.control(&format!("challenges/{full}/members/14/status/KICKED"));
    join(14, full).assert_refused(403, 403, "참가 인원이 가득 찼습니다.");
    stand.about(14, "DELETE", full, "/join").assert_refused(
        400,
        400,
        "대기 중인 상태에서만 참가 취소할 수 있습니다.",
    );
    stand.about(13, "DELETE", full, "/join").data(200);
    join(14, full).assert_refused(400, 400, "이미 참가 중인 챌린지입니다.");
}

#[test]
fn a_ready_challenge_recruits_no_more_and_lets_enter_once() {
    let stand = Stand::start(ready());
    let recruiting = create(&stand, 13, &with(body(&stand, 20), json!({})));
    let enter = |member, id| stand.about(member, "POST", id, "/enter");
    enter(13, 999).assert_refused(404, 404, "존재하지 않는 챌린지입니다.");
    enter(13, recruiting).assert_refused(400, 400, "챌린지가 입장 가능한 상태가 아닙니다.");
    stand.about(13, "POST", CHALLENGE, "/join").assert_refused(403, 403, "모집 중이 아닌 챌린지입니다.");
    stand.about(20, "DELETE", CHALLENGE, "/join").data(200);

    let data = enter(14, CHALLENGE).data(200);
    assert_eq!(
        (&data["userId"], &data["challengeId"], &data["expiresIn"]),
        (&json!(14), &json!(38), &json!(30))
    );
    let url = data["wsUrl"].as_str().unwrap();
    assert!(url.starts_with(&format!("ws://{}/ws/ws", stand.addr())), "{url}");
    assert_eq!(data["ticket"].as_str().unwrap().len(), 36);
    enter(14, CHALLENGE).assert_refused(400, 400, "참가 상태가 유효하지 않습니다.");
    assert_eq!(stand.status(CHALLENGE, 14), "RUNNING", "burned without a WebSocket");
}

#[test]
fn who_has_not_joined_may_not_enter() {
    let stand = Stand::start(plain());
    let id = create(&stand, 13, &body(&stand, 20));
    // READY is not to be waited for here: only the order of the rules is at stake.
    stand.about(14, "POST", id, "/enter").assert_refused(400, 400, "챌린지가 입장 가능한 상태가 아닙니다.");
    let stand = Stand::start(ready());
    stand.about(15, "DELETE", CHALLENGE, "/join").data(200);
    stand.about(15, "POST", CHALLENGE, "/enter").assert_refused(400, 400, "참가 상태가 유효하지 않습니다.");
}

#[test]
fn a_body_that_breaks_rules_names_the_fields() {
    let stand = Stand::start(plain());
    let token = stand.login(13);
    let changes = json!({"title": "가".repeat(101), "maxParticipants": 1, "isPrivate": true});
    let answer = stand.call("POST", CHALLENGES, Some(&token), Some(&with(body(&stand, 9), changes)));
    let json = answer.json();
    assert_eq!((answer.status, &json["code"], &json["isSuccess"]), (400, &json!(400), &json!(false)));
    let fields: Vec<&str> = json["data"]["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["title", "maxParticipants", "startAtAtLeastTenMinutesLater", "password"]);
    assert_eq!(json["data"]["errors"][1]["rejectedValue"], 1);
}

#[test]
fn ten_minutes_from_now_cut_to_the_second_is_refused() {
    let stand = Stand::start(plain());
    let answer = stand.call("POST", CHALLENGES, Some(&stand.login(13)), Some(&body(&stand, 10)));
    let error = &answer.json()["data"]["errors"][0];
    let expected = (&json!("startAtAtLeastTenMinutesLater"), &json!(false));
    assert_eq!((&error["field"], &error["rejectedValue"]), expected);
    create(&stand, 13, &body(&stand, 11));
    // Any member may, and as far ahead as it likes.
    create(&stand, 14, &body(&stand, 10 * 24 * 60));
}

#[test]
fn what_the_framework_refuses_comes_as_problem_details() {
    let stand = Stand::start(plain());
    let token = stand.login(13);
    let id = create(&stand, 13, &body(&stand, 20));
    let unknown = with(body(&stand, 20), json!({"distance": "FORTY"}));
    let problem = |answer: Answer, status: u16| {
        assert_eq!((answer.status, answer.kind.as_str()), (status, "application/problem+json"), "{answer:?}");
        assert_eq!(answer.json()["status"], status);
    };
    problem(stand.call("POST", CHALLENGES, Some(&token), Some(&unknown)), 400);
    problem(stand.call("GET", "/api/v1/challenges/abc", Some(&token), None), 400);
    problem(stand.call("PUT", &format!("/api/v1/challenges/{id}"), Some(&token), None), 405);
    problem(stand.call("GET", "/api/v1/auth/test-login?memberId=13", None, None), 405);
    problem(stand.call("POST", CHALLENGES, Some(&token), None), 415);
}

#[test]
fn who_is_not_logged_in_gets_403_and_nothing_else() {
    let stand = Stand::start(plain());
    let good = stand.login(13);
    let bad = format!("{}x", &good[..good.len() - 1]);
    for token in [None, Some("nonsense"), Some(bad.as_str())] {
        for (method, path) in [
            ("GET", "/api/v1/challenges/1"),
            ("POST", CHALLENGES),
            ("GET", "/api/v1/nothing"),
            ("GET", "/nothing"),
        ] {
            let answer = stand.call(method, path, token, None);
            assert_eq!((answer.status, answer.body.as_str()), (403, ""), "{method} {path}");
        }
    }
}

#[test]
fn a_token_is_over_at_its_time() {
    let stand =
        Stand::start(startline_mock::Config { token_ttl: std::time::Duration::from_millis(1), ..plain() });
    let token = stand.login(13);
    await_that("the token is over", || {
        stand.call("GET", "/api/v1/challenges/1", Some(&token), None).status == 403
    });
}

#[test]
fn an_unknown_path_gets_springs_error() {
    let stand = Stand::start(plain());
    let token = stand.login(13);
    for path in ["/nothing", "/api/v1/nothing"] {
        let answer = stand.call("GET", path, Some(&token), None);
        let json = answer.json();
        assert_eq!(answer.status, 404);
        assert_eq!(
            (&json["status"], &json["error"], &json["path"]),
            (&json!(404), &json!("Not Found"), &json!(path))
        );
        assert!(json["timestamp"].is_string());
    }
}

#[test]
fn the_websocket_url_is_the_one_configured() {
    let config = startline_mock::Config { public_url: Some("wss://runnity.example".into()), ..ready() };
    let stand = Stand::start(config);
    assert!(stand.enter(13).1.starts_with("wss://runnity.example/ws/ws"));
}
