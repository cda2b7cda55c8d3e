//! Where values stand in texts, without a search for each value in each text.
//!
//! Knows texts alone. Invariants: a value stands somewhere only as a whole, where neither letters nor digits go on beside
//! it; a text is read once, however many values there are.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Bytes by which a value is looked up, from its first word on.
const BEGIN_BYTES: usize = 6;
/// Digits, with their sign, of a number that is looked for by its name only, at most.
pub(super) const SHORT_BYTES_MAX: usize = 5;

type Begin = [u8; BEGIN_BYTES];

/// Values, each with a number.
#[derive(Debug, Default)]
pub(super) struct Values {
    by_begin: HashMap<Begin, Vec<(String, usize)>>,
    /// Those that are too short from their first word on.
    others: Vec<(String, usize)>,
}

impl Values {
    /// Adds one.
    pub(super) fn add(&mut self, value: &str, id: usize) {
        let list = match begin_of(value) {
            Some((_, begin)) => self.by_begin.entry(begin).or_default(),
            None => &mut self.others,
        };
        list.push((value.to_owned(), id));
    }

    /// All that stand in a text, with their places.
    pub(super) fn within(&self, text: &str) -> Vec<(Range<usize>, usize)> {
        let mut found = Vec::new();
        for (at, begin) in begins(text) {
            for (value, id) in self.by_begin.get(&begin).into_iter().flatten() {
                found.extend(standing(text, value, at).map(|range| (range, *id)));
            }
        }
        for (value, id) in &self.others {
            found.extend(occurrences(text, value).map(|range| (range, *id)));
        }
        found
    }
}

/// Texts that are asked whether they say a value.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: Vec<String>,
    /// Indexes of texts, and places in them.
    by_begin: HashMap<Begin, Vec<(usize, usize)>>,
    short_numbers: HashSet<(String, String)>,
}

impl Texts {
    /// Adds one.
    pub(super) fn add(&mut self, text: &str) {
        for (at, begin) in begins(text) {
            self.by_begin.entry(begin).or_default().push((self.all.len(), at));
        }
        let named = short_numbers(text).into_iter();
        self.short_numbers.extend(named.map(|(range, key)| (key.to_owned(), text[range].to_owned())));
        self.all.push(text.to_owned());
    }

    /// Whether one says this value.
    pub(super) fn say(&self, value: &str) -> bool {
        let Some((_, begin)) = begin_of(value) else {
            return self.all.iter().any(|text| occurrences(text, value).next().is_some());
        };
        let places = self.by_begin.get(&begin);
        places.into_iter().flatten().any(|(k, at)| standing(&self.all[*k], value, *at).is_some())
    }

    /// Whether one has this short number under this name.
    pub(super) fn say_number(&self, key: &str, value: &str) -> bool {
        self.short_numbers.contains(&(key.to_owned(), value.to_owned()))
    }
}

fn goes_on(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The place of a value's first word, and what is looked up.
fn begin_of(value: &str) -> Option<(usize, Begin)> {
    let at = value.find(goes_on)?;
    Some((at, value.as_bytes().get(at..at + BEGIN_BYTES)?.try_into().ok()?))
}

/// Where words begin in a text, and how.
fn begins(text: &str) -> impl Iterator<Item = (usize, Begin)> + '_ {
    let mut was_word = false;
    text.char_indices().filter_map(move |(at, c)| {
        let begins = goes_on(c) && !was_word;
        was_word = goes_on(c);
        let begin = text.as_bytes().get(at..at + BEGIN_BYTES)?;
        begins.then(|| begin.try_into().ok()).flatten().map(|begin| (at, begin))
    })
}

/// The place of a value whose first word begins here.
fn standing(text: &str, value: &str, word_at: usize) -> Option<Range<usize>> {
    let (before, _) = begin_of(value)?;
    let begin = word_at.checked_sub(before)?;
    let range = begin..begin + value.len();
    (text.as_bytes().get(range.clone())? == value.as_bytes() && is_whole(text, &range)).then_some(range)
}

fn is_whole(text: &str, range: &Range<usize>) -> bool {
    let value = &text[range.clone()];
    let splits =
        |one: Option<char>, other: Option<char>| one.is_some_and(goes_on) && other.is_some_and(goes_on);
    !splits(text[..range.start].chars().next_back(), value.chars().next())
        && !splits(value.chars().next_back(), text[range.end..].chars().next())
}

/// Where a value stands as a whole.
fn occurrences<'t>(text: &'t str, value: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    text.match_indices(value).map(|(at, _)| at..at + value.len()).filter(|range| is_whole(text, range))
}

/// Short numbers that stand behind a name, with it: `"id":7`, `?id=7`.
pub(super) fn short_numbers(text: &str) -> Vec<(Range<usize>, &str)> {
    let mut found = Vec::new();
    let mut end = 0;
    for (at, c) in text.char_indices() {
        if at < end || !c.is_ascii_digit() {
            continue;
        }
        let length = text[at..].find(|c: char| !c.is_ascii_digit());
        end = length.map_or(text.len(), |length| at + length);
        let begin = if text[..at].ends_with('-') { at - 1 } else { at };
        let is_part = text[end..].starts_with('.') || end - begin > SHORT_BYTES_MAX;
        let key = if is_part { None } else { key_before(&text[..begin]) };
        found.extend(key.map(|key| (begin..end, key)));
    }
    found
}

/// The name that a text ends with, before its value.
fn key_before(text: &str) -> Option<&str> {
    if let Some(text) = text.strip_suffix('=') {
        return text.rfind(['?', '&']).map(|at| &text[at + 1..]);
    }
    let text = text.strip_suffix(' ').unwrap_or(text).strip_suffix("\":")?;
    text.rfind('"').map(|at| &text[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_somewhere_as_a_whole() {
        let mut values = Values::default();
        for (id, value) in
            ["abc.def-123", "--long-enough", "~~~!!!", "가나다라마바", "abc.de"].into_iter().enumerate()
        {
            values.add(value, id);
        }
        let within = |text: &str| -> Vec<(String, usize)> {
            values.within(text).into_iter().map(|(range, id)| (text[range].to_owned(), id)).collect()
        };
        assert_eq!(within("x abc.def-123, abc.def-1234 _abc.def-123"), [("abc.def-123".to_owned(), 0)]);
        assert_eq!(
            within("?a=--long-enough&~~~!!!"),
            [("--long-enough".to_owned(), 1), ("~~~!!!".to_owned(), 2)]
        );
        assert_eq!(within("가나다라마바 가나다라마바사"), [("가나다라마바".to_owned(), 3)]);
    }

    #[test]
    fn texts_say_what_stands_in_them() {
        let mut texts = Texts::default();
        texts.add(r#"{"user":"annabel7","room": 41,"n":-3,"long":123456,"x":1.5}"#);
        texts.add("/a?id=7&t=~~~!!!");
        assert!(texts.say("annabel7") && texts.say("~~~!!!") && !texts.say("annabel"));
        for (key, value) in [("room", "41"), ("n", "-3"), ("id", "7")] {
            assert!(texts.say_number(key, value), "{key}");
        }
        assert!(!texts.say_number("x", "1") && !texts.say_number("long", "123456"));
    }
}
