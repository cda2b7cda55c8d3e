//! Elements of an array as records, and kinds that a session knows by values of its own.

use startline::session::Phase;

use crate::kinds::{at_every_split, opened, sent, text, upgraded};

const BATCHES: &str = r#"elements = "/events"
[websocket.messages]
tick = { sequence = "/n" }
ping = { answer = "pong {id}", take = { id = "/id" } }
plain = { is = "hello" }
whole = { fields = { "/seq" = "*" } }
"#;

#[test]
fn elements_of_an_array_are_records_at_any_split() {
    let batch =
        r#"{"seq":1,"events":[{"type":"tick","n":1},{"type":"tick","n":2,"x":[{}]},"hello",{"type":"?"}]}"#;
    let frames = [text(batch), text(r#"{"seq":2}"#), text(r#"{"events":[],"type":"tick"}"#)].concat();
    at_every_split(BATCHES, &frames, |driven| {
        assert_eq!(driven.messages(), (vec![2, 0, 1, 1], 1));
    });
    at_every_split(BATCHES, &frames, |driven| {
        let measured = driven.measured();
        assert_eq!(measured.counts.messages, 3);
        assert!(measured.kind(0).is_none_or(|tick| (tick.missing, tick.duplicate) == (0, 0)));
    });
}

#[test]
fn elements_are_answered_each() {
    let mut driven = opened(BATCHES);
    driven.receive(text(r#"{"events":[{"type":"ping","id":1},{"type":"ping","id":2}]}"#));
    assert_eq!(sent(&driven), [(1, b"pong 1".to_vec()), (1, b"pong 2".to_vec())]);
}

#[test]
fn strings_in_an_array_are_read_as_what_they_say() {
    // As SockJS's frames: o, h, a[…].
    let sockjs =
        "elements = \"\"\n[websocket.messages]\nopen = { is = \"o\" }\ntick = { sequence = \"/n\" }\n";
    let frames =
        [text("o"), text(r#"a["{\"type\":\"tick\",\"n\":1}","{\"type\":\"tick\",\"n\":2}"]"#)].concat();
    at_every_split(sockjs, &frames, |driven| {
        assert_eq!(driven.messages(), (vec![1, 2], 0));
    });
}

/// Two subscriptions, each with an id that the server gives.
const SUBSCRIPTIONS: &str = r#"
[websocket.messages]
subscribed = { fields = { "/result" = "*" } }
trade = { fields = { "/params/subscription" = "{trades}" }, sequence = "/params/n" }
book = { fields = { "/params/subscription" = "{books}" }, answer = "seen {books}" }
mine = { fields = { "/user" = "load{member_id}" } }
[[websocket.steps]]
name = "trades"
send = "1"
await = "subscribed"
take = { trades = "/result" }
[[websocket.steps]]
name = "books"
send = "2"
await = "subscribed"
take = { books = "/result" }
"#;

fn push(id: &str, n: u32) -> Vec<u8> {
    text(&format!(r#"{{"method":"push","params":{{"subscription":{id},"n":{n}}}}}"#))
}

#[test]
fn subscriptions_are_told_apart_by_ids_that_the_server_gave() {
    let mut driven = upgraded(SUBSCRIPTIONS);
    driven.receive(text(r#"{"result":"0xa1"}"#));
    // The first of them is known from here on, the second is not yet.
    driven.receive([push("\"0xa1\"", 1), push("17", 1), push("\"\"", 1)].concat());
    assert_eq!(driven.messages(), (vec![1, 1, 0, 0], 2));
    driven.receive(text(r#"{"result":17}"#));
    assert_eq!(driven.phase(), Phase::Held);
    let pushes =
        [push("\"0xa1\"", 2), push("17", 2), push("\"0xb2\"", 1), text(r#"{"user":"load13"}"#)].concat();
    let mut answers = Vec::new();
    for piece in pushes.chunks(7) {
        driven.receive(piece);
        answers.extend(sent(&driven));
    }
    // Since the last count: the second id's answer among them.
    assert_eq!(driven.messages(), (vec![1, 1, 1, 1], 1));
    assert_eq!(answers, [(1, b"seen 17".to_vec())]);
}

#[test]
fn what_a_kind_cannot_be_known_by_is_refused() {
    let refusal = |kind: &str| {
        let source = format!("name = \"x\"\n[websocket]\nurl = \"/\"\n[websocket.messages]\nk = {kind}\n");
        startline::scenario::Scenario::compile("x.toml", &source, &[]).expect_err("it is wrong").to_string()
    };
    for (kind, why) in [
        (r#"{ fields = { "/t" = "{now_ms}" } }"#, "stays the same in a session"),
        (r#"{ fields = { "/t" = "{uuid}" } }"#, "stays the same in a session"),
        (r#"{ is = "{member_id}" }"#, "the same for all sessions"),
        (r#"{ fields = { "/t" = "{subscription}" } }"#, "unknown variable {subscription}"),
    ] {
        let refused = refusal(kind);
        assert!(refused.contains(why), "{kind}: {refused}");
    }
    let both = "name = \"x\"\n[websocket]\nurl = \"/\"\nelements = \"\"\nseparator = \"|\"\n";
    let refused = startline::scenario::Scenario::compile("x.toml", both, &[]).expect_err("it is wrong");
    assert!(refused.to_string().contains("not both"), "{refused}");
}
