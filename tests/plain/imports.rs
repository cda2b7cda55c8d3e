//! Imports of what JMeter wrote and Chromium recorded: what is in the scenario, and what is said of the rest.

use startline::import::{ImportError, Imported, import};
use toml::{Table, Value};

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/import/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A fixture's scenario, which passes its check, and all that is said.
#[track_caller]
fn imported(name: &str) -> (Table, String) {
    let made = made(name, &fixture(name));
    (made.scenario.parse().expect("TOML"), made.told.join("\n"))
}

#[track_caller]
fn made(name: &str, text: &str) -> Imported {
    let beside = |file: &str| (file == "members.csv").then(|| fixture("members.csv"));
    let made = import(name, text, "out.toml", &beside).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(made.refused, None, "{}", made.scenario);
    made
}

/// A command without its line ends.
fn words(command: &[String]) -> String {
    command.join(" ").replace('\\', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn at<'v>(table: &'v Table, path: &str) -> &'v Value {
    let mut steps = path.split('/');
    let first = steps.next().expect("a key");
    let begin = table.get(first).unwrap_or_else(|| panic!("{first} in {table}"));
    steps.fold(begin, |value, step| {
        let found = step.parse().ok().map_or_else(|| value.get(step), |k: usize| value.get(k));
        found.unwrap_or_else(|| panic!("{path} in {table}"))
    })
}

#[track_caller]
fn assert_texts(table: &Table, expected: &[(&str, &str)]) {
    for (path, text) in expected {
        assert_eq!(at(table, path).as_str(), Some(*text), "{path}\n{table}");
    }
}

