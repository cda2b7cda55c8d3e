//! Values of a session, from an answer or its member's row to the requests and messages that use them: one
//! session driven by hand.

use startline::fault::Blame;
use startline::scenario::Scenario;
use startline::session::Phase;

use crate::simulated::lent::Driven;

/// A GET whose keys are these, and a second one whose path shows a value.
fn two_steps(first: &str, second: &str) -> String {
    format!(
        "name = \"x\"\n[[http]]\nname = \"one\"\nmethod = \"GET\"\npath = \"/one\"\n{first}\n\
         [[http]]\nname = \"two\"\nmethod = \"GET\"\n{second}\n"
    )
}

fn answer(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn sent(driven: &Driven) -> String {
    String::from_utf8_lossy(&driven.out).into_owned()
}

/// The value of a header field in what was sent.
fn field<'r>(request: &'r str, name: &str) -> Option<&'r str> {
    let fields = request.lines().filter_map(|line| line.split_once(": "));
    fields.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[test]
fn values_come_from_any_body() {
    for (place, said) in [
        ("/data/1/id", r#"{"data":[{"id":1},{"id":"v-1"}]}"#),
        (r#"match:"sid":"([^"]+)""#, r#"0{"sid":"v-1","upgrades":[]}"#),
        (r"match:^40\{.*id=(\S+)", "40{x id=v-1 y"),
        ("after:csrf\\u0022 value=\\u0022", r#"<input name="csrf" value="v-1">"#),
        ("after:id=", "id=v-1\nid=v-2"),
    ] {
        let place = match place.starts_with("after") {
            true => format!("\"{place}\""),
            false => format!("'{place}'"),
        };
        let mut driven = Driven::playing(&two_steps(&format!("take = {{ v = {place} }}"), "path = \"/{v}\""));
        driven.receive(answer("200 OK", "", said));
        assert!(sent(&driven).starts_with("GET /v-1 HTTP/1.1\r\n"), "{place}: {}", sent(&driven));
    }
}

#[test]
fn a_value_that_no_expression_finds_is_missing() {
    let mut driven = Driven::playing(&two_steps("take = { v = 'match:id=(\\d+)' }", "path = \"/{v}\""));
    driven.receive(answer("200 OK", "", "id=none"));
    assert_eq!(driven.failure(), ("value-missing:v".into(), Blame::Server));
    let mut driven = Driven::playing(&two_steps("take = { v = '/data/id' }", "path = \"/{v}\""));
    driven.receive(answer("200 OK", "", "{\"data\":{}}"));
    assert_eq!(driven.evidence(), "nothing at /data/id in: {\"data\":{}}");
}

#[test]
fn a_form_is_encoded_and_says_what_it_is() {
    let source = two_steps(
        "take = { v = 'after:v=' }",
        "path = \"/two\"\nform = { user = \"a&b\", \"full name\" = \"{v}\", n = 3, \"id\" = \"{member_id}\" }",
    )
    .replace("name = \"two\"\nmethod = \"GET\"", "name = \"two\"\nmethod = \"POST\"");
    let mut driven = Driven::playing(&source);
    driven.receive(answer("200 OK", "", "v=x=1&y\n"));
    let request = sent(&driven);
    assert_eq!(field(&request, "Content-Type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(body(&request), "user=a%26b&full+name=x%3D1%26y&n=3&id=13");
    assert_eq!(field(&request, "Content-Length"), Some("40"));
}

#[test]
fn a_user_and_a_password_make_an_authorization() {
    let source = "name = \"x\"\n[[http]]\nname = \"a\"\nmethod = \"GET\"\npath = \"/\"\n\
                  basic_auth = { user = \"cp{member_id}\", password = \"s3cret\" }\n\
                  [websocket]\nurl = \"/ws\"\nbasic_auth = { user = \"me\", password = \"{v}\" }\n[variables]\nv = \"p:q\"\n";
    let mut driven = Driven::playing(source);
    // base64 of cp13:s3cret, and of me:p:q.
    assert_eq!(field(&sent(&driven), "Authorization"), Some("Basic Y3AxMzpzM2NyZXQ="));
    driven.receive(answer("200 OK", "", ""));
    driven.connect();
    assert_eq!(field(&sent(&driven), "Authorization"), Some("Basic bWU6cDpx"));
}

#[test]
fn filters_make_any_value_fit_where_it_stands() {
    let take = "take = { v = '/v' }";
    let second =
        "path = \"/{v|url}?q={v|form}\"\nheaders = { X = \"{v|base64}\" }\nbody = '{\"v\":\"{v|json}\"}'";
    let mut driven = Driven::playing(&two_steps(take, second));
    driven.receive(answer("200 OK", "", r#"{"v":"a \"b\"\\é"}"#));
    let request = sent(&driven);
    assert!(request.starts_with("GET /a%20%22b%22%5C%C3%A9?q=a+%22b%22%5C%C3%A9 HTTP/1.1\r\n"), "{request}");
    assert_eq!(field(&request, "X"), Some("YSAiYiJcw6k="));
    assert_eq!(body(&request), r#"{"v":"a \"b\"\\é"}"#);
}

#[test]
fn a_path_may_be_a_url_that_the_server_returned() {
    let source = two_steps("take = { next = '/next' }", "path = \"{next}&x=1\"");
    let next = |url: &str| answer("200 OK", "", &format!("{{\"next\":\"{url}\"}}"));
    let mut driven = Driven::playing(&source);
    driven.receive(next("/two?a=1"));
    assert!(
        sent(&driven).starts_with("GET /two?a=1&x=1 HTTP/1.1\r\nHost: sim:8080\r\n"),
        "{}",
        sent(&driven)
    );
    // The target by its name: the same connection.
    let mut driven = Driven::playing(&source);
    driven.receive(next("http://sim:8080/two?a=1"));
    assert!(sent(&driven).starts_with("GET /two?a=1&x=1 HTTP/1.1\r\n"), "{}", sent(&driven));
    // Another port of it: another connection.
    let mut driven = Driven::playing(&source);
    driven.receive(next("http://sim:9090/two?a=1"));
    let to = driven.commands.connect.expect("a connection");
    assert!(driven.commands.disconnect && (to.host, to.port) == (0, 9090));
    driven.connect();
    assert_eq!(field(&sent(&driven), "Host"), Some("sim:9090"));
    for (url, fault) in [
        ("http://evil.example/", "http-host-not-allowed"),
        ("//evil.example/", "url-invalid"),
        ("ftp://sim/", "url-invalid"),
        ("http://me@sim/", "url-userinfo"),
        ("http://sim/a#b", "value-unusable:next"),
    ] {
        let mut driven = Driven::playing(&source);
        driven.receive(next(url));
        assert!(driven.commands.connect.is_none() && driven.out.is_empty(), "{url}: nothing is opened");
        assert_eq!(driven.failure().0, fault, "{url}");
    }
}

#[test]
fn a_server_has_a_path_where_it_returned_the_whole_url() {
    for (url, taken, name) in [
        ("{u}?t=1", "ws://sim:8080/ws/a", "ws://sim:8080/ws/a"),
        ("{u}", "ws://sim:8080/ws/a?t=1", "ws://sim:8080/ws/a"),
        // These tell sessions apart.
        ("{u}", "/session/8f3a", "ws://sim:8080"),
        ("/session/{u}", "8f3a", "ws://sim:8080"),
        ("ws://sim:8080/session/{u}", "8f3a", "ws://sim:8080"),
        ("{u}/8f3a", "ws://sim:8080/session", "ws://sim:8080"),
    ] {
        let mut driven = Driven::playing(&format!(
            "name = \"x\"\n[[http]]\nname = \"a\"\nmethod = \"GET\"\npath = \"/\"\ntake = {{ u = '/u' }}\n\
             [websocket]\nurl = \"{url}\"\n"
        ));
        driven.receive(answer("200 OK", "", &format!("{{\"u\":\"{taken}\"}}")));
        assert_eq!(driven.server(), name, "{url} with {taken}");
    }
}

const SIGNED: &str = "headers = { Authorization = \"Bearer x\", Content-Type = \"text/plain\" }\nfollow = 2";

/// A POST with a body that follows two redirects, and has been answered so.
fn redirected(status: &str, location: &str) -> Driven {
    let source = format!(
        "name = \"x\"\ncookies = true\n[[http]]\nname = \"one\"\nmethod = \"POST\"\npath = \"/a/one?q\"\nbody = \"b\"\n{SIGNED}\n"
    );
    let mut driven = Driven::fed(&source, &[], &[]);
    assert!(sent(&driven).starts_with("POST /a/one?q HTTP/1.1\r\n"));
    driven.receive(answer(status, &format!("Location: {location}\r\nSet-Cookie: sid=1\r\n"), ""));
    driven
}

#[test]
fn a_redirect_is_followed_as_browsers_do() {
    for (status, method, content) in [
        ("301 Moved Permanently", "GET", ""),
        ("302 Found", "GET", ""),
        ("303 See Other", "GET", ""),
        ("307 Temporary Redirect", "POST", "b"),
        ("308 Permanent Redirect", "POST", "b"),
    ] {
        // On the same connection: none has to come up.
        let driven = redirected(status, "two?r#top");
        let request = sent(&driven);
        assert!(request.starts_with(&format!("{method} /a/two?r HTTP/1.1\r\n")), "{status}: {request}");
        assert_eq!(body(&request), content, "{status}");
        assert_eq!(field(&request, "Cookie"), Some("sid=1"), "{status}");
        assert_eq!(field(&request, "Authorization"), Some("Bearer x"), "{status}");
        assert_eq!(field(&request, "Content-Type").is_some(), method == "POST", "{status}");
    }
}

#[test]
fn only_so_many_redirects_are_followed() {
    let mut driven = redirected("302 Found", "/two");
    driven.receive(answer("302 Found", "Location: /three\r\n", ""));
    assert!(sent(&driven).starts_with("GET /three "));
    driven.receive(answer("302 Found", "Location: /four\r\n", ""));
    assert_eq!(driven.failure(), ("too-many-redirects".into(), Blame::Scenario));
    let mut driven = redirected("302 Found", "/two");
    driven.receive(answer("200 OK", "", ""));
    assert_eq!((driven.phase(), driven.counts().completed), (Phase::Over, 1));
}

#[test]
fn another_host_is_followed_only_where_it_is_allowed_and_not_told_who_asks() {
    let driven = redirected("307 Temporary Redirect", "http://evil.example/");
    assert!(driven.commands.connect.is_none() && driven.out.is_empty(), "no socket opens");
    assert_eq!(driven.failure(), ("http-host-not-allowed".into(), Blame::Scenario));
    let mut driven = redirected("307 Temporary Redirect", "https://other/login");
    let to = driven.commands.connect.expect("a connection");
    assert!(driven.commands.disconnect && (to.host, to.port, to.secure) == (1, 443, true));
    driven.connect();
    let request = sent(&driven);
    assert!(request.starts_with("POST /login HTTP/1.1\r\nHost: other\r\n"), "{request}");
    assert_eq!((field(&request, "Authorization"), field(&request, "Cookie")), (None, None));
    // Its cookies are its own, and back home the session is known again.
    driven.receive(answer("303 See Other", "Location: http://sim:8080/in\r\nSet-Cookie: sid=theirs\r\n", ""));
    driven.connect();
    let request = sent(&driven);
    assert!(request.starts_with("GET /in HTTP/1.1\r\nHost: sim:8080\r\n"), "{request}");
    assert_eq!((field(&request, "Authorization"), field(&request, "Cookie")), (None, Some("sid=1")));
    driven.receive(answer("200 OK", "", ""));
    assert_eq!(driven.phase(), Phase::Over);
}

#[test]
fn a_member_s_row_fills_every_template() {
    let source = two_steps("headers = { X-Role = \"{role}\" }", "path = \"/{user|url}\"\nbody = \"{pin:6}\"");
    let columns = ["user", "role", "pin", "unused"];
    let mut driven = Driven::fed(&source, &columns, &["an na", "admin", "42", "x"]);
    assert_eq!(field(&sent(&driven), "X-Role"), Some("admin"));
    driven.receive(answer("200 OK", "", ""));
    let request = sent(&driven);
    assert!(request.starts_with("GET /an%20na HTTP/1.1\r\n"), "{request}");
    assert_eq!(body(&request), "000042");
    // Without the filter its space would end the path.
    let mut driven = Driven::fed(&source.replace("|url", ""), &columns, &["an na", "admin", "42", "x"]);
    driven.receive(answer("200 OK", "", ""));
    assert_eq!(driven.failure(), ("value-unusable:user".into(), Blame::Server));
}

#[test]
fn a_row_replaces_a_variable_and_is_secret_where_it_says_who_is_asking() {
    let source = "name = \"x\"\nsecret = [\"pin\"]\n[variables]\nroom = \"lobby\"\n[[http]]\nname = \"a\"\nmethod = \"GET\"\n\
                  path = \"/{room}?t={ticket}\"\nheaders = { Cookie = \"s={sid}\", X = \"{pin}\" }\n";
    let columns = ["room", "ticket", "sid", "pin"];
    let mut driven = Driven::fed(source, &columns, &["blue", "ticket-1234", "session-1234", "pin-12345678"]);
    assert!(sent(&driven).starts_with("GET /blue?t=ticket-1234 HTTP/1.1\r\n"), "{}", sent(&driven));
    driven.receive(answer("400 Bad Request", "", "no ticket-1234, session-1234, pin-12345678 in blue"));
    assert_eq!(driven.evidence(), "no ‹ticket›, ‹sid›, ‹pin› in blue");
}

/// The payload of a client's short frame.
fn unmasked(frame: &[u8]) -> Vec<u8> {
    let length = usize::from(frame[1] & 0x7f);
    let (key, payload) = frame[2..].split_at(4);
    payload[..length].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}

const KEEPING: &str = r#"name = "x"
[[http]]
name = "login"
method = "GET"
path = "/login"
take = { token = "/token", room = "/room" }
[websocket]
url = "/ws?t={token}"
quit = '{"bye":"{room}"}'
[websocket.messages]
pong = {}
[[websocket.every]]
name = "ping"
reply = "pong"
send = '{"in":"{room}","n":{sequence}}'
interval = "1s"
timeout = "1s"
"#;

#[test]
fn a_value_that_a_later_message_uses_is_kept_and_no_other() {
    let scenario = Scenario::compile("x.toml", KEEPING, &[]).expect("it compiles");
    assert_eq!((scenario.takes, scenario.kept), (2, vec![1]));
    let mut driven = Driven::playing(KEEPING);
    driven.receive(answer("200 OK", "", r#"{"token":"token-12345","room":"r-1"}"#));
    driven.connect();
    let switching = driven.switching("Upgrade: websocket\r\nConnection: upgrade");
    driven.receive(switching);
    assert_eq!(driven.phase(), Phase::Held);
    assert_eq!(driven.kept_bytes(), 5, "its length and itself");
    driven.first_ping();
    assert_eq!(unmasked(&driven.out), br#"{"in":"r-1","n":0}"#);
    driven.close();
    assert_eq!(driven.failure().0, "closed-1006", "and nothing is kept");
}

#[test]
fn a_secret_that_is_kept_is_shown_by_its_name_where_the_peer_repeats_it() {
    let mut driven = Driven::playing(&KEEPING.replace("name = \"x\"", "name = \"x\"\nsecret = [\"room\"]"));
    driven.receive(answer("200 OK", "", r#"{"token":"token-12345","room":"room-12345"}"#));
    driven.connect();
    let switching = driven.switching("Upgrade: websocket\r\nConnection: upgrade");
    driven.receive(switching);
    let close = [&1011_u16.to_be_bytes()[..], b"gone: room-12345, token-12345"].concat();
    driven.receive(crate::frames::frame(0x88, &close));
    assert_eq!(driven.evidence(), "gone: ‹room›, token-12345", "what is not kept is not known");
}

#[test]
fn a_value_that_would_break_a_later_message_fails_before_the_session_is_open() {
    let mut driven = Driven::playing(KEEPING);
    driven.receive(answer("200 OK", "", r#"{"token":"t","room":"a\"b"}"#));
    driven.connect();
    let switching = driven.switching("Upgrade: websocket\r\nConnection: upgrade");
    driven.receive(switching);
    assert_eq!(driven.failure(), ("value-unusable:room".into(), Blame::Server));
}

#[test]
fn one_of_several_subprotocols_may_be_chosen() {
    let source = "name = \"x\"\n[[http]]\nname = \"a\"\nmethod = \"GET\"\npath = \"/\"\ntake = { t = '/t' }\n\
                  [websocket]\nurl = \"/ws\"\nsubprotocol = [\"v2\", \"token.{t}\"]\n";
    for (chosen, fits) in
        [(Some("v2"), true), (Some("token.abcdefgh"), true), (Some("v1"), false), (None, false)]
    {
        let mut driven = Driven::playing(source);
        driven.receive(answer("200 OK", "", r#"{"t":"abcdefgh"}"#));
        driven.connect();
        assert_eq!(field(&sent(&driven), "Sec-WebSocket-Protocol"), Some("v2, token.abcdefgh"));
        let chosen = chosen.map(|name| format!("\r\nSec-WebSocket-Protocol: {name}")).unwrap_or_default();
        let switching = driven.switching(&format!("Upgrade: websocket\r\nConnection: upgrade{chosen}"));
        driven.receive(switching);
        match fits {
            true => assert_eq!(driven.phase(), Phase::Held),
            false => assert_eq!(driven.failure().0, "subprotocol-refused"),
        }
    }
}
