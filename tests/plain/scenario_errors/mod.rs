//! Each way in which a scenario can be wrong, with the message that its author reads.

mod http;
mod kinds;
mod values;
mod websocket;

use startline::scenario::Scenario;

/// A small scenario that compiles; each case spoils one line of it.
const GOOD: &str = r#"name = "good"
[variables]
pace_s_per_km = 360
[[http]]
name = "login"
method = "POST"
path = "/login?id={member_id}"
timeout = "5s"
take = { token = "/data/token" }
[[http]]
name = "enter"
method = "GET"
path = "/enter/{challenge_id}"
headers = { Authorization = "Bearer {token}" }
take = { ticket = "/data/ticket" }
errors = [{ name = "FULL", status = 403 }]
[websocket]
url = "/ws?ticket={ticket}"
[websocket.messages]
HELLO = {}
PONG = {}
JOINED = "entered"
OOPS = { role = "error", code = "/code" }
[websocket.presence]
subject = "/id"
listed = { kind = "HELLO", at = "/all/*/id" }
[[websocket.steps]]
name = "hello"
await = "HELLO"
[[websocket.every]]
name = "ping"
send = '{"n":{sequence}}'
interval = "30s"
reply = "PONG"
timeout = "5s"
[[websocket.every]]
name = "record"
send = '{"km":{distance_km}}'
interval = "10s"
start = "off"
[[websocket.errors]]
code = "BAD"
[[criteria]]
name = "enter"
measure = "steps.enter.p95_ms"
below = 200
warn = 500
"#;

/// The message after one line of [`GOOD`] is replaced.
#[track_caller]
fn spoiled(line: &str, by: &str) -> String {
    let line = format!("{line}\n");
    assert_eq!(GOOD.matches(&line).count(), 1, "{line:?} is one line of the good scenario");
    refused(&GOOD.replace(&line, &format!("{by}\n")))
}

#[track_caller]
fn refused(source: &str) -> String {
    Scenario::compile("x.toml", source, &[]).expect_err("it is refused").to_string()
}

#[test]
fn the_good_one_compiles() {
    let scenario = Scenario::compile("x.toml", GOOD, &[]).expect("nothing is wrong");
    assert_eq!(scenario.step_names(), ["login", "enter", "connect", "hello", "open", "ping"]);
    assert_eq!(scenario.value_names, ["token", "ticket"]);
    assert_eq!(scenario.error_names, ["FULL", "BAD", "refused:OOPS"]);
}

#[test]
fn not_toml() {
    assert!(
        refused("name = \"x\"\n[[http]\n").starts_with("x.toml:2:"),
        "{}",
        refused("name = \"x\"\n[[http]\n")
    );
    assert!(refused("name = \"x\"\nname = \"y\"").starts_with("x.toml:2:1: not TOML: duplicate key"));
}

#[test]
fn unknown_key_with_a_near_one() {
    assert_eq!(
        spoiled(
            "timeout = \"5s\"\ntake = { token = \"/data/token\" }",
            "tiemout = \"5s\"\ntake = { token = \"/data/token\" }"
        ),
        "x.toml:8:1: unknown key \"tiemout\" in [[http]]; did you mean \"timeout\"?"
    );
}

#[test]
fn unknown_key_with_none_near() {
    assert_eq!(
        spoiled("url = \"/ws?ticket={ticket}\"", "colour = 1"),
        "x.toml:18:1: unknown key \"colour\" in [websocket]; valid: url, headers, basic_auth, subprotocol, compression, \
         connect_timeout, close_timeout, ticket_lifetime, message_bytes_max, steps, every, quit, end, closes, type_at, body_after, \
         separator, elements, frames, messages, presence, errors"
    );
}

