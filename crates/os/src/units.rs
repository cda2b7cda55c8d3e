//! Durations, sizes and counts as people write them, and back.
//!
//! One grammar for the command line, scenario files and plan files. Invariant: what
//! [`duration_text`] writes, [`duration`] reads back exactly (to the millisecond).

use std::time::Duration;

/// Units of a duration in descending order, with their milliseconds.
const DURATION_UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Other names of these, and what they are called here.
const OTHER_UNITS: [(&[&str], &str); 5] = [
    (&["hour", "hours", "hr", "hrs", "H"], "h"),
    (&["min", "mins", "minute", "minutes", "M"], "m"),
    (&["sec", "secs", "second", "seconds", "S"], "s"),
    (&["msec", "msecs", "milli", "millis", "millisecond", "milliseconds", "MS", "Ms"], "ms"),
    (&["d", "day", "days", "D"], "h"),
];

/// Reads `100ms`, `30s`, `1.5m`, `1h30m`, `90 s`: numbers with units, larger units first, or a bare `0`.
///
/// # Errors
/// Why `text` is none of these, with what to write instead.
pub fn duration(text: &str) -> Result<Duration, String> {
    let whole = text.trim();
    if whole == "0" {
        return Ok(Duration::ZERO);
    }
    if let Some((number, "")) = decimal(whole).filter(|_| !whole.is_empty()) {
        let number = number.text;
        return Err(format!(
            "{text:?} has no unit: write {number}s for seconds ({number}ms, {number}m, {number}h)"
        ));
    }
    let mut rest = whole;
    let mut units_left = &DURATION_UNITS[..];
    let mut total_ms: u64 = 0;
    while !rest.is_empty() || whole.is_empty() {
        let (number, unit, after) = number_and_unit(rest).ok_or_else(|| not_a_duration(text))?;
        let place = units_left
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or_else(|| other_unit(text, whole, unit).unwrap_or_else(|| not_a_duration(text)))?;
        let ms = number.times(units_left[place].1).ok_or_else(|| not_whole(text, "milliseconds"))?;
        total_ms = ms
            .and_then(|ms| total_ms.checked_add(ms))
            .ok_or_else(|| format!("{text:?} is too long a time"))?;
        units_left = &units_left[place + 1..];
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(total_ms))
}

fn not_a_duration(text: &str) -> String {
    format!(
        "{text:?} is not a duration: write numbers with h, m, s or ms, such as 30s, 1.5m, 1h30m or 1s500ms"
    )
}

fn not_whole(text: &str, of_what: &str) -> String {
    format!("{text:?} is not a whole number of {of_what}")
}

/// What to write for a unit that is called otherwise here: `5min` is 5m.
fn other_unit(text: &str, whole: &str, unit: &str) -> Option<String> {
    let (names, ours) = OTHER_UNITS.iter().find(|(names, _)| names.contains(&unit))?;
    let days = names.contains(&"d");
    let (number, first, _) = number_and_unit(whole)?;
    // Of one part it can be written down; of several it is the unit that is wrong.
    let all = match first == unit
        && number_and_unit(whole).is_some_and(|(_, _, after)| after.trim().is_empty())
    {
        true if days => number.text.parse::<u64>().ok().map(|days| format!("{}h", days.saturating_mul(24))),
        true => Some(format!("{}{ours}", number.text)),
        false => None,
    };
    let name = if days { "hours (h)" } else { *ours };
    Some(match all {
        Some(all) => format!("{text:?} is not a duration: write {all}"),
        None => format!("{text:?} is not a duration: write {name} for {unit}"),
    })
}

/// Splits `30 s5ms` into 30, `s` and `5ms`.
fn number_and_unit(text: &str) -> Option<(Decimal<'_>, &str, &str)> {
    let (number, after_number) = decimal(text)?;
    let after_number = after_number.trim_start();
    let letters = after_number.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after_number.len());
    (letters > 0).then(|| (number, &after_number[..letters], &after_number[letters..]))
}

/// A number that may have a part after its point: `1_500`, `1.5`.
struct Decimal<'t> {
    /// As written.
    text: &'t str,
    /// Its digits as one number.
    digits: u64,
    /// How many of them are behind the point.
    behind: u32,
}

impl Decimal<'_> {
    /// Multiplies by `factor`: `None` if the result is not whole, `Some(None)` if it is too large.
    fn times(&self, factor: u64) -> Option<Option<u64>> {
        let all = u128::from(self.digits) * u128::from(factor);
        let parts = 10_u128.pow(self.behind);
        all.is_multiple_of(parts).then(|| u64::try_from(all / parts).ok())
    }
}

