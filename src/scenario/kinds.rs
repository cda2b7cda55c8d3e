//! Compiles the kinds of messages: `[websocket.messages]`, presence and error codes.
//!
//! Knows nothing of steps and periodic messages but that they name kinds. Invariant: what is
//! declared is used: a presence without announcements, an error code without an error message are
//! refused, not ignored.

use startline_protocol::scan::{CAPTURE_BYTES_MAX, Path};

use super::document::{Section, Text};
use super::names::{ErrorNames, NAMES_MAX, Vocabulary};
use super::request::{Result, error_name, too_many};
use super::{MessageError, MessageType, Role};
use crate::nearest;

pub(super) const KEYS: [&str; 4] = ["type_at", "messages", "presence", "errors"];
pub(super) const KIND_KEYS: [&str; 2] = ["role", "code"];
pub(super) const PRESENCE_KEYS: [&str; 2] = ["subject", "listed"];
pub(super) const LISTED_KEYS: [&str; 2] = ["kind", "at"];
pub(super) const ERROR_KEYS: [&str; 4] = ["code", "name", "blame", "ticket"];

/// Roles by the name that a scenario gives them.
pub(super) const ROLES: [(&str, Role); 5] = [
    ("error", Role::Error),
    ("entered", Role::Entered),
    ("left", Role::Left),
    ("updated", Role::Updated),
    ("information", Role::Information),
];

/// Index into [`Kinds::paths`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceIndex(pub u8);

/// A kind of messages.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its name.
    pub name: String,
    /// What it means to a session.
    pub role: Role,
}

/// The kinds of messages that a scenario knows.
#[derive(Clone, Debug)]
pub struct Kinds {
    /// What to find in messages. `paths[0]` is always the type; the others are used by the indices
    /// below.
    pub paths: Vec<Path>,
    /// The top-level field that says a message's type.
    pub type_member: String,
    /// A kind's index here is its [`MessageType`].
    pub kinds: Vec<Kind>,
    /// Index into `paths` of the member id in entered, left and updated messages.
    pub subject_path: Option<u8>,
    /// The name of that member, for the quick path.
    pub subject_member: String,
    /// The kind that lists members, and the index into `paths` of their ids.
    pub listed: Option<(MessageType, u8)>,
    /// Index into `paths` of the code in error messages.
    pub error_code_path: Option<u8>,
    /// Error codes.
    pub error_codes: Vec<MessageError>,
    /// From which index on `paths` are places that steps and periodic messages read.
    pub wanted_from: u8,
}

impl Kinds {
    /// The kind of this name.
    pub fn named(&self, name: &str) -> Option<MessageType> {
        self.kinds.iter().position(|kind| kind.name == name).map(|index| MessageType(index as u8))
    }

    /// The names of all kinds, in the file's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(|kind| kind.name.as_str())
    }

    /// What a kind means; `None` of [`MessageType::OTHER`].
    pub fn role(&self, kind: MessageType) -> Option<Role> {
        self.kinds.get(usize::from(kind.0)).map(|kind| kind.role)
    }

    /// Whether members are announced.
    pub fn announces(&self) -> bool {
        self.subject_path.is_some()
    }

    /// A place in records of these kinds whose value is wanted.
    ///
    /// # Errors
    /// Why there can be no such place.
    pub(super) fn place(&mut self, _kinds: &[MessageType], at: &str) -> std::result::Result<PlaceIndex, String> {
        let [name] = &segments(at).unwrap_or_default()[..] else {
            return Err(format!("\"{at}\" is not \"/name\", a member at the top of the message"));
        };
        self.paths.push(Path::Member(name.clone()));
        Ok(PlaceIndex((self.paths.len() - 1) as u8))
    }

    /// The beginning of records is wanted.
    pub(super) fn wants_start(&mut self) {}
}

/// Compiles what `[websocket]` says of messages.
pub(super) fn compile(section: &Section<'_>, _vocabulary: &Vocabulary, errors: &mut ErrorNames) -> Result<Kinds> {
    let type_member = match section.text("type_at")? {
        Some(at) => member_of(section, "type_at", &at)?,
        None => "type".to_owned(),
    };
    let mut kinds = Kinds {
        paths: vec![Path::Member(type_member.clone())],
        type_member,
        kinds: Vec::new(),
        subject_path: None,
        subject_member: String::new(),
        listed: None,
        error_code_path: None,
        error_codes: Vec::new(),
        wanted_from: 0,
    };
    messages(section, &mut kinds)?;
    presence(section, &mut kinds)?;
    kinds.error_codes = error_codes(section, &kinds, errors)?;
    kinds.wanted_from = kinds.paths.len() as u8;
    Ok(kinds)
}

