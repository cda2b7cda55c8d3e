//! What can be wrong with cookies, places of values and replies in a scenario, with the message that its author reads.

use startline::scenario::every::Reply;
use startline::scenario::{Scenario, TakeFrom};

const ECHO: &str = r#"name = "echo"
[websocket]
url = "/"
[[websocket.every]]
name = "ping"
send = "{sequence}"
reply = "same"
interval = "1s"
timeout = "5s"
"#;

#[track_caller]
fn refused(source: &str) -> String {
    Scenario::compile("x.toml", source, &[]).expect_err("it is refused").to_string()
}

#[track_caller]
fn spoiled(line: &str, by: &str) -> String {
    assert_eq!(ECHO.matches(line).count(), 1, "{line:?} is there once");
    refused(&ECHO.replace(line, by))
}

#[test]
fn the_good_one_compiles() {
    let scenario = Scenario::compile("x.toml", ECHO, &[]).expect("it compiles");
    let ping = &scenario.websocket.expect("it has one").every[0];
    assert!(matches!(ping.reply, Reply::Same) && ping.send.is_unique());
}

#[test]
fn a_reply_is_the_same_or_a_kind() {
    assert_eq!(
        spoiled("reply = \"same\"", "reply = \"equal\""),
        "x.toml:7:9: \"reply\" in [[websocket.every]]: there is no kind \"equal\": there is no [websocket.messages]"
    );
    assert_eq!(
        spoiled("reply = \"same\"", "reply = \"same\"\nreply_at = \"/id\""),
        "x.toml:8:12: \"reply_at\" in [[websocket.every]]: a reply that is the same is compared as a whole"
    );
    assert_eq!(
        spoiled("reply = \"same\"", "frame = \"ping\"\nreply = \"same\""),
        "x.toml:8:9: \"reply\" in [[websocket.every]]: a Ping is answered by its Pong"
    );
    assert_eq!(
        spoiled("reply = \"same\"\n", ""),
        "x.toml:8:11: \"timeout\" in [[websocket.every]]: nothing is awaited: give \"reply\""
    );
}

/// The same with a kind for its reply, which says whose it is.
fn matching() -> String {
    ECHO.replace("[[websocket.every]]", "[websocket.messages]\nsaid = {}\n[[websocket.every]]").replace(
        "reply = \"same\"",
        "reply = \"said\"\nreply_at = \"/id\"\nreply_equals = \"{session}-{sequence}\"",
    )
}

#[test]
fn the_place_of_a_reply_needs_its_value() {
    let matching = matching();
    Scenario::compile("x.toml", &matching, &[]).expect("it compiles");
    assert_eq!(
        refused(&matching.replace("reply_at = \"/id\"\n", "")),
        "x.toml:6:1: [[websocket.every]]: \"reply_equals\" goes with \"reply_at\"; for a message that is plain text \
         use reply_starts, or a kind with is = \"…\""
    );
    assert_eq!(
        refused(&matching.replace("reply_equals = \"{session}-{sequence}\"\n", "")),
        "x.toml:6:1: [[websocket.every]]: \"reply_at\" goes with \"reply_equals\" or \"reply_starts\""
    );
}

#[test]
fn two_that_await_the_same_kind_have_to_say_whose_it_is() {
    let second = |reply: &str| {
        format!("{}[[websocket.every]]\nname = \"say\"\nsend = \"x\"\ninterval = \"1s\"\n{reply}", matching())
    };
    let own = second("reply = \"said\"\nreply_starts = \"x\"");
    Scenario::compile("x.toml", &own, &[]).expect("each knows its own");
    assert_eq!(
        refused(&second("reply = \"said\"")),
        "x.toml:18:9: \"reply\" in [[websocket.every]]: \"ping\" awaits the same, and nothing tells whose a reply \
         is: give both \"reply_at\" or \"reply_starts\""
    );
}

