//! The matcher against records written by hand.

mod places;
mod quick;

use super::*;

fn field(pointer: &str, want: &str) -> (Pointer, Want) {
    let want = if want == "*" { Want::Exists } else { Want::Equals(want.into()) };
    (Pointer::parse(pointer).unwrap(), want)
}

fn fields(fields: &[(&str, &str)]) -> Rule {
    Rule { fields: fields.iter().map(|(pointer, want)| field(pointer, want)).collect(), ..Rule::default() }
}

fn is(text: &str) -> Rule {
    Rule { is: Some(text.into()), ..Rule::default() }
}

fn starts(text: &str) -> Rule {
    Rule { starts: Some(text.into()), ..Rule::default() }
}

fn contains(text: &str) -> Rule {
    Rule { contains: Some(text.into()), ..Rule::default() }
}

fn at(pointer: &str) -> Wanted {
    Wanted { place: Place::Field(Pointer::parse(pointer).unwrap()), rules: u64::MAX }
}

fn after(text: &str) -> Wanted {
    Wanted { place: Place::After(text.into()), rules: u64::MAX }
}

/// The rule of a record, the same in one piece, in two and byte by byte.
#[track_caller]
fn rule_of(rules: &[Rule], record: impl AsRef<[u8]>) -> Option<u8> {
    values_of(rules, &[], record).0
}

/// The same with the values at `wanted`.
#[track_caller]
fn values_of(
    rules: &[Rule],
    wanted: &[Wanted],
    record: impl AsRef<[u8]>,
) -> (Option<u8>, Vec<Option<String>>) {
    let record = record.as_ref();
    let matcher = Matcher::new(rules, wanted, None).unwrap();
    let mut matching = Matching::default();
    let read = |matching: &Matching| -> Vec<Option<String>> {
        let text = |value: Value<'_>| String::from_utf8(value.bytes().to_vec()).unwrap();
        (0..wanted.len()).map(|place| matching.value(&matcher, place).map(text)).collect()
    };
    let rule = matching.whole(&matcher, record, &mut |_, _| {});
    let whole = (rule, read(&matching));
    let in_two = (0..=record.len()).map(|cut| [&record[..cut], &record[cut..]].to_vec());
    for pieces in in_two.chain([record.chunks(1).collect()]) {
        matching.begin(&matcher);
        pieces.iter().for_each(|piece| matching.feed(&matcher, piece, &mut |_, _| {}));
        let rule = matching.finish(&matcher, &mut |_, _| {});
        assert_eq!((rule, read(&matching)), whole, "{pieces:?}");
    }
    whole
}

#[test]
fn the_first_rule_that_matches_counts() {
    let rules =
        [is("2"), starts("42[\"joined\""), starts("42"), contains("<success"), fields(&[("/a", "1")])];
    assert_eq!(rule_of(&rules, "2"), Some(0));
    assert_eq!(rule_of(&rules, "42[\"joined\",{}]"), Some(1));
    assert_eq!(rule_of(&rules, "42[\"jo"), Some(2));
    assert_eq!(rule_of(&rules, "x<success xmlns='y'/>{\"a\":1}"), Some(3));
    assert_eq!(rule_of(&rules, "{\"a\":1}"), Some(4));
    for other in ["", "22", "4", "<succes", "{\"a\":2}", "{\"b\":1}"] {
        assert_eq!(rule_of(&rules, other), None, "{other}");
    }
    assert_eq!(rule_of(&[is("")], ""), Some(0));
    assert_eq!(rule_of(&[Rule::default()], "anything"), Some(0));
    assert_eq!(rule_of(&[], "anything"), None);
}

#[test]
fn all_conditions_of_a_rule_must_hold() {
    let rules = [Rule { starts: Some(b"42".into()), contains: Some(b"x".into()), ..fields(&[("/0", "a")]) }];
    assert_eq!(rule_of(&rules, "42[\"a\",\"x\"]"), Some(0));
    for other in ["42[\"a\"]", "43[\"a\",\"x\"]", "42[\"b\",\"x\"]", "42x"] {
        assert_eq!(rule_of(&rules, other), None, "{other}");
    }
}

