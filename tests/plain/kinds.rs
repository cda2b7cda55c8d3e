//! Kinds of messages as a session meets them: records, answers, ages, numbers, in frames of every split.

use startline::members::MemberName;
use startline::session::Phase;

use crate::simulated::lent::Driven;

/// What the clock of [`Driven`] says, in milliseconds.
pub const NOW_MS: u64 = 1_700_000_000_000;

/// Opened with this in `[websocket]` and below it.
#[track_caller]
pub fn opened(websocket: &str) -> Driven {
    let driven = upgraded(websocket);
    assert_eq!(driven.phase(), Phase::Held);
    driven
}

pub fn upgraded(websocket: &str) -> Driven {
    let source = format!("name = \"x\"\n[websocket]\nurl = \"/ws\"\n{websocket}");
    let mut driven = Driven::playing(&source);
    let answer = driven.switching("Upgrade: websocket\r\nConnection: upgrade");
    driven.receive(answer);
    driven
}

pub fn text(payload: &str) -> Vec<u8> {
    crate::frames::frame(0x81, payload.as_bytes())
}

pub fn binary(payload: &[u8]) -> Vec<u8> {
    crate::frames::frame(0x82, payload)
}

/// The opcode and the payload of each frame that was sent.
pub fn sent(driven: &Driven) -> Vec<(u8, Vec<u8>)> {
    let (mut rest, mut frames) = (&driven.out[..], Vec::new());
    while let [first, second, a, b, c, d, after @ ..] = rest {
        let len = usize::from(second & 0x7f);
        let masked = after[..len].iter().zip([a, b, c, d].into_iter().cycle());
        frames.push((first & 0x0f, masked.map(|(byte, key)| byte ^ key).collect()));
        rest = &after[len..];
    }
    frames
}

/// Plays the same bytes in two reads, cut at every place, and one by one; each time the same must hold.
pub fn at_every_split(websocket: &str, bytes: &[u8], check: impl Fn(&mut Driven)) {
    for cut in 0..bytes.len() {
        let mut driven = opened(websocket);
        driven.receive(&bytes[..cut]);
        driven.receive(&bytes[cut..]);
        check(&mut driven);
    }
    let mut driven = opened(websocket);
    bytes.iter().for_each(|byte| driven.receive([*byte]));
    check(&mut driven);
}

const SOCKETIO: &str = r#"
[websocket.messages]
handshake = { starts = "0{" }
ping = { is = "2", answer = "3" }
tick = { starts = '42["tick"', sent_at = "/1/ts", sequence = "/1/n" }
event = { starts = "42" }
"#;

#[test]
fn records_are_of_the_first_kind_that_matches() {
    let frames =
        [text("0{\"sid\":1}"), text("42[\"tick\",{}]"), text("42[\"x\"]"), text("43"), text("2")].concat();
    at_every_split(SOCKETIO, &frames, |driven| {
        assert_eq!(driven.messages(), (vec![1, 1, 1, 1], 1));
        assert_eq!(driven.stranger(), Some("43"));
        assert_eq!(driven.phase(), Phase::Held);
    });
}

#[test]
fn an_answer_goes_out_in_the_same_write() {
    let mut driven = opened(SOCKETIO);
    driven.receive([text("2"), text("42[\"x\"]"), text("2")].concat());
    assert_eq!(sent(&driven), [(1, b"3".to_vec()), (1, b"3".to_vec())]);
    assert_eq!(driven.measured().kind(1).map(|kind| kind.answers), Some(2));
}

#[test]
fn an_answer_may_be_empty() {
    let mut driven = opened("[websocket.messages]\nping = { is = \"\", answer = \"\" }\n");
    driven.receive([text(""), text("x")].concat());
    assert_eq!(sent(&driven), [(1, Vec::new())]);
}

#[test]
fn answers_work_from_the_upgrade_on() {
    let mut driven =
        upgraded(&format!("{SOCKETIO}[[websocket.steps]]\nname = \"open\"\nawait = \"event\"\n"));
    driven.receive(text("2"));
    assert_eq!((driven.phase(), sent(&driven)), (Phase::Opening, vec![(1, b"3".to_vec())]));
    driven.receive(text("42[]"));
    assert_eq!(driven.phase(), Phase::Held);
    driven.end();
    driven.receive(text("2"));
    assert!(sent(&driven).is_empty(), "nothing follows our close frame");
}

