//! The faults that need a network of their own: of routes, ports and addresses.

mod local;
mod target;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::played::{TIMEOUT, scenario};
use crate::common::{Finished, results, text};
use crate::isolated::in_own_network;

/// Plays six sessions against a mock server on port 8080 of the namespace's 127.0.0.1, after these
/// commands in there.
#[track_caller]
fn short_run(temp: &TempDir, before: &str, target: &str, options: &[&str]) -> (Finished, Value) {
    let file = temp.path().join("short.toml");
    // A port that is used again at once may lead to a connection whose end the server has yet to
    // see: then the kernel sends its SYN again after a second.
    std::fs::write(&file, scenario().replace(TIMEOUT, "5s")).expect("written");
    let run = [
        &["--target", target, "--members", "13-18", "--sessions", "6", "--ramp", "2s", "--hold", "300ms"][..],
        &["--ramp-down", "0", "--lag-limit", "30s", "--scenario", text(&file)],
        options,
    ];
    let server = ["--listen", "127.0.0.1:8080", "--members", "13-18"];
    in_own_network(&results(temp), before, &server, &run.concat())
}
