//! What the tests that run the binary share: a private directory, a deadline, a result to read.

pub(crate) mod frames;
pub(crate) mod http;
pub(crate) mod peer;
pub(crate) mod played;
pub(crate) mod processes;
pub(crate) mod scraped;
pub(crate) mod served;
pub(crate) mod terminal;
pub(crate) mod tls_peer;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// No run of a test takes longer; a binary that does is killed and the test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Between two looks at what is waited for: whoever looks without a pause takes the core from what
/// it waits for.
const LOOK: Duration = Duration::from_millis(1);

/// The binary under test.
pub(crate) fn startline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_startline"));
    // Where tests run on GitHub, their runs are not what the job's page is about.
    command.env_remove("GITHUB_STEP_SUMMARY");
    piped(&mut command);
    command
}

/// Nothing comes in, and what comes out is the test's to read.
pub(crate) fn piped(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped())
}

/// Runs the binary to its end.
#[track_caller]
pub(crate) fn run(args: &[&str]) -> Finished {
    finish(startline().args(args).spawn().expect("the binary starts"))
}

/// Waits for a started binary, up to the deadline.
#[track_caller]
pub(crate) fn finish(child: Child) -> Finished {
    let id = child.id();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(DEADLINE) {
        Ok(output) => Finished::of(output.expect("the output can be read")),
        Err(_) => {
            signal(id, libc::SIGKILL);
            panic!("the binary did not end within {DEADLINE:?}");
        }
    }
}

/// Runnity's scenario without the look-up, which would end a run against other servers before it starts.
pub(crate) fn without_look_up() -> String {
    let source = include_str!("../../scenarios/runnity.toml");
    let (before, rest) = source.split_once("[schedule]\n").expect("a look-up");
    let (_, after) = rest.split_once("[websocket]\n").expect("a WebSocket after it");
    // Only the request to join uses it.
    let before = before.replace("challenge_password = \"\"\n", "");
    format!("{before}[websocket]\n{after}")
}

