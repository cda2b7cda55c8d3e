//! `startline try`: what one session sends and receives is shown, and where it stops, and why.

use std::process::Command;

use regex::Regex;
use serde_json::Value;

use crate::common::peer::{Connection, Script};
use crate::common::processes::free_port;
use crate::common::served::Served;
use crate::common::{DEADLINE, Finished, Run, finish, let_pass, results, run, signal, startline};
use crate::foreign::chat::{self, Manners};
use crate::foreign::echo::{self, Answering};

/// Instants, times, ports and timestamps are another ones each time.
fn steady(text: &str) -> String {
    let mut steady = text.to_owned();
    for (pattern, by) in [
        (r"(?m)^ +\d+\.\d{3} ", "   0.000 "),
        (r" at \d+\.\d{3} s", " at 0.000 s"),
        (r"after \d+\.\d+ m?s", "after N ms"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"\d{13}", "MILLIS"),
        (r"/ws/ws\d", "/ws/wsN"),
        (r"\(\d\d B\)", "(NN B)"),
    ] {
        steady = Regex::new(pattern).expect("a pattern").replace_all(&steady, by).into_owned();
    }
    steady
}

fn tried(args: &[&str]) -> Finished {
    run(&[&["try"], args].concat())
}

/// Against a server of the test's, quickly.
fn against(script: Script, args: &[&str]) -> Finished {
    let peer = script.start();
    let url = peer.url();
    tried(&[&["--target", url.as_str(), "--members", "13", "--challenge", "38"], &QUICK[..], args].concat())
}

const QUICK: [&str; 4] = ["--ping-interval", "200ms", "--pong-timeout", "2s"];

