//! Text with variables, compiled once and rendered into a shared buffer.
//!
//! `{name}` stands for a variable, `{env:NAME}` and `{file:PATH}` for what is outside; every other
//! brace is text, because most templates are JSON.
//! `{{name}}` writes `{name}` itself. Knows no clock: the time comes with the [`Scope`]. Invariant:
//! a compiled template renders without lookups by name, without allocating beyond `out`, and cannot
//! fail.

use std::fmt;

use crate::members::{MemberId, SessionNumber};

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
    /// `{held_ms}`: milliseconds since the session opened.
    HeldMs,
    /// `{sequence}`: how often this message has been sent before, from 0.
    Sequence,
    /// `{distance_km}`: held time at the pace of the variable `pace_s_per_km`, three decimals.
    DistanceKm {
        /// Seconds a kilometre.
        pace_s_per_km: u32,
    },
    /// A value taken from an answer; the index is into `Scenario::value_names`.
    Taken(u8),
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

/// What a template may refer to.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The member's id.
    pub member_id: MemberId,
    /// The member's challenge.
    pub challenge_id: u64,
    /// The session's number in the run.
    pub session: SessionNumber,
    /// Unix time in milliseconds.
    pub now_ms: u64,
    /// Milliseconds since the session opened; 0 before.
    pub held_ms: u64,
    /// Times this message has been sent before.
    pub sequence: u32,
    /// Taken values by index; empty where not taken yet.
    pub taken: &'a [String],
}

