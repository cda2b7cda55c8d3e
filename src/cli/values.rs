//! Minimal values.
use std::ops::RangeInclusive;
use std::time::Duration;

/// Duration.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let n: u64 = digits.parse().map_err(|_| "a duration".to_owned())?;
    match &text[digits.len()..] {
        "ms" => Ok(Duration::from_millis(n)),
        "s" => Ok(Duration::from_secs(n)),
        "m" => Ok(Duration::from_secs(n * 60)),
        "h" => Ok(Duration::from_secs(n * 3600)),
        "" if n == 0 => Ok(Duration::ZERO),
        _ => Err("a duration".to_owned()),
    }
}

/// Range.
pub fn id_range(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (a, b) = text.split_once('-').unwrap_or((text, text));
    match (a.parse(), b.parse()) {
        (Ok(a), Ok(b)) => Ok(a..=b),
        _ => Err("a range".to_owned()),
    }
}