#[test]
fn a_good_session_is_shown_from_its_login_to_its_close() {
    let finished = tried(&QUICK);
    finished.assert_status(0);
    let shown = steady(&finished.stdout);
    let expected = r#"runnity: member 13, challenge 1, http://127.0.0.1:PORT (built-in mock server)

   0.000 login     connecting to 127.0.0.1:PORT
   0.000 login   > POST /api/v1/auth/test-login?memberId=13
   0.000 login   < 200 OK, 579 B after N ms
                   {"isSuccess":true,"code":200,"message":"요청에 성공했습니다.…
                   access_token = ‹access_token› (210 B)
   0.000 enter   > POST /api/v1/challenges/1/enter
   0.000 enter   < 200 OK, 209 B after N ms
                   {"isSuccess":true,"code":200,"message":"요청에 성공했습니다.…
                   ticket = ‹ticket› (NN B)
                   ws_url = ws://127.0.0.1:PORT/ws/wsN (NN B)
   0.000 connect   connecting to 127.0.0.1:PORT
   0.000 connect > GET ws://127.0.0.1:PORT/ws/wsN?ticket=‹ticket›
   0.000 connect < 101 Switching Protocols after N ms
   0.000 open    < CONNECTED (/type = "CONNECTED"), 186 B
                   {"type":"CONNECTED","challengeId":1,"userId":13,"me":{"userI…
   0.000 open    ✓ open after N ms
   0.000 ping    > {"type":"PING","timestamp":MILLIS}
   0.000         < PONG (/type = "PONG"), 41 B
                   {"type":"PONG","timestamp":MILLIS}
   0.000 ping    ✓ ping after N ms
   0.000 close   > close 1000
   0.000 close   < close 1000

✓ Every step succeeded.
  Member 13 has left, and may enter again.
"#;
    // The ports' digits decide what fits.
    let body = Regex::new(r"enter   < 200 OK, 2\d\d B").expect("a pattern");
    assert_eq!(body.replace(&shown, "enter   < 200 OK, 209 B"), expected);
}

#[test]
fn a_failure_ends_it_with_the_reason_and_advice() {
    let finished = against(
        Script::good().opened(|to| {
            to.text(r#"{"type":"ERROR","errorCode":"INVALID_TICKET"}"#);
            to.frame(0x88, &1008_u16.to_be_bytes());
        }),
        &[],
    );
    finished.assert_status(1);
    let shown = steady(&finished.stdout);
    let end = shown.split_once("open    < ERROR").expect("the message that ended it").1;
    let expected = r#" (/type = "ERROR"), 45 B
                   {"type":"ERROR","errorCode":"INVALID_TICKET"}
   0.000 open    ✗ INVALID_TICKET
   0.000 close   > close 1000

✗ open failed at 0.000 s: INVALID_TICKET (blame: server)
  {"type":"ERROR","errorCode":"INVALID_TICKET"}
→ The server returned an error that the scenario names; see the scenario's
  notes on it.
  Member 13 is locked out: enter marked it as in, and its WebSocket reached no
  server. Try another member (--members).
"#;
    assert_eq!(end, expected);
}

#[test]
fn an_expired_ticket_and_a_wrong_member_are_named() {
    let served = Served::start(&["--ready", "--ticket-ttl", "0s"]);
    let target = ["--target", &served.url, "--challenge", "38"];
    let expired = tried(&[&target[..], &["--members", "13"]].concat());
    expired.assert_status(1);
    assert!(expired.stdout.contains("✗ open failed at"), "{}", expired.stdout);
    assert!(expired.stdout.contains(": INVALID_TICKET (blame: server)"), "{}", expired.stdout);
    let wrong = tried(&[&target[..], &["--members", "99"]].concat());
    wrong.assert_status(1);
    assert!(wrong.stdout.contains(": MEMBER_NOT_FOUND (blame: scenario)"), "{}", wrong.stdout);
    assert!(wrong.stdout.contains("Member 99 has not entered."), "{}", wrong.stdout);
}

#[test]
fn a_port_where_nobody_listens_and_the_wrong_scheme_are_named() {
    let port = free_port();
    let target = |scheme: &str, address: &str| {
        let url = format!("{scheme}://{address}");
        tried(&["--target", &url, "--members", "13", "--challenge", "38"])
    };
    let closed = target("http", &format!("127.0.0.1:{port}"));
    closed.assert_status(1);
    assert!(closed.stdout.contains("✗ login failed at"), "{}", closed.stdout);
    assert!(closed.stdout.contains(": connect-refused (blame: network)"), "{}", closed.stdout);
    let plain = Served::ready();
    let not_tls = target("https", plain.address());
    not_tls.assert_status(1);
    assert!(not_tls.stdout.contains(": tls-not-tls (blame: server)"), "{}", not_tls.stdout);
    let secure = Served::start(&["--ready", "--tls"]);
    let untrusted = target("https", secure.address());
    untrusted.assert_status(1);
    assert!(untrusted.stdout.contains(": tls-untrusted (blame: scenario)"), "{}", untrusted.stdout);
    let not_plain = target("http", secure.address());
    not_plain.assert_status(1);
    assert!(not_plain.stdout.contains(": http-400 (blame: server)"), "{}", not_plain.stdout);
}

#[test]
fn a_secure_session_is_tried_as_a_run_plays_it() {
    let served = Served::start(&["--ready", "--tls"]);
    let target = ["--target", &served.url, "--insecure", "--members", "13", "--challenge", "38"];
    let finished = tried(&[&target[..], &QUICK].concat());
    finished.assert_status(0);
    let shown = steady(&finished.stdout);
    assert!(shown.contains("   0.000 login     TLS 1.3\n"), "{shown}");
    assert!(shown.contains("   0.000 connect   TLS 1.3, resumed\n"), "{shown}");
    assert!(shown.contains("ping    ✓ ping after N ms\n"), "{shown}");
}

#[test]
fn waits_end_by_the_scenario_s_own_timeouts() {
    let silent = against(Script::good().opened(|to| to.text(r#"{"type":"HELLO"}"#)), &["--set", "unused=1"]);
    // A variable that is not there is refused before anything is opened.
    silent.assert_status(2);
    assert_eq!(silent.stdout, "");
    let no_pong = against(Script::good().ping(|_| {}), &["--pong-timeout", "300ms"]);
    no_pong.assert_status(1);
    assert!(no_pong.stdout.contains("✗ ping failed at"), "{}", no_pong.stdout);
    assert!(no_pong.stdout.contains("close   < close 1000"), "it closes all the same: {}", no_pong.stdout);
    assert!(no_pong.stdout.contains("Member 13 has left, and may enter again."), "{}", no_pong.stdout);
}

#[test]
fn a_server_that_hangs_up_leaves_its_member_for_a_while() {
    let finished = against(
        Script::good().opened(|to| {
            to.text(crate::common::peer::CONNECTED);
            to.hang_up();
        }),
        &[],
    );
    finished.assert_status(1);
    assert!(finished.stdout.contains("✗ hold failed at"), "{}", finished.stdout);
    assert!(finished.text().contains("once the server has noticed that its connection is gone"));
}

#[test]
fn it_stays_open_for_as_long_as_is_asked() {
    let finished = against(Script::good(), &["--for", "1s", "--json"]);
    finished.assert_status(0);
    let events: Vec<Value> = finished
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect();
    let of = |event: &str| -> Vec<&Value> { events.iter().filter(|it| it["event"] == event).collect() };
    let pings = of("sent").iter().filter(|sent| sent["step"] == "ping").count();
    assert!(pings >= 4, "{pings} of 5 PINGs in a second");
    let closed = events.iter().rfind(|it| it["frame"] == "close").expect("a close frame");
    assert!(closed["at_s"].as_f64().expect("seconds") >= 1.0, "{closed}");
    let received = of("received")[0];
    assert_eq!(
        (&received["kind"], &received["rule"]),
        (&"CONNECTED".into(), &"/type = \"CONNECTED\"".into())
    );
    assert_eq!(received["text"], crate::common::peer::CONNECTED);
    assert_eq!(of("request")[0]["line"], "POST /api/v1/auth/test-login?memberId=13");
    assert_eq!(of("answer")[0]["status"], 200);
    assert_eq!(of("took")[0]["value"], "‹access_token›");
    let end = events.last().expect("an end");
    assert_eq!((&end["event"], &end["passed"]), (&"end".into(), &true.into()));
}

#[test]
fn headers_and_whole_bodies_are_shown_on_request() {
    let short = against(Script::good(), &[]);
    assert!(!short.stdout.contains("User-Agent"), "{}", short.stdout);
    let finished = against(Script::good(), &["-v"]);
    finished.assert_status(0);
    for line in ["Authorization: Bearer ‹access_token›\n", "Upgrade: websocket\n", "User-Agent: startline/"]
    {
        assert!(finished.stdout.contains(line), "{line:?} is not in {}", finished.stdout);
    }
}

#[test]
fn nothing_is_wider_than_eighty_columns() {
    let long =
        |to: &mut Connection| to.text(&format!(r#"{{"type":"CONNECTED","me":"{}"}}"#, "가".repeat(500)));
    for args in [&[][..], &["-v"]] {
        let finished = against(Script::good().opened(long), args);
        finished.assert_status(0);
        for line in finished.stdout.lines() {
            assert!(textwrap::core::display_width(line) <= 80, "{line}");
        }
    }
}

#[test]
fn a_message_of_no_kind_is_shown_as_such() {
    let finished = against(
        Script::good().opened(|to| {
            to.text("not JSON at all");
            to.frame(0x89, b"beat");
            to.text(crate::common::peer::CONNECTED);
        }),
        &[],
    );
    finished.assert_status(0);
    let shown = steady(&finished.stdout);
    assert!(
        shown.contains("open    < other (no kind matches), 15 B\n                   not JSON at all\n"),
        "{shown}"
    );
    assert!(shown.contains("open    < ping frame, payload beat\n"), "{shown}");
    assert!(shown.contains("> pong frame, payload beat\n"), "{shown}");
}

#[test]
fn a_websocket_alone_is_tried_with_protocol_pings() {
    let url = format!("{}/socket?token=secret-0123456789", echo::start(Answering::Same));
    let finished = tried(&[&[url.as_str()], &["--every", "ping.interval=200ms"][..]].concat());
    finished.assert_status(0);
    let shown = steady(&finished.stdout);
    let expected = r#"plain: member 13, ws://127.0.0.1:PORT

   0.000 connect   connecting to 127.0.0.1:PORT
   0.000 connect > GET /socket‹query›
   0.000 connect < 101 Switching Protocols after N ms
   0.000 open    ✓ open after N ms
   0.000 ping    > ping frame, payload 0-0
   0.000         < pong frame, payload 0-0
   0.000 ping    ✓ ping after N ms
   0.000 close   > close 1000
   0.000 close   < close 1000

✓ Every step succeeded.
"#;
    assert_eq!(shown, expected);
}

#[test]
fn a_brace_that_nothing_has_is_named_at_the_start() {
    let url = echo::start(Answering::Same);
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("mine.toml");
    let text = run(&["scenario", "show", "echo"]).stdout.replace("{now_ms}", "{channel}");
    std::fs::write(&file, text).expect("a scenario");
    let file = file.to_str().expect("a path");
    let finished = tried(&["--scenario", file, "--target", &url, "--every", "ping.interval=200ms"]);
    finished.assert_status(0);
    let warning = "\nwarning: {channel} is sent as written: no variable, taken value or column of";
    assert!(finished.stdout.contains(warning), "{}", finished.stdout);
    let json = tried(&["--scenario", file, "--target", &url, "--every", "ping.interval=200ms", "--json"]);
    let first: Value = serde_json::from_str(json.stdout.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["event"], "warning");
    assert!(first["text"].as_str().is_some_and(|text| text.starts_with("{channel} is sent as written")));
}

/// Of the built-in echo with something else in it.
fn of_echo(from: &str, to: &str, args: &[&str]) -> Finished {
    let url = echo::start(Answering::Same);
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("mine.toml");
    let text = run(&["scenario", "show", "echo"]).stdout;
    assert!(text.contains(from), "{text}");
    std::fs::write(&file, text.replace(from, to)).expect("a scenario");
    tried(&[&[file.to_str().expect("a path"), "--target", &url], args].concat())
}

#[test]
fn a_message_that_has_the_awaited_values_elsewhere_is_explained() {
    let steps = "[[websocket.steps]]\nname = \"join\"\nsend = '[\"x\",{\"ev\":\"joined\"}]'\nawait = \"joined\"\n\
                 timeout = \"300ms\"\n\n[websocket.messages]\njoined = { fields = { \"/ev\" = \"joined\" } }\n\n\
                 [[websocket.every]]";
    let finished = of_echo("[[websocket.every]]", steps, &[]);
    finished.assert_status(1);
    let note = "\n                   /1/ev has \"joined\", which the kind \"joined\" wants at /ev\n";
    assert!(finished.stdout.contains(note), "{}", finished.stdout);
    let shown = finished.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let advice = "→ /1/ev has \"joined\", which the kind \"joined\" wants at /ev. Messages came";
    assert!(shown.contains("no-kind-matched") && shown.contains(advice), "{}", finished.stdout);
}

#[test]
fn a_step_that_only_sends_is_named_beside_what_it_sends() {
    let step = "[[websocket.steps]]\nname = \"hello\"\nsend = \"good day\"\n\n[[websocket.every]]";
    let finished = of_echo("[[websocket.every]]", step, &["--every", "ping.interval=200ms"]);
    assert!(finished.stdout.contains(" hello   > good day\n"), "{}", finished.stdout);
}

#[test]
fn what_a_share_of_the_sessions_sends_is_tried() {
    let share = "interval = \"200ms\"\nshare = 0.0001\n# ";
    let finished = of_echo("interval = ", share, &[]);
    finished.assert_status(0);
    assert!(finished.stdout.contains("✓ ping after"), "{}", finished.stdout);
}

#[test]
fn cookies_that_are_set_and_not_kept_are_named_where_a_step_fails() {
    let url = chat::start(Manners::default());
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("mine.toml");
    let text = run(&["scenario", "show", "chat"]).stdout.replace("cookies = true", "");
    std::fs::write(&file, text).expect("a scenario");
    let file = file.to_str().expect("a path");
    let finished = tried(&["--scenario", file, "--target", &url]);
    finished.assert_status(1);
    let shown = finished.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let hint = "which the session does not send back: cookies = true at the top of the file does that.";
    assert!(shown.contains("The server set the cookie \"") && shown.contains(hint), "{}", finished.stdout);
}

#[test]
fn a_member_of_a_file_is_called_by_its_name() {
    let url = echo::start(Answering::Same);
    let temp = tempfile::tempdir().expect("a directory");
    let members = temp.path().join("users.csv");
    std::fs::write(&members, "user\nanna\nben\n").expect("members");
    let members = members.to_str().expect("a path");
    let finished = tried(&["echo", "--target", &url, "--members", members, "--every", "ping.interval=200ms"]);
    finished.assert_status(0);
    assert!(finished.stdout.starts_with("echo: member anna, "), "{}", finished.stdout);
}

#[test]
fn an_echo_is_tried_and_a_failed_run_names_the_command() {
    let url = echo::start(Answering::Same);
    let finished = tried(&["echo", "--target", &url, "--every", "ping.interval=200ms"]);
    finished.assert_status(0);
    assert!(finished.stdout.contains("ping    > 0 0 "), "{}", finished.stdout);
    assert!(finished.stdout.contains("        < 0 0 "), "{}", finished.stdout);
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let served = Served::start(&["--ready", "--ticket-ttl", "0s"]);
    let failed = Run::against(&served.url, 3, &out).finish();
    failed.assert_status(1);
    let command = failed.stdout.lines().find(|line| line.contains("startline try --plan "));
    let args: Vec<&str> = command.expect("a command").split_whitespace().skip(2).collect();
    let again = tried(&args);
    again.assert_status(1);
    assert!(again.stdout.starts_with("runnity: member 1"), "{}", again.stdout);
    // The run has used it up.
    assert!(again.stdout.contains("✗ enter failed at"), "{}", again.stdout);
    assert!(again.stdout.contains(": INVALID_PARTICIPATION_STATUS (blame: scenario)"), "{}", again.stdout);
}

#[test]
fn a_signal_closes_the_session() {
    let peer = Script::good().start();
    let mut command: Command = startline();
    command.args(["try", "--target", &peer.url(), "--members", "13", "--challenge", "38", "--for", "10m"]);
    let child = command.spawn().expect("the binary starts");
    let id = child.id();
    let seen = std::sync::Arc::clone(&peer.seen);
    crate::common::eventually("a connection for the WebSocket", || {
        seen.connections.load(std::sync::atomic::Ordering::Relaxed) >= 2
    });
    let_pass(std::time::Duration::from_millis(300));
    signal(id, libc::SIGINT);
    let began = std::time::Instant::now();
    let finished = finish(child);
    finished.assert_status(3);
    assert!(began.elapsed() < DEADLINE / 4, "it does not wait for the ten minutes");
    assert!(finished.stdout.contains("close   < close 1000"), "{}", finished.stdout);
    assert!(!finished.stdout.contains("Every step"), "{}", finished.stdout);
}
