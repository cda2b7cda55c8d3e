//! Values that answers and messages gave, looked for in what is sent after them.
//!
//! Knows texts, not what they are for. Invariants: a value that was sent before it was received is the browser's own,
//! and is not taken; only what is used is taken.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde_json::Value;

use super::super::fields;
use super::super::fields::split;
use super::super::text::{identifier, literal, pointer_token};
use super::super::tokens;
use super::index::{SHORT_BYTES_MAX, Texts, Values, short_numbers};
use super::times;

/// Characters of a text that is looked for, at least; digits of a number that is looked for under any name.
const VALUE_CHARS_MIN: usize = 6;
/// Letters of a text of letters alone, at least: shorter ones are words.
const WORD_CHARS_MIN: usize = 16;
/// Values that are looked for at most: a recording of lists has many.
const VALUES_MAX: usize = 4000;
/// Values that are used at most: a scenario has few more names.
pub(super) const NAMES_MAX: usize = 200;
/// Bytes of a value that is looked for, at most.
const VALUE_BYTES_MAX: usize = 8 << 10;
/// Bytes of a text in which values are looked for.
const TEXT_BYTES_MAX: usize = 256 << 10;

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A variable of the scenario.
    Variable,
    /// The answer to the request of this index.
    Request(usize),
    /// The message that the step of this index awaits.
    Step(usize),
    /// The answer to the request that the step of this index makes.
    StepRequest(usize),
}

#[derive(Clone, Debug)]
struct Candidate {
    value: String,
    /// The name of its field.
    key: String,
    place: String,
    source: Source,
    is_number: bool,
    /// The name in templates, once it is used.
    name: Option<String>,
}

/// A value that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) source: Source,
    pub(super) name: String,
    pub(super) place: String,
    /// Whether its value looks like a token.
    pub(super) is_token: bool,
}

/// What a text is, which says how values stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum In {
    /// A URL or a form, in which values may be percent-encoded.
    Url,
    /// Anything else.
    Text,
}

/// The values that were given so far, and the texts that were sent so far.
#[derive(Debug, Default)]
pub(super) struct Given {
    candidates: Vec<Candidate>,
    by_value: HashMap<String, Vec<usize>>,
    /// Those that are looked for wherever they stand, as they are and percent-encoded.
    plain: Values,
    encoded: Values,
    /// The last of each name and value.
    short_numbers: HashMap<(String, String), usize>,
    names: HashSet<String>,
    sent: Texts,
    /// Values that are not looked for since other texts have them by chance, each with its first source and place.
    common: HashMap<String, (Source, String)>,
}

impl Given {
    /// Notes what is sent: what it says already is not taken from what comes later.
    pub(super) fn note_sent(&mut self, text: &str) {
        self.sent.add(cut(text));
    }

    /// Takes a name for a variable of the scenario: this one, or with a number.
    pub(super) fn own_name(&mut self, wanted: &str) -> String {
        let numbered = |k: u32| if k == 1 { wanted.to_owned() } else { format!("{wanted}_{k}") };
        let name = (1..).map(numbered).find(|name| !self.names.contains(name)).unwrap_or_default();
        self.names.insert(name.clone());
        name
    }

    /// A variable of the scenario, which is put in wherever its value stands.
    pub(super) fn variable(&mut self, name: &str, value: &str) {
        self.names.insert(name.to_owned());
        if value.chars().count() >= VALUE_CHARS_MIN {
            self.add(Candidate {
                value: value.to_owned(),
                key: name.to_owned(),
                place: String::new(),
                source: Source::Variable,
                is_number: false,
                name: Some(name.to_owned()),
            });
        }
    }

    /// The name in templates of a value that was given.
    pub(super) fn name_of(&mut self, value: &str) -> Option<String> {
        let is_long = value.chars().count() >= VALUE_CHARS_MIN;
        let last = *self.by_value.get(value).filter(|_| is_long)?.last()?;
        self.has_name(last).then(|| self.name(last))
    }

    /// Where a value came from that is not looked for, since it is short or a word.
    pub(super) fn source_of_common(&self, value: &str) -> Option<&(Source, String)> {
        self.common.get(value)
    }

    fn has_name(&self, k: usize) -> bool {
        self.candidates[k].name.is_some() || !self.is_full()
    }