fn messages(section: &Section<'_>, kinds: &mut Kinds) -> Result<()> {
    for (name, value) in section.named("messages", "[websocket.messages]", &KIND_KEYS)? {
        let key = format!("messages.{}", name.value);
        if kinds.kinds.len() == NAMES_MAX {
            return Err(section.error(&key, name.span, too_many("messages")));
        }
        can_match(section, &key, &name)?;
        let (role, table) = match value {
            Ok(table) => (table.text("role")?, Some(table)),
            Err(role) => (Some(role), None),
        };
        let role = match role {
            None => Role::Information,
            Some(text) => role_of(section, &key, &text)?,
        };
        if let Some(table) = table
            && let Some(code) = table.text("code")?
        {
            if role != Role::Error {
                return Err(table.error("code", code.span, "only a kind of the role \"error\" has a code"));
            }
            let path = Path::Member(member_of(&table, "code", &code)?);
            let known = kinds.paths.iter().position(|other| *other == path);
            kinds.error_code_path = Some(known.unwrap_or(kinds.paths.len()) as u8);
            if known.is_none() {
                kinds.paths.push(path);
            }
        }
        kinds.kinds.push(Kind { name: name.value.to_owned(), role });
    }
    Ok(())
}

fn role_of(section: &Section<'_>, key: &str, text: &Text<'_>) -> Result<Role> {
    if let Some((_, role)) = ROLES.iter().find(|(known, _)| *known == text.value) {
        return Ok(*role);
    }
    let message = match text.value {
        "open" => "there is no role \"open\": write [[websocket.steps]] with await = the kind's name".to_owned(),
        "reply" => "there is no role \"reply\": write reply = the kind's name in [[websocket.every]]".to_owned(),
        other => {
            let hint = nearest::hint(other, &ROLES.map(|(known, _)| known));
            format!("there is no role \"{other}\"{hint}")
        }
    };
    Err(section.error(key, text.span.clone(), message))
}

fn presence(section: &Section<'_>, kinds: &mut Kinds) -> Result<()> {
    let announcement =
        kinds.kinds.iter().find(|kind| matches!(kind.role, Role::Entered | Role::Left | Role::Updated));
    let Some(presence) = section.section("presence", "[websocket.presence]", &PRESENCE_KEYS)? else {
        return match announcement {
            Some(kind) => {
                let message = format!(
                    "\"{}\" announces a member, and there is no [websocket.presence] to say where its id is",
                    kind.name
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
    kinds.subject_member = member_of(&presence, "subject", &subject)?;
    kinds.paths.push(Path::Member(kinds.subject_member.clone()));
    kinds.subject_path = Some((kinds.paths.len() - 1) as u8);
    if let Some(listed) = presence.section("listed", "listed in [websocket.presence]", &LISTED_KEYS)? {
        let name = listed.required_text("kind")?;
        let Some(kind) = kinds.named(name.value) else {
            let names: Vec<&str> = kinds.names().collect();
            let message = format!("there is no kind \"{}\"{}", name.value, nearest::hint(name.value, &names));
            return Err(listed.error("kind", name.span, message));
        };
        let at = listed.required_text("at")?;
        let path = each_member_of(&listed, "at", &at)?;
        kinds.paths.push(path);
        kinds.listed = Some((kind, (kinds.paths.len() - 1) as u8));
    }
    Ok(())
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

fn error_codes(section: &Section<'_>, kinds: &Kinds, errors: &mut ErrorNames) -> Result<Vec<MessageError>> {
    let mut codes: Vec<MessageError> = Vec::new();
    let entries = section.sections("errors", "[[websocket.errors]]", &ERROR_KEYS)?;
    if let Some(first) = entries.first().filter(|_| kinds.error_code_path.is_none()) {
        return Err(first.own_error("no kind of the role \"error\" says with \"code\" where its code is"));
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
