//! The rules of the house that a compiler does not know: headers, layers, leftovers, file lengths.

mod imports;

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a source file at most. Past that it holds more than one concept.
const LINES_MAX: usize = 500;
/// Columns of a row of a table.
const TABLE_COLUMNS_MAX: usize = 120;

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
    let all = ["src", "crates", "tests", "fuzz/fuzz_targets"].map(sources);
    for (path, text) in all.into_iter().flatten() {
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
}

/// The rooms of the program from the lowest to the highest: each may import those before it alone.
const ROOMS: [&str; 32] = [
    "draw",
    "foreign",
    "nearest",
    "numbers",
    "lang",
    "shell",
    "members",
    "checks",
    "fault",
    "scenario",
    "import",
    "measure",
    "session",
    "plan",
    "engine",
    "trial",
    "watch",
    "report",
    "compare",
    "merge",
    "exporter",
    "exit_status",
    "terminal",
    "interrupt",
    "live",
    "doctor",
    "preflight",
    "lookup",
    "tune",
    "prepare",
    "cli",
    "app",
];

/// Rows of tables, which no editor wraps, fit a wide terminal.
#[test]
fn tables_in_the_documents_fit_a_wide_terminal() {
    let mut documents = vec![PathBuf::from("docs"), PathBuf::from("docs/systems"), PathBuf::from(".")];
    while let Some(folder) = documents.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.extension().is_none_or(|it| it != "md") {
                continue;
            }
            let text = fs::read_to_string(&entry).expect("text");
            for (k, row) in text.lines().enumerate().filter(|(_, line)| line.starts_with('|')) {
                let columns = row.chars().count();
                let place = format!("{}:{}", entry.display(), k + 1);
                assert!(columns <= TABLE_COLUMNS_MAX, "{place}: {columns} columns\n{row}");
            }
        }
    }
}

/// What a room must not import though it stands below.
const APART: [(&str, &[&str]); 10] = [
    ("plan", &["session", "measure"]),
    ("watch", &["session", "measure", "plan"]),
    ("report", &["engine", "session"]),
    ("compare", &["engine", "measure", "plan", "scenario", "session"]),
    ("merge", &["engine", "session", "watch"]),
    ("exporter", &["engine", "session"]),
    ("live", &["engine", "session"]),
    ("doctor", &["engine", "session", "report", "scenario"]),
    ("preflight", &["engine", "session", "report"]),
    ("cli", &["engine", "session", "report", "compare", "doctor", "lookup"]),
];

#[test]
fn arrows_between_rooms_point_one_way() {
    for (module, imports) in imports::of("src") {
        let Some(room) = module.first() else { continue };
        let place = |room: &str| ROOMS.iter().position(|known| *known == room);
        let own = place(room).unwrap_or_else(|| panic!("{room} is no room of ROOMS: say where it stands"));
        for other in imports.iter().map(|path| path[0].as_str()).filter(|other| other != room) {
            let arrow = format!("{} imports {other}", module.join("::"));
            assert!(place(other).is_some_and(|other| other < own), "{arrow}, which stands above it");
            let apart = APART.iter().find(|(above, _)| above == room).map_or(&[][..], |(_, apart)| *apart);
            assert!(!apart.contains(&other), "{arrow}, which it must not know");
        }
    }
}

#[test]
fn modules_import_in_no_circle() {
    for under in ["src", "crates/mock/src", "crates/os/src", "crates/protocol/src"] {
        let circles = imports::circles(&imports::of(under));
        assert!(circles.is_empty(), "in {under}: {circles:?}");
    }
}

/// The crates that this program is made of: dependencies of its own, used by its own code.
const CARD: [&str; 9] = [
    "clap",
    "core_affinity",
    "hdrhistogram",
    "httparse",
    "mio",
    "rustls",
    "serde_json",
    "socket2",
    "tungstenite",
];

#[test]
fn the_nine_crates_are_used() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).expect("readable");
    let own =
        manifest.split("\n[dependencies]").nth(1).and_then(|rest| rest.split("\n[").next()).expect("a table");
    let all: String = sources("src").iter().map(|(_, text)| code(text)).collect();
    for name in CARD {
        assert!(own.contains(&format!("\n{name}.workspace")), "{name} is no dependency of the program's");
        assert!(all.contains(&format!("{name}::")), "{name} is not used from src/");
    }
}

#[test]
fn nothing_unfinished_is_left() {
    // Put together here, so that this file does not trip over itself.
    let words = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    refuse("src", &words, "finish it");
    refuse("crates", &words, "finish it");
    refuse("tests", &words, "finish it");
}

#[test]
fn files_hold_one_concept() {
    for (path, text) in sources("src").into_iter().chain(sources("crates")).chain(sources("tests")) {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines: split it", path.display());
    }
}
