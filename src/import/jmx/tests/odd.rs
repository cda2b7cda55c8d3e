//! Odd plans that JMeter plays all the same: waits that are drawn, hosts of another name, tokens in clear.

use super::*;

fn headers(pairs: &[(&str, &str)]) -> String {
    let header = |(name, value): &(&str, &str)| {
        format!(
            "<elementProp name=\"\"><stringProp name=\"Header.name\">{name}</stringProp><stringProp \
             name=\"Header.value\">{value}</stringProp></elementProp>"
        )
    };
    let list: String = pairs.iter().map(header).collect();
    format!(
        "<HeaderManager testname=\"its\" enabled=\"true\"><collectionProp name=\"HeaderManager.headers\">{list}\
         </collectionProp></HeaderManager><hashTree/>"
    )
}

fn pause(duration: &str) -> String {
    element("TestAction", &[("ActionProcessor.action", "1"), ("ActionProcessor.duration", duration)], "")
}

#[test]
fn waits_that_are_drawn_are_ranges() {
    let timer = element("ConstantTimer", &[("ConstantTimer.delay", "${__Random(500,1500)}")], "");
    let samplers = open("h", "", "/ws", "")
        + &ask("{\"type\":\"A\"}", "")
        + &pause("${__Random(1000,3000,ms)}")
        + &ask("{\"type\":\"B\"}", "")
        + &looped("3", &(timer + &write("x", "")));
    let (made, told) = made(&plan("", &group(&samplers)));
    assert_has(&made.scenario, &["pause = \"1s..3s\"", "interval = \"500ms..1s500ms\""]);
    assert_lacks(&told, &["ends by itself", "no timer", "is not known"]);
}

#[test]
fn waits_that_are_not_known_are_named() {
    let samplers = open("h", "", "/ws", "") + &pause("${__groovy(1)}") + &write("x", "");
    let (_, told) = made(&plan("", &group(&samplers)));
    assert_has(&told, &["how long it waits is not known before the test (\"${__groovy(1)}\")"]);
    assert_lacks(&told, &["ends by itself"]);
}

#[test]
fn another_host_than_the_targets_says_how_it_is_sent() {
    for (port, host, said) in [
        ("8080", "shop.example", "--target http://shop.example:8080 --resolve shop.example:8080:10.0.0.1"),
        ("", "shop.example", "--target http://shop.example --resolve shop.example:80:10.0.0.1"),
        ("8080", "10.0.0.1:8080", "every request has the right one by itself"),
    ] {
        let samplers = headers(&[("Host", host)]) + &get_of("http", "10.0.0.1", port, "/a");
        let (made, told) = made(&plan("", &group(&samplers)));
        assert_has(&told, &[said]);
        assert_lacks(&body(&made), &["Host"]);
    }
}

#[test]
fn subprotocols_are_the_upgrades_alone() {
    let fields = headers(&[("Sec-WebSocket-Protocol", "a, b"), ("Content-Type", "x/y"), ("X-A", "1")]);
    let (made, _) = made(&plan(&fields, &group(&(get("/a", "") + &open("h", "", "/ws", "")))));
    assert_has(&made.scenario, &["subprotocol = [\"a\", \"b\"]"]);
    assert_eq!(made.scenario.matches("X-A = \"1\"").count(), 2, "{}", made.scenario);
    assert_eq!(made.scenario.matches("Content-Type").count(), 1, "{}", made.scenario);
}

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlLW9mLWl0";
const RANDOM: &str = "9f86d081884c7d659a2feaa0c55ad015";

#[test]
fn tokens_are_not_written() {
    let fields = headers(&[
        ("X-Caller", RANDOM),
        ("Authorization", &format!("Bearer {JWT}")),
        ("Cookie", &format!("lang=ko; SESS={}", RANDOM.replace('9', "8"))),
        ("X-Api-Key", "short-one"),
    ]);
    let beside = fields + &variables(&[("mine", JWT), ("api_token", RANDOM)]);
    let samplers = get(&format!("/a?j={JWT}&m=${{mine}}&t=${{api_token}}"), "");
    let (made, told) = made(&plan(&beside, &group(&samplers)));
    for token in [JWT, RANDOM, "short-one"] {
        assert_lacks(&(made.scenario.clone() + &told), &[token]);
    }
    assert_has(
        &made.scenario,
        &[
            "Authorization = \"Bearer {token}\"",
            "X-Caller = \"{x_caller}\"",
            "Cookie = \"lang=ko; SESS={sess}\"",
            "X-Api-Key = \"{x_api_key}\"",
            "x_api_key = \"\"",
            "path = \"/a?j={token}&m={mine}&t={api_token}\"",
            "token = \"\"",
            "mine = \"{token}\"",
        ],
    );
    assert_has(
        &told,
        &["Secrets whose values are not written: token, api_token, x_caller, sess, x_api_key."],
    );
    let secret = made.scenario.lines().find(|line| line.starts_with("secret = ")).unwrap_or_default();
    assert_eq!(secret.matches('"').count(), 10, "{secret}");
}