/// A `startline run` being put together: options by name, in the order given.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    args: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Run {
    fn new() -> Self {
        // Tests share their machine with other tests and with builds: what they are about is never
        // how late it is.
        Self { args: vec!["run".into()], variables: Vec::new() }.with("lag-limit", "30s")
    }

    /// A short run of this many sessions with the built-in mock server, every phase of which is seen.
    pub(crate) fn small(sessions: u32, out: &Path) -> Self {
        let run = Self::new().with("sessions", sessions).with("out", out.display()).patient(out);
        run.with("ramp", "2s").with("hold", "3s").with("ramp-down", "500ms").with("ping-interval", "1s")
    }

    /// By Runnity's scenario without its limits to latencies: what this machine is busy with beside
    /// a test is not what is tested.
    fn patient(self, out: &Path) -> Self {
        let mut scenario = include_str!("../../scenarios/runnity.toml").to_owned();
        for limit in ["below = 100\n", "below = 200\nwarn = 500\n", "below = 1000\n"] {
            assert!(scenario.contains(limit), "{limit:?} is a limit of the scenario's");
            scenario = scenario.replace(limit, "below = 30000\n");
        }
        let file = out.with_file_name("patient.toml");
        std::fs::write(&file, scenario).expect("written");
        self.with("scenario", file.display())
    }

    /// A run as short as it can be against a target's challenge 38, of members from 13 on.
    pub(crate) fn against(target: &str, sessions: u32, out: &Path) -> Self {
        let run = Self::new().with("target", target).with("challenge", 38).patient(out);
        run.with("members", format!("13-{}", 12 + sessions))
            .with("sessions", sessions)
            .with("ramp", "500ms")
            .with("hold", "300ms")
            .with("ramp-down", "0")
            .with("out", out.display())
    }

    /// Puts tables into its scenario, before `[websocket]`.
    pub(crate) fn and_tables(self, tables: &str) -> Self {
        let file = self.value("scenario");
        let source = std::fs::read_to_string(file).expect("a scenario in a file");
        let (before, after) = source.split_once("\n[websocket]\n").expect("a WebSocket");
        std::fs::write(file, format!("{before}\n{tables}\n[websocket]\n{after}")).expect("written");
        self
    }

    /// Sets an option; one that exists already is replaced.
    pub(crate) fn with(mut self, option: &str, value: impl ToString) -> Self {
        let option = format!("--{option}");
        match self.args.iter().position(|arg| *arg == option) {
            Some(at) => self.args[at + 1] = value.to_string(),
            None => self.args.extend([option, value.to_string()]),
        }
        self
    }

    /// The value of an option that is there.
    pub(crate) fn value(&self, option: &str) -> &str {
        let option = format!("--{option}");
        let at = self.args.iter().position(|arg| *arg == option).expect("it is there");
        &self.args[at + 1]
    }

    /// Adds an option that may be there already.
    pub(crate) fn and(mut self, option: &str, value: &str) -> Self {
        self.args.extend([format!("--{option}"), value.to_owned()]);
        self
    }

    /// Sets an option that has no value.
    pub(crate) fn flag(mut self, option: &str) -> Self {
        self.args.push(format!("--{option}"));
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn variable(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }

    /// Takes an option back.
    pub(crate) fn without(mut self, option: &str) -> Self {
        let option = format!("--{option}");
        if let Some(at) = self.args.iter().position(|arg| *arg == option) {
            self.args.drain(at..at + 2);
        }
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn finish(&self) -> Finished {
        finish(self.start())
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Child {
        self.command().spawn().expect("the binary starts")
    }

    /// It, to be started in an environment of the test's.
    pub(crate) fn command(&self) -> Command {
        let mut command = startline();
        command.args(&self.args).envs(self.variables.clone());
        command
    }
}

/// Sends a signal to a process that this test has started.
pub(crate) fn signal(id: u32, signal: i32) {
    // SAFETY: kill() takes two integers and touches no memory; the process is our own child.
    unsafe { libc::kill(id as libc::pid_t, signal) };
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What was printed on standard output, in one line: where it is wrapped does not matter.
    pub(crate) fn text(&self) -> String {
        self.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The exit status, with everything printed when it is another.
    #[track_caller]
    pub(crate) fn assert_status(&self, status: i32) -> &Self {
        assert_eq!(self.status, status, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }
}

/// A summary as written.
#[track_caller]
pub(crate) fn summary(directory: &Path) -> Value {
    let path = directory.join("summary.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("the summary is JSON")
}

/// A number in a summary.
#[track_caller]
pub(crate) fn number(summary: &Value, pointer: &str) -> f64 {
    let value = summary.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is missing in {summary:#}"));
    value.as_f64().unwrap_or_else(|| panic!("{pointer} is {value}"))
}

/// Waits until `ready` says so, up to the deadline.
#[track_caller]
pub(crate) fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    let give_up = Instant::now() + DEADLINE;
    while !ready() {
        assert!(Instant::now() < give_up, "{what} did not come to pass");
        std::thread::park_timeout(LOOK);
    }
}

/// For where time is what is tested: a server that takes this long. Parking may end early.
pub(crate) fn let_pass(span: Duration) {
    let until = Instant::now() + span;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// How often each kind of failure came.
#[track_caller]
pub(crate) fn kinds(summary: &Value) -> Vec<(String, u64)> {
    let kinds = summary["errors"]["by_kind"].as_object().expect("an object");
    kinds.iter().map(|(kind, count)| (kind.clone(), count.as_u64().expect("a count"))).collect()
}

/// A path for results in a directory that goes away with the test.
pub(crate) fn results(temp: &tempfile::TempDir) -> PathBuf {
    temp.path().join("results")
}

/// What each thread of a process has open, by the thread's name: what the links of its descriptors
/// say.
#[track_caller]
pub(crate) fn descriptor_tables(process: u32) -> BTreeMap<String, Vec<String>> {
    let mut tables = BTreeMap::new();
    for task in std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        let links = std::fs::read_dir(task.path().join("fd")).into_iter().flatten().flatten();
        let links: Vec<String> = links
            .filter(|link| {
                link.file_name().to_str().and_then(|fd| fd.parse::<u32>().ok()).is_some_and(|fd| fd > 2)
            })
            .filter_map(|link| Some(std::fs::read_link(link.path()).ok()?.to_string_lossy().into_owned()))
            .collect();
        tables.insert(name.trim().to_owned(), links);
    }
    tables
}

/// The sockets among them.
pub(crate) fn sockets_in(table: &[String]) -> Vec<&String> {
    table.iter().filter(|link| link.starts_with("socket:")).collect()
}

/// No key of the object at this place may be left out, and no other may be added, as `is_valid`
/// judges.
#[track_caller]
pub(crate) fn assert_every_key_counts(whole: &Value, at: &str, is_valid: &dyn Fn(&Value) -> bool) {
    let with = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut spoilt = whole.clone();
        change(spoilt.pointer_mut(at).and_then(Value::as_object_mut).expect("an object"));
        spoilt
    };
    for key in whole.pointer(at).and_then(Value::as_object).expect("an object").keys() {
        let spoilt = with(&|object| drop(object.remove(key)));
        assert!(!is_valid(&spoilt), "{at}/{key} may be left out");
    }
    let spoilt = with(&|object| drop(object.insert("surprise".into(), Value::from(1))));
    assert!(!is_valid(&spoilt), "an unknown key at {at:?} is accepted");
}

/// Paths as text, which those of tests are.
#[track_caller]
pub(crate) fn text(path: &(impl AsRef<OsStr> + ?Sized)) -> &str {
    path.as_ref().to_str().expect("a path of UTF-8")
}
