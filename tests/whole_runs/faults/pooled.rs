//! HTTP connections that sessions share, with servers that close them whenever they like, or answer nobody.

use std::sync::atomic::Ordering;

use crate::common::peer::{Connection, Script, response};
use crate::common::played::{Played, TIMEOUT, run_with, scenario};
use crate::common::processes::free_port;
use crate::common::tls_peer::Authority;
use crate::common::{Run, eventually, finish, number, results, signal, summary};

/// This many sessions that the few connections go round many times.
const SESSIONS: u64 = 20;

/// Plays on this many shared connections of one worker.
#[track_caller]
fn sharing(connections: u32, script: Script, options: impl FnOnce(Run) -> Run) -> Played {
    run_with(script, |run| {
        let members = format!("13-{}", 12 + SESSIONS);
        let run = run.with("sessions", SESSIONS).with("members", members).with("workers", 1);
        options(run.with("http", "pooled").with("http-connections", connections))
    })
}

impl Played {
    fn http(&self, figure: &str) -> u64 {
        self.count(&format!("/http/{figure}"))
    }

    /// Every request was sent, those of closed connections twice, and the peer saw every connection that was counted.
    #[track_caller]
    fn assert_http_adds_up(&self) -> &Self {
        assert_eq!(self.http("requests"), 2 * SESSIONS + self.count("/errors/reconnected"));
        let websockets = self.count("/sessions/established");
        assert_eq!(u64::from(self.connections()), self.http("connections") + websockets);
        self
    }
}

