//! Reads a TOML document key by key and keeps the position of each.
//!
//! A thin reader over `toml`'s spanned tables rather than derived structs: serde's own message for
//! an unknown field has neither the table's name nor the nearest key, and its type errors do not
//! name the key. Knows TOML types and our durations, nothing of scenarios: watch files are read by
//! it, too. Invariant: a [`Section`] that exists has no unknown key.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use startline_os::units;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ScenarioError, Source};
use crate::nearest;

type Result<T> = std::result::Result<T, ScenarioError>;

/// A table of the document.
#[derive(Clone, Debug)]
pub(crate) struct Section<'d> {
    pub(crate) source: Source<'d>,
    /// As written in the file: `[websocket]`, `[[http]]`.
    pub(crate) title: String,
    /// The table's place.
    pub(crate) span: Range<usize>,
    table: &'d DeTable<'d>,
}

/// Text in the document and its place.
#[derive(Clone, Debug)]
pub(crate) struct Text<'d> {
    pub(crate) value: &'d str,
    pub(crate) span: Range<usize>,
}

/// A name and what it stands for: a table, or text.
pub(crate) type Named<'d> = (Text<'d>, std::result::Result<Section<'d>, Text<'d>>);

/// Reads a document.
pub(crate) fn parse(source: Source<'_>) -> Result<Spanned<DeTable<'_>>> {
    DeTable::parse(source.text).map_err(|error| {
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        let span = error.span().unwrap_or(0..0);
        let hint = source.list_hint(span.start);
        source.error(span, format!("not TOML: {message}{hint}"))
    })
}

impl<'d> Section<'d> {
    /// The document's top level.
    pub(crate) fn root(
        source: Source<'d>,
        title: &str,
        table: &'d DeTable<'d>,
        valid: &[&str],
    ) -> Result<Self> {
        Self::new(source, title.into(), 0..0, table, valid)
    }

    fn new(
        source: Source<'d>,
        title: String,
        span: Range<usize>,
        table: &'d DeTable<'d>,
        valid: &[&str],
    ) -> Result<Self> {
        let mut keys: Vec<_> = table.keys().collect();
        keys.sort_by_key(|key| key.span().start);
        for key in keys {
            let name = key.get_ref().as_ref();
            if !valid.contains(&name) {
                let hint = nearest::hint(name, valid);
                return Err(source.error(key.span(), format!("unknown key \"{name}\" in {title}{hint}")));
            }
        }
        Ok(Self { source, title, span, table })
    }

    /// An error about `key`'s value at `span`.
    pub(crate) fn error(&self, key: &str, span: Range<usize>, message: impl AsRef<str>) -> ScenarioError {
        self.source.error(span, format!("\"{key}\" in {}: {}", self.title, message.as_ref()))
    }

    /// An error about the section itself.
    pub(crate) fn own_error(&self, message: impl AsRef<str>) -> ScenarioError {
        self.source.error(self.span.clone(), format!("{}: {}", self.title, message.as_ref()))
    }

    /// The place of `key`'s value; the section's own if it is not there.
    pub(crate) fn place(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or(self.span.clone(), Spanned::span)
    }

    /// The line, from 1, of `name` in the table `key`, or else of `key`'s value.
    pub(crate) fn line(&self, key: &str, name: &str) -> usize {
        let table = self.table.get(key).and_then(|value| value.get_ref().as_table());
        let known = table.and_then(|table| table.keys().find(|known| known.get_ref() == name));
        self.source.line(known.map_or_else(|| self.place(key), Spanned::span).start)
    }

    /// Whether `key` is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether `key` is there and a string.
    pub(crate) fn is_text(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| value.get_ref().is_str())
    }

    /// Refuses keys of the table `key` that were its own once, by what is written instead.
    pub(crate) fn refuse_old(&self, key: &str, title: &str, old: &[(&str, &str)]) -> Result<()> {
        let Some(DeValue::Table(table)) = self.table.get(key).map(Spanned::get_ref) else { return Ok(()) };
        let found = table.keys().filter_map(|key| {
            let (name, new) = old.iter().find(|(name, _)| *name == key.get_ref().as_ref())?;
            Some((key.span(), name, new))
        });
        match found.min_by_key(|(span, ..)| span.start) {
            Some((span, name, new)) => {
                Err(self.source.error(span, format!("\"{name}\" in {title} is written otherwise now: {new}")))
            }
            None => Ok(()),
        }
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> ScenarioError {
        let found = value.get_ref().type_str();
        let json = if matches!(found, "table" | "array") { super::error::json_hint(key) } else { "" };
        self.error(
            key,
            value.span(),
            format!("{wanted} is wanted here, this is {}{json}", with_article(found)),
        )
    }

    fn missing(&self, key: &str) -> ScenarioError {
        self.own_error(format!("the key \"{key}\" is missing"))
    }

    /// A string.
    pub(crate) fn text(&self, key: &str) -> Result<Option<Text<'d>>> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::String(text) => Ok(Some(Text { value: text.as_ref(), span: value.span() })),
            _ => Err(self.wrong_type(key, value, "a string")),
        }
    }

    /// A string that has to be there and not be empty.
    pub(crate) fn required_text(&self, key: &str) -> Result<Text<'d>> {
        let text = self.text(key)?.ok_or_else(|| self.missing(key))?;
        if text.value.is_empty() {
            return Err(self.error(key, text.span, "it is empty"));
        }
        Ok(text)
    }

    /// A duration.
    pub(crate) fn duration(&self, key: &str) -> Result<Option<Duration>> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let text = match value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            // The parser's own hint for a bare number says what to write.
            DeValue::Integer(number) => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => return Err(self.wrong_type(key, value, "a duration such as \"30s\"")),
        };
        if text == "0" && !value.get_ref().is_str() {
            return Err(self.wrong_type(key, value, "a duration such as \"30s\""));
        }
        units::duration(text).map(Some).map_err(|reason| self.error(key, value.span(), reason))
    }

    /// A duration that a timer can keep: over zero and at most `longest`.
    pub(crate) fn delay(&self, key: &str, longest: Duration) -> Result<Option<Duration>> {
        let Some(delay) = self.duration(key)? else { return Ok(None) };
        if delay.is_zero() {
            return Err(self.error(key, self.place(key), "it must be longer than zero"));
        }
        if delay > longest {
            let longest = units::duration_text(longest);
            return Err(self.error(key, self.place(key), format!("it can be {longest} at most")));
        }
        Ok(Some(delay))
    }

    /// true or false; false if it is not there.
    pub(crate) fn flag(&self, key: &str) -> Result<bool> {
        let Some(value) = self.table.get(key) else { return Ok(false) };
        match value.get_ref() {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.wrong_type(key, value, "true or false")),
        }
    }

    /// A finite number, whole or not.
    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let number = match value.get_ref() {
            DeValue::Integer(number) => whole(number).map(|number| number as f64),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => return Err(self.wrong_type(key, value, "a number")),
        };
        match number {
            Some(number) if f64::is_finite(number) => Ok(Some(number)),
            _ => Err(self.error(key, value.span(), "it is not a number that can be compared with")),
        }
    }

    /// A whole number of at least 1 that fits 32 bits, or a string such as `"10k"`.
    pub(crate) fn count(&self, key: &str) -> Result<Option<u32>> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        if let DeValue::String(text) = value.get_ref() {
            return units::count(text).map(Some).map_err(|reason| self.error(key, value.span(), reason));
        }
        let DeValue::Integer(number) = value.get_ref() else {
            return Err(self.wrong_type(key, value, "a whole number"));
        };
        match whole(number).and_then(|number| u32::try_from(number).ok()) {
            Some(count) if count > 0 => Ok(Some(count)),
            _ => Err(self.error(key, value.span(), "it must be from 1 to 4294967295")),
        }
    }

    /// A size in bytes: a whole number, or a string such as `"16MiB"`.
    pub(crate) fn size(&self, key: &str) -> Result<Option<u64>> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let text = match value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            _ => return Err(self.wrong_type(key, value, "a size such as \"16MiB\"")),
        };
        units::bytes(text).map(Some).map_err(|reason| self.error(key, value.span(), reason))
    }

    /// A string, or a list of them, none of them empty.
    pub(crate) fn text_or_texts(&self, key: &str) -> Result<Vec<Text<'d>>> {
        let is_list = self.table.get(key).is_some_and(|value| value.get_ref().is_array());
        if !is_list {
            return Ok(vec![self.required_text(key)?]);
        }
        let texts = self.texts(key)?;
        if texts.is_empty() {
            return Err(self.error(key, self.place(key), "the list is empty"));
        }
        Ok(texts)
    }

    /// Two durations, the first of them shorter: `"29s500ms..31s"`.
    pub(crate) fn span(&self, key: &str) -> Result<Option<RangeInclusive<Duration>>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let wrong = |reason: &str| self.error(key, text.span.clone(), reason);
        let Some((from, to)) = text.value.split_once("..") else {
            return Err(wrong("two durations are wanted here, such as \"29s500ms..31s\""));
        };
        let duration = |text: &str| units::duration(text).map_err(|reason| wrong(&reason));
        let (from, to) = (duration(from)?, duration(to)?);
        if from >= to {
            return Err(wrong("the first duration must be shorter than the second"));
        }
        Ok(Some(from..=to))
    }

    /// A list of strings, none of them empty; an empty one if it is not there.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<Text<'d>>> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let DeValue::Array(list) = value.get_ref() else {
            return Err(self.wrong_type(key, value, "a list of strings"));
        };
        let text = |one: &'d Spanned<DeValue<'d>>| match one.get_ref() {
            DeValue::String(text) if text.is_empty() => Err(self.error(key, one.span(), "it is empty")),
            DeValue::String(text) => Ok(Text { value: text.as_ref(), span: one.span() }),
            _ => Err(self.wrong_type(key, one, "a string")),
        };
        list.iter().map(text).collect()
    }

    /// HTTP statuses: one, or a list of them.
    pub(crate) fn statuses(&self, key: &str) -> Result<Option<Vec<u16>>> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let statuses: Vec<u16> = match value.get_ref() {
            DeValue::Array(list) => list.iter().map(|one| self.status(key, one)).collect::<Result<_>>()?,
            _ => vec![self.status(key, value)?],
        };
        if statuses.is_empty() {
            return Err(self.error(key, value.span(), "the list is empty"));
        }
        Ok(Some(statuses))
    }

    /// Close codes: a list of them, empty if it is not there.
    pub(crate) fn codes(&self, key: &str) -> Result<Vec<u16>> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let DeValue::Array(list) = value.get_ref() else {
            return Err(self.wrong_type(key, value, "a list of close codes"));
        };
        let code = |one: &'d Spanned<DeValue<'d>>| {
            let DeValue::Integer(number) = one.get_ref() else {
                return Err(self.wrong_type(key, one, "a close code"));
            };
            let code = whole(number).and_then(|number| u16::try_from(number).ok());
            code.filter(|code| (1000..=4999).contains(code)).ok_or_else(|| {
                self.error(key, one.span(), format!("{number} is not a close code (1000 to 4999)"))
            })
        };
        list.iter().map(code).collect()
    }

    fn status(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<u16> {
        let DeValue::Integer(number) = value.get_ref() else {
            return Err(self.wrong_type(key, value, "an HTTP status"));
        };
        let status = whole(number).and_then(|number| u16::try_from(number).ok());
        status.filter(|status| (200..=599).contains(status)).ok_or_else(|| {
            self.error(key, value.span(), format!("{number} is not a final HTTP status (200 to 599)"))
        })
    }

    /// A table whose keys are known beforehand.
    pub(crate) fn section(&self, key: &str, title: &str, valid: &[&str]) -> Result<Option<Section<'d>>> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Table(table) => {
                Self::new(self.source, title.into(), value.span(), table, valid).map(Some)
            }
            _ => Err(self.wrong_type(key, value, "a table")),
        }
    }

    /// An array of tables.
    pub(crate) fn sections(&self, key: &str, title: &str, valid: &[&str]) -> Result<Vec<Section<'d>>> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let DeValue::Array(tables) = value.get_ref() else {
            return Err(self.wrong_type(key, value, &format!("an array of tables ({title})")));
        };
        let section = |one: &'d Spanned<DeValue<'d>>| match one.get_ref() {
            DeValue::Table(table) => Self::new(self.source, title.into(), one.span(), table, valid),
            _ => Err(self.wrong_type(key, one, "a table")),
        };
        tables.iter().map(section).collect()
    }

    /// An array of tables, each of which says in `tag` of which kind it is: the kind's place in
    /// `kinds`, and the table, whose keys are those of its kind.
    pub(crate) fn tagged(
        &self,
        key: &str,
        tag: &str,
        kinds: &[(&str, Vec<&str>)],
    ) -> Result<Vec<(usize, Section<'d>)>> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let title = format!("[[{key}]]");
        let DeValue::Array(tables) = value.get_ref() else {
            return Err(self.wrong_type(key, value, &format!("an array of tables ({title})")));
        };
        let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
        let section = |one: &'d Spanned<DeValue<'d>>| {
            let DeValue::Table(table) = one.get_ref() else {
                return Err(self.wrong_type(key, one, "a table"));
            };
            let unchecked = Section { source: self.source, title: title.clone(), span: one.span(), table };
            let Some(kind) = unchecked.text(tag)? else {
                return Err(
                    unchecked.own_error(format!("the key \"{tag}\" is missing: {}", names.join(", ")))
                );
            };
            let Some(at) = names.iter().position(|name| *name == kind.value) else {
                let hint = nearest::hint(kind.value, &names);
                let message = format!("there is no {:?}{hint}; known: {}", kind.value, names.join(", "));
                return Err(unchecked.error(tag, kind.span, message));
            };
            let title = format!("{title} of {tag} \"{}\"", kind.value);
            Self::new(self.source, title, one.span(), table, &kinds[at].1).map(|section| (at, section))
        };
        tables.iter().map(section).collect()
    }

    /// The strings of all tables of this name, at any depth, by their keys.
    pub(crate) fn all_pairs(&self, key: &str) -> Vec<(&'d str, &'d str)> {
        let mut pairs = Vec::new();
        collect(self.table, key, &mut pairs);
        pairs
    }

    /// A table whose keys are names, in the file's order; each value is a table of these keys, or
    /// text (numbers and booleans as they are written).
    pub(crate) fn named(&self, key: &str, title: &str, valid: &[&str]) -> Result<Vec<Named<'d>>> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.wrong_type(key, value, "a table"));
        };
        let mut named = Vec::new();
        for (name, value) in table.iter() {
            let title = format!("\"{}\" in {title}", name.get_ref());
            let one = match value.get_ref() {
                DeValue::String(text) => Err(Text { value: text.as_ref(), span: value.span() }),
                DeValue::Table(table) => Ok(Self::new(self.source, title, value.span(), table, valid)?),
                DeValue::Integer(number) if number.radix() == 10 => {
                    Err(Text { value: number.as_str(), span: value.span() })
                }
                DeValue::Float(number) => Err(Text { value: number.as_str(), span: value.span() }),
                DeValue::Boolean(flag) => {
                    Err(Text { value: if *flag { "true" } else { "false" }, span: value.span() })
                }
                _ => {
                    let key = format!("{key}.{}", name.get_ref());
                    return Err(self.wrong_type(&key, value, "text or a table"));
                }
            };
            named.push((Text { value: name.get_ref().as_ref(), span: name.span() }, one));
        }
        named.sort_by_key(|(name, _)| name.span.start);
        Ok(named)
    }

    /// The strings at this key, or in lists there, of all tables at any depth.
    pub(crate) fn all_texts(&self, key: &str) -> Vec<&'d str> {
        let mut texts = Vec::new();
        collect_texts(self.table, key, &mut texts);
        texts
    }

    /// A table whose keys are names and whose values are text (numbers and booleans as they are
    /// written, where `scalars` allows them), in the file's order.
    pub(crate) fn pairs(&self, key: &str, scalars: bool) -> Result<Vec<(Text<'d>, Text<'d>)>> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.wrong_type(key, value, "a table"));
        };
        let mut pairs = Vec::new();
        for (name, value) in table.iter() {
            let text = match value.get_ref() {
                DeValue::String(text) => text.as_ref(),
                DeValue::Integer(number) if scalars && number.radix() == 10 => number.as_str(),
                DeValue::Float(number) if scalars => number.as_str(),
                DeValue::Boolean(flag) if scalars => {
                    if *flag {
                        "true"
                    } else {
                        "false"
                    }
                }
                _ => return Err(self.wrong_type(&format!("{key}.{}", name.get_ref()), value, "a string")),
            };
            let name = Text { value: name.get_ref().as_ref(), span: name.span() };
            pairs.push((name, Text { value: text, span: value.span() }));
        }
        pairs.sort_by_key(|(name, _)| name.span.start);
        Ok(pairs)
    }
}

