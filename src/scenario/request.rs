//! Compiles one HTTP request of a scenario, and the parts of one that other sections have as well.
//!
//! Knows no section around it: `[[http]]`, `[schedule]`, `[join]`, `[leave]` and `[websocket]` all
//! compile their requests here. Invariant: a request that compiles can be sent: its path, its
//! header fields and their values fit HTTP/1.1.

use std::time::Duration;

use super::document::{Section, Text};
use super::error::ScenarioError;
use super::names::{ErrorNames, Moment, NAMES_MAX, Unknown, Vocabulary};
use super::take::{is_token, take_from};
use super::template::{Brace, Filter, Part, Template};
use super::{HttpStep, NamedError, Take};
use crate::fault::Blame;
use crate::nearest;

pub(super) use super::take::check_pointer;

pub(super) type Result<T> = std::result::Result<T, ScenarioError>;

/// The longest delay of any timer: instants are compared through a clock that wraps after 19 hours.
pub(crate) const DELAY_MAX: Duration = Duration::from_secs(9 * 3600);

/// A request's timeout where the file gives none.
const HTTP_TIMEOUT: Duration = Duration::from_secs(10);

/// Header fields that the engine writes itself.
pub(crate) const ENGINE_HEADERS: [&str; 5] =
    ["host", "content-length", "connection", "transfer-encoding", "upgrade"];

/// The type of a form.
const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// Redirects that a request follows at most.
pub(crate) const FOLLOW_MAX: u32 = 20;

pub(super) const HTTP_KEYS: [&str; 13] = [
    "name",
    "method",
    "path",
    "headers",
    "basic_auth",
    "body",
    "form",
    "expect",
    "follow",
    "timeout",
    "take",
    "marks_member",
    "errors",
];

pub(super) const BASIC_AUTH_KEYS: [&str; 2] = ["user", "password"];

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
    let path = step_path(section, vocabulary, moment)?;
    let mut headers = headers(section, vocabulary, moment)?;
    let body = body(section, vocabulary, moment, &mut headers)?;
    let own = section.sections("errors", "[[http.errors]]", &ERROR_KEYS)?;
    let mut named = own.iter().map(|one| named_error(one, errors)).collect::<Result<Vec<_>>>()?;
    named.extend_from_slice(shared);
    Ok(HttpStep {
        method: method(section)?,
        path,
        headers,
        body,
        follow: follow(section)?,
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
    let template = compiled(section, "path", &path, vocabulary, moment, Unknown::Refused)?;
    if !template.literal_start().starts_with(b"/") {
        return Err(section.error("path", path.span, "it must begin with \"/\""));
    }
    refuse_unusable_in_url(section, "path", &path, &template)?;
    Ok(template)
}

/// The same of a step, which may begin with a value: a path, or a URL that a server returned.
fn step_path(section: &Section<'_>, vocabulary: &Vocabulary, moment: Moment<'_>) -> Result<Template> {
    let path = section.required_text("path")?;
    let template = compiled(section, "path", &path, vocabulary, moment, Unknown::Refused)?;
    let begins_well =
        template.literal_start().starts_with(b"/") || matches!(template.parts.first(), Some(Part::Taken(_)));
    if !begins_well {
        let message = "it must begin with \"/\" or a value that is a path or a URL";
        return Err(section.error("path", path.span, message));
    }
    refuse_unusable_in_url(section, "path", &path, &template)?;
    Ok(template)
}

fn follow(section: &Section<'_>) -> Result<u8> {
    match section.count("follow")? {
        Some(count) if count > FOLLOW_MAX => {
            let message = format!("{FOLLOW_MAX} redirects at most");
            Err(section.error("follow", section.place("follow"), message))
        }
        count => Ok(count.unwrap_or(0) as u8),
    }
}

/// What is sent: as it stands, or as a form, which says of what type it is.
fn body(
    section: &Section<'_>,
    vocabulary: &Vocabulary,
    moment: Moment<'_>,
    headers: &mut Vec<(String, Template)>,
) -> Result<Option<Template>> {
    let fields = section.pairs("form", true)?;
    if let Some(text) = section.text("body")? {
        if section.has("form") {
            return Err(section.error("form", section.place("form"), "give \"body\" or \"form\", not both"));
        }
        let body = compiled(section, "body", &text, vocabulary, moment, Unknown::Text)?;
        if headers.iter().any(|(name, value)| is_form(name, value)) {
            note_unencoded(text.value, vocabulary, moment);
        }
        let is_typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if !is_typed && !text.value.is_empty() {
            note_untyped(&body, vocabulary, moment);
        }
        return Ok(Some(body));
    }
    if !section.has("form") {
        return Ok(None);
    }
    let mut parts = Vec::new();
    for (name, value) in fields {
        let key = format!("form.{}", name.value);
        if let Some(twice) = Brace::all(value.value).iter().find(|brace| brace.last_filter() == Some("form"))
        {
            let message =
                format!("{}: the values of \"form\" are encoded already; leave out |form", twice.text);
            return Err(section.error(&key, value.span, message));
        }
        let separator = if parts.is_empty() { "" } else { "&" };
        let name = Template::of([Part::Literal(name.value.as_bytes().into())]);
        let value = compiled(section, &key, &value, vocabulary, moment, Unknown::Text)?;
        parts.push(Part::Literal(separator.as_bytes().into()));
        parts.extend(vocabulary.filtered(name, Filter::Form).parts);
        parts.push(Part::Literal(b"=".as_slice().into()));
        parts.extend(vocabulary.filtered(value, Filter::Form).parts);
    }
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("Content-Type".into(), Template::of([Part::Literal(FORM.into())])));
    }
    // Without a field it is an empty body.
    Ok(Some(Template::of(parts)))
}

