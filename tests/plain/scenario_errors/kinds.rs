//! What can be wrong with the kinds of messages: how they are known, in which order, and what is read of them.

use super::*;

/// The message after these kinds, and what stands above them in `[websocket]`, are compiled.
#[track_caller]
fn refused_kinds(websocket: &str, kinds: &str) -> String {
    refused(&source(websocket, kinds))
}

fn source(websocket: &str, kinds: &str) -> String {
    format!("name = \"x\"\n[websocket]\nurl = \"/\"\n{websocket}\n[websocket.messages]\n{kinds}\n")
}

fn compiled(websocket: &str, kinds: &str) -> Scenario {
    Scenario::compile("x.toml", &source(websocket, kinds), &[]).expect("nothing is wrong")
}

#[test]
fn a_kind_that_an_earlier_one_hides() {
    for (kinds, hiding) in [
        ("a = { is = \"2\" }\nb = { is = \"2\" }", "\"a\" (is \"2\")"),
        ("a = { starts = \"4\" }\nb = { starts = \"42\" }", "\"a\" (starts \"4\")"),
        ("a = { contains = \"x\" }\nb = { is = \"axb\" }", "\"a\" (contains \"x\")"),
        (
            "a = { fields = { \"/push\" = \"*\" } }\nb = { fields = { \"/push/pub\" = \"*\", \"/x\" = \"1\" } }",
            "\"a\" (/push = *)",
        ),
        ("a = { fields = { \"/type\" = \"b\" } }\nb = {}", "\"a\" (/type = \"b\")"),
    ] {
        let said = refused_kinds("", kinds);
        let expected = format!(
            "x.toml:7:1: \"messages.b\" in [websocket]: it can never match: {hiding} stands before it and takes all \
             of its records; put this kind first"
        );
        assert_eq!(said, expected);
        // The other way round each has records of its own, but for equal ones.
        let (a, b) = kinds.split_once('\n').expect("two");
        let swapped = Scenario::compile("x.toml", &source("", &format!("{b}\n{a}")), &[]);
        assert_eq!(swapped.is_err(), kinds.contains("is = \"2\"") || kinds.contains("\"b\" }"), "{kinds}");
    }
}

#[test]
fn a_kind_that_can_never_match() {
    for (kind, why) in [
        (
            "a = { is = \"2\", starts = \"2\" }",
            "\"starts\" in \"a\" in [websocket.messages]: \"is\" compares the whole record, and stands alone",
        ),
        (
            "a = { fields = { \"/a\" = \"1\", \"/a/b\" = \"*\" } }",
            "it can never match: /a cannot equal a text and have /a/b in it",
        ),
        ("a = { fields = {} }", "\"fields\" in \"a\" in [websocket.messages]: there is none in it"),
        ("a = { starts = \"\" }", "it is empty"),
    ] {
        let said = refused_kinds("", kind);
        assert!(said.starts_with("x.toml:6:") && said.ends_with(why), "{said}");
    }
    let long = format!("a = {{ starts = \"{}\" }}", "x".repeat(8193));
    assert!(refused_kinds("", &long).ends_with("it can never match: 8192 bytes are compared at most"));
}

#[test]
fn texts_of_kinds_are_the_same_for_all_sessions() {
    for text in ["{session}", "{now_ms}"] {
        let said = refused_kinds("", &format!("a = {{ is = \"x{text}\" }}"));
        assert!(said.contains("\"is\" in \"a\"") && said.contains("the same for all sessions"), "{said}");
    }
    let with_variable = source("", "a = { starts = \"42/{room},\" }") + "[variables]\nroom = \"lobby\"\n";
    let scenario = Scenario::compile("x.toml", &with_variable, &[]).expect("a variable is constant");
    let kinds = &scenario.websocket.expect("it has one").kinds;
    assert_eq!(kinds.rule_text(kinds.named("a").expect("it is there")), "starts \"42/lobby,\"");
}

#[test]
fn places() {
    for (kind, why) in [
        ("a = { fields = { \"a\" = \"1\" } }", "\"a\" is not a JSON pointer: write \"/a\""),
        (
            "a = { fields = { \"/a//b\" = \"1\" } }",
            "\"/a//b\": it is not a JSON pointer such as \"/data/0/id\"",
        ),
        ("a = { fields = { \"/a/*\" = \"1\" } }", "\"listed\" of [websocket.presence] only"),
        ("a = { sent_at = \"ts\" }", "\"ts\" is not a JSON pointer: write \"/ts\""),
        ("a = { sequence = \"after:\" }", "after: names the text that stands before the value"),
        ("a = { sent_at = \"/ts\", sent_unit = \"min\" }", "\"min\" is not ms, s, us or ns"),
        ("a = { sent_unit = \"s\" }", "there is no \"sent_at\""),
        (
            "a = { take = { id = \"/id\" } }",
            "what a kind takes is for its own answer, and there is no \"answer\"",
        ),
        (
            "a = { answer = \"{id}\" }\nb = { take = { id = \"/id\" }, answer = \"{id}\" }",
            "{id} is taken for the answer of another kind, and is gone after it",
        ),
    ] {
        let said = refused_kinds("", kind);
        assert!(said.starts_with("x.toml:6:") && said.ends_with(why), "{said}");
    }
    let deep = format!("a = {{ sent_at = \"{}\" }}", "/a".repeat(65));
    assert!(refused_kinds("", &deep).ends_with("it is more than 64 levels deep"));
}