#[test]
fn unknown_key_at_the_top_and_in_every_table() {
    assert_eq!(
        spoiled("name = \"good\"", "name = \"good\"\nvariable = 1"),
        "x.toml:2:1: unknown key \"variable\" in the scenario; did you mean \"variables\"?"
    );
    assert_eq!(
        spoiled("interval = \"30s\"", "intervall = \"30s\""),
        "x.toml:33:1: unknown key \"intervall\" in [[websocket.every]]; did you mean \"interval\"?"
    );
    assert_eq!(
        spoiled("subject = \"/id\"", "subjects = \"/id\""),
        "x.toml:25:1: unknown key \"subjects\" in [websocket.presence]; did you mean \"subject\"?"
    );
    assert_eq!(
        spoiled("code = \"BAD\"", "kode = \"BAD\""),
        "x.toml:42:1: unknown key \"kode\" in [[websocket.errors]]; did you mean \"code\"?"
    );
    assert_eq!(
        spoiled("warn = 500", "warm = 500"),
        "x.toml:47:1: unknown key \"warm\" in [[criteria]]; did you mean \"warn\"?"
    );
    assert_eq!(
        spoiled(
            "errors = [{ name = \"FULL\", status = 403 }]",
            "errors = [{ name = \"FULL\", stauts = 403 }]"
        ),
        "x.toml:16:28: unknown key \"stauts\" in [[http.errors]]; did you mean \"status\"?"
    );
}

#[test]
fn missing_keys() {
    assert_eq!(spoiled("name = \"good\"", ""), "x.toml:1:1: the scenario: the key \"name\" is missing");
    assert_eq!(spoiled("method = \"GET\"", ""), "x.toml:10:1: [[http]]: the key \"method\" is missing");
    assert_eq!(
        spoiled("interval = \"30s\"", ""),
        "x.toml:30:1: [[websocket.every]]: the key \"interval\" is missing"
    );
}

#[test]
fn nothing_to_do() {
    assert_eq!(
        refused("name = \"x\""),
        "x.toml:1:1: the scenario: a session has nothing to do: give [[http]], [websocket] or both"
    );
}

#[test]
fn wrong_types() {
    assert_eq!(
        spoiled("method = \"GET\"", "method = 1"),
        "x.toml:12:10: \"method\" in [[http]]: a string is wanted here, this is an integer"
    );
    assert_eq!(
        spoiled("warn = 500", "warn = \"500\""),
        "x.toml:47:8: \"warn\" in [[criteria]]: a number is wanted here, this is a string"
    );
    assert_eq!(
        refused("name = \"x\"\n[http]\nname = \"login\""),
        "x.toml:2:1: \"http\" in the scenario: an array of tables ([[http]]) is wanted here, this is a table"
    );
}

#[test]
fn unparsable_durations() {
    assert_eq!(
        spoiled("interval = \"30s\"", "interval = \"30\""),
        "x.toml:33:12: \"interval\" in [[websocket.every]]: \"30\" has no unit: write 30s for seconds (30ms, 30m, 30h)"
    );
    assert_eq!(
        spoiled("interval = \"30s\"", "interval = \"half a minute\""),
        "x.toml:33:12: \"interval\" in [[websocket.every]]: \"half a minute\" is not a duration: write numbers with h, \
         m, s or ms, such as 30s, 1.5m, 1h30m or 1s500ms"
    );
    assert_eq!(
        spoiled("interval = \"30s\"", "interval = \"0s\""),
        "x.toml:33:12: \"interval\" in [[websocket.every]]: it must be longer than zero"
    );
    assert_eq!(
        spoiled("interval = \"30s\"", "interval = \"10h\""),
        "x.toml:33:12: \"interval\" in [[websocket.every]]: it can be 9h at most"
    );
}

#[test]
fn unknown_template_variables() {
    assert_eq!(
        spoiled("path = \"/enter/{challenge_id}\"", "path = \"/enter/{chalenge_id}\""),
        "x.toml:13:8: \"path\" in [[http]]: unknown variable {chalenge_id}; did you mean {challenge_id}? (write \
         {{chalenge_id}} if the braces are meant)"
    );
    assert_eq!(
        spoiled("path = \"/enter/{challenge_id}\"", "path = \"/enter/{nothing_like_it}\""),
        "x.toml:13:8: \"path\" in [[http]]: unknown variable {nothing_like_it}: neither in [variables], nor \
         taken from an answer, nor a column of --members (write {{nothing_like_it}} if the braces are meant)"
    );
    assert_eq!(
        spoiled("path = \"/enter/{challenge_id}\"", "path = \"/enter/{challenge_id|ulr}\""),
        "x.toml:13:8: \"path\" in [[http]]: {challenge_id|ulr}: there is no filter \"ulr\"; did you mean \"url\"?"
    );
}

