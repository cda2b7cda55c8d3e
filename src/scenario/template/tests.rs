//! Templates: what is read as a brace, and what each part renders as.

use super::*;
use crate::members::{MemberId, Members, SessionNumber};
use crate::scenario::runner::Runner;

fn part_of(brace: &Brace<'_>) -> Result<Option<Template>, String> {
    let part = match brace.name {
        "member_id" => Part::MemberId,
        "challenge_id" => Part::ChallengeId,
        "session" => Part::Session,
        "now_ms" => Part::NowMs,
        "held_ms" => Part::HeldMs,
        "sequence" => Part::Sequence,
        "distance_km" => Part::DistanceKm(Runner { pace_s_per_km: 360, finish_cm: 510_000 }),
        "ticket" => Part::Taken(1),
        "odd" => Part::Taken(2),
        "uuid" => Part::Uuid { salt: 7 },
        "variable" => Part::Literal((*b"text").into()),
        "key" => Part::Secret(Secret { name: "key".into(), value: "a b".into() }),
        "random:5-7" => Part::Random { salt: 1, first: 5, last: 7 },
        "text" => return Ok(None),
        other => return Err(other.to_owned()),
    };
    brace.formatted(Template::of([part]), &mut |_| Err("no key here".into())).map(Some)
}

fn compiled(text: &str) -> Template {
    Template::compile(text, part_of).expect("every variable is known")
}

fn bytes(text: &str, session: u32, sequence: u32) -> Vec<u8> {
    let taken = ["token".to_owned(), "t-1".to_owned(), "a \"b\\/&=é".to_owned()];
    let scope = Scope {
        member_id: MemberId(13),
        challenge_id: 38,
        session: SessionNumber(session),
        now_ms: u64::MAX,
        held_ms: 1_800_000,
        sequence,
        taken: Taken::All(&taken),
        seed: 42,
        ..Scope::default()
    };
    let mut out = Vec::new();
    compiled(text).render(&scope, &mut out);
    out
}

fn rendered(text: &str) -> String {
    String::from_utf8(bytes(text, 0, 7)).expect("text in, text out")
}

#[test]
fn variables_are_replaced() {
    assert_eq!(rendered("/a?m={member_id}&c={challenge_id}"), "/a?m=13&c=38");
    assert_eq!(rendered("{session} {now_ms} {held_ms} {sequence}"), "0 18446744073709551615 1800000 7");
    assert_eq!(rendered("{ticket}{variable}"), "t-1text");
}

