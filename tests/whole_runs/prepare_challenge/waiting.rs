//! `--wait-ready`: until READY by the server's clock, or until somebody asks for the end.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::peer::{LOGIN, OK, Peer};
use super::server::Server;
use crate::common::http::{await_request, respond};
use crate::common::{finish, run, signal, startline};

#[test]
fn it_ends_when_the_server_says_ready() {
    // READY is 6 minutes away on a clock that runs 60 times as fast as ours.
    let server = Server::start(&["--time-zone", "UTC", "--time-scale", "60"]);
    let began = Instant::now();
    let finished = server.prepare("challenge", &["--members", "1", "--wait-ready"]);
    finished.assert_status(0);
    assert!(began.elapsed().as_secs_f64() > 3.0, "it did wait");
    assert!(finished.stdout.starts_with("challenge 1: RECRUITING"), "{}", finished.stdout);
    assert!(finished.stderr.contains("waiting for READY, in "), "{}", finished.stderr);
    assert!(finished.stderr.contains("challenge 1 is READY (the server's time is 20"), "{}", finished.stderr);
}

#[test]
fn a_signal_ends_it_and_the_number_is_there_before() {
    let server = Server::plain();
    let args = server.args("challenge", &["--members", "1", "--wait-ready", "--json"]);
    let mut child = startline().args(args).spawn().expect("the binary starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("a line");
    assert!(line.starts_with("waiting for READY, in "), "{line}");
    signal(child.id(), libc::SIGINT);
    let rest: Vec<String> = stderr.lines().map_while(Result::ok).collect();
    let finished = finish(child);
    finished.assert_status(3);
    assert_eq!(super::server::object(&finished)["id"], 1);
    assert!(rest.iter().any(|line| line.contains("challenge 1 stays")), "{rest:?}");
}

/// Creates a challenge at a server that says nothing to its last request, and is interrupted then: what was told, and how it ended.
#[track_caller]
fn interrupted(answers: usize, number: i32) -> crate::common::Finished {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let options = ["--target", &url, "--admin", "13", "--time-zone", "UTC", "--title", "look for me"];
    let mut child =
        startline().args(["prepare", "challenge"]).args(options).spawn().expect("the binary starts");
    let mut asked = Vec::new();
    for k in 0..=answers {
        let mut stream = await_request(&listener, &mut child);
        if k < answers {
            respond(&mut stream, OK, LOGIN).expect("sent");
        }
        asked.push(stream);
    }
    signal(child.id(), number);
    let at = Instant::now();
    let finished = finish(child);
    assert!(at.elapsed() < Duration::from_secs(10), "a request is waited for up to 35 s: {:?}", at.elapsed());
    assert_eq!(finished.stdout, "");
    finished
}

#[test]
fn a_signal_while_nobody_answers_ends_it_at_once() {
    for (number, name) in [(libc::SIGINT, "interrupted (SIGINT)"), (libc::SIGTERM, "asked to end (SIGTERM)")]
    {
        let finished = interrupted(0, number);
        finished.assert_status(3);
        let words = format!("error: {name} before a challenge was requested: none was created\n");
        assert_eq!(finished.stderr.trim_start(), words);
    }
}

#[test]
fn a_signal_while_it_is_being_created_says_that_it_may_be_there() {
    let finished = interrupted(1, libc::SIGINT);
    finished.assert_status(3);
    for words in [
        "error: interrupted (SIGINT) before the servers answered: the challenge may have been created\n",
        "  look for its title, \"look for me\"; member 13 is in it then\n",
    ] {
        assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
    }
}

#[test]
fn a_look_up_that_fails_is_tried_again() {
    let challenge = r#"{"data":{"challengeId":7,"status":"RECRUITING","startAt":"2026-03-01T10:11:00","endAt":"2026-03-01T11:11:00"}}"#;
    let ready: &'static str = challenge.replace("RECRUITING", "READY").leak();
    let created = ("201 Created\r\nDate: Sun, 01 Mar 2026 10:00:00 GMT", challenge);
    let peer = Peer::answering(vec![(OK, LOGIN), created, ("", ""), (OK, LOGIN), (OK, ready)]);
    let options = ["--target", &peer.url, "--admin", "13", "--time-zone", "UTC", "--wait-ready"];
    let finished = run(&[&["prepare", "challenge"], &options[..]].concat());
    finished.assert_status(0);
    assert!(
        finished.stderr.contains("the look-up failed and is retried: no answer to POST"),
        "{}",
        finished.stderr
    );
    assert!(
        finished.stderr.contains("challenge 7 is READY (the server's time is 2026-03-01 10:00:00+00:00)"),
        "{}",
        finished.stderr
    );
}
