//! Handshakes that fail: in the HTTP connection (step `login`) and in the WebSocket's own (step `connect`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, SanType, date_time_ymd};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ServerConfig};

use crate::common::peer::{Connection, Script};
use crate::common::played::{Played, SESSIONS, run_with};
use crate::common::tls_peer::{
    ALERT, Authority, HANDSHAKE, Presented, handing_out, header_of, in_either_connection, run_secured,
};
use crate::common::{Run, results};

/// Plays against a server with this configuration, by either way to a handshake, and checks how every session failed.
#[track_caller]
fn assert_refused(authority: &Authority, tls: &Arc<ServerConfig>, kind: &str, blame: &str, evidence: &str) {
    let first = run_secured(authority, Script::good().secured(Arc::clone(tls)));
    assert_failed(&first, "login", kind, blame, evidence);
    let other = Script::good().secured(Arc::clone(tls)).start().address;
    assert_failed(&run_secured(authority, handing_out(other)), "connect", kind, blame, evidence);
}

#[track_caller]
fn assert_failed(played: &Played, step: &str, kind: &str, blame: &str, evidence: &str) {
    played.assert_all_failed(step, kind, blame);
    assert!(played.evidence().contains(evidence), "{}", played.evidence());
    assert_eq!(played.summary["errors"]["by_blame"][blame], SESSIONS);
    let burned = if step == "connect" { SESSIONS } else { 0 };
    assert_eq!(played.count("/errors/member_burned"), u64::from(burned), "a ticket was in hand");
}

#[test]
fn untrusted_and_no_ca_given() {
    let temp = tempfile::tempdir().expect("a directory");
    let system = Authority::named("the system's").file(&temp);
    let server = Script::good().secured(Authority::new().good().config());
    let played = run_with(server, |run| run.variable("SSL_CERT_FILE", system.display()));
    assert_failed(&played, "login", "tls-untrusted", "scenario", "is not among the CAs that are trusted");
    assert!(played.finished.text().contains("--ca FILE"), "{}", played.finished.stdout);
}

/// The look-up before a run fails first, and says what the run would.
#[test]
fn untrusted_at_the_look_up() {
    let peer = Script::good().secured(Authority::new().good().config()).start();
    let temp = tempfile::tempdir().expect("a directory");
    let ca = Authority::named("another").file(&temp);
    let finished = Run::against(&peer.url(), 3, &results(&temp)).with("ca", ca.display()).finish();
    finished.assert_status(3);
    assert!(finished.stderr.contains("the challenge could not be looked up"), "{}", finished.stderr);
    assert!(finished.stderr.contains("--ca FILE"), "{}", finished.stderr);
}

#[test]
fn a_ca_that_is_not_the_servers() {
    let (given, other) = (Authority::new(), Authority::named("another"));
    let evidence =
        "its issuer's certificate (CN=another) was not sent and is not among the CAs that are trusted";
    assert_refused(&given, &other.good().config(), "tls-untrusted", "scenario", evidence);
}

/// The file is of the CA's last life: same name, another key.
#[test]
fn untrusted_since_the_ca_was_made_anew() {
    let (given, anew) = (Authority::new(), Authority::new());
    assert_refused(&given, &anew.good().config(), "tls-untrusted", "scenario", "has another key");
}

#[test]
fn self_signed() {
    let tls = Presented::self_signed(IsCa::NoCa).config();
    assert_refused(&Authority::new(), &tls, "tls-untrusted", "scenario", "it signs itself");
}

#[test]
fn self_signed_as_openssl_req_makes_them() {
    let tls = Presented::self_signed(IsCa::Ca(BasicConstraints::Unconstrained)).config();
    assert_refused(&Authority::new(), &tls, "tls-certificate-invalid", "server", "CA:TRUE");
}

#[test]
fn expired() {
    let authority = Authority::new();
    let tls = authority.signed(|params| params.not_after = date_time_ymd(2021, 3, 4)).config();
    assert_refused(&authority, &tls, "tls-expired", "server", "it ended at 2021-03-04");
}

#[test]
fn not_yet_valid() {
    let authority = Authority::new();
    let tls = authority.signed(|params| params.not_before = date_time_ymd(2999, 1, 1)).config();
    assert_refused(&authority, &tls, "tls-expired", "server", "it begins at 2999-01-01");
}

#[test]
fn wrong_name() {
    let authority = Authority::new();
    let name = SanType::DnsName("runnity.example".try_into().expect("a name"));
    let tls = authority.signed(|params| params.subject_alt_names = vec![name]).config();
    let evidence = "it is for runnity.example, not for 127.0.0.1";
    assert_refused(&authority, &tls, "tls-wrong-name", "scenario", evidence);
}

#[test]
fn a_client_s_certificate() {
    let authority = Authority::new();
    let client = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let tls = authority.signed(client).config();
    assert_refused(&authority, &tls, "tls-certificate-invalid", "server", "it is not for servers");
}