const OCPP: &str = r#"
[websocket.messages]
result = { fields = { "/0" = 3 } }
get = { fields = { "/0" = "2", "/2" = "Get" }, take = { id = "/1" }, answer = '[3,"{id}",{"key":[]}]' }
call = { fields = { "/0" = "2" }, take = { id = "/1" }, answer = '[4,"{id}","NotImplemented"]' }
"#;

#[test]
fn an_answer_carries_what_its_message_does() {
    let frames = text(r#"[2, "a-7", "Get", {}]"#);
    at_every_split(OCPP, &frames, |driven| {
        assert_eq!(sent(driven), [(1, br#"[3,"a-7",{"key":[]}]"#.to_vec())]);
    });
    let mut driven = opened(OCPP);
    driven.receive(text(r#"[2,19,"Reset",{}]"#));
    assert_eq!(sent(&driven), [(1, br#"[4,"19","NotImplemented"]"#.to_vec())]);
}

#[test]
fn an_answer_without_its_value_fails_the_session() {
    let long = "x".repeat(8 << 10);
    for (call, kind) in [
        (r#"[2]"#.to_owned(), "value-missing:id"),
        (r#"[2,null,"Get"]"#.to_owned(), "value-missing:id"),
        (r#"[2,{"x":1},"Get"]"#.to_owned(), "value-missing:id"),
        (r#"[2,"a\"b","Get"]"#.to_owned(), "value-unusable:id"),
        (format!(r#"[2,"{long}y","Get"]"#), "value-too-long:id"),
    ] {
        let mut driven = opened(OCPP);
        driven.receive(text(&call));
        assert_eq!(driven.failure().0, kind);
    }
    let mut driven = opened(OCPP);
    driven.receive(text(&format!(r#"[2,"{long}","Get"]"#)));
    assert_eq!(driven.phase(), Phase::Held, "8 KiB are kept");
}

#[test]
fn a_message_may_hold_several_records() {
    let websocket = "separator = \"\\u001e\"\n[websocket.messages]\na = {}\nb = {}\nping = { is = \"{}\", answer = \"{}\\u001e\" }";
    let record = |kind: &str| format!("{{\"type\":\"{kind}\"}}");
    let message = [record("a"), record("b"), "{}".into(), record("a")].join("\u{1e}");
    for (end, other) in [("", 0), ("\u{1e}", 0), ("\u{1e}\u{1e}", 1)] {
        let message = format!("{message}{end}");
        at_every_split(websocket, &text(&message), |driven| {
            let measured = driven.measured();
            let of = |kind| measured.messages_of(startline::scenario::MessageType(kind));
            assert_eq!(
                ([of(0), of(1), of(2)], measured.messages_other(3)),
                ([2, 1, 1], other),
                "{message:?}"
            );
            assert_eq!(measured.counts.messages, 1, "kinds count records, this counts messages");
            assert_eq!(measured.counts.messages_joined, 0);
        });
    }
    // Over fragments: the record goes on in the next frame.
    let (start, rest) = message.split_at(5);
    let frames =
        [crate::frames::frame(0x01, start.as_bytes()), crate::frames::frame(0x80, rest.as_bytes())].concat();
    at_every_split(websocket, &frames, |driven| assert_eq!(driven.messages(), (vec![2, 1, 1], 0)));
    let mut driven = opened(websocket);
    driven.receive(text(""));
    assert_eq!(driven.messages(), (vec![0, 0, 0], 0), "an empty message has no record");
}

#[test]
fn a_separator_of_several_bytes_may_be_cut_and_may_half_occur() {
    let websocket = "separator = \"aab\"\n[websocket.messages]\nx = { is = \"aa\" }\ny = { is = \"a\" }\nz = { is = \"\" }";
    // aa | a | (empty) | aa
    let message = ["aa", "a", "", "aa"].join("aab");
    at_every_split(websocket, &text(&message), |driven| {
        assert_eq!(driven.messages(), (vec![2, 1, 1], 0));
    });
    at_every_split(websocket, &text("aacaabaa"), |driven| assert_eq!(driven.messages(), (vec![1, 0, 0], 1)));
}

const MQTT: &str = r#"
frames = "binary"
[websocket.messages]
connack = { is = "\u0020\u0002\u0000\u0000" }
said = { starts = "0", body_after = "room", sent_at = "/ts", sequence = "/n", answer = "\u0040\u0002" }
"#;

#[test]
fn binary_messages_match_like_text() {
    let said = format!("0{{\u{0}\u{4}room{{\"n\":1,\"ts\":{}}}", NOW_MS - 7);
    let frames = [binary(b"\x20\x02\x00\x00"), binary(said.as_bytes()), binary(b"\xff\xfe")].concat();
    at_every_split(MQTT, &frames, |driven| {
        let shown = driven.stranger().map(str::to_owned);
        let measured = driven.measured();
        assert_eq!(
            measured.kind(1).expect("it came").ages.max().map(|age| age.as_millis()),
            Some(6),
            "to the tick"
        );
        assert_eq!(measured.messages_other(2), 1);
        assert_eq!(shown.as_deref(), Some("binary, 2 bytes: ff fe"));
    });
    let mut driven = opened(MQTT);
    driven.receive(binary(said.as_bytes()));
    assert_eq!(sent(&driven), [(2, b"\x40\x02".to_vec())]);
}

#[test]
fn ages_are_kept_where_they_are_not_negative() {
    let tick = |sent_ms: i64| text(&format!("42[\"tick\",{{\"ts\":{}}}]", NOW_MS as i64 + sent_ms));
    let mut driven = opened(SOCKETIO);
    driven.receive([tick(-20), tick(-100), tick(40), text("42[\"tick\",{\"ts\":null}]")].concat());
    let measured = driven.measured();
    let kind = measured.kind(2).expect("it came");
    assert_eq!((kind.ages.count(), kind.ages_negative), (2, 1));
    assert_eq!(kind.ages_least.values().copied().collect::<Vec<_>>(), [-40_000]);
    driven.receive([tick(30), tick(60)].concat());
    let least: Vec<i64> = driven.measured().kind(2).expect("it came").ages_least.values().copied().collect();
    assert_eq!(least, [-60_000], "only what is smaller than before");
}

#[test]
fn numbers_that_are_skipped_or_come_again_are_counted() {
    let mut driven = opened(SOCKETIO);
    for number in [7, 8, 11, 11, 9, 12] {
        driven.receive(text(&format!("42[\"tick\",{{\"n\":{number}}}]")));
    }
    let measured = driven.measured();
    let kind = measured.kind(2).expect("it came");
    assert_eq!((kind.missing, kind.duplicate), (2, 2));
}

const REFUSING: &str = r#"
[websocket.messages]
refused = { starts = "44", role = "error", code = "/message" }
joined = { starts = "42" }
[[websocket.errors]]
code = "full"
name = "FULL"
[[websocket.steps]]
name = "join"
await = AWAITS
"#;

#[test]
fn an_error_fails_the_step_by_its_code_or_its_kind_unless_it_is_awaited() {
    for (message, kind) in [
        ("44{\"message\":\"full\"}", "FULL"),
        ("44{\"message\":\"x\"}", "refused:refused"),
        ("44", "refused:refused"),
    ] {
        let mut driven = upgraded(&REFUSING.replace("AWAITS", "\"joined\""));
        driven.receive(text(message));
        assert_eq!(driven.failure().0, kind, "{message}");
    }
    let mut driven = upgraded(&REFUSING.replace("AWAITS", "[\"joined\", \"refused\"]"));
    driven.receive(text("44{\"message\":\"full\"}"));
    assert_eq!(driven.phase(), Phase::Held, "a step that awaits it says that it may come");
    driven.receive(text("44{\"message\":\"full\"}"));
    assert_eq!((driven.phase(), driven.counts().error_messages), (Phase::Held, 1));
}

#[test]
fn text_behind_a_mark_is_a_value_too() {
    let websocket = "[websocket.messages]\nping = { contains = \"<ping\", take = { id = \"after:id='\" }, answer = \"<pong id='{id}'/>\" }";
    at_every_split(websocket, &text("<iq><ping id='p-1' x='2'/></iq>"), |driven| {
        assert_eq!(sent(driven), [(1, b"<pong id='p-1'/>".to_vec())]);
    });
}

#[test]
fn text_must_be_utf8_and_need_not_be_json() {
    let mut driven = opened("[websocket.messages]\na = {}");
    driven.receive(text("{\"type\":\"a\",,,"));
    driven.receive(text("not JSON"));
    assert_eq!(driven.messages(), (vec![1], 1));
    driven.receive(crate::frames::frame(0x81, b"{\"type\":\"a\",\"x\":\"\xff\"}"));
    assert_eq!(driven.failure().0, "violation:bad-utf8");
}

#[test]
fn an_age_is_taken_by_a_clock_read_after_the_socket() {
    let mut driven = opened(SOCKETIO);
    // The turn began at NOW_MS; the message was sent and read after that.
    driven.heard_micros = (NOW_MS + 9) * 1_000;
    driven.receive(text(&format!(r#"42["tick",{{"ts":{},"n":1}}]"#, NOW_MS + 5)));
    let measured = driven.measured();
    let kind = measured.kind(2).expect("it came");
    assert_eq!((kind.ages.count(), kind.ages_negative), (1, 0));
    assert_eq!(kind.ages.max().map(|age| age.as_millis()), Some(4));
}

#[test]
fn an_answer_may_use_what_setup_took_and_its_own_value_comes_first() {
    let websocket = r#"
[websocket.messages]
hello = { starts = "hello" }
ask = { starts = "ask", take = { who = "after:who=" }, answer = "{who}/{token}/{held_ms}" }
plain = { starts = "plain", answer = "{who}" }
[[websocket.steps]]
name = "first"
await = "hello"
take = { who = "after:user=", token = "after:token=" }
[[websocket.steps]]
name = "second"
await = "hello"
"#;
    let mut driven = upgraded(websocket);
    driven.receive(text("hello user=anna token=t-7"));
    driven.receive(text("ask who=ben"));
    assert_eq!(sent(&driven), [(1, b"ben/t-7/0".to_vec())], "while its steps go on");
    driven.receive(text("hello"));
    assert_eq!(driven.phase(), Phase::Held);
    driven.receive([text("ask who=cleo"), text("plain")].concat());
    assert_eq!(sent(&driven), [(1, b"cleo/t-7/0".to_vec()), (1, b"anna".to_vec())]);
    let mut driven = upgraded(websocket);
    driven.receive(text("ask who=ben"));
    assert_eq!(driven.failure().0, "value-missing:token", "it comes too early");
}

fn named((observer, member): (String, String)) -> (MemberName, MemberName) {
    (MemberName::Text(observer), MemberName::Text(member))
}

#[test]
fn members_whose_ids_are_text_are_announced_and_listed() {
    let websocket = r#"
[websocket.messages]
LIST = {}
IN = { role = "entered" }
[websocket.presence]
subject = "/id"
listed = { kind = "LIST", at = "/all/*/id" }
"#;
    let source = format!("name = \"x\"\n[websocket]\nurl = \"/ws\"\n{websocket}");
    let mut driven = Driven::among(&source, &["anna", "ben", "7", "dora"]);
    let answer = driven.switching("Upgrade: websocket\r\nConnection: upgrade");
    driven.receive(answer);
    driven.receive(text(r#"{"type":"LIST","all":[{"id":"ben"},{"id":7},{"id":"else"}]}"#));
    driven.receive(text(r#"{"type":"IN","id":"b\u0065n"}"#));
    driven.receive(text(r#"{"type":"IN","id":"somebody else"}"#));
    assert_eq!(driven.phase(), Phase::Held);
    let pairs = driven.pairs(4);
    assert_eq!((pairs.expected, pairs.seen, pairs.overlap, pairs.missing), (3, 2, 1, 1));
    assert_eq!(pairs.counts.strangers, 2);
    assert_eq!(pairs.missing_samples, [("anna".to_owned(), "dora".to_owned())].map(named));
    driven.receive(text(r#"{"type":"IN"}"#));
    assert_eq!(driven.failure().0, "message-malformed");
}
