//! How a step tells that it goes on: a bar that is redrawn on a terminal, a line now and then elsewhere.
//!
//! [`Bar::text`] makes the text and knows no terminal, [`Redrawn`] shows it. Invariant: the same standing gives the same text.

use std::time::Duration;

use startline_os::units::{duration_text, grouped};

use crate::terminal::Redrawn;

/// Columns of the bar itself.
const BAR_COLUMNS: usize = 24;
/// Servers that are silent for longer are told of.
const UNANSWERED_TOLD: Duration = Duration::from_secs(3);
/// Where there is no terminal, a line this often.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// What there is to tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// Members who are through, whatever became of them.
    pub over: usize,
    /// All of them.
    pub all: usize,
    /// Of those who are through, how many have not got what was asked for.
    pub without: usize,
    /// To be tried again.
    pub again: usize,
    /// Members a second that are started.
    pub per_s: f64,
    /// How long nobody has been answered who waits for it.
    pub unanswered: Duration,
}

/// See the module.
#[derive(Debug)]
pub struct Bar {
    what: &'static str,
    line: Redrawn,
}

impl Bar {
    /// On standard error.
    pub fn new(what: &'static str) -> Self {
        Self { what, line: Redrawn::new(PLAIN_EVERY) }
    }

    /// Shows it.
    pub fn update(&mut self, standing: &Standing) {
        self.line.show(&|| Self::text(self.what, standing));
    }

    /// Prints a line of its own.
    pub fn say(&mut self, text: &str) {
        self.line.say(text);
    }

    /// Shows how it ended, where what was shown stays.
    pub fn finish(&mut self, standing: &Standing) {
        self.line.finish(&|| Self::text(self.what, standing));
    }

    /// `joining  [#####               ] 2,500/10,000  25 %  6m15s left  3 refused  5 to be tried again`
    fn text(what: &str, standing: &Standing) -> String {
        let Standing { over, all, without, again, per_s, unanswered } = *standing;
        let share = over as f64 / all.max(1) as f64;
        let full = (share * BAR_COLUMNS as f64) as usize;
        let bar = format!("{}{}", "#".repeat(full), ".".repeat(BAR_COLUMNS - full.min(BAR_COLUMNS)));
        let mut text = format!(
            "{what}  [{bar}] {}/{}  {:.0} %",
            grouped(over as u64),
            grouped(all as u64),
            (share * 100.0).floor()
        );
        if unanswered >= UNANSWERED_TOLD {
            text.push_str(&format!("  no answer for {} s", unanswered.as_secs()));
        } else if per_s > 0.0 && over < all {
            let left = Duration::from_secs(((all - over) as f64 / per_s).ceil() as u64);
            text.push_str(&format!("  {} left", duration_text(left)));
        }
        for (count, what) in [(without, "refused"), (again, "to be tried again")] {
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
        let standing =
            Standing { over: 2501, all: 10_000, without: 3, again: 5, per_s: 20.0, ..Standing::default() };
        assert_eq!(
            Bar::text("joining", &standing),
            "joining  [######..................] 2,501/10,000  25 %  6m15s left  3 refused  5 to be tried again"
        );
        let silent = Standing { unanswered: Duration::from_secs(12), again: 0, without: 0, ..standing };
        assert_eq!(
            Bar::text("joining", &silent),
            "joining  [######..................] 2,501/10,000  25 %  no answer for 12 s"
        );
        let done = Standing { over: 7, all: 7, ..Standing::default() };
        assert_eq!(Bar::text("leaving", &done), "leaving  [########################] 7/7  100 %");
        assert!(Bar::text("x", &Standing::default()).contains("0/0"));
    }
}
