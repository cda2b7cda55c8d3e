//! What a command prints as its result: on standard output, or on standard error if that cannot be written.
//!
//! Does not know what is printed. Invariants: a result appears somewhere; a reader that closes the pipe is not an error, and
//! no reason to leave anything undone; one that does not read is waited for as long as it may still come, never for ever.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::checks::Page;
use crate::foreign;
use crate::interrupt::Interrupt;
use crate::terminal::printer::Raw;
use crate::terminal::{flush, tell};

/// How long a terminal may be paused while a result waits for it.
const TERMINAL_PAUSE: Duration = Duration::from_secs(5);
/// How long the reader of a pipe may read nothing.
const PIPE_PAUSE: Duration = Duration::from_secs(30);
/// The same once a signal has asked for the end.
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// Between two looks for a signal.
const LOOK: Duration = Duration::from_millis(50);
/// Written at a time: each is progress.
const CHUNK_BYTES: usize = 4096;
/// What was printed on standard error before comes before this, unless that takes longer.
const ORDER: Duration = Duration::from_millis(500);

/// Prints a result on standard output: as JSON, or as the text that is made for this page.
pub(crate) fn print_found(
    interrupt: Option<&Interrupt>,
    json: bool,
    found: &impl Serialize,
    text: impl FnOnce(Page) -> String,
) -> anyhow::Result<()> {
    let text = match json {
        true => foreign::json_pretty(found)?,
        false => text(Page::of(&io::stdout())),
    };
    Ok(print_patiently(interrupt, text)?)
}

/// [`print_found`] for checks, whose exit status is the verdict whether it could be printed or not.
pub(crate) fn print_or_tell(
    interrupt: Option<&Interrupt>,
    json: bool,
    found: &impl Serialize,
    text: impl FnOnce(Page) -> String,
) {
    if let Err(error) = print_found(interrupt, json, found, text)
        && !is_broken_pipe(&error)
    {
        tell(&format!("warning: the checks could not be printed: {error:#}"));
    }
}

pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints a step's result; `false` if it cannot be printed. Standard error then has the reason and the result itself, after
/// `severity` (`error`, or `warning` where a file has the result as well).
pub fn print(interrupt: Option<&Interrupt>, severity: &str, text: &str) -> bool {
    match print_patiently(interrupt, text.to_owned()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            tell(&format!("{severity}: standard output cannot be written ({error}); the result is:"));
            tell(text.trim_end());
            false
        }
        _ => true,
    }
}

/// Prints on standard output, and waits for its reader as long as that makes sense; without `interrupt` until a signal ends the
/// process.
///
/// # Errors
/// It cannot be written, or nobody has read it for too long.
pub(crate) fn print_patiently(interrupt: Option<&Interrupt>, text: String) -> io::Result<()> {
    flush(ORDER);
    let pause = if io::stdout().is_terminal() { TERMINAL_PAUSE } else { PIPE_PAUSE };
    let patience = || match interrupt {
        // A signal ends the process, whatever it waits for.
        None => Duration::MAX,
        Some(interrupt) if interrupt.reason().is_some() => LAST_PAUSE,
        Some(_) => pause,
    };
    write_patiently(Raw(io::stdout()), foreign::shown(&text), patience)
}

/// Writes all of it on a thread of its own, which is left behind if nothing is taken for as long as there is patience.
fn write_patiently(
    mut out: impl Write + Send + 'static,
    text: String,
    patience: impl Fn() -> Duration,
) -> io::Result<()> {
    let written = Arc::new(AtomicUsize::new(0));
    let (sender, done) = mpsc::channel();
    let counted = Arc::clone(&written);
    let write = move || {
        let chunks = text.as_bytes().chunks(CHUNK_BYTES).map(|chunk| {
            counted.fetch_add(1, Ordering::Relaxed);
            out.write_all(chunk)
        });
        // The waiting side may have given up.
        let _ = sender.send(chunks.collect::<io::Result<()>>());
    };
    thread::Builder::new().name("result".into()).spawn(write)?;
    let (mut seen, mut since) = (0, Instant::now());
    loop {
        match done.recv_timeout(LOOK) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other("the thread that writes died"));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = written.load(Ordering::Relaxed);
        if now != seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() >= patience() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_pipe_is_no_failure() {
        let broken = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("printing");
        assert!(is_broken_pipe(&broken));
        assert!(!is_broken_pipe(&anyhow::anyhow!("broken pipe")));
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_given_up_and_one_that_is_read_gets_everything() {
        use std::io::Read as _;
        let text = "0123456789".repeat(100_000);
        let (_unread, full) = io::pipe().expect("a pipe");
        let error = write_patiently(full, text.clone(), || Duration::ZERO).expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let (mut read, out) = io::pipe().expect("a pipe");
        let reader = thread::spawn(move || {
            let mut all = String::new();
            read.read_to_string(&mut all).map(|_| all)
        });
        write_patiently(out, text.clone(), || Duration::from_secs(60)).expect("it is read");
        assert_eq!(reader.join().expect("no panic").expect("text"), text);
    }
}
