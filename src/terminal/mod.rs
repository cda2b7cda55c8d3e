//! Standard error: messages, and one status line that is redrawn on a terminal and printed now and then elsewhere.
//!
//! Does not know what the line says. Invariants: what is drawn never wraps, so that the next one can replace it; it is
//! gone before anything else is printed; a terminal that nobody reads costs lines and stops nothing (`printer`). A view may have
//! the whole screen meanwhile (`screen`).

pub(crate) mod printer;
pub(crate) mod screen;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal};
use std::panic;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use self::printer::{Printer, Raw};
use crate::checks::table::terminal_columns;
use crate::foreign::in_words;

/// The process's standard error.
fn standard_error() -> &'static Printer {
    static PRINTER: OnceLock<Printer> = OnceLock::new();
    PRINTER.get_or_init(|| Printer::fitting(Raw(io::stderr()), stderr_columns()))
}

/// Reads how wide the terminal is that standard error goes to; none where it goes elsewhere.
fn stderr_columns() -> Option<fn() -> usize> {
    let columns: fn() -> usize = || terminal_columns(&io::stderr());
    io::stderr().is_terminal().then_some(columns)
}

/// The one line that says how far something has come.
#[derive(Debug)]
pub struct StatusLine {
    out: Printer,
    /// Columns to draw in; none where a line cannot be redrawn.
    columns: Option<fn() -> usize>,
    plain_interval: Duration,
    next_plain: Instant,
}

impl StatusLine {
    /// On standard error; where that is no terminal, a line at this interval.
    pub fn new(plain_interval: Duration) -> Self {
        Self::to(standard_error().clone(), stderr_columns().filter(|_| !is_dumb()), plain_interval)
    }

    /// The same, with the first plain line one interval from now: for what mostly ends before it.
    pub fn after_a_while(plain_interval: Duration) -> Self {
        Self { next_plain: Instant::now() + plain_interval, ..Self::new(plain_interval) }
    }

    fn to(out: Printer, columns: Option<fn() -> usize>, plain_interval: Duration) -> Self {
        Self { out, columns, plain_interval, next_plain: Instant::now() }
    }

    /// Shows the text that is made for this many columns.
    pub fn show(&mut self, text: impl Fn(usize) -> String) {
        if let Some(columns) = self.columns {
            // One column is left free: some terminals wrap when the last one is written.
            let width = columns().saturating_sub(1);
            self.out.status(text(width).chars().take(width).collect());
        } else if Instant::now() >= self.next_plain {
            self.out.line(&text(usize::MAX));
            self.next_plain = Instant::now() + self.plain_interval;
        }
    }

    /// Removes what is drawn; where lines stay, prints the last one.
    pub fn finish(&mut self, text: impl Fn(usize) -> String) {
        match self.columns {
            Some(_) => self.clear(),
            None => self.say(&text(usize::MAX)),
        }
    }

    /// Prints a line of its own.
    pub fn say(&mut self, text: &str) {
        self.out.line(&in_words(text));
    }

    /// Removes what is drawn.
    pub fn clear(&mut self) {
        self.out.clear();
    }
}

/// Prints a line on standard error, after what was printed before and before what is printed next. Nobody may be reading there,
/// which is no reason to end a run, or to wait for longer than a moment.
pub(crate) fn tell(line: &str) {
    standard_error().line_now(&in_words(line));
}

/// The same for those who must not wait at all.
pub(crate) fn tell_soon(line: &str) {
    standard_error().line(&in_words(line));
}

/// The same for what is true only now: where a view holds lines back, it shows this one, and it is not printed later.
pub(crate) fn tell_passing(line: &str) {
    standard_error().passing(&in_words(line));
}

/// Waits until standard error has everything, at most this long; a view that has the screen gives it back.
pub(crate) fn flush(patience: Duration) {
    screen::take_back();
    standard_error().flush(patience);
}

/// Whether the terminal obeys no commands.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Has panics, which are defects, printed as any other message: the standard library's own way waits for a reader.
pub(crate) fn print_panics() {
    panic::set_hook(Box::new(|defect| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        tell_soon(&format!("defect of startline, in thread {name}: {defect}"));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            tell_soon(&trace.to_string());
        }
        // A view would hide it.
        screen::ask_back();
    }));
}

#[cfg(test)]
mod tests {
    use super::printer::tests::Kept;
    use super::*;

    #[test]
    fn without_a_terminal_a_line_comes_at_each_interval() {
        let kept = Kept::default();
        let out = Printer::to(kept.clone());
        let mut line = StatusLine::to(out.clone(), None, Duration::from_secs(5));
        line.show(|_| "first".into());
        line.show(|_| "too early".into());
        line.next_plain -= Duration::from_secs(5);
        line.show(|width| format!("second of {}", usize::MAX - width));
        line.say("interrupted");
        line.clear();
        line.finish(|_| "last".into());
        assert_eq!(kept.printed(&out), "first\nsecond of 0\ninterrupted\nlast\n");
    }

    #[test]
    fn on_a_terminal_long_lines_are_broken_at_spaces() {
        let kept = Kept::default();
        let out = Printer::fitting(kept.clone(), Some(|| 20));
        out.line("error: there is no such file");
        out.line("scenario   runnity (login → enter)");
        let printed = kept.printed(&out);
        assert_eq!(
            printed,
            "error: there is no\nsuch file\nscenario   runnity\n           (login →\n           enter)\n"
        );
    }

    #[test]
    fn on_a_terminal_the_line_is_as_long_as_there_is_room() {
        let kept = Kept::default();
        let out = Printer::to(kept.clone());
        let mut line = StatusLine::to(out.clone(), Some(|| 5), Duration::ZERO);
        line.show(|width| format!("{width}…"));
        kept.printed(&out);
        line.show(|_| "too long".into());
        kept.printed(&out);
        line.say("interrupted");
        line.finish(|_| "unseen".into());
        assert_eq!(kept.printed(&out), "\r4…\x1b[K\rtoo \x1b[K\r\x1b[Kinterrupted\n");
    }
}
