//! A thread that alone writes standard error, behind a queue with a bound.
//!
//! Does not know what lines say. Invariants: no caller waits for a reader longer than it asked to; where nobody reads, the
//! oldest lines go first, and how many did is printed in their place; a status line is gone before a line is printed.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::checks::table::fitted;
use crate::foreign;

/// Lines that wait for a reader; what a terminal shows of them is less.
const LINES_MAX: usize = 256;
/// How long a caller waits by default for its line to appear, so that what it prints elsewhere comes after it.
const PATIENCE: Duration = Duration::from_millis(200);

/// Something to print.
#[derive(Debug)]
enum Chunk {
    /// Stays.
    Line(String),
    /// Is replaced by the next one.
    Status(String),
    /// Removes the status line.
    Clear,
    /// A line that is true only now: gone when what has been held back is printed.
    Passing(String),
    /// Bytes that others could not write in time, in front of everything else.
    Raw(Vec<u8>),
}

/// Standard error. Clones print to the same place.
#[derive(Clone, Debug, Default)]
pub struct Printer {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Columns of the terminal; none where it is none.
    columns: Option<fn() -> usize>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Chunk>,
    /// Lines that nobody read in time, since that was last printed.
    dropped: u64,
    is_writing: bool,
    /// A view has the screen: lines wait in the queue until it gives it back.
    is_held: bool,
    /// Somebody has waited in vain; nobody else does until a write ends.
    is_stuck: bool,
}

impl Printer {
    /// Prints to `out`, which may take as long as it likes.
    #[cfg(test)]
    pub fn to(out: impl Write + Send + 'static) -> Self {
        Self::fitting(out, None)
    }

    /// Prints to `out`, which may take as long as it likes; lines longer than these columns are broken at spaces.
    pub fn fitting(mut out: impl Write + Send + 'static, columns: Option<fn() -> usize>) -> Self {
        let shared = Shared { columns, ..Shared::default() };
        let printer = Self { shared: Arc::new(shared) };
        let shared = Arc::clone(&printer.shared);
        let write = move || {
            let mut is_drawn = false;
            loop {
                let bytes = shared.next(&mut is_drawn);
                // Nobody may be there any more, which ends nothing.
                let _ = out.write_all(&bytes).and_then(|()| out.flush());
                shared.written();
            }
        };
        // Without a thread nothing is printed, and nothing waits.
        let started = thread::Builder::new().name("printer".into()).spawn(write);
        printer.shared.state().is_stuck = started.is_err();
        printer
    }

    /// Prints a line, soon.
    pub fn line(&self, text: &str) {
        self.shared.add(Chunk::Line(foreign::shown_plain(text)));
    }

    /// Prints a line that is true only now: while lines are held back, for whoever shows those.
    pub fn passing(&self, text: &str) {
        self.shared.add(Chunk::Passing(foreign::shown_plain(text)));
    }

    /// Holds lines back from here on.
    pub fn hold(&self) {
        self.shared.state().is_held = true;
    }

    /// Prints what was held back, after these bytes; what was only passing is gone.
    pub fn release(&self, first: Vec<u8>) {
        let mut state = self.shared.state();
        state.is_held = false;
        state.queue.retain(|chunk| !matches!(chunk, Chunk::Passing(_)));
        if !first.is_empty() {
            state.queue.push_front(Chunk::Raw(first));
        }
        self.shared.changed.notify_all();
    }

    /// The last lines that are held back, at most this many, latest last.
    pub fn held(&self, lines_max: usize) -> Vec<String> {
        let state = self.shared.state();
        let line = |chunk: &Chunk| match chunk {
            Chunk::Line(text) | Chunk::Passing(text) => Some(text.clone()),
            Chunk::Status(_) | Chunk::Clear | Chunk::Raw(_) => None,
        };
        let mut lines: Vec<String> = state.queue.iter().rev().filter_map(line).take(lines_max).collect();
        lines.reverse();
        lines
    }

    /// Prints a line, and waits a moment until it is there.
    pub fn line_now(&self, text: &str) {
        self.line(text);
        if !self.shared.state().is_stuck {
            self.flush(PATIENCE);
        }
    }

    /// Draws the status line anew.
    pub fn status(&self, text: String) {
        self.shared.add(Chunk::Status(foreign::shown_plain(&text)));
    }

    /// Removes the status line.
    pub fn clear(&self) {
        self.shared.add(Chunk::Clear);
    }

    /// Waits until everything is printed; `false` if it was not in this time.
    pub fn flush(&self, patience: Duration) -> bool {
        let is_busy = |state: &mut State| {
            state.is_writing || !state.is_held && (!state.queue.is_empty() || state.dropped > 0)
        };
        let waited = self.shared.changed.wait_timeout_while(self.shared.state(), patience, is_busy);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_stuck |= waited.timed_out();
        !waited.timed_out()
    }
}

