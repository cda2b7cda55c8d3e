//! Sentences that results keep as data: what is said and with which arguments, in no language yet.
//!
//! Invariant: reading back what was written gives the same sentence, and what cannot be read, such as a later
//! release's, stays as it was written in English.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::reason::{Reason, criterion_name};
use super::template::fill;
use super::{Lang, Text};

/// A sentence, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// What is said.
    pub key: Reason,
    /// What fills its places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Arg>,
}

/// An argument of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Arg {
    /// A figure as it is shown, or a name: the same in every language.
    Text(String),
    /// A part that each language says in its own way.
    Part(Sentence),
}

impl Arg {
    /// Returns the argument in a language.
    pub fn text(&self, lang: Lang) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Part(part) => part.text(lang),
        }
    }
}

impl Sentence {
    /// A text that is the same in every language, such as an error of the operating system.
    pub fn plain(text: impl Into<String>) -> Self {
        Reason::Plain.with(text.into())
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds an argument.
    #[must_use]
    pub fn with(mut self, arg: impl Into<Arg>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Returns the sentence in a language.
    pub fn text(&self, lang: Lang) -> String {
        let args: Vec<String> = self.args.iter().map(|arg| arg.text(lang)).collect();
        match (self.key, args.first()) {
            (Reason::Criterion, Some(name)) => criterion_name(lang, name).to_owned(),
            _ => fill(self.key.template(lang), &args),
        }
    }
}

/// The same in every language.
impl From<&str> for Sentence {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

/// The same in every language.
impl From<String> for Sentence {
    fn from(text: String) -> Self {
        Self::plain(text)
    }
}

/// Nothing is said.
impl Default for Sentence {
    fn default() -> Self {
        Self::plain("")
    }
}

/// In English.
impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}

impl Reason {
    /// Begins the sentence with its first argument.
    pub fn with(self, arg: impl Into<Arg>) -> Sentence {
        Sentence::from(self).with(arg)
    }
}

impl From<Reason> for Sentence {
    fn from(key: Reason) -> Self {
        Self { key, args: Vec::new() }
    }
}

impl From<Reason> for Arg {
    fn from(key: Reason) -> Self {
        Self::Part(key.into())
    }
}

impl From<Sentence> for Arg {
    fn from(part: Sentence) -> Self {
        Self::Part(part)
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Returns the sentence that was written, or its English if it cannot be read.
fn read_back(english: String, parts: Option<serde_json::Value>) -> Sentence {
    parts.and_then(|parts| serde_json::from_value(parts).ok()).unwrap_or_else(|| Sentence::plain(english))
}

/// A module that writes a sentence under a name, in English, and as parts beside it.
macro_rules! written_as {
    ($(#[$meta:meta])* $name:ident, $parts:ident) => {
        $(#[$meta])*
        pub(crate) mod $name {
            use super::*;

            #[derive(Serialize, Deserialize)]
            struct Form<P> {
                $name: String,
                #[serde(default = "Option::default")]
                $parts: Option<P>,
            }

            pub fn serialize<S: Serializer>(said: &Sentence, serializer: S) -> Result<S::Ok, S::Error> {
                Form { $name: said.to_string(), $parts: Some(said) }.serialize(serializer)
            }

            pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sentence, D::Error> {
                Form::deserialize(deserializer).map(|form| read_back(form.$name, form.$parts))
            }
        }
    };
}

written_as! {
    /// As `why` and `why_parts`.
    why, why_parts
}
written_as! {
    /// As `fix` and `fix_parts`.
    fix, fix_parts
}

/// Writes sentences as `reasons`, in English, and as `reason_parts`.
pub(crate) mod reasons {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Form<P> {
        reasons: Vec<String>,
        #[serde(default = "Vec::new")]
        reason_parts: Vec<P>,
    }

    pub fn serialize<S: Serializer>(reasons: &[Sentence], serializer: S) -> Result<S::Ok, S::Error> {
        let english = reasons.iter().map(Sentence::to_string).collect();
        Form { reasons: english, reason_parts: reasons.iter().collect() }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Sentence>, D::Error> {
        let Form { reasons, reason_parts } = Form::deserialize(deserializer)?;
        let parts = reason_parts.into_iter().map(Some).chain(std::iter::repeat(None));
        Ok(reasons.into_iter().zip(parts).map(|(english, parts)| read_back(english, parts)).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Held {
        #[serde(flatten, with = "why")]
        why: Sentence,
        #[serde(flatten, with = "reasons")]
        reasons: Vec<Sentence>,
        after: u8,
    }

    fn held() -> Held {
        let why = Reason::Beyond.with("250 ms").with(Reason::Below.with("200 ms"));
        let failed = Reason::CriterionFailed.with(Reason::Criterion.with("login")).with(why.clone());
        Held { why, reasons: vec![failed, Reason::NoneMeasured.into()], after: 1 }
    }

    #[test]
    fn english_and_parts_stand_side_by_side() {
        let written = serde_json::to_value(held()).expect("JSON");
        assert_eq!(written["why"], "250 ms, should be below 200 ms");
        assert_eq!(written["reasons"][0], "login: 250 ms, should be below 200 ms.");
        assert_eq!(
            written["why_parts"],
            json!({"key": "beyond", "args": ["250 ms", {"key": "below", "args": ["200 ms"]}]})
        );
        assert_eq!(written["reason_parts"][1], json!({"key": "none-measured"}));
    }

    #[test]
    fn what_was_written_is_read_back() {
        let text = serde_json::to_string(&held()).expect("JSON");
        let read: Held = serde_json::from_str(&text).expect("what was written");
        assert_eq!(read, held());
        assert_eq!(read.why.text(Lang::Ko), "250 ms, 기준은 200 ms 미만");
    }

    #[test]
    fn without_parts_or_with_unknown_ones_the_english_is_kept() {
        let old = json!({"why": "a", "reasons": ["b", "c"], "after": 1});
        let read: Held = serde_json::from_value(old).expect("an older release's");
        assert_eq!((read.why.to_string(), read.reasons.len()), ("a".to_owned(), 2));
        let later = json!({"why": "a", "why_parts": {"key": "of-a-later-release", "args": [1]}, "after": 1,
            "reasons": ["b"], "reason_parts": [{"key": "no-such"}]});
        let read: Held = serde_json::from_value(later).expect("a later release's");
        assert_eq!(
            (read.why.text(Lang::Ko), read.reasons[0].text(Lang::Ko)),
            ("a".to_owned(), "b".to_owned())
        );
    }
}