impl Template {
    /// Compiles `text`, asking `resolve` what each variable stands for.
    ///
    /// # Errors
    /// The first error of `resolve`.
    pub fn compile<E>(text: &str, mut resolve: impl FnMut(&str) -> Result<Part, E>) -> Result<Self, E> {
        let mut builder = Builder::default();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            builder.literal(&rest.as_bytes()[..at]);
            rest = &rest[at..];
            if let Some(name) = escaped_name(rest) {
                builder.literal(&rest.as_bytes()[1..name.len() + 3]);
                rest = &rest[name.len() + 4..];
            } else if let Some(name) = variable_name(rest) {
                builder.part(resolve(name)?);
                rest = &rest[name.len() + 2..];
            } else {
                builder.literal(b"{");
                rest = &rest[1..];
            }
        }
        builder.literal(rest.as_bytes());
        Ok(builder.finish())
    }

    /// Appends the text to `out`.
    pub fn render(&self, scope: &Scope<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Literal(bytes) => out.extend_from_slice(bytes),
                Part::Secret(secret) => out.extend_from_slice(secret.value.as_bytes()),
                Part::MemberId => push_integer(out, scope.member_id.0),
                Part::ChallengeId => push_integer(out, scope.challenge_id),
                Part::Session => push_integer(out, u64::from(scope.session.0)),
                Part::NowMs => push_integer(out, scope.now_ms),
                Part::HeldMs => push_integer(out, scope.held_ms),
                Part::Sequence => push_integer(out, u64::from(scope.sequence)),
                Part::DistanceKm { pace_s_per_km } => push_distance(out, scope.held_ms, *pace_s_per_km),
                Part::Taken(index) => {
                    if let Some(value) = scope.taken.get(usize::from(*index)) {
                        out.extend_from_slice(value.as_bytes());
                    }
                }
            }
        }
    }

    /// The same with every secret shown by its name; `name_of` gives those of taken values that are.
    pub fn shown<'n>(&self, name_of: impl Fn(u8) -> Option<&'n str>) -> Self {
        let literal = |name: &str| Part::Literal(label(name).into_bytes().into());
        let shown = |part: &Part| match part {
            Part::Secret(secret) => literal(&secret.name),
            Part::Taken(index) => name_of(*index).map_or(part.clone(), literal),
            other => other.clone(),
        };
        Self { parts: self.parts.iter().map(shown).collect() }
    }

    /// Whether each rendering of a session differs from those before: by its number or its instant.
    pub fn is_unique(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Sequence | Part::NowMs))
    }

    /// Whether a rendering says nothing of its instant.
    pub fn is_timeless(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Part::NowMs | Part::HeldMs | Part::DistanceKm { .. }))
    }

    /// Whether the group of the member is in it.
    pub fn has_challenge(&self) -> bool {
        self.parts.contains(&Part::ChallengeId)
    }

    /// The taken values in it, with whether each stands inside a string of the JSON that the literals
    /// are.
    pub fn taken(&self) -> impl Iterator<Item = (u8, bool)> {
        let (mut in_string, mut escaped) = (false, false);
        self.parts.iter().filter_map(move |part| match part {
            Part::Literal(bytes) => {
                for byte in bytes {
                    in_string ^= *byte == b'"' && !escaped;
                    escaped = *byte == b'\\' && !escaped;
                }
                None
            }
            Part::Taken(index) => Some((*index, in_string)),
            _ => None,
        })
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

/// Whether `name` can stand between braces: a letter or `_`, then letters, digits or `_`, ASCII
/// only.
pub fn is_identifier(name: &str) -> bool {
    !name.is_empty() && identifier(name).len() == name.len()
}

/// The identifier that `text` begins with, possibly empty.
fn identifier(text: &str) -> &str {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let length = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    if starts_well { &text[..length] } else { "" }
}

/// What comes from outside the scenario: `{env:NAME}`, `{file:PATH}`.
const OUTSIDE: [&str; 2] = ["env:", "file:"];

/// The name when `text` begins with `{name}`, `{env:NAME}` or `{file:PATH}`.
pub(super) fn variable_name(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('{')?;
    if OUTSIDE.iter().any(|kind| inner.starts_with(kind)) {
        let name = &inner[..inner.find(['{', '}', '\n'])?];
        return inner[name.len()..].starts_with('}').then_some(name);
    }
    let word = identifier(inner);
    // With a filter behind it, which there is none of, it is a name that is refused.
    let name = &inner[..word.len() + filter(&inner[word.len()..]).len()];
    (!word.is_empty() && inner[name.len()..].starts_with('}')).then_some(name)
}

/// `|name`, as other tools write filters, that `text` begins with; else nothing.
fn filter(text: &str) -> &str {
    let name = text.strip_prefix('|').map(identifier).filter(|name| !name.is_empty());
    name.map_or("", |name| &text[..=name.len()])
}

/// The name when `text` begins with `{{name}}`.
fn escaped_name(text: &str) -> Option<&str> {
    let name = variable_name(text.strip_prefix('{')?)?;
    text[name.len() + 3..].starts_with('}').then_some(name)
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

/// Appends `value` in decimal: digits from the back of a stack buffer, no allocation and no `fmt`.
fn push_integer(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Milliseconds over seconds a kilometre are metres.
fn push_distance(out: &mut Vec<u8>, held_ms: u64, pace_s_per_km: u32) {
    let metres = held_ms / u64::from(pace_s_per_km.max(1));
    push_integer(out, metres / 1000);
    let thousandths = metres % 1000;
    out.push(b'.');
    out.extend([thousandths / 100, thousandths / 10 % 10, thousandths % 10].map(|digit| b'0' + digit as u8));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part_of(name: &str) -> Result<Part, String> {
        Ok(match name {
            "member_id" => Part::MemberId,
            "challenge_id" => Part::ChallengeId,
            "session" => Part::Session,
            "now_ms" => Part::NowMs,
            "held_ms" => Part::HeldMs,
            "sequence" => Part::Sequence,
            "distance_km" => Part::DistanceKm { pace_s_per_km: 360 },
            "ticket" => Part::Taken(1),
            "variable" => Part::Literal((*b"text").into()),
            other => return Err(other.to_owned()),
        })
    }

    fn rendered(text: &str) -> String {
        let scope = Scope {
            member_id: MemberId(13),
            challenge_id: 38,
            session: SessionNumber(0),
            now_ms: u64::MAX,
            held_ms: 1_800_000,
            sequence: 7,
            taken: &["token".into(), "t-1".into()],
        };
        let mut out = Vec::new();
        Template::compile(text, part_of).expect("every variable is known").render(&scope, &mut out);
        String::from_utf8(out).expect("text in, text out")
    }

    #[test]
    fn variables_are_replaced() {
        assert_eq!(rendered("/a?m={member_id}&c={challenge_id}"), "/a?m=13&c=38");
        assert_eq!(rendered("{session} {now_ms} {held_ms} {sequence}"), "0 18446744073709551615 1800000 7");
        assert_eq!(rendered("{ticket}{variable}"), "t-1text");
    }

    #[test]
    fn braces_of_json_are_text() {
        assert_eq!(rendered("{{member_id]{|m}e"), "{{member_id]{|m}e");
        assert_eq!(rendered(r#"{"a":{"b":{now_ms}}}"#), r#"{"a":{"b":18446744073709551615}}"#);
        assert_eq!(rendered("{} {1} { member_id } {member-id} {"), "{} {1} { member_id } {member-id} {");
        assert_eq!(rendered("가{member_id}나"), "가13나");
    }

    #[test]
    fn doubled_braces_write_the_name_itself() {
        assert_eq!(rendered("{{member_id}} {{nobody}} {{member_id}"), "{member_id} {nobody} {13");
    }

    #[test]
    fn an_unknown_variable_is_the_resolver_s_error() {
        assert_eq!(Template::compile("a {nobody}", part_of), Err("nobody".to_owned()));
    }

    #[test]
    fn neighbouring_literals_are_one_part() {
        let template = Template::compile(r#"{"a":"{variable}"}"#, part_of).expect("known");
        assert_eq!(template.parts, [Part::Literal((*br#"{"a":"text"}"#).into())]);
    }

    #[test]
    fn distance_has_three_decimals() {
        // Half an hour at 6 min/km.
        assert_eq!(rendered("{distance_km}"), "5.000");
        let mut out = Vec::new();
        push_distance(&mut out, 25_920, 360);
        assert_eq!(out, b"0.072");
    }

    #[test]
    fn a_value_that_is_not_there_renders_as_nothing() {
        let template = Template { parts: vec![Part::Taken(9)] };
        let scope = Scope {
            member_id: MemberId(0),
            challenge_id: 0,
            session: SessionNumber(0),
            now_ms: 0,
            held_ms: 0,
            sequence: 0,
            taken: &[],
        };
        let mut out = Vec::new();
        template.render(&scope, &mut out);
        assert!(out.is_empty());
    }
}
