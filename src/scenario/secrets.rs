//! Values that nobody may read in any output: known by where they come from, shown as `‹name›`.
//!
//! Knows no session. Secret are `{env:NAME}`, `{file:PATH}`, variables set from a file or listed in `secret`, and taken values
//! that go into Authorization, Cookie or a URL's query. Invariants: what is redacted costs nothing until evidence is made; a
//! value that was cut by a read or by a bound is redacted, too.

use std::borrow::Cow;

use startline_protocol::http::cookies;

use super::json::Json;
use super::outside::says_who;
use super::take::Body;
use super::template::{Part, Secret, Template, label};
use super::{HttpStep, Scenario, Take, TakeFrom, WebSocket};
use crate::members::{Members, SessionNumber};

/// Shorter values are not looked for in what a peer sent: they are found in anything.
const BYTES_MIN: usize = 8;

/// The secrets of a scenario.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// The same for all sessions.
    constants: Vec<Secret>,
    /// Of each taken value, whether it is one.
    taken: Vec<bool>,
    /// Of each taken value, whether it is a URL whose query is one.
    urls: Vec<bool>,
    /// Names of the taken values, and of the columns of members' rows behind them.
    names: Vec<String>,
    /// How many are taken.
    takes: usize,
    /// Cookies that answers set.
    cookies: bool,
    /// The WebSocket's URL has one before its query.
    in_path: bool,
}

/// What a session holds that may be secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held<'h> {
    /// Taken values by index.
    pub taken: &'h [String],
    /// Its `Cookie` field.
    pub cookies: Option<&'h str>,
    /// Its member's row.
    pub row: Option<(&'h Members, SessionNumber)>,
}

impl Secrets {
    /// Those of a compiled scenario: `constants` its templates have, `listed` are names of taken values.
    pub(super) fn of(scenario: &Scenario, constants: Vec<Secret>, listed: &[String]) -> Self {
        let names = scenario.value_names.clone();
        let mut secrets = Self {
            constants,
            taken: names.iter().map(|name| listed.contains(name)).collect(),
            urls: vec![false; names.len()],
            names,
            takes: scenario.takes,
            cookies: scenario.cookies,
            in_path: false,
        };
        let places = [&scenario.join, &scenario.leave].into_iter().flatten().map(|place| &place.step);
        for step in scenario.requests().chain(places) {
            secrets.of_step(step);
        }
        if let Some(schedule) = &scenario.schedule {
            secrets.of_query(&schedule.path);
            secrets.of_fields(&schedule.headers);
        }
        if let Some(websocket) = &scenario.websocket {
            secrets.of_websocket(websocket);
        }
        secrets.constants.sort_by(|a, b| (&a.name, &a.value).cmp(&(&b.name, &b.value)));
        secrets.constants.dedup();
        secrets
    }

    fn of_step(&mut self, step: &HttpStep) {
        self.of_query(&step.path);
        self.of_fields(&step.headers);
    }

    fn of_websocket(&mut self, websocket: &WebSocket) {
        self.of_query(&websocket.url);
        self.of_fields(&websocket.headers);
        for subprotocol in &websocket.subprotocols {
            self.all_of(subprotocol);
        }
        let has_query = |part: &&Part| matches!(part, Part::Literal(bytes) if bytes.contains(&b'?'));
        let path = Template::of(websocket.url.parts.iter().take_while(|part| !has_query(part)).cloned());
        self.in_path = path.has(&|part| match part {
            Part::Secret(_) => true,
            Part::Taken(index) => self.is_taken(*index),
            _ => false,
        });
    }

    /// Every session's value in a template.
    fn all_of(&mut self, template: &Template) {
        for used in template.values() {
            self.taken[usize::from(used.value)] = true;
        }
    }

    /// What is in the query of a URL; one that a server returned may have a ticket in its own.
    fn of_query(&mut self, template: &Template) {
        if let Some(Part::Taken(index)) = template.parts.first() {
            self.urls[usize::from(*index)] = true;
        }
        let is_before = |part: &&Part| !matches!(part, Part::Literal(bytes) if bytes.contains(&b'?'));
        self.all_of(&Template::of(template.parts.iter().skip_while(is_before).cloned()));
    }

