//! Members files: read, or refused by file and line; files without quotes against a naive reader.

use std::collections::HashSet;

use startline::plan::member_files::{MemberFile, read};
use startline::plan::roster::{Roster, Span};

const NAME: &str = "members.csv";

/// Any bytes, with and without `--challenge`.
pub fn file(bytes: &[u8]) {
    for challenge in [None, Some(38)] {
        let file = MemberFile { name: NAME.to_owned(), bytes: bytes.to_vec() };
        let result = read(&[file], challenge);
        match &result {
            Err(error) => {
                let lines = 1 + bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
                assert_eq!(error.file, NAME);
                assert!((1..=lines).contains(&error.line), "{error}, of {lines} lines");
                assert!(!error.message.is_empty());
            }
            Ok(roster) => {
                let mut seen = HashSet::new();
                assert!(members(roster).into_iter().all(|(id, _)| seen.insert(id)), "an id is there once");
            }
        }
        if let Some(expected) = naive(bytes, challenge) {
            assert_eq!(result.map(|roster| members(&roster)).map_err(|error| error.line), expected);
        }
    }
}

/// Ids with their challenges, one by one.
pub fn members(roster: &Roster) -> Vec<(u64, u64)> {
    let spans = Vec::<Span>::from(roster.clone());
    let ids = spans.iter().flat_map(|span| {
        let text = span.to_string();
        let (range, challenge) = text.split_once('@').expect("13-6012@38");
        let (first, last) = range.split_once('-').expect("13-6012@38");
        let number = |text: &str| text.parse::<u64>().expect("a number");
        (number(first)..=number(last)).map(move |id| (id, number(challenge))).collect::<Vec<_>>()
    });
    ids.collect()
}

/// Ids with their challenges, or the line that is refused.
type Naive = Result<Vec<(u64, u64)>, u64>;

/// What a reader makes of it that knows lines and commas only; `None` for a file that needs one who knows more.
fn naive(bytes: &[u8], given: Option<u64>) -> Option<Naive> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('"'))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text
        .split('\n')
        .enumerate()
        .flat_map(|(k, line)| line.split('\r').map(move |part| (k as u64 + 1, part)))
        .filter(|(_, line)| !line.is_empty());
    let Some((header_at, header)) = lines.next() else { return Some(Err(1)) };
    if header.trim().is_empty() {
        return None;
    }
    let names: Vec<&str> = header.split(',').map(str::trim).collect();
    let column = |name: &str| names.iter().position(|column| *column == name);
    let named = ["memberId", "member_id", "id"].into_iter().find_map(column);
    let id_column = named.unwrap_or(0);
    let is_header = named.is_some() || !names[0].is_empty() && number(names[0]).is_none();
    let challenge_column = column("challengeId");
    if !is_header || (challenge_column.is_none() && given.is_none()) {
        return Some(Err(header_at));
    }
    let mut members: Vec<(u64, u64)> = Vec::new();
    // Ids are as the first one is.
    let mut texts: Option<Vec<String>> = None;
    for (k, (at, line)) in
        lines.filter(|(_, line)| line.split(',').any(|field| !field.trim().is_empty())).enumerate()
    {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let field = |column: usize| fields.get(column).copied().filter(|field| !field.is_empty());
        if k == 0 && field(id_column).is_some_and(|id| number(id).is_none()) {
            texts = Some(Vec::new());
        }
        let challenge = challenge_column.map_or(given, |column| field(column).and_then(number));
        let id = match (field(id_column), &mut texts) {
            (Some(id), Some(texts)) if !texts.iter().any(|other| other == id) => {
                texts.push(id.to_owned());
                Some(k as u64)
            }
            (Some(id), None) => number(id).filter(|id| members.iter().all(|(other, _)| other != id)),
            _ => None,
        };
        match (id, challenge) {
            (Some(id), Some(challenge)) if given.is_none_or(|given| given == challenge) => {
                members.push((id, challenge));
            }
            _ => return Some(Err(at)),
        }
    }
    Some(Ok(members))
}

/// A whole number without zeros before it.
fn number(text: &str) -> Option<u64> {
    let fits = text.chars().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| fits)
}
