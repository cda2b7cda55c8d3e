//! `-h` and `--help` of every script: what it does on standard output, and nothing done.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::ran::{ended, script};

/// Every program in scripts/; what only another reads is none.
fn programs() -> Vec<String> {
    let all = fs::read_dir(script("")).expect("a directory").map(|entry| entry.expect("an entry"));
    let programs = all.filter(|entry| entry.metadata().expect("metadata").permissions().mode() & 0o111 != 0);
    programs.map(|entry| entry.file_name().into_string().expect("text")).collect()
}

#[test]
fn every_script_says_how_it_is_used() {
    let programs = programs();
    assert!(programs.len() >= 8, "{programs:?}");
    for (name, option) in programs.iter().flat_map(|name| [(name, "-h"), (name, "--help")]) {
        // Not from its own directory: `scripts/` is what it says, and `..` what it may change to.
        let mut command = Command::new(script(name));
        command.arg(option).current_dir("/").env("PATH", "/usr/bin:/bin");
        command.env("STARTLINE", env!("CARGO_BIN_EXE_startline"));
        let finished = ended(command);
        finished.assert_status(0);
        assert_eq!(finished.stderr, "", "{name} {option}");
        let said = &finished.stdout;
        let called = match name.as_str() {
            "tune" => "startline tune".to_owned(),
            "source-addresses" => "startline addresses".to_owned(),
            name => format!("scripts/{name}"),
        };
        assert!(said.contains(&called), "{name} {option}: {said}");
        assert!(!said.contains("set -euo") && !said.lines().any(|line| line.starts_with('#')), "{said}");
    }
}

#[test]
fn what_hands_on_to_the_program_says_how_to_build_it() {
    for name in ["tune", "source-addresses"] {
        let temp = tempfile::tempdir().expect("a directory");
        let copy = temp.path().join(name);
        fs::copy(script(name), &copy).expect("copied");
        let mut command = Command::new(copy);
        command.arg("--help").env("PATH", "/usr/bin:/bin").env_remove("STARTLINE");
        let finished = ended(command);
        finished.assert_status(1);
        assert!(finished.stderr.contains("cargo build --release"), "{name}: {}", finished.stderr);
    }
}
