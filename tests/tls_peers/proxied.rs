//! Whole runs through nginx: everyone gets in, hears of everyone, stays; and TLS is what both sides were told to speak.

use serde_json::{Value, json};

use crate::common::{Run, number, results, summary};
use crate::nginx::Proxied;
use crate::tools::{Certified, Key};

/// Sessions of a run that is about its handshakes.
const FEW: u32 = 40;

/// A run through nginx with these directives and options; everyone has to get in and stay.
#[track_caller]
fn play(proxied: &Proxied, sessions: u32, options: impl FnOnce(Run) -> Run) -> Value {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let finished = options(proxied.run(sessions, &out)).finish();
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    assert!(out.join("summary.json").is_file(), "{}\n{}", finished.stdout, finished.stderr);
    let summary = summary(&out);
    assert_all_held(&summary, sessions);
    summary
}

#[track_caller]
fn few(directives: &str, options: impl FnOnce(Run) -> Run) -> Value {
    play(&Proxied::start(directives), FEW, options)
}

#[track_caller]
fn assert_all_held(summary: &Value, sessions: u32) {
    let count = |pointer: &str| number(summary, pointer) as u64;
    let all = u64::from(sessions);
    assert_eq!(count("/errors/total"), 0, "{:#}", summary["errors"]);
    assert_eq!(count("/errors/messages"), 0, "{:#}", summary["errors"]);
    assert_eq!((count("/sessions/established"), count("/sessions/held_to_end")), (all, all));
    assert_eq!(count("/sessions/failed"), 0);
    assert_eq!(count("/ledger/observers"), all, "{:#}", summary["ledger"]);
    let told = (count("/ledger/expected"), count("/ledger/missing"), count("/ledger/strangers"));
    assert_eq!(told, (all * (all - 1), 0, 0), "{:#}", summary["ledger"]);
    let settled = count("/ping/answered") + count("/ping/pending");
    assert_eq!(count("/ping/sent"), settled, "{:#}", summary["ping"]);
    assert!(count("/ping/answered") >= all, "{:#}", summary["ping"]);
    assert_eq!(
        count("/tls/full") + count("/tls/resumed"),
        count("/http/connections") + all,
        "HTTP and WebSocket: {:#}",
        summary["tls"]
    );
}

/// Full and resumed handshakes.
#[track_caller]
fn handshakes(summary: &Value) -> (u64, u64) {
    (number(summary, "/tls/full") as u64, number(summary, "/tls/resumed") as u64)
}

const HALF_RESUMED: (u64, u64) = (FEW as u64, FEW as u64);
const ALL_FULL: (u64, u64) = (2 * FEW as u64, 0);

#[test]
fn everyone_gets_in_is_told_of_everyone_and_stays() {
    let sessions = 200;
    let summary = play(&Proxied::start(""), sessions, |run| {
        run.with("ramp", "2s").with("hold", "4s").with("ping-interval", "1s")
    });
    assert_eq!(handshakes(&summary), (200, 200), "{:#}", summary["tls"]);
    assert_eq!(summary["tls"]["versions"], json!({ "TLS 1.3": 400 }));
    assert_eq!(summary["tls"]["suites"], json!({ "TLS_AES_128_GCM_SHA256": 400 }));
    assert_eq!(summary["tls"]["key_exchanges"], json!({ "X25519": 400 }));
    assert_eq!(summary["tls"]["insecure"], false);
    // OpenSSL hands out two after a full handshake, and one after a resumed one.
    assert_eq!(number(&summary, "/tls/tickets") as u64, 600);
    assert_eq!(number(&summary, "/tls/key_updates") as u64, 0);
}

#[test]
fn without_resumption_every_handshake_is_full() {
    let summary = few("", |run| run.flag("no-tls-resumption"));
    assert_eq!(handshakes(&summary), ALL_FULL);
}