    /// Whether more values are used than a scenario takes.
    pub(super) fn is_full(&self) -> bool {
        self.names.len() >= NAMES_MAX
    }

    /// Notes a value that came at a place.
    pub(super) fn value(&mut self, source: Source, key: &str, value: &str, place: String, is_number: bool) {
        let is_long = value.chars().count() >= VALUE_CHARS_MIN;
        let is_word = value.chars().all(char::is_alphabetic) && value.len() < WORD_CHARS_MIN;
        if !(is_number || is_long && !is_word) {
            self.common.entry(value.to_owned()).or_insert((source, place));
            return;
        }
        if self.candidates.len() >= VALUES_MAX || value.len() > VALUE_BYTES_MAX {
            return;
        }
        // A number is looked for by its name, too.
        let is_it = |k: &usize| {
            let one = &self.candidates[*k];
            one.source == source && (!is_number || one.key == key)
        };
        let is_known = self.by_value.get(value).is_some_and(|known| known.iter().any(is_it));
        let was_sent = || match is_long {
            true => self.sent.say(value),
            false => self.sent.say_number(key, value),
        };
        if is_known || times::is_date(value) || value.chars().any(char::is_control) || was_sent() {
            return;
        }
        self.add(Candidate {
            value: value.to_owned(),
            key: key.to_owned(),
            place,
            source,
            is_number,
            name: None,
        });
    }

    fn add(&mut self, one: Candidate) {
        let k = self.candidates.len();
        self.by_value.entry(one.value.clone()).or_default().push(k);
        if one.is_number && one.value.len() <= SHORT_BYTES_MAX {
            self.short_numbers.insert((one.key.clone(), one.value.clone()), k);
        } else {
            self.plain.add(&one.value, k);
            let encoded = encoded(&one.value);
            if encoded != one.value {
                self.encoded.add(&encoded, k);
            }
        }
        self.candidates.push(one);
    }

    /// Notes all values of a text that is JSON, also behind a prefix.
    pub(super) fn json(&mut self, source: Source, text: &str) {
        let (before, json) = split(cut(text));
        let Some(json) = json else { return };
        match before.trim() {
            "" => self.leaves(source, &json, "", "value"),
            _ => self.behind(source, text),
        }
    }

    /// Texts of JSON behind a prefix, where pointers do not lead: what stands before them leads there if it is there once.
    fn behind(&mut self, source: Source, text: &str) {
        for field in
            fields::of_message(text).into_iter().filter(|field| field.is_text && field.filter.is_empty())
        {
            let before = format!("\"{}\":\"", field.name);
            if text.matches(&before).count() == 1 && text[..field.range.start].ends_with(&before) {
                self.value(source, &field.name, &field.value, format!("after:{before}"), false);
            }
        }
    }

    fn leaves(&mut self, source: Source, json: &Value, pointer: &str, key: &str) {
        match json {
            Value::Object(map) => {
                for (name, value) in map {
                    self.leaves(source, value, &format!("{pointer}/{}", pointer_token(name)), name);
                }
            }
            Value::Array(list) => {
                for (k, value) in list.iter().enumerate() {
                    self.leaves(source, value, &format!("{pointer}/{k}"), key);
                }
            }
            Value::String(text) if !pointer.is_empty() => {
                self.value(source, key, text, pointer.to_owned(), false)
            }
            Value::Number(number) if !pointer.is_empty() && (number.is_u64() || number.is_i64()) => {
                self.value(source, key, &number.to_string(), pointer.to_owned(), true);
            }
            _ => {}
        }
    }

    /// A text as a template: values by their names, instants as `{now_ms}`, all else as it is. `fixed` are places that
    /// stand for something else already.
    pub(super) fn template(
        &mut self,
        text: &str,
        kind: In,
        at_ms: f64,
        fixed: &[(Range<usize>, String)],
    ) -> String {
        let mut places: Vec<(Range<usize>, String)> = fixed.to_vec();
        for (range, k, filter) in self.within(cut(text), kind) {
            if self.has_name(k) && is_free(&places, &range) {
                let name = self.name(k);
                places.push((range, format!("{{{name}{filter}}}")));
            }
        }
        for (range, name) in times::in_text(text, at_ms) {
            if is_free(&places, &range) {
                places.push((range, format!("{{{name}}}")));
            }
        }
        places.sort_by_key(|(range, _)| range.start);
        let (mut out, mut end) = (String::new(), 0);
        for (range, template) in places {
            out.push_str(&literal(&text[end..range.start]));
            out.push_str(&template);
            end = range.end;
        }
        out + &literal(&text[end..])
    }

