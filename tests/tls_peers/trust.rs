//! Whom a run trusts: nobody by default, the CA it was given, or anybody, which it says aloud.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::common::{Finished, finish, results, summary, without_look_up};
use crate::nginx::Proxied;
use crate::tools::{Certified, Key, NAME};

const SESSIONS: u32 = 6;

/// With this file for the system's CAs, whatever the machine has.
#[track_caller]
fn trusting(ca: &Path, mut command: Command) -> Finished {
    finish(command.env("SSL_CERT_FILE", ca).env_remove("SSL_CERT_DIR").spawn().expect("the binary starts"))
}

/// That scenario in a file.
fn short(directory: &Path) -> String {
    let file = directory.join("short.toml");
    fs::write(&file, without_look_up()).expect("written");
    file.display().to_string()
}

#[test]
fn an_unknown_ca_fails_every_session_and_is_ours_to_fix() {
    assert_untrusted(&Proxied::start(""), &Certified::new());
}

/// A CA that was made anew under its old name, as each start of a mock server does.
#[test]
fn an_outdated_ca_is_an_unknown_one() {
    let [old, new] = [(); 2].map(|()| Certified::signed_by(Key::P256, "one name"));
    assert_untrusted(&Proxied::with(new, ""), &old);
}

#[track_caller]
fn assert_untrusted(proxied: &Proxied, stranger: &Certified) {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = proxied.distrustful_run(SESSIONS, &out).with("scenario", short(temp.path()));
    let finished = trusting(&stranger.ca(), run.command());
    assert_ne!(finished.status, 0, "{}", finished.stdout);
    let summary = summary(&out);
    assert_eq!(summary["errors"]["by_kind"], json!({ "tls-untrusted": SESSIONS }));
    assert_eq!(summary["errors"]["by_blame"]["scenario"], SESSIONS, "{:#}", summary["errors"]);
    assert_eq!(
        (&summary["sessions"]["failed"], &summary["sessions"]["established"]),
        (&json!(SESSIONS), &json!(0))
    );
    assert_eq!(summary["tls"], json!(null), "no handshake was finished");
}

#[test]
fn the_look_up_trusts_whom_the_load_does() {
    let (proxied, stranger) = (Proxied::start(""), Certified::new());
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let finished = trusting(&stranger.ca(), proxied.distrustful_run(SESSIONS, &out).command());
    assert_ne!(finished.status, 0, "{}", finished.stdout);
    let said = finished.stderr.to_lowercase();
    assert!(said.contains("certificate") && said.contains(NAME), "{said}");

    // And the system's CAs are enough.
    let finished = trusting(&proxied.certified.ca(), proxied.distrustful_run(SESSIONS, &out).command());
    let summary = summary(&out);
    assert_eq!(summary["sessions"]["held_to_end"], SESSIONS, "{}\n{:#}", finished.stderr, summary["errors"]);
}

#[test]
fn a_certificate_for_another_name_is_ours_to_fix() {
    let proxied = Proxied::start("");
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let finished = proxied
        .run(SESSIONS, &out)
        .with("target", format!("https://elsewhere.test:{}", proxied.port))
        .with("resolve", format!("elsewhere.test:{}:127.0.0.1", proxied.port))
        .with("scenario", short(temp.path()))
        .finish();
    assert_ne!(finished.status, 0, "{}", finished.stdout);
    let summary = summary(&out);
    assert_eq!(summary["errors"]["by_kind"], json!({ "tls-wrong-name": SESSIONS }));
    assert_eq!(summary["errors"]["by_blame"]["scenario"], SESSIONS, "{:#}", summary["errors"]);
}

#[test]
fn insecure_takes_anyone_and_says_so() {
    let proxied = Proxied::start("");
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let finished = proxied.distrustful_run(SESSIONS, &out).flag("insecure").finish();
    let summary = summary(&out);
    assert_eq!(summary["sessions"]["held_to_end"], SESSIONS, "{}\n{:#}", finished.stderr, summary["errors"]);
    assert_eq!(summary["errors"]["total"], 0, "{:#}", summary["errors"]);
    assert_eq!(summary["tls"]["insecure"], true);
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(said.contains("INSECURE"), "{said}");
}