/// Says no more on this connection after the answer, and says so.
fn last_answer(to: &mut Connection, body: &str) {
    let answer = response("200 OK", "application/json", body);
    to.send(answer.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    to.hang_up();
}

const TOKEN: &str = r#"{"data":{"accessToken":"token"}}"#;

fn ticket(to: &Connection) -> String {
    format!(r#"{{"data":{{"ticket":"t-1","wsUrl":"{}"}}}}"#, to.ws_url())
}

#[test]
fn sessions_take_turns() {
    for connections in [1, 4] {
        let played = sharing(connections, Script::good(), |run| run);
        played.assert_undisturbed().assert_http_adds_up();
        assert_eq!(played.http("shared_per_worker"), u64::from(connections));
        assert_eq!(played.http("connections"), u64::from(connections));
        assert_eq!(played.http("reused"), 2 * SESSIONS - u64::from(connections));
    }
}

/// More connections than sessions: each makes its own, as it would without a pool.
#[test]
fn more_connections_than_sessions() {
    let played = sharing(1_000, Script::good(), |run| run);
    played.assert_undisturbed().assert_http_adds_up();
    assert_eq!((played.http("connections"), played.http("waited")), (SESSIONS, 0));
}

#[test]
fn closed_after_each_answer() {
    let script = Script::good().login(|to| last_answer(to, TOKEN)).enter(|to| {
        let ticket = ticket(to);
        last_answer(to, &ticket);
    });
    let played = sharing(2, script, |run| run);
    played.assert_undisturbed().assert_http_adds_up();
    assert_eq!((played.http("connections"), played.http("reused")), (2 * SESSIONS, 0));
}

/// Without a word: while they lie idle, or just as the next session sends its request.
#[test]
fn closed_between_two_sessions() {
    for connections in [1, 3] {
        let script = Script::good().enter(|to| {
            let ticket = ticket(to);
            to.json(&ticket);
            to.hang_up();
        });
        let played = sharing(connections, script, |run| run.with("ramp", "500ms"));
        played.assert_undisturbed().assert_http_adds_up();
        assert_eq!(played.http("connections"), SESSIONS, "each session finds its predecessor's closed");
    }
}

/// A connection takes one session's requests and hangs up at the next one's, before any byte of an answer.
#[test]
fn closed_at_the_next_request() {
    let script = Script::good().login(|to| {
        match to.note.is_empty() {
            true => to.json(TOKEN),
            false => to.hang_up(),
        }
        to.note = "used".to_owned();
    });
    let played = sharing(1, script, |run| run);
    // Each had read the login of the next, which may have taken effect.
    assert_eq!(played.kinds(), [("closed-early".to_owned(), SESSIONS / 2)]);
    assert_eq!(played.count("/errors/reconnected"), 0);
    assert_eq!(played.http("connections"), SESSIONS / 2);
}

/// An answer to a request that nobody made must be no session's.
#[test]
fn unasked_bytes_behind_an_answer() {
    let script = Script::good().enter(|to| {
        let body = ticket(to);
        let unasked = response("200 OK", "application/json", TOKEN);
        to.send(response("200 OK", "application/json", &body) + &unasked);
    });
    let played = sharing(2, script, |run| run);
    played.assert_undisturbed().assert_http_adds_up();
    assert_eq!(played.http("connections"), SESSIONS, "none is used again");
}

#[test]
fn a_refusal_leaves_the_connection_in_use() {
    let script = Script::good().enter(|to| to.answer("409 Conflict", "application/json", "{}"));
    let played = sharing(1, script, |run| run);
    played.assert_all_failed("enter", "http-409", "server");
    played.assert_http_adds_up();
    assert_eq!(played.http("connections"), 1);
}

#[test]
fn nobody_listens() {
    let target = format!("http://127.0.0.1:{}", free_port());
    let played = sharing(1, Script::good(), |run| run.with("target", target));
    played.assert_all_failed("login", "connect-refused", "network");
}

#[test]
fn answers_cut_short() {
    let script = Script::good().login(|to| {
        to.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":");
        to.hang_up();
    });
    let played = sharing(2, script, |run| run);
    played.assert_all_failed("login", "body-truncated", "server");
}

/// One connection, on which nothing is ever answered: who has it finds the server slow, who waits finds the pool small.
#[test]
fn no_connection_in_time() {
    let played = sharing(1, Script::good().login(Connection::fall_silent), |run| run.with("ramp", "0"));
    let busy = ("http-connections-busy".to_owned(), SESSIONS - 1);
    assert_eq!(played.kinds(), [busy, ("timeout".to_owned(), 1)], "{}", played.finished.stdout);
    assert_eq!(played.count("/errors/by_blame/machine"), SESSIONS - 1);
    assert!(played.finished.text().contains("raise --http-connections"), "{}", played.finished.stdout);
}

#[test]
fn over_tls() {
    let authority = Authority::new();
    let temp = tempfile::tempdir().expect("a directory");
    let ca = authority.file(&temp);
    let script = Script::good().secured(authority.good().config());
    let played = sharing(2, script, |run| run.with("ca", ca.display()));
    played.assert_undisturbed().assert_http_adds_up();
    assert_eq!((played.http("connections"), played.http("reused")), (2, 2 * SESSIONS - 2));
    assert_eq!(played.count("/tls/full"), SESSIONS + 2, "no session has a TLS session of its own to resume");
    assert_eq!(played.count("/tls/resumed"), 0);
    assert!(played.finished.stderr.contains("no resumption, since HTTP connections are shared"));
}

#[test]
fn over_tls_closed_between_two_sessions() {
    let authority = Authority::new();
    let temp = tempfile::tempdir().expect("a directory");
    let ca = authority.file(&temp);
    let script = Script::good().secured(authority.good().config()).enter(|to| {
        let ticket = ticket(to);
        to.json(&ticket);
        to.hang_up();
    });
    let played = sharing(2, script, |run| run.with("ca", ca.display()).with("ramp", "500ms"));
    played.assert_undisturbed().assert_http_adds_up();
    assert_eq!(played.http("connections"), SESSIONS);
}

/// Joining members: nothing but HTTP, and so nothing that outlives it.
#[test]
fn without_a_websocket() {
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("join.toml");
    let source = "name = \"join\"\n\
                  [[http]]\nname = \"login\"\nmethod = \"POST\"\npath = \"/test-login\"\ntimeout = \"5s\"\n\
                  [[http]]\nname = \"join\"\nmethod = \"POST\"\npath = \"/enter\"\ntimeout = \"5s\"\n";
    std::fs::write(&file, source).expect("written");
    let played = sharing(2, Script::good(), |run| {
        let run = run.without("hold").without("ramp-down").without("ping-interval").without("pong-timeout");
        run.with("scenario", file.display())
    });
    assert_eq!(played.count("/sessions/completed"), SESSIONS, "{}", played.finished.stdout);
    assert_eq!(played.kinds(), []);
    played.assert_http_adds_up();
    assert_eq!(played.http("connections"), 2);
}

/// Whoever waits when the run is stopped is let go as those are who have a connection.
#[test]
fn stopped_while_most_wait() {
    let peer = Script::good().login(Connection::fall_silent).start();
    let temp = tempfile::tempdir().expect("a directory");
    let (file, out) = (temp.path().join("s.toml"), results(&temp));
    // Long enough that nobody's time is over before the signal comes.
    std::fs::write(&file, scenario().replace(TIMEOUT, "60s")).expect("written");
    let run = Run::against(&peer.url(), 30, &out).with("scenario", file.display());
    let child = run.with("ramp", "100ms").with("http", "pooled").with("http-connections", 1).start();
    eventually("the first request", || peer.seen.connections.load(Ordering::Relaxed) > 0);
    eventually("all have started", || {
        std::fs::read_to_string(out.join("summary.json"))
            .ok()
            .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok())
            .is_some_and(|summary| summary["sessions"]["started"] == 30)
    });
    signal(child.id(), libc::SIGINT);
    let finished = finish(child);
    finished.assert_status(3);
    let summary = summary(&out);
    assert_eq!(number(&summary, "/errors/total"), 0.0, "{:#}", summary["errors"]);
    assert!(!finished.stderr.contains("defect"), "{}", finished.stderr);
    assert_eq!(summary["ending"], "stopped");
}

/// What each session takes and is given stays its own, whoever had the connection before.
#[test]
fn tokens_and_tickets_stay_with_their_sessions() {
    let script = Script::good()
        .login(|to| {
            let member = to.head.split("memberId=").nth(1).and_then(|rest| rest.split(' ').next());
            let token = format!("token-of-{}", member.unwrap_or_default());
            to.json(&format!(r#"{{"data":{{"accessToken":"{token}"}}}}"#));
            to.note = token;
        })
        .enter(|to| match to.head.contains(&format!("Bearer {}\r\n", to.note)) {
            true => {
                let ticket = ticket(to);
                to.json(&ticket);
            }
            false => to.answer("401 Unauthorized", "text/plain", "another's token"),
        });
    sharing(3, script, |run| run).assert_undisturbed();
}
