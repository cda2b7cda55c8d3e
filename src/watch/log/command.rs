//! A command whose output is a log: started, read on threads of its own, ended with the run.
//!
//! Does not know what a line says. Invariants: the command never waits for a look, nor the run for the command; it
//! does not outlive the run, however that ends; of its errors the last line is kept.

use std::io::{ErrorKind, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use startline_os::{dependent, spawn};

use super::lines::Lines;
use crate::foreign;

/// Bytes read at a time.
const PIECE_BYTES: usize = 64 << 10;
/// Of a line that is shown.
const SHOWN_CHARS_MAX: usize = 200;
/// How long its last words may take, once its output has ended.
const LAST_WORDS_WITHIN: Duration = Duration::from_millis(500);

/// A running command.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    over: Sender<Over>,
    owner: Option<JoinHandle<()>>,
}

/// What is over first: the command's output, or the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Output,
    Run,
}

#[derive(Debug, Default)]
struct Shared {
    last_error_line: Mutex<String>,
    ended: Mutex<Option<Ended>>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// `exit status 255`, or why it could not be started.
    pub how: String,
    /// The last line of its standard error, in one harmless line; empty if there was none.
    pub last_line: String,
}

impl Running {
    /// Starts the command. `each` sees every line of its standard output, on another thread.
    pub fn start(command: &[String], each: impl FnMut(&[u8]) + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let (over, is_over) = channel();
        let (command, on_thread, output_over) = (command.to_vec(), Arc::clone(&shared), over.clone());
        // The kernel kills the command when this thread ends, so the thread stays as long as the command may.
        let owning = move || own(&command, &on_thread, each, output_over, &is_over);
        let owner = thread::Builder::new().name("log command".into()).spawn(owning);
        let owner = owner.map_err(|error| shared.end(spawn::explained(error).to_string())).ok();
        Self { shared, over, owner }
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        lock(&self.shared.ended).clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The owner may be gone already. Else it ends the command within a second or so, and waits for no reader.
        let _ = self.over.send(Over::Run);
        if let Some(owner) = self.owner.take() {
            let _ = owner.join();
        }
    }
}

impl Shared {
    fn heard(&self, line: &[u8]) {
        let line = foreign::line(&String::from_utf8_lossy(line), SHOWN_CHARS_MAX);
        if !line.is_empty() {
            *lock(&self.last_error_line) = line;
        }
    }

    fn end(&self, how: String) {
        let last_line = lock(&self.last_error_line).clone();
        *lock(&self.ended) = Some(Ended { how, last_line });
    }
}

/// Starts the command and stays until its output or the run is over.
fn own(
    command: &[String],
    shared: &Arc<Shared>,
    each: impl FnMut(&[u8]) + Send + 'static,
    output_over: Sender<Over>,
    is_over: &Receiver<Over>,
) {
    let Some((program, arguments)) = command.split_first() else {
        return shared.end("it is empty".into());
    };
    let mut starting = Command::new(program);
    starting.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // ssh would open a window to ask for a password, and wait.
    starting.env("SSH_ASKPASS_REQUIRE", "never");
    let mut child = match dependent::spawn(&mut starting) {
        Ok(child) => child,
        Err(error) => return shared.end(format!("it cannot be started: {error}")),
    };
    let (errors_over, last_words) = channel::<()>();
    let (output, errors, keeper) = (child.stdout.take(), child.stderr.take(), Arc::clone(shared));
    let readers = reading("log output", move || {
        if let Some(output) = output {
            read(output, each);
        }
        // Nobody listens once the run is over.
        let _ = output_over.send(Over::Output);
    })
    .and_then(|()| {
        reading("log errors", move || {
            if let Some(errors) = errors {
                read(errors, |line| keeper.heard(line));
            }
            drop(errors_over);
        })
    });
    if readers.is_ok() && is_over.recv() == Ok(Over::Output) {
        // It may be about to say why.
        let _ = last_words.recv_timeout(LAST_WORDS_WITHIN);
    }
    let ended = dependent::end(&mut child).map_or_else(|| "in an unknown way".into(), dependent::ended);
    shared.end(readers.err().unwrap_or(ended));
}

fn reading(name: &str, read: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let thread = thread::Builder::new().name(name.into()).spawn(read);
    thread.map(drop).map_err(|error| spawn::explained(error).to_string())
}

/// Reads to the end; `each` sees every line.
fn read(mut from: impl Read, mut each: impl FnMut(&[u8])) {
    let mut lines = Lines::default();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return lines.end(&mut each),
            Ok(length) => lines.take(&piece[..length], &mut each),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return lines.end(&mut each),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a thread that panicked left behind is whole: each change is one assignment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(String::from).into()
    }

    #[track_caller]
    fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
        let give_up = Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(Instant::now() < give_up, "{what} did not come to pass");
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn ended(command: &[String]) -> Ended {
        let running = Running::start(command, |_| {});
        eventually("the end", || running.ended().is_some());
        running.ended().expect("it ended")
    }

    #[test]
    fn the_last_line_of_its_errors_is_kept() {
        let script = "echo one; echo 'warning' >&2; printf 'ssh: \\033[31mno route\n\n' >&2; exit 255";
        let expected = Ended { how: "exit status 255".into(), last_line: "ssh: [31mno route".into() };
        assert_eq!(ended(&shell(script)), expected);
        assert_eq!(ended(&shell("exit 0")), Ended { how: "exit status 0".into(), last_line: String::new() });
        let missing = ended(&["/nowhere/ssh".to_owned()]);
        assert!(missing.how.starts_with("it cannot be started: No such file"), "{missing:?}");
    }

    #[test]
    fn a_flood_is_read_to_its_end() {
        let seen = Arc::new(AtomicU64::new(0));
        let counting = Arc::clone(&seen);
        // 200,000 lines, and as many errors, which nobody wants.
        let script = "seq 200000 & seq 200000 >&2; wait";
        let running = Running::start(&shell(script), move |_| {
            counting.fetch_add(1, Ordering::Relaxed);
        });
        eventually("the end", || running.ended().is_some());
        assert_eq!(seen.load(Ordering::Relaxed), 200_000);
        assert_eq!(running.ended().map(|ended| ended.last_line), Some("200000".into()));
    }

    #[test]
    fn one_that_hangs_ends_with_the_run() {
        let (said, saying) = channel();
        let script = "trap '' TERM; echo $$; sleep 300";
        let running = Running::start(&shell(script), move |line| said.send(line.to_vec()).expect("heard"));
        let id = saying.recv_timeout(Duration::from_secs(20)).expect("its id");
        let began = Instant::now();
        drop(running);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        let id: i32 = String::from_utf8_lossy(&id).parse().expect("an id");
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists(), "it was waited for");
    }
}
