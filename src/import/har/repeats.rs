//! What a page sent again and again: at which intervals, and what differs from time to time.
//!
//! Knows texts and times. Invariant: what differs is `{sequence}`, `{uuid}` or an instant, or it is as it was first sent.

use std::ops::Range;

use super::super::model::Pause;
use super::times::digit_runs;

/// Messages alike that are a repetition, at least.
const REPEATED_MIN: usize = 3;
/// How far an interval may be from the usual one.
const DEVIATION_SHARE: f64 = 0.25;
/// The same for short ones: a page's timers are late at times.
const DEVIATION_MS: f64 = 150.0;
/// An interval is rounded to this share of it.
const ROUNDED_SHARE: f64 = 0.05;

/// The interval of messages that were sent at these times; `None` if they are no repetition.
pub(super) fn interval(times_ms: &[f64]) -> Option<Pause> {
    if times_ms.len() < REPEATED_MIN {
        return None;
    }
    let mut gaps: Vec<f64> = times_ms.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_by(f64::total_cmp);
    let median = gaps[gaps.len() / 2];
    let allowed = (median * DEVIATION_SHARE).max(DEVIATION_MS);
    let (shortest, longest) = (gaps[0], gaps[gaps.len() - 1]);
    if median < 1.0 || (shortest - median).abs() > allowed || (longest - median).abs() > allowed {
        return None;
    }
    Some(Pause::fixed(rounded(median)))
}

/// A time as a person would say it: with as few digits as are within a twentieth of it.
pub(super) fn rounded(ms: f64) -> u64 {
    for step in [60_000.0, 30_000.0, 10_000.0, 5_000.0, 1000.0, 500.0, 100.0, 50.0, 10.0_f64] {
        let near = (ms / step).round() * step;
        if near > 0.0 && (near - ms).abs() <= ms * ROUNDED_SHARE {
            return near as u64;
        }
    }
    ms.round().max(1.0) as u64
}

/// A text without its numbers and identifiers: texts alike are one message, sent again.
pub(super) fn shape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = uuid_at(rest) {
            out.push('~');
            rest = &rest[length..];
        } else if c.is_ascii_digit() {
            out.push('#');
            rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// The length of the UUID that a text begins with.
fn uuid_at(text: &str) -> Option<usize> {
    let bytes = text.as_bytes().get(..36)?;
    let fits = |(k, byte): (usize, &u8)| match k {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    bytes.iter().enumerate().all(fits).then_some(36)
}

/// What differs between texts of one shape, each with what says it; and whether something else does, too.
pub(super) fn differences(texts: &[&str]) -> (Vec<(Range<usize>, String)>, bool) {
    let Some(first) = texts.first() else { return (Vec::new(), false) };
    let (mut found, mut differs) = (Vec::new(), false);
    let uuids: Vec<Vec<Range<usize>>> = texts.iter().map(|text| uuid_ranges(text)).collect();
    for (k, range) in uuids[0].iter().enumerate() {
        let other = |n: usize| uuids[n].get(k).map(|range| &texts[n][range.clone()]);
        if (1..texts.len()).any(|n| other(n) != Some(&first[range.clone()])) {
            found.push((range.clone(), "{uuid}".to_owned()));
        }
    }
    let is_outside = |run: &Range<usize>, n: usize| {
        uuids[n].iter().all(|uuid| run.end <= uuid.start || uuid.end <= run.start)
    };
    let numbers: Vec<Vec<Range<usize>>> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| {
            let counted = digit_runs(text).into_iter().map(|run| without_socketio_type(text, run));
            counted.filter(|run| is_outside(run, n)).collect()
        })
        .collect();
    for (k, range) in numbers[0].iter().enumerate() {
        let values: Vec<Option<u64>> = (0..texts.len())
            .map(|n| numbers[n].get(k).and_then(|range| texts[n][range.clone()].parse().ok()))
            .collect();
        let begin = values[0];
        let counts = values
            .iter()
            .enumerate()
            .all(|(n, value)| *value == begin.and_then(|it| it.checked_add(n as u64)));
        if values.iter().all(|value| *value == begin) {
            continue;
        }
        match counts {
            true => found.push((range.clone(), "{sequence}".to_owned())),
            // An instant is found by its value; anything else is as it was first.
            false => differs |= range.len() != 13 && range.len() != 10,
        }
    }
    (found, differs)
}

/// The number of a Socket.IO event's acknowledgement, which stands right behind the event's own type: `4217["say"` is `42` and 17
/// (Socket.IO protocol, revision 5, "Packet encoding").
fn without_socketio_type(text: &str, run: Range<usize>) -> Range<usize> {
    let is_event = run.start == 0 && text.starts_with("42") && text[run.end..].starts_with('[');
    if is_event && run.end > 2 { 2..run.end } else { run }
}

fn uuid_ranges(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match text.is_char_boundary(at).then(|| uuid_at(&text[at..])).flatten() {
            Some(length) => {
                found.push(at..at + length);
                at += length;
            }
            None => at += 1,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_nearly_constant() {
        assert_eq!(interval(&[0.0, 10_003.0, 20_011.0, 29_990.0]), Some(Pause::fixed(10_000)));
        assert_eq!(interval(&[0.0, 502.0, 1001.0]), Some(Pause::fixed(500)));
        assert_eq!(interval(&[0.0, 10_000.0]), None);
        assert_eq!(interval(&[0.0, 1000.0, 9000.0]), None);
        assert_eq!(interval(&[0.0, 0.0, 0.0]), None);
        assert_eq!((rounded(24_990.0), rounded(333.0), rounded(3.0)), (25_000, 330, 3));
    }

    #[test]
    fn what_differs_has_a_name() {
        let texts = [
            r#"{"op":"ping","n":4,"id":"123e4567-e89b-12d3-a456-426614174000","x":7}"#,
            r#"{"op":"ping","n":5,"id":"123e4567-e89b-12d3-a456-426614174001","x":9}"#,
            r#"{"op":"ping","n":6,"id":"123e4567-e89b-12d3-a456-426614174002","x":2}"#,
        ];
        assert_eq!(shape(texts[0]), shape(texts[2]));
        let (found, differs) = differences(&texts);
        let mut names: Vec<&str> = found.iter().map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!((names, differs), (vec!["{sequence}", "{uuid}"], true));
    }

    #[test]
    fn the_number_behind_socketio_s_type_counts_alone() {
        let texts = [r#"429["say"]"#, r#"4210["say"]"#, r#"4211["say"]"#];
        assert_eq!(differences(&texts), (vec![(2..3, "{sequence}".to_owned())], false));
        let constant = [r#"42["say",1]"#, r#"42["say",2]"#, r#"42["say",3]"#];
        assert_eq!(differences(&constant), (vec![(9..10, "{sequence}".to_owned())], false));
    }
}
