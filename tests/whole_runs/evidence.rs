//! What is kept of a failure says what came, and from whom.

use serde_json::Value;

use crate::common::peer::Script;
use crate::common::played::{Played, against, run_with};
use crate::common::{Run, eventually, finish, results, signal, summary};

const SIGKILL: i32 = 9;

fn evidence_of(played: &Played, kind: &str) -> String {
    let details = played.summary["errors"]["details"].as_array().expect("details");
    let detail = details.iter().find(|detail| detail["kind"] == kind);
    let detail = detail.unwrap_or_else(|| panic!("{kind} is not in {details:#?}"));
    detail["sample"]["evidence"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_message_of_no_kind_is_named_beside_the_ping_that_waited() {
    let script = Script::good().ping(|to| to.frame(0x82, b"\x00\x01\x02\x03"));
    let played = run_with(script, |run| {
        run.with("ping-interval", "1500ms").with("pong-timeout", "1s").with("hold", "2800ms")
    });
    let first = played.summary["messages"]["first_other"]["text"].as_str().unwrap_or_default();
    assert!(first.starts_with("binary, 4 bytes: 00 01"), "{first}");
    let failures = std::fs::read_to_string(played.out.join("failures.jsonl")).expect("samples");
    let samples = failures.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let ping: Vec<Value> = samples.filter(|sample| sample["kind"] == "ping-timeout").collect();
    assert!(!ping.is_empty(), "{failures}");
    assert!(ping.iter().all(|sample| sample["step"] == "ping" && sample["server"].is_string()), "{ping:#?}");
    let evidence = ping[0]["evidence"].as_str().unwrap_or_default();
    assert!(evidence.contains("without a reply") && evidence.contains("binary, 4 bytes"), "{evidence}");
}

#[test]
fn messages_of_other_kinds_are_counted_where_one_was_awaited() {
    let script = Script::good().opened(|to| (0..10).for_each(|_| to.text(r#"{"type":"WELCOME"}"#)));
    let played = against(script);
    let evidence = evidence_of(&played, "no-kind-matched");
    assert!(evidence.starts_with("10 messages came, none was the CONNECTED awaited"), "{evidence}");
    assert!(evidence.contains(r#"{"type":"WELCOME"}"#), "{evidence}");
}

#[test]
fn a_redirect_shows_where_it_leads() {
    let script = Script::good().login(|to| {
        to.send(
            "HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.example/login\r\nContent-Length: 0\r\n\r\n",
        );
    });
    let played = against(script);
    assert_eq!(evidence_of(&played, "http-301"), "Location: https://elsewhere.example/login\n");
    assert!(played.finished.text().contains("The server redirects"), "{}", played.finished.stdout);
}

#[test]
fn an_answer_without_a_body_shows_the_words_behind_its_status() {
    let script = Script::good().upgrade(|to| {
        to.send("HTTP/1.1 400 This server speaks wamp.2.json\r\nContent-Length: 0\r\n\r\n");
    });
    assert_eq!(evidence_of(&against(script), "upgrade-refused-400"), "This server speaks wamp.2.json");
}

#[test]
fn a_message_is_shown_without_its_frame_s_header() {
    let script =
        Script::good().opened(|to| to.text(r#"{"type":"ERROR","errorCode":"ODD","errorMessage":"x"}"#));
    let played = against(script);
    let evidence = evidence_of(&played, "refused:ERROR");
    assert!(evidence.starts_with(r#"{"type":"ERROR""#), "{evidence}");
}

#[test]
fn a_session_that_is_cut_fails_in_the_hold_of_its_server() {
    let script = Script::good().ping(|to| to.hang_up());
    let played = against(script);
    let details = played.summary["errors"]["details"].as_array().expect("details");
    assert!(details.iter().any(|it| it["kind"] == "closed-1006" && it["step"] == "hold"), "{details:#?}");
    let servers = played.summary["servers"].as_object().expect("servers");
    let server = servers.values().next().expect("a server");
    assert_eq!((&server["opened"], &server["failed"]), (&Value::from(3), &Value::from(3)), "{server:#}");
    assert_eq!(server["failures"][0]["step"], "hold");
    assert!(
        played.finished.text().contains("all 3 failed in hold: closed-1006"),
        "{}",
        played.finished.stdout
    );
}

#[test]
fn a_mock_server_that_ends_is_named() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let child = Run::small(50, &out).with("hold", "60s").start();
    let mut mock = None;
    eventually("the run holds", || {
        mock = super::run::children_of(child.id()).first().copied();
        std::fs::read_to_string(out.join("timeline.csv")).is_ok_and(|rows| rows.contains(",hold,"))
    });
    signal(mock.expect("a mock server"), SIGKILL);
    let finished = finish(child);
    finished.assert_status(3);
    let reasons = summary(&out)["reasons"].to_string();
    assert!(reasons.contains("the built-in mock server ended") && reasons.contains("signal: 9"), "{reasons}");
}