#[test]
fn a_value_used_before_it_is_taken() {
    assert_eq!(
        spoiled("path = \"/login?id={member_id}\"", "path = \"/login?id={ticket}\""),
        "x.toml:7:8: \"path\" in [[http]]: {ticket} is used in the step \"login\" before it is taken from an answer"
    );
    assert_eq!(
        spoiled("path = \"/enter/{challenge_id}\"", "path = \"/enter/{ticket}\""),
        "x.toml:13:8: \"path\" in [[http]]: {ticket} is used in the step \"enter\" before it is taken from an answer"
    );
}

#[test]
fn a_value_that_has_no_meaning_yet() {
    assert_eq!(
        spoiled("path = \"/enter/{challenge_id}\"", "path = \"/enter/{held_ms}\""),
        "x.toml:13:8: \"path\" in [[http]]: {held_ms} has no meaning before the session is open; \
         it is for periodic messages and quit"
    );
}

#[test]
fn names_that_clash() {
    assert_eq!(
        spoiled("take = { ticket = \"/data/ticket\" }", "take = { session = \"/data/ticket\" }"),
        "x.toml:15:10: \"take\" in [[http]]: \"session\" is the name of a built-in variable"
    );
    assert_eq!(
        spoiled("take = { ticket = \"/data/ticket\" }", "take = { pace_s_per_km = \"/data/ticket\" }"),
        "x.toml:15:10: \"take\" in [[http]]: \"pace_s_per_km\" is in [variables] already"
    );
    assert_eq!(
        spoiled("take = { ticket = \"/data/ticket\" }", "take = { 1st = \"/data/ticket\" }"),
        "x.toml:15:10: \"take\" in [[http]]: \"1st\" is not a name: letters, digits and _ only, no digit first"
    );
    assert_eq!(
        spoiled("pace_s_per_km = 360", "now_ms = 360"),
        "x.toml:3:1: \"variables\" in the scenario: \"now_ms\" is the name of a built-in variable"
    );
}

#[test]
fn a_variable_that_nothing_uses() {
    assert_eq!(
        spoiled("pace_s_per_km = 360", "pace_s_per_km = 360\ncolour = \"red\""),
        "x.toml:4:1: \"variables\" in the scenario: nothing uses \"colour\""
    );
}

#[test]
fn a_distance_without_a_usable_pace() {
    assert_eq!(
        spoiled("pace_s_per_km = 360", ""),
        "x.toml:38:8: \"send\" in [[websocket.every]]: {distance_km} needs the variable \"pace_s_per_km\" (seconds a \
         kilometre)"
    );
    assert_eq!(
        spoiled("pace_s_per_km = 360", "pace_s_per_km = 0.5"),
        "x.toml:38:8: \"send\" in [[websocket.every]]: {distance_km} needs \"pace_s_per_km\" in whole seconds, at least \
         1; it is \"0.5\""
    );
}

#[test]
fn variables_set_from_outside() {
    let set = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    assert!(Scenario::compile("x.toml", GOOD, &set("pace_s_per_km", "300")).is_ok());
    assert_eq!(
        Scenario::compile("x.toml", GOOD, &set("pace", "300")).expect_err("unknown").to_string(),
        "--set pace: the scenario has no such variable; valid: pace_s_per_km"
    );
    assert_eq!(
        Scenario::compile("x.toml", GOOD, &set("pace_s_per_kn", "300")).expect_err("unknown").to_string(),
        "--set pace_s_per_kn: the scenario has no such variable; did you mean \"pace_s_per_km\"?"
    );
    let twice = [set("pace_s_per_km", "1"), set("pace_s_per_km", "2")].concat();
    assert_eq!(
        Scenario::compile("x.toml", GOOD, &twice).expect_err("twice").to_string(),
        "--set pace_s_per_km: the variable is set twice"
    );
}

