//! Where in an answer a value is: a JSON pointer, a header field, a cookie, a regular expression, or a
//! text before it.
//!
//! Knows no section but for errors. Invariant: a place that compiles can be looked for in any answer, in
//! time linear in its length.

use regex::Regex;
use startline_protocol::http::cookies;

use super::document::{Section, Text};
use super::error::ScenarioError;
use super::json::Json;

/// The memory that a compiled expression may take.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// What ends a value behind a text.
const AFTER_ENDS: [char; 6] = ['"', '\'', ' ', '<', '\n', '\r'];

/// What can be written for one.
const PLACES: &str = "write /pointer (JSON), header:NAME, cookie:NAME, match:REGEX or after:TEXT";

/// A value to take from an answer.
#[derive(Clone, Debug)]
pub struct Take {
    /// Index into [`super::Scenario::value_names`].
    pub value: u8,
    /// Where it is.
    pub from: TakeFrom,
}

/// Where in an answer a value is.
#[derive(Clone, Debug)]
pub enum TakeFrom {
    /// In the JSON body, at this RFC 6901 pointer: a string, a number as written, or a boolean.
    Body(String),
    /// The header field of this name, the first if there are several.
    Header(String),
    /// The cookie of this name, in a `Set-Cookie` field.
    Cookie(String),
    /// What the one group of this expression matches first in the body.
    Match(Regex),
    /// What stands in the body behind this text, up to the next quote, space, `<` or line end.
    After(String),
}

/// An answer's body, as far as values are looked for in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Body<'b> {
    /// Without its codings.
    pub text: &'b [u8],
    /// The same as JSON, if it is.
    pub json: Option<Json<'b>>,
}

impl TakeFrom {
    /// Whether it is looked for in the body.
    pub fn is_in_body(&self) -> bool {
        matches!(self, Self::Body(_) | Self::Match(_) | Self::After(_))
    }

    /// The value as text. `headers` gives all values of a header field.
    pub fn text(&self, body: Body<'_>, headers: &dyn Fn(&str) -> Vec<String>) -> Option<String> {
        match self {
            Self::Body(pointer) => body.json?.text(pointer),
            Self::Header(name) => headers(name).into_iter().next(),
            Self::Cookie(name) => headers("Set-Cookie").iter().rev().find_map(|field| {
                let (known, value) = cookies::parse(field)?;
                (known == name).then(|| value.to_owned())
            }),
            Self::Match(regex) => {
                let text = String::from_utf8_lossy(body.text);
                Some(regex.captures(&text)?.get(1)?.as_str().to_owned())
            }
            Self::After(before) => {
                let text = String::from_utf8_lossy(body.text);
                let (_, rest) = text.split_once(before.as_str())?;
                Some(rest.split(AFTER_ENDS).next().unwrap_or_default().to_owned())
            }
        }
    }
}

impl std::fmt::Display for TakeFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Body(pointer) => f.write_str(pointer),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::Match(regex) => write!(f, "match:{regex}"),
            Self::After(text) => write!(f, "after:{text}"),
        }
    }
}

/// Reads a place.
pub(super) fn take_from(
    section: &Section<'_>,
    key: &str,
    place: &Text<'_>,
) -> Result<TakeFrom, ScenarioError> {
    let refused = |message: String| Err(section.error(key, place.span.clone(), message));
    match place.value.split_once(':') {
        Some(("header" | "cookie", name)) if !is_token(name) => refused(format!("\"{name}\" is not a name")),
        Some(("header", name)) => Ok(TakeFrom::Header(name.to_owned())),
        Some(("cookie", name)) => Ok(TakeFrom::Cookie(name.to_owned())),
        Some(("after", "")) => refused("there is no text behind \"after:\"".to_owned()),
        Some(("after", text)) => Ok(TakeFrom::After(text.to_owned())),
        Some(("match", text)) => regex(text).map(TakeFrom::Match).or_else(refused),
        _ => check_pointer(section, key, place).map(|()| TakeFrom::Body(place.value.to_owned())),
    }
}

