//! How far a step has come, as a bar in text.
//!
//! Knows no terminal. Invariant: the same progress gives the same text.

use std::time::Duration;

use startline_os::units::{duration_text, grouped};

/// Columns of the bar itself.
const BAR_COLUMNS: usize = 24;
/// Servers that are silent for longer are reported.
const SILENCE_REPORTED: Duration = Duration::from_secs(3);

/// How far a step has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Members with a final outcome, whichever it is.
    pub over: usize,
    /// All of them.
    pub all: usize,
    /// Of those with a final outcome, how many were refused.
    pub without: usize,
    /// Members to retry.
    pub again: usize,
    /// Members started a second.
    pub per_s: f64,
    /// For how long no waiting member has been answered.
    pub unanswered: Duration,
}

impl Progress {
    /// Returns `joining  [#####               ] 2,500/10,000  25 %  6m15s left  3 refused  5 to retry`
    pub fn text(&self, what: &str) -> String {
        let Self { over, all, without, again, per_s, unanswered } = *self;
        let share = over as f64 / all.max(1) as f64;
        let full = (share * BAR_COLUMNS as f64) as usize;
        let bar = format!("{}{}", "#".repeat(full), ".".repeat(BAR_COLUMNS - full.min(BAR_COLUMNS)));
        let mut text = format!(
            "{what}  [{bar}] {}/{}  {:.0} %",
            grouped(over as u64),
            grouped(all as u64),
            (share * 100.0).floor()
        );
        if unanswered >= SILENCE_REPORTED {
            text.push_str(&format!("  no answer for {} s", unanswered.as_secs()));
        } else if per_s > 0.0 && over < all {
            let left = Duration::from_secs(((all - over) as f64 / per_s).ceil() as u64);
            text.push_str(&format!("  {} left", duration_text(left)));
        }
        for (count, what) in [(without, "refused"), (again, "to retry")] {
            if count > 0 {
                text.push_str(&format!("  {} {what}", grouped(count as u64)));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_far_it_is_and_how_long_it_takes() {
        let progress =
            Progress { over: 2501, all: 10_000, without: 3, again: 5, per_s: 20.0, ..Progress::default() };
        assert_eq!(
            progress.text("joining"),
            "joining  [######..................] 2,501/10,000  25 %  6m15s left  3 refused  5 to retry"
        );
        let silent = Progress { unanswered: Duration::from_secs(12), again: 0, without: 0, ..progress };
        assert_eq!(
            silent.text("joining"),
            "joining  [######..................] 2,501/10,000  25 %  no answer for 12 s"
        );
        let done = Progress { over: 7, all: 7, ..Progress::default() };
        assert_eq!(done.text("leaving"), "leaving  [########################] 7/7  100 %");
        assert!(Progress::default().text("x").contains("0/0"));
    }
}
