//! What can be wrong with requests and with the names of their errors.

use super::*;

#[test]
fn bad_json_pointers() {
    assert_eq!(
        spoiled("take = { ticket = \"/data/ticket\" }", "take = { ticket = \"data.ticket\" }"),
        "x.toml:15:19: \"take.ticket\" in [[http]]: \"data.ticket\" is not a JSON pointer: write \"/data/ticket\""
    );
    assert_eq!(
        spoiled("take = { ticket = \"/data/ticket\" }", "take = { ticket = \"$.data.ticket\" }"),
        "x.toml:15:19: \"take.ticket\" in [[http]]: \"$.data.ticket\" is not a JSON pointer: write \"/data/ticket\""
    );
    assert_eq!(
        spoiled("take = { ticket = \"/data/ticket\" }", "take = { ticket = \"/a~b\" }"),
        "x.toml:15:19: \"take.ticket\" in [[http]]: \"/a~b\" is not a JSON pointer: \"~\" is written \"~0\""
    );
}

#[test]
fn what_is_no_place_in_an_answer() {
    for place in ["input[name=csrf]", "connect(", "regex:value=(.*)"] {
        let refused =
            spoiled("take = { ticket = \"/data/ticket\" }", &format!("take = {{ ticket = \"{place}\" }}"));
        let why = format!(
            "x.toml:15:19: \"take.ticket\" in [[http]]: \"{place}\" is not a place: write /pointer (JSON), header:NAME, \
             cookie:NAME, match:REGEX or after:TEXT"
        );
        assert_eq!(refused, why);
    }
}

#[test]
fn unusable_requests() {
    assert_eq!(
        spoiled("method = \"GET\"", "method = \"get\""),
        "x.toml:12:10: \"method\" in [[http]]: \"get\" is not a method: upper-case letters only, such as GET"
    );
    assert_eq!(
        spoiled("path = \"/enter/{challenge_id}\"", "path = \"enter\""),
        "x.toml:13:8: \"path\" in [[http]]: it must begin with \"/\" or a value that is a path or a URL"
    );
    assert_eq!(
        spoiled("path = \"/enter/{challenge_id}\"", "path = \"/en ter\""),
        "x.toml:13:8: \"path\" in [[http]]: a space must be percent-encoded"
    );
    assert_eq!(
        spoiled("headers = { Authorization = \"Bearer {token}\" }", "headers = { Host = \"x\" }"),
        "x.toml:14:13: \"headers.Host\" in [[http]]: this field is written by the engine"
    );
    assert_eq!(
        spoiled("headers = { Authorization = \"Bearer {token}\" }", "headers = { A = \"x\\r\\nB: y\" }"),
        "x.toml:14:17: \"headers.A\" in [[http]]: control characters cannot be sent in a header field"
    );
    assert_eq!(
        spoiled("take = { ticket = \"/data/ticket\" }", "expect = [200, 99]\ntake = { ticket = \"/t\" }"),
        "x.toml:15:16: \"expect\" in [[http]]: 99 is not a final HTTP status (200 to 599)"
    );
}

