//! Values that answers and messages gave, looked for in what is sent after them.
//!
//! Knows texts, not what they are for. Invariants: a value that was sent before it was received is the browser's own,
//! and is not taken; only what is used is taken.

use std::ops::Range;

use serde_json::Value;

use super::super::text::{identifier, literal};
use super::times;

/// Characters of a text that is looked for, at least; digits of a number that is looked for under any name.
const VALUE_CHARS_MIN: usize = 6;
/// Letters of a text of letters alone, at least: shorter ones are words.
const WORD_CHARS_MIN: usize = 16;
/// Values that are looked for at most: a recording of lists has many.
const VALUES_MAX: usize = 4000;
/// Values that are used at most: a scenario has few more names.
pub(super) const NAMES_MAX: usize = 200;
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
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    candidates: Vec<Candidate>,
    names: Vec<String>,
    sent: Vec<String>,
}

impl Given {
    /// Notes what is sent: what it says already is not taken from what comes later.
    pub(super) fn note_sent(&mut self, text: &str) {
        self.sent.push(cut(text).to_owned());
    }

    /// A variable of the scenario, which is put in wherever its value stands.
    pub(super) fn variable(&mut self, name: &str, value: &str) {
        self.names.push(name.to_owned());
        if value.chars().count() >= VALUE_CHARS_MIN {
            self.candidates.push(Candidate {
                value: value.to_owned(),
                key: name.to_owned(),
                place: String::new(),
                source: Source::Variable,
                is_number: false,
                name: Some(name.to_owned()),
            });
        }
    }

    /// Notes a value that came at a place.
    pub(super) fn value(&mut self, source: Source, key: &str, value: &str, place: String, is_number: bool) {
        let is_long = value.chars().count() >= VALUE_CHARS_MIN;
        let is_word = value.chars().all(char::is_alphabetic) && value.len() < WORD_CHARS_MIN;
        let fits = value.len() <= 8 << 10 && !value.chars().any(char::is_control);
        // A number is looked for by its name, too.
        let is_it =
            |one: &&Candidate| one.value == value && one.source == source && (!is_number || one.key == key);
        let known = self.candidates.iter().any(|one| is_it(&one));
        let was_sent = || {
            self.sent.iter().any(|text| match is_long {
                true => occurrences(text, value).next().is_some(),
                false => !named(text, key, value).is_empty(),
            })
        };
        if self.candidates.len() >= VALUES_MAX || !fits || known || !(is_number || is_long && !is_word) {
            return;
        }
        if times::is_date(value) || was_sent() {
            return;
        }
        self.candidates.push(Candidate {
            value: value.to_owned(),
            key: key.to_owned(),
            place,
            source,
            is_number,
            name: None,
        });
    }

    /// Notes all values of a JSON text.
    pub(super) fn json(&mut self, source: Source, text: &str) {
        let Ok(json) = serde_json::from_str::<Value>(cut(text)) else { return };
        self.leaves(source, &json, "", "value");
    }

