//! The rules of the house that a compiler does not know: headers, layers, leftovers, file lengths.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a source file at most. Past that it holds more than one concept.
const LINES_MAX: usize = 700;

fn sources(under: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(under), &mut found);
    assert!(!found.is_empty(), "no sources under {under}");
    found
}

fn collect(path: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(path).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("UTF-8 sources");
            found.push((path, text));
        }
    }
}

/// The code of a file without its comments' text, so that rules about code do not trip over prose.
fn code(text: &str) -> String {
    let without = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    text.lines().map(without).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn refuse(under: &str, words: &[&str], why: &str) {
    for (path, text) in sources(under) {
        let code = code(&text);
        for word in words {
            assert!(!code.contains(word), "{} mentions {word}: {why}", path.display());
        }
    }
}

#[test]
fn every_module_opens_with_its_job() {
    for (path, text) in sources("src").into_iter().chain(sources("tests")).chain(sources("fuzz/fuzz_targets"))
    {
        assert!(text.starts_with("//!"), "{} does not open with a //! header", path.display());
    }
}

#[test]
fn protocol_and_session_know_no_socket_and_no_clock() {
    let words = [
        "mio::",
        "socket2",
        "std::net::Tcp",
        "TcpStream",
        "Instant::now",
        "SystemTime",
        "std::thread",
        "std::fs",
    ];
    refuse("crates/protocol/src", &words, "it is pure over bytes");
    refuse("src/session", &words, "events and time come in, commands go out");
}

#[test]
fn the_doctor_opens_no_socket() {
    let words =
        ["mio::", "socket2", "TcpStream", "TcpListener", "UdpSocket", "libc::socket", "libc::connect"];
    refuse("src/doctor", &words, "what has to be tried is the engine's to try");
}

#[test]
fn preflight_opens_no_socket_and_reads_no_clock() {
    let words = [
        "TcpStream",
        "TcpListener",
        "ureq",
        "Instant::now",
        "Timestamp::now",
        "SystemTime",
        "std::fs",
        "std::env",
    ];
    refuse("src/preflight", &words, "what is asked, and when, is the command line's");
    refuse(
        "src/preflight",
        &["crate::cli", "crate::engine", "crate::session", "crate::report"],
        "it judges what was found",
    );
}

#[test]
fn arrows_between_modules_point_one_way() {
    refuse(
        "src/session",
        &["crate::engine", "crate::target", "crate::plan", "crate::report"],
        "it is below the engine",
    );
    refuse(
        "src/measure",
        &["crate::engine", "crate::session", "crate::report", "crate::cli"],
        "it is told what happened",
    );
    refuse(
        "src/checks",
        &["crate::doctor", "crate::preflight", "crate::report", "crate::plan", "crate::cli", "crate::engine"],
        "whoever makes a check decides what it says",
    );
    refuse("src/report", &["crate::engine", "crate::session", "crate::cli"], "it is given a result");
    refuse(
        "src/plan",
        &["crate::cli", "crate::doctor"],
        "whether a box bears a plan is not the plan's to ask",
    );
    refuse(
        "src/engine",
        &["crate::cli", "crate::doctor"],
        "it tries what it is asked to, and judges nothing",
    );
    refuse(
        "src/doctor",
        &["crate::cli", "crate::session", "crate::report", "crate::scenario", "crate::preflight"],
        "it stands between the command line and the plan",
    );
}

#[test]
fn nothing_unfinished_is_left() {
    // Put together here, so that this file does not trip over itself.
    let words = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    refuse("src", &words, "finish it");
    refuse("tests", &words, "finish it");
}

#[test]
fn files_hold_one_concept() {
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines: split it", path.display());
    }
}