    /// What is in fields that say who is asking.
    fn of_fields(&mut self, fields: &[(String, Template)]) {
        fields.iter().filter(|(name, _)| says_who(name)).for_each(|(_, value)| self.all_of(value));
    }

    /// Whether nothing can be secret.
    pub fn is_empty(&self) -> bool {
        self.constants.is_empty() && !self.are_of_sessions()
    }

    /// Whether a session takes some.
    pub fn are_of_sessions(&self) -> bool {
        self.cookies || self.taken.iter().chain(&self.urls).any(|is| *is)
    }

    /// Whether the path of the WebSocket's URL has one.
    pub fn are_in_path(&self) -> bool {
        self.in_path
    }

    /// Whether the taken value of this index is one.
    pub fn is_taken(&self, index: u8) -> bool {
        self.taken.get(usize::from(index)).copied().unwrap_or(false)
    }

    /// The name of a taken value.
    pub fn name_of(&self, index: u8) -> &str {
        self.names.get(usize::from(index)).map_or("", String::as_str)
    }

    /// The template for people to read: with every secret shown by its name.
    pub fn shown(&self, template: &Template) -> Template {
        template.shown(|index| self.is_taken(index).then(|| self.name_of(index)))
    }

    /// Bytes with every secret in them shown by its name. `step` is the one whose answer they may be: what it would
    /// have taken is secret before it is taken.
    pub fn redacted<'b>(&self, bytes: &'b [u8], held: Held<'_>, step: Option<&HttpStep>) -> Cow<'b, [u8]> {
        if bytes.is_empty() || self.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let fresh = step.map(|step| self.fresh(&step.take, bytes)).unwrap_or_default();
        let mut needles = Vec::new();
        let known = self.constants.iter().map(|it| (it.name.as_str(), it.value.as_str()));
        let fresh = fresh.iter().map(|it| (it.name.as_str(), it.value.as_str()));
        for (name, value) in known.chain(fresh).chain(self.of_session(held)) {
            add_needles(name, value, &mut needles);
        }
        replaced(bytes, needles)
    }

    /// The same of text.
    pub fn redacted_text(&self, text: &str, held: Held<'_>, step: Option<&HttpStep>) -> String {
        String::from_utf8_lossy(&self.redacted(text.as_bytes(), held, step)).into_owned()
    }

    fn of_session<'s>(&'s self, held: Held<'s>) -> impl Iterator<Item = (&'s str, &'s str)> {
        let taken = held.taken.iter().enumerate().filter_map(|(index, value)| {
            let query = || value.split_once('?').map(|(_, query)| query);
            let is = |flags: &[bool]| flags.get(index).copied().unwrap_or(false);
            let value =
                if is(&self.taken) { Some(value.as_str()) } else { query().filter(|_| is(&self.urls)) };
            Some((self.names.get(index)?.as_str(), value?))
        });
        let cookies =
            held.cookies.unwrap_or_default().split("; ").filter_map(|cookie| cookie.split_once('='));
        let columns = self.taken.iter().enumerate().skip(self.takes).filter(|(_, is)| **is);
        let columns = columns.filter_map(move |(index, _)| {
            let (members, session) = held.row?;
            Some((self.names.get(index)?.as_str(), members.cell(session, index - self.takes)?))
        });
        taken.chain(cookies).chain(columns)
    }

    /// Secrets that an answer has and that were not taken from it, since it was refused, or is not whole.
    fn fresh(&self, takes: &[Take], bytes: &[u8]) -> Vec<Secret> {
        let text = String::from_utf8_lossy(bytes);
        let body = Body { text: bytes, json: Json::read(bytes) };
        let mut found = Vec::new();
        for take in takes.iter().filter(|take| self.is_taken(take.value)) {
            let values = match &take.from {
                TakeFrom::Body(pointer) => {
                    let whole = take.from.text(body, &|_| Vec::new());
                    whole
                        .into_iter()
                        .chain(values_after(&text, &format!("\"{}\"", last_of(pointer))))
                        .collect()
                }
                TakeFrom::Header(name) => values_of_field(&text, name),
                TakeFrom::Cookie(name) => {
                    let cookies = values_of_field(&text, "Set-Cookie");
                    let cookie = |field: &String| {
                        cookies::parse(field).filter(|(known, _)| known == name).map(|(_, it)| it.to_owned())
                    };
                    cookies.iter().filter_map(cookie).collect::<Vec<_>>()
                }
                TakeFrom::Match(_) | TakeFrom::After(_) => {
                    take.from.text(body, &|_| Vec::new()).into_iter().collect()
                }
            };
            let name = self.name_of(take.value);
            found.extend(values.into_iter().map(|value| Secret { name: name.to_owned(), value }));
        }
        found
    }
}