/// RFC 6901: empty, or segments that each begin with `/`; `~` only as `~0` and `~1`.
pub(super) fn check_pointer(
    section: &Section<'_>,
    key: &str,
    pointer: &Text<'_>,
) -> Result<(), ScenarioError> {
    let text = pointer.value;
    if !text.is_empty() && !text.starts_with('/') {
        let message = match as_pointer(text) {
            Some(pointer) => format!("\"{text}\" is not a JSON pointer: write \"{pointer}\""),
            None => format!("\"{text}\" is not a place: {PLACES}"),
        };
        return Err(section.error(key, pointer.span.clone(), message));
    }
    let escapes_fit = text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    if !escapes_fit {
        let message = format!("\"{text}\" is not a JSON pointer: \"~\" is written \"~0\"");
        return Err(section.error(key, pointer.span.clone(), message));
    }
    Ok(())
}

/// What is meant by a path that is not a pointer: `$.data.token` is JSONPath for the same field.
pub(super) fn as_pointer(text: &str) -> Option<String> {
    let is_path = |c: char| c.is_alphanumeric() || matches!(c, '.' | '/' | '_' | '-' | '~');
    let is_meant =
        !text.is_empty() && !text.starts_with('/') && text.trim_start_matches('$').chars().all(is_path);
    is_meant.then(|| format!("/{}", text.strip_prefix("$.").unwrap_or(text).replace('.', "/")))
}

/// Whether a header field may have this name (RFC 9110's token), by the parser that answers are read
/// with.
pub(crate) fn is_token(name: &str) -> bool {
    let field = format!("{name}:\r\n\r\n");
    let mut parsed = [httparse::EMPTY_HEADER];
    let complete =
        httparse::parse_headers(field.as_bytes(), &mut parsed).is_ok_and(|status| status.is_complete());
    complete && parsed[0].name == name
}

/// An expression of one group.
fn regex(text: &str) -> Result<Regex, String> {
    let regex =
        regex::RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build().map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the expression is too large".to_owned(),
            // The reason is its last line; those before it show the place in the expression.
            error => {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                format!("not a regular expression: {reason}")
            }
        })?;
    match regex.captures_len() - 1 {
        1 => Ok(regex),
        groups => Err(format!(
            "it has {groups} groups and needs one, around the value; a group that takes nothing is written (?:…)"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(from: &TakeFrom, body: &str) -> Option<String> {
        from.text(Body { text: body.as_bytes(), json: Json::read(body.as_bytes()) }, &|_| Vec::new())
    }

    #[test]
    fn a_group_of_an_expression_is_taken_where_it_matches_first() {
        let sid = TakeFrom::Match(regex("\"sid\":\"([^\"]+)\"").expect("it compiles"));
        assert_eq!(found(&sid, "0{\"sid\":\"a-1\",\"x\":{\"sid\":\"b\"}}").as_deref(), Some("a-1"));
        assert_eq!(found(&sid, "0{}"), None);
        assert_eq!(sid.to_string(), "match:\"sid\":\"([^\"]+)\"");
    }

    #[test]
    fn what_stands_behind_a_text_ends_at_a_quote_a_space_a_tag_or_the_line() {
        let after = |text: &str| TakeFrom::After(text.to_owned());
        let page = "<input name=\"csrf\" value=\"t-1\"><b>id=7 x</b>\nkey: abc\r\nlast='q'";
        assert_eq!(found(&after("name=\"csrf\" value=\""), page).as_deref(), Some("t-1"));
        assert_eq!(found(&after("id="), page).as_deref(), Some("7"));
        assert_eq!(found(&after("key: "), page).as_deref(), Some("abc"));
        assert_eq!(found(&after("last='"), page).as_deref(), Some("q"));
        assert_eq!(found(&after("none"), page), None);
    }

    #[test]
    fn an_expression_has_exactly_one_group() {
        assert!(
            regex("a(b").expect_err("no expression").starts_with("not a regular expression: unclosed group")
        );
        assert!(regex("ab").expect_err("no group").contains("has 0 groups"));
        assert!(regex("(a)(b)").expect_err("two").contains("has 2 groups"));
        assert!(regex("(?:a)(b)").is_ok());
        assert!(regex("(\\w{1,1000}){1,1000}").expect_err("large").contains("too large"));
    }
}
