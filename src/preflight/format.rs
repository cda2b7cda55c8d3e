//! Formats readings: times in three digits, lists of a bounded length, servers' words without
//! control characters.

use std::time::Duration;

use crate::checks::Figure;
use crate::foreign;
use crate::numbers::figure;

/// Characters of a server's own words shown at most.
const SAID_CHARS_MAX: usize = 200;

/// Items of a list shown at most.
const LISTED_MAX: usize = 5;

/// `3.24 ms`.
pub(super) fn ms(span: Duration) -> String {
    format!("{} ms", figure(span.as_secs_f64() * 1000.0))
}

/// A time as a figure, in microseconds for programs.
pub(super) fn micros(span: Duration, text: impl Into<String>) -> Figure {
    Figure::new(u64::try_from(span.as_micros()).unwrap_or(u64::MAX), "microseconds", text)
}

/// Returns a server's words in one line without control characters, cut where they are long.
pub fn clean(text: &str) -> String {
    foreign::line(text, SAID_CHARS_MAX)
}

/// `a, b and 3 more`.
pub(super) fn listed<T: ToString>(items: &[T]) -> String {
    let shown: Vec<String> = items.iter().take(LISTED_MAX).map(T::to_string).collect();
    match items.len().saturating_sub(LISTED_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Returns the smallest value that at least this share of the sorted ones does not exceed; `None`
/// for no values.
pub(super) fn quantile(sorted: &[Duration], share: f64) -> Option<Duration> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_servers_lose_control_characters() {
        assert_eq!(clean("a\x1b[31m\r\n  b"), "a [31m b");
        assert_eq!(clean(&"가".repeat(300)).chars().count(), SAID_CHARS_MAX + 1);
    }

    #[test]
    fn lists_end() {
        assert_eq!(listed(&[1, 2]), "1, 2");
        assert_eq!(listed(&[1, 2, 3, 4, 5, 6, 7]), "1, 2, 3, 4, 5 and 2 more");
    }

    #[test]
    fn quantiles_are_values_that_were_there() {
        let spans: Vec<Duration> = (1..=10).map(Duration::from_millis).collect();
        assert_eq!(quantile(&spans, 0.5), Some(Duration::from_millis(5)));
        assert_eq!(quantile(&spans, 0.95), Some(Duration::from_millis(10)));
        assert_eq!(quantile(&spans[..1], 0.5), Some(Duration::from_millis(1)));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(ms(Duration::from_micros(3_240)), "3.24 ms");
    }
}
