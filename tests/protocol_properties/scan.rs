//! The scanner at every split against serde_json.

use std::fmt;

use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use startline::protocol::scan::*;

use crate::{every_split, mutated, mutations};

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
enum Found {
    Text(String),
    Number(Number),
    Other,
}

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

fn text_cut(text: &str) -> &str {
    let end = (0..=text.len().min(CAPTURE_BYTES_MAX)).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap()]
}

fn scan(pieces: &[&[u8]], paths: &[Path]) -> Result<Vec<(usize, Found)>, ScanError> {
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

/// A string literal of these characters, some of them escaped.
fn literal(characters: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (characters, any::<u64>()).prop_map(|(text, escapes)| {
        let mut literal = String::from("\"");
        for (i, character) in text.chars().enumerate() {
            // Two bits a character; most stay as they are.
            match escapes >> (i * 2 % 64) & 3 {
                0 => literal
                    .extend(character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}"))),
                1 if character == '/' => literal.push_str("\\/"),
                _ => {
                    let plain = serde_json::to_string(&character).unwrap();
                    literal.push_str(&plain[1..plain.len() - 1]);
                }
            }
        }
        literal + "\""
    })
}

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "", "", " ", "\t", "\n", "\r\n  "])
}

fn key() -> impl Strategy<Value = String> {
    let known =
        prop::sample::select(vec!["a", "b", "ab", "", "list", "userId", "달🏃", "lis", "lists", "userid"]);
    literal(prop_oneof![6 => known.prop_map(str::to_owned), 1 => "\\PC{0,6}"])
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,10})?([eE][-+]?[0-9]{1,2})?",
    ]
}

fn container(value: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> {
    let array = prop::collection::vec((space(), value.clone(), space()), 0..4).prop_map(|elements| {
        let elements: Vec<_> = elements.iter().map(|(a, value, b)| format!("{a}{value}{b}")).collect();
        format!("[{}]", elements.join(","))
    });
    prop_oneof![array, object(value)]
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec((space(), key(), space(), space(), value, space()), 0..5).prop_map(|members| {
        let members: Vec<_> =
            members.iter().map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

fn value() -> impl Strategy<Value = String> {
    let text = prop_oneof![8 => "\\PC{0,8}", 2 => "[\"\\\\/\u{0}-\u{1f}]{0,4}", 1 => "[a달🏃]{20,80}"];
    let leaf = prop_oneof![
        3 => literal(text),
        2 => number(),
        1 => prop::sample::select(vec!["true", "false", "null"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| container(inner.boxed()))
}

fn message() -> impl Strategy<Value = String> {
    (space(), object(value()), space()).prop_map(|(a, object, b)| format!("{a}{object}{b}"))
}

proptest! {
    #[test]
    fn what_serde_json_finds_is_found_at_every_split(message in message()) {
        let paths = paths();
        let doc: Doc = serde_json::from_str(&message).unwrap();
        let expected = Ok(expected(&doc, &paths));
        for pieces in every_split(message.as_bytes()) {
            prop_assert_eq!(&scan(&pieces, &paths), &expected);
        }
    }

    #[test]
    fn a_message_is_refused_if_serde_json_refuses_it(message in message(), mutations in mutations()) {
        let paths = paths();
        let bytes = mutated(message.into_bytes(), &mutations);
        let whole = scan(&[&bytes], &paths);
        for pieces in every_split(&bytes) {
            prop_assert_eq!(&scan(&pieces, &paths), &whole);
        }
        // Skipped text is not checked for UTF-8, and a float's range is not syntax.
        if std::str::from_utf8(&bytes).is_err() {
            return Ok(());
        }
        match serde_json::from_slice::<Doc>(&bytes) {
            Ok(doc @ Doc::Object(_)) if doc.depth() <= DEPTH_MAX.into() => {
                prop_assert_eq!(whole, Ok(expected(&doc, &paths)));
            }
            Err(error) if error.to_string().starts_with("number out of range") => {}
            _ => prop_assert_eq!(whole, Err(ScanError)),
        }
    }

    #[test]
    fn only_objects_are_messages(value in value()) {
        let is_object = value.starts_with('{');
        prop_assert_eq!(scan(&[value.as_bytes()], &[]).is_ok(), is_object);
    }

    #[test]
    fn what_the_quick_reader_takes_the_scanner_finds_first(
        kind in literal("[A-Z_달]{0,70}"),
        id in number(),
        rest in "(,\"x\":[0-9]{1,3}){0,2}",
        mutations in prop_oneof![3 => Just(Vec::new()), 1 => mutations()],
    ) {
        let message = mutated(format!("{{\"type\":{kind},\"userId\":{id}{rest}}}").into_bytes(), &mutations);
        let paths = [Path::Member("type".to_owned()), Path::Member("userId".to_owned())];
        let quick = quick_text(&message, "type");
        if let (Some((text, after)), Ok(scanned)) = (quick, scan(&[&message], &paths)) {
            let text = std::str::from_utf8(text).unwrap();
            prop_assert_eq!(&scanned[0], &(0, Found::Text(text_cut(text).to_owned())));
            if let Some(id) = quick_integer(after, "userId") {
                prop_assert_eq!(&scanned[1], &(1, Found::Number(id.into())));
            }
        }
        if mutations.is_empty() {
            prop_assert_eq!(quick.is_some(), !kind.contains('\\'));
            if let Some((_, after)) = quick {
                prop_assert_eq!(quick_integer(after, "userId"), id.parse().ok());
            }
        }
    }
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
