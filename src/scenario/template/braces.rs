//! What stands between braces: `{name}`, `{name:6|url}`, `{env:NAME}`, `{hex:c0 00}`, `{random:1-9}`.
//!
//! Reads the form; which names there are is not known here. Invariant: whatever is not of this form is
//! text, as most braces are.

use startline_protocol::matching::Integer;

use super::{Filter, Formatted, MustBe, Part, Template, Width};
use crate::nearest;

/// Digits of a padded number at most: those of the largest.
const DIGITS_MAX: u8 = 20;

/// Kinds of braces that say what they stand for themselves, and what ends the rest of them.
const KINDS: [&str; 4] = ["env:", "file:", "hex:", "random:"];

/// A brace that may stand for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brace<'t> {
    /// All of it, with its braces.
    pub text: &'t str,
    /// The name, or `env:NAME` and the like.
    pub name: &'t str,
    /// What stands behind the first `:` after a name.
    width: Option<&'t str>,
    /// What stands behind each `|`.
    filters: &'t str,
}

impl<'t> Brace<'t> {
    /// The brace that `text` begins with.
    pub fn read(text: &'t str) -> Option<Self> {
        let inner = text.strip_prefix('{')?;
        let end = inner.find(['{', '}', '\n'])?;
        if !inner[end..].starts_with('}') {
            return None;
        }
        let (whole, inner) = (&text[..end + 2], &inner[..end]);
        if KINDS.iter().any(|kind| inner.starts_with(kind)) {
            let (name, filters) = without_filters(inner);
            return Some(Self { text: whole, name, width: None, filters });
        }
        let (before, filters) = inner.find('|').map_or((inner, ""), |at| inner.split_at(at));
        let (name, width) =
            before.split_once(':').map_or((before, None), |(name, width)| (name, Some(width)));
        let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let fits = is_identifier(name) && width.is_none_or(|width| !width.is_empty() && is_word(width));
        fits.then_some(Self { text: whole, name, width, filters })
    }

    /// The brace within the doubled braces that `text` begins with: it writes itself.
    pub fn escaped(text: &'t str) -> Option<Self> {
        let brace = Self::read(text.strip_prefix('{')?)?;
        text[1 + brace.text.len()..].starts_with('}').then_some(brace)
    }

    /// All that a text has.
    pub fn all(text: &'t str) -> Vec<Self> {
        let mut all = Vec::new();
        let found: Result<_, std::convert::Infallible> = Template::compile(text, |brace| {
            all.push(*brace);
            Ok(None)
        });
        drop(found);
        all
    }

