//! Instants in what a browser sent: numbers and dates that are the time of sending.
//!
//! Invariant: a number is an instant only if it is the time at which it was sent, give or take a minute.

use std::ops::Range;

use jiff::Timestamp;

/// How far an instant may be from the time of sending: clocks of pages are the recorder's own.
const NEAR_MS: f64 = 60_000.0;

/// The instants in a text that was sent at this time, each with the name of what says it.
pub(super) fn in_text(text: &str, at_ms: f64) -> Vec<(Range<usize>, &'static str)> {
    let mut found = Vec::new();
    for range in digit_runs(text) {
        let number: f64 = text[range.clone()].parse().unwrap_or(f64::INFINITY);
        match range.len() {
            13 if (number - at_ms).abs() <= NEAR_MS => found.push((range, "now_ms")),
            10 if (number * 1000.0 - at_ms).abs() <= NEAR_MS => found.push((range, "now_s")),
            4 => {
                let rest = &text[range.start..];
                let end =
                    rest.find(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | 'T' | ':' | '.' | 'Z'));
                let date = &rest[..end.unwrap_or(rest.len())];
                let instant: Option<Timestamp> = is_date(date).then(|| date.parse().ok()).flatten();
                if instant.is_some_and(|it| (it.as_millisecond() as f64 - at_ms).abs() <= NEAR_MS) {
                    found.push((range.start..range.start + date.len(), "now_iso"));
                }
            }
            _ => {}
        }
    }
    found
}

/// Runs of digits that no letter and no point is part of.
pub(super) fn digit_runs(text: &str) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut begin = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_ascii_digit(), begin) {
            (true, None) => begin = Some(at),
            (false, Some(from)) => {
                runs.push(from..at);
                begin = None;
            }
            _ => {}
        }
    }
    runs.retain(|run: &Range<usize>| {
        let before = text[..run.start].chars().next_back();
        !before.is_some_and(|c| c.is_alphabetic() || c == '_')
    });
    runs
}

/// Whether a text is a date and time: `2026-11-29T18:00:00.000Z`.
pub(super) fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 19
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[10] == b'T'
        && bytes[13] == b':'
        && text.ends_with('Z')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_those_of_sending() {
        let at_ms = 1_764_439_200_000.0;
        let text = r#"{"a":1764439200123,"b":1764439200,"c":"2025-11-29T18:00:00.5Z","d":1500000000000,"e":"x1764439200123"}"#;
        let names: Vec<&str> = in_text(text, at_ms).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["now_ms", "now_s", "now_iso"]);
        assert!(in_text("2026 가 12345", at_ms).is_empty());
    }
}