#[test]
fn what_is_used_before_it_is_taken_is_sent_as_jmeter_does() {
    let fields = headers(&[("Authorization", "Bearer ${token}"), ("X-Plain", "1")]);
    let login = get("/login?was=${token}", &extractor("token", "$.token"));
    let samplers = fields + &login + &get("/me?t=${token}&n=${__counter(FALSE)}", "");
    let (made, told) = made(&plan(&variables(&[("both", "${token}")]), &group(&samplers)));
    assert_has(&made.scenario, &["/login?was=${{token}}", "/me?t={token}&n={session}"]);
    assert_eq!(made.scenario.matches("Authorization = \"Bearer {token}\"").count(), 1, "{}", made.scenario);
    assert_has(&told, &["\"its\" has no header Authorization", "{session} for a counter"]);
}

#[test]
fn a_header_wins_over_the_authorization_manager() {
    let manager = "<AuthManager testname=\"a\" enabled=\"true\"><collectionProp name=\"AuthManager.auth_list\">\
                   <elementProp name=\"\"><stringProp name=\"Authorization.username\">u</stringProp><stringProp \
                   name=\"Authorization.password\">p</stringProp></elementProp></collectionProp></AuthManager><hashTree/>";
    let samplers = headers(&[("Authorization", "Digest ${x}")]) + &get("/a", "");
    let (made, told) = made(&plan(manager, &group(&samplers)));
    assert_lacks(&made.scenario, &["basic_auth ="]);
    assert_has(&told, &["that is sent"]);
}

#[test]
fn a_cookie_beside_a_cookie_manager_is_left_out() {
    let with_manager =
        element("GenericController", &[], &(element("CookieManager", &[], "") + &get("/b", "")));
    let samplers = headers(&[("Cookie", "a=1")]) + &get("/a", "") + &with_manager;
    let (made, told) = made(&plan("", &group(&samplers)));
    assert_lacks(&body(&made), &["Cookie ="]);
    assert_has(&told, &["the cookie manager's cookies are sent instead"]);
}

#[test]
fn paths_begin_with_one_slash() {
    let beside = variables(&[("NONE", ""), ("ROOT", "/api")]);
    for (path, made_) in
        [("${NONE}/a", "{NONE}/a"), ("${ROOT}/b", "{ROOT}/b"), ("${__P(base,/x)}/c", "{base}/c"), ("d", "/d")]
    {
        let (made, _) = made(&plan(&beside, &group(&get(path, ""))));
        assert_has(&made.scenario, &[&format!("path = \"{made_}\"")]);
    }
}

#[test]
fn long_waits_are_as_long_as_a_scenario_waits() {
    let timer = element("ConstantTimer", &[("ConstantTimer.delay", "30000000")], "");
    let samplers = open("h", "", "/ws", "") + &looped("2", &(timer.clone() + &timer + &write("x", "")));
    let (made, _) = made(&plan("", &group(&samplers)));
    assert_has(&made.scenario, &["interval = \"9h\""]);
}

#[test]
fn the_same_field_twice_is_sent_twice() {
    let argument = |value: &str| {
        format!(
            "<elementProp name=\"a\"><boolProp name=\"HTTPArgument.always_encode\">true</boolProp><stringProp \
             name=\"Argument.name\">a</stringProp><stringProp name=\"Argument.value\">{value}</stringProp></elementProp>"
        )
    };
    let form = format!(
        "<HTTPSamplerProxy testname=\"its\" enabled=\"true\"><stringProp name=\"HTTPSampler.path\">/f</stringProp><stringProp \
         name=\"HTTPSampler.method\">POST</stringProp><elementProp name=\"HTTPsampler.Arguments\"><collectionProp \
         name=\"Arguments.arguments\">{}{}</collectionProp></elementProp></HTTPSamplerProxy><hashTree/>",
        argument("1 2"),
        argument("3")
    );
    let (made, _) = made(&plan("", &group(&form)));
    assert_has(&made.scenario, &["body = \"a=1%202&a=3\"", "application/x-www-form-urlencoded"]);
}

#[test]
fn one_value_is_taken_once() {
    let under = extractor("t", "$.t") + &extractor("t", "$.u");
    let (made, told) = made(&plan("", &group(&get("/a", &under))));
    assert_has(&made.scenario, &["take = { t = \"/u\" }"]);
    assert_has(&told, &["\"t\" is taken twice"]);
}

#[test]
fn what_its_check_refuses_is_said_in_the_file() {
    let plan = plan(&variables(&[("a", "${b}"), ("b", "${a}")]), &group(&get("/${a}", "")));
    let made = import("p.jmx", &plan, "out.toml", &|_| None).expect("imported");
    assert!(made.refused.is_some(), "{}", made.scenario);
    assert_has(
        &made.scenario.replace("\n#   ", " "),
        &["scenario check refuses it as it is: ", "refers to itself"],
    );
}