fn last_of(pointer: &str) -> &str {
    pointer.rsplit('/').next().unwrap_or_default()
}

/// The strings that follow a key in JSON that may be cut anywhere.
fn values_after(text: &str, key: &str) -> Vec<String> {
    let after = text.match_indices(key).map(|(at, _)| text[at + key.len()..].trim_start());
    let strings = after.filter_map(|rest| rest.strip_prefix(':')?.trim_start().strip_prefix('"'));
    strings.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect()
}

/// The values of a header field in a head that may be cut anywhere.
fn values_of_field(text: &str, name: &str) -> Vec<String> {
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, it)| it.trim().to_owned()).collect()
}

/// A value in all the spellings in which a peer may repeat it.
fn add_needles(name: &str, value: &str, needles: &mut Vec<(Vec<u8>, String)>) {
    let json = serde_json::to_string(value).unwrap_or_default();
    let json = json.trim_matches('"');
    let percent = |is_plain: fn(u8) -> bool| -> String {
        let one =
            |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        value.bytes().map(one).collect()
    };
    let spellings = [
        value.to_owned(),
        json.to_owned(),
        json.replace('/', "\\/"),
        json.chars().map(|c| if c.is_ascii() { c.to_string() } else { escaped(c) }).collect(),
        percent(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)),
        percent(|byte| byte.is_ascii_graphic() && !b"\"<>#%`{}'".contains(&byte)),
        value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
    ];
    for spelling in spellings {
        let is_known = needles.iter().any(|(known, _)| known == spelling.as_bytes());
        if spelling.len() >= BYTES_MIN && !is_known {
            needles.push((spelling.into_bytes(), label(name)));
        }
    }
}

/// A character as JSON escapes it.
fn escaped(c: char) -> String {
    c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// Replaces what is found; at both ends also what may be the rest of it.
fn replaced(bytes: &[u8], mut needles: Vec<(Vec<u8>, String)>) -> Cow<'_, [u8]> {
    needles.sort_by_key(|(needle, _)| std::cmp::Reverse(needle.len()));
    // At most places none of them begins.
    let mut begins = [false; 256];
    needles.iter().for_each(|(needle, _)| begins[usize::from(needle[0])] = true);
    let mut out = Vec::new();
    let mut at = 0;
    let mut copied = 0;
    while at < bytes.len() {
        if at > 0 && !begins[usize::from(bytes[at])] {
            at += 1;
            continue;
        }
        let rest = &bytes[at..];
        let found = needles.iter().find_map(|(needle, label)| {
            Some((
                found_len(rest, needle).or_else(|| (at == 0).then(|| tail_len(rest, needle)).flatten())?,
                label,
            ))
        });
        match found {
            Some((len, label)) => {
                out.extend_from_slice(&bytes[copied..at]);
                out.extend_from_slice(label.as_bytes());
                at += len;
                copied = at;
            }
            None => at += 1,
        }
    }
    if copied == 0 && out.is_empty() {
        return Cow::Borrowed(bytes);
    }
    out.extend_from_slice(&bytes[copied..]);
    Cow::Owned(out)
}