impl Shared {
    /// A panic while it is held leaves nothing half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, chunk: Chunk) {
        let mut state = self.state();
        // Of what is drawn, only the newest matters.
        if matches!(chunk, Chunk::Status(_) | Chunk::Clear) {
            while matches!(state.queue.back(), Some(Chunk::Status(_) | Chunk::Clear)) {
                state.queue.pop_back();
            }
        }
        if state.queue.len() == LINES_MAX {
            let oldest = state.queue.pop_front();
            state.dropped += u64::from(matches!(oldest, Some(Chunk::Line(_) | Chunk::Passing(_))));
        }
        state.queue.push_back(chunk);
        self.changed.notify_all();
    }

    /// Waits for the next bytes to write.
    fn next(&self, is_drawn: &mut bool) -> Vec<u8> {
        let nothing = |state: &mut State| state.is_held || state.queue.is_empty() && state.dropped == 0;
        let waited = self.changed.wait_while(self.state(), nothing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_writing = true;
        let chunk = match std::mem::take(&mut state.dropped) {
            0 => state.queue.pop_front().unwrap_or(Chunk::Clear),
            dropped => Chunk::Line(format!("({dropped} lines are missing here: nobody read standard error)")),
        };
        drop(state);
        let was_drawn = std::mem::replace(is_drawn, matches!(chunk, Chunk::Status(_)));
        let fit = |text: String| self.columns.map_or(text.clone(), |columns| fitted(&text, columns(), false));
        let text = match chunk {
            Chunk::Raw(bytes) => return bytes,
            Chunk::Line(text) | Chunk::Passing(text) if was_drawn => format!("\r\x1b[K{}\n", fit(text)),
            Chunk::Line(text) | Chunk::Passing(text) => fit(text) + "\n",
            Chunk::Status(text) => format!("\r{text}\x1b[K"),
            Chunk::Clear if was_drawn => "\r\x1b[K".to_owned(),
            Chunk::Clear => String::new(),
        };
        text.into_bytes()
    }

    fn written(&self) {
        let mut state = self.state();
        (state.is_writing, state.is_stuck) = (false, false);
        self.changed.notify_all();
    }
}

/// A descriptor that is written without the lock and the buffer of the standard library's handles: who waits for a reader holds
/// nothing that others need.
#[derive(Debug)]
pub struct Raw<F>(pub F);

impl<F: AsFd> Write for Raw<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(&self.0, bytes) {
                // Whoever shares the terminal or the pipe may have set it so.
                Err(Errno::AGAIN) => drop(poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None)),
                written => return written.map_err(io::Error::from),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A reader that takes each write when the test lets it.
    struct Held {
        wrote: Sender<String>,
        go_on: Receiver<()>,
    }

    impl Write for Held {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.go_on.recv();
            let _ = self.wrote.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Keeps what is printed.
    #[derive(Clone, Default)]
    pub(in crate::terminal) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub(in crate::terminal) fn printed(&self, by: &Printer) -> String {
            assert!(by.flush(LONG), "printed");
            String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("text")
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn without_a_reader_nobody_waits_and_the_newest_lines_stay() {
        let ((wrote, written), (let_go, go_on)) = (channel(), channel());
        let printer = Printer::to(Held { wrote, go_on });
        for number in 0..LINES_MAX + 10 {
            printer.status(format!("status {number}"));
            printer.line(&number.to_string());
        }
        assert!(!printer.flush(Duration::from_millis(1)));
        // Waits for nobody a second time, or this would take its time.
        (0..10_000).for_each(|_| printer.line_now("told"));
        printer.line("last");
        drop(let_go);
        assert!(printer.flush(LONG));
        let printed: Vec<String> = written.try_iter().collect();
        let missing = |text: &String| {
            // What was drawn before it, if anything, is cleared first.
            let (_, text) = text.split_once('(')?;
            let count = text.strip_suffix(" lines are missing here: nobody read standard error)\n")?;
            count.parse::<usize>().ok()
        };
        let lines = printed.iter().filter(|text| missing(text).is_none() && !text.contains("status"));
        let (lost, shown) = (printed.iter().filter_map(missing).sum::<usize>(), lines.count());
        assert!(shown <= LINES_MAX + 1, "{shown}");
        assert_eq!(lost + shown, LINES_MAX + 10 + 10_000 + 1, "each line is printed or counted");
        assert_eq!(printed.last().map(String::as_str), Some("last\n"));
    }

    #[test]
    fn what_is_drawn_is_replaced_and_gone_before_a_line() {
        let kept = Kept::default();
        let printer = Printer::to(kept.clone());
        for step in [
            || Chunk::Clear,
            || Chunk::Status("one".into()),
            || Chunk::Status("two".into()),
            || Chunk::Line("a line".into()),
            || Chunk::Line("another".into()),
            || Chunk::Status("three".into()),
            || Chunk::Clear,
        ] {
            printer.shared.add(step());
            assert!(printer.flush(LONG));
        }
        let printed = kept.printed(&printer);
        assert_eq!(printed, "\rone\x1b[K\rtwo\x1b[K\r\x1b[Ka line\nanother\n\rthree\x1b[K\r\x1b[K");
    }
}