    fn leaves(&mut self, source: Source, json: &Value, pointer: &str, key: &str) {
        match json {
            Value::Object(map) => {
                for (name, value) in map {
                    let token = name.replace('~', "~0").replace('/', "~1");
                    self.leaves(source, value, &format!("{pointer}/{token}"), name);
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
        if text.len() <= TEXT_BYTES_MAX {
            let mut there: Vec<usize> =
                (0..self.candidates.len()).filter(|k| self.may_be_in(*k, text, kind)).collect();
            // The longest first: one value may be part of another. Of equal ones the last that came.
            there.sort_by_key(|k| (usize::MAX - self.candidates[*k].value.len(), usize::MAX - k));
            for k in there {
                self.find(k, text, kind, &mut places);
            }
        }
        for (range, name) in times::in_text(text, at_ms) {
            add(&mut places, range, format!("{{{name}}}"));
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

    /// A quick look: a recording has thousands of values and of texts.
    fn may_be_in(&self, k: usize, text: &str, kind: In) -> bool {
        let candidate = &self.candidates[k];
        let has_name = candidate.name.is_some() || self.names.len() < NAMES_MAX;
        has_name && (kind == In::Url && text.contains('%') || text.contains(&candidate.value))
    }

    /// Whether an answer or a message gave a value.
    pub(super) fn has(&self, value: &str) -> bool {
        self.candidates.iter().any(|one| one.source != Source::Variable && one.value == value)
    }

    /// Whether more values are used than a scenario takes.
    pub(super) fn is_full(&self) -> bool {
        self.names.len() >= NAMES_MAX
    }

    fn find(&mut self, k: usize, text: &str, kind: In, places: &mut Vec<(Range<usize>, String)>) {
        let (value, key) = (self.candidates[k].value.clone(), self.candidates[k].key.clone());
        let is_short_number = self.candidates[k].is_number && value.len() < VALUE_CHARS_MIN;
        let found: Vec<Range<usize>> = match is_short_number {
            true => named(text, &key, &value),
            false => occurrences(text, &value).map(|at| at..at + value.len()).collect(),
        };
        for range in found {
            if is_free(places, &range) {
                let name = self.name(k);
                add(places, range, format!("{{{name}}}"));
            }
        }
        let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let encoded = encoded.replace('+', "%20");
        if kind == In::Url && !is_short_number && encoded != value {
            let found: Vec<usize> = occurrences(text, &encoded).collect();
            for at in found {
                if is_free(places, &(at..at + encoded.len())) {
                    let name = self.name(k);
                    add(places, at..at + encoded.len(), format!("{{{name}|url}}"));
                }
            }
        }
    }

    /// The name of a value in templates, which is given when it is first used.
    fn name(&mut self, k: usize) -> String {
        if let Some(name) = &self.candidates[k].name {
            return name.clone();
        }
        let wanted = snake(&self.candidates[k].key);
        let mut name = wanted.clone();
        let mut number = 2;
        while self.names.contains(&name) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        self.names.push(name.clone());
        self.candidates[k].name = Some(name.clone());
        name
    }

    /// The values that are used, in the order in which they came.
    pub(super) fn taken(&self) -> Vec<Taken> {
        let taken = |one: &Candidate| {
            let name = one.name.clone().filter(|_| one.source != Source::Variable)?;
            Some(Taken { source: one.source, name, place: one.place.clone() })
        };
        self.candidates.iter().filter_map(taken).collect()
    }
}

fn cut(text: &str) -> &str {
    if text.len() <= TEXT_BYTES_MAX { text } else { "" }
}

fn is_free(places: &[(Range<usize>, String)], range: &Range<usize>) -> bool {
    places.iter().all(|(other, _)| range.end <= other.start || other.end <= range.start)
}

fn add(places: &mut Vec<(Range<usize>, String)>, range: Range<usize>, template: String) {
    if is_free(places, &range) {
        places.push((range, template));
    }
}

/// Where a value stands as a whole: neither letters nor digits beside it go on.
fn occurrences<'t>(text: &'t str, value: &'t str) -> impl Iterator<Item = usize> + 't {
    let goes_on = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let ends = (value.chars().next(), value.chars().next_back());
    text.match_indices(value).map(|(at, _)| at).filter(move |at| {
        let (before, after) = (text[..*at].chars().next_back(), text[at + value.len()..].chars().next());
        !(goes_on(before) && goes_on(ends.0) || goes_on(after) && goes_on(ends.1))
    })
}

/// Where a field of this name has this number: `"id":7`, `id=7`.
fn named(text: &str, key: &str, value: &str) -> Vec<Range<usize>> {
    let at_end = |end: usize| text[end..].chars().next().is_none_or(|c| !c.is_ascii_digit() && c != '.');
    let mut found = Vec::new();
    for before in [format!("\"{key}\":"), format!("\"{key}\": "), format!("?{key}="), format!("&{key}=")] {
        for (at, _) in text.match_indices(&before) {
            let begin = at + before.len();
            if text[begin..].starts_with(value) && at_end(begin + value.len()) {
                found.push(begin..begin + value.len());
            }
        }
    }
    found
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
