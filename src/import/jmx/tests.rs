//! Small plans, each with one thing that a scenario says otherwise, or not at all.

mod load;
mod odd;

use super::super::{Imported, import};

/// An element with texts as its properties, and what is under it.
fn element(class: &str, properties: &[(&str, &str)], under: &str) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let property =
        |(name, value): &(&str, &str)| format!("<stringProp name=\"{name}\">{}</stringProp>", escaped(value));
    let properties: String = properties.iter().map(property).collect();
    format!(
        "<{class} testname=\"its\" enabled=\"true\">{properties}</{class}>\n<hashTree>{under}</hashTree>\n"
    )
}

fn get(path: &str, under: &str) -> String {
    element("HTTPSamplerProxy", &[("HTTPSampler.path", path), ("HTTPSampler.method", "GET")], under)
}

/// A request to a host.
fn get_of(protocol: &str, domain: &str, port: &str, path: &str) -> String {
    let properties = [
        ("HTTPSampler.protocol", protocol),
        ("HTTPSampler.domain", domain),
        ("HTTPSampler.port", port),
        ("HTTPSampler.path", path),
    ];
    element("HTTPSamplerProxy", &properties, "")
}

fn open(server: &str, port: &str, path: &str, under: &str) -> String {
    element("OpenWebSocketSampler", &[("server", server), ("port", port), ("path", path)], under)
}

fn write(data: &str, under: &str) -> String {
    element("SingleWriteWebSocketSampler", &[("requestData", data)], under)
}

fn ask(data: &str, under: &str) -> String {
    element("RequestResponseWebSocketSampler", &[("requestData", data)], under)
}

fn extractor(name: &str, path: &str) -> String {
    let properties = [("JSONPostProcessor.referenceNames", name), ("JSONPostProcessor.jsonPathExprs", path)];
    element("JSONPostProcessor", &properties, "")
}

fn asserts(path: &str, expected: &str, flag: &str) -> String {
    let mut properties = vec![
        ("JSON_PATH", path),
        ("EXPECTED_VALUE", expected),
        ("JSONVALIDATION", "true"),
        ("ISREGEX", "true"),
    ];
    properties.extend((!flag.is_empty()).then_some((flag, "true")));
    element("JSONPathAssertion", &properties, "")
}

/// Variables of the plan, in its order.
fn variables(pairs: &[(&str, &str)]) -> String {
    let argument = |(name, value): &(&str, &str)| {
        format!(
            "<elementProp name=\"{name}\"><stringProp name=\"Argument.name\">{name}</stringProp><stringProp \
             name=\"Argument.value\">{value}</stringProp></elementProp>"
        )
    };
    let list: String = pairs.iter().map(argument).collect();
    format!(
        "<Arguments testname=\"vars\" enabled=\"true\"><collectionProp name=\"Arguments.arguments\">{list}\
         </collectionProp></Arguments><hashTree/>"
    )
}

fn group(under: &str) -> String {
    element("ThreadGroup", &[("ThreadGroup.num_threads", "10")], under)
}

/// A plan of what stands beside the thread group, and the thread group.
fn plan(beside: &str, groups: &str) -> String {
    format!(
        "<jmeterTestPlan><hashTree><TestPlan testname=\"p\" enabled=\"true\"></TestPlan><hashTree>{beside}{groups}\
         </hashTree></hashTree></jmeterTestPlan>"
    )
}

#[track_caller]
fn made(plan: &str) -> (Imported, String) {
    let made = import("p.jmx", plan, "out.toml", &|_| None).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(made.refused, None, "{}", made.scenario);
    let told = made.told.join("\n");
    (made, told)
}

#[track_caller]
fn refused(plan: &str) -> String {
    import("p.jmx", plan, "out.toml", &|_| None).expect_err("refused").to_string()
}

#[track_caller]
fn assert_has(text: &str, all: &[&str]) {
    for one in all {
        assert!(text.contains(one), "{one}\n{text}");
    }
}

#[track_caller]
fn assert_lacks(text: &str, all: &[&str]) {
    for one in all {
        assert!(!text.contains(one), "{one}\n{text}");
    }
}

