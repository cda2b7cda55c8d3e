//! What can be asked of an access log, and the accumulators that answer it.
//!
//! `p95 uri=/api/v1/challenges/*/enter`: a figure, and which lines count. Knows no file and no format. Invariant: an
//! accumulator's memory does not grow with the lines.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::entry::Entry;

/// Upstreams that are told apart.
const UPSTREAMS_MAX: usize = 256;
/// The longest time of an upstream that is told apart, in milliseconds.
const MS_MAX: u64 = 3_600_000;
/// Its significant digits.
const DIGITS: u8 = 3;
/// The status of an upgrade, whose "response time" is how long the connection was open.
const SWITCHING: u16 = 101;

/// What a figure is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// Lines so far.
    Count,
    /// Lines a second since the last look.
    Rate,
    /// Lines in percent of those of any status.
    Share,
    /// The mean of `$upstream_response_time`, in milliseconds.
    Mean,
    /// A percentile of it.
    Percentile(f64),
    /// The longest.
    Max,
    /// Upstreams that answered.
    Upstreams,
    /// The lines of the upstream with the fewest, over an even share of them.
    Spread,
}

/// The names of figures.
const FIGURES: [(&str, Figure); 10] = [
    ("count", Figure::Count),
    ("rate", Figure::Rate),
    ("share", Figure::Share),
    ("mean", Figure::Mean),
    ("p50", Figure::Percentile(50.0)),
    ("p95", Figure::Percentile(95.0)),
    ("p99", Figure::Percentile(99.0)),
    ("max", Figure::Max),
    ("upstreams", Figure::Upstreams),
    ("spread", Figure::Spread),
];

/// A question about an access log.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What is asked for.
    pub figure: Figure,
    /// Statuses, from and to; none: any.
    statuses: Vec<(u16, u16)>,
    uri: Option<String>,
    upstream: Option<String>,
}

impl Question {
    /// Reads `FIGURE [status=499,5xx] [uri=/a/*/b] [upstream=HOST:PORT]`.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let Some((_, figure)) = FIGURES.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = FIGURES.iter().map(|(name, _)| *name).collect();
            return Err(format!("{name:?} is not a figure of an access log: {}", known.join(", ")));
        };
        let mut question = Self { figure: *figure, statuses: Vec::new(), uri: None, upstream: None };
        for word in words {
            match word.split_once('=') {
                Some(("status", value)) => question.statuses = statuses(value)?,
                Some(("uri", value)) if value.starts_with('/') => question.uri = Some(value.to_owned()),
                Some(("upstream", value)) if !value.is_empty() => question.upstream = Some(value.to_owned()),
                _ => {
                    return Err(format!(
                        "{word:?} is not one of status=499,5xx, uri=/a/*/b, upstream=HOST:PORT"
                    ));
                }
            }
        }
        Ok(question)
    }

    /// Whether it needs lines that name their upstreams.
    pub fn needs_upstream(&self) -> bool {
        self.upstream.is_some() || matches!(self.figure, Figure::Upstreams | Figure::Spread)
    }

    /// Whether it needs lines with the upstreams' times.
    pub fn needs_upstream_time(&self) -> bool {
        matches!(self.figure, Figure::Mean | Figure::Percentile(_) | Figure::Max)
    }

    /// Whether it is about upgrades, whose lines are written when their connections end.
    pub fn is_of_upgrades(&self) -> bool {
        self.statuses.iter().any(|(from, to)| (*from..=*to).contains(&SWITCHING))
    }

    fn matches_but_for_status(&self, entry: &Entry<'_>) -> bool {
        let is_uri = |uri: &String| entry.path.is_some_and(|path| is_like(path, uri.as_bytes()));
        let is_upstream = |upstream: &String| entry.upstream == Some(upstream.as_bytes());
        self.uri.as_ref().is_none_or(is_uri) && self.upstream.as_ref().is_none_or(is_upstream)
    }

    fn matches_status(&self, entry: &Entry<'_>) -> bool {
        let is_in = |status: u16| self.statuses.iter().any(|(from, to)| (*from..=*to).contains(&status));
        self.statuses.is_empty() || entry.status.is_some_and(is_in)
    }

    /// Whether a line's time is an answer's: an upgrade's is how long its connection was open.
    fn is_timed(&self, entry: &Entry<'_>) -> bool {
        entry.status != Some(SWITCHING) || !self.statuses.is_empty()
    }
}

