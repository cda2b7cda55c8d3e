//! Servers of other people's making, as processes: the scripts in `servers/`, by Node and Python.
//!
//! A script announces its port in a line of JSON, answers each line on its standard input with its
//! books, and ends when that input ends: with the test, however that ends. Every wait has a deadline.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use crate::common::processes::Guarded;
use crate::common::{DEADLINE, eventually};
use crate::programs::program;

/// What installs whatever is missing.
const INSTALL: &str = "scripts/test installs what the servers of tests/interop need";

/// A server, until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Guarded,
    input: ChildStdin,
    lines: Receiver<String>,
    pub(crate) port: u64,
}

impl Server {
    /// `servers/NAME.js`, with settings of the test's.
    #[track_caller]
    pub(crate) fn node(name: &str, settings: &Value) -> Self {
        Self::start(&mut Self::node_script(&format!("{name}.js")), settings)
    }

    /// A script of `servers/` by Node, to be given its arguments.
    #[track_caller]
    pub(crate) fn node_script(name: &str) -> Command {
        let modules = installed("target/node/node_modules");
        let mut command = Command::new(program(&["node"], "apt-get install nodejs npm"));
        command.env("NODE_PATH", modules).arg(script(name));
        command
    }

    /// `servers/NAME.py`, with settings of the test's.
    #[track_caller]
    pub(crate) fn python(name: &str, settings: &Value) -> Self {
        let packages = installed("target/python");
        let mut command = Command::new(program(&["python3"], "apt-get install python3"));
        command.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
        command.arg(script(&format!("{name}.py")));
        Self::start(&mut command, settings)
    }

    #[track_caller]
    fn start(command: &mut Command, settings: &Value) -> Self {
        command.arg(settings.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Guarded::spawn(command);
        let input = process.0.stdin.take().expect("piped");
        let output = BufReader::new(process.0.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        let mut server = Self { process, input, lines, port: 0 };
        server.port = server.line()["port"].as_u64().expect("a port");
        server
    }

    /// Where it listens, for `--target`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it has counted so far.
    #[track_caller]
    pub(crate) fn books(&mut self) -> Value {
        self.input.write_all(b"\n").expect("the server reads");
        self.line()
    }

    /// What it has counted once it has seen this many sessions end.
    #[track_caller]
    pub(crate) fn closed_books(&mut self, sessions: u64) -> Value {
        self.books_once("the end of every session", |books| total(&books["closes"]) >= sessions)
    }

    /// What it has counted once that is `enough`.
    #[track_caller]
    pub(crate) fn books_once(&mut self, what: &str, enough: impl Fn(&Value) -> bool) -> Value {
        let mut books = Value::Null;
        eventually(what, || {
            books = self.books();
            enough(&books)
        });
        books
    }

    #[track_caller]
    fn line(&mut self) -> Value {
        let line = self.lines.recv_timeout(DEADLINE).unwrap_or_else(|error| {
            let ended = self.process.0.try_wait();
            panic!("the server says nothing ({error}, {ended:?}). {INSTALL}")
        });
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?} is no JSON"))
    }
}

/// The sum of one section's counters.
pub(crate) fn total(section: &Value) -> u64 {
    section.as_object().map_or(0, |counters| counters.values().filter_map(Value::as_u64).sum())
}

/// One counter; 0 if nothing was counted.
pub(crate) fn counted(books: &Value, pointer: &str) -> u64 {
    books.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn script(name: &str) -> PathBuf {
    root().join("tests/interop/servers").join(name)
}

/// A directory that `scripts/test` fills.
#[track_caller]
pub(crate) fn installed(directory: &str) -> PathBuf {
    let directory = root().join(directory);
    assert!(directory.is_dir(), "{} is missing: {INSTALL}", directory.display());
    directory
}
