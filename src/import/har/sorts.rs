//! Sorts of messages: what tells one from another in what a WebSocket carried.
//!
//! Knows nothing of who answers whom. Invariant: a sort's rule matches every message that is of it, and each message is of
//! one sort.

use serde_json::Value;

use super::super::fields::split;
use super::super::model::Rule;
use super::super::text::{hex, literal, pointer_token};
use super::recording::Frame;

/// Fields that say what a message is, the likeliest first.
const TYPE_FIELDS: [&str; 14] = [
    "type",
    "event",
    "op",
    "action",
    "cmd",
    "command",
    "kind",
    "t",
    "e",
    "messageType",
    "method",
    "msg",
    "topic",
    "channel",
];
/// Sorts that such a field tells apart at most: more are values.
const SORTS_MAX: usize = 24;
/// Characters of a text that stands for itself.
const WHOLE_CHARS_MAX: usize = 24;

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// JSON in which this place has this text, behind what stands before the JSON.
    Typed { before: String, at: String, says: String },
    /// JSON that has this field.
    Has { before: String, at: String },
    /// A whole text.
    Whole(String),
    /// A text that begins so.
    Begins(String),
    /// Bytes, by the first of them.
    Byte(Option<u8>),
}

/// How messages are told apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Sorting {
    /// The place that says what an object is.
    pub(super) of_objects: Option<String>,
    of_arrays: Option<String>,
}

impl Sorting {
    /// Finds out by these messages.
    pub(super) fn of(frames: &[&Frame]) -> Self {
        let json: Vec<Value> = frames.iter().filter_map(|frame| split(&frame.text).1).collect();
        let objects: Vec<&Value> = json.iter().filter(|json| json.is_object()).collect();
        let arrays: Vec<&Value> = json.iter().filter(|json| json.is_array()).collect();
        let named = TYPE_FIELDS.iter().map(|field| format!("/{field}"));
        let of_objects = named.clone().find(|at| tells(&objects, at, objects.len().div_ceil(2)));
        let of_arrays = (0..5)
            .map(|k| (k, format!("/{k}")))
            .filter(|(_, at)| tells(&arrays, at, arrays.len()))
            .max_by_key(|(k, at)| (distinct(&arrays, at), *k))
            .map(|(_, at)| at);
        Self { of_objects, of_arrays }
    }

    /// What a message is.
    pub(super) fn sort(&self, frame: &Frame) -> Sort {
        if let Some(bytes) = &frame.bytes {
            return Sort::Byte(bytes.first().copied());
        }
        let (before, json) = split(&frame.text);
        let Some(json) = json else { return text(&frame.text) };
        let at = if json.is_array() { &self.of_arrays } else { &self.of_objects };
        let before = before.to_owned();
        if let Some((at, says)) = at.as_ref().and_then(|at| Some((at, says(&json, at)?))) {
            return Sort::Typed { before, at: at.clone(), says };
        }
        let first = json.as_object().and_then(|map| map.iter().find(|(_, value)| !value.is_null()));
        match first {
            Some((name, _)) => Sort::Has { before, at: format!("/{}", pointer_token(name)) },
            None => Sort::Begins(frame.text.chars().take(1 + before.chars().count()).collect()),
        }
    }
}

fn text(text: &str) -> Sort {
    if text.chars().count() <= WHOLE_CHARS_MAX && !text.chars().any(|c| c.is_ascii_digit()) || text.len() <= 2
    {
        return Sort::Whole(text.to_owned());
    }
    let word: String = text
        .chars()
        .take_while(|c| !c.is_whitespace() && !c.is_ascii_digit())
        .take(WHOLE_CHARS_MAX)
        .collect();
    match word.is_empty() {
        true => Sort::Begins(text.chars().take(1).collect()),
        false => Sort::Begins(word),
    }
}

fn says(json: &Value, at: &str) -> Option<String> {
    match json.pointer(at)? {
        Value::String(text) if !text.is_empty() && text.len() <= 64 => Some(text.clone()),
        Value::Number(number) if number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

fn distinct(messages: &[&Value], at: &str) -> usize {
    let mut all: Vec<String> = messages.iter().filter_map(|json| says(json, at)).collect();
    all.sort();
    all.dedup();
    all.len()
}

/// Whether a place tells messages apart: many of them have it, and it has few values.
fn tells(messages: &[&Value], at: &str, wanted: usize) -> bool {
    let there = messages.iter().filter(|json| says(json, at).is_some()).count();
    there > 0 && there >= wanted && distinct(messages, at) <= SORTS_MAX
}

impl Sort {
    /// What to call it.
    pub(super) fn says(&self) -> String {
        match self {
            Self::Typed { says, .. } => says.clone(),
            Self::Has { at, .. } => at.trim_start_matches('/').to_owned(),
            Self::Whole(text) | Self::Begins(text) => text.clone(),
            Self::Byte(byte) => byte.map_or("empty".to_owned(), |byte| format!("byte-{byte:02x}")),
        }
    }

    /// How a scenario knows it. `type_at` is where a kind's name is, `name` the kind's.
    pub(super) fn rule(&self, type_at: &str, name: &str) -> Rule {
        let starts = |before: &String| (!before.is_empty()).then(|| literal(before));
        match self {
            Self::Typed { before, at, says } if before.is_empty() && at == type_at && says == name => {
                Rule::default()
            }
            Self::Typed { before, at, says } => {
                Rule { starts: starts(before), fields: vec![(at.clone(), literal(says))], ..Rule::default() }
            }
            Self::Has { before, at } => {
                Rule { starts: starts(before), fields: vec![(at.clone(), "*".to_owned())], ..Rule::default() }
            }
            Self::Whole(text) => Rule { is: Some(literal(text)), ..Rule::default() },
            Self::Begins(text) => Rule { starts: Some(literal(text)), ..Rule::default() },
            Self::Byte(Some(byte)) => Rule { starts: Some(hex(&[*byte])), ..Rule::default() },
            Self::Byte(None) => Rule { is: Some(String::new()), ..Rule::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Frame {
        Frame { is_sent: false, at_ms: 0.0, text: text.to_owned(), bytes: None }
    }

    fn sorted(texts: &[&str]) -> Vec<String> {
        let frames: Vec<Frame> = texts.iter().map(|text| frame(text)).collect();
        let sorting = Sorting::of(&frames.iter().collect::<Vec<_>>());
        frames.iter().map(|frame| sorting.sort(frame).says()).collect()
    }

    #[test]
    fn messages_are_told_apart_by_what_they_say() {
        assert_eq!(
            sorted(&[r#"{"op":"joined","seat":1}"#, r#"{"op":"said","text":"x"}"#]),
            ["joined", "said"]
        );
        assert_eq!(
            sorted(&[r#"["1","1","room:a","phx_reply",{}]"#, r#"[null,null,"room:a","new_msg",{}]"#]),
            ["phx_reply", "new_msg"]
        );
        assert_eq!(sorted(&["0{\"sid\":\"x\"}", "40", "2", "42[\"said\",{}]"]), ["sid", "40", "2", "said"]);
        assert_eq!(
            sorted(&["CONNECTED\nversion:1.2\n\n\0", "MESSAGE\nid:17\n\nx\0"]),
            ["CONNECTED", "MESSAGE"]
        );
        assert_eq!(sorted(&[r#"{"push":{"a":1}}"#, "{}"]), ["push", "{"]);
    }
}