/// `499`, `499,502`, `5xx`.
fn statuses(text: &str) -> Result<Vec<(u16, u16)>, String> {
    let one = |text: &str| {
        let (from, to) = (text.replace('x', "0"), text.replace('x', "9"));
        let is_status =
            text.len() == 3 && text.trim_end_matches('x').bytes().all(|byte| byte.is_ascii_digit());
        let range = from.parse().ok().zip(to.parse().ok());
        range.filter(|_| is_status).ok_or_else(|| format!("{text:?} is not a status such as 499 or 5xx"))
    };
    text.split(',').map(one).collect()
}

/// Whether a path is like a pattern: `*` stands for anything within a segment, `**` at the end for the rest.
fn is_like(path: &[u8], pattern: &[u8]) -> bool {
    let mut segments = path.split(|byte| *byte == b'/');
    let mut patterns = pattern.split(|byte| *byte == b'/');
    loop {
        match (segments.next(), patterns.next()) {
            (None, None) | (_, Some(b"**")) => return true,
            (Some(segment), Some(pattern)) if is_segment_like(segment, pattern) => {}
            _ => return false,
        }
    }
}

/// Each part between stars is looked for after the one before: the first place is as good as any.
fn is_segment_like(segment: &[u8], pattern: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let Some(mut rest) = segment.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = memchr::memmem::find(rest, part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// What has come of a question so far.
#[derive(Clone, Debug)]
pub struct Answer {
    question: Question,
    /// Lines that count.
    lines: u64,
    /// Lines that would count if they had any other status.
    of_any_status: u64,
    micros_sum: u64,
    /// None if no time is asked for.
    times: Option<Histogram<u64>>,
    upstreams: BTreeMap<Vec<u8>, u64>,
}

impl Answer {
    /// Nothing has come yet.
    pub fn to(question: Question) -> Self {
        let histogram = || Histogram::new_with_bounds(1, MS_MAX, DIGITS);
        let times = question.needs_upstream_time().then(histogram);
        let times = times.map(|times| times.unwrap_or_else(|error| unreachable!("constant bounds: {error}")));
        let upstreams = BTreeMap::new();
        Self { question, lines: 0, of_any_status: 0, micros_sum: 0, times, upstreams }
    }

    /// What was asked.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Takes a line.
    pub fn take(&mut self, entry: &Entry<'_>) {
        if !self.question.matches_but_for_status(entry) {
            return;
        }
        self.of_any_status += 1;
        if !self.question.matches_status(entry) {
            return;
        }
        self.lines += 1;
        if let Some(times) = &mut self.times
            && let Some(micros) = entry.upstream_micros.filter(|_| self.question.is_timed(entry))
        {
            self.micros_sum = self.micros_sum.saturating_add(micros);
            times.saturating_record(micros.saturating_add(500) / 1_000);
        }
        if let Some(upstream) = entry.upstream {
            if let Some(lines) = self.upstreams.get_mut(upstream) {
                *lines += 1;
            } else if self.upstreams.len() < UPSTREAMS_MAX {
                self.upstreams.insert(upstream.to_vec(), 1);
            }
        }
    }

    /// The figure; none if there is nothing yet that it could be of.
    pub fn figure(&self) -> Option<f64> {
        let lines = self.lines as f64;
        let times = self.times.as_ref().filter(|times| !times.is_empty());
        match self.question.figure {
            Figure::Count | Figure::Rate => Some(lines),
            Figure::Share => (self.of_any_status > 0).then(|| lines * 100.0 / self.of_any_status as f64),
            Figure::Mean => times.map(|times| self.micros_sum as f64 / times.len() as f64 / 1_000.0),
            Figure::Percentile(percent) => times.map(|times| times.value_at_percentile(percent) as f64),
            Figure::Max => times.map(|times| times.max() as f64),
            Figure::Upstreams => Some(self.upstreams.len() as f64),
            Figure::Spread => self.spread(),
        }
    }

    fn spread(&self) -> Option<f64> {
        let fewest = self.upstreams.values().min()?;
        let all: u64 = self.upstreams.values().sum();
        Some(*fewest as f64 * self.upstreams.len() as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(status: u16, path: &'static str, upstream: &'static str, ms: u64) -> Entry<'static> {
        Entry {
            status: Some(status),
            path: Some(path.as_bytes()),
            upstream: (!upstream.is_empty()).then_some(upstream.as_bytes()),
            upstream_micros: (!upstream.is_empty()).then_some(ms * 1_000),
            ..Entry::default()
        }
    }

    #[track_caller]
    fn figure(question: &str, entries: &[Entry<'_>]) -> Option<f64> {
        let mut answer = Answer::to(Question::parse(question).expect("a question"));
        entries.iter().for_each(|entry| answer.take(entry));
        answer.figure()
    }

    #[test]
    fn a_question_has_the_figure_of_its_lines() {
        let enter = "/api/v1/challenges/38/enter";
        let entries = [
            entry(200, enter, "b:1", 10),
            entry(200, enter, "b:1", 30),
            entry(499, enter, "", 0),
            entry(502, "/ws/ws1", "a:1", 5),
            entry(101, "/ws/ws1", "a:1", 60_000),
            entry(101, "/ws/ws2", "a:2", 60_000),
            entry(101, "/ws/ws2", "a:2", 60_000),
            entry(101, "/ws/ws2", "a:2", 60_000),
        ];
        for (question, expected) in [
            ("count", 8.0),
            ("count status=499", 1.0),
            ("count status=499,502", 2.0),
            ("count status=1xx upstream=a:2", 3.0),
            ("share status=499,502", 25.0),
            ("share status=499 uri=/api/v1/challenges/*/enter", 100.0 / 3.0),
            ("mean", 15.0),
            ("mean uri=/api/v1/challenges/*/enter", 20.0),
            ("p50 uri=/api/**", 10.0),
            ("max uri=/api/**", 30.0),
            ("upstreams status=101", 2.0),
            ("spread status=101", 0.5),
        ] {
            assert_eq!(figure(question, &entries), Some(expected), "{question}");
        }
        let upgrades = figure("p95 status=101", &entries).expect("a figure");
        assert!(
            (upgrades / 60_000.0 - 1.0).abs() < 0.01,
            "a connection's time, if it is asked for: {upgrades}"
        );
        for question in ["mean", "p95", "max", "share status=499", "spread"] {
            assert_eq!(figure(question, &[]), None, "{question}");
        }
    }

    #[test]
    fn times_of_any_length_are_taken() {
        let long = Entry { upstream_micros: Some(u64::MAX / 2), ..entry(200, "/", "a:1", 0) };
        assert!(figure("max", &[long, long, long]).is_some_and(|ms| ms >= MS_MAX as f64));
    }

    #[test]
    fn patterns_stop_at_slashes() {
        let like = |path: &str, pattern: &str| is_like(path.as_bytes(), pattern.as_bytes());
        for (path, pattern) in [
            ("/api/v1/challenges/38/enter", "/api/v1/challenges/*/enter"),
            ("/ws/ws1", "/ws/ws*"),
            ("/ws/ws1", "/ws/**"),
            ("/ws/a/b", "/ws/**"),
            ("/", "/"),
            ("/abcabd", "/a*ab*d"),
        ] {
            assert!(like(path, pattern), "{path} {pattern}");
        }
        for (path, pattern) in [
            ("/api/v1/challenges/38/join/enter", "/api/v1/challenges/*/enter"),
            ("/ws", "/ws/*"),
            ("/ws/a/b", "/ws/*"),
            ("/aa", "/a"),
            ("/abd", "/a*ab*d"),
            ("/x/ws1", "/ws*"),
        ] {
            assert!(!like(path, pattern), "{path} {pattern}");
        }
    }

    #[test]
    fn what_is_no_question_is_refused() {
        for (text, why) in [
            ("", "is not a figure of an access log: count, rate, share"),
            ("p96", "is not a figure"),
            ("count 499", "\"499\" is not one of status=499,5xx"),
            ("count status=49", "\"49\" is not a status"),
            ("count status=4x9", "is not a status"),
            ("count status=", "is not a status"),
            ("count uri=api", "is not one of"),
        ] {
            let error = Question::parse(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
