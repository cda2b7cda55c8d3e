//! Records, whole and damaged, against rules drawn at random: the matcher against serde_json.

use proptest::prelude::*;
use startline_protocol::matching::*;

use super::{mutated, mutations};
use crate::checks::protocol::messages::{self as check, Asked};

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
        prop::sample::select(vec!["a", "b", "ab", "", "list", "userId", "달🏃", "type", "0", "1", "2"]);
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
    leaf.prop_recursive(4, 24, 4, |inner| {
        let inner = container(inner.boxed()).boxed();
        // JSON may be in a string, too.
        prop_oneof![4 => inner.clone(), 1 => literal(inner)]
    })
}

fn message() -> impl Strategy<Value = String> {
    let before =
        prop_oneof![3 => Just(""), 1 => prop::sample::select(vec!["42", "aa", "ab", "aaba b\"", " \n"])];
    (before, space(), container(value().boxed()), "[ab\"}]{0,2}")
        .prop_map(|(a, b, json, c)| format!("{a}{b}{json}{c}"))
}

/// A pointer that there is something at, often enough.
fn pointer() -> impl Strategy<Value = Pointer> {
    let token = prop::sample::select(vec!["a", "b", "ab", "list", "userId", "달🏃", "type", "0", "1", "2"]);
    prop::collection::vec(token, 1..4)
        .prop_map(|tokens| Pointer::parse(&format!("/{}", tokens.join("/"))).expect("a pointer"))
}

fn rule() -> impl Strategy<Value = Rule> {
    let some = |texts: Vec<&'static str>| prop_oneof![3 => Just(None), 1 => prop::sample::select(texts).prop_map(|text| Some(text.as_bytes().to_vec()))];
    let want = prop_oneof![
        2 => Just(Want::Exists),
        1 => prop::sample::select(vec!["", "a", "0", "1", "null", "true"]).prop_map(|it| Want::Equals(it.into())),
    ];
    let fields = prop::collection::vec((pointer(), want), 0..4).prop_map(|mut fields| {
        fields.sort_by_key(|(pointer, _)| pointer.to_string());
        fields.dedup_by_key(|(pointer, _)| pointer.to_string());
        fields
    });
    (
        some(vec!["{", "[", "42", "aa"]),
        some(vec!["a", "ab", "\"a\":", "]"]),
        fields,
        some(vec!["a", "ab", "\""]),
    )
        .prop_map(|(starts, contains, fields, body_after)| Rule {
            is: None,
            starts,
            contains,
            fields,
            spans: Vec::new(),
            body_after,
        })
}

fn asked() -> impl Strategy<Value = Asked> {
    let wanted = (pointer(), any::<u64>())
        .prop_map(|(pointer, rules)| Wanted { place: Place::Field(pointer), rules: rules & 0xff });
    let each = (prop::sample::select(vec!["/*", "/a/*", "/list/*/userId", "/*/a/b", "/0/*"]), 0..8u8)
        .prop_map(|(pointer, rule)| Each { pointer: Pointer::parse(pointer).expect("a pointer"), rule });
    let rules = prop::collection::vec(rule(), 1..8);
    (rules, prop::collection::vec(wanted, 0..6), prop::option::of(each)).prop_map(|(rules, wanted, each)| {
        let each = each.filter(|each| usize::from(each.rule) < rules.len());
        Asked { rules, wanted, each }
    })
}

proptest! {
    #[test]
    fn what_serde_json_finds_is_found_at_every_split(message in message()) {
        check::message(message.as_bytes());
    }

    #[test]
    fn damage_changes_no_split_s_outcome(message in message(), mutations in mutations()) {
        check::message(&mutated(message.into_bytes(), &mutations));
    }

    #[test]
    fn any_rules_find_what_serde_json_does(message in message(), asked in asked()) {
        check::asked_of(message.as_bytes(), &asked);
    }

    #[test]
    fn a_long_record_may_be_cut_anywhere(
        messages in prop::collection::vec(message(), 20..60),
        asked in asked(),
        lengths in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let record = format!("[{}]", messages.join(","));
        let matcher = Matcher::new(&asked.rules, &asked.wanted, asked.each.as_ref()).expect("they fit");
        let whole = check::outcome(&[record.as_bytes()], &asked, &matcher);
        let (mut pieces, mut rest, mut lengths) = (Vec::new(), record.as_bytes(), lengths.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*lengths.next().expect("a cycle")));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(check::outcome(&pieces, &asked, &matcher), whole);
    }

    #[test]
    fn what_the_quick_reader_takes_the_whole_pass_finds(
        kind in literal("[A-C달]{0,2}"),
        id in number(),
        rest in "(,\"x\":[0-9]{1,3}){0,2}",
        mutations in prop_oneof![3 => Just(Vec::new()), 1 => mutations()],
    ) {
        let message = mutated(format!("{{\"type\":{kind},\"userId\":{id}{rest}}}").into_bytes(), &mutations);
        check::message(&message);
    }
}
