//! One session driven by hand against answers and messages of every odd kind: what it takes, what it refuses and
//! under which name, and what it sends a second time.

use std::io::Write;

use startline::fault::Blame;
use startline::session::Phase;

use crate::simulated::lent::Driven;

/// Two requests, a WebSocket; `{BODY}` and `{PATH}` are the second request's.
const SCENARIO: &str = r#"name = "x"
cookies = false
[[errors]]
name = "NAMED"
field = "/code"
equals = "4001"
[[http]]
name = "login"
method = "METHOD"
path = "/login"
take = { token = "/token" }
[[http]]
name = "enter"
method = "METHOD"
path = "PATH"
body = 'BODY'
take = { url = "/url" }
[websocket]
url = "{url}?t={token}"
[websocket.messages]
10 = {}
pong = {}
oops = { role = "error", code = "/code" }
[[websocket.steps]]
name = "open"
await = "10"
[[websocket.every]]
name = "ping"
send = "ping"
reply = "pong"
interval = "1s"
timeout = "1s"
[[websocket.errors]]
code = "4001"
name = "NO_AUTH"
"#;

fn playing(method: &str, path: &str, body: &str) -> Driven {
    Driven::playing(&SCENARIO.replace("METHOD", method).replace("PATH", path).replace("BODY", body))
}

fn posting() -> Driven {
    playing("POST", "/enter", "{}")
}

fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    with("", body)
}

