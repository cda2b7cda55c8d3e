//! The scanner at every split against serde_json.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use startline_protocol::scan::*;

use super::splits;

/// A message gives the same values at every split, and is taken, with these values, if serde_json takes it.
pub fn message(bytes: &[u8]) {
    let paths = paths();
    let whole = scan(&[bytes], &paths);
    for pieces in splits(bytes) {
        assert_eq!(scan(&pieces, &paths), whole);
    }
    // Skipped text is not checked for UTF-8, and a float's range is not syntax.
    if std::str::from_utf8(bytes).is_err() {
        return;
    }
    match serde_json::from_slice::<Doc>(bytes) {
        Ok(doc @ Doc::Object(_)) if doc.depth() <= DEPTH_MAX.into() => {
            let expected = expected(&doc, &paths);
            match has_long_number(bytes) {
                // It is found as something else, and serde_json does not tell which of its numbers were long.
                true => assert_eq!(whole.map(|found| found.len()), Ok(expected.len())),
                false => assert_eq!(whole, Ok(expected)),
            }
        }
        Err(error) if error.to_string().starts_with("number out of range") => {}
        _ => assert_eq!(whole, Err(ScanError)),
    }
}

/// Whether anything in it could be a number over what the scanner keeps.
fn has_long_number(bytes: &[u8]) -> bool {
    let in_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    bytes.split(|byte| !in_number(byte)).any(|run| run.len() > CAPTURE_BYTES_MAX)
}

/// A document as serde_json reads it, with members in order and duplicates kept.
#[derive(Debug)]
enum Doc {
    Text(String),
    Number(Number),
    Literal,
    Array(Vec<Doc>),
    Object(Vec<(String, Doc)>),
}

/// A value found, by the scanner or in a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A string, cut as the scanner cuts it.
    Text(String),
    /// A number, as serde_json understands it.
    Number(Number),
    /// Anything else.
    Other,
}

/// Names to look for: some that begin alike, that are empty, that are not ASCII.
fn paths() -> Vec<Path> {
    let member = |name: &str| Path::Member(name.to_owned());
    let each =
        |array: &str, member: &str| Path::EachMember { array: array.to_owned(), member: member.to_owned() };
    vec![
        member("a"),
        each("a", "b"),
        member("ab"),
        member(""),
        member("달🏃"),
        each("list", "userId"),
        each("a", ""),
        member("list"),
        each("ab", "a"),
        each("list", "a"),
    ]
}

/// What `paths` find in a document, in the order of their ends.
fn expected(doc: &Doc, paths: &[Path]) -> Vec<(usize, Found)> {
    let Doc::Object(members) = doc else { panic!("not an object") };
    let mut found = Vec::new();
    for (key, value) in members {
        let elements = if let Doc::Array(elements) = value { &elements[..] } else { &[] };
        for element in elements {
            let inner = if let Doc::Object(inner) = element { &inner[..] } else { &[] };
            for (inner_key, inner_value) in inner {
                let is_here = |path: &Path| matches!(path, Path::EachMember { array, member } if array == key && member == inner_key);
                found.extend(places(paths, is_here).map(|index| (index, inner_value.found())));
            }
        }
        found.extend(places(paths, |path| *path == Path::Member(key.clone())).map(|i| (i, value.found())));
    }
    found
}

fn places(paths: &[Path], is_here: impl Fn(&Path) -> bool) -> impl Iterator<Item = usize> {
    paths.iter().enumerate().filter(move |(_, path)| is_here(path)).map(|(index, _)| index)
}

impl Doc {
    fn found(&self) -> Found {
        match self {
            Self::Text(text) => Found::Text(text_cut(text).to_owned()),
            Self::Number(number) => Found::Number(number.clone()),
            _ => Found::Other,
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Array(elements) => 1 + elements.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(members) => 1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// `text` as far as the scanner keeps it.
pub fn text_cut(text: &str) -> &str {
    let end = (0..=text.len().min(CAPTURE_BYTES_MAX)).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap()]
}

/// What the scanner finds in a message that arrives in these pieces.
pub fn scan(pieces: &[&[u8]], paths: &[Path]) -> Result<Vec<(usize, Found)>, ScanError> {
    let mut scanner = Scanner::new();
    let mut values = Vec::new();
    for piece in pieces {
        scanner.feed(paths, piece, &mut |index, value| {
            values.push((
                index,
                match value {
                    Value::Text(text) => Found::Text(text.to_owned()),
                    Value::Number(text) => serde_json::from_str(text).map_or(Found::Other, Found::Number),
                    Value::Other => Found::Other,
                },
            ));
        })?;
    }
    scanner.finish().map(|()| values)
}

impl<'de> Deserialize<'de> for Doc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocVisitor)
    }
}

struct DocVisitor;

impl<'de> Visitor<'de> for DocVisitor {
    type Value = Doc;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Doc, E> {
        Ok(Doc::Literal)
    }

    fn visit_unit<E>(self) -> Result<Doc, E> {
        Ok(Doc::Literal)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Doc, E> {
        Ok(Doc::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Doc, E> {
        Ok(Doc::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Doc, E> {
        Number::from_f64(value).map(Doc::Number).ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Doc, E> {
        Ok(Doc::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Doc, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element()? {
            elements.push(element);
        }
        Ok(Doc::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Doc, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Doc::Object(members))
    }
}