#[test]
fn intervals() {
    use startline::scenario::every::Interval;
    use std::time::Duration;
    let of = |interval: &str| {
        let source = ECHO.replace("interval = \"1s\"", &format!("interval = \"{interval}\""));
        let scenario = Scenario::compile("x.toml", &source, &[]).map_err(|error| error.to_string())?;
        Ok::<_, String>(scenario.websocket.expect("it has one").every[0].interval.clone())
    };
    let seconds = Duration::from_secs;
    assert_eq!(of("4s..8s"), Ok(Interval::Between(seconds(4), seconds(8))));
    assert_eq!(of("~10s"), Ok(Interval::Exponential(seconds(10))));
    for (wrong, why) in [
        ("8s..4s", "the first duration must be shorter than the second"),
        ("~0s", "it must be longer than zero"),
        ("~1h", "it can be 54m at most"),
        ("{pace}s", "{pace} is taken in no step"),
        ("{pace}", "\"\" is not ms, s or m: write {value}s, or {value}s or 30s"),
    ] {
        let error = of(wrong).expect_err(wrong);
        assert!(error.starts_with("x.toml:8:12: \"interval\" in [[websocket.every]]: "), "{error}");
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn cookies_come_from_answers() {
    assert_eq!(
        refused(&format!("cookies = true\n{ECHO}")),
        "x.toml:1:11: answers set cookies, and there is no request"
    );
    assert_eq!(
        refused(&format!("cookies = \"yes\"\n{ECHO}")),
        "x.toml:1:11: \"cookies\" in the scenario: true or false is wanted here, this is a string"
    );
}

#[test]
fn places_of_taken_values() {
    let with = |place: &str| {
        format!(
            "name = \"x\"\n[[http]]\nname = \"a\"\nmethod = \"GET\"\npath = \"/\"\ntake = {{ v = \"{place}\" }}\n[websocket]\nurl = \"/{{v}}\"\n"
        )
    };
    let from = |place: &str| {
        Scenario::compile("x.toml", &with(place), &[]).expect("fine").http[0].take[0].from.clone()
    };
    assert!(matches!(from("header:X-Token"), TakeFrom::Header(name) if name == "X-Token"));
    assert!(matches!(from("cookie:SID"), TakeFrom::Cookie(name) if name == "SID"));
    assert!(matches!(from("/a/b"), TakeFrom::Body(pointer) if pointer == "/a/b"));
    assert!(matches!(from("after:id="), TakeFrom::After(text) if text == "id="));
    assert!(matches!(from("match:id=([0-9]+)"), TakeFrom::Match(_)));
    assert_eq!(
        refused(&with("header:two words")),
        "x.toml:6:14: \"take.v\" in [[http]]: \"two words\" is not a name"
    );
    assert_eq!(refused(&with("cookie:")), "x.toml:6:14: \"take.v\" in [[http]]: \"\" is not a name");
}

#[test]
fn messages_know_what_was_taken_and_what_they_use_is_kept() {
    let with = |last: &str| {
        format!(
            "name = \"x\"\n[[http]]\nname = \"a\"\nmethod = \"GET\"\npath = \"/\"\ntake = {{ v = \"/v\" }}\n[websocket]\nurl = \"/\"\n{last} = \"{{v}}\"\n"
        )
    };
    let kept = |last: &str| Scenario::compile("x.toml", &with(last), &[]).expect("fine").kept;
    assert_eq!((kept("[[websocket.steps]]\nname = \"b\"\nsend"), kept("quit")), (vec![], vec![0]));
}

#[test]
fn a_type_that_no_message_can_have_is_refused() {
    let long = "x".repeat(8193);
    let messages = format!("[websocket.messages]\n{long} = {{}}\n[[websocket.every]]");
    assert_eq!(
        spoiled("[[websocket.every]]", &messages),
        format!(
            "x.toml:5:1: \"messages.{long}\" in [websocket]: it can never match: 8192 bytes are compared at most"
        )
    );
}
