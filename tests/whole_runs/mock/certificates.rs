//! The mock server's certificates, made and from files, as openssl sees them, and its own output
//! about them.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use serde_json::{Value, json};
use startline_mock::TlsSettings;
use tempfile::TempDir;

use super::process::Process;
use super::stand::*;
use super::tls::*;
use crate::common::text;

/// Runs openssl with this input; its output and what it complained of.
#[track_caller]
fn openssl(args: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("openssl: {error}; to fix it: apt-get install openssl"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

const REQUEST: &str = "GET /mock/counters HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[test]
fn openssl_gets_an_answer_verifies_the_certificate_and_resumes() {
    let stand = Secured::start(TlsSettings::default(), ready());
    let temp = TempDir::new().unwrap();
    let (ca, addr) = (stand.ca_in(&temp), stand.addr().to_string());
    for (option, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let session = temp.path().join(name);
        let args = [
            "s_client",
            "-connect",
            &addr,
            option,
            "-CAfile",
            text(&ca),
            "-servername",
            "localhost",
            "-verify_hostname",
            "localhost",
            "-verify_return_error",
            "-ign_eof",
        ];
        let (is_ok, full) = openssl(&[&args[..], &["-sess_out", text(&session)]].concat(), REQUEST);
        assert!(is_ok && full.contains("HTTP/1.1 200 OK") && full.contains("\"tls_handshakes\":"), "{full}");
        assert!(
            full.contains("Verify return code: 0 (ok)") && full.contains(&format!("New, {name}")),
            "{full}"
        );
        let (is_ok, again) = openssl(&[&args[..], &["-sess_in", text(&session)]].concat(), REQUEST);
        assert!(is_ok && again.contains(&format!("Reused, {name}")), "{again}");
        assert!(again.contains("HTTP/1.1 200 OK"), "{again}");

        let start = full.find("-----BEGIN CERTIFICATE-----").expect("a certificate");
        let end = full[start..].find("-----END CERTIFICATE-----").expect("its end") + start;
        let leaf = temp.path().join("leaf.pem");
        std::fs::write(&leaf, format!("{}-----END CERTIFICATE-----\n", &full[start..end])).unwrap();
        let verify = ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost"];
        let (is_ok, said) = openssl(&[&verify[..], &["-CAfile", text(&ca), text(&leaf)]].concat(), "");
        assert!(is_ok && said.contains("leaf.pem: OK"), "{said}");
    }
    assert_eq!(stand.counters().tls_resumed, 2);
}

/// A self-signed certificate by openssl, for localhost, and its key.
fn openssl_pair(temp: &TempDir, name: &str) -> (PathBuf, PathBuf) {
    let (cert, key) = (temp.path().join(format!("{name}.pem")), temp.path().join(format!("{name}.key")));
    let (is_ok, said) = openssl(
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            text(&key),
            "-out",
            text(&cert),
        ],
        "",
    );
    assert!(is_ok, "{said}");
    (cert, key)
}

#[test]
fn a_certificate_from_files_is_shown() {
    let temp = TempDir::new().unwrap();
    let (cert, key) = openssl_pair(&temp, "own");
    let mut process =
        Process::serve(&["--tls", "--tls-cert", text(&cert), "--tls-key", text(&key), "--announce-json"]);
    let announced: Value = serde_json::from_str(&process.line()).unwrap();
    assert_eq!((&announced["scheme"], &announced["ca"]), (&json!("https"), &Value::Null));
    let addr = announced["listening"].as_str().unwrap().parse().unwrap();
    let trust = Trust::new(&std::fs::read_to_string(&cert).unwrap(), &[&TLS13, &TLS12]);
    assert_eq!(trust.ask(addr, "GET", "/mock/counters", "").0, "HTTP/1.1 200 OK");
}

#[test]
fn files_that_cannot_be_used_are_refused_by_name() {
    let temp = TempDir::new().unwrap();
    let (cert, key) = openssl_pair(&temp, "own");
    let (_, other_key) = openssl_pair(&temp, "other");
    let (none, junk) = (temp.path().join("none.pem"), temp.path().join("junk.pem"));
    std::fs::write(&junk, "junk\n").unwrap();
    let cases = [
        (&none, &key, format!("--tls-cert {}: No such file", none.display())),
        (&cert, &none, format!("--tls-key {}: No such file", none.display())),
        (&junk, &key, format!("--tls-cert {}: there is no certificate in it", junk.display())),
        (&cert, &junk, format!("--tls-key {}: there is no private key in it", junk.display())),
        (&cert, &other_key, format!("--tls-key {}: not the key of the certificate in", other_key.display())),
    ];
    for (cert, key, expected) in cases {
        let output = Command::new(env!("CARGO_BIN_EXE_startline"))
            .args(["serve", "--listen", "127.0.0.1:0", "--tls"])
            .args(["--tls-cert", text(cert), "--tls-key", text(key)])
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(&expected), "{error}");
        assert!(output.stdout.is_empty(), "refused before it listens");
    }
}

#[test]
fn it_announces_its_scheme_and_its_ca() {
    let temp = TempDir::new().unwrap();
    let file = temp.path().join("ca.pem");
    let mut process =
        Process::serve(&["--tls", "--tls-ca-out", text(&file), "--tls-name", "runnity.example"]);
    let line = process.line();
    let rest = line.strip_prefix("listening on https://").unwrap_or_else(|| panic!("{line:?}"));
    let addr: SocketAddr = rest.split(' ').next().unwrap().parse().unwrap();
    let advice = process.line();
    assert!(advice.ends_with(&format!("--target https://{addr} --ca {}\n", file.display())), "{advice:?}");
    let ca = std::fs::read_to_string(&file).unwrap();
    let trust = Trust::new(&ca, &[&TLS13]);
    assert_eq!(trust.ask(addr, "GET", "/mock/counters", "").0, "HTTP/1.1 200 OK");
    for name in ["runnity.example", "127.0.0.1", "::1"] {
        let name = ServerName::try_from(name).unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&trust.0), name).unwrap();
        let mut socket = TcpStream::connect(addr).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut socket).expect("good for this name as well");
        }
    }

    let mut process = Process::serve(&["--tls", "--announce-json"]);
    let announced: Value = serde_json::from_str(&process.line()).unwrap();
    assert_eq!(announced["scheme"], "https");
    let addr = announced["listening"].as_str().unwrap().parse().unwrap();
    let trust = Trust::new(announced["ca"].as_str().unwrap(), &[&TLS13]);
    assert_eq!(trust.ask(addr, "GET", "/mock/counters", "").0, "HTTP/1.1 200 OK");

    let mut process = Process::serve(&["--announce-json"]);
    let announced: Value = serde_json::from_str(&process.line()).unwrap();
    assert_eq!((&announced["scheme"], &announced["ca"]), (&json!("http"), &Value::Null));
}