    /// The name of its last filter.
    pub fn last_filter(&self) -> Option<&'t str> {
        self.filters.rsplit_once('|').map(|(_, name)| name)
    }

    /// Whether a filter is meant: hardly any text has one.
    pub fn has_filter(&self) -> bool {
        let mut names = self.filters.split('|').skip(1);
        names.any(|name| name.starts_with(Filter::HMAC) || Filter::all().any(|(known, _)| known == name))
    }

    /// Whether it is a name alone.
    pub fn is_plain(&self) -> bool {
        self.width.is_none() && self.filters.is_empty()
    }

    /// What is found, with the width and the filters that are written; `key` says what a filter's key is.
    ///
    /// # Errors
    /// A width or filter that there is none of.
    pub fn formatted(
        &self,
        found: Template,
        key: &mut dyn FnMut(&Self) -> Result<Template, String>,
    ) -> Result<Template, String> {
        if self.is_plain() {
            return Ok(found);
        }
        let width = self.width.map(|text| self.width_of(text, &found)).transpose()?;
        let filters = self.filters.split('|').skip(1).map(|name| match name.strip_prefix(Filter::HMAC) {
            Some(name) if is_identifier(name) => {
                key(&Brace { text: self.text, name, width: None, filters: "" }).map(Filter::Hmac)
            }
            _ => self.filter_of(name),
        });
        let filters = filters.collect::<Result<Vec<_>, _>>()?;
        let formatted = Formatted { inner: found, width, filters };
        self.refuse_unfit(&formatted)?;
        Ok(formatted.folded())
    }

    /// A constant that is not what its filter is for.
    fn refuse_unfit(&self, formatted: &Formatted) -> Result<(), String> {
        let wanted = match formatted.must_be() {
            MustBe::Any => return Ok(()),
            MustBe::Number => "a number",
            MustBe::Hex => "hexadecimal digits, two for each byte",
        };
        let text = match &formatted.inner.parts[..] {
            [Part::Literal(bytes)] => std::str::from_utf8(bytes).unwrap_or_default(),
            [Part::Secret(secret)] => &secret.value,
            _ => return Ok(()),
        };
        match formatted.must_be().is(text) {
            true => Ok(()),
            false => Err(format!("{}: {} is not {wanted}", self.text, self.name)),
        }
    }

    fn width_of(&self, text: &str, found: &Template) -> Result<Width, String> {
        let name = self.name;
        let is_text = |part: &Part| {
            matches!(part, Part::Secret(_) | Part::NowIso | Part::Uuid { .. } | Part::DistanceKm(_))
        };
        let is_number = |part: &Part| match part {
            Part::Literal(bytes) => !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit),
            part => !is_text(part),
        };
        if !matches!(&found.parts[..], [one] if is_number(one)) {
            return Err(format!("{}: only a number has a width, and {name} is not one", self.text));
        }
        if let Some(integer) = Integer::named(text) {
            return Ok(Width::Bytes(integer));
        }
        let digits = text.parse().ok().filter(|digits| (1..=DIGITS_MAX).contains(digits));
        digits.map(Width::Digits).ok_or_else(|| {
            format!(
                "{}: a width is 1 to {DIGITS_MAX} digits, {{{name}:6}}, or bytes: {}",
                self.text,
                Integer::ALL.map(|(known, _)| known).join(", ")
            )
        })
    }

    fn filter_of(&self, name: &str) -> Result<Filter, String> {
        if let Some((_, filter)) = Filter::all().find(|(known, _)| *known == name) {
            return Ok(filter);
        }
        if name.starts_with(Filter::HMAC) {
            return Err(format!("{}: the key is the name of a variable or value", self.text));
        }
        if name.contains(':') {
            return Err(format!(
                "{}: the width stands before the filters, {{{}:6|url}}",
                self.text, self.name
            ));
        }
        let known: Vec<&str> = Filter::all().map(|(known, _)| known).chain(["hmac_sha256:KEY"]).collect();
        Err(format!("{}: there is no filter \"{name}\"{}", self.text, nearest::hint(name, &known)))
    }
}

impl Formatted {
    /// The same, rendered already where it is a constant.
    pub fn folded(self) -> Template {
        let parts = self.inner.parts.iter().chain(self.keys().flat_map(|key| &key.parts));
        let is_secret = parts.into_iter().find_map(|part| match part {
            Part::Secret(secret) => Some(secret.name.clone()),
            _ => None,
        });
        if !self.inner.is_constant() || !self.keys().all(Template::is_constant) {
            return Template::of([Part::Formatted(Box::new(self))]);
        }
        let whole = Template { parts: vec![Part::Formatted(Box::new(self))] };
        let mut out = Vec::new();
        whole.render(&super::Scope::default(), &mut out);
        match (is_secret, String::from_utf8(out)) {
            (Some(name), Ok(value)) => Template::of([Part::Secret(super::Secret { name, value })]),
            (_, Ok(text)) => Template::of([Part::Literal(text.into_bytes().into())]),
            // Two bytes of a number need not be UTF-8.
            (_, Err(error)) => Template::of([Part::Literal(error.into_bytes().into())]),
        }
    }
}

/// What is before the filters, and these; a `|` behind which stands no filter's name is part of it.
fn without_filters(inner: &str) -> (&str, &str) {
    let mut end = inner.len();
    while let Some(at) = inner[..end].rfind('|') {
        let name = &inner[at + 1..end];
        if !Filter::all().any(|(known, _)| known == name) && !name.starts_with(Filter::HMAC) {
            break;
        }
        end = at;
    }
    inner.split_at(end)
}

/// Whether `name` can stand between braces: a letter or `_`, then letters, digits or `_`, ASCII
/// only.
pub fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
