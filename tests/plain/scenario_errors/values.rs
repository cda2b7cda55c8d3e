//! Values in a scenario: names, filters, places of values, forms and variables that are refused, and where.

use startline::scenario::Scenario;

/// A GET, and a POST that takes `token` before it, with these keys; variables behind them.
fn source(keys: &str, variables: &str) -> String {
    format!(
        "name = \"x\"\n[[http]]\nname = \"a\"\nmethod = \"GET\"\npath = \"/\"\ntake = {{ token = \"/t\" }}\n\
         [[http]]\nname = \"b\"\nmethod = \"POST\"\npath = \"/{{token}}\"\n{keys}\n[variables]\n{variables}\n"
    )
}

fn refused(keys: &str, variables: &str) -> String {
    Scenario::compile("x.toml", &source(keys, variables), &[]).expect_err("refused").to_string()
}

fn compiled(keys: &str, variables: &str) -> Scenario {
    Scenario::compile("x.toml", &source(keys, variables), &[]).expect("it compiles")
}

#[test]
fn other_tools_spellings_are_answered_with_ours() {
    for (keys, expected) in [
        ("json = '{}'", "unknown key \"json\" in [[http]]; did you mean \"body\"?"),
        ("extract = { id = '/id' }", "unknown key \"extract\" in [[http]]; did you mean \"take\"?"),
        ("body = { u = 1 }", "this is a table: write JSON as text, '{\"type\":\"join\"}'"),
        (
            "body = \"{\"u\":1}\"",
            "a text with quotes in it stands between single quotes: '{\"type\":\"join\"}'",
        ),
    ] {
        let error = refused(keys, "");
        assert!(error.ends_with(expected), "{error}");
    }
    let untyped = compiled("body = '{}'", "").doubts;
    assert!(matches!(&untyped[..], [one] if one.contains("without a Content-Type")), "{untyped:?}");
    let typed = "headers = { Content-Type = \"text/plain\" }";
    let warnings = |body: &str| compiled(&format!("{typed}\nbody = '{body}'"), "").doubts;
    assert_eq!(
        warnings("{{token}} {{token}}"),
        ["{{token}} is sent as the text {token}: for its value write {token}"]
    );
    assert_eq!(
        warnings("${token}"),
        ["${token} sends a $ before the value: for the value alone write {token}"]
    );
    assert!(warnings("{token} ${price} {{price}} $ {}").is_empty());
}

