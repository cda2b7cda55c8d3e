//! Systems that are not Runnity, described by files alone, against servers whose WebSocket is tungstenite's: an echo server, and a
//! chat with login, cookies, subprotocol and a room.

use crate::common::{Run, kinds, number, results, summary};
use crate::foreign::chat::{self, Manners};
use crate::foreign::echo::{self, Answering};
use serde_json::Value;

const SESSIONS: u32 = 20;

/// A short run of a built-in scenario.
fn run(scenario: &str, target: &str, out: &std::path::Path) -> Run {
    let (option, interval) = match scenario {
        "chat" => ("every", "say.interval=800ms"),
        _ => ("ping-interval", "800ms"),
    };
    Run::against(target, SESSIONS, out)
        .without("challenge")
        .without("members")
        .with("scenario", scenario)
        .with("ramp", "500ms")
        .with("hold", "2600ms")
        .with(option, interval)
        .with("ramp-down", "200ms")
}

/// Plays a scenario, which ends with this exit status; the summary.
#[track_caller]
fn played(scenario: &str, target: &str, status: i32) -> Value {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    run(scenario, target, &out).finish().assert_status(status);
    summary(&out)
}

#[track_caller]
fn assert_all_answered(summary: &Value) -> u64 {
    assert_eq!(number(summary, "/errors/total"), 0.0, "{summary:#}");
    assert_eq!(number(summary, "/sessions/held_to_end"), f64::from(SESSIONS));
    let due = number(summary, "/ping/due");
    let settled = number(summary, "/ping/answered") + number(summary, "/ping/pending");
    assert_eq!(due, settled, "{:#}", summary["ping"]);
    assert!(due >= 3.0 * f64::from(SESSIONS), "three PINGs each at least: {due}");
    assert_eq!(number(summary, "/ping/unasked_pongs"), 0.0);
    number(summary, "/ping/answered") as u64
}

#[test]
fn echo_every_message_comes_back_the_same() {
    let summary = played("echo", &echo::start(Answering::Same), 0);
    let answered = assert_all_answered(&summary);
    assert!(number(&summary, "/messages/received") as u64 >= answered);
}

#[test]
fn a_url_alone_is_enough_for_a_websocket() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let url = format!("{}/socket?token=secret-0123456789", echo::start(Answering::Same));
    let counts =
        ["-n", "20", "--ramp", "200ms", "--hold", "1500ms", "--ramp-down", "0", "--lag-limit", "30s"];
    let rest = ["--every", "ping.interval=300ms", "--out", crate::common::text(&out)];
    let finished = crate::common::run(&[&["run", url.as_str()], &counts[..], &rest].concat());
    finished.assert_status(0);
    let summary = summary(&out);
    let (due, answered) = (number(&summary, "/ping/due"), number(&summary, "/ping/answered"));
    assert!(due >= 60.0 && answered + number(&summary, "/ping/pending") == due, "{:#}", summary["ping"]);
    for file in std::fs::read_dir(&out).expect("results").flatten() {
        let text = std::fs::read_to_string(file.path()).expect("text");
        assert!(!text.contains("secret-0123456789"), "{}", file.path().display());
    }
    // A plan does not keep it, and says so.
    let plan = out.join("plan.toml");
    let again = crate::common::run(&["try", "--plan", crate::common::text(&plan)]);
    again.assert_status(2);
    assert!(again.stderr.contains("the value of \"query\" is not kept in a plan"), "{}", again.stderr);
    let refused = crate::common::run(&["run", &url, "--target", "http://127.0.0.1:1"]);
    refused.assert_status(2);
    let other = crate::common::run(&["run", "http://127.0.0.1:1/"]);
    other.assert_status(2);
    assert!(
        other
            .stderr
            .contains("write ws://127.0.0.1:1/, or for a scenario's servers --target http://127.0.0.1:1/"),
        "{}",
        other.stderr
    );
}

#[test]
fn echo_in_fragments_is_the_same_too() {
    let summary = played("echo", &echo::start(Answering::InFragments), 0);
    assert_all_answered(&summary);
}

#[test]
fn echo_of_other_bytes_is_a_mismatch_and_no_answer() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    // One PING a session, whose time is over before the next is due.
    let changed = run("echo", &echo::start(Answering::LastByteChanged), &out).with("pong-timeout", "1s");
    changed.with("ping-interval", "1800ms").with("hold", "2900ms").finish().assert_status(1);
    let summary = summary(&out);
    assert_eq!(number(&summary, "/ping/answered"), 0.0);
    // Once a session at least: text that comes while a PING is overdue is taken for that one's.
    assert!(number(&summary, "/errors/messages") >= f64::from(SESSIONS), "{:#}", summary["errors"]);
    assert!(number(&summary, "/ping/unanswered") > 0.0, "{:#}", summary["ping"]);
    let failures = std::fs::read_to_string(out.join("failures.jsonl")).expect("samples");
    assert!(failures.contains("\"reply-mismatch\"") && failures.contains("lazy do?"), "{failures}");
    assert_eq!(number(&summary, "/sessions/held_to_end"), f64::from(SESSIONS), "the sessions outlive it");
}

