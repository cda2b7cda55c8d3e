//! Reads a page of metrics: Prometheus's text format 0.0.4, and OpenMetrics with its exemplars.
//!
//! Invariant: whatever a page says costs at most `SAMPLES_MAX` samples; a line that is none costs
//! itself.

use crate::watch::query::{Labels, NAME, Sample};

/// Samples of a page at most.
const SAMPLES_MAX: usize = 200_000;
/// Labels of a sample at most.
const LABELS_MAX: usize = 64;
/// Bytes of a line at most.
const LINE_BYTES_MAX: usize = 16 << 10;

/// What a page says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    /// Its samples.
    pub samples: Vec<Sample>,
    /// Lines that are neither comments nor samples, and those beyond the bounds.
    pub garbled: usize,
}

/// Reads a page's text.
pub fn read(text: &str) -> Exposition {
    let mut page = Exposition::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let is_within = line.len() <= LINE_BYTES_MAX && page.samples.len() < SAMPLES_MAX;
        match sample(line).filter(|_| is_within) {
            Some(sample) => page.samples.push(sample),
            None => page.garbled += 1,
        }
    }
    page
}

/// `name{label="value",…} 1.5 timestamp # {trace_id="…"} 1 2`: what follows the value is not wanted.
fn sample(line: &str) -> Option<Sample> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = line.find(|c| !is_name(c))?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (mut labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(rest) => labels_of(rest)?,
        None => (Labels::new(), rest),
    };
    labels.push((NAME.to_owned(), name.to_owned()));
    labels.sort();
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { labels, value })
}

/// Labels up to their closing brace, and what follows it.
fn labels_of(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        let name = name.trim();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) || labels.len() == LABELS_MAX {
            return None;
        }
        labels.push((name.to_owned(), value));
        rest = after.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

/// A value up to its closing quote, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut is_escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => {
                is_escaped = false;
                value.push(if c == 'n' { '\n' } else { c });
            }
            '\\' => is_escaped = true,
            '"' => return Some((value, &text[at + 1..])),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_are_read() {
        let page = read(
            "# HELP up Whether.\n# TYPE up gauge\nup 1\n\
             a_total{x=\"1\", y = \"q\\\"\\\\\\n{}#\",} 1.5E3 1700000000\n\
             b_bucket{le=\"+Inf\"} 7 # {trace_id=\"x\"} 0.5 1.0\n  c{} +Inf\nd NaN\n# EOF\n",
        );
        assert_eq!((page.samples.len(), page.garbled), (5, 0));
        assert_eq!(page.samples[1].label("y"), "q\"\\\n{}#");
        assert_eq!(page.samples[1].value, 1_500.0);
        assert_eq!((page.samples[2].label("le"), page.samples[2].value), ("+Inf", 7.0));
        assert_eq!(page.samples[3].value, f64::INFINITY);
        assert!(page.samples[4].value.is_nan());
    }

    #[test]
    fn hostile_pages_are_bounded() {
        for line in [
            "a{x=\"1\" 2",
            "a{x=1} 2",
            "a{x=\"1} 2",
            "1a 2",
            "a",
            "a x",
            "{} 1",
            "a{=\"\"} 1",
            "<html>",
            "a{,} 1",
            "가 1",
            "a{x y=\"1\"} 1",
        ] {
            assert_eq!(read(line).garbled, 1, "{line}");
        }
        let wide: String = (0..100).map(|k| format!("l{k}=\"\",")).collect();
        assert_eq!(read(&format!("a{{{wide}}} 1")).garbled, 1);
        assert_eq!(read(&format!("a{{x=\"{}\"}} 1", "x".repeat(LINE_BYTES_MAX))).garbled, 1);
        let long = "a 1\n".repeat(SAMPLES_MAX + 5);
        assert_eq!((read(&long).samples.len(), read(&long).garbled), (SAMPLES_MAX, 5));
    }
}
