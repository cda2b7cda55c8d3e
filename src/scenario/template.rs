//! Text with variables, compiled once and rendered into a shared buffer.
//!
//! What a brace means is `braces`' to read and the vocabulary's to say. Knows no clock: the time
//! comes with the [`Scope`]. Invariant: a compiled template renders without lookups by name, without
//! allocating beyond `out`, and cannot fail.

mod braces;
mod render;
#[cfg(test)]
mod tests;

use std::fmt;

use startline_protocol::matching::Integer;

use super::runner::Runner;

pub use braces::{Brace, is_identifier};
pub use render::{Scope, Taken};

/// A compiled template.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// The pieces in order.
    pub parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Bytes as they are (variables from the file or `--set` end up here).
    Literal(Box<[u8]>),
    /// The same, to be shown by its name.
    Secret(Secret),
    /// `{member_id}`.
    MemberId,
    /// `{challenge_id}`: the member's group.
    ChallengeId,
    /// `{session}`: the session's number in the run, from 0.
    Session,
    /// `{now_ms}`: Unix milliseconds.
    NowMs,
    /// `{now_s}`: the same in whole seconds.
    NowS,
    /// `{now_iso}`: the same as a date and time in UTC, `2026-11-28T23:24:01.123Z`.
    NowIso,
    /// `{held_ms}`: milliseconds since the session opened.
    HeldMs,
    /// `{sequence}`: how often this message has been sent before, from 0.
    Sequence,
    /// `{distance_km}`: how far the member has run, in kilometres.
    DistanceKm(Runner),
    /// `{own_pace_s_per_km}`: the member's own pace, in seconds a kilometre.
    OwnPace(Runner),
    /// A value taken from an answer, or of the member's row; the index is into
    /// `Scenario::value_names`.
    Taken(u8),
    /// `{random:1-100}`: a whole number, both ends included.
    Random {
        /// Of the place's name: [`crate::draw::salt`].
        salt: u64,
        /// The least.
        first: u64,
        /// The greatest.
        last: u64,
    },
    /// `{uuid}`: a random UUID (RFC 9562, version 4).
    Uuid {
        /// Of the place's name.
        salt: u64,
    },
    /// Parts that are rendered and then made to fit.
    Formatted(Box<Formatted>),
}

/// Parts with a width or filters.
#[derive(Clone, Debug, PartialEq)]
pub struct Formatted {
    /// What is rendered.
    pub inner: Template,
    /// How long it is.
    pub width: Option<Width>,
    /// What is done with it then, in order.
    pub filters: Vec<Filter>,
}

impl Formatted {
    /// The keys of its filters.
    fn keys(&self) -> impl Iterator<Item = &Template> {
        self.filters.iter().filter_map(|filter| match filter {
            Filter::Hmac(key) => Some(key),
            _ => None,
        })
    }

    /// What its value must be.
    fn must_be(&self) -> MustBe {
        match (self.width, self.filters.first()) {
            (Some(_), _) | (None, Some(Filter::Integer(_))) => MustBe::Number,
            (None, Some(Filter::Bytes)) => MustBe::Hex,
            _ => MustBe::Any,
        }
    }
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// At least this many digits, with zeros before it.
    Digits(u8),
    /// Its bytes.
    Bytes(Integer),
}

/// What is done with a value before it is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Percent-encoded, as in a path or query (RFC 3986).
    Url,
    /// Encoded as in an HTML form.
    Form,
    /// Escaped, as in a JSON string.
    Json,
    /// In base64, with its padding.
    Base64,
    /// In base64 for URLs, without padding, as in a JWT (RFC 7515).
    Base64Url,
    /// Its SHA-256, as hexadecimal digits.
    Sha256,
    /// How many bytes it has.
    Length,
    /// The bytes that its hexadecimal digits stand for.
    Bytes,
    /// A number's bytes.
    Integer(Integer),
    /// Its HMAC-SHA256 with this key (RFC 2104), as hexadecimal digits.
    Hmac(Template),
}

