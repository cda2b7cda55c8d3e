//! Durations, sizes and counts as people write them, and back.
//!
//! One grammar for the command line, scenario files and plan files. Invariant: what
//! [`duration_text`] writes, [`duration`] reads back exactly (to the millisecond).

use std::time::Duration;

/// Units of a duration in descending order, with their milliseconds.
const DURATION_UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads `100ms`, `30s`, `5m`, `1h30m`: whole numbers with units, larger units first, or a bare
/// `0`.
///
/// # Errors
/// Why `text` is none of these, with what to write instead.
pub fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("{text:?} has no unit: write {text}s for seconds ({text}ms, {text}m, {text}h)"));
    }
    let mut rest = text;
    let mut units_left = &DURATION_UNITS[..];
    let mut total_ms: u64 = 0;
    while !rest.is_empty() || text.is_empty() {
        let (number, unit, after) = number_and_unit(rest).ok_or_else(|| not_a_duration(text))?;
        let place =
            units_left.iter().position(|(name, _)| *name == unit).ok_or_else(|| not_a_duration(text))?;
        total_ms = number
            .checked_mul(units_left[place].1)
            .and_then(|ms| total_ms.checked_add(ms))
            .ok_or_else(|| format!("{text:?} is too long a time"))?;
        units_left = &units_left[place + 1..];
        rest = after;
    }
    Ok(Duration::from_millis(total_ms))
}

fn not_a_duration(text: &str) -> String {
    format!(
        "{text:?} is not a duration: write whole numbers with h, m, s or ms, such as 30s, 1h30m or 1s500ms"
    )
}

/// Splits `30s5ms` into 30, `s` and `5ms`.
fn number_and_unit(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number = text[..digits].parse().ok()?;
    let after_number = &text[digits..];
    let letters = after_number.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after_number.len());
    Some((number, &after_number[..letters], &after_number[letters..]))
}

/// Writes a duration as [`duration`] reads it, rounded down to the millisecond: `1h30m`, `250ms`,
/// `0s`.
pub fn duration_text(duration: Duration) -> String {
    let mut rest_ms = duration.as_millis() as u64;
    let mut text = String::new();
    for (unit, unit_ms) in DURATION_UNITS {
        let number = rest_ms / unit_ms;
        if number > 0 {
            text.push_str(&format!("{number}{unit}"));
        }
        rest_ms %= unit_ms;
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// Reads a size: bytes, or `64KiB`, `16MiB`, `1GiB` (1024 each).
///
/// # Errors
/// Why `text` is none of these.
pub fn bytes(text: &str) -> Result<u64, String> {
    let refused = || format!("{text:?} is not a size: write bytes, or a whole number of KiB, MiB or GiB");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| refused())?;
    let shift = match &text[digits..] {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(refused()),
    };
    number.checked_mul(1 << shift).ok_or_else(|| format!("{text:?} is too large a size"))
}

/// Writes an integer with its thousands apart: `18,000,000`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes how many there are of what: `1 member`, `6,000 members`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// Serde's `with` for durations as text in plan files.
pub mod duration_serde {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the duration as text.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::duration_text(*duration))
    }

    /// Reads the duration from text.
    ///
    /// # Errors
    /// Text that is not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::duration(&text).map_err(serde::de::Error::custom)
    }
}

/// Serde's `with` for durations that may be absent.
pub mod optional_duration_serde {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the duration as text, if there is one.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.serialize_some(&super::duration_text(*duration)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the duration from text, if there is any.
    ///
    /// # Errors
    /// Text that is not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| super::duration(&text).map_err(serde::de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let ms = |text: &str| duration(text).map(|d| d.as_millis() as u64);
        assert_eq!(ms("0"), Ok(0));
        assert_eq!(ms("0s"), Ok(0));
        assert_eq!(ms("100ms"), Ok(100));
        assert_eq!(ms("30s"), Ok(30_000));
        assert_eq!(ms("5m"), Ok(300_000));
        assert_eq!(ms("1h30m"), Ok(5_400_000));
        assert_eq!(ms("1h1m1s1ms"), Ok(3_661_001));
        assert_eq!(ms("90m"), Ok(5_400_000));
    }

    #[test]
    fn what_is_not_a_duration_is_refused_with_a_hint() {
        assert_eq!(
            duration("30").unwrap_err(),
            r#""30" has no unit: write 30s for seconds (30ms, 30m, 30h)"#
        );
        for text in ["", "s", "1.5s", "5 m", "-1s", "30s1h", "1s1s", "1d", "5min", "m5", "1s5"] {
            let error = duration(text).unwrap_err();
            assert!(error.contains("is not a duration"), "{text}: {error}");
        }
        assert!(duration("99999999999999999h").unwrap_err().contains("too long"));
        assert!(duration("99999999999999999999h").is_err());
    }

    #[test]
    fn durations_survive_a_round_trip() {
        for ms in [0, 1, 999, 1_000, 61_001, 3_600_000, 5_400_000, 86_400_000 + 1] {
            let span = Duration::from_millis(ms);
            assert_eq!(duration(&duration_text(span)), Ok(span));
        }
        assert_eq!(duration_text(Duration::from_secs(5_400)), "1h30m");
        assert_eq!(duration_text(Duration::ZERO), "0s");
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(bytes("512"), Ok(512));
        assert_eq!(bytes("64KiB"), Ok(65_536));
        assert_eq!(bytes("16MiB"), Ok(16 << 20));
        assert!(bytes("16MB").unwrap_err().contains("KiB, MiB or GiB"));
        assert!(bytes("").is_err());
        assert!(bytes("99999999999999GiB").unwrap_err().contains("too large"));
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(17_997_000), "17,997,000");
    }

    #[test]
    fn one_is_not_many() {
        let members = |count| counted(count, "member", "members");
        assert_eq!([members(0), members(1), members(6000)], ["0 members", "1 member", "6,000 members"]);
    }
}
