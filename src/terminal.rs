//! One line on standard error that tells how something stands: redrawn on a terminal, printed now and then elsewhere.
//!
//! Knows nothing of what is told. Invariants: what is drawn never wraps, so that the next one can replace it; it is gone before
//! anything else is printed through [`Redrawn::say`].

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::report::progress::terminal_columns;

/// See the module.
#[derive(Debug)]
pub struct Redrawn {
    terminal: bool,
    drawn: bool,
    plain_every: Duration,
    next_plain: Instant,
}

impl Redrawn {
    /// Where there is no terminal, a line this often.
    pub fn new(plain_every: Duration) -> Self {
        let terminal =
            io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { terminal, drawn: false, plain_every, next_plain: Instant::now() }
    }

    /// The same, the first of them after that time: for what mostly ends before it.
    pub fn after_a_while(plain_every: Duration) -> Self {
        Self { next_plain: Instant::now() + plain_every, ..Self::new(plain_every) }
    }

    /// Shows how it stands. Errors are dropped: nobody to tell, and nothing to stop for.
    pub fn show(&mut self, text: &dyn Fn() -> String) {
        if self.terminal {
            // One column is left free: some terminals wrap when the last one is written.
            let width = terminal_columns().saturating_sub(1);
            let text: String = text().chars().take(width).collect();
            let _ = write!(io::stderr(), "\r{text}\x1b[K");
            self.drawn = true;
        } else if Instant::now() >= self.next_plain {
            tell(&text());
            self.next_plain = Instant::now() + self.plain_every;
        }
    }

    /// Takes what is drawn away; where lines stay, the last one is to be how it ended.
    pub fn finish(&mut self, text: &dyn Fn() -> String) {
        if self.terminal { self.clear() } else { tell(&text()) }
    }

    /// Prints a line of its own.
    pub fn say(&mut self, text: &str) {
        self.clear();
        tell(text);
    }

    /// Takes what is drawn away.
    pub fn clear(&mut self) {
        if self.drawn {
            let _ = write!(io::stderr(), "\r\x1b[K");
            self.drawn = false;
        }
    }
}

/// Prints a line on standard error. Nobody may be reading there any more, which is no reason to end a run.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