#[test]
fn binary_records_with_json_say_where_it_begins() {
    for kind in ["a = {}", "a = { fields = { \"/a\" = \"1\" } }", "a = { starts = \"0\", sent_at = \"/ts\" }"]
    {
        let said = refused_kinds("frames = \"binary\"", kind);
        assert!(said.contains("say after which text JSON begins in a binary message"), "{said}");
        compiled("frames = \"binary\"\nbody_after = \"\"", kind);
        compiled("frames = \"binary\"\nbody_after = \"room\"", kind);
    }
    compiled("frames = \"binary\"", "a = { starts = \"0\", sent_at = \"after:ts=\" }");
    let said = refused_kinds("frames = \"hex\"", "a = {}");
    assert!(
        said.ends_with("\"frames\" in [websocket]: \"hex\" is neither \"text\" nor \"binary\""),
        "{said}"
    );
}

#[test]
fn more_kinds_than_there_is_room_for() {
    let kinds: Vec<String> = (0..65).map(|k| format!("k{k} = {{}}")).collect();
    assert!(refused_kinds("", &kinds.join("\n")).ends_with("there are more than 64 kinds"));
    compiled("", &kinds[..64].join("\n"));
    let aged: Vec<String> = (0..9).map(|k| format!("k{k} = {{ sent_at = \"/ts\" }}")).collect();
    assert!(refused_kinds("", &aged.join("\n")).ends_with("8 kinds with \"sent_at\" at most"));
    let said = refused_kinds(&format!("separator = \"{}\"", "x".repeat(17)), "a = {}");
    assert!(said.ends_with("\"separator\" in [websocket]: 16 bytes at most"), "{said}");
}

#[test]
fn the_list_of_members_has_a_star() {
    let listed = "listed = { kind = \"HELLO\", at = \"/all/*/id\" }";
    assert!(
        spoiled(listed, "listed = { kind = \"HELO\", at = \"/all/*/id\" }")
            .contains("did you mean \"HELLO\"?")
    );
    let said = spoiled(listed, "listed = { kind = \"HELLO\", at = \"/all/id\" }");
    assert!(said.ends_with("\"/all/id\" has not one * for every element, as in \"/members/*/id\""), "{said}");
    let said = spoiled(listed, "listed = \"/all/*/id\"");
    assert!(said.ends_with("it is written otherwise now: { kind = \"NAME\", at = \"/all/*/id\" }"), "{said}");
}

#[test]
fn criteria_of_kinds() {
    let with = |measure: &str| {
        let criteria = format!("[[criteria]]\nname = \"x\"\nmeasure = \"{measure}\"\nat_most = 1\n");
        let kinds = "trade = { sent_at = \"/ts\", sequence = \"/n\" }\nping = { is = \"2\", answer = \"3\" }";
        Scenario::compile("x.toml", &(source("", kinds) + &criteria), &[]).map_err(|error| error.to_string())
    };
    for (measure, unit) in [
        ("messages.trade.age.p95_ms", "ms"),
        ("messages.trade.age.negative", ""),
        ("messages.trade.missing", ""),
        ("messages.trade.per_s", "/s"),
        ("messages.ping.answers", ""),
        ("messages.ping.received", ""),
    ] {
        assert_eq!(with(measure).expect("it can be measured").criteria[0].unit, unit, "{measure}");
    }
    for (measure, why) in [
        (
            "messages.trad.missing",
            "there is no kind \"trad\" ([websocket.messages]); did you mean \"trade\"?",
        ),
        (
            "messages.ping.missing",
            "\"ping\" has no \"sequence\", so it cannot measure \"messages.ping.missing\"",
        ),
        (
            "messages.trade.answers",
            "\"trade\" has no \"answer\", so it cannot measure \"messages.trade.answers\"",
        ),
        (
            "messages.ping.age.p95_ms",
            "\"ping\" has no \"sent_at\", so it cannot measure \"messages.ping.age.p95_ms\"",
        ),
        ("messages.trade.age.p96_ms", "there is no statistic \"p96_ms\"; did you mean \"p90_ms\"?"),
        (
            "messages.trade.mising",
            "there is no count \"mising\"; did you mean \"missing\"?, age.<statistic>_ms",
        ),
    ] {
        let said = with(measure).expect_err("it cannot");
        assert!(said.ends_with(why), "{said}");
    }
}
