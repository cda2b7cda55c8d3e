//! Fields of what is sent, whatever it is: JSON at any depth, forms, queries, multipart bodies, lines such as STOMP's.
//!
//! Knows no meanings. Invariant: a field's place has its value and nothing else, as it stands in the text.

use std::ops::Range;

use regex::Regex;
use serde_json::Value;
use url::form_urlencoded;

/// A longer text before JSON is text.
const PREFIX_BYTES_MAX: usize = 16;

/// A value with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    /// As it was meant: without escapes.
    pub(super) value: String,
    /// Where it stands.
    pub(super) range: Range<usize>,
    /// Whether it is text; else it is a number.
    pub(super) is_text: bool,
    /// The filter that makes what stands there of the value: `|json`, `|url`, or none.
    pub(super) filter: &'static str,
}

impl Field {
    /// What it is called by itself: `user[email]` is an `email`.
    pub(super) fn own_name(&self) -> &str {
        self.name.split(['[', ']', '.', '/']).rfind(|part| !part.is_empty()).unwrap_or_default()
    }
}

/// What stands before the JSON of a text, and the JSON.
pub(super) fn split(text: &str) -> (&str, Option<Value>) {
    let Some(at) = text.find(['{', '[']) else { return (text, None) };
    match serde_json::from_str(text[at..].trim_end_matches(['\u{1e}', '\n', '\r', '\0'])) {
        Ok(json) if at <= PREFIX_BYTES_MAX => (&text[..at], Some(json)),
        _ => (text, None),
    }
}

/// Those of a text in which references such as `${n}` may stand where JSON has numbers.
pub(super) fn of_draft(text: &str) -> Vec<Field> {
    match text.find(['{', '[']) {
        Some(at) if at <= PREFIX_BYTES_MAX && !text[..at].contains('$') => of_json(text, at),
        _ if text.split('&').all(|pair| pair.contains('=')) => of_form(text),
        _ => of_lines(text),
    }
}

/// Those of JSON, also behind a prefix; of lines `name:value` where it is none.
pub(super) fn of_message(text: &str) -> Vec<Field> {
    let (before, json) = split(text);
    match json {
        Some(_) => of_json(text, before.len()),
        None => of_lines(text),
    }
}

/// The texts and numbers of JSON that begins at this place; what is in a list is called as the list.
fn of_json(text: &str, begin: usize) -> Vec<Field> {
    let (mut fields, mut outer) = (Vec::new(), Vec::new());
    let (mut name, mut at) = (String::new(), begin);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'{' | b'[' => outer.push(name.clone()),
            b'}' | b']' => name = outer.pop().unwrap_or_default(),
            b'"' => {
                let range = at + 1..string_end(text, at + 1);
                at = range.end;
                let value: String = serde_json::from_str(&text[range.start - 1..(at + 1).min(text.len())])
                    .unwrap_or_else(|_| text[range.clone()].to_owned());
                match text[(at + 1).min(text.len())..].trim_start().starts_with(':') {
                    true => name = value,
                    false => {
                        let filter = if text[range.clone()] == value { "" } else { "|json" };
                        fields.push(Field { name: name.clone(), value, range, is_text: true, filter });
                    }
                }
            }
            b'-' | b'0'..=b'9' => {
                let length = text[at..]
                    .find(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | '+' | '.' | 'e' | 'E'));
                let range = at..length.map_or(text.len(), |length| at + length);
                at = range.end - 1;
                let value = text[range.clone()].to_owned();
                fields.push(Field { name: name.clone(), value, range, is_text: false, filter: "" });
            }
            _ => {}
        }
        at += 1;
    }
    fields
}

/// Where the string ends that begins here, behind its quote.
fn string_end(text: &str, begin: usize) -> usize {
    let mut escaped = false;
    let end = text[begin..].bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| begin + end)
}

