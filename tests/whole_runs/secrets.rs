//! Secrets are in no output of a run, however a server repeats them; other values are.

use std::fs;
use std::path::Path;

use crate::common::peer::{CONNECTED, Connection, Peer, Script};
use crate::common::{Finished, finish, startline, text};

/// What nobody may read, by where it comes from.
const FROM_ENVIRONMENT: &str = "env-0123/4567+89=";
const FROM_FILE: &str = "file-\"quoted\"-0123456789";
const FROM_SET_FILE: &str = "set-file-0123456789";
const LISTED: &str = "listed-0123456789";
const TYPED: &str = "typed-0123456789";
const LITERAL: &str = "literal-0123456789";
const TOKEN: &str = "token-eyJhbGciOi0123456789";
const ORDER: &str = "order-0123456789";
const TICKET: &str = "ticket-0123456789";
const COOKIE: &str = "cookie-0123456789";
const SECRETS: [&str; 10] =
    [FROM_ENVIRONMENT, FROM_FILE, FROM_SET_FILE, LISTED, TYPED, LITERAL, TOKEN, ORDER, TICKET, COOKIE];
/// Taken, and no secret.
const PLAIN: &str = "plain-0123456789";

const SCENARIO: &str = r#"
name = "secrets"
cookies = true
secret = ["listed", "typed", "order"]
[variables]
environment = "{env:STARTLINE_TEST_SECRET}"
set_file = ""
listed = "listed-0123456789"
typed = ""
key = "literal-0123456789"
[[http]]
name = "login"
method = "POST"
path = "/test-login?a={set_file}"
headers = { X-A = "{environment}", X-C = "{listed}", X-D = "{typed}", Authorization = "Key {key}" }
body = "{file:key.txt}"
take = { token = "/token", order = "/order", plain = "/plain" }
[[http]]
name = "enter"
method = "POST"
path = "/enter/{plain}"
headers = { Authorization = "Bearer {token}" }
take = { ticket = "/ticket" }
[websocket]
url = "/ws/{order}/{plain}?ticket={ticket}"
[websocket.messages]
CONNECTED = {}
PONG = {}
ERROR = "error"
[[websocket.steps]]
name = "open"
await = "CONNECTED"
timeout = "5s"
[[websocket.every]]
name = "ping"
send = '{"type":"PING"}'
reply = "PONG"
interval = "200ms"
timeout = "1s"
[[criteria]]
name = "errors"
measure = "errors.rate"
below = 0.5
"#;

/// Everything that it knows, as JSON and as a URL would have it.
fn everything() -> String {
    let percent = FROM_ENVIRONMENT.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D");
    let all = SECRETS.map(|secret| secret.replace('"', "\\\"")).join(" ");
    format!("{{\"type\":\"ERROR\",\"message\":\"{all} {percent} {PLAIN} \u{202e}\"}}")
}

