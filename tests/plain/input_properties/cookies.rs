//! Cookies against a list, and whatever comes in a `Set-Cookie` field.

use proptest::prelude::*;
use startline_protocol::http::cookies::{COOKIES_MAX, Jar};

use super::{changed, changes};
use crate::checks::input::cookies::{self as check, NOW_S};

/// Attributes and whether the cookie lives on with them.
const ATTRIBUTES: [(&str, bool); 10] = [
    ("", true),
    ("; Path=/; HttpOnly", true),
    (";Max-Age=60", true),
    ("; max-age = 0", false),
    ("; Max-Age=-1", false),
    ("; Expires=Thu, 01 Jan 1970 00:00:00 GMT", false),
    ("; Expires=Thu, 01-Jan-1970 00:00:00 GMT", false),
    ("; Expires=Fri, 01 Jan 2100 00:00:00 GMT; Secure", true),
    ("; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", true),
    ("; Max-Age=soon; Expires=never", true),
];

/// A field, its name and value, and whether it sets its cookie.
fn field() -> impl Strategy<Value = (String, String, String, bool)> {
    let space = || prop::sample::select(vec!["", "", " ", "\t "]);
    let name =
        prop_oneof![3 => "[a-d]", 1 => "[!-:<>-~]{1,5}"].prop_filter("a name", |name| !name.contains(';'));
    let value = "[!-:<-~가]{0,3}";
    let attributes = prop::sample::select(&ATTRIBUTES[..]);
    (name, value, attributes, space(), space(), space()).prop_map(
        |(name, value, (attributes, lives), a, b, c)| {
            (format!("{a}{name}{b}={c}{value}{a}{attributes}"), name, value, lives)
        },
    )
}

proptest! {
    #[test]
    fn a_jar_is_a_list_in_the_order_of_first_setting(fields in prop::collection::vec(field(), 0..12)) {
        let mut jar = Jar::default();
        let mut list: Vec<(String, String)> = Vec::new();
        for (field, name, value, lives) in fields {
            jar.set(&field, NOW_S);
            match (list.iter().position(|(other, _)| *other == name), lives) {
                (Some(k), true) => list[k].1 = value,
                (None, true) => list.push((name, value)),
                (Some(k), false) => drop(list.remove(k)),
                (None, false) => {}
            }
            prop_assert_eq!(&check::pairs(&jar), &list, "after {}", field);
        }
    }

    #[test]
    fn no_field_harms_a_request(
        fields in prop::collection::vec((field(), changes(&["=", ";", "\r\n", "\0", " ", "Expires=", "\u{85}"])), 0..6),
    ) {
        let fields: Vec<String> = fields.iter().map(|((field, ..), changes)| changed(field, changes)).collect();
        check::fields(fields.iter().map(String::as_str));
    }

    #[test]
    fn of_many_cookies_the_last_are_kept(count in 0..120usize) {
        let fields: Vec<String> = (0..count).map(|k| format!("c{k}={k}")).collect();
        let mut jar = Jar::default();
        fields.iter().for_each(|field| jar.set(field, NOW_S));
        let kept: Vec<String> = check::pairs(&jar).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        prop_assert_eq!(&kept[..], &fields[count.saturating_sub(COOKIES_MAX)..]);
    }
}
