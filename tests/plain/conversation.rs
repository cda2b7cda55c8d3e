//! Steps after the upgrade and periodic messages, in made-up time: what is sent and when, which
//! record ends a step or answers a message, and what each failure is called.

use startline::fault::Blame;
use startline::session::{Phase, Session, Side};

use crate::simulated::lent::Driven;

const HEAD: &str = "name = \"x\"\n[websocket]\nurl = \"/\"\n[websocket.messages]\nwelcome = {}\njoined = {}\npong = {}\nfull = \"error\"\n";

fn playing(rest: &str, number: u32) -> Driven {
    Driven::upgraded(&format!("{HEAD}{rest}"), number)
}

fn text(payload: &str) -> Vec<u8> {
    crate::frames::frame(0x81, payload.as_bytes())
}

fn kind(name: &str) -> Vec<u8> {
    text(&format!("{{\"type\":\"{name}\"}}"))
}

const TWO_STEPS: &str = r#"
[[websocket.steps]]
name = "hello"
await = "welcome"
take = { room = "/room" }
[[websocket.steps]]
name = "join"
send = "join {room} {session}"
await = ["joined", "pong"]
reply_at = "/for"
reply_equals = "{session}"
timeout = "2s"
pause = "500ms"
"#;

#[test]
fn steps_follow_each_other_and_the_last_opens() {
    let mut driven = playing(TWO_STEPS, 3);
    assert_eq!(driven.phase(), Phase::Opening);
    driven.play(100);
    driven.receive(kind("joined"));
    driven.receive(text(r#"{"type":"welcome","room":"r7"}"#));
    // Whole ticks, so that milliseconds are exact.
    assert!(driven.play(496).is_empty(), "it thinks");
    // What comes while it thinks is nothing that it awaits.
    driven.receive(text(r#"{"type":"joined","for":3}"#));
    assert_eq!(driven.play(56), [(4, 1, "join r7 3".to_owned())]);
    driven.receive(text(r#"{"type":"joined","for":4}"#));
    assert_eq!(driven.phase(), Phase::Opening, "someone else's");
    driven.receive(text(r#"{"type":"pong","for":3}"#));
    assert_eq!(driven.phase(), Phase::Held);
    let tally = driven.totals().tally();
    let millis =
        |step: usize| tally.step(step).expect("it is a step").from_due.max().expect("done").as_millis();
    assert_eq!([millis(1), millis(2), millis(3)], [100, 52, 652], "hello, join after its pause, open");
}

#[test]
fn what_was_taken_is_there_also_beside_half_a_message() {
    let mut driven = playing(TWO_STEPS, 3);
    driven.receive(text(r#"{"type":"welcome","room":"r7"}"#));
    driven.receive(&text(r#"{"type":"joined"}"#)[..5]);
    assert_eq!(driven.play(501), [(500, 1, "join r7 3".to_owned())]);
}

#[test]
fn a_step_that_fails_says_how() {
    let failed = |act: &dyn Fn(&mut Driven)| {
        let mut driven = playing(TWO_STEPS, 3);
        act(&mut driven);
        driven.failure()
    };
    assert_eq!(failed(&|it| drop(it.play(10_001))), ("timeout".into(), Blame::Server));
    let matched = |it: &mut Driven| {
        it.receive(kind("joined"));
        it.play(10_001);
    };
    assert_eq!(failed(&matched), ("timeout".into(), Blame::Server));
    let stranger = |it: &mut Driven| {
        it.receive(text("who are you?"));
        it.play(10_001);
    };
    assert_eq!(failed(&stranger), ("no-kind-matched".into(), Blame::Scenario));
    assert_eq!(failed(&|it| it.receive(kind("welcome"))), ("value-missing:room".into(), Blame::Server));
    let refused = failed(&|it| it.receive(kind("full")));
    assert!(refused == ("refused:full".into(), Blame::Server), "{refused:?}");
}

#[test]
fn a_record_with_another_value_is_described_by_its_place_and_by_what_is_wanted() {
    let evidence = |records: &[&str]| {
        let mut driven = playing(TWO_STEPS, 3);
        driven.receive(text(r#"{"type":"welcome","room":"r7"}"#));
        driven.play(600);
        records.iter().for_each(|record| driven.receive(text(record)));
        driven.play(2_100);
        driven.evidence()
    };
    let others = [r#"{"type":"welcome"}"#, r#"{"type":"joined","for":4}"#, r#"{"type":"pong","for":5}"#];
    assert_eq!(
        evidence(&others),
        "3 messages came, none was the joined or pong awaited; a \"joined\" came in which \"/for\" is \"4\", not \"3\""
    );
    assert_eq!(
        evidence(&[r#"{"type":"joined"}"#]),
        "1 message came, not the joined or pong awaited; a \"joined\" came without a value at \"/for\", where \"3\" is wanted"
    );
    assert_eq!(
        evidence(&others[..1]),
        r#"1 message came, not the joined or pong awaited; the first is of the kind "welcome": {"type":"welcome"}"#
    );
}

#[test]
fn a_reply_with_another_value_is_described_where_none_other_comes() {
    let evidence = |reply: &str, acts: &dyn Fn(&mut Driven)| {
        let source = format!(
            "[[websocket.every]]\nname = \"say\"\nsend = \"x\"\ninterval = \"10s\"\nreply = \"pong\"\ntimeout = \"2s\"\n{reply}\n"
        );
        let mut driven = playing(&source, 3);
        driven.play(10_100);
        acts(&mut driven);
        driven.evidence()
    };
    let starts = r#"reply_starts = '{"type":"pong","n":"{sequence}'"#;
    let said = evidence(starts, &|driven| {
        driven.receive(text(r#"{"type":"pong","n":7}"#));
        driven.receive(text(r#"{"type":"pong","n":8}"#));
        driven.play(2_100);
    });
    let wanted =
        r#"; a "pong" came that does not begin with "{"type":"pong","n":"0": "{"type":"pong","n":7}""#;
    assert!(said.contains(", without a reply 2.0") && said.ends_with(wanted), "{said}");
    let equals = "reply_at = \"/n\"\nreply_equals = \"{session}/{sequence}\"";
    let said = evidence(equals, &|driven| {
        driven.receive(text(r#"{"type":"pong","n":"4/0"}"#));
        driven.receive(text(r#"{"type":"pong","n":"3/0"}"#));
        driven.play(12_200);
    });
    assert!(!said.contains("came"), "of a message that was answered: {said}");
    let said = evidence(equals, &|driven| {
        driven.receive(text(r#"{"type":"pong"}"#));
        driven.play(2_100);
    });
    assert!(said.ends_with("; a \"pong\" came without a value at \"/n\", where \"3/0\" is wanted"), "{said}");
}

#[test]
fn several_heartbeats_have_accounts_of_their_own() {
    let mut driven = playing(
        r#"
[[websocket.every]]
name = "ping"
send = "ping {sequence}"
interval = "10s"
reply = "pong"
reply_at = "/n"
reply_equals = "{sequence}"
[[websocket.every]]
name = "frame"
send = "f{sequence}"
interval = "4s"
frame = "ping"
[[websocket.every]]
name = "say"
send = "say {sequence}"
interval = "3s"
times = 2
"#,
        0,
    );
    let sent = driven.play(4_100);
    let said: Vec<(u8, &str)> = sent.iter().map(|(_, opcode, payload)| (*opcode, payload.as_str())).collect();
    assert_eq!(said, [(1, "say 0"), (9, "f0")]);
    driven.receive(crate::frames::frame(0x8a, b"other"));
    driven.receive(crate::frames::frame(0x8a, b"f0"));
    let sent = driven.play(7_000);
    let said: Vec<&str> = sent.iter().map(|(.., payload)| payload.as_str()).collect();
    assert_eq!(said, ["say 1", "f1", "ping 0"], "no third time");
    driven.receive(text(r#"{"type":"pong","n":1}"#));
    driven.receive(text(r#"{"type":"pong","n":0}"#));
    // The Pong of f1 never comes: its 5 s are over before f2, which is due at 12 s.
    driven.play(2_500);
    driven.end();
    let totals = driven.totals();
    let [ping, frame, say] = [0, 1, 2].map(|every| totals.tally().every(every));
    assert_eq!((ping.due, ping.sent, ping.answered, ping.unasked), (1, 1, 1, 0));
    assert_eq!((frame.due, frame.sent, frame.answered, frame.missed, frame.timed_out), (3, 2, 1, 1, 1));
    assert_eq!((say.due, say.sent, say.missed), (2, 2, 0));
    assert_eq!(totals.tally().counts.beats.due, 4, "what awaits nothing cannot fail");
    [ping, frame].iter().for_each(|beats| beats.check().expect("it closes"));
}

fn times_of(interval: &str, number: u32, millis: u64) -> Vec<u64> {
    let source =
        format!("[[websocket.every]]\nname = \"say\"\nsend = \"{{sequence}}\"\ninterval = \"{interval}\"\n");
    let sent = playing(&source, number).play(millis);
    let numbers: Vec<String> = sent.iter().map(|(.., payload)| payload.clone()).collect();
    assert_eq!(numbers, (0..sent.len()).map(|k| k.to_string()).collect::<Vec<_>>(), "each says its number");
    sent.into_iter().map(|(at, ..)| at).collect()
}

#[test]
fn intervals_are_drawn_anew_each_time_and_the_same_in_every_run() {
    let of = |number| times_of("4s..8s", number, 600_000);
    assert_eq!(of(5), of(5));
    assert_ne!(of(5), of(6));
    let times = of(5);
    let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| (3_999..=8_034).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().max() > gaps.iter().min().map(|gap| gap + 2_000).as_ref(), "{gaps:?}");
    let exponential: usize = (0..40).map(|number| times_of("~10s", number, 600_000).len()).sum();
    assert!((2_100..2_700).contains(&exponential), "60 each are expected: {exponential}");
}

#[test]
fn a_share_of_the_sessions_takes_part() {
    let every = "[[websocket.every]]\nname = \"say\"\nsend = \"x\"\ninterval = \"1s\"\nshare = 0.2\n";
    let taking_part = (0..50).filter(|number| !playing(every, *number).play(1_100).is_empty()).count();
    assert_eq!(taking_part, 10);
}

const GIVEN: &str = r#"
[[websocket.steps]]
name = "hello"
await = "welcome"
take = { interval = "/interval" }
[[websocket.every]]
name = "ping"
send = "ping"
interval = "{interval}ms or 3s"
reply = "pong"
"#;

#[test]
fn a_server_may_give_the_interval() {
    let sent_in = |welcome: &str, millis: u64| {
        let mut driven = playing(GIVEN, 0);
        driven.receive(text(welcome));
        driven.play(millis).len()
    };
    assert_eq!(sent_in(r#"{"type":"welcome","interval":25000}"#, 24_000), 0);
    assert_eq!(sent_in(r#"{"type":"welcome","interval":25000}"#, 25_300), 1);
    assert_eq!(sent_in(r#"{"type":"welcome","interval":"800"}"#, 900), 1);
    assert_eq!(sent_in(r#"{"type":"welcome"}"#, 3_100), 1, "the scenario's own");
    let mut driven = playing(GIVEN, 0);
    driven.receive(text(r#"{"type":"welcome","interval":99}"#));
    assert_eq!(driven.failure(), ("value-out-of-range:interval".into(), Blame::Server));
}

#[test]
fn an_orderly_close_ends_a_session_well() {
    let source = format!("{}\n", HEAD.replace("url = \"/\"", "url = \"/\"\ncloses = [4000]"));
    let mut driven = Driven::upgraded(&source, 0);
    driven.receive(crate::frames::frame(0x88, &4_000_u16.to_be_bytes()));
    assert_eq!(driven.phase(), Phase::Closing);
    let counts = driven.counts();
    assert_eq!((counts.opened, counts.closed, counts.failed), (1, 1, 0));
}

#[test]
fn what_is_declared_beside_a_session_is_all_that_it_costs() {
    assert_eq!(size_of::<Session>(), 28);
    let bytes = |rest: &str| {
        let script = playing(rest, 0).script;
        Side::bytes_a_session(&script.scenario, &script.rhythm)
    };
    let every =
        |name: &str, rest: &str| format!("[[websocket.every]]\nname = \"{name}\"\nsend = \"x\"\n{rest}\n");
    let heartbeat = |name: &str| every(name, "interval = \"1s\"\nframe = \"ping\"");
    assert_eq!(bytes(&heartbeat("a")), 0);
    assert_eq!(bytes(&(heartbeat("a") + &heartbeat("b") + &heartbeat("c"))), 24);
    assert_eq!(bytes(&every("a", "interval = \"~1s\"")), 8);
    assert_eq!(bytes(GIVEN), 4);
}
