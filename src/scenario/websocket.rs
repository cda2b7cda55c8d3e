//! Compiles `[websocket]` and the tables under it into a [`WebSocket`].
//!
//! Knows nothing of HTTP steps but the values that they take. Invariant: what is declared is used:
//! a heartbeat without a reply, a presence without announcements, an error code without an error
//! message are refused, not ignored.

use std::time::Duration;

use startline_protocol::scan::{CAPTURE_BYTES_MAX, Path};

use super::document::{Section, Text};
use super::names::{ErrorNames, Moment, NAMES_MAX, Vocabulary};
use super::request::{
    DELAY_MAX, Result, compiled, compiled_strictly, error_name, headers, refuse_unusable_in_url, too_many,
};
use super::template::Template;
use super::{MessageError, MessageRule, MessageType, Ping, Reply, Role, WebSocket};
use crate::nearest;

/// Where the file gives none: connecting and opening.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Where the file gives none: from our close frame to the connection's end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Where the file gives none.
const MESSAGE_BYTES_MAX: u64 = 16 << 20;

pub(super) const KEYS: [&str; 18] = [
    "url",
    "headers",
    "basic_auth",
    "subprotocol",
    "hello",
    "connect_timeout",
    "open_timeout",
    "close_timeout",
    "ticket_lifetime",
    "message_bytes_max",
    "type_member",
    "messages",
    "ping",
    "record",
    "quit",
    "presence",
    "error_code",
    "errors",
];
pub(super) const PING_KEYS: [&str; 6] =
    ["message", "interval", "timeout", "reply", "reply_at", "reply_equals"];
pub(super) const PRESENCE_KEYS: [&str; 2] = ["subject", "listed"];
pub(super) const ERROR_KEYS: [&str; 4] = ["code", "name", "blame", "ticket"];

/// Roles by the name that a scenario gives them.
pub(super) const ROLES: [(&str, Role); 7] = [
    ("open", Role::Open),
    ("reply", Role::Reply),
    ("error", Role::Error),
    ("entered", Role::Entered),
    ("left", Role::Left),
    ("updated", Role::Updated),
    ("information", Role::Information),
];

/// Compiles `[websocket]`, if there is one. `taken` are the values taken by then (all).
pub(super) fn compile(
    root: &Section<'_>,
    vocabulary: &Vocabulary,
    taken: &[bool],
    errors: &mut ErrorNames,
) -> Result<Option<WebSocket>> {
    let Some(section) = root.section("websocket", "[websocket]", &KEYS)? else { return Ok(None) };
    let moment = Moment::Request { step: "connect", taken };
    let messages = messages(&section)?;
    let mut fields = fields(&section, &messages)?;
    let ping = ping(&section, &messages, vocabulary, &mut fields)?;
    Ok(Some(WebSocket {
        url: url(&section, vocabulary, moment)?,
        headers: headers(&section, vocabulary, moment)?,
        subprotocols: subprotocols(&section, vocabulary, moment)?,
        hello: message(&section, "hello", vocabulary, moment)?,
        connect_timeout: section.delay("connect_timeout", DELAY_MAX)?.unwrap_or(OPEN_TIMEOUT),
        open_timeout: open_timeout(&section, &messages)?,
        close_timeout: section.delay("close_timeout", DELAY_MAX)?.unwrap_or(CLOSE_TIMEOUT),
        ticket_lifetime: section.delay("ticket_lifetime", DELAY_MAX)?,
        message_bytes_max: message_bytes_max(&section)?,
        paths: fields.paths,
        type_member: fields.type_member,
        open: position(&messages, Role::Open),
        ping,
        record: message(&section, "record", vocabulary, Moment::Message { name: "record" })?,
        quit: message(&section, "quit", vocabulary, Moment::Message { name: "quit" })?,
        subject_path: fields.subject,
        subject_member: fields.subject_member,
        listed_path: fields.listed,
        error_code_path: fields.error_code,
        error_codes: error_codes(&section, errors)?,
        messages,
    }))
}

