//! Compiles one HTTP request of a scenario, and the parts of one that other sections have as well.
//!
//! Knows no section around it: `[[http]]`, `[schedule]`, `[join]`, `[leave]` and `[websocket]` all
//! compile their requests here. Invariant: a request that compiles can be sent: its path, its
//! header fields and their values fit HTTP/1.1.

use std::time::Duration;

use super::document::{Section, Text};
use super::error::ScenarioError;
use super::names::{ErrorNames, Moment, NAMES_MAX, Vocabulary};
use super::template::Template;
use super::{HttpStep, NamedError, Take, TakeFrom};
use crate::fault::Blame;
use crate::nearest;

pub(super) type Result<T> = std::result::Result<T, ScenarioError>;

/// The longest delay of any timer: instants are compared through a clock that wraps after 19 hours.
pub(super) const DELAY_MAX: Duration = Duration::from_secs(9 * 3600);

/// A request's timeout where the file gives none.
const HTTP_TIMEOUT: Duration = Duration::from_secs(10);

/// Header fields that the engine writes itself.
const ENGINE_HEADERS: [&str; 5] = ["host", "content-length", "connection", "transfer-encoding", "upgrade"];

pub(super) const HTTP_KEYS: [&str; 10] =
    ["name", "method", "path", "headers", "body", "expect", "timeout", "take", "marks_member", "errors"];

pub(super) const ERROR_KEYS: [&str; 8] =
    ["name", "status", "field", "equals", "contains", "after", "blame", "ticket"];

/// The request of a section that is called so.
pub(super) fn compile(
    section: &Section<'_>,
    name: String,
    vocabulary: &Vocabulary,
    taken: &[bool],
    shared: &[NamedError],
    errors: &mut ErrorNames,
) -> Result<HttpStep> {
    let moment = Moment::Request { step: &name, taken };
    let path = request_path(section, vocabulary, moment)?;
    let body = match section.text("body")? {
        Some(text) => Some(compiled(section, "body", &text, vocabulary, moment)?),
        None => None,
    };
    let own = section.sections("errors", "[[http.errors]]", &ERROR_KEYS)?;
    let mut named = own.iter().map(|one| named_error(one, errors)).collect::<Result<Vec<_>>>()?;
    named.extend_from_slice(shared);
    Ok(HttpStep {
        method: method(section)?,
        path,
        headers: headers(section, vocabulary, moment)?,
        body,
        expect: section.statuses("expect")?.unwrap_or_else(|| vec![200]),
        timeout: section.delay("timeout", DELAY_MAX)?.unwrap_or(HTTP_TIMEOUT),
        take: takes(section, vocabulary)?,
        marks_member: section.flag("marks_member")?,
        errors: named,
        name,
    })
}

/// A request's path and query.
pub(super) fn request_path(
    section: &Section<'_>,
    vocabulary: &Vocabulary,
    moment: Moment<'_>,
) -> Result<Template> {
    let path = section.required_text("path")?;
    let template = compiled(section, "path", &path, vocabulary, moment)?;
    if !template.literal_start().starts_with(b"/") {
        return Err(section.error("path", path.span, "it must begin with \"/\""));
    }
    refuse_unusable_in_url(section, "path", &path, &template)?;
    Ok(template)
}

fn method(section: &Section<'_>) -> Result<String> {
    let method = section.required_text("method")?;
    if !method.value.bytes().all(|b| b.is_ascii_uppercase()) {
        let message = format!("\"{}\" is not a method: upper-case letters only, such as GET", method.value);
        return Err(section.error("method", method.span, message));
    }
    if method.value == "CONNECT" {
        return Err(section.error("method", method.span, "CONNECT makes no request of its own"));
    }
    Ok(method.value.to_owned())
}

fn takes(section: &Section<'_>, vocabulary: &Vocabulary) -> Result<Vec<Take>> {
    let mut takes = Vec::new();
    for (name, place) in section.pairs("take", false)? {
        let from = take_from(section, &format!("take.{}", name.value), &place)?;
        if let Some(value) = vocabulary.values.position(name.value) {
            takes.push(Take { value, from });
        }
    }
    Ok(takes)
}

/// A JSON pointer, `header:NAME` or `cookie:NAME`.
fn take_from(section: &Section<'_>, key: &str, place: &Text<'_>) -> Result<TakeFrom> {
    let named = |name: &str, from: fn(String) -> TakeFrom| match is_token(name) {
        true => Ok(from(name.to_owned())),
        false => Err(section.error(key, place.span.clone(), format!("\"{name}\" is not a name"))),
    };
    if let Some(name) = place.value.strip_prefix("header:") {
        return named(name, TakeFrom::Header);
    }
    if let Some(name) = place.value.strip_prefix("cookie:") {
        return named(name, TakeFrom::Cookie);
    }
    check_pointer(section, key, place)?;
    Ok(TakeFrom::Body(place.value.to_owned()))
}

/// RFC 6901: empty, or segments that each begin with `/`; `~` only as `~0` and `~1`.
pub(super) fn check_pointer(section: &Section<'_>, key: &str, pointer: &Text<'_>) -> Result<()> {
    let text = pointer.value;
    if !text.is_empty() && !text.starts_with('/') {
        // `$.data.token` is JSONPath for the same field.
        let names = text.strip_prefix("$.").unwrap_or(text).replace('.', "/");
        let message = format!("\"{text}\" is not a JSON pointer: write \"/{names}\"");
        return Err(section.error(key, pointer.span.clone(), message));
    }
    let escapes_fit = text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    if !escapes_fit {
        let message = format!("\"{text}\" is not a JSON pointer: \"~\" is written \"~0\"");
        return Err(section.error(key, pointer.span.clone(), message));
    }
    Ok(())
}