/// How much of the bytes begins the needle: all of it, or as much as there is before they end.
fn found_len(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let len = bytes.len().min(needle.len());
    (len >= BYTES_MIN && bytes[..len] == needle[..len]).then_some(len)
}

/// How much of the bytes' beginning ends the needle.
fn tail_len(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    (BYTES_MIN..needle.len()).rev().find(|len| bytes.starts_with(&needle[needle.len() - len..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str], constants: &[(&str, &str)]) -> Secrets {
        let secret = |(name, value): &(&str, &str)| Secret { name: (*name).into(), value: (*value).into() };
        Secrets {
            constants: constants.iter().map(secret).collect(),
            taken: vec![true; names.len()],
            urls: vec![false; names.len()],
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            takes: names.len(),
            cookies: true,
            in_path: false,
        }
    }

    #[test]
    fn secrets_are_found_whole_cut_and_in_other_spellings() {
        let secrets = of(&["token"], &[("KEY", "p/4+s\"s w\u{f6}rd=")]);
        let taken = ["abcdefghijkl".to_owned()];
        let held = Held { taken: &taken, cookies: Some("sid=0123456789; short=1"), row: None };
        let shown = |text: &str| secrets.redacted_text(text, held, None);
        assert_eq!(shown("<abcdefghijkl> 0123456789 short=1"), "<‹token›> ‹sid› short=1");
        assert_eq!(shown("p/4+s\"s w\u{f6}rd="), "‹KEY›");
        assert_eq!(shown(r#"{"k":"p\/4+s\"s wörd="}"#), "{\"k\":\"‹KEY›\"}");
        assert_eq!(shown(r#"p/4+s\"s w\u00f6rd="#), "‹KEY›");
        assert_eq!(shown("p%2F4%2Bs%22s%20w%C3%B6rd%3D"), "‹KEY›");
        // Cut at the end, and cut at the beginning.
        assert_eq!(shown("x abcdefgh"), "x ‹token›");
        assert_eq!(shown("efghijkl x"), "‹token› x");
        // Fewer bytes than are looked for.
        assert_eq!(shown("x abcdefg"), "x abcdefg");
        assert_eq!(shown(""), "");
    }

    #[test]
    fn nothing_is_copied_where_nothing_is_secret() {
        let secrets = of(&["token"], &[]);
        let taken = ["abcdefghijkl".to_owned()];
        let held = Held { taken: &taken, ..Held::default() };
        assert!(matches!(secrets.redacted(b"plain text", held, None), Cow::Borrowed(_)));
        assert!(Secrets::default().is_empty());
    }

    #[test]
    fn what_would_have_been_taken_is_secret_already() {
        let scenario = Scenario::runnity();
        let login = &scenario.http[0];
        let shown = |text: &str| scenario.secrets.redacted_text(text, Held::default(), Some(login));
        for (said, expected) in [
            (
                r#"{"data":{"accessToken":"eyJhbGciOi.x","id":13}}"#,
                r#"{"data":{"accessToken":"‹access_token›","id":13}}"#,
            ),
            (r#"{"data":{"accessToken": "eyJhbGciOi.x"#, r#"{"data":{"accessToken": "‹access_token›"#),
        ] {
            assert_eq!(shown(said), expected);
        }
    }

    #[test]
    fn what_goes_into_who_is_asking_and_into_a_query_is_secret() {
        let scenario = Scenario::runnity();
        let is_secret: Vec<bool> = (0..3).map(|index| scenario.secrets.is_taken(index)).collect();
        assert_eq!(scenario.value_names, ["access_token", "ticket", "ws_url"]);
        assert_eq!(is_secret, [true, true, false]);
        let taken = ["".to_owned(), "".to_owned(), "ws://h/ws/1?ticket=0123456789".to_owned()];
        let held = Held { taken: &taken, ..Held::default() };
        let text = scenario.secrets.redacted_text("at ws://h/ws/1?ticket=0123456789", held, None);
        assert_eq!(text, "at ws://h/ws/1?‹ws_url›");
    }
}
