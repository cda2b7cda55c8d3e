//! JSONPath as a place of `take`: plain paths as JSON pointers, a name at any depth as a regular expression.
//!
//! Invariant: a path that can be neither is refused, with what would express it.

use super::element::Element;

/// Characters with a meaning in regular expressions.
pub(super) const SPECIAL: [char; 14] =
    ['\\', '.', '^', '$', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|'];

/// What a JSON assertion asks of the value at its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// That it is there.
    There,
    /// That it is this text.
    Is(String),
    /// That it matches an expression.
    Matches,
    /// Something that is not asked of a value here, and why.
    Not(&'static str),
}

/// What an assertion asks.
pub(super) fn asked(assertion: Element<'_>) -> Asked {
    let expected = assertion.raw("EXPECTED_VALUE");
    // JMeter's own default.
    let is_regex = assertion.text("ISREGEX").is_none() || assertion.flag("ISREGEX");
    match () {
        () if assertion.flag("INVERT") => {
            Asked::Not("it is inverted, and what must not come is not asked for")
        }
        () if !assertion.flag("JSONVALIDATION") => Asked::There,
        () if assertion.flag("EXPECT_NULL") => Asked::Not("null is no value that is found"),
        () if is_regex => plain(expected).map_or(Asked::Matches, Asked::Is),
        () => Asked::Is(expected.to_owned()),
    }
}

/// The text that an expression is, if it is no more than one; `${…}` is a value.
fn plain(regex: &str) -> Option<String> {
    let regex = regex.strip_prefix('^').unwrap_or(regex);
    let regex = regex.strip_suffix('$').filter(|rest| !rest.ends_with('\\')).unwrap_or(regex);
    let mut out = String::new();
    let mut rest = regex;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '$' => rest.find('}').filter(|_| rest.starts_with("${"))? + 1,
            '\\' => {
                let next = rest[1..].chars().next().filter(|next| !next.is_alphanumeric())?;
                rest = &rest[1..];
                next.len_utf8()
            }
            c if SPECIAL.contains(&c) => return None,
            c => c.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    Some(out)
}

/// The place of what a path finds first.
///
/// # Errors
/// What to write instead of it.
pub(super) fn place(path: &str) -> Result<String, String> {
    let path = path.trim();
    if let Some(name) = path.strip_prefix("$..") {
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        // Up to the quote that ends a text; of a number, without what follows it up to the next quote.
        let value = r#"((?:[^"\\]|\\.)*(?:[^"\\{}\[\],\s]|\\.))"#;
        let place = || format!(r#"match:"{}"\s*:\s*"?{value}"#, regex::escape(name));
        return is_name.then(place).ok_or_else(|| refusal(path));
    }
    pointer(path).ok_or_else(|| refusal(path))
}

fn refusal(path: &str) -> String {
    format!(
        "{path} is not a plain path such as $.data.items[0].id: take the value by a JSON pointer, match:REGEX or after:TEXT"
    )
}

/// A plain path as a JSON pointer (RFC 6901); `[*]` and `[-1]` are none, but the first element stands for all.
pub(super) fn pointer(path: &str) -> Option<String> {
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let mut pointer = String::new();
    while !rest.is_empty() {
        let token;
        if let Some(inner) = rest.strip_prefix('[') {
            let (name, after) = bracketed(inner)?;
            (token, rest) = (name, after);
        } else {
            let inner = rest.strip_prefix('.').unwrap_or(rest);
            if let Some(inner) = inner.strip_prefix('[') {
                let (name, after) = bracketed(inner)?;
                (token, rest) = (name, after);
            } else {
                let end = inner.find(['.', '[']).unwrap_or(inner.len());
                (token, rest) = (inner[..end].to_owned(), &inner[end..]);
            }
        }
        let is_special =
            |c: char| matches!(c, '*' | '?' | '(' | ')' | '@' | ',' | ':' | '\'' | '"' | ' ' | '|');
        if token.is_empty() || token.contains(is_special) {
            return None;
        }
        pointer.push('/');
        pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
    }
    (!pointer.is_empty()).then_some(pointer)
}

/// What stands in brackets, and what follows them.
fn bracketed(inner: &str) -> Option<(String, &str)> {
    for quote in ['\'', '"'] {
        if let Some(inner) = inner.strip_prefix(quote) {
            let (name, after) = inner.split_once(quote)?;
            return Some((name.to_owned(), after.strip_prefix(']')?));
        }
    }
    let (index, after) = inner.split_once(']')?;
    match index.trim() {
        "*" => Some(("0".to_owned(), after)),
        index if !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((index.to_owned(), after))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_expressions_are_texts() {
        for (regex, expected) in [
            ("ok", Some("ok")),
            ("^7$", Some("7")),
            (r"a\.b", Some("a.b")),
            ("${id}x", Some("${id}x")),
            ("^2..$", None),
            (r"\d+", None),
        ] {
            assert_eq!(plain(regex).as_deref(), expected, "{regex}");
        }
    }

    #[test]
    fn plain_paths_are_pointers() {
        for (path, expected) in [
            ("$.data.accessToken", Some("/data/accessToken")),
            ("$['data']['a/b']", Some("/data/a~1b")),
            ("$.items[0].id", Some("/items/0/id")),
            ("$.items[*].id", Some("/items/0/id")),
            ("$[2]", Some("/2")),
            ("$.items[?(@.a=='b')].id", None),
            ("$.items[-1]", None),
            ("$", None),
            ("$.a..b", None),
        ] {
            assert_eq!(pointer(path).as_deref(), expected, "{path}");
        }
        assert!(place("$.a[?(@.b)]").is_err_and(|why| why.contains("JSON pointer")));
    }
    #[test]
    fn values_at_any_depth_are_whole() {
        let place = place("$..x").expect("a place");
        let regex = regex::Regex::new(place.strip_prefix("match:").expect("an expression")).expect(&place);
        assert_eq!(regex.captures_len(), 2);
        for (json, expected) in [
            (r#"{"a":[{"x":"12, {b} Main St.","y":"z"}]}"#, "12, {b} Main St."),
            (r#"{"x" : "say \"no\", or","y":1}"#, r#"say \"no\", or"#),
            (r#"{"x":-1.5e3,"y":"z"}"#, "-1.5e3"),
            (r#"{"a":[{"x":12},{"x":13}],"b":3}"#, "12"),
            ("{\"x\":true\n}\n", "true"),
            (r#"{"x":{"y":1},"z":{"x":"in"}}"#, "in"),
        ] {
            let found = regex.captures(json).map(|found| found[1].to_owned());
            assert_eq!(found.as_deref(), Some(expected), "{json}");
        }
    }
}
