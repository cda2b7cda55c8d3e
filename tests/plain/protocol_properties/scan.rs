//! JSON messages, whole and damaged: the scanner against serde_json.

use proptest::prelude::*;
use startline_protocol::scan::*;

use super::{mutated, mutations};
use crate::checks::protocol::messages::{self as check, Found, scan, text_cut};

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
        check::message(message.as_bytes());
    }

    #[test]
    fn a_message_is_refused_if_serde_json_refuses_it(message in message(), mutations in mutations()) {
        check::message(&mutated(message.into_bytes(), &mutations));
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
