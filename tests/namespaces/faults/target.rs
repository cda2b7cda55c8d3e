//! Targets that cannot be reached. What needs a network of its own makes one: an empty network namespace, in which nothing goes
//! anywhere.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::short_run;
use crate::common::http::{await_request, respond};
use crate::common::peer::Script;
use crate::common::played::run_with;
use crate::common::processes::free_port;
use crate::common::{Run, finish, results, signal};
use crate::isolated::{HOW_TO_INSTALL, isolated};

/// The binary and nothing else.
const PLAIN: &str = "exec \"$0\" \"$@\"";

#[test]
fn target_refused() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let played = run_with(Script::good(), |run| run.with("target", url));
    played.assert_all_failed("login", "connect-refused", "network");
}

#[test]
fn target_refused_at_the_look_up() {
    let temp = tempfile::tempdir().expect("a directory");
    let url = format!("http://127.0.0.1:{}", free_port());
    let finished = Run::against(&url, 3, &results(&temp)).finish();
    finished.assert_status(3);
    assert!(finished.stderr.contains("the challenge could not be looked up"), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("check that the target is up and its port right"),
        "{}",
        finished.stderr
    );
}

fn answer(stream: &mut TcpStream, body: &str) {
    respond(stream, "200 OK", body).expect("sent");
}

/// A request takes up to 35 s where nobody answers.
#[track_caller]
fn assert_ends_at_once(child: Child, words: &str) {
    signal(child.id(), libc::SIGINT);
    let at = Instant::now();
    let finished = finish(child);
    assert!(at.elapsed() < Duration::from_secs(15), "{:?}", at.elapsed());
    finished.assert_status(3);
    assert!(finished.stderr.contains("ending: nothing has been loaded yet"), "{}", finished.stderr);
    assert!(finished.stderr.contains(words), "{}", finished.stderr);
}

#[test]
fn target_silent_at_the_look_up_is_not_waited_for_after_a_signal() {
    let temp = tempfile::tempdir().expect("a directory");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let mut child = Run::against(&url, 3, &results(&temp)).start();
    let _silent = await_request(&listener, &mut child);
    assert_ends_at_once(
        child,
        "error: interrupted (SIGINT) during the look-up of the challenge: nothing was loaded",
    );
}

#[test]
fn target_silent_while_ready_is_awaited_is_not_waited_for_after_a_signal() {
    let temp = tempfile::tempdir().expect("a directory");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let mut child = Run::against(&url, 3, &results(&temp)).flag("wait-ready").start();
    answer(&mut await_request(&listener, &mut child), r#"{"data":{"accessToken":"t"}}"#);
    let times = r#""startAt":"2999-03-01T10:11:00","endAt":"2999-03-01T11:11:00""#;
    answer(
        &mut await_request(&listener, &mut child),
        &format!(r#"{{"data":{{"challengeId":38,"status":"RECRUITING",{times}}}}}"#),
    );
    let _silent = await_request(&listener, &mut child);
    assert_ends_at_once(child, "stopped while waiting for READY; nothing was loaded");
}

/// A listener that nobody can connect to any more, and what fills its accept queue: the kernel drops further SYNs (listen(2)).
fn full() -> (TcpListener, Vec<TcpStream>) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    socket.listen(0).expect("it listens");
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().expect("an address");
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
        assert!(waiting.len() < 100, "its queue has no end");
        waiting.push(stream);
    }
    (listener, waiting)
}

#[test]
fn target_whose_accept_queue_is_full() {
    let (listener, _waiting) = full();
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let played = run_with(Script::good(), |run| {
        run.with("target", url)
            .with("members", "13-16")
            .with("sessions", 4)
            .and("source-ip", "127.0.8.1")
            .and("source-ip", "127.0.8.2")
    });
    played.assert_all_failed("login", "connect-timeout", "network");
    let generator = &played.summary["generator"];
    let two_each = serde_json::json!({ "127.0.8.1": 2, "127.0.8.2": 2 });
    assert_eq!(generator["connections_by_source"], two_each);
    assert_eq!(generator["unanswered_by_source"], two_each);
    let told = "nothing answered 2 from 127.0.8.1, 2 from 127.0.8.2";
    assert!(played.finished.stdout.contains(told), "{}", played.finished.stdout);
    let failures = std::fs::read_to_string(played.out.join("failures.jsonl")).expect("samples");
    for source in ["\"from 127.0.8.1:", "\"from 127.0.8.2:"] {
        assert_eq!(failures.lines().filter(|line| line.contains(source)).count(), 2, "{failures}");
    }
}

/// A target that nothing leads to is refused before anything is loaded; a host that WebSockets are led to is warned of.
#[test]
fn target_unreachable() {
    let temp = tempfile::tempdir().expect("a directory");
    let options = ["--allow-host", "10.9.8.7", "--ws-map", "ws://127.0.0.1:8080=ws://10.9.8.7:8080"];
    let (finished, summary) = short_run(&temp, "", "http://127.0.0.1:8080", &options);
    assert_eq!(summary["errors"]["by_kind"]["unreachable"], 6, "{:#}", summary["errors"]);
    assert_eq!(summary["errors"]["by_blame"]["network"], 6);
    let warning = "warning: routes to the target: there is no route to another host that WebSockets may go to, 10.9.8.7: ";
    assert!(finished.stderr.contains(warning), "{}", finished.stderr);
}

#[test]
fn target_s_name_not_resolving() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let child = isolated(PLAIN)
        .args([
            "run",
            "--target",
            "http://no-such-host.invalid",
            "--members",
            "13-15",
            "--challenge",
            "38",
            "--out",
        ])
        .arg(&out)
        .spawn()
        .expect(HOW_TO_INSTALL);
    let finished = finish(child);
    finished.assert_status(2);
    assert!(
        finished.stderr.contains("the target's host \"no-such-host.invalid\" cannot be resolved"),
        "{}",
        finished.stderr
    );
    assert!(!out.exists(), "nothing was begun");
}

/// A name with two addresses, at one of which nobody listens: every session gets through by the other.
#[test]
fn target_with_several_addresses() {
    let temp = tempfile::tempdir().expect("a directory");
    let hosts = temp.path().join("hosts");
    std::fs::write(&hosts, "127.0.0.3 runnity.test\n127.0.0.1 runnity.test\n").expect("written");
    let before = format!("mount --bind {} /etc/hosts || exit 9", hosts.display());
    let shared = ["--http", "pooled", "--http-connections", "2", "--workers", "1"];
    for options in [&[][..], &shared] {
        let options = [&["--allow-host", "127.0.0.1"], options].concat();
        let _ = std::fs::remove_dir_all(results(&temp));
        let (finished, summary) = short_run(&temp, &before, "http://runnity.test:8080", &options);
        finished.assert_status(0);
        assert_eq!(summary["sessions"]["held_to_end"], 6, "{:#}", summary["errors"]);
        assert_eq!(summary["errors"]["total"], 0);
    }
}
