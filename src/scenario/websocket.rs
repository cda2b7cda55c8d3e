//! Compiles `[websocket]` and the tables under it into a [`WebSocket`].
//!
//! Knows nothing of HTTP steps but the values that they take. Kinds of messages, steps and periodic
//! messages have modules of their own. Invariant: steps, periodic messages and kinds share one
//! namespace, with the names of results that stand for themselves.

use std::time::Duration;

use super::document::{Section, Text};
use super::names::{ErrorNames, Moment, Unknown, Vocabulary};
use super::request::{DELAY_MAX, HTTP_KEYS, Result, compiled, headers, refuse_unusable_in_url};
use super::template::Template;
use super::{HttpStep, NamedError, WebSocket, every, kinds, presence, steps};

/// Where the file gives none: connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Where the file gives none: from our close frame to the connection's end.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Where the file gives none.
const MESSAGE_BYTES_MAX: u64 = 16 << 20;

/// Keys besides those of [`kinds`].
pub(super) const KEYS: [&str; 14] = [
    "url",
    "headers",
    "basic_auth",
    "subprotocol",
    "compression",
    "connect_timeout",
    "close_timeout",
    "ticket_lifetime",
    "message_bytes_max",
    "steps",
    "every",
    "quit",
    "end",
    "closes",
];

/// Keys that were here once, and what is written instead.
const OLD_KEYS: [(&str, &str); 6] = [
    ("hello", "[[websocket.steps]] with a \"name\" and \"send\""),
    ("open_timeout", "\"timeout\" in [[websocket.steps]]"),
    ("ping", "[[websocket.every]] with name = \"ping\", and \"send\" for \"message\""),
    ("record", "[[websocket.every]] with name = \"record\", \"send\" and start = \"off\""),
    ("type_member", "type_at = \"/name\""),
    ("error_code", "\"code\" of the kind: NAME = { role = \"error\", code = \"/name\" }"),
];

/// Names in results that no step, periodic message or kind can have.
pub(crate) const RESERVED: [&str; 4] = ["connect", "hold", "other", "same"];

/// Names in results that no periodic message can have, besides.
pub(crate) const RESERVED_OF_EVERY: [&str; 3] = ["open", "entered", "left"];

/// The sections of steps, with those of their requests, and those of kinds, of which some take values.
pub(super) fn taking_sections<'d>(root: &Section<'d>) -> Result<(Vec<Section<'d>>, Vec<Section<'d>>)> {
    let Some(section) = section(root)? else { return Ok((Vec::new(), Vec::new())) };
    let mut steps = Vec::new();
    for step in section.sections("steps", "[[websocket.steps]]", &steps::KEYS)? {
        let request = steps::request_section(&step)?;
        steps.push(step);
        steps.extend(request);
    }
    let kinds = section.named("messages", "[websocket.messages]", &kinds::KIND_KEYS)?;
    Ok((steps, kinds.into_iter().filter_map(|(_, kind)| kind.ok()).collect()))
}

/// The sections of the steps' requests.
pub(super) fn request_sections<'d>(root: &Section<'d>) -> Result<Vec<Section<'d>>> {
    let Some(section) = section(root)? else { return Ok(Vec::new()) };
    let steps = section.sections("steps", "[[websocket.steps]]", &steps::KEYS)?;
    let requests = steps.iter().map(steps::request_section).collect::<Result<Vec<_>>>()?;
    Ok(requests.into_iter().flatten().collect())
}

pub(super) fn section<'d>(root: &Section<'d>) -> Result<Option<Section<'d>>> {
    root.refuse_old("websocket", "[websocket]", &OLD_KEYS)?;
    root.section("websocket", "[websocket]", &[&KEYS[..], &kinds::KEYS].concat())
}

/// Compiles `[websocket]`, if there is one. All values that `http` takes are taken by then.
pub(super) fn compile(
    root: &Section<'_>,
    vocabulary: &Vocabulary,
    http: &[HttpStep],
    shared: &[NamedError],
    errors: &mut ErrorNames,
) -> Result<Option<WebSocket>> {
    let Some(section) = section(root)? else { return Ok(None) };
    let mut taken = vec![false; vocabulary.values.len()];
    for take in http.iter().flat_map(|step| &step.take) {
        taken[usize::from(take.value)] = true;
    }
    let moment = Moment::Request { step: "connect", taken: &taken };
    let (url, headers) = (url(&section, vocabulary, moment)?, headers(&section, vocabulary, moment)?);
    let subprotocols = subprotocols(&section, vocabulary, moment)?;
    let mut kinds = kinds::compile(&section, vocabulary, errors)?;
    presence::compile(&section, &mut kinds, vocabulary)?;
    let step_sections = section.sections("steps", "[[websocket.steps]]", &steps::KEYS)?;
    let steps = steps::compile(&step_sections, &mut kinds, vocabulary, (shared, errors), &mut taken)?;
    let every_sections = section.sections("every", "[[websocket.every]]", &every::KEYS)?;
    let every = every::compile(&every_sections, &mut kinds, vocabulary, &taken)?;
    kinds.finish(&section)?;
    let names = kinds.names().map(str::to_owned).collect::<Vec<_>>();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if let Some(name) = names.iter().find(|name| RESERVED.contains(name)) {
        let message = format!("\"{name}\" has a meaning of its own and cannot be a kind");
        return Err(section.error("messages", section.place("messages"), message));
    }
    let mut known: Vec<Known<'_>> =
        names.iter().map(|name| (*name, "kind", section.line("messages", name))).collect();
    for request in root.sections("http", "[[http]]", &HTTP_KEYS)? {
        known.push((request.required_text("name")?.value, "request", request.line("name", "")));
    }
    for (sections, what) in [(&step_sections, "step"), (&every_sections, "periodic message")] {
        sections.iter().try_for_each(|section| refuse_known(section, what, &mut known))?;
    }
    Ok(Some(WebSocket {
        url,
        headers,
        subprotocols,
        connect_timeout: section.delay("connect_timeout", DELAY_MAX)?.unwrap_or(CONNECT_TIMEOUT),
        close_timeout: section.delay("close_timeout", DELAY_MAX)?.unwrap_or(CLOSE_TIMEOUT),
        ticket_lifetime: section.delay("ticket_lifetime", DELAY_MAX)?,
        deflate: deflate(&section)?,
        message_bytes_max: message_bytes_max(&section)?,
        kinds,
        steps,
        every,
        quit: message(&section, "quit", vocabulary, Moment::Message { name: "quit" })?,
        quits: quits(&section)?,
        closes: section.codes("closes")?,
    }))
}

