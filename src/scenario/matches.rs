//! Compiles how a kind of messages is known: `is`, `starts`, `contains`, `fields`.
//!
//! Knows no roles. Invariants: a kind's texts are the same for all sessions, except what its fields
//! equal, which is the same for one; a kind that can never match, or that an earlier one hides, is
//! refused.

use startline_protocol::matching::{Place, Pointer, Rule, Span, VALUE_BYTES_MAX, Want};

use super::document::{Section, Text};
use super::names::{Moment, Unknown, Vocabulary, bytes_of};
use super::request::{Result, compiled};
use super::take;
use super::template::{Part, Template};

pub(super) const FIELD_KEYS: [&str; 1] = ["equals"];

/// How a kind is known, and the same as text.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) rule: Rule,
    pub(super) text: String,
}

/// What fields of kinds equal that differs between sessions: as the file has it, and compiled.
pub(super) type Own = Vec<(String, Template)>;

/// A text that is the same for all sessions, and how it is shown.
pub(super) struct Constant {
    pub(super) bytes: Vec<u8>,
    shown: String,
}

/// Compiles the conditions of a kind. Without any it is known by its name at `type_at`.
pub(super) fn compile(
    table: Option<&Section<'_>>,
    name: &str,
    (type_at, body_after): (&Pointer, Option<&[u8]>),
    vocabulary: &Vocabulary,
    own: &mut Own,
) -> Result<Known> {
    let mut known = Known::default();
    known.rule.body_after = body_after.map(<[u8]>::to_vec);
    let Some(table) = table else {
        known.by_type(name, type_at);
        return Ok(known);
    };
    if let Some(after) = constant(table, "body_after", vocabulary)? {
        known.rule.body_after = Some(after.bytes);
    }
    let mut texts = [("is", None), ("starts", None), ("contains", None)];
    for (key, bytes) in &mut texts {
        if let Some(found) = constant(table, key, vocabulary)? {
            known.say(&format!("{key} {}", found.shown));
            *bytes = Some(found.bytes);
        }
    }
    let [(_, is), (_, starts), (_, contains)] = texts;
    if is.is_some()
        && let Some(key) = ["starts", "contains", "fields"].into_iter().find(|key| table.has(key))
    {
        return Err(table.error(key, table.place(key), "\"is\" compares the whole record, and stands alone"));
    }
    known.fields(table, vocabulary, own)?;
    let is_by_type = is.is_none() && starts.is_none() && contains.is_none() && !table.has("fields");
    known.rule = Rule { is, starts, contains, ..known.rule };
    if is_by_type {
        known.by_type(name, type_at);
    }
    if let Some((outer, inner)) = known.rule.contradiction() {
        let message = format!("it can never match: {outer} cannot equal a text and have {inner} in it");
        return Err(table.error("fields", table.place("fields"), message));
    }
    Ok(known)
}

impl Known {
    fn say(&mut self, condition: &str) {
        let comma = if self.text.is_empty() { "" } else { ", " };
        self.text += &format!("{comma}{condition}");
    }

    fn by_type(&mut self, name: &str, type_at: &Pointer) {
        self.rule.fields = vec![(type_at.clone(), Want::Equals(name.into()))];
        self.say(&format!("{type_at} = {}", quoted(name.as_bytes())));
    }

    fn fields(&mut self, table: &Section<'_>, vocabulary: &Vocabulary, own: &mut Own) -> Result<()> {
        let title = format!("fields of {}", table.title);
        let fields = table.named("fields", &title, &FIELD_KEYS)?;
        if table.has("fields") && fields.is_empty() {
            return Err(table.error("fields", table.place("fields"), "there is none in it"));
        }
        for (place, value) in fields {
            let refused = |why: String| table.error("fields", place.span.clone(), why);
            let at = place_of(place.value).map_err(refused)?;
            let (want, shown) = match value {
                Err(text) if text.value == "*" => (Want::Exists, "*".to_owned()),
                Err(text) => equals(table, "fields", &text, vocabulary, own)?,
                Ok(inner) => {
                    let text = inner.text("equals")?;
                    let text = text.ok_or_else(|| inner.own_error("the key \"equals\" is missing"))?;
                    equals(&inner, "equals", &text, vocabulary, own)?
                }
            };
            self.say(&format!("{} = {shown}", place.value));
            match at {
                Place::Field(pointer) => self.rule.fields.push((pointer, want)),
                Place::Span(span) => self.rule.spans.push((span, want)),
                Place::After(_) => {
                    let why =
                        "what stands behind a text is not compared: use \"contains\", with the value in it";
                    return Err(refused(why.into()));
                }
            }
        }
        Ok(())
    }
}

fn equals(
    section: &Section<'_>,
    key: &str,
    text: &Text<'_>,
    vocabulary: &Vocabulary,
    own: &mut Own,
) -> Result<(Want, String)> {
    if let Some(template) = of_a_session(section, key, text, vocabulary)? {
        let known = own.iter().position(|(known, _)| known == text.value).unwrap_or_else(|| {
            own.push((text.value.to_owned(), template));
            own.len() - 1
        });
        let index = u8::try_from(known).map_err(|_| {
            section.error(key, text.span.clone(), "there are too many values of sessions in fields")
        })?;
        return Ok((Want::Own(index), quoted(text.value.as_bytes())));
    }
    let Constant { bytes, shown } = constant_of(section, key, text, vocabulary)?;
    Ok((Want::Equals(bytes), shown))
}

