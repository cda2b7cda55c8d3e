//! Secrets in a file: only when asked for, and then the same as the other side has.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::common::finish;
use crate::s_server::{Manners, SServer};

const VARIABLE: &str = "SSLKEYLOGFILE";
const CLIENT_SECRET: &str = "CLIENT_TRAFFIC_SECRET_0 ";

/// The lines that name traffic secrets.
fn traffic_secrets(file: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(file).expect("a key log");
    text.lines().filter(|line| line.contains("_TRAFFIC_SECRET_0 ")).map(str::to_lowercase).collect()
}

#[test]
fn the_secrets_are_those_that_openssl_has() {
    let temp = tempfile::tempdir().expect("a directory");
    let (ours, theirs) = (temp.path().join("ours"), temp.path().join("theirs"));
    let args = ["-keylogfile".to_owned(), theirs.display().to_string()];
    let server = SServer::start(Manners { args: args.to_vec(), ..Manners::default() }, |line, _| line.pong());
    let mut command = server.run().with("hold", "500ms").flag("tls-key-log").command();
    let played = finish(command.env(VARIABLE, &ours).spawn().expect("the binary starts"));
    server.ended(&played).assert_held();
    let secrets = traffic_secrets(&ours);
    assert_eq!(secrets, traffic_secrets(&theirs));
    assert_eq!(secrets.len(), 2, "{secrets:?}");
    assert!(fs::read_to_string(&ours).expect("a key log").contains(CLIENT_SECRET));
}

#[test]
fn without_being_asked_for_no_file_is_made() {
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("secrets");
    let server = SServer::start(Manners::default(), |line, _| line.pong());
    let mut command = server.run().with("hold", "500ms").command();
    let played = finish(command.env(VARIABLE, &file).spawn().expect("the binary starts"));
    server.ended(&played).assert_held();
    assert!(!file.exists(), "the variable alone is no wish");
}

#[test]
fn being_asked_for_without_a_file_is_refused() {
    let server = SServer::start(Manners::default(), |line, _| line.pong());
    let mut command = server.run().flag("tls-key-log").command();
    let finished = finish(command.env_remove(VARIABLE).spawn().expect("the binary starts"));
    finished.assert_status(2);
    assert!(
        finished.stderr.contains("--tls-key-log") && finished.stderr.contains(VARIABLE),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_file_that_cannot_be_written_is_refused() {
    let server = SServer::start(Manners::default(), |line, _| line.pong());
    let mut command = server.run().flag("tls-key-log").command();
    let finished = finish(command.env(VARIABLE, "/proc/nowhere/secrets").spawn().expect("the binary starts"));
    finished.assert_status(2);
    assert!(finished.stderr.contains("cannot write /proc/nowhere/secrets"), "{}", finished.stderr);
}
