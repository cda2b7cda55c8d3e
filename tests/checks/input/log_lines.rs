//! Lines of logs that servers write: any bytes, in any pieces, by any format.

use std::time::Instant;

use startline::watch::log::gc::full_gc_ms;
use startline::watch::log::lines::{LINE_BYTES_MAX, Lines};
use startline::watch::log::patterns::{BUILT_IN, Counts, LINES};
use startline::watch::log::window::leading_instant;
use startline::watch::nginx::figures::{Answer, Question};
use startline::watch::nginx::format::Format;
use startline::watch::nginx::reader::Reader;
use startline::watch::nginx::stub_status::StubStatus;

/// Formats that lines are read by besides the known ones.
const FORMATS: [&str; 4] = [
    r#"$remote_addr - $remote_user [$time_local] "$request" $status up=$upstream_addr urt=$upstream_response_time"#,
    "$msec $upstream_addr $upstream_response_time $status $request_uri",
    r#"log_format j escape=json '{"t":"$time_iso8601","s":"$status","r":"$request","u":"$upstream_addr"}';"#,
    "$status",
];
/// What is asked of them.
const QUESTIONS: [&str; 8] = [
    "count",
    "share status=4xx,502",
    "mean",
    "p95 uri=/api/*/enter",
    "max",
    "upstreams",
    "spread status=101",
    "count uri=/ws/** upstream=a:1",
];

/// The bytes of a log, of which the first line is a format, too.
pub fn log(bytes: &[u8]) {
    let whole = lines(bytes, bytes.len().max(1));
    let naive: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(whole.len(), naive.len());
    for (line, naive) in whole.iter().zip(naive) {
        assert!(naive.starts_with(line) && line.len() <= LINE_BYTES_MAX);
    }
    for piece in [1, 3, 7] {
        assert_eq!(lines(bytes, piece), whole, "in pieces of {piece}");
    }
    counted(&whole);
    let first = whole.first().map(|line| String::from_utf8_lossy(line)).unwrap_or_default();
    let own = [Format::parse(&first).ok()];
    let known = FORMATS.map(|format| Some(Format::parse(format).expect("a format")));
    for format in [None].into_iter().chain(own).chain(known) {
        access(&Reader::new(format), &whole);
    }
    let _ = Question::parse(&first);
    let _ = StubStatus::read(&String::from_utf8_lossy(bytes));
}

fn lines(bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let (mut lines, mut seen) = (Lines::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        lines.take(piece, &mut |line| seen.push(line.to_vec()));
    }
    lines.end(&mut |line| seen.push(line.to_vec()));
    seen
}

fn counted(lines: &[Vec<u8>]) {
    let mut counts = Counts::of(&[]);
    let now = Instant::now();
    for line in lines {
        counts.take(line, now);
        let _ = leading_instant(line);
        assert!(full_gc_ms(line).is_none_or(|ms| ms.is_finite() && ms >= 0.0));
    }
    assert_eq!(counts.all(LINES), Some(lines.len() as f64));
    for (name, text) in BUILT_IN {
        let has = |line: &&Vec<u8>| line.windows(text.len()).any(|part| part == text.as_bytes());
        assert_eq!(counts.all(name), Some(lines.iter().filter(has).count() as f64), "{name}");
    }
    let evidence = counts.out_of_memory().unwrap_or_default();
    assert!(!evidence.chars().any(char::is_control) && evidence.chars().count() <= 2_000, "{evidence}");
}

fn access(reader: &Reader, lines: &[Vec<u8>]) {
    let mut answers = QUESTIONS.map(|text| Answer::to(Question::parse(text).expect("a question")));
    let mut read = 0;
    for line in lines {
        let before = read;
        let is_read = reader.read(line, &mut |entry| {
            read += 1;
            assert!(entry.status.is_none_or(|status| status <= 999));
            assert!(entry.path.is_none_or(|path| !path.contains(&b'?')));
            assert!(entry.has_upstream || entry.upstream.is_none());
            answers.iter_mut().for_each(|answer| answer.take(entry));
        });
        assert_eq!(u32::from(is_read), read - before);
    }
    assert_eq!(answers[0].figure(), Some(f64::from(read)));
    for answer in &answers {
        assert!(answer.figure().is_none_or(|figure| figure.is_finite() && figure >= 0.0));
    }
}
