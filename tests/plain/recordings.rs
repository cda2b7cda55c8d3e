//! Recordings put together here, for what one page does not show: redirects, forms, other protocols, other servers.
//!
//! Laid out as browsers lay them out; what Chromium itself recorded is in `imports`.

use serde_json::{Value, json};
use startline::import::import;
use toml::Table;

/// When the recordings begin, in milliseconds since 1970.
const BEGIN_MS: i64 = 1_796_148_000_000;

/// Pairs as HAR has them.
fn pairs(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

/// A request, this many milliseconds after the begin, and its answer.
struct Made(Value);

impl Made {
    fn at(ms: i64, method: &str, url: &str, status: u16) -> Self {
        let began = jiff::Timestamp::from_millisecond(BEGIN_MS + ms).expect("a time").to_string();
        Self(json!({
            "startedDateTime": began,
            "_resourceType": "fetch",
            "request": { "method": method, "url": url, "headers": [] },
            "response": { "status": status, "headers": [], "content": { "mimeType": "text/html" } },
        }))
    }

    fn kind(mut self, kind: &str) -> Self {
        self.0["_resourceType"] = kind.into();
        self
    }

    fn sends(mut self, headers: &[(&str, &str)], body: &str) -> Self {
        self.0["request"]["headers"] = pairs(headers);
        if !body.is_empty() {
            self.0["request"]["postData"] = json!({ "text": body });
        }
        self
    }

    fn answers(mut self, headers: &[(&str, &str)], body: &str) -> Self {
        self.0["response"]["headers"] = pairs(headers);
        self.0["response"]["content"]["text"] = body.into();
        self
    }

    /// Frames as (milliseconds after the begin, sent, text).
    fn frames(mut self, frames: &[(i64, bool, &str)]) -> Self {
        let frame = |(ms, is_sent, data): &(i64, bool, &str)| {
            let kind = if *is_sent { "send" } else { "receive" };
            json!({ "type": kind, "time": (BEGIN_MS + ms) as f64 / 1000.0, "opcode": 1, "data": data })
        };
        self.0["_webSocketMessages"] = frames.iter().map(frame).collect();
        self.kind("websocket")
    }

    /// The same, of binary frames.
    fn binary(mut self) -> Self {
        for frame in self.0["_webSocketMessages"].as_array_mut().expect("frames") {
            let text = frame["data"].as_str().expect("text");
            frame["data"] = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, text).into();
            frame["opcode"] = 2.into();
        }
        self
    }
}

/// The scenario of a recording, which passes its check, and what is said.
#[track_caller]
fn imported(entries: Vec<Made>) -> (Table, String) {
    let entries: Vec<Value> = entries.into_iter().map(|made| made.0).collect();
    let text = json!({ "log": { "version": "1.2", "entries": entries } }).to_string();
    let made = import("page.har", &text, "page.toml", &|_| None).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(made.refused, None, "{}", made.scenario);
    (made.scenario.parse().expect("TOML"), made.told.join("\n"))
}

