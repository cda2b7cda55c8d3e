//! What can be wrong with the WebSocket: its URL, its messages, its heartbeat.

use super::*;

#[test]
fn roles() {
    assert_eq!(
        spoiled("HELLO = \"open\"", "HELLO = \"opne\""),
        "x.toml:22:9: \"messages.HELLO\" in [websocket]: there is no role \"opne\"; did you mean \"open\"?"
    );
    assert_eq!(
        spoiled("JOINED = \"entered\"", "JOINED = \"reply\""),
        "x.toml:24:10: \"messages.JOINED\" in [websocket]: \"PONG\" has the role \"reply\" already"
    );
}

#[test]
fn a_heartbeat_needs_both_halves() {
    assert_eq!(
        spoiled("PONG = \"reply\"", ""),
        "x.toml:29:1: [websocket.ping]: no message in [websocket.messages] has the role \"reply\"; if the message \
         itself comes back, write reply = \"same\""
    );
    let ping = "[websocket.ping]\nmessage = '{\"n\":{sequence}}'\ninterval = \"30s\"\ntimeout = \"5s\"";
    assert_eq!(
        spoiled(ping, ""),
        "x.toml:21:1: \"messages\" in [websocket]: \"PONG\" has the role \"reply\" and there is no [websocket.ping]"
    );
}

#[test]
fn presence_needs_announcements_and_the_other_way_round() {
    assert_eq!(
        spoiled("JOINED = \"entered\"", ""),
        "x.toml:26:1: [websocket.presence]: no message in [websocket.messages] has the role \"entered\", \"left\" \
         or \"updated\""
    );
    assert_eq!(
        spoiled("[websocket.presence]\nsubject = \"/id\"\nlisted = \"/all/*/id\"", ""),
        "x.toml:21:1: \"messages\" in [websocket]: \"JOINED\" announces a member, and there is no \
         [websocket.presence] to say where its id is"
    );
}

#[test]
fn what_would_be_ignored_is_refused() {
    assert_eq!(
        spoiled("OOPS = \"error\"", ""),
        "x.toml:19:14: \"error_code\" in [websocket]: no message in [websocket.messages] has the role \"error\""
    );
    assert_eq!(
        spoiled("error_code = \"/code\"", ""),
        "x.toml:33:1: [[websocket.errors]]: \"error_code\" in [websocket] must say where a message's code is"
    );
    assert_eq!(
        refused("name = \"x\"\n[websocket]\nurl = \"/ws\"\nopen_timeout = \"5s\"\n"),
        "x.toml:4:16: \"open_timeout\" in [websocket]: no message has the role \"open\", so the session is open at \
         the upgrade"
    );
}

#[test]
fn an_error_may_have_several_codes() {
    let source = GOOD.replace("code = \"BAD\"", "code = [\"BAD\", \"BAD.\"]\nblame = \"scenario\"");
    let scenario = Scenario::compile("x.toml", &source, &[]).expect("nothing is wrong");
    let codes = &scenario.websocket.as_ref().expect("it has one").error_codes;
    let [bad, stopped] = &codes[..] else { panic!("two codes: {codes:?}") };
    assert_eq!((bad.code.as_str(), stopped.code.as_str()), ("BAD", "BAD."));
    for code in codes {
        let fault = scenario.named(code.error);
        assert_eq!((fault.key(&scenario).as_str(), fault.blame().key()), ("BAD", "scenario"));
    }
}

#[test]
fn websocket_urls() {
    assert_eq!(
        spoiled("url = \"/ws?ticket={ticket}\"", "url = \"https://x/{ticket}\""),
        "x.toml:18:7: \"url\" in [websocket]: it must begin with ws://, wss://, \"/\" (on the target) or a taken \
         value"
    );
    for url in ["ws://x/{ticket}", "wss://x/", "{ticket}"] {
        let source = GOOD.replace("/ws?ticket={ticket}", url);
        assert!(Scenario::compile("x.toml", &source, &[]).is_ok(), "{url}");
    }
}