#[test]
fn an_address_that_is_written_as_a_name() {
    let authority = Authority::new();
    let name = SanType::DnsName("127.0.0.1".try_into().expect("a name"));
    let tls = authority.signed(|params| params.subject_alt_names = vec![name]).config();
    assert_refused(&authority, &tls, "tls-certificate-invalid", "server", "it has 127.0.0.1 as a DNS name");
}

#[test]
fn any_of_these_is_taken_when_asked_to() {
    let tls = Presented::self_signed(IsCa::NoCa).config();
    run_with(Script::good().secured(tls), |run| run.flag("insecure")).assert_undisturbed();
}

#[test]
fn version_too_old() {
    for minor in [1, 2] {
        // A ServerHello as TLS 1.0 and 1.1 have it: random, no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
        let mut hello = vec![2, 0, 0, 38, 3, minor];
        hello.extend([7; 32]);
        hello.extend([0, 0, 0x2f, 0]);
        let act = move |to: &mut Connection| {
            to.more();
            to.send_plain(HANDSHAKE, &hello);
            to.fall_silent();
        };
        in_either_connection(act, |played, step| {
            assert_failed(played, step, "tls-version", "server", "server does not support tls12");
        });
    }
}

#[test]
fn version_refused_by_an_alert() {
    in_either_connection(alerting(70), |played, step| {
        assert_failed(played, step, "tls-version", "server", "protocol-version");
    });
}

#[test]
fn no_common_suite() {
    in_either_connection(alerting(40), |played, step| {
        assert_failed(played, step, "tls-no-common-suite", "server", "handshake-failure");
    });
}

/// What the server lacks is one thing; what was not offered since it was so asked is another.
#[test]
fn no_common_suite_since_one_alone_is_offered() {
    let authority = Authority::new();
    let temp = tempfile::tempdir().expect("a directory");
    let only_128 = authority.good().config_of(&[&TLS13], Some(CipherSuite::TLS13_AES_128_GCM_SHA256));
    let only_12 = authority.good().config_of(&[&TLS12], None);
    for (tls, evidence) in [(only_128, "handshake-failure"), (only_12, "protocol-version")] {
        let played = run_with(Script::good().secured(tls), |run| {
            run.with("ca", authority.file(&temp).display()).with("tls-suites", "aes256")
        });
        assert_failed(&played, "login", "tls-offer-too-narrow", "scenario", evidence);
        assert!(played.finished.stdout.contains("--tls-suites"), "{}", played.finished.stdout);
    }
}

#[test]
fn handshake_timeout() {
    in_either_connection(Connection::fall_silent, |played, step| {
        assert_failed(played, step, "tls-handshake-timeout", "server", "");
    });
}

#[test]
fn closed_in_mid_handshake() {
    let act = |to: &mut Connection| {
        to.more();
        to.hang_up();
    };
    in_either_connection(act, |played, step| {
        assert_failed(played, step, "tls-handshake-closed", "server", "");
    });
}

/// A record of a length that only TLS 1.2 allows for, of which most comes and then nothing.
#[test]
fn closed_within_a_record() {
    let act = |to: &mut Connection| {
        to.more();
        to.send_raw(header_of(HANDSHAKE, 18_000));
        to.send_raw([0; 17_500]);
        to.hang_up();
    };
    in_either_connection(act, |played, step| {
        assert_failed(played, step, "tls-handshake-closed", "server", "");
    });
}

#[test]
fn reset_in_mid_handshake() {
    let act = |to: &mut Connection| {
        to.more();
        to.cut();
    };
    in_either_connection(act, |played, step| {
        assert_failed(played, step, "tls-handshake-reset", "network", "");
    });
}

#[test]
fn plain_http_answered() {
    let act = |to: &mut Connection| {
        to.more();
        to.answer("400 Bad Request", "text/plain", "This combination of host and port requires http.");
        to.fall_silent();
    };
    in_either_connection(act, |played, step| {
        assert_failed(played, step, "tls-not-tls", "server", "HTTP/1.1 400 Bad Request");
    });
}

#[test]
fn garbage_answered() {
    let act = |to: &mut Connection| {
        to.more();
        to.send_raw("SSH-2.0-OpenSSH_9.7\r\n");
        to.fall_silent();
    };
    in_either_connection(act, |played, step| {
        assert_failed(played, step, "tls-not-tls", "server", "SSH-2.0-OpenSSH_9.7");
    });
}

#[test]
fn garbage_within_a_record() {
    let act = |to: &mut Connection| {
        to.more();
        to.send_plain(HANDSHAKE, &[2, 0, 0, 4, 9, 9, 9, 9]);
        to.fall_silent();
    };
    in_either_connection(act, |played, step| {
        assert_failed(played, step, "tls-handshake-invalid", "server", "");
    });
}

