//! Texts as a scenario's file writes them: quoted strings, templates, names.
//!
//! Knows nothing of what they are for. Invariant: whatever a text contains, the file says exactly that.

use url::form_urlencoded;

use super::tokens;
use crate::scenario::template::Brace;
use crate::scenario::{is_built_in, is_token};

/// Words by which a name is known to be a secret's.
const SECRET_WORDS: [&str; 17] = [
    "secret",
    "token",
    "apikey",
    "api_key",
    "credential",
    "authorization",
    "bearer",
    "ticket",
    "cookie",
    "sessionid",
    "session_id",
    "session_key",
    "accesskey",
    "access_key",
    "private_key",
    "csrf",
    "xsrf",
];
/// The same, as a part of their own.
const SECRET_PARTS: [&str; 4] = ["auth", "jwt", "sid", "jsessionid"];
/// A name that is one by itself, and not as a part.
const SESSION: &str = "session";
/// Words of passwords.
const PASSWORD_WORDS: [&str; 4] = ["password", "passwd", "passcode", "passphrase"];
/// The same, as a part of their own.
const PASSWORD_PARTS: [&str; 5] = ["pw", "pwd", "pin", "otp", "pass"];

/// A text as a TOML string: as it is between single quotes where double ones would need escapes.
pub(super) fn quoted(text: &str) -> String {
    let needs_escapes = text.contains(['"', '\\']);
    let is_plain = |c: char| !c.is_control() && !is_hidden(c);
    if needs_escapes && !text.contains('\'') && text.chars().all(is_plain) {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_plain(c) => out.push(c),
            c => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// What an editor does not show, or shows elsewhere.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A key of a table: quoted where it has to be.
pub(super) fn key(text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !text.is_empty() && text.chars().all(is_bare) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// An inline table of texts.
pub(super) fn table(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{} = {}", key(name), quoted(value))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// Whether a template says more than what it refers to, behind a scheme such as `Bearer`.
pub(super) fn says_itself(template: &str) -> bool {
    let begin = tokens::behind_scheme(template).unwrap_or(0);
    cut(&template[begin..])
        .iter()
        .any(|piece| matches!(piece, Cut::Text(text) if text.contains(char::is_alphanumeric)))
}

/// Text as a template that says exactly it: braces that could stand for something are doubled.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match Brace::read(rest) {
            Some(brace) => {
                out.push_str(&format!("{{{}}}", brace.text));
                rest = &rest[brace.text.len()..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

/// The same template as part of a URL: what cannot stand in one is percent-encoded, values stay as they are.
pub(super) fn in_url(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(c) = rest.chars().next() {
        if let Some(brace) = Brace::read(rest) {
            out.push_str(brace.text);
            rest = &rest[brace.text.len()..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c.is_ascii_graphic() && c != '#' {
            true => out.push(c),
            false => {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out.push_str(&format!("%{byte:02X}")))
            }
        }
    }
    out
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cut<'t> {
    /// What it says.
    Text(String),
    /// What stands for something, with its braces.
    Brace(&'t str),
}

/// A template in pieces.
pub(super) fn cut(template: &str) -> Vec<Cut<'_>> {
    let mut all: Vec<Cut<'_>> = Vec::new();
    let mut rest = template;
    while let Some(c) = rest.chars().next() {
        let (text, length) = match (Brace::escaped(rest), Brace::read(rest)) {
            (Some(escaped), _) => (escaped.text, escaped.text.len() + 2),
            (None, Some(brace)) => {
                all.push(Cut::Brace(brace.text));
                rest = &rest[brace.text.len()..];
                continue;
            }
            (None, None) => (&rest[..c.len_utf8()], c.len_utf8()),
        };
        match all.last_mut() {
            Some(Cut::Text(before)) => before.push_str(text),
            _ => all.push(Cut::Text(text.to_owned())),
        }
        rest = &rest[length..];
    }
    all
}

/// A brace with one filter more.
pub(super) fn with_filter(brace: &str, filter: &str) -> String {
    format!("{}|{filter}}}", brace.strip_suffix('}').unwrap_or(brace))
}

/// A template of the same, percent-encoded.
pub(super) fn url_encoded(template: &str) -> String {
    let encoded = |text: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte);
        text.bytes().fold(String::new(), |mut out, byte| {
            match is_plain(byte) {
                true => out.push(char::from(byte)),
                false => out.push_str(&format!("%{byte:02X}")),
            }
            out
        })
    };
    let piece = |piece: &Cut<'_>| match piece {
        Cut::Text(text) => encoded(text),
        Cut::Brace(brace) => with_filter(brace, "url"),
    };
    cut(template).iter().map(piece).collect()
}

/// A template whose text is percent-encoded, or whose values are, as it is before that.
pub(super) fn url_decoded(template: &str) -> String {
    let piece = |piece: &Cut<'_>| match piece {
        Cut::Text(text) => {
            let raw = format!("={}", text.replace('&', "%26"));
            let value = form_urlencoded::parse(raw.as_bytes()).next().map(|(_, value)| value.into_owned());
            literal(&value.unwrap_or_default())
        }
        Cut::Brace(brace) => match brace.strip_suffix("|url}") {
            Some(before) => format!("{before}}}"),
            None => (*brace).to_owned(),
        },
    };
    cut(template).iter().map(piece).collect()
}

/// A name as part of a JSON pointer.
pub(super) fn pointer_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Whether a header field can be sent as it is.
pub(super) fn is_header(name: &str, value: &str) -> bool {
    is_token(name) && !value.chars().any(char::is_control)
}

/// The names that a template refers to.
pub(super) fn names_in(template: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        rest = &rest[at..];
        if let Some(brace) = Brace::escaped(rest) {
            rest = &rest[brace.text.len() + 2..];
            continue;
        }
        match Brace::read(rest) {
            Some(brace) => {
                names.push(brace.name);
                rest = &rest[brace.text.len()..];
            }
            None => rest = &rest[1..],
        }
    }
    names
}

/// A name that can stand between braces, and is not one that templates know already.
pub(super) fn identifier(text: &str) -> String {
    let mut name: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect::<String>();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        name.insert(0, '_');
    }
    match is_built_in(&name) {
        true => name + "_",
        false => name,
    }
}

/// Whether what is called so is nobody else's business.
pub(super) fn is_secret(name: &str) -> bool {
    is_password(name) || name.eq_ignore_ascii_case(SESSION) || has(name, &SECRET_WORDS, &SECRET_PARTS)
}

/// Whether what is called so is what one logs in with.
pub(super) fn is_password(name: &str) -> bool {
    has(name, &PASSWORD_WORDS, &PASSWORD_PARTS)
}

fn has(name: &str, words: &[&str], parts: &[&str]) -> bool {
    let mut snake = String::new();
    for c in name.chars() {
        // `userPin` is `user_pin`.
        if c.is_ascii_uppercase() && snake.ends_with(|before: char| before.is_ascii_lowercase()) {
            snake.push('_');
        }
        snake.push(if c == '-' { '_' } else { c.to_ascii_lowercase() });
    }
    let lower = name.to_ascii_lowercase();
    words.iter().any(|word| lower.contains(word) || snake.contains(word))
        || snake.split('_').any(|part| parts.contains(&part))
}

/// Bytes as a template: `{hex:c0 00}`.
pub(super) fn hex(bytes: &[u8]) -> String {
    match bytes {
        [] => String::new(),
        bytes => {
            let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{{hex:{}}}", pairs.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_back_as_they_were() {
        for text in ["plain", "a \"b\"", "it's", "it's \"so\"", "\\d+", "a\nb\t\u{1e}", "\u{202e}x", "가", ""]
        {
            let document = format!("x = {}", quoted(text));
            let table: toml::Table = document.parse().expect(&document);
            assert_eq!(table["x"].as_str(), Some(text), "{document}");
        }
        assert_eq!(quoted(r#"{"type":"PING"}"#), r#"'{"type":"PING"}'"#);
        assert_eq!(
            table(&[("Content-Type".into(), "a".into()), ("/x".into(), "b".into())]),
            r#"{ Content-Type = "a", "/x" = "b" }"#
        );
    }

    #[test]
    fn braces_that_are_text_stay_text() {
        use crate::scenario::template::Template;
        for text in [
            "{tick}",
            "{{tick}}",
            "{\"a\":{\"b\":1}}",
            "{env:HOME}",
            "subscription {now_ms}",
            "{",
            "}{x|url}",
        ] {
            let template = literal(text);
            assert!(names_in(&template).is_empty(), "{template}");
            let compiled: Result<Template, ()> = Template::compile(&template, |_| Err(()));
            let bytes: Vec<u8> =
                compiled.expect("no brace is a value").literals().flatten().copied().collect();
            assert_eq!(String::from_utf8(bytes).expect("text"), text);
        }
        assert_eq!(names_in("/a/{x}?t={y|url}&n={{z}}{n:6}"), ["x", "y", "n"]);
    }

    #[test]
    fn what_cannot_stand_in_a_url_is_encoded() {
        assert_eq!(in_url("/a b/가?x={x|url}#y{{z}}"), "/a%20b/%EA%B0%80?x={x|url}%23y{{z}}");
    }

    #[test]
    fn a_template_is_encoded_text_and_values() {
        assert_eq!(url_encoded("a b:{x}{{y}}"), "a%20b%3A{x|url}%7By%7D");
        assert_eq!(url_encoded("{x|base64}"), "{x|base64|url}");
        assert_eq!(url_decoded("a%20b%7By%7D:{x|url}100%"), "a b{{y}}:{x}100%");
        assert_eq!(cut("{x}"), [Cut::Brace("{x}")]);
    }

    #[test]
    fn names_fit_templates() {
        assert_eq!(identifier("access-token"), "access_token");
        assert_eq!(identifier("1st"), "_1st");
        assert_eq!(identifier("session"), "session_");
        assert_eq!(identifier("회원"), "__");
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "password",
            "userPassword",
            "access_token",
            "pin",
            "userPin",
            "pw",
            "X-Api-Key",
            "Authorization",
            "session",
            "sessionId",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in
            ["user", "shipping", "opinion", "author", "passenger", "aside", "sessions", "session_time"]
        {
            assert!(!is_secret(name), "{name}");
        }
    }
}
