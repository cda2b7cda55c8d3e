//! Answers to HTTP requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::common::let_pass;
use crate::common::peer::{Script, response};
use crate::common::played::{SESSIONS, against};

const TOKEN: &str = r#"{"data":{"accessToken":"token"}}"#;

#[test]
fn http_400() {
    let script = Script::good().login(|to| to.answer("400 Bad Request", "application/json", "{}"));
    against(script).assert_all_failed("login", "http-400", "server");
}

#[test]
fn http_404() {
    let script = Script::good().enter(|to| to.answer("404 Not Found", "text/plain", "nothing here"));
    against(script).assert_all_failed("enter", "http-404", "server");
}

#[test]
fn http_500() {
    let script = Script::good().enter(|to| to.answer("500 Internal Server Error", "text/plain", "oops"));
    let played = against(script);
    played.assert_all_failed("enter", "http-500", "server");
    assert!(played.evidence().contains("oops"));
}

#[test]
fn html_body_where_json_is_wanted() {
    let script = Script::good().login(|to| to.answer("200 OK", "text/html", "<html>welcome</html>"));
    let played = against(script);
    played.assert_all_failed("login", "body-not-json", "server");
    assert!(played.evidence().contains("<html>welcome</html>"));
}

#[test]
fn html_body_of_a_proxy_s_502() {
    let script =
        Script::good().login(|to| to.answer("502 Bad Gateway", "text/html", "<h1>502 Bad Gateway</h1>"));
    against(script).assert_all_failed("login", "nginx-502", "server");
}

#[test]
fn empty_body() {
    let script = Script::good().login(|to| to.send(response("200 OK", "application/json", "")));
    against(script).assert_all_failed("login", "body-not-json", "server");
}

#[test]
fn problem_details() {
    let body = r#"{"type":"about:blank","title":"Conflict","status":409,"detail":"already in"}"#;
    let script = Script::good().enter(move |to| to.answer("409 Conflict", "application/problem+json", body));
    let played = against(script);
    played.assert_all_failed("enter", "http-409", "server");
    assert!(played.evidence().contains("already in"), "{}", played.evidence());
}

#[test]
fn truncated_body() {
    let script = Script::good().login(|to| {
        to.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":");
        to.hang_up();
    });
    against(script).assert_all_failed("login", "body-truncated", "server");
}

#[test]
fn truncated_head() {
    let script = Script::good().login(|to| {
        to.send("HTTP/1.1 200 OK\r\nContent-Le");
        to.hang_up();
    });
    against(script).assert_all_failed("login", "closed-early", "server");
}

#[test]
fn body_of_64_mb() {
    let script = Script::good().login(|to| {
        to.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 64 << 20));
        let megabyte = vec![b' '; 1 << 20];
        (0..64).for_each(|_| to.send(&megabyte));
    });
    let played = against(script);
    // Dropped as it came: what is kept is bounded. Where nothing is received in time, the step's timeout ends it.
    let kind = played.kinds()[0].0.clone();
    assert!(["body-too-large", "timeout"].contains(&kind.as_str()), "{kind}");
    played.assert_all_failed("login", &kind, "server");
    assert!(played.count("/generator/rss_bytes") < 40 << 20, "{:#}", played.summary["generator"]);
}

#[test]
fn chunked_with_trailers() {
    let script = Script::good().login(|to| {
        to.send(format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5;name=value\r\n{}\r\n{:x}\r\n{}\r\n0\r\nX-Sum: 1\r\n\r\n",
            &TOKEN[..5],
            TOKEN.len() - 5,
            &TOKEN[5..]
        ));
    });
    let played = against(script);
    played.assert_undisturbed();
    assert_eq!(played.connections(), 2 * SESSIONS, "the connection carried both requests");
}

#[test]
fn one_hundred_continue_before_the_answer() {
    let script = Script::good().login(|to| {
        to.send("HTTP/1.1 100 Continue\r\n\r\n");
        to.json(TOKEN);
    });
    against(script).assert_undisturbed();
}

#[test]
fn header_of_64_kb() {
    let script = Script::good().login(|to| {
        to.send(format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(64 << 10)));
    });
    against(script).assert_all_failed("login", "http-head-too-large", "server");
}

#[test]
fn slow_byte_by_byte() {
    let script =
        Script::good().login(|to| to.send_byte_by_byte(response("200 OK", "application/json", TOKEN)));
    against(script).assert_undisturbed();
}

#[test]
fn slower_than_the_timeout() {
    let script = Script::good().login(|to| {
        to.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
        to.fall_silent();
    });
    against(script).assert_all_failed("login", "timeout", "server");
}

#[test]
fn connection_closed_between_requests() {
    let script = Script::good().login(|to| {
        // The answer and the end in one packet: the end is there before the next request.
        socket2::SockRef::from(&to.stream).set_tcp_cork(true).expect("an option of every TCP socket");
        to.json(TOKEN);
        to.hang_up();
    });
    let played = against(script);
    played.assert_undisturbed();
    assert_eq!(played.count("/errors/reconnected"), 0, "nothing was sent twice");
    assert_eq!(played.connections(), 3 * SESSIONS, "one more for the second request");
}

#[test]
fn a_request_that_was_read_is_not_sent_again() {
    let asked = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&asked);
    let script = Script::good().enter(move |to| {
        seen.fetch_add(1, Ordering::Relaxed);
        to.hang_up();
    });
    let played = against(script);
    played.assert_all_failed("enter", "closed-early", "server");
    assert_eq!((asked.load(Ordering::Relaxed), played.count("/errors/reconnected")), (SESSIONS, 0));
}

/// The second answer lies in the socket's buffer when the next request is due.
#[test]
fn an_answer_that_nobody_asked_for_is_no_request_s() {
    let script = Script::good().login(|to| {
        let evil = response(
            "200 OK",
            "application/json",
            r#"{"data":{"ticket":"evil","wsUrl":"ws://evil.invalid/"}}"#,
        );
        to.send(response("200 OK", "application/json", TOKEN) + &evil);
    });
    let played = against(script);
    played.assert_undisturbed();
    assert_eq!(played.connections(), 3 * SESSIONS, "one more for the second request");
}

#[test]
fn too_many_header_fields() {
    let script = Script::good().login(|to| {
        to.send(format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "A: b\r\n".repeat(100)));
    });
    against(script).assert_all_failed("login", "http-too-many-fields", "server");
}

#[test]
fn two_lengths() {
    let script = Script::good().login(|to| {
        to.send(
            response("200 OK", "application/json", TOKEN)
                .replace("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\n"),
        );
    });
    against(script).assert_all_failed("login", "http-framing", "server");
}

#[test]
fn a_coding_that_is_not_known() {
    let script = Script::good().login(|to| {
        to.send(response("200 OK", "application/json\r\nContent-Encoding: br", TOKEN));
    });
    against(script).assert_all_failed("login", "body-coding", "server");
}

#[test]
fn connection_closed_instead_of_an_answer() {
    let script = Script::good().login(|to| to.hang_up());
    against(script).assert_all_failed("login", "closed-early", "server");
}

#[test]
fn not_http_at_all() {
    let script = Script::good().login(|to| to.send("SSH-2.0-OpenSSH_9.2\r\n"));
    against(script).assert_all_failed("login", "http-malformed", "server");
}

#[test]
fn an_answer_that_is_late_but_in_time() {
    let script = Script::good().login(|to| {
        let_pass(Duration::from_millis(150));
        to.json(TOKEN);
    });
    let played = against(script);
    played.assert_undisturbed();
    assert!(played.count("/steps/login/min_ms") >= 150, "{:#}", played.summary["steps"]["login"]);
}