fn good() -> Script {
    Script::good()
        .login(|to| {
            // The body comes with it; a request's head is all that the peer reads by itself.
            let body = format!(r#"{{"token":"{TOKEN}","order":"{ORDER}","plain":"{PLAIN}"}}"#);
            to.send(format!(
                "HTTP/1.1 200 OK\r\nSet-Cookie: sid={COOKIE}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            ));
            to.hang_up();
        })
        .enter(|to| to.json(&format!(r#"{{"ticket":"{TICKET}"}}"#)))
}

/// Runs against it, and returns all that it wrote and printed.
fn outputs(place: &Path, peer: &Peer, args: &[&str]) -> (Finished, String) {
    let scenario = place.join("secrets.toml");
    fs::write(&scenario, SCENARIO).expect("written");
    fs::write(place.join("key.txt"), format!("{FROM_FILE}\r\n")).expect("written");
    fs::write(place.join("set.txt"), format!("{FROM_SET_FILE}\n")).expect("written");
    let out = place.join("results");
    let mut command = startline();
    command.args(["run", "--target", &peer.url(), "--sessions", "2", "--ramp", "10ms", "--hold", "1s"]);
    command.args(["--ramp-down", "0", "--lag-limit", "30s", "--out", text(&out)]).args(args);
    let finished =
        finish(command.env("STARTLINE_TEST_SECRET", FROM_ENVIRONMENT).spawn().expect("the binary starts"));
    let mut all = format!("{}{}", finished.stdout, finished.stderr);
    for file in fs::read_dir(&out).into_iter().flatten().flatten() {
        all.push_str(&fs::read_to_string(file.path()).expect("text"));
    }
    (finished, all)
}

fn typed(place: &Path) -> [String; 3] {
    let set_file = format!("set_file={}", place.join("set.txt").display());
    [text(&place.join("secrets.toml")).to_owned(), set_file, format!("typed={TYPED}")]
}

/// No secret is in it, whole or without its first or last bytes.
#[track_caller]
fn assert_hidden(all: &str) {
    for secret in SECRETS {
        assert!(!all.contains(secret), "{secret} is in {all}");
        let escaped = secret.replace('"', "\\\"");
        assert!(
            !all.contains(&escaped) && !all.contains(&escaped.replace('\\', "\\\\")),
            "{secret} is in {all}"
        );
    }
    assert!(!all.contains("env-0123%2F"), "{all}");
    assert!(!all.contains(['\u{202e}', '\u{9b}']), "{all}");
}

#[track_caller]
fn play(script: Script, args: &[&str], names: &[&str]) {
    let peer = script.start();
    let temp = tempfile::tempdir().expect("a directory");
    let [scenario, set_file, typed] = typed(temp.path());
    let given = ["--scenario", &scenario, "--set-file", &set_file, "--set", &typed];
    let (_, all) = outputs(temp.path(), &peer, &[&given, args].concat());
    assert_hidden(&all);
    assert!(all.contains(PLAIN), "other values stay readable: {all}");
    for name in names {
        assert!(all.contains(&format!("‹{name}›")), "{name} is not in {all}");
    }
}

/// Tries it with one session, and returns all that is printed.
fn tried(script: Script, args: &[&str]) -> String {
    let peer = script.start();
    let temp = tempfile::tempdir().expect("a directory");
    let [scenario, set_file, typed] = typed(temp.path());
    fs::write(temp.path().join("secrets.toml"), SCENARIO).expect("written");
    fs::write(temp.path().join("key.txt"), format!("{FROM_FILE}\r\n")).expect("written");
    fs::write(temp.path().join("set.txt"), format!("{FROM_SET_FILE}\n")).expect("written");
    let mut command = startline();
    command.args(["try", &scenario, "--target", &peer.url(), "--set-file", &set_file, "--set", &typed]);
    command.args(args).env("STARTLINE_TEST_SECRET", FROM_ENVIRONMENT);
    let finished = finish(command.spawn().expect("the binary starts"));
    format!("{}{}", finished.stdout, finished.stderr)
}

#[test]
fn a_session_that_is_tried_shows_none() {
    let everything = |to: &mut Connection| to.text(&everything());
    for args in [&[][..], &["-v"], &["--json"]] {
        let all = tried(good(), args);
        assert_hidden(&all);
        assert!(all.contains(PLAIN) && all.contains("‹ticket›"), "{all}");
        assert_hidden(&tried(good().opened(everything), args));
    }
    let all = tried(good(), &["-v"]);
    for name in ["environment", "listed", "typed", "set_file", "key.txt", "token", "sid"] {
        assert!(all.contains(&format!("‹{name}›")), "{name} is not in {all}");
    }
}

const CONSTANTS: [&str; 6] = ["STARTLINE_TEST_SECRET", "key.txt", "set_file", "listed", "typed", "key"];

#[test]
fn a_refused_request_repeats_none() {
    let refused = |to: &mut Connection| {
        // What it has not given out yet nobody else can know.
        let body = format!("{}{}", everything().replace(TICKET, ""), to.head);
        to.answer("500 Internal Server Error", "text/plain", &body);
    };
    play(good().enter(refused), &[], &[&CONSTANTS[..], &["token", "sid", "order"]].concat());
    play(good().enter(refused), &["--json"], &["token"]);
}

#[test]
fn an_answer_that_is_cut_repeats_none() {
    let cut = |to: &mut Connection| {
        to.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{{\"plain\":\"{PLAIN}\",\"token\":\"{TOKEN}"
        ));
        to.hang_up();
    };
    play(good().login(cut), &[], &["token"]);
}

#[test]
fn an_upgrade_that_is_refused_repeats_none() {
    let refused = |to: &mut Connection| {
        let body = format!("{}{}", everything(), to.head);
        to.answer("403 Forbidden", "text/plain", &body);
    };
    play(good().upgrade(refused), &[], &["ticket", "order"]);
}

#[test]
fn an_error_before_a_session_is_open_repeats_none() {
    play(
        good().opened(|to| to.text(&everything())),
        &[],
        &[&CONSTANTS[..], &["token", "ticket", "sid"]].concat(),
    );
    // The same in two frames, in two packets.
    let split = |to: &mut Connection| {
        let all = everything();
        let (one, two) = all.split_at(40);
        to.frame(0x01, one.as_bytes());
        crate::common::let_pass(std::time::Duration::from_millis(100));
        to.frame(0x80, two.as_bytes());
    };
    let peer = good().opened(split).start();
    let temp = tempfile::tempdir().expect("a directory");
    let [scenario, set_file, typed] = typed(temp.path());
    let given = ["--scenario", &scenario, "--set-file", &set_file, "--set", &typed];
    assert_hidden(&outputs(temp.path(), &peer, &given).1);
}

#[test]
fn an_error_in_the_hold_repeats_no_constant() {
    let constants =
        format!("{{\"type\":\"ERROR\",\"message\":\"{LISTED} {TYPED} {FROM_SET_FILE} {PLAIN}\"}}");
    let script = good().opened(move |to| {
        to.text(CONNECTED);
        to.text(&constants);
    });
    play(script, &[], &["listed", "typed", "set_file"]);
}

#[test]
fn a_plan_repeats_the_run_and_names_where_its_secrets_are() {
    let peer = good().start();
    let temp = tempfile::tempdir().expect("a directory");
    let [scenario, set_file, typed] = typed(temp.path());
    let given = ["--scenario", &scenario, "--set-file", &set_file, "--set", &typed];
    let (first, all) = outputs(temp.path(), &peer, &given);
    first.assert_status(0);
    assert_hidden(&all);
    let plan = temp.path().join("plan.toml");
    fs::rename(temp.path().join("results/plan.toml"), &plan).expect("a plan");
    let plan_text = fs::read_to_string(&plan).expect("text");
    for source in ["{env:STARTLINE_TEST_SECRET}", "{file:key.txt}", "set.txt"] {
        assert!(plan_text.contains(source), "{source} is not in {plan_text}");
    }
    fs::remove_dir_all(temp.path().join("results")).expect("removed");

    let plan = text(&plan).to_owned();
    // What was typed is nowhere; what stands in the scenario's file still does.
    let (refused, _) = outputs(temp.path(), &peer, &["--plan", &plan]);
    refused.assert_status(2);
    assert!(refused.stderr.contains("--set-file typed=PATH"), "{}", refused.stderr);
    let (again, all) = outputs(temp.path(), &peer, &["--plan", &plan, "--set", &typed]);
    again.assert_status(0);
    assert_hidden(&all);
}

#[test]
fn a_check_shows_no_secret() {
    let temp = tempfile::tempdir().expect("a directory");
    let [scenario, set_file, typed] = typed(temp.path());
    fs::write(&scenario, SCENARIO).expect("written");
    fs::write(temp.path().join("key.txt"), FROM_FILE).expect("written");
    fs::write(temp.path().join("set.txt"), FROM_SET_FILE).expect("written");
    let mut check = startline();
    check.args(["scenario", "check", &scenario, "--set-file", &set_file, "--set", &typed]);
    let checked =
        finish(check.env("STARTLINE_TEST_SECRET", FROM_ENVIRONMENT).spawn().expect("the binary starts"));
    checked.assert_status(0);
    let shown = checked.stdout;
    assert_hidden(&shown);
    assert!(shown.contains("‹set_file›") && shown.contains("<ticket>"), "{shown}");
}