/// Whether a header field says that the body is a form.
fn is_form(name: &str, value: &Template) -> bool {
    let is_form = |text: &[u8]| text.to_ascii_lowercase().starts_with(FORM);
    name.eq_ignore_ascii_case("content-type") && is_form(value.literal_start())
}

/// Notes a body of which the server is not told what it is.
fn note_untyped(body: &Template, vocabulary: &Vocabulary, moment: Moment<'_>) {
    let Moment::Request { step, .. } = moment else { return };
    let is_json = matches!(body.literal_start().trim_ascii_start().first(), Some(b'{' | b'['));
    let kind = if is_json { "application/json" } else { "…" };
    vocabulary.used.borrow_mut().doubts.push(format!(
        "the body of \"{step}\" is sent without a Content-Type, which most servers want: \
         headers = {{ Content-Type = \"{kind}\" }}"
    ));
}

/// Notes the braces of a form's text whose values may have a space, a `&` or a `%` in them.
fn note_unencoded(text: &str, vocabulary: &Vocabulary, moment: Moment<'_>) {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~*:".contains(byte);
    let may_break = |part: &Part| match part {
        Part::Literal(bytes) => !bytes.iter().all(is_plain),
        Part::Secret(secret) => !secret.value.as_bytes().iter().all(is_plain),
        part => matches!(part, Part::Taken(_)),
    };
    let is_unencoded = |brace: &&Brace<'_>| {
        let is_encoded = matches!(brace.last_filter(), Some("form" | "url"));
        let value = vocabulary.template(brace.text, moment, Unknown::Text);
        // A brace that is text renders as itself.
        let value = value.ok().filter(|value| value.literal_start() != brace.text.as_bytes());
        !is_encoded && value.is_some_and(|value| value.has(&may_break))
    };
    let braces: Vec<&str> = Brace::all(text).iter().filter(is_unencoded).map(|brace| brace.text).collect();
    if let (Some(first), Moment::Request { step, .. }) = (braces.first(), moment) {
        let name = first.trim_matches(['{', '}']);
        vocabulary.used.borrow_mut().doubts.push(format!(
            "the body of \"{step}\" is sent as a form, and {} not encoded: write form = {{ … }}, or {{{name}|form}}",
            match braces.len() {
                1 => format!("{first} is"),
                _ => format!("{} are", braces.join(", ")),
            }
        ));
    }
}

/// The `Authorization` of a user and a password (RFC 7617).
fn basic_auth(
    section: &Section<'_>,
    vocabulary: &Vocabulary,
    moment: Moment<'_>,
) -> Result<Option<Template>> {
    let Some(auth) = section.section("basic_auth", "basic_auth", &BASIC_AUTH_KEYS)? else { return Ok(None) };
    let user = auth.required_text("user")?;
    let template = compiled(&auth, "user", &user, vocabulary, moment, Unknown::Refused)?;
    if template.literals().any(|literal| literal.contains(&b':')) {
        return Err(auth.error("user", user.span, "a user name has no \":\" (RFC 7617)"));
    }
    let password = auth.text("password")?.ok_or_else(|| auth.own_error("the key \"password\" is missing"))?;
    let password = compiled(&auth, "password", &password, vocabulary, moment, Unknown::Refused)?;
    let mut pair = template.parts;
    pair.push(Part::Literal(b":".as_slice().into()));
    pair.extend(vocabulary.hidden("password", password).parts);
    let encoded = vocabulary.filtered(Template::of(pair), Filter::Base64);
    let scheme = Part::Literal(b"Basic ".as_slice().into());
    Ok(Some(Template::of(std::iter::once(scheme).chain(encoded.parts))))
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
    unknown: Unknown,
) -> Result<Template> {
    let template = vocabulary.template(text.value, moment, unknown);
    template.map_err(|reason| section.error(key, text.span.clone(), reason))
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
        let template = compiled(section, &key, &value, vocabulary, moment, Unknown::Refused)?;
        if template.literals().flatten().any(|byte| byte.is_ascii_control()) {
            return Err(section.error(
                &key,
                value.span,
                "control characters cannot be sent in a header field",
            ));
        }
        headers.push((name.value.to_owned(), template));
    }
    if let Some(value) = basic_auth(section, vocabulary, moment)? {
        if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            let message = "the header field Authorization is given as well; leave out one of the two";
            return Err(section.error("basic_auth", section.place("basic_auth"), message));
        }
        headers.push(("Authorization".into(), value));
    }
    Ok(headers)
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
