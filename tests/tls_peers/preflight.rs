//! Certificates that are well, about to end, over, or nobody's.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};
use tempfile::TempDir;

use crate::common::served::{Served, assert_check, assert_others_well, found, found_by, preflight, usual};
use crate::common::{run, text};
use crate::nginx::Proxied;
use crate::tools::Certified;

/// A mock server over TLS, and its own CA in a file.
fn served() -> (Served, TempDir, PathBuf) {
    let temp = tempfile::tempdir().expect("a directory");
    let ca = temp.path().join("ca.pem");
    let served = Served::start(&["--ready", "--tls", "--tls-ca-out", text(&ca)]);
    (served, temp, ca)
}

/// A mock server with a certificate that has ended, its CA in a file.
fn expired() -> (Served, TempDir, PathBuf) {
    let temp = tempfile::tempdir().expect("a directory");
    let file = |name: &str| temp.path().join(name);
    let (ca_key, key) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).expect("a CA").pem();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    params.not_after = date_time_ymd(2021, 3, 4);
    let server = params.signed_by(&key, &Issuer::from_params(&ca, &ca_key)).expect("a certificate");
    for (name, pem) in [("ca.pem", ca_pem), ("server.pem", server.pem()), ("server.key", key.serialize_pem())]
    {
        fs::write(file(name), pem).expect("written");
    }
    let (cert, key) = (file("server.pem"), file("server.key"));
    let served = Served::start(&["--ready", "--tls", "--tls-cert", text(&cert), "--tls-key", text(&key)]);
    let ca = file("ca.pem");
    (served, temp, ca)
}

#[test]
fn a_good_certificate_says_how_long_it_lasts() {
    let (served, _temp, ca) = served();
    let report = found(0, &[&usual(&served.url)[..], &["--ca", text(&ca)]].concat());
    let certificate = assert_check(&report, "certificate", "ok", "");
    assert!(certificate["reading"]["value"].as_u64().is_some_and(|days| days >= 14), "{certificate}");
    assert!(
        certificate["reading"]["text"].as_str().expect("text").contains("days left (until 2"),
        "{certificate}"
    );
    assert_others_well(&report, &[]);
}

#[test]
fn one_that_ends_soon_is_warned_of() {
    let certified = Certified::new();
    let (cert, key) = (certified.certificate(), certified.key());
    let served = Served::start(&["--ready", "--tls", "--tls-cert", text(&cert), "--tls-key", text(&key)]);
    let report = found(0, &[&usual(&served.url)[..], &["--ca", text(&certified.ca())]].concat());
    let certificate = assert_check(&report, "certificate", "warn", "it expires in 1 day");
    assert!(
        certificate["reading"]["text"].as_str().expect("text").contains("of a test"),
        "its issuer: {certificate}"
    );
    assert_others_well(&report, &["certificate"]);
}

#[test]
fn one_that_is_over_fails_and_is_shown_all_the_same() {
    let (served, _temp, ca) = expired();
    let report = found(1, &[&usual(&served.url)[..], &["--ca", text(&ca)]].concat());
    let certificate = assert_check(&report, "certificate", "fail", "tls-expired");
    assert!(
        certificate["reading"]["text"].as_str().expect("text").contains("(until 2021-03-04)"),
        "{certificate}"
    );
    for id in ["http", "clock", "members", "challenge"] {
        assert_check(&report, id, "unknown", "not checked, because the certificate check failed");
    }
    let report = found(0, &[&usual(&served.url)[..], &["--insecure"]].concat());
    assert_check(&report, "certificate", "warn", "--insecure accepts any certificate");
    assert_others_well(&report, &["certificate"]);
}

#[test]
fn one_of_an_unknown_ca_fails() {
    let (served, _temp, _) = served();
    let stranger = Certified::new();
    let args = [&usual(&served.url)[..], &["--json"]].concat();
    let report = found_by(1, preflight(&args).env("SSL_CERT_FILE", stranger.ca()).env_remove("SSL_CERT_DIR"));
    let certificate = assert_check(&report, "certificate", "fail", "tls-untrusted");
    assert!(certificate["fixes"][0]["text"].as_str().expect("text").contains("--ca FILE"), "{certificate}");
}

#[test]
fn one_for_another_name_fails() {
    let (served, _temp, ca) = served();
    let port = served.address().rsplit_once(':').expect("a port").1;
    let url = format!("https://elsewhere.test:{port}");
    let resolve = format!("elsewhere.test:{port}:127.0.0.1");
    let report = found(1, &[&usual(&url)[..], &["--ca", text(&ca), "--resolve", &resolve]].concat());
    assert_check(&report, "certificate", "fail", "not for elsewhere.test");
}

#[test]
fn a_plain_server_is_told_from_a_secure_one() {
    let served = Served::ready();
    let url = format!("https://{}", served.address());
    let report = found(3, &[&usual(&url)[..], &["--insecure"]].concat());
    let certificate = assert_check(&report, "certificate", "fail", "tls-not-tls");
    let fix = certificate["fixes"][0]["text"].as_str().expect("text");
    assert!(fix.contains("use http://") && !fix.contains("evidence"), "{fix}");
    assert_check(&report, "members", "unknown", "not checked, because the target does not speak TLS");
}

/// nginx, as the mock server, answers plain HTTP at its port of TLS with 400, which has nothing to do with members.
#[test]
fn tls_at_a_plain_url_is_told_with_the_right_one() {
    let nginx = Proxied::start("");
    let address = format!("127.0.0.1:{}", nginx.port);
    let report = found(3, &usual(&format!("http://{address}")));
    let why = format!("the URL says http, and TLS answers at {address} (to plain HTTP: 400)");
    let http = assert_check(&report, "http", "fail", &why);
    let fix = format!("give --target https://{address} to preflight and to run");
    assert_eq!(http["fixes"][0]["text"], fix);
    assert_check(&report, "members", "unknown", "not checked, because the target speaks TLS");
}

/// A server of TLS that hangs up on whatever is no handshake; where it listens.
fn secure() -> String {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate").der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("it reads");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("usual versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they belong together");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            thread::spawn(move || {
                while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok() {}
            });
        }
    });
    address
}

/// Others hang up.
#[test]
fn tls_that_hangs_up_on_plain_http_is_told_all_the_same() {
    let peer = secure();
    let report = found(3, &usual(&format!("http://{peer}")));
    let why = format!("TLS answers at {peer} (to plain HTTP: ");
    assert_check(&report, "http", "fail", &why);
}

#[test]
fn a_run_and_a_trial_name_the_right_url_too() {
    let peer = secure();
    let url = format!("http://{peer}");
    for (command, status) in [("run", 3), ("try", 1)] {
        let finished = run(&[command, "--target", &url, "--challenge", "38", "--members", "13-14"]);
        finished.assert_status(status);
        let said = format!("{}{}", finished.stdout, finished.stderr).replace('\n', " ");
        assert!(said.contains(&format!("TLS answers at {peer}: write https://{peer}")), "{said}");
        assert!(!said.contains("os error"), "{said}");
    }
}
