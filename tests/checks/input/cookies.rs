//! Cookies that any server could set: nothing of them may harm a request, and a jar stays bounded.

use startline_protocol::http::cookies::{COOKIE_BYTES_MAX, COOKIES_MAX, Jar, parse};

/// Summer 2025.
pub const NOW_S: i64 = 1_750_000_000;

/// Takes `Set-Cookie` fields one after another.
pub fn fields<'f>(fields: impl IntoIterator<Item = &'f str>) {
    let mut jar = Jar::default();
    for field in fields {
        let before = jar.clone();
        jar.set(field, NOW_S);
        let pairs = pairs(&jar);
        assert!(pairs.len() <= COOKIES_MAX);
        let Some((name, value)) = parse(field) else {
            assert_eq!(jar, before, "what is no cookie changes nothing");
            continue;
        };
        check_pair(name, value);
        let attributes = field.to_ascii_lowercase();
        let lives = !attributes.contains("max-age") && !attributes.contains("expires");
        let is_here = |(n, v): &&(String, String)| n == name && v == value;
        assert!(!lives || pairs.iter().find(is_here).is_some(), "{field:?} is in {pairs:?}");
    }
}

/// A name and a value that can stand in a request.
fn check_pair(name: &str, value: &str) {
    assert!(!name.is_empty() && name.len() + value.len() <= COOKIE_BYTES_MAX);
    assert!(!name.contains(['=', ';']) && !value.contains(';'), "{name:?} {value:?}");
    let is_harmful = |c: char| c.is_control() && c != '\t';
    assert!(!name.contains(is_harmful) && !value.contains(is_harmful), "{name:?} {value:?}");
    assert_eq!(parse(&format!("{name}={value}")), Some((name, value)), "it is read as it is written");
}

/// What a jar says, read back.
pub fn pairs(jar: &Jar) -> Vec<(String, String)> {
    let mut written = Vec::new();
    jar.write_field(&mut written);
    let written = String::from_utf8(written).expect("text in, text out");
    let Some(value) = jar.field_value() else {
        assert_eq!(written, "");
        return Vec::new();
    };
    assert_eq!(written, format!("Cookie: {value}\r\n"), "both ways of saying it agree");
    assert_eq!(written.matches(['\r', '\n']).count(), 2, "{written:?}");
    let pairs: Vec<(String, String)> = value
        .split("; ")
        .map(|pair| pair.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned())).expect("a pair"))
        .collect();
    for (k, (name, _)) in pairs.iter().enumerate() {
        assert!(pairs[..k].iter().all(|(other, _)| other != name), "{name} is there once");
    }
    pairs
}
