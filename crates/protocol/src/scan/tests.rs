//! The scanner against messages written by hand.

use super::*;

/// What a scan reports, owned.
#[derive(Debug, PartialEq)]
enum Owned {
    Text(String),
    Number(String),
    Other,
}

fn text(text: &str) -> Owned {
    Owned::Text(text.to_owned())
}

fn number(text: &str) -> Owned {
    Owned::Number(text.to_owned())
}

fn member(name: &str) -> Path {
    Path::Member(name.to_owned())
}

fn each(array: &str, member: &str) -> Path {
    Path::EachMember { array: array.to_owned(), member: member.to_owned() }
}

/// Scans `pieces`; what was found, or the refusal.
fn scan_pieces(paths: &[Path], pieces: &[&[u8]]) -> Result<Vec<(usize, Owned)>, ScanError> {
    let mut scanner = Scanner::new();
    let mut values = Vec::new();
    for piece in pieces {
        scanner.feed(paths, piece, &mut |index, value| {
            values.push((
                index,
                match value {
                    Value::Text(text) => Owned::Text(text.to_owned()),
                    Value::Number(number) => Owned::Number(number.to_owned()),
                    Value::Other => Owned::Other,
                },
            ));
        })?;
    }
    scanner.finish().map(|()| values)
}

/// Scans in one piece, and checks that two pieces and single bytes give the same.
#[track_caller]
fn scan(paths: &[Path], message: impl AsRef<[u8]>) -> Result<Vec<(usize, Owned)>, ScanError> {
    let message = message.as_ref();
    let whole = scan_pieces(paths, &[message]);
    for cut in 0..=message.len() {
        let (start, end) = message.split_at(cut);
        assert_eq!(scan_pieces(paths, &[start, end]), whole, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = message.chunks(1).collect();
    assert_eq!(scan_pieces(paths, &bytes), whole, "byte by byte");
    whole
}

#[test]
fn members_of_the_top_are_found_by_their_whole_name() {
    let paths = [member("type"), member("userId"), member("types"), member("")];
    let message =
        r#" { "typ":1, "type" : "PONG" ,"typed":2,"types":-0.5e+3,"userId":null,"":[{}], "a":{"type":3}} "#;
    assert_eq!(
        scan(&paths, message),
        Ok(vec![(0, text("PONG")), (2, number("-0.5e+3")), (1, Owned::Other), (3, Owned::Other)])
    );
}

#[test]
fn members_of_each_element_are_found_in_their_array_only() {
    let paths = [each("participants", "userId"), each("participants", "name"), each("others", "userId")];
    let message = r#"{"userId":1,"participants":[{"userId":2,"name":"달","x":{"userId":3}},7,[{"userId":4}],
        {"name":[{"name":5}],"userId":"6"}],"others":{"userId":8},"third":[{"userId":9}],
        "others":[{"userId":10}]}"#;
    assert_eq!(
        scan(&paths, message),
        Ok(vec![(0, number("2")), (1, text("달")), (1, Owned::Other), (0, text("6")), (2, number("10")),])
    );
}

