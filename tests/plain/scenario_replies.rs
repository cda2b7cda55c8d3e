//! What can be wrong with cookies, places of values and replies in a scenario, with the message that its author reads.

use startline::scenario::{Reply, Scenario, TakeFrom};

const ECHO: &str = r#"name = "echo"
[websocket]
url = "/"
[websocket.ping]
message = "{sequence}"
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
    let ping = scenario.websocket.expect("it has one").ping.expect("it has one");
    assert!(matches!(ping.reply, Reply::Same) && ping.message.is_unique());
}

#[test]
fn a_reply_is_the_same_or_has_a_role() {
    assert_eq!(
        spoiled("reply = \"same\"", "reply = \"equal\""),
        "x.toml:6:9: \"reply\" in [websocket.ping]: \"equal\" is not \"same\", the only kind of reply without a role"
    );
    assert_eq!(
        spoiled("[websocket.ping]", "[websocket.messages]\npong = \"reply\"\n[websocket.ping]"),
        "x.toml:8:9: \"reply\" in [websocket.ping]: \"pong\" has the role \"reply\" already"
    );
    assert_eq!(
        spoiled("reply = \"same\"", "reply = \"same\"\nreply_at = \"/id\""),
        "x.toml:7:12: \"reply_at\" in [websocket.ping]: a reply that is the same is compared as a whole"
    );
}

#[test]
fn the_place_of_a_reply_needs_its_value() {
    let matching = ECHO
        .replace("[websocket.ping]", "[websocket.messages]\nsaid = \"reply\"\n[websocket.ping]")
        .replace("reply = \"same\"", "reply_at = \"/id\"\nreply_equals = \"{session}-{sequence}\"");
    Scenario::compile("x.toml", &matching, &[]).expect("it compiles");
    assert_eq!(
        refused(&matching.replace("reply_at = \"/id\"\n", "")),
        "x.toml:6:1: [websocket.ping]: \"reply_at\" and \"reply_equals\" go together"
    );
    assert_eq!(
        refused(&matching.replace("\"/id\"", "\"/a/b\"")),
        "x.toml:8:12: \"reply_at\" in [websocket.ping]: \"/a/b\" is not \"/name\", a member at the top of the message"
    );
}

#[test]
fn cookies_come_from_answers() {
    assert_eq!(
        refused(&format!("cookies = true\n{ECHO}")),
        "x.toml:1:11: answers set cookies, and there is no [[http]]"
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
    let with = |key: &str| {
        format!(
            "name = \"x\"\n[[http]]\nname = \"a\"\nmethod = \"GET\"\npath = \"/\"\ntake = {{ v = \"/v\" }}\n[websocket]\nurl = \"/\"\n{key} = \"{{v}}\"\n"
        )
    };
    let kept = |key: &str| Scenario::compile("x.toml", &with(key), &[]).expect("fine").kept;
    assert_eq!((kept("hello"), kept("quit")), (vec![], vec![0]));
}

#[test]
fn a_type_that_no_message_can_have_is_refused() {
    let long = "x".repeat(64);
    let messages = format!("[websocket.messages]\n{long} = \"information\"\n[websocket.ping]");
    assert_eq!(
        spoiled("[websocket.ping]", &messages),
        format!(
            "x.toml:5:1: \"messages.{long}\" in [websocket]: it can never match: values of 64 bytes and more are not compared"
        )
    );
}
