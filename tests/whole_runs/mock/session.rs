//! One member's WebSocket: opening, messages, errors, closes.

use std::time::Duration;

use serde_json::{Value, json};
use startline_mock::Config;
use tungstenite::Message;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::stand::*;

#[test]
fn the_whole_flow() {
    let stand = Stand::start(ready());
    let (mut first, connected) = stand.open(13);
    let me =
        json!({"userId": 13, "nickname": "테스트유저13", "profileImage": null, "distance": 0.0, "pace": 0});
    assert_eq!((&connected["challengeId"], &connected["me"]), (&json!(CHALLENGE), &me));
    assert_eq!(connected["participants"], json!([]));
    assert!(connected["timestamp"].as_u64().unwrap() > 1_600_000_000_000);

    let (mut second, connected) = stand.open(14);
    assert_eq!(connected["participants"], json!([me]));
    let entered = first.text();
    assert_eq!((&entered["type"], &entered["userId"]), (&json!("USER_ENTERED"), &json!(14)));
    assert_eq!(entered["nickname"], "테스트유저14");

    second.record(1.25, 330);
    let update = first.text();
    let expected = json!({"type": "PARTICIPANT_UPDATE", "userId": 14, "distance": 1.25, "pace": 330});
    assert_eq!(without_timestamp(update), expected);
    assert!(first.ping()["timestamp"].as_u64().unwrap() > 1_600_000_000_000);

    second.close();
    let expected = json!({"type": "USER_LEFT", "userId": 14, "reason": "DISCONNECTED"});
    assert_eq!(without_timestamp(first.text()), expected);
    assert_eq!(stand.status(CHALLENGE, 14), "DISCONNECTED");
    let (_again, _) = stand.open(14);
    assert_eq!(first.text()["type"], "USER_ENTERED");
    let counters = stand.stop();
    assert_eq!((counters.connected, counters.pings, counters.records, counters.errors), (3, 1, 1, 0));
}

fn without_timestamp(mut value: Value) -> Value {
    assert!(value.as_object_mut().unwrap().remove("timestamp").unwrap().is_u64());
    value
}

#[test]
fn a_ticket_works_once_and_in_its_time() {
    let stand = Stand::start(Config { ticket_ttl: Duration::ZERO, ..ready() });
    let (expired, _) = stand.enter(13);
    let stand_too = Stand::start(ready());
    let (spent, _) = stand_too.enter(13);
    let mut first = stand_too.upgrade(&spent);
    assert_eq!(first.text()["type"], "CONNECTED");
    for (stand, ticket) in
        [(&stand, expired.as_str()), (&stand_too, &spent), (&stand_too, "unknown"), (&stand_too, "")]
    {
        let mut client = stand.upgrade(ticket);
        let error = client.text();
        assert_eq!((&error["type"], &error["errorCode"]), (&json!("ERROR"), &json!("INVALID_TICKET")));
        assert!(error["errorMessage"].is_string() && error["timestamp"].is_u64());
        client.assert_closed(1008);
    }
    first.ping();
}

#[test]
fn a_ticket_of_a_member_who_runs_no_more_is_unauthorized() {
    let stand = Stand::start(ready());
    let (ticket, _) = stand.enter(13);
    stand.control(&format!("challenges/{CHALLENGE}/members/13/status/EXPIRED"));
    let mut client = stand.upgrade(&ticket);
    assert_eq!(client.text()["errorCode"], "UNAUTHORIZED");
    client.assert_closed(1008);
}