/// The number that `text` begins with, and what follows. Underscores stand between digits.
fn decimal(text: &str) -> Option<(Decimal<'_>, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_' && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let (whole, behind) =
        number.split_once('.').map_or((number, None), |(whole, behind)| (whole, Some(behind)));
    let is_digits = |text: &str| {
        !text.is_empty()
            && text.split('_').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let fits = is_digits(whole) && behind.is_none_or(|behind| is_digits(behind) && behind.len() <= 9);
    let behind = behind.unwrap_or_default().replace('_', "");
    let digits = format!("{}{behind}", whole.replace('_', "")).parse().ok().filter(|_| fits)?;
    Some((Decimal { text: number, digits, behind: behind.len() as u32 }, rest))
}

/// Reads a count of at least 1: `6000`, `1_000`, in thousands, `6k`, or in millions, `1.5M`.
///
/// # Errors
/// Why `text` is not one, with what to write instead.
pub fn count(text: &str) -> Result<u32, String> {
    let whole = text.trim();
    let refused = |hint: &str| format!("{text:?} is not a count: write {hint}");
    let general = "a whole number, such as 6000, 6k or 1M (k is 1000)";
    let Some((number, unit)) = decimal(whole) else { return Err(refused(general)) };
    let factor = match unit.trim() {
        "" => 1,
        "k" | "K" => 1_000,
        "M" => 1_000_000,
        "m" => return Err(refused(&format!("{}M for millions", number.text))),
        // 6,000 and 6 000 as people group them.
        rest if number.behind == 0 && is_groups(unit) => {
            let digits = rest.replace([',', ' ', '\''], "");
            return Err(refused(&format!("{}{digits}", number.digits)));
        }
        _ => return Err(refused(general)),
    };
    let count = number.times(factor).ok_or_else(|| not_whole(text, "them"))?;
    match count.and_then(|count| u32::try_from(count).ok()) {
        Some(0) => Err("it must be at least 1".into()),
        Some(count) => Ok(count),
        None => Err(format!("{text} is more than the maximum, {}", u32::MAX)),
    }
}

/// Whether it is the further groups of a number: `,000,000`.
fn is_groups(text: &str) -> bool {
    let mut groups = text.split([',', ' ', '\'']);
    groups.next() == Some("")
        && groups.all(|group| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit()))
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
        assert_eq!(
            [ms("1.5m"), ms("90 s"), ms("1h 30m"), ms(" 1_000ms ")],
            [90_000, 90_000, 5_400_000, 1_000].map(Ok)
        );
        assert_eq!([ms("0.25s"), ms("1.5h30m"), ms("2.000s")], [250, 7_200_000, 2_000].map(Ok));
    }

    #[test]
    fn what_is_not_a_duration_is_refused_with_a_hint() {
        assert_eq!(
            duration("30").unwrap_err(),
            r#""30" has no unit: write 30s for seconds (30ms, 30m, 30h)"#
        );
        for text in
            ["", " ", "s", "1.s", ".5s", "1..5s", "1,5s", "-1s", "30s1h", "1s1s", "m5", "1s5", "1_s", "1__0s"]
        {
            let error = duration(text).unwrap_err();
            assert!(error.contains("is not a duration"), "{text}: {error}");
        }
        assert!(duration("99999999999999999h").unwrap_err().contains("too long"));
        assert_eq!(
            duration("1.5").unwrap_err(),
            r#""1.5" has no unit: write 1.5s for seconds (1.5ms, 1.5m, 1.5h)"#
        );
        assert_eq!(duration("1.0005s").unwrap_err(), r#""1.0005s" is not a whole number of milliseconds"#);
        for (text, hint) in [
            ("5min", "write 5m"),
            ("30 seconds", "write 30s"),
            ("2hours", "write 2h"),
            ("90S", "write 90s"),
            ("1d", "write 24h"),
            ("1h30min", "write m for min"),
        ] {
            assert!(duration(text).unwrap_err().ends_with(&format!("is not a duration: {hint}")), "{text}");
        }
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
    fn counts_are_read() {
        for (text, value) in
            [("6000", 6000), ("6k", 6000), ("10K", 10_000), ("1_000", 1000), ("1M", 1_000_000)]
        {
            assert_eq!(count(text), Ok(value), "{text}");
        }
        assert_eq!([count("1.5k"), count("0.25M"), count(" 7 ")], [1500, 250_000, 7].map(Ok));
        assert!(count("0").unwrap_err().contains("at least 1"));
        assert!(count("0k").is_err());
        assert!(count("5000000k").unwrap_err().contains("4294967295"));
        assert_eq!(count("1.5").unwrap_err(), r#""1.5" is not a whole number of them"#);
        assert_eq!(count("1m").unwrap_err(), r#""1m" is not a count: write 1M for millions"#);
        assert_eq!(count("6,000").unwrap_err(), r#""6,000" is not a count: write 6000"#);
        assert_eq!(count("1 000 000").unwrap_err(), r#""1 000 000" is not a count: write 1000000"#);
        for text in ["", "k", "-1", "+1", "1kk", "1e3", "1,0", "_1", "a"] {
            assert!(count(text).unwrap_err().contains("such as 6000, 6k or 1M"), "{text}");
        }
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