/// The text at a path of keys and numbers.
#[track_caller]
fn text(table: &Table, path: &str) -> String {
    let mut value = toml::Value::Table(table.clone());
    for step in path.split('/') {
        let next = step.parse().ok().map_or_else(|| value.get(step), |k: usize| value.get(k));
        value = next.unwrap_or_else(|| panic!("{path} in {table}")).clone();
    }
    value.as_str().unwrap_or_else(|| panic!("{path} in {table}")).to_owned()
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[test]
fn a_form_with_a_csrf_token_and_a_redirect_is_a_login() {
    let page = r#"<input type="hidden" name="csrf" value="tok-4711-abc">"#;
    let (scenario, told) = imported(vec![
        Made::at(0, "GET", "http://a.example/login", 200)
            .kind("document")
            .answers(&[("set-cookie", "sid=one; Path=/")], page),
        Made::at(900, "POST", "http://a.example/login", 303)
            .kind("document")
            .sends(
                &[FORM, ("cookie", "sid=one; old=1")],
                "csrf=tok-4711-abc&email=ann%40a.example&password=secret%20word",
            )
            .answers(&[("location", "/home"), ("set-cookie", "sid=two")], ""),
        Made::at(950, "GET", "http://a.example/home", 200)
            .kind("document")
            .answers(&[], "<p>type=\"hidden\" welcome"),
        Made::at(1000, "GET", "http://a.example/me", 200)
            .sends(&[("cookie", "sid=two")], "")
            .answers(&[], "{}"),
    ]);
    assert_eq!(scenario["cookies"].as_bool(), Some(true));
    assert_eq!(text(&scenario, "http/0/take/csrf"), r#"after:name="csrf" value=""#);
    assert_eq!(text(&scenario, "http/1/form/csrf"), "{csrf}");
    assert_eq!(text(&scenario, "http/1/form/email"), "{email}");
    assert_eq!(text(&scenario, "http/1/form/password"), "{password}");
    assert_eq!(text(&scenario, "variables/email"), "ann@a.example");
    assert_eq!(scenario["http"][1]["follow"].as_integer(), Some(1));
    assert!(scenario["http"][1].get("expect").is_none(), "the page that it led to said 200");
    assert_eq!(scenario["http"].as_array().map(Vec::len), Some(3));
    assert!(told.contains("The cookie old was there before the recording began"), "{told}");
}

#[test]
fn other_servers_and_parts_of_pages_are_left_out() {
    let (scenario, told) = imported(vec![
        Made::at(0, "GET", "http://a.example/", 200).kind("document"),
        Made::at(1, "GET", "http://a.example/x.js", 200).kind("script"),
        Made::at(2, "GET", "https://count.example/hit?x=1", 200),
        Made::at(3, "OPTIONS", "http://a.example/api", 204).kind("preflight"),
        Made::at(4, "GET", "http://a.example/api", 200)
            .sends(&[("authorization", "Bearer old-and-fixed")], ""),
    ]);
    assert_eq!(text(&scenario, "http/0/path"), "/api");
    assert_eq!(text(&scenario, "http/0/headers/Authorization"), "Bearer {authorization}");
    assert_eq!(text(&scenario, "secret/0"), "authorization");
    for said in [
        "2 requests for a page's parts",
        "1 CORS preflight",
        "1 request to other servers",
        "https://count.example",
    ] {
        assert!(told.contains(said), "{said}\n{told}");
    }
    assert!(told.contains("No answer of the recording gave the value of \"authorization\":"), "{told}");
}

#[test]
fn what_is_secret_is_a_variable_wherever_it_was_sent() {
    let secrets = ["hunt\\\"er2", "4711", "KEY-9f8e7d", "LOCAL-TOKEN-1", "OTHER-TOKEN-2", "s3cret-of-query"];
    let login = r#"{"query":"mutation($e:String!,$p:String!){login(email:$e,password:$p){token}}","variables":{"e":"kim@a.example","p":"hunt\"er2","pin":4711}}"#;
    let (scenario, told) = imported(vec![
        Made::at(0, "POST", "https://id.example/token", 200).answers(&[], r#"{"t":"OTHER-TOKEN-2"}"#),
        Made::at(100, "POST", "https://a.example/graphql?api-key=s3cret-of-query", 401)
            .sends(&[("content-type", "application/json"), ("X-Api-Key", "KEY-9f8e7d")], login)
            .answers(&[], "{}"),
        Made::at(200, "GET", "https://a.example/me", 200)
            .sends(&[("Authorization", "Bearer OTHER-TOKEN-2")], "")
            .answers(&[], "{}"),
        Made::at(300, "GET", "wss://a.example/ws?t=OTHER-TOKEN-2", 101).frames(&[
            (310, true, r#"{"type":"connection_init","payload":{"Authorization":"Bearer LOCAL-TOKEN-1"}}"#),
            (320, false, r#"{"type":"connection_ack"}"#),
            (330, true, r#"{"type":"login","user":"kim","password":"hunt\"er2"}"#),
            (340, true, r#"{"type":"hi","tok":"LOCAL-TOKEN-1"}"#),
        ]),
    ]);
    assert_eq!(
        text(&scenario, "http/0/body"),
        r#"{"query":"mutation($e:String!,$p:String!){login(email:$e,password:$p){{token}}}","variables":{"e":"{email}","p":"{password|json}","pin":{pin}}}"#
    );
    assert_eq!(text(&scenario, "http/0/path"), "/graphql?api-key={api_key}");
    assert_eq!(text(&scenario, "http/0/headers/X-Api-Key"), "{x_api_key}");
    assert_eq!(text(&scenario, "http/1/headers/Authorization"), "Bearer {authorization}");
    assert_eq!(text(&scenario, "websocket/url"), "/ws?t={authorization}");
    assert_eq!(
        text(&scenario, "websocket/steps/0/send"),
        r#"{"type":"connection_init","payload":{"Authorization":"Bearer {authorization_2}"}}"#
    );
    assert_eq!(
        text(&scenario, "websocket/steps/1/send"),
        r#"{"type":"login","user":"{user}","password":"{password|json}"}"#
    );
    assert_eq!(text(&scenario, "websocket/steps/2/send"), r#"{"type":"hi","tok":"{authorization_2}"}"#);
    let listed = scenario["secret"].as_array().expect("a list").len();
    assert_eq!(listed, secrets.len());
    for secret in secrets {
        assert!(!told.contains(secret), "{secret}\n{told}");
    }
    assert!(told.contains("\"Authorization\" came from https://id.example (entry 1)"), "{told}");
}

#[test]
fn engine_io_is_told_apart_and_answered() {
    let (scenario, _) = imported(vec![
        Made::at(0, "GET", "wss://a.example/socket.io/?EIO=4&transport=websocket", 101).frames(&[
            (10, false, r#"0{"sid":"abc-def-123","pingInterval":25000}"#),
            (11, true, "40"),
            (20, false, r#"40{"sid":"xyz-987-654"}"#),
            (30, true, r#"42["join","lobby"]"#),
            (40, false, r#"42["joined",{"room":"lobby"}]"#),
            (2000, false, "2"),
            (2001, true, "3"),
            (4000, false, "2"),
            (4001, true, "3"),
            (5000, false, r#"42["said",{"text":"hi"}]"#),
            (6000, false, "2"),
            (6001, true, "3"),
        ]),
    ]);
    let kinds = scenario["websocket"]["messages"].as_table().expect("kinds");
    assert_eq!(kinds["2"]["is"].as_str(), Some("2"));
    assert_eq!(kinds["2"]["answer"].as_str(), Some("3"));
    assert_eq!(kinds["joined"]["starts"].as_str(), Some("42"));
    assert_eq!(kinds["joined"]["fields"]["/0"].as_str(), Some("joined"));
    assert_eq!(text(&scenario, "websocket/steps/1/send"), "40");
    assert_eq!(text(&scenario, "websocket/steps/2/await"), "joined");
}

#[test]
fn heartbeats_with_replies_among_broadcasts_are_periodic() {
    let mut frames = Vec::new();
    let texts: Vec<(String, String)> = (0..5)
        .map(|k| {
            (format!(r#"{{"id":{},"method":"ping"}}"#, k + 7), format!(r#"{{"id":{},"result":"ok"}}"#, k + 7))
        })
        .collect();
    for (k, (ping, pong)) in texts.iter().enumerate() {
        let at = 1000 + 5000 * k as i64;
        frames.push((at, true, ping.as_str()));
        frames.push((at + 2, false, r#"{"method":"news","text":"a"}"#));
        frames.push((at + 5, false, pong.as_str()));
        frames.push((at + 900, false, r#"{"method":"news","text":"b"}"#));
    }
    let (scenario, told) = imported(vec![
        Made::at(0, "GET", "ws://a.example:9000/rpc?ticket=fixed-and-spent-1", 101)
            .sends(&[("sec-websocket-protocol", "rpc.v1, rpc.v0")], "")
            .answers(&[("sec-websocket-extensions", "permessage-deflate")], "")
            .frames(&frames),
    ]);
    assert_eq!(text(&scenario, "websocket/every/0/interval"), "5s");
    assert_eq!(text(&scenario, "websocket/every/0/send"), r#"{"id":{sequence},"method":"ping"}"#);
    assert_eq!(text(&scenario, "websocket/every/0/reply"), "id");
    assert_eq!(text(&scenario, "websocket/every/0/reply_equals"), "{sequence}");
    assert_eq!(text(&scenario, "websocket/subprotocol/1"), "rpc.v0");
    assert_eq!(text(&scenario, "websocket/compression"), "deflate");
    for said in [
        "began at another number",
        "as broadcasts do: news",
        "No answer of the recording gave the value of \"ticket\"",
        "No request has a cookie",
    ] {
        assert!(told.contains(said), "{said}\n{told}");
    }
}

#[test]
fn bytes_are_sent_as_bytes() {
    let (scenario, _) = imported(vec![
        Made::at(0, "GET", "ws://a.example/", 101)
            .frames(&[(10, true, "\u{1}ab"), (20, false, "\u{2}cd"), (21, false, "\u{3}")])
            .binary(),
    ]);
    assert_eq!(text(&scenario, "websocket/frames"), "binary");
    assert_eq!(text(&scenario, "websocket/steps/0/send"), "{hex:01 61 62}");
    assert_eq!(text(&scenario, "websocket/messages/byte-02/starts"), "{hex:02}");
}

#[test]
fn requests_beside_the_websocket_are_steps() {
    let (scenario, _) = imported(vec![
        Made::at(0, "GET", "ws://a.example/ws", 101).frames(&[
            (10, false, r#"{"type":"hello","socketId":"s-123-456"}"#),
            (400, false, r#"{"type":"joined"}"#),
        ]),
        Made::at(300, "POST", "http://a.example/rooms/1/members", 201)
            .sends(&[("content-type", "application/json")], r#"{"socketId":"s-123-456"}"#),
    ]);
    assert_eq!(text(&scenario, "websocket/steps/0/take/socket_id"), "/socketId");
    assert_eq!(text(&scenario, "websocket/steps/1/request/path"), "/rooms/1/members");
    assert_eq!(text(&scenario, "websocket/steps/1/request/body"), r#"{"socketId":"{socket_id}"}"#);
}

#[test]
fn the_socket_with_the_most_messages_is_the_sessions() {
    let (scenario, told) = imported(vec![
        Made::at(0, "GET", "wss://live.example/reload", 101).frames(&[(1, false, "x")]),
        Made::at(5, "GET", "wss://a.example/ws", 101)
            .frames(&[(6, true, "hello there"), (7, false, "welcome here")]),
    ]);
    assert_eq!(text(&scenario, "websocket/url"), "/ws");
    assert!(told.contains("A WebSocket to live.example with 1 message"), "{told}");
}