/// A name that something has: the name, what has it, and its line in the file.
type Known<'d> = (&'d str, &'static str, usize);

/// Refuses a name that something has already.
fn refuse_known<'d>(section: &Section<'d>, what: &'static str, names: &mut Vec<Known<'d>>) -> Result<()> {
    let name = section.required_text("name")?;
    let is_every = section.has("interval");
    if RESERVED.contains(&name.value) || is_every && RESERVED_OF_EVERY.contains(&name.value) {
        let message = format!("\"{}\" has a meaning of its own in results", name.value);
        return Err(section.error("name", name.span, message));
    }
    if let Some((known, other, line)) = names.iter().find(|(known, ..)| *known == name.value) {
        let message = format!(
            "there is another \"{known}\" (the {other} in line {line}): a name may be used once among requests, \
             steps, periodic messages and kinds"
        );
        return Err(section.error("name", name.span, message));
    }
    names.push((name.value, what, section.line("name", "")));
    Ok(())
}

fn deflate(section: &Section<'_>) -> Result<bool> {
    match section.text("compression")? {
        None => Ok(false),
        Some(text) if text.value == "deflate" => Ok(true),
        Some(text) => {
            let message = format!(
                "\"{}\" is not known: \"deflate\" is (permessage-deflate); without the key nothing is offered",
                text.value
            );
            Err(section.error("compression", text.span, message))
        }
    }
}

fn quits(section: &Section<'_>) -> Result<bool> {
    match section.text("end")? {
        None => Ok(false),
        Some(text) if text.value == "close" => Ok(false),
        Some(text) if text.value == "quit" && section.has("quit") => Ok(true),
        Some(text) if text.value == "quit" => {
            Err(section.error("end", text.span, "there is no \"quit\" to send"))
        }
        Some(text) => {
            let message = format!("\"{}\" is neither \"close\" nor \"quit\"", text.value);
            Err(section.error("end", text.span, message))
        }
    }
}

fn url(section: &Section<'_>, vocabulary: &Vocabulary, moment: Moment<'_>) -> Result<Template> {
    let text = section.required_text("url")?;
    let template = compiled(section, "url", &text, vocabulary, moment, Unknown::Refused)?;
    let start = template.literal_start();
    let fits =
        start.is_empty() || [&b"ws://"[..], b"wss://", b"/"].iter().any(|begin| start.starts_with(begin));
    if !fits {
        let message = "it must begin with ws://, wss://, \"/\" (on the target) or a taken value";
        return Err(section.error("url", text.span, message));
    }
    refuse_unusable_in_url(section, "url", &text, &template)?;
    Ok(template)
}

/// What is offered: a template, or a list of them.
fn subprotocols(section: &Section<'_>, vocabulary: &Vocabulary, moment: Moment<'_>) -> Result<Vec<Template>> {
    if !section.has("subprotocol") {
        return Ok(Vec::new());
    }
    let one = |text: Text<'_>| {
        let template = compiled(section, "subprotocol", &text, vocabulary, moment, Unknown::Refused)?;
        let is_part = |byte: &u8| byte.is_ascii_graphic() && *byte != b',';
        if !template.literals().flatten().all(is_part) {
            let message = "it is one name, without spaces or commas; several are a list";
            return Err(section.error("subprotocol", text.span, message));
        }
        Ok(template)
    };
    section.text_or_texts("subprotocol")?.into_iter().map(one).collect()
}

fn message_bytes_max(section: &Section<'_>) -> Result<u64> {
    let bytes = section.size("message_bytes_max")?.unwrap_or(MESSAGE_BYTES_MAX);
    if bytes == 0 {
        let place = section.place("message_bytes_max");
        return Err(section.error("message_bytes_max", place, "no message could be received"));
    }
    Ok(bytes)
}

fn message(
    section: &Section<'_>,
    key: &str,
    vocabulary: &Vocabulary,
    moment: Moment<'_>,
) -> Result<Option<Template>> {
    if !section.has(key) {
        return Ok(None);
    }
    let text = section.required_text(key)?;
    compiled(section, key, &text, vocabulary, moment, Unknown::Text).map(Some)
}