/// Those of lines `name:value` or of two words.
fn of_lines(text: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        let says = line.trim_end_matches(['\n', '\r', '\0']);
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let pair = says.split_once(':').filter(|(name, _)| is_name(name));
        let pair = pair.or_else(|| says.split_once(' ').filter(|(_, value)| !value.contains(' ')));
        if let Some((name, rest)) = pair {
            let value = rest.trim();
            let from = begin + says.len() - rest.trim_start().len();
            let range = from..from + value.len();
            let (name, value) = (name.to_owned(), value.to_owned());
            fields.push(Field { name, value, range, is_text: true, filter: "" });
        }
        begin += line.len();
    }
    fields
}

/// Those of the query of a path or URL.
pub(super) fn of_query(text: &str) -> Vec<Field> {
    let Some(begin) = text.find('?').map(|at| at + 1) else { return Vec::new() };
    of_pairs(&text[begin..], begin)
}

/// Those of a form.
pub(super) fn of_form(text: &str) -> Vec<Field> {
    of_pairs(text, 0)
}

fn of_pairs(text: &str, begin: usize) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut from = begin;
    for pair in text.split('&') {
        let raw = pair.split_once('=').map_or("", |(_, value)| value);
        let range = from + pair.len() - raw.len()..from + pair.len();
        from = range.end + 1;
        if let Some((name, value)) = form_urlencoded::parse(pair.as_bytes()).next() {
            let filter = if raw == value { "" } else { "|url" };
            let (name, value) = (name.into_owned(), value.into_owned());
            fields.push(Field { name, value, range, is_text: true, filter });
        }
    }
    fields
}

/// Those of a multipart body, without files.
pub(super) fn of_multipart(text: &str) -> Vec<Field> {
    let Ok(part) = Regex::new(r#"; name="([^"\r\n]*)"\r?\n\r?\n([^\r\n]*)"#) else { return Vec::new() };
    let field = |it: regex::Captures<'_>| {
        let (name, value) = (it[1].to_owned(), it.get(2)?);
        let (range, value) = (value.range(), value.as_str().to_owned());
        Some(Field { name, value, range, is_text: true, filter: "" })
    };
    part.captures_iter(text).filter_map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_its_value_alone() {
        let said = |text: &str, fields: Vec<Field>| -> Vec<(String, String, String)> {
            let one = |field: Field| (field.name, field.value, text[field.range].to_owned() + field.filter);
            fields.into_iter().map(one).collect()
        };
        let three = |all: &[[&str; 3]]| -> Vec<(String, String, String)> {
            all.iter().map(|[a, b, c]| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
        };
        let json = r#"42["a",{"u" : {"pw":"a\"b","n":[-7, "x"]},"z":"가"}]"#;
        let expected = [
            ["", "a", "a"],
            ["pw", "a\"b", "a\\\"b|json"],
            ["n", "-7", "-7"],
            ["n", "x", "x"],
            ["z", "가", "가"],
        ];
        assert_eq!(said(json, of_message(json)), three(&expected));
        let stomp = "CONNECT\nlogin:kim\npasscode: hunter2\n\n\0";
        assert_eq!(
            said(stomp, of_message(stomp)),
            three(&[["login", "kim", "kim"], ["passcode", "hunter2", "hunter2"]])
        );
        assert_eq!(
            said("PASS oauth:x", of_message("PASS oauth:x")),
            three(&[["PASS", "oauth:x", "oauth:x"]])
        );
        let query = "/x?a=1&t=a%2Fb&c";
        assert_eq!(
            said(query, of_query(query)),
            three(&[["a", "1", "1"], ["t", "a/b", "a%2Fb|url"], ["c", "", ""]])
        );
        let parts = "--x\r\nContent-Disposition: form-data; name=\"pin\"\r\n\r\n1234\r\n--x--";
        assert_eq!(said(parts, of_multipart(parts)), three(&[["pin", "1234", "1234"]]));
    }
}
