//! The commands of the tutorial and the how-to pages, run as a reader would: every block in the order
//! of its page, in a directory of its own, against the servers that the page starts.
//!
//! A block's first word is its language; what follows says what it is: `file=NAME` and `append=NAME`
//! are files, `background` runs until the next of its kind, `exit=N` ends with another status than 0,
//! and `untested` is not run: the page itself has to say so. Pages that are not read here have no other blocks.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::processes::{Guarded, free_port};
use crate::common::{eventually, finish, piped};
use crate::server::installed;

/// The port that the pages name.
const PORT: &str = "7000";

/// Limits that a page has for its reader's server, and not for how busy the tests' machine is.
const PATIENT: [(&str, &str); 2] = [
    ("steps.join.p95_ms\"\nbelow = 200", "steps.join.p95_ms\"\nbelow = 30000"),
    ("propagation.say.p99_ms\"\nbelow = 500", "propagation.say.p99_ms\"\nbelow = 30000"),
];

/// `startline` as a page's commands find it: runs are not about how late this machine is.
const PATIENT_STARTLINE: &str = "#!/bin/sh\n\
    [ \"$1\" != run ] || set -- \"$@\" --lag-limit 30s\n\
    exec \"$STARTLINE\" \"$@\"\n";

/// A block of code.
#[derive(Debug)]
struct Block {
    language: String,
    marks: Vec<String>,
    text: String,
}

impl Block {
    /// The value of a mark: `NAME=VALUE`.
    fn value(&self, name: &str) -> Option<&str> {
        self.marks.iter().find_map(|mark| mark.strip_prefix(name)?.strip_prefix('='))
    }

    fn has(&self, name: &str) -> bool {
        self.marks.iter().any(|mark| mark == name)
    }
}

/// The blocks of a page that have a language.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(head) = line.trim_start().strip_prefix("```") else { continue };
        let indent = line.len() - line.trim_start().len();
        let body: Vec<&str> = lines.by_ref().take_while(|line| line.trim() != "```").collect();
        let mut words = head.split_whitespace().map(str::to_owned);
        let Some(language) = words.next() else { continue };
        let text = body.iter().map(|line| format!("{}\n", line.get(indent..).unwrap_or(""))).collect();
        blocks.push(Block { language, marks: words.collect(), text });
    }
    blocks
}

/// A reader: a directory, a shell's environment, and at most one server.
struct Reader {
    place: tempfile::TempDir,
    /// What the page has exported by now.
    exported: String,
    server: Option<Guarded>,
    port: String,
}

impl Reader {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let rooms = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/rooms.js");
        fs::copy(rooms, place.path().join("rooms.js")).expect("the example");
        let program = place.path().join(".bin/startline");
        fs::create_dir(program.with_file_name("")).expect("a directory");
        fs::write(&program, PATIENT_STARTLINE).expect("a program can be written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be run");
        Self { place, exported: String::new(), server: None, port: free_port().to_string() }
    }

    fn shell(&self, text: &str) -> Command {
        let path = std::env::var("PATH").expect("a PATH");
        let mut command = Command::new("bash");
        command.args(["-eu", "-c", &format!("{}{text}", self.exported)]).current_dir(self.place.path());
        command.env("PATH", format!("{}:{path}", self.place.path().join(".bin").display()));
        command.env("STARTLINE", env!("CARGO_BIN_EXE_startline"));
        command.env("NODE_PATH", installed("target/node/node_modules")).env_remove("GITHUB_STEP_SUMMARY");
        piped(&mut command);
        command
    }

    /// Starts a block's last line, once what it installs exists already.
    fn serve(&mut self, text: &str) {
        self.server = None;
        let command = text.lines().last().expect("a command");
        // What it says is the test's to show, should it not come up.
        let mut shell = self.shell(&format!("exec env {command}"));
        let mut server = Guarded::spawn(shell.stdout(Stdio::inherit()).stderr(Stdio::inherit()));
        let address = format!("127.0.0.1:{}", self.port);
        eventually("the page's server listens", || {
            let ended = server.0.try_wait().expect("its status");
            assert!(ended.is_none(), "{command} on port {}: {}", self.port, ended.unwrap_or_default());
            TcpStream::connect(&address).is_ok()
        });
        self.server = Some(server);
    }

    fn read(&mut self, block: &Block) {
        let text = block.text.replace(PORT, &self.port);
        let text = PATIENT.iter().fold(text, |text, (limit, patient)| text.replace(limit, patient));
        let file = |name| self.place.path().join(name);
        if let Some(name) = block.value("file") {
            fs::write(file(name), &text).expect("a file can be written");
        } else if let Some(name) = block.value("append") {
            let before = fs::read_to_string(file(name)).expect("a file of the page's");
            fs::write(file(name), before + &text).expect("a file can be written");
        } else if block.language == "sh" && block.has("background") {
            self.serve(&text);
        } else if block.language == "sh" && !block.has("untested") {
            let status = block.value("exit").map_or(0, |status| status.parse().expect("a status"));
            finish(self.shell(&text).spawn().expect("bash starts")).assert_status(status);
            self.exported.extend(
                text.lines().filter(|line| line.starts_with("export ")).map(|line| format!("{line}\n")),
            );
        }
    }
}

/// Where the documents are.
fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

#[track_caller]
fn read(page: &str) {
    let text = fs::read_to_string(docs().join(page)).expect("a page");
    let mut reader = Reader::new();
    blocks(&text).iter().for_each(|block| reader.read(block));
}

/// A test for each page that is read.
macro_rules! pages {
    ($($test:ident: $page:literal,)*) => {
        const READ: &[&str] = &[$($page),*];
        $(#[test]
        fn $test() {
            read($page);
        })*
    };
}

pages! {
    the_tutorial_goes_as_it_says: "tutorial.md",
    every_way_to_log_in_works: "howto/login.md",
    rooms_are_judged_apart: "howto/rooms.md",
    a_fail_can_be_read: "howto/read-a-fail.md",
    charts_come_from_the_files: "howto/charts.md",
    a_ca_of_one_s_own_is_trusted: "howto/tls.md",
    what_needs_a_container_says_so: "howto/containers.md",
    the_korean_quick_start_goes_as_it_says: "ko/quick-start.md",
}

#[test]
fn a_page_says_which_of_its_commands_are_not_run() {
    let mut folders = vec![docs()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                assert_says_what_is_untested(&path);
            }
        }
    }
}

#[track_caller]
fn assert_says_what_is_untested(path: &Path) {
    let text = fs::read_to_string(path).expect("a page");
    let shell: Vec<Block> = blocks(&text).into_iter().filter(|block| block.language == "sh").collect();
    let page = path.strip_prefix(docs()).expect("a page of docs/").display().to_string();
    let untested = shell.iter().filter(|block| block.has("untested")).count();
    assert_eq!(untested > 0, text.contains("*Untested here: "), "{page}: its reader is told why");
    if !READ.contains(&page.as_str()) {
        assert_eq!(untested, shell.len(), "{page} is not read: its blocks say \"sh untested\"");
    }
}