fn with(fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn sent(driven: &Driven) -> String {
    String::from_utf8_lossy(&driven.out).into_owned()
}

/// On the way to the upgrade, which has been sent.
fn upgrading(mut driven: Driven) -> Driven {
    driven.receive(ok(r#"{"token":"T"}"#));
    driven.receive(ok(r#"{"url":"ws://sim:8080/ws"}"#));
    driven.connect();
    driven
}

/// Upgraded, and waiting for its open message.
fn opening() -> Driven {
    let mut driven = upgrading(posting());
    let answer = driven.switching("Upgrade: websocket\r\nConnection: upgrade");
    driven.receive(answer);
    assert_eq!(driven.phase(), Phase::Opening);
    driven
}

fn text(payload: &str) -> Vec<u8> {
    crate::frames::frame(0x81, payload.as_bytes())
}

fn held() -> Driven {
    let mut driven = opening();
    driven.receive(text(r#"{"type":10}"#));
    assert_eq!(driven.phase(), Phase::Held, "numbers compare as they are written");
    driven.messages();
    driven
}

#[test]
fn what_may_have_been_read_is_sent_again_only_where_that_changes_nothing() {
    for (method, again) in [("GET", true), ("PUT", true), ("DELETE", true), ("POST", false), ("PATCH", false)]
    {
        let mut driven = playing(method, "/enter", "{}");
        driven.receive(ok(r#"{"token":"T"}"#));
        let request = driven.out.clone();
        driven.close();
        assert_eq!(driven.commands.connect.is_some(), again, "{method}");
        assert_eq!(driven.counts().reconnected, u64::from(again), "{method}");
        if again {
            driven.connect();
            assert_eq!(driven.out, request, "the same once more");
            driven.close();
        }
        assert_eq!(driven.failure(), ("closed-early".into(), Blame::Server), "{method}");
    }
}

#[test]
fn what_was_never_written_is_sent_again_whatever_it_is() {
    let mut driven = posting();
    driven.receive(ok(r#"{"token":"T"}"#));
    driven.fail_to_send();
    assert!(driven.commands.connect.is_some() && driven.commands.disconnect);
    driven.connect();
    assert!(sent(&driven).starts_with("POST /enter "));
}

#[test]
fn a_first_request_is_never_sent_again() {
    let mut driven = playing("GET", "/enter", "{}");
    driven.close();
    assert_eq!(driven.failure(), ("closed-early".into(), Blame::Server));
}

#[test]
fn numbers_are_sent_on_as_they_were_written() {
    for number in ["18446744073709551616", "1.10", "-0", "1.0E+3", "9007199254740993123456789"] {
        let mut driven = playing("POST", "/enter?n={token}", "{}");
        driven.receive(ok(format!("{{\"token\":{number}}}")));
        assert!(
            sent(&driven).starts_with(&format!("POST /enter?n={number} HTTP/1.1\r\n")),
            "{}",
            sent(&driven)
        );
    }
}

#[test]
fn a_body_may_be_compressed_or_begin_with_a_mark() {
    let body = r#"{"token":"T"}"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body.as_bytes()).expect("into memory");
    let gzipped = gzip.finish().expect("into memory");
    for answer in [with("Content-Encoding: gzip\r\n", gzipped), ok(format!("\u{feff}{body}"))] {
        let mut driven = playing("POST", "/enter?n={token}", "{}");
        driven.receive(answer);
        assert!(sent(&driven).starts_with("POST /enter?n=T HTTP/1.1\r\n"));
    }
}

#[test]
fn a_value_that_would_break_where_it_is_put_is_refused() {
    let refused = |path: &str, body: &str, token: &str| {
        let mut driven = playing("POST", path, body);
        driven.receive(ok(format!("{{\"token\":{token}}}")));
        assert!(driven.out.is_empty(), "nothing goes out: {}", sent(&driven));
        assert_eq!(driven.failure(), ("value-unusable:token".into(), Blame::Server), "{path} {body} {token}");
    };
    for token in [r#""a b""#, r##""a#b""##, r#""달""#, r#""a\nb""#, r#""""#] {
        refused("/enter?t={token}", "{}", token);
    }
    for token in [r#""a\"b""#, r#""a\\b""#] {
        refused("/enter", r#"{"t":"{token}"}"#, token);
        let mut driven = playing("POST", "/enter", r#"t={token}"#);
        driven.receive(ok(format!("{{\"token\":{token}}}")));
        assert!(!driven.out.is_empty(), "a quote breaks nothing here");
    }
}

#[test]
fn an_answer_has_a_name_for_what_is_wrong_with_it() {
    let fields = "A: b\r\n".repeat(101);
    let long = format!("X: {}\r\n", "x".repeat(65 << 10));
    let broken = "Content-Encoding: gzip\r\n";
    let unknown = "Content-Encoding: br\r\n";
    let cases: [(&str, Vec<u8>); 9] = [
        ("http-too-many-fields", with(&fields, "{}")),
        ("http-head-too-large", with(&long, "{}")),
        ("http-framing", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}".to_vec()),
        ("http-framing", with("Transfer-Encoding: chunked\r\n", "{}")),
        ("http-framing", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec()),
        ("body-coding", with(broken, "no gzip")),
        ("body-coding", with(unknown, r#"{"token":"T"}"#)),
        ("body-not-json", ok(r#"{"token":"T"}x"#)),
        (
            "NAMED",
            [&b"HTTP/1.1 400 Bad Request\r\nContent-Length: 14\r\n\r\n"[..], br#"{"code": 4001}"#].concat(),
        ),
    ];
    for (kind, answer) in cases {
        let mut driven = posting();
        driven.receive(answer);
        assert_eq!(driven.failure(), (kind.into(), Blame::Server));
    }
}

#[test]
fn a_body_over_the_limit_ends_the_exchange_where_it_passes_it() {
    for (status, kind) in [("200 OK", "body-too-large"), ("500 Oops", "http-500")] {
        let mut driven = posting();
        driven.receive(format!("HTTP/1.1 {status}\r\nContent-Length: 11000000000\r\n\r\n"));
        let piece = vec![b' '; 64 << 10];
        for _ in 0..4 {
            driven.receive(&piece);
            assert!(!driven.commands.disconnect, "up to 256 KiB may be an answer");
        }
        driven.receive(" ");
        assert!(driven.commands.disconnect, "nothing more is read");
        assert_eq!(driven.failure(), (kind.into(), Blame::Server));
    }
}

#[test]
fn a_body_of_no_interest_may_be_long_but_not_endless() {
    let source = "name = \"x\"\n[[http]]\nname = \"page\"\nmethod = \"GET\"\npath = \"/\"";
    let piece = vec![b' '; 1 << 20];
    for (megabytes, ends) in [(64, false), (65, true)] {
        let mut driven = Driven::playing(source);
        driven.receive(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", megabytes << 20));
        (0..megabytes).for_each(|_| driven.receive(&piece));
        match ends {
            true => assert_eq!(driven.failure(), ("body-too-large".into(), Blame::Server)),
            false => assert_eq!(driven.counts().completed, 1),
        }
    }
}

#[test]
fn an_upgrade_s_lists_may_have_several_lines_or_folded_ones() {
    for fields in [
        "Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: websocket",
        "Connection: keep-alive,\r\n Upgrade\r\nUpgrade: WebSocket",
        "Upgrade: foo\r\nUpgrade: websocket\r\nConnection: upgrade",
    ] {
        let mut driven = upgrading(posting());
        let answer = driven.switching(fields);
        driven.receive(answer);
        assert_eq!(driven.phase(), Phase::Opening, "{fields}");
    }
}

#[test]
fn an_upgrade_s_answer_has_a_name_for_what_is_wrong_with_it() {
    let good = "Upgrade: websocket\r\nConnection: upgrade";
    let twice = upgrading(posting()).switching(good);
    let accept = twice.lines().find(|line| line.starts_with("Sec-WebSocket-Accept")).expect("it is there");
    for (kind, answer) in [
        ("upgrade-invalid", twice.replace(accept, &format!("{accept}\r\n{accept}"))),
        ("upgrade-invalid", twice.replace("Connection: upgrade", "Connection: keep-alive")),
        ("http-too-many-fields", twice.replace(good, &format!("{good}{}", "\r\nA: b".repeat(100)))),
        (
            "http-framing",
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        ),
    ] {
        let mut driven = upgrading(posting());
        driven.receive(answer);
        assert_eq!(driven.failure(), (kind.into(), Blame::Server));
    }
}

#[test]
fn a_returned_url_with_a_user_or_a_fragment_is_refused() {
    for (url, token, kind, blame) in [
        ("ws://user@sim:8080/ws", "T", "url-userinfo", Blame::Scenario),
        ("ws://:pass@sim:8080/ws", "T", "url-userinfo", Blame::Scenario),
        ("ws://sim:8080/ws#x", "T", "url-fragment", Blame::Scenario),
        ("/ws#x", "T", "url-fragment", Blame::Scenario),
        ("ws://sim:8080/ws", "T#x", "value-unusable:token", Blame::Server),
    ] {
        let mut driven = posting();
        driven.receive(ok(format!(r#"{{"token":"{token}"}}"#)));
        driven.receive(ok(format!(r#"{{"url":"{url}"}}"#)));
        assert_eq!(driven.failure(), (kind.into(), blame), "{url} {token}");
    }
}

#[test]
fn a_returned_url_may_have_a_page_s_scheme_or_none() {
    for (url, port) in [("http://sim:8080/ws", 8080), ("//sim:8080/ws", 8080), ("http://sim/ws", 80)] {
        let mut driven = posting();
        driven.receive(ok(r#"{"token":"T"}"#));
        driven.receive(ok(format!(r#"{{"url":"{url}"}}"#)));
        let to = driven.commands.connect.expect("a connection");
        assert_eq!((to.host, to.port, to.secure), (0, port, false), "{url}");
    }
    for (url, fault) in [("//evil.example/ws", "ws-host-not-allowed"), ("ftp://sim/ws", "url-invalid")] {
        let mut driven = posting();
        driven.receive(ok(r#"{"token":"T"}"#));
        driven.receive(ok(format!(r#"{{"url":"{url}"}}"#)));
        assert_eq!(driven.failure().0, fault, "{url}");
    }
}

/// One rule, whole or in pieces: the first value at a place counts, and what follows changes nothing.
#[test]
fn messages_are_read_as_far_as_they_are_used() {
    for (message, expected) in [
        (r#"{"type":"pong"}"#, Some(1)),
        (r#"{"type":"pong"}garbage"#, Some(1)),
        (r#"{"type":"pong","x":[1,2"#, Some(1)),
        (r#"{"type":"pong",,,}"#, Some(1)),
        (r#"{"x":1,"type":"pong"}{"type":"oops"}"#, Some(1)),
        (
            r#"{"type":"pong"}
{"type":"oops"}"#,
            Some(1),
        ),
        (r#"{"type":"pong","type":"oops"}"#, Some(1)),
        (r#"{"type":"oops","code":4001}"#, Some(2)),
        (r#"{"type":"ponk"}"#, None),
        ("hello", None),
        ("", None),
        ("[1]", None),
        (r#"{"type":null}"#, None),
        (r#"{"type" "pong"}"#, None),
    ] {
        let frame = text(message);
        for cut in 0..frame.len() {
            let mut driven = held();
            driven.receive(&frame[..cut]);
            driven.receive(&frame[cut..]);
            assert_eq!(driven.phase(), Phase::Held, "{message} at {cut}: no text ends a session");
            let mut listed = vec![0, 0, 0];
            if let Some(index) = expected {
                listed[index] = 1;
            }
            assert_eq!(driven.messages(), (listed, u64::from(expected.is_none())), "{message} at {cut}");
        }
    }
}

#[test]
fn an_error_s_code_may_be_a_number() {
    let mut driven = opening();
    driven.receive(text(r#"{"type":"oops","code":4001}"#));
    assert_eq!(driven.failure(), ("NO_AUTH".into(), Blame::Server));
}

#[test]
fn texts_that_are_joined_into_one_message_are_counted() {
    for (message, joined) in [
        ("{\"type\":\"pong\"}\n{\"type\":\"oops\"}", 1),
        ("{\"type\":\"pong\"} \r\n\n {\"type\":\"oops\"}\n{}", 1),
        ("{\"type\":\"pong\"}\n", 0),
        ("{\n\"type\":\"pong\",\n\"x\":[{},\n{}]\n}", 0),
        ("{\"type\":\"pong\"}{}", 0),
    ] {
        let frame = text(message);
        for cut in 0..frame.len() {
            let mut driven = held();
            driven.counts();
            driven.receive(&frame[..cut]);
            driven.receive(&frame[cut..]);
            assert_eq!(driven.counts().messages_joined, joined, "{message} at {cut}");
        }
    }
}

const CLOSE_1000: [u8; 4] = [0x88, 2, 3, 0xe8];

#[test]
fn the_server_ends_the_connection_after_the_close_frames() {
    let mut driven = held();
    driven.end();
    driven.receive(CLOSE_1000);
    assert_eq!((driven.phase(), driven.commands.disconnect), (Phase::Closing, false), "RFC 6455, 7.1.1");
    driven.receive(b"what comes now is nobody's");
    driven.close();
    assert_eq!((driven.phase(), driven.commands.disconnect), (Phase::Over, true));
    assert_eq!(closes(&mut driven), (1, 0, 0));
}

#[test]
fn a_server_that_closes_first_also_ends_the_connection() {
    let mut driven = held();
    driven.receive(CLOSE_1000);
    assert_eq!(driven.out.len(), 8, "our close frame");
    assert_eq!((driven.phase(), driven.commands.disconnect), (Phase::Closing, false));
    driven.close();
    assert_eq!(
        (driven.phase(), closes(&mut driven)),
        (Phase::Over, (0, 0, 0)),
        "it is a failure, no handshake of ours"
    );
}

#[test]
fn a_closing_handshake_ends_in_one_of_three_ways() {
    let end = |how: fn(&mut Driven)| {
        let mut driven = held();
        driven.end();
        how(&mut driven);
        assert_eq!((driven.phase(), driven.commands.disconnect), (Phase::Over, true));
        closes(&mut driven)
    };
    assert_eq!(end(|driven| driven.close()), (0, 1, 0));
    assert_eq!(end(|driven| driven.receive([0x88, 1, 3])), (0, 1, 0), "no close frame that can be one");
    assert_eq!(end(|driven| driven.time_out_close()), (0, 0, 1));
    let answered_but_never_ended = end(|driven| {
        driven.receive(CLOSE_1000);
        driven.time_out_close();
    });
    assert_eq!(answered_but_never_ended, (1, 0, 0));
}

fn closes(driven: &mut Driven) -> (u64, u64, u64) {
    let counts = driven.counts();
    (counts.closes_clean, counts.closes_cut, counts.closes_timed_out)
}