fn collect<'d>(table: &'d DeTable<'d>, key: &str, pairs: &mut Vec<(&'d str, &'d str)>) {
    for (name, value) in table.iter() {
        match value.get_ref() {
            DeValue::Table(inner) if name.get_ref() == key => pairs.extend(
                inner
                    .iter()
                    .filter_map(|(name, value)| Some((name.get_ref().as_ref(), value.get_ref().as_str()?))),
            ),
            DeValue::Table(inner) => collect(inner, key, pairs),
            DeValue::Array(list) => list
                .iter()
                .filter_map(|one| one.get_ref().as_table())
                .for_each(|inner| collect(inner, key, pairs)),
            _ => {}
        }
    }
}

fn collect_texts<'d>(table: &'d DeTable<'d>, key: &str, texts: &mut Vec<&'d str>) {
    for (name, value) in table.iter() {
        match value.get_ref() {
            DeValue::String(text) if name.get_ref() == key => texts.push(text.as_ref()),
            DeValue::Array(list) if name.get_ref() == key => {
                texts.extend(list.iter().filter_map(|one| one.get_ref().as_str()));
            }
            DeValue::Array(list) => list
                .iter()
                .filter_map(|one| one.get_ref().as_table())
                .for_each(|inner| collect_texts(inner, key, texts)),
            DeValue::Table(inner) => collect_texts(inner, key, texts),
            _ => {}
        }
    }
}

fn whole(number: &toml::de::DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn with_article(type_name: &str) -> String {
    let article = if type_name.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {type_name}")
}

#[cfg(test)]
mod tests;