#[test]
fn the_plan_for_runnity_is_taken_over() {
    let (scenario, told) = imported("runnity.jmx");
    assert_texts(
        &scenario,
        &[
            ("name", "runnity"),
            ("variables/CHALLENGE", "1"),
            ("http/0/name", "login"),
            ("http/0/path", "/api/v1/auth/test-login?memberId={member_id}"),
            ("http/0/body", ""),
            ("http/0/timeout", "35s"),
            ("http/0/take/accessToken", "/data/accessToken"),
            ("http/1/path", "/api/v1/challenges/{CHALLENGE}/enter"),
            ("http/1/headers/Authorization", "Bearer {accessToken}"),
            ("http/1/take/ticket", "/data/ticket"),
            ("http/1/take/wsPath", r#"match:"wsUrl":"wss?://[^/]+(/[^"]*)""#),
            ("websocket/url", "{wsPath}?ticket={ticket}"),
            ("websocket/steps/0/name", "open"),
            ("websocket/steps/0/await", "CONNECTED"),
            ("websocket/every/0/name", "ping"),
            ("websocket/every/0/send", r#"{"type":"PING","timestamp":{now_ms}}"#),
            ("websocket/every/0/interval", "10s"),
            ("websocket/every/0/reply", "PONG"),
            ("websocket/every/0/timeout", "5s"),
        ],
    );
    assert!(
        at(&scenario, "websocket/messages/PONG").as_table().is_some_and(Table::is_empty),
        "known by its type"
    );
    assert!(
        told.contains("warning: line 157: SingleReadWebSocketSampler \"PONG\" reads one frame"),
        "{told}"
    );
    assert!(told.contains("Listeners: the result's page"), "{told}");
    // HOST and PORT are where requests go, and no variables of a session's.
    assert!(scenario["variables"].get("HOST").is_none());
}

#[test]
fn a_filter_makes_reads_right_and_is_not_needed() {
    let (scenario, told) = imported("runnity-filter.jmx");
    assert_texts(&scenario, &[("websocket/every/0/reply", "PONG")]);
    assert!(!told.contains("oldest broadcast"), "{told}");
    assert!(told.contains("Text and binary frame filters"), "{told}");
}

#[test]
fn the_plan_of_rooms_is_taken_over() {
    let (scenario, told) = imported("rooms.jmx");
    assert_eq!(at(&scenario, "cookies").as_bool(), Some(true));
    assert_texts(
        &scenario,
        &[
            ("http/0/take/csrf", r#"match:name="csrf" value="([^"]+)""#),
            ("http/1/name", "log-in"),
            ("http/1/form/csrf", "{csrf}"),
            ("http/1/form/user", "runner{member_id}"),
            ("http/1/take/session_", "header:X-Session"),
            ("http/1/headers/Origin", "http://localhost"),
            ("http/2/path", "/rooms?name={room|url}"),
            ("http/2/take/roomId", "/rooms/0/id"),
            ("websocket/url", "/ws?session={session_}"),
            ("websocket/quit", r#"{"op":"leave"}"#),
            ("websocket/end", "quit"),
            ("websocket/steps/0/send", r#"{"op":"join","room":{roomId}}"#),
            ("websocket/steps/0/await", "joined"),
            ("websocket/steps/0/take/seat", "/seat"),
        ],
    );
    assert_eq!(
        at(&scenario, "websocket/messages/joined/fields").get("/op").and_then(Value::as_str),
        Some("joined")
    );
    assert_texts(
        &scenario,
        &[
            ("websocket/every/0/send", r#"{"op":"say","seat":{seat},"text":"hello {{you}}"}"#),
            ("websocket/every/0/interval", "400ms..600ms"),
            ("websocket/every/0/reply", "said"),
            ("websocket/every/1/frame", "ping"),
        ],
    );
    assert_eq!(at(&scenario, "http/1/expect").as_integer(), Some(200));
    for said in [
        "2 thread groups do the same",
        "nothing in the plan uses: unused",
        "the pause before it",
        "--members 1-N",
        "ends at its first failure",
    ] {
        assert!(told.contains(said), "{said}\n{told}");
    }
}

#[test]
fn the_recording_of_rooms_is_taken_over() {
    let (scenario, told) = imported("rooms.har");
    assert_texts(
        &scenario,
        &[
            ("http/0/name", "login"),
            ("http/0/body", r#"{"user":"{user}","password":"{password}"}"#),
            ("http/0/headers/Content-Type", "application/json"),
            ("http/0/take/access_token", "/data/accessToken"),
            ("variables/user", "ann"),
            ("variables/password", ""),
            ("secret/0", "password"),
            ("http/1/path", "/rooms?name=lobby"),
            ("http/1/headers/Authorization", "Bearer {access_token}"),
            ("http/2/body", r#"{"roomId":{room_id},"at":{now_ms}}"#),
            ("websocket/url", "{socket_url}?ticket={ticket|url}"),
            ("websocket/subprotocol", "rooms.v1"),
            ("websocket/type_at", "/op"),
            ("websocket/steps/0/await", "hello"),
            ("websocket/steps/0/take/session_id", "/sessionId"),
            ("websocket/steps/1/send", r#"{"op":"join","room":41,"as":"{session_id}"}"#),
            ("websocket/steps/1/await", "joined"),
            ("websocket/steps/2/pause", "700ms"),
            ("websocket/steps/2/send", r#"{"op":"say","seat":{seat},"text":"hello {{you}}"}"#),
            ("websocket/steps/2/await", "said"),
            ("websocket/every/0/send", r#"{"op":"ping","n":{sequence},"at":{now_ms}}"#),
            ("websocket/every/0/interval", "1s"),
            ("websocket/every/0/reply", "pong"),
            ("websocket/every/0/reply_at", "/n"),
            ("websocket/every/0/reply_equals", "{sequence}"),
            ("websocket/messages/alive/answer", r#"{"op":"alive"}"#),
        ],
    );
    assert_eq!(at(&scenario, "http/2/expect").as_integer(), Some(201));
    assert_eq!(scenario["http"].as_array().map(Vec::len), Some(3), "parts of the page are left out");
    for said in ["came unasked, as broadcasts do: tick", "User-Agent", "requests for a page's parts"] {
        assert!(told.contains(said), "{said}\n{told}");
    }
}

#[test]
fn the_plan_of_orders_is_taken_over() {
    let (scenario, told) = imported("orders.jmx");
    assert_texts(
        &scenario,
        &[
            ("http/0/basic_auth/user", "{user}"),
            ("secret/0", "password"),
            ("http/0/body", "{\n  \"item\": \"${__RandomString(4,abc)}\",\n  \"at\": {now_ms}\n}"),
            ("http/0/take/number", r#"match:"number"\s*:\s*"?((?:[^"\\]|\\.)*(?:[^"\\{}\[\],\s]|\\.))"#),
            ("http/0/take/checked_2", r#"match:("ordered":true)"#),
            ("http/0/take/checked_3", "/number"),
            ("websocket/url", "wss://push.shop.example/follow/{number}"),
            ("websocket/subprotocol/0", "push.v2"),
            ("websocket/steps/0/await/1", "none-yet"),
            ("websocket/messages/news/starts", "NEWS "),
            ("criteria/3/measure", "steps.request.max_ms"),
        ],
    );
    assert_eq!(at(&scenario, "http/0/expect").as_integer(), Some(201));
    for said in [
        "put before its first line user,password",
        "line 49: ${__RandomString(4,abc)} is sent as this text",
        "The header Host",
        "it connects anew each time",
    ] {
        assert!(told.contains(said), "{said}\n{told}");
    }
    let made = made("orders.jmx", &fixture("orders.jmx"));
    assert!(made.scenario.contains("# 주문\n[[http]]\nname = \"request\""), "{}", made.scenario);
    assert!(words(&made.command).contains("--allow-host push.shop.example"), "{:?}", made.command);
}

#[test]
fn a_groups_own_loop_is_a_periodic_message() {
    let (scenario, told) = imported("echo.jmx");
    assert_texts(
        &scenario,
        &[
            ("websocket/frames", "binary"),
            ("websocket/every/0/send", "{hex:01 02 ff}"),
            ("websocket/every/0/interval", "2s"),
        ],
    );
    assert!(told.contains("JMeter calls that a success"), "{told}");
    assert!(told.contains("\"echo\" takes whatever comes: nothing is awaited for it"), "{told}");
    let made = made("echo.jmx", &fixture("echo.jmx"));
    assert!(words(&made.command).ends_with("--sessions 5 --ramp 1s --hold 1m"), "{:?}", made.command);
}

#[test]
fn groups_that_do_different_things_are_refused() {
    let error = import("apart.jmx", &fixture("apart.jmx"), "x.toml", &|_| None).expect_err("two scenarios");
    let text = error.to_string();
    assert!(text.contains("apart.jmx:27: ThreadGroup \"writers\"\n    it does something else"), "{text}");
    assert!(text.contains("[[mix]]"), "{text}");
}

#[test]
fn what_decides_at_run_time_is_refused_by_line() {
    let text = fixture("scripted.jmx");
    let Err(ImportError::Refused { refused, .. }) = import("scripted.jmx", &text, "x.toml", &|_| None) else {
        panic!("it is imported");
    };
    let lines: Vec<&str> = text.lines().collect();
    for one in &refused {
        let class = one.what.split(' ').next().expect("a class");
        assert!(lines[one.line - 1].contains(&format!("<{class} ")), "{one:?}: {}", lines[one.line - 1]);
    }
    assert_eq!(refused.len(), 4, "{refused:#?}");
}

#[test]
fn members_files_are_looked_at() {
    let plan =
        fixture("runnity.jmx").replace("<boolProp name=\"recycle\">false", "<boolProp name=\"recycle\">true");
    let made = made("runnity.jmx", &plan);
    assert!(words(&made.command).contains("--members members.csv --recycle"), "{:?}", made.command);
    assert!(made.told.join("\n").contains("members.csv has 20 rows for 300 sessions"), "{:?}", made.told);
}

#[test]
fn a_hold_of_hours_is_questioned() {
    let plan = fixture("runnity.jmx").replace("${__P(pings,6)}", "600").replace(">10000<", ">30000<");
    let made = made("runnity.jmx", &plan);
    assert!(words(&made.command).contains("--hold 5h9s"), "{:?}", made.command);
    assert!(made.told.join("\n").contains("The loops take 5h9s"), "{:?}", made.told);
}