fn url(section: &Section<'_>, vocabulary: &Vocabulary, moment: Moment<'_>) -> Result<Template> {
    let text = section.required_text("url")?;
    let template = compiled_strictly(section, "url", &text, vocabulary, moment)?;
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
        let template = compiled_strictly(section, "subprotocol", &text, vocabulary, moment)?;
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

fn open_timeout(section: &Section<'_>, messages: &[MessageRule]) -> Result<Duration> {
    let given = section.delay("open_timeout", DELAY_MAX)?;
    if given.is_some() && position(messages, Role::Open).is_none() {
        let message = "no message has the role \"open\", so the session is open at the upgrade";
        return Err(section.error("open_timeout", section.place("open_timeout"), message));
    }
    Ok(given.unwrap_or(OPEN_TIMEOUT))
}

/// The messages with their roles, in the file's order.
fn messages(section: &Section<'_>) -> Result<Vec<MessageRule>> {
    let mut rules: Vec<MessageRule> = Vec::new();
    for (name, role) in section.pairs("messages", false)? {
        let key = format!("messages.{}", name.value);
        let Some((_, known)) = ROLES.iter().find(|(known, _)| *known == role.value) else {
            let hint = nearest::hint(role.value, &ROLES.map(|(known, _)| known));
            return Err(section.error(&key, role.span, format!("there is no role \"{}\"{hint}", role.value)));
        };
        if rules.len() == NAMES_MAX {
            return Err(section.error(&key, name.span, too_many("messages")));
        }
        can_match(section, &key, &name)?;
        let single = matches!(known, Role::Open | Role::Reply);
        if let Some(other) = rules.iter().find(|rule| single && rule.role == *known) {
            let message = format!("\"{}\" has the role \"{}\" already", other.name, role.value);
            return Err(section.error(&key, role.span, message));
        }
        rules.push(MessageRule { name: name.value.to_owned(), role: *known });
    }
    Ok(rules)
}

fn position(messages: &[MessageRule], role: Role) -> Option<MessageType> {
    messages.iter().position(|rule| rule.role == role).map(|index| MessageType(index as u8))
}

fn ping(
    section: &Section<'_>,
    messages: &[MessageRule],
    vocabulary: &Vocabulary,
    fields: &mut MessageFields,
) -> Result<Option<Ping>> {
    let reply = messages.iter().find(|rule| rule.role == Role::Reply);
    let Some(ping) = section.section("ping", "[websocket.ping]", &PING_KEYS)? else {
        return match reply {
            Some(rule) => {
                let message =
                    format!("\"{}\" has the role \"reply\" and there is no [websocket.ping]", rule.name);
                Err(section.error("messages", section.place("messages"), message))
            }
            None => Ok(None),
        };
    };
    let text = ping.required_text("message")?;
    let answer = answer(&ping, reply, vocabulary, fields)?;
    let missing = |key| ping.own_error(format!("the key \"{key}\" is missing"));
    Ok(Some(Ping {
        message: compiled(&ping, "message", &text, vocabulary, Moment::Message { name: "ping" })?,
        interval: ping.delay("interval", DELAY_MAX)?.ok_or_else(|| missing("interval"))?,
        timeout: ping.delay("timeout", DELAY_MAX)?.ok_or_else(|| missing("timeout"))?,
        reply: answer,
    }))
}

/// How the heartbeat's answer is known: by its role, by its role and a value in it, or because it
/// is the same.
fn answer(
    ping: &Section<'_>,
    reply: Option<&MessageRule>,
    vocabulary: &Vocabulary,
    fields: &mut MessageFields,
) -> Result<Reply> {
    if let Some(text) = ping.text("reply")? {
        if text.value != "same" {
            let message =
                format!("\"{}\" is not \"same\", the only kind of reply without a role", text.value);
            return Err(ping.error("reply", text.span, message));
        }
        if let Some(rule) = reply {
            let message = format!("\"{}\" has the role \"reply\" already", rule.name);
            return Err(ping.error("reply", text.span, message));
        }
        if let Some(key) = ["reply_at", "reply_equals"].into_iter().find(|key| ping.has(key)) {
            return Err(ping.error(key, ping.place(key), "a reply that is the same is compared as a whole"));
        }
        return Ok(Reply::Same);
    }
    if reply.is_none() {
        return Err(ping.own_error(
            "no message in [websocket.messages] has the role \"reply\"; if the message itself comes back, write \
             reply = \"same\"",
        ));
    }
    match (ping.text("reply_at")?, ping.text("reply_equals")?) {
        (None, None) => Ok(Reply::Any),
        (Some(at), Some(_)) => {
            let path = fields.add(Path::Member(member_of(ping, "reply_at", &at)?));
            let equals = ping.required_text("reply_equals")?;
            Ok(Reply::Matching {
                path,
                equals: compiled(
                    ping,
                    "reply_equals",
                    &equals,
                    vocabulary,
                    Moment::Message { name: "ping" },
                )?,
            })
        }
        _ => Err(ping.own_error("\"reply_at\" and \"reply_equals\" go together")),
    }
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
    compiled(section, key, &text, vocabulary, moment).map(Some)
}

/// What is looked for in messages.
struct MessageFields {
    paths: Vec<Path>,
    type_member: String,
    subject: Option<u8>,
    subject_member: String,
    listed: Option<u8>,
    error_code: Option<u8>,
}

fn fields(section: &Section<'_>, messages: &[MessageRule]) -> Result<MessageFields> {
    let type_member = match section.has("type_member") {
        true => section.required_text("type_member")?.value.to_owned(),
        false => "type".to_owned(),
    };
    let mut fields = MessageFields {
        paths: vec![Path::Member(type_member.clone())],
        type_member,
        subject: None,
        subject_member: String::new(),
        listed: None,
        error_code: None,
    };
    if let Some(code) = section.text("error_code")? {
        if position(messages, Role::Error).is_none() {
            let message = "no message in [websocket.messages] has the role \"error\"";
            return Err(section.error("error_code", code.span, message));
        }
        fields.error_code = Some(fields.add(Path::Member(member_of(section, "error_code", &code)?)));
    }
    presence(section, messages, &mut fields)?;
    Ok(fields)
}

fn presence(section: &Section<'_>, messages: &[MessageRule], fields: &mut MessageFields) -> Result<()> {
    let announcement =
        messages.iter().find(|rule| matches!(rule.role, Role::Entered | Role::Left | Role::Updated));
    let Some(presence) = section.section("presence", "[websocket.presence]", &PRESENCE_KEYS)? else {
        return match announcement {
            Some(rule) => {
                let message = format!(
                    "\"{}\" announces a member, and there is no [websocket.presence] to say where its id is",
                    rule.name
                );
                Err(section.error("messages", section.place("messages"), message))
            }
            None => Ok(()),
        };
    };
    if announcement.is_none() {
        let message = "no message in [websocket.messages] has the role \"entered\", \"left\" or \"updated\"";
        return Err(presence.own_error(message));
    }
    let subject = presence.required_text("subject")?;
    fields.subject_member = member_of(&presence, "subject", &subject)?;
    fields.subject = Some(fields.add(Path::Member(fields.subject_member.clone())));
    if let Some(listed) = presence.text("listed")? {
        if position(messages, Role::Open).is_none() {
            let message = "no message in [websocket.messages] has the role \"open\"";
            return Err(presence.error("listed", listed.span, message));
        }
        let path = each_member_of(&presence, "listed", &listed)?;
        fields.listed = Some(fields.add(path));
    }
    Ok(())
}

impl MessageFields {
    /// The index of `path`, which is added.
    fn add(&mut self, path: Path) -> u8 {
        self.paths.push(path);
        (self.paths.len() - 1) as u8
    }
}

/// `/name`: a member at the top of a message.
fn member_of(section: &Section<'_>, key: &str, text: &Text<'_>) -> Result<String> {
    match segments(text.value).as_deref() {
        Some([name]) => Ok(name.clone()),
        _ => {
            let message = format!("\"{}\" is not \"/name\", a member at the top of the message", text.value);
            Err(section.error(key, text.span.clone(), message))
        }
    }
}

/// `/array/*/name`: a member of each element of an array at the top of a message.
fn each_member_of(section: &Section<'_>, key: &str, text: &Text<'_>) -> Result<Path> {
    match segments(text.value).as_deref() {
        Some([array, each, member]) if each == "*" => {
            Ok(Path::EachMember { array: array.clone(), member: member.clone() })
        }
        _ => {
            let message =
                format!("\"{}\" is not \"/array/*/name\", a member of each element of an array", text.value);
            Err(section.error(key, text.span.clone(), message))
        }
    }
}

/// The unescaped segments of a pointer; `None` if it is not one or has an empty segment.
fn segments(pointer: &str) -> Option<Vec<String>> {
    let segments = pointer.strip_prefix('/')?.split('/');
    let unescaped = segments.map(|segment| segment.replace("~1", "/").replace("~0", "~"));
    let segments: Vec<String> = unescaped.collect();
    segments.iter().all(|segment| !segment.is_empty()).then_some(segments)
}

/// Refuses a text that nothing in a message can be equal to: so much of a value is not kept.
fn can_match(section: &Section<'_>, key: &str, text: &Text<'_>) -> Result<()> {
    if text.value.len() < CAPTURE_BYTES_MAX {
        return Ok(());
    }
    let message =
        format!("it can never match: values of {CAPTURE_BYTES_MAX} bytes and more are not compared");
    Err(section.error(key, text.span.clone(), message))
}

fn error_codes(section: &Section<'_>, errors: &mut ErrorNames) -> Result<Vec<MessageError>> {
    let mut codes: Vec<MessageError> = Vec::new();
    let entries = section.sections("errors", "[[websocket.errors]]", &ERROR_KEYS)?;
    if let Some(first) = entries.first().filter(|_| !section.has("error_code")) {
        return Err(first.own_error("\"error_code\" in [websocket] must say where a message's code is"));
    }
    for entry in entries {
        let name_key = if entry.has("name") { "name" } else { "code" };
        let texts = entry.text_or_texts("code")?;
        let error = error_name(&entry, name_key, errors)?;
        for code in texts {
            can_match(&entry, "code", &code)?;
            if codes.iter().any(|other| other.code == code.value) {
                return Err(entry.error("code", code.span, format!("\"{}\" is there already", code.value)));
            }
            codes.push(MessageError { code: code.value.to_owned(), error, ticket: entry.flag("ticket")? });
        }
    }
    Ok(codes)
}
