//! Checks of built-in scenarios, as they are printed.

use super::*;

/// What the check of a scenario prints.
pub(in super::super) fn checked(scenario: &str) -> String {
    let scenario = scenario.to_owned();
    let args = CheckArgs { scenario, set: Vec::new(), set_file: Vec::new(), members: Vec::new() };
    check(&args).expect("it compiles")
}

/// With one space between words: how far apart columns are is not what a test of what they say is about.
fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn redirects_are_counted_in_words() {
    assert_eq!(follows(1), "follows 1 redirect");
    assert_eq!(follows(3), "follows up to 3 redirects");
}

#[test]
fn every_built_in_scenario_passes_its_check() {
    for (name, _) in Scenario::builtins() {
        assert!(checked(name).contains("The scenario is valid"), "{name}");
    }
}

#[test]
fn a_check_prints_no_control_characters() {
    for (name, _) in Scenario::builtins() {
        let is_foul = |c: char| c.is_control() && c != '\n';
        assert!(!checked(name).contains(is_foul), "{name}: {:?}", checked(name));
    }
    let text = checked("stomp");
    let end = format!("quit            DISCONNECT\n\n{:16}\\x00\n", "");
    assert!(text.contains(&end), "{text}");
}

#[test]
fn a_check_shows_what_is_sent() {
    let text = checked("chat");
    for line in [
        "login      POST /login\n",
        "           user=runner13&password=load-test\n",
        "           expects 200 or 204 or 302 or 303 within 10s; takes csrf from header:X-CSRF-Token\n",
        "           X-CSRF-Token: <csrf>\n",
        "           Sec-WebSocket-Protocol: chat.v1\n",
        "join       {\"type\":\"join\",\"room\":\"‹room›\",\"as\":\"runner13\"}\n",
        "           answered by \"welcome\" within 10s\n",
        "open       when \"join\" is done\n",
        "           every 10s, answered by \"said\" with \"0-0\" in it within 2s\n",
        "           the others are told by \"said\" with \"0-0\" in it\n",
        "           with it members enter: the others are told by \"joined\"\n",
        "timed      the way to the others: entered from \"join\", left from the close frame, say from its message\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn lines_of_a_message_stand_under_its_first_and_one_that_is_not_seen_is_quoted() {
    let mqtt = checked("mqtt");
    assert!(mqtt.contains("  10 12 00 04 \"MQTT\" 04 "), "{mqtt}");
    assert!(mqtt.contains("  82 09 00 01 00 04 \"room\" 00\n"), "{mqtt}");
    let text = checked("stomp");
    for lines in [
        "connect-broker  CONNECT\n                accept-version:1.2\n",
        "beat            \"\\n\"\n                every 8s\n",
        "Values in ‹ › are secret",
    ] {
        assert!(text.contains(lines), "{lines:?} is not in\n{text}");
    }
}

#[test]
fn a_check_shows_kinds_in_their_order_and_what_a_held_session_costs() {
    let text = checked("runnity");
    let kinds = "\
messages   CONNECTED           /type = \"CONNECTED\"
           USER_ENTERED        /type = \"USER_ENTERED\"; a member has entered
           USER_LEFT           /type = \"USER_LEFT\"; a member has left
           PARTICIPANT_UPDATE  /type = \"PARTICIPANT_UPDATE\"; a member's progress
           PONG                /type = \"PONG\"
           ERROR               /type = \"ERROR\"; an error
           other               matches none of these, in this order
";
    assert!(text.contains(kinds), "{text}");
    assert!(text.contains("held       32 bytes a session; 76 more with TLS\n"), "{text}");
    assert!(!text.contains("nothing shows"), "{text}");
}

#[test]
fn a_check_shows_what_is_done_with_kinds_and_what_may_be_a_mistake() {
    let source = r#"
name = "x"
[variables]
password = "pa ss"
[[http]]
name = "login"
method = "POST"
path = "/login"
headers = { Content-Type = "application/x-www-form-urlencoded" }
body = "user={member_id}&password={password}&again={password|form}&x={x}"
take = { token = "/token" }
[[http]]
name = "again"
method = "POST"
path = "/login"
form = { password = "{password}", token = "{token}" }
[websocket]
url = "/ws"
compression = "deflate"
[websocket.messages]
call = { fields = { "/0" = "2" }, take = { id = "/1" }, answer = '[3,"{id}","{token}"]' }
trade = { fields = { "/t" = "trade" }, sent_at = "/ts", sent_unit = "s", sequence = "/seq" }
"#;
    let file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
    std::fs::write(file.path(), source).expect("written");
    let text = checked(&file.path().display().to_string());
    for line in [
        "            Sec-WebSocket-Extensions: permessage-deflate; what is sent goes uncompressed\n",
        "messages    call   /0 = \"2\"\n",
        "                     answered with [3,\"<id>\",\"<token>\"]; takes id from /1\n",
        "                     age from /ts (s since 1970)\n                     numbered by /seq\n",
        "warning     the body of \"login\" is sent as a form, and {password} is not encoded: write form = { … }, or \
         {password|form}\n",
    ] {
        assert!(spaced(&text).contains(&spaced(line)), "{line:?} is not in\n{text}");
    }
    assert_eq!(text.matches("is sent as a form").count(), 1, "{text}");
}

#[test]
fn a_check_warns_where_nothing_shows_that_the_server_accepted_the_session() {
    let unconfirmed = "warning: nothing shows that the server accepted the session";
    assert!(checked("plain").contains(unconfirmed));
    for name in ["runnity", "echo", "chat"] {
        assert!(!checked(name).contains(unconfirmed), "{name}");
    }
}

#[test]
fn a_check_shows_how_places_are_taken_and_given_up() {
    let text = checked("runnity");
    assert!(text.contains("join       POST /api/v1/challenges/1/join\n"), "{text}");
    assert!(text.contains("leave      DELETE /api/v1/challenges/1/join\n"), "{text}");
}