impl Filter {
    /// Those without a key that are not a number's bytes, by the name in a template.
    const PLAIN: [(&'static str, Self); 8] = [
        ("url", Self::Url),
        ("form", Self::Form),
        ("json", Self::Json),
        ("base64", Self::Base64),
        ("base64url", Self::Base64Url),
        ("sha256", Self::Sha256),
        ("length", Self::Length),
        ("bytes", Self::Bytes),
    ];

    /// What the one with a key is called, before the key's name.
    pub const HMAC: &'static str = "hmac_sha256:";

    /// All without a key, by the name in a template.
    pub fn all() -> impl Iterator<Item = (&'static str, Self)> {
        let integers = Integer::ALL.into_iter().map(|(name, integer)| (name, Self::Integer(integer)));
        Self::PLAIN.into_iter().chain(integers)
    }
}

/// A value that nobody may read.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// What it is shown as.
    pub name: String,
    /// What it is.
    pub value: String,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&label(&self.name))
    }
}

/// How a secret is shown.
pub fn label(name: &str) -> String {
    format!("‹{name}›")
}

/// A value of a session in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Index into `Scenario::value_names`.
    pub value: u8,
    /// It stands inside a string of the JSON that the literals are.
    pub in_string: bool,
    /// A filter has made it fit.
    pub is_filtered: bool,
    /// What it must be for its width or first filter.
    pub must_be: MustBe,
}

/// What a value must be to be sent as it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MustBe {
    /// Any text.
    Any,
    /// A decimal number.
    Number,
    /// Bytes as hexadecimal digits.
    Hex,
}

impl MustBe {
    /// Whether `text` is that.
    pub fn is(self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Number => text.parse::<u64>().is_ok(),
            Self::Hex => text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        }
    }
}