#[test]
fn echo_of_another_s_message_is_a_mismatch() {
    let summary = played("echo", &echo::start(Answering::OfTheOneBefore), 1);
    assert_eq!(number(&summary, "/ping/answered"), 0.0, "{:#}", summary["ping"]);
}

#[test]
fn echo_that_comes_too_late_answers_nothing() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    // Far from the timeout and from the next one.
    let late = run("echo", &echo::start(Answering::AfterMillis(1_500)), &out).with("pong-timeout", "1s");
    late.with("ping-interval", "2s").with("hold", "4200ms").finish().assert_status(1);
    let summary = summary(&out);
    assert_eq!(number(&summary, "/ping/answered"), 0.0, "{:#}", summary["ping"]);
    assert!(number(&summary, "/ping/late") > 0.0, "{:#}", summary["ping"]);
}

/// Text that is no PING is no PING's reply, late or not.
#[test]
fn other_text_is_not_a_late_echo() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let other =
        run("echo", &echo::start(Answering::OtherTextAfterMillis(1_500)), &out).with("pong-timeout", "1s");
    other.with("ping-interval", "2s").with("hold", "4200ms").finish().assert_status(1);
    let summary = summary(&out);
    assert_eq!(number(&summary, "/ping/answered"), 0.0, "{:#}", summary["ping"]);
    assert_eq!(number(&summary, "/ping/late"), 0.0, "{:#}", summary["ping"]);
    assert!(number(&summary, "/ping/unanswered") > 0.0, "{:#}", summary["ping"]);
}

#[test]
fn chat_everyone_logs_in_joins_and_hears_themselves() {
    let summary = played("chat", &chat::start(Manners::default()), 0);
    let answered = assert_all_answered(&summary);
    let said = number(&summary, "/messages/by_type/said") as u64;
    // The room hears everything: one's own words are one in this many.
    assert!(said > answered * 2, "{said} heard, {answered} of them their own");
    assert_eq!(number(&summary, "/messages/by_type/welcome"), f64::from(SESSIONS));
    // Everyone learned of everyone, and how long it took was measured.
    assert_eq!(number(&summary, "/ledger/missing"), 0.0, "{:#}", summary["ledger"]);
    let sessions = u64::from(SESSIONS);
    let entered = number(&summary, "/propagation/entered/received") as u64;
    assert!(entered >= sessions * (sessions - 1) / 4, "{entered}");
    let told = number(&summary, "/propagation/say/received") as u64;
    let (early, other) = ("/propagation/say/early", "/propagation/say/unmatched");
    assert_eq!((number(&summary, early), number(&summary, other)), (0.0, 0.0));
    assert!(told > answered && told < said, "{told} of {said} heard by others");
    assert!(number(&summary, "/propagation/say/last/p50_ms") < 1_000.0, "{:#}", summary["propagation"]);
    assert!(number(&summary, "/ramp_down/propagation/left/received") > 0.0);
}

#[test]
fn chat_without_the_cookie_is_refused() {
    let manners = Manners { forgets_its_cookies: true, ..Manners::default() };
    let summary = played("chat", &chat::start(manners), 1);
    assert_eq!(kinds(&summary), [("upgrade-refused-401".to_owned(), u64::from(SESSIONS))]);
}

#[test]
fn chat_with_another_subprotocol_is_left() {
    let manners = Manners { subprotocol: Some("chat.v0"), ..Manners::default() };
    let summary = played("chat", &chat::start(manners), 1);
    assert_eq!(kinds(&summary), [("subprotocol-refused".to_owned(), u64::from(SESSIONS))]);
}

#[test]
fn chat_without_any_subprotocol_is_left() {
    let manners = Manners { subprotocol: None, ..Manners::default() };
    let summary = played("chat", &chat::start(manners), 1);
    assert_eq!(kinds(&summary), [("subprotocol-refused".to_owned(), u64::from(SESSIONS))]);
}

#[test]
fn chat_with_a_full_room_names_the_error() {
    let manners = Manners { room_is_full: true, ..Manners::default() };
    let summary = played("chat", &chat::start(manners), 1);
    assert_eq!(kinds(&summary), [("ROOM_FULL".to_owned(), u64::from(SESSIONS))]);
}

#[test]
fn a_wrong_password_names_the_error() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let target = chat::start(Manners::default());
    run("chat", &target, &out).with("set", "password=wrong").finish().assert_status(1);
    assert_eq!(kinds(&summary(&out)), [("WRONG_PASSWORD".to_owned(), u64::from(SESSIONS))]);
}

#[test]
fn another_system_needs_its_own_target() {
    let finished = crate::common::run(&["run", "--scenario", "echo"]);
    finished.assert_status(2);
    let wanted = "error: the built-in mock server plays Runnity's servers, and the scenario \"echo\" is not for them (it \
                  does not say mock = true): give its servers with --target URL";
    assert_eq!(finished.stderr.trim_end(), wanted);
}