#[test]
fn braces_of_json_are_text() {
    assert_eq!(rendered("{{member_id]{|m}e"), "{{member_id]{|m}e");
    assert_eq!(rendered(r#"{"a":{"b":{now_ms}}}"#), r#"{"a":{"b":18446744073709551615}}"#);
    assert_eq!(rendered("{} {1} { member_id } {member-id} {"), "{} {1} { member_id } {member-id} {");
    assert_eq!(rendered("가{member_id}나"), "가13나");
}

#[test]
fn doubled_braces_write_the_name_itself() {
    assert_eq!(rendered("{{member_id}} {{nobody}} {{member_id}"), "{member_id} {nobody} {13");
}

#[test]
fn an_unknown_variable_is_the_resolver_s_error() {
    assert_eq!(Template::compile("a {nobody}", part_of), Err("nobody".to_owned()));
}

#[test]
fn neighbouring_literals_are_one_part() {
    let template = Template::compile(r#"{"a":"{variable}"}"#, part_of).expect("known");
    assert_eq!(template.parts, [Part::Literal((*br#"{"a":"text"}"#).into())]);
}

#[test]
fn a_distance_is_of_the_time_or_of_the_intervals_and_ends_at_the_finish() {
    let km = |scope: Scope<'_>| {
        let mut out = Vec::new();
        compiled("{distance_km}").render(&scope, &mut out);
        String::from_utf8(out).expect("digits").parse::<f64>().expect("a number")
    };
    // Half an hour at about 6 min/km.
    let held = km(Scope { held_ms: 1_800_000, ..Scope::default() });
    assert!((4.7..=5.1).contains(&held), "{held}");
    // The tenth of one every three minutes is as far, whenever it is sent.
    let tenth = |held_ms| km(Scope { held_ms, sequence: 9, interval_ms: 180_000, ..Scope::default() });
    assert_eq!((tenth(7), tenth(1_803_000)), (held, held));
    assert_eq!(km(Scope { held_ms: 4_000_000, ..Scope::default() }), 5.1);
}

#[test]
fn a_value_that_is_not_there_renders_as_nothing() {
    let template = Template { parts: vec![Part::Taken(9)] };
    let mut out = Vec::new();
    template.render(&Scope::default(), &mut out);
    assert!(out.is_empty());
}

#[test]
fn a_brace_that_is_resolved_as_text_is_text() {
    assert_eq!(rendered("query {text} {text|url} {variable}"), "query {text} {text|url} text");
}

#[test]
fn numbers_have_a_width_and_are_never_cut() {
    assert_eq!(rendered("{session:6}-{sequence:4}-{challenge_id:1}"), "000000-0007-38");
    assert_eq!(bytes("<{sequence:u16}>", 0, 0x1234), b"<\x12\x34>");
    let refused = |text: &str| Template::compile(text, part_of).expect_err("refused");
    assert_eq!(
        refused("{sequence:21}"),
        "{sequence:21}: a width is 1 to 20 digits, {sequence:6}, or bytes: u8, u16, u32, u64, u16le, u32le, u64le, \
         varint"
    );
    assert_eq!(refused("{variable:6}"), "{variable:6}: only a number has a width, and variable is not one");
}

#[test]
fn filters_make_a_value_fit() {
    assert_eq!(rendered("{odd|url}"), "a%20%22b%5C%2F%26%3D%C3%A9");
    assert_eq!(rendered("{odd|form}"), "a+%22b%5C%2F%26%3D%C3%A9");
    assert_eq!(rendered("\"{odd|json}\""), r#""a \"b\\/&=é""#);
    assert_eq!(rendered("{odd|base64}"), "YSAiYlwvJj3DqQ==");
    assert_eq!(rendered("{odd|json|url}"), "a%20%5C%22b%5C%5C%2F%26%3D%C3%A9");
    assert_eq!(rendered("{session:3|base64}"), "MDAw");
    assert_eq!(rendered("{odd|base64url}"), "YSAiYlwvJj3DqQ");
    assert_eq!(rendered("{odd|sha256}"), "35840e05d29aa37281e72922d68d1081211c347900346e0ab7aa16a392d5e2a0");
    assert_eq!(rendered("{odd|sha256|bytes|base64url}"), "NYQOBdKao3KB5yki1o0QgSEcNHkANG4Kt6oWo5LV4qA");
    let refused = Template::compile("{odd|ulr}", part_of).expect_err("refused");
    assert_eq!(refused, "{odd|ulr}: there is no filter \"ulr\"; did you mean \"url\"?");
}

#[test]
fn lengths_and_bytes_are_written_as_binary_protocols_want_them() {
    assert_eq!(rendered("PUB {odd|length}"), "PUB 10", "bytes, not characters");
    assert_eq!(bytes("{ticket|length|u16le}{ticket}", 0, 0), b"\x03\x00t-1");
    assert_eq!(bytes("{sequence:u32le}{sequence:varint}{sequence:u8}", 0, 300), b"\x2c\x01\0\0\xac\x02\x2c");
    assert_eq!(bytes("{sequence:4|bytes}", 0, 1234), b"\x12\x34");
    let refused = |text: &str| Template::compile(text, part_of).expect_err("refused");
    assert_eq!(
        refused("{variable|bytes}"),
        "{variable|bytes}: variable is not hexadecimal digits, two for each byte"
    );
    assert_eq!(refused("{variable|u8}"), "{variable|u8}: variable is not a number");
    assert!(refused("{odd|hmac_sha256:}").contains("the key is the name"));
}

#[test]
fn constants_are_filtered_once_and_stay_secret() {
    assert_eq!(compiled("x={variable|base64}").parts, [Part::Literal((*b"x=dGV4dA==").into())]);
    let key = Part::Secret(Secret { name: "key".into(), value: "a%20b".into() });
    assert_eq!(compiled("{key|url}").parts, [key]);
}

#[test]
fn what_is_secret_is_shown_by_its_name_in_filters_too() {
    let template = compiled("{odd|url} {ticket|base64} {key}");
    let shown = template.shown(|index| (index == 2).then_some("odd"));
    let mut out = Vec::new();
    let taken = [String::new(), "t-1".to_owned()];
    shown.render(&Scope { taken: Taken::All(&taken), ..Scope::default() }, &mut out);
    assert_eq!(String::from_utf8(out).expect("text"), "‹odd› dC0x ‹key›");
}

#[test]
fn what_is_drawn_depends_on_the_session_and_the_count_alone() {
    let uuid = bytes("{uuid}", 3, 1);
    assert_eq!(uuid, bytes("{uuid}", 3, 1));
    assert!(uuid != bytes("{uuid}", 4, 1) && uuid != bytes("{uuid}", 3, 2));
    let text = String::from_utf8(uuid).expect("text");
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "{text}");
    assert!(text.as_bytes()[14] == b'4' && b"89ab".contains(&text.as_bytes()[19]), "{text}");
    let mut seen = [0; 3];
    for session in 0..300 {
        seen[usize::from(bytes("{random:5-7}", session, 0)[0] - b'5')] += 1;
    }
    assert!(seen.iter().all(|count| *count > 60), "{seen:?}");
}

#[test]
fn a_value_is_known_with_where_it_stands() {
    let used: Vec<(u8, bool, bool)> = compiled(r#"{"a":"{ticket}","b":{odd|json},"c":"\"{odd|url}"}"#)
        .values()
        .iter()
        .map(|used| (used.value, used.in_string, used.is_filtered))
        .collect();
    assert_eq!(used, [(1, true, false), (2, false, true), (2, true, true)]);
}

#[test]
fn a_member_s_row_has_values_behind_those_that_are_taken() {
    let mut rows = crate::members::Rows::new(&[true, true], None);
    rows.push(["anna", "pw"]);
    let members = Members::range(MemberId(1), 1, 1).with_rows(std::sync::Arc::new(rows.finish()));
    let taken = ["t".to_owned()];
    let scope = Scope { taken: Taken::All(&taken), members: Some(&members), ..Scope::default() };
    assert_eq!([scope.value(0), scope.value(1), scope.value(2), scope.value(3)], ["t", "anna", "pw", ""]);
}

#[test]
fn an_instant_is_written_as_a_date_and_time() {
    for (now_ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_827_696_789, "2000-02-29T12:34:56.789Z"),
        (1_795_908_241_123, "2026-11-28T23:24:01.123Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] {
        let mut out = Vec::new();
        Template::of([Part::NowIso]).render(&Scope { now_ms, ..Scope::default() }, &mut out);
        assert_eq!(String::from_utf8(out).expect("text"), text);
    }
}