#[test]
fn a_record_too_long() {
    let act = |to: &mut Connection| {
        to.more();
        to.send_raw(header_of(HANDSHAKE, 20_000));
        to.fall_silent();
    };
    in_either_connection(act, |played, step| {
        assert_failed(played, step, "tls-record:record-overflow", "server", "");
    });
}

/// `http://` where TLS is spoken: what comes back is an alert, which is no HTTP.
#[test]
fn plain_http_asked() {
    let tls = Authority::new().good().config();
    let there = Script::good().secured(tls).start().address;
    let played = run_with(Script::good(), |run| run.with("target", format!("http://{there}")));
    played.assert_all_failed("login", "http-malformed", "server");
}

/// Answers a hello by a fatal alert.
fn alerting(number: u8) -> impl Fn(&mut Connection) + Clone + Send + Sync + 'static {
    move |to| {
        to.more();
        to.send_plain(ALERT, &[2, number]);
        to.fall_silent();
    }
}

/// RFC 8446, section 6, with those of earlier versions, and one that has no name.
const ALERTS: [(u8, &str); 36] = [
    (0, "tls-handshake-closed"),
    (10, "tls-alert:unexpected-message"),
    (20, "tls-alert:bad-record-mac"),
    (21, "tls-alert:decryption-failed"),
    (22, "tls-alert:record-overflow"),
    (30, "tls-alert:decompression-failure"),
    (40, "tls-no-common-suite"),
    (41, "tls-alert:no-certificate"),
    (42, "tls-alert:bad-certificate"),
    (43, "tls-alert:unsupported-certificate"),
    (44, "tls-alert:certificate-revoked"),
    (45, "tls-alert:certificate-expired"),
    (46, "tls-alert:certificate-unknown"),
    (47, "tls-alert:illegal-parameter"),
    (48, "tls-alert:unknown-ca"),
    (49, "tls-alert:access-denied"),
    (50, "tls-alert:decode-error"),
    (51, "tls-alert:decrypt-error"),
    (60, "tls-alert:export-restriction"),
    (70, "tls-version"),
    (71, "tls-no-common-suite"),
    (80, "tls-alert:internal-error"),
    (86, "tls-alert:inappropriate-fallback"),
    (90, "tls-alert:user-canceled"),
    (100, "tls-alert:no-renegotiation"),
    (109, "tls-alert:missing-extension"),
    (110, "tls-alert:unsupported-extension"),
    (111, "tls-alert:certificate-unobtainable"),
    (112, "tls-alert:unrecognized-name"),
    (113, "tls-alert:bad-certificate-status-response"),
    (114, "tls-alert:bad-certificate-hash-value"),
    (115, "tls-alert:unknown-psk-identity"),
    (116, "tls-client-certificate"),
    (120, "tls-alert:no-application-protocol"),
    (121, "tls-alert:ech-required"),
    (255, "tls-alert:unknown-255"),
];

/// The k-th connection is answered by the k-th alert.
#[test]
fn each_alert_by_name() {
    let next = Arc::new(AtomicUsize::new(0));
    let act = move |to: &mut Connection| {
        let (number, _) = ALERTS[next.fetch_add(1, Ordering::Relaxed) % ALERTS.len()];
        alerting(number)(to);
    };
    in_either_connection_of(ALERTS.len(), act, |played, step| {
        played.finished.assert_status(1);
        let mut expected: Vec<(String, u64)> = Vec::new();
        for (_, name) in ALERTS {
            match expected.iter_mut().find(|(known, _)| known == name) {
                Some((_, count)) => *count += 1,
                None => expected.push((name.to_owned(), 1)),
            }
        }
        let mut kinds = played.kinds();
        kinds.sort();
        expected.sort();
        assert_eq!(kinds, expected);
        for detail in played.summary["errors"]["details"].as_array().expect("details") {
            let own = ["tls-alert:unrecognized-name", "tls-client-certificate"]
                .contains(&detail["kind"].as_str().expect("a kind"));
            let blame = if own { "scenario" } else { "server" };
            assert_eq!((&detail["step"], &detail["blame"]), (&step.into(), &blame.into()), "{detail:#}");
        }
    });
}

/// As [`in_either_connection`], with this many sessions.
fn in_either_connection_of(
    sessions: usize,
    act: impl Fn(&mut Connection) + Clone + Send + Sync + 'static,
    check: impl Fn(&Played, &str),
) {
    let members = format!("13-{}", 12 + sessions);
    for step in ["login", "connect"] {
        let other = Script::accepted(act.clone()).start().address;
        let script = if step == "login" { Script::good() } else { handing_out(other) };
        let played = run_with(script, |run| {
            let run = run.flag("insecure").with("members", &members).with("sessions", sessions);
            if step == "login" { run.with("target", format!("https://{other}")) } else { run }
        });
        check(&played, step);
    }
}