    /// The values that stand in a text, with the filter that each needs. The longest come first: one value may be part of
    /// another. Of equal ones the last that came.
    fn within(&self, text: &str, kind: In) -> Vec<(Range<usize>, usize, &'static str)> {
        let mut found: Vec<_> =
            self.plain.within(text).into_iter().map(|(range, k)| (range, k, "")).collect();
        if kind == In::Url {
            found.extend(self.encoded.within(text).into_iter().map(|(range, k)| (range, k, "|url")));
        }
        for (range, key) in short_numbers(text) {
            let known = self.short_numbers.get(&(key.to_owned(), text[range.clone()].to_owned()));
            found.extend(known.map(|k| (range, *k, "")));
        }
        found.sort_by_key(|(range, k, _)| {
            (usize::MAX - self.candidates[*k].value.len(), usize::MAX - k, range.start)
        });
        found
    }

    /// The name of a value in templates, which is given when it is first used.
    fn name(&mut self, k: usize) -> String {
        if let Some(name) = &self.candidates[k].name {
            return name.clone();
        }
        let name = self.own_name(&snake(&self.candidates[k].key));
        self.candidates[k].name = Some(name.clone());
        name
    }

    /// The values that are used, in the order in which they came.
    pub(super) fn taken(&self) -> Vec<Taken> {
        let taken = |one: &Candidate| {
            let name = one.name.clone().filter(|_| one.source != Source::Variable)?;
            let is_token = tokens::is_token(&one.value);
            Some(Taken { source: one.source, name, place: one.place.clone(), is_token })
        };
        self.candidates.iter().filter_map(taken).collect()
    }
}

fn cut(text: &str) -> &str {
    if text.len() <= TEXT_BYTES_MAX { text } else { "" }
}

/// Whether nothing else stands in a place.
pub(super) fn is_free(places: &[(Range<usize>, String)], range: &Range<usize>) -> bool {
    places.iter().all(|(other, _)| range.end <= other.start || other.end <= range.start)
}

/// Percent-encoded, as pages do it.
fn encoded(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20")
}

/// `accessToken` as `access_token`.
pub(super) fn snake(key: &str) -> String {
    let mut out = String::new();
    let mut was_lower = false;
    for c in key.chars() {
        if c.is_ascii_uppercase() && was_lower {
            out.push('_');
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        out.push(c.to_ascii_lowercase());
    }
    identifier(out.trim_start_matches(|c: char| !c.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_gave_is_found_in_what_is_sent() {
        let mut given = Given::default();
        given.note_sent(r#"{"user":"annabel7"}"#);
        given.json(
            Source::Request(0),
            r#"{"user":"annabel7","data":{"accessToken":"abc.def-123","roomId":41},"state":"waiting"}"#,
        );
        let mut template = |text: &str, kind| given.template(text, kind, 0.0, &[]);
        assert_eq!(template("Bearer abc.def-123", In::Text), "Bearer {access_token}");
        assert_eq!(
            template("/x?t=abc.def-1234&roomId=41&n=41", In::Url),
            "/x?t=abc.def-1234&roomId={room_id}&n=41"
        );
        assert_eq!(
            template(r#"{"roomId":41,"who":"annabel7","is":"waiting"}"#, In::Text),
            r#"{"roomId":{room_id},"who":"annabel7","is":"waiting"}"#
        );
        let expected = |name: &str, place: &str| Taken {
            source: Source::Request(0),
            name: name.into(),
            place: place.into(),
            is_token: false,
        };
        assert_eq!(
            given.taken(),
            [expected("access_token", "/data/accessToken"), expected("room_id", "/data/roomId")]
        );
    }

    #[test]
    fn encoded_values_get_the_filter() {
        let mut given = Given::default();
        given.json(Source::Request(0), r#"{"next":"a b/c=d"}"#);
        assert_eq!(given.template("/x?n=a%20b%2Fc%3Dd", In::Url, 0.0, &[]), "/x?n={next|url}");
    }
}