pub(super) fn named_error(section: &Section<'_>, errors: &mut ErrorNames) -> Result<NamedError> {
    let error = error_name(section, "name", errors)?;
    let status = match section.statuses("status")?.as_deref() {
        None => None,
        Some([status]) => Some(*status),
        Some(_) => {
            let message = "it is one status; write the entry once for each";
            return Err(section.error("status", section.place("status"), message));
        }
    };
    let field = match (section.text("field")?, section.has("equals")) {
        (Some(pointer), true) => {
            check_pointer(section, "field", &pointer)?;
            let wanted = section.text_or_texts("equals")?;
            Some((pointer.value.to_owned(), wanted.iter().map(|text| text.value.to_owned()).collect()))
        }
        (None, false) => None,
        _ => return Err(section.own_error("\"field\" and \"equals\" go together")),
    };
    let contains = match section.has("contains") {
        true => Some(section.required_text("contains")?.value.to_owned()),
        false => None,
    };
    if status.is_none() && field.is_none() && contains.is_none() {
        return Err(section.own_error("give \"status\", \"field\" with \"equals\", or \"contains\""));
    }
    let after = section.span("after")?;
    Ok(NamedError { error, status, field, contains, after, ticket: section.flag("ticket")? })
}

/// The index of the error name at `key`, which is blamed as the section says.
pub(super) fn error_name(section: &Section<'_>, key: &str, errors: &mut ErrorNames) -> Result<u8> {
    let name = match key {
        "code" => section.text_or_texts(key)?.swap_remove(0),
        _ => section.required_text(key)?,
    };
    if name.value.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(section.error(key, name.span, "a name has no spaces"));
    }
    let index = errors.index(name.value);
    let index = index.ok_or_else(|| section.error(key, name.span, too_many("error names")))?;
    if let Some(text) = section.text("blame")? {
        let Some(blame) = Blame::ALL.into_iter().find(|blame| blame.key() == text.value) else {
            let known = Blame::ALL.map(Blame::key);
            let hint = nearest::hint(text.value, &known);
            let message = format!("\"{}\" is not one of {}{hint}", text.value, known.join(", "));
            return Err(section.error("blame", text.span, message));
        };
        errors.blame(index, blame).map_err(|other| {
            let message = format!("another entry of \"{}\" blames the {other}", name.value);
            section.error("blame", text.span, message)
        })?;
    }
    Ok(index)
}

/// A template, with its place in any error.
pub(super) fn compiled(
    section: &Section<'_>,
    key: &str,
    text: &Text<'_>,
    vocabulary: &Vocabulary,
    moment: Moment<'_>,
) -> Result<Template> {
    vocabulary.template(text.value, moment).map_err(|reason| section.error(key, text.span.clone(), reason))
}

/// The header fields of a request.
pub(super) fn headers(
    section: &Section<'_>,
    vocabulary: &Vocabulary,
    moment: Moment<'_>,
) -> Result<Vec<(String, Template)>> {
    let mut headers = Vec::new();
    for (name, value) in section.pairs("headers", true)? {
        let key = format!("headers.{}", name.value);
        if !is_token(name.value) {
            let message = format!("\"{}\" is not the name of a header field", name.value);
            return Err(section.error("headers", name.span, message));
        }
        let lower = name.value.to_ascii_lowercase();
        if ENGINE_HEADERS.contains(&lower.as_str()) || lower.starts_with("sec-websocket-") {
            return Err(section.error(&key, name.span, "this field is written by the engine"));
        }
        let template = compiled(section, &key, &value, vocabulary, moment)?;
        if template.literals().flatten().any(|byte| byte.is_ascii_control()) {
            return Err(section.error(
                &key,
                value.span,
                "control characters cannot be sent in a header field",
            ));
        }
        headers.push((name.value.to_owned(), template));
    }
    Ok(headers)
}

/// Whether a header field may have this name (RFC 9110's token), by the parser that answers are read
/// with.
fn is_token(name: &str) -> bool {
    let field = format!("{name}:\r\n\r\n");
    let mut parsed = [httparse::EMPTY_HEADER];
    let complete =
        httparse::parse_headers(field.as_bytes(), &mut parsed).is_ok_and(|status| status.is_complete());
    complete && parsed[0].name == name
}

/// What a request line cannot carry.
pub(super) fn refuse_unusable_in_url(
    section: &Section<'_>,
    key: &str,
    text: &Text<'_>,
    template: &Template,
) -> Result<()> {
    let Some(byte) = template.literals().flatten().find(|b| !b.is_ascii_graphic() || **b == b'#') else {
        return Ok(());
    };
    let what = match byte {
        b' ' => "a space".to_owned(),
        b'#' => "\"#\"".to_owned(),
        byte if byte.is_ascii_control() => "a control character".to_owned(),
        _ => "a character that is not ASCII".to_owned(),
    };
    Err(section.error(key, text.span.clone(), format!("{what} must be percent-encoded")))
}

pub(super) fn too_many(what: &str) -> String {
    format!("{NAMES_MAX} {what} at most")
}