#[test]
fn criteria() {
    let measure = "measure = \"steps.enter.p95_ms\"";
    assert_eq!(
        spoiled(measure, "measure = \"errors.rat\""),
        "x.toml:45:11: \"measure\" in [[criteria]]: there is no measure \"errors.rat\"; did you mean \"errors.rate\"?"
    );
    assert_eq!(
        spoiled(measure, "measure = \"steps.entre.p95_ms\""),
        "x.toml:45:11: \"measure\" in [[criteria]]: there is no step \"entre\"; did you mean \"enter\"?"
    );
    assert_eq!(
        spoiled(measure, "measure = \"steps.enter.p96_ms\""),
        "x.toml:45:11: \"measure\" in [[criteria]]: there is no statistic \"p96_ms\"; did you mean \"p90_ms\"?"
    );
    assert_eq!(
        spoiled("below = 200", ""),
        "x.toml:43:1: [[criteria]]: give exactly one of \"below\", \"at_most\" and \"at_least\""
    );
    assert_eq!(
        spoiled("below = 200", "below = 200\nat_most = 3"),
        "x.toml:43:1: [[criteria]]: give exactly one of \"below\", \"at_most\" and \"at_least\""
    );
    assert_eq!(
        spoiled("warn = 500", "warn = 100"),
        "x.toml:47:8: \"warn\" in [[criteria]]: 100 is not on the bad side of the limit, 200"
    );
    assert_eq!(
        refused(
            "name = \"x\"\n[websocket]\nurl = \"/\"\n[[criteria]]\nname = \"p\"\nmeasure = \"ping.missed\"\nat_most = 0"
        ),
        "x.toml:6:11: \"measure\" in [[criteria]]: \"ping.missed\" is written otherwise now: every.NAME.missed"
    );
    assert_eq!(
        spoiled(measure, "measure = \"every.pin.missed\""),
        "x.toml:45:11: \"measure\" in [[criteria]]: there is no periodic message \"pin\" ([[websocket.every]]); did \
         you mean \"ping\"?"
    );
    assert_eq!(
        spoiled(measure, "measure = \"every.record.late\""),
        "x.toml:45:11: \"measure\" in [[criteria]]: \"record\" awaits no reply, so it cannot measure \
         \"every.record.late\""
    );
}

#[test]
fn too_many_values() {
    let takes: Vec<String> = (0..256).map(|k| format!("v{k} = \"/{k}\"")).collect();
    let source = format!(
        "name = \"x\"\n[[http]]\nname = \"a\"\nmethod = \"GET\"\npath = \"/\"\n[http.take]\n{}\n",
        takes.join("\n")
    );
    assert_eq!(refused(&source), "x.toml:262:1: \"take\" in [[http]]: 255 taken values at most");
}

#[test]
fn a_scenario_may_lack_either_half() {
    let http_only =
        "name = \"join\"\n[[http]]\nname = \"join\"\nmethod = \"POST\"\npath = \"/join\"\nexpect = 201\n";
    let scenario = Scenario::compile("x.toml", http_only, &[]).expect("no WebSocket is fine");
    assert!(scenario.websocket.is_none());
    assert_eq!(scenario.http[0].expect, [201]);

    let websocket_only = "name = \"ws\"\n[websocket]\nurl = \"/ws\"\n";
    let scenario = Scenario::compile("x.toml", websocket_only, &[]).expect("no HTTP is fine");
    assert_eq!(scenario.step_names(), ["connect", "open"]);
}

#[test]
fn scenarios_are_found_by_name_or_file() {
    assert!(Scenario::find("runnity").is_ok());
    assert_eq!(
        Scenario::find("runity").expect_err("mistyped").to_string(),
        "there is no built-in scenario and no file named \"runity\"; did you mean \"runnity\"?"
    );
    let missing = Scenario::find("no/such.toml").expect_err("missing").to_string();
    assert!(missing.starts_with("cannot read the scenario no/such.toml: "), "{missing}");
}