#[test]
fn an_upgrade_needs_a_ticket_a_server_and_no_strange_origin() {
    let stand = Stand::start(Config { allow_origins: vec!["https://runnity.example".into()], ..ready() });
    let refused = |path: &str| Client::connect(stand.addr(), path).err();
    assert_eq!(refused("/ws/ws1"), Some(200));
    assert_eq!(refused("/ws"), Some(200));
    assert_eq!(refused("/ws/ws3?ticket=x"), Some(404));
    assert_eq!(refused("/ws/other?ticket=x"), Some(404));
    assert_eq!(refused("/ws?ticket=x"), None);
    let plain = stand.call("GET", "/ws/ws1?ticket=x", None, None);
    assert_eq!(plain.status, 400);
    for (origin, status) in [("https://runnity.example", None), ("https://evil.example", Some(403))] {
        let request = tungstenite::http::Request::builder()
            .uri(format!("ws://{}/ws?ticket=x", stand.addr()))
            .header("Host", stand.addr().to_string())
            .header("Origin", origin)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap();
        let stream = std::net::TcpStream::connect(stand.addr()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let answer = match tungstenite::client(request, stream) {
            Ok(_) => None,
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                Some(answer.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(answer, status, "{origin}");
    }
}

#[test]
fn messages_that_cannot_be_are_named_and_the_session_stays() {
    let stand = Stand::start(ready());
    let (mut client, _) = stand.open(13);
    for (text, code) in [
        (r#"{"type":"JUMP","timestamp":1}"#, "INVALID_MESSAGE_TYPE"),
        (r#"{"type":null}"#, "INVALID_MESSAGE_TYPE"),
        (r#"{"timestamp":1}"#, "MESSAGE_PROCESSING_ERROR"),
        ("PING", "MESSAGE_PROCESSING_ERROR"),
        (r#"{"type":"RECORD","distance":"far","pace":1}"#, "RECORD_PROCESSING_ERROR"),
        (r#"{"type":"RECORD"}"#, "RECORD_PROCESSING_ERROR"),
    ] {
        client.say_text(text);
        assert_eq!(client.text()["errorCode"], code, "{text}");
    }
    client.ping();
    assert_eq!(stand.counters().errors, 6);
}

#[test]
fn fragments_and_control_frames_are_taken_as_they_come() {
    let stand = Stand::start(ready());
    let (mut client, _) = stand.open(13);
    let ping = br#"{"type":"PING","timestamp":1}"#;
    let data =
        |kind, bytes: &[u8], fin| Message::Frame(Frame::message(bytes.to_vec(), OpCode::Data(kind), fin));
    for message in [
        data(Data::Text, &ping[..7], false),
        Message::Ping(b"between".to_vec().into()),
        data(Data::Continue, &ping[7..20], false),
        data(Data::Continue, &ping[20..], true),
    ] {
        client.socket.send(message).unwrap();
    }
    assert_eq!(client.hear(), Heard::Pong(b"between".to_vec()));
    assert_eq!(client.text()["type"], "PONG");
}

#[test]
fn a_ping_between_fragments_is_no_part_of_their_message() {
    let stand = Stand::start(ready());
    let (mut client, _) = stand.open(13);
    let frame = |kind, bytes: Vec<u8>, fin| Message::Frame(Frame::message(bytes, OpCode::Data(kind), fin));
    let start = r#"{"type":"PING","timestamp":1,"x":""#;
    let mut longest = format!("{start}{}", "x".repeat((8 << 10) - start.len() - 2)).into_bytes();
    longest.extend_from_slice(b"\"}");
    let last = longest.split_off(longest.len() - 1);
    client.socket.send(frame(Data::Text, longest, false)).unwrap();
    client.socket.send(Message::Ping(b"between".to_vec().into())).unwrap();
    client.socket.send(frame(Data::Continue, last, true)).unwrap();
    assert_eq!(client.hear(), Heard::Pong(b"between".to_vec()));
    assert_eq!(client.text()["type"], "PONG");
}

#[test]
fn protocol_violations_close_with_their_code() {
    let stand = Stand::start(ready());
    let (mut watcher, _) = stand.open(99);
    let unmasked = vec![0x81, 0x02, b'{', b'}'];
    let reserved_opcode = vec![0x83, 0x80, 0, 0, 0, 0];
    let stray_continuation = vec![0x80, 0x80, 0, 0, 0, 0];
    let bad_utf8 = vec![0x81, 0x81, 0, 0, 0, 0, 0xff];
    // 8 KiB and a byte.
    let too_long = vec![0x81, 0xfe, 0x20, 0x01, 0, 0, 0, 0];
    let binary = vec![0x82, 0x81, 0, 0, 0, 0, 1];
    let cases = [
        (unmasked, 1002),
        (reserved_opcode, 1002),
        (stray_continuation, 1002),
        (bad_utf8, 1007),
        (too_long, 1009),
        (binary, 1003),
    ];
    for (index, (bytes, code)) in cases.into_iter().enumerate() {
        let member = 13 + index as u64;
        let (mut client, _) = stand.open(member);
        assert_eq!(watcher.text_of("USER_ENTERED")["userId"], member);
        std::io::Write::write_all(client.socket.get_mut(), &bytes).unwrap();
        assert_eq!(client.hear(), Heard::Close(code), "case {index}");
        let reason = if code == 1003 { "DISCONNECTED" } else { "ERROR" };
        assert_eq!(watcher.text_of("USER_LEFT")["reason"], reason, "case {index}");
        assert_eq!(stand.status(CHALLENGE, member), reason);
    }
    assert_eq!(stand.counters().violations, 5);
}

#[test]
fn quitting_and_being_kicked_end_it_for_good() {
    let stand = Stand::start(ready());
    let (mut watcher, _) = stand.open(99);
    for (member, kind, code) in [(13, "QUIT", 1000), (14, "KICKED", 1008)] {
        let (mut client, _) = stand.open(member);
        client.say(&json!({"type": kind, "timestamp": 1}));
        client.assert_closed(code);
        let left = watcher.text_of("USER_LEFT");
        assert_eq!((&left["userId"], &left["reason"]), (&json!(member), &json!(kind)));
        assert_eq!(stand.status(CHALLENGE, member), kind);
        let refused = stand.about(member, "POST", CHALLENGE, "/enter");
        refused.assert_refused(400, 400, "참가 상태가 유효하지 않습니다.");
    }
}

#[test]
fn a_finisher_stays_gets_pongs_and_is_announced_again_and_again() {
    let stand = Stand::start(ready());
    let (mut watcher, _) = stand.open(99);
    let (mut client, _) = stand.open(13);
    assert_eq!(watcher.text()["type"], "USER_ENTERED");
    client.record(4.9, 300);
    assert_eq!(watcher.text()["type"], "PARTICIPANT_UPDATE");
    client.record(5.0, 300);
    client.record(5.1, 300);
    assert_eq!(watcher.text()["type"], "PARTICIPANT_UPDATE", "of the finish itself, before it");
    for _ in 0..2 {
        let left = watcher.text();
        assert_eq!((&left["type"], &left["reason"]), (&json!("USER_LEFT"), &json!("FINISH")));
    }
    let finished = stand.about(99, "GET", CHALLENGE, "").data(200);
    let place = finished["participants"].as_array().unwrap().iter().find(|it| it["memberId"] == 13).unwrap();
    assert_eq!((&place["status"], &place["rank"]), (&json!("COMPLETED"), &json!(1)));

    let (_third, connected) = stand.open(14);
    let listed = connected["participants"].as_array().unwrap();
    assert!(listed.iter().any(|it| it["userId"] == 13), "finishers are listed: {listed:?}");
    assert_eq!(watcher.text()["userId"], 14);
    // The third one's entry has been delivered to the watcher; the finisher hears its PONG and
    // nothing before it.
    client.say(&json!({"type": "PING", "timestamp": 1}));
    assert_eq!(client.text()["type"], "PONG");
    client.close();
    watcher.record(1.0, 300);
    assert_eq!(watcher.ping()["type"], "PONG", "and the finisher's closing was announced to nobody");
    let refused = stand.about(13, "POST", CHALLENGE, "/enter");
    refused.assert_refused(400, 400, "참가 상태가 유효하지 않습니다.");
}

#[test]
fn a_reentry_closes_the_previous_connection() {
    let stand = Stand::start(ready());
    let (mut watcher, _) = stand.open(99);
    let (mut first, _) = stand.open(13);
    assert_eq!(watcher.text()["type"], "USER_ENTERED");
    // The server believes the member lost while the connection is still there: half-open, seen from
    // the other side.
    stand.control(&format!("challenges/{CHALLENGE}/members/13/status/TIMEOUT"));
    let (mut second, connected) = stand.open(13);
    let listed: Vec<&Value> =
        connected["participants"].as_array().unwrap().iter().map(|it| &it["userId"]).collect();
    assert_eq!(listed, [99], "everyone else, not its own former self");
    first.assert_closed(1000);
    assert_eq!(watcher.text()["type"], "USER_ENTERED", "entered again, and nobody has left");
    second.ping();
    assert_eq!(stand.status(CHALLENGE, 13), "RUNNING");
    assert_eq!(stand.counters().replaced, 1);
}

#[test]
fn the_silent_are_dropped_without_a_word() {
    let stand = Stand::start(Config {
        servers: 1,
        idle_timeout: Duration::from_millis(2500),
        idle_check: Duration::from_millis(50),
        ..ready()
    });
    let (mut silent, _) = stand.open(13);
    let (mut talking, _) = stand.open(14);
    assert_eq!(silent.text()["type"], "USER_ENTERED");
    let left = loop {
        talking.say(&json!({"type": "PING", "timestamp": 1}));
        let heard = talking.text();
        if heard["type"] != "PONG" {
            break heard;
        }
    };
    assert_eq!((&left["userId"], &left["reason"]), (&json!(13), &json!("TIMEOUT")));
    silent.assert_closed(1000);
    assert_eq!(stand.status(CHALLENGE, 13), "TIMEOUT");
    let (_again, _) = stand.open(13);
    assert_eq!(stand.counters().idle_drops, 1);
}

/// Each server looks at all members, and closes its own only.
#[test]
fn of_several_servers_the_first_to_look_announces_and_closes_its_own_only() {
    const SILENT: u64 = 20;
    let stand = Stand::start(Config {
        idle_timeout: Duration::from_millis(2500),
        idle_check: Duration::from_secs(1),
        ..ready()
    });
    let (mut watcher, _) = stand.open(99);
    let mut silent: Vec<_> = (13..13 + SILENT)
        .map(|member| {
            let path = format!("/ws/ws{}?ticket={}", 1 + member % 2, stand.enter(member).0);
            let mut client = Client::connect(stand.addr(), &path).expect("an upgrade");
            assert_eq!(client.text_of("CONNECTED")["userId"], member);
            client
        })
        .collect();
    let mut announced = 0;
    while announced < SILENT {
        watcher.say(&json!({"type": "PING", "timestamp": 1}));
        while let text = watcher.text()
            && text["type"] != "PONG"
        {
            announced += u64::from(text["type"] == "USER_LEFT" && text["reason"] == "TIMEOUT");
        }
    }
    let counters = stand.counters();
    assert_eq!(counters.idle_drops, SILENT);
    assert!((1..SILENT).contains(&counters.idle_ghosts), "{counters:?}");
    assert_eq!(stand.status(CHALLENGE, 13), "TIMEOUT");
    let mut connected = 0;
    for client in &mut silent {
        // The close frame comes behind what was announced before.
        client.socket.send(Message::Ping(b"there".to_vec().into())).ok();
        connected += u64::from(loop {
            match client.hear() {
                Heard::Text(_) => {}
                heard => break heard == Heard::Pong(b"there".to_vec()),
            }
        });
    }
    assert_eq!(connected, counters.idle_ghosts, "told of as gone, and still connected");
}

#[test]
fn a_client_pong_counts_as_a_sign_of_life() {
    let stand = Stand::start(Config {
        // Long against any pause of a busy machine, short against a person's patience.
        idle_timeout: Duration::from_millis(2500),
        idle_check: Duration::from_millis(50),
        ..ready()
    });
    let (mut client, _) = stand.open(13);
    let started = std::time::Instant::now();
    while started.elapsed() < Duration::from_millis(5200) {
        client.say(&json!({"type": "PONG", "timestamp": 1}));
        // A round trip of somebody else's between two signs of life.
        stand.call("GET", "/mock/counters", None, None);
    }
    client.ping();
}

#[test]
fn stopping_closes_everyone_with_1001() {
    let stand = Stand::start(ready());
    let (mut first, _) = stand.open(13);
    let (mut second, _) = stand.open(14);
    assert_eq!(first.text()["type"], "USER_ENTERED");
    let stopping = std::thread::spawn(move || stand.stop());
    first.assert_closed(1001);
    second.assert_closed(1001);
    let counters = stopping.join().unwrap();
    assert_eq!(counters.accepted, counters.disconnected);
}
