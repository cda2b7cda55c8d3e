//! Figures as people read them: grouped thousands, three significant digits, units after a space.
//!
//! `k`, `M` and `G` are powers of 1000 throughout.

use std::time::Duration;

pub use startline_os::units::{counted, grouped};

/// Some three significant digits, thousands apart: `0.042`, `1.23`, `45.6`, `789`, `12,346`.
pub fn figure(value: f64) -> String {
    let size = value.abs();
    // The thresholds are where rounding would add a digit.
    if !value.is_finite() {
        "–".into()
    } else if size >= 99.95 {
        let sign = if value < 0.0 { "-" } else { "" };
        format!("{sign}{}", grouped(size.round() as u64))
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if size >= 0.9995 || size == 0.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// A count where it is one, a figure otherwise: `3`, not `3.00`.
pub fn plain(value: f64) -> String {
    if value.is_finite() && value.fract() == 0.0 && value >= 0.0 {
        grouped(value as u64)
    } else {
        figure(value)
    }
}

/// A share of 0 to 1 in per cent: `0.12 %`, `99.98 %`, `100 %`.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    if !value.is_finite() {
        return "–".into();
    }
    let decimals = if value != 0.0 && value.abs() < 0.1 { 4 } else { 2 };
    let text = format!("{value:.decimals$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} %")
}

/// `1536000` as `1.54 MB`.
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    if value < 1000.0 {
        return format!("{count} B");
    }
    let mut units = ["kB", "MB", "GB", "TB", "PB"].iter();
    let mut unit = "B";
    while value >= 999.5 {
        let Some(&next) = units.next() else { break };
        value /= 1000.0;
        unit = next;
    }
    format!("{} {unit}", figure(value))
}

/// A span: `850 ms`, `12.5 s`, `4 min 3 s`, `2 h 5 min`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    if seconds < 1.0 {
        return format!("{} ms", span.as_millis());
    }
    if seconds < 60.0 {
        let tenths = (seconds * 10.0).round() / 10.0;
        return if tenths.fract() == 0.0 { format!("{tenths:.0} s") } else { format!("{tenths:.1} s") };
    }
    let whole = seconds.round() as u64;
    let (big, small, units) = if whole < 3600 {
        (whole / 60, whole % 60, ("min", "s"))
    } else {
        (whole / 3600, whole % 3600 / 60, ("h", "min"))
    };
    if small == 0 { format!("{big} {}", units.0) } else { format!("{big} {} {small} {}", units.0, units.1) }
}

/// Milliseconds of a span to the microsecond, as they stand in `summary.json`.
pub(crate) fn millis(span: Duration) -> f64 {
    span.as_nanos().div_ceil(1000) as f64 / 1000.0
}

/// Seconds, as results have them.
pub(crate) fn seconds(span: Duration) -> f64 {
    tidy(span.as_secs_f64())
}

/// A figure of `summary.json`: six decimals at most, never NaN (JSON has none).
pub(crate) fn tidy(value: f64) -> f64 {
    if value.is_finite() { (value * 1e6).round() / 1e6 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (17_997_000, "17,997,000")] {
            assert_eq!(grouped(count), text);
        }
    }

    #[test]
    fn figures_have_three_digits() {
        for (value, text) in
            [(0.0, "0.00"), (0.0421, "0.042"), (1.234, "1.23"), (45.67, "45.7"), (12_345.6, "12,346")]
        {
            assert_eq!(figure(value), text);
        }
        assert_eq!(
            (plain(4000.0), plain(0.5), figure(f64::NAN)),
            ("4,000".into(), "0.500".into(), "–".into())
        );
    }

    #[test]
    fn shares_are_per_cent() {
        for (share, text) in
            [(0.0, "0 %"), (1.0, "100 %"), (0.9998, "99.98 %"), (0.000_033, "0.0033 %"), (0.5, "50 %")]
        {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn bytes_have_a_unit() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_540_000, "1.54 MB"),
            (999_600, "1.00 MB"),
            (2_400_000_000, "2.40 GB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn spans_read_like_speech() {
        for (millis, text) in [
            (850, "850 ms"),
            (12_500, "12.5 s"),
            (30_000, "30 s"),
            (243_000, "4 min 3 s"),
            (1_800_000, "30 min"),
            (7_500_000, "2 h 5 min"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }
}