/// A text that differs between sessions, and in none of them over time; `None` if it is the same for all.
fn of_a_session(
    section: &Section<'_>,
    key: &str,
    text: &Text<'_>,
    vocabulary: &Vocabulary,
) -> Result<Option<Template>> {
    // No value of a field has the braces of a name that nothing has.
    let template = compiled(section, key, text, vocabulary, Moment::Anytime, Unknown::Refused)?;
    let is_constant = |part: &Part| matches!(part, Part::Literal(_) | Part::Secret(_));
    if template.parts.iter().all(is_constant) {
        return Ok(None);
    }
    let is_steady =
        |part: &Part| matches!(part, Part::MemberId | Part::ChallengeId | Part::Session | Part::Taken(_));
    if template.has(&|part| !is_constant(part) && !is_steady(part)) {
        let why = "a field is compared with what stays the same in a session: variables, taken values, columns, \
                   {member_id}, {challenge_id}, {session}";
        return Err(section.error(key, text.span.clone(), why));
    }
    compiled(section, key, text, vocabulary, Moment::Answer { own: &[] }, Unknown::Text).map(Some)
}

/// A JSON pointer without `*`.
pub(super) fn pointer(section: &Section<'_>, key: &str, text: &Text<'_>) -> Result<Pointer> {
    pointer_of(text.value).map_err(|why| section.error(key, text.span.clone(), why))
}

/// A place in a record: a JSON pointer, `after:TEXT`, or bytes at an offset; else why it is none.
pub(super) fn place_of(text: &str) -> std::result::Result<Place, String> {
    match text.split_once(':') {
        Some(("after", "")) => Err("after: names the text that stands before the value".into()),
        Some(("after", before)) => with_bytes(before).map(Place::After),
        Some(_) if !text.starts_with('/') => {
            Span::parse(text).map(Place::Span).map_err(|why| format!("\"{text}\": {why}"))
        }
        _ => pointer_of(text).map(Place::Field),
    }
}

/// A text in which `{hex:…}` stands for bytes.
fn with_bytes(text: &str) -> std::result::Result<Vec<u8>, String> {
    let template = Template::compile(text, |brace| match brace.name.strip_prefix("hex:") {
        Some(hex) => bytes_of(hex).map(|bytes| Some(Template::of([Part::Literal(bytes.into())]))),
        None => Ok(None),
    })?;
    Ok(template.literals().flatten().copied().collect())
}

/// A JSON pointer, with the reason where it is none.
fn pointer_of(text: &str) -> std::result::Result<Pointer, String> {
    let pointer = Pointer::parse(text).map_err(|why| match take::as_pointer(text) {
        Some(pointer) => format!("\"{text}\" is not a JSON pointer: write \"{pointer}\""),
        None => format!("\"{text}\": {why}"),
    })?;
    if pointer.tokens().iter().any(|token| token == "*") {
        return Err(format!(
            "\"{text}\": * stands for every element in \"listed\" of [websocket.presence] only"
        ));
    }
    Ok(pointer)
}

/// The text at `key`, if there is one.
pub(super) fn constant(
    section: &Section<'_>,
    key: &str,
    vocabulary: &Vocabulary,
) -> Result<Option<Constant>> {
    if !section.has(key) {
        return Ok(None);
    }
    let text = match key {
        // An empty record is one, too; JSON may begin where the record does.
        "is" | "body_after" => section.text(key)?,
        _ => Some(section.required_text(key)?),
    };
    text.map(|text| constant_of(section, key, &text, vocabulary)).transpose()
}

fn constant_of(
    section: &Section<'_>,
    key: &str,
    text: &Text<'_>,
    vocabulary: &Vocabulary,
) -> Result<Constant> {
    let wrong = |why: String| section.error(key, text.span.clone(), why);
    let taken = vec![true; vocabulary.values.len()];
    let moment = Moment::Request { step: "messages", taken: &taken };
    let template = compiled(section, key, text, vocabulary, moment, Unknown::Text)?;
    if !template.parts.iter().all(|part| matches!(part, Part::Literal(_) | Part::Secret(_))) {
        let why = "this is the same for all sessions: variables, {hex:…}, {env:…} and {file:…} only (what \"fields\" \
                   equal may be a session's own)";
        return Err(wrong(why.into()));
    }
    let bytes: Vec<u8> = template.literals().flatten().copied().collect();
    if bytes.len() > VALUE_BYTES_MAX {
        return Err(wrong(too_long()));
    }
    let shown: Vec<u8> = template.shown(|_| None).literals().flatten().copied().collect();
    Ok(Constant { bytes, shown: quoted(&shown) })
}

/// Why a text of more than is kept of a value is refused.
pub(super) fn too_long() -> String {
    format!("it can never match: {VALUE_BYTES_MAX} bytes are compared at most")
}

/// Bytes as a scenario would write them.
fn quoted(bytes: &[u8]) -> String {
    let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains('"') && !text.contains('\'') && !text.contains(char::is_control) => {
            format!("'{text}'")
        }
        Ok(text) if text.chars().all(is_plain) => format!("{text:?}"),
        _ => {
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{{hex:{}}}", hex.join(" "))
        }
    }
}