impl Template {
    /// Compiles `text`, asking `resolve` what each brace stands for: `None` where it is text.
    ///
    /// # Errors
    /// The first error of `resolve`.
    pub fn compile<'t, E>(
        text: &'t str,
        mut resolve: impl FnMut(&Brace<'t>) -> Result<Option<Self>, E>,
    ) -> Result<Self, E> {
        let mut builder = Builder::default();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            builder.literal(&rest.as_bytes()[..at]);
            rest = &rest[at..];
            if let Some(brace) = Brace::escaped(rest) {
                builder.literal(brace.text.as_bytes());
                rest = &rest[brace.text.len() + 2..];
                continue;
            }
            let brace = Brace::read(rest);
            match brace.as_ref().map(&mut resolve).transpose()?.flatten() {
                Some(template) => {
                    template.parts.into_iter().for_each(|part| builder.part(part));
                    rest = &rest[brace.map_or(1, |brace| brace.text.len())..];
                }
                None => {
                    builder.literal(b"{");
                    rest = &rest[1..];
                }
            }
        }
        builder.literal(rest.as_bytes());
        Ok(builder.finish())
    }

    /// A template of parts, of which neighbouring literals are made one.
    pub fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut builder = Builder::default();
        parts.into_iter().for_each(|part| builder.part(part));
        builder.finish()
    }

    /// The same with every secret shown by its name; `name_of` gives those of taken values that are.
    pub fn shown<'n>(&self, name_of: impl Fn(u8) -> Option<&'n str>) -> Self {
        self.shown_by(&name_of)
    }

    fn shown_by<'n>(&self, name_of: &dyn Fn(u8) -> Option<&'n str>) -> Self {
        let literal = |name: &str| Part::Literal(label(name).into_bytes().into());
        let shown = |part: &Part| match part {
            Part::Secret(secret) => literal(&secret.name),
            Part::Taken(index) => name_of(*index).map_or(part.clone(), literal),
            Part::Formatted(it) => match it.inner.first_secret(name_of) {
                None => it
                    .keys()
                    .find_map(|key| key.first_secret(name_of))
                    .map_or(part.clone(), |name| literal(&name)),
                Some(_) => Part::Formatted(Box::new(Formatted {
                    inner: it.inner.shown_by(name_of),
                    width: None,
                    filters: Vec::new(),
                })),
            },
            other => other.clone(),
        };
        Self { parts: self.parts.iter().map(shown).collect() }
    }

    /// The name of the first secret in it.
    fn first_secret<'n>(&self, name_of: &dyn Fn(u8) -> Option<&'n str>) -> Option<String> {
        self.parts.iter().find_map(|part| match part {
            Part::Secret(secret) => Some(secret.name.clone()),
            Part::Taken(index) => name_of(*index).map(str::to_owned),
            Part::Formatted(it) => {
                let parts = [&it.inner].into_iter().chain(it.keys());
                parts.into_iter().find_map(|part| part.first_secret(name_of))
            }
            _ => None,
        })
    }

    /// Whether a part, or one within it, is such.
    pub fn has(&self, is: &dyn Fn(&Part) -> bool) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Formatted(it) => it.inner.has(is) || it.keys().any(|key| key.has(is)),
            part => is(part),
        })
    }

    /// Whether each rendering of a session differs from those before: by its number or its instant.
    pub fn is_unique(&self) -> bool {
        self.has(&|part| matches!(part, Part::Sequence | Part::NowMs | Part::NowIso | Part::Uuid { .. }))
    }

    /// Whether a rendering of a periodic message depends on how often it has been sent before.
    pub fn is_numbered(&self) -> bool {
        self.has(&|part| {
            matches!(part, Part::Sequence | Part::DistanceKm(_) | Part::Random { .. } | Part::Uuid { .. })
        })
    }

    /// Whether a rendering says nothing of its instant.
    pub fn is_timeless(&self) -> bool {
        !self.has(&|part| {
            matches!(part, Part::NowMs | Part::NowS | Part::NowIso | Part::HeldMs | Part::DistanceKm(_))
        })
    }

    /// The runner whose distance it says.
    pub fn runner(&self) -> Option<Runner> {
        self.parts.iter().find_map(|part| match part {
            Part::DistanceKm(runner) => Some(*runner),
            Part::Formatted(it) => it.inner.runner(),
            _ => None,
        })
    }

    /// Whether the group of the member is in it.
    pub fn has_challenge(&self) -> bool {
        self.has(&|part| *part == Part::ChallengeId)
    }

    /// Whether it is the same for all sessions, at any time.
    pub fn is_constant(&self) -> bool {
        !self.has(&|part| !matches!(part, Part::Literal(_) | Part::Secret(_)))
    }

    /// The sessions' values in it, in order.
    pub fn values(&self) -> Vec<Used> {
        let (mut in_string, mut escaped) = (false, false);
        let mut used = Vec::new();
        for part in &self.parts {
            match part {
                Part::Literal(bytes) => {
                    for byte in bytes {
                        in_string ^= *byte == b'"' && !escaped;
                        escaped = *byte == b'\\' && !escaped;
                    }
                }
                Part::Taken(value) => {
                    used.push(Used { value: *value, in_string, is_filtered: false, must_be: MustBe::Any });
                }
                Part::Formatted(it) => {
                    let is_filtered = !it.filters.is_empty();
                    let is_value = matches!(it.inner.parts[..], [Part::Taken(_)]);
                    used.extend(it.inner.values().into_iter().map(|one| Used {
                        in_string,
                        is_filtered,
                        must_be: if is_value { it.must_be() } else { one.must_be },
                        ..one
                    }));
                    let of_keys = it.keys().flat_map(Self::values);
                    used.extend(of_keys.map(|one| Used { is_filtered: true, ..one }));
                }
                _ => {}
            }
        }
        used
    }

    /// The literal bytes that the text begins with: what can be checked before anything is known.
    pub fn literal_start(&self) -> &[u8] {
        match self.parts.first() {
            Some(Part::Literal(bytes)) => bytes,
            Some(Part::Secret(secret)) => secret.value.as_bytes(),
            _ => &[],
        }
    }

    /// All literal pieces.
    pub fn literals(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(bytes) => Some(&bytes[..]),
            Part::Secret(secret) => Some(secret.value.as_bytes()),
            _ => None,
        })
    }
}

/// Joins neighbouring literals, so that rendering copies each run of text once.
#[derive(Default)]
struct Builder {
    parts: Vec<Part>,
    pending: Vec<u8>,
}

impl Builder {
    fn literal(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    fn part(&mut self, part: Part) {
        match part {
            Part::Literal(bytes) => self.literal(&bytes),
            other => {
                self.flush();
                self.parts.push(other);
            }
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            self.parts.push(Part::Literal(std::mem::take(&mut self.pending).into_boxed_slice()));
        }
    }

    fn finish(mut self) -> Template {
        self.flush();
        Template { parts: self.parts }
    }
}
