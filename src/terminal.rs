//! Standard error: messages, and one status line that is redrawn on a terminal and printed now and then elsewhere.
//!
//! Does not know what the line says. Invariants: what is drawn never wraps, so that the next one can replace it; it is
//! gone before anything else is printed through [`StatusLine::say`].

use std::io::{self, IsTerminal, Stderr, Write};
use std::time::{Duration, Instant};

use crate::checks::table::terminal_columns;

/// The one line that says how far something has come.
#[derive(Debug)]
pub struct StatusLine<W: Write = Stderr> {
    out: W,
    /// Columns to draw in; none where a line cannot be redrawn.
    columns: Option<fn() -> usize>,
    is_drawn: bool,
    plain_interval: Duration,
    next_plain: Instant,
}

impl StatusLine {
    /// On standard error; where that is no terminal, a line at this interval.
    pub fn new(plain_interval: Duration) -> Self {
        let is_terminal =
            io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let columns: fn() -> usize = || terminal_columns(&io::stderr());
        Self::to(io::stderr(), is_terminal.then_some(columns), plain_interval)
    }

    /// The same, with the first plain line one interval from now: for what mostly ends before it.
    pub fn after_a_while(plain_interval: Duration) -> Self {
        Self { next_plain: Instant::now() + plain_interval, ..Self::new(plain_interval) }
    }
}

impl<W: Write> StatusLine<W> {
    fn to(out: W, columns: Option<fn() -> usize>, plain_interval: Duration) -> Self {
        Self { out, columns, is_drawn: false, plain_interval, next_plain: Instant::now() }
    }

    /// Shows the text that is made for this many columns. Errors are dropped: a terminal that cannot be written stops nothing.
    pub fn show(&mut self, text: impl Fn(usize) -> String) {
        if let Some(columns) = self.columns {
            // One column is left free: some terminals wrap when the last one is written.
            let width = columns().saturating_sub(1);
            let text: String = text(width).chars().take(width).collect();
            let _ = write!(self.out, "\r{text}\x1b[K");
            let _ = self.out.flush();
            self.is_drawn = true;
        } else if Instant::now() >= self.next_plain {
            let _ = writeln!(self.out, "{}", text(usize::MAX));
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
        self.clear();
        let _ = writeln!(self.out, "{text}");
    }

    /// Removes what is drawn.
    pub fn clear(&mut self) {
        if self.is_drawn {
            let _ = write!(self.out, "\r\x1b[K");
            let _ = self.out.flush();
            self.is_drawn = false;
        }
    }
}

/// Prints a line on standard error. Nobody may be reading there any more, which is no reason to end a run.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_a_line_comes_at_each_interval() {
        let mut out = Vec::new();
        let mut line = StatusLine::to(&mut out, None, Duration::from_secs(5));
        line.show(|_| "first".into());
        line.show(|_| "too early".into());
        line.next_plain -= Duration::from_secs(5);
        line.show(|width| format!("second of {}", usize::MAX - width));
        line.say("interrupted");
        line.clear();
        line.finish(|_| "last".into());
        assert_eq!(String::from_utf8(out).unwrap(), "first\nsecond of 0\ninterrupted\nlast\n");
    }

    #[test]
    fn on_a_terminal_the_line_is_replaced_and_gone_before_anything_else() {
        let mut out = Vec::new();
        let mut line = StatusLine::to(&mut out, Some(|| 5), Duration::ZERO);
        line.show(|width| format!("{width}…"));
        line.show(|_| "too long".into());
        line.say("interrupted");
        line.finish(|_| "unseen".into());
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "\r4…\x1b[K\rtoo \x1b[K\r\x1b[Kinterrupted\n");
    }
}