#[test]
fn a_place_that_several_paths_name_is_reported_for_each() {
    let paths = [each("a", "b"), member("a"), member("a"), each("a", "b")];
    assert_eq!(
        scan(&paths, r#"{"a":[{"b":1}],"a":2}"#),
        Ok(vec![
            (0, number("1")),
            (3, number("1")),
            (1, Owned::Other),
            (2, Owned::Other),
            (1, number("2")),
            (2, number("2")),
        ])
    );
}

#[test]
fn keys_with_escapes_match_by_what_they_stand_for() {
    let paths = [member("type"), member("달\n🏃"), member("a\"b")];
    let message = r#"{"t\u0079pe":1,"\ub2ec\n\ud83c\udfC3":2,"달\n🏃":3,"a\"b":4,"type\u0000":5}"#;
    assert_eq!(
        scan(&paths, message),
        Ok(vec![(0, number("1")), (1, number("2")), (1, number("3")), (2, number("4"))])
    );
}

#[test]
fn a_name_longer_than_a_capture_is_found() {
    let long = "k".repeat(3 * CAPTURE_BYTES_MAX);
    let message = format!(r#"{{"{}":0,"{long}":1,"{long}k":2}}"#, &long[1..]);
    assert_eq!(scan(&[member(&long)], message), Ok(vec![(0, number("1"))]));
}

#[test]
fn text_is_unescaped_and_cut_at_a_character() {
    let paths = [member("a")];
    let one = |value: &str| scan(&paths, format!(r#"{{"a":"{value}"}}"#));
    assert_eq!(one(r#"\"\\\/\b\f\n\r\t\u0041"#), Ok(vec![(0, text("\"\\/\u{8}\u{c}\n\r\tA"))]));
    assert_eq!(one(&"x".repeat(64)), Ok(vec![(0, text(&"x".repeat(64)))]));
    assert_eq!(one(&"x".repeat(65)), Ok(vec![(0, text(&"x".repeat(64)))]));
    assert_eq!(one(&"달".repeat(30)), Ok(vec![(0, text(&"달".repeat(21)))]));
    let cut = one(&format!(r#"{}\ud83c\udfc3xyz"#, "x".repeat(62)));
    assert_eq!(cut, Ok(vec![(0, text(&"x".repeat(62)))]), "nothing is taken after the cut");
}

#[test]
fn a_number_too_long_to_keep_is_not_reported_as_another() {
    let digits = |count: usize| format!(r#"{{"a":{}}}"#, "1".repeat(count));
    assert_eq!(scan(&[member("a")], digits(64)), Ok(vec![(0, number(&"1".repeat(64)))]));
    assert_eq!(scan(&[member("a")], digits(65)), Ok(vec![(0, Owned::Other)]));
}

#[test]
fn captured_text_is_utf8_and_skipped_text_is_not_looked_at() {
    let paths = [member("a")];
    assert_eq!(scan(&paths, b"{\"a\":\"\xff\"}"), Err(ScanError));
    assert_eq!(scan(&paths, b"{\"a\":\"\xeb\x8b\"}"), Err(ScanError));
    assert_eq!(scan(&paths, b"{\"a\":\"\xeb\\u0041\"}"), Err(ScanError));
    assert_eq!(scan(&paths, b"{\"b\":\"\xff\",\"\xff\":1}"), Ok(vec![]));
}

#[test]
fn what_is_not_json_is_refused() {
    for message in [
        "",
        " ",
        "[]",
        "1",
        "\"a\"",
        "null",
        "{",
        "{]",
        "{}}",
        "{} x",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\" 1}",
        "{\"a\":[1,]}",
        "{\"a\":[,]}",
        "{\"a\":[1}",
        "{\"a\":{]}",
        "{\"a\":01}",
        "{\"a\":-}",
        "{\"a\":+1}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":1e+}",
        "{\"a\":0x1}",
        "{\"a\":1.5.5}",
        "{\"a\":--1}",
        "{\"a\":NaN}",
        "{\"a\":tru}",
        "{\"a\":True}",
        "{\"a\":nulll}",
        "{\"a\":fals e}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\0\"}",
        "{\"a\n\":1}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u123\"}",
        "{\"a\":\"\\ud83c\"}",
        "{\"a\":\"\\ud83cx\"}",
        "{\"a\":\"\\ud83c\\n\"}",
        "{\"a\":\"\\ud83c\\u0041\"}",
        "{\"a\":\"\\udfc3\"}",
        "{\"\\udfc3\":1}",
        "{\"a\":\"x}",
        "{\"a\":1}\u{feff}",
        "\u{feff}{}",
        "{\u{b}}",
        "{\"a\":'x'}",
        "{\"a\":1}/**/",
        "{\"a\":[1 2]}",
        "{{}}",
        "{\"a\":{}\"b\":1}",
    ] {
        assert_eq!(scan(&[member("a"), each("a", "b")], message).err(), Some(ScanError), "{message}");
        assert!(serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(message).is_err(), "{message}");
    }
}

#[test]
fn containers_may_be_64_deep() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert_eq!(scan(&[member("a")], nested(64)), Ok(vec![(0, Owned::Other)]));
    assert_eq!(scan(&[member("a")], nested(65)), Err(ScanError));
    let objects = format!("{}1{}", "{\"a\":".repeat(64), "}".repeat(64));
    assert_eq!(scan(&[member("a")], objects), Ok(vec![(0, Owned::Other)]));
}

#[test]
fn plain_bytes_end_where_a_look_at_each_would_say() {
    for length in 0..20 {
        for place in 0..length {
            for byte in 0..=255u8 {
                let mut bytes = vec![b'!'; length];
                bytes[place] = byte;
                let naive = bytes.iter().position(|&b| b == b'"' || b == b'\\' || b < b' ').unwrap_or(length);
                assert_eq!(text::plain_len(&bytes), naive, "{bytes:?}");
            }
        }
    }
}

#[test]
fn a_scanner_is_small_enough_for_a_slab() {
    assert!(size_of::<Scanner>() <= 160, "{}", size_of::<Scanner>());
}

#[test]
fn the_quick_reader_takes_the_first_member_if_it_is_plain_text() {
    let message = br#"{"type":"USER_ENTERED","userId":42,"nickname":"x"}"#;
    let (kind, rest) = quick_text(message, "type").unwrap();
    assert_eq!(kind, b"USER_ENTERED");
    assert_eq!(quick_integer(rest, "userId"), Some(42));
    assert_eq!(quick_integer(rest, "user"), None);
    for message in [
        &br#"{"type":"A\n"}"#[..],
        br#"{ "type":"A"}"#,
        br#"{"type": "A"}"#,
        br#"{"type":1}"#,
        br#"{"type":"A"#,
        br#"{"typ":"A"}"#,
        b"{\"type\":\"A\n\"}",
        b"{",
        b"",
    ] {
        assert_eq!(quick_text(message, "type"), None, "{}", message.escape_ascii());
    }
    assert_eq!(quick_text(br#"{"type":"""#, "type"), Some((&b""[..], &b""[..])));
}

#[test]
fn the_quick_reader_takes_only_whole_unsigned_integers() {
    let read = |value: &str| quick_integer(format!(",\"n\":{value}").as_bytes(), "n");
    assert_eq!(read("0}"), Some(0));
    assert_eq!(read("18446744073709551615,"), Some(u64::MAX));
    for not in ["18446744073709551616}", "01}", "-1}", "1.5}", "1e3}", "}", ",", "1", "1 }", "\"1\"}", "1]"] {
        assert_eq!(read(not), None, "{not}");
    }
}
