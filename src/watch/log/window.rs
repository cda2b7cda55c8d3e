//! Which lines of a command's output belong to the run: `tail -F` begins with ten old ones, `docker logs` with all.
//!
//! Does not know what a line says. Invariant: once a line belongs to the run, all later ones do.

use crate::lang::{Reason, Sentence};
use jiff::Timestamp;

/// The run's beginning, as lines show it.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// None once it has begun.
    opens_at: Option<Timestamp>,
    /// Lines from before.
    before: u64,
    last_before: Option<Timestamp>,
}

impl Window {
    /// Opens at this instant. Servers write whole seconds, so that the second counts.
    pub fn from(start: Timestamp) -> Self {
        Self { opens_at: Some(start), ..Self::default() }
    }

    /// Whether it still has to open, so that a line's time matters.
    pub fn is_waiting(&self) -> bool {
        self.opens_at.is_some()
    }

    /// Whether a line of this time belongs to the run; one without a time does.
    pub fn takes(&mut self, at: Option<Timestamp>) -> bool {
        match (self.opens_at, at) {
            (Some(opens_at), Some(at)) if at.as_second() < opens_at.as_second() => {
                self.before += 1;
                self.last_before = Some(at);
                false
            }
            (Some(_), Some(_)) => {
                self.opens_at = None;
                true
            }
            _ => true,
        }
    }

    /// Why nothing was taken, if all that came was from before.
    pub fn why_nothing(&self) -> Option<Sentence> {
        let (opens_at, last) = (self.opens_at?, self.last_before?);
        let second = |at: Timestamp| at.strftime("%H:%M:%S").to_string();
        let why = Reason::LinesBefore.with(self.before.to_string());
        Some(why.with(second(opens_at)).with(second(last)))
    }
}

/// The instant at a line's beginning, in ISO 8601 with an offset, in brackets or not; none if there is none.
pub fn leading_instant(line: &[u8]) -> Option<Timestamp> {
    let line = line.strip_prefix(b"[").unwrap_or(line);
    let end = line.iter().take(40).position(|byte| matches!(byte, b' ' | b']' | b'\t'))?;
    let text = std::str::from_utf8(&line[..end]).ok()?;
    // The older garbage collection log has a colon after it.
    text.trim_end_matches(':').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn lines_from_before_the_run_do_not_count() {
        let mut window = Window::from(instant("2026-11-28T20:04:00.7Z"));
        assert!(window.takes(None) && window.is_waiting() && window.why_nothing().is_none());
        assert!(!window.takes(Some(instant("2026-11-28T20:03:59Z"))));
        assert_eq!(
            window.why_nothing().map(|why| why.to_string()).as_deref(),
            Some("its 1 line is from before the run, which began at 20:04:00 UTC; the last is of 20:03:59")
        );
        assert!(window.takes(Some(instant("2026-11-28T20:04:00Z"))), "cut to the second");
        assert!(window.takes(Some(instant("2026-11-28T20:03:59Z"))), "written late");
        assert!(!window.is_waiting() && window.why_nothing().is_none());
    }

    #[test]
    fn times_at_the_beginning_are_found() {
        for line in [
            "2026-11-29T05:04:00.123+09:00  INFO 1 --- [main] x",
            "[2026-11-29T05:04:00.123+0900][info][gc] GC(8)",
            "2026-11-29T05:04:00.123+0900: 9.1: [Full GC",
            "2026-11-28T20:04:00.123Z x",
        ] {
            assert_eq!(leading_instant(line.as_bytes()), Some(instant("2026-11-28T20:04:00.123Z")), "{line}");
        }
        for line in ["", "2026-11-28 20:04:00.123 INFO", "[1.2s][info]", "\u{ff}", "[2026-11-28T20:04:00Z"] {
            assert_eq!(leading_instant(line.as_bytes()), None, "{line}");
        }
    }
}
