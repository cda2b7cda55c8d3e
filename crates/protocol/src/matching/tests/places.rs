//! Places behind others, and values that records are compared with when they come.

use super::*;

#[test]
fn a_place_may_be_behind_one_whose_length_the_record_says() {
    // As MQTT's PUBLISH: a byte, the rest's length, the topic with its length, an id, the payload.
    let record = |topic: &str| {
        let mut bytes = vec![0x32, 0];
        bytes.extend((topic.len() as u16).to_be_bytes());
        bytes.extend_from_slice(topic.as_bytes());
        bytes.extend_from_slice(b"\x01\x02pay");
        bytes[1] = (bytes.len() - 2) as u8;
        bytes
    };
    let places = [
        "sized:u16:end(varint:1)",
        "u16:end(sized:u16:end(varint:1))",
        "bytes:end(sized:u16:2)+2..",
        "bytes:end(sized:u16:2)+1..+2",
        "u8:end(u16:end(sized:u16:2))+2",
    ];
    let wanted: Vec<Wanted> =
        places.iter().map(|place| Wanted { place: Place::Span(span(place)), rules: 1 }).collect();
    let matcher = Matcher::new(&[Rule::default()], &wanted, None).unwrap();
    for topic in ["", "a", "room/blue/said"] {
        let bytes = record(topic);
        for split in 0..=bytes.len() {
            let mut matching = Matching::default();
            matching.begin(&matcher);
            matching.feed(&matcher, &bytes[..split], &mut |_, _| {});
            matching.finish_with(&matcher, &bytes[split..], &mut |_, _| {});
            let found: Vec<_> = (0..places.len())
                .map(|k| matching.value(&matcher, k).map(|it| it.bytes().to_vec()))
                .collect();
            let expected = [topic, "258", "706179", "0270", "121"];
            assert_eq!(found, expected.map(|it| Some(it.as_bytes().to_vec())), "{topic} at {split}");
        }
    }
    // Where the record ends before it, there is nothing.
    let mut matching = Matching::default();
    matching.whole(&matcher, &record("room")[..7], &mut |_, _| {});
    assert_eq!((matching.value(&matcher, 0), matching.value(&matcher, 1)), (None, None));
}

#[test]
fn places_are_written_as_they_are_read() {
    for text in [
        "u32le:5",
        "bytes:5..13",
        "bytes:5..",
        "sized:u8:5",
        "u16:end(sized:u16:end(varint:1))+3",
        "bytes:end(varint:1)..",
        "bytes:end(varint:1)..+8",
    ] {
        assert_eq!(span(text).to_string(), text);
    }
    assert_eq!(span("bytes:5..+8"), span("bytes:5..13"));
    for wrong in [
        "bytes:end(varint:1)..8",
        "u8:end(bytes:3..)",
        "u8:end(varint:1)-1",
        "u8:end(varint:1",
        "u8:end()",
        "bytes:5..+0",
        "u8:end(u8:70000)",
    ] {
        assert!(Span::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn fields_compare_with_what_is_told_of_each_record() {
    let of = |own| Rule { fields: vec![(Pointer::parse("/id").unwrap(), Want::Own(own))], ..Rule::default() };
    let rest = Rule { fields: vec![field("/id", "*")], ..Rule::default() };
    let matcher = Matcher::new(&[of(0), of(1), rest], &[], None).unwrap();
    let kind = |told: [Option<&str>; 2], record: &str| {
        let mut matching = Matching::default();
        let mut found = Vec::new();
        for split in 0..=record.len() {
            matching.begin(&matcher);
            told.iter().for_each(|value| matching.tell(value.map(str::as_bytes)));
            matching.feed(&matcher, &record.as_bytes()[..split], &mut |_, _| {});
            found.push(matching.finish_with(&matcher, &record.as_bytes()[split..], &mut |_, _| {}));
        }
        assert!(found.iter().all(|one| *one == found[0]), "{record}: {found:?}");
        found[0]
    };
    let told = [Some("0xa1"), Some("17")];
    assert_eq!(kind(told, r#"{"id":"0xa1"}"#), Some(0));
    assert_eq!(kind(told, r#"{"id":17}"#), Some(1));
    assert_eq!(kind(told, r#"{"id":"0xa2"}"#), Some(2));
    // Nothing is equal to what is not known, nothing told lasts beyond its record.
    assert_eq!(kind([None, Some("17")], r#"{"id":""}"#), Some(2));
    let mut matching = Matching::default();
    matching.begin(&matcher);
    matching.tell(Some(b"1"));
    assert_eq!(matching.whole(&matcher, br#"{"id":1}"#, &mut |_, _| {}), Some(2));
}
