//! What servers of many kinds ask for, in made-up time: JSON in strings, bytes at offsets, lengths, values
//! taken before in answers, and what is said where nothing could be read.

use startline::fault::Blame;
use startline::session::Phase;

use crate::kinds::{NOW_MS, at_every_split, binary, opened, sent, text, upgraded};
use crate::simulated::lent::Driven;

const NESTED: &str = r#"
type_at = "/event"
[websocket.messages]
established = {}
trade = { sent_at = "/data/ts", sequence = "/data/n" }
refused = { fields = { "/event" = "error" }, role = "error", code = "/data/code" }
[[websocket.errors]]
code = "4001"
name = "NO_APP"
[[websocket.steps]]
name = "establish"
await = "established"
take = { socket = "/data/socket_id", timeout = "/data/activity_timeout" }
[[websocket.steps]]
name = "subscribe"
send = '{"event":"subscribe","socket":"{socket}"}'
[[websocket.every]]
name = "ping"
send = '{"event":"ping"}'
interval = "{timeout}s or 60s"
"#;

#[test]
fn values_are_taken_from_json_in_a_string() {
    let established =
        text(r#"{"event":"established","data":"{\"socket_id\":\"1.2\",\"activity_timeout\":4}"}"#);
    let mut driven = upgraded(NESTED);
    driven.receive(&established);
    assert_eq!(driven.phase(), Phase::Held);
    assert_eq!(sent(&driven), [(1, br#"{"event":"subscribe","socket":"1.2"}"#.to_vec())]);
    for n in [1, 2, 5] {
        driven.receive(text(&format!(r#"{{"event":"trade","data":"{{\"n\":{n},\"ts\":{NOW_MS}}}"}}"#)));
    }
    let measured = driven.measured();
    let trade = measured.kind(1).expect("it came");
    assert_eq!((trade.ages.count(), trade.missing, trade.ages_unread, trade.numbers_unread), (3, 2, 0, 0));

    // An error's data may be an object all the same.
    let mut refused = upgraded(NESTED);
    refused.receive(text(r#"{"event":"error","data":{"code":4001}}"#));
    assert_eq!(refused.failure().0, "NO_APP");
}

const GAME: &str = r#"
frames = "binary"
[websocket.messages]
welcome = { fields = { "u8:0" = 2 } }
started = { fields = { "u8:0" = 4, "u32le:1" = "1" } }
ping = { fields = { "u8:0" = 5 }, take = { nonce = "bytes:5.." }, answer = "{hex:06}{nonce|bytes}" }
moved = { fields = { "u8:0" = 8 }, sent_at = "u64le:5", sequence = "u32le:1" }
[[websocket.steps]]
name = "hello"
send = "{hex:01}{name|length|u16le}{name}"
await = "welcome"
take = { player = "u32le:5", token = "bytes:9..13" }
[[websocket.steps]]
name = "ready"
send = "{hex:03}{player:u32}{token|bytes}"
await = "started"
"#;

fn in_game() -> Driven {
    let mut driven = upgraded(&format!("{GAME}[variables]\nname = \"달\"\n"));
    driven.receive(binary(&[2, 0, 0, 0, 0, 0x01, 0x02, 0x03, 0xf4, 0xde, 0xad, 0xbe, 0xef]));
    // What goes out is seen until the next read.
    assert_eq!(sent(&driven), [(2, vec![3, 0xf4, 0x03, 0x02, 0x01, 0xde, 0xad, 0xbe, 0xef])]);
    driven.receive(binary(&[4, 1, 0, 0, 0]));
    driven
}

#[test]
fn numbers_and_bytes_of_binary_messages_are_taken_and_sent() {
    assert_eq!(in_game().phase(), Phase::Held);
    let nonce = [5, 9, 0, 0, 0, 0xff, 0x00, 0x22, 0x80];
    let mut driven = in_game();
    driven.receive(binary(&nonce));
    assert_eq!(sent(&driven), [(2, vec![6, 0xff, 0x00, 0x22, 0x80])], "the same bytes, whatever they are");
}

#[test]
fn bytes_at_offsets_have_ages_and_numbers() {
    let moved = |number: u32, sent_ms: u64| {
        binary(&[&[8][..], &number.to_le_bytes(), &sent_ms.to_le_bytes()].concat())
    };
    let mut driven = in_game();
    driven.receive([moved(1, NOW_MS - 5), moved(3, NOW_MS), binary(&[8, 9])].concat());
    let measured = driven.measured();
    let kind = measured.kind(3).expect("it came");
    assert_eq!((kind.ages.count(), kind.missing), (2, 1));
    assert_eq!((kind.ages_unread, kind.numbers_unread), (1, 1), "one is too short for either");
}

#[test]
fn a_length_is_of_bytes_and_stands_before_or_in_text() {
    let mut driven = upgraded(
        "[variables]\nbody = '{\"달\":{session}}'\n[[websocket.steps]]\nname = \"a\"\nsend = \"PUB {body|length} {body}\"",
    );
    assert_eq!(driven.phase(), Phase::Held);
    assert_eq!(driven.frames(), [(1, "PUB 9 {\"달\":0}".to_owned())]);
    driven.end();
}

const ANSWERING: &str = r#"
[websocket.messages]
welcome = {}
challenge = { take = { nonce = "/nonce" }, answer = '{"nonce":"{nonce}","room":"{room}","user":"{user}"}' }
[[websocket.steps]]
name = "hello"
await = "welcome"
take = { room = "/room" }
[variables]
user = "u{session}"
"#;

#[test]
fn an_answer_may_use_what_was_taken_before() {
    let mut driven = upgraded(ANSWERING);
    driven.receive(text(r#"{"type":"welcome","room":"r7"}"#));
    assert_eq!(driven.phase(), Phase::Held);
    driven.receive(
        [text(r#"{"type":"challenge","nonce":"a"}"#), text(r#"{"type":"challenge","nonce":"b"}"#)].concat(),
    );
    let answer = |nonce: &str| (1, format!(r#"{{"nonce":"{nonce}","room":"r7","user":"u0"}}"#).into_bytes());
    assert_eq!(sent(&driven), [answer("a"), answer("b")], "it is kept while the session is open");

    let mut early = upgraded(ANSWERING);
    early.receive(text(r#"{"type":"challenge","nonce":"a"}"#));
    assert_eq!(early.failure(), ("value-missing:room".into(), Blame::Server), "nothing has been taken yet");
}

#[test]
fn a_value_that_is_no_number_is_not_sent_as_one() {
    let scenario = |send: &str| {
        format!(
            "[websocket.messages]\nwelcome = {{}}\n[[websocket.steps]]\nname = \"a\"\nawait = \"welcome\"\n\
             take = {{ id = \"/id\" }}\n[[websocket.steps]]\nname = \"b\"\nsend = \"{send}\"\n"
        )
    };
    for (send, id, fits) in [
        ("{id:u32}", "7", true),
        ("{id:u32}", "x7", false),
        ("{id|u8}", "-1", false),
        ("{id|bytes}", "0aFF", true),
        ("{id|bytes}", "0a1", false),
        ("{id|bytes}", "zz", false),
        ("{id|length|u8}", "zz", true),
    ] {
        let mut driven = upgraded(&scenario(send));
        driven.receive(text(&format!(r#"{{"type":"welcome","id":"{id}"}}"#)));
        match fits {
            true => assert_eq!(driven.phase(), Phase::Held, "{send} {id}"),
            false => assert_eq!(driven.failure().0, "value-unusable:id", "{send} {id}"),
        }
    }
}

const SIGNED: &str = r#"
[websocket.messages]
welcome = {}
[[websocket.steps]]
name = "hello"
await = "welcome"
take = { id = "/id" }
[[websocket.steps]]
name = "join"
send = "{text|hmac_sha256:key} {text|hmac_sha256:key|bytes|base64}"
[variables]
text = "{id}:room"
key = "s3cret"
"#;

#[test]
fn a_signature_is_computed_of_what_was_taken() {
    // printf 7.8:room | openssl dgst -sha256 -hmac s3cret
    let hex = "9c0c97b75c885ca6ad2bb9d74d27812104214e36e698e65c9a40fe1e7fae82fa";
    let base64 = "nAyXt1yIXKatK7nXTSeBIQQhTjbmmOZcmkD+Hn+ugvo=";
    for secret in ["", "secret = [\"key\"]\n"] {
        let mut driven =
            Driven::playing(&format!("{secret}name = \"x\"\n[websocket]\nurl = \"/\"\n{SIGNED}"));
        let answer = driven.switching("Upgrade: websocket\r\nConnection: upgrade");
        driven.receive(answer);
        driven.receive(text(r#"{"type":"welcome","id":"7.8"}"#));
        assert_eq!(driven.phase(), Phase::Held);
        assert_eq!(driven.frames(), [(1, format!("{hex} {base64}"))]);
    }
}

#[test]
fn a_mark_may_have_bytes_in_it() {
    let websocket = "frames = \"binary\"\n[websocket.messages]\n\
        ping = { starts = \"{hex:01}\", take = { id = \"after:{hex:0a 03}\" }, answer = \"{hex:02}{id}\" }";
    at_every_split(websocket, &binary(b"\x01\x0a\x03abc"), |driven| {
        assert_eq!(sent(driven), [(2, b"\x02abc".to_vec())]);
    });
}

#[test]
fn what_cannot_be_read_is_counted() {
    let mut driven = opened("[websocket.messages]\nhead = { sent_at = \"/at\", sequence = \"/n\" }");
    let now = "2023-11-14T22:13:20Z";
    for record in [
        format!(r#"{{"type":"head","n":"0x2c","at":"{now}"}}"#),
        format!(r#"{{"type":"head","n":"0x2e","at":{NOW_MS}}}"#),
        r#"{"type":"head","n":"x","at":"yesterday"}"#.to_owned(),
        r#"{"type":"head"}"#.to_owned(),
    ] {
        driven.receive(text(&record));
    }
    let measured = driven.measured();
    let head = measured.kind(0).expect("it came");
    assert_eq!((head.ages.count(), head.missing, head.ages_unread, head.numbers_unread), (2, 1, 2, 2));
}

#[test]
fn a_reply_to_someone_else_is_said_where_the_step_fails() {
    let mut driven = upgraded(
        "[websocket.messages]\njoined = {}\n[[websocket.steps]]\nname = \"join\"\nawait = \"joined\"\n\
         reply_at = \"/room\"\nreply_equals = \"blue\"\n",
    );
    driven.receive([text(r#"{"type":"joined","room":"red"}"#), text(r#"{"type":"joined"}"#)].concat());
    driven.play(10_001);
    let evidence = driven.evidence();
    assert!(evidence.contains(r#"a "joined" came in which "/room" is "red", not "blue""#), "{evidence}");
}

#[test]
fn what_is_no_text_is_shown_as_bytes() {
    let mut driven = upgraded(
        "frames = \"binary\"\n[websocket.messages]\nerror = { fields = { \"u8:0\" = 10 }, role = \"error\" }\n\
         hello = { fields = { \"u8:0\" = 1 } }\n[[websocket.steps]]\nname = \"hi\"\nawait = \"hello\"\n",
    );
    driven.receive(binary(&[10, 0, 7]));
    assert_eq!(driven.evidence(), "0a 00 07");
}