/// nginx ends a connection with its seventh answer, and says so: as often as not between a session's two requests.
#[test]
fn shared_connections_are_replaced_as_the_proxy_closes_them() {
    let shared = |run: Run| run.with("http", "pooled").with("http-connections", 3).with("workers", 1);
    let summary = few("keepalive_requests 7;", shared);
    let connections = number(&summary, "/http/connections") as u64;
    assert!((12..FEW.into()).contains(&connections), "{:#}", summary["http"]);
    assert_eq!(number(&summary, "/http/requests") as u64, 2 * u64::from(FEW), "{:#}", summary["http"]);
    assert_eq!(handshakes(&summary), (connections + u64::from(FEW), 0), "nobody has a session of their own");
}

#[test]
fn each_suite_is_spoken_alone() {
    let proxied = Proxied::start("");
    let suites = [
        ("aes128", "TLS_AES_128_GCM_SHA256"),
        ("aes256", "TLS_AES_256_GCM_SHA384"),
        ("chacha20", "TLS_CHACHA20_POLY1305_SHA256"),
    ];
    for (option, name) in suites {
        let summary =
            play(&proxied, FEW, |run| run.with("tls-suites", option).with("members", members(option)));
        assert_eq!(summary["tls"]["suites"], json!({ name: 2 * FEW }));
        assert_eq!(handshakes(&summary), HALF_RESUMED);
    }
}

/// Fresh members for each run: who has been in before is a re-entry.
fn members(option: &str) -> &'static str {
    match option {
        "aes128" => "13-52",
        "aes256" => "113-152",
        _ => "213-252",
    }
}

#[test]
fn a_suite_that_only_the_server_insists_on_is_taken() {
    let summary = few("ssl_conf_command Ciphersuites TLS_CHACHA20_POLY1305_SHA256;", |run| run);
    assert_eq!(summary["tls"]["suites"], json!({ "TLS_CHACHA20_POLY1305_SHA256": 2 * FEW }));
}

/// OpenSSL knows the hybrid from 3.5 on; earlier ones take the X25519 that is offered beside it.
#[test]
fn a_post_quantum_offer_is_taken_or_passed_over() {
    let summary = few("", |run| run.with("tls-key-exchange", "x25519mlkem768"));
    let groups = summary["tls"]["key_exchanges"].as_object().expect("an object");
    let (name, count) = groups.iter().next().expect("one");
    assert!(groups.len() == 1 && ["X25519", "X25519MLKEM768"].contains(&name.as_str()), "{groups:?}");
    assert_eq!(count, 2 * FEW);
    assert_eq!(handshakes(&summary), HALF_RESUMED);
}

#[test]
fn tls_1_2_is_held_and_resumed() {
    for key in [Key::P256, Key::Rsa2048] {
        let proxied = Proxied::with(Certified::with(key), "ssl_protocols TLSv1.2;");
        let summary = play(&proxied, FEW, |run| run);
        assert_eq!(summary["tls"]["versions"], json!({ "TLS 1.2": 2 * FEW }));
        assert_eq!(handshakes(&summary), HALF_RESUMED, "by tickets");
    }
}

#[test]
fn without_tickets_and_cache_nothing_is_resumed() {
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let directives = format!("ssl_protocols {protocol}; ssl_session_tickets off;");
        assert_eq!(handshakes(&few(&directives, |run| run)), ALL_FULL, "{protocol}");
    }
}

#[test]
fn what_is_in_the_server_s_cache_is_resumed_without_tickets() {
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let directives = format!(
            "ssl_protocols {protocol}; ssl_session_tickets off; ssl_session_cache shared:sessions:1m;"
        );
        assert_eq!(handshakes(&few(&directives, |run| run)), HALF_RESUMED, "{protocol}");
    }
}

/// CONNECTED lists up to 249 members in some 23 KB. nginx cuts answers at `ssl_buffer_size` and WebSockets at `proxy_buffer_size`.
#[test]
fn long_messages_in_records_of_any_size() {
    let sizes = [("1k", "1k"), ("16k", "64k")];
    for (answers, frames) in sizes {
        let directives = format!(
            "ssl_buffer_size {answers}; proxy_buffer_size {frames}; proxy_buffers 8 {frames}; proxy_busy_buffers_size {frames};"
        );
        let summary = play(&Proxied::start(&directives), 250, |run| run.with("ramp", "2s"));
        assert_eq!(number(&summary, "/messages/by_type/CONNECTED") as u64, 250, "{:#}", summary["messages"]);
    }
}