#[test]
fn fields_are_found_at_any_depth_and_in_arrays_by_index() {
    let rules = [fields(&[("/1", "1"), ("/3", "phx_reply"), ("/4/status", "ok")])];
    let reply = |status: &str| {
        format!(r#"[null,"1","room",  "phx_reply",{{"response":{{"status":0}},"status":{status}}}]"#)
    };
    assert_eq!(rule_of(&rules, reply("\"ok\"")), Some(0));
    assert_eq!(rule_of(&rules, reply("\"error\"")), None);
    let deep = [fields(&[("/push/pub/data/0/ts", "*"), ("/push/pub/data/2", "b")])];
    assert_eq!(rule_of(&deep, r#"{"push":{"x":[1,[2]],"pub":{"data":[{"ts":5},{"ts":6},"b"]}}}"#), Some(0));
    assert_eq!(
        rule_of(&deep, r#"{"push":{"pub":{"data":{"0":{"ts":5},"2":"b"}}}}"#),
        Some(0),
        "keys of objects, too"
    );
    assert_eq!(rule_of(&deep, r#"{"push":{"pub":{"data":[{"ts":5}]}}}"#), None);
    assert_eq!(rule_of(&[fields(&[("/01", "*")])], "[1,2]"), None, "01 is no index");
}

#[test]
fn numbers_compare_as_written_and_strings_unescaped() {
    let equals =
        |want: &str, json: &str| rule_of(&[fields(&[("/a", want)])], format!("{{\"a\":{json}}}")).is_some();
    assert!(equals("10", "10") && equals("10", "\"10\"") && equals("1.0", "1.0"));
    assert!(!equals("1.0", "1") && !equals("10", "1e1") && !equals("10", "010"));
    assert!(equals("a\"b", r#""a\"b""#) && equals("달", r#""\ub2ec""#) && equals("🏃", r#""\ud83c\udfc3""#));
    assert!(equals("true", "true") && equals("false", "false") && equals("null", "null"));
    assert!(!equals("true", "false") && !equals("null", "{}") && !equals("{}", "{}"));
}

#[test]
fn a_field_exists_unless_it_is_null() {
    let exists =
        |json: &str| rule_of(&[fields(&[("/a", "*")])], format!("{{\"b\":1,\"a\":{json}}}")).is_some();
    for json in ["1", "\"\"", "{}", "[]", "false"] {
        assert!(exists(json), "{json}");
    }
    assert!(!exists("null"));
    let asterisk = [Rule {
        fields: vec![(Pointer::parse("/a").unwrap(), Want::Equals(b"*".into()))],
        ..Rule::default()
    }];
    assert_eq!(rule_of(&asterisk, r#"{"a":"*"}"#), Some(0));
    assert_eq!(rule_of(&asterisk, r#"{"a":"b"}"#), None);
}

#[test]
fn of_a_key_that_occurs_twice_the_first_counts() {
    let rules = [fields(&[("/a", "1")]), fields(&[("/b/c", "1")])];
    assert_eq!(rule_of(&rules, r#"{"a":1,"a":2}"#), Some(0));
    assert_eq!(rule_of(&rules, r#"{"a":2,"a":1}"#), None);
    assert_eq!(rule_of(&rules, r#"{"b":{},"b":{"c":1}}"#), None);
    assert_eq!(rule_of(&rules, r#"{"b":null,"b":{"c":1}}"#), None);
    let found = values_of(&rules, &[at("/x")], r#"{"x":1,"x":2,"a":1}"#);
    assert_eq!(found, (Some(0), vec![Some("1".into())]));
}

#[test]
fn values_are_kept_whole_or_known_to_be_too_long() {
    let rules = [fields(&[("/a", "*")])];
    let record = |len: usize| format!(r#"{{"a":{{}},"v":"{}"}}"#, "x".repeat(len));
    let found = values_of(&rules, &[at("/v")], record(VALUE_BYTES_MAX));
    assert_eq!(found.1, [Some("x".repeat(VALUE_BYTES_MAX))]);
    let matcher = Matcher::new(&rules, &[at("/v"), at("/a")], None).unwrap();
    let mut matching = Matching::default();
    for cut in [0, 20, VALUE_BYTES_MAX, VALUE_BYTES_MAX + 12] {
        matching.begin(&matcher);
        let record = record(VALUE_BYTES_MAX + 1);
        matching.feed(&matcher, &record.as_bytes()[..cut], &mut |_, _| {});
        matching.feed(&matcher, &record.as_bytes()[cut..], &mut |_, _| {});
        assert_eq!(matching.finish(&matcher, &mut |_, _| {}), Some(0));
        assert!(matching.is_too_long(&matcher, 0) && matching.value(&matcher, 0).is_none());
        assert!(!matching.is_too_long(&matcher, 1) && matching.value(&matcher, 1).is_none(), "an object");
    }
}

#[test]
fn values_are_of_the_rule_that_is_found() {
    let rules = [fields(&[("/t", "a")]), fields(&[("/t", "b")])];
    let wanted = Wanted { rules: 0b10, ..at("/v") };
    let found = |kind: &str| {
        values_of(&rules, std::slice::from_ref(&wanted), format!(r#"{{"v":1.50,"t":"{kind}"}}"#))
    };
    assert_eq!(found("a"), (Some(0), vec![None]));
    assert_eq!(found("b"), (Some(1), vec![Some("1.50".into())]));
}

#[test]
fn json_begins_at_the_first_brace_or_behind_its_text() {
    assert_eq!(rule_of(&[fields(&[("/0", "tick")])], "42/room,[\"tick\"]"), Some(0));
    assert_eq!(rule_of(&[fields(&[("/a", "1")])], "room{\"a\":1}"), Some(0));
    let behind = [Rule { body_after: Some(b"room".into()), ..fields(&[("/a", "1")]) }];
    assert_eq!(rule_of(&behind, b"\x30{\x00\x04room{\"a\":1}"), Some(0));
    assert_eq!(rule_of(&behind, b"\x30{\"a\":1}"), None);
    let anywhere = [Rule { body_after: Some(Vec::new()), ..fields(&[("/a", "1")]) }];
    assert_eq!(rule_of(&anywhere, b"room{\"a\":1}"), Some(0), "an empty text is none");
    let other = Rule { body_after: Some(b"x".into()), ..starts("x") };
    let both = [other, Rule { starts: Some(b"r".into()), ..behind[0].clone() }];
    let found = values_of(&both, &[at("/a")], b"room{\"a\":1}x{\"a\":2}");
    assert_eq!(found, (Some(1), vec![Some("1".into())]), "each by its own JSON");
    assert_eq!(values_of(&both, &[at("/a")], b"xroom{\"a\":2}").1, [Some("2".into())]);
}

#[test]
fn text_behind_a_mark_ends_at_a_quote_a_space_a_bracket_or_a_line() {
    let behind = |record: &str| values_of(&[Rule::default()], &[after("id=\"")], record).1.remove(0);
    assert_eq!(behind("<a id=\"r1\" id=\"r2\">").as_deref(), Some("r1"));
    for end in ["'", " ", "<", "\r\n", "\n", ""] {
        assert_eq!(behind(&format!("id=\"r1{end}")).as_deref(), Some("r1"), "{end:?}");
    }
    assert_eq!(behind("id=\"\"").as_deref(), Some(""));
    assert_eq!(behind("id='x'"), None);
}

#[test]
fn what_follows_the_last_wanted_byte_is_not_read() {
    let rules = [fields(&[("/a", "1")]), starts("x")];
    for broken in ["{\"a\":1,", "{\"a\":1]]", "{\"a\":1,\"b\":tru", "xyz\u{0}"] {
        assert!(rule_of(&rules, broken).is_some(), "{broken}");
    }
    for broken in ["{\"b\":01,\"a\":1}", "{b:1,\"a\":1}", "{\"b\":\"\u{1}\",\"a\":1}", "{,\"a\":1}"] {
        assert_eq!(rule_of(&rules, broken), None, "{broken}");
    }
}

#[test]
fn containers_may_be_64_deep() {
    let record =
        |depth: usize| format!("{{\"b\":{}{},\"a\":1}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert_eq!(rule_of(&[fields(&[("/a", "1")])], record(64)), Some(0));
    assert_eq!(rule_of(&[fields(&[("/a", "1")])], record(65)), None);
    let pointer = "/0".repeat(64);
    assert_eq!(
        rule_of(&[fields(&[(&pointer, "7")])], format!("{}7{}", "[".repeat(64), "]".repeat(64))),
        Some(0)
    );
    assert_eq!(Pointer::parse(&"/0".repeat(65)), Err(PointerError::TooDeep));
}

#[test]
fn elements_of_a_list_are_handed_out_as_they_come() {
    let pointer = Pointer::parse("/list/*/id").unwrap();
    let rules = [fields(&[("/type", "L")])];
    let matcher = Matcher::new(&rules, &[], Some(&Each { pointer: pointer.clone(), rule: 0 })).unwrap();
    let record = br#"{"list":[{"id":1,"id":9},7,{"x":{"id":2}},[{"id":3}],{"id":"4"},{"id":null}],"type":"L","list":[{"id":5}]}"#;
    let (mut matching, mut found) = (Matching::default(), Vec::new());
    let rule = matching.whole(&matcher, record, &mut |value, certain| {
        found.push((String::from_utf8(value.bytes().to_vec()).unwrap(), certain));
    });
    assert_eq!(rule, Some(0));
    assert_eq!(found, [("1".to_owned(), false), ("4".to_owned(), false)]);
    found.clear();
    matching
        .whole(&matcher, br#"{"type":"M","list":[{"id":1}]}"#, &mut |_, _| panic!("it is another rule's"));
    // Which element an index means could not be told in the same pass: the list has one of its own.
    let rules = [fields(&[("/list/1/id", "4")])];
    let matcher = Matcher::new(&rules, &[], Some(&Each { pointer, rule: 0 })).unwrap();
    let mut found = 0;
    let rule = matching.whole(&matcher, br#"{"list":[{"id":1},{"id":4}]}"#, &mut |_, _| found += 1);
    assert_eq!((rule, found), (Some(0), 2));
}

#[test]
fn a_rule_hides_later_ones_that_it_takes_all_records_of() {
    let hides = |earlier: &Rule, later: &Rule| earlier.hides(later);
    assert!(hides(&is("2"), &is("2")) && !hides(&is("2"), &is("3")) && !hides(&is("2"), &starts("2")));
    assert!(hides(&starts("4"), &starts("42")) && !hides(&starts("42"), &starts("4")));
    assert!(
        hides(&starts("4"), &is("42"))
            && hides(&contains("b"), &is("abc"))
            && hides(&contains("b"), &starts("ab"))
    );
    assert!(hides(&fields(&[("/a", "*")]), &is("{\"a\":1}")), "tried on the record itself");
    let (a, ab) = (fields(&[("/a", "1")]), fields(&[("/b", "2"), ("/a", "1")]));
    assert!(hides(&a, &ab) && !hides(&ab, &a));
    assert!(hides(&fields(&[("/a", "*")]), &a) && hides(&fields(&[("/a", "*")]), &fields(&[("/a/b", "*")])));
    assert!(!hides(&fields(&[("/a", "*")]), &fields(&[("/a", "null")])), "null does not exist");
    let elsewhere = Rule { body_after: Some(b"x".into()), ..a.clone() };
    assert!(!hides(&a, &elsewhere) && hides(&elsewhere, &elsewhere));
    assert!(hides(&Rule::default(), &a));
    let clash = fields(&[("/a/b", "*"), ("/a", "1")]);
    assert_eq!(
        clash.contradiction().map(|(outer, inner)| (outer.to_string(), inner.to_string())),
        Some(("/a".into(), "/a/b".into()))
    );
    assert_eq!(ab.contradiction(), None);
}

#[test]
fn more_than_fits_is_refused() {
    assert_eq!(Matcher::new(&vec![is("x"); 65], &[], None).unwrap_err(), Excess::Rules);
    assert!(Matcher::new(&vec![is("x"); 64], &[], None).is_ok());
    let many: Vec<Rule> = (0..64)
        .map(|k| fields(&[(&format!("/{k}/a"), "*"), (&format!("/{k}/b"), "*"), (&format!("/{k}/c"), "*")]))
        .collect();
    assert_eq!(Matcher::new(&many, &[], None).unwrap_err(), Excess::Fields);
    let wanted: Vec<Wanted> = (0..128).map(|k| after(&format!("x{k}"))).collect();
    assert_eq!(Matcher::new(&[is("x")], &wanted, None).unwrap_err(), Excess::Values);
}

#[test]
fn sixty_four_rules_are_told_apart() {
    let rules: Vec<Rule> = (0..64).map(|k| fields(&[("/type", &format!("K{k}"))])).collect();
    for k in 0..64u8 {
        assert_eq!(rule_of(&rules, format!("{{\"x\":0,\"type\":\"K{k}\"}}")), Some(k));
    }
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
fn json_in_a_string_has_places_too() {
    let record = r#"{"event":"established","data":"{\"id\":\"12.\\u0033\",\"t\":120,\"in\":\"[{\\\"a\\\":1}]\"}","x":7}"#;
    let rules = [fields(&[("/data/t", "121")]), fields(&[("/event", "established"), ("/data/t", "120")])];
    let wanted = ["/data/id", "/data/in/0/a", "/x", "/data/in", "/data/none", "/event/none"].map(at);
    let (rule, values) = values_of(&rules, &wanted, record);
    assert_eq!(rule, Some(1));
    let values: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
    assert_eq!(values, [Some("12.3"), Some("1"), Some("7"), Some(r#"[{"a":1}]"#), None, None]);
    // A string without JSON, or with half of it, is a string.
    for data in ["no", "{", "", "[1,"] {
        let record = format!(r#"{{"data":"{data}","event":"y"}}"#);
        assert_eq!(
            rule_of(&[fields(&[("/data/t", "*")]), fields(&[("/event", "y")])], record),
            Some(1),
            "{data}"
        );
    }
}

fn span(text: &str) -> Span {
    Span::parse(text).unwrap()
}

#[test]
fn numbers_and_bytes_stand_at_offsets() {
    let opcode =
        |code: &str| Rule { spans: vec![(span("u8:0"), Want::Equals(code.into()))], ..Rule::default() };
    let rules = [opcode("5"), Rule { spans: vec![(span("u16le:1"), Want::Exists)], ..opcode("9") }];
    let places = ["u32le:1", "u32:1", "bytes:5..7", "bytes:5..", "sized:u8:5", "varint:6", "u64:1", "u8:40"];
    let wanted = places.map(|text| Wanted { place: Place::Span(span(text)), rules: u64::MAX });
    let record = [5, 1, 2, 0, 0, 2, 0xac, 0x02];
    let (rule, values) = values_of(&rules, &wanted[..4], record);
    assert_eq!(rule, Some(0));
    assert_eq!(
        values,
        [Some("513".into()), Some("16908288".into()), Some("02ac".into()), Some("02ac02".into())]
    );
    let values = values_of(&rules, &wanted[5..], record).1;
    assert_eq!(values, [Some("300".into()), None, None], "a number that is cut is none");
    let sized = values_of(&rules, &wanted[4..5], [5, 0, 0, 0, 0, 2, b'o', b'k', b'!']).1;
    assert_eq!(sized, [Some("ok".into())]);
    assert_eq!(rule_of(&rules, [9, 1, 2]), Some(1));
    assert_eq!(rule_of(&rules, [9, 1]), None, "it is too short");
    assert_eq!(rule_of(&rules, []), None);
}

#[test]
fn places_in_bytes_are_read_as_they_are_shown() {
    for text in ["u8:0", "u16:1", "u32:2", "u64:3", "u16le:4", "u32le:5", "u64le:6", "varint:7", "bytes:0..1"]
    {
        assert_eq!(span(text).to_string(), text);
    }
    for text in ["bytes:8..", "sized:u8:0", "sized:varint:65536"] {
        assert_eq!(span(text).to_string(), text);
    }
    for not in
        ["u8", "u8:", "u8:-1", "u8:x", "u24:0", "bytes:5", "bytes:5..5", "bytes:5..4", "bytes:..4", "sized:5"]
    {
        assert_eq!(Span::parse(not), Err(SpanError::Malformed), "{not}");
    }
    for far in ["u8:65537", "u8:99999999999999999999", "bytes:0..4097"] {
        assert_eq!(Span::parse(far), Err(SpanError::TooFar), "{far}");
    }
}

#[test]
fn numbers_are_written_as_they_are_read() {
    for (_, integer) in Integer::ALL {
        for number in [0, 1, 127, 128, 255, 256, 65_535, 1 << 31, u64::MAX] {
            let mut bytes = Vec::new();
            integer.write(number, &mut bytes);
            let (read, len) = integer.read(&bytes).unwrap();
            let kept = if integer == Integer::Varint { 64 } else { 8 * len };
            let low = if kept == 64 { number } else { number & ((1 << kept) - 1) };
            assert_eq!((read, len), (low, bytes.len()), "{integer:?} {number}");
            assert_eq!(integer.read(&bytes[..len - 1]), None, "cut");
        }
    }
    assert_eq!(Integer::Varint.read(&[0xff; 9].into_iter().chain([2]).collect::<Vec<_>>()), None, "65 bits");
}

#[test]
fn a_state_is_small_enough_for_a_slab() {
    assert!(size_of::<Matching>() <= 400, "{}", size_of::<Matching>());
}

#[test]
fn elements_are_handed_out_however_they_are_written() {
    let rules = [fields(&[("/type", "list")])];
    let each = Each { pointer: Pointer::parse("/in/*/id").unwrap(), rule: 0 };
    let matcher = Matcher::new(&rules, &[], Some(&each)).unwrap();
    let rest = r#","name":"테스트}]\"","of":{"a":[1,{"b":"]"}]},"n":1.5"#;
    let elements = [
        format!(r#"{{"id":1{rest}}}"#),
        format!(r#"{{"id":2{rest}}}"#),
        format!(r#"{{ "id" : 3 {rest}}}"#),
        format!(r#"{{"name":"x","id":4{rest}}}"#),
        r#"{"id":"five"}"#.to_owned(),
        r#"{"id":"s\u0069x"}"#.to_owned(),
        r#"{"id":null,"id":0}"#.to_owned(),
        format!(r#"{{"id":{{"id":0}}{rest}}}"#),
        r#"{"name":"none"}"#.to_owned(),
        "[]".to_owned(),
        r#"{"id":-7.0e1}"#.to_owned(),
        format!(r#"{{"id":8{rest}}}"#),
    ];
    let record = format!(r#"{{"type":"list","in":[{}],"id":0,"in":[{{"id":0}}]}}"#, elements.join(","));
    let mut matching = Matching::default();
    for cut in 0..=record.len() {
        let (one, other) = record.as_bytes().split_at(cut);
        let mut found = Vec::new();
        let mut take =
            |value: Value<'_>, _: bool| found.push(String::from_utf8_lossy(value.bytes()).into_owned());
        matching.begin(&matcher);
        matching.feed(&matcher, one, &mut take);
        matching.feed(&matcher, other, &mut take);
        assert_eq!(matching.finish(&matcher, &mut take), Some(0));
        assert_eq!(found, ["1", "2", "3", "4", "five", "six", "-7.0e1", "8"], "cut at {cut}");
    }
}
