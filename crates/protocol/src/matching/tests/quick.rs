//! What the quick reader knows by a record's start, the whole pass finds too.

use super::*;

#[test]
fn the_quick_reader_takes_the_first_two_fields_if_they_are_plain() {
    let rules =
        [fields(&[("/type", "A")]), fields(&[("/type", "B")]), starts("x"), fields(&[("/type", "C")])];
    let matcher = Matcher::new(&rules, &[Wanted { rules: 0b10, ..at("/userId") }], None).unwrap();
    let quick = |record: &'static str| matcher.quick(record.as_bytes());
    assert_eq!(quick(r#"{"type":"A","x":1}"#), Some(Quick { rule: 0, integer: None, second: None }));
    assert_eq!(
        quick(r#"{"type":"B","userId":42,"x"#),
        Some(Quick { rule: 1, integer: Some((42, b"42")), second: None })
    );
    assert_eq!(
        quick(r#"{"type":"B","userId":9999999999999999999}"#).and_then(|it| it.integer),
        Some((9_999_999_999_999_999_999, &b"9999999999999999999"[..]))
    );
    for not in [
        r#"{"type":"C"}"#,
        r#"{"type":"D"}"#,
        r#"{ "type":"A"}"#,
        r#"{"type": "A"}"#,
        r#"{"type":"\u0041"}"#,
        r#"{"typ":"A"}"#,
        r#"{"type":"A"#,
        r#"{"type":"B","x":1,"userId":42}"#,
        r#"{"type":"B","userId":-1}"#,
        r#"{"type":"B","userId":042}"#,
        r#"{"type":"B","userId":1.5}"#,
        r#"{"type":"B","userId":18446744073709551615}"#,
        r#"{"type":"B","userId":"42"}"#,
        r#"{"type":"B","userId":4"#,
        "{",
        "",
    ] {
        assert_eq!(quick(not), None, "{not}");
    }
}

#[test]
fn the_quick_reader_takes_a_second_field_if_it_follows_and_is_a_plain_number() {
    let rules = [fields(&[("/type", "U")])];
    let wanted = [at("/userId"), at("/distance")];
    let matcher = Matcher::new(&rules, &wanted, None).unwrap();
    let quick = |value: &str| {
        let record = format!(r#"{{"type":"U","userId":42,"distance":{value},"pace":360}}"#);
        let second = matcher.quick(record.as_bytes()).map(|quick| {
            assert_eq!(quick.integer, Some((42, &b"42"[..])));
            let (place, number) = quick.second.expect("both are wanted");
            assert_eq!(place, 1);
            String::from_utf8_lossy(number).into_owned()
        });
        // What it takes, the whole pass takes too.
        let mut matching = Matching::default();
        let rule = matching.whole(&matcher, record.as_bytes(), &mut |_, _| {});
        if let Some(second) = &second {
            let whole = matching.value(&matcher, 1).map(|value| value.bytes().to_vec());
            assert_eq!((rule, whole.as_deref()), (Some(0), Some(second.as_bytes())));
        }
        second
    };
    for value in ["0", "7", "120", "0.028", "5.0", "12.5"] {
        assert_eq!(quick(value).as_deref(), Some(value));
    }
    for not in ["", "00", "01.5", ".5", "5.", "1.2.3", "-1", "1e3", "\"5\"", "null", " 5", "5 "] {
        assert_eq!(quick(not), None, "{not}");
    }
    let other_order = br#"{"type":"U","distance":0.5,"userId":42}"#;
    assert_eq!(matcher.quick(other_order), None);
    assert_eq!(matcher.quick(br#"{"type":"U","userId":42}"#), None);
}

#[test]
fn the_quick_reader_knows_leading_rules_of_bytes() {
    let rules = [is("2"), starts("42"), starts("4"), is(""), fields(&[("/type", "A")]), starts("5")];
    let matcher = Matcher::new(&rules, &[Wanted { rules: 0b10, ..at("/0") }], None).unwrap();
    let mut matching = Matching::default();
    for (record, rule) in [("2", 0), ("40", 2), ("4", 2), ("", 3), (r#"{"type":"A"}"#, 4)] {
        assert_eq!(
            matcher.quick(record.as_bytes()),
            Some(Quick { rule, integer: None, second: None }),
            "{record}"
        );
        assert_eq!(matching.whole(&matcher, record.as_bytes(), &mut |_, _| {}), Some(rule), "{record}");
    }
    // A value is wanted of what begins so, or the rule follows others.
    for not in ["42[1]", "5", "3", "22"] {
        assert_eq!(matcher.quick(not.as_bytes()), None, "{not}");
    }
    // Nothing starts with no bytes at all, as in a whole pass.
    let empty = Matcher::new(&[starts("")], &[], None).unwrap();
    assert_eq!(empty.quick(b"2"), None);
    // A rule that asks for bytes at an offset, too, is not known by its start.
    let spanned = Rule { spans: vec![(span("u8:1"), Want::Exists)], ..starts("2") };
    assert_eq!(Matcher::new(&[spanned], &[], None).unwrap().quick(b"2"), None);
}