#[test]
fn a_cookie_of_ones_own_beside_the_jar() {
    let scenario = |headers: &str| {
        let text = GOOD.replace("[variables]", "cookies = true\n[variables]");
        let text = text.replace("headers = { Authorization = \"Bearer {token}\" }", headers);
        Scenario::compile("x.toml", &text, &[]).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(
        scenario("headers = { Authorization = \"{token}\", cookie = \"a=b\" }"),
        Err("x.toml:15:40: \"headers.cookie\" in [[http]]: cookies = true sends the jar; remove one of the two"
            .to_owned())
    );
    assert_eq!(scenario("headers = { Authorization = \"{token}\" }"), Ok(()));
    let upgrade = GOOD.replace("[variables]", "cookies = true\n[variables]").replace(
        "url = \"/ws?ticket={ticket}\"",
        "url = \"/ws?ticket={ticket}\"\nheaders = { Cookie = \"a=b\" }",
    );
    let refused = Scenario::compile("x.toml", &upgrade, &[]).expect_err("two Cookie fields").to_string();
    assert!(refused.contains("\"headers.Cookie\" in [websocket]: cookies = true sends the jar"), "{refused}");
}

#[test]
fn names_of_steps() {
    assert_eq!(
        spoiled("name = \"enter\"\nmethod = \"GET\"", "name = \"login\"\nmethod = \"GET\""),
        "x.toml:11:8: \"name\" in [[http]]: there is another step \"login\""
    );
    assert_eq!(
        spoiled("name = \"enter\"\nmethod = \"GET\"", "name = \"hold\"\nmethod = \"GET\""),
        "x.toml:11:8: \"name\" in [[http]]: \"hold\" is the name of a WebSocket's step"
    );
    assert_eq!(
        spoiled("name = \"enter\"\nmethod = \"GET\"", "name = \"a.b\"\nmethod = \"GET\""),
        "x.toml:11:8: \"name\" in [[http]]: \"a.b\" is not a step's name: letters, digits, _ and - only"
    );
}

#[test]
fn errors_without_a_condition() {
    let errors = "errors = [{ name = \"FULL\", status = 403 }]";
    assert_eq!(
        spoiled(errors, "errors = [{ name = \"FULL\" }]"),
        "x.toml:16:11: [[http.errors]]: give \"status\", \"field\" with \"equals\", or \"contains\""
    );
    assert_eq!(
        spoiled(errors, "errors = [{ name = \"FULL\", field = \"/message\" }]"),
        "x.toml:16:11: [[http.errors]]: \"field\" and \"equals\" go together"
    );
    assert_eq!(
        spoiled(errors, "errors = [{ name = \"TOO FULL\", status = 403 }]"),
        "x.toml:16:20: \"name\" in [[http.errors]]: a name has no spaces"
    );
}

#[test]
fn errors_of_several_texts_a_time_and_a_blame() {
    let errors = "errors = [{ name = \"FULL\", status = 403 }]";
    let with = |rest: &str| {
        spoiled(
            errors,
            &format!("errors = [{{ name = \"FULL\", field = \"/m\", equals = [\"a\", \"a.\"], {rest} }}]"),
        )
    };
    assert_eq!(
        spoiled(errors, "errors = [{ name = \"FULL\", field = \"/m\", equals = [] }]"),
        "x.toml:16:51: \"equals\" in [[http.errors]]: the list is empty"
    );
    for (rest, message) in [
        (
            "blame = \"servr\"",
            "\"servr\" is not one of machine, network, server, scenario; did you mean \"server\"?",
        ),
        ("after = \"30s\"", "two durations are wanted here, such as \"29s500ms..31s\""),
        ("after = \"31s..30s\"", "the first duration must be shorter than the second"),
        ("after = \"31..32s\"", "\"31\" has no unit: write 31s for seconds (31ms, 31m, 31h)"),
    ] {
        let key = rest.split(' ').next().expect("a key");
        let refused = with(rest);
        assert!(refused.ends_with(&format!("\"{key}\" in [[http.errors]]: {message}")), "{refused}");
    }
    let twice = "errors = [{ name = \"FULL\", status = 403, blame = \"scenario\" }, \
                 { name = \"FULL\", status = 409 }, { name = \"FULL\", status = 410, blame = \"network\" }]";
    let refused = spoiled(errors, twice);
    assert!(refused.ends_with("another entry of \"FULL\" blames the scenario"), "{refused}");
}

#[test]
fn shared_errors_come_after_a_step_s_own() {
    let source = GOOD.replace(
        "[[http]]\nname = \"login\"",
        "[[errors]]\nname = \"GATEWAY\"\nstatus = 502\n[[http]]\nname = \"login\"",
    );
    let scenario = Scenario::compile("x.toml", &source, &[]).expect("nothing is wrong");
    let names: Vec<&str> =
        scenario.http[1].errors.iter().map(|e| scenario.error_names[usize::from(e.error)].as_str()).collect();
    assert_eq!(names, ["FULL", "GATEWAY"]);
    assert_eq!(scenario.http[0].errors.len(), 1);
}

#[test]
fn shared_errors_without_requests() {
    assert_eq!(
        refused("name = \"x\"\n[[errors]]\nname = \"A\"\nstatus = 502\n[websocket]\nurl = \"/ws\"\n"),
        "x.toml:2:1: [[errors]] name HTTP answers, and there is no request"
    );
}