#[test]
fn a_brace_around_an_unknown_name_is_text_unless_it_resembles_a_known_one() {
    let filtered = refused("body = 'x {doc|length}'", "");
    assert!(filtered.contains("unknown variable {doc|length}: neither in"), "{filtered}");
    assert_eq!(
        refused("body = 'x {membr_id}'", ""),
        "x.toml:11:8: \"body\" in [[http]]: unknown variable {membr_id}; did you mean {member_id}? (write \
         {{membr_id}} if the braces are meant)"
    );
    assert!(refused("body = '{tokn|url}'", "").contains("did you mean {token}?"));
    assert!(refused("body = '{uid:4}'", "").contains("did you mean {uuid}?"));
    let scenario = compiled(r#"body = '{"query":"subscription {price {id}} {{token}}"}'"#, "");
    assert_eq!(scenario.literal_braces, ["{id}"]);
    // Where braces have no place, every unknown name is refused.
    for (keys, key) in [
        ("headers = { X = '{price}' }", "headers.X"),
        ("basic_auth = { user = '{price}', password = '' }", "user"),
    ] {
        let error = refused(keys, "");
        assert!(
            error.contains(&format!("\"{key}\" in ")) && error.contains("unknown variable {price}: neither"),
            "{error}"
        );
    }
}

#[test]
fn what_follows_a_name_is_checked() {
    for (body, why) in [
        ("{token:99}", "{token:99}: a width is 1 to 20 digits, {token:6}, or bytes: u8, u16, u32"),
        ("{token|gzip}", "{token|gzip}: there is no filter \"gzip\"; valid: url, form, json, base64"),
        ("{session|url:6}", "{session|url:6}: the width stands before the filters, {session:6|url}"),
        ("{token| url}", "{token| url}: there is no filter \" url\"; did you mean \"url\"?"),
        ("{uuid:6}", "{uuid:6}: only a number has a width, and uuid is not one"),
        ("{hex:c0 0}", "{hex:c0 0}: write bytes as two hexadecimal digits each, such as {hex:c0 00}"),
        ("{hex:}", "{hex:}: write bytes"),
        ("{random:9-1}", "{random:9-1}: write the least and the greatest number, such as {random:1-100}"),
        ("{random:x}", "{random:x}: write the least"),
    ] {
        let error = refused(&format!("body = '{body}'"), "");
        assert!(error.starts_with(&format!("x.toml:11:8: \"body\" in [[http]]: {why}")), "{error}");
    }
}

#[test]
fn variables_refer_to_each_other_and_not_to_themselves() {
    let scenario = compiled("body = '{a}'", "a = \"<{b}>\"\nb = \"{token|url} {session:3} {c}\"\nc = 7");
    assert_eq!(scenario.http[1].body.as_ref().map(|body| body.values().len()), Some(1));
    assert_eq!(
        refused("body = '{a}'", "a = \"{b}\"\nb = \"x{c}\"\nc = \"{a}\""),
        "x.toml:13:1: \"variables.a\" in the scenario: the variable \"a\" refers to itself: a → b → c → a"
    );
    assert!(refused("body = '{a}'", "a = \"{a}\"").contains("refers to itself: a → a"));
    assert_eq!(
        refused("body = '{a}'", "a = \"{membr_id}\""),
        "x.toml:13:1: \"variables.a\" in the scenario: unknown variable {membr_id}; did you mean {member_id}? (write \
         {{membr_id}} if the braces are meant)"
    );
    // What only an unused variable uses is unused.
    assert!(refused("", "a = \"{b}\"\nb = 1").contains("nothing uses \"a\""));
    // What is given from outside is text.
    let set = [("a".to_owned(), "{token}".to_owned())];
    let scenario = Scenario::compile("x.toml", &source("body = '{a}'", "a = 1"), &set).expect("it compiles");
    assert_eq!(scenario.http[1].body.as_ref().map(|body| body.literal_start()), Some(&b"{token}"[..]));
}

#[test]
fn places_of_values_are_checked() {
    let take = |place: &str| refused(&format!("take = {{ v = '{place}' }}"), "");
    assert!(
        take("match:a(b")
            .contains("x.toml:11:14: \"take.v\" in [[http]]: not a regular expression: unclosed group")
    );
    assert!(take("match:abc").contains("it has 0 groups and needs one, around the value"));
    assert!(take("after:").contains("there is no text behind"));
    assert!(take("header:two words").contains("\"two words\" is not a name"));
    assert!(take("token").contains("is not a JSON pointer: write \"/token\""));
}

#[test]
fn forms_passwords_and_redirects_are_checked() {
    assert!(refused("body = ''\nform = { a = 'b' }", "").contains("give \"body\" or \"form\", not both"));
    let twice = refused("form = { a = 'x{member_id|form}' }", "");
    assert!(
        twice.ends_with("{member_id|form}: the values of \"form\" are encoded already; leave out |form"),
        "{twice}"
    );
    assert!(
        refused("basic_auth = { user = 'a:b', password = 'c' }", "").contains("a user name has no \":\"")
    );
    assert!(refused("basic_auth = { user = 'a' }", "").contains("the key \"password\" is missing"));
    assert!(
        refused("basic_auth = { user = 'a', passwort = 'c' }", "").contains("did you mean \"password\"?")
    );
    let both = "basic_auth = { user = 'a', password = 'b' }\nheaders = { authorization = 'x' }";
    assert!(refused(both, "").contains("Authorization is given as well"));
    assert!(refused("follow = 21", "").contains("20 redirects at most"));
    assert!(refused("follow = true", "").contains("a whole number is wanted here"));
}

#[test]
fn counts_and_durations_are_written_in_several_ways() {
    let scenario = compiled("timeout = \"1.5m\"\nfollow = \"3\"", "");
    assert_eq!((scenario.http[1].timeout.as_secs(), scenario.http[1].follow), (90, 3));
    assert_eq!(compiled("timeout = \"90 s\"", "").http[1].timeout.as_secs(), 90);
    assert!(refused("timeout = \"5min\"", "").contains("\"5min\" is not a duration: write 5m"));
    assert!(refused("timeout = 1.5", "").contains("\"1.5\" has no unit: write 1.5s for seconds"));
}

#[test]
fn what_is_secret_is_known_by_where_it_goes() {
    let scenario = compiled("headers = { Authorization = '{key|base64}' }", "key = \"k-12345678\"");
    let shown = |text: &str| scenario.secrets.redacted_text(text, Default::default(), None);
    assert_eq!(shown("k-12345678 ay0xMjM0NTY3OA=="), "‹key› ‹key›", "before and behind the filter");
    let query = Scenario::compile(
        "x.toml",
        "name = \"x\"\n[variables]\nq = \"q-12345678\"\np = \"p-12345678\"\nr = \"r-12345678\"\n[websocket]\n\
         url = \"/{r}?a={q}\"\nsubprotocol = [\"v1\", \"{p}\"]\n",
        &[],
    )
    .expect("it compiles");
    let shown = query.secrets.redacted_text("q-12345678 p-12345678 r-12345678", Default::default(), None);
    assert_eq!(shown, "‹q› ‹p› r-12345678");
}