/// The scenario without its comments.
fn body(made: &Imported) -> String {
    made.scenario.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_must_not_come_is_not_awaited() {
    let samplers = get_of("http", "h", "", "/a").replace(
        "<hashTree></hashTree>",
        &format!("<hashTree>{}</hashTree>", asserts("$.error", ".+", "INVERT")),
    ) + &open("h", "", "/ws", "")
        + &ask(r#"{"type":"X"}"#, &asserts("$.error", "oops", "INVERT"))
        + &ask(r#"{"type":"Y"}"#, &asserts("$.code", "^2..$", ""))
        + &ask(r#"{"type":"Z"}"#, &asserts("$.gone", "", "EXPECT_NULL"))
        + &ask(r#"{"type":"V"}"#, &asserts("$.state", "^ok$", ""));
    let (made, told) = made(&plan("", &group(&samplers)));
    assert_lacks(&body(&made), &["oops", "/error", "2..", "/gone"]);
    assert_has(&body(&made), &[r#"fields = { "/code" = "*" }"#, r#"fields = { "/state" = "ok" }"#]);
    assert_has(
        &told,
        &["it is inverted", "[[http.errors]]", "role \"error\"", "null is no value", "not that it matches"],
    );
}

#[test]
fn functions_in_functions_are_computed_whole() {
    let paths = [
        "/b?x=${__base64Encode(${user}:${pass})}",
        "/u?x=${__urlencode(${__base64Encode(${user}:${pass})})}",
        "/l?x=${__urlencode(a b/${user})}",
        "/o?x=${__base64Encode(${user})}",
    ];
    let samplers: String = paths.iter().map(|path| get(path, "")).collect();
    let (made, _) = made(&plan(&variables(&[("user", "u"), ("pass", "p")]), &group(&samplers)));
    assert_has(
        &made.scenario,
        &[
            "encoded2 = \"{user}:{pass}\"",
            "/b?x={encoded2|base64}",
            "/u?x={encoded2|base64|url}",
            "/l?x=a%20b%2F{user|url}",
            "/o?x={user|base64}",
        ],
    );
}

#[test]
fn sessions_go_where_the_plan_says_or_it_is_said() {
    let take = get_of("http", "h", "8080", "/a").replace(
        "<hashTree></hashTree>",
        &format!("<hashTree>{}</hashTree>", extractor("wsHost", "$.host") + &extractor("wsPath", "$.path")),
    );
    let (taken, told) = made(&plan("", &group(&(take + &open("${wsHost}", "8443", "${wsPath}", "")))));
    assert_has(&taken.scenario, &["url = \"ws://{wsHost}:8443{wsPath}\""]);
    assert_has(&told, &["--allow-host"]);
    let open_ = get_of("http", "${tenant}.example.com", "", "/a");
    let (made_, told) = made(&plan("", &group(&open_)));
    assert_has(&told, &["http://${tenant}.example.com is not known before the test: --target says"]);
    assert_has(&made_.command.join(" "), &["--target http://HOST:PORT"]);
    let both = get_of("http", "h", "", "/a") + &open_;
    assert_has(
        &refused(&plan("", &group(&both))),
        &["it goes to http://${tenant}.example.com", "import the requests"],
    );
    let (url, _) = made(&plan("", &group(&open("wss://h.example", "", "/ws", ""))));
    assert_has(&url.command.join(" "), &["--target https://h.example"]);
    assert_has(&refused(&plan("", &group(&open("h/ws", "", "/", "")))), &["\"h/ws\" is no host"]);
}

#[test]
fn a_variable_may_be_the_begin_of_a_url() {
    let beside = variables(&[("BASE", "https://api.example.com")]);
    let samplers = get("${BASE}/a?b=${BASE}", "") + &get("HTTPS://api.example.com:443", "");
    let (made, _) = made(&plan(&beside, &group(&samplers)));
    assert_has(
        &made.scenario,
        &["--target https://api.example.com", "path = \"/a?b={BASE}\"", "path = \"/\""],
    );
}

#[test]
fn each_variable_has_a_name_of_its_own() {
    let pairs = [
        ("host_name", "1"),
        ("host.name", "2"),
        ("회원", "3"),
        ("이름", "4"),
        ("twice", "5"),
        ("twice", "6"),
    ];
    let path = "/${host.name}/${host_name}/${회원}/${이름}/${twice}/${__P(twice,7)}";
    let (made, told) = made(&plan(&variables(&pairs), &group(&get(path, ""))));
    assert_has(
        &made.scenario,
        &[
            "path = \"/{host_name_2}/{host_name}/{value}/{value_2}/{twice}/{twice_property}\"",
            "host_name = \"1\"",
            "host_name_2 = \"2\"",
            "value_2 = \"4\"",
            "twice = \"6\"",
            "twice_property = \"7\"",
        ],
    );
    assert_has(&told, &["\"host.name\" is called host_name_2 here", "\"twice\" is set once more"]);
}

#[test]
fn what_reads_nothing_takes_and_judges_nothing() {
    let under = extractor("cid", "$.cid") + &asserts("$.a", "b", "");
    let samplers = open("h", "", "/ws", &under) + &write("x", &under);
    let (_, told) = made(&plan("", &group(&samplers)));
    let notes = told.lines().filter(|line| line.contains("here: ")).count();
    assert_eq!(notes, 4, "{told}");
}

#[test]
fn times_that_assertions_limit_are_criteria() {
    let within = |ms: &str| element("DurationAssertion", &[("DurationAssertion.duration", ms)], "");
    let read = |under: &str| element("SingleReadWebSocketSampler", &[], under);
    let ping = element("PingPongSampler", &[], &within("60"));
    let loops = timer() + &write(r#"{"type":"P"}"#, &within("9")) + &read(&within("${limit}"));
    let samplers = open("h", "", "/ws", &within("10"))
        + &ask(r#"{"type":"X"}"#, &within("20"))
        + &ask(r#"{"type":"Y"}"#, &within("${__groovy(1)}"))
        + &write(r#"{"type":"Z"}"#, "")
        + &read(&within("30"))
        + &looped("2", &(loops + &ping));
    let (made, told) = made(&plan(&variables(&[("limit", "50")]), &group(&samplers)));
    let limits = [("connect", 10), ("its", 20), ("its-3", 30), ("its-4", 50), ("its-5", 60)];
    for (step, ms) in limits {
        assert_has(&made.scenario, &[&format!("measure = \"steps.{step}.max_ms\"\nat_most = {ms}\n")]);
    }
    // A write by itself takes no time, and one limit is computed.
    assert_has(&told, &["nothing is judged here", "write a criterion on steps.its-2.max_ms"]);
    assert_eq!(made.scenario.matches("at_most = ").count(), limits.len(), "{}", made.scenario);
    let only = open("h", "", "/ws", "") + &read(&(asserts("$.state", "^ok$", "") + &within("70")));
    let (made, _) = self::made(&plan("", &group(&only)));
    assert_has(&made.scenario, &["measure = \"steps.open.max_ms\""]);
}

#[test]
fn no_secret_of_a_plan_is_written() {
    let argument = |name: &str, value: &str| {
        format!(
            "<elementProp name=\"{name}\"><stringProp name=\"Argument.name\">{name}</stringProp><stringProp \
             name=\"Argument.value\">{value}</stringProp></elementProp>"
        )
    };
    let arguments = |raw: &str, all: &str| {
        format!(
            "<stringProp name=\"HTTPSampler.method\">POST</stringProp><boolProp \
             name=\"HTTPSampler.postBodyRaw\">{raw}</boolProp><elementProp name=\"HTTPsampler.Arguments\"><collectionProp \
             name=\"Arguments.arguments\">{all}</collectionProp></elementProp></HTTPSamplerProxy>"
        )
    };
    let post = |raw: &str, all: &str| {
        element("HTTPSamplerProxy", &[("HTTPSampler.path", "/in?apiKey=k3y-q&a=1")], "").replacen(
            "</HTTPSamplerProxy>",
            &arguments(raw, all),
            1,
        )
    };
    let header = |name: &str, value: &str| {
        format!(
            "<elementProp name=\"\"><stringProp name=\"Header.name\">{name}</stringProp><stringProp \
             name=\"Header.value\">{value}</stringProp></elementProp>"
        )
    };
    let headers = format!(
        "<HeaderManager testname=\"h\" enabled=\"true\"><collectionProp \
         name=\"HeaderManager.headers\">{}{}{}</collectionProp></HeaderManager><hashTree/>",
        header("X-Api-Key", "k3y-h"),
        header("Cookie", "lang=ko; JSESSIONID=k3y-c"),
        header("Authorization", "Basic ${__base64Encode(${who}:${word})}"),
    );
    let json = argument(
        "",
        "{&quot;user&quot;:&quot;${who}&quot;,&quot;userPin&quot;:4711,&quot;pw&quot;:&quot;k3y-b${who}&quot;}",
    );
    let samplers = post("false", &(argument("login", "ann") + &argument("passwd", "k3y-f")))
        + &post("true", &json)
        + &open("h", "", "/ws?session=k3y-s", "")
        + &write(r#"{"type":"AUTH","secret":"${aside}","token":"${__P(given,k3y-p)}"}"#, "");
    let beside = headers
        + &variables(&[
            ("who", "kim"),
            ("word", "k3y-w"),
            ("aside", "k3y-a"),
            ("loginPw", "k3y-v"),
            ("unused", "${loginPw}"),
        ]);
    let (made, told) = made(&plan(&beside, &group(&(samplers + &write("${loginPw}", "")))));
    assert_lacks(&(made.scenario.clone() + &told), &["k3y", "4711"]);
    assert_has(
        &made.scenario,
        &[
            "who = \"kim\"",
            "path = \"/in?apiKey={apikey}&a=1\"",
            "form = { login = \"ann\", passwd = \"{passwd}\" }",
            r#"{"user":"{who}","userPin":{userpin},"pw":"{pw}"}"#,
            "X-Api-Key = \"{x_api_key}\"",
            "Cookie = \"lang=ko; JSESSIONID={jsessionid}\"",
            "/ws?session={session_}",
        ],
    );
    let line = told.lines().find(|line| line.contains("Secrets whose values")).unwrap_or_default();
    assert_has(line, &["word", "aside", "loginPw", "given", "session_", "--set NAME=VALUE"]);
    assert_lacks(line, &[" who,", "unused"]);
}

fn looped(times: &str, under: &str) -> String {
    element("LoopController", &[("LoopController.loops", times)], under)
}

/// A ten-second pause for each message of its scope.
fn timer() -> String {
    element("ConstantTimer", &[("ConstantTimer.delay", "10000")], "")
}

#[test]
fn loops_one_after_the_other_keep_their_counts() {
    let samplers = open("h", "", "/ws", "")
        + &looped("3", &(timer() + &write("sub", "")))
        + &ask("between", "")
        + &looped("100", &(timer() + &write("ping", "")));
    let (made, told) = made(&plan("", &group(&samplers)));
    assert_has(&made.scenario, &["times = 3\n", "times = 100\n"]);
    let line = told.lines().find(|line| line.contains("comes after a loop")).unwrap_or_default();
    assert_has(line, &["not taken over: line "]);
    assert_has(&told, &["sent side by side"]);
}

#[test]
fn a_group_beside_the_run_is_no_load() {
    let of = |class: &str, threads: &str, more: &[(&str, &str)]| {
        let mut properties = vec![("ThreadGroup.num_threads", threads)];
        properties.extend_from_slice(more);
        element(class, &properties, &get("/a", ""))
    };
    let groups = of("SetupThreadGroup", "1", &[])
        + &of("ThreadGroup", "10", &[])
        + &of("ThreadGroup", "30", &[("ThreadGroup.scheduler", "true"), ("ThreadGroup.duration", "60")]);
    let (made, told) = made(&plan("", &groups));
    assert_has(&made.command.join(" "), &["--sessions 40"]);
    assert_has(&told, &["2 thread groups do the same", "with other loops or another duration"]);
}

#[test]
fn members_come_from_the_first_table_by_names_that_a_scenario_has() {
    let set = |file: &str, names: &str| {
        let properties = [
            ("filename", file),
            ("variableNames", names),
            ("shareMode", "shareMode.thread"),
            ("stopThread", "true"),
            ("recycle", "true"),
        ];
        element("CSVDataSet", &properties, "")
    };
    let beside = set("a.csv", "user-name,session") + &set("b.csv", "x");
    let loops = "<elementProp name=\"ThreadGroup.main_controller\"><stringProp \
                 name=\"LoopController.loops\">5</stringProp></elementProp></ThreadGroup>";
    let group = group(&get("/${user-name}", "")).replacen("</ThreadGroup>", loops, 1);
    let text = "user_name,session_\nann,1\n";
    let beside_file = |name: &str| matches!(name, "a.csv" | "b.csv").then(|| text.to_owned());
    let made = import("p.jmx", &plan(&beside, &group), "out.toml", &beside_file).expect("imported");
    let told = made.told.join("\n");
    assert_has(&made.command.join(" "), &["--members a.csv"]);
    assert_has(
        &told,
        &[
            "put its columns into a.csv",
            "shareMode.thread",
            "after the last row",
            "takes the next row",
            "has 1 rows for 10",
        ],
    );
    assert_lacks(
        &told,
        &["b.csv has 1 rows", "put before its first line user", "replace its first line by user"],
    );
}

#[test]
fn credentials_go_where_they_belong() {
    let entry = |url: &str, password: &str| {
        format!(
            "<elementProp name=\"\"><stringProp name=\"Authorization.url\">{url}</stringProp><stringProp \
             name=\"Authorization.username\">u</stringProp><stringProp \
             name=\"Authorization.password\">{password}</stringProp></elementProp>"
        )
    };
    let manager = format!(
        "<AuthManager testname=\"auth\" enabled=\"true\"><collectionProp \
         name=\"AuthManager.auth_list\">{}{}</collectionProp></AuthManager><hashTree/>",
        entry("http://other", "not-ours"),
        entry("http://h/a", "ours-alone")
    );
    let samplers = get_of("http", "h", "", "/b") + &get_of("http", "h", "", "/a/1?k=${API_TOKEN}");
    let (made, told) = made(&plan(&(manager + &variables(&[("API_TOKEN", "t0p")])), &group(&samplers)));
    assert_lacks(&made.scenario, &["not-ours"]);
    assert_eq!(made.scenario.matches("basic_auth =").count(), 1, "{}", made.scenario);
    assert_has(
        &made.scenario,
        &["secret = [\"API_TOKEN\", \"basic_password\"]", "basic_password = \"\"\n", "API_TOKEN = \"\"\n"],
    );
    assert_has(&told, &["The authorization for http://other"]);
}

#[test]
fn what_the_test_alone_knows_is_said() {
    let sampler = element(
        "HTTPSamplerProxy",
        &[("HTTPSampler.path", "/${id}"), ("HTTPSampler.response_timeout", "${unknown}")],
        "",
    );
    let group = group(&sampler);
    let (_, told) = made(&plan(&variables(&[("id", "${__UUID}")]), &group));
    assert_has(&told, &["\"id\": JMeter computes it once", "its timeout \"${unknown}\" is not known"]);
}

#[test]
fn endless_loops_of_a_property_are_endless() {
    let samplers = open("h", "", "/ws", "") + &looped("${__P(loops,-1)}", &(timer() + &write("x", "")));
    let (_, told) = made(&plan("", &group(&samplers)));
    assert_lacks(&told, &["is not in the plan"]);
}

#[test]
fn a_fragment_is_played_by_nobody() {
    let fragment = element("TestFragmentController", &[], &element("IfController", &[], &get("/never", "")));
    let (made, told) = made(&plan(&fragment, &group(&(get("/a", "") + &fragment))));
    assert_lacks(&made.scenario, &["/never"]);
    assert_has(&told, &["nothing plays a fragment"]);
}

#[test]
fn schedules_and_other_plugins_are_named() {
    let unknown = element("org.example.OtherThreadGroup", &[("TargetLevel", "9")], &get("/a", ""));
    let (_, told) = made(&plan("", &unknown));
    assert_has(&told, &["its load is not that of a thread group", "--stage"]);
    let other = element("JMeter.plugins.functional.samplers.websocket.WebSocketSampler", &[], "");
    assert_has(&refused(&plan("", &group(&other))), &["Peter Doornbosch", "as steps"]);
}

#[test]
fn an_empty_message_is_named_and_a_file_found() {
    let file = element(
        "SingleWriteWebSocketSampler",
        &[("loadDataFromFile", "true"), ("dataFile", "${DIR}/m.json")],
        "",
    );
    let samplers = open("h", "", "/ws", "") + &write("", "") + &file;
    let (made, told) = made(&plan(&variables(&[("DIR", "data")]), &group(&samplers)));
    assert_has(&made.scenario, &["send = \"{file:data/m.json}\""]);
    assert_has(&told, &["sends an empty message"]);
}

#[test]
fn what_stands_encoded_is_encoded_once() {
    let form = "<HTTPSamplerProxy testname=\"its\" enabled=\"true\"><stringProp name=\"HTTPSampler.path\">/f</stringProp>\
                <stringProp name=\"HTTPSampler.method\">POST</stringProp><elementProp name=\"HTTPsampler.Arguments\">\
                <collectionProp name=\"Arguments.arguments\"><elementProp name=\"a\"><boolProp \
                name=\"HTTPArgument.always_encode\">false</boolProp><stringProp name=\"Argument.name\">a</stringProp>\
                <stringProp name=\"Argument.value\">a%20b%26c</stringProp></elementProp></collectionProp></elementProp>\
                </HTTPSamplerProxy>"
        .to_owned();
    let of_variable = element(
        "JSONPostProcessor",
        &[("JSONPostProcessor.referenceNames", "x;"), ("JSONPostProcessor.jsonPathExprs", "$..x;")],
        "",
    );
    let samplers = format!("{form}<hashTree>{of_variable}</hashTree>");
    let (made, told) = made(&plan("", &group(&samplers)));
    assert_has(&made.scenario, &["form = { a = \"a b&c\" }", "take = { x = "]);
    assert_has(&told, &["what stands first behind a field of this name"]);
    let of_variable = of_variable
        .replace("<stringProp", "<stringProp name=\"Sample.scope\">variable</stringProp><stringProp");
    assert_has(&refused(&plan("", &group(&get("/a", &of_variable)))), &["not from a variable"]);
}
