//! The progress of a run: one line that is redrawn on a terminal, a line every few seconds
//! elsewhere.
//!
//! [`line()`] and [`plain`] make the text and know no terminal; [`Progress`] owns standard error.
//! Invariant: the drawn line never wraps, so that the next one can replace it, and it is gone
//! before anything else is printed through [`Progress::say`].

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use super::Phase;
use crate::checks::table;
use crate::numbers::{bytes, figure, grouped};

/// Where there is no terminal, a line this often.
pub const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// A run at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// How far it is.
    pub phase: Phase,
    /// Since it began.
    pub elapsed: Duration,
    /// How long ramp and hold take together, as planned.
    pub total: Duration,
    /// Sessions begun.
    pub started: u64,
    /// Sessions planned.
    pub planned: u64,
    /// Sessions open now.
    pub open: u64,
    /// Failed sessions and failed PING cycles so far.
    pub errors: u64,
    /// PONGs of the last second, 99th percentile from due.
    pub ping_p99: Option<Duration>,
    /// Messages received in the last second.
    pub messages_per_s: f64,
    /// Bytes read off sockets in the last second.
    pub bytes_per_s: f64,
    /// The workers' lateness in the last second, 99th percentile.
    pub lag_p99: Option<Duration>,
}

/// The line for a terminal of this width (in columns): what is least needed goes first when it is
/// narrow.
pub fn line(status: &Status, width: usize) -> String {
    let mut parts = vec![
        format!("{} {}/{}", status.phase, clock(status.elapsed), clock(status.total)),
        format!("open {}", grouped(status.open)),
        format!("errors {}", grouped(status.errors)),
        format!("started {}/{}", grouped(status.started), grouped(status.planned)),
    ];
    parts.extend(status.ping_p99.map(|p99| format!("ping p99 {} ms", millis(p99))));
    parts.push(format!("{} msg/s", grouped(status.messages_per_s.max(0.0) as u64)));
    parts.push(format!("{}/s", bytes(status.bytes_per_s.max(0.0) as u64)));
    parts.extend(status.lag_p99.map(|p99| format!("lag {} ms", millis(p99))));
    while parts.len() > 1 && columns(&parts) > width {
        parts.pop();
    }
    parts.join(SEPARATOR).chars().take(width).collect()
}

/// The line for a log: everything.
pub fn plain(status: &Status) -> String {
    line(status, usize::MAX)
}

const SEPARATOR: &str = "  ";

fn columns(parts: &[String]) -> usize {
    // Every character here takes one column.
    parts.iter().map(|part| part.chars().count()).sum::<usize>() + SEPARATOR.len() * (parts.len() - 1)
}

fn millis(span: Duration) -> String {
    figure(span.as_secs_f64() * 1e3)
}

/// `4:05`, `1:02:03`.
fn clock(span: Duration) -> String {
    let seconds = span.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Writes progress to standard error, in the way that suits what it is.
#[derive(Debug)]
pub struct Progress<W: Write = io::Stderr> {
    out: W,
    terminal: bool,
    drawn: bool,
    next_plain: Duration,
}

impl Progress {
    /// On standard error: redrawn if that is a terminal, a line every [`PLAIN_INTERVAL`] if not.
    pub fn stderr() -> Self {
        let out = io::stderr();
        let terminal = out.is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self::to(out, terminal)
    }
}

impl<W: Write> Progress<W> {
    /// On anything; `terminal` says whether it can be redrawn.
    pub fn to(out: W, terminal: bool) -> Self {
        Self { out, terminal, drawn: false, next_plain: Duration::ZERO }
    }

    /// Whether this is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Shows how the run stands. Errors are dropped: nobody to tell, and nothing to stop a run for.
    pub fn update(&mut self, status: &Status) {
        if self.terminal {
            // One column is left free: some terminals wrap when the last one is written.
            let text = line(status, terminal_columns().saturating_sub(1));
            let _ = write!(self.out, "\r{text}\x1b[K");
            let _ = self.out.flush();
            self.drawn = true;
        } else if status.elapsed >= self.next_plain {
            let _ = writeln!(self.out, "{}", plain(status));
            self.next_plain = status.elapsed + PLAIN_INTERVAL;
        }
    }

    /// Prints a line of its own: a warning, a phase's beginning.
    pub fn say(&mut self, text: &str) {
        self.clear();
        let _ = writeln!(self.out, "{text}");
    }

    /// Takes the drawn line away; before a summary is printed.
    pub fn clear(&mut self) {
        if self.drawn {
            let _ = write!(self.out, "\r\x1b[K");
            let _ = self.out.flush();
            self.drawn = false;
        }
    }
}

/// Columns of the terminal on standard error; 80 if it does not say.
pub fn terminal_columns() -> usize {
    table::terminal_columns(&io::stderr())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(elapsed: u64) -> Status {
        Status {
            phase: Phase::Hold,
            elapsed: Duration::from_secs(elapsed),
            total: Duration::from_secs(2040),
            started: 6000,
            planned: 6000,
            open: 5998,
            errors: 12,
            ping_p99: Some(Duration::from_micros(4_210)),
            messages_per_s: 12_345.6,
            bytes_per_s: 1_540_000.0,
            lag_p99: Some(Duration::from_micros(320)),
        }
    }

    #[test]
    fn a_wide_terminal_shows_everything() {
        assert_eq!(
            line(&status(754), 200),
            "hold 12:34/34:00  open 5,998  errors 12  started 6,000/6,000  ping p99 4.21 ms  \
             12,345 msg/s  1.54 MB/s  lag 0.320 ms"
        );
        assert_eq!(clock(Duration::from_secs(3_723)), "1:02:03");
    }

    #[test]
    fn no_width_is_ever_exceeded() {
        for width in 0..130 {
            assert!(line(&status(754), width).chars().count() <= width, "{width}");
        }
        assert_eq!(line(&status(754), 45), "hold 12:34/34:00  open 5,998  errors 12");
    }

    #[test]
    fn without_a_terminal_a_line_comes_every_five_seconds() {
        let mut out = Vec::new();
        let mut progress = Progress::to(&mut out, false);
        (0..=11).for_each(|second| progress.update(&status(second)));
        progress.say("interrupted");
        progress.clear();
        let text = String::from_utf8(out).unwrap();
        let starts: Vec<&str> = text.lines().map(|line| line.split("  ").next().unwrap()).collect();
        assert_eq!(starts, ["hold 0:00/34:00", "hold 0:05/34:00", "hold 0:10/34:00", "interrupted"]);
        assert!(!text.contains(['\r', '\x1b']));
    }

    #[test]
    fn on_a_terminal_the_line_is_replaced_and_gone_before_anything_else() {
        let mut out = Vec::new();
        let mut progress = Progress::to(&mut out, true);
        progress.update(&status(1));
        progress.update(&status(2));
        progress.say("interrupted");
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        assert!(text.ends_with("\r\x1b[Kinterrupted\n"));
    }
}
